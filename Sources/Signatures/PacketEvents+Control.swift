// SPDX-License-Identifier: Apache-2.0
//
// Events of decoding about what controls IP: options of IPv4, ICMP of both versions.
//
// Reads   a whole datagram that is no fragment.
// Writes  names of events, as Suricata's decoders raise them.
// Leaves  IP itself (PacketEvents.swift), transports (PacketEvents+Transport.swift).

import Wire

extension PacketEvents {
    /// Options of IPv4 (RFC 791 section 3.1). One that does not fit ends the list.
    mutating func readOptions4(_ options: RawSpan) {
        if options.byteCount % 8 != 0 { add("ipv4.opt_pad_required") }
        var at = 0
        var seen: [UInt8] = []
        while let option = nextOption(options, &at, cut: "ipv4.opt_eol_required", wrong: "ipv4.opt_invalid_len") {
            let kind = options.octet(option.lowerBound)
            if !PacketEvents.optionKinds.contains(kind) {
                add("ipv4.opt_invalid")
            } else if seen.contains(kind) {
                add("ipv4.opt_duplicate")
            } else if let name = optionEvent(kind, options.extracting(option)) {
                add(name)
            } else {
                seen.append(kind)
            }
        }
    }

    /// The next option from `at` on that is more than one octet, in IPv4 and in TCP: its kind, its length, and what it
    /// has. Nil at the end of the list, or where one does not fit, which is told of.
    mutating func nextOption(
        _ options: RawSpan, _ at: inout Int, cut: StaticString?, wrong: StaticString
    ) -> Range<Int>? {
        while at < options.byteCount, options.octet(at) == 1 { at &+= 1 }
        guard at < options.byteCount, options.octet(at) != 0 else { return nil }
        guard at &+ 2 <= options.byteCount else {
            if let cut { add(cut) }
            return nil
        }
        let length = Int(options.octet(at &+ 1))
        guard length >= 2, length <= options.byteCount &- at else {
            add(wrong)
            return nil
        }
        defer { at &+= length }
        return at ..< at &+ length
    }

    /// Record route, quick start, timestamps, security, loose route, its extension, CIPSO, stream, strict route, alert.
    private static let optionKinds: Set<UInt8> = [7, 25, 68, 130, 131, 133, 134, 136, 137, 148]

    /// What is wrong with one option of these kinds; nil where nothing is.
    private func optionEvent(_ kind: UInt8, _ option: RawSpan) -> StaticString? {
        let length = option.byteCount
        let least: Int
        switch kind {
        case 136, 148: return length == 4 ? nil : "ipv4.opt_invalid_len"
        case 68: least = 5
        case 25: least = 8
        case 134: least = 10
        default: least = 3
        }
        guard length >= least else { return "ipv4.opt_invalid_len" }
        let isRight =
            switch kind {
            case 7, 131, 137: PacketEvents.isRoute(option)
            case 68: PacketEvents.isTimestamps(option)
            case 134: PacketEvents.isLabel(option)
            default: true
            }
        return isRight ? nil : "ipv4.opt_malformed"
    }

    /// The pointer counts from 1, over addresses, and may stand one behind the last.
    private static func isRoute(_ option: RawSpan) -> Bool {
        let pointer = Int(option.octet(2))
        return pointer >= 4 && pointer % 4 == 0 && pointer <= option.byteCount &+ 1
    }

    private static func isTimestamps(_ option: RawSpan) -> Bool {
        let pointer = Int(option.octet(2))
        let flag = option.octet(3) & 15
        let record = flag == 1 || flag == 3 ? 8 : 4
        return pointer >= 5 && (pointer &- 5) % record == 0 && pointer <= option.byteCount &+ 1
    }

    /// Tags of a security label (FIPS 188): behind kind, length and domain.
    private static func isLabel(_ option: RawSpan) -> Bool {
        var at = 6
        while at < option.byteCount {
            let rest = option.byteCount &- at
            guard rest >= 2 else { return false }
            let length = Int(option.octet(at &+ 1))
            guard [1, 2, 5, 6, 7].contains(option.octet(at)), length >= 4, length <= rest else { return false }
            // All but free-form tags have an alignment octet of zero.
            if option.octet(at) != 7, option.octet(at &+ 2) != 0 { return false }
            at &+= length
        }
        return true
    }

    // MARK: ICMP

    /// Types and codes of ICMP that are assigned (RFC 792, 950, 1256), and the datagrams that errors quote.
    mutating func readICMP(_ bytes: RawSpan) {
        guard bytes.byteCount >= 8 else { return add("icmpv4.pkt_too_small") }
        let type = bytes.octet(0)
        let codesMax: UInt8
        switch type {
        case 0, 4, 8, 10, 13...18: codesMax = 0
        case 3: codesMax = 15
        case 5: codesMax = 3
        case 9: codesMax = bytes.octet(1) == 16 ? 16 : 0
        case 11: codesMax = 1
        case 12: codesMax = 2
        default: return add("icmpv4.unknown_type")
        }
        guard bytes.octet(1) <= codesMax else { return add("icmpv4.unknown_code") }
        guard [3, 4, 5, 11, 12].contains(type), type == 4 || bytes.byteCount > 8 else { return }
        guard bytes.byteCount >= 28 else { return add("icmpv4.ipv4_trunc_pkt") }
        if bytes.octet(8) >> 4 != 4 { add("icmpv4.ipv4_unknown_ver") }
    }

    /// Types and codes of ICMP over IPv6 that are assigned (RFC 4443, 4861, 2710, 4620, 6550).
    mutating func readICMP6(_ bytes: RawSpan) {
        guard bytes.byteCount >= 8 else { return add("icmpv6.pkt_too_small") }
        let (type, code) = (bytes.octet(0), bytes.octet(1))
        let codesMax: UInt8
        switch type {
        case 0, 127: return add("icmpv6.unknown_type")
        case 100, 101, 200, 201: return add("icmpv6.experimentation_type")
        case 1: codesMax = 6
        case 3: codesMax = 1
        case 4, 139, 140: codesMax = 2
        case 138: codesMax = code == 255 ? 255 : 2
        case 150...153: codesMax = 255
        case 155: codesMax = 3
        case 2, 128...159: codesMax = 0
        default: return add("icmpv6.unassigned_type")
        }
        if code > codesMax { add("icmpv6.unknown_code") }
        // Listeners are asked on the link alone (RFC 2710 section 3).
        if (130...132).contains(type), hopLimit != 1 { add("icmpv6.mld_message_with_invalid_hl") }
        guard type <= 4, code <= codesMax else { return }
        guard bytes.byteCount >= 48 else { return add("icmpv6.ipv6_trunc_pkt") }
        if bytes.octet(8) >> 4 != 6 { add("icmpv6.ipv6_unknown_version") }
    }
}
