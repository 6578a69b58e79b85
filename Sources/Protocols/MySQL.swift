// SPDX-License-Identifier: Apache-2.0
//
// MySQL and MariaDB, client/server protocol 9 and 10 (MySQL Internals, chapters
// "Connection Phase" and "Command Phase").
//
// Reads   greeting, login, commands, OK, ERR and EOF packets, the shape of result sets.
// Writes  one `MySQLRecord` for the login and for each command.
// Leaves  the contents of results, prepared statements' answers, compression, TLS.

package import Records
import Wire

package struct MySQLRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var command = Text.absent
    var argument = Text.absent
    var success: Bool?
    var rows: UInt64?
    var response = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.mysql
    package static let summary: StaticString = "One MySQL command and its outcome."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("cmd", command, in: text, "The command; login for the handshake.")
        row.text("arg", argument, in: text, "Its argument: the query, the database, the user.")
        row.boolean("success", success, "Whether the server answered OK; unset where no answer is read.")
        row.count("rows", rows, "Rows that the command changed.")
        row.text("response", response, in: text, "Text of the server's error.")
    }
}

/// A server speaks first.
enum MySQLProbe {
    /// Octets of a version that are looked through; none is near it.
    private static let versionBytesMax = 64

    //  length (3, least significant first) | sequence 0 | protocol 10 | version, 0 | thread (4) | salt (8) | 0
    static func greeting(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 1 else { return .needsMore }
        guard bytes.octet(1) <= 1 else { return .never }
        for place in 2..<min(5, bytes.byteCount) where bytes.octet(place) != (place == 4 ? 10 : 0) { return .never }
        guard bytes.byteCount > 5 else { return .needsMore }
        guard HTTPOctets.isDigit(bytes.octet(5)) else { return .never }
        var end = 6
        while end < bytes.byteCount, bytes.octet(end) != 0 {
            guard end < 5 &+ versionBytesMax, (0x21...0x7E).contains(bytes.octet(end)) else { return .never }
            end &+= 1
        }
        let filler = end &+ 13
        guard filler < bytes.byteCount else { return .needsMore }
        return bytes.octet(filler) == 0 ? .matches : .never
    }
}

final class MySQL: FramedAnalyzer {
    /// Octets of a packet that are read; the rest of it is passed over.
    static let readBytesMax = 65_536

    /// What the server's next packet is.
    private enum Expectation {
        case nothing
        case status
        case columnCount
        case columnDefinition
        case columnDefinitionOrEnd
        /// The end of the definitions, where the client wants one; else the first row.
        case endThenRows
        case rows
    }

    /// Capabilities of the client (`CLIENT_…`).
    private enum Capability {
        static let encryption: UInt32 = 0x0000_0800
        static let authenticationPlugin: UInt32 = 0x0008_0000
        static let noEnd: UInt32 = 0x0100_0000
        static let queryAttributes: UInt32 = 0x0800_0000
    }

    private var version: UInt8 = 0
    private var capabilities: UInt32 = 0
    private var serverHasAttributes = false
    private var isInCommands = false
    private var sendsAuthentication = false
    private var previousSequence: UInt8 = 0
    private var expectation = Expectation.status
    private var columnsLeft: UInt64 = 0
    private var isInRows: Bool { isInCommands && (expectation == .rows || expectation == .endThenRows) }
    private var record = MySQLRecord()
    private var hasRow = false

    init() { super.init(kind: .mysql) }

    override func finish(_ context: inout AnalyzerContext) {
        emit(&context)
        super.finish(&context)
    }

    override func reset() {
        super.reset()
        (version, capabilities, previousSequence, columnsLeft) = (0, 0, 0, 0)
        (serverHasAttributes, isInCommands, sendsAuthentication, hasRow) = (false, false, false, false)
        expectation = .status
    }

    override func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing {
        guard !context.isPartial else { return .stop }
        guard bytes.byteCount >= 4 else { return .needs(4) }
        // Three octets of length, least significant first, and a sequence number.
        let word = bytes.load(0, as: UInt32.self).byteSwapped
        let length = Int(word & 0xFF_FFFF)
        let sequence = UInt8(truncatingIfNeeded: word >> 24)
        // Rows are never gathered: only their first octets tell whether they end.
        let read = min(length, direction == .responder && isInRows ? 16 : MySQL.readBytesMax)
        guard bytes.byteCount >= 4 &+ read else { return .needs(4 &+ read) }
        var cursor = Cursor(bytes.extracting(4 ..< 4 &+ read))
        do throws(WireError) {
            let isTLS =
                direction == .originator
                ? try client(&cursor, &context) : try server(&cursor, sequence, length, &context)
            return isTLS ? .startsTLS(after: 4 &+ length) : .took(4 &+ length)
        } catch {
            violation(&context)
            return .discard
        }
    }

    // MARK: rows

    private func open(_ context: inout AnalyzerContext) {
        hasRow = true
        record.text.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        (record.success, record.rows, record.response) = (nil, nil, .absent)
    }

    private func emit(_ context: inout AnalyzerContext) {
        guard hasRow else { return }
        hasRow = false
        context.output.emit(record)
    }

    // MARK: client

    /// Returns whether TLS begins.
    private func client(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) -> Bool {
        if isInCommands {
            try command(&cursor, &context)
            return false
        }
        if sendsAuthentication { return false }
        switch version {
        case 10: return try login(&cursor, &context)
        case 9:
            _ = try cursor.take(5)
            try login(named: try cursor.take(try cursor.textCount()), &context)
            return false
        default: throw .malformed(at: 0)
        }
    }

    private func login(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) -> Bool {
        let flags = try cursor.readLittle(UInt32.self)
        try cursor.skip(28)
        capabilities = flags
        if flags & Capability.encryption != 0 {
            confirm(&context)
            return true
        }
        try login(named: try cursor.take(try cursor.textCount()), &context)
        sendsAuthentication = flags & Capability.authenticationPlugin != 0
        return false
    }

    private func login(named user: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        confirm(&context)
        guard !hasRow else { return }
        open(&context)
        record.command = record.text.add("login")
        record.argument = record.text.add(user)
    }

    private func command(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        let code = try cursor.read(UInt8.self)
        if code == 0x03, serverHasAttributes, capabilities & Capability.queryAttributes != 0 {
            try MySQLAttributes.skip(&cursor)
        }
        var argument = cursor.rest()
        if code == 0x11 {
            // change_user begins a new handshake; its user is the argument.
            guard let end = argument.firstIndex(of: 0) else { throw .truncated(at: 1) }
            argument = argument.extracting(0..<end)
        } else if argument.byteCount > 0, argument.octet(argument.byteCount &- 1) == 0 {
            argument = argument.extracting(0 ..< argument.byteCount &- 1)
        }
        emit(&context)
        open(&context)
        let start = record.text.begin()
        if let name = MySQL.commandName(code) {
            record.text.append(name)
        } else {
            record.text.append("unknown-")
            record.text.append(decimal: UInt64(code))
        }
        record.command = record.text.end(start)
        record.argument = record.text.add(argument)
        expect(after: code)
        if code == 0x01 { emit(&context) }
    }

    private func expect(after code: UInt8) {
        switch code {
        case 0x00, 0x01, 0x02, 0x05...0x08, 0x0B...0x10, 0x1D, 0x1F: expectation = .status
        case 0x03, 0x0A: expectation = .columnCount
        case 0x04: expectation = .columnDefinitionOrEnd
        case 0x11: isInCommands = false
        default: expectation = .nothing
        }
    }

    // MARK: server

    /// Returns whether TLS begins: never, the client says so.
    private func server(
        _ cursor: inout Cursor, _ sequence: UInt8, _ length: Int, _ context: inout AnalyzerContext
    ) throws(WireError) -> Bool {
        // The sequence of a long result wraps; only a zero that does not is a greeting.
        let isFirst = sequence == 0 && previousSequence != 255
        previousSequence = sequence
        if isInCommands {
            try response(&cursor, length, &context)
        } else if isFirst {
            try greeting(&cursor, &context)
        } else {
            try handshake(&cursor, &context)
        }
        return false
    }

    private func greeting(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        version = try cursor.read(UInt8.self)
        switch version {
        case 10:
            let version = try cursor.take(try cursor.textCount())
            context.software(.mysqlServer, version, of: context.id.responder)
            try cursor.skip(1)
            try cursor.skip(4 + 8 + 1 + 2 + 1 + 2)
            let high = UInt32(try cursor.readLittle(UInt16.self)) << 16
            serverHasAttributes = high & Capability.queryAttributes != 0
            let count = try cursor.read(UInt8.self)
            guard count == 0 || count >= 21 else { throw .malformed(at: cursor.offset) }
            try cursor.skip(10)
            try cursor.skip(count > 21 ? Int(count) &- 8 : 13)
            if high & Capability.authenticationPlugin != 0 { try cursor.skipText() }
        case 9:
            try cursor.skipText()
            try cursor.skip(4)
            try cursor.skipText()
        default: try error(&cursor, &context)
        }
    }

    /// After the greeting and before the first command.
    private func handshake(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        switch try cursor.read(UInt8.self) {
        case 0x00: try accepted(&cursor, &context)
        case 0x01: break
        case 0xFE:
            try cursor.skipText()
            sendsAuthentication = true
            expectation = .status
        case 0xFF: try error(&cursor, &context)
        default: throw .malformed(at: 0)
        }
    }

    private func response(
        _ cursor: inout Cursor, _ length: Int, _ context: inout AnalyzerContext
    ) throws(WireError) {
        switch expectation {
        case .nothing: return
        case .status:
            switch try cursor.read(UInt8.self) {
            case 0x00: try accepted(&cursor, &context)
            case 0xFE: try ended(&cursor, &context)
            case 0xFF: try error(&cursor, &context)
            default: break
            }
        case .columnCount:
            let first = try cursor.read(UInt8.self)
            if first == 0x00 { return try accepted(&cursor, &context) }
            if first == 0xFF { return try error(&cursor, &context) }
            columnsLeft = try cursor.lengthEncoded(first)
            expectation = .columnDefinition
        case .columnDefinition:
            try columnDefinition(&cursor)
            columnsLeft = columnsLeft > 0 ? columnsLeft &- 1 : 0
            expectation = columnsLeft > 0 ? .columnDefinition : .endThenRows
        case .columnDefinitionOrEnd:
            guard cursor.peek == 0xFE else { return try columnDefinition(&cursor) }
            try cursor.skip(1)
            try end(&cursor, length, &context)
        case .endThenRows:
            guard capabilities & Capability.noEnd == 0 else { return try row(&cursor, length, &context) }
            try cursor.skip(5)
            expectation = .rows
        case .rows: try row(&cursor, length, &context)
        }
    }

    private func row(_ cursor: inout Cursor, _ length: Int, _ context: inout AnalyzerContext) throws(WireError) {
        let first = try cursor.read(UInt8.self)
        guard first == 0xFE else {
            expectation = .rows
            return
        }
        expectation = .nothing
        try end(&cursor, length, &context)
    }

    /// The end of a result, an EOF packet or an OK packet in its place.
    private func end(_ cursor: inout Cursor, _ length: Int, _ context: inout AnalyzerContext) throws(WireError) {
        if capabilities & Capability.noEnd != 0 || length > 9 {
            try accepted(&cursor, &context)
        } else {
            try ended(&cursor, &context)
        }
    }

    private func columnDefinition(_ cursor: inout Cursor) throws(WireError) {
        for _ in 0..<6 { try cursor.skipLengthEncodedText() }
        _ = try cursor.lengthEncoded(try cursor.read(UInt8.self))
        try cursor.skip(12)
    }

    private func accepted(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        let rows = try cursor.lengthEncoded(try cursor.read(UInt8.self))
        isInCommands = true
        sendsAuthentication = false
        guard hasRow else { return }
        record.success = true
        record.rows = rows & 0xFFFF_FFFF
        emit(&context)
    }

    private func ended(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        try cursor.skip(4)
        guard hasRow else { return }
        record.success = true
        record.rows = 0
        emit(&context)
    }

    private func error(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        try cursor.skip(8)
        isInCommands = true
        sendsAuthentication = false
        guard hasRow else { return }
        record.success = false
        record.response = record.text.add(cursor.rest())
        emit(&context)
    }

    private static func commandName(_ code: UInt8) -> StaticString? {
        let names: [32 of StaticString] = [
            "sleep", "quit", "init_db", "query", "field_list", "create_db", "drop_db", "refresh", "shutdown",
            "statistics", "process_info", "connect", "process_kill", "debug", "ping", "time", "delayed_insert",
            "change_user", "binlog_dump", "table_dump", "connect_out", "register_slave", "stmt_prepare",
            "stmt_execute", "stmt_send_long_data", "stmt_close", "stmt_reset", "set_option", "stmt_fetch", "daemon",
            "binlog_dump_gtid", "reset_connection",
        ]
        return code < 32 ? names[Int(code)] : nil
    }
}

/// Query attributes, which precede a query's text (MySQL 8.0.23 and later).
private enum MySQLAttributes {
    /// Attributes of one query; a client sends a handful.
    static let countMax: UInt64 = 4096

    static func skip(_ cursor: inout Cursor) throws(WireError) {
        let count = try cursor.lengthEncoded(try cursor.read(UInt8.self))
        _ = try cursor.lengthEncoded(try cursor.read(UInt8.self))
        guard count > 0 else { return }
        guard count <= countMax else { throw .malformed(at: cursor.offset) }
        let total = Int(count)
        var nulls = Cursor(try cursor.take((total &+ 7) / 8))
        guard try cursor.read(UInt8.self) == 1 else { throw .malformed(at: cursor.offset) }
        // Types stand before all values: one walk of them for each value is avoided by two cursors.
        var types = cursor
        for _ in 0..<total { _ = try type(&cursor) }
        var bits: UInt8 = 0
        for index in 0..<total {
            if index & 7 == 0 { bits = try nulls.read() }
            let type = try type(&types)
            if bits >> UInt8(index & 7) & 1 == 0 { try value(type, &cursor) }
        }
    }

    /// Type, sign and name of an attribute.
    private static func type(_ cursor: inout Cursor) throws(WireError) -> UInt8 {
        let type = try cursor.read(UInt8.self)
        try cursor.skip(1)
        try cursor.skipLengthEncodedText()
        return type
    }

    /// Steps over a value in the binary form of its type.
    private static func value(_ type: UInt8, _ cursor: inout Cursor) throws(WireError) {
        switch type {
        case 0x01: try cursor.skip(1)
        case 0x02, 0x0D: try cursor.skip(2)
        case 0x03, 0x04, 0x09: try cursor.skip(4)
        case 0x05, 0x08: try cursor.skip(8)
        case 0x06: break
        case 0x07, 0x0A, 0x0B, 0x0C, 0x11: try cursor.skip(Int(try cursor.read(UInt8.self)))
        case 0x00, 0x0F, 0x10, 0xF5...0xFF: try cursor.skipLengthEncodedText()
        default: throw .malformed(at: cursor.offset)
        }
    }
}

extension Cursor {
    /// Octets before the zero octet that ends a text here.
    mutating func textCount() throws(WireError) -> Int {
        let start = offset
        let count = rest().firstIndex(of: 0)
        try seek(to: start)
        guard let count else { throw .truncated(at: start) }
        return count
    }

    /// Steps over a text and the zero octet that ends it.
    mutating func skipText() throws(WireError) { try skip(try textCount() &+ 1) }

    /// The length-encoded integer that begins with `first`; 0 for NULL and for the mark of an error.
    fileprivate mutating func lengthEncoded(_ first: UInt8) throws(WireError) -> UInt64 {
        switch first {
        case 0xFC: UInt64(try readLittle(UInt16.self))
        case 0xFD: UInt64(try readLittle(UInt16.self)) | UInt64(try read(UInt8.self)) << 16
        case 0xFE: try readLittle(UInt64.self)
        case 0xFB, 0xFF: 0
        default: UInt64(first)
        }
    }

    fileprivate mutating func skipLengthEncodedText() throws(WireError) {
        let count = try lengthEncoded(try read(UInt8.self))
        guard count <= UInt64(remaining) else { throw .truncated(at: offset) }
        try skip(Int(count))
    }
}
