// SPDX-License-Identifier: Apache-2.0
//
// What a store knows around an incident: connections, names, files, cloud calls, how new and how common the other
// side is.
//
// Reads   conn, dns, http, ssl, files and cloud_audit by the incident's entities and time.
// Writes  `IncidentContext`.
// Leaves  next steps (Playbook.swift), the page (IncidentPage.swift).

package import Query
import Records

/// Asks a store about one incident.
package struct ContextReading {
    private let store: StoreQuery
    private let tables: Set<String>
    private let view: IncidentView
    private let own: OwnNetworks
    /// Rows of each list.
    private let limit: Int
    private var context = IncidentContext()

    /// Entities of one kind that a question names.
    private static let entitiesMax = 40
    /// Before the first sign and behind the last.
    private static let marginNanoseconds: Int64 = 600 * 1_000_000_000

    /// Reads what there is. What cannot be asked is in `gaps`, and the rest is there.
    package static func read(
        _ view: IncidentView, _ store: StoreQuery, own: OwnNetworks = OwnNetworks(), limit: Int = 40
    ) -> IncidentContext {
        var reading = ContextReading(view, store, own, limit)
        reading.readConnections()
        reading.readNames()
        reading.readFiles()
        reading.readCloudCalls()
        reading.readPrevalence()
        return reading.context
    }

    private init(_ view: IncidentView, _ store: StoreQuery, _ own: OwnNetworks, _ limit: Int) {
        (self.view, self.store, self.own, self.limit) = (view, store, own, limit)
        tables = Set(store.tables.map(\.name))
    }

    private var hosts: [String] { view.entities.filter { $0.kind == "host" }.map(\.value) }
    private var inside: [String] { select { $0.kind == "host" && $0.role == .target } }
    private var outside: [String] { select { $0.kind == "host" && $0.role != .target } }
    private var domains: [String] { select { $0.kind == "domain" } }

    private func select(_ isWanted: (IncidentEntity) -> Bool) -> [String] {
        view.entities.filter(isWanted).sorted { $0.alertCount > $1.alertCount }.prefix(ContextReading.entitiesMax)
            .map(\.value)
    }

    /// `('a', 'b')`; a list of nothing that is no error.
    static func list(_ texts: [String]) -> String {
        let literals = texts.compactMap { SQLValue($0).literal }
        return "(\(literals.isEmpty ? "NULL" : literals.joined(separator: ", ")))"
    }

    private var span: String {
        let from = SQLValue(view.first.adding(-ContextReading.marginNanoseconds)).literal ?? "''"
        let to = SQLValue(view.last.adding(ContextReading.marginNanoseconds)).literal ?? "''"
        return "ts >= \(from) AND ts <= \(to)"
    }

    /// Between the incident's own hosts and those outside, or among themselves.
    private var isBetween: String {
        let (near, far) = (ContextReading.list(inside), ContextReading.list(outside))
        return "((id_orig_h IN \(near) AND id_resp_h IN \(far)) OR (id_orig_h IN \(far) AND id_resp_h IN \(near)) "
            + "OR (id_orig_h IN \(near) AND id_resp_h IN \(near)))"
    }

    private mutating func rows(_ table: String, _ statement: String) -> [QueryRow] {
        guard tables.contains(table) else { return [] }
        do { return try store.rows(statement).all() } catch {
            context.gaps.append("\(table): \(error.description)")
            return []
        }
    }

    private mutating func readConnections() {
        guard !inside.isEmpty else { return }
        let found = rows(
            "conn",
            """
            SELECT id_orig_h, id_resp_h, id_resp_p, max(proto) AS proto, max(service) AS service, count(*) AS n,
            min(ts) AS first, max(ts) AS last, sum(orig_bytes) AS sent, sum(resp_bytes) AS received, min(uid) AS uid
            FROM conn WHERE \(span) AND \(isBetween) GROUP BY id_orig_h, id_resp_h, id_resp_p
            ORDER BY coalesce(sum(orig_bytes), 0) + coalesce(sum(resp_bytes), 0) DESC, id_orig_h, id_resp_h, id_resp_p
            LIMIT \(limit)
            """)
        context.connectionCount = rows("conn", "SELECT count(*) AS n FROM conn WHERE \(span) AND \(isBetween)")
            .first.map { Int($0.integer("n") ?? 0) } ?? 0
        // A thousand ports that were tried are one line of the timeline, not a thousand here.
        let spoken = found.filter { ($0.integer("sent") ?? 0) + ($0.integer("received") ?? 0) > 0 }
        context.connections = (spoken.isEmpty ? found : spoken).compactMap { row in
            guard let from = row.text("id_orig_h"), let to = row.text("id_resp_h") else { return nil }
            return IncidentConnection(
                uid: row.text("uid") ?? "", originator: from, responder: to,
                responderPort: Int(row.integer("id_resp_p") ?? 0), proto: row.text("proto") ?? "",
                service: row.text("service") ?? "", count: Int(row.integer("n") ?? 0),
                first: row.time("first") ?? .zero,
                last: row.time("last") ?? .zero, sentBytes: row.integer("sent") ?? 0,
                receivedBytes: row.integer("received") ?? 0)
        }.sorted { ($0.first, $0.responderPort) < ($1.first, $1.responderPort) }
    }

    /// Names that led to the destinations, and those that the alerts speak of.
    private mutating func readNames() {
        guard !inside.isEmpty else { return }
        let near = ContextReading.list(inside)
        var found: [IncidentName] = []
        let pairs = "id_orig_h IN \(near) AND id_resp_h IN \(ContextReading.list(outside))"
        for (table, column) in [("http", "host"), ("ssl", "server_name")] {
            found += names(
                table,
                """
                SELECT \(column) AS name, id_orig_h AS host, count(*) AS n, min(ts) AS first FROM \(table)
                WHERE \(span) AND \(pairs) AND \(column) IS NOT NULL GROUP BY \(column), id_orig_h
                ORDER BY n DESC LIMIT \(limit)
                """)
        }
        // A name of the alerts, or one that the destinations were seen under.
        let known = Set(domains + found.map(\.name)).filter { Address($0) == nil }.prefix(ContextReading.entitiesMax)
        found += names(
            "dns",
            """
            SELECT query AS name, id_orig_h AS host, count(*) AS n, min(ts) AS first FROM dns
            WHERE \(span) AND id_orig_h IN \(near) AND query IN \(ContextReading.list(Array(known)))
            GROUP BY query, id_orig_h ORDER BY n DESC, first LIMIT \(limit)
            """)
        // A tunnel has thousands below one name: they are one line.
        for name in known {
            guard let below = SQLValue("%." + name).literal, let star = SQLValue("*." + name).literal else { continue }
            found += names(
                "dns",
                """
                SELECT \(star) AS name, id_orig_h AS host, count(*) AS n, min(ts) AS first FROM dns
                WHERE \(span) AND id_orig_h IN \(near) AND query LIKE \(below) GROUP BY id_orig_h
                """)
        }
        context.names = found.sorted { ($0.first, $0.name) < ($1.first, $1.name) }
    }

    private mutating func names(_ table: String, _ statement: String) -> [IncidentName] {
        rows(table, statement).compactMap { row in
            guard let name = row.text("name"), let host = row.text("host") else { return nil }
            return IncidentName(
                name: name, source: table, host: host, count: Int(row.integer("n") ?? 0),
                first: row.time("first") ?? .zero)
        }
    }

    private mutating func readFiles() {
        guard !inside.isEmpty else { return }
        let found = rows(
            "files",
            """
            SELECT ts, fuid, uid, filename, mime_type, seen_bytes, sha256, source FROM files
            WHERE \(span) AND \(isBetween)
            ORDER BY filename IS NULL, coalesce(mime_type, '') IN ('text/html', 'text/plain'), ts LIMIT \(limit)
            """)
        context.files = found.map { row in
            IncidentFile(
                fuid: row.text("fuid") ?? "", uid: row.text("uid") ?? "", time: row.time("ts") ?? .zero,
                name: row.text("filename"), mimeType: row.text("mime_type"),
                byteCount: row.integer("seen_bytes") ?? 0,
                sha256: row.text("sha256"), source: row.text("source") ?? "")
        }.sorted { ($0.time, $0.fuid) < ($1.time, $1.fuid) }
    }

    /// Calls of the principals and from the addresses that the alerts name.
    private mutating func readCloudCalls() {
        guard let columns = store.tables.first(where: { $0.name == "cloud_audit" })?.columns.map(\.name) else {
            return
        }
        let principals = ContextReading.list(select { $0.kind == "principal" })
        let users = ContextReading.list(select { $0.kind == "user" })
        let addresses = ContextReading.list(Array(hosts.prefix(ContextReading.entitiesMax)))
        var conditions: [String] = []
        let wanted = [
            ("actor_arn", principals), ("actor_id", principals), ("actor_name", users), ("src_ip", addresses),
        ]
        for (name, list) in wanted where columns.contains(name) { conditions.append("\(name) IN \(list)") }
        guard !conditions.isEmpty else { return }
        let column = { (name: String) in columns.contains(name) ? name : "NULL" }
        let found = rows(
            "cloud_audit",
            """
            SELECT ts, coalesce(\(column("actor_arn")), \(column("actor_id"))) AS principal,
            \(column("operation")) AS call, \(column("src_ip")) AS address,
            \(column("outcome")) AS outcome, \(column("record_id")) AS record
            FROM cloud_audit WHERE \(span) AND (\(conditions.joined(separator: " OR "))) ORDER BY ts LIMIT \(limit)
            """)
        context.cloudCalls = found.map { row in
            IncidentCloudCall(
                time: row.time("ts") ?? .zero, principal: row.text("principal") ?? "", call: row.text("call") ?? "",
                address: row.text("address") ?? "", outcome: row.text("outcome") ?? "",
                record: row.text("record") ?? "")
        }
    }

    private mutating func readPrevalence() {
        guard !outside.isEmpty || !domains.isEmpty else { return }
        let hosts = rows("conn", "SELECT id_orig_h FROM conn GROUP BY id_orig_h")
            .compactMap { $0.text("id_orig_h").flatMap { Address($0) } }.filter(own.contains).count
        var found: [IncidentPrevalence] = []
        let addresses = rows(
            "conn",
            """
            SELECT id_resp_h AS value, min(ts) AS first, max(ts) AS last, count(DISTINCT id_orig_h) AS n FROM conn
            WHERE id_resp_h IN \(ContextReading.list(outside)) GROUP BY id_resp_h
            """)
        let comers = rows(
            "conn",
            """
            SELECT id_orig_h AS value, min(ts) AS first, max(ts) AS last, count(DISTINCT id_resp_h) AS n FROM conn
            WHERE id_orig_h IN \(ContextReading.list(outside)) GROUP BY id_orig_h
            """)
        let asked = rows(
            "dns",
            """
            SELECT query AS value, min(ts) AS first, max(ts) AS last, count(DISTINCT id_orig_h) AS n FROM dns
            WHERE query IN \(ContextReading.list(domains)) GROUP BY query
            """)
        for (kind, list) in [("destination", addresses), ("source", comers), ("domain", asked)] {
            for row in list {
                guard let value = row.text("value"), let first = row.time("first"), let last = row.time("last") else {
                    continue
                }
                found.append(
                    IncidentPrevalence(
                        kind: kind, value: value, first: first, last: last, hostCount: Int(row.integer("n") ?? 0),
                        allHostCount: hosts))
            }
        }
        context.prevalence = found.sorted { ($0.first, $0.value) < ($1.first, $1.value) }
    }
}
