// SPDX-License-Identifier: Apache-2.0
//
// Views of TCP, UDP and ICMP headers, and checksums against a slow sum.

import Testing
import Wire

@Suite("Transport headers") struct TransportTests {
    @Test func `a TCP header is read whole`() throws {
        let options: [UInt8] = [2, 4, 5, 0xB4, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]
        let bytes = Frame.ipv4(6, Frame.tcp(40000, 443, [1, 2, 3, 4, 5], flags: 0x12, options: options))
        let header = try TCPHeader(bytes.octets, decodeRaw(bytes)[0])
        #expect(header.sourcePort == 40000)
        #expect(header.targetPort == 443)
        #expect(header.sequence == 100)
        #expect(header.acknowledgement == 200)
        #expect(header.window == 8192)
        #expect(header.syn && header.ack && !header.fin && !header.rst && !header.psh && !header.urg)
        #expect(header.hasValidLength)
        #expect(header.payloadOffset == 60)
        #expect(header.payloadLength == 5)
        let read = TCPOptions(bytes.octets, header)
        #expect(read.maximumSegmentSize == 1460)
        #expect(read.windowScale == 7)
        #expect(read.isSACKPermitted)
        #expect(read.hasTimestamps && read.timestamp == 1 && read.timestampEcho == 2)
        #expect(read.problems == 0)
    }

    @Test func `options of the wrong length are marked, and endless ones end`() throws {
        let bytes = Frame.ipv4(6, Frame.tcp(1, 2, options: [2, 3, 0, 3, 4, 1, 1, 4, 3, 0, 99, 200]))
        let read = TCPOptions(bytes.octets, try TCPHeader(bytes.octets, decodeRaw(bytes)[0]))
        typealias Problem = TCPOptions.Problem
        #expect(read.problems == Problem.maximumSegmentSize | Problem.windowScale | Problem.sackPermitted)
        #expect(read.windowScale == 0xFF)
    }

    @Test(arguments: [0x00, 0x40, 0x60, 0xF0])
    func `a data offset that lies leaves a header without data`(_ word: UInt8) throws {
        var bytes = Frame.web
        bytes[32] = word
        let header = try TCPHeader(bytes.octets, decodeRaw(bytes)[0])
        #expect(!header.hasValidLength)
        #expect(header.payloadLength == 0)
        #expect(header.sourcePort == 40000)
    }

    @Test(arguments: [(UInt8(6), 20), (17, 8), (1, 8)])
    func `headers that are too short are refused`(_ number: UInt8, _ minimum: Int) {
        for count in 0..<minimum {
            let whole = Frame.ipv4(number, [UInt8](repeating: 1, count: count))
            #expect(problem(whole, wireLength: whole.count) == .truncated_header)
            let cut = Frame.ipv4(number, [UInt8](repeating: 1, count: minimum))
            let bytes = Array(cut.prefix(20 + count))
            #expect(problem(bytes, wireLength: cut.count) == .internally_truncated_header)
        }
    }

    private func problem(_ bytes: [UInt8], wireLength: Int) -> Anomaly? {
        let layer = decodeRaw(bytes, wireLength: wireLength)[0]
        do {
            switch layer.protocolNumber {
            case 6: _ = try TCPHeader(bytes.octets, layer)
            case 17: _ = try UDPHeader(bytes.octets, layer)
            default: _ = try ICMPHeader(bytes.octets, layer)
            }
            return nil
        } catch {
            return error
        }
    }

    @Test func `UDP and ICMP headers are read whole`() throws {
        let datagram = Frame.ipv4(17, Frame.udp(53, 5353, [1, 2, 3]))
        let udp = try UDPHeader(datagram.octets, decodeRaw(datagram)[0])
        #expect((udp.sourcePort, udp.targetPort, udp.length, udp.checksum) == (53, 5353, 11, 0))
        #expect((udp.payloadOffset, udp.payloadLength, udp.capturedLength) == (28, 3, 3))
        let message = Frame.ipv4(1, [3, 4, 0, 0, 0, 0, 5, 0xDC, 9])
        let icmp = try ICMPHeader(message.octets, decodeRaw(message)[0])
        #expect((icmp.type, icmp.code, icmp.rest, icmp.payloadLength) == (3, 4, 1500, 1))
    }

    @Test func `the fast sum is the slow sum at every length and place`() {
        var state: UInt64 = 7
        var octets: [UInt8] = []
        for _ in 0..<400 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            octets.append(UInt8(truncatingIfNeeded: state >> 56))
        }
        for start in 0..<9 {
            for count in 0..<(octets.count - start) {
                let expected = slowSum(Array(octets[start..<start + count]))
                #expect(fastSum(octets, at: start, count: count) == expected)
            }
        }
        let ones = [UInt8](repeating: 0xFF, count: 70_000)
        #expect(fastSum(ones, at: 0, count: ones.count) == 0xFFFF)
    }

    @Test(arguments: [(UInt8(6), 16), (17, 6)])
    func `checksums of both families are verified`(_ number: UInt8, _ place: Int) {
        let segment = number == 6 ? Frame.tcp(1, 2, [1, 2, 3]) : Frame.udp(1, 2, [1, 2, 3])
        let good = Frame.ipv4(number, Frame.summed(segment, at: place, number: number))
        #expect(isGood(good, decodeRaw(good)[0]))
        let good6 = Frame.ipv6(
            number, Frame.summed(segment, at: place, number: number, source: host6, target: peer6))
        #expect(isGood(good6, decodeRaw(good6)[0]))
        for index in 0..<segment.count {
            var bad = good
            bad[20 + index] ^= 0x40
            #expect(!isGood(bad, decodeRaw(bad)[0]))
            var bad6 = good6
            bad6[40 + index] ^= 0x40
            #expect(!isGood(bad6, decodeRaw(bad6)[0]))
        }
    }

    @Test func `a UDP checksum of zero counts over IPv4 only`() {
        let v4 = Frame.ipv4(17, Frame.udp(1, 2, [1]))
        #expect(isGood(v4, decodeRaw(v4)[0]))
        let v6 = Frame.ipv6(17, Frame.udp(1, 2, [1]))
        #expect(!isGood(v6, decodeRaw(v6)[0]))
    }

    @Test func `what was not captured whole is not judged`() {
        var bytes = Frame.web
        bytes[36] ^= 1
        #expect(!isGood(bytes, decodeRaw(bytes)[0]))
        let cut = Array(bytes.prefix(42))
        #expect(isGood(cut, decodeRaw(cut, wireLength: 43)[0]))
    }

    @Test func `ICMP has no pseudo-header over IPv4 and one over IPv6`() {
        var echo: [UInt8] = [8, 0, 0, 0, 0, 1, 0, 2, 9]
        let sum = ~slowSum(echo)
        (echo[2], echo[3]) = (UInt8(sum >> 8), UInt8(sum & 0xFF))
        let v4 = Frame.ipv4(1, echo)
        #expect(isGood(v4, decodeRaw(v4)[0]))
        let echo6 = Frame.summed([128, 0, 0, 0, 0, 1, 0, 2], at: 2, number: 58, source: host6, target: peer6)
        let v6 = Frame.ipv6(58, echo6)
        #expect(isGood(v6, decodeRaw(v6)[0]))
    }
}
