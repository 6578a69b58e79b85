// SPDX-License-Identifier: Apache-2.0
//
// Tests RDP: the connection sequence, names of numbers, RDP over UDP.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct RDPTests {
    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 3389, logs: [RDPRecord.makeSchema()]) { RDP() }
    }

    // MARK: making messages

    static func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 0xFF) } }

    static func packet(_ content: [UInt8]) -> [UInt8] {
        [3, 0, UInt8((content.count + 4) >> 8), UInt8((content.count + 4) & 0xFF)] + content
    }

    static func header(_ kind: UInt8, _ content: [UInt8]) -> [UInt8] {
        packet([UInt8(content.count + 6), kind, 0, 0, 0, 0, 0] + content)
    }

    static func connect(_ kind: UInt8, _ key: String, result: UInt8 = 0, _ blocks: [[UInt8]]) -> [UInt8] {
        let data = blocks.flatMap { $0 }
        let length = [UInt8(0x80 | data.count >> 8), UInt8(data.count & 0xFF)]
        return packet([2, 0xF0, 0x80, 0x7F, kind, 0x82, 1, 1, result, 1, 0xC0, 0] + octets(key) + length + data)
    }

    static func block(_ type: Int, _ content: [UInt8]) -> [UInt8] {
        little(type, 2) + little(content.count + 4, 2) + content
    }

    static func wide(_ text: String, _ count: Int) -> [UInt8] {
        let units = text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        return units + [UInt8](repeating: 0, count: count - units.count)
    }

    static func core(keyboard: Int, flags: Int = 0) -> [UInt8] {
        var content = little(0x80004, 4) + little(1024, 2) + little(768, 2) + little(0xCA01, 2) + little(0xAA03, 2)
        content += little(keyboard, 4) + little(2600, 4) + wide("PC-ä", 32) + [UInt8](repeating: 0, count: 76)
        content += little(0xCA01, 2) + little(1, 2) + little(0, 4) + little(16, 2) + little(7, 2) + little(flags, 2)
        return block(0xC001, content + wide("7-8", 64))
    }

    static let channels = block(
        0xC003, little(2, 4) + octets("rdpdr") + [UInt8](repeating: 0, count: 7) + octets("cliprdr\0abcd"))
    static let certificate = little(1, 4) + [1, 2, 3]
    static let security = block(
        0x0C02, little(2, 4) + little(3, 4) + little(4, 4) + little(certificate.count, 4) + [9, 9, 9, 9] + certificate)
    static let request = header(0xE0, octets("Cookie: mstshash=joe\r\n") + [1, 0, 8, 0, 0, 0, 0, 0])

    static let session = conversation([
        (.originator, request), (.responder, header(0xD0, [2, 0, 8, 0, 0, 0, 0, 0])),
        (.originator, connect(0x65, "Duca", [core(keyboard: 1033, flags: 2), channels])),
        (.responder, connect(0x66, "McDn", [block(0x0C01, [4, 0, 8, 0]), security])),
        (.originator, packet([2, 0xF0, 0x80, 4, 1, 0])),
    ])

    @Test func `a session with encryption of its own gives a row`() {
        let outcome = Self.session.play()
        #expect(
            outcome.rows == [
                "cookie=joe result=Success security_protocol=RDP client_channels=[\"rdpdr\", \"cliprdr\"] "
                    + "keyboard_layout=English - United States client_build=RDP 5.1 client_name=PC-ä "
                    + "client_dig_product_id=7-8 desktop_width=1024 desktop_height=768 requested_color_depth=32bit "
                    + "cert_type=RSA cert_count=1 cert_permanent=T encryption_level=High encryption_method=128bit"
            ])
        #expect(outcome.analyzer.isConfirmed)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust() }

    @Test func `TLS takes over where the server chooses it`() {
        let turns: [(Direction, [UInt8])] = [
            (.originator, Self.request), (.responder, Self.header(0xD0, [2, 0, 8, 0, 2, 0, 0, 0])),
            (.originator, [0x16, 3, 1, 0, 5, 1, 2, 3]),
        ]
        let outcome = Self.conversation(turns).play()
        #expect(outcome.rows == ["cookie=joe result=encrypted security_protocol=HYBRID cert_count=0"])
        #expect(outcome.analyzer.violationCount == 0)
    }

    @Test func `a failure has a name, and an unknown one its number`() {
        for (code, name) in [(UInt8(2), "SSL_NOT_ALLOWED_BY_SERVER"), (9, "failure_code-9")] {
            let turns = [(Direction.responder, Self.header(0xD0, [3, 0, 8, 0, code, 0, 0, 0]))]
            #expect(Self.conversation(turns).play().rows == ["result=\(name) cert_count=0"])
        }
    }

    @Test func `keyboards that have no name are guessed at`() {
        #expect(RDPKeyboard.name(1054)?.description == "Thai")
        #expect(RDPKeyboard.name(0)?.description == nil)
        #expect(RDPKeyboard.name(.max)?.description == nil)
        for (number, text) in [(263_198, "Thai (Best Guess for 263198)"), (7, "keyboard-7")] {
            let turns = [(Direction.originator, Self.connect(0x65, "Duca", [Self.core(keyboard: number)]))]
            let row = Self.conversation(turns).play().rows[0]
            #expect(row.contains("keyboard_layout=\(text) client_build"))
            #expect(row.contains("requested_color_depth=16bit"))
        }
    }

    @Test func `impossible lengths are refused`() {
        let messages: [[UInt8]] = [
            [3, 0, 0, 5], [4, 0, 0, 9], Self.packet([40, 0xE0, 0, 0]), Self.packet([2, 0xF0, 0x80, 0x7F, 0x65, 1]),
            Self.connect(0x65, "Duca", [Self.little(0xC001, 2) + [3, 0]]),
            Self.connect(0x65, "Duca", [Self.block(0xC003, [0xFF, 0xFF, 0xFF, 0xFF])]),
            Self.connect(0x65, "Duca", [Self.block(0xC001, [1, 2, 3])]),
            Self.connect(0x66, "McDn", [Self.block(0x0C02, [UInt8](repeating: 0xFF, count: 16))]),
        ]
        for message in messages {
            #expect(Self.conversation([(.originator, message)]).play().analyzer.violationCount == 1)
        }
    }

    @Test func `more channels than there may be are an anomaly`() {
        let many = Self.block(0xC003, Self.little(100, 4) + [UInt8](repeating: 0x61, count: 1200))
        let outcome = Self.conversation([
            (.originator, Self.request), (.originator, Self.connect(0x65, "Duca", [many])),
        ]).play()
        #expect(outcome.weirds == [.RDP_channels_requested_exceeds_max])
        #expect(outcome.rows[0].count < 1000)
    }

    @Test func `HTTP is not RDP`() {
        let outcome = Self.session.playHTTP()
        #expect(outcome.rows.isEmpty)
        #expect(outcome.analyzer.violationCount > 0)
    }

    @Test func `probes want a cookie or a key, and an answer`() {
        #expect(RDPProbe.client(Self.request.octets) == .matches)
        #expect(RDPProbe.client(Self.connect(0x65, "Duca", [Self.channels]).octets) == .matches)
        let security = Self.header(0xE0, [1, 0, 8, 0, 11, 0, 0, 0])
        #expect(RDPProbe.client(security.octets) == .matches)
        #expect(RDPProbe.client(Array(security.dropLast()).octets) == .needsMore)
        #expect(RDPProbe.client(Self.header(0xE0, [0xC1, 2, 1, 0, 0xC2, 2, 1, 2]).octets) == .needsMore)
        #expect(RDPProbe.client([3, 0].octets) == .needsMore)
        #expect(RDPProbe.client([0x16, 3].octets) == .never)
        #expect(RDPProbe.server(Self.header(0xD0, []).octets) == .matches)
        #expect(RDPProbe.server(wire("HTTP/1.1 200 OK").octets) == .never)
    }

    @Test func `over UDP the server's answer confirms`() {
        let head: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0x40, 0x18, 1]
        let first = head + [UInt8](repeating: 0, count: 1224)
        #expect(RDPProbe.datagram(first.octets) == .matches)
        #expect(RDPProbe.datagram(head.octets) == .never)
        let bench = DatagramBench(RDPEUDP(), port: 3389, logs: [])
        let answer: [UInt8] = [1, 2, 3, 4, 0, 0x40, 0x10, 5]
        bench.datagram(answer, from: .responder)
        #expect(!bench.analyzer.isConfirmed)
        bench.datagram(first)
        for count in 0..<8 { bench.datagram(Array(answer[..<count]), from: .responder) }
        #expect(!bench.analyzer.isConfirmed)
        bench.datagram(answer, from: .responder)
        #expect(bench.analyzer.isConfirmed)
    }
}
