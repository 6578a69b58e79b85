// SPDX-License-Identifier: Apache-2.0
//
// Tunnels over UDP: VXLAN (RFC 7348), Geneve (RFC 8926), GTP version 1
// (3GPP TS 29.060, 29.281), Teredo (RFC 4380), AYIYA (draft-massar-v6ops-ayiya),
// GRE in UDP (RFC 8086).
//
// Reads   the payload of a UDP layer that is already in the list.
// Writes  the layer's `tunnel`, `tunnelVerdict` and `checksum`; the layers inside.
// Leaves  to the caller: whether an earlier violation on the connection makes it ignore
//         what is inside, and whether Teredo was seen from both sides.

extension Decoder {
    /// Looks for a tunnel in a UDP datagram: by the target's port, by the source's, by content.
    func udpTunnel(_ bytes: RawSpan, _ index: UInt8, _ walk: Walk, _ layers: inout Layers) {
        let captured = Int(layers[Int(index)].capturedLength)
        guard captured >= 8 else { return }
        let start = Int(layers[Int(index)].payloadOffset)
        let kind =
            tunnelKind(port: bytes.load16(start &+ 2)) ?? tunnelKind(port: bytes.load16(start))
            ?? tunnelKind(bytes, start &+ 8, count: captured &- 8)
        guard let kind else { return }
        let layer = layers[Int(index)]
        if !ignoringChecksums {
            let isGood = transportChecksumIsGood(bytes, layer, vxlanPort: ports.vxlan)
            layers[Int(index)].checksum = isGood ? .good : .bad
            guard isGood else { return }
        }
        if kind == .gre { return gre(bytes, index, from: start &+ 8, walk, &layers) }
        layers[Int(index)].tunnel = kind
        if isTooDeep(layer, &layers) { return }
        let inner = inside(layer, index, at: start &+ 8, walk)
        switch kind {
        case .vxlan: vxlan(bytes, index, inner, &layers)
        case .geneve: geneve(bytes, index, inner, &layers)
        case .gtpv1: gtp(bytes, index, inner, &layers)
        case .teredo: teredo(bytes, index, inner, &layers)
        case .ayiya: ayiya(bytes, index, inner, &layers)
        case .none, .ip, .gre: break
        }
    }

    private func tunnelKind(port: UInt16) -> TunnelKind? {
        switch port {
        case ports.vxlan: .vxlan
        case ports.geneve: .geneve
        case ports.gtpUser, ports.gtpControl: .gtpv1
        case ports.teredo: .teredo
        case ports.ayiya: .ayiya
        case ports.gre: .gre
        default: nil
        }
    }

    /// AYIYA and Teredo are known by their octets on any port.
    private func tunnelKind(_ bytes: RawSpan, _ start: Int, count: Int) -> TunnelKind? {
        guard count >= 3 else { return nil }
        let second = bytes.octet(start &+ 1)
        if second == 0x52, bytes.octet(start &+ 2) == 0x11 { return .ayiya }
        guard count >= 40 else { return nil }
        let first = bytes.octet(start)
        guard first >> 4 == 6 || (first == 0 && second <= 1) else { return nil }
        let isV6 = first >> 4 == 6
        // An IPv6 header whose source or target has the Teredo prefix.
        if isV6, bytes.load32(start &+ 8) == 0x2001_0000 || bytes.load32(start &+ 24) == 0x2001_0000 {
            return .teredo
        }
        var place = start
        let end = start &+ count
        if second == 1 {
            place &+= 13 &+ Int(bytes.octet(start &+ 2)) &+ Int(bytes.octet(start &+ 3))
            guard end &- place >= 48, bytes.load16(place) == 0 else { return nil }
        } else if second != 0 {
            return nil
        }
        // An origin indication, then a header of IPv6.
        guard end &- place >= 48, bytes.octet(place &+ 8) >> 4 == 6 else { return nil }
        return .teredo
    }

    private func violation(_ index: UInt8, _ layers: inout Layers) {
        layers[Int(index)].tunnelVerdict = .violation
        layers.stop = .complete
    }

    // MARK: - VXLAN, Geneve, AYIYA

    private func vxlan(_ bytes: RawSpan, _ index: UInt8, _ walk: Walk, _ layers: inout Layers) {
        var inner = walk
        guard inner.available >= 8, bytes.octet(inner.offset) & 8 != 0 else { return violation(index, &layers) }
        inner.skip(8)
        layers[Int(index)].tunnelVerdict = .decapsulated
        guard inner.available > 0 else {
            return layers.note(Finding(.vxlan_empty_packet, in: layers[Int(index)]))
        }
        enter(.ethernet, .vxlan, bytes, inner, &layers)
    }

    private func geneve(_ bytes: RawSpan, _ index: UInt8, _ walk: Walk, _ layers: inout Layers) {
        var inner = walk
        guard inner.available >= 8 else { return violation(index, &layers) }
        let first = bytes.octet(inner.offset)
        guard first >> 6 == 0 else {
            return layers.note(
                Finding(.geneve_invalid_version, in: layers[Int(index)], detail: Int32(first >> 6)))
        }
        let length = 8 &+ Int(first & 0x3F) &* 4
        guard inner.available >= length else { return violation(index, &layers) }
        let type = bytes.load16(inner.offset &+ 2)
        inner.skip(length)
        layers[Int(index)].tunnelVerdict = .decapsulated
        guard inner.available > 0 else {
            return layers.note(Finding(.geneve_empty_packet, in: layers[Int(index)]))
        }
        enter(type == EtherType.bridged ? .ethernet : .etherType(type), .geneve, bytes, inner, &layers)
    }

    /// A header of eight octets, an identity of 2^n and a signature of 4·n; operation 1 forwards.
    private func ayiya(_ bytes: RawSpan, _ index: UInt8, _ walk: Walk, _ layers: inout Layers) {
        var inner = walk
        guard inner.available >= 8 else { return violation(index, &layers) }
        let identity = 1 &<< Int(bytes.octet(inner.offset) >> 4)
        let length = 8 &+ identity &+ Int(bytes.octet(inner.offset &+ 1) >> 4) &* 4
        guard inner.available >= length else { return violation(index, &layers) }
        guard bytes.octet(inner.offset &+ 2) & 0x0F == 1 else { return }
        let next = bytes.octet(inner.offset &+ 3)
        inner.skip(length)
        layers[Int(index)].tunnelVerdict = .decapsulated
        guard inner.available > 0 else {
            return layers.note(Finding(.ayiya_empty_packet, in: layers[Int(index)]))
        }
        guard next == IPProtocol.ipv4 || next == IPProtocol.ipv6 else { return }
        enter(.ip, .ayiya, bytes, inner, &layers)
    }

    // MARK: - GTP

    /// Only G-PDUs (type 255) carry packets; the other messages are left to the application.
    private func gtp(_ bytes: RawSpan, _ index: UInt8, _ walk: Walk, _ layers: inout Layers) {
        guard walk.available >= 8 else { return violation(index, &layers) }
        let start = walk.offset
        let flags = bytes.octet(start)
        // GTP is never carried in GTP: the inner port is chance.
        let outer = Int(layers[Int(index)].outer)
        if outer < layers.count, layers[outer].tunnel == .gtpv1 { return violation(index, &layers) }
        guard flags >> 5 == 1 else { return violation(index, &layers) }
        guard flags & 0x10 != 0, bytes.octet(start &+ 1) == 255 else { return }
        var inner = walk
        inner.skip(8)
        if flags & 7 != 0 {
            guard inner.available >= 4 else { return violation(index, &layers) }
            var next = flags & 4 != 0 ? bytes.octet(inner.offset &+ 3) : 0
            inner.skip(4)
            // Each extension has at least four octets, so the packet bounds their number.
            while next != 0 {
                guard inner.available >= 4 else { return violation(index, &layers) }
                let length = Int(bytes.octet(inner.offset)) &* 4
                guard length >= 4, inner.available >= length else { return violation(index, &layers) }
                next = bytes.octet(inner.offset &+ length &- 1)
                inner.skip(length)
            }
        }
        guard inner.available >= 20 else { return violation(index, &layers) }
        let number = bytes.octet(inner.offset) >> 4 == 6 ? IPProtocol.ipv6 : IPProtocol.ipv4
        guard innerFit(bytes, inner, protocolNumber: number) == .exact else { return violation(index, &layers) }
        layers[Int(index)].tunnelVerdict = .decapsulated
        enter(.ip, .gtpv1, bytes, inner, &layers)
    }

    // MARK: - Teredo

    /// At most one authentication header, at most one origin indication behind it, then IPv6.
    private func teredo(_ bytes: RawSpan, _ index: UInt8, _ walk: Walk, _ layers: inout Layers) {
        var inner = walk
        guard skipTeredoHeaders(bytes, index, &inner, &layers) else { return violation(index, &layers) }
        switch innerFit(bytes, inner, protocolNumber: IPProtocol.ipv6) {
        case .exact: break
        case .tooLong:
            // A bubble (no next header, no payload) may be followed by anything.
            let isBubble =
                bytes.load16(inner.offset &+ 4) == 0 && bytes.octet(inner.offset &+ 6) == IPProtocol.noNext
            guard isBubble else { return violation(index, &layers) }
            layers.note(Finding(.Teredo_bubble_with_payload, in: layers[Int(index)]))
        case .tooShort, .notIP: return violation(index, &layers)
        }
        layers[Int(index)].tunnelVerdict = .decapsulated
        enter(.ip, .teredo, bytes, inner, &layers)
    }

    private func skipTeredoHeaders(
        _ bytes: RawSpan, _ index: UInt8, _ walk: inout Walk, _ layers: inout Layers
    ) -> Bool {
        let layer = layers[Int(index)]
        var hasOrigin = false
        var hasAuthentication = false
        while true {
            guard walk.available >= 2 else {
                layers.note(Finding(.truncated_Teredo, in: layer))
                return false
            }
            let tag = bytes.load16(walk.offset)
            switch tag {
            case 0:
                if hasOrigin { return false }
                guard walk.available >= 8 else {
                    layers.note(Finding(.truncated_Teredo_origin_indication, in: layer))
                    return false
                }
                hasOrigin = true
                walk.skip(8)
            case 1:
                if hasOrigin || hasAuthentication { return false }
                guard walk.available >= 4 else {
                    layers.note(Finding(.truncated_Teredo_authentication, in: layer))
                    return false
                }
                let length =
                    13 &+ Int(bytes.octet(walk.offset &+ 2)) &+ Int(bytes.octet(walk.offset &+ 3))
                guard walk.available >= length else {
                    layers.note(Finding(.truncated_Teredo_authentication, in: layer))
                    return false
                }
                hasAuthentication = true
                walk.skip(length)
            default:
                guard tag >> 12 == 6 else { return false }
                guard walk.available >= 40 else {
                    layers.note(Finding(.truncated_IPv6_in_Teredo, in: layer))
                    return false
                }
                return true
            }
        }
    }
}
