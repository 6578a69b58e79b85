// SPDX-License-Identifier: Apache-2.0
//
// IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200, RFC 6275, RFC 4302).
//
// Reads   the header at the walk's offset.
// Writes  one layer, or a finding.
// Leaves  tunnels to Tunnel.swift, transport headers to Transport.swift. Lengths are
//         believed only where both the wire and the capture have room for them.

/// IP protocol numbers that the decoder or its callers look at.
public enum IPProtocol {
    public static let hopByHop: UInt8 = 0
    public static let icmp: UInt8 = 1
    public static let ipv4: UInt8 = 4
    public static let tcp: UInt8 = 6
    public static let udp: UInt8 = 17
    public static let ipv6: UInt8 = 41
    public static let routing: UInt8 = 43
    public static let fragment: UInt8 = 44
    public static let gre: UInt8 = 47
    public static let esp: UInt8 = 50
    public static let authentication: UInt8 = 51
    public static let icmpV6: UInt8 = 58
    public static let noNext: UInt8 = 59
    public static let targetOptions: UInt8 = 60
    public static let mobility: UInt8 = 135
}

extension Decoder {
    /// IPv6 extension headers in one datagram; a jumble of them is an attack.
    static let extensionsMax = 32

    /// Reads the IP header at the walk's offset, whatever its version.
    func ip(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        guard walk.available >= 20 else { return damaged(.truncated_IP, walk, &layers) }
        switch bytes.octet(walk.offset) >> 4 {
        case 4: ipv4(bytes, &walk, &layers)
        case 6:
            guard walk.available >= 40 else { return damaged(.truncated_IP, walk, &layers) }
            ipv6(bytes, &walk, &layers)
        default: damaged(.unknown_ip_version, walk, &layers)
        }
    }

    private func makeLayer(_ walk: Walk, version: UInt8) -> Layer {
        var layer = Layer()
        layer.version = version
        layer.sourceMAC = walk.sourceMAC
        layer.targetMAC = walk.targetMAC
        layer.vlan = walk.vlan
        layer.middleVLAN = walk.middleVLAN
        layer.innerVLAN = walk.innerVLAN
        layer.outer = walk.outer
        layer.depth = walk.depth
        layer.reassemblies = walk.reassemblies
        layer.ipOffset = UInt32(truncatingIfNeeded: walk.offset)
        if walk.wireEnd <= walk.end { layer.flags = Layer.wholeFlag }
        return layer
    }

    // MARK: - IPv4

    private func ipv4(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        let start = walk.offset
        let headerLength = Int(bytes.octet(start) & 0x0F) &* 4
        var total = Int(bytes.load16(start &+ 2))
        var layer = makeLayer(walk, version: 4)
        layer.totalLength = UInt32(truncatingIfNeeded: total)
        if total == 0 {
            layers.note(Finding(.ip_hdr_len_zero, depth: walk.depth))
            guard ignoringChecksums else {
                layers.stop = .dropped
                return
            }
            total = walk.available
        }
        guard walk.wireEnd &- start >= total else { return damaged(.truncated_IP_len, walk, &layers) }
        guard headerLength <= total else { return damaged(.invalid_IP_header_size, walk, &layers) }
        guard headerLength <= walk.available else {
            return damaged(.internally_truncated_header, walk, &layers)
        }
        guard headerLength >= 20 else { return damaged(.IPv4_min_header_size, walk, &layers) }
        layer.sourceLow = 0xFFFF_0000_0000 | UInt64(bytes.load32(start &+ 12))
        layer.targetLow = 0xFFFF_0000_0000 | UInt64(bytes.load32(start &+ 16))
        layer.ttl = bytes.octet(start &+ 8)
        layer.protocolNumber = bytes.octet(start &+ 9)
        if !ignoringChecksums, !isHeaderGood(bytes, start, headerLength) {
            layers.note(Finding(.bad_IP_checksum, in: layer))
            guard ignoringHeaderChecksums else {
                layers.stop = .dropped
                return
            }
        }
        setPayload(&layer, walk, from: start &+ headerLength, end: start &+ total)
        let fragment = bytes.load16(start &+ 6)
        if fragment & 0x4000 != 0 { layer.flags |= Layer.doNotFragmentFlag }
        if fragment & 0x3FFF != 0 {
            layer.identification = UInt32(bytes.load16(start &+ 4))
            layer.fragmentOffset = (fragment & 0x1FFF) &<< 3
            if fragment & 0x2000 != 0 { layer.flags |= Layer.moreFlag }
            guard isReadable(fragment: layer, &layers) else { return }
        }
        payload(bytes, layer, &walk, &layers)
    }

    /// The header's checksum. Twenty octets are added word by word: nearly all headers have them.
    private func isHeaderGood(_ bytes: RawSpan, _ start: Int, _ count: Int) -> Bool {
        guard count == 20 else { return bytes.onesComplementSum(at: start, count: count) == 0xFFFF }
        let first = bytes.load64(start)
        let second = bytes.load64(start &+ 8)
        let mask: UInt64 = 0xFFFF_FFFF
        var sum = (first >> 32) &+ (first & mask) &+ (second >> 32) &+ (second & mask)
        sum &+= UInt64(bytes.load32(start &+ 16))
        sum = (sum >> 32) &+ (sum & mask)
        sum = (sum >> 16) &+ (sum & 0xFFFF)
        sum = (sum >> 16) &+ (sum & 0xFFFF)
        return (sum >> 16) &+ (sum & 0xFFFF) == 0xFFFF
    }

    private func setPayload(_ layer: inout Layer, _ walk: Walk, from offset: Int, end: Int) {
        layer.payloadOffset = UInt32(truncatingIfNeeded: offset)
        layer.payloadLength = UInt32(truncatingIfNeeded: max(0, end &- offset))
        layer.capturedLength = UInt32(truncatingIfNeeded: max(0, min(end, walk.end) &- offset))
    }

    /// Decides about a fragment: whole ones stop for reassembly, of cut ones only the first
    /// can be read, as if it were a datagram.
    private func isReadable(fragment layer: Layer, _ layers: inout Layers) -> Bool {
        guard layer.capturedLength == layer.payloadLength else {
            layers.note(Finding(.incompletely_captured_fragment, in: layer))
            if layer.fragmentOffset == 0 { return true }
            layers.stop = .damaged
            return false
        }
        var layer = layer
        layer.flags |= Layer.fragmentFlag
        layers.stop = layers.append(layer) == nil ? .tunnelTooDeep : .fragment
        return false
    }

    // MARK: - IPv6

    private func ipv6(_ bytes: RawSpan, _ walk: inout Walk, _ layers: inout Layers) {
        let start = walk.offset
        var layer = makeLayer(walk, version: 6)
        let total = Int(bytes.load16(start &+ 4)) &+ 40
        layer.totalLength = UInt32(truncatingIfNeeded: total)
        layer.ttl = bytes.octet(start &+ 7)
        layer.sourceHigh = bytes.load64(start &+ 8)
        layer.sourceLow = bytes.load64(start &+ 16)
        layer.targetHigh = bytes.load64(start &+ 24)
        layer.targetLow = bytes.load64(start &+ 32)
        var chain = Extensions(next: bytes.octet(start &+ 6), offset: start &+ 40)
        let isWhole = chain.read(bytes, end: walk.end, &layer, &layers)
        guard walk.wireEnd &- start >= total else { return damaged(.truncated_IP_len, walk, &layers) }
        guard chain.offset &- start <= total else { return damaged(.invalid_IP_header_size, walk, &layers) }
        guard isWhole else { return damaged(.internally_truncated_header, walk, &layers) }
        layer.protocolNumber = chain.next
        setPayload(&layer, walk, from: chain.offset, end: start &+ total)
        switch chain.last {
        case IPProtocol.fragment:
            let field = bytes.load16(chain.offset &- 6)
            layer.fragmentOffset = field & 0xFFF8
            layer.identification = bytes.load32(chain.offset &- 4)
            if field & 1 != 0 { layer.flags |= Layer.moreFlag }
            guard isReadable(fragment: layer, &layers) else { return }
        case IPProtocol.esp:
            layers.stop = .ended
            return
        case IPProtocol.mobility:
            return mobility(bytes, layer, start: chain.lastOffset, &layers)
        default: break
        }
        guard chain.next != IPProtocol.noNext else {
            if walk.carrier != .teredo { layers.note(Finding(.ipv6_no_next, in: layer)) }
            layers.stop = .ended
            return
        }
        payload(bytes, layer, &walk, &layers)
    }

    /// The mobility header (RFC 6275 section 6.1) ends a datagram.
    private func mobility(_ bytes: RawSpan, _ layer: Layer, start: Int, _ layers: inout Layers) {
        let count = (Int(bytes.octet(start &+ 1)) &+ 1) &* 8
        if !ignoringChecksums, bytes.holds(count, at: start) {
            var sum = ChecksumSum()
            sum.add(
                pseudoHeaderOf: layer, protocolNumber: IPProtocol.mobility,
                length: UInt32(truncatingIfNeeded: count))
            sum.add(bytes.onesComplementSum(at: start, count: count))
            if sum.folded != 0xFFFF { return damaged(.bad_MH_checksum, in: layer, &layers) }
        }
        if layer.protocolNumber != IPProtocol.noNext { layers.note(Finding(.mobility_piggyback, in: layer)) }
        layers.stop = .ended
    }

    // MARK: - What IP carries

    /// Appends the layer and goes on into tunnels.
    private func payload(_ bytes: RawSpan, _ layer: Layer, _ walk: inout Walk, _ layers: inout Layers) {
        guard let index = layers.append(layer) else {
            layers.stop = .tunnelTooDeep
            return
        }
        layers.stop = .complete
        switch layer.protocolNumber {
        case IPProtocol.udp: udpTunnel(bytes, index, walk, &layers)
        case IPProtocol.ipv4, IPProtocol.ipv6, IPProtocol.gre: ipTunnel(bytes, index, walk, &layers)
        default: break
        }
    }
}

/// A walk over IPv6 extension headers.
struct Extensions {
    /// Number of the header that would follow.
    var next: UInt8
    /// Where it would begin.
    var offset: Int
    /// Number and place of the last header that was read; hop-by-hop's 0 stands for none.
    var last: UInt8 = 0
    var lastOffset: Int = 0
    private var hasRouting = false
    private var hasHomeAddress = false

    init(next: UInt8, offset: Int) {
        self.next = next
        self.offset = offset
    }

    /// Reads up to the first header that is no extension, or that ends the chain. False
    /// where the capture or the bound on their number ends first.
    mutating func read(_ bytes: RawSpan, end: Int, _ layer: inout Layer, _ layers: inout Layers) -> Bool {
        for _ in 0..<Decoder.extensionsMax {
            switch next {
            case IPProtocol.hopByHop, IPProtocol.routing, IPProtocol.targetOptions, IPProtocol.fragment,
                IPProtocol.authentication, IPProtocol.esp, IPProtocol.mobility: break
            default: return true
            }
            guard end &- offset >= 8 else { return false }
            let kind = next
            let length: Int =
                switch kind {
                case IPProtocol.fragment, IPProtocol.esp: 8
                case IPProtocol.authentication: (Int(bytes.octet(offset &+ 1)) &+ 2) &* 4
                default: (Int(bytes.octet(offset &+ 1)) &+ 1) &* 8
                }
            guard end &- offset >= length else { return false }
            if kind == IPProtocol.routing { routing(bytes, length, &layer, &layers) }
            if kind == IPProtocol.targetOptions { options(bytes, length, &layer, &layers) }
            last = kind
            lastOffset = offset
            next = bytes.octet(offset)
            offset &+= length
            switch kind {
            case IPProtocol.fragment, IPProtocol.esp, IPProtocol.mobility: return true
            default: break
            }
        }
        return false
    }

    /// Types 0 (RFC 2460, deprecated) and 2 (RFC 6275): while segments are left, the last
    /// address is the final target.
    private mutating func routing(_ bytes: RawSpan, _ length: Int, _ layer: inout Layer, _ layers: inout Layers) {
        if hasRouting { return layers.note(Finding(.multiple_routing_headers, in: layer)) }
        let units = bytes.octet(offset &+ 1)
        let type = bytes.octet(offset &+ 2)
        let hasSegments = bytes.octet(offset &+ 3) > 0
        var isTarget = false
        switch type {
        case 0:
            isTarget = hasSegments && units >= 2 && units % 2 == 0
            let isOdd = hasSegments && units >= 2 && units % 2 != 0
            if isOdd { layers.note(Finding(.odd_routing0_len, in: layer)) }
        case 2:
            isTarget = hasSegments && units == 2
            if hasSegments && units != 2 { layers.note(Finding(.bad_routing2_len, in: layer)) }
        default:
            layers.note(Finding(.unknown_routing_type, in: layer, detail: Int32(type)))
        }
        if isTarget {
            hasRouting = true
            layer.targetHigh = bytes.load64(offset &+ length &- 16)
            layer.targetLow = bytes.load64(offset &+ length &- 8)
        }
        if type == 0 { layers.note(Finding(.routing0_hdr, in: layer)) }
    }

    /// Looks for the home address option (RFC 6275 section 6.3), which names the true source.
    private mutating func options(_ bytes: RawSpan, _ length: Int, _ layer: inout Layer, _ layers: inout Layers) {
        var position = offset &+ 2
        let end = offset &+ length
        while position < end {
            let type = bytes.octet(position)
            if type == 0 {
                position &+= 1
                continue
            }
            guard end &- position >= 2, end &- position >= 2 &+ Int(bytes.octet(position &+ 1)) else {
                return layers.note(Finding(.bad_ipv6_dest_opt_len, in: layer))
            }
            let count = Int(bytes.octet(position &+ 1))
            if type == 201 {
                guard count == 16 else { return layers.note(Finding(.bad_home_addr_len, in: layer)) }
                if hasHomeAddress {
                    layers.note(Finding(.multiple_home_addr_opts, in: layer))
                } else {
                    hasHomeAddress = true
                    layer.sourceHigh = bytes.load64(position &+ 2)
                    layer.sourceLow = bytes.load64(position &+ 10)
                }
            }
            position &+= 2 &+ count
        }
    }
}
