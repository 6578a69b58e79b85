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
        return .rows(found)
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

/// Makes the parts of a `GroupStatement`, or finds that it is none.
struct GroupStatementMaker {
    private let statement: [UInt8]
    private let select: SQLSelect
    private let names: ColumnNames
    private var keyExpressions: [SQLExpression] = []
    private var aggregateExpressions: [SQLExpression] = []
    private var plan = AggregationPlan(keys: [], aggregates: [])
    /// What was not understood, for people.
    private(set) var refused: String?

    init(_ statement: String, _ select: SQLSelect, _ names: ColumnNames) {
        self.statement = Array(statement.utf8)
        self.select = select
        self.names = names
    }

    mutating func make(_ source: RowSource) -> GroupStatement? {
        guard !select.isStar, findKeys() else { return nil }
        var items: [String] = []
        for item in select.items {
            guard let text = rewritten(item.expression) else { return refuse(item.expression) }
            items.append("\(text) AS \(quoted(name(of: item)))")
        }
        let head = "SELECT \(select.isDistinct && !select.groups.isEmpty ? "DISTINCT " : "")"
            + items.joined(separator: ", ") + " FROM "
        var tail = ""
        if let having = select.having {
            guard let text = rewritten(unaliased(having)) else { return refuse(having) }
            tail += " WHERE \(text)"
        }
        guard let order = order() else { return nil }
        tail += order
        for (word, part) in [("LIMIT", select.limit), ("OFFSET", select.offset)] {
            guard let part else { continue }
            guard let text = rewritten(part) else { return refuse(part) }
            tail += " \(word) \(text)"
        }
        return GroupStatement(source: source, plan: plan, rest: (head, tail))
    }

    private mutating func refuse(_ expression: SQLExpression) -> GroupStatement? {
        refused = SQLExpression.text(expression, in: String(decoding: statement, as: UTF8.self))
        return nil
    }

    // MARK: keys

    private mutating func findKeys() -> Bool {
        let given = select.groups.isEmpty && select.isDistinct ? select.items.map(\.expression) : select.groups
        if select.isDistinct, select.groups.isEmpty, given.contains(where: \.hasAggregate) { return false }
        for expression in given {
            guard let meant = meant(expression), !meant.hasAggregate, let key = key(meant) else {
                _ = refuse(expression)
                return false
            }
            guard !keyExpressions.contains(meant) else { continue }
            keyExpressions.append(meant)
            plan.keys.append(key)
        }
        return plan.keys.count <= 16
    }

    /// What a term of GROUP BY or ORDER BY names: a column of the answer by its number or its alias, or itself.
    private func meant(_ expression: SQLExpression) -> SQLExpression? {
        if case .integer(let number) = expression.kind {
            return 1...Int64(select.items.count) ~= number ? select.items[Int(number) - 1].expression : nil
        }
        return unaliased(expression)
    }

    /// The expression behind an alias. Where an alias is a column's name too, the two must be the same.
    private func unaliased(_ expression: SQLExpression) -> SQLExpression {
        guard case .column(nil, let name) = expression.kind else { return expression }
        let lower = name.lowercased()
        guard let item = select.items.first(where: { $0.alias?.lowercased() == lower }) else { return expression }
        return item.expression
    }

    private func hasTwoMeanings(_ expression: SQLExpression) -> Bool {
        if case .column(nil, let name) = expression.kind,
            let item = select.items.first(where: { $0.alias?.lowercased() == name.lowercased() }),
            names.table.columns.contains(where: { $0.name.lowercased() == name.lowercased() }),
            item.expression != expression
        {
            return true
        }
        return expression.parts.contains(where: hasTwoMeanings)
    }

    private func key(_ expression: SQLExpression) -> GroupKey? {
        if let column = names.column(expression) { return .column(column, names.kind(column)) }
        if let step = timeStep(expression) { return step }
        if let function = names.textFunction(expression) { return .function(function) }
        guard let number = names.numeric(expression) else { return nil }
        switch number {
        // A constant in GROUP BY is a column's number; elsewhere it is no key.
        case .integer, .real: return nil
        default: return .number(number)
        }
    }

    /// A time cut at its day, hour, minute or second: `substr(ts, 1, 13)`, `date_trunc('hour', ts)`, `time_bucket`.
    private func timeStep(_ expression: SQLExpression) -> GroupKey? {
        guard case .call(let name, let parts, isDistinct: false, isStar: false) = expression.kind else { return nil }
        if name == "substr" || name == "substring" {
            guard parts.count == 3, let column = names.column(parts[0]), names.kind(column) == .time,
                parts[1].kind == .integer(1), case .integer(let digits) = parts[2].kind
            else { return nil }
            let steps: [Int64: Int64] = [10: 86_400_000_000, 13: 3_600_000_000, 16: 60_000_000, 19: 1_000_000]
            return steps[digits].map { .timeStep(column, .fixed($0, origin: 0), digits: Int(digits)) }
        }
        guard name == "date_trunc" || name == "time_bucket", parts.count == 2, case .text(let width) = parts[0].kind,
            let column = names.column(parts[1]), names.kind(column) == .time
        else { return nil }
        let octets = Array(width.utf8)
        let step = name == "date_trunc" ? try? TimeStep(part: octets) : try? TimeStep(width: octets)
        return step.map { .timeStep(column, $0, digits: TimeText.octetCount) }
    }

    // MARK: aggregates

    private mutating func aggregate(_ expression: SQLExpression) -> Int? {
        if let known = aggregateExpressions.firstIndex(of: expression) { return known }
        guard let made = aggregate(of: expression) else { return nil }
        aggregateExpressions.append(expression)
        plan.aggregates.append(made)
        return plan.aggregates.count - 1
    }

    private func aggregate(of expression: SQLExpression) -> Aggregate? {
        if case .filtered(let call, let condition) = expression.kind {
            guard let inner = aggregate(of: call), let filter = RowFilter.make(condition, names) else { return nil }
            // A count of distinct texts goes on with a filter; so do all others.
            return .filtered(inner, filter)
        }
        guard case .call(let name, let parts, let isDistinct, let isStar) = expression.kind,
            !isStar || parts.isEmpty
        else { return nil }
        if isDistinct {
            guard name == "count", parts.count == 1 else { return nil }
            return key(parts[0]).map { .countDistinct($0) }
        }
        switch (name, parts.count) {
        case ("count", 0): return .countRows
        case ("count", 1):
            if let key = key(parts[0]) { return .count(key) }
            return names.numericOrTruth(parts[0]).map { .count(.number($0)) }
        case ("approx_count_distinct", 1): return key(parts[0]).map { .countDistinct($0) }
        case ("count_if", 1): return RowFilter.make(parts[0], names).map { .countIf($0) }
        case ("sum", 1): return names.numericOrTruth(parts[0]).map { .sum($0) }
        case ("total", 1): return names.numericOrTruth(parts[0]).map { .total($0) }
        case ("avg", 1): return names.numericOrTruth(parts[0]).map { .average($0) }
        case ("min", 1), ("max", 1): return key(parts[0]).map { .extreme($0, isGreatest: name == "max") }
        case ("median", 1): return names.numeric(parts[0]).map { .quantile($0, share: 0.5) }
        case ("quantile_cont", 2), ("percentile", 2):
            guard let number = names.numeric(parts[0]), case .real(let share)? = names.numeric(parts[1])?.constant,
                0...1 ~= share
            else { return nil }
            return .quantile(number, share: share)
        case (_, 1):
            guard let moment = Moment.names.first(where: { $0.0 == name })?.1 else { return nil }
            return names.numeric(parts[0]).map { .moment($0, moment) }
        default: return nil
        }
    }

    // MARK: the statement over the groups

    /// The text of an expression with keys and aggregates as columns of the groups; nil where another column is left.
    private mutating func rewritten(_ expression: SQLExpression) -> String? {
        if let number = keyExpressions.firstIndex(of: expression) { return "k\(number)" }
        if expression.isAggregate { return aggregate(expression).map { "a\($0)" } }
        if hasTwoMeanings(expression) { return nil }
        if case .column(let table, let name) = expression.kind {
            // An alias of the answer, as in HAVING n > 500.
            let lower = name.lowercased()
            guard table == nil, names.column(expression) == nil,
                let item = select.items.first(where: { $0.alias?.lowercased() == lower }),
                item.expression != expression
            else { return nil }
            return rewritten(item.expression).map { "(\($0))" }
        }
        var text: [UInt8] = []
        var place = expression.range.lowerBound
        for part in expression.parts.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            guard let inner = rewritten(part), part.range.lowerBound >= place else { return nil }
            text += statement[place..<part.range.lowerBound]
            text += inner.utf8
            place = part.range.upperBound
        }
        text += statement[place..<expression.range.upperBound]
        return String(decoding: text, as: UTF8.self)
    }

    /// ORDER BY. Groups that are equal in it stand in the order of their keys, as SQLite's own grouping has them.
    private mutating func order() -> String? {
        var terms: [String] = []
        for term in select.order {
            guard term.isPlain, !hasTwoMeanings(term.expression), let meant = meant(term.expression),
                let text = rewritten(meant)
            else {
                _ = refuse(term.expression)
                return nil
            }
            // A bare number in ORDER BY would be a column of the answer.
            terms.append("(\(text))" + (term.isDescending ? " DESC" : ""))
        }
        for number in plan.keys.indices where !terms.contains("(k\(number))") && !terms.contains("(k\(number)) DESC") {
            terms.append("(k\(number))")
        }
        return terms.isEmpty ? "" : " ORDER BY " + terms.joined(separator: ", ")
    }

    /// The name of a column of the answer, as SQLite would give it.
    private func name(of item: SQLSelect.Item) -> String {
        if let alias = item.alias { return alias }
        if let column = names.column(item.expression) { return names.table.columns[column].name }
        return String(decoding: statement[item.expression.range], as: UTF8.self)
    }

    private func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
}
