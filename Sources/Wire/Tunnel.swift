// SPDX-License-Identifier: Apache-2.0
//
// Tunnels directly over IP: IP in IP (RFC 2003, RFC 4213, RFC 2473) and GRE
// (RFC 2784, RFC 2890, RFC 2637) with IP, PPP, Ethernet, ERSPAN and 802.11 inside.
//
// Reads   the payload of a layer that is already in the list.
// Writes  the layer's `tunnel`; the layers inside; findings.
// Leaves  tunnels over UDP to Tunnel+UDP.swift. What is inside is bounded by the outer IP
//         length, so link padding never reaches the inner packet.

/// What stands behind a tunnel header.
enum InnerForm {
    case ethernet, ip, mpls, wireless
    case etherType(UInt16)
}

/// Whether an inner datagram fills its carrier exactly.
enum InnerFit {
    case exact, tooShort, tooLong, notIP
}

extension Decoder {
    /// The place inside `layer` where the inner packet begins, one tunnel deeper.
    func inside(_ layer: Layer, _ index: UInt8, at offset: Int, _ walk: Walk) -> Walk {
        var inner = walk
        inner.offset = offset
        inner.end = Int(layer.payloadOffset) &+ Int(layer.capturedLength)
        inner.wireEnd = Int(layer.payloadOffset) &+ Int(layer.payloadLength)
        inner.outer = index
        inner.depth = layer.depth &+ 1
        inner.headersLeft = Decoder.linkHeadersMax
        return inner
    }

    /// Decodes what a tunnel carries. The tags of an inner frame are its own; an inner
    /// datagram without a frame keeps those around it.
    func enter(
        _ form: InnerForm, _ kind: TunnelKind, _ bytes: RawSpan, _ walk: Walk, _ layers: inout Layers
    ) {
        var inner = walk
        inner.carrier = kind
        switch form {
        case .ip: ip(bytes, &inner, &layers)
        case .mpls: mpls(bytes, &inner, &layers)
        case .ethernet:
            (inner.vlan, inner.middleVLAN, inner.innerVLAN) = (0xFFFF, 0xFFFF, 0xFFFF)
            ethernet(bytes, &inner, &layers)
        case .wireless:
            (inner.vlan, inner.middleVLAN, inner.innerVLAN) = (0xFFFF, 0xFFFF, 0xFFFF)
            wireless(bytes, &inner, &layers)
        case .etherType(let type): etherType(bytes, type, &inner, &layers)
        }
    }

    /// Refuses a tunnel inside too many others; true where it was refused.
    func isTooDeep(_ layer: Layer, _ layers: inout Layers) -> Bool {
        guard layer.depth >= Decoder.depthMax else { return false }
        layers.note(Finding(.exceeded_tunnel_max_depth, in: layer))
        layers.stop = .tunnelTooDeep
        return true
    }

    /// Compares an inner header of the version that `protocolNumber` names with the room for it.
    func innerFit(_ bytes: RawSpan, _ walk: Walk, protocolNumber: UInt8) -> InnerFit {
        let isV6 = protocolNumber == IPProtocol.ipv6
        let start = walk.offset
        guard walk.available >= (isV6 ? 40 : 20) else { return isV6 ? .tooShort : .notIP }
        guard bytes.octet(start) >> 4 == (isV6 ? 6 : 4) else { return .notIP }
        let total = isV6 ? Int(bytes.load16(start &+ 4)) &+ 40 : Int(bytes.load16(start &+ 2))
        let room = walk.wireEnd &- start
        return room == total ? .exact : room < total ? .tooShort : .tooLong
    }

    /// IP protocols 4, 41 and 47. They make no connection of their own.
    func ipTunnel(_ bytes: RawSpan, _ index: UInt8, _ walk: Walk, _ layers: inout Layers) {
        let layer = layers[Int(index)]
        guard layer.protocolNumber != IPProtocol.gre else {
            let start = Int(layer.payloadOffset)
            return gre(bytes, index, from: start, walk, &layers)
        }
        layers[Int(index)].tunnel = .ip
        if isTooDeep(layer, &layers) { return }
        let inner = inside(layer, index, at: Int(layer.payloadOffset), walk)
        checkedIP(bytes, layer, .ip, inner, layer.protocolNumber, &layers)
    }

    /// An inner datagram that must fill its carrier.
    private func checkedIP(
        _ bytes: RawSpan, _ layer: Layer, _ kind: TunnelKind, _ inner: Walk, _ number: UInt8,
        _ layers: inout Layers
    ) {
        switch innerFit(bytes, inner, protocolNumber: number) {
        case .exact: enter(.ip, kind, bytes, inner, &layers)
        case .tooShort: damaged(.truncated_inner_IP, in: layer, &layers)
        case .tooLong: damaged(.inner_IP_payload_length_mismatch, in: layer, &layers)
        case .notIP: damaged(.invalid_inner_IP_version, in: layer, &layers)
        }
    }

    // MARK: - GRE

    /// A GRE header at `start`, inside the payload of the layer at `index`.
    func gre(_ bytes: RawSpan, _ index: UInt8, from start: Int, _ walk: Walk, _ layers: inout Layers) {
        let layer = layers[Int(index)]
        layers[Int(index)].tunnel = .gre
        var inner = inside(layer, index, at: start, walk)
        guard inner.available >= 4 else { return damaged(.truncated_GRE, in: layer, &layers) }
        let flags = bytes.load16(start)
        let type = bytes.load16(start &+ 2)
        let version = flags & 7
        guard version <= 1 else {
            return damaged(.unknown_gre_version, in: layer, &layers, detail: Int32(version))
        }
        guard version == 0 || type == EtherType.ppp else {
            return damaged(.egre_protocol_type, in: layer, &layers, detail: Int32(type))
        }
        guard flags & 0x4000 == 0 else { return damaged(.gre_routing, in: layer, &layers) }
        guard flags & 0x0078 == 0 else { return damaged(.unknown_gre_flags, in: layer, &layers) }
        // Checksum, key, sequence and (version 1) acknowledgement: four octets each.
        var length = 4
        length &+= (flags & 0xB080).nonzeroBitCount &* 4
        guard inner.available >= length else { return damaged(.truncated_GRE, in: layer, &layers) }
        inner.skip(length)
        if version == 1 { return pptp(bytes, layer, inner, &layers) }
        var form = InnerForm.ip
        switch type {
        case EtherType.bridged: form = .ethernet
        case EtherType.erspan2, EtherType.erspan3:
            guard let skipped = erspanLength(bytes, inner, type, hasSequence: flags & 0x1000 != 0) else {
                return damaged(.truncated_GRE, in: layer, &layers)
            }
            inner.skip(skipped)
            form = .ethernet
        case EtherType.mpls, EtherType.mplsMulticast: form = .mpls
        default: if isAruba(type) { form = .wireless }
        }
        if case .ethernet = form, inner.available <= 14 { return damaged(.truncated_GRE, in: layer, &layers) }
        // An empty payload is a keep-alive.
        guard inner.available > 0 else {
            layers.stop = .ended
            return
        }
        if isTooDeep(layer, &layers) { return }
        enter(form, .gre, bytes, inner, &layers)
    }

    /// Enhanced GRE (RFC 2637) carries PPP with HDLC-like framing.
    private func pptp(_ bytes: RawSpan, _ layer: Layer, _ walk: Walk, _ layers: inout Layers) {
        var inner = walk
        guard inner.available >= 4 else { return damaged(.truncated_GRE, in: layer, &layers) }
        let type = bytes.load16(inner.offset &+ 2)
        inner.skip(4)
        guard type == 0x0021 || type == 0x0057 else {
            return damaged(.non_ip_packet_in_encap, in: layer, &layers)
        }
        if isTooDeep(layer, &layers) { return }
        checkedIP(bytes, layer, .gre, inner, type == 0x0021 ? IPProtocol.ipv4 : IPProtocol.ipv6, &layers)
    }

    /// Octets of an ERSPAN header: none in type I (no sequence number), 8 in type II, 12 or 20 in
    /// type III (with the platform subheader that the last bit of the twelve announces).
    private func erspanLength(_ bytes: RawSpan, _ walk: Walk, _ type: UInt16, hasSequence: Bool) -> Int? {
        if type == EtherType.erspan2 {
            let length = hasSequence ? 8 : 0
            return walk.available > length &+ 14 ? length : nil
        }
        guard walk.available > 26 else { return nil }
        guard bytes.octet(walk.offset &+ 11) & 1 != 0 else { return 12 }
        return walk.available > 34 ? 20 : nil
    }

    /// The types under which Aruba's access points send 802.11 frames.
    private func isAruba(_ type: UInt16) -> Bool {
        if type == 0x9000 { return true }
        guard type & 0x0F == 0 else { return false }
        return type & 0x8200 == 0x8200 && (type & 0x8300 != 0x8300 || type <= 0x8370)
    }
}
