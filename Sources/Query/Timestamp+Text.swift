// SPDX-License-Identifier: Apache-2.0
//
// Times in the words of SQL, for commands and reports.
//
// Reads   and writes what TimeText.swift does.
// Leaves  time zones by name.

package import Records

extension Timestamp {
    /// The time that a text names, such as `2026-11-22 13:00`, or nil.
    package init?(text: String) { self.init(octets: Array(text.utf8)[...]) }

    package init?(octets: ArraySlice<UInt8>) {
        guard let microseconds = TimeText.parse(octets) else { return nil }
        let (nanoseconds, overflow) = microseconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return nil }
        self.init(nanoseconds: nanoseconds)
    }

    /// `2026-11-22 13:00:05`, UTC.
    package var text: String { String(decoding: octets.prefix(19), as: UTF8.self) }

    /// `2026-11-22T13:00:05.250000Z` (RFC 3339).
    package var stamp: String {
        var octets = octets
        octets[10] = 0x54
        return String(decoding: octets, as: UTF8.self) + "Z"
    }

    private var octets: [UInt8] {
        guard case .text(let octets) = SQLValue(self) else { return [] }
        return octets
    }
}
