// SPDX-License-Identifier: Apache-2.0
//
// The metadata of a Parquet file as values: what Weir uses of it
// (parquet.thrift of the Apache Parquet project, format version 2).
//
// Leaves  their octets (`ParquetMetadata+Writing`, `ParquetMetadata+Reading`).

internal import Records

/// Numbers are those of parquet.thrift.
enum PhysicalType: Int {
    case boolean = 0
    case int32 = 1
    case int64 = 2
    case double = 5
    case byteArray = 6
}

enum Encoding: Int {
    case plain = 0
    case rle = 3
    case deltaBinaryPacked = 5
    case deltaLengthByteArray = 6
    case rleDictionary = 8
}

enum Codec: Int {
    case uncompressed = 0
    /// Of merged segments, where the setting asks for it.
    case zstd = 6
    case lz4Raw = 7
}

enum PageType: Int {
    case data = 0
    case dictionary = 2
}

/// The header in front of a page.
struct PageHeader {
    var type = PageType.data
    var uncompressedSize = 0
    var compressedSize = 0
    /// Values, unset ones too; for lists one for each element, unset list and empty list.
    var valueCount = 0
    var encoding = Encoding.plain
    /// CRC-32 of the page's octets as they stand in the file; nil in segments older than it.
    var checksum: UInt32?
}

/// Bounds as they stand in the file: values in their PLAIN form, texts without length.
struct Statistics: Equatable {
    var nullCount: Int?
    var min: [UInt8]?
    var max: [UInt8]?
    var isMinExact = true
    var isMaxExact = true
}

/// One column of one row group.
struct ColumnChunk {
    var type = PhysicalType.int64
    var encodings: [Encoding] = []
    var codec = Codec.uncompressed
    var valueCount = 0
    var uncompressedSize = 0
    var compressedSize = 0
    var dictionaryOffset: Int?
    var dataOffset = 0
    var statistics = Statistics()
    var dataPageCount = 0
    var bloomOffset: Int?
    var bloomLength = 0
    var offsetIndexOffset: Int?
    var offsetIndexLength = 0
    var columnIndexOffset: Int?
    var columnIndexLength = 0
}

struct RowGroup {
    var columns: [ColumnChunk] = []
    var rowCount = 0
}

/// Where a data page stands, and from which row of its row group on it holds.
struct PageLocation: Equatable {
    var offset: Int
    /// Header included.
    var size: Int
    var firstRow: Int
}

/// Bounds of the pages of one column chunk.
struct ColumnIndex: Equatable {
    var nullPages: [Bool] = []
    var mins: [[UInt8]] = []
    var maxes: [[UInt8]] = []
    var nullCounts: [Int] = []
}

/// The footer.
struct FileMetadata {
    var columns: [SegmentColumn] = []
    var rowCount = 0
    var rowGroups: [RowGroup] = []
    var keyValues: [(key: String, value: String)] = []
}

extension ColumnKind {
    /// What the values, or the elements of a list, are in the file.
    var physicalType: PhysicalType {
        switch self {
        case .boolean: .boolean
        case .port: .int32
        case .real: .double
        case .time, .interval, .count, .integer, .intervalVector, .countVector: .int64
        case _ where isStoredAsText: .byteArray
        default: .byteArray
        }
    }

    /// The kind of one element of a list; the kind itself for all else.
    var elementKind: ColumnKind {
        switch self {
        case .textSet, .textVector: .text
        case .uidSet: .uid
        case .fuidVector: .fuid
        case .intervalVector: .interval
        case .countVector: .count
        case .addressVector: .address
        default: self
        }
    }

    /// The name in the footer, from which a reader knows the kind again.
    var storedName: String {
        switch self {
        case .time: "time"
        case .interval: "interval"
        case .count: "count"
        case .integer: "integer"
        case .real: "real"
        case .boolean: "boolean"
        case .port: "port"
        case .address: "address"
        case .text: "text"
        case .enumeration: "enumeration"
        case .uid: "uid"
        case .fuid: "fuid"
        case .textSet: "textSet"
        case .textVector: "textVector"
        case .uidSet: "uidSet"
        case .fuidVector: "fuidVector"
        case .intervalVector: "intervalVector"
        case .countVector: "countVector"
        case .addressVector: "addressVector"
        }
    }

    private static let kinds = Dictionary(uniqueKeysWithValues: allCases.map { ($0.storedName, $0) })

    init?(storedName: String) {
        guard let kind = ColumnKind.kinds[storedName] else { return nil }
        self = kind
    }
}
