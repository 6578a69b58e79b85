// SPDX-License-Identifier: Apache-2.0
//
// How often the tables that strangers make grow were full, and what that cost.
//
// Reads   a word of each table when it gives something up.
// Writes  counters, for the stats log and the summary of a run.
// Leaves  limits that an anomaly of the connection tells of, and those of flows, fragments and files, which have
//         counters of their own.

/// A kind of table with a limit. Its counter goes up by one for each thing that found no room, or that went to make
/// room, unless the sentence says otherwise.
package enum TableLimit: Int, CaseIterable, Sendable {
    case texts, drafts, heldEvents, flowEvents, requests, sources, names, channels, connectionsOfFile, bodies, services
    case certificates, announcements, tunnels, assets, anomalies, thresholds, bits, alerts
    case secrets

    /// The column of the stats log, and the key in EVE's.
    package var column: StaticString {
        switch self {
        case .texts: "full_texts"
        case .drafts: "full_drafts"
        case .heldEvents: "full_held_events"
        case .flowEvents: "full_flow_events"
        case .requests: "full_requests"
        case .sources: "full_sources"
        case .names: "full_names"
        case .channels: "full_channels"
        case .connectionsOfFile: "full_file_conns"
        case .bodies: "full_bodies"
        case .services: "full_services"
        case .certificates: "full_certificates"
        case .announcements: "full_announcements"
        case .tunnels: "full_tunnels"
        case .assets: "full_assets"
        case .anomalies: "full_anomalies"
        case .thresholds: "full_thresholds"
        case .bits: "full_bits"
        case .alerts: "full_alerts"
        case .secrets: "full_secrets"
        }
    }

    /// What the counter says, as a sentence.
    package var summary: StaticString {
        switch self {
        case .texts: "Records of which a text is cut, or empty, because it or all of them were too long."
        case .drafts: "Events of EVE written before their transaction was complete, or without all it said."
        case .heldEvents: "Events of EVE written before the packet came that acknowledges what they tell of."
        case .flowEvents: "Flows of EVE written before their time-out, or not told apart from others of a connection."
        case .requests: "Requests that were given up without an answer because too many of their connection waited."
        case .sources: "Senders of media, device connections and announced streams that were not followed."
        case .names: "Handles, names and interfaces of a connection that were forgotten or not kept."
        case .channels: "Connections of RPC over HTTP that could not be joined to their other half."
        case .connectionsOfFile: "Connections that carried a file and are not listed with it."
        case .bodies: "Bodies that were not unpacked because too many were at work."
        case .services: "Protocols found on a connection whose `service` was full."
        case .certificates: "Certificates that a worker will read again when it meets them."
        case .announcements: "Announced connections that were forgotten before they came."
        case .tunnels: "Tunnels that were forgotten: what was in them does not name them any more."
        case .assets: "Hosts, services, programs and certificates that may be logged twice on a day."
        case .anomalies: "Anomalies whose repeats may be logged once more."
        case .thresholds: "Counts of thresholds that began anew."
        case .bits: "Bits of hosts and pairs that were not set."
        case .secrets: "Lines of the key log that were not kept."
        case .alerts: "Rows of alerts that were written before all that could have been folded into them."
        }
    }

    /// The same for a person, behind a number.
    package var phrase: StaticString {
        switch self {
        case .texts: "records with a text cut"
        case .drafts: "unfinished events written"
        case .heldEvents: "events written before their acknowledgement"
        case .flowEvents: "flows written early or joined with another"
        case .requests: "requests given up"
        case .sources: "senders and streams not followed"
        case .names: "handles and names forgotten"
        case .channels: "channels not joined"
        case .connectionsOfFile: "connections not listed with their file"
        case .bodies: "bodies not unpacked"
        case .services: "services left out"
        case .certificates: "certificates to be read again"
        case .announcements: "announced connections forgotten"
        case .tunnels: "tunnels forgotten"
        case .assets: "assets forgotten"
        case .anomalies: "anomalies forgotten"
        case .thresholds: "counts of thresholds begun anew"
        case .bits: "bits not set"
        case .alerts: "alerts written before they were complete"
        case .secrets: "secrets of TLS not kept"
        }
    }
}

/// The counters of one owner: a worker, the collector. Takes no memory while no limit is met.
package struct LimitCounters: Sendable, Equatable {
    private var counts: [UInt64] = []

    package init() {}

    /// Whether no limit was met.
    package var isEmpty: Bool { counts.isEmpty }

    package subscript(limit: TableLimit) -> UInt64 { counts.isEmpty ? 0 : counts[limit.rawValue] }

    package mutating func met(_ limit: TableLimit, _ count: UInt64 = 1) {
        guard count > 0 else { return }
        if counts.isEmpty { counts = Array(repeating: 0, count: TableLimit.allCases.count) }
        counts[limit.rawValue] &+= count
    }

    package mutating func met(_ limit: TableLimit, _ count: Int) { met(limit, UInt64(max(0, count))) }

    package static func += (left: inout LimitCounters, right: LimitCounters) {
        guard !right.isEmpty else { return }
        for limit in TableLimit.allCases { left.met(limit, right[limit]) }
    }
}
