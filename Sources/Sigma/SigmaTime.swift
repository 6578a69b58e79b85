// SPDX-License-Identifier: Apache-2.0
//
// Parts of a time, for the modifiers minute to year.
//
// Reads   ISO 8601, or seconds since 1970, in UTC.
// Writes  minute, hour, day of month, ISO week, month, year.
// Leaves  time zones other than UTC, whose offset is not applied: rules mean the hour that is written.

import Records

struct SigmaTime {
    private let year: Int
    private let month: Int
    private let day: Int
    private let hour: Int
    private let minute: Int

    init?(_ octets: ArraySlice<UInt8>) {
        let text = String(decoding: octets.prefix(40), as: UTF8.self)
        if let seconds = Double(text), seconds >= 0, seconds < 1e11 {
            let days = Int64(seconds) / 86_400
            let date = CivilDate(days: days)
            (year, month, day) = (Int(date.year), Int(date.month), Int(date.day))
            let rest = Int(Int64(seconds) - days * 86_400)
            (hour, minute) = (rest / 3600, rest / 60 % 60)
            return
        }
        let parts = text.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
        guard parts.count >= 5, (1...9999).contains(parts[0]), (1...12).contains(parts[1]), (1...31).contains(parts[2]),
            text.contains("-")
        else { return nil }
        (year, month, day, hour, minute) = (parts[0], parts[1], parts[2], parts[3], parts[4])
    }

    func value(of part: SigmaCheck.TimePart) -> Int {
        switch part {
        case .minute: minute
        case .hour: hour
        case .day: day
        case .month: month
        case .year: year
        case .week: week
        }
    }

    /// The ISO 8601 week: that of the year which its Thursday lies in.
    private var week: Int {
        let days = SigmaTime.days(year, month, day)
        let weekday = (days + 3) % 7  // 1970-01-01 was a Thursday; Monday is 0
        let thursday = days - weekday + 3
        let yearOfThursday = Int(CivilDate(days: Int64(thursday)).year)
        return (thursday - SigmaTime.days(yearOfThursday, 1, 1)) / 7 + 1
    }

    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = (shifted / 400, shifted % 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
