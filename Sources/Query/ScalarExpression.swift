// SPDX-License-Identifier: Apache-2.0
//
// Functions over columns, a page at a time, by the same code that SQLite calls.
//
// A function of one text column is asked once for each text of a dictionary, or of all that a worker meets, and not for
// each row.
//
// Leaves  what a function refuses: SQLite then says so (`VectorFailure.notOurs`).

import Records
import Store
import Synchronization

struct ScalarExpression: Sendable {
    indirect enum Kind: Sendable {
        case constant(SQLValue)
        case column(Int, ColumnKind)
        case call(SQLFunction, [ScalarExpression])
    }
    let kind: Kind
    /// What it gives where it is not NULL.
    let outcome: SQLFunction.Outcome
    /// Under this number its values are remembered.
    private let number: Int
    /// The one column that it reads; nil where there are none or several.
    private let onlyColumn: (index: Int, kind: ColumnKind)?

    private static let numbers = Atomic(0)

    init(_ kind: Kind, _ outcome: SQLFunction.Outcome) {
        self.kind = kind
        self.outcome = outcome
        number = ScalarExpression.numbers.wrappingAdd(1, ordering: .relaxed).oldValue
        var columns: [Int: ColumnKind] = [:]
        ScalarExpression.collect(kind, into: &columns)
        onlyColumn = columns.count == 1 ? columns.first.map { ($0.key, $0.value) } : nil
    }

    private static func collect(_ kind: Kind, into columns: inout [Int: ColumnKind]) {
        switch kind {
        case .constant: break
        case .column(let column, let kind): columns[column] = kind
        case .call(_, let parts): for part in parts { collect(part.kind, into: &columns) }
        }
    }

    /// The values of some rows, in their order.
    func values(_ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) -> [SQLValue] {
        var values: [SQLValue] = []
        values.reserveCapacity(rows.count)
        if let column = onlyColumn, column.kind.isPlainText {
            let vector = try page.vector(column.index)
            if let vector, let texts = page.numberedTexts(column.index, vector, for: rows.count) {
                try remembered(texts, vector, rows, into: &values)
            } else {
                for row in rows {
                    values.append(try value { _, _ in ScalarExpression.cell(vector, column.kind, Int(row)) })
                }
            }
            return values
        }
        var vectors: [Int: ColumnVector] = [:]
        try load(page, into: &vectors)
        for row in rows {
            values.append(try value { ScalarExpression.cell(vectors[$0], $1, Int(row)) })
        }
        return values
    }

    /// Appends the codes that `code` has for the values of some rows, `unset` for NULL. Answers which are NULL, nothing
    /// where none is.
    func codes(
        _ rows: [UInt32], _ page: PageColumns, unset: UInt64, into codes: inout [UInt64], _ code: ([UInt8]) -> UInt64
    ) throws(VectorFailure) -> [Bool] {
        func coded(_ value: SQLValue) -> UInt64 {
            if case .text(let octets) = value { code(octets) } else { unset }
        }
        let start = codes.count
        if let column = onlyColumn, column.kind.isPlainText, let vector = try page.vector(column.index),
            let texts = page.numberedTexts(column.index, vector, for: rows.count)
        {
            // Taken out while they are changed, so that they are not copied.
            var known = texts.memo.codes.removeValue(forKey: number) ?? []
            if known.count <= texts.count {
                let count = max(texts.count &+ 1, 2 &* known.count)
                known.append(contentsOf: repeatElement(0, count: count &- known.count))
            }
            for row in rows {
                let place = ScalarExpression.place(texts, vector, Int(row))
                if let place, known[place] != 0 {
                    codes.append(known[place] &- 1)
                } else {
                    let made = coded(try value { _, _ in ScalarExpression.cell(vector, column.kind, Int(row)) })
                    if let place { known[place] = made &+ 1 }
                    codes.append(made)
                }
            }
            texts.memo.codes[number] = known
        } else {
            for value in try values(rows, page) { codes.append(coded(value)) }
        }
        guard codes[start...].contains(unset) else { return [] }
        return codes[start...].map { $0 == unset }
    }

    /// Where what is known of a row's text stands: NULL's is the first; nil where it is not kept.
    @inline(__always) private static func place(_ texts: NumberedTexts, _ vector: ColumnVector, _ row: Int) -> Int? {
        guard vector.has(row) else { return 0 }
        let number = texts.numbers[row]
        return number == .max ? nil : Int(number) &+ 1
    }

    private func remembered(
        _ texts: NumberedTexts, _ vector: ColumnVector, _ rows: [UInt32], into values: inout [SQLValue]
    ) throws(VectorFailure) {
        // Taken out while they are changed, so that they are not copied.
        var known = texts.memo.values.removeValue(forKey: number) ?? []
        if known.count <= texts.count {
            let count = max(texts.count &+ 1, 2 &* known.count)
            known.append(contentsOf: repeatElement(nil, count: count &- known.count))
        }
        for row in rows {
            let place = ScalarExpression.place(texts, vector, Int(row))
            if let place, let value = known[place] {
                values.append(value)
                continue
            }
            let isSet = vector.has(Int(row))
            let made = try value { _, _ in isSet ? .text(Array(vector.text(Int(row)))) : .null }
            if let place { known[place] = made }
            values.append(made)
        }
        texts.memo.values[number] = known
    }

    private func load(_ page: PageColumns, into vectors: inout [Int: ColumnVector]) throws(VectorFailure) {
        switch kind {
        case .constant: break
        case .column(let column, _): vectors[column] = try page.vector(column)
        case .call(_, let parts): for part in parts { try part.load(page, into: &vectors) }
        }
    }

    private func value(_ cell: (Int, ColumnKind) -> SQLValue) throws(VectorFailure) -> SQLValue {
        switch kind {
        case .constant(let value): return value
        case .column(let column, let kind): return cell(column, kind)
        case .call(let function, let parts):
            var arguments: [SQLValue] = []
            for part in parts { arguments.append(try part.value(cell)) }
            do {
                return try function.body(arguments)
            } catch {
                throw .notOurs
            }
        }
    }

    /// A cell as SQL has it.
    private static func cell(_ vector: ColumnVector?, _ kind: ColumnKind, _ row: Int) -> SQLValue {
        guard let vector, vector.has(row) else { return .null }
        if kind.isStoredAsText { return .text(Array(vector.text(row))) }
        var scratch: [UInt8] = []
        switch Cell(word: vector.words[row], kind, &scratch) {
        case .null: return .null
        case .integer(let number): return .integer(number)
        case .real(let number): return .real(number)
        case .text: return .text(scratch)
        }
    }
}

/// A test of a function's text.
enum ScalarTest: Sendable {
    /// Compared with a text, by octets.
    case order(NumericTest, [UInt8])
    /// In the order of octets.
    case among([[UInt8]], isIn: Bool)
    case like(LikePattern, isLike: Bool)
    case isNull(Bool)

    func holds(_ value: SQLValue) -> Bool {
        if case .isNull(let isNull) = self { return (value == .null) == isNull }
        guard case .text(let octets) = value else { return false }
        switch self {
        case .order(let test, let text): return test.holds(octets[...], text)
        case .among(let texts, let isIn): return SortedTexts.contains(texts, octets[...]) == isIn
        case .like(let pattern, let isLike): return pattern.matches(octets, 0..<octets.count) == isLike
        case .isNull: return false
        }
    }
}

extension ColumnNames {
    /// An expression of functions over columns and values; nil where the vectorised path does not know it.
    func scalar(_ expression: SQLExpression) -> ScalarExpression? {
        switch expression.kind {
        case .integer(let value): return ScalarExpression(.constant(.integer(value)), .integer)
        case .real(let value): return ScalarExpression(.constant(.real(value)), .real)
        case .text(let value): return ScalarExpression(.constant(SQLValue(value)), .text)
        case .column:
            guard let column = column(expression) else { return nil }
            let kind = kind(column)
            let outcome: SQLFunction.Outcome =
                kind.isPlainText || kind == .time ? .text : kind == .interval || kind == .real ? .real : .integer
            return ScalarExpression(.column(column, kind), outcome)
        case .binary("||", let left, let right): return function("||", [left, right])
        case .call(let name, let parts, isDistinct: false, isStar: false): return function(name, parts)
        default: return nil
        }
    }

    /// A function of a name over some expressions.
    func function(_ name: String, _ parts: [SQLExpression]) -> ScalarExpression? {
        guard let function = SQLFunction.find(name, arguments: parts.count), function.outcome != .any else {
            return nil
        }
        var arguments: [ScalarExpression] = []
        for part in parts {
            guard let argument = scalar(part), !function.isBuiltIn || argument.outcome == .text else { return nil }
            arguments.append(argument)
        }
        return ScalarExpression(.call(function, arguments), function.outcome)
    }

    /// A function that gives texts; a column is none.
    func textFunction(_ expression: SQLExpression) -> ScalarExpression? {
        guard let made = scalar(expression), case .call = made.kind, made.outcome == .text else { return nil }
        return made
    }

    /// A function that gives numbers.
    func numberFunction(_ expression: SQLExpression) -> ScalarExpression? {
        guard let made = scalar(expression), case .call = made.kind, made.outcome != .text else { return nil }
        return made
    }
}
