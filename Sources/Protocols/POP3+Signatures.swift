// SPDX-License-Identifier: Apache-2.0
//
// Events of POP3 that rules ask for: commands that nobody knows, and too few or too many arguments.
//
// Reads   whole lines of commands.
// Writes  events, each a transaction of its own.
// Leaves  the commands' replies and EVE's `pop3` (POP3+EVE.swift).

import Records
import Wire

extension POP3 {
    /// Commands and how many arguments they have (RFC 1939 sections 5 to 7, RFC 2449, RFC 2595, RFC 5034).
    private static let arguments: [(StaticString, ClosedRange<Int>)] = [
        ("USER", 1...1), ("PASS", 1...1), ("APOP", 2...2), ("STAT", 0...0), ("LIST", 0...1), ("RETR", 1...1),
        ("DELE", 1...1), ("NOOP", 0...0), ("RSET", 0...0), ("TOP", 2...2), ("UIDL", 0...1), ("QUIT", 0...0),
        ("CAPA", 0...0), ("STLS", 0...0), ("AUTH", 1...2),
    ]

    /// Tells of a command that is not as it should be.
    func checkCommand(_ line: RawSpan, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents else { return }
        var words = 0
        var first = 0..<0
        var at = 0
        while at < line.byteCount {
            var end = at
            while end < line.byteCount, !HTTPOctets.isSpace(line.octet(end)) { end &+= 1 }
            if end > at {
                if words == 0 { first = at..<end }
                words &+= 1
            }
            at = end &+ 1
        }
        let name = line.extracting(first)
        guard let known = POP3.arguments.first(where: { name.isText($0.0) }) else {
            return context.lostMessage(.pop3, "pop3.unknown_command", from: .originator)
        }
        guard !known.1.contains(words &- 1) else { return }
        context.lostMessage(.pop3, "pop3.incorrect_argument_count", from: .originator)
    }
}
