// SPDX-License-Identifier: Apache-2.0
//
// The vectorised path against SQLite alone: statement by statement the same answer.

import Foundation
import Store
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
            "SELECT count(*), sum(c), count(t), max(u) FROM (SELECT lower(uid) AS u, n, count(*) AS c, "
                + "min(CASE WHEN local THEN ts END) AS t \(from))",
        ]
        for statement in statements { #expect(try compare(fixture, statement), "\(statement)") }
    }

    /// Every row has one partner, itself, so that the answer is that of the table alone.
    @Test(arguments: ["a.uid = b.uid", "a.uid = b.uid AND a.id_orig_h = b.id_orig_h", "b.n = a.n AND a.uid = b.uid"])
    func `a large side of a join is made in parts and is all there`(_ condition: String) throws {
        let fixture = try QueryFixture(segments: 2, rowsPerSegment: 36_000)
        let alone = try fixture.ask("SELECT count(*), sum(n), sum(delta), min(host), max(service) FROM conn")
        let joined = try fixture.ask(
            "SELECT count(*), sum(a.n), sum(b.delta), min(b.host), max(a.service) "
                + "FROM conn a JOIN conn b ON \(condition)")
        #expect(joined.outcome.wasVectorised)
        #expect(rows(joined.text).dropFirst() == rows(alone.text).dropFirst())
    }

    @Test func `functions of texts are those of each row, whatever was asked before`() throws {
        let fixture = try QueryFixture(segments: 3)
        for statement in [
            "SELECT count(*), sum(length(uid)), avg(length(host)), max(upper(host)), count(DISTINCT lower(uid)) "
                + "FROM conn WHERE lower(uid) LIKE '%a%' AND starts_with(host, 'Host-1') = 0",
            "SELECT lower(host), count(*), min(length(uid)), max(lower(uid)), count(lower(service)) FROM conn "
                + "GROUP BY lower(host) ORDER BY 2 DESC, 1 LIMIT 40",
            "SELECT upper(service), lower(service), count(*) FROM conn WHERE entropy(uid) > 3.2 GROUP BY 1, 2",
            "SELECT uid, host FROM conn WHERE length(host) = 17 AND ends_with(uid, 'q') = 0 ORDER BY duration LIMIT 30",
        ] {
            #expect(try compare(fixture, statement), "\(statement)")
        }
    }

    @Test func `outcomes of shared work come in order`() {
        #expect(ScanCores.map(1000) { $0 * 2 } == Array(stride(from: 0, to: 2000, by: 2)))
        #expect(ScanCores.map(0) { $0 } == [])
        ScanCores.$count.withValue(1) { #expect(ScanCores.map(3) { $0 } == [0, 1, 2]) }
    }

    /// With one part for all, every test of many groups would still pass.
    @Test(arguments: [1, 2]) func `keys are spread over parts`(width: Int) {
        for count in [2, 3, 256] {
            var sizes = [Int](repeating: 0, count: count)
            for key in 0..<20_000 {
                let words = [UInt64](repeating: UInt64(key), count: width)
                sizes[GroupTable.part(of: words, at: 0, width, count: count)] += 1
            }
            #expect(sizes.allSatisfy { $0 > 20_000 / count / 4 })
        }
    }

    @Test func `texts beyond those that are kept have no number, and those that are keep theirs`() {
        let memo = TextMemo(countMax: 2)
        func pool(_ texts: [String]) -> TextPool {
            var pool = TextPool()
            for text in texts { pool.append(Array(text.utf8), 0..<text.utf8.count) }
            return pool
        }
        #expect(memo.numbers(of: pool(["a", "b"]), [1, 0, 1]) == [0, 1, 0])
        #expect(memo.numbers(of: pool(["c", "b", "a"]), [0, 1, 2]) == [.max, 0, 1])
        #expect(memo.numbers(of: pool([]), [0, 0]) == [.max, .max])
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
