// SPDX-License-Identifier: Apache-2.0
//
// JSON under construction, straight into octets: the objects of EVE events.
//
// Reads   names that are literals, values as they were on the wire.
// Writes  members of an object, valid JSON (RFC 8259) whatever the octets are.
// Leaves  which members there are (each protocol), the fields common to all events (Logs).

/// Writes members one behind the other. What is opened must be closed by the same hand.
///
/// Text is escaped as Suricata does it: valid UTF-8 goes over as it is, with the escapes that
/// JSON demands; in a text that is no UTF-8 each octet above 0x7F becomes `\xnn`, as text.
package struct EVEBuilder: Sendable {
    package var buffer = TextBuffer()
    /// Something stands before in the same object or list.
    private var needsComma = false
    /// Octets of a text that must be changed on the way.
    private var scratch: [UInt8] = []

    package init() {}

    package mutating func clear() {
        buffer.clear()
        needsComma = false
    }

    package var isEmpty: Bool { buffer.bytes.isEmpty }

    // MARK: objects and lists

    package mutating func open(_ key: StaticString) { begin(key, 0x7B) }
    package mutating func openList(_ key: StaticString) { begin(key, 0x5B) }

    /// An object whose name came off the wire.
    package mutating func open(key: RawSpan) {
        name(key)
        buffer.bytes.append(0x7B)
        needsComma = false
    }

    /// A list whose name came off the wire.
    package mutating func openList(key: RawSpan) {
        name(key)
        buffer.bytes.append(0x5B)
        needsComma = false
    }

    /// An object that is an element of a list, or stands alone.
    package mutating func openItem() {
        separate()
        buffer.bytes.append(0x7B)
        needsComma = false
    }

    package mutating func close() { end(0x7D) }
    package mutating func closeList() { end(0x5D) }
    package mutating func closeItem() { end(0x7D) }

    private mutating func begin(_ key: StaticString, _ bracket: UInt8) {
        name(key)
        buffer.bytes.append(bracket)
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        buffer.bytes.append(bracket)
        needsComma = true
    }

    // MARK: taking back

    /// A place to go back to where what follows turns out to be nothing.
    package struct Mark: Sendable {
        fileprivate let count: Int
        fileprivate let needsComma: Bool
    }

    package var mark: Mark { Mark(count: buffer.bytes.count, needsComma: needsComma) }

    package mutating func goBack(to mark: Mark) {
        buffer.bytes.removeLast(buffer.bytes.count &- mark.count)
        needsComma = mark.needsComma
    }

    /// Whether anything was written since the mark.
    package func hasGrown(since mark: Mark) -> Bool { buffer.bytes.count > mark.count }

    // MARK: members

    package mutating func text(_ key: StaticString, _ octets: RawSpan) {
        name(key)
        quote(octets)
    }

    /// A member whose name came off the wire.
    package mutating func text(key: RawSpan, _ octets: RawSpan) {
        name(key)
        quote(octets)
    }

    package mutating func text(_ key: StaticString, _ value: StaticString?) {
        guard let value else { return }
        name(key)
        quote(value)
    }

    /// A text of a buffer; an absent one is left out.
    package mutating func text(_ key: StaticString, _ value: Text, in texts: borrowing TextBuffer) {
        guard !value.isAbsent else { return }
        name(key)
        quote(texts.bytes, Int(value.offset) ..< Int(value.offset) &+ Int(value.count))
    }

    package mutating func text(_ key: StaticString, _ octets: ArraySlice<UInt8>) {
        name(key)
        quote(octets)
    }

    package mutating func count(_ key: StaticString, _ value: UInt64?) {
        guard let value else { return }
        name(key)
        buffer.append(decimal: value)
    }

    package mutating func count(key: RawSpan, _ value: UInt64) {
        name(key)
        buffer.append(decimal: value)
    }

    package mutating func integer(_ key: StaticString, _ value: Int64?) {
        guard let value else { return }
        name(key)
        append(signed: value)
    }

    /// JSON has no word for infinity: such a value is left out.
    package mutating func real(_ key: StaticString, _ value: Double?) {
        guard let value, value.isFinite else { return }
        name(key)
        buffer.append(real: value)
    }

    package mutating func boolean(_ key: StaticString, _ value: Bool?) {
        guard let value else { return }
        name(key)
        buffer.append(value ? "true" : "false")
    }

    /// `2026-11-22T21:25:42.707558+0000`.
    package mutating func time(_ key: StaticString, _ value: Timestamp?) {
        guard let value else { return }
        name(key)
        buffer.bytes.append(0x22)
        append(time: value)
        buffer.bytes.append(0x22)
    }

    /// `2026-11-22T21:25:42`: a time that is given to the second.
    package mutating func wholeSecond(_ key: StaticString, _ value: Timestamp?) {
        guard let value else { return }
        name(key)
        buffer.bytes.append(0x22)
        append(time: value)
        buffer.bytes.removeLast(12)
        buffer.bytes.append(0x22)
    }

    package mutating func address(_ key: StaticString, _ value: Address?) {
        guard let value else { return }
        name(key)
        append(address: value)
    }

    /// Octets as lower-case hexadecimal digits.
    package mutating func hexadecimal(_ key: StaticString, _ octets: RawSpan) {
        name(key)
        buffer.bytes.append(0x22)
        buffer.append(hexadecimal: octets)
        buffer.bytes.append(0x22)
    }

    package mutating func base64(_ key: StaticString, _ octets: RawSpan) {
        name(key)
        buffer.bytes.append(0x22)
        append(base64: octets)
        buffer.bytes.append(0x22)
    }

    /// A 48-bit address of Ethernet, `02:00:5e:10:01:14`.
    package mutating func hardwareAddress(_ key: StaticString, _ value: UInt64) {
        name(key)
        append(hardwareAddress: value)
    }

    /// Members that were made by another builder, as they are.
    package mutating func members(_ octets: ArraySlice<UInt8>) {
        guard !octets.isEmpty else { return }
        separate()
        buffer.bytes.append(contentsOf: octets)
        needsComma = true
    }

    // MARK: elements of a list

    package mutating func item(_ octets: RawSpan) {
        separate()
        quote(octets)
        needsComma = true
    }

    package mutating func item(_ value: StaticString) {
        separate()
        quote(value)
        needsComma = true
    }

    package mutating func item(_ value: Text, in texts: borrowing TextBuffer) {
        guard !value.isAbsent else { return }
        separate()
        quote(texts.bytes, Int(value.offset) ..< Int(value.offset) &+ Int(value.count))
        needsComma = true
    }

    package mutating func item(_ octets: ArraySlice<UInt8>) {
        separate()
        quote(octets)
        needsComma = true
    }

    package mutating func item(count value: UInt64) {
        separate()
        buffer.append(decimal: value)
        needsComma = true
    }

    package mutating func item(address value: Address) {
        separate()
        append(address: value)
        needsComma = true
    }

    package mutating func item(hardwareAddress value: UInt64) {
        separate()
        append(hardwareAddress: value)
        needsComma = true
    }

    // MARK: texts that are put together: begin, add, end

    package mutating func beginText(_ key: StaticString) {
        name(key)
        buffer.bytes.append(0x22)
    }

    /// The same as an element of a list.
    package mutating func beginItem() {
        separate()
        buffer.bytes.append(0x22)
    }

    package mutating func add(_ octets: RawSpan) { escape(octets) }
    package mutating func add(_ literal: StaticString) { buffer.append(literal) }
    package mutating func add(_ value: Text, in texts: borrowing TextBuffer) {
        guard !value.isAbsent else { return }
        escape(texts.bytes, Int(value.offset) ..< Int(value.offset) &+ Int(value.count))
    }
    package mutating func add(decimal value: UInt64) { buffer.append(decimal: value) }

    /// Lower-case hexadecimal digits, at least `digits` of them.
    package mutating func add(hexadecimal value: UInt64, digits: Int = 1) {
        let needed = max(digits, (64 &- value.leadingZeroBitCount &+ 3) / 4, 1)
        for place in stride(from: needed &- 1, through: 0, by: -1) {
            let nibble = place < 16 ? UInt8(truncatingIfNeeded: value >> UInt64(place &* 4)) & 15 : 0
            buffer.bytes.append(TextBuffer.hexadecimalDigit(nibble))
        }
    }

    package mutating func endText() {
        buffer.bytes.append(0x22)
        needsComma = true
    }
}

// MARK: octets

extension EVEBuilder {
    private mutating func separate() {
        if needsComma { buffer.bytes.append(0x2C) }
    }

    /// The name of a member; its value follows.
    private mutating func name(_ key: StaticString) {
        separate()
        buffer.bytes.append(0x22)
        buffer.append(key)
        buffer.append("\":")
        needsComma = true
    }

    private mutating func name(_ key: RawSpan) {
        separate()
        quote(key)
        buffer.bytes.append(0x3A)
        needsComma = true
    }

    private mutating func quote(_ value: StaticString) {
        buffer.bytes.append(0x22)
        buffer.append(value)
        buffer.bytes.append(0x22)
    }

    private mutating func quote(_ octets: RawSpan) {
        buffer.bytes.append(0x22)
        escape(octets)
        buffer.bytes.append(0x22)
    }

    private mutating func quote(_ octets: ArraySlice<UInt8>) {
        buffer.bytes.append(0x22)
        buffer.bytes.append(contentsOf: octets)
        escapeTail(octets.count)
        buffer.bytes.append(0x22)
    }

    private mutating func quote(_ octets: borrowing [UInt8], _ range: Range<Int>) {
        buffer.bytes.append(0x22)
        escape(octets, range)
        buffer.bytes.append(0x22)
    }

    private mutating func escape(_ octets: borrowing [UInt8], _ range: Range<Int>) {
        buffer.bytes.append(contentsOf: octets[range])
        escapeTail(range.count)
    }

    private mutating func escape(_ octets: RawSpan) {
        escapeTail(Int(buffer.add(octets).count))
    }

    /// Escapes the last `count` octets, where that changes anything.
    private mutating func escapeTail(_ count: Int) {
        let start = buffer.bytes.count &- count
        var isPlain = true
        for index in start ..< buffer.bytes.count where isPlain {
            let octet = buffer.bytes[index]
            isPlain = octet &- 0x20 < 0x5F && octet != 0x22 && octet != 0x5C
        }
        guard !isPlain else { return }
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: buffer.bytes[start...])
        buffer.bytes.removeLast(count)
        let isUTF8 = EVEBuilder.isUTF8(scratch)
        for index in scratch.indices {
            let octet = scratch[index]
            if octet < 0x80 || isUTF8 { append(escaped: octet) } else { append(foreign: octet) }
        }
    }

    private static func isUTF8(_ octets: [UInt8]) -> Bool {
        let all = octets[...]
        var index = 0
        while index < octets.count {
            if octets[index] < 0x80 {
                index &+= 1
                continue
            }
            let length = TextEscaping.sequenceLength(all, at: index)
            if length == 0 { return false }
            index &+= length
        }
        return true
    }

    /// One octet of UTF-8 (RFC 8259 section 7).
    private mutating func append(escaped octet: UInt8) {
        switch octet {
        case 0x22, 0x5C:
            buffer.bytes.append(0x5C)
            buffer.bytes.append(octet)
        case 0x08: buffer.append("\\b")
        case 0x09: buffer.append("\\t")
        case 0x0A: buffer.append("\\n")
        case 0x0C: buffer.append("\\f")
        case 0x0D: buffer.append("\\r")
        case 0x00..<0x20, 0x7F:
            buffer.append("\\u00")
            buffer.bytes.append(TextBuffer.hexadecimalDigit(octet >> 4))
            buffer.bytes.append(TextBuffer.hexadecimalDigit(octet & 15))
        default: buffer.bytes.append(octet)
        }
    }

    /// An octet that belongs to no character: the text `\xnn`.
    private mutating func append(foreign octet: UInt8) {
        buffer.append("\\\\x")
        buffer.bytes.append(TextBuffer.hexadecimalDigit(octet >> 4))
        buffer.bytes.append(TextBuffer.hexadecimalDigit(octet & 15))
    }

    private mutating func append(signed value: Int64) {
        if value < 0 { buffer.bytes.append(0x2D) }
        buffer.append(decimal: value.magnitude)
    }

    private mutating func append(_ value: Int64, digits: Int) {
        var scale: Int64 = 1
        for _ in 1..<digits { scale &*= 10 }
        while scale > 0 {
            buffer.bytes.append(0x30 &+ UInt8(truncatingIfNeeded: value / scale % 10))
            scale /= 10
        }
    }

    /// Cut, not rounded, to microseconds; UTC.
    package mutating func append(time: Timestamp) {
        var (seconds, rest) = time.nanoseconds.quotientAndRemainder(dividingBy: second)
        if rest < 0 { (seconds, rest) = (seconds &- 1, rest &+ second) }
        var (days, clock) = seconds.quotientAndRemainder(dividingBy: 86_400)
        if clock < 0 { (days, clock) = (days &- 1, clock &+ 86_400) }
        let date = CivilDate(days: days)
        append(date.year, digits: 4)
        buffer.bytes.append(0x2D)
        append(date.month, digits: 2)
        buffer.bytes.append(0x2D)
        append(date.day, digits: 2)
        buffer.bytes.append(0x54)
        append(clock / 3600, digits: 2)
        buffer.bytes.append(0x3A)
        append(clock / 60 % 60, digits: 2)
        buffer.bytes.append(0x3A)
        append(clock % 60, digits: 2)
        buffer.bytes.append(0x2E)
        append(rest / 1000, digits: 6)
        buffer.append("+0000")
    }

    /// IPv6 with all eight groups, as Suricata writes it.
    private mutating func append(address: Address) {
        buffer.bytes.append(0x22)
        if address.isV4 {
            address.write(to: &buffer.bytes)
        } else {
            for group in 0..<8 {
                if group > 0 { buffer.bytes.append(0x3A) }
                let half = group < 4 ? address.high : address.low
                add(hexadecimal: half >> UInt64(48 &- group % 4 &* 16) & 0xFFFF, digits: 4)
            }
        }
        buffer.bytes.append(0x22)
    }

    private mutating func append(hardwareAddress value: UInt64) {
        buffer.bytes.append(0x22)
        for place in 0..<6 {
            if place > 0 { buffer.bytes.append(0x3A) }
            add(hexadecimal: value >> UInt64(40 &- place &* 8) & 0xFF, digits: 2)
        }
        buffer.bytes.append(0x22)
    }

    private mutating func append(base64 octets: RawSpan) {
        let start = buffer.bytes.count
        let count = Int(buffer.add(octets).count)
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: buffer.bytes[start...])
        buffer.bytes.removeLast(count)
        var index = 0
        while index < count {
            let left = count &- index
            let first = UInt32(scratch[index]) << 16
            let next = left > 1 ? UInt32(scratch[index &+ 1]) << 8 : 0
            let word = first | next | (left > 2 ? UInt32(scratch[index &+ 2]) : 0)
            for place in 0..<4 {
                let digit = UInt8(truncatingIfNeeded: word >> UInt32(18 &- place &* 6)) & 63
                buffer.bytes.append(place <= left ? EVEBuilder.base64Digit(digit) : 0x3D)
            }
            index &+= 3
        }
    }

    private static func base64Digit(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<26: 0x41 &+ value
        case 26..<52: 0x61 &+ value &- 26
        case 52..<62: 0x30 &+ value &- 52
        case 62: 0x2B
        default: 0x2F
        }
    }
}
