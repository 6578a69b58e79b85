// SPDX-License-Identifier: Apache-2.0
//
// A block of packets on its way: the packets, and what the ingress made of them.
//
// Reads   nothing.
// Writes  nothing: the ingress fills it, the workers read it.

import Capture
import Records
import Wire

/// One IP datagram that belongs to a connection, for the worker of its addresses.
struct Datagram {
    var layer: Layer
    /// Index of its packet in the block.
    var packet: UInt32
    /// Place of the datagram among those of the packet.
    var index: UInt8
    /// Which worker it belongs to.
    var worker: UInt8
    /// Where reassembled bytes stand in `WorkBlock.reassembled`; count 0 for the packet's own bytes.
    var reassembledStart: UInt32 = 0
    var reassembledCount: UInt32 = 0
    /// Number of the tunnel right around the datagram; 0 for none.
    var tunnel: UInt32 = 0
    /// Number of the tunnel that the datagram carries; 0 for none.
    var carries: UInt32 = 0
    /// All tunnels around the datagram, in `WorkBlock.tunnels`, the outermost first.
    var tunnelStart: UInt32 = 0
    var tunnelCount: UInt8 = 0
    /// What is wrong with the header of the tunnel that it carries.
    var anomaly: Anomaly?
}

/// One tunnel around a datagram.
struct TunnelAround {
    var number: UInt32
    var kind: TunnelKind
    /// The outer datagram's addresses, without ports.
    var id: ConnectionID
}

/// Packets and datagrams of one block. Filled by the reader, then read by all
/// workers at once, then filled again; a lock or a queue lies between.
// Safe: only the reader writes, and only while no worker holds the block (Replay.swift counts them).
@safe final class WorkBlock: @unchecked Sendable {
    let packets = PacketBlock()
    var datagrams: [Datagram] = []
    /// The newest packet time when each packet is looked at: it never goes back.
    var networkTimes: [Timestamp] = []
    /// Bytes of datagrams that were put together from fragments.
    var reassembled: [UInt8] = []
    /// The tunnels around datagrams.
    var tunnels: [TunnelAround] = []
    /// Frames without IP that a reader of module Protocols wants, with the index of their packets; worker 0's.
    var frames: [(packet: UInt32, frame: LinkFrame)] = []
    /// What the ingress itself has to tell the collector.
    var notes: [Note] = []
    /// Number of the first packet, from 1.
    var firstPacket: UInt64 = 1
    /// From when days are counted; the same for all blocks.
    var dayOrigin: Timestamp?
    /// Ordinal of the block.
    var number = 0

    func clear() {
        datagrams.removeAll(keepingCapacity: true)
        networkTimes.removeAll(keepingCapacity: true)
        reassembled.removeAll(keepingCapacity: true)
        tunnels.removeAll(keepingCapacity: true)
        frames.removeAll(keepingCapacity: true)
        notes.removeAll(keepingCapacity: true)
    }
}
