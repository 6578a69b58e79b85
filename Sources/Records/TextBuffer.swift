// SPDX-License-Identifier: Apache-2.0
//
// Owned octets of the text columns of a record under construction.
//
// Reads   spans, literals and single octets.
// Writes  `Text`, the place of each.
// Leaves  encoding: octets go to the log writers as they were on the wire.

/// The octets of one record's texts, kept and reused by the analyzer that makes
/// the record. Clearing keeps the memory, so a warm analyzer allocates nothing.
@frozen @usableFromInline package struct TextBuffer: Sendable {
    @usableFromInline package var bytes: [UInt8] = []
    /// Texts are cut here; what was cut is counted by the caller that cares.
    @inlinable package static var textBytesMax: Int { 1 << 20 }
    /// Octets of all texts of a record that are copied from elsewhere. A peer that repeats a header for ever makes
    /// a row no longer than this; what is added beyond is cut, at last to nothing. As much as the arena of what
    /// signatures are shown (`TransactionOutput.bytesMax`), which is one of these.
    @inlinable package static var bytesMax: Int { 8 << 20 }

    @inlinable package init() {}

    /// Octets that may still be added.
    @inlinable var room: Int { max(TextBuffer.bytesMax &- bytes.count, 0) }

    @inlinable package mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    /// Copies `span` in, cut at `limit` octets.
    @inlinable package mutating func add(_ span: RawSpan, limit: Int = textBytesMax) -> Text {
        let start = bytes.count
        let count = min(span.byteCount, limit, room)
        // Safe: the buffer is read inside the closure only, while the span is borrowed.
        unsafe span.extracting(0..<count).withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        return Text(offset: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: count))
    }

    /// The same of an array. A field of a class is given like this: a span of it may not outlive the look at it.
    @inlinable package mutating func add(_ octets: [UInt8], limit: Int = textBytesMax) -> Text {
        let start = bytes.count
        let count = min(octets.count, limit, room)
        bytes.append(contentsOf: octets[..<count])
        return Text(offset: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: count))
    }

    @inlinable package mutating func add(_ literal: StaticString) -> Text {
        let start = bytes.count
        // Safe: a literal's octets live as long as the program.
        let octets = unsafe UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        unsafe bytes.append(contentsOf: octets)
        return Text(offset: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: octets.count))
    }

    /// Copies a text of another buffer.
    @inlinable package mutating func add(_ text: Text, of other: borrowing TextBuffer) -> Text {
        guard !text.isAbsent else { return .absent }
        let start = bytes.count
        let from = Int(text.offset)
        let count = min(Int(text.count), room)
        bytes.append(contentsOf: other.bytes[from ..< from &+ count])
        return Text(offset: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: count))
    }

    /// A text that is built octet by octet: `let start = begin()`, appends to
    /// `bytes`, then `end(start)`.
    @inlinable package func begin() -> Int { bytes.count }
    @inlinable package func end(_ start: Int) -> Text {
        Text(offset: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: bytes.count &- start))
    }

    @inlinable package mutating func append(_ literal: StaticString) { _ = add(literal) }

    /// Appends a number in decimal digits.
    @inlinable package mutating func append(decimal value: UInt64) {
        if value >= 10 { append(decimal: value / 10) }
        bytes.append(0x30 &+ UInt8(truncatingIfNeeded: value % 10))
    }

    /// Appends a number with at most six decimals; from 9e9 on in its shortest form.
    ///
    /// - Parameter least: Decimals to write at least, 1 to 6.
    package mutating func append(real value: Double, least: Int = 1) {
        guard value.magnitude < 9e9 else {
            // Beyond, a double does not hold every millionth. No device measures so much, and few times are so late.
            bytes.append(contentsOf: value.description.utf8)
            return
        }
        if value < 0 { append("-") }
        let millionths = UInt64((value.magnitude * 1e6).rounded())
        append(decimal: millionths / 1_000_000)
        append(".")
        var (rest, written) = (millionths % 1_000_000, 0)
        repeat {
            bytes.append(0x30 &+ UInt8(truncatingIfNeeded: rest / 100_000))
            rest = rest % 100_000 &* 10
            written &+= 1
        } while rest != 0 || written < least
    }

    /// Appends octets as lower-case hexadecimal digits.
    @inlinable package mutating func append(hexadecimal span: RawSpan) {
        for index in 0..<span.byteCount {
            // Safe: `index` runs over the span's own offsets.
            let octet = unsafe span.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
            bytes.append(TextBuffer.hexadecimalDigit(octet >> 4))
            bytes.append(TextBuffer.hexadecimalDigit(octet & 15))
        }
    }

    /// Appends a number in lower-case hexadecimal digits, without leading zeros.
    @inlinable package mutating func append(hexadecimalNumber value: UInt32) {
        if value >= 16 { append(hexadecimalNumber: value >> 4) }
        bytes.append(TextBuffer.hexadecimalDigit(UInt8(truncatingIfNeeded: value & 15)))
    }

    @inlinable package static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 &+ value : 0x57 &+ value
    }

    /// The octets of a text; none for an absent one.
    @inlinable package subscript(_ text: Text) -> ArraySlice<UInt8> {
        guard !text.isAbsent else { return [] }
        return bytes[Int(text.offset) ..< Int(text.offset) &+ Int(text.count)]
    }
}
