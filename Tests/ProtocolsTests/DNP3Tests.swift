// SPDX-License-Identifier: Apache-2.0
//
// DNP3: link frames over TCP and UDP, and hostile forms of them.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct DNP3Tests {
    static func summed(_ octets: [UInt8]) -> [UInt8] {
        let sum = DNP3Checksum.of(octets.octets)
        return octets + [UInt8(sum & 0xFF), UInt8(sum >> 8)]
    }

    /// A link frame around one transport segment; `flags` 0x40 first, 0x80 last.
    static func frame(_ data: [UInt8], fromMaster: Bool, flags: UInt8 = 0xC0) -> [UInt8] {
        let segment = [flags] + data
        var frame = summed([0x05, 0x64, UInt8(segment.count + 5), fromMaster ? 0xC4 : 0x44, 1, 0, 2, 0])
        for start in stride(from: 0, to: segment.count, by: 16) {
            frame += summed(Array(segment[start..<min(segment.count, start + 16)]))
        }
        return frame
    }

    static func ask(_ function: UInt8, _ more: [UInt8] = []) -> (Direction, [UInt8]) {
        (.originator, frame([0xC0, function] + more, fromMaster: true))
    }

    static func answer(_ function: UInt8, _ more: [UInt8] = []) -> (Direction, [UInt8]) {
        (.responder, frame([0xC0, function, 0x90, 0x00] + more, fromMaster: false))
    }

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 20_000, logs: [DNP3Record.makeSchema()]) { DNP3() }
    }

    static let session = conversation([
        ask(1, Array(repeating: 7, count: 40)), answer(0x81, Array(repeating: 9, count: 100)),
        ask(2), ask(3), answer(0x81),
        (.originator, summed([0x05, 0x64, 5, 0xC0, 1, 0, 2, 0])),
        (.responder, frame([0xC1, 0x82, 0], fromMaster: false, flags: 0x40)),
        (.responder, frame([1, 2, 3], fromMaster: false, flags: 0x81)),
        ask(0x63),
    ])

    @Test func `a row is a request and its response`() {
        #expect(
            Self.session.play().rows == [
                "fc_request=READ fc_reply=RESPONSE iin=36864", "fc_request=SELECT fc_reply=RESPONSE iin=36864",
                "fc_reply=UNSOLICITED_RESPONSE iin=1", "fc_request=unknown-99",
            ])
        #expect(Self.session.play().weirds.isEmpty)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust() }

    @Test func `datagrams are read like a stream`() {
        let bench = DatagramBench(DNP3(.dnp3UDP), port: 20_000, logs: [DNP3Record.makeSchema()])
        bench.datagram(Self.ask(1).1, from: .originator)
        bench.datagram(Self.answer(0x81).1, from: .responder)
        #expect(bench.texts(.dnp3) == ["fc_request=READ fc_reply=RESPONSE iin=36864"])
        #expect(bench.analyzer.kind.serviceName.description == "dnp3_udp")
    }

    @Test func `impossible lengths and checksums end the analyzer`() {
        let short = Self.summed([0x05, 0x64, 4, 0xC0, 1, 0, 2, 0])
        #expect(Self.conversation([(.originator, short)]).play().weirds == [.dnp3_negative_or_zero_length_link_layer])
        var wrong = Self.ask(1).1
        wrong[8] ^= 1
        #expect(Self.conversation([(.originator, wrong)]).play().analyzer.isDetached)
        wrong = Self.ask(1).1
        wrong[wrong.count - 1] ^= 1
        let outcome = Self.conversation([(.originator, wrong)]).play()
        #expect(outcome.rows.isEmpty && outcome.weirds == [.dnp3_corrupt_app_chunk_checksum])
        let tiny = Self.frame([0xC0], fromMaster: false)
        #expect(Self.conversation([(.responder, tiny)]).play().analyzer.isDetached)
    }

    @Test func `a fragment without its beginning is an anomaly`() {
        let rest = Self.frame([1, 2, 3], fromMaster: true, flags: 0x80)
        #expect(
            Self.conversation([(.originator, rest)]).play().weirds == [.dnp3_first_application_layer_chunk_missing])
    }

    @Test func `a frame of the wrong side is an anomaly`() {
        let outcome = Self.conversation([(.responder, Self.ask(1, [1, 2, 3]).1)]).play()
        #expect(outcome.weirds == [.dnp3_unexpected_flow_direction])
    }

    @Test func `another protocol has no magic`() {
        #expect(Self.session.playHTTP().weirds == [.dnp3_header_lacks_magic])
        #expect(!Self.session.playHTTP().analyzer.isConfirmed)
        #expect(Self.session.playHTTP().rows.isEmpty)
    }

    @Test func `the probe wants both octets`() {
        let whole = Self.ask(1).1
        #expect(DNP3Probe.header(whole.octets) == .matches)
        let half: [UInt8] = [5]
        #expect(DNP3Probe.header(half.octets) == .needsMore)
        #expect(DNP3Probe.header(octets("GET").octets) == .never)
    }
}
