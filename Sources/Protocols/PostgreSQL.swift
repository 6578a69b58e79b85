// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL, frontend/backend protocol 3.0 (PostgreSQL documentation, chapter
// "Frontend/Backend Protocol").
//
// Reads   startup, simple queries, authentication, errors, notices, row counts.
// Writes  one `PostgreSQLRecord` for each of ssl_request, startup, query, terminate.
// Leaves  the extended query (Parse, Bind, Execute), COPY, cancel requests, TLS; events (PostgreSQL+EVE.swift).

package import Records
import Wire

package struct PostgreSQLRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var frontend: StaticString?
    var argument = Text.absent
    var success: Bool?
    var rows: UInt64?
    /// Texts of this row: the argument alone.
    var text = TextBuffer()
    // Each of these grows during the row, so each has octets of its own.
    var reply = GrowingText()
    var replyArgument = GrowingText()
    /// Texts of the session: the same on all rows.
    var session = TextBuffer()
    var user = Text.absent
    var database = Text.absent
    var application = Text.absent

    package init() {}

    package static let log = LogID.postgresql
    package static let summary: StaticString = "One PostgreSQL command and its outcome."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("user", user, in: session, "User of the startup message.", isKey: true)
        row.text("database", database, in: session, "Database of the startup message.")
        row.text("application_name", application, in: session, "Application name of the startup message.")
        row.text("frontend", frontend, "What the client sent: ssl_request, startup, simple_query or terminate.")
        row.text("frontend_arg", argument, in: text, "Text of the query.")
        row.text("backend", reply.text, in: reply.buffer, "What the server answered: ssl_reply, auth_ok, error.")
        row.text(
            "backend_arg", replyArgument.text, in: replyArgument.buffer,
            "Names of the authentication methods, and the fields of notices and errors.")
        row.boolean("success", success, "Whether the login or query succeeded.")
        row.count("rows", rows, "Rows that the server returned.")
    }

    /// Forgets the row, keeps the session.
    mutating func clear() {
        (frontend, argument, success, rows) = (nil, .absent, nil, nil)
        text.clear()
        reply.clear()
        replyArgument.clear()
    }
}

/// A text that grows in parts joined by commas.
struct GrowingText: Sendable {
    /// Octets that are kept.
    static let bytesMax = 65_536
    private(set) var buffer = TextBuffer()
    private(set) var isSet = false

    var text: Text { isSet ? Text(offset: 0, count: UInt32(truncatingIfNeeded: buffer.begin())) : .absent }
    private var room: Int { GrowingText.bytesMax &- buffer.begin() }

    mutating func clear() {
        buffer.clear()
        isSet = false
    }

    /// Begins a part: a comma where there is one before.
    mutating func beginPart() {
        if isSet, room > 0 { buffer.append(",") }
        isSet = true
    }

    mutating func append(_ literal: StaticString) { if room > 0 { buffer.append(literal) } }
    mutating func append(_ span: RawSpan) { _ = buffer.add(span, limit: max(0, room)) }
    mutating func append(octet: UInt8) { if room > 0 { buffer.bytes.append(octet) } }
    mutating func append(decimal value: UInt64) { if room > 0 { buffer.append(decimal: value) } }
}

/// Probes of base/protocols/postgresql/dpd.sig; each needs the other side's.
enum PostgreSQLProbe {
    /// The request for TLS.
    static func sslRequest(_ bytes: RawSpan) -> ProbeVerdict {
        let wanted: [8 of UInt8] = [0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F]
        for index in 0..<8 {
            guard index < bytes.byteCount else { return .needsMore }
            if bytes.octet(index) != wanted[index] { return .never }
        }
        return .matches
    }

    /// Its answer.
    static func sslReply(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        return bytes.octet(0) == 0x53 || bytes.octet(0) == 0x4E ? .matches : .never
    }

    /// A startup message of version 3.0 with a user.
    static func startup(_ bytes: RawSpan) -> ProbeVerdict {
        for index in 4..<7 {
            guard index < bytes.byteCount else { return .needsMore }
            if bytes.octet(index) != (index == 5 ? 3 : 0) { return .never }
        }
        var at = 7
        while at < 7 &+ 256 {
            switch bytes.beginning(with: "user\0", at: at) {
            case .matches: return .matches
            case .needsMore: return .needsMore
            case .never: at &+= 1
            }
        }
        return .never
    }

    /// Any message of less than 64 KiB of the server.
    static func reply(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        let first = bytes.octet(0)
        guard HTTPOctets.isDigit(first) || (0x41...0x5A).contains(first & 0xDF) else { return .never }
        for index in 1..<3 {
            guard index < bytes.byteCount else { return .needsMore }
            if bytes.octet(index) != 0 { return .never }
        }
        return bytes.byteCount < 5 ? .needsMore : .matches
    }
}

final class PostgreSQL: FramedAnalyzer {
    /// Deliveries of one side that wait for the other side's first message.
    static let waitingMax = 4
    /// Octets of a message that are read; the rest of it is passed over.
    static let readBytesMax = 65_536

    private enum Encryption { case unknown, requested, refused }

    private var encryption = Encryption.unknown
    private var hasFrontend = false
    private var hasStartup = false
    private var waiting: [2 of Int] = [0, 0]
    private var record = PostgreSQLRecord()
    private var hasRow = false
    /// Rows since the last query or ReadyForQuery that wrote a row.
    private var rowCount: UInt64?
    private var errorFields = GrowingText()
    private var view = PostgreSQLView()

    init() { super.init(kind: .postgresql) }

    override func finish(_ context: inout AnalyzerContext) {
        emit(&context)
        view.end(&context)
        super.finish(&context)
    }

    override func reset() {
        super.reset()
        encryption = .unknown
        (hasFrontend, hasStartup, hasRow, rowCount) = (false, false, false, nil)
        waiting = [0, 0]
        record.clear()
        record.session.clear()
        (record.user, record.database, record.application) = (.absent, .absent, .absent)
        errorFields.clear()
        view.reset()
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) { view.write(tx: tx, to: &event) }

    /// Whether events or signatures look at anything.
    private func isShown(_ context: borrowing AnalyzerContext) -> Bool {
        context.wantsEvents || context.wantsTransactions
    }

    override func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing {
        do throws(WireError) {
            return direction == .originator ? try frontend(bytes, &context) : try backend(bytes, &context)
        } catch {
            violation(&context)
            return .stop
        }
    }

    // MARK: rows

    private func openRow(_ context: inout AnalyzerContext) {
        guard !hasRow else { return }
        hasRow = true
        record.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
    }

    private func emit(_ context: inout AnalyzerContext) {
        guard hasRow else { return }
        hasRow = false
        context.output.emit(record)
    }

    /// One side cannot be understood before the other has spoken.
    private func wait(_ bytes: RawSpan, _ side: Int) throws(WireError) -> Framing {
        waiting[side] &+= 1
        guard waiting[side] <= PostgreSQL.waitingMax else { throw .malformed(at: 0) }
        return .needs(bytes.byteCount &+ 1)
    }

    // MARK: frontend

    private func frontend(_ bytes: RawSpan, _ context: inout AnalyzerContext) throws(WireError) -> Framing {
        guard hasFrontend else { return try firstMessage(bytes, &context) }
        if encryption == .requested { return try wait(bytes, 0) }
        guard hasStartup else { return try startup(bytes, &context) }
        guard let (type, count) = try header(bytes, from: .originator, &context) else { return .needs(5) }
        switch type {
        case 0x51:  // Q
            guard bytes.byteCount >= min(count, PostgreSQL.readBytesMax) else {
                return .needs(min(count, PostgreSQL.readBytesMax))
            }
            let body = bytes.extracting(5..<min(count, bytes.byteCount, PostgreSQL.readBytesMax))
            try query(body, count, &context)
            if isShown(context) { view.query(body, &context) }
        case 0x58:  // X
            guard bytes.byteCount >= count else { return .took(count) }
            emit(&context)
            if isShown(context) { view.request("message", "termination_message", isLast: true, &context) }
            openRow(&context)
            record.frontend = "terminate"
            emit(&context)
        case 0x70 where isShown(context) && count <= PostgreSQL.readBytesMax:  // p
            guard bytes.byteCount >= count else { return .needs(count) }
            view.secret(bytes.extracting(5..<count), &context)
        case 0x64 where isShown(context): view.copiedIn(count &- 5, &context)  // d
        default: break
        }
        return .took(count)
    }

    /// Type and whole length of a message, or nil where its head is not yet there.
    private func header(
        _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) -> (UInt8, Int)? {
        guard bytes.byteCount >= 5 else { return nil }
        let length = Int(bytes.load(1, as: UInt32.self))
        guard length >= 4 else {
            context.lostMessage(.pgsql, "pgsql.invalid_length", from: direction)
            throw .malformed(at: 1)
        }
        return (bytes.octet(0), length &+ 1)
    }

    private func firstMessage(_ bytes: RawSpan, _ context: inout AnalyzerContext) throws(WireError) -> Framing {
        guard bytes.byteCount >= 4 else { return .needs(8) }
        let length = bytes.load(0, as: UInt32.self)
        guard length >= 8 else { throw .malformed(at: 0) }
        guard bytes.byteCount >= 8 else { return .needs(8) }
        let version = bytes.load(4, as: UInt32.self)
        if length == 8, version == 80_877_103 {
            hasFrontend = true
            encryption = .requested
            openRow(&context)
            record.frontend = "ssl_request"
            if isShown(context) { view.request("message", "SSL Request", isLast: false, &context) }
            return .took(8)
        }
        if length == 16, version == 80_877_102, bytes.byteCount >= 16, isShown(context) {
            view.cancel(bytes.extracting(8..<16), &context)
        }
        guard version >> 16 == 3 else { throw .malformed(at: 4) }
        hasFrontend = true
        encryption = .refused
        return try startup(bytes, &context)
    }

    private func startup(_ bytes: RawSpan, _ context: inout AnalyzerContext) throws(WireError) -> Framing {
        guard bytes.byteCount >= 8 else { return .needs(8) }
        let count = Int(bytes.load(0, as: UInt32.self))
        guard count >= 9, count <= PostgreSQL.readBytesMax, bytes.load(4, as: UInt16.self) == 3 else {
            throw .malformed(at: 0)
        }
        guard bytes.byteCount >= count else { return .needs(count) }
        guard bytes.octet(count &- 1) == 0 else { throw .malformed(at: count &- 1) }
        var at = 8
        while at < count &- 1 {
            let parameters = bytes.extracting(0 ..< count &- 1)
            let name = parameters.extracting(try text(parameters, &at))
            let value = parameters.extracting(try text(parameters, &at))
            guard name.byteCount > 0, value.byteCount > 0, PostgreSQL.isName(name), PostgreSQL.isPrintable(value)
            else { throw .malformed(at: at) }
            openRow(&context)
            keep(name, value)
        }
        hasStartup = true
        openRow(&context)
        record.frontend = "startup"
        if isShown(context) { view.startup(bytes.extracting(0..<count), &context) }
        confirm(&context)
        return .took(count)
    }

    private func keep(_ name: RawSpan, _ value: RawSpan) {
        if name.byteCount == 4, name.begins(with: "user") { record.user = record.session.add(value) }
        if name.byteCount == 8, name.begins(with: "database") { record.database = record.session.add(value) }
        if name.byteCount == 16, name.begins(with: "application_name") {
            record.application = record.session.add(value)
        }
    }

    private func query(_ body: RawSpan, _ count: Int, _ context: inout AnalyzerContext) throws(WireError) {
        let end = body.firstIndex(of: 0)
        // A text that was cut has no end here.
        guard end != nil || count > PostgreSQL.readBytesMax else { throw .malformed(at: 5) }
        emit(&context)
        openRow(&context)
        record.frontend = "simple_query"
        record.argument = record.text.add(body.extracting(0..<(end ?? body.byteCount)))
        rowCount = 0
    }

    // MARK: backend

    private func backend(_ bytes: RawSpan, _ context: inout AnalyzerContext) throws(WireError) -> Framing {
        guard hasFrontend else { return try wait(bytes, 1) }
        if encryption == .requested { return try encryptionReply(bytes, &context) }
        guard let (type, count) = try header(bytes, from: .responder, &context) else { return .needs(5) }
        if type == 0x44 {  // D: only counted, so never gathered
            guard count >= 7 else { throw .malformed(at: 1) }
            guard bytes.byteCount >= 7 else { return .needs(7) }
            let columns = Int(bytes.load16(5))
            if isShown(context) { view.row(count &- 7, columns: columns) }
            // Each column has its length at least.
            if columns &* 4 > count &- 7 {
                context.lostMessage(.pgsql, "pgsql.malformed_response", from: .responder)
            }
            openRow(&context)
            rowCount = (rowCount ?? 0) &+ 1
            return .took(count)
        }
        let isRead: Bool =
            switch type {
            case 0x4B, 0x45, 0x52, 0x53, 0x5A, 0x4E: true
            case 0x54, 0x43, 0x47, 0x48: isShown(context)
            default: false
            }
        if type == 0x64, isShown(context) { view.copiedOut(count &- 5) }  // d
        guard isRead else { return .took(count) }
        guard count <= PostgreSQL.readBytesMax else { return .took(count) }
        guard bytes.byteCount >= count else { return .needs(count) }
        let body = bytes.extracting(5..<count)
        // The state of a transaction is one octet.
        if type == 0x5A, body.byteCount != 1 {
            context.lostMessage(.pgsql, "pgsql.invalid_length", from: .responder)
        }
        switch type {
        case 0x4B: guard body.byteCount >= 8 else { throw .truncated(at: 5) }  // K
        case 0x45: try errorResponse(body, &context)  // E
        case 0x52: try authentication(body, &context)  // R
        case 0x53: try parameterStatus(body, &context)  // S
        case 0x5A: try readyForQuery(body, &context)  // Z
        case 0x4E: try notice(body, &context)  // N
        default: break
        }
        if isShown(context) { view.response(type, body, &context) }
        return .took(count)
    }

    private func encryptionReply(_ bytes: RawSpan, _ context: inout AnalyzerContext) throws(WireError) -> Framing {
        let answer = bytes.octet(0)
        guard answer == 0x53 || answer == 0x4E else { throw .malformed(at: 0) }
        confirm(&context)
        openRow(&context)
        record.reply.beginPart()
        record.reply.append("ssl_reply")
        record.replyArgument.beginPart()
        record.replyArgument.append(octet: answer)
        record.success = answer == 0x53
        emit(&context)
        if isShown(context) { view.encryption(isAccepted: answer == 0x53, &context) }
        guard answer == 0x4E else { return .startsTLS(after: 1) }
        encryption = .refused
        return .took(1)
    }

    private func errorResponse(_ body: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        errorFields.clear()
        try fields(body, into: &errorFields)
        openRow(&context)
        record.reply.beginPart()
        record.reply.append("error")
        record.replyArgument.beginPart()
        let all = errorFields.buffer.bytes
        record.replyArgument.append(all.octets)
        record.success = false
        emit(&context)
    }

    private func notice(_ body: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        openRow(&context)
        try fields(body, into: &record.replyArgument)
    }

    /// Fields of one octet and a text, ended by a zero octet.
    private func fields(_ body: RawSpan, into text: inout GrowingText) throws(WireError) {
        var at = 0
        while true {
            guard at < body.byteCount else { throw .truncated(at: at) }
            let code = body.octet(at)
            at &+= 1
            guard code != 0 else { return }
            let value = body.extracting(try self.text(body, &at))
            text.beginPart()
            if let name = PostgreSQL.fieldName(code) {
                text.append(name)
            } else {
                text.append("UnknownErrorId")
                text.append(octet: code)
            }
            text.append("=")
            text.append(value)
        }
    }

    private func authentication(_ body: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        guard body.byteCount >= 4 else { throw .truncated(at: 5) }
        let method = body.load(0, as: UInt32.self)
        guard method <= 12, method != 0 || body.byteCount == 4 else { throw .malformed(at: 5) }
        openRow(&context)
        guard method != 0 else {
            record.reply.clear()
            record.reply.beginPart()
            record.reply.append("auth_ok")
            record.success = true
            return
        }
        record.reply.beginPart()
        record.reply.append("auth_request")
        record.replyArgument.beginPart()
        if let name = PostgreSQL.methodName(method) {
            record.replyArgument.append(name)
        } else {
            record.replyArgument.append("UnknownAuthId")
            record.replyArgument.append(decimal: UInt64(method))
        }
    }

    private func parameterStatus(_ body: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        var at = 0
        let name = body.extracting(try text(body, &at))
        let value = body.extracting(try text(body, &at))
        guard name.byteCount > 0, PostgreSQL.isName(name), PostgreSQL.isPrintable(value) else {
            throw .malformed(at: 5)
        }
        if name.byteCount == 14, name.begins(with: "server_version") {
            context.software(.postgresServer, value, of: context.id.responder)
        }
    }

    private func readyForQuery(_ body: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        guard body.byteCount > 0 else { throw .truncated(at: 5) }
        let status = body.octet(0)
        guard status == 0x49 || status == 0x54 || status == 0x45 else { throw .malformed(at: 5) }
        guard hasRow else { return }
        if record.success == nil { record.success = status != 0x45 }
        if let rowCount {
            record.rows = rowCount
            self.rowCount = nil
        }
        emit(&context)
    }

    // MARK: texts

    /// A text ended by a zero octet.
    private func text(_ body: RawSpan, _ at: inout Int) throws(WireError) -> Range<Int> {
        guard let end = body.firstIndex(of: 0, from: at) else { throw .truncated(at: at) }
        defer { at = end &+ 1 }
        return at..<end
    }

    private static func isName(_ span: RawSpan) -> Bool {
        for index in 0..<span.byteCount {
            switch span.octet(index) {
            case 0x2D, 0x5F, 0x2F, 0x30...0x39, 0x41...0x5A, 0x61...0x7A: continue
            default: return false
            }
        }
        return true
    }

    private static func isPrintable(_ span: RawSpan) -> Bool {
        for index in 0..<span.byteCount where !(0x20...0x7E).contains(span.octet(index)) { return false }
        return true
    }

    private static func fieldName(_ code: UInt8) -> StaticString? {
        switch code {
        case 0x53: "SeverityLocalized"
        case 0x56: "Severity"
        case 0x43: "Code"
        case 0x4D: "Message"
        case 0x44: "Detail"
        case 0x48: "Hint"
        case 0x50: "Position"
        case 0x70: "InternalPosition"
        case 0x71: "InternalQuery"
        case 0x57: "Where"
        case 0x73: "Schema"
        case 0x74: "Table"
        case 0x63: "Column"
        case 0x64: "Data"
        case 0x6E: "Constraint"
        case 0x46: "File"
        case 0x4C: "Line"
        case 0x52: "Routine"
        default: nil
        }
    }

    private static func methodName(_ method: UInt32) -> StaticString? {
        switch method {
        case 2: "KerberosV5"
        case 3: "CleartextPassword"
        case 5: "MD5Password"
        case 7: "GSSAPI"
        case 8: "GSSAPIContinue"
        case 9: "SSPI"
        case 10: "SASL"
        case 11: "SASLContinue"
        case 12: "SASLFinal"
        default: nil
        }
    }
}
