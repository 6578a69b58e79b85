// SPDX-License-Identifier: Apache-2.0
//
// Addresses to and from text.

import Glibc
import Records
import Testing

@Suite("Address") struct AddressTests {
    @Test(arguments: [
        ("10.0.0.1", "10.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
        ("2001:db8::1", "2001:db8::1"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("fe80::", "fe80::"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("::ffff:192.0.2.1", "192.0.2.1"),
    ])
    func `a text is read and written again`(_ text: String, _ expected: String) throws {
        let address = try #require(Address(text))
        #expect(address.description == expected)
    }

    @Test(arguments: [
        "", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.1.", "1:2:3", ":::", "1::2::3", "12345::", "g::", "host",
        "1:2:3:4:5:6:7:8:9", "::1.2.3", "+1::", "1:2:3:4:5:6:7:8::",
    ])
    func `what is no address is refused`(_ text: String) {
        #expect(Address(text) == nil)
    }

    @Test func `of 200,000 texts just those are addresses that inet_pton(3) takes, and the same ones`() {
        var chance = SystemRandomNumberGenerator()
        let parts = ["0", "1", "db8", "ffff", "2001", "a0", "F", "", "", "12345", "g", "10.0.0.1", "1.2.3"]
        var taken = 0
        for _ in 0..<200_000 {
            let count = Int.random(in: 1...9, using: &chance)
            var text = (0..<count).map { _ in parts.randomElement(using: &chance)! }.joined(separator: ":")
            if Int.random(in: 0..<8, using: &chance) == 0 { text += ":" }
            let expected = byTheSystem(text)
            #expect(Address(text) == expected, "\(text)")
            if expected != nil { taken += 1 }
        }
        #expect(taken > 2000)
    }

    private func byTheSystem(_ text: String) -> Address? {
        var octets = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, text, &octets) == 1 {
            return Address(v4: octets[..<4].reduce(0) { $0 << 8 | UInt32($1) })
        }
        guard unsafe inet_pton(AF_INET6, text, &octets) == 1 else { return nil }
        return Address(
            high: octets[..<8].reduce(0) { $0 << 8 | UInt64($1) }, low: octets[8...].reduce(0) { $0 << 8 | UInt64($1) })
    }
}
