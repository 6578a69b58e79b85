// SPDX-License-Identifier: Apache-2.0
//
// Devices of EtherNet/IP: who they say they are, and the implicit connections between them.
//
// Reads   identity items (volume 2, 2-4.2.3), implicit messages (2-6.3.2).
// Writes  `CIPIdentityRecord`, `CIPIORecord`.
// Leaves  the values of implicit messages: their meaning is in the device's description.

package import Records
import Wire

/// What an identity item says. All is little-endian but the socket address.
struct CIPIdentity {
    let version: UInt16
    let port: UInt16
    let address: UInt32
    let vendor: UInt16
    let deviceType: UInt16
    let productCode: UInt16
    let revisionMajor: UInt8
    let revisionMinor: UInt8
    let status: UInt16
    let serial: UInt32
    /// The product's name, in the item.
    let name: Range<Int>
    let state: UInt8

    init(parsing input: inout Cursor) throws(WireError) {
        version = try input.readLittle()
        try input.skip(2)
        port = try input.read()
        address = try input.read()
        try input.skip(8)
        vendor = try input.readLittle()
        deviceType = try input.readLittle()
        productCode = try input.readLittle()
        revisionMajor = try input.read()
        revisionMinor = try input.read()
        status = try input.readLittle()
        serial = try input.readLittle()
        let count = Int(try input.read(UInt8.self))
        name = input.offset ..< input.offset &+ count
        try input.skip(count)
        state = try input.read()
    }
}

package struct CIPIdentityRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var version: UInt64 = 0
    var address: Address?
    var port: UInt64 = 0
    var vendorID: UInt64 = 0
    var vendor = Text.absent
    var deviceTypeID: UInt64 = 0
    var deviceType = Text.absent
    var productCode: UInt64 = 0
    var revision = Text.absent
    var status = Text.absent
    var serial = Text.absent
    var product = Text.absent
    var state = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.cipIdentity
    package static let summary: StaticString = "What a device of EtherNet/IP says it is."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("encapsulation_version", version, "Version of the encapsulation.")
        row.address("socket_address", address, "Address that the device gives as its own.")
        row.count("socket_port", port, "Port that the device gives.")
        row.count("vendor_id", vendorID, "Vendor as a number.")
        row.text("vendor_name", vendor, in: text, "Vendor by name.")
        row.count("device_type_id", deviceTypeID, "Profile of the device as a number.")
        row.text("device_type_name", deviceType, in: text, "Profile of the device by name.")
        row.count("product_code", productCode, "Product, as the vendor numbers it.")
        row.text("revision", revision, in: text, "Major and minor revision.")
        row.text("device_status", status, in: text, "Status word.")
        row.text("serial_number", serial, in: text, "Serial number.")
        row.text("product_name", product, in: text, "Name of the product.")
        row.text("device_state", state, in: text, "State of the device.")
    }

    mutating func read(_ identity: CIPIdentity, name: RawSpan) {
        text.clear()
        version = UInt64(identity.version)
        address = Address(v4: identity.address)
        port = UInt64(identity.port)
        vendorID = UInt64(identity.vendor)
        vendor = text.name(UInt32(identity.vendor), in: CIPTables.vendors)
        deviceTypeID = UInt64(identity.deviceType)
        deviceType = text.name(UInt32(identity.deviceType), in: CIPTables.deviceTypes)
        productCode = UInt64(identity.productCode)
        let start = text.begin()
        text.append(decimal: UInt64(identity.revisionMajor))
        text.append(".")
        text.append(decimal: UInt64(identity.revisionMinor))
        revision = text.end(start)
        status = text.hexadecimal(UInt64(identity.status), digits: 4)
        serial = text.hexadecimal(UInt64(identity.serial), digits: 8)
        product = text.add(name)
        state = text.hexadecimal(UInt64(identity.state))
    }
}

package struct CIPIORecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var connection = Text.absent
    var sequence: UInt64 = 0
    var length: UInt64 = 0
    var data = Text.absent
    var packets: UInt64 = 0
    var missing: UInt64 = 0
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.cipIO
    package static let summary: StaticString = "One implicit connection in one direction, first packet to last."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.text("connection_id", connection, in: text, "Number of the implicit connection.")
        row.count("sequence_number", sequence, "Sequence number of the first packet.")
        row.count("data_length", length, "Octets of data in the first packet.")
        row.text("io_data", data, in: text, "Data of the first packet, at most 64 octets, in hexadecimal digits.")
        row.count("packets", packets, "Packets seen.")
        row.count("missing", missing, "Packets that were not seen, by their sequence numbers.")
    }
}

/// The implicit connections of one conversation. A device sends on each every few milliseconds: one row tells of
/// all packets of a direction.
struct CIPImplicit {
    private struct Entry {
        var direction: Direction
        var connection: UInt32
        var first: Timestamp
        var sequence: UInt32
        var last: UInt32
        var length: Int
        var data: Text
        var packets: UInt64
        var missing: UInt64
    }

    /// Implicit connections between two hosts; further ones are not told of.
    private static let entriesMax = 64
    private static let dataBytesMax = 64

    private var entries: [Entry] = []
    private var text = TextBuffer()
    private var record = CIPIORecord()

    mutating func clear() {
        entries.removeAll(keepingCapacity: true)
        text.clear()
    }

    /// Two items, the first a sequenced address of eight octets.
    func isOne(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= 18 && bytes.load(0, as: UInt32.self) == 0x0200_0280
            && bytes.load(4, as: UInt16.self) == 0x0800
    }

    mutating func read(
        _ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var cursor = Cursor(bytes)
        try cursor.skip(6)
        let connection = try cursor.readLittle(UInt32.self)
        let sequence = try cursor.readLittle(UInt32.self)
        guard try cursor.readLittle(UInt16.self) == 0xB1 else { throw .malformed(at: 14) }
        let data = try cursor.take(Int(try cursor.readLittle(UInt16.self)))
        for index in entries.indices
        where entries[index].connection == connection && entries[index].direction == direction {
            let step = sequence &- entries[index].last
            entries[index].packets &+= 1
            // An old one again is no loss.
            guard step < 1 << 31 else { return }
            if step > 1 { entries[index].missing &+= UInt64(step) &- 1 }
            entries[index].last = sequence
            return
        }
        guard entries.count < CIPImplicit.entriesMax else { return context.limits.met(.sources) }
        entries.append(
            Entry(
                direction: direction, connection: connection, first: context.now, sequence: sequence, last: sequence,
                length: data.byteCount, data: text.hexadecimal(data, limit: CIPImplicit.dataBytesMax), packets: 1,
                missing: 0))
    }

    mutating func finish(_ context: inout AnalyzerContext) {
        for entry in entries {
            record.text.clear()
            record.ts = entry.first
            record.uid = context.uid
            record.id = context.id
            record.isOriginator = entry.direction == .originator
            record.connection = record.text.hexadecimal(UInt64(entry.connection), digits: 8)
            record.sequence = UInt64(entry.sequence)
            record.length = UInt64(entry.length)
            record.data = record.text.add(entry.data, of: text)
            record.packets = entry.packets
            record.missing = entry.missing
            context.output.emit(record)
        }
        clear()
    }
}
