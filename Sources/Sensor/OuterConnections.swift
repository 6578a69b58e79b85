// SPDX-License-Identifier: Apache-2.0
//
// Which connections of a worker carry tunnels, and when a tunnel counts as found.

import Protocols
import Records
import Wire

/// The tunnels of a worker by the outer connection's uid. Small: one entry a live tunnel.
struct OuterConnections {
    private struct State {
        var tunnel: UInt32
        /// Bit 0: a valid inner datagram came from the originator's side; bit 1: from the other.
        var sides: UInt8 = 0
        var firstSource: Address
    }

    private var states: [UID: State] = [:]

    /// Takes note of a datagram that carries a tunnel. `isConfirmed` once the tunnel's service
    /// has its name: at once, for Teredo after a valid datagram from both sides.
    mutating func see(_ uid: UID, _ datagram: borrowing Datagram) -> (isNew: Bool, isConfirmed: Bool) {
        let source = Address(high: datagram.layer.sourceHigh, low: datagram.layer.sourceLow)
        let isNew = states[uid] == nil
        let tunnel = datagram.carries
        var state = states[uid] ?? State(tunnel: tunnel, firstSource: source)
        state.sides |= source == state.firstSource ? 1 : 2
        states[uid] = state
        let needed: UInt8 = datagram.layer.tunnel == .teredo ? 3 : state.sides
        return (isNew, state.sides == needed)
    }

    /// Forgets a connection that ended; the number of its tunnel where it carried one.
    mutating func end(_ uid: UID) -> UInt32? {
        guard !states.isEmpty else { return nil }
        return states.removeValue(forKey: uid)?.tunnel
    }
}

extension TunnelKind {
    /// The service of the outer connection; nil where there is none.
    var analyzer: AnalyzerKind? {
        switch self {
        case .vxlan: .vxlan
        case .geneve: .geneve
        case .gtpv1: .gtpv1
        case .teredo: .teredo
        case .ayiya: .ayiya
        case .none, .ip, .gre: nil
        }
    }
}
