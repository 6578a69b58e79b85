// SPDX-License-Identifier: Apache-2.0
//
// Handshake messages in the clear (RFC 5246 section 7.4, RFC 8446 section 4).
//
// Reads   the content of handshake records, put together over records.
// Writes  letters of the history, certificates, and what the messages say.
// Leaves  the hellos (TLS+Hello.swift).

import Files
import Records
import Wire

extension TLS {
    /// The content of one handshake record of a stream: messages, the last one perhaps cut.
    func handshakes(_ body: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        guard !sides[side].message.isEmpty else {
            if body.byteCount < 4 { showAnomaly("tls.invalid_ssl_record", from: direction, &context) }
            let used = messages(body, from: direction, &context)
            return body.extracting(used..<body.byteCount).append(to: &sides[side].message)
        }
        body.append(to: &sides[side].message)
        // Out of the side while it is read.
        var whole: [UInt8] = []
        swap(&whole, &sides[side].message)
        let used = messages(whole.octets, from: direction, &context)
        if used == whole.count { whole.removeAll(keepingCapacity: true) } else { whole.removeSubrange(0..<used) }
        swap(&whole, &sides[side].message)
    }

    /// Takes whole messages off the head; returns their octets.
    private func messages(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Int {
        var at = 0
        while bytes.byteCount &- at >= 4, !isDetached {
            let count = Int(bytes.load(at, as: UInt32.self) & 0xFF_FFFF)
            guard count <= TLS.handshakeBytesMax else {
                showAnomaly("tls.handshake_invalid_length", from: direction, &context)
                fail(&context)
                return bytes.byteCount
            }
            guard bytes.byteCount &- at &- 4 >= count else { return at }
            let body = bytes.extracting(at &+ 4 ..< at &+ 4 &+ count)
            guard handshake(bytes.octet(at), body, from: direction, &context) else { return bytes.byteCount }
            at &+= 4 &+ count
        }
        return at
    }

    /// One whole message. False where it is none: the analyzer has failed then.
    @discardableResult
    func handshake(
        _ type: UInt8, _ body: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Bool {
        guard let letter = TLS.letter(of: type) else {
            showAnomaly("tls.invalid_handshake_message", from: direction, &context)
            fail(&context)
            return false
        }
        // Who asks is the client, wherever the connection came from.
        if type == 1, !isClient(direction) { flip(&context) }
        if type == 0 || type == 2, isClient(direction) { flip(&context) }
        var shown = letter
        do throws(WireError) {
            switch type {
            case 1:
                try clientHello(body, &context)
                showClientHello(body, from: direction, &context)
            case 2:
                if try serverHello(body, &context) { shown = 0x6A }
                showServerHello(body, from: direction, &context)
            case 11: try certificates(body, from: direction, &context)
            case 12:
                serverKeyExchange(body, &context)
                showKeyExchange(8, from: direction, &context)
            case 14: writeEvent(&context)
            case 16:
                if isClient(direction) { hasClientKeyExchange = true }
                showKeyExchange(4, from: direction, &context)
            case 22: certificateStatus(body, from: direction, &context)
            default: break
            }
        } catch {
            showAnomaly("tls.invalid_handshake_message", from: direction, &context)
            fail(&context)
            return false
        }
        guard !isDetached else { return false }
        seen(shown, from: direction, &context)
        return true
    }

    /// The letter of a message, in lower case; nil for what is no message.
    private static func letter(of type: UInt8) -> UInt8? {
        switch type {
        case 0: 0x68
        case 1: 0x63
        case 2: 0x73
        case 3: 0x76
        case 4: 0x74
        case 11: 0x78
        case 12: 0x6B
        case 13: 0x72
        case 14: 0x6E
        case 15: 0x79
        case 16: 0x67
        case 20: 0x66
        case 21: 0x77
        case 22: 0x75
        default: nil
        }
    }

    // MARK: messages

    /// ServerKeyExchange: the named curve (RFC 8422 section 5.4). The rest is not looked at.
    private func serverKeyExchange(_ body: RawSpan, _ context: inout AnalyzerContext) {
        guard let cipher, TLSTables.namesCurve(cipher), body.byteCount >= 3, body.octet(0) == 3 else { return }
        touch(context)
        curve = body.load(1, as: UInt16.self)
    }

    /// CertificateStatus (RFC 6066 section 8): type 1 is an answer of OCSP, its length in three octets.
    private func certificateStatus(
        _ body: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard body.byteCount >= 4, body.octet(0) == 1 else { return }
        let count = Int(body.load(0, as: UInt32.self) & 0xFF_FFFF)
        guard count > 0 else { return context.weird(.SSL_zero_length_stapled_OCSP_message, source: "SSL") }
        guard count <= body.byteCount &- 4 else { return }
        context.stapledOCSP(body.extracting(4 ..< 4 &+ count), from: direction)
    }

    /// Certificate of TLS 1.2 and before: a list, each with its length in three octets.
    private func certificates(
        _ body: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        touch(context)
        var input = Cursor(body)
        let total = try TLS.readWide(&input)
        let rest = input.rest()
        guard rest.byteCount >= total else { throw .truncated(at: input.offset) }
        var at = 0
        var isFirst = true
        while at < total {
            guard total &- at >= 3 else { throw .truncated(at: at) }
            var one = Cursor(rest.extracting(at..<total))
            let count = try TLS.readWide(&one)
            certificate(try one.take(count), isHost: isFirst, from: direction, &context)
            isFirst = false
            at &+= 3 &+ count
        }
        showChain(from: direction, &context)
    }

    /// An integer of three octets.
    private static func readWide(_ input: inout Cursor) throws(WireError) -> Int {
        let high = try input.read(UInt8.self)
        return Int(high) << 16 | Int(try input.read(UInt16.self))
    }

    func certificate(
        _ der: RawSpan, isHost: Bool, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        if isHost { showFault(der, from: direction, &context) }
        guard der.byteCount > 0 else { return context.weird(.zero_length_certificate, source: "SSL") }
        record.hasCertificates = true
        let isClient = isClient(direction)
        let found = context.certificates.read(der)
        show(found, der, isHost: isHost, from: direction, &context)
        guard let certificate = found.certificate else {
            return context.weird(.x509_cert_parse_error, source: "SSL")
        }
        if (isClient ? record.clientChain : record.chain).count < TLS.chainMax {
            let text = record.text.add(certificate.fingerprint, of: certificate.text)
            if isClient { record.clientChain.append(text) } else { record.chain.append(text) }
        }
        if isHost { noteHost(found, isClient: isClient) }
        if isHost, !isClient { context.certificateShown(found, from: direction) }
        let day = context.day
        guard found.admits(isHost: isHost, isClient: isClient, day: day) else { return }
        var row = X509Record()
        row.ts = context.now
        row.certificate = certificate
        row.isHost = isHost
        row.isClient = isClient
        context.output.emit(row)
    }

    /// What is wrong with the certificate of an end, by the name of its event.
    private func showFault(_ der: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents, let fault = X509Fault(der) else { return }
        let name: StaticString =
            switch fault {
            case .length: "tls.certificate_invalid_length"
            case .whole: "tls.invalid_certificate"
            case .version: "tls.certificate_invalid_version"
            case .serial: "tls.certificate_invalid_serial"
            case .date: "tls.certificate_invalid_date"
            case .extensions: "tls.certificate_invalid_extensions"
            case .der: "tls.certificate_invalid_der"
            }
        showAnomaly(name, from: direction, &context)
    }

    /// Certificates of one chain that are listed.
    private static var chainMax: Int { 100 }

    /// The certificate of an end, which names it.
    private func noteHost(_ found: ReadCertificate, isClient: Bool) {
        guard let certificate = found.certificate else { return }
        let subject = record.text.add(certificate.subject, of: certificate.text)
        let issuer = record.text.add(certificate.issuer, of: certificate.text)
        if isClient {
            (record.clientSubject, record.clientIssuer) = (subject, issuer)
        } else {
            (record.subject, record.issuer) = (subject, issuer)
            if serverCertificate == nil { serverCertificate = found }
        }
    }

    // MARK: SSL 2

    /// One record of SSL 2, whole (the SSL protocol, Netscape 1995, section 2).
    func ssl2(_ record: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        var input = Cursor(record)
        do throws(WireError) {
            try input.skip(2)
            switch try input.read(UInt8.self) {
            case 1: try ssl2ClientHello(&input, from: direction, &context)
            case 4: try ssl2ServerHello(&input, from: direction, &context)
            case 0: showAnomaly("tls.error_message_encountered", from: direction, &context)
            case 2: establish(&context)
            default: break
            }
        } catch {
            fail(&context)
        }
    }

    private func ssl2ClientHello(
        _ input: inout Cursor, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        let offered = try input.read(UInt16.self)
        let ciphers = Int(try input.read(UInt16.self))
        let session = Int(try input.read(UInt16.self))
        let challenge = Int(try input.read(UInt16.self))
        try input.skip(ciphers &+ session &+ challenge)
        if !isClient(direction) { flip(&context) }
        confirm(&context)
        hasOldHello = true
        showOldHello(offered, from: direction, &context)
        seen(0x63, from: direction, &context)
    }

    private func ssl2ServerHello(
        _ input: inout Cursor, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try input.skip(2)
        guard try input.read(UInt16.self) == 0x0002 else { throw .malformed(at: 5) }
        let certificateCount = Int(try input.read(UInt16.self))
        let cipherCount = Int(try input.read(UInt16.self))
        let connectionCount = Int(try input.read(UInt16.self))
        let der = try input.take(certificateCount)
        let ciphers = try input.take(cipherCount)
        try input.skip(connectionCount)
        if isClient(direction) { flip(&context) }
        version = 0x0002
        hasServerHello = true
        if ciphers.byteCount >= 3 {
            cipher = UInt32(ciphers.octet(0)) << 16 | UInt32(ciphers.load(1, as: UInt16.self))
        }
        seen(0x73, from: direction, &context)
        if der.byteCount > 0 { certificate(der, isHost: true, from: direction, &context) }
    }
}
