// SPDX-License-Identifier: Apache-2.0
//
// Remote Authentication Dial In User Service (RFC 2865; tunnels RFC 2868).
//
// Reads   one message per UDP datagram.
// Writes  log "radius": a row per attempt to be let in.
// Leaves  accounting; attributes that no column shows.

package import Records
import Wire

/// One message: its code, and the first value of each attribute that columns show.
struct RADIUSMessage {
    static let byteCount = 20

    static let accessRequest: UInt8 = 1
    static let accessAccept: UInt8 = 2
    static let accessReject: UInt8 = 3
    static let accessChallenge: UInt8 = 11

    let code: UInt8
    var userName: Range<Int>?
    var framedAddress: UInt32?
    var replyMessage: Range<Int>?
    var callingStation: Range<Int>?
    var tunnelClient: Range<Int>?
    var connectInfo: Range<Int>?

    //  |     code      |  identifier   |            length             |
    //  |                authenticator: 16 octets                       |
    //  then attributes: type, length with both octets, value.
    /// Nil where the message is cut or an attribute's length cannot be.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= RADIUSMessage.byteCount else { return nil }
        code = bytes.octet(0)
        var offset = RADIUSMessage.byteCount
        while offset < bytes.byteCount {
            guard bytes.byteCount &- offset >= 2 else { return nil }
            let length = Int(bytes.octet(offset &+ 1))
            guard length >= 2, length <= bytes.byteCount &- offset else { return nil }
            take(bytes.octet(offset), offset &+ 2 ..< offset &+ length, bytes)
            offset &+= length
        }
    }

    private mutating func take(_ type: UInt8, _ place: Range<Int>, _ bytes: RawSpan) {
        switch type {
        case 1 where userName == nil: userName = place
        case 8 where framedAddress == nil && place.count >= 4: framedAddress = bytes.load(place.lowerBound)
        case 18 where replyMessage == nil: replyMessage = place
        case 31 where callingStation == nil: callingStation = place
        case 66 where tunnelClient == nil: tunnelClient = place
        case 77 where connectInfo == nil: connectInfo = place
        default: break
        }
    }
}

/// A request to be let in: its length and those of its attributes are those of the datagram.
enum RADIUSProbe {
    static func request(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > RADIUSMessage.byteCount, Int(bytes.load16(2)) == bytes.byteCount,
            RADIUSMessage(bytes)?.code == RADIUSMessage.accessRequest
        else { return .never }
        return .matches
    }
}

/// One attempt to be let in.
package struct RADIUSRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var userName = Text.absent
    package var mac = Text.absent
    package var framedAddress: Address?
    package var tunnelClient = Text.absent
    package var connectInfo = Text.absent
    package var replyMessage = Text.absent
    package var result: StaticString?
    /// Nanoseconds; nil is unset.
    package var roundTrip: Int64?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.radius
    package static let summary: StaticString = "One attempt to be let in, and what RADIUS said to it."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("username", userName, in: text, "Name of the user.", isKey: true)
        row.text("mac", mac, in: text, "Hardware address of the user's device.")
        row.address("framed_addr", framedAddress, "Address that the server proposes for the user.")
        row.text("tunnel_client", tunnelClient, in: text, "Address of the tunnel's far end.")
        row.text("connect_info", connectInfo, in: text, "How the user is connected.")
        row.text("reply_msg", replyMessage, in: text, "Text that the server shows to the user.")
        row.text("result", result, "`success`, `failed`, or `unknown` where no verdict was seen.")
        row.interval("ttl", roundTrip, "Time from the first message to the verdict.")
    }

    /// The first value of each column stays.
    fileprivate mutating func add(_ message: RADIUSMessage, _ bytes: RawSpan) {
        switch message.code {
        case RADIUSMessage.accessRequest:
            if userName.isAbsent, let place = message.userName {
                userName = text.add(bytes.extracting(place))
            }
            if tunnelClient.isAbsent, let place = message.tunnelClient {
                tunnelClient = text.add(bytes.extracting(place))
            }
            if connectInfo.isAbsent, let place = message.connectInfo {
                connectInfo = text.add(bytes.extracting(place))
            }
            if mac.isAbsent, let place = message.callingStation { mac = macText(bytes.extracting(place)) }
        case RADIUSMessage.accessChallenge:
            if framedAddress == nil { framedAddress = message.framedAddress.map { Address(v4: $0) } }
            if replyMessage.isAbsent, let place = message.replyMessage {
                replyMessage = text.add(bytes.extracting(place))
            }
        case RADIUSMessage.accessAccept: result = "success"
        case RADIUSMessage.accessReject: result = "failed"
        default: break
        }
    }

    /// The hexadecimal digits of a station's name with colons, in lower case; empty unless
    /// they are 12 or 16.
    private mutating func macText(_ octets: RawSpan) -> Text {
        let start = text.begin()
        var count = 0
        for index in 0..<octets.byteCount {
            let octet = octets.octet(index)
            let lower = octet | 0x20
            guard (0x30...0x39).contains(octet) || (0x61...0x66).contains(lower) else { continue }
            if count > 0, count & 1 == 0 { text.bytes.append(0x3A) }
            text.bytes.append(octet < 0x40 ? octet : lower)
            count &+= 1
        }
        if count != 12, count != 16 { text.bytes.removeLast(text.bytes.count - start) }
        return text.end(start)
    }

    fileprivate mutating func clear() {
        userName = .absent
        mac = .absent
        framedAddress = nil
        tunnelClient = .absent
        connectInfo = .absent
        replyMessage = .absent
        result = nil
        roundTrip = nil
        text.clear()
    }
}

/// RADIUS on one connection.
final class RADIUS: Analyzer {
    private var record = RADIUSRecord()
    private var hasRecord = false

    init() { super.init(kind: .radius) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard let message = RADIUSMessage(bytes) else { return violation(&context) }
        confirm(&context)
        if !hasRecord {
            hasRecord = true
            record.ts = context.now
            record.uid = context.uid
            record.id = context.id
        }
        record.add(message, bytes)
        guard record.result != nil else { return }
        let roundTrip = context.now.since(record.ts)
        record.roundTrip = roundTrip == 0 ? nil : roundTrip
        write(&context)
    }

    override func finish(_ context: inout AnalyzerContext) {
        guard hasRecord else { return }
        record.result = "unknown"
        write(&context)
    }

    override func reset() {
        super.reset()
        if hasRecord { record.clear() }
        hasRecord = false
    }

    private func write(_ context: inout AnalyzerContext) {
        context.output.emit(record)
        record.clear()
        hasRecord = false
    }
}
