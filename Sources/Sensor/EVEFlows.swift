// SPDX-License-Identifier: Apache-2.0
//
// The flows of EVE of one worker: those of open connections, and those that wait
// for Suricata's time-out to be written.
//
// Reads   packets with their connection; the time.
// Writes  events `flow` and `netflow`.
// Leaves  connections and their identities (Flows), the events' form (EVEFlow+Event.swift).

import Protocols
import Records
import Wire

/// A packet as the flows of EVE need it.
struct EVEArrival {
    let slot: UInt32
    let uid: UID
    let id: ConnectionID
    let ordinal: UInt64
    let now: Timestamp
    let packet: EventPacket
}

/// Used only with `--log-format eve`.
struct EVEFlows: ~Copyable {
    /// What a flow is found by when its connection is gone: its ends, either way round, and its link.
    private struct Ends: Hashable {
        let id: ConnectionID
        let vlan: UInt64
        let spi: UInt32

        init(_ id: ConnectionID, _ link: EVEFlow.Link) {
            let isOrdered =
                id.originator < id.responder
                || id.originator == id.responder && id.originatorPort <= id.responderPort
            self.id = isOrdered ? id : id.flipped
            vlan = UInt64(link.vlan) << 32 | UInt64(link.middleVLAN) << 16 | UInt64(link.innerVLAN)
            spi = link.spi
        }
    }

    /// Flows that one connection may have, by tags and indices of security; more count as the first.
    private static let perConnectionMax = 16
    /// Flows that wait for their time-out; more are written at once.
    private static let waitingMax = 1 << 20

    /// By slot of the connection: its first flow in `pool`, plus one; 0 for none.
    private var heads: [UInt32] = []
    private var pool: [EVEFlow] = []
    private var free: [UInt32] = []
    /// Flows that are over, by the time at which they are written: a binary heap of (due, place in `pool`).
    private var waiting: [(due: Int64, place: UInt32)] = []
    /// The newest of these by its ends, for a packet that comes late.
    private var waitingByEnds: [Ends: UInt32] = [:]
    /// By slot: events that wait for the packet that acknowledges what they tell of.
    private var held: [[EventRecord]] = []
    /// The direction of the packet at work, and its connection.
    private var current: (slot: UInt32, isReversed: Bool) = (.max, false)
    private(set) var heldCount = 0
    private(set) var heldBytes = 0
    /// Limits that were met.
    private(set) var limits = LimitCounters()
    private let takesMidstream: Bool
    private var record = EventRecord()

    /// Whether the packet at work goes from responder to originator.
    var isReversed: Bool { current.isReversed }

    init(takesMidstream: Bool) { self.takesMidstream = takesMidstream }

    // MARK: events that wait

    /// Events of one connection that wait, and of all; beyond, they are written at once.
    static let heldMax = 4096
    static let heldOfAllMax = 1 << 18
    /// Octets of all events that wait: one may have a megabyte.
    static let heldBytesMax = 64 << 20

    /// Keeps the events that a packet's data has made until the other end has acknowledged it. Where too many wait
    /// already they are written as they stand.
    mutating func hold(_ events: inout [EventRecord], _ slot: UInt32, _ output: inout RecordOutput) {
        let place = Int(slot)
        guard !isIgnored(slot) else { return events.removeAll(keepingCapacity: true) }
        if held.count <= place {
            held.append(contentsOf: repeatElement([], count: max(held.count, place &+ 1 &- held.count, 64)))
        }
        for index in events.indices {
            events[index].isDataReversed = current.slot == slot && current.isReversed
            note(events[index].appProtocol, of: slot)
            guard heldCount < EVEFlows.heldOfAllMax, heldBytes < EVEFlows.heldBytesMax else {
                limits.met(.heldEvents)
                output.emit(events[index])
                continue
            }
            held[place].append(events[index])
            heldCount &+= 1
            heldBytes &+= events[index].body.buffer.bytes.count
        }
        events.removeAll(keepingCapacity: true)
    }

    /// Whether TCP was met in the middle, an answer to a SYN that was not seen included: it has no events then.
    func isIgnored(_ slot: UInt32) -> Bool {
        guard !takesMidstream, Int(slot) < heads.count, heads[Int(slot)] != 0 else { return false }
        let flow = pool[Int(heads[Int(slot)]) &- 1]
        return flow.isMidstream && flow.state == .none
    }

    /// What events tell of is the flow's protocol, where nothing else names it.
    mutating func note(_ application: StaticString?, of slot: UInt32) {
        guard let application, application.utf8CodeUnitCount > 0, Int(slot) < heads.count, heads[Int(slot)] != 0
        else { return }
        pool[Int(heads[Int(slot)]) &- 1].appOfEvents = application
    }

    /// A packet has come: the events of data from its receiver are due.
    private mutating func release(_ arrival: EVEArrival, isReversed: Bool, to output: inout RecordOutput) {
        let place = Int(arrival.slot)
        guard place < held.count, !held[place].isEmpty else { return }
        let isCrowded = held[place].count > EVEFlows.heldMax
        guard isCrowded || held[place].contains(where: { $0.isDataReversed != isReversed }) else { return }
        output.ordinal = arrival.ordinal
        var kept: [EventRecord] = []
        for var event in held[place] {
            guard isCrowded || event.isDataReversed != isReversed else {
                kept.append(event)
                continue
            }
            if event.isDataReversed == isReversed { limits.met(.heldEvents) }
            event.ts = arrival.now
            event.packet = arrival.packet
            output.emit(event)
            heldCount &-= 1
            heldBytes &-= event.body.buffer.bytes.count
        }
        held[place] = kept
    }

    /// The connection is over: its events are due, and no packet has acknowledged what they tell of.
    mutating func releaseAll(_ slot: UInt32, at time: Timestamp, to output: inout RecordOutput) {
        let place = Int(slot)
        guard place < held.count, !held[place].isEmpty else { return }
        for var event in held[place] {
            event.ts = time
            event.packet.number = 0
            event.packet.source = "stream (flow timeout)"
            output.emit(event)
            heldBytes &-= event.body.buffer.bytes.count
        }
        heldCount &-= held[place].count
        held[place] = []
    }

    /// Counts a packet.
    mutating func take(_ arrival: EVEArrival, _ layer: Layer, _ bytes: RawSpan, to output: inout RecordOutput) {
        let source = Address(high: layer.sourceHigh, low: layer.sourceLow)
        guard let ends = ends(arrival.id, layer, bytes) else { return }
        let place = find(arrival, ends, layer, bytes)
        let isSamePort = !ends.hasPorts || pool[place].id.originatorPort == ends.id.originatorPort
        let side = isSamePort && pool[place].id.originator == source ? 0 : 1
        current = (arrival.slot, side == 1)
        if layer.protocolNumber == 6 { release(arrival, isReversed: side == 1, to: &output) }
        let isLink = layer.depth == 0 && !layer.isReassembled
        let count = isLink ? bytes.byteCount : bytes.byteCount &- min(bytes.byteCount, Int(layer.ipOffset))
        pool[place].sides[side].packets &+= 1
        pool[place].sides[side].bytes &+= UInt64(count)
        pool[place].sides[side].ttlMin = min(pool[place].sides[side].ttlMin, layer.ttl)
        pool[place].sides[side].ttlMax = max(pool[place].sides[side].ttlMax, layer.ttl)
        if pool[place].last < arrival.now { pool[place].last = arrival.now }
        switch layer.protocolNumber {
        case 6:
            if let header = try? TCPHeader(bytes, layer) {
                pool[place].segment(header, from: side, takesMidstream: takesMidstream)
            }
        case 1, 58:
            guard side == 1, let header = try? ICMPHeader(bytes, layer) else { break }
            pool[place].answerICMP = (header.type, header.code)
        default: break
        }
    }

    /// The packet's own ends, from sender to receiver. Only these transports have flows.
    private func ends(_ id: ConnectionID, _ layer: Layer, _ bytes: RawSpan) -> (id: ConnectionID, hasPorts: Bool)? {
        var ends = layer.identity
        ends.transport = id.transport
        switch layer.protocolNumber {
        case 6, 17, 132:
            guard layer.capturedLength >= 4 else { return nil }
            ends.originatorPort = bytes.load(Int(layer.payloadOffset))
            ends.responderPort = bytes.load(Int(layer.payloadOffset) &+ 2)
            return (ends, true)
        case 1, 58:
            ends.originatorPort = id.originatorPort
            ends.responderPort = id.responderPort
            return (ends, false)
        case 50: return (ends, false)
        default: return nil
        }
    }

    private mutating func find(
        _ arrival: EVEArrival, _ ends: (id: ConnectionID, hasPorts: Bool), _ layer: Layer, _ bytes: RawSpan
    ) -> Int {
        var link = EVEFlow.Link(vlan: layer.vlan, middleVLAN: layer.middleVLAN, innerVLAN: layer.innerVLAN)
        if layer.protocolNumber == 50, layer.capturedLength >= 4 { link.spi = bytes.load(Int(layer.payloadOffset)) }
        let slot = Int(arrival.slot)
        if heads.count <= slot {
            heads.append(contentsOf: repeatElement(0, count: max(heads.count, slot &+ 1 &- heads.count, 64)))
        }
        var last: UInt32 = 0
        var count = 0
        var place = heads[slot]
        while place != 0 {
            if pool[Int(place) &- 1].link == link { return Int(place) &- 1 }
            last = place
            count &+= 1
            place = pool[Int(place) &- 1].next
        }
        if count >= EVEFlows.perConnectionMax {
            limits.met(.flowEvents)
            return Int(heads[slot]) &- 1
        }
        // Each further flow of a connection has an identity of its own, derived from the connection's.
        let uid = UID(value: arrival.uid.value &+ UInt64(count) &* 0x9E37_79B9_7F4A_7C15)
        var flow = EVEFlow(
            uid: uid, id: ends.id, link: link, ordinal: arrival.ordinal, start: arrival.now,
            wasBornFlipped: ends.hasPorts && arrival.id.originatorPort != ends.id.originatorPort,
            packet: arrival.packet)
        if ends.id.transport == .icmp, let header = try? ICMPHeader(bytes, layer) {
            flow.icmp = (header.type, header.code)
        }
        let index = resume(flow, layer, bytes) ?? insert(flow)
        if last == 0 { heads[slot] = index &+ 1 } else { pool[Int(last) &- 1].next = index &+ 1 }
        return Int(index)
    }

    /// A flow that waits goes on with a packet of the same ends; a SYN alone begins a new one.
    private mutating func resume(_ flow: EVEFlow, _ layer: Layer, _ bytes: RawSpan) -> UInt32? {
        let ends = Ends(flow.id, flow.link)
        guard let index = waitingByEnds[ends] else { return nil }
        if layer.protocolNumber == 6 {
            guard let header = try? TCPHeader(bytes, layer), !header.syn || header.ack else { return nil }
        }
        waitingByEnds[ends] = nil
        pool[Int(index)].isWaiting = false
        pool[Int(index)].next = 0
        return index
    }

    private mutating func insert(_ flow: EVEFlow) -> UInt32 {
        if let index = free.popLast() {
            pool[Int(index)] = flow
            return index
        }
        pool.append(flow)
        return UInt32(truncatingIfNeeded: pool.count &- 1)
    }

    // MARK: the end

    /// A connection is over: its flows wait for Suricata's time-out, since a capture may end before.
    mutating func end(
        _ slot: UInt32, id: ConnectionID, _ found: Applications, transactions: UInt64, announcer: UID?,
        hasGap: (Bool, Bool), to output: inout RecordOutput
    ) {
        guard Int(slot) < heads.count else { return }
        var place = heads[Int(slot)]
        heads[Int(slot)] = 0
        while place != 0 {
            let index = place &- 1
            if pool[Int(index)].applications.now == .unknown || found.now != .unknown {
                let before = pool[Int(index)].applications.before
                pool[Int(index)].applications = found
                if found.before == .unknown { pool[Int(index)].applications.before = before }
            }
            pool[Int(index)].transactions &+= transactions
            pool[Int(index)].announcer = announcer
            if !pool[Int(index)].isSettled {
                pool[Int(index)].settle(id, hasGap, takesMidstream: takesMidstream)
                pool[Int(index)].isSettled = true
            }
            place = pool[Int(index)].next
            if waiting.count >= EVEFlows.waitingMax {
                limits.met(.flowEvents)
                write(index, "forced", &output)
            } else {
                pool[Int(index)].isWaiting = true
                pool[Int(index)].due = pool[Int(index)].last.adding(pool[Int(index)].timeout).nanoseconds
                waitingByEnds[Ends(pool[Int(index)].id, pool[Int(index)].link)] = index
                push(pool[Int(index)].due, index)
            }
        }
    }

    /// Writes what a connection has come to so far, for an event about it.
    func writeFlow(_ slot: UInt32, to event: inout EVEBuilder) {
        guard Int(slot) < heads.count, heads[Int(slot)] != 0 else { return }
        pool[Int(heads[Int(slot)]) &- 1].writeSoFar(to: &event)
    }

    /// A signature has fired on the connection.
    mutating func alert(_ slot: UInt32) {
        guard Int(slot) < heads.count else { return }
        var place = heads[Int(slot)]
        while place != 0 {
            pool[Int(place) &- 1].isAlerted = true
            place = pool[Int(place) &- 1].next
        }
    }

    /// Writes the flows whose time-out has passed.
    mutating func advance(to time: Timestamp, _ output: inout RecordOutput) {
        while let first = waiting.first, first.due <= time.nanoseconds { writeNext("timeout", &output) }
    }

    /// Writes all flows that wait: the input is over.
    mutating func finish(_ output: inout RecordOutput) {
        while !waiting.isEmpty { writeNext("shutdown", &output) }
    }

    /// Takes the first that is due; one that has gone on meanwhile is not.
    private mutating func writeNext(_ reason: StaticString, _ output: inout RecordOutput) {
        let due = waiting[0].due
        let index = pop()
        guard pool[Int(index)].isWaiting, pool[Int(index)].due == due else { return }
        write(index, reason, &output)
    }

    private mutating func write(_ index: UInt32, _ reason: StaticString, _ output: inout RecordOutput) {
        let flow = pool[Int(index)]
        output.ordinal = flow.ordinal
        flow.write(reason, &record, to: &output)
        let ends = Ends(flow.id, flow.link)
        if waitingByEnds[ends] == index { waitingByEnds[ends] = nil }
        pool[Int(index)].isWaiting = false
        free.append(index)
    }

    private mutating func push(_ due: Int64, _ place: UInt32) {
        var hole = waiting.count
        waiting.append((due, place))
        while hole > 0 {
            let parent = (hole &- 1) / 2
            if waiting[parent].due <= due { break }
            waiting[hole] = waiting[parent]
            hole = parent
        }
        waiting[hole] = (due, place)
    }

    private mutating func pop() -> UInt32 {
        let first = waiting[0].place
        let last = waiting.removeLast()
        guard !waiting.isEmpty else { return first }
        var hole = 0
        while true {
            var child = hole &* 2 &+ 1
            guard child < waiting.count else { break }
            if child &+ 1 < waiting.count, waiting[child &+ 1].due < waiting[child].due { child &+= 1 }
            guard waiting[child].due < last.due else { break }
            waiting[hole] = waiting[child]
            hole = child
        }
        waiting[hole] = last
        return first
    }
}
