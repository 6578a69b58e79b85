// SPDX-License-Identifier: Apache-2.0
//
// The list of logs. A log is added here and in the registry of schemas.

/// Which log a row belongs to; the raw value indexes tables.
@frozen @usableFromInline package enum LogID: UInt8, Sendable, CaseIterable {
    case conn
    case connOpen
    case dns
    case http
    case weird
    case tunnel
    case stats

    /// The name: file, table and folder of the log.
    package var path: String {
        switch self {
        case .connOpen: "conn_open"
        default: "\(self)"
        }
    }
}
