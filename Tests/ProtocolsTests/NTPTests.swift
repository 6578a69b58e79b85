// SPDX-License-Identifier: Apache-2.0
//
// NTP: messages of all modes.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// An answer of a server at stratum 2, RFC 5905 section 7.3.
private let answer: [UInt8] =
    [0x24, 2, 6, 0xE9] + [0, 0, 0x0B, 0xD9] + [0, 0, 0x06, 0x30] + [85, 199, 214, 99]
    + [0xE0, 0x9A, 0x73, 0x4C, 0x12, 0xDE, 0x26, 0x7B] + [0xE0, 0x9A, 0x73, 0x86, 0x07, 0x05, 0x15, 0x4D]
    + [0xE0, 0x9A, 0x73, 0x86, 0x80, 0, 0, 0] + [0xE0, 0x9A, 0x73, 0x86, 0xC0, 0, 0, 0]

private func question(stratum: UInt8 = 0) -> [UInt8] {
    [0x23, stratum, 6, 0xE9] + [UInt8](repeating: 0, count: 8) + octets("GPS\0") + [UInt8](repeating: 0, count: 32)
}

private let control: [UInt8] = [0x16, 0xE2, 0, 5, 1, 2, 0, 9, 0, 0, 0, 4] + octets("a=1,")
private let monlist: [UInt8] = [0x17, 0x81, 3, 42, 0x30, 2, 7, 8] + [UInt8](repeating: 0xAA, count: 20)

private func bench() -> DatagramBench {
    DatagramBench(
        NTP(), port: 123,
        logs: [NTPRecord.makeSchema(), NTPControlRecord.makeSchema(), NTPPrivateRecord.makeSchema()])
}

@Suite("NTP") struct NTPTests {
    @Test func `question and answer are a row each, with every column`() throws {
        let bench = bench()
        bench.datagram(question(), from: .originator)
        bench.datagram(answer, from: .responder, at: 20)
        let rows = bench.rows(.ntp)
        try #require(rows.count == 2)
        #expect(rows[0].text("ref_id") == "GPS\0")
        #expect(rows[0].seconds("xmt_time") == 0)
        let row = rows[1]
        #expect(row.seconds("ts") == 0.02)
        #expect(row.number("version") == 4)
        #expect(row.number("mode") == 4)
        #expect(row.number("stratum") == 2)
        #expect(row.seconds("poll") == 64)
        #expect(row.number("precision") == 119)
        #expect(row.seconds("root_delay") == 0.046_28)
        #expect(row.seconds("root_disp") == 0.024_17)
        #expect(row.text("ref_id") == "85.199.214.99")
        #expect(row.seconds("ref_time") == 1_559_229_644.073_702_3)
        #expect(row.number("rec_time") == 1_559_229_702_500_000_000)
        #expect(row.number("xmt_time") == 1_559_229_702_750_000_000)
        #expect(row.number("num_exts") == 0)
        #expect(bench.analyzer.isConfirmed)
        #expect(bench.context.requests.isEmpty)
    }

    @Test func `a server that speaks first is the responder`() throws {
        let bench = bench()
        bench.datagram(answer, from: .originator)
        #expect(bench.context.requests == [.flip])
        #expect(try #require(bench.rows(.ntp).first).number("id.orig_p") == 123)
    }

    @Test func `extension fields are counted, the authenticator is none`() {
        let bench = bench()
        let field: [UInt8] = [1, 4, 0, 16] + [UInt8](repeating: 7, count: 12)
        let authenticator = [UInt8](repeating: 0, count: 20)
        bench.datagram(question() + authenticator)
        bench.datagram(question() + field + field + authenticator)
        bench.datagram(question() + [1, 4, 0, 3] + [UInt8](repeating: 7, count: 40))
        bench.datagram(question() + [1, 4, 0xFF, 0xFC] + [UInt8](repeating: 7, count: 40))
        #expect(bench.rows(.ntp).map { $0.number("num_exts") } == [0, 2, 0, 0])
    }

    @Test func `control and private messages have logs of their own`() throws {
        let bench = bench()
        bench.datagram(control + [0, 0, 0, 3] + octets("checksum"))
        let row = try #require(bench.rows(.ntpControl).first)
        #expect(row.number("op_code") == 2)
        #expect(row.number("sequence") == 5)
        #expect(row.number("status") == 258)
        #expect(row.number("association_id") == 9)
        #expect([row.flag("resp_bit"), row.flag("err_bit"), row.flag("more_bit")] == [true, true, true])
        #expect(row.text("data") == "a=1,")
        #expect(row.number("key_id") == 3)
        #expect(row.text("crypto_checksum") == "checksum")
        bench.datagram(monlist)
        let other = try #require(bench.rows(.ntpPrivate).first)
        #expect(other.number("req_code") == 42)
        #expect(other.number("implementation") == 3)
        #expect(other.flag("auth_bit") == true)
        #expect(other.number("sequence") == 1)
        #expect(other.number("err") == 3)
        #expect(other.text("data") == "\u{07}\u{08}")
        // The last control message is written again.
        #expect(bench.rows(.ntpControl).count == 2)
        #expect(bench.rows(.ntp).isEmpty)
    }

    @Test(arguments: 0..<48) func `every truncation is refused`(_ length: Int) {
        let bench = bench()
        bench.datagram(Array(answer.prefix(length)), from: .responder)
        #expect(bench.rows(.ntp).isEmpty)
        #expect(bench.analyzer.isDetached)
    }

    @Test func `cut control and private messages are refused`() {
        for length in 1..<control.count {
            let bench = bench()
            bench.datagram(Array(control.prefix(length)))
            #expect(bench.rows(.ntpControl).isEmpty && bench.analyzer.isDetached)
        }
        for length in 1..<monlist.count {
            let bench = bench()
            bench.datagram(Array(monlist.prefix(length)))
            #expect(bench.rows(.ntpPrivate).isEmpty && bench.analyzer.isDetached)
        }
    }

    @Test func `impossible numbers saturate`() throws {
        let bench = bench()
        var message = answer
        for value in [UInt8(127), 0x80, 31, 0xE1] {
            message[2] = value
            message[3] = value
            bench.datagram(message)
        }
        for value in [UInt8(0x80), 0xFF] {
            bench.datagram(Array(message[0..<4]) + [UInt8](repeating: value, count: 44))
        }
        let polls = bench.rows(.ntp).prefix(4).map { $0.number("poll") }
        #expect(polls == [UInt64(Int64.max), 0, 1_000_000_000 << 31, 0])
        #expect(bench.rows(.ntp).last?.seconds("root_delay") == -1.000015259)
    }

    @Test func `another protocol's octets make no row`() {
        let bench = bench()
        bench.datagram(octets("GET / HTTP/1.1\r\nHost: example\r\n\r\n"))
        #expect(bench.rows(.ntp).isEmpty && bench.rows(.ntpControl).isEmpty && bench.rows(.ntpPrivate).isEmpty)
    }

    @Test func `an analyzer that is used again forgets the rows before`() {
        let bench = bench()
        bench.datagram(control)
        bench.analyzer.reset()
        bench.datagram(answer, from: .responder)
        #expect(bench.rows(.ntpControl).count == 1)
        #expect(bench.rows(.ntp).count == 1)
    }
}
