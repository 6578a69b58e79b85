// SPDX-License-Identifier: Apache-2.0
//
// Reputation of addresses by category (`iprep`).
//
// Reads   categories.txt and reputation lists beside the rule file.
// Writes  nothing.
// Leaves  the keyword.

package import Records

/// Scores of addresses and networks, 0 to 127, in up to 60 categories.
package struct Reputation: Sendable {
    package static let categoriesMax = 60

    /// Short names by number; "" where a number is not used.
    package internal(set) var categories = [String](repeating: "", count: categoriesMax)
    private var hosts: [Address: [UInt8: UInt8]] = [:]
    private var networks: [(prefix: AddressPrefix, bits: Int, category: UInt8, score: UInt8)] = []

    package init() {}

    package func category(named name: String) -> UInt8? {
        categories.firstIndex(of: name).map { UInt8($0) }
    }

    /// The score of an address, or nil: its own, else that of the narrowest network.
    package func score(of address: Address, category: UInt8) -> UInt8? {
        if let score = hosts[address]?[category] { return score }
        for network in networks where network.category == category && network.prefix.contains(address) {
            return network.score
        }
        return nil
    }

    mutating func add(_ address: Address, category: UInt8, score: UInt8) {
        hosts[address, default: [:]][category] = score
    }

    mutating func add(_ prefix: AddressPrefix, bits: Int, category: UInt8, score: UInt8) {
        networks.append((prefix, bits, category, score))
        // The narrowest first.
        networks.sort { $0.bits > $1.bits }
    }
}
