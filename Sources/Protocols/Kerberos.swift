// SPDX-License-Identifier: Apache-2.0
//
// Kerberos version 5 (RFC 4120), over UDP, over TCP, and inside of other protocols.
//
// Reads   one message per datagram; over TCP messages with a length of four octets.
// Writes  at most one `KerberosRecord` for each connection, path "kerberos"; one
//         `X509Record` for a certificate of public-key authentication.
// Leaves  the fields of messages (Kerberos+Message.swift); SAFE, PRIV and CRED.

import Files
package import Records
import Wire

/// One exchange with a key distribution centre, or with a service.
package struct KerberosRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var requestType: StaticString?
    package var client = Text.absent
    package var service = Text.absent
    package var isSuccessful: Bool?
    package var errorText = Text.absent
    package var from: Timestamp?
    package var till: Timestamp?
    package var cipher = Text.absent
    package var isForwardable: Bool?
    package var isRenewable: Bool?
    package var clientSubject = Text.absent
    package var clientFile: UID?
    package var serverSubject = Text.absent
    package var serverFile: UID?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.kerberos
    package static let summary: StaticString = "One exchange of Kerberos."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("request_type", requestType, "AS for a first ticket, TGS for a service's, AP to a service.")
        row.text("client", client, in: text, "Who asks: name and realm.", isKey: true)
        row.text("service", service, in: text, "For which service.", isKey: true)
        row.boolean("success", isSuccessful, "Whether it was granted.")
        row.text("error_msg", errorText, in: text, "Why it was not.")
        row.time("from", from, "From when on the ticket was to be valid.")
        row.time("till", till, "Until when it was to be valid.")
        row.text("cipher", cipher, in: text, "How the ticket is encrypted.")
        row.boolean("forwardable", isForwardable, "Whether a ticket that can be forwarded was asked for.")
        row.boolean("renewable", isRenewable, "Whether a ticket that can be renewed was asked for.")
        row.text("client_cert_subject", clientSubject, in: text, "Whom the client's certificate is for.")
        row.fuid("client_cert_fuid", clientFile, "The client's certificate, as a file.")
        row.text("server_cert_subject", serverSubject, in: text, "Whom the server's certificate is for.")
        row.fuid("server_cert_fuid", serverFile, "The server's certificate, as a file.")
    }

    mutating func clear() {
        (requestType, isSuccessful, from, till) = (nil, nil, nil, nil)
        (isForwardable, isRenewable, clientFile, serverFile) = (nil, nil, nil, nil)
        (client, service, errorText, cipher) = (.absent, .absent, .absent, .absent)
        (clientSubject, serverSubject) = (.absent, .absent)
        text.clear()
    }
}

/// The one row of a connection (Zeek's base/protocols/krb).
struct KerberosSession {
    private(set) var record = KerberosRecord()
    private var hasRow = false
    private var isWritten = false

    private static let forwardable: UInt32 = 0x4000_0000
    private static let renewable: UInt32 = 0x0080_0000
    /// Octets of one connection's texts; what comes after is not taken.
    private static let textBytesMax = 65_536
    /// Errors that are part of every normal exchange: the request follows once more.
    private static let ignoredErrors: [StaticString] = [
        "NEEDED_PREAUTH", "Need to use PA-ENC-TIMESTAMP/PA-PK-AS-REQ",
    ]

    mutating func take(
        _ message: KerberosMessage, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        certificate(of: message, bytes, from: direction, &context)
        guard !isWritten else { return }
        switch message.kind {
        case .asRequest, .tgsRequest:
            begin(&context)
            request(message, bytes)
        case .apRequest:
            begin(&context)
            applicationRequest(message, bytes)
        case .asReply, .tgsReply:
            begin(&context)
            reply(message, bytes)
            write(&context)
        case .apReply:
            begin(&context)
            record.isSuccessful = true
            write(&context)
        case .error:
            begin(&context)
            error(message, bytes, &context)
        case .safe, .priv, .cred: break
        }
    }

    mutating func finish(_ context: inout AnalyzerContext) {
        if hasRow { write(&context) }
    }

    mutating func reset() {
        record.clear()
        (hasRow, isWritten) = (false, false)
    }

    private mutating func begin(_ context: inout AnalyzerContext) {
        guard !hasRow else { return }
        hasRow = true
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
    }

    private mutating func write(_ context: inout AnalyzerContext) {
        guard !isWritten else { return }
        isWritten = true
        context.output.emit(record)
    }

    private mutating func request(_ message: KerberosMessage, _ bytes: RawSpan) {
        guard record.text.bytes.count < KerberosSession.textBytesMax else { return }
        if message.kind == .asRequest {
            record.requestType = "AS"
            record.client = principal(message.client, realm: message.realm, bytes)
        } else {
            record.requestType = "TGS"
        }
        if let service = message.service { record.service = name(service, bytes) }
        if let from = message.from { record.from = from }
        if let till = message.till { record.till = till }
        if let options = message.options {
            record.isForwardable = options & KerberosSession.forwardable != 0
            record.isRenewable = options & KerberosSession.renewable != 0
        }
    }

    private mutating func applicationRequest(_ message: KerberosMessage, _ bytes: RawSpan) {
        guard let ticket = message.ticket, record.text.bytes.count < KerberosSession.textBytesMax else { return }
        record.requestType = "AP"
        record.client = principal(nil, realm: ticket.realm, bytes)
        if let service = ticket.service { record.service = name(service, bytes) }
        record.cipher = cipher(ticket.cipher)
    }

    private mutating func reply(_ message: KerberosMessage, _ bytes: RawSpan) {
        guard let ticket = message.ticket else { return }
        if record.client.isAbsent { record.client = principal(message.client, realm: message.realm, bytes) }
        if let service = ticket.service { record.service = name(service, bytes) }
        record.cipher = cipher(ticket.cipher)
        record.isSuccessful = true
    }

    private mutating func error(_ message: KerberosMessage, _ bytes: RawSpan, _ context: inout AnalyzerContext) {
        if let place = message.errorText {
            let said = bytes.extracting(place.content)
            for ignored in KerberosSession.ignoredErrors
            where said.byteCount == ignored.utf8CodeUnitCount && said.begins(with: ignored) {
                record.clear()
                hasRow = false
                return
            }
            record.errorText = record.text.add(said, limit: 4096)
        } else if let known = Kerberos.errorName(message.errorCode) {
            record.errorText = record.text.add(known)
        }
        if record.client.isAbsent, message.client != nil || message.realm != nil {
            let start = record.text.begin()
            if let client = message.client {
                KerberosMessage.append(client, of: bytes, to: &record.text)
                record.text.append("/")
            }
            if let realm = message.realm { _ = record.text.add(bytes.extracting(realm.content), limit: 1024) }
            record.client = record.text.end(start)
        }
        if let service = message.service { record.service = name(service, bytes) }
        record.isSuccessful = false
        write(&context)
    }

    /// Name and realm with a slash between them, whichever is there.
    private mutating func principal(_ name: BERElement?, realm: BERElement?, _ bytes: RawSpan) -> Text {
        let start = record.text.begin()
        if let name { KerberosMessage.append(name, of: bytes, to: &record.text) }
        record.text.append("/")
        if let realm { _ = record.text.add(bytes.extracting(realm.content), limit: 1024) }
        return record.text.end(start)
    }

    private mutating func name(_ name: BERElement, _ bytes: RawSpan) -> Text {
        let start = record.text.begin()
        KerberosMessage.append(name, of: bytes, to: &record.text)
        return record.text.end(start)
    }

    private mutating func cipher(_ number: Int64) -> Text {
        let start = record.text.begin()
        Kerberos.appendCipher(number, to: &record.text)
        return record.text.end(start)
    }

    private mutating func certificate(
        of message: KerberosMessage, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard let place = message.certificate else { return }
        let found = context.certificates.read(bytes.extracting(place))
        guard let certificate = found.certificate else { return context.weird(.x509_cert_parse_error, source: "KRB") }
        if !isWritten, record.text.bytes.count < KerberosSession.textBytesMax {
            let subject = record.text.add(certificate.subject, of: certificate.text)
            if direction == .originator { record.clientSubject = subject } else { record.serverSubject = subject }
        }
        let day = context.day
        guard found.admits(isHost: false, isClient: false, day: day) else { return }
        var row = X509Record()
        row.ts = context.now
        row.certificate = certificate
        context.output.emit(row)
    }
}

/// An application tag of Kerberos, then the version and the kind of message.
enum KerberosProbe {
    static func datagram(_ bytes: RawSpan) -> ProbeVerdict { message(bytes, at: 0) }

    static func stream(_ bytes: RawSpan) -> ProbeVerdict { message(bytes, at: 4) }

    private static func message(_ bytes: RawSpan, at start: Int) -> ProbeVerdict {
        guard bytes.byteCount > start else { return .needsMore }
        let first: UInt8
        switch bytes.octet(start) {
        case 0x6A, 0x6C: first = 1
        case 0x6B, 0x6D, 0x7E: first = 0
        default: return .never
        }
        // One to four octets of length, the sequence, one to four octets of length, version and kind.
        for outer in 1...4 {
            let sequence = start &+ 1 &+ outer
            guard bytes.byteCount > sequence else { return .needsMore }
            guard bytes.octet(sequence) == 0x30 else { continue }
            for inner in 1...4 {
                let version = sequence &+ 1 &+ inner
                guard bytes.byteCount >= version &+ 9 else { return .needsMore }
                if isHead(bytes, at: version, first: first) { return .matches }
            }
        }
        return .never
    }

    //  [n] 3 octets: integer of one octet, 5; [n+1] 3 octets: integer of one octet
    private static func isHead(_ bytes: RawSpan, at offset: Int, first: UInt8) -> Bool {
        bytes.load(offset, as: UInt32.self) == UInt32(0xA0 | first) << 24 | 0x03_02_01
            && bytes.octet(offset &+ 4) == 5
            && bytes.load(offset &+ 5, as: UInt32.self) == UInt32(0xA0 | (first &+ 1)) << 24 | 0x03_02_01
    }
}

/// Kerberos on one connection of its own.
final class Kerberos: FramedAnalyzer {
    private let authentication = Authentication()
    private var view = KerberosView()

    //  | length of the message (4) | message |
    override func message(
        _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Framing {
        guard !context.isPartial else { return .stop }
        guard bytes.byteCount >= 4 else { return .needs(4) }
        let length = Int(bytes.load(0, as: UInt32.self))
        guard length > 0, length <= 1 << 18 else { return refuse(&context) }
        guard bytes.byteCount >= 4 &+ length else { return .needs(4 &+ length) }
        guard read(bytes.extracting(4 ..< 4 &+ length), from: direction, &context) else {
            context.lostMessage(.krb5, "krb5.malformed_data", from: direction)
            return refuse(&context)
        }
        return .took(4 &+ length)
    }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard !read(bytes, from: direction, &context) else { return }
        context.lostMessage(.krb5, "krb5.malformed_data", from: direction)
        violation(&context)
    }

    override func finish(_ context: inout AnalyzerContext) {
        super.finish(&context)
        authentication.finish(&context)
    }

    override func reset() {
        super.reset()
        authentication.reset()
        view.reset()
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) { view.write(tx: tx, to: &event) }

    private func read(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Bool {
        do throws(WireError) {
            let message = try KerberosMessage(parsing: bytes)
            confirm(&context)
            view.take(message, bytes, from: direction, &context)
            authentication.take(message, bytes, from: direction, &context)
            return true
        } catch {
            return false
        }
    }

    private func refuse(_ context: inout AnalyzerContext) -> Framing {
        violation(&context)
        return .stop
    }
}
