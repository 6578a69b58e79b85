// SPDX-License-Identifier: Apache-2.0
//
// Keeps one connection from flooding the anomaly log.

import Records

/// Remembers the newest anomalies of connections, so that a name repeated with
/// every packet makes one row. The collector decides exactly; this only spares it
/// the flood.
struct RepeatFilter {
    private static let count = 4096
    private var recent = [UInt64](repeating: 0, count: count)

    mutating func admits(_ weird: Weird, _ uid: UID) -> Bool {
        let key = (uid.value ^ UInt64(weird.rawValue)) &* 0x9E37_79B9_7F4A_7C15 | 1
        let place = Int(truncatingIfNeeded: key >> 52)
        guard recent[place] != key else { return false }
        recent[place] = key
        return true
    }
}
