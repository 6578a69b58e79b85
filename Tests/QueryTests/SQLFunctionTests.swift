// SPDX-License-Identifier: Apache-2.0
//
// The functions that SQL has here, each by what it gives.

import Foundation
import Records
import Testing

@testable import Query

@Suite struct `Functions of SQL` {
    private static let fixture = Result { try QueryFixture(segments: 2, rowsPerSegment: 500) }

    private func value(_ expression: String) throws -> SQLValue {
        let store = try StoreQuery(store: Self.fixture.get().folder, schemas: QueryFixture.schemas)
        return try store.first("SELECT \(expression) AS x")?["x"] ?? .null
    }

    @Test(arguments: [
        ("in_cidr('10.1.2.3', '10.0.0.0/8')", 1), ("in_cidr('11.1.2.3', '10.0.0.0/8')", 0),
        ("in_cidr('2001:db8::1', '2001:db8::/32')", 1), ("in_cidr('10.1.2.3', '2001:db8::/32')", 0),
        ("in_cidr('10.1.2.3', '10.1.2.3')", 1), ("in_cidr('name', '10.0.0.0/8')", nil), ("in_cidr(NULL, '::/0')", nil),
        ("is_private('192.168.1.1')", 1), ("is_private('8.8.8.8')", 0), ("is_private('fd00::1')", 1),
        ("is_private('2606:4700::1')", 0), ("is_private('')", nil),
        ("registered_domain('a.b.example.co.uk')", "example.co.uk"),
        ("registered_domain('WWW.Example.COM.')", "example.com"),
        ("registered_domain('co.uk')", nil),
        ("registered_domain('\(String(repeating: "\\xf0", count: 120)).t.example.co.uk')", "example.co.uk"),
        ("registered_domain('\(String(repeating: "x", count: 2000)).example.com')", nil),
        ("registered_domain('10.0.0.1')", nil), ("registered_domain('a..com')", nil),
        ("registered_domain('')", nil), ("registered_domain('localhost')", nil),
        ("entropy('')", 0.0), ("entropy('aaaa')", 0.0), ("entropy('abcd')", 2.0), ("entropy(NULL)", nil),
        // The Community ID's own test vectors (github.com/corelight/community-id-spec).
        ("community_id('128.232.110.120', '66.35.250.204', 34855, 80, 'tcp')", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        ("community_id('66.35.250.204', '128.232.110.120', 80, 34855, 6)", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        ("community_id('128.232.110.120', '66.35.250.204', 34855, 80, 'tcp', 1)", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="),
        ("community_id('1.2.3.4', 'x', 1, 2, 'tcp')", nil),
        ("community_id('1.2.3.4', '5.6.7.8', 70000, 2, 'tcp')", nil),
        ("regexp_like('example.com', '^ex.*\\.com$')", 1), ("regexp_matches('abc', 'b')", 1),
        ("'abc' REGEXP '^b'", 0), ("regexp_like('é', '^.$')", 1), ("regexp_like(NULL, 'x')", nil),
        ("split_part('a.b.c', '.', 2)", "b"), ("split_part('a.b.c', '.', -1)", "c"), ("split_part('a', '.', 2)", ""),
        ("starts_with('example', 'ex')", 1), ("ends_with('example', 'ple')", 1), ("contains('example', 'xx')", 0),
        ("greatest(1, NULL, 2.5)", 2.5), ("least('b', 'a')", "a"), ("least(NULL, NULL)", nil), ("hex('az')", "617A"),
    ] as [(String, SQLValue)])
    func `a function gives`(_ expression: String, _ wanted: SQLValue) throws {
        #expect(try value(expression) == wanted, "\(expression)")
    }

    @Test(arguments: [
        ("date_trunc('hour', '2026-11-22 13:45:10.5')", "2026-11-22 13:00:00.000000"),
        ("date_trunc('week', '2026-11-22')", "2026-11-16 00:00:00.000000"),
        ("date_trunc('month', '2026-11-22')", "2026-11-01 00:00:00.000000"),
        ("date_trunc('quarter', '1999-12-31')", "1999-10-01 00:00:00.000000"),
        ("date_trunc('YEAR', '1969-05-05')", "1969-01-01 00:00:00.000000"),
        ("date_trunc('minute', '1969-12-31 23:59:59.5')", "1969-12-31 23:59:00.000000"),
        ("time_bucket('5 minutes', '2026-11-22 13:47')", "2026-11-22 13:45:00.000000"),
        // DuckDB 1.4's own answers.
        ("time_bucket('7 days', '2026-11-22')", "2026-11-16 00:00:00.000000"),
        ("time_bucket('7 hours', '2026-11-22 13:47')", "2026-11-22 10:00:00.000000"),
        ("time_bucket('2 months', '2026-12-22')", "2026-11-01 00:00:00.000000"),
        ("to_timestamp(0.25)", "1970-01-01 00:00:00.250000"),
        ("epoch('1970-01-01 00:01:00.5')", 60.5), ("epoch_ms('1969-12-31 23:59:59.9995')", -1),
        ("epoch_us('1970-01-01 00:00:01')", 1_000_000), ("unix_timestamp('1970-01-02')", 86_400),
        ("hour('2026-11-22 13:47')", 13), ("hour('1969-12-31 23:00')", 23), ("epoch('no time')", nil),
        ("date_trunc('hour', NULL)", nil),
    ] as [(String, SQLValue)])
    func `times are cut and counted`(_ expression: String, _ wanted: SQLValue) throws {
        #expect(try value(expression) == wanted, "\(expression)")
    }

    @Test(arguments: [
        ("in_cidr('10.0.0.1', '10.0.0.0/33')", "is no network"), ("regexp_like('a', '(')", "is no pattern"),
        ("regexp_like('\(String(repeating: "a", count: 40))!', '^(a+)+$')", "too many steps"),
        ("date_trunc('fortnight', '2026-11-22')", "fortnight"), ("time_bucket('soon', '2026-11-22')", "is no width"),
        ("community_id('1.2.3.4', '5.6.7.8', 1, 2, 'tcp', -1)", "seed"), ("split_part('a', '.', 0)", "counted from 1"),
        ("in_cidr('10.0.0.1')", "in_cidr(ip, '10.0.0.0/8')"),
        ("quantile_cont(n, n) FROM conn WHERE n BETWEEN 1 AND 2 --", "one share"),
    ])
    func `a wrong argument is an error that says why`(_ expression: String, _ reason: String) throws {
        let failure = #expect(throws: QueryError.self) { try value(expression) }
        #expect(failure?.description.contains(reason) == true, "\(String(describing: failure))")
    }

    /// Both paths against numbers that were worked out here.
    @Test(arguments: [true, false]) func `aggregates are exact`(isVectorised: Bool) throws {
        let fixture = try Self.fixture.get()
        let store = try StoreQuery(store: fixture.folder, schemas: QueryFixture.schemas)
        store.isVectorised = isVectorised
        let row = try #require(
            try store.first(
                """
                SELECT median(duration) AS m, quantile_cont(delta, 0.9) AS q, percentile(delta, 0.9) AS p,
                    stddev_pop(delta) AS sp, stddev_samp(delta) AS ss, var_pop(delta) AS vp, var_samp(delta) AS vs,
                    count_if(delta > 0) AS c, max_by(n, delta) AS b, bool_or(local) AS o, bool_and(local) AS a,
                    approx_count_distinct(service) AS d FROM conn WHERE n < 400
                """))
        let flows = fixture.flows.prefix(400)
        let deltas = flows.compactMap(\.delta).sorted().map(Double.init)
        let durations = flows.compactMap(\.duration).map { Double($0 / 1000) / 1e6 }.sorted()
        let half = durations.count / 2
        let median = durations.count % 2 == 1 ? durations[half] : (durations[half - 1] + durations[half]) / 2
        let mean = deltas.reduce(0, +) / Double(deltas.count)
        let squares = deltas.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let place = 0.9 * Double(deltas.count - 1)
        let (below, above) = (deltas[Int(place)], deltas[Int(place) + 1])
        let quantile = below + (above - below) * (place - place.rounded(.down))
        func isNear(_ name: String, _ wanted: Double) -> Bool {
            row.real(name).map { abs($0 - wanted) <= 1e-9 * max(1, abs(wanted)) } ?? false
        }
        #expect(isNear("m", median) && isNear("q", quantile) && isNear("p", quantile))
        #expect(isNear("vp", squares / Double(deltas.count)) && isNear("vs", squares / Double(deltas.count - 1)))
        #expect(isNear("sp", (squares / Double(deltas.count)).squareRoot()))
        #expect(isNear("ss", (squares / Double(deltas.count - 1)).squareRoot()))
        #expect(row.integer("c") == Int64(deltas.count { $0 > 0 }))
        #expect(row.boolean("o") == true && row.boolean("a") == false)
        #expect(row.integer("d") == Int64(Set(flows.compactMap(\.service)).count))
        let none = try store.first("SELECT median(n) AS m, stddev_samp(n) AS s, count_if(n) AS c FROM conn WHERE n < 0")
        #expect(none?["m"] == .null && none?["s"] == .null && none?["c"] == 0)
    }
}
