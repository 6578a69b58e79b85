// SPDX-License-Identifier: Apache-2.0
//
// Parquet's metadata out of octets: as much as the segment reader needs. Offsets and sizes are
// not yet compared with the file; the reader does this where it uses them.
//
// Leaves  the schema's tree: a segment of Weir names its columns and their kinds in the footer.

extension PageHeader {
    init(_ reader: inout ThriftReader) throws(ThriftError) {
        var header = PageHeader()
        var hasType = false
        try reader.structure { (reader, field, _) throws(ThriftError) in
            switch field {
            case 1:
                guard let type = PageType(rawValue: try reader.size()) else { throw ThriftError() }
                header.type = type
                hasType = true
            case 2: header.uncompressedSize = try reader.size()
            case 3: header.compressedSize = try reader.size()
            case 4: header.checksum = UInt32(truncatingIfNeeded: try reader.number())
            case 5, 7: try header.readDetail(&reader)
            default: return false
            }
            return true
        }
        guard hasType else { throw ThriftError() }
        self = header
    }

    /// The header of a data or of a dictionary page: both begin with the count and the encoding.
    private mutating func readDetail(_ reader: inout ThriftReader) throws(ThriftError) {
        var header = self
        try reader.structure { (reader, field, _) throws(ThriftError) in
            switch field {
            case 1: header.valueCount = try reader.size()
            case 2: header.encoding = try Encoding(reading: &reader)
            default: return false
            }
            return true
        }
        self = header
    }
}

extension Encoding {
    init(reading reader: inout ThriftReader) throws(ThriftError) {
        guard let encoding = Encoding(rawValue: try reader.size()) else { throw ThriftError() }
        self = encoding
    }
}

extension Statistics {
    init(_ reader: inout ThriftReader) throws(ThriftError) {
        var result = Statistics()
        try reader.structure { (reader, field, type) throws(ThriftError) in
            switch field {
            case 3: result.nullCount = try reader.size()
            case 5: result.max = try reader.binary()
            case 6: result.min = try reader.binary()
            case 7: result.isMaxExact = type == .yes
            case 8: result.isMinExact = type == .yes
            default: return false
            }
            return true
        }
        self = result
    }
}

extension ColumnIndex {
    init(_ reader: inout ThriftReader) throws(ThriftError) {
        var result = ColumnIndex()
        try reader.structure { (reader, field, _) throws(ThriftError) in
            switch field {
            case 1: try reader.list { (reader, _) throws(ThriftError) in result.nullPages.append(try reader.bool()) }
            case 2: try reader.list { (reader, _) throws(ThriftError) in result.mins.append(try reader.binary()) }
            case 3: try reader.list { (reader, _) throws(ThriftError) in result.maxes.append(try reader.binary()) }
            case 5: try reader.list { (reader, _) throws(ThriftError) in result.nullCounts.append(try reader.size()) }
            default: return false
            }
            return true
        }
        let count = result.nullPages.count
        guard result.mins.count == count, result.maxes.count == count, result.nullCounts.count == count else {
            throw ThriftError()
        }
        self = result
    }
}

extension [PageLocation] {
    init(_ reader: inout ThriftReader) throws(ThriftError) {
        var result: [PageLocation] = []
        try reader.structure { (reader, field, _) throws(ThriftError) in
            guard field == 1 else { return false }
            try reader.list { (reader, _) throws(ThriftError) in
                var location = PageLocation(offset: 0, size: 0, firstRow: 0)
                try reader.structure { (reader, field, _) throws(ThriftError) in
                    switch field {
                    case 1: location.offset = try reader.size()
                    case 2: location.size = try reader.size()
                    case 3: location.firstRow = try reader.size()
                    default: return false
                    }
                    return true
                }
                result.append(location)
            }
            return true
        }
        self = result
    }
}

extension FileMetadata {
    init(_ reader: inout ThriftReader) throws(ThriftError) {
        var result = FileMetadata()
        try reader.structure { (reader, field, _) throws(ThriftError) in
            switch field {
            case 3: result.rowCount = try reader.size()
            case 4:
                try reader.list { (reader, _) throws(ThriftError) in result.rowGroups.append(try RowGroup(&reader)) }
            case 5:
                try reader.list { (reader, _) throws(ThriftError) in
                    result.keyValues.append(try FileMetadata.keyValue(&reader))
                }
            default: return false
            }
            return true
        }
        self = result
    }

    private static func keyValue(_ reader: inout ThriftReader) throws(ThriftError) -> (key: String, value: String) {
        var pair = (key: "", value: "")
        try reader.structure { (reader, field, _) throws(ThriftError) in
            switch field {
            case 1: pair.key = try reader.string()
            case 2: pair.value = try reader.string()
            default: return false
            }
            return true
        }
        return pair
    }
}

extension RowGroup {
    init(_ reader: inout ThriftReader) throws(ThriftError) {
        var group = RowGroup()
        try reader.structure { (reader, field, _) throws(ThriftError) in
            switch field {
            case 1:
                try reader.list { (reader, _) throws(ThriftError) in group.columns.append(try ColumnChunk(&reader)) }
            case 3: group.rowCount = try reader.size()
            default: return false
            }
            return true
        }
        self = group
    }
}

extension ColumnChunk {
    init(_ reader: inout ThriftReader) throws(ThriftError) {
        var chunk = ColumnChunk()
        try reader.structure { (reader, field, _) throws(ThriftError) in
            switch field {
            case 3: try chunk.readMetadata(&reader)
            case 4: chunk.offsetIndexOffset = try reader.size()
            case 5: chunk.offsetIndexLength = try reader.size()
            case 6: chunk.columnIndexOffset = try reader.size()
            case 7: chunk.columnIndexLength = try reader.size()
            default: return false
            }
            return true
        }
        self = chunk
    }

    private mutating func readMetadata(_ reader: inout ThriftReader) throws(ThriftError) {
        var chunk = self
        try reader.structure { (reader, field, _) throws(ThriftError) in
            switch field {
            case 1:
                guard let type = PhysicalType(rawValue: try reader.size()) else { throw ThriftError() }
                chunk.type = type
            case 4:
                guard let codec = Codec(rawValue: try reader.size()) else { throw ThriftError() }
                chunk.codec = codec
            case 5: chunk.valueCount = try reader.size()
            case 7: chunk.compressedSize = try reader.size()
            case 9: chunk.dataOffset = try reader.size()
            case 11: chunk.dictionaryOffset = try reader.size()
            case 12: chunk.statistics = try Statistics(&reader)
            case 14: chunk.bloomOffset = try reader.size()
            case 15: chunk.bloomLength = try reader.size()
            default: return false
            }
            return true
        }
        self = chunk
    }
}
