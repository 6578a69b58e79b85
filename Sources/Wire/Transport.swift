// SPDX-License-Identifier: Apache-2.0
//
// Views of the transport headers: TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792,
// RFC 4443), and what can be said about their checksums.
//
// Reads   the payload of a layer.
// Writes  small values; offsets count from the start of the packet's bytes.
// Leaves  the meaning of flags, sequence numbers and types to module Flows.

extension Layer {
    /// What is wrong where a transport header needs `count` octets, or nil.
    @inlinable public func headerProblem(_ count: UInt32) -> Anomaly? {
        if capturedLength >= count { return nil }
        return payloadLength < count ? .truncated_header : .internally_truncated_header
    }
}

/// The fixed part of a TCP header.
@frozen public struct TCPHeader: BitwiseCopyable, Sendable {
    public var sourcePort: UInt16
    public var targetPort: UInt16
    public var sequence: UInt32
    public var acknowledgement: UInt32
    public var window: UInt16
    public var urgentPointer: UInt16
    /// CWR, ECE, URG, ACK, PSH, RST, SYN, FIN from the highest bit down.
    public var flags: UInt8
    /// Octets of header by the data offset field, options included; 0 to 60.
    public var headerLength: UInt8
    /// Offset of the data in the packet's bytes. Meaningful while `hasValidLength`.
    public var payloadOffset: UInt32
    /// Octets of data by the IP header, 0 unless `hasValidLength`.
    public var payloadLength: UInt32
    /// Octets of data that were captured.
    public var capturedLength: UInt32
    /// False where the data offset is below 20 or beyond what is there
    /// (anomaly `bad_TCP_header_len`).
    public var hasValidLength: Bool

    @inlinable public var fin: Bool { flags & 0x01 != 0 }
    @inlinable public var syn: Bool { flags & 0x02 != 0 }
    @inlinable public var rst: Bool { flags & 0x04 != 0 }
    @inlinable public var psh: Bool { flags & 0x08 != 0 }
    @inlinable public var ack: Bool { flags & 0x10 != 0 }
    @inlinable public var urg: Bool { flags & 0x20 != 0 }

    /// Reads the header of `layer`, whose protocol is TCP.
    ///
    /// Throws `truncated_header` or `internally_truncated_header`: there is no flow then.
    @inlinable
    public init(_ bytes: RawSpan, _ layer: Layer) throws(Anomaly) {
        if let problem = layer.headerProblem(20) { throw problem }
        let start = Int(layer.payloadOffset)
        let ports = bytes.load32(start)
        sourcePort = UInt16(truncatingIfNeeded: ports >> 16)
        targetPort = UInt16(truncatingIfNeeded: ports)
        sequence = bytes.load32(start &+ 4)
        acknowledgement = bytes.load32(start &+ 8)
        let word = bytes.load32(start &+ 12)
        headerLength = UInt8(truncatingIfNeeded: word >> 28) &* 4
        flags = UInt8(truncatingIfNeeded: word >> 16)
        window = UInt16(truncatingIfNeeded: word)
        urgentPointer = bytes.load16(start &+ 18)
        let length = UInt32(headerLength)
        hasValidLength = length >= 20 && length <= layer.capturedLength
        payloadOffset = layer.payloadOffset &+ length
        payloadLength = hasValidLength ? layer.payloadLength &- length : 0
        capturedLength = hasValidLength ? layer.capturedLength &- length : 0
    }
}

/// The options of a TCP header (RFC 9293, RFC 7323, RFC 2018).
@frozen public struct TCPOptions: BitwiseCopyable, Sendable {
    /// 0 where the option is absent.
    public var maximumSegmentSize: UInt16 = 0
    /// The shift as it stands, 0xFF where the option is absent; above 14 it is out of range.
    public var windowScale: UInt8 = 0xFF
    public var isSACKPermitted = false
    public var hasTimestamps = false
    public var timestamp: UInt32 = 0
    public var timestampEcho: UInt32 = 0
    /// Number of selective acknowledgement blocks.
    public var sackBlocks: UInt8 = 0
    /// Options whose length does not fit, in the order of the bits of `Problem`.
    public var problems: UInt8 = 0

    /// Those of a header without any.
    public init(noOptions: Void) {}

    public enum Problem {
        public static let maximumSegmentSize: UInt8 = 1
        public static let windowScale: UInt8 = 2
        public static let sackPermitted: UInt8 = 4
        public static let sackBlocks: UInt8 = 8
        public static let timestamps: UInt8 = 16
    }

    /// Reads the options of a header with valid length. Stops at the end-of-list
    /// option, or where a length is below 2 or beyond the header.
    public init(_ bytes: RawSpan, _ header: TCPHeader) {
        guard header.hasValidLength, header.headerLength > 20 else { return }
        let end = Int(header.payloadOffset)
        var position = end &- Int(header.headerLength) &+ 20
        while position < end {
            let kind = bytes.octet(position)
            if kind == 0 { return }
            if kind == 1 {
                position &+= 1
                continue
            }
            guard end &- position >= 2 else { return }
            let length = Int(bytes.octet(position &+ 1))
            guard length >= 2, length <= end &- position else { return }
            take(kind, length, at: position &+ 2, bytes)
            position &+= length
        }
    }

    private mutating func take(_ kind: UInt8, _ length: Int, at offset: Int, _ bytes: RawSpan) {
        switch kind {
        case 2:
            guard length == 4 else { return problems |= Problem.maximumSegmentSize }
            maximumSegmentSize = bytes.load16(offset)
        case 3:
            guard length == 3 else { return problems |= Problem.windowScale }
            windowScale = bytes.octet(offset)
        case 4:
            guard length == 2 else { return problems |= Problem.sackPermitted }
            isSACKPermitted = true
        case 5:
            guard (length &- 2) % 8 == 0 else { return problems |= Problem.sackBlocks }
            sackBlocks = UInt8(truncatingIfNeeded: (length &- 2) / 8)
        case 8:
            guard length == 10 else { return problems |= Problem.timestamps }
            hasTimestamps = true
            timestamp = bytes.load32(offset)
            timestampEcho = bytes.load32(offset &+ 4)
        default: break
        }
    }
}

/// A UDP header.
@frozen public struct UDPHeader: BitwiseCopyable, Sendable {
    public var sourcePort: UInt16
    public var targetPort: UInt16
    /// The length field, header included. It may lie; sizes in logs come from it all the same.
    public var length: UInt16
    public var checksum: UInt16
    /// Offset of the data in the packet's bytes.
    public var payloadOffset: UInt32
    /// Octets of data by the IP header.
    public var payloadLength: UInt32
    /// Octets of data that were captured.
    public var capturedLength: UInt32

    /// Reads the header of `layer`, whose protocol is UDP.
    @inlinable
    public init(_ bytes: RawSpan, _ layer: Layer) throws(Anomaly) {
        if let problem = layer.headerProblem(8) { throw problem }
        let word = bytes.load64(Int(layer.payloadOffset))
        sourcePort = UInt16(truncatingIfNeeded: word >> 48)
        targetPort = UInt16(truncatingIfNeeded: word >> 32)
        length = UInt16(truncatingIfNeeded: word >> 16)
        checksum = UInt16(truncatingIfNeeded: word)
        payloadOffset = layer.payloadOffset &+ 8
        payloadLength = layer.payloadLength &- 8
        capturedLength = layer.capturedLength &- 8
    }
}

/// The first eight octets of an ICMP or ICMPv6 message.
@frozen public struct ICMPHeader: BitwiseCopyable, Sendable {
    public var type: UInt8
    public var code: UInt8
    /// The second half: identifier and sequence number of an echo, MTU, pointer or gateway.
    public var rest: UInt32
    public var payloadOffset: UInt32
    public var payloadLength: UInt32
    public var capturedLength: UInt32

    @inlinable
    public init(_ bytes: RawSpan, _ layer: Layer) throws(Anomaly) {
        if let problem = layer.headerProblem(8) { throw problem }
        let word = bytes.load64(Int(layer.payloadOffset))
        type = UInt8(truncatingIfNeeded: word >> 56)
        code = UInt8(truncatingIfNeeded: word >> 48)
        rest = UInt32(truncatingIfNeeded: word)
        payloadOffset = layer.payloadOffset &+ 8
        payloadLength = layer.payloadLength &- 8
        capturedLength = layer.capturedLength &- 8
    }
}

/// Whether the checksum of a TCP, UDP or ICMP payload is good, or cannot be judged.
///
/// Judged only where all of the payload was captured. UDP's 0 means "none" over IPv4; over
/// IPv6 it is bad. A datagram to the VXLAN port that looks like one may have 0 over both. The
/// pseudo-header counts the IP payload's length, as in Zeek, so a UDP length field that lies is
/// a bad checksum. Other protocols are always good.
public func transportChecksumIsGood(_ bytes: RawSpan, _ layer: Layer, vxlanPort: UInt16 = 4789) -> Bool {
    if layer.checksum != .unknown { return layer.checksum == .good }
    guard layer.capturedLength == layer.payloadLength else { return true }
    let start = Int(layer.payloadOffset)
    let count = Int(layer.payloadLength)
    var sum = ChecksumSum()
    switch layer.protocolNumber {
    case IPProtocol.tcp:
        guard count >= 20 else { return true }
        sum.add(pseudoHeaderOf: layer, protocolNumber: layer.protocolNumber, length: layer.payloadLength)
    case IPProtocol.udp:
        guard count >= 8, layer.isWhole else { return true }
        if bytes.load16(start &+ 6) == 0 {
            if layer.version == 4 { return true }
            let isVXLAN = count > 30 && bytes.load16(start &+ 2) == vxlanPort && bytes.octet(start &+ 8) & 8 != 0
            if isVXLAN { return true }
        }
        sum.add(pseudoHeaderOf: layer, protocolNumber: layer.protocolNumber, length: layer.payloadLength)
    case IPProtocol.icmpV6:
        guard count >= 8 else { return true }
        sum.add(pseudoHeaderOf: layer, protocolNumber: layer.protocolNumber, length: layer.payloadLength)
    case IPProtocol.icmp:
        guard count >= 8 else { return true }
    default: return true
    }
    sum.add(bytes.onesComplementSum(at: start, count: count))
    return sum.folded == 0xFFFF
}
