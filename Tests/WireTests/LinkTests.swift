// SPDX-License-Identifier: Apache-2.0
//
// Every link type, what stands between it and IP, and frames that carry no IP.

import Testing
import Wire

@Suite("Link headers") struct LinkTests {
    @Test(arguments: Sample.links)
    func `each link type leads to its datagram`(_ sample: Sample) {
        var layers = Layers()
        Decoder().decode(sample.bytes.octets, linkType: sample.linkType, wireLength: sample.bytes.count, into: &layers)
        #expect(layers.count == sample.layers)
        #expect(layers.stop == .complete)
        #expect(layers.findings.isEmpty)
        guard layers.count > 0 else { return }
        let layer = layers[0]
        #expect(layer.protocolNumber == 6)
        #expect(layer.payloadLength == 23)
        #expect(layer.capturedLength == 23)
        #expect(layer.isWhole)
        #expect(isGood(sample.bytes, layer))
    }

    @Test func `tags and hardware addresses stay with the layer`() {
        let frame = Frame.ethernet(0x88A8, be16(0x6005) + be16(0x8100) + be16(7) + be16(0x0800) + Frame.web)
        var layers = Layers()
        Decoder().decode(frame.octets, linkType: 1, wireLength: frame.count, into: &layers)
        #expect(layers[0].vlan == 5)
        #expect(layers[0].innerVLAN == 7)
        #expect(layers[0].sourceMAC == 0x0200_0000_00AA)
        #expect(layers[0].targetMAC == 0x0200_0000_00BB)
    }

    @Test func `a third tag replaces the second and is reported`() {
        let tags = be16(1) + be16(0x8100) + be16(2) + be16(0x8100) + be16(3) + be16(0x0800)
        let frame = Frame.ethernet(0x8100, tags + Frame.web)
        var layers = Layers()
        Decoder().decode(frame.octets, linkType: 1, wireLength: frame.count, into: &layers)
        #expect(layers[0].vlan == 1)
        #expect(layers[0].innerVLAN == 3)
        #expect(layers.findings.map(\.anomaly) == [.triple_tagged_vlan_unsupported])
    }

    @Test func `link padding is not payload`() {
        let frame = Frame.ethernet(0x0800, Frame.web) + [0, 0, 0, 0, 0, 0]
        var layers = Layers()
        Decoder().decode(frame.octets, linkType: 1, wireLength: frame.count, into: &layers)
        #expect(layers[0].capturedLength == 23)
    }

    @Test func `the length of PPPoE bounds what follows and is compared with the frame`() {
        let head: [UInt8] = [0x11, 0, 0, 9]
        let padded = Frame.ethernet(0x8864, head + be16(2 + Frame.web.count) + [0, 0x21] + Frame.web + [0, 0])
        var layers = Layers()
        Decoder().decode(padded.octets, linkType: 1, wireLength: padded.count, into: &layers)
        #expect(layers.count == 1)
        #expect(layers.findings.map(\.anomaly) == [.pppoe_extra_data_after_payload])
        let short = Frame.ethernet(0x8864, head + be16(9 + Frame.web.count) + [0, 0x21] + Frame.web)
        Decoder().decode(short.octets, linkType: 1, wireLength: short.count, into: &layers)
        #expect(layers.count == 1)
        #expect(layers.findings.map(\.anomaly) == [.pppoe_truncated_payload])
    }

    static let others: [(Int, Stop)] = [
        (0x0806, .notIP(0x0806)), (0x88CC, .notIP(0x88CC)), (1510, .damaged), (3, .notIP(0)),
    ]

    @Test(arguments: others)
    func `what is not IP is named`(_ type: Int, _ stop: Stop) {
        let frame = Frame.ethernet(type, [UInt8](repeating: 0xFF, count: 46))
        var layers = Layers()
        Decoder().decode(frame.octets, linkType: 1, wireLength: frame.count, into: &layers)
        #expect(layers.count == 0)
        #expect(layers.stop == stop)
    }

    @Test func `frames that carry no data are passed over`() {
        var layers = Layers()
        // A beacon, a null function, an encrypted data frame.
        for control: (UInt8, UInt8) in [(0x80, 0), (0x48, 0), (0x08, 0x40)] {
            var frame = Sample.wireless(control.0, 0, []) + Sample.snap + Frame.web
            frame[1] = control.1
            Decoder().decode(frame.octets, linkType: 105, wireLength: frame.count, into: &layers)
            #expect(layers.count == 0)
            #expect(layers.stop == .notIP(0))
        }
    }
}
