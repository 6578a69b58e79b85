// SPDX-License-Identifier: Apache-2.0
//
// Tagged values of BACnet (ANSI/ASHRAE 135 clause 20.2).
//
// Reads   tags, numbers, texts, object identifiers.
// Writes  texts of records.
// Leaves  what a value belongs to (BACnet.swift).

import Records
import Wire

/// A tag: whose it is, which one, and what follows.
struct BACnetTag: BitwiseCopyable {
    var number: UInt8
    var isContext: Bool
    /// A list of values begins or ends.
    var isOpening = false
    var isClosing = false
    /// Octets of the value; of an application's boolean the value itself.
    var length = 0

    init(parsing input: inout Cursor) throws(WireError) {
        let start = input.offset
        let first = try input.read(UInt8.self)
        number = first >> 4
        isContext = first & 8 != 0
        if number == 15 { number = try input.read() }
        switch first & 7 {
        case 6 where isContext: isOpening = true
        case 7 where isContext: isClosing = true
        case 5:
            length = Int(try input.read(UInt8.self))
            if length == 254 { length = Int(try input.read(UInt16.self)) }
            if length == 255 { length = Int(try input.read(UInt32.self)) }
        case 6, 7: throw .malformed(at: start)
        default: length = Int(first & 7)
        }
    }

    func isContext(_ wanted: UInt8) -> Bool { isContext && number == wanted && !isOpening && !isClosing }
}

/// A type in the upper 10 bits, a number in the others.
struct BACnetObject: BitwiseCopyable {
    let type: UInt32
    let instance: UInt64

    init(_ word: UInt32) {
        type = word >> 22
        instance = UInt64(word & 0x3F_FFFF)
    }
}

extension Cursor {
    /// The tag that follows, without taking it.
    func bacnetTag() throws(WireError) -> BACnetTag {
        var copy = self
        return try BACnetTag(parsing: &copy)
    }

    /// The value of a context tag that may be left out.
    mutating func bacnetOptional(_ number: UInt8) throws(WireError) -> Int? {
        guard remaining > 0 else { return nil }
        let tag = try bacnetTag()
        guard tag.isContext(number) else { return nil }
        _ = try BACnetTag(parsing: &self)
        return tag.length
    }

    /// The octets of a context tag that must stand here.
    mutating func bacnetLength(_ number: UInt8) throws(WireError) -> Int {
        let start = offset
        guard let length = try bacnetOptional(number) else { throw .malformed(at: start) }
        return length
    }

    mutating func bacnetUnsigned(_ length: Int) throws(WireError) -> UInt64 {
        guard length >= 1, length <= 8 else { throw .malformed(at: offset) }
        var value: UInt64 = 0
        for _ in 0..<length { value = value << 8 | UInt64(try read(UInt8.self)) }
        return value
    }

    mutating func bacnetObject(_ length: Int) throws(WireError) -> BACnetObject {
        guard length == 4 else { throw .malformed(at: offset) }
        return BACnetObject(try read())
    }

    /// Steps over what a tag has: its value, or everything up to the closing tag.
    mutating func bacnetSkip(_ tag: BACnetTag) throws(WireError) {
        guard tag.isOpening else {
            if tag.isContext || tag.number != 1 { try skip(tag.length) }
            return
        }
        var depth = 1
        while depth > 0 {
            let next = try BACnetTag(parsing: &self)
            if next.isOpening {
                depth &+= 1
            } else if next.isClosing {
                depth &-= 1
            } else if next.isContext || next.number != 1 {
                try skip(next.length)
            }
        }
    }
}

enum BACnetValue {
    /// An application's value as text.
    static func write(
        _ tag: BACnetTag, _ input: inout Cursor, _ text: inout TextBuffer
    ) throws(WireError) -> Text {
        if tag.number == 1 { return text.add(tag.length != 0 ? "true" : "false") }
        if tag.number == 0 { return text.add("null") }
        var value = Cursor(try input.take(tag.length))
        let start = text.begin()
        switch tag.number {
        case 2, 9: text.append(decimal: try value.bacnetUnsigned(tag.length))
        case 3:
            let unused = 64 &- 8 &* tag.length
            let whole = Int64(bitPattern: try value.bacnetUnsigned(tag.length)) << Int64(unused)
            let signed = whole >> Int64(unused)
            if signed < 0 { text.append("-") }
            text.append(decimal: signed.magnitude)
        case 4: text.append(real: Double(Float(bitPattern: try value.read())), least: 6)
        case 5: text.append(real: Double(bitPattern: try value.read()), least: 6)
        case 7: return try characters(tag.length, &value, &text)
        case 12:
            let object = try value.bacnetObject(tag.length)
            _ = text.name(object.type, in: BACnetTables.objects)
            text.append(": ")
            text.append(decimal: object.instance)
        case 10: try date(&value, &text)
        case 11: try time(&value, &text)
        default: text.append(hexadecimal: value.rest().extracting(first: 256))
        }
        return text.end(start)
    }

    /// A character string: an octet of its set, then UTF-8 in nearly all devices.
    static func characters(
        _ length: Int, _ input: inout Cursor, _ text: inout TextBuffer
    ) throws(WireError) -> Text {
        guard length > 0 else { return text.add("") }
        try input.skip(1)
        return text.add(try input.take(length &- 1), limit: 1024)
    }

    /// Year since 1900, month, day, day of the week.
    private static func date(_ value: inout Cursor, _ text: inout TextBuffer) throws(WireError) {
        text.append(decimal: 1900 &+ UInt64(try value.read(UInt8.self)))
        for _ in 0..<2 {
            text.append("-")
            text.append(decimal: UInt64(try value.read(UInt8.self)))
        }
    }

    /// Hour, minute, second, hundredths.
    private static func time(_ value: inout Cursor, _ text: inout TextBuffer) throws(WireError) {
        for index in 0..<4 {
            if index > 0 { text.append(index == 3 ? "." : ":") }
            text.append(decimal: UInt64(try value.read(UInt8.self)))
        }
    }
}
