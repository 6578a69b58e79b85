// SPDX-License-Identifier: Apache-2.0
//
// Packets that are cut, that lie, that have no end: the decoder answers with fewer
// layers or a finding, and every offset that it gives lies inside the bytes.

import Testing
import Wire

/// Checks what each caller relies on, and reads whatever the layers promise.
private func inspect(_ bytes: [UInt8], _ layers: Layers) -> Bool {
    for index in 0..<layers.count {
        let layer = layers[index]
        let end = Int(layer.payloadOffset) + Int(layer.capturedLength)
        guard layer.ipOffset < layer.payloadOffset, end <= bytes.count, layer.depth <= 4,
            layer.capturedLength <= layer.payloadLength, layer.outer == 0xFF || Int(layer.outer) < index
        else { return false }
        _ = transportChecksumIsGood(bytes.octets, layer)
        _ = try? UDPHeader(bytes.octets, layer)
        _ = try? ICMPHeader(bytes.octets, layer)
        guard let header = try? TCPHeader(bytes.octets, layer) else { continue }
        if header.hasValidLength, Int(header.payloadOffset) + Int(header.capturedLength) > bytes.count { return false }
        _ = TCPOptions(bytes.octets, header)
    }
    return true
}

/// A small generator with a seed, so that a failure can be repeated.
private struct Random {
    var state: UInt64

    mutating func next(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ (value >> 31)) % UInt64(bound))
    }
}

@Suite("Hostile packets") struct HostileTests {
    @Test(arguments: Sample.all)
    func `a packet cut at any octet gives fewer layers or a finding`(_ sample: Sample) {
        var layers = Layers()
        let decoder = Decoder()
        for count in 0..<sample.bytes.count {
            let bytes = Array(sample.bytes.prefix(count))
            decoder.decode(bytes.octets, linkType: sample.linkType, wireLength: count, into: &layers)
            #expect(layers.count < sample.layers || !layers.findings.isEmpty, "\(count) octets")
            #expect(inspect(bytes, layers), "\(count) octets")
        }
    }

    @Test(arguments: Sample.all)
    func `a packet cut by the capture keeps to what is there`(_ sample: Sample) {
        var layers = Layers()
        let decoder = Decoder()
        for count in 0..<sample.bytes.count {
            let bytes = Array(sample.bytes.prefix(count))
            decoder.decode(bytes.octets, linkType: sample.linkType, wireLength: sample.bytes.count, into: &layers)
            #expect(inspect(bytes, layers), "\(count) octets")
            let last = layers.count - 1
            let isShorter = layers.count < sample.layers || layers[last].capturedLength < layers[last].payloadLength
            #expect(isShorter || !layers.findings.isEmpty, "\(count) octets")
        }
    }

    @Test(arguments: Sample.all.indices)
    func `mutated packets never trap and never point outside`(_ index: Int) {
        let sample = Sample.all[index]
        var random = Random(state: UInt64(index))
        var layers = Layers()
        var decoder = Decoder()
        for round in 0..<2000 {
            var bytes = sample.bytes
            for _ in 0...random.next(below: 6) {
                let place = random.next(below: bytes.count)
                bytes[place] = random.next(below: 3) == 0 ? 0xFF : UInt8(random.next(below: 256))
            }
            let wireLength = bytes.count + random.next(below: 3) * 700
            if random.next(below: 4) == 0 { bytes.removeLast(random.next(below: bytes.count)) }
            decoder.ignoringChecksums = round % 4 != 0
            let linkType = round % 16 == 15 ? Sample.links[round % Sample.links.count].linkType : sample.linkType
            decoder.decode(bytes.octets, linkType: linkType, wireLength: wireLength, into: &layers)
            guard inspect(bytes, layers) else {
                Issue.record("round \(round): \(bytes)")
                return
            }
        }
    }

    @Test(arguments: [0, 1, 9, 12, 14, 50, 101, 104, 105, 108, 113, 127, 228, 229, 239, 276, 9999])
    func `zeros and ones of any length are survived`(_ linkType: UInt16) {
        var layers = Layers()
        for fill: UInt8 in [0, 0xFF] {
            for count in [0, 1, 14, 20, 40, 60, 1514, 65_535] {
                let bytes = [UInt8](repeating: fill, count: count)
                Decoder().decode(bytes.octets, linkType: linkType, wireLength: count, into: &layers)
                #expect(layers.count == 0)
            }
        }
    }

    @Test func `link headers without end are given up`() {
        var layers = Layers()
        var tags: [UInt8] = []
        for _ in 0..<300 { tags += be16(1) + be16(0x8100) }
        let tagged = Frame.ethernet(0x8100, tags)
        Decoder().decode(tagged.octets, linkType: 1, wireLength: tagged.count, into: &layers)
        #expect(layers.findings.last?.anomaly == .max_packet_analyzer_depth_exceeded)
        var frames = Frame.ethernet(0x0800, Frame.web)
        for _ in 0..<60 { frames = Frame.ethernet(0x88E7, [0, 0, 0, 1] + frames) }
        Decoder().decode(frames.octets, linkType: 1, wireLength: frames.count, into: &layers)
        #expect(layers.count == 0)
        #expect(layers.findings.map(\.anomaly) == [.max_packet_analyzer_depth_exceeded])
        let labels = Frame.ethernet(0x8847, [UInt8](repeating: 0, count: 1400))
        Decoder().decode(labels.octets, linkType: 1, wireLength: labels.count, into: &layers)
        #expect(layers.findings.map(\.anomaly) == [.truncated_link_header])
    }

    @Test func `an aggregate of hundreds of parts is bounded`() {
        var bytes = Sample.wireless(0x88, 0, [0x80, 0])
        for _ in 0..<200 { bytes += Sample.part + [0, 0, 0] }
        var layers = Layers()
        Decoder().decode(bytes.octets, linkType: 105, wireLength: bytes.count, into: &layers)
        #expect(layers.count > 1)
        #expect(layers.count <= 16)
    }

    @Test func `findings are bounded and the rest is counted`() {
        // Thirty headers, each with a home address of one octet.
        var options: [UInt8] = []
        for _ in 0..<30 { options += [60, 0, 201, 1, 0, 0, 0, 0] }
        let layers = decodeRaw(Frame.ipv6(60, options + [17, 0, 1, 4, 0, 0, 0, 0] + Frame.udp(1, 2, [])))
        #expect(layers.findings.count == 16)
        #expect(layers.findingsDropped > 0)
    }

    @Test func `a list is empty again after each packet`() {
        var layers = Layers()
        let tunnel = Frame.ipv4(4, Frame.web)
        Decoder().decode(tunnel.octets, linkType: 101, wireLength: tunnel.count, into: &layers)
        #expect(layers.count == 2)
        let plain = Frame.web
        Decoder().decode(plain.octets, linkType: 101, wireLength: plain.count, into: &layers)
        #expect(layers.count == 1)
        #expect(layers[0].outer == 0xFF)
    }
}
