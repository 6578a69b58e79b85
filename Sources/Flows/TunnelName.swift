// SPDX-License-Identifier: Apache-2.0
//
// How a connection names a tunnel around it, until the collector knows the uid.
//
// Reads   nothing.
// Writes  one word: the tunnel's number and the packet at which it was named;
//         the words of one connection.
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

/// The tunnels around those few connections that are inside of one.
struct TunnelPool: Sendable {
    private var sets: [TunnelSet] = []
    private var free: [UInt32] = []

    private struct TunnelSet: Sendable {
        var names = [6 of UInt64](repeating: 0)
        var count = 0
        var changes = 0
    }

    /// A set of one name, or of none where it is 0. Its number is never 0.
    mutating func make(_ name: UInt64) -> UInt32 {
        var set = TunnelSet()
        if name != 0 {
            set.names[0] = name
            set.count = 1
        }
        if let number = free.popLast() {
            sets[Int(number) - 1] = set
            return number
        }
        sets.append(set)
        return UInt32(truncatingIfNeeded: sets.count)
    }

    /// Notes a change of tunnels. Answers false where it is one too many to record.
    mutating func change(_ number: UInt32, to name: UInt64, changesMax: Int) -> Bool {
        let place = Int(number) - 1
        guard sets[place].changes < min(changesMax, 5) else { return false }
        sets[place].changes += 1
        for index in 0..<sets[place].count where !TunnelName.differ(sets[place].names[index], name) { return true }
        sets[place].names[sets[place].count] = name
        sets[place].count += 1
        return true
    }

    mutating func release(_ number: UInt32) {
        if number != 0 { free.append(number) }
    }

    /// Appends the names of a set, in the order in which they came.
    func write(_ number: UInt32, to names: inout [UInt64]) {
        guard number != 0 else { return }
        let place = Int(number) - 1
        for index in 0..<sets[place].count { names.append(sets[place].names[index]) }
    }
}
