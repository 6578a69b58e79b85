// SPDX-License-Identifier: Apache-2.0
//
// What the tests of protocols share: one TCP connection with one analyzer on it.

import Wire

@testable import Protocols
@testable import Records

/// One connection with an analyzer, and the rows that came of it.
final class TextBench {
    let analyzer: Analyzer
    let schema: LogSchema
    var context: AnalyzerContext

    /// `port` is the responder's; rows of other logs than `schema`'s must not be written.
    init(_ analyzer: Analyzer, _ schema: LogSchema, port: UInt16, transport: Transport = .tcp) {
        self.analyzer = analyzer
        self.schema = schema
        let schemas = LogID.allCases.map { log in
            log == schema.log ? schema : LogSchema(log: log, summary: "", columns: [], stride: 3)
        }
        context = AnalyzerContext(
            output: RecordOutput(schemas: schemas), settings: AnalyzerSettings(),
            selection: AnalyzerSelection(names: nil))
        context.uid = UID(value: 99)
        context.id = ConnectionID(
            originator: Address(v4: 0x0A00_0001), responder: Address(v4: 0x0808_0808), originatorPort: 40_000,
            responderPort: port, transport: transport, protocolNumber: transport.rawValue)
    }

    /// A text of one direction; line feeds of the text are CR LF on the wire.
    func ask(_ text: String) { send(wire(text), from: .originator) }
    func answer(_ text: String) { send(wire(text), from: .responder) }

    func send(_ octets: [UInt8], from direction: Direction, pieces: Int = .max) {
        var start = 0
        while start < octets.count, !analyzer.isDetached {
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
    var batch: RowBatch { context.output.batches[Int(schema.log.rawValue)] }
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
                case .text, .enumeration: value = row.text(column.name) ?? "-"
                case .textSet, .textVector: value = row.list(column.name).map { "\($0)" } ?? "-"
                case .fuidVector: value = row.numbers(column.name).map { "\($0)" } ?? "-"
                case .address, .addressVector: value = ""
                default: value = row.number(column.name).map { "\($0)" } ?? "-"
                }
                return "\(column.name)=\(value)"
            }.joined(separator: " ")
        }
    }
}
