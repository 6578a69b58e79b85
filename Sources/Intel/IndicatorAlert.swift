// SPDX-License-Identifier: Apache-2.0
//
// What an alert of an indicator says.
//
// Reads   a hit, and the row that it was found in.
// Writes  an `AlertRecord`.
// Leaves  folding (IndicatorMatcher.swift, RetroHunt.swift).

import JSON
import Records

/// What a row says of its connection.
struct RowFacts {
    var ts = Timestamp.zero
    var uid: UID?
    var id: ConnectionID?
    /// Whom a record of a cloud is about, which has no connection.
    var entities: [String] = []
    /// The file that the row is of, its type by content, and its name.
    var (file, fileType, fileName): (String?, String?, String?) = (nil, nil, nil)

    init() {}

    init(_ rows: borrowing RowBatch, _ row: Int, _ schema: LogSchema) {
        for (index, column) in schema.columns.prefix(8).enumerated() where rows.isSet(row, index) {
            switch (column.name, column.kind) {
            case ("ts", .time): ts = Timestamp(nanoseconds: Int64(bitPattern: rows.word(row, column)))
            case ("uid", .uid): uid = UID(value: rows.word(row, column))
            case ("id.orig_h", .address):
                let originator = rows.address(row, column)
                guard let first = schema.index(of: "id.orig_p"), let second = schema.index(of: "id.resp_h"),
                    let third = schema.index(of: "id.resp_p")
                else { continue }
                let number = rows.protocolNumber(row)
                id = ConnectionID(
                    originator: originator, responder: rows.address(row, schema.columns[second]),
                    originatorPort: UInt16(truncatingIfNeeded: rows.word(row, schema.columns[first])),
                    responderPort: UInt16(truncatingIfNeeded: rows.word(row, schema.columns[third])),
                    transport: number == 6
                        ? .tcp : number == 17 ? .udp : number == 1 || number == 58 ? .icmp : .unknown,
                    protocolNumber: number)
            default: continue
            }
        }
        if rows.log == .files, let identity = schema.index(of: "fuid"), rows.isSet(row, identity) {
            var name: [UInt8] = []
            UID(value: rows.word(row, schema.columns[identity])).write(prefix: UID.filePrefix, to: &name)
            file = String(decoding: name, as: UTF8.self)
            fileType = RowFacts.text("mime_type", rows, row, schema)
            fileName = RowFacts.text("filename", rows, row, schema)
        }
        guard rows.log == .cloudAudit else { return }
        let batch = copy rows
        entities = RowFacts.entities { name in
            guard let place = schema.index(of: name), batch.isSet(row, place) else { return nil }
            let column = schema.columns[place]
            if column.kind == .address { return batch.address(row, column).description }
            return String(decoding: batch.bytes[batch.textRange(row, column)].prefix(512), as: UTF8.self)
        }
    }

    /// The entities of a record of `cloud_audit`, by the texts of its columns.
    static func entities(_ text: (String) -> String?) -> [String] {
        [
            (text("actor_arn") ?? text("actor_id")).map { "principal:\($0)" }, text("actor_name").map { "user:\($0)" },
            text("src_ip").map { "host:\($0)" }, text("record_id").map { "record:\($0)" },
        ].compactMap { $0 }
    }

    private static func text(
        _ name: String, _ rows: borrowing RowBatch, _ row: Int, _ schema: LogSchema
    ) -> String? {
        guard let index = schema.index(of: name), rows.isSet(row, index) else { return nil }
        return String(decoding: rows.bytes[rows.textRange(row, schema.columns[index])], as: UTF8.self)
    }
}

/// A hit with what stands around it.
struct IndicatorAlert {
    let hit: IndicatorHit
    let index: IndicatorIndex
    /// `dns.query`.
    let place: String
    let seen: RowFacts
    /// Whether the indicator is the one who came, not the one who was gone to.
    let isInbound: Bool
    /// The host on whose account it is.
    let host: Address?
    /// How sure the indicator was when it was met, 0 to 100.
    let confidence: UInt8
    /// The share of our hosts that meets it, where that is too large for something malicious.
    var prevalence: Double?

    init(_ hit: IndicatorHit, _ index: IndicatorIndex, place: String, _ seen: RowFacts, confidence: UInt8) {
        (self.hit, self.index, self.place, self.seen) = (hit, index, place, seen)
        self.confidence = confidence
        let isOriginator = place.hasSuffix("id.orig_h")
        isInbound = isOriginator
        host = isOriginator ? seen.id?.responder : seen.id?.originator
    }

    /// 1 is the most urgent. That the other came to us is every day's weather; that we went there is not.
    private func severity(_ row: IndicatorRow) -> UInt64 {
        // Who meets a sinkhole is infected, however many they are.
        if prevalence != nil, !row.isSinkhole { return 4 }
        let own: UInt64 = confidence >= 80 ? 1 : confidence >= 50 ? 2 : 3
        return isInbound ? max(own &+ 1, 3) : own
    }

    func record(count: UInt64 = 1) -> AlertRecord {
        let row = index.row(hit)
        let set = index.set(hit)
        let value = IndicatorForm.text(row.kind, index.value(hit))
        let label = set.text(row.label)
        var record = AlertRecord()
        record.source = "indicator"
        (record.ts, record.first, record.last) = (seen.ts, seen.ts, seen.ts)
        (record.uid, record.id, record.count) = (seen.uid, seen.id, count)
        if let id = seen.id {
            let start = record.text.begin()
            CommunityID.write(id: id, to: &record.text.bytes)
            record.communityID = record.text.end(start)
        }
        record.severity = severity(row)
        record.isFromOriginator = isInbound
        record.ruleID = record.text.add("\(set.name):\(row.kind.name):\(value)")
        let family = label.isEmpty ? "" : " (\(label))"
        let verb = row.isSinkhole ? "Sinkhole met" : "Indicator met"
        record.title = record.text.add("\(verb): \(row.kind.name) \(value)\(family)")
        if row.threat != 0 { record.category = record.text.add(set.text(row.threat)) }
        for technique in techniques(set.text(row.threat)) { record.techniques.append(record.text.add(technique)) }
        let about = entities(row.kind, value).filter { !seen.entities.contains($0) } + seen.entities
        record.entities = about.map { record.text.add($0) }
        record.evidence = record.text.add(evidence(row, set, value, label))
        return record
    }

    /// What a feed's word for a threat is in ATT&CK, where it is one of few meanings.
    private func techniques(_ threat: String) -> [String] {
        let comes = isInbound || seen.id == nil && !seen.entities.isEmpty
        return switch threat.lowercased() {
        // A controller that comes to us, or to a cloud of ours, is no channel of ours.
        case "botnet_cc", "c2", "command-and-control", "command and control": comes ? [] : ["T1071"]
        case "payload_delivery", "payload", "malware_download", "delivery": comes ? [] : ["T1105"]
        default: []
        }
    }

    private func entities(_ kind: IndicatorKind, _ value: String) -> [String] {
        switch kind {
        case .domain, .hostname: ["domain:\(value)"]
        case .file: ["file:\(value)"]
        case .userName, .email: ["user:\(value)"]
        case .address: ["host:\(value)"]
        case .url: ["domain:\(value.prefix { $0 != "/" && $0 != ":" })"]
        default: []
        }
    }

    private func evidence(_ row: IndicatorRow, _ set: IndicatorSet, _ value: String, _ label: String) -> String {
        var json = JSONWriter()
        json.object {
            $0.member("indicator", value)
            $0.member("type", row.kind.name)
            $0.member("where", place)
            $0.member("feed", set.name)
            // As a share, as every alert's evidence has it.
            $0.member("confidence", Double(confidence) / 100)
            if confidence != row.confidence { $0.member("confidence_at_first", Double(row.confidence) / 100) }
            if let prevalence { $0.member("prevalence", (prevalence * 100).rounded() / 100) }
            if !label.isEmpty { $0.member("label", label) }
            if let file = seen.file { $0.member("fuid", file) }
            if let type = seen.fileType { $0.member("mime_type", type) }
            if let name = seen.fileName { $0.member("filename", name) }
            if row.threat != 0 { $0.member("threat", set.text(row.threat)) }
            if row.isSinkhole { $0.member("sinkhole", true) }
            $0.member("known_since", Int(row.added))
            if row.expires != 0 { $0.member("expires", Int(row.expires)) }
        }
        return json.text
    }
}

extension TextBuffer {
    /// A text of our own making, such as a title.
    mutating func add(_ string: String) -> Text {
        let start = begin()
        bytes.append(contentsOf: string.utf8)
        return end(start)
    }
}
