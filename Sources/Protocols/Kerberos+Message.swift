// SPDX-License-Identifier: Apache-2.0
//
// The messages of Kerberos version 5 (RFC 4120 section 5), with the certificates of
// public-key authentication (RFC 4556).
//
// Reads   one message: a request, a reply or an error.
// Writes  the places of what the log has.
// Leaves  what is encrypted; authorization data, addresses, other pre-authentication.

import Records
import Wire

/// A ticket: for which service, in which realm, and how it is encrypted.
struct KerberosTicket: BitwiseCopyable {
    var realm = BERElement(tag: 0, start: 0, end: 0)
    var service: BERElement?
    var cipher: Int64 = 0
    /// The ticket with its tag.
    var start = 0
    var end = 0
}

/// One message. Elements are places in it; a name is the list of its components.
struct KerberosMessage {
    enum Kind: UInt8 {
        case asRequest = 10, asReply, tgsRequest, tgsReply, apRequest, apReply
        case safe = 20, priv, cred
        case error = 30
    }

    let kind: Kind
    private(set) var options: UInt32?
    private(set) var client: BERElement?
    /// Realm of the client in replies and errors, of the service in requests.
    private(set) var realm: BERElement?
    private(set) var service: BERElement?
    private(set) var from: Timestamp?
    private(set) var till: Timestamp?
    private(set) var ticket: KerberosTicket?
    /// Encryption of the part that is not the ticket.
    private(set) var cipher: Int64?
    private(set) var errorCode: Int64 = 0
    private(set) var errorText: BERElement?
    /// The first certificate of public-key pre-authentication, DER.
    private(set) var certificate: Range<Int>?

    /// The kinds of pre-authentication by a public key (RFC 4556 section 3.1.1).
    private static let requestPreauthentication: Int64 = 16
    private static let replyPreauthentication: Int64 = 17

    init(parsing bytes: RawSpan) throws(WireError) {
        var walk = BERWalk(0..<bytes.byteCount)
        let whole = try walk.required(bytes)
        guard whole.tag & 0xE0 == 0x60, let kind = Kind(rawValue: whole.tag & 0x1F) else { throw .malformed(at: 0) }
        self.kind = kind
        var outer = BERWalk(inside: whole)
        var fields = BERWalk(inside: try outer.next(bytes, tag: BERHeader.sequence))
        switch kind {
        case .asRequest, .tgsRequest: try readRequest(&fields, bytes)
        case .asReply, .tgsReply: try readReply(&fields, bytes)
        case .apRequest: try readApplicationRequest(&fields, bytes)
        case .error: try readError(&fields, bytes)
        case .apReply, .safe, .priv, .cred: try KerberosMessage.expectVersion(&fields, bytes, at: 0)
        }
    }

    private static func expectVersion(
        _ fields: inout BERWalk, _ bytes: RawSpan, at index: UInt8
    ) throws(WireError) {
        let field = try fields.next(bytes, tag: 0xA0 | index)
        guard try bytes.berInteger(try inner(field, bytes)) == 5 else { throw .malformed(at: field.start) }
    }

    private static func inner(_ field: BERElement, _ bytes: RawSpan) throws(WireError) -> BERElement {
        var walk = BERWalk(inside: field)
        return try walk.required(bytes)
    }

    //  KDC-REQ: [1] version, [2] kind, [3] pre-authentication, [4] body
    private mutating func readRequest(_ fields: inout BERWalk, _ bytes: RawSpan) throws(WireError) {
        try KerberosMessage.expectVersion(&fields, bytes, at: 1)
        while let field = try fields.next(bytes) {
            switch field.index {
            case 3: try readPreauthentication(field, bytes)
            case 4:
                var body = BERWalk(inside: try KerberosMessage.inner(field, bytes))
                while let part = try body.next(bytes) { try readBody(part, bytes) }
            default: break
            }
        }
    }

    //  KDC-REQ-BODY: [0] options, [1] client, [2] realm, [3] service, [4] from, [5] till, ...
    private mutating func readBody(_ part: BERElement, _ bytes: RawSpan) throws(WireError) {
        guard let index = part.index, index <= 5 else { return }
        let value = try KerberosMessage.inner(part, bytes)
        switch index {
        case 0:
            // A bit string: one octet says how many bits of the last are unused.
            guard value.end &- value.start >= 5 else { throw .malformed(at: value.start) }
            options = bytes.load(value.start &+ 1, as: UInt32.self)
        case 1: client = try KerberosMessage.name(value, bytes)
        case 2: realm = value
        case 3: service = try KerberosMessage.name(value, bytes)
        case 4: from = KerberosMessage.time(value, bytes)
        default: till = KerberosMessage.time(value, bytes)
        }
    }

    //  KDC-REP: [0] version, [1] kind, [2] pre-authentication, [3] realm, [4] client, [5] ticket, [6] encrypted
    private mutating func readReply(_ fields: inout BERWalk, _ bytes: RawSpan) throws(WireError) {
        try KerberosMessage.expectVersion(&fields, bytes, at: 0)
        while let field = try fields.next(bytes) {
            switch field.index {
            case 2: try readPreauthentication(field, bytes)
            case 3: realm = try KerberosMessage.inner(field, bytes)
            case 4: client = try KerberosMessage.name(try KerberosMessage.inner(field, bytes), bytes)
            case 5: ticket = try KerberosMessage.ticket(try KerberosMessage.inner(field, bytes), bytes)
            case 6: cipher = try KerberosMessage.cipher(try KerberosMessage.inner(field, bytes), bytes)
            default: break
            }
        }
        guard ticket != nil else { throw .truncated(at: bytes.byteCount) }
    }

    //  AP-REQ: [0] version, [1] kind, [2] options, [3] ticket, [4] authenticator
    private mutating func readApplicationRequest(_ fields: inout BERWalk, _ bytes: RawSpan) throws(WireError) {
        try KerberosMessage.expectVersion(&fields, bytes, at: 0)
        while let field = try fields.next(bytes) {
            guard field.index == 3 else { continue }
            ticket = try KerberosMessage.ticket(try KerberosMessage.inner(field, bytes), bytes)
        }
        guard ticket != nil else { throw .truncated(at: bytes.byteCount) }
    }

    //  KRB-ERROR: ... [6] code, [7] client's realm, [8] client, [9] realm, [10] service, [11] text
    private mutating func readError(_ fields: inout BERWalk, _ bytes: RawSpan) throws(WireError) {
        while let field = try fields.next(bytes) {
            switch field.index {
            case 6: errorCode = try bytes.berInteger(try KerberosMessage.inner(field, bytes))
            case 7: realm = try KerberosMessage.inner(field, bytes)
            case 8: client = try KerberosMessage.name(try KerberosMessage.inner(field, bytes), bytes)
            case 10: service = try KerberosMessage.name(try KerberosMessage.inner(field, bytes), bytes)
            case 11: errorText = try KerberosMessage.inner(field, bytes)
            default: break
            }
        }
    }

    //  PrincipalName: [0] kind, [1] components
    private static func name(_ value: BERElement, _ bytes: RawSpan) throws(WireError) -> BERElement {
        var walk = BERWalk(inside: value)
        while let field = try walk.next(bytes) {
            if field.index == 1 { return try inner(field, bytes) }
        }
        throw .truncated(at: value.end)
    }

    //  Ticket: [0] version, [1] realm, [2] service, [3] encrypted
    private static func ticket(_ value: BERElement, _ bytes: RawSpan) throws(WireError) -> KerberosTicket {
        guard value.tag == 0x61 else { throw .malformed(at: value.start) }
        var ticket = KerberosTicket()
        (ticket.start, ticket.end) = (value.start, value.end)
        var walk = BERWalk(inside: try inner(value, bytes))
        while let field = try walk.next(bytes) {
            switch field.index {
            case 1: ticket.realm = try inner(field, bytes)
            case 2: ticket.service = try name(try inner(field, bytes), bytes)
            case 3: ticket.cipher = try cipher(try inner(field, bytes), bytes)
            default: break
            }
        }
        return ticket
    }

    //  EncryptedData: [0] cipher, [1] version of the key, [2] octets
    private static func cipher(_ value: BERElement, _ bytes: RawSpan) throws(WireError) -> Int64 {
        var walk = BERWalk(inside: value)
        return try bytes.berInteger(try inner(try walk.next(bytes, tag: 0xA0), bytes))
    }

    //  PA-DATA: [1] kind, [2] value, many of them
    private mutating func readPreauthentication(_ field: BERElement, _ bytes: RawSpan) throws(WireError) {
        let list = try KerberosMessage.inner(field, bytes)
        // Some send an octet string in place of the list.
        guard list.tag == BERHeader.sequence else { return }
        var walk = BERWalk(inside: list)
        while let element = try walk.next(bytes) {
            var parts = BERWalk(inside: element)
            let type = try bytes.berInteger(try KerberosMessage.inner(try parts.next(bytes, tag: 0xA1), bytes))
            let value = try KerberosMessage.inner(try parts.next(bytes, tag: 0xA2), bytes)
            guard certificate == nil else { continue }
            switch type {
            case KerberosMessage.requestPreauthentication, KerberosMessage.replyPreauthentication:
                certificate = try? KerberosMessage.certificate(value, bytes)
            default: break
            }
        }
    }

    //  PA-PK-AS-REQ: SEQUENCE { [0] signed, … }; PA-PK-AS-REP: [0] SEQUENCE { [0] signed, … } or [1] signed.
    //  Signed: SEQUENCE { identity, [0] SEQUENCE { version, digests, content, [0] certificates, … } }
    private static func certificate(_ value: BERElement, _ bytes: RawSpan) throws(WireError) -> Range<Int> {
        var holder = BERWalk(inside: value)
        var element = try holder.required(bytes)
        // Through the wrappers, at most four, to the sequence that begins with an identity.
        for _ in 0..<4 {
            var look = BERWalk(inside: element)
            let first = try look.required(bytes)
            if first.tag == BERHeader.objectIdentifier { break }
            element = first
        }
        var content = BERWalk(inside: element)
        _ = try content.next(bytes, tag: BERHeader.objectIdentifier)
        var signed = BERWalk(inside: try inner(try content.next(bytes, tag: 0xA0), bytes))
        _ = try signed.next(bytes, tag: BERHeader.integer)
        _ = try signed.required(bytes)
        _ = try signed.required(bytes)
        var certificates = BERWalk(inside: try signed.next(bytes, tag: 0xA0))
        let first = try certificates.next(bytes, tag: BERHeader.sequence)
        // With its tag and length, which stand before the content.
        var start = first.start &- 2
        if first.end &- first.start > 127 { start &-= 1 }
        if first.end &- first.start > 255 { start &-= 1 }
        if first.end &- first.start > 65_535 { start &-= 1 }
        return start..<first.end
    }

    //  20370913024805Z
    private static func time(_ value: BERElement, _ bytes: RawSpan) -> Timestamp? {
        guard value.end &- value.start >= 14 else { return nil }
        func number(_ offset: Int, _ count: Int) -> Int64? {
            var result: Int64 = 0
            for place in offset ..< offset &+ count {
                let digit = bytes.octet(value.start &+ place)
                guard (0x30...0x39).contains(digit) else { return nil }
                result = result &* 10 &+ Int64(digit &- 0x30)
            }
            return result
        }
        guard let year = number(0, 4), let month = number(4, 2), let day = number(6, 2), let hour = number(8, 2),
            let minute = number(10, 2), let last = number(12, 2), (1...12).contains(month)
        else { return nil }
        // Days since 1970 of a date in the Gregorian calendar, its year counted from March.
        let shifted = month > 2 ? year : year &- 1
        let era = shifted / 400
        let ofEra = shifted &- era &* 400
        let dayOfYear = (153 &* (month &+ (month > 2 ? -3 : 9)) &+ 2) / 5 &+ day &- 1
        let days = era &* 146_097 &+ ofEra &* 365 &+ ofEra / 4 &- ofEra / 100 &+ dayOfYear &- 719_468
        return Timestamp(seconds: days &* 86_400 &+ hour &* 3600 &+ minute &* 60 &+ last)
    }

    // MARK: texts

    /// Appends the components of a name, joined by `/`; more than three are no name that is known.
    static func append(_ name: BERElement, of bytes: RawSpan, to text: inout TextBuffer) {
        var count = 0
        var walk = BERWalk(inside: name)
        while (try? walk.next(bytes)) != nil { count &+= 1 }
        guard (1...3).contains(count) else { return text.append("unknown") }
        walk = BERWalk(inside: name)
        var isFirst = true
        while let part = try? walk.next(bytes) {
            if !isFirst { text.append("/") }
            isFirst = false
            _ = text.add(bytes.extracting(part.content), limit: textBytesMax)
        }
    }

    /// Octets of one component that are kept.
    private static let textBytesMax = 1024
}
