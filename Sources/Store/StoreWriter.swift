// SPDX-License-Identifier: Apache-2.0
//
// Rows into the store.
//
// Reads   row batches, in the order in which they are to be stored.
// Writes  segments and their catalogue entries.
// Leaves  merging, retention, the packet ring.
//
// A row group is closed by the number and size of a log's own rows, a flush by packet time: the
// same rows give the same octets, and nothing here reads a clock.

package import Records

/// What a source is to a store.
package enum SourceState: Sendable {
    /// Its rows are not in the store, or are about to be replaced.
    case fresh
    /// Its rows are in the store: there is nothing to do.
    case alreadyThere
}

/// The only writer of a store. Used by one thread.
package final class StoreWriter {
    package struct Settings: Sendable {
        /// Names the files; in the footer too.
        package var sensorName = "weir"
        /// Weir's version, for the footer.
        package var version = "0"
        package var rowGroupRows = 131_072
        /// A log's open row group is closed at this size.
        package var rowGroupBytesMax = 24 << 20
        /// All open row groups together: above it the largest is closed.
        package var bytesMax = 64 << 20
        package var pageRows = 16_384
        /// Of an interface's store: writing stops when less is free on the disk, and goes on at twice as much.
        package var reserveBytes = 64 << 20
        package var merge = MergeSettings()
        package var retention = RetentionSettings()

        package init() {}
    }

    private let folder: String
    private let settings: Settings
    private let sensor: String
    private let lock: StoreLock
    private let catalogue: Catalogue
    /// By the number of the log.
    private var logs: [OpenLog?] = []
    private var encoder: ChunkEncoder
    private var number: Int
    /// Finished segments that wait for the end of their source.
    private var pending: [CatalogueEntry] = []
    /// The replay that is being read, if it is one.
    private var source: String?
    /// Why writing ended; nothing is written after an error.
    private var failure: StoreError?
    /// Why nothing is written at the moment: the disk is full. It goes on when there is room again.
    package private(set) var pause: StoreError?
    /// Rows that came while the disk was full, and those that waited when it became full.
    package private(set) var lostRowCount: UInt64 = 0
    private var upkeep: Upkeep?

    /// Opens a store, makes it where there is none, and removes what an interrupted writer left.
    /// Throws `.locked`, `.newer`, `.full`, `.unreadable`, `.unwritable`, `.catalogue`.
    package init(folder: String, settings: Settings = Settings()) throws(StoreError) {
        self.folder = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
        self.settings = settings
        sensor = StoreWriter.fileName(settings.sensorName)
        encoder = ChunkEncoder(pageRows: max(settings.pageRows, 1))
        try StoreFile.makeFolder(self.folder)
        lock = try StoreLock(path: self.folder + "/.lock")
        catalogue = try Catalogue(folder: self.folder, isReadOnly: false)
        number = try catalogue.nextNumber()
        try Merger.settle(self.folder, catalogue)
        Leftovers.remove(self.folder, keeping: try catalogue.livePaths())
    }

    deinit {
        upkeep?.stop()
        discard()
    }

    /// Begins merging and retention beside the writing, for an interface's store.
    package func beginUpkeep() {
        if upkeep == nil { upkeep = Upkeep(folder, catalogue, settings) }
    }

    /// Merges everything that can be merged, at once; answers how many segments went into others.
    package func mergeNow() throws(StoreError) -> Int {
        let count = try Merger(folder: folder, catalogue: catalogue, settings: settings.merge).merge(openHour: nil)
        try Merger.settle(folder, catalogue)
        catalogue.emptyLog()
        return count
    }

    /// What went wrong beside the writing since it was last asked for.
    package func takeComplaints() -> [StoreError] { upkeep?.takeComplaints() ?? [] }

    // MARK: sources

    /// Begins a replay. `identity` names its files' contents and the settings that change rows. Until `commitSource()`
    /// no segment is visible. With `again` a source that is there is replaced.
    package func beginSource(identity: String, again: Bool = false) throws(StoreError) -> SourceState {
        discard()
        if !again, try catalogue.isSourceDone(identity) { return .alreadyThere }
        source = identity
        return .fresh
    }

    /// Makes all segments of the replay visible, in one transaction; call `flush` before it.
    package func commitSource() throws(StoreError) {
        if let failure { throw failure }
        precondition(source != nil, "no source was begun")
        try attempt { store throws(StoreError) in try store.commit(checkpoint: nil) }
        source = nil
        catalogue.emptyLog()
    }

    /// Does a part of the work. Where it fails all that is not visible is forgotten, and every later call
    /// throws the same error.
    private func attempt(_ work: (StoreWriter) throws(StoreError) -> Void) throws(StoreError) {
        if let failure { throw failure }
        do { try work(self) } catch { try take(error) }
    }

    /// Ends writing, or puts it off where an interface's disk is full.
    private func take(_ error: StoreError) throws(StoreError) {
        guard error.code == .full, source == nil else {
            discard()
            failure = error
            throw error
        }
        lostRowCount += logs.reduce(0) { $0 + UInt64($1?.rowCount ?? 0) + UInt64($1?.writer?.rowCount ?? 0) }
        lostRowCount += pending.reduce(0) { $0 + UInt64($1.segment.rowCount) }
        discard()
        pause = error
    }

    /// Whether an interface's rows can be written: looks at the disk, and ends or begins a pause.
    private func hasRoom() -> Bool {
        guard source == nil, let free = StoreFile.freeByteCount(folder) else { return true }
        if free < settings.reserveBytes {
            if pause == nil { pause = StoreFile.full(folder) }
        } else if free >= settings.reserveBytes * 2 {
            pause = nil
        }
        return pause == nil
    }

    // MARK: rows

    /// Appends the rows of a batch. After an error no later row is written either; what was committed stays.
    package func append(_ batch: borrowing RowBatch, schema: LogSchema) throws(StoreError) {
        if let failure { throw failure }
        guard !batch.isEmpty else { return }
        guard pause == nil else {
            lostRowCount += UInt64(batch.count)
            return
        }
        do { try add(batch, schema) } catch { try take(error) }
    }

    private func add(_ batch: borrowing RowBatch, _ schema: LogSchema) throws(StoreError) {
        let log = Int(batch.log.rawValue)
        while logs.count <= log { logs.append(nil) }
        if logs[log] == nil { logs[log] = OpenLog(schema) }
        var row = 0
        while row < batch.count {
            // Blocks of rows whose words stay in the cache while column after column walks them.
            let stored = logs[log]!.rowCount
            let room = min(settings.rowGroupRows - stored, StoreWriter.blockRows - stored % StoreWriter.blockRows)
            let end = min(row + room, batch.count)
            logs[log]!.append(batch, rows: row..<end)
            row = end
            let isFull = logs[log]!.rowCount >= settings.rowGroupRows
            let isBlock = logs[log]!.rowCount % StoreWriter.blockRows == 0
            if isFull || isBlock && logs[log]!.byteCount >= settings.rowGroupBytesMax { try closeRowGroup(log) }
        }
        try shed()
    }

    private static let blockRows = 256

    /// Octets of rows that wait in memory.
    package var byteCount: Int { logs.reduce(0) { $0 + ($1?.byteCount ?? 0) } }

    /// Keeps all logs together below their bound.
    private func shed() throws(StoreError) {
        while byteCount > settings.bytesMax {
            guard let largest = logs.indices.max(by: { logs[$0]?.byteCount ?? 0 < logs[$1]?.byteCount ?? 0 }),
                logs[largest]?.rowCount ?? 0 > 0
            else { return }
            try closeRowGroup(largest)
        }
    }

    private func closeRowGroup(_ log: Int) throws(StoreError) {
        guard logs[log]?.rowCount ?? 0 > 0 else { return }
        if logs[log]!.writer == nil {
            let schema = logs[log]!.schema
            try StoreFile.makeFolder("\(folder)/\(schema.log)")
            logs[log]!.writer = try SegmentWriter(
                path: "\(folder)/\(schema.log)/.\(fileName).tmp", schema: schema, sensor: settings.sensorName,
                version: settings.version)
        }
        try logs[log]!.close(&encoder)
    }

    /// The name of the segments of the next flush.
    private var fileName: String {
        let digits = "\(number)"
        return "\(sensor)-\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits).parquet"
    }

    // MARK: flushing

    /// Ends the segments of all logs. Of an interface they become visible, in one transaction with the checkpoint;
    /// of a replay they wait for `commitSource()`. `time` is packet time and chooses the folder.
    package func flush(time: Timestamp) throws(StoreError) {
        // What waits in memory stays there while the disk is full; new rows do not come in.
        guard hasRoom() else { return }
        try attempt { store throws(StoreError) in try store.endSegments(time) }
    }

    private func endSegments(_ time: Timestamp) throws(StoreError) {
        let hour = StoreWriter.folderName(time)
        var hasRows = false
        for log in logs.indices {
            try closeRowGroup(log)
            guard let writer = logs[log]?.writer else { continue }
            let segment = try writer.finish()
            logs[log]!.writer = nil
            pending.append(CatalogueEntry(segment: segment, path: "\(segment.log)/\(hour)/\(fileName)"))
            hasRows = true
        }
        if hasRows { number += 1 }
        if source == nil { try commit(checkpoint: time) }
    }

    /// Ends writing: what is left of an interface's rows becomes visible.
    package func finish(time: Timestamp) throws(StoreError) {
        precondition(source == nil, "a replay ends with commitSource()")
        upkeep?.stop()
        upkeep = nil
        try flush(time: time)
        try Merger.settle(folder, catalogue)
        catalogue.emptyLog()
    }

    /// Forgets everything that is not visible yet.
    package func discard() {
        for log in logs.indices {
            logs[log]?.writer?.discard()
            logs[log] = nil
        }
        for entry in pending { StoreFile.remove(entry.segment.temporaryPath) }
        pending.removeAll()
        source = nil
    }

    /// Names, then one sync for all, then the catalogue: in this order a crash leaves files that nobody knows
    /// of and never a row without its file.
    private func commit(checkpoint: Timestamp?) throws(StoreError) {
        do {
            for entry in pending {
                let path = "\(folder)/\(entry.path)"
                if let slash = path.lastIndex(of: "/") { try StoreFile.makeFolder(String(path[..<slash])) }
                try StoreFile.rename(entry.segment.temporaryPath, to: path)
            }
            if !pending.isEmpty { try StoreFile.syncAll(folder) }
            let gone = try catalogue.commit(
                pending, source: source ?? "live:\(settings.sensorName)", sensor: settings.sensorName,
                isReplay: source != nil, checkpoint: checkpoint?.nanoseconds, nextNumber: number)
            pending.removeAll()
            for path in gone { StoreFile.remove("\(folder)/\(path)") }
        } catch {
            for entry in pending { StoreFile.remove("\(folder)/\(entry.path)") }
            throw error
        }
    }

    // MARK: names

    /// `date=2026-11-22/hour=13`.
    static func folderName(_ time: Timestamp) -> String {
        var (hours, rest) = time.nanoseconds.quotientAndRemainder(dividingBy: 3600 * 1_000_000_000)
        if rest < 0 { hours -= 1 }
        var (days, hour) = hours.quotientAndRemainder(dividingBy: 24)
        if hour < 0 { (days, hour) = (days - 1, hour + 24) }
        rest = hour
        // Days to a civil date: years that begin in March, in eras of 400 years (proleptic Gregorian).
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        return "date=\(digits(year, 4))-\(digits(month < 10 ? month + 3 : month - 9, 2))-\(digits(day, 2))"
            + "/hour=\(digits(rest, 2))"
    }

    private static func digits(_ value: Int64, _ count: Int) -> String {
        let text = "\(value)"
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }

    /// The sensor's name as part of a file's: letters, digits, and what cannot hide a file or leave the folder.
    static func fileName(_ sensor: String) -> String {
        let name = String(
            sensor.unicodeScalars.map { scalar in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "-", "_": Character(scalar)
                default: "_"
                }
            }.prefix(64))
        return name.isEmpty ? "weir" : name
    }
}

/// A log with rows that are not in a finished segment.
struct OpenLog {
    let schema: StoredSchema
    private var columns: [ColumnBuilder]
    private(set) var rowCount = 0
    var writer: SegmentWriter?

    init(_ schema: LogSchema) {
        self.schema = StoredSchema(schema)
        columns = schema.columns.enumerated().map { ColumnBuilder($1, index: $0) }
    }

    var byteCount: Int { columns.reduce(0) { $0 + $1.byteCount } }

    mutating func append(_ batch: borrowing RowBatch, rows: Range<Int>) {
        for index in columns.indices { columns[index].append(batch, rows: rows) }
        rowCount += rows.count
    }

    /// Writes the open rows as a row group.
    mutating func close(_ encoder: inout ChunkEncoder) throws(StoreError) {
        rowCount = 0
        try writer?.append(&columns, encoder: &encoder)
    }
}
