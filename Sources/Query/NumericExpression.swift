// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic over columns, a page at a time, with SQLite's meaning.
//
// Reads   column vectors.
// Writes  whole numbers or reals with what is unset.
// Leaves  texts; whole numbers beyond 64 bits, where SQLite goes over to reals (`VectorFailure.notOurs`).

import Records
import Store

/// Numbers of some rows, in their order.
struct NumericValues {
    var isReal = false
    var integers: [Int64] = []
    var reals: [Double] = []
    /// Empty where every value is set.
    var isUnset: [Bool] = []

    @inline(__always) func isSet(_ index: Int) -> Bool { isUnset.isEmpty || !isUnset[index] }
    @inline(__always) func real(_ index: Int) -> Double { isReal ? reals[index] : Double(integers[index]) }

    var count: Int { isReal ? reals.count : integers.count }
}

indirect enum NumericExpression: Sendable {
    case integer(Int64)
    case real(Double)
    case column(Int, ColumnKind)
    case add(NumericExpression, NumericExpression)
    case subtract(NumericExpression, NumericExpression)
    case multiply(NumericExpression, NumericExpression)
    case divide(NumericExpression, NumericExpression)
    case negate(NumericExpression)
    /// The first where it is set, else the second.
    case coalesce(NumericExpression, NumericExpression)
    /// The value of the first condition that is true, else the last, else unset.
    case cases([(RowFilter, NumericExpression)], otherwise: NumericExpression?)
    /// 1 where the first is true, 0 where the second, its opposite, is, else unset.
    case truth(RowFilter, opposite: RowFilter)
    case toReal(NumericExpression)
    /// A time in microseconds divided by these; whole numbers (rounded down) or reals.
    case time(Int, per: Int64, isReal: Bool)
    case function(ScalarExpression)

    /// Its value as a real, where it stands in the statement.
    var constant: SQLValue {
        switch self {
        case .integer(let value): .real(Double(value))
        case .real(let value): .real(value)
        default: .null
        }
    }

    /// Whether every value is real.
    var isReal: Bool {
        switch self {
        case .integer: false
        case .real: true
        case .column(_, let kind): kind == .interval || kind == .real
        case .add(let left, let right), .subtract(let left, let right), .multiply(let left, let right),
            .divide(let left, let right):
            left.isReal || right.isReal
        case .negate(let part): part.isReal
        case .coalesce(let left, let right): left.isReal && right.isReal
        case .cases(let cases, let otherwise): cases.allSatisfy { $0.1.isReal } && otherwise?.isReal ?? true
        case .truth: false
        case .toReal: true
        case .time(_, _, let isReal): isReal
        case .function(let function): function.outcome == .real
        }
    }

    /// Whether some values may be real and others whole: then the type is not one for all rows.
    var isMixed: Bool {
        switch self {
        case .integer, .real, .column, .truth, .time, .function: false
        case .toReal(let part): part.isMixed
        case .cases(let cases, let otherwise):
            cases.contains { $0.1.isMixed || $0.1.isReal != isReal }
                || otherwise.map { $0.isMixed || $0.isReal != isReal } ?? false
        case .add(let left, let right), .subtract(let left, let right), .multiply(let left, let right),
            .divide(let left, let right):
            left.isMixed || right.isMixed
        case .negate(let part): part.isMixed
        case .coalesce(let left, let right): left.isMixed || right.isMixed || left.isReal != right.isReal
        }
    }

    func values(_ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) -> NumericValues {
        switch self {
        case .integer(let value):
            return NumericValues(integers: Array(repeating: value, count: rows.count))
        case .real(let value):
            return NumericValues(isReal: true, reals: Array(repeating: value, count: rows.count))
        case .column(let column, let kind): return try NumericExpression.cells(column, kind, rows, page)
        case .add(let left, let right):
            return try combine(left, right, rows, page, { $0.addingReportingOverflow($1) }, +)
        case .subtract(let left, let right):
            return try combine(left, right, rows, page, { $0.subtractingReportingOverflow($1) }, -)
        case .multiply(let left, let right):
            return try combine(left, right, rows, page, { $0.multipliedReportingOverflow(by: $1) }, *)
        case .divide(let left, let right): return try quotients(left, right, rows, page)
        case .negate(let part):
            return try combine(
                .integer(0), part, rows, page, { $0.subtractingReportingOverflow($1) }, { _, value in -value })
        case .coalesce(let left, let right):
            var first = try left.values(rows, page)
            guard !first.isUnset.isEmpty else { return first }
            let second = try right.values(rows, page)
            for index in rows.indices where first.isUnset[index] {
                if first.isReal { first.reals[index] = second.real(index) } else {
                    first.integers[index] = second.integers[index]
                }
                first.isUnset[index] = !second.isSet(index)
            }
            return first
        case .cases(let cases, let otherwise):
            return try NumericExpression.chosen(cases, otherwise, isReal: isReal, rows, page)
        case .truth(let filter, let opposite):
            return try NumericExpression.chosen(
                [(filter, .integer(1)), (opposite, .integer(0))], nil, isReal: false, rows, page)
        case .toReal(let part):
            var values = try part.values(rows, page)
            guard !values.isReal else { return values }
            values.reals = values.integers.map(Double.init)
            values.integers = []
            values.isReal = true
            return values
        case .time(let column, let per, let isReal):
            var values = try NumericExpression.cells(column, .integer, rows, page)
            if isReal {
                values.reals = values.integers.map { Double($0) / Double(per) }
                values.integers = []
                values.isReal = true
            } else if per != 1 {
                for index in values.integers.indices {
                    let (quotient, rest) = values.integers[index].quotientAndRemainder(dividingBy: per)
                    values.integers[index] = rest < 0 ? quotient - 1 : quotient
                }
            }
            return values
        case .function(let function):
            return NumericExpression.numbers(try function.values(rows, page), isReal: function.outcome == .real)
        }
    }

    /// CASE: each condition is asked of the rows that those before it left.
    private static func chosen(
        _ cases: [(RowFilter, NumericExpression)], _ otherwise: NumericExpression?, isReal: Bool, _ rows: [UInt32],
        _ page: PageColumns
    ) throws(VectorFailure) -> NumericValues {
        var values = NumericValues(isReal: isReal)
        if isReal { values.reals = Array(repeating: 0, count: rows.count) } else {
            values.integers = Array(repeating: 0, count: rows.count)
        }
        values.isUnset = Array(repeating: true, count: rows.count)
        // Places in `rows`, in the order of `rows`, which are ascending.
        var left = Array(rows.indices)
        func fill(_ places: [Int], _ expression: NumericExpression) throws(VectorFailure) {
            let own = try expression.values(places.map { rows[$0] }, page)
            for (index, place) in places.enumerated() where own.isSet(index) {
                if isReal { values.reals[place] = own.real(index) } else {
                    values.integers[place] = own.integers[index]
                }
                values.isUnset[place] = false
            }
        }
        for (filter, expression) in cases where !left.isEmpty {
            var matching = left.map { rows[$0] }
            try filter.keep(&matching, page)
            var (taken, rest): ([Int], [Int]) = ([], [])
            var next = 0
            for place in left {
                if next < matching.count, matching[next] == rows[place] {
                    taken.append(place)
                    next += 1
                } else {
                    rest.append(place)
                }
            }
            try fill(taken, expression)
            left = rest
        }
        if let otherwise, !left.isEmpty { try fill(left, otherwise) }
        if !values.isUnset.contains(true) { values.isUnset = [] }
        return values
    }

    private static func numbers(_ given: [SQLValue], isReal: Bool) -> NumericValues {
        var values = NumericValues(isReal: isReal)
        if given.contains(.null) { values.isUnset = given.map { $0 == .null } }
        if isReal { values.reals = given.map { $0.number ?? 0 } } else {
            values.integers = given.map { if case .integer(let number) = $0 { number } else { 0 } }
        }
        return values
    }

    private static func cells(
        _ column: Int, _ kind: ColumnKind, _ rows: [UInt32], _ page: PageColumns
    ) throws(VectorFailure) -> NumericValues {
        var values = NumericValues(isReal: kind == .interval || kind == .real)
        guard let vector = try page.vector(column) else {
            if values.isReal { values.reals = Array(repeating: 0, count: rows.count) } else {
                values.integers = Array(repeating: 0, count: rows.count)
            }
            values.isUnset = Array(repeating: true, count: rows.count)
            return values
        }
        if !vector.isFull {
            let validity = vector.validity
            values.isUnset = rows.map { validity[Int($0 >> 6)] &>> UInt64($0 & 63) & 1 == 0 }
            if !values.isUnset.contains(true) { values.isUnset = [] }
        }
        // All rows, or those that a filter took.
        let words = rows.count == vector.rowCount ? vector.words : rows.map { vector.words[Int($0)] }
        switch kind {
        case .interval: values.reals = words.map { Double(Int64(bitPattern: $0)) / 1_000_000 }
        case .real:
            values.reals = words.map { Double(bitPattern: $0) }
            // NaN is NULL in SQL.
            if values.reals.contains(where: \.isNaN) {
                if values.isUnset.isEmpty { values.isUnset = Array(repeating: false, count: rows.count) }
                for index in values.reals.indices where values.reals[index].isNaN { values.isUnset[index] = true }
            }
        default:
            values.integers = words.map { Int64(bitPattern: $0) }
            // A count beyond 2^63 is a real in SQL.
            guard kind == .integer || values.integers.reduce(0, |) >= 0 else { throw .notOurs }
        }
        return values
    }

    private func combine(
        _ left: NumericExpression, _ right: NumericExpression, _ rows: [UInt32], _ page: PageColumns,
        _ whole: (Int64, Int64) -> (partialValue: Int64, overflow: Bool), _ real: (Double, Double) -> Double
    ) throws(VectorFailure) -> NumericValues {
        let (left, right) = (try left.values(rows, page), try right.values(rows, page))
        var values = NumericValues(isReal: left.isReal || right.isReal)
        values.isUnset = NumericExpression.unset(left, right)
        guard values.isReal else {
            values.integers.reserveCapacity(rows.count)
            for index in rows.indices {
                let (result, overflow) = whole(left.integers[index], right.integers[index])
                if overflow, values.isSet(index) { throw .notOurs }
                values.integers.append(result)
            }
            return values
        }
        values.reals.reserveCapacity(rows.count)
        for index in rows.indices { values.reals.append(real(left.real(index), right.real(index))) }
        if values.reals.contains(where: \.isNaN) { throw .notOurs }
        return values
    }

    /// Whole numbers divide to whole numbers; by zero is unset.
    private func quotients(
        _ left: NumericExpression, _ right: NumericExpression, _ rows: [UInt32], _ page: PageColumns
    ) throws(VectorFailure) -> NumericValues {
        let (left, right) = (try left.values(rows, page), try right.values(rows, page))
        var values = NumericValues(isReal: left.isReal || right.isReal)
        values.isUnset = NumericExpression.unset(left, right)
        for index in rows.indices where right.real(index) == 0 {
            if values.isUnset.isEmpty { values.isUnset = Array(repeating: false, count: rows.count) }
            values.isUnset[index] = true
        }
        for index in rows.indices {
            if values.isReal {
                values.reals.append(values.isSet(index) ? left.real(index) / right.real(index) : 0)
            } else {
                guard values.isSet(index) else {
                    values.integers.append(0)
                    continue
                }
                let (result, overflow) = left.integers[index].dividedReportingOverflow(by: right.integers[index])
                if overflow { throw .notOurs }
                values.integers.append(result)
            }
        }
        if values.reals.contains(where: \.isNaN) { throw .notOurs }
        return values
    }

    private static func unset(_ left: NumericValues, _ right: NumericValues) -> [Bool] {
        if left.isUnset.isEmpty { return right.isUnset }
        if right.isUnset.isEmpty { return left.isUnset }
        return zip(left.isUnset, right.isUnset).map { $0 || $1 }
    }
}
