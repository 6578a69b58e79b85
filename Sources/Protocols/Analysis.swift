// SPDX-License-Identifier: Apache-2.0
//
// All analyzers of one connection: which run, what they are fed, what they say.
//
// Reads   in-order stream bytes, gaps, datagrams of one connection.
// Writes  nothing itself; `services` for conn.log.
// Leaves  the protocols (their files), the ports (Registry.swift).

package import Records
import Wire

/// The analyzers of one connection, chosen by port at the first octets and by
/// probes on the first 1024 of both directions (Zeek's `dpd_buffer_size`).
///
/// An instance is reused for another connection after `reset`; a stream inside a
/// stream (HTTP CONNECT) is a nested instance, whose probes ignore ports.
package final class Analysis {
    /// All in one value: a look into a class is checked each time, and a delivery looks once.
    private var state: AnalysisState
    /// Transactions begun on the connection, kept here between deliveries by the worker.
    package var transactionCount: UInt64 = 0
    /// The same with those that their readers have numbered themselves, likewise.
    package var transactionsBegun: UInt64 = 0
    /// The transaction of each side at work, likewise.
    package var currentTransactions: (originator: UInt64, responder: UInt64) = (0, 0)
    /// Files begun on the connection, likewise.
    package var fileCount: UInt32 = 0

    package init() { state = AnalysisState(isNested: false) }

    /// A stream inside the stream of an analyzer: probes run again, ports are ignored.
    init(nested: Void) { state = AnalysisState(isNested: true) }

    /// Whether octets still matter to anybody here.
    package var wantsBytes: Bool { state.wantsBytes }
    /// Whether `service` has a name.
    package var hasServices: Bool { !state.services.isEmpty }
    /// Names for `service`, in order of confirmation.
    package var services: [AnalyzerKind] { state.services }
    /// The protocol that both ends agreed to leave for another one.
    var left: AnalyzerKind? { state.left }

    package func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        state.stream(bytes, from: direction, &context)
    }

    /// `wireLength` is what the datagram had on the wire; fewer octets may be there.
    package func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        state.datagram(bytes, wireLength: wireLength, from: direction, &context)
    }

    package func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        state.gap(count, from: direction, &context)
    }

    package func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        state.endOfStream(from: direction, &context)
    }

    /// The connection is over: what is half done is written.
    package func finish(_ context: inout AnalyzerContext) { state.finish(&context) }

    /// Back to the state of a new instance. Analyzers go back to the pool; memory is kept.
    package func reset(_ context: inout AnalyzerContext) {
        state.reset(&context)
        transactionCount = 0
        transactionsBegun = 0
        currentTransactions = (0, 0)
        fileCount = 0
    }

    /// Writes what a transaction's event says of it into an alert.
    package func writeEVE(
        _ application: AppProtocol, _ id: ConnectionID, tx: UInt64, to event: inout EVEBuilder
    ) {
        for analyzer in state.analyzers where analyzer.kind.application(id) == application {
            analyzer.writeEVE(tx: tx, to: &event)
        }
    }

    /// Begins with one analyzer that is known to be the right one: no port and no probe adds another.
    package func begin(with kind: AnalyzerKind, _ context: inout AnalyzerContext) { state.begin(with: kind, &context) }

    /// The connection was announced by another one: an analyzer of `kind` reads it, beside those that
    /// probes find.
    package func expect(_ kind: AnalyzerKind, announcedBy announcer: UID) {
        state.expected = (kind, announcer)
        if kind.isNamedWhenExpected, !state.services.contains(kind) { state.services.append(kind) }
    }

    /// Whether the connection was announced.
    package var isExpected: Bool { state.expected != nil }
    /// The connection that has announced it.
    package var announcer: UID? { state.expected?.announcer }

    /// For a connection of which the analyzers have had enough: no protocol is looked for.
    package func stopLooking() { state.hasBegun = true }

    /// A tunnel was recognised on its outer connection, or turned out to be none.
    package func tunnel(_ kind: AnalyzerKind) {
        if !state.services.contains(kind) { state.services.append(kind) }
    }

    /// The `service` column: names in order of confirmation, joined by commas.
    package func writeServices(to text: inout TextBuffer) -> Text {
        let services = state.services
        guard !services.isEmpty else { return .absent }
        let start = text.begin()
        for (index, kind) in services.enumerated() {
            if index > 0 { text.append(",") }
            text.append(kind.serviceName)
        }
        return text.end(start)
    }
}

/// What an analysis holds, and what it does.
struct AnalysisState {
    /// Octets of both directions after which probing ends.
    static let probeBytesMax = 1024
    /// Deliveries after which probing ends (`dpd_max_packets`).
    static let probeDeliveriesMax = 100

    fileprivate var analyzers: [Analyzer] = []
    /// Analyzers that were let go, and still show datagrams to signatures.
    private var watching: [Analyzer] = []
    fileprivate var services: [AnalyzerKind] = []
    /// The protocol that both ends agreed to leave.
    fileprivate var left: AnalyzerKind?
    fileprivate var hasBegun = false
    /// What an announcement of the connection says.
    fileprivate var expected: (kind: AnalyzerKind, announcer: UID)?
    private let isNested: Bool

    // Probing: what is not yet decided, and what was delivered so far. Octets
    // are kept only while a probe is undecided.
    private var probes = OpenProbes()
    /// Analyzers that the delivery at work starts; kept for its memory.
    private var started: [Analyzer] = []
    private var probedBytes = 0
    private var probedDeliveries = 0
    private var memory: ProbeMemory?

    init(isNested: Bool) { self.isNested = isNested }

    var wantsBytes: Bool { !hasBegun || isProbing || !analyzers.isEmpty || !watching.isEmpty }

    private var isProbing: Bool { !probes.isEmpty }

    // MARK: what arrives

    mutating func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        if !hasBegun { begin(&context) }
        for index in analyzers.indices where !analyzers[index].isDetached {
            if context.wantsEvents { context.describer = analyzers[index] }
            analyzers[index].stream(bytes, from: direction, &context)
        }
        if isProbing { probeStream(bytes, from: direction, &context) }
        settle(&context)
    }

    /// `wireLength` is what the datagram had on the wire; fewer octets may be there.
    mutating func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        if !watching.isEmpty {
            for analyzer in watching { analyzer.showDatagram(bytes, from: direction, &context) }
        }
        if !hasBegun { begin(&context) }
        for index in analyzers.indices where !analyzers[index].isDetached {
            if context.wantsEvents { context.describer = analyzers[index] }
            analyzers[index].datagram(bytes, wireLength: wireLength, from: direction, &context)
        }
        if isProbing { probeDatagram(bytes, wireLength: wireLength, from: direction, &context) }
        settle(&context)
    }

    mutating func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        if !hasBegun { begin(&context) }
        for index in analyzers.indices where !analyzers[index].isDetached {
            if context.wantsEvents { context.describer = analyzers[index] }
            analyzers[index].gap(count, from: direction, &context)
        }
        if isProbing {
            keep(RawSpan(), gap: count, from: direction, beginsPrefix: false, &context)
        }
        settle(&context)
    }

    mutating func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        for index in analyzers.indices where !analyzers[index].isDetached {
            if context.wantsEvents { context.describer = analyzers[index] }
            analyzers[index].endOfStream(from: direction, &context)
        }
        settle(&context)
    }

    /// The connection is over: what is half done is written.
    mutating func finish(_ context: inout AnalyzerContext) {
        for index in analyzers.indices where !analyzers[index].isDetached {
            if context.wantsEvents { context.describer = analyzers[index] }
            analyzers[index].finish(&context)
        }
        settle(&context)
    }

    /// Back to the state of a new instance. Analyzers go back to the pool; memory is kept.
    mutating func reset(_ context: inout AnalyzerContext) {
        for analyzer in analyzers { context.giveBack(analyzer) }
        if !watching.isEmpty {
            for analyzer in watching { context.giveBack(analyzer) }
            watching.removeAll()
        }
        analyzers.removeAll(keepingCapacity: true)
        services.removeAll(keepingCapacity: true)
        hasBegun = false
        expected = nil
        left = nil
        endProbing(&context)
    }

    // MARK: choice

    /// Begins with one analyzer that is known to be the right one: no port and no probe adds another.
    mutating func begin(with kind: AnalyzerKind, _ context: inout AnalyzerContext) {
        hasBegun = true
        attach(kind, &context)
    }

    /// Attaches what the responder port asks for and sets the probes.
    private mutating func begin(_ context: inout AnalyzerContext) {
        hasBegun = true
        let id = context.id
        if let expected {
            attach(expected.kind, &context)?.announcedBy = expected.announcer
        } else if !isNested {
            for kind in context.selection.kinds(id.transport, port: id.responderPort) { attach(kind, &context) }
        }
        probes.open(context.selection.probes(id.transport))
    }

    @discardableResult
    private mutating func attach(_ kind: AnalyzerKind, _ context: inout AnalyzerContext) -> Analyzer? {
        guard !analyzers.contains(where: { $0.kind == kind && !$0.isDetached }),
            let analyzer = context.take(kind)
        else { return nil }
        analyzers.append(analyzer)
        return analyzer
    }

    private mutating func probeStream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let (side, other) = (Int(direction.rawValue), 1 - Int(direction.rawValue))
        var isFirst = true
        let satisfied: ProbeSet
        if let memory, !memory.prefixes[side].isEmpty {
            isFirst = false
            bytes.append(to: &memory.prefixes[side])
            let (joined, others) = (memory.prefixes[side], memory.prefixes[other])
            satisfied = probes.testStream(joined.octets, isFirst: false, others: others.octets, from: direction)
        } else {
            let others = memory?.prefixes[other] ?? []
            satisfied = probes.testStream(bytes, isFirst: true, others: others.octets, from: direction)
        }
        start(satisfied, &context)
        for index in started.indices {
            replay(to: started[index], isStream: true, &context)
            started[index].stream(bytes, from: direction, &context)
        }
        if !started.isEmpty { started.removeAll(keepingCapacity: true) }
        keep(bytes, gap: 0, from: direction, beginsPrefix: isFirst, &context)
    }

    private mutating func probeDatagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        start(probes.testDatagram(bytes, from: direction), &context)
        for index in started.indices {
            replay(to: started[index], isStream: false, &context)
            started[index].datagram(bytes, wireLength: wireLength, from: direction, &context)
        }
        if !started.isEmpty { started.removeAll(keepingCapacity: true) }
        keep(bytes, gap: 0, from: direction, beginsPrefix: false, &context)
    }

    /// Attaches what the satisfied probes name.
    private mutating func start(_ satisfied: ProbeSet, _ context: inout AnalyzerContext) {
        // Other probes of an analyzer go on: it may have to be started again.
        var rest = satisfied
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            if let analyzer = attach(Registry.probes[index].kind, &context) { started.append(analyzer) }
        }
    }

    /// Feeds a starting analyzer what came before it, all of it: a violation takes
    /// effect when the packet at work is done with.
    private func replay(to analyzer: Analyzer, isStream: Bool, _ context: inout AnalyzerContext) {
        guard let memory else { return }
        var place = 0
        let kept = memory.deliveredBytes
        let all = kept.octets
        for delivery in memory.deliveries {
            if delivery.isGap {
                analyzer.gap(delivery.count, from: delivery.direction, &context)
                continue
            }
            let bytes = all.extracting(place ..< place &+ delivery.count)
            place &+= delivery.count
            if isStream {
                analyzer.stream(bytes, from: delivery.direction, &context)
            } else {
                analyzer.datagram(bytes, wireLength: delivery.count, from: delivery.direction, &context)
            }
        }
    }

    /// Keeps a delivery, or a gap of so many octets, for probes and for analyzers that start later, as long as one
    /// still may.
    private mutating func keep(
        _ bytes: RawSpan, gap: Int, from direction: Direction, beginsPrefix: Bool,
        _ context: inout AnalyzerContext
    ) {
        probedBytes &+= bytes.byteCount
        probedDeliveries &+= 1
        guard isProbing, probedBytes <= AnalysisState.probeBytesMax,
            probedDeliveries <= AnalysisState.probeDeliveriesMax
        else { return endProbing(&context) }
        let memory = memory ?? context.takeProbeMemory()
        self.memory = memory
        let isGap = gap > 0
        memory.deliveries.append(
            ProbeMemory.Delivery(direction: direction, isGap: isGap, count: isGap ? gap : bytes.byteCount))
        bytes.append(to: &memory.deliveredBytes)
        if beginsPrefix { bytes.append(to: &memory.prefixes[Int(direction.rawValue)]) }
    }

    private mutating func endProbing(_ context: inout AnalyzerContext) {
        probes.close()
        probedBytes = 0
        probedDeliveries = 0
        guard let memory else { return }
        self.memory = nil
        context.giveBack(memory)
    }

    // MARK: after each delivery

    /// Takes over what the analyzers said of the service, and lets the detached go.
    private mutating func settle(_ context: inout AnalyzerContext) {
        guard !context.serviceChanges.isEmpty || analyzers.contains(where: \.isDetached) else { return }
        analyzers.removeAll { analyzer in
            guard analyzer.isDetached else { return false }
            analyzer.finish(&context)
            if context.wantsTransactions || context.wantsEvents, analyzer.showsAfterViolation {
                watching.append(analyzer)
            } else {
                context.giveBack(analyzer)
            }
            return true
        }
        // The outermost instance alone keeps the names.
        guard !isNested else { return }
        for change in context.serviceChanges {
            switch change {
            case .confirmed(let kind): if !services.contains(kind) { services.append(kind) }
            case .violated(let kind, let wasConfirmed):
                if wasConfirmed { services.removeAll { $0 == kind } }
            case .left(let kind): left = kind
            }
        }
        context.serviceChanges.removeAll(keepingCapacity: true)
    }
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

    mutating func takeProbeMemory() -> ProbeMemory { idleProbeMemory.popLast() ?? ProbeMemory() }

    mutating func giveBack(_ memory: ProbeMemory) {
        memory.clear()
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

/// What was delivered to a connection while probes are undecided; one connection after the other uses the same.
final class ProbeMemory {
    /// What a starting analyzer is fed afterwards: a stretch of `deliveredBytes`, or a gap.
    struct Delivery {
        var direction: Direction
        var isGap: Bool
        var count: Int
    }

    var deliveries: [Delivery] = []
    var deliveredBytes: [UInt8] = []
    /// All octets of each direction so far.
    var prefixes: [2 of [UInt8]] = [[], []]

    func clear() {
        deliveries.removeAll(keepingCapacity: true)
        deliveredBytes.removeAll(keepingCapacity: true)
        for side in 0..<2 { prefixes[side].removeAll(keepingCapacity: true) }
    }
}

/// The analyses of one worker, by slot; a flow carries the slot. Slot 0 is none yet, slot 1 is
/// none any more.
package struct AnalysisPool: ~Copyable {
    /// What a connection carries that nobody looks at any more.
    package static let nobody: UInt32 = 1
    private var all: [Analysis] = [Analysis(), Analysis()]
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

    package subscript(_ slot: UInt32) -> Analysis { all[Int(slot)] }
}
