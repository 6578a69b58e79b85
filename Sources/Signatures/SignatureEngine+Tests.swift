// SPDX-License-Identifier: Apache-2.0
//
// The tests of a packet's headers and of its flow's counters.
//
// Reads   headers in the packet's octets.
// Writes  nothing.
// Leaves  payload (Walker.swift), what earlier matches left (SignatureEngine+State.swift).

import Records
import Wire

extension SignatureEngine {
    func holds(_ test: PacketTest, _ bytes: RawSpan, _ facts: PacketFacts, _ flow: SignatureFlow?) -> Bool {
        switch test {
        case .applicationProtocol(let protocols, let isNegated, let mode):
            return holds(protocols, isNegated: isNegated, mode, facts, flow)
        case .streamSize(let side, let number): return holdsSize(side, number, flow)
        case .flowAge(let number):
            guard let flow else { return false }
            return number.matches(UInt64(max(0, facts.now.since(flow.start) / 1_000_000_000)))
        case .flowPackets(let side, let number):
            guard let flow else { return false }
            return holds(side, number, UInt64(flow.packets.toServer), UInt64(flow.packets.toClient))
        case .flowBytes(let side, let number):
            guard let flow else { return false }
            return holds(side, number, flow.octets.toServer, flow.octets.toClient)
        case .reputation(let side, let category, let number): return holds(side, category, number, facts)
        case .sameAddresses: return facts.source == facts.target
        case .ipProtocol(let numbers): return numbers.contains(facts.protocolNumber)
        case .version(let version): return facts.layer.version == version
        case .country(let side, let codes, let isNegated): return holds(side, codes, isNegated: isNegated, facts)
        default: break
        }
        // What follows needs a packet.
        guard !facts.isPseudo else { return false }
        switch test {
        case .dataSize(let number):
            // What is encrypted is no payload, and only some comparisons hold for none.
            guard !number.needsPayload || facts.payloadCount > 0 && !isOpaque else { return false }
            return number.matches(UInt64(facts.payloadCount))
        case .timeToLive(let number): return number.matches(UInt64(facts.layer.ttl))
        case .vlanID, .vlanLayers: return holdsTag(test, facts)
        case .typeOfService, .identification, .ipOption, .fragmentBits, .fragmentOffset:
            return holdsIP(test, bytes, facts)
        case .icmpType, .icmpCode, .icmpID, .icmpSequence, .icmpv6MTU: return holdsICMP(test, facts)
        case .tcpSession(let phases): return facts.isTCP && holdsPhase(phases, flow)
        case .tcpFlags, .tcpSequence, .tcpAcknowledgement, .tcpWindow, .tcpMSS, .tcpWindowScale:
            return holdsTCP(test, bytes, facts)
        case .rpc(let program, let version, let procedure):
            return holdsRPC(program, version, procedure, bytes, facts)
        case .checksum(let kind, let isValid): return holds(kind, isValid: isValid, bytes, facts)
        // With a stretch of a stream the packet's own octets are not at hand.
        case .ftpBounce where facts.payload.upperBound > bytes.byteCount: return false
        case .asn1 where facts.payload.upperBound > bytes.byteCount: return false
        case .ftpBounce: return FTPBounce.matches(bytes.extracting(facts.payload), facts)
        case .asn1(let test): return ASN1Walk.matches(test, bytes.extracting(facts.payload))
        case .streamEvent(let name):
            return streamEvents.contains { $0.rawValue.utf8.elementsEqual(set.text[name.indices]) }
        case .flowStart:
            guard let flow else { return false }
            return (facts.isToServer ? flow.packets.toServer : flow.packets.toClient) == 1
        case .applicationLayerEvent(let name): return holdsApplicationEvent(name, flow)
        case .elephantFlow: return false
        default: return false
        }
    }

    private func holdsSize(_ side: StreamSide, _ number: NumberTest, _ flow: SignatureFlow?) -> Bool {
        guard let flow, flow.isTCP else { return false }
        let (client, server) = (flow.streamOctets.toServer, flow.streamOctets.toClient)
        return switch side {
        case .server: number.matches(server)
        case .client: number.matches(client)
        case .both: number.matches(server) && number.matches(client)
        case .either: number.matches(server) || number.matches(client)
        }
    }

    private func holds(_ side: FlowSide, _ number: NumberTest, _ toServer: UInt64, _ toClient: UInt64) -> Bool {
        switch side {
        case .toServer: number.matches(toServer)
        case .toClient: number.matches(toClient)
        case .either: number.matches(toServer) || number.matches(toClient)
        case .both: number.matches(toServer) && number.matches(toClient)
        }
    }

    private func holds(
        _ side: ReputationSide, _ category: UInt8, _ number: NumberTest, _ facts: PacketFacts
    ) -> Bool {
        func holds(_ address: Address) -> Bool {
            set.reputation.score(of: address, category: category).map { number.matches(UInt64($0)) } ?? false
        }
        return switch side {
        case .any: holds(facts.source) || holds(facts.target)
        case .source: holds(facts.source)
        case .destination: holds(facts.target)
        case .both: holds(facts.source) && holds(facts.target)
        }
    }

    /// Countries by the file of networks; an address that it does not know is in none, and in none that is excluded.
    private func holds(_ side: CountrySide, _ codes: TextRange, isNegated: Bool, _ facts: PacketFacts) -> Bool {
        func holds(_ address: Address) -> Bool {
            guard let country = set.countries?.country(of: address) else { return false }
            var isNamed = false
            for place in stride(from: codes.indices.lowerBound, to: codes.indices.upperBound &- 1, by: 3)
            where UInt16(set.text[place]) << 8 | UInt16(set.text[place &+ 1]) == country { isNamed = true }
            return isNamed != isNegated
        }
        return switch side {
        case .any: holds(facts.source) || holds(facts.target)
        case .source: holds(facts.source)
        case .destination: holds(facts.target)
        case .both: holds(facts.source) && holds(facts.target)
        }
    }

    /// `tcp.session`: where the session stands with the packet at work.
    private func holdsPhase(_ phases: NumberTest, _ flow: SignatureFlow?) -> Bool {
        guard let flow else { return false }
        if flow.flags.contains(.isClosed) { return phases.matches(4) }
        return phases.matches(flow.handshake == .established ? 2 : 1)
    }

    private func holdsApplicationEvent(_ name: TextRange, _ flow: SignatureFlow?) -> Bool {
        guard let flow, let event = flow.detectionEvent else { return false }
        return event.rawValue.utf8.elementsEqual(set.text[name.indices])
    }

    private func holds(
        _ protocols: AppProtocols, isNegated: Bool, _ mode: ProtocolMode, _ facts: PacketFacts, _ flow: SignatureFlow?
    ) -> Bool {
        guard let flow else { return false }
        if mode == .direction, !flow.decided.contains(FlowSides(toServer: facts.isToServer)) { return false }
        let found = mode == .original ? flow.original : flow.application
        // Nothing can be said before the protocol is decided.
        if found == .unknown { return false }
        let side: Bool =
            switch mode {
            case .toServer: facts.isToServer
            case .toClient: !facts.isToServer
            default: true
            }
        return side && (protocols.contains(found) != isNegated)
    }

    private func holdsTag(_ test: PacketTest, _ facts: PacketFacts) -> Bool {
        let tags = [facts.layer.vlan, facts.layer.middleVLAN, facts.layer.innerVLAN].filter { $0 != 0xFFFF }
        switch test {
        case .vlanLayers(let number): return number.matches(UInt64(tags.count))
        case .vlanID(let number, let layer):
            guard let layer else { return tags.contains { number.matches(UInt64($0)) } }
            let place = layer < 0 ? tags.count + Int(layer) : Int(layer)
            return tags.indices.contains(place) && number.matches(UInt64(tags[place]))
        default: return false
        }
    }

    private func holdsIP(_ test: PacketTest, _ bytes: RawSpan, _ facts: PacketFacts) -> Bool {
        let start = Int(facts.layer.ipOffset)
        let isV4 = facts.layer.version == 4
        guard start &+ (isV4 ? 20 : 40) <= bytes.byteCount else { return false }
        switch test {
        case .typeOfService(let value, let isNegated):
            let found = isV4 ? bytes.octet(start &+ 1) : UInt8(truncatingIfNeeded: bytes.load16(start) >> 4)
            return (found == value) != isNegated
        case .identification(let value, let isNegated):
            return isV4 && (bytes.load16(start &+ 4) == value) != isNegated
        case .fragmentBits(let bits):
            guard isV4 else { return false }
            return bits.matches(UInt8(truncatingIfNeeded: bytes.load16(start &+ 6) >> 13))
        case .fragmentOffset(let number):
            guard isV4 else { return number.matches(UInt64(facts.layer.fragmentOffset)) }
            return number.matches(UInt64(bytes.load16(start &+ 6) & 0x1FFF))
        case .ipOption(let option): return isV4 && hasOption(option, bytes, start)
        default: return false
        }
    }

    /// Options of an IPv4 header (RFC 791 section 3.1).
    private func hasOption(_ option: IPOption, _ bytes: RawSpan, _ start: Int) -> Bool {
        let end = min(bytes.byteCount, start &+ Int(bytes.octet(start) & 15) &* 4)
        var at = start &+ 20
        if option == .any { return at < end }
        let wanted: UInt8 =
            switch option {
            case .recordRoute: 7
            case .looseSourceRoute: 131
            case .endOfList: 0
            case .noOperation: 1
            case .timestamp: 68
            case .security: 130
            case .strictSourceRoute: 137
            case .streamID: 136
            case .extendedSecurity: 133
            case .any: 0
            }
        while at < end {
            let kind = bytes.octet(at)
            if kind == wanted { return true }
            if kind == 0 { return false }
            guard kind != 1 else {
                at &+= 1
                continue
            }
            guard at &+ 1 < end, bytes.octet(at &+ 1) >= 2 else { return false }
            at &+= Int(bytes.octet(at &+ 1))
        }
        return false
    }

    private func holdsICMP(_ test: PacketTest, _ facts: PacketFacts) -> Bool {
        let isV6 = facts.protocolNumber == 58
        guard facts.hasHeader, isV6 || facts.protocolNumber == 1 else { return false }
        switch test {
        case .icmpType(let number): return number.matches(UInt64(facts.icmpType))
        case .icmpCode(let number): return number.matches(UInt64(facts.icmpCode))
        case .icmpID(let value):
            return facts.hasICMPNumbers && UInt16(truncatingIfNeeded: facts.icmpRest >> 16) == value
        case .icmpSequence(let value):
            return facts.hasICMPNumbers && UInt16(truncatingIfNeeded: facts.icmpRest) == value
        // Packet too big: the second half is the MTU.
        case .icmpv6MTU(let number): return isV6 && facts.icmpType == 2 && number.matches(UInt64(facts.icmpRest))
        default: return false
        }
    }

    private func holdsTCP(_ test: PacketTest, _ bytes: RawSpan, _ facts: PacketFacts) -> Bool {
        guard facts.isTCP, facts.hasHeader else { return false }
        switch test {
        case .tcpFlags(let flags): return flags.matches(facts.flags)
        case .tcpSequence(let number): return number.matches(UInt64(facts.sequence))
        case .tcpAcknowledgement(let number): return number.matches(UInt64(facts.acknowledgement))
        case .tcpWindow(let number): return number.matches(UInt64(facts.window))
        case .tcpMSS, .tcpWindowScale:
            guard let header = try? TCPHeader(bytes, facts.layer) else { return false }
            let options = TCPOptions(bytes, header)
            if case .tcpMSS(let number) = test {
                return options.maximumSegmentSize != 0 && number.matches(UInt64(options.maximumSegmentSize))
            }
            guard case .tcpWindowScale(let number) = test else { return false }
            return options.windowScale != 0xFF && number.matches(UInt64(options.windowScale))
        default: return false
        }
    }

    /// A call of ONC RPC (RFC 5531 section 9), behind its length over TCP.
    private func holdsRPC(
        _ program: UInt32, _ version: UInt32?, _ procedure: UInt32?, _ bytes: RawSpan, _ facts: PacketFacts
    ) -> Bool {
        let start = facts.payloadOffset &+ (facts.isTCP ? 4 : 0)
        guard facts.payloadCount >= (facts.isTCP ? 28 : 24), bytes.load32(start &+ 4) == 0 else { return false }
        return bytes.load32(start &+ 12) == program
            && (version ?? bytes.load32(start &+ 16)) == bytes.load32(start &+ 16)
            && (procedure ?? bytes.load32(start &+ 20)) == bytes.load32(start &+ 20)
    }

    private func holds(_ kind: ChecksumKind, isValid: Bool, _ bytes: RawSpan, _ facts: PacketFacts) -> Bool {
        let start = Int(facts.layer.ipOffset)
        if kind == .ipv4 {
            guard facts.layer.version == 4, start &+ 20 <= bytes.byteCount else { return false }
            let count = Int(bytes.octet(start) & 15) &* 4
            guard start &+ count <= bytes.byteCount else { return false }
            var sum = ChecksumSum()
            sum.add(bytes.onesComplementSum(at: start, count: count))
            return (sum.folded == 0xFFFF) == isValid
        }
        let (number, version): (UInt8, UInt8) =
            switch kind {
            case .tcpv4: (6, 4)
            case .tcpv6: (6, 6)
            case .udpv4: (17, 4)
            case .udpv6: (17, 6)
            case .icmpv4: (1, 4)
            case .icmpv6: (58, 6)
            case .ipv4: (0, 4)
            }
        guard facts.protocolNumber == number, facts.layer.version == version else { return false }
        return transportChecksumIsGood(bytes, facts.layer) == isValid
    }

    // MARK: headers as buffers

    /// Where a header stands in the packet; nil where it has none of the kind.
    func headerRange(_ buffer: SignatureBuffer, _ bytes: RawSpan, _ facts: PacketFacts) -> Range<Int>? {
        guard !facts.isPseudo else { return nil }
        let transport = facts.headerOffset ..< min(bytes.byteCount, facts.payloadOffset)
        let start = Int(facts.layer.ipOffset)
        switch buffer {
        case .tcpHeader: return facts.isTCP && facts.hasHeader ? transport : nil
        case .udpHeader: return facts.protocolNumber == 17 && facts.hasHeader ? transport : nil
        case .icmpv4Header:
            return facts.protocolNumber == 1 && facts.hasHeader
                ? facts.headerOffset ..< min(bytes.byteCount, facts.headerOffset &+ 8) : nil
        case .icmpv6Header:
            return facts.protocolNumber == 58 && facts.hasHeader
                ? facts.headerOffset ..< min(bytes.byteCount, facts.headerOffset &+ 8) : nil
        case .ipv4Header:
            guard facts.layer.version == 4, start < bytes.byteCount else { return nil }
            let end = start &+ Int(bytes.octet(start) & 15) &* 4
            return end <= bytes.byteCount ? start..<end : nil
        case .ipv6Header:
            // With its extension headers.
            guard facts.layer.version == 6, start &+ 40 <= bytes.byteCount else { return nil }
            return start ..< max(start &+ 40, min(bytes.byteCount, facts.headerOffset))
        default: return nil
        }
    }

    /// `ip.src` and `ip.dst`: the address, four octets or sixteen.
    func addressOctets(_ buffer: SignatureBuffer, _ facts: PacketFacts) -> [UInt8]? {
        let address: Address
        switch buffer {
        case .ipSource: address = facts.source
        case .ipDestination: address = facts.target
        default: return nil
        }
        var octets: [UInt8] = []
        if address.isV4 {
            for shift in [24, 16, 8, 0] { octets.append(UInt8(truncatingIfNeeded: address.v4 >> UInt32(shift))) }
            return octets
        }
        for word in [address.high, address.low] {
            for shift in stride(from: 56, through: 0, by: -8) {
                octets.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return octets
    }

}

extension PacketFacts {
    /// The second half of an ICMP header is an identifier and a number (RFC 792, RFC 4443).
    fileprivate var hasICMPNumbers: Bool {
        if protocolNumber == 58 { return icmpType == 128 || icmpType == 129 }
        return [0, 8, 13, 14, 15, 16, 17, 18].contains(icmpType)
    }
}
