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

    mutating func number(of value: Value) -> Int {
        if let number = numbers[value] { return number }
        values.append(value)
        numbers[value] = values.count - 1
        return values.count - 1
    }
}

/// Collects rules; a rule that is refused half-way leaves at most unused elements in the pools.
struct RuleSetBuilder {
    var rules: [Rule] = []
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
    var files: [String] = []
    var patterns: [UInt8] = []
    var text: [UInt8] = []
    var reputation = Reputation()
    var wanted = SignatureBufferSet()

    mutating func addText(_ bytes: ArraySlice<UInt8>) -> TextRange {
        guard !bytes.isEmpty else { return TextRange() }
        let range = TextRange(offset: UInt32(truncatingIfNeeded: text.count), count: UInt32(truncatingIfNeeded: bytes.count))
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
