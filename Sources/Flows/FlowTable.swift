// SPDX-License-Identifier: Apache-2.0
//
// The connections of one worker: the face of this module.
//
// Reads   layers of packets, with their bytes; the time.
// Writes  events (FlowEvent.swift) and connection records (ConnRecord.swift).
// Leaves  fragments (Defragmenter.swift), analyzers, and where rows go.

package import Records
package import Wire

/// What a packet's way through a connection shares: everything of the table but the
/// connections themselves.
struct FlowWork {
    var events: [FlowEvent] = []
    var counters = FlowCounters()
    var held = HeldPool()
    var tunnels = TunnelPool()
    let settings: FlowSettings
    /// The connection at work has an earlier deadline than before, perhaps.
    var timersChanged = false

    init(settings: FlowSettings) {
        self.settings = settings
        events.reserveCapacity(64)
    }

    func direction(_ side: Int) -> Direction { side == 0 ? .originator : .responder }
}

/// Connections, their timers and reassembly.
///
/// The Sensor's part, for each packet: `advance(to:)`, then `process` for each layer that makes
/// a connection; after each, carry out the events, then `clearEvents()`. A slot whose `.ended`
/// was carried out is given back by `release`.
package struct FlowTable: ~Copyable {
    private var slab = ConnectionSlab()
    private var index = FlowIndex()
    private var timers = TimerHeap()
    private var work: FlowWork
    /// The connection of the datagram at work; nil where it made none.
    package private(set) var current: UInt32?
    /// The datagram at work has a wrong checksum, and was not taken.
    package private(set) var currentIsDamaged = false
    /// Connections whose timers fire now, in the order in which they began, and how many of them have fired.
    private var due: [DueConnection] = []
    private var firedCount = 0
    private var isEnding = false
    /// The newest packet time.
    private var clock = Timestamp(nanoseconds: .min)
    /// The key of the table's hash: random, and nothing that can be seen depends on it.
    private let seeds: (UInt64, UInt64)
    private let uidPrefix: SipHash

    package init(settings: FlowSettings) {
        work = FlowWork(settings: settings)
        seeds = (UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max))
        uidPrefix = UID.prefix(sensor: settings.sensorName)
    }

    /// What happened since the events were cleared, in order. A copy: on the packet path read
    /// `event(_:)`, since an array that is held elsewhere cannot be reused.
    package var events: [FlowEvent] { work.events }
    // Those that the packet path asks for are `mutating` though they change nothing: a call that only borrows the table
    // is given a copy of all its half kilobyte.
    package var eventCount: Int { mutating get { work.events.count } }
    package mutating func event(_ number: Int) -> FlowEvent { work.events[number] }
    package var counters: FlowCounters { work.counters }
    /// Connections in the table.
    package var liveCount: Int { index.count }
    /// Whether an address belongs to a local network of the settings.
    package func isLocal(_ address: Address) -> Bool {
        for network in work.settings.localNetworks where network.contains(address) { return true }
        return false
    }

    /// Appends the tunnels that were around a connection: what `process` was given as `outer`.
    package func writeTunnels(_ slot: UInt32, to names: inout [UInt64]) {
        work.tunnels.write(slab[slot].tunnelSet, to: &names)
    }

    /// Octets held out of order.
    package var heldByteCount: Int { work.held.byteCount }

    /// A copy of the connection in a slot, from its `.started` until its `release`: half a kilobyte.
    /// On the packet path use `view`.
    package subscript(slot: UInt32) -> Connection { slab[slot] }

    /// What analyzers and the Sensor need of a connection at work.
    package mutating func view(_ slot: UInt32) -> FlowView {
        // Field by field: a connection that is passed on whole is copied, all of its eight cache lines.
        FlowView(
            id: slab[slot].id, uid: slab[slot].uid, ordinal: slab[slot].ordinal, sizeSoFar: slab[slot].sizeSoFar,
            analysis: slab[slot].analysis, isPartial: slab[slot].isPartial, hasGap: slab[slot].hasGap)
    }
    package mutating func id(_ slot: UInt32) -> ConnectionID { slab[slot].id }
    package mutating func uid(_ slot: UInt32) -> UID { slab[slot].uid }
    package mutating func ordinal(_ slot: UInt32) -> UInt64 { slab[slot].ordinal }
    /// Octets of both directions' IP datagrams so far.
    package mutating func octets(_ slot: UInt32) -> UInt64 { slab[slot].octets }

    /// The Sensor's own word of a connection, 0 for none.
    package mutating func analysis(_ slot: UInt32) -> UInt32 { slab[slot].analysis }
    package mutating func setAnalysis(_ analysis: UInt32, _ slot: UInt32) { slab[slot].analysis = analysis }

    /// The octets of a held block, valid until the events are cleared.
    package func held(_ block: UInt32) -> [UInt8] { work.held.blocks[Int(block)].bytes }

    /// Forgets the events, and the held blocks that they named.
    package mutating func clearEvents() {
        work.events.removeAll(keepingCapacity: true)
        work.held.releaseLeaving()
    }

    /// Moves the clock on and fires what is due, in the order in which the connections began. Costs
    /// one comparison where nothing is. True where more is due than fires at once: carry out the
    /// events, clear them and call again before any packet.
    @discardableResult
    package mutating func advance(to time: Timestamp) -> Bool {
        if clock < time { clock = time }
        guard timers.next <= clock.nanoseconds || firedCount < due.count else { return false }
        return fireTimers()
    }

    /// Takes one datagram with a connection of its own. `ordinal` numbers the layer in the
    /// capture; `outer` names the innermost tunnel around it (see `TunnelName`), 0 for none.
    package mutating func process(
        _ layer: Layer, bytes: RawSpan, now: Timestamp, ordinal: UInt64, outer: UInt64 = 0
    ) {
        if clock < now { clock = now }
        current = nil
        currentIsDamaged = false
        let packet = Arrival(now: now, ordinal: ordinal, outer: outer)
        switch layer.protocolNumber {
        case 6: processTCP(layer, bytes, packet)
        case 17: processUDP(layer, bytes, packet)
        case 1, 58: processICMP(layer, bytes, packet)
        default: processOther(layer, packet)
        }
    }

    /// Carries out what an analyzer asked for.
    package mutating func apply(_ request: FlowRequest, to slot: UInt32) {
        guard !slab[slot].isEnded else { return }
        switch request {
        case .flip: slab[slot].flip()
        case .inactivity(let timeout):
            slab[slot].setInactivity(timeout, &work)
            rearm(slot)
        case .limitReached: markLimited(slot)
        case .tunnel, .expect, .encrypted: break
        case .stop: slab[slot].flags.insert(.isStopped)
        }
    }

    /// Gives an ended connection's slot back.
    package mutating func release(_ slot: UInt32) {
        precondition(slab[slot].isEnded, "only an ended connection is released, and once")
        if slab[slot].flags.contains(.hasHeld) {
            slab[slot].dropHeld(0, &work)
            slab[slot].dropHeld(1, &work)
        }
        work.tunnels.release(slab[slot].tunnelSet)
        slab[slot].flags = []
        slab.free(slot)
    }

    /// The input is over: `.ended` for each connection, in the order in which they began. True where
    /// there are more than end at once: as with `advance`.
    @discardableResult
    package mutating func endAll() -> Bool {
        if !isEnding {
            isEnding = true
            forgetFired()
            for slot in 0..<slab.slotCount where slab[slot].flags.contains(.isLive) {
                due.append(DueConnection(ordinal: slab[slot].ordinal, slot: slot))
            }
            due.sort { $0.ordinal < $1.ordinal }
        }
        let last = min(due.count, firedCount &+ FlowTable.firedMax)
        while firedCount < last {
            end(due[firedCount].slot, .endOfInput)
            firedCount &+= 1
        }
        guard firedCount == due.count else { return true }
        forgetFired()
        isEnding = false
        return false
    }
}

/// A connection whose timer is to fire.
private struct DueConnection: BitwiseCopyable {
    let ordinal: UInt64
    let slot: UInt32
}

/// What is known about a packet besides its bytes.
private struct Arrival {
    let now: Timestamp
    let ordinal: UInt64
    let outer: UInt64
}

extension FlowTable {
    private mutating func processTCP(_ layer: Layer, _ bytes: RawSpan, _ packet: Arrival) {
        let header: TCPHeader
        do { header = try TCPHeader(bytes, layer) } catch { return refuse(error) }
        let segment = Segment(header, bytes)
        var isLow = false
        let key = FlowKey(
            layer, sourcePort: header.sourcePort, targetPort: header.targetPort, isOneWay: false, sourceIsLow: &isLow)
        let hash = key.hash(seeds)
        var tie: UInt32 = 0
        var found = find(key, hash)
        if let old = found, segment.isSYN, header.headerLength >= 20,
            slab[old].isReuse(segment, now: packet.now, slot: old, &work)
        {
            tie = slab[old].start == packet.now ? slab[old].tie &+ 1 : 0
            end(old, .reuse)
            found = nil
        }
        let slot: UInt32
        if let found {
            slot = found
            current = slot
            checkTunnel(slot, packet)
        } else {
            slot = create(key, hash, layer, packet, isLow: isLow, tie: tie)
            slab[slot].expireDue = clock.adding(work.settings.sessionDelay).nanoseconds
            if !segment.isSYN || segment.isACK, looksReversed(header, segment), !isBroadcast(layer) {
                slab[slot].flip()
            }
        }
        let side = slab[slot].side(isLow)
        if header.headerLength < 20 {
            slab[slot].weird(.bad_TCP_header_len, slot, &work)
        } else if !header.hasValidLength {
            slab[slot].weird(.truncated_header, slot, &work)
        } else if work.settings.ignoringChecksums || transportChecksumIsGood(bytes, layer) {
            slab[slot].take(segment, side: side, bytes: bytes, now: packet.now, slot: slot, &work)
            // The segment may have shown that the ends are the other way round.
            let sender = slab[slot].side(isLow)
            slab[slot].count(layer, side: sender)
        } else {
            currentIsDamaged = true
            slab[slot].weird(.bad_TCP_checksum, slot, &work)
            slab[slot].noteScaled(.checksum, side: side, &work)
        }
        if work.timersChanged { rearm(slot) }
    }

    private mutating func processUDP(_ layer: Layer, _ bytes: RawSpan, _ packet: Arrival) {
        let header: UDPHeader
        do { header = try UDPHeader(bytes, layer) } catch { return refuse(error) }
        var isLow = false
        let key = FlowKey(
            layer, sourcePort: header.sourcePort, targetPort: header.targetPort, isOneWay: false, sourceIsLow: &isLow)
        let hash = key.hash(seeds)
        let slot: UInt32
        if let found = find(key, hash) {
            slot = found
            current = slot
            checkTunnel(slot, packet)
        } else {
            slot = create(key, hash, layer, packet, isLow: isLow, tie: 0)
            if work.settings.likelyUDPPorts.contains(header.sourcePort),
                !work.settings.likelyUDPPorts.contains(header.targetPort), !isBroadcast(layer)
            {
                slab[slot].flip()
            }
        }
        let isGood = work.settings.ignoresDatagramChecksums || transportChecksumIsGood(bytes, layer)
        let side = slab[slot].side(isLow)
        slab[slot].take(header, layer, isGood: isGood, side: side, now: packet.now, slot: slot, &work)
        if work.timersChanged { rearm(slot) }
    }

    private mutating func processICMP(_ layer: Layer, _ bytes: RawSpan, _ packet: Arrival) {
        let header: ICMPHeader
        do { header = try ICMPHeader(bytes, layer) } catch { return refuse(error) }
        let pair = ICMPPair.counterpart(of: header.type, protocolNumber: layer.protocolNumber)
        var isLow = false
        let key = FlowKey(
            layer, sourcePort: UInt16(header.type), targetPort: UInt16(pair ?? header.code), isOneWay: pair == nil,
            sourceIsLow: &isLow)
        let slot = findOrCreate(key, layer, packet, isLow: isLow)
        let isGood = work.settings.ignoresDatagramChecksums || transportChecksumIsGood(bytes, layer)
        let side = slab[slot].side(isLow)
        slab[slot].take(header, layer, bytes, isGood: isGood, side: side, now: packet.now, slot: slot, &work)
        if work.timersChanged { rearm(slot) }
    }

    /// A transport of which only the addresses are understood.
    private mutating func processOther(_ layer: Layer, _ packet: Arrival) {
        guard layer.makesConnection else { return }
        var isLow = false
        let key = FlowKey(layer, sourcePort: 0, targetPort: 0, isOneWay: false, sourceIsLow: &isLow)
        let slot = findOrCreate(key, layer, packet, isLow: isLow)
        slab[slot].last = packet.now
        let side = slab[slot].side(isLow)
        slab[slot].count(layer, side: side)
        if work.timersChanged { rearm(slot) }
    }

    /// A header that is not all there: no connection.
    private mutating func refuse(_ anomaly: Anomaly) {
        work.events.append(
            .packetWeird(anomaly == .truncated_header ? .truncated_header : .internally_truncated_header))
    }

    /// Whether the sender of a first segment that is no SYN is more likely the responder. A SYN
    /// with ACK between two ports of servers is left alone: it may be a stealth scan.
    private func looksReversed(_ header: TCPHeader, _ segment: Segment) -> Bool {
        guard work.settings.likelyTCPPorts.contains(header.sourcePort) else { return false }
        guard work.settings.likelyTCPPorts.contains(header.targetPort) else { return true }
        return !segment.isSYN && header.sourcePort < header.targetPort
    }

    private func isBroadcast(_ layer: Layer) -> Bool {
        Address(high: layer.targetHigh, low: layer.targetLow).isBroadcast
    }
}

extension FlowTable {
    private func find(_ key: FlowKey, _ hash: UInt32) -> UInt32? {
        var place = index.start(hash)
        while true {
            let word = index.word(place)
            if word == 0 { return nil }
            if UInt32(truncatingIfNeeded: word >> 32) == hash {
                let slot = UInt32(truncatingIfNeeded: word) &- 1
                if slab[slot].key == key { return slot }
            }
            place = index.after(place)
        }
    }

    private mutating func findOrCreate(
        _ key: FlowKey, _ layer: Layer, _ packet: Arrival, isLow: Bool
    ) -> UInt32 {
        let hash = key.hash(seeds)
        if let slot = find(key, hash) {
            checkTunnel(slot, packet)
            current = slot
            return slot
        }
        return create(key, hash, layer, packet, isLow: isLow, tie: 0)
    }

    private mutating func create(
        _ key: FlowKey, _ hash: UInt32, _ layer: Layer, _ packet: Arrival, isLow: Bool, tie: UInt32
    ) -> UInt32 {
        if index.count >= work.settings.connectionsMax { evict() }
        let uid = UID.make(
            prefix: uidPrefix, key: (key.lowHigh, key.lowLow, key.highHigh, key.highLow, key.rest),
            start: packet.now, ordinal: tie)
        var connection = Connection(
            key: key, start: packet.now, uid: uid, ordinal: packet.ordinal, tie: tie, vlan: layer.vlan,
            innerVLAN: layer.innerVLAN)
        connection.flags = isLow ? [.isLive, .originatorIsLow] : [.isLive]
        if packet.outer != 0 {
            connection.outer = packet.outer
            connection.tunnelSet = work.tunnels.make(packet.outer)
        }
        if work.settings.openInterval > 0 {
            connection.openDue = packet.now.adding(work.settings.openInterval).nanoseconds
        }
        let slot = slab.insert(connection)
        current = slot
        slab[slot].setInactivity(work.settings.shortInactivity, &work)
        index.insert(hash, slot: slot)
        work.counters.started &+= 1
        work.events.append(.started(slot))
        return slot
    }

    private mutating func checkTunnel(_ slot: UInt32, _ packet: Arrival) {
        guard TunnelName.differ(slab[slot].outer, packet.outer) else { return }
        slab[slot].outer = packet.outer
        guard packet.outer != 0 else { return }
        work.events.append(.tunnelChanged(slot))
        if slab[slot].tunnelSet == 0 { slab[slot].tunnelSet = work.tunnels.make(0) }
        let set = slab[slot].tunnelSet
        if !work.tunnels.change(set, to: packet.outer, changesMax: work.settings.tunnelChangesMax) {
            work.counters.tunnelChangesCut &+= 1
            if !slab[slot].flags.contains(.isLimited) {
                slab[slot].weird(.tunnel_max_changes_per_connection_exceeded, slot, &work)
                markLimited(slot)
            }
        }
    }

    private mutating func markLimited(_ slot: UInt32) {
        guard !slab[slot].flags.contains(.isLimited) else { return }
        slab[slot].flags.insert(.isLimited)
        slab[slot].addHistory(HistoryLetter.limited, side: 0, &work)
    }

    /// Takes a connection out of the table; its slot waits for `release`.
    private mutating func end(_ slot: UInt32, _ reason: EndReason) {
        index.remove(slab[slot].key.hash(seeds), slot: slot)
        slab[slot].flags.remove(.isLive)
        slab[slot].flags.insert(.isEnded)
        slab[slot].armed = .max
        work.events.append(.ended(slot, reason))
    }

    /// Sees to it that the timer heap wakes the connection by its earliest deadline.
    private mutating func rearm(_ slot: UInt32) {
        work.timersChanged = false
        let deadline = slab[slot].deadline
        guard deadline < slab[slot].armed else { return }
        slab[slot].armed = deadline
        timers.push(TimerEntry(deadline: deadline, slot: slot, generation: slab[slot].generation))
    }

    /// Connections that fire before their events are to be carried out: after a silence, all may be due.
    private static var firedMax: Int { 2048 }

    private mutating func fireTimers() -> Bool {
        if firedCount == due.count { collectDue() }
        let last = min(due.count, firedCount &+ FlowTable.firedMax)
        while firedCount < last {
            let slot = due[firedCount].slot
            firedCount &+= 1
            if let reason = slab[slot].fire(at: clock, slot: slot, &work) {
                end(slot, reason)
            } else {
                rearm(slot)
            }
        }
        return firedCount < due.count
    }

    /// Takes all that is due off the heap. A connection fires once: what it asks for then is later.
    private mutating func collectDue() {
        forgetFired()
        while let entry = timers.pop(dueAt: clock.nanoseconds) {
            guard isCurrent(entry) else { continue }
            slab[entry.slot].armed = .max
            due.append(DueConnection(ordinal: slab[entry.slot].ordinal, slot: entry.slot))
        }
        if due.count > 1 { due.sort { $0.ordinal < $1.ordinal } }
    }

    private mutating func forgetFired() {
        due.removeAll(keepingCapacity: true)
        firedCount = 0
    }

    /// Whether an entry is its connection's live one.
    private func isCurrent(_ entry: TimerEntry) -> Bool {
        slab[entry.slot].flags.contains(.isLive) && slab[entry.slot].generation == entry.generation
            && slab[entry.slot].armed == entry.deadline
    }

    /// Makes room: the connection whose timer is next ends early.
    private mutating func evict() {
        while let entry = timers.pop(dueAt: .max) {
            guard isCurrent(entry) else { continue }
            work.counters.evicted &+= 1
            return end(entry.slot, .evicted)
        }
    }
}

extension Connection {
    /// 0 for a packet of the originator, 1 for one of the responder.
    func side(_ sourceIsLow: Bool) -> Int { sourceIsLow == flags.contains(.originatorIsLow) ? 0 : 1 }
}

extension Segment {
    init(_ header: TCPHeader, _ bytes: RawSpan) {
        sequence = header.sequence
        acknowledgment = header.acknowledgement
        flags = header.flags
        window = header.window
        length = Int(header.payloadLength)
        captured = Int(header.capturedLength)
        offset = Int(header.payloadOffset)
        if header.syn, header.hasValidLength { windowScale = Segment.windowScale(bytes, header) }
    }

    /// The shift of the window scale option as it stands, 0 to 255, or -1 where there is none.
    private static func windowScale(_ bytes: RawSpan, _ header: TCPHeader) -> Int16 {
        let end = Int(header.payloadOffset)
        var place = end &- Int(header.headerLength) &+ 20
        var scale: Int16 = -1
        while place < end {
            let kind = bytes.octet(place)
            if kind == 0 { break }
            if kind == 1 {
                place &+= 1
                continue
            }
            guard end &- place >= 2 else { break }
            let length = Int(bytes.octet(place &+ 1))
            guard length > 0, length <= end &- place else { break }
            if kind == 3, length >= 3 { scale = Int16(bytes.octet(place &+ 2)) }
            place &+= length
        }
        return scale
    }
}
