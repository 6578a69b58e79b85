// SPDX-License-Identifier: Apache-2.0
//
// The connection log, one row for each connection, and `conn_open`, one row for
// each hour of a connection that goes on.
//
// Reads   a connection.
// Writes  the columns of both logs.
// Leaves  `service`, `failed_service` and the identities of tunnels to the Sensor.

package import Records

/// One connection, as far as it has come.
package struct ConnRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    /// Filled by the Sensor.
    package var service = Text.absent
    package var failedServices: [Text] = []
    package var duration: Int64?
    package var originatorBytes: UInt64?
    package var responderBytes: UInt64?
    package var state: StaticString = "OTH"
    package var isLocalOriginator: Bool?
    package var isLocalResponder: Bool?
    package var missedBytes: UInt64 = 0
    package var history = Text.absent
    package var originatorPackets: UInt64 = 0
    package var originatorIPBytes: UInt64 = 0
    package var responderPackets: UInt64 = 0
    package var responderIPBytes: UInt64 = 0
    /// What `process` was given as `outer`, once each; the Sensor makes identities of them.
    package var tunnelParents: [UInt64] = []
    package var protocolNumber: UInt8 = 0
    package var communityID = Text.absent
    package var vlan: UInt16?
    package var innerVLAN: UInt16?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.conn
    package static let summary: StaticString = "A connection: TCP, or a flow of UDP, ICMP or another transport."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.enumeration("proto", (id?.transport ?? .unknown).name, "The transport.")
        row.text("service", service, in: text, "Protocols recognised on it, in the order of confirmation.")
        row.interval("duration", duration, "From the first packet to the last that counts; unset for one packet.")
        row.count("orig_bytes", originatorBytes, "Octets of payload that the originator sent, by sequence numbers.")
        row.count("resp_bytes", responderBytes, "Octets of payload that the responder sent, by sequence numbers.")
        row.text("conn_state", state, "How it began and ended, in a word such as SF or S0.")
        row.boolean("local_orig", isLocalOriginator, "Whether the originator is local.")
        row.boolean("local_resp", isLocalResponder, "Whether the responder is local.")
        row.count("missed_bytes", missedBytes, "Octets that were acknowledged and not seen.")
        row.text("history", history, in: text, "What was seen, a letter each; upper case from the originator.")
        row.count("orig_pkts", originatorPackets, "Packets of the originator.")
        row.count("orig_ip_bytes", originatorIPBytes, "Octets of IP datagrams of the originator.")
        row.count("resp_pkts", responderPackets, "Packets of the responder.")
        row.count("resp_ip_bytes", responderIPBytes, "Octets of IP datagrams of the responder.")
        row.uidSet(
            "tunnel_parents", tunnelParents.isEmpty ? nil : tunnelParents, "Connections of the tunnels around it.")
        row.count("ip_proto", UInt64(protocolNumber), "The protocol number of the IP header.")
        row.text(
            "community_id", communityID, in: text, "The flow's name in every tool: Community ID, version 1.",
            isKey: true)
        row.textSet(
            "failed_service", failedServices.isEmpty ? nil : failedServices, in: text,
            "Protocols that stood in `service` and were taken back, in that order.")
        row.count("vlan", vlan.map { UInt64($0) }, "The outer VLAN tag.")
        row.count("inner_vlan", innerVLAN.map { UInt64($0) }, "The inner VLAN tag.")
    }
}

/// A connection that goes on.
package struct ConnOpenRecord: LogRecord {
    package var connection = ConnRecord()
    package var logged = Timestamp.zero

    package init() {}

    package static let log = LogID.connOpen
    package static let summary: StaticString = "A connection that is still open, at intervals."

    package func write(to row: inout RowBatch) {
        connection.write(to: &row)
        row.time("logged", logged, "When the row was written; the columns before tell of the connection until then.")
    }
}

extension FlowTable {
    /// Fills all columns of a record but `service` and `failed_service`; texts of before are forgotten.
    package func fill(_ record: inout ConnRecord, _ slot: UInt32) {
        let connection = self[slot]
        let id = connection.id
        record.text.clear()
        record.service = .absent
        record.failedServices.removeAll(keepingCapacity: true)
        record.ts = connection.start
        record.uid = connection.uid
        record.id = id
        let duration = connection.last.since(connection.start)
        let hasDuration = duration > 0
        record.duration = hasDuration ? duration : nil
        record.originatorBytes = hasDuration ? connection.size(.originator) : nil
        record.responderBytes = hasDuration ? connection.size(.responder) : nil
        record.state = connection.stateName
        record.isLocalOriginator = isLocal(id.originator)
        record.isLocalResponder = isLocal(id.responder)
        record.missedBytes = connection.missedBytes
        record.history = .absent
        if connection.history.count > 0 {
            let start = record.text.begin()
            for place in 0..<Int(connection.history.count) {
                record.text.bytes.append(connection.history.letters[place])
            }
            record.history = record.text.end(start)
        }
        record.originatorPackets = connection.ends[0].packets
        record.originatorIPBytes = connection.ends[0].ipBytes
        record.responderPackets = connection.ends[1].packets
        record.responderIPBytes = connection.ends[1].ipBytes
        record.tunnelParents.removeAll(keepingCapacity: true)
        writeTunnels(slot, to: &record.tunnelParents)
        record.protocolNumber = connection.key.protocolNumber
        let start = record.text.begin()
        CommunityID.write(id: id, to: &record.text.bytes)
        record.communityID = record.text.end(start)
        record.vlan = connection.vlan == 0xFFFF ? nil : connection.vlan
        record.innerVLAN = connection.innerVLAN == 0xFFFF ? nil : connection.innerVLAN
    }
}

extension Connection {
    /// How the connection stands in one word, as in Zeek's `conn_state`.
    var stateName: StaticString {
        switch transport {
        case .tcp: return tcpStateName
        case .udp:
            let hasOriginator = ends[0].marks.contains(.wasSeen)
            let hasResponder = ends[1].marks.contains(.wasSeen)
            if hasOriginator { return hasResponder ? "SF" : "S0" }
            return hasResponder ? "SHR" : "OTH"
        case .icmp, .unknown: return "OTH"
        }
    }

    private var tcpStateName: StaticString {
        let (originator, responder) = (ends[0].state, ends[1].state)
        if responder == .reset {
            let isEmpty = originator == .reset && size(.originator) == 0 && size(.responder) == 0
            if originator == .synSent || originator == .synAckSent || isEmpty { return "REJ" }
            return originator.isQuiet ? "RSTRH" : "RSTR"
        }
        if originator == .reset {
            if responder.isQuiet { return history.isAbandonedAttempt ? "RSTOS0" : "OTH" }
            return "RSTO"
        }
        if originator == .closed {
            if responder == .closed { return "SF" }
            return responder.isQuiet ? "SH" : "S2"
        }
        if responder == .closed { return originator.isQuiet ? "SHR" : "S3" }
        if originator == .synSent, responder == .inactive { return "S0" }
        if originator == .established, responder == .established { return "S1" }
        return "OTH"
    }
}
