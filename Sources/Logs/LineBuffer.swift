// SPDX-License-Identifier: Apache-2.0
//
// Lines under construction: digits, times and identities.
//
// Reads   numbers and octets.
// Writes  ASCII into octets that were reserved beforehand.
// Leaves  quoting and escaping (JSONForm, TSVForm), and whether there is room: a
//         form asks for `cellBytesMax` octets before each cell, then nothing here is checked
//         but by the span itself.

import Records

/// More than any cell but text takes: a sign, 20 digits, a point and six more; an address; quotes.
let cellBytesMax = 64

/// A way to write rows, one line each.
protocol RowForm {
    /// Writes the row's line at `at`, which moves on; false where there was no room, and
    /// then nothing of it counts.
    func append(
        _ row: Int, of batch: borrowing RowBatch, to line: inout MutableSpan<UInt8>, _ at: inout Int,
        scratch: inout [UInt8]
    ) -> Bool
}

extension MutableSpan<UInt8> {
    @inline(__always) mutating func put(_ octet: UInt8, _ at: inout Int) {
        self[at] = octet
        at &+= 1
    }

    @inline(__always) mutating func put(octets: borrowing Span<UInt8>, _ start: Int, _ end: Int, _ at: inout Int) {
        // A local place: one in memory would be stored and loaded again for each octet.
        var place = at
        for index in start..<end {
            self[place] = octets[index]
            place &+= 1
        }
        at = place
    }

    /// Octets that are kept eight a word: a store for eight instead of one each, which halves the time of a JSON line.
    /// Writes up to seven octets behind the last, which the next ones overwrite.
    @inline(__always)
    mutating func put(words: borrowing Span<UInt64>, _ range: Range<Int>, count: Int, _ at: inout Int) {
        // Safe: any octet is a valid UInt8, and `storeBytes` checks its place.
        var octets = unsafe mutableBytes
        var place = at
        for index in range {
            octets.storeBytes(of: words[index].littleEndian, toByteOffset: place, as: UInt64.self)
            place &+= 8
        }
        at &+= count
    }

    @inline(__always) mutating func put(octets: [UInt8], _ at: inout Int) {
        put(octets: octets.span, 0, octets.count, &at)
    }

    @inline(__always) mutating func put(decimal value: UInt64, _ at: inout Int) {
        if value < 10 { return put(0x30 &+ UInt8(truncatingIfNeeded: value), &at) }
        var count = 1
        var limit: UInt64 = 10
        while value >= limit {
            count &+= 1
            if count == 20 { break }
            limit &*= 10
        }
        var rest = value
        var place = at &+ count
        at = place
        while count > 0 {
            place &-= 1
            count &-= 1
            self[place] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    mutating func put(signed value: Int64, _ at: inout Int) {
        if value < 0 { put(0x2D, &at) }
        put(decimal: value.magnitude, &at)
    }

    /// Nanoseconds as seconds, cut (not rounded) to microseconds: six decimals, or
    /// where `trimmed` as many as are needed and at least one.
    mutating func put(seconds nanoseconds: Int64, trimmed: Bool, _ at: inout Int) {
        let microseconds = nanoseconds.magnitude / 1000
        if nanoseconds < 0 && microseconds != 0 { put(0x2D, &at) }
        put(decimal: microseconds / 1_000_000, &at)
        put(0x2E, &at)
        var rest = UInt32(truncatingIfNeeded: microseconds % 1_000_000)
        for _ in 0..<6 {
            put(0x30 &+ UInt8(truncatingIfNeeded: rest / 100_000), &at)
            rest = rest % 100_000 &* 10
            if trimmed && rest == 0 { break }
        }
    }

    /// A number with the fewest digits that give it back, at most 24 octets.
    mutating func put(real value: Double, _ at: inout Int) {
        for octet in value.description.utf8 { put(octet, &at) }
    }

    /// The letter and 11 base-62 digits of a UID. Same text as `UID.write`, by division
    /// with a constant.
    mutating func put(uid value: UInt64, prefix: UInt8, _ at: inout Int) {
        self[at] = prefix
        var rest = value
        var place = at &+ 12
        at = place
        for _ in 0..<11 {
            place &-= 1
            let digit = UInt8(truncatingIfNeeded: rest % 62)
            self[place] = digit &+ (digit < 10 ? 0x30 : digit < 36 ? 0x37 : 0x3D)
            rest /= 62
        }
    }

    /// An address; IPv6 by way of `scratch`.
    mutating func put(_ address: Address, _ at: inout Int, scratch: inout [UInt8]) {
        guard address.isV4 else {
            scratch.removeAll(keepingCapacity: true)
            address.write(to: &scratch)
            return put(octets: scratch, &at)
        }
        let value = address.v4
        var place = at
        for index: UInt32 in 0..<4 {
            if index > 0 { put(0x2E, &place) }
            let octet = UInt8(truncatingIfNeeded: value >> (24 &- index &* 8))
            if octet >= 100 { put(0x30 &+ octet / 100, &place) }
            if octet >= 10 { put(0x30 &+ octet / 10 % 10, &place) }
            put(0x30 &+ octet % 10, &place)
        }
        at = place
    }
}

/// A moment as Zeek's headers write it, `2011-11-04-19-44-35`, in UTC.
func headerTime(_ time: Timestamp) -> String {
    var (days, clock) = (time.nanoseconds / second).quotientAndRemainder(dividingBy: 86_400)
    if clock < 0 { (days, clock) = (days &- 1, clock &+ 86_400) }
    let date = CivilDate(days: days)
    let parts = [date.month, date.day, clock / 3600, clock / 60 % 60, clock % 60]
    return parts.reduce("\(date.year)") { $0 + ($1 < 10 ? "-0\($1)" : "-\($1)") }
}
