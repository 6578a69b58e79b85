// SPDX-License-Identifier: Apache-2.0
//
// What SQLite says of a statement, in our words: what is wrong, where it stands, what to do next.
//
// Reads   SQLite's message and the place that it knows.
// Writes  `QueryError`.

import GRDBSQLite

/// The errors of one statement.
struct StatementErrors {
    let sql: String
    let tables: [QueryTable]

    /// - Parameter offset: octet of the statement, or negative where SQLite knows none.
    func error(_ status: Int32, _ message: String, _ offset: Int) -> QueryError {
        if let name = suffix(message, behind: "no such table: ") { return unknownTable(name) }
        if let name = suffix(message, behind: "no such column: ") { return unknownColumn(name, offset) }
        if let name = suffix(message, behind: "no such function: ") { return unknownFunction(name) }
        let place = offset >= 0 ? statementPlace(sql, offset) : nil
        if status & 0xFF == SQLITE_AUTH || message.hasPrefix("not authorized") {
            return QueryError(
                .notAllowed, "only questions are allowed here", place: place,
                advice: "begin with SELECT, WITH or VALUES; the store is written by replay and capture alone")
        }
        if message.hasPrefix("wrong number of arguments to function ") {
            let name = message.split(separator: " ").last?.prefix { $0 != "(" }.lowercased() ?? ""
            let usage = SQLFunction.usage(name).map { "write \($0)" } ?? "see sqlite.org/lang_corefunc.html"
            return QueryError(.syntax, message, place: place ?? self.place(of: name), advice: usage)
        }
        switch status & 0xFF {
        case SQLITE_NOMEM, SQLITE_TOOBIG, SQLITE_FULL:
            return QueryError(
                .failed, message, place: place, advice: "ask for less at a time: fewer columns, rows or days")
        case SQLITE_ERROR:
            return QueryError(
                .syntax, message, place: place, advice: "see sqlite.org/lang_select.html for what is allowed")
        default:
            return QueryError(
                .failed, message, place: place, advice: "ask again; if it stays so, the store may be damaged")
        }
    }

    private func unknownFunction(_ name: String) -> QueryError {
        let near = similarNames(to: name, among: SQLFunction.names)
        let meant = near.isEmpty ? "" : "did you mean \(near.joined(separator: ", "))? "
        return QueryError(
            .syntax, "no such function: \(name)", place: place(of: name),
            advice: meant + "there are SQLite's functions (sqlite.org/lang_corefunc.html) and those of Docs/sql.md")
    }

    private func unknownTable(_ name: String) -> QueryError {
        let near = similarNames(to: name, among: tables.map(\.name))
        let logs = tables.filter { $0.list == nil }.map(\.name)
        let advice =
            near.isEmpty
            ? "the tables are \(logs.joined(separator: ", "))"
            : "did you mean \(near.joined(separator: ", "))? The tables are \(logs.joined(separator: ", "))"
        return QueryError(.unknownTable, "no such table: \(name)", place: place(of: name), advice: advice)
    }

    private func unknownColumn(_ name: String, _ offset: Int) -> QueryError {
        let words = Set(sql.lowercased().split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init))
        let named = tables.filter { words.contains($0.name.lowercased()) }
        let last = name.split(separator: ".").last.map(String.init) ?? name
        let near = similarNames(to: last, among: named.flatMap { $0.columns.map(\.name) })
        let place = offset >= 0 ? statementPlace(sql, offset) : place(of: name)
        var advice = near.isEmpty ? "" : "did you mean \(near.joined(separator: ", "))? "
        let log = named.first.map { " " + $0.log } ?? ""
        advice += "`weir schema\(log)` lists the columns; texts stand in 'single quotes'"
        return QueryError(.unknownColumn, "no such column: \(name)", place: place, advice: advice)
    }

    private func suffix(_ message: String, behind prefix: String) -> String? {
        message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : nil
    }

    /// Where a name stands as a word of its own.
    private func place(of name: String) -> StatementPlace? {
        let last = name.split(separator: ".").last.map { $0.lowercased() } ?? name.lowercased()
        let found = SQLTokens.read(sql)?.first { token in
            switch token.kind {
            case .word(let text), .quoted(let text): text.lowercased() == last
            default: false
            }
        }
        return found.flatMap { statementPlace(sql, $0.range.lowerBound) }
    }
}

/// A place in a statement, for people: all numbers from 1.
package struct StatementPlace: Sendable, Equatable {
    /// Character of the whole statement.
    package let character: Int
    package let line: Int
    /// Character of the line.
    package let column: Int
    /// Whether the statement has several lines.
    package let hasLines: Bool
    /// The text that stands there.
    package let near: String
}

/// The place of an octet of a statement; nil beyond its end.
func statementPlace(_ sql: String, _ offset: Int) -> StatementPlace? {
    let utf8 = sql.utf8
    guard 0...utf8.count ~= offset else { return nil }
    let index = utf8.index(utf8.startIndex, offsetBy: offset)
    let before = sql[..<index]
    let near = sql[index...].prefix(24).map { $0.isNewline ? " " : String($0) }.joined()
    let lines = before.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    return StatementPlace(
        character: before.count + 1, line: lines.count, column: (lines.last?.count ?? 0) + 1,
        hasLines: sql.contains(where: \.isNewline), near: near.isEmpty ? "the end" : near)
}
