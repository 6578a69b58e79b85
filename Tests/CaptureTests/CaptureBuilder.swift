// SPDX-License-Identifier: Apache-2.0
// Captures made octet by octet, and what a source delivers, as values that tests can compare.

import Capture
import Foundation

/// Octets in one byte order.
struct Octets {
    var isBigEndian: Bool
    var bytes: [UInt8] = []

    init(isBigEndian: Bool = false) { self.isBigEndian = isBigEndian }

    mutating func put<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
        let count = T.bitWidth / 8
        for index in 0..<count {
            let shift = 8 * (isBigEndian ? count - 1 - index : index)
            bytes.append(UInt8(truncatingIfNeeded: value >> T(shift)))
        }
    }

    mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }
}

/// One packet to be written.
struct Sample {
    var seconds: UInt32 = 1_700_000_000
    var fraction: UInt32 = 0
    var data: [UInt8]
    var wireLength: UInt32?

    static func numbered(_ number: Int) -> Sample {
        Sample(
            seconds: 1_700_000_000 + UInt32(number), fraction: UInt32(number),
            data: (0..<(20 + number * 3)).map { UInt8(truncatingIfNeeded: $0 + number) })
    }
}

enum Pcap {
    static func header(magic: UInt32 = 0xA1B2_C3D4, linkType: UInt32 = 1, isBigEndian: Bool = false) -> [UInt8] {
        var out = Octets(isBigEndian: isBigEndian)
        out.put(magic)
        out.put(UInt16(2))
        out.put(UInt16(4))
        out.put(UInt64(0))
        out.put(UInt32(96))  // a snapshot length that lies; nobody may rely on it
        out.put(linkType)
        return out.bytes
    }

    static func record(
        _ sample: Sample, isBigEndian: Bool = false, claiming: UInt32? = nil, hasLongHeader: Bool = false
    ) -> [UInt8] {
        var out = Octets(isBigEndian: isBigEndian)
        out.put(sample.seconds)
        out.put(sample.fraction)
        out.put(claiming ?? UInt32(sample.data.count))
        out.put(sample.wireLength ?? UInt32(sample.data.count))
        if hasLongHeader { out.put(UInt64(0)) }
        return out.bytes + sample.data
    }

    static func file(_ samples: [Sample], linkType: UInt32 = 1) -> [UInt8] {
        header(linkType: linkType) + samples.flatMap { record($0) }
    }
}

enum Pcapng {
    static func block(_ type: UInt32, _ body: [UInt8], isBigEndian: Bool = false, trailer: UInt32? = nil) -> [UInt8] {
        var padded = Octets(isBigEndian: isBigEndian)
        padded.bytes = body
        padded.pad()
        var out = Octets(isBigEndian: isBigEndian)
        let length = UInt32(padded.bytes.count + 12)
        out.put(type)
        out.put(length)
        out.bytes += padded.bytes
        out.put(trailer ?? length)
        return out.bytes
    }

    static func section(isBigEndian: Bool = false) -> [UInt8] {
        var body = Octets(isBigEndian: isBigEndian)
        body.put(UInt32(0x1A2B_3C4D))
        body.put(UInt16(1))
        body.put(UInt16(0))
        body.put(UInt64.max)
        return block(0x0A0D_0D0A, body.bytes, isBigEndian: isBigEndian)
    }

    static func interface(
        linkType: UInt16 = 1, snapLength: UInt32 = 0, resolution: UInt8? = nil, offset: Int64? = nil,
        isBigEndian: Bool = false
    ) -> [UInt8] {
        var body = Octets(isBigEndian: isBigEndian)
        body.put(linkType)
        body.put(UInt16(0))
        body.put(snapLength)
        body.put(UInt16(2))  // if_name, five octets and their padding
        body.put(UInt16(5))
        body.bytes += Array("eth10".utf8) + [0, 0, 0]
        if let resolution {
            body.put(UInt16(9))
            body.put(UInt16(1))
            body.bytes += [resolution, 0, 0, 0]
        }
        if let offset {
            body.put(UInt16(14))
            body.put(UInt16(8))
            body.put(UInt64(bitPattern: offset))
        }
        body.put(UInt32(0))
        return block(1, body.bytes, isBigEndian: isBigEndian)
    }

    static func packet(
        _ data: [UInt8], units: UInt64, interface: UInt32 = 0, wireLength: UInt32? = nil, claiming: UInt32? = nil,
        isBigEndian: Bool = false
    ) -> [UInt8] {
        var body = Octets(isBigEndian: isBigEndian)
        body.put(interface)
        body.put(UInt32(units >> 32))
        body.put(UInt32(truncatingIfNeeded: units))
        body.put(claiming ?? UInt32(data.count))
        body.put(wireLength ?? UInt32(data.count))
        body.bytes += data
        body.pad()
        body.put(UInt16(1))  // a comment after the data
        body.put(UInt16(3))
        body.bytes += Array("abc".utf8) + [0]
        body.put(UInt32(0))
        return block(6, body.bytes, isBigEndian: isBigEndian)
    }

    static func simplePacket(_ data: [UInt8], wireLength: UInt32? = nil) -> [UInt8] {
        var body = Octets()
        body.put(wireLength ?? UInt32(data.count))
        return block(3, body.bytes + data)
    }

    static func obsoletePacket(_ data: [UInt8], units: UInt64, interface: UInt16 = 0) -> [UInt8] {
        var body = Octets()
        body.put(interface)
        body.put(UInt16(7))  // drops
        body.put(UInt32(units >> 32))
        body.put(UInt32(truncatingIfNeeded: units))
        body.put(UInt32(data.count))
        body.put(UInt32(data.count))
        return block(2, body.bytes + data)
    }
}

enum Gzip {
    /// A member of stored blocks: valid gzip, made without any library.
    static func member(_ data: [UInt8]) -> [UInt8] {
        var out = Octets()
        out.bytes = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
        var at = 0
        repeat {
            let count = min(65_535, data.count - at)
            out.bytes.append(at + count == data.count ? 1 : 0)
            out.put(UInt16(count))
            out.put(~UInt16(count))
            out.bytes += data[at..<at + count]
            at += count
        } while at < data.count
        out.put(crc(data))
        out.put(UInt32(truncatingIfNeeded: data.count))
        return out.bytes
    }

    private static func crc(_ data: [UInt8]) -> UInt32 {
        var crc: UInt32 = .max
        for octet in data {
            crc ^= UInt32(octet)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}

/// One packet as it was delivered.
struct Seen: Equatable {
    var time: Int64
    var data: [UInt8]
    var wireLength: UInt32
    var linkType: UInt16 = 1
    var interface: UInt16 = 0
}

extension Seen {
    /// What a classic file with microseconds must give for `sample`.
    init(_ sample: Sample, unit: Int64 = 1000) {
        self.init(
            time: Int64(sample.seconds) * 1_000_000_000 + Int64(sample.fraction) * unit, data: sample.data,
            wireLength: sample.wireLength ?? UInt32(sample.data.count))
    }
}

/// A folder of captures that goes away with the test.
final class CaptureFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "capture-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ bytes: [UInt8], _ name: String = "x.pcap") throws -> String {
        let file = path + "/" + name
        let folder = (file as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }
}

extension PacketBlock {
    /// Copies of all packets.
    var seen: [Seen] {
        packets.map { packet in
            // Safe: the bytes are copied before the call ends.
            let data = withBytes(of: packet) { span in unsafe span.withUnsafeBytes { unsafe [UInt8]($0) } }
            return Seen(
                time: packet.timestampNanoseconds, data: data, wireLength: packet.wireLength,
                linkType: packet.linkType, interface: packet.interface)
        }
    }
}

/// Everything that a source delivers.
func readAll(
    _ paths: [String], isLenient: Bool = false, filter: String? = nil
) throws -> (packets: [Seen], source: CaptureSource) {
    var source = try CaptureSource(paths: paths, options: CaptureOptions(isLenient: isLenient, filter: filter))
    let block = PacketBlock()
    var packets: [Seen] = []
    while try source.nextBlock(into: block) { packets += block.seen }
    return (packets, source)
}
