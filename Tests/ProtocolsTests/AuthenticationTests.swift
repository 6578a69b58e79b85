// SPDX-License-Identifier: Apache-2.0
//
// Tests Kerberos over UDP and TCP, NTLM, and the negotiation between them.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct KerberosTests {
    static let logs = [KerberosRecord.makeSchema(), NTLMRecord.makeSchema(), X509Record.makeSchema()]

    static func stream(_ messages: [(Direction, [UInt8])]) -> Conversation {
        Conversation(
            turns: messages.map { ($0.0, KerberosMade.framed($0.1)) }, port: 88, logs: logs
        ) { Kerberos(kind: .krbTCP) }
    }

    static let exchange = stream([
        (.originator, KerberosMade.request(10, client: true)), (.responder, KerberosMade.reply(11)),
    ])

    static func datagrams(_ messages: [(Direction, [UInt8])]) -> (rows: [String], analyzer: Analyzer) {
        let bench = DatagramBench(Kerberos(kind: .krb), port: 88, logs: logs)
        for (direction, message) in messages where !bench.analyzer.isDetached {
            bench.datagram(message, from: direction)
        }
        bench.analyzer.finish(&bench.context)
        return (bench.texts(.kerberos), bench.analyzer)
    }

    @Test func `a first ticket is granted`() {
        let outcome = Self.exchange.play()
        #expect(
            outcome.rows == [
                "request_type=AS client=alice/EXAMPLE service=cifs/srv success=T cipher=aes256-cts-hmac-sha1-96 "
                    + "forwardable=T renewable=T"
            ])
        #expect(outcome.analyzer.isConfirmed)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.exchange.expectRobust() }

    @Test func `the client of a service's ticket is known by the reply`() {
        let rows = Self.datagrams([
            (.originator, KerberosMade.request(12, client: false)), (.responder, KerberosMade.reply(13)),
        ]).rows
        #expect(
            rows == [
                "request_type=TGS client=alice/EXAMPLE service=cifs/srv success=T cipher=aes256-cts-hmac-sha1-96 "
                    + "forwardable=T renewable=T"
            ])
    }

    @Test func `an error has its name or its text, and the usual one has no row`() {
        let request = (Direction.originator, KerberosMade.request(10, client: true))
        let usual = Self.datagrams([request, (.responder, KerberosMade.error(25, text: "NEEDED_PREAUTH"))])
        #expect(usual.rows.isEmpty)
        let named = Self.datagrams([request, (.responder, KerberosMade.error(6))])
        #expect(
            named.rows == [
                "request_type=AS client=alice/EXAMPLE service=krbtgt/EXAMPLE success=F "
                    + "error_msg=KDC_ERR_C_PRINCIPAL_UNKNOWN forwardable=T renewable=T"
            ])
        let said = Self.datagrams([(.responder, KerberosMade.error(60, text: "clock"))])
        #expect(said.rows == ["service=krbtgt/EXAMPLE success=F error_msg=clock"])
    }

    @Test func `a request without an answer is written at the end`() {
        let rows = Self.datagrams([(.originator, KerberosMade.request(10, client: true))]).rows
        #expect(
            rows == ["request_type=AS client=alice/EXAMPLE service=krbtgt/EXAMPLE forwardable=T renewable=T"])
    }

    @Test(arguments: 0..<KerberosMade.reply(11).count)
    func `every truncation is refused`(_ length: Int) {
        let outcome = Self.datagrams([(.responder, Array(KerberosMade.reply(11).prefix(length)))])
        #expect(outcome.rows.isEmpty)
        #expect(outcome.analyzer.isDetached)
    }

    @Test func `impossible lengths and another protocol are refused`() {
        #expect(Self.datagrams([(.originator, [0x6A, 0x84, 0x7F, 0xFF, 0xFF, 0xFF, 0x30, 0])]).analyzer.isDetached)
        #expect(Self.exchange.playHTTP().analyzer.isDetached)
    }

    @Test func `the probe knows messages of the first kinds`() {
        #expect(verdict(KerberosProbe.datagram, KerberosMade.request(10, client: true)) == .matches)
        #expect(verdict(KerberosProbe.datagram, KerberosMade.error(6)) == .matches)
        #expect(verdict(KerberosProbe.stream, KerberosMade.framed(KerberosMade.reply(13))) == .matches)
        #expect(verdict(KerberosProbe.datagram, KerberosMade.applicationRequest) == .never)
        #expect(verdict(KerberosProbe.datagram, octets("GET / HTTP/1.1")) == .never)
    }

    @Test func `a name of more than three parts is not known`() {
        var text = TextBuffer()
        let name = ber(0x30, ["a", "b", "c", "d"].flatMap(KerberosMade.text))
        let place = BERElement(tag: 0x30, start: 2, end: name.count)
        KerberosMessage.append(place, of: name.octets, to: &text)
        #expect(text.bytes == octets("unknown"))
    }
}

@Suite struct NTLMTests {
    static func read(_ message: [UInt8]) -> NTLMMessage? {
        var cursor = Cursor(message.octets)
        return try? NTLMMessage(parsing: &cursor)
    }

    @Test(arguments: [NTLMMade.challenge, NTLMMade.authenticate])
    func `every truncation of a message is refused or says less`(_ message: [UInt8]) {
        for length in message.indices {
            #expect(Self.read(Array(message.prefix(length)))?.workstation.isEmpty != false)
        }
    }

    @Test func `a place outside of the message is refused`() {
        var message = NTLMMade.authenticate
        message[32] = 0xFF
        #expect(Self.read(message) == nil)
    }

    @Test func `names of a machine's own code page stay as they are`() throws {
        var message = NTLMMade.authenticate
        message[60] = 2
        let read = try #require(Self.read(message))
        var text = TextBuffer()
        let user = read.add(read.user, of: message.octets, isWide: read.isWide, to: &text)
        #expect(Array(text[user]) == wide("alice"))
        #expect(read.version == 0x0A00_614A_0000_000F)
    }

    @Test func `text of UTF-16 becomes UTF-8`() {
        var text = TextBuffer()
        let pair = text.add(utf16: wide("a\u{1F600}ü").octets)
        #expect(Array(text[pair]) == octets("a\u{1F600}ü"))
        let lone = text.add(utf16: ([0x00, 0xD8] as [UInt8]).octets)
        #expect(Array(text[lone]) == octets("\u{FFFD}"))
        let cut = text.add(utf16: (wide("ab\0cd") + [0x41]).octets, endsAtZero: true)
        #expect(Array(text[cut]) == octets("ab"))
    }
}
