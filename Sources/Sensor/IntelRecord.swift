// SPDX-License-Identifier: Apache-2.0
//
// The log of indicators that were met, in the form of Zeek's intelligence framework.
//
// Reads   rows of `alert` whose source is an indicator.
// Writes  one row for each, path "intel".
// Leaves  matching, and what an alert says (Intel); the store, which has the same in `alert`.

import JSON
package import Records

/// One indicator that was met, or met again by the same host within `alerts.fold`.
package struct IntelRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var indicator = Text.absent
    var type: StaticString?
    var place = Text.absent
    var sources: [Text] = []
    var file: UID?
    var (fileType, fileName) = (Text.absent, Text.absent)
    var text = TextBuffer()

    package init() {}

    package static let log = LogID.intel
    package static let summary: StaticString = "Indicators that were met, in the form of Zeek's intelligence framework."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("seen.indicator", indicator, in: text, "The value of the indicator.", isKey: true)
        row.enumeration("seen.indicator_type", type, "What it is the value of, such as Intel::DOMAIN.")
        row.text("seen.where", place, in: text, "Where it was seen, such as DNS::IN_REQUEST; else log and column.")
        row.text("seen.node", "weir", "The sensor that saw it.")
        row.textSet("matched", matched, in: text, "Kinds of indicators that matched.")
        row.textSet("sources", sources, in: text, "Feeds that name it.")
        row.fuid("fuid", file, "The file that it is of, where it is of one.")
        row.text("file_mime_type", fileType, in: text, "Type of that file, by content.")
        row.text("file_desc", fileName, in: text, "Name of that file, where given.")
    }

    private var matched: [Text] { kind.isAbsent ? [] : [kind] }
    fileprivate var kind = Text.absent

    fileprivate mutating func clear() {
        (indicator, place, kind, type) = (.absent, .absent, .absent, nil)
        (file, fileType, fileName) = (nil, .absent, .absent)
        sources.removeAll(keepingCapacity: true)
        text.clear()
    }
}

/// Makes rows of alerts.
struct IntelLog {
    private var record = IntelRecord()
    private static let mark = Array("indicator".utf8)

    /// Weir's kinds, as Zeek calls them.
    private static let types: [(kind: String, type: StaticString)] = [
        ("address", "Intel::ADDR"), ("endpoint", "Intel::ADDR"), ("network", "Intel::SUBNET"),
        ("domain", "Intel::DOMAIN"), ("hostname", "Intel::DOMAIN"), ("url", "Intel::URL"),
        ("file", "Intel::FILE_HASH"), ("file-name", "Intel::FILE_NAME"), ("certificate", "Intel::CERT_HASH"),
        ("email", "Intel::EMAIL"), ("user-name", "Intel::USER_NAME"), ("user-agent", "Intel::SOFTWARE"),
        ("software", "Intel::SOFTWARE"),
    ]

    /// Columns where Zeek's scripts look too, as they call them.
    private static let places: [(place: String, name: StaticString)] = [
        ("conn.id.orig_h", "Conn::IN_ORIG"), ("conn.id.resp_h", "Conn::IN_RESP"),
        ("dns.query", "DNS::IN_REQUEST"), ("dns.answers", "DNS::IN_RESPONSE"),
        ("http.host", "HTTP::IN_HOST_HEADER"), ("http.uri", "HTTP::IN_URL"),
        ("http.user_agent", "HTTP::IN_USER_AGENT_HEADER"), ("ssl.server_name", "SSL::IN_SERVER_NAME"),
        ("ssl.cert_chain_fps", "X509::IN_CERT"), ("ssl.client_cert_chain_fps", "X509::IN_CERT"),
        ("x509.fingerprint", "X509::IN_CERT"), ("x509.san.dns", "X509::IN_CERT"), ("x509.san.email", "X509::IN_CERT"),
        ("x509.san.ip", "X509::IN_CERT"), ("files.md5", "Files::IN_HASH"), ("files.sha1", "Files::IN_HASH"),
        ("files.sha256", "Files::IN_HASH"), ("files.filename", "Files::IN_NAME"),
        ("smtp.mailfrom", "SMTP::IN_MAIL_FROM"), ("smtp.rcptto", "SMTP::IN_RCPT_TO"), ("smtp.from", "SMTP::IN_FROM"),
        ("smtp.to", "SMTP::IN_TO"), ("smtp.reply_to", "SMTP::IN_REPLY_TO"),
        ("smtp.x_originating_ip", "SMTP::IN_X_ORIGINATING_IP_HEADER"),
        ("software.unparsed_version", "Software::IN_VERSION"),
    ]

    /// Writes a row for each alert of an indicator.
    mutating func take(_ alerts: borrowing RowBatch, _ schema: LogSchema, into own: inout RecordOutput) {
        guard let source = schema.index(of: "source"), let evidence = schema.index(of: "evidence") else { return }
        let (sourceColumn, evidenceColumn) = (schema.columns[source], schema.columns[evidence])
        for row in 0..<alerts.count where alerts.isSet(row, evidence) {
            guard alerts.bytes[alerts.textRange(row, sourceColumn)].elementsEqual(IntelLog.mark) else { continue }
            let facts = Array(alerts.bytes[alerts.textRange(row, evidenceColumn)])
            guard let document = try? JSONDocument(facts), fill(document.root) else { continue }
            record.ts = Timestamp(nanoseconds: Int64(bitPattern: alerts.word(row, schema.columns[0])))
            record.uid = alerts.isSet(row, 1) ? UID(value: alerts.word(row, schema.columns[1])) : nil
            record.id = IntelLog.connection(alerts, row, schema)
            own.order = alerts.order(row)
            own.ordinal = alerts.ordinal(row)
            own.emit(record)
        }
    }

    /// Takes what an alert's evidence says; false where it names no indicator.
    private mutating func fill(_ facts: JSONValue) -> Bool {
        record.clear()
        guard let value = facts.member("indicator")?.string else { return false }
        record.indicator = add(value)
        let kind = facts.member("type")?.string ?? ""
        record.type = IntelLog.types.first { $0.kind == kind }?.type
        record.kind = record.type.map { record.text.add($0) } ?? add(kind)
        let place = facts.member("where")?.string ?? ""
        let known = IntelLog.places.first { $0.place == place }?.name
        record.place = known.map { record.text.add($0) } ?? add(place)
        if let feed = facts.member("feed")?.string { record.sources.append(add(feed)) }
        if let file = facts.member("fuid")?.string { record.file = UID(octets: Array(file.utf8)[...]) }
        if let type = facts.member("mime_type")?.string { record.fileType = add(type) }
        if let name = facts.member("filename")?.string { record.fileName = add(name) }
        return true
    }

    private mutating func add(_ string: String) -> Text { record.text.add(Array(string.utf8)) }

    private static func connection(_ alerts: borrowing RowBatch, _ row: Int, _ schema: LogSchema) -> ConnectionID? {
        guard alerts.isSet(row, 2) else { return nil }
        return ConnectionID(
            originator: alerts.address(row, schema.columns[2]), responder: alerts.address(row, schema.columns[4]),
            originatorPort: UInt16(truncatingIfNeeded: alerts.word(row, schema.columns[3])),
            responderPort: UInt16(truncatingIfNeeded: alerts.word(row, schema.columns[5])),
            transport: .unknown, protocolNumber: alerts.protocolNumber(row))
    }
}
