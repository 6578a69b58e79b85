// SPDX-License-Identifier: Apache-2.0
//
// JSON under construction: valid whatever the octets are.

import Foundation
import Testing

@testable import Records

@Suite struct `EVE builder` {
    /// What a text of these octets reads as, by a JSON reader that is not our own.
    private func read(_ octets: [UInt8]) throws -> String {
        var builder = EVEBuilder()
        builder.openItem()
        builder.text("a", octets[...])
        builder.closeItem()
        let value = try JSONSerialization.jsonObject(with: Data(builder.buffer.bytes)) as? [String: Any]
        return try #require(value?["a"] as? String)
    }

    private func text(_ make: (inout EVEBuilder) -> Void) -> String {
        var builder = EVEBuilder()
        make(&builder)
        return String(decoding: builder.buffer.bytes, as: UTF8.self)
    }

    @Test(arguments: [
        ([], ""), ([0x41, 0x22, 0x5C, 0x2F], "A\"\\/"), ([0x00, 0x08, 0x09, 0x0A, 0x0C, 0x0D, 0x1F, 0x7F],
            "\u{0}\u{8}\t\n\u{C}\r\u{1F}\u{7F}"),
        ([0xC3, 0xA9], "é"), ([0xF0, 0x9F, 0x98, 0x80], "😀"), ([0xFF, 0x41], "\\xffA"),
        // In a text that is no UTF-8 the good characters are not spared.
        ([0xC3, 0xA9, 0x80], "\\xc3\\xa9\\x80"), ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80"),
    ] as [([UInt8], String)])
    func `octets read back as Suricata writes them`(_ octets: [UInt8], _ expected: String) throws {
        #expect(try read(octets) == expected)
    }

    @Test func `every octet and pair of octets is valid JSON`() throws {
        for first in UInt8.min ... .max {
            _ = try read([first])
            for second: UInt8 in [0x00, 0x22, 0x5C, 0x80, 0xBF, 0xC2, 0xF4, 0xFF] { _ = try read([first, second]) }
        }
    }

    @Test func `objects and lists have commas where they belong`() {
        let made = text { builder in
            builder.openItem()
            builder.open("a")
            builder.close()
            builder.openList("b")
            builder.item(count: 1)
            builder.openItem()
            builder.boolean("c", true)
            builder.integer("d", -5)
            builder.closeItem()
            builder.item("e")
            builder.closeList()
            builder.count("f", nil)
            builder.count("g", .max)
            builder.closeItem()
        }
        #expect(made == #"{"a":{},"b":[1,{"c":true,"d":-5},"e"],"g":18446744073709551615}"#)
    }

    @Test func `what was taken back leaves no trace`() {
        let made = text { builder in
            builder.openItem()
            builder.count("a", 1)
            let mark = builder.mark
            builder.open("b")
            builder.count("c", 1)
            #expect(builder.hasGrown(since: mark))
            builder.goBack(to: mark)
            #expect(!builder.hasGrown(since: mark))
            builder.count("d", 2)
            builder.closeItem()
        }
        #expect(made == #"{"a":1,"d":2}"#)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000+0000"), (1_468_449_727_199_672_999, "2016-07-13T22:42:07.199672+0000"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000000+0000"), (-1, "1969-12-31T23:59:59.999999+0000"),
    ] as [(Int64, String)])
    func `times are cut to microseconds`(_ nanoseconds: Int64, _ expected: String) {
        #expect(text { $0.time("a", Timestamp(nanoseconds: nanoseconds)) } == "\"a\":\"\(expected)\"")
    }

    @Test(arguments: [
        (0, "0.0"), (1.5, "1.5"), (-0.25, "-0.25"), (2.0000004, "2.0"), (0.1234567, "0.123457"), (1e300, "1e+300"),
        (999_999_999_999.5, "999999999999.5"), (1e12, "1000000000000.0"), (-2.5e13, "-25000000000000.0"),
        (1.9e19, "1.9e+19"),
    ] as [(Double, String)])
    func `numbers with decimals`(_ value: Double, _ expected: String) {
        #expect(text { $0.real("a", value) } == "\"a\":\(expected)")
    }

    @Test func `infinity is no member`() {
        #expect(text { $0.real("a", .infinity) }.isEmpty)
        #expect(text { $0.real("a", .nan) }.isEmpty)
    }

    @Test func `addresses are written in full`() {
        #expect(text { $0.address("a", Address(v4: 0x0A00_0001)) } == #""a":"10.0.0.1""#)
        let long = Address(high: 0x2001_0DB8_0014_0000, low: 0x111)
        #expect(text { $0.address("a", long) } == #""a":"2001:0db8:0014:0000:0000:0000:0000:0111""#)
        #expect(text { $0.hardwareAddress("a", 0x0200_5E10_0114) } == #""a":"02:00:5e:10:01:14""#)
    }

    @Test(arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar"])
    func `Base64 is that of RFC 4648`(_ word: String) {
        let octets = Array(word.utf8)
        let expected = Data(octets).base64EncodedString()
        // Safe: the span is read during the call.
        let made = text { unsafe $0.base64("a", octets.span.bytes) }
        #expect(made == "\"a\":\"\(expected)\"")
    }

    @Test func `texts that are put together`() {
        let made = text { builder in
            builder.beginText("a")
            builder.add("0x")
            builder.add(hexadecimal: 0xC00, digits: 8)
            builder.add(" ")
            builder.add(decimal: 42)
            builder.endText()
            builder.count("b", 1)
        }
        #expect(made == #""a":"0x00000c00 42","b":1"#)
    }
}
