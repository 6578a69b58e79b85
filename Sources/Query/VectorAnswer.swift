// SPDX-License-Identifier: Apache-2.0
//
// The vectorised path: the heavy parts of a statement column by column, the rest by SQLite.
//
// Each SELECT of the statement that the path understands, be it the whole, a common table expression or a subquery, is
// worked out, and its groups are put in its place as a table. What is left is SQLite's.
//
// Reads   a statement that SQLite has accepted.
// Writes  groups, or the places of rows, and the statement that asks them.
// Leaves  SELECTs that it does not understand, and those where it meets what only SQLite does as SQLite does.

import Foundation
import Records
import Store
import Synchronization

/// Why a SELECT is not for the vectorised path: a sentence for EXPLAIN.
struct VectorRefusal: Error {
    let reason: String
}

/// A SELECT of a statement, and what the vectorised path would do with it.
struct PlannedSelect {
    /// Octets of the statement.
    let range: Range<Int>
    /// Whether it is the whole statement.
    let isWhole: Bool
    let plan: Result<VectorPlan, VectorRefusal>
}

enum VectorAnswer {
    /// The statement that answers `text`, with its work done; nil where SQLite is to do it all.
    static func prepare(_ text: String, _ connection: SQLiteConnection) throws(QueryError) -> SQLiteStatement? {
        var holding: [String] = []
        do throws(VectorFailure) {
            let rest = try rewritten(text, selects(of: text, connection.snapshot.tables), &holding) {
                (plan, select, octets) throws(VectorFailure) in try answer(plan, select, octets, connection)
            }
            guard !holding.isEmpty else { return nil }
            return try? connection.prepare(rest, holding: holding)
        } catch {
            connection.drop(holding)
            if case .store(let error) = error { throw QueryError(error) }
            throw .cancelled
        }
    }

    /// The statement with what stands for the SELECTs that are planned in their places. `answer` makes a table, and the
    /// text over it; a SELECT that turns out to be SQLite's stays as it is.
    static func rewritten(
        _ text: String, _ selects: [PlannedSelect], _ holding: inout [String],
        _ answer: (VectorPlan, PlannedSelect, [UInt8]) throws(VectorFailure) -> (table: String, text: [UInt8])
    ) throws(VectorFailure) -> String {
        let octets = Array(text.utf8)
        var rest: [UInt8] = []
        var place = 0
        for select in selects {
            guard case .success(let plan) = select.plan else { continue }
            do throws(VectorFailure) {
                let (name, part) = try answer(plan, select, octets)
                holding.append(name)
                rest += octets[place..<select.range.lowerBound]
                rest += part
                place = select.range.upperBound
            } catch {
                guard case .notOurs = error else { throw error }
            }
        }
        return String(decoding: rest + octets[place...], as: UTF8.self)
    }

    /// The SELECTs of a statement, each with its plan; those inside one that is planned are not among them.
    static func selects(of text: String, _ tables: [QueryTable]) -> [PlannedSelect] {
        guard let tokens = SQLTokens.read(text) else { return [] }
        var found: [PlannedSelect] = []
        var index = 0
        while index < tokens.count {
            defer { index += 1 }
            guard case .word(let word) = tokens[index].kind, word.uppercased() == "SELECT" else { continue }
            var stopped = index
            guard let (select, end) = SQLParser.parse(tokens, at: index, stopped: &stopped) else {
                let near = text.utf8.dropFirst(tokens[stopped].range.lowerBound).prefix(24)
                let reason = "it has what the vectorised path does not know near \"\(String(near) ?? "")\""
                let range = tokens[index].range.lowerBound..<tokens[index].range.upperBound
                found.append(
                    PlannedSelect(range: range, isWhole: index == 0, plan: .failure(VectorRefusal(reason: reason))))
                continue
            }
            let range = tokens[index].range.lowerBound..<tokens[end - 1].range.upperBound
            let isWhole = index == 0 && tokens[end...].allSatisfy { $0.kind == .end || $0.kind == .mark(";") }
            let plan: Result<VectorPlan, VectorRefusal>
            do throws(VectorRefusal) {
                try check(select, tokens, index, end)
                plan = .success(try VectorPlan.make(select, text, tables, isWhole: isWhole))
                index = end - 1
            } catch {
                plan = .failure(error)
            }
            found.append(PlannedSelect(range: range, isWhole: isWhole, plan: plan))
        }
        return found
    }

    /// Refuses a SELECT whose surroundings change what it means.
    private static func check(
        _ select: SQLSelect, _ tokens: [SQLToken], _ start: Int, _ end: Int
    ) throws(VectorRefusal) {
        func word(_ index: Int) -> String? {
            guard tokens.indices.contains(index), case .word(let text) = tokens[index].kind else { return nil }
            return text.uppercased()
        }
        let compound: Set<String> = ["UNION", "INTERSECT", "EXCEPT"]
        switch tokens[end].kind {
        case .end, .mark(";"), .mark(")"): break
        default:
            guard compound.contains(word(end) ?? "") else {
                throw VectorRefusal(reason: "something stands behind it that the vectorised path does not know")
            }
        }
        let before = start > 0 ? word(start - 1) ?? "" : ""
        let isArm = compound.contains(before) || before == "ALL" && start > 1 && word(start - 2) == "UNION"
        guard !isArm || select.order.isEmpty && select.limit == nil else {
            throw VectorRefusal(reason: "its ORDER BY or LIMIT is that of the whole UNION")
        }
        // A common table expression of the table's name would be meant instead.
        let names = [select.table.name.lowercased(), select.joined?.table.name.lowercased()]
        for index in tokens.indices.dropLast() {
            guard case .word(let text) = tokens[index].kind, names.contains(text.lowercased()) else { continue }
            let isDefined =
                tokens[index + 1].kind == .mark("(")
                || word(index + 1) == "AS"
                    && (tokens[index + 2].kind == .mark("(") || ["MATERIALIZED", "NOT"].contains(word(index + 2)))
            if isDefined { throw VectorRefusal(reason: "\(text) is also a common table expression") }
        }
    }

    // MARK: working it out

    /// Does the work of a plan; answers the table that was made and what stands for the SELECT.
    private static func answer(
        _ plan: VectorPlan, _ select: PlannedSelect, _ octets: [UInt8], _ connection: SQLiteConnection
    ) throws(VectorFailure) -> (table: String, text: [UInt8]) {
        switch plan {
        case .groups(let statement):
            return served(try aggregate(statement, connection.snapshot), statement, select, connection)
        case .rows(let statement):
            return served(found: try find(statement, connection.snapshot), statement, select, octets, connection)
        }
    }

    /// The same without the work, as if nothing had been found.
    static func emptyAnswer(
        _ plan: VectorPlan, _ select: PlannedSelect, _ octets: [UInt8], _ connection: SQLiteConnection
    ) -> (table: String, text: [UInt8]) {
        switch plan {
        case .groups(let statement):
            served(Aggregation(statement.plan), statement, select, connection)
        case .rows(let statement): served(found: [], statement, select, octets, connection)
        }
    }

    private static func served(
        _ groups: Aggregation, _ statement: GroupStatement, _ select: PlannedSelect, _ connection: SQLiteConnection
    ) -> (table: String, text: [UInt8]) {
        let name = connection.serve(GroupRows(groups, statement.choice))
        let text = statement.text(over: name)
        // A limit keeps SQLite from asking the groups again for each row of what they are joined with.
        return (name, Array((select.isWhole ? text : "SELECT * FROM (\(text)) LIMIT -1").utf8))
    }

    private static func served(
        found: [FoundPage], _ statement: RowStatement, _ select: PlannedSelect, _ octets: [UInt8],
        _ connection: SQLiteConnection
    ) -> (table: String, text: [UInt8]) {
        let name = connection.serve(found, of: statement.table)
        let alias = statement.named.alias == nil ? " AS \"\(statement.named.name)\"" : ""
        let named = statement.named.range
        return (
            name,
            octets[select.range.lowerBound..<named.lowerBound] + Array((name + alias).utf8)
                + octets[named.upperBound..<select.range.upperBound]
        )
    }

    private static func aggregate(
        _ statement: GroupStatement, _ snapshot: Snapshot
    ) throws(VectorFailure) -> Aggregation {
        let shares: GroupShares
        switch statement.source {
        case .scan(let table, let filter):
            let scan = try VectorScan(snapshot, table, filter)
            let count = scan.workerCount
            let groups = GroupShares(statement.plan, workers: count)
            let isCount = statement.plan.isCount
            snapshot.counters.rows += try scan.run(workers: count, snapshot.control) {
                (worker, _, page, rows) throws(VectorFailure) in
                if isCount { groups[worker].add(rowCount: rows.count) } else { try groups[worker].add(rows, page) }
            }
            shares = groups
        case .join(let join):
            shares = try JoinRun.run(join, statement.plan, snapshot)
        }
        return try shares.merged()
    }

    private static func find(_ statement: RowStatement, _ snapshot: Snapshot) throws(VectorFailure) -> [FoundPage] {
        let scan = try VectorScan(snapshot, statement.table, statement.filter)
        let count = scan.workerCount
        let kind = statement.table.columns[statement.top?.column ?? 0].kind
        let shares = (0..<count).map { _ in FoundShare(statement.top, kind: kind) }
        // They are counted when SQLite asks for them.
        _ = try scan.run(workers: count, snapshot.control) { (worker, unit, page, rows) throws(VectorFailure) in
            try shares[worker].add(unit, page, rows)
        }
        return try FoundShare.read(statement.asked, of: FoundShare.joined(shares, scan))
    }
}
