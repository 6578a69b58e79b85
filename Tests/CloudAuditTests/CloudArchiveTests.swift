// SPDX-License-Identifier: Apache-2.0
//
// Zip archives and tables of audit events; records that are larger, deeper or otherwise than records are.

import Foundation
import JSON
import Query
import Records
import Store
import Testing

@testable import CloudAudit

/// Makes archives, whole and hostile.
private let archives = """
    import struct, zipfile
    def write(name, members, packing=zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(name, "w", packing) as z:
            for member in members: z.write(member)
    write("two.zip", ["a.json", "b.ndjson", "note.txt"])
    write("stored.zip", ["a.json"], zipfile.ZIP_STORED)
    write("other.zip", ["a.json"], zipfile.ZIP_BZIP2)
    whole = open("two.zip", "rb").read()
    open("cut.zip", "wb").write(whole[:-60])
    open("far.zip", "wb").write(whole.replace(b"PK\\x01\\x02", b"PK\\x01\\x03", 1))
    place = whole.index(b"a.json") + 6
    open("broken.zip", "wb").write(whole[:place + 40] + bytes(20) + whole[place + 60:])
    locked = bytearray(whole); at = whole.index(b"PK\\x01\\x02"); locked[at + 8] |= 1
    open("locked.zip", "wb").write(locked)
    # Many members that stand for the same octets.
    with zipfile.ZipFile("once.zip", "w", zipfile.ZIP_DEFLATED) as z: z.writestr("x.json", b" " * (40 << 20))
    one = open("once.zip", "rb").read(); at = one.index(b"PK\\x01\\x02"); end = one.index(b"PK\\x05\\x06")
    directory = one[at:end] * 200
    tail = struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, 200, 200, len(directory), at, 0)
    open("bomb.zip", "wb").write(one[:at] + directory + tail)
    # The same without packing: a quarter of a megabyte, read 400 times.
    with zipfile.ZipFile("plain.zip", "w") as z: z.writestr("x.json", b" " * (256 << 10))
    one = open("plain.zip", "rb").read(); at = one.index(b"PK\\x01\\x02"); end = one.index(b"PK\\x05\\x06")
    directory = one[at:end] * 400
    tail = struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, 400, 400, len(directory), at, 0)
    open("many.zip", "wb").write(one[:at] + directory + tail)
    """

@Suite("Archives, tables and odd records") struct CloudArchiveTests {
    private func archived() throws -> Scratch {
        let scratch = try Scratch()
        try scratch.write("a.json", "{\"Records\":[\(event(0)),\(event(1))]}".utf8)
        try scratch.write("b.ndjson", "\(event(1))\n\(event(2))\n".utf8)
        try scratch.write("note.txt", "nothing".utf8)
        try scratch.write("make.py", archives.utf8)
        try scratch.shell("python3 make.py")
        return scratch
    }

    @Test func `members of an archive are read like files, once`() throws {
        let scratch = try archived()
        let first = try scratch.ingest([scratch.path + "/two.zip", scratch.path + "/stored.zip"])
        #expect(first.files == 2 && first.rows == 3 && first.duplicates == 3 && first.isClean)
        #expect(try Set(scratch.raws()) == Set((0...2).map { event($0) }))
        #expect(try scratch.ingest([scratch.path + "/two.zip"]).unchangedFiles == 1)
    }

    @Test(arguments: [
        ("cut.zip", "no directory"), ("far.zip", "directory of the zip archive is damaged"),
        ("broken.zip", "the packed data is damaged"), ("locked.zip", "it is encrypted"),
        ("other.zip", "packed by method 12"),
    ])
    func `what cannot be unpacked is told and stops no other file`(_ name: String, _ reason: String) throws {
        let scratch = try archived()
        try scratch.write("z.json", event(9).utf8)
        let summary = try scratch.ingest([scratch.path + "/" + name, scratch.path + "/z.json"])
        #expect(try scratch.raws().contains(event(9)))
        #expect(summary.damagedFiles.count == 1 && summary.damagedFiles[0].contains(reason), "\(summary)")
        #expect(try scratch.quarantine().contains { $0.file.contains(name) && $0.reason.contains(reason) })
    }

    @Test func `members that stand for the same octets unpack to no more than the archive may`() throws {
        let scratch = try archived()
        let summary = try scratch.ingest([scratch.path + "/bomb.zip"])
        #expect(summary.rows == 0 && summary.damagedFiles.count > 190)
        #expect(summary.damagedFiles.allSatisfy { $0.contains("unpacks to more") })
        let plain = try scratch.ingest([scratch.path + "/many.zip"])
        #expect(plain.damagedFileCount > 100 && plain.damagedFiles.allSatisfy { $0.contains("unpacks to more") })
    }

    @Test func `a lost quotation mark in a table costs its own row`() throws {
        let scratch = try Scratch()
        let head = "eventID,eventTime,eventName,userAgent\n"
        func row(_ number: Int, _ agent: String) -> String {
            "t-\(number),2024-10-17T20:09:52Z,GetObject,\(agent)\n"
        }
        // Inside a value a mark stands for itself; at its beginning it opens one that nobody closes.
        let odd = try scratch.write("odd.csv", (head + row(1, "5\" disk") + row(2, "b") + row(3, "c")).utf8)
        #expect(try scratch.ingest([odd]).rows == 3)
        let open = try scratch.write(
            "open.csv", (head + row(4, "a") + row(5, "\"b") + row(6, "c") + row(7, "\"d\"\"\ne\"")).utf8)
        let summary = try scratch.ingest([open])
        #expect(summary.rows >= 2 && summary.quarantined >= 1, "\(summary)")
        #expect(try scratch.raws().contains { $0.contains("t-6") } && scratch.raws().contains { $0.contains("t-4") })
        #expect(try scratch.quarantine().contains { $0.excerpt.starts(with: Array("t-5".utf8)) })
        // The last row may still be written.
        let rest = try scratch.write("rest.csv", (head + row(8, "a") + "t-9,2024-10-17T20:09:52Z,GetObject,\"b").utf8)
        #expect(try scratch.ingest([rest]).rows == 1)
        #expect(try scratch.quarantine().contains { $0.reason == "ends inside a row" })
        try scratch.write("rest.csv", (head + row(8, "a") + row(9, "\"b\"")).utf8)
        #expect(try scratch.ingest([rest]).rows == 1)
        #expect(try !scratch.quarantine().contains { $0.reason == "ends inside a row" })
    }

    @Test func `a value of many texts costs no more than its length`() throws {
        let scratch = try Scratch()
        let list = "['" + Array(repeating: "a", count: 100_000).joined(separator: "','") + "']"
        let file = try scratch.write(
            "x.csv", "eventID,eventTime,eventName,requestParameters\nt,2024-10-17T20:09:52Z,Get,\"\(list)\"\n".utf8)
        #expect(try scratch.ingest([file]).rows == 1)
    }

    @Test func `what is no file is passed over in folders, and files may be of any age`() throws {
        let scratch = try Scratch()
        try scratch.write("a.json", event(1).utf8)
        try scratch.shell("mkfifo b.json; ln -s a.json c.json; ln -s /nowhere d.json; mkdir e.json")
        #expect(CloudFolder.files(at: scratch.path).map { $0.split(separator: "/").last } == ["a.json", "c.json"])
        #expect(CloudFolder.microseconds(1e300) == .max && CloudFolder.microseconds(-1e300) == .min)
        #expect(CloudFolder.microseconds(1_795_000_000.25) == 1_795_000_000_250_000)
    }

    /// Raises an alert for each row that it sees.
    private struct Onlooker: RowObserver {
        mutating func observe(_ rows: borrowing RowBatch, alerts: inout RowBatch) {
            for _ in 0..<rows.count { alerts.append(AlertRecord(), order: 0, ordinal: 0) }
        }
    }

    @Test func `who looks on sees each new record once`() throws {
        let scratch = try Scratch()
        var settings = CloudIngest.Settings()
        settings.onlookers = [Onlooker()]
        for count in [2, 5] {
            let lines = (0..<count).map { event($0) }.joined(separator: "\n")
            let ingest = try CloudIngest(store: scratch.store, settings: settings)
            try ingest.read([try scratch.write("\(count).ndjson", lines.utf8)])
            #expect(ingest.summary.alerts == (count == 2 ? 2 : 3))
        }
        let alerts = try StoreQuery(store: scratch.store, schemas: [AlertRecord.makeSchema()])
            .rows("SELECT count(*) AS n FROM alert").all()
        #expect(alerts.first?.integer("n") == 5)
    }

    @Test func `a table of events becomes records that rules and questions find`() throws {
        let scratch = try Scratch()
        let file = try scratch.write(
            "history.csv",
            """
            Event ID,Event DateTime,Event Name,Event source,AWS region,User ID,Request Parameters,Source IP,Note
            t-1,2024-10-17T20:09:52Z,ListObjects,s3.amazonaws.com,eu-west-1,\
            "{'type': 'AWSAccount', 'principalId': 'A-B', 'accountId': None}","{""bucketName"": ""data""}",203.0.113.9,\
            "a, ""b""
            c"
            t-2,2024-10-17T20:09:53Z,GetObject,s3.amazonaws.com,eu-west-1,,,203.0.113.10,x,too,many
            t-3,yesterday,GetObject,s3.amazonaws.com,eu-west-1,,,203.0.113.10,x

            t-1,2024-10-17T20:09:52Z,ListObjects,s3.amazonaws.com,eu-west-1,,,203.0.113.9,again
            """.utf8)
        let summary = try scratch.ingest([file])
        #expect(summary.rows == 1 && summary.duplicates == 1 && summary.quarantined == 2)
        let raw = try #require(try scratch.raws().first)
        let record = try JSONDocument(raw).root
        #expect(record["eventName"]?.string == "ListObjects" && record["awsRegion"]?.string == "eu-west-1")
        #expect(record["requestParameters"]?["bucketName"]?.string == "data")
        #expect(record["userIdentity"]?["principalId"]?.string == "A-B")
        #expect(record["Note"]?.string == "a, \"b\"\nc")
        #expect(record["_row"]?.string?.hasPrefix("t-1,2024-10-17T20:09:52Z,ListObjects") == true)
        #expect(
            try scratch.quarantine().map(\.reason) == [
                "is a row of 11 values, of 9 columns", "eventTime is no time: \"yesterday\"",
            ])
        let rows = try StoreQuery(store: scratch.store, schemas: [CloudAuditRecord.makeSchema()])
            .rows("SELECT src_ip, resources, record_id FROM cloud_audit").all()
        #expect(rows.first?.text("src_ip") == "203.0.113.9" && rows.first?.text("record_id") == "t-1")
        // A table that is read again gives nothing new, one that has grown what is new.
        try scratch.shell(
            "printf '\nt-4,2024-10-17T20:09:52Z,PutObject,s3.amazonaws.com,eu-west-1,,,203.0.113.9,\n' >> history.csv")
        #expect(try scratch.ingest([file]).rows == 1)
    }

    @Test func `a table of something else is one damaged stretch`() throws {
        let scratch = try Scratch()
        let file = try scratch.write("x.csv", "a,b,c\n1,2,3\n4,5,6\n".utf8)
        #expect(try scratch.ingest([file]).quarantined == 1)
        #expect(try scratch.quarantine().map(\.reason) == ["is a table whose columns are none of an audit log"])
        let odd = try scratch.write(
            "y.csv",
            Array("eventID,eventName,eventTime\n".utf8) + Array(repeating: 0x22, count: 3 << 20) + [0x0A]
                + Array("k,GetObject,2024-10-17T20:09:52Z\n".utf8))
        let summary = try scratch.ingest([odd])
        #expect(summary.rows == 1 && summary.quarantined >= 1)
    }

    @Test func `a record of fifty megabytes costs itself and no other`() throws {
        let scratch = try Scratch()
        let long = event(5, ",\"x\":\"\(String(repeating: "y", count: 50 << 20))\"")
        let file = try scratch.write("x.json", "{\"Records\":[\(event(1)),\(long),\(event(2))]}".utf8)
        let summary = try scratch.ingest([file])
        #expect(summary.rows == 2 && summary.quarantined == 1)
        let stretch = try #require(try scratch.quarantine().first)
        #expect(stretch.reason == "is longer than 1048576 octets" && stretch.length > 50 << 20)
        #expect(stretch.excerpt.count == CloudLimits.excerptBytesMax)
    }

    @Test func `numbers, flags and names that come as texts, or in another case, say the same`() throws {
        let scratch = try Scratch()
        let azure = """
            {"TIME":"2024-10-17T20:09:52.1234567Z","RESOURCEID":"/SUBSCRIPTIONS/S/x","OperationName":"Sign-in",\
            "CATEGORY":"SignInLogs","ResultType":50126,"CALLERIPADDRESS":"203.0.113.9:4711","durationMs":"12",\
            "Level":"4","properties":{"id":"p-1","userPrincipalName":"eve@example"}}
            """
        let twin = azure.replacingOccurrences(of: "50126", with: "\"50126\"")
            .replacingOccurrences(of: "\"12\"", with: "12").replacingOccurrences(of: "p-1", with: "p-2")
        let trail = event(7, ",\"readOnly\":\"true\",\"recipientAccountId\":111122223333")
        let file = try scratch.write("x.ndjson", [azure, twin, trail].joined(separator: "\n").utf8)
        #expect(try scratch.ingest([file]).rows == 3)
        let rows = try StoreQuery(store: scratch.store, schemas: [CloudAuditRecord.makeSchema()])
            .rows(
                """
                SELECT provider, error_code, src_ip, read_only, account, outcome FROM cloud_audit
                ORDER BY provider, ts
                """
            )
            .all()
        #expect(rows.map { $0.text("provider") } == ["aws", "azure", "azure"])
        #expect(rows[0].text("account") == "111122223333" && rows[0].integer("read_only") == 1)
        #expect(rows[1...].allSatisfy { $0.text("error_code") == "50126" && $0.text("outcome") == "failure" })
        #expect(rows[1...].allSatisfy { $0.text("src_ip") == "203.0.113.9" })
    }

    @Test func `alerts of one rule about the same principal are one row, of known records none`() throws {
        let scratch = try Scratch()
        func observer(_ record: CloudAuditRecord, _ json: JSONValue) -> [AlertRecord] {
            var alert = AlertRecord()
            (alert.ts, alert.first, alert.last) = (record.ts, record.ts, record.ts)
            alert.source = "sigma"
            func add(_ text: String) -> Text {
                let start = alert.text.begin()
                alert.text.bytes.append(contentsOf: text.utf8)
                return alert.text.end(start)
            }
            alert.ruleID = add("rule")
            alert.entities = [
                add("principal:\(record.string(record.actorID) ?? "")"),
                add("record:\(record.string(record.identity) ?? "")"),
            ]
            return [alert]
        }
        func from(_ who: String, _ number: Int) -> String {
            event(number, ",\"userIdentity\":{\"principalId\":\"\(who)\"}")
        }
        // The events' times are a minute apart.
        let lines = [from("a", 0), from("a", 1), from("a", 5), from("b", 10), from("b", 20)]
        var settings = CloudIngest.Settings()
        settings.observer = observer
        settings.foldSeconds = 90
        for _ in 0..<2 {
            let file = try scratch.write("x.ndjson", (lines + [from("c", 3)]).joined(separator: "\n").utf8)
            let ingest = try CloudIngest(store: scratch.store, settings: settings)
            try ingest.read([file])
            try scratch.write("x.ndjson", "".utf8)
        }
        let rows = try StoreQuery(store: scratch.store, schemas: [AlertRecord.makeSchema()])
            .rows("SELECT entities, count FROM alert ORDER BY entities, ts").all()
        #expect(rows.map { $0.integer("count") } == [2, 1, 2, 1], "\(rows)")
    }
}
