// SPDX-License-Identifier: Apache-2.0
//
// The members of the event `modbus`: a request and its response (Suricata 8 user guide, "Event type: Modbus").
//
// Reads   whole messages (Modbus Application Protocol 1.1b3, section 6), and a request with its response.
// Writes  what they ask and say, with the kind of access and the errors in them, as Suricata names these.
// Leaves  which messages belong together (Modbus.swift).

import Records
import Wire

/// One message as an event tells of it. The octets are not kept.
struct ModbusMessage {
    /// Most bits and registers of one request (sections 6.1 and 6.3), octets of one response.
    private static let bitsMax: UInt16 = 2000
    private static let registersMax: UInt16 = 125
    private static let readBytesMax = 253

    /// What is wrong in a message, in the order of its names.
    struct Errors: OptionSet {
        let rawValue: UInt8
        static let value = Errors(rawValue: 1)
        static let length = Errors(rawValue: 2)
        static let exception = Errors(rawValue: 4)
        static let function = Errors(rawValue: 8)
    }

    /// What the data are. Numbers are those that a response must repeat.
    private enum Content {
        case none
        case exception(UInt8)
        case diagnostic(UInt16)
        case encapsulated(UInt8)
        case readRequest(address: UInt16, quantity: UInt16)
        case readResponse
        case writeMany(address: UInt16, quantity: UInt16)
        case writeMask(address: UInt16, and: UInt16, or: UInt16)
        case writeOne(address: UInt16, data: UInt16)
        case readWrite(read: (UInt16, UInt16), address: UInt16, quantity: UInt16)
        case octets

        /// Whether a response of writing says again what its request said.
        func repeats(_ request: Content) -> Bool {
            switch (self, request) {
            case (.writeMask(let a, let b, let c), .writeMask(let d, let e, let f)): (a, b, c) == (d, e, f)
            case (.writeOne(let a, let b), .writeOne(let c, let d)): (a, b) == (c, d)
            case (.writeOne(let a, let b), .writeMany(let c, let d)): (a, b) == (c, d)
            default: true
            }
        }
    }

    private let function: UInt8
    private(set) var errors = Errors()
    private var content = Content.none
    /// Where the octets of `content` stand in the message.
    private var data = 8..<8

    private var code: UInt8 { function & 0x7F }
    private var isBits: Bool { [1, 2, 5, 15].contains(code) }

    /// `bytes` is the whole message with its head, at least 8 octets.
    init(_ bytes: RawSpan, isRequest: Bool) {
        function = bytes.octet(7)
        data = 8..<bytes.byteCount
        do throws(WireError) {
            var input = Cursor(bytes)
            try input.skip(8)
            if isRequest { try request(&input, bytes) } else { try response(&input, bytes) }
        } catch {
            errors.insert(.length)
            content = .octets
            data = 8..<bytes.byteCount
        }
    }

    private mutating func request(_ input: inout Cursor, _ bytes: RawSpan) throws(WireError) {
        let count = bytes.byteCount &- 8
        switch code {
        case 0x08:
            if count != 4 { errors.insert(.length) }
            try diagnostic(&input, bytes)
            if count == 4 { checkDiagnostic(bytes) }
        case 0x2B: try encapsulated(&input, bytes)
        case 0x14, 0x15:
            if count == 0 { errors.insert(.length) }
            content = .octets
        case 0x07, 0x0B, 0x0C, 0x11:
            if count > 0 { errors.insert(.length) }
            content = .octets
        case 0x18:
            if count != 2 { errors.insert(.length) }
            content = .octets
        default:
            if function == 0 || function >= 0x80 { errors.insert(.function) }
            switch code {
            case 1...4:
                content = try readRequest(&input)
                if count > 4 { errors.insert(.length) }
            case 5, 6: try writeOne(&input, checks: code == 5)
            case 15, 16: try writeMany(&input, bytes, read: nil)
            case 22: try writeMask(&input)
            case 23:
                guard case .readRequest(let address, let quantity) = try readRequest(&input) else { return }
                try writeMany(&input, bytes, read: (address, quantity))
            default: content = .octets
            }
        }
    }

    private mutating func response(_ input: inout Cursor, _ bytes: RawSpan) throws(WireError) {
        let count = bytes.byteCount &- 8
        guard function < 0x80 else { return try exception(&input) }
        switch code {
        case 0x08: try diagnostic(&input, bytes)
        case 0x2B: try encapsulated(&input, bytes)
        case 1...4, 23:
            let stated = Int(try input.read(UInt8.self))
            if stated < 1 || stated > ModbusMessage.readBytesMax || stated != count &- 1 { errors.insert(.value) }
            content = .readResponse
            data = 9..<bytes.byteCount
        case 5, 6: try writeOne(&input, checks: false)
        case 15, 16:
            let (address, quantity) = (try input.read(UInt16.self), try input.read(UInt16.self))
            if quantity == 0 || quantity > (isBits ? ModbusMessage.bitsMax : ModbusMessage.registersMax) {
                errors.insert(.value)
            }
            content = .writeOne(address: address, data: quantity)
        case 22: try writeMask(&input)
        default:
            if code == 0x07 && count != 1 || code == 0x0B && count != 4 { errors.insert(.length) }
            content = .octets
        }
    }

    private mutating func exception(_ input: inout Cursor) throws(WireError) {
        let reason = try input.read(UInt8.self)
        let hasNoAddress = 7...14 ~= function || 17...19 ~= function
        switch reason {
        case 2, 3: if hasNoAddress { errors.insert(.exception) }
        case 8: if code != 0x14, code != 0x15 { errors.insert(.exception) }
        case 1, 4...7, 10, 11: break
        default: errors.insert(.exception)
        }
        content = .exception(reason)
    }

    private mutating func diagnostic(_ input: inout Cursor, _ bytes: RawSpan) throws(WireError) {
        content = .diagnostic(try input.read(UInt16.self))
        data = 10..<bytes.byteCount
    }

    /// The data of a request (section 6.8).
    private mutating func checkDiagnostic(_ bytes: RawSpan) {
        let (high, low) = (bytes.octet(10), bytes.octet(11))
        let isRight: Bool
        switch bytes.load16(8) {
        case 0, 4: isRight = true
        case 1: isRight = low == 0 && (high == 0 || high == 0xFF)
        case 3: isRight = low == 0
        case 2, 10...21: isRight = high == 0 && low == 0
        default: isRight = true
        }
        if !isRight { errors.insert(.value) }
    }

    private mutating func encapsulated(_ input: inout Cursor, _ bytes: RawSpan) throws(WireError) {
        content = .encapsulated(try input.read(UInt8.self))
        data = 9..<bytes.byteCount
    }

    private mutating func readRequest(_ input: inout Cursor) throws(WireError) -> Content {
        let (address, quantity) = (try input.read(UInt16.self), try input.read(UInt16.self))
        if quantity == 0 || quantity > (isBits ? ModbusMessage.bitsMax : ModbusMessage.registersMax) {
            errors.insert(.value)
        }
        return .readRequest(address: address, quantity: quantity)
    }

    private mutating func writeOne(_ input: inout Cursor, checks: Bool) throws(WireError) {
        let (address, value) = (try input.read(UInt16.self), try input.read(UInt16.self))
        if checks, value != 0, value != 0xFF00 { errors.insert(.value) }
        content = .writeOne(address: address, data: value)
    }

    private mutating func writeMask(_ input: inout Cursor) throws(WireError) {
        let address = try input.read(UInt16.self)
        content = .writeMask(address: address, and: try input.read(UInt16.self), or: try input.read(UInt16.self))
    }

    private mutating func writeMany(
        _ input: inout Cursor, _ bytes: RawSpan, read: (UInt16, UInt16)?
    ) throws(WireError) {
        let (address, quantity) = (try input.read(UInt16.self), try input.read(UInt16.self))
        let stated = Int(try input.read(UInt8.self))
        if quantity == 0 || stated != input.remaining { errors.insert(.length) }
        if isBits {
            if quantity > ModbusMessage.bitsMax || stated != (Int(quantity) &+ 7) / 8 { errors.insert(.value) }
        } else if quantity > ModbusMessage.registersMax || stated != 2 &* Int(quantity) {
            errors.insert(.value)
        }
        data = input.offset..<bytes.byteCount
        if let read {
            content = .readWrite(read: read, address: address, quantity: quantity)
        } else {
            content = .writeMany(address: address, quantity: quantity)
        }
    }

    /// Whether a response says what its request asked for.
    ///
    /// A read is compared as if its quantity were bits, whatever it reads: Suricata does so, and who reads
    /// `error_flags` expects its values.
    mutating func compare(with request: ModbusMessage) {
        guard code == request.code else { return }
        switch (content, request.content) {
        case (.readResponse, .readRequest(_, let quantity)):
            if data.count != (Int(quantity) &+ 7) / 8 { errors.insert(.value) }
        case (.readResponse, .readWrite(let read, _, _)):
            if data.count != 2 &* Int(read.1) { errors.insert(.value) }
        default: if !content.repeats(request.content) { errors.insert(.value) }
        }
    }

    /// Tells of what is wrong in the message. Of the response to a read or a write all that does not fit is one thing.
    func tellFaults(tx: UInt64, from direction: Direction, _ context: inout AnalyzerContext) {
        guard !errors.isEmpty else { return }
        let accesses = function < 0x80 && [1, 2, 3, 4, 5, 6, 15, 16, 22, 23].contains(code)
        if direction == .responder, accesses, !errors.isDisjoint(with: [.value, .length]) {
            return context.transactionEvent("modbus.value_mismatch", tx: tx, from: direction)
        }
        let names: [(Errors, StaticString)] = [
            (.function, "modbus.invalid_function_code"), (.value, "modbus.invalid_value"),
            (.length, "modbus.invalid_length"), (.exception, "modbus.invalid_exception_code"),
        ]
        for (error, name) in names where errors.contains(error) {
            context.transactionEvent(name, tx: tx, from: direction)
        }
    }

    // MARK: the event

    func write(_ bytes: RawSpan, to event: inout EVEBuilder) {
        event.count("transaction_id", UInt64(bytes.load16(0)))
        event.count("protocol_id", UInt64(bytes.load16(2)))
        event.count("unit_id", UInt64(bytes.octet(6)))
        event.count("function_raw", UInt64(function))
        event.text("function_code", ModbusNames.function(code))
        event.text("access_type", ModbusNames.access(code))
        event.text("category", category)
        writeErrors(to: &event)
        writeContent(bytes.extracting(data), to: &event)
    }

    private var category: StaticString {
        switch content {
        case .diagnostic(let number): ModbusNames.diagnostic(number) == nil ? "RESERVED" : "PUBLIC_ASSIGNED"
        case .encapsulated(let number): ModbusNames.encapsulated(number) == nil ? "RESERVED" : "PUBLIC_ASSIGNED"
        default: code == 0x08 || code == 0x2B ? "NONE" : ModbusNames.category(function)
        }
    }

    private func writeErrors(to event: inout EVEBuilder) {
        guard !errors.isEmpty else { return event.text("error_flags", "NONE") }
        let names: [(Errors, StaticString)] = [
            (.value, "DATA_VALUE"), (.length, "DATA_LENGTH"), (.exception, "EXC_CODE"), (.function, "FUNC_CODE"),
        ]
        event.beginText("error_flags")
        var isFirst = true
        for (error, name) in names where errors.contains(error) {
            if !isFirst { event.add(" | ") }
            event.add(name)
            isFirst = false
        }
        event.endText()
    }

    private func writeContent(_ octets: RawSpan, to event: inout EVEBuilder) {
        switch content {
        case .none: break
        case .exception(let reason):
            event.open("exception")
            event.count("raw", UInt64(reason))
            event.text("code", ModbusNames.exception(reason))
            event.close()
        case .diagnostic(let number):
            event.open("diagnostic")
            event.count("raw", UInt64(number))
            event.text("code", ModbusNames.diagnostic(number) ?? "Reserved")
            event.text("data", octets)
            event.close()
        case .encapsulated(let number):
            event.open("mei")
            event.count("raw", UInt64(number))
            event.text("code", ModbusNames.encapsulated(number) ?? "Unknown")
            event.text("data", octets)
            event.close()
        case .readRequest(let address, let quantity): write("read", address, quantity, nil, to: &event)
        case .readResponse:
            event.open("read")
            event.text("data", octets)
            event.close()
        case .writeMany(let address, let quantity):
            write("write", address, quantity, octets, to: &event)
        case .readWrite(let read, let address, let quantity):
            write("read", read.0, read.1, nil, to: &event)
            write("write", address, quantity, octets, to: &event)
        case .writeMask(let address, let and, let or):
            event.open("write")
            event.count("address", UInt64(address))
            event.count("and_mask", UInt64(and))
            event.count("or_mask", UInt64(or))
            event.close()
        case .writeOne(let address, let value):
            event.open("write")
            event.count("address", UInt64(address))
            event.count("data", UInt64(value))
            event.close()
        case .octets: event.text("data", octets)
        }
    }

    private func write(
        _ key: StaticString, _ address: UInt16, _ quantity: UInt16, _ octets: RawSpan?, to event: inout EVEBuilder
    ) {
        event.open(key)
        event.count("address", UInt64(address))
        event.count("quantity", UInt64(quantity))
        if let octets { event.text("data", octets) }
        event.close()
    }
}

/// Suricata's names of what Modbus numbers.
private enum ModbusNames {
    static func function(_ code: UInt8) -> StaticString {
        let names: [24 of StaticString] = [
            "RdCoils", "RdDiscreteInputs", "RdHoldRegs", "RdInputRegs", "WrSingleCoil", "WrSingleReg", "RdExcStatus",
            "Diagnostic", "Program484", "Poll484", "GetCommEventCtr", "GetCommEventLog", "ProgramController",
            "PollController", "WrMultCoils", "WrMultRegs", "ReportServerID", "Program884", "ResetCommLink",
            "RdFileRec", "WrFileRec", "MaskWrReg", "RdWrMultRegs", "RdFIFOQueue",
        ]
        return 1...24 ~= code ? names[Int(code) &- 1] : code == 0x2B ? "MEI" : "Unknown"
    }

    static func access(_ code: UInt8) -> StaticString {
        switch code {
        case 1: "READ | COILS"
        case 2: "READ | DISCRETES"
        case 3: "READ | HOLDING"
        case 4: "READ | INPUT"
        case 5: "WRITE | COILS | SINGLE | WRITE_SINGLE"
        case 6: "WRITE | HOLDING | SINGLE | WRITE_SINGLE"
        case 15: "WRITE | COILS | MULTIPLE | WRITE_MULTIPLE"
        case 16: "WRITE | HOLDING | MULTIPLE | WRITE_MULTIPLE"
        case 22: "WRITE | HOLDING"
        case 23: "READ | WRITE | HOLDING | MULTIPLE | WRITE_MULTIPLE"
        default: "NONE"
        }
    }

    /// Who gives a function its number (section 5).
    static func category(_ function: UInt8) -> StaticString {
        if 1...24 ~= function & 0x7F { return "PUBLIC_ASSIGNED" }
        switch function {
        case 41, 42, 90, 91, 125...127: return "RESERVED"
        case 65...72, 100...110: return "USER_DEFINED"
        case 1...124: return "PUBLIC_UNASSIGNED"
        default: return "NONE"
        }
    }

    static func diagnostic(_ number: UInt16) -> StaticString? {
        switch number {
        case 0: "RetQueryData"
        case 1: "RestartCommOpt"
        case 2: "RetDiagReg"
        case 3: "ChangeInputDelimiter"
        case 4: "ForceListenOnlyMode"
        case 10: "ClearCtrDiagReg"
        case 11: "RetBusMsgCount"
        case 12: "RetBusCommErrCount"
        case 13: "RetBusExcErrCount"
        case 14: "RetServerMsgCount"
        case 15: "RetServerNoRespCount"
        case 16: "RetServerNAKCount"
        case 17: "RetServerBusyCount"
        case 18: "RetBusCharOverrunCount"
        case 19: "RetOverrunErrCount"
        case 20: "ClearOverrunCounterFlag"
        case 21: "GetClearPlusStats"
        default: nil
        }
    }

    static func encapsulated(_ number: UInt8) -> StaticString? {
        switch number {
        case 0x0D: "CANOpenGenRefReqResp"
        case 0x0E: "RdDevId"
        default: nil
        }
    }

    static func exception(_ number: UInt8) -> StaticString {
        switch number {
        case 1: "IllegalFunction"
        case 2: "IllegalDataAddr"
        case 3: "IllegalDataValue"
        case 4: "ServerDeviceFail"
        case 5: "Ack"
        case 6: "ServerDeviceBusy"
        case 7: "NegAck"
        case 8: "MemParityErr"
        case 10: "GatewayPathUnavailable"
        case 11: "GatewayTargetFailToResp"
        default: "Unknown"
        }
    }
}
