// SPDX-License-Identifier: Apache-2.0
//
// Audit files into the store, each record once.
//
// Reads   files and folders, plain, gzip or zip, in any order and however often.
// Writes  rows of cloud_audit, alerts of those who look on, the quarantine, checkpoints: all of one batch in one
//         transaction.
// Leaves  what a record is (Normaliser), where its octets are (RecordCutter).

import Archive
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
    /// Files that could not be read, or not to their end; the first of them with their reasons.
    package private(set) var damagedFileCount = 0
    package private(set) var damagedFiles: [String] = []

    private static let damagedFilesMax = 1000

    package init() {}
    package var isClean: Bool { quarantined == 0 && damagedFileCount == 0 }

    mutating func add(damagedFile line: String) {
        damagedFileCount += 1
        if damagedFiles.count < CloudSummary.damagedFilesMax { damagedFiles.append(line) }
    }
}

/// Looks at each record that is new or may be: gives the alerts it raises.
package typealias CloudObserver = (CloudAuditRecord, JSONValue) -> [AlertRecord]

/// Reads audit files into one store. Used by one thread; several processes may read into the same store.
package final class CloudIngest {
    package struct Settings {
        package var selection = CloudSelection.auto
        package var sensorName = "weir"
        package var observer: CloudObserver?
        /// Look on while rows are written that are new: indicators.
        package var onlookers: [any RowObserver] = []
        /// Seconds in which alerts of one rule about the same become one row; 0 for one row each.
        package var foldSeconds = 60
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
    private var onlookers: [any RowObserver]

    private static let alertSchema = AlertRecord.makeSchema()

    package private(set) var summary = CloudSummary()

    /// Opens the store, makes it where there is none.
    package init(store folder: String, settings: Settings = Settings()) throws(StoreError) {
        self.folder = folder
        self.settings = settings
        database = try StoreDatabase(folder: folder)
        try CloudTables.migrate(database)
        appender = try StoreAppender(folder: folder, sensorName: settings.sensorName)
        batch = CloudBatch()
        onlookers = settings.onlookers
    }

    /// Reads files, and the audit files below folders. Damage ends no run; a store that cannot be written does.
    package func read(_ paths: [String]) throws(StoreError) {
        var files: [String] = []
        for path in paths {
            let found = CloudFolder.files(at: path)
            files += found
            guard found.count >= CloudLimits.filesMax else { continue }
            summary.add(damagedFile: "\(path): it has more than \(CloudLimits.filesMax) files; the rest is left")
        }
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
            summary.add(damagedFile: "\(path): it is not there or may not be read")
            return
        }
        let known = try database.read { try CloudTables.checkpoint(path, $0) }
        if let known, known.isFinished, known.size == state.size, known.modified == state.modified {
            summary.unchangedFiles += 1
            return
        }
        summary.files += 1
        guard !ZipDirectory.isArchive(path) else { return try readArchive(path, state) }
        let offset = CloudFolder.resumption(path, known, size: state.size)
        guard let cutter = RecordCutter(path: path, offset: offset) else {
            summary.add(damagedFile: "\(path): it is not there or may not be read")
            return
        }
        try read(cutter, path, file: path, state)
        batch.keep(path, checkpoint(path, cutter, state, isAtEnd: true))
    }

    /// Reads the members of a zip archive, each as a file below it. The archive has one checkpoint.
    private func readArchive(_ path: String, _ state: (size: Int64, modified: Int64)) throws(StoreError) {
        let checkpoint = CloudCheckpoint(
            size: state.size, modified: state.modified, offset: 0, tail: [], isFinished: true)
        // What all members together may unpack to: they may stand for the same octets.
        var limits = CloudLimits.packed
        limits.plainBytesMax = min(
            limits.plainBytesMax, max(limits.graceBytes, min(Int(state.size), limits.plainBytesMax) * limits.ratioMax))
        let members: [ZipMember]
        do throws(ZipError) { members = try ZipDirectory.members(of: path) } catch {
            damage(error.reason, path, offset: 0, isUnfinished: false)
            return batch.keep(path, checkpoint)
        }
        for member in members where CloudFolder.isAudit(member.name) {
            let name = "\(path)/\(member.name)"
            if let refusal = member.refusal {
                damage(refusal, name, offset: 0, isUnfinished: false)
                continue
            }
            guard let cutter = RecordCutter(path: path, offset: 0, member: member, limits: limits) else { continue }
            try read(cutter, name, file: path, state)
            limits.plainBytesMax -= cutter.plainCount
            if settings.isCancelled() { return }
        }
        batch.keep(path, checkpoint)
    }

    /// Reads what a cutter gives; `path` is what records are said to stand in, `file` what checkpoints are of.
    private func read(
        _ cutter: RecordCutter, _ path: String, file: String, _ state: (size: Int64, modified: Int64)
    ) throws(StoreError) {
        batch.begin(path)
        while let piece = cutter.next() {
            switch piece {
            case .record(let value, let place): take(value, path, place)
            case .damaged(let stretch): quarantine(stretch, path)
            }
            if batch.isFull {
                batch.keep(file, checkpoint(file, cutter, state, isAtEnd: false))
                try commit()
            }
        }
        if let fault = cutter.damage {
            damage(fault.sentence, path, offset: cutter.offset, isUnfinished: fault == .truncated)
        }
    }

    /// Tells of a file that could not be read to its end.
    private func damage(_ reason: String, _ path: String, offset: Int, isUnfinished: Bool) {
        summary.add(damagedFile: "\(path): \(reason)")
        let octets = Array(path.utf8)
        quarantine(
            DamagedStretch(offset: offset, reason: reason, octets: octets, isUnfinished: isUnfinished), path)
    }

    private func checkpoint(
        _ path: String, _ cutter: RecordCutter, _ state: (size: Int64, modified: Int64), isAtEnd: Bool
    ) -> CloudCheckpoint {
        // Where a place inside means nothing the file is read anew, and what is known is left out.
        let offset = cutter.isResumable ? batch.unfinishedOffset ?? cutter.offset : 0
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
            write(fresh)
        } else {
            write(batch.rows)
        }
        let new = batch.alerts.filter { !isKnown[$0.row] }.map(\.alert)
        let alerts = FoldedAlerts.fold(new, seconds: settings.foldSeconds)
        for alert in alerts { appender.append(alert) }
        try appender.commit { try batch.write($0, isKnown) }
        let duplicates = isKnown.reduce(0) { $0 + ($1 ? 1 : 0) }
        summary.duplicates += duplicates
        summary.rows += batch.rows.count - duplicates
        summary.alerts += alerts.count
        self.batch.clear()
    }

    /// Writes rows, and the alerts of those who look on.
    private func write(_ rows: borrowing RowBatch) {
        appender.append(rows, schema: CloudBatch.schema)
        guard !onlookers.isEmpty, !rows.isEmpty else { return }
        var raised = RowBatch(CloudIngest.alertSchema)
        for index in onlookers.indices {
            onlookers[index].observe(rows, alerts: &raised)
            // Alerts become visible with the rows that they are about.
            onlookers[index].finish(alerts: &raised)
        }
        appender.append(raised, schema: CloudIngest.alertSchema)
        summary.alerts += raised.count
    }
}
