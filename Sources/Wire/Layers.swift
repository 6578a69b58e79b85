// SPDX-License-Identifier: Apache-2.0
//
// What the decoder makes of a packet: one `Layer` for each IP datagram in it,
// the outermost first, and what was wrong.
//
// Reads   nothing.
// Writes  plain values; offsets count from the start of the packet's bytes.
// Leaves  transport headers (Transport.swift) and connections (module Flows).

/// How a datagram carries another one.
@frozen public enum TunnelKind: UInt8, BitwiseCopyable, Sendable {
    case none, ip, gre, vxlan, geneve, gtpv1, teredo, ayiya
}

/// What the header of a UDP-borne tunnel says about the analysis of its connection.
@frozen public enum TunnelVerdict: UInt8, BitwiseCopyable, Sendable {
    /// No tunnel, or nothing to say.
    case none
    /// A good header (or, for GTP and Teredo, a good inner datagram) was seen.
    case decapsulated
    /// The header is not what the port or content promised.
    case violation
}

/// What is known about the checksum of the transport header.
@frozen public enum ChecksumState: UInt8, BitwiseCopyable, Sendable {
    case unknown, good, bad
}

/// One IP datagram inside a packet's bytes.
@frozen public struct Layer: BitwiseCopyable, Sendable {
    /// Endpoints, IPv4 as `::ffff:a.b.c.d`. Behind an IPv6 routing header the target is
    /// the final one; with a home address option (RFC 6275) the source is that address.
    public var sourceHigh: UInt64 = 0
    public var sourceLow: UInt64 = 0
    public var targetHigh: UInt64 = 0
    public var targetLow: UInt64 = 0
    /// 48-bit addresses of the outermost frame, 0 where the link has none.
    public var sourceMAC: UInt64 = 0
    public var targetMAC: UInt64 = 0
    /// Offset of the IP header in the bytes.
    public var ipOffset: UInt32 = 0
    /// Offset of the transport header, or of the fragment's own octets.
    public var payloadOffset: UInt32 = 0
    /// Octets of payload by the IP header.
    public var payloadLength: UInt32 = 0
    /// Octets of payload that are there; at most `payloadLength`.
    public var capturedLength: UInt32 = 0
    /// IPv4 total length, or IPv6 payload length + 40; 0 where segmentation offload left it 0.
    public var totalLength: UInt32 = 0
    /// Identification of a fragmented datagram.
    public var identification: UInt32 = 0
    /// Where a fragment's octets stand in its datagram.
    public var fragmentOffset: UInt16 = 0
    /// Tags of the frame that carries this datagram, 0xFFFF where there is none.
    public var vlan: UInt16 = 0xFFFF
    /// The last tag between the outermost and the innermost, of three or more.
    public var middleVLAN: UInt16 = 0xFFFF
    public var innerVLAN: UInt16 = 0xFFFF
    /// 4 or 6.
    public var version: UInt8 = 0
    /// The transport's number, behind IPv6 extension headers.
    public var protocolNumber: UInt8 = 0
    /// Time to live, or hop limit.
    public var ttl: UInt8 = 0
    /// Index of the layer that carries this one, 0xFF for the outermost.
    public var outer: UInt8 = 0xFF
    /// How many tunnels are around this datagram.
    public var depth: UInt8 = 0
    /// How many times its bytes were reassembled from fragments: 0 for the packet's own bytes.
    public var reassemblies: UInt8 = 0
    /// How the next layer is carried in this one.
    public var tunnel: TunnelKind = .none
    public var tunnelVerdict: TunnelVerdict = .none
    public var checksum: ChecksumState = .unknown
    @usableFromInline var flags: UInt8 = 0

    @inlinable public init() {}

    @usableFromInline static var fragmentFlag: UInt8 { 1 }
    @usableFromInline static var moreFlag: UInt8 { 2 }
    @usableFromInline static var doNotFragmentFlag: UInt8 { 4 }
    @usableFromInline static var wholeFlag: UInt8 { 8 }

    /// A fragment that awaits reassembly: no transport header is to be read.
    @inlinable public var isFragment: Bool { flags & Layer.fragmentFlag != 0 }
    /// The more-fragments bit.
    @inlinable public var hasMoreFragments: Bool { flags & Layer.moreFlag != 0 }
    /// The do-not-fragment bit (IPv4).
    @inlinable public var forbidsFragments: Bool { flags & Layer.doNotFragmentFlag != 0 }
    /// The whole packet around it was captured.
    @inlinable public var isWhole: Bool { flags & Layer.wholeFlag != 0 }
    @inlinable public var isReassembled: Bool { reassemblies != 0 }

    /// Whether a connection is to be made for it: not for fragments, nor for IP-in-IP and GRE.
    @inlinable public var makesConnection: Bool {
        !isFragment && protocolNumber != 4 && protocolNumber != 41 && protocolNumber != 47
    }

    /// A hash of the two addresses, the same in both directions.
    ///
    /// With a random seed nobody can choose addresses that collide.
    @inlinable public func pairHash(_ seed: UInt64) -> UInt64 {
        let isOrdered = sourceHigh != targetHigh ? sourceHigh < targetHigh : sourceLow < targetLow
        let lowHigh = isOrdered ? sourceHigh : targetHigh
        let lowLow = isOrdered ? sourceLow : targetLow
        let highHigh = isOrdered ? targetHigh : sourceHigh
        let highLow = isOrdered ? targetLow : sourceLow
        let first = Layer.fold(lowHigh ^ seed, lowLow ^ 0x9E37_79B9_7F4A_7C15)
        let second = Layer.fold(highHigh ^ first, highLow ^ 0xC2B2_AE3D_27D4_EB4F ^ seed)
        return Layer.fold(first ^ second ^ 0x1656_67B1_9E37_79F9, second ^ 0x2545_F491_4F6C_DD1D)
    }

    /// Both halves of a 128-bit product in one word.
    @inlinable static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}

/// Why decoding of a packet ended where it did.
@frozen public enum Stop: BitwiseCopyable, Equatable, Sendable {
    /// Down to the transport header.
    case complete
    /// The last layer is a fragment: give it to the defragmenter.
    case fragment
    /// The frame carries something else; the EtherType, or 0 where there is none.
    case notIP(UInt16)
    /// A header is cut or lies; see the findings.
    case damaged
    /// Refused as a whole: a bad IP checksum, a length of 0 while checksums count.
    case dropped
    /// Nothing can follow: ESP, mobility, no next header.
    case ended
    case tunnelTooDeep
}

/// A frame that carries no IP: what it is, and where its own octets stand.
@frozen public struct LinkFrame: BitwiseCopyable, Sendable {
    /// The EtherType, or behind SNAP the organisation's own number.
    public var type: UInt16 = 0
    /// The organisation of SNAP that numbers the type; 0 for EtherTypes.
    public var organisation: UInt32 = 0
    public var payloadOffset: UInt32 = 0
    /// Octets that are there.
    public var payloadLength: UInt32 = 0
    /// 48-bit addresses, 0 where the link has none.
    public var sourceMAC: UInt64 = 0
    public var targetMAC: UInt64 = 0
    /// The outer tag, 0xFFFF where there is none.
    public var vlan: UInt16 = 0xFFFF

    @inlinable public init() {}

    init(_ type: UInt16, organisation: UInt32 = 0, _ walk: Walk) {
        self.type = type
        self.organisation = organisation
        payloadOffset = UInt32(truncatingIfNeeded: walk.offset)
        payloadLength = UInt32(truncatingIfNeeded: walk.available)
        sourceMAC = walk.sourceMAC
        targetMAC = walk.targetMAC
        vlan = walk.vlan
    }
}

/// The layers of one packet. Made once and reused for each packet.
public struct Layers: Sendable {
    /// Always `layersMax` long: a packet writes over what the last one left.
    @usableFromInline var list: [Layer]
    public private(set) var count = 0
    /// What was wrong, in the order in which it was found; at most `findingsMax`.
    public private(set) var findings: [Finding] = []
    public internal(set) var stop: Stop = .complete
    /// The frame, where decoding has stopped at one without IP (`notIP`); else of no meaning.
    public internal(set) var frame = LinkFrame()
    /// Findings that did not fit.
    public private(set) var findingsDropped: UInt64 = 0

    /// Four tunnels need five layers; the rest is for several datagrams in one 802.11 frame.
    static let layersMax = 16
    static let findingsMax = 16

    public init() {
        list = [Layer](repeating: Layer(), count: Layers.layersMax)
        findings.reserveCapacity(Layers.findingsMax)
    }

    /// A layer; `index` must be below `count`.
    @inlinable public subscript(index: Int) -> Layer {
        get {
            precondition(index < count, "no such layer")
            return list[index]
        }
        _modify {
            precondition(index < count, "no such layer")
            yield &list[index]
        }
    }

    /// Empties the list; keeps its storage.
    public mutating func removeAll() {
        count = 0
        if !findings.isEmpty { findings.removeAll(keepingCapacity: true) }
        // Not every place that stops so has a frame to show, and that of another packet is none.
        if case .notIP = stop { frame = LinkFrame() }
        stop = .complete
    }

    /// Appends a layer and answers its index, or nil where the list is full.
    mutating func append(_ layer: Layer) -> UInt8? {
        guard count < Layers.layersMax else { return nil }
        list[count] = layer
        count &+= 1
        return UInt8(truncatingIfNeeded: count &- 1)
    }

    /// Adds a finding; what does not fit is counted.
    public mutating func note(_ finding: Finding) {
        guard findings.count < Layers.findingsMax else {
            findingsDropped &+= 1
            return
        }
        findings.append(finding)
    }
}
