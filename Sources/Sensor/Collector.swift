// SPDX-License-Identifier: Apache-2.0
//
// Where the workers' rows come together: one order, one decision for what spans
// connections.
//
// Reads   the output of all workers for one block, and the ingress's notes.
// Writes  ordered rows to the log writers and the store.
// Leaves  formats (Logs, Store).

import Flows
import Protocols
import Records

/// Merges by the number of the packet that made a row, then by connection, then
/// by emission: the same rows in the same order for any number of workers.
struct Collector: ~Copyable {
    private var outputs: Outputs
    private var ledger: TunnelLedger
    private var sampler = WeirdSampler()
    private var daily = DailyFilter.all()
    private let logsTunnels: Bool
    private let sensorName: String
    /// Rows that the collector makes itself.
    private var own = RecordOutput(schemas: Schemas.all)
    private var merged = RecordOutput(schemas: Schemas.all)
    private var references: [Reference] = []
    private var notes: [Note] = []
    private var weird = WeirdRecord()
    private var intel = IntelLog()
    private static let weirdsByName: [[UInt8]: Weird] = Dictionary(
        uniqueKeysWithValues: Weird.allCases.map { (Array("\($0)".utf8), $0) })
    private static let alertLog = Int(LogID.alert.rawValue)
    private(set) var rowCounts = [UInt64](repeating: 0, count: LogID.allCases.count)
    private(set) var weirdCounts: [Weird: UInt64] = [:]

    private struct Reference {
        var order: UInt64
        var ordinal: UInt64
        var source: Int32
        var row: Int32
    }

    private var desk: AlertDesk
    /// Network time of the first block.
    private var firstTime: Timestamp?
    /// From when days are counted, as the workers count them.
    var dayOrigin: Timestamp?
    private var candidates: [AlertCandidate] = []

    init(
        outputs: consuming Outputs, sensorName: String, logsTunnels: Bool,
        alerts: AlertDesk = AlertDesk(AlertSettings(), writesEvents: false)
    ) {
        desk = alerts
        self.outputs = outputs
        self.logsTunnels = logsTunnels
        self.sensorName = sensorName
        ledger = TunnelLedger(sensorName: sensorName)
    }

    var suppressedWeirds: UInt64 { sampler.suppressed }

    /// Limits of the tables that span connections, as far as they were met.
    var limits: LimitCounters {
        var limits = desk.limits
        limits.met(.tunnels, ledger.forgotten)
        limits.met(.anomalies, sampler.forgotten)
        for filter in daily.values { limits.met(.assets, filter.forgotten) }
        return limits
    }

    /// Takes what all workers made of one block; empties `parts`. `order` is that of
    /// the block's last packet, `time` the network time there.
    mutating func take(
        _ parts: inout [WorkerOutput], ingress: borrowing [Note], order: UInt64, time: Timestamp
    ) throws {
        if firstTime == nil { firstTime = time }
        for index in parts.indices where !parts[index].notes.isEmpty {
            notes.append(contentsOf: parts[index].notes)
            parts[index].notes.removeAll(keepingCapacity: true)
        }
        for index in ingress.indices { notes.append(ingress[index]) }
        settleNotes()
        settleAlerts(&parts)
        desk.advance(to: time, order: order, into: &own)
        if outputs.isObserved { outputs.show(time: time, order: order, alerts: &own.batches[Collector.alertLog]) }
        if logsTunnels { ledger.expire(at: time, order: order, into: &own) }
        for schema in Schemas.all { try pass(schema, &parts) }
        try outputs.advance(to: time)
    }

    /// Takes part of what the one worker made of a block that it has not done with; empties `parts`
    /// but for the logs of which the collector has rows of its own.
    mutating func takePart(_ parts: inout [WorkerOutput]) throws {
        notes.append(contentsOf: parts[0].notes)
        parts[0].notes.removeAll(keepingCapacity: true)
        settleNotes(isPart: true)
        settleAlerts(&parts)
        for schema in Schemas.all where Collector.isOfWorkers(schema.log) { try pass(schema, &parts) }
    }

    /// Whether a log's rows all come from workers, and none of them waits for a word of the collector.
    static func isOfWorkers(_ log: LogID) -> Bool { log != .weird && log != .tunnel && log != .stats }

    /// A row of the sensor's own, such as stats.
    mutating func add(_ record: StatsRecord) throws {
        own.order = .max
        own.emit(record)
        var none: [WorkerOutput] = []
        try pass(Schemas.all[Int(LogID.stats.rawValue)], &none)
        guard desk.writesEvents else { return }
        own.emit(record.event(uptime: UInt64(max(0, record.ts.since(firstTime ?? record.ts) / second))))
        try pass(Schemas.all[Int(LogID.eve.rawValue)], &none)
    }

    private mutating func settleAlerts(_ parts: inout [WorkerOutput]) {
        for index in parts.indices where !parts[index].alerts.isEmpty {
            candidates.append(contentsOf: parts[index].alerts)
            parts[index].alerts.removeAll(keepingCapacity: true)
        }
        desk.take(&candidates, into: &own)
    }

    /// What waits in memory becomes visible.
    mutating func flush(at time: Timestamp) throws {
        try outputs.flush(at: time)
        guard let trouble = outputs.takeTrouble() else { return }
        own.order = .max
        own.ordinal = 0
        own.emit(trouble.alert(of: sensorName))
        try passAlerts()
    }

    /// What an operator should hear of the outputs since the last time.
    func complaints() -> [String] { outputs.complaints() }

    /// Records that a full disk has cost.
    var lostRowCount: UInt64 { outputs.lostRowCount }

    /// Everything is written; nothing follows.
    consuming func finish() throws -> Totals {
        desk.finish(into: &own)
        if outputs.isObserved { outputs.showEnd(alerts: &own.batches[Collector.alertLog]) }
        try passAlerts()
        try outputs.finish()
        return Totals(rows: rowCounts, weirds: weirdCounts, suppressed: sampler.suppressed)
    }

    /// What waits in `alert`, and what follows from it.
    private mutating func passAlerts() throws {
        var none: [WorkerOutput] = []
        for log in [LogID.alert, .intel] { try pass(Schemas.all[Int(log.rawValue)], &none) }
    }

    struct Totals: Sendable {
        var rows: [UInt64]
        var weirds: [Weird: UInt64]
        var suppressed: UInt64
    }

    /// In the middle of a block (`isPart`) the anomalies of packets wait: the ingress has told of none yet.
    private mutating func settleNotes(isPart: Bool = false) {
        guard !notes.isEmpty else { return }
        var waiting: [Note] = []
        notes.sort { left, right in
            if left.order != right.order { return left.order < right.order }
            if left.rank != right.rank { return left.rank < right.rank }
            return left.ordinal < right.ordinal
        }
        for note in notes {
            guard case .packetWeird(let anomaly, let id, let source, let detail) = note.what else {
                if logsTunnels { ledger.take(note, into: &own) }
                continue
            }
            guard !isPart else {
                waiting.append(note)
                continue
            }
            weirdCounts[anomaly, default: 0] &+= 1
            guard sampler.admits(anomaly, id, at: note.time) else { continue }
            weird.ts = note.time
            weird.uid = nil
            weird.id = id
            weird.weird = anomaly
            weird.source = source
            weird.text.clear()
            weird.addl = detail.write(to: &weird.text)
            own.order = note.order
            own.ordinal = note.ordinal
            own.emit(weird)
        }
        notes.removeAll(keepingCapacity: true)
        if isPart { notes.append(contentsOf: waiting) }
    }

    /// Hands the rows of one log on, in order.
    private mutating func pass(_ schema: LogSchema, _ parts: inout [WorkerOutput]) throws {
        let log = Int(schema.log.rawValue)
        if schema.log == .conn || schema.log == .connOpen {
            for index in parts.indices { resolveTunnels(&parts[index].records.batches[log], schema) }
        }
        if parts.count == 1, !Collector.isFiltered(schema.log), own.batches[log].isEmpty,
            parts[0].records.batches[log].isOrdered
        {
            try deliver(parts[0].records.batches[log], schema)
            return parts[0].records.batches[log].clear()
        }
        references.removeAll(keepingCapacity: true)
        var isInOrder = true
        for index in parts.indices {
            gather(parts[index].records.batches[log], Int32(truncatingIfNeeded: index), &isInOrder)
        }
        gather(own.batches[log], -1, &isInOrder)
        guard let last = references.last else { return }
        let isOneSource = references[0].source == last.source && (parts.count < 2 || isInOrder)
        if isInOrder, isOneSource, last.source >= 0, !Collector.isFiltered(schema.log) {
            try deliver(parts[Int(last.source)].records.batches[log], schema)
        } else {
            try merge(schema, parts, isInOrder)
        }
        for index in parts.indices { parts[index].records.batches[log].clear() }
        own.batches[log].clear()
    }

    /// Logs of which rows may be left out here.
    private static func isFiltered(_ log: LogID) -> Bool { log == .weird || DailyFilter.logs[log] != nil }

    private mutating func gather(_ batch: borrowing RowBatch, _ source: Int32, _ isInOrder: inout Bool) {
        for row in 0..<batch.count {
            let next = Reference(
                order: batch.order(row), ordinal: batch.ordinal(row), source: source,
                row: Int32(truncatingIfNeeded: row))
            if let last = references.last, Collector.isBefore(next, last) { isInOrder = false }
            references.append(next)
        }
    }

    private static func isBefore(_ left: Reference, _ right: Reference) -> Bool {
        left.order != right.order ? left.order < right.order : left.ordinal < right.ordinal
    }

    private mutating func merge(
        _ schema: LogSchema, _ parts: borrowing [WorkerOutput], _ isInOrder: Bool
    ) throws {
        let log = Int(schema.log.rawValue)
        if !isInOrder {
            // Rows of one source and key keep their emission order: the row number decides.
            references.sort { left, right in
                if left.order != right.order { return left.order < right.order }
                if left.ordinal != right.ordinal { return left.ordinal < right.ordinal }
                return left.source != right.source ? left.source < right.source : left.row < right.row
            }
        }
        let isDaily = DailyFilter.logs[schema.log] != nil
        for reference in references {
            let row = Int(reference.row)
            if reference.source < 0 {
                merged.batches[log].append(row: row, of: own.batches[log], schema: schema)
            } else {
                let source = parts[Int(reference.source)].records.batches[log]
                if schema.log == .weird, !admits(source, row, schema) { continue }
                if isDaily, daily[schema.log]?.admits(source, row, since: dayOrigin) == false { continue }
                merged.batches[log].append(row: row, of: source, schema: schema)
            }
        }
        try deliver(merged.batches[log], schema)
        merged.batches[log].clear()
    }

    private mutating func deliver(_ batch: borrowing RowBatch, _ schema: LogSchema) throws {
        guard !batch.isEmpty else { return }
        if schema.log == .tunnel, !logsTunnels { return }
        rowCounts[Int(schema.log.rawValue)] &+= UInt64(batch.count)
        // The alerts that come of it follow: `alert` is passed after the logs of the traffic, at the latest in the end.
        if outputs.isObserved { outputs.show(batch, alerts: &own.batches[Collector.alertLog]) }
        try outputs.append(batch, schema)
        if schema.log == .alert, outputs.isObserved { intel.take(batch, schema, into: &own) }
    }

    /// Whether a row of the anomaly log is to be written.
    private mutating func admits(_ batch: borrowing RowBatch, _ row: Int, _ schema: LogSchema) -> Bool {
        guard let name = schema.index(of: "name") else { return true }
        let octets = Array(batch.bytes[batch.textRange(row, schema.columns[name])])
        guard let anomaly = Collector.weirdsByName[octets] else { return true }
        weirdCounts[anomaly, default: 0] &+= 1
        var id: ConnectionID?
        if batch.isSet(row, 2) {
            id = ConnectionID(
                originator: batch.address(row, schema.columns[2]), responder: batch.address(row, schema.columns[4]),
                originatorPort: UInt16(truncatingIfNeeded: batch.word(row, schema.columns[3])),
                responderPort: UInt16(truncatingIfNeeded: batch.word(row, schema.columns[5])),
                transport: .unknown, protocolNumber: 0)
        }
        let time = Timestamp(nanoseconds: Int64(bitPattern: batch.word(row, schema.columns[0])))
        return sampler.admits(anomaly, id, at: time)
    }

    /// Puts uids in place of the references that workers wrote into `tunnel_parents`.
    private mutating func resolveTunnels(_ batch: inout RowBatch, _ schema: LogSchema) {
        guard !batch.isEmpty, let index = schema.index(of: "tunnel_parents") else { return }
        let column = schema.columns[index]
        for row in 0..<batch.count where batch.isSet(row, index) {
            var place = batch.listStart(row, column)
            for element in 0..<batch.listCount(row, column) {
                let reference = batch.listWord(&place)
                batch.setListWord(row, column, element, ledger.uid(of: reference)?.value ?? 0)
            }
        }
    }
}
