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

func dnsQuestion(_ owner: [UInt8], _ type: Int, _ group: Int = 1) -> [UInt8] {
    owner + wide(type) + wide(group)
}

func dnsRecord(
    _ owner: [UInt8], _ type: Int, _ data: [UInt8], group: Int = 1, lifetime: Int = 60
) -> [UInt8] {
    owner + wide(type) + wide(group) + long(lifetime) + wide(data.count) + data
}

/// A record whose owner is a pointer to the first question.
func dnsRecord(_ type: Int, _ data: [UInt8], group: Int = 1, lifetime: Int = 60) -> [UInt8] {
    dnsRecord([0xC0, 12], type, data, group: group, lifetime: lifetime)
}

func dnsMessage(
    _ id: Int = 7, flags: Int, questions: [[UInt8]] = [], answers: [[UInt8]] = [], authority: [[UInt8]] = [],
    additional: [[UInt8]] = []
) -> [UInt8] {
    wide(id) + wide(flags) + wide(questions.count) + wide(answers.count) + wide(authority.count)
        + wide(additional.count) + (questions + answers + authority + additional).flatMap { $0 }
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
final class DNSBench: Bench<DNS> {
    init(
        responder: Address = Address(v4: 0xC000_0235), originatorPort: UInt16 = 40_000, port: UInt16 = 53,
        _ transport: Transport = .udp, _ settings: AnalyzerSettings = AnalyzerSettings()
    ) {
        super.init(
            DNS(), logs: [DNSRecord.makeSchema()], port: port, transport, responder: responder,
            originatorPort: originatorPort, settings)
    }

    func ask(_ octets: [UInt8], at milliseconds: Int64 = 0) { datagram(octets, from: .originator, at: milliseconds) }
    func answer(_ octets: [UInt8], at milliseconds: Int64 = 5) { datagram(octets, from: .responder, at: milliseconds) }

    /// The answers' texts for one reply.
    func texts(_ answers: [[UInt8]]) -> [String]? {
        ask(dnsQuery())
        answer(dnsReply(answers: answers))
        return rows.last?.list("answers")
    }

    func finished() -> [LogRow] {
        finish()
        return rows
    }
}
