// SPDX-License-Identifier: Apache-2.0
//
// Suricata's events (EVE JSON, versions 4 to 8) as rows.
//
// Reads   one object a line.
// Writes  flow as conn, dns, http, tls as ssl and x509, fileinfo as files, alert, ssh, smtp, ftp, krb5 as kerberos,
//         smb as smb_mapping and smb_files, anomaly as weird.
// Leaves  statistics, packets, and kinds of events that have no table here; they are counted by name.
//
// What an event names goes by the tables of EVELines+Tables.swift; what has to be worked out stands in
// EVELines+Events.swift. Docs/ingest.md says what is estimated.

import JSON
import Records

/// Suricata's lines.
final class EVELines: LineReading {
    let schemas: [LogSchema]
    private let places: [[String: Int]]
    private let logsByPath: [String: Int]
    private let json = JSONDocument(
        limits: JSONLimits(depthMax: 32, bytesMax: LineFile.lineBytesMax, nodesMax: 1 << 17))
    var rows: [IngestedRow]
    private(set) var oddValueCount = 0
    private(set) var firstOddValue: String?
    private(set) var unknown: Set<String> = []
    /// Questions of DNS that have no answer yet, by flow and transaction.
    var questions = WaitingRows(countMax: 1 << 13)

    private static let unknownMax = 64

    init(_ schemas: [LogSchema]) {
        self.schemas = schemas
        places = schemas.map { schema in
            Dictionary(schema.columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        }
        logsByPath = Dictionary(schemas.enumerated().map { ($1.path, $0) }, uniquingKeysWith: { first, _ in first })
        rows = schemas.map { IngestedRow($0) }
    }

    func read(_ line: ArraySlice<UInt8>, _ outcomes: inout [LineOutcome]) {
        guard line.contains(where: { $0 != 0x20 && $0 != 0x09 }) else { return }
        do { try json.read(Array(line)) } catch { return outcomes.append(.bad("it is no JSON: \(error.sentence)")) }
        let root = json.root
        guard let kind = root["event_type"]?.string else { return outcomes.append(.bad("it has no event_type")) }
        guard let mapping = EVEMapping.all[kind] else {
            if unknown.count < EVELines.unknownMax { unknown.insert(String(kind.prefix(40))) }
            return
        }
        guard let time = root["timestamp"]?.string.flatMap({ NumberText.nanoseconds(Array($0.utf8)[...]) }) else {
            return outcomes.append(.bad("it has no timestamp"))
        }
        let event = EVEEvent(root: root, kind: kind, time: time)
        for target in mapping {
            guard let log = logsByPath[target.log], target.applies(event) else { continue }
            rows[log].clear()
            fill(log, target, event)
            if work(log, target.log, event) {
                _ = completed(log)
                outcomes.append(.row(log: log))
            }
        }
    }

    var headLines: [String] { [] }
    func restore(_ head: [String]) {}

    /// Rows that waited too long, or at the end of the file all that wait, with the number of their log.
    func leftover(isAtEnd: Bool) -> [(log: Int, row: IngestedRow)] {
        guard let log = logsByPath["dns"] else { return [] }
        return questions.leftover(isAtEnd: isAtEnd).map { (log, $0) }
    }

    /// The row of a log, with what its columns imply.
    func completed(_ log: Int) -> IngestedRow {
        rows[log].complete(schemas[log], places[log])
        return rows[log]
    }

    private func fill(_ log: Int, _ target: EVEMapping, _ event: EVEEvent) {
        set(log, "ts", UInt64(bitPattern: event.time))
        let ends = event.ends
        if let ends {
            set(log, "uid", event.identity(ends).value)
            set(log, "id.orig_h", ends.originator)
            set(log, "id.resp_h", ends.responder)
            set(log, "id.orig_p", UInt64(ends.originatorPort))
            set(log, "id.resp_p", UInt64(ends.responderPort))
        }
        if let transport = event.transport { set(log, "proto", text: transport) }
        if let name = event.root["community_id"]?.string { set(log, "community_id", text: name) }
        for (column, path) in target.fields {
            guard let value = event.root.at(path), !value.isNull else { continue }
            take(value, log, column)
        }
    }

    private func take(_ value: JSONValue, _ log: Int, _ column: String) {
        guard let place = places[log][column] else { return }
        let isTaken: Bool
        if rows[log].kinds[place].isList {
            let elements = value.isArray ? value.elements.map { EVELines.octets($0) } : [EVELines.octets(value)]
            isTaken = rows[log].set(place, elements: elements)
        } else if value.isArray {
            guard let first = value[0] else { return }
            isTaken = rows[log].set(place, EVELines.octets(first))
        } else {
            isTaken = value.isScalar && rows[log].set(place, EVELines.octets(value))
        }
        guard !isTaken else { return }
        oddValueCount += 1
        if firstOddValue == nil {
            let shown = String(decoding: value.raw.prefix(40), as: UTF8.self)
            firstOddValue = "\(shown) is no value of \(schemas[log].path).\(column)"
        }
    }

    static func octets(_ value: JSONValue) -> ArraySlice<UInt8> {
        var octets: [UInt8] = []
        value.appendText(to: &octets)
        return octets[...]
    }

    // MARK: cells, for what is worked out

    func set(_ log: Int, _ column: String, _ word: UInt64) {
        if let place = places[log][column] { rows[log].cells[place] = .word(word) }
    }

    func set(_ log: Int, _ column: String, _ address: Address) {
        if let place = places[log][column] { rows[log].cells[place] = .address(address) }
    }

    func set(_ log: Int, _ column: String, text: String) {
        guard let place = places[log][column] else { return }
        rows[log].cells[place] = .text(rows[log].add(text.utf8))
    }

    func set(_ log: Int, _ column: String, texts: [String]) {
        guard let place = places[log][column] else { return }
        rows[log].cells[place] = .texts(texts.map { rows[log].add($0.utf8) })
    }

    func set(_ log: Int, _ column: String, intervals: [UInt64]) {
        if let place = places[log][column] { rows[log].cells[place] = .words(intervals) }
    }

    /// Text of a cell that is one.
    func text(_ log: Int, _ column: String) -> String? {
        guard let place = places[log][column], case .text(let text) = rows[log].cells[place] else { return nil }
        return String(decoding: rows[log].text[text], as: UTF8.self)
    }

    func word(_ log: Int, _ column: String) -> UInt64? {
        guard let place = places[log][column], case .word(let word) = rows[log].cells[place] else { return nil }
        return word
    }
}

/// One event and what all events have.
struct EVEEvent {
    let root: JSONValue
    let kind: String
    /// Nanoseconds since 1970.
    let time: Int64

    /// The transport as conn has it.
    var transport: String? {
        switch root["proto"]?.string?.uppercased() {
        case "TCP": "tcp"
        case "UDP": "udp"
        case "ICMP", "IPV6-ICMP", "ICMPV6": "icmp"
        default: nil
        }
    }

    /// The ends of the flow. Events of answers have the server first: they are turned round.
    var ends: ConnectionID? {
        let flow = root["flow"]
        let holder = flow?["src_ip"] == nil ? root : flow ?? root
        guard let source = address(holder["src_ip"]), let target = address(holder["dest_ip"]) else { return nil }
        let id = ConnectionID(
            originator: source, responder: target, originatorPort: port(holder["src_port"] ?? root["icmp_type"]),
            responderPort: port(holder["dest_port"] ?? root["icmp_code"]), transport: .unknown, protocolNumber: 0)
        return flow?["src_ip"] == nil && isFromServer(id) ? id.flipped : id
    }

    private func isFromServer(_ id: ConnectionID) -> Bool {
        guard ["dns", "fileinfo", "alert", "anomaly"].contains(kind) else { return false }
        if kind == "fileinfo", let direction = root["direction"]?.string { return direction == "to_client" }
        return id.originatorPort < 1024 && id.responderPort >= 1024
    }

    /// Whether what the event is about came from the flow's originator.
    var isFromOriginator: Bool {
        guard let source = address(root["src_ip"]), let ends else { return true }
        return source == ends.originator && port(root["src_port"]) == ends.originatorPort
    }

    /// The flow's identity: its number there and its ends, either end first.
    func identity(_ ends: ConnectionID) -> UID {
        var hash = UID.prefix(sensor: "eve")
        hash.absorb(UInt64(bitPattern: root["flow_id"]?.integer ?? 0))
        let isOrdered = ends.originator < ends.responder
            || ends.originator == ends.responder && ends.originatorPort <= ends.responderPort
        let id = isOrdered ? ends : ends.flipped
        for word in [id.originator.high, id.originator.low, id.responder.high, id.responder.low] { hash.absorb(word) }
        hash.absorb(UInt64(id.originatorPort) << 16 | UInt64(id.responderPort))
        return UID(value: hash.finish())
    }

    private func address(_ value: JSONValue?) -> Address? {
        value.flatMap { $0.isScalar ? Address(octets: EVELines.octets($0)) : nil }
    }

    private func port(_ value: JSONValue?) -> UInt16 {
        value?.integer.flatMap { UInt16(exactly: $0) } ?? 0
    }
}

/// Rows that wait for another event, by key; above a bound the oldest wait no longer.
struct WaitingRows {
    private let countMax: Int
    private let bytesMax: Int
    /// Octets of the texts of rows that wait.
    private var byteCount = 0
    private var rows: [UInt64: (time: Int64, row: IngestedRow)] = [:]
    private var keys: [UInt64] = []
    private var dropped: [IngestedRow] = []

    init(countMax: Int, bytesMax: Int = 32 << 20) { (self.countMax, self.bytesMax) = (countMax, bytesMax) }

    mutating func add(_ key: UInt64, _ time: Int64, _ row: IngestedRow) {
        // A question that is asked again under the same number does not take the first one's place.
        byteCount += row.text.bytes.count
        if let earlier = rows.updateValue((time, row), forKey: key) {
            drop(earlier.row)
        } else {
            keys.append(key)
        }
        guard keys.count > countMax || byteCount > bytesMax else { return }
        let going = (keys.count + 1) / 2
        for key in keys.prefix(going) { if let old = rows.removeValue(forKey: key) { drop(old.row) } }
        keys.removeFirst(going)
    }

    /// A row that waits no longer.
    private mutating func drop(_ row: IngestedRow) {
        byteCount -= row.text.bytes.count
        dropped.append(row)
    }

    /// When the row with the key began to wait; it does so no longer.
    mutating func take(_ key: UInt64) -> Int64? {
        guard let found = rows.removeValue(forKey: key) else { return nil }
        byteCount -= found.row.text.bytes.count
        return found.time
    }

    mutating func leftover(isAtEnd: Bool) -> [IngestedRow] {
        if isAtEnd {
            dropped += keys.compactMap { rows.removeValue(forKey: $0)?.row }
            keys.removeAll()
            byteCount = 0
        }
        defer { dropped.removeAll() }
        return dropped
    }
}
