// SPDX-License-Identifier: Apache-2.0
//
// Modbus over TCP (Modbus Application Protocol 1.1b3; Messaging on TCP/IP 1.0b).
//
// Reads   requests and responses, port 502; the shape of the common functions.
// Writes  one `ModbusRecord` for each message.
// Leaves  registers, coils and files themselves; events (Modbus+EVE.swift).

package import Records
import Wire

package struct ModbusRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var transaction: UInt64 = 0
    var unit: UInt64 = 0
    var function = Text.absent
    var isRequest = false
    var exception = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.modbus
    package static let summary: StaticString = "One Modbus message."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("tid", transaction, "Transaction identifier.")
        row.count("unit", unit, "Unit identifier: the device behind the gateway.")
        row.text("func", function, in: text, "Name of the function.")
        row.text("pdu_type", isRequest ? "REQ" : "RESP", "REQ from the originator, RESP from the responder.")
        row.text("exception", exception, in: text, "Why the function failed.")
    }
}

final class Modbus: FramedAnalyzer {
    private var record = ModbusRecord()
    /// Whether the row of a side's unfinished message is written.
    private var hasHead: [2 of Bool] = [false, false]
    /// Requests without an answer: their own number, that of their transaction, and what they ask for.
    private var pending: [(number: UInt16, transaction: UInt64, request: ModbusMessage)] = []
    /// As many wait as are remembered; told once, until fewer do.
    private var isFlooded = false
    private var drafts = EventDrafts()
    /// Requests that are remembered; a device answers one after the other.
    private static let pendingMax = 500

    init() { super.init(kind: .modbus) }

    override var atGap: GapPolicy { .goesOn }

    override func reset() {
        super.reset()
        hasHead = [false, false]
        pending.removeAll(keepingCapacity: true)
        isFlooded = false
        drafts.clear()
    }

    override func finish(_ context: inout AnalyzerContext) {
        drafts.endAll("modbus", &context)
        super.finish(&context)
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) { drafts.write(tx, "modbus", to: &event) }

    override func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing {
        // Transaction, protocol, length of what follows: two octets each. Unit and function: one octet each.
        guard bytes.byteCount >= 6 else { return .needs(6) }
        let count = 6 &+ Int(bytes.load(4, as: UInt16.self))
        let side = Int(direction.rawValue)
        do throws(WireError) {
            guard bytes.load(2, as: UInt16.self) == 0 else {
                if isConfirmed { context.lostMessage(.modbus, "modbus.invalid_protocol_id", from: direction) }
                throw .malformed(at: 2)
            }
            guard count >= 8 else { throw .malformed(at: 2) }
            guard bytes.byteCount >= 8 else { return .needs(8) }
            if !hasHead[side] {
                // Each message is written when its head is there, whatever becomes of the rest.
                hasHead[side] = true
                begin(bytes, direction, &context)
                if bytes.octet(7) < 0x80 { context.output.emit(record) }
            }
            guard bytes.byteCount >= count else { return .needs(count) }
            hasHead[side] = false
            try body(bytes.extracting(0..<count), direction, &context)
            return .took(count)
        } catch {
            hasHead[side] = false
            violation(&context)
            return .discard
        }
    }

    private func body(
        _ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        show(bytes, direction, &context)
        let function = bytes.octet(7)
        var cursor = Cursor(bytes.extracting(8..<bytes.byteCount))
        var isDefined = true
        if direction == .originator {
            isDefined = try ModbusShape.request(function, &cursor)
            if function == 0x08 { diagnostics(bytes, &context) }
        } else if function >= 0x80 {
            let code = try cursor.read(UInt8.self)
            begin(bytes, direction, &context)
            record.exception = Modbus.exceptionName(code, &record.text)
            context.output.emit(record)
        } else {
            isDefined = try ModbusShape.response(function, &cursor)
        }
        // The octets are in place but their values are none: the message counts all the same.
        if !isDefined { violation(&context) }
        confirm(&context)
    }

    /// Shows a message to signatures and events, in the transaction of its number: unit, function and data.
    private func show(_ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext) {
        guard context.wantsTransactions || context.wantsEvents else { return }
        let number = bytes.load16(0)
        var message = ModbusMessage(bytes, isRequest: direction == .originator)
        let transaction: UInt64
        if direction == .responder, let place = pending.firstIndex(where: { $0.number == number }) {
            let request = pending.remove(at: place)
            transaction = request.transaction
            message.compare(with: request.request)
        } else {
            transaction = context.beginTransaction(.modbus)
            if direction == .responder {
                context.transactionEvent("modbus.unsolicited_response", tx: transaction, from: direction)
            }
            if direction == .originator {
                if pending.count < Modbus.pendingMax {
                    isFlooded = false
                } else {
                    if !isFlooded { context.transactionEvent("modbus.flooded", tx: transaction, from: direction) }
                    isFlooded = true
                    context.limits.met(.requests)
                    pending.removeFirst()
                }
                pending.append((number, transaction, message))
            }
        }
        message.tellFaults(tx: transaction, from: direction, &context)
        if context.wantsEvents { draft(message, bytes, transaction, direction, &context) }
        guard context.wantsTransactions else { return }
        context.expose(.modbus, bytes.extracting(6..<bytes.byteCount), tx: transaction, from: direction)
        context.transactionDone(tx: transaction, from: direction)
    }

    /// A request waits for its response.
    private func draft(
        _ message: ModbusMessage, _ bytes: RawSpan, _ transaction: UInt64, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        drafts.add(transaction, from: .originator, type: "modbus", &context) { event in
            if event.isEmpty { event.count("id", transaction &+ 1) }
            event.open(direction == .originator ? "request" : "response")
            message.write(bytes, to: &event)
            event.close()
        }
        if direction == .responder { drafts.end(transaction, "modbus", &context) }
    }

    private func begin(_ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext) {
        let function = bytes.octet(7)
        record.text.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.transaction = UInt64(bytes.load(0, as: UInt16.self))
        record.unit = UInt64(bytes.octet(6))
        record.isRequest = direction == .originator
        record.exception = .absent
        let start = record.text.begin()
        if let name = Modbus.functionName(function & 0x7F) {
            record.text.append(name)
            if function >= 0x80 { record.text.append("_EXCEPTION") }
        } else {
            record.text.append("unknown-")
            record.text.append(decimal: UInt64(function))
        }
        record.function = record.text.end(start)
    }

    /// Anomalies of a diagnostics request (section 6.8 of the application protocol).
    private func diagnostics(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        let subfunction = bytes.load(8, as: UInt16.self)
        let data = bytes.extracting(10..<bytes.byteCount)
        guard data.byteCount >= 2, data.byteCount & 1 == 0, subfunction == 0 || data.byteCount == 2 else {
            return context.weird(.modbus_diag_invalid_request_data, addl: data, source: "")
        }
        let isValid: Bool
        switch subfunction {
        case 0x00: isValid = true
        case 0x01: isValid = (data.octet(0) == 0 || data.octet(0) == 0xFF) && data.octet(1) == 0
        case 0x03: isValid = data.octet(0) < 0x80 && data.octet(1) == 0
        case 0x02, 0x04, 0x0A...0x12, 0x14: isValid = data.octet(0) == 0 && data.octet(1) == 0
        default:
            return context.weird(
                .modbus_diag_unknown_request_subfunction, addl: UInt64(subfunction), source: "")
        }
        if !isValid { context.weird(.modbus_diag_invalid_request_data, addl: data, source: "") }
    }

    private static func exceptionName(_ code: UInt8, _ text: inout TextBuffer) -> Text {
        let name: StaticString? =
            switch code {
            case 0x01: "ILLEGAL_FUNCTION"
            case 0x02: "ILLEGAL_DATA_ADDRESS"
            case 0x03: "ILLEGAL_DATA_VALUE"
            case 0x04: "SLAVE_DEVICE_FAILURE"
            case 0x05: "ACKNOWLEDGE"
            case 0x06: "SLAVE_DEVICE_BUSY"
            case 0x08: "MEMORY_PARITY_ERROR"
            case 0x0A: "GATEWAY_PATH_UNAVAILABLE"
            case 0x0B: "GATEWAY_TARGET_DEVICE_FAILED_TO_RESPOND"
            default: nil
            }
        if let name { return text.add(name) }
        let start = text.begin()
        text.append("unknown-")
        text.append(decimal: UInt64(code))
        return text.end(start)
    }

    fileprivate static func functionName(_ function: UInt8) -> StaticString? {
        switch function {
        case 0x01: "READ_COILS"
        case 0x02: "READ_DISCRETE_INPUTS"
        case 0x03: "READ_HOLDING_REGISTERS"
        case 0x04: "READ_INPUT_REGISTERS"
        case 0x05: "WRITE_SINGLE_COIL"
        case 0x06: "WRITE_SINGLE_REGISTER"
        case 0x07: "READ_EXCEPTION_STATUS"
        case 0x08: "DIAGNOSTICS"
        case 0x09: "PROGRAM_484"
        case 0x0A: "POLL_484"
        case 0x0B: "GET_COMM_EVENT_COUNTER"
        case 0x0C: "GET_COMM_EVENT_LOG"
        case 0x0D: "PROGRAM_584_984"
        case 0x0E: "POLL_584_984"
        case 0x0F: "WRITE_MULTIPLE_COILS"
        case 0x10: "WRITE_MULTIPLE_REGISTERS"
        case 0x11: "REPORT_SLAVE_ID"
        case 0x12: "PROGRAM_884_U84"
        case 0x13: "RESET_COMM_LINK_884_U84"
        case 0x14: "READ_FILE_RECORD"
        case 0x15: "WRITE_FILE_RECORD"
        case 0x16: "MASK_WRITE_REGISTER"
        case 0x17: "READ_WRITE_MULTIPLE_REGISTERS"
        case 0x18: "READ_FIFO_QUEUE"
        case 0x28: "PROGRAM_CONCEPT"
        case 0x29: "MULTIPLE_FUNCTION_CODES"
        case 0x2B: "ENCAP_INTERFACE_TRANSPORT"
        case 0x5A: "PROGRAM_UNITY"
        case 0x5B: "OBJECT_MESSAGING"
        case 0x7D: "FIRMWARE_REPLACEMENT"
        case 0x7E: "PROGRAM_584_984_2"
        case 0x7F: "REPORT_LOCAL_ADDRESS"
        default: nil
        }
    }
}

/// What the functions carry (section 6): enough octets, or the bytes are no Modbus.
/// False where octets are there but mean nothing.
/// A request, and the response to one: what their heads and lengths say must agree.
enum ModbusProbe {
    //  transaction (2) | protocol 0 (2) | length of what follows (2) | unit | function | ...
    static func request(_ bytes: RawSpan) -> ProbeVerdict {
        head(bytes) { function, length in
            (1...6).contains(function) ? length == 6 : Modbus.functionName(function) != nil
        }
    }

    static func response(_ bytes: RawSpan) -> ProbeVerdict {
        let verdict = head(bytes) { function, length in
            guard function < 0x80 else { return length == 3 && Modbus.functionName(function & 0x7F) != nil }
            return (5...6).contains(function) ? length == 6 : Modbus.functionName(function) != nil
        }
        // Of what is read the number of octets stands before them.
        guard verdict == .matches, (1...4).contains(bytes.octet(7)) else { return verdict }
        guard bytes.byteCount > 8 else { return .needsMore }
        return Int(bytes.octet(8)) == Int(bytes.octet(5)) &- 3 ? .matches : .never
    }

    private static func head(_ bytes: RawSpan, _ agrees: (UInt8, UInt8) -> Bool) -> ProbeVerdict {
        for place in 2..<max(2, min(6, bytes.byteCount)) {
            let octet = bytes.octet(place)
            guard place == 5 ? (2...254).contains(octet) : octet == 0 else { return .never }
        }
        guard bytes.byteCount > 7 else { return .needsMore }
        return agrees(bytes.octet(7), bytes.octet(5)) ? .matches : .never
    }
}

private enum ModbusShape {
    static func request(_ function: UInt8, _ cursor: inout Cursor) throws(WireError) -> Bool {
        switch function {
        case 0x01...0x04, 0x06: try cursor.skip(4)
        case 0x05: return try coil(&cursor)
        case 0x08, 0x18: try cursor.skip(2)
        case 0x0F:
            try cursor.skip(4)
            try cursor.skip(Int(try cursor.read(UInt8.self)))
        case 0x10:
            try cursor.skip(2)
            return try registers(&cursor)
        case 0x14: try references(&cursor, haveData: false)
        case 0x15: try references(&cursor, haveData: true)
        case 0x16: try cursor.skip(6)
        case 0x17:
            try cursor.skip(6)
            return try registers(&cursor)
        default: break
        }
        return true
    }

    static func response(_ function: UInt8, _ cursor: inout Cursor) throws(WireError) -> Bool {
        switch function {
        case 0x01, 0x02, 0x0C, 0x11, 0x14: try cursor.skip(Int(try cursor.read(UInt8.self)))
        case 0x03, 0x04, 0x17:
            let count = try cursor.read(UInt8.self)
            try cursor.skip(Int(count))
            return count & 1 == 0
        case 0x05: return try coil(&cursor)
        case 0x06, 0x0B, 0x0F, 0x10: try cursor.skip(4)
        case 0x07: try cursor.skip(1)
        case 0x08: try cursor.skip(2)
        case 0x15: try references(&cursor, haveData: true)
        case 0x16: try cursor.skip(6)
        case 0x18:
            try cursor.skip(2)
            try cursor.skip(2 &* Int(try cursor.read(UInt16.self)))
        default: break
        }
        return true
    }

    /// An address and a coil, which is on or off.
    private static func coil(_ cursor: inout Cursor) throws(WireError) -> Bool {
        try cursor.skip(2)
        let value = try cursor.read(UInt16.self)
        return value == 0x0000 || value == 0xFF00
    }

    /// A number of registers, a number of octets, and those.
    private static func registers(_ cursor: inout Cursor) throws(WireError) -> Bool {
        let quantity = try cursor.read(UInt16.self)
        let count = try cursor.read(UInt8.self)
        guard Int(quantity) &* 2 <= Int(count) else { throw .malformed(at: cursor.offset) }
        try cursor.skip(Int(count))
        return count & 1 == 0
    }

    /// Places in files, with or without the registers there.
    private static func references(_ cursor: inout Cursor, haveData: Bool) throws(WireError) {
        var part = Cursor(try cursor.take(Int(try cursor.read(UInt8.self))))
        while part.remaining > 0 {
            try part.skip(5)
            let count = Int(try part.read(UInt16.self))
            if haveData { try part.skip(2 &* count) }
        }
    }
}
