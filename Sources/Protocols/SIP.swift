// SPDX-License-Identifier: Apache-2.0
//
// Session Initiation Protocol (RFC 3261) over UDP and TCP.
//
// Reads   one request or response in each datagram, from either side; in a stream one behind the other.
// Writes  one `SIPRecord` per response, path "sip"; a request without one at the end. Announces the media that
//         session descriptions speak of (SDP.swift).
// Leaves  other bodies.

package import Records
import Wire

/// A request and its response, as far as they were seen.
package struct SIPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var method = Text.absent
    package var uri = Text.absent
    package var date = Text.absent
    package var requestFrom = Text.absent
    package var requestTo = Text.absent
    package var responseFrom = Text.absent
    package var responseTo = Text.absent
    package var replyTo = Text.absent
    package var callID = Text.absent
    package var sequence = Text.absent
    package var subject = Text.absent
    package var requestPath: [Text] = []
    package var responsePath: [Text] = []
    package var userAgent = Text.absent
    package var statusCode: UInt64?
    package var statusMessage = Text.absent
    package var warning = Text.absent
    package var requestBodyBytes: UInt64?
    package var responseBodyBytes: UInt64?
    package var contentType = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.sip
    package static let summary: StaticString = "One SIP request and its response."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("trans_depth", 0, "Which transaction of the connection this is; 0 is all that is counted.")
        row.text("method", method, in: text, "Method of the request, such as INVITE.")
        row.text("uri", uri, in: text, "Target of the request.", isKey: true)
        row.text("date", date, in: text, "Date header of the request.")
        row.text("request_from", requestFrom, in: text, "From header of the request, without its tag.", isKey: true)
        row.text("request_to", requestTo, in: text, "To header of the request.", isKey: true)
        row.text("response_from", responseFrom, in: text, "From header of the response, without its tag.")
        row.text("response_to", responseTo, in: text, "To header of the response.")
        row.text("reply_to", replyTo, in: text, "Reply-To header of the request.")
        row.text("call_id", callID, in: text, "Call-ID header of the request.", isKey: true)
        row.text("seq", sequence, in: text, "CSeq header of the request.")
        row.text("subject", subject, in: text, "Subject header of the request.")
        row.textVector("request_path", requestPath, in: text, "Via headers of the request, without their branches.")
        row.textVector("response_path", responsePath, in: text, "Via headers of the response, without their branches.")
        row.text("user_agent", userAgent, in: text, "User-Agent header of the request.", isKey: true)
        row.count("status_code", statusCode, "Status code of the response.")
        row.text("status_msg", statusMessage, in: text, "Reason phrase of the response.")
        row.text("warning", warning, in: text, "Warning header of the response.")
        row.count("request_body_len", requestBodyBytes, "Content-Length header of the request.")
        row.count("response_body_len", responseBodyBytes, "Content-Length header of the response.")
        row.text("content_type", contentType, in: text, "Content-Type header of the response.")
    }

    /// Blank again; keeps memory.
    mutating func clear() {
        (method, uri, date, requestFrom, requestTo) = (.absent, .absent, .absent, .absent, .absent)
        (responseFrom, responseTo, replyTo, callID, sequence) = (.absent, .absent, .absent, .absent, .absent)
        (subject, userAgent, statusMessage, warning) = (.absent, .absent, .absent, .absent)
        (statusCode, requestBodyBytes, responseBodyBytes, contentType) = (nil, nil, nil, .absent)
        requestPath.removeAll(keepingCapacity: true)
        responsePath.removeAll(keepingCapacity: true)
        text.clear()
    }

    /// Drops the octets of texts that later messages have replaced.
    fileprivate mutating func compact() {
        let old = text
        text = TextBuffer()
        text.bytes.reserveCapacity(old.bytes.count / 2)
        method = text.add(method, of: old)
        uri = text.add(uri, of: old)
        date = text.add(date, of: old)
        requestFrom = text.add(requestFrom, of: old)
        requestTo = text.add(requestTo, of: old)
        responseFrom = text.add(responseFrom, of: old)
        responseTo = text.add(responseTo, of: old)
        replyTo = text.add(replyTo, of: old)
        callID = text.add(callID, of: old)
        sequence = text.add(sequence, of: old)
        subject = text.add(subject, of: old)
        userAgent = text.add(userAgent, of: old)
        statusMessage = text.add(statusMessage, of: old)
        warning = text.add(warning, of: old)
        contentType = text.add(contentType, of: old)
        for index in requestPath.indices { requestPath[index] = text.add(requestPath[index], of: old) }
        for index in responsePath.indices { responsePath[index] = text.add(responsePath[index], of: old) }
    }
}

/// `SIP/2.0` where a request or a status line has it.
enum SIPProbe {
    static func any(_ bytes: RawSpan) -> ProbeVerdict {
        let start = bytes.byteCount > 0 && bytes.octet(0) == 0x20 ? 1 : 0
        if isVersion(bytes, start), isStatus(bytes, start &+ 7) { return .matches }
        var at = 0
        while let blank = bytes.firstIndex(of: 0x20, from: at) {
            if isVersion(bytes, blank &+ 1), isLineEnd(bytes, blank &+ 8) { return .matches }
            at = blank &+ 1
        }
        return .never
    }

    /// A request at the head of a stream: its first line is there, and ends in the version.
    static func request(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        guard (0x41...0x5A).contains(bytes.octet(0)) else { return .never }
        guard let feed = bytes.firstIndex(of: 0x0A) else { return bytes.byteCount < 1024 ? .needsMore : .never }
        return any(bytes.extracting(0 ... feed)) == .matches ? .matches : .never
    }

    private static func isVersion(_ bytes: RawSpan, _ at: Int) -> Bool {
        bytes.begins(with: "SIP/", at: at) && bytes.byteCount >= at &+ 7 && isDigit(bytes.octet(at &+ 4))
            && bytes.octet(at &+ 5) == 0x2E && isDigit(bytes.octet(at &+ 6))
    }

    private static func isLineEnd(_ bytes: RawSpan, _ at: Int) -> Bool { bytes.begins(with: "\r\n", at: at) }

    /// A line end, or three digits between blanks.
    private static func isStatus(_ bytes: RawSpan, _ at: Int) -> Bool {
        if isLineEnd(bytes, at) { return true }
        guard bytes.byteCount >= at &+ 5, bytes.octet(at) == 0x20, bytes.octet(at &+ 4) == 0x20 else { return false }
        return isDigit(bytes.octet(at &+ 1)) && isDigit(bytes.octet(at &+ 2)) && isDigit(bytes.octet(at &+ 3))
    }

    private static func isDigit(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) }
}

/// SIP on one connection. All its messages share the row at work.
final class SIP: Analyzer {
    /// Via headers of one row and direction that are listed.
    private static let pathMax = 100
    /// Octets of one row after which replaced texts are dropped, and more is not kept.
    private static let textBytesMax = 131_072

    /// What calls have announced.
    private(set) var media = SDPMedia()
    private var record = SIPRecord()
    /// A row waits for its response.
    private var hasRow = false
    private var streams: [2 of Stream] = [Stream(), Stream()]

    /// One direction of TCP: a message whose end is awaited, and what is still to come of a body.
    private struct Stream {
        var held: [UInt8] = []
        var searched = 0
        /// Octets of the message at hand, once its headers have told.
        var wanted = 0
        var bodyLeft = 0
    }

    /// Octets of one message's headers over TCP.
    private static let headBytesMax = 65_536
    /// Octets of a body that are awaited for those who look at it; longer ones are passed over.
    private static let bodyBytesMax = 8192

    init() { super.init(kind: .sip) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        // A keep-alive.
        if bytes.byteCount == 2, bytes.octet(0) == 0x0D { return }
        message(bytes, isCut: false, from: direction, &context)
    }

    /// A message; of one that `isCut` only the headers are there.
    private func message(
        _ bytes: RawSpan, isCut: Bool, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        SIPView.show(bytes, from: direction, &context)
        if record.text.bytes.count > SIP.textBytesMax / 2 { record.compact() }
        let isResponse = bytes.byteCount > 6 && bytes.begins(with: "SIP/")
        var at = 0
        guard let first = SIP.line(bytes, &at) ?? SIP.noLine(bytes, isResponse),
            isResponse
                ? statusLine(bytes.extracting(first), &context) : requestLine(bytes.extracting(first), &context),
            let length = headers(bytes, &at, isResponse, &context), isCut || length <= bytes.byteCount &- at
        else { return violation(&context) }
        if at < bytes.byteCount, bytes.extracting(at..<bytes.byteCount).contains("v=0") {
            media.read(bytes.extracting(at..<bytes.byteCount), by: self, &context)
        }
        if isResponse { responded(&context) }
    }

    // MARK: streams

    /// Messages one behind the other, each with its length (RFC 3261 section 18.3).
    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        var at = 0
        while at < bytes.byteCount, !isDetached {
            let passed = min(streams[side].bodyLeft, bytes.byteCount &- at)
            streams[side].bodyLeft &-= passed
            at &+= passed
            // Empty lines between messages keep the connection alive (RFC 5626 section 3.5.1).
            while streams[side].held.isEmpty, at < bytes.byteCount, HTTPOctets.isSpace(bytes.octet(at)) { at &+= 1 }
            guard at < bytes.byteCount else { return }
            at &+= take(bytes.extracting(at..<bytes.byteCount), side, from: direction, &context)
        }
    }

    /// Adds octets to the message at hand, and reads it when it is there; returns how many it took.
    private func take(
        _ bytes: RawSpan, _ side: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Int {
        let before = streams[side].held.count
        bytes.append(to: &streams[side].held)
        guard streams[side].held.count >= streams[side].wanted else { return bytes.byteCount }
        var whole: [UInt8] = []
        swap(&whole, &streams[side].held)
        guard let head = SIP.headEnd(whole.octets, from: max(0, streams[side].searched &- 3)) else {
            streams[side].searched = whole.count
            guard whole.count <= SIP.headBytesMax else {
                streams[side].searched = 0
                violation(&context)
                return bytes.byteCount
            }
            swap(&whole, &streams[side].held)
            return bytes.byteCount
        }
        let length = SIP.contentLength(whole.octets.extracting(0..<head))
        let isCut = length > SIP.bodyBytesMax
        let end = isCut ? head : head &+ length
        guard end <= whole.count else {
            streams[side].searched = max(0, head &- 4)
            streams[side].wanted = end
            swap(&whole, &streams[side].held)
            return bytes.byteCount
        }
        message(whole.octets.extracting(0..<end), isCut: isCut, from: direction, &context)
        streams[side].bodyLeft = isCut ? length : 0
        (streams[side].searched, streams[side].wanted) = (0, 0)
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &streams[side].held)
        return max(0, end &- before)
    }

    /// What is lost is a message or more, and nobody says where the next begins.
    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        violation(&context)
    }

    /// Where the headers end, behind the empty line.
    private static func headEnd(_ bytes: RawSpan, from start: Int) -> Int? {
        var at = start
        while let feed = bytes.firstIndex(of: 0x0A, from: at) {
            if bytes.begins(with: "\r\n", at: feed &+ 1) { return feed &+ 3 }
            if feed &+ 1 < bytes.byteCount, bytes.octet(feed &+ 1) == 0x0A { return feed &+ 2 }
            at = feed &+ 1
        }
        return nil
    }

    /// The Content-Length of headers, `l` for short; 0 where they have none.
    private static func contentLength(_ head: RawSpan) -> Int {
        var at = 0
        while let range = line(head, &at) {
            let line = head.extracting(range)
            guard let colon = line.firstIndex(of: 0x3A) else { continue }
            let name = line.extracting(HTTPView.trimmed(line, 0..<colon))
            guard name.isText("content-length") || name.isText("l") else { continue }
            let value = line.extracting(HTTPView.trimmed(line, colon &+ 1 ..< line.byteCount))
            return HTTPView.number(value, radix: 10).flatMap { Int(exactly: min($0, 1 << 30)) } ?? 0
        }
        return 0
    }

    override var showsAfterViolation: Bool { true }

    override func showDatagram(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        if SIPProbe.any(bytes) == .matches { SIPView.show(bytes, from: direction, &context) }
    }

    override func finish(_ context: inout AnalyzerContext) {
        guard hasRow else { return }
        hasRow = false
        context.output.emit(record)
    }

    override func reset() {
        super.reset()
        record.clear()
        media.clear()
        hasRow = false
        for side in 0..<2 {
            streams[side].held.removeAll(keepingCapacity: streams[side].held.capacity <= SIP.bodyBytesMax)
            (streams[side].searched, streams[side].bodyLeft) = (0, 0)
        }
    }

    // MARK: lines

    /// A request without a line's end: all there is, for what stands before it is told all the same.
    private static func noLine(_ bytes: RawSpan, _ isResponse: Bool) -> Range<Int>? {
        isResponse || bytes.byteCount == 0 || HTTPOctets.isSpace(bytes.octet(0)) ? nil : 0..<bytes.byteCount
    }

    /// The next line without its end; nil where it has none.
    private static func line(_ bytes: RawSpan, _ at: inout Int) -> Range<Int>? {
        guard let feed = bytes.firstIndex(of: 0x0A, from: at) else { return nil }
        let start = at
        at = feed &+ 1
        return start ..< (feed > start && bytes.octet(feed &- 1) == 0x0D ? feed &- 1 : feed)
    }

    //  REGISTER sip:example.org SIP/2.0
    private func requestLine(_ line: RawSpan, _ context: inout AnalyzerContext) -> Bool {
        let end = line.byteCount
        var at = 0
        while at < end, !SIP.isToken(line.octet(at)) { at &+= 1 }
        let start = at
        while at < end, SIP.isToken(line.octet(at)) { at &+= 1 }
        let method = line.extracting(start..<at)
        SIP.skipBlanks(line, &at)
        let uriStart = at
        while at < end, (0x21...0x7E).contains(line.octet(at)) { at &+= 1 }
        let uri = line.extracting(uriStart..<at)
        SIP.skipBlanks(line, &at)
        if start > 0 {
            var text = TextBuffer()
            for index in 0..<start { SIP.append(readable: line.octet(index), to: &text) }
            context.weird(.sip_junk_before_request, addl: text.bytes.octets, source: "SIP")
        }
        guard method.byteCount > 0, uri.byteCount > 0, SIP.version(line, &at) else { return false }
        begin(&context)
        record.method = keep(method)
        record.uri = keep(uri)
        if !SIP.isKnown(method) { context.weird(.unknown_SIP_method, addl: method, source: "SIP") }
        return true
    }

    //  SIP/2.0 200 OK
    private func statusLine(_ line: RawSpan, _ context: inout AnalyzerContext) -> Bool {
        var at = 0
        guard SIP.version(line, &at) else { return false }
        SIP.skipBlanks(line, &at)
        guard line.byteCount >= at &+ 3 else { return false }
        var code: UInt64 = 0
        for index in at ..< at &+ 3 {
            let octet = line.octet(index)
            guard (0x30...0x39).contains(octet) else { return false }
            code = code &* 10 &+ UInt64(octet &- 0x30)
        }
        at &+= 3
        SIP.skipBlanks(line, &at)
        confirm(&context)
        begin(&context)
        record.statusCode = code
        record.statusMessage = keep(line.extracting(at..<line.byteCount))
        return true
    }

    /// Reads headers up to the empty line; gives the octets of body that they announce. Nil for what is no header.
    private func headers(
        _ bytes: RawSpan, _ at: inout Int, _ isResponse: Bool, _ context: inout AnalyzerContext
    ) -> Int? {
        var length = 0
        while let range = SIP.line(bytes, &at) {
            let line = bytes.extracting(range)
            guard line.byteCount > 0 else { return length }
            var end = 0
            while end < line.byteCount, line.octet(end) != 0x3A, !SIP.isBlank(line.octet(end)) { end &+= 1 }
            let name = line.extracting(0..<end)
            SIP.skipBlanks(line, &end)
            guard name.byteCount > 0, end < line.byteCount, line.octet(end) == 0x3A else { return nil }
            end &+= 1
            SIP.skipBlanks(line, &end)
            let value = line.extracting(end..<line.byteCount)
            if SIP.equal(name, "Content-Length") || SIP.equal(name, "L") {
                length = bodyLength(value, isResponse, &context)
            } else if isResponse {
                responseHeader(name, value, &context)
            } else {
                requestHeader(name, value, &context)
            }
        }
        return nil
    }

    private func bodyLength(_ value: RawSpan, _ isResponse: Bool, _ context: inout AnalyzerContext) -> Int {
        var end = value.byteCount
        while end > 0, SIP.isBlank(value.octet(end &- 1)) { end &-= 1 }
        var length = 0
        var isNumber = end > 0
        for index in 0..<end {
            let octet = value.octet(index)
            guard (0x30...0x39).contains(octet), length < 1 << 40 else {
                isNumber = false
                break
            }
            length = length &* 10 &+ Int(octet &- 0x30)
        }
        guard isNumber else {
            let weird: Weird = isResponse ? .invalid_SIP_response_body_len : .invalid_SIP_request_body_len
            context.weird(weird, addl: value, source: "SIP")
            return 0
        }
        if isResponse {
            record.responseBodyBytes = UInt64(length)
        } else {
            record.requestBodyBytes = UInt64(length)
        }
        return length
    }

    private func requestHeader(_ name: RawSpan, _ value: RawSpan, _ context: inout AnalyzerContext) {
        if SIP.equal(name, "Via") || SIP.equal(name, "V") {
            guard record.requestPath.count < SIP.pathMax else {
                return context.weird(.sip_max_request_path_length_exceeded, source: "SIP")
            }
            record.requestPath.append(keep(value.extracting(0..<SIP.count("branch", value))))
        } else if SIP.equal(name, "From") || SIP.equal(name, "F") {
            record.requestFrom = keep(value.extracting(0..<SIP.count("tag=", value)))
        } else if SIP.equal(name, "To") || SIP.equal(name, "T") {
            record.requestTo = keep(value)
        } else if SIP.equal(name, "Call-ID") {
            record.callID = keep(value)
        } else if SIP.equal(name, "CSeq") {
            record.sequence = keep(value)
        } else if SIP.equal(name, "User-Agent") {
            record.userAgent = keep(value)
            context.software(.sipClient, value, of: context.id.originator)
        } else if SIP.equal(name, "Subject") || SIP.equal(name, "S") {
            record.subject = keep(value)
        } else if SIP.equal(name, "Date") {
            record.date = keep(value)
        } else if SIP.equal(name, "Reply-To") {
            record.replyTo = keep(value)
        }
    }

    private func responseHeader(_ name: RawSpan, _ value: RawSpan, _ context: inout AnalyzerContext) {
        if SIP.equal(name, "Via") || SIP.equal(name, "V") {
            guard record.responsePath.count < SIP.pathMax else {
                return context.weird(.sip_max_response_path_length_exceeded, source: "SIP")
            }
            record.responsePath.append(keep(value.extracting(0..<SIP.count("branch", value))))
        } else if SIP.equal(name, "From") || SIP.equal(name, "F") {
            record.responseFrom = keep(value.extracting(0..<SIP.count("tag=", value)))
        } else if SIP.equal(name, "To") || SIP.equal(name, "T") {
            record.responseTo = keep(value)
        } else if SIP.equal(name, "Content-Type") || SIP.equal(name, "C") {
            record.contentType = keep(value)
        } else if SIP.equal(name, "Warning") {
            record.warning = keep(value)
        } else if SIP.equal(name, "Server") || SIP.equal(name, "User-Agent") {
            context.software(.sipServer, value, of: context.id.responder)
        }
    }

    // MARK: the row

    private func begin(_ context: inout AnalyzerContext) {
        guard !hasRow else { return }
        hasRow = true
        record.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
    }

    /// A response is whole: the row is written, and stays open after a provisional one.
    private func responded(_ context: inout AnalyzerContext) {
        context.output.emit(record)
        let code = record.statusCode ?? 0
        if code < 100 || code >= 200 || record.method.isAbsent { hasRow = false }
    }

    private func keep(_ bytes: RawSpan) -> Text {
        record.text.add(bytes, limit: max(0, SIP.textBytesMax &- record.text.bytes.count))
    }
}

// MARK: octets

extension SIP {
    fileprivate static func isBlank(_ octet: UInt8) -> Bool { octet == 0x20 || octet == 0x09 }

    fileprivate static func skipBlanks(_ bytes: RawSpan, _ at: inout Int) {
        while at < bytes.byteCount, isBlank(bytes.octet(at)) { at &+= 1 }
    }

    /// RFC 3261 section 25.1.
    fileprivate static func isToken(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x5F, 0x2E, 0x21, 0x25, 0x2A, 0x2B, 0x60, 0x27, 0x7E, 0x2D: true
        default: false
        }
    }

    /// Steps over `SIP/2.0`.
    fileprivate static func version(_ bytes: RawSpan, _ at: inout Int) -> Bool {
        guard bytes.begins(with: "SIP/", at: at) else { return false }
        at &+= 4
        guard digits(bytes, &at), at < bytes.byteCount, bytes.octet(at) == 0x2E else { return false }
        at &+= 1
        return digits(bytes, &at)
    }

    private static func digits(_ bytes: RawSpan, _ at: inout Int) -> Bool {
        let start = at
        while at < bytes.byteCount, (0x30...0x39).contains(bytes.octet(at)) { at &+= 1 }
        return at > start
    }

    fileprivate static func equal(_ bytes: RawSpan, _ word: StaticString) -> Bool {
        bytes.byteCount == word.utf8CodeUnitCount
            && bytes.matches(word, at: 0, count: bytes.byteCount, anyCase: true)
    }

    /// Octets before `;parameter` or `; parameter`; all, where there is none.
    fileprivate static func count(_ parameter: StaticString, _ bytes: RawSpan) -> Int {
        var at = 0
        while let mark = bytes.firstIndex(of: 0x3B, from: at) {
            at = mark &+ 1
            if bytes.begins(with: parameter, at: at) { return mark }
            if at < bytes.byteCount, bytes.octet(at) == 0x20, bytes.begins(with: parameter, at: at &+ 1) {
                return mark
            }
        }
        return bytes.byteCount
    }

    /// An octet that is no printable text becomes `\x00`.
    fileprivate static func append(readable octet: UInt8, to text: inout TextBuffer) {
        guard !(0x20...0x7E).contains(octet) else { return text.bytes.append(octet) }
        text.append("\\x")
        text.bytes.append(TextBuffer.hexadecimalDigit(octet >> 4))
        text.bytes.append(TextBuffer.hexadecimalDigit(octet & 15))
    }

    fileprivate static func isKnown(_ method: RawSpan) -> Bool {
        for known in methods
        where method.byteCount == known.utf8CodeUnitCount && method.begins(with: known) { return true }
        return false
    }

    /// RFC 3261, and what has been added since.
    private static let methods: [StaticString] = [
        "REGISTER", "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "NOTIFY", "SUBSCRIBE",
    ]
}
