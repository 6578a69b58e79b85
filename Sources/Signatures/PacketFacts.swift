// SPDX-License-Identifier: Apache-2.0
//
// What rules may ask of a packet, read once.
//
// Reads   the headers of a datagram (module Wire).
// Writes  small values; offsets count from the start of the packet's bytes.
// Leaves  payload.

package import Records
package import Wire

/// One datagram for the engine. `bytes` goes beside it, borrowed.
package struct PacketFacts: BitwiseCopyable, Sendable {
    package var now = Timestamp.zero
    /// Number of the packet in the capture; 0 for what a timer or the end makes.
    package var number: UInt64 = 0
    package var layer = Layer()
    package var source = Address(v4: 0)
    package var target = Address(v4: 0)
    package var sourcePort: UInt16 = 0
    package var targetPort: UInt16 = 0
    package var protocolNumber: UInt8 = 0
    /// The first octet of the transport's header, and of its payload.
    package var headerOffset = 0
    package var payloadOffset = 0
    package var payloadCount = 0
    /// TCP's flags, numbers and window.
    package var flags: UInt8 = 0
    package var sequence: UInt32 = 0
    package var acknowledgement: UInt32 = 0
    package var window: UInt16 = 0
    /// ICMP's type and code, and the second half of its header.
    package var icmpType: UInt8 = 0
    package var icmpCode: UInt8 = 0
    package var icmpRest: UInt32 = 0
    /// The transport's header is whole.
    package var hasHeader = false
    /// It goes the way of the flow's first packet.
    package var isToServer = true
    package var isEstablished = false
    /// The payload goes into a stream that is inspected.
    package var isInStream = false
    /// No packet: what is left of a flow at its end.
    package var isPseudo = false

    package init() {}

    package init(_ layer: Layer, _ bytes: RawSpan, now: Timestamp, number: UInt64) {
        self.now = now
        self.number = number
        self.layer = layer
        source = Address(high: layer.sourceHigh, low: layer.sourceLow)
        target = Address(high: layer.targetHigh, low: layer.targetLow)
        protocolNumber = layer.protocolNumber
        headerOffset = Int(layer.payloadOffset)
        payloadOffset = headerOffset
        payloadCount = Int(layer.capturedLength)
        switch layer.protocolNumber {
        case IPProtocol.tcp: readTCP(bytes)
        case IPProtocol.udp: readUDP(bytes)
        case IPProtocol.icmp, IPProtocol.icmpV6: readICMP(bytes)
        default: break
        }
    }

    private mutating func readTCP(_ bytes: RawSpan) {
        guard let header = try? TCPHeader(bytes, layer), header.hasValidLength else { return }
        hasHeader = true
        (sourcePort, targetPort) = (header.sourcePort, header.targetPort)
        (flags, sequence, acknowledgement) = (header.flags, header.sequence, header.acknowledgement)
        window = header.window
        payloadOffset = Int(header.payloadOffset)
        payloadCount = Int(header.capturedLength)
    }

    private mutating func readUDP(_ bytes: RawSpan) {
        guard let header = try? UDPHeader(bytes, layer) else { return }
        hasHeader = true
        (sourcePort, targetPort) = (header.sourcePort, header.targetPort)
        payloadOffset = Int(header.payloadOffset)
        payloadCount = Int(min(header.payloadLength, header.capturedLength))
        // What stands behind the length of UDP's own header is no payload.
        if header.length >= 8 { payloadCount = min(payloadCount, Int(header.length) &- 8) }
    }

    private mutating func readICMP(_ bytes: RawSpan) {
        guard let header = try? ICMPHeader(bytes, layer) else { return }
        hasHeader = true
        (icmpType, icmpCode, icmpRest) = (header.type, header.code, header.rest)
        payloadOffset = Int(header.payloadOffset)
        payloadCount = Int(header.capturedLength)
    }

    package var isTCP: Bool { protocolNumber == IPProtocol.tcp }

    /// The payload in the packet's bytes; none for what is no packet.
    var payload: Range<Int> { payloadOffset ..< payloadOffset &+ payloadCount }
}
