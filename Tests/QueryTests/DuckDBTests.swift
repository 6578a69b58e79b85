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
        process.arguments = ["-c", script, fixture.folder, prelude, path]
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
            "split_part('a..c', '.', 2)", "split_part('abc', '', 1)", "starts_with('example', 'ex')",
            "starts_with('example', '')", "ends_with('example', 'ple')", "contains('example', 'xx')",
            "contains('é', 'é')", "greatest(1, NULL, 2.5)", "least('b', 'a')", "greatest('a', NULL)", "hex('az')",
            "hex('é')", "regexp_matches('abc', 'b')", "regexp_matches('abc', '^b')", "regexp_matches('é', '^.$')",
            "regexp_matches('a1', '^[a-z]\\d$')", "lower('ÄB')", "length('é')", "substr('example', 2, 3)",
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
            "variance(n)", "count_if(delta > 0)", "max_by(n, ts)", "min_by(n, ts)", "bool_or(local)", "bool_and(local)",
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

private let script = #"""
    import csv, datetime, io, json, sys
    import duckdb
    store, prelude, path = sys.argv[1:4]
    base = duckdb.connect(config={"threads": 1})
    base.execute("SET default_null_order = 'sqlite'; SET integer_division = true; SET TimeZone = 'UTC'")
    # The functions alone: the views are of logs that the store does not have.
    for statement in open(prelude).read().split(";\n"):
        if "MACRO" in statement and "TABLE" not in statement: base.execute(statement)
    networks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "2001:db8::/32", "fc00::/7"]
    base.execute("CREATE MACRO is_private(ip) AS " + " OR ".join(f"in_cidr(ip, '{net}')" for net in networks))
    base.execute("CREATE MACRO total(x) AS coalesce(sum(x), 0)::DOUBLE")
    base.execute("CREATE MACRO percentile(x, share) AS quantile_cont(x, share)")
    base.execute("CREATE MACRO unix_timestamp(t) AS floor(epoch(t))::BIGINT")
    read = "SELECT * FROM read_parquet('%s/%s/**/*.parquet', union_by_name = true, hive_partitioning = false)"
    base.execute("CREATE VIEW conn AS SELECT * REPLACE (ts::TIMESTAMP AS ts, duration / 1e6 AS duration, "
                 "local::INTEGER AS local, n::BIGINT AS n, id_orig_p::INTEGER AS id_orig_p) "
                 "FROM (" + read % (store, "conn") + ")")
    base.execute("CREATE VIEW dns AS SELECT * REPLACE (ts::TIMESTAMP AS ts) FROM (" + read % (store, "dns") + ")")
    base.execute('CREATE VIEW dns_answers AS SELECT ts, uid, query, unnest(answers) AS answer, '
                 'unnest("TTLs"[1:len(answers)]) / 1e6 AS ttl FROM dns')
    base.execute("CREATE VIEW conn_tags AS SELECT ts, uid, id_orig_h, id_orig_p, unnest(tags) AS value FROM conn")

    def plain(value):
        if value is None: return ""
        if isinstance(value, bool): return "1" if value else "0"
        if isinstance(value, datetime.datetime): return value.replace(tzinfo=None).strftime("%Y-%m-%d %H:%M:%S.%f")
        if isinstance(value, datetime.date): return value.strftime("%Y-%m-%d 00:00:00.000000")
        return str(value)

    def same(left, right):
        left, right = ({"true": "1", "false": "0"}.get(text, text) for text in (left, right))
        if left == right: return True
        if left.endswith("!") and right.endswith("!"): left, right = left[:-1], right[:-1]
        try: first, second = float(left), float(right)
        except ValueError: return False
        return abs(first - second) <= 1e-7 * max(1, abs(first), abs(second))

    equal = refused = 0
    for question in json.load(open(path)):
        sql = question["theirs"].replace(" LIKE ", " ILIKE ")
        # What it counts approximately is no measure; an order is only asked for where there is one.
        limited = " LIMIT " in sql
        if "approx_count_distinct" in sql or limited and " ORDER BY " not in sql:
            refused += 1
            continue
        try: theirs = [[plain(cell) for cell in row] for row in base.execute(sql).fetchall()]
        except duckdb.Error:
            refused += 1
            continue
        ours = list(csv.reader(io.StringIO(question["answer"])))[1:]
        # A row of one unset cell is an empty line.
        ours = [row or [""] for row in ours]
        def rank(cell):
            cell = {"true": "1", "false": "0"}.get(cell, cell)
            try: return (0, round(float(cell), 6), "")
            except ValueError: return (1, 0, cell)
        def key(row): return [rank(cell) for cell in row]
        if not limited: ours, theirs = sorted(ours, key=key), sorted(theirs, key=key)
        fits = len(ours) == len(theirs) and all(
            len(a) == len(b) and all(same(x, y) for x, y in zip(a, b)) for a, b in zip(ours, theirs))
        if fits: equal += 1
        else: print(question["sql"], "\n  here", ours[:6], "\n  DuckDB", theirs[:6])
    print("same", equal, "refused", refused)
    """#
