// SPDX-License-Identifier: Apache-2.0
//
// A connection of SQLite's to nothing but the store's tables, and statements on it.
//
// Reads   SQL.
// Writes  values; errors with the place in the statement (StatementErrors).
// Leaves  the tables' contents (VirtualTable), the functions (SQLFunctions+SQLite). Nothing can be changed here: the
//         database is in memory and empty, and only questions are let through.

import GRDBSQLite
import Store

/// SQLite with the tables of a snapshot. Used by one thread.
@safe final class SQLiteConnection {
    let database: OpaquePointer
    private var served: [String: ServedTable] = [:]
    private var madeCount = 0
    private let failures = FailureBox()
    let snapshot: Snapshot

    /// Longest text or blob of any value.
    private static let valueBytesMax: Int32 = 64 << 20
    private static let statementBytesMax: Int32 = 1 << 20
    /// Steps of SQLite's between two looks at whether the question is still wanted: some tenths of a millisecond.
    private static let stepsBetweenLooks: Int32 = 20_000

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
        // Safe: the connection is open; the tables outlive it, since `self` keeps both.
        unsafe sqlite3_limit(database, SQLITE_LIMIT_LENGTH, SQLiteConnection.valueBytesMax)
        unsafe sqlite3_limit(database, SQLITE_LIMIT_SQL_LENGTH, SQLiteConnection.statementBytesMax)
        unsafe sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0)
        // A misspelt "column" is an error and not a text.
        unsafe _disableDoubleQuotedStringLiterals(database)
        // Safe: the comparison gets two texts with their lengths, and no context.
        unsafe sqlite3_create_collation_v2(
            database, QueryTable.timeCollation, SQLITE_UTF8, nil, { _, leftCount, left, rightCount, right in
                unsafe compareTimes(leftCount, left, rightCount, right)
            }, nil)
        for table in snapshot.tables { register(ServedTable(table, snapshot, failures)) }
        registerFunctions()
        // Safe: `failures` lives as long as the connection.
        unsafe sqlite3_set_authorizer(
            database,
            { context, action, _, name, _, _ in
                guard let context = unsafe context else { return SQLITE_DENY }
                // Safe: the context is the FailureBox given below.
                let failures = unsafe Unmanaged<FailureBox>.fromOpaque(context).takeUnretainedValue()
                return unsafe failures.isDeclaring ? SQLITE_OK : authorize(action, name)
            }, Unmanaged.passUnretained(failures).toOpaque())
        watch(snapshot.control)
    }

    /// Has SQLite stop when the question is no longer wanted.
    private func watch(_ control: QueryControl) {
        // Safe: the snapshot keeps the control, and the connection the snapshot.
        let context = unsafe Unmanaged.passUnretained(control).toOpaque()
        unsafe sqlite3_progress_handler(
            database, SQLiteConnection.stepsBetweenLooks,
            { context in
                guard let context = unsafe context else { return 0 }
                // Safe: the context is the control given below.
                return unsafe Unmanaged<QueryControl>.fromOpaque(context).takeUnretainedValue().isCancelled ? 1 : 0
            }, context)
    }

    // MARK: tables

    private func register(_ table: ServedTable) {
        served[table.table.name] = table
        // Safe: `served` keeps the table until it is dropped.
        let context = unsafe Unmanaged.passUnretained(table).toOpaque()
        unsafe sqlite3_create_module_v2(database, table.table.name, TableModule.module, context, nil)
    }

    /// Whether a table has this name.
    func hasTable(_ name: String) -> Bool { served.keys.contains { $0.lowercased() == name.lowercased() } }

    /// Serves computed rows as one more table, under a name of its own or the one given.
    func serve(_ rows: any ComputedRows, as name: String? = nil) -> String {
        madeCount += 1
        let name = name ?? "weir_rows_\(madeCount)"
        register(ServedTable(rows, name: name, snapshot, failures))
        return name
    }

    /// Serves some rows of a table as one more table.
    func serve(_ found: [FoundPage], of table: QueryTable) -> String {
        madeCount += 1
        let name = "weir_rows_\(madeCount)"
        let copy = QueryTable(name: name, log: table.log, columns: table.columns, list: table.list)
        register(ServedTable(copy, snapshot, failures, found: found))
        return name
    }

    /// Forgets tables that were served; no statement may use them any more.
    func drop(_ names: [String]) {
        for name in names {
            // Safe: SQLite disconnects the table before the call returns; only then may it go.
            unsafe sqlite3_create_module_v2(database, name, nil, nil, nil)
            served[name] = nil
        }
    }

    deinit {
        // Safe: statements hold the connection, so none is left; the tables go after it.
        unsafe sqlite3_close_v2(database)
    }

    /// Compiles the one statement of `sql`. The tables named in `holding` were served for it and go with it.
    func prepare(_ sql: String, holding: [String] = []) throws(QueryError) -> SQLiteStatement {
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
        let prepared = unsafe SQLiteStatement(statement, sql: sql, connection: self, holding: holding)
        guard SQLiteConnection.isBlank(rest) else {
            throw QueryError(
                .notAllowed, "there is more than one statement",
                place: statementPlace(sql, sql.utf8.count - rest.utf8.count), advice: "ask one at a time")
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
        if snapshot.control.isCancelled { return .cancelled }
        // Safe: the text lives until the next call on the connection and is copied here.
        let message = unsafe String(cString: sqlite3_errmsg(database))
        let offset = unsafe Int(sqlite3_error_offset(database))
        return StatementErrors(sql: sql, tables: snapshot.tables).error(status, message, offset)
    }

    /// The plan of a number, as SQLite shows it in EXPLAIN QUERY PLAN.
    func plan(_ number: Int) -> TablePlan? {
        failures.plans.indices.contains(number) ? failures.plans[number] : nil
    }

    /// Leaves an error for the call that SQLite is in.
    func fail(_ error: QueryError) { failures.error = error }
}

/// A compiled question. Holds its connection.
@safe final class SQLiteStatement {
    let columnNames: [String]
    /// The declared type of each column that is a table's column itself; nil for expressions.
    let declaredTypes: [String?]
    private let statement: OpaquePointer
    private let sql: String
    private let connection: SQLiteConnection
    private let holding: [String]

    init(_ statement: OpaquePointer, sql: String, connection: SQLiteConnection, holding: [String]) {
        // Safe: compiled by `prepare` and finalized here alone, in `deinit`.
        unsafe self.statement = statement
        self.sql = sql
        self.connection = connection
        self.holding = holding
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
        // Safe: finalized once, before the connection goes, and before the tables that were made for it.
        unsafe sqlite3_finalize(statement)
        connection.drop(holding)
    }

    /// Goes to the next row; false at the end.
    func step() throws(QueryError) -> Bool {
        // Safe: the statement is open until `deinit`.
        let status = unsafe sqlite3_step(statement)
        // A scan that was cancelled ends early: what came of it is not the answer.
        if connection.snapshot.control.isCancelled { throw .cancelled }
        switch status {
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
