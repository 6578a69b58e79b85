// SPDX-License-Identifier: Apache-2.0
//
// Times on the command line: a moment, or how long ago.
//
// Reads   `2026-11-22 13:00`, and what else SQL takes for a time; `90m`, `24h`, `7d`.
// Writes  `Timestamp`.

import Query
package import Records

package enum HuntTime {
    /// A moment; nil where the text is none.
    package static func parse(_ text: String) -> Timestamp? { Timestamp(sqlText: text) }

    /// A moment, or one so many minutes, hours or days before `now`.
    package static func parse(_ text: String, now: Timestamp) -> Timestamp? {
        if let moment = parse(text) { return moment }
        guard let seconds = seconds(text) else { return nil }
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? nil : now.adding(-nanoseconds)
    }

    /// A length of time in seconds: `30s`, `90m`, `24h`, `7d`; a bare number is seconds.
    package static func seconds(_ text: String) -> Int64? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let last = text.last else { return nil }
        let digits = units[last] == nil ? text[...] : text.dropLast()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(digits) else {
            return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: units[last] ?? 1)
        return overflow ? nil : product
    }
}
