// SPDX-License-Identifier: Apache-2.0
//
// One event in Suricata's form, on its way to the EVE writer.
//
// Reads   nothing: analyzers and the Sensor fill it.
// Writes  rows of `LogID.eve`.
// Leaves  how the fields common to all events look (Logs/EVEForm.swift).

/// What an event says of the packet that made it.
package struct EventPacket: Sendable, BitwiseCopyable {
    /// Its number in the capture, from 1; 0 where a timer or the end made the event.
    package var number: UInt64 = 0
    /// Whether events show the number: not those of packets that were inside of others.
    package var isOfCapture = true
    /// Tags of the frame, 0xFFFF for none: the outermost, one between, the innermost.
    package var vlan: UInt16 = 0xFFFF
    package var middleVLAN: UInt16 = 0xFFFF
    package var innerVLAN: UInt16 = 0xFFFF
    /// 48-bit addresses of the frame, 0 where the link has none.
    package var sourceMAC: UInt64 = 0
    package var targetMAC: UInt64 = 0
    /// How the datagram came: `wire/pcap`, or the tunnel around it; nil where no packet is spoken of.
    package var source: StaticString? = "wire/pcap"

    package init() {}
}

/// A row for the EVE writer: the common fields as columns, and the event's own objects as JSON.
package struct EventRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var packet = EventPacket()
    package var type: StaticString = ""
    /// The event goes from responder to originator.
    package var isReversed = false
    /// The data that it tells of came from the receiver of the connection's first packet.
    package var isDataReversed = false
    package var transaction: UInt64?
    package var appProtocol: StaticString?
    /// The connection that has announced this one.
    package var parent: UID?
    /// The last of the columns of ICMP: type and code.
    package var icmp: (type: UInt8, code: UInt8)?
    /// The event's own members, `"dns":{…}`.
    package var body = EVEBuilder()

    package init() {}

    package static var log: LogID { .eve }
    package static var summary: StaticString { "Events in Suricata's form." }

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.enumeration("event_type", type, "Name of the event.")
        row.boolean("reversed", isReversed, "Whether it goes from responder to originator.")
        let number = packet.number == 0 || !packet.isOfCapture ? nil : packet.number
        row.count("pcap_cnt", number, "Number of the packet, from 1.")
        row.count("tx_id", transaction, "Number of the transaction on its connection.")
        row.enumeration("app_proto", appProtocol, "The application protocol.")
        row.count("vlan", packet.vlan == 0xFFFF ? nil : UInt64(packet.vlan), "The frame's tag.")
        row.count(
            "middle_vlan", packet.middleVLAN == 0xFFFF ? nil : UInt64(packet.middleVLAN), "A tag between the two.")
        row.count("inner_vlan", packet.innerVLAN == 0xFFFF ? nil : UInt64(packet.innerVLAN), "The inner tag.")
        row.count("source_mac", packet.sourceMAC == 0 ? nil : packet.sourceMAC, "Sender of the frame.")
        row.count("target_mac", packet.targetMAC == 0 ? nil : packet.targetMAC, "Receiver of the frame.")
        row.enumeration("pkt_src", packet.source, "How the packet came.")
        row.count("icmp", icmp.map { UInt64($0.type) << 8 | UInt64($0.code) }, "ICMP's type and code, an octet each.")
        row.count("parent", parent.map { $0.value }, "The connection that has announced this one.")
        row.text("body", Text(offset: 0, count: UInt32(truncatingIfNeeded: body.buffer.bytes.count)), in: body.buffer,
            "The event's own members.")
    }
}
