// SPDX-License-Identifier: Apache-2.0
//
// A threat score for every pair of hosts that did something: RITA's, over the store.
//
// Reads   beacons; conn, conn_open, dns, http, ssl, files and alert by SQL.
// Writes  pairs with scores, the highest first.
// Leaves  what the numbers mean (`ThreatScore`), what else is known of a pair (`ThreatContext`).

package import Query
package import Records
import Store

/// A pair and its score. The target is an address, a name, or for tunnels a domain (the source is then `*`).
package struct Threat: Sendable {
    package var source: String
    package var target: String
    package var score = ThreatScore()
    package var connectionCount = 0
    package var seconds = 0.0
    package var byteCount = 0.0
    /// Inside hosts that talk to the target.
    package var hostCount = 0
    package var first: Timestamp?
    package var last: Timestamp?
}

package struct ThreatAnalysis {
    private struct Key: Hashable {
        var source: String
        var target: String
    }

    private let store: StoreQuery
    private let question: BeaconQuestion
    private var threats: [Key: Threat] = [:]

    /// Pairs that are looked at beside beacons; more are cut, the gravest stay.
    private static let rowsMax = 100_000

    package static func run(
        store folder: String, schemas: [LogSchema], _ question: BeaconQuestion
    ) throws(QueryError) -> [Threat] {
        let store = try StoreQuery(store: folder, schemas: schemas)
        var analysis = ThreatAnalysis(store: store, question: question)
        var beacons = question
        beacons.scoreMin = ThreatBuckets.beacon.base / 100
        let answer = try Hunts.run(beacons, folder)
        guard let range = answer.range else { return [] }
        analysis.add(answer)
        let context = ThreatContext(store, question, range)
        try analysis.addLongConnections(context)
        try analysis.addTunnels(context)
        try analysis.addIndicators(context)
        return try analysis.modified(context).sorted {
            if $0.score.final != $1.score.final { return $0.score.final > $1.score.final }
            return ($0.source, $0.target) < ($1.source, $1.target)
        }
    }

    private init(store: StoreQuery, question: BeaconQuestion) {
        self.store = store
        self.question = question
    }

    private subscript(source: String, target: String) -> Threat {
        get { threats[Key(source: source, target: target)] ?? Threat(source: source, target: target) }
        set { threats[Key(source: source, target: target)] = newValue }
    }

    private mutating func add(_ answer: BeaconAnswer) {
        for pair in answer.beacons {
            let target = pair.target.map { "\($0)" } ?? String(decoding: pair.name ?? [], as: UTF8.self)
            var threat = self["\(pair.source)", target]
            threat.score.beacon = ThreatBuckets.beacon.score(pair.score.score * 100)
            threat.connectionCount = pair.connectionCount
            threat.byteCount = pair.byteCount
            threat.first = Timestamp(seconds: pair.first)
            threat.last = Timestamp(seconds: pair.last)
            self["\(pair.source)", target] = threat
        }
        for pair in answer.strobes {
            let target = pair.target.map { "\($0)" } ?? String(decoding: pair.name ?? [], as: UTF8.self)
            var threat = self["\(pair.source)", target]
            threat.score.strobe = ThreatScore.highImpact
            threat.connectionCount = pair.connectionCount
            self["\(pair.source)", target] = threat
        }
    }

    private mutating func addLongConnections(_ context: ThreatContext) throws(QueryError) {
        let rows = try store.rows(
            context.sql(
                """
                SELECT id_orig_h AS src, id_resp_h AS dst, sum(duration) AS seconds, count(*) AS connections,
                    sum(orig_ip_bytes) AS bytes, min(ts) AS first_ts, max(ts) AS last_ts
                FROM conn WHERE ts >= :since AND ts < :until AND is_internal(id_orig_h) AND NOT is_internal(id_resp_h)
                GROUP BY id_orig_h, id_resp_h HAVING sum(duration) >= 3600
                ORDER BY seconds DESC LIMIT \(ThreatAnalysis.rowsMax)
                """), context.values)
        while let row = try rows.next() {
            guard let source = row.text("src"), let target = row.text("dst"), let seconds = row.real("seconds") else {
                continue
            }
            var threat = self[source, target]
            threat.score.longConnection = ThreatBuckets.longConnection.score(seconds)
            threat.seconds = seconds
            if threat.connectionCount == 0 {
                threat.connectionCount = Int(row.integer("connections") ?? 0)
                threat.byteCount = row.real("bytes") ?? 0
                (threat.first, threat.last) = (row.time("first_ts"), row.time("last_ts"))
            }
            self[source, target] = threat
        }
    }

    private mutating func addTunnels(_ context: ThreatContext) throws(QueryError) {
        for domain in try context.tunnelDomains() {
            var threat = self["*", domain.name]
            threat.score.namesBelow = ThreatBuckets.namesBelow.score(Double(domain.nameCount))
            if domain.hasNoDirectConnections { threat.score.noDirectConnections = ThreatScore.modifier }
            threat.connectionCount = domain.queryCount
            threat.hostCount = domain.hostCount
            (threat.first, threat.last) = (domain.first, domain.last)
            self["*", domain.name] = threat
        }
    }

    private mutating func addIndicators(_ context: ThreatContext) throws(QueryError) {
        let rows = try store.rows(
            """
            SELECT alert.id_orig_h AS src, alert.id_resp_h AS dst, count(*) AS hits, min(alert.ts) AS first_ts,
                max(alert.ts) AS last_ts
            FROM alert WHERE ts >= :since AND ts < :until AND source = 'indicator' AND id_orig_h IS NOT NULL
            GROUP BY id_orig_h, id_resp_h LIMIT \(ThreatAnalysis.rowsMax)
            """, context.values)
        while let row = try rows.next() {
            guard let source = row.text("src"), let target = row.text("dst") else { continue }
            var threat = self[source, target]
            threat.score.intel = ThreatScore.highImpact
            if threat.byteCount >= 25_000_000 { threat.score.intelVolume = ThreatScore.modifier }
            if threat.first == nil { (threat.first, threat.last) = (row.time("first_ts"), row.time("last_ts")) }
            self[source, target] = threat
        }
    }

    /// What speaks for and against each pair.
    private func modified(_ context: ThreatContext) throws(QueryError) -> [Threat] {
        guard !threats.isEmpty else { return [] }
        let hosts = try context.hostsByTarget()
        let size = try context.networkSize()
        let missing = try context.pairsWithoutHost()
        let rare = try context.rareSignatures()
        let disguised = try context.disguisedPairs()
        let firstSeen = try context.firstSeenDays(Set(threats.keys.map(\.target)))
        return threats.values.map { known in
            var threat = known
            let pair = ThreatContext.Pair(source: threat.source, target: threat.target)
            if let count = hosts[threat.target] { threat.hostCount = count }
            if threat.hostCount > 0 { threat.score.setPrevalence(hosts: threat.hostCount, of: size) }
            if missing.contains(pair) { threat.score.missingHost = ThreatScore.missingHostModifier }
            if rare.contains(pair) { threat.score.rareSignature = ThreatScore.modifier }
            if disguised.contains(pair) { threat.score.mimeMismatch = ThreatScore.modifier }
            if let days = firstSeen[threat.target] { threat.score.setFirstSeen(days: days) }
            return threat
        }
    }
}
