// SPDX-License-Identifier: Apache-2.0
//
// Octets and addresses as text.

import Records
import Testing

@Suite struct `Text forms` {
    private func escaped(_ octets: [UInt8]) -> String {
        var bytes: [UInt8] = []
        TextEscaping.appendEscaped(octets[...], to: &bytes)
        #expect(TextEscaping.isPlain(octets[...]) == (bytes == octets))
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: [
        ([], ""), ([0x41, 0x5C, 0x22], "A\\\""), ([0x00, 0x0A, 0x7F], "\\x00\\x0a\\x7f"),
        ([0xC3, 0xA9], "é"), ([0xE2, 0x82, 0xAC], "€"), ([0xF0, 0x9F, 0x98, 0x80], "😀"),
        ([0xFF], "\\xff"), ([0xC3], "\\xc3"), ([0xC3, 0x41], "\\xc3A"), ([0xE2, 0x82], "\\xe2\\x82"),
        // An overlong slash, a surrogate, and a number above the last character (RFC 3629 section 3).
        ([0xC0, 0xAF], "\\xc0\\xaf"), ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80"),
        ([0xF4, 0x90, 0x80, 0x80], "\\xf4\\x90\\x80\\x80"), ([0x80, 0x41, 0xC3, 0xA9], "\\x80Aé"),
    ] as [([UInt8], String)])
    func `octets that are no text are escaped`(_ octets: [UInt8], _ text: String) {
        #expect(escaped(octets) == text)
    }

    @Test(arguments: [
        (Address(v4: 0), "0.0.0.0"), (Address(v4: 0xFFFF_FFFF), "255.255.255.255"),
        (Address(v4: 0x0A01_6409), "10.1.100.9"), (Address(high: 0, low: 0), "::"), (Address(high: 0, low: 1), "::1"),
        (Address(high: 0x2001_0DB8_0000_0000, low: 0x0000_0001_0000_0001), "2001:db8::1:0:1"),
        (Address(high: 0x2001_0DB8_0000_0001, low: 0x0001_0001_0001_0001), "2001:db8:0:1:1:1:1:1"),
        (Address(high: 0x0001_0000_0000_0002, low: 0x0000_0000_0000_0003), "1:0:0:2::3"),
        (Address(high: 0xFE80_0000_0000_0000, low: 0), "fe80::"), (Address(high: 0, low: 0x0102_0304), "::1.2.3.4"),
        (Address(high: .max, low: .max), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ])
    func `addresses are written as RFC 5952 says`(_ address: Address, _ text: String) {
        #expect("\(address)" == text)
    }

    @Test func `the texts of a record have a bound, whatever is added`() {
        var buffer = TextBuffer()
        let piece = [UInt8](repeating: 0x61, count: TextBuffer.textBytesMax - 1)
        let texts = (0..<10).map { _ in buffer.add(piece) }
        #expect(texts.map(\.count).reduce(0, +) == UInt32(TextBuffer.bytesMax))
        #expect(buffer[texts[9]].isEmpty && !texts[9].isAbsent)
        var other = TextBuffer()
        let long = other.add(piece)
        let none = buffer.add(long, of: other)
        #expect(none.count == 0)
        buffer.clear()
        let whole = buffer.add(long, of: other)
        #expect(buffer[whole].count == piece.count)
    }
}
