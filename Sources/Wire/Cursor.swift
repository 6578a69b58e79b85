// SPDX-License-Identifier: Apache-2.0
//
// The read position in borrowed bytes that every dissector uses.
//
// Reads   integers of any width in network byte order, spans, single octets.
// Writes  nothing.
// Leaves  fixed-offset headers (see Header.swift) and text (see the protocols).

public import Glibc

/// A read position in borrowed packet bytes.
///
/// Every read checks what is left, advances, and never copies. A failed read
/// leaves the position where it was. The position is settable only here: the
/// unchecked load below relies on `0 <= position <= bytes.byteCount`.
@frozen public struct Cursor: ~Escapable {
    @usableFromInline let bytes: RawSpan
    @usableFromInline var position: Int

    /// Octets read so far.
    @inlinable public var offset: Int { position }

    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) {
        self.bytes = bytes
        self.position = 0
    }

    @inlinable public var remaining: Int { bytes.byteCount &- position }

    /// Reads an integer in network byte order.
    @inlinable
    public mutating func read<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self) throws(WireError) -> T {
        guard remaining >= MemoryLayout<T>.size else { throw .truncated(at: position) }
        defer { position &+= MemoryLayout<T>.size }
        // Safe: the guard above proves `position ..< position + size` lies inside `bytes`.
        return T(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: T.self))
    }

    /// Reads an integer in little-endian byte order.
    @inlinable
    public mutating func readLittle<T: FixedWidthInteger & BitwiseCopyable>(
        _: T.Type = T.self
    ) throws(WireError) -> T {
        try read(T.self).byteSwapped
    }

    /// The next octet without taking it, or nil at the end.
    @inlinable public var peek: UInt8? {
        guard remaining > 0 else { return nil }
        // Safe: the guard above proves that `position` is inside `bytes`.
        return unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt8.self)
    }

    /// Takes the next `count` bytes as a span.
    @inlinable @_lifetime(copy self)
    public mutating func take(_ count: Int) throws(WireError) -> RawSpan {
        guard count >= 0, remaining >= count else { throw .truncated(at: position) }
        defer { position &+= count }
        return bytes.extracting(position ..< position &+ count)
    }

    /// Steps over `count` bytes.
    @inlinable
    public mutating func skip(_ count: Int) throws(WireError) {
        guard count >= 0, remaining >= count else { throw .truncated(at: position) }
        position &+= count
    }

    /// Everything that is left, as a span; the cursor is then at the end.
    @inlinable @_lifetime(copy self)
    public mutating func rest() -> RawSpan {
        defer { position = bytes.byteCount }
        return bytes.extracting(position ..< bytes.byteCount)
    }

    /// Moves to an offset from the start of the bytes.
    @inlinable
    public mutating func seek(to offset: Int) throws(WireError) {
        guard offset >= 0, offset <= bytes.byteCount else { throw .truncated(at: position) }
        position = offset
    }
}

/// Why bytes could not be read. The offset counts from the start of the message.
@frozen public enum WireError: Error, Equatable {
    case truncated(at: Int)
    case malformed(at: Int)
}

extension RawSpan {
    /// The octet at `offset`, which must lie inside: checked, traps outside.
    @inlinable public func octet(_ offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount, "octet outside of the span")
        // Safe: the precondition proves that `offset` is inside the span.
        return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    /// The integer in network byte order at `offset`: checked, traps outside.
    @inlinable
    public func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self) -> T {
        precondition(offset >= 0 && offset <= byteCount &- MemoryLayout<T>.size, "load outside of the span")
        // Safe: the precondition proves that `offset ..< offset + size` is inside the span.
        return T(bigEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: T.self))
    }

    /// Appends the octets to an array: the one way from borrowed to owned bytes.
    @inlinable public func append(to array: inout [UInt8]) {
        // Safe: the buffer is read inside the closure only, while the span is borrowed.
        unsafe withUnsafeBytes { unsafe array.append(contentsOf: $0) }
    }

    /// Whether the octets from `offset` on begin with `text`.
    @inlinable public func begins(with text: StaticString, at offset: Int = 0) -> Bool {
        let count = text.utf8CodeUnitCount
        guard offset >= 0, byteCount &- offset >= count else { return false }
        return matches(text, at: offset, count: count, anyCase: false)
    }

    /// Whether the first `count` octets of `text` stand at `offset`; ASCII letters of
    /// both cases are the same where `anyCase`. `count` is at most what is there.
    @inlinable
    public func matches(_ text: StaticString, at offset: Int, count: Int, anyCase: Bool) -> Bool {
        precondition(count <= text.utf8CodeUnitCount, "more octets than the literal has")
        // Safe: a literal's octets live as long as the program; `count` was checked above.
        let literal = unsafe UnsafeBufferPointer(start: text.utf8Start, count: count)
        for index in 0..<count {
            let wanted = unsafe literal[index]
            let found = octet(offset &+ index)
            if wanted == found { continue }
            guard anyCase, wanted | 0x20 == found | 0x20, (0x61...0x7A).contains(wanted | 0x20) else { return false }
        }
        return true
    }

    /// The offset of the first `value` at or after `offset`, or nil.
    @inlinable public func firstIndex(of value: UInt8, from offset: Int = 0) -> Int? {
        guard offset >= 0, offset < byteCount else { return nil }
        // Safe: `offset ..< byteCount` is inside the span, which is borrowed for the call.
        return unsafe withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress,
                let found = unsafe memchr(base + offset, Int32(value), byteCount &- offset)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }
}

extension Array where Element == UInt8 {
    /// The array's octets, borrowed.
    @inlinable public var octets: RawSpan {
        // Safe: the span depends on the array's borrow, so it cannot outlive it.
        @_lifetime(borrow self) get { unsafe span.bytes }
    }
}

extension ArraySlice where Element == UInt8 {
    /// The slice's octets, borrowed.
    @inlinable public var octets: RawSpan {
        // Safe: the span depends on the slice's borrow, so it cannot outlive it.
        @_lifetime(borrow self) get { unsafe span.bytes }
    }
}
