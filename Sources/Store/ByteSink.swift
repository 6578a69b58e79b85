// SPDX-License-Identifier: Apache-2.0
//
// Little-endian numbers into an array of octets, and words into it in bulk.
//
// Leaves  reading (`ByteSource`).

#if !_endian(little)
    #error("segments are written from memory as it stands, which needs a little-endian machine")
#endif

extension [UInt8] {
    /// A number in base 128, lowest group first (Thrift compact protocol, Parquet encodings).
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// A signed number whose small magnitudes are short: 0, -1, 1, -2 … are 0, 1, 2, 3 …
    mutating func append(zigzag value: Int64) {
        append(varint: UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    mutating func append(littleEndian value: UInt32) {
        for shift in 0..<4 as Range<UInt32> { append(UInt8(truncatingIfNeeded: value >> (shift &* 8))) }
    }

    mutating func append(littleEndian value: UInt64) {
        for shift in 0..<8 as Range<UInt64> { append(UInt8(truncatingIfNeeded: value >> (shift &* 8))) }
    }

    /// The first `byteCount` octets of `words` as they stand in memory.
    mutating func append(words: [UInt64], byteCount: Int) {
        precondition(byteCount <= words.count &* 8, "more octets than there are")
        // Safe: the slice is checked against the buffer, which lives through the closure.
        unsafe words.withUnsafeBytes { unsafe append(contentsOf: $0[0..<byteCount]) }
    }

    /// Numbers of 8 octets each.
    mutating func append(words: ArraySlice<UInt64>) {
        // Safe: the buffer is read inside the closure only.
        unsafe words.withUnsafeBytes { unsafe append(contentsOf: $0) }
    }
}

/// Collects values of a fixed width of bits, lowest bit first, as Parquet packs them.
struct BitPacker {
    private(set) var words: [UInt64] = []
    private var pending: UInt64 = 0
    private var pendingBits = 0

    /// Starts again and keeps the memory.
    mutating func clear() {
        words.removeAll(keepingCapacity: true)
        pending = 0
        pendingBits = 0
    }

    /// `value` has no bits above `width`, which is 0 to 64.
    @inline(__always)
    mutating func append(_ value: UInt64, width: Int) {
        pending |= value &<< UInt64(pendingBits)
        pendingBits &+= width
        guard pendingBits >= 64 else { return }
        words.append(pending)
        pendingBits &-= 64
        // What did not fit: the upper `pendingBits` of the value's `width` bits; none when they fitted exactly.
        pending = pendingBits == 0 ? 0 : value >> UInt64(width &- pendingBits)
    }

    /// Writes what was collected, filled up with zero bits to whole octets.
    mutating func finish(to bytes: inout [UInt8]) {
        let bitCount = words.count &* 64 &+ pendingBits
        if pendingBits > 0 { words.append(pending) }
        bytes.append(words: words, byteCount: (bitCount &+ 7) / 8)
        clear()
    }
}

/// Whether two stretches hold the same octets. Eight are compared at a time: texts are looked up by the million.
package func areSameOctets(_ left: [UInt8], _ first: Range<Int>, _ right: [UInt8], _ second: Range<Int>) -> Bool {
    guard first.count == second.count else { return false }
    precondition(first.upperBound <= left.count && second.upperBound <= right.count, "a read beyond the end")
    precondition(first.lowerBound >= 0 && second.lowerBound >= 0, "a read before the beginning")
    // Safe: both stretches lie inside their arrays, and every load below lies inside its stretch.
    return unsafe left.withUnsafeBytes { left in
        unsafe right.withUnsafeBytes { right in
            var offset = 0
            while offset &+ 8 <= first.count {
                let one = unsafe left.loadUnaligned(fromByteOffset: first.lowerBound &+ offset, as: UInt64.self)
                let other = unsafe right.loadUnaligned(fromByteOffset: second.lowerBound &+ offset, as: UInt64.self)
                if one != other { return false }
                offset &+= 8
            }
            while offset < first.count {
                if unsafe left[first.lowerBound &+ offset] != right[second.lowerBound &+ offset] { return false }
                offset &+= 1
            }
            return true
        }
    }
}

/// A text of at most 15 octets as two words that no other text has: its octets, the first the lowest of the first
/// word, and its length in the upper octet of the second. Nil for longer ones.
package func shortText(_ octets: [UInt8], _ range: Range<Int>) -> (first: UInt64, second: UInt64)? {
    let count = range.count
    guard count < 16 else { return nil }
    var (first, second): (UInt64, UInt64) = (0, 0)
    if range.lowerBound >= 0, range.lowerBound <= octets.count &- 16 {
        // Safe: sixteen octets from the text's first on lie inside (the line above).
        (first, second) = unsafe octets.withUnsafeBytes { octets in
            unsafe (
                octets.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt64.self),
                octets.loadUnaligned(fromByteOffset: range.lowerBound &+ 8, as: UInt64.self)
            )
        }
        // Shifts of 64 and more give 0.
        first &= ~(UInt64.max << UInt64(count &* 8))
        second &= ~(UInt64.max << UInt64(max(0, count &- 8) &* 8))
    } else {
        for offset in 0..<count {
            let octet = UInt64(octets[range.lowerBound &+ offset])
            if offset < 8 {
                first |= octet << UInt64(offset &* 8)
            } else {
                second |= octet << UInt64(offset &* 8 &- 64)
            }
        }
    }
    return (first, second | UInt64(count) << 56)
}

/// Bits needed for values up to `value`.
func bitWidth(of value: UInt64) -> Int { 64 &- value.leadingZeroBitCount }

/// Reads what the above wrote. Every read is checked against the end; a nil
/// means that the octets are too few or make no sense.
struct ByteSource {
    /// The octets, and `spare` zeros behind them, so that a word may be loaded at the last octet.
    private(set) var bytes: [UInt8]
    /// Where the octets end.
    let end: Int
    /// Where the next read begins; never beyond `end`.
    private(set) var position = 0

    /// Octets behind the last one.
    static let spare = 8

    init(_ octets: consuming [UInt8]) {
        end = octets.count
        bytes = octets
        for _ in 0..<ByteSource.spare { bytes.append(0) }
    }

    /// Octets that have `spare` more behind them already: a page is not copied for it.
    init(padded octets: consuming [UInt8]) {
        precondition(octets.count >= ByteSource.spare, "no spare octets")
        end = octets.count &- ByteSource.spare
        bytes = octets
    }

    var left: Int { end &- position }

    mutating func skip(_ count: Int) -> Bool {
        guard count >= 0, count <= left else { return false }
        position &+= count
        return true
    }

    mutating func octet() -> UInt8? {
        guard position < end else { return nil }
        position &+= 1
        return bytes[position &- 1]
    }

    mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 64 {
            guard let octet = octet() else { return nil }
            value |= UInt64(octet & 0x7F) &<< shift
            if octet < 0x80 { return value }
            shift &+= 7
        }
        return nil
    }

    mutating func zigzag() -> Int64? {
        guard let value = varint() else { return nil }
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A count that is used as a size or a number of elements: at most `limit`.
    mutating func count(limit: Int) -> Int? {
        guard let value = varint(), value <= UInt64(limit) else { return nil }
        return Int(value)
    }

    mutating func littleEndian32() -> Int? {
        guard left >= 4 else { return nil }
        position &+= 4
        return Int(word(at: position &- 4) & 0xFFFF_FFFF)
    }

    mutating func littleEndian64() -> UInt64? {
        guard left >= 8 else { return nil }
        position &+= 8
        return word(at: position &- 8)
    }

    mutating func slice(_ count: Int) -> ArraySlice<UInt8>? {
        let start = position
        return skip(count) ? bytes[start ..< start &+ count] : nil
    }

    /// The eight octets from `offset` on; beyond the end there are zeros.
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset <= end, "a read beyond the end")
        // Safe: eight octets stand behind `end`, and `offset` is not beyond it.
        return unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    }

    /// Appends `count` packed values of `width` bits (at most 64, and those of `Word`) from the position on, and moves
    /// behind them. False where the octets are too few.
    mutating func unpack<Word: FixedWidthInteger & UnsignedInteger>(
        _ count: Int, width: Int, into values: inout [Word]
    ) -> Bool {
        let byteCount = (count &* width &+ 7) / 8
        guard byteCount <= left else { return false }
        let mask: UInt64 = width == 64 ? .max : (1 << UInt64(width)) &- 1
        let start = values.count
        values.append(contentsOf: repeatElement(0, count: count))
        guard width > 0 else { return true }
        let first = position &* 8
        var target = values.mutableSpan
        // Safe: the values stand in `byteCount` octets from the position on, which are there, and eight more
        // stand behind the last octet of all; a value reaches at most eight octets beyond its own first.
        unsafe bytes.withUnsafeBytes { octets in
            var bit = first
            for index in 0..<count {
                let shift = UInt64(bit & 7)
                var value = unsafe octets.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self) >> shift
                // Above 57 bits a value may reach into a ninth octet.
                if Int(shift) &+ width > 64 { value |= unsafe UInt64(octets[(bit >> 3) &+ 8]) << (64 &- shift) }
                target[start &+ index] = Word(truncatingIfNeeded: value & mask)
                bit &+= width
            }
        }
        position &+= byteCount
        return true
    }
}
