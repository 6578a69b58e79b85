// SPDX-License-Identifier: Apache-2.0
//
// Literals that can stand at one place only: so far from the start of a stretch, or at its end.
//
// Reads   patterns once, octets then.
// Writes  numbers of the patterns that may stand there, and where each ends.
// Leaves  literals that may stand anywhere (GramSearch.swift, PatternDatabase.swift).
//
// Of the published rules half look for something with `startswith`, `endswith`, `bsize` or `offset` and `depth`.

import Wire

/// Where in a stretch of octets a pattern can stand.
enum PatternPlace: Hashable {
    case anywhere
    /// So many octets behind the start, nowhere else.
    case start(Int)
    case end
    /// Anywhere, but only where the server has hardly sent anything yet (`stream_size`).
    case early
}

/// Of each pattern a few octets are looked up at the place where they have to be: eight of them that few others have,
/// or four, or as many as it has. Then the rest is compared. Immutable, so that workers share it.
struct AnchoredSearch: ~Copyable, Sendable {
    /// A place at which octets are looked up.
    private struct Probe: BitwiseCopyable, Hashable {
        /// From the start, or back from the end.
        var distance: Int
        var count: Int
        var isFromEnd: Bool
    }

    private struct Entry: PatternEntry {
        var hash: UInt64 = 0
        /// The octets that are looked up, folded.
        var key: UInt64 = 0
        var pattern = UInt32.max
        var probe: UInt16 = 0
        /// Where they stand in the pattern.
        var offset: UInt16 = 0

        static var none: Entry { Entry() }
        var isNone: Bool { pattern == .max }
    }

    /// A way to look a pattern up.
    private struct Way: Hashable {
        var probe: Probe
        var key: UInt64
        var offset: Int
    }

    private let probes: FixedTable<Probe>
    private let entries: PatternTable<Entry>
    private let literals: PatternLiterals
    /// The number of the first pattern.
    private let first: UInt32
    /// Octets from the start that patterns at the start reach to; 0 where there are none.
    let reach: Int

    /// Patterns further from the start than this are looked for everywhere: each place costs a look in each packet.
    static let distanceMax = 15
    /// Octets of a pattern that are compared; a longer one makes its rule a candidate by so many.
    private static let comparedMax = 128
    /// So many patterns with the same octets at one place are not looked up by other ones.
    private static let sharedMax = 4

    /// Patterns that have one place, numbered from `first` on.
    init(_ all: [Pattern], first: Int) {
        let patterns = all.map(AnchoredSearch.cut)
        let ways = patterns.map(AnchoredSearch.ways)
        var counts: [Way: Int] = [:]
        for way in ways.joined() { counts[AnchoredSearch.shared(way), default: 0] += 1 }
        var probes: [Probe] = []
        var numbers: [Probe: Int] = [:]
        var entries: [Entry] = []
        var reach = 0
        for (number, ways) in ways.enumerated() {
            func count(_ way: Way) -> Int { counts[AnchoredSearch.shared(way), default: 0] }
            guard var best = ways.first else { continue }
            if count(best) > AnchoredSearch.sharedMax {
                for way in ways.dropFirst() where count(way) < count(best) { best = way }
            }
            if numbers[best.probe] == nil {
                numbers[best.probe] = probes.count
                probes.append(best.probe)
            }
            var entry = Entry()
            entry.key = best.key
            entry.pattern = UInt32(truncatingIfNeeded: number)
            entry.offset = UInt16(truncatingIfNeeded: best.offset)
            entry.probe = UInt16(truncatingIfNeeded: numbers[best.probe] ?? 0)
            entry.hash = AnchoredSearch.hash(entry.key, Int(entry.probe))
            entries.append(entry)
            if case .start(let distance) = patterns[number].stands {
                reach = max(reach, distance + patterns[number].octets.count)
            }
        }
        self.probes = FixedTable(probes)
        self.entries = PatternTable(entries)
        literals = PatternLiterals(patterns)
        self.first = UInt32(truncatingIfNeeded: first)
        self.reach = reach
    }

    /// A pattern as far as it is compared: its first octets, or its last ones.
    private static func cut(_ pattern: Pattern) -> Pattern {
        var pattern = pattern
        let octets = pattern.octets
        pattern.octets = Array(pattern.stands == .end ? octets.suffix(comparedMax) : octets.prefix(comparedMax))
        return pattern
    }

    /// By the octets nearest to the start or the end, or by the eight behind them, and so on.
    private static func ways(_ pattern: Pattern) -> [Way] {
        let length = pattern.octets.count
        let count = length >= 8 ? 8 : length >= 4 ? 4 : length
        return stride(from: 0, through: length - count, by: 8).map { step in
            let probe: Probe
            var offset = step
            if case .start(let distance) = pattern.stands {
                probe = Probe(distance: distance + step, count: count, isFromEnd: false)
            } else {
                probe = Probe(distance: count + step, count: count, isFromEnd: true)
                offset = length - count - step
            }
            return Way(probe: probe, key: folded(pattern.octets.octets, offset, count), offset: offset)
        }
    }

    /// What patterns of different length have in common.
    private static func shared(_ way: Way) -> Way { Way(probe: way.probe, key: way.key, offset: 0) }

    var isEmpty: Bool { entries.isEmpty }

    /// Calls `found` with each pattern that stands in the octets, and the offset behind it. Those of the start count
    /// only where the octets begin there.
    func forEach(in bytes: RawSpan, isStart: Bool, _ found: (_ pattern: UInt32, _ end: Int) -> Void) {
        for number in probes.indices {
            let probe = probes[number]
            if !isStart && !probe.isFromEnd { continue }
            let place = probe.isFromEnd ? bytes.byteCount &- probe.distance : probe.distance
            guard place >= 0, place &+ probe.count <= bytes.byteCount else { continue }
            let key = AnchoredSearch.folded(bytes, place, probe.count)
            let hash = AnchoredSearch.hash(key, number)
            if entries.mayHold(hash) & 1 != 0 { check(key, hash, number, place, bytes, found) }
        }
    }

    @inline(never)
    private func check(
        _ key: UInt64, _ hash: UInt64, _ number: Int, _ place: Int, _ bytes: RawSpan,
        _ found: (_ pattern: UInt32, _ end: Int) -> Void
    ) {
        entries.forEach(hash) { entry in
            guard entry.key == key, Int(entry.probe) == number else { return }
            let start = place &- Int(entry.offset)
            if let end = literals.end(of: entry.pattern, at: start, in: bytes) { found(entry.pattern &+ first, end) }
        }
    }

    /// Up to eight octets, which the caller has seen to be there, upper and lower case made one; the first lowest.
    @inline(__always)
    private static func folded(_ bytes: RawSpan, _ place: Int, _ count: Int) -> UInt64 {
        assert(place >= 0 && count >= 0 && count <= 8 && place &+ count <= bytes.byteCount)
        guard count > 0 else { return 0 }
        var word: UInt64 = 0
        if place &+ 8 <= bytes.byteCount {
            word = UInt64(littleEndian: bytes.word(place))
        } else if bytes.byteCount >= 8 {
            // The last eight: those before the place fall out.
            let last = bytes.byteCount &- 8
            word = UInt64(littleEndian: bytes.word(last)) &>> UInt64(8 &* (place &- last))
        } else {
            for step in 0..<count { word |= UInt64(bytes.octet(place &+ step)) &<< UInt64(8 &* step) }
        }
        word &= ~0 &>> UInt64(8 &* (8 &- count))
        return word | (word & 0x4040_4040_4040_4040) &>> 1
    }

    @inline(__always)
    private static func hash(_ key: UInt64, _ probe: Int) -> UInt64 {
        let mixed = (key ^ UInt64(truncatingIfNeeded: probe) &* 0xD6E8_FEB8_6659_FD93) &* 0x9E37_79B9_7F4A_7C15
        return (mixed ^ mixed &>> 32) &* 0x9E37_79B9_7F4A_7C15
    }
}

extension RawSpan {
    /// Eight octets as they stand in memory, which the caller has seen to be there.
    @inline(__always)
    fileprivate func word(_ place: Int) -> UInt64 {
        // Safe: the callers check that eight octets follow.
        unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: place, as: UInt64.self)
    }
}
