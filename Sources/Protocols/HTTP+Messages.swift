// SPDX-License-Identifier: Apache-2.0
//
// Request and status lines, the beginning and end of messages, and the rows.
//
// Reads   the first line of a message (RFC 9112 sections 3 and 4).
// Writes  rows, when the body of a response ends or the connection does.
// Leaves  headers and bodies (HTTP+Headers.swift, HTTP+Body.swift).

import Records
import Wire

/// A row at work, and what of its request matters for the response.
final class HTTPTransaction {
    var key = 0
    var record = HTTPRecord()
    /// The request asked for a range: files of the response are known by their URL.
    var asksForRange = false
    /// The row was written; the object may soon be another.
    var isWritten = false
}

extension HTTP {
    // MARK: request line

    func requestLine(_ line: RawSpan, _ context: inout AnalyzerContext) {
        if requestCount == 0, line.byteCount == 14, line.begins(with: "PRI * HTTP/2.0") { return yield() }
        guard let parts = requestParts(line, &context) else {
            // After a request that was the last one, anything may follow.
            guard requestCount == 0 || keepsAlive else { return }
            if line.byteCount == 0 { return context.weird(.empty_http_request, source: "HTTP") }
            originator.state = .nothing
            return violation(&context)
        }
        let method = line.extracting(0..<parts.method)
        if !isConfirmed, originator.version == HTTPVersion(major: 0, minor: 9), !HTTPMethods.isKnown(method) {
            // Other protocols of lines begin so: the port alone does not make HTTP of them.
            context.weird(.unknown_HTTP_method, addl: method, source: "")
            originator.state = .nothing
            return violation(&context)
        }
        requestCount &+= 1
        if !keepsAlive, requestCount > 1 { context.weird(.unexpected_multiple_HTTP_requests, source: "HTTP") }
        originator.state = .message
        originator.isOngoing = true
        if unanswered.count >= HTTP.unansweredMax {
            context.limits.met(.requests)
            unanswered.removeFirst()
        }
        unanswered.append(method.isText("HEAD"))
        confirm(&context)
        if method.isText("CONNECT") { isConnect = true }
        channel?.finish(&context)
        channel = DCERPCChannel(method, &context)
        recordRequest(line, parts, &context)
        begin(originator, expecting: .perhaps, &context)
        if originator.version == HTTPVersion(major: 0, minor: 9) { beginRawResponse(method, &context) }
    }

    /// Where the method ends and the target stands.
    struct RequestParts {
        var method: Int
        var target: Range<Int>
    }

    private func requestParts(_ line: RawSpan, _ context: inout AnalyzerContext) -> RequestParts? {
        let count = line.byteCount
        var method = 0
        while method < count, HTTPOctets.isToken(line.octet(method)) { method &+= 1 }
        let start = skipBlanks(line, method)
        guard method > 0, start > method else {
            let endsInVersion =
                method == 0 && count >= 9 && line.matches(" HTTP/", at: count &- 9, count: 6, anyCase: true)
            context.weird(endsInVersion ? .bad_HTTP_request_with_version : .bad_HTTP_request, source: "HTTP")
            return nil
        }
        let target = requestTarget(line, start, &context)
        // HTTP/0.9 has a method of three letters and a target, or it is something else.
        if originator.version == HTTPVersion(major: 0, minor: 9), method < 3 || target.isEmpty {
            context.weird(.bad_HTTP_request, source: "HTTP")
            return nil
        }
        return RequestParts(method: method, target: target)
    }

    /// Finds the target, which may contain blanks, and sets the version behind it.
    private func requestTarget(_ line: RawSpan, _ start: Int, _ context: inout AnalyzerContext) -> Range<Int> {
        let count = line.byteCount
        var end = start
        while end < count, HTTPOctets.isTarget(line.octet(end)) { end &+= 1 }
        if end >= count, isVersionWord(line, start, &context) {
            context.weird(.missing_HTTP_uri, source: "HTTP")
            end = start
        }
        var version = end
        while version < count {
            end = version
            version = skipBlanks(line, version)
            if isVersionWord(line, version, &context) { break }
            version &+= 1
        }
        if version >= count {
            setVersion(originator, HTTPVersion(major: 0, minor: 9), &context)
        } else if version &+ 8 <= count {
            setVersion(originator, versionNumber(line, version &+ 5), &context)
        }
        return start..<end
    }

    private func isVersionWord(_ line: RawSpan, _ at: Int, _ context: inout AnalyzerContext) -> Bool {
        guard line.byteCount &- at >= 5 else { return false }
        if line.begins(with: "HTTP/", at: at) { return true }
        guard line.matches("HTTP/", at: at, count: 5, anyCase: true) else { return false }
        context.weird(.lowercase_HTTP_keyword, source: "HTTP")
        return true
    }

    /// A digit, a dot, a digit; anything else is no version.
    private func versionNumber(_ line: RawSpan, _ at: Int) -> HTTPVersion {
        guard line.byteCount &- at >= 3, HTTPOctets.isDigit(line.octet(at)), line.octet(at &+ 1) == 0x2E,
            HTTPOctets.isDigit(line.octet(at &+ 2))
        else { return .none }
        return HTTPVersion(major: line.octet(at) &- 0x30, minor: line.octet(at &+ 2) &- 0x30)
    }

    private func setVersion(_ side: HTTPSide, _ version: HTTPVersion, _ context: inout AnalyzerContext) {
        if side.version != .none, side.version != version { context.weird(.HTTP_version_mismatch, source: "HTTP") }
        side.version = version
        if version.keepsAlive { keepsAlive = true }
    }

    func skipBlanks(_ bytes: RawSpan, _ start: Int) -> Int {
        var at = start
        while at < bytes.byteCount, HTTPOctets.isBlank(bytes.octet(at)) { at &+= 1 }
        return at
    }

    // MARK: status line

    func statusLine(_ line: RawSpan, _ context: inout AnalyzerContext) {
        guard let reason = statusParts(line, &context) else {
            guard line.byteCount > 0 else { return }
            responder.state = .nothing
            return violation(&context)
        }
        if !unanswered.isEmpty { confirm(&context) }
        authentication?.responded(replyCode, &context)
        responder.state = .message
        responder.isOngoing = true
        recordResponse(line, reason, &context)
        if isConnect, replyCode != 200 { isConnect = false }
        begin(responder, expecting: responseBody(), &context)
    }

    /// Sets version and code; returns where the reason phrase stands, which may be
    /// missing (`reason.isEmpty` with an upper bound of 0).
    private func statusParts(_ line: RawSpan, _ context: inout AnalyzerContext) -> Range<Int>? {
        guard isVersionWord(line, 0, &context) else { return nil }
        setVersion(responder, versionNumber(line, 5), &context)
        let count = line.byteCount
        var at = 5
        while at < count, !HTTPOctets.isBlank(line.octet(at)) { at &+= 1 }
        at = skipBlanks(line, at)
        guard at < count, count &- at >= 3 else { return nil }
        replyCode = 0
        for index in at ..< at &+ 3 {
            guard HTTPOctets.isDigit(line.octet(index)) else {
                replyCode = 0
                break
            }
            replyCode = replyCode &* 10 &+ Int(line.octet(index) &- 0x30)
        }
        at &+= 3
        while at < count, !HTTPOctets.isBlank(line.octet(at)) { at &+= 1 }
        guard at < count else { return 0..<0 }
        return skipBlanks(line, at)..<count
    }

    /// Whether the response has a body (RFC 9112 section 6.3).
    private func responseBody() -> HTTPEntity.Expectation {
        if unanswered.first == true { return .never }
        if 100..<200 ~= replyCode || replyCode == 204 || replyCode == 304 { return .never }
        return .always
    }

    // MARK: HTTP/0.9

    private func beginRawResponse(_ method: RawSpan, _ context: inout AnalyzerContext) {
        if !(method.byteCount == 3 && method.begins(with: "GET")) {
            context.weird(.invalid_http_09_request_method, addl: method, source: "HTTP")
        }
        if responder.hasMessage {
            context.weird(.http_09_reply_before_request, source: "HTTP")
            done(responder, &context)
            responder.hasMessage = false
        }
        responder.state = .raw
    }

    /// The response to HTTP/0.9 is its body.
    func rawResponse(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        if !responder.hasMessage {
            setVersion(responder, HTTPVersion(major: 0, minor: 9), &context)
            if !unanswered.isEmpty {
                confirm(&context)
                unanswered.removeFirst()
            }
            closesAfterResponse = true
            responder.isOngoing = true
            let nothing: [UInt8] = []
            recordResponse(nothing.octets, 0..<0, &context)
            begin(responder, expecting: responseBody(), &context)
            deliver(nothing.octets, 0, endsLine: true, responder, &context)
        }
        deliver(bytes, 0, endsLine: false, responder, &context)
    }

    // MARK: messages

    private func begin(_ side: HTTPSide, expecting: HTTPEntity.Expectation, _ context: inout AnalyzerContext) {
        if side.hasMessage, !side.isFinished { context.weird(.HTTP_overlapping_messages, source: "HTTP") }
        side.hasMessage = true
        side.isFinished = false
        side.bodyBytes = 0
        side.level = 0
        side.header.removeAll(keepingCapacity: true)
        side.headerLineCount = 0
        side.endsAtEither = true
        open(side, expecting: expecting, &context)
    }

    /// A message is over: its last entity ended, its stream did, or was lost.
    func done(_ side: HTTPSide, _ context: inout AnalyzerContext) {
        guard side.hasMessage, !side.isFinished else { return }
        side.isFinished = true
        close(side, 0, &context)
        if side.isOriginator || replyCode != 206 { endFile(side, side.entities[0], &context) }
        recordBody(side, &context)
        if side.isOriginator {
            requestMade(isInterrupted: false, &context)
        } else {
            replyMade(isInterrupted: false, &context)
        }
    }

    func requestMade(isInterrupted: Bool, _ context: inout AnalyzerContext) {
        guard originator.isOngoing else { return }
        originator.isOngoing = false
        done(originator, &context)
        originator.state = isInterrupted ? .nothing : .line
    }

    func replyMade(isInterrupted: Bool, _ context: inout AnalyzerContext) {
        guard responder.isOngoing else { return }
        responder.isOngoing = false
        done(responder, &context)
        // After 1xx the response is still to come.
        if !(100..<200 ~= replyCode), !unanswered.isEmpty { unanswered.removeFirst() }
        if replyCode == 101, unanswered.count == 1, hasUpgradeConnection, let upgradeProtocol {
            upgrade(to: upgradeProtocol, &context)
        }
        replyCode = 0
        (hasUpgradeConnection, upgradeProtocol) = (false, nil)
        responder.state = isInterrupted || isUpgraded ? .nothing : .line
    }

    // MARK: rows

    /// The row that a side writes to; a new one where there is none.
    func transaction(of side: HTTPSide, _ context: inout AnalyzerContext) -> HTTPTransaction {
        let key = side.isOriginator ? requestKey : responseKey
        if let known = side.transaction, known.key == key, !known.isWritten { return known }
        if let known = transactions.first(where: { $0.key == key }) {
            side.transaction = known
            return known
        }
        let new = idleTransactions.popLast() ?? HTTPTransaction()
        depth &+= 1
        new.key = key
        new.asksForRange = false
        new.isWritten = false
        new.record.clear()
        new.record.ts = context.now
        new.record.uid = context.uid
        new.record.id = context.id
        new.record.depth = depth
        transactions.append(new)
        side.transaction = new
        return new
    }

    private func write(_ transaction: HTTPTransaction, _ context: inout AnalyzerContext) {
        context.output.emit(transaction.record)
        transaction.isWritten = true
        transactions.removeAll { $0 === transaction }
        keep(transaction)
    }

    /// Keeps a few rows for the requests to come, if they are not too large.
    func keep(_ transaction: HTTPTransaction) {
        guard idleTransactions.count < 4, transaction.record.text.bytes.capacity <= HTTP.keptBytesMax else { return }
        idleTransactions.append(transaction)
    }

    /// Writes what is there, in the order of the requests.
    func flush(_ context: inout AnalyzerContext) {
        transactions.sort { $0.key < $1.key }
        while let first = transactions.first { write(first, &context) }
        originator.transaction = nil
        responder.transaction = nil
    }

    private func recordRequest(_ line: RawSpan, _ parts: RequestParts, _ context: inout AnalyzerContext) {
        if requestKey < responseKey {
            context.weird(.HTTP_response_before_request, source: "")
            requestKey = responseKey
        }
        if context.settings.httpPendingMax > 0, transactions.count > context.settings.httpPendingMax {
            context.weird(.HTTP_excessive_pipelining, source: "")
            if responseKey == 0 { responseKey = 1 }
            while responseKey < requestKey {
                if let old = transactions.first(where: { $0.key == responseKey }) { write(old, &context) }
                responseKey &+= 1
            }
        }
        requestKey &+= 1
        let row = transaction(of: originator, &context)
        let method = line.extracting(0..<parts.method)
        row.record.method = row.record.text.add(method)
        row.record.uri = HTTP.unescape(line.extracting(parts.target), to: &row.record.text, &context, reports: true)
        if !HTTPMethods.isKnown(method) { context.weird(.unknown_HTTP_method, addl: method, source: "") }
    }

    private func recordResponse(_ line: RawSpan, _ reason: Range<Int>, _ context: inout AnalyzerContext) {
        let current = transactions.first { $0.key == responseKey }
        if let current {
            let status = current.record.statusCode
            if let status, !(100..<200 ~= status) { responseKey &+= 1 }
        } else {
            responseKey &+= 1
        }
        let row = transaction(of: responder, &context)
        let version = responder.version
        row.record.statusCode = UInt64(replyCode)
        row.record.statusMessage =
            reason.upperBound == 0 ? row.record.text.add("<empty>") : row.record.text.add(line.extracting(reason))
        let start = row.record.text.begin()
        row.record.text.bytes.append(0x30 &+ version.major)
        row.record.text.bytes.append(0x2E)
        row.record.text.bytes.append(0x30 &+ version.minor)
        row.record.version = row.record.text.end(start)
        guard 100..<200 ~= replyCode else { return }
        row.record.infoCode = row.record.statusCode
        row.record.infoMessage = row.record.statusMessage
    }

    private func recordBody(_ side: HTTPSide, _ context: inout AnalyzerContext) {
        let row = transaction(of: side, &context)
        let count = UInt64(max(0, side.bodyBytes))
        if side.isOriginator {
            row.record.requestBodyBytes = count
            return
        }
        row.record.responseBodyBytes = count
        if let status = row.record.statusCode, 100..<200 ~= status { return }
        write(row, &context)
    }

    /// Percent-decodes once. What cannot be decoded stays, and is an anomaly of a
    /// request's target.
    static func unescape(
        _ bytes: RawSpan, to text: inout TextBuffer, _ context: inout AnalyzerContext, reports: Bool
    ) -> Text {
        guard let first = bytes.firstIndex(of: 0x25) else { return text.add(bytes) }
        let start = text.begin()
        let count = bytes.byteCount
        _ = text.add(bytes.extracting(0..<first))
        var at = first
        func report(_ weird: Weird, _ context: inout AnalyzerContext) {
            if reports { context.weird(weird, source: "HTTP") }
        }
        while at < count {
            let octet = bytes.octet(at)
            at &+= 1
            guard octet == 0x25 else {
                text.bytes.append(octet)
                continue
            }
            guard count &- at >= 2 else {
                text.bytes.append(0x25)
                if at < count { text.bytes.append(bytes.octet(at)) }
                report(at < count ? .partial_escape_at_end_of_URI : .`illegal_%_at_end_of_URI`, &context)
                break
            }
            let next = bytes.octet(at)
            if next == 0x25 {
                // The first of two is dropped; the second is looked at by itself.
                report(.`double_%_in_URI`, &context)
            } else if let high = HTTPOctets.hexadecimal(next), let low = HTTPOctets.hexadecimal(bytes.octet(at &+ 1)) {
                text.bytes.append(high << 4 | low)
                at &+= 2
            } else if next == 0x75, let (high, low) = unicodeEscape(bytes, at &+ 1) {
                if high != 0 { text.bytes.append(high) }
                text.bytes.append(low)
                at &+= 5
            } else {
                report(.`unescaped_%_in_URI`, &context)
                text.bytes.append(0x25)
                text.bytes.append(next)
                at &+= 1
            }
        }
        return text.end(start)
    }

    /// The two octets of `%uXXXX`, which no standard has and some programs send.
    private static func unicodeEscape(_ bytes: RawSpan, _ at: Int) -> (UInt8, UInt8)? {
        guard bytes.byteCount &- at >= 4, let a = HTTPOctets.hexadecimal(bytes.octet(at)),
            let b = HTTPOctets.hexadecimal(bytes.octet(at &+ 1)),
            let c = HTTPOctets.hexadecimal(bytes.octet(at &+ 2)),
            let d = HTTPOctets.hexadecimal(bytes.octet(at &+ 3))
        else { return nil }
        return (a << 4 | b, c << 4 | d)
    }
}
