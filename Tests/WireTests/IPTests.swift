// SPDX-License-Identifier: Apache-2.0
//
// IPv4 and IPv6 headers: what a layer says, lengths that lie, extension headers, fragments.

import Testing
import Wire

/// Decodes raw IP that was captured whole.
func decodeRaw(_ bytes: [UInt8], ignoringChecksums: Bool = false, wireLength: Int? = nil) -> Layers {
    var layers = Layers()
    var decoder = Decoder()
    decoder.ignoringChecksums = ignoringChecksums
    decoder.decode(bytes.octets, linkType: 101, wireLength: wireLength ?? bytes.count, into: &layers)
    return layers
}

@Suite("IP headers") struct IPTests {
    @Test func `a layer has what the header says`() {
        let layers = decodeRaw(Frame.ipv4(17, Frame.udp(1000, 2000, [1, 2, 3]), options: [1, 1, 1, 0]))
        let layer = layers[0]
        #expect(layer.version == 4)
        #expect((layer.sourceHigh, layer.sourceLow) == (0, host4Low))
        #expect((layer.targetHigh, layer.targetLow) == (0, peer4Low))
        #expect(layer.totalLength == 35)
        #expect(layer.payloadOffset == 24)
        #expect(layer.payloadLength == 11)
        #expect(layer.ttl == 64)
        #expect(layer.outer == 0xFF)
        #expect(layer.makesConnection)
    }

    @Test func `a layer stays small`() {
        #expect(MemoryLayout<Layer>.size <= 112)
    }

    @Test func `the hash of a pair is the same in both directions and depends on the seed`() {
        let there = decodeRaw(Frame.web)[0]
        let back = decodeRaw(Frame.ipv4(6, Frame.tcp(80, 40000), source: peer4, target: host4))[0]
        let other = decodeRaw(Frame.ipv4(6, Frame.tcp(80, 40000), source: [10, 0, 0, 3], target: host4))[0]
        #expect(there.pairHash(1) == back.pairHash(1))
        #expect(there.pairHash(1) != there.pairHash(2))
        #expect(there.pairHash(1) != other.pairHash(1))
    }

    static let lies: [([UInt8], Anomaly)] = [
        ([0x45, 0, 0, 19], .invalid_IP_header_size), ([0x44, 0, 0, 43], .IPv4_min_header_size),
        ([0x45, 0, 1, 0], .truncated_IP_len), ([0x35, 0, 0, 43], .unknown_ip_version),
        ([0x4F, 0, 0, 43], .invalid_IP_header_size),
    ]

    @Test(arguments: lies)
    func `lengths that lie are refused by name`(_ start: [UInt8], _ anomaly: Anomaly) {
        var bytes = Frame.web
        bytes.replaceSubrange(0..<4, with: start)
        let layers = decodeRaw(bytes, ignoringChecksums: true)
        #expect(layers.count == 0)
        #expect(layers.stop == .damaged)
        #expect(layers.findings.map(\.anomaly) == [anomaly])
        #expect(layers.findings.allSatisfy { !$0.hasAddresses })
    }

    @Test func `a bad header checksum drops the packet unless checksums are ignored`() {
        var bytes = Frame.web
        bytes[10] ^= 1
        let layers = decodeRaw(bytes)
        #expect(layers.count == 0)
        #expect(layers.stop == .dropped)
        #expect(layers.findings.first?.anomaly == .bad_IP_checksum)
        #expect(layers.findings.first?.sourceLow == host4Low)
        #expect(decodeRaw(bytes, ignoringChecksums: true).count == 1)
    }

    @Test func `a total length of zero is believed only while checksums are ignored`() {
        let bytes = Frame.ipv4(6, Frame.tcp(1, 2, [9]), total: 0)
        let refused = decodeRaw(bytes)
        #expect(refused.count == 0)
        #expect(refused.stop == .dropped)
        let layers = decodeRaw(bytes, ignoringChecksums: true)
        #expect(layers[0].totalLength == 0)
        #expect(layers[0].payloadLength == 21)
        #expect(layers.findings.map(\.anomaly) == [.ip_hdr_len_zero])
    }

    @Test func `a short capture keeps the lengths of the wire`() {
        let bytes = Array(Frame.web.prefix(41))
        let layers = decodeRaw(bytes, wireLength: 43)
        #expect(layers.count == 1)
        #expect(layers[0].payloadLength == 23)
        #expect(layers[0].capturedLength == 21)
        #expect(!layers[0].isWhole)
    }

    @Test func `extension headers are passed over`() {
        let udp = Frame.udp(1, 2, [7])
        let options: [UInt8] = [43, 0, 1, 4, 0, 0, 0, 0]
        let routing: [UInt8] = [51, 0, 4, 0, 0, 0, 0, 0]
        let authentication: [UInt8] = [60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let target: [UInt8] = [17, 0, 1, 4, 0, 0, 0, 0]
        let layers = decodeRaw(Frame.ipv6(0, options + routing + authentication + target + udp))
        #expect(layers[0].protocolNumber == 17)
        #expect(layers[0].payloadOffset == 76)
        #expect(layers[0].payloadLength == 9)
        #expect(layers[0].totalLength == 85)
        #expect(layers.findings.map(\.anomaly) == [.unknown_routing_type])
        #expect(layers.findings.first?.detail == 4)
    }

    @Test func `the endpoint behind a routing header is the final one`() {
        let last: [UInt8] = [0xFD] + [UInt8](repeating: 0, count: 14) + [9]
        let routing: [UInt8] = [17, 2, 0, 1, 0, 0, 0, 0] + last
        let layers = decodeRaw(Frame.ipv6(43, routing + Frame.udp(1, 2, [])))
        #expect(layers[0].targetHigh == 0xFD00_0000_0000_0000)
        #expect(layers[0].targetLow == 9)
        #expect(layers.findings.map(\.anomaly) == [.routing0_hdr])
    }

    @Test func `a home address is the source`() {
        let home: [UInt8] = [0xFD] + [UInt8](repeating: 0, count: 14) + [8]
        let options: [UInt8] = [17, 2, 1, 2, 0, 0, 201, 16] + home
        let layers = decodeRaw(Frame.ipv6(60, options + Frame.udp(1, 2, [])))
        #expect(layers[0].sourceLow == 8)
        #expect(layers.findings.isEmpty)
    }

    static let ends: [(UInt8, [UInt8], [Anomaly])] = [
        (50, [UInt8](repeating: 1, count: 16), []),
        (59, [], [.ipv6_no_next]),
        (135, [59, 0, 1, 0, 0, 0, 0, 0], [.bad_MH_checksum]),
        (60, [50, 0, 1, 4, 0, 0, 0, 0] + [UInt8](repeating: 1, count: 8), []),
    ]

    @Test(arguments: ends)
    func `the path ends at headers that hide or lack a payload`(
        _ number: UInt8, _ payload: [UInt8], _ expected: [Anomaly]
    ) {
        let layers = decodeRaw(Frame.ipv6(number, payload))
        #expect(layers.count == 0)
        #expect(layers.stop == (number == 135 ? .damaged : .ended))
        #expect(layers.findings.map(\.anomaly) == expected)
    }

    @Test func `unknown protocols give a layer`() {
        #expect(decodeRaw(Frame.ipv4(89, [1, 2, 3]))[0].protocolNumber == 89)
        #expect(decodeRaw(Frame.ipv6(253, [1, 2, 3]))[0].protocolNumber == 253)
    }

    @Test func `a chain of extension headers without end is given up`() {
        let header: [UInt8] = [60, 0, 1, 4, 0, 0, 0, 0]
        var chain: [UInt8] = []
        for _ in 0..<150 { chain += header }
        let layers = decodeRaw(Frame.ipv6(60, chain))
        #expect(layers.count == 0)
        #expect(layers.findings.map(\.anomaly) == [.internally_truncated_header])
    }

    @Test func `fragments wait for the others`() {
        let first = decodeRaw(Frame.ipv4(17, [UInt8](repeating: 1, count: 64), identification: 77, fragment: 0x2000))
        #expect(first.stop == .fragment)
        #expect(first[0].isFragment)
        #expect(first[0].hasMoreFragments)
        #expect(!first[0].makesConnection)
        #expect(first[0].identification == 77)
        let later = decodeRaw(Frame.ipv6(44, [17, 0, 0x05, 0xA9, 0, 1, 2, 3] + [UInt8](repeating: 1, count: 64)))
        #expect(later[0].fragmentOffset == 1448)
        #expect(later[0].identification == 0x0001_0203)
        #expect(later[0].hasMoreFragments)
        #expect(later[0].protocolNumber == 17)
        #expect(later[0].payloadLength == 64)
    }

    @Test func `of fragments cut by the capture only the first is read`() {
        let first = Frame.ipv4(17, Frame.udp(1, 2, [UInt8](repeating: 1, count: 64)), fragment: 0x2000)
        let readable = decodeRaw(Array(first.prefix(40)), wireLength: first.count)
        #expect(readable.count == 1)
        #expect(readable[0].makesConnection)
        #expect(readable.findings.map(\.anomaly) == [.incompletely_captured_fragment])
        let later = Frame.ipv4(17, [UInt8](repeating: 1, count: 64), fragment: 0x2001)
        #expect(decodeRaw(Array(later.prefix(40)), wireLength: later.count).count == 0)
    }
}
