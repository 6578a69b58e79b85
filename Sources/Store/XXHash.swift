// SPDX-License-Identifier: Apache-2.0
//
// xxHash, 64 bits (XXH64): the hash of Parquet's bloom filters (seed 0), and,
// with a random seed, of the writer's dictionaries and of the texts that rows are grouped and joined by.
//
// Source: the xxHash specification, "xxhash_spec.md" version 0.2.0.

/// XXH64. Words are loaded eight octets at a time: a load by octets costs six times as much.
package enum XXHash {
    private static var prime1: UInt64 { 0x9E37_79B1_85EB_CA87 }
    private static var prime2: UInt64 { 0xC2B2_AE3D_27D4_EB4F }
    private static var prime3: UInt64 { 0x1656_67B1_9E37_79F9 }
    private static var prime4: UInt64 { 0x85EB_CA77_C2B2_AE63 }
    private static var prime5: UInt64 { 0x27D4_EB2F_1656_67C5 }

    package static func hash(_ bytes: [UInt8], _ range: Range<Int>, seed: UInt64 = 0) -> UInt64 {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "a read beyond the end")
        // Safe: the range was checked against the array, and every load below stays inside it.
        return unsafe bytes.withUnsafeBytes { octets in
            unsafe hash(UnsafeRawBufferPointer(rebasing: octets[range]), seed)
        }
    }

    static func hash(_ slice: ArraySlice<UInt8>, seed: UInt64 = 0) -> UInt64 {
        // Safe: as above; the slice knows its bounds.
        unsafe slice.withUnsafeBytes { unsafe hash($0, seed) }
    }

    private static func hash(_ octets: UnsafeRawBufferPointer, _ seed: UInt64) -> UInt64 {
        let count = octets.count
        var place = 0
        var result = seed &+ prime5
        if count >= 32 {
            var a = seed &+ prime1 &+ prime2
            var b = seed &+ prime2
            var c = seed
            var d = seed &- prime1
            while place &+ 32 <= count {
                // Safe: 32 octets from `place` on lie inside (loop condition).
                unsafe a = round(a, octets.loadUnaligned(fromByteOffset: place, as: UInt64.self))
                // Safe: as above.
                unsafe b = round(b, octets.loadUnaligned(fromByteOffset: place &+ 8, as: UInt64.self))
                // Safe: as above.
                unsafe c = round(c, octets.loadUnaligned(fromByteOffset: place &+ 16, as: UInt64.self))
                // Safe: as above.
                unsafe d = round(d, octets.loadUnaligned(fromByteOffset: place &+ 24, as: UInt64.self))
                place &+= 32
            }
            result = rotate(a, 1) &+ rotate(b, 7) &+ rotate(c, 12) &+ rotate(d, 18)
            result = merge(merge(merge(merge(result, a), b), c), d)
        }
        result = result &+ UInt64(count)
        while place &+ 8 <= count {
            // Safe: eight octets from `place` on lie inside (loop condition).
            let word = unsafe octets.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            result = rotate(result ^ round(0, word), 27) &* prime1 &+ prime4
            place &+= 8
        }
        if place &+ 4 <= count {
            // Safe: four octets from `place` on lie inside.
            let word = unsafe UInt64(octets.loadUnaligned(fromByteOffset: place, as: UInt32.self))
            result = rotate(result ^ word &* prime1, 23) &* prime2 &+ prime3
            place &+= 4
        }
        while place < count {
            // Safe: `place` is below the count.
            result = unsafe rotate(result ^ UInt64(octets[place]) &* prime5, 11) &* prime1
            place &+= 1
        }
        result = (result ^ result >> 33) &* prime2
        result = (result ^ result >> 29) &* prime3
        return result ^ result >> 32
    }

    @inline(__always) private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
        value &<< count | value &>> (64 &- count)
    }

    @inline(__always) private static func round(_ sum: UInt64, _ word: UInt64) -> UInt64 {
        rotate(sum &+ word &* prime2, 31) &* prime1
    }

    @inline(__always) private static func merge(_ hash: UInt64, _ sum: UInt64) -> UInt64 {
        (hash ^ round(0, sum)) &* prime1 &+ prime4
    }
}
