// SPDX-License-Identifier: Apache-2.0
//
// The store's tables as SQLite's virtual tables: connecting, and choosing what is pruned by.
//
// Reads   what SQLite asks (sqlite.org/vtab.html).
// Writes  a plan for each way in which a table is asked.
// Leaves  scanning (VirtualTable+Cursor).

import GRDBSQLite
import Records
import Store

/// A table that SQLite knows. SQLite holds it as long as the connection lives.
final class ServedTable {
    let table: QueryTable
    let snapshot: Snapshot
    let failures: FailureBox
    /// The rows themselves, where they are not a log's.
    let computed: (any ComputedRows)?
    /// Rows that are known to be wanted, where they were found before the table was asked.
    let found: [FoundPage]?
    /// By column: the texts that were asked for last, how often they changed, and the indices that came of it.
    private var lastTexts: [Int: [[UInt8]]] = [:]
    private var changes: [Int: Int] = [:]
    private var indices: [Int: EqualityIndex] = [:]

    /// A log or the elements of its lists; all rows, or those in `found`.
    init(_ table: QueryTable, _ snapshot: Snapshot, _ failures: FailureBox, found: [FoundPage]? = nil) {
        self.table = table
        self.snapshot = snapshot
        self.failures = failures
        self.found = found
        computed = nil
    }

    /// Rows that stand in memory.
    init(_ rows: any ComputedRows, name: String, _ snapshot: Snapshot, _ failures: FailureBox) {
        table = QueryTable(name: name, log: "", columns: [], list: nil)
        self.snapshot = snapshot
        self.failures = failures
        computed = rows
        found = nil
    }

    var declaration: String { computed?.declaration ?? table.declaration }

    /// Rows of the table, for SQLite's choice between plans.
    var rowCount: Int {
        if let computed { return computed.count }
        if let found { return found.reduce(0) { $0 + $1.rows.count } }
        return (try? snapshot.segments(table.log).reduce(0) { $0 + $1.rowCount }) ?? 1000
    }

    /// A pass over the rows that may match, by an index where one text after the other was asked for.
    func scan(_ constraints: [Constraint]) throws(StoreError) -> SegmentScan {
        if let found { return try SegmentScan(snapshot, table, found: found) }
        var best: (column: Int, texts: [[UInt8]])?
        for constraint in constraints where !table.columns[constraint.column].isElement {
            guard case .texts(let texts) = constraint.test else { continue }
            // What stays the same from question to question is not what a join goes by.
            if lastTexts.updateValue(texts, forKey: constraint.column) != texts {
                changes[constraint.column, default: 0] += 1
            }
            guard changes[constraint.column] ?? 0 > EqualityIndex.questionsBefore else { continue }
            let isIdentity = [.uid, .fuid].contains(table.columns[constraint.column].kind)
            if best == nil || isIdentity { best = (constraint.column, texts) }
        }
        guard let best, let index = try index(best.column) else {
            return try SegmentScan(snapshot, table, constraints)
        }
        return try SegmentScan(snapshot, table, found: index.find(best.texts))
    }

    private func index(_ column: Int) throws(StoreError) -> EqualityIndex? {
        if let known = indices[column] { return known }
        let rowCount = try snapshot.segments(table.log).reduce(0) { $0 + $1.rowCount }
        guard rowCount <= EqualityIndex.rowsMax else { return nil }
        let index = try EqualityIndex(snapshot, table, column: column)
        indices[column] = index
        return index
    }
}

/// Rows that stand in memory, as a table.
protocol ComputedRows: AnyObject {
    var count: Int { get }
    /// What SQLite is told about the columns: `CREATE TABLE x(…)`.
    var declaration: String { get }
    /// The cell of a column; the octets of a text are appended to `scratch`.
    func cell(_ row: Int, _ column: Int, _ scratch: inout [UInt8]) -> Cell
}

/// What callbacks leave for the connection.
final class FailureBox {
    /// The error that SQLite cannot carry.
    var error: QueryError?
    /// The plans that `xBestIndex` made, of all tables; `idxNum` is an index.
    var plans: [TablePlan] = []
    /// Whether a table is being declared.
    var isDeclaring = false
}

/// A way in which SQLite may ask a table.
struct TablePlan {
    let table: QueryTable
    let steps: [PlanStep]
    /// One bit for each of the first 63 columns that the statement wants; the last for all others.
    let columnsUsed: UInt64

    func uses(_ column: Int) -> Bool { columnsUsed & (1 << UInt64(min(column, 63))) != 0 }
}

/// One constraint of a plan: its value is the next argument of `xFilter`.
struct PlanStep {
    let column: Int
    let op: ConstraintOperator
    let isList: Bool
    /// The value where it stands in the statement; nil where it is known only when the table is asked.
    let value: SQLValue?
}

/// SQLite's head of a table, then ours: SQLite sees a pointer to `base`, which stands first.
// Safe: made and freed by TableModule alone.
@unsafe struct TableBox {
    var base: sqlite3_vtab
    var table: Unmanaged<ServedTable>
}

/// The functions that SQLite calls. There is no `xCreate`: a table is there without being created.
enum TableModule {
    // Safe: made once, never changed afterwards, never freed: it outlives every connection.
    nonisolated(unsafe) static let module: UnsafeMutablePointer<sqlite3_module> = {
        let module = UnsafeMutablePointer<sqlite3_module>.allocate(capacity: 1)
        // Safe: all of the struct is zero before the functions are put in.
        unsafe module.initialize(to: sqlite3_module())
        unsafe module.pointee.iVersion = 1
        unsafe module.pointee.xConnect = { database, context, _, _, result, _ in
            unsafe connect(database, context, result)
        }
        // Safe: each function checks the pointers that it is called with.
        unsafe module.pointee.xBestIndex = { table, info in unsafe bestIndex(table, info) }
        unsafe module.pointee.xDisconnect = { table in unsafe disconnect(table) }
        unsafe module.pointee.xOpen = { table, result in unsafe TableCursor.open(table, result) }
        unsafe module.pointee.xClose = { cursor in unsafe TableCursor.close(cursor) }
        unsafe module.pointee.xFilter = { cursor, plan, _, count, arguments in
            unsafe TableCursor.filter(cursor, plan, count, arguments)
        }
        unsafe module.pointee.xNext = { cursor in unsafe TableCursor.next(cursor) }
        // Safe: as above.
        unsafe module.pointee.xEof = { cursor in unsafe TableCursor.isAtEnd(cursor) }
        unsafe module.pointee.xColumn = { cursor, context, column in
            unsafe TableCursor.column(cursor, context, column)
        }
        unsafe module.pointee.xRowid = { cursor, result in unsafe TableCursor.rowID(cursor, result) }
        return unsafe module
    }()

    private static func connect(
        _ database: OpaquePointer?, _ context: UnsafeMutableRawPointer?,
        _ result: UnsafeMutablePointer<UnsafeMutablePointer<sqlite3_vtab>?>?
    ) -> Int32 {
        // Safe: SQLite's pointers are valid as long as the call.
        guard let context = unsafe context, let result = unsafe result else { return SQLITE_ERROR }
        // Safe: `context` is the ServedTable that was registered, which the connection keeps.
        let table = unsafe Unmanaged<ServedTable>.fromOpaque(context).takeUnretainedValue()
        // The declaration is SQL of our own; the authorizer would refuse its CREATE.
        table.failures.isDeclaring = true
        defer { table.failures.isDeclaring = false }
        let status = unsafe sqlite3_declare_vtab(database, table.declaration)
        guard status == SQLITE_OK else { return status }
        // Safe: allocated and filled before SQLite gets it; freed in `disconnect` and nowhere else.
        let box = UnsafeMutablePointer<TableBox>.allocate(capacity: 1)
        unsafe box.initialize(to: TableBox(base: sqlite3_vtab(), table: .passRetained(table)))
        // Safe: `base` is the first field of the box.
        unsafe result.pointee = UnsafeMutableRawPointer(box).assumingMemoryBound(to: sqlite3_vtab.self)
        return SQLITE_OK
    }

    private static func disconnect(_ table: UnsafeMutablePointer<sqlite3_vtab>?) -> Int32 {
        // Safe: SQLite's pointers are valid as long as the call.
        guard let table = unsafe table else { return SQLITE_OK }
        // Safe: every vtab that SQLite has is a TableBox of `connect`; it is not used after this call.
        let box = unsafe UnsafeMutableRawPointer(table).assumingMemoryBound(to: TableBox.self)
        unsafe box.pointee.table.release()
        unsafe box.deinitialize(count: 1)
        unsafe box.deallocate()
        return SQLITE_OK
    }

    /// The table behind SQLite's pointer.
    static func served(_ table: UnsafeMutablePointer<sqlite3_vtab>) -> ServedTable {
        // Safe: every vtab that SQLite has is a TableBox of `connect`, alive until `disconnect`.
        unsafe UnsafeMutableRawPointer(table).assumingMemoryBound(to: TableBox.self).pointee.table
            .takeUnretainedValue()
    }

    // MARK: planning

    private static func bestIndex(
        _ table: UnsafeMutablePointer<sqlite3_vtab>?, _ info: UnsafeMutablePointer<sqlite3_index_info>?
    ) -> Int32 {
        // Safe: SQLite's pointers are valid as long as the call.
        guard let table = unsafe table, let info = unsafe info else { return SQLITE_ERROR }
        let served = unsafe served(table)
        var plan: [PlanStep] = []
        var share = 1.0
        // Safe: SQLite gives `nConstraint` constraints, and as many places for what we use of them.
        let constraints = unsafe UnsafeBufferPointer(
            start: info.pointee.aConstraint, count: Int(info.pointee.nConstraint))
        for index in constraints.indices {
            let constraint = unsafe constraints[index]
            let column = Int(constraint.iColumn)
            guard constraint.usable != 0, served.table.columns.indices.contains(column),
                let op = ConstraintOperator(sqlite: Int32(constraint.op)),
                op.isUseful(for: served.table.columns[column])
            else { continue }
            // Safe: `index` is below `nConstraint`; the name lives as long as the call.
            let collation = unsafe String(cString: sqlite3_vtab_collation(info, Int32(index)))
            let own = served.table.columns[column].valueKind == .time ? QueryTable.timeCollation : "BINARY"
            guard collation.lowercased() == own.lowercased() else { continue }
            // Safe: as above; asks for all values of an IN at once.
            let isList = unsafe sqlite3_vtab_in(info, Int32(index), 1) != 0
            // Safe: as above; the value is SQLite's, and copied.
            var given: OpaquePointer?
            let isKnown = unsafe sqlite3_vtab_rhs_value(info, Int32(index), &given) == SQLITE_OK && !isList
            let value = unsafe isKnown ? SQLValue(given) : nil
            plan.append(PlanStep(column: column, op: op, isList: isList, value: value))
            // Safe: as above. SQLite tests every row again, since `omit` stays 0.
            unsafe info.pointee.aConstraintUsage[index].argvIndex = Int32(plan.count)
            share *= op.share(of: served.table.columns[column], isList: isList)
        }
        let rows = served.rowCount
        // Rows handed over cost one; rows looked at a twentieth; each start of a scan as much as 200 rows.
        // Safe: plain fields of the struct that SQLite passed.
        unsafe info.pointee.estimatedRows = Int64(max(1, Double(rows) * share))
        unsafe info.pointee.estimatedCost = 200 + Double(rows) * (share + share.squareRoot() / 20)
        unsafe info.pointee.idxNum = Int32(served.failures.plans.count)
        unsafe served.failures.plans.append(
            TablePlan(table: served.table, steps: plan, columnsUsed: info.pointee.colUsed))
        return SQLITE_OK
    }
}

extension ConstraintOperator {
    init?(sqlite op: Int32) {
        switch op {
        case SQLITE_INDEX_CONSTRAINT_EQ: self = .equal
        case SQLITE_INDEX_CONSTRAINT_LT: self = .less
        case SQLITE_INDEX_CONSTRAINT_LE: self = .lessOrEqual
        case SQLITE_INDEX_CONSTRAINT_GT: self = .greater
        case SQLITE_INDEX_CONSTRAINT_GE: self = .greaterOrEqual
        case SQLITE_INDEX_CONSTRAINT_LIKE: self = .like
        case SQLITE_INDEX_CONSTRAINT_GLOB: self = .glob
        case SQLITE_INDEX_CONSTRAINT_ISNOTNULL: self = .isSet
        default: return nil
        }
    }

    /// Whether the store can use the comparison. A list as JSON text has no bounds.
    func isUseful(for column: QueryColumn) -> Bool {
        if column.kind.isList && !column.isElement { return false }
        switch self {
        case .like, .glob: return column.valueKind.isStoredAsText
        // Elements that are not there have no row.
        case .isSet: return !column.isElement
        default: return true
        }
    }

    /// A guess at the share of rows that match, for SQLite's choice between plans.
    func share(of column: QueryColumn, isList: Bool) -> Double {
        switch self {
        case .equal where isList: 0.05
        case .equal:
            switch column.valueKind {
            case .uid, .fuid: 0.00001
            case .text, .address: 0.001
            case .time: 0.0001
            default: 0.05
            }
        case .less, .lessOrEqual, .greater, .greaterOrEqual: 0.25
        case .like, .glob: 0.1
        case .isSet: 0.9
        }
    }
}
