// SPDX-License-Identifier: Apache-2.0
//
// IKE for events and signatures.
//
// Reads   what IKE.swift has read of a message, and what both sides said before.
// Writes  EVE's `ike`, the buffers `ike.*`, events of weak cryptography.
// Leaves  the log (IKE.swift).

import Records
import Wire

/// What one message said, as far as events and signatures look at it. Texts stand in the record's buffer.
struct IKEView {
    /// Types of the payloads in their order, and the 0 that ends them.
    var payloads: [UInt8] = []
    var transforms: [IKETransform] = []
    var attributes: [IKEAttribute] = []
    /// Where the attributes of each transform of version 1 begin.
    var choices: [Int] = []
    var notifications: [UInt16] = []
    /// AH was proposed, which seals nothing.
    var isUnsealed = false
    var errorCount = 0
    var keyExchange = Text.absent
    var nonce = Text.absent
    var domain: UInt32?
    /// Octets behind the last payload.
    var extraCount = 0
}

/// What both sides of a connection said so far.
struct IKESession {
    /// Key exchange and nonce, by side.
    var keyExchange: [2 of [UInt8]] = [[], []]
    var nonce: [2 of [UInt8]] = [[], []]
    var domain: UInt32?
    /// What the responder chose: attributes of version 1, transforms of version 2.
    var attributes: [IKEAttribute] = []
    var transforms: [IKETransform] = []

    mutating func clear() { self = IKESession() }
}

extension IKE {
    /// Octets that are no message.
    func malformed(_ direction: Direction, _ context: inout AnalyzerContext) {
        let transaction = context.beginTransaction(.ike)
        context.transactionEvent("ike.malformed_data", tx: transaction, from: direction)
        context.transactionDone(tx: transaction, from: direction)
    }

    /// Shows a message that was read.
    func show(_ header: IKEHeader, _ direction: Direction, _ context: inout AnalyzerContext) {
        remember(header, direction)
        let transaction = context.beginTransaction(.ike)
        if view.extraCount > 0 { context.transactionEvent("ike.payload_extra_data", tx: transaction, from: direction) }
        let isChoice = header.major == 1 ? direction == .responder : !header.isOfInitiator
        if isChoice, (record.proposalCount ?? 0) > 1 || view.choices.count > 1 {
            context.transactionEvent("ike.multiple_server_proposal", tx: transaction, from: direction)
        }
        weakness(transaction, direction, &context)
        expose(header, transaction, direction, &context)
        context.transactionDone(tx: transaction, from: direction)
        guard context.wantsEvents else { return }
        context.beginEvent("ike", from: direction)
        writeObject(header, direction, to: &context.event)
        context.endEvent()
    }

    private func remember(_ header: IKEHeader, _ direction: Direction) {
        let side = Int(direction.rawValue)
        if !view.keyExchange.isAbsent { session.keyExchange[side] = Array(record.text[view.keyExchange]) }
        if !view.nonce.isAbsent { session.nonce[side] = Array(record.text[view.nonce]) }
        if let domain = view.domain { session.domain = domain }
        if direction == .responder, !view.attributes.isEmpty { session.attributes = view.attributes }
        if !header.isOfInitiator, !view.transforms.isEmpty { session.transforms = view.transforms }
    }

    private func expose(
        _ header: IKEHeader, _ transaction: UInt64, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard context.wantsTransactions else { return }
        let bytes = record.text.bytes
        let octets = { (text: Text) in Int(text.offset)..<Int(text.offset &+ text.count) }
        let all = bytes.octets
        context.expose(.ikeInitSPI, all.extracting(octets(record.initiatorSPI)), tx: transaction, from: direction)
        context.expose(.ikeRespSPI, all.extracting(octets(record.responderSPI)), tx: transaction, from: direction)
        for vendor in record.vendors {
            context.expose(.ikeVendor, all.extracting(octets(vendor)), tx: transaction, from: direction)
        }
        if !view.keyExchange.isAbsent {
            let key = all.extracting(octets(view.keyExchange))
            context.expose(.ikeKeyExchangePayload, key, tx: transaction, from: direction)
            context.exposeNumber(
                .ikeKeyExchangePayloadLength, UInt64(key.byteCount), tx: transaction, from: direction)
        }
        if !view.nonce.isAbsent {
            let nonce = all.extracting(octets(view.nonce))
            context.expose(.ikeNoncePayload, nonce, tx: transaction, from: direction)
            context.exposeNumber(.ikeNoncePayloadLength, UInt64(nonce.byteCount), tx: transaction, from: direction)
        }
        if header.major == 1, direction == .responder {
            // What the server chose, of version 1 (RFC 2409 appendix A).
            for attribute in view.attributes {
                context.exposeNumber(
                    .ikeChosenSAAttribute, UInt64(attribute.type) << 32 | attribute.value & 0xFFFF_FFFF,
                    tx: transaction, from: direction)
            }
        }
        context.exposeNumber(.ikeExchangeType, UInt64(header.exchange), tx: transaction, from: direction)
    }

    /// Cryptography that should not be offered any more: each event once a message.
    private func weakness(_ transaction: UInt64, _ direction: Direction, _ context: inout AnalyzerContext) {
        var isWeak: [5 of Bool] = [false, false, false, false, false]
        var (hasAuthentication, hasEncryption, isAuthenticating, isInvalid) = (false, false, false, false)
        for transform in view.transforms {
            switch (transform.type, transform.number) {
            case (1, 1...9), (1, 11): isWeak[0] = true
            case (2, 1...2): isWeak[1] = true
            case (3, 1...7): isWeak[2] = true
            case (4, 1...2), (4, 5), (4, 22): isWeak[3] = true
            // To derive keys from nothing, or to exchange none (RFC 7296 section 3.3.2).
            case (2, 0), (4, 0): isInvalid = true
            default: break
            }
            if transform.type == 1 { hasEncryption = true }
            // Modes that protect by themselves need no other protection.
            if transform.type == 1, [14, 15, 16, 18, 19, 20, 28].contains(transform.number) { isAuthenticating = true }
            if transform.type == 3, transform.number == 0 { isWeak[4] = true }
            if transform.type == 3, transform.number != 0 { hasAuthentication = true }
        }
        if hasEncryption, !hasAuthentication { isWeak[4] = true }
        if isAuthenticating { isWeak[4] = false }
        if !view.transforms.isEmpty {
            if view.isUnsealed { context.transactionEvent("ike.no_encryption", tx: transaction, from: direction) }
            if !view.transforms.contains(where: { $0.type == 4 }) {
                context.transactionEvent("ike.weak_crypto_no_dh", tx: transaction, from: direction)
            }
            if view.transforms.contains(where: { !(1...5).contains($0.type) }) {
                context.transactionEvent("ike.unknown_proposal", tx: transaction, from: direction)
            }
        }
        if isInvalid { context.transactionEvent("ike.invalid_proposal", tx: transaction, from: direction) }
        let names: [StaticString] = [
            "ike.weak_crypto_enc", "ike.weak_crypto_prf", "ike.weak_crypto_auth", "ike.weak_crypto_dh",
            "ike.weak_crypto_no_auth",
        ]
        for index in 0..<5 where isWeak[index] {
            context.transactionEvent(names[index], tx: transaction, from: direction)
        }
    }

    // MARK: the event

    private func writeObject(_ header: IKEHeader, _ direction: Direction, to event: inout EVEBuilder) {
        event.open("ike")
        event.count("version_major", UInt64(header.major))
        event.count("version_minor", UInt64(header.minor))
        event.text("init_spi", record.initiatorSPI, in: record.text)
        event.text("resp_spi", record.responderSPI, in: record.text)
        event.count("message_id", UInt64(header.messageID))
        event.count("exchange_type", UInt64(header.exchange))
        if header.major == 2 {
            event.text("role", header.isOfInitiator ? "initiator" : "responder")
            if !header.isOfInitiator, !session.transforms.isEmpty { writeChoice(to: &event) }
        } else {
            for attribute in session.attributes { IKE.write(attribute, to: &event) }
        }
        event.openList("payload")
        var told: [UInt8] = []
        for type in header.isEncrypted ? [header.nextPayload] : payloadTypes(header) where !told.contains(type) {
            if header.major == 1, type == 0 { continue }
            if header.major == 1 { told.append(type) }
            event.item(IKENames.payload(header.major, type))
        }
        event.closeList()
        if header.major == 2 { writeSecond(to: &event) } else { writeFirst(header, direction, to: &event) }
        event.close()
    }

    /// The types of all payloads; version 1 counts what is inside of a proposal too.
    private func payloadTypes(_ header: IKEHeader) -> [UInt8] {
        guard header.major == 1, record.proposalCount != nil else { return view.payloads }
        return view.payloads.flatMap { $0 == 1 ? [1, 2, 3] : [$0] }
    }

    private func writeChoice(to event: inout EVEBuilder) {
        let keys: [(UInt8, StaticString, StaticString)] = [
            (1, "alg_enc", "Unknown"), (3, "alg_auth", "NONE"), (2, "alg_prf", "Unknown"), (4, "alg_dh", "None"),
            (5, "alg_esn", "NoESN"),
        ]
        for (type, key, none) in keys {
            let chosen = session.transforms.first { $0.type == type }
            event.text(key, chosen.map { IKENames.transform(type, $0.number) ?? "Unknown" } ?? none)
        }
    }

    private func writeSecond(to event: inout EVEBuilder) {
        event.open("ikev2")
        event.count("errors", UInt64(view.errorCount))
        if !record.notifications.isEmpty {
            event.openList("notify")
            for notification in record.notifications { event.item(notification, in: record.text) }
            event.closeList()
        }
        event.close()
    }

    private func writeFirst(_ header: IKEHeader, _ direction: Direction, to event: inout EVEBuilder) {
        event.open("ikev1")
        event.count("doi", session.domain.map { UInt64($0) })
        event.boolean("encrypted_payloads", header.isEncrypted)
        if !header.isEncrypted {
            for (side, name) in [(Direction.originator, "client" as StaticString), (.responder, "server")] {
                event.open(name)
                writeSide(Int(side.rawValue), to: &event)
                if side == .originator, direction == side, !view.choices.isEmpty { writeProposals(to: &event) }
                event.close()
            }
            if !record.vendors.isEmpty {
                event.openList("vendor_ids")
                for vendor in record.vendors { event.item(vendor, in: record.text) }
                event.closeList()
            }
        }
        event.close()
    }

    private func writeSide(_ side: Int, to event: inout EVEBuilder) {
        let (key, nonce) = (session.keyExchange[side], session.nonce[side])
        if !key.isEmpty {
            event.hexadecimal("key_exchange_payload", key.octets)
            event.count("key_exchange_payload_length", UInt64(key.count))
        }
        if !nonce.isEmpty {
            event.hexadecimal("nonce_payload", nonce.octets)
            event.count("nonce_payload_length", UInt64(nonce.count))
        }
    }

    private func writeProposals(to event: inout EVEBuilder) {
        event.openList("proposals")
        for (index, start) in view.choices.enumerated() {
            let end = index + 1 < view.choices.count ? view.choices[index + 1] : view.attributes.count
            event.openItem()
            for attribute in view.attributes[start..<end] { IKE.write(attribute, to: &event) }
            event.closeItem()
        }
        event.closeList()
    }

    private static func write(_ attribute: IKEAttribute, to event: inout EVEBuilder) {
        event.text(attribute.key.0, attribute.name ?? "Unknown")
        event.count(attribute.key.1, attribute.value)
    }
}
