// SPDX-License-Identifier: Apache-2.0
//
// Events of decoding behind the header of IP: options of IPv4, and headers of transports.
//
// Reads   a whole datagram that is no fragment.
// Writes  names of events, as Suricata's decoders raise them.
// Leaves  IP itself (PacketEvents.swift), tunnels, what a transport carries.

import Wire

extension PacketEvents {
    /// Options of IPv4 (RFC 791 section 3.1).
    mutating func readOptions4(_ options: RawSpan) {
        if options.byteCount % 8 != 0 { add("ipv4.opt_pad_required") }
        var at = 0
        var seen: [UInt8] = []
        while at < options.byteCount {
            let kind = options.octet(at)
            if kind == 0 { return }
            guard kind != 1 else {
                at &+= 1
                continue
            }
            guard at &+ 2 <= options.byteCount else { return add("ipv4.opt_invalid") }
            let length = Int(options.octet(at &+ 1))
            guard length >= 2, length <= options.byteCount &- at else { return add("ipv4.opt_invalid_len") }
            switch kind {
            // Record route, quick start, timestamp, security, source routes, CIPSO, stream, router alert.
            case 7, 25, 68, 130, 131, 133, 134, 136, 137, 148:
                if seen.contains(kind) { add("ipv4.opt_duplicate") } else { seen.append(kind) }
            default: add("ipv4.opt_unknown")
            }
            at &+= length
        }
    }

    /// The header of a transport in `bytes`, which end where the datagram does.
    mutating func readTransport(_ bytes: RawSpan, _ number: UInt8) {
        switch number {
        case 1: readICMP(bytes)
        case 6: readTCP(bytes)
        case 17: readUDP(bytes)
        case 47: if bytes.byteCount < 4 { add("gre.pkt_too_small") }
        case 50: if bytes.byteCount < 8 { add("esp.pkt_too_small") }
        case 58: if bytes.byteCount < 8 { add("icmpv6.pkt_too_small") }
        case 132: if bytes.byteCount < 12 { add("sctp.pkt_too_small") }
        default: break
        }
    }

    private mutating func readUDP(_ bytes: RawSpan) {
        guard bytes.byteCount >= 8 else { return add("udp.hlen_too_small") }
        let length = Int(bytes.load16(4))
        if bytes.byteCount < length { return add("udp.pkt_too_small") }
        if bytes.byteCount != length { add("udp.len_invalid") }
    }

    private mutating func readTCP(_ bytes: RawSpan) {
        guard bytes.byteCount >= 20 else { return add("tcp.pkt_too_small") }
        let headerBytes = Int(bytes.octet(12) >> 4) &* 4
        guard headerBytes >= 20 else { return add("tcp.invalid_optlen") }
        guard headerBytes <= bytes.byteCount else { return add("tcp.hlen_too_small") }
        readOptions(ofTCP: bytes.extracting(20..<headerBytes))
    }

    /// Options of TCP (RFC 9293 section 3.1, RFC 7323, RFC 2018).
    private mutating func readOptions(ofTCP options: RawSpan) {
        var at = 0
        var seen: UInt32 = 0
        while at < options.byteCount {
            let kind = options.octet(at)
            if kind == 0 { return }
            guard kind != 1 else {
                at &+= 1
                continue
            }
            guard at &+ 2 <= options.byteCount else { return }
            let length = Int(options.octet(at &+ 1))
            guard length >= 2, length <= options.byteCount &- at else { return add("tcp.opt_invalid_len") }
            let isRight =
                switch kind {
                case 2: length == 4
                case 3: length == 3
                case 4: length == 2
                // One without blocks says nothing, and is let pass.
                case 5: [2, 10, 18, 26, 34].contains(length)
                case 8: length == 10
                default: true
                }
            if !isRight { add("tcp.opt_invalid_len") }
            if kind < 32, (2...8).contains(kind), kind != 6, kind != 7 {
                if seen >> UInt32(kind) & 1 != 0 { add("tcp.opt_duplicate") }
                seen |= 1 << UInt32(kind)
            }
            at &+= length
        }
    }

    /// Types and codes of ICMP that are assigned (RFC 792, 950, 1256).
    private mutating func readICMP(_ bytes: RawSpan) {
        guard bytes.byteCount >= 8 else { return add("icmpv4.pkt_too_small") }
        let codesMax: UInt8
        switch bytes.octet(0) {
        case 0, 4, 8, 10, 13...18: codesMax = 0
        case 3: codesMax = 15
        case 5: codesMax = 3
        case 9: codesMax = bytes.octet(1) == 16 ? 16 : 0
        case 11: codesMax = 1
        case 12: codesMax = 2
        default: return add("icmpv4.unknown_type")
        }
        if bytes.octet(1) > codesMax { add("icmpv4.unknown_code") }
    }
}
