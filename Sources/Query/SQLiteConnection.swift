// SPDX-License-Identifier: Apache-2.0
//
// A connection of SQLite's to nothing but the store's tables, and statements on it.
//
// Reads   SQL.
// Writes  values; errors with the place in the statement.
// Leaves  the tables' contents (VirtualTable). Nothing can be changed here: the database is in memory and
//         empty, and only questions are let through.

import GRDBSQLite
import Store

/// SQLite with the tables of a snapshot. Used by one thread.
@safe final class SQLiteConnection {
    private let database: OpaquePointer
    private var served: [ServedTable]
    private let failures = FailureBox()
    let snapshot: Snapshot

    /// Longest text or blob of any value.
    private static let valueBytesMax: Int32 = 64 << 20
    private static let statementBytesMax: Int32 = 1 << 20

    init(_ snapshot: Snapshot) throws(QueryError) {
        self.snapshot = snapshot
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX
        // Safe: `opened` is a place for the connection, closed in `deinit`.
        let status = unsafe sqlite3_open_v2(":memory:", &opened, flags, nil)
        guard status == SQLITE_OK, let database = unsafe opened else {
            throw QueryError(.failed, "SQLite cannot be opened (\(status))", advice: "free some memory")
        }
        unsafe self.database = database
        let failures = failures
        served = snapshot.tables.map { ServedTable($0, snapshot, failures) }
        // Safe: the connection is open; the tables outlive it, since `self` keeps both.
        unsafe sqlite3_limit(database, SQLITE_LIMIT_LENGTH, SQLiteConnection.valueBytesMax)
        unsafe sqlite3_limit(database, SQLITE_LIMIT_SQL_LENGTH, SQLiteConnection.statementBytesMax)
        unsafe sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0)
        // A misspelt "column" is an error and not a text.
        unsafe _disableDoubleQuotedStringLiterals(database)
        unsafe sqlite3_create_collation_v2(
            database, QueryTable.timeCollation, SQLITE_UTF8, nil, { _, leftCount, left, rightCount, right in
                unsafe compareTimes(leftCount, left, rightCount, right)
            }, nil)
        for table in served {
            // Safe: `served` keeps the table as long as the connection.
            let context = unsafe Unmanaged.passUnretained(table).toOpaque()
            unsafe sqlite3_create_module_v2(database, table.table.name, TableModule.module, context, nil)
        }
        // Safe: `failures` lives as long as the connection.
        unsafe sqlite3_set_authorizer(
            database,
            { context, action, _, name, _, _ in
                guard let context = unsafe context else { return SQLITE_DENY }
                // Safe: the context is the FailureBox given below.
                let failures = unsafe Unmanaged<FailureBox>.fromOpaque(context).takeUnretainedValue()
                return unsafe failures.isDeclaring ? SQLITE_OK : authorize(action, name)
            }, Unmanaged.passUnretained(failures).toOpaque())
    }

    /// Serves the groups of a statement as one more table.
    func serve(_ groups: GroupRows) {
        let table = ServedTable(groups, snapshot, failures)
        served.append(table)
        // Safe: `served` keeps the table as long as the connection.
        let context = unsafe Unmanaged.passUnretained(table).toOpaque()
        unsafe sqlite3_create_module_v2(database, table.table.name, TableModule.module, context, nil)
    }

    /// Has the next questions of a log see these rows alone.
    func restrict(_ table: QueryTable, to found: [FoundPage]?) {
        for served in served where served.table.name == table.name { served.found = found }
    }

    /// Has every log be seen whole again.
    func restrictNothing() {
        for served in served { served.found = nil }
    }

    deinit {
        // Safe: statements hold the connection, so none is left; the tables go after it.
        unsafe sqlite3_close_v2(database)
    }

    /// Compiles the one statement of `sql`.
    func prepare(_ sql: String) throws(QueryError) -> SQLiteStatement {
        guard !sql.utf8.contains(0) else {
            throw QueryError(.syntax, "the statement has a NUL character", advice: "leave it out")
        }
        failures.error = nil
        var statement: OpaquePointer?
        var rest = ""
        // Safe: `text` ends with NUL and lives as long as the closure; SQLite copies it; `tail` points into it.
        let status = unsafe sql.withCString { text in
            var tail: UnsafePointer<CChar>?
            let status = unsafe sqlite3_prepare_v2(database, text, -1, &statement, &tail)
            if let tail = unsafe tail { unsafe rest = String(cString: tail) }
            return status
        }
        guard status == SQLITE_OK else { throw error(sql, status) }
        guard let statement = unsafe statement else {
            throw QueryError(
                .syntax, "the statement is empty", advice: "ask something, such as \"SELECT * FROM conn LIMIT 10\"")
        }
        let prepared = unsafe SQLiteStatement(statement, sql: sql, connection: self)
        guard SQLiteConnection.isBlank(rest) else {
            throw QueryError(
                .notAllowed, "there is more than one statement",
                place: SQLiteConnection.place(sql, sql.utf8.count - rest.utf8.count), advice: "ask one at a time")
        }
        return prepared
    }

    /// Whether only spaces, semicolons and comments are left.
    private static func isBlank(_ text: String) -> Bool {
        var rest = Substring(text)
        while let first = rest.first {
            if first.isWhitespace || first == ";" {
                rest.removeFirst()
            } else if rest.hasPrefix("--") {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*") {
                guard let end = rest.dropFirst(2).firstRange(of: "*/") else { return true }
                rest = rest[end.upperBound...]
            } else {
                return false
            }
        }
        return true
    }

    // MARK: errors

    /// The error of the last call, with the table's own where it made one.
    fileprivate func error(_ sql: String, _ status: Int32) -> QueryError {
        if let own = failures.error {
            failures.error = nil
            return own
        }
        // Safe: the text lives until the next call on the connection and is copied here.
        let message = unsafe String(cString: sqlite3_errmsg(database))
        let offset = unsafe Int(sqlite3_error_offset(database))
        if let name = SQLiteConnection.suffix(message, behind: "no such table: ") {
            return unknownTable(name, sql)
        }
        if let name = SQLiteConnection.suffix(message, behind: "no such column: ") {
            return unknownColumn(name, sql, offset)
        }
        let place = offset >= 0 ? SQLiteConnection.place(sql, offset) : nil
        if status & 0xFF == SQLITE_AUTH || message.hasPrefix("not authorized") {
            return QueryError(
                .notAllowed, "only questions are allowed here", place: place,
                advice: "begin with SELECT, WITH or VALUES; the store is written by replay and capture alone")
        }
        if let name = SQLiteConnection.suffix(message, behind: "no such function: ") {
            return QueryError(
                .syntax, message, place: SQLiteConnection.place(sql, of: name),
                advice: "use SQLite's functions (sqlite.org/lang_corefunc.html)")
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

    private func unknownTable(_ name: String, _ sql: String) -> QueryError {
        let names = snapshot.tables.map(\.name)
        let near = similarNames(to: name, among: names)
        let logs = snapshot.tables.filter { $0.list == nil }.map(\.name)
        let advice =
            near.isEmpty
            ? "the tables are \(logs.joined(separator: ", "))"
            : "did you mean \(near.joined(separator: ", "))? The tables are \(logs.joined(separator: ", "))"
        return QueryError(
            .unknownTable, "no such table: \(name)", place: SQLiteConnection.place(sql, of: name), advice: advice)
    }

    private func unknownColumn(_ name: String, _ sql: String, _ offset: Int) -> QueryError {
        let words = Set(sql.lowercased().split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init))
        let tables = snapshot.tables.filter { words.contains($0.name.lowercased()) }
        let last = name.split(separator: ".").last.map(String.init) ?? name
        let near = similarNames(to: last, among: tables.flatMap { $0.columns.map(\.name) })
        let place = offset >= 0 ? SQLiteConnection.place(sql, offset) : SQLiteConnection.place(sql, of: name)
        var advice = near.isEmpty ? "" : "did you mean \(near.joined(separator: ", "))? "
        let log = tables.first.map { " " + $0.log } ?? ""
        advice += "`weir schema\(log)` lists the columns; texts stand in 'single quotes'"
        return QueryError(.unknownColumn, "no such column: \(name)", place: place, advice: advice)
    }

    private static func suffix(_ message: String, behind prefix: String) -> String? {
        message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : nil
    }

    private static func place(_ sql: String, _ offset: Int) -> (character: Int, near: String)? {
        let utf8 = sql.utf8
        guard 0...utf8.count ~= offset else { return nil }
        let index = utf8.index(utf8.startIndex, offsetBy: offset)
        let near = sql[index...].prefix(24).map { $0.isNewline ? " " : String($0) }.joined()
        return (sql[..<index].count + 1, near.isEmpty ? "the end" : near)
    }

    private static func place(_ sql: String, of name: String) -> (character: Int, near: String)? {
        guard let range = sql.firstRange(of: name) else { return nil }
        return place(sql, sql.utf8.distance(from: sql.startIndex, to: range.lowerBound))
    }
}

/// A compiled question. Holds its connection.
@safe final class SQLiteStatement {
    let columnNames: [String]
    /// The declared type of each column that is a table's column itself; nil for expressions.
    let declaredTypes: [String?]
    private let statement: OpaquePointer
    private let sql: String
    private let connection: SQLiteConnection

    init(_ statement: OpaquePointer, sql: String, connection: SQLiteConnection) {
        // Safe: compiled by `prepare` and finalized here alone, in `deinit`.
        unsafe self.statement = statement
        self.sql = sql
        self.connection = connection
        let count = unsafe sqlite3_column_count(statement)
        var names: [String] = []
        var types: [String?] = []
        for index in 0..<count {
            // Safe: `index` is below the number of columns; the texts are copied at once.
            unsafe names.append(sqlite3_column_name(statement, index).map { unsafe String(cString: $0) } ?? "?")
            unsafe types.append(sqlite3_column_decltype(statement, index).map { unsafe String(cString: $0) })
        }
        columnNames = names
        declaredTypes = types
    }

    deinit {
        // Safe: finalized once, before the connection goes.
        unsafe sqlite3_finalize(statement)
    }

    /// Goes to the next row; false at the end.
    func step() throws(QueryError) -> Bool {
        // Safe: the statement is open until `deinit`.
        switch unsafe sqlite3_step(statement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let status: throw connection.error(sql, status)
        }
    }

    /// The value of a column of the row.
    func value(_ column: Int) -> SQLValue {
        let index = Int32(column)
        // Safe: a column beyond the last is NULL to SQLite; octets are copied before the next call.
        switch unsafe sqlite3_column_type(statement, index) {
        case SQLITE_INTEGER: return unsafe .integer(sqlite3_column_int64(statement, index))
        case SQLITE_FLOAT: return unsafe .real(sqlite3_column_double(statement, index))
        case SQLITE_TEXT:
            let start = unsafe sqlite3_column_text(statement, index)
            let count = unsafe start == nil ? 0 : Int(sqlite3_column_bytes(statement, index))
            return unsafe .text(Array(UnsafeBufferPointer(start: start, count: count)))
        case SQLITE_BLOB:
            let start = unsafe sqlite3_column_blob(statement, index)
            let count = unsafe start == nil ? 0 : Int(sqlite3_column_bytes(statement, index))
            return unsafe .blob(Array(UnsafeRawBufferPointer(start: start, count: count)))
        default: return .null
        }
    }
}

/// Lets questions through and nothing else; not every function either.
private func authorize(_ action: Int32, _ second: UnsafePointer<CChar>?) -> Int32 {
    switch action {
    case SQLITE_SELECT, SQLITE_READ, SQLITE_RECURSIVE:
        return SQLITE_OK
    case SQLITE_FUNCTION:
        // Safe: SQLite's pointers are valid as long as the call.
        guard let second = unsafe second else { return SQLITE_DENY }
        // Safe: the name of the function, ended by NUL, alive as long as the call.
        let name = unsafe String(cString: second).lowercased()
        let denied = ["load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"]
        return denied.contains(name) ? SQLITE_DENY : SQLITE_OK
    default:
        return SQLITE_DENY
    }
}

/// Order of two texts in a time column: as times where both are, else by octets.
private func compareTimes(
    _ leftCount: Int32, _ left: UnsafeRawPointer?, _ rightCount: Int32, _ right: UnsafeRawPointer?
) -> Int32 {
    // Safe: SQLite passes two texts with their lengths, alive as long as the call.
    let left = unsafe UnsafeRawBufferPointer(start: left, count: left == nil ? 0 : Int(leftCount))
    let right = unsafe UnsafeRawBufferPointer(start: right, count: right == nil ? 0 : Int(rightCount))
    // Both in the store's own form: order of text is order of time, and nothing need be parsed.
    if unsafe left.count != TimeText.octetCount || right.count != TimeText.octetCount || left[10] != 0x20
        || right[10] != 0x20
    {
        if let first = unsafe TimeText.parse(left), let second = unsafe TimeText.parse(right) {
            return first < second ? -1 : first > second ? 1 : 0
        }
    }
    if unsafe left.lexicographicallyPrecedes(right) { return -1 }
    return unsafe right.lexicographicallyPrecedes(left) ? 1 : 0
}
