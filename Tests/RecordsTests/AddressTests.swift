// SPDX-License-Identifier: Apache-2.0
//
// Addresses to and from text.

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
}
