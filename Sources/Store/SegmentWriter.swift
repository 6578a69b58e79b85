// SPDX-License-Identifier: Apache-2.0
//
// One segment under construction: a Parquet file with a name that no reader looks at.
//
// Reads   the columns of each row group.
// Writes  row groups as they become full; page indices and footer at the end.
// Leaves  the name and the moment at which the segment becomes visible (`StoreWriter`).

internal import Records

/// What a finished segment is.
struct FinishedSegment {
    var log: String
    var temporaryPath: String
    var rowCount: Int
    var byteCount: Int
    var columns: [SegmentColumn]
    /// In the order of the columns.
    var bounds: [ColumnBounds]
    var fingerprint: String

    /// Smallest and greatest `ts` in microseconds; nil where no row has one.
    var times: (min: Int64, max: Int64)? {
        for (column, bounds) in zip(columns, bounds) where column.name == "ts" {
            if case .signed(let min, let max)? = bounds.values { return (min, max) }
        }
        return nil
    }
}

/// The columns of a log as the store names them, and what tells two versions of it apart.
struct StoredSchema: Sendable {
    let log: String
    let columns: [SegmentColumn]
    /// 16 hexadecimal digits over names and kinds.
    let fingerprint: String

    init(log: String, columns: [SegmentColumn], fingerprint: String) {
        self.log = log
        self.columns = columns
        self.fingerprint = fingerprint
    }

    init(_ schema: LogSchema) {
        log = schema.path
        columns = schema.columns.map { SegmentColumn(name: $0.storeName, kind: $0.kind) }
        let text = Array(StoredSchema.text(columns).utf8)
        fingerprint = XXHash.hash(text, 0..<text.count).hexadecimal
    }

    /// `ts:time,uid:uid,…`: what the footer says about the columns.
    static func text(_ columns: [SegmentColumn]) -> String {
        columns.map { "\($0.name):\($0.kind.storedName)" }.joined(separator: ",")
    }
}

extension UInt64 {
    /// 16 digits.
    var hexadecimal: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

final class SegmentWriter {
    private let schema: StoredSchema
    private let file: OutputFile
    private var metadata: FileMetadata
    /// Of each chunk, row group by row group, what goes behind the row groups.
    private var indices: [EncodedChunk] = []
    private var bounds: [ColumnBounds]
    private var buffer: [UInt8] = []

    static let magic: [UInt8] = Array("PAR1".utf8)
    /// Chunks are gathered up to this before they are written.
    private static let bufferBytes = 1 << 20

    init(
        path: String, schema: StoredSchema, sensor: String, version: String, replacing: Bool = false
    ) throws(StoreError) {
        self.schema = schema
        file = try OutputFile(path: path, replacing: replacing)
        metadata = FileMetadata()
        metadata.columns = schema.columns
        metadata.keyValues = [
            ("weir.log", schema.log), ("weir.columns", StoredSchema.text(schema.columns)),
            ("weir.fingerprint", schema.fingerprint), ("weir.sensor", sensor), ("weir.version", version),
        ]
        bounds = schema.columns.map { _ in ColumnBounds(values: nil, nullCount: 0, rowCount: 0) }
        buffer.append(contentsOf: SegmentWriter.magic)
    }

    var path: String { file.path }
    var rowCount: Int { metadata.rowCount }
    private var offset: Int { file.byteCount &+ buffer.count }

    /// Writes the columns as one row group and empties them.
    func append(_ columns: inout [ColumnBuilder], encoder: inout ChunkEncoder) throws(StoreError) {
        guard let rowCount = columns.first?.rowCount, rowCount > 0 else { return }
        var group = RowGroup()
        group.rowCount = rowCount
        var chunks: [EncodedChunk] = []
        for index in columns.indices {
            let encoded = encoder.encode(&columns[index], base: file.byteCount, to: &buffer)
            let stored = ColumnBounds(
                encoded.chunk.statistics, columns[index].column.kind, rowCount: encoded.chunk.valueCount)
            bounds[index].merge(stored)
            chunks.append(encoded)
            columns[index].clear()
            if buffer.count >= SegmentWriter.bufferBytes { try writeBuffer() }
        }
        for index in chunks.indices {
            guard let bloom = chunks[index].bloom else { continue }
            chunks[index].chunk.bloomOffset = offset
            let start = buffer.count
            bloom.write(to: &buffer)
            chunks[index].chunk.bloomLength = buffer.count - start
            chunks[index].bloom = nil
            if buffer.count >= SegmentWriter.bufferBytes { try writeBuffer() }
        }
        group.columns = chunks.map(\.chunk)
        metadata.rowCount += rowCount
        metadata.rowGroups.append(group)
        indices.append(contentsOf: chunks)
    }

    /// Writes what stands behind the row groups, and closes the file. It is not synced.
    func finish() throws(StoreError) -> FinishedSegment {
        var thrift = ThriftWriter()
        var position = 0
        for group in metadata.rowGroups.indices {
            for column in metadata.columns.indices {
                let encoded = indices[position]
                position += 1
                if let index = encoded.index {
                    thrift.clear()
                    index.write(to: &thrift)
                    metadata.rowGroups[group].columns[column].columnIndexOffset = offset
                    metadata.rowGroups[group].columns[column].columnIndexLength = thrift.bytes.count
                    buffer.append(contentsOf: thrift.bytes)
                }
                thrift.clear()
                encoded.locations.write(to: &thrift)
                metadata.rowGroups[group].columns[column].offsetIndexOffset = offset
                metadata.rowGroups[group].columns[column].offsetIndexLength = thrift.bytes.count
                buffer.append(contentsOf: thrift.bytes)
            }
        }
        thrift.clear()
        metadata.write(to: &thrift)
        buffer.append(contentsOf: thrift.bytes)
        buffer.append(littleEndian: UInt32(truncatingIfNeeded: thrift.bytes.count))
        buffer.append(contentsOf: SegmentWriter.magic)
        try writeBuffer()
        file.close()
        return FinishedSegment(
            log: schema.log, temporaryPath: file.path, rowCount: metadata.rowCount, byteCount: file.byteCount,
            columns: schema.columns, bounds: bounds, fingerprint: schema.fingerprint)
    }

    /// Gives the segment up.
    func discard() {
        file.close()
        StoreFile.remove(file.path)
    }

    private func writeBuffer() throws(StoreError) {
        try file.write(buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}
