// SPDX-License-Identifier: Apache-2.0
//
// Times as the providers write them.
//
// Reads   ISO 8601 with any number of digits of a second, `T` or a space, an offset or none (UTC);
//         seconds, milliseconds or microseconds since 1970.
// Writes  `Timestamp`; nil for anything else.
// Leaves  leap seconds, which count as the second after.

package import Records

extension Timestamp {
    /// A time out of an audit record; nil where it is none, or not between 1970 and 2200.
    package init?(cloud octets: ArraySlice<UInt8>) {
        var reader = TimeReader(octets: octets)
        guard let value = reader.time() else { return nil }
        self = value
    }
}

private struct TimeReader {
    let octets: ArraySlice<UInt8>
    var position: Int

    init(octets: ArraySlice<UInt8>) {
        self.octets = octets
        position = octets.startIndex
    }

    mutating func time() -> Timestamp? {
        guard octets.count <= 40 else { return nil }
        if octets.count >= 9, octets.allSatisfy({ (0x30...0x39).contains($0) }) { return epoch() }
        guard let year = number(4), take(0x2D), let month = number(2), take(0x2D), let day = number(2),
            (1970...2200).contains(year), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var seconds = TimeReader.days(year, month, day) * 86_400
        guard position < octets.endIndex else { return Timestamp(seconds: seconds) }
        guard take(0x54) || take(0x20) || take(0x74), let hour = number(2), take(0x3A), let minute = number(2),
            hour < 24, minute < 60
        else { return nil }
        seconds += hour * 3600 + minute * 60
        var fraction: Int64 = 0
        if take(0x3A) {
            guard let second = number(2), second <= 60 else { return nil }
            seconds += second
            if take(0x2E) || take(0x2C) {
                guard let read = digitsOfSecond() else { return nil }
                fraction = read
            }
        }
        guard let offset = offset() else { return nil }
        return Timestamp(nanoseconds: (seconds - offset) * 1_000_000_000 + fraction)
    }

    /// Ten digits are seconds, thirteen milliseconds, sixteen microseconds.
    private mutating func epoch() -> Timestamp? {
        guard octets.count <= 16, let value = number(octets.count) else { return nil }
        let scale: Int64
        switch octets.count {
        case 9...10: scale = 1_000_000_000
        case 12...13: scale = 1_000_000
        case 15...16: scale = 1000
        default: return nil
        }
        let (nanoseconds, isBeyond) = value.multipliedReportingOverflow(by: scale)
        guard !isBeyond, nanoseconds < TimeReader.days(2201, 1, 1) * 86_400_000_000_000 else { return nil }
        return Timestamp(nanoseconds: nanoseconds)
    }

    private mutating func take(_ octet: UInt8) -> Bool {
        guard position < octets.endIndex, octets[position] == octet else { return false }
        position += 1
        return true
    }

    private mutating func number(_ digits: Int) -> Int64? {
        guard octets.endIndex - position >= digits else { return nil }
        var value: Int64 = 0
        for _ in 0..<digits {
            let octet = octets[position]
            guard (0x30...0x39).contains(octet) else { return nil }
            value = value * 10 + Int64(octet - 0x30)
            position += 1
        }
        return value
    }

    /// Nanoseconds; digits beyond the ninth are dropped.
    private mutating func digitsOfSecond() -> Int64? {
        var value: Int64 = 0
        var digits = 0
        while position < octets.endIndex, (0x30...0x39).contains(octets[position]) {
            if digits < 9 { value = value * 10 + Int64(octets[position] - 0x30) }
            digits += 1
            position += 1
        }
        guard digits > 0 else { return nil }
        for _ in min(digits, 9)..<9 { value *= 10 }
        return value
    }

    /// Seconds east of Greenwich; nothing written means UTC.
    private mutating func offset() -> Int64? {
        if position == octets.endIndex { return 0 }
        if take(0x5A) || take(0x7A) { return position == octets.endIndex ? 0 : nil }
        let isWest = position < octets.endIndex && octets[position] == 0x2D
        guard isWest ? take(0x2D) : take(0x2B), let hours = number(2), hours < 24 else { return nil }
        _ = take(0x3A)
        let minutes = position == octets.endIndex ? 0 : number(2) ?? 60
        guard minutes < 60, position == octets.endIndex else { return nil }
        return (hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
    }

    /// Days from 1970-01-01, the inverse of `CivilDate`.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
