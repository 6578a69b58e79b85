// SPDX-License-Identifier: Apache-2.0
//
// Times as SQL writes them.
//
// Reads   `2026-11-22`, `2026-11-22 13:00`, `2026-11-22T13:00:05.25Z`, `2026-11-22 13:00+01:00`, and seconds
//         since 1970 of nine digits and more.
// Writes  `2026-11-22 13:00:05.250000`, UTC, always 26 octets, so that order of text is order of time.
// Leaves  time zones by name.

package import Records

/// Times as text, in microseconds since 1970-01-01 UTC.
enum TimeText {
    static let octetCount = 26

    /// Appends the 26 octets of a time. Years before 0 and after 9999 are shown as the nearest year with four digits.
    static func append(_ microseconds: Int64, to bytes: inout [UInt8]) {
        let clamped = max(-62_167_219_200_000_000, min(microseconds, 253_402_300_799_999_999))
        var (days, rest) = clamped.quotientAndRemainder(dividingBy: 86_400_000_000)
        if rest < 0 { (days, rest) = (days - 1, rest + 86_400_000_000) }
        let date = civil(days: days)
        let seconds = rest / 1_000_000
        append(date.year, digits: 4, to: &bytes)
        bytes.append(0x2D)
        append(date.month, digits: 2, to: &bytes)
        bytes.append(0x2D)
        append(date.day, digits: 2, to: &bytes)
        bytes.append(0x20)
        append(seconds / 3600, digits: 2, to: &bytes)
        bytes.append(0x3A)
        append(seconds / 60 % 60, digits: 2, to: &bytes)
        bytes.append(0x3A)
        append(seconds % 60, digits: 2, to: &bytes)
        bytes.append(0x2E)
        append(rest % 1_000_000, digits: 6, to: &bytes)
    }

    private static func append(_ value: Int64, digits: Int, to bytes: inout [UInt8]) {
        var divisor: Int64 = 1
        for _ in 1..<digits { divisor *= 10 }
        for _ in 0..<digits {
            bytes.append(0x30 &+ UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }

    /// The time that a text names, or nil. Digits finer than a microsecond are cut.
    static func parse(_ text: some RandomAccessCollection<UInt8>) -> Int64? {
        var reader = Reader(octets: Array(text))
        if let epoch = reader.epoch() { return epoch }
        guard let year = reader.number(4) else { return nil }
        var (month, day): (Int64, Int64) = (1, 1)
        var (hour, minute, second, fraction): (Int64, Int64, Int64, Int64) = (0, 0, 0, 0)
        var offset: Int64 = 0
        parts: if reader.take(0x2D) {
            guard let value = reader.number(2) else { return nil }
            month = value
            guard reader.take(0x2D) else { break parts }
            guard let value = reader.number(2) else { return nil }
            day = value
            guard reader.take(0x20) || reader.take(0x54) || reader.take(0x74) else { break parts }
            guard let value = reader.number(2) else { return nil }
            hour = value
            if reader.take(0x3A) {
                guard let value = reader.number(2) else { return nil }
                minute = value
                if reader.take(0x3A) {
                    guard let value = reader.number(2) else { return nil }
                    second = value
                    if reader.take(0x2E) {
                        guard let value = reader.fraction() else { return nil }
                        fraction = value
                    }
                }
            }
            guard let value = reader.zone() else { return nil }
            offset = value
        }
        guard reader.isAtEnd, 1...12 ~= month, 1...daysInMonth(year, month) ~= day, hour < 24, minute < 60, second < 61
        else { return nil }
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        return seconds * 1_000_000 + fraction
    }

    /// Year, month and day of a number of days since 1970-01-01 in the Gregorian calendar, in eras
    /// of 400 years (146097 days) that begin on the first of March.
    static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    /// The way back.
    static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func daysInMonth(_ year: Int64, _ month: Int64) -> Int64 {
        if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
        return [4, 6, 9, 11].contains(month) ? 30 : 31
    }
}

/// A walk over the octets of a time.
private struct Reader {
    let octets: [UInt8]
    var position = 0

    init(octets: [UInt8]) { self.octets = octets }

    var isAtEnd: Bool { position == octets.count }

    mutating func take(_ octet: UInt8) -> Bool {
        guard position < octets.count, octets[position] == octet else { return false }
        position += 1
        return true
    }

    /// Exactly `count` digits.
    mutating func number(_ count: Int) -> Int64? {
        guard octets.count - position >= count else { return nil }
        var value: Int64 = 0
        for octet in octets[position ..< position + count] {
            guard 0x30...0x39 ~= octet else { return nil }
            value = value * 10 + Int64(octet - 0x30)
        }
        position += count
        return value
    }

    /// Digits behind the point as microseconds; what is finer is passed over.
    mutating func fraction() -> Int64? {
        var value: Int64 = 0
        var count = 0
        while position < octets.count, 0x30...0x39 ~= octets[position] {
            if count < 6 { value = value * 10 + Int64(octets[position] - 0x30) }
            count += 1
            position += 1
        }
        guard count > 0 else { return nil }
        for _ in min(count, 6)..<6 { value *= 10 }
        return value
    }

    /// Nothing, `Z`, or an offset from UTC, in seconds.
    mutating func zone() -> Int64? {
        if isAtEnd || take(0x5A) || take(0x7A) { return 0 }
        let isEast = take(0x2B)
        guard isEast || take(0x2D), let hours = number(2), hours < 24 else { return nil }
        var minutes: Int64 = 0
        if !isAtEnd {
            _ = take(0x3A)
            guard let value = number(2), value < 60 else { return nil }
            minutes = value
        }
        return (hours * 60 + minutes) * (isEast ? 60 : -60)
    }

    /// Seconds since 1970, with or without a fraction: 9 to 12 digits, which no date begins with.
    mutating func epoch() -> Int64? {
        let digits = octets.prefix { 0x30...0x39 ~= $0 }.count
        guard 9...12 ~= digits, let seconds = number(digits) else { return nil }
        var microseconds: Int64 = 0
        if take(0x2E) {
            guard let value = fraction() else { return nil }
            microseconds = value
        }
        return isAtEnd ? seconds * 1_000_000 + microseconds : nil
    }
}

extension Timestamp {
    /// A time as a person or a statement writes it, UTC where it names no zone; nil where it is none.
    package init?(sqlText: String) {
        guard let microseconds = TimeText.parse(Array(sqlText.utf8)) else { return nil }
        let (nanoseconds, overflow) = microseconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return nil }
        self.init(nanoseconds: nanoseconds)
    }
}
