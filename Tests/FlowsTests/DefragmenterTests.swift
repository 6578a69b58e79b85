// SPDX-License-Identifier: Apache-2.0
//
// Fragments of both families: order, overlap, lies about size, bounds, time.

import Records
import Testing
import Wire

@testable import Flows

/// A fragment over IPv4, header checksum included.
private func fragment4(
    _ payload: [UInt8], offset: Int, more: Bool, identification: UInt8 = 7, flags: UInt8 = 0, options: [UInt8] = [],
    source: UInt8 = 1
) -> [UInt8] {
    let total = 20 + options.count + payload.count
    let field = offset / 8 | (more ? 0x2000 : 0) | Int(flags) << 8
    var header: [UInt8] = [0x40 | UInt8(5 + options.count / 4), 0, UInt8(total >> 8), UInt8(total & 0xFF)]
    header += [0, identification, UInt8(field >> 8), UInt8(field & 0xFF), 64, 17, 0, 0, 10, 0, 0, source, 10, 0, 0, 9]
    header += options
    let sum = ~header.octets.onesComplementSum(at: 0, count: header.count)
    header[10] = UInt8(sum >> 8)
    header[11] = UInt8(sum & 0xFF)
    return header + payload
}

/// A fragment over IPv6 behind a hop-by-hop header.
private func fragment6(_ payload: [UInt8], offset: Int, more: Bool) -> [UInt8] {
    let field = offset | (more ? 1 : 0)
    let chain: [UInt8] =
        [44, 0, 1, 4, 0, 0, 0, 0, 17, 0, UInt8(field >> 8), UInt8(field & 0xFF), 0, 0, 0, 5]
    let length = chain.count + payload.count
    return [0x60, 0, 0, 0, UInt8(length >> 8), UInt8(length & 0xFF), 0, 64]
        + [UInt8](repeating: 1, count: 16) + [UInt8](repeating: 2, count: 16) + chain + payload
}

/// Octets that differ at each place.
private func numbers(_ count: Int, from start: Int = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 + start) &* 31 &+ ($0 + start) >> 8) }
}

/// Decoder and defragmenter together, as the packet path uses them.
private struct Bench {
    var defragmenter: Defragmenter
    var layers = Layers()
    var decoder = Decoder()
    var now = Timestamp(seconds: 1000)

    init(_ settings: DefragmenterSettings = DefragmenterSettings()) {
        defragmenter = Defragmenter(settings: settings)
    }

    /// The anomalies of the last packet.
    var anomalies: [Anomaly] { layers.findings.map(\.anomaly) }

    mutating func add(_ packet: [UInt8]) -> DefragmenterResult {
        decoder.decode(packet.octets, linkType: 101, wireLength: packet.count, into: &layers)
        guard layers.stop == .fragment else { return .refused }
        return defragmenter.add(packet.octets, layers[layers.count - 1], now: now, findings: &layers)
    }
}

@Suite("Defragmenter") struct DefragmenterTests {
    @Test func `fragments in any order give the datagram`() {
        let payload = [0, 53, 0, 54, 0, 104, 0, 0] + numbers(96)
        let pieces = [
            fragment4(Array(payload[0..<40]), offset: 0, more: true),
            fragment4(Array(payload[40..<80]), offset: 40, more: true),
            fragment4(Array(payload[80...]), offset: 80, more: false),
        ]
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            var bench = Bench()
            #expect(bench.add(pieces[order[0]]) == .pending)
            #expect(bench.add(pieces[order[1]]) == .pending)
            #expect(bench.add(pieces[order[2]]) == .complete)
            let datagram = bench.defragmenter.takeDatagram()
            #expect(Array(datagram.dropFirst(20)) == payload)
            let fragment = bench.layers[0]
            bench.decoder.decodeIP(datagram.octets, continuing: fragment, into: &bench.layers)
            #expect(bench.layers.count == 2)
            #expect(bench.layers[1].isReassembled)
            #expect(bench.layers[1].totalLength == 124)
            #expect(bench.layers[1].makesConnection)
            #expect(bench.layers.stop == .complete)
            #expect(!bench.anomalies.contains(.bad_IP_checksum))
            #expect(bench.defragmenter.datagramsHeld == 0)
            #expect(bench.defragmenter.bytesHeld == 0)
        }
    }

    @Test func `IPv6 loses its fragment header`() {
        let payload = [0, 53, 0, 54, 0, 24, 0, 0] + numbers(16)
        var bench = Bench()
        #expect(bench.add(fragment6(Array(payload[16...]), offset: 16, more: false)) == .pending)
        #expect(bench.add(fragment6(Array(payload[..<16]), offset: 0, more: true)) == .complete)
        let datagram = bench.defragmenter.takeDatagram()
        #expect(datagram.count == 40 + 8 + payload.count)
        let fragment = bench.layers[0]
        bench.decoder.decodeIP(datagram.octets, continuing: fragment, into: &bench.layers)
        #expect(bench.layers[1].protocolNumber == 17)
        #expect(bench.layers[1].payloadOffset == 48)
        #expect(bench.layers[1].payloadLength == 24)
        #expect(bench.layers[1].totalLength == 72)
    }

    @Test func `a fragment that is alone is complete at once`() {
        var bench = Bench()
        #expect(bench.add(fragment6([0, 1, 0, 2, 0, 8, 0, 0], offset: 0, more: false)) == .complete)
    }

    @Test func `a datagram inside a tunnel keeps its place`() {
        let inner = fragment4(numbers(64), offset: 0, more: false, flags: 0)
        let first = Array(inner[..<48])
        var bench = Bench()
        // The carrier itself is cut: its pieces hold an IP-in-IP datagram.
        func carrier(_ part: [UInt8], _ offset: Int, _ more: Bool) -> [UInt8] {
            var bytes = fragment4(part, offset: offset, more: more)
            bytes[9] = 4
            (bytes[10], bytes[11]) = (0, 0)
            let sum = ~bytes.octets.onesComplementSum(at: 0, count: 20)
            (bytes[10], bytes[11]) = (UInt8(sum >> 8), UInt8(sum & 0xFF))
            return bytes
        }
        #expect(bench.add(carrier(first, 0, true)) == .pending)
        #expect(bench.add(carrier(Array(inner[48...]), 48, false)) == .complete)
        let datagram = bench.defragmenter.takeDatagram()
        let fragment = bench.layers[0]
        bench.decoder.decodeIP(datagram.octets, continuing: fragment, into: &bench.layers)
        #expect(bench.layers.count == 3)
        #expect(bench.layers[1].tunnel == .ip)
        #expect(bench.layers[2].outer == 1)
        #expect(bench.layers[2].depth == 1)
        #expect(bench.layers[2].isReassembled)
    }

    @Test func `octets that came first stay, and overlaps are reported`() {
        var bench = Bench()
        let first = numbers(64)
        #expect(bench.add(fragment4(first, offset: 0, more: true)) == .pending)
        #expect(bench.add(fragment4(first, offset: 0, more: true)) == .pending)
        #expect(bench.anomalies == [.fragment_overlap])
        let other = [UInt8](repeating: 0xEE, count: 64)
        #expect(bench.add(fragment4(other, offset: 32, more: false)) == .complete)
        #expect(bench.anomalies == [.fragment_inconsistency])
        let datagram = bench.defragmenter.takeDatagram()
        #expect(Array(datagram.dropFirst(20)) == first + other[32...])
    }

    @Test func `a fragment that spans holes fills only these`() {
        var bench = Bench()
        let island = [UInt8](repeating: 0xAA, count: 16)
        #expect(bench.add(fragment4(island, offset: 16, more: true)) == .pending)
        #expect(bench.add(fragment4(island, offset: 48, more: true)) == .pending)
        #expect(bench.add(fragment4(numbers(80), offset: 0, more: true)) == .pending)
        #expect(bench.anomalies == [.fragment_inconsistency])
        #expect(bench.add(fragment4(numbers(16, from: 80), offset: 80, more: false)) == .complete)
        var expected = numbers(96)
        expected.replaceSubrange(16..<32, with: island)
        expected.replaceSubrange(48..<64, with: island)
        #expect(Array(bench.defragmenter.takeDatagram().dropFirst(20)) == expected)
    }

    @Test func `odd fragments are named`() {
        var bench = Bench()
        _ = bench.add(fragment4(numbers(16), offset: 8, more: true, identification: 1))
        #expect(bench.anomalies == [.excessively_small_fragment])
        _ = bench.add(fragment4(numbers(64), offset: 0, more: true, identification: 2, flags: 0x40))
        #expect(bench.anomalies == [.fragment_with_DF])
        _ = bench.add(fragment4(numbers(64), offset: 64, more: true, identification: 2, options: [1, 1, 1, 0]))
        #expect(bench.anomalies == [.fragment_protocol_inconsistency])
        _ = bench.add(fragment4(numbers(64), offset: 64_000, more: true, identification: 3))
        #expect(bench.anomalies == [.excessively_large_fragment])
        #expect(bench.add(fragment4(numbers(64), offset: 65_528, more: true, identification: 4)) == .refused)
    }

    @Test func `two ends disagree and the longer counts`() {
        var bench = Bench()
        #expect(bench.add(fragment4(numbers(64, from: 64), offset: 64, more: false)) == .pending)
        #expect(bench.add(fragment4(numbers(64, from: 128), offset: 128, more: false)) == .pending)
        #expect(bench.anomalies == [.fragment_size_inconsistency])
        #expect(bench.add(fragment4(numbers(64), offset: 0, more: true)) == .complete)
        #expect(Array(bench.defragmenter.takeDatagram().dropFirst(20)) == numbers(192))
    }

    @Test func `fragments of different datagrams stay apart`() {
        var bench = Bench()
        #expect(bench.add(fragment4(numbers(64), offset: 0, more: true, identification: 1)) == .pending)
        #expect(bench.add(fragment4(numbers(64), offset: 64, more: false, identification: 2)) == .pending)
        #expect(bench.add(fragment4(numbers(64), offset: 64, more: false, source: 3)) == .pending)
        #expect(bench.defragmenter.datagramsHeld == 3)
    }

    @Test func `time gives datagrams up`() {
        var bench = Bench()
        #expect(bench.add(fragment4(numbers(64), offset: 0, more: true)) == .pending)
        bench.now = Timestamp(seconds: 1299)
        #expect(bench.add(fragment4(numbers(64), offset: 128, more: true)) == .pending)
        #expect(bench.defragmenter.datagramsHeld == 1)
        bench.defragmenter.expire(Timestamp(seconds: 1300))
        #expect(bench.defragmenter.datagramsHeld == 0)
        #expect(bench.defragmenter.expiredCount == 1)
    }

    @Test func `number and memory are bounded, the oldest goes first`() {
        var settings = DefragmenterSettings()
        settings.datagramsMax = 4
        settings.bytesMax = 4096
        var bench = Bench(settings)
        for identification in 1...6 {
            _ = bench.add(fragment4(numbers(64), offset: 0, more: true, identification: UInt8(identification)))
        }
        #expect(bench.defragmenter.datagramsHeld == 4)
        #expect(bench.defragmenter.evictedCount == 2)
        _ = bench.add(fragment4(numbers(8), offset: 3992, more: true, identification: 9))
        #expect(bench.defragmenter.bytesHeld <= 4096)
        #expect(bench.add(fragment4(numbers(8), offset: 8000, more: true, identification: 10)) == .refused)
        #expect(bench.defragmenter.datagramsHeld == 0)
        #expect(bench.defragmenter.bytesHeld == 0)
    }

    @Test func `a datagram in dust is given up`() {
        var settings = DefragmenterSettings()
        settings.runsMax = 16
        var bench = Bench(settings)
        var refused = 0
        for index in 0..<17 where bench.add(fragment4(numbers(8), offset: index * 16, more: true)) == .refused {
            refused += 1
        }
        #expect(refused == 1)
        #expect(bench.defragmenter.datagramsHeld == 0)
    }

    @Test(arguments: 0..<40)
    func `random cuts of a datagram give it back`(_ seed: Int) {
        var state = UInt64(seed) &* 77 &+ 5
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let payload = numbers(400 + next(3000))
        var pieces: [[UInt8]] = []
        var start = 0
        while start < payload.count {
            let end = min(payload.count, start + 8 * (1 + next(40)))
            // Some begin earlier than they must, and so repeat octets.
            let early = start == 0 ? 0 : max(8, start - 8 * next(3))
            pieces.append(fragment4(Array(payload[early..<end]), offset: early, more: end < payload.count))
            start = end
        }
        for index in pieces.indices.reversed() { pieces.swapAt(index, next(index + 1)) }
        var bench = Bench()
        var results: [DefragmenterResult] = []
        for piece in pieces where !results.contains(.complete) { results.append(bench.add(piece)) }
        #expect(results.last == .complete)
        #expect(Array(bench.defragmenter.takeDatagram().dropFirst(20)) == payload)
    }

    @Test func `random fragments never trap and never hold more than is allowed`() {
        var settings = DefragmenterSettings()
        settings.bytesMax = 1 << 17
        settings.datagramsMax = 8
        settings.runsMax = 32
        var bench = Bench(settings)
        var state: UInt64 = 3
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for round in 0..<3000 {
            let size = 8 * (1 + next(20)) + (next(4) == 0 ? next(8) : 0)
            let offset = 8 * next(round % 25 == 0 ? 8190 : 40)
            let packet =
                next(3) == 0
                ? fragment6(numbers(size), offset: offset & 0xFFF8, more: next(4) != 0)
                : fragment4(
                    numbers(size, from: next(2)), offset: offset, more: next(4) != 0,
                    identification: UInt8(next(12)), options: next(5) == 0 ? [1, 1, 1, 0] : [])
            bench.now = Timestamp(seconds: 1000 + Int64(round / 20))
            if bench.add(packet) == .complete {
                let datagram = bench.defragmenter.takeDatagram()
                let fragment = bench.layers[0]
                bench.decoder.decodeIP(datagram.octets, continuing: fragment, into: &bench.layers)
                #expect(bench.layers.count == 2 || !bench.anomalies.isEmpty)
                bench.defragmenter.recycle(datagram)
            }
            guard bench.defragmenter.bytesHeld <= settings.bytesMax, bench.defragmenter.datagramsHeld <= 8 else {
                Issue.record("round \(round): \(bench.defragmenter.bytesHeld) octets held")
                return
            }
        }
        #expect(bench.defragmenter.completedCount > 0)
    }
}
