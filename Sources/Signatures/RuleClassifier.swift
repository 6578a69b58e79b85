// SPDX-License-Identifier: Apache-2.0
//
// When a rule is evaluated: its direction, its kind, packets or streams
// (specification section 6), and what keeps it silent.
//
// Reads   the draft.
// Writes  flags, kind and direction of the rule; warnings.
// Leaves  evaluation (the engine).

import Records

extension RuleParser {
    /// Whether anything looks at an application's transactions.
    var looksAtTransactions: Bool {
        !draft.transactionTests.isEmpty || draft.lists.contains { isApplication($0) }
    }

    private func isApplication(_ list: DraftList) -> Bool {
        list.buffer != .payload && !BufferInfo.of(list.buffer).traits.contains(.isPacket) && !list.isBase64
    }

    private var looksAtPayload: Bool {
        draft.lists.contains { $0.buffer == .payload && !$0.isBase64 && !$0.steps.isEmpty }
    }

    private var looksAtHeaders: Bool {
        draft.lists.contains { BufferInfo.of($0.buffer).traits.contains(.isPacket) && $0.buffer.isHeader }
    }

    // MARK: scope

    /// What looks at single packets cannot be joined with what looks at transactions or streams alone.
    func checkScope() throws(RuleError) {
        let onPacket = draft.packetTests.contains { $0.needsPacket } || looksAtHeaders || draft.hasIPProtocol
        if onPacket, looksAtTransactions, !draft.hasFrame {
            throw RuleError(
                .combination, "a keyword of single packets and one of an application stand in one rule",
                advice: "a transaction has no single packet: leave one of them away, or join two rules by flowbits")
        }
        switch draft.rule.header.scope {
        case .stream:
            guard !onPacket else {
                throw RuleError(.combination, "tcp-stream rules look at no packet", advice: "write tcp")
            }
        case .packets:
            guard !looksAtTransactions, draft.sides.isEmpty, draft.rule.flow.stream != .only else {
                throw RuleError(.combination, "tcp-pkt rules look at packets alone", advice: "write tcp")
            }
        default: break
        }
        guard !(draft.rule.flow.stream == .only && onPacket) else {
            throw RuleError(.combination, "flow:only_stream and a keyword of single packets exclude each other")
        }
        for session in draft.packetTests where session.isSession {
            guard draft.rule.header.protocols.contains(6) else {
                throw RuleError(.combination, "tcp.session is for TCP", advice: "write alert tcp")
            }
        }
    }

    // MARK: direction

    /// The direction of a list's buffer, by keyword, table, or the rule's flow.
    func side(of list: DraftList) -> FlowTest.Side {
        let own = BufferInfo.of(list.buffer).side
        return own == .either ? draft.rule.flow.side : own
    }

    mutating func settleDirection(_ direction: RuleDirection) throws(RuleError) {
        var sides = draft.sides + draft.transactionTests.map(\.side)
        var ambiguous: [String] = []
        for list in draft.lists where isApplication(list) {
            let side = list.side ?? BufferInfo.of(list.buffer).side
            sides.append(side)
            if side == .either { ambiguous.append(list.buffer.name.description) }
        }
        let toServer = sides.contains(.toServer)
        let toClient = sides.contains(.toClient)
        if direction == .transactional {
            try settleTransactional(toServer, toClient, ambiguous)
            return
        }
        guard !(toServer && toClient) else {
            throw RuleError(
                .direction, "keywords of requests and of responses stand in one rule",
                advice: "write => for both directions of one transaction, or two rules joined by flowbits")
        }
        let flow = draft.rule.flow.side
        guard !(flow == .toServer && toClient), !(flow == .toClient && toServer) else {
            throw RuleError(
                .direction,
                "flow says \(flow == .toServer ? "to_server" : "to_client"), and a keyword is of the other direction",
                advice: "turn the flow around, or leave its direction away")
        }
        // Suricata asks for it where nothing is made of the buffer; else each side's is looked at.
        let isRaw = draft.lists.contains { $0.buffer == .httpHeaderRaw && $0.transforms.isEmpty }
        guard !isRaw || flow != .either || toServer || toClient else {
            throw RuleError(
                .direction, "http.header.raw needs a direction", advice: "write flow:to_server or flow:to_client")
        }
        if flow != .toClient, !toClient { draft.rule.flags.insert(.toServer) }
        if flow != .toServer, !toServer { draft.rule.flags.insert(.toClient) }
        if draft.rule.flow.side == .either, toServer != toClient {
            draft.rule.flow.side = toServer ? .toServer : .toClient
        }
    }

    /// `=>`: something of each direction, nothing that leaves it open, nothing of streams.
    private mutating func settleTransactional(_ toServer: Bool, _ toClient: Bool, _ ambiguous: [String])
        throws(RuleError)
    {
        guard draft.rule.flow.side == .either else {
            throw RuleError(
                .direction, "=> is of both directions, and flow names one", advice: "leave flow's direction away")
        }
        guard !looksAtPayload else {
            throw RuleError(
                .direction, "=> joins two directions of a transaction, and a payload has no transaction",
                advice: "write ->")
        }
        guard toServer, toClient else {
            throw RuleError(.direction, "=> needs a keyword of each direction", advice: "write ->")
        }
        guard ambiguous.isEmpty else {
            throw RuleError(
                .direction, "\(ambiguous[0]) may be of both directions under =>",
                advice: "write \(ambiguous[0]):to_server or :to_client")
        }
        draft.rule.flags.formUnion([.isTransactional, .toServer, .toClient])
    }

    // MARK: kind

    func kind() -> RuleKind {
        let header = draft.rule.header
        let hasLists = draft.lists.contains { !$0.isBase64 }
        if draft.hasDecodeEvent, !hasLists, draft.transactionTests.isEmpty, header.application == .unknown,
            draft.packetTests.allSatisfy(\.isDecoderEvent)
        {
            return .decoderEvent
        }
        if draft.hasAppProtocolTest, !hasLists, draft.packetTests.allSatisfy(\.isProtocolTest),
            draft.transactionTests.isEmpty,
            header.application == .unknown
        {
            return .protocolOnly
        }
        if looksAtTransactions || header.hook.kind == .state { return .transaction }
        if !header.applications.isEmpty, !looksAtPayload, !looksAtHeaders,
            draft.packetTests.allSatisfy({ !$0.needsPacket })
        {
            return .application
        }
        if isAddressOnly { return hasNegatedAddresses ? .likeAddressOnly : .addressOnly }
        guard looksAtPayload, header.protocols.contains(6) else { return .packet }
        let (packets, streams) = payloadScope()
        return packets && streams ? .packetAndStream : streams ? .stream : .packet
    }

    /// Addresses, ports and protocol, and at most what is compatible with that (`SignatureIsIPOnly`).
    private var isAddressOnly: Bool {
        let rule = draft.rule
        guard rule.header.applications.isEmpty, !draft.lists.contains(where: { !$0.isBase64 }),
            rule.header.hook.kind == .none,
            rule.flow.side == .either, !rule.flow.isPresent, draft.packetTests.allSatisfy(\.isCompatibleWithAddresses)
        else { return false }
        // Flowbits may be set; to ask for them needs the flow.
        for test in draft.stateTests {
            switch test {
            case .flowbits, .flowint, .flowVariable, .packetVariable: return false
            case .xbit, .hostbits: continue
            }
        }
        for case .flowintAdd in draft.effects { return false }
        return rule.header.scope == .usual || rule.header.scope == .packetHeader
    }

    private var hasNegatedAddresses: Bool { draft.hasNegatedAddress }

    /// Whether payload contents are looked for in packets, in streams.
    private func payloadScope() -> (packets: Bool, streams: Bool) {
        let header = draft.rule.header
        guard header.protocols.contains(6) else { return (true, false) }
        if header.scope == .packets || draft.rule.flow.stream == .no { return (true, false) }
        if draft.packetTests.contains(where: { $0.needsPacket }) || looksAtHeaders {
            return (true, header.scope == .stream || draft.rule.flow.stream == .only)
        }
        if header.scope == .stream || draft.rule.flow.stream == .only { return (false, true) }
        var onPackets = draft.hasStreamSize
        for list in draft.lists where list.buffer == .payload && !list.isBase64 {
            for case .content(let content) in list.steps.map(\.step)
            where !content.flags.isDisjoint(with: [.hasDepth, .hasOffset]) { onPackets = true }
        }
        return (onPackets, true)
    }

    mutating func setPayloadFlags() {
        if draft.packetTests.contains(where: { $0.needsPacket }) || looksAtHeaders
            || draft.rule.header.scope == .packets
        {
            draft.rule.flags.insert(.needsPacket)
        }
        guard looksAtPayload else { return }
        let (packets, streams) = payloadScope()
        if packets { draft.rule.flags.insert(.onPackets) }
        if streams { draft.rule.flags.insert(.onStreams) }
    }

    // MARK: what cannot fire

    mutating func warnOfSilence(_ direction: RuleDirection) {
        if let unevaluated {
            draft.warnings.append("\(unevaluated) is not evaluated: the rule loads and never fires")
        }
        for what in draft.idle { draft.warnings.append("\(what) has no effect: the rule alerts, and no more") }
        for list in draft.lists {
            for (index, step) in list.steps.enumerated() {
                guard let content = step.content, !content.flags.contains(.isNegated) else { continue }
                warnOfWindow(list, index, step, content)
            }
        }
    }

    /// A window that lies before what an absolute content must leave behind it.
    private mutating func warnOfWindow(_ list: DraftList, _ index: Int, _ step: DraftStep, _ content: ContentStep) {
        let variables: StepFlags = [.offsetIsVariable, .depthIsVariable, .distanceIsVariable, .withinIsVariable]
        guard content.flags.isDisjoint(with: variables) else { return }
        if content.flags.contains(.hasDistance), content.flags.contains(.hasWithin),
            Int(content.distance) + Int(content.within) < step.pattern.count, content.distance < 0
        {
            let before = list.steps[..<index].compactMap(\.content).last
            if before == nil {
                draft.warnings.append("a window of distance and within holds no \(step.pattern.count) octets")
            }
        }
        if content.flags.contains(.endsWith), content.flags.contains(.startsWith) {
            for case .size(let test) in list.steps.map(\.step) where !test.matches(UInt64(step.pattern.count)) {
                draft.warnings.append(
                    "the content is the whole buffer, and bsize asks for another length: the rule cannot fire")
            }
        }
    }
}

extension SignatureBuffer {
    /// Octets of a packet's headers.
    var isHeader: Bool {
        switch self {
        case .ipv4Header, .ipv6Header, .tcpHeader, .udpHeader, .icmpv4Header, .icmpv6Header: true
        default: false
        }
    }
}

extension PacketTest {
    var isSession: Bool {
        if case .tcpSession = self { return true }
        return false
    }

    var isDecoderEvent: Bool {
        if case .decoderEvent = self { return true }
        return false
    }

    var isStreamEvent: Bool {
        if case .streamEvent = self { return true }
        return false
    }

    var isProtocolTest: Bool {
        if case .applicationProtocol = self { return true }
        return false
    }

    /// Looks at a single packet, so that it cannot stand beside an application's keywords.
    var needsPacket: Bool {
        switch self {
        case .streamSize, .decoderEvent, .streamEvent, .checksum, .version, .applicationLayerEvent, .ftpBounce,
            .reputation, .applicationProtocol, .ipProtocol:
            false
        default: true
        }
    }

    /// `iprep` is all that an address-only rule may ask of a packet.
    var isCompatibleWithAddresses: Bool {
        switch self {
        case .reputation: true
        default: false
        }
    }
}
