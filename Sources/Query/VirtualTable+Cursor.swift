// SPDX-License-Identifier: Apache-2.0
//
// SQLite's cursors over the store's tables.
//
// Reads   the values of the plan's constraints.
// Writes  cells into SQLite's result.
// Leaves  which rows there are (SegmentScan).

import GRDBSQLite
import Records
import Store

/// A cursor that SQLite holds between `xOpen` and `xClose`.
final class CursorState {
    let served: ServedTable
    var scan: SegmentScan?
    /// The computed row, and the octets of its text cell that was asked for last.
    var row = 0
    var scratch: [UInt8] = []

    init(_ served: ServedTable) { self.served = served }

    func advance() throws(StoreError) {
        row += 1
        try scan?.advance()
    }

    var isAtEnd: Bool {
        if let rows = served.computed { return row >= rows.count }
        return scan?.isAtEnd ?? true
    }

    func cell(_ column: Int) throws(StoreError) -> Cell {
        scratch.removeAll(keepingCapacity: true)
        if let rows = served.computed { return rows.cell(row, column, &scratch) }
        return try scan?.cell(column) ?? .null
    }

    /// The octets of the text cell that was asked for last.
    func withText(_ body: (UnsafeRawBufferPointer) -> Void) {
        // Safe: the octets are read inside the closure only.
        if served.computed != nil { return unsafe scratch.withUnsafeBytes { unsafe body($0) } }
        unsafe scan?.scratch.withUnsafeBytes { unsafe body($0) }
    }
}

/// SQLite's head of a cursor, then ours: SQLite sees a pointer to `base`, which stands first.
// Safe: made and freed by TableCursor alone.
@unsafe struct CursorBox {
    var base: sqlite3_vtab_cursor
    var state: Unmanaged<CursorState>
}

/// The functions that SQLite calls for a cursor.
enum TableCursor {
    static func open(
        _ table: UnsafeMutablePointer<sqlite3_vtab>?,
        _ result: UnsafeMutablePointer<UnsafeMutablePointer<sqlite3_vtab_cursor>?>?
    ) -> Int32 {
        // Safe: SQLite's pointers are valid as long as the call.
        guard let table = unsafe table, let result = unsafe result else { return SQLITE_ERROR }
        let state = unsafe CursorState(TableModule.served(table))
        // Safe: allocated and filled before SQLite gets it; freed in `close` and nowhere else.
        let box = UnsafeMutablePointer<CursorBox>.allocate(capacity: 1)
        unsafe box.initialize(to: CursorBox(base: sqlite3_vtab_cursor(), state: .passRetained(state)))
        // Safe: `base` is the first field of the box.
        unsafe result.pointee = UnsafeMutableRawPointer(box).assumingMemoryBound(to: sqlite3_vtab_cursor.self)
        return SQLITE_OK
    }

    static func close(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
        // Safe: SQLite's pointers are valid as long as the call.
        guard let cursor = unsafe cursor else { return SQLITE_OK }
        // Safe: every cursor that SQLite has is a CursorBox of `open`; it is not used after this call.
        let box = unsafe UnsafeMutableRawPointer(cursor).assumingMemoryBound(to: CursorBox.self)
        unsafe box.pointee.state.release()
        unsafe box.deinitialize(count: 1)
        unsafe box.deallocate()
        return SQLITE_OK
    }

    private static func state(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>) -> CursorState {
        // Safe: every cursor that SQLite has is a CursorBox of `open`, alive until `close`.
        unsafe UnsafeMutableRawPointer(cursor).assumingMemoryBound(to: CursorBox.self).pointee.state
            .takeUnretainedValue()
    }

    static func filter(
        _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ plan: Int32, _ count: Int32,
        _ arguments: UnsafeMutablePointer<OpaquePointer?>?
    ) -> Int32 {
        // Safe: SQLite's pointers are valid as long as the call.
        guard let cursor = unsafe cursor else { return SQLITE_ERROR }
        let state = unsafe state(cursor)
        state.row = 0
        guard state.served.computed == nil else { return SQLITE_OK }
        let steps = state.served.failures.plans[Int(plan)].steps
        var constraints: [Constraint] = []
        do {
            for index in 0 ..< min(Int(count), steps.count) {
                let step = steps[index]
                // Safe: SQLite passes `count` values, and `index` is below it.
                let argument = unsafe arguments?[index]
                let values = unsafe step.isList ? SQLValue.list(argument) : [SQLValue(argument)]
                let kind = state.served.table.columns[step.column].valueKind
                if let test = try ConstraintTest.make(kind, step.op, values) {
                    constraints.append(Constraint(column: step.column, test: test))
                }
            }
        } catch {
            return fail(state, error)
        }
        do {
            state.scan = try state.served.scan(constraints)
            return SQLITE_OK
        } catch {
            return fail(state, QueryError(error))
        }
    }

    static func next(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
        // Safe: SQLite's pointers are valid as long as the call.
        guard let cursor = unsafe cursor else { return SQLITE_ERROR }
        let state = unsafe state(cursor)
        do throws(StoreError) {
            try state.advance()
            return SQLITE_OK
        } catch {
            return fail(state, QueryError(error))
        }
    }

    static func isAtEnd(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
        // Safe: SQLite's pointers are valid as long as the call.
        guard let cursor = unsafe cursor else { return 1 }
        return unsafe state(cursor).isAtEnd ? 1 : 0
    }

    static func column(
        _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ context: OpaquePointer?, _ column: Int32
    ) -> Int32 {
        // Safe: SQLite's pointers are valid as long as the call.
        guard let cursor = unsafe cursor else { return SQLITE_ERROR }
        let state = unsafe state(cursor)
        let cell: Cell
        do throws(StoreError) {
            cell = try state.cell(Int(column))
        } catch {
            return fail(state, QueryError(error))
        }
        switch cell {
        // Safe: `context` is SQLite's, valid as long as the call.
        case .null: unsafe sqlite3_result_null(context)
        case .integer(let number): unsafe sqlite3_result_int64(context, number)
        case .real(let number): unsafe sqlite3_result_double(context, number)
        case .text:
            // Safe: SQLite copies the octets before the call returns (SQLITE_TRANSIENT); they are valid
            // until the next cell is asked for.
            unsafe state.withText { octets in
                let start = unsafe octets.baseAddress?.assumingMemoryBound(to: CChar.self)
                if unsafe start == nil {
                    unsafe sqlite3_result_text(context, "", 0, nil)
                } else {
                    unsafe sqlite3_result_text(context, start, Int32(truncatingIfNeeded: octets.count), transient)
                }
            }
        }
        return SQLITE_OK
    }

    static func rowID(
        _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ result: UnsafeMutablePointer<Int64>?
    ) -> Int32 {
        // Safe: SQLite's pointers are valid as long as the call.
        guard let cursor = unsafe cursor, let result = unsafe result else { return SQLITE_ERROR }
        // Safe: SQLite passes a place for one number.
        unsafe result.pointee = state(cursor).scan?.rowID ?? Int64(state(cursor).row)
        return SQLITE_OK
    }

    /// Leaves the error where the connection finds it.
    static func fail(_ state: CursorState, _ error: QueryError) -> Int32 {
        state.served.failures.error = error
        return SQLITE_ERROR
    }

    // Safe: SQLite's own constant, -1 as a destructor: copy at once.
    private static var transient: sqlite3_destructor_type { unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self) }
}

extension SQLValue {
    init(_ value: OpaquePointer?) {
        // Safe: `value` is SQLite's, valid as long as the call that brought it.
        switch unsafe sqlite3_value_type(value) {
        case SQLITE_INTEGER: self = unsafe .integer(sqlite3_value_int64(value))
        case SQLITE_FLOAT: self = unsafe .real(sqlite3_value_double(value))
        case SQLITE_TEXT:
            // Safe: the text is fetched before its length, as SQLite asks, and copied at once.
            let text = unsafe sqlite3_value_text(value)
            let count = unsafe Int(sqlite3_value_bytes(value))
            self = unsafe .text(Array(UnsafeBufferPointer(start: text, count: text == nil ? 0 : count)))
        case SQLITE_BLOB:
            let start = unsafe sqlite3_value_blob(value)
            let count = unsafe start == nil ? 0 : Int(sqlite3_value_bytes(value))
            self = unsafe .blob(Array(UnsafeRawBufferPointer(start: start, count: count)))
        default: self = .null
        }
    }

    /// All values of an IN.
    static func list(_ argument: OpaquePointer?) -> [SQLValue] {
        var values: [SQLValue] = []
        var value: OpaquePointer?
        // Safe: `value` is a place for one pointer, which SQLite owns until the next call.
        var status = unsafe sqlite3_vtab_in_first(argument, &value)
        while status == SQLITE_OK, let current = unsafe value {
            unsafe values.append(SQLValue(current))
            // Safe: as above.
            status = unsafe sqlite3_vtab_in_next(argument, &value)
        }
        return values
    }
}
