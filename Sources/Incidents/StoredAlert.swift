// SPDX-License-Identifier: Apache-2.0
//
// Alerts out of the store, as correlation takes them.
//
// Reads   segments of `alert`.
// Writes  `StoredAlert`s, each with an identity that a second reading gives again.
// Leaves  what becomes of them (Correlation.swift).

package import Records
import Store

/// One row of `alert`.
package struct StoredAlert: Sendable, Equatable {
    package var ts = Timestamp.zero
    package var first = Timestamp.zero
    package var last = Timestamp.zero
    package var source = ""
    package var rule = ""
    package var title = ""
    package var category = ""
    package var severity = 3
    package var techniques: [String] = []
    package var metadata: [String] = []
    package var entities: [String] = []
    package var evidence: String?
    /// `C…`.
    package var uid: String?
    package var originator: Address?
    package var originatorPort: Int?
    package var responder: Address?
    package var responderPort: Int?
    package var isFromOriginator = true
    package var application: String?
    package var buffer: String?
    package var matched: [UInt8] = []
    package var count = 1

    package init() {}

    /// What makes it the same alert when it is read again: all but what grows while a finding goes on.
    func identity(_ keys: [UInt64]) -> [UInt8] {
        var text = Array("\(ts.nanoseconds) \(uid ?? "-") \(originatorPort ?? -1) \(responderPort ?? -1)".utf8)
        for part in [
            source, rule, title, originator?.description ?? "-", responder?.description ?? "-", buffer ?? "-",
        ] {
            text.append(0)
            text.append(contentsOf: part.utf8)
        }
        for entity in entities.sorted() {
            text.append(1)
            text.append(contentsOf: entity.utf8)
        }
        text.append(isFromOriginator ? 2 : 3)
        text.append(contentsOf: matched)
        // Random keys: nobody can make an alert that takes another one's place.
        var octets: [UInt8] = []
        for pair in 0..<2 {
            var hash = SipHash(key0: keys[pair * 2], key1: keys[pair * 2 + 1])
            hash.absorb(text)
            let word = hash.finish()
            for shift in 0..<8 { octets.append(UInt8(truncatingIfNeeded: word >> UInt64(shift * 8))) }
        }
        return octets
    }
}

/// Reads a segment of alerts, page by page.
struct AlertSegment {
    private let reader: SegmentReader
    private let places: [String: Int]

    /// Rows that are decoded together.
    private static let pageRows = 4096
    /// Texts are cut here: titles and evidence come out of rules and packets.
    private static let textMax = 16 << 10
    private static let elementsMax = 64
    /// So that sums of them stay numbers.
    private static let countMax: UInt64 = 1 << 32

    init(path: String) throws(StoreError) {
        reader = try SegmentReader.open(path)
        var places: [String: Int] = [:]
        for (index, column) in reader.columns.enumerated() { places[column.name] = index }
        self.places = places
    }

    /// Hands over every alert, in stored order.
    func read(_ body: (StoredAlert) throws -> Void) throws {
        for rowGroup in 0..<reader.rowGroupCount {
            let count = reader.rowCount(rowGroup: rowGroup)
            for start in stride(from: 0, to: count, by: AlertSegment.pageRows) {
                let rows = start..<min(start + AlertSegment.pageRows, count)
                var columns: [String: ColumnVector] = [:]
                for (name, index) in places where AlertSegment.wanted.contains(name) {
                    columns[name] = try reader.read(column: index, rowGroup: rowGroup, rows: rows)
                }
                let page = AlertPage(columns: columns)
                for row in 0..<rows.count { try body(page.alert(row)) }
            }
        }
    }

    private static let wanted: Set<String> = [
        "ts", "uid", "id_orig_h", "id_orig_p", "id_resp_h", "id_resp_p", "source", "rule_id", "title", "severity",
        "category", "techniques", "from_orig", "app_proto", "buffer", "matched", "count", "first_ts", "last_ts",
        "metadata",
        "entities", "evidence",
    ]

    /// The decoded columns of some rows.
    private struct AlertPage {
        let columns: [String: ColumnVector]

        func alert(_ row: Int) -> StoredAlert {
            var alert = StoredAlert()
            alert.ts = time("ts", row) ?? .zero
            alert.first = time("first_ts", row) ?? alert.ts
            alert.last = max(time("last_ts", row) ?? alert.ts, alert.first)
            alert.source = text("source", row) ?? "signature"
            alert.rule = text("rule_id", row) ?? ""
            alert.title = text("title", row) ?? ""
            alert.category = text("category", row) ?? ""
            alert.severity = min(max(Int(word("severity", row) ?? 3), 1), 4)
            alert.techniques = texts("techniques", row)
            alert.metadata = texts("metadata", row)
            alert.entities = texts("entities", row)
            alert.evidence = text("evidence", row)
            alert.uid = text("uid", row)
            alert.originator = text("id_orig_h", row).flatMap { Address($0) }
            alert.originatorPort = word("id_orig_p", row).map(Int.init(truncatingIfNeeded:))
            alert.responder = text("id_resp_h", row).flatMap { Address($0) }
            alert.responderPort = word("id_resp_p", row).map(Int.init(truncatingIfNeeded:))
            alert.isFromOriginator = word("from_orig", row) != 0
            alert.application = text("app_proto", row)
            alert.buffer = text("buffer", row)
            alert.matched = octets("matched", row) ?? []
            alert.count = Int(min(max(word("count", row) ?? 1, 1), AlertSegment.countMax))
            return alert
        }

        private func cell(_ name: String, _ row: Int) -> ColumnVector? {
            guard let column = columns[name], column.isSet(row) else { return nil }
            return column
        }

        private func word(_ name: String, _ row: Int) -> UInt64? {
            guard let column = cell(name, row), !column.kind.isStoredAsText else { return nil }
            return column.words[row]
        }

        private func time(_ name: String, _ row: Int) -> Timestamp? {
            word(name, row).map {
                Timestamp(nanoseconds: Int64(bitPattern: $0).multipliedReportingOverflow(by: 1000).partialValue)
            }
        }

        private func octets(_ name: String, _ row: Int) -> [UInt8]? {
            guard let column = cell(name, row), column.kind.isStoredAsText, !column.kind.isList else { return nil }
            return Array(column.text(row).prefix(AlertSegment.textMax))
        }

        private func text(_ name: String, _ row: Int) -> String? {
            octets(name, row).map { String(decoding: $0, as: UTF8.self) }
        }

        private func texts(_ name: String, _ row: Int) -> [String] {
            guard let column = cell(name, row), column.kind.isStoredAsText, column.kind.isList else { return [] }
            return column.elements(row).prefix(AlertSegment.elementsMax).map {
                String(decoding: column.text($0).prefix(AlertSegment.textMax), as: UTF8.self)
            }
        }
    }
}
