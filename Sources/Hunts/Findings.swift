// SPDX-License-Identifier: Apache-2.0
//
// The rows of hunts as alerts, each once.
//
// Reads   answers; the identities of findings that were told already, in the store's catalogue.
// Writes  rows of the log alert and their identities, in one transaction.
// Leaves  what becomes of alerts.
//
// A finding's identity is its hunt, the hunt's identity columns and the day (UTC) on which it ended.

import GRDB
import Query
import Records
import Store

/// A row of a hunt that is worth an alert.
struct Finding {
    var identity: String
    var alert: AlertRecord

    init(_ answer: HuntAnswer, _ row: QueryRow) {
        let hunt = answer.hunt
        func value(_ column: String) -> String? { answer.columns.contains(column) ? row.text(column) : nil }
        func time(_ column: String) -> Timestamp? { answer.columns.contains(column) ? row.time(column) : nil }
        let last = time("last_ts") ?? time("ts") ?? time("first_ts") ?? .zero
        let keys = hunt.identity.map { value($0) ?? "" }
        let day = SQLValue(last).literal?.dropFirst().prefix(10) ?? ""
        identity = ([hunt.name] + keys + [String(day)]).joined(separator: "|")
        alert = AlertRecord()
        alert.source = "hunt"
        alert.ts = last
        alert.first = time("first_ts") ?? last
        alert.last = last
        alert.severity = hunt.severity
        alert.ruleID = alert.add("hunt:\(hunt.name)")
        alert.title = alert.add(HuntText.filled(hunt.title, value))
        alert.category = alert.add(hunt.finds)
        alert.techniques = hunt.techniques.map { alert.add($0) }
        alert.entities = Finding.entities(hunt, value).map { alert.add($0) }
        alert.evidence = alert.add(row.json)
        alert.id = Finding.connection(value)
    }

    /// `host:{src}` and its kin with their values; those without a value are left out.
    private static func entities(_ hunt: Hunt, _ value: (String) -> String?) -> [String] {
        var seen: Set<String> = []
        return hunt.entities.compactMap { template in
            guard let colon = template.firstIndex(of: ":") else { return nil }
            let text = HuntText.filled(String(template[template.index(after: colon)...])) { value($0) ?? "" }
            guard !text.isEmpty, text != "*" else { return nil }
            var kind = String(template[..<colon])
            if kind == "peer" { kind = Address(text) == nil ? "domain" : "host" }
            let entity = "\(kind):\(text)"
            return seen.insert(entity).inserted ? entity : nil
        }
    }

    /// The two hosts, where a row names both by address.
    private static func connection(_ value: (String) -> String?) -> ConnectionID? {
        guard let source = value("src").flatMap({ Address($0) }), let target = value("dst").flatMap({ Address($0) })
        else { return nil }
        return ConnectionID(
            originator: source, responder: target, originatorPort: 0,
            responderPort: value("port").flatMap { UInt16($0) } ?? 0, transport: .unknown, protocolNumber: 0)
    }
}

extension AlertRecord {
    fileprivate mutating func add(_ octets: some Sequence<UInt8>) -> Text {
        let start = text.begin()
        text.bytes.append(contentsOf: octets.prefix(TextBuffer.textBytesMax))
        return text.end(start)
    }

    fileprivate mutating func add(_ string: String) -> Text { add(string.utf8) }
}

package enum Findings {
    /// Identities of findings older than this many days before the newest are forgotten.
    private static let daysKept = 400
    private static let attempts = 3

    /// Another process told of a finding in the meantime.
    private struct ToldMeanwhile: Error {}

    /// Writes an alert for each row that was not told of before. Answers how many were new.
    package static func tell(_ answers: [HuntAnswer], store folder: String, sensor: String) throws(HuntError) -> Int {
        let findings = answers.flatMap { answer in answer.rows.map { Finding(answer, $0) } }
        guard !findings.isEmpty else { return 0 }
        do throws(StoreError) {
            let database = try StoreDatabase(folder: folder)
            try database.migrate(migrator)
            for attempt in 1...attempts {
                let fresh = try unknown(findings, database)
                if fresh.isEmpty { return 0 }
                do throws(StoreError) {
                    try write(fresh, folder, sensor)
                    return fresh.count
                } catch {
                    if attempt == attempts { throw error }
                }
            }
            return 0
        } catch {
            throw HuntError(error)
        }
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("hunts 1") { database in
            try database.create(table: "hunt_findings") { table in
                table.primaryKey("identity", .text)
                table.column("ts", .integer).notNull()
            }
        }
        return migrator
    }

    /// Those of the findings whose identity is not there, each identity once.
    private static func unknown(_ findings: [Finding], _ database: StoreDatabase) throws(StoreError) -> [Finding] {
        try database.read { database in
            var seen: Set<String> = []
            let known = try database.makeStatement(sql: "SELECT 1 FROM hunt_findings WHERE identity = ?")
            return try findings.filter { finding in
                guard seen.insert(finding.identity).inserted else { return false }
                return try Int.fetchOne(known, arguments: [finding.identity]) == nil
            }
        }
    }

    private static func write(_ findings: [Finding], _ folder: String, _ sensor: String) throws(StoreError) {
        let appender = try StoreAppender(folder: folder, sensorName: sensor)
        for finding in findings { appender.append(finding.alert) }
        try appender.commit { database in
            var newest: Int64 = 0
            for finding in findings {
                let time = finding.alert.ts.nanoseconds / 1000
                newest = max(newest, time)
                try database.execute(
                    sql: "INSERT OR IGNORE INTO hunt_findings (identity, ts) VALUES (?, ?)",
                    arguments: [finding.identity, time])
                if database.changesCount == 0 { throw ToldMeanwhile() }
            }
            try database.execute(
                sql: "DELETE FROM hunt_findings WHERE ts < ?",
                arguments: [newest - Int64(daysKept) * 86_400 * 1_000_000])
        }
    }
}
