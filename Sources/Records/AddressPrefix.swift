// SPDX-License-Identifier: Apache-2.0
//
// Networks: an address and how many of its first bits count.
//
// Reads   addresses, and prefixes as people write them.
// Writes  nothing.
// Leaves  which networks are local (the configuration).

/// A network: an address and how many of its first bits count.
package struct AddressPrefix: Sendable, Equatable {
    private let high: UInt64
    private let low: UInt64
    private let highMask: UInt64
    private let lowMask: UInt64

    /// `bits` counts from the start of the 128-bit form: 96 more than of an IPv4 prefix.
    package init(_ address: Address, bits: Int) {
        highMask = bits <= 0 ? 0 : bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
        lowMask = bits <= 64 ? 0 : bits >= 128 ? .max : ~(UInt64.max >> UInt64(bits &- 64))
        high = address.high & highMask
        low = address.low & lowMask
    }

    /// An IPv4 network: 10.0.0.0/8 is `(0x0A00_0000, 8)`.
    package init(v4 value: UInt32, _ bits: Int) { self.init(Address(v4: value), bits: 96 + bits) }

    /// A network as people write it, `10.0.0.0/8`; a lone address is a network of one.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = Address(String(parts[0])) else { return nil }
        let most = address.isV4 ? 32 : 128
        guard parts.count == 2 else {
            self.init(address, bits: 128)
            return
        }
        guard let bits = Int(parts[1]), (0...most).contains(bits) else { return nil }
        self.init(address, bits: 128 - most + bits)
    }

    package func contains(_ address: Address) -> Bool {
        address.high & highMask == high && address.low & lowMask == low
    }

    /// Blocks that are not routed on the Internet: the special-purpose registries of IANA
    /// (RFC 6890), administratively scoped multicast (RFC 2365), and the 6to4 images
    /// (RFC 3056) of the IPv4 ones.
    package static let special: [AddressPrefix] = {
        let v4: [(UInt32, Int)] = [
            (0x0000_0000, 8), (0x0A00_0000, 8), (0x6440_0000, 10), (0x7F00_0000, 8), (0xA9FE_0000, 16),
            (0xAC10_0000, 12), (0xC000_0000, 24), (0xC000_0200, 24), (0xC0A8_0000, 16), (0xC612_0000, 15),
            (0xC633_6400, 24), (0xCB00_7100, 24), (0xE000_0000, 24), (0xEF00_0000, 8), (0xF000_0000, 4),
            (0xFFFF_FFFF, 32),
        ]
        let v6: [(UInt64, UInt64, Int)] = [
            (0, 0, 128), (0, 1, 128), (0x0064_FF9B_0001_0000, 0, 48), (0x0100_0000_0000_0000, 0, 64),
            (0x2001_0000_0000_0000, 0, 23), (0x2001_0002_0000_0000, 0, 48), (0x2001_0DB8_0000_0000, 0, 32),
            (0xFC00_0000_0000_0000, 0, 7), (0xFE80_0000_0000_0000, 0, 10), (0xFEC0_0000_0000_0000, 0, 10),
        ]
        let images = v4.map { (0x2002_0000_0000_0000 | UInt64($0.0) << 16, UInt64(0), 16 + $0.1) }
        return v4.map { AddressPrefix(v4: $0.0, $0.1) }
            + (images + v6).map { AddressPrefix(Address(high: $0.0, low: $0.1), bits: $0.2) }
    }()
}
