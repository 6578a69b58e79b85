// SPDX-License-Identifier: Apache-2.0
//
// Rows of a batch: what is written is read back, and copied whole.

import Testing

@testable import Records

/// One column of every kind. `isBlank` leaves out all that can be.
private struct EveryCell: LogRecord {
    var isBlank = true
    var name = Text.absent
    var texts: [Text] = []
    var text = TextBuffer()

    static let log = LogID.weird
    static let summary: StaticString = "A column of every kind."
    static let address = Address(high: 0x2001_0DB8 << 32, low: 7)

    init() {}

    init(name word: StaticString) {
        isBlank = false
        name = text.add(word)
        texts = [text.add("one"), .absent, text.add(""), text.add("four")]
    }

    func write(to row: inout RowBatch) {
        let words: [UInt64]? = isBlank ? nil : [1, .max, 0x0102_0304_0506_0708]
        row.time("time", isBlank ? nil : Timestamp(nanoseconds: -5), "A time.")
        row.interval("interval", isBlank ? nil : .min, "A duration.")
        row.count("count", isBlank ? nil : .max, "A count.")
        row.integer("integer", isBlank ? nil : -1, "A number.")
        row.real("real", isBlank ? nil : -0.5, "A real number.")
        row.boolean("boolean", isBlank ? nil : false, "Yes or no.")
        row.port("port", isBlank ? nil : 65_535, "A port.")
        row.address("address", isBlank ? nil : Self.address, "An address.")
        row.text("text", name, in: text, "A text.")
        row.text("literal", isBlank ? nil : "literal", "A text of a set.")
        row.enumeration("enumeration", isBlank ? nil : "tcp", "A word of a set.")
        row.uid("uid", isBlank ? nil : UID(value: 11), "A connection.")
        row.fuid("fuid", isBlank ? nil : UID(value: 12), "A file.")
        row.textSet("textSet", isBlank ? nil : [], in: text, "Texts, none of them.")
        row.textVector("textVector", isBlank ? nil : texts, in: text, "Texts.")
        row.uidSet("uidSet", words, "Connections.")
        row.fuidVector("fuidVector", words, "Files.")
        row.intervalVector("intervalVector", words, "Durations.")
        row.countVector("countVector", words, "Counts.")
        row.addressVector("addressVector", isBlank ? nil : [Self.address, Self.address], "Addresses.")
    }
}

/// A record with as many columns as are asked for.
private struct Wide<let columnCount: Int>: LogRecord {
    static var log: LogID { .weird }
    static var summary: StaticString { "Many columns." }
    func write(to row: inout RowBatch) {
        for number in 0..<columnCount { row.count("column", UInt64(number), "A number.") }
    }
}

@Suite("Row batches") struct RowBatchTests {
    private let schema = EveryCell.makeSchema()

    private func column(_ name: String) -> Column {
        guard let index = schema.index(of: name) else { preconditionFailure("no column \(name)") }
        return schema.columns[index]
    }

    private func text(_ batch: RowBatch, _ row: Int, _ name: String) -> String {
        String(decoding: batch.bytes[batch.textRange(row, column(name))], as: UTF8.self)
    }

    private func words(_ batch: RowBatch, _ row: Int, _ name: String) -> [UInt64] {
        var place = batch.listStart(row, column(name))
        let each = column(name).kind == .addressVector ? 2 : 1
        return (0 ..< batch.listCount(row, column(name)) * each).map { _ in batch.listWord(&place) }
    }

    private func check(_ batch: RowBatch, _ row: Int, text expected: String) {
        for index in schema.columns.indices { #expect(batch.isSet(row, index)) }
        #expect(Int64(bitPattern: batch.word(row, column("time"))) == -5)
        #expect(Int64(bitPattern: batch.word(row, column("interval"))) == .min)
        #expect(batch.word(row, column("count")) == .max)
        #expect(Int64(bitPattern: batch.word(row, column("integer"))) == -1)
        #expect(Double(bitPattern: batch.word(row, column("real"))) == -0.5)
        #expect(batch.word(row, column("boolean")) == 0)
        #expect(batch.word(row, column("port")) == 65_535)
        #expect(batch.address(row, column("address")) == EveryCell.address)
        #expect(text(batch, row, "text") == expected)
        #expect(text(batch, row, "literal") == "literal")
        #expect(text(batch, row, "enumeration") == "tcp")
        #expect(batch.word(row, column("uid")) == 11)
        #expect(batch.word(row, column("fuid")) == 12)
        #expect(batch.listCount(row, column("textSet")) == 0)
        var place = batch.listStart(row, column("textVector"))
        let texts = (0 ..< batch.listCount(row, column("textVector"))).map { _ in
            String(decoding: batch.bytes[batch.listText(&place)], as: UTF8.self)
        }
        #expect(texts == ["one", "", "", "four"])
        for name in ["uidSet", "fuidVector", "intervalVector", "countVector"] {
            #expect(words(batch, row, name) == [1, .max, 0x0102_0304_0506_0708])
        }
        let address = [EveryCell.address.high, EveryCell.address.low]
        #expect(words(batch, row, "addressVector") == address + address)
    }

    @Test func `every kind has a cell here`() {
        #expect(Set(schema.columns.map(\.kind)) == Set(ColumnKind.allCases))
    }

    @Test func `cells of every kind are read back as they were written`() {
        var batch = RowBatch(schema)
        batch.append(EveryCell(name: "first"), order: 8, ordinal: 9)
        batch.append(EveryCell(), order: 10, ordinal: 11)
        batch.append(EveryCell(name: "third"), order: 12, ordinal: 13)
        #expect(batch.count == 3)
        #expect((0..<3).map { batch.order($0) } == [8, 10, 12])
        #expect((0..<3).map { batch.ordinal($0) } == [9, 11, 13])
        check(batch, 0, text: "first")
        check(batch, 2, text: "third")
        for (index, column) in schema.columns.enumerated() {
            #expect(!batch.isSet(1, index))
            #expect(batch.word(1, column) == 0)
        }
    }

    @Test func `a cleared batch shows nothing of the rows before`() {
        var batch = RowBatch(schema)
        batch.append(EveryCell(name: "before"), order: 1, ordinal: 1)
        batch.clear()
        #expect(batch.isEmpty)
        #expect(batch.byteCount == 0)
        batch.append(EveryCell(), order: 2, ordinal: 2)
        for (index, column) in schema.columns.enumerated() {
            #expect(!batch.isSet(0, index))
            #expect(batch.word(0, column) == 0)
        }
    }

    @Test func `a row that is copied to another batch says the same there`() {
        var source = RowBatch(schema)
        source.append(EveryCell(name: "other"), order: 1, ordinal: 2)
        source.append(EveryCell(name: "copied"), order: 3, ordinal: 4)
        var target = RowBatch(schema)
        for _ in 0..<200 { target.append(row: 1, of: source, schema: schema) }
        target.append(row: 0, of: source, schema: schema)
        #expect(target.count == 201)
        #expect(target.order(199) == 3)
        #expect(target.ordinal(199) == 4)
        check(target, 0, text: "copied")
        check(target, 199, text: "copied")
        check(target, 200, text: "other")
        let withoutText = (source.byteCount - 5 - 6) / 2
        #expect(target.byteCount == 201 * withoutText + 200 * 6 + 5)
    }

    @Test func `the octets held count rows and texts`() {
        var batch = RowBatch(schema)
        batch.append(EveryCell(), order: 1, ordinal: 1)
        #expect(batch.byteCount == schema.stride * 8)
        batch.append(EveryCell(name: "four"), order: 1, ordinal: 1)
        #expect(batch.byteCount == schema.stride * 16 + 4 + 7 + 3 + 4 * 4 + 7 + 4 * 24 + 32)
    }

    @Test func `rows stand in order by packet and then by connection`() {
        var batch = RowBatch(schema)
        #expect(batch.isOrdered)
        batch.append(EveryCell(), order: 1, ordinal: 5)
        batch.append(EveryCell(), order: 1, ordinal: 5)
        batch.append(EveryCell(), order: 2, ordinal: 1)
        #expect(batch.isOrdered)
        batch.append(EveryCell(), order: 2, ordinal: 0)
        #expect(!batch.isOrdered)
    }

    @Test func `the protocol of a row's connection stands beside its ordinal`() {
        let id = ConnectionID(
            originator: Address(v4: 1), responder: Address(v4: 2), originatorPort: 3, responderPort: 4,
            transport: .icmp, protocolNumber: 58)
        var record = WeirdRecord()
        record.id = id
        var batch = RowBatch(WeirdRecord.makeSchema())
        batch.append(record, order: 1, ordinal: .max)
        #expect(batch.protocolNumber(0) == 58)
        #expect(batch.ordinal(0) == RowBatch.ordinalMask)
    }

    @Test func `an element of a list can be replaced`() {
        var batch = RowBatch(schema)
        batch.append(EveryCell(name: "x"), order: 1, ordinal: 1)
        batch.setListWord(0, column("uidSet"), 1, 77)
        #expect(words(batch, 0, "uidSet") == [1, 77, 0x0102_0304_0506_0708])
    }

    @Test func `a log may have 64 columns`() {
        let schema = Wide<64>.makeSchema()
        #expect(schema.columns.count == 64)
        var batch = RowBatch(schema)
        batch.append(Wide<64>(), order: 1, ordinal: 1)
        #expect(batch.isSet(0, 63))
        #expect(batch.word(0, schema.columns[63]) == 63)
    }

    @Test func `a log with more than 64 columns is refused`() async {
        await #expect(processExitsWith: .failure) { _ = Wide<65>.makeSchema() }
    }
}
