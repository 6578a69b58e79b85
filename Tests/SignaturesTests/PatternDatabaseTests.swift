// SPDX-License-Identifier: Apache-2.0
//
// Many literals looked for at once: whatever octets they have.

import Records
import Testing
import Wire

@testable import Signatures

@Suite("Pattern database") struct PatternDatabaseTests {
    /// Every place at which a pattern ends in the octets.
    private func ends(_ pattern: Pattern, _ octets: [UInt8]) -> Set<Int> {
        var found: Set<Int> = []
        var start = 0
        while let place = PatternSearch.first(
            pattern.octets.octets, in: octets.octets, start, octets.count, isCaseless: pattern.isCaseless)
        {
            found.insert(place + pattern.octets.count)
            start = place + 1
        }
        return found
    }

    @Test func `finds literals that begin with any octet, and all of them in one set`() throws {
        var patterns: [Pattern] = []
        for octet in UInt8.min ... .max { patterns.append(Pattern(octets: [octet, 0x41, octet], isCaseless: false)) }
        patterns.append(Pattern(octets: [0, 0, 0], isCaseless: false))
        patterns.append(Pattern(octets: Array("\u{0}\\x41(a|b)*".utf8), isCaseless: true))
        var octets: [UInt8] = []
        for pattern in patterns.reversed() { octets += pattern.octets + [0x0A, 0xFF] }
        octets += Array("\u{0}\\X41(A|b)*".utf8)
        let database = try PatternDatabase(patterns)
        let scratch = PatternScratch([database])
        scratch.scan(octets.octets, database)
        for (number, pattern) in patterns.enumerated() {
            let hits = (0..<scratch.count).map { scratch[$0] }.filter { Int($0.pattern) == number }
            let found = Set(hits.map { Int($0.end) })
            // Of hits in a row the last is kept.
            #expect(found.isSubset(of: ends(pattern, octets)) && found.max() == ends(pattern, octets).max())
            #expect(!found.isEmpty, "pattern \(pattern.octets)")
        }
    }

    @Test(arguments: [2, 3, 26, 256])
    func `a short stretch is looked through for the same patterns without Vectorscan`(_ letters: Int) {
        var random = SplitMix(state: UInt64(letters))
        func octets(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in
                letters == 256 ? UInt8(random.next() & 255) : 0x41 + UInt8(random.next() % UInt64(letters))
            }
        }
        for _ in 0..<40 {
            var patterns: [Pattern] = []
            for length in 1...12 {
                patterns.append(Pattern(octets: octets(length), isCaseless: false))
                patterns.append(Pattern(octets: octets(length).map(\.lowered), isCaseless: true))
            }
            let search = GramSearch(patterns)
            var stretch = octets(30)
            for pattern in patterns.shuffled(using: &random).prefix(4) { stretch += pattern.octets }
            for count in [0, 1, 2, 3, 4, 5, 7, 8, 9, stretch.count - 1, stretch.count] {
                let part = Array(stretch[..<count])
                var found = [Set<Int>](repeating: [], count: patterns.count)
                search.forEach(in: part.octets) { found[Int($0)].insert($1) }
                for (number, pattern) in patterns.enumerated() {
                    // Of one octet the last place is enough.
                    let all = ends(pattern, part)
                    let wanted = pattern.octets.count == 1 ? Set(all.max().map { [$0] } ?? []) : all
                    #expect(found[number] == wanted, "\(pattern.octets) in \(part)")
                }
            }
        }
    }

    @Test(arguments: [2, 256])
    func `what has one place is found there and nowhere else`(_ letters: Int) {
        var random = SplitMix(state: UInt64(letters))
        func octets(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in
                letters == 256 ? UInt8(random.next() & 255) : 0x41 + UInt8(random.next() % UInt64(letters))
            }
        }
        for _ in 0..<40 {
            let stretch = octets(40)
            var patterns: [Pattern] = []
            for length in 1...40 {
                let start = Int(random.next() % 8)
                let head = Array(stretch.dropFirst(start).prefix(length))
                patterns.append(Pattern(octets: head, isCaseless: false, stands: .start(start)))
                patterns.append(Pattern(octets: head.map(\.lowered), isCaseless: true, stands: .start(start + 1)))
                patterns.append(Pattern(octets: Array(stretch.suffix(length)), isCaseless: false, stands: .end))
                patterns.append(Pattern(octets: octets(length), isCaseless: false, stands: .end))
                patterns.append(Pattern(octets: octets(length), isCaseless: false, stands: .start(start)))
            }
            let search = AnchoredSearch(patterns, first: 7)
            for part in [0...39, 0...0, 0...2, 0...6, 0...20, 1...39, 33...39].map({ Array(stretch[$0]) }) + [[]] {
                for isStart in [true, false] {
                    var found = [Int?](repeating: nil, count: patterns.count)
                    search.forEach(in: part.octets, isStart: isStart) { found[Int($0) - 7] = $1 }
                    for (number, pattern) in patterns.enumerated() {
                        var wanted: Int?
                        let all = ends(pattern, part)
                        switch pattern.stands {
                        case .start(let distance) where isStart:
                            wanted = all.first { $0 == distance + pattern.octets.count }
                        case .end: wanted = all.first { $0 == part.count }
                        default: break
                        }
                        #expect(found[number] == wanted, "\(pattern) in \(part)")
                    }
                }
            }
        }
    }

    /// It makes its rule a candidate, and the rule then looks whether it is there.
    @Test func `of a long literal that has one place so much is compared that it tells`() {
        let long = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        let search = AnchoredSearch(
            [PatternPlace.end, .start(3)].map { Pattern(octets: long, isCaseless: false, stands: $0) }, first: 0)
        var found: Set<UInt32> = []
        search.forEach(in: ([1, 2, 3] + long).octets, isStart: true) { pattern, _ in found.insert(pattern) }
        #expect(found == [0, 1])
        var changed = [1, 2, 3] + long
        changed[10] ^= 1
        changed[changed.count - 10] ^= 1
        search.forEach(in: changed.octets, isStart: true) { pattern, _ in Issue.record("\(pattern) was found") }
    }

    @Test func `finds the first and the last place of an octet in stretches of any length`() {
        for count in 0...70 {
            for place in 0..<count {
                var octets = [UInt8](repeating: 0x2E, count: count)
                octets[place] = 0x41
                let exact = PatternSearch.last(0x41, in: octets.octets, isCaseless: false)
                let folded = PatternSearch.last(0x61, in: octets.octets, isCaseless: true)
                let absent = PatternSearch.last(0x61, in: octets.octets, isCaseless: false)
                #expect(exact == place && folded == place && absent == nil)
                for caseless in [false, true] {
                    let pattern: [UInt8] = [caseless ? 0x61 : 0x41]
                    let all = PatternSearch.first(
                        pattern.octets, in: octets.octets, 0, count, isCaseless: caseless)
                    let before = PatternSearch.first(
                        pattern.octets, in: octets.octets, 0, place, isCaseless: caseless)
                    #expect(all == place && before == nil)
                }
            }
        }
    }

    @Test func `looks for the first thousand octets of a long literal`() throws {
        let long = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        let database = try PatternDatabase([Pattern(octets: long, isCaseless: false)])
        let scratch = PatternScratch([database])
        scratch.scan(long.octets, database)
        #expect((0..<scratch.count).map { scratch[$0].pattern } == [0])
    }

    @Test func `a rule whose content begins with NUL takes no other rule with it`() throws {
        let loaded = try RuleBench.load(
            """
            alert tcp any any -> any any (msg:"a"; content:"|00 01 02|"; sid:1;)
            alert tcp any any -> any any (msg:"b"; content:"GET /"; sid:2;)
            alert http any any -> any any (msg:"c"; http.uri; content:"|00|--"; sid:3;)
            alert http any any -> any any (msg:"d"; http.uri; content:"/x"; sid:4;)
            """)
        try #require(loaded.rejected.isEmpty)
        let index = RuleIndex(loaded.set)
        let pair = index.zones.pair(from: Address(v4: 1), to: Address(v4: 2))
        for isToServer in [true, false] {
            let isWhole = index.withPatterns(.tcp, toServer: isToServer, pair) { group in
                group.rules.count == 2
                    && group.rules.indices.allSatisfy { group.rules[$0].uses.contains([.stream, .unstreamed]) }
            }
            #expect(isWhole == true)
        }
        let counts = index.buffers.objects.map { group in
            [group.patterns.with(pair) { $0.rules.count } ?? 0, group.loose.count]
        }
        #expect(counts == [[2, 0]])
    }
}

/// Numbers that are the same in each run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
