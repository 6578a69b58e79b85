// SPDX-License-Identifier: Apache-2.0
//
// Link types other than Ethernet and raw IP: PPP, HDLC, BSD loopback, Linux cooked
// captures, NFLOG and 802.11. Layouts are those of tcpdump.org/linktypes.html.
//
// Reads   one link header.
// Writes  hardware addresses into the walk; findings.
// Leaves  what follows to Link.swift and IP.swift.

extension Decoder {
    func otherLink(_ bytes: RawSpan, _ linkType: UInt16, _ walk: inout Walk, _ layers: inout Layers) {
        switch linkType {
        case LinkType.ppp, LinkType.pppHDLC: ppp(bytes, linkType, &walk, &layers)
        case LinkType.null, LinkType.loop: loopback(bytes, &walk, &layers)
        case LinkType.ciscoHDLC:
            guard walk.available > 4 else { return damaged(.truncated_link_header, walk, &layers) }
            let type = bytes.load16(walk.offset &+ 2)
            walk.skip(4)
            etherType(bytes, type, &walk, &layers)
        case LinkType.linuxCooked: cooked(bytes, &walk, &layers)
        case LinkType.linuxCooked2: cooked2(bytes, &walk, &layers)
        case LinkType.nflog: nflog(bytes, &walk, &layers)
        case LinkType.wireless: wireless(bytes, &walk, &layers)
        case LinkType.radiotap: radiotap(bytes, &walk, &layers)
        default: layers.stop = .notIP(0)
        }
    }

    /// PPP (RFC 1661), with or without the two octets of HDLC-like framing (RFC 1662).
    private func ppp(_ bytes: RawSpan, _ linkType: UInt16, _ walk: inout Walk, _ layers: inout Layers) {
        let isSerial = linkType == LinkType.pppHDLC
        guard walk.available > 2 else {
            return damaged(isSerial ? .truncated_ppp_serial_header : .truncated_ppp_header, walk, &layers)
        }
        if isSerial || bytes.load16(walk.offset) == 0xFF03 {
            guard walk.available > 4 else {
                return damaged(isSerial ? .truncated_ppp_serial_header : .truncated_ppp_hdlc_header, walk, &layers)
            }
            walk.skip(2)
        }
        pppPayload(bytes, &walk, &layers)
    }

    /// An address family in four octets, in the byte order of whoever captured (NULL) or of
    /// the network (LOOP): both are tried. IPv6 has a different number on each system.
    private func loopback(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        guard walk.available > 4 else { return damaged(.null_analyzer_failed, walk, &layers) }
        let word = bytes.load32(walk.offset)
        let family = word > 0xFFFF ? word.byteSwapped : word
        walk.skip(4)
        switch family {
        case 2, 10, 24, 28, 30: ip(bytes, &walk, &layers)
        default: layers.stop = .notIP(UInt16(truncatingIfNeeded: family))
        }
    }

    private func cooked(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        guard walk.available > 16 else { return damaged(.truncated_Linux_SLL_header, walk, &layers) }
        if bytes.load16(walk.offset &+ 4) == 6 { walk.sourceMAC = bytes.load48(walk.offset &+ 6) }
        let type = bytes.load16(walk.offset &+ 14)
        walk.skip(16)
        etherType(bytes, type, &walk, &layers)
    }

    private func cooked2(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        guard walk.available > 20 else { return damaged(.truncated_Linux_SLL2_header, walk, &layers) }
        if bytes.octet(walk.offset &+ 11) == 6 { walk.sourceMAC = bytes.load48(walk.offset &+ 12) }
        let type = bytes.load16(walk.offset)
        walk.skip(20)
        etherType(bytes, type, &walk, &layers)
    }

    /// Netfilter's log: a family, then attributes in the host's byte order (little-endian
    /// here) until the one that holds the packet.
    private func nflog(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        guard walk.available > 4 else { return damaged(.truncated_nflog_header, walk, &layers) }
        let family = bytes.octet(walk.offset)
        let version = bytes.octet(walk.offset &+ 1)
        guard version == 0 else {
            return damaged(.unknown_nflog_version, walk, &layers, detail: Int32(version))
        }
        walk.skip(4)
        while true {
            guard walk.available > 4 else { return damaged(.nflog_no_pcap_payload, walk, &layers) }
            let length = Int(bytes.load16(walk.offset).byteSwapped)
            let type = bytes.load16(walk.offset &+ 2).byteSwapped & 0x7FFF
            if type == 9 {
                walk.skip(4)
                break
            }
            guard length >= 4 else { return damaged(.nflog_bad_tlv_len, walk, &layers) }
            walk.skip((length &+ 3) & ~3)
        }
        switch family {
        case 2, 10: ip(bytes, &walk, &layers)
        default: layers.stop = .notIP(UInt16(family))
        }
    }

    private func radiotap(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        guard walk.available > 3 else { return damaged(.truncated_radiotap_header, walk, &layers) }
        let length = Int(bytes.load16(walk.offset &+ 2).byteSwapped)
        guard walk.available > length, length >= 8 else {
            return damaged(.truncated_radiotap_header, walk, &layers)
        }
        walk.skip(length)
        wireless(bytes, &walk, &layers)
    }

    /// A data frame of IEEE 802.11; management, control, empty and encrypted frames end here.
    func wireless(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        guard walk.available > 24 else { return damaged(.truncated_802_11_header, walk, &layers) }
        let start = walk.offset
        let control = bytes.octet(start)
        let flags = bytes.octet(start &+ 1)
        layers.stop = .notIP(0)
        guard control & 0x0C == 0x08, control & 0x40 == 0, flags & 0x40 == 0 else { return }
        var length = flags & 3 == 3 ? 30 : 24
        let hasQuality = control & 0x80 != 0
        if hasQuality { length &+= 2 }
        guard walk.available > length else { return damaged(.truncated_802_11_header, walk, &layers) }
        let isAggregate = hasQuality && bytes.octet(start &+ length &- 2) & 0x80 != 0
        setWirelessAddresses(bytes, flags & 3, &walk)
        walk.skip(length)
        if isAggregate { return aggregate(bytes, &walk, &layers) }
        _ = wirelessPayload(bytes, &walk, &layers)
    }

    /// Which of the four addresses are source and target depends on the two DS bits.
    private func setWirelessAddresses(_ bytes: RawSpan, _ direction: UInt8, _ walk: inout Walk) {
        guard walk.depth == 0, walk.targetMAC | walk.sourceMAC == 0 else { return }
        let start = walk.offset
        switch direction {
        case 0: (walk.sourceMAC, walk.targetMAC) = (bytes.load48(start &+ 10), bytes.load48(start &+ 4))
        case 1: (walk.sourceMAC, walk.targetMAC) = (bytes.load48(start &+ 10), bytes.load48(start &+ 16))
        case 2: (walk.sourceMAC, walk.targetMAC) = (bytes.load48(start &+ 16), bytes.load48(start &+ 4))
        default: (walk.sourceMAC, walk.targetMAC) = (bytes.load48(start &+ 24), bytes.load48(start &+ 16))
        }
    }

    /// LLC and SNAP with an EtherType; false where it is anything else.
    private func wirelessPayload(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) -> Bool {
        guard walk.available >= 8 else {
            damaged(.truncated_802_11_llc_header, walk, &layers)
            return false
        }
        guard bytes.load32(walk.offset) == 0xAAAA_0300, bytes.load16(walk.offset &+ 4) == 0 else {
            layers.stop = .notIP(0)
            return false
        }
        let type = bytes.load16(walk.offset &+ 6)
        walk.skip(8)
        etherType(bytes, type, &walk, &layers)
        return true
    }

    /// Several payloads in one frame (A-MSDU), each with a header of 14 octets and padded to a
    /// multiple of four. Each gives its own outermost layer.
    private func aggregate(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        let end = walk.end
        while walk.offset < end {
            guard end &- walk.offset >= 14 else {
                return damaged(.truncated_802_11_amsdu_header, walk, &layers)
            }
            let length = Int(bytes.load16(walk.offset &+ 12))
            guard end &- walk.offset &- 14 >= length else {
                return damaged(.truncated_802_11_amsdu_packet, walk, &layers)
            }
            walk.skip(14)
            let next = walk.offset &+ length
            var part = walk
            part.end = next
            part.wireEnd = next
            part.headersLeft = walk.headersLeft
            guard wirelessPayload(bytes, &part, &layers) else {
                return damaged(.invalid_802_11_amsdu_inner_packet, walk, &layers)
            }
            // A frame of 2304 octets could hold hundreds of parts, each a packet of its own.
            walk.headersLeft &-= 1
            guard walk.headersLeft > 0, layers.count < Layers.layersMax else { return }
            walk.offset = paddedEnd(from: next, length: length, end: end)
        }
    }

    /// Padding brings header and payload of a part to a multiple of four octets.
    private func paddedEnd(from next: Int, length: Int, end: Int) -> Int {
        min(end, next &+ (4 &- (length &+ 14) & 3) & 3)
    }
}
