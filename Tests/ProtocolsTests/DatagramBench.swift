// SPDX-License-Identifier: Apache-2.0
//
// What the tests of protocols in datagrams share: one connection with one
// analyzer, and the rows that came of it. Streams may be fed to it too.

import Wire

@testable import Protocols
@testable import Records

/// One connection with an analyzer on it.
final class DatagramBench {
    let analyzer: Analyzer
    let schemas: [LogSchema]
    var context: AnalyzerContext

    init(
        _ analyzer: Analyzer, port: UInt16, originatorPort: UInt16 = 40_000, _ transport: Transport = .udp,
        _ settings: AnalyzerSettings = AnalyzerSettings(), logs: [LogSchema]
    ) {
        self.analyzer = analyzer
        schemas = LogID.allCases.map { log in
            if let given = logs.first(where: { $0.log == log }) { return given }
            // Whatever carries files writes their rows too.
            return log == .files
                ? FilesRecord.makeSchema() : LogSchema(log: log, summary: "", columns: [], stride: 3)
        }
        context = AnalyzerContext(
            output: RecordOutput(schemas: schemas), settings: settings, selection: AnalyzerSelection(names: nil))
        context.uid = UID(value: 99)
        context.id = ConnectionID(
            originator: Address(v4: 0x0A00_0001), responder: Address(v4: 0x0A00_0002),
            originatorPort: originatorPort, responderPort: port, transport: transport,
            protocolNumber: transport.rawValue)
    }

    func datagram(_ octets: [UInt8], from direction: Direction = .originator, at milliseconds: Int64 = 0) {
        context.now = Timestamp(nanoseconds: milliseconds * 1_000_000)
        context.sizeSoFar += UInt64(octets.count)
        analyzer.datagram(octets.octets, wireLength: octets.count, from: direction, &context)
    }

    func stream(_ octets: some Sequence<UInt8>, from direction: Direction = .originator) {
        let octets = Array(octets)
        context.sizeSoFar += UInt64(octets.count)
        analyzer.stream(octets.octets, from: direction, &context)
    }

    func rows(_ log: LogID) -> [DNSRow] {
        let batch = context.output.batches[Int(log.rawValue)]
        return (0..<batch.count).map { DNSRow(batch: batch, schema: schemas[Int(log.rawValue)], row: $0) }
    }

    var weirds: [Weird] { context.weirds.map(\.weird) }
}

extension DNSRow {
    /// An address column.
    func address(_ name: String) -> Address? {
        guard let index = schema.index(of: name), batch.isSet(row, index) else { return nil }
        let place = row * schema.stride + schema.columns[index].wordOffset
        return Address(high: batch.words[place], low: batch.words[place + 1])
    }

    /// A duration column or a time, in seconds.
    func seconds(_ name: String) -> Double? { number(name).map { Double(Int64(bitPattern: $0)) / 1e9 } }
}

/// Octets of a text.
func octets(_ text: String) -> [UInt8] { Array(text.utf8) }
