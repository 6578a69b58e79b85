// SPDX-License-Identifier: Apache-2.0
//
// EXPLAIN, and the limit on what a question may read.

import Foundation
import Records
import Testing

@testable import Query

@Suite struct `What a question would read` {
    private static let fixture = Result { try QueryFixture() }

    private func explain(_ statement: String) throws -> [QueryRow] {
        let store = try StoreQuery(store: Self.fixture.get().folder, schemas: QueryFixture.schemas)
        let before = store.counters
        let rows = try QueryRows(store.explain(statement)).all()
        // Nothing of a column was read.
        #expect(store.counters.rows == before.rows)
        return rows
    }

    @Test func `a filter and a grouping are vectorised`() throws {
        let rows = try explain("SELECT service, count(*) FROM conn WHERE n BETWEEN 1210 AND 1220 GROUP BY 1")
        #expect(rows.count == 1 && rows[0].text("table") == "conn" && rows[0].text("path") == "vectorised")
        #expect(rows[0].text("segments_kept") == "1 of 6" && rows[0].text("row_groups_kept") == "1 of 3")
        #expect(rows[0].text("pruned_by")?.contains("n ") == true && rows[0]["why_not_vectorised"] == .null)
        #expect(rows[0].integer("rows") == 100)
        let all = try explain("SELECT service, count(*) FROM conn GROUP BY 1")
        #expect(all[0].integer("rows") == 6000 && all[0]["pruned_by"] == .null)
        #expect((all[0].integer("bytes") ?? 0) > (rows[0].integer("bytes") ?? 0))
    }

    @Test func `what SQLite does says why`() throws {
        let window = try explain("SELECT n, rank() OVER (ORDER BY n) FROM conn WHERE host = 'not there.example'")
        #expect(window[0].text("path") == "row by row" && window[0].text("row_groups_kept")?.hasPrefix("0 of") == true)
        #expect(window[0].text("why_not_vectorised")?.contains("OVER") == true)
        let group = try explain("SELECT count(*) FROM conn GROUP BY printf('%d', n)")
        #expect(group[0].text("why_not_vectorised")?.contains("printf") == true)
        let byNumber = try explain("SELECT printf('%d', n), count(*) FROM conn GROUP BY 1")
        #expect(byNumber[0].text("why_not_vectorised")?.contains("printf") == true)
        let part = try explain("WITH t AS (SELECT host FROM conn GROUP BY 1) SELECT count(*) FROM dns WHERE query IN t")
        #expect(Set(part.map { $0.text("table") }) == ["conn", "dns", "(all)"])
        #expect(part.first { $0.text("table") == "conn" }?.text("path") == "vectorised")
    }

    @Test func `a join is two passes`() throws {
        let rows = try explain("SELECT count(*) FROM conn c JOIN dns_answers a ON c.uid = a.uid WHERE c.n < 500")
        #expect(rows.map { $0.text("table") } == ["conn", "dns_answers", "(all)"])
        #expect(rows[0].text("segments_kept") == "1 of 6" && rows[1].text("segments_kept") == "6 of 6")
        #expect(rows[2].integer("bytes") == rows.prefix(2).reduce(0) { $0 + ($1.integer("bytes") ?? 0) })
    }

    @Test(arguments: [
        "SELECT count(DISTINCT host) FROM conn", "SELECT * FROM conn",
        "SELECT host, rank() OVER (ORDER BY n) FROM conn",
    ])
    func `a question that would read too much is refused`(_ statement: String) throws {
        let store = try StoreQuery(store: Self.fixture.get().folder, schemas: QueryFixture.schemas)
        store.limitBytes = 1000
        let failure = #expect(throws: QueryError.self) { try store.rows(statement) }
        #expect(failure?.code == .tooMuch && failure?.description.contains("limit of 1.0 kB") == true)
        #expect(store.counters.rows == 0)
        store.limitBytes = 1 << 30
        #expect(try store.rows(statement).next() != nil)
    }

    @Test func `sizes are read and shown`() {
        #expect(QueryOptions.byteCount("500MB") == 500_000_000 && QueryOptions.byteCount("1.5 kb") == 1500)
        #expect(QueryOptions.byteCount("12") == 12 && QueryOptions.byteCount("2 apples") == nil)
        #expect(QueryOptions.byteCount("") == nil && QueryOptions.byteCount("-1") == nil)
        #expect(ReadPlan.size(999) == "999 bytes" && ReadPlan.size(1_250_000) == "1.3 MB")
    }
}
