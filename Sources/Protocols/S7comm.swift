// SPDX-License-Identifier: Apache-2.0
//
// OSI transport on TCP (RFC 1006, X.224 class 0) and what Siemens' controllers speak on it: S7comm and
// S7comm-plus. Neither is published; the forms are those that the field's tools know.
//
// Reads   TPKT, COTP units, S7comm headers, parameters and what they name; heads of S7comm-plus. Port 102.
// Writes  `COTPRecord`, `S7commRecord`, `S7SZLRecord`, `S7TransferRecord`, `S7PlusRecord`.
// Leaves  values of variables, blocks, what S7comm-plus carries; other users of OSI transport (MMS).

import Records
import Wire

enum COTPProbe {
    /// A request to connect, with parameters of its kind: RDP, which opens the same way, has a cookie there.
    static func connect(_ bytes: RawSpan) -> ProbeVerdict {
        let verdict = bytes.beginning(with: "\u{3}\0", at: 0)
        guard verdict == .matches else { return verdict }
        guard bytes.byteCount >= 12 else { return .needsMore }
        let length = Int(bytes.load16(2))
        guard length >= 12, bytes.octet(4) == UInt8(truncatingIfNeeded: length &- 5) else { return .never }
        let isRequest = bytes.octet(5) == 0xE0 && bytes.load16(6) == 0
        return isRequest && (0xC0...0xC2).contains(bytes.octet(11)) ? .matches : .never
    }
}

/// The header of an S7comm message behind its first octet, 0x32.
///
///     | kind | redundancy |  reference  | octets of parameters | octets of data | error, in answers |
struct S7Header: BitwiseCopyable {
    let kind: UInt8
    let reference: UInt16
    let parameterCount: Int
    let dataCount: Int
    let error: UInt16?

    static let job: UInt8 = 1
    static let userData: UInt8 = 7

    init(parsing input: inout Cursor) throws(WireError) {
        kind = try input.read()
        guard NumberName.find(UInt32(kind), in: S7Tables.kinds) != nil else { throw .malformed(at: input.offset) }
        try input.skip(2)
        reference = try input.read()
        parameterCount = Int(try input.read(UInt16.self))
        dataCount = Int(try input.read(UInt16.self))
        error = kind == 2 || kind == 3 ? try input.read(UInt16.self) : nil
    }
}

final class COTP: FramedAnalyzer {
    /// Octets of one message put together from units; S7 negotiates at most 960, others more.
    private static let partsBytesMax = 65_536
    /// Variables of one request that are named in its row.
    private static let itemsMax = 20

    private var transport = COTPRecord()
    private var record = S7commRecord()
    private var status = S7SZLRecord()
    private var transfer = S7TransferRecord()
    private var plus = S7PlusRecord()
    /// The beginning of a side's message, until its last unit comes.
    private var parts: [2 of [UInt8]] = [[], []]

    init() { super.init(kind: .cotp) }

    override func reset() {
        super.reset()
        for side in 0..<2 { parts[side].removeAll(keepingCapacity: true) }
    }

    override func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing {
        guard bytes.byteCount >= 4 else { return .needs(4) }
        let count = Int(bytes.load16(2))
        guard bytes.octet(0) == 3, bytes.octet(1) == 0, count >= 7 else {
            violation(&context)
            return .stop
        }
        guard bytes.byteCount >= count else { return .needs(count) }
        do throws(WireError) {
            try unit(bytes.extracting(4..<count), direction, &context)
        } catch {
            violation(&context)
        }
        return .took(count)
    }

    /// A unit of transport: octets of its header, type, and the rest by type.
    private func unit(
        _ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var cursor = Cursor(bytes)
        let count = Int(try cursor.read(UInt8.self))
        var header = Cursor(try cursor.take(count))
        let type = try header.read(UInt8.self) >> 4
        guard type == 0xF else { return try control(type, &header, direction, &context) }
        let isLast = try header.read(UInt8.self) & 0x80 != 0
        let side = Int(direction.rawValue)
        let data = cursor.rest()
        if parts[side].isEmpty, isLast { return try payload(data, direction, &context) }
        guard parts[side].count &+ data.byteCount <= COTP.partsBytesMax else {
            parts[side].removeAll(keepingCapacity: true)
            throw .malformed(at: 0)
        }
        data.append(to: &parts[side])
        guard isLast else { return }
        // Out of the side while it is read.
        var whole: [UInt8] = []
        swap(&whole, &parts[side])
        defer {
            whole.removeAll(keepingCapacity: true)
            swap(&whole, &parts[side])
        }
        try payload(whole.octets, direction, &context)
    }

    /// Everything but data: a row.
    private func control(
        _ type: UInt8, _ header: inout Cursor, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        guard let name = NumberName.find(UInt32(type), in: S7Tables.transports) else { throw .malformed(at: 1) }
        transport.text.clear()
        (transport.calling, transport.called) = (.absent, .absent)
        if type == 0xE || type == 0xD {
            // Two references, the class; then parameters: code, octets, value (13.3.4).
            try header.skip(5)
            while header.remaining >= 2 {
                let code = try header.read(UInt8.self)
                let value = try header.take(Int(try header.read(UInt8.self)))
                if code == 0xC1 { transport.calling = transport.text.hexadecimal(value, limit: 32) }
                if code == 0xC2 { transport.called = transport.text.hexadecimal(value, limit: 32) }
            }
            confirm(&context)
        }
        transport.ts = context.now
        transport.uid = context.uid
        transport.id = context.id
        transport.isOriginator = direction == .originator
        transport.code = transport.text.hexadecimal(UInt64(type))
        transport.name = transport.text.add(name)
        context.output.emit(transport)
    }

    /// A whole message: the first octet tells the protocol.
    private func payload(
        _ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var cursor = Cursor(bytes)
        guard cursor.remaining > 0 else { return }
        switch try cursor.read(UInt8.self) {
        case 0x32: try classic(&cursor, direction, &context)
        case 0x72: try plus(&cursor, direction, &context)
        default: break
        }
    }

    private func found(_ kind: AnalyzerKind, _ context: inout AnalyzerContext) {
        confirm(&context)
        context.serviceChanges.append(.confirmed(kind))
    }

    // MARK: S7comm

    private func classic(
        _ cursor: inout Cursor, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        let header = try S7Header(parsing: &cursor)
        let parameters = try cursor.take(header.parameterCount)
        let data = try cursor.take(header.dataCount)
        found(.s7comm, &context)
        record.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.isOriginator = direction == .originator
        record.kind = UInt64(header.kind)
        record.kindName = record.text.name(UInt32(header.kind), in: S7Tables.kinds)
        record.reference = UInt64(header.reference)
        if let error = header.error {
            record.errorClass = record.text.name(UInt32(error >> 8), in: S7Tables.errorClasses)
            record.errorCode = record.text.hexadecimal(UInt64(error & 0xFF))
        }
        // What is not understood of the parameters costs the columns, not the row.
        defer { context.output.emit(record) }
        var input = Cursor(parameters)
        do throws(WireError) {
            if header.kind == S7Header.userData {
                try userData(header, &input, data, &context)
            } else if input.remaining > 0 {
                try function(header, &input, &context)
            }
        } catch {
            return
        }
    }

    private func function(
        _ header: S7Header, _ input: inout Cursor, _ context: inout AnalyzerContext
    ) throws(WireError) {
        let code = try input.read(UInt8.self)
        record.functionCode = record.text.hexadecimal(UInt64(code))
        record.function = record.text.name(UInt32(code), in: S7Tables.functions)
        switch code {
        case 0x04 where header.kind == S7Header.job, 0x05 where header.kind == S7Header.job: try variables(&input)
        case 0x1A...0x1F: try step(code, header, &input, &context)
        case 0x28 where header.kind == S7Header.job:
            try input.skip(7)
            try input.skip(Int(try input.read(UInt16.self)))
            try service(&input)
        case 0x29 where header.kind == S7Header.job:
            try input.skip(5)
            try service(&input)
        default: break
        }
    }

    /// The service of PLC control, by name.
    private func service(_ input: inout Cursor) throws(WireError) {
        let name = try input.take(Int(try input.read(UInt8.self)))
        record.subfunctionCode = record.text.add(name)
        if let meaning = S7Names.service(name) { record.subfunction = record.text.add(meaning) }
    }

    /// Items of a request: in the form of ANY pointers, or others, which are passed over.
    private func variables(_ input: inout Cursor) throws(WireError) {
        let count = Int(try input.read(UInt8.self))
        var items: [Text] = []
        for index in 0..<count {
            guard try input.read(UInt8.self) == 0x12 else { return }
            let length = Int(try input.read(UInt8.self))
            var item = Cursor(try input.take(length))
            // Items begin at whole words.
            if length & 1 != 0, index &+ 1 < count, input.remaining > 0, input.peek == 0 { try input.skip(1) }
            guard items.count < COTP.itemsMax, try item.read(UInt8.self) == 0x10, item.remaining >= 9 else { continue }
            items.append(try S7Names.pointer(&item, &record.text))
        }
        record.items = items
    }

    /// A step of an upload or download (0x1A to 0x1F).
    private func step(
        _ code: UInt8, _ header: S7Header, _ input: inout Cursor, _ context: inout AnalyzerContext
    ) throws(WireError) {
        transfer.clear()
        transfer.ts = context.now
        transfer.uid = context.uid
        transfer.id = context.id
        transfer.kind = transfer.text.name(UInt32(header.kind), in: S7Tables.kinds)
        transfer.reference = UInt64(header.reference)
        transfer.function = transfer.text.name(UInt32(code), in: S7Tables.functions)
        transfer.status = .absent
        defer { context.output.emit(transfer) }
        guard input.remaining > 0 else { return }
        transfer.status = transfer.text.hexadecimal(UInt64(try input.read(UInt8.self)))
        guard input.remaining >= 6 else { return }
        try input.skip(2)
        transfer.session = UInt64(try input.read(UInt32.self))
        guard input.remaining > 0 else { return }
        let text = try input.take(Int(try input.read(UInt8.self)))
        if header.kind == S7Header.job {
            transfer.read(name: text)
            // Behind a download's name: `1`, six digits of load memory, six of code.
            guard input.remaining > 0 else { return }
            let sizes = try input.take(Int(try input.read(UInt8.self)))
            if sizes.byteCount >= 7 { transfer.blockLength = S7Names.decimal(sizes.extracting(1..<7)) }
        } else {
            transfer.blockLength = S7Names.decimal(text)
        }
    }

    /// User data: a fixed head, then method, kind and group, function.
    private func userData(
        _ header: S7Header, _ input: inout Cursor, _ data: RawSpan, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try input.skip(3)
        let count = Int(try input.read(UInt8.self))
        let method = try input.read(UInt8.self)
        let code = try input.read(UInt8.self)
        let number = try input.read(UInt8.self)
        record.functionCode = record.text.hexadecimal(UInt64(code))
        let start = record.text.begin()
        switch code >> 4 {
        case 0x0, 0x3: record.text.append("Push: ")
        case 0x4, 0x7: record.text.append("Request: ")
        case 0x8, 0xB: record.text.append("Response: ")
        default: record.text.append("Unknown: ")
        }
        _ = record.text.name(UInt32(code & 15), in: S7Tables.groups)
        record.function = record.text.end(start)
        record.subfunctionCode = record.text.hexadecimal(UInt64(number))
        record.subfunction = record.text.name(UInt32(code & 15) << 8 | UInt32(number), in: S7Tables.subfunctions)
        if count >= 8, input.remaining >= 5 {
            try input.skip(3)
            let error = try input.read(UInt16.self)
            record.errorClass = record.text.add(error == 0 ? "No error" : "Parameter Error")
            record.errorCode = record.text.hexadecimal(UInt64(error), digits: 4)
        }
        if code & 15 == 4, number == 1 { try statusList(header, isResponse: method == 0x12, data, &context) }
    }

    /// A system status list: return code, transport size, octets; then the list and its part.
    private func statusList(
        _ header: S7Header, isResponse: Bool, _ data: RawSpan, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var cursor = Cursor(data)
        status.text.clear()
        let code = try cursor.read(UInt8.self)
        try cursor.skip(3)
        status.ts = context.now
        status.uid = context.uid
        status.id = context.id
        status.reference = UInt64(header.reference)
        status.isResponse = isResponse
        status.returnCode = status.text.hexadecimal(UInt64(code))
        status.returnName = status.text.name(UInt32(code), in: S7Tables.returnCodes)
        (status.list, status.listName, status.index) = (.absent, .absent, .absent)
        if cursor.remaining >= 4 {
            let list = try cursor.read(UInt16.self)
            status.list = status.text.hexadecimal(UInt64(list), digits: 4)
            status.listName = status.text.name(UInt32(list & 0xFF), in: S7Tables.statusLists)
            status.index = status.text.hexadecimal(UInt64(try cursor.read(UInt16.self)), digits: 4)
        }
        context.output.emit(status)
    }

    // MARK: S7comm-plus

    /// Version, octets, in version 3 a digest; then opcode, two octets, function. The end of a message is a
    /// head without octets behind it.
    private func plus(
        _ cursor: inout Cursor, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        let version = try cursor.read(UInt8.self)
        let length = Int(try cursor.read(UInt16.self))
        found(.s7commPlus, &context)
        // Keep-alives have version 255, and fragments after the first no head of their own.
        guard length > 0, version != 0xFF else { return }
        if version == 3 { try cursor.skip(Int(try cursor.read(UInt8.self))) }
        let opcode = try cursor.read(UInt8.self)
        guard NumberName.find(UInt32(opcode), in: S7Tables.plusOpcodes) != nil else { return }
        plus.text.clear()
        plus.ts = context.now
        plus.uid = context.uid
        plus.id = context.id
        plus.isOriginator = direction == .originator
        plus.version = UInt64(version)
        plus.opcode = plus.text.hexadecimal(UInt64(opcode))
        plus.opcodeName = plus.text.name(UInt32(opcode), in: S7Tables.plusOpcodes)
        (plus.functionCode, plus.function) = (.absent, .absent)
        if opcode != 0x33, cursor.remaining >= 4 {
            try cursor.skip(2)
            let function = try cursor.read(UInt16.self)
            plus.functionCode = plus.text.hexadecimal(UInt64(function), digits: 4)
            plus.function = plus.text.name(UInt32(function), in: S7Tables.plusFunctions)
        }
        context.output.emit(plus)
    }
}

/// Texts of S7comm that are put together.
enum S7Names {
    /// The commonest services of PLC control.
    static func service(_ name: RawSpan) -> StaticString? {
        let known: [7 of (name: StaticString, meaning: StaticString)] = [
            ("_INSE", "Activates a PLC module"), ("_INS2", "Activates a PLC module"),
            ("_DELE", "Removes module from the PLC's passive file system"), ("P_PROGRAM", "PLC Start / Stop"),
            ("_MODU", "PLC Copy Ram to Rom"), ("_GARB", "Compress PLC memory"), ("_N_LOGIN_", "Login"),
        ]
        for index in known.indices
        where name.byteCount == known[index].name.utf8CodeUnitCount && name.begins(with: known[index].name) {
            return known[index].meaning
        }
        return nil
    }

    /// An ANY pointer behind its syntax: size, number, block, area, address in bits; `P#DB1.DBX0.0 BYTE 4`.
    static func pointer(_ item: inout Cursor, _ text: inout TextBuffer) throws(WireError) -> Text {
        let size = try item.read(UInt8.self)
        let count = try item.read(UInt16.self)
        let block = try item.read(UInt16.self)
        let address = try item.read(UInt32.self)
        let start = text.begin()
        text.append("P#")
        switch UInt8(truncatingIfNeeded: address >> 24) {
        case 0x81: text.append("I")
        case 0x82: text.append("Q")
        case 0x83: text.append("M")
        case 0x84, 0x85:
            text.append(address >> 24 == 0x84 ? "DB" : "DI")
            text.append(decimal: UInt64(block))
            text.append(address >> 24 == 0x84 ? ".DBX" : ".DIX")
        case 0x86: text.append("L")
        case 0x80: text.append("P")
        case 0x1C: text.append("C")
        case 0x1D: text.append("T")
        default: text.append("?")
        }
        text.append(decimal: UInt64(address & 0xFF_FFFF) / 8)
        text.append(".")
        text.append(decimal: UInt64(address & 7))
        text.append(" ")
        text.append(unit(size))
        text.append(" ")
        text.append(decimal: UInt64(count))
        return text.end(start)
    }

    private static func unit(_ size: UInt8) -> StaticString {
        switch size {
        case 0x01: "BIT"
        case 0x02: "BYTE"
        case 0x03: "CHAR"
        case 0x04: "WORD"
        case 0x05: "INT"
        case 0x06: "DWORD"
        case 0x07: "DINT"
        case 0x08: "REAL"
        case 0x09: "DATE"
        case 0x0A: "TOD"
        case 0x0B: "TIME"
        case 0x0C: "S5TIME"
        case 0x0F: "DATE_AND_TIME"
        case 0x1C: "COUNTER"
        case 0x1D: "TIMER"
        default: "UNKNOWN"
        }
    }

    /// A number in decimal digits; nil where there are others or too many.
    static func decimal(_ digits: RawSpan) -> UInt64? {
        guard digits.byteCount > 0, digits.byteCount <= 18 else { return nil }
        var value: UInt64 = 0
        for index in 0..<digits.byteCount {
            let digit = digits.octet(index) &- 0x30
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        return value
    }
}
