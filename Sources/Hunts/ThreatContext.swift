// SPDX-License-Identifier: Apache-2.0
//
// What is known of hosts and names beside their connections: how many talk to them, since when, and what is odd.
//
// Reads   conn, dns, http, ssl, files by SQL.
// Writes  sets and counts by pair and target.
// Leaves  the weight of each (`ThreatScore`).

import Query
import Records

/// Used by one thread.
final class ThreatContext {
    struct Pair: Hashable {
        var source: String
        var target: String
    }

    /// A registered domain with many names below it.
    struct Domain {
        var name: String
        var nameCount: Int
        var queryCount: Int
        var hostCount: Int
        /// Whether only those who asked for its names connected to their addresses.
        var hasNoDirectConnections: Bool
        var first: Timestamp?
        var last: Timestamp?
    }

    private let store: StoreQuery
    private let networks: [String]
    let values: [String: SQLValue]
    private let newest: Timestamp

    /// Distinct names that are looked at to count what is below a domain.
    private static let namesMax = 2_000_000

    init(_ store: StoreQuery, _ question: BeaconQuestion, _ range: ClosedRange<Int64>) {
        self.store = store
        networks = question.networkTexts
        newest = Timestamp(seconds: range.upperBound)
        values = [
            "since": SQLValue(Timestamp(seconds: range.lowerBound)),
            "until": SQLValue(Timestamp(seconds: range.upperBound + 1)),
        ]
    }

    func sql(_ statement: String) -> String { HuntText.replacingInternal(statement, networks) }

    private func rows(_ statement: String) throws(QueryError) -> [QueryRow] {
        try store.rows(sql(statement), values).all()
    }

    private func pairs(_ statement: String) throws(QueryError) -> Set<Pair> {
        var pairs: Set<Pair> = []
        for row in try rows(statement) {
            guard let source = row.text("src"), let target = row.text("dst") else { continue }
            pairs.insert(Pair(source: source, target: target))
        }
        return pairs
    }

    private func counts(_ statement: String) throws(QueryError) -> [String: Int] {
        var counts: [String: Int] = [:]
        for row in try rows(statement) {
            guard let target = row.text("dst") else { continue }
            counts[target] = max(counts[target] ?? 0, Int(row.integer("hosts") ?? 0))
        }
        return counts
    }

    /// Inside hosts that talk to an outside address or ask for a name.
    func hostsByTarget() throws(QueryError) -> [String: Int] {
        let statements = [
            """
            SELECT id_resp_h AS dst, count(DISTINCT id_orig_h) AS hosts FROM conn
            WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
            GROUP BY id_resp_h
            """,
            """
            SELECT server_name AS dst, count(DISTINCT id_orig_h) AS hosts FROM ssl
            WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND server_name IS NOT NULL
            GROUP BY server_name
            """,
            """
            SELECT host AS dst, count(DISTINCT id_orig_h) AS hosts FROM http
            WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND host IS NOT NULL GROUP BY host
            """,
        ]
        var all: [String: Int] = [:]
        for statement in statements { all.merge(try counts(statement), uniquingKeysWith: max) }
        return all
    }

    /// Inside hosts that made a connection.
    func networkSize() throws(QueryError) -> Int {
        let found = try rows(
            """
            SELECT count(DISTINCT id_orig_h) AS hosts FROM conn
            WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h)
            """)
        return Int(found.first?.integer("hosts") ?? 0)
    }

    /// Pairs with an HTTP request that names no host.
    func pairsWithoutHost() throws(QueryError) -> Set<Pair> {
        try pairs(
            """
            SELECT id_orig_h AS src, id_resp_h AS dst FROM http
            WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND (host IS NULL OR host = '')
            GROUP BY id_orig_h, id_resp_h
            """)
    }

    /// Pairs for which a source uses a user agent or a TLS fingerprint that it uses nowhere else.
    func rareSignatures() throws(QueryError) -> Set<Pair> {
        var all: Set<Pair> = []
        for (table, signature, name) in [("http", "user_agent", "host"), ("ssl", "ja3", "server_name")] {
            for target in [name, "id_resp_h"] {
                all.formUnion(
                    try pairs(
                        """
                        SELECT id_orig_h AS src, min(\(target)) AS dst FROM \(table)
                        WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND \(signature) IS NOT NULL
                            AND \(target) IS NOT NULL
                        GROUP BY id_orig_h, \(signature) HAVING count(DISTINCT \(target)) = 1
                        """))
            }
        }
        return all
    }

    /// Pairs whose files are no pictures although their addresses say so.
    func disguisedPairs() throws(QueryError) -> Set<Pair> {
        let found = try rows(
            """
            SELECT http.id_orig_h AS src, http.id_resp_h AS dst, min(http.host) AS host
            FROM http JOIN http_resp_fuids ON http_resp_fuids.uid = http.uid AND http_resp_fuids.ts = http.ts
                JOIN files ON files.fuid = http_resp_fuids.value
            WHERE http.ts >= :since AND http.ts < :until AND is_internal(http.id_orig_h)
                AND regexp_like(lower(split_part(http.uri, '?', 1)), '[.](jpe?g|png|gif|ico|bmp|webp)$')
                AND files.mime_type NOT LIKE 'image/%'
            GROUP BY http.id_orig_h, http.id_resp_h
            """)
        var pairs: Set<Pair> = []
        for row in found {
            guard let source = row.text("src") else { continue }
            for column in ["dst", "host"] {
                if let target = row.text(column) { pairs.insert(Pair(source: source, target: target)) }
            }
        }
        return pairs
    }

    /// Days from a target's first record to the newest one; empty where the store is not older than a week, since
    /// then everything is new.
    func firstSeenDays(_ targets: Set<String>) throws(QueryError) -> [String: Double] {
        guard let oldest = try rows("SELECT min(ts) AS oldest FROM conn").first?.time("oldest"),
            newest.since(oldest) > 7 * 86_400 * second
        else { return [:] }
        var days: [String: Double] = [:]
        let statements = [
            "SELECT id_resp_h AS dst, min(ts) AS first_ts FROM conn GROUP BY id_resp_h",
            "SELECT server_name AS dst, min(ts) AS first_ts FROM ssl WHERE server_name IS NOT NULL GROUP BY 1",
            "SELECT host AS dst, min(ts) AS first_ts FROM http WHERE host IS NOT NULL GROUP BY host",
            """
            SELECT registered_domain(query) AS dst, min(ts) AS first_ts FROM dns WHERE query IS NOT NULL
            GROUP BY registered_domain(query)
            """,
        ]
        for statement in statements {
            let found = try store.rows(statement)
            while let row = try found.next() {
                guard let target = row.text("dst"), targets.contains(target), let first = row.time("first_ts") else {
                    continue
                }
                days[target] = max(days[target] ?? 0, Double(newest.since(first)) / Double(86_400 * second))
            }
        }
        return days
    }

    // MARK: tunnels

    /// Domains with a hundred names below them, every suffix of a name a name of its own, as RITA counts.
    func tunnelDomains() throws(QueryError) -> [Domain] {
        let candidates = try rows(
            """
            SELECT registered_domain(query) AS domain, count(DISTINCT query) AS names, count(*) AS queries,
                count(DISTINCT id_orig_h) AS hosts, min(ts) AS first_ts, max(ts) AS last_ts
            FROM dns
            WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND query IS NOT NULL
                AND query NOT LIKE '%.arpa'
            GROUP BY registered_domain(query) HAVING count(DISTINCT query) >= 34
            """)
        var domains: [Domain] = []
        for row in candidates {
            guard let name = row.text("domain") else { continue }
            let count = try nameCount(below: name)
            guard Double(count) >= ThreatBuckets.namesBelow.base else { continue }
            domains.append(
                Domain(
                    name: name, nameCount: count, queryCount: Int(row.integer("queries") ?? 0),
                    hostCount: Int(row.integer("hosts") ?? 0), hasNoDirectConnections: try hasNoDirectConnections(name),
                    first: row.time("first_ts"), last: row.time("last_ts")))
        }
        return domains
    }

    private func nameCount(below domain: String) throws(QueryError) -> Int {
        var values = values
        values["domain"] = SQLValue(domain)
        values["below"] = SQLValue("%." + domain)
        let found = try store.rows(
            sql(
                """
                SELECT DISTINCT query FROM dns
                WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h)
                    AND (query LIKE :below OR query = :domain)
                LIMIT \(ThreatContext.namesMax)
                """), values)
        var names: Set<Substring> = []
        let tail = domain.lowercased()
        while let row = try found.next() {
            guard let query = row.text("query")?.lowercased(), query.hasSuffix(tail) else { continue }
            var rest = query[...]
            while rest.count >= tail.count, names.insert(rest).inserted, let dot = rest.firstIndex(of: ".") {
                rest = rest[rest.index(after: dot)...]
            }
        }
        return names.count
    }

    private func hasNoDirectConnections(_ domain: String) throws(QueryError) -> Bool {
        var values = values
        values["below"] = SQLValue("%." + domain)
        values["domain"] = SQLValue(domain)
        let found = try store.rows(
            sql(
                """
                WITH addresses AS (
                    SELECT dns_answers.answer AS address
                    FROM dns JOIN dns_answers ON dns_answers.uid = dns.uid AND dns_answers.ts = dns.ts
                    WHERE dns.ts >= :since AND dns.ts < :until AND (dns.query LIKE :below OR dns.query = :domain)
                    GROUP BY dns_answers.answer
                )
                SELECT conn.id_orig_h AS src FROM conn JOIN addresses ON addresses.address = conn.id_resp_h
                WHERE conn.ts >= :since AND conn.ts < :until
                GROUP BY conn.id_orig_h
                """), values
        ).all()
        let askers = try store.rows(
            sql(
                """
                SELECT id_orig_h AS src FROM dns
                WHERE ts >= :since AND ts < :until AND (query LIKE :below OR query = :domain) GROUP BY id_orig_h
                """), values
        ).all()
        let known = Set(askers.compactMap { $0.text("src") })
        return found.allSatisfy { $0.text("src").map(known.contains) ?? true }
    }
}
