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
        if layer.protocolNumber == 58 {
            if let problem = multicastListenerProblem(header, bytes) { weird(problem, slot, &work) }
            if let problem = neighborDiscoveryProblem(header, bytes) {
                work.events.append(.netWeird(problem.0, problem.1))
            }
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

/// What is wrong with the options of neighbour discovery (RFC 4861 sections 4.1 to 4.6): where they would
/// begin, how long each says it is.
private func neighborDiscoveryProblem(_ header: ICMPHeader, _ bytes: RawSpan) -> (Weird, WeirdDetail)? {
    let start: UInt32
    let name: Weird
    switch header.type {
    case 133: (start, name) = (0, .icmp6_ra_bad_opt_offset)
    case 134: (start, name) = (8, .icmp6_ra_bad_opt_offset)
    case 135: (start, name) = (16, .icmp6_ns_bad_opt_offset)
    case 136: (start, name) = (16, .icmp6_na_bad_opt_offset)
    case 137: (start, name) = (32, .icmp6_redirect_bad_opt_offset)
    default: return nil
    }
    let length = UInt32(header.capturedLength)
    guard start <= length else { return (name, .beyond(start, length: length)) }
    var place = Int(header.payloadOffset) &+ Int(start)
    var left = Int(length &- start)
    while left > 0 {
        guard left >= 2 else { return (.truncated_ICMPv6_ND_options, .none) }
        let size = Int(bytes.octet(place &+ 1)) &* 8
        guard size > 0 else { return (.zero_length_ICMPv6_ND_option, .none) }
        guard size <= left else { return nil }
        place &+= size
        left &-= size
    }
    return nil
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
