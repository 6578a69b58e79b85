// SPDX-License-Identifier: Apache-2.0
//
// Many literals looked for in a short stretch of octets.
//
// Reads   patterns once, octets then.
// Writes  numbers of the patterns found, and where each ended.
// Leaves  long stretches (PatternDatabase.swift): Vectorscan needs half a microsecond to begin, and then less for
//         each octet.

import Wire

/// Where patterns begin to be compared: four octets of each, the ones that the fewest others have, with letters of both
/// cases the same. A filter says of most places of a buffer that no such four octets stand there. Patterns of less than
/// four octets are looked up by their first two, or by the only one. Immutable, so that workers share it.
struct GramSearch: Sendable {
    private struct Entry: Sendable, BitwiseCopyable {
        /// The octets that are looked up, folded.
        var gram: UInt32
        var pattern: UInt32
        /// Where they stand in the pattern.
        var offset: UInt32
    }

    /// Entries by the hash of their octets.
    private struct Table: Sendable {
        /// A bit for each value of the longer hash.
        private(set) var filter: [UInt64]
        private var starts: [UInt32]
        private(set) var entries: [Entry]
        /// What remains of 32 bits behind these is the longer hash, and the shorter one.
        private(set) var filterShift: UInt32
        private var bucketShift: UInt32

        init(_ all: [Entry]) {
            let bucketBits = UInt32(max(4, min(16, Int.bitWidth - all.count.leadingZeroBitCount)))
            let filterBits = bucketBits + 3
            (bucketShift, filterShift) = (32 - bucketBits, 32 - filterBits)
            filter = [UInt64](repeating: 0, count: max(1, 1 << (Int(filterBits) - 6)))
            var counts = [UInt32](repeating: 0, count: (1 << Int(bucketBits)) + 1)
            for entry in all {
                let hash = GramSearch.hash(entry.gram)
                let place = hash >> filterShift
                filter[Int(place >> 6)] |= 1 << UInt64(place & 63)
                counts[Int(hash >> bucketShift) + 1] += 1
            }
            for place in 1..<counts.count { counts[place] += counts[place - 1] }
            starts = counts
            entries = all
            for entry in all {
                let bucket = Int(GramSearch.hash(entry.gram) >> bucketShift)
                entries[Int(counts[bucket])] = entry
                counts[bucket] += 1
            }
        }

        @inline(__always)
        func mayHold(_ hash: UInt32) -> Bool {
            let place = hash >> filterShift
            return filter[Int(place >> 6)] >> UInt64(place & 63) & 1 != 0
        }

        @inline(__always)
        func bucket(_ hash: UInt32) -> Range<Int> {
            let place = Int(hash >> bucketShift)
            return Int(starts[place]) ..< Int(starts[place &+ 1])
        }
    }

    /// Stretches up to this length are looked through here.
    static let bytesMax = 512

    /// Of each pattern its octets, in `octets`.
    private var places: [Range<UInt32>] = []
    private var areCaseless: [Bool]
    private var octets: [UInt8] = []
    private let fours: Table
    private let twos: Table?
    /// Patterns of one octet.
    private let ones: [Entry]

    init(_ patterns: [Pattern]) {
        areCaseless = patterns.map(\.isCaseless)
        var shared = [UInt16](repeating: 0, count: 1 << 16)
        for pattern in patterns {
            let start = UInt32(octets.count)
            octets.append(contentsOf: pattern.isCaseless ? pattern.octets.map(\.lowered) : pattern.octets)
            places.append(start..<UInt32(octets.count))
            GramSearch.forEachGram(pattern.octets) { _, gram in
                let place = Int(GramSearch.hash(gram) >> 16)
                if shared[place] < .max { shared[place] += 1 }
            }
        }
        var (fours, twos, ones): ([Entry], [Entry], [Entry]) = ([], [], [])
        for (number, pattern) in patterns.enumerated() {
            let folded = pattern.octets.prefix(2).map { UInt32($0 | 0x20) }
            switch pattern.octets.count {
            case 0: break
            case 1: ones.append(Entry(gram: folded[0], pattern: UInt32(number), offset: 0))
            case 2, 3:
                twos.append(Entry(gram: folded[0] << 8 | folded[1], pattern: UInt32(number), offset: 0))
            default:
                var best = Entry(gram: 0, pattern: UInt32(number), offset: 0)
                var fewest = Int.max
                GramSearch.forEachGram(pattern.octets) { offset, gram in
                    let count = Int(shared[Int(GramSearch.hash(gram) >> 16)])
                    guard count < fewest else { return }
                    fewest = count
                    (best.gram, best.offset) = (gram, UInt32(offset))
                }
                fours.append(best)
            }
        }
        self.fours = Table(fours)
        self.twos = twos.isEmpty ? nil : Table(twos)
        self.ones = ones
    }

    private static func forEachGram(_ octets: [UInt8], _ body: (Int, UInt32) -> Void) {
        var gram: UInt32 = 0
        for (place, octet) in octets.enumerated() {
            gram = gram << 8 | UInt32(octet | 0x20)
            if place >= 3 { body(place - 3, gram) }
        }
    }

    @inline(__always)
    private static func hash(_ gram: UInt32) -> UInt32 { gram &* 0x9E37_79B1 }

    /// Calls `found` with each pattern and the offset behind its last octet, for each place where it stands.
    @inline(__always)
    func forEach(in bytes: RawSpan, _ found: (_ pattern: UInt32, _ end: Int) -> Void) {
        let count = bytes.byteCount
        var gram: UInt32 = 0
        for place in 0..<count {
            gram = gram << 8 | UInt32(bytes.octet(place) | 0x20)
            let hash = GramSearch.hash(gram)
            if fours.mayHold(hash), place >= 3 { check(fours, hash, gram, place &- 3, bytes, found) }
        }
        if let twos {
            gram = 0
            for place in 0..<count {
                gram = (gram << 8 | UInt32(bytes.octet(place) | 0x20)) & 0xFFFF
                let hash = GramSearch.hash(gram)
                if twos.mayHold(hash), place >= 1 { check(twos, hash, gram, place &- 1, bytes, found) }
            }
        }
        for entry in ones {
            for place in 0..<count where UInt32(bytes.octet(place) | 0x20) == entry.gram {
                if stands(entry.pattern, at: place, bytes) { found(entry.pattern, place &+ 1) }
            }
        }
    }

    private func check(
        _ table: Table, _ hash: UInt32, _ gram: UInt32, _ place: Int, _ bytes: RawSpan,
        _ found: (_ pattern: UInt32, _ end: Int) -> Void
    ) {
        for index in table.bucket(hash) where table.entries[index].gram == gram {
            let entry = table.entries[index]
            let start = place &- Int(entry.offset)
            if stands(entry.pattern, at: start, bytes) {
                found(entry.pattern, start &+ places[Int(entry.pattern)].count)
            }
        }
    }

    private func stands(_ pattern: UInt32, at start: Int, _ bytes: RawSpan) -> Bool {
        let place = places[Int(pattern)]
        guard start >= 0, start &+ place.count <= bytes.byteCount else { return false }
        let isCaseless = areCaseless[Int(pattern)]
        var at = start
        for index in Int(place.lowerBound) ..< Int(place.upperBound) {
            let octet = bytes.octet(at)
            guard (isCaseless ? octet.lowered : octet) == octets[index] else { return false }
            at &+= 1
        }
        return true
    }
}
