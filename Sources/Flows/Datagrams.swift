// SPDX-License-Identifier: Apache-2.0
//
// Flows without a state machine: UDP, ICMP, and everything else over IP.
//
// Reads   headers of datagrams.
// Writes  counters and history; `.datagram` for UDP; anomalies.
// Leaves  payload to the analyzers.

import Records
import Wire

extension Connection {
    /// Takes one UDP datagram of `side`. Its size in logs is that of its own length field.
    mutating func take(
        _ header: UDPHeader, _ layer: Layer, isGood: Bool, side: Int, now: Timestamp, slot: UInt32,
        _ work: inout FlowWork
    ) {
        guard isGood else {
            weird(.bad_UDP_checksum, slot, &work)
            noteScaled(.checksum, side: side, &work)
            return
        }
        if UInt32(header.length) != layer.payloadLength {
            weird(.UDP_datagram_length_mismatch, slot, &work, .unequal(UInt32(header.length), layer.payloadLength))
        }
        last = now
        noteHistory(.data, HistoryLetter.data, side: side, &work)
        ends[side].marks.insert(.wasSeen)
        ends[side].payloadBytes &+= UInt64(max(header.length, 8) &- 8)
        count(layer, side: side)
        guard !flags.contains(.isStopped) else { return }
        work.events.append(
            .datagram(
                slot, work.direction(side), offset: Int(header.payloadOffset),
                count: Int(min(header.payloadLength, header.capturedLength)), wireLength: Int(header.payloadLength)))
    }

    /// Takes one ICMP message of `side`.
    mutating func take(
        _ header: ICMPHeader, _ layer: Layer, _ bytes: RawSpan, isGood: Bool, side: Int, now: Timestamp,
        slot: UInt32, _ work: inout FlowWork
    ) {
        guard isGood else { return weird(.bad_ICMP_checksum, slot, &work) }
        last = now
        ends[side].payloadBytes &+= UInt64(header.payloadLength)
        if layer.protocolNumber == 58, let problem = multicastListenerProblem(header, bytes) {
            weird(problem, slot, &work)
        }
        // Cut by the capture: analyzed as far as it goes, but not counted.
        if layer.capturedLength >= layer.payloadLength { count(layer, side: side) }
    }

    /// Counts a packet that was accepted.
    mutating func count(_ layer: Layer, side: Int) {
        ends[side].packets &+= 1
        ends[side].ipBytes &+= UInt64(layer.totalLength)
    }
}

/// What is cut in a report of multicast listeners (RFC 2710 section 3, RFC 3810 section 5.2).
private func multicastListenerProblem(_ header: ICMPHeader, _ bytes: RawSpan) -> Weird? {
    var left = Int(header.capturedLength)
    switch header.type {
    case 131, 132: return left < 16 ? .truncated_ICMPv6_MLDv1 : nil
    case 143:
        let recordCount = Int(header.rest & 0xFFFF)
        guard left >= recordCount &* 20 else { return .truncated_ICMPv6_MLDv2 }
        var place = Int(header.payloadOffset)
        for _ in 0..<recordCount where left > 0 {
            guard left >= 4 else { return .truncated_ICMPv6_MLDv2_record }
            let size = 20 &+ Int(bytes.load16(place &+ 2)) &* 16 &+ Int(bytes.octet(place &+ 1)) &* 4
            guard left >= size else { return .truncated_ICMPv6_MLDv2_record }
            place &+= size
            left &-= size
        }
        return nil
    default: return nil
    }
}
