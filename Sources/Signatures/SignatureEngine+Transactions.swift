// SPDX-License-Identifier: Apache-2.0
//
// Transactions against the rules: buffers as they are shown, bodies in windows.
//
// Reads   exposures of analyzers (Records/TransactionOutput.swift).
// Writes  candidates and how much of each has matched; what fires.
// Leaves  packets and streams (SignatureEngine+Packets.swift).

package import Records
import Wire

extension SignatureEngine {
    /// Transactions of one connection that are open at once.
    static let transactionsMax = 1024
    /// Octets of a body that wait before the first inspection, and before each further one.
    static let bodyFirstBytes = (toServer: 32_768, toClient: 40_960)
    static let bodyNextBytes = (toServer: 4096, toClient: 16_384)
    /// Octets before an inspection that a match may begin in.
    static let bodyOverlapBytes = (toServer: 4096, toClient: 16_384)

    // MARK: what is shown

    /// Takes what analyzers have shown of a flow.
    package func absorb(_ slot: UInt32, _ output: borrowing TransactionOutput) {
        counters.exposuresDropped &+= output.dropped
        let (bytes, exposures) = (output.text.bytes, output.exposures)
        flows.with(Int(slot)) { flow in
            guard flow.isFollowed, !flow.flags.contains(.isPassed) else { return }
            if flow.isTCP { wait(flow, FlowSides(toServer: arrival.isToServer)) }
            var place = 0
            while place < exposures.count {
                let number = exposures[place].transaction
                guard let transaction = transaction(exposures[place], flow) else {
                    place &+= 1
                    continue
                }
                repeat {
                    let exposure = exposures[place]
                    take(exposure, bytes.octets, transaction, flow)
                    if case .event = exposure.kind {
                        addEvent(output.events[Int(exposure.number)], exposure.direction, transaction)
                    }
                    place &+= 1
                } while place < exposures.count && exposures[place].transaction == number
                flow.changed.formUnion(transaction.changed)
            }
        }
    }

    private func take(
        _ exposure: Exposure, _ text: RawSpan, _ transaction: SignatureTransaction, _ flow: SignatureFlow
    ) {
        switch exposure.kind {
        case .begin: break
        // An event is the whole transaction's.
        case .event: transaction.changed.formUnion(.both)
        default: transaction.changed.formUnion(FlowSides(exposure.direction))
        }
        if flow.isTCP { transaction.unacknowledged.insert(FlowSides(toServer: arrival.isToServer)) }
        switch exposure.kind {
        case .begin:
            let found = AppProtocol(rawValue: UInt8(truncatingIfNeeded: exposure.number)) ?? .unknown
            transaction.application = found
            tell(found, flow)
        case .octets: add(exposure, text, transaction)
        case .part, .lastPart: addPart(exposure, text, transaction)
        case .number:
            addEntry(
                SignatureEntry(
                    kind: .number, buffer: exposure.buffer, direction: exposure.direction,
                    number: exposure.number), transaction)
        case .event: break
        case .done: finish(exposure.direction, transaction, flow)
        }
    }

    private func addEvent(_ name: StaticString, _ direction: Direction, _ transaction: SignatureTransaction) {
        addEntry(
            SignatureEntry(kind: .event, buffer: .payload, direction: direction, number: eventNumber(name)),
            transaction)
    }

    /// The flow's protocol, as an analyzer has confirmed it.
    package func confirm(_ slot: UInt32, _ application: AppProtocol) {
        flows.with(Int(slot)) { flow in
            guard flow.isFollowed, application != flow.application else { return }
            if flow.isTCP { wait(flow, FlowSides(toServer: arrival.isToServer)) }
            tell(application, flow)
        }
    }

    /// Data of a direction was read that its receiver has not acknowledged.
    func wait(_ flow: SignatureFlow, _ side: FlowSides) {
        guard flow.unacknowledged.insert(side).inserted else { return }
        if side == .toServer { flow.firstEnds.toServer = arrival.end } else { flow.firstEnds.toClient = arrival.end }
    }

    /// An analyzer names the protocol: over TCP the rules hear of it with the acknowledgement.
    private func tell(_ application: AppProtocol, _ flow: SignatureFlow) {
        guard flow.isTCP else {
            setApplication(application, flow)
            flow.decided = .both
            return
        }
        if application != .unknown, application != flow.application { flow.coming = application }
    }

    func setApplication(_ application: AppProtocol, _ flow: SignatureFlow) {
        guard flow.application != application, application != .unknown else { return }
        if flow.original == .unknown {
            flow.original = application
            let speaksFirst = application == .http || application == .tls || application == .dcerpc
            if flow.isTCP, speaksFirst, flow.firstData == .toClient { flow.detectionEvent = .wrongDirection }
        }
        flow.application = application
    }

    private func transaction(_ exposure: Exposure, _ flow: SignatureFlow) -> SignatureTransaction? {
        var place = flow.transactions.count
        while place > 0 {
            place &-= 1
            if flow.transactions[place].number == exposure.transaction { return flow.transactions[place] }
        }
        // An end of what was never begun, or is already forgotten.
        guard exposure.kind != .done, exposure.kind != .lastPart || exposure.count > 0 else { return nil }
        guard flow.transactions.count < SignatureEngine.transactionsMax else {
            counters.exposuresDropped &+= 1
            return nil
        }
        let new = takeTransaction()
        new.number = exposure.transaction
        new.application = flow.application
        new.beginNumber = arrivalNumber
        flow.transactions.append(new)
        return new
    }

    private func addEntry(_ entry: SignatureEntry, _ transaction: SignatureTransaction) {
        guard transaction.entries.count < SignatureTransaction.entriesMax else {
            counters.exposuresDropped &+= 1
            return
        }
        transaction.append(entry)
    }

    private func add(_ exposure: Exposure, _ text: RawSpan, _ transaction: SignatureTransaction) {
        let range = Int(exposure.offset) ..< Int(exposure.offset) &+ Int(exposure.count)
        guard transaction.text.count &+ range.count <= SignatureTransaction.textBytesMax else {
            counters.exposuresDropped &+= 1
            return
        }
        let start = transaction.text.count
        text.extracting(range).append(to: &transaction.text)
        addEntry(
            SignatureEntry(
                kind: .octets, buffer: exposure.buffer, direction: exposure.direction,
                offset: UInt32(truncatingIfNeeded: start), count: exposure.count), transaction)
    }

    /// The body that an exposure is of; nil where there are too many.
    private func body(_ exposure: Exposure, _ transaction: SignatureTransaction) -> SignatureBody? {
        var place = transaction.bodies.count
        while place > 0 {
            place &-= 1
            let body = transaction.bodies[place]
            if body.buffer == exposure.buffer, body.direction == exposure.direction,
                body.instance == exposure.instance
            {
                return body
            }
        }
        guard transaction.bodies.count < 64 else { return nil }
        let body = takeBody()
        (body.buffer, body.direction, body.instance) = (exposure.buffer, exposure.direction, exposure.instance)
        body.isFile = exposure.isFile
        transaction.bodies.append(body)
        return body
    }

    private func addPart(_ exposure: Exposure, _ text: RawSpan, _ transaction: SignatureTransaction) {
        guard let body = body(exposure, transaction) else { return counters.exposuresDropped &+= 1 }
        let range = Int(exposure.offset) ..< Int(exposure.offset) &+ Int(exposure.count)
        text.extracting(range).append(to: &body.window)
        if exposure.kind == .lastPart { body.isComplete = true }
        let isToServer = exposure.direction == .originator
        let first = isToServer ? SignatureEngine.bodyFirstBytes.toServer : SignatureEngine.bodyFirstBytes.toClient
        let next = isToServer ? SignatureEngine.bodyNextBytes.toServer : SignatureEngine.bodyNextBytes.toClient
        let needed = body.offset == 0 && body.inspectedCount == 0 ? first : next
        if body.isComplete || body.window.count &- body.inspectedCount >= needed { body.isDue = true }
    }

    private func eventNumber(_ name: StaticString) -> UInt64 {
        let text = name.description
        if let known = eventNames.firstIndex(where: { $0.description == text }) { return UInt64(known) }
        eventNames.append(name)
        return UInt64(eventNames.count &- 1)
    }

    /// A side is complete: what is there of its bodies and of the stream is inspected.
    private func finish(_ direction: Direction, _ transaction: SignatureTransaction, _ flow: SignatureFlow) {
        if direction == .originator { transaction.isDoneToServer = true } else { transaction.isDoneToClient = true }
        if transaction.beginNumber == arrivalNumber, (direction == .originator) != arrival.isToServer {
            transaction.silent.insert(FlowSides(direction))
        }
        for body in transaction.bodies where body.direction == direction && !body.isComplete {
            body.isComplete = true
            body.isDue = true
        }
        // A command of FTP is no reason to look at the stream.
        if transaction.application != .ftp { flow.stream(toServer: direction == .originator).isDue = true }
    }

    // MARK: inspection

    func inspectTransactions(
        _ index: RuleIndex, _ bytes: RawSpan, _ facts: PacketFacts, _ flow: SignatureFlow, _ slot: UInt32
    ) {
        // Over TCP the protocol is told with the first acknowledgement, or at the end. Before, no rule is admitted,
        // and what is looked through once is not looked through again.
        guard flow.application != .unknown || !flow.isTCP || facts.isPseudo else { return }
        let side = FlowSides(toServer: facts.isToServer)
        // A direction's rules run with its own packets; where too much waits, and over datagrams, at once.
        let isCrowded = flow.transactions.count > SignatureEngine.transactionsMax / 2
        let sides = flow.isTCP && !isCrowded ? side : .both
        guard !flow.changed.isDisjoint(with: sides) else { return }
        var hasEnded = false
        flow.changed = []
        for place in flow.transactions.indices {
            let transaction = flow.transactions[place]
            guard !transaction.changed.isDisjoint(with: sides),
                facts.isPseudo || isCrowded || transaction.unacknowledged.isDisjoint(with: sides)
            else {
                flow.changed.formUnion(transaction.changed)
                continue
            }
            transaction.changed.subtract(sides)
            findCandidates(index, transaction, sides, facts, flow)
            evaluate(transaction, sides, bytes, facts, flow, slot)
            for body in transaction.bodies where body.isDue && sides.contains(FlowSides(body.direction)) {
                slide(body)
            }
            flow.changed.formUnion(transaction.changed)
            if transaction.isOver { hasEnded = true }
        }
        guard hasEnded else { return }
        flow.transactions.removeAll { transaction in
            guard transaction.isOver else { return false }
            giveBack(transaction)
            return true
        }
    }

    /// Looks for the patterns of what is new.
    private func findCandidates(
        _ index: RuleIndex, _ transaction: SignatureTransaction, _ sides: FlowSides, _ facts: PacketFacts,
        _ flow: SignatureFlow
    ) {
        if !transaction.ranAtBegin, !index.atBegin.isEmpty {
            transaction.ranAtBegin = true
            beginRound()
            for rule in index.atBegin { addCandidate(rule) }
            takeCandidates(.originator, transaction, facts, flow)
            takeCandidates(.responder, transaction, facts, flow)
        }
        findInEntries(index, transaction, facts, flow)
        addNear(transaction, sides, facts, flow)
        for place in transaction.bodies.indices {
            let body = transaction.bodies[place]
            guard body.isDue, sides.contains(FlowSides(body.direction)) else { continue }
            beginRound()
            let pair = flow.pair(toServer: body.direction == .originator)
            look(through: body, pair)
            takeCandidates(body.direction, transaction, facts, flow)
        }
        guard !transaction.ranAtEnd, !index.atEnd.isEmpty else { return }
        if transaction.isDoneToServer { takeEnd(index, .originator, transaction, facts, flow) }
        if transaction.isDoneToClient { takeEnd(index, .responder, transaction, facts, flow) }
        transaction.ranAtEnd = transaction.isDoneToServer && transaction.isDoneToClient
    }

    private func takeEnd(
        _ index: RuleIndex, _ direction: Direction, _ transaction: SignatureTransaction, _ facts: PacketFacts,
        _ flow: SignatureFlow
    ) {
        beginRound()
        for rule in index.atEnd { addCandidate(rule) }
        takeCandidates(direction, transaction, facts, flow)
    }

    /// Of what was shown whole.
    private func findInEntries(
        _ index: RuleIndex, _ transaction: SignatureTransaction, _ facts: PacketFacts, _ flow: SignatureFlow
    ) {
        let count = transaction.entries.count
        guard transaction.scannedEntries < count else { return }
        let text = transaction.text
        for place in transaction.scannedEntries..<count {
            let entry = transaction.entries[place]
            beginRound()
            if case .octets = entry.kind {
                let octets = text.octets.extracting(Int(entry.offset) ..< Int(entry.offset) &+ Int(entry.count))
                let pair = flow.pair(toServer: entry.direction == .originator)
                for group in index.groups(of: entry.buffer) { scan(octets, group, pair) }
            }
            if case .event = entry.kind {
                for rule in index.byEvent { addCandidate(rule) }
            } else if index.numbers.contains(entry.buffer) {
                for rule in index.byNumber[Int(entry.buffer.rawValue)] { addCandidate(rule) }
            }
            guard !candidates.isEmpty else { continue }
            takeCandidates(entry.direction, transaction, facts, flow)
            if case .event = entry.kind { takeCandidates(entry.direction.opposite, transaction, facts, flow) }
        }
        transaction.scannedEntries = transaction.entries.count
    }

    /// Rules whose pattern stands in the payload: in the window of the stream, or in the datagram.
    private func addNear(
        _ transaction: SignatureTransaction, _ sides: FlowSides, _ facts: PacketFacts, _ flow: SignatureFlow
    ) {
        guard flow.isTCP else {
            guard !segment.hits.isEmpty else { return }
            beginRound()
            for hit in segment.hits { addCandidate(hit.rule) }
            return takeCandidates(facts.isToServer ? .originator : .responder, transaction, facts, flow)
        }
        if sides.contains(.toServer) { addNear(flow.toServer, .originator, transaction, facts, flow) }
        if sides.contains(.toClient) { addNear(flow.toClient, .responder, transaction, facts, flow) }
    }

    private func addNear(
        _ stream: SignatureStream, _ direction: Direction, _ transaction: SignatureTransaction, _ facts: PacketFacts,
        _ flow: SignatureFlow
    ) {
        guard !stream.near.isEmpty else { return }
        beginRound()
        for place in stream.near.indices { addCandidate(stream.near[place].rule) }
        takeCandidates(direction, transaction, facts, flow)
    }

    /// Keeps the candidates whose header, direction and protocol fit.
    private func takeCandidates(
        _ direction: Direction, _ transaction: SignatureTransaction, _ facts: PacketFacts,
        _ flow: SignatureFlow
    ) {
        guard !candidates.isEmpty else { return }
        let index = index
        let side = direction == .originator
        let own = side == facts.isToServer ? facts : facts.turned
        let bits = RuleGate.Bits(own, .stream, hasFlow: true)
        // The flow may be of another protocol by now.
        let application = transaction.application == .unknown ? flow.application : transaction.application
        for place in 0..<candidates.count {
            let number = candidates[place]
            let (flags, applications) = (index.gates[Int(number)].flags, index.gates[Int(number)].applications)
            let isToServer = side || flags.contains(.isTransactional)
            if isToServer, !flags.contains(.toServer), flags.contains(.toClient) { continue }
            if !isToServer, !flags.contains(.toClient), flags.contains(.toServer) { continue }
            guard applications.isEmpty || applications.contains(application) else { continue }
            let key = number << 1 | (isToServer ? 1 : 0)
            guard !transaction.fired.contains(key),
                !transaction.candidates.contains(where: { $0.rule == number && $0.isToServer == isToServer }),
                transaction.candidates.count < SignatureTransaction.candidatesMax
            else { continue }
            guard isToServer != side else {
                guard admits(number, bits, own, flow, application) else { continue }
                transaction.candidates.append(SignatureCandidate(rule: number, isToServer: isToServer))
                continue
            }
            // A rule of both sides, with something of the server's: its header is of the client's.
            let other = own.turned
            guard admits(number, RuleGate.Bits(other, .stream, hasFlow: true), other, flow, application)
            else { continue }
            transaction.candidates.append(SignatureCandidate(rule: number, isToServer: isToServer))
        }
    }

    private func evaluate(
        _ transaction: SignatureTransaction, _ sides: FlowSides, _ bytes: RawSpan, _ facts: PacketFacts,
        _ flow: SignatureFlow, _ slot: UInt32
    ) {
        guard !transaction.candidates.isEmpty else { return }
        if transaction.candidates.count > 1 {
            transaction.candidates.sort { $0.rule != $1.rule ? $0.rule < $1.rule : $0.isToServer && !$1.isToServer }
        }
        let index = index
        let turned = facts.turned
        let hasDueBody = transaction.bodies.contains { $0.isDue }
        var kept = 0
        for place in transaction.candidates.indices {
            var candidate = transaction.candidates[place]
            let isOfSides =
                sides.contains(FlowSides(toServer: candidate.isToServer))
                || index.gates[Int(candidate.rule)].flags.contains(.isTransactional)
            guard isOfSides, hasDueBody || hasNews(candidate, transaction) else {
                if kept != place { transaction.candidates[kept] = candidate }
                kept &+= 1
                continue
            }
            profile?.begin(candidate.rule)
            let outcome =
                candidate.isToServer == facts.isToServer
                ? evaluate(&candidate, transaction, bytes, facts, flow)
                : evaluate(&candidate, transaction, bytes, turned, flow)
            switch outcome {
            case .matches:
                transaction.fired.append(candidate.rule << 1 | (candidate.isToServer ? 1 : 0))
                let side = candidate.isToServer == facts.isToServer ? facts : turned
                fire(candidate.rule, side, flow, slot, transaction, isStream: false, candidate.evidence)
            case .waits:
                candidate.isNew = false
                candidate.seenEntries = UInt32(truncatingIfNeeded: transaction.entries.count)
                candidate.seenDone = transaction.doneSides
                transaction.candidates[kept] = candidate
                kept &+= 1
            case .fails: break
            }
        }
        profile?.stop()
        transaction.candidates.removeSubrange(kept...)
    }

    /// Whether something that the rule may look at has come since its last evaluation, bodies aside.
    private func hasNews(_ candidate: SignatureCandidate, _ transaction: SignatureTransaction) -> Bool {
        if candidate.isNew || Int(candidate.seenEntries) != transaction.entries.count
            || candidate.seenDone != transaction.doneSides
        {
            return true
        }
        let set = set
        for place in set.rules[Int(candidate.rule)].buffers.indices where set.buffers[place].buffer.isOfPacket {
            return true
        }
        return false
    }

    private enum Outcome { case matches, waits, fails }

    private func evaluate(
        _ candidate: inout SignatureCandidate, _ transaction: SignatureTransaction, _ bytes: RawSpan,
        _ facts: PacketFacts, _ flow: SignatureFlow
    ) -> Outcome {
        let set = set
        let number = Int(candidate.rule)
        counters.evaluations &+= 1
        if !captured.isEmpty { captured.removeAll() }
        if candidate.isNew {
            // A rule that tests the packet at hand does so once, with the packet that made it a candidate.
            guard holds(candidate.rule, bytes, facts, flow) else { return .fails }
        }
        let isTransactional = set.rules[number].flags.contains(.isTransactional)
        var waits = false
        for (bit, place) in set.rules[number].buffers.indices.enumerated()
        where candidate.matchedLists >> UInt64(bit) & 1 == 0 {
            let test = set.buffers[place]
            let from = direction(isTransactional ? test.side : .either, candidate.isToServer)
            switch evaluate(test, from, &candidate, transaction, bytes, facts, flow) {
            case .matches: candidate.matchedLists |= 1 << UInt64(bit)
            case .waits: waits = true
            case .fails: return .fails
            }
        }
        for (bit, place) in set.rules[number].transactionTests.indices.enumerated()
        where candidate.matchedTests >> UInt64(bit) & 1 == 0 {
            let test = set.transactionTests[place]
            let from = direction(isTransactional ? test.side : .either, candidate.isToServer)
            if holds(test.element, from, transaction) {
                candidate.matchedTests |= 1 << UInt64(bit)
            } else if transaction.isDone(from) {
                return .fails
            } else {
                waits = true
            }
        }
        return waits ? .waits : .matches
    }

    /// Whose exposures a test looks at.
    private func direction(_ side: FlowTest.Side, _ isToServer: Bool) -> Direction {
        switch side {
        case .toServer: .originator
        case .toClient: .responder
        case .either: isToServer ? .originator : .responder
        }
    }

    private func evaluate(
        _ test: BufferTest, _ from: Direction, _ candidate: inout SignatureCandidate,
        _ transaction: SignatureTransaction, _ bytes: RawSpan, _ facts: PacketFacts, _ flow: SignatureFlow
    ) -> Outcome {
        if test.buffer.isOfPacket {
            if test.buffer == .payload { return payload(test, &candidate, bytes, facts, flow) }
            if let range = headerRange(test.buffer, bytes, facts) {
                let holds = walk(test, bytes.extracting(range), streamOffset: 0, &candidate.evidence)
                return holds ? .matches : .fails
            }
            if let address = addressOctets(test.buffer, facts) {
                return walk(test, address.octets, streamOffset: 0, &candidate.evidence) ? .matches : .fails
            }
        }
        let isDone = transaction.isDone(from)
        var isThere = false
        var next = Int(transaction.first(of: test.buffer))
        let text = transaction.text
        while next > 0 {
            let place = next &- 1
            let entry = transaction.entries[place]
            next = Int(entry.next)
            guard case .octets = entry.kind, entry.direction == from else { continue }
            isThere = true
            guard place >= Int(candidate.seenEntries) else { continue }
            let range = Int(entry.offset) ..< Int(entry.offset) &+ Int(entry.count)
            let holds = walk(test, text.octets.extracting(range), streamOffset: 0, &candidate.evidence)
            if holds, test.absence != .mustBeAbsent { return .matches }
        }
        for index in transaction.bodies.indices {
            let body = transaction.bodies[index]
            guard body.holds(test.buffer), body.direction == from else { continue }
            isThere = true
            guard body.isDue else { continue }
            let window = body.window
            let holds = walk(
                test, window.octets, streamOffset: body.offset, isComplete: body.isComplete, &candidate.evidence)
            if holds, test.absence != .mustBeAbsent { return .matches }
        }
        if isDone { return !isThere && test.absence != .needed ? .matches : .fails }
        return test.absence == .mustBeAbsent && isThere ? .fails : .waits
    }

    /// Contents of the payload beside buffers: looked for in the datagram, or in the stream as it stands.
    private func payload(
        _ test: BufferTest, _ candidate: inout SignatureCandidate, _ bytes: RawSpan, _ facts: PacketFacts,
        _ flow: SignatureFlow
    ) -> Outcome {
        if flow.isTCP {
            let stream = flow.stream(toServer: candidate.isToServer)
            let window = stream.window
            return walk(test, window.octets, streamOffset: stream.offset, &candidate.evidence) ? .matches : .waits
        }
        guard !facts.isPseudo else { return .fails }
        let holds = walk(test, bytes.extracting(facts.payload), streamOffset: 0, &candidate.evidence)
        return holds ? .matches : .waits
    }

    /// Moves a body's window on after an inspection.
    private func slide(_ body: SignatureBody) {
        body.isDue = false
        let isToServer = body.direction == .originator
        let overlap =
            isToServer ? SignatureEngine.bodyOverlapBytes.toServer : SignatureEngine.bodyOverlapBytes.toClient
        let kept = min(body.window.count, overlap)
        body.offset &+= UInt64(body.window.count &- kept)
        body.window.removeFirst(body.window.count &- kept)
        body.inspectedCount = kept
    }
}

extension SignatureBuffer {
    /// Read off the packet or the stream, not shown by an analyzer.
    var isOfPacket: Bool { rawValue <= SignatureBuffer.ipDestination.rawValue }
}
