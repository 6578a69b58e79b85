// SPDX-License-Identifier: Apache-2.0
//
// Many literals looked for in a short stretch of octets.
//
// Reads   patterns once, octets then.
// Writes  numbers of the patterns found, and where each ended.
// Leaves  long stretches (PatternDatabase.swift): Vectorscan needs half a microsecond to begin, and then less for
//         each octet.

import Wire

/// Of each pattern four neighbouring octets are looked up, those that the fewest others have, both cases of a letter as
/// one; and the four that begin one octet behind them, so that every second place of a stretch is enough. A filter
/// says of most places that nothing begins there. Patterns of two to four octets are looked up by two of them, at each
/// place. Immutable, so that workers share it.
struct GramSearch: Sendable {
    private struct Entry: Sendable, BitwiseCopyable {
        /// The octets that are looked up; four are folded.
        var gram: UInt32
        var pattern: UInt32
        /// Where they stand in the pattern.
        var offset: UInt32
    }

    /// Entries by a hash of their octets.
    private struct Table: Sendable {
        private var starts: [UInt32]
        private(set) var entries: [Entry]
        private var shift: UInt32

        init(_ all: [Entry]) {
            let bits = UInt32(max(4, min(16, Int.bitWidth - all.count.leadingZeroBitCount)))
            shift = 32 - bits
            var counts = [UInt32](repeating: 0, count: (1 << Int(bits)) + 1)
            for entry in all { counts[Int(GramSearch.hash(entry.gram) >> shift) + 1] += 1 }
            for place in 1..<counts.count { counts[place] += counts[place - 1] }
            starts = counts
            entries = all
            for entry in all {
                let bucket = Int(GramSearch.hash(entry.gram) >> shift)
                entries[Int(counts[bucket])] = entry
                counts[bucket] += 1
            }
        }

        @inline(__always)
        func bucket(_ gram: UInt32) -> Range<Int> {
            let place = Int(GramSearch.hash(gram) &>> shift)
            return Int(starts[place]) ..< Int(starts[place &+ 1])
        }
    }

    /// Stretches up to this length are looked through here.
    static let bytesMax = 256

    /// Of each pattern its octets, in `octets`.
    private var places: [Range<UInt32>] = []
    private var areCaseless: [Bool]
    private var octets: [UInt8] = []
    /// Four octets: a bit for each value of so many bits of a hash.
    private let fours: Table
    private let foursFilter: [UInt64]
    private let foursShift: UInt32
    /// Two octets: a bit for each pair.
    private let twos: Table
    private let twosFilter: [UInt64]
    /// Patterns of one octet.
    private let ones: [Entry]
    /// Octets of the shortest pattern.
    private let lengthMin: Int

    init(_ patterns: [Pattern]) {
        areCaseless = patterns.map(\.isCaseless)
        var shared = [UInt16](repeating: 0, count: 1 << 16)
        for pattern in patterns {
            let start = UInt32(octets.count)
            octets.append(contentsOf: pattern.isCaseless ? pattern.octets.map(\.lowered) : pattern.octets)
            places.append(start..<UInt32(octets.count))
            for gram in GramSearch.grams(pattern.octets) {
                let place = Int(GramSearch.hash(gram) >> 16)
                if shared[place] < .max { shared[place] += 1 }
            }
        }
        var (fours, twos, ones): ([Entry], [Entry], [Entry]) = ([], [], [])
        for (number, pattern) in patterns.enumerated() {
            let number = UInt32(number)
            switch pattern.octets.count {
            case 0: break
            case 1: ones.append(Entry(gram: GramSearch.fold(UInt32(pattern.octets[0])), pattern: number, offset: 0))
            case 2...4: twos += GramSearch.pairs(pattern, number)
            default:
                let grams = GramSearch.grams(pattern.octets)
                let counts = grams.map { Int(shared[Int(GramSearch.hash($0) >> 16)]) + GramSearch.commonness($0) }
                var best = 0
                for place in 1 ..< grams.count - 1
                where counts[place] + counts[place + 1] < counts[best] + counts[best + 1] { best = place }
                for place in best...best + 1 {
                    fours.append(Entry(gram: grams[place], pattern: number, offset: UInt32(place)))
                }
            }
        }
        let bits = fours.isEmpty ? 6 : max(9, min(18, Int.bitWidth - fours.count.leadingZeroBitCount + 4))
        foursShift = UInt32(32 - bits)
        var filter = [UInt64](repeating: 0, count: 1 << (bits - 6))
        for entry in fours {
            let place = GramSearch.hash(entry.gram) >> foursShift
            filter[Int(place >> 6)] |= 1 << UInt64(place & 63)
        }
        foursFilter = filter
        filter = [UInt64](repeating: 0, count: twos.isEmpty ? 0 : 1 << 10)
        for entry in twos { filter[Int(entry.gram >> 6)] |= 1 << UInt64(entry.gram & 63) }
        twosFilter = filter
        (self.fours, self.twos, self.ones) = (Table(fours), Table(twos), ones)
        lengthMin = patterns.map(\.octets.count).min() ?? .max
    }

    /// All stretches of four octets, folded, the first octet lowest.
    private static func grams(_ octets: [UInt8]) -> [UInt32] {
        var gram: UInt32 = 0
        var all: [UInt32] = []
        for (place, octet) in octets.enumerated() {
            gram = gram >> 8 | UInt32(octet) << 24
            if place >= 3 { all.append(fold(gram)) }
        }
        return all
    }

    /// The two neighbours of a short pattern that tell most, in every spelling.
    private static func pairs(_ pattern: Pattern, _ number: UInt32) -> [Entry] {
        var best = (place: 0, strength: 0)
        for place in 0 ..< pattern.octets.count - 1 {
            let strength = FastPatternRank.strength([pattern.octets[place], pattern.octets[place + 1]])
            if strength > best.strength { best = (place, strength) }
        }
        var all: [Entry] = []
        for first in spellings(pattern.octets[best.place], pattern.isCaseless) {
            for second in spellings(pattern.octets[best.place + 1], pattern.isCaseless) {
                let gram = UInt32(first) | UInt32(second) << 8
                all.append(Entry(gram: gram, pattern: number, offset: UInt32(best.place)))
            }
        }
        return all
    }

    private static func spellings(_ octet: UInt8, _ isCaseless: Bool) -> [UInt8] {
        isCaseless && octet.isLetter ? [octet | 0x20, octet & 0xDF] : [octet]
    }

    /// Stretches with zeros stand in most binary messages, however few patterns have them.
    private static func commonness(_ gram: UInt32) -> Int {
        var zeros = 0
        for shift in stride(from: UInt32(0), to: 32, by: 8) where (gram >> shift) & 0xFF == 0 { zeros += 1 }
        return zeros < 2 ? 0 : zeros << 8
    }

    /// Upper and lower case made one; of what is no letter little more.
    @inline(__always)
    private static func fold(_ gram: UInt32) -> UInt32 { gram | (gram & 0x4040_4040) >> 1 }

    @inline(__always)
    private static func hash(_ gram: UInt32) -> UInt32 { gram &* 0x9E37_79B1 }

    /// Calls `found` with each pattern and the offset behind its last octet, for each place where it stands; of a
    /// pattern of one octet for the last place.
    func forEach(in bytes: RawSpan, _ found: (_ pattern: UInt32, _ end: Int) -> Void) {
        guard bytes.byteCount >= lengthMin else { return }
        if !fours.entries.isEmpty { lookUpFours(in: bytes, found) }
        if !twos.entries.isEmpty { lookUpTwos(in: bytes, found) }
        for entry in ones {
            let octet = octets[Int(places[Int(entry.pattern)].lowerBound)]
            let place = PatternSearch.last(octet, in: bytes, isCaseless: areCaseless[Int(entry.pattern)])
            if let place { found(entry.pattern, place &+ 1) }
        }
    }

    /// Every second place, four of them at a time.
    @inline(__always)
    private func lookUpFours(in bytes: RawSpan, _ found: (_ pattern: UInt32, _ end: Int) -> Void) {
        let filter = foursFilter.span
        let shift = foursShift
        let last = bytes.byteCount &- 4
        var place = 0
        while place &+ 6 <= last {
            let (a, b) = (four(bytes, place, last), four(bytes, place &+ 2, last))
            let (c, d) = (four(bytes, place &+ 4, last), four(bytes, place &+ 6, last))
            let (inA, inB) = (GramSearch.bit(a, shift, filter), GramSearch.bit(b, shift, filter))
            let (inC, inD) = (GramSearch.bit(c, shift, filter), GramSearch.bit(d, shift, filter))
            if (inA | inB | inC | inD) & 1 != 0 {
                if inA & 1 != 0 { check(fours, a, place, bytes, found) }
                if inB & 1 != 0 { check(fours, b, place &+ 2, bytes, found) }
                if inC & 1 != 0 { check(fours, c, place &+ 4, bytes, found) }
                if inD & 1 != 0 { check(fours, d, place &+ 6, bytes, found) }
            }
            place &+= 8
        }
        while place <= last {
            let gram = four(bytes, place, last)
            if GramSearch.bit(gram, shift, filter) & 1 != 0 { check(fours, gram, place, bytes, found) }
            place &+= 2
        }
    }

    /// Every place, seven of them at a time.
    @inline(__always)
    private func lookUpTwos(in bytes: RawSpan, _ found: (_ pattern: UInt32, _ end: Int) -> Void) {
        let filter = twosFilter.span
        let last = bytes.byteCount &- 2
        var place = 0
        while place &+ 6 <= last {
            // Safe: `place + 6 <= last`, and `last` is two octets before the end of the span.
            let loaded = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: place, as: UInt64.self)
            let word = UInt64(littleEndian: loaded)
            var isThere: UInt64 = 0
            for step in 0..<7 { isThere |= GramSearch.bit(pair: word &>> UInt64(8 &* step), filter) }
            if isThere & 1 != 0 {
                for step in 0..<7 where GramSearch.bit(pair: word &>> UInt64(8 &* step), filter) & 1 != 0 {
                    let gram = UInt32(truncatingIfNeeded: word &>> UInt64(8 &* step)) & 0xFFFF
                    check(twos, gram, place &+ step, bytes, found)
                }
            }
            place &+= 7
        }
        while place <= last {
            let gram = UInt32(bytes.octet(place)) | UInt32(bytes.octet(place &+ 1)) << 8
            if GramSearch.bit(pair: UInt64(gram), filter) & 1 != 0 { check(twos, gram, place, bytes, found) }
            place &+= 1
        }
    }

    /// The folded octets at `place`, which is at most `last`.
    @inline(__always)
    private func four(_ bytes: RawSpan, _ place: Int, _ last: Int) -> UInt32 {
        assert(place <= last)
        // Safe: the caller's loop ends four octets before the end of the span.
        let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: place, as: UInt32.self)
        return GramSearch.fold(UInt32(littleEndian: word))
    }

    /// In the lowest bit, whether such octets may be an entry's.
    @inline(__always)
    private static func bit(_ gram: UInt32, _ shift: UInt32, _ filter: Span<UInt64>) -> UInt64 {
        let place = hash(gram) &>> shift
        // Safe: the filter has a bit for each value of the bits of a hash that the shift leaves.
        return unsafe filter[unchecked: Int(truncatingIfNeeded: place &>> 6)] &>> UInt64(place & 63)
    }

    /// The same of the lowest two octets.
    @inline(__always)
    private static func bit(pair: UInt64, _ filter: Span<UInt64>) -> UInt64 {
        // Safe: the filter has 1024 words where there are pairs, and the place is below that.
        unsafe filter[unchecked: Int(truncatingIfNeeded: (pair & 0xFFFF) &>> 6)] &>> (pair & 63)
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
