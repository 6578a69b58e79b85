// SPDX-License-Identifier: Apache-2.0
//
// Rows into the store.
//
// Reads   row batches, in the order in which they are to be stored.
// Writes  segments and their catalogue entries.
// Leaves  merging, retention, the packet ring.
//
// A flush comes by packet time: the same rows give the same octets, and nothing here reads a clock.

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
    private let lock: StoreLock
    private let catalogue: Catalogue
    private let open: OpenFolder
    private var segments: OpenSegments
    /// Finished segments that wait for the end of their source, and how many flushes they are of.
    private var pending: [Arrivals.Item] = []
    private var pendingFlushCount = 0
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
        self.folder = StoreFile.plain(folder)
        self.settings = settings
        try StoreFile.makeFolder(self.folder)
        lock = try StoreLock(path: self.folder + "/.lock")
        catalogue = try Catalogue(folder: self.folder, isReadOnly: false)
        try Merger.settle(self.folder, catalogue)
        _ = try Leftovers.remove(self.folder, catalogue)
        open = try OpenFolder(store: self.folder)
        segments = OpenSegments(folder: open.path, settings: settings)
    }

    /// The process that writes to a store at the moment; nil where none does.
    package static func process(writingTo folder: String) -> Int32? { StoreLock.holder(path: folder + "/.lock") }

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
        lostRowCount += UInt64(segments.rowCount)
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
        do { try segments.append(batch, schema) } catch { try take(error) }
    }

    /// Octets of rows that wait in memory.
    package var byteCount: Int { segments.byteCount }

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
        let finished = try segments.finish()
        pending += finished.map { Arrivals.Item(segment: $0, folder: hour, flush: pendingFlushCount) }
        if !finished.isEmpty { pendingFlushCount += 1 }
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
        segments.discard()
        for item in pending { StoreFile.remove(item.segment.temporaryPath) }
        pending.removeAll()
        pendingFlushCount = 0
        source = nil
    }

    private func commit(checkpoint: Timestamp?) throws(StoreError) {
        var arrivals = Arrivals(
            kind: source == nil ? .live : .replay, identity: source ?? "live:\(settings.sensorName)",
            sensor: settings.sensorName, checkpoint: checkpoint)
        arrivals.items = pending
        try catalogue.commit(arrivals, in: folder)
        pending.removeAll()
        pendingFlushCount = 0
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

    static func digits(_ value: Int64, _ count: Int) -> String {
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
