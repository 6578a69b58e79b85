// SPDX-License-Identifier: Apache-2.0
//
// Functions that stand where a table does: SELECT * FROM beacons() WHERE score > 0.8.
//
// Reads   a statement: `name(literals)` where a table is expected.
// Writes  the same statement over tables in memory that hold what the functions gave.
// Leaves  what the functions do (other modules give them to `StoreQuery.functions`).

package import Records
import Store

/// An analysis that answers rows.
package protocol TableFunction: Sendable {
    /// Its name in SQL, no log's.
    var name: String { get }
    var columns: [String] { get }
    /// How it is written, for errors.
    var usage: String { get }
    /// The rows for these arguments, which may be fewer than it takes. Throws `.value` for arguments that do not fit.
    func rows(_ arguments: [SQLValue], store: String, schemas: [LogSchema]) throws(QueryError) -> [[SQLValue]]
}

/// Finds calls of table functions in a statement.
struct TableCalls {
    struct Call {
        var function: any TableFunction
        var arguments: [SQLValue]
        /// Octets of the statement, from the name to the closing parenthesis.
        var range: Range<Int>
    }

    private(set) var calls: [Call] = []

    /// Calls behind FROM, JOIN or a comma. Throws `.value` for arguments that are not literals.
    init(_ statement: String, _ functions: [any TableFunction]) throws(QueryError) {
        guard !functions.isEmpty, let tokens = SQLTokens.read(statement) else { return }
        for place in tokens.indices.dropLast() where tokens[place + 1].kind == .mark("(") {
            guard case .word(let word) = tokens[place].kind,
                let function = functions.first(where: { $0.name == word.lowercased() }),
                TableCalls.isTablePlace(tokens, place)
            else { continue }
            var arguments: [SQLValue] = []
            var next = place + 2
            while let (value, after) = TableCalls.literal(tokens, next) {
                arguments.append(value)
                next = after
                if tokens[next].kind == .mark(",") { next += 1 }
            }
            guard tokens[next].kind == .mark(")") else {
                throw QueryError(
                    .value, "an argument of \(function.name) is no plain value",
                    place: statementPlace(statement, tokens[next].range.lowerBound), advice: "write \(function.usage)")
            }
            calls.append(
                Call(
                    function: function, arguments: arguments,
                    range: tokens[place].range.lowerBound..<tokens[next].range.upperBound))
        }
    }

    private static func isTablePlace(_ tokens: [SQLToken], _ place: Int) -> Bool {
        guard place > 0 else { return false }
        switch tokens[place - 1].kind {
        case .word(let word): return ["from", "join"].contains(word.lowercased())
        case .mark(","): return true
        default: return false
        }
    }

    /// A literal, a number's sign included, and the place behind it.
    private static func literal(_ tokens: [SQLToken], _ place: Int) -> (SQLValue, Int)? {
        switch tokens[place].kind {
        case .text(let text): return (SQLValue(text), place + 1)
        case .integer(let number): return (.integer(number), place + 1)
        case .real(let number): return (.real(number), place + 1)
        case .word(let word) where word.lowercased() == "null": return (.null, place + 1)
        case .mark("-"):
            guard place + 1 < tokens.count else { return nil }
            if case .integer(let number) = tokens[place + 1].kind { return (.integer(0 &- number), place + 2) }
            if case .real(let number) = tokens[place + 1].kind { return (.real(-number), place + 2) }
            return nil
        default: return nil
        }
    }
}

extension StoreQuery {
    /// The statement with tables in memory in the places of the functions that it calls. The first call of a function
    /// is a table of its name, the next one has a number behind it.
    func expanded(_ statement: String) throws(QueryError) -> String {
        let calls = try TableCalls(statement, functions).calls
        guard !calls.isEmpty else { return statement }
        let octets = Array(statement.utf8)
        var text: [UInt8] = []
        var place = 0
        for call in calls {
            let rows = try call.function.rows(call.arguments, store: folder, schemas: schemas)
            var (name, number) = (call.function.name, 1)
            while connection.hasTable(name) {
                number += 1
                name = "\(call.function.name)_\(number)"
            }
            try define(name, columns: call.function.columns, rows: rows)
            text += octets[place..<call.range.lowerBound]
            text += name.utf8
            place = call.range.upperBound
        }
        return String(decoding: text + octets[place...], as: UTF8.self)
    }
}
