// SPDX-License-Identifier: Apache-2.0
//
// The C edge of Vectorscan: many literal patterns looked for at once.
//
// Reads   octets.
// Writes  numbers of the patterns found, and where each ended.
// Leaves  which rules a pattern makes candidates (RuleIndex.swift).

import CVectorscan
import Wire

/// One literal: octets, and whether letters of both cases are the same.
struct Pattern: Hashable {
    var octets: [UInt8]
    var isCaseless: Bool
    /// Where it can stand.
    var stands = PatternPlace.anywhere
    /// Where it was taken from, in `RuleSet.patterns`; no part of what it is.
    var place = 0..<0

    /// One octet, once or again and again.
    var isUniform: Bool { octets.allSatisfy { $0 == octets[0] } }

    /// Such a one that may stand anywhere.
    var isWeak: Bool { stands == .anywhere && isUniform }

    /// The same pattern, or of a longer one that may stand anywhere the stretch of `count` octets that tells traffic
    /// apart best.
    func shortened(to count: Int) -> Pattern {
        guard octets.count > count, stands == .anywhere else { return self }
        var best = (start: 0, strength: 0)
        for start in 0...octets.count - count {
            let strength = FastPatternRank.strength(Array(octets[start ..< start + count]))
            if strength >= best.strength { best = (start, strength) }
        }
        let first = place.lowerBound + best.start
        return Pattern(
            octets: Array(octets[best.start ..< best.start + count]), isCaseless: isCaseless,
            place: first ..< first + count)
    }

    static func == (left: Pattern, right: Pattern) -> Bool {
        left.isCaseless == right.isCaseless && left.stands == right.stands && left.octets == right.octets
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(octets)
        hasher.combine(isCaseless)
        hasher.combine(stands)
    }
}

/// Vectorscan would not take a set of patterns.
struct PatternRefusal: Error {
    /// The pattern that it would not take; nil where it names none.
    var place: Int?
}

/// A compiled set of literals, in block mode. Immutable, so that workers share it.
// Safe: Vectorscan only reads a database once it is compiled.
@safe final class PatternDatabase: @unchecked Sendable {
    fileprivate let database: OpaquePointer
    /// Octets of a pattern that are looked for: the first of a longer one make its rule a candidate, no more is asked
    /// for. Vectorscan takes expressions of 16,000 characters.
    static let bytesMax = 1024

    /// Compiles patterns, at least one; the number of each is its place. A hit may have the number behind them, and
    /// means nothing then.
    ///
    /// Each is written as an expression of escapes (`\x00\x1f`), in which Vectorscan finds the literal: its interface
    /// for literals takes one that begins with NUL for an empty one and refuses the whole set.
    init(_ patterns: [Pattern]) throws(PatternRefusal) {
        let lengths = patterns.map { min($0.octets.count, PatternDatabase.bytesMax) }
        var text: [UInt8] = []
        text.reserveCapacity(lengths.reduce(0, +) * 4 + patterns.count)
        var offsets: [Int] = []
        for (pattern, length) in zip(patterns, lengths) {
            offsets.append(text.count)
            for octet in pattern.octets[..<length] { PatternDatabase.append(octet, to: &text) }
            text.append(0)
        }
        var numbers = patterns.indices.map { UInt32($0) }
        var flags = patterns.map { UInt32($0.isCaseless ? HS_FLAG_CASELESS : 0) }
        if PatternDatabase.padded.contains(patterns.count) {
            for place in 0..<PatternDatabase.paddingCount {
                offsets.append(text.count)
                PatternDatabase.appendPadding(place, to: &text)
                numbers.append(UInt32(patterns.count))
                flags.append(0)
            }
        }
        var made: OpaquePointer?
        var problem: UnsafeMutablePointer<hs_compile_error_t>?
        // Safe: the pointers lead into `text`, which is alive during the call, each at an expression that ends with
        // NUL; Vectorscan copies what it needs.
        let status = unsafe text.withUnsafeBufferPointer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) { buffer in
                guard let base = buffer.baseAddress else { return HS_INVALID }
                let starts: [UnsafePointer<CChar>?] = unsafe offsets.map { unsafe base + $0 }
                return unsafe hs_compile_multi(
                    starts, flags, numbers, UInt32(numbers.count), UInt32(HS_MODE_BLOCK), nil, &made, &problem)
            }
        }
        // Safe: Vectorscan made the message, or it is nil; it is read before it is given back.
        let place = unsafe problem.map { unsafe Int($0.pointee.expression) }
        if unsafe problem != nil { unsafe _ = hs_free_compile_error(problem) }
        guard status == HS_SUCCESS, let made = unsafe made else {
            throw PatternRefusal(place: place.flatMap { patterns.indices.contains($0) ? $0 : nil })
        }
        unsafe database = made
    }

    /// For sets of medium size Vectorscan builds a second automaton, for stretches of less than 70 octets, which here
    /// come to it rarely (`GramSearch`). It takes five times the time and 80 MB of memory to do so, and gives up where
    /// it is given some long literals of all kinds besides: random ones, whose number is behind those of the patterns.
    private static let padded = 50...2000
    private static let paddingCount = 64

    private static func appendPadding(_ place: Int, to text: inout [UInt8]) {
        var state = UInt32(truncatingIfNeeded: place &+ 1) &* 0x9E37_79B1
        for _ in 0..<70 {
            state = state &* 1_664_525 &+ 1_013_904_223
            append(UInt8(truncatingIfNeeded: state >> 24) | 0x80, to: &text)
        }
        text.append(0)
    }

    private static func append(_ octet: UInt8, to text: inout [UInt8]) {
        text.append(0x5C)
        text.append(0x78)
        for digit in [octet >> 4, octet & 15] { text.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
    }

    deinit {
        // Safe: compiled by `init`, and this object alone frees it.
        unsafe _ = hs_free_database(database)
    }
}

/// What one worker needs to scan, and what the last scan has found.
@safe final class PatternScratch {
    /// A pattern, and the offset behind its last octet.
    struct Hit: BitwiseCopyable {
        var pattern: UInt32
        var end: UInt32
    }

    /// What the callback sees: room for hits, and how much of it is used.
    // Safe: the pointer is set once, to memory of the scratch that owns this.
    @safe private struct Found {
        var hits: UnsafeMutablePointer<Hit>
        var count = 0
        var overflows: UInt64 = 0
    }

    private var scratch: OpaquePointer?
    private let found: UnsafeMutablePointer<Found>
    private static let hitsMax = 65_536

    /// Room for scanning with any of the databases.
    init(_ databases: [PatternDatabase]) {
        // Safe: this object's own, freed by `deinit`; the hits are written before they are read.
        unsafe found = .allocate(capacity: 1)
        unsafe found.initialize(to: Found(hits: .allocate(capacity: PatternScratch.hitsMax)))
        for database in databases {
            // Safe: Vectorscan allocates or enlarges the scratch, which is this object's own.
            unsafe _ = hs_alloc_scratch(database.database, &scratch)
        }
    }

    deinit {
        // Safe: allocated by `init`, and freed here only; nil is accepted.
        unsafe _ = hs_free_scratch(scratch)
        // Safe: as above.
        unsafe found.pointee.hits.deallocate()
        unsafe found.deallocate()
    }

    /// Hits of the last scan, in order of their ends: of a pattern that is hit several times in a row the last one. One
    /// scan keeps at most 65,536.
    // Safe: `found` lives as long as this object.
    var count: Int { unsafe found.pointee.count }

    /// Scans that found more than is kept.
    // Safe: as above.
    var overflows: UInt64 { unsafe found.pointee.overflows }

    subscript(_ place: Int) -> Hit {
        precondition(place >= 0 && place < count, "no such hit")
        // Safe: the place was checked above, and so many hits were written.
        return unsafe found.pointee.hits[place]
    }

    /// Forgets the hits of the last scan.
    // Safe: as above.
    func clear() { unsafe found.pointee.count = 0 }

    /// Adds a hit that was found without Vectorscan.
    func note(_ pattern: UInt32, _ end: Int) {
        // Safe: as above.
        let count = unsafe found.pointee.count
        guard count < PatternScratch.hitsMax else {
            // Safe: as above.
            unsafe found.pointee.overflows &+= 1
            return
        }
        // Safe: there is room for `hitsMax` hits.
        unsafe found.pointee.hits[count] = Hit(pattern: pattern, end: UInt32(truncatingIfNeeded: end))
        // Safe: as above.
        unsafe found.pointee.count = count &+ 1
    }

    /// Looks for all patterns in `bytes`; what was found is then here.
    func scan(_ bytes: RawSpan, _ database: PatternDatabase) {
        clear()
        guard bytes.byteCount > 0, bytes.byteCount <= UInt32.max else { return }
        // Safe: Vectorscan reads the borrowed octets during the call; the context is this object's own, and nobody else
        // looks at it meanwhile. The scratch was allocated for this database.
        unsafe bytes.withUnsafeBytes { buffer in
            let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            unsafe _ = hs_scan(
                database.database, start, UInt32(buffer.count), 0, scratch,
                { pattern, _, end, _, context in
                    // Safe: the context is what `scan` gives below, of this type.
                    guard let found = unsafe context?.assumingMemoryBound(to: Found.self) else { return 0 }
                    let count = unsafe found.pointee.count
                    let hit = Hit(pattern: pattern, end: UInt32(truncatingIfNeeded: end))
                    // Safe: `count` hits were written, and there is room for `hitsMax`.
                    if count > 0, unsafe found.pointee.hits[count &- 1].pattern == pattern {
                        unsafe found.pointee.hits[count &- 1] = hit
                        return 0
                    }
                    guard count < PatternScratch.hitsMax else {
                        unsafe found.pointee.overflows &+= 1
                        return 1
                    }
                    unsafe found.pointee.hits[count] = hit
                    unsafe found.pointee.count = count &+ 1
                    return 0
                }, found)
        }
    }
}
