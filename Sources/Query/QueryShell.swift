// SPDX-License-Identifier: Apache-2.0
//
// `weir query` without a statement: a shell.
//
// Reads   statements that end with a semicolon, and commands that begin with a dot; from a terminal with a history and
//         completion of tables, columns and functions, or from a pipe.
// Writes  answers; errors, after which it goes on.
// Leaves  a question's work (`StoreQuery`).

import Foundation
import Records

/// A shell over one store.
package final class QueryShell {
    private var options: QueryOptions
    private let control: QueryControl
    private let begin: () -> Void
    private let input = TerminalInput()
    private let isInteractive = TerminalInput.isTerminal
    private var names: [String] = []
    /// The octets of a statement that are there so far.
    private var statement = ""
    /// Whether a question failed; a pipe's exit status tells.
    private var lastFailure: QueryError?

    private static let historyMax = 1000

    /// - Parameter begin: called before each question.
    package init(_ options: QueryOptions, _ control: QueryControl, _ begin: @escaping () -> Void) {
        self.options = options
        self.control = control
        self.begin = begin
    }

    /// Reads to the end of the input. Throws what opening the store says; answers, from a pipe, the last question's
    /// error, which has been said.
    package func run() throws(QueryError) -> QueryError? {
        // A store that is not there is said before anything is typed.
        let store = try StoreQuery(store: options.store, schemas: options.schemas, control: control)
        names = QueryShell.completions(store)
        guard isInteractive else {
            while let line = plainLine(), take(line) {}
            if !isBlank(statement) { ask(statement) }
            return lastFailure
        }
        say("\(options.store): \(store.tables.count) tables. Statements end with a semicolon; .help says more.\n")
        var editor = LineEditor(history: QueryShell.readHistory()) { [names] typed in
            names.filter { $0.lowercased().hasPrefix(typed.lowercased()) && !typed.isEmpty }
        }
        while let line = edited(&editor), take(line) {}
        input.leaveRawMode()
        QueryShell.write(history: editor.history)
        return nil
    }

    // MARK: lines

    private func plainLine() -> String? {
        var octets: [UInt8] = []
        while let octet = input.octet() {
            if octet == 0x0A { return String(decoding: octets, as: UTF8.self) }
            octets.append(octet)
        }
        return octets.isEmpty ? nil : String(decoding: octets, as: UTF8.self)
    }

    /// A line from the terminal; nil at its end.
    private func edited(_ editor: inout LineEditor) -> String? {
        guard input.enterRawMode() else { return nil }
        defer { input.leaveRawMode() }
        draw(editor)
        while let octet = input.octet() {
            switch editor.type(octet) {
            case .draw: draw(editor)
            case .clearScreen:
                say("\u{1B}[H\u{1B}[2J")
                draw(editor)
            case .choices(let names):
                say("\n" + names.prefix(60).joined(separator: "  ") + (names.count > 60 ? "  …" : "") + "\n")
                draw(editor)
            case .cancel:
                say("^C\n")
                statement = ""
                editor.begin()
                draw(editor)
            case .end:
                say("\n")
                return nil
            case .line(let line):
                say("\n")
                editor.begin(remembering: line)
                return line
            case .nothing: break
            }
        }
        return nil
    }

    private var prompt: String { isBlank(statement) ? "weir> " : "  ...> " }

    /// Shows the part of the line that the cursor is in.
    private func draw(_ editor: LineEditor) {
        let room = max(10, TerminalInput.width - prompt.count - 1)
        let start = editor.cursor < room ? 0 : editor.cursor - room + 1
        let shown = editor.text[start..<min(editor.text.count, start + room)]
        let back = shown.count - (editor.cursor - start)
        say("\r\u{1B}[K\(prompt)\(String(shown))" + (back > 0 ? "\u{1B}[\(back)D" : ""))
    }

    private func say(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
    private func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    private func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }

    // MARK: what was typed

    /// Does what a line says; false where the shell is to end.
    private func take(_ line: String) -> Bool {
        if isBlank(statement), line.drop(while: \.isWhitespace).hasPrefix(".") {
            statement = ""
            return command(line.split(separator: " ").map(String.init))
        }
        statement += line + "\n"
        while let end = QueryShell.end(of: statement) {
            let octets = Array(statement.utf8)
            let whole = String(decoding: octets[..<end], as: UTF8.self)
            statement = String(decoding: octets[(end + 1)...], as: UTF8.self)
            if !isBlank(whole) { ask(whole) }
        }
        if isBlank(statement) { statement = "" }
        return true
    }

    /// Where the first statement's semicolon stands: an octet; nil where it is not typed yet.
    static func end(of text: String) -> Int? {
        // A text or comment that goes on in the next line has no tokens yet.
        guard let tokens = SQLTokens.read(text) else { return nil }
        return tokens.first { $0.kind == .mark(";") }?.range.lowerBound
    }

    private func ask(_ text: String) {
        begin()
        options.statement = text
        do {
            // The store as it is now.
            _ = try runQuery(options, control: control)
            lastFailure = nil
        } catch {
            control.beginAnswer()
            complain("weir: \(error.description)")
            lastFailure = error
        }
    }

    private static let help = """
        SELECT …;            asks; the statement may have several lines
        EXPLAIN SELECT …;    shows what it would read, and how
        .tables [TEXT]       tables, those with TEXT in their names
        .schema TABLE        the columns of a table
        .mode FORM           table, json or csv
        .help                this
        .quit                ends (Ctrl-D does too)

        """

    private func command(_ words: [String]) -> Bool {
        switch (words[0], words.count) {
        case (".quit", _), (".exit", _): return false
        case (".help", _): say(QueryShell.help)
        case (".mode", 2):
            if let form = QueryFormat(rawValue: words[1]), form != .parquet {
                options.format = form
            } else {
                complain("weir: there is no form \(words[1]); take table, json or csv")
            }
        case (".tables", 1), (".tables", 2): tables { words.count == 1 || $0.contains(words[1]) }
        case (".schema", 2): schema(words[1])
        default: complain("weir: \(words.joined(separator: " ")) is no command; .help lists them")
        }
        return true
    }

    private func tables(_ isWanted: (String) -> Bool) {
        guard let store = try? StoreQuery(store: options.store, schemas: options.schemas) else { return }
        say(store.tables.map(\.name).filter(isWanted).joined(separator: "\n") + "\n")
    }

    private func schema(_ name: String) {
        let store = try? StoreQuery(store: options.store, schemas: options.schemas)
        guard let table = store?.tables.first(where: { $0.name == name }) else {
            let near = similarNames(to: name, among: store?.tables.map(\.name) ?? [])
            let meant = near.isEmpty ? ".tables lists them" : "did you mean \(near.joined(separator: ", "))?"
            return complain("weir: there is no table \(name); \(meant)")
        }
        let width = table.columns.map(\.name.count).max() ?? 0
        say(table.columns.map { $0.name + String(repeating: " ", count: width - $0.name.count + 2) + $0.type }
            .joined(separator: "\n") + "\n")
    }

    // MARK: names and history

    private static let words = [
        "SELECT", "DISTINCT", "FROM", "WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "OFFSET", "JOIN", "ON", "AND",
        "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS NULL", "WITH", "CASE", "WHEN", "THEN", "ELSE", "END", "EXPLAIN",
        "DESC", "count", "sum", "avg", "min", "max", ".tables", ".schema", ".mode", ".help", ".quit",
    ]

    private static func completions(_ store: StoreQuery) -> [String] {
        var names = Set(words).union(SQLFunction.names.filter { $0 != "||" })
        for table in store.tables {
            names.insert(table.name)
            names.formUnion(table.columns.map(\.name))
        }
        return names.sorted()
    }

    /// `$XDG_STATE_HOME/weir/query_history`, or below `~/.local/state`.
    private static var historyFile: URL {
        let environment = ProcessInfo.processInfo.environment
        let base = environment["XDG_STATE_HOME"].flatMap { $0.isEmpty ? nil : URL(filePath: $0) }
            ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".local/state")
        return base.appending(path: "weir/query_history")
    }

    private static func readHistory() -> [String] {
        guard let text = try? String(contentsOf: historyFile, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").suffix(historyMax).map(String.init)
    }

    /// Questions tell what is looked for: only their owner may read them.
    private static func write(history: [String]) {
        let folder = historyFile.deletingLastPathComponent()
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let text = history.suffix(historyMax).joined(separator: "\n") + "\n"
        _ = FileManager.default.createFile(
            atPath: historyFile.path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    }
}
