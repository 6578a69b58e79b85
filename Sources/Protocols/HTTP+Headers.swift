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

    private func header(
        _ line: RawSpan, lineCount: Int, _ level: Int, _ side: HTTPSide, _ context: inout AnalyzerContext
    ) {
        let count = line.byteCount
        var start = skipComments(line, 0)
        while start < count, !HTTPOctets.isName(line.octet(start)) { start &+= 1 }
        var end = start
        while end < count, HTTPOctets.isName(line.octet(end)) { end &+= 1 }
        guard start < end else { return }
        var at = skipComments(line, end)
        guard at < count, line.octet(at) == 0x3A else { return }
        at &+= 1
        while at < count, HTTPOctets.isSpace(line.octet(at)) { at &+= 1 }
        let name = line.extracting(start..<end)
        if level == 0, lineCount > 1 { context.weird(.HTTP_obsolete_line_folding, addl: name, source: "HTTP") }
        guard let known = HTTPHeaderName(name) else { return }
        let value = line.extracting(at..<count)
        let entity = side.entities[level]
        switch known {
        case .contentType:
            contentType(value, entity)
            if namesFile(value, "name", takesStar: false) { fileName(value, entity, side, &context) }
        case .contentDisposition:
            if namesFile(value, "filename", takesStar: true) { fileName(value, entity, side, &context) }
        case .contentTransferEncoding: transferEncoding(value, entity)
        case .contentLength: contentLength(value, entity, &context)
        case .contentRange: if replyCode == 206 { contentRange(value, entity, &context) }
        case .transferEncoding: transferCoding(value, level, entity, &context)
        case .contentEncoding: contentCoding(value, entity)
        case .expect: expect(value, entity, &context)
        case .connection: connection(value, side)
        case .upgrade: if !side.isOriginator { hasUpgradeProtocol = !token(value).isEmpty }
        default: break
        }
        if side.isOriginator, level == 0 { column(known, value, &context) }
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
        case .userAgent: row.record.userAgent = row.record.text.add(value)
        case .range: row.asksForRange = true
        case .authorization, .proxyAuthorization: authorization(value, row)
        default: if let proxyName = name.proxyName { proxied(proxyName, value, row) }
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
        let limit = row.record.text.bytes.count &+ 4096
        for index in skipBlanks(value, 5)..<value.byteCount {
            guard row.record.text.bytes.count < limit else { break }
            if let octet = decoder.take(value.octet(index)) { row.record.text.bytes.append(octet) }
        }
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
        if word.isText("gzip") || word.isText("x-gzip") || word.isText("deflate") { entity.isCompressed = true }
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
        var at = skipComments(value, type.upperBound)
        guard at < value.byteCount, value.octet(at) == 0x2F else { return }
        let rest = value.extracting(at &+ 1..<value.byteCount)
        let subtype = token(rest)
        guard !subtype.isEmpty else { return }
        at &+= 1 &+ subtype.upperBound
        let word = value.extracting(type)
        entity.kind = word.isText("multipart") ? .multipart : word.isText("message") ? .message : .leaf
        guard entity.kind == .multipart else { return }
        boundary(value.extracting(at..<value.byteCount), entity)
        // Without a delimiter there are no parts.
        if entity.boundary.isEmpty { entity.kind = .leaf }
    }

    /// Finds `boundary` among the parameters.
    private func boundary(_ parameters: RawSpan, _ entity: HTTPEntity) {
        var at = 0
        while true {
            at = skipComments(parameters, at)
            guard at < parameters.byteCount, parameters.octet(at) == 0x3B else { return }
            let rest = parameters.extracting(at &+ 1..<parameters.byteCount)
            let name = token(rest)
            guard !name.isEmpty else { return }
            var behind = skipComments(rest, name.upperBound)
            guard behind < rest.byteCount, rest.octet(behind) == 0x3D else {
                at &+= 1 &+ name.upperBound
                continue
            }
            behind &+= 1
            let isBoundary = rest.extracting(name).isText("boundary")
            let value = parameter(rest.extracting(behind..<rest.byteCount), takesMore: isBoundary)
            if isBoundary, !value.range.isEmpty {
                entity.boundary.removeAll(keepingCapacity: true)
                // RFC 2046 allows 70 octets; more than 512 nobody sends in earnest.
                let text = rest.extracting(behind..<rest.byteCount).extracting(value.range)
                text.extracting(0..<min(512, text.byteCount)).append(to: &entity.boundary)
            }
            at &+= 1 &+ behind &+ value.end
        }
    }

    /// The value of a parameter, a token or quoted; a boundary may have octets that
    /// tokens must not. Backslashes inside quotes stay.
    private func parameter(_ bytes: RawSpan, takesMore: Bool) -> (range: Range<Int>, end: Int) {
        let start = takesMore ? 0 : skipComments(bytes, 0)
        guard start < bytes.byteCount else { return (0..<0, bytes.byteCount) }
        if bytes.octet(start) == 0x22 {
            var at = start &+ 1
            while at < bytes.byteCount, bytes.octet(at) != 0x22 { at &+= bytes.octet(at) == 0x5C ? 2 : 1 }
            guard at < bytes.byteCount else { return (0..<0, bytes.byteCount) }
            return (start &+ 1..<at, at &+ 1)
        }
        guard takesMore else {
            let range = token(bytes)
            return (range, max(range.upperBound, start &+ 1))
        }
        var from = start
        while from < bytes.byteCount, !isBoundaryOctet(bytes.octet(from)) { from &+= 1 }
        var to = from
        while to < bytes.byteCount, isBoundaryOctet(bytes.octet(to)) { to &+= 1 }
        return (from..<to, to)
    }

    private func isBoundaryOctet(_ octet: UInt8) -> Bool { octet > 32 && octet < 127 && octet != 0x22 }

    /// The first token of a value; empty where there is none.
    func token(_ value: RawSpan) -> Range<Int> {
        var start = skipComments(value, 0)
        while start < value.byteCount, !HTTPOctets.isMIMEToken(value.octet(start)) {
            let next = skipComments(value, start)
            start = next > start ? next : start &+ 1
        }
        var end = start
        while end < value.byteCount, HTTPOctets.isMIMEToken(value.octet(end)) { end &+= 1 }
        return min(start, value.byteCount)..<end
    }

    /// Steps over blanks and comments in parentheses (RFC 822 section 3.4.3).
    private func skipComments(_ bytes: RawSpan, _ start: Int) -> Int {
        var at = start
        var depth = 0
        while at < bytes.byteCount {
            let octet = bytes.octet(at)
            if octet == 0x28 {
                depth &+= 1
            } else if depth == 0 {
                guard HTTPOctets.isBlank(octet) else { return at }
            } else if octet == 0x29 {
                depth &-= 1
            } else if octet == 0x5C {
                at &+= 1
            }
            at &+= 1
        }
        return min(at, bytes.byteCount)
    }

    // MARK: names of files

    /// Whether the value has `word`, perhaps blanks, perhaps a star, and `=`.
    private func namesFile(_ value: RawSpan, _ word: StaticString, takesStar: Bool) -> Bool {
        lastName(value, word, takesStar: takesStar) != nil
    }

    /// The offset behind the last `word=`.
    private func lastName(_ value: RawSpan, _ word: StaticString, takesStar: Bool) -> Int? {
        let count = word.utf8CodeUnitCount
        var from = value.byteCount &- count
        while from >= 0 {
            if value.matches(word, at: from, count: count, anyCase: true) {
                var at = skipBlanks(value, from &+ count)
                if takesStar, at < value.byteCount, value.octet(at) == 0x2A { at &+= 1 }
                if at < value.byteCount, value.octet(at) == 0x3D { return at &+ 1 }
            }
            from &-= 1
        }
        return nil
    }

    /// The name as given, without quotes and without `charset'language'`, percent-decoded.
    private func fileName(
        _ value: RawSpan, _ entity: HTTPEntity, _ side: HTTPSide, _ context: inout AnalyzerContext
    ) {
        guard let behind = lastName(value, "name", takesStar: true) else { return }
        var start = skipBlanks(value, behind)
        var end = value.byteCount
        if start < end, value.octet(start) == 0x22 {
            start &+= 1
            end = value.firstIndex(of: 0x22, from: start) ?? end
        }
        if let quote = value.extracting(0..<end).firstIndex(of: 0x27, from: start), quote > start,
            let second = value.extracting(0..<end).firstIndex(of: 0x27, from: quote &+ 1)
        {
            start = second &+ 1
        }
        let row = transaction(of: side, &context)
        let name = value.extracting(start..<end)
        entity.fileName = unescape(name, to: &row.record.text, &context, reports: false)
        entity.fileNameKey = row.key
    }
}
