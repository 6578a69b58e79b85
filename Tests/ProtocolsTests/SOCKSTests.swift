// SPDX-License-Identifier: Apache-2.0
//
// Tests SOCKS: versions 4, 4a and 5, logins, and what flows through the proxy.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct SOCKSTests {
    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        let logs = [SOCKSRecord.makeSchema(), HTTPRecord.makeSchema()]
        return Conversation(turns: turns, port: 1080, logs: logs) { SOCKS() }
    }

    static let name = octets("example.org")
    static let request: [UInt8] = [5, 1, 0, 3, UInt8(name.count)] + name + [0, 80]
    static let reply: [UInt8] = [5, 0, 0, 1, 192, 0, 2, 9, 4, 0]

    /// Version 5 with a login, and HTTP inside.
    static let session = conversation([
        (.originator, [5, 2, 0, 2]), (.responder, [5, 2]), (.originator, [1, 3] + octets("joe") + [2] + octets("pw")),
        (.responder, [1, 0]), (.originator, request), (.responder, reply),
        (.originator, wire("GET /x HTTP/1.1\nHost: example.org\n\n")),
        (.responder, wire("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi")),
    ])

    @Test func `version 5 with a login gives a row, and what is inside is read`() {
        let outcome = Self.session.play()
        #expect(outcome.rows.count == 2)
        #expect(outcome.rows[0] == "version=5 user=joe status=succeeded request.name=example.org")
        #expect(outcome.rows[1].contains("host=example.org uri=/x"))
        #expect(outcome.analyzer.isConfirmed)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust(rowsMax: 3) }

    @Test func `the tunnel is announced once, at the request`() {
        let bench = DatagramBench(SOCKS(), port: 1080, .tcp, logs: [SOCKSRecord.makeSchema()])
        bench.stream([5, 1, 0])
        bench.stream([5, 0], from: .responder)
        #expect(bench.context.requests.isEmpty)
        bench.stream(Self.request)
        bench.stream(Self.reply, from: .responder)
        #expect(bench.context.requests == [.tunnel(.socks)])
        bench.analyzer.finish(&bench.context)
        let row = bench.rows(.socks)[0]
        #expect(row.number("request_p") == 80)
        #expect(row.address("request.host") == nil)
        #expect(row.address("bound.host") == Address(v4: 0xC000_0209))
        #expect(row.number("bound_p") == 1024)
    }

    @Test(arguments: [
        ([0, 0, 0, 7, 0] + octets("www.example.org") + [0], "request.name=www.example.org"),
        ([192, 0, 2, 1] + octets("joe") + [0], ""),
    ])
    func `version 4 has an address, and with 4a a name`(_ rest: [UInt8], _ name: String) {
        let turns: [(Direction, [UInt8])] = [
            (.originator, [4, 1, 0, 80] + rest), (.responder, [0, 0x5B, 0, 80, 192, 0, 2, 1]),
        ]
        let status = "version=4 status=general SOCKS server failure"
        #expect(Self.conversation(turns).play().rows == [name.isEmpty ? status : "\(status) \(name)"])
    }

    @Test func `a request of version 6, an address of no kind and a reserved octet are refused`() {
        let start: [(Direction, [UInt8])] = [(.originator, [5, 1, 0]), (.responder, [5, 0])]
        for message: [UInt8] in [[5, 1, 1, 1, 1, 2, 3, 4, 0, 80], [5, 4, 0, 1, 1, 2, 3, 4, 0, 80], [5, 1, 0, 2]] {
            let outcome = Self.conversation(start + [(.originator, message)]).play()
            #expect(outcome.rows.isEmpty)
            #expect(outcome.analyzer.violationCount == 1)
        }
        #expect(Self.conversation([(.originator, [6, 1, 0])]).play().analyzer.violationCount == 1)
    }

    @Test func `a login of another method is an anomaly`() {
        let turns: [(Direction, [UInt8])] = [
            (.originator, [5, 1, 1]), (.responder, [5, 1]), (.originator, [1, 1, 0, 1, 0]), (.responder, [1, 0]),
            (.originator, Self.request), (.responder, Self.reply),
        ]
        let outcome = Self.conversation(turns).play()
        #expect(outcome.rows == ["version=5 status=succeeded request.name=example.org"])
        #expect(outcome.weirds == Array(repeating: .socks5_unsupported_authentication_method, count: 2))
    }

    @Test func `more than is believed before the reply ends it`() {
        let turns: [(Direction, [UInt8])] = [
            (.originator, [4, 1, 0, 80, 1, 2, 3, 4] + Array(repeating: 0x61, count: 9000))
        ]
        #expect(Self.conversation(turns).play(pieces: 100).analyzer.violationCount == 1)
    }

    @Test func `HTTP is not SOCKS`() {
        let outcome = Self.session.playHTTP()
        #expect(outcome.rows.isEmpty)
        #expect(!outcome.analyzer.isConfirmed)
    }

    @Test func `probes tell the versions apart`() {
        func verdict(_ probe: (RawSpan) -> ProbeVerdict, _ bytes: [UInt8]) -> ProbeVerdict { probe(bytes.octets) }
        #expect(verdict(SOCKSProbe.request5, [5, 1, 0]) == .matches)
        #expect(verdict(SOCKSProbe.request5, [5, 1]) == .needsMore)
        #expect(verdict(SOCKSProbe.request5, [5, 1, 4]) == .never)
        #expect(verdict(SOCKSProbe.reply5, [5, 0xFF]) == .matches)
        #expect(verdict(SOCKSProbe.request4, [4, 1, 0]) == .matches)
        #expect(verdict(SOCKSProbe.request4, [4, 1] + Array(repeating: 1, count: 40)) == .never)
        #expect(verdict(SOCKSProbe.reply4, [0, 0x5A]) == .matches)
        #expect(verdict(SOCKSProbe.reply4, [0, 0x59]) == .never)
    }
}
