// SPDX-License-Identifier: Apache-2.0
//
// Rules over what a store holds.
//
// Reads   the columns that the rules ask for, of the time that is asked for.
// Writes  hits, log by log, in the order of the store, which is that of time but for what came late.
// Leaves  rules whose logs the store does not have, which find nothing.

import JSON
package import Query
package import Records

/// Rules, ready to run over stores. Used by one thread.
package final class SigmaHunt {
    private let rules: SigmaRules
    private let logs: [SigmaLog]
    private let cloud: SigmaCloud
    /// Rows that were looked at by the last run.
    package private(set) var rowCount = 0

    package init(_ rules: SigmaRules, schemas: [LogSchema]) {
        self.rules = rules
        logs = SigmaLog.logs(rules, schemas)
        cloud = SigmaCloud(rules)
    }

    /// Runs all rules over a store.
    ///
    /// - Parameters:
    ///   - since: of rows before, none is looked at.
    ///   - until: of rows at and after it, none is looked at.
    ///   - found: told of each hit; false ends the run.
    package func run(
        _ store: StoreQuery, since: Timestamp? = nil, until: Timestamp? = nil, _ found: (SigmaHit) -> Bool
    ) throws(QueryError) {
        rowCount = 0
        let tables = Set(store.tables.map(\.name))
        for log in logs where tables.contains(log.schema.path) {
            guard try run(log, store, since, until, found) else { return }
        }
        if tables.contains("cloud_audit") { try runCloud(store, since, until, found) }
    }

    private func conditions(
        _ since: Timestamp?, _ until: Timestamp?, _ values: inout [String: SQLValue]
    ) -> [String] {
        var parts: [String] = []
        if let since {
            parts.append("ts >= :since")
            values["since"] = SQLValue(since)
        }
        if let until {
            parts.append("ts < :until")
            values["until"] = SQLValue(until)
        }
        return parts
    }

    // MARK: logs of the traffic

    /// The columns that the rules of a log and its alerts need, in the order of the log.
    private func columns(_ log: SigmaLog) -> [Int] {
        let needsAll = log.matcher.asksWholeEvent
        var wanted = Set(log.columns.joined().map(\.column))
        for name in ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "host"]
            + SigmaLog.entityColumns.map(\.column)
        {
            if let index = log.schema.index(of: name) { wanted.insert(index) }
        }
        return log.schema.columns.indices.filter { needsAll || wanted.contains($0) }
    }

    private func run(
        _ log: SigmaLog, _ store: StoreQuery, _ since: Timestamp?, _ until: Timestamp?, _ found: (SigmaHit) -> Bool
    ) throws(QueryError) -> Bool {
        let columns = columns(log)
        var values: [String: SQLValue] = [:]
        let names = columns.map { "\"\(log.schema.columns[$0].storeName)\"" }.joined(separator: ", ")
        var parts = conditions(since, until, &values)
        if let needs = SigmaPushDown(log)?.condition(&values) { parts.append(needs) }
        let filter = parts.isEmpty ? "" : " WHERE " + parts.joined(separator: " AND ")
        let rows = try store.rows("SELECT \(names) FROM \(log.schema.path)\(filter)", values)
        var places = [Int?](repeating: nil, count: log.schema.columns.count)
        for (place, column) in columns.enumerated() { places[column] = place }
        var scratch = log.matcher.makeScratch()
        while let row = try rows.next() {
            rowCount += 1
            let fields = SigmaStoredFields(values: row.values, places: places, log: log)
            for number in log.matcher.match(fields, &scratch) {
                var hit = SigmaHit(rule: log.matcher.rules[number], log: log.schema.path, time: row.time("ts") ?? .zero)
                hit.fields = log.matcher.evidence(number, fields, &scratch)
                hit.uid = fields.text("uid").flatMap { UID(octets: Array($0.utf8)[...]) }
                hit.connection = fields.connection
                hit.entities = SigmaLog.entityColumns.compactMap { name, kind in
                    fields.text(name).map { "\(kind):\($0.prefix(512))" }
                }
                guard found(hit) else { return false }
            }
        }
        return true
    }

    // MARK: audit records

    private func runCloud(
        _ store: StoreQuery, _ since: Timestamp?, _ until: Timestamp?, _ found: (SigmaHit) -> Bool
    ) throws(QueryError) {
        guard !cloud.names.isEmpty else { return }
        var values: [String: SQLValue] = [:]
        var parts = conditions(since, until, &values)
        let providers = cloud.names.enumerated().map { number, name in
            values["p\(number)"] = SQLValue(name)
            let needs = cloud.pushDown(name)?.condition(&values, prefix: "c\(number)")
            return "(provider = :p\(number)" + (needs.map { " AND \($0)" } ?? "") + ")"
        }
        parts.append("(" + providers.joined(separator: " OR ") + ")")
        let rows = try store.rows(
            """
            SELECT ts, provider, record_id, actor_arn, actor_id, actor_name, src_ip, raw FROM cloud_audit \
            WHERE \(parts.joined(separator: " AND "))
            """, values)
        let document = JSONDocument()
        while let row = try rows.next() {
            rowCount += 1
            guard case .text(let raw) = row["raw"], (try? document.read(raw)) != nil else { continue }
            let hits = cloud.match(row.text("provider") ?? "", document.root) {
                var facts = SigmaCloudFacts()
                facts.time = row.time("ts") ?? .zero
                facts.record = row.text("record_id")
                facts.principal = row.text("actor_arn") ?? row.text("actor_id")
                facts.user = row.text("actor_name")
                facts.address = row.text("src_ip")
                return facts
            }
            for hit in hits where !found(hit) { return }
        }
    }
}

/// What rules cannot do without, as SQL: so rows that no rule can fit are not read.
struct SigmaPushDown {
    /// Columns, each with the texts of which it must hold one.
    private var columns: [(name: String, texts: [String])] = []
    private static let textsMax = 200

    /// nil where something else than whole values of text columns is needed.
    init?(_ needs: [(field: Int, texts: [String])]?, _ names: (Int) -> [String]?) {
        guard let needs else { return nil }
        for need in needs {
            guard let found = names(need.field), need.texts.count <= SigmaPushDown.textsMax,
                need.texts.allSatisfy({ $0.utf8.allSatisfy { $0 < 0x80 && $0 != 0 } })
            else { return nil }
            for name in found { columns.append((name, need.texts)) }
        }
    }

    init?(_ log: SigmaLog) {
        self.init(log.matcher.wholeNeeds) { field in
            var names: [String] = []
            for place in log.columns[field] {
                let column = log.schema.columns[place.column]
                guard place.part == .whole, column.kind == .text || column.kind == .enumeration else { return nil }
                names.append(column.storeName)
            }
            return names
        }
    }

    /// A condition; a field that no column holds can have no value, so nothing fits it.
    func condition(_ values: inout [String: SQLValue], prefix: String = "n") -> String {
        let parts = columns.enumerated().map { number, column in
            let names = column.texts.enumerated().map { place, text in
                values["\(prefix)_\(number)_\(place)"] = SQLValue(text)
                return ":\(prefix)_\(number)_\(place)"
            }
            return "lower(\"\(column.name)\") IN (\(names.joined(separator: ", ")))"
        }
        return parts.isEmpty ? "1 = 0" : "(" + parts.joined(separator: " OR ") + ")"
    }
}

/// The fields of a row out of the store.
private struct SigmaStoredFields: SigmaFields {
    let values: [SQLValue]
    /// Of each column of the log its place in the row.
    let places: [Int?]
    let log: SigmaLog

    func add(_ field: Int, to found: inout SigmaValues) {
        guard field != 0 else {
            for index in log.schema.columns.indices { add(SigmaColumn(column: index), &found) }
            return
        }
        for column in log.columns[field] { add(column, &found) }
    }

    private func add(_ place: SigmaColumn, _ found: inout SigmaValues) {
        guard let position = places[place.column] else { return }
        let column = log.schema.columns[place.column]
        switch values[position] {
        case .null: break
        case .integer(let number):
            found.add(column.kind == .boolean ? (number == 0 ? "false" : "true") : "\(number)")
        case .real(let number): found.add("\(number)")
        case .text(let octets), .blob(let octets):
            if column.kind.isList {
                // Lists are JSON arrays in SQL.
                guard let list = try? JSONDocument(octets) else { return }
                for element in list.root.elements where element.isScalar && !element.isNull {
                    guard found.values.count < SigmaValues.valuesMax else { return }
                    found.add { element.appendText(to: &$0) }
                }
            } else {
                SigmaURL.add(octets[...], place.part, octetsOf("host"), &found)
            }
        }
    }

    private func octetsOf(_ name: String) -> ArraySlice<UInt8>? {
        guard let index = log.schema.index(of: name), let position = places[index],
            case .text(let octets) = values[position]
        else { return nil }
        return octets[...]
    }

    func text(_ name: String) -> String? { octetsOf(name).map { String(decoding: $0, as: UTF8.self) } }

    private func port(_ name: String) -> UInt16? {
        guard let index = log.schema.index(of: name), let position = places[index],
            case .integer(let number) = values[position]
        else { return nil }
        return UInt16(exactly: number)
    }

    var connection: ConnectionID? {
        guard let originator = text("id.orig_h").flatMap({ Address($0) }), let originatorPort = port("id.orig_p"),
            let responder = text("id.resp_h").flatMap({ Address($0) }), let responderPort = port("id.resp_p")
        else { return nil }
        return ConnectionID(
            originator: originator, responder: responder, originatorPort: originatorPort, responderPort: responderPort,
            transport: .unknown, protocolNumber: 0)
    }
}
