// SPDX-License-Identifier: Apache-2.0
//
// Link headers, from the link type of the capture to the IP header: Ethernet and
// what stands between it and IP.
//
// Reads   headers of one frame, as a loop over EtherTypes with a bound.
// Writes  tags and hardware addresses into the walk; findings.
// Leaves  other link types to Link+Types.swift.

extension Decoder {
    /// Starts at a link type.
    func link(_ bytes: RawSpan, _ linkType: UInt16, _ walk: inout Walk, _ layers: inout Layers) {
        switch linkType {
        case LinkType.ethernet:
            // Nearly every frame: IP directly behind fourteen octets.
            if bytes.byteCount > 34, isIP(bytes.load16(12)) {
                walk.targetMAC = bytes.load48(0)
                walk.sourceMAC = bytes.load48(6)
                walk.skip(14)
                return ip(bytes, &walk, &layers)
            }
            ethernet(bytes, &walk, &layers)
        case LinkType.raw, LinkType.rawBSD, LinkType.rawOpenBSD, LinkType.ipv4, LinkType.ipv6:
            ip(bytes, &walk, &layers)
        default: otherLink(bytes, linkType, &walk, &layers)
        }
    }

    private func isIP(_ type: UInt16) -> Bool { type == EtherType.ipv4 || type == EtherType.ipv6 }

    /// An Ethernet frame.
    func ethernet(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        guard let type = ethernetHeader(bytes, &walk, &layers) else { return }
        etherType(bytes, type, &walk, &layers)
    }

    /// Follows EtherTypes to the IP header.
    func etherType(_ bytes: RawSpan, _ first: UInt16, _ walk: inout Walk, _ layers: inout Layers) {
        var type = first
        while true {
            guard walk.headersLeft > 0 else {
                return damaged(.max_packet_analyzer_depth_exceeded, walk, &layers)
            }
            walk.headersLeft &-= 1
            let next: UInt16?
            switch type {
            case EtherType.ipv4, EtherType.ipv6: return ip(bytes, &walk, &layers)
            case EtherType.vlan, EtherType.serviceVLAN, EtherType.oldServiceVLAN:
                next = vlanTag(bytes, &walk, &layers)
            case EtherType.mpls, EtherType.mplsMulticast: return mpls(bytes, &walk, &layers)
            case EtherType.pppoe: return pppoe(bytes, &walk, &layers)
            case EtherType.vnTag: next = vnTag(bytes, &walk, &layers)
            case EtherType.backbone: next = backbone(bytes, &walk, &layers)
            case EtherType.bridged: next = ethernetHeader(bytes, &walk, &layers)
            default:
                layers.stop = .notIP(type)
                layers.frame = LinkFrame(type, walk)
                return
            }
            guard let next else { return }
            type = next
        }
    }

    /// 14 octets, or 30 with a FabricPath header before them; then an EtherType, or a length
    /// and LLC. Answers the type that follows, nil where the frame ends here.
    func ethernetHeader(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) -> UInt16? {
        guard walk.available > 16 else {
            damaged(.truncated_ethernet_frame, walk, &layers)
            return nil
        }
        if bytes.load16(walk.offset &+ 12) == EtherType.fabricPath {
            guard walk.available > 30 else {
                damaged(.truncated_link_header_cfp, walk, &layers)
                return nil
            }
            walk.skip(16)
        }
        if walk.depth == 0, walk.targetMAC | walk.sourceMAC == 0 {
            walk.targetMAC = bytes.load48(walk.offset)
            walk.sourceMAC = bytes.load48(walk.offset &+ 6)
        }
        let type = bytes.load16(walk.offset &+ 12)
        walk.skip(14)
        if type >= 1536 { return type }
        guard type <= 1500 else {
            damaged(.undefined_ether_type, walk, &layers)
            return nil
        }
        guard walk.available >= Int(type) else {
            damaged(.truncated_ethernet_frame, walk, &layers)
            return nil
        }
        return logicalLink(bytes, &walk, &layers)
    }

    /// LLC (IEEE 802.2): only SNAP leads on, and Novell's raw 802.3 to nothing.
    private func logicalLink(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) -> UInt16? {
        guard walk.available >= 3 else {
            damaged(.truncated_llc_header, walk, &layers)
            return nil
        }
        guard bytes.load16(walk.offset) == 0xAAAA else {
            layers.stop = .notIP(0)
            layers.frame = LinkFrame(0, walk)
            return nil
        }
        let control = bytes.octet(walk.offset &+ 2)
        let length = control & 3 == 3 ? 3 : 4
        guard walk.available >= length &+ 5 else {
            damaged(.truncated_snap_llc_header, walk, &layers)
            return nil
        }
        let organisation = bytes.load32(walk.offset &+ length &- 1) & 0x00FF_FFFF
        let type = bytes.load16(walk.offset &+ length &+ 3)
        walk.skip(length &+ 5)
        guard organisation == 0 else {
            layers.stop = .notIP(0)
            layers.frame = LinkFrame(type, organisation: organisation, walk)
            return nil
        }
        return type
    }

    /// IEEE 802.1Q, 802.1ad and the older 0x9100.
    private func vlanTag(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) -> UInt16? {
        guard walk.available > 4 else {
            damaged(.truncated_VLAN_header, walk, &layers)
            return nil
        }
        let tag = bytes.load16(walk.offset) & 0x0FFF
        if walk.vlan == 0xFFFF {
            walk.vlan = tag
        } else {
            if walk.innerVLAN != 0xFFFF {
                layers.note(Finding(.triple_tagged_vlan_unsupported, depth: walk.depth, detail: Int32(tag)))
            }
            walk.middleVLAN = walk.innerVLAN
            walk.innerVLAN = tag
        }
        let type = bytes.load16(walk.offset &+ 2)
        walk.skip(4)
        if type >= 1536 { return type }
        guard type <= 1500 else {
            damaged(.undefined_vlan_protocol, walk, &layers)
            return nil
        }
        guard walk.available >= 2 else {
            damaged(.truncated_VLAN_header, walk, &layers)
            return nil
        }
        walk.end = min(walk.end, walk.offset &+ Int(type))
        walk.wireEnd = max(walk.end, min(walk.wireEnd, walk.offset &+ Int(type)))
        return logicalLink(bytes, &walk, &layers)
    }

    /// Cisco's VN-Tag (IEEE 802.1BR): six octets, the last two an EtherType.
    private func vnTag(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) -> UInt16? {
        guard walk.available > 6 else {
            damaged(.truncated_vntag_header, walk, &layers)
            return nil
        }
        defer { walk.skip(6) }
        return bytes.load16(walk.offset &+ 4)
    }

    /// Provider backbone bridging (IEEE 802.1ah): four octets and a whole frame.
    private func backbone(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) -> UInt16? {
        guard walk.available > 18 else {
            damaged(.truncated_PBB_header, walk, &layers)
            return nil
        }
        walk.skip(4)
        return ethernetHeader(bytes, &walk, &layers)
    }

    /// A label stack (RFC 3032). What follows is not named: IP is assumed.
    func mpls(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        while true {
            guard walk.available > 4 else { return damaged(.truncated_link_header, walk, &layers) }
            let isBottom = bytes.octet(walk.offset &+ 2) & 1 != 0
            walk.skip(4)
            if isBottom { return ip(bytes, &walk, &layers) }
        }
    }

    /// A PPPoE session frame (RFC 2516 section 4). Its length, which counts the PPP protocol
    /// number, bounds what follows; short frames are padded, so more on the wire is common.
    private func pppoe(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        guard walk.available > 8 else { return damaged(.truncated_pppoe_header, walk, &layers) }
        let end = walk.offset &+ 6 &+ Int(bytes.load16(walk.offset &+ 4))
        if end < walk.end {
            layers.note(Finding(.pppoe_extra_data_after_payload, depth: walk.depth))
        } else if end > walk.wireEnd {
            layers.note(Finding(.pppoe_truncated_payload, depth: walk.depth))
        }
        walk.skip(6)
        walk.end = max(walk.offset, min(walk.end, end))
        walk.wireEnd = max(walk.end, min(walk.wireEnd, end))
        pppPayload(bytes, &walk, &layers)
    }

    /// The PPP protocol number and what it names. One octet where both ends agreed to compress
    /// it: the upper octet of a number is even, the lower odd (RFC 1661 sections 2 and 6.5).
    func pppPayload(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        guard walk.available > 2 else { return damaged(.truncated_ppp_header, walk, &layers) }
        let first = bytes.octet(walk.offset)
        let isCompressed = first & 1 != 0
        let type = isCompressed ? UInt16(first) : bytes.load16(walk.offset)
        walk.skip(isCompressed ? 1 : 2)
        pppProtocol(bytes, type, &walk, &layers)
    }

    /// PPP protocol numbers (RFC 1661, IANA): IPv4, IPv6, MPLS.
    private func pppProtocol(_ bytes: RawSpan, _ type: UInt16, _ walk: inout Walk, _ layers: inout Layers) {
        switch type {
        case 0x0021, 0x0057: ip(bytes, &walk, &layers)
        case 0x0281, 0x0283: mpls(bytes, &walk, &layers)
        default: layers.stop = .notIP(type)
        }
    }
}
