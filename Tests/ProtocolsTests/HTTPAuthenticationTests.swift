// SPDX-License-Identifier: Apache-2.0
//
// NTLM and Kerberos in headers of HTTP.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// Octets in base64 with padding (RFC 4648 section 4).
private func base64(_ octets: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: octets.count, by: 3) {
        let part = octets[start..<min(start + 3, octets.count)]
        let bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
        for place in 0..<4 { text.append(place <= part.count ? digits[bits >> (18 - 6 * place) & 63] : "=") }
    }
    return text
}

private let logs = [NTLMRecord.makeSchema(), KerberosRecord.makeSchema(), HTTPRecord.makeSchema()]

private func exchange(_ scheme: String, _ tokens: [[UInt8]], last status: Int, proxy: Bool = false) -> Conversation {
    let (asks, says) = proxy ? ("Proxy-Authenticate", "Proxy-Authorization") : ("WWW-Authenticate", "Authorization")
    let refusal = proxy ? 407 : 401
    func request(_ token: [UInt8]) -> (Direction, [UInt8]) {
        (.originator, wire("GET / HTTP/1.1\nHost: srv\n\(says): \(scheme) \(base64(token))\n\n"))
    }
    func answer(_ status: Int, _ token: [UInt8]) -> (Direction, [UInt8]) {
        let header = token.isEmpty ? "" : "\(asks): \(scheme) \(base64(token))\n"
        return (.responder, wire("HTTP/1.1 \(status) x\n\(header)Content-Length: 0\n\n"))
    }
    return Conversation(
        turns: [request(tokens[0]), answer(refusal, tokens[1]), request(tokens[2]), answer(status, [])], port: 80,
        logs: logs, make: { HTTP() })
}

private let messages = [NTLMMade.negotiate, NTLMMade.challenge, NTLMMade.authenticate]
private let row = "username=alice hostname=PC domainname=DOM server_nb_computer_name=SRV "
    + "server_dns_computer_name=srv.example server_tree_name=example"

@Suite("authentication in HTTP") struct HTTPAuthenticationTests {
    private static func ntlm(_ conversation: Conversation) -> [String] {
        conversation.play().rows.filter { $0.hasPrefix("username") || $0.hasPrefix("server") }
    }

    @Test(arguments: [(200, "T"), (404, "T"), (401, "F")]) func `the response says what came of NTLM`(
        _ status: Int, _ success: String
    ) { #expect(Self.ntlm(exchange("NTLM", messages, last: status)) == ["\(row) success=\(success)"]) }

    @Test func `a proxy asks in its own headers`() {
        #expect(Self.ntlm(exchange("ntlm", messages, last: 407, proxy: true)) == ["\(row) success=F"])
        #expect(Self.ntlm(exchange("NTLM", messages, last: 200, proxy: true)) == ["\(row) success=T"])
    }

    @Test func `a negotiation carries it too`() {
        let tokens = [
            SPNEGOMade.initial(messages[0]), SPNEGOMade.answer(1, messages[1]), SPNEGOMade.answer(1, messages[2]),
        ]
        #expect(Self.ntlm(exchange("Negotiate", tokens, last: 200)) == ["\(row) success=T"])
        let bench = DatagramBench(HTTP(), port: 80, .tcp, logs: logs)
        for (direction, octets) in exchange("Negotiate", tokens, last: 200).turns {
            bench.stream(octets, from: direction)
        }
        #expect(bench.context.serviceChanges == [.confirmed(.http), .confirmed(.ntlm), .confirmed(.gssapi)])
    }

    @Test func `other schemes and the wrong side are none`() {
        for scheme in ["Basic", "Bearer", "Digest", "NTLMv2", "N", "Negotiated"] {
            #expect(Self.ntlm(exchange(scheme, messages, last: 200)).isEmpty, "\(scheme)")
        }
        let token = base64(messages[2])
        let wrong = Conversation(
            turns: [
                (.originator, wire("GET / HTTP/1.1\nWWW-Authenticate: NTLM \(token)\n\n")),
                (.responder, wire("HTTP/1.1 200 OK\nAuthorization: NTLM \(token)\nContent-Length: 0\n\n")),
            ], port: 80, logs: logs, make: { HTTP() })
        #expect(Self.ntlm(wrong).isEmpty)
    }

    @Test func `tokens that are cut or no base64 do no harm`() {
        let whole = messages[2]
        for count in 0..<whole.count {
            let rows = Self.ntlm(exchange("NTLM", [messages[0], messages[1], Array(whole[..<count])], last: 200))
            #expect(rows.count == 1)
        }
        let long = [UInt8](repeating: 0x60, count: 200_000)
        #expect(Self.ntlm(exchange("Negotiate", [long, [], long], last: 200)).isEmpty)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() {
        exchange("NTLM", messages, last: 200).expectRobust(rowsMax: 4)
    }
}
