// SPDX-License-Identifier: Apache-2.0
//
// NT LAN Manager authentication (MS-NLMP section 2.2), which other protocols carry.
//
// Reads   the three messages: negotiate, challenge, authenticate.
// Writes  one `NTLMRecord` for each connection, path "ntlm".
// Leaves  responses and keys; which protocol carried it (Authentication.swift).

package import Records
import Wire

//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |                       "NTLMSSP" and zero                      |
//  |                                                               |
//  +---------------------------------------------------------------+
//  |                  kind: 1, 2 or 3, little-endian               |
//  +---------------------------------------------------------------+
//  |  fields: length (2), room (2), offset (4) of each text        |
//  +---------------------------------------------------------------+
/// One message. Places are offsets into the message.
struct NTLMMessage {
    enum Kind: UInt32 {
        case negotiate = 1, challenge, authenticate
    }

    let kind: Kind
    /// Texts are UTF-16; else in the machine's own code page.
    private(set) var isWide = true
    private(set) var domain = 0..<0
    private(set) var user = 0..<0
    private(set) var workstation = 0..<0
    /// Names in the challenge, always UTF-16.
    private(set) var computer = 0..<0
    private(set) var dnsComputer = 0..<0
    private(set) var dnsTree = 0..<0
    /// Version of the sender's system: major, minor, build (2, little-endian), three zeros, revision.
    private(set) var version: UInt64?

    static let signature: StaticString = "NTLMSSP"
    /// Names of an authentication overlap, or stand in another order than programs write them: domain, user, machine.
    private(set) var isUnordered = false

    private static let unicode: UInt32 = 1
    private static let hasTargetInfo: UInt32 = 0x0080_0000
    private static let hasVersion: UInt32 = 0x0200_0000

    init(parsing input: inout Cursor) throws(WireError) {
        let whole = input.rest()
        var head = Cursor(whole)
        let signature = try head.take(8)
        guard signature.begins(with: NTLMMessage.signature) else { throw .malformed(at: 0) }
        guard let kind = Kind(rawValue: try head.readLittle(UInt32.self)) else { throw .malformed(at: 8) }
        self.kind = kind
        switch kind {
        case .negotiate: isWide = try head.readLittle(UInt32.self) & NTLMMessage.unicode != 0
        case .challenge: try readChallenge(&head, whole)
        case .authenticate: try readAuthenticate(&head, whole)
        }
    }

    //  target name (8) | flags (4) | challenge (8) | reserved (8) | target info (8) | version (8)
    private mutating func readChallenge(_ head: inout Cursor, _ whole: RawSpan) throws(WireError) {
        try head.skip(8)
        let flags = try head.readLittle(UInt32.self)
        isWide = flags & NTLMMessage.unicode != 0
        try head.skip(16)
        guard flags & NTLMMessage.hasTargetInfo != 0 else { return }
        let info = try NTLMMessage.field(&head, whole)
        var at = info.lowerBound
        while info.upperBound &- at >= 4 {
            let id = whole.load(at, as: UInt16.self).byteSwapped
            let length = Int(whole.load(at &+ 2, as: UInt16.self).byteSwapped)
            at &+= 4
            guard id != 0 else { return }
            guard length <= info.upperBound &- at else { throw .malformed(at: at) }
            switch id {
            case 1: computer = at ..< at &+ length
            case 3: dnsComputer = at ..< at &+ length
            case 5: dnsTree = at ..< at &+ length
            default: break
            }
            at &+= length
        }
    }

    //  LM (8) | NT (8) | domain (8) | user (8) | workstation (8) | session key (8) | flags (4) | version (8)
    private mutating func readAuthenticate(_ head: inout Cursor, _ whole: RawSpan) throws(WireError) {
        try head.skip(16)
        domain = try NTLMMessage.field(&head, whole)
        user = try NTLMMessage.field(&head, whole)
        workstation = try NTLMMessage.field(&head, whole)
        isUnordered =
            user.lowerBound > 0 && user.lowerBound < domain.upperBound
            || workstation.lowerBound > 0 && workstation.lowerBound < user.upperBound
        // Before NT 4 the message ended here, and texts were UTF-16.
        guard head.remaining >= 12 else { return }
        try head.skip(8)
        let flags = try head.readLittle(UInt32.self)
        isWide = flags & NTLMMessage.unicode != 0
        if flags & NTLMMessage.hasVersion != 0 { version = try? head.read(UInt64.self) }
    }

    private static func field(_ head: inout Cursor, _ whole: RawSpan) throws(WireError) -> Range<Int> {
        let start = head.offset
        let length = Int(try head.readLittle(UInt16.self))
        try head.skip(2)
        let offset = Int(try head.readLittle(UInt32.self))
        guard length > 0 else { return 0..<0 }
        guard offset <= whole.byteCount, length <= whole.byteCount &- offset else { throw .malformed(at: start) }
        return offset ..< offset &+ length
    }

    /// Copies a text of the message; absent where it has no octets.
    func add(_ place: Range<Int>, of message: RawSpan, isWide: Bool, to text: inout TextBuffer) -> Text {
        guard !place.isEmpty else { return .absent }
        let octets = message.extracting(place)
        return isWide ? text.add(utf16: octets) : text.add(octets)
    }
}

/// One authentication by NTLM.
package struct NTLMRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var user = Text.absent
    package var host = Text.absent
    package var domain = Text.absent
    package var serverName = Text.absent
    package var serverDNSName = Text.absent
    package var serverTree = Text.absent
    package var isSuccessful: Bool?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.ntlm
    package static let summary: StaticString = "One authentication by NTLM."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("username", user, in: text, "Name of the user.", isKey: true)
        row.text("hostname", host, in: text, "Name of the client machine.", isKey: true)
        row.text("domainname", domain, in: text, "Domain of the user.")
        row.text("server_nb_computer_name", serverName, in: text, "NetBIOS name of the server.")
        row.text("server_dns_computer_name", serverDNSName, in: text, "DNS name of the server.", isKey: true)
        row.text("server_tree_name", serverTree, in: text, "Name of the server's forest.")
        row.boolean("success", isSuccessful, "Whether the server accepted; unset where it did not say.")
    }

    mutating func clear() {
        (user, host, domain) = (.absent, .absent, .absent)
        (serverName, serverDNSName, serverTree) = (.absent, .absent, .absent)
        isSuccessful = nil
        text.clear()
    }
}

/// The one row of a connection (Zeek's base/protocols/ntlm).
struct NTLMSession {
    private(set) var record = NTLMRecord()
    private var hasRow = false
    private var isWritten = false
    /// The client has said who it is.
    private(set) var hasAuthenticated = false
    /// The last message with the names of the client, for events: its version, and whether they are out of order.
    private(set) var version: UInt64?
    private(set) var isUnordered = false

    mutating func take(_ message: NTLMMessage, _ bytes: RawSpan, _ context: inout AnalyzerContext) {
        if !hasRow {
            hasRow = true
            record.ts = context.now
            record.uid = context.uid
            record.id = context.id
        }
        // A later authentication may replace names, but not without end.
        guard record.text.bytes.count < NTLMSession.textBytesMax else { return }
        func copy(_ place: Range<Int>, wide: Bool, over old: Text) -> Text {
            place.isEmpty ? old : message.add(place, of: bytes, isWide: wide, to: &record.text)
        }
        if let version = message.version {
            let host = message.kind == .challenge ? context.id.responder : context.id.originator
            context.windowsVersion(version, of: host)
        }
        switch message.kind {
        case .negotiate: break
        case .challenge:
            record.serverName = copy(message.computer, wide: true, over: record.serverName)
            record.serverDNSName = copy(message.dnsComputer, wide: true, over: record.serverDNSName)
            record.serverTree = copy(message.dnsTree, wide: true, over: record.serverTree)
        case .authenticate:
            record.domain = copy(message.domain, wide: message.isWide, over: record.domain)
            record.host = copy(message.workstation, wide: message.isWide, over: record.host)
            record.user = copy(message.user, wide: message.isWide, over: record.user)
            version = message.version
            isUnordered = message.isUnordered
            hasAuthenticated = true
        }
    }

    /// What the negotiation came to (RFC 4178 section 4.2.2): 0 accepted, 1 goes on, else refused.
    mutating func negotiated(_ state: UInt8, _ context: inout AnalyzerContext) {
        guard hasRow, state != 1 else { return }
        record.isSuccessful = state == 0
        write(&context)
    }

    mutating func finish(_ context: inout AnalyzerContext) {
        if hasRow { write(&context) }
    }

    mutating func reset() {
        record.clear()
        (hasRow, isWritten, hasAuthenticated, version, isUnordered) = (false, false, false, nil, false)
    }

    private mutating func write(_ context: inout AnalyzerContext) {
        guard !isWritten else { return }
        isWritten = true
        context.output.emit(record)
    }

    /// Octets of one connection's names.
    private static let textBytesMax = 65_536
}
