// SPDX-License-Identifier: Apache-2.0
//
// Lightweight Directory Access Protocol, version 3 (RFC 4511), over TCP and UDP,
// with Microsoft's Sicily login.
//
// Reads   messages of both directions; those inside SASL wrappers that are signed
//         and not sealed (RFC 4121); TLS after StartTLS.
// Writes  one `LDAPRecord` for each operation, path "ldap"; one `LDAPSearchRecord` for
//         each search, path "ldap_search"; NTLM and Kerberos rows of logins.
// Leaves  entries, additions, comparisons and renames beyond their results.
//
// LDAP+Messages.swift has the operations, LDAP+Filter.swift the text of filters,
// LDAP+Tables.swift the names of results.

package import Records
import Wire

/// One operation that is no search.
package struct LDAPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var messageID: Int64 = 0
    package var version: Int64?
    package var operation: StaticString?
    package var result: StaticString?
    package var diagnostic = Text.absent
    package var object = Text.absent
    package var argument = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.ldap
    package static let summary: StaticString = "One LDAP operation that is no search."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.integer("message_id", messageID, "Number that request and response share.")
        row.integer("version", version, "Version of the protocol, as the login states it.")
        row.text("opcode", operation, "Operation, such as modify; of a login also its kind.")
        row.text("result", result, "How it ended.")
        row.text("diagnostic_message", diagnostic, in: text, "What the server said about it.")
        row.text("object", object, in: text, "What the operation is about: a name, or an extension.", isKey: true)
        row.text("argument", argument, in: text, "Details: mechanism of a login, changes of an entry.")
    }

    mutating func clear() {
        (version, operation, result) = (nil, nil, nil)
        (diagnostic, object, argument) = (.absent, .absent, .absent)
        text.clear()
    }
}

/// One search.
package struct LDAPSearchRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var messageID: Int64 = 0
    package var scope: StaticString?
    package var aliases: StaticString?
    package var base = Text.absent
    package var resultCount: UInt64 = 0
    package var result: StaticString?
    package var diagnostic = Text.absent
    package var filter = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.ldapSearch
    package static let summary: StaticString = "One LDAP search."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.integer("message_id", messageID, "Number that request and response share.")
        row.text("scope", scope, "How deep: base, single or tree.")
        row.text("deref_aliases", aliases, "When aliases are followed: never, searching, finding or always.")
        row.text("base_object", base, in: text, "Where the search begins.", isKey: true)
        row.count("result_count", resultCount, "Entries that were found.")
        row.text("result", result, "How it ended.")
        row.text("diagnostic_message", diagnostic, in: text, "What the server said about it.")
        row.text("filter", filter, in: text, "What is searched for (RFC 4515, with each `and` and `or` of two).")
        row.textVector("attributes", nil, in: text, "Attributes that were asked for; not kept.")
    }

    mutating func clear() {
        (scope, aliases, result) = (nil, nil, nil)
        (base, diagnostic, filter) = (.absent, .absent, .absent)
        resultCount = 0
        text.clear()
    }
}

/// A sequence from each side, and in one of them a login; the two belong together.
enum LDAPProbe {
    static func message(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        return bytes.octet(0) == 0x30 ? .matches : .never
    }

    static func bind(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        guard bytes.octet(0) == 0x30 else { return .never }
        guard bytes.byteCount > 5 else { return .needsMore }
        return bytes.octet(2) == 0x02 && bytes.octet(3) == 0x01 && bytes.octet(5) == 0x60 ? .matches : .never
    }
}

/// LDAP on one connection.
final class LDAP: FramedAnalyzer {
    /// Operations, and as many searches, that wait for their end; more are written unfinished.
    static let openMax = 10
    /// Octets of one row's texts.
    static let textBytesMax = 65_536
    /// Octets of a message's head that tell its length, number and operation.
    private static let headBytesMax = 32
    /// Octets of a wrapped stretch that is believed.
    private static let wrapBytesMax = 1 << 26

    /// Operations as EVE tells of them.
    private var events = LDAPEvents()
    var operations = LDAPRows<LDAPRecord>()
    var searches = LDAPRows<LDAPSearchRecord>()
    /// A login by SASL succeeded: what follows may be wrapped.
    var mayBeWrapped = false
    /// What the client last named: nil without a login by SASL.
    var mechanism: [UInt8]?
    var hasAskedForTLS = false
    var hasTLS = false
    /// What logins by GSS-API say.
    let authentication = Authentication()
    /// Who sent the message at work.
    private(set) var sender = Direction.originator

    override func message(
        _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Framing {
        sender = direction
        if mayBeWrapped, bytes.octet(0) != BERHeader.sequence { return wrapped(bytes, &context) }
        let framing = plain(bytes, &context)
        if hasTLS, case .took(let count) = framing { return .startsTLS(after: count) }
        return framing
    }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        sender = direction
        if !all(bytes, &context), !isDetached { violation(&context) }
    }

    override func finish(_ context: inout AnalyzerContext) {
        super.finish(&context)
        authentication.finish(&context)
        operations.flush(&context)
        searches.flush(&context)
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) { events.write(tx, to: &event) }

    override func reset() {
        super.reset()
        events.clear()
        operations.clear()
        searches.clear()
        authentication.reset()
        (mayBeWrapped, mechanism, hasAskedForTLS, hasTLS) = (false, nil, false, false)
    }

    // MARK: messages

    /// Reads messages that fill `bytes`; false where they do not.
    private func all(_ bytes: RawSpan, _ context: inout AnalyzerContext) -> Bool {
        var at = 0
        while at < bytes.byteCount {
            let rest = bytes.extracting(at..<bytes.byteCount)
            guard case .took(let count) = plain(rest, &context), count <= rest.byteCount else { return false }
            at &+= count
        }
        return true
    }

    //  | 30 length | 02 length number | operation, length | its content | controls |
    private func plain(_ bytes: RawSpan, _ context: inout AnalyzerContext) -> Framing {
        var cursor = Cursor(bytes)
        do throws(WireError) {
            let whole = try cursor.berLength(BERHeader.sequence)
            let start = cursor.offset
            let total = start &+ whole
            let number = try cursor.berInteger()
            let operation = try cursor.berHeader()
            guard cursor.offset <= total, operation.length <= total &- cursor.offset else {
                throw .malformed(at: cursor.offset)
            }
            // Entries may be long, and nothing of them is read.
            let isShown = context.wantsEvents || context.wantsTransactions
            guard isShown && total <= FramedAnalyzer.messageBytesMax
                || !LDAP.hasUnreadContent(operation.tag)
            else {
                try handle(operation.tag, bytes.extracting(0..<0), number, &context)
                confirm(&context)
                return .took(total)
            }
            guard bytes.byteCount >= total else { return .needs(total) }
            let content = try cursor.take(operation.length)
            if isShown { events.take(operation.tag, content, number, &context) }
            try handle(operation.tag, content, number, &context)
            confirm(&context)
            return .took(total)
        } catch {
            if case .truncated = error, bytes.byteCount < LDAP.headBytesMax { return .needs(bytes.byteCount &+ 1) }
            if sender == .responder, bytes.octet(0) == BERHeader.sequence { events.broken(&context) }
            violation(&context)
            return .stop
        }
    }

    //  | length (4) | 05 04 | flags | FF | extra (2) | rotation (2) | sequence number (8) | payload |
    private func wrapped(_ bytes: RawSpan, _ context: inout AnalyzerContext) -> Framing {
        guard bytes.byteCount >= 4 else { return .needs(4) }
        let length = Int(bytes.load(0, as: UInt32.self))
        let total = 4 &+ length
        guard length <= LDAP.wrapBytesMax else { return .stop }
        guard length >= 16 else { return .took(total) }
        guard bytes.byteCount >= 20 else { return .needs(20) }
        let isSealed = bytes.octet(6) & 2 != 0
        guard bytes.load(4, as: UInt16.self) == 0x0504, bytes.octet(7) == 0xFF, !isSealed else { return .took(total) }
        guard bytes.byteCount >= total else { return .needs(total) }
        let extra = Int(bytes.load(8, as: UInt16.self))
        let rotation = Int(bytes.load(10, as: UInt16.self))
        // The checksum stands before the payload or behind it.
        let start = rotation == extra ? 20 &+ extra : 20
        let end = rotation == extra ? total : total &- extra
        guard rotation == extra || rotation == 0, start <= end else { return refuse(&context) }
        if !all(bytes.extracting(start..<end), &context) { return refuse(&context) }
        return .took(total)
    }

    private func refuse(_ context: inout AnalyzerContext) -> Framing {
        if !isDetached { violation(&context) }
        return .stop
    }

    // MARK: rows

    /// The place of the operation `number`, a new one where there is none.
    func operation(_ number: Int64, _ context: inout AnalyzerContext) -> Int {
        operations.place(number, tooMany: .LDAP_max_pending_messages_exceeded, &context)
    }

    /// The place of the search `number`, a new one where there is none.
    func search(_ number: Int64, _ context: inout AnalyzerContext) -> Int {
        searches.place(number, tooMany: .LDAP_max_pending_searches_exceeded, &context)
    }
}

/// A row of one message number.
protocol LDAPRow: LogRecord {
    var ts: Timestamp { get set }
    var uid: UID? { get set }
    var id: ConnectionID? { get set }
    var messageID: Int64 { get set }
    var text: TextBuffer { get set }
    mutating func clear()
}

extension LDAPRecord: LDAPRow {}
extension LDAPSearchRecord: LDAPRow {}

/// The rows of one kind that are at work on a connection.
struct LDAPRows<Row: LDAPRow> {
    private var rows: [Row] = []
    private var idle: [Row] = []

    subscript(_ place: Int) -> Row {
        get { rows[place] }
        _modify { yield &rows[place] }
    }

    /// The place of a number, a new one where there is none.
    mutating func place(_ number: Int64, tooMany weird: Weird, _ context: inout AnalyzerContext) -> Int {
        if let place = rows.firstIndex(where: { $0.messageID == number }) { return place }
        if rows.count > LDAP.openMax {
            context.weird(weird, source: "LDAP")
            flush(&context)
        }
        var row = idle.popLast() ?? Row()
        row.clear()
        row.ts = context.now
        row.uid = context.uid
        row.id = context.id
        row.messageID = number
        rows.append(row)
        return rows.count &- 1
    }

    mutating func write(at place: Int, _ context: inout AnalyzerContext) {
        context.output.emit(rows[place])
        retire(place)
    }

    /// Writes what has not ended. The number 0 is no operation's.
    mutating func flush(_ context: inout AnalyzerContext) {
        for row in rows where row.messageID > 0 { context.output.emit(row) }
        clear()
    }

    mutating func clear() {
        while !rows.isEmpty { retire(rows.count &- 1) }
    }

    private mutating func retire(_ place: Int) {
        let row = rows.remove(at: place)
        if row.text.bytes.capacity <= 8192, idle.count <= LDAP.openMax { idle.append(row) }
    }
}
