// SPDX-License-Identifier: Apache-2.0
//
// RADIUS: messages, and which of them make a row.

import Testing
import Wire

@testable import Protocols
@testable import Records

private func attribute(_ type: UInt8, _ value: [UInt8]) -> [UInt8] { [type, UInt8(value.count + 2)] + value }

private func message(_ code: UInt8, _ attributes: [UInt8] = []) -> [UInt8] {
    let count = attributes.count + 20
    return [code, 1, UInt8(count >> 8), UInt8(count & 0xFF)] + [UInt8](repeating: 0xA5, count: 16) + attributes
}

private let request = message(
    1,
    attribute(1, octets("John.McGuirk")) + attribute(31, octets("00-14-22-E9-54-5e"))
        + attribute(66, octets("192.0.2.7")) + attribute(77, octets("CONNECT 54Mbps")) + attribute(1, octets("second")))
private let challenge = message(11, attribute(8, [255, 255, 255, 254]) + attribute(18, octets("Hello, %u")))

private func bench() -> DatagramBench { DatagramBench(RADIUS(), port: 1812, logs: [RADIUSRecord.makeSchema()]) }

@Suite("RADIUS") struct RADIUSTests {
    @Test func `an attempt is a row with every column`() throws {
        let bench = bench()
        bench.datagram(request, at: 100)
        bench.datagram(challenge, from: .responder, at: 110)
        bench.datagram(message(1, attribute(1, octets("later"))), at: 120)
        #expect(bench.rows(.radius).isEmpty)
        bench.datagram(message(2, attribute(18, octets("not this"))), from: .responder, at: 143)
        let row = try #require(bench.finished().first)
        #expect(bench.rows(.radius).count == 1)
        #expect(row.seconds("ts") == 0.1)
        #expect(row.text("username") == "John.McGuirk")
        #expect(row.text("mac") == "00:14:22:e9:54:5e")
        #expect(row.address("framed_addr") == Address(v4: 0xFFFF_FFFE))
        #expect(row.text("tunnel_client") == "192.0.2.7")
        #expect(row.text("connect_info") == "CONNECT 54Mbps")
        #expect(row.text("reply_msg") == "Hello, %u")
        #expect(row.text("result") == "success")
        #expect(row.seconds("ttl") == 0.043)
        #expect(bench.analyzer.isConfirmed)
    }

    @Test func `a refusal, and an attempt without a verdict`() throws {
        let bench = bench()
        bench.datagram(message(3, attribute(18, octets("no"))), from: .responder)
        bench.datagram(message(1, attribute(31, octets("station"))), at: 5)
        let rows = bench.finished()
        try #require(rows.count == 2)
        #expect(rows.map { $0.text("result") } == ["failed", "unknown"])
        #expect(rows[0].number("ttl") == nil)
        #expect(rows[0].text("reply_msg") == nil)
        #expect(rows[1].text("mac") == "")
        #expect(rows[1].text("username") == nil)
    }

    @Test func `every truncation is refused`() {
        for length in 0..<request.count {
            let bench = bench()
            bench.datagram(Array(request.prefix(length)))
            // A message may end after any attribute.
            let isWhole = [20, 34, 53, 64, 80].contains(length)
            #expect(bench.analyzer.isDetached != isWhole)
            #expect(bench.finished().count == (isWhole ? 1 : 0))
        }
    }

    @Test func `impossible lengths of attributes are refused`() {
        for length in [UInt8(0), 1, 4, 255] {
            let bench = bench()
            bench.datagram(message(1, [1, length, 0x61]))
            #expect(bench.analyzer.isDetached)
        }
        let bench = bench()
        bench.datagram(message(11, attribute(8, [1, 2]) + attribute(18, [])))
        #expect(bench.finished().first?.address("framed_addr") == nil)
        #expect(bench.rows(.radius).first?.text("reply_msg") == "")
    }

    @Test func `another protocol is refused`() {
        let bench = bench()
        bench.datagram(octets("GET /index.html HTTP/1.1\r\nHost: example\r\n\r\n"))
        #expect(bench.analyzer.isDetached && !bench.analyzer.isConfirmed)
    }
}
