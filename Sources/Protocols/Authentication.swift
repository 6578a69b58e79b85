// SPDX-License-Identifier: Apache-2.0
//
// Authentication inside of other protocols: GSS-API tokens (RFC 2743), negotiation
// of the mechanism (SPNEGO, RFC 4178), and the mechanisms NTLM and Kerberos.
//
// Reads   the tokens that SMB, DCE RPC, LDAP and HTTP carry.
// Writes  the rows of the mechanisms.
// Leaves  other mechanisms; what is signed or sealed with what was agreed on.

import Records
import Wire

/// For which service a ticket of Kerberos is.
struct KerberosService {
    /// Parts of a name that are kept.
    private static let namesMax = 8

    private(set) var realm: [UInt8] = []
    private(set) var names: [[UInt8]] = []

    init(_ ticket: KerberosTicket, _ bytes: RawSpan) {
        bytes.extracting(ticket.realm.content).append(to: &realm)
        guard let service = ticket.service else { return }
        var walk = BERWalk(inside: service)
        while names.count < KerberosService.namesMax, let part = try? walk.next(bytes) {
            var name: [UInt8] = []
            bytes.extracting(part.content).append(to: &name)
            names.append(name)
        }
    }
}

/// The authentications of one connection. Protocols that run inside of each other,
/// such as DCE RPC inside of SMB, share one.
final class Authentication {
    private(set) var ntlmSession = NTLMSession()
    private(set) var kerberosSession = KerberosSession()
    private var service: KerberosService?
    private var isGSSAPIConfirmed = false
    private var isNTLMConfirmed = false
    private var isKerberosConfirmed = false

    /// Takes one token, whatever it is: negotiation, or a mechanism's own.
    func token(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard bytes.byteCount > 0 else { return }
        if bytes.begins(with: NTLMMessage.signature) { return ntlm(bytes, from: direction, &context) }
        do throws(WireError) {
            try negotiation(bytes, from: direction, &context)
            if !isGSSAPIConfirmed {
                isGSSAPIConfirmed = true
                context.serviceChanges.append(.confirmed(.gssapi))
            }
        } catch {
            // What cannot be read is of another mechanism, or sealed.
        }
    }

    /// Takes one message of NTLM.
    func ntlm(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        var cursor = Cursor(bytes)
        guard let message = try? NTLMMessage(parsing: &cursor) else { return }
        if !isNTLMConfirmed {
            isNTLMConfirmed = true
            context.serviceChanges.append(.confirmed(.ntlm))
        }
        ntlmSession.take(message, bytes, &context)
    }

    /// The protocol that carries NTLM says itself what came of it.
    func ntlmVerdict(isAccepted: Bool, _ context: inout AnalyzerContext) {
        ntlmSession.negotiated(isAccepted ? 0 : 2, &context)
    }

    /// Takes one message of Kerberos inside of another protocol.
    func kerberos(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard let message = try? KerberosMessage(parsing: bytes) else { return }
        if !isKerberosConfirmed {
            isKerberosConfirmed = true
            context.serviceChanges.append(.confirmed(.krb))
        }
        if context.wantsEvents, let ticket = message.ticket { service = KerberosService(ticket, bytes) }
        take(message, bytes, from: direction, &context)
    }

    /// The service of the last ticket that was shown, once.
    func takeService() -> KerberosService? {
        defer { service = nil }
        return service
    }

    func take(
        _ message: KerberosMessage, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        kerberosSession.take(message, bytes, from: direction, &context)
    }

    func finish(_ context: inout AnalyzerContext) {
        ntlmSession.finish(&context)
        kerberosSession.finish(&context)
    }

    func reset() {
        ntlmSession.reset()
        kerberosSession.reset()
        service = nil
        (isGSSAPIConfirmed, isNTLMConfirmed, isKerberosConfirmed) = (false, false, false)
    }

    // MARK: GSS-API

    //  60 length: mechanism, then what it says; or A1 length: the answer of a negotiation;
    //  or a token of an agreed mechanism: 04 04 signature, 05 04 wrapped
    private func negotiation(
        _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        if bytes.begins(with: "\u{4}\u{4}") || bytes.begins(with: "\u{5}\u{4}") { return }
        var walk = BERWalk(0..<bytes.byteCount)
        let whole = try walk.required(bytes)
        switch whole.tag {
        case 0x60: try initial(whole, bytes, from: direction, &context)
        case 0xA0, 0xA1: try parts(whole, bytes, from: direction, &context)
        default: throw .malformed(at: 0)
        }
    }

    /// A token that names its mechanism (RFC 2743 section 3.1).
    private func initial(
        _ whole: BERElement, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var walk = BERWalk(inside: whole)
        let mechanism = try walk.next(bytes, tag: BERHeader.objectIdentifier)
        if isNegotiation(bytes.extracting(mechanism.content)) {
            return try parts(try walk.required(bytes), bytes, from: direction, &context)
        }
        // Kerberos: two octets say what follows (RFC 4121 section 4.1).
        let start = mechanism.end &+ 2
        guard start < whole.end else { throw .truncated(at: mechanism.end) }
        kerberos(bytes.extracting(start..<whole.end), from: direction, &context)
    }

    /// 1.3.6.1.5.5.2
    private func isNegotiation(_ identity: RawSpan) -> Bool {
        identity.byteCount == 6 && identity.load(0, as: UInt32.self) == 0x2B06_0105
            && identity.load(4, as: UInt16.self) == 0x0502
    }

    //  NegTokenInit: [0] mechanisms, [1] flags, [2] token, [3] signature
    //  NegTokenResp: [0] state, [1] mechanism, [2] token, [3] signature
    private func parts(
        _ element: BERElement, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var outer = BERWalk(inside: element)
        var walk = BERWalk(inside: try outer.next(bytes, tag: BERHeader.sequence))
        while let part = try walk.next(bytes) {
            switch part.index {
            case 0 where element.index == 1:
                var inside = BERWalk(inside: part)
                let state = try inside.next(bytes, tag: 0x0A)
                ntlmSession.negotiated(UInt8(truncatingIfNeeded: try bytes.berInteger(state)), &context)
            case 2:
                var inside = BERWalk(inside: part)
                let token = bytes.extracting(try inside.next(bytes, tag: BERHeader.octetString).content)
                if token.begins(with: NTLMMessage.signature) {
                    ntlm(token, from: direction, &context)
                } else if token.byteCount > 0, token.octet(0) == 0x60 {
                    try mechanismToken(token, from: direction, &context)
                } else if token.byteCount > 0, token.octet(0) & 0xE0 == 0x60 {
                    // Some put the message of Kerberos there as it is.
                    kerberos(token, from: direction, &context)
                }
            default: break
            }
        }
    }

    /// The token of the chosen mechanism inside of a negotiation: never a negotiation again.
    private func mechanismToken(
        _ token: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var walk = BERWalk(0..<token.byteCount)
        let whole = try walk.required(token)
        var inside = BERWalk(inside: whole)
        let mechanism = try inside.next(token, tag: BERHeader.objectIdentifier)
        let start = mechanism.end &+ 2
        guard start < whole.end else { throw .truncated(at: mechanism.end) }
        kerberos(token.extracting(start..<whole.end), from: direction, &context)
    }
}
