// SPDX-License-Identifier: Apache-2.0
//
// One worker: the connections of its addresses, and their analyzers.
//
// Reads   the datagrams of blocks that are its own.
// Writes  rows and notes, handed to the collector block by block.
// Leaves  what spans connections (Collector.swift).

import Capture
import Flows
import Protocols
import Records
import Wire

/// What a worker hands to the collector.
struct WorkerOutput: Sendable {
    var records = RecordOutput(schemas: Schemas.all)
    var notes: [Note] = []
    var counters = SensorCounters()
}

/// Owns its flow table, analyzers and batches; shares nothing.
struct Worker: ~Copyable {
    private let number: UInt8
    private var flows: FlowTable
    private var analyses = AnalysisPool()
    private var context: AnalyzerContext
    private let analyzes: Bool
    private var notes: [Note] = []
    private var conn = ConnRecord()
    private var weird = WeirdRecord()
    private var repeats = RepeatFilter()
    private var outers = OuterConnections()
    /// Time of the packet at work.
    private var now = Timestamp.zero
    /// The datagram's number in the capture: packets times eight, and its place in the packet.
    private var order: UInt64 = 0

    init(number: Int, settings: borrowing Settings, selection: AnalyzerSelection) {
        self.number = UInt8(truncatingIfNeeded: number)
        var flowSettings = settings.flows
        flowSettings.likelyTCPPorts = PortSet(selection.serverPortsTCP)
        flowSettings.likelyUDPPorts = PortSet(selection.serverPortsUDP)
        flowSettings.ignoringChecksums = settings.ignoringChecksums
        flows = FlowTable(settings: flowSettings)
        context = AnalyzerContext(
            output: RecordOutput(schemas: Schemas.all), settings: settings.protocols, selection: selection)
        analyzes = !selection.isEmpty
    }

    /// Works through a block: its own datagrams, and the clock of all packets.
    mutating func run(_ block: WorkBlock) {
        var next = 0
        for index in block.networkTimes.indices {
            let packet = block.firstPacket &+ UInt64(index)
            context.output.order = packet << 1
            flows.advance(to: block.networkTimes[index])
            if flows.eventCount > 0 { drainTimers(block.networkTimes[index]) }
            while next < block.datagrams.count, Int(block.datagrams[next].packet) == index {
                if block.datagrams[next].worker == number { take(next, of: block, packet) }
                next &+= 1
            }
        }
    }

    /// Moves the clock without a packet.
    mutating func tick(to time: Timestamp) {
        flows.advance(to: time)
        if flows.eventCount > 0 { drainTimers(time) }
    }

    /// Ends every connection, in order of creation.
    mutating func finish(at time: Timestamp, packet: UInt64) {
        context.output.order = (packet &+ 1) << 1
        flows.endAll()
        drainTimers(time)
    }

    /// Whether there is anything to hand over.
    var hasOutput: Bool { !notes.isEmpty || !context.output.isEmpty }

    /// Gives the rows and notes since the last time, and takes empty batches for them.
    mutating func handOver(_ output: inout WorkerOutput) {
        swap(&context.output.batches, &output.records.batches)
        swap(&notes, &output.notes)
        var counters = SensorCounters()
        counters.connections = flows.counters.started
        counters.liveConnections = UInt64(flows.liveCount)
        counters.flowsRefused = flows.counters.evicted
        counters.reassemblyRefused = flows.counters.reassemblyRefused &+ flows.counters.reassemblyGivenUp
        output.counters = counters
    }

    private mutating func take(_ place: Int, of block: WorkBlock, _ packet: UInt64) {
        let datagram = block.datagrams[place]
        let captured = block.packets.packets[Int(datagram.packet)]
        now = Timestamp(nanoseconds: captured.timestampNanoseconds)
        context.output.order = packet << 1 | 1
        order = packet << 3 | UInt64(datagram.index & 7)
        if datagram.reassembledCount > 0 {
            let start = Int(datagram.reassembledStart)
            let bytes = block.reassembled
            process(datagram, bytes.octets.extracting(start ..< start &+ Int(datagram.reassembledCount)), packet, block)
        } else {
            block.packets.withBytes(of: captured) { bytes in process(datagram, bytes, packet, block) }
        }
    }

    private mutating func process(
        _ datagram: borrowing Datagram, _ bytes: RawSpan, _ packet: UInt64, _ block: WorkBlock
    ) {
        let outer = datagram.tunnel == 0 ? 0 : TunnelName.make(tunnel: datagram.tunnel, packet: packet)
        flows.process(datagram.layer, bytes: bytes, now: now, ordinal: order, outer: outer)
        var index = 0
        while index < flows.eventCount {
            let event = flows.event(index)
            index &+= 1
            handle(event, bytes, datagram, block)
        }
        if datagram.carries != 0, let slot = flows.current { carry(datagram, slot) }
        flows.clearEvents()
    }

    /// Events of timers and of the end: no packet's bytes are among them.
    private mutating func drainTimers(_ time: Timestamp) {
        now = time
        let none: [UInt8] = []
        let datagram = Datagram(layer: Layer(), packet: 0, index: 0, worker: 0)
        var index = 0
        while index < flows.eventCount {
            let event = flows.event(index)
            index &+= 1
            handle(event, none.octets, datagram, nil)
        }
        flows.clearEvents()
    }

    // MARK: events

    private mutating func handle(
        _ event: FlowEvent, _ bytes: RawSpan, _ datagram: borrowing Datagram, _ block: WorkBlock?
    ) {
        switch event {
        case .stream(let slot, let direction, let offset, let count):
            guard let analysis = enter(slot) else { return }
            analysis.stream(bytes.extracting(offset ..< offset &+ count), from: direction, &context)
            leave(slot)
        case .held(let slot, let direction, let block, let offset, let count):
            guard let analysis = enter(slot) else { return }
            let held = flows.held(block)
            analysis.stream(held.octets.extracting(offset ..< offset &+ count), from: direction, &context)
            leave(slot)
        case .gap(let slot, let direction, let count):
            guard let analysis = enter(slot) else { return }
            analysis.gap(count, from: direction, &context)
            leave(slot)
        case .datagram(let slot, let direction, let offset, let count, let wireLength):
            guard let analysis = enter(slot) else { return }
            analysis.datagram(
                bytes.extracting(offset ..< offset &+ count), wireLength: wireLength, from: direction, &context)
            leave(slot)
        case .endOfStream(let slot, let direction):
            guard flows[slot].analysis != 0, let analysis = enter(slot) else { return }
            analysis.endOfStream(from: direction, &context)
            leave(slot)
        case .weird(let slot, let anomaly, let detail): report(anomaly, detail, slot)
        case .packetWeird(let anomaly):
            notes.append(note(.packetWeird(anomaly, id: datagram.layer.identity, source: nil), ordinal: 0))
        case .started(let slot), .tunnelChanged(let slot): innerStarted(slot, datagram, block)
        case .openDue(let slot): writeOpen(slot)
        case .ended(let slot, _): end(slot)
        }
    }

    /// Points the context at a connection; nil where no analyzer wants it.
    private mutating func enter(_ slot: UInt32) -> Analysis? {
        guard analyzes else { return nil }
        if flows[slot].analysis == 0 { flows[slot].analysis = analyses.take() }
        let analysis = analyses[flows[slot].analysis]
        guard analysis.wantsBytes else { return nil }
        point(at: slot)
        return analysis
    }

    private mutating func point(at slot: UInt32) {
        context.now = now
        context.uid = flows[slot].uid
        context.id = flows[slot].id
        context.isPartial = flows[slot].isPartial
        context.hasGap = flows[slot].hasGap
        context.sizeSoFar = flows[slot].sizeSoFar
        context.output.ordinal = flows[slot].ordinal
    }

    /// Carries out what the analyzers asked for.
    private mutating func leave(_ slot: UInt32) {
        if !context.requests.isEmpty {
            for request in context.requests {
                flows.apply(request, to: slot)
                guard case .tunnel(let kind) = request else { continue }
                let what = Note.What.streamTunnel(kind, uid: flows[slot].uid, id: flows[slot].id)
                notes.append(note(what, ordinal: flows[slot].ordinal))
            }
            context.requests.removeAll(keepingCapacity: true)
        }
        guard !context.weirds.isEmpty else { return }
        for pending in context.weirds where repeats.admits(pending.weird, flows[slot].uid) {
            write(pending.weird, slot, addl: pending.addl, in: context.weirdText, source: pending.source)
        }
        context.weirds.removeAll(keepingCapacity: true)
        context.weirdText.clear()
    }

    private mutating func end(_ slot: UInt32) {
        let analysis = flows[slot].analysis
        if analysis != 0 {
            point(at: slot)
            analyses[analysis].finish(&context)
            leave(slot)
        }
        point(at: slot)
        if let tunnel = outers.end(flows[slot].uid) {
            notes.append(note(.outerEnded(tunnel: tunnel), ordinal: flows[slot].ordinal))
        }
        fill(slot)
        context.output.emit(conn)
        if analysis != 0 { analyses.giveBack(analysis, &context) }
        flows.release(slot)
    }

    private mutating func fill(_ slot: UInt32) {
        flows.fill(&conn, slot)
        let analysis = flows[slot].analysis
        conn.service = analysis == 0 ? .absent : analyses[analysis].writeServices(to: &conn.text)
    }

    private mutating func writeOpen(_ slot: UInt32) {
        point(at: slot)
        fill(slot)
        var record = ConnOpenRecord()
        record.connection = conn
        record.logged = now
        context.output.emit(record)
    }

    // MARK: anomalies

    private mutating func report(_ anomaly: Weird, _ detail: WeirdDetail, _ slot: UInt32) {
        guard repeats.admits(anomaly, flows[slot].uid) else { return }
        point(at: slot)
        weird.text.clear()
        let addl = detail.write(to: &weird.text)
        weird.addl = addl
        let source = FlowEvent.source(of: anomaly, protocolNumber: flows[slot].id.protocolNumber)
        emitWeird(anomaly, slot, source: source)
    }

    private mutating func write(
        _ anomaly: Weird, _ slot: UInt32, addl: Text, in text: borrowing TextBuffer, source: StaticString
    ) {
        weird.text.clear()
        weird.addl = weird.text.add(addl, of: text)
        emitWeird(anomaly, slot, source: source.utf8CodeUnitCount == 0 ? nil : source)
    }

    private mutating func emitWeird(_ anomaly: Weird, _ slot: UInt32, source: StaticString?) {
        weird.ts = now
        weird.uid = flows[slot].uid
        weird.id = flows[slot].id
        weird.weird = anomaly
        weird.source = source
        context.output.ordinal = flows[slot].ordinal
        context.output.emit(weird)
    }

    // MARK: tunnels

    private func note(_ what: Note.What, ordinal: UInt64) -> Note {
        Note(order: context.output.order, ordinal: ordinal, time: now, what: what)
    }

    /// A new connection, or one whose tunnel changed, names the tunnel around it.
    private mutating func innerStarted(_ slot: UInt32, _ datagram: borrowing Datagram, _ block: WorkBlock?) {
        guard datagram.tunnelCount > 0, let block else { return }
        let start = Int(datagram.tunnelStart)
        for index in start ..< start &+ Int(datagram.tunnelCount) {
            let around = block.tunnels[index]
            let what = Note.What.innerSeen(tunnel: around.number, kind: around.kind, id: around.id)
            notes.append(note(what, ordinal: flows[slot].ordinal))
        }
    }

    /// The datagram of a connection carries another one: the connection is a tunnel.
    private mutating func carry(_ datagram: borrowing Datagram, _ slot: UInt32) {
        let (uid, id) = (flows[slot].uid, flows[slot].id)
        let state = outers.see(uid, datagram)
        if state.isNew {
            let what = Note.What.outerSeen(tunnel: datagram.carries, uid: uid, id: id)
            notes.append(note(what, ordinal: flows[slot].ordinal))
        }
        guard analyzes, state.isConfirmed, let kind = datagram.layer.tunnel.analyzer else { return }
        if flows[slot].analysis == 0 { flows[slot].analysis = analyses.take() }
        analyses[flows[slot].analysis].tunnel(kind)
    }
}
