// SPDX-License-Identifier: Apache-2.0
//
// Parquet's split-block bloom filter (BloomFilter.md): 32 octets a block, eight
// bits a value.
//
// Leaves  the hash of the value: XXH64, seed 0, over its PLAIN form without length.

/// A filter under construction.
struct BloomFilter {
    /// Eight words of 32 bits a block, two to a word of 64.
    private(set) var words: [UInt64]

    static let bytesMax = 1 << 20

    /// For about `count` different values: at least eight bits for each, which lets 3 % of strangers pass at most.
    /// A power of two, because some readers take no other.
    init(count: Int) {
        var byteCount = 32
        while byteCount < count && byteCount < BloomFilter.bytesMax { byteCount &*= 2 }
        words = [UInt64](repeating: 0, count: byteCount / 8)
    }

    var byteCount: Int { words.count &* 8 }

    mutating func insert(hash: UInt64) {
        let block = BloomFilter.block(of: hash, blocks: words.count / 4)
        for lane in 0..<8 {
            let bit = BloomFilter.bit(of: hash, lane: lane)
            words[block &* 4 &+ lane / 2] |= UInt64(1) << UInt64(bit &+ (lane & 1) &* 32)
        }
    }

    /// The header in front of the filter, and the filter.
    func write(to bytes: inout [UInt8]) {
        var writer = ThriftWriter()
        writer.field(1, i32: byteCount)
        for field in 2...4 as ClosedRange<Int16> {
            // The algorithm (blocks), the hash (XXH64), the compression (none): each the first case of its union.
            writer.begin(field)
            writer.empty(1)
            writer.end()
        }
        writer.finish()
        bytes.append(contentsOf: writer.bytes)
        bytes.append(words: words, byteCount: byteCount)
    }

    /// Which block a value belongs to.
    static func block(of hash: UInt64, blocks: Int) -> Int {
        Int(((hash >> 32) &* UInt64(blocks)) >> 32)
    }

    /// Which bit of a block's word `lane` stands for the value.
    static func bit(of hash: UInt64, lane: Int) -> Int {
        Int((UInt32(truncatingIfNeeded: hash) &* salt(lane)) >> 27)
    }

    private static func salt(_ lane: Int) -> UInt32 {
        switch lane {
        case 0: 0x47B6_137B
        case 1: 0x4497_4D91
        case 2: 0x8824_AD5B
        case 3: 0xA2B7_289D
        case 4: 0x7054_95C7
        case 5: 0x2DF1_424B
        case 6: 0x9EFC_4947
        default: 0x5C6B_FB31
        }
    }
}
