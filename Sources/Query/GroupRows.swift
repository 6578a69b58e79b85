// SPDX-License-Identifier: Apache-2.0
//
// Groups and their aggregates as a table for SQLite: `k0, k1 …, a0, a1 …`, one row a group.
//
// Reads   an `Aggregation` that is done.
// Writes  cells as SQL has them.

import Records
import Store

/// The finished groups of a statement, those that a choice leaves.
final class GroupRows: ComputedRows {
    let plan: AggregationPlan
    private let parts: [GroupPart]
    private let texts: KeyTexts
    /// Rows of the parts before each, or the groups that were chosen: part and number.
    private let starts: [Int]
    private let chosen: [ChosenGroup]?
    /// By part and aggregate the quantile of each group; nothing for other aggregates.
    private let quantiles: [[[Double?]]]
    let count: Int

    init(_ groups: Aggregation, _ choice: GroupChoice = GroupChoice()) {
        plan = groups.plan
        parts = groups.parts
        texts = groups.texts
        var starts: [Int] = []
        var total = 0
        for part in parts {
            starts.append(total)
            total += part.groups.count
        }
        self.starts = starts
        chosen = choice.chosen(of: parts)
        count = chosen?.count ?? total
        quantiles = ScanCores.map(parts.count) { [parts] number in
            groups.plan.aggregates.enumerated().map { index, aggregate in
                guard case .quantile(_, let share) = aggregate.inner else { return [] }
                return GroupRows.quantiles(parts[number].columns[index], share, groups: parts[number].groups.count)
            }
        }
    }

    private static func quantiles(_ column: AggregateColumn, _ share: Double, groups: Int) -> [Double?] {
        var ends = [Int](repeating: 0, count: groups)
        for group in column.groups { ends[Int(group)] += 1 }
        var total = 0
        for group in 0..<groups {
            let own = ends[group]
            ends[group] = total
            total += own
        }
        var sorted = [Double](repeating: 0, count: total)
        for (value, group) in zip(column.values, column.groups) {
            sorted[ends[Int(group)]] = value
            ends[Int(group)] += 1
        }
        return (0..<groups).map { group in
            var own = Array(sorted[(group == 0 ? 0 : ends[group - 1])..<ends[group]])
            return quantile(&own, share)
        }
    }

    /// What SQLite is told about the columns: keys have the types that they have in their table, so that they
    /// compare, and are shown, as they would be there.
    var declaration: String {
        var names: [String] = []
        for (number, key) in plan.keys.enumerated() { names.append("k\(number) \(key.declaredType ?? "")") }
        for number in plan.aggregates.indices { names.append("a\(number)") }
        if names.isEmpty { names.append("none") }
        return "CREATE TABLE x(\(names.joined(separator: ", ")))"
    }

    private func place(of row: Int) -> (part: Int, group: Int) {
        if let chosen { return (chosen[row].part, chosen[row].group) }
        var (low, high) = (0, parts.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if starts[middle] <= row { low = middle } else { high = middle - 1 }
        }
        return (low, row - starts[low])
    }

    /// The cell of a column; the octets of a text go into `scratch`.
    func cell(_ row: Int, _ column: Int, _ scratch: inout [UInt8]) -> Cell {
        let (number, row) = place(of: row)
        if column < plan.keys.count { return key(number, row, column, &scratch) }
        let index = column - plan.keys.count
        guard index < plan.aggregates.count else { return .null }
        switch plan.aggregates[index].inner {
        case .countRows, .count, .countDistinct, .countIf, .filtered:
            return .integer(parts[number].columns[index].counts[row])
        case .sum:
            guard parts[number].columns[index].counts[row] > 0 else { return .null }
            return parts[number].columns[index].reals.isEmpty
                ? .integer(parts[number].columns[index].sums[row]) : .real(parts[number].columns[index].reals[row])
        case .total: return .real(sum(number, index, row))
        case .average:
            let count = parts[number].columns[index].counts[row]
            return count > 0 ? .real(sum(number, index, row) / Double(count)) : .null
        case .moment(_, let moment):
            return parts[number].columns[index].moments[row].value(moment).map { .real($0) } ?? .null
        case .quantile: return quantiles[number][index][row].map { .real($0) } ?? .null
        case .extreme(let key, _):
            guard parts[number].columns[index].isSet[row] else { return .null }
            return value(parts[number].columns[index].words[row], key, &scratch)
        }
    }

    private func sum(_ number: Int, _ index: Int, _ row: Int) -> Double {
        parts[number].columns[index].reals.isEmpty
            ? Double(parts[number].columns[index].sums[row]) : parts[number].columns[index].reals[row]
    }

    private func key(_ part: Int, _ row: Int, _ number: Int, _ scratch: inout [UInt8]) -> Cell {
        if plan.isPacked {
            let code = parts[part].groups.keys[row] >> (UInt64(number) * 32) & TextCoder.unset
            return code == TextCoder.unset ? .null : value(code, plan.keys[number], &scratch)
        }
        let start = row * plan.width
        let mask = parts[part].groups.keys[start + plan.width - 1]
        guard mask & (1 << UInt64(number)) == 0 else { return .null }
        return value(parts[part].groups.keys[start + number], plan.keys[number], &scratch)
    }

    private func value(_ word: UInt64, _ key: GroupKey, _ scratch: inout [UInt8]) -> Cell {
        if key.isText {
            scratch.append(contentsOf: texts.pool[Int(word)])
            return .text
        }
        switch key {
        case .number(let expression):
            return expression.isReal ? .real(Double(bitPattern: word)) : .integer(Int64(bitPattern: word))
        case .timeStep(_, _, let digits):
            let start = scratch.count
            TimeText.append(Int64(bitPattern: word), to: &scratch)
            scratch.removeLast(scratch.count - start - digits)
            return .text
        case .column(_, let kind):
            // Seconds and reals were grouped by what SQL sees of them.
            if kind == .interval || kind == .real { return .real(Double(bitPattern: word)) }
            return Cell(word: word, kind, &scratch)
        case .function: return .null
        }
    }
}
