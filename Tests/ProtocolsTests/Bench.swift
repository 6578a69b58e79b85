// SPDX-License-Identifier: Apache-2.0
//
// What the tests of protocols share: one connection with one analyzer on it, what is sent
// to it, and the rows that came of it.

import Wire

@testable import Protocols
@testable import Records

/// One connection with an analyzer on it.
class Bench<Reader: Analyzer> {
    let analyzer: Reader
    let schemas: [LogSchema]
    /// The log that the protocol is about.
    let schema: LogSchema
    var context: AnalyzerContext

    /// Rows of other logs than those of `logs` must not be written, but for those of files and software, which
    /// whatever carries files or names programs writes too, and of protocols that are taken back.
    init(
        _ analyzer: Reader, logs: [LogSchema], port: UInt16, _ transport: Transport,
        responder: Address = Address(v4: 0x0A00_0002), originatorPort: UInt16 = 40_000,
        _ settings: AnalyzerSettings = AnalyzerSettings()
    ) {
        self.analyzer = analyzer
        let given = logs + [FilesRecord.makeSchema(), SoftwareRecord.makeSchema(), AnalyzerRecord.makeSchema()]
        schemas = LogID.allCases.map { log in
            given.first { $0.log == log } ?? LogSchema(log: log, summary: "", columns: [], stride: 3)
        }
        schema = given[0]
        context = AnalyzerContext(
            output: RecordOutput(schemas: schemas), settings: settings, selection: AnalyzerSelection(names: nil))
        context.uid = UID(value: 99)
        context.id = ConnectionID(
            originator: Address(v4: 0x0A00_0001), responder: responder, originatorPort: originatorPort,
            responderPort: port, transport: transport, protocolNumber: transport.rawValue)
    }

    // MARK: what is sent

    func datagram(_ octets: [UInt8], from direction: Direction = .originator, at milliseconds: Int64 = 0) {
        context.now = Timestamp(nanoseconds: milliseconds * 1_000_000)
        context.sizeSoFar += UInt64(octets.count)
        analyzer.datagram(octets.octets, wireLength: octets.count, from: direction, &context)
        context.writeViolations(octets.octets)
    }

    func stream(_ octets: some Sequence<UInt8>, from direction: Direction = .originator) {
        let octets = Array(octets)
        context.sizeSoFar += UInt64(octets.count)
        analyzer.stream(octets.octets, from: direction, &context)
        context.writeViolations(octets.octets)
    }

    /// In pieces, as long as the analyzer wants them: segments of TCP, datagrams of UDP.
    func send(_ octets: [UInt8], from direction: Direction, pieces: Int = .max) {
        var start = 0
        while start < octets.count, !analyzer.isDetached {
            let end = min(octets.count, start + min(pieces, octets.count))
            context.sizeSoFar += UInt64(end - start)
            let piece = Array(octets[start..<end])
            if context.id.transport == .tcp {
                analyzer.stream(piece.octets, from: direction, &context)
            } else {
                analyzer.datagram(piece.octets, wireLength: piece.count, from: direction, &context)
            }
            context.writeViolations(piece.octets)
            start = end
        }
    }

    /// A text of one direction; line feeds of the text are CR LF on the wire.
    func ask(_ text: String) { send(wire(text), from: .originator) }
    func answer(_ text: String) { send(wire(text), from: .responder) }

    func lose(_ count: Int, from direction: Direction) {
        context.hasGap = true
        analyzer.gap(count, from: direction, &context)
    }

    func end(_ direction: Direction) { analyzer.endOfStream(from: direction, &context) }
    func finish() { analyzer.finish(&context) }

    // MARK: what came of it

    var weirds: [Weird] { context.weirds.map(\.weird) }
    var weirdTexts: [String] {
        context.weirds.map { String(decoding: context.weirdText[$0.addl], as: UTF8.self) }
    }

    func rows(_ log: LogID) -> [LogRow] {
        let batch = context.output.batches[Int(log.rawValue)]
        return (0..<batch.count).map { LogRow(batch: batch, schema: schemas[Int(log.rawValue)], row: $0) }
    }

    var batch: RowBatch { context.output.batches[Int(schema.log.rawValue)] }
    /// The rows of the log that the protocol is about.
    var rows: [LogRow] { rows(schema.log) }

    /// Every column of every row of a log as one text, those alone that are set.
    func texts(_ log: LogID) -> [String] { rows(log).map { $0.text() } }

    /// All that is known of the protocol's rows at the end, for comparison.
    func everything() -> [String] {
        finish()
        return rows.map { $0.text(numbersToo: true) }
    }
}

/// A connection of UDP, or of TCP where that is said, and rows of several logs.
final class DatagramBench: Bench<Analyzer> {
    init(
        _ analyzer: Analyzer, port: UInt16, originatorPort: UInt16 = 40_000, _ transport: Transport = .udp,
        _ settings: AnalyzerSettings = AnalyzerSettings(), logs: [LogSchema]
    ) {
        super.init(analyzer, logs: logs, port: port, transport, originatorPort: originatorPort, settings)
    }
}

/// A connection of TCP to a host elsewhere, and rows of one log.
final class TextBench: Bench<Analyzer> {
    init(_ analyzer: Analyzer, _ schema: LogSchema, port: UInt16, transport: Transport = .tcp) {
        super.init(analyzer, logs: [schema], port: port, transport, responder: Address(v4: 0x0808_0808))
    }
}

extension Bench where Reader == Analyzer {
    /// The connection ends; the rows of the log that it is about.
    func finished() -> [LogRow] {
        finish()
        return rows
    }
}

/// One row, by the names of its columns.
struct LogRow {
    let batch: RowBatch
    let schema: LogSchema
    let row: Int

    private func column(_ name: String) -> Column? {
        guard let index = schema.index(of: name), batch.isSet(row, index) else { return nil }
        return schema.columns[index]
    }

    func text(_ name: String) -> String? {
        guard let column = column(name) else { return nil }
        return String(decoding: batch.bytes[batch.textRange(row, column)], as: UTF8.self)
    }

    func number(_ name: String) -> UInt64? { column(name).map { batch.word(row, $0) } }
    func flag(_ name: String) -> Bool? { number(name).map { $0 != 0 } }

    /// A duration column or a time, in seconds.
    func seconds(_ name: String) -> Double? { number(name).map { Double(Int64(bitPattern: $0)) / 1e9 } }
    func address(_ name: String) -> Address? { column(name).map { batch.address(row, $0) } }

    func list(_ name: String) -> [String]? {
        guard let column = column(name) else { return nil }
        var place = batch.listStart(row, column)
        return (0..<batch.listCount(row, column)).map { _ in
            String(decoding: batch.bytes[batch.listText(&place)], as: UTF8.self)
        }
    }

    func numbers(_ name: String) -> [UInt64]? {
        guard let column = column(name) else { return nil }
        var place = batch.listStart(row, column)
        return (0..<batch.listCount(row, column)).map { _ in batch.listWord(&place) }
    }

    /// The columns that are set as `name=value`; times, identities and the like only where `numbersToo`.
    func text(numbersToo: Bool = false) -> String {
        schema.columns.compactMap { column in
            let value: String? =
                switch column.kind {
                case .text, .enumeration: text(column.name)
                case .textSet, .textVector: list(column.name).map { "\($0)" }
                case .countVector: numbers(column.name).map { "\($0)" }
                case .boolean: flag(column.name).map { $0 ? "T" : "F" }
                case .count: number(column.name).map { "\($0)" }
                case _ where !numbersToo: nil
                case .address: address(column.name).map { "\($0)" }
                case .uidSet, .fuidVector, .intervalVector: numbers(column.name).map { "\($0)" }
                case .addressVector: nil
                default: number(column.name).map { "\($0)" }
                }
            return value.map { "\(column.name)=\($0)" }
        }.joined(separator: " ")
    }
}

/// Octets of a text.
func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Line feeds of a text become CR LF.
func wire(_ text: String) -> [UInt8] { Array(text.utf8).flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] } }

/// A number in two octets, and in four, in network order.
func wide(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }
func long(_ value: Int) -> [UInt8] { wide(value >> 16) + wide(value) }

/// One value in BER or DER: tag, length, what the parts are.
func ber(_ tag: UInt8, _ parts: [UInt8]...) -> [UInt8] {
    let content = parts.flatMap { $0 }
    guard content.count > 127 else { return [tag, UInt8(content.count)] + content }
    return content.count < 256
        ? [tag, 0x81, UInt8(content.count)] + content : [tag, 0x82] + wide(content.count) + content
}

func ber(_ tag: UInt8, _ text: String) -> [UInt8] { ber(tag, octets(text)) }
