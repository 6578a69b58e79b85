// SPDX-License-Identifier: Apache-2.0
//
// The same questions asked of DuckDB, over the same files: 500 generated statements, and the functions that both have.
//
// DuckDB is set to SQLite's order of NULL and to whole quotients of whole numbers; intervals are seconds and booleans
// 0 and 1, as here. What it refuses (a text compared with a number, a time cut as a text) is no difference.

import Foundation
import Testing

@testable import Query

private let python = ProcessInfo.processInfo.environment["WEIR_TEST_PYTHON"]

@Suite(.enabled(if: python != nil, "WEIR_TEST_PYTHON does not name a Python that has duckdb"))
struct `DuckDB beside it` {
    private struct Question: Codable {
        var sql: String
        /// The same for DuckDB.
        var theirs: String
        var answer: String
    }

    /// Has DuckDB answer, and gives what it says about each difference, and the counts.
    private func compare(
        _ questions: [Question], _ fixture: QueryFixture
    ) throws -> (same: Int, refused: Int, report: String) {
        let path = fixture.folder + "/questions-\(UUID()).json"
        try JSONEncoder().encode(questions).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python ?? "python3")
        let prelude = root.appending(path: "Signatures/hunts/prelude.duckdb.sql").path
        process.arguments = [root.appending(path: "Scripts/compare-duckdb").path, fixture.folder, prelude, path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let report = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let last = report.split(separator: "\n").last.map { $0.split(separator: " ") } ?? []
        try #require(process.terminationStatus == 0 && last.count == 4 && last[0] == "same", "\(report)")
        return (Int(last[1]) ?? 0, Int(last[3]) ?? 0, report)
    }

    private func question(_ sql: String, _ theirs: String, _ fixture: QueryFixture) throws -> Question {
        Question(sql: sql, theirs: theirs, answer: try fixture.ask(sql).text)
    }

    @Test func `500 statements have its answers where it takes them`() throws {
        let fixture = try QueryFixture(segments: 3)
        let small = try QueryFixture(segments: 3, rowsPerSegment: 120)
        var (all, joins): ([Question], [Question]) = ([], [])
        for part in 0..<5 {
            var maker = StatementMaker(numbers: SeededNumbers(state: UInt64(part) * 1000 + 1))
            for number in 0..<100 {
                let isSmall = number % 10 < 3
                let sql = number % 10 < 2 ? maker.join() : number % 10 == 2 ? maker.nested() : maker.statement()
                // An error of SQLite's has no answer to compare.
                guard let made = try? question(sql, sql, isSmall ? small : fixture) else { continue }
                if isSmall { joins.append(made) } else { all.append(made) }
            }
        }
        let first = try compare(all, fixture)
        let second = try compare(joins, small)
        #expect(first.same + first.refused == all.count, "\(first.report)")
        #expect(second.same + second.refused == joins.count, "\(second.report)")
        // A test of nothing would pass too.
        #expect(first.same + second.same > 250, "\(first.report)\(second.report)")
    }

    /// `@'…'` is a time, `#'…'` a width of time.
    @Test func `functions of one name give one value`() throws {
        let fixture = try QueryFixture(segments: 2, rowsPerSegment: 500)
        let calls = [
            "split_part('a.b.c', '.', 2)", "split_part('a.b.c', '.', -1)", "split_part('a', '.', 2)",
            "split_part('a..c', '.', 2)", "starts_with('example', 'ex')",
            "starts_with('example', '')", "ends_with('example', 'ple')", "contains('example', 'xx')",
            "contains('é', 'é')", "greatest(1, NULL, 2.5)", "least('b', 'a')", "greatest('a', NULL)", "hex('az')",
            "hex('é')", "regexp_matches('abc', 'b')", "regexp_matches('abc', '^b')", "regexp_matches('é', '^.$')",
            "regexp_matches('a1', '^[a-z]\\d$')", "lower('AB')", "length('é')", "substr('example', 2, 3)",
            "date_trunc('hour', @'2026-11-22 13:45:10.5')", "date_trunc('week', @'2026-11-22 00:00:00')",
            "date_trunc('month', @'2026-11-22 10:00:00')", "date_trunc('quarter', @'1999-12-31 10:00:00')",
            "date_trunc('year', @'1969-05-05 10:00:00')", "date_trunc('minute', @'1969-12-31 23:59:59.5')",
            "date_trunc('second', @'2026-11-22 13:45:10.5')", "date_trunc('day', @'2026-11-22 13:45:10.5')",
            "time_bucket(#'5 minutes', @'2026-11-22 13:47:00')", "time_bucket(#'7 days', @'2026-11-22 00:00:00')",
            "time_bucket(#'7 hours', @'2026-11-22 13:47:00')", "time_bucket(#'2 months', @'2026-12-22 00:00:00')",
            "time_bucket(#'1 hour', @'1969-12-31 23:59:59')", "epoch(@'1970-01-01 00:01:00.5')",
            "epoch_ms(@'2026-11-22 13:47:00.123')", "epoch_us(@'1970-01-01 00:00:01')", "hour(@'2026-11-22 13:47:00')",
        ]
        let aggregates = [
            "median(duration)", "median(n)", "quantile_cont(delta, 0.9)", "quantile_cont(score, 0.05)",
            "stddev_pop(delta)", "stddev_samp(delta)", "stddev(score)", "var_pop(delta)", "var_samp(duration)",
            "variance(n)", "count_if(delta > 0)", "max_by(n, ts)", "min_by(n, ts)", "bool_or(n > 5)", "bool_and(n > 5)",
            "any_value(7)", "count(DISTINCT host)", "median(n) FILTER (WHERE n < 0)",
        ]
        let made = try calls.map { call in
            let own = call.replacing("@'", with: "'").replacing("#'", with: "'")
            let theirs = call.replacing("@'", with: "TIMESTAMP '").replacing("#'", with: "INTERVAL '")
            return try question("SELECT \(own) AS x", "SELECT \(theirs) AS x", fixture)
        } + aggregates.map { try question("SELECT \($0) AS x FROM conn", "SELECT \($0) AS x FROM conn", fixture) }
            + ["service", "local"].flatMap { key in
                try aggregates.map { call in
                    let sql = "SELECT \(key), \(call) AS x FROM conn GROUP BY 1 ORDER BY 1"
                    return try question(sql, sql, fixture)
                }
            }
        let found = try compare(made, fixture)
        #expect(found.same == made.count, "\(found.report)")
    }
}
