// SPDX-License-Identifier: Apache-2.0
//
// Telnet and Finger: services with little more than lines.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("Telnet") struct TelnetTests {
    private static let window: [UInt8] = [0xFF, 0xFA, 31, 0, 80, 0, 24, 0xFF, 0xF0]
    private static let terminal: [UInt8] = [0xFF, 0xFA, 24, 0] + octets("xterm-256color") + [0xFF, 0xF0]

    static let session = Conversation(
        turns: [
            (.responder, [0xFF, 0xFD, 24, 0xFF, 0xFD, 31]), (.originator, [0xFF, 0xFB, 24, 0xFF, 0xFB, 31]),
            (.originator, window + terminal), (.responder, wire("Debian\n\nhost login: ")),
            (.originator, wire("rooo\u{8}t\n")), (.responder, wire("Password: ")), (.originator, wire("secret\n")),
            (.responder, wire("\nLogin incorrect\n")), (.responder, wire("host login: ")),
            (.originator, wire("jo\n")), (.responder, wire("Password: ")), (.originator, wire("hidden\n")),
            (.responder, wire("\nLast login: today\n$ ")),
        ], port: 23, logs: [TelnetRecord.makeSchema()], make: { Telnet() })

    @Test func `a connection is a row with who came in, and never the password`() {
        let outcome = Self.session.play()
        #expect(
            outcome.rows == [
                "user=jo password_asked=T login_attempts=2 terminal=xterm-256color width=80 height=24"
            ])
        #expect(outcome.analyzer.isConfirmed)
    }

    @Test func `a refused login is said so`() {
        let cut = Conversation(
            turns: Array(Self.session.turns.prefix(8)), port: 23, logs: Self.session.logs, make: Self.session.make)
        #expect(cut.play().rows.first?.contains("user=root password_asked=T refused=T login_attempts=1") == true)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust() }

    @Test func `options without an end, and lines without one, are bounded`() {
        let bench = TextBench(Telnet(), TelnetRecord.makeSchema(), port: 23)
        bench.send([0xFF, 0xFD, 24, 0xFF, 0xFA] + [UInt8](repeating: 24, count: 100_000), from: .originator)
        bench.send([UInt8](repeating: 0x41, count: 100_000), from: .responder)
        #expect(bench.finished().count == 1)
    }

    @Test func `another protocol is none`() {
        #expect(Self.session.playHTTP().rows.isEmpty)
        #expect(TelnetProbe.options([0xFF, 0xFD, 24, 0xFF].octets) == .matches)
        #expect(TelnetProbe.options([0xFF, 0xFD, 24].octets) == .needsMore)
        #expect(TelnetProbe.options([0xFF, 0xD8, 0xFF, 0xE0].octets) == .never)
        #expect(TelnetProbe.options(octets("GET /").octets) == .never)
    }
}

@Suite("Finger") struct FingerTests {
    private func confirms(_ asked: String, _ answered: String = "", pieces: Int = .max) -> Bool {
        let bench = TextBench(Finger(), HTTPRecord.makeSchema(), port: 79)
        bench.send(wire(asked), from: .originator, pieces: pieces)
        bench.send(wire(answered), from: .responder, pieces: pieces)
        return bench.analyzer.isConfirmed
    }

    @Test func `a request for a user, or a line of an answer, is the service`() {
        #expect(confirms("jo\n") && confirms("/W\n") && confirms("/W jo\n"))
        #expect(!confirms("\n") && confirms("\n", "Login: jo\tName: Jo\n"))
        #expect(!confirms("\n", "short\n") && !confirms("\n", "\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}\u{9}\u{A}x\n"))
    }

    @Test func `pieces, cuts and gaps do no harm, and lines are bounded`() {
        for pieces in 1...4 { #expect(confirms("jo\n", pieces: pieces)) }
        #expect(!confirms("jo"))
        let bench = TextBench(Finger(), HTTPRecord.makeSchema(), port: 79)
        bench.send([UInt8](repeating: 0x41, count: 5000) + [0x0A], from: .originator)
        #expect(!bench.analyzer.isConfirmed)
        bench.lose(3, from: .responder)
        #expect(bench.analyzer.isDetached)
    }
}
