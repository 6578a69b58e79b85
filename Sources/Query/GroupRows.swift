// SPDX-License-Identifier: Apache-2.0
//
// Groups and their aggregates as a table for SQLite: `k0, k1 …, a0, a1 …`, one row a group.
//
// Reads   an `Aggregation` that is done.
// Writes  cells as SQL has them.

import Records
import Store

/// The finished groups of a statement.
final class GroupRows: ComputedRows {
    let plan: AggregationPlan
    private let groups: GroupTable
    private let columns: [AggregateColumn]
    private let texts: TextDictionary

    init(_ aggregation: Aggregation) {
        plan = aggregation.plan
        groups = aggregation.groups
        columns = aggregation.columns
        texts = aggregation.texts
    }

    var count: Int { groups.count }

    /// What SQLite is told about the columns: keys have the types that they have in their table, so that they
    /// compare, and are shown, as they would be there.
    var declaration: String {
        var names: [String] = []
        for (number, key) in plan.keys.enumerated() { names.append("k\(number) \(key.declaredType ?? "")") }
        for number in plan.aggregates.indices { names.append("a\(number)") }
        if names.isEmpty { names.append("none") }
        return "CREATE TABLE x(\(names.joined(separator: ", ")))"
    }

    /// The cell of a column; the octets of a text go into `scratch`.
    func cell(_ row: Int, _ column: Int, _ scratch: inout [UInt8]) -> Cell {
        if column < plan.keys.count { return key(row, column, &scratch) }
        let index = column - plan.keys.count
        guard index < plan.aggregates.count else { return .null }
        switch plan.aggregates[index] {
        case .countRows, .count, .countDistinct: return .integer(columns[index].counts[row])
        case .sum:
            guard columns[index].counts[row] > 0 else { return .null }
            return columns[index].reals.isEmpty ? .integer(columns[index].sums[row]) : .real(columns[index].reals[row])
        case .total: return .real(sum(index, row))
        case .average:
            guard columns[index].counts[row] > 0 else { return .null }
            return .real(sum(index, row) / Double(columns[index].counts[row]))
        case .extreme(let key, _):
            return columns[index].isSet[row] ? value(columns[index].words[row], key, &scratch) : .null
        }
    }

    private func sum(_ index: Int, _ row: Int) -> Double {
        columns[index].reals.isEmpty ? Double(columns[index].sums[row]) : columns[index].reals[row]
    }

    private func key(_ row: Int, _ number: Int, _ scratch: inout [UInt8]) -> Cell {
        if plan.isPacked {
            let code = groups.keys[row] >> (UInt64(number) * 32) & AggregationPlan.unsetCode
            return code == AggregationPlan.unsetCode ? .null : value(code, plan.keys[number], &scratch)
        }
        let start = row * plan.width
        let mask = groups.keys[start + plan.width - 1]
        guard mask & (1 << UInt64(number)) == 0 else { return .null }
        return value(groups.keys[start + number], plan.keys[number], &scratch)
    }

    private func value(_ word: UInt64, _ key: GroupKey, _ scratch: inout [UInt8]) -> Cell {
        switch key {
        case .number(let expression):
            return expression.isReal ? .real(Double(bitPattern: word)) : .integer(Int64(bitPattern: word))
        case .timePrefix(_, _, let digits):
            let start = scratch.count
            TimeText.append(Int64(bitPattern: word), to: &scratch)
            scratch.removeLast(scratch.count - start - digits)
            return .text
        case .column(_, let kind):
            if kind.isStoredAsText {
                scratch.append(contentsOf: texts.pool[Int(word)])
                return .text
            }
            // Seconds and reals were grouped by what SQL sees of them.
            if kind == .interval || kind == .real { return .real(Double(bitPattern: word)) }
            return Cell(word: word, kind, &scratch)
        }
    }
}
