// SPDX-License-Identifier: Apache-2.0
//
// IEC 60870-5-104: telecontrol over TCP port 2404.
//
// Reads   control fields, heads of application data, the first object's address.
// Writes  one `IEC104Record` for each unit with data and each unnumbered one.
// Leaves  acknowledgements, values and times of objects.

package import Records
import Wire

package struct IEC104Record: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var format: StaticString?
    var function: StaticString?
    var sent: UInt64?
    var received: UInt64?
    var typeID: UInt64?
    var type = Text.absent
    var objects: UInt64?
    var isSequence: Bool?
    var cause = Text.absent
    var isNegative: Bool?
    var isTest: Bool?
    var originatorAddress: UInt64?
    var commonAddress: UInt64?
    var objectAddress: UInt64?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.iec104
    package static let summary: StaticString = "One unit of IEC 60870-5-104 with data, or an unnumbered one."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.text("apci_type", format, "I with data, U unnumbered.")
        row.text("u_function", function, "What an unnumbered unit asks for or confirms.")
        row.count("send_seq", sent, "Number of the unit.")
        row.count("recv_seq", received, "Number of the unit that is awaited.")
        row.count("type_id", typeID, "Type of the data as a number.")
        row.text("type_name", type, in: text, "Type of the data.")
        row.count("num_objects", objects, "Objects in the unit.")
        row.boolean("is_sequence", isSequence, "Successive addresses, of which only the first is sent.")
        row.text("cause", cause, in: text, "Cause of the transmission.")
        row.boolean("negative", isNegative, "The order was not carried out.")
        row.boolean("test", isTest, "The unit is a test.")
        row.count("originator_address", originatorAddress, "Station that began it.")
        row.count("common_address", commonAddress, "Station that it is about.")
        row.count("object_address", objectAddress, "Address of the first object.")
    }

    mutating func clear() {
        text.clear()
        (format, function, sent, received, typeID, type) = (nil, nil, nil, nil, nil, .absent)
        (objects, isSequence, cause, isNegative, isTest) = (nil, nil, .absent, nil, nil)
        (originatorAddress, commonAddress, objectAddress) = (nil, nil, nil)
    }
}

enum IEC104Probe {
    /// Starts the transfer of data: what every controlling station sends first.
    static func start(_ bytes: RawSpan) -> ProbeVerdict { bytes.beginning(with: "h\u{4}\u{7}\0\0\0", at: 0) }
}

final class IEC104: FramedAnalyzer {
    private var record = IEC104Record()

    init() { super.init(kind: .iec104) }

    override func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing {
        guard bytes.byteCount >= 2 else { return .needs(2) }
        // 0x68, octets that follow: four of control, then data (5.1).
        let count = 2 &+ Int(bytes.octet(1))
        guard bytes.octet(0) == 0x68, count >= 6, count <= 255 else {
            violation(&context)
            return .stop
        }
        guard bytes.byteCount >= count else { return .needs(count) }
        record.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.isOriginator = direction == .originator
        do throws(WireError) {
            try unit(bytes.extracting(2..<count), &context)
            confirm(&context)
        } catch {
            violation(&context)
        }
        return .took(count)
    }

    /// The control field: numbered with data, an acknowledgement, or unnumbered (5.1).
    private func unit(_ bytes: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        let first = bytes.octet(0)
        if first & 1 == 0 {
            record.format = "I"
            record.sent = IEC104.number(bytes, 0)
            record.received = IEC104.number(bytes, 2)
            var cursor = Cursor(bytes.extracting(4..<bytes.byteCount))
            try data(&cursor)
        } else if first & 3 == 3 {
            record.format = "U"
            guard bytes.byteCount == 4, let name = IEC104.function(first) else { throw .malformed(at: 2) }
            record.function = name
        } else {
            // An acknowledgement says nothing but that.
            guard bytes.byteCount == 4 else { throw .malformed(at: 2) }
            return
        }
        context.output.emit(record)
    }

    /// Fifteen bits, the low octet first, above a bit of the format.
    private static func number(_ bytes: RawSpan, _ offset: Int) -> UInt64 {
        UInt64(bytes.load16(offset).byteSwapped >> 1)
    }

    private static func function(_ octet: UInt8) -> StaticString? {
        switch octet {
        case 0x07: "STARTDT act"
        case 0x0B: "STARTDT con"
        case 0x13: "STOPDT act"
        case 0x23: "STOPDT con"
        case 0x43: "TESTFR act"
        case 0x83: "TESTFR con"
        default: nil
        }
    }

    /// The head of application data (IEC 60870-5-101 clause 7.2): type, number, cause, stations, first object.
    private func data(_ cursor: inout Cursor) throws(WireError) {
        let type = try cursor.read(UInt8.self)
        let number = try cursor.read(UInt8.self)
        let cause = try cursor.read(UInt8.self)
        guard type > 0 else { throw .malformed(at: 6) }
        record.typeID = UInt64(type)
        record.type = record.text.name(UInt32(type), in: IEC104Tables.types)
        record.objects = UInt64(number & 0x7F)
        record.isSequence = number & 0x80 != 0
        record.cause = record.text.name(UInt32(cause & 0x3F), in: IEC104Tables.causes)
        record.isNegative = cause & 0x40 != 0
        record.isTest = cause & 0x80 != 0
        record.originatorAddress = UInt64(try cursor.read(UInt8.self))
        record.commonAddress = UInt64(try cursor.readLittle(UInt16.self))
        guard number & 0x7F > 0 else { return }
        let low = try cursor.readLittle(UInt16.self)
        record.objectAddress = UInt64(try cursor.read(UInt8.self)) << 16 | UInt64(low)
    }
}
