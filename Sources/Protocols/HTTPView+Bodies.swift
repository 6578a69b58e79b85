// SPDX-License-Identifier: Apache-2.0
//
// Headers shown in every form, and bodies: chunks joined, codings undone.
//
// Reads   the headers of a message, octets of its body.
// Writes  exposures; the end of the transaction's side.
// Leaves  parts of multipart bodies (they are files of HTTP.swift).

import Files
import Records
import Wire

extension HTTPView {
    // MARK: headers as buffers

    func exposeHeaders(_ block: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        let tx = side.transaction
        let from = side.direction
        context.expose(.httpHeaderRaw, block, tx: tx, from: from)
        for buffer in [SignatureBuffer.httpHeader, .httpHeaderNames, .httpStart] where context.wants(buffer) {
            if side.isPlain, buffer != .httpHeaderNames, block.byteCount > 2 {
                show(block, as: buffer, side, &context)
            } else {
                build(buffer, side, &context)
            }
        }
        let all = side.text.bytes
        let octets = all.octets
        exposeHost(octets, side, &context)
        for header in side.headers {
            let name = octets.extracting(HTTPView.range(header.name))
            let value = octets.extracting(HTTPView.range(header.value))
            exposeEach(name, value, side, &context)
            if let buffer = HTTPView.buffer(of: name, isRequest: side.isRequest) {
                context.expose(buffer, value, tx: tx, from: from)
            }
        }
    }

    private func exposeEach(
        _ name: RawSpan, _ value: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext
    ) {
        let buffer: SignatureBuffer = side.isRequest ? .httpRequestHeader : .httpResponseHeader
        guard context.wants(buffer) else { return }
        side.scratch.removeAll(keepingCapacity: true)
        HTTPView.append(name, value, to: &side.scratch)
        let line = side.scratch
        context.expose(buffer, line.octets, tx: side.transaction, from: side.direction)
    }

    private static func append(_ name: RawSpan, _ value: RawSpan, to target: inout [UInt8]) {
        name.append(to: &target)
        target.append(0x3A)
        target.append(0x20)
        value.append(to: &target)
    }

    private static func endLine(_ target: inout [UInt8]) {
        target.append(0x0D)
        target.append(0x0A)
    }

    /// Shows a plain block as one of the buffers that hold all headers: it has their form already.
    private func show(
        _ block: RawSpan, as buffer: SignatureBuffer, _ side: HTTPViewSide, _ context: inout AnalyzerContext
    ) {
        guard buffer == .httpStart else {
            let lines = block.extracting(0 ..< block.byteCount &- 2)
            return context.expose(buffer, lines, tx: side.transaction, from: side.direction)
        }
        var whole: [UInt8] = []
        swap(&whole, &side.scratch)
        whole.removeAll(keepingCapacity: true)
        whole.append(contentsOf: side.line)
        HTTPView.endLine(&whole)
        block.append(to: &whole)
        context.expose(buffer, whole.octets, tx: side.transaction, from: side.direction)
        swap(&whole, &side.scratch)
    }

    /// Builds one of the buffers that hold all headers.
    private func build(_ buffer: SignatureBuffer, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        var whole: [UInt8] = []
        swap(&whole, &side.scratch)
        whole.removeAll(keepingCapacity: true)
        let text = side.text.bytes
        let octets = text.octets
        if buffer == .httpStart { whole.append(contentsOf: side.line) }
        if buffer != .httpHeader { HTTPView.endLine(&whole) }
        for header in side.headers {
            let name = octets.extracting(HTTPView.range(header.name))
            if buffer == .httpHeaderNames {
                name.append(to: &whole)
            } else {
                if buffer == .httpHeader, name.isText(side.isRequest ? "cookie" : "set-cookie") { continue }
                HTTPView.append(name, octets.extracting(HTTPView.range(header.value)), to: &whole)
            }
            HTTPView.endLine(&whole)
        }
        if buffer != .httpHeader { HTTPView.endLine(&whole) }
        if !(whole.isEmpty || side.headers.isEmpty && buffer != .httpStart) {
            context.expose(buffer, whole.octets, tx: side.transaction, from: side.direction)
        }
        swap(&whole, &side.scratch)
    }

    /// `http.host` is lower case and has no port; `http.host.raw` is what was sent.
    private func exposeHost(_ octets: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard side.isRequest else { return }
        let stated = value("host", side)?.value
        if stated == nil, side.version.keepsAlive, pending.last?.isConnect != true {
            context.transactionEvent("http.missing_host_header", tx: side.transaction, from: .originator)
        }
        let isTarget = !side.targetHost.isAbsent
        checkRequest(
            octets, target: isTarget ? octets.extracting(HTTPView.range(side.targetHost)) : nil, side, &context)
        // The target's host goes before the header's.
        guard let found = isTarget ? side.targetHost : stated else { return }
        let value = octets.extracting(HTTPView.range(found))
        context.expose(.httpHostRaw, value, tx: side.transaction, from: .originator)
        guard context.wants(.httpHost) else { return }
        var end = value.byteCount
        // An address of IPv6 stands in brackets, and its colons are no port's.
        let bracket = value.byteCount > 0 && value.octet(0) == 0x5B ? value.firstIndex(of: 0x5D) ?? 0 : 0
        if let colon = value.firstIndex(of: 0x3A, from: bracket) { end = colon }
        while end > 0, value.octet(end &- 1) == 0x2E { end &-= 1 }
        side.scratch.removeAll(keepingCapacity: true)
        for place in 0..<end { side.scratch.append(HTTPView.lower(value.octet(place))) }
        let host = side.scratch
        context.expose(.httpHost, host.octets, tx: side.transaction, from: .originator)
    }

    /// The buffer that a header has for itself.
    private static func buffer(of name: RawSpan, isRequest: Bool) -> SignatureBuffer? {
        if isRequest {
            if name.isText("user-agent") { return .httpUserAgent }
            if name.isText("referer") { return .httpReferer }
            if name.isText("cookie") { return .httpCookie }
            if name.isText("accept") { return .httpAccept }
            if name.isText("accept-language") { return .httpAcceptLanguage }
            if name.isText("accept-encoding") { return .httpAcceptEncoding }
        } else {
            if name.isText("set-cookie") { return .httpCookie }
            if name.isText("location") { return .httpLocation }
            if name.isText("server") { return .httpServer }
        }
        if name.isText("connection") { return .httpConnection }
        if name.isText("content-type") { return .httpContentType }
        return name.isText("content-length") ? .httpContentLength : nil
    }

    /// The value of a header; nil where the message has none of this name.
    func value(_ name: StaticString, _ side: HTTPViewSide) -> HTTPViewHeader? {
        let text = side.text.bytes
        let octets = text.octets
        for header in side.headers {
            if octets.extracting(HTTPView.range(header.name)).isText(name) { return header }
        }
        return nil
    }

    private func contains(_ word: StaticString, _ header: HTTPViewHeader?, _ side: HTTPViewSide) -> Bool {
        guard let header else { return false }
        let text = side.text.bytes
        return text.octets.extracting(HTTPView.range(header.value)).contains(word)
    }

    /// The length that a header states.
    private func length(_ header: HTTPViewHeader, _ side: HTTPViewSide) -> UInt64? {
        let text = side.text.bytes
        return HTTPView.length(text.octets.extracting(HTTPView.range(header.value)))
    }

    // MARK: framing

    func requestHeadersOver(_ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        beginDecoding(side, &context)
        if pending.last?.isConnect == true {
            // What follows is HTTP only if the proxy refuses.
            endMessage(side, &context)
            return
        }
        if let coding = value("transfer-encoding", side) {
            guard contains("chunked", coding, side) else {
                context.transactionEvent(
                    "http.invalid_transfer_encoding_value_in_request", tx: side.transaction, from: .originator)
                return requestOver(side)
            }
            side.state = .chunkSize
            nameRequest(side, &context)
        } else if let length = value("content-length", side) {
            checkLength(length, side, &context)
            guard let count = self.length(length, side) else {
                context.transactionEvent(
                    "http.invalid_content_length_field_in_request", tx: side.transaction, from: .originator)
                return close(side, &context)
            }
            side.left = count
            side.state = .body
            guard count > 0 else { return requestOver(side) }
            nameRequest(side, &context)
        } else {
            requestOver(side)
        }
    }

    /// The body of a request is a file of the target's path, but for one in parts, which name themselves.
    private func nameRequest(_ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard let request = pending.last, request.hasFile else { return }
        if let type = value("content-type", side), contains("multipart", type, side) { return }
        if request.hasLongPath { tellLongPath(side, .originator, &context) }
        guard !request.fileName.isEmpty, value("content-disposition", side) == nil else { return }
        context.expose(.fileName, request.fileName.octets, tx: side.transaction, from: .originator)
    }

    /// A body is a file of the target's path, unless a header names it otherwise.
    private func tellLongPath(_ side: HTTPViewSide, _ direction: Direction, _ context: inout AnalyzerContext) {
        guard value("content-disposition", side) == nil else { return }
        context.transactionEvent("http.file_name_too_long", tx: side.transaction, from: direction)
    }

    /// A request is over, unless what the delivery has behind it begins no other one.
    private func requestOver(_ side: HTTPViewSide) {
        side.state = .settling
        side.hasSurplus = false
    }

    /// A line behind a request, in the same delivery: a request, or more of a body that nobody announced.
    func settle(_ line: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        let word = HTTPView.firstWord(line)
        if !word.isEmpty {
            if HTTPMethods.isKnown(line.extracting(word)) {
                endMessage(side, &context)
                return firstLine(line, side, &context)
            }
            if !side.hasSurplus {
                context.transactionEvent("http.request_body_unexpected", tx: side.transaction, from: .originator)
            }
            side.hasSurplus = true
        }
        body(line, side, &context)
    }

    private static func firstWord(_ line: RawSpan) -> Range<Int> {
        let text = HTTPView.trimmed(line, 0..<line.byteCount)
        return text.lowerBound..<(text.first { HTTPOctets.isSpace(line.octet($0)) } ?? text.upperBound)
    }

    func responseHeadersOver(_ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        let status = side.left
        side.left = 0
        let coding = value("transfer-encoding", side)
        let length = value("content-length", side)
        let stated = length.flatMap { self.length($0, side) }
        let request = pending.first.flatMap { $0.transaction == side.transaction ? $0 : nil }
        if status == 100, coding == nil, stated ?? 0 == 0 {
            if side.hasContinued {
                context.transactionEvent("http.100_continue_already_seen", tx: side.transaction, from: .responder)
            }
            side.hasContinued = true
            side.state = .line
            return
        }
        if status == 101, coding == nil, length == nil {
            turnsIntoHTTP2 = contains("h2c", value("upgrade", side), side)
            endMessage(side, &context)
            (side.state, originator.state) = (.ignored, .ignored)
            return
        }
        if status == 101, coding == nil {
            context.transactionEvent(
                "http.switching_proto_with_content_length", tx: side.transaction, from: .responder)
        }
        if request?.isConnect == true, 200..<300 ~= status {
            context.serviceChanges.append(.left(.http, for: nil))
            endMessage(side, &context)
            (side.state, originator.state) = (.ignored, .ignored)
            return
        }
        if request?.isHead == true { return endMessage(side, &context) }
        if 100..<200 ~= status || status == 204 || status == 304 {
            if coding == nil, length == nil { return endMessage(side, &context) }
            context.transactionEvent("http.response_body_unexpected", tx: side.transaction, from: .responder)
        }
        beginDecoding(side, &context)
        if let range = value("content-range", side) { checkRange(range, side, &context) }
        if let length, coding == nil { checkLength(length, side, &context) }
        // Content-Disposition names it otherwise: that name comes from the file itself.
        if let name = request?.fileName, !name.isEmpty, value("content-disposition", side) == nil {
            context.expose(.fileName, name.octets, tx: side.transaction, from: .responder)
        }
        if request?.hasLongPath == true, coding != nil || stated != 0 { tellLongPath(side, .responder, &context) }
        frameResponse(coding, hasLength: length != nil, stated, side, &context)
    }

    private func frameResponse(
        _ coding: HTTPViewHeader?, hasLength: Bool, _ stated: UInt64?, _ side: HTTPViewSide,
        _ context: inout AnalyzerContext
    ) {
        if let coding, contains("chunked", coding, side) {
            if coding.value.count != 7 {
                context.transactionEvent(
                    "http.response_abnormal_transfer_encoding", tx: side.transaction, from: .responder)
            }
            if !side.version.keepsAlive {
                context.transactionEvent("http.response_chunked_old_proto", tx: side.transaction, from: .responder)
            }
            side.state = .chunkSize
        } else if hasLength {
            guard let stated else {
                context.transactionEvent(
                    "http.invalid_content_length_field_in_response", tx: side.transaction, from: .responder)
                return close(side, &context)
            }
            side.left = stated
            side.state = .body
            if stated == 0 { endBody(side, &context) }
        } else {
            if contains("multipart/byteranges", value("content-type", side), side) {
                context.transactionEvent("http.response_multipart_byteranges", tx: side.transaction, from: .responder)
            }
            side.state = .bodyToEnd
        }
    }

    /// A chunk's size (RFC 9112 section 7.1). Empty lines are passed over; what is no number
    /// turns the rest into a body without chunks.
    func chunkSize(_ line: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        noteBody(line.byteCount, side, &context)
        var at = 0
        while at < line.byteCount, HTTPOctets.isSpace(line.octet(at)) { at &+= 1 }
        guard at < line.byteCount else { return }
        let start = at
        while at < line.byteCount, HTTPOctets.hexadecimal(line.octet(at)) != nil { at &+= 1 }
        let tx = side.transaction
        guard let size = HTTPView.number(line.extracting(start..<at), radix: 16), size <= UInt64(Int32.max) else {
            let event: StaticString =
                side.isRequest ? "http.invalid_request_chunk_len" : "http.invalid_response_chunk_len"
            context.transactionEvent(event, tx: tx, from: side.direction)
            guard !side.isRequest else { return close(side, &context) }
            side.state = .bodyToEnd
            return unpack(line, layer: 0, side, &context)
        }
        if line.firstIndex(of: 0x3B, from: at) != nil {
            let event: StaticString =
                side.isRequest ? "http.request_chunk_extension" : "http.response_chunk_extension"
            context.transactionEvent(event, tx: tx, from: side.direction)
        }
        side.left = size
        side.state = size == 0 ? .trailer : .chunk
    }

    // MARK: content codings

    /// Makes an unpacker for each coding that the header names.
    private func beginDecoding(_ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        giveBackInflaters(side, &context)
        guard let header = value("content-encoding", side) else { return }
        let text = side.text.bytes
        let all = text.octets.extracting(HTTPView.range(header.value))
        var at = 0
        while at < all.byteCount {
            let comma = all.firstIndex(of: 0x2C, from: at) ?? all.byteCount
            let word = all.extracting(HTTPView.trimmed(all, at..<comma))
            at = comma &+ 1
            if !HTTPView.isKnownCoding(word) {
                context.transactionEvent("http.abnormal_ce_header", tx: side.transaction, from: side.direction)
            }
            guard HTTPView.isCompression(word) else { continue }
            guard side.inflaters.count < context.settings.httpDecompressLayersMax else {
                context.transactionEvent("http.too_many_encoding_layers", tx: side.transaction, from: side.direction)
                return
            }
            side.inflaters.append(context.takeInflater())
        }
    }

    private static func isCompression(_ word: RawSpan) -> Bool { word.contains("gzip") || word.contains("deflate") }

    func endDecoding(_ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard !side.inflaters.isEmpty else { return }
        giveBackInflaters(side, &context)
        // What follows a gap cannot be unpacked.
        side.shown = HTTPView.bodyBytesMax
        side.isCut = true
    }

    private func giveBackInflaters(_ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        while let inflater = side.inflaters.popLast() { context.giveBack(inflater) }
    }

    // MARK: octets

    func body(_ bytes: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        noteBody(bytes.byteCount, side, &context)
        guard side.shown < HTTPView.bodyBytesMax || context.wantsEvents && !side.isCut else { return }
        unpack(bytes, layer: 0, side, &context)
    }

    private func unpack(_ bytes: RawSpan, layer: Int, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard layer < side.inflaters.count else { return show(bytes, side, &context) }
        let inflater = side.inflaters[layer]
        if inflater.hasFailed, !inflater.hasUnpacked { return unpack(bytes, layer: layer &+ 1, side, &context) }
        guard !inflater.isOver else { return }
        var offset = 0
        var isMore = true
        while isMore, side.shown < HTTPView.bodyBytesMax || context.wantsEvents {
            isMore = inflater.step(bytes, &offset)
            guard inflater.count > 0 else { continue }
            let plain = inflater.output
            unpack(plain.octets.extracting(0..<inflater.count), layer: layer &+ 1, side, &context)
        }
        guard inflater.hasFailed else { return }
        context.transactionEvent("http.gzip_decompression_failed", tx: side.transaction, from: side.direction)
        // Never was compressed: the octets are the body.
        if !inflater.hasUnpacked { unpack(bytes, layer: layer &+ 1, side, &context) }
    }

    private func show(_ bytes: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        noteFile(bytes, side, &context)
        if side.shown == 0, side.isRequest, context.wants(.fileData) {
            side.isForm = contains("multipart/form-data", value("content-type", side), side)
        }
        let count = min(bytes.byteCount, HTTPView.bodyBytesMax &- side.shown)
        guard count > 0 else { return }
        side.shown &+= count
        let isLast = side.shown >= HTTPView.bodyBytesMax
        let part = bytes.extracting(0..<count)
        expose(part, isLast: isLast, side, &context)
    }

    private func expose(
        _ part: RawSpan, isLast: Bool, _ side: HTTPViewSide, _ context: inout AnalyzerContext
    ) {
        let tx = side.transaction
        // The parts of a form are files, each for itself; any other body is one.
        if side.isForm { return context.exposePart(.httpRequestBody, part, tx: tx, from: .originator, isLast: isLast) }
        let buffer: SignatureBuffer = side.isRequest ? .httpRequestBody : .httpResponseBody
        context.exposeBody(buffer, part, tx: tx, from: side.direction, isLast: isLast)
    }

    func endBody(_ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        if side.isRequest { requestOver(side) } else { endMessage(side, &context) }
    }

    /// A message is complete.
    func endMessage(_ side: HTTPViewSide, isWhole: Bool = true, _ context: inout AnalyzerContext) {
        if side.shown > 0, side.shown < HTTPView.bodyBytesMax {
            let nothing: [UInt8] = []
            expose(nothing.octets, isLast: true, side, &context)
        }
        giveBackInflaters(side, &context)
        noteEnd(side, isWhole: isWhole && !side.isCut, &context)
        side.shown = 0
        side.isCut = false
        side.isOpen = false
        side.hasContinued = false
        side.state = .line
        side.left = 0
        context.transactionDone(tx: side.transaction, from: side.direction)
        if !side.isRequest, let first = pending.first, first.transaction == side.transaction { pending.removeFirst() }
    }
}
