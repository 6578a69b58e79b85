// SPDX-License-Identifier: Apache-2.0
//
// Those who look on: they see every row once and in order, and their alerts are rows like others.

import Capture
import Foundation
import Logs
import Records
import Testing

@testable import Sensor

/// Raises an alert for each DNS query of one name, and one at the end for all rows that it saw.
private struct Watcher: RowObserver {
    var seen: [UInt64] = Array(repeating: 0, count: LogID.allCases.count)
    var orders: [UInt64] = Array(repeating: 0, count: LogID.allCases.count)
    var isOrdered = true
    var record = AlertRecord()
    let query: Column

    init() throws { query = try #require(Schemas.all[Int(LogID.dns.rawValue)].columns.first { $0.name == "query" }) }

    mutating func observe(_ rows: borrowing RowBatch, alerts: inout RowBatch) {
        let log = Int(rows.log.rawValue)
        seen[log] += UInt64(rows.count)
        for row in 0..<rows.count where rows.order(row) != .max {
            if rows.order(row) < orders[log] { isOrdered = false }
            orders[log] = rows.order(row)
        }
        guard rows.log == .dns else { return }
        for row in 0..<rows.count where rows.bytes[rows.textRange(row, query)].elementsEqual("www.news.example".utf8) {
            raise("query", at: Timestamp(nanoseconds: Int64(bitPattern: rows.word(row, Watcher.ts))))
            alerts.append(record, order: rows.order(row), ordinal: rows.ordinal(row))
        }
    }

    mutating func finish(alerts: inout RowBatch) {
        raise(isOrdered ? "ordered" : "disordered", at: .zero)
        let evidence = record.text.begin()
        record.text.append("{\"rows\":")
        record.text.append(decimal: seen.reduce(0, +))
        record.text.append("}")
        record.evidence = record.text.end(evidence)
        alerts.append(record, order: .max, ordinal: 0)
    }

    private mutating func raise(_ title: StaticString, at time: Timestamp) {
        record.clear()
        record.source = "indicator"
        (record.ts, record.first, record.last) = (time, time, time)
        record.title = record.text.add(title)
    }

    static let ts = Schemas.all[Int(LogID.dns.rawValue)].columns[0]
}

@Suite("row observers") struct RowObserverTests {
    private func run(workers: Int, into folder: String) throws -> Summary {
        var source = try CaptureSource(
            paths: [Repository.office], options: CaptureOptions(isLenient: false, filter: nil))
        let logs = try LogWriter(directory: folder, format: .zeekJSON, schemas: Schemas.all)
        return try Replay(settings: Settings(), workerCount: workers)
            .run(&source, into: Outputs(logs: logs, store: nil, isReplay: false, observers: [try Watcher()]))
    }

    @Test(arguments: [1, 2, 4]) func `an observer sees every row, and its alerts are written`(_ workers: Int) throws {
        let folder = try TestFolder()
        let summary = try run(workers: workers, into: folder.path)
        let queries = try LogLines(folder.path + "/dns.log").rows
            .filter { $0["query"] as? String == "www.news.example" }
        let alerts = try LogLines(folder.path + "/alert.log")
        #expect(!queries.isEmpty)
        #expect(alerts.texts("title") == queries.map { _ in "query" } + ["ordered"])
        #expect(alerts.numbers("ts").dropLast() == LogLines.numbers(queries, "ts")[...])
        #expect(alerts.texts("source") == alerts.rows.map { _ in "indicator" })
        let others = summary.rows.enumerated().filter { $0.offset != Int(LogID.alert.rawValue) }
        #expect(alerts.texts("evidence") == ["{\"rows\":\(others.reduce(0) { $0 + $1.element })}"])
    }
}
