// SPDX-License-Identifier: Apache-2.0
//
// The operations of LDAP (RFC 4511 section 4), and what rows say of them.
//
// Reads   the content of one operation.
// Writes  the rows at work, and rows that are done.
// Leaves  framing (LDAP.swift), filters (LDAP+Filter.swift).

import Records
import Wire

extension LDAP {
    private static let startTLS: StaticString = "1.3.6.1.4.1.1466.20037"
    private static let whoAmI: StaticString = "1.3.6.1.4.1.4203.1.11.3"

    /// Whether nothing of an operation's content is read.
    static func hasUnreadContent(_ tag: UInt8) -> Bool {
        switch LDAPOperation(tag: tag) {
        case .searchEntry, .searchReference, .addRequest, .compareRequest, .renameRequest, .intermediateResponse: true
        default: false
        }
    }

    /// Takes one message: its operation's tag and content.
    func handle(
        _ tag: UInt8, _ content: RawSpan, _ number: Int64, _ context: inout AnalyzerContext
    ) throws(WireError) {
        guard let operation = LDAPOperation(tag: tag) else { throw .malformed(at: 0) }
        var cursor = Cursor(content)
        switch operation {
        case .searchRequest: return try searchRequest(&cursor, number, &context)
        case .searchReference: return
        case .searchEntry:
            let place = search(number, &context)
            return searches[place].resultCount &+= 1
        case .searchDone:
            let result = try LDAPResult(&cursor)
            let place = search(number, &context)
            if let old = searches[place].result, !LDAP.equal(old, result.name) {
                change(.LDAP_search_result_change, number, &context)
            }
            searches[place].result = result.name
            if result.diagnostic.count > 0 {
                searches[place].diagnostic = LDAP.readable(
                    content.extracting(result.diagnostic), in: &searches[place].text)
            }
            return searches.write(at: place, &context)
        default: break
        }
        let result = operation.hasResult ? try LDAPResult(&cursor) : nil
        let place: Int
        if operation == .bindRequest {
            place = try bindRequest(&cursor, number, &context)
        } else {
            place = self.operation(number, &context)
            begin(operation, place, &context)
            try request(operation, &cursor, place, &context)
        }
        if let result { ended(operation, result, content, place, &context) }
        if operation == .bindResponse { try bindResponse(&cursor, &context) }
        if result != nil || operation == .unbindRequest || operation == .abandonRequest {
            operations.write(at: place, &context)
        }
    }

    /// Names the operation of a row that is no request to log in.
    private func begin(_ operation: LDAPOperation, _ place: Int, _ context: inout AnalyzerContext) {
        if operation == .bindResponse {
            guard operations[place].operation == nil else { return }
            change(.LDAP_bind_without_opcode, operations[place].messageID, &context)
        } else if let old = operations[place].operation, !LDAP.equal(old, operation.logName) {
            change(.LDAP_message_opcode_change, operations[place].messageID, &context)
        }
        operations[place].operation = operation.logName
    }

    private func ended(
        _ operation: LDAPOperation, _ result: LDAPResult, _ content: RawSpan, _ place: Int,
        _ context: inout AnalyzerContext
    ) {
        if let old = operations[place].result, !LDAP.equal(old, result.name) {
            change(.LDAP_message_result_change, operations[place].messageID, &context)
        }
        operations[place].result = result.name
        if result.diagnostic.count > 0 {
            operations[place].diagnostic = LDAP.readable(
                content.extracting(result.diagnostic), in: &operations[place].text)
        }
        guard result.code == 0 else { return }
        if operation == .bindResponse, mechanism != nil { mayBeWrapped = true }
        if operation == .extendedResponse, hasAskedForTLS { hasTLS = true }
    }

    private func change(_ weird: Weird, _ number: Int64, _ context: inout AnalyzerContext) {
        context.weird(weird, addl: UInt64(max(0, number)), source: "LDAP")
    }

    // MARK: requests

    private func request(
        _ operation: LDAPOperation, _ cursor: inout Cursor, _ place: Int, _ context: inout AnalyzerContext
    ) throws(WireError) {
        switch operation {
        case .deleteRequest: setObject(cursor.rest(), place)
        case .abandonRequest:
            let length = cursor.remaining
            guard length <= 8 else { throw .malformed(at: 0) }
            let number = try cursor.berIntegerContent(length)
            let start = operations[place].text.begin()
            if number < 0 { operations[place].text.append("-") }
            operations[place].text.append(decimal: number.magnitude)
            operations[place].object = operations[place].text.end(start)
        case .modifyRequest:
            setObject(try cursor.take(try cursor.berHeader().length), place)
            try modifications(&cursor, place)
        case .extendedRequest: try extended(&cursor, place)
        default: break
        }
    }

    private func setObject(_ name: RawSpan, _ place: Int) {
        guard name.byteCount > 0 else { return }
        operations[place].object = operations[place].text.add(name, limit: LDAP.textBytesMax)
    }

    //  BindRequest: version, name, and [0] password, [3] mechanism and credentials, [10] or [11] Sicily
    private func bindRequest(
        _ cursor: inout Cursor, _ number: Int64, _ context: inout AnalyzerContext
    ) throws(WireError) -> Int {
        let version = try cursor.berInteger()
        let name = try cursor.take(try cursor.berHeader().length)
        let header = try cursor.berHeader()
        guard header.tag & 0xC0 != 0 else { throw .malformed(at: cursor.offset) }
        let credentials = try cursor.take(header.length)
        let place = operation(number, &context)
        if operations[place].operation != nil { change(.LDAP_bind_opcode_already_set, number, &context) }
        operations[place].version = operations[place].version ?? version
        setObject(name, place)
        switch header.tag & 0x1F {
        case 0:
            operations[place].operation = "bind simple"
            if credentials.byteCount > 0 { setArgument("REDACTED", place) }
        case 3:
            operations[place].operation = "bind SASL"
            var inside = Cursor(credentials)
            guard inside.remaining > 0 else { break }
            let named = try inside.take(try inside.berHeader().length)
            var kept: [UInt8] = []
            named.extracting(0..<min(64, named.byteCount)).append(to: &kept)
            mechanism = kept
            operations[place].argument = operations[place].text.add(named, limit: LDAP.textBytesMax)
            guard isGSSAPI, inside.remaining > 0 else { break }
            let token = try inside.take(try inside.berLength(BERHeader.octetString))
            authentication.token(token, from: sender, &context)
        case 10, 11:
            operations[place].operation = header.tag & 0x1F == 10 ? "sicily_negotiate" : "sicily_response"
            guard credentials.byteCount > 0 else { break }
            guard credentials.begins(with: "NTLMSSP") else { throw .malformed(at: cursor.offset) }
            setArgument("NTLMSSP", place)
            authentication.ntlm(credentials, from: sender, &context)
        default:
            context.weird(.LDAP_unknown_auth_type, addl: UInt64(header.tag & 0x1F), source: "LDAP")
            operations[place].operation = "bind"
        }
        return place
    }

    /// The login is by a mechanism of GSS-API.
    private var isGSSAPI: Bool {
        let name = mechanism ?? []
        return name.octets.begins(with: "GSSAPI") || name.octets.begins(with: "GSS-SPNEGO")
    }

    //  BindResponse: a result, [3] other servers, [7] the server's part of the login
    private func bindResponse(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        while isGSSAPI, cursor.remaining > 0 {
            let header = try cursor.berHeader()
            let value = try cursor.take(header.length)
            if header.tag == 0x87 { authentication.token(value, from: sender, &context) }
        }
    }

    private func setArgument(_ literal: StaticString, _ place: Int) {
        operations[place].argument = operations[place].text.add(literal)
    }

    //  ExtendedRequest: [0] object identifier, as text, and [1] a value
    private func extended(_ cursor: inout Cursor, _ place: Int) throws(WireError) {
        let header = try cursor.berHeader()
        guard header.tag & 0xC0 == 0x80 else { throw .malformed(at: cursor.offset) }
        let name = try cursor.take(header.length)
        guard name.byteCount > 0 else { return }
        let isTLS = LDAP.equal(name, LDAP.startTLS)
        if isTLS { hasAskedForTLS = true }
        let start = operations[place].text.begin()
        _ = operations[place].text.add(name, limit: LDAP.textBytesMax)
        let isKnown = LDAP.equal(name, LDAP.whoAmI)
        operations[place].text.append(isTLS ? " (StartTLS)" : isKnown ? " (whoami)" : " (unknown)")
        operations[place].object = operations[place].text.end(start)
    }

    //  changes SEQUENCE OF SEQUENCE { operation, SEQUENCE { type, SET OF value } }
    private func modifications(_ cursor: inout Cursor, _ place: Int) throws(WireError) {
        var list = Cursor(try cursor.take(try cursor.berLength(BERHeader.sequence)))
        let start = operations[place].text.begin()
        while list.remaining > 0 {
            var change = Cursor(try list.take(try list.berLength(BERHeader.sequence)))
            let kind = try change.berInteger(0x0A)
            var attribute = Cursor(try change.take(try change.berLength(BERHeader.sequence)))
            let type = try attribute.take(try attribute.berHeader().length)
            guard operations[place].text.bytes.count < LDAP.textBytesMax else { break }
            if operations[place].text.bytes.count > start { operations[place].text.append(",") }
            switch kind {
            case 0: operations[place].text.append("add(")
            case 1: operations[place].text.append("delete(")
            case 2: operations[place].text.append("replace(")
            default: operations[place].text.append("unknown(")
            }
            _ = operations[place].text.add(type, limit: LDAP.textBytesMax)
            operations[place].text.append("=")
            var values = Cursor(try attribute.take(try attribute.berHeader().length))
            while values.remaining > 0, operations[place].text.bytes.count < LDAP.textBytesMax {
                let value = try values.take(try values.berHeader().length)
                _ = operations[place].text.add(value, limit: LDAP.textBytesMax)
            }
            operations[place].text.append(")")
        }
        if operations[place].text.bytes.count > start {
            operations[place].argument = operations[place].text.end(start)
        }
    }

    //  SearchRequest: base, scope, aliases, size limit, time limit, types only, filter, attributes
    private func searchRequest(
        _ cursor: inout Cursor, _ number: Int64, _ context: inout AnalyzerContext
    ) throws(WireError) {
        let base = try cursor.take(try cursor.berHeader().length)
        let scope = try cursor.berInteger(0x0A)
        let aliases = try cursor.berInteger(0x0A)
        _ = try cursor.berInteger()
        _ = try cursor.berInteger()
        try cursor.berSkip(0x01)
        var text = TextBuffer()
        try LDAPFilter.write(&cursor, to: &text, depth: 0)
        let place = search(number, &context)
        searches[place].scope =
            switch scope {
            case 0: "base"
            case 1: "single"
            case 2: "tree"
            default: "unknown"
            }
        searches[place].aliases =
            switch aliases {
            case 0: "never"
            case 1: "searching"
            case 2: "finding"
            case 3: "always"
            default: "unknown"
            }
        if base.byteCount > 0 { searches[place].base = searches[place].text.add(base, limit: LDAP.textBytesMax) }
        searches[place].filter = searches[place].text.add(text.bytes.octets, limit: LDAP.textBytesMax)
    }

    // MARK: texts

    /// What a server says to people, each octet that is no ASCII text as a question mark.
    private static func readable(_ bytes: RawSpan, in text: inout TextBuffer) -> Text {
        let start = text.begin()
        for index in 0..<min(bytes.byteCount, LDAP.textBytesMax) {
            let octet = bytes.octet(index)
            text.bytes.append((0x20...0x7E).contains(octet) ? octet : 0x3F)
        }
        return text.end(start)
    }

    private static func equal(_ left: StaticString, _ right: StaticString) -> Bool {
        left.utf8CodeUnitCount == right.utf8CodeUnitCount && left.description == right.description
    }

    private static func equal(_ bytes: RawSpan, _ word: StaticString) -> Bool {
        bytes.byteCount == word.utf8CodeUnitCount && bytes.begins(with: word)
    }
}

//  LDAPResult: code, matched name, diagnostic message (RFC 4511 section 4.1.9)
struct LDAPResult {
    let code: Int64
    /// Where the message stands in the operation's content.
    let diagnostic: Range<Int>

    init(_ cursor: inout Cursor) throws(WireError) {
        code = try cursor.berInteger(0x0A)
        try cursor.skip(try cursor.berHeader().length)
        let count = try cursor.berHeader().length
        let start = cursor.offset
        try cursor.skip(count)
        diagnostic = start ..< start &+ count
    }

    var name: StaticString { LDAPResult.names(code) }
}
