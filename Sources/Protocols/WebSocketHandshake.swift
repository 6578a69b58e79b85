// SPDX-License-Identifier: Apache-2.0
//
// How HTTP turns into WebSocket (RFC 6455 section 4).
//
// Reads   the Sec-WebSocket headers of a request and its response.
// Writes  the row of the connection; an analyzer that knows what was agreed.
// Leaves  frames (WebSocket.swift).

import Crypto
import Records
import Wire

/// The headers with which both sides agree.
final class WebSocketHandshake {
    /// Protocols or extensions of one side that are kept.
    private static let listMax = 100
    /// What the server's answer proves to have read (RFC 6455 section 1.3).
    private static let magic = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)

    private var record = WebSocketRecord()
    private var key = Text.absent
    private var accept = Text.absent
    /// One of the headers was there.
    private var isSeen = false

    func header(
        _ name: HTTPHeaderName, _ value: RawSpan, isOriginator: Bool, _ context: inout AnalyzerContext
    ) {
        isSeen = true
        switch (name, isOriginator) {
        case (.secWebSocketProtocol, true): record.clientProtocols = appended(value, to: record.clientProtocols)
        case (.secWebSocketExtensions, true): record.clientExtensions = appended(value, to: record.clientExtensions)
        case (.secWebSocketExtensions, false): record.serverExtensions = appended(value, to: record.serverExtensions)
        case (.secWebSocketKey, true):
            if !key.isAbsent { context.weird(.websocket_multiple_key_headers, source: "WebSocket") }
            key = record.text.add(value, limit: 1024)
        case (.secWebSocketProtocol, false):
            if !record.subprotocol.isAbsent {
                context.weird(.websocket_multiple_protocol_headers, source: "WebSocket")
            }
            record.subprotocol = record.text.add(value, limit: 1024)
        case (.secWebSocketAccept, false):
            if !accept.isAbsent { context.weird(.websocket_multiple_accept_headers, source: "WebSocket") }
            accept = record.text.add(value, limit: 1024)
        default: break
        }
    }

    /// A list with the elements of a comma-separated value behind it.
    private func appended(_ value: RawSpan, to list: [Text]?) -> [Text] {
        var all = list ?? []
        var start = 0
        while start <= value.byteCount, all.count < WebSocketHandshake.listMax {
            let comma = value.firstIndex(of: 0x2C, from: start) ?? value.byteCount
            var end = comma
            if comma < value.byteCount { while end > start, value.octet(end &- 1) == 0x20 { end &-= 1 } }
            all.append(record.text.add(value.extracting(start..<end), limit: 1024))
            start = comma &+ 1
            while start < value.byteCount, value.octet(start) == 0x20 { start &+= 1 }
        }
        return all
    }

    /// Both have agreed. Writes the row; the analyzer for what follows.
    func establish(_ http: HTTPRecord, _ context: inout AnalyzerContext) -> Analyzer? {
        guard let analyzer = context.take(.websocket) as? WebSocket else { return nil }
        if !isSeen { context.weird(.websocket_established_unexpected, source: "WebSocket") }
        if key.isAbsent { context.weird(.websocket_missing_key_header, source: "WebSocket") }
        if accept.isAbsent { context.weird(.websocket_missing_accept_header, source: "WebSocket") }
        if !key.isAbsent, !accept.isAbsent { check(&context) }
        for text in record.serverExtensions ?? [] {
            if record.text[text].starts(with: "permessage-deflate".utf8) { analyzer.isDeflateAgreed = true }
        }
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.host = record.text.add(http.host, of: http.text)
        record.uri = record.text.add(http.uri, of: http.text)
        record.userAgent = record.text.add(http.userAgent, of: http.text)
        context.output.emit(record)
        return analyzer
    }

    /// The server must answer with the hash of the client's key.
    private func check(_ context: inout AnalyzerContext) {
        let hash = Array(Insecure.SHA1.hash(data: Array(record.text[key]) + WebSocketHandshake.magic))
        let start = context.weirdText.begin()
        context.weirdText.append("expected=")
        let place = context.weirdText.begin()
        context.weirdText.append(base64: hash)
        let expected = context.weirdText.end(place)
        guard context.weirdText[expected] != record.text[accept] else {
            return context.weirdText.bytes.removeSubrange(start...)
        }
        context.weirdText.append(", found=")
        _ = context.weirdText.add(accept, of: record.text)
        let addl = context.weirdText.end(start)
        context.weirds.append(PendingWeird(weird: .websocket_wrong_accept_header, addl: addl, source: "WebSocket"))
    }
}

extension TextBuffer {
    /// Appends octets in base64 (RFC 4648).
    mutating func append(base64 octets: [UInt8]) {
        for start in stride(from: 0, to: octets.count, by: 3) {
            let rest = octets.count &- start
            let group = UInt32(octets[start]) << 16
                | (rest > 1 ? UInt32(octets[start &+ 1]) << 8 : 0) | (rest > 2 ? UInt32(octets[start &+ 2]) : 0)
            for (index, shift) in [18, 12, 6, 0].enumerated() {
                let value = UInt8(truncatingIfNeeded: group >> UInt32(shift) & 63)
                bytes.append(index <= rest ? TextBuffer.base64Digit(value) : 0x3D)
            }
        }
    }

    private static func base64Digit(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: 0x41 &+ value
        case 26..<52: 0x61 &+ value &- 26
        case 52..<62: 0x30 &+ value &- 52
        case 62: 0x2B
        default: 0x2F
        }
    }
}
