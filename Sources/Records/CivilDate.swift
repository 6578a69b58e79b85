// SPDX-License-Identifier: Apache-2.0
//
// A day of the Gregorian calendar, for the places that write dates.

/// Year, month and day in UTC.
package struct CivilDate: Sendable {
    package let year: Int64
    package let month: Int64
    package let day: Int64

    /// The date of a number of days since 1970-01-01.
    ///
    /// Counts in eras of 400 years (146097 days) that begin on the first of March, so
    /// that the leap day is an era's, a century's and a year's last.
    package init(days: Int64) {
        let shifted = days &+ 719_468  // days from 0000-03-01 to 1970-01-01
        let era = (shifted >= 0 ? shifted : shifted &- 146_096) / 146_097
        let dayOfEra = shifted &- era &* 146_097
        let yearOfEra = (dayOfEra &- dayOfEra / 1460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
        let marchMonth = (5 &* dayOfYear &+ 2) / 153
        day = dayOfYear &- (153 &* marchMonth &+ 2) / 5 &+ 1
        month = marchMonth < 10 ? marchMonth &+ 3 : marchMonth &- 9
        year = yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0)
    }
}
