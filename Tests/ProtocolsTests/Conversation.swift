// SPDX-License-Identifier: Apache-2.0
//
// What the tests of binary protocols over streams share: a conversation of two
// sides, played whole, cut short, in pieces, or damaged.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// Messages of both sides in order, and the analyzer that is to read them.
struct Conversation: Sendable {
    let turns: [(Direction, [UInt8])]
    let port: UInt16
    let logs: [LogSchema]
    /// Each turn is a datagram, which is never in pieces.
    var isDatagrams = false
    let make: @Sendable () -> Analyzer

    var byteCount: Int { turns.reduce(0) { $0 + $1.1.count } }

    /// Rows of all logs as texts, and the connection after the first `limit` octets.
    func play(
        pieces: Int = .max, limit: Int = .max, damage: Int? = nil, gap: Int? = nil, on analyzer: Analyzer? = nil
    ) -> Outcome {
        let bench = DatagramBench(analyzer ?? make(), port: port, isDatagrams ? .udp : .tcp, logs: logs)
        var left = limit
        var at = 0
        for (direction, octets) in turns {
            var octets = Array(octets.prefix(left))
            left -= octets.count
            if let damage, damage >= at, damage < at + octets.count {
                for index in (damage - at)..<min(octets.count, damage - at + 4) { octets[index] = 0xFF }
            }
            if isDatagrams {
                // A lost datagram is the gap of such a conversation.
                let isLost = gap.map { $0 >= at && $0 < at + octets.count } ?? false
                at += octets.count
                if !isLost, !octets.isEmpty, !bench.analyzer.isDetached { bench.datagram(octets, from: direction) }
                continue
            }
            if let gap, gap >= at, gap < at + octets.count {
                bench.stream(octets[..<(gap - at)], from: direction)
                bench.context.hasGap = true
                bench.analyzer.gap(1, from: direction, &bench.context)
                octets.removeFirst(gap - at + 1)
                at += gap - at + 1
            }
            at += octets.count
            while !octets.isEmpty, !bench.analyzer.isDetached {
                bench.stream(octets.prefix(pieces), from: direction)
                octets.removeFirst(min(pieces, octets.count))
            }
        }
        bench.analyzer.finish(&bench.context)
        return Outcome(rows: logs.flatMap { bench.texts($0.log) }, analyzer: bench.analyzer, weirds: bench.weirds)
    }

    struct Outcome {
        let rows: [String]
        let analyzer: Analyzer
        let weirds: [Weird]
    }

    /// What every protocol must stand: pieces of any size give the same rows; what is
    /// cut short, damaged or has a gap gives no more rows than `rowsMax`; an analyzer
    /// that is used again remembers nothing.
    func expectRobust(rowsMax: Int? = nil) {
        let whole = play().rows
        let most = rowsMax ?? whole.count
        #expect(!whole.isEmpty)
        for pieces in 1...9 { #expect(play(pieces: pieces).rows == whole) }
        for offset in 0..<byteCount {
            #expect(play(limit: offset).rows.count <= whole.count)
            #expect(play(damage: offset).rows.count <= most)
            #expect(play(gap: offset).rows.count <= most)
            guard offset % 7 == 0 else { continue }
            let used = make()
            _ = play(limit: offset, on: used)
            used.reset()
            #expect(play(on: used).rows == whole)
        }
    }

    /// The same sides, but what they say is HTTP.
    func playHTTP() -> Outcome {
        let other = Conversation(
            turns: [
                (.originator, wire("GET / HTTP/1.1\nHost: example.com\n\n")),
                (.responder, wire("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi")),
            ], port: port, logs: logs, isDatagrams: isDatagrams, make: make)
        return other.play()
    }
}
