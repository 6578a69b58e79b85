// SPDX-License-Identifier: Apache-2.0
//
// Authentication by NTLM and by negotiation (Kerberos) in headers of HTTP (RFC 4559, MS-NTHT).
//
// Reads   Authorization, Proxy-Authorization, WWW-Authenticate, Proxy-Authenticate.
// Writes  nothing itself: the rows are those of the mechanisms (Authentication.swift).
// Leaves  Basic, whose user is a column of "http"; Digest, Bearer and others.

import Records
import Wire

/// What the tokens of one connection come to.
struct HTTPAuthentication {
    /// Digits of one token that are read; Kerberos with many groups fills some thousands.
    private static let digitsMax = 65_536

    private let mechanisms = Authentication()
    private var token: [UInt8] = []
    /// The client has sent its last token, and the response says what came of it.
    private var awaitsResponse = false

    /// Takes the value of a header: a scheme and a token in base64.
    mutating func take(_ value: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let scheme = MIMEText.token(value)
        let name = value.extracting(scheme)
        let isNTLM = name.isText("NTLM")
        guard isNTLM || name.isText("Negotiate") else { return }
        var decoder = Base64()
        token.removeAll(keepingCapacity: token.capacity <= HTTP.keptBytesMax)
        let digits = MIMEText.skipBlanks(value, scheme.upperBound)
        let end = min(value.byteCount, digits &+ HTTPAuthentication.digitsMax)
        decoder.decode(value.extracting(digits..<end), into: &token)
        guard !token.isEmpty else { return }
        var whole: [UInt8] = []
        swap(&whole, &token)
        if isNTLM {
            mechanisms.ntlm(whole.octets, from: direction, &context)
        } else {
            mechanisms.token(whole.octets, from: direction, &context)
        }
        swap(&whole, &token)
        // Nothing but the response tells what came of a bare token of NTLM.
        if direction == .originator { awaitsResponse = mechanisms.ntlmSession.hasAuthenticated }
    }

    /// The status of a response, which is the server's verdict on the request's token.
    mutating func responded(_ status: Int, _ context: inout AnalyzerContext) {
        guard awaitsResponse, status >= 200 else { return }
        awaitsResponse = false
        mechanisms.ntlmVerdict(isAccepted: status != 401 && status != 407, &context)
    }

    func finish(_ context: inout AnalyzerContext) { mechanisms.finish(&context) }
}

extension HTTP {
    func authentication(
        _ name: HTTPHeaderName, _ value: RawSpan, _ side: HTTPSide, _ context: inout AnalyzerContext
    ) {
        let isRequest = name == .authorization || name == .proxyAuthorization
        guard isRequest == side.isOriginator, value.byteCount > 5, value.octet(0) | 0x20 == 0x6E else { return }
        if authentication == nil { authentication = HTTPAuthentication() }
        authentication?.take(value, from: side.direction, &context)
    }
}
