// SPDX-License-Identifier: Apache-2.0
//
// Transport Layer Security: SSL 2 and 3, TLS 1.0 to 1.3 (RFC 8446, RFC 5246), DTLS
// (RFC 6347, RFC 9147).
//
// Reads   both directions of a TCP connection, or datagrams; what is in the clear.
// Writes  one `TLSRecord` per connection, path "ssl"; a row per certificate.
// Leaves  encrypted messages, trust, what QUIC does around the handshake.
//
// The rules are Zeek's, so that the same traffic gives the same rows. This file has
// the row and the record layer of streams; TLS+Handshake.swift messages;
// TLS+Hello.swift the two hellos; TLS+Datagrams.swift the record layer of DTLS;
// TLS+Fingerprints.swift JA3, JA3S and JA4.

import Files
package import Records
import Wire

/// One connection with TLS on it.
package struct TLSRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var version = Text.absent
    package var cipher = Text.absent
    package var curve = Text.absent
    package var serverName = Text.absent
    package var isResumed = false
    package var lastAlert = Text.absent
    package var nextProtocol = Text.absent
    package var isEstablished = false
    package var history = Text.absent
    package var chain: [Text] = []
    package var clientChain: [Text] = []
    /// A certificate was sent by either side: both lists are set.
    package var hasCertificates = false
    package var subject = Text.absent
    package var issuer = Text.absent
    package var clientSubject = Text.absent
    package var clientIssuer = Text.absent
    package var matchesName: Bool?
    package var ja3 = Text.absent
    package var ja3s = Text.absent
    package var ja4 = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.ssl
    package static let summary: StaticString = "One connection with TLS, DTLS or the handshake of QUIC."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("version", version, in: text, "Version that the server chose.")
        row.text("cipher", cipher, in: text, "Cipher suite that the server chose.")
        row.text("curve", curve, in: text, "Group of the key exchange.")
        row.text("server_name", serverName, in: text, "Name that the client asked for.", isKey: true)
        row.boolean("resumed", isResumed, "Whether an earlier session was resumed.")
        row.text("last_alert", lastAlert, in: text, "Last alert that was not encrypted.")
        row.text("next_protocol", nextProtocol, in: text, "Protocol inside, where the server said so in the clear.")
        row.boolean("established", isEstablished, "Whether the handshake was completed.")
        row.text("ssl_history", history, in: text, "Messages in order; upper case from the client.")
        row.textVector(
            "cert_chain_fps", hasCertificates ? chain : nil, in: text, "Fingerprints of the server's certificates.")
        row.textVector(
            "client_cert_chain_fps", hasCertificates ? clientChain : nil, in: text,
            "Fingerprints of the client's certificates.")
        row.text("subject", subject, in: text, "Subject of the server's certificate.")
        row.text("issuer", issuer, in: text, "Issuer of the server's certificate.")
        row.text("client_subject", clientSubject, in: text, "Subject of the client's certificate.")
        row.text("client_issuer", clientIssuer, in: text, "Issuer of the client's certificate.")
        row.boolean("sni_matches_cert", matchesName, "Whether the server's certificate is for that name.")
        row.text("ja3", ja3, in: text, "JA3 fingerprint of the client.", isKey: true)
        row.text("ja3s", ja3s, in: text, "JA3S fingerprint of the server.", isKey: true)
        row.text("ja4", ja4, in: text, "JA4 fingerprint of the client.", isKey: true)
    }

    /// Blank again; keeps memory.
    mutating func clear() {
        (version, cipher, curve, serverName, lastAlert) = (.absent, .absent, .absent, .absent, .absent)
        (nextProtocol, history, subject, issuer) = (.absent, .absent, .absent, .absent)
        (clientSubject, clientIssuer, ja3, ja3s, ja4) = (.absent, .absent, .absent, .absent, .absent)
        (isResumed, isEstablished, hasCertificates, matchesName) = (false, false, false, nil)
        chain.removeAll(keepingCapacity: true)
        clientChain.removeAll(keepingCapacity: true)
        text.clear()
    }
}

/// One direction: whether it is encrypted, and the handshake message at work.
struct TLSSide {
    var isEncrypted = false
    /// A handshake message that is not complete.
    var message: [UInt8] = []
    /// Of DTLS: the message that fragments are put together for.
    var fragments = DTLSFragments()

    mutating func clear() {
        isEncrypted = false
        message.removeAll(keepingCapacity: message.capacity <= TLS.keptBytesMax)
        fragments.clear()
    }
}

/// TLS over a stream; with `kind` `.dtls`, over datagrams.
final class TLS: FramedAnalyzer {
    /// Octets of one handshake message; none in use is near it.
    static let handshakeBytesMax = 1 << 18
    /// Octets of a buffer that is kept for the next connection.
    static let keptBytesMax = 8192
    /// Letters of the history (`SSL::max_ssl_history_length`).
    static let historyMax = 100
    /// Alerts of one record (`SSL::max_alerts_per_record`); one in TLS 1.3.
    static let alertsMax = 10

    var record = TLSRecord()
    var sides: [2 of TLSSide] = [TLSSide(), TLSSide()]
    /// Something was said that a row is written for.
    var hasRow = false
    private(set) var isWritten = false
    /// Nothing more is read.
    private(set) var isOver = false
    /// The client is the responder.
    var isFlipped = false
    private var wasFlipped = false
    private var history: [UInt8] = []
    private var letterCount = 0
    private var isHistoryFull = false
    /// Version of the record layer, once it is known; 2 is SSL 2.
    private var layer: UInt16 = 0
    /// The client's hello was one of SSL 2.
    var hasOldHello = false

    // What the messages said.

    var version: UInt16?
    var cipher: UInt32?
    var curve: UInt16?
    var alert: UInt8?
    var sessionID: [UInt8] = []
    var hasTicket = false
    var hasClientKeyExchange = false
    var hasPreSharedKey = false
    var hasServerHello = false
    /// Protocols that the client offered, in the texts of the row.
    var clientProtocols: [Text] = []
    /// The server's first certificate; nil where there is none, or where it could not be read.
    var serverCertificate: ReadCertificate?

    /// Of the hello at work, for its fingerprint.
    var numbers = TLSNumbers()
    var view = TLSView()
    var heartbeat = TLSHeartbeat()
    /// The hellos come from QUIC, which shows them itself.
    var isInQUIC = false
    var inside = TLSInside()

    // DTLS.

    var invalidVersions = 0
    /// Messages in pieces that the datagram at hand has begun.
    var fragmentsBegun = 0
    var hasReportedVersion = false

    /// TLS 1.3 or one of its drafts was chosen.
    var isTLS13: Bool {
        guard let version else { return false }
        return version == 0x0304 || version == 0xFEFC || version >> 8 == 0x7F
    }

    func isClient(_ direction: Direction) -> Bool { (direction == .originator) != isFlipped }

    // MARK: records

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        records(bytes, wireLength: wireLength, from: direction, &context)
    }

    override func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing {
        guard !isOver || isUnlocked || heartbeat.isFollowed, !context.isPartial else { return .stop }
        guard bytes.byteCount >= 5 else { return .needs(5) }
        guard let header = header(bytes) else {
            showBrokenHeader(bytes, from: direction, &context)
            fail(&context)
            return .stop
        }
        guard bytes.byteCount >= header.count else { return .needs(header.count) }
        if header.count > TLS.recordBytesMax, !header.isSSL2 {
            showAnomaly("tls.invalid_record_length", from: direction, &context)
        }
        if header.isSSL2 {
            ssl2(bytes.extracting(0..<header.count), from: direction, &context)
        } else if header.count > 5 {
            content(
                bytes.octet(0), bytes.extracting(5..<header.count), isEncrypted: nil, from: direction, &context)
        } else {
            showAnomaly("tls.invalid_record_length", from: direction, &context)
        }
        if isOver, !isUnlocked, !heartbeat.isFollowed { isDetached = true }
        return isDetached ? .stop : .took(header.count)
    }

    private struct Header {
        var isSSL2: Bool
        /// Octets of the record, header included.
        var count: Int
    }

    /// Octets of a record that TLS allows, its header included (RFC 5246 section 6.2.3).
    private static let recordBytesMax = 5 + 16_384 + 2048

    /// What is wrong with a header that is of no record layer. Where nothing was TLS before it, the port alone
    /// has said so: that is no fault of anybody.
    private func showBrokenHeader(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard layer != 0 || hasOldHello else { return }
        let first = bytes.octet(0)
        let event: StaticString
        if layer == 0x0002 || layer == 0 && first & 0x80 != 0 {
            event = "tls.invalid_sslv2_header"
        } else if !(20...24).contains(first) {
            event = "tls.invalid_record_type"
        } else {
            event = "tls.invalid_record_version"
        }
        showAnomaly(event, from: direction, &context)
    }

    /// Which record layer the octets are of; nil where of none.
    private func header(_ bytes: RawSpan) -> Header? {
        let first = bytes.octet(0)
        let stated = bytes.load(1, as: UInt16.self)
        let isStatedKnown = (0x0300...0x0303).contains(stated)
        // The answer to a ClientHello of SSL 2 that could not be (the SSL protocol, section 2.8).
        if layer == 0, hasOldHello, first & 0x80 != 0, bytes.octet(2) == 0 { return ssl2Header(bytes) }
        if layer == 0, first & 0x80 != 0 || !(20...23).contains(first) || !isStatedKnown {
            // A ClientHello of SSL 2 says nothing of what follows, a ServerHello does.
            let hello = bytes.load(3, as: UInt16.self)
            guard first & 0x80 != 0 else { return nil }
            switch bytes.octet(2) {
            case 1 where hello == 0x0002 || (0x0300...0x0303).contains(hello): break
            case 4: layer = 0x0002
            default: return nil
            }
            return ssl2Header(bytes)
        }
        if layer == 0x0002 { return ssl2Header(bytes) }
        guard isStatedKnown else { return nil }
        layer = stated
        return Header(isSSL2: false, count: 5 &+ Int(bytes.load(3, as: UInt16.self)))
    }

    private func ssl2Header(_ bytes: RawSpan) -> Header? {
        let count = 2 &+ Int(bytes.load(0, as: UInt16.self) & 0x7FFF)
        return count >= 5 ? Header(isSSL2: true, count: count) : nil
    }

    /// The content of one record. `isEncrypted` is said by DTLS; in streams it follows from what came before.
    func content(
        _ type: UInt8, _ body: RawSpan, isEncrypted: Bool?, from direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        let side = Int(direction.rawValue)
        if type == 24, isOver || sides[0].isEncrypted || sides[1].isEncrypted {
            return showSealedHeartbeat(body.byteCount, from: direction, &context)
        }
        if isOver { return decrypt(type, body, from: direction, &context) }
        if isEncrypted ?? (sides[side].isEncrypted && !isTLS13) {
            decrypt(type, body, from: direction, &context)
            return encrypted(&context)
        }
        if type == 23, isTLS13 { decrypt(type, body, from: direction, &context) }
        switch type {
        case 20:
            seen(0x69, from: direction, &context)
            if isClient(direction), hasTicket, !hasClientKeyExchange { record.isResumed = true }
            if !isTLS13 { sides[side].isEncrypted = true }
        case 21: alerts(body, from: direction, &context)
        case 22:
            if kind == .dtls {
                fragment(body, from: direction, &context)
            } else {
                handshakes(body, from: direction, &context)
            }
        case 23: applicationData(from: direction, &context)
        case 24:
            seen(0x62, from: direction, &context)
            showHeartbeat(body, from: direction, &context)
        default:
            showAnomaly("tls.invalid_record_type", from: direction, &context)
            fail(&context)
        }
    }

    /// A record of application data where nothing is known to be encrypted yet.
    private func applicationData(from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        if isTLS13 {
            sides[side].isEncrypted = true
            writeEvent(&context)
            return encrypted(&context)
        }
        if !hasServerHello, isClient(direction) {
            // Early data of TLS 1.3, before the version is known.
            sides[side].isEncrypted = true
        } else if hasServerHello {
            context.weird(.ssl_early_application_data, source: kind == .dtls ? "DTLS" : "SSL")
        }
    }

    /// A record that cannot be read. The handshake is over when both sides send such.
    func encrypted(_ context: inout AnalyzerContext) {
        guard sides[0].isEncrypted, sides[1].isEncrypted else { return }
        establish(&context)
    }

    private func alerts(_ body: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        var taken = 0
        for place in stride(from: 0, to: body.byteCount, by: 2) {
            guard body.byteCount &- place >= 2 else {
                showAnomaly("tls.invalid_alert_message", from: direction, &context)
                return fail(&context)
            }
            guard taken < (isTLS13 ? 1 : TLS.alertsMax) else {
                return context.weird(.SSL_excessive_alerts_in_record, source: "SSL")
            }
            taken &+= 1
            alert = body.octet(place &+ 1)
            seen(0x6C, from: direction, &context)
        }
    }

    // MARK: what was seen

    /// A letter of the history, given in lower case.
    func seen(_ letter: UInt8, from direction: Direction, _ context: inout AnalyzerContext) {
        touch(context)
        guard !isHistoryFull else { return }
        guard letterCount < TLS.historyMax else {
            isHistoryFull = true
            context.weird(.SSL_max_ssl_history_length_reached, source: "SSL")
            context.requests.append(.limitReached)
            return
        }
        letterCount &+= 1
        history.append(isClient(direction) ? letter & 0xDF : letter)
    }

    /// The row has begun.
    func touch(_ context: borrowing AnalyzerContext) {
        guard !hasRow else { return }
        hasRow = true
        record.ts = context.now
    }

    /// The client turns out to be the other end.
    func flip(_ context: inout AnalyzerContext) {
        if wasFlipped { context.weird(.SSL_unclear_connection_direction, source: "SSL") }
        wasFlipped = true
        isFlipped.toggle()
        touch(context)
        if history.count < 2 * TLS.historyMax { history.append(0x5E) }
    }

    // MARK: the end

    func establish(_ context: inout AnalyzerContext) {
        guard !isOver else { return }
        record.isEstablished = true
        context.requests.append(.encrypted)
        touch(context)
        endView(&context)
        writeRow(&context)
        isOver = true
        isDetached = !isUnlocked && !heartbeat.isFollowed
    }

    /// The octets are not TLS: what there is is written, and nothing more is read.
    func fail(_ context: inout AnalyzerContext) {
        heartbeat.isFollowed = false
        guard !isOver else { return }
        isOver = true
        if context.id.transport != .tcp || !(context.isPartial || context.hasGap) { writeRow(&context) }
        violation(&context)
    }

    override func finish(_ context: inout AnalyzerContext) {
        super.finish(&context)
        endView(&context)
        writeRow(&context)
        finishInside(&context)
    }

    /// Writes the row, once.
    private func writeRow(_ context: inout AnalyzerContext) {
        guard hasRow, !isWritten else { return }
        isWritten = true
        record.uid = context.uid
        record.id = context.id
        if let version { record.version = name(TLSTables.version(version), UInt64(version), isVersion: true) }
        if let cipher { record.cipher = name(TLSTables.cipher(cipher), UInt64(cipher)) }
        if let curve { record.curve = name(TLSTables.curve(curve), UInt64(curve)) }
        if let alert { record.lastAlert = name(TLSTables.alert(alert), UInt64(alert)) }
        record.history = record.text.add(history)
        if let certificate = serverCertificate?.certificate, !record.serverName.isAbsent {
            record.matchesName = certificate.matches(record.text[record.serverName])
        }
        context.output.emit(record)
    }

    private func name(_ known: StaticString?, _ code: UInt64, isVersion: Bool = false) -> Text {
        if let known { return record.text.add(known) }
        let start = record.text.begin()
        // 7Fxx are drafts of TLS 1.3.
        let isDraft = isVersion && code >> 8 == 0x7F
        record.text.append(isDraft ? "TLSv13-draft" : "unknown-")
        record.text.append(decimal: isDraft ? code & 0xFF : code)
        return record.text.end(start)
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) {
        event.open("tls")
        writeMembers(to: &event)
        event.close()
    }

    override func reset() {
        super.reset()
        record.clear()
        sides[0].clear()
        sides[1].clear()
        (hasRow, isWritten, isOver, isFlipped, wasFlipped) = (false, false, false, false, false)
        history.removeAll(keepingCapacity: true)
        (letterCount, isHistoryFull, layer) = (0, false, 0)
        (version, cipher, curve, alert) = (nil, nil, nil, nil)
        sessionID.removeAll(keepingCapacity: true)
        (hasTicket, hasClientKeyExchange, hasPreSharedKey, hasServerHello) = (false, false, false, false)
        serverCertificate = nil
        hasOldHello = false
        view = TLSView()
        heartbeat = TLSHeartbeat()
        isInQUIC = false
        inside = TLSInside()
        clientProtocols.removeAll(keepingCapacity: true)
        (invalidVersions, hasReportedVersion) = (0, false)
    }
}

/// Beginnings of TLS and DTLS (Zeek's base/protocols/ssl/dpd.sig).
enum TLSProbe {
    /// A ClientHello, in a record of SSL 3 to TLS 1.2.
    static func client(_ bytes: RawSpan) -> ProbeVerdict {
        handshake(bytes, at: 0, type: 1) { major, minor in major == 3 && minor <= 3 }
    }

    /// A ServerHello, perhaps after an alert.
    static func server(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        guard bytes.octet(0) == 0x15 else { return hello(bytes, at: 0) }
        for place in 1..<3 where bytes.byteCount > place {
            let octet = bytes.octet(place)
            guard place == 1 ? octet == 3 : octet <= 3 else { return .never }
        }
        return bytes.byteCount > 7 ? hello(bytes, at: 7) : .needsMore
    }

    private static func hello(_ bytes: RawSpan, at start: Int) -> ProbeVerdict {
        handshake(bytes, at: start, type: 2) { major, minor in
            major == 3 && minor <= 4 || major == 0x7F && minor <= 0x50
        }
    }

    /// `16 03 00–03 .. .. TYPE .. .. ..` and a version.
    private static func handshake(
        _ bytes: RawSpan, at start: Int, type: UInt8, _ isKnown: (UInt8, UInt8) -> Bool
    ) -> ProbeVerdict {
        for place in 0..<11 {
            guard start &+ place < bytes.byteCount else { return .needsMore }
            let octet = bytes.octet(start &+ place)
            switch place {
            case 0: guard octet == 0x16 else { return .never }
            case 1: guard octet == 3 else { return .never }
            case 2: guard octet <= 3 else { return .never }
            case 5: guard octet == type else { return .never }
            case 9: guard isKnown(octet, 0) else { return .never }
            case 10: guard isKnown(bytes.octet(start &+ 9), octet) else { return .never }
            default: break
            }
        }
        return .matches
    }

    /// A ClientHello in a first datagram of DTLS 1.0 or 1.2.
    static func datagram(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount >= 27, bytes.octet(0) == 0x16, bytes.octet(1) == 0xFE,
            bytes.octet(2) == 0xFF || bytes.octet(2) == 0xFD
        else { return .never }
        for place in 3...9 where bytes.octet(place) != 0 { return .never }
        guard bytes.octet(13) == 1, bytes.octet(25) == 0xFE, bytes.octet(26) == 0xFF || bytes.octet(26) == 0xFD
        else { return .never }
        return .matches
    }
}
