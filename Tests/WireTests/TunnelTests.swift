// SPDX-License-Identifier: Apache-2.0
//
// Every tunnel, its verdict, its bounds, and what is wrong between two headers.

import Testing
import Wire

@Suite("Tunnels") struct TunnelTests {
    @Test(arguments: Sample.tunnels)
    func `each tunnel leads to the inner datagram`(_ sample: Sample) {
        var layers = Layers()
        Decoder().decode(sample.bytes.octets, linkType: sample.linkType, wireLength: sample.bytes.count, into: &layers)
        #expect(layers.count == sample.layers)
        #expect(layers.findings.isEmpty)
        #expect(layers.stop == .complete)
        guard layers.count == sample.layers else { return }
        for index in 1..<layers.count {
            #expect(Int(layers[index].outer) == index - 1)
            #expect(Int(layers[index].depth) == index)
            #expect(layers[index - 1].tunnel != .none)
        }
        let last = layers[layers.count - 1]
        #expect(last.protocolNumber == 6)
        #expect(last.payloadLength == 23)
        #expect(isGood(sample.bytes, last))
    }

    @Test func `outer UDP makes a connection, outer IP and GRE do not`() {
        for sample in Sample.tunnels {
            var layers = Layers()
            let count = sample.bytes.count
            Decoder().decode(sample.bytes.octets, linkType: sample.linkType, wireLength: count, into: &layers)
            #expect(layers[0].makesConnection == (layers[0].protocolNumber == 17), "\(sample.name)")
        }
    }

    @Test func `tunnels over UDP say what their header was worth`() {
        let good = decodeRaw(Frame.ipv4(17, Frame.vxlan(Frame.ethernet(0x0800, Frame.web))))
        #expect(good[0].tunnel == .vxlan)
        #expect(good[0].tunnelVerdict == .decapsulated)
        let noFlag = decodeRaw(Frame.ipv4(17, Frame.udp(1, 4789, [UInt8](repeating: 0, count: 40))))
        #expect(noFlag.count == 1)
        #expect(noFlag[0].tunnelVerdict == .violation)
        let wrongVersion = decodeRaw(Frame.ipv4(17, Frame.udp(1, 2152, [0x56, 255, 0, 0, 0, 0, 0, 0])))
        #expect(wrongVersion[0].tunnelVerdict == .violation)
        let echo = decodeRaw(Frame.ipv4(17, Frame.udp(1, 2152, [0x32, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0])))
        #expect(echo[0].tunnelVerdict == .none)
    }

    @Test func `the source's port names a tunnel too`() {
        var bytes = Frame.ipv4(17, Frame.vxlan(Frame.ethernet(0x0800, Frame.web)))
        bytes.replaceSubrange(20..<24, with: be16(4789) + be16(50000))
        #expect(decodeRaw(bytes).count == 2)
    }

    @Test func `Teredo and AYIYA are known by content on any port`() {
        var address = host6
        address.replaceSubrange(0..<4, with: [0x20, 1, 0, 0])
        let inner = Frame.ipv6(17, Frame.udp(5, 6, [1]), source: address)
        let teredo = decodeRaw(Frame.ipv4(17, Frame.udp(1, 9, inner)))
        #expect(teredo.count == 2)
        #expect(teredo[0].tunnel == .teredo)
        var bytes = Frame.ipv4(17, Frame.ayiya(Frame.web6))
        bytes.replaceSubrange(22..<24, with: be16(9))
        #expect(decodeRaw(bytes)[0].tunnel == .ayiya)
        #expect(decodeRaw(Frame.ipv4(17, Frame.udp(1, 9, Frame.web6)))[0].tunnel == .none)
    }

    @Test func `an outer datagram with a bad checksum is not opened`() {
        let segment = Frame.summed(Frame.vxlan(Frame.ethernet(0x0800, Frame.web)), at: 6, number: 17)
        #expect(decodeRaw(Frame.ipv4(17, segment)).count == 2)
        var bad = segment
        bad[6] ^= 0x10
        let layers = decodeRaw(Frame.ipv4(17, bad))
        #expect(layers.count == 1)
        #expect(layers[0].checksum == .bad)
        #expect(decodeRaw(Frame.ipv4(17, bad), ignoringChecksums: true).count == 2)
    }

    @Test func `VXLAN over IPv6 may have no checksum, other tunnels not`() {
        #expect(decodeRaw(Frame.ipv6(17, Frame.vxlan(Frame.ethernet(0x0800, Frame.web)))).count == 2)
        #expect(decodeRaw(Frame.ipv6(17, Frame.geneve(0x0800, Frame.web))).count == 1)
    }

    @Test func `tunnels in tunnels end at the fourth`() {
        var bytes = Frame.web
        for _ in 0..<100 { bytes = Frame.ipv4(4, bytes) }
        let layers = decodeRaw(bytes)
        #expect(layers.count == 5)
        #expect(layers.stop == .tunnelTooDeep)
        #expect(layers.findings.map(\.anomaly) == [.exceeded_tunnel_max_depth])
        var frames = Frame.ethernet(0x0800, Frame.web)
        for _ in 0..<20 { frames = Frame.ethernet(0x0800, Frame.ipv4(17, Frame.vxlan(frames))) }
        let overUDP = decodeRaw(Array(frames.dropFirst(14)))
        #expect(overUDP.count == 5)
        #expect(overUDP.stop == .tunnelTooDeep)
    }

    static let faults: [([UInt8], Anomaly)] = [
        (Frame.gre(0x0800, Frame.web, flags: 2), .unknown_gre_version),
        (Frame.gre(0x0800, Frame.web, flags: 0x4000), .gre_routing),
        (Frame.gre(0x0800, Frame.web, flags: 0x0008), .unknown_gre_flags),
        (Frame.gre(0x0800, Frame.web, flags: 1), .egre_protocol_type),
        (Frame.gre(0x880B, [0xFF, 3, 0xC0, 0x21, 1, 1, 0, 4], flags: 1), .non_ip_packet_in_encap),
        (Frame.gre(0x6558, [1, 2, 3]), .truncated_GRE),
        (Frame.ipv4(4, Frame.web6), .invalid_inner_IP_version),
        (Frame.ipv4(4, Frame.web + [0]), .inner_IP_payload_length_mismatch),
        (Frame.ipv4(4, Array(Frame.web.dropLast())), .truncated_inner_IP),
    ]

    @Test(arguments: faults)
    func `what is wrong between two headers is named with the outer addresses`(_ bytes: [UInt8], _ anomaly: Anomaly) {
        let layers = decodeRaw(bytes)
        #expect(layers.count == 1)
        #expect(layers.stop == .damaged)
        #expect(layers.findings.map(\.anomaly) == [anomaly])
        #expect(layers.findings.first?.hasAddresses == true)
        #expect(layers[0].tunnel != .none)
    }

    @Test func `a Teredo bubble may be followed by anything`() {
        let bubble = Frame.ipv6(59, [])
        #expect(decodeRaw(Frame.ipv4(17, Frame.teredo(bubble))).findings.isEmpty)
        let layers = decodeRaw(Frame.ipv4(17, Frame.teredo(bubble + [1, 2, 3])))
        #expect(layers.findings.map(\.anomaly) == [.Teredo_bubble_with_payload])
        #expect(layers[0].tunnelVerdict == .decapsulated)
        #expect(layers.stop == .ended)
    }

    @Test func `an inner datagram keeps the tags around it, an inner frame has its own`() {
        var layers = Layers()
        let plain = Frame.ethernet(0x8100, be16(7) + be16(0x0800) + Frame.ipv4(4, Frame.web))
        Decoder().decode(plain.octets, linkType: 1, wireLength: plain.count, into: &layers)
        #expect(layers[1].vlan == 7)
        let inner = Frame.ethernet(0x8100, be16(9) + be16(0x0800) + Frame.web)
        let framed = Frame.ethernet(0x8100, be16(7) + be16(0x0800) + Frame.ipv4(17, Frame.vxlan(inner)))
        Decoder().decode(framed.octets, linkType: 1, wireLength: framed.count, into: &layers)
        #expect(layers[0].vlan == 7)
        #expect(layers[1].vlan == 9)
        #expect(layers[1].sourceMAC == 0x0200_0000_00AA)
    }
}
