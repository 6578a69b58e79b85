// SPDX-License-Identifier: Apache-2.0
//
// What a worker does for EVE beside the analyzers: flows.
//
// Reads   each packet's connection.
// Writes  events, by way of `EVEFlows`.
// Leaves  everything, without `--log-format eve`.

import Flows
import Protocols
import Records
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
    }

    /// Hands a connection that is over to the flows of EVE.
    mutating func endForEvents(_ slot: UInt32, _ analysis: Analysis?) {
        let view = flows.view(slot)
        let connection = flows[slot]
        eve.releaseAll(slot, at: connection.last, to: &context.output)
        var (app, before) = analysis?.applications(view.id) ?? (.unknown, .unknown)
        let (originator, responder) = (connection.size(.originator) > 0, connection.size(.responder) > 0)
        switch view.id.transport {
        case .tcp: if app == .unknown, originator, responder { app = .failed }
        case .udp: if app == .unknown, originator || responder { app = .failed }
        default: (app, before) = (.unknown, .unknown)
        }
        if isIgnored(view) || eve.isIgnored(slot) { (app, before) = (.unknown, .unknown) }
        let isNamed = app != .unknown && app != .failed
        eve.end(
            slot, id: view.id, app: app, before: before, transactions: isNamed ? analysis?.transactionsBegun ?? 0 : 0,
            announcer: analysis?.announcer, hasGap: connection.gaps, to: &context.output)
    }

    /// TCP that was picked up in the middle has no events, unless the settings say otherwise.
    func isIgnored(_ view: FlowView) -> Bool {
        view.id.transport == .tcp && view.isPartial && !context.settings.takesMidstream
    }

    /// Writes the events of applications that the delivery at work has shown, as `anomaly`.
    mutating func writeAnomalies() {
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
