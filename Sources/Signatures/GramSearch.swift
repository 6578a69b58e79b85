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
        private var filterShift: UInt32
        private var bucketShift: UInt32

        init(_ all: [Entry]) {
            let bucketBits = UInt32(max(4, min(16, Int.bitWidth - all.count.leadingZeroBitCount)))
            let filterBits = bucketBits + 5
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

        /// In the lowest bit, whether such octets may be an entry's. `filter` is this table's.
        @inline(__always)
        func bit(_ gram: UInt32, _ filter: Span<UInt64>) -> UInt64 {
            let place = GramSearch.hash(gram) &>> filterShift
            // Safe: the filter has a bit for each value of so many bits of a hash.
            return unsafe filter[unchecked: Int(truncatingIfNeeded: place &>> 6)] &>> UInt64(place & 63)
        }

        @inline(__always)
        func bucket(_ gram: UInt32) -> Range<Int> {
            let place = Int(GramSearch.hash(gram) &>> bucketShift)
            return Int(starts[place]) ..< Int(starts[place &+ 1])
        }
    }

    /// Stretches up to this length are looked through here.
    static let bytesMax = 512

    /// Of each pattern its octets, in `octets`.
    private var places: [Range<UInt32>] = []
    private var areCaseless: [Bool]
    private var octets: [UInt8] = []
    private let fours: Table?
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
            let first = Entry(gram: GramSearch.gram(pattern.octets.prefix(2)), pattern: UInt32(number), offset: 0)
            switch pattern.octets.count {
            case 0: break
            case 1: ones.append(first)
            case 2, 3: twos.append(first)
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
        self.fours = fours.isEmpty ? nil : Table(fours)
        self.twos = twos.isEmpty ? nil : Table(twos)
        self.ones = ones
    }

    private static func forEachGram(_ octets: [UInt8], _ body: (Int, UInt32) -> Void) {
        var gram: UInt32 = 0
        for (place, octet) in octets.enumerated() {
            gram = gram >> 8 | UInt32(octet) << 24
            if place >= 3 { body(place - 3, fold(gram)) }
        }
    }

    /// A few octets, the first lowest, folded.
    private static func gram(_ octets: ArraySlice<UInt8>) -> UInt32 {
        fold(octets.reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// Upper and lower case made one; of what is no letter little more.
    @inline(__always)
    private static func fold(_ gram: UInt32) -> UInt32 { gram | (gram & 0x4040_4040) >> 1 }

    @inline(__always)
    private static func hash(_ gram: UInt32) -> UInt32 { gram &* 0x9E37_79B1 }

    /// Calls `found` with each pattern and the offset behind its last octet, for each place where it stands.
    func forEach(in bytes: RawSpan, _ found: (_ pattern: UInt32, _ end: Int) -> Void) {
        if let fours { look(fours, width: 4, in: bytes, found) }
        if let twos { look(twos, width: 2, in: bytes, found) }
        for entry in ones {
            for place in 0..<bytes.byteCount where GramSearch.fold(UInt32(bytes.octet(place))) == entry.gram {
                if stands(entry.pattern, at: place, bytes) { found(entry.pattern, place &+ 1) }
            }
        }
    }

    /// Four places at a time.
    @inline(__always)
    private func look(
        _ table: Table, width: Int, in bytes: RawSpan, _ found: (_ pattern: UInt32, _ end: Int) -> Void
    ) {
        let filter = table.filter.span
        let last = bytes.byteCount &- width
        var place = 0
        while place &+ 3 <= last {
            let grams = (
                gram(bytes, place, width, last), gram(bytes, place &+ 1, width, last),
                gram(bytes, place &+ 2, width, last), gram(bytes, place &+ 3, width, last)
            )
            let isThere =
                table.bit(grams.0, filter) | table.bit(grams.1, filter) | table.bit(grams.2, filter)
                | table.bit(grams.3, filter)
            if isThere & 1 != 0 {
                if table.bit(grams.0, filter) & 1 != 0 { check(table, grams.0, place, bytes, found) }
                if table.bit(grams.1, filter) & 1 != 0 { check(table, grams.1, place &+ 1, bytes, found) }
                if table.bit(grams.2, filter) & 1 != 0 { check(table, grams.2, place &+ 2, bytes, found) }
                if table.bit(grams.3, filter) & 1 != 0 { check(table, grams.3, place &+ 3, bytes, found) }
            }
            place &+= 4
        }
        while place <= last {
            let gram = gram(bytes, place, width, last)
            if table.bit(gram, filter) & 1 != 0 { check(table, gram, place, bytes, found) }
            place &+= 1
        }
    }

    /// The folded octets at `place`, which is at most `last`.
    @inline(__always)
    private func gram(_ bytes: RawSpan, _ place: Int, _ width: Int, _ last: Int) -> UInt32 {
        assert(place <= last)
        if width == 4 {
            // Safe: the caller's loop ends four octets before the end of the span.
            let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: place, as: UInt32.self)
            return GramSearch.fold(UInt32(littleEndian: word))
        }
        // Safe: the caller's loop ends two octets before the end of the span.
        let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: place, as: UInt16.self)
        return GramSearch.fold(UInt32(UInt16(littleEndian: word)))
    }

    private func check(
        _ table: Table, _ gram: UInt32, _ place: Int, _ bytes: RawSpan,
        _ found: (_ pattern: UInt32, _ end: Int) -> Void
    ) {
        for index in table.bucket(gram) where table.entries[index].gram == gram {
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
