// SPDX-License-Identifier: Apache-2.0
//
// Tests LDAP: operations, searches and their filters, wrapped messages.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// A message with the operation `tag`.
private func message(_ number: UInt8, _ tag: UInt8, _ content: [UInt8]...) -> [UInt8] {
    ber(0x30, ber(2, [number]), ber(tag, content.flatMap { $0 }))
}

private func result(_ code: UInt8, _ text: String = "") -> [UInt8] { ber(10, [code]) + ber(4, "") + ber(4, text) }

private func bindSASL(_ number: UInt8, _ mechanism: String) -> [UInt8] {
    message(number, 0x60, ber(2, [3]), ber(4, ""), ber(0xA3, ber(4, mechanism), ber(4, "token")))
}

private func searchFor(_ number: UInt8, _ filter: [UInt8]) -> [UInt8] {
    message(
        number, 0x63, ber(4, "dc=example"), ber(10, [2]), ber(10, [3]), ber(2, [0]), ber(2, [0]), ber(1, [0]), filter,
        ber(0x30, ber(4, "cn")))
}

private func equals(_ name: String, _ value: String) -> [UInt8] { ber(0xA3, ber(4, name), ber(4, value)) }

@Suite struct LDAPTests {
    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        let logs = [LDAPRecord.makeSchema(), LDAPSearchRecord.makeSchema()]
        return Conversation(turns: turns, port: 389, logs: logs) { LDAP(kind: .ldapTCP) }
    }

    static let session = conversation([
        (.originator, message(1, 0x60, ber(2, [3]), ber(4, "cn=admin"), ber(0x80, "secret"))),
        (.responder, message(1, 0x61, result(49, "no\u{0}"))),
        (.originator, searchFor(2, equals("cn", "a*b"))),
        (.responder, message(2, 0x64, ber(4, "cn=x"), ber(0x30, []))),
        (.responder, message(2, 0x64, ber(4, "cn=y"), ber(0x30, []))),
        (.responder, message(2, 0x73, ber(4, "ldap://other"))),
        (.responder, message(2, 0x65, result(0))),
        (
            .originator,
            message(
                3, 0x66, ber(4, "cn=x"),
                ber(
                    0x30, ber(0x30, ber(10, [2]), ber(0x30, ber(4, "sn"), ber(0x31, ber(4, "A"), ber(4, "B")))),
                    ber(0x30, ber(10, [1]), ber(0x30, ber(4, "st"), ber(0x31, [])))))
        ),
        (.responder, message(3, 0x67, result(0))), (.originator, message(4, 0x4A, octets("cn=old"))),
        (.responder, message(4, 0x6B, result(32))), (.originator, message(5, 0x50, [4])),
        (.originator, message(6, 0x42)),
    ])

    @Test func `operations and searches give rows`() {
        let outcome = Self.session.play()
        #expect(
            outcome.rows == [
                "opcode=bind simple result=invalid credentials diagnostic_message=no? object=cn=admin "
                    + "argument=REDACTED",
                "opcode=modify result=success object=cn=x argument=replace(sn=AB),delete(st=)",
                "opcode=delete result=no such object object=cn=old", "opcode=abandon object=4", "opcode=unbind",
                "scope=tree deref_aliases=always base_object=dc=example result_count=2 result=success "
                    + "filter=(cn=a\\2ab)",
            ])
        #expect(outcome.analyzer.isConfirmed)
        #expect(outcome.weirds.isEmpty)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust(rowsMax: 8) }

    @Test func `a search without an end is written at the end`() {
        let outcome = Self.conversation([(.originator, searchFor(1, ber(0x87, "cn")))]).play()
        #expect(
            outcome.rows
                == ["scope=tree deref_aliases=always base_object=dc=example result_count=0 filter=(cn=*)"])
    }

    static let guid = (0..<16).map { UInt8($0) }
    static let sid: [UInt8] = [1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 1, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]

    static let filters: [([UInt8], String)] = [
        (ber(0xA0, equals("a", "1")), "(&(a=1))"),
        (ber(0xA0, equals("a", "1"), equals("b", "2"), equals("c", "3")), "(&(&(a=1)(b=2))(c=3))"),
        (ber(0xA1, equals("a", "1"), ber(0xA2, equals("b", "(2)"))), "(|(a=1)(!(b=\\282\\29)))"),
        (ber(0xA5, ber(4, "a"), ber(4, "1")), "(a>=1)"), (ber(0xA6, ber(4, "a"), ber(4, "1")), "(a<=1)"),
        (ber(0xA8, ber(4, "a"), ber(4, "1")), "(a~=1)"),
        (
            ber(0xA4, ber(4, "a"), ber(0x30, ber(0x80, "i"), ber(0x81, "x"), ber(0x81, "y"), ber(0x82, "f"))),
            "(a=i*x*y*f)"
        ),
        (ber(0xA4, ber(4, "a"), ber(0x30, ber(0x80, "i"), ber(0x82, "f"))), "(a=i*f)"),
        (ber(0xA4, ber(4, "a"), ber(0x30, ber(0x81, "x"))), "(a=*x*)"),
        (ber(0xA9, ber(0x81, "1.2"), ber(0x82, "a"), ber(0x83, "v"), ber(0x84, [0xFF])), "(a:1.2:=v)"),
        (ber(0xA3, ber(4, "DomainGuid"), ber(4, guid)), "(DomainGuid=03020100-0504-0706-0809-0a0b0c0d0e0f)"),
        (ber(0xA3, ber(4, "DomainSid"), ber(4, sid)), "(DomainSid=S-1-5-21-257-2-3)"),
        (ber(0xA3, ber(4, "NtVer"), ber(4, [6, 0, 0, 0x20])), "(NtVer=0x20000006)"),
        (ber(0xA3, ber(4, "AAC"), ber(4, [0x80, 0, 1])), "(AAC=80:00:01)"),
        (equals("NtVer", "1"), "(NtVer=HEX_FORMAT_FAILED)"),
    ]

    @Test(arguments: filters)
    func `filters have a text`(_ filter: [UInt8], _ text: String) throws {
        var written = TextBuffer()
        var cursor = Cursor(filter.octets)
        try LDAPFilter.write(&cursor, to: &written, depth: 0)
        #expect(String(decoding: written.bytes, as: UTF8.self) == text)
        for count in 0..<filter.count {
            let cut = Array(filter[..<count])
            var part = Cursor(cut.octets)
            var ignored = TextBuffer()
            #expect(throws: WireError.self) { try LDAPFilter.write(&part, to: &ignored, depth: 0) }
        }
    }

    @Test func `filters that nest too deeply, or lists in the place of filters, are refused`() {
        var deep = equals("a", "1")
        for _ in 0..<21 { deep = ber(0xA2, deep) }
        for filter in [deep, ber(0x30, [])] {
            let outcome = Self.conversation([(.originator, searchFor(1, filter))]).play()
            #expect(outcome.analyzer.violationCount == 1)
            #expect(outcome.rows.isEmpty)
        }
    }

    @Test func `what a login has sealed is passed over, and what it has signed is read`() {
        func wrap(_ flags: UInt8, _ extra: UInt8, _ rotation: UInt8, _ content: [UInt8]) -> [UInt8] {
            let token = [5, 4, flags, 0xFF, 0, extra, 0, rotation] + [UInt8](repeating: 0, count: 8) + content
            return [0, 0, 0, UInt8(token.count)] + token
        }
        let delete = message(9, 0x4A, octets("cn=a"))
        let turns: [(Direction, [UInt8])] = [
            (.originator, bindSASL(1, "GSS-SPNEGO")), (.responder, message(1, 0x61, result(0))),
            (.originator, wrap(2, 28, 28, Array(repeating: 0x30, count: 40)) + [0, 0, 0, 3, 1, 2, 3]),
            (.originator, wrap(4, 3, 3, [7, 7, 7] + delete)),
            (.responder, wrap(5, 3, 0, message(9, 0x6B, result(0)) + [7, 7, 7])),
            (.originator, message(10, 0x42)),
        ]
        let conversation = Self.conversation(turns)
        let rows = [
            "opcode=bind SASL result=success argument=GSS-SPNEGO", "opcode=delete result=success object=cn=a",
            "opcode=unbind",
        ]
        #expect(conversation.play().rows == rows)
        #expect(conversation.play(pieces: 1).rows == rows)
    }

    @Test func `TLS takes over when the server agrees`() {
        let ask = message(1, 0x77, ber(0x80, "1.3.6.1.4.1.1466.20037"))
        let turns: [(Direction, [UInt8])] = [
            (.originator, ask), (.responder, message(1, 0x78, result(0))), (.originator, message(2, 0x42)),
        ]
        #expect(
            Self.conversation(turns).play().rows
                == ["opcode=extended result=success object=1.3.6.1.4.1.1466.20037 (StartTLS)"])
    }

    @Test func `requests that nobody answers are bounded`() {
        let turns = (1...30).map { (Direction.originator, message(UInt8($0), 0x4A, octets("cn=\($0)"))) }
        let outcome = Self.conversation(turns).play()
        #expect(outcome.rows.count == 30)
        #expect(outcome.weirds.contains(.LDAP_max_pending_messages_exceeded))
    }

    @Test func `long entries are not held`() {
        let entry: [UInt8] = [0x30, 0x84, 0x00, 0x20, 0x00, 0x08, 2, 1, 1, 0x64, 0x84, 0x00, 0x1F, 0xFF, 0xFF]
        let turns: [(Direction, [UInt8])] = [
            (.originator, searchFor(1, equals("a", "b"))),
            (.responder, entry + [UInt8](repeating: 0, count: 0x1F_FFFF) + message(1, 0x65, result(0))),
        ]
        #expect(Self.conversation(turns).play().rows.first?.contains("result_count=1 result=success") == true)
    }

    @Test func `impossible lengths are refused`() {
        for message: [UInt8] in [
            [0x30, 0x05, 2, 1, 1, 0x60, 0x7F], [0x30, 0x80, 0, 0], [0x30, 0x7F, 2, 0x7F, 1, 0x60, 0, 0, 0, 0, 0, 0, 0]
                + [UInt8](repeating: 0, count: 40), [0x31, 0], [0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        ] {
            #expect(Self.conversation([(.originator, message)]).play().analyzer.violationCount == 1)
        }
    }

    @Test func `datagrams hold whole messages`() {
        let bench = DatagramBench(LDAP(kind: .ldapUDP), port: 389, logs: [LDAPSearchRecord.makeSchema()])
        bench.datagram(searchFor(1, ber(0x87, "cn")))
        bench.datagram(message(1, 0x64, ber(4, ""), ber(0x30, [])) + message(1, 0x65, result(0)), from: .responder)
        #expect(bench.rows(.ldapSearch).count == 1)
        bench.datagram(Array(searchFor(2, ber(0x87, "cn")).dropLast()))
        #expect(bench.analyzer.violationCount == 1)
    }

    @Test func `HTTP is not LDAP`() {
        let outcome = Self.session.playHTTP()
        #expect(outcome.rows.isEmpty)
        #expect(outcome.analyzer.violationCount > 0)
    }

    @Test func `the probe wants a login`() {
        #expect(LDAPProbe.bind(bindSASL(1, "X").octets) == .matches)
        #expect(LDAPProbe.bind(searchFor(1, ber(0x87, "cn")).octets) == .never)
        #expect(LDAPProbe.message([0x30].octets) == .matches)
        #expect(LDAPProbe.message([0x16].octets) == .never)
    }
}
