// SPDX-License-Identifier: Apache-2.0
//
// A small store for questions, and the same rows in memory to answer them the slow way.

import Foundation
import Query
import Records
import Store

/// A connection with a column of nearly every kind.
struct TestFlow: LogRecord {
    var ts: Timestamp?
    var uid: UID?
    var originator: Address?
    var port: UInt16?
    var n: UInt64 = 0
    var service: String?
    var host: String?
    var duration: Int64?
    var delta: Int64?
    var score: Double?
    var local: Bool?
    var tags: [String]?
    var waits: [UInt64]?

    static let log = LogID.conn
    static let summary: StaticString = "A flow."

    func write(to row: inout RowBatch) {
        var buffer = TextBuffer()
        row.time("ts", ts, "When.")
        row.uid("uid", uid, "Who.")
        row.address("id.orig_h", originator, "Where.")
        row.port("id.orig_p", port, "Port.")
        row.count("n", n, "Number.")
        row.text("service", service.add(to: &buffer), in: buffer, "Service.")
        row.text("host", host.add(to: &buffer), in: buffer, "Host.", isKey: true)
        row.interval("duration", duration, "How long.")
        row.integer("delta", delta, "Difference.")
        row.real("score", score, "Score.")
        row.boolean("local", local, "Local.")
        let texts = tags.map { $0.map { Optional($0).add(to: &buffer) } }
        row.textVector("tags", texts, in: buffer, "Tags.")
        row.intervalVector("waits", waits, "Waits.")
    }
}

/// An answer of DNS.
struct TestDNS: LogRecord {
    var ts = Timestamp.zero
    var uid: UID?
    var query: String?
    var answers: [String]?
    var ttls: [UInt64]?

    static let log = LogID.dns
    static let summary: StaticString = "A query."

    func write(to row: inout RowBatch) {
        var buffer = TextBuffer()
        row.time("ts", ts, "When.")
        row.uid("uid", uid, "Who.")
        row.text("query", query.add(to: &buffer), in: buffer, "Query.", isKey: true)
        let texts = answers.map { $0.map { Optional($0).add(to: &buffer) } }
        row.textVector("answers", texts, in: buffer, "Answers.")
        row.intervalVector("TTLs", ttls, "Lifetimes.")
    }
}

extension String? {
    func add(to buffer: inout TextBuffer) -> Text {
        guard let self else { return .absent }
        let start = buffer.begin()
        buffer.bytes.append(contentsOf: self.utf8)
        return buffer.end(start)
    }
}

/// The same numbers for the same seed, on every machine.
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

/// A store in a temporary folder, removed at the end.
final class QueryFixture: Sendable {
    let folder: String
    let flows: [TestFlow]
    let queries: [TestDNS]
    static let start = Timestamp(seconds: 1_795_352_400)  // 2026-11-22 13:00:00 UTC
    static let schemas = [TestFlow.makeSchema(), TestDNS.makeSchema()]

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Six segments of 1000 flows each in row groups of 400 and pages of 100, one flow every ten seconds.
    init(segments: Int = 6, rowsPerSegment: Int = 1000) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-query-\(UUID())").path
        var numbers = SeededNumbers(state: 7)
        var flows: [TestFlow] = []
        var queries: [TestDNS] = []
        var settings = StoreWriter.Settings()
        settings.rowGroupRows = 400
        settings.pageRows = 100
        let writer = try StoreWriter(folder: folder, settings: settings)
        for segment in 0..<segments {
            var batch = RowBatch(QueryFixture.schemas[0])
            var dns = RowBatch(QueryFixture.schemas[1])
            for row in 0..<rowsPerSegment {
                let flow = QueryFixture.flow(segment * rowsPerSegment + row, &numbers)
                flows.append(flow)
                batch.append(flow, order: UInt64(row), ordinal: 0)
                if row % 10 == 0 {
                    let query = QueryFixture.query(flow, &numbers)
                    queries.append(query)
                    dns.append(query, order: UInt64(row), ordinal: 0)
                }
            }
            try writer.append(batch, schema: QueryFixture.schemas[0])
            try writer.append(dns, schema: QueryFixture.schemas[1])
            try writer.flush(time: QueryFixture.start.adding(Int64(segment) * 3600 * second))
        }
        try writer.finish(time: QueryFixture.start.adding(Int64(segments) * 3600 * second))
        self.flows = flows
        self.queries = queries
    }

    private static func flow(_ n: Int, _ numbers: inout SeededNumbers) -> TestFlow {
        var flow = TestFlow()
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &numbers) < percent }
        flow.n = UInt64(n)
        flow.ts = start.adding(Int64(n) * 10 * second + Int64.random(in: 0..<1000, using: &numbers) * 1_000_000)
        flow.uid = UID(value: UInt64(n) &* 0x1234_5678_9ABC_DEF1)
        flow.originator =
            chance(80)
            ? Address(v4: 0x0A00_0000 + UInt32.random(in: 0..<50, using: &numbers))
            : Address(high: 0x2001_0DB8 << 32, low: UInt64.random(in: 1..<5, using: &numbers))
        flow.port = chance(95) ? UInt16.random(in: 0...UInt16.max, using: &numbers) : nil
        flow.service = chance(70) ? ["dns", "http", "ssl", "SSH", "smtp"].randomElement(using: &numbers) : nil
        let name = Int.random(in: 0..<900, using: &numbers)
        flow.host = chance(90) ? (chance(50) ? "Host-\(name).example" : "café-\(name).test") : chance(50) ? "" : nil
        flow.duration = chance(80) ? Int64.random(in: 0..<100_000_000, using: &numbers) * 1000 : nil
        flow.delta = chance(90) ? Int64.random(in: -1000...1000, using: &numbers) : nil
        flow.score = chance(90) ? Double.random(in: -1...1, using: &numbers) : nil
        flow.local = chance(90) ? chance(50) : nil
        flow.tags = chance(60) ? (0..<Int.random(in: 0..<4, using: &numbers)).map { "tag\($0)\"\\" } : nil
        flow.waits = chance(30) ? [UInt64(n) * 1_000_000, 2_500_000_000] : nil
        return flow
    }

    private static func query(_ flow: TestFlow, _ numbers: inout SeededNumbers) -> TestDNS {
        var query = TestDNS()
        query.ts = flow.ts ?? start
        query.uid = flow.uid
        query.query = flow.host
        let count = Int.random(in: 0..<4, using: &numbers)
        query.answers = count == 3 ? nil : (0..<count).map { "192.0.2.\(flow.n % 200 + UInt64($0))" }
        query.ttls = query.answers?.indices.dropLast(flow.n % 20 == 0 ? 1 : 0).map { UInt64($0 + 1) * 60_000_000_000 }
        return query
    }

    /// The whole answer as text, and what it cost.
    func ask(
        _ statement: String, _ format: QueryFormat = .csv, isVectorised: Bool = true
    ) throws -> (text: String, outcome: QueryOutcome) {
        let path = folder + "/answer-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = QueryOptions(store: folder, statement: statement)
        options.format = format
        options.outputPath = path
        options.isVectorised = isVectorised
        let outcome = try runQuery(options)
        return (String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self), outcome)
    }

    /// The first column of the answer, without its name.
    func values(_ statement: String) throws -> [String] {
        try ask(statement).text.split(separator: "\r\n", omittingEmptySubsequences: false).dropFirst().dropLast()
            .map(String.init)
    }
}
