// SPDX-License-Identifier: Apache-2.0
//
// Remote Framebuffer, the protocol of VNC, versions 3.3 to 3.8 (RFC 6143), with
// Apple's login.
//
// Reads   both directions of a TCP connection, up to the server's parameters.
// Writes  one `RFBRecord` per connection, path "rfb".
// Leaves  the session itself: screens, keys, pointers.

package import Records
import Wire

/// One session of a remote screen.
package struct RFBRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var clientMajor = Text.absent
    package var clientMinor = Text.absent
    package var serverMajor = Text.absent
    package var serverMinor = Text.absent
    package var method: StaticString?
    package var isAuthenticated: Bool?
    package var isShared: Bool?
    package var desktop = Text.absent
    package var width: UInt64?
    package var height: UInt64?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.rfb
    package static let summary: StaticString = "One session of VNC."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("client_major_version", clientMajor, in: text, "Major version of the client, such as 003.")
        row.text("client_minor_version", clientMinor, in: text, "Minor version of the client, such as 008.")
        row.text("server_major_version", serverMajor, in: text, "Major version of the server.")
        row.text("server_minor_version", serverMinor, in: text, "Minor version of the server.")
        row.text("authentication_method", method, "Kind of login.")
        row.boolean("auth", isAuthenticated, "Whether the login succeeded.")
        row.boolean("share_flag", isShared, "Whether other clients may stay connected.")
        row.text("desktop_name", desktop, in: text, "Name of the screen.", isKey: true)
        row.count("width", width, "Width of the screen in pixels.")
        row.count("height", height, "Height of the screen in pixels.")
    }

    /// Blank again; keeps memory.
    mutating func clear() {
        (clientMajor, clientMinor, serverMajor, serverMinor) = (.absent, .absent, .absent, .absent)
        (method, isAuthenticated, isShared) = (nil, nil, nil)
        (desktop, width, height) = (.absent, nil, nil)
        text.clear()
    }
}

/// `RFB` from each side; the two belong together.
enum RFBProbe {
    static func originator(_ bytes: RawSpan) -> ProbeVerdict { bytes.beginning(with: "RFB", at: 0) }
    static func responder(_ bytes: RawSpan) -> ProbeVerdict { bytes.beginning(with: "RFB", at: 0) }
}

/// VNC on one connection.
final class RFB: FramedAnalyzer {
    /// Octets of a text that are believed.
    private static let textBytesMax: UInt32 = 65_536
    /// Octets of a text that are nothing odd.
    private static let usualTextBytes = 4096
    /// Minor version from which the server offers a list of logins.
    private static let listMinor = 7
    /// Minor version from which a refusal has a reason, and no login has a result.
    private static let resultMinor = 8

    /// Whose turn it is, and what comes.
    private enum State {
        case serverVersion, clientVersion
        case serverMethod, serverMethods, clientMethod
        case challenge, response, appleChallenge, appleResponse
        case result, reason
        case clientStart, serverStart

        var direction: Direction {
            switch self {
            case .clientVersion, .clientMethod, .response, .appleResponse, .clientStart: .originator
            default: .responder
            }
        }
    }

    private var record = RFBRecord()
    private var hasRow = false
    private var state = State.serverVersion
    private var minor = 0
    private var keyBytes = 0
    private var event = RFBEvent()

    init() { super.init(kind: .rfb) }

    override func message(
        _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Framing {
        guard !context.isPartial else { return .stop }
        // The other side's turn: what came early waits.
        guard state.direction == direction else {
            if !isConfused, transaction != nil { show("rfb.confused_state", from: direction, &context) }
            isConfused = true
            return .needs(bytes.byteCount &+ 1)
        }
        let wanted = wantedCount(bytes)
        let hasText = state == .reason || state == .serverStart
        if hasText, !isLong, wanted ?? .max > RFB.usualTextBytes &+ (state == .reason ? 4 : 24) {
            isLong = true
            show("rfb.too_long_string", from: direction, &context)
        }
        guard let wanted else {
            if !hasText { show("rfb.malformed_message", &context) }
            return refuse(&context)
        }
        guard bytes.byteCount >= wanted else { return .needs(wanted) }
        show(bytes, wanted, &context)
        if context.wantsEvents { note(bytes, wanted) }
        let isUnderstood = handle(bytes, wanted, &context)
        guard isUnderstood else { return refuse(&context) }
        return isStoppedHere ? .stop : .took(wanted)
    }

    override func finish(_ context: inout AnalyzerContext) {
        super.finish(&context)
        if let transaction {
            context.transactionDone(tx: transaction, from: .originator)
            context.transactionDone(tx: transaction, from: .responder)
        }
        guard hasRow else { return }
        write(&context)
    }

    /// The session's row and event.
    private func write(_ context: inout AnalyzerContext) {
        hasRow = false
        context.output.emit(record)
        guard context.wantsEvents else { return }
        context.beginEvent("rfb", from: .originator, tx: transaction)
        event.write(record, to: &context.event)
        context.endEvent()
    }

    /// Keeps what the event alone shows.
    private func note(_ bytes: RawSpan, _ count: Int) {
        switch state {
        case .serverMethod: event.securityType = UInt64(bytes.load32(0))
        case .clientMethod: event.securityType = UInt64(bytes.octet(0))
        case .challenge: bytes.extracting(0..<count).append(to: &event.challenge)
        case .response: bytes.extracting(0..<count).append(to: &event.response)
        case .result: event.result = UInt64(bytes.load32(0))
        case .reason: bytes.extracting(4..<min(count, 4 &+ 512)).append(to: &event.reason)
        case .serverStart: bytes.extracting(4..<20).append(to: &event.pixels)
        default: break
        }
    }

    override func reset() {
        super.reset()
        record.clear()
        hasRow = false
        state = .serverVersion
        (minor, keyBytes) = (0, 0)
        event = RFBEvent()
        (isStoppedHere, isConfused, isLong) = (false, false, false)
        transaction = nil
    }

    /// The one transaction of the connection.
    private var transaction: UInt64?

    /// Shows what signatures ask of a message: the security type, its result, the desktop's name.
    private func show(_ bytes: RawSpan, _ count: Int, _ context: inout AnalyzerContext) {
        let tx = transaction ?? context.beginTransaction(.rfb)
        transaction = tx
        guard context.wantsTransactions else { return }
        switch state {
        case .serverMethod:
            context.exposeNumber(.rfbSecurityType, UInt64(bytes.load32(0)), tx: tx, from: .responder)
        case .clientMethod:
            context.exposeNumber(.rfbSecurityType, UInt64(bytes.octet(0)), tx: tx, from: .originator)
        case .result: context.exposeNumber(.rfbSecurityResult, UInt64(bytes.load32(0)), tx: tx, from: .responder)
        case .serverStart: context.expose(.rfbName, bytes.extracting(24..<count), tx: tx, from: .responder)
        default: break
        }
    }

    /// Something of the session was not as it should be.
    private func show(_ event: StaticString, from direction: Direction? = nil, _ context: inout AnalyzerContext) {
        let tx = transaction ?? context.beginTransaction(.rfb)
        transaction = tx
        context.transactionEvent(event, tx: tx, from: direction ?? state.direction)
    }

    /// All that is wanted has been seen.
    private var isStoppedHere = false
    /// One side spoke when it was the other's turn; a text was longer than usual. Each is told once.
    private var isConfused = false
    private var isLong = false

    private func refuse(_ context: inout AnalyzerContext) -> Framing {
        violation(&context)
        return .stop
    }

    /// Octets of the message that comes, as far as its head tells; nil for one too long.
    private func wantedCount(_ bytes: RawSpan) -> Int? {
        switch state {
        case .serverVersion, .clientVersion: return 12
        case .serverMethod, .result: return 4
        case .serverMethods: return 1 &+ Int(bytes.octet(0))
        case .clientMethod, .clientStart: return 1
        case .challenge, .response: return 16
        case .appleChallenge:
            guard bytes.byteCount >= 4 else { return 4 }
            return 4 &+ 2 &* Int(bytes.load(2, as: UInt16.self))
        case .appleResponse: return max(1, 2 &* keyBytes)
        case .reason: return RFB.withText(bytes, at: 0)
        case .serverStart: return RFB.withText(bytes, at: 20)
        }
    }

    /// A text whose length stands at `offset`.
    private static func withText(_ bytes: RawSpan, at offset: Int) -> Int? {
        guard bytes.byteCount >= offset &+ 4 else { return offset &+ 4 }
        let count = bytes.load(offset, as: UInt32.self)
        return count < textBytesMax ? offset &+ 4 &+ Int(count) : nil
    }

    /// Takes the whole message; false where it is none.
    private func handle(_ bytes: RawSpan, _ count: Int, _ context: inout AnalyzerContext) -> Bool {
        switch state {
        case .serverVersion, .clientVersion: return version(bytes, &context)
        case .serverMethod:
            let method = bytes.load(0, as: UInt32.self)
            record.method = RFB.name(method)
            switch method {
            case 0: state = .reason
            case 1: state = .clientStart
            case 2: state = .challenge
            default:
                show("rfb.unimplemented_security_type", &context)
                return false
            }
        case .serverMethods: state = bytes.octet(0) == 0 ? .reason : .clientMethod
        case .clientMethod:
            guard chosen(bytes.octet(0)) else {
                show("rfb.unimplemented_security_type", &context)
                return false
            }
        case .challenge: state = .response
        case .response, .appleResponse: state = .result
        case .appleChallenge:
            keyBytes = Int(bytes.load(2, as: UInt16.self))
            state = .appleResponse
        case .result:
            guard result(bytes.load(0, as: UInt32.self)) else {
                show("rfb.unknown_security_result", &context)
                return false
            }
        case .reason: isStoppedHere = true
        case .clientStart:
            record.isShared = bytes.octet(0) != 0
            state = .serverStart
        case .serverStart:
            record.width = UInt64(bytes.load(0, as: UInt16.self))
            record.height = UInt64(bytes.load(2, as: UInt16.self))
            record.desktop = record.text.add(bytes.extracting(24..<count))
            write(&context)
            isStoppedHere = true
        }
        return true
    }

    //  RFB 003.008 and a line feed
    private func version(_ bytes: RawSpan, _ context: inout AnalyzerContext) -> Bool {
        guard bytes.begins(with: "RFB "), bytes.octet(7) == 0x2E else {
            show("rfb.malformed_message", &context)
            return false
        }
        if !hasRow {
            hasRow = true
            record.ts = context.now
            record.uid = context.uid
            record.id = context.id
        }
        let major = record.text.add(bytes.extracting(4..<7))
        let minor = record.text.add(bytes.extracting(8..<11))
        if state == .serverVersion {
            (record.serverMajor, record.serverMinor) = (major, minor)
            state = .clientVersion
            return true
        }
        (record.clientMajor, record.clientMinor) = (major, minor)
        self.minor = 0
        for place in 8..<11 {
            let digit = bytes.octet(place)
            guard (0x30...0x39).contains(digit) else { break }
            self.minor = self.minor &* 10 &+ Int(digit &- 0x30)
        }
        // Apple says 889 and speaks 3.7's form.
        state = self.minor >= RFB.listMinor ? .serverMethods : .serverMethod
        confirm(&context)
        return true
    }

    private func chosen(_ method: UInt8) -> Bool {
        record.method = RFB.name(UInt32(method))
        switch method {
        case 1: state = minor >= RFB.resultMinor ? .result : .clientStart
        case 2: state = .challenge
        case 30: state = .appleChallenge
        default: return false
        }
        return true
    }

    private func result(_ code: UInt32) -> Bool {
        guard code <= 2 else { return false }
        record.isAuthenticated = code == 0
        if code == 0 {
            state = .clientStart
        } else if code == 1, minor >= RFB.resultMinor {
            state = .reason
        } else {
            isStoppedHere = true
        }
        return true
    }

    private static func name(_ method: UInt32) -> StaticString {
        switch method {
        case 0: "Invalid"
        case 1: "None"
        case 2: "VNC"
        case 16: "Tight"
        case 17: "Ultra"
        case 18: "TLS"
        case 19: "VeNCrypt"
        case 20: "GTK-VNC SASL"
        case 21: "MD5 hash authentication"
        case 22: "Colin Dean xvp"
        case 30: "Apple Remote Desktop"
        default: "RealVNC"
        }
    }
}
