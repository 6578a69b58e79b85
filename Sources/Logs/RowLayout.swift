// SPDX-License-Identifier: Apache-2.0
//
// What both Zeek forms need of a log: its columns with their places, and whether
// `community_id` is put after them.

import Records

/// Where a column's cell stands. Trivial, so that the writers' loops touch no reference counts.
struct ColumnPlace {
    let kind: ColumnKind
    /// First word of the cell inside a row.
    let word: Int
    /// The column's bit of the row's presence word.
    let bit: UInt64
    /// Where `,"name":` stands in the layout's `keys`, and its octets.
    let key: Range<Int>
    let keyCount: Int
}

/// One log's columns, prepared for writing.
struct RowLayout {
    let schema: LogSchema
    let places: [ColumnPlace]
    /// The JSON keys of all columns, eight octets a word, each filled up to whole words.
    let keys: [UInt64]
    /// Whether rows get a last column `community_id`, which the log itself does not declare.
    let addsCommunityID: Bool
    /// Index of the column that gives a row its time; the first of that kind.
    let timeIndex: Int?

    private let originator: Int
    private let responder: Int
    private let originatorPort: Int
    private let responderPort: Int

    init(_ schema: LogSchema, communityID: Bool) {
        self.schema = schema
        var places: [ColumnPlace] = []
        var keys: [UInt64] = []
        for (index, column) in schema.columns.enumerated() {
            let start = keys.count
            let key = Array(",\"\(column.name)\":".utf8)
            for first in stride(from: 0, to: key.count, by: 8) {
                let part = key[first ..< min(first + 8, key.count)]
                keys.append(part.reversed().reduce(0) { $0 << 8 | UInt64($1) })
            }
            places.append(
                ColumnPlace(
                    kind: column.kind, word: column.wordOffset, bit: 1 << UInt64(index),
                    key: start..<keys.count, keyCount: key.count))
        }
        self.places = places
        self.keys = keys
        let indices = ["id.orig_h", "id.resp_h", "id.orig_p", "id.resp_p"].map { schema.index(of: $0) }
        let isWhole = schema.hasConnection && !indices.contains(nil)
        addsCommunityID = communityID && isWhole && schema.index(of: "community_id") == nil
        let words = indices.map { $0.map { schema.columns[$0].wordOffset } ?? 0 }
        (originator, responder, originatorPort, responderPort) = (words[0], words[1], words[2], words[3])
        timeIndex = schema.columns.firstIndex { $0.kind == .time }
    }

    func time(_ row: Int, of batch: borrowing RowBatch) -> Timestamp? {
        guard let timeIndex, batch.isSet(row, timeIndex) else { return nil }
        return Timestamp(nanoseconds: Int64(bitPattern: batch.word(row, schema.columns[timeIndex])))
    }

    /// The connection of a row; nil where the row has none.
    func connection(_ row: Int, of batch: borrowing RowBatch) -> ConnectionID? {
        let number = batch.protocolNumber(row)
        let base = row &* schema.stride
        let from = Address(high: batch.words[base &+ originator], low: batch.words[base &+ originator &+ 1])
        let to = Address(high: batch.words[base &+ responder], low: batch.words[base &+ responder &+ 1])
        // No transport: unset, or the addresses of a damaged packet without a connection.
        if number == 0 { return nil }
        let transport: Transport =
            switch number {
            case 6: .tcp
            case 17: .udp
            case 1, 58: .icmp
            default: .unknown
            }
        return ConnectionID(
            originator: from, responder: to,
            originatorPort: UInt16(truncatingIfNeeded: batch.words[base &+ originatorPort]),
            responderPort: UInt16(truncatingIfNeeded: batch.words[base &+ responderPort]),
            transport: transport, protocolNumber: number)
    }
}
