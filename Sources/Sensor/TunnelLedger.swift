// SPDX-License-Identifier: Apache-2.0
//
// Tunnels over all workers: who carries whom, the tunnel log, and the uids behind
// `tunnel_parents`.
//
// Reads   notes of workers, in order.
// Writes  rows of the tunnel log; uids for rows of connections.
// Leaves  decapsulation (Wire), the outer connection's own row.

import Flows
import Records
import Wire

/// What is known of each tunnel, by the number that the ingress gave it.
struct TunnelLedger {
    /// Silence after which a tunnel expires (`Tunnel::expiration_interval`).
    static let expiry: Int64 = 3600 * second
    /// Identities of one tunnel that are remembered for rows still to come.
    private static let identitiesMax = 64
    /// Tunnels that are remembered. Strangers make as many as they like: each pair of addresses may be one.
    static let tunnelsMax = 1 << 18

    private struct Tunnel {
        var kind = TunnelKind.none
        /// The outer connection's identities over time: from which packet on, and which.
        var identities: [(packet: UInt64, uid: UID, id: ConnectionID)] = []
        /// Discovered, and neither closed nor expired.
        var isOpen = false
        var lastInner = Timestamp.zero
    }

    private var tunnels: [UInt32: Tunnel] = [:]
    /// Tunnels that had to be forgotten; rows still to come of what was in them do not name them.
    private(set) var forgotten: UInt64 = 0
    var count: Int { tunnels.count }
    private let prefix: SipHash
    private var nextExpiryCheck = Timestamp.zero

    init(sensorName: String) { prefix = UID.prefix(sensor: sensorName) }

    /// Takes one note; may write a row.
    mutating func take(_ note: Note, into output: inout RecordOutput) {
        switch note.what {
        case .outerSeen(let tunnel, let uid, let id):
            remember(tunnel, uid, id, packet: note.order >> 1)
        case .outerEnded(let tunnel):
            guard let known = tunnels[tunnel], known.isOpen, let outer = known.identities.last else { return }
            write(.close, known.kind.logName, outer.uid, outer.id, note, &output)
            tunnels[tunnel]?.isOpen = false
        case .innerSeen(let tunnel, let kind, let id):
            discover(tunnel, kind, id, note, &output)
        case .streamTunnel(let kind, let id):
            var outer = id
            outer.originatorPort = 0
            write(.discover, kind.logName, nil, outer, note, &output)
        case .packetWeird: break
        }
    }

    /// A new tunnel, for which there is room: the closed ones go first.
    private mutating func begin() -> Tunnel {
        guard tunnels.count >= TunnelLedger.tunnelsMax else { return Tunnel() }
        let before = tunnels.count
        tunnels = tunnels.filter(\.value.isOpen)
        if tunnels.count > TunnelLedger.tunnelsMax / 2 { tunnels.removeAll(keepingCapacity: true) }
        forgotten &+= UInt64(before &- tunnels.count)
        return Tunnel()
    }

    private mutating func remember(_ tunnel: UInt32, _ uid: UID, _ id: ConnectionID, packet: UInt64) {
        var known = tunnels[tunnel] ?? begin()
        known.identities.append((packet, uid, id))
        if known.identities.count > TunnelLedger.identitiesMax { known.identities.removeFirst() }
        known.isOpen = false
        tunnels[tunnel] = known
    }

    private mutating func discover(
        _ number: UInt32, _ kind: TunnelKind, _ id: ConnectionID, _ note: Note, _ output: inout RecordOutput
    ) {
        var known = tunnels[number] ?? begin()
        known.kind = kind
        if known.identities.isEmpty {
            // IP-in-IP and GRE have no connection of their own: the tunnel gets an identity here.
            let uid = UID.make(
                prefix: prefix,
                key: (
                    id.originator.high, id.originator.low, id.responder.high, id.responder.low,
                    UInt64(id.protocolNumber)
                ), start: note.time, ordinal: number)
            known.identities.append((note.order >> 1, uid, id))
        }
        known.lastInner = note.time
        let isNew = !known.isOpen
        known.isOpen = true
        tunnels[number] = known
        guard isNew, let outer = known.identities.last else { return }
        write(.discover, kind.logName, outer.uid, outer.id, note, &output)
    }

    /// Writes EXPIRE for tunnels that have carried no new connection for an hour.
    mutating func expire(at time: Timestamp, order: UInt64, into output: inout RecordOutput) {
        guard time > nextExpiryCheck, !tunnels.isEmpty else { return }
        nextExpiryCheck = time.adding(60 * second)
        let due = tunnels.filter { $0.value.isOpen && time.since($0.value.lastInner) >= TunnelLedger.expiry }
        for number in due.keys.sorted() {
            guard let known = due[number], let outer = known.identities.last else { continue }
            tunnels[number]?.isOpen = false
            let note = Note(order: order, ordinal: 0, time: time, what: .outerEnded(tunnel: number))
            write(.expire, known.kind.logName, outer.uid, outer.id, note, &output)
        }
    }

    /// The uid of the tunnel that a connection named, as it was at that packet.
    func uid(of reference: UInt64) -> UID? {
        guard let known = tunnels[TunnelName.tunnel(reference)] else { return nil }
        let packet = TunnelName.packet(reference)
        return (known.identities.last { $0.packet <= packet } ?? known.identities.first)?.uid
    }

    private func write(
        _ action: TunnelRecord.Action, _ type: StaticString, _ uid: UID?, _ id: ConnectionID, _ note: Note,
        _ output: inout RecordOutput
    ) {
        var record = TunnelRecord()
        record.ts = note.time
        record.uid = uid
        record.id = id
        record.type = type
        record.action = action
        output.order = note.order
        output.ordinal = note.ordinal
        output.emit(record)
    }
}

extension TunnelKind {
    /// The name in the tunnel log.
    var logName: StaticString {
        switch self {
        case .gre: "Tunnel::GRE"
        case .vxlan: "Tunnel::VXLAN"
        case .geneve: "Tunnel::GENEVE"
        case .gtpv1: "Tunnel::GTPv1"
        case .teredo: "Tunnel::TEREDO"
        case .ayiya: "Tunnel::AYIYA"
        default: "Tunnel::IP"
        }
    }
}

extension StreamTunnel {
    /// The name in the tunnel log.
    var logName: StaticString {
        switch self {
        case .http: "Tunnel::HTTP"
        case .socks: "Tunnel::SOCKS"
        }
    }
}
