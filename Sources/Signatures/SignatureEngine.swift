// SPDX-License-Identifier: Apache-2.0
//
// The signature engine of one worker: packets, streams and transactions against the rules.
//
// Reads   datagrams with their flow, in-order octets, what analyzers expose.
// Writes  alerts, in the order of the rules; flowbits and their like.
// Leaves  what spans connections: thresholds by host, xbits, hostbits (Sensor/AlertFilter.swift).
//
// How often a rule fires follows Suricata 8 (specification section 6): a packet's address
// rules run first, then packet and stream rules, then transactions, each in rule order.

package import Records
import Wire

/// Choices of the engine; every one is a key of the configuration.
package struct SignatureSettings: Sendable {
    /// Take TCP connections whose handshake was not seen for established (`signatures.midstream`).
    package var picksUpMidstream = false
    /// Octets of each direction that stream rules see (`stream.depth`).
    package var streamDepth: UInt64 = 1 << 20
    /// Alerts of one packet (`packet-alert-max`).
    package var alertsMax = 15

    package init() {}
}

/// A match that is to be told of.
package struct SignatureAlert: Sendable {
    /// Into `RuleSet.rules`.
    package var rule: UInt32
    package var slot: UInt32?
    package var facts: PacketFacts
    package var isToServer: Bool
    package var transaction: UInt64?
    package var application: AppProtocol
    /// The octets were those of a reassembled stream.
    package var isStream = false
    var evidence = Evidence()
    /// What the rule has captured for its alert.
    package var context: [CapturedVariable] = []
    /// Nothing is to be said, but hosts' bits are to be set.
    package var isSilent = false

    package var buffer: SignatureBuffer? { evidence.isSet ? evidence.buffer : nil }
    package var offset: UInt64 { evidence.offset }
    package var matchedCount: Int { Int(evidence.count) }
    package func matchedOctet(_ place: Int) -> UInt8 { evidence.octets[place] }
}

package final class SignatureEngine {
    // Constant, as a look at what may change counts references. Other rules have another engine.
    let set: RuleSet
    let index: RuleIndex
    package var rules: RuleSet { self.set }
    let settings: SignatureSettings
    let walker: Walker
    let scratch: PatternScratch
    /// By the slot of the flow table.
    var flows = ObjectSlots<SignatureFlow>()
    private var idleFlows: [SignatureFlow] = []
    private var idleTransactions: [SignatureTransaction] = []
    private var idleBodies: [SignatureBody] = []
    private static let idleMax = 4096

    // The packet at work.

    var candidates: CandidateList
    /// Some session was tagged.
    var hasSessionTags = false
    /// Rules whose pattern stands in the buffer at work.
    var found: [UInt32] = []
    /// Hits in the segment at work that are the stream's and the transactions', and whose segment it is.
    var segment = SegmentHits()
    /// The end of a stream and the beginning of what follows.
    var seam: [UInt8] = []
    /// Octets of a transform at work.
    var transformed: [UInt8] = []
    /// Which address sets hold the two addresses at work.
    var memos = (AddressMemo(), AddressMemo())
    /// The payload of the packet at work is encrypted: no rule looks at it.
    var isOpaque = false
    /// The packet at work: its direction, and where its octets end in the sequence space of TCP.
    var arrival: (isToServer: Bool, end: UInt32) = (true, 0)
    /// Counts the packets that have arrived, so that what one packet begins and ends is known as its own.
    var arrivalNumber: UInt64 = 0
    /// What the rule at work has captured; it counts when the whole rule matches.
    var captured: [(kind: Capture.Kind, variable: CapturedVariable)] = []
    /// Variables of the packet at work.
    var packetVariables: [CapturedVariable] = []
    /// What fired on the packet at work, before the order is made.
    var queue: [SignatureAlert] = []
    /// Events of decoding, where a rule asks for them.
    var packetEvents = PacketEvents()
    /// Of the packet at work, where a rule asks for `stream-event`.
    var streamEvents: [StreamEvent] = []
    /// Names of events that transactions refer to.
    var eventNames: [StaticString] = []
    /// The payload of the packet at work was looked at, for rules of a transaction that look there too.
    package var alerts: [SignatureAlert] = []
    package var counters = SignatureCounters()
    /// What each rule costs, where that is asked for.
    package var profile: RuleProfile?

    package init(_ index: RuleIndex, settings: SignatureSettings) {
        self.index = index
        set = index.set
        self.settings = settings
        walker = Walker(index.set)
        scratch = PatternScratch(index.databases)
        candidates = CandidateList(index.set.rules.count)
    }

    /// The engine of other rules from the next packet on, which takes all that another one has, and leaves it empty.
    /// Flowbits stay by name where both sets have it.
    package convenience init(_ index: RuleIndex, replacing former: SignatureEngine) {
        self.init(index, settings: former.settings)
        for slot in 0..<former.flows.count {
            if let flow = former.flows.take(slot) { flows.put(flow, slot) }
        }
        (idleFlows, former.idleFlows) = (former.idleFlows, [])
        (idleTransactions, former.idleTransactions) = (former.idleTransactions, [])
        (idleBodies, former.idleBodies) = (former.idleBodies, [])
        (packetEvents, eventNames) = (former.packetEvents, former.eventNames)
        (arrival, arrivalNumber) = (former.arrival, former.arrivalNumber)
        hasSessionTags = former.hasSessionTags
        (counters, profile, alerts) = (former.counters, former.profile, former.alerts)
        takeFlows(from: former)
    }

    private func takeFlows(from former: SignatureEngine) {
        let names = Dictionary(
            former.set.variableNames.enumerated().map { ($1, UInt16(truncatingIfNeeded: $0)) },
            uniquingKeysWith: { first, _ in first })
        var newNumber: [UInt16: UInt16] = [:]
        for (number, name) in set.variableNames.enumerated() {
            if let old = names[name] { newNumber[old] = UInt16(truncatingIfNeeded: number) }
        }
        let old = former.set.rules
        // The same rule, in whatever revision, goes on where it was.
        let places = Dictionary(
            index.set.rules.enumerated().map { ($1.place, UInt32(truncatingIfNeeded: $0)) },
            uniquingKeysWith: { first, _ in first })
        for slot in 0..<flows.count {
            flows.with(slot) { flow in
                flow.findZones(index.zones)
                flow.bits = flow.bits.compactMap { newNumber[$0] }
                flow.integers = flow.integers.compactMap { pair in newNumber[pair.name].map { ($0, pair.value) } }
                flow.variables = flow.variables.compactMap { variable in
                    newNumber[variable.name].map { CapturedVariable(name: $0, octets: variable.octets) }
                }
                flow.limits = flow.limits.compactMap { limit in
                    places[old[Int(limit.rule)].place].map { SignatureFlow.FlowLimit(rule: $0, counter: limit.counter) }
                }
                for stream in [flow.toServer, flow.toClient] {
                    stream.waiting = stream.waiting.compactMap { places[old[Int($0)].place] }
                    findAgain(stream, flow, toServer: stream === flow.toServer)
                }
                for transaction in flow.transactions {
                    transaction.takeOtherRules { places[old[Int($0)].place] }
                }
                flow.changed = .both
            }
        }
    }

    // MARK: what analyzers need to know

    package var wanted: SignatureBufferSet { index.wanted }
    /// Where rules look at streams alone, too: a stream is inspected when a message is complete.
    package var wantsTransactions: Bool { index.hasTransactions || index.hasStreams }
    package var wantsEvents: Bool { index.hasEvents }

    /// Whether what analyzers read of the flow is looked at.
    package func isFollowed(_ slot: UInt32) -> Bool {
        flows.with(Int(slot)) { $0.isFollowed && !$0.flags.contains(.isPassed) } ?? false
    }

    // MARK: candidates

    /// Begins a new list of candidates.
    func beginRound() { candidates.begin() }

    @inline(__always)
    func addCandidate(_ rule: UInt32) { candidates.add(rule) }

    /// The same for patterns that are looked for in packets of few ports, where they end behind `start`.
    func lookForWeak(
        _ rules: PayloadRules, in bytes: RawSpan, _ facts: PacketFacts, _ pair: Int, size: Int,
        endingBehind start: Int = 0
    ) {
        guard !rules.weak.isEmpty, bytes.byteCount > 0 else { return }
        let patterns = set.patterns
        rules.weakPlaces.forEach(source: facts.sourcePort, target: facts.targetPort, size: size) { place in
            let entry = rules.weak[Int(place)]
            let first = max(0, start &- Int(entry.octets.count) &+ 1)
            guard entry.pairs.contains(pair: pair), !candidates.holds(entry.rule),
                PatternSearch.first(
                    patterns.octets.extracting(entry.octets.indices), in: bytes, first, bytes.byteCount,
                    isCaseless: entry.isCaseless) != nil
            else { return }
            addCandidate(entry.rule)
        }
    }

    // MARK: flows

    /// What follows of the connection is encrypted: rules look at its octets no more, as Suricata's do not
    /// (`encryption-handling: track-only`, for TLS and SSH). What was in the clear is still inspected.
    package func conceal(_ slot: UInt32) {
        flows.with(Int(slot)) { flow in
            guard flow.isTCP, flow.isFollowed else { return }
            flow.flags.insert(.isEncrypted)
            if flow.toServer.newCount > 0 { flow.toServer.isDue = true }
            if flow.toClient.newCount > 0 { flow.toClient.isDue = true }
        }
    }

    /// Notes a packet of a flow, and says in `facts` what the flow makes of it. To be called before
    /// the packet's octets go anywhere. One with a wrong checksum is in no stream.
    package func arrive(_ slot: UInt32, _ id: ConnectionID, _ facts: inout PacketFacts, isDamaged: Bool) {
        if !flows.has(Int(slot)) { begin(slot, id, now: facts.now, isTCP: facts.isTCP) }
        flows.with(Int(slot)) { arrive($0, id, &facts, isDamaged: isDamaged) }
    }

    private func arrive(
        _ flow: SignatureFlow, _ id: ConnectionID, _ facts: inout PacketFacts, isDamaged: Bool
    ) {
        // Which end is the client may turn out later.
        if flow.ends.originator != id.originator || flow.ends.responder != id.responder { meet(flow, id) }
        facts.isToServer =
            facts.source == id.originator
            && (!facts.hasHeader || id.transport == .icmp || id.originator != id.responder
                || facts.sourcePort == id.originatorPort)
        if facts.isToServer {
            flow.flags.insert(.sawToServer)
            flow.packets.toServer &+= 1
            flow.octets.toServer &+= UInt64(facts.layer.totalLength)
        } else {
            flow.flags.insert(.sawToClient)
            flow.packets.toClient &+= 1
            flow.octets.toClient &+= UInt64(facts.layer.totalLength)
        }
        // What the packet itself makes of the state, the next one sees.
        facts.isEstablished = flow.isEstablished
        if flow.isTCP, !isDamaged {
            acknowledge(flow, facts)
            track(flow, facts)
        } else if !flow.isTCP {
            facts.isEstablished = flow.isEstablished
        }
        arrivalNumber &+= 1
        arrival = (facts.isToServer, facts.sequence &+ UInt32(truncatingIfNeeded: facts.payloadCount))
        facts.isInStream =
            flow.isTCP && !isDamaged && flow.isFollowed && facts.payloadCount > 0
            && !(facts.isToServer ? flow.toServer.isOver : flow.toClient.isOver)
    }

    /// Data of the other direction is acknowledged: rules see what it has told.
    private func acknowledge(_ flow: SignatureFlow, _ facts: borrowing PacketFacts) {
        let other = FlowSides(toServer: !facts.isToServer)
        guard facts.flags & 0x10 != 0, flow.unacknowledged.contains(other) else { return }
        let end = facts.isToServer ? flow.firstEnds.toClient : flow.firstEnds.toServer
        guard Int32(bitPattern: facts.acknowledgement &- end) >= 0 else { return }
        acknowledge(flow, other)
    }

    private func acknowledge(_ flow: SignatureFlow, _ side: FlowSides) {
        flow.unacknowledged.subtract(side)
        for place in flow.transactions.indices { flow.transactions[place].unacknowledged.subtract(side) }
        if flow.coming != .unknown {
            setApplication(flow.coming, flow)
            flow.coming = .unknown
        }
        if flow.application != .unknown { flow.decided.formUnion(side) }
    }

    package var wantsStreamEvents: Bool { index.hasStreamEvents }

    /// Looks for events of the stream in a segment that has arrived.
    package func watch(_ slot: UInt32, _ bytes: RawSpan, _ facts: PacketFacts, isDamaged: Bool) {
        if !streamEvents.isEmpty { streamEvents.removeAll() }
        guard facts.isTCP, facts.hasHeader, !isDamaged, let header = try? TCPHeader(bytes, facts.layer) else { return }
        flows.with(Int(slot)) { watch($0, bytes, facts, header) }
    }

    /// Goes on with a session as another connection of the same ends: a SYN that begins one for the flow table may
    /// belong to the session that was there.
    package func goOn(_ slot: UInt32, insteadOf old: UInt32, isTurned: Bool, _ facts: PacketFacts) {
        guard slot != old, let watch = flows.with(Int(old), { $0.watch.goingOn(facts, isTurned: isTurned) }), let watch
        else { return }
        flows.with(Int(slot)) { $0.watch = watch }
    }

    private func watch(_ flow: SignatureFlow, _ bytes: RawSpan, _ facts: PacketFacts, _ header: TCPHeader) {
        flow.watch.take(facts, TCPOptions(bytes, header)) { streamEvents.append($0) }
        if flow.hasNewGap { streamEvents.append(.gap) }
        let side = FlowSides(toServer: facts.isToServer)
        // Sequence numbers alone may jump: so much must have come.
        let octets =
            facts.isToServer
            ? min(flow.streamOctets.toServer, flow.octets.toServer)
            : min(flow.streamOctets.toClient, flow.octets.toClient)
        if settings.streamDepth > 0, octets > settings.streamDepth, flow.beyondDepth.insert(side).inserted {
            streamEvents.append(.depthReached)
        }
        flow.hasNewGap = false
    }

    private func meet(_ flow: SignatureFlow, _ id: ConnectionID) {
        flow.ends = (id.originator, id.responder)
        flow.findZones(index.zones)
    }

    private func begin(_ slot: UInt32, _ id: ConnectionID, now: Timestamp, isTCP: Bool) {
        let flow = idleFlows.popLast() ?? SignatureFlow()
        flow.start = now
        meet(flow, id)
        flow.isTCP = isTCP
        flows.put(flow, Int(slot))
    }

    /// TCP's handshake: the three steps in order, or a connection found in its middle.
    private func track(_ flow: SignatureFlow, _ facts: borrowing PacketFacts) {
        let isSYN = facts.flags & 0x02 != 0
        let isACK = facts.flags & 0x10 != 0
        if facts.flags & 0x05 != 0, flow.handshake != .none { flow.flags.insert(.isClosed) }
        switch flow.handshake {
        case .none, .unknown:
            if isSYN, !isACK {
                flow.handshake = .synSent
            } else if settings.picksUpMidstream, facts.flags & 0x04 == 0 {
                flow.handshake = isSYN ? .synAnswered : .established
            } else {
                flow.handshake = .unknown
            }
        case .synSent: if isSYN, isACK { flow.handshake = .synAnswered }
        case .synAnswered: if isACK, !isSYN, facts.flags & 0x04 == 0 { flow.handshake = .established }
        case .established: break
        }
        noteSize(flow, facts, isSYN: isSYN)
    }

    /// How far each direction has come, for `stream_size`.
    private func noteSize(_ flow: SignatureFlow, _ facts: borrowing PacketFacts, isSYN: Bool) {
        let end = facts.sequence &+ UInt32(truncatingIfNeeded: facts.payloadCount) &+ (isSYN ? 1 : 0)
        if flow.firstData.isEmpty, facts.payloadCount > 0 { flow.firstData = FlowSides(toServer: facts.isToServer) }
        if facts.isToServer {
            if flow.packets.toServer == 1 || isSYN { flow.firstSequence.toServer = facts.sequence }
            let octets = UInt64(end &- flow.firstSequence.toServer)
            if octets < 1 << 31 { flow.streamOctets.toServer = max(flow.streamOctets.toServer, octets) }
        } else {
            if flow.packets.toClient == 1 || isSYN { flow.firstSequence.toClient = facts.sequence }
            let octets = UInt64(end &- flow.firstSequence.toClient)
            if octets < 1 << 31 { flow.streamOctets.toClient = max(flow.streamOctets.toClient, octets) }
        }
    }

    /// The connection is over: what waits is inspected, and the flow forgotten.
    package func end(_ slot: UInt32, _ id: ConnectionID, now: Timestamp) {
        flows.with(Int(slot)) { flow in
            if !flow.flags.contains(.isPassed) { flush(flow, slot, id, now) }
            for transaction in flow.transactions { giveBack(transaction) }
            flow.reset()
        }
        guard let flow = flows.take(Int(slot)), idleFlows.count < SignatureEngine.idleMax else { return }
        idleFlows.append(flow)
    }

    private func flush(_ flow: SignatureFlow, _ slot: UInt32, _ id: ConnectionID, _ now: Timestamp) {
        let waits = flow.toServer.newCount > 0 || flow.toClient.newCount > 0 || !flow.transactions.isEmpty
        guard waits || flow.coming != .unknown else { return }
        acknowledge(flow, .both)
        for transaction in flow.transactions {
            transaction.isDoneToServer = true
            transaction.isDoneToClient = true
            transaction.changed = .both
            for body in transaction.bodies { body.isComplete = true }
        }
        flow.changed = .both
        if flow.isTCP { (flow.toServer.isDue, flow.toClient.isDue) = (true, true) }
        let nothing: [UInt8] = []
        for isToServer in [true, false] {
            let facts = pseudo(id, flow, toServer: isToServer, now)
            inspect(slot, nothing.octets, facts)
        }
    }

    /// Facts of no packet: the direction's addresses and the time.
    func pseudo(_ id: ConnectionID, _ flow: SignatureFlow, toServer: Bool, _ now: Timestamp) -> PacketFacts {
        var facts = PacketFacts()
        facts.now = now
        facts.isPseudo = true
        facts.isToServer = toServer
        facts.isEstablished = flow.isEstablished
        facts.isInStream = flow.isTCP
        facts.protocolNumber = id.protocolNumber
        (facts.source, facts.target) = toServer ? (id.originator, id.responder) : (id.responder, id.originator)
        (facts.sourcePort, facts.targetPort) =
            toServer ? (id.originatorPort, id.responderPort) : (id.responderPort, id.originatorPort)
        facts.layer.version = facts.source.isV4 ? 4 : 6
        return facts
    }

    // MARK: pools

    func takeTransaction() -> SignatureTransaction { idleTransactions.popLast() ?? SignatureTransaction() }

    func giveBack(_ transaction: SignatureTransaction) {
        for body in transaction.bodies where idleBodies.count < SignatureEngine.idleMax {
            body.reset()
            idleBodies.append(body)
        }
        transaction.reset()
        if idleTransactions.count < SignatureEngine.idleMax { idleTransactions.append(transaction) }
    }

    func takeBody() -> SignatureBody { idleBodies.popLast() ?? SignatureBody() }
}

/// What the engine did, for the statistics.
package struct SignatureCounters: Sendable, Equatable {
    package var scannedOctets: UInt64 = 0
    package var evaluations: UInt64 = 0
    package var matches: UInt64 = 0
    /// Alerts beyond what one packet may have.
    package var alertsDropped: UInt64 = 0
    /// Exposures and transactions beyond their bounds.
    package var exposuresDropped: UInt64 = 0

    package init() {}
}
