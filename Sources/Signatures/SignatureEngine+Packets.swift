// SPDX-License-Identifier: Apache-2.0
//
// One packet against the rules: addresses, packet rules, stream rules, and what fired.
//
// Reads   the packet's octets, borrowed; the flow's streams.
// Writes  alerts in rule order, at most so many a packet.
// Leaves  transactions (SignatureEngine+Transactions.swift).

package import Records
import Wire

/// Where the payload of an evaluation comes from.
enum PayloadKind {
    case packet
    case stream
}

extension SignatureEngine {
    /// Octets of a stream that wait before they are inspected (`toserver-chunk-size`).
    static let chunkBytes = 2560
    /// Octets before a chunk that a match may begin in.
    static let overlapBytes = 1024

    /// Inspects a packet, and what of its flow is due. `slot` is nil for one without a flow.
    package func inspect(_ slot: UInt32?, _ bytes: RawSpan, _ facts: PacketFacts) {
        // Other transports have connections, but no flows in Suricata's sense: each packet is for itself.
        guard facts.protocolNumber.hasFlow, let slot, flows.has(Int(slot)) else {
            return inspectAlone(bytes, facts, slot)
        }
        flows.with(Int(slot)) { inspect($0, slot, bytes, facts) }
    }

    private func inspectAlone(_ bytes: RawSpan, _ facts: PacketFacts, _ slot: UInt32?) {
        beginInspection(isOpaque: false)
        inspectPacket(bytes, facts, nil, slot)
        if !queue.isEmpty { finish(nil) }
    }

    // The flow is no optional: to take one out of it counts a reference.
    private func inspect(_ flow: SignatureFlow, _ slot: UInt32, _ bytes: RawSpan, _ facts: PacketFacts) {
        guard !flow.flags.contains(.isPassed) else { return segment.clear() }
        beginInspection(isOpaque: flow.flags.contains(.isEncrypted))
        inspectPacket(bytes, facts, flow, slot)
        let index = index
        if flow.isTCP {
            flow.withStream(toServer: facts.isToServer) { stream in
                if index.hasStreams, mayInspect(stream, flow, facts) {
                    inspect(index, stream, facts, flow, slot)
                }
                if !flow.changed.isEmpty { inspectTransactions(index, bytes, facts, flow, slot) }
                if stream.isInspected { stream.slide() }
            }
        } else if !flow.changed.isEmpty {
            inspectTransactions(index, bytes, facts, flow, slot)
        }
        if !queue.isEmpty { finish(flow) }
        if flow.detectionEvent != nil, !facts.isPseudo { flow.detectionEvent = nil }
    }

    private func beginInspection(isOpaque: Bool) {
        segment.clear()
        if !queue.isEmpty { queue.removeAll(keepingCapacity: true) }
        if !packetVariables.isEmpty { packetVariables.removeAll() }
        self.isOpaque = isOpaque
    }

    private func inspectPacket(_ bytes: RawSpan, _ facts: PacketFacts, _ flow: SignatureFlow?, _ slot: UInt32?) {
        guard !facts.isPseudo else { return }
        inspectAddresses(index, bytes, facts, flow, slot)
        inspectPacket(index, bytes, facts, flow, slot)
    }

    /// The number of the way that a packet goes.
    private func pair(_ index: RuleIndex, _ facts: borrowing PacketFacts, _ flow: SignatureFlow?) -> Int {
        guard let flow, flow.goes(from: facts.source, to: facts.target, toServer: facts.isToServer) else {
            return index.zones.pair(from: facts.source, to: facts.target)
        }
        return flow.pair(toServer: facts.isToServer)
    }

    // MARK: addresses

    /// Rules of addresses alone run once for each direction of a flow.
    private func inspectAddresses(
        _ index: RuleIndex, _ bytes: RawSpan, _ facts: PacketFacts, _ flow: SignatureFlow?, _ slot: UInt32?
    ) {
        guard !index.addresses.isEmpty else { return }
        if let flow {
            let mark: SignatureFlow.Flags = facts.isToServer ? .addressesToServer : .addressesToClient
            guard !flow.flags.contains(mark) else { return }
            flow.flags.insert(mark)
        }
        beginRound()
        index.addresses.forEach(source: facts.source, target: facts.target) { addCandidate($0) }
        guard !candidates.isEmpty else { return }
        evaluate(bytes, bytes.extracting(0..<0), .packet, facts, flow, slot)
    }

    // MARK: packets

    private func inspectPacket(
        _ index: RuleIndex, _ bytes: RawSpan, _ facts: PacketFacts, _ flow: SignatureFlow?, _ slot: UInt32?
    ) {
        beginRound()
        let kind = PacketClass(protocolNumber: facts.protocolNumber)
        let payload = bytes.extracting(facts.payload)
        let isUnstreamed = kind == .tcp && !facts.isInStream
        let pair = payload.byteCount > 0 && !isOpaque ? pair(index, facts, flow) : nil
        if let pair {
            index.withPatterns(kind, toServer: facts.isToServer, pair) { patterns in
                let use: PatternUses = isUnstreamed ? .unstreamed : .packet
                scan(payload, patterns, for: use)
                if !isUnstreamed { (segment.count, segment.isToServer) = (payload.byteCount, facts.isToServer) }
                scratch.clear()
                patterns.findAnchored(in: payload, scratch, isStart: true)
                if patterns.hasEarly, let flow, flow.streamOctets.toClient < RuleIndexBuilder.earlyBytesMax {
                    patterns.findEarly(in: payload, scratch)
                }
                // What stands at the start of a segment is rarely at the start of the stream.
                takeFound(patterns, for: use, keeping: kind == .tcp ? [] : .transaction)
            }
        }
        index.withPacketRules(kind, isUnstreamed: isUnstreamed) { rules in
            if let pair { lookForWeak(rules, in: payload, facts, pair, size: facts.payloadCount) }
            rules.loose.forEach(source: facts.sourcePort, target: facts.targetPort, size: facts.payloadCount) {
                addCandidate($0)
            }
        }
        addProtocolRules(index, flow, facts)
        guard !candidates.isEmpty else { return }
        evaluate(bytes, payload, .packet, facts, flow, slot)
    }

    /// Looks for the patterns of a payload, once for all that they are good for: rules of the packet become candidates,
    /// what is the stream's or the transactions' is noted.
    private func scan(_ bytes: RawSpan, _ group: PatternGroup, for use: PatternUses) {
        group.find(in: bytes, scratch)
        counters.scannedOctets &+= UInt64(bytes.byteCount)
        takeFound(group, for: use, keeping: [.stream, .transaction])
    }

    /// Makes candidates of what a search has found for one use, and notes what was found for others.
    private func takeFound(_ group: PatternGroup, for use: PatternUses, keeping kept: PatternUses) {
        for place in 0..<scratch.count {
            let hit = scratch[place]
            for entry in group.rules(of: hit.pattern) {
                let rule = group.rules[entry]
                if !rule.uses.isDisjoint(with: use) { addCandidate(rule.rule) }
                guard !rule.uses.isDisjoint(with: kept) else { continue }
                segment.hits.append(SegmentHits.Hit(rule: rule.rule, uses: rule.uses, end: hit.end))
            }
        }
    }

    /// Rules of the application protocol alone: on packets, once it is known.
    private func addProtocolRules(_ index: RuleIndex, _ flow: SignatureFlow?, _ facts: PacketFacts) {
        let application = flow?.application ?? .unknown
        guard application != .unknown else { return }
        if index.applications.contains(application) {
            for rule in index.application[Int(application.rawValue)] { addCandidate(rule) }
        }
        let mark: SignatureFlow.Flags = facts.isToServer ? .protocolToServer : .protocolToClient
        guard !index.protocolOnly.isEmpty, flow?.flags.contains(mark) == false,
            flow?.decided.contains(FlowSides(toServer: facts.isToServer)) == true
        else { return }
        flow?.flags.insert(mark)
        for rule in index.protocolOnly { addCandidate(rule) }
    }

    /// Evaluates the candidates in rule order and queues what matches.
    private func evaluate(
        _ bytes: RawSpan, _ payload: RawSpan, _ kind: PayloadKind, _ facts: PacketFacts, _ flow: SignatureFlow?,
        _ slot: UInt32?
    ) {
        guard !candidates.isEmpty else { return }
        candidates.sort()
        let bits = RuleGate.Bits(facts, kind, hasFlow: flow != nil)
        for place in 0..<candidates.count {
            let number = candidates[place]
            counters.evaluations &+= 1
            profile?.begin(number)
            guard admits(number, bits, facts, flow), holds(number, bytes, facts, flow) else { continue }
            var evidence = Evidence()
            if !captured.isEmpty { captured.removeAll() }
            guard matches(number, bytes, payload, facts, kind, streamOffset: 0, &evidence) else { continue }
            fire(number, facts, flow, slot, nil, isStream: false, evidence)
        }
        profile?.stop()
    }

    /// Header, direction, state and protocol. `bits` are those of the facts.
    func admits(
        _ number: UInt32, _ bits: RuleGate.Bits, _ facts: PacketFacts, _ flow: SignatureFlow?,
        _ application: AppProtocol = .unknown
    ) -> Bool {
        let set = set
        let gate = index.gates[Int(number)]
        guard gate.refused.isDisjoint(with: bits) else { return false }
        if bits.contains(.other), !set.rules[Int(number)].header.protocols.contains(facts.protocolNumber) {
            return false
        }
        if !gate.applications.isEmpty {
            guard let flow, gate.applications.contains(application == .unknown ? flow.application : application)
            else { return false }
        }
        if !bits.contains(.other) || facts.protocolNumber == 132 {
            guard gate.sourcePorts == 0 || set.portSets[Int(gate.sourcePorts)].contains(facts.sourcePort),
                gate.targetPorts == 0 || set.portSets[Int(gate.targetPorts)].contains(facts.targetPort)
            else { return false }
        }
        guard gate.sources | gate.targets != 0 else { return true }
        if !memos.0.isOf(facts.source) { memos = (memos.1, memos.0) }
        memos.0.move(to: facts.source)
        memos.1.move(to: facts.target)
        return memos.0.isIn(gate.sources, set) && memos.1.isIn(gate.targets, set)
    }

    /// The tests of the packet and of what is remembered.
    func holds(_ number: UInt32, _ bytes: RawSpan, _ facts: PacketFacts, _ flow: SignatureFlow?) -> Bool {
        let set = set
        for place in set.rules[Int(number)].packetTests.indices {
            guard holds(set.packetTests[place], bytes, facts, flow) else { return false }
        }
        for place in set.rules[Int(number)].stateTests.indices {
            guard holds(set.stateTests[place], flow) else { return false }
        }
        return true
    }

    /// Every list of contents of a packet or stream rule.
    private func matches(
        _ number: UInt32, _ bytes: RawSpan, _ payload: RawSpan, _ facts: PacketFacts, _ kind: PayloadKind,
        streamOffset: UInt64, _ evidence: inout Evidence
    ) -> Bool {
        let set = set
        for place in set.rules[Int(number)].buffers.indices {
            let test = set.buffers[place]
            let holds: Bool
            if test.buffer == .payload {
                guard kind == .stream || !isOpaque else { return false }
                holds = walk(test, payload, streamOffset: streamOffset, &evidence)
            } else if let range = headerRange(test.buffer, bytes, facts) {
                holds = walk(test, bytes.extracting(range), streamOffset: 0, &evidence)
            } else if let address = addressOctets(test.buffer, facts) {
                holds = walk(test, address.octets, streamOffset: 0, &evidence)
            } else {
                holds = test.absence != .needed
            }
            guard holds else { return false }
        }
        return true
    }

    /// One list over octets, transforms first.
    func walk(
        _ test: BufferTest, _ bytes: RawSpan, streamOffset: UInt64, isComplete: Bool = true,
        _ evidence: inout Evidence
    ) -> Bool {
        guard test.transforms != 0 else {
            return matchAndNote(test, bytes, streamOffset: streamOffset, isComplete: isComplete, &evidence)
        }
        var target: [UInt8] = []
        swap(&target, &transformed)
        target.removeAll(keepingCapacity: true)
        walker.transform(test.transforms, bytes, into: &target)
        let holds = matchAndNote(test, target.octets, streamOffset: 0, isComplete: isComplete, &evidence)
        swap(&target, &transformed)
        return holds
    }

    private func matchAndNote(
        _ test: BufferTest, _ bytes: RawSpan, streamOffset: UInt64, isComplete: Bool, _ evidence: inout Evidence
    ) -> Bool {
        let window = Walker.Window(streamOffset: streamOffset, isComplete: isComplete)
        guard walker.matches(test, bytes, window) else { return false }
        if !walker.captures.isEmpty { takeCaptures(bytes) }
        guard !evidence.isSet, let match = walker.lastMatch, match.offset &+ match.count <= bytes.byteCount else {
            return true
        }
        evidence.isSet = true
        evidence.buffer = test.buffer
        evidence.offset = streamOffset &+ UInt64(match.offset)
        evidence.count = UInt8(min(match.count, 32))
        for place in 0..<Int(evidence.count) { evidence.octets[place] = bytes.octet(match.offset &+ place) }
        return true
    }

    // MARK: streams

    /// The next octets of a direction, in order: those of the packet at work, or some that were `held` for it.
    package func stream(_ slot: UInt32, _ bytes: RawSpan, toServer isToServer: Bool, held isHeld: Bool = false) {
        guard index.hasStreams else { return }
        flows.with(Int(slot)) { flow in
            guard flow.isFollowed, flow.flags.isDisjoint(with: [.isPassed, .isEncrypted]) else { return }
            flow.withStream(toServer: isToServer) { take(bytes, $0, flow, toServer: isToServer, held: isHeld) }
        }
    }

    private func take(
        _ bytes: RawSpan, _ stream: SignatureStream, _ flow: SignatureFlow, toServer isToServer: Bool,
        held isHeld: Bool
    ) {
        guard !stream.isOver else { return }
        let position = stream.offset &+ UInt64(stream.window.count)
        let room = settings.streamDepth == 0 ? .max : settings.streamDepth &- min(settings.streamDepth, position)
        let count = Int(min(UInt64(bytes.byteCount), room))
        wait(flow, FlowSides(toServer: isToServer))
        let next = bytes.extracting(0..<count)
        if isHeld { segment.clear() }
        findPatterns(next, stream, toServer: isToServer, flow.pair(toServer: isToServer))
        next.append(to: &stream.window)
        if UInt64(count) == room {
            stream.isOver = true
            stream.isDue = true
        }
        if stream.newCount >= SignatureEngine.chunkBytes { stream.isDue = true }
    }

    /// A direction has ended, or something was lost: what is there is inspected with the packet.
    package func streamEnds(_ slot: UInt32, toServer isToServer: Bool) {
        flows.with(Int(slot)) { $0.withStream(toServer: isToServer) { $0.isDue = true } }
    }

    /// Octets were lost: what was before and what comes behind are two.
    package func gap(_ slot: UInt32, _ count: Int, toServer isToServer: Bool, _ id: ConnectionID, now: Timestamp) {
        flows.with(Int(slot)) { flow in
            flow.hasNewGap = true
            let stream = flow.stream(toServer: isToServer)
            if stream.newCount > 0 {
                stream.isDue = true
                let nothing: [UInt8] = []
                let (hits, count) = (segment.hits, segment.count)
                inspect(slot, nothing.octets, pseudo(id, flow, toServer: isToServer, now))
                (segment.hits, segment.count) = (hits, count)
            }
            stream.cut(count)
        }
    }

    /// Notes what of a stream's patterns stands in its next octets, or begins before them. Those of the packet at work
    /// were looked through with the packet.
    private func findPatterns(
        _ next: RawSpan, _ stream: SignatureStream, toServer isToServer: Bool, _ pair: Int
    ) {
        index.withPatterns(.tcp, toServer: isToServer, pair) {
            findPatterns($0, next, stream, toServer: isToServer)
        }
    }

    private func findPatterns(
        _ group: PatternGroup, _ next: RawSpan, _ stream: SignatureStream, toServer isToServer: Bool
    ) {
        let position = stream.offset &+ UInt64(stream.window.count)
        if segment.count != next.byteCount || segment.isToServer != isToServer {
            segment.clear()
            scan(next, group, for: [])
        }
        stream.take(segment.hits, at: position)
        segment.clear()
        let before = min(stream.window.count, group.lengthMax &- 1)
        if before > 0 { findInSeam(group, stream, before, next, group.lengthMax &- 1, isStart: false) }
        // What has one place stands at the start of what was not inspected; the rule then looks at the whole window, as
        // Suricata's do, and can hold as long as that begins with the stream.
        guard stream.offset == 0, stream.newCount < group.reach else { return }
        findInSeam(group, stream, stream.newCount, next, group.reach, isStart: true)
    }

    /// Gives a stream what stands in the last octets of its window and the first ones of what follows, but for what
    /// ends before these; or what stands at their start alone.
    private func findInSeam(
        _ group: PatternGroup, _ stream: SignatureStream, _ before: Int, _ next: RawSpan, _ behind: Int, isStart: Bool
    ) {
        var joined: [UInt8] = []
        swap(&joined, &seam)
        joined.removeAll(keepingCapacity: true)
        let window = stream.window
        window.octets.extracting(window.count &- before ..< window.count).append(to: &joined)
        next.extracting(0 ..< min(next.byteCount, behind)).append(to: &joined)
        if isStart {
            scratch.clear()
            group.findAnchored(in: joined.octets, scratch, isStart: true)
            takeFound(group, for: [], keeping: [.stream, .transaction])
        } else {
            scan(joined.octets, group, for: [])
        }
        swap(&joined, &seam)
        guard !segment.hits.isEmpty else { return segment.clear() }
        segment.hits.removeAll { Int($0.end) <= before }
        stream.take(segment.hits, at: stream.offset &+ UInt64(window.count &- before))
        segment.clear()
    }

    /// Looks through what is there of a stream for the patterns of other rules.
    func findAgain(_ stream: SignatureStream, _ flow: SignatureFlow, toServer isToServer: Bool) {
        stream.forgetFound()
        let window = stream.window
        guard !window.isEmpty else { return }
        index.withPatterns(.tcp, toServer: isToServer, flow.pair(toServer: isToServer)) { group in
            segment.clear()
            scan(window.octets, group, for: [])
            scratch.clear()
            group.findAnchored(in: window.octets, scratch, isStart: stream.offset == 0)
            takeFound(group, for: [], keeping: [.stream, .transaction])
            for place in segment.hits.indices where Int(segment.hits[place].end) <= stream.inspectedCount {
                segment.hits[place].uses.remove(.stream)
            }
            stream.take(segment.hits, at: stream.offset)
            segment.clear()
        }
    }

    /// Whether a stream is due, and has something that may be looked at.
    private func mayInspect(_ stream: SignatureStream, _ flow: SignatureFlow, _ facts: PacketFacts) -> Bool {
        // Mail is inspected line by line.
        guard stream.isDue || flow.application == .smtp, stream.newCount > 0 else {
            stream.isDue = false
            return false
        }
        return facts.isPseudo || !flow.unacknowledged.contains(FlowSides(toServer: facts.isToServer))
    }

    /// Inspects a stream that is due.
    private func inspect(
        _ index: RuleIndex, _ stream: SignatureStream, _ facts: PacketFacts, _ flow: SignatureFlow, _ slot: UInt32
    ) {
        beginRound()
        stream.isDue = false
        let window = stream.window
        findCandidates(index, window, stream, facts, flow.pair(toServer: facts.isToServer))
        candidates.sort()
        let bits = RuleGate.Bits(facts, .stream, hasFlow: true)
        let nothing: [UInt8] = []
        for place in 0..<candidates.count {
            let number = candidates[place]
            counters.evaluations &+= 1
            profile?.begin(number)
            guard admits(number, bits, facts, flow), !isQueued(number),
                holds(number, nothing.octets, facts, flow)
            else { continue }
            var evidence = Evidence()
            if !captured.isEmpty { captured.removeAll() }
            guard
                matches(
                    number, nothing.octets, window.octets, facts, .stream, streamOffset: stream.offset, &evidence)
            else {
                if set.rules[Int(number)].fast != nil, stream.waiting.count < 256 { stream.waiting.append(number) }
                continue
            }
            fire(number, facts, flow, slot, nil, isStream: true, evidence)
        }
        profile?.stop()
        stream.isInspected = true
    }

    /// Rules whose pattern ends in what is new, those that waited, and those without a pattern.
    private func findCandidates(
        _ index: RuleIndex, _ window: [UInt8], _ stream: SignatureStream, _ facts: PacketFacts, _ pair: Int
    ) {
        for place in stream.found.indices { addCandidate(stream.found[place]) }
        stream.takeFound()
        index.withStreamRules {
            lookForWeak($0, in: window.octets, facts, pair, size: -1, endingBehind: stream.inspectedCount)
        }
        if !stream.waiting.isEmpty {
            for rule in stream.waiting { addCandidate(rule) }
            stream.waiting.removeAll(keepingCapacity: true)
        }
        index.withStreamRules {
            $0.loose.forEach(source: facts.sourcePort, target: facts.targetPort, size: -1) { addCandidate($0) }
        }
    }

    /// A rule fires once for a packet, be it on the packet or on the stream.
    private func isQueued(_ rule: UInt32) -> Bool {
        for alert in queue where alert.rule == rule && alert.transaction == nil { return true }
        return false
    }

    // MARK: what fired

    func fire(
        _ number: UInt32, _ facts: PacketFacts, _ flow: SignatureFlow?, _ slot: UInt32?,
        _ transaction: SignatureTransaction?, isStream: Bool, _ evidence: Evidence
    ) {
        let set = set
        let rule = set.rules[Int(number)]
        counters.matches &+= 1
        let context = captured.isEmpty ? [] : applyCaptures(flow)
        profile?.match(number)
        for place in rule.effects.indices { apply(set.effects[place], facts, flow, transaction) }
        let isSilent = rule.flags.contains(.isSilent)
        let isHeard = rule.needsHosts(set) || rule.action == .pass || rule.flags.contains(.storesFile)
        guard !isSilent || isHeard else { return }
        var alert = SignatureAlert(
            rule: number, slot: slot, facts: facts, isToServer: facts.isToServer, transaction: transaction?.number,
            application: transaction?.application ?? flow?.application ?? .unknown)
        alert.isStream = isStream
        alert.evidence = evidence
        alert.isSilent = isSilent
        alert.context = context
        queue.append(alert)
    }

    /// Puts the packet's alerts in order, lets `pass` have its way, and keeps the first so many.
    func finish(_ flow: SignatureFlow?) {
        guard !queue.isEmpty else { return }
        queue.sort { $0.rule < $1.rule }
        var count = 0
        for place in queue.indices {
            let alert = queue[place]
            let rule = set.rules[Int(alert.rule)]
            if rule.action == .pass {
                if rule.isOfFlow(isStream: alert.isStream) { flow?.flags.insert(.isPassed) }
                return
            }
            // It configures, and says nothing.
            if rule.action == .config { continue }
            if let flow, !admitsByFlow(alert, rule, flow) { continue }
            // The packets behind one that is to be dropped would not come.
            if rule.action == .drop, rule.isOfFlow(isStream: alert.isStream) { flow?.flags.insert(.isPassed) }
            guard count < settings.alertsMax else {
                counters.alertsDropped &+= 1
                continue
            }
            if !alert.isSilent { count += 1 }
            flow?.flags.insert(.hasAlert)
            if index.hasTags { tag(rule, alert, flow) }
            alerts.append(alert)
        }
    }

    /// Thresholds that count by flow are the worker's own.
    private func admitsByFlow(_ alert: SignatureAlert, _ rule: Rule, _ flow: SignatureFlow) -> Bool {
        for place in rule.limits.indices where set.limits[place].track == .flow {
            let limit = set.limits[place]
            guard let known = flow.limits.firstIndex(where: { $0.rule == alert.rule }) else {
                var new = SignatureFlow.FlowLimit(rule: alert.rule)
                let admits = new.counter.admits(limit, at: alert.facts.now)
                flow.limits.append(new)
                return admits
            }
            return flow.limits[known].counter.admits(limit, at: alert.facts.now)
        }
        return true
    }
}

extension UInt8 {
    /// TCP, UDP, ICMP, ICMPv6, SCTP, ESP.
    fileprivate var hasFlow: Bool {
        switch self {
        case 6, 17, 1, 58, 132, 50: true
        default: false
        }
    }
}

extension PacketFacts {
    /// The other direction, for what was waiting there.
    var turned: PacketFacts {
        var facts = self
        swap(&facts.source, &facts.target)
        swap(&facts.sourcePort, &facts.targetPort)
        facts.isToServer.toggle()
        facts.isPseudo = true
        return facts
    }
}

extension Rule {
    /// Whether what the rule does is done to the whole flow, not to the packet at hand.
    package func isOfFlow(isStream: Bool) -> Bool {
        switch kind {
        case .packet, .decoderEvent: false
        case .packetAndStream, .stream: isStream
        case .addressOnly, .likeAddressOnly, .protocolOnly, .application, .transaction: true
        }
    }

    /// Something of it spans connections, and is decided by the collector.
    func needsHosts(_ set: RuleSet) -> Bool {
        for place in stateTests.indices {
            switch set.stateTests[place] {
            case .xbit, .hostbits: return true
            default: break
            }
        }
        for place in effects.indices {
            switch set.effects[place] {
            case .xbit, .hostbits: return true
            default: break
            }
        }
        return false
    }
}
