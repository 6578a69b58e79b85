// SPDX-License-Identifier: Apache-2.0
//
// Events of decoding behind the header of IP: headers of transports.
//
// Reads   a whole datagram that is no fragment.
// Writes  names of events, as Suricata's decoders raise them.
// Leaves  IP itself (PacketEvents.swift), its options and ICMP (PacketEvents+Control.swift), tunnels
//         (PacketEvents+Tunnels.swift), what a transport carries.

import Wire

extension PacketEvents {
    /// The header of a transport in `bytes`, which end where the datagram does.
    mutating func readTransport(_ bytes: RawSpan, _ number: UInt8, _ layers: Int) {
        switch number {
        case 1: if isV6 { add("ipv6.icmpv4") } else { readICMP(bytes) }
        case 4 where isV6: readInner(bytes, version: 4)
        case 6: readTCP(bytes)
        case 17: readUDP(bytes, layers)
        case 41 where isV6: readInner(bytes, version: 6)
        case 47: readGRE(bytes, layers)
        // Of fewer than two octets IPv6 says so itself.
        case 50 where bytes.byteCount < 8: add(isV6 && bytes.byteCount < 2 ? "ipv6.trunc_exthdr" : "esp.pkt_too_small")
        case 50: break
        case 58: if isV6 { readICMP6(bytes) } else { add("ipv4.icmpv6") }
        case 59: break
        case 132: if bytes.byteCount < 12 { add("sctp.pkt_too_small") }
        default: if isV6 { add("ipv6.unknown_next_header") }
        }
    }

    private mutating func readUDP(_ bytes: RawSpan, _ layers: Int) {
        guard bytes.byteCount >= 8 else { return add("udp.hlen_too_small") }
        let length = Int(bytes.load16(4))
        if bytes.byteCount < length { return add("udp.pkt_too_small") }
        if length < 8 { return add("udp.len_invalid") }
        readTunnel(bytes.extracting(8..<length), from: bytes.load16(0), to: bytes.load16(2), layers)
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
        while let option = nextOption(options, &at, cut: nil, wrong: "tcp.opt_invalid_len") {
            let (kind, length) = (options.octet(option.lowerBound), option.count)
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
        }
    }
}
