// SPDX-License-Identifier: Apache-2.0
//
// What a worker does for EVE beside the analyzers: flows, anomalies.
//
// Reads   each packet's connection.
// Writes  events, by way of `EVEFlows`.
// Leaves  everything, without `--log-format eve`.

import Capture
import Flows
import Protocols
import Records
import Signatures
import Wire

extension Worker {
    /// Counts the packet at work, and tells the analyzers of it.
    mutating func countForEvents(
        _ datagram: borrowing Datagram, _ bytes: RawSpan, _ packet: UInt64, _ block: WorkBlock
    ) {
        let last = Int(datagram.tunnelStart) &+ Int(datagram.tunnelCount) &- 1
        let kind = datagram.tunnelCount > 0 && last < block.tunnels.count ? block.tunnels[last].kind : .none
        context.packet = EventPacket(datagram, packet, in: kind)
        guard let slot = flows.current else { return }
        let view = flows.view(slot)
        eve.take(
            EVEArrival(
                slot: slot, uid: view.uid, id: view.id, ordinal: view.ordinal, now: now, packet: context.packet),
            datagram.layer, bytes, to: &context.output)
        guard anomalies?.readsStreams == true, datagram.layer.protocolNumber == 6, !flows.currentIsDamaged
        else { return }
        let old = replaced(by: slot)
        anomalies?.segment(
            slot, insteadOf: old, datagram.layer, bytes, isToServer: !eve.isReversed, now: now, number: packet)
        var event = EventRecord()
        (event.ts, event.uid, event.id) = (now, view.uid, view.id)
        event.isReversed = view.id.originator != Address(high: datagram.layer.sourceHigh, low: datagram.layer.sourceLow)
        context.output.ordinal = view.ordinal
        tellAnomalies("stream", "stream.", &event)
    }

    /// Tells what is odd in a packet as it was captured.
    mutating func tellDecoding(_ captured: CapturePacket, _ packets: PacketBlock, _ packet: UInt64) {
        packets.withBytes(of: captured) { bytes in _ = anomalies?.frame(bytes, linkType: captured.linkType) }
        guard let anomalies, !anomalies.names.isEmpty else { return }
        context.output.order = packet << 1 | 1
        context.output.ordinal = 0
        context.packet = EventPacket()
        context.packet.number = packet
        var event = EventRecord()
        event.ts = Timestamp(nanoseconds: captured.timestampNanoseconds)
        event.id = anomalies.ends
        tellAnomalies("decode", "decoder.", &event)
    }

    /// Writes the events that were met last, as `anomaly`.
    private mutating func tellAnomalies(_ type: StaticString, _ prefix: StaticString, _ event: inout EventRecord) {
        guard let names = anomalies?.names, !names.isEmpty else { return }
        event.packet = context.packet
        event.type = "anomaly"
        event.appProtocol = ""
        for name in names {
            event.body.clear()
            event.body.open("anomaly")
            event.body.text("type", type)
            event.body.beginText("event")
            event.body.add(prefix)
            event.body.add(Array(name.utf8).octets)
            event.body.endText()
            event.body.close()
            context.output.emit(event)
        }
    }

    /// Hands a connection that is over to the flows of EVE.
    mutating func endForEvents(_ slot: UInt32, _ analysis: Analysis?) {
        anomalies?.end(slot)
        let view = flows.view(slot)
        let connection = flows[slot]
        eve.releaseAll(slot, at: connection.last, to: &context.output)
        var found = analysis?.applications(view.id, comparesSides: true) ?? Applications()
        let (originator, responder) = (connection.size(.originator) > 0, connection.size(.responder) > 0)
        switch view.id.transport {
        case .tcp: if found.now == .unknown, originator, responder { found.now = .failed }
        case .udp: if found.now == .unknown, originator || responder { found.now = .failed }
        default: found = Applications()
        }
        if isIgnored(view) || eve.isIgnored(slot) { found = Applications() }
        let isNamed = found.now != .unknown && found.now != .failed
        eve.end(
            slot, id: view.id, found, transactions: isNamed ? analysis?.transactionsBegun ?? 0 : 0,
            announcer: analysis?.announcer, hasGap: connection.gaps, to: &context.output)
    }

    /// TCP that was picked up in the middle has no events, unless the settings say otherwise.
    func isIgnored(_ view: FlowView) -> Bool {
        view.id.transport == .tcp && view.isPartial && !context.settings.takesMidstream
    }

    /// Writes the events of applications that the delivery at work has shown, as `anomaly`.
    mutating func writeAnomalies() {
        guard context.settings.anomalies.contains(.applayer) else { return }
        for exposure in context.transactions.exposures where exposure.kind == .event {
            let name = "\(context.transactions.events[Int(exposure.number)])".utf8
            guard let dot = name.firstIndex(of: 0x2E) else { continue }
            let (application, event) = EVEAnomaly.names(Array(name[..<dot]), Array(name[name.index(after: dot)...]))
            // The event is that of the packet at which it was raised, which over TCP acknowledges the data.
            let isTCP = context.id.transport == .tcp
            let sender = isTCP ? exposure.direction.opposite : exposure.direction
            context.beginEvent("anomaly", from: sender, tx: exposure.transaction, application: "")
            context.event.open("anomaly")
            context.event.text("app_proto", application[...])
            context.event.text("type", "applayer")
            context.event.text("event", event[...])
            context.event.text("layer", "proto_parser")
            context.event.close()
            context.endEvent()
        }
    }
}
