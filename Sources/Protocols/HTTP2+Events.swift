// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 as EVE and the signatures see it: a transaction for each stream, and one for
// each frame of stream 0.
//
// Reads   frames and decoded headers, at the moment they are read.
// Writes  events `http` with an object `http2`; buffers `http.*` and `http2.*`.
// Leaves  rows (HTTP2+Streams.swift).

import Records
import Wire

/// A header as octets of its own.
struct HTTP2NamedValue {
    var name: [UInt8]
    var value: [UInt8]
}

extension HTTP2 {
    private func isShown(_ context: borrowing AnalyzerContext) -> Bool {
        context.wantsEvents || context.wantsTransactions
    }

    /// A transaction of its own for a frame of stream 0.
    private func global(_ frame: HTTP2Frame, from direction: Direction, _ context: inout AnalyzerContext) -> UInt64 {
        let number = context.beginTransaction(.http2)
        context.exposeNumber(.http2FrameType, UInt64(frame.type), tx: number, from: direction)
        showFirstLine([], tx: number, from: .originator, &context)
        showFirstLine([], tx: number, from: .responder, &context)
        return number
    }

    private func end(_ number: UInt64, _ context: inout AnalyzerContext) {
        context.transactionDone(tx: number, from: .originator)
        context.transactionDone(tx: number, from: .responder)
    }

    // MARK: frames

    /// A frame of an open stream begins.
    func showFrame(_ frame: HTTP2Frame, from direction: Direction, _ context: inout AnalyzerContext) {
        // What may still come for a stream that is over (RFC 9113 section 5.1).
        let comesLate = [HTTP2Frame.Kind.reset, HTTP2Frame.Kind.window, HTTP2Frame.Kind.priority].contains(frame.type)
        if lastShown?.id == frame.stream, !comesLate, context.transactions.wantsEvents,
            !streams.contains(where: { $0.id == frame.stream })
        {
            showAnomaly("http2.stream_id_reuse", stream: frame.stream, from: direction, &context)
        }
        guard context.wants(.http2FrameType), let stream = streams.last(where: { $0.id == frame.stream }) else {
            return
        }
        context.exposeNumber(.http2FrameType, UInt64(frame.type), tx: stream.transaction, from: direction)
    }

    /// SETTINGS (RFC 9113 section 6.5). A frame without any, as an acknowledgement is, is no transaction.
    func settings(
        _ payload: RawSpan, _ frame: HTTP2Frame, from direction: Direction, isHeader: Bool = false,
        _ context: inout AnalyzerContext
    ) {
        guard isShown(context), payload.byteCount % 6 == 0, payload.byteCount > 0 || isHeader else { return }
        let number = global(frame, from: direction, &context)
        for place in stride(from: 0, to: payload.byteCount, by: 6) {
            let id = UInt64(payload.load(place, as: UInt16.self))
            let value = id << 32 | UInt64(payload.load(place &+ 2, as: UInt32.self))
            context.exposeNumber(.http2Settings, value, tx: number, from: direction)
        }
        if context.wantsEvents, payload.byteCount > 0 {
            beginEvent(0, direction, &context)
            context.event.openList("settings")
            for place in stride(from: 0, to: payload.byteCount, by: 6) {
                context.event.openItem()
                context.event.text("settings_id", HTTP2Names.setting(payload.load(place, as: UInt16.self)))
                context.event.count("settings_value", UInt64(payload.load(place &+ 2, as: UInt32.self)))
                context.event.closeItem()
            }
            context.event.closeList()
            endEvent(&context)
        }
        end(number, &context)
    }

    /// The settings that came with the request of HTTP/1.1 (RFC 7540 section 3.2.1), in base64, as if in a frame. What
    /// is none, with padding or without, is told of.
    func adoptSettings(_ value: RawSpan, _ context: inout AnalyzerContext) {
        guard isShown(context) else { return }
        guard HTTP2.isBase64(value) else {
            return showAnomaly("http2.invalid_http1_settings", stream: 1, from: .originator, &context)
        }
        var payload: [UInt8] = []
        var decoder = Base64()
        decoder.decode(value, into: &payload)
        let whole = payload.count / 6 &* 6
        if whole < payload.count {
            showAnomaly("http2.invalid_http1_settings", stream: 1, from: .originator, &context)
        }
        var header = [UInt8](repeating: 0, count: HTTP2Frame.headerBytes)
        (header[1], header[2]) = (UInt8(truncatingIfNeeded: whole >> 8), UInt8(truncatingIfNeeded: whole))
        header[3] = HTTP2Frame.Kind.settings
        let frame = HTTP2Frame(header.octets)
        settings(payload.octets.extracting(0..<whole), frame, from: .originator, isHeader: true, &context)
    }

    /// Groups of four digits, the last of which may end in one or two equals signs.
    private static func isBase64(_ value: RawSpan) -> Bool {
        guard value.byteCount % 4 == 0 else { return false }
        var digits = value.byteCount
        while digits > max(0, value.byteCount &- 2), value.octet(digits &- 1) == 0x3D { digits &-= 1 }
        for index in 0..<digits {
            switch value.octet(index) {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2F: continue
            default: return false
            }
        }
        return true
    }

    /// GOAWAY (RFC 9113 section 6.8).
    func goAway(_ payload: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard isShown(context), payload.byteCount >= 8 else { return }
        let code = payload.load(4, as: UInt32.self)
        let number = context.beginTransaction(.http2)
        context.exposeNumber(.http2FrameType, UInt64(HTTP2Frame.Kind.goAway), tx: number, from: direction)
        context.exposeNumber(.http2ErrorCode, UInt64(code), tx: number, from: direction)
        if context.wantsEvents {
            beginEvent(0, direction, &context)
            context.event.text("error_code", HTTP2Names.error(code))
            endEvent(&context)
        }
        end(number, &context)
    }

    /// RST_STREAM (RFC 9113 section 6.4): both sides of the stream are over.
    func reset(
        _ payload: RawSpan, _ frame: HTTP2Frame, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard payload.byteCount >= 4, let stream = streams.last(where: { $0.id == frame.stream }) else { return }
        let code = payload.load(0, as: UInt32.self)
        stream.sides[Int(direction.rawValue)].errorCode = code
        context.exposeNumber(.http2ErrorCode, UInt64(code), tx: stream.transaction, from: direction)
        write(stream, &context)
    }

    /// WINDOW_UPDATE (RFC 9113 section 6.9).
    func window(
        _ payload: RawSpan, _ frame: HTTP2Frame, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard context.wantsTransactions, payload.byteCount >= 4 else { return }
        let size = UInt64(payload.load(0, as: UInt32.self) & 0x7FFF_FFFF)
        if let stream = streams.last(where: { $0.id == frame.stream }) {
            context.exposeNumber(.http2Window, size, tx: stream.transaction, from: direction)
        } else if frame.stream == 0 {
            let number = global(frame, from: direction, &context)
            context.exposeNumber(.http2Window, size, tx: number, from: direction)
            end(number, &context)
        }
    }

    /// PRIORITY (RFC 9113 section 6.3).
    func priority(
        _ payload: RawSpan, _ frame: HTTP2Frame, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard payload.byteCount >= 5 else { return }
        showPriority(UInt64(payload.octet(4)), frame, from: direction, &context)
    }

    /// The weight of a stream. It may come before the stream is open.
    func showPriority(
        _ weight: UInt64, _ frame: HTTP2Frame, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard isShown(context) else { return }
        if let stream = streams.last(where: { $0.id == frame.stream }) {
            stream.sides[Int(direction.rawValue)].priority = weight
            context.exposeNumber(.http2Priority, weight, tx: stream.transaction, from: direction)
        } else {
            pendingPriority = weight
        }
    }

    /// Headers that contradict each other, or hold what no request has.
    func checkHeaders(
        _ stream: HTTP2Stream, _ hpack: borrowing HPACK, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard context.transactions.wantsEvents else { return }
        let all = hpack.text.bytes
        var authority: Text?
        for field in hpack.fields {
            let name = all.octets.extracting(HTTPView.range(field.name))
            let value = all.octets.extracting(HTTPView.range(field.value))
            if name.isText(":authority") {
                authority = field.value
                if value.firstIndex(of: 0x40) != nil {
                    context.transactionEvent("http2.userinfo_in_uri", tx: stream.transaction, from: direction)
                }
            } else if name.isText("host"), let authority {
                guard !value.isSame(as: all.octets.extracting(HTTPView.range(authority))) else { continue }
                context.transactionEvent("http2.authority_host_mismatch", tx: stream.transaction, from: direction)
            } else if name.isText("content-range"), direction == .responder, !HTTPView.isRange(value) {
                context.transactionEvent("http2.invalid_range", tx: stream.transaction, from: direction)
            }
        }
    }

    func showAnomaly(
        _ name: StaticString, stream id: UInt32, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        let known = streams.last { $0.id == id }?.transaction
        context.transactionEvent(name, tx: known ?? context.beginTransaction(.http2), from: direction)
    }

    // MARK: headers

    /// Keeps a block's fields for the event, in the texts of the row.
    func keepFields(
        _ hpack: borrowing HPACK, _ stream: HTTP2Stream, _ side: Int, _ context: borrowing AnalyzerContext
    ) {
        guard isShown(context) else { return }
        if stream.sides[side].sizeUpdates.count < HTTP2.shownFieldsMax {
            stream.sides[side].sizeUpdates += hpack.sizeUpdates
        }
        for field in hpack.fields where stream.sides[side].fields.count < HTTP2.shownFieldsMax {
            stream.sides[side].fields.append(
                HPACKField(
                    name: stream.record.text.add(field.name, of: hpack.text),
                    value: stream.record.text.add(field.value, of: hpack.text)))
        }
        if let weight = pendingPriority {
            stream.sides[side].priority = weight
            pendingPriority = nil
        }
    }

    /// Fields of one side that are told.
    static var shownFieldsMax: Int { 200 }

    /// Takes the fields of a request of HTTP/1.1 for those of a stream.
    func adoptFields(_ stream: HTTP2Stream, _ fields: [HTTP2NamedValue], _ context: inout AnalyzerContext) {
        guard isShown(context) else { return }
        for field in fields {
            let name = stream.record.text.add(field.name.octets)
            stream.sides[0].fields.append(
                HPACKField(name: name, value: stream.record.text.add(field.value.octets)))
        }
        guard context.wantsTransactions else { return }
        show(fields, tx: stream.transaction, from: .originator, &context)
        context.transactionDone(tx: stream.transaction, from: .originator)
    }

    /// Shows a side's headers to the signatures, as they were read.
    func showHeaders(
        _ stream: HTTP2Stream, _ hpack: borrowing HPACK, from direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        guard context.wantsTransactions else { return }
        checkHeaders(stream, hpack, from: direction, &context)
        let number = stream.transaction
        for size in hpack.sizeUpdates {
            context.exposeNumber(.http2SizeUpdate, size, tx: number, from: direction)
        }
        context.exposeNumber(.http2FrameType, UInt64(HTTP2Frame.Kind.headers), tx: number, from: direction)
        if let weight = stream.sides[Int(direction.rawValue)].priority {
            context.exposeNumber(.http2Priority, weight, tx: number, from: direction)
        }
        let fields = hpack.fields.map {
            HTTP2NamedValue(name: Array(hpack.text[$0.name]), value: Array(hpack.text[$0.value]))
        }
        show(fields, tx: number, from: direction, &context)
    }

    private func show(
        _ fields: [HTTP2NamedValue], tx number: UInt64, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        var lines: [UInt8] = []
        var names: [UInt8] = [0x0D, 0x0A]
        for field in fields {
            let (name, value) = (field.name, field.value)
            context.expose(.http2HeaderName, name.octets, tx: number, from: direction)
            let line = name + [0x3A, 0x20] + value
            let whole: SignatureBuffer = direction == .originator ? .httpRequestHeader : .httpResponseHeader
            context.expose(whole, line.octets, tx: number, from: direction)
            lines += line + [0x0D, 0x0A]
            names += name + [0x0D, 0x0A]
            // Names of HTTP/2 are in lower case (RFC 9113 section 8.2.1); others are those of HTTP/1.1.
            if !name.contains(where: { (0x41...0x5A).contains($0) }) {
                for buffer in HTTP2Names.buffers(name.octets, isRequest: direction == .originator) {
                    context.expose(buffer, value.octets, tx: number, from: direction)
                }
            }
            if name.octets.isText(":authority") || name.octets.isText("host") {
                // The host alone: in lower case, without its port.
                var host = value.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
                let isDigit = { (octet: UInt8) in (0x30...0x39).contains(octet) }
                if let colon = host.lastIndex(of: 0x3A), host[(colon &+ 1)...].allSatisfy(isDigit) {
                    host.removeSubrange(colon...)
                }
                context.expose(.httpHost, host.octets, tx: number, from: direction)
            }
        }
        names += [0x0D, 0x0A]
        context.expose(.httpHeader, lines.octets, tx: number, from: direction)
        context.expose(.httpHeaderRaw, lines.octets, tx: number, from: direction)
        context.expose(.httpHeaderNames, names.octets, tx: number, from: direction)
        showFirstLine(fields, tx: number, from: direction, &context)
    }

    /// The first line as HTTP/1.1 would have it, with its end; a frame of the whole connection has one of blanks.
    private func showFirstLine(
        _ fields: [HTTP2NamedValue], tx number: UInt64, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        func value(_ name: StaticString) -> [UInt8] { fields.first { $0.name.octets.isText(name) }?.value ?? [] }
        let version = Array("HTTP/2".utf8)
        context.expose(.httpProtocol, version.octets, tx: number, from: direction)
        guard direction == .responder else {
            guard context.wants(.httpRequestLine) else { return }
            let line = value(":method") + [0x20] + value(":path") + [0x20] + version + [0x0D, 0x0A]
            return context.expose(.httpRequestLine, line.octets, tx: number, from: direction)
        }
        if context.wants(.httpResponseLine) {
            let line = version + [0x20] + value(":status") + [0x0D, 0x0A]
            context.expose(.httpResponseLine, line.octets, tx: number, from: direction)
        }
        let message: [UInt8] = []
        context.expose(.httpStatusMessage, message.octets, tx: number, from: direction)
    }

    // MARK: events

    /// Opens an event of one frame, down to the object of its side.
    private func beginEvent(_ id: UInt32, _ direction: Direction, _ context: inout AnalyzerContext) {
        context.beginEvent("http", from: .originator, application: "http2")
        context.event.open("http")
        context.event.text("version", "2")
        context.event.open("http2")
        context.event.count("stream_id", UInt64(id))
        context.event.open(direction == .originator ? "request" : "response")
    }

    private func endEvent(_ context: inout AnalyzerContext) {
        for _ in 0..<3 { context.event.close() }
        context.endEvent()
    }

    /// The event of a whole stream.
    func writeEvent(_ stream: HTTP2Stream, _ context: inout AnalyzerContext) {
        guard context.wantsEvents, !stream.sides[0].fields.isEmpty || !stream.sides[1].fields.isEmpty else { return }
        context.beginEvent("http", from: .originator, application: "http2")
        writeMembers(stream, to: &context.event)
        context.endEvent()
    }

    func writeMembers(_ stream: HTTP2Stream, to event: inout EVEBuilder) {
        let text = stream.record.text
        event.open("http")
        event.text("version", "2")
        for side in 0..<2 { writeFields(stream.sides[side], text, side == 0, to: &event) }
        event.text("http_method", stream.record.method, in: text)
        event.text("url", field(":path", stream.sides[0].fields, text), in: text)
        event.text("hostname", stream.record.host, in: text)
        event.text("http_user_agent", stream.record.userAgent, in: text)
        event.count("status", stream.record.statusCode)
        event.count("length", stream.sides[1].contentLength ?? stream.sides[0].contentLength)
        event.open("http2")
        event.count("stream_id", UInt64(stream.id))
        for side in 0..<2 {
            let state = stream.sides[side]
            guard state.priority != nil || state.errorCode != nil else { continue }
            event.open(side == 0 ? "request" : "response")
            if let code = state.errorCode { event.text("error_code", HTTP2Names.error(code)) }
            event.count("priority", state.priority)
            event.close()
        }
        event.close()
        event.close()
    }

    private func field(_ name: StaticString, _ fields: [HPACKField], _ text: TextBuffer) -> Text {
        let octets = text.bytes.octets
        for field in fields {
            let place = Int(field.name.offset)
            if octets.extracting(place ..< place &+ Int(field.name.count)).isText(name) { return field.value }
        }
        return .absent
    }

    private func writeFields(
        _ side: HTTP2Stream.Side, _ text: TextBuffer, _ isRequest: Bool, to event: inout EVEBuilder
    ) {
        guard !side.fields.isEmpty || !side.sizeUpdates.isEmpty else { return }
        event.openList(isRequest ? "request_headers" : "response_headers")
        for size in side.sizeUpdates {
            event.openItem()
            event.count("table_size_update", size)
            event.closeItem()
        }
        for field in side.fields {
            event.openItem()
            event.text("name", field.name, in: text)
            event.text("value", field.value, in: text)
            event.closeItem()
        }
        event.closeList()
    }
}

/// Names of numbers in EVE, and the buffers of HTTP that fields are.
enum HTTP2Names {
    static func setting(_ id: UInt16) -> StaticString {
        switch id {
        case 1: "SETTINGSHEADERTABLESIZE"
        case 2: "SETTINGSENABLEPUSH"
        case 3: "SETTINGSMAXCONCURRENTSTREAMS"
        case 4: "SETTINGSINITIALWINDOWSIZE"
        case 5: "SETTINGSMAXFRAMESIZE"
        case 6: "SETTINGSMAXHEADERLISTSIZE"
        case 8: "SETTINGSENABLECONNECTPROTOCOL"
        case 9: "SETTINGSNORFC7540PRIORITIES"
        default: "SETTINGSUNKNOWN"
        }
    }

    static func error(_ code: UInt32) -> StaticString {
        switch code {
        case 0: "NOERROR"
        case 1: "PROTOCOLERROR"
        case 2: "INTERNALERROR"
        case 3: "FLOWCONTROLERROR"
        case 4: "SETTINGSTIMEOUT"
        case 5: "STREAMCLOSED"
        case 6: "FRAMESIZEERROR"
        case 7: "REFUSEDSTREAM"
        case 8: "CANCEL"
        case 9: "COMPRESSIONERROR"
        case 10: "CONNECTERROR"
        case 11: "ENHANCEYOURCALM"
        case 12: "INADEQUATESECURITY"
        case 13: "HTTP11REQUIRED"
        default: "UNKNOWN"
        }
    }

    private static let both: [(StaticString, [SignatureBuffer])] = [
        ("content-type", [.httpContentType]), ("content-length", [.httpContentLength]),
        ("connection", [.httpConnection]),
    ]

    private static let requests: [(StaticString, [SignatureBuffer])] = [
        (":method", [.httpMethod]), (":path", [.httpURI, .httpURIRaw]), (":authority", [.httpHostRaw]),
        ("host", [.httpHostRaw]), ("user-agent", [.httpUserAgent]), ("referer", [.httpReferer]),
        ("cookie", [.httpCookie]), ("accept", [.httpAccept]), ("accept-encoding", [.httpAcceptEncoding]),
        ("accept-language", [.httpAcceptLanguage]),
    ]

    private static let responses: [(StaticString, [SignatureBuffer])] = [
        (":status", [.httpStatusCode]), ("set-cookie", [.httpCookie]), ("location", [.httpLocation]),
        ("server", [.httpServer]),
    ]

    /// The buffers that a field's value is.
    static func buffers(_ name: RawSpan, isRequest: Bool) -> [SignatureBuffer] {
        for (known, buffers) in isRequest ? requests : responses where name.isText(known) { return buffers }
        for (known, buffers) in both where name.isText(known) { return buffers }
        return []
    }
}
