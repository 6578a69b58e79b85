// SPDX-License-Identifier: Apache-2.0
//
// Two tables joined by equal columns: what is asked of each alone, what joins them, what is asked of the pairs.
//
// Reads   the conditions of ON and WHERE, which mean the same for an inner join.
// Leaves  doing it (JoinRun); outer joins (SQLite).

import Records

struct JoinPlan {
    let left: QueryTable
    let right: QueryTable
    /// What is asked of each table alone; the columns are its own.
    let leftFilter: RowFilter
    let rightFilter: RowFilter
    /// Columns that are equal, each counted in its own table.
    let keys: [(left: Int, right: Int)]
    /// What is asked of the pairs; the columns of the right table come behind those of the left.
    let pairFilter: RowFilter
    /// Columns of both that the statement uses beside the keys.
    var used: Set<Int> = []

    static func make(
        left: (table: QueryTable, named: SQLTable), right: (table: QueryTable, named: SQLTable),
        _ conditions: [SQLExpression], _ names: ColumnNames, _ statement: String
    ) throws(VectorRefusal) -> JoinPlan {
        let leftNames = ColumnNames(left.table, left.named)
        let rightNames = ColumnNames(right.table, right.named)
        var (leftParts, rightParts, pairParts): ([RowFilter], [RowFilter], [RowFilter]) = ([], [], [])
        var keys: [(left: Int, right: Int)] = []
        for condition in conditions.flatMap(conjuncts) {
            if case .binary("=", let first, let second) = condition.kind {
                let pair =
                    key(leftNames, first, rightNames, second) ?? key(leftNames, second, rightNames, first)
                if let pair {
                    keys.append(pair)
                    continue
                }
            }
            if let own = RowFilter.make(condition, leftNames) {
                leftParts.append(own)
            } else if let own = RowFilter.make(condition, rightNames) {
                rightParts.append(own)
            } else {
                pairParts.append(try VectorPlan.made(condition, names, statement))
            }
        }
        guard !keys.isEmpty else { throw VectorRefusal(reason: "no column of one table equals one of the other") }
        return JoinPlan(
            left: left.table, right: right.table, leftFilter: .and(leftParts), rightFilter: .and(rightParts),
            keys: keys, pairFilter: pairParts.isEmpty ? .all : .and(pairParts))
    }

    private static func conjuncts(_ expression: SQLExpression) -> [SQLExpression] {
        guard case .binary("AND", let left, let right) = expression.kind else { return [expression] }
        return conjuncts(left) + conjuncts(right)
    }

    private static func key(
        _ leftNames: ColumnNames, _ left: SQLExpression, _ rightNames: ColumnNames, _ right: SQLExpression
    ) -> (left: Int, right: Int)? {
        guard let first = leftNames.column(left), let second = rightNames.column(right),
            isComparable(leftNames.kind(first), rightNames.kind(second))
        else { return nil }
        return (first, second)
    }

    /// Whether equal words, or equal texts, are equal in SQL and the other way round.
    private static func isComparable(_ left: ColumnKind, _ right: ColumnKind) -> Bool {
        if left.isPlainText || right.isPlainText { return left.isPlainText && right.isPlainText }
        let counts: [ColumnKind] = [.count, .port, .boolean]
        return left == .time && right == .time || left == .integer && right == .integer
            || counts.contains(left) && counts.contains(right)
    }
}
