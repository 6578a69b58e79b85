// SPDX-License-Identifier: Apache-2.0
//
// Kerberos as EVE and the signatures see it: each message is one transaction.
//
// Reads   messages of connections of its own, not those inside of other protocols.
// Writes  the event `krb5`; buffers `krb5.*`.
// Leaves  what the log says (Kerberos.swift).

import Records
import Wire

extension KerberosMessage.Kind {
    /// The name in events; nil for kinds that have none there.
    var eventName: StaticString? {
        switch self {
        case .asRequest: "KRB_AS_REQ"
        case .asReply: "KRB_AS_REP"
        case .tgsRequest: "KRB_TGS_REQ"
        case .tgsReply: "KRB_TGS_REP"
        case .error: "KRB_ERROR"
        case .apRequest, .apReply, .safe, .priv, .cred: nil
        }
    }
}

/// What an event says of one message; also for an alert on it, while it is the last one.
struct KerberosView {
    private var transaction: UInt64?
    private var members = EVEBuilder()
    /// The request whose answer may be an error.
    private var request: KerberosMessage.Kind?

    mutating func reset() {
        members.clear()
        (transaction, request) = (nil, nil)
    }

    mutating func take(
        _ message: KerberosMessage, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard let name = message.kind.eventName else { return }
        let tx = context.beginTransaction(.krb5)
        if context.wantsTransactions { expose(message, bytes, tx, direction, &context) }
        let isReply = message.kind == .asReply || message.kind == .tgsReply
        if isReply, let ticket = message.ticket, ![17, 18, 19, 20, 25, 26].contains(ticket.cipher) {
            context.transactionEvent("krb5.weak_encryption", tx: tx, from: direction)
        }
        if context.wantsEvents || context.wantsTransactions {
            transaction = tx
            members.clear()
            write(message, name, bytes)
        }
        if context.wantsEvents {
            context.beginEvent("krb5", from: context.sender(ofEventAbout: direction), tx: tx)
            context.event.members(members.buffer.bytes[...])
            context.endEvent()
        }
        switch message.kind {
        case .asRequest, .tgsRequest: request = message.kind
        default: request = nil
        }
        context.transactionDone(tx: tx, from: .originator)
        context.transactionDone(tx: tx, from: .responder)
    }

    func write(tx: UInt64, to event: inout EVEBuilder) {
        guard transaction == tx else { return }
        event.members(members.buffer.bytes[...])
    }

    private func expose(
        _ message: KerberosMessage, _ bytes: RawSpan, _ tx: UInt64, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        context.exposeNumber(.krb5MessageType, UInt64(message.kind.rawValue), tx: tx, from: direction)
        if message.kind == .error {
            context.exposeNumber(.krb5ErrorCode, UInt64(clamping: message.errorCode), tx: tx, from: direction)
        }
        if let ticket = message.ticket {
            context.exposeNumber(.krb5TicketEncryption, UInt64(clamping: ticket.cipher), tx: tx, from: direction)
        }
        func parts(_ name: BERElement?, _ buffer: SignatureBuffer) {
            guard let name, context.wants(buffer) else { return }
            var walk = BERWalk(inside: name)
            while let part = try? walk.next(bytes) {
                context.expose(buffer, bytes.extracting(part.content), tx: tx, from: direction)
            }
        }
        parts(message.client, .krb5ClientName)
        parts(message.ticket?.service ?? message.service, .krb5ServerName)
    }

    private mutating func write(_ message: KerberosMessage, _ name: StaticString, _ bytes: RawSpan) {
        var text = TextBuffer()
        members.open("krb5")
        members.text("msg_type", name)
        if message.kind == .error {
            members.text("failed_request", request?.eventName ?? "UNKNOWN")
            if let known = Kerberos.errorName(message.errorCode) {
                members.text("error_code", known)
            } else {
                members.beginText("error_code")
                members.add("ErrorCode(")
                members.add(decimal: UInt64(clamping: message.errorCode))
                members.add(")")
                members.endText()
            }
        }
        member("cname", message.client, bytes, &text)
        if let realm = message.realm {
            members.text("realm", bytes.extracting(realm.content))
        } else {
            members.text("realm", "<empty>")
        }
        member("sname", message.ticket?.service ?? message.service, bytes, &text)
        if let cipher = message.cipher {
            text.clear()
            Kerberos.appendCipher(cipher, to: &text)
            members.text("encryption", text.bytes[...])
        } else {
            members.text("encryption", "<none>")
        }
        members.boolean("weak_encryption", message.cipher.map(Kerberos.isWeak) ?? false)
        if let ticket = message.ticket {
            text.clear()
            Kerberos.appendCipher(ticket.cipher, to: &text)
            members.text("ticket_encryption", text.bytes[...])
            members.boolean("ticket_weak_encryption", Kerberos.isWeak(ticket.cipher))
        }
        members.close()
    }

    /// A name with slashes between its parts, however many.
    private mutating func member(
        _ key: StaticString, _ name: BERElement?, _ bytes: RawSpan, _ text: inout TextBuffer
    ) {
        guard let name else { return members.text(key, "<empty>") }
        text.clear()
        var walk = BERWalk(inside: name)
        while let part = try? walk.next(bytes) {
            if !text.bytes.isEmpty { text.append("/") }
            _ = text.add(bytes.extracting(part.content), limit: 1024)
        }
        members.text(key, text.bytes[...])
    }
}
