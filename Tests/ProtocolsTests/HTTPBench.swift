// SPDX-License-Identifier: Apache-2.0
//
// What the tests of HTTP share: one connection that texts are fed to.

import Wire

@testable import Protocols
@testable import Records

/// One connection with HTTP on it, and what came of it.
final class HTTPBench {
    let analyzer = HTTP()
    var context: AnalyzerContext
    let schema = HTTPRecord.makeSchema()

    init(_ settings: AnalyzerSettings = AnalyzerSettings()) {
        let schemas = LogID.allCases.map { log in
            switch log {
            case .http: HTTPRecord.makeSchema()
            case .files: FilesRecord.makeSchema()
            default: LogSchema(log: log, summary: "", columns: [], stride: 3)
            }
        }
        context = AnalyzerContext(
            output: RecordOutput(schemas: schemas), settings: settings,
            selection: AnalyzerSelection(names: nil))
        context.uid = UID(value: 99)
        context.id = ConnectionID(
            originator: Address(v4: 0x0A00_0001), responder: Address(v4: 0x0A00_0002), originatorPort: 40_000,
            responderPort: 80, transport: .tcp, protocolNumber: 6)
    }

    /// A text of one direction; line feeds of the text are CR LF on the wire.
    func ask(_ text: String) { send(wire(text), from: .originator) }
    func answer(_ text: String) { send(wire(text), from: .responder) }

    func send(_ octets: [UInt8], from direction: Direction, pieces: Int = .max) {
        var start = 0
        while start < octets.count {
            let end = min(octets.count, start + min(pieces, octets.count))
            context.sizeSoFar += UInt64(end - start)
            let piece = Array(octets[start..<end])
            analyzer.stream(piece.octets, from: direction, &context)
            start = end
        }
    }

    func lose(_ count: Int, from direction: Direction) {
        context.hasGap = true
        analyzer.gap(count, from: direction, &context)
    }

    func end(_ direction: Direction) { analyzer.endOfStream(from: direction, &context) }

    var weirds: [Weird] { context.weirds.map(\.weird) }
    var weirdTexts: [String] {
        context.weirds.map { String(decoding: context.weirdText[$0.addl], as: UTF8.self) }
    }
    var batch: RowBatch { context.output.batches[Int(LogID.http.rawValue)] }
    var rows: [DNSRow] { (0..<batch.count).map { DNSRow(batch: batch, schema: schema, row: $0) } }

    func finished() -> [DNSRow] {
        analyzer.finish(&context)
        return rows
    }

    /// Every column of every row as one text, for comparison.
    func everything() -> [String] {
        finished().map { row in
            schema.columns.map { column in
                let value: String
                switch column.kind {
                case .text: value = row.text(column.name) ?? "-"
                case .textSet, .textVector: value = row.list(column.name).map { "\($0)" } ?? "-"
                case .fuidVector: value = row.numbers(column.name).map { "\($0)" } ?? "-"
                case .address: value = ""
                default: value = row.number(column.name).map { "\($0)" } ?? "-"
                }
                return "\(column.name)=\(value)"
            }.joined(separator: " ")
        }
    }
}

/// Line feeds of a text become CR LF.
func wire(_ text: String) -> [UInt8] { Array(text.utf8).flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] } }
