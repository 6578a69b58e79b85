// SPDX-License-Identifier: Apache-2.0
//
// Events of messages that are broken, of floods, and of certificates and heartbeats that are not what they should be.

import Files
import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("Faults and floods") struct FaultEventTests {
    typealias Turn = ApplicationEventTests.Turn

    private static func events(
        _ analyzer: Analyzer, _ turns: [Turn], port: UInt16, _ transport: Transport = .tcp, logs: [LogSchema]
    ) -> [String] {
        ApplicationEventTests.play(analyzer, turns, port: port, transport, logs: logs).events
    }

    // MARK: control systems

    @Test(arguments: [
        ([(Direction.originator, ModbusTests.unit(1, [3, 0, 0, 0, 1]))], [String]()),
        ([(.originator, ModbusTests.unit(1, [3, 0, 0, 0xFF, 0xFF]))], ["modbus.invalid_value"]),
        ([(.originator, ModbusTests.unit(1, [0, 0, 0, 0, 1]))], ["modbus.invalid_function_code"]),
        (
            [
                (.originator, ModbusTests.unit(1, [6, 0, 1, 0, 1])), (.responder, ModbusTests.unit(1, [6, 0, 1, 0, 2])),
            ], ["modbus.value_mismatch"]
        ),
        (
            [
                (.originator, ModbusTests.unit(1, [6, 0, 1, 0, 1])), (.responder, ModbusTests.unit(1, [6, 0, 1, 0, 1])),
            ], []
        ),
        (
            [(.responder, ModbusTests.unit(7, [0x83, 99]))],
            ["modbus.unsolicited_response", "modbus.invalid_exception_code"]
        ),
    ] as [([Turn], [String])]) func `messages of Modbus that do not fit are told of`(
        _ turns: [Turn], _ events: [String]
    ) {
        #expect(Self.events(Modbus(), turns, port: 502, logs: [ModbusRecord.makeSchema()]) == events)
    }

    @Test func `a flood of requests of Modbus is told of once`() {
        func flood(_ count: Int) -> [String] {
            let turns = (0..<count).map { (Direction.originator, ModbusTests.unit($0, [3, 0, 0, 0, 1])) }
            return Self.events(Modbus(), turns, port: 502, logs: [ModbusRecord.makeSchema()])
        }
        #expect(flood(500).isEmpty)
        #expect(flood(600) == ["modbus.flooded"])
    }

    @Test func `a fragment of DNP3 that is longer than any is told of once`() {
        func fragment(_ frames: Int) -> [String] {
            let data = [UInt8](repeating: 0, count: 240)
            let turns = (0..<frames).map { number in
                (
                    Direction.originator,
                    DNP3Tests.frame(data, fromMaster: true, flags: number == 0 ? 0x40 : UInt8(number & 63))
                )
            }
            return Self.events(DNP3(), turns, port: 20000, logs: [DNP3Record.makeSchema()])
        }
        #expect(fragment(60).isEmpty)
        #expect(fragment(100) == ["dnp3.too_long_reassembly"])
    }

    // MARK: floods

    @Test func `more publications than may wait end the oldest with an event`() {
        func flood(_ count: Int) -> Int {
            let begin: [Turn] = [(.originator, MQTTTests.connect()), (.responder, MQTTTests.accepted)]
            let turns = (1...count).map { (Direction.originator, MQTTTests.publish("t", "x", level: 1, $0)) }
            let logs = [
                MQTTConnectRecord.makeSchema(), MQTTSubscribeRecord.makeSchema(), MQTTPublishRecord.makeSchema(),
            ]
            let events = Self.events(MQTT(), begin + turns, port: 1883, logs: logs)
            return events.filter { $0 == "mqtt.too_many_transactions" }.count
        }
        #expect(flood(1025) == 0)
        #expect(flood(1030) == 5)
    }

    @Test func `calls of NFS that nobody answers, and what is no call, are told of`() {
        func play(_ turns: [Turn]) -> [String] { Self.events(NFS(), turns, port: 2049, logs: NFSTests.logs) }
        func call(_ number: Int) -> Turn { (.originator, NFSTests.framed(NFSTests.call(number, 1, NFSTests.root))) }
        #expect(play((1...1025).map(call)).isEmpty)
        #expect(play((1...1027).map(call)) == ["nfs.too_many_transactions", "nfs.too_many_transactions"])
        let broken: Turn = (.originator, NFSTests.framed(octets("garbage garbage garbage")))
        #expect(play([call(1), broken]) == ["nfs.malformed_data"])
        // Nobody is there to be told with.
        #expect(play([broken]).isEmpty)
        let long: Turn = (.originator, NFSTests.framed(NFSTests.call(2, 3, [0, 0, 1, 0, 1, 2, 3, 4])))
        #expect(play([call(1), long]) == ["nfs.malformed_data"])
    }

    @Test func `LDAP tells of too many requests and responses, and of a response that is none`() {
        func tag(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] { [tag, 0x82] + wide(content.count) + content }
        func message(_ number: Int, _ operation: [UInt8]) -> [UInt8] { tag(0x30, [2, 2] + wide(number) + operation) }
        let search = tag(
            0x63, [4, 4] + octets("dc=a") + [10, 1, 2, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0, 0x87, 2] + octets("cn")
                + [0x30, 0])
        let entry = tag(0x64, [4, 4] + octets("cn=a") + [0x30, 0])
        func play(_ turns: [Turn]) -> [String] {
            let logs = [LDAPRecord.makeSchema(), LDAPSearchRecord.makeSchema()]
            return Self.events(LDAP(kind: .ldapTCP), turns, port: 389, logs: logs)
        }
        func asked(_ count: Int) -> [Turn] { (1...count).map { (.originator, message($0, search)) } }
        #expect(play(asked(257)).isEmpty)
        #expect(play(asked(258)) == ["ldap.too_many_transactions"])
        func answered(_ count: Int) -> [Turn] { asked(1) + (0..<count).map { _ in (.responder, message(1, entry)) } }
        #expect(play(answered(1024)).isEmpty)
        #expect(play(answered(1100)) == ["ldap.too_many_responses"])
        let broken: Turn = (.responder, [0x30, 5, 4, 3, 1, 2, 3])
        #expect(play(asked(1) + [broken]) == ["ldap.invalid_data"])
        #expect(play([broken]).isEmpty)
    }

    // MARK: logins and mail

    @Test func `VNC that speaks out of turn or at length is told of`() {
        let logs = [RFBRecord.makeSchema()]
        let early: [Turn] = RFBTests.versions("008") + [(.originator, [2]), (.responder, [1, 2])]
        #expect(Self.events(RFB(), early, port: 5900, logs: logs) == ["rfb.confused_state"])
        func refused(_ count: Int) -> [String] {
            let reason = [0] + long(count) + [UInt8](repeating: 0x6E, count: count)
            return Self.events(RFB(), RFBTests.versions("008") + [(.responder, reason)], port: 5900, logs: logs)
        }
        #expect(refused(4096).isEmpty)
        #expect(refused(4097) == ["rfb.too_long_string"])
        #expect(refused(70_000) == ["rfb.too_long_string"])
    }

    @Test(arguments: [
        ("USER a", [String]()), ("user a", []), ("USER", ["pop3.incorrect_argument_count"]),
        ("PASS a b", ["pop3.incorrect_argument_count"]), ("TOP 1", ["pop3.incorrect_argument_count"]),
        ("UIDL", []), ("UIDL 1", []), ("UIDL 1 2", ["pop3.incorrect_argument_count"]), ("AUTH PLAIN", []),
        ("FOOB a", ["pop3.unknown_command"]),
    ]) func `a command of POP3 has its arguments, or is told of`(_ line: String, _ events: [String]) {
        let turns: [Turn] = [(.responder, octets("+OK hi\r\n")), (.originator, octets(line + "\r\n"))]
        #expect(Self.events(POP3(), turns, port: 110, logs: [FilesRecord.makeSchema()]) == events)
    }

    @Test(arguments: [
        ("base64", "aGVsbG8gd29ybGQ=", [String]()), ("base64", "aGVsbG8*!!*gd29\r\nybGQ=", []), ("base64", "ab=c", []),
        ("base64", "a=GVs", ["smtp.mime_invalid_base64"]), ("base64", "====", ["smtp.mime_invalid_base64"]),
        ("quoted-printable", "soft =\r\nend=20", []), ("quoted-printable", "x = y", ["smtp.mime_invalid_qp"]),
        ("quoted-printable", "low =a0", ["smtp.mime_invalid_qp"]),
        ("quoted-printable", "cut =4", ["smtp.mime_invalid_qp"]),
        ("quoted-printable", "x= \r\ny", ["smtp.mime_invalid_qp"]),
    ]) func `a part of a mail that is encoded wrongly is told of`(
        _ coding: String, _ body: String, _ events: [String]
    ) {
        func line(_ direction: Direction, _ text: String) -> Turn { (direction, octets(text + "\r\n")) }
        let turns = [
            line(.responder, "220 hi"), line(.originator, "EHLO a"), line(.responder, "250 ok"),
            line(.originator, "MAIL FROM:<a@b>"), line(.responder, "250 ok"), line(.originator, "RCPT TO:<a@b>"),
            line(.responder, "250 ok"), line(.originator, "DATA"), line(.responder, "354 go"),
            line(.originator, "Subject: x\r\nContent-Transfer-Encoding: \(coding)\r\n\r\n\(body)\r\n."),
            line(.responder, "250 ok"),
        ]
        #expect(Self.events(SMTP(), turns, port: 25, logs: [SMTPRecord.makeSchema()]) == events)
    }

    @Test func `names of an authentication in another order than programs write them are seen`() {
        func message(_ order: [Int]) -> NTLMMessage? {
            let names = ["DOM", "user", "HOST"].map { $0.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] } }
            var places = [0, 0, 0]
            var content: [UInt8] = []
            for name in order {
                places[name] = 64 + content.count
                content += names[name]
            }
            func field(_ count: Int, _ place: Int) -> [UInt8] {
                [UInt8(count), 0, UInt8(count), 0, UInt8(place), 0, 0, 0]
            }
            let named = (0..<3).flatMap { field(names[$0].count, places[$0]) }
            let fields = field(0, 64) + field(0, 64) + named + field(0, 64)
            let octets = Array("NTLMSSP".utf8) + [0, 3, 0, 0, 0] + fields + [1, 0, 0, 0] + content
            var cursor = Cursor(octets.octets)
            return try? NTLMMessage(parsing: &cursor)
        }
        #expect(message([0, 1, 2])?.isUnordered == false)
        for order in [[1, 0, 2], [2, 1, 0], [0, 2, 1]] { #expect(message(order)?.isUnordered == true) }
    }

    @Test func `a message of PostgreSQL that is shorter than its length is told of`() {
        let start: [Turn] = [
            (.originator, PostgreSQLTests.startup([("user", "a"), ("database", "d")])),
            (.responder, PostgreSQLTests.message("R", [0, 0, 0, 0])),
        ]
        let logs = [PostgreSQLRecord.makeSchema()]
        for direction in [Direction.originator, .responder] {
            let turns = start + [(direction, [0x51, 0, 0, 0, 1] + octets("select"))]
            #expect(Self.events(PostgreSQL(), turns, port: 5432, logs: logs) == ["pgsql.invalid_length"])
        }
        #expect(Self.events(PostgreSQL(), start, port: 5432, logs: logs).isEmpty)
    }

    @Test(arguments: [
        ([(1, 12), (2, 5), (3, 12), (4, 14)], [String]()),
        ([(1, 12), (2, 0), (3, 12), (4, 14)], ["ike.invalid_proposal"]),
        ([(1, 12), (2, 5), (3, 12), (4, 0)], ["ike.invalid_proposal"]),
        ([(1, 12), (2, 5), (3, 12)], ["ike.weak_crypto_no_dh"]),
        ([(1, 12), (2, 5), (3, 5), (4, 14)], ["ike.weak_crypto_auth"]),
    ] as [([(UInt8, Int)], [String])]) func `a proposal of IKE without what it must have is told of`(
        _ transforms: [(UInt8, Int)], _ events: [String]
    ) {
        var list: [UInt8] = []
        for (index, one) in transforms.enumerated() {
            list += [index + 1 < transforms.count ? 3 : 0, 0, 0, 8, one.0, 0] + wide(one.1)
        }
        func play(protocol kind: UInt8) -> [String] {
            let proposal = [0, 0] + wide(8 + list.count) + [1, kind, 0, UInt8(transforms.count)] + list
            let payload = [0, 0] + wide(4 + proposal.count) + proposal
            let head = [UInt8](repeating: 1, count: 8) + [UInt8](repeating: 0, count: 8) + [33, 0x20, 34, 8]
            let message = head + long(0) + long(28 + payload.count) + payload
            return Self.events(IKE(), [(.originator, message)], port: 500, .udp, logs: [IKERecord.makeSchema()])
        }
        #expect(play(protocol: 1) == events)
        // AH seals nothing.
        #expect(play(protocol: 2).contains("ike.no_encryption"))
    }

    // MARK: HTTP

    @Test func `a body of a path that is too long for a name is told of, in both directions`() {
        func get(_ count: Int, _ response: String) -> [String] {
            let target = "/" + String(repeating: "a", count: count - 1)
            let turns: [Turn] = [
                (.originator, octets("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")), (.responder, octets(response)),
            ]
            return Self.events(HTTP(), turns, port: 80, logs: [HTTPRecord.makeSchema()])
        }
        let body = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
        #expect(get(4096, body).isEmpty)
        #expect(get(4097, body) == ["http.file_name_too_long"])
        #expect(get(5000, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").isEmpty)
        #expect(
            get(5000, "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=a\r\nContent-Length: 3\r\n\r\nabc")
                .isEmpty)
        let target = "/" + String(repeating: "a", count: 5000)
        let post = "POST \(target) HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        #expect(
            Self.events(HTTP(), [(.originator, octets(post))], port: 80, logs: [HTTPRecord.makeSchema()])
                == ["http.file_name_too_long"])
    }

    // MARK: TLS

    private static func tls(_ turns: [Turn]) -> [String] {
        events(TLS(kind: .ssl), turns, port: 443, logs: [TLSRecord.makeSchema(), X509Record.makeSchema()])
    }

    private static let hellos: [Turn] = [
        (.originator, tlsHandshake(1, tlsClientHello())), (.responder, tlsHandshake(2, tlsServerHello())),
    ]

    private static func der(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        content.count < 128 ? [tag, UInt8(content.count)] + content : [tag, 0x82] + wide(content.count) + content
    }

    /// The parts of what is signed, and the certificate that they make.
    private static func certificate(_ change: (inout [[UInt8]]) -> Void) -> [UInt8] {
        let algorithm = der(0x30, der(6, [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 0x0B]) + [5, 0])
        let name = der(0x30, der(0x31, der(0x30, der(6, [0x55, 4, 3]) + der(0x0C, octets("a.example")))))
        let times = der(0x30, der(0x17, octets("250101000000Z")) + der(0x18, octets("20350101000000Z")))
        let key = der(0x30, der(0x30, der(6, [0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1])) + der(3, [0, 4, 1, 2]))
        let extensions = der(0xA3, der(0x30, der(0x30, der(6, [0x55, 0x1D, 0x13]) + der(4, [0x30, 0]))))
        var parts = [der(0xA0, der(2, [2])), der(2, [7]), algorithm, name, times, name, key, extensions]
        change(&parts)
        return der(0x30, der(0x30, Array(parts.joined())) + algorithm + der(3, [0, 1, 2, 3]))
    }

    private static func certificateEvents(_ der: [UInt8], and more: [[UInt8]] = []) -> [String] {
        tls(hellos + [(.responder, tlsHandshake(11, tlsCertificates([der] + more)))])
    }

    @Test func `a certificate is told of by its first part that is none`() {
        #expect(Self.certificateEvents(Self.certificate { _ in }).isEmpty)
        let cases: [(String, (inout [[UInt8]]) -> Void)] = [
            ("version", { $0[0][2] = 4 }), ("serial", { $0[0][0] = 0x17 }), ("serial", { $0[1][0] = 0x17 }),
            ("der", { $0[2][0] = 0x17 }), ("der", { $0[3][0] = 0x17 }), ("der", { $0[4][0] = 0x17 }),
            ("date", { $0[4][4] = 0x7A }), ("der", { $0[5][0] = 0x17 }), ("der", { $0[6][2] = 0x17 }),
            ("extensions", { $0[7][0] = 0x17 }), ("der", { $0[7][2] = 0x17 }),
        ]
        for (index, (name, change)) in cases.enumerated() {
            let events = Self.certificateEvents(Self.certificate(change))
            #expect(events == ["tls.certificate_invalid_\(name)"], "case \(index)")
        }
        let whole = Self.certificate { _ in }
        #expect(Self.certificateEvents(Array(whole.dropLast(9))) == ["tls.invalid_certificate"])
        #expect(Self.certificateEvents([]) == ["tls.certificate_invalid_length"])
        #expect(Self.certificateEvents([0x31] + whole.dropFirst()) == ["tls.certificate_invalid_der"])
        // Of a chain the certificate of the end counts.
        #expect(Self.certificateEvents(whole, and: [octets("garbage")]).isEmpty)
    }

    @Test func `a certificate cut anywhere is told of`() {
        let whole = Self.certificate { _ in }
        for count in 1..<whole.count { #expect(X509Fault(Array(whole.prefix(count)).octets) == .whole, "\(count)") }
        #expect(X509Fault(whole.octets) == nil)
    }

    @Test func `an answer to a sealed heartbeat that is longer than what was asked is told of`() {
        func play(agrees: Bool, _ answer: Int, asker: Direction = .originator) -> [String] {
            let answerer: Direction = asker == .originator ? .responder : .originator
            let sealed = tlsRecord(20, [1]) + tlsRecord(22, [UInt8](repeating: 9, count: 40))
            return Self.tls([
                (.originator, tlsHandshake(1, tlsClientHello())),
                (.responder, tlsHandshake(2, tlsServerHello(extensions: agrees ? tlsExtension(15, [1]) : []))),
                (.originator, sealed), (.responder, sealed),
                (.originator, tlsRecord(23, [UInt8](repeating: 7, count: 99))),
                (asker, tlsRecord(24, [UInt8](repeating: 8, count: 40))),
                (answerer, tlsRecord(24, [UInt8](repeating: 8, count: answer))),
            ])
        }
        #expect(play(agrees: true, 400) == ["tls.dataleak_heartbeat_mismatch"])
        #expect(play(agrees: true, 400, asker: .responder) == ["tls.dataleak_heartbeat_mismatch"])
        #expect(play(agrees: true, 40).isEmpty)
        // Nobody follows a session that cannot have heartbeats.
        #expect(play(agrees: false, 400).isEmpty)
    }

    @Test func `records of TLS that are none are told of`() {
        #expect(Self.tls(Self.hellos + [(.responder, tlsRecord(22, []))]) == ["tls.invalid_record_length"])
        #expect(Self.tls(Self.hellos + [(.responder, tlsRecord(25, [1, 2]))]) == ["tls.invalid_record_type"])
        #expect(Self.tls(Self.hellos + [(.responder, tlsRecord(22, [4, 0, 0]))]) == ["tls.invalid_ssl_record"])
        // Where no record came before, there was no TLS that could be broken.
        #expect(Self.tls([(.responder, [0, 0, 18, 4, 0, 0, 0, 0, 0])]).isEmpty)
        let old: [UInt8] = [0x80, 0x2E, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10] + [UInt8](repeating: 1, count: 37)
        #expect(Self.tls([(.originator, old), (.responder, [0x80, 3, 0, 0, 1])]) == ["tls.error_message_encountered"])
    }
}
