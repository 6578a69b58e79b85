// SPDX-License-Identifier: Apache-2.0
//
// A WHERE of SQL as a `RowFilter`.
//
// Reads   an expression and the table's columns.
// Writes  exact tests, or nothing where one cannot be exact.
// Leaves  SQLite's conversions between texts and numbers beyond the few here.

import Records
import Store

/// Which columns a statement uses, as they are found.
final class ColumnUse {
    var columns: Set<Int> = []
}

/// The columns of the statement's tables by name: of one, or of two that are joined, one behind the other.
struct ColumnNames {
    /// The table; of a join all columns of both.
    let table: QueryTable
    /// What the statement calls a table, and its columns.
    private let parts: [(alias: String, columns: Range<Int>)]
    let use = ColumnUse()

    init(_ table: QueryTable, _ named: SQLTable?) {
        self.table = table
        parts = [((named?.alias ?? named?.name ?? table.name).lowercased(), 0..<table.columns.count)]
    }

    init(_ left: QueryTable, _ leftName: SQLTable, _ right: QueryTable, _ rightName: SQLTable) {
        table = QueryTable(name: "", log: "", columns: left.columns + right.columns, list: nil)
        parts = [
            ((leftName.alias ?? leftName.name).lowercased(), 0..<left.columns.count),
            ((rightName.alias ?? rightName.name).lowercased(), left.columns.count..<table.columns.count),
        ]
    }

    /// The column that an expression is; nil where it is none, or none that the vectors have.
    func column(_ expression: SQLExpression) -> Int? {
        guard case .column(let table, let name) = expression.kind else { return nil }
        let lower = name.lowercased()
        for part in parts where table == nil || part.alias == table?.lowercased() {
            guard let index = part.columns.first(where: { self.table.columns[$0].name.lowercased() == lower }) else {
                continue
            }
            guard !self.table.columns[index].valueKind.isList else { return nil }
            use.columns.insert(index)
            return index
        }
        return nil
    }

    func kind(_ column: Int) -> ColumnKind { table.columns[column].valueKind }

    /// Arithmetic over columns and numbers.
    func numeric(_ expression: SQLExpression) -> NumericExpression? {
        switch expression.kind {
        case .integer(let value): return .integer(value)
        case .real(let value): return .real(value)
        case .column:
            guard let column = column(expression), kind(column).isNumeric else { return nil }
            return .column(column, kind(column))
        case .unary("-", let part): return numeric(part).map { .negate($0) }
        case .unary("+", let part): return numeric(part)
        case .binary(let name, let left, let right):
            guard let left = numeric(left), let right = numeric(right) else { return nil }
            switch name {
            case "+": return .add(left, right)
            case "-": return .subtract(left, right)
            case "*": return .multiply(left, right)
            case "/": return .divide(left, right)
            default: return nil
            }
        case .call(let name, let parts, isDistinct: false, isStar: false)
        where (name == "coalesce" || name == "ifnull") && parts.count == 2:
            guard let left = numeric(parts[0]), let right = numeric(parts[1]) else { return nil }
            let made = NumericExpression.coalesce(left, right)
            return made.isMixed ? nil : made
        case .cases(let parts, let hasBase, let hasElse):
            return cases(parts, hasBase: hasBase, hasElse: hasElse)
        case .cast(let part, let type) where ["REAL", "DOUBLE", "DOUBLE PRECISION", "FLOAT"].contains(type):
            return numeric(part).map { .toReal($0) }
        case .call(let name, let parts, isDistinct: false, isStar: false):
            return timeNumber(name, parts) ?? numberFunction(expression).map { .function($0) }
        default: return nil
        }
    }

    /// A number, or what is true of a row as 1 and 0.
    func numericOrTruth(_ expression: SQLExpression) -> NumericExpression? {
        if let number = numeric(expression) { return number }
        guard let filter = RowFilter.make(expression, self),
            let opposite = RowFilter.make(expression, self, isTrue: false)
        else { return nil }
        return .truth(filter, opposite: opposite)
    }

    private func cases(_ parts: [SQLExpression], hasBase: Bool, hasElse: Bool) -> NumericExpression? {
        guard !hasBase else { return nil }
        var made: [(RowFilter, NumericExpression)] = []
        let pairs = hasElse ? parts.count - 1 : parts.count
        for index in stride(from: 0, to: pairs, by: 2) {
            guard let filter = RowFilter.make(parts[index], self), parts[index + 1].kind != .null,
                let value = numeric(parts[index + 1])
            else { return nil }
            made.append((filter, value))
        }
        var otherwise: NumericExpression?
        if hasElse, let last = parts.last, last.kind != .null {
            guard let value = numeric(last) else { return nil }
            otherwise = value
        }
        let cases = NumericExpression.cases(made, otherwise: otherwise)
        return made.isEmpty || cases.isMixed ? nil : cases
    }

    /// `epoch(ts)` and its like, without a detour by texts.
    private func timeNumber(_ name: String, _ parts: [SQLExpression]) -> NumericExpression? {
        guard parts.count == 1, let column = column(parts[0]), kind(column) == .time else { return nil }
        switch name {
        case "epoch": return .time(column, per: 1_000_000, isReal: true)
        case "epoch_ms": return .time(column, per: 1000, isReal: false)
        case "epoch_us", "unix_micros": return .time(column, per: 1, isReal: false)
        case "unix_timestamp": return .time(column, per: 1_000_000, isReal: false)
        default: return nil
        }
    }
}

extension ColumnKind {
    /// Whether SQL has the values as numbers.
    var isNumeric: Bool { !isList && !isStoredAsText && self != .time }
}

extension RowFilter {
    /// The filter of an expression, or of its opposite; nil where SQLite must ask.
    static func make(_ expression: SQLExpression, _ names: ColumnNames, isTrue: Bool = true) -> RowFilter? {
        switch expression.kind {
        case .unary("NOT", let part): return make(part, names, isTrue: !isTrue)
        case .binary("AND", let left, let right), .binary("OR", let left, let right):
            guard let left = make(left, names, isTrue: isTrue), let right = make(right, names, isTrue: isTrue) else {
                return nil
            }
            guard case .binary("AND", _, _) = expression.kind else {
                return isTrue ? .or([left, right]) : .and([left, right])
            }
            return isTrue ? .and([left, right]) : .or([left, right])
        case .binary(let name, let left, let right): return comparison(name, left, right, names, isTrue)
        case .isNull(let part, let isNull):
            if let column = names.column(part) { return .test(column: column, isNull == isTrue ? .isNull : .isSet) }
            return names.textFunction(part).map { .function($0, .isNull(isNull == isTrue)) }
        case .between(let part, let low, let high, let isNot):
            guard let first = comparison(">=", part, low, names, isTrue != isNot),
                let second = comparison("<=", part, high, names, isTrue != isNot)
            else { return nil }
            return isTrue != isNot ? .and([first, second]) : .or([first, second])
        case .among(let part, let list, let isNot): return among(part, list, names, isTrue != isNot)
        case .column:
            // A number is true where it is not 0.
            guard let column = names.column(expression), names.kind(column).isNumeric else { return nil }
            let zero = SQLExpression(kind: .integer(0), range: expression.range)
            return comparison(isTrue ? "<>" : "=", expression, zero, names, true)
        case .integer(let value): return (value != 0) == isTrue ? .all : RowFilter.none
        case .call(let name, let parts, isDistinct: false, isStar: false):
            return call(name, parts, names, isTrue)
        default: return nil
        }
    }

    // MARK: comparisons

    private static func comparison(
        _ name: String, _ left: SQLExpression, _ right: SQLExpression, _ names: ColumnNames, _ isTrue: Bool
    ) -> RowFilter? {
        if name.hasSuffix("LIKE") || name.hasSuffix("GLOB") { return like(name, left, right, names, isTrue) }
        if name.hasSuffix("REGEXP") {
            let test: NumericTest = name.hasPrefix("NOT ") != isTrue ? .unequal : .equal
            guard let function = names.function("regexp", [right, left]) else { return nil }
            return .compare(.function(function), test, .integer(0))
        }
        guard let given = NumericTest(name) else { return nil }
        let test = isTrue ? given : given.opposite
        if let column = names.column(left), let value = literal(right) { return cell(column, test, value, names) }
        if let column = names.column(right), let value = literal(left) {
            return cell(column, test.mirrored, value, names)
        }
        if let first = names.column(left), let second = names.column(right),
            names.kind(first).isPlainText, names.kind(second).isPlainText
        {
            return test == .equal || test == .unequal ? .sameText(first, second, isEqual: test == .equal) : nil
        }
        if let function = names.textFunction(left), case .text(let text)? = literal(right) {
            return .function(function, .order(test, text))
        }
        if let function = names.textFunction(right), case .text(let text)? = literal(left) {
            return .function(function, .order(test.mirrored, text))
        }
        guard let first = names.numeric(left), let second = names.numeric(right) else { return nil }
        return .compare(first, test, second)
    }

    /// A value that stands in the statement.
    private static func literal(_ expression: SQLExpression) -> SQLValue? {
        switch expression.kind {
        case .integer(let value): return .integer(value)
        case .real(let value): return .real(value)
        case .text(let value): return .text(Array(value.utf8))
        case .null: return .null
        case .unary("-", let part):
            switch literal(part) {
            case .integer(let value)?: return .integer(0 &- value)
            case .real(let value)?: return .real(-value)
            default: return nil
            }
        default: return nil
        }
    }

    private static func cell(
        _ column: Int, _ test: NumericTest, _ value: SQLValue, _ names: ColumnNames
    ) -> RowFilter? {
        if value == .null { return RowFilter.none }
        let kind = names.kind(column)
        switch kind {
        case .time:
            let text: [UInt8]
            switch value {
            case .text(let octets): text = octets
            case .integer(let number): text = Array("\(number)".utf8)
            default: return nil
            }
            guard let time = TimeText.parse(text) else { return nil }
            return .test(column: column, .signed(ranges(test, time)))
        case .interval, .real:
            let number: Double
            switch value {
            case .integer(let whole) where abs(Double(whole)) < 9e15: number = Double(whole)
            case .real(let real): number = real
            default: return nil
            }
            return .test(column: column, kind == .interval ? .signed(seconds(test, number)) : .real(test, number))
        case .integer, .count, .port, .boolean: return whole(column, test, value, isSigned: kind == .integer)
        default:
            let text: [UInt8]
            switch value {
            case .text(let octets): text = octets
            case .integer(let number): text = Array("\(number)".utf8)
            default: return nil
            }
            switch test {
            case .equal: return .test(column: column, .texts([text], isIn: true))
            case .unequal: return .test(column: column, .texts([text], isIn: false))
            default: return .test(column: column, .textOrder(test, text))
            }
        }
    }

    /// A column of whole numbers against a number: a bound between two whole numbers is one of them.
    private static func whole(_ column: Int, _ test: NumericTest, _ value: SQLValue, isSigned: Bool) -> RowFilter? {
        var test = test
        let number: Int64
        switch value {
        case .integer(let whole): number = whole
        case .real(let real):
            guard abs(real) < 9e15 else { return nil }
            let floor = real.rounded(.down)
            number = Int64(floor)
            if floor != real {
                switch test {
                case .equal: return RowFilter.none
                case .unequal: return .test(column: column, .isSet)
                case .less: test = .lessOrEqual
                case .greaterOrEqual: test = .greater
                case .lessOrEqual, .greater: break
                }
            }
        default: return nil
        }
        let signed = ranges(test, number)
        if isSigned { return .test(column: column, .signed(signed)) }
        let unsigned: [ClosedRange<UInt64>] = signed.compactMap { range in
            guard range.upperBound >= 0 else { return nil }
            // Counts beyond 2^63 are greater than every whole number of SQL.
            let upper = range.upperBound == .max ? UInt64.max : UInt64(range.upperBound)
            return UInt64(max(0, range.lowerBound)) ... upper
        }
        return unsigned.isEmpty ? RowFilter.none : .test(column: column, .unsigned(unsigned))
    }

    /// Microseconds whose seconds, as SQL has them, are less than a number, equal to it, greater: seconds grow with
    /// microseconds, so that the first that is not less, and the first that is greater, say it all.
    private static func seconds(_ test: NumericTest, _ value: Double) -> [ClosedRange<Int64>] {
        /// The first number of microseconds that holds; nil where none does.
        func first(_ holds: (Double) -> Bool) -> Int64? {
            func isTrue(_ microseconds: Int64) -> Bool { holds(Double(microseconds) / 1_000_000) }
            guard isTrue(.max) else { return nil }
            var (low, high) = (Int64.min, Int64.max)
            while low < high {
                // The middle, rounded down, without an overflow.
                let middle = (low & high) &+ ((low ^ high) >> 1)
                if isTrue(middle) { high = middle } else { low = middle + 1 }
            }
            return low
        }
        let (reached, passed) = (first { $0 >= value }, first { $0 > value })
        func below(_ limit: Int64?) -> [ClosedRange<Int64>] {
            guard let limit else { return [.min ... .max] }
            return limit == .min ? [] : [.min ... (limit - 1)]
        }
        func from(_ limit: Int64?) -> [ClosedRange<Int64>] { limit.map { [$0 ... .max] } ?? [] }
        switch test {
        case .less: return below(reached)
        case .lessOrEqual: return below(passed)
        case .greater: return from(passed)
        case .greaterOrEqual: return from(reached)
        case .unequal: return below(reached) + from(passed)
        case .equal:
            guard let reached, reached != passed else { return [] }
            return [reached ... (passed.map { $0 - 1 } ?? .max)]
        }
    }

    private static func ranges(_ test: NumericTest, _ value: Int64) -> [ClosedRange<Int64>] {
        let below = value > .min ? [Int64.min ... value - 1] : []
        let above = value < .max ? [value + 1 ... Int64.max] : []
        return switch test {
        case .equal: [value...value]
        case .unequal: below + above
        case .less: below
        case .lessOrEqual: [Int64.min ... value]
        case .greater: above
        case .greaterOrEqual: [value ... Int64.max]
        }
    }

    // MARK: lists and patterns

    private static func among(
        _ part: SQLExpression, _ list: [SQLExpression], _ names: ColumnNames, _ isIn: Bool
    ) -> RowFilter? {
        let function = names.textFunction(part)
        guard let column = names.column(part) ?? (function == nil ? nil : -1) else { return nil }
        var values: [SQLValue] = []
        for item in list {
            guard let value = literal(item) else { return nil }
            values.append(value)
        }
        // x NOT IN (…, NULL) is never true; nothing is in an empty list, and all is not, unset cells too.
        if !isIn, values.contains(.null) { return RowFilter.none }
        values.removeAll { $0 == .null }
        if values.isEmpty { return isIn ? RowFilter.none : list.isEmpty ? .all : nil }
        if function != nil || names.kind(column).isPlainText {
            var texts: [[UInt8]] = []
            for value in values {
                // SQLite applies no affinity to a list of texts and numbers together; leave it that.
                guard case .text(let octets) = value else { return nil }
                texts.append(octets)
            }
            let sorted = texts.sorted { isBefore($0, $1) }
            return function.map { .function($0, .among(sorted, isIn: isIn)) }
                ?? .test(column: column, .texts(sorted, isIn: isIn))
        }
        var parts: [RowFilter] = []
        for value in values {
            if case .text = value, names.kind(column) != .time { return nil }
            if names.kind(column) == .time, case .integer = value { return nil }
            guard let made = cell(column, isIn ? .equal : .unequal, value, names) else { return nil }
            parts.append(made)
        }
        return isIn ? .or(parts) : .and(parts)
    }

    private static func like(
        _ name: String, _ left: SQLExpression, _ right: SQLExpression, _ names: ColumnNames, _ isTrue: Bool
    ) -> RowFilter? {
        guard name.hasSuffix("LIKE"), case .text(let text) = right.kind else { return nil }
        let pattern = LikePattern(Array(text.utf8))
        let isLike = name.hasPrefix("NOT ") != isTrue
        if let column = names.column(left), names.kind(column).isPlainText {
            return .test(column: column, .like(pattern, isLike: isLike))
        }
        return names.textFunction(left).map { .function($0, .like(pattern, isLike: isLike)) }
    }

    private static func call(
        _ name: String, _ parts: [SQLExpression], _ names: ColumnNames, _ isTrue: Bool
    ) -> RowFilter? {
        if name == "in_cidr", parts.count == 2, let column = names.column(parts[0]),
            names.kind(column) == .address, case .text(let text) = parts[1].kind, let network = AddressPrefix(text)
        {
            return .test(column: column, .network(network, isIn: isTrue))
        }
        guard let function = names.function(name, parts), function.outcome != .text else { return nil }
        return .compare(.function(function), isTrue ? .unequal : .equal, .integer(0))
    }
}

extension ColumnKind {
    /// Whether SQL has the values as texts that are compared by their octets.
    var isPlainText: Bool { isStoredAsText && !isList }
}
