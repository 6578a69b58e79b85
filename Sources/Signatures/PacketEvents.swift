// SPDX-License-Identifier: Apache-2.0
//
// Events of decoding that rules name (`decode-event`): IP, extension headers and fragments.
//
// Reads   frames whose link is Ethernet, Linux cooked or none, while a rule asks for such events.
// Writes  names of events, in the order in which they are met.
// Leaves  what stands before IP (PacketEvents+Links.swift) and behind it (PacketEvents+Transport.swift); all other
//         events of tables/events.csv; decoding itself (module Wire).

package import Records
import Wire

/// Reads the headers of a frame for what is odd in them, as Suricata's decoder calls it.
struct PacketEvents {
    /// Datagrams in fragments that are remembered, and fragments of each.
    private static let datagramsMax = 4096
    private static let fragmentsMax = 128
    private static let headersMax = 32

    /// The events that are looked for; the others are named by `unevaluated`.
    static let known: Set<String> = [
        "arp.invalid_hardware_size", "arp.invalid_pkt", "arp.invalid_protocol_size", "arp.pkt_too_small",
        "arp.unsupported_hardware", "arp.unsupported_opcode", "arp.unsupported_protocol",
        "esp.pkt_too_small", "ethernet.pkt_too_small", "ethernet.unknown_ethertype", "gre.pkt_too_small",
        "icmpv4.pkt_too_small", "icmpv4.unknown_code", "icmpv4.unknown_type", "icmpv6.pkt_too_small",
        "ieee8021ah.header_too_small",
        "ipv4.frag_overlap", "ipv4.frag_pkt_too_large", "ipv4.hlen_too_small", "ipv4.iplen_smaller_than_hlen",
        "ipv4.opt_duplicate", "ipv4.opt_invalid", "ipv4.opt_invalid_len", "ipv4.opt_pad_required",
        "ipv4.opt_unknown", "ipv4.pkt_too_small", "ipv4.trunc_pkt", "ipv4.wrong_ip_version",
        "ipv6.data_after_none_header",
        "ipv6.dstopts_only_padding", "ipv6.dstopts_unknown_opt", "ipv6.exthdr_dupl_ah", "ipv6.exthdr_dupl_dh",
        "ipv6.exthdr_dupl_fh", "ipv6.exthdr_dupl_hh", "ipv6.exthdr_dupl_rh", "ipv6.exthdr_invalid_optlen",
        "ipv6.exthdr_useless_fh", "ipv6.frag_invalid_length", "ipv6.frag_overlap", "ipv6.frag_pkt_too_large",
        "ipv6.hopopts_only_padding", "ipv6.hopopts_unknown_opt", "ipv6.rh_type_0",
        "ipv6.trunc_exthdr", "ipv6.trunc_pkt", "ipv6.wrong_ip_version", "ipv6.zero_len_padn",
        "mpls.bad_label_implicit_null", "mpls.bad_label_reserved", "mpls.bad_label_router_alert",
        "mpls.header_too_small", "mpls.pkt_too_small", "mpls.unknown_payload_type", "ppp.ip4_pkt_too_small",
        "ppp.ip6_pkt_too_small", "ppp.unsup_proto", "ppp.vju_pkt_too_small", "ppp.wrong_type",
        "pppoe.malformed_tags", "pppoe.pkt_too_small", "pppoe.wrong_code", "sctp.pkt_too_small",
        "tcp.hlen_too_small", "tcp.invalid_optlen", "tcp.opt_duplicate", "tcp.opt_invalid_len", "tcp.pkt_too_small",
        "udp.hlen_too_small", "udp.len_invalid", "udp.pkt_too_small", "vlan.header_too_small", "vlan.too_many_layers",
        "vlan.unknown_type",
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
    private var fragments: [FragmentKey: [Range<Int>]] = [:]

    /// Reads one frame; `names` then has what was met.
    mutating func read(_ bytes: RawSpan, linkType: UInt16) {
        names.removeAll(keepingCapacity: true)
        (source, target, protocolNumber) = (Address(v4: 0), Address(v4: 0), 0)
        switch linkType {
        case 1: readEthernet(bytes, 0)
        case 12, 14, 101, 228, 229: readDatagram(bytes, version: 0, 0)
        case 113 where bytes.byteCount > 16: readDatagram(bytes.extracting(16..<bytes.byteCount), version: 0, 0)
        default: break
        }
    }

    /// A datagram of the version that its frame names; 0 where it names none.
    mutating func readDatagram(_ bytes: RawSpan, version: Int, _ layers: Int) {
        let first = bytes.byteCount > 0 ? bytes.octet(0) >> 4 : 0
        switch (version, first) {
        case (6, 6), (0, 6): readVersion6(bytes)
        case (4, 4), (0, 4): readVersion4(bytes)
        case (4, _): add(bytes.byteCount < 20 ? "ipv4.pkt_too_small" : "ipv4.wrong_ip_version")
        case (6, _): if bytes.byteCount >= 40 { add("ipv6.wrong_ip_version") }
        default: break
        }
    }

    // MARK: IPv4

    private mutating func readVersion4(_ bytes: RawSpan) {
        guard bytes.byteCount >= 20 else { return names.append("ipv4.pkt_too_small") }
        let headerBytes = Int(bytes.octet(0) & 15) &* 4
        let total = Int(bytes.load16(2))
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
            return readTransport(bytes.extracting(headerBytes..<total), protocolNumber)
        }
        let range = offset ..< offset &+ total &- headerBytes
        if headerBytes &+ range.upperBound > 65_535 { return names.append("ipv4.frag_pkt_too_large") }
        let key = FragmentKey(
            source: source, target: target,
            identification: UInt32(bytes.load16(4)) | UInt32(protocolNumber) << 16)
        if overlaps(range, key) { names.append("ipv4.frag_overlap") }
    }

    // MARK: IPv6

    private mutating func readVersion6(_ bytes: RawSpan) {
        // Suricata has an event for this, and does not raise it.
        guard bytes.byteCount >= 40 else { return }
        source = Address(high: bytes.load64(8), low: bytes.load64(16))
        target = Address(high: bytes.load64(24), low: bytes.load64(32))
        protocolNumber = bytes.octet(6)
        let end = 40 &+ Int(bytes.load16(4))
        if end > bytes.byteCount { return names.append("ipv6.trunc_pkt") }
        readExtensions(bytes.extracting(0..<end))
    }

    /// The chain of extension headers (RFC 8200 section 4).
    private mutating func readExtensions(_ bytes: RawSpan) {
        var next = bytes.octet(6)
        var at = 40
        var seen: (hop: Bool, routing: Bool, fragment: Bool, targets: Int, auth: Bool) = (false, false, false, 0, false)
        for _ in 0..<PacketEvents.headersMax {
            guard [0, 43, 44, 51, 60].contains(next) else { break }
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
                if seen.fragment { return names.append("ipv6.exthdr_dupl_fh") }
                seen.fragment = true
                guard readFragment(bytes, at) else { return }
            case 51:
                if seen.auth { return names.append("ipv6.exthdr_dupl_ah") }
                seen.auth = true
            default:
                // One may stand before a routing header, one at the end.
                seen.targets &+= 1
                if seen.targets > 2 { return names.append("ipv6.exthdr_dupl_dh") }
                readOptions(bytes.extracting(at &+ 2 ..< at &+ length), isHop: false)
            }
            at &+= length
            // Two octets belong to whatever comes behind an extension.
            if bytes.byteCount &- at < 2 { return names.append("ipv6.trunc_exthdr") }
        }
        protocolNumber = next
        if next == 59, at < bytes.byteCount { add("ipv6.data_after_none_header") }
        readTransport(bytes.extracting(min(at, bytes.byteCount)..<bytes.byteCount), next)
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
