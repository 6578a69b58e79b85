// SPDX-License-Identifier: Apache-2.0
//
// Statements for the differential test, out of a grammar that reaches beyond what the vectorised path takes.

import Foundation

/// Statements out of a grammar that reaches beyond what the vectorised path takes.
struct StatementMaker {
    var numbers: SeededNumbers

    mutating func pick<Element>(_ list: [Element]) -> Element { list.randomElement(using: &numbers)! }
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &numbers) < percent }

    static let columns = [
        "ts", "uid", "id_orig_h", "id_orig_p", "n", "service", "host", "duration", "delta", "score", "local",
    ]

    mutating func literal(for column: String) -> String {
        switch column {
        case "ts":
            let hour = Int.random(in: 12..<31, using: &numbers)
            let day = hour < 24 ? 22 : 23
            let padding = hour % 24 < 10 ? "0" : ""
            return "'2026-11-\(day) \(padding)\(hour % 24):\(pick(["00", "17:30", "45:01.5"]))'"
        case "id_orig_h": return pick(["'10.0.0.7'", "'2001:db8::3'", "'10.0.0.49'", "'10'", "'zz'"])
        case "id_orig_p": return pick(["53", "30000", "-1", "65535.5", "70000"])
        case "n": return pick(["3000", "17", "-5", "2500.5", "9223372036854775807"])
        case "service": return pick(["'dns'", "'ssh'", "'SSH'", "'none'", "NULL", "5"])
        case "host": return pick(["'Host-17.example'", "''", "'café-3.test'", "'host-17.example'"])
        case "duration": return pick(["50", "0.001", "99.999999", "-1", "1e9"])
        case "delta": return pick(["0", "-500", "999", "12.5"])
        case "score": return pick(["0", "0.5", "-0.25", "2"])
        case "local": return pick(["1", "0", "true", "false", "2"])
        default: return pick(["'C'", "''", "'CzzzzzzzzzzZ'"])
        }
    }

    mutating func condition(_ depth: Int = 0) -> String {
        if depth < 3, chance(45) {
            let inner = condition(depth + 1)
            switch pick([0, 1, 2]) {
            case 0: return "(\(inner) AND \(condition(depth + 1)))"
            case 1: return "(\(inner) OR \(condition(depth + 1)))"
            default: return "NOT (\(inner))"
            }
        }
        let column = pick(Self.columns)
        let operators = ["=", "<>", "<", "<=", ">", ">=", "!=", "=="]
        switch pick([0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]) {
        case 0: return "\(column) \(pick(operators)) \(literal(for: column))"
        case 1: return "\(literal(for: column)) \(pick(operators)) \(column)"
        case 2: return "\(column) IS \(pick(["", "NOT "]))NULL"
        case 3: return "\(column) \(pick(["", "NOT "]))IN (\(literal(for: column)), \(literal(for: column)))"
        case 4: return "\(column) \(pick(["", "NOT "]))BETWEEN \(literal(for: column)) AND \(literal(for: column))"
        case 5:
            let patterns = [
                "'%1%'", "'host-1%'", "'%.TEST'", "'Host-17.example'", "'h_st-_.ex%'", "'%'", "'caf_-%'", "'10.0.0.%'",
            ]
            return "\(pick(["host", "service", "id_orig_h"])) \(pick(["", "NOT "]))LIKE \(pick(patterns))"
        case 6:
            return pick([
                "id_orig_p + n > 30000", "duration * 2 < 50", "delta / 7 = 3", "coalesce(delta, 0) > 100",
                "n - delta >= n",
                "score > delta", "local", "NOT local", "delta", "in_cidr(id_orig_h, '10.0.0.0/28')",
                "NOT in_cidr(id_orig_h, '2001:db8::/32')",
            ])
        case 8: return functionCondition()
        default: return pick(["service = host", "id_orig_h <> host", "n = id_orig_p", "length(host) > 12", "1", "0"])
        }
    }

    private mutating func functionCondition() -> String {
        pick([
            "is_private(id_orig_h)", "NOT is_private(id_orig_h)", "registered_domain(host) IS NULL",
            "registered_domain(lower(host)) = 'host-17.example'", "entropy(host) > 3", "entropy(service) <= 1.5",
            "regexp_like(host, '^[Hh]ost-[0-9]+')", "NOT regexp_matches(host, 'é')", "service REGEXP 's'",
            "service NOT REGEXP '^S'", "split_part(host, '.', 2) = 'test'",
            "split_part(host, '.', -1) IN ('test', 'example')", "split_part(host, '-', 1) NOT IN ('Host')",
            "starts_with(host, 'Host')", "ends_with(host, '.test') = 0", "contains(service, 's')",
            "date_trunc('hour', ts) > '2026-11-22 16'", "lower(service) = 'ssh'", "upper(host) LIKE 'host-1%'",
            "length(host) > 14", "epoch(ts) > 1795360000", "epoch_ms(ts) / 1000 > 1795361234", "hour(ts) < 3",
            "service || '/' || host > 'http'", "CASE WHEN n > 3000 THEN delta ELSE 7 END > 5",
            "CAST(n AS DOUBLE) / 7 > delta", "unix_timestamp(ts) % 2 = 0",
        ])
    }

    mutating func aggregate() -> String {
        if chance(25) {
            let column = pick(["n", "delta", "duration", "score", "id_orig_p"])
            return pick([
                "median(\(column))", "quantile_cont(\(column), 0.9)", "percentile(\(column), 0.25)",
                "stddev_pop(\(column))", "stddev_samp(\(column))", "var_pop(\(column))", "variance(\(column))",
                "count_if(\(condition(2)))", "sum(\(column) > 5)", "count(*) FILTER (WHERE \(condition(2)))",
                "sum(\(column)) FILTER (WHERE service = 'dns')", "count(DISTINCT split_part(host, '-', 2))",
                "sum(CASE WHEN \(condition(2)) THEN 1 ELSE 0 END)", "max(lower(host))", "min(date_trunc('hour', ts))",
                "avg(CASE WHEN local THEN \(column) END)", "approx_count_distinct(\(column))",
                "max(epoch(ts)) - min(epoch(ts))", "avg(length(host))", "count(DISTINCT service) FILTER (WHERE local)",
            ])
        }
        let numeric = [
            "id_orig_p", "n", "duration", "delta", "score", "local", "n + delta", "coalesce(delta, 0)", "n * 2 - 1",
        ]
        switch pick([0, 1, 2, 3, 4, 5, 6]) {
        case 0: return "count(*)"
        case 1: return "count(\(pick(Self.columns)))"
        case 2: return "count(DISTINCT \(pick(Self.columns)))"
        case 3: return "sum(\(pick(numeric)))"
        case 4: return "avg(\(pick(numeric)))"
        case 5: return "\(pick(["min", "max"]))(\(pick(Self.columns + numeric)))"
        default: return "total(\(pick(numeric)))"
        }
    }

    /// Two tables by equal columns, with aggregates over the pairs.
    mutating func join() -> String {
        let (tables, on, keys, numbers) = pick([
            ("conn c JOIN dns d", "c.uid = d.uid", ["service", "d.query", "local", "c.host"], ["n", "delta"]),
            ("dns AS d INNER JOIN conn AS c", "d.query = c.host", ["c.service", "query", "c.local"], ["c.n", "score"]),
            ("conn JOIN dns_answers", "conn.uid = dns_answers.uid", ["answer", "service", "ttl"], ["n", "ttl"]),
            ("dns_answers a JOIN dns d", "d.uid = a.uid AND d.ts = a.ts", ["a.answer", "d.query"], ["ttl", "a.ttl"]),
            ("conn a JOIN conn b", "a.id_orig_p = b.id_orig_p AND a.n < b.n", ["a.service", "b.local"], ["a.n", "b.n"]),
            ("conn_tags t JOIN conn c", "t.uid = c.uid", ["t.value", "service"], ["c.n", "c.delta"]),
        ])
        var filters: [String] = []
        if chance(40) { filters.append(pick(numbers) + pick([" > 40", " IS NOT NULL", " <= 2000"])) }
        if chance(40) { filters.append(pick(keys) + pick([" IS NOT NULL", " > 'dns'", " <> ''"])) }
        if chance(20) { filters.append("\(pick(numbers)) + 1 > \(numbers[0])") }
        let filter = filters.isEmpty ? "" : " WHERE " + filters.joined(separator: pick([" AND ", " OR "]))
        let value = pick([
            "count(*)", "sum(\(pick(numbers)))", "avg(\(pick(numbers)))", "min(\(pick(keys)))",
            "count(DISTINCT \(pick(keys)))", "median(\(pick(numbers)))", "max(\(pick(numbers)))",
        ])
        // A condition of a join may stand in WHERE as well.
        let from =
            chance(75) || !filter.isEmpty
            ? "\(tables) ON \(on)\(filter)"
            : tables.replacing(" INNER JOIN ", with: ", ").replacing(" JOIN ", with: ", ") + " WHERE \(on)"
        guard chance(70) else { return "SELECT \(value), count(*) FROM \(from)" }
        let chosen = (0..<pick([1, 1, 2])).map { _ in pick(keys) }
        let places = (1...chosen.count).map(String.init).joined(separator: ", ")
        return "SELECT \(chosen.joined(separator: ", ")), \(value) AS v FROM \(from) GROUP BY \(places)"
            + " ORDER BY \(places)\(chance(30) ? " LIMIT 9" : "")"
    }

    /// A grouping inside another statement.
    mutating func nested() -> String {
        let key = pick(["service", "id_orig_h", "local", "substr(ts, 1, 13)", "registered_domain(host)"])
        let inner = "SELECT \(key) AS k, \(aggregate()) AS v, count(*) AS c FROM conn WHERE \(condition(1)) GROUP BY 1"
        return pick([
            "WITH t AS (\(inner)) SELECT count(*), sum(c), max(k) FROM t WHERE c > 2",
            "WITH t AS (\(inner)), u AS (SELECT k FROM t WHERE c > 5) SELECT k, c FROM t WHERE k IN (SELECT k FROM u)"
                + " ORDER BY 1",
            "SELECT k, c * 2 FROM (\(inner)) WHERE k IS NOT NULL ORDER BY c DESC, k LIMIT 5",
            "SELECT count(*) FROM conn c JOIN (\(inner)) t ON c.service = t.k",
            "SELECT n FROM conn WHERE id_orig_h IN (SELECT k FROM (\(inner)) WHERE c > 3) ORDER BY n LIMIT 20",
            "\(inner) UNION ALL SELECT 'x', 1, count(*) FROM dns ORDER BY 1, 3",
            "SELECT service, count(*) > (SELECT count(*) / 10 FROM conn WHERE \(condition(2))) FROM conn GROUP BY 1"
                + " ORDER BY 1",
        ])
    }

    mutating func statement() -> String {
        let filter = chance(75) ? " WHERE \(condition())" : ""
        let limit = chance(40) ? " LIMIT \(pick(["1", "7", "50", "0"]))\(chance(20) ? " OFFSET 3" : "")" : ""
        switch pick([0, 0, 0, 1, 1, 2, 3]) {
        case 0:
            let keys = (0..<pick([1, 1, 2, 3])).map { _ in
                pick(Self.columns.filter { !["uid", "ts", "n"].contains($0) } + [
                    "substr(ts, 1, 13)", "n / 1000", "date_trunc('day', ts)", "time_bucket('90 minutes', ts)",
                    "registered_domain(host)", "lower(service)", "is_private(id_orig_h)", "split_part(host, '-', 1)",
                    "service || '!'",
                ])
            }
            let value = aggregate()
            let tests = ["count(*) > 20", "v > 3", "min(n) < 2000", "v IS NOT NULL"]
            let having = chance(30) ? " HAVING " + pick(tests) : ""
            // Groups that are equal in an order stand in no order in SQL: the keys make it one.
            let places = (1...keys.count).map(String.init).joined(separator: ", ")
            let order = chance(60) ? " ORDER BY \(pick(["v DESC", "2", "count(*), 1 DESC", keys[0]])), \(places)" : ""
            let outer = pick(["\(value)", "\(value)", "\(value) * 2", "coalesce(\(value), 'none')", "\(value) || '!'"])
            return "SELECT \(keys.joined(separator: ", ")), \(outer) AS v FROM conn\(filter) "
                + "GROUP BY \(chance(30) ? places : keys.joined(separator: ", "))"
                + having + order + limit
        case 1: return "SELECT \(aggregate()), \(aggregate()) FROM conn c\(filter)"
        case 2:
            let list = "\(pick(["service", "local", "id_orig_h"])), \(pick(["local", "substr(ts, 1, 10)"]))"
            return "SELECT DISTINCT \(list) FROM conn\(filter) ORDER BY 1, 2\(limit)"
        default:
            let order = chance(70) ? " ORDER BY \(pick(Self.columns))\(chance(50) ? " DESC" : "")" : ""
            return "SELECT ts, uid, \(pick(Self.columns)) FROM conn\(filter)\(order)\(limit)"
        }
    }
}
