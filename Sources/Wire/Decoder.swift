// SPDX-License-Identifier: Apache-2.0
//
// From a packet's bytes to its layers: the two entries, and the place where
// decoding stands.
//
// Reads   link, network and tunnel headers, as far as they were captured.
// Writes  `Layers`.
// Leaves  link headers to Link.swift, IP to IP.swift, tunnels to Tunnel.swift;
//         fragments to the defragmenter of module Flows.

/// UDP ports that choose a tunnel by number.
@frozen public struct TunnelPorts: BitwiseCopyable, Sendable {
    public var vxlan: UInt16 = 4789
    public var geneve: UInt16 = 6081
    public var gtpUser: UInt16 = 2152
    public var gtpControl: UInt16 = 2123
    public var teredo: UInt16 = 3544
    public var ayiya: UInt16 = 5072
    public var gre: UInt16 = 4754

    @inlinable public init() {}
}

/// Where decoding stands in a packet's bytes.
struct Walk {
    /// The next header.
    var offset: Int
    /// End of the captured octets that belong to what is being read.
    var end: Int
    /// End of what was on the wire; at least `end`.
    var wireEnd: Int
    var sourceMAC: UInt64 = 0
    var targetMAC: UInt64 = 0
    var vlan: UInt16 = 0xFFFF
    var middleVLAN: UInt16 = 0xFFFF
    var innerVLAN: UInt16 = 0xFFFF
    /// Index of the layer around, 0xFF for none.
    var outer: UInt8 = 0xFF
    var depth: UInt8 = 0
    var reassemblies: UInt8 = 0
    /// How the layer around carries what is read here.
    var carrier: TunnelKind = .none
    /// Link headers that may still be read before the packet is given up.
    var headersLeft: Int = Decoder.linkHeadersMax

    var available: Int { end &- offset }

    init(offset: Int, end: Int, wireEnd: Int) {
        self.offset = offset
        self.end = end
        self.wireEnd = wireEnd
    }

    mutating func skip(_ count: Int) { offset &+= count }
}

/// Takes packets apart. It has settings and no state: one value serves all workers.
public struct Decoder: Sendable {
    /// Checksums are not verified, and a zero total length (segmentation offload) is believed.
    public var ignoringChecksums = false
    /// The checksum of an IPv4 header is noted where it is wrong, and believed.
    public var ignoringHeaderChecksums = false
    public var ports = TunnelPorts()

    /// Tunnels inside one another that are followed (Zeek's `Tunnel::max_depth`).
    static let depthMax: UInt8 = 4
    /// Link headers in a row: frames inside frames could go on to the end of the packet.
    static let linkHeadersMax = 16

    public init() {}

    /// Decodes one captured packet from its link header on.
    ///
    /// Never fails: what is wrong stands in `layers.findings`, and the layers above
    /// the damage are there.
    public func decode(_ bytes: RawSpan, linkType: UInt16, wireLength: Int, into layers: inout Layers) {
        layers.removeAll()
        let count = bytes.byteCount
        var walk = Walk(offset: 0, end: count, wireEnd: max(count, wireLength))
        link(bytes, linkType, &walk, &layers)
    }

    /// Decodes a reassembled datagram, in whose fragments decoding had stopped.
    ///
    /// `bytes` begin with the IP header. `fragment` is the layer that completed the
    /// datagram: its place among the tunnels, tags and hardware addresses are kept. What is found is
    /// appended to `layers`; the fragment's own layer stays in the list.
    public func decodeIP(_ bytes: RawSpan, continuing fragment: Layer, into layers: inout Layers) {
        var walk = Walk(offset: 0, end: bytes.byteCount, wireEnd: bytes.byteCount)
        walk.sourceMAC = fragment.sourceMAC
        walk.targetMAC = fragment.targetMAC
        walk.vlan = fragment.vlan
        walk.middleVLAN = fragment.middleVLAN
        walk.innerVLAN = fragment.innerVLAN
        walk.outer = fragment.outer
        walk.depth = fragment.depth
        walk.reassemblies = fragment.reassemblies &+ 1
        if Int(fragment.outer) < layers.count { walk.carrier = layers[Int(fragment.outer)].tunnel }
        layers.stop = .complete
        // A datagram whose own payload is a fragment again can be built without end.
        guard walk.reassemblies <= Decoder.depthMax else {
            layers.stop = .tunnelTooDeep
            return
        }
        ip(bytes, &walk, &layers)
    }

    /// Ends a packet at damage that has no datagram around it.
    func damaged(_ anomaly: Anomaly, _ walk: Walk, _ layers: inout Layers, detail: Int32 = -1) {
        layers.note(Finding(anomaly, depth: walk.depth, detail: detail))
        layers.stop = .damaged
    }

    /// Ends a packet at damage inside `layer`.
    func damaged(_ anomaly: Anomaly, in layer: Layer, _ layers: inout Layers, detail: Int32 = -1) {
        layers.note(Finding(anomaly, in: layer, detail: detail))
        layers.stop = .damaged
    }
}
