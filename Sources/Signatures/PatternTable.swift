// SPDX-License-Identifier: Apache-2.0
//
// Parts of patterns by their octets, behind a filter that turns most of the rest away; and the patterns whole.
//
// Reads   patterns and entries once, octets and their hashes then.
// Writes  nothing: made once, then shared by all workers.
// Leaves  where octets are looked up (GramSearch.swift, AnchoredSearch.swift).

import Wire

/// Patterns, to be compared with what stands at a place.
struct PatternLiterals: ~Copyable, Sendable {
    /// A stretch of `octets`.
    private struct Literal: BitwiseCopyable {
        var start: UInt32
        var count: UInt32
        var isCaseless: Bool
    }

    private let literals: FixedTable<Literal>
    private let octets: FixedTable<UInt8>

    init(_ patterns: [Pattern]) {
        var octets: [UInt8] = []
        var literals: [Literal] = []
        for pattern in patterns {
            let start = UInt32(octets.count)
            octets.append(contentsOf: pattern.isCaseless ? pattern.octets.map(\.lowered) : pattern.octets)
            literals.append(Literal(start: start, count: UInt32(pattern.octets.count), isCaseless: pattern.isCaseless))
        }
        self.literals = FixedTable(literals)
        self.octets = FixedTable(octets)
    }

    /// The offset behind a pattern that begins at `start`; nil where it does not stand there.
    @inline(__always)
    func end(of pattern: UInt32, at start: Int, in bytes: RawSpan) -> Int? {
        let literal = literals[Int(pattern)]
        let count = Int(literal.count)
        guard start >= 0, start &+ count <= bytes.byteCount else { return nil }
        let first = Int(literal.start)
        for place in 0..<count {
            let octet = bytes.octet(start &+ place)
            guard (literal.isCaseless ? octet.lowered : octet) == octets[first &+ place] else { return nil }
        }
        return start &+ count
    }

    /// The only octet of a pattern.
    func octet(of pattern: UInt32) -> (octet: UInt8, isCaseless: Bool) {
        let literal = literals[Int(pattern)]
        return (octets[Int(literal.start)], literal.isCaseless)
    }
}

/// What is looked up by the hash of some octets.
protocol PatternEntry: BitwiseCopyable {
    /// One that stands for a free place.
    static var none: Self { get }
    var isNone: Bool { get }
    /// Of the octets that are looked up; the highest bits depend on all of them.
    var hash: UInt64 { get }
}

/// Entries by their hash, each at the first free place from there on; and before them a filter: two bits in one word
/// for each.
struct PatternTable<Entry: PatternEntry>: ~Copyable, Sendable {
    private let filter: FixedTable<UInt64>
    private let filterShift: UInt64
    private let slots: FixedTable<Entry>
    private let slotsShift: UInt64
    let isEmpty: Bool

    init(_ all: [Entry]) {
        isEmpty = all.isEmpty
        let log = all.isEmpty ? 0 : Int.bitWidth - (all.count - 1).leadingZeroBitCount
        // At most two of three places are taken.
        let bits = max(2, all.count * 3 > 2 << log ? log + 1 : log)
        slotsShift = UInt64(64 - bits)
        var slots = [Entry](repeating: .none, count: 1 << bits)
        for entry in all {
            var place = Int(truncatingIfNeeded: entry.hash >> slotsShift)
            while !slots[place].isNone { place = (place + 1) & (slots.count - 1) }
            slots[place] = entry
        }
        self.slots = FixedTable(slots)
        // Sixteen to thirty-two bits for each entry: of a hundred places where nothing begins two pass at most.
        // Filters of all groups together should stay in the cache.
        let filterBits = max(3, min(14, log - 2))
        filterShift = UInt64(64 - filterBits)
        var filter = [UInt64](repeating: 0, count: 1 << filterBits)
        for entry in all {
            filter[Int(entry.hash >> filterShift)] |= 1 << ((entry.hash >> 44) & 63) | 1 << ((entry.hash >> 38) & 63)
        }
        self.filter = FixedTable(filter)
    }

    /// In the lowest bit, whether octets with this hash may be an entry's.
    @inline(__always)
    func mayHold(_ hash: UInt64) -> UInt64 {
        // Safe: the filter has a word for each value of the bits of a hash that the shift leaves.
        let word = unsafe filter[unchecked: Int(truncatingIfNeeded: hash &>> filterShift)]
        return (word &>> (hash &>> 44)) & (word &>> (hash &>> 38))
    }

    /// Calls `body` with each entry that may have this hash.
    @inline(__always)
    func forEach(_ hash: UInt64, _ body: (Entry) -> Void) {
        var place = Int(truncatingIfNeeded: hash &>> slotsShift)
        while true {
            // Safe: the first place has as many bits as the table, and the mask keeps to it.
            let entry = unsafe slots[unchecked: place]
            if entry.isNone { return }
            body(entry)
            place = (place &+ 1) & (slots.count &- 1)
        }
    }
}
