// SPDX-License-Identifier: Apache-2.0
//
// Request and status lines and header blocks, as signatures are shown them.
//
// Reads   whole lines and whole header blocks of one direction.
// Writes  exposures of the transaction; how its body is framed and coded.
// Leaves  bodies (HTTPView+Bodies.swift).

import Records
import Wire

extension HTTPView {
    // MARK: first lines

    func firstLine(_ line: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        let text = line.extracting(0..<HTTPView.contentEnd(line))
        if !side.isRequest, answersWithoutHeader {
            answersWithoutHeader = false
            openResponse(side, &context)
            side.state = .bodyToEnd
            return body(line, side, &context)
        }
        guard HTTPView.trimmed(text, 0..<text.byteCount).count > 0 else { return }
        side.headers.removeAll(keepingCapacity: true)
        side.text.clear()
        side.line.removeAll(keepingCapacity: true)
        text.append(to: &side.line)
        side.shown = 0
        if side.isRequest {
            requestLine(text, side, &context)
        } else {
            statusLine(text, line, side, &context)
        }
    }

    private func requestLine(_ line: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        side.transaction = nextTransaction
        nextTransaction &+= 1
        side.isOpen = true
        side.state = .headers
        let tx = side.transaction
        context.showTransaction(.http, tx, from: .originator)
        var start = 0
        while start < line.byteCount, HTTPOctets.isSpace(line.octet(start)) { start &+= 1 }
        if start > 0 { context.transactionEvent("http.request_line_leading_whitespace", tx: tx, from: .originator) }
        var end = start
        while end < line.byteCount, !HTTPOctets.isSpace(line.octet(end)) { end &+= 1 }
        let method = line.extracting(start..<end)
        var target = HTTPView.trimmed(line, end..<line.byteCount)
        var version = target.upperBound..<target.upperBound
        // The version is what stands behind the last blank, so that a target may have blanks.
        var place = target.upperBound
        while place > target.lowerBound, !HTTPOctets.isSpace(line.octet(place &- 1)) { place &-= 1 }
        if place > target.lowerBound {
            version = place..<target.upperBound
            target = HTTPView.trimmed(line, target.lowerBound..<place)
        }
        side.version = HTTPView.version(line.extracting(version))
        if !HTTPMethods.isKnown(method) {
            checkMethod(hasTarget: !target.isEmpty, hasVersion: !version.isEmpty, side.version, tx, &context)
        }
        checkBlanks(line, behind: end, tx, &context)
        checkVersion(line.extracting(version), side, &context)
        if pending.count >= HTTPView.pendingMax {
            context.limits.met(.requests)
            pending.removeFirst()
        }
        var request = Pending(transaction: tx, isHead: method.isText("HEAD"), isConnect: method.isText("CONNECT"))
        if request.isConnect { checkConnect(line.extracting(target), tx, &context) }
        request.hasFile = method.isText("POST") || method.isText("PUT")
        request.hasLongPath = (HTTPTarget(line.extracting(target)).path?.count ?? 0) > HTTPView.fileNameBytesMax
        if context.wants(.fileName) { HTTPView.fileName(line.extracting(target), to: &request.fileName) }
        pending.append(request)
        context.expose(.httpRequestLine, line, tx: tx, from: .originator)
        context.expose(.httpMethod, method, tx: tx, from: .originator)
        context.expose(.httpURIRaw, line.extracting(target), tx: tx, from: .originator)
        context.expose(.httpProtocol, line.extracting(version), tx: tx, from: .originator)
        exposeTarget(line.extracting(target), side, &context)
        noteRequest(method, line.extracting(target), line.extracting(version), side, &context)
        if version.isEmpty {
            // HTTP/0.9: a line is all.
            answersWithoutHeader = true
            endMessage(side, &context)
        }
    }

    /// A body without a name of its own is a file of the target's path.
    private static func fileName(_ target: RawSpan, to name: inout [UInt8]) {
        guard let path = HTTPTarget(target).path else { return }
        let start = name.count
        HTTPTarget.decode(target.extracting(path), isPath: true, to: &name)
        HTTPTarget.removeDotSegments(&name, from: start)
    }

    private func exposeTarget(_ target: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        let parts = HTTPTarget(target)
        side.targetHost = parts.host.map { side.text.add(target.extracting($0)) } ?? .absent
        guard context.wants(.httpURI) else { return }
        var whole: [UInt8] = []
        swap(&whole, &side.scratch)
        whole.removeAll(keepingCapacity: true)
        parts.writeNormalised(target, to: &whole)
        context.expose(.httpURI, whole.octets, tx: side.transaction, from: .originator)
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &side.scratch)
    }

    private func statusLine(
        _ line: RawSpan, _ whole: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext
    ) {
        let isContinued = side.hasContinued
        if !isContinued { openResponse(side, &context) }
        let tx = side.transaction
        let trimmed = HTTPView.trimmed(line, 0..<line.byteCount)
        guard line.extracting(trimmed).matches("HTTP", at: 0, count: min(4, trimmed.count), anyCase: true),
            trimmed.count >= 4
        else {
            // No status line: a body without headers.
            context.transactionEvent("http.response_line_invalid_protocol", tx: tx, from: .responder)
            side.state = .bodyToEnd
            return body(whole, side, &context)
        }
        var at = trimmed.lowerBound
        while at < trimmed.upperBound, !HTTPOctets.isSpace(line.octet(at)) { at &+= 1 }
        let version = line.extracting(trimmed.lowerBound..<at)
        side.version = HTTPView.version(version)
        if !HTTPView.isSpoken(side.version) {
            context.transactionEvent("http.response_line_invalid_protocol", tx: tx, from: .responder)
        }
        checkVersion(version, side, &context)
        while at < trimmed.upperBound, HTTPOctets.isSpace(line.octet(at)) { at &+= 1 }
        let code = at
        while at < trimmed.upperBound, !HTTPOctets.isSpace(line.octet(at)) { at &+= 1 }
        let codeText = line.extracting(code..<at)
        side.left = HTTPView.number(codeText, radix: 10) ?? 0
        if !(100...999 ~= side.left) {
            context.transactionEvent("http.response_line_invalid_response_status", tx: tx, from: .responder)
        }
        while at < trimmed.upperBound, HTTPOctets.isSpace(line.octet(at)) { at &+= 1 }
        context.expose(.httpResponseLine, line, tx: tx, from: .responder)
        context.expose(.httpProtocol, version, tx: tx, from: .responder)
        context.expose(.httpStatusCode, codeText, tx: tx, from: .responder)
        noteStatus(codeText, side, &context)
        context.expose(.httpStatusMessage, line.extracting(at..<trimmed.upperBound), tx: tx, from: .responder)
        side.state = .headers
    }

    /// Joins a response to the oldest request that has none.
    private func openResponse(_ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        side.isOpen = true
        if let first = pending.first {
            side.transaction = first.transaction
        } else {
            side.transaction = nextTransaction
            nextTransaction &+= 1
            context.showTransaction(.http, side.transaction, from: .responder)
            let isCut = originator.state == .line && !originator.carry.isEmpty
            context.transactionEvent(
                isCut ? "http.request_line_incomplete" : "http.unable_to_match_response_to_request",
                tx: side.transaction, from: .responder)
        }
        context.enterTransaction(side.transaction, from: .responder)
    }

    // MARK: headers

    /// A whole header block with its empty line, or the headers behind the last chunk.
    func headerBlock(_ block: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard side.state == .headers else { return endBody(side, &context) }
        side.hasOddName = false
        side.isPlain = true
        if block.byteCount > 0, HTTPOctets.isBlank(block.octet(0)) {
            context.transactionEvent(
                side.isRequest ? "http.invalid_request_field_folding" : "http.invalid_response_field_folding",
                tx: side.transaction, from: side.direction)
        }
        var at = 0
        while at < block.byteCount {
            let octet = block.octet(at)
            if octet == 0x0A || octet == 0x0D, HTTPView.lineEnd(block, at, isRequest: side.isRequest) != nil { break }
            at = header(block, at, side, &context)
            if side.headers.count >= HTTPView.headersMax {
                let event: StaticString =
                    side.isRequest ? "http.request_too_many_headers" : "http.response_too_many_headers"
                context.transactionEvent(event, tx: side.transaction, from: side.direction)
                break
            }
        }
        let isEnd = at &+ 2 == block.byteCount && block.octet(at) == 0x0D && block.octet(at &+ 1) == 0x0A
        side.isPlain = side.isPlain && isEnd
        exposeHeaders(block, side, &context)
        noteHeaders(side, &context)
        if side.isRequest { requestHeadersOver(side, &context) } else { responseHeadersOver(side, &context) }
    }

    /// Reads one header, folded lines too; returns where the next begins.
    private func header(
        _ block: RawSpan, _ start: Int, _ side: HTTPViewSide, _ context: inout AnalyzerContext
    ) -> Int {
        var at = start
        var colon: Int?
        // A name may be folded before its colon: the end of a line and a blank belong to it.
        while at < block.byteCount {
            let octet = block.octet(at)
            if octet == 0x3A {
                colon = at
                break
            }
            if octet == 0x0A || octet == 0x0D, let length = HTTPView.lineEnd(block, at, isRequest: side.isRequest) {
                guard at &+ length < block.byteCount, block.octet(at &+ length) == 0x20 else { break }
                at &+= length
            }
            at &+= 1
        }
        var name = start..<start
        if let colon {
            name = HTTPView.trimmed(block, start..<colon)
            if name.isEmpty { note(\.emptyName, side, &context) }
            if name.upperBound < colon {
                note(\.blankBehindName, side, &context)
            }
        } else {
            note(\.noColon, side, &context)
        }
        let valueStart = side.text.begin()
        at = headerValue(block, colon.map { $0 &+ 1 } ?? start, side, &context)
        let hasEnd = at &- start >= 4 && block.octet(at &- 2) == 0x0D && block.octet(at &- 1) == 0x0A
        let hasBlank = colon.map { $0 &+ 1 < at && block.octet($0 &+ 1) == 0x20 } ?? false
        let nameCount = name.count
        checkName(block.extracting(name), side, &context)
        // Browsers pass over zero octets behind the name of a response's header.
        while !side.isRequest, !name.isEmpty, block.octet(name.upperBound &- 1) == 0 {
            name = name.lowerBound ..< name.upperBound &- 1
        }
        let value = HTTPView.trim(&side.text, from: valueStart)
        // A line of this length has nothing else in it.
        if !hasEnd || !hasBlank || nameCount &+ Int(value.count) &+ 4 != at &- start || name.count != nameCount
            || block.extracting(name).isText(side.isRequest ? "cookie" : "set-cookie")
        {
            side.isPlain = false
        }
        add(block.extracting(name), value, side, &context)
        return at
    }

    /// Appends a value to the text, folded lines joined by the blank that begins them.
    private func headerValue(
        _ block: RawSpan, _ start: Int, _ side: HTTPViewSide, _ context: inout AnalyzerContext
    ) -> Int {
        var at = start
        // What was not appended yet.
        var first = start
        while true {
            at = HTTPView.nextEnd(block, from: at)
            guard at < block.byteCount else { break }
            guard let length = HTTPView.lineEnd(block, at, isRequest: side.isRequest) else {
                at &+= 1
                continue
            }
            block.extracting(first..<at).append(to: &side.text.bytes)
            if length == 4, !side.isRequest {
                context.transactionEvent("http.deformed_eol", tx: side.transaction, from: .responder)
            }
            at &+= length
            guard at < block.byteCount, HTTPOctets.isBlank(block.octet(at)), !isNamed(block, at, side) else {
                return at
            }
            let blank = block.octet(at)
            while at < block.byteCount, HTTPOctets.isBlank(block.octet(at)) { at &+= 1 }
            if side.text.bytes.last.map({ !HTTPOctets.isBlank($0) }) ?? true { side.text.bytes.append(blank) }
            first = at
        }
        block.extracting(first..<at).append(to: &side.text.bytes)
        return at
    }

    /// In a response a line that begins with a blank and looks like `name:` is a header of its own.
    private func isNamed(_ block: RawSpan, _ start: Int, _ side: HTTPViewSide) -> Bool {
        guard !side.isRequest else { return false }
        var at = start
        while at < block.byteCount, HTTPOctets.isBlank(block.octet(at)) { at &+= 1 }
        let name = at
        while at < block.byteCount, HTTPOctets.isToken(block.octet(at)) { at &+= 1 }
        return at > name && at < block.byteCount && block.octet(at) == 0x3A
    }

    /// Puts a header into the list; a name that came before gets its value joined to the first.
    private func add(_ name: RawSpan, _ value: Text, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        let known = index(of: name, side)
        guard let known else {
            side.headers.append(HTTPViewHeader(name: side.text.add(name), value: value))
            return
        }
        side.isPlain = false
        if !side.headers[known].isRepeated {
            note(\.repetition, side, &context)
        }
        side.headers[known].isRepeated = true
        let first = side.headers[known].value
        if name.isText("content-length") {
            let text = side.text.bytes
            let old = HTTPView.length(text.octets.extracting(HTTPView.range(first)))
            let new = HTTPView.length(text.octets.extracting(HTTPView.range(value)))
            if old != new || old == nil {
                note(\.lengths, side, &context)
            }
            return
        }
        let start = side.text.begin()
        guard start &+ Int(first.count) &+ Int(value.count) <= 2 &* HTTPView.blockBytesMax else { return }
        for text in [first, value] {
            if side.text.bytes.count > start { side.text.append(", ") }
            for place in HTTPView.range(text) { side.text.bytes.append(side.text.bytes[place]) }
        }
        side.headers[known].value = side.text.end(start)
    }

    private func index(of name: RawSpan, _ side: HTTPViewSide) -> Int? {
        guard name.byteCount > 0 else { return nil }
        let text = side.text.bytes
        for (index, header) in side.headers.enumerated() where Int(header.name.count) == name.byteCount {
            var place = 0
            let start = Int(header.name.offset)
            while place < name.byteCount,
                HTTPView.lower(text[start &+ place]) == HTTPView.lower(name.octet(place))
            { place &+= 1 }
            if place == name.byteCount { return index }
        }
        return nil
    }

    private struct HeaderEvents {
        var emptyName: StaticString
        var blankBehindName: StaticString
        var noColon: StaticString
        var repetition: StaticString
        var lengths: StaticString
    }

    private static let requestEvents = HeaderEvents(
        emptyName: "http.request_invalid_empty_name", blankBehindName: "http.request_invalid_lws_after_name",
        noColon: "http.request_field_missing_colon", repetition: "http.request_header_repetition",
        lengths: "http.duplicate_content_length_field_in_request")
    private static let responseEvents = HeaderEvents(
        emptyName: "http.response_field_missing_colon", blankBehindName: "http.response_invalid_lws_after_name",
        noColon: "http.response_field_missing_colon", repetition: "http.response_header_repetition",
        lengths: "http.duplicate_content_length_field_in_response")

    private func note(
        _ event: KeyPath<HeaderEvents, StaticString>, _ side: HTTPViewSide, _ context: inout AnalyzerContext
    ) {
        let events = side.isRequest ? HTTPView.requestEvents : HTTPView.responseEvents
        context.transactionEvent(events[keyPath: event], tx: side.transaction, from: side.direction)
    }
}

// MARK: texts

extension HTTPView {
    static func range(_ text: Text) -> Range<Int> { Int(text.offset) ..< Int(text.offset) &+ Int(text.count) }
    static func lower(_ octet: UInt8) -> UInt8 { (0x41...0x5A).contains(octet) ? octet | 0x20 : octet }

    /// A line's length without its end.
    static func contentEnd(_ line: RawSpan) -> Int {
        var end = line.byteCount
        if end > 0, line.octet(end &- 1) == 0x0A { end &-= 1 }
        while end > 0, line.octet(end &- 1) == 0x0D { end &-= 1 }
        return end
    }

    /// A range without the blanks at its ends.
    static func trimmed(_ bytes: RawSpan, _ range: Range<Int>) -> Range<Int> {
        var low = range.lowerBound
        var high = range.upperBound
        while low < high, HTTPOctets.isSpace(bytes.octet(low)) { low &+= 1 }
        while high > low, HTTPOctets.isSpace(bytes.octet(high &- 1)) { high &-= 1 }
        return low..<high
    }

    /// The text from `start` on without the blanks at its ends.
    static func trim(_ text: inout TextBuffer, from start: Int) -> Text {
        let range = HTTPView.trimmed(text.bytes.octets, start..<text.bytes.count)
        return Text(
            offset: UInt32(truncatingIfNeeded: range.lowerBound), count: UInt32(truncatingIfNeeded: range.count))
    }

    /// `HTTP/1.1`, with blanks or none around the slash's right; (0, 0) where it is none.
    static func version(_ text: RawSpan) -> HTTPVersion {
        guard text.byteCount >= 8, text.matches("HTTP/", at: 0, count: 5, anyCase: true) else { return .none }
        let end = text.byteCount
        guard HTTPOctets.isDigit(text.octet(end &- 3)), text.octet(end &- 2) == 0x2E,
            HTTPOctets.isDigit(text.octet(end &- 1))
        else { return .none }
        return HTTPVersion(major: text.octet(end &- 3) &- 0x30, minor: text.octet(end &- 1) &- 0x30)
    }

    /// All digits, or nil.
    static func number(_ text: RawSpan, radix: UInt64) -> UInt64? {
        guard text.byteCount > 0, text.byteCount <= 18 else { return nil }
        var value: UInt64 = 0
        for place in 0..<text.byteCount {
            guard let digit = HTTPOctets.hexadecimal(text.octet(place)), UInt64(digit) < radix else { return nil }
            let (product, overflows) = value.multipliedReportingOverflow(by: radix)
            guard !overflows else { return nil }
            value = product &+ UInt64(digit)
        }
        return value
    }

    /// The length that a Content-Length states: the first digits in it.
    static func length(_ value: RawSpan) -> UInt64? {
        var start = 0
        while start < value.byteCount, !HTTPOctets.isDigit(value.octet(start)) { start &+= 1 }
        var end = start
        while end < value.byteCount, HTTPOctets.isDigit(value.octet(end)) { end &+= 1 }
        return number(value.extracting(start..<end), radix: 10)
    }
}
