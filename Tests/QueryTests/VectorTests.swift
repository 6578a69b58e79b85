// SPDX-License-Identifier: Apache-2.0
//
// The vectorised path against SQLite alone: statement by statement the same answer.

import Foundation
import Testing

@testable import Query

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
        let fixture = try QueryFixture(segments: 3)
        // SQLite joins row by row: fewer rows are enough.
        let small = try QueryFixture(segments: 3, rowsPerSegment: 120)
        var maker = StatementMaker(numbers: SeededNumbers(state: UInt64(part) * 1000 + 1))
        var vectorised = 0
        for number in 0..<100 {
            let isVectorised =
                switch number % 10 {
                case 0, 1: try compare(small, maker.join())
                case 2: try compare(small, maker.nested())
                default: try compare(fixture, maker.statement())
                }
            if isVectorised { vectorised += 1 }
        }
        // A test of nothing would pass too.
        #expect(vectorised > 40)
    }

    /// More groups than one table takes: on one worker (fewer rows), and on several whose shares are put together.
    @Test(arguments: ["", " WHERE n < 45000"])
    func `many groups are worked on in parts and are all there`(_ filter: String) throws {
        let fixture = try QueryFixture(segments: 2, rowsPerSegment: 36_000)
        let from = "FROM conn\(filter) GROUP BY 1, 2"
        let statements = [
            "SELECT count(*), sum(c), sum(d), min(m), max(k), sum(f) FROM (SELECT uid, n, count(*) AS c, "
                + "sum(delta) AS d, min(host) AS m, max(score) AS k, count(*) FILTER (WHERE local) AS f \(from))",
            "SELECT count(*), sum(v) FROM (SELECT uid, host, count(DISTINCT service) AS v \(from))",
            "SELECT service, n / 2, count(*) AS c, sum(delta) AS d \(from) HAVING c >= 2 AND d > 900 "
                + "ORDER BY d DESC, 1, 2 LIMIT 20",
            "SELECT id_orig_h, host, count(*) AS c \(from) ORDER BY c DESC, 1, 2 LIMIT 15 OFFSET 3",
            "SELECT id_orig_h, host, sum(delta) AS d \(from) ORDER BY d, 1, 2 LIMIT 15",
        ]
        for statement in statements { #expect(try compare(fixture, statement), "\(statement)") }
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
