// SPDX-License-Identifier: Apache-2.0
//
// Basic Encoding Rules of ASN.1 (ITU-T X.690) as protocols use them: tags of one
// octet, definite lengths. Nothing here calls itself, so no input can nest deeply.
//
// Reads   tag and length of the next element, integers, object identifiers.
// Writes  nothing.
// Leaves  what an element means; indefinite lengths and tags above 30 (refused).

import Wire

/// Tag and length of an element.
struct BERHeader: Equatable, BitwiseCopyable {
    let tag: UInt8
    /// Octets of content; more than are left where the message is cut or lies.
    let length: Int

    static let integer: UInt8 = 0x02
    static let octetString: UInt8 = 0x04
    static let objectIdentifier: UInt8 = 0x06
    static let sequence: UInt8 = 0x30
}

extension Cursor {
    /// The tag and length of the next element; the content follows and is not checked.
    mutating func berHeader() throws(WireError) -> BERHeader {
        let start = offset
        let tag = try read(UInt8.self)
        guard tag & 0x1F != 0x1F else { throw .malformed(at: start) }
        let first = try read(UInt8.self)
        guard first & 0x80 != 0 else { return BERHeader(tag: tag, length: Int(first)) }
        var length = 0
        let count = first & 0x7F
        guard count > 0, count <= 8 else { throw .malformed(at: start) }
        for _ in 0..<count {
            // Longer than any message; leading zeros are allowed.
            guard length < 1 << 40 else { throw .malformed(at: start) }
            length = length << 8 | Int(try read(UInt8.self))
        }
        return BERHeader(tag: tag, length: length)
    }

    /// The length of the next element, which must have `tag`.
    mutating func berLength(_ tag: UInt8) throws(WireError) -> Int {
        let start = offset
        let header = try berHeader()
        guard header.tag == tag else { throw .malformed(at: start) }
        return header.length
    }

    /// Steps over the next element, which must have `tag`.
    mutating func berSkip(_ tag: UInt8) throws(WireError) {
        let length = try berLength(tag)
        try skip(length)
    }

    /// An INTEGER, or another type in its form, as its low 64 bits.
    mutating func berInteger(_ tag: UInt8 = BERHeader.integer) throws(WireError) -> Int64 {
        let start = offset
        let length = try berLength(tag)
        // Nine octets hold an unsigned 64-bit value with its sign.
        guard length <= 9 else { throw .malformed(at: start) }
        return try berIntegerContent(length)
    }

    /// The content of an integer of `length` octets; negative where its first bit is set.
    mutating func berIntegerContent(_ length: Int) throws(WireError) -> Int64 {
        let content = try take(length)
        guard length > 0 else { return 0 }
        var value = Int64(Int8(bitPattern: content.octet(0)))
        for index in 1..<max(length, 1) { value = value << 8 | Int64(content.octet(index)) }
        return value
    }
}

/// One element: its tag and where its content stands.
struct BERElement: Equatable, BitwiseCopyable {
    let tag: UInt8
    let start: Int
    let end: Int

    var content: Range<Int> { start..<end }
    /// Number of a context-specific tag, such as 3 of `[3]`; nil for any other class.
    var index: UInt8? { tag & 0xC0 == 0x80 ? tag & 0x1F : nil }
}

/// The elements of a stretch, one after the other, with places that count from the
/// start of the message. Each step moves forward or ends.
struct BERWalk: BitwiseCopyable {
    private var place: Int
    private let end: Int

    /// `range` lies inside the octets that `next` is given.
    init(_ range: Range<Int>) {
        place = range.lowerBound
        end = range.upperBound
    }

    init(inside element: BERElement) {
        place = element.start
        end = element.end
    }

    var isAtEnd: Bool { place >= end }

    /// The next element; nil at the end.
    mutating func next(_ bytes: RawSpan) throws(WireError) -> BERElement? {
        guard place < end else { return nil }
        var cursor = Cursor(bytes.extracting(place..<end))
        let header = try cursor.berHeader()
        guard header.length <= cursor.remaining else { throw .truncated(at: place) }
        let start = place &+ cursor.offset
        let element = BERElement(tag: header.tag, start: start, end: start &+ header.length)
        place = element.end
        return element
    }

    /// The next element, which must be there and have `tag`.
    mutating func next(_ bytes: RawSpan, tag: UInt8) throws(WireError) -> BERElement {
        let start = place
        guard let element = try next(bytes), element.tag == tag else { throw .malformed(at: start) }
        return element
    }

    /// The next element, which must be there.
    mutating func required(_ bytes: RawSpan) throws(WireError) -> BERElement {
        guard let element = try next(bytes) else { throw .truncated(at: place) }
        return element
    }
}

extension RawSpan {
    /// The integer in an element's content, as its low 64 bits.
    func berInteger(_ element: BERElement) throws(WireError) -> Int64 {
        guard element.end &- element.start <= 9 else { throw .malformed(at: element.start) }
        var cursor = Cursor(extracting(element.content))
        return try cursor.berIntegerContent(element.end &- element.start)
    }
}
