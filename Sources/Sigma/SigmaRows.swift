// SPDX-License-Identifier: Apache-2.0
//
// Rules over the rows of logs, as the sensor makes them.
//
// Reads   row batches.
// Writes  rows of `alert`.
// Leaves  rows of the store (SigmaHunt.swift).

package import Records

/// The rules of one log, compiled, and where its columns are; shared by all who match.
final class SigmaLog: Sendable {
    let schema: LogSchema
    let matcher: SigmaMatcher
    /// Of each field its columns.
    let columns: [[SigmaColumn]]

    init(_ schema: LogSchema, _ rules: [SigmaRule]) {
        self.schema = schema
        matcher = SigmaMatcher(rules)
        columns = matcher.fields.map { SigmaColumn.columns(of: $0, schema) }
    }

    /// The logs that rules ask for.
    static func logs(_ rules: SigmaRules, _ schemas: [LogSchema]) -> [SigmaLog] {
        var byLog: [LogID: [SigmaRule]] = [:]
        for rule in rules.rules {
            for case .log(let log) in SigmaTarget.targets(of: rule.source) { byLog[log, default: []].append(rule) }
        }
        return schemas.compactMap { schema in byLog[schema.log].map { SigmaLog(schema, $0) } }
    }

    /// Whom and what the row is about, beside its connection's hosts.
    static let entityColumns: [(column: String, kind: String)] = [
        ("query", "domain"), ("host", "domain"), ("server_name", "domain"), ("username", "user"), ("client", "user"),
        ("sha256", "file"),
    ]
}

/// Rules, compiled for the logs of a sensor: what is made aside when they are read anew.
package struct SigmaSet: Sendable {
    package let rules: SigmaRules
    /// By the number of the log.
    fileprivate let logs: [SigmaLog?]

    package init(_ rules: SigmaRules, schemas: [LogSchema]) {
        self.rules = rules
        var logs = [SigmaLog?](repeating: nil, count: LogID.allCases.count)
        for log in SigmaLog.logs(rules, schemas) { logs[Int(log.schema.log.rawValue)] = log }
        self.logs = logs
    }
}

/// The rules of a run, which may be replaced while it goes on.
package typealias SigmaShelf = Shelf<SigmaSet>

/// Looks at every row of the logs that rules ask for.
package struct SigmaObserver: RowObserver {
    private let shelf: SigmaShelf
    private var generation = 0
    private var logs: [SigmaLog?] = []
    /// What matching keeps between rows, of each log.
    private var scratches: [SigmaMatcher.Scratch?] = []
    private var record = AlertRecord()
    private var folded: FoldedAlerts
    /// Rows that rules have looked at, and hits.
    package private(set) var rowCount: UInt64 = 0
    package private(set) var hitCount: UInt64 = 0

    /// - Parameter foldSeconds: in which hits of one rule about the same become one row; 0 for one row each.
    package init(_ shelf: SigmaShelf, foldSeconds: Int) {
        self.shelf = shelf
        folded = FoldedAlerts(seconds: foldSeconds)
        renew()
    }

    private mutating func renew() {
        generation = shelf.number
        logs = shelf.newest.logs
        scratches = logs.map { $0?.matcher.makeScratch() }
    }

    package mutating func observe(_ rows: borrowing RowBatch, alerts: inout RowBatch) {
        if shelf.number != generation { renew() }
        let place = Int(rows.log.rawValue)
        guard let log = logs[place], var scratch = scratches[place] else { return }
        scratches[place] = nil
        var fields = SigmaRowFields(rows: copy rows, row: 0, log: log)
        for row in 0..<rows.count {
            rowCount &+= 1
            fields.row = row
            for number in log.matcher.match(fields, &scratch) {
                hitCount &+= 1
                var hit = SigmaHit(rule: log.matcher.rules[number], log: log.schema.path, time: fields.time)
                hit.fields = log.matcher.evidence(number, fields, &scratch)
                hit.uid = fields.uid
                hit.connection = fields.connection
                hit.entities = fields.entities
                hit.fill(&record)
                fold(order: rows.order(row), ordinal: rows.ordinal(row), &alerts)
            }
        }
        scratches[place] = scratch
    }

    /// Holds the record at hand back for others like it, or counts it into one.
    private mutating func fold(order: UInt64, ordinal: UInt64, _ alerts: inout RowBatch) {
        guard folded.seconds > 0, let key = record.foldKey else {
            return alerts.append(record, order: order, ordinal: ordinal)
        }
        if folded.count(key, at: record.ts) { return }
        if folded.isFull, let eldest = folded.next() {
            alerts.append(eldest.record, order: order, ordinal: eldest.ordinal)
        }
        folded.hold(record, key, ordinal: ordinal)
    }

    package mutating func advance(to time: Timestamp, order: UInt64, alerts: inout RowBatch) {
        while let row = folded.next(at: time) { alerts.append(row.record, order: order, ordinal: row.ordinal) }
    }

    package mutating func finish(alerts: inout RowBatch) {
        while let row = folded.next() { alerts.append(row.record, order: .max, ordinal: row.ordinal) }
    }
}

/// The fields of one row of a batch, as logs write them.
struct SigmaRowFields: SigmaFields {
    let rows: RowBatch
    var row: Int
    let log: SigmaLog

    func add(_ field: Int, to values: inout SigmaValues) {
        guard field != 0 else {
            for index in log.schema.columns.indices { add(SigmaColumn(column: index), &values) }
            return
        }
        for column in log.columns[field] { add(column, &values) }
    }

    private func add(_ place: SigmaColumn, _ values: inout SigmaValues) {
        guard rows.isSet(row, place.column) else { return }
        let column = log.schema.columns[place.column]
        if column.kind.isList { return addList(column, &values) }
        switch column.kind {
        case .text, .enumeration: add(rows.bytes[rows.textRange(row, column)], place.part, &values)
        case .address: values.add { rows.address(row, column).write(to: &$0) }
        default: values.add(SigmaRowFields.text(rows.word(row, column), column.kind))
        }
    }

    private func addList(_ column: Column, _ values: inout SigmaValues) {
        var place = rows.listStart(row, column)
        for _ in 0..<rows.listCount(row, column) {
            guard values.values.count < SigmaValues.valuesMax else { return }
            switch column.kind {
            case .textSet, .textVector: values.add(rows.bytes[rows.listText(&place)])
            case .addressVector:
                let address = Address(high: rows.listWord(&place), low: rows.listWord(&place))
                values.add { address.write(to: &$0) }
            case .uidSet: values.add(SigmaRowFields.text(rows.listWord(&place), .uid))
            case .fuidVector: values.add(SigmaRowFields.text(rows.listWord(&place), .fuid))
            case .intervalVector: values.add(SigmaRowFields.text(rows.listWord(&place), .interval))
            default: values.add(SigmaRowFields.text(rows.listWord(&place), .count))
            }
        }
    }

    private func add(_ octets: ArraySlice<UInt8>, _ part: SigmaColumn.Part, _ values: inout SigmaValues) {
        SigmaURL.add(octets, part, host, &values)
    }

    private var host: ArraySlice<UInt8>? {
        guard let index = log.schema.index(of: "host"), rows.isSet(row, index) else { return nil }
        return rows.bytes[rows.textRange(row, log.schema.columns[index])]
    }

    static func text(_ word: UInt64, _ kind: ColumnKind) -> String {
        switch kind {
        case .integer: return "\(Int64(bitPattern: word))"
        case .real: return "\(Double(bitPattern: word))"
        case .boolean: return word == 0 ? "false" : "true"
        case .time, .interval: return "\(Double(Int64(bitPattern: word)) / 1e9)"
        case .uid, .fuid:
            var octets: [UInt8] = []
            UID(value: word).write(prefix: kind == .uid ? UID.connectionPrefix : UID.filePrefix, to: &octets)
            return String(decoding: octets, as: UTF8.self)
        default: return "\(word)"
        }
    }

    // MARK: what an alert says of the row

    private func column(_ name: String) -> (index: Int, column: Column)? {
        guard let index = log.schema.index(of: name), rows.isSet(row, index) else { return nil }
        return (index, log.schema.columns[index])
    }

    var time: Timestamp {
        column("ts").map { Timestamp(nanoseconds: Int64(bitPattern: rows.word(row, $0.column))) } ?? .zero
    }

    var uid: UID? { column("uid").map { UID(value: rows.word(row, $0.column)) } }

    var connection: ConnectionID? {
        guard let originator = column("id.orig_h"), let originatorPort = column("id.orig_p"),
            let responder = column("id.resp_h"), let responderPort = column("id.resp_p")
        else { return nil }
        let number = rows.protocolNumber(row)
        return ConnectionID(
            originator: rows.address(row, originator.column), responder: rows.address(row, responder.column),
            originatorPort: UInt16(truncatingIfNeeded: rows.word(row, originatorPort.column)),
            responderPort: UInt16(truncatingIfNeeded: rows.word(row, responderPort.column)),
            transport: Transport(rawValue: number) ?? .unknown, protocolNumber: number)
    }

    var entities: [String] {
        SigmaLog.entityColumns.compactMap { name, kind in
            guard let found = column(name), found.column.kind == .text else { return nil }
            let octets = rows.bytes[rows.textRange(row, found.column)].prefix(512)
            return "\(kind):\(String(decoding: octets, as: UTF8.self))"
        }
    }
}

/// Parts of a request's target.
enum SigmaURL {
    static func add(
        _ octets: ArraySlice<UInt8>, _ part: SigmaColumn.Part, _ host: ArraySlice<UInt8>?, _ values: inout SigmaValues
    ) {
        let mark = octets.firstIndex(of: 0x3F)
        let path = octets[..<(mark ?? octets.endIndex)]
        switch part {
        case .whole: values.add(octets)
        case .path: values.add(path)
        case .query:
            guard let mark else { return }
            values.add(octets[(mark + 1)...])
        case .fileEnding:
            let name = path.lastIndex(of: 0x2F).map { path[($0 + 1)...] } ?? path
            guard let dot = name.lastIndex(of: 0x2E) else { return }
            values.add(name[(dot + 1)...])
        case .url:
            // A request to a proxy has the whole URL already.
            guard octets.first == 0x2F, let host else { return }
            values.add { target in
                target.append(contentsOf: "http://".utf8)
                target.append(contentsOf: host)
                target.append(contentsOf: octets)
            }
        }
    }
}
