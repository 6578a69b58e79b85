// SPDX-License-Identifier: Apache-2.0
//
// What LDAP shows to the signatures.
//
// Reads   the content of one operation (RFC 4511 section 4).
// Writes  buffers and numbers `ldap.*`.
// Leaves  which request a response answers (LDAP+EVE.swift).

import Records
import Wire

/// The exposures of one operation. What does not hold ends them.
enum LDAPView {
    static func show(
        _ operation: LDAPOperation, _ content: RawSpan, tx: UInt64, _ context: inout AnalyzerContext
    ) {
        guard context.wantsTransactions else { return }
        if operation.isRequest {
            context.exposeNumber(.ldapRequestOperation, UInt64(operation.rawValue), tx: tx, from: .originator)
            try? request(operation, content, tx, &context)
        } else {
            context.exposeNumber(.ldapResponsesOperation, UInt64(operation.rawValue), tx: tx, from: .responder)
            try? response(operation, content, tx, &context)
        }
    }

    private static func request(
        _ operation: LDAPOperation, _ content: RawSpan, _ tx: UInt64, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var cursor = Cursor(content)
        switch operation {
        case .deleteRequest:
            return context.expose(.ldapRequestDN, content, tx: tx, from: .originator)
        case .bindRequest: _ = try cursor.berInteger()
        case .searchRequest, .modifyRequest, .addRequest, .renameRequest, .compareRequest: break
        default: return
        }
        context.expose(.ldapRequestDN, try cursor.take(try cursor.berHeader().length), tx: tx, from: .originator)
        guard context.wants(.ldapRequestAttributeType) else { return }
        switch operation {
        case .searchRequest:
            // Scope, aliases, two limits, types only, filter; then the attributes that are asked for.
            for _ in 0..<6 { _ = try cursor.take(try cursor.berHeader().length) }
            var names = Cursor(try cursor.take(try cursor.berHeader().length))
            while names.remaining > 0 { attribute(try names.take(try names.berHeader().length), tx, &context) }
        case .modifyRequest:
            var changes = Cursor(try cursor.take(try cursor.berHeader().length))
            while changes.remaining > 0 {
                var change = Cursor(try changes.take(try changes.berHeader().length))
                _ = try change.take(try change.berHeader().length)
                var pair = Cursor(try change.take(try change.berHeader().length))
                attribute(try pair.take(try pair.berHeader().length), tx, &context)
            }
        case .addRequest:
            var all = Cursor(try cursor.take(try cursor.berHeader().length))
            while all.remaining > 0 {
                var pair = Cursor(try all.take(try all.berHeader().length))
                attribute(try pair.take(try pair.berHeader().length), tx, &context)
            }
        case .compareRequest:
            var pair = Cursor(try cursor.take(try cursor.berHeader().length))
            attribute(try pair.take(try pair.berHeader().length), tx, &context)
        default: break
        }
    }

    private static func attribute(_ name: RawSpan, _ tx: UInt64, _ context: inout AnalyzerContext) {
        context.expose(.ldapRequestAttributeType, name, tx: tx, from: .originator)
    }

    private static func response(
        _ operation: LDAPOperation, _ content: RawSpan, _ tx: UInt64, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var cursor = Cursor(content)
        switch operation {
        case .searchReference, .intermediateResponse: return
        case .searchEntry:
            context.expose(.ldapResponsesDN, try cursor.take(try cursor.berHeader().length), tx: tx, from: .responder)
            var all = Cursor(try cursor.take(try cursor.berHeader().length))
            while all.remaining > 0 {
                var pair = Cursor(try all.take(try all.berHeader().length))
                context.expose(
                    .ldapResponsesAttributeType, try pair.take(try pair.berHeader().length), tx: tx, from: .responder)
            }
        default:
            // A result: code, the part of the name that was found, a text (section 4.1.9).
            let length = try cursor.berHeader().length
            let code = try cursor.berIntegerContent(min(length, 8))
            context.exposeNumber(.ldapResponsesResultCode, UInt64(clamping: code), tx: tx, from: .responder)
            context.expose(.ldapResponsesDN, try cursor.take(try cursor.berHeader().length), tx: tx, from: .responder)
            context.expose(
                .ldapResponsesMessage, try cursor.take(try cursor.berHeader().length), tx: tx, from: .responder)
        }
    }
}
