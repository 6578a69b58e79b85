// SPDX-License-Identifier: Apache-2.0
//
// Probes: what they find does not depend on how the octets come.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("probes") struct ProbeTests {
    /// First words of both sides, in the order in which they are said, and what they are.
    struct Opening: Sendable, CustomStringConvertible {
        let kind: AnalyzerKind
        let turns: [(Direction, String)]
        var description: String { "\(kind)" }
    }

    static let openings: [Opening] = [
        Opening(kind: .http, turns: [(.originator, "\nPROPFIND / HTTP/1.1\n"), (.responder, "HTTP/1.1 200 OK\n")]),
        Opening(kind: .ssh, turns: [(.originator, "SSH-2.0-x\n"), (.responder, "ssh-1.99-y\n")]),
        Opening(kind: .smtp, turns: [(.responder, "220-a\n220 b\n"), (.originator, "NOOP\n ehlo x\n")]),
        Opening(
            kind: .ftp,
            turns: [(.responder, "220 hi\n"), (.originator, "SYST\nUSER jo\n"), (.responder, "215 x\n331 who\n")]),
        Opening(kind: .pop3, turns: [(.responder, "+OK hi\n"), (.originator, "capa\n")]),
        Opening(
            kind: .irc,
            turns: [(.originator, "CAP LS\nNICK jo\nUSER a b c :d\n"), (.responder, ":x NOTICE\n:x 001 jo\n")]),
        Opening(
            kind: .irc, turns: [(.originator, "SERVER a.b 1 :x\n"), (.responder, "NOTICE\nSERVER c.d 2 :y\n")]),
        Opening(kind: .rfb, turns: [(.responder, "RFB 003.008\n"), (.originator, "RFB 003.008\n")]),
        Opening(kind: .redis, turns: [(.originator, "*1\n$4\nPING\n"), (.responder, "+PONG\n")]),
        Opening(
            kind: .postgresql,
            turns: [(.originator, "\0\0\0\u{20}\0\u{3}\0\0user\0jo\0\0"), (.responder, "R\0\0\0\u{8}")]),
    ]

    /// The protocols found, in order, when the turns come in pieces of so many octets.
    private func found(_ turns: [(Direction, String)], pieces: Int) -> [AnalyzerKind] {
        var probes = OpenProbes(ProbeMasks(.tcp, chosen: .max))
        var said: [[UInt8]] = [[], []]
        var kinds: [AnalyzerKind] = []
        for (direction, text) in turns {
            var rest = wire(text)
            let side = Int(direction.rawValue)
            while !rest.isEmpty {
                let isFirst = said[side].isEmpty
                said[side] += rest.prefix(pieces)
                rest.removeFirst(min(pieces, rest.count))
                let (bytes, others) = (said[side], said[1 - side])
                let satisfied = probes.testStream(
                    bytes.octets, isFirst: isFirst, others: others.octets, from: direction)
                for index in Registry.probes.indices where satisfied & (1 << index) != 0 {
                    kinds.append(Registry.probes[index].kind)
                }
            }
        }
        return kinds
    }

    @Test(arguments: openings)
    func `a protocol is found by its first words, in pieces of any size`(_ opening: Opening) {
        let whole = Set(found(opening.turns, pieces: .max))
        #expect(whole.contains(opening.kind))
        // `+OK` may begin a value of Redis too.
        #expect(whole.subtracting([.redis, opening.kind]).isEmpty)
        for pieces in [1, 2, 3, 5, 8] {
            #expect(Set(found(opening.turns, pieces: pieces)) == whole, "in pieces of \(pieces)")
        }
    }

    @Test(arguments: openings) func `it is found whichever side speaks first`(_ opening: Opening) {
        // Both halves of a side together: the order inside a side is fixed.
        let sides = [Direction.responder, .originator].map { side in
            (side, opening.turns.filter { $0.0 == side }.map { $0.1 }.joined())
        }
        #expect(found(sides, pieces: .max).contains(opening.kind))
        #expect(found(sides.reversed(), pieces: .max).contains(opening.kind))
        #expect(found(sides.reversed(), pieces: 1).contains(opening.kind))
    }

    @Test(arguments: openings) func `half of a condition of two sides finds nothing`(_ opening: Opening) {
        let needsBoth: [AnalyzerKind] = [.ssh, .smtp, .ftp, .pop3, .irc, .rfb, .postgresql]
        guard needsBoth.contains(opening.kind) else { return }
        for side in [Direction.originator, .responder] {
            let half = opening.turns.filter { $0.0 == side }
            #expect(!found(half, pieces: .max).contains(opening.kind))
            #expect(!found(half + half.map { ($0.0.opposite, "\u{1}") }, pieces: 1).contains(opening.kind))
        }
    }

    @Test func `the first octet closes what cannot begin with it, and nothing else`() {
        for (index, probe) in Registry.probes.enumerated() where probe.transport == .tcp {
            for octet in UInt8.min ... .max {
                let isOpen = ProbeTable.shared.forward[Int(octet)] & (1 << index) != 0
                let only = [octet]
                let verdict = probe.test(only.octets)
                #expect(isOpen == (verdict != .never), "\(probe.kind) \(octet)")
                // What one octet rules out no second one may bring back.
                for second in UInt8.min ... .max where verdict == .never && second % 7 == 0 {
                    let both = [octet, second]
                    #expect(probe.test(both.octets) == .never, "\(probe.kind) \(octet) \(second)")
                }
            }
        }
    }
}
