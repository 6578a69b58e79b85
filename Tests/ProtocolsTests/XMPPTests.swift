// SPDX-License-Identifier: Apache-2.0
//
// XMPP: what confirms it, and where TLS begins.

import Testing
import Wire

@testable import Protocols
@testable import Records

private let opening = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='example.org'>"
private let answer = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='1'><stream:features>"
    + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
private let hello: [UInt8] =
    [22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0, 0, 0]

private func services(_ turns: [(Direction, [UInt8])], pieces: Int = .max, gap: Int? = nil) -> [ServiceChange] {
    let bench = DatagramBench(XMPP(), port: 5222, .tcp, logs: [TLSRecord.makeSchema()])
    var at = 0
    for (direction, octets) in turns {
        var rest = octets[...]
        while !rest.isEmpty, !bench.analyzer.isDetached {
            let piece = rest.prefix(pieces)
            rest = rest.dropFirst(pieces)
            if let gap, gap >= at, gap < at + piece.count {
                bench.lose(piece.count, from: direction)
            } else {
                bench.stream(piece, from: direction)
            }
            at += piece.count
        }
    }
    bench.finish()
    return bench.context.serviceChanges
}

@Suite("XMPP") struct XMPPTests {
    static let session: [(Direction, [UInt8])] = [
        (.originator, octets(opening)), (.responder, octets(answer)),
        (.originator, octets("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")),
        (.responder, octets("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")), (.originator, hello),
    ]

    @Test(arguments: 1..<12) func `the opening confirms, and TLS takes over in pieces of any size`(_ pieces: Int) {
        let wanted: [ServiceChange] = [.confirmed(.xmpp), .left(.xmpp, for: .ssl), .confirmed(.ssl)]
        #expect(services(Self.session, pieces: pieces) == wanted)
    }

    @Test func `without the client's wish nothing is TLS`() {
        #expect(services(Self.session.filter { $0.1.count != 51 }) == [.confirmed(.xmpp)])
        let refused = Self.session[..<3] + [(Direction.responder, octets("<failure/>")), (.originator, hello)]
        #expect(services(Array(refused)) == [.confirmed(.xmpp)])
    }

    @Test func `after the login no TLS begins, and names in values are none`() {
        let login: [(Direction, [UInt8])] = [(.responder, octets("<success/>"))]
        #expect(services(Self.session[..<2] + login + Self.session[2...]) == [.confirmed(.xmpp)])
        #expect(services([(.originator, octets("<a b='<stream:stream>'>"))]).isEmpty)
        #expect(services([(.originator, octets("</stream:stream>"))]).isEmpty)
    }

    @Test func `a gap, a cut or much text ends the reading`() {
        let count = Self.session.reduce(0) { $0 + $1.1.count }
        for place in 0..<count {
            #expect(services(Self.session, gap: place).count <= 2)
            var left = place
            let cut = Self.session.map { turn in
                defer { left -= min(left, turn.1.count) }
                return (turn.0, Array(turn.1.prefix(left)))
            }
            #expect(services(cut).count <= 2)
        }
        let long = [(Direction.originator, [UInt8](repeating: 0x3C, count: 100_000))]
        #expect(services(long + Self.session, pieces: 1000).isEmpty)
    }

    @Test func `the probe wants a stream of Jabber`() {
        #expect(verdict(XMPPProbe.opening, octets(opening)) == .matches)
        #expect(verdict(XMPPProbe.opening, octets("<stream:stream xmlns=\"jabber:server\" ")) == .matches)
        for count in 1..<50 { #expect(verdict(XMPPProbe.opening, Array(octets(opening)[..<count])) == .needsMore) }
        for other in ["<html>", "<?xml version='1.0'><a", "GET /", "<stream:stream xmlns='other:'>", "<?xml ?><a>"] {
            #expect(verdict(XMPPProbe.opening, octets(other)) == .never, "\(other)")
        }
    }
}
