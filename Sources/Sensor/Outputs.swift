// SPDX-License-Identifier: Apache-2.0
//
// Where ordered rows go: log files, the store, both, or nowhere; and who looks on.

package import Logs
package import Records
package import Store

/// The outputs of one run; used by the collector's thread alone.
package final class Outputs {
    private let logs: LogWriter?
    private let store: StoreWriter?
    private let isReplay: Bool
    /// Hears of all rows beside the outputs, in their order.
    var witness: ((borrowing RowBatch, LogSchema) -> Void)?
    private var last: Timestamp?
    private var isPaused = false
    /// Since when the disk has been full, and how many records were lost before.
    private var pauseBegan: (time: Timestamp, lost: UInt64)?
    private var trouble: StoreTrouble?
    /// Each sees the rows before they are written.
    private var observers: [any RowObserver]

    /// `isReplay` where the store has begun a source, which ends with the run.
    package init(logs: LogWriter?, store: StoreWriter?, isReplay: Bool, observers: [any RowObserver] = []) {
        self.isReplay = isReplay
        self.logs = logs
        self.store = store
        self.observers = observers
    }

    var isObserved: Bool { !observers.isEmpty }

    /// Shows rows to those who look on; their alerts go into `alerts`.
    func show(_ batch: borrowing RowBatch, alerts: inout RowBatch) {
        guard batch.log != .alert, batch.log != .signatures, batch.log != .intel, batch.log != .eve else { return }
        for index in observers.indices { observers[index].observe(batch, alerts: &alerts) }
    }

    /// Tells those who look on what time it is.
    func show(time: Timestamp, order: UInt64, alerts: inout RowBatch) {
        for index in observers.indices { observers[index].advance(to: time, order: order, alerts: &alerts) }
    }

    /// Tells those who look on that nothing follows.
    func showEnd(alerts: inout RowBatch) {
        for index in observers.indices { observers[index].finish(alerts: &alerts) }
    }

    /// What those who looked on have to say when the run is over.
    package var remarks: [String] { observers.flatMap(\.remarks) }

    func append(_ batch: borrowing RowBatch, _ schema: LogSchema) throws {
        witness?(batch, schema)
        try logs?.append(batch: batch, schema: schema)
        // All of them say again what the store has in `alert` and the protocols' tables.
        guard schema.log != .eve, schema.log != .signatures, schema.log != .intel else { return }
        try store?.append(batch, schema: schema)
    }

    /// The packet time has reached `time`. Segments of the hour that is over are ended, so
    /// that each lies in the folder of its hour.
    func advance(to time: Timestamp) throws {
        let hour = time.nanoseconds / (3600 * second)
        if let last, last.nanoseconds / (3600 * second) != hour { try store?.flush(time: last) }
        last = time
    }

    /// What waits in memory becomes visible: log lines, and segments of the store.
    func flush(at time: Timestamp) throws {
        try logs?.flush()
        try store?.flush(time: time)
        guard let store else { return }
        if store.pause != nil {
            if pauseBegan == nil { pauseBegan = (time, store.lostRowCount) }
        } else if let began = pauseBegan {
            trouble = StoreTrouble(since: began.time, until: time, lostRowCount: store.lostRowCount - began.lost)
            pauseBegan = nil
        }
    }

    /// The time without room on the disk that has just ended, if one has; told once.
    func takeTrouble() -> StoreTrouble? { trouble.take() }

    /// What an operator should hear of the store since the last time: a full disk, room again, faults.
    func complaints() -> [String] {
        guard let store else { return [] }
        var lines = store.takeComplaints().map(\.description)
        if let pause = store.pause, !isPaused {
            lines.append("\(pause.description); records are counted and lost until there is room")
        } else if store.pause == nil, isPaused {
            lines.append("the store is written again; \(store.lostRowCount) records were lost while the disk was full")
        }
        isPaused = store.pause != nil
        return lines
    }

    /// Records that a full disk has cost.
    var lostRowCount: UInt64 { store?.lostRowCount ?? 0 }

    /// Everything is written; a replay becomes visible as a whole.
    func finish() throws {
        try logs?.finish()
        guard isReplay else {
            try store?.finish(time: last ?? .zero)
            return
        }
        try store?.flush(time: last ?? .zero)
        try store?.commitSource()
    }
}

/// A time in which nothing could be stored because the disk was full.
struct StoreTrouble {
    var since: Timestamp
    var until: Timestamp
    var lostRowCount: UInt64

    /// The alert that tells of it once there is room again.
    func alert(of sensor: String) -> AlertRecord {
        var alert = AlertRecord()
        alert.source = "sensor"
        (alert.ts, alert.first, alert.last) = (since, since, until)
        alert.ruleID = alert.text.add("weir:store-full")
        alert.title = alert.text.add("Records were lost because the store's disk was full")
        alert.category = alert.text.add("Sensor health")
        alert.severity = 2
        // A sensor's name has letters, digits, dots and dashes only.
        let start = alert.text.begin()
        alert.text.append("{\"sensor\":\"")
        alert.text.bytes.append(contentsOf: sensor.utf8)
        alert.text.append("\",\"lost_records\":")
        alert.text.append(decimal: lostRowCount)
        alert.text.append(",\"seconds\":")
        alert.text.append(decimal: UInt64(max(0, until.since(since) / second)))
        alert.text.append("}")
        alert.evidence = alert.text.end(start)
        return alert
    }
}
