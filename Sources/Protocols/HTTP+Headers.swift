// SPDX-License-Identifier: Apache-2.0
//
// Header lines of messages and of parts (RFC 9112 section 5, RFC 2045).
//
// Reads   lines, folded ones too.
// Writes  columns of the row; how the body is framed, coded and divided.
// Leaves  what the body then is (HTTP+Body.swift).

import Records
import Wire

extension HTTP {
    /// Headers of one kind that a row keeps, such as `proxied`.
    private static let proxiedMax = 100

    // MARK: lines

    /// A line of an entity's header. It is known to be whole only when the next
    /// line does not continue it; where that is seen at once, it is not copied.
    func headerLine(_ line: RawSpan, _ level: Int, _ side: HTTPSide, _ context: inout AnalyzerContext) {
        let entity = side.entities[level]
        guard line.byteCount > 0, line.octet(0) != 0 else {
            finishHeader(side, level, &context)
            entity.inHeader = false
            headersOver(side, level, &context)
            if !entity.isOver { beginBody(side, level, &context) }
            return
        }
        var line = line
        if HTTPOctets.isBlank(line.octet(0)) {
            guard side.headerLineCount == 0 else { return continueHeader(line, side, &context) }
            line = line.extracting(skipBlanks(line, 0)..<line.byteCount)
        }
        finishHeader(side, level, &context)
        guard line.byteCount > 0 else { return }
        if let next = side.nextOctet, !HTTPOctets.isBlank(next) {
            header(line, lineCount: 1, level, side, &context)
            return
        }
        line.append(to: &side.header)
        side.headerLineCount = 1
    }

    private func continueHeader(_ line: RawSpan, _ side: HTTPSide, _ context: inout AnalyzerContext) {
        let room = context.settings.httpLineBytesMax &- side.header.count
        guard room > 0 else {
            context.weird(.exceeded_mime_max_header_bytes, addl: UInt64(side.header.count), source: "HTTP")
            return
        }
        line.extracting(0..<min(room, line.byteCount)).append(to: &side.header)
        side.headerLineCount &+= 1
    }

    func finishHeader(_ side: HTTPSide, _ level: Int, _ context: inout AnalyzerContext) {
        guard side.headerLineCount > 0 else { return }
        var whole: [UInt8] = []
        swap(&whole, &side.header)
        let count = side.headerLineCount
        side.headerLineCount = 0
        header(whole.octets, lineCount: count, level, side, &context)
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &side.header)
    }

    // MARK: one header

    /// A header of a form's part has a name and a value.
    private func checkPart(_ line: RawSpan, _ context: inout AnalyzerContext) {
        let colon = line.firstIndex(of: 0x3A)
        guard colon == nil || colon == line.byteCount &- 1 else { return }
        context.transactionEvent(
            "http.multipart_invalid_header", tx: context.currentTransaction(from: .originator), from: .originator)
    }

    private func header(
        _ line: RawSpan, lineCount: Int, _ level: Int, _ side: HTTPSide, _ context: inout AnalyzerContext
    ) {
        if level > 0, side.isOriginator { checkPart(line, &context) }
        guard let field = MIMEText.field(line) else { return }
        let name = line.extracting(field.name)
        if level == 0, lineCount > 1 { context.weird(.HTTP_obsolete_line_folding, addl: name, source: "HTTP") }
        guard let known = HTTPHeaderName(name) else { return }
        let value = line.extracting(field.value..<line.byteCount)
        let entity = side.entities[level]
        switch known {
        case .contentType:
            contentType(value, entity)
            fileName(value, .contentType, entity, side, &context)
        case .contentDisposition:
            fileName(value, .contentDisposition, entity, side, &context)
        case .contentTransferEncoding: transferEncoding(value, entity)
        case .contentLength: contentLength(value, entity, &context)
        case .contentRange: if replyCode == 206 { contentRange(value, entity, &context) }
        case .transferEncoding: transferCoding(value, level, entity, &context)
        case .contentEncoding: contentCoding(value, entity)
        case .expect: expect(value, entity, &context)
        case .connection: connection(value, side)
        case .upgrade: if !side.isOriginator { upgradeProtocol = HTTPUpgrade(value.extracting(token(value))) }
        case .secWebSocketAccept, .secWebSocketExtensions, .secWebSocketKey, .secWebSocketProtocol:
            if level == 0 { handshake(known, value, side, &context) }
        case .authorization, .proxyAuthorization, .wwwAuthenticate, .proxyAuthenticate:
            if level == 0 { authentication(known, value, side, &context) }
        default: break
        }
        guard level == 0 else { return }
        if side.isOriginator { column(known, value, &context) } else { server(known, value, &context) }
    }

    /// Headers of a request that are columns.
    private func column(_ name: HTTPHeaderName, _ value: RawSpan, _ context: inout AnalyzerContext) {
        switch name {
        case .host, .referer, .origin, .userAgent, .range, .authorization, .proxyAuthorization, .forwarded,
            .xForwardedFor, .xForwardedFrom, .clientIP, .via, .xroxyConnection, .proxyConnection:
            break
        default: return
        }
        let row = transaction(of: originator, &context)
        switch name {
        case .host: row.record.host = row.record.text.add(value)
        case .referer: row.record.referrer = row.record.text.add(value)
        case .origin: row.record.origin = row.record.text.add(value)
        case .userAgent:
            row.record.userAgent = row.record.text.add(value)
            context.software(.httpBrowser, value, of: context.id.originator)
        case .range: row.asksForRange = true
        case .authorization, .proxyAuthorization: authorization(value, row)
        default: if let proxyName = name.proxyName { proxied(proxyName, value, row) }
        }
    }

    /// Headers of a response that tell of the server's programs.
    private func server(_ name: HTTPHeaderName, _ value: RawSpan, _ context: inout AnalyzerContext) {
        switch name {
        case .server: context.software(.httpServer, value, of: context.id.responder)
        case .xPoweredBy: context.software(.httpApplication, value, of: context.id.responder)
        default: break
        }
    }

    private func proxied(_ name: StaticString, _ value: RawSpan, _ row: HTTPTransaction) {
        guard row.record.proxied.count < HTTP.proxiedMax else { return }
        let start = row.record.text.begin()
        row.record.text.append(name)
        row.record.text.append(" -> ")
        _ = row.record.text.add(value)
        let text = row.record.text.end(start)
        // A set: the same header twice is one element.
        for other in row.record.proxied where row.record.text[other] == row.record.text[text] { return }
        row.record.proxied.append(text)
    }

    /// The user of basic authentication (RFC 7617). The password is never kept.
    private func authorization(_ value: RawSpan, _ row: HTTPTransaction) {
        guard value.byteCount >= 6, value.matches("basic ", at: 0, count: 6, anyCase: true) else { return }
        let start = row.record.text.begin()
        var decoder = Base64()
        // Names and passwords of more than 4096 octets are looked at no further.
        let digits = skipBlanks(value, 5)
        let whole = min(value.byteCount, digits &+ 4096 / 3 &* 4)
        decoder.decode(value.extracting(digits..<whole), into: &row.record.text.bytes)
        let decoded = row.record.text.end(start)
        if let colon = row.record.text[decoded].firstIndex(of: 0x3A) {
            row.record.text.bytes.removeSubrange(colon...)
            row.record.username = row.record.text.end(start)
            return
        }
        row.record.text.bytes.removeSubrange(start...)
        row.record.text.append("<problem-decoding> (")
        _ = row.record.text.add(value)
        row.record.text.append(")")
        row.record.username = row.record.text.end(start)
    }

    private func connection(_ value: RawSpan, _ side: HTTPSide) {
        let word = value.extracting(token(value))
        if side.isOriginator {
            if word.isText("keep-alive") { keepsAlive = true }
        } else if word.isText("close") {
            closesAfterResponse = true
        } else if word.isText("upgrade") {
            hasUpgradeConnection = true
        }
    }

    // MARK: framing

    private func contentLength(_ value: RawSpan, _ entity: HTTPEntity, _ context: inout AnalyzerContext) {
        if entity.chunk != .none { context.weird(.HTTP_content_length_and_chunked, source: "HTTP") }
        let range = token(value)
        guard !range.isEmpty else { return }
        let word = value.extracting(range)
        guard let length = number(word, radix: 10) else {
            context.weird(.HTTP_bad_content_length, addl: word, source: "HTTP")
            entity.contentLength = 0
            return
        }
        if length > 0, word.octet(0) == 0x30 {
            context.weird(.HTTP_content_length_leading_zeros, addl: word, source: "HTTP")
        }
        entity.contentLength = length
        if entity.isPartial, entity.rangeLength != length {
            // The longer of two lengths: less can be hidden behind it.
            context.weird(.HTTP_range_not_matching_len, source: "HTTP")
            entity.contentLength = max(length, entity.rangeLength)
        }
        if entity.contentLength == 0, entity.expectsContinue {
            context.weird(.HTTP_content_length_0_and_expect_100_cont, source: "HTTP")
        }
    }

    private func expect(_ value: RawSpan, _ entity: HTTPEntity, _ context: inout AnalyzerContext) {
        let word = value.extracting(token(value))
        if !word.isText("100-continue") { context.weird(.HTTP_expect_not_100_continue, addl: word, source: "HTTP") }
        entity.expectsContinue = true
        if entity.contentLength == 0 { context.weird(.HTTP_content_length_0_and_expect_100_cont, source: "HTTP") }
    }

    private func transferCoding(
        _ value: RawSpan, _ level: Int, _ entity: HTTPEntity, _ context: inout AnalyzerContext
    ) {
        guard level == 0 else {
            return context.weird(.HTTP_nested_transfer_encoding_header, source: "HTTP")
        }
        // The version of whichever message is under way: RFC 9112 section 6.1 has chunks from 1.1 on.
        let version = originator.isOngoing ? originator.version : responder.version
        let range = token(value)
        guard value.extracting(range).isText("chunked"), version == HTTPVersion(major: 1, minor: 1) else { return }
        entity.chunk = .before
        if range.upperBound < value.byteCount {
            let rest = value.extracting(range.upperBound..<value.byteCount)
            context.weird(.HTTP_chunked_multi, addl: rest, source: "HTTP")
        }
        if entity.contentLength >= 0 { context.weird(.HTTP_content_length_and_chunked, source: "HTTP") }
    }

    private func contentCoding(_ value: RawSpan, _ entity: HTTPEntity) {
        let word = value.extracting(token(value))
        entity.isBrotli = word.isText("br")
        if word.isText("gzip") || word.isText("x-gzip") || word.isText("deflate") || entity.isBrotli {
            entity.isCompressed = true
        }
    }

    /// `bytes 0-99/1234` of a 206 response (RFC 9110 section 14.4).
    private func contentRange(_ value: RawSpan, _ entity: HTTPEntity, _ context: inout AnalyzerContext) {
        if entity.chunk != .none { context.weird(.HTTP_content_range_and_chunked, source: "HTTP") }
        let unit = token(value)
        guard value.extracting(unit).isText("bytes") else {
            return context.weird(.HTTP_content_range_unknown_byte_unit, source: "HTTP")
        }
        // Blanks inside do not count.
        var octets: [UInt8] = []
        for index in unit.upperBound..<value.byteCount where value.octet(index) != 0x20 && octets.count < 128 {
            octets.append(value.octet(index))
        }
        let range = octets.octets
        guard let slash = range.firstIndex(of: 0x2F),
            let dash = range.extracting(0..<slash).firstIndex(of: 0x2D)
        else { return context.weird(.HTTP_content_range_cannot_parse, source: "HTTP") }
        guard let first = number(range.extracting(0..<dash), radix: 10),
            let last = number(range.extracting(dash &+ 1..<slash), radix: 10)
        else { return context.weird(.HTTP_content_range_cannot_parse, addl: range, source: "HTTP") }
        guard last >= first else {
            return context.weird(.HTTP_non_positive_content_range, addl: range, source: "HTTP")
        }
        guard last &- first < .max else {
            return context.weird(.HTTP_content_range_overflow, addl: range, source: "HTTP")
        }
        let total = range.extracting(slash &+ 1..<range.byteCount)
        if !(total.byteCount == 1 && total.octet(0) == 0x2A) {
            entity.totalLength = number(total, radix: 10) ?? 0
            if number(total, radix: 10) == nil {
                context.weird(.HTTP_content_range_invalid_instance, addl: range, source: "HTTP")
            }
        }
        entity.isPartial = true
        entity.fileOffset = UInt64(first)
        entity.rangeLength = last &- first &+ 1
        if entity.contentLength > 0, entity.contentLength != entity.rangeLength {
            context.weird(.HTTP_range_not_matching_len, source: "HTTP")
        }
        entity.contentLength = max(entity.contentLength, entity.rangeLength)
    }

    /// Digits up to the first octet that is none; nil where there is no digit at
    /// the start, or where the number does not fit into 63 bits.
    func number(_ bytes: RawSpan, radix: Int64) -> Int64? {
        var value: Int64 = 0
        for index in 0..<bytes.byteCount {
            guard let digit = HTTPOctets.hexadecimal(bytes.octet(index)), digit < UInt8(radix) else {
                return index == 0 ? nil : value
            }
            let (product, overflows) = value.multipliedReportingOverflow(by: radix)
            let (sum, overflowsToo) = product.addingReportingOverflow(Int64(digit))
            guard !overflows, !overflowsToo else { return nil }
            value = sum
        }
        return bytes.byteCount == 0 ? nil : value
    }

    // MARK: MIME

    private func transferEncoding(_ value: RawSpan, _ entity: HTTPEntity) {
        let word = value.extracting(token(value))
        entity.transfer = word.isText("base64") ? .base64 : word.isText("quoted-printable") ? .quoted : .identity
    }

    /// `type/subtype; boundary=…` (RFC 2045 section 5.1).
    private func contentType(_ value: RawSpan, _ entity: HTTPEntity) {
        let type = token(value)
        guard !type.isEmpty else { return }
        var at = MIMEText.skipComments(value, type.upperBound)
        guard at < value.byteCount, value.octet(at) == 0x2F else { return }
        let rest = value.extracting(at &+ 1..<value.byteCount)
        let subtype = token(rest)
        guard !subtype.isEmpty else { return }
        at &+= 1 &+ subtype.upperBound
        let word = value.extracting(type)
        entity.kind = word.isText("multipart") ? .multipart : word.isText("message") ? .message : .leaf
        guard entity.kind == .multipart else { return }
        let parameters = value.extracting(at..<value.byteCount)
        if let boundary = MIMEText.boundary(parameters) {
            entity.boundary.removeAll(keepingCapacity: true)
            // RFC 2046 allows 70 octets; more than 512 nobody sends in earnest.
            let text = parameters.extracting(boundary)
            text.extracting(0..<min(512, text.byteCount)).append(to: &entity.boundary)
        }
        // Without a delimiter there are no parts.
        if entity.boundary.isEmpty { entity.kind = .leaf }
    }

    /// The first token of a value; empty where there is none.
    func token(_ value: RawSpan) -> Range<Int> { MIMEText.token(value) }

    // MARK: names of files

    private func fileName(
        _ value: RawSpan, _ header: MIMEFileHeader, _ entity: HTTPEntity, _ side: HTTPSide,
        _ context: inout AnalyzerContext
    ) {
        let row = transaction(of: side, &context)
        let name = header.fileName(value, to: &row.record.text, &context)
        guard !name.isAbsent else { return }
        (entity.fileName, entity.fileNameKey) = (name, row.key)
    }
}
