// SPDX-License-Identifier: Apache-2.0
//
// Many small segments into few large ones, beside the writer.
//
// Reads   visible segments of one log, hour and source.
// Writes  one segment with their rows in the same order, and the catalogue.
// Leaves  what is too old (`Retention`), the rows of the open flush (`StoreWriter`).
//
// A merged segment gets a hidden name in its folder. One transaction makes it visible and its inputs dead; whoever asks
// through the catalogue finds it under its hidden name from then on. Engines that read the folders still see the
// inputs. `settle` then takes the inputs away and gives the segment its name: nobody ever counts a row twice.

internal import Glibc
internal import Records

/// How segments are merged.
package struct MergeSettings: Sendable {
    /// Segments of an hour that is still open are merged when there are so many.
    package var openHourCount = 32
    /// A merged segment is closed near this size.
    package var segmentBytesMax = 256 << 20
    package var rowGroupRows = 131_072
    package var pageRows = 16_384
    /// A row group is closed at this size.
    package var rowGroupBytesMax = 24 << 20
    /// Zstandard for the segments of closed hours instead of LZ4.
    package var compressesMore = false
    package var sensorName = "weir"
    package var version = "0"

    package init() {}
}

/// Merges the segments of one store. Used by one thread at a time, which may be another than the writer's.
final class Merger {
    /// Segments that become one.
    struct Group {
        var inputs: [StoredSegment]
        var level: Int
    }

    private let folder: String
    private let catalogue: Catalogue
    private let settings: MergeSettings

    init(folder: String, catalogue: Catalogue, settings: MergeSettings) {
        self.folder = folder
        self.catalogue = catalogue
        self.settings = settings
    }

    /// Merges what is due and answers how many segments went into others. `openHour` is the folder that may
    /// still get rows; nil where no writer is at work. Stops early where `isWanted` says so.
    func merge(openHour: String?, isWanted: () -> Bool = { true }) throws(StoreError) -> Int {
        var count = 0
        let groups = groups(try catalogue.storedSegments(), openHour)
        guard !groups.isEmpty else { return 0 }
        let open = try OpenFolder(store: folder)
        for group in groups {
            guard isWanted() else { break }
            try merge(group, open)
            count += group.inputs.count
        }
        return count
    }

    /// Takes dead segments away and gives merged ones their names. Readers that still hold the dead are told to ask
    /// again; call it a while after `merge`.
    static func settle(_ folder: String, _ catalogue: Catalogue) throws(StoreError) {
        let dead = try catalogue.deadPaths()
        for path in dead { StoreFile.remove("\(folder)/\(path)") }
        for path in try catalogue.livePaths() {
            if StoreFile.exists("\(folder)/\(hiddenPath(path))") { giveName(path, folder) }
        }
        if !dead.isEmpty { try StoreFile.syncAll(folder) }
        try catalogue.forgetDead(dead)
    }

    /// Gives a visible segment its name. Where that cannot be now, it is found under the hidden one until it can.
    static func giveName(_ path: String, _ folder: String) {
        try? StoreFile.rename("\(folder)/\(hiddenPath(path))", to: "\(folder)/\(path)")
    }

    /// Where a segment stands until it has its name.
    static func hiddenPath(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return ".\(path).tmp" }
        return "\(path[...slash]).\(path[path.index(after: slash)...]).tmp"
    }

    // MARK: what is merged

    private struct Key: Hashable {
        var log: String
        var folder: String
        var source: Int64?
        var fingerprint: String
    }

    private func groups(_ segments: [StoredSegment], _ openHour: String?) -> [Group] {
        var byKey: [Key: [StoredSegment]] = [:]
        var order: [Key] = []
        for segment in segments where segment.level < 2 && !segment.folder.isEmpty {
            let key = Key(
                log: segment.log, folder: segment.folder, source: segment.source, fingerprint: segment.fingerprint)
            if byKey[key] == nil { order.append(key) }
            byKey[key, default: []].append(segment)
        }
        var groups: [Group] = []
        for key in order {
            let all = byKey[key] ?? []
            let isOpen = openHour.map { key.folder >= $0 } ?? false
            guard !isOpen else {
                let fresh = all.filter { $0.level == 0 }
                if fresh.count >= settings.openHourCount { append(fresh, level: 1, to: &groups) }
                continue
            }
            append(all, level: 2, to: &groups)
        }
        return groups
    }

    /// Runs of neighbours up to the bound; a run of one is left as it is.
    private func append(_ segments: [StoredSegment], level: Int, to groups: inout [Group]) {
        var run: [StoredSegment] = []
        var bytes = 0
        for segment in segments + [nil] as [StoredSegment?] {
            if let segment, run.isEmpty || bytes + segment.byteCount <= settings.segmentBytesMax {
                run.append(segment)
                bytes += segment.byteCount
                continue
            }
            if run.count > 1 { groups.append(Group(inputs: run, level: level)) }
            run = segment.map { [$0] } ?? []
            bytes = segment?.byteCount ?? 0
        }
    }

    // MARK: merging

    private func merge(_ group: Group, _ open: OpenFolder) throws(StoreError) {
        guard let first = group.inputs.first, let last = group.inputs.last else { return }
        var readers: [SegmentReader] = []
        for input in group.inputs { readers.append(try SegmentReader.open("\(folder)/\(input.path)")) }
        let path = Merger.path(first.path, last.path)
        let schema = StoredSchema(log: first.log, columns: readers[0].columns, fingerprint: first.fingerprint)
        let writer = try SegmentWriter(
            path: "\(open.path)/\(first.log).tmp", schema: schema,
            sensor: readers[0].properties["weir.sensor"] ?? settings.sensorName, version: settings.version)
        do {
            try copy(readers, to: writer)
            let segment = try writer.finish()
            try StoreFile.syncAll(folder)
            let entry = CatalogueEntry(segment: segment, path: path)
            try catalogue.replace(
                group.inputs, with: entry, source: first.source, level: group.level,
                hiding: "\(folder)/\(Merger.hiddenPath(path))")
        } catch {
            writer.discard()
            throw error
        }
    }

    /// `log/date=…/hour=…/weir-000017-000042.parquet`: the first and the last of what is in it.
    static func path(_ first: String, _ last: String) -> String {
        let stem = first.dropLast(".parquet".count)
        let numbers = last.dropLast(".parquet".count)
        let end = numbers.lastIndex(of: "-").map { numbers[numbers.index(after: $0)...] } ?? ""
        // A segment that was merged before has two numbers already; the first one stays.
        var start = stem
        if let dash = stem.lastIndex(of: "-") {
            let front = stem[..<dash]
            if let other = front.lastIndex(of: "-"), Leftovers.isNumber(front[front.index(after: other)...]) {
                start = front
            }
        }
        return "\(start)-\(end).parquet"
    }

    private func copy(_ readers: [SegmentReader], to writer: SegmentWriter) throws(StoreError) {
        let codec: Codec = settings.compressesMore ? .zstd : .lz4Raw
        var encoder = ChunkEncoder(pageRows: settings.pageRows, codec: codec)
        var builders = readers[0].columns.enumerated().map { index, column in
            // What questions look for single values of has a filter in every segment, and so has the merged one.
            let isKey = readers.contains { $0.hasBloomFilter(column: index) }
            // Texts of segments have been escaped where they had to be, once.
            let stored = Column(
                name: column.name, doc: "", kind: column.kind, wordOffset: 0, isKey: isKey, isVerbatim: true)
            return ColumnBuilder(stored, index: index)
        }
        var rowCount = 0
        for reader in readers {
            for rowGroup in 0..<reader.rowGroupCount {
                let count = reader.rowCount(rowGroup: rowGroup)
                var start = 0
                while start < count {
                    let end = min(count, start + min(settings.pageRows, settings.rowGroupRows - rowCount))
                    for index in builders.indices {
                        let vector = try reader.read(column: index, rowGroup: rowGroup, rows: start..<end)
                        builders[index].append(vector, rows: 0 ..< end - start)
                    }
                    rowCount += end - start
                    start = end
                    let bytes = builders.reduce(0) { $0 + $1.byteCount }
                    guard rowCount >= settings.rowGroupRows || bytes >= settings.rowGroupBytesMax else { continue }
                    try writer.append(&builders, encoder: &encoder)
                    rowCount = 0
                }
            }
        }
        try writer.append(&builders, encoder: &encoder)
    }
}

extension SegmentReader {
    /// Opens a visible segment by the name that the catalogue has for it. Throws `.unreadable` or `.damagedSegment`.
    package static func open(_ path: String) throws(StoreError) -> SegmentReader {
        let place = place(path)
        do { return try SegmentReader(path: place) } catch {
            // It may have got its name just now.
            guard place != path, !StoreFile.exists(place) else { throw error }
            return try SegmentReader(path: path)
        }
    }

    /// Where a segment's file stands now.
    static func place(_ path: String) -> String {
        guard !StoreFile.exists(path) else { return path }
        let hidden = Merger.hiddenPath(path)
        return StoreFile.exists(hidden) ? hidden : path
    }
}
