// SPDX-License-Identifier: Apache-2.0
//
// Audit files into the store, each record once.
//
// Reads   files and folders, plain or gzip, in any order and however often.
// Writes  rows of cloud_audit, alerts of those who look on, the quarantine, checkpoints: all of one batch in one
//         transaction.
// Leaves  what a record is (Normaliser), where its octets are (RecordCutter).

import Foundation
package import JSON
package import Records
package import Store

/// Which records are wanted.
package enum CloudSelection: String, Sendable, CaseIterable {
    case auto, cloudtrail, azure, gcp

    func takes(_ shape: CloudShape) -> Bool {
        switch self {
        case .auto: true
        case .cloudtrail: shape == .cloudTrail
        case .azure: ["azure", "m365"].contains("\(shape.provider)")
        case .gcp: "\(shape.provider)" == "gcp"
        }
    }
}

/// What a run has done.
package struct CloudSummary: Sendable, Equatable {
    package var files = 0
    /// Files that have not changed since they were read to their end.
    package var unchangedFiles = 0
    package var records = 0
    /// New rows.
    package var rows = 0
    package var duplicates = 0
    package var quarantined = 0
    package var alerts = 0
    /// Files that could not be read, or not to their end, each with its reason.
    package var damagedFiles: [String] = []

    package init() {}
    package var isClean: Bool { quarantined == 0 && damagedFiles.isEmpty }
}

/// Looks at each record that is new or may be: gives the alerts it raises.
package typealias CloudObserver = (CloudAuditRecord, JSONValue) -> [AlertRecord]

/// Reads audit files into one store. Used by one thread; several processes may read into the same store.
package final class CloudIngest {
    package struct Settings {
        package var selection = CloudSelection.auto
        package var sensorName = "weir"
        package var observer: CloudObserver?
        /// Told after each file: files done, files in all.
        package var progress: ((Int, Int) -> Void)?
        package var isCancelled: () -> Bool = { false }
        package init() {}
    }

    private let folder: String
    private let settings: Settings
    private let database: StoreDatabase
    private let appender: StoreAppender
    private var batch: CloudBatch
    private var normaliser = Normaliser()
    package private(set) var summary = CloudSummary()

    /// Opens the store, makes it where there is none.
    package init(store folder: String, settings: Settings = Settings()) throws(StoreError) {
        self.folder = folder
        self.settings = settings
        database = try StoreDatabase(folder: folder)
        try CloudTables.migrate(database)
        appender = try StoreAppender(folder: folder, sensorName: settings.sensorName)
        batch = CloudBatch()
    }

    /// Reads files, and the audit files below folders. Damage ends no run; a store that cannot be written does.
    package func read(_ paths: [String]) throws(StoreError) {
        let files = paths.flatMap { CloudFolder.files(at: $0) }
        for (index, path) in files.enumerated() {
            if settings.isCancelled() { break }
            try readFile(path)
            settings.progress?(index + 1, files.count)
        }
        try commit()
    }

    // MARK: one file

    private func readFile(_ path: String) throws(StoreError) {
        guard let state = CloudFolder.state(of: path) else {
            summary.files += 1
            summary.damagedFiles.append("\(path): it is not there or may not be read")
            return
        }
        let known = try database.read { try CloudTables.checkpoint(path, $0) }
        if let known, known.isFinished, known.size == state.size, known.modified == state.modified {
            summary.unchangedFiles += 1
            return
        }
        summary.files += 1
        let offset = CloudFolder.resumption(path, known, size: state.size)
        guard let cutter = RecordCutter(path: path, offset: offset) else {
            summary.damagedFiles.append("\(path): it is not there or may not be read")
            return
        }
        batch.begin(path)
        while let piece = cutter.next() {
            switch piece {
            case .record(let value, let place): take(value, path, place)
            case .damaged(let stretch): quarantine(stretch, path)
            }
            if batch.isFull {
                batch.keep(path, checkpoint(path, cutter, state, isAtEnd: false))
                try commit()
            }
        }
        if let damage = cutter.damage {
            summary.damagedFiles.append("\(path): \(damage.sentence)")
            quarantine(
                DamagedStretch(
                    offset: cutter.offset, reason: damage.sentence, octets: Array(path.utf8),
                    isUnfinished: damage == .truncatedGzip), path)
        }
        batch.keep(path, checkpoint(path, cutter, state, isAtEnd: true))
    }

    private func checkpoint(
        _ path: String, _ cutter: RecordCutter, _ state: (size: Int64, modified: Int64), isAtEnd: Bool
    ) -> CloudCheckpoint {
        // Of a packed file a place inside means nothing: it is read anew, and what is known is left out.
        let offset = cutter.isGzip ? 0 : batch.unfinishedOffset ?? cutter.offset
        return CloudCheckpoint(
            size: state.size, modified: state.modified, offset: Int64(offset),
            tail: CloudFolder.tail(path, before: offset), isFinished: isAtEnd)
    }

    private func take(_ value: JSONValue, _ path: String, _ offset: Int) {
        summary.records += 1
        let raw = value.raw
        guard let opened = OpenedRecord(value) else {
            return refuse(raw, path, offset, "is no audit record that Weir knows")
        }
        guard settings.selection.takes(opened.shape) else {
            return refuse(raw, path, offset, "is a record of \(opened.shape.rawValue), which was not asked for")
        }
        do throws(RecordRefusal) {
            try normaliser.normalise(opened, now: batch.now)
        } catch {
            return refuse(raw, path, offset, error.reason)
        }
        let alerts = settings.observer?(normaliser.record, opened.object) ?? []
        if !batch.append(normaliser.record, normaliser.key, alerts) { summary.duplicates += 1 }
    }

    private func refuse(_ raw: ArraySlice<UInt8>, _ path: String, _ offset: Int, _ reason: String) {
        var stretch = DamagedStretch(offset: offset, reason: reason)
        stretch.length = raw.count
        stretch.octets = Array(raw)
        quarantine(stretch, path)
    }

    private func quarantine(_ stretch: DamagedStretch, _ path: String) {
        summary.quarantined += 1
        batch.quarantine(stretch, path)
    }

    // MARK: writing

    /// Writes what waits: rows, alerts, quarantine and checkpoints become visible together.
    private func commit() throws(StoreError) {
        guard !batch.isEmpty else { return }
        // Between the question what is known and the answer in the catalogue no other reader may come.
        let lock = try StoreLock(path: "\(folder)/cloud.lock", isPatient: true)
        defer { withExtendedLifetime(lock) {} }
        let batch = self.batch
        let isKnown = try database.read { try batch.known($0) }
        let schema = CloudBatch.schema
        let isAnyKnown = isKnown.contains(true)
        if isAnyKnown {
            var fresh = RowBatch(schema)
            for row in 0..<batch.rows.count where !isKnown[row] {
                fresh.append(row: row, of: batch.rows, schema: schema)
            }
            appender.append(fresh, schema: schema)
        } else {
            appender.append(batch.rows, schema: schema)
        }
        var alerts = 0
        for (row, alert) in batch.alerts where !isKnown[row] {
            appender.append(alert)
            alerts += 1
        }
        try appender.commit { try batch.write($0, isKnown) }
        let duplicates = isKnown.reduce(0) { $0 + ($1 ? 1 : 0) }
        summary.duplicates += duplicates
        summary.rows += batch.rows.count - duplicates
        summary.alerts += alerts
        self.batch.clear()
    }
}
