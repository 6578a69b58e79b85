// SPDX-License-Identifier: Apache-2.0
//
// What a log is: its name, its columns, and a sentence for each. Log writers,
// the store, SQL and Docs/logs are all made from this one declaration.

/// The type of a column. Physical type and Zeek's name for it go together.
@frozen @usableFromInline package enum ColumnKind: UInt8, Sendable, CaseIterable {
    /// `Timestamp`, nanoseconds in a batch.
    case time
    /// Nanoseconds in a batch, seconds in logs.
    case interval
    case count
    case integer
    case real
    case boolean
    case port
    case address
    /// Octets, not necessarily UTF-8.
    case text
    /// A text out of a small fixed set, such as `proto`.
    case enumeration
    /// Identity of a connection, `C…`.
    case uid
    /// Identity of a file, `F…`.
    case fuid
    case textSet
    case textVector
    case uidSet
    case fuidVector
    case intervalVector
    case countVector
    case addressVector

    /// The type in the header of a Zeek TSV log.
    package var zeekName: StaticString {
        switch self {
        case .time: "time"
        case .interval: "interval"
        case .count: "count"
        case .integer: "int"
        case .real: "double"
        case .boolean: "bool"
        case .port: "port"
        case .address: "addr"
        case .text, .uid, .fuid: "string"
        case .enumeration: "enum"
        case .textSet, .uidSet: "set[string]"
        case .textVector, .fuidVector: "vector[string]"
        case .intervalVector: "vector[interval]"
        case .countVector: "vector[count]"
        case .addressVector: "vector[addr]"
        }
    }

    /// Words that a cell takes in a row of a batch.
    @inlinable package var wordCount: Int { self == .address ? 2 : 1 }

    /// Whether a cell holds several elements.
    @inlinable package var isList: Bool { rawValue >= ColumnKind.textSet.rawValue }
}

/// One column of a log.
@frozen @usableFromInline package struct Column: Sendable, Equatable {
    /// The name in logs, such as `id.orig_h`.
    @usableFromInline package let name: String
    /// A sentence for a stranger.
    @usableFromInline package let doc: String
    @usableFromInline package let kind: ColumnKind
    /// First word of the cell inside a row.
    @usableFromInline package let wordOffset: Int
    /// Whether questions look for single values of it: it gets a bloom filter.
    @usableFromInline package let isKey: Bool
    /// Whether its texts are UTF-8 already and are kept octet for octet, control characters included.
    package let isVerbatim: Bool

    package init(
        name: String, doc: String, kind: ColumnKind, wordOffset: Int, isKey: Bool, isVerbatim: Bool = false
    ) {
        self.name = name
        self.doc = doc
        self.kind = kind
        self.wordOffset = wordOffset
        self.isKey = isKey
        self.isVerbatim = isVerbatim
    }

    /// The name in SQL and Parquet, where a dot would need quoting: `id_orig_h`.
    package var storeName: String {
        // Octets and not characters: a process that asks one question makes these names of every log.
        guard name.utf8.contains(0x2E) else { return name }
        return String(decoding: name.utf8.map { $0 == 0x2E ? 0x5F : $0 }, as: UTF8.self)
    }
}

/// One log: everything that is known about it without a row.
package final class LogSchema: Sendable {
    /// The name, such as `conn`: file name, table name, folder.
    package let path: String
    package let summary: String
    package let columns: [Column]
    /// Words of a row, header included.
    package let stride: Int
    package let log: LogID

    init(log: LogID, summary: String, columns: [Column], stride: Int) {
        self.log = log
        self.path = log.path
        self.summary = summary
        self.columns = columns
        self.stride = stride
    }

    /// The index of a column by its name in logs or in the store.
    package func index(of name: String) -> Int? {
        columns.firstIndex { $0.name == name || $0.storeName == name }
    }

    /// Whether rows name one connection (`uid` and the four `id` columns).
    package var hasConnection: Bool { index(of: "id.orig_h") != nil && index(of: "uid") != nil }
}

/// A log record: a plain value with one declaration of its columns.
///
/// `write` names every column once, in order: name, value, sentence. Run on a
/// blank record it gives the schema; run on a real one it fills a row.
@usableFromInline package protocol LogRecord: Sendable {
    init()
    static var log: LogID { get }
    static var summary: StaticString { get }
    func write(to row: inout RowBatch)
}

extension LogRecord {
    /// The schema, made by running `write` on a blank record.
    package static func makeSchema() -> LogSchema {
        var batch = RowBatch(describing: log)
        Self().write(to: &batch)
        return LogSchema(
            log: log, summary: summary.description, columns: batch.described,
            stride: batch.describedStride)
    }
}
