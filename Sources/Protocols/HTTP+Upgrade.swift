// SPDX-License-Identifier: Apache-2.0
//
// What a connection of HTTP turns into after 101 (RFC 9110 section 7.8).
//
// Reads   the protocol that the response names, and the settings that the request has for HTTP/2.
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
            guard context.selection.readsHTTP2, let http2 = context.take(.http2) as? HTTP2 else { return }
            http2.adopt(transaction(of: responder, &context).record, view?.fields() ?? [], &context)
            view?.showSettings(to: http2, &context)
            successor = http2
        case .other: break
        }
    }

    /// Of a connection whose beginning was not seen the view alone is read, and tells of HTTP/2.
    func follow(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        if isUpgraded { return upgraded(bytes, from: direction, &context) }
        guard let view, view.turnsIntoHTTP2, context.selection.readsHTTP2,
            let http2 = context.take(.http2) as? HTTP2
        else { return }
        isUpgraded = true
        http2.adopt(view.request(), view.fields(), &context)
        view.showSettings(to: http2, &context)
        successor = http2
        guard view.unreadBytes > 0 else { return }
        upgraded(bytes.extracting(bytes.byteCount &- view.unreadBytes ..< bytes.byteCount), from: direction, &context)
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

extension HTTPView {
    /// The request that was answered last, as far as HTTP/2 goes on with it.
    func request() -> HTTPRecord {
        var record = HTTPRecord()
        let line = originator.line
        let words = line.split(separator: 0x20)
        if let method = words.first { record.method = record.text.add(line.octets.extracting(method.indices)) }
        if words.count > 1 { record.uri = record.text.add(line.octets.extracting(words[1].indices)) }
        let texts = originator.text.bytes
        func text(_ name: StaticString) -> Text {
            guard let header = value(name, originator) else { return .absent }
            return record.text.add(texts.octets.extracting(HTTPView.range(header.value)))
        }
        record.host = text("host")
        record.userAgent = text("user-agent")
        record.referrer = text("referer")
        return record
    }

    /// The headers of that request as those of HTTP/2, its line and its host before the others.
    func fields() -> [HTTP2NamedValue] {
        let texts = originator.text.bytes
        func field(_ name: String, _ value: ArraySlice<UInt8>) -> HTTP2NamedValue {
            HTTP2NamedValue(name: Array(name.utf8), value: Array(value))
        }
        let words = originator.line.split(separator: 0x20)
        guard words.count > 1 else { return [] }
        var fields = [field(":method", words[0]), field(":path", words[1])]
        if let host = value("host", originator) {
            fields.append(field(":authority", texts[HTTPView.range(host.value)]))
        }
        for header in originator.headers {
            let name = texts.octets.extracting(HTTPView.range(header.name))
            guard !name.isText("host"), !name.isText("http2-settings") else { continue }
            fields.append(
                HTTP2NamedValue(
                    name: Array(texts[HTTPView.range(header.name)]), value: Array(texts[HTTPView.range(header.value)])))
        }
        return fields
    }

    /// Shows the settings that the request has with it.
    func showSettings(to http2: HTTP2, _ context: inout AnalyzerContext) {
        guard let header = value("http2-settings", originator) else { return }
        let texts = originator.text.bytes
        http2.adoptSettings(texts.octets.extracting(HTTPView.range(header.value)), &context)
    }
}
