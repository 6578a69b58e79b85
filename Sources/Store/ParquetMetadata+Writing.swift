// SPDX-License-Identifier: Apache-2.0
//
// Parquet's metadata as octets (field numbers from parquet.thrift).
//
// Leaves  what is optional there and no reader asks for: sorting columns, sizes of levels, encryption.

internal import Records

extension PageHeader {
    func write(to writer: inout ThriftWriter) {
        writer.field(1, i32: type.rawValue)
        writer.field(2, i32: uncompressedSize)
        writer.field(3, i32: compressedSize)
        if let checksum { writer.field(4, i32: Int(Int32(bitPattern: checksum))) }
        switch type {
        case .data:
            writer.begin(5)
            writer.field(1, i32: valueCount)
            writer.field(2, i32: encoding.rawValue)
            writer.field(3, i32: Encoding.rle.rawValue)
            writer.field(4, i32: Encoding.rle.rawValue)
            writer.end()
        case .dictionary:
            writer.begin(7)
            writer.field(1, i32: valueCount)
            writer.field(2, i32: Encoding.plain.rawValue)
            writer.field(3, bool: false)
            writer.end()
        }
        writer.finish()
    }
}

extension Statistics {
    func write(field: Int16, to writer: inout ThriftWriter) {
        writer.begin(field)
        if let nullCount { writer.field(3, i64: nullCount) }
        if let min, let max {
            writer.field(5, binary: max)
            writer.field(6, binary: min)
            writer.field(7, bool: isMaxExact)
            writer.field(8, bool: isMinExact)
        }
        writer.end()
    }
}

extension ColumnIndex {
    func write(to writer: inout ThriftWriter) {
        writer.list(1, of: .yes, count: nullPages.count)
        for value in nullPages { writer.element(bool: value) }
        writer.list(2, of: .binary, count: mins.count)
        for value in mins { writer.element(binary: value) }
        writer.list(3, of: .binary, count: maxes.count)
        for value in maxes { writer.element(binary: value) }
        // The pages of a column are in no order.
        writer.field(4, i32: 0)
        writer.list(5, of: .i64, count: nullCounts.count)
        for value in nullCounts { writer.element(i64: value) }
        writer.finish()
    }
}

extension [PageLocation] {
    func write(to writer: inout ThriftWriter) {
        writer.list(1, of: .structure, count: count)
        for location in self {
            writer.beginElement()
            writer.field(1, i64: location.offset)
            writer.field(2, i32: location.size)
            writer.field(3, i64: location.firstRow)
            writer.end()
        }
        writer.finish()
    }
}

extension FileMetadata {
    func write(to writer: inout ThriftWriter) {
        writer.field(1, i32: 2)
        writeSchema(to: &writer)
        writer.field(3, i64: rowCount)
        writer.list(4, of: .structure, count: rowGroups.count)
        for (ordinal, group) in rowGroups.enumerated() { write(group, ordinal, to: &writer) }
        writer.list(5, of: .structure, count: keyValues.count)
        for (key, value) in keyValues {
            writer.beginElement()
            writer.field(1, string: key)
            writer.field(2, string: value)
            writer.end()
        }
        writer.field(6, string: "weir")
        // Every column is ordered as its type says: without this, readers must not trust min and max.
        writer.list(7, of: .structure, count: columns.count)
        for _ in columns {
            writer.beginElement()
            writer.empty(1)
            writer.end()
        }
        writer.finish()
    }

    private func writeSchema(to writer: inout ThriftWriter) {
        let lists = columns.count { $0.kind.isList }
        writer.list(2, of: .structure, count: 1 + columns.count + 2 * lists)
        writer.beginElement()
        writer.field(4, string: "schema")
        writer.field(5, i32: columns.count)
        writer.end()
        for column in columns {
            guard column.kind.isList else {
                writeLeaf(column.name, column.kind, isOptional: true, to: &writer)
                continue
            }
            // A list of three levels: the list, which may be unset; its repeated group; an element, which is set.
            writer.beginElement()
            writer.field(3, i32: Repetition.optional)
            writer.field(4, string: column.name)
            writer.field(5, i32: 1)
            writer.field(6, i32: ConvertedType.list)
            writer.begin(10)
            writer.empty(3)
            writer.end()
            writer.end()
            writer.beginElement()
            writer.field(3, i32: Repetition.repeated)
            writer.field(4, string: "list")
            writer.field(5, i32: 1)
            writer.end()
            writeLeaf("element", column.kind.elementKind, isOptional: false, to: &writer)
        }
    }

    private func writeLeaf(_ name: String, _ kind: ColumnKind, isOptional: Bool, to writer: inout ThriftWriter) {
        writer.beginElement()
        writer.field(1, i32: kind.physicalType.rawValue)
        writer.field(3, i32: isOptional ? Repetition.optional : Repetition.required)
        writer.field(4, string: name)
        switch kind {
        case .time:
            writer.field(6, i32: ConvertedType.timestampMicros)
            writer.begin(10)
            writer.begin(8)
            writer.field(1, bool: true)
            writer.begin(2)
            writer.empty(2)
            writer.end()
            writer.end()
            writer.end()
        case .count: writeUnsigned(bits: 64, ConvertedType.uint64, to: &writer)
        case .port: writeUnsigned(bits: 16, ConvertedType.uint16, to: &writer)
        case _ where kind.isStoredAsText:
            writer.field(6, i32: ConvertedType.utf8)
            writer.begin(10)
            writer.empty(1)
            writer.end()
        // Durations have no logical type: every engine then shows whole microseconds.
        default: break
        }
        writer.end()
    }

    private func writeUnsigned(bits: UInt8, _ converted: Int, to writer: inout ThriftWriter) {
        writer.field(6, i32: converted)
        writer.begin(10)
        writer.begin(10)
        writer.field(1, byte: bits)
        writer.field(2, bool: false)
        writer.end()
        writer.end()
    }

    private func write(_ group: RowGroup, _ ordinal: Int, to writer: inout ThriftWriter) {
        writer.beginElement()
        writer.list(1, of: .structure, count: group.columns.count)
        for (index, chunk) in group.columns.enumerated() { write(chunk, columns[index], to: &writer) }
        writer.field(2, i64: group.columns.reduce(0) { $0 + $1.uncompressedSize })
        writer.field(3, i64: group.rowCount)
        if let first = group.columns.first { writer.field(5, i64: first.dictionaryOffset ?? first.dataOffset) }
        writer.field(6, i64: group.columns.reduce(0) { $0 + $1.compressedSize })
        writer.field(7, i16: ordinal)
        writer.end()
    }

    private func write(_ chunk: ColumnChunk, _ column: SegmentColumn, to writer: inout ThriftWriter) {
        writer.beginElement()
        writer.field(2, i64: 0)
        writer.begin(3)
        writeMetadata(of: chunk, column, to: &writer)
        writer.end()
        if let offset = chunk.offsetIndexOffset {
            writer.field(4, i64: offset)
            writer.field(5, i32: chunk.offsetIndexLength)
        }
        if let offset = chunk.columnIndexOffset {
            writer.field(6, i64: offset)
            writer.field(7, i32: chunk.columnIndexLength)
        }
        writer.end()
    }

    private func writeMetadata(of chunk: ColumnChunk, _ column: SegmentColumn, to writer: inout ThriftWriter) {
        writer.field(1, i32: chunk.type.rawValue)
        writer.list(2, of: .i32, count: chunk.encodings.count)
        for encoding in chunk.encodings { writer.element(i32: encoding.rawValue) }
        let path = column.kind.isList ? [column.name, "list", "element"] : [column.name]
        writer.list(3, of: .binary, count: path.count)
        for part in path { writer.element(binary: Array(part.utf8)) }
        writer.field(4, i32: chunk.codec.rawValue)
        writer.field(5, i64: chunk.valueCount)
        writer.field(6, i64: chunk.uncompressedSize)
        writer.field(7, i64: chunk.compressedSize)
        writer.field(9, i64: chunk.dataOffset)
        if let offset = chunk.dictionaryOffset { writer.field(11, i64: offset) }
        chunk.statistics.write(field: 12, to: &writer)
        writePageCounts(of: chunk, to: &writer)
        if let offset = chunk.bloomOffset {
            writer.field(14, i64: offset)
            writer.field(15, i32: chunk.bloomLength)
        }
    }

    /// How many pages have which encoding: from this a reader knows that the dictionary has every value.
    private func writePageCounts(of chunk: ColumnChunk, to writer: inout ThriftWriter) {
        let hasDictionary = chunk.dictionaryOffset != nil
        writer.list(13, of: .structure, count: hasDictionary ? 2 : 1)
        if hasDictionary {
            writer.beginElement()
            writer.field(1, i32: PageType.dictionary.rawValue)
            writer.field(2, i32: Encoding.plain.rawValue)
            writer.field(3, i32: 1)
            writer.end()
        }
        writer.beginElement()
        writer.field(1, i32: PageType.data.rawValue)
        writer.field(2, i32: (chunk.encodings.first ?? .plain).rawValue)
        writer.field(3, i32: chunk.dataPageCount)
        writer.end()
    }
}

/// Numbers of parquet.thrift that are written and not read back.
private enum Repetition {
    static let required = 0
    static let optional = 1
    static let repeated = 2
}

private enum ConvertedType {
    static let utf8 = 0
    static let list = 3
    static let timestampMicros = 10
    static let uint16 = 12
    static let uint64 = 14
}
