// SPDX-License-Identifier: Apache-2.0
//
// Content decides which protocol a connection carries, and ports only add candidates: protocols on ports of others, and
// on ports of nobody.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// One connection on which nothing is known but its port.
private struct Line: ~Copyable {
    private var context: AnalyzerContext
    private var analysis = Analysis()
    private let id: ConnectionID

    init(_ transport: Transport, port: UInt16, wantsEvents: Bool = false) {
        let made = [
            HTTPRecord.makeSchema(), SSHRecord.makeSchema(), DNSRecord.makeSchema(), SMTPRecord.makeSchema(),
            TLSRecord.makeSchema(), FilesRecord.makeSchema(), SoftwareRecord.makeSchema(), DCERPCRecord.makeSchema(),
            AnalyzerRecord.makeSchema(), EventRecord.makeSchema(), FTPRecord.makeSchema(), SOCKSRecord.makeSchema(),
            MySQLRecord.makeSchema(), ModbusRecord.makeSchema(), RADIUSRecord.makeSchema(), NTPRecord.makeSchema(),
            SNMPRecord.makeSchema(), SyslogRecord.makeSchema(), RedisRecord.makeSchema(), IRCRecord.makeSchema(),
        ]
        let schemas = LogID.allCases.map { log in
            made.first { $0.log == log } ?? LogSchema(log: log, summary: "", columns: [], stride: 3)
        }
        var settings = AnalyzerSettings()
        settings.wantsEvents = wantsEvents
        context = AnalyzerContext(
            output: RecordOutput(schemas: schemas), settings: settings, selection: AnalyzerSelection(names: nil))
        context.uid = UID(value: 99)
        id = ConnectionID(
            originator: Address(v4: 0x0A00_0001), responder: Address(v4: 0x0A00_0002), originatorPort: 40_000,
            responderPort: port, transport: transport, protocolNumber: transport.rawValue)
        context.id = id
    }

    mutating func ask(_ octets: [UInt8]) { say(octets, .originator) }
    mutating func answer(_ octets: [UInt8]) { say(octets, .responder) }

    private mutating func say(_ octets: [UInt8], _ direction: Direction) {
        context.sizeSoFar += UInt64(octets.count)
        if id.transport == .tcp {
            analysis.stream(octets.octets, from: direction, &context)
        } else {
            analysis.datagram(octets.octets, wireLength: octets.count, from: direction, &context)
        }
    }

    /// `service`, and how many rows the log of analyzers has.
    mutating func end() -> (service: String, takenBack: Int) {
        analysis.finish(&context)
        var text = TextBuffer()
        let service = analysis.writeServices(to: &text)
        let count = context.output.batches[Int(LogID.analyzer.rawValue)].count
        return (String(decoding: text[service], as: UTF8.self), count)
    }

    var failures: [String] { analysis.failures.map { "\($0.serviceName)" } }
    var eventCount: Int { context.output.batches[Int(LogID.eve.rawValue)].count }

    func applications() -> Applications { analysis.applications(id, comparesSides: true) }
}

@Suite("content decides") struct ContentDecidesTests {
    private static let name: [UInt8] = [1, 0x61, 7] + octets("example") + [0]
    private static let question: [UInt8] = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + name + [0, 1, 0, 1]
    private static let reply: [UInt8] =
        [0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0] + name + [0, 1, 0, 1]
        + [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 0, 0, 9]
    private static let get = octets("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    private static let page = octets("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    @Test(arguments: [4444, 22, 53, 25, 443, 445, 3306] as [UInt16])
    func `HTTP is found on any port`(_ port: UInt16) {
        var line = Line(.tcp, port: port)
        line.ask(Self.get)
        line.answer(Self.page)
        #expect(line.end() == ("http", 0))
    }

    @Test(arguments: [443, 80, 2222] as [UInt16]) func `SSH is found on any port`(_ port: UInt16) {
        var line = Line(.tcp, port: port)
        line.answer(octets("SSH-2.0-OpenSSH_9.6\r\n"))
        line.ask(octets("SSH-2.0-OpenSSH_9.7\r\n"))
        let ended = line.end()
        #expect(ended.takenBack == 0)
        // A session is named when its keys were agreed on; nothing else may be named before.
        #expect(ended.service == "" || ended.service == "ssh")
    }

    @Test func `DNS is found on any port, over UDP and TCP, when both ends speak it`() {
        var datagrams = Line(.udp, port: 8053)
        datagrams.ask(Self.question)
        datagrams.answer(Self.reply)
        #expect(datagrams.end() == ("dns", 0))
        var stream = Line(.tcp, port: 8053)
        stream.ask(wide(Self.question.count) + Self.question)
        stream.answer(wide(Self.reply.count) + Self.reply)
        #expect(stream.end() == ("dns", 0))
        var alone = Line(.udp, port: 8053)
        alone.ask(Self.question)
        #expect(alone.end() == ("", 0))
    }

    @Test func `what the analyzer of a port has refused no probe gives to it again`() {
        var line = Line(.udp, port: 53, wantsEvents: true)
        line.ask([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xFF])
        line.ask(Self.question)
        line.answer(Self.reply)
        // Events tell of what follows all the same, once.
        #expect(line.eventCount == 2)
    }

    @Test func `the probe of DNS refuses what only looks like it`() {
        #expect(DNSProbe.query(Self.question.octets) == .matches && DNSProbe.response(Self.reply.octets) == .matches)
        #expect(DNSProbe.query(Self.reply.octets) == .never && DNSProbe.response(Self.question.octets) == .never)
        for count in 0..<Self.question.count {
            #expect(DNSProbe.query(Array(Self.question[..<count]).octets) == .never)
        }
        for place in [2, 4, 12, 14] {
            var other = Self.question
            other[place] = 0xFF
            #expect(DNSProbe.query(other.octets) == .never, "octet \(place)")
        }
        #expect(DNSProbe.query((Self.question + [0]).octets) == .never)
        #expect(DNSProbe.query([UInt8](repeating: 0, count: 64).octets) == .never)
        let framed = wide(Self.question.count) + Self.question
        for count in 1..<framed.count { #expect(DNSProbe.streamQuery(Array(framed[..<count]).octets) == .needsMore) }
        #expect(DNSProbe.streamQuery(framed.octets) == .matches)
        #expect(DNSProbe.streamQuery(octets("GET / HTTP/1.1").octets) == .never)
    }

    @Test func `TLS is found inside of SMTP, and what was agreed on and does not come is told of`() {
        func session(_ client: [UInt8]?) -> (service: String, Applications) {
            var line = Line(.tcp, port: 25, wantsEvents: true)
            line.answer(octets("220 a ESMTP\r\n"))
            line.ask(octets("EHLO b\r\n"))
            line.answer(octets("250-a\r\n250 STARTTLS\r\n"))
            line.ask(octets("STARTTLS\r\n"))
            line.answer(octets("220 go\r\n"))
            if let client { line.ask(client) }
            let service = line.end().service
            return (service, line.applications())
        }
        let (kept, none) = session(nil)
        #expect(kept == "smtp" && none.now == .smtp && none.expected == .unknown)
        let (_, broken) = session(octets("this is no handshake of TLS at all\r\n"))
        #expect(broken.now == .failed && broken.before == .smtp && broken.expected == .tls)
    }

    @Test func `where one side says something else EVE tells of both`() {
        var line = Line(.tcp, port: 8080, wantsEvents: true)
        let bind = DCERPCMade.bind()
        line.ask(bind)
        line.answer(Self.page)
        _ = line.end()
        let found = line.applications()
        #expect(found.now == .dcerpc && found.toClient == .http && found.toServer == .unknown)
        var same = Line(.tcp, port: 8080, wantsEvents: true)
        same.ask(Self.get)
        same.answer(Self.page)
        _ = same.end()
        let http = same.applications()
        #expect(http.now == .http && http.toClient == .unknown && http.toServer == .unknown)
    }

    /// First words of protocols, and an answer; what stands in `service` then.
    struct Opening: Sendable, CustomStringConvertible {
        let name: String
        let transport: Transport
        let asked: [UInt8]
        let answered: [UInt8]
        var serverFirst = false
        var description: String { "\(name) over \(transport)" }
    }

    private static let greeting: [UInt8] = {
        let body = [10] + octets("8.0.36") + [0, 9, 0, 0, 0] + octets("saltsalt") + [0]
        let flags: [UInt8] = [0xFF, 0xF7, 45, 2, 0, 0xFF, 0xDF, 21]
        let rest = flags + zeros(10) + octets("moresaltmore") + [0] + octets("mysql_native_password") + [0]
        return [UInt8(body.count + rest.count), 0, 0, 0] + body + rest
    }()
    private static let login: [UInt8] = {
        let body = [0, 2, 0, 0] + zeros(28) + octets("root") + [0, 0]
        return [UInt8(body.count), 0, 0, 1] + body
    }()
    private static func clock(_ first: UInt8, received: UInt8, sent: UInt8) -> [UInt8] {
        var message = [first, 2, 6, 0xEC] + zeros(44)
        (message[32], message[35], message[40], message[43]) = (received, received, received, sent)
        return message
    }
    private static func variable(_ kind: UInt8) -> [UInt8] {
        let binding: [UInt8] = [0x30, 12, 6, 8, 0x2B, 6, 1, 2, 1, 1, 5, 0, 5, 0]
        let unit = [kind, 25, 2, 1, 7, 2, 1, 0, 2, 1, 0, 0x30, 14] + binding
        return [0x30, 38, 2, 1, 1, 4, 6] + octets("public") + unit
    }

    static let openings = [
        Opening(name: "mysql", transport: .tcp, asked: login, answered: greeting, serverFirst: true),
        Opening(
            name: "modbus", transport: .tcp, asked: [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2],
            answered: [0, 1, 0, 0, 0, 7, 1, 3, 4, 0, 1, 0, 2]),
        Opening(
            name: "imap", transport: .tcp, asked: octets("a1 CAPABILITY\r\n"), answered: octets("* OK ready\r\n"),
            serverFirst: true),
        Opening(
            name: "syslog_tcp", transport: .tcp, asked: octets("<34>1 2003-10-11T22:14:15Z a su - - - hi\n"),
            answered: []),
        Opening(
            name: "syslog", transport: .udp, asked: octets("<34>Oct 11 22:14:15 a su: hi"), answered: []),
        Opening(
            name: "radius", transport: .udp, asked: [1, 7, 0, 25] + zeros(16) + [1, 5] + octets("bob"),
            answered: [2, 7, 0, 20] + zeros(16)),
        Opening(
            name: "ntp", transport: .udp, asked: clock(0x23, received: 0, sent: 0),
            answered: clock(0x24, received: 0xE9, sent: 0xEA)),
        Opening(name: "snmp", transport: .udp, asked: variable(0xA0), answered: variable(0xA2)),
    ]

    @Test(arguments: openings, [443, 80, 7777] as [UInt16])
    func `what was known by its port alone is found on any`(_ opening: Opening, _ port: UInt16) {
        var line = Line(opening.transport, port: port)
        if opening.serverFirst { line.answer(opening.answered) }
        line.ask(opening.asked)
        if !opening.serverFirst, !opening.answered.isEmpty { line.answer(opening.answered) }
        #expect(line.end() == (opening.name, 0))
    }

    @Test(arguments: openings)
    func `its probe waits for what is missing, and refuses other protocols`(_ opening: Opening) {
        let probes = Registry.probes.filter { "\($0.kind.serviceName)" == opening.name && $0.isForOtherPorts }
        #expect(probes.count == 1)
        for probe in probes {
            let sends = probe.side == .responder ? opening.answered : opening.asked
            func verdict(_ octets: [UInt8]) -> ProbeVerdict { probe.test(octets.octets) }
            #expect(verdict(sends) == .matches)
            for count in 1..<sends.count {
                let cut = verdict(Array(sends[..<count]))
                // Datagrams are whole; of a stream the first octets alone are no reason to refuse.
                #expect(cut != .never || opening.transport == .udp, "\(count) octets")
                if opening.transport == .udp, opening.name != "syslog" { #expect(cut == .never, "\(count) octets") }
            }
            for other in Self.openings where other.name != opening.name {
                if opening.name.hasPrefix("syslog"), other.name.hasPrefix("syslog") { continue }
                for message in [other.asked, other.answered] where !message.isEmpty {
                    #expect(verdict(message) != .matches, "\(other.name)")
                }
            }
            for message in [Self.get, Self.page, Self.question, Self.reply, zeros(64), octets("220 ready\r\n")] {
                #expect(verdict(message) != .matches)
            }
        }
    }

    @Test func `lines of other protocols on the port of HTTP are not taken for HTTP/0.9`() {
        var redis = Line(.tcp, port: 80)
        redis.ask(octets("PUBLISH a b\r\n"))
        redis.answer(octets(":1\r\n"))
        #expect(redis.end() == ("redis", 0))
        var irc = Line(.tcp, port: 80)
        irc.ask(octets("CAP LS 302\r\nNICK jo\r\nUSER a b c :d\r\n"))
        irc.answer(octets(":x NOTICE * :hi\r\n:x 001 jo :hi\r\n"))
        #expect(irc.end() == ("irc", 0))
        var web = Line(.tcp, port: 80)
        web.ask(octets("GET /\r\n"))
        web.answer(octets("<p>hi\n"))
        #expect(web.end() == ("http", 0))
    }

    @Test func `SOCKS is not taken for DCE RPC`() {
        var line = Line(.tcp, port: 1080)
        line.ask([5, 1, 0])
        line.answer([5, 0])
        line.ask([5, 1, 0, 3, 14] + octets("www.google.com") + [1, 0xBB])
        line.answer([5, 0, 0, 1, 0, 0, 0, 0, 1, 0xBB])
        #expect(line.end().service == "socks")
    }

    @Test func `a guess that turns out wrong is taken back, once and aloud`() {
        var line = Line(.tcp, port: 21)
        line.answer(octets("220 ready\r\n"))
        line.ask(octets("USER a\r\n"))
        line.answer(octets("331 more\r\n"))
        for _ in 0..<3 { line.answer([0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5, 0x0D, 0x0A]) }
        let ended = line.end()
        #expect(ended.service == "" && ended.takenBack == 1)
        #expect(line.failures == ["ftp"])
    }
}
