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
    /// Where it was taken from, in `RuleSet.patterns`; no part of what it is.
    var place = 0..<0

    /// One octet, once or again and again.
    var isUniform: Bool { octets.allSatisfy { $0 == octets[0] } }

    static func == (left: Pattern, right: Pattern) -> Bool {
        left.isCaseless == right.isCaseless && left.octets == right.octets
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(octets)
        hasher.combine(isCaseless)
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
    /// Octets of the longest pattern that is looked for.
    let lengthMax: Int

    /// Octets of a pattern that are looked for: the first of a longer one make its rule a candidate, no more is asked
    /// for. Vectorscan takes expressions of 16,000 characters.
    private static let bytesMax = 1024

    /// Compiles patterns, at least one; the number of each is its place.
    ///
    /// Each is written as an expression of escapes (`\x00\x1f`), in which Vectorscan finds the literal: its interface
    /// for literals takes one that begins with NUL for an empty one and refuses the whole set.
    init(_ patterns: [Pattern]) throws(PatternRefusal) {
        let lengths = patterns.map { min($0.octets.count, PatternDatabase.bytesMax) }
        lengthMax = lengths.max() ?? 0
        var text: [UInt8] = []
        text.reserveCapacity(lengths.reduce(0, +) * 4 + patterns.count)
        var offsets: [Int] = []
        for (pattern, length) in zip(patterns, lengths) {
            offsets.append(text.count)
            for octet in pattern.octets[..<length] { PatternDatabase.append(octet, to: &text) }
            text.append(0)
        }
        let numbers = patterns.indices.map { UInt32($0) }
        let flags = patterns.map { UInt32($0.isCaseless ? HS_FLAG_CASELESS : 0) }
        var made: OpaquePointer?
        var problem: UnsafeMutablePointer<hs_compile_error_t>?
        // Safe: the pointers lead into `text`, which is alive during the call, each at an expression that ends with
        // NUL; Vectorscan copies what it needs.
        let status = unsafe text.withUnsafeBufferPointer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) { buffer in
                guard let base = buffer.baseAddress else { return HS_INVALID }
                let starts: [UnsafePointer<CChar>?] = unsafe offsets.map { unsafe base + $0 }
                return unsafe hs_compile_multi(
                    starts, flags, numbers, UInt32(patterns.count), UInt32(HS_MODE_BLOCK), nil, &made, &problem)
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

    /// Looks for all patterns in `bytes`; what was found is then here.
    func scan(_ bytes: RawSpan, _ database: PatternDatabase) {
        // Safe: `found` lives as long as this object.
        unsafe found.pointee.count = 0
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
