// SPDX-License-Identifier: Apache-2.0
//
// The filter of an LDAP search as text (RFC 4511 section 4.5.1.7, RFC 4515).
//
// Reads   a filter.
// Writes  its text. `and` and `or` of more than two nest to the left, as the field's
//         logs have them: (&(&(a=1)(b=2))(c=3)).
// Leaves  what attributes mean, but for those with which domain controllers are found.

import Records
import Wire

enum LDAPFilter {
    /// Filters inside filters; deeper is no filter that anybody sends.
    static let depthMax = 20
    /// Octets of text after which nothing is added.
    private static let textBytesMax = 1 << 17

    /// Appends the text of the next filter. Throws for what is none, and for one nested too deeply.
    static func write(_ cursor: inout Cursor, to text: inout TextBuffer, depth: Int) throws(WireError) {
        let header = try cursor.berHeader()
        guard header.tag & 0xC0 == 0x80, depth <= depthMax else { throw .malformed(at: cursor.offset) }
        let content = try cursor.take(header.length)
        switch header.tag & 0x1F {
        case 0: try list(content, "(&", to: &text, depth: depth)
        case 1: try list(content, "(|", to: &text, depth: depth)
        case 2:
            text.append("(!")
            var inside = Cursor(content)
            try write(&inside, to: &text, depth: depth &+ 1)
            text.append(")")
        case 3: try comparison(content, "=", to: &text)
        case 4: try substrings(content, to: &text)
        case 5: try comparison(content, ">=", to: &text)
        case 6: try comparison(content, "<=", to: &text)
        case 7:
            text.append("(")
            _ = text.add(content, limit: room(text))
            text.append("=*)")
        case 8: try comparison(content, "~=", to: &text)
        case 9: try extensible(content, to: &text)
        default: break
        }
    }

    private static func room(_ text: borrowing TextBuffer) -> Int { max(0, textBytesMax &- text.bytes.count) }

    private static func list(
        _ content: RawSpan, _ opening: StaticString, to text: inout TextBuffer, depth: Int
    ) throws(WireError) {
        var count = 0
        var counter = Cursor(content)
        while counter.remaining > 0 {
            try counter.skip(try counter.berHeader().length)
            count &+= 1
        }
        guard count > 0 else { return }
        for _ in 0..<max(1, count &- 1) where room(text) > 0 { text.append(opening) }
        var cursor = Cursor(content)
        for index in 0..<count {
            try write(&cursor, to: &text, depth: depth &+ 1)
            if index > 0 || count == 1 { text.append(")") }
        }
    }

    private static func comparison(
        _ content: RawSpan, _ sign: StaticString, to text: inout TextBuffer
    ) throws(WireError) {
        var cursor = Cursor(content)
        let attribute = try cursor.take(try cursor.berHeader().length)
        let value = try cursor.take(try cursor.berHeader().length)
        text.append("(")
        _ = text.add(attribute, limit: room(text))
        text.append(sign)
        append(value, of: attribute, to: &text)
        text.append(")")
    }

    //  attribute, SEQUENCE OF { [0] initial, [1] any, [2] final }
    private static func substrings(_ content: RawSpan, to text: inout TextBuffer) throws(WireError) {
        var cursor = Cursor(content)
        let attribute = try cursor.take(try cursor.berHeader().length)
        let parts = try cursor.take(try cursor.berHeader().length)
        text.append("(")
        _ = text.add(attribute, limit: room(text))
        text.append("=")
        var isBehindStar = false
        for kind: UInt8 in 0...2 {
            var part = Cursor(parts)
            if kind == 2, !isBehindStar { text.append("*") }
            while part.remaining > 0 {
                let header = try part.berHeader()
                let value = try part.take(header.length)
                guard header.tag & 0x1F <= 2 else { throw .malformed(at: part.offset) }
                guard header.tag & 0x1F == kind else { continue }
                if kind == 1, !isBehindStar { text.append("*") }
                escape(value, to: &text)
                if kind == 1 {
                    text.append("*")
                    isBehindStar = true
                }
            }
        }
        text.append(")")
    }

    //  [1] rule, [2] attribute, [3] value, [4] whether the name counts too
    private static func extensible(_ content: RawSpan, to text: inout TextBuffer) throws(WireError) {
        var places: [3 of Range<Int>] = [0..<0, 0..<0, 0..<0]
        var cursor = Cursor(content)
        while cursor.remaining > 0 {
            let header = try cursor.berHeader()
            let start = cursor.offset
            try cursor.skip(header.length)
            let kind = Int(header.tag & 0x1F)
            if (1...3).contains(kind) { places[kind &- 1] = start..<cursor.offset }
        }
        text.append("(")
        let rule = content.extracting(places[0])
        append(content.extracting(places[1]), of: rule, to: &text)
        text.append(":")
        _ = text.add(rule, limit: room(text))
        text.append(":=")
        _ = text.add(content.extracting(places[2]), limit: room(text))
        text.append(")")
    }

    // MARK: values

    private static func append(_ value: RawSpan, of attribute: RawSpan, to text: inout TextBuffer) {
        guard room(text) > 0 else { return }
        if equal(attribute, "DomainGuid") {
            guid(value, to: &text)
        } else if equal(attribute, "objectSid") || equal(attribute, "AAC") {
            for index in 0..<value.byteCount {
                if index > 0 { text.append(":") }
                text.append(hexadecimal: value.extracting(index ..< index &+ 1))
            }
        } else if equal(attribute, "DomainSid") {
            sid(value, to: &text)
        } else if equal(attribute, "NtVer") {
            guard value.byteCount == 4 else { return text.append("HEX_FORMAT_FAILED") }
            text.append("0x")
            for index in (0..<4).reversed() { text.append(hexadecimal: value.extracting(index ..< index &+ 1)) }
        } else {
            escape(value, to: &text)
        }
    }

    /// The octets that would be taken for syntax become `\28` and the like.
    private static func escape(_ value: RawSpan, to text: inout TextBuffer) {
        for index in 0..<min(value.byteCount, room(text)) {
            let octet = value.octet(index)
            switch octet {
            case 0, 27, 0x28, 0x29, 0x2A:
                text.append("\\")
                text.append(hexadecimal: value.extracting(index ..< index &+ 1))
            default: text.bytes.append(octet)
            }
        }
    }

    /// 3f79048f-42cd-4c77-8426-835cd9f8a3ad: the first three groups are little-endian.
    private static func guid(_ value: RawSpan, to text: inout TextBuffer) {
        guard value.byteCount == 16 else { return text.append("GUID_FORMAT_FAILED") }
        let order: [16 of Int] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
        for place in 0..<16 {
            let index = order[place]
            text.append(hexadecimal: value.extracting(index ..< index &+ 1))
            if place == 3 || place == 5 || place == 7 || place == 9 { text.append("-") }
        }
    }

    /// S-1-5-21-…: revision, authority of 48 bits, and four sub-authorities, little-endian.
    private static func sid(_ value: RawSpan, to text: inout TextBuffer) {
        guard value.byteCount == 24 else { return text.append("SID_FORMAT_FAILED") }
        text.append("S-")
        text.append(decimal: UInt64(value.octet(0)))
        text.append("-")
        text.append(decimal: UInt64(value.load(0, as: UInt64.self) & 0xFFFF_FFFF_FFFF))
        for place in 0..<4 {
            text.append("-")
            text.append(decimal: UInt64(value.load(8 &+ 4 &* place, as: UInt32.self).byteSwapped))
        }
    }

    private static func equal(_ bytes: RawSpan, _ word: StaticString) -> Bool {
        bytes.byteCount == word.utf8CodeUnitCount && bytes.begins(with: word)
    }
}
