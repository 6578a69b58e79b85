// SPDX-License-Identifier: Apache-2.0
//
// The vectorised path against SQLite alone: statement by statement the same answer.

import Foundation
import Testing

@testable import Query

/// Statements out of a grammar that reaches beyond what the vectorised path takes.
private struct StatementMaker {
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
        switch pick([0, 0, 0, 1, 2, 3, 4, 5, 6, 7]) {
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
        default: return pick(["service = host", "id_orig_h <> host", "n = id_orig_p", "length(host) > 12", "1", "0"])
        }
    }

    mutating func aggregate() -> String {
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

    mutating func statement() -> String {
        let filter = chance(75) ? " WHERE \(condition())" : ""
        let limit = chance(40) ? " LIMIT \(pick(["1", "7", "50", "0"]))\(chance(20) ? " OFFSET 3" : "")" : ""
        switch pick([0, 0, 0, 1, 1, 2, 3]) {
        case 0:
            let keys = (0..<pick([1, 1, 2, 3])).map { _ in
                pick(Self.columns.filter { !["uid", "ts", "n"].contains($0) } + ["substr(ts, 1, 13)", "n / 1000"])
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

@Suite struct `The vectorised path` {
    /// Rows as fields, so that reals may differ in their last digits: sums are added in another order.
    private func rows(_ text: String) -> [[String]] {
        text.split(separator: "\r\n", omittingEmptySubsequences: false).map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
    }

    private func isSame(_ left: String, _ right: String) -> Bool {
        if left == right { return true }
        guard let first = Double(left), let second = Double(right) else { return false }
        return abs(first - second) <= 1e-9 * max(1, abs(first), abs(second))
    }

    private func compare(_ fixture: QueryFixture, _ statement: String) throws -> Bool {
        let plain = Result { try fixture.ask(statement, isVectorised: false) }
        let vector = Result { try fixture.ask(statement) }
        switch (plain, vector) {
        case (.success(let plain), .success(let vector)):
            let (wanted, got) = (rows(plain.text), rows(vector.text))
            let isEqual = wanted.count == got.count
                && zip(wanted, got).allSatisfy { $0.count == $1.count && zip($0, $1).allSatisfy(isSame) }
            let texts = "SQLite:\n\(plain.text.prefix(600))\nvectorised:\n\(vector.text.prefix(600))"
            #expect(isEqual, "\(statement)\n\(texts)")
            return vector.outcome.wasVectorised
        case (.failure(let wanted), .failure(let got)):
            #expect("\(wanted)" == "\(got)", "\(statement)")
            return false
        default:
            Issue.record("\(statement): SQLite \(plain), vectorised \(vector)")
            return false
        }
    }

    @Test(arguments: 0..<5) func `500 statements have the answers that SQLite gives`(part: Int) throws {
        let fixture = try QueryFixture()
        var maker = StatementMaker(numbers: SeededNumbers(state: UInt64(part) * 1000 + 1))
        var vectorised = 0
        for _ in 0..<100 where try compare(fixture, maker.statement()) { vectorised += 1 }
        // A test of nothing would pass too.
        #expect(vectorised > 40)
    }

    @Test func `patterns are LIKE's`() {
        func like(_ text: String, _ pattern: String) -> Bool {
            LikePattern(Array(pattern.utf8)).matches(Array(text.utf8), 0..<text.utf8.count)
        }
        #expect(like("Example.COM", "example.com") && !like("example.co", "example.com"))
        #expect(like("a.example", "%.EXAMPLE") && like("Abc", "a%") && like("xABCx", "%abc%") && like("", "%"))
        #expect(like("é1", "_1") && !like("é1", "__1") && like("abcabd", "%ab_") && !like("abc", "ab"))
        #expect(like("ab", "%%ab%"))
        #expect(like("aaab", "%a%b") && !like("aaac", "%a%b") && like("a%b", "a%b") && !like("", "_"))
    }

    @Test func `what is ruled out is not read`() throws {
        let fixture = try QueryFixture()
        let all = try fixture.ask("SELECT count(*) FROM conn").outcome.counters
        #expect(all.segmentsRead == 6 && all.pagesRead == 60)
        let one = try fixture.ask("SELECT count(*), sum(n) FROM conn WHERE n BETWEEN 1210 AND 1220").outcome.counters
        #expect(one.segmentsRead == 1 && one.rowGroupsRead == 1 && one.pagesRead == 1)
        let either = "SELECT count(*) FROM conn WHERE host = 'not there.example' OR uid = 'CnothingHere'"
        #expect(try fixture.ask(either).outcome.counters.rowGroupsRead == 0)
    }
}
