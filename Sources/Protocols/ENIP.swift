// SPDX-License-Identifier: Apache-2.0
//
// EtherNet/IP (ODVA, CIP Networks Library volume 2): encapsulation over TCP and UDP port 44818, and the
// implicit messages of UDP port 2222.
//
// Reads   encapsulation headers, common packet formats, identities, services; CIP inside (CIP.swift).
// Writes  one `ENIPRecord` for each message, `CIPRecord` for each service, `CIPIdentityRecord` for each identity,
//         `CIPIORecord` for each implicit connection.
// Leaves  DTLS, socket addresses, the values of implicit messages.

package import Records
import Wire

/// The header of every encapsulated message, 24 octets, little-endian (2-3).
///
///     |  command  |   length  |     session handle    |
///     |         status        |    sender context …   |
///     |    … sender context   |        options        |
struct ENIPHeader: BitwiseCopyable {
    static let byteCount = 24

    let command: UInt16
    /// Octets behind the header.
    let length: Int
    let session: UInt32
    let status: UInt32
    /// In the order of the wire.
    let context: UInt64
    let options: UInt32

    init(parsing input: inout Cursor) throws(WireError) {
        command = try input.readLittle()
        length = Int(try input.readLittle(UInt16.self))
        session = try input.readLittle()
        status = try input.readLittle()
        context = try input.read()
        options = try input.readLittle()
    }

    /// A command and a status that the specification knows.
    var isKnown: Bool { ENIPCommand(rawValue: command) != nil && ENIPStatus.name(status) != nil }
}

enum ENIPCommand: UInt16 {
    case nop = 0x00
    case listServices = 0x04
    case listIdentity = 0x63
    case listInterfaces = 0x64
    case registerSession = 0x65
    case unregisterSession = 0x66
    case sendRRData = 0x6F
    case sendUnitData = 0x70
    case indicateStatus = 0x72
    case cancel = 0x73
    case startDTLS = 0xC8

    var name: StaticString {
        switch self {
        case .nop: "NOP"
        case .listServices: "List Services"
        case .listIdentity: "List Identity"
        case .listInterfaces: "List Interfaces"
        case .registerSession: "Register Session"
        case .unregisterSession: "Unregister Session"
        case .sendRRData: "Send RR Data"
        case .sendUnitData: "Send Unit Data"
        case .indicateStatus: "Indicate Status"
        case .cancel: "Cancel"
        case .startDTLS: "Start DTLS"
        }
    }
}

enum ENIPStatus {
    static func name(_ status: UInt32) -> StaticString? {
        switch status {
        case 0x00: "Success"
        case 0x01: "Invalid Command"
        case 0x02: "No Memory Resources"
        case 0x03: "Incorrect Data"
        case 0x64: "Invalid Session Handle"
        case 0x65: "Invalid Length"
        case 0x69: "Unsupported Protocol Revision"
        case 0x6A: "Encapsulation Header Error"
        default: nil
        }
    }
}

package struct ENIPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var commandCode = Text.absent
    var command = Text.absent
    var length: UInt64 = 0
    var session = Text.absent
    var status = Text.absent
    var context = Text.absent
    var options = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.enip
    package static let summary: StaticString = "One encapsulated message of EtherNet/IP."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.text("enip_command_code", commandCode, in: text, "Command as a number.")
        row.text("enip_command", command, in: text, "Command by name.")
        row.count("length", length, "Octets behind the header.")
        row.text("session_handle", session, in: text, "Session, given by the target.")
        row.text("enip_status", status, in: text, "Status by name.")
        row.text("sender_context", context, in: text, "What the sender wants to find again in the answer.")
        row.text("options", options, in: text, "Options.")
    }

    fileprivate mutating func read(_ header: ENIPHeader) {
        text.clear()
        commandCode = text.hexadecimal(UInt64(header.command))
        let name = ENIPCommand(rawValue: header.command)?.name
        command = name.map { text.add($0) } ?? .absent
        length = UInt64(header.length)
        session = text.hexadecimal(UInt64(header.session), digits: 8)
        if let name = ENIPStatus.name(header.status) {
            status = text.add(name)
        } else {
            status = text.hexadecimal(UInt64(header.status), digits: 8)
        }
        context = text.hexadecimal(header.context, digits: 16)
        options = text.hexadecimal(UInt64(header.options), digits: 8)
    }
}

/// Registration, identities and identity lists have no session yet; these beginnings are theirs alone.
enum ENIPProbe {
    /// Registers a session: version 1, no options.
    static func register(_ bytes: RawSpan) -> ProbeVerdict {
        let verdict = bytes.beginning(with: "e\0\u{4}\0\0\0\0\0\0\0\0\0", at: 0)
        guard verdict == .matches else { return verdict }
        guard bytes.byteCount >= 28 else { return .needsMore }
        return bytes.load(20, as: UInt64.self) == 0x0100_0000 ? .matches : .never
    }

    /// Asks who is there: nothing but the command, and how long an answer may wait.
    static func listIdentity(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount == ENIPHeader.byteCount else { return .never }
        guard bytes.beginning(with: "c\0\0\0\0\0\0\0\0\0\0\0", at: 0) == .matches else { return .never }
        return bytes.load(20, as: UInt32.self) == 0 ? .matches : .never
    }
}

final class ENIP: FramedAnalyzer {
    /// Port of implicit messages.
    static let implicitPort: UInt16 = 2222
    /// The longest data: what an encapsulated message may have (2-3.2).
    private static let dataBytesMax = 65_511

    var record = ENIPRecord()
    var service = CIPRecord()
    var identity = CIPIdentityRecord()
    var message = CIPMessage()
    private var implicit = CIPImplicit()
    /// The newest transaction as EVE writes it, for alerts about it.
    var latest: (transaction: UInt64, members: [UInt8]) = (0, [])
    /// Requests that wait for their answer, where anybody wants to know.
    var pending = ENIPPending()

    init() { super.init(kind: .enip) }

    override func reset() {
        super.reset()
        implicit.clear()
        pending.clear()
        latest = (0, [])
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) {
        if tx == latest.transaction { event.members(latest.members[...]) }
    }

    override func finish(_ context: inout AnalyzerContext) {
        implicit.finish(&context)
        pending.finish(&context)
        super.finish(&context)
    }

    override func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing {
        guard bytes.byteCount >= ENIPHeader.byteCount else { return .needs(ENIPHeader.byteCount) }
        var cursor = Cursor(bytes)
        guard let header = try? ENIPHeader(parsing: &cursor), header.isKnown, header.length <= ENIP.dataBytesMax else {
            violation(&context)
            return .stop
        }
        let count = ENIPHeader.byteCount &+ header.length
        guard bytes.byteCount >= count else { return .needs(count) }
        take(header, bytes.extracting(ENIPHeader.byteCount..<count), direction, &context)
        // From here on the session is encrypted.
        return header.command == ENIPCommand.startDTLS.rawValue && direction == .responder ? .stop : .took(count)
    }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard !isDetached else { return }
        do throws(WireError) {
            if implicit.isOne(bytes) {
                try implicit.read(bytes, direction, &context)
                return confirm(&context)
            }
            var cursor = Cursor(bytes)
            let header = try ENIPHeader(parsing: &cursor)
            guard header.isKnown else { throw .malformed(at: 0) }
            take(header, try cursor.take(header.length), direction, &context)
        } catch {
            // A capture that was cut says nothing about the protocol.
            if wireLength <= bytes.byteCount { violation(&context) }
        }
    }

    private func take(
        _ header: ENIPHeader, _ data: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        confirm(&context)
        record.read(header)
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.isOriginator = direction == .originator
        context.output.emit(record)
        var view = ENIPView(header: header)
        message.clear()
        do throws(WireError) {
            try body(header, data, direction, &view, &context)
        } catch {
            view.isBroken = true
        }
        show(view, data, direction, &context)
    }

    /// What the commands carry (2-4).
    private func body(
        _ header: ENIPHeader, _ data: RawSpan, _ direction: Direction, _ view: inout ENIPView,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        var cursor = Cursor(data)
        switch ENIPCommand(rawValue: header.command) {
        case .sendRRData, .sendUnitData:
            // Interface handle, time-out, items.
            try cursor.skip(6)
            try items(data, &cursor, direction, &view, &context)
        case .listIdentity, .listServices:
            guard direction == .responder || context.id.transport != .tcp, data.byteCount > 0 else { return }
            try items(data, &cursor, direction, &view, &context)
        case .registerSession:
            guard data.byteCount > 0 else { return }
            view.version = try cursor.readLittle()
            view.options = try cursor.readLittle()
        default: break
        }
    }

    /// The items of the common packet format (2-6): type, length, data.
    private func items(
        _ data: RawSpan, _ cursor: inout Cursor, _ direction: Direction, _ view: inout ENIPView,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        let count = Int(try cursor.readLittle(UInt16.self))
        for _ in 0..<count {
            let type = try cursor.readLittle(UInt16.self)
            let length = Int(try cursor.readLittle(UInt16.self))
            let start = cursor.offset
            try cursor.skip(length)
            let range = start ..< start &+ length
            switch type {
            case 0x0C: try identity(data.extracting(range), at: start, &view, &context)
            case 0xB1:
                var part = Cursor(data.extracting(range))
                view.sequence = try part.readLittle(UInt16.self)
                try services(data, start &+ 2 ..< range.upperBound, direction, &view, &context)
            case 0xB2: try services(data, range, direction, &view, &context)
            case 0x100:
                var part = Cursor(data.extracting(range))
                view.version = try part.readLittle()
                view.capabilities = try part.readLittle()
                view.serviceName = range.upperBound &- part.remaining ..< range.upperBound
            default: break
            }
        }
    }

    private func identity(
        _ item: RawSpan, at start: Int, _ view: inout ENIPView, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var cursor = Cursor(item)
        let found = try CIPIdentity(parsing: &cursor)
        if view.identity == nil {
            view.identity = found
            view.productName = start &+ found.name.lowerBound ..< start &+ found.name.upperBound
        }
        identity.read(found, name: item.extracting(found.name))
        identity.ts = context.now
        identity.uid = context.uid
        identity.id = context.id
        context.output.emit(identity)
    }

    /// A CIP message: a row for each service in it.
    private func services(
        _ data: RawSpan, _ range: Range<Int>, _ direction: Direction, _ view: inout ENIPView,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        // The first message of a packet is the one that events tell of.
        guard view.cip == nil else { return }
        view.cip = range
        let bytes = data.extracting(range)
        defer {
            for found in message.services {
                service.read(found, of: message, bytes)
                service.ts = context.now
                service.uid = context.uid
                service.id = context.id
                service.isOriginator = direction == .originator
                service.sequence = view.sequence.map { UInt64($0) }
                context.output.emit(service)
            }
        }
        try message.read(bytes)
    }
}
