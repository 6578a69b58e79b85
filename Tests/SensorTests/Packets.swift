// SPDX-License-Identifier: Apache-2.0
//
// Captures made by hand, and cut out of others.
//
// Reads   classic little-endian captures with microseconds.
// Writes  the same.
// Leaves  all other forms of captures to CaptureTests.

import Foundation
import Testing

/// A packet with its time, in a capture that a test makes or takes apart.
struct TestPacket {
    var seconds: UInt32 = 1_700_000_000
    var micros: UInt32 = 0
    var octets: [UInt8]
    /// Octets on the wire; nil for as many as there are.
    var wireLength: Int?

    init(_ octets: [UInt8], at time: Double = 0) {
        self.octets = octets
        seconds = 1_700_000_000 &+ UInt32(time)
        micros = UInt32((time - time.rounded(.down)) * 1e6)
    }
}

enum TestCapture {
    /// A capture of Ethernet frames (`linkType` 1) or another link type.
    static func make(_ packets: [TestPacket], linkType: UInt32 = 1) -> [UInt8] {
        var out: [UInt8] = []
        put32(0xA1B2_C3D4, &out)
        out += [2, 0, 4, 0] + [UInt8](repeating: 0, count: 8)
        put32(262_144, &out)
        put32(linkType, &out)
        for packet in packets {
            put32(packet.seconds, &out)
            put32(packet.micros, &out)
            put32(UInt32(packet.octets.count), &out)
            put32(UInt32(packet.wireLength ?? packet.octets.count), &out)
            out += packet.octets
        }
        return out
    }

    /// The packets of a capture as it stands in the repository.
    static func packets(_ path: String) throws -> [TestPacket] {
        let all = try octets(path)
        try #require(all.count >= 24 && get32(all, 0) == 0xA1B2_C3D4)
        var packets: [TestPacket] = []
        var at = 24
        while at + 16 <= all.count {
            let count = Int(get32(all, at + 8))
            try #require(at + 16 + count <= all.count)
            var packet = TestPacket(Array(all[(at + 16)..<(at + 16 + count)]))
            packet.seconds = get32(all, at)
            packet.micros = get32(all, at + 4)
            packet.wireLength = Int(get32(all, at + 12))
            packets.append(packet)
            at += 16 + count
        }
        return packets
    }

    static func get32(_ octets: [UInt8], _ at: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(octets[at + $1]) << (8 * UInt32($1)) }
    }

    private static func put32(_ value: UInt32, _ out: inout [UInt8]) {
        for shift in stride(from: 0, to: 32, by: 8) { out.append(UInt8(truncatingIfNeeded: value >> UInt32(shift))) }
    }
}

/// Headers around payloads, with right checksums.
enum Make {
    static let client: [UInt8] = [10, 0, 0, 1]
    static let server: [UInt8] = [10, 0, 0, 2]

    static func two(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }

    static func sum(_ octets: [UInt8]) -> [UInt8] {
        var sum = 0
        for index in stride(from: 0, to: octets.count, by: 2) {
            sum += Int(octets[index]) << 8 + (index + 1 < octets.count ? Int(octets[index + 1]) : 0)
        }
        while sum > 0xFFFF { sum = sum & 0xFFFF + sum >> 16 }
        return two(~sum & 0xFFFF)
    }

    static func ethernet(_ payload: [UInt8], type: Int = 0x0800) -> [UInt8] {
        [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1] + two(type) + payload
    }

    static func ipv4(
        _ number: UInt8, _ payload: [UInt8], from source: [UInt8] = client, to target: [UInt8] = server
    ) -> [UInt8] {
        var header: [UInt8] = [0x45, 0] + two(20 + payload.count) + [0, 1, 0, 0, 64, number, 0, 0] + source + target
        header.replaceSubrange(10..<12, with: sum(header))
        return header + payload
    }

    static func ipv6(_ next: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let prefix: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11)
        return [0x60, 0, 0, 0] + two(payload.count) + [next, 64] + prefix + [1] + prefix + [2] + payload
    }

    /// A UDP datagram over IPv4 without a checksum.
    static func udp(
        _ sourcePort: Int, _ targetPort: Int, _ payload: [UInt8], from source: [UInt8] = client,
        to target: [UInt8] = server
    ) -> [UInt8] {
        ipv4(
            17, two(sourcePort) + two(targetPort) + two(8 + payload.count) + [0, 0] + payload, from: source, to: target)
    }

    /// A UDP datagram over IPv6.
    static func udp6(_ sourcePort: Int, _ targetPort: Int, _ payload: [UInt8]) -> [UInt8] {
        var datagram = ipv6(17, two(sourcePort) + two(targetPort) + two(8 + payload.count) + [0, 0] + payload)
        let pseudo = Array(datagram[8..<40]) + [0, 0] + two(8 + payload.count) + [0, 17]
        datagram.replaceSubrange(46..<48, with: sum(pseudo + datagram[40...]))
        return datagram
    }

    static let syn: UInt8 = 2
    static let ack: UInt8 = 16
    static let push: UInt8 = 24
    static let fin: UInt8 = 17

    /// A TCP segment over IPv4, of the client on port 40000 or of the server on `port`.
    static func tcp(
        _ flags: UInt8, isClient: Bool, sequence: UInt32, acknowledges: UInt32, _ payload: [UInt8] = [], port: Int = 9
    ) -> [UInt8] {
        let four = { (value: UInt32) in two(Int(value >> 16)) + two(Int(value & 0xFFFF)) }
        let ports = isClient ? two(40_000) + two(port) : two(port) + two(40_000)
        let (source, target) = isClient ? (client, server) : (server, client)
        var segment = ports + four(sequence) + four(acknowledges) + [0x50, flags] + two(0xFFFF) + [0, 0, 0, 0] + payload
        segment.replaceSubrange(16..<18, with: sum(source + target + [0, 6] + two(segment.count) + segment))
        return ipv4(6, segment, from: source, to: target)
    }

    /// The three segments that begin a connection; both initial numbers are 1000.
    static func handshake(port: Int = 9) -> [[UInt8]] {
        [
            tcp(syn, isClient: true, sequence: 1000, acknowledges: 0, port: port),
            tcp(syn | ack, isClient: false, sequence: 1000, acknowledges: 1001, port: port),
            tcp(ack, isClient: true, sequence: 1001, acknowledges: 1001, port: port),
        ]
    }
}
