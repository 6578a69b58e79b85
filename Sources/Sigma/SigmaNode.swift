// SPDX-License-Identifier: Apache-2.0
//
// What a rule asks, as a tree.

import Records

/// What is asked of one field's values. A field without a value fits `null` and `exists: false` only.
enum SigmaCheck: Hashable, Sendable {
    enum Order: Hashable, Sendable { case less, lessOrEqual, greater, greaterOrEqual }
    enum TimePart: String, Hashable, Sendable { case minute, hour, day, week, month, year }
    enum Place: Hashable, Sendable { case whole, start, end, inside }

    case pattern(SigmaPattern, isCased: Bool)
    case expression(SigmaExpression)
    case network(SigmaNetwork)
    case order(Order, Double)
    case time(TimePart, Int)
    /// The value of another field.
    case field(String, Place, isCased: Bool)
    case null
    case exists(Bool)
}

/// A network of addresses; two that are written alike are the same.
struct SigmaNetwork: Hashable, Sendable {
    let text: String
    let prefix: AddressPrefix

    static func == (left: SigmaNetwork, right: SigmaNetwork) -> Bool { left.text == right.text }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// A test of one field; nil stands for the whole event.
struct SigmaTest: Hashable, Sendable {
    var field: String?
    var check: SigmaCheck
}

/// A condition with its search identifiers put in.
indirect enum SigmaNode: Sendable {
    case test(SigmaTest)
    case all([SigmaNode])
    case any([SigmaNode])
    case not(SigmaNode)

    static func joined(_ nodes: [SigmaNode], isAll: Bool) -> SigmaNode {
        if nodes.count == 1 { return nodes[0] }
        return isAll ? .all(nodes) : .any(nodes)
    }

    var count: Int {
        switch self {
        case .test: 1
        case .all(let nodes), .any(let nodes): nodes.reduce(1) { $0 + $1.count }
        case .not(let node): node.count + 1
        }
    }

    /// Every field that is named.
    var fields: Set<String> {
        switch self {
        case .test(let test):
            if case .field(let other, _, _) = test.check { return Set([test.field, other].compactMap { $0 }) }
            return test.field.map { [$0] } ?? []
        case .all(let nodes), .any(let nodes): return nodes.reduce(into: []) { $0.formUnion($1.fields) }
        case .not(let node): return node.fields
        }
    }
}
