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
import Signatures
import Wire

/// What a worker hands to the collector.
struct WorkerOutput: Sendable {
    var records = RecordOutput(schemas: Schemas.all)
    var notes: [Note] = []
    /// Matches of signatures, for the collector to decide on.
    var alerts: [AlertCandidate] = []
    var counters = SensorCounters()
}

/// Owns its flow table, analyzers and batches; shares nothing.
struct Worker: ~Copyable {
    private let number: UInt8
    var flows: FlowTable
    /// Flows as EVE counts them; empty without EVE.
    var eve: EVEFlows
    /// Anomalies of packets and sessions, where EVE is to have them.
    var anomalies: AnomalyWatch?
    var analyses = AnalysisPool()
    var context: AnalyzerContext
    /// The signatures, where rules are loaded.
    var engine: SignatureEngine?
    var alerts: [AlertCandidate] = []
    /// The way into the packet ring, where there is one.
    let tap: PacketTap?
    private let analyzes: Bool
    private var notes: [Note] = []
    private var conn = ConnRecord()
    private var weird = WeirdRecord()
    private var repeats = RepeatFilter()
    private var outers = OuterConnections()
    private var expected = ExpectedConnections()
    /// Those of other workers too; nil where there is one worker.
    private let shared: SharedExpectations?
    /// Time of the packet at work.
    private(set) var now = Timestamp.zero
    /// The datagram's number in the capture: packets times eight, and its place in the packet.
    private var order: UInt64 = 0
    /// How far the block at work is done.
    private var place: (packet: Int, datagram: Int, frame: Int) = (0, 0, 0)
    private var links: LinkReaders
    /// Octets of rows that are handed over in the middle of a block, if possible.
    private static let outputBytesMax = 2 << 20
    /// There is a folder for files that rules store.
    let storesFiles: Bool

    init(
        number: Int, settings: borrowing Settings, selection: AnalyzerSelection, shared: SharedExpectations? = nil,
        rules: RuleIndex? = nil, tap: PacketTap? = nil
    ) {
        self.tap = tap
        self.number = UInt8(truncatingIfNeeded: number)
        var flowSettings = settings.flows
        flowSettings.likelyTCPPorts = PortSet(selection.serverPortsTCP)
        flowSettings.likelyUDPPorts = PortSet(selection.serverPortsUDP)
        flowSettings.ignoringChecksums = settings.ignoringChecksums
        flowSettings.ignoringDatagramChecksums = rules != nil || settings.protocols.wantsEvents
        flows = FlowTable(settings: flowSettings)
        eve = EVEFlows(takesMidstream: settings.protocols.takesMidstream)
        context = AnalyzerContext(
            output: RecordOutput(schemas: Schemas.all), settings: settings.protocols, selection: selection)
        context.transactions.wantsEvents = context.wantsEvents
        let kinds = settings.protocols.anomalies
        if context.wantsEvents, !kinds.isDisjoint(with: [.decode, .stream]) {
            anomalies = AnomalyWatch(
                readsPackets: number == 0 && kinds.contains(.decode), readsStreams: kinds.contains(.stream))
        }
        links = LinkReaders(selection)
        analyzes = !selection.isEmpty
        self.shared = shared
        var choices = settings.signatures
        choices.picksUpMidstream = settings.protocols.takesMidstream
        engine = rules.map { SignatureEngine($0, settings: choices) }
        if let engine, engine.wantsEvents { context.transactions.wantsEvents = true }
        storesFiles = settings.extractionFolder != nil
        context.storesFiles = storesFiles && engine?.rules.storesFiles == true
    }

    /// Works through a block: its own datagrams, and the clock of all packets.
    mutating func run(_ block: WorkBlock) {
        while !runPart(block) {}
    }

    /// The same, until the output is full: false where the block is not done. After a silence one packet ends
    /// every connection, and the rows of all need not be in memory at once.
    mutating func runPart(_ block: WorkBlock) -> Bool {
        // Taken out of the block once: every look into a class costs a check of exclusive access.
        let times = block.networkTimes
        let datagrams = block.datagrams
        let frames = block.frames
        let packets = block.packets
        let captured = packets.packets
        let first = block.firstPacket
        // Handed on from here: each look at it in the worker itself counts a reference.
        let engine = engine
        context.started = block.dayOrigin
        while place.packet < times.count {
            let packet = first &+ UInt64(place.packet)
            let time = times[place.packet]
            context.output.order = packet << 1
            if flows.advance(to: time) {
                drainTimers(time)
                if isFull { return false }
                continue
            }
            if flows.eventCount > 0 { drainTimers(time) }
            context.advance(to: time)
            if number == 0, let engine, engine.wantsDecoderEvents {
                decode(captured[place.packet], packets, packet, engine)
            }
            if context.wantsEvents {
                eve.advance(to: time, &context.output)
                if anomalies?.readsPackets == true { tellDecoding(captured[place.packet], packets, packet) }
            }
            let start = place.datagram
            var isOwn = false
            while place.datagram < datagrams.count, Int(datagrams[place.datagram].packet) == place.packet {
                if datagrams[place.datagram].worker == number {
                    isOwn = true
                    now = Timestamp(nanoseconds: captured[place.packet].timestampNanoseconds)
                    packets.withBytes(of: captured[place.packet]) { bytes in
                        take(datagrams[place.datagram], bytes, packet, block, engine)
                    }
                }
                place.datagram &+= 1
            }
            while place.frame < frames.count, Int(frames[place.frame].packet) == place.packet {
                if number == 0 { take(frames[place.frame].frame, captured[place.packet], packet, block) }
                place.frame &+= 1
            }
            if let tap, isOwn || number == 0 && place.datagram == start {
                packets.withBytes(of: captured[place.packet]) { bytes in
                    tap.keep(captured[place.packet], number: packet, bytes)
                }
            }
            place.packet &+= 1
        }
        place = (0, 0, 0)
        return true
    }

    /// A frame without IP: a row belongs to no connection.
    private mutating func take(
        _ frame: LinkFrame, _ captured: CapturePacket, _ packet: UInt64, _ block: WorkBlock
    ) {
        context.output.order = packet << 1 | 1
        context.output.ordinal = 0
        context.now = Timestamp(nanoseconds: captured.timestampNanoseconds)
        block.packets.withBytes(of: captured) { bytes in
            let start = Int(frame.payloadOffset)
            links.take(frame, bytes.extracting(start ..< start &+ Int(frame.payloadLength)), &context)
        }
    }

    /// Moves the clock without a packet.
    mutating func tick(to time: Timestamp) {
        while flows.advance(to: time) { drainTimers(time) }
        if flows.eventCount > 0 { drainTimers(time) }
        context.advance(to: time)
        if context.wantsEvents { eve.advance(to: time, &context.output) }
    }

    /// Ends every connection, in order of creation.
    mutating func finish(at time: Timestamp, packet: UInt64) {
        while !finishPart(at: time, packet: packet) {}
    }

    /// The same, until the output is full: false where connections are left.
    mutating func finishPart(at time: Timestamp, packet: UInt64) -> Bool {
        context.output.order = (packet &+ 1) << 1
        while flows.endAll() {
            drainTimers(time)
            if isFull { return false }
        }
        drainTimers(time)
        context.finish()
        context.settleFiles()
        eve.finish(&context.output)
        tap?.handOver()
        return true
    }

    private var isFull: Bool { context.output.byteCount >= Worker.outputBytesMax }

    /// Whether there is anything to hand over.
    var hasOutput: Bool { !notes.isEmpty || !alerts.isEmpty || !context.output.isEmpty }

    /// Gives the rows and notes since the last time, and takes empty batches for them.
    mutating func handOver(_ output: inout WorkerOutput) {
        countCutTexts()
        swap(&context.output.batches, &output.records.batches)
        swap(&notes, &output.notes)
        swap(&alerts, &output.alerts)
        var counters = SensorCounters()
        counters.connections = flows.counters.started
        counters.liveConnections = UInt64(flows.liveCount)
        counters.flowsRefused = flows.counters.evicted
        counters.reassemblyRefused = flows.counters.reassemblyRefused &+ flows.counters.reassemblyGivenUp
        let files = context.fileCounters
        counters.files = files.seen
        counters.filesEvicted = files.evicted
        counters.filesOverflow = files.overflowed
        counters.filesNotExtracted = files.notExtracted
        counters.limits = context.limits
        counters.limits += eve.limits
        counters.limits.met(.certificates, context.forgottenCertificates)
        output.counters = counters
    }

    /// A batch that is handed over takes no counters with it.
    private mutating func countCutTexts() {
        for index in context.output.batches.indices {
            context.limits.met(.texts, context.output.batches[index].takeCutCount())
        }
    }

    /// Gives what `Collector.takePart` takes, in the middle of a block.
    mutating func handOverPart(_ output: inout WorkerOutput) {
        countCutTexts()
        for log in LogID.allCases where Collector.isOfWorkers(log) {
            let index = Int(log.rawValue)
            swap(&context.output.batches[index], &output.records.batches[index])
        }
        swap(&notes, &output.notes)
        swap(&alerts, &output.alerts)
    }

    private mutating func take(
        _ datagram: borrowing Datagram, _ bytes: RawSpan, _ packet: UInt64, _ block: WorkBlock,
        _ engine: SignatureEngine?
    ) {
        context.output.order = packet << 1 | 1
        order = packet << 3 | UInt64(datagram.index & 7)
        if datagram.reassembledCount > 0 {
            let start = Int(datagram.reassembledStart)
            let bytes = block.reassembled
            let octets = bytes.octets.extracting(start ..< start &+ Int(datagram.reassembledCount))
            process(datagram, octets, packet, block, engine)
        } else {
            process(datagram, bytes, packet, block, engine)
        }
    }

    private mutating func process(
        _ datagram: borrowing Datagram, _ bytes: RawSpan, _ packet: UInt64, _ block: WorkBlock,
        _ engine: SignatureEngine?
    ) {
        let outer = datagram.tunnel == 0 ? 0 : TunnelName.make(tunnel: datagram.tunnel, packet: packet)
        flows.process(datagram.layer, bytes: bytes, now: now, ordinal: order, outer: outer)
        if let tap { mark(datagram, tap) }
        if context.wantsEvents { countForEvents(datagram, bytes, packet, block) }
        if let engine {
            inspect(bytes, datagram, packet, block, engine)
        } else {
            handleEvents(bytes, datagram, block, nil)
        }
        if let slot = flows.current {
            if let anomaly = datagram.anomaly { report(anomaly, of: slot) }
            if datagram.carries != 0 { carry(datagram, slot) }
        }
        flows.clearEvents()
    }

    /// Carries out what the flow table made of the datagram at work.
    mutating func handleEvents(
        _ bytes: RawSpan, _ datagram: borrowing Datagram, _ block: WorkBlock?, _ engine: SignatureEngine?
    ) {
        var index = 0
        while index < flows.eventCount {
            let event = flows.event(index)
            index &+= 1
            handle(event, bytes, datagram, block, engine)
        }
    }

    /// Events of timers and of the end: no packet's bytes are among them.
    private mutating func drainTimers(_ time: Timestamp) {
        now = time
        if context.wantsEvents {
            context.packet = EventPacket()
            context.packet.source = "stream (flow timeout)"
        }
        let none: [UInt8] = []
        handleEvents(none.octets, Datagram(layer: Layer(), packet: 0, index: 0, worker: 0), nil, engine)
        flows.clearEvents()
    }

    // MARK: events

    private mutating func handle(
        _ event: FlowEvent, _ bytes: RawSpan, _ datagram: borrowing Datagram, _ block: WorkBlock?,
        _ engine: SignatureEngine?
    ) {
        switch event {
        case .stream(let slot, let direction, let offset, let count):
            engine?.stream(slot, bytes.extracting(offset ..< offset &+ count), toServer: direction == .originator)
            guard let place = enter(slot, engine) else { return }
            analyses.stream(place, bytes.extracting(offset ..< offset &+ count), from: direction, &context)
            leave(slot, place, engine)
        case .held(let slot, let direction, let block, let offset, let count):
            let held = flows.held(block)
            engine?.stream(
                slot, held.octets.extracting(offset ..< offset &+ count), toServer: direction == .originator,
                held: true)
            guard let place = enter(slot, engine) else { return }
            analyses.stream(place, held.octets.extracting(offset ..< offset &+ count), from: direction, &context)
            leave(slot, place, engine)
        case .gap(let slot, let direction, let count):
            engine?.gap(slot, count, toServer: direction == .originator, flows.view(slot).id, now: now)
            guard let place = enter(slot, engine) else { return }
            analyses.gap(place, count, from: direction, &context)
            leave(slot, place, engine)
        case .datagram(let slot, let direction, let offset, let count, let wireLength):
            guard let place = enter(slot, engine) else { return }
            analyses.datagram(
                place, bytes.extracting(offset ..< offset &+ count), wireLength: wireLength, from: direction, &context)
            leave(slot, place, engine)
        case .endOfStream(let slot, let direction):
            engine?.streamEnds(slot, toServer: direction == .originator)
            guard flows.analysis(slot) != 0, let place = enter(slot, engine) else { return }
            analyses.endOfStream(place, from: direction, &context)
            leave(slot, place, engine)
        case .weird(let slot, let anomaly, let detail): report(anomaly, detail, slot)
        case .packetWeird(let anomaly):
            let id = datagram.layer.identity
            notes.append(note(.packetWeird(anomaly, id: id, source: "IP", detail: .none), ordinal: 0))
        case .netWeird(let anomaly, let detail):
            notes.append(note(.packetWeird(anomaly, id: nil, source: "ICMP", detail: detail), ordinal: 0))
        case .started(let slot):
            innerStarted(slot, datagram, block)
            if !expected.isEmpty || shared != nil { lookForExpected(slot) }
        case .tunnelChanged(let slot): innerStarted(slot, datagram, block)
        case .openDue(let slot): writeOpen(slot)
        case .ended(let slot, _): end(slot, engine)
        }
    }

    /// Points the context at a connection; nil where no analyzer wants it.
    private mutating func enter(_ slot: UInt32, _ engine: SignatureEngine?) -> UInt32? {
        guard analyzes else { return nil }
        let view = flows.view(slot)
        var place = view.analysis
        guard place != AnalysisPool.nobody else { return nil }
        if place == 0 {
            place = analyses.take()
            flows.setAnalysis(place, slot)
        }
        guard analyses.wantsBytes(place) else {
            // Nothing was found and nothing will be: the connection needs none any more.
            if analyses.services(place).isEmpty {
                analyses.giveBack(place, &context)
                flows.setAnalysis(AnalysisPool.nobody, slot)
            }
            return nil
        }
        point(at: view)
        analyses.resume(place, &context)
        if let engine { showTo(engine, slot) }
        return place
    }

    private mutating func point(at view: borrowing FlowView) {
        context.now = now
        context.uid = view.uid
        context.id = view.id
        context.isPartial = view.isPartial
        context.hasGap = view.hasGap
        context.sizeSoFar = view.sizeSoFar
        context.output.ordinal = view.ordinal
    }

    /// Carries out what the analyzers asked for.
    private mutating func leave(_ slot: UInt32, _ place: UInt32, _ engine: SignatureEngine?) {
        analyses.suspend(place, context)
        if let engine { takeShown(engine, slot, place) }
        if !context.transactions.isEmpty {
            if context.wantsEvents { writeAnomalies() }
            context.transactions.clear()
        }
        if context.wantsEvents, let application = context.lastEventApplication {
            eve.note(application, of: slot)
            context.lastEventApplication = nil
        }
        if !context.heldEvents.isEmpty { eve.hold(&context.heldEvents, slot, &context.output) }
        if !context.requests.isEmpty {
            for request in context.requests {
                // Signatures look at streams that no analyzer wants any more.
                if engine == nil || request != .stop { flows.apply(request, to: slot) }
                if case .expect(let expectation) = request { expect(expectation) }
                if request == .encrypted { engine?.conceal(slot) }
                guard case .tunnel(let kind) = request else { continue }
                let view = flows.view(slot)
                let what = Note.What.streamTunnel(kind, id: view.id)
                notes.append(note(what, ordinal: view.ordinal))
            }
            context.requests.removeAll(keepingCapacity: true)
        }
        guard !context.weirds.isEmpty else { return }
        for pending in context.weirds where repeats.admits(pending.weird, flows.uid(slot)) {
            write(pending.weird, slot, addl: pending.addl, in: context.weirdText, source: pending.source)
        }
        context.weirds.removeAll(keepingCapacity: true)
        context.weirdText.clear()
    }

    /// Another connection is to come; where it is between other addresses another worker may get it.
    private mutating func expect(_ expectation: Announcement) {
        context.limits.met(.announcements, expected.add(expectation, at: now))
        guard !expectation.isOfSameEnds, let shared else { return }
        context.limits.met(.announcements, shared.add(expectation, at: now))
    }

    /// A connection is new: perhaps it was announced.
    private mutating func lookForExpected(_ slot: UInt32) {
        let view = flows.view(slot)
        guard analyzes, view.analysis == 0,
            let entry = expected.find(view.id, at: now) ?? shared?.find(view.id, at: now)
        else { return }
        let place = analyses.take()
        flows.setAnalysis(place, slot)
        analyses[place].expect(entry.kind, announcedBy: entry.announcer)
    }

    private mutating func end(_ slot: UInt32, _ engine: SignatureEngine?) {
        let view = flows.view(slot)
        if context.wantsEvents { eve.releaseAll(slot, at: now, to: &context.output) }
        if view.analysis > AnalysisPool.nobody {
            point(at: view)
            analyses.resume(view.analysis, &context)
            if let engine { showTo(engine, slot) }
            context.lastEventApplication = nil
            analyses.finish(view.analysis, &context)
            leave(slot, view.analysis, engine)
            if context.wantsEvents { eve.note(context.lastEventApplication, of: slot) }
            if analyses[view.analysis].announcer != nil {
                expected.forget(view.id)
                shared?.forget(view.id)
            }
        }
        if let engine { endSignatures(engine, slot, view) }
        context.output.ordinal = view.ordinal
        if let tunnel = outers.end(view.uid) {
            notes.append(note(.outerEnded(tunnel: tunnel), ordinal: view.ordinal))
        }
        fill(slot, view.analysis)
        context.output.emit(conn)
        let hasAnalysis = view.analysis > AnalysisPool.nobody
        noteAssets(view, hasAnalysis ? analyses.services(view.analysis) : KindList())
        if context.wantsEvents { endForEvents(slot, hasAnalysis ? analyses[view.analysis] : nil) }
        if hasAnalysis { analyses.giveBack(view.analysis, &context) }
        flows.release(slot)
    }

    /// Tells which hosts are there, of a connection whose row is filled.
    private mutating func noteAssets(_ view: borrowing FlowView, _ services: KindList) {
        guard analyzes else { return }
        point(at: view)
        let isWhole =
            view.id.transport == .tcp
            ? ["SF", "S1", "S2", "S3", "RSTO", "RSTR"].contains(conn.state.description) : conn.responderPackets > 0
        context.connectionEnded(isWhole: isWhole, services: services)
    }

    private mutating func fill(_ slot: UInt32, _ analysis: UInt32) {
        flows.fill(&conn, slot)
        guard analysis > AnalysisPool.nobody else { return }
        conn.service = analyses.writeServices(analysis, to: &conn.text)
        for kind in analyses.failures(analysis) { conn.failedServices.append(conn.text.add(kind.serviceName)) }
    }

    private mutating func writeOpen(_ slot: UInt32) {
        context.output.ordinal = flows.ordinal(slot)
        fill(slot, flows.analysis(slot))
        var record = ConnOpenRecord()
        record.connection = conn
        record.logged = now
        context.output.emit(record)
    }

    // MARK: anomalies

    private mutating func report(_ anomaly: Weird, _ detail: WeirdDetail, _ slot: UInt32) {
        let view = flows.view(slot)
        guard repeats.admits(anomaly, view.uid) else { return }
        point(at: view)
        weird.text.clear()
        let addl = detail.write(to: &weird.text)
        weird.addl = addl
        let source = FlowEvent.source(of: anomaly, protocolNumber: view.id.protocolNumber)
        emitWeird(anomaly, slot, source: source)
    }

    /// What is wrong with the header of a tunnel that the connection carries.
    private mutating func report(_ anomaly: Anomaly, of slot: UInt32) {
        guard let name = anomaly.weird, repeats.admits(name, flows.uid(slot)) else { return }
        weird.text.clear()
        weird.addl = .absent
        emitWeird(name, slot, source: anomaly.source)
    }

    private mutating func write(
        _ anomaly: Weird, _ slot: UInt32, addl: Text, in text: borrowing TextBuffer, source: StaticString
    ) {
        weird.text.clear()
        weird.addl = weird.text.add(addl, of: text)
        emitWeird(anomaly, slot, source: source.utf8CodeUnitCount == 0 ? nil : source)
    }

    private mutating func emitWeird(_ anomaly: Weird, _ slot: UInt32, source: StaticString?) {
        let view = flows.view(slot)
        weird.ts = now
        weird.uid = view.uid
        weird.id = view.id
        weird.weird = anomaly
        weird.source = source
        context.output.ordinal = view.ordinal
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
            notes.append(note(what, ordinal: flows.ordinal(slot)))
        }
    }

    /// The datagram of a connection carries another one: the connection is a tunnel.
    private mutating func carry(_ datagram: borrowing Datagram, _ slot: UInt32) {
        let view = flows.view(slot)
        let state = outers.see(view.uid, datagram)
        if state.isNew {
            let what = Note.What.outerSeen(tunnel: datagram.carries, uid: view.uid, id: view.id)
            notes.append(note(what, ordinal: view.ordinal))
        }
        guard analyzes, state.isConfirmed, let kind = datagram.layer.tunnel.analyzer else { return }
        var place = view.analysis
        if place <= AnalysisPool.nobody {
            let isOver = place == AnalysisPool.nobody
            place = analyses.take()
            flows.setAnalysis(place, slot)
            if isOver { analyses[place].stopLooking() }
        }
        analyses[place].tunnel(kind)
    }
}
