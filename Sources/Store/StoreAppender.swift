// SPDX-License-Identifier: Apache-2.0
//
// Rows that other commands than a sensor add to a store, also to one that a sensor writes meanwhile.
//
// Reads   row batches and records of any log.
// Writes  segments, all visible in one transaction, in which the caller's own tables change too.
// Leaves  merging and retention (the sensor's, or `weir store merge`).

package import GRDB
internal import Foundation
package import Records

/// Adds rows to a store. Any number may be at work, in any number of processes, beside one `StoreWriter`. Used by one
/// thread.
package final class StoreAppender {
    private struct Waiting {
        var schema: LogSchema
        var rows: RowBatch
    }

    private let folder: String
    private let settings: StoreWriter.Settings
    private let catalogue: Catalogue
    private let open: OpenFolder
    private var segments: OpenSegments
    /// Records given one by one, by the number of their log.
    private var waiting: [Waiting?] = []
    /// Why a row could not be taken since the last commit.
    private var failure: StoreError?

    private static let waitingRowsMax = 256

    /// Opens the store, makes it where there is none; the sensor's lock is not taken. `sensorName` names the files and
    /// stands in their footers. Throws `.newer`, `.full`, `.unreadable`, `.unwritable`, `.locked`, `.catalogue`.
    package convenience init(folder: String, sensorName: String) throws(StoreError) {
        var settings = StoreWriter.Settings()
        settings.sensorName = sensorName
        try self.init(folder: folder, settings: settings)
    }

    package init(folder: String, settings: StoreWriter.Settings) throws(StoreError) {
        self.folder = StoreFile.plain(folder)
        self.settings = settings
        try StoreFile.makeFolder(self.folder)
        catalogue = try Catalogue(folder: self.folder, isReadOnly: false, patience: StoreDatabase.patience)
        OpenFolder.removeAbandoned(self.folder)
        open = try OpenFolder(store: self.folder)
        segments = OpenSegments(folder: open.path, settings: settings)
    }

    deinit { segments.discard() }

    /// Rows that wait for `commit`.
    package var rowCount: Int { segments.rowCount + waiting.reduce(0) { $0 + ($1?.rows.count ?? 0) } }

    /// Appends the rows of a batch of any log. What goes wrong here is thrown by `commit`.
    package func append(_ batch: borrowing RowBatch, schema: LogSchema) {
        precondition(batch.log == schema.log, "rows of another log than the schema's")
        guard failure == nil, !batch.isEmpty else { return }
        do { try segments.append(batch, schema) } catch { failure = error }
    }

    /// Appends one record.
    package func append<Record: LogRecord>(_ record: Record) {
        let log = Int(Record.log.rawValue)
        while waiting.count <= log { waiting.append(nil) }
        if waiting[log] == nil {
            let schema = Record.makeSchema()
            waiting[log] = Waiting(schema: schema, rows: RowBatch(schema))
        }
        waiting[log]?.rows.append(record, order: 0, ordinal: 0)
        if waiting[log]?.rows.count ?? 0 >= StoreAppender.waitingRowsMax { pass(log) }
    }

    private func pass(_ log: Int) {
        guard let batch = waiting[log], !batch.rows.isEmpty else { return }
        append(batch.rows, schema: batch.schema)
        waiting[log]?.rows.clear()
    }

    /// Writes the rows as one segment a log and makes them visible in one transaction, in which `also` runs too. Where
    /// it throws, none of them is there, nothing of `also` has happened, and the rows are forgotten.
    ///
    /// A segment's folder is the hour of its newest row, or of now where no row has a time.
    package func commit(also: (Database) throws -> Void = { _ in }) throws(StoreError) {
        do { try flush(also) } catch {
            discard()
            throw error
        }
    }

    private func flush(_ also: (Database) throws -> Void) throws(StoreError) {
        for log in waiting.indices { pass(log) }
        if let failure { throw failure }
        if segments.rowCount > 0, let free = StoreFile.freeByteCount(folder), free < settings.reserveBytes {
            throw StoreFile.full(folder)
        }
        var arrivals = Arrivals(
            kind: .append, identity: "append:\(settings.sensorName)", sensor: settings.sensorName, checkpoint: nil)
        arrivals.items = try segments.finish().map { segment in
            Arrivals.Item(segment: segment, folder: StoreWriter.folderName(StoreAppender.time(segment)), flush: 0)
        }
        try catalogue.commit(arrivals, in: folder, also: also)
    }

    /// Forgets the rows that wait.
    package func discard() {
        segments.discard()
        for log in waiting.indices { waiting[log]?.rows.clear() }
        failure = nil
    }

    private static func time(_ segment: FinishedSegment) -> Timestamp {
        if let (_, newest) = segment.times {
            return Timestamp(nanoseconds: newest.multipliedReportingOverflow(by: 1000).partialValue)
        }
        return Timestamp(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9))
    }
}
