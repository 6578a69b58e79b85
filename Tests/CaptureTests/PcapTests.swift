// SPDX-License-Identifier: Apache-2.0
// Classic captures: both byte orders, both clocks, damage.

import Capture
import Testing

@Suite("classic captures") struct PcapTests {
    private let samples = (0..<3).map(Sample.numbered)

    @Test(arguments: [false, true], [(UInt32(0xA1B2_C3D4), Int64(1000)), (0xA1B2_3C4D, 1), (0xA1B2_CD34, 1000)])
    func `every magic number is read in both byte orders`(_ isBigEndian: Bool, _ form: (UInt32, Int64)) throws {
        let folder = try CaptureFolder()
        let records = samples.flatMap {
            Pcap.record($0, isBigEndian: isBigEndian, hasLongHeader: form.0 == 0xA1B2_CD34)
        }
        let path = try folder.write(Pcap.header(magic: form.0, isBigEndian: isBigEndian) + records)
        let (packets, source) = try readAll([path])
        #expect(packets == samples.map { Seen($0, unit: form.1) })
        #expect(source.warnings.isEmpty)
        #expect(source.files.first?.format == .pcap)
        #expect(source.bytesConsumed == source.bytesTotal)
    }

    @Test func `every truncation gives the whole packets before it and one warning with its offset`() throws {
        let folder = try CaptureFolder()
        let whole = Pcap.file(samples)
        var starts = [24]
        for sample in samples { starts.append((starts.last ?? 0) + 16 + sample.data.count) }
        for length in 4...whole.count {
            let path = try folder.write(Array(whole.prefix(length)))
            let (packets, source) = try readAll([path])
            let count = max(0, starts.lastIndex { $0 <= length } ?? 0)
            #expect(packets == samples.prefix(count).map { Seen($0) }, "length \(length)")
            let isBetween = starts.contains(length)
            let offset = length < 24 ? 0 : starts[count]
            #expect(source.warnings.map(\.offset) == (isBetween ? [] : [offset]), "length \(length)")
        }
    }

    @Test(arguments: [UInt32(262_145), 0x7FFF_FFFF, 0xFFFF_FFFF])
    func `a record whose length lies is damage at its offset`(_ claim: UInt32) throws {
        let folder = try CaptureFolder()
        let bytes = Pcap.file([samples[0]]) + Pcap.record(samples[1], claiming: claim) + Pcap.record(samples[2])
        let (packets, source) = try readAll([try folder.write(bytes)])
        #expect(packets == [Seen(samples[0])])
        #expect(source.warnings.map(\.offset) == [24 + 16 + samples[0].data.count])
    }

    @Test func `the longest packet is read and the snapshot length of the header is not believed`() throws {
        let folder = try CaptureFolder()
        let sample = Sample(data: [UInt8](repeating: 7, count: 262_144), wireLength: 300_000)
        #expect(try readAll([try folder.write(Pcap.file([sample]))]).packets == [Seen(sample)])
    }

    @Test func `a length on the wire below the captured one is raised to it`() throws {
        let folder = try CaptureFolder()
        let sample = Sample(data: [1, 2, 3, 4], wireLength: 2)
        #expect(try readAll([try folder.write(Pcap.file([sample]))]).packets.map(\.wireLength) == [4])
    }

    @Test func `the last moment of the 32 bit clock and a fraction above a second do not trap`() throws {
        let folder = try CaptureFolder()
        let sample = Sample(seconds: .max, fraction: .max, data: [1])
        #expect(try readAll([try folder.write(Pcap.file([sample]))]).packets == [Seen(sample)])
    }

    @Test func `frame check bits beside the link type are not part of it`() throws {
        let folder = try CaptureFolder()
        let path = try folder.write(Pcap.file(samples, linkType: 0x4400_0001))
        #expect(try readAll([path]).packets.map(\.linkType) == [1, 1, 1])
    }

    @Test func `a link type that nothing decodes is refused by name and skipped when lenient`() throws {
        let folder = try CaptureFolder()
        let path = try folder.write(Pcap.file(samples, linkType: 189))
        #expect {
            try CaptureSource(paths: [path])
        } throws: { error in
            guard let error = error as? CaptureError else { return false }
            return error.code == .unsupportedLinkType && error.description.contains("USB_LINUX (189)")
        }
        let (packets, source) = try readAll([path], isLenient: true)
        #expect(packets.isEmpty)
        #expect(source.warnings.count == 1)
    }

    @Test func `a file of many blocks gives every packet once and in order`() throws {
        let folder = try CaptureFolder()
        let count = 20_000
        var bytes = Pcap.header()
        for number in 0..<count {
            let data = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 700)
            bytes += Pcap.record(Sample(seconds: UInt32(number), data: data))
        }
        let path = try folder.write(bytes)
        let packed = try folder.write(Gzip.member(bytes), "y")
        for file in [path, packed] {
            let (packets, source) = try readAll([file])
            #expect(packets.map(\.time) == (0..<count).map { Int64($0) * 1_000_000_000 })
            let isRight = packets.map { packet in
                let octet = UInt8(truncatingIfNeeded: packet.time / 1_000_000_000)
                return packet.data.count == 700 && packet.data.first == octet && packet.data.last == octet
            }
            #expect(isRight.allSatisfy { $0 })
            #expect(source.warnings.isEmpty)
        }
    }
}
