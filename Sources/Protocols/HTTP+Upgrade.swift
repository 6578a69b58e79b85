// SPDX-License-Identifier: Apache-2.0
//
// What a connection of HTTP turns into after 101 (RFC 9110 section 7.8).
//
// Reads   the protocol that the response names.
// Writes  nothing itself: the octets that follow go to that protocol's analyzer.
// Leaves  CONNECT, after which nobody says what follows (HTTP.swift).

import Records
import Wire

/// A protocol that HTTP may turn into.
enum HTTPUpgrade {
    case webSocket
    /// HTTP/2 in the clear (RFC 7540 section 3.2).
    case http2
    /// Some other; nothing is read any more.
    case other

    /// Nil for a header without a protocol.
    init?(_ name: RawSpan) {
        guard name.byteCount > 0 else { return nil }
        self = name.isText("websocket") ? .webSocket : name.isText("h2c") ? .http2 : .other
    }
}

extension HTTP {
    func handshake(
        _ name: HTTPHeaderName, _ value: RawSpan, _ side: HTTPSide, _ context: inout AnalyzerContext
    ) {
        if webSocket == nil { webSocket = WebSocketHandshake() }
        webSocket?.header(name, value, isOriginator: side.isOriginator, &context)
    }

    /// The server has agreed. Whatever follows, also in this very delivery, is the other protocol.
    func upgrade(to kind: HTTPUpgrade, _ context: inout AnalyzerContext) {
        isUpgraded = true
        if spanLeft > 0 {
            context.weird(.protocol_data_with_HTTP_upgrade_reply, addl: UInt64(spanLeft), source: "HTTP")
        }
        switch kind {
        case .webSocket:
            guard context.selection.isOn("websocket") else { return }
            let handshake = webSocket ?? WebSocketHandshake()
            successor = handshake.establish(transaction(of: responder, &context).record, &context)
            webSocket = nil
        case .http2:
            guard let http2 = context.take(.http2) as? HTTP2 else { return }
            http2.adopt(transaction(of: responder, &context).record, &context)
            successor = http2
        case .other: break
        }
    }

    /// These are the first octets of HTTP/2, which its own analyzer reads.
    func yield() {
        originator.isSkipping = true
        responder.isSkipping = true
        isDetached = true
    }

    func upgraded(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard let successor else { return }
        successor.stream(bytes, from: direction, &context)
        if successor.isDetached { finishSuccessor(&context) }
    }

    func finishSuccessor(_ context: inout AnalyzerContext) {
        guard let successor else { return }
        successor.finish(&context)
        context.giveBack(successor)
        self.successor = nil
    }
}
