// SPDX-License-Identifier: Apache-2.0
//
// Events of decoding about tunnels: GRE, IP in IPv6, VXLAN, Geneve.
//
// Reads   the tunnel's own header.
// Writes  names of events, as Suricata's decoders raise them.
// Leaves  what is inside: Suricata looks at it as a packet of its own, and drops one that is damaged without an event.

import Wire

extension PacketEvents {
    private static let vxlanPort: UInt16 = 4789
    private static let genevePort: UInt16 = 6081

    /// A datagram in a datagram of IPv6 (RFC 2473): what cannot be one.
    mutating func readInner(_ bytes: RawSpan, version: UInt8) {
        let least = version == 4 ? 20 : 40
        guard bytes.byteCount >= least else {
            return add(version == 4 ? "ipv6.ipv4_in_ipv6_too_small" : "ipv6.ipv6_in_ipv6_too_small")
        }
        guard bytes.octet(0) >> 4 != version else { return }
        add(version == 4 ? "ipv6.ipv4_in_ipv6_wrong_version" : "ipv6.ipv6_in_ipv6_wrong_version")
    }

    /// A header of GRE, of version 0 (RFC 1701, RFC 2784) or 1 (RFC 2637).
    mutating func readGRE(_ bytes: RawSpan, _ layers: Int) {
        guard bytes.byteCount >= 4 else { return add("gre.pkt_too_small") }
        guard deeper(layers) != nil else { return }
        let flags = bytes.load16(0)
        switch flags & 7 {
        case 0: readGRE0(bytes, flags)
        case 1: readGRE1(bytes, flags, type: bytes.load16(2))
        default: add("gre.wrong_version")
        }
    }

    private mutating func readGRE0(_ bytes: RawSpan, _ flags: UInt16) {
        if flags & 0x0700 != 0 { return add("gre.version0_recur") }
        if flags & 0x0078 != 0 { return add("gre.version0_flags") }
        // Key and sequence number; checksum and offset, which come together.
        var at = 4 &+ (flags & 0x3000).nonzeroBitCount &* 4
        if flags & 0xC000 != 0 { at &+= 4 }
        guard at <= bytes.byteCount else { return add("gre.version0_hdr_too_big") }
        guard flags & 0x4000 != 0 else { return }
        // Entries of the source route, up to an empty one.
        while true {
            guard at &+ 4 <= bytes.byteCount else { return add("gre.version0_malformed_sre_hdr") }
            let length = Int(bytes.octet(at &+ 3))
            if bytes.load16(at) == 0, length == 0 { return }
            at &+= 4 &+ length
            guard at <= bytes.byteCount else { return add("gre.version0_malformed_sre_hdr") }
        }
    }

    private mutating func readGRE1(_ bytes: RawSpan, _ flags: UInt16, type: UInt16) {
        if flags & 0x8000 != 0 { return add("gre.version1_chksum") }
        if flags & 0x4000 != 0 { return add("gre.version1_route") }
        if flags & 0x0800 != 0 { return add("gre.version1_ssr") }
        if flags & 0x0700 != 0 { return add("gre.version1_recur") }
        if flags & 0x0078 != 0 { return add("gre.version1_flags") }
        if type != 0x880B { return add("gre.version1_wrong_protocol") }
        if flags & 0x2000 == 0 { return add("gre.version1_no_key") }
        // Key, sequence number, acknowledgement.
        let length = 4 &+ (flags & 0x3080).nonzeroBitCount &* 4
        if length > bytes.byteCount { add("gre.version1_hdr_too_big") }
    }

    /// The payload of UDP on ports of VXLAN (RFC 7348) and Geneve (RFC 8926).
    mutating func readTunnel(_ bytes: RawSpan, from source: UInt16, to target: UInt16, _ layers: Int) {
        if source == PacketEvents.genevePort || target == PacketEvents.genevePort { return readGeneve(bytes, layers) }
        guard target == PacketEvents.vxlanPort, bytes.byteCount >= 22 else { return }
        guard deeper(layers) != nil, bytes.octet(0) & 8 != 0, bytes.octet(7) == 0 else { return }
        let type = bytes.load16(20)
        guard ![0x0800, 0x86DD, 0x0806].contains(type), !PacketEvents.isTag(type) else { return }
        add("vxlan.unknown_payload_type")
    }

    private mutating func readGeneve(_ bytes: RawSpan, _ layers: Int) {
        guard bytes.byteCount >= 8, deeper(layers) != nil else { return }
        let first = bytes.octet(0)
        let length = 8 &+ Int(first & 0x3F) &* 4
        guard first >> 6 == 0, length <= bytes.byteCount else { return }
        guard bytes.octet(1) & 0x3F == 0, bytes.octet(7) == 0 else { return }
        var at = 8
        while at < length { at &+= 4 &+ Int(bytes.octet(at &+ 3) & 0x1F) &* 4 }
        guard at == length, ![0x0800, 0x86DD, 0x6558, 0x0806].contains(bytes.load16(2)) else { return }
        add("geneve.unknown_payload_type")
    }
}
