// SPDX-License-Identifier: Apache-2.0
//
// One condition of a question as what rules segments and row groups out, for EXPLAIN.

import Records
import Store

/// A condition, and the columns that it is about.
struct PruningRule {
    let name: String
    fileprivate let facts: Facts

    fileprivate enum Facts {
        case filter(RowFilter, QueryTable)
        case constraint(Constraint, QueryTable)
    }

    /// The first rule that rules a segment out.
    static func first(_ rules: [PruningRule], against segment: SegmentInfo) throws(StoreError) -> Int? {
        for (number, rule) in rules.enumerated() where try !rule.keeps(segment) { return number }
        return nil
    }

    /// The first rule that rules a row group out.
    static func first(
        _ rules: [PruningRule], against reader: SegmentReader, _ places: [Int?], _ rowGroup: Int
    ) throws(StoreError) -> Int? {
        for (number, rule) in rules.enumerated() where try !rule.keepsGroup(reader, places, rowGroup) { return number }
        return nil
    }

    /// Whether a segment may have a row that is wanted, by what the catalogue knows.
    func keeps(_ segment: SegmentInfo) throws(StoreError) -> Bool {
        switch facts {
        case .filter(let filter, let table):
            let known = StretchFacts(
                bounds: { (column) throws(StoreError) in
                    table.columns[column].isElement ? nil : segment.bounds[table.columns[column].source]
                }, mayContain: { (_, _) throws(StoreError) in true })
            return try filter.mayMatch(known)
        case .constraint(let constraint, let table):
            let column = table.columns[constraint.column]
            guard let bounds = segment.bounds[column.source] else { return true }
            return constraint.test.mayMatch(bounds, isList: column.kind.isList)
        }
    }

    /// Whether a row group may have a row that is wanted, by its bounds and bloom filters.
    func keepsGroup(_ reader: SegmentReader, _ places: [Int?], _ rowGroup: Int) throws(StoreError) -> Bool {
        switch facts {
        case .filter(let filter, let table):
            let known = StretchFacts(
                bounds: { (column) throws(StoreError) in
                    guard let place = places[column], !table.columns[column].isElement else { return nil }
                    return reader.bounds(column: place, rowGroup: rowGroup)
                },
                mayContain: { (column, text) throws(StoreError) in
                    guard let place = places[column] else { return false }
                    return try reader.mayContain(column: place, rowGroup: rowGroup, text: text)
                })
            return try filter.mayMatch(known)
        case .constraint(let constraint, let table):
            guard let place = places[constraint.column] else { return false }
            let bounds = reader.bounds(column: place, rowGroup: rowGroup)
            let isList = table.columns[constraint.column].kind.isList
            guard constraint.test.mayMatch(bounds, isList: isList) else { return false }
            guard case .texts(let texts) = constraint.test else { return true }
            for text in texts where try reader.mayContain(column: place, rowGroup: rowGroup, text: text[...]) {
                return true
            }
            return false
        }
    }
}

extension Constraint {
    func rule(_ table: QueryTable) -> PruningRule {
        PruningRule(name: table.columns[column].name, facts: .constraint(self, table))
    }
}

extension RowFilter {
    /// The parts that must all be true.
    var conjuncts: [RowFilter] {
        if case .and(let parts) = self { parts.flatMap(\.conjuncts) } else { [self] }
    }

    /// Columns whose bounds and bloom filters it may go by.
    var columns: Set<Int> {
        switch self {
        case .all, .none, .compare, .function: []
        case .and(let parts), .or(let parts): parts.reduce(into: []) { $0.formUnion($1.columns) }
        case .test(let column, _): [column]
        case .sameText(let left, let right, _): [left, right]
        }
    }

    func rule(_ table: QueryTable) -> PruningRule {
        let names = columns.sorted().map { table.columns[$0].name }
        return PruningRule(name: names.joined(separator: " or "), facts: .filter(self, table))
    }
}

extension StoreQuery {
    /// The passes of a question over the store's tables, as the rows of an answer.
    func explain(_ text: String) throws(QueryError) -> PreparedQuestion {
        let plan = try ReadPlan(text, self)
        var rows: [[SQLValue]] = plan.scans.map { scan in
            let pruned = scan.prunedBy.map { "\($0.what) \($0.count)" }.joined(separator: ", ")
            return [
                SQLValue(scan.table), SQLValue(scan.path), scan.reason.map { SQLValue($0) } ?? .null,
                SQLValue("\(scan.segmentsKept) of \(scan.segments)"),
                SQLValue("\(scan.rowGroupsKept) of \(scan.rowGroups)"), pruned.isEmpty ? .null : SQLValue(pruned),
                SQLValue(scan.rows), SQLValue(scan.bytes), SQLValue(ReadPlan.size(scan.bytes)),
            ]
        }
        if rows.count > 1 {
            let unknown = [SQLValue](repeating: .null, count: 6)
            rows.append(["(all)"] + unknown + [SQLValue(plan.bytes), SQLValue(ReadPlan.size(plan.bytes))])
        }
        let names = [
            "table", "path", "why_not_vectorised", "segments_kept", "row_groups_kept", "pruned_by", "rows", "bytes",
            "to_read",
        ]
        let name = connection.serve(MemoryRows(columns: names, rows: rows))
        let statement = try connection.prepare("SELECT * FROM \(name)", holding: [name])
        return PreparedQuestion(statement: statement, columns: AnswerColumn.columns(statement), wasVectorised: false)
    }
}
