// SPDX-License-Identifier: Apache-2.0
//
// Rows of all logs that are not in a finished segment yet.
//
// Reads   row batches.
// Writes  one unfinished segment a log, in the owner's folder.
// Leaves  names and visibility (`Catalogue`), the disk's room (`StoreWriter`).
//
// A row group is closed by the number and size of a log's own rows: the same rows give the same octets.

internal import Records

/// The open segments of one writer.
struct OpenSegments {
    private let folder: String
    private let settings: StoreWriter.Settings
    /// By the number of the log.
    private var logs: [OpenLog?] = []
    private var encoder: ChunkEncoder
    /// Segments begun so far; their files are numbered.
    private var begunCount = 0

    /// `folder` is the owner's own (`OpenFolder`).
    init(folder: String, settings: StoreWriter.Settings) {
        self.folder = folder
        self.settings = settings
        encoder = ChunkEncoder(pageRows: max(settings.pageRows, 1))
    }

    /// Octets of rows that wait in memory.
    private(set) var byteCount = 0

    /// Rows that are in no finished segment.
    var rowCount: Int { logs.reduce(0) { $0 + ($1?.rowCount ?? 0) + ($1?.writer?.rowCount ?? 0) } }

    /// Appends the rows of a batch.
    mutating func append(_ batch: borrowing RowBatch, _ schema: LogSchema) throws(StoreError) {
        let log = Int(batch.log.rawValue)
        while logs.count <= log { logs.append(nil) }
        if logs[log] == nil { logs[log] = OpenLog(schema) }
        var row = 0
        while row < batch.count {
            // Blocks of rows whose words stay in the cache while column after column walks them.
            let stored = logs[log]!.rowCount
            let room = min(settings.rowGroupRows - stored, OpenSegments.blockRows - stored % OpenSegments.blockRows)
            let end = min(row + room, batch.count)
            let before = logs[log]!.byteCount
            logs[log]!.append(batch, rows: row..<end)
            byteCount += logs[log]!.byteCount - before
            row = end
            let isFull = logs[log]!.rowCount >= settings.rowGroupRows
            let isBlock = logs[log]!.rowCount % OpenSegments.blockRows == 0
            if isFull || isBlock && logs[log]!.byteCount >= settings.rowGroupBytesMax { try closeRowGroup(log) }
        }
        try shed()
    }

    private static let blockRows = 256

    /// Keeps all logs together below their bound.
    private mutating func shed() throws(StoreError) {
        while byteCount > settings.bytesMax {
            guard let largest = logs.indices.max(by: { logs[$0]?.byteCount ?? 0 < logs[$1]?.byteCount ?? 0 }),
                logs[largest]?.rowCount ?? 0 > 0
            else { return }
            try closeRowGroup(largest)
        }
    }

    private mutating func closeRowGroup(_ log: Int) throws(StoreError) {
        guard logs[log]?.rowCount ?? 0 > 0 else { return }
        if logs[log]!.writer == nil {
            let schema = logs[log]!.schema
            begunCount += 1
            logs[log]!.writer = try SegmentWriter(
                path: "\(folder)/\(schema.log).\(begunCount).tmp", schema: schema, sensor: settings.sensorName,
                version: settings.version)
        }
        byteCount -= logs[log]!.byteCount
        try logs[log]!.close(&encoder)
    }

    /// Ends the segments of all logs that have rows, in order of the logs. They are closed, not synced.
    mutating func finish() throws(StoreError) -> [FinishedSegment] {
        var segments: [FinishedSegment] = []
        do {
            for log in logs.indices {
                try closeRowGroup(log)
                guard let writer = logs[log]?.writer else { continue }
                segments.append(try writer.finish())
                logs[log]!.writer = nil
            }
        } catch {
            for segment in segments { StoreFile.remove(segment.temporaryPath) }
            throw error
        }
        return segments
    }

    /// Forgets all rows.
    mutating func discard() {
        for log in logs.indices {
            logs[log]?.writer?.discard()
            logs[log] = nil
        }
        byteCount = 0
    }
}

/// A log with rows that are not in a finished segment.
private struct OpenLog {
    let schema: StoredSchema
    private var columns: [ColumnBuilder]
    private(set) var rowCount = 0
    var writer: SegmentWriter?

    init(_ schema: LogSchema) {
        self.schema = StoredSchema(schema)
        columns = schema.columns.enumerated().map { ColumnBuilder($1, index: $0) }
    }

    /// Octets of the open rows.
    private(set) var byteCount = 0

    mutating func append(_ batch: borrowing RowBatch, rows: Range<Int>) {
        for index in columns.indices { columns[index].append(batch, rows: rows) }
        rowCount += rows.count
        byteCount = columns.reduce(0) { $0 + $1.byteCount }
    }

    /// Writes the open rows as a row group.
    mutating func close(_ encoder: inout ChunkEncoder) throws(StoreError) {
        rowCount = 0
        byteCount = 0
        try writer?.append(&columns, encoder: &encoder)
    }
}
