// SPDX-License-Identifier: Apache-2.0
//
// Exact lines of both Zeek forms, for hand-made rows of every kind of column.

import Foundation
import Logs
import Records
import Testing

/// A record with a column of every kind.
private struct EveryKind: LogRecord {
    var time: Timestamp?
    var interval: Int64?
    var count: UInt64?
    var integer: Int64?
    var real: Double?
    var boolean: Bool?
    var port: UInt16?
    var address: Address?
    var text = Text.absent
    var enumeration: StaticString?
    var uid: UID?
    var fuid: UID?
    var textSet: [Text]?
    var textVector: [Text]?
    var uidSet: [UInt64]?
    var fuidVector: [UInt64]?
    var intervalVector: [UInt64]?
    var countVector: [UInt64]?
    var addressVector: [Address]?
    var buffer = TextBuffer()

    static let log = LogID.conn
    static let summary: StaticString = "A column of every kind."

    func write(to row: inout RowBatch) {
        row.time("ts", time, "A moment.")
        row.interval("interval", interval, "A duration.")
        row.count("count", count, "A count.")
        row.integer("integer", integer, "An integer.")
        row.real("real", real, "A number.")
        row.boolean("boolean", boolean, "Yes or no.")
        row.port("port", port, "A port.")
        row.address("address", address, "An address.")
        row.text("text", text, in: buffer, "A text.")
        row.enumeration("enum", enumeration, "One of a few.")
        row.uid("uid", uid, "A connection.")
        row.fuid("fuid", fuid, "A file.")
        row.textSet("text_set", textSet, in: buffer, "Texts.")
        row.textVector("text_vector", textVector, in: buffer, "Texts | in order.")
        row.uidSet("uid_set", uidSet, "Connections.")
        row.fuidVector("fuid_vector", fuidVector, "Files.")
        row.intervalVector("interval_vector", intervalVector, "Durations.")
        row.countVector("count_vector", countVector, "Counts.")
        row.addressVector("address_vector", addressVector, "Addresses.")
    }

    static func full() -> EveryKind {
        var record = EveryKind()
        record.time = Timestamp(nanoseconds: 1_320_435_875_879_278_999)
        record.interval = 1_000_000
        record.count = .max
        record.integer = .min
        record.real = 0.25
        record.boolean = true
        record.port = 65535
        record.address = Address(v4: 0x0A00_0001)
        record.text = record.buffer.add("plain")
        record.enumeration = "tcp"
        record.uid = UID(value: 0)
        record.fuid = UID(value: .max)
        record.textSet = [record.buffer.add("a"), record.buffer.add("b,c")]
        record.textVector = [record.buffer.add(""), record.buffer.add("-")]
        record.uidSet = [1]
        record.fuidVector = [61, 62]
        record.intervalVector = [1_500_000_000, 0]
        record.countVector = [7, 8]
        record.addressVector = [Address(v4: 1), Address(high: 0x2001_0db8 << 32, low: 1)]
        return record
    }
}

/// A record of a connection that does not declare `community_id`.
private struct Short: LogRecord {
    var ts = Timestamp.zero
    var id: ConnectionID?
    var text = Text.absent
    var buffer = TextBuffer()

    static let log = LogID.connOpen
    static let summary: StaticString = "A connection and a text."

    func write(to row: inout RowBatch) {
        row.connection(ts, UID(value: 5), id)
        row.text("text", text, in: buffer, "A text.")
    }
}

/// The lines of the file that `records` give.
private func lines<Record: LogRecord>(
    _ records: [Record], _ format: LogFormat, communityID: Bool = true
) throws -> [String] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-logs-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    let schemas = [EveryKind.makeSchema(), Short.makeSchema()]
    let writer = try LogWriter(directory: folder.path, format: format, schemas: schemas, communityID: communityID)
    let schema = schemas[Int(Record.log.rawValue)]
    var batch = RowBatch(schema)
    for record in records { batch.append(record, order: 0, ordinal: 1) }
    try writer.append(batch: batch, schema: schema)
    try writer.finish()
    let data = try Data(contentsOf: folder.appendingPathComponent("\(schema.path).log"))
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
}

/// The JSON and TSV cell of one text.
private func cells(_ octets: [UInt8]) throws -> (json: String, tsv: String) {
    var record = Short()
    record.buffer.bytes = octets
    record.text = Text(offset: 0, count: UInt32(octets.count))
    let json = try #require(try lines([record], .zeekJSON).first)
    let tsv = try lines([record], .zeekTSV)[8].split(separator: "\t", omittingEmptySubsequences: false)
    let start = try #require(json.range(of: "\"text\":")).upperBound
    return (String(json[start...].dropLast()), String(tsv[6]))
}

@Suite struct LogWriterTests {
    @Test func `a full row in JSON has every column in order`() throws {
        let expected = #"{"ts":1320435875.879278,"interval":0.001,"count":18446744073709551615,"#
            + #""integer":-9223372036854775808,"real":0.25,"boolean":true,"port":65535,"address":"10.0.0.1","#
            + #""text":"plain","enum":"tcp","uid":"C00000000000","fuid":"FLygHa16AHYF","text_set":["a","b,c"],"#
            + #""text_vector":["","-"],"uid_set":["C00000000001"],"fuid_vector":["F0000000000z","F00000000010"],"#
            + #""interval_vector":[1.5,0.0],"count_vector":[7,8],"address_vector":["0.0.0.1","2001:db8::1"]}"#
        #expect(try lines([EveryKind.full()], .zeekJSON) == [expected])
    }

    @Test func `a full row in TSV stands under Zeek's header`() throws {
        let found = try lines([EveryKind.full()], .zeekTSV)
        #expect(found.count == 10)
        #expect(
            Array(found[0...5]) == [
                "#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn",
                "#open\t2011-11-04-19-44-35",
            ])
        #expect(found[6].hasPrefix("#fields\tts\tinterval\tcount\tinteger\treal\tboolean\tport\taddress\ttext"))
        #expect(
            found[7] == "#types\ttime\tinterval\tcount\tint\tdouble\tbool\tport\taddr\tstring\tenum\tstring\tstring"
                + "\tset[string]\tvector[string]\tset[string]\tvector[string]\tvector[interval]"
                + "\tvector[count]\tvector[addr]")
        #expect(
            found[8] == "1320435875.879278\t0.001000\t18446744073709551615\t-9223372036854775808\t0.25\tT\t65535"
                + "\t10.0.0.1\tplain\ttcp\tC00000000000\tFLygHa16AHYF\ta,b\\x2cc\t(empty),\\x2d\tC00000000001"
                + "\tF0000000000z,F00000000010\t1.500000,0.000000\t7,8\t0.0.0.1,2001:db8::1")
        #expect(found[9] == "#close\t2011-11-04-19-44-35")
    }

    @Test func `unset columns are left out in JSON and a dash in TSV`() throws {
        #expect(try lines([EveryKind()], .zeekJSON) == ["{}"])
        #expect(try lines([EveryKind()], .zeekTSV)[8] == Array(repeating: "-", count: 19).joined(separator: "\t"))
    }

    @Test func `empty lists are not unset`() throws {
        var record = EveryKind()
        record.textSet = []
        record.countVector = []
        #expect(try lines([record], .zeekJSON) == [#"{"text_set":[],"count_vector":[]}"#])
        #expect(try lines([record], .zeekTSV)[8].split(separator: "\t").filter { $0 == "(empty)" }.count == 2)
    }

    @Test(arguments: [
        (0, "0.0", "0.000000"), (999, "0.0", "0.000000"), (1_000, "0.000001", "0.000001"),
        (-1_000, "-0.000001", "-0.000001"), (-1, "0.0", "0.000000"), (300_000_000_000, "300.0", "300.000000"),
        (1_999_999_999, "1.999999", "1.999999"), (.max, "9223372036.854775", "9223372036.854775"),
        (.min, "-9223372036.854775", "-9223372036.854775"), (10_100_000, "0.0101", "0.010100"),
    ] as [(Int64, String, String)])
    func `seconds are cut to microseconds without an exponent`(
        _ nanoseconds: Int64, _ json: String, _ tsv: String
    ) throws {
        var record = EveryKind()
        record.interval = nanoseconds
        #expect(try lines([record], .zeekJSON) == [#"{"interval":\#(json)}"#])
        #expect(try lines([record], .zeekTSV)[8].split(separator: "\t")[1] == tsv)
    }

    @Test(arguments: [
        (0, "1970-01-01-00-00-00"), (951_782_399, "2000-02-28-23-59-59"), (951_782_400, "2000-02-29-00-00-00"),
        (1_793_318_400, "2026-10-30-00-00-00"), (4_107_542_399, "2100-02-28-23-59-59"),
        (4_107_542_400, "2100-03-01-00-00-00"), (-1, "1969-12-31-23-59-59"),
    ] as [(Int64, String)])
    func `times of the header are civil dates`(_ seconds: Int64, _ expected: String) throws {
        var record = EveryKind()
        record.time = Timestamp(seconds: seconds)
        #expect(try lines([record], .zeekTSV)[5] == "#open\t\(expected)")
    }

    @Test(arguments: [
        (Array("a\"b\\c".utf8), #""a\"b\\c""#, #"a"b\\c"#),
        (Array("tab\tline\n".utf8), #""tab\\x09line\\x0a""#, #"tab\x09line\x0a"#),
        ([0x00, 0x1F, 0x7F], #""\\x00\\x1f\\x7f""#, #"\x00\x1f\x7f"#),
        ([0xFF, 0x41], #""\\xffA""#, #"\xffA"#),
        (Array("Ü€😄".utf8), "\"Ü€😄\"", "Ü€😄"),
        ([0xC3], #""\\xc3""#, #"\xc3"#),
        ([0xED, 0xA0, 0x80], #""\\xed\\xa0\\x80""#, #"\xed\xa0\x80"#),
        ([0xC0, 0xAF], #""\\xc0\\xaf""#, #"\xc0\xaf"#),
        ([0x5C, 0x78, 0x30, 0x37], #""\\\\x07""#, #"\\x07"#),
        (Array("\\xg".utf8), #""\\xg""#, #"\\xg"#),
        (Array("-".utf8), #""-""#, #"\x2d"#),
        (Array("--".utf8), #""--""#, "--"),
        (Array("(empty)".utf8), #""(empty)""#, #"\x28empty)"#),
        ([], #""""#, "(empty)"),
        (Array("a,b".utf8), #""a,b""#, "a,b"),
    ] as [([UInt8], String, String)])
    func `texts are escaped as Zeek escapes them`(_ octets: [UInt8], _ json: String, _ tsv: String) throws {
        let found = try cells(octets)
        #expect(found.json == json)
        #expect(found.tsv == tsv)
    }

    @Test func `every octet gives one line of valid JSON`() throws {
        var records: [Short] = []
        for octet in UInt8.min...UInt8.max {
            var record = Short()
            record.buffer.bytes = [octet, 0x41, octet]
            record.text = Text(offset: 0, count: 3)
            records.append(record)
        }
        let found = try lines(records, .zeekJSON)
        #expect(found.count == 256)
        for line in found { #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) } }
    }

    @Test func `numbers that are not finite are null in JSON`() throws {
        var record = EveryKind()
        record.real = .nan
        #expect(try lines([record], .zeekJSON) == [#"{"real":null}"#])
    }

    @Test func `identities are written as Records writes them`() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            var record = EveryKind()
            record.uid = UID(value: generator.next())
            #expect(try lines([record], .zeekJSON) == [#"{"uid":"\#(record.uid!)"}"#])
        }
    }
}

@Suite struct CommunityIDColumnTests {
    /// The example of the Community ID specification.
    private var record: Short {
        var record = Short()
        record.id = ConnectionID(
            originator: Address(v4: 0x80E8_6E78), responder: Address(v4: 0x4223_FACC), originatorPort: 34855,
            responderPort: 80, transport: .tcp, protocolNumber: 6)
        return record
    }

    @Test func `a log of connections gets community_id as its last column`() throws {
        let json = try lines([record], .zeekJSON)[0]
        #expect(json.hasSuffix(#""id.resp_p":80,"community_id":"1:LQU9qZlK+B5F3KDmev6m5PMibrg="}"#))
        let tsv = try lines([record], .zeekTSV)
        #expect(tsv[6].hasSuffix("\ttext\tcommunity_id"))
        #expect(tsv[7].hasSuffix("\tstring\tstring"))
        #expect(tsv[8].hasSuffix("\t-\t1:LQU9qZlK+B5F3KDmev6m5PMibrg="))
    }

    @Test func `a setting turns it off`() throws {
        let json = try lines([record], .zeekJSON, communityID: false)[0]
        #expect(json.hasSuffix(#""id.resp_p":80}"#))
        #expect(try lines([record], .zeekTSV, communityID: false)[6].hasSuffix("\ttext"))
    }

    @Test func `a row without a connection has none`() throws {
        #expect(try lines([Short()], .zeekJSON) == [#"{"ts":0.0,"uid":"C00000000005"}"#])
        #expect(try lines([Short()], .zeekTSV)[8].hasSuffix("\t-\t-"))
    }

    @Test func `the transport does not disturb the order of rows`() {
        var batch = RowBatch(Short.makeSchema())
        batch.append(record, order: 9, ordinal: 77)
        #expect(batch.ordinal(0) == 77)
        #expect(batch.protocolNumber(0) == 6)
    }
}

@Suite struct LogFilesTests {
    @Test func `files appear with their first row and are replaced or continued`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-logs-\(UUID())/deep")
        defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
        let schemas = [EveryKind.makeSchema(), Short.makeSchema()]
        func run(appending: Bool) throws -> Int {
            let writer = try LogWriter(
                directory: folder.path, format: .zeekJSON, schemas: schemas, appending: appending)
            var batch = RowBatch(schemas[0])
            try writer.append(batch: batch, schema: schemas[0])
            batch.append(EveryKind.full(), order: 0, ordinal: 0)
            try writer.append(batch: batch, schema: schemas[0])
            try writer.flush()
            try writer.finish()
            #expect(writer.rowCount(.conn) == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["conn.log"])
            let text = try String(contentsOf: folder.appendingPathComponent("conn.log"), encoding: .utf8)
            return text.split(separator: "\n").count
        }
        #expect(try run(appending: false) == 1)
        #expect(try run(appending: false) == 1)
        #expect(try run(appending: true) == 2)
    }

    @Test func `many rows arrive whole and in order`() throws {
        var records: [EveryKind] = []
        for number in 0..<20_000 {
            var record = EveryKind()
            record.count = UInt64(number)
            record.text = record.buffer.add("some text that fills the line a little")
            records.append(record)
        }
        let found = try lines(records, .zeekJSON)
        #expect(found.count == records.count)
        for (number, line) in found.enumerated() { #expect(line.hasPrefix(#"{"count":\#(number),"#)) }
    }

    @Test func `a folder that cannot be made is one clear line`() {
        #expect(throws: LogError(.folder, "", path: "", advice: "")) {
            try LogWriter(directory: "/proc/weir/logs", format: .zeekJSON, schemas: [])
        }
    }

    @Test func `a full disk is one clear line`() throws {
        let schemas = [EveryKind.makeSchema(), Short.makeSchema()]
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-logs-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let writer = try LogWriter(directory: folder.path, format: .zeekJSON, schemas: schemas, appending: true)
        try FileManager.default.createSymbolicLink(
            atPath: folder.appendingPathComponent("conn.log").path, withDestinationPath: "/dev/full")
        var batch = RowBatch(schemas[0])
        batch.append(EveryKind.full(), order: 0, ordinal: 0)
        try writer.append(batch: batch, schema: schemas[0])
        #expect(throws: LogError(.full, "", path: "", advice: "")) { try writer.finish() }
    }
}

@Suite struct SchemaTextTests {
    @Test func `the table has a line for each column`() {
        let text = SchemaText.table(Short.makeSchema())
        #expect(
            text == """
                conn_open
                    A connection and a text.

                    ts         time    When the first message of the record was seen.
                    uid        string  Identity of the connection, the same in every log.
                    id.orig_h  addr    Address of the originator.
                    id.orig_p  port    Port of the originator; for ICMP the type.
                    id.resp_h  addr    Address of the responder.
                    id.resp_p  port    Port of the responder; for ICMP the code or the answer's type.
                    text       string  A text.

                """)
    }

    @Test func `the JSON form can be read`() throws {
        let text = SchemaText.json([EveryKind.makeSchema(), Short.makeSchema()])
        let logs = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
        #expect(logs.map { $0["log"] as? String } == ["conn", "conn_open"])
        let columns = try #require(logs[1]["columns"] as? [[String: String]])
        #expect(columns[2] == [
            "name": "id.orig_h", "sql_name": "id_orig_h", "type": "addr", "sql_type": "TEXT",
            "doc": "Address of the originator.",
        ])
    }

    @Test func `the page names SQL's columns, list tables and the added column`() {
        let page = SchemaText.markdown(EveryKind.makeSchema())
        #expect(page.contains("| `text_vector` | vector[string] | JSON | Texts \\| in order. |\n"))
        #expect(page.contains("`conn_text_set`, `conn_text_vector`"))
        #expect(!page.contains("community_id"))
        let short = SchemaText.markdown(Short.makeSchema())
        #expect(short.contains("| `id.orig_h` | addr | `id_orig_h` TEXT | Address of the originator. |\n"))
        #expect(short.contains("`community_id`"))
    }
}
