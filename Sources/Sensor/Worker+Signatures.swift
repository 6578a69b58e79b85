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

extension Worker {
    /// Carries out what the flow table made of a datagram, and inspects it.
    mutating func inspect(
        _ bytes: RawSpan, _ datagram: borrowing Datagram, _ packet: UInt64, _ block: WorkBlock
    ) {
        guard let engine else { return }
        var facts = PacketFacts(datagram.layer, bytes, now: now, number: packet)
        let slot = flows.current
        if let slot { engine.arrive(slot, flows.view(slot).id, &facts, isDamaged: flows.currentIsDamaged) }
        handleEvents(bytes, datagram, block)
        engine.inspect(slot, bytes, facts)
        if !engine.alerts.isEmpty { takeAlerts(engine) }
    }

    /// Looks for events of decoding in a packet as it was captured.
    mutating func decode(
        _ captured: CapturePacket, _ packets: PacketBlock, _ packet: UInt64, _ engine: SignatureEngine
    ) {
        let time = Timestamp(nanoseconds: captured.timestampNanoseconds)
        context.output.order = packet << 1 | 1
        packets.withBytes(of: captured) { bytes in
            engine.decode(bytes, linkType: captured.linkType, now: time, number: packet)
        }
        if !engine.alerts.isEmpty { takeAlerts(engine) }
    }

    /// Takes other rules from the next packet on.
    mutating func reload(_ rules: RuleIndex) {
        engine?.reload(rules)
        if let engine { context.transactions.wantsEvents = engine.wantsEvents || context.wantsEvents }
    }

    /// Tells analyzers what of the flow is looked at.
    mutating func showTo(_ engine: SignatureEngine, _ slot: UInt32) {
        let isFollowed = engine.isFollowed(slot)
        context.transactions.wanted = isFollowed ? engine.wanted : SignatureBufferSet()
        context.transactions.wantsTransactions = isFollowed && engine.wantsTransactions
    }

    /// Takes what an analyzer has shown, and the protocol that it has confirmed.
    mutating func takeShown(_ engine: SignatureEngine, _ slot: UInt32, _ analysis: Analysis) {
        if let kind = analysis.lastService, let application = kind.application(context.id) {
            engine.confirm(slot, application)
        }
        if !context.transactions.isEmpty { engine.absorb(slot, context.transactions) }
    }

    /// The connection is over: what waits for rules is inspected.
    mutating func endSignatures(_ engine: SignatureEngine, _ slot: UInt32, _ view: borrowing FlowView) {
        engine.end(slot, view.id, now: now)
        if !engine.alerts.isEmpty { takeAlerts(engine) }
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
                if context.wantsEvents { candidate.event = members(alert, view) }
            }
            if context.wantsEvents { candidate.packet = context.packet }
            alerts.append(candidate)
        }
        engine.alerts.removeAll(keepingCapacity: true)
    }

    /// The transaction's fields and the flow's, as EVE's alerts have them.
    private func members(_ alert: SignatureAlert, _ view: borrowing FlowView) -> [UInt8] {
        var event = EVEBuilder()
        if let transaction = alert.transaction, view.analysis > AnalysisPool.nobody {
            let analysis = analyses[view.analysis]
            if let kind = analysis.lastService { analysis.writeEVE(kind, tx: transaction, to: &event) }
        }
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

extension AnalyzerKind {
    /// The protocol as rules name it; nil for those that they do not know.
    func application(_ id: ConnectionID) -> AppProtocol? {
        switch self {
        case .dns:
            switch id.responderPort {
            case 5353: .mdns
            case 5355: .llmnr
            case 137: nil
            default: .dns
            }
        case .http: .http
        case .postgresql: .pgsql
        case .ssh: .ssh
        case .ftp: .ftp
        case .ntp: .ntp
        case .dhcp: .dhcp
        case .smtp: .smtp
        case .snmp: .snmp
        case .rfb: .rfb
        case .sip: .sip
        case .pop3: .pop3
        case .imap: .imap
        case .tftp: .tftp
        case .modbus: .modbus
        case .dnp3, .dnp3UDP: .dnp3
        case .mqtt: .mqtt
        case .ldapTCP, .ldapUDP: .ldap
        case .ssl: .tls
        case .rdp: .rdp
        case .quic: .quic
        default: nil
        }
    }
}
