// SPDX-License-Identifier: Apache-2.0
//
// Session traversal utilities for NAT (RFC 8489, TURN RFC 8656).
//
// Reads   one message per UDP datagram, with the magic cookie.
// Writes  log "stun": a row for each request, joined with its answer, and for each indication.
// Leaves  integrity, channel data, messages of RFC 3489 without the cookie.

package import Records
import Wire

/// One request and its answer.
package struct STUNRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var transaction = Text.absent
    package var method = Text.absent
    package var result: StaticString?
    package var roundTrip: Int64?
    package var user = Text.absent
    package var realm = Text.absent
    package var software = Text.absent
    package var mapped: Address?
    package var mappedPort: UInt16?
    package var relayed: Address?
    package var relayedPort: UInt16?
    package var peer: Address?
    package var errorCode: UInt64?
    package var errorText = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.stun
    package static let summary: StaticString = "A request of STUN or TURN and its answer."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("trans_id", transaction, in: text, "What joins request and answer, hexadecimal.")
        row.text("method", method, in: text, "What is asked, such as `binding` or `allocate`.")
        row.text("result", result, "`success`, `error`, `indication`, or `unanswered`.")
        row.interval("rtt", roundTrip, "From the request to the answer.")
        row.text("username", user, in: text, "User or session.", isKey: true)
        row.text("realm", realm, in: text, "Realm of the server.")
        row.text("software", software, in: text, "The program that answered, or asked.")
        row.address("mapped_addr", mapped, "The client's address as the server sees it.")
        row.port("mapped_p", mappedPort, "The client's port as the server sees it.")
        row.address("relayed_addr", relayed, "The address that relays for the client.")
        row.port("relayed_p", relayedPort, "Its port.")
        row.address("peer_addr", peer, "The peer that the client wants to reach.")
        row.count("error_code", errorCode, "Number of an error.")
        row.text("error_msg", errorText, in: text, "Text of an error.")
    }

    mutating func clear() {
        (transaction, method, user, realm, software, errorText) = (.absent, .absent, .absent, .absent, .absent, .absent)
        (result, roundTrip, mapped, mappedPort, relayed, relayedPort) = (nil, nil, nil, nil, nil, nil)
        (peer, errorCode) = (nil, nil)
        text.clear()
    }
}

//  |0 0|     type: 14      |            length             |
//  |                  magic cookie 2112A442                |
//  |               transaction identity: 12                |
/// The header of a message.
struct STUNHeader {
    static let byteCount = 20
    static let cookie: UInt32 = 0x2112_A442

    let type: UInt16
    let length: Int

    /// Nil where this is no message: the length is that of the datagram, in words of four octets.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= STUNHeader.byteCount, bytes.octet(0) & 0xC0 == 0,
            bytes.load(4, as: UInt32.self) == STUNHeader.cookie
        else { return nil }
        type = bytes.load(0)
        length = Int(bytes.load(2, as: UInt16.self))
        guard length & 3 == 0, STUNHeader.byteCount &+ length == bytes.byteCount else { return nil }
    }

    /// 0 request, 1 indication, 2 success, 3 error.
    var kind: Int { Int(type >> 7 & 2 | type >> 4 & 1) }
    var method: UInt16 { type & 0x000F | type >> 1 & 0x0070 | type >> 2 & 0x0F80 }

    static func name(_ method: UInt16) -> StaticString? {
        switch method {
        case 1: "binding"
        case 3: "allocate"
        case 4: "refresh"
        case 6: "send"
        case 7: "data"
        case 8: "create_permission"
        case 9: "channel_bind"
        case 10: "connect"
        case 11: "connection_bind"
        case 12: "connection_attempt"
        default: nil
        }
    }
}

/// STUN on one connection.
final class STUN: Analyzer {
    private var record = STUNRecord()
    /// The transaction of the request that waits for its answer.
    private var waiting: [UInt8] = []

    init() { super.init(kind: .stun) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        // Media may share the ports.
        guard let header = STUNHeader(bytes) else {
            if !isConfirmed { violation(&context) }
            return
        }
        let identity = bytes.extracting(8..<20)
        let isAnswer = header.kind >= 2
        if !isAnswer || waiting.isEmpty || !STUN.isEqual(identity, waiting) {
            if !isAnswer, header.kind == 0, STUN.isEqual(identity, waiting) { return }
            flush(&context)
            begin(header, identity, &context)
        }
        guard attributes(bytes) else {
            waiting.removeAll(keepingCapacity: true)
            return violation(&context)
        }
        confirm(&context)
        switch header.kind {
        case 0: identity.append(to: &waiting)
        case 1: write("indication", &context)
        default:
            if !waiting.isEmpty { record.roundTrip = context.now.since(record.ts) }
            write(header.kind == 2 ? "success" : "error", &context)
        }
    }

    override func finish(_ context: inout AnalyzerContext) { flush(&context) }

    override func reset() {
        super.reset()
        waiting.removeAll(keepingCapacity: true)
        record.clear()
    }

    /// A request that was not answered.
    private func flush(_ context: inout AnalyzerContext) {
        if !waiting.isEmpty { write("unanswered", &context) }
    }

    private func write(_ result: StaticString, _ context: inout AnalyzerContext) {
        record.result = result
        context.output.emit(record)
        waiting.removeAll(keepingCapacity: true)
    }

    private func begin(_ header: STUNHeader, _ identity: RawSpan, _ context: inout AnalyzerContext) {
        record.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        let start = record.text.begin()
        record.text.append(hexadecimal: identity)
        record.transaction = record.text.end(start)
        record.method = record.text.add(STUNHeader.name(header.method), orNumber: UInt64(header.method))
    }

    //  |             type              |            length             | value, padded to four octets
    /// False where an attribute's length cannot be.
    private func attributes(_ bytes: RawSpan) -> Bool {
        var at = STUNHeader.byteCount
        while at < bytes.byteCount {
            guard bytes.byteCount &- at >= 4 else { return false }
            let type = bytes.load(at, as: UInt16.self)
            let length = Int(bytes.load(at &+ 2, as: UInt16.self))
            guard length <= bytes.byteCount &- at &- 4 else { return false }
            take(type, bytes.extracting(at &+ 4 ..< at &+ 4 &+ length), bytes)
            at &+= 4 &+ (length &+ 3) & ~3
        }
        return true
    }

    private func take(_ type: UInt16, _ value: RawSpan, _ message: RawSpan) {
        switch type {
        case 0x0006: record.user = record.text.add(value, limit: 512)
        case 0x0009:
            guard value.byteCount >= 4 else { return }
            record.errorCode = UInt64(value.octet(2) & 7) &* 100 &+ UInt64(value.octet(3))
            record.errorText = record.text.add(value.extracting(4..<value.byteCount), limit: 512)
        case 0x0014: record.realm = record.text.add(value, limit: 512)
        case 0x8022: record.software = record.text.add(value, limit: 512)
        case 0x0001, 0x0020:
            guard type == 0x0020 || record.mapped == nil else { return }
            guard let found = endpoint(value, type == 0x0020 ? message : nil) else { return }
            (record.mapped, record.mappedPort) = (found.address, found.port)
        case 0x0016:
            guard let found = endpoint(value, message) else { return }
            (record.relayed, record.relayedPort) = (found.address, found.port)
        case 0x0012: record.peer = endpoint(value, message)?.address ?? record.peer
        default: break
        }
    }

    /// An address attribute; mixed with cookie and transaction where `message` is given (RFC 8489 section 14.2).
    private func endpoint(_ value: RawSpan, _ message: RawSpan?) -> (address: Address, port: UInt16)? {
        guard value.byteCount >= 8 else { return nil }
        let isMixed = message != nil
        let port: UInt16 = value.load(2) ^ (isMixed ? UInt16(STUNHeader.cookie >> 16) : 0)
        switch value.octet(1) {
        case 1: return (Address(v4: value.load(4) ^ (isMixed ? STUNHeader.cookie : 0)), port)
        case 2:
            guard value.byteCount >= 20 else { return nil }
            let high: UInt64 = value.load(4) ^ (message?.load(4, as: UInt64.self) ?? 0)
            let low: UInt64 = value.load(12) ^ (message?.load(12, as: UInt64.self) ?? 0)
            return (Address(high: high, low: low), port)
        default: return nil
        }
    }

    private static func isEqual(_ span: RawSpan, _ octets: [UInt8]) -> Bool {
        guard span.byteCount == octets.count else { return false }
        for place in octets.indices where span.octet(place) != octets[place] { return false }
        return true
    }
}

enum STUNProbe {
    static func message(_ bytes: RawSpan) -> ProbeVerdict { STUNHeader(bytes) == nil ? .never : .matches }
}
