// SPDX-License-Identifier: Apache-2.0
//
// A SELECT with aggregates, GROUP BY or DISTINCT as an aggregation and a statement over its groups.
//
// Leaves  where the rows come from (VectorPlan).

import Records
import Store

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
        return GroupStatement(source: source, plan: plan, rest: (head, tail), choice: choice())
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
            // GROUP BY 1 says what stands there, and not 1.
            guard let meant = meant(expression), !meant.hasAggregate, let key = key(meant) else {
                _ = refuse(meant(expression) ?? expression)
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
        if name == "min" || name == "max", case .cases(let cases, hasBase: false, hasElse: false)? = parts.first?.kind,
            parts.count == 1, cases.count == 2, let filter = RowFilter.make(cases[0], names), let key = key(cases[1])
        {
            // The rows of which the condition is not true have NULL, which is no value.
            return .filtered(.extreme(key, isGreatest: name == "max"), filter)
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

    // MARK: which groups it is about

    /// What HAVING, ORDER BY and LIMIT leave of the groups, as far as it is simple.
    private mutating func choice() -> GroupChoice {
        var choice = GroupChoice()
        guard !plan.keys.isEmpty else { return choice }
        var isComplete = true
        for condition in select.having.map(GroupStatementMaker.conjuncts) ?? [] {
            if let known = self.condition(condition) { choice.conditions.append(known) } else { isComplete = false }
        }
        // DISTINCT comes before LIMIT.
        guard isComplete, !select.isDistinct, let order = select.order.first, order.isPlain,
            let number = chooser(meant(order.expression)),
            case .integer(let limit)? = select.limit?.kind, 0..<1 << 20 ~= limit
        else { return choice }
        var offset: Int64 = 0
        if let given = select.offset {
            guard case .integer(let value) = given.kind, 0..<1 << 20 ~= value else { return choice }
            offset = value
        }
        choice.top = (number, order.isDescending, Int(limit + offset))
        return choice
    }

    /// `count(*) > 500`, also by an alias and the other way round.
    private mutating func condition(
        _ expression: SQLExpression
    ) -> (aggregate: Int, test: NumericTest, value: Double)? {
        guard case .binary(let name, let left, let right) = expression.kind, let test = NumericTest(name) else {
            return nil
        }
        let isTurned = if case .integer = left.kind { true } else { false }
        guard case .integer(let value) = (isTurned ? left : right).kind,
            value.magnitude < GroupChoice.valueMax.magnitude,
            let number = chooser(unaliased(isTurned ? right : left))
        else { return nil }
        return (number, isTurned ? test.mirrored : test, Double(value))
    }

    private mutating func chooser(_ expression: SQLExpression?) -> Int? {
        guard let expression, expression.isAggregate, !hasTwoMeanings(expression), let number = aggregate(expression),
            GroupChoice.isChooser(plan.aggregates[number])
        else { return nil }
        return number
    }

    private static func conjuncts(_ expression: SQLExpression) -> [SQLExpression] {
        guard case .binary("AND", let left, let right) = expression.kind else { return [expression] }
        return conjuncts(left) + conjuncts(right)
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
                _ = refuse(meant(term.expression) ?? term.expression)
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
