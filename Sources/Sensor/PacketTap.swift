// SPDX-License-Identifier: Apache-2.0
//
// One worker's way into the packet ring: which packets are kept, and of which connections they are.
//
// Reads   packets after the flow table has seen them.
// Writes  chunks, handed over when full and once a second.
// Leaves  files (`PacketRing`), the connections' counters (Flows).

import Capture
import Flows
import Records
import Store
import Wire

/// Used by its worker's thread. A packet of a known connection costs a look into one array, and the copy.
final class PacketTap {
    private let ring: PacketRing
    private let run: UInt64
    private let cutoff: UInt64
    private let snapLength: Int
    private var chunk: PacketChunk?
    /// By the slot of a connection: its place in the chunk, below the chunk's serial number.
    private var places: [UInt64] = []
    private var serial: UInt64 = 0

    // The packet at work.
    private var marks: [UInt16] = []
    private var isBelowCutoff = false
    private var isLost = false

    private var dropped: UInt64 = 0
    private var cut: UInt64 = 0
    private var elephants: UInt64 = 0
    private var handedOver = Timestamp.zero

    /// Packets are numbered within `run`: one that two workers keep, or that is read again, is recognised.
    init(_ ring: PacketRing, run: UInt64) {
        self.ring = ring
        self.run = run
        cutoff = ring.settings.cutoff ?? .max
        snapLength = ring.settings.snapLength
    }

    /// Notes a connection of the packet at work: octets of its datagrams before this one, and with it. False where
    /// the chunk does not know it: `add` follows.
    func mark(_ slot: UInt32, _ uid: UID, before: UInt64, after: UInt64) -> Bool {
        if before < cutoff {
            isBelowCutoff = true
            if after >= cutoff { elephants &+= 1 }
        }
        guard takeChunk() != nil, Int(slot) < places.count else { return false }
        let place = places[Int(slot)]
        guard place >> 16 == serial, chunk?.uid(at: Int(place & 0xFFFF)) == uid else { return false }
        marks.append(UInt16(truncatingIfNeeded: place))
        return true
    }

    /// Enters a connection of the packet at work into the chunk.
    func add(_ slot: UInt32, _ flow: PacketFlow) {
        guard let chunk = takeChunk() else {
            isLost = true
            return
        }
        while places.count <= Int(slot) { places.append(contentsOf: repeatElement(0, count: max(1024, places.count))) }
        let place = chunk.add(flow)
        places[Int(slot)] = serial << 16 | UInt64(place)
        marks.append(place)
    }

    /// The packet at work is kept even where its connection has enough.
    func keepTagged() { isBelowCutoff = true }

    /// Ends the packet at work and keeps it, where it is to be kept.
    func keep(_ packet: CapturePacket, number: UInt64, _ bytes: RawSpan) {
        let isOfFlows = isLost || !marks.isEmpty
        defer {
            marks.removeAll(keepingCapacity: true)
            isBelowCutoff = false
            isLost = false
        }
        guard !isOfFlows || isBelowCutoff else {
            cut &+= 1
            return
        }
        guard !isLost, let chunk = takeChunk() else {
            dropped &+= 1
            return
        }
        let count = min(snapLength, bytes.byteCount)
        chunk.append(
            time: Timestamp(nanoseconds: packet.timestampNanoseconds), number: number, wireLength: packet.wireLength,
            linkType: packet.linkType, places: marks, octets: bytes.extracting(0..<count))
        if chunk.isFull { handOver() }
    }

    private func takeChunk() -> PacketChunk? {
        if let chunk { return chunk }
        chunk = ring.spare(run: run)
        if chunk != nil { serial &+= 1 }
        return chunk
    }

    /// Hands over what a second has brought; `now` is any clock that goes on.
    func handOver(at now: Timestamp) {
        guard now.since(handedOver) >= second else { return }
        handedOver = now
        handOver()
    }

    /// Hands everything over.
    func handOver() {
        if dropped > 0 { ring.countDropped(dropped) }
        if cut > 0 || elephants > 0 { ring.countCut(cut, elephants: elephants) }
        (dropped, cut, elephants) = (0, 0, 0)
        guard let full = chunk, full.packetCount > 0 else { return }
        chunk = nil
        ring.submit(full)
    }
}

extension Worker {
    /// Notes the connection of the datagram at work for the packet ring, before its events can end it.
    mutating func mark(_ datagram: borrowing Datagram, _ tap: PacketTap) {
        guard let slot = flows.current else { return }
        let uid = flows.uid(slot)
        let after = flows.octets(slot)
        let size = UInt64(datagram.layer.totalLength)
        guard !tap.mark(slot, uid, before: after &- min(after, size), after: after) else { return }
        tap.add(slot, PacketFlow(uid: uid, id: flows.view(slot).id))
    }
}
