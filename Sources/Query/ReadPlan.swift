// SPDX-License-Identifier: Apache-2.0
//
// What a question would read of the store, without reading it: EXPLAIN, and the limit on octets.
//
// Reads   the catalogue's bounds, footers, page indexes and bloom filters, as the question itself would.
// Writes  a row for each pass over a table.
// Leaves  what only the answer tells: how often the inner table of a join that SQLite does is asked.

import Records
import Store

/// One pass over a table.
struct PlannedScan {
    let table: String
    /// `vectorised` or `row by row`.
    let path: String
    /// Why the vectorised path does not take it; nil where it does.
    let reason: String?
    var segments = 0
    var segmentsKept = 0
    var rowGroups = 0
    var rowGroupsKept = 0
    var rows = 0
    /// Octets of the columns that are wanted, in what is kept.
    var bytes = 0
    /// What ruled segments and row groups out, and how many of them.
    var prunedBy: [(what: String, count: Int)] = []
}

/// All passes of a question.
struct ReadPlan {
    private(set) var scans: [PlannedScan] = []

    /// The statement behind EXPLAIN, or EXPLAIN QUERY PLAN; nil where it is none.
    static func explained(_ text: String) -> String? {
        guard let tokens = SQLTokens.read(text), case .word(let first) = tokens[0].kind, first.uppercased() == "EXPLAIN"
        else { return nil }
        var index = 1
        for word in ["QUERY", "PLAN"] {
            if case .word(let text) = tokens[index].kind, text.uppercased() == word { index += 1 }
        }
        return String(decoding: Array(text.utf8)[tokens[index].range.lowerBound...], as: UTF8.self)
    }

    /// - Throws: `QueryError` of a statement that SQLite does not accept, and of the store.
    init(_ text: String, _ store: StoreQuery) throws(QueryError) {
        let connection = store.connection
        // SQLite says what is wrong with it.
        _ = try connection.prepare(text)
        var holding: [String] = []
        defer { connection.drop(holding) }
        var rest = text
        var reasons: [String] = []
        if store.isVectorised {
            let selects = VectorAnswer.selects(of: text, connection.snapshot.tables)
            do throws(VectorFailure) {
                rest = try VectorAnswer.rewritten(text, selects, &holding) {
                    (plan, select, octets) throws(VectorFailure) in
                    try add(plan, connection.snapshot)
                    return VectorAnswer.emptyAnswer(plan, select, octets, connection)
                }
            } catch {
                if case .store(let error) = error { throw QueryError(error) }
                throw .cancelled
            }
            for select in selects { if case .failure(let refusal) = select.plan { reasons.append(refusal.reason) } }
        }
        try addRest(rest, reasons.first ?? "the vectorised path is off", store, holding)
    }

    var bytes: Int { scans.reduce(0) { $0 + $1.bytes } }

    /// Throws `.tooMuch` where more than `limit` octets would be read.
    func check(limit: Int) throws(QueryError) {
        guard bytes > limit else { return }
        throw QueryError(
            .tooMuch, "the question would read \(ReadPlan.size(bytes)), more than the limit of \(ReadPlan.size(limit))",
            advice: "narrow ts, name fewer columns, see EXPLAIN, or raise --limit-bytes")
    }

    static func size(_ bytes: Int) -> String {
        let units = ["bytes", "kB", "MB", "GB", "TB"]
        var (value, unit) = (Double(bytes), 0)
        while value >= 1000, unit + 1 < units.count { (value, unit) = (value / 1000, unit + 1) }
        let shown = unit == 0 || value >= 100 ? "\(Int(value.rounded()))" : "\((value * 10).rounded() / 10)"
        return "\(shown) \(units[unit])"
    }

    // MARK: the vectorised parts

    private mutating func add(_ plan: VectorPlan, _ snapshot: Snapshot) throws(VectorFailure) {
        switch plan {
        case .rows(let statement): try add(statement.table, statement.filter, statement.used, snapshot)
        case .groups(let statement):
            switch statement.source {
            case .scan(let table, let filter): try add(table, filter, statement.used, snapshot)
            case .join(let join):
                let count = join.left.columns.count
                let left = statement.used.filter { $0 < count }.union(join.keys.map(\.left))
                let right = Set(statement.used.filter { $0 >= count }.map { $0 - count }).union(join.keys.map(\.right))
                try add(join.left, join.leftFilter, left.union(join.leftFilter.columns), snapshot)
                try add(join.right, join.rightFilter, right.union(join.rightFilter.columns), snapshot)
            }
        }
    }

    private mutating func add(
        _ table: QueryTable, _ filter: RowFilter, _ used: Set<Int>, _ snapshot: Snapshot
    ) throws(VectorFailure) {
        let before = snapshot.counters
        let scan = try VectorScan(snapshot, table, filter)
        let counted = snapshot.counters.since(before)
        snapshot.counters = before
        var planned = PlannedScan(table: table.name, path: "vectorised", reason: nil)
        planned.segments = counted.segments
        planned.segmentsKept = Set(scan.units.map(\.segment)).count
        planned.rows = scan.rowCount
        planned.rowGroupsKept = scan.units.count
        var columns = used
        // The elements of a list come with the list; without columns the rows are counted out of the first.
        if let list = table.columns.firstIndex(where: \.isElement) { columns.insert(list) }
        for unit in scan.units {
            let rows = unit.pages.reduce(0) { $0 + $1.count }
            for column in columns {
                guard let place = unit.places[column] else { continue }
                let whole = unit.reader.byteCount(column: place, rowGroup: unit.rowGroup)
                planned.bytes += whole * rows / max(1, unit.reader.rowCount(rowGroup: unit.rowGroup))
            }
        }
        do {
            (planned.rowGroups, planned.prunedBy) = try ReadPlan.pruned(
                table, filter.conjuncts.map { $0.rule(table) }, snapshot)
        } catch {
            throw .store(error)
        }
        scans.append(planned)
    }

    // MARK: what is left for SQLite

    private mutating func addRest(
        _ text: String, _ reason: String, _ store: StoreQuery, _ made: [String]
    ) throws(QueryError) {
        let statement = try store.connection.prepare("EXPLAIN QUERY PLAN " + text)
        while try statement.step() {
            guard case .text(let octets) = statement.value(3) else { continue }
            let words = String(decoding: octets, as: UTF8.self).split(separator: " ")
            guard let place = words.firstIndex(of: "INDEX"), words.indices.contains(place + 1),
                words.contains("VIRTUAL"), let number = Int(words[place + 1].prefix { $0 != ":" }),
                let plan = store.connection.plan(number),
                !plan.table.log.isEmpty, !made.contains(plan.table.name)
            else { continue }
            do { scans.append(try ReadPlan.scan(plan, reason, store.snapshot)) } catch { throw QueryError(error) }
        }
    }

    private static func scan(
        _ plan: TablePlan, _ reason: String, _ snapshot: Snapshot
    ) throws(StoreError) -> PlannedScan {
        var rules: [PruningRule] = []
        for step in plan.steps {
            guard let value = step.value,
                let test = try? ConstraintTest.make(plan.table.columns[step.column].valueKind, step.op, [value])
            else { continue }
            rules.append(Constraint(column: step.column, test: test).rule(plan.table))
        }
        var planned = PlannedScan(table: plan.table.name, path: "row by row", reason: reason)
        (planned.rowGroups, planned.prunedBy) = try pruned(plan.table, rules, snapshot)
        planned.segments = try snapshot.segments(plan.table.log).count
        for segment in try snapshot.segments(plan.table.log) {
            guard try PruningRule.first(rules, against: segment) == nil else { continue }
            planned.segmentsKept += 1
            let reader = try snapshot.reader(segment)
            let places = plan.table.places(in: reader)
            for rowGroup in 0..<reader.rowGroupCount {
                guard try PruningRule.first(rules, against: reader, places, rowGroup) == nil else { continue }
                planned.rowGroupsKept += 1
                planned.rows += reader.rowCount(rowGroup: rowGroup)
                for column in places.indices where plan.uses(column) {
                    planned.bytes += places[column].map { reader.byteCount(column: $0, rowGroup: rowGroup) } ?? 0
                }
            }
        }
        return planned
    }

    /// Row groups of the segments that are opened, and what ruled segments and row groups out: the first rule that did.
    private static func pruned(
        _ table: QueryTable, _ rules: [PruningRule], _ snapshot: Snapshot
    ) throws(StoreError) -> (rowGroups: Int, by: [(what: String, count: Int)]) {
        var counts: [Int: Int] = [:]
        var rowGroups = 0
        for segment in try snapshot.segments(table.log) {
            if let rule = try PruningRule.first(rules, against: segment) {
                counts[rule, default: 0] += 1
                continue
            }
            let reader = try snapshot.reader(segment)
            let places = table.places(in: reader)
            for rowGroup in 0..<reader.rowGroupCount {
                rowGroups += 1
                if let rule = try PruningRule.first(rules, against: reader, places, rowGroup) {
                    counts[rule, default: 0] += 1
                }
            }
        }
        return (rowGroups, counts.keys.sorted().map { (rules[$0].name, counts[$0] ?? 0) })
    }
}
