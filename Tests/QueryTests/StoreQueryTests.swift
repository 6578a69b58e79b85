// SPDX-License-Identifier: Apache-2.0
//
// Asking a store from Swift: parameters, typed rows, tables of memory, columns page by page, cancelling.

import Foundation
import Records
import Store
import Synchronization
import Testing

@testable import Query

@Suite struct `Asking from Swift` {
    @Test func `rows are typed`() throws {
        let fixture = try QueryFixture(segments: 1, rowsPerSegment: 100)
        let store = try StoreQuery(store: fixture.folder, schemas: QueryFixture.schemas)
        let rows = try store.rows(
            "SELECT ts, n, host, duration, local, id_orig_h FROM conn WHERE n >= :least ORDER BY n", ["least": 90])
        #expect(rows.columns == ["ts", "n", "host", "duration", "local", "id_orig_h"])
        var count = 0
        while let row = try rows.next() {
            let flow = fixture.flows[90 + count]
            #expect(row.integer("n") == Int64(flow.n) && row.text("host") == flow.host)
            #expect(row.boolean("local") == flow.local)
            #expect(row.time("ts") == flow.ts.map { Timestamp(nanoseconds: $0.nanoseconds / 1000 * 1000) })
            #expect(row.real("duration") == flow.duration.map { Double($0 / 1000) / 1_000_000 })
            #expect(row["n"] == row[1])
            count += 1
        }
        #expect(count == 10)
        let first = try store.first("SELECT 1 AS a, 'x' AS b, NULL AS c")
        #expect(first.map { String(decoding: $0.json, as: UTF8.self) } == #"{"a":1,"b":"x","c":null}"#)
        #expect(try store.first("SELECT n FROM conn WHERE n < 0") == nil)
    }

    @Test func `a parameter is a value and never SQL`() throws {
        let fixture = try QueryFixture(segments: 1, rowsPerSegment: 100)
        let store = try StoreQuery(store: fixture.folder, schemas: QueryFixture.schemas)
        let hostile = "' OR 1=1 --"
        #expect(try store.rows("SELECT 1 FROM conn WHERE host = :host", ["host": SQLValue(hostile)]).all().isEmpty)
        #expect(try store.first("SELECT :host AS x", ["host": SQLValue(hostile)])?.text("x") == hostile)
        let bound = try bindParameters(
            "SELECT ':no', \"@no\", :yes, ? -- :no\n, $name /* ?1 */, [?x]", ["yes": 1, "1": 2.5, "name": "it's"])
        #expect(bound == "SELECT ':no', \"@no\", 1, 2.5 -- :no\n, 'it''s' /* ?1 */, [?x]")
        #expect(throws: QueryError(.value, "", advice: "")) { try bindParameters("SELECT :x", ["y": 1]) }
        #expect(throws: QueryError(.value, "", advice: "")) { try bindParameters("SELECT :x", ["x": "a\0b"]) }
        #expect(try bindParameters("SELECT ?2, ?1", ["1": nil, "2": true]) == "SELECT 1, NULL")
        #expect(SQLValue.integer(.min).literal == "(-9223372036854775807 - 1)")
        #expect(SQLValue.blob([10]).literal == "x'0a'")
    }

    @Test func `times go in and come out`() throws {
        let fixture = try QueryFixture(segments: 1, rowsPerSegment: 10)
        let store = try StoreQuery(store: fixture.folder, schemas: QueryFixture.schemas)
        let time = QueryFixture.start.adding(1_234_567)
        let row = try store.first(
            "SELECT count(*) AS n, min(ts) AS first FROM conn WHERE ts >= :since",
            ["since": SQLValue(QueryFixture.start.adding(25 * second))])
        #expect(row?.integer("n") == 7 && (row?.time("first")).map { $0 > QueryFixture.start } == true)
        #expect(SQLValue(time) == "2026-11-22 13:00:00.001234")
        #expect(SQLValue(Timestamp(nanoseconds: -1)) == "1969-12-31 23:59:59.999999")
    }

    @Test func `rows of memory are a table`() throws {
        let fixture = try QueryFixture(segments: 1, rowsPerSegment: 100)
        let store = try StoreQuery(store: fixture.folder, schemas: QueryFixture.schemas)
        try store.define("wanted", columns: ["n", "why"], rows: [[5, "five"], [7, nil], [1000, "none"]])
        let rows = try store.rows("SELECT conn.n, why FROM conn JOIN wanted ON conn.n = wanted.n ORDER BY 1").all()
        #expect(rows.map { $0.integer("n") } == [5, 7] && rows.map { $0.text("why") } == ["five", nil])
        #expect(throws: QueryError(.notAllowed, "", advice: "")) {
            try store.define("conn", columns: [], rows: [])
        }
    }

    @Test func `columns come page by page`() throws {
        let fixture = try QueryFixture()
        let store = try StoreQuery(store: fixture.folder, schemas: QueryFixture.schemas)
        let sums = (0..<StoreQuery.workersMax).map { _ in Share() }
        let condition = "n >= :from AND local"
        let count = try store.scan("conn", columns: ["n", "host"], where: condition, ["from": 1000]) { page in
            guard let numbers = page.columns[0], let hosts = page.columns[1] else { return }
            for row in page.rows {
                sums[page.worker].sum.wrappingAdd(Int(numbers.words[Int(row)]), ordering: .relaxed)
                let octets = hosts.isSet(Int(row)) ? hosts.text(Int(row)).count : 0
                sums[page.worker].octets.wrappingAdd(octets, ordering: .relaxed)
            }
        }
        let wanted = fixture.flows.filter { $0.n >= 1000 && $0.local == true }
        #expect(count == wanted.count)
        #expect(sums.reduce(0) { $0 + $1.sum.load(ordering: .relaxed) } == wanted.reduce(0) { $0 + Int($1.n) })
        #expect(
            sums.reduce(0) { $0 + $1.octets.load(ordering: .relaxed) }
                == wanted.reduce(0) { $0 + ($1.host?.utf8.count ?? 0) })
        #expect(throws: QueryError(.unknownColumn, "", advice: "")) { try store.scan("conn", columns: ["no"]) { _ in } }
        #expect(throws: QueryError(.notAllowed, "", advice: "")) {
            try store.scan("conn", columns: ["n"], where: "printf('%d', n) = '5'") { _ in }
        }
    }

    private final class Share: Sendable {
        let sum = Atomic(0)
        let octets = Atomic(0)
    }

    @Test(arguments: [true, false]) func `a cancelled question has no answer`(isVectorised: Bool) throws {
        let fixture = try QueryFixture(segments: 1, rowsPerSegment: 200)
        let control = QueryControl()
        let store = try StoreQuery(store: fixture.folder, schemas: QueryFixture.schemas, control: control)
        store.isVectorised = isVectorised
        control.cancel()
        for statement in ["SELECT count(*) FROM conn", "SELECT n FROM conn ORDER BY host", "SELECT 1"] {
            #expect(throws: QueryError(.cancelled, "", advice: "")) { try store.rows(statement).all() }
        }
        control.reset()
        #expect(try store.first("SELECT count(*) AS n FROM conn")?.integer("n") == 200)
        #expect(control.progress.rowsDone == 200)
    }

    @Test func `a place is a line and a character where there are lines`() throws {
        let fixture = try QueryFixture(segments: 1, rowsPerSegment: 10)
        let store = try StoreQuery(store: fixture.folder, schemas: QueryFixture.schemas)
        let failure = #expect(throws: QueryError.self) { try store.rows("SELECT n\nFROM conn\nWHERE hosst = 'x'") }
        #expect(failure?.place?.line == 3 && failure?.place?.column == 7)
        #expect(failure?.description.contains("line 3, character 7") == true)
        #expect(failure?.description.contains("did you mean host") == true)
        let function = #expect(throws: QueryError.self) { try store.rows("SELECT in_cdr(id_orig_h, 'x') FROM conn") }
        #expect(function?.description.contains("in_cidr") == true)
    }
}
