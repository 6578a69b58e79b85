// SPDX-License-Identifier: Apache-2.0
//
// What was looked up lately and is no indicator: the same names and addresses come again and again.
//
// Reads   texts and addresses.
// Writes  whether they were asked for before.
// Leaves  hits, which are looked up each time.

import Records

/// Remembers texts and addresses octet by octet, so that nobody can have one taken for another; what falls into the
/// same place takes it. Made anew with the index that it is about.
struct RecentMisses {
    private struct Place {
        var address = Address(high: 0, low: 0)
        var port: UInt16 = 0
        var isSet = false
    }

    /// Slots of texts, each with a length in front; one table for each way of looking up would be rarely full.
    private var texts = [UInt8](repeating: 0, count: slotCount * slotBytes)
    private var places = [Place](repeating: Place(), count: slotCount)
    private let seed = UInt64.random(in: 0 ... .max)

    private static let slotCount = 4096
    private static let slotBytes = 64

    /// Whether a text was not found lately by the lookup of this number.
    func has(_ text: ArraySlice<UInt8>, _ lookup: UInt8) -> Bool {
        guard text.count <= RecentMisses.slotBytes - 2 else { return false }
        let start = slot(text, lookup)
        guard texts[start] == UInt8(text.count) + 1, texts[start + 1] == lookup else { return false }
        var place = start + 2
        for octet in text {
            guard texts[place] == octet else { return false }
            place &+= 1
        }
        return true
    }

    mutating func add(_ text: ArraySlice<UInt8>, _ lookup: UInt8) {
        guard text.count <= RecentMisses.slotBytes - 2 else { return }
        let start = slot(text, lookup)
        // A length of 0 is a free slot.
        texts[start] = UInt8(text.count) + 1
        texts[start + 1] = lookup
        var place = start + 2
        for octet in text {
            texts[place] = octet
            place &+= 1
        }
    }

    /// Whether an address, with the port that it was met at, was not found lately.
    func has(_ address: Address, _ port: UInt16) -> Bool {
        let place = places[slot(address, port)]
        return place.isSet && place.address == address && place.port == port
    }

    mutating func add(_ address: Address, _ port: UInt16) {
        places[slot(address, port)] = Place(address: address, port: port, isSet: true)
    }

    private func slot(_ text: ArraySlice<UInt8>, _ lookup: UInt8) -> Int {
        var hash = seed ^ UInt64(lookup)
        var word: UInt64 = 0
        var filled = 0
        for octet in text {
            word = word << 8 | UInt64(octet)
            filled &+= 1
            if filled & 7 == 0 {
                hash = (hash ^ word) &* RecentMisses.factor
                hash ^= hash >> 32
                word = 0
            }
        }
        hash = (hash ^ word) &* RecentMisses.factor
        return Int(truncatingIfNeeded: hash >> 52) * RecentMisses.slotBytes
    }

    private func slot(_ address: Address, _ port: UInt16) -> Int {
        var hash = (address.high ^ seed) &* RecentMisses.factor
        hash = (hash ^ hash >> 32 ^ address.low ^ UInt64(port) << 32) &* RecentMisses.factor
        return Int(truncatingIfNeeded: hash >> 52)
    }

    private static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
}
