// SPDX-License-Identifier: Apache-2.0
//
// Simple Network Management Protocol: version 1 (RFC 1157), 2c (RFC 1901, 3416)
// and 3 (RFC 3412, user-based security RFC 3414).
//
// Reads   one message per UDP datagram.
// Writes  log "snmp": a row per connection, at its end.
// Leaves  encrypted messages; variables other than the system's description and uptime.

package import Records
import Wire

/// What a message says that the log shows.
struct SNMPMessage {
    /// As on the wire: 0 is 1, 1 is 2c, 3 is 3.
    let version: Int64
    /// Community, or the name of the user.
    var community: Range<Int>?
    /// Tag of the PDU; nil where there is none to be read.
    var kind: UInt8?
    /// Of a trap of version 1: its generic type (RFC 1157 section 4.1.6).
    var trapType: Int64?
    /// Of version 3: the model of its security (RFC 3411 section 5).
    private(set) var model: Int64?
    /// Variables of the PDU.
    var bindingCount: UInt64 = 0
    /// Of a response: the system's description, and hundredths of a second since it started.
    var description: Range<Int>?
    var ticks: UInt64?

    static let getRequest: UInt8 = 0xA0
    static let getNextRequest: UInt8 = 0xA1
    static let response: UInt8 = 0xA2
    static let setRequest: UInt8 = 0xA3
    static let trap: UInt8 = 0xA4
    static let getBulkRequest: UInt8 = 0xA5
    static let lastKind: UInt8 = 0xA8
    /// The security that is by users (RFC 3414).
    static let userModel: Int64 = 3

    /// A version that has a header.
    var isKnown: Bool { version == 0 || version == 1 || version == 3 }

    /// Reads everything but the PDU. As the field's sensors do, lengths of sequences are not
    /// held against what is in them.
    //  message: sequence { version, community, PDU }
    //  version 3: sequence { version, sequence { id, size, flags, model }, security, scoped PDU }
    init(_ input: inout Cursor) throws(WireError) {
        _ = try input.berLength(BERHeader.sequence)
        version = try input.berInteger()
        switch version {
        case 0, 1:
            let length = try input.berLength(BERHeader.octetString)
            community = input.offset ..< input.offset &+ length
            try input.skip(length)
            kind = 0
        case 3: try readVersion3(&input)
        default: break
        }
    }

    private mutating func readVersion3(_ input: inout Cursor) throws(WireError) {
        _ = try input.berLength(BERHeader.sequence)
        _ = try input.berInteger()
        _ = try input.berInteger()
        let start = input.offset
        guard try input.berLength(BERHeader.octetString) == 1 else { throw .malformed(at: start) }
        try input.skip(1)
        let model = try input.berInteger()
        self.model = model
        let length = try input.berLength(BERHeader.octetString)
        let base = input.offset
        let security = try input.take(length)
        // Engine, boots, time, and the user's name.
        if model == SNMPMessage.userModel {
            var user = Cursor(security)
            if let name = try? SNMPMessage.userName(&user) {
                community = base &+ name.lowerBound ..< base &+ name.upperBound
            }
        }
        let scoped = try input.berHeader()
        guard scoped.tag == BERHeader.sequence else { return }
        try input.berSkip(BERHeader.octetString)
        try input.berSkip(BERHeader.octetString)
        kind = 0
    }

    private static func userName(_ input: inout Cursor) throws(WireError) -> Range<Int> {
        _ = try input.berLength(BERHeader.sequence)
        try input.berSkip(BERHeader.octetString)
        _ = try input.berInteger()
        _ = try input.berInteger()
        let length = try input.berLength(BERHeader.octetString)
        let start = input.offset
        try input.skip(length)
        return start ..< start &+ length
    }

    /// Reads the PDU, where the header said that one follows.
    mutating func readPDU(_ input: inout Cursor) throws(WireError) {
        guard kind != nil else { return }
        let tag = try input.berHeader().tag
        kind = tag
        switch tag {
        case SNMPMessage.trap:
            try input.berSkip(BERHeader.objectIdentifier)
            try input.berSkip(SNMPMessage.addressTag)
            trapType = try input.berInteger()
            _ = try input.berInteger()
            try input.berSkip(SNMPMessage.ticksTag)
        case SNMPMessage.getRequest...SNMPMessage.lastKind:
            for _ in 0..<3 { _ = try input.berInteger() }
        default: return
        }
        _ = try input.berLength(BERHeader.sequence)
        while input.remaining > 0 { try readBinding(&input) }
    }

    private mutating func readBinding(_ input: inout Cursor) throws(WireError) {
        _ = try input.berLength(BERHeader.sequence)
        let name = try input.take(try input.berLength(BERHeader.objectIdentifier))
        let value = try input.berHeader()
        let start = input.offset
        bindingCount &+= 1
        if kind == SNMPMessage.response, name.byteCount == 8,
            name.load(0, as: UInt64.self) & ~0xFF00 == SNMPMessage.systemGroup
        {
            switch (name.octet(6), value.tag) {
            // No value, no such object, no such instance, end of the view; numbers; addresses; identifiers.
            case (1, 0x05), (1, 0x80...0x82), (1, 0x02), (1, 0x06), (1, 0x40...0x43), (1, 0x46): break
            case (1, _): description = start ..< start &+ value.length
            case (3, 0x41...0x43), (3, 0x46):
                guard value.length <= 9 else { throw .malformed(at: start) }
                ticks = UInt64(bitPattern: try input.berIntegerContent(value.length))
                return
            default: break
            }
        }
        try input.skip(value.length)
    }

    /// 1.3.6.1.2.1.1.N.0, without N: 1 is the description, 3 the uptime.
    private static let systemGroup: UInt64 = 0x2B06_0102_0101_0000
    private static let addressTag: UInt8 = 0x40
    private static let ticksTag: UInt8 = 0x43
}

/// The messages of one connection.
package struct SNMPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    /// Time of the last message.
    package var last = Timestamp.zero
    package var version: Int64 = 0
    package var community = Text.absent
    package var getRequests: UInt64 = 0
    package var getBulkRequests: UInt64 = 0
    package var responses: UInt64 = 0
    package var setRequests: UInt64 = 0
    package var description = Text.absent
    package var upSince: Timestamp?
    package var text = TextBuffer()
    /// The description alone, which each response may replace.
    package var descriptionText = TextBuffer()

    package init() {}

    package static let log = LogID.snmp
    package static let summary: StaticString = "One SNMP conversation."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.interval("duration", last.since(ts), "Time from the first message to the last.")
        row.text("version", versionName, "Version of the first message.")
        row.text(
            "community", community, in: text, "Community, a password in the clear; in version 3 the user's name.")
        row.count("get_requests", getRequests, "Variables asked for, one by one.")
        row.count("get_bulk_requests", getBulkRequests, "Variables asked for in bulk.")
        row.count("get_responses", responses, "Variables in responses.")
        row.count("set_requests", setRequests, "Variables to be set.")
        row.text("display_string", description, in: descriptionText, "How the system describes itself.")
        row.time("up_since", upSince, "When the system says that it started.")
    }

    private var versionName: StaticString {
        switch version {
        case 0: "1"
        case 1: "2c"
        case 3: "3"
        default: "unknown"
        }
    }

    fileprivate mutating func add(_ message: SNMPMessage, _ bytes: RawSpan, at now: Timestamp) {
        last = now
        if community.isAbsent, let place = message.community, message.version < 3 || !place.isEmpty {
            community = text.add(bytes.extracting(place))
        }
        switch message.kind {
        case SNMPMessage.getRequest, SNMPMessage.getNextRequest: getRequests &+= message.bindingCount
        case SNMPMessage.getBulkRequest: getBulkRequests &+= message.bindingCount
        case SNMPMessage.setRequest: setRequests &+= message.bindingCount
        case SNMPMessage.response: responses &+= message.bindingCount
        default: break
        }
        if let place = message.description {
            descriptionText.clear()
            description = descriptionText.add(bytes.extracting(place))
        }
        if let ticks = message.ticks {
            let (hundredths, isOver) = ticks.multipliedReportingOverflow(by: 10_000_000)
            upSince = now.adding(isOver ? -.max : -Int64(clamping: hundredths))
        }
    }

    fileprivate mutating func clear() {
        community = .absent
        getRequests = 0
        getBulkRequests = 0
        responses = 0
        setRequests = 0
        description = .absent
        upSince = nil
        text.clear()
        descriptionText.clear()
    }
}

/// A message that is whole and fills its datagram.
enum SNMPProbe {
    static func message(_ bytes: RawSpan) -> ProbeVerdict {
        do throws(WireError) {
            var whole = Cursor(bytes)
            let length = try whole.berLength(BERHeader.sequence)
            guard length == whole.remaining else { return .never }
            var input = Cursor(bytes)
            var message = try SNMPMessage(&input)
            guard message.isKnown else { return .never }
            try message.readPDU(&input)
            // What is encrypted has no kind; its security must be one that is known.
            guard let kind = message.kind else { return message.model == SNMPMessage.userModel ? .matches : .never }
            return (SNMPMessage.getRequest...SNMPMessage.lastKind).contains(kind) ? .matches : .never
        } catch {
            return .never
        }
    }
}

/// SNMP on one connection.
final class SNMP: Analyzer {
    private var record = SNMPRecord()
    private var hasRecord = false

    init() { super.init(kind: .snmp) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        do throws(WireError) {
            var input = Cursor(bytes)
            var message = try SNMPMessage(&input)
            // A request alone may be anything.
            if direction == .responder { confirm(&context) }
            guard message.isKnown else { return }
            try message.readPDU(&input)
            let isOther = hasRecord && message.version != record.version
            SNMP.show(message, bytes, isOtherVersion: isOther, from: direction, &context)
            if !hasRecord {
                hasRecord = true
                record.ts = context.now
                record.uid = context.uid
                record.version = message.version
            }
            record.id = context.id
            record.add(message, bytes, at: context.now)
        } catch {
            violation(&context)
        }
    }

    override func finish(_ context: inout AnalyzerContext) {
        guard hasRecord else { return }
        context.output.emit(record)
        record.clear()
        hasRecord = false
    }

    override func reset() {
        super.reset()
        if hasRecord { record.clear() }
        hasRecord = false
    }
}
