// SPDX-License-Identifier: Apache-2.0
//
// Tests IRC: commands, announced files, lines that are none.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct IRCTests {
    static func conversation(_ turns: [(Direction, String)]) -> Conversation {
        let turns = turns.map { ($0.0, wire($0.1)) }
        return Conversation(turns: turns, port: 6667, logs: [IRCRecord.makeSchema()]) { IRC() }
    }

    static let session = conversation([
        (.originator, "NICK tim\nUSER t host server :Tim of York\n"),
        (.responder, ":irc.example.org 001 tim :Welcome\n@time=2025-07-28T20:48:31Z :irc.example.org 002 tim :x\n"),
        (.originator, "join #a,#b key\n"), (.responder, ":tim!t@host JOIN #a\n"),
        (.originator, "PRIVMSG #a :hello\nQUIT :bye\n"),
    ])

    @Test func `commands give rows with the names that went before`() {
        let outcome = Self.session.play()
        #expect(
            outcome.rows == [
                "command=NICK value=tim", "nick=tim command=USER value=t addl=host server Timof York ",
                "nick=tim user=t command=JOIN value=#a addl= with channel key: 'key'",
                "nick=tim user=t command=JOIN value=#b addl=",
            ])
        #expect(outcome.analyzer.isConfirmed)
        #expect(outcome.weirds.isEmpty)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust(rowsMax: 8) }

    @Test func `an announced file stands in later rows`() {
        let turns: [(Direction, String)] = [
            (.responder, ":bot PRIVMSG tim :\u{01}DCC SEND a.zip 3221225985 1026 417\u{01}\n"),
            (.originator, "JOIN #a\n"),
        ]
        #expect(
            Self.conversation(turns).play().rows
                == ["command=JOIN value=#a addl= dcc_file_name=a.zip dcc_file_size=417"])
    }

    @Test func `lines that are none are anomalies`() {
        func weirds(_ text: String) -> [Weird] { Self.conversation([(.originator, text)]).play().weirds }
        #expect(weirds("A\n") == [.irc_line_too_short])
        #expect(weirds(":prefix\n") == [.irc_invalid_line])
        #expect(weirds("JOIN \n") == [.irc_invalid_join_line])
        #expect(weirds("NJOIN #a\n") == [.irc_invalid_njoin_line])
        #expect(weirds("PRIVMSG x\n") == [.irc_invalid_privmsg_message_format])
        #expect(weirds("PRIVMSG x :DCC SEND a\n") == [.irc_invalid_dcc_message_format])
        #expect(weirds("12x\n") == [.irc_invalid_reply_number])
        #expect(weirds("NICK " + String(repeating: "a", count: 600) + "\n") == [.irc_line_size_exceeded])
        let endless = weirds(String(repeating: "a", count: 1200) + "\n")
        #expect(endless == [.contentline_size_exceeded, .irc_line_size_exceeded, .irc_invalid_command])
    }

    @Test func `the last line needs no end`() {
        let bench = TextBench(IRC(), IRCRecord.makeSchema(), port: 6667)
        bench.send(octets("NICK tim"), from: .originator, pieces: 3)
        #expect(bench.rows.isEmpty)
        bench.end(.originator)
        #expect(bench.rows.first?.text("value") == "tim")
    }

    @Test func `many words that are no commands end it`() {
        let word = String(repeating: "a", count: 21) + "\n"
        let outcome = Self.conversation([(.originator, String(repeating: word, count: 21))]).play()
        #expect(outcome.analyzer.violationCount == 1)
        #expect(outcome.weirds.last == .irc_too_many_invalid)
    }

    @Test func `nothing is read as a line after TLS has begun`() {
        let turns: [(Direction, String)] = [
            (.originator, "STARTTLS\n"), (.responder, ":s 670 * :go\n"), (.originator, "NICK tim\n"),
        ]
        #expect(Self.conversation(turns).play().rows.isEmpty)
    }

    @Test func `HTTP is not IRC`() {
        let outcome = Self.session.playHTTP()
        #expect(outcome.rows.isEmpty)
        #expect(!outcome.analyzer.isConfirmed)
    }

    @Test func `probes find clients, servers and links between servers`() {
        func verdict(_ probe: (RawSpan) -> ProbeVerdict, _ text: String) -> ProbeVerdict { probe(wire(text).octets) }
        #expect(verdict(IRCProbe.originator, "CAP LS\nNICK tim\nuser t h s :r\n") == .matches)
        #expect(verdict(IRCProbe.originator, "USER t\nNICK a\n") == .matches)
        #expect(verdict(IRCProbe.originator, "USER t\nPASS x\n") == .needsMore)
        #expect(verdict(IRCProbe.originator, "NICK t\nNICK x\n") == .needsMore)
        #expect(verdict(IRCProbe.responder, ":irc.example.org 001 tim :hi") == .matches)
        #expect(verdict(IRCProbe.responder, "NOTICE AUTH :x\n") == .needsMore)
        #expect(verdict(IRCProbe.originator, "SERVER a.example.org 1 :hub\n") == .matches)
        #expect(verdict(IRCProbe.originator, "SERVER a.example.org :hub\n") == .needsMore)
        #expect(verdict(IRCProbe.responder, "NOTICE x\nSERVER a.example.org 1 :hub\n") == .matches)
    }
}
