// SPDX-License-Identifier: Apache-2.0
//
// The event `ldap`: a request and its responses.
//
// Reads   whole messages (RFC 4511 section 4).
// Writes  the object `ldap`, when the response that ends the operation has come.
// Leaves  ldap.log (LDAP.swift), filters, passwords.

import Records
import Wire

/// Operations of one connection that await their responses.
struct LDAPEvents {
    /// Those whose last response is awaited (Suricata's `ldap.max-tx`, and the one that is too many).
    private static let pendingMax = 257
    /// Responses to one request that are nothing odd.
    private static let responsesMax = 1024
    /// Octets of one event; responses beyond are left out.
    private static let bytesMax = 1 << 18

    private struct Pending {
        var number: Int64
        var transaction: UInt64
        var request: EVEBuilder
        var responses: EVEBuilder
        var responseCount: UInt64 = 0
    }

    private var pending: [Pending] = []

    mutating func clear() { pending.removeAll(keepingCapacity: true) }

    func write(_ transaction: UInt64, to event: inout EVEBuilder) {
        guard let one = pending.first(where: { $0.transaction == transaction }) else { return }
        LDAPEvents.write(one, to: &event)
    }

    /// Takes a message: its operation's tag and content.
    mutating func take(
        _ tag: UInt8, _ content: RawSpan, _ number: Int64, _ context: inout AnalyzerContext
    ) {
        guard let operation = LDAPOperation(tag: tag) else { return }
        if operation.isRequest {
            if pending.count >= LDAPEvents.pendingMax {
                context.limits.met(.drafts)
                let oldest = pending.removeFirst()
                context.transactionEvent("ldap.too_many_transactions", tx: oldest.transaction, from: .originator)
                LDAPEvents.end(oldest, &context)
            }
            var one = Pending(
                number: number, transaction: context.beginTransaction(.ldap), request: EVEBuilder(),
                responses: EVEBuilder())
            one.request.open("request")
            one.request.integer("message_id", number)
            one.request.text("operation", operation.name)
            var cursor = Cursor(content)
            operation.members(&cursor, &one.request)
            one.request.close()
            LDAPView.show(operation, content, tx: one.transaction, &context)
            guard operation.isAnswered else { return LDAPEvents.end(one, &context) }
            context.transactionDone(tx: one.transaction, from: .originator)
            return pending.append(one)
        }
        let known = pending.firstIndex { $0.number == number && number != 0 }
        let place = known ?? pending.count
        if known == nil {
            // A notice that nobody asked for (section 4.4).
            pending.append(
                Pending(
                    number: number, transaction: context.beginTransaction(.ldap), request: EVEBuilder(),
                    responses: EVEBuilder()))
            if number != 0 {
                context.transactionEvent("ldap.request_not_found", tx: pending[place].transaction, from: .responder)
            }
        }
        LDAPView.show(operation, content, tx: pending[place].transaction, &context)
        pending[place].responseCount &+= 1
        if pending[place].responseCount == LDAPEvents.responsesMax &+ 1 {
            context.transactionEvent("ldap.too_many_responses", tx: pending[place].transaction, from: .responder)
        }
        if pending[place].responses.buffer.bytes.count < LDAPEvents.bytesMax {
            pending[place].responses.openItem()
            pending[place].responses.text("operation", operation.name)
            if known == nil { pending[place].responses.integer("message_id", number) }
            var cursor = Cursor(content)
            operation.members(&cursor, &pending[place].responses)
            pending[place].responses.closeItem()
        }
        if known == nil || operation.endsOperation { LDAPEvents.end(pending.remove(at: place), &context) }
    }

    /// A response that cannot be read: it belongs to the last request, if any waits.
    func broken(_ context: inout AnalyzerContext) {
        guard let last = pending.last else { return }
        context.transactionEvent("ldap.invalid_data", tx: last.transaction, from: .responder)
    }

    mutating func finish(_ context: inout AnalyzerContext) {
        for one in pending { LDAPEvents.end(one, &context) }
        clear()
    }

    private static func write(_ one: Pending, to event: inout EVEBuilder) {
        event.open("ldap")
        event.members(one.request.buffer.bytes[...])
        if one.responseCount > 0 {
            event.openList("responses")
            event.members(one.responses.buffer.bytes[...])
            event.closeList()
        }
        event.close()
    }

    private static func end(_ one: Pending, _ context: inout AnalyzerContext) {
        context.exposeNumber(.ldapResponsesCount, one.responseCount, tx: one.transaction, from: .responder)
        context.transactionDone(tx: one.transaction, from: .originator)
        context.transactionDone(tx: one.transaction, from: .responder)
        context.beginEvent("ldap", from: .originator, tx: one.transaction)
        write(one, to: &context.event)
        context.endEvent()
    }
}

/// The operations by tag: application class, and 0x20 where they are constructed.
enum LDAPOperation: UInt8 {
    case bindRequest = 0, bindResponse, unbindRequest
    case searchRequest, searchEntry, searchDone
    case modifyRequest, modifyResponse, addRequest, addResponse
    case deleteRequest, deleteResponse, renameRequest, renameResponse
    case compareRequest, compareResponse, abandonRequest
    case searchReference = 19
    case extendedRequest = 23
    case extendedResponse, intermediateResponse

    init?(tag: UInt8) {
        guard tag & 0xC0 == 0x40, let operation = LDAPOperation(rawValue: tag & 0x1F) else { return nil }
        self = operation
    }

    /// The name in the log, of a request and its response.
    var logName: StaticString {
        switch self {
        case .bindRequest, .bindResponse: "bind"
        case .unbindRequest: "unbind"
        case .searchRequest, .searchEntry, .searchDone, .searchReference: "search"
        case .modifyRequest, .modifyResponse, .renameRequest, .renameResponse: "modify"
        case .addRequest, .addResponse: "add"
        case .deleteRequest, .deleteResponse: "delete"
        case .compareRequest, .compareResponse: "compare"
        case .abandonRequest: "abandon"
        case .extendedRequest, .extendedResponse: "extended"
        case .intermediateResponse: "intermediate"
        }
    }

    /// Whether a message of this kind has a result.
    var hasResult: Bool {
        switch self {
        case .bindResponse, .modifyResponse, .addResponse, .deleteResponse, .renameResponse, .compareResponse,
            .extendedResponse, .searchDone:
            true
        default: false
        }
    }

    /// The name in events.
    var name: StaticString {
        switch self {
        case .bindRequest: "bind_request"
        case .bindResponse: "bind_response"
        case .unbindRequest: "unbind_request"
        case .searchRequest: "search_request"
        case .searchEntry: "search_result_entry"
        case .searchDone: "search_result_done"
        case .searchReference: "search_result_reference"
        case .modifyRequest: "modify_request"
        case .modifyResponse: "modify_response"
        case .addRequest: "add_request"
        case .addResponse: "add_response"
        case .deleteRequest: "del_request"
        case .deleteResponse: "del_response"
        case .renameRequest: "mod_dn_request"
        case .renameResponse: "mod_dn_response"
        case .compareRequest: "compare_request"
        case .compareResponse: "compare_response"
        case .abandonRequest: "abandon_request"
        case .extendedRequest: "extended_request"
        case .extendedResponse: "extended_response"
        case .intermediateResponse: "intermediate_response"
        }
    }

    var isRequest: Bool {
        switch self {
        case .bindRequest, .unbindRequest, .searchRequest, .modifyRequest, .addRequest, .deleteRequest,
            .renameRequest, .compareRequest, .abandonRequest, .extendedRequest:
            true
        default: false
        }
    }

    /// A request that gets a response.
    var isAnswered: Bool { self != .unbindRequest && self != .abandonRequest }

    /// A response after which no other comes.
    var endsOperation: Bool {
        self != .searchEntry && self != .searchReference && self != .intermediateResponse
    }

    /// Writes the operation's object; what does not hold ends it.
    func members(_ cursor: inout Cursor, _ event: inout EVEBuilder) {
        guard self != .unbindRequest else { return }
        event.open(name)
        try? fields(&cursor, &event)
        event.close()
    }

    private func text(_ key: StaticString, _ cursor: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        event.text(key, try cursor.take(try cursor.berHeader().length))
    }

    private func fields(_ cursor: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        switch self {
        case .bindRequest: try bind(&cursor, &event)
        case .searchRequest: try search(&cursor, &event)
        case .modifyRequest: try modify(&cursor, &event)
        case .addRequest:
            try text("entry", &cursor, &event)
            try attributes("name", &cursor, &event)
        case .deleteRequest: event.text("dn", cursor.rest())
        case .renameRequest:
            try text("entry", &cursor, &event)
            try text("new_rdn", &cursor, &event)
            event.boolean("delete_old_rdn", try cursor.berIntegerContent(try cursor.berHeader().length) != 0)
            if cursor.remaining > 0 { try text("new_superior", &cursor, &event) }
        case .compareRequest:
            try text("entry", &cursor, &event)
            var inside = Cursor(try cursor.take(try cursor.berLength(BERHeader.sequence)))
            event.open("attribute_value_assertion")
            defer { event.close() }
            try text("description", &inside, &event)
            try text("value", &inside, &event)
        case .abandonRequest: event.integer("message_id", try cursor.berIntegerContent(min(8, cursor.remaining)))
        case .extendedRequest, .intermediateResponse:
            while cursor.remaining > 0 {
                let header = try cursor.berHeader()
                event.text(header.tag & 0x1F == 0 ? "name" : "value", try cursor.take(header.length))
            }
        case .searchEntry:
            try text("base_object", &cursor, &event)
            try attributes("type", &cursor, &event)
        case .searchReference:
            event.openList("uris")
            defer { event.closeList() }
            while cursor.remaining > 0 { event.item(try cursor.take(try cursor.berHeader().length)) }
        case .unbindRequest: break
        default: try result(&cursor, &event)
        }
    }

    private func bind(_ cursor: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        event.integer("version", try cursor.berInteger())
        try text("name", &cursor, &event)
        let header = try cursor.berHeader()
        guard header.tag & 0x1F == 3 else { return }
        var inside = Cursor(try cursor.take(header.length))
        event.open("sasl")
        defer { event.close() }
        let mechanism = try inside.take(try inside.berHeader().length)
        event.text("mechanism", mechanism)
        guard inside.remaining > 0 else { return }
        let credentials = try inside.take(try inside.berHeader().length)
        if LDAPOperation.sendsSecret(mechanism) {
            event.text("credentials", Array("<hidden>".utf8)[...])
        } else {
            event.hexadecimal("credentials", credentials)
        }
    }

    /// Mechanisms that send a password or a token as it is (RFC 4616, RFC 7628).
    private static func sendsSecret(_ mechanism: RawSpan) -> Bool {
        let names: [StaticString] = ["PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"]
        for name in names where mechanism.isText(name) { return true }
        return false
    }

    private func search(_ cursor: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        try text("base_object", &cursor, &event)
        event.integer("scope", try cursor.berInteger(0x0A))
        event.integer("deref_alias", try cursor.berInteger(0x0A))
        event.integer("size_limit", try cursor.berInteger())
        event.integer("time_limit", try cursor.berInteger())
        event.boolean("types_only", try cursor.berInteger(0x01) != 0)
        try cursor.skip(try cursor.berHeader().length)
        var list = Cursor(try cursor.take(try cursor.berLength(BERHeader.sequence)))
        guard list.remaining > 0 else { return }
        event.openList("attributes")
        defer { event.closeList() }
        while list.remaining > 0 { event.item(try list.take(try list.berHeader().length)) }
    }

    private func modify(_ cursor: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        try text("object", &cursor, &event)
        var list = Cursor(try cursor.take(try cursor.berLength(BERHeader.sequence)))
        event.openList("changes")
        defer { event.closeList() }
        while list.remaining > 0 {
            var change = Cursor(try list.take(try list.berLength(BERHeader.sequence)))
            let kind = try change.berInteger(0x0A)
            var attribute = Cursor(try change.take(try change.berLength(BERHeader.sequence)))
            event.openItem()
            defer { event.closeItem() }
            event.text("operation", kind == 0 ? "add" : kind == 1 ? "delete" : kind == 2 ? "replace" : "increment")
            event.open("modification")
            defer { event.close() }
            try text("attribute_type", &attribute, &event)
            try values("attribute_values", &attribute, &event)
        }
    }

    private func attributes(
        _ key: StaticString, _ cursor: inout Cursor, _ event: inout EVEBuilder
    ) throws(WireError) {
        var list = Cursor(try cursor.take(try cursor.berLength(BERHeader.sequence)))
        event.openList("attributes")
        defer { event.closeList() }
        while list.remaining > 0 {
            var attribute = Cursor(try list.take(try list.berLength(BERHeader.sequence)))
            event.openItem()
            defer { event.closeItem() }
            try text(key, &attribute, &event)
            try values("values", &attribute, &event)
        }
    }

    private func values(_ key: StaticString, _ cursor: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        guard cursor.remaining > 0 else { return }
        var list = Cursor(try cursor.take(try cursor.berHeader().length))
        event.openList(key)
        defer { event.closeList() }
        while list.remaining > 0 { event.item(try list.take(try list.berHeader().length)) }
    }

    private func result(_ cursor: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        event.text("result_code", LDAPResult.eventName(try cursor.berInteger(0x0A)))
        try text("matched_dn", &cursor, &event)
        try text("message", &cursor, &event)
        while cursor.remaining > 0 {
            let header = try cursor.berHeader()
            let value = try cursor.take(header.length)
            switch (self, header.tag & 0x1F) {
            case (.bindResponse, 7): event.hexadecimal("server_sasl_creds", value)
            case (.extendedResponse, 10): event.text("name", value)
            case (.extendedResponse, 11): event.text("value", value)
            default: break
            }
        }
    }
}

extension LDAPResult {
    /// Names of result codes (RFC 4511 appendix A) as EVE writes them.
    static func eventName(_ code: Int64) -> StaticString {
        switch code {
        case 0: "success"
        case 1: "operations_error"
        case 2: "protocol_error"
        case 3: "time_limit_exceeded"
        case 4: "size_limit_exceeded"
        case 5: "compare_false"
        case 6: "compare_true"
        case 7: "auth_method_not_supported"
        case 8: "stronger_auth_required"
        case 10: "referral"
        case 11: "admin_limit_exceeded"
        case 12: "unavailable_critical_extension"
        case 13: "confidentiality_required"
        case 14: "sasl_bind_in_progress"
        case 16: "no_such_attribute"
        case 17: "undefined_attribute_type"
        case 18: "inappropriate_matching"
        case 19: "constraint_violation"
        case 20: "attribute_or_value_exists"
        case 21: "invalid_attribute_syntax"
        case 32: "no_such_object"
        case 33: "alias_problem"
        case 34: "invalid_dn_syntax"
        case 35: "is_leaf"
        case 36: "alias_dereferencing_problem"
        case 48: "inappropriate_authentication"
        case 49: "invalid_credentials"
        case 50: "insufficient_access_rights"
        case 51: "busy"
        case 52: "unavailable"
        case 53: "unwilling_to_perform"
        case 54: "loop_detect"
        case 64: "naming_violation"
        case 65: "object_class_violation"
        case 66: "not_allowed_on_non_leaf"
        case 67: "not_allowed_on_rdn"
        case 68: "entry_already_exists"
        case 69: "object_class_mods_prohibited"
        case 71: "affects_multiple_dsas"
        case 80: "other"
        default: "unknown"
        }
    }
}
