// SPDX-License-Identifier: Apache-2.0
//
// The pools of a rule set while rules are being read.
//
// Reads   nothing.
// Writes  `RuleSet`.
// Leaves  what goes in (RuleParser.swift and the files beside it).

import Records

/// Values by number, each kept once.
struct Interned<Value: Hashable> {
    private(set) var values: [Value] = []
    private var numbers: [Value: Int] = [:]

    init(_ first: Value...) { for value in first { _ = number(of: value) } }

    func contains(_ value: Value) -> Bool { numbers[value] != nil }

    mutating func number(of value: Value) -> Int {
        if let number = numbers[value] { return number }
        values.append(value)
        numbers[value] = values.count - 1
        return values.count - 1
    }
}

/// Collects rules; a rule that is refused half-way leaves at most unused elements in the pools.
struct RuleSetBuilder {
    private(set) var rules: [Rule] = []
    var buffers: [BufferTest] = []
    var steps: [MatchStep] = []
    var packetTests: [PacketTest] = []
    var stateTests: [StateTest] = []
    var transactionTests: [TransactionTest] = []
    var effects: [Effect] = []
    var limits: [RuleLimit] = []
    var transforms = Interned<[Transform]>([])
    var captures: [Capture] = []
    var regexes: [Regex] = []
    var datasets: [Dataset] = []
    var hashLists: [FileHashList] = []
    var addressSets = Interned<AddressSet>(AddressSet(ranges: [], isAny: true))
    var portSets = Interned<PortSet>(PortSet(ranges: [PortSet.Span(first: 0, last: .max)]))
    var variableNames = Interned<String>()
    var nameLists: [UInt16] = []
    var numberTests: [NumberTest] = []
    var classifications: [Classification] = []
    var references: [Reference] = []
    /// Prefixes of reference.config by type, in lower case.
    var referencePrefixes: [String: String] = [:]
    var files: [String] = []
    var patterns: [UInt8] = []
    var text: [UInt8] = []
    var reputation = Reputation()
    var countries: AddressDatabase?
    var wanted = SignatureBufferSet()

    /// Rules by number and generator, for revisions of one another.
    private var places: [UInt64: [Int]] = [:]
    /// Rules that a greater revision has taken the place of.
    private(set) var replaced: Set<Int> = []

    mutating func add(_ rule: Rule) {
        let key = UInt64(rule.id.generator) << 32 | UInt64(rule.id.signature)
        places[key, default: []].append(rules.count)
        rules.append(rule)
    }

    /// The revision under which a rule is loaded already.
    func revision(of id: RuleID) -> UInt32? {
        places[UInt64(id.generator) << 32 | UInt64(id.signature)]?.first.map { rules[$0].id.revision }
    }

    /// Takes out the rules of a number, both copies of a `<>` rule.
    mutating func remove(_ id: RuleID) {
        let key = UInt64(id.generator) << 32 | UInt64(id.signature)
        replaced.formUnion(places.removeValue(forKey: key) ?? [])
    }

    mutating func setLimits(_ values: [RuleLimit], of index: Int) {
        rules[index].limits = .adding(values, to: &limits)
    }

    mutating func addPattern(_ octets: [UInt8]) -> TextRange {
        let range = TextRange(
            offset: UInt32(truncatingIfNeeded: patterns.count), count: UInt32(truncatingIfNeeded: octets.count))
        patterns.append(contentsOf: octets)
        return range
    }

    mutating func addText(_ bytes: ArraySlice<UInt8>) -> TextRange {
        guard !bytes.isEmpty else { return TextRange() }
        let range = TextRange(
            offset: UInt32(truncatingIfNeeded: text.count), count: UInt32(truncatingIfNeeded: bytes.count))
        text.append(contentsOf: bytes)
        return range
    }
}

extension PoolRange {
    /// The elements that `append` adds to `pool`.
    static func adding<Element>(_ elements: [Element], to pool: inout [Element]) -> PoolRange {
        let start = pool.count
        pool.append(contentsOf: elements)
        return PoolRange(start..<pool.count)
    }
}
