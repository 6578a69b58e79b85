// SPDX-License-Identifier: Apache-2.0
//
// HPACK: the examples of RFC 7541, appendix C, and blocks that are made to harm.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// The fields of each block in turn, on one decoder.
private func decode(_ blocks: [String], _ hpack: inout HPACK) -> [[String]] {
    var all: [[String]] = []
    for block in blocks {
        guard read(hexadecimal(block), &hpack) else { return all }
        all.append(
            hpack.fields.map { field in
                let name = String(decoding: hpack.text[field.name], as: UTF8.self)
                return "\(name): \(String(decoding: hpack.text[field.value], as: UTF8.self))"
            })
    }
    return all
}

/// Whether a block could be decoded.
private func read(_ octets: [UInt8], _ hpack: inout HPACK) -> Bool {
    do throws(WireError) {
        try hpack.decode(octets.octets)
        return true
    } catch {
        return false
    }
}

private func isRefused(_ octets: [UInt8]) -> Bool {
    var hpack = HPACK()
    return !read(octets, &hpack)
}

@Suite("HPACK") struct HPACKTests {
    /// C.3 and C.4: the same requests, without and with Huffman's code.
    @Test(arguments: [
        [
            "828684410f7777772e6578616d706c652e636f6d", "828684be58086e6f2d6361636865",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        ],
        [
            "828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        ],
    ])
    func `requests are those of the appendix`(_ blocks: [String]) {
        var hpack = HPACK()
        let host = ":authority: www.example.com"
        #expect(
            decode(blocks, &hpack) == [
                [":method: GET", ":scheme: http", ":path: /", host],
                [":method: GET", ":scheme: http", ":path: /", host, "cache-control: no-cache"],
                [":method: GET", ":scheme: https", ":path: /index.html", host, "custom-key: custom-value"],
            ])
    }

    /// C.6: a table of 256 octets, from which entries fall.
    @Test func `responses are those of the appendix, though the table is small`() {
        var hpack = HPACK()
        let fields = decode(
            [
                """
                3fe101 4882640258 85aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad1718
                63c78f0b97c8e9ae82ae43d3
                """, "4883640effc1c0bf",
                """
                88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdf
                cd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007
                """,
            ], &hpack)
        #expect(hpack.sizeUpdates.isEmpty)
        let common = [
            "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT", "location: https://www.example.com",
        ]
        #expect(fields.count == 3)
        #expect(fields.first == [":status: 302"] + common)
        #expect(fields.dropFirst().first == [":status: 307"] + common)
        #expect(
            fields.last == [
                ":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT",
                "location: https://www.example.com", "content-encoding: gzip",
                "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
            ])
    }

    @Test func `every truncation is refused, or has fewer fields`() {
        let block = hexadecimal("828684418cf1e3c2e5f23a6ba0ab90f4ff")
        for count in 0..<block.count {
            var hpack = HPACK()
            if read(Array(block.prefix(count)), &hpack) { #expect(hpack.fields.count < 4) }
        }
    }

    @Test func `what cannot be is refused`() {
        // Index 0, an index behind the tables, a table too large, a size in the middle, an endless integer.
        for bad: [UInt8] in [
            [0x80], [0xFF, 0x00], [0x3F, 0xE2, 0xFF, 0x03], [0x82, 0x20],
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
            // Huffman: a whole octet of padding, padding of zeroes, the end of the string spelled out.
            [0x40, 0x82, 0xFF, 0xFF, 0x00], [0x40, 0x81, 0x00, 0x00], [0x40, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x00],
        ] { #expect(isRefused(bad), "\(bad)") }
    }

    @Test func `a block of references to a long entry is followed and not kept`() {
        var hpack = HPACK()
        let value = [UInt8](repeating: 0x61, count: 4000)
        #expect(read([0x40, 0x01, 0x78, 0x7F, 0xA1, 0x1E] + value, &hpack))
        #expect(read([UInt8](repeating: 0xBE, count: 60_000), &hpack))
        #expect(hpack.isExcessive)
        #expect(hpack.text.bytes.count <= HPACK.listBytesMax + 4001)
        #expect(hpack.fields.count <= HPACK.fieldsMax)
    }

    @Test func `entries without octets do not make the table grow`() {
        var hpack = HPACK()
        let empty: [UInt8] = [0x40, 0, 0]
        for _ in 0..<6000 { #expect(read(empty, &hpack)) }
        // 128 entries of 32 octets fit: 62 to 189.
        #expect(read([0xFF, 0x3E], &hpack))
        #expect(!read([0xFF, 0x3F], &hpack))
    }
}
