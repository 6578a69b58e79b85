// SPDX-License-Identifier: Apache-2.0
//
// Addresses as 32-bit numbers, so that a pair of them is one word.
//
// Reads   addresses as text, out of column vectors; which networks are the site's own.
// Writes  numbers: an IPv4 address below 240.0.0.0 is its own, all others are numbered from 240.0.0.0 on.
// Leaves  which pairs matter.

package import Records
import Store
import Synchronization

/// Which addresses are the site's own.
package struct SiteNetworks: Sendable {
    package var networks: [AddressPrefix]

    /// RFC 1918 and RFC 4193.
    package static let privateNetworks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
    /// Not hosts of a conversation: this host, loopback, link-local, multicast, broadcast.
    private static let noHosts: [AddressPrefix] = [
        "0.0.0.0/32", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "::/128", "::1/128",
        "fe80::/10", "ff00::/8",
    ].compactMap { AddressPrefix($0) }

    package init(_ networks: [AddressPrefix]) { self.networks = networks }

    package static let standard = SiteNetworks(privateNetworks.compactMap { AddressPrefix($0) })

    package func contains(_ address: Address) -> Bool { networks.contains { $0.contains(address) } }
    static func isHost(_ address: Address) -> Bool { !noHosts.contains { $0.contains(address) } }
}

/// An address of a row, as a pass sees it.
struct HostNumber: Sendable {
    var number: UInt32 = 0
    var isInternal = false
    /// Whether it can be an end of a conversation at all; false where the row has none.
    var isHost = false
}

/// Numbers for the addresses that are no plain IPv4. Shared by workers.
final class HostNumbers: Sendable {
    private struct Others {
        var numbers: [Address: UInt32] = [:]
        var addresses: [Address] = []
    }

    private let site: SiteNetworks
    private let others = Mutex(Others())

    /// Numbers from here on are places in a table.
    private static let firstOther: UInt32 = 0xF000_0000
    private static let othersMax = Int(UInt32.max - firstOther)

    init(_ site: SiteNetworks) { self.site = site }

    /// By place in the vector's texts. Texts that are no address are no host.
    func numbers(_ vector: ColumnVector) -> [HostNumber] {
        (0..<vector.texts.count).map { index in
            guard let address = Address(octets: vector.texts[index]) else { return HostNumber() }
            guard let number = number(address) else { return HostNumber() }
            return HostNumber(
                number: number, isInternal: site.contains(address), isHost: SiteNetworks.isHost(address))
        }
    }

    private func number(_ address: Address) -> UInt32? {
        if address.isV4, address.v4 < HostNumbers.firstOther { return address.v4 }
        return others.withLock { others in
            if let known = others.numbers[address] { return known }
            guard others.addresses.count < HostNumbers.othersMax else { return nil }
            let number = HostNumbers.firstOther + UInt32(others.addresses.count)
            others.numbers[address] = number
            others.addresses.append(address)
            return number
        }
    }

    func address(_ number: UInt32) -> Address {
        guard number >= HostNumbers.firstOther else { return Address(v4: number) }
        return others.withLock { $0.addresses[Int(number - HostNumbers.firstOther)] }
    }
}
