// SPDX-License-Identifier: Apache-2.0
//
// Events of decoding on the way from the frame to its datagram: Ethernet, VLAN tags, MPLS, PPPoE, ARP.
//
// Reads   what stands before the datagram.
// Writes  names of events; hands datagrams on.
// Leaves  IP (PacketEvents.swift), tunnels.

import Wire

extension PacketEvents {
    /// Headers that may stand in each other (Suricata's `decoder.max-layers`), and tags of VLANs among them.
    static let layersMax = 16
    private static let tagsMax = 3

    mutating func readEthernet(_ bytes: RawSpan, _ layers: Int) {
        guard bytes.byteCount >= 14 else { return add("ethernet.pkt_too_small") }
        let rest = bytes.extracting(14..<bytes.byteCount)
        guard !readNetwork(bytes.load16(12), rest, tags: 0, layers &+ 1) else { return }
        add("ethernet.unknown_ethertype")
    }

    /// What a type of Ethernet names; false where it names nothing that is known.
    private mutating func readNetwork(_ type: UInt16, _ bytes: RawSpan, tags: Int, _ layers: Int) -> Bool {
        guard layers < PacketEvents.layersMax else { return true }
        switch type {
        case 0x0800: readDatagram(bytes, version: 4, layers)
        case 0x86DD: readDatagram(bytes, version: 6, layers)
        case _ where PacketEvents.isTag(type): return readTag(bytes, tags: tags, layers)
        case 0x8847, 0x8848: readLabels(bytes, layers)
        case 0x8863: readDiscovery(bytes)
        case 0x8864: readSession(bytes, layers)
        case 0x0806: readARP(bytes)
        case 0x88E7:
            guard bytes.byteCount >= 18 else {
                add("ieee8021ah.header_too_small")
                return true
            }
            let rest = bytes.extracting(18..<bytes.byteCount)
            return readNetwork(bytes.load16(16), rest, tags: tags, layers &+ 1)
        // VN-Tag, NSH, DCE.
        case 0x8926, 0x894F, 0x8903: break
        default: return false
        }
        return true
    }

    private static func isTag(_ type: UInt16) -> Bool { type == 0x8100 || type == 0x88A8 || type == 0x9100 }

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
        let type = bytes.load16(2)
        let rest = bytes.extracting(4..<bytes.byteCount)
        guard !readNetwork(type, rest, tags: tags &+ 1, layers &+ 1) else { return true }
        if !PacketEvents.isTag(type) { add("vlan.unknown_type") }
        return false
    }

    /// Labels of MPLS (RFC 3032 section 2.1) to the bottom of their stack; the last says what follows, or nobody does.
    private mutating func readLabels(_ bytes: RawSpan, _ layers: Int) {
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
        case 0 where layers &+ 1 < PacketEvents.layersMax:
            readEthernet(rest.extracting(4..<rest.byteCount), layers &+ 1)
        case 0: break
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
