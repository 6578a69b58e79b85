// SPDX-License-Identifier: Apache-2.0
//
// The worker's way to the signature engine and back.
//
// Reads   datagrams with their connection, what analyzers have shown.
// Writes  candidates for alerts.
// Leaves  which of them become alerts (AlertDesk.swift).

import Capture
import Flows
import Protocols
import Records
import Signatures
import Wire

extension Worker {
    /// Carries out what the flow table made of a datagram, and inspects it.
    mutating func inspect(
        _ bytes: RawSpan, _ datagram: borrowing Datagram, _ packet: UInt64, _ block: WorkBlock,
        _ engine: SignatureEngine
    ) {
        var facts = PacketFacts(datagram.layer, bytes, now: now, number: packet)
        let slot = flows.current
        if let slot { engine.arrive(slot, flows.id(slot), &facts, isDamaged: flows.currentIsDamaged) }
        if let slot, engine.wantsStreamEvents {
            if let (old, isTurned) = replaced(by: slot) {
                engine.goOn(slot, insteadOf: old, isTurned: isTurned, facts)
            }
            engine.watch(slot, bytes, facts, isDamaged: flows.currentIsDamaged)
        }
        // Over TCP the rules see what was acknowledged: not what the packet itself carries.
        if !facts.isTCP { handleEvents(bytes, datagram, block, engine) }
        engine.inspect(slot, bytes, facts)
        if engine.hasTags, engine.takeTags(slot, facts, octets: bytes.byteCount) { keepTagged(packet, block, slot) }
        if facts.isTCP { handleEvents(bytes, datagram, block, engine) }
        if !engine.alerts.isEmpty { takeAlerts(engine) }
    }

    /// The connection whose place the one of the datagram at work has taken, and whether its ends are the other way
    /// round.
    mutating func replaced(by slot: UInt32) -> (slot: UInt32, isTurned: Bool)? {
        for index in 0..<flows.eventCount {
            guard case .ended(let old, .reuse) = flows.event(index) else { continue }
            let (was, id) = (flows.id(old), flows.id(slot))
            return (old, was.originator != id.originator || was.originatorPort != id.originatorPort)
        }
        return nil
    }

    /// A packet that a rule has tagged: EVE shows it whole, and the packet ring keeps it in any case.
    private mutating func keepTagged(_ packet: UInt64, _ block: WorkBlock, _ slot: UInt32?) {
        tap?.keepTagged()
        guard context.wantsEvents else { return }
        let packets = block.packets
        let captured = packets.packets[Int(packet &- block.firstPacket)]
        var event = EventRecord()
        event.ts = now
        event.packet = context.packet
        event.type = "packet"
        if let slot {
            let view = flows.view(slot)
            (event.uid, event.id) = (view.uid, view.id)
            context.output.ordinal = view.ordinal
        }
        event.isReversed = eve.isReversed
        packets.withBytes(of: captured) { event.body.base64("packet", $0) }
        event.body.open("packet_info")
        event.body.count("linktype", UInt64(captured.linkType))
        event.body.close()
        context.output.emit(event)
    }

    /// Looks for events of decoding in a packet as it was captured.
    mutating func decode(
        _ captured: CapturePacket, _ packets: PacketBlock, _ packet: UInt64, _ engine: SignatureEngine
    ) {
        let time = Timestamp(nanoseconds: captured.timestampNanoseconds)
        context.output.order = packet << 1 | 1
        if context.wantsEvents {
            context.packet = EventPacket()
            context.packet.number = packet
        }
        packets.withBytes(of: captured) { bytes in
            engine.decode(bytes, linkType: captured.linkType, now: time, number: packet)
        }
        if !engine.alerts.isEmpty { takeAlerts(engine) }
    }

    /// Takes other rules from the next packet on.
    mutating func reload(_ rules: RuleIndex) {
        engine = engine.map { SignatureEngine(rules, replacing: $0) }
        if let engine { context.transactions.wantsEvents = engine.wantsEvents || context.wantsEvents }
        context.storesFiles = storesFiles && engine?.rules.storesFiles == true
    }

    /// Tells analyzers what of the flow is looked at.
    mutating func showTo(_ engine: SignatureEngine, _ slot: UInt32) {
        let isFollowed = engine.isFollowed(slot)
        context.transactions.wanted = isFollowed ? engine.wanted : SignatureBufferSet()
        context.transactions.wantsTransactions = isFollowed && engine.wantsTransactions
    }

    /// Takes what an analyzer has shown, and the protocol that it has confirmed.
    mutating func takeShown(_ engine: SignatureEngine, _ slot: UInt32, _ place: UInt32) {
        if !analyses.services(place).isEmpty {
            let application = analyses.application(place, context.id)
            if application != .unknown { engine.confirm(slot, application) }
        }
        if !context.transactions.isEmpty { engine.absorb(slot, context.transactions) }
    }

    /// The connection is over: what waits for rules is inspected.
    mutating func endSignatures(_ engine: SignatureEngine, _ slot: UInt32, _ view: borrowing FlowView) {
        engine.end(slot, view.id, now: now)
        if !engine.alerts.isEmpty { takeAlerts(engine) }
        if context.storesFiles { context.settleFiles(of: view.uid) }
    }

    /// Makes candidates of the engine's alerts.
    private mutating func takeAlerts(_ engine: SignatureEngine) {
        for alert in engine.alerts {
            var candidate = AlertCandidate(
                order: context.output.order, ordinal: 0, set: engine.rules, alert: alert, id: alert.facts.id)
            if let slot = alert.slot {
                let view = flows.view(slot)
                candidate.ordinal = view.ordinal
                candidate.uid = view.uid
                candidate.id = view.id
                if context.storesFiles, let wish = engine.rules.storing(alert) {
                    context.storeFiles(of: view.uid, transaction: wish.transaction, direction: wish.direction)
                }
                if context.wantsEvents {
                    candidate.event = members(alert, view, slot)
                    if !alert.isSilent { eve.alert(slot) }
                }
            }
            if context.wantsEvents { candidate.packet = context.packet }
            alerts.append(candidate)
        }
        engine.alerts.removeAll(keepingCapacity: true)
    }

    /// The transaction's fields and the flow's, as EVE's alerts have them.
    private func members(_ alert: SignatureAlert, _ view: borrowing FlowView, _ slot: UInt32) -> [UInt8] {
        var event = EVEBuilder()
        if let memory = engine?.memory(of: slot), !memory.isEmpty { EVEMetadata.write(memory, to: &event) }
        if let transaction = alert.transaction, view.analysis > AnalysisPool.nobody {
            analyses[view.analysis].writeEVE(alert.application, view.id, tx: transaction, to: &event)
            context.writeFiles(of: view.uid, tx: transaction, to: &event)
        }
        eve.writeFlow(slot, to: &event)
        return event.buffer.bytes
    }
}

extension PacketFacts {
    /// The name of a packet without a connection, as it was sent.
    fileprivate var id: ConnectionID {
        ConnectionID(
            originator: source, responder: target, originatorPort: sourcePort, responderPort: targetPort,
            transport: Transport(rawValue: protocolNumber == 58 ? 1 : protocolNumber) ?? .unknown,
            protocolNumber: protocolNumber)
    }
}

/// What rules have left on a connection, as EVE has it.
enum EVEMetadata {
    static func write(_ memory: SignatureMemory, to event: inout EVEBuilder) {
        event.open("metadata")
        if !memory.bits.isEmpty {
            event.openList("flowbits")
            for name in memory.bits { event.item(Array(name.utf8)[...]) }
            event.closeList()
        }
        if !memory.integers.isEmpty {
            event.open("flowints")
            for (name, value) in memory.integers {
                event.count(key: Array(name.utf8).octets, UInt64(value))
            }
            event.close()
        }
        if !memory.variables.isEmpty {
            event.openList("flowvars")
            for (name, octets) in memory.variables {
                event.openItem()
                event.text(key: Array(name.utf8).octets, octets.octets)
                event.closeItem()
            }
            event.closeList()
        }
        event.close()
    }
}
