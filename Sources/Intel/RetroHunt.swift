// SPDX-License-Identifier: Apache-2.0
//
// Indicators over what a store has already: who met them before they were known.
//
// Reads   the columns that can show an indicator, segment by segment.
// Writes  a finding for each indicator and host; alerts where that is wished.
// Leaves  the records made from now on (IndicatorMatcher.swift).

package import Records
package import Store

/// Choices of one run.
package struct RetroOptions: Sendable {
    package var since: Timestamp?
    package var until: Timestamp?
    package var confidenceMin = 30
    /// As for records that are being made (`MatchSettings`).
    package var decay = MatchSettings().decay
    package var prevalenceMax = MatchSettings().prevalenceMax
    /// Only indicators that came to be known at this time or later.
    package var addedSince: Timestamp?
    /// Findings that are kept; more are counted.
    package var findingsMax = 100_000
    /// Logs of the store by their schemas, in the order of `LogID`.
    package var schemas: [LogSchema] = []

    package init() {}
}

/// One indicator met by one host.
package struct RetroFinding: Sendable, Equatable {
    package var kind: IndicatorKind
    package var value: String
    package var feed: String
    package var label: String
    /// How sure it was when it was met first.
    package var confidence: Int
    /// The share of our hosts that met it, where it is above `prevalenceMax`.
    package var prevalence: Double?
    /// Who met it; nil where the record names no connection, such as a certificate.
    package var host: String?
    /// Where it showed: `dns.query`, without doubles, in order.
    package var places: [String]
    package var count: Int
    package var first: Timestamp
    package var last: Timestamp
    /// When the indicator came to be known here.
    package var known: Timestamp
    /// Identity of the first connection.
    package var uid: String?

    /// Whether it was met before it was known.
    package var isBeforeKnown: Bool { first < known }
}

package struct RetroOutcome: Sendable {
    package var findings: [RetroFinding] = []
    package var rowCount = 0
    /// Row groups that a bloom filter proved to have nothing.
    package var skippedGroups = 0
    package var readGroups = 0
    /// Findings beyond the bound.
    package var lostCount = 0
    /// Meetings that count for nothing: of indicators that were not sure enough by then, or had expired.
    package var unsureCount = 0
    package var expiredCount = 0
    /// Segments that could not be read, a line each.
    package var faults: [String] = []
}

/// A run over a store. Used by one thread.
package final class RetroHunt {
    private struct Key: Hashable {
        var hit: IndicatorHit
        var host: String
    }

    private struct Found {
        var first: RowFacts
        var places: [String]
        var place: String
        var count: Int
        var earliest: Timestamp
        var last: Timestamp
        var confidence: UInt8
    }

    private let index: IndicatorIndex
    private let options: RetroOptions
    private var found: [Key: Found] = [:]
    private var hits: [IndicatorHit] = []
    private var outcome = RetroOutcome()
    private var prevalence: IndicatorPrevalence
    /// Values as the store's texts have them, where they are few enough for bloom filters to help.
    private var few: [IndicatorKind: [[UInt8]]]?

    /// Above it asking the filters costs more than reading.
    private static let fewMax = 256

    package init(_ index: IndicatorIndex, options: RetroOptions) {
        self.index = index
        self.options = options
        prevalence = IndicatorPrevalence(shareMax: options.prevalenceMax)
        guard index.count <= RetroHunt.fewMax else { return }
        var few: [IndicatorKind: [[UInt8]]] = [:]
        for set in index.sets {
            for row in set.rows {
                few[row.kind, default: []].append(Array(IndicatorForm.text(row.kind, set.value(row)).utf8))
            }
        }
        self.few = few
    }

    /// Goes over the whole store. `progress` hears of each segment.
    package func run(
        _ store: StoreReader, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(StoreError) -> RetroOutcome {
        var work: [(segment: SegmentInfo, schema: LogSchema, columns: [IndicatorColumn])] = []
        let logs = Set(try store.logs())
        for schema in options.schemas where logs.contains(schema.path) {
            // A connection that went on for hours is in `conn` in the end.
            if schema.log == .connOpen { continue }
            let columns = IndicatorColumn.columns(schema).filter { index.hasAny($0.lookup.kinds) }
            guard !columns.isEmpty else { continue }
            for segment in try store.segments(
                log: schema.path, since: options.since, until: options.until, bounds: [])
            {
                work.append((segment, schema, columns))
            }
        }
        for (place, item) in work.enumerated() {
            do { try look(item.segment, item.columns) } catch { outcome.faults.append(error.description) }
            progress(place + 1, work.count)
        }
        if prevalence.isAnyFrequent { try countHosts(store) }
        finish()
        return outcome
    }

    /// All hosts of ours that the store knows: among how many those are who met something.
    private func countHosts(_ store: StoreReader) throws(StoreError) {
        for segment in try store.segments(log: "conn", since: options.since, until: options.until, bounds: []) {
            let reader = try SegmentReader.open(segment.path)
            guard let host = reader.index(of: "id_orig_h"), let isOurs = reader.index(of: "local_orig") else {
                continue
            }
            for rowGroup in 0..<reader.rowGroupCount {
                let rows = RetroRows(reader, rowGroup)
                let (hosts, flags) = (try rows.vector(host), try rows.vector(isOurs))
                guard hosts.kind.isStoredAsText, !flags.kind.isStoredAsText else { continue }
                for row in 0..<hosts.rowCount where hosts.isSet(row) && flags.isSet(row) && flags.words[row] != 0 {
                    if let address = Address(octets: hosts.text(row)) { prevalence.see(address) }
                }
            }
        }
    }

    private func look(_ segment: SegmentInfo, _ columns: [IndicatorColumn]) throws(StoreError) {
        let reader = try SegmentReader.open(segment.path)
        for rowGroup in 0..<reader.rowGroupCount {
            let rows = RetroRows(reader, rowGroup)
            outcome.rowCount += reader.rowCount(rowGroup: rowGroup)
            for column in columns {
                guard let place = reader.index(of: column.column.storeName) else { continue }
                if try isProvenEmpty(reader, place, rowGroup, column) {
                    outcome.skippedGroups += 1
                    continue
                }
                outcome.readGroups += 1
                try look(column, place, rows)
            }
        }
    }

    /// Whether the column's bloom filter knows none of the few values.
    private func isProvenEmpty(
        _ reader: SegmentReader, _ place: Int, _ rowGroup: Int, _ column: IndicatorColumn
    ) throws(StoreError) -> Bool {
        guard let few, reader.columns[place].kind.isStoredAsText else { return false }
        let kinds = column.lookup.kinds.filter(index.has)
        // Names below a name, networks and forms without case are no single values.
        guard
            kinds.allSatisfy({
                [.address, .file, .certificate, .ja3, .ja3s, .userName, .userAgent, .fileName].contains($0)
            })
        else { return false }
        for kind in kinds {
            for value in few[kind] ?? []
            where try reader.mayContain(column: place, rowGroup: rowGroup, text: value[...]) {
                return false
            }
        }
        return true
    }

    private func look(_ column: IndicatorColumn, _ place: Int, _ rows: RetroRows) throws(StoreError) {
        let vector = try rows.vector(place)
        guard vector.kind.isStoredAsText else { return }
        var ports: ColumnVector?
        if column.lookup == .endpoint, let second = column.second { ports = try rows.vector(named: second.storeName) }
        var targets: ColumnVector?
        if column.lookup == .url {
            guard let second = column.second else { return }
            targets = try rows.vector(named: second.storeName)
        }
        // A text that stands in many rows is looked up once, where nothing else counts.
        var known: [UInt32: [IndicatorHit]] = [:]
        for row in 0..<vector.rowCount where vector.isSet(row) {
            for element in vector.kind.isList ? vector.elements(row) : row..<row + 1 {
                hits.removeAll(keepingCapacity: true)
                if let targets {
                    guard targets.isSet(row) else { continue }
                    index.find(host: vector.text(element), target: targets.text(row), &hits)
                } else if column.lookup == .endpoint {
                    guard let address = Address(octets: vector.text(element)) else { continue }
                    let port = ports.flatMap { $0.isSet(row) ? UInt16(truncatingIfNeeded: $0.words[row]) : nil }
                    index.find(address, port: port, &hits)
                } else if vector.isDictionary {
                    let text = vector.indices[element]
                    if let before = known[text] {
                        hits = before
                    } else {
                        column.find(vector.text(element), in: index, &hits)
                        known[text] = hits
                    }
                } else {
                    column.find(vector.text(element), in: index, &hits)
                }
                for hit in hits { try take(hit, column, row, rows) }
            }
        }
    }

    private func take(_ hit: IndicatorHit, _ column: IndicatorColumn, _ row: Int, _ rows: RetroRows)
        throws(StoreError)
    {
        let indicator = index.row(hit)
        if let since = options.addedSince, indicator.added < IndicatorSet.seconds(since) { return }
        let facts = try rows.facts(row)
        if let since = options.since, facts.ts < since { return }
        if let until = options.until, facts.ts > until { return }
        guard indicator.expires == 0 || Int64(indicator.expires) >= facts.ts.nanoseconds / 1_000_000_000 else {
            outcome.expiredCount += 1
            return
        }
        let confidence = indicator.confidence(at: facts.ts, decay: options.decay)
        guard Int(confidence) >= options.confidenceMin else {
            outcome.unsureCount += 1
            return
        }
        let alert = IndicatorAlert(hit, index, place: column.place, facts, confidence: confidence)
        if !alert.isInbound, let host = alert.host { prevalence.meet(hit, host) }
        let key = Key(hit: hit, host: alert.host?.description ?? "")
        if var known = found[key] {
            known.count += 1
            known.earliest = min(known.earliest, facts.ts)
            known.last = max(known.last, facts.ts)
            if !known.places.contains(column.place) { known.places.append(column.place) }
            if facts.ts < known.first.ts {
                (known.first, known.place, known.confidence) = (facts, column.place, confidence)
            }
            found[key] = known
        } else if found.count < options.findingsMax {
            found[key] = Found(
                first: facts, places: [column.place], place: column.place, count: 1, earliest: facts.ts,
                last: facts.ts, confidence: confidence)
        } else {
            outcome.lostCount += 1
        }
    }

    private func finish() {
        outcome.findings = found.map { key, found in
            let row = index.row(key.hit)
            let set = index.set(key.hit)
            return RetroFinding(
                kind: row.kind, value: IndicatorForm.text(row.kind, index.value(key.hit)), feed: set.name,
                label: set.text(row.label), confidence: Int(found.confidence),
                prevalence: prevalence.excess(key.hit), host: key.host.isEmpty ? nil : key.host,
                places: found.places.sorted(), count: found.count, first: found.earliest, last: found.last,
                known: Timestamp(seconds: Int64(row.added)), uid: found.first.uid?.description)
        }.sorted { left, right in
            left.first != right.first
                ? left.first < right.first : (left.value, left.host ?? "") < (right.value, right.host ?? "")
        }
    }

    /// An alert for each finding, for the store. The same run over the same records gives the same alerts.
    package func alerts() -> [AlertRecord] {
        found.sorted { ($0.value.earliest, $0.key.host) < ($1.value.earliest, $1.key.host) }.map { key, found in
            var alert = IndicatorAlert(
                key.hit, index, place: found.place, found.first, confidence: found.confidence)
            if !alert.isInbound { alert.prevalence = prevalence.excess(key.hit) }
            var record = alert.record(count: UInt64(found.count))
            (record.first, record.last) = (found.earliest, found.last)
            return record
        }
    }
}

/// The columns of a row group, each decoded when it is first wanted.
private final class RetroRows {
    private let reader: SegmentReader
    private let rowGroup: Int
    private var vectors: [Int: ColumnVector] = [:]

    init(_ reader: SegmentReader, _ rowGroup: Int) { (self.reader, self.rowGroup) = (reader, rowGroup) }

    func vector(_ place: Int) throws(StoreError) -> ColumnVector {
        if let known = vectors[place] { return known }
        let vector = try reader.read(column: place, rowGroup: rowGroup)
        vectors[place] = vector
        return vector
    }

    func vector(named name: String) throws(StoreError) -> ColumnVector? {
        guard let place = reader.index(of: name) else { return nil }
        return try vector(place)
    }

    /// What a row says of its connection.
    func facts(_ row: Int) throws(StoreError) -> RowFacts {
        var facts = RowFacts()
        if let times = try vector(named: "ts"), times.isSet(row), times.kind == .time {
            let microseconds = Int64(bitPattern: times.words[row])
            facts.ts = Timestamp(nanoseconds: microseconds.multipliedReportingOverflow(by: 1000).partialValue)
        }
        if let uids = try vector(named: "uid"), uids.isSet(row), uids.kind.isStoredAsText {
            facts.uid = UID(octets: uids.text(row))
        }
        if reader.index(of: "actor_arn") != nil {
            var texts: [String: String] = [:]
            for name in ["actor_arn", "actor_id", "actor_name", "src_ip", "record_id"] {
                guard let column = try vector(named: name), column.isSet(row), column.kind.isStoredAsText else {
                    continue
                }
                texts[name] = String(decoding: column.text(row).prefix(512), as: UTF8.self)
            }
            facts.entities = RowFacts.entities { texts[$0] }
        }
        guard let originator = try address("id_orig_h", row), let responder = try address("id_resp_h", row) else {
            return facts
        }
        let ports = (try port("id_orig_p", row), try port("id_resp_p", row))
        var number: UInt8 = 6
        if let protocols = try vector(named: "proto"), protocols.isSet(row), protocols.kind.isStoredAsText {
            switch String(decoding: protocols.text(row), as: UTF8.self) {
            case "tcp": number = 6
            case "udp": number = 17
            case "icmp": number = 1
            default: number = 0
            }
        }
        facts.id = ConnectionID(
            originator: originator, responder: responder, originatorPort: ports.0, responderPort: ports.1,
            transport: Transport(rawValue: number) ?? .unknown, protocolNumber: number)
        return facts
    }

    private func address(_ name: String, _ row: Int) throws(StoreError) -> Address? {
        guard let column = try vector(named: name), column.isSet(row), column.kind.isStoredAsText else { return nil }
        return Address(octets: column.text(row))
    }

    private func port(_ name: String, _ row: Int) throws(StoreError) -> UInt16 {
        guard let column = try vector(named: name), column.isSet(row), !column.kind.isStoredAsText else { return 0 }
        return UInt16(truncatingIfNeeded: column.words[row])
    }
}
