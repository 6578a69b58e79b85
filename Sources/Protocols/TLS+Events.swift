// SPDX-License-Identifier: Apache-2.0
//
// TLS as EVE and the signatures see it: one transaction a connection.
//
// Reads   what the messages said, at the moment they are read.
// Writes  the event `tls` once the server is known; buffers and numbers of `tls.*`, `ja3*`, `ja4`.
// Leaves  DTLS, and TLS inside of QUIC, which that protocol shows itself.

import Files
import Records
import Wire

/// What TLS has shown of itself so far.
struct TLSView {
    /// The number of the connection's one transaction.
    var transaction: UInt64?
    var hasEvent = false
    /// The texts that JA3 and JA3S hash, where somebody wants them.
    var clientLine = Text.absent
    var serverLine = Text.absent
    /// Certificates of either side.
    var certificateCounts: (client: UInt64, server: UInt64) = (0, 0)
    /// The protocol whose stream has become TLS.
    var carrier: StaticString?
}

extension TLS {
    /// Whether anybody looks.
    private func isShown(_ context: borrowing AnalyzerContext) -> Bool {
        kind == .ssl && !isInQUIC && (context.wantsEvents || context.wantsTransactions)
    }

    private func transaction(_ context: inout AnalyzerContext) -> UInt64 {
        if let known = view.transaction { return known }
        let number = context.beginTransaction(.tls)
        view.transaction = number
        return number
    }

    // MARK: messages

    /// A ClientHello was read. The line of JA3 stands in `numbers` yet.
    func showClientHello(_ body: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard isShown(context) else { return }
        view.clientLine = record.text.add(numbers.ja3Line.octets)
        let number = transaction(&context)
        context.exposeNumber(.tlsState, 1, tx: number, from: direction)
        if body.byteCount >= 2 {
            context.exposeNumber(.tlsVersion, UInt64(body.load(0, as: UInt16.self)), tx: number, from: direction)
        }
        expose(.tlsSNI, record.serverName, number, direction, &context)
        for name in clientProtocols { expose(.tlsALPN, name, number, direction, &context) }
        expose(.ja3Hash, record.ja3, number, direction, &context)
        expose(.ja3String, view.clientLine, number, direction, &context)
        expose(.ja4Hash, record.ja4, number, direction, &context)
        showRandom(body, number, from: direction, &context)
    }

    /// A ClientHello in the form of SSL 2, which offers `version`.
    func showOldHello(_ version: UInt16, from direction: Direction, _ context: inout AnalyzerContext) {
        guard isShown(context) else { return }
        let number = transaction(&context)
        context.exposeNumber(.tlsState, 1, tx: number, from: direction)
        context.exposeNumber(.tlsVersion, UInt64(version), tx: number, from: direction)
    }

    /// A ServerHello was read.
    func showServerHello(_ body: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard isShown(context) else { return }
        view.serverLine = record.text.add(numbers.ja3Line.octets)
        let number = transaction(&context)
        context.exposeNumber(.tlsState, 2, tx: number, from: direction)
        if let version { context.exposeNumber(.tlsVersion, UInt64(version), tx: number, from: direction) }
        expose(.tlsALPN, record.nextProtocol, number, direction, &context)
        expose(.ja3sHash, record.ja3s, number, direction, &context)
        expose(.ja3sString, view.serverLine, number, direction, &context)
        showRandom(body, number, from: direction, &context)
    }

    /// The random behind the version; its first four octets were a time once.
    private func showRandom(
        _ body: RawSpan, _ number: UInt64, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard body.byteCount >= 34 else { return }
        context.expose(.tlsRandom, body.extracting(2..<34), tx: number, from: direction)
        context.expose(.tlsRandomTime, body.extracting(2..<6), tx: number, from: direction)
        context.expose(.tlsRandomBytes, body.extracting(6..<34), tx: number, from: direction)
    }

    /// A certificate was read; the first of a chain names its end.
    func show(
        _ found: ReadCertificate, _ der: RawSpan, isHost: Bool, from direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        guard isShown(context) else { return }
        let number = transaction(&context)
        if isClient(direction) {
            view.certificateCounts.client &+= 1
        } else {
            view.certificateCounts.server &+= 1
        }
        context.expose(.tlsCerts, der, tx: number, from: direction)
        guard isHost, let certificate = found.certificate else { return }
        func give(_ buffer: SignatureBuffer, _ text: Text) {
            guard !text.isAbsent, context.wants(buffer) else { return }
            let octets = Array(certificate.text[text])
            context.expose(buffer, octets.octets, tx: number, from: direction)
        }
        give(.tlsCertSubject, certificate.plainSubject)
        give(.tlsCertIssuer, certificate.plainIssuer)
        give(.tlsCertSerial, certificate.plainSerial)
        give(.tlsCertFingerprint, certificate.shortFingerprint)
        for name in certificate.hostNames ?? [] { give(.tlsSubjectAltName, name) }
        let times = (certificate.notBefore.nanoseconds / second, certificate.notAfter.nanoseconds / second)
        context.exposeNumber(.tlsCertNotBefore, UInt64(clamping: times.0), tx: number, from: direction)
        context.exposeNumber(.tlsCertNotAfter, UInt64(clamping: times.1), tx: number, from: direction)
    }

    /// A chain is complete.
    func showChain(from direction: Direction, _ context: inout AnalyzerContext) {
        guard isShown(context) else { return }
        let count = isClient(direction) ? view.certificateCounts.client : view.certificateCounts.server
        let number = transaction(&context)
        context.exposeNumber(.tlsCertChainLength, count, tx: number, from: direction)
    }

    /// A key exchange of the client (4) or the server (8) was read.
    func showKeyExchange(_ state: UInt64, from direction: Direction, _ context: inout AnalyzerContext) {
        guard isShown(context) else { return }
        let number = transaction(&context)
        context.exposeNumber(.tlsState, state, tx: number, from: direction)
    }

    /// Something of the protocol was not as it should be.
    func showAnomaly(_ name: StaticString, from direction: Direction, _ context: inout AnalyzerContext) {
        guard isShown(context) else { return }
        context.transactionEvent(name, tx: transaction(&context), from: direction)
    }

    private func expose(
        _ buffer: SignatureBuffer, _ text: Text, _ number: UInt64, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        guard !text.isAbsent, context.wants(buffer) else { return }
        let octets = Array(record.text[text])
        context.expose(buffer, octets.octets, tx: number, from: direction)
    }

    /// Nothing more will be shown.
    func endView(_ context: inout AnalyzerContext) {
        guard kind == .ssl, !isInQUIC else { return }
        writeEvent(&context)
        guard let number = view.transaction else { return }
        context.transactionDone(tx: number, from: .originator)
        context.transactionDone(tx: number, from: .responder)
        view.transaction = nil
    }

    // MARK: the event

    /// Writes the event where the server is known: by its certificate, by an earlier session, or in
    /// TLS 1.3, which hides the certificate.
    func writeEvent(_ context: inout AnalyzerContext) {
        guard context.wantsEvents, !view.hasEvent, kind == .ssl, !isInQUIC else { return }
        let server = serverCertificate?.certificate
        let isNamed = server?.plainSubject.count ?? 0 > 0 && server?.plainIssuer.count ?? 0 > 0
        guard isNamed || record.isResumed || isTLS13 else { return }
        view.hasEvent = true
        context.beginEvent("tls", from: isFlipped ? .responder : .originator)
        context.event.open("tls")
        writeMembers(to: &context.event)
        context.event.close()
        context.endEvent()
    }

    func writeMembers(to event: inout EVEBuilder) {
        let certificate = serverCertificate?.certificate
        let text = certificate?.text ?? TextBuffer()
        event.text("subject", certificate?.plainSubject ?? .absent, in: text)
        event.text("issuerdn", certificate?.plainIssuer ?? .absent, in: text)
        if let names = certificate?.hostNames, !names.isEmpty {
            event.openList("subjectaltname")
            for name in names { event.item(name, in: text) }
            event.closeList()
        }
        if certificate == nil, record.isResumed, !isTLS13 { event.boolean("session_resumed", true) }
        event.text("serial", certificate?.plainSerial ?? .absent, in: text)
        event.text("fingerprint", certificate?.shortFingerprint ?? .absent, in: text)
        event.text("sni", record.serverName, in: record.text)
        writeVersion(to: &event)
        event.wholeSecond("notbefore", certificate?.notBefore)
        event.wholeSecond("notafter", certificate?.notAfter)
        writeFingerprint("ja3", record.ja3, view.clientLine, to: &event)
        writeFingerprint("ja3s", record.ja3s, view.serverLine, to: &event)
        event.text("ja4", record.ja4, in: record.text)
        writeProtocols("client_alpns", clientProtocols, to: &event)
        writeProtocols("server_alpns", record.nextProtocol.isAbsent ? [] : [record.nextProtocol], to: &event)
        event.text("from_proto", view.carrier)
    }

    private func writeVersion(to event: inout EVEBuilder) {
        switch version {
        case nil: event.text("version", "UNDETERMINED")
        case 0x0002: event.text("version", "SSLv2")
        case 0x0300: event.text("version", "SSLv3")
        case 0x0301: event.text("version", "TLSv1")
        case 0x0302: event.text("version", "TLS 1.1")
        case 0x0303: event.text("version", "TLS 1.2")
        case 0x0304: event.text("version", "TLS 1.3")
        case let draft? where draft >> 8 == 0x7F && (0x10...0x1C).contains(draft & 0xFF):
            event.beginText("version")
            event.add("TLS 1.3 draft-")
            event.add(decimal: UInt64(draft & 0xFF))
            event.endText()
        case let other?:
            event.beginText("version")
            event.add("0x")
            event.add(hexadecimal: UInt64(other), digits: 4)
            event.endText()
        }
    }

    private func writeFingerprint(
        _ name: StaticString, _ hash: Text, _ line: Text, to event: inout EVEBuilder
    ) {
        guard !hash.isAbsent else { return }
        event.open(name)
        event.text("hash", hash, in: record.text)
        event.text("string", line, in: record.text)
        event.close()
    }

    private func writeProtocols(_ name: StaticString, _ list: [Text], to event: inout EVEBuilder) {
        guard !list.isEmpty else { return }
        event.openList(name)
        for text in list { event.item(text, in: record.text) }
        event.closeList()
    }
}
