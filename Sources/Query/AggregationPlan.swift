// SPDX-License-Identifier: Apache-2.0
//
// What rows are grouped by and what is made of each group.
//
// Leaves  doing it (`Aggregation`).

import Records
import Store

/// What rows are grouped by, or what is counted distinctly.
enum GroupKey: Sendable {
    case column(Int, ColumnKind)
    case number(NumericExpression)
    /// A time down to where its step begins, in the first so many octets of its text.
    case timeStep(Int, TimeStep, digits: Int)
    /// A function that gives texts.
    case function(ScalarExpression)

    /// Whether the codes are below 2^32 - 1.
    var isSmall: Bool {
        switch self {
        case .column(_, let kind): kind.isStoredAsText || kind == .port || kind == .boolean
        case .function: true
        case .number, .timeStep: false
        }
    }

    /// Whether the codes are numbers of texts.
    var isText: Bool {
        switch self {
        case .column(_, let kind): kind.isStoredAsText
        case .function: true
        case .number, .timeStep: false
        }
    }

    /// The declared type of a column of these values; nil for an expression.
    var declaredType: String? {
        guard case .column(_, let kind) = self else { return nil }
        return QueryColumn(name: "", source: "", kind: kind).declaredType
    }
}

/// One aggregate of a statement.
indirect enum Aggregate: Sendable {
    case countRows
    case count(GroupKey)
    case countDistinct(GroupKey)
    /// Rows for which a condition is true.
    case countIf(RowFilter)
    case sum(NumericExpression)
    case total(NumericExpression)
    case average(NumericExpression)
    /// Smallest or greatest.
    case extreme(GroupKey, isGreatest: Bool)
    case moment(NumericExpression, Moment)
    case quantile(NumericExpression, share: Double)
    /// Of the rows alone for which a condition is true.
    case filtered(Aggregate, RowFilter)

    /// The aggregate without its condition.
    var inner: Aggregate {
        if case .filtered(let inner, _) = self { inner } else { self }
    }
}

/// What is grouped and aggregated.
struct AggregationPlan: Sendable {
    var keys: [GroupKey]
    var aggregates: [Aggregate]

    /// Two small keys go into one word.
    var isPacked: Bool { keys.count <= 2 && keys.allSatisfy(\.isSmall) }
    /// One small key is a place in an array.
    var isDense: Bool { keys.count == 1 && isPacked }

    /// Whether rows may wait for their groups: what an aggregate keeps of a group is of a fixed size.
    var mayWait: Bool {
        guard !isDense else { return false }
        return aggregates.allSatisfy { aggregate in
            switch aggregate.inner {
            case .countDistinct, .quantile: false
            default: true
            }
        }
    }

    /// Words of a key: all codes, and the bits of what is unset.
    var width: Int { isPacked ? 1 : keys.count + 1 }

    /// Whether nothing but the number of rows is asked.
    var isCount: Bool {
        guard keys.isEmpty else { return false }
        return aggregates.allSatisfy { if case .countRows = $0 { true } else { false } }
    }
}
