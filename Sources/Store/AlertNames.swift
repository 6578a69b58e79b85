// SPDX-License-Identifier: Apache-2.0
//
// What the alerts of a store say of connections: for comments on packets, and to find a rule's connections.
//
// Reads   the columns uid, rule_id, title and source of the log alert.
// Leaves  questions of any other kind (module Query).

package import Records

/// What raised its hand about a connection.
package struct AlertName: Sendable, Hashable {
    package var rule: String
    package var title: String
    package var source: String

    package init(rule: String, title: String, source: String) {
        self.rule = rule
        self.title = title
        self.source = source
    }

    package var description: String { "alert \(rule): \(title) (\(source))" }
}

extension StoreReader {
    /// Connections with more alerts than this are named by the first of them.
    private static let namesMax = 16

    /// The alerts of each connection, each name once, of rows whose time may lie in the range; with `rule` only those
    /// of that rule.
    package func alertNames(
        rule: String? = nil, since: Timestamp? = nil, until: Timestamp? = nil
    ) throws(StoreError) -> [UID: [AlertName]] {
        var names: [UID: [AlertName]] = [:]
        for segment in try segments(log: "alert", since: since, until: until, bounds: []) {
            let reader = try SegmentReader.open(segment.path)
            let columns = ["uid", "rule_id", "title", "source"].map { reader.index(of: $0) }
            guard let uid = columns[0], let id = columns[1] else { continue }
            for group in 0..<reader.rowGroupCount {
                if let rule, try !reader.mayContain(column: id, rowGroup: group, text: Array(rule.utf8)[...]) {
                    continue
                }
                var vectors: [ColumnVector?] = []
                for column in [uid, id, columns[2], columns[3]] {
                    guard let column else {
                        vectors.append(nil)
                        continue
                    }
                    vectors.append(try reader.read(column: column, rowGroup: group))
                }
                func text(_ place: Int, _ row: Int) -> String {
                    guard let vector = vectors[place], vector.isSet(row) else { return "" }
                    return String(decoding: vector.text(row), as: UTF8.self)
                }
                for row in 0..<reader.rowCount(rowGroup: group) {
                    guard let connection = UID(octets: Array(text(0, row).utf8)[...]) else { continue }
                    let name = AlertName(rule: text(1, row), title: text(2, row), source: text(3, row))
                    guard rule == nil || name.rule == rule else { continue }
                    var known = names[connection] ?? []
                    guard known.count < StoreReader.namesMax, !known.contains(name) else { continue }
                    known.append(name)
                    names[connection] = known
                }
            }
        }
        return names
    }
}
