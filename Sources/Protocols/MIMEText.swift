// SPDX-License-Identifier: Apache-2.0
//
// The text of MIME headers (RFC 2045, RFC 2183, RFC 5322): names, tokens, parameters.
//
// Reads   header lines and values.
// Writes  places in them.
// Leaves  what a header means (MIME.swift, HTTP+Headers.swift).

import Records
import Wire

enum MIMEText {
    /// A header line's name and the start of its value; nil where the line is none.
    static func field(_ line: RawSpan) -> (name: Range<Int>, value: Int)? {
        let count = line.byteCount
        var start = skipComments(line, 0)
        while start < count, !HTTPOctets.isName(line.octet(start)) { start &+= 1 }
        var end = start
        while end < count, HTTPOctets.isName(line.octet(end)) { end &+= 1 }
        guard start < end else { return nil }
        var at = skipComments(line, end)
        guard at < count, line.octet(at) == 0x3A else { return nil }
        at &+= 1
        while at < count, HTTPOctets.isSpace(line.octet(at)) { at &+= 1 }
        return (start..<end, at)
    }

    /// Steps over blanks and comments in parentheses (RFC 822 section 3.4.3).
    static func skipComments(_ bytes: RawSpan, _ start: Int) -> Int {
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

    /// The first token of a value; empty where there is none.
    static func token(_ value: RawSpan) -> Range<Int> {
        var start = skipComments(value, 0)
        while start < value.byteCount, !HTTPOctets.isMIMEToken(value.octet(start)) {
            let next = skipComments(value, start)
            start = next > start ? next : start &+ 1
        }
        var end = start
        while end < value.byteCount, HTTPOctets.isMIMEToken(value.octet(end)) { end &+= 1 }
        return min(start, value.byteCount)..<end
    }

    /// The value of `boundary` among the parameters behind a type; the last one where there are several.
    static func boundary(_ parameters: RawSpan) -> Range<Int>? {
        var found: Range<Int>?
        var at = 0
        while true {
            at = skipComments(parameters, at)
            guard at < parameters.byteCount, parameters.octet(at) == 0x3B else { return found }
            let start = at &+ 1
            let rest = parameters.extracting(start..<parameters.byteCount)
            let name = token(rest)
            guard !name.isEmpty else { return found }
            var behind = skipComments(rest, name.upperBound)
            guard behind < rest.byteCount, rest.octet(behind) == 0x3D else {
                at = start &+ name.upperBound
                continue
            }
            behind &+= 1
            let isBoundary = rest.extracting(name).isText("boundary")
            let value = parameter(rest.extracting(behind..<rest.byteCount), takesMore: isBoundary)
            let place = start &+ behind
            if isBoundary, !value.range.isEmpty {
                found = place &+ value.range.lowerBound ..< place &+ value.range.upperBound
            }
            at = place &+ value.end
        }
    }

    /// The value of a parameter, a token or quoted; a boundary may have octets that
    /// tokens must not. Backslashes inside quotes stay.
    private static func parameter(_ bytes: RawSpan, takesMore: Bool) -> (range: Range<Int>, end: Int) {
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

    private static func isBoundaryOctet(_ octet: UInt8) -> Bool { octet > 32 && octet < 127 && octet != 0x22 }

    // MARK: names of files

    /// The name as given, without quotes and without `charset'language'`, still
    /// percent-encoded; nil where the value has no `word=`.
    fileprivate static func fileName(_ value: RawSpan, _ word: StaticString, takesStar: Bool) -> Range<Int>? {
        guard lastName(value, word, takesStar: takesStar) != nil,
            let behind = lastName(value, "name", takesStar: true)
        else { return nil }
        var start = skipBlanks(value, behind)
        var end = value.byteCount
        if start < end, value.octet(start) == 0x22 {
            start &+= 1
            end = value.firstIndex(of: 0x22, from: start) ?? end
        }
        let name = value.extracting(0..<end)
        if let quote = name.firstIndex(of: 0x27, from: start), quote > start,
            let second = name.firstIndex(of: 0x27, from: quote &+ 1)
        {
            start = second &+ 1
        }
        return start..<max(start, end)
    }

    /// The offset behind the last `word=`.
    private static func lastName(_ value: RawSpan, _ word: StaticString, takesStar: Bool) -> Int? {
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

    static func skipBlanks(_ bytes: RawSpan, _ start: Int) -> Int {
        var at = start
        while at < bytes.byteCount, HTTPOctets.isBlank(bytes.octet(at)) { at &+= 1 }
        return at
    }

    // MARK: content

    /// Quoted-printable (RFC 2045 section 6.7): a line.
    static func decodeQuoted(_ bytes: RawSpan, endsLine: Bool, into plain: inout [UInt8]) -> Bool {
        var isValid = true
        var count = bytes.byteCount
        while count > 0, HTTPOctets.isBlank(bytes.octet(count &- 1)) { count &-= 1 }
        var at = 0
        while at < count {
            let octet = bytes.octet(at)
            at &+= 1
            guard octet == 0x3D else {
                plain.append(octet)
                continue
            }
            // A last `=`: the line goes on.
            if at == count { return isValid && count == bytes.byteCount }
            if count &- at >= 2, let high = HTTPOctets.hexadecimal(bytes.octet(at)),
                let low = HTTPOctets.hexadecimal(bytes.octet(at &+ 1))
            {
                plain.append(high << 4 | low)
                // Digits are upper-case letters (RFC 2045 section 6.7).
                if bytes.octet(at) > 0x60 || bytes.octet(at &+ 1) > 0x60 { isValid = false }
                at &+= 2
            } else {
                plain.append(octet)
                isValid = false
            }
        }
        if endsLine {
            plain.append(0x0D)
            plain.append(0x0A)
        }
        return isValid
    }
}

/// A header that may name a file.
struct MIMEFileHeader {
    /// The parameter that does.
    private let word: StaticString
    private let takesStar: Bool

    /// Pieces of one name that are put together (RFC 2231 section 3).
    private static let piecesMax = 64

    static let contentType = MIMEFileHeader(word: "name", takesStar: false)
    static let contentDisposition = MIMEFileHeader(word: "filename", takesStar: true)

    private init(word: StaticString, takesStar: Bool) { (self.word, self.takesStar) = (word, takesStar) }

    /// Nil for any other header.
    init?(_ name: RawSpan) {
        if name.isText("content-type") {
            self = .contentType
        } else if name.isText("content-disposition") {
            self = .contentDisposition
        } else {
            return nil
        }
    }

    /// Where a name that is in one piece stands, still percent-encoded; nil where there is none.
    func place(in value: RawSpan) -> Range<Int>? { MIMEText.fileName(value, word, takesStar: takesStar) }

    /// The name in a value, percent-decoded; absent where there is none. Its octets are those of its character set.
    func fileName(_ value: RawSpan, to text: inout TextBuffer, _ context: inout AnalyzerContext) -> Text {
        if let place = place(in: value) {
            return HTTP.unescape(value.extracting(place), to: &text, &context, reports: false)
        }
        let pieces = pieces(value)
        guard pieces.first?.number == 0 else { return .absent }
        let start = text.begin()
        for (index, piece) in pieces.enumerated() {
            // The first that is missing ends the name.
            guard piece.number == index else { break }
            let octets = value.extracting(piece.place)
            if piece.isEncoded {
                _ = HTTP.unescape(octets, to: &text, &context, reports: false)
            } else {
                _ = text.add(octets)
            }
        }
        return text.end(start)
    }

    private struct Piece {
        var number: Int
        var isEncoded: Bool
        var place: Range<Int>
    }

    //  filename*0*=utf-8'en'one%20; filename*1="two"
    /// The pieces of a name that is in several, in order.
    private func pieces(_ value: RawSpan) -> [Piece] {
        guard value.firstIndex(of: 0x2A) != nil else { return [] }
        var found: [Piece] = []
        var at = value.firstIndex(of: 0x3B)
        while let mark = at, found.count < MIMEFileHeader.piecesMax {
            var place = MIMEText.skipBlanks(value, mark &+ 1)
            let head = piece(value, &place)
            let range = parameter(value, &place)
            if let head {
                var start = range.lowerBound
                if head.number == 0, head.isEncoded, let behind = behindCharset(value, range) { start = behind }
                found.append(Piece(number: head.number, isEncoded: head.isEncoded, place: start..<range.upperBound))
            }
            at = value.firstIndex(of: 0x3B, from: place)
        }
        return found.sorted { $0.number < $1.number }
    }

    /// `filename*N=` or `filename*N*=` at `at`, which then is behind it.
    private func piece(_ value: RawSpan, _ at: inout Int) -> (number: Int, isEncoded: Bool)? {
        let count = word.utf8CodeUnitCount
        guard value.byteCount &- at > count, value.matches(word, at: at, count: count, anyCase: true),
            value.octet(at &+ count) == 0x2A
        else { return nil }
        var place = at &+ count &+ 1
        let start = place
        var number = 0
        while place < value.byteCount, HTTPOctets.isDigit(value.octet(place)), place &- start < 3 {
            number = number &* 10 &+ Int(value.octet(place) &- 0x30)
            place &+= 1
        }
        guard place > start, place < value.byteCount else { return nil }
        let isEncoded = value.octet(place) == 0x2A
        if isEncoded { place &+= 1 }
        place = MIMEText.skipBlanks(value, place)
        guard place < value.byteCount, value.octet(place) == 0x3D else { return nil }
        at = MIMEText.skipBlanks(value, place &+ 1)
        return (number, isEncoded)
    }

    /// Up to the next semicolon outside of quotes, which `at` then stands at.
    private func parameter(_ value: RawSpan, _ at: inout Int) -> Range<Int> {
        let start = at
        if at < value.byteCount, value.octet(at) == 0x22 { return quoted(value, &at) }
        while at < value.byteCount, value.octet(at) != 0x3B {
            // A name in front of a quoted value.
            if value.octet(at) == 0x22 { _ = quoted(value, &at) } else { at &+= 1 }
        }
        var end = at
        while end > start, HTTPOctets.isBlank(value.octet(end &- 1)) { end &-= 1 }
        return start..<end
    }

    /// What stands between the quote at `at` and the next one, which `at` then is behind.
    private func quoted(_ value: RawSpan, _ at: inout Int) -> Range<Int> {
        let start = at &+ 1
        at = start
        while at < value.byteCount, value.octet(at) != 0x22 { at &+= value.octet(at) == 0x5C ? 2 : 1 }
        let end = min(at, value.byteCount)
        at = min(at &+ 1, value.byteCount)
        return start..<max(start, end)
    }

    private func behindCharset(_ value: RawSpan, _ range: Range<Int>) -> Int? {
        let text = value.extracting(0..<range.upperBound)
        guard let first = text.firstIndex(of: 0x27, from: range.lowerBound),
            let second = text.firstIndex(of: 0x27, from: first &+ 1)
        else { return nil }
        return second &+ 1
    }
}
