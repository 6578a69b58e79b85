// SPDX-License-Identifier: Apache-2.0
//
// What workers tell the collector beside rows: things that span connections.

import Flows
import Records
import Wire

/// One thing that the collector decides on, with the place in the order of rows
/// at which it happened.
struct Note: Sendable {
    var order: UInt64
    var ordinal: UInt64
    var time: Timestamp
    var what: What

    enum What: Sendable {
        /// An outer connection was first seen to carry tunnel `tunnel`.
        case outerSeen(tunnel: UInt32, uid: UID, id: ConnectionID)
        /// The outer connection that carried tunnel `tunnel` ended.
        case outerEnded(tunnel: UInt32)
        /// A new inner connection, or one whose encapsulation changed, names tunnel
        /// `tunnel`; `id` is that of the outer packet, without ports.
        case innerSeen(tunnel: UInt32, kind: TunnelKind, id: ConnectionID)
        /// A stream of the connection `id` carries another stream.
        case streamTunnel(StreamTunnel, id: ConnectionID)
        /// An anomaly of a packet without a connection; `id` where it has addresses.
        case packetWeird(Weird, id: ConnectionID?, source: StaticString?, detail: WeirdDetail)
    }

    /// Outer connections come before the inner ones that name them.
    var rank: UInt8 {
        switch what {
        case .outerSeen: 0
        case .innerSeen: 1
        case .packetWeird: 2
        case .streamTunnel: 3
        case .outerEnded: 4
        }
    }
}
