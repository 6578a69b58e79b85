// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL: start-up, queries and answers, and hostile forms of them.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct PostgreSQLTests {
    private static func zero(_ text: String) -> [UInt8] { octets(text) + [0] }

    static func message(_ type: Character, _ body: [UInt8]) -> [UInt8] {
        octets(String(type)) + long(body.count + 4) + body
    }

    static func startup(_ pairs: [(String, String)]) -> [UInt8] {
        var body: [UInt8] = [0, 3, 0, 0]
        for (name, value) in pairs { body += zero(name) + zero(value) }
        body.append(0)
        return long(body.count + 4) + body
    }

    static let request: [UInt8] = [0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F]
    static let login = startup([("user", "anna"), ("database", "shop"), ("application_name", "psql")])

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 5432, logs: [PostgreSQLRecord.makeSchema()]) { PostgreSQL() }
    }

    static let session = conversation([
        (.originator, request), (.responder, octets("N")), (.originator, login),
        (.responder, message("R", long(10) + zero("SCRAM-SHA-256") + [0])),
        (.originator, message("p", octets("secret"))),
        (.responder, message("R", long(12)) + message("R", long(0)) + message("S", zero("a") + zero("b"))),
        (.responder, message("K", long(1) + long(2)) + message("Z", octets("I"))),
        (.originator, message("Q", zero("SELECT 1"))),
        (.responder, message("T", [0, 0]) + message("D", [0, 1, 0, 0, 0, 1, 0x31]) + message("Z", octets("I"))),
        (.originator, message("Q", zero("oops"))),
        (.responder, message("E", zero("SERROR") + zero("Mno such thing") + [0]) + message("Z", octets("I"))),
        (.originator, message("X", [])),
    ])

    private static let names = "user=anna database=shop application_name=psql "

    @Test func `a session gives a row for each of request, startup, query and end`() {
        #expect(
            Self.session.play().rows == [
                "frontend=ssl_request backend=ssl_reply backend_arg=N success=F",
                Self.names + "frontend=startup backend=auth_ok backend_arg=SASL,SASLFinal success=T",
                Self.names + "frontend=simple_query frontend_arg=SELECT 1 success=T rows=1",
                Self.names
                    + "frontend=simple_query frontend_arg=oops backend=error "
                    + "backend_arg=SeverityLocalized=ERROR,Message=no such thing success=F",
                Self.names + "frontend=terminate",
            ])
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust() }

    @Test func `a login without an answer has a row at the end`() {
        let turns = [
            (Direction.originator, Self.login),
            (.responder, Self.message("R", long(5) + [1, 2, 3, 4])),
        ]
        #expect(
            Self.conversation(turns).play().rows == [
                Self.names + "frontend=startup backend=auth_request backend_arg=MD5Password"
            ])
    }

    @Test func `impossible lengths end the analyzer`() {
        for bad in [long(7) + long(3 << 16), [0x7F, 0xFF, 0xFF, 0xFF, 0, 3, 0, 0]] {
            #expect(Self.conversation([(.originator, bad)]).play().analyzer.isDetached)
        }
        let short = Self.message("Q", [])[..<4] + [3]
        #expect(Self.conversation([(.originator, Self.login), (.originator, Array(short))]).play().analyzer.isDetached)
    }

    @Test func `an unknown major version, and another protocol, are refused`() {
        #expect(Self.session.playHTTP().analyzer.isDetached)
        #expect(Self.session.playHTTP().rows.isEmpty)
        let second = long(9) + [0, 2, 0, 0, 0]
        #expect(Self.conversation([(.originator, second)]).play().analyzer.isDetached)
    }

    @Test func `a server that speaks first is not heard for ever`() {
        let greeting = (Direction.responder, octets("hello"))
        let outcome = Self.conversation([greeting, greeting, greeting, greeting, greeting]).play()
        #expect(outcome.analyzer.isDetached)
    }

    @Test func `probes know requests, startups and answers`() {
        #expect(PostgreSQLProbe.sslRequest(Self.request.octets) == .matches)
        #expect(PostgreSQLProbe.startup(Self.login.octets) == .matches)
        let cut = Array(Self.login[..<6])
        #expect(PostgreSQLProbe.startup(cut.octets) == .needsMore)
        let reply = Self.message("R", long(0))
        #expect(PostgreSQLProbe.reply(reply.octets) == .matches)
        #expect(PostgreSQLProbe.reply(octets("HTTP/1.1").octets) == .never)
        #expect(PostgreSQLProbe.sslReply(octets("N").octets) == .matches)
    }

    @Test(arguments: [
        (message("D", [0, 1, 0, 0, 0, 1, 0x31]), nil), (message("D", [0, 5, 0, 0]), "pgsql.malformed_response"),
        (message("Z", octets("I")), nil), (message("Z", octets("III")), "pgsql.invalid_length"),
        ([0x5A, 0, 0, 0, 1, 0x49], "pgsql.invalid_length"),
    ] as [([UInt8], String?)]) func `a row without its columns and a state that is too long are told of`(
        _ answer: [UInt8], _ event: String?
    ) {
        let bench = DatagramBench(PostgreSQL(), port: 5432, .tcp, logs: [PostgreSQLRecord.makeSchema()])
        bench.context.transactions.wantsTransactions = true
        bench.context.transactions.wantsEvents = true
        bench.stream(Self.login)
        bench.stream(Self.message("R", long(0)) + Self.message("Z", octets("I")), from: .responder)
        bench.stream(Self.message("Q", Self.zero("SELECT 1")))
        bench.stream(answer, from: .responder)
        #expect(bench.context.transactions.events.map { "\($0)" } == (event.map { [$0] } ?? []))
    }
}
