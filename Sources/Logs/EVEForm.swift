// SPDX-License-Identifier: Apache-2.0
//
// Suricata's EVE: one event a line, one file for all (Suricata 8 user guide, "Eve JSON Output").
//
// Reads   rows of `EventRecord`.
// Writes  lines: the fields common to all events, then the event's own members.
// Leaves  those members (each protocol makes them).

import Records

/// Choices of the EVE writer.
package struct EVESettings: Sendable, Equatable {
    /// Types that are written; empty for all.
    package var types: Set<String> = []
    /// Adds `ether`, the hardware addresses.
    package var addsEther = false
    package var addsCommunityID = true
    /// The interface that is watched, `in_iface`.
    package var interface: String?

    package init() {}
}

/// The writer of events.
struct EVEForm: RowForm {
    private let schema: LogSchema
    private let layout: RowLayout
    private let addsEther: Bool
    private let addsCommunityID: Bool
    private let interface: [UInt8]
    private let types: [[UInt8]]
    private let columns: Columns

    /// The columns that follow those of the connection.
    private struct Columns {
        let type, reversed, packet, transaction, app, vlan, middleVLAN, innerVLAN, sourceMAC, targetMAC, source: Int
        let icmp, parent, body: Int

        init(_ schema: LogSchema) {
            func place(_ name: String) -> Int {
                guard let index = schema.index(of: name) else { preconditionFailure("events have no \(name)") }
                return index
            }
            type = place("event_type")
            reversed = place("reversed")
            packet = place("pcap_cnt")
            transaction = place("tx_id")
            app = place("app_proto")
            vlan = place("vlan")
            middleVLAN = place("middle_vlan")
            innerVLAN = place("inner_vlan")
            sourceMAC = place("source_mac")
            targetMAC = place("target_mac")
            source = place("pkt_src")
            icmp = place("icmp")
            parent = place("parent")
            body = place("body")
        }
    }

    init(_ layout: RowLayout, _ settings: EVESettings) {
        self.layout = layout
        schema = layout.schema
        addsEther = settings.addsEther
        addsCommunityID = settings.addsCommunityID
        interface = Array((settings.interface ?? "").utf8)
        types = settings.types.sorted().map { Array($0.utf8) }
        columns = Columns(schema)
    }

    func append(
        _ row: Int, of batch: borrowing RowBatch, to line: inout MutableSpan<UInt8>, _ at: inout Int,
        scratch: inout [UInt8]
    ) -> Bool {
        let type = batch.textRange(row, schema.columns[columns.type])
        if !types.isEmpty, !types.contains(where: { $0[...] == batch.bytes[type] }) { return true }
        var builder = EVEBuilder()
        swap(&builder.buffer.bytes, &scratch)
        defer { swap(&builder.buffer.bytes, &scratch) }
        builder.clear()
        write(row, of: batch, to: &builder)
        let count = builder.buffer.bytes.count
        guard line.count &- at > count else { return false }
        line.put(octets: builder.buffer.bytes.span, 0, count, &at)
        line.put(0x0A, &at)
        return true
    }

    private func number(_ column: Int, _ row: Int, _ batch: borrowing RowBatch) -> UInt64? {
        batch.isSet(row, column) ? batch.word(row, schema.columns[column]) : nil
    }

    private func text(_ column: Int, _ row: Int, _ batch: borrowing RowBatch) -> ArraySlice<UInt8> {
        batch.isSet(row, column) ? batch.bytes[batch.textRange(row, schema.columns[column])] : []
    }

    private func write(_ row: Int, of batch: borrowing RowBatch, to event: inout EVEBuilder) {
        event.openItem()
        event.time("timestamp", layout.time(row, of: batch))
        if let uid = number(1, row, batch) { event.count("flow_id", EVEForm.flowID(uid)) }
        if let parent = number(columns.parent, row, batch) { event.count("parent_id", EVEForm.flowID(parent)) }
        if !interface.isEmpty { event.text("in_iface", interface[...]) }
        event.count("pcap_cnt", interface.isEmpty ? number(columns.packet, row, batch) : nil)
        event.text("event_type", text(columns.type, row, batch))
        if let vlan = number(columns.vlan, row, batch) {
            event.openList("vlan")
            event.item(count: vlan)
            if let middle = number(columns.middleVLAN, row, batch) { event.item(count: middle) }
            if let inner = number(columns.innerVLAN, row, batch) { event.item(count: inner) }
            event.closeList()
        }
        let isReversed = batch.word(row, schema.columns[columns.reversed]) != 0
        let id = layout.connection(row, of: batch)
        if let id { write(isReversed ? id.flipped : id, number(columns.icmp, row, batch), to: &event) }
        let source = text(columns.source, row, batch)
        if !source.isEmpty { event.text("pkt_src", source) }
        let app = text(columns.app, row, batch)
        if !app.isEmpty { event.text("app_proto", app) }
        event.count("tx_id", number(columns.transaction, row, batch))
        if addsEther { ether(row, batch, &event) }
        if addsCommunityID, let id, batch.isSet(row, 1) {
            event.beginText("community_id")
            CommunityID.write(id: id, to: &event.buffer.bytes)
            event.endText()
        }
        event.members(text(columns.body, row, batch))
        event.closeItem()
    }

    /// 51 bits of the identity, so that every reader of JSON keeps all digits of the number.
    private static func flowID(_ uid: UInt64) -> UInt64 { uid >> 13 }

    private func write(_ id: ConnectionID, _ icmp: UInt64?, to event: inout EVEBuilder) {
        let hasPorts = EVEForm.hasPorts(id.protocolNumber)
        event.address("src_ip", id.originator)
        if hasPorts { event.count("src_port", UInt64(id.originatorPort)) }
        event.address("dest_ip", id.responder)
        if hasPorts { event.count("dest_port", UInt64(id.responderPort)) }
        if let name = EVEForm.protocolName(id.protocolNumber) {
            event.text("proto", name)
        } else {
            event.beginText("proto")
            event.add(decimal: UInt64(id.protocolNumber))
            event.endText()
        }
        event.count("ip_v", id.originator.isV4 ? 4 : 6)
        guard id.transport == .icmp, let icmp else { return }
        event.count("icmp_type", icmp >> 8)
        event.count("icmp_code", icmp & 0xFF)
    }

    private func ether(_ row: Int, _ batch: borrowing RowBatch, _ event: inout EVEBuilder) {
        guard let source = number(columns.sourceMAC, row, batch), let target = number(columns.targetMAC, row, batch)
        else { return }
        event.open("ether")
        event.hardwareAddress("src_mac", source)
        event.hardwareAddress("dest_mac", target)
        event.close()
    }

    /// TCP, UDP and SCTP.
    private static func hasPorts(_ number: UInt8) -> Bool { number == 6 || number == 17 || number == 132 }

    /// Names of IP protocols as Suricata writes them; the number stands where there is none.
    private static func protocolName(_ number: UInt8) -> StaticString? {
        switch number {
        case 1: "ICMP"
        case 2: "IGMP"
        case 4: "IP-in-IP"
        case 6: "TCP"
        case 8: "EGP"
        case 9: "IGP"
        case 17: "UDP"
        case 33: "DCCP"
        case 41: "IPv6"
        case 46: "RSVP"
        case 47: "GRE"
        case 50: "ESP"
        case 51: "AH"
        case 58: "IPv6-ICMP"
        case 88: "EIGRP"
        case 89: "OSPFIGP"
        case 103: "PIM"
        case 112: "VRRP"
        case 115: "L2TP"
        case 132: "SCTP"
        default: nil
        }
    }
}
