// SPDX-License-Identifier: Apache-2.0
//
// Events of decoding and of TCP sessions without any rule: what EVE's `anomaly` tells of packets.
//
// Reads   frames as they were captured, segments of connections.
// Writes  names, as rules have them: `decoder.ipv6.trunc_pkt`, `stream.pkt_broken_ack`.
// Leaves  what an event is (PacketEvents.swift, StreamWatch.swift); gaps, which only the engine hears of.

package import Records
package import Wire

/// Used only where the settings ask for such anomalies.
package struct AnomalyWatch {
    package let readsPackets: Bool
    package let readsStreams: Bool
    private var packets = PacketEvents()
    /// By slot of the connection.
    private var sessions: [StreamWatch] = []
    /// Events of the packet or segment read last, without `decoder.` and `stream.`.
    package private(set) var names: [String] = []

    package init(readsPackets: Bool, readsStreams: Bool) {
        self.readsPackets = readsPackets
        self.readsStreams = readsStreams
    }

    /// The ends that the frame read last names.
    package var ends: ConnectionID {
        ConnectionID(
            originator: packets.source, responder: packets.target, originatorPort: 0, responderPort: 0,
            transport: .unknown, protocolNumber: packets.protocolNumber)
    }

    package mutating func frame(_ bytes: RawSpan, linkType: UInt16) {
        names.removeAll(keepingCapacity: true)
        packets.read(bytes, linkType: linkType)
        for name in packets.names { names.append("\(name)") }
    }

    /// A segment of a connection whose checksum is right. `old` is the connection of the same addresses and ports
    /// whose place it takes: its session may go on.
    package mutating func segment(
        _ slot: UInt32, insteadOf old: (slot: UInt32, isTurned: Bool)?, _ layer: Layer, _ bytes: RawSpan,
        isToServer: Bool, now: Timestamp, number: UInt64
    ) {
        names.removeAll(keepingCapacity: true)
        var facts = PacketFacts(layer, bytes, now: now, number: number)
        facts.isToServer = isToServer
        guard facts.isTCP, facts.hasHeader, let header = try? TCPHeader(bytes, layer) else { return }
        while sessions.count <= Int(slot) { sessions.append(StreamWatch()) }
        if let old, old.slot != slot, sessions.indices.contains(Int(old.slot)),
            let session = sessions[Int(old.slot)].goingOn(facts, isTurned: old.isTurned)
        {
            sessions[Int(slot)] = session
        }
        var found: [String] = []
        sessions[Int(slot)].take(facts, TCPOptions(bytes, header)) { found.append($0.rawValue) }
        names = found
    }

    /// The connection of a slot is over; another one may get it.
    package mutating func end(_ slot: UInt32) {
        if sessions.indices.contains(Int(slot)) { sessions[Int(slot)] = StreamWatch() }
    }
}
