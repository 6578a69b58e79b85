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
/// one; and the four that begin one octet behind them, so that every second place of a stretch is enough. Of patterns
/// of three and four octets three are looked up, where two of them stand at a second place; those of two octets at each
/// place. A filter says of most places that nothing begins there. Immutable, so that workers share it.
struct GramSearch: ~Copyable, Sendable {
    /// Octets that are looked up, of one pattern. Four in a line of the cache: most places that pass the filter are
    /// turned away with one look.
    private struct Entry: PatternEntry {
        /// The octets that are looked up, folded.
        var gram: UInt32 = 0
        /// Four other octets of the pattern, folded, and where they stand, from those above; none where `.min`.
        var others: UInt32 = 0
        var othersOffset: Int16 = .min
        /// Where the octets that are looked up stand in the pattern.
        var offset: UInt16 = 0
        var pattern = UInt32.max

        static var none: Entry { Entry() }
        var isNone: Bool { pattern == .max }
        var hash: UInt64 { GramSearch.hash(gram) }
    }

    /// Stretches up to this length are looked through here.
    static let bytesMax = 256

    private let literals: PatternLiterals
    private let fours: PatternTable<Entry>
    private let threes: PatternTable<Entry>
    private let twos: PatternTable<Entry>
    /// A bit for each pair of octets: those in the three that are looked up, and whole patterns.
    private let pairsOfThrees: FixedTable<UInt64>
    private let pairsOfTwos: FixedTable<UInt64>
    /// Patterns of one octet.
    private let ones: FixedTable<Entry>
    /// Octets of the shortest pattern.
    private let lengthMin: Int

    init(_ patterns: [Pattern]) {
        var shared = [UInt16](repeating: 0, count: 1 << 16)
        for pattern in patterns {
            for gram in GramSearch.grams(pattern.octets) {
                let place = Int(GramSearch.hash(gram) >> 48)
                if shared[place] < .max { shared[place] += 1 }
            }
        }
        literals = PatternLiterals(patterns)
        var (fours, threes, twos, ones): ([Entry], [Entry], [Entry], [Entry]) = ([], [], [], [])
        var pairs: [UInt32] = []
        for (number, pattern) in patterns.enumerated() {
            let number = UInt32(number)
            switch pattern.octets.count {
            case 0: break
            case 1: ones.append(Entry(gram: UInt32(pattern.octets[0]), pattern: number))
            case 2:
                for pair in GramSearch.pairs(pattern, 0) { twos.append(Entry(gram: pair, pattern: number)) }
            case 3, 4:
                // Those of the three octets that tell most.
                let isSecond = pattern.octets.count == 4
                    && FastPatternRank.strength(Array(pattern.octets[1...]))
                        > FastPatternRank.strength(Array(pattern.octets[..<3]))
                let first = isSecond ? 1 : 0
                let gram = pattern.octets[first ..< first + 3].reversed().reduce(0) { $0 << 8 | UInt32($1) }
                var entry = Entry(gram: GramSearch.fold(gram), offset: UInt16(first), pattern: number)
                if pattern.octets.count == 4 {
                    entry.others = GramSearch.grams(pattern.octets)[0]
                    entry.othersOffset = Int16(-first)
                }
                threes.append(entry)
                for place in first...first + 1 { pairs += GramSearch.pairs(pattern, place) }
            default:
                let grams = GramSearch.grams(pattern.octets)
                let counts = grams.map { Int(shared[Int(GramSearch.hash($0) >> 48)]) + GramSearch.commonness($0) }
                var best = 0
                for place in 1 ..< grams.count - 1
                where counts[place] + counts[place + 1] < counts[best] + counts[best + 1] { best = place }
                for place in best...best + 1 {
                    // The four behind or before, or those at an end that overlap as little as can be.
                    let other = place + 4 < grams.count ? place + 4 : place >= 4 ? place - 4
                        : place * 2 < grams.count - 1 ? grams.count - 1 : 0
                    fours.append(
                        Entry(
                            gram: grams[place], others: grams[other], othersOffset: Int16(other - place),
                            offset: UInt16(place), pattern: number))
                }
            }
        }
        pairsOfThrees = FixedTable(GramSearch.bits(pairs))
        pairsOfTwos = FixedTable(GramSearch.bits(twos.map(\.gram)))
        self.fours = PatternTable(fours)
        self.threes = PatternTable(threes)
        self.twos = PatternTable(twos)
        self.ones = FixedTable(ones)
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

    /// Two octets of a short pattern, in every spelling.
    private static func pairs(_ pattern: Pattern, _ place: Int) -> [UInt32] {
        spellings(pattern.octets[place], pattern.isCaseless).flatMap { first in
            spellings(pattern.octets[place + 1], pattern.isCaseless).map { UInt32(first) | UInt32($0) << 8 }
        }
    }

    private static func bits(_ pairs: [UInt32]) -> [UInt64] {
        var bits = [UInt64](repeating: 0, count: pairs.isEmpty ? 0 : 1 << 10)
        for pair in pairs { bits[Int(pair >> 6)] |= 1 << UInt64(pair & 63) }
        return bits
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

    /// The lowest four octets.
    @inline(__always)
    private static func fold(_ word: UInt64) -> UInt32 { fold(UInt32(truncatingIfNeeded: word)) }

    /// The highest bits depend on all of the gram.
    @inline(__always)
    private static func hash(_ gram: UInt32) -> UInt64 { UInt64(gram) &* 0x9E37_79B9_7F4A_7C15 }

    /// Calls `found` with each pattern and the offset behind its last octet, for each place where it stands; of a
    /// pattern of one octet for the last place.
    func forEach(in bytes: RawSpan, _ found: (_ pattern: UInt32, _ end: Int) -> Void) {
        guard bytes.byteCount >= lengthMin else { return }
        if !fours.isEmpty { lookUpFours(in: bytes, found) }
        if !threes.isEmpty { lookUpThrees(in: bytes, found) }
        if !twos.isEmpty { lookUpTwos(in: bytes, found) }
        for place in ones.indices {
            let literal = literals.octet(of: ones[place].pattern)
            let last = PatternSearch.last(literal.octet, in: bytes, isCaseless: literal.isCaseless)
            if let last { found(ones[place].pattern, last &+ 1) }
        }
    }

    /// Every second place, four of them at a time.
    @inline(__always)
    private func lookUpFours(in bytes: RawSpan, _ found: (_ pattern: UInt32, _ end: Int) -> Void) {
        let last = bytes.byteCount &- 4
        var place = 0
        while place &+ 8 <= last {
            let (first, second) = (GramSearch.eight(bytes, place), GramSearch.eight(bytes, place &+ 4))
            let (a, b) = (GramSearch.fold(first), GramSearch.fold(first &>> 16))
            let (c, d) = (GramSearch.fold(second), GramSearch.fold(second &>> 16))
            let (inA, inB) = (fours.mayHold(GramSearch.hash(a)), fours.mayHold(GramSearch.hash(b)))
            let (inC, inD) = (fours.mayHold(GramSearch.hash(c)), fours.mayHold(GramSearch.hash(d)))
            if (inA | inB | inC | inD) & 1 != 0 {
                if inA & 1 != 0 { check(fours, a, place, bytes, found) }
                if inB & 1 != 0 { check(fours, b, place &+ 2, bytes, found) }
                if inC & 1 != 0 { check(fours, c, place &+ 4, bytes, found) }
                if inD & 1 != 0 { check(fours, d, place &+ 6, bytes, found) }
            }
            place &+= 8
        }
        while place <= last {
            let gram = GramSearch.four(bytes, place)
            if fours.mayHold(GramSearch.hash(gram)) & 1 != 0 { check(fours, gram, place, bytes, found) }
            place &+= 2
        }
    }

    /// Every second place, four of them at a time.
    @inline(__always)
    private func lookUpThrees(in bytes: RawSpan, _ found: (_ pattern: UInt32, _ end: Int) -> Void) {
        let last = bytes.byteCount &- 2
        var place = 0
        while place &+ 6 <= last {
            let word = GramSearch.eight(bytes, place)
            var isThere: UInt64 = 0
            for step in 0..<4 { isThere |= GramSearch.bit(word &>> UInt64(16 &* step), pairsOfThrees) }
            if isThere & 1 != 0 {
                for step in 0..<4 where GramSearch.bit(word &>> UInt64(16 &* step), pairsOfThrees) & 1 != 0 {
                    checkThrees(around: place &+ 2 &* step, bytes, found)
                }
            }
            place &+= 8
        }
        while place <= last {
            let pair = UInt64(bytes.octet(place)) | UInt64(bytes.octet(place &+ 1)) << 8
            if GramSearch.bit(pair, pairsOfThrees) & 1 != 0 { checkThrees(around: place, bytes, found) }
            place &+= 2
        }
    }

    /// The three octets that begin with the two at a place, and those that end with them.
    private func checkThrees(around place: Int, _ bytes: RawSpan, _ found: (_ pattern: UInt32, _ end: Int) -> Void) {
        for start in max(0, place &- 1)...place where start &+ 3 <= bytes.byteCount {
            let low = UInt32(bytes.octet(start)) | UInt32(bytes.octet(start &+ 1)) << 8
            let gram = GramSearch.fold(low | UInt32(bytes.octet(start &+ 2)) << 16)
            if threes.mayHold(GramSearch.hash(gram)) & 1 != 0 { check(threes, gram, start, bytes, found) }
        }
    }

    /// Every place, seven of them at a time.
    @inline(__always)
    private func lookUpTwos(in bytes: RawSpan, _ found: (_ pattern: UInt32, _ end: Int) -> Void) {
        let last = bytes.byteCount &- 2
        var place = 0
        while place &+ 6 <= last {
            let word = GramSearch.eight(bytes, place)
            var isThere: UInt64 = 0
            for step in 0..<7 { isThere |= GramSearch.bit(word &>> UInt64(8 &* step), pairsOfTwos) }
            if isThere & 1 != 0 {
                for step in 0..<7 where GramSearch.bit(word &>> UInt64(8 &* step), pairsOfTwos) & 1 != 0 {
                    let gram = UInt32(truncatingIfNeeded: word &>> UInt64(8 &* step)) & 0xFFFF
                    check(twos, gram, place &+ step, bytes, found)
                }
            }
            place &+= 7
        }
        while place <= last {
            let gram = UInt32(bytes.octet(place)) | UInt32(bytes.octet(place &+ 1)) << 8
            if GramSearch.bit(UInt64(gram), pairsOfTwos) & 1 != 0 { check(twos, gram, place, bytes, found) }
            place &+= 1
        }
    }

    /// The folded octets at `place`, which the caller has seen to be there.
    @inline(__always)
    private static func four(_ bytes: RawSpan, _ place: Int) -> UInt32 {
        assert(place >= 0 && place &+ 4 <= bytes.byteCount)
        // Safe: the callers' loops end four octets before the end of the span.
        let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: place, as: UInt32.self)
        return GramSearch.fold(UInt32(littleEndian: word))
    }

    /// Eight octets, the first lowest.
    @inline(__always)
    private static func eight(_ bytes: RawSpan, _ place: Int) -> UInt64 {
        assert(place &+ 8 <= bytes.byteCount)
        // Safe: the callers' loops end eight octets before the end of the span.
        let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: place, as: UInt64.self)
        return UInt64(littleEndian: word)
    }

    /// In the lowest bit, whether the lowest two octets are a pattern's.
    @inline(__always)
    private static func bit(_ pair: UInt64, _ pairs: borrowing FixedTable<UInt64>) -> UInt64 {
        // Safe: there are 1024 words where there are pairs, and the place is below that.
        unsafe pairs[unchecked: Int(truncatingIfNeeded: (pair & 0xFFFF) &>> 6)] &>> (pair & 63)
    }

    @inline(never)
    private func check(
        _ table: borrowing PatternTable<Entry>, _ gram: UInt32, _ place: Int, _ bytes: RawSpan,
        _ found: (_ pattern: UInt32, _ end: Int) -> Void
    ) {
        table.forEach(GramSearch.hash(gram)) { entry in
            guard entry.gram == gram else { return }
            if entry.othersOffset != .min {
                let at = place &+ Int(entry.othersOffset)
                guard at >= 0, at &+ 4 <= bytes.byteCount, GramSearch.four(bytes, at) == entry.others else { return }
            }
            let start = place &- Int(entry.offset)
            if let end = literals.end(of: entry.pattern, at: start, in: bytes) { found(entry.pattern, end) }
        }
    }
}
