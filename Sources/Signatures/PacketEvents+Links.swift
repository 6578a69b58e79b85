// SPDX-License-Identifier: Apache-2.0
//
// Events of decoding on the way from the frame to its datagram: Ethernet, tags, MPLS, NSH, PPPoE, ARP, other links.
//
// Reads   what stands before the datagram.
// Writes  names of events; hands datagrams on.
// Leaves  IP (PacketEvents.swift), tunnels.

import Wire

extension PacketEvents {
    /// Tags of VLANs in one frame.
    private static let tagsMax = 3

    mutating func readEthernet(_ bytes: RawSpan, _ layers: Int) {
        guard bytes.byteCount >= 14 else { return add("ethernet.pkt_too_small") }
        guard let layers = deeper(layers) else { return }
        readTyped(bytes.load16(12), bytes.extracting(14..<bytes.byteCount), layers)
    }

    /// What a link header names.
    private mutating func readTyped(_ type: UInt16, _ bytes: RawSpan, _ layers: Int) {
        if !readNetwork(type, bytes, tags: 0, layers) { add("ethernet.unknown_ethertype") }
    }

    /// Frames of other links: BSD's, PPP, Cisco HDLC, Linux cooked of both versions.
    mutating func readLink(_ bytes: RawSpan, _ linkType: UInt16) {
        let count = bytes.byteCount
        switch linkType {
        case 0:
            guard count >= 4 else { return add("ltnull.pkt_too_small") }
            let rest = bytes.extracting(4..<count)
            // The numbers of address families on the machine that captured, taken for one with low octets first.
            switch bytes.load32(0).byteSwapped {
            case 2: readDatagram(rest, version: 4, 0)
            case 10, 24, 28, 30: readDatagram(rest, version: 6, 0)
            default: add("ltnull.unsupported_type")
            }
        case 9: readPPPLink(bytes)
        case 104:
            guard count >= 4 else { return add("chdlc.pkt_too_small") }
            readTyped(bytes.load16(2), bytes.extracting(4..<count), 0)
        case 113:
            guard count >= 16 else { return add("sll.pkt_too_small") }
            readTyped(bytes.load16(14), bytes.extracting(16..<count), 0)
        case 276:
            guard count >= 20 else { return add("sll2.pkt_too_small") }
            readTyped(bytes.load16(0), bytes.extracting(20..<count), 0)
        default: break
        }
    }

    /// What a type of Ethernet names; false where it names nothing that is known.
    private mutating func readNetwork(_ type: UInt16, _ bytes: RawSpan, tags: Int, _ layers: Int) -> Bool {
        let count = bytes.byteCount
        switch type {
        case 0x0800: readDatagram(bytes, version: 4, layers)
        case 0x86DD: readDatagram(bytes, version: 6, layers)
        case _ where PacketEvents.isTag(type): return readTag(bytes, tags: tags, layers)
        case 0x8847, 0x8848: readLabels(bytes, layers)
        case 0x8863: readDiscovery(bytes)
        case 0x8864: readSession(bytes, layers)
        case 0x0806: readARP(bytes)
        case 0x88E7:
            guard count >= 18 else {
                add("ieee8021ah.header_too_small")
                return true
            }
            guard let layers = deeper(layers) else { return true }
            return readNetwork(bytes.load16(16), bytes.extracting(18..<count), tags: tags, layers)
        case 0x8926: return readPortTag(bytes, tags: tags, layers)
        // FabricPath: two octets, and a frame.
        case 0x8903:
            if count < 16 { add("dce.pkt_too_small") } else { readEthernet(bytes.extracting(2..<count), layers) }
        case 0x894F: readService(bytes, layers)
        default: return false
        }
        return true
    }

    static func isTag(_ type: UInt16) -> Bool { type == 0x8100 || type == 0x88A8 || type == 0x9100 }

    /// A tag of IEEE 802.1Q. One before a type that nobody knows is told of, and so is the frame around.
    private mutating func readTag(_ bytes: RawSpan, tags: Int, _ layers: Int) -> Bool {
        guard tags < PacketEvents.tagsMax else {
            add("vlan.too_many_layers")
            return true
        }
        guard bytes.byteCount >= 4 else {
            add("vlan.header_too_small")
            return true
        }
        guard let layers = deeper(layers) else { return true }
        let type = bytes.load16(2)
        let rest = bytes.extracting(4..<bytes.byteCount)
        guard !readNetwork(type, rest, tags: tags &+ 1, layers) else { return true }
        if !PacketEvents.isTag(type) { add("vlan.unknown_type") }
        return false
    }

    /// A tag of virtual ports (VN-Tag).
    private mutating func readPortTag(_ bytes: RawSpan, tags: Int, _ layers: Int) -> Bool {
        guard bytes.byteCount >= 6 else {
            add("vntag.header_too_small")
            return true
        }
        guard let layers = deeper(layers) else { return true }
        let rest = bytes.extracting(6..<bytes.byteCount)
        guard !readNetwork(bytes.load16(4), rest, tags: tags, layers) else { return true }
        add("vntag.unknown_type")
        return false
    }

    /// A network service header (RFC 8300 section 2).
    private mutating func readService(_ bytes: RawSpan, _ layers: Int) {
        let count = bytes.byteCount
        guard count >= 8 else { return add("nsh.header_too_small") }
        guard let layers = deeper(layers) else { return }
        guard bytes.octet(0) >> 6 == 0 else { return add("nsh.unsupported_version") }
        let length = Int(bytes.octet(1) & 0x3F) &* 4
        guard length < count else { return add("nsh.bad_header_length") }
        switch bytes.octet(2) {
        case 0, 15: return add("nsh.reserved_type")
        case 1: if length != 24 { return add("nsh.bad_header_length") }
        case 2: break
        default: return add("nsh.unsupported_type")
        }
        let rest = bytes.extracting(length..<count)
        switch bytes.octet(3) {
        case 1: readDatagram(rest, version: 4, layers)
        case 2: readDatagram(rest, version: 6, layers)
        case 3: readEthernet(rest, layers)
        case 5: readLabels(rest, layers)
        default: add("nsh.unknown_payload")
        }
    }

    /// Labels of MPLS (RFC 3032 section 2.1) to the bottom of their stack; the last says what follows, or nobody does.
    private mutating func readLabels(_ bytes: RawSpan, _ layers: Int) {
        guard let layers = deeper(layers) else { return }
        var at = 0
        var label: UInt32
        repeat {
            guard bytes.byteCount &- at >= 4 else { return add("mpls.header_too_small") }
            label = bytes.load32(at)
            at &+= 4
        } while label & 0x100 == 0
        let rest = bytes.extracting(at..<bytes.byteCount)
        switch label >> 12 {
        case 0: return readDatagram(rest, version: 4, layers)
        case 1: return add("mpls.bad_label_router_alert")
        case 2: return readDatagram(rest, version: 6, layers)
        case 3: return add("mpls.bad_label_implicit_null")
        case 4..<15: return add("mpls.bad_label_reserved")
        default: break
        }
        guard rest.byteCount >= 4 else { return add("mpls.pkt_too_small") }
        switch rest.octet(0) >> 4 {
        case 4: readDatagram(rest, version: 4, layers)
        case 6: readDatagram(rest, version: 6, layers)
        // A frame behind its control word (RFC 4448 section 4.6).
        case 0: readEthernet(rest.extracting(4..<rest.byteCount), layers)
        default: add("mpls.unknown_payload_type")
        }
    }

    // MARK: PPPoE

    /// The discovery stage (RFC 2516 section 5).
    private mutating func readDiscovery(_ bytes: RawSpan) {
        guard bytes.byteCount >= 6 else { return add("pppoe.pkt_too_small") }
        // Initiation, offer, request, confirmation, termination.
        guard [0x09, 0x07, 0x19, 0x65, 0xA7].contains(bytes.octet(1)) else { return add("pppoe.wrong_code") }
        if Int(bytes.load16(4)) > bytes.byteCount &- 6 { add("pppoe.malformed_tags") }
    }

    /// The session stage: a packet of PPP without its first two octets (RFC 2516 section 6).
    private mutating func readSession(_ bytes: RawSpan, _ layers: Int) {
        guard bytes.byteCount >= 7 else { return add("pppoe.pkt_too_small") }
        guard let layers = deeper(layers) else { return }
        guard bytes.load16(4) > 0 else { return }
        // The number may take one octet (RFC 1661 section 6.5).
        let isShort = bytes.octet(6) & 1 != 0
        guard isShort || bytes.byteCount >= 8 else { return add("pppoe.pkt_too_small") }
        let number = isShort ? UInt16(bytes.octet(6)) : bytes.load16(6)
        readPPP(number, bytes.extracting((isShort ? 7 : 8)..<bytes.byteCount), layers)
    }

    private mutating func readPPP(_ number: UInt16, _ bytes: RawSpan, _ layers: Int) {
        switch number {
        case 0x0021:
            guard bytes.byteCount >= 20 else { return add("ppp.ip4_pkt_too_small") }
            readDatagram(bytes, version: 4, layers)
        case 0x0057:
            guard bytes.byteCount >= 40 else { return add("ppp.ip6_pkt_too_small") }
            readDatagram(bytes, version: 6, layers)
        // Van Jacobson's header, not compressed.
        case 0x002F:
            guard bytes.byteCount >= 20 else { return add("ppp.vju_pkt_too_small") }
            if bytes.octet(0) >> 4 == 4 { readDatagram(bytes, version: 4, layers) }
        case _ where PacketEvents.unread.contains(number): add("ppp.unsup_proto")
        case _ where PacketEvents.control.contains(number): break
        default: add("ppp.wrong_type")
        }
    }

    /// A frame of PPP, with or without its address and control (RFC 1662 section 3.1). Of numbers in one octet fewer
    /// are known than in a session over Ethernet, and a datagram that is too short bears the name of the third.
    private mutating func readPPPLink(_ bytes: RawSpan) {
        let count = bytes.byteCount
        let start = count >= 2 && bytes.load16(0) == 0xFF03 ? 2 : 0
        guard count > start else { return add("ppp.pkt_too_small") }
        let first = bytes.octet(start)
        guard first & 1 != 0 else {
            guard count >= start &+ 2 else { return add("ppp.pkt_too_small") }
            return readPPP(bytes.load16(start), bytes.extracting(start &+ 2 ..< count), 1)
        }
        let rest = bytes.extracting(start &+ 1 ..< count)
        switch first {
        case 0x21 where rest.byteCount < 20: add("ppp.vju_pkt_too_small")
        case 0x21, 0x2F, 0x57: readPPP(UInt16(first), rest, 1)
        default: add("ppp.unsup_proto")
        }
    }

    /// Protocols of PPP that Suricata knows and does not read.
    private static let unread: Set<UInt16> = [
        0x0023, 0x0025, 0x0027, 0x0029, 0x002B, 0x002D, 0x0031, 0x0033, 0x0035, 0x0201, 0x0231, 0x0233, 0x0281, 0x0283,
        0x8023, 0x8025, 0x8027, 0x8029, 0x802B, 0x8033, 0x8035, 0x8281,
    ]
    /// Those that say nothing of a datagram: compression, control of the link and of IP, authentication.
    private static let control: Set<UInt16> = [
        0x00FD, 0x8021, 0x8057, 0x80FD, 0x8207, 0xC021, 0xC023, 0xC025, 0xC029, 0xC223,
    ]

    // MARK: ARP

    /// Requests and answers about addresses of IPv4 on Ethernet (RFC 826).
    private mutating func readARP(_ bytes: RawSpan) {
        guard bytes.byteCount >= 8 else { return add("arp.pkt_too_small") }
        if bytes.load16(0) != 1 { return add("arp.unsupported_hardware") }
        if bytes.load16(2) != 0x0800 { return add("arp.unsupported_protocol") }
        guard bytes.byteCount >= 28 else { return add("arp.invalid_pkt") }
        if bytes.octet(4) != 6 { return add("arp.invalid_hardware_size") }
        if bytes.octet(5) != 4 { return add("arp.invalid_protocol_size") }
        if !(1...4).contains(bytes.load16(6)) { add("arp.unsupported_opcode") }
    }
}
