// SPDX-License-Identifier: Apache-2.0
//
// Network Time Protocol, versions 1 to 4 (RFC 1059, RFC 1119, RFC 5905 section
// 7.3), its control messages (mode 6, RFC 9327) and private ones (mode 7, ntpd).
//
// Reads   one message per UDP datagram.
// Writes  logs "ntp", "ntp_control" and "ntp_private": a row per message.
// Leaves  what extension fields, control and private data mean.

package import Records
import Wire

/// The fixed part of a message of modes 1 to 5.
struct NTPHeader: Equatable, BitwiseCopyable {
    static let byteCount = 48

    let stratum: UInt8
    /// Powers of two, in seconds.
    let poll: Int8
    let precision: Int8
    let rootDelay: UInt32
    let rootDispersion: UInt32
    let referenceID: UInt32
    let referenceTime: UInt64
    let originTime: UInt64
    let receiveTime: UInt64
    let transmitTime: UInt64

    //  |LI | VN  |Mode |    stratum    |     poll      |   precision   |
    //  |                          root delay                           |
    //  |                       root dispersion                         |
    //  |                         reference id                          |
    //  |  reference, origin, receive, transmit time: 64 bits each      |
    /// Nil where there are fewer than 48 octets.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= NTPHeader.byteCount else { return nil }
        stratum = bytes.octet(1)
        poll = Int8(bitPattern: bytes.octet(2))
        precision = Int8(bitPattern: bytes.octet(3))
        rootDelay = bytes.load(4)
        rootDispersion = bytes.load(8)
        referenceID = bytes.load(12)
        referenceTime = bytes.load(16)
        originTime = bytes.load(24)
        receiveTime = bytes.load(32)
        transmitTime = bytes.load(40)
    }

    /// Extension fields after the header (RFC 7822). The last 24 octets may be an
    /// authenticator, of a key number and 20 octets at most.
    static func extensionCount(_ bytes: RawSpan) -> UInt64 {
        var offset = byteCount
        var count: UInt64 = 0
        while bytes.byteCount &- offset > 24 {
            let length = Int(bytes.load(offset &+ 2, as: UInt16.self))
            guard length >= 16, length & 3 == 0, length <= bytes.byteCount &- offset else { break }
            offset &+= length
            count &+= 1
        }
        return count
    }
}

/// One message that synchronises clocks.
package struct NTPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var version: UInt8 = 0
    package var mode: UInt8 = 0
    package var stratum: UInt8 = 0
    /// Nanoseconds, as the three below.
    package var poll: Int64 = 0
    package var precision: Int64 = 0
    package var rootDelay: Int64 = 0
    package var rootDispersion: Int64 = 0
    package var referenceID = Text.absent
    package var referenceTime = Timestamp.zero
    package var originTime = Timestamp.zero
    package var receiveTime = Timestamp.zero
    package var transmitTime = Timestamp.zero
    package var extensionCount: UInt64 = 0
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.ntp
    package static let summary: StaticString = "One NTP message of modes 1 to 5, which set clocks."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("version", UInt64(version), "Version of the protocol.")
        row.count("mode", UInt64(mode), "Mode: 1 and 2 symmetric, 3 client, 4 server, 5 broadcast.")
        row.count("stratum", UInt64(stratum), "Distance from a reference clock; 0 is unspecified.")
        row.interval("poll", poll, "Longest time between messages.")
        row.interval("precision", precision, "Precision of the sender's clock.")
        row.interval("root_delay", rootDelay, "Round trip to the reference clock.")
        row.interval("root_disp", rootDispersion, "Dispersion to the reference clock.")
        row.text("ref_id", referenceID, in: text, "Reference clock: its name, or its address from stratum 2 on.")
        row.time("ref_time", referenceTime, "When the sender's clock was last set.")
        row.time("org_time", originTime, "When the request left, by the client's clock.")
        row.time("rec_time", receiveTime, "When the request arrived, by the server's clock.")
        row.time("xmt_time", transmitTime, "When the message left, by the sender's clock.")
        row.count("num_exts", extensionCount, "Extension fields of the message.")
    }

    fileprivate mutating func read(_ header: NTPHeader, extensionCount: UInt64) {
        stratum = header.stratum
        poll = NTPTime.power(header.poll)
        precision = NTPTime.power(header.precision)
        rootDelay = NTPTime.short(header.rootDelay)
        rootDispersion = NTPTime.short(header.rootDispersion)
        text.clear()
        let start = text.begin()
        if header.stratum < 2 {
            for shift in 0..<4 {
                text.bytes.append(UInt8(truncatingIfNeeded: header.referenceID >> UInt32(24 &- 8 &* shift)))
            }
        } else {
            Address(v4: header.referenceID).write(to: &text.bytes)
        }
        referenceID = text.end(start)
        referenceTime = NTPTime.long(header.referenceTime)
        originTime = NTPTime.long(header.originTime)
        receiveTime = NTPTime.long(header.receiveTime)
        transmitTime = NTPTime.long(header.transmitTime)
        self.extensionCount = extensionCount
    }
}

/// One control message.
package struct NTPControlRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var version: UInt8 = 0
    /// Response, error, more, and five bits of operation.
    package var flags: UInt8 = 0
    package var sequence: UInt16 = 0
    package var status: UInt16 = 0
    package var associationID: UInt16 = 0
    package var data = Text.absent
    package var keyID: UInt32?
    package var checksum = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.ntpControl
    package static let summary: StaticString = "One NTP control message (mode 6)."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("version", UInt64(version), "Version of the protocol.")
        row.count("mode", 6, "Mode of the message.")
        row.count("op_code", UInt64(flags & 0x1F), "Operation asked for.")
        row.count("sequence", UInt64(sequence), "Number that request and response share.")
        row.count("status", UInt64(status), "Status of the system, peer or clock.")
        row.count("association_id", UInt64(associationID), "Association that the message is about; 0 is the system.")
        row.boolean("resp_bit", flags & 0x80 != 0, "The message is a response.")
        row.boolean("err_bit", flags & 0x40 != 0, "The response reports an error.")
        row.boolean("more_bit", flags & 0x20 != 0, "More messages of the response follow.")
        row.text("data", data, in: text, "What the message carries.")
        row.count("key_id", keyID.map { UInt64($0) }, "Number of the key of the authenticator.")
        row.text("crypto_checksum", checksum, in: text, "The authenticator.")
    }

    //  |LI | VN  |  6  |R|E|M|operation|           sequence            |
    //  |            status             |        association id         |
    //  |            offset             |       octets of data          |
    /// False where the message is cut.
    fileprivate mutating func read(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= 12 else { return false }
        flags = bytes.octet(1)
        sequence = bytes.load(2)
        status = bytes.load(4)
        associationID = bytes.load(6)
        let end = 12 &+ Int(bytes.load(10, as: UInt16.self))
        guard bytes.byteCount >= end else { return false }
        text.clear()
        data = end > 12 ? text.add(bytes.extracting(12..<end)) : .absent
        keyID = nil
        checksum = .absent
        if bytes.byteCount &- end == 12 {
            keyID = bytes.load(end)
            checksum = text.add(bytes.extracting(end &+ 4 ..< end &+ 12))
        }
        return true
    }
}

/// One private message.
package struct NTPPrivateRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var version: UInt8 = 0
    /// Authenticated bit and sequence number.
    package var flags: UInt8 = 0
    package var implementation: UInt8 = 0
    package var requestCode: UInt8 = 0
    package var errorCode: UInt8 = 0
    package var data = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.ntpPrivate
    package static let summary: StaticString = "One private NTP message (mode 7), such as monlist."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("version", UInt64(version), "Version of the protocol.")
        row.count("mode", 7, "Mode of the message.")
        row.count("req_code", UInt64(requestCode), "Operation, as the implementation numbers it.")
        row.count("sequence", UInt64(flags & 0x7F), "Place of the message in a response of several.")
        row.count("implementation", UInt64(implementation), "Implementation that defines the operation.")
        row.boolean("auth_bit", flags & 0x80 != 0, "The message is authenticated.")
        row.count("err", UInt64(errorCode), "Error of a response; 0 is none.")
        row.text("data", data, in: text, "What the message carries.")
    }

    //  |R|M| VN  |  7  |A|  sequence   |implementation | request code  |
    //  |  err  |  number of items      |  MBZ  |     size of an item   |
    /// False where the message is cut. As the field's sensors do, the number of
    /// items is taken for the octets of data.
    fileprivate mutating func read(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= 6 else { return false }
        flags = bytes.octet(1)
        implementation = bytes.octet(2)
        requestCode = bytes.octet(3)
        errorCode = bytes.octet(4) >> 4
        let end = 6 &+ Int(bytes.load(4, as: UInt16.self) & 0x0FFF)
        let authenticatorCount = flags & 0x80 != 0 ? 20 : 0
        guard bytes.byteCount >= end &+ authenticatorCount else { return false }
        text.clear()
        data = end > 6 ? text.add(bytes.extracting(6..<end)) : .absent
        return true
    }
}

/// A client's message, and a server's: what it received and what it sends have nearly the same time.
enum NTPProbe {
    private static let headerBytes = 48
    /// Seconds that a server takes over an answer.
    private static let answerSecondsMax: UInt32 = 16

    static func client(_ bytes: RawSpan) -> ProbeVerdict { isMessage(bytes, mode: 3) ? .matches : .never }

    static func server(_ bytes: RawSpan) -> ProbeVerdict {
        guard isMessage(bytes, mode: 4) else { return .never }
        let (received, sent) = (bytes.load(32, as: UInt32.self), bytes.load(40, as: UInt32.self))
        return received != 0 && sent &- received <= answerSecondsMax ? .matches : .never
    }

    /// Versions 1 to 4, strata to 16; extensions and codes of authentication come in fours.
    private static func isMessage(_ bytes: RawSpan, mode: UInt8) -> Bool {
        guard bytes.byteCount >= headerBytes, bytes.byteCount & 3 == 0 else { return false }
        let first = bytes.octet(0)
        return first & 7 == mode && (1...4).contains(first >> 3 & 7) && bytes.octet(1) <= 16
    }
}

/// NTP on one connection.
final class NTP: Analyzer {
    private static let clientMode: UInt8 = 3
    private static let serverMode: UInt8 = 4

    private var message = NTPRecord()
    private var control = NTPControlRecord()
    private var privateMessage = NTPPrivateRecord()
    private var hasMessage = false
    private var hasControl = false
    private var hasPrivate = false

    init() { super.init(kind: .ntp) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard bytes.byteCount > 0 else { return violation(&context) }
        let first = bytes.octet(0)
        let version = first >> 3 & 7
        let mode = first & 7
        let isFlipped =
            mode == NTP.serverMode && direction == .originator || mode == NTP.clientMode && direction == .responder
        let id = isFlipped ? context.id.flipped : context.id
        switch mode {
        case 1...5:
            guard let header = NTPHeader(bytes) else {
                context.lostMessage(.ntp, "ntp.malformed_data", from: direction)
                return violation(&context)
            }
            message.ts = context.now
            message.uid = context.uid
            message.id = id
            message.version = version
            message.mode = mode
            message.read(header, extensionCount: NTPHeader.extensionCount(bytes))
            hasMessage = true
        case 6:
            control.ts = context.now
            control.uid = context.uid
            control.id = id
            control.version = version
            hasControl = control.read(bytes)
            guard hasControl else { return violation(&context) }
        case 7:
            privateMessage.ts = context.now
            privateMessage.uid = context.uid
            privateMessage.id = id
            privateMessage.version = version
            hasPrivate = privateMessage.read(bytes)
            guard hasPrivate else { return violation(&context) }
        default: break
        }
        if isFlipped { context.requests.append(.flip) }
        NTP.show(bytes, from: isFlipped ? direction.opposite : direction, &context)
        confirm(&context)
        // Every message writes the last one of each kind again: the field's logs do.
        if hasMessage { context.output.emit(message) }
        if hasControl { context.output.emit(control) }
        if hasPrivate { context.output.emit(privateMessage) }
    }

    override func reset() {
        super.reset()
        hasMessage = false
        hasControl = false
        hasPrivate = false
    }
}

/// The number formats of NTP (RFC 5905 section 6), in nanoseconds.
enum NTPTime {
    /// Seconds from 1900 to 1970.
    private static let epochOffset: Int64 = 2_208_988_800

    /// Two to the power of `exponent` seconds; saturates.
    static func power(_ exponent: Int8) -> Int64 {
        if exponent >= 0 { return exponent <= 33 ? second << Int64(exponent) : .max }
        guard exponent >= -31 else { return 0 }
        let shift = Int64(exponent.magnitude)
        return toMicroseconds((second &+ 1 << (shift &- 1)) >> shift)
    }

    /// 16 bits of seconds and 16 of fraction. Both are taken as signed, as the field's logs do.
    static func short(_ value: UInt32) -> Int64 {
        let seconds = Int64(Int16(truncatingIfNeeded: value >> 16))
        let fraction = Int64(Int16(truncatingIfNeeded: value))
        return toMicroseconds(seconds &* second &+ (fraction &* second &+ 0x8000) >> 16)
    }

    /// 32 bits of seconds since 1900 and 32 of fraction; all zero is no time. Rounded as the
    /// field's logs are, which keep times as seconds in a double.
    static func long(_ value: UInt64) -> Timestamp {
        guard value != 0 else { return .zero }
        let time = Double(Int64(value >> 32) &- epochOffset) + Double(value & 0xFFFF_FFFF) * 0x1p-32
        let whole = time.rounded(.down)
        // Within 32 bits of seconds, so both conversions are in range.
        let nanoseconds = Int64(whole) &* second &+ Int64(((time - whole) * 1e9).rounded())
        return Timestamp(nanoseconds: toMicroseconds(nanoseconds))
    }

    /// Logs cut times at microseconds; the field's round them. So from half of one on a value
    /// goes to the next whole one, and below it stays as exact as it is.
    private static func toMicroseconds(_ nanoseconds: Int64) -> Int64 {
        let rest = nanoseconds % 1000
        if rest >= 500 { return nanoseconds &- rest &+ 1000 }
        return rest <= -500 ? nanoseconds &- rest &- 1000 : nanoseconds
    }
}
