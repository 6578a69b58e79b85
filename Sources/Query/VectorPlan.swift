// SPDX-License-Identifier: Apache-2.0
//
// What of a statement the vectorised path does, and what is left for SQLite to ask of the outcome.
//
// Reads   a statement and the tables.
// Writes  a filter, an aggregation, and the statement over the groups; or a filter and an order for the rows.
// Leaves  everything that it does not understand: nil, and SQLite does it all.

import Records
import Store

/// Where the rows of a statement come from.
enum RowSource {
    case scan(QueryTable, RowFilter)
    case join(JoinPlan)
}

/// A SELECT with aggregates, GROUP BY or DISTINCT.
struct GroupStatement {
    var source: RowSource
    var plan: AggregationPlan
    /// Columns that are read.
    var used: Set<Int> = []
    /// The same question over the groups, around the name of their table.
    var rest: (head: String, tail: String)
    /// The groups that it can be about.
    var choice = GroupChoice()

    func text(over table: String) -> String { rest.head + table + rest.tail }
}

/// A SELECT whose rows are found by the vectorised path; it is then asked of these alone.
struct RowStatement {
    var table: QueryTable
    /// Where the statement names the table.
    var named: SQLTable
    var filter: RowFilter
    /// The one column and the number of rows that matter; nil for all rows.
    var top: (column: Int, isDescending: Bool, count: Int)?
    /// Columns that are read to find them.
    var used: Set<Int> = []
    /// Columns that the statement asks of what was found, as far as they are no lists.
    var asked: Set<Int> = []
}

enum VectorPlan {
    case groups(GroupStatement)
    case rows(RowStatement)

    /// - Parameter isWhole: whether it is the whole statement; only then are rows found beforehand, since SQLite may
    ///   know more of what is wanted of a part.
    static func make(
        _ select: SQLSelect, _ statement: String, _ tables: [QueryTable], isWhole: Bool
    ) throws(VectorRefusal) -> VectorPlan {
        let table = try known(select.table, tables)
        let isGrouped = select.isDistinct || !select.groups.isEmpty || select.hasAggregate
        if let (other, on) = select.joined {
            guard isGrouped else { throw VectorRefusal(reason: "a join whose rows are asked for is SQLite's") }
            let names = ColumnNames(table, select.table, try known(other, tables), other)
            let join = try JoinPlan.make(
                left: (table, select.table), right: (try known(other, tables), other),
                [on, select.filter].compactMap { $0 }, names, statement)
            return .groups(try groups(select, statement, names, .join(join)))
        }
        let names = ColumnNames(table, select.table)
        var filter = RowFilter.all
        if let expression = select.filter { filter = try made(expression, names, statement) }
        if isGrouped { return .groups(try groups(select, statement, names, .scan(table, filter))) }
        guard isWhole, table.list == nil, case .rows(var found)? = rows(select, names, filter) else {
            throw VectorRefusal(reason: "rows are asked for as they come")
        }
        found.used = names.use.columns
        found.asked = asked(select, names)
        return .rows(found)
    }

    private static func asked(_ select: SQLSelect, _ names: ColumnNames) -> Set<Int> {
        guard !select.isStar else {
            return Set(names.table.columns.indices.filter { !names.kind($0).isList })
        }
        func columns(_ expression: SQLExpression) -> [Int] {
            (names.column(expression).map { [$0] } ?? []) + expression.parts.flatMap(columns)
        }
        let expressions = select.items.map(\.expression) + select.order.map(\.expression)
        return Set((expressions + (select.filter.map { [$0] } ?? [])).flatMap(columns))
    }

    private static func known(_ named: SQLTable, _ tables: [QueryTable]) throws(VectorRefusal) -> QueryTable {
        guard let table = tables.first(where: { $0.name.lowercased() == named.name.lowercased() }) else {
            throw VectorRefusal(reason: "\(named.name) is not a table of the store")
        }
        return table
    }

    private static func groups(
        _ select: SQLSelect, _ statement: String, _ names: ColumnNames, _ source: RowSource
    ) throws(VectorRefusal) -> GroupStatement {
        var maker = GroupStatementMaker(statement, select, names)
        guard var made = maker.make(source) else {
            throw VectorRefusal(reason: "the vectorised path does not know \(maker.refused ?? "its groups")")
        }
        made.used = names.use.columns
        if case .join(var join) = made.source {
            join.used = made.used
            made.source = .join(join)
        }
        return made
    }

    /// The filter of a condition.
    static func made(
        _ expression: SQLExpression, _ names: ColumnNames, _ statement: String
    ) throws(VectorRefusal) -> RowFilter {
        if case .binary("AND", let left, let right) = expression.kind {
            return .and([try made(left, names, statement), try made(right, names, statement)])
        }
        guard !expression.hasAggregate, let made = RowFilter.make(expression, names) else {
            throw VectorRefusal(
                reason: "the vectorised path does not know \(SQLExpression.text(expression, in: statement))")
        }
        return made
    }

    private static func rows(_ select: SQLSelect, _ names: ColumnNames, _ filter: RowFilter) -> VectorPlan? {
        if case .all = filter, select.order.isEmpty { return nil }
        guard case .integer(let limit)? = select.limit?.kind else {
            // All rows are wanted: what a filter leaves is found on all cores.
            if case .all = filter { return nil }
            guard select.limit == nil else { return nil }
            return .rows(RowStatement(table: names.table, named: select.table, filter: filter, top: nil))
        }
        // The first rows that come are wanted: SQLite stops when it has them.
        guard let order = select.order.first else { return nil }
        var offset: Int64 = 0
        if let given = select.offset {
            guard case .integer(let value) = given.kind else { return nil }
            offset = value
        }
        let isAlias = select.items.contains { item in
            guard case .column(nil, let name) = order.expression.kind else { return false }
            return item.alias?.lowercased() == name.lowercased()
        }
        guard select.order.count == 1, order.isPlain, !isAlias, let column = names.column(order.expression),
            !names.kind(column).isPlainText, limit >= 0, offset >= 0, limit < 1 << 20, offset < 1 << 20
        else { return .rows(RowStatement(table: names.table, named: select.table, filter: filter, top: nil)) }
        let top = (column: column, isDescending: order.isDescending, count: Int(limit + offset))
        return .rows(RowStatement(table: names.table, named: select.table, filter: filter, top: top))
    }
}

extension SQLSelect {
    var hasAggregate: Bool {
        items.contains { $0.expression.hasAggregate } || order.contains { $0.expression.hasAggregate }
            || having?.hasAggregate ?? false
    }
}

extension SQLExpression {
    static let aggregateNames = Set(
        ["count", "sum", "total", "avg", "min", "max", "group_concat", "string_agg", "json_group_array"]
            + ["json_group_object"] + SQLAggregate.all.map(\.name))

    /// Whether it is one aggregate.
    var isAggregate: Bool {
        if case .filtered(let inner, _) = kind { return inner.isAggregate }
        guard case .call(let name, let parts, _, _) = kind else { return false }
        // min and max of several values are functions of one row.
        if name == "min" || name == "max" { return parts.count == 1 }
        return SQLExpression.aggregateNames.contains(name)
    }

    var hasAggregate: Bool { isAggregate || parts.contains(where: \.hasAggregate) }

    /// The text of an expression for people, cut where it is long.
    static func text(_ expression: SQLExpression, in statement: String) -> String {
        let text = String(decoding: Array(statement.utf8)[expression.range], as: UTF8.self)
        return text.count <= 60 ? text : text.prefix(59) + "…"
    }
}
