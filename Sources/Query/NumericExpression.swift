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
        }
    }

    /// Whether some values may be real and others whole: then the type is not one for all rows.
    var isMixed: Bool {
        switch self {
        case .integer, .real, .column: false
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
        }
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
        if vector.validity.contains(where: { $0 != .max }) {
            values.isUnset = rows.map { !vector.isSet(Int($0)) }
            if !values.isUnset.contains(true) { values.isUnset = [] }
        }
        switch kind {
        case .interval: values.reals = rows.map { Double(Int64(bitPattern: vector.words[Int($0)])) / 1_000_000 }
        case .real:
            values.reals = rows.map { Double(bitPattern: vector.words[Int($0)]) }
            // NaN is NULL in SQL.
            if values.reals.contains(where: \.isNaN) {
                if values.isUnset.isEmpty { values.isUnset = Array(repeating: false, count: rows.count) }
                for index in values.reals.indices where values.reals[index].isNaN { values.isUnset[index] = true }
            }
        default:
            values.integers = rows.map { Int64(bitPattern: vector.words[Int($0)]) }
            // A count beyond 2^63 is a real in SQL.
            guard kind == .integer || !values.integers.contains(where: { $0 < 0 }) else { throw .notOurs }
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
