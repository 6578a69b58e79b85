// SPDX-License-Identifier: Apache-2.0
//
// Each kind of constraint, asked of the store and of the same rows in memory; and what pruning left out.

import Foundation
import Query
import Records
import Testing

private typealias Filter = @Sendable (TestFlow) -> Bool

@Suite(.serialized) struct QueryConstraintTests {
    static let fixture = Result { try QueryFixture() }

    private static let cases: [(String, Filter)] = [
        ("ts >= '2026-11-22 20:00'", { $0.ts! >= hour(20) }),
        ("ts > '2026-11-22 20:00' AND ts <= '2026-11-22T21:30:00Z'", { $0.ts! > hour(20) && $0.ts! <= hour(21.5) }),
        ("ts BETWEEN '2026-11-22 14' AND '2026-11-22 15:00:00+00:00'", { $0.ts! >= hour(14) && $0.ts! <= hour(15) }),
        ("ts < '2026-11-22 14:00+01:00'", { $0.ts! < hour(13) }),
        ("ts >= '2026-11-23'", { $0.ts! >= hour(24) }),
        ("'2026-11-23' > ts", { $0.ts! < hour(24) }),
        ("ts >= 1795381200", { $0.ts! >= hour(21) }),
        ("n = 4321", { $0.n == 4321 }),
        ("n = '4321'", { $0.n == 4321 }),
        ("n = 4321.5", { _ in false }),
        ("n < 17.5", { Double($0.n) < 17.5 }),
        ("n >= 5990 AND n != 5995", { $0.n >= 5990 && $0.n != 5995 }),
        ("n IN (1, 999, 1000, 5999, 7000, NULL)", { [1, 999, 1000, 5999].contains($0.n) }),
        ("n IN (SELECT n + 1 FROM conn WHERE n % 1000 = 0)", { $0.n % 1000 == 1 }),
        ("n < -5", { _ in false }),
        ("n > 1e30", { _ in false }),
        ("n < 1e30", { _ in true }),
        ("id_orig_p BETWEEN 100 AND 300", { $0.port.map { 100...300 ~= $0 } ?? false }),
        ("id_orig_p = 65536", { _ in false }),
        ("id_orig_p IS NULL", { $0.port == nil }),
        ("id_orig_p IS NOT NULL AND n < 100", { $0.port != nil && $0.n < 100 }),
        ("id_orig_h = '10.0.0.7'", { $0.originator == Address(v4: 0x0A00_0007) }),
        ("id_orig_h IN ('10.0.0.7', '2001:db8::1')", { ["10.0.0.7", "2001:db8::1"].contains("\($0.originator!)") }),
        ("id_orig_h LIKE '2001:%'", { !$0.originator!.isV4 }),
        ("id_orig_h = '10.0.0.7' OR n = 3", { $0.originator == Address(v4: 0x0A00_0007) || $0.n == 3 }),
        ("uid = 'C00000000000'", { $0.n == 0 }),
        ("uid IN ('C00000000000', 'nobody')", { $0.n == 0 }),
        ("uid > 'CC'", { $0.uid!.description > "CC" }),
        ("service = 'ssl'", { $0.service == "ssl" }),
        ("service = 'SSL'", { _ in false }),
        ("service LIKE 'ssh'", { $0.service == "SSH" }),
        ("service COLLATE NOCASE = 'ssh'", { $0.service == "SSH" }),
        ("service IS NULL", { $0.service == nil }),
        ("service != 'ssl'", { $0.service != nil && $0.service != "ssl" }),
        ("service = NULL", { _ in false }),
        ("host LIKE 'host-1%'", { $0.host?.hasPrefix("Host-1") ?? false }),
        ("host LIKE 'h_st-12%.EXAMPLE'", { $0.host.map { $0.hasPrefix("Host-12") } ?? false }),
        ("host LIKE '%-5.test'", { $0.host?.hasSuffix("-5.test") ?? false }),
        ("host GLOB 'Host-2*'", { $0.host?.hasPrefix("Host-2") ?? false }),
        ("host GLOB 'host-2*'", { _ in false }),
        ("host GLOB 'caf[é]-3*'", { $0.host?.hasPrefix("café-3") ?? false }),
        ("host = ''", { $0.host == "" }),
        ("host = 'Host-77.example'", { $0.host == "Host-77.example" }),
        ("host >= 'Host-5' AND host < 'Host-6'", { $0.host.map { $0.hasPrefix("Host-5") } ?? false }),
        ("host > 'café-9'", { $0.host.map { !less($0, "café-9") && $0 != "café-9" } ?? false }),
        ("duration > 50", { $0.duration.map { $0 > 50_000_000_000 } ?? false }),
        ("duration <= 0.5", { $0.duration.map { $0 <= 500_000_000 } ?? false }),
        ("duration BETWEEN 10 AND 10.25", { $0.duration.map { 10_000_000_000...10_250_000_000 ~= $0 } ?? false }),
        ("delta = -500", { $0.delta == -500 }),
        ("delta <= -990", { $0.delta.map { $0 <= -990 } ?? false }),
        ("delta IN (1, 2, 3) AND service = 'dns'", { [1, 2, 3].contains($0.delta) && $0.service == "dns" }),
        ("score > 0.99", { $0.score.map { $0 > 0.99 } ?? false }),
        ("score BETWEEN -0.01 AND 0.01", { $0.score.map { abs($0) <= 0.01 } ?? false }),
        ("local", { $0.local == true }),
        ("local = false", { $0.local == false }),
        ("NOT local AND n < 500", { $0.local == false && $0.n < 500 }),
        ("local IS NULL", { $0.local == nil }),
        ("tags IS NULL", { $0.tags == nil }),
        ("tags = '[]'", { $0.tags == [] }),
        ("json_array_length(tags) = 3", { $0.tags?.count == 3 }),
    ]

    @Test(arguments: cases.indices)
    func `an answer from the store is the answer from the rows`(_ index: Int) throws {
        let fixture = try QueryConstraintTests.fixture.get()
        let (condition, filter) = QueryConstraintTests.cases[index]
        let expected = fixture.flows.filter(filter).map { "\($0.n)" }
        #expect(try fixture.values("SELECT n FROM conn WHERE \(condition) ORDER BY n") == expected, "\(condition)")
        #expect(try fixture.values("SELECT count(*) FROM conn WHERE \(condition)") == ["\(expected.count)"])
    }

    @Test func `pairs of constraints agree with the rows`() throws {
        let fixture = try QueryConstraintTests.fixture.get()
        var numbers = SeededNumbers(state: 11)
        for _ in 0..<60 {
            let first = QueryConstraintTests.cases.randomElement(using: &numbers)!
            let second = QueryConstraintTests.cases.randomElement(using: &numbers)!
            let both = fixture.flows.filter { first.1($0) && second.1($0) }.count
            let statement = "SELECT count(*) FROM conn WHERE (\(first.0)) AND (\(second.0))"
            #expect(try fixture.values(statement) == ["\(both)"], "\(statement)")
            let either = fixture.flows.filter { first.1($0) || second.1($0) }.count
            let union = "SELECT count(*) FROM conn WHERE (\(first.0)) OR (\(second.0))"
            #expect(try fixture.values(union) == ["\(either)"], "\(union)")
        }
    }

    @Test func `time opens only the segments of that time`() throws {
        let counters = try count("ts >= '2026-11-23 04:30'")
        #expect(counters.segments == 6)
        #expect(counters.segmentsRead == 1)
        #expect(counters.rowGroups == 3)
        #expect(counters.rowGroupsRead == 2)
    }

    @Test func `a uid opens one page`() throws {
        let fixture = try QueryConstraintTests.fixture.get()
        let counters = try count("uid = '\(fixture.flows[4321].uid!)'")
        #expect(counters.rowGroupsRead <= 2)
        #expect(counters.pagesRead <= 8)
        #expect(counters.rows == 1)
    }

    @Test func `an unknown uid opens no page`() throws {
        #expect(try count("uid = 'Cthis is none'").pagesRead == 0)
    }

    @Test func `a range inside a row group reads its pages only`() throws {
        let counters = try count("n BETWEEN 4410 AND 4490")
        #expect(counters.segmentsRead == 1)
        #expect(counters.rowGroupsRead == 1)
        #expect(counters.pagesRead == 1)
        #expect(counters.rows == 81)
    }

    @Test func `a prefix that no name has opens nothing`() throws {
        #expect(try count("host LIKE '~a%'").segmentsRead == 0)
        #expect(try count("host GLOB 'zzz*'").segmentsRead == 0)
    }

    @Test func `a limit stops the scan`() throws {
        let fixture = try QueryConstraintTests.fixture.get()
        let counters = try fixture.ask("SELECT * FROM conn LIMIT 5").outcome.counters
        #expect(counters.pagesRead == 1)
        #expect(counters.rows <= 6)
    }

    private func count(_ condition: String) throws -> QueryCounters {
        let fixture = try QueryConstraintTests.fixture.get()
        return try fixture.ask("SELECT count(*) FROM conn WHERE \(condition)").outcome.counters
    }
}

private func hour(_ hours: Double) -> Timestamp {
    QueryFixture.start.adding(Int64((hours - 13) * 3600) * second)
}

private func less(_ left: String, _ right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }
