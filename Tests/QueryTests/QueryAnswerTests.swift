// SPDX-License-Identifier: Apache-2.0
//
// Columns, list tables, joins, forms of answers, and questions that get none.

import Foundation
import Query
import Records
import Store
import Testing

@Suite(.serialized) struct QueryAnswerTests {
    static let fixture = Result { try QueryFixture(segments: 2, rowsPerSegment: 300) }

    private var fixture: QueryFixture { get throws { try QueryAnswerTests.fixture.get() } }

    // MARK: columns

    @Test func `every column comes back as it was written`() throws {
        let rows = try fixture.ask("SELECT * FROM conn ORDER BY n", .json).text.split(separator: "\n")
        #expect(rows.count == 600)
        for (line, flow) in zip(rows, try fixture.flows) {
            let row = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(row["uid"] as? String == flow.uid?.description)
            #expect(row["id_orig_h"] as? String == flow.originator?.description)
            #expect(row["id_orig_p"] as? Int == flow.port.map(Int.init))
            #expect(row["n"] as? UInt64 == flow.n)
            #expect(row["service"] as? String == flow.service)
            #expect(row["host"] as? String == flow.host)
            #expect(row["duration"] as? Double == flow.duration.map { Double($0 / 1000) / 1_000_000 })
            #expect(row["delta"] as? Int64 == flow.delta)
            #expect(row["local"] as? Bool == flow.local)
            #expect(row["tags"] as? [String] == flow.tags)
            #expect(row["waits"] as? [Double] == flow.waits.map { $0.map { Double($0) / 1_000_000_000 } })
        }
    }

    @Test func `numbers keep every bit`() throws {
        let scores = try fixture.values("SELECT score FROM conn ORDER BY n")
        for (text, flow) in zip(scores, try fixture.flows) { #expect(Double(text) == flow.score) }
    }

    @Test func `times are text in the order of time`() throws {
        let found = try fixture.values("SELECT ts FROM conn WHERE n = 0")
        #expect(found.count == 1)
        #expect(found[0].hasPrefix("2026-11-22 13:00:00."))
        #expect(found[0].utf8.count == 26)
        #expect(try fixture.values("SELECT count(*) FROM conn WHERE ts = '\(found[0])'") == ["1"])
        #expect(try fixture.values("SELECT min(ts) FROM conn") == found)
        #expect(try fixture.values("SELECT strftime('%H', ts) FROM conn WHERE n = 200") == ["13"])
    }

    @Test func `list tables have a row for each element`() throws {
        let expected = try fixture.flows.flatMap { flow in
            (flow.tags ?? []).map { "\(flow.uid!),\"\($0.replacingOccurrences(of: "\"", with: "\"\""))\"" }
        }
        #expect(try fixture.values("SELECT uid, value FROM conn_tags").sorted() == expected.sorted())
        let waits = try fixture.flows.flatMap { $0.waits ?? [] }.map { Double($0) / 1_000_000_000 }
        #expect(try fixture.values("SELECT value FROM conn_waits").compactMap(Double.init).sorted() == waits.sorted())
    }

    @Test func `answers of DNS have their lifetimes beside them`() throws {
        let expected = try fixture.queries.flatMap { query in
            (query.answers ?? []).enumerated().map { index, answer in
                let ttl = index < query.ttls!.count ? "\(Double(index + 1) * 60)" : ""
                return "\(query.uid!),\(answer),\(ttl)"
            }
        }
        #expect(try fixture.values("SELECT uid, answer, ttl FROM dns_answers").sorted() == expected.sorted())
        let one = try #require(try fixture.queries.first { $0.answers?.isEmpty == false }?.answers?.first)
        let matching = try fixture.queries.flatMap { $0.answers ?? [] }.filter { $0 == one }.count
        #expect(try fixture.values("SELECT count(*) FROM dns_answers WHERE answer = '\(one)'") == ["\(matching)"])
        #expect(try fixture.ask("SELECT * FROM dns_answers WHERE answer = 'nowhere'").outcome.counters.pagesRead == 0)
    }

    @Test func `tables are joined by uid`() throws {
        let expected = try fixture.queries.count
        #expect(try fixture.values("SELECT count(*) FROM dns JOIN conn USING (uid)") == ["\(expected)"])
        let missing = try fixture.flows.count - expected
        let left = "SELECT count(*) FROM conn LEFT JOIN dns ON dns.uid = conn.uid WHERE dns.uid IS NULL"
        #expect(try fixture.values(left) == ["\(missing)"])
        let pairs = try fixture.values("SELECT c.n FROM conn c, dns d WHERE c.uid = d.uid AND d.query = c.host")
        #expect(try pairs.count == fixture.queries.filter { $0.query != nil }.count)
    }

    @Test func `a join by an index agrees with the rows`() throws {
        let tags = try fixture.flows.reduce(0) { $0 + ($1.tags?.count ?? 0) }
        let lists = "SELECT count(*) FROM conn c CROSS JOIN conn_tags t ON t.uid = c.uid"
        #expect(try fixture.values(lists) == ["\(tags)"])
        let byService = Dictionary(grouping: try fixture.flows.filter { $0.service != nil }, by: \.service)
        let pairs = byService.values.reduce(0) { $0 + $1.count * $1.count }
        let services = "SELECT count(*) FROM conn a CROSS JOIN conn b ON a.service = b.service"
        #expect(try fixture.values(services) == ["\(pairs)"])
        let secure = try fixture.flows.filter { $0.service == "ssl" }.count
        let fixed = "SELECT count(*) FROM conn a CROSS JOIN conn b ON a.uid = b.uid AND b.service = 'ssl'"
        #expect(try fixture.values(fixed) == ["\(secure)"])
        #expect(try fixture.ask(fixed).outcome.counters.pagesRead < 200)
    }

    @Test func `groups and windows are SQLite's`() throws {
        let services = Dictionary(grouping: try fixture.flows, by: \.service).mapValues(\.count)
        for (service, count) in services {
            let condition = service.map { "= '\($0)'" } ?? "IS NULL"
            let groups = "SELECT service, count(*) AS c FROM conn GROUP BY 1"
            #expect(try fixture.values("SELECT c FROM (\(groups)) WHERE service \(condition)") == ["\(count)"])
        }
        let numbers = "WITH RECURSIVE t(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM t WHERE i < 3) SELECT i FROM t"
        #expect(try fixture.values(numbers) == ["1", "2", "3"])
    }

    @Test func `a log without rows is an empty table`() throws {
        var options = QueryOptions(store: try fixture.folder, statement: "SELECT * FROM weird")
        options.schemas = [WeirdRecord.makeSchema()]
        options.outputPath = try fixture.folder + "/empty.csv"
        options.format = .csv
        #expect(try runQuery(options).rowCount == 0)
        let text = try String(contentsOfFile: try #require(options.outputPath), encoding: .utf8)
        #expect(text == "ts,uid,id_orig_h,id_orig_p,id_resp_h,id_resp_p,name,addl,notice,peer,source\r\n")
    }

    // MARK: forms

    private static let oneRow = """
        SELECT 1 AS number, 2.5 AS real, 'te"x,t' AS text, NULL AS missing, x'00ff' AS blob, 'é' AS "é", '' AS empty
        """

    @Test func `CSV is RFC 4180's`() throws {
        #expect(
            try fixture.ask(QueryAnswerTests.oneRow, .csv).text
                == "number,real,text,missing,blob,é,empty\r\n1,2.5,\"te\"\"x,t\",,00ff,é,\"\"\r\n")
    }

    @Test func `JSON is one object a line`() throws {
        let expected = #"{"number":1,"real":2.5,"text":"te\"x,t","missing":null,"blob":"00ff","é":"é","empty":""}"#
        #expect(try fixture.ask(QueryAnswerTests.oneRow, .json).text == expected + "\n")
        let twice = "SELECT local, tags, 1 AS a, 2 AS a FROM conn WHERE local AND tags = '[]' LIMIT 1"
        #expect(try fixture.ask(twice, .json).text == #"{"local":true,"tags":[],"a":1,"a_2":2}"# + "\n")
        let odd = try fixture.ask("SELECT char(10, 9, 1) AS c, 9e999 AS i", .json).text
        #expect(odd == #"{"c":"\n\t\u0001","i":null}"# + "\n")
        #expect(try fixture.ask("SELECT CAST(x'41ff' AS TEXT) AS c", .json).text == "{\"c\":\"A\u{FFFD}\"}\n")
    }

    @Test func `a table is aligned and bounded`() throws {
        let statement = """
            SELECT 1 AS n, 'short' AS name, \(String(repeating: "'0123456789' || ", count: 7)) '' AS long
            UNION ALL SELECT 1000, 'a longer one', char(27) || '[31mé'
            """
        let expected = """
               n  name          long
            ----  ------------  ------------------------------------------------------------
               1  short         01234567890123456789012345678901234567890123456789012345678…
            1000  a longer one  ·[31mé

            """
        #expect(try fixture.ask(statement, .table).text == expected)
    }

    @Test func `a table on a terminal is coloured and counted`() throws {
        let path = try fixture.folder + "/coloured"
        let statement = "SELECT true AS t, local FROM conn WHERE local LIMIT 1"
        var options = QueryOptions(store: try fixture.folder, statement: statement)
        options.outputPath = path
        options.isTerminal = true
        _ = try runQuery(options)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text == "\u{1B}[1mt  local\u{1B}[0m\n-  -----\n1  true\n(1 row)\n")
    }

    @Test func `a Parquet answer can be read back`() throws {
        let path = try fixture.folder + "/answer.parquet"
        var options = QueryOptions(
            store: try fixture.folder,
            statement: "SELECT ts, n, duration, local, host, tags, n || '' AS made, NULL AS none FROM conn ORDER BY n")
        options.format = .parquet
        options.outputPath = path
        #expect(try runQuery(options).rowCount == 600)
        let reader = try SegmentReader(path: path)
        #expect(reader.columns.map(\.kind) == [.time, .integer, .real, .boolean, .text, .text, .text, .text])
        #expect(reader.columns.map(\.name) == ["ts", "n", "duration", "local", "host", "tags", "made", "none"])
        let times = try reader.read(column: 0, rowGroup: 0)
        let hosts = try reader.read(column: 4, rowGroup: 0)
        for (row, flow) in try fixture.flows.enumerated() {
            #expect(Int64(bitPattern: times.words[row]) == flow.ts!.nanoseconds / 1000)
            #expect(hosts.isSet(row) == (flow.host != nil))
            if let host = flow.host { #expect(String(decoding: hosts.text(row), as: UTF8.self) == host) }
        }
    }

    // MARK: no answer

    @Test(arguments: [
        ("SELEC n FROM conn", QueryError.Code.syntax, "at character 1"),
        ("SELECT n FROM conn WHERE", .syntax, "incomplete input"),
        ("", .syntax, "empty"),
        ("-- nothing", .syntax, "empty"),
        ("SELECT n FROM con", .unknownTable, "did you mean conn"),
        ("SELECT n FROM nowhere", .unknownTable, "the tables are conn, dns"),
        ("SELECT id.orig_h FROM conn", .unknownColumn, "id_orig_h"),
        ("SELECT servcie FROM conn", .unknownColumn, "at character 8 of the statement near \"servcie FROM conn\""),
        ("SELECT servcie FROM conn", .unknownColumn, "did you mean service?"),
        ("SELECT n FROM conn WHERE host = \"dns\"", .unknownColumn, "'single quotes'"),
        ("SELECT n FROM conn; SELECT 1", .notAllowed, "more than one"),
        ("CREATE TABLE t(a)", .notAllowed, "only questions"),
        ("CREATE TEMP TABLE t AS SELECT 1", .notAllowed, "only questions"),
        ("INSERT INTO conn VALUES (1)", .syntax, ""),
        ("DELETE FROM conn", .syntax, ""),
        ("DROP TABLE conn", .syntax, ""),
        ("ATTACH '/etc/passwd' AS p", .notAllowed, ""),
        ("PRAGMA journal_mode = DELETE", .notAllowed, ""),
        ("VACUUM INTO '/tmp/x'", .notAllowed, ""),
        ("BEGIN", .notAllowed, ""),
        ("SELECT load_extension('x')", .notAllowed, ""),
        ("SELECT nothing_like_it(n) FROM conn", .syntax, "no such function"),
        ("SELECT n FROM conn WHERE ts > 'yesterday'", .value, "'yesterday' is compared with a time"),
        ("SELECT n FROM conn WHERE ts > '2026-13-01'", .value, "2026-11-22 13:00"),
        ("SELECT zeroblob(1000000000)", .failed, ""),
        ("SELECT \u{0}1", .syntax, "NUL"),
    ] as [(String, QueryError.Code, String)])
    func `a question that cannot be answered is one clear line`(
        _ statement: String, _ code: QueryError.Code, _ says: String
    ) throws {
        do {
            _ = try fixture.ask(statement)
            Issue.record("\(statement) was answered")
        } catch let error as QueryError {
            let isRefused = error.code == code || code == .syntax && error.code == .notAllowed
            #expect(isRefused, "\(statement): \(error)")
            #expect(says.isEmpty || error.description.contains(says), "\(error)")
            #expect(!error.description.contains("\n"))
        }
    }

    @Test func `hostile statements never trap`() throws {
        var numbers = SeededNumbers(state: 3)
        let pieces = [
            "SELECT", "*", "FROM", "conn", "dns_answers", "WHERE", "ts", ">", "'", "\"", "(", ")", "n", "IN", "LIKE",
            "'%'", "GLOB", "'['", "NULL", "-9223372036854775808", "1e999", "x''", ",", ";", "--", "/*", "AND", "OR",
            "NOT", "IS", "ORDER BY", "LIMIT", "-1", "uid", "😀", "COLLATE", "weir_time", "GROUP BY", "JOIN", "ON",
            "=", "||", "?", ":a",
        ]
        var answered = 0
        for _ in 0..<1500 {
            let count = Int.random(in: 1..<14, using: &numbers)
            let words = (0..<count).map { _ in pieces.randomElement(using: &numbers)! }
            let start = Bool.random(using: &numbers) ? "SELECT n FROM conn WHERE " : ""
            let statement = start + words.joined(separator: " ")
            do {
                _ = try fixture.ask(statement + " LIMIT 3")
                answered += 1
            } catch is QueryError {}
        }
        #expect(answered > 0)
    }

    @Test func `a missing store is one clear line`() {
        #expect(throws: QueryError(.store, "", advice: "")) {
            try runQuery(QueryOptions(store: "/nowhere/at/all", statement: "SELECT 1"))
        }
    }

    @Test func `a damaged segment is an error and not an answer`() throws {
        let own = try QueryFixture(segments: 1, rowsPerSegment: 200)
        let files = try #require(FileManager.default.enumerator(atPath: own.folder + "/conn")?.allObjects as? [String])
        let path = own.folder + "/conn/" + (try #require(files.first { $0.hasSuffix(".parquet") }))
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path))
        #expect(throws: QueryError(.store, "", advice: "")) { try own.ask("SELECT * FROM conn") }
    }
}
