// SPDX-License-Identifier: Apache-2.0
//
// What the tests of DNS share: messages made by hand from the RFCs, and one
// connection that they are fed to.

import Wire

@testable import Protocols
@testable import Records

// MARK: making messages

/// A name in wire form, without compression.
func dnsName(_ text: String) -> [UInt8] {
    text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
}

func dnsWide(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }
func dnsLong(_ value: Int) -> [UInt8] { dnsWide(value >> 16) + dnsWide(value) }

func dnsQuestion(_ owner: [UInt8], _ type: Int, _ group: Int = 1) -> [UInt8] {
    owner + dnsWide(type) + dnsWide(group)
}

func dnsRecord(
    _ owner: [UInt8], _ type: Int, _ data: [UInt8], group: Int = 1, lifetime: Int = 60
) -> [UInt8] {
    owner + dnsWide(type) + dnsWide(group) + dnsLong(lifetime) + dnsWide(data.count) + data
}

/// A record whose owner is a pointer to the first question.
func dnsRecord(_ type: Int, _ data: [UInt8], group: Int = 1, lifetime: Int = 60) -> [UInt8] {
    dnsRecord([0xC0, 12], type, data, group: group, lifetime: lifetime)
}

func dnsMessage(
    _ id: Int = 7, flags: Int, questions: [[UInt8]] = [], answers: [[UInt8]] = [], authority: [[UInt8]] = [],
    additional: [[UInt8]] = []
) -> [UInt8] {
    dnsWide(id) + dnsWide(flags) + dnsWide(questions.count) + dnsWide(answers.count) + dnsWide(authority.count)
        + dnsWide(additional.count) + (questions + answers + authority + additional).flatMap { $0 }
}

let dnsQueryFlags = 0x0100
let dnsReplyFlags = 0x8180

func dnsQuery(_ id: Int = 7, _ text: String = "www.Example.com", _ type: Int = 1) -> [UInt8] {
    dnsMessage(id, flags: dnsQueryFlags, questions: [dnsQuestion(dnsName(text), type)])
}

func dnsReply(
    _ id: Int = 7, _ text: String = "www.example.com", _ type: Int = 1, flags: Int = dnsReplyFlags, answers: [[UInt8]]
) -> [UInt8] {
    dnsMessage(id, flags: flags, questions: [dnsQuestion(dnsName(text), type)], answers: answers)
}

let dnsAddress = dnsRecord(1, [192, 0, 2, 1])

// MARK: feeding an analyzer

/// One connection with DNS on it, and what came of it.
final class DNSBench {
    let analyzer = DNS()
    var context: AnalyzerContext
    let schema = DNSRecord.makeSchema()

    init(
        responder: Address = Address(v4: 0xC000_0235), originatorPort: UInt16 = 40_000, port: UInt16 = 53,
        _ transport: Transport = .udp, _ settings: AnalyzerSettings = AnalyzerSettings()
    ) {
        let blank = [LogID.conn, .connOpen].map { LogSchema(log: $0, summary: "", columns: [], stride: 3) }
        context = AnalyzerContext(
            output: RecordOutput(schemas: blank + [schema]), settings: settings,
            selection: AnalyzerSelection(names: nil))
        context.uid = UID(value: 99)
        context.id = ConnectionID(
            originator: Address(v4: 0x0A00_0001), responder: responder, originatorPort: originatorPort,
            responderPort: port, transport: transport, protocolNumber: transport.rawValue)
    }

    func datagram(_ octets: [UInt8], from direction: Direction, at milliseconds: Int64 = 0) {
        context.now = Timestamp(nanoseconds: milliseconds * 1_000_000)
        analyzer.datagram(octets.octets, wireLength: octets.count, from: direction, &context)
    }

    func stream(_ octets: some Sequence<UInt8>, from direction: Direction) {
        let octets = Array(octets)
        analyzer.stream(octets.octets, from: direction, &context)
    }

    func ask(_ octets: [UInt8], at milliseconds: Int64 = 0) { datagram(octets, from: .originator, at: milliseconds) }
    func answer(_ octets: [UInt8], at milliseconds: Int64 = 5) { datagram(octets, from: .responder, at: milliseconds) }

    /// The answers' texts for one reply.
    func texts(_ answers: [[UInt8]]) -> [String]? {
        ask(dnsQuery())
        answer(dnsReply(answers: answers))
        return rows.last?.list("answers")
    }

    var weirds: [Weird] { context.weirds.map(\.weird) }
    var batch: RowBatch { context.output.batches[Int(LogID.dns.rawValue)] }
    var rows: [DNSRow] { (0..<batch.count).map { DNSRow(batch: batch, schema: schema, row: $0) } }

    func finished() -> [DNSRow] {
        analyzer.finish(&context)
        return rows
    }
}

struct DNSRow {
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
}
