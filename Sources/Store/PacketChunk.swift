// SPDX-License-Identifier: Apache-2.0
//
// Some hundred packets on their way into the packet ring.
//
// Reads   octets of packets, which are copied once.
// Writes  records, one behind the other, and the flows that they name.
// Leaves  compression and files (`PacketRingWriter`), what is worth keeping (the sensor).
//
// A record: time in nanoseconds (8 octets), number of the packet in its run (8), octets that follow (4), octets on the
// wire (4), link type (2), how many flows (2), their places in the chunk's table (2 each), the packet. Little-endian.

package import Records

/// A connection of which a chunk has packets.
package struct PacketFlow: Sendable, Equatable {
    package var uid: UID
    package var id: ConnectionID

    package init(uid: UID, id: ConnectionID) {
        self.uid = uid
        self.id = id
    }
}

/// Filled by one thread, then written by another, then filled again; the ring's lock lies between.
// Safe: only the holder of a chunk reads or writes it (`PacketRing.spare`, `submit`).
@safe package final class PacketChunk: @unchecked Sendable {
    static let headerBytes = 28
    /// A chunk is handed over at this size, or with so many flows.
    package static let bytesMax = 1 << 20
    private static let flowsMax = 32_768

    private(set) var bytes: [UInt8] = []
    private(set) var flows: [PacketFlow] = []
    private(set) var oldest = Timestamp(nanoseconds: .max)
    private(set) var newest = Timestamp(nanoseconds: .min)
    package private(set) var packetCount = 0
    /// The run that its packets are numbered in.
    package var run: UInt64 = 0

    init() { bytes.reserveCapacity(PacketChunk.bytesMax + (300 << 10)) }

    package var isFull: Bool { bytes.count >= PacketChunk.bytesMax || flows.count >= PacketChunk.flowsMax }

    /// The place of a flow that the chunk does not have yet.
    package func add(_ flow: PacketFlow) -> UInt16 {
        flows.append(flow)
        return UInt16(truncatingIfNeeded: flows.count &- 1)
    }

    /// The flow at a place; nil where there is none.
    package func uid(at place: Int) -> UID? { place < flows.count ? flows[place].uid : nil }

    /// Appends a packet; `places` are those of its flows. `octets` may be fewer than were captured.
    package func append(
        time: Timestamp, number: UInt64, wireLength: UInt32, linkType: UInt16, places: [UInt16], octets: RawSpan
    ) {
        let flowCount = min(places.count, 16)
        bytes.append(littleEndian: UInt64(bitPattern: time.nanoseconds))
        bytes.append(littleEndian: number)
        bytes.append(littleEndian: UInt64(wireLength) << 32 | UInt64(UInt32(truncatingIfNeeded: octets.byteCount)))
        bytes.append(littleEndian: UInt32(flowCount) << 16 | UInt32(linkType))
        for place in 0..<flowCount {
            bytes.append(UInt8(truncatingIfNeeded: places[place]))
            bytes.append(UInt8(truncatingIfNeeded: places[place] >> 8))
        }
        // Safe: copied during the call.
        unsafe octets.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        packetCount &+= 1
        if time < oldest { oldest = time }
        if time > newest { newest = time }
    }

    /// Blank again; keeps memory.
    func clear() {
        bytes.removeAll(keepingCapacity: true)
        flows.removeAll(keepingCapacity: true)
        oldest = Timestamp(nanoseconds: .max)
        newest = Timestamp(nanoseconds: .min)
        packetCount = 0
    }
}
