// SPDX-License-Identifier: Apache-2.0
//
// Patterns and their rules, while they are collected.
//
// Reads   patterns one after the other.
// Writes  groups of patterns, compiled.
// Leaves  which rules stand where (RuleIndex.swift).

/// Patterns of one buffer, or of the payloads of one kind.
struct PatternCollector {
    private var numbers: [Pattern: Int] = [:]
    private var patterns: [Pattern] = []
    private var rules: [[PatternRule]] = []

    /// Some patterns that Vectorscan would not take.
    private struct Refused: Error {
        var patterns: [Int]
    }

    mutating func add(_ pattern: Pattern, _ rule: PatternRule) {
        if let known = numbers[pattern] {
            rules[known].append(rule)
            return
        }
        numbers[pattern] = patterns.count
        patterns.append(pattern)
        rules.append([rule])
    }

    /// All patterns by the way of packets, nil where there are none. A rule whose pattern cannot be looked for goes to
    /// those without one.
    mutating func build(_ zones: AddressZones, _ refuse: (PatternRule) -> Void) -> ZonedPatterns? {
        while !patterns.isEmpty {
            do throws(Refused) {
                return try compiled(zones)
            } catch {
                for place in error.patterns.sorted(by: >) {
                    for rule in rules[place] { refuse(rule) }
                    rules.remove(at: place)
                    patterns.remove(at: place)
                }
            }
        }
        return nil
    }

    private func compiled(_ zones: AddressZones) throws(Refused) -> ZonedPatterns {
        let ways = rules.map { list in list.reduce(into: ZonePairs()) { $0.formUnion($1.pairs) } }
        let joined = PatternCollector.joined(ways, zones)
        var groups: [PatternGroup] = []
        for pairs in joined {
            let chosen = patterns.indices.filter { !ways[$0].isDisjoint(with: pairs) }
            let some = chosen.map { patterns[$0] }
            let lists = chosen.map { place in rules[place].filter { !$0.pairs.isDisjoint(with: pairs) } }
            do throws(PatternRefusal) {
                groups.append(try PatternGroup(some, lists))
            } catch {
                throw Refused(patterns: error.place.map { [chosen[$0]] } ?? chosen)
            }
        }
        let byWay = (0..<zones.pairCount).map { pair in
            joined.firstIndex { $0.contains(pair: pair) }.map { groups[$0] }
        }
        return ZonedPatterns(groups: byWay)
    }

    /// So many patterns more are as good as the same.
    private static let strayMax = 32

    /// Ways whose patterns are nearly the same, so that one group serves them: what is compiled twice costs time to
    /// load, what is looked for in vain time in each packet.
    private static func joined(_ ways: [ZonePairs], _ zones: AddressZones) -> [ZonePairs] {
        func count(_ pairs: ZonePairs) -> Int { ways.count(where: { !$0.isDisjoint(with: pairs) }) }
        let counts = (0..<zones.pairCount).map { count(ZonePairs(pair: $0)) }
        var joined: [ZonePairs] = []
        let order = counts.indices.filter { counts[$0] > 0 }.sorted { (counts[$1], $0) < (counts[$0], $1) }
        let strange = zones.strangePairs
        for pair in order where !strange.contains(pair: pair) {
            let own = ZonePairs(pair: pair)
            let most = counts[pair] + max(counts[pair] / 4, PatternCollector.strayMax)
            if let place = joined.firstIndex(where: { count($0.union(own)) <= most }) {
                joined[place].formUnion(own)
            } else {
                joined.append(own)
            }
        }
        // Where hardly a packet goes, patterns that are looked for in vain cost nothing.
        for pair in order where strange.contains(pair: pair) {
            let own = ZonePairs(pair: pair)
            let growths = joined.map { count($0.union(own)) - count($0) }
            if let least = growths.min(), let place = growths.firstIndex(of: least) {
                joined[place].formUnion(own)
            } else {
                joined.append(own)
            }
        }
        return joined
    }
}
