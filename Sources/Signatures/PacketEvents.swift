// SPDX-License-Identifier: Apache-2.0
//
// Events of decoding that rules name (`decode-event`): IP, extension headers and fragments.
//
// Reads   frames as they were captured, while a rule asks for such events.
// Writes  names of events, in the order in which they are met.
// Leaves  what stands before IP (PacketEvents+Links.swift) and behind it (PacketEvents+Transport.swift,
//         PacketEvents+Control.swift, PacketEvents+Tunnels.swift); what tunnels carry; decoding itself (module Wire).

package import Records
import Wire

/// Reads the headers of a frame for what is odd in them, as Suricata's decoder calls it.
struct PacketEvents {
    /// Datagrams in fragments that are remembered, and fragments of each.
    private static let datagramsMax = 4096
    private static let fragmentsMax = 128
    private static let headersMax = 32
    /// Hop-by-hop, routing, fragment, authentication, destination, mobility, host identity, shim.
    private static let extensions: Set<UInt8> = [0, 43, 44, 51, 60, 135, 139, 140]

    /// The events that are looked for; the others are named by `unevaluated`.
    static let known: Set<String> = [
        "arp.invalid_hardware_size", "arp.invalid_pkt", "arp.invalid_protocol_size", "arp.pkt_too_small",
        "arp.unsupported_hardware", "arp.unsupported_opcode", "arp.unsupported_protocol", "chdlc.pkt_too_small",
        "dce.pkt_too_small", "esp.pkt_too_small", "ethernet.pkt_too_small", "ethernet.unknown_ethertype",
        "geneve.unknown_payload_type", "gre.pkt_too_small", "gre.version0_flags", "gre.version0_hdr_too_big",
        "gre.version0_malformed_sre_hdr", "gre.version0_recur", "gre.version1_chksum", "gre.version1_flags",
        "gre.version1_hdr_too_big", "gre.version1_no_key", "gre.version1_recur", "gre.version1_route",
        "gre.version1_ssr", "gre.version1_wrong_protocol", "gre.wrong_version", "icmpv4.ipv4_trunc_pkt",
        "icmpv4.ipv4_unknown_ver", "icmpv4.pkt_too_small", "icmpv4.unknown_code", "icmpv4.unknown_type",
        "icmpv6.experimentation_type", "icmpv6.ipv6_trunc_pkt", "icmpv6.ipv6_unknown_version",
        "icmpv6.mld_message_with_invalid_hl", "icmpv6.pkt_too_small", "icmpv6.unassigned_type", "icmpv6.unknown_code",
        "icmpv6.unknown_type", "ieee8021ah.header_too_small", "ipraw.invalid_ip_version", "ipv4.frag_overlap",
        "ipv4.frag_pkt_too_large", "ipv4.hlen_too_small", "ipv4.icmpv6", "ipv4.iplen_smaller_than_hlen",
        "ipv4.opt_duplicate", "ipv4.opt_eol_required", "ipv4.opt_invalid", "ipv4.opt_invalid_len",
        "ipv4.opt_malformed", "ipv4.opt_pad_required", "ipv4.pkt_too_small", "ipv4.trunc_pkt",
        "ipv4.wrong_ip_version", "ipv6.data_after_none_header", "ipv6.dstopts_only_padding",
        "ipv6.dstopts_unknown_opt", "ipv6.exthdr_ah_res_not_null", "ipv6.exthdr_dupl_ah", "ipv6.exthdr_dupl_dh",
        "ipv6.exthdr_dupl_fh", "ipv6.exthdr_dupl_hh", "ipv6.exthdr_dupl_rh", "ipv6.exthdr_invalid_optlen",
        "ipv6.exthdr_useless_fh", "ipv6.fh_non_zero_reserved_field", "ipv6.frag_invalid_length", "ipv6.frag_overlap",
        "ipv6.frag_pkt_too_large", "ipv6.hopopts_only_padding", "ipv6.hopopts_unknown_opt", "ipv6.icmpv4",
        "ipv6.ipv4_in_ipv6_too_small", "ipv6.ipv4_in_ipv6_wrong_version", "ipv6.ipv6_in_ipv6_too_small",
        "ipv6.ipv6_in_ipv6_wrong_version", "ipv6.rh_type_0", "ipv6.trunc_exthdr", "ipv6.trunc_pkt",
        "ipv6.unknown_next_header", "ipv6.wrong_ip_version", "ipv6.zero_len_padn", "ltnull.pkt_too_small",
        "ltnull.unsupported_type", "mpls.bad_label_implicit_null", "mpls.bad_label_reserved",
        "mpls.bad_label_router_alert", "mpls.header_too_small", "mpls.pkt_too_small", "mpls.unknown_payload_type",
        "nsh.bad_header_length", "nsh.header_too_small", "nsh.reserved_type", "nsh.unknown_payload",
        "nsh.unsupported_type", "nsh.unsupported_version", "ppp.ip4_pkt_too_small", "ppp.ip6_pkt_too_small",
        "ppp.pkt_too_small", "ppp.unsup_proto", "ppp.vju_pkt_too_small", "ppp.wrong_type", "pppoe.malformed_tags",
        "pppoe.pkt_too_small", "pppoe.wrong_code", "sctp.pkt_too_small", "sll.pkt_too_small", "sll2.pkt_too_small",
        "tcp.hlen_too_small", "tcp.invalid_optlen", "tcp.opt_duplicate", "tcp.opt_invalid_len", "tcp.pkt_too_small",
        "too_many_layers", "udp.hlen_too_small", "udp.len_invalid", "udp.pkt_too_small", "vlan.header_too_small",
        "vlan.too_many_layers", "vlan.unknown_type", "vntag.header_too_small", "vntag.unknown_type",
        "vxlan.unknown_payload_type",
    ]

    private struct FragmentKey: Hashable {
        var source: Address
        var target: Address
        var identification: UInt32
    }

    private(set) var names: [StaticString] = []

    mutating func add(_ name: StaticString) { names.append(name) }

    private(set) var source = Address(v4: 0)
    private(set) var target = Address(v4: 0)
    private(set) var protocolNumber: UInt8 = 0
    /// Of the datagram read last; the hop limit of version 6 alone.
    private(set) var isV6 = false
    private(set) var hopLimit: UInt8 = 0
    private var fragments: [FragmentKey: [Range<Int>]] = [:]

    /// Reads one frame; `names` then has what was met.
    mutating func read(_ bytes: RawSpan, linkType: UInt16) {
        names.removeAll(keepingCapacity: true)
        (source, target, protocolNumber) = (Address(v4: 0), Address(v4: 0), 0)
        switch linkType {
        case 1: readEthernet(bytes, 0)
        case 12, 14, 101, 228, 229: readRaw(bytes)
        default: readLink(bytes, linkType)
        }
    }

    /// Headers that may stand in each other (Suricata's `decoder.max-layers`).
    private static let layersMax = 16

    /// One header deeper than `layers`; nil, and an event, where that is too deep.
    mutating func deeper(_ layers: Int) -> Int? {
        guard layers &+ 1 < PacketEvents.layersMax else {
            add("too_many_layers")
            return nil
        }
        return layers &+ 1
    }

    /// A datagram without a frame.
    private mutating func readRaw(_ bytes: RawSpan) {
        guard bytes.byteCount >= 20 else { return add("ipv4.pkt_too_small") }
        switch bytes.octet(0) >> 4 {
        case 4: readDatagram(bytes, version: 4, 0)
        case 6: readDatagram(bytes, version: 6, 0)
        default: add("ipraw.invalid_ip_version")
        }
    }

    /// A datagram of the version that its frame names.
    mutating func readDatagram(_ bytes: RawSpan, version: Int, _ layers: Int) {
        guard let layers = deeper(layers) else { return }
        let first = bytes.byteCount > 0 ? bytes.octet(0) >> 4 : 0
        switch (version, first) {
        case (6, 6): readVersion6(bytes, layers)
        case (4, 4): readVersion4(bytes, layers)
        case (4, _): add(bytes.byteCount < 20 ? "ipv4.pkt_too_small" : "ipv4.wrong_ip_version")
        default: if bytes.byteCount >= 40 { add("ipv6.wrong_ip_version") }
        }
    }

    // MARK: IPv4

    private mutating func readVersion4(_ bytes: RawSpan, _ layers: Int) {
        guard bytes.byteCount >= 20 else { return names.append("ipv4.pkt_too_small") }
        let headerBytes = Int(bytes.octet(0) & 15) &* 4
        let total = Int(bytes.load16(2))
        isV6 = false
        source = Address(v4: bytes.load32(12))
        target = Address(v4: bytes.load32(16))
        protocolNumber = bytes.octet(9)
        if headerBytes < 20 { return names.append("ipv4.hlen_too_small") }
        if total < headerBytes { return names.append("ipv4.iplen_smaller_than_hlen") }
        if total > bytes.byteCount { return names.append("ipv4.trunc_pkt") }
        let word = bytes.load16(6)
        let offset = Int(word & 0x1FFF) &* 8
        if headerBytes > 20 { readOptions4(bytes.extracting(20..<headerBytes)) }
        guard offset > 0 || word & 0x2000 != 0 else {
            return readTransport(bytes.extracting(headerBytes..<total), protocolNumber, layers)
        }
        let range = offset ..< offset &+ total &- headerBytes
        if headerBytes &+ range.upperBound > 65_535 { return names.append("ipv4.frag_pkt_too_large") }
        let key = FragmentKey(
            source: source, target: target,
            identification: UInt32(bytes.load16(4)) | UInt32(protocolNumber) << 16)
        if overlaps(range, key) { names.append("ipv4.frag_overlap") }
    }

    // MARK: IPv6

    private mutating func readVersion6(_ bytes: RawSpan, _ layers: Int) {
        // Suricata has an event for this, and does not raise it.
        guard bytes.byteCount >= 40 else { return }
        source = Address(high: bytes.load64(8), low: bytes.load64(16))
        target = Address(high: bytes.load64(24), low: bytes.load64(32))
        protocolNumber = bytes.octet(6)
        isV6 = true
        hopLimit = bytes.octet(7)
        let end = 40 &+ Int(bytes.load16(4))
        if end > bytes.byteCount { return names.append("ipv6.trunc_pkt") }
        readExtensions(bytes.extracting(0..<end), layers)
    }

    /// The chain of extension headers (RFC 8200 section 4).
    private mutating func readExtensions(_ bytes: RawSpan, _ layers: Int) {
        var next = bytes.octet(6)
        var at = 40
        var seen: (hop: Bool, routing: Bool, fragment: Bool, targets: Int, auth: Bool) = (false, false, false, 0, false)
        for _ in 0..<PacketEvents.headersMax {
            guard PacketEvents.extensions.contains(next) else { break }
            guard bytes.byteCount &- at >= 8 else { return names.append("ipv6.trunc_exthdr") }
            let kind = next
            var length = (Int(bytes.octet(at &+ 1)) &+ 1) &* 8
            if kind == 44 { length = 8 }
            if kind == 51 { length = (Int(bytes.octet(at &+ 1)) &+ 2) &* 4 }
            guard length <= bytes.byteCount &- at else { return names.append("ipv6.trunc_exthdr") }
            next = bytes.octet(at)
            switch kind {
            case 0:
                if seen.hop { return names.append("ipv6.exthdr_dupl_hh") }
                seen.hop = true
                readOptions(bytes.extracting(at &+ 2 ..< at &+ length), isHop: true)
            case 43:
                if seen.routing { return names.append("ipv6.exthdr_dupl_rh") }
                seen.routing = true
                if bytes.octet(at &+ 2) == 0 { names.append("ipv6.rh_type_0") }
            case 44:
                if bytes.octet(at &+ 1) != 0 { names.append("ipv6.fh_non_zero_reserved_field") }
                if seen.fragment { return names.append("ipv6.exthdr_dupl_fh") }
                seen.fragment = true
                guard readFragment(bytes, at) else { return }
            case 51:
                if bytes.load16(at &+ 2) != 0 { names.append("ipv6.exthdr_ah_res_not_null") }
                if seen.auth { return names.append("ipv6.exthdr_dupl_ah") }
                seen.auth = true
            case 135, 139, 140: break
            default:
                // One may stand before a routing header, one at the end.
                seen.targets &+= 1
                if seen.targets > 2 { return names.append("ipv6.exthdr_dupl_dh") }
                readOptions(bytes.extracting(at &+ 2 ..< at &+ length), isHop: false)
            }
            at &+= length
            // Two octets belong to whatever comes behind an extension.
            if next != 59, bytes.byteCount &- at < 2 { return names.append("ipv6.trunc_exthdr") }
        }
        protocolNumber = next
        if next == 59, at < bytes.byteCount { add("ipv6.data_after_none_header") }
        readTransport(bytes.extracting(min(at, bytes.byteCount)..<bytes.byteCount), next, layers)
    }

    /// A fragment header; false where the rest is a piece of a larger datagram.
    private mutating func readFragment(_ bytes: RawSpan, _ at: Int) -> Bool {
        let word = bytes.load16(at &+ 2)
        let offset = Int(word & 0xFFF8)
        let hasMore = word & 1 != 0
        let count = bytes.byteCount &- at &- 8
        if hasMore, count % 8 != 0 { names.append("ipv6.frag_invalid_length") }
        guard offset > 0 || hasMore else {
            names.append("ipv6.exthdr_useless_fh")
            return true
        }
        guard offset &+ count <= 65_535 else {
            names.append("ipv6.frag_pkt_too_large")
            return false
        }
        let key = FragmentKey(source: source, target: target, identification: bytes.load32(at &+ 4))
        if overlaps(offset ..< offset &+ count, key) { names.append("ipv6.frag_overlap") }
        return false
    }

    /// Options of a hop-by-hop or destination header (RFC 8200 section 4.2).
    private mutating func readOptions(_ options: RawSpan, isHop: Bool) {
        var at = 0
        var padding = 0
        var others = 0
        while at < options.byteCount {
            let kind = options.octet(at)
            if kind == 0 {
                padding &+= 1
                at &+= 1
                continue
            }
            guard at &+ 1 < options.byteCount, at &+ 2 &+ Int(options.octet(at &+ 1)) <= options.byteCount else {
                names.append("ipv6.exthdr_invalid_optlen")
                break
            }
            let length = Int(options.octet(at &+ 1))
            switch kind {
            case 1:
                padding &+= 1
                if length == 0 { names.append("ipv6.zero_len_padn") }
            // Router alert, jumbo payload, home address.
            case 0x05, 0xC2, 0xC9: others &+= 1
            default:
                others &+= 1
                names.append(isHop ? "ipv6.hopopts_unknown_opt" : "ipv6.dstopts_unknown_opt")
            }
            at &+= length &+ 2
        }
        if padding > 0, others == 0 {
            names.append(isHop ? "ipv6.hopopts_only_padding" : "ipv6.dstopts_only_padding")
        }
    }

    // MARK: fragments

    /// Whether a fragment covers octets that another of its datagram has; remembers it.
    private mutating func overlaps(_ range: Range<Int>, _ key: FragmentKey) -> Bool {
        if fragments.count >= PacketEvents.datagramsMax, fragments[key] == nil { fragments.removeAll() }
        var known = fragments[key] ?? []
        let overlaps = known.contains { $0.overlaps(range) }
        if known.count < PacketEvents.fragmentsMax { known.append(range) }
        fragments[key] = known
        return overlaps
    }
}

extension SignatureEngine {
    /// Whether a rule asks for events of decoding.
    package var wantsDecoderEvents: Bool { !index.decoderEvents.isEmpty }

    /// Looks for events in a frame as it was captured, and raises the rules that name them.
    package func decode(_ bytes: RawSpan, linkType: UInt16, now: Timestamp, number: UInt64) {
        packetEvents.read(bytes, linkType: linkType)
        guard !packetEvents.names.isEmpty else { return }
        var facts = PacketFacts()
        facts.now = now
        facts.number = number
        facts.source = packetEvents.source
        facts.target = packetEvents.target
        facts.protocolNumber = packetEvents.protocolNumber
        facts.layer.version = facts.source.isV4 ? 4 : 6
        queue.removeAll(keepingCapacity: true)
        for rule in index.decoderEvents where namesEvent(set.rules[Int(rule)]) {
            fire(rule, facts, nil, nil, nil, isStream: false, Evidence())
        }
        finish(nil)
    }

    /// Whether all events of a rule were met.
    private func namesEvent(_ rule: Rule) -> Bool {
        for place in rule.packetTests.indices {
            guard case .decoderEvent(let range) = set.packetTests[place] else { return false }
            let wanted = set.text[range.indices]
            guard packetEvents.names.contains(where: { $0.description.utf8.elementsEqual(wanted) }) else {
                return false
            }
        }
        return true
    }
}
