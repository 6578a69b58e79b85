// SPDX-License-Identifier: Apache-2.0
//
// All analyzers of one connection: which run, what they are fed, what they say.
//
// Reads   in-order stream bytes, gaps, datagrams of one connection.
// Writes  nothing itself; `services` for conn.log.
// Leaves  the protocols (their files), the ports (Registry.swift), what is kept for probes (ProbeMemory.swift).

package import Records
import Wire

/// The analyzers of one connection, chosen by port at the first octets and by
/// probes on the first 1024 of both directions (Zeek's `dpd_buffer_size`).
///
/// A value is reused for another connection after `reset`; a stream inside a
/// stream (HTTP CONNECT) has an `InnerAnalysis`, whose probes ignore ports.
///
/// There is one for each connection, and its memory is cold when a packet comes: it is small, and holds no array of
/// which most connections would need an element.
package struct Analysis {
    /// Octets of both directions after which probing ends.
    static let probeBytesMax = 1024
    /// Deliveries after which probing ends (`dpd_max_packets`).
    static let probeDeliveriesMax = 100

    private var analyzers = AnalyzerList()
    /// What is kept while it is not decided what the connection carries; nil before the first delivery too.
    private var memory: ProbeMemory?
    private var hasBegun = false
    /// Probes are open: those of `memory`, or all of the transport's where there is none yet.
    private var isProbing = false
    private let isNested: Bool
    /// The protocol that both ends agreed to leave for another one, and which that is, where they said so.
    private(set) var left: AnalyzerKind?
    private(set) var agreed: AnalyzerKind?
    /// What each side of a stream looks like by its first octets, for EVE.
    private(set) var sides: SidesOfStream?
    /// Names for `service`, in order of confirmation.
    package private(set) var services = KindList()
    /// Those that stood there and were taken back, in that order.
    package private(set) var failures = KindList()
    /// Transactions begun on the connection, kept here between deliveries by the worker.
    package var transactionCount: UInt64 = 0
    /// The same with those that their readers have numbered themselves, likewise.
    package var transactionsBegun: UInt64 = 0
    /// The transaction of each side at work, likewise.
    package var currentTransactions: (originator: UInt64, responder: UInt64) = (0, 0)
    /// Files begun on the connection, likewise.
    package var fileCount: UInt32 = 0
    /// What an announcement of the connection says.
    private var expectedKind: AnalyzerKind?
    private var expectedBy = UID(value: 0)
    /// Analyzers that were let go, and still show datagrams to signatures.
    private var watching: [Analyzer] = []

    package init() { self.init(isNested: false) }

    fileprivate init(isNested: Bool) { self.isNested = isNested }

    /// Whether octets still matter to anybody here.
    package var wantsBytes: Bool { !hasBegun || isProbing || !analyzers.isEmpty || !watching.isEmpty }

    // MARK: what arrives

    package mutating func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        if !hasBegun { begin(&context) }
        if context.wantsEvents, !isNested { recognise(bytes, from: direction, context) }
        // What begins a stream is looked at by all probes, even if the port's analyzer takes it for its own.
        if isProbing, analyzers.isDecided { endProbing(&context) }
        for place in 0..<analyzers.count where !analyzers[place].isDetached {
            if context.wantsEvents { context.describer = analyzers[place] }
            analyzers[place].stream(bytes, from: direction, &context)
        }
        if isProbing { probeStream(bytes, from: direction, &context) }
        settle(bytes, &context)
    }

    /// `wireLength` is what the datagram had on the wire; fewer octets may be there.
    package mutating func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        if !watching.isEmpty {
            for analyzer in watching { analyzer.showDatagram(bytes, from: direction, &context) }
        }
        if !hasBegun { begin(&context) }
        for place in 0..<analyzers.count where !analyzers[place].isDetached {
            if context.wantsEvents { context.describer = analyzers[place] }
            analyzers[place].datagram(bytes, wireLength: wireLength, from: direction, &context)
        }
        if isProbing {
            if analyzers.isDecided {
                endProbing(&context)
            } else {
                probeDatagram(bytes, wireLength: wireLength, from: direction, &context)
            }
        }
        settle(bytes, &context)
    }

    package mutating func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        if !hasBegun { begin(&context) }
        for place in 0..<analyzers.count where !analyzers[place].isDetached {
            if context.wantsEvents { context.describer = analyzers[place] }
            analyzers[place].gap(count, from: direction, &context)
        }
        if isProbing, let memory = makeRoom(for: 0, openProbes(context), &context), count > 0 {
            memory.keep(gap: count, from: direction)
        }
        settle(RawSpan(), &context)
    }

    package mutating func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        for place in 0..<analyzers.count where !analyzers[place].isDetached {
            if context.wantsEvents { context.describer = analyzers[place] }
            analyzers[place].endOfStream(from: direction, &context)
        }
        settle(RawSpan(), &context)
    }

    /// The connection is over: what is half done is written.
    package mutating func finish(_ context: inout AnalyzerContext) {
        for place in 0..<analyzers.count where !analyzers[place].isDetached {
            if context.wantsEvents { context.describer = analyzers[place] }
            analyzers[place].finish(&context)
        }
        settle(RawSpan(), &context)
    }

    /// Back to the state of a new one. Analyzers go back to the pool.
    package mutating func reset(_ context: inout AnalyzerContext) {
        for place in 0..<analyzers.count { context.giveBack(analyzers[place]) }
        analyzers.removeAll()
        if !watching.isEmpty {
            for analyzer in watching { context.giveBack(analyzer) }
            watching.removeAll()
        }
        (services, failures) = (KindList(), KindList())
        hasBegun = false
        expectedKind = nil
        (left, agreed, sides) = (nil, nil, nil)
        endProbing(&context)
        transactionCount = 0
        transactionsBegun = 0
        currentTransactions = (0, 0)
        fileCount = 0
    }

    // MARK: what is known from elsewhere

    /// Begins with one analyzer that is known to be the right one: no port and no probe adds another.
    package mutating func begin(with kind: AnalyzerKind, _ context: inout AnalyzerContext) {
        hasBegun = true
        attach(kind, &context)
    }

    /// The connection was announced by another one: an analyzer of `kind` reads it, beside those that
    /// probes find.
    package mutating func expect(_ kind: AnalyzerKind, announcedBy announcer: UID) {
        (expectedKind, expectedBy) = (kind, announcer)
        if kind.isNamedWhenExpected { services.append(kind) }
    }

    /// The connection that has announced this one; nil where none has.
    package var announcer: UID? { expectedKind == nil ? nil : expectedBy }

    /// For a connection of which the analyzers have had enough: no protocol is looked for.
    package mutating func stopLooking() { hasBegun = true }

    /// A tunnel was recognised on its outer connection, or turned out to be none.
    package mutating func tunnel(_ kind: AnalyzerKind) { services.append(kind) }

    // MARK: what is told

    /// Writes what a transaction's event says of it into an alert.
    package func writeEVE(_ application: AppProtocol, _ id: ConnectionID, tx: UInt64, to event: inout EVEBuilder) {
        for place in 0..<analyzers.count where analyzers[place].kind.application(id) == application {
            analyzers[place].writeEVE(tx: tx, to: &event)
        }
    }

    /// The `service` column: names in order of confirmation, joined by commas.
    package func writeServices(to text: inout TextBuffer) -> Text {
        guard !services.isEmpty else { return .absent }
        let start = text.begin()
        var isFirst = true
        for kind in services {
            if !isFirst { text.append(",") }
            isFirst = false
            text.append(kind.serviceName)
        }
        return text.end(start)
    }

    // MARK: choice

    /// Attaches what the responder port asks for and sets the probes.
    private mutating func begin(_ context: inout AnalyzerContext) {
        hasBegun = true
        let id = context.id
        if let expectedKind {
            attach(expectedKind, &context)?.announcedBy = expectedBy
        } else if !isNested {
            for kind in context.selection.kinds(id.transport, port: id.responderPort) { attach(kind, &context) }
        }
        isProbing = !openProbes(context).isEmpty
    }

    @discardableResult
    private mutating func attach(_ kind: AnalyzerKind, _ context: inout AnalyzerContext) -> Analyzer? {
        guard !analyzers.hasAttached(kind), let analyzer = context.take(kind) else { return nil }
        analyzers.append(analyzer)
        return analyzer
    }

    /// The probes that are open, where probing goes on.
    private func openProbes(_ context: borrowing AnalyzerContext) -> OpenProbes {
        guard let memory else { return OpenProbes(context.selection.probes(context.id.transport)) }
        return memory.probes
    }

    private mutating func probeStream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        var probes = openProbes(context)
        let satisfied: ProbeSet
        if let memory {
            context.probed.gather(from: memory, direction)
            let isFirst = context.probed.own.isEmpty
            if isFirst {
                let others = context.probed.others
                satisfied = probes.testStream(bytes, isFirst: true, others: others.octets, from: direction)
            } else {
                bytes.append(to: &context.probed.own)
                let (joined, others) = (context.probed.own, context.probed.others)
                satisfied = probes.testStream(joined.octets, isFirst: false, others: others.octets, from: direction)
            }
        } else {
            satisfied = probes.testStream(bytes, isFirst: true, others: RawSpan(), from: direction)
        }
        for place in start(satisfied, &context) {
            memory?.replay(to: analyzers[place], isStream: true, &context)
            analyzers[place].stream(bytes, from: direction, &context)
        }
        makeRoom(for: bytes.byteCount, probes, &context)?.keep(bytes, from: direction)
    }

    private mutating func probeDatagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        var probes = openProbes(context)
        for place in start(probes.testDatagram(bytes, from: direction), &context) {
            memory?.replay(to: analyzers[place], isStream: false, &context)
            analyzers[place].datagram(bytes, wireLength: wireLength, from: direction, &context)
        }
        makeRoom(for: bytes.byteCount, probes, &context)?.keep(bytes, from: direction)
    }

    /// Asks every probe that looks at a side whether its first delivery is of the probe's protocol.
    private mutating func recognise(
        _ bytes: RawSpan, from direction: Direction, _ context: borrowing AnalyzerContext
    ) {
        let sides = self.sides ?? SidesOfStream()
        self.sides = sides
        let side = Int(direction.rawValue)
        guard !sides.isKnown[side], bytes.byteCount > 0 else { return }
        sides.isKnown[side] = true
        let probes = context.selection.probes(.tcp).forward[side]
        sides.matches[side] = OpenProbes.matches(probes & ProbeTable.shared.forward[Int(bytes.octet(0))], bytes)
    }

    /// Attaches what the satisfied probes name; answers their places among the analyzers. A violation of one takes
    /// effect when the packet at work is done with.
    private mutating func start(_ satisfied: ProbeSet, _ context: inout AnalyzerContext) -> Range<Int> {
        let before = analyzers.count
        // Other probes of an analyzer go on: it may have to be started again.
        var rest = satisfied
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            let probe = Registry.probes[index]
            let id = context.id
            if probe.isForOtherPorts,
                context.selection.kinds(id.transport, port: id.responderPort).contains(probe.kind)
            {
                continue
            }
            attach(probe.kind, &context)
        }
        return before..<analyzers.count
    }

    /// Where to keep a delivery of so many octets for probes and for analyzers that start later; nil where none may
    /// any more. `probes` are those that are open after it.
    private mutating func makeRoom(
        for byteCount: Int, _ probes: OpenProbes, _ context: inout AnalyzerContext
    ) -> ProbeMemory? {
        let bytes = (memory?.byteCount ?? 0) &+ byteCount
        let deliveries = (memory?.deliveryCount ?? 0) &+ 1
        guard !probes.isEmpty, bytes <= Analysis.probeBytesMax, deliveries <= Analysis.probeDeliveriesMax else {
            endProbing(&context)
            return nil
        }
        let memory = memory ?? context.takeProbeMemory()
        self.memory = memory
        memory.probes = probes
        (memory.byteCount, memory.deliveryCount) = (bytes, deliveries)
        return memory
    }

    private mutating func endProbing(_ context: inout AnalyzerContext) {
        isProbing = false
        guard let memory else { return }
        self.memory = nil
        context.giveBack(memory)
    }

    // MARK: after each delivery

    /// Takes over what the analyzers said of the service, and lets the detached go. `bytes` are those that came.
    private mutating func settle(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        if !context.violations.isEmpty { context.writeViolations(bytes) }
        while let place = analyzers.detachedPlace {
            let analyzer = analyzers.remove(at: place)
            analyzer.finish(&context)
            if context.wantsTransactions || context.wantsEvents, analyzer.showsAfterViolation {
                watching.append(analyzer)
            } else {
                context.giveBack(analyzer)
            }
        }
        // The outermost instance alone keeps the names.
        guard !isNested, !context.serviceChanges.isEmpty else { return }
        for change in context.serviceChanges {
            switch change {
            case .confirmed(let kind): if !services.append(kind) { context.limits.met(.services) }
            case .violated(let kind, let wasConfirmed): if wasConfirmed { takeBack(kind) }
            case .left(let kind, let next): (left, agreed) = (kind, next)
            }
        }
        context.serviceChanges.removeAll(keepingCapacity: true)
    }

    private mutating func takeBack(_ kind: AnalyzerKind) {
        services.remove(kind)
        failures.append(kind)
    }
}

/// The probes that match the first octets of each side of a stream, whatever the other side says.
final class SidesOfStream {
    fileprivate var isKnown: [2 of Bool] = [false, false]
    var matches: [2 of ProbeSet] = [0, 0]
}

/// A stream inside the stream of an analyzer: probes run again, ports are ignored.
final class InnerAnalysis {
    private var analysis = Analysis(isNested: true)

    var wantsBytes: Bool { analysis.wantsBytes }

    func begin(with kind: AnalyzerKind, _ context: inout AnalyzerContext) { analysis.begin(with: kind, &context) }

    func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        analysis.stream(bytes, from: direction, &context)
    }

    func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        analysis.gap(count, from: direction, &context)
    }

    func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        analysis.endOfStream(from: direction, &context)
    }

    func finish(_ context: inout AnalyzerContext) { analysis.finish(&context) }

    /// Back to the state of a new instance.
    func reset(_ context: inout AnalyzerContext) { analysis.reset(&context) }
}

extension AnalyzerContext {
    /// An idle analyzer of a protocol, or a new one; nil where there is no dissector.
    mutating func take(_ kind: AnalyzerKind) -> Analyzer? {
        idle[Int(kind.rawValue)].popLast() ?? Registry.make(kind)
    }

    /// Keeps an analyzer for the next connection, up to a bound.
    mutating func giveBack(_ analyzer: Analyzer) {
        forgetAnnouncer(analyzer)
        analyzer.reset()
        let index = Int(analyzer.kind.rawValue)
        if idle[index].count < AnalyzerContext.idleMax { idle[index].append(analyzer) }
    }

    mutating func takeProbeMemory() -> ProbeMemory {
        guard let memory = idleProbeMemory.popLast() else { return ProbeMemory() }
        memory.clear()
        return memory
    }

    /// It is cleared when it is taken: there it is used, here its memory would have to be fetched for nothing else.
    mutating func giveBack(_ memory: consuming ProbeMemory) {
        if idleProbeMemory.count < AnalyzerContext.idleMax { idleProbeMemory.append(memory) }
    }

    /// Idle analyzers of one protocol, and memories of probes, that are kept.
    static let idleMax = 65_536

    /// Moves the clock of what spans connections; for every packet, before its datagrams.
    package mutating func advance(to time: Timestamp) {
        if started == nil { started = time }
        dhcp.advance(to: time, &output)
        advanceFiles(to: time)
    }

    /// The input is over: writes what spans connections, after the last connection has ended.
    package mutating func finish() {
        dhcp.finish(&output)
        finishFiles()
    }
}

/// The analyses of one worker, by slot; a flow carries the slot. Slot 0 is none yet, slot 1 is
/// none any more.
package struct AnalysisPool: ~Copyable {
    /// What a connection carries that nobody looks at any more.
    package static let nobody: UInt32 = 1
    private var all = [Analysis(), Analysis()]
    private var free: [UInt32] = []

    package init() {}

    package mutating func take() -> UInt32 {
        if let slot = free.popLast() { return slot }
        all.append(Analysis())
        return UInt32(truncatingIfNeeded: all.count - 1)
    }

    package mutating func giveBack(_ slot: UInt32, _ context: inout AnalyzerContext) {
        all[Int(slot)].reset(&context)
        free.append(slot)
    }

    // What comes for each packet is passed on in place: nothing is copied out.

    package mutating func stream(
        _ slot: UInt32, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        all[Int(slot)].stream(bytes, from: direction, &context)
    }

    package mutating func datagram(
        _ slot: UInt32, _ bytes: RawSpan, wireLength: Int, from direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        all[Int(slot)].datagram(bytes, wireLength: wireLength, from: direction, &context)
    }

    package mutating func gap(
        _ slot: UInt32, _ count: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        all[Int(slot)].gap(count, from: direction, &context)
    }

    package mutating func endOfStream(_ slot: UInt32, from direction: Direction, _ context: inout AnalyzerContext) {
        all[Int(slot)].endOfStream(from: direction, &context)
    }

    package mutating func finish(_ slot: UInt32, _ context: inout AnalyzerContext) {
        all[Int(slot)].finish(&context)
    }

    package func wantsBytes(_ slot: UInt32) -> Bool { all[Int(slot)].wantsBytes }
    package func services(_ slot: UInt32) -> KindList { all[Int(slot)].services }
    package func failures(_ slot: UInt32) -> KindList { all[Int(slot)].failures }

    /// What the connection carries, seen from both sides at once.
    package func application(_ slot: UInt32, _ id: ConnectionID) -> AppProtocol {
        let place = Int(slot)
        // Field by field: an analysis that is passed on is copied, with a dozen references.
        return Analysis.applications(all[place].services, left: all[place].left, agreed: all[place].agreed, id).now
    }

    package func writeServices(_ slot: UInt32, to text: inout TextBuffer) -> Text {
        all[Int(slot)].writeServices(to: &text)
    }

    /// Has the context count on where the connection's last delivery has left off.
    package func resume(_ slot: UInt32, _ context: inout AnalyzerContext) {
        let place = Int(slot)
        context.transactions.resume(
            at: all[place].transactionCount, begun: all[place].transactionsBegun,
            current: all[place].currentTransactions)
        context.fileOrdinal = all[place].fileCount
    }

    /// Keeps what the context has counted.
    package mutating func suspend(_ slot: UInt32, _ context: borrowing AnalyzerContext) {
        let place = Int(slot)
        all[place].transactionCount = context.transactions.nextTransaction
        all[place].transactionsBegun = context.transactions.begun
        all[place].currentTransactions = context.transactions.current
        all[place].fileCount = context.fileOrdinal
    }

    /// For what is not done for each packet.
    package subscript(_ slot: UInt32) -> Analysis {
        _read { yield all[Int(slot)] }
        _modify { yield &all[Int(slot)] }
    }
}
