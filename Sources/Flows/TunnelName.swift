// SPDX-License-Identifier: Apache-2.0
//
// How a connection names a tunnel around it, until the collector knows the uid.
//
// Reads   nothing.
// Writes  one word: the tunnel's number and the packet at which it was named.
// Leaves  the numbers (the ingress), the identities (the collector).

/// The number of a tunnel in the high 24 bits, a packet's number in the low 40. Two
/// names are of one tunnel where the numbers agree, whatever the packet.
package enum TunnelName {
    private static var packetBits: UInt64 { 40 }

    package static func make(tunnel: UInt32, packet: UInt64) -> UInt64 {
        UInt64(tunnel) << packetBits | packet & (1 << packetBits - 1)
    }

    package static func tunnel(_ name: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: name >> packetBits) }
    package static func packet(_ name: UInt64) -> UInt64 { name & (1 << packetBits - 1) }

    static func differ(_ left: UInt64, _ right: UInt64) -> Bool { left >> packetBits != right >> packetBits }
}
