// SPDX-License-Identifier: Apache-2.0
//
// One literal in a stretch of octets: the inner loop of the walk over a buffer.
//
// Reads   borrowed octets.
// Writes  nothing.
// Leaves  many literals at once (PatternDatabase.swift).

import Wire

enum PatternSearch {
    /// The offset of the first `pattern` that lies wholly in `start ..< end` of `bytes`, or nil. A caseless pattern
    /// is in lower case; only ASCII letters have case.
    ///
    /// Sixteen places at a time are tested for the first and the last octet, the rest where both are there.
    static func first(_ pattern: RawSpan, in bytes: RawSpan, _ start: Int, _ end: Int, isCaseless: Bool) -> Int? {
        precondition(start >= 0 && start <= end && end <= bytes.byteCount, "the window lies outside of the buffer")
        let length = pattern.byteCount
        guard length > 0 else { return start }
        guard length <= end &- start else { return nil }
        let last = end &- length
        let head = pattern.octet(0)
        let tail = pattern.octet(length &- 1)
        if length == 1, other(head, isCaseless) == head { return first(head, in: bytes, start, end) }
        let heads = (SIMD16(repeating: head), SIMD16(repeating: other(head, isCaseless)))
        let tails = (SIMD16(repeating: tail), SIMD16(repeating: other(tail, isCaseless)))
        var place = start
        while place <= last, start &+ 15 <= last {
            // The last sixteen places may overlap those before.
            place = min(place, last &- 15)
            // Safe: `place + 15 <= last` and `last + length <= end`, so both loads end inside the span.
            let first = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: place, as: SIMD16<UInt8>.self)
            // Safe: as above.
            let final = unsafe bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: place &+ length &- 1, as: SIMD16<UInt8>.self)
            let both = ((first .== heads.0) .| (first .== heads.1)) .& ((final .== tails.0) .| (final .== tails.1))
            for half in 0..<2 {
                var lanes = PatternSearch.lanes(both, half)
                while lanes != 0 {
                    let lane = lanes.trailingZeroBitCount &>> 3
                    let found = place &+ 8 &* half &+ lane
                    if length <= 2 || matches(pattern, bytes, found, isCaseless) { return found }
                    lanes &= ~(0xFF &<< UInt64(8 &* lane))
                }
            }
            place &+= 16
        }
        while place <= last {
            if matches(pattern, bytes, place, isCaseless) { return place }
            place &+= 1
        }
        return nil
    }

    /// Eight of sixteen answers, an octet each, the first lowest.
    @inline(__always)
    private static func lanes(_ mask: SIMDMask<SIMD16<Int8>>, _ half: Int) -> UInt64 {
        // Safe: both are sixteen octets, of which the one type has an answer each and the other takes any.
        UInt64(littleEndian: unsafe unsafeBitCast(mask, to: SIMD2<UInt64>.self)[half])
    }

    /// The first place of an octet, thirty-two at a time.
    private static func first(_ octet: UInt8, in bytes: RawSpan, _ start: Int, _ end: Int) -> Int? {
        let wanted = SIMD16(repeating: octet)
        var place = start
        while place &+ 32 <= end {
            // Safe: `place + 32 <= end`, which lies inside the span.
            let one = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: place, as: SIMD16<UInt8>.self)
            // Safe: as above.
            let two = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: place &+ 16, as: SIMD16<UInt8>.self)
            if any((one .== wanted) .| (two .== wanted)) { break }
            place &+= 32
        }
        while place < end {
            if bytes.octet(place) == octet { return place }
            place &+= 1
        }
        return nil
    }

    /// The last place of an octet, sixteen at a time. A caseless letter is in lower case.
    static func last(_ octet: UInt8, in bytes: RawSpan, isCaseless: Bool) -> Int? {
        let both = (SIMD16(repeating: octet), SIMD16(repeating: other(octet, isCaseless)))
        var end = bytes.byteCount
        while end >= 16 {
            // Safe: `end` is at least 16 and at most the length of the span.
            let part = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: end &- 16, as: SIMD16<UInt8>.self)
            let found = (part .== both.0) .| (part .== both.1)
            for half in stride(from: 1, through: 0, by: -1) {
                let lanes = PatternSearch.lanes(found, half)
                if lanes != 0 { return end &- 16 &+ 8 &* half &+ 7 &- lanes.leadingZeroBitCount &>> 3 }
            }
            end &-= 16
        }
        while end > 0 {
            end &-= 1
            let found = bytes.octet(end)
            if (isCaseless ? found.lowered : found) == octet { return end }
        }
        return nil
    }

    /// The other case of a letter.
    private static func other(_ octet: UInt8, _ isCaseless: Bool) -> UInt8 {
        isCaseless && octet.isLower ? octet & 0xDF : octet
    }

    private static func matches(_ pattern: RawSpan, _ bytes: RawSpan, _ place: Int, _ isCaseless: Bool) -> Bool {
        for index in 0..<pattern.byteCount {
            let octet = bytes.octet(place &+ index)
            guard (isCaseless ? octet.lowered : octet) == pattern.octet(index) else { return false }
        }
        return true
    }
}
