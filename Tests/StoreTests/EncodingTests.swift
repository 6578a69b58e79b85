// SPDX-License-Identifier: Apache-2.0
//
// Encodings by themselves: known answers, edges, lies.

import Records
import Testing

@testable import Store

@Suite struct `Encodings` {
    @Test(arguments: [
        ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
        ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
    ] as [(String, UInt64)])
    func `xxHash gives the published values`(_ text: String, _ hash: UInt64) {
        let bytes = Array(text.utf8)
        #expect(XXHash.hash(bytes, 0..<bytes.count) == hash)
        #expect(XXHash.hash(bytes[...]) == hash)
    }

    /// Runs, groups, and what lies between.
    private static let shapes: [[UInt32]] = [
        [], [0], [1], Array(repeating: 1, count: 8), Array(repeating: 0, count: 1000), [1, 0, 1, 0, 1, 0, 1],
        [0, 1, 2, 3, 4, 5, 6, 7], [3] + Array(repeating: 2, count: 15), Array(repeating: 2, count: 15) + [3],
        (0..<100).map { $0 % 7 } + Array(repeating: 5, count: 9) + [1, 2] + Array(repeating: 0, count: 64),
    ]

    @Test(arguments: shapes, [3, 7, 8, 9, 17, 31, 32])
    func `the hybrid gives back what it was given`(_ values: [UInt32], _ width: Int) {
        var bytes: [UInt8] = []
        var encoder = HybridEncoder()
        encoder.encode(values, 0..<values.count, width: width, to: &bytes)
        var source = ByteSource(bytes)
        var found: [UInt64] = []
        #expect(HybridDecoder.decode(&source, count: values.count, width: width, into: &found))
        #expect(found == values.map(UInt64.init))
        #expect(source.left == 0)
        guard !values.isEmpty else { return }
        var tooFew = ByteSource(Array(bytes.dropLast()))
        found = []
        #expect(!HybridDecoder.decode(&tooFew, count: values.count, width: width, into: &found))
    }

    @Test(arguments: [1, 7, 64, 65, 1000, 4099])
    func `bits come out of the hybrid as they went in`(_ count: Int) {
        var values: [UInt32] = []
        for index in 0..<count { values.append(index % 97 < 40 || index % 3 == 0 ? 1 : 0) }
        var bytes: [UInt8] = []
        var encoder = HybridEncoder()
        encoder.encode(values, 0..<count, width: 1, to: &bytes)
        var source = ByteSource(bytes)
        var bits: [UInt64] = []
        #expect(HybridDecoder.decodeBits(&source, count: count, into: &bits))
        #expect(source.left == 0)
        for index in 0..<count { #expect(bits[index >> 6] >> UInt64(index & 63) & 1 == UInt64(values[index])) }
        var tooFew = ByteSource(Array(bytes.dropLast()))
        #expect(!HybridDecoder.decodeBits(&tooFew, count: count, into: &bits))
    }

    @Test func `a short text is two words that no other has`() {
        let texts = [
            "", "a", "ab", "a\0", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghijklmn", "abcdefghijklmno", "10.0.0.1",
        ]
        var seen: Set<[UInt64]> = []
        for text in texts {
            let octets = Array(text.utf8)
            let alone = shortText(octets, 0..<octets.count)
            let amid: [UInt8] = [1, 2, 3] + octets + [UInt8](repeating: 0x7A, count: 20)
            let other = shortText(amid, 3 ..< 3 + octets.count)
            #expect(alone != nil && alone?.first == other?.first && alone?.second == other?.second, "\(text)")
            let isNew = seen.insert([alone?.first ?? 0, alone?.second ?? 0]).inserted
            #expect(isNew, "\(text)")
        }
        #expect(shortText([UInt8](repeating: 0x61, count: 16), 0..<16) == nil)
    }

    @Test func `a run longer than its page is refused before memory is taken`() {
        var bytes: [UInt8] = []
        HybridEncoder().run(1, count: 1 << 40, width: 1, to: &bytes)
        var source = ByteSource(bytes)
        var found: [UInt64] = []
        #expect(!HybridDecoder.decode(&source, count: 100, width: 1, into: &found))
        #expect(found.isEmpty)
    }

    @Test func `a run of a value above its width is refused`() {
        var bytes: [UInt8] = []
        HybridEncoder().run(2, count: 8, width: 1, to: &bytes)
        var source = ByteSource(bytes)
        var found: [UInt64] = []
        #expect(!HybridDecoder.decode(&source, count: 8, width: 1, into: &found))
    }

    private static let numbers: [[UInt64]] = [
        [], [0], [.max], [0, .max, 0, .max], [UInt64(bitPattern: .min), UInt64(bitPattern: .max)],
        Array(repeating: 9, count: 129), Array(0..<128), Array(0..<129),
        Array(0..<500).map { $0 &* $0 &* 0x9E37_79B9 },
        (0..<300).map { UInt64(1) << ($0 % 64) },
    ]

    @Test(arguments: numbers)
    func `differences give back what they were given`(_ values: [UInt64]) {
        var bytes: [UInt8] = []
        var encoder = DeltaEncoder()
        encoder.encode(values, 0..<values.count, to: &bytes)
        var source = ByteSource(bytes)
        var found: [UInt64] = []
        #expect(DeltaDecoder.decode(&source, count: values.count, into: &found))
        #expect(found == values)
        #expect(source.left == 0)
        for length in 0..<bytes.count {
            var cut = ByteSource(Array(bytes[..<length]))
            found = []
            #expect(!DeltaDecoder.decode(&cut, count: values.count, into: &found))
        }
    }

    @Test(arguments: 1...64)
    func `bits of every width are packed and unpacked`(_ width: Int) {
        var random = Seeded(UInt64(width))
        let values = (0..<77).map { _ in random.next() >> UInt64(64 - width) }
        var packer = BitPacker()
        var bytes: [UInt8] = []
        for value in values { packer.append(value, width: width) }
        packer.finish(to: &bytes)
        var source = ByteSource(bytes)
        var found: [UInt64] = []
        #expect(source.unpack(values.count, width: width, into: &found))
        #expect(found == values)
        #expect(source.left == 0)
    }

    @Test func `LZ4 gives back what it was given, and a lie gives nothing`() throws {
        let plain = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 / 64) }
        var packed: [UInt8] = [1, 2, 3]
        #expect(LZ4.compress(plain, to: &packed))
        let folder = TemporaryFolder()
        let file = try OutputFile(path: folder.path + "/block")
        try file.write(packed)
        let mapped = try MappedSegment(path: file.path)
        #expect(mapped.decompress(3, packed.count - 3, plainCount: plain.count, .lz4Raw) == plain)
        #expect(mapped.decompress(3, packed.count - 3, plainCount: plain.count - 1, .lz4Raw) == nil)
        #expect(mapped.decompress(3, packed.count - 4, plainCount: plain.count, .lz4Raw) == nil)
        #expect(mapped.decompress(3, 4, plainCount: 1 << 40, .lz4Raw) == nil)
        #expect(mapped.bytes(packed.count - 1, 2) == nil)
        #expect(mapped.bytes(-1, 1) == nil)
    }

    @Test func `a structure inside a structure without end is refused`() {
        // Field 9 (unknown) is a structure, whose field 1 is a structure, and so on.
        var reader = ThriftReader([0x9C] + [UInt8](repeating: 0x1C, count: 10_000))
        #expect(throws: ThriftError.self) { _ = try FileMetadata(&reader) }
    }

    @Test func `a list longer than its octets is refused`() {
        var reader = ThriftReader([0x49, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x07])
        #expect(throws: ThriftError.self) { _ = try FileMetadata(&reader) }
    }
}
