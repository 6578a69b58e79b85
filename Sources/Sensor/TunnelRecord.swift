// SPDX-License-Identifier: Apache-2.0
//
// The tunnel log: when a tunnel first carries a connection, ends, or falls silent.

package import Records

package struct TunnelRecord: LogRecord {
    package enum Action: Sendable {
        case discover, close, expire

        var name: StaticString {
            switch self {
            case .discover: "Tunnel::DISCOVER"
            case .close: "Tunnel::CLOSE"
            case .expire: "Tunnel::EXPIRE"
            }
        }
    }

    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var type: StaticString = ""
    package var action = Action.discover

    package init() {}

    package static let log = LogID.tunnel
    package static let summary: StaticString = "A tunnel found, closed, or expired."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.enumeration("tunnel_type", type, "The kind of tunnel, such as Tunnel::VXLAN.")
        row.enumeration("action", action.name, "What happened: Tunnel::DISCOVER, CLOSE or EXPIRE.")
    }
}
