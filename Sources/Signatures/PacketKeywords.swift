// SPDX-License-Identifier: Apache-2.0
//
// Keywords that look at the packet and at the counters of its flow
// (specification section 5).
//
// Reads   values of options.
// Writes  packet tests of the draft.
// Leaves  evaluation (the engine).

import Records

extension RuleParser {
    /// False: not one of these.
    mutating func applyPacket(
        _ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText
    ) throws(RuleError) -> Bool {
        if let test = try numericTest(keyword, value) {
            draft.packetTests.append(test)
            return true
        }
        switch keyword {
        case .dsize:
            guard !draft.hasDataSize else { throw RuleError(.duplicate, "dsize stands twice in the rule") }
            draft.hasDataSize = true
            draft.packetTests.append(.dataSize(try NumberTest(parsing: value, .u16)))
        case .tos: draft.packetTests.append(try RuleParser.typeOfService(value))
        case .ipopts: draft.packetTests.append(try RuleParser.ipOption(value))
        case .fragbits: draft.packetTests.append(.fragmentBits(try RuleParser.flags(value, RuleParser.fragmentLetters)))
        case .tcpFlags: draft.packetTests.append(.tcpFlags(try RuleParser.flags(value, RuleParser.tcpLetters)))
        case .ipProto: try addIPProtocol(value)
        case .sameip: draft.packetTests.append(.sameAddresses)
        case .l3Proto: try addVersion(value)
        case .geoip: try addCountry(value)
        case .iprep: try addReputation(value)
        case .streamSize: try addStreamSize(value)
        case .vlanID: try addVLAN(value)
        case .flowPackets, .flowBytes: try addFlowCounter(keyword, value)
        case .elephant: try addElephant(value)
        case .tcpSession: try addSession(value)
        case .rpc: try addRPC(value)
        case .ftpbounce:
            try need(AppProtocols(.ftp), name)
            draft.sides.append(.toServer)
            draft.packetTests.append(.ftpBounce)
        case .checksum(let kind): try addChecksum(kind, value)
        case .decodeEvent, .streamEvent, .engineEvent: try addEvent(keyword, value)
        case .asn1: draft.packetTests.append(.asn1(try RuleParser.asn1(value)))
        default: return false
        }
        return true
    }

    private func numericTest(_ keyword: PlainKeyword, _ value: RuleText) throws(RuleError) -> PacketTest? {
        switch keyword {
        case .ttl, .template2: .timeToLive(try NumberTest(parsing: value, .u8))
        case .itype: .icmpType(try NumberTest(parsing: value, .u8))
        case .icode: .icmpCode(try NumberTest(parsing: value, .u8))
        case .icmpv6MTU: .icmpv6MTU(try NumberTest(parsing: value, .u32))
        case .tcpMSS: .tcpMSS(try NumberTest(parsing: value, .u16))
        case .tcpWScale: .tcpWindowScale(try NumberTest(parsing: value, .u8))
        case .vlanLayers: .vlanLayers(try NumberTest(parsing: value, NumberSyntax(3)))
        case .flowAge: .flowAge(try NumberTest(parsing: value, .u32))
        case .flowPacketsToServer: .flowPackets(.toServer, try NumberTest(parsing: value, .u32))
        case .flowPacketsToClient: .flowPackets(.toClient, try NumberTest(parsing: value, .u32))
        case .flowBytesToServer: .flowBytes(.toServer, try NumberTest(parsing: value, .u64))
        case .flowBytesToClient: .flowBytes(.toClient, try NumberTest(parsing: value, .u64))
        case .id: .identification(UInt16(try exact(value, 65_535)), isNegated: false)
        case .icmpID: .icmpID(UInt16(try exact(value, 65_535)))
        case .icmpSeq: .icmpSequence(UInt16(try exact(value, 65_535)))
        case .tcpSeq: .tcpSequence(NumberTest(.equal, try exact(value, 0xFFFF_FFFF)))
        case .tcpAck: .tcpAcknowledgement(NumberTest(.equal, try exact(value, 0xFFFF_FFFF)))
        case .tcpWindow: .tcpWindow(try window(value))
        case .fragoffset: .fragmentOffset(try fragmentOffset(value))
        default: nil
        }
    }

    private func exact(_ value: RuleText, _ maximum: UInt64) throws(RuleError) -> UInt64 {
        guard let number = value.trimmed.decimal(maximum) else {
            throw RuleError(.value, "\(value.quoted) is no number up to \(maximum)")
        }
        return number
    }

    private func window(_ value: RuleText) throws(RuleError) -> NumberTest {
        let isNegated = value.first == 0x21
        return NumberTest(isNegated ? .notEqual : .equal, try exact(isNegated ? value.dropFirst() : value, 65_535))
    }

    /// `<N`, `>N`, `N`; what follows the digits is passed over, as Suricata does.
    private func fragmentOffset(_ value: RuleText) throws(RuleError) -> NumberTest {
        let text = value.trimmed
        let digits = (text.first == 0x3C || text.first == 0x3E ? text.dropFirst().trimmed : text).prefix(
            while: \.isDigit)
        guard let number = digits.decimal(65_535) else {
            throw RuleError(.value, "\(value.quoted) is no offset", advice: "write N, <N or >N")
        }
        return NumberTest(text.first == 0x3C ? .less : text.first == 0x3E ? .greater : .equal, number)
    }

    private static func typeOfService(_ value: RuleText) throws(RuleError) -> PacketTest {
        let isNegated = value.first == 0x21
        let text = (isNegated ? value.dropFirst() : value).trimmed
        let number = text.first == 0x78 ? text.dropFirst().hexadecimal(255) : text.decimal(255)
        guard let number else {
            throw RuleError(.value, "\(value.quoted) is no tos", advice: "write 0 to 255, x1F, or !8")
        }
        return .typeOfService(UInt8(number), isNegated: isNegated)
    }

    private static func ipOption(_ value: RuleText) throws(RuleError) -> PacketTest {
        let names: [String: IPOption] = [
            "rr": .recordRoute, "lsrr": .looseSourceRoute, "eol": .endOfList, "nop": .noOperation, "ts": .timestamp,
            "sec": .security, "ssrr": .strictSourceRoute, "satid": .streamID, "any": .any, "esec": .extendedSecurity,
        ]
        guard let option = names[value.trimmed.string.lowercased()] else {
            throw RuleError(
                .value, "\(value.quoted) is no IP option",
                advice: "write rr, lsrr, eol, nop, ts, sec, esec, ssrr, satid or any")
        }
        return .ipOption(option)
    }

    // MARK: flags

    static let tcpLetters: [UInt8: UInt8] = [
        0x46: 0x01, 0x53: 0x02, 0x52: 0x04, 0x50: 0x08, 0x41: 0x10, 0x55: 0x20, 0x45: 0x40, 0x43: 0x80, 0x32: 0x40,
        0x31: 0x80,
        0x30: 0,
    ]
    /// Reserved, don't fragment, more fragments: the upper bits of the field.
    static let fragmentLetters: [UInt8: UInt8] = [0x52: 0x80, 0x44: 0x40, 0x4D: 0x20]

    /// Letters with `+`, `*` or `!` before or behind them; for TCP, letters behind a comma do not count.
    static func flags(_ value: RuleText, _ letters: [UInt8: UInt8]) throws(RuleError) -> FlagTest {
        let bad = RuleError(.value, "\(value.quoted) are no flags", advice: "write S, SA, +S, *SA, !S or S,12")
        var test = FlagTest()
        let parts = value.parts(0x2C)
        guard parts.count <= (letters == tcpLetters ? 2 : 1) else { throw bad }
        var hasLetter = false
        for letter in parts[0] where !letter.isSpace {
            switch letter {
            case 0x2B: test.mode = .all
            case 0x2A: test.mode = .any
            case 0x21: test.mode = .not
            default:
                guard let bit = letters[letter & 0xDF] ?? letters[letter] else { throw bad }
                test.bits |= bit
                hasLetter = true
            }
        }
        guard hasLetter else { throw bad }
        for letter in parts.count > 1 ? parts[1] : [] where !letter.isSpace {
            guard let bit = letters[letter & 0xDF] ?? letters[letter], bit != 0 else { throw bad }
            test.ignored |= bit
        }
        test.bits &= ~test.ignored
        return test
    }

    // MARK: protocols and addresses

    private mutating func addIPProtocol(_ value: RuleText) throws(RuleError) {
        let header = draft.rule.header
        guard header.application == .unknown, header.protocols == .all, header.version == 0 else {
            throw RuleError(.combination, "ip_proto stands in a rule of another protocol", advice: "write alert ip")
        }
        let sign = value.first.flatMap { [0x21, 0x3C, 0x3E].contains($0) ? $0 : nil }
        let text = (sign == nil ? value : value.dropFirst()).trimmed
        guard let number = text.decimal(255) ?? RuleParser.protocolNames[text.string.lowercased()] else {
            throw RuleError(
                .value, "\(value.quoted) is no IP protocol", advice: "write a number or a name of /etc/protocols")
        }
        guard !draft.hasIPProtocol else {
            throw RuleError(
                .duplicate, "ip_proto stands twice in the rule", advice: "write two rules, or < and > in one")
        }
        draft.hasIPProtocol = true
        var numbers = ProtocolNumbers()
        for candidate in UInt8.min ... .max {
            let isIn =
                switch sign {
                case 0x21: UInt64(candidate) != number
                case 0x3C: UInt64(candidate) < number
                case 0x3E: UInt64(candidate) > number
                default: UInt64(candidate) == number
                }
            if isIn { numbers.insert(candidate) }
        }
        draft.rule.header.protocols = numbers
    }

    /// IANA's names of protocol numbers that rules use.
    static let protocolNames: [String: UInt64] = [
        "ip": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "ipip": 94, "st": 5, "tcp": 6, "egp": 8, "igp": 9,
        "pup": 12,
        "udp": 17, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4": 29, "dccp": 33, "xtp": 36, "ddp": 37,
        "idpr-cmtp": 38,
        "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "idrp": 45, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51,
        "skip": 57,
        "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "rspf": 73, "vmtp": 81, "eigrp": 88, "ospf": 89,
        "ax.25": 93,
        "etherip": 97, "encap": 98, "pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "isis": 124, "sctp": 132,
        "fc": 133,
        "mobility-header": 135, "udplite": 136, "mpls-in-ip": 137, "manet": 138, "hip": 139, "shim6": 140, "wesp": 141,
        "rohc": 142,
    ]

    private mutating func addVersion(_ value: RuleText) throws(RuleError) {
        switch value.trimmed.string.lowercased() {
        case "ipv4", "ip4": draft.packetTests.append(.version(4))
        case "ipv6", "ip6": draft.packetTests.append(.version(6))
        default: throw RuleError(.value, "\(value.quoted) is no version of IP", advice: "write ipv4 or ipv6")
        }
    }

    private mutating func addCountry(_ value: RuleText) throws(RuleError) {
        var parts = value.parts(0x2C)
        let sides: [String: CountrySide] = ["any": .any, "src": .source, "dst": .destination, "both": .both]
        let side = sides[parts[0].string]
        if side != nil { parts.removeFirst() }
        let isNegated = parts.first?.first == 0x21
        let codes = parts.map { ($0.first == 0x21 ? $0.dropFirst() : $0).string.uppercased() }
        guard !codes.isEmpty, codes.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy(\.isLetter) }) else {
            throw RuleError(.value, "\(value.quoted) is no geoip", advice: "write geoip:src,NL,DE")
        }
        let text = builder.addText(RuleText(codes.joined(separator: ",")))
        draft.packetTests.append(.country(side ?? .any, codes: text, isNegated: isNegated))
    }

    // MARK: flows

    private mutating func addStreamSize(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        let sides: [String: StreamSide] = ["server": .server, "client": .client, "both": .both, "either": .either]
        guard parts.count == 3, let side = sides[parts[0].string], let comparison = RuleParser.comparison(parts[1]),
            let number = parts[2].decimal(0xFFFF_FFFF)
        else {
            throw RuleError(.value, "\(value.quoted) is no stream_size", advice: "write server|client|both|either,>,N")
        }
        draft.hasStreamSize = true
        draft.packetTests.append(.streamSize(side, NumberTest(comparison, number)))
    }

    private mutating func addVLAN(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        let test = try NumberTest(parsing: parts[0], NumberSyntax(0xFFFF))
        var layer: Int8?
        if parts.count == 2, let index = ListIndex(parsing: parts[1]) {
            if case .at(let place) = index {
                guard (-3...2).contains(place) else { throw RuleError(.value, "a frame has at most three tags") }
                layer = Int8(place)
            }
        } else if parts.count != 1 {
            throw RuleError(.value, "\(value.quoted) is no vlan.id", advice: "write vlan.id:300 or vlan.id:300,0")
        }
        draft.packetTests.append(.vlanID(test, layer: layer))
    }

    private mutating func addFlowCounter(_ keyword: PlainKeyword, _ value: RuleText) throws(RuleError) {
        let sides: [String: FlowSide] = ["toserver": .toServer, "toclient": .toClient, "either": .either]
        guard let cut = value.cut(0x2C), let side = sides[cut.head.string] else {
            throw RuleError(
                .value, "\(value.quoted) names no direction", advice: "write toserver, toclient or either, then ,>10")
        }
        if case .flowPackets = keyword {
            draft.packetTests.append(.flowPackets(side, try NumberTest(parsing: cut.tail, .u32)))
        } else {
            draft.packetTests.append(.flowBytes(side, try NumberTest(parsing: cut.tail, .u64)))
        }
    }

    private mutating func addElephant(_ value: RuleText) throws(RuleError) {
        let sides: [String: FlowSide] = [
            "toserver": .toServer, "toclient": .toClient, "either": .either, "both": .both,
        ]
        guard let side = sides[value.trimmed.string] else {
            throw RuleError(
                .value, "\(value.quoted) is no direction", advice: "write toserver, toclient, either or both")
        }
        draft.packetTests.append(.elephantFlow(side))
    }

    /// The phases of a TCP session in which the rule is looked at, a bit each.
    private mutating func addSession(_ value: RuleText) throws(RuleError) {
        let phases: [String: UInt64] = ["setup": 1, "established": 2, "closing": 4]
        var mask: UInt64 = 0
        for part in value.parts(0x2C) {
            guard let phase = phases[part.string] else {
                throw RuleError(
                    .value, "\(part.quoted) is no phase of a session", advice: "write setup, established or closing")
            }
            mask |= phase
        }
        draft.packetTests.append(.tcpSession(NumberTest(.notMasked, mask, 0)))
    }

    private mutating func addRPC(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        guard (1...3).contains(parts.count), let program = parts[0].decimal(0xFFFF_FFFF) else {
            throw RuleError(.value, "\(value.quoted) is no rpc", advice: "write rpc:PROGRAM[,VERSION|*[,PROCEDURE|*]]")
        }
        var numbers: [UInt32?] = [nil, nil]
        for (index, part) in parts.dropFirst().enumerated() where !part.equals("*") {
            guard let number = part.decimal(0xFFFF_FFFF) else {
                throw RuleError(.value, "\(part.quoted) is no number of rpc", advice: "write a number or *")
            }
            numbers[index] = UInt32(number)
        }
        draft.packetTests.append(.rpc(UInt32(program), version: numbers[0], procedure: numbers[1]))
    }

    private mutating func addChecksum(_ kind: ChecksumKind, _ value: RuleText) throws(RuleError) {
        let text = value.trimmed
        guard text.equalsAnyCase("valid") || text.equalsAnyCase("invalid") else {
            throw RuleError(.value, "\(value.quoted) is no state of a checksum", advice: "write valid or invalid")
        }
        draft.packetTests.append(.checksum(kind, isValid: text.equalsAnyCase("valid")))
    }

    private mutating func addEvent(_ keyword: PlainKeyword, _ value: RuleText) throws(RuleError) {
        var text = value.trimmed.string.lowercased()
        var isStream = if case .streamEvent = keyword { true } else { false }
        if case .engineEvent = keyword {
            isStream = text.hasPrefix("stream.")
            guard isStream || text.hasPrefix("decoder.") else {
                throw RuleError(.value, "\(value.quoted) is no event", advice: "write decoder.NAME or stream.NAME")
            }
            text = String(text.dropFirst(isStream ? 7 : 8))
        }
        guard (isStream ? EventNames.stream : EventNames.decoder).contains(text) else {
            throw RuleError(
                .value, "the event \(value.quoted) is not known",
                advice: "names stand in Suricata's decoder-events.rules")
        }
        let range = builder.addText(RuleText(text))
        draft.packetTests.append(isStream ? .streamEvent(range) : .decoderEvent(range))
        if !isStream { draft.hasDecodeEvent = true }
    }

    private static func asn1(_ value: RuleText) throws(RuleError) -> ASN1Test {
        var test = ASN1Test()
        for part in value.parts(0x2C) {
            let words = part.words
            let number = words.count == 2 ? words[1].signed(-0xFFFF_FFFF...0xFFFF_FFFF) : nil
            switch (words.first?.string, number) {
            case ("bitstring_overflow", nil) where words.count == 1: test.isBitstringOverflow = true
            case ("double_overflow", nil) where words.count == 1: test.isDoubleOverflow = true
            case ("oversize_length", let number?) where number >= 0: test.oversizeLength = UInt32(number)
            case ("absolute_offset", let number?) where number >= 0: test.absoluteOffset = UInt32(number)
            case ("relative_offset", let number?) where Int32(exactly: number) != nil:
                test.relativeOffset = Int32(number)
            default:
                throw RuleError(
                    .value, "\(part.quoted) is no check of asn1",
                    advice:
                        "write bitstring_overflow, double_overflow, oversize_length N, absolute_offset N "
                            + "or relative_offset N"
                )
            }
        }
        return test
    }
}
