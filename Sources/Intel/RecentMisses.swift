// SPDX-License-Identifier: Apache-2.0
//
// Addresses that were looked up lately and are no indicators: the same ones come again and again.
//
// Reads   addresses.
// Writes  whether they were asked for before.
// Leaves  hits, which are looked up each time; texts, whose looking up costs no more than remembering them.

import Records

/// Remembers addresses whole, so that nobody can have one taken for another; what falls into the same place takes it.
/// Made anew with the index that it is about.
struct RecentMisses {
    private struct Place {
        var address = Address(high: 0, low: 0)
        var port: UInt16 = 0
        var isSet = false
    }

    private var places = [Place](repeating: Place(), count: 4096)
    private let seed = UInt64.random(in: 0 ... .max)

    /// Whether an address, with the port that it was met at, was not found lately.
    func has(_ address: Address, _ port: UInt16) -> Bool {
        let place = places[slot(address, port)]
        return place.isSet && place.address == address && place.port == port
    }

    mutating func add(_ address: Address, _ port: UInt16) {
        places[slot(address, port)] = Place(address: address, port: port, isSet: true)
    }

    private func slot(_ address: Address, _ port: UInt16) -> Int {
        let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
        var hash = (address.high ^ seed) &* factor
        hash = (hash ^ hash >> 32 ^ address.low ^ UInt64(port) << 32) &* factor
        return Int(truncatingIfNeeded: hash >> 52)
    }
}
