// SPDX-License-Identifier: Apache-2.0
//
// ClientHello and ServerHello with their extensions (RFC 8446 section 4.1 and 4.2,
// RFC 6066, RFC 7301).
//
// Reads   the body of one hello.
// Writes  version, cipher suite, names, group, what tells of resumption.
// Leaves  extensions of which the log says nothing; fingerprints (TLS+Fingerprints.swift).

import Records
import Wire

extension TLS {
    /// A ClientHello.
    func clientHello(_ body: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        var input = Cursor(body)
        let stated = try input.read(UInt16.self)
        guard TLS.isKnown(stated) else { throw .malformed(at: 0) }
        note(clientRandom: try input.take(32), context)
        let session = try input.take(Int(try input.read(UInt8.self)))
        if kind == .dtls { try input.skip(Int(try input.read(UInt8.self))) }
        let ciphers = try input.take(Int(try input.read(UInt16.self)))
        guard ciphers.byteCount > 1, ciphers.byteCount % 2 == 0 else { throw .malformed(at: input.offset) }
        let methods = Int(try input.read(UInt8.self))
        guard methods > 0 else { throw .malformed(at: input.offset) }
        try input.skip(methods)
        let extensions = try input.take(TLS.extensionsLength(&input))
        touch(context)
        confirm(&context)
        var walk = Cursor(extensions)
        var nameCount = 0
        while walk.remaining > 0 {
            let type = try walk.read(UInt16.self)
            let data = try walk.take(Int(try walk.read(UInt16.self)))
            switch type {
            case 0:
                nameCount &+= 1
                if nameCount == 2 { showAnomaly("tls.multiple_sni_extensions", from: client, &context) }
                try serverNames(data, &context)
            case 16: try offers(data)
            case 35: if data.byteCount > 0 { hasTicket = true }
            case 41: hasPreSharedKey = true
            default: break
            }
        }
        remember(session)
        if record.ja3.isAbsent { fingerprintClient(stated, ciphers: ciphers, extensions: extensions, &context) }
    }

    /// A session that the client wants to resume. One of zeroes is no session.
    private func remember(_ session: RawSpan) {
        guard session.byteCount > 0 else { return }
        var isBlank = session.byteCount == 32
        for place in 0..<session.byteCount where session.octet(place) != 0 { isBlank = false }
        guard !isBlank else { return }
        sessionID.removeAll(keepingCapacity: true)
        session.append(to: &sessionID)
        hasTicket = false
    }

    /// A ServerHello. True where it is a HelloRetryRequest (RFC 8446 section 4.1.3).
    func serverHello(_ body: RawSpan, _ context: inout AnalyzerContext) throws(WireError) -> Bool {
        var input = Cursor(body)
        let stated = try input.read(UInt16.self)
        guard TLS.isKnown(stated) else { throw .malformed(at: 0) }
        let random = try input.take(32)
        // Drafts of TLS 1.3 up to 21 have neither a session nor a compression method here.
        let isDraft = stated == 0x0304 || stated >> 8 == 0x7F
        let session = try input.take(TLS.sessionLength(&input, isDraft: isDraft))
        let suite = try input.read(UInt16.self)
        if !isDraft { try input.skip(1) }
        let extensions = try input.take(TLS.extensionsLength(&input))
        touch(context)
        hasServerHello = true
        var chosen: UInt16?
        var walk = Cursor(extensions)
        while walk.remaining > 0 {
            let type = try walk.read(UInt16.self)
            let data = try walk.take(Int(try walk.read(UInt16.self)))
            switch type {
            case 15: heartbeat.isFollowed = kind == .ssl && !isInQUIC && context.transactions.wantsEvents
            case 16: try protocols(data)
            case 41: if hasPreSharedKey { record.isResumed = true }
            case 43: if data.byteCount == 2 { chosen = data.load(0, as: UInt16.self) }
            // A ServerHello's share has a key behind the group, a HelloRetryRequest's has none.
            case 51, 40: if data.byteCount >= 2 { curve = data.load(0, as: UInt16.self) }
            default: break
            }
        }
        if let chosen { version = chosen } else if version == nil { version = stated }
        cipher = UInt32(suite)
        if !sessionID.isEmpty, TLS.isEqual(session, sessionID), version != 0x0304, (version ?? 0) >> 8 != 0x7F {
            record.isResumed = true
        }
        let isRetry = TLS.isRetry(random)
        if !isRetry { unlock(serverRandom: random, suite: suite, &context) }
        if !isRetry { fingerprintServer(stated, suite: suite, extensions: extensions, &context) }
        return isRetry
    }

    /// Versions that a hello may state.
    private static func isKnown(_ version: UInt16) -> Bool {
        switch version {
        case 0x0002, 0x0300...0x0304, 0x7F00...0x7FFF, 0xFEFF, 0xFEFD, 0xFEFC: true
        default: false
        }
    }

    /// Octets of the extensions at the end of a hello; none where the hello ends before them.
    private static func extensionsLength(_ input: inout Cursor) throws(WireError) -> Int {
        guard input.remaining > 0 else { return 0 }
        return Int(try input.read(UInt16.self))
    }

    private static func sessionLength(_ input: inout Cursor, isDraft: Bool) throws(WireError) -> Int {
        guard !isDraft else { return 0 }
        return Int(try input.read(UInt8.self))
    }

    private static func isEqual(_ span: RawSpan, _ array: [UInt8]) -> Bool {
        guard span.byteCount == array.count else { return false }
        for place in array.indices where span.octet(place) != array[place] { return false }
        return true
    }

    /// The random of a HelloRetryRequest: SHA-256 of its name.
    private static func isRetry(_ random: RawSpan) -> Bool {
        random.load(0, as: UInt64.self) == 0xCF21_AD74_E59A_6111
            && random.load(8, as: UInt64.self) == 0xBE1D_8C02_1E65_B891
            && random.load(16, as: UInt64.self) == 0xC2A2_1116_7ABB_8C5E
            && random.load(24, as: UInt64.self) == 0x079E_09E2_C8A8_339C
    }

    /// Where the client is.
    private var client: Direction { isFlipped ? .responder : .originator }

    // MARK: extensions

    /// server_name (RFC 6066 section 3): a list of types and names.
    private func serverNames(_ data: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        guard data.byteCount > 0 else { return }
        var input = Cursor(data)
        let list = try input.take(Int(try input.read(UInt16.self)))
        var walk = Cursor(list)
        var count = 0
        while walk.remaining > 0 {
            guard try walk.read(UInt8.self) == 0 else {
                showAnomaly("tls.invalid_sni_type", from: client, &context)
                // What another type looks like is not known: the list ends here.
                return context.weird(.ssl_ext_unknown_server_name_type, source: "SSL")
            }
            let name = try walk.take(Int(try walk.read(UInt16.self)))
            count &+= 1
            if name.byteCount == 0 { showAnomaly("tls.invalid_sni_length", from: client, &context) }
            if count == 1 { record.serverName = record.text.add(name) }
        }
        if count > 1 { context.weird(.SSL_many_server_names, source: "SSL") }
    }

    /// application_layer_protocol_negotiation (RFC 7301): what the client offers.
    private func offers(_ data: RawSpan) throws(WireError) {
        clientProtocols.removeAll(keepingCapacity: true)
        var input = Cursor(data)
        var walk = Cursor(try input.take(Int(try input.read(UInt16.self))))
        while walk.remaining > 0 {
            let name = try walk.take(Int(try walk.read(UInt8.self)))
            if clientProtocols.count < TLS.protocolsMax { clientProtocols.append(record.text.add(name)) }
        }
    }

    /// Protocols of one hello that are kept.
    private static var protocolsMax: Int { 100 }

    /// application_layer_protocol_negotiation (RFC 7301): the server's one choice.
    private func protocols(_ data: RawSpan) throws(WireError) {
        var input = Cursor(data)
        let list = try input.take(Int(try input.read(UInt16.self)))
        var walk = Cursor(list)
        guard walk.remaining > 0 else { return }
        record.nextProtocol = record.text.add(try walk.take(Int(try walk.read(UInt8.self))))
    }
}
