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
        let heads = (SIMD16(repeating: head), SIMD16(repeating: other(head, isCaseless)))
        let tails = (SIMD16(repeating: tail), SIMD16(repeating: other(tail, isCaseless)))
        var place = start
        while place &+ 15 <= last {
            // Safe: `place + 15 <= last` and `last + length <= end`, so both loads end inside the span.
            let first = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: place, as: SIMD16<UInt8>.self)
            // Safe: as above.
            let final = unsafe bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: place &+ length &- 1, as: SIMD16<UInt8>.self)
            let both = ((first .== heads.0) .| (first .== heads.1)) .& ((final .== tails.0) .| (final .== tails.1))
            if any(both) {
                for lane in 0..<16 where both[lane] && matches(pattern, bytes, place &+ lane, isCaseless) {
                    return place &+ lane
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
