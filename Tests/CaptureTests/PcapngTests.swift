// SPDX-License-Identifier: Apache-2.0
// Captures of blocks: interfaces, clocks, options, damage.

import Testing

@testable import Capture

@Suite("pcapng captures") struct PcapngTests {
    private let data: [[UInt8]] = [[1, 2, 3, 4, 5], [6, 7, 8, 9], [10]]

    @Test(arguments: [false, true])
    func `enhanced packets are read in both byte orders`(_ isBigEndian: Bool) throws {
        let folder = try CaptureFolder()
        var bytes = Pcapng.section(isBigEndian: isBigEndian) + Pcapng.interface(isBigEndian: isBigEndian)
        for (index, octets) in data.enumerated() {
            bytes += Pcapng.packet(octets, units: UInt64(index) + 1 << 40, wireLength: 99, isBigEndian: isBigEndian)
        }
        let (packets, source) = try readAll([try folder.write(bytes)])
        #expect(packets == data.enumerated().map {
            Seen(time: (Int64($0.offset) + 1 << 40) * 1000, data: $0.element, wireLength: 99)
        })
        #expect(source.warnings.isEmpty)
        #expect(source.files.first?.format == .pcapng)
    }

    @Test func `sections of different byte order follow each other and interfaces are counted on`() throws {
        let folder = try CaptureFolder()
        let bytes = Pcapng.section() + Pcapng.interface() + Pcapng.packet([1], units: 1)
            + Pcapng.section(isBigEndian: true) + Pcapng.interface(linkType: 101, isBigEndian: true)
            + Pcapng.packet([2], units: 2, isBigEndian: true)
        let packets = try readAll([try folder.write(bytes)]).packets
        #expect(packets.map(\.data) == [[1], [2]])
        #expect(packets.map(\.linkType) == [1, 101])
        #expect(packets.map(\.interface) == [0, 1])
    }

    @Test func `several interfaces keep their link type and clock`() throws {
        let folder = try CaptureFolder()
        let bytes = Pcapng.section() + Pcapng.interface() + Pcapng.interface(linkType: 113, resolution: 9)
            + Pcapng.interface(linkType: 101, resolution: 0, offset: -5) + Pcapng.packet([1], units: 7, interface: 1)
            + Pcapng.packet([2], units: 7, interface: 0) + Pcapng.packet([3], units: 7, interface: 2)
        let packets = try readAll([try folder.write(bytes)]).packets
        #expect(packets.map(\.linkType) == [113, 1, 101])
        #expect(packets.map(\.time) == [7, 7000, 2_000_000_000])
    }

    @Test func `times that no packet can have become the first or the last that one can`() throws {
        let folder = try CaptureFolder()
        let bytes = Pcapng.section() + Pcapng.interface(resolution: 0) + Pcapng.interface(resolution: 0, offset: -9)
            + Pcapng.packet([1], units: .max) + Pcapng.packet([2], units: 3, interface: 1)
        let packets = try readAll([try folder.write(bytes)]).packets
        #expect(packets.map(\.time) == [CaptureLimits.latestNanoseconds, 0])
    }

    @Test func `simple and obsolete packets are read and unknown blocks are skipped`() throws {
        let folder = try CaptureFolder()
        let bytes = Pcapng.section() + Pcapng.interface(snapLength: 6)
            + Pcapng.obsoletePacket([1, 2, 3], units: 5) + Pcapng.block(0x0000_0BAD, [UInt8](repeating: 1, count: 999))
            + Pcapng.simplePacket([4, 5, 6, 7, 8, 9], wireLength: 80) + Pcapng.simplePacket([1, 2, 3])
        let (packets, source) = try readAll([try folder.write(bytes)])
        #expect(packets == [
            Seen(time: 5000, data: [1, 2, 3], wireLength: 3),
            Seen(time: 5000, data: [4, 5, 6, 7, 8, 9], wireLength: 80),
            Seen(time: 5000, data: [1, 2, 3], wireLength: 3),
        ])
        #expect(source.warnings.isEmpty)
    }

    @Test(arguments: [false, true])
    func `an unknown block longer than any buffer is skipped`(_ isPacked: Bool) throws {
        let folder = try CaptureFolder()
        let bytes = Pcapng.section() + Pcapng.interface()
            + Pcapng.block(0x0BAD, [UInt8](repeating: 6, count: 9 << 20)) + Pcapng.packet([1], units: 1)
        let (packets, source) = try readAll([try folder.write(isPacked ? Gzip.member(bytes) : bytes)])
        #expect(packets.map(\.data) == [[1]])
        #expect(source.warnings.isEmpty)
    }

    @Test func `every truncation gives the whole packets before it and one warning with its offset`() throws {
        let folder = try CaptureFolder()
        let blocks = [Pcapng.section(), Pcapng.interface(), Pcapng.packet(data[0], units: 1)]
            + [Pcapng.block(5, [1, 2, 3, 4]), Pcapng.packet(data[1], units: 2), Pcapng.packet(data[2], units: 3)]
        let isPacket = [false, false, true, false, true, true]
        var ends = [0]
        for block in blocks { ends.append((ends.last ?? 0) + block.count) }
        let whole = blocks.flatMap { $0 }
        for length in 4...whole.count {
            let (packets, source) = try readAll([try folder.write(Array(whole.prefix(length)))])
            let count = ends.lastIndex { $0 <= length } ?? 0
            let expected = isPacket.prefix(count).filter { $0 }.count
            #expect(packets.map(\.data) == Array(data.prefix(expected)), "length \(length)")
            #expect(source.warnings.map(\.offset) == (ends.contains(length) ? [] : [ends[count]]), "length \(length)")
        }
    }

    @Test func `a block whose lengths differ is damage and the packets before it are given`() throws {
        let folder = try CaptureFolder()
        let start = Pcapng.section() + Pcapng.interface() + Pcapng.packet([1], units: 1)
        let packet = Pcapng.block(6, [UInt8](repeating: 0, count: 20), trailer: 36)
        for bad in [packet, Pcapng.block(99, [1], trailer: 12)] {
            let (packets, source) = try readAll([try folder.write(start + bad + Pcapng.packet([2], units: 2))])
            #expect(packets.map(\.data) == [[1]])
            #expect(source.warnings.map(\.offset) == [start.count])
        }
    }

    @Test func `lengths that lie and interfaces that are not there are damage`() throws {
        let folder = try CaptureFolder()
        let start = Pcapng.section() + Pcapng.interface() + Pcapng.packet([1], units: 1)
        var shortBlock = Octets()
        for value in [6, 8, 8] as [UInt32] { shortBlock.put(value) }
        var oddBlock = Octets()
        for value in [6, 33, 33] as [UInt32] { oddBlock.put(value) }
        let option: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 200, 0]
        let bad = [
            Pcapng.packet([2], units: 1, claiming: 4000), Pcapng.packet([2], units: 1, claiming: .max),
            Pcapng.packet([2], units: 1, interface: 1), shortBlock.bytes, oddBlock.bytes, Pcapng.block(1, option),
        ]
        for (index, block) in bad.enumerated() {
            let (packets, source) = try readAll([try folder.write(start + block + Pcapng.packet([3], units: 2))])
            #expect(packets.map(\.data) == [[1]], "case \(index)")
            #expect(source.warnings.map(\.offset) == [start.count], "case \(index)")
        }
    }

    @Test func `packets of an interface that nothing decodes are skipped when lenient and refused otherwise`() throws {
        let folder = try CaptureFolder()
        let bytes = Pcapng.section() + Pcapng.interface() + Pcapng.interface(linkType: 189)
            + Pcapng.packet([1], units: 1) + Pcapng.packet([2], units: 2, interface: 1)
            + Pcapng.packet([3], units: 3, interface: 1) + Pcapng.packet([4], units: 4)
        let path = try folder.write(bytes)
        let (packets, source) = try readAll([path], isLenient: true)
        #expect(packets.map(\.data) == [[1], [4]])
        #expect(source.skippedPackets == 2)
        #expect(source.warnings.count == 1)
        var strict = try CaptureSource(paths: [path])
        let block = PacketBlock()
        #expect(try strict.nextBlock(into: block))
        #expect(block.seen.map(\.data) == [[1]])
        #expect(throws: CaptureError(.unsupportedLinkType, "", "", advice: "")) { try strict.nextBlock(into: block) }
    }

    @Test func `an interface that nothing decodes and that has no packets does no harm`() throws {
        let folder = try CaptureFolder()
        let bytes = Pcapng.section() + Pcapng.interface(linkType: 189) + Pcapng.interface()
            + Pcapng.packet([1], units: 1, interface: 1)
        #expect(try readAll([try folder.write(bytes)]).packets.map(\.data) == [[1]])
    }
}

@Suite("pcapng clocks") struct PcapngClockTests {
    private static let cases: [(UInt8, UInt64, Int64)] = [
        (0, 3, 3_000_000_000), (3, 5, 5_000_000), (6, 7, 7000), (9, 11, 11), (12, 12_999, 12),
        (28, 17_000_000_000_000_000_000, 1), (29, .max, 0), (127, .max, 0),
        (0x80, 3, 3_000_000_000), (0x81, 3, 1_500_000_000), (0x94, 1_048_576, 1_000_000_000),
        (0xA0, 6_442_450_944, 1_500_000_000), (0xBF, 9_223_372_036_854_775_808, 1_000_000_000),
        (0xC0, 9_223_372_036_854_775_808, 500_000_000), (0xFF, .max, 0),
        (0, .max, .max), (0x80, .max, .max), (9, .max, .max),
    ]

    @Test(arguments: cases)
    func `every resolution becomes nanoseconds and saturates`(_ octet: UInt8, _ units: UInt64, _ expected: Int64) {
        var clock = PcapngClock()
        clock.setResolution(octet)
        #expect(clock.nanoseconds(units) == expected)
    }

    @Test func `offsets add up and saturate`() {
        var clock = PcapngClock()
        clock.setOffset(seconds: 2)
        #expect(clock.nanoseconds(1) == 2_000_001_000)
        clock.setOffset(seconds: .min)
        #expect(clock.nanoseconds(0) == .min)
        clock.setOffset(seconds: .max)
        #expect(clock.nanoseconds(.max) == .max)
    }
}
