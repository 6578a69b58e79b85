// SPDX-License-Identifier: Apache-2.0
//
// SNMP: messages of the three versions, and the row of a connection.

import Testing
import Wire

@testable import Protocols
@testable import Records

private func integer(_ value: UInt8) -> [UInt8] { ber(2, [value]) }
private func variable(_ last: UInt8, _ value: [UInt8] = [5, 0]) -> [UInt8] {
    ber(0x30, ber(6, [0x2B, 6, 1, 2, 1, 1, last, 0]) + value)
}

private func message(
    _ kind: UInt8, version: UInt8 = 1, community: String = "public", _ variables: [UInt8]...
) -> [UInt8] {
    let body = integer(7) + integer(0) + integer(0) + ber(0x30, variables.flatMap { $0 })
    return ber(0x30, integer(version) + ber(4, octets(community)) + ber(kind, body))
}

private func version3(_ user: String, flags: [UInt8] = [0], scoped: [UInt8]) -> [UInt8] {
    let head = ber(0x30, integer(1) + integer(100) + ber(4, flags) + integer(3))
    let security = ber(0x30, ber(4, [1, 2]) + integer(1) + integer(9) + ber(4, octets(user)) + [4, 0, 4, 0])
    return ber(0x30, integer(3) + head + ber(4, security) + scoped)
}

private func bench() -> DatagramBench { DatagramBench(SNMP(), port: 161, logs: [SNMPRecord.makeSchema()]) }

@Suite("SNMP") struct SNMPTests {
    @Test func `a conversation is a row with every column`() throws {
        let bench = bench()
        bench.datagram(message(0xA0, community: "secret", variable(1), variable(3)), at: 10_000)
        #expect(!bench.analyzer.isConfirmed)
        let values = [variable(1, ber(4, octets("Linux"))), variable(3, ber(0x43, [1, 0]))]
        bench.datagram(message(0xA2, community: "other", values[0], values[1]), from: .responder, at: 10_250)
        bench.datagram(message(0xA1, variable(1)))
        bench.datagram(message(0xA3, variable(1)))
        bench.datagram(message(0xA5, variable(1), variable(2), variable(4)), at: 11_000)
        #expect(bench.analyzer.isConfirmed)
        #expect(bench.rows(.snmp).isEmpty)
        let row = try #require(bench.finished().first)
        #expect(row.seconds("ts") == 10)
        #expect(row.seconds("duration") == 1)
        #expect(row.text("version") == "2c")
        #expect(row.text("community") == "secret")
        #expect(row.number("get_requests") == 3)
        #expect(row.number("get_bulk_requests") == 3)
        #expect(row.number("get_responses") == 2)
        #expect(row.number("set_requests") == 1)
        #expect(row.text("display_string") == "Linux")
        #expect(row.seconds("up_since") == 7.69)
        #expect(bench.finished().count == 1)
    }

    @Test func `traps, informs and reports make a row and count nowhere`() throws {
        let trap = ber(
            0xA4, ber(6, [0x2B, 6]) + ber(0x40, [10, 0, 0, 1]) + integer(6) + integer(1) + ber(0x43, [9])
                + ber(0x30, variable(1)))
        let bench = bench()
        bench.datagram(ber(0x30, integer(0) + ber(4, []) + trap))
        for kind in [UInt8(0xA6), 0xA7, 0xA8] { bench.datagram(message(kind, variable(1))) }
        let row = try #require(bench.finished().first)
        #expect(row.text("version") == "1")
        #expect(row.text("community") == "")
        #expect(row.number("get_requests") == 0)
        #expect(row.number("get_responses") == 0)
        #expect(row.text("display_string") == nil)
        #expect(row.number("up_since") == nil)
        #expect(!bench.analyzer.isDetached)
    }

    @Test func `version 3 shows the first user, encrypted or not`() throws {
        let bench = bench()
        let body = integer(7) + integer(0) + integer(0) + ber(0x30, variable(1))
        bench.datagram(version3("", scoped: ber(0x30, ber(4, []) + ber(4, []) + ber(0xA0, body))))
        bench.datagram(version3("alice", scoped: ber(4, [1, 2, 3])), from: .responder)
        let row = try #require(bench.finished().first)
        #expect(row.text("version") == "3")
        #expect(row.text("community") == "alice")
        #expect(row.number("get_requests") == 1)
    }

    @Test func `flags of version 3 are one octet`() {
        let bench = bench()
        bench.datagram(version3("alice", flags: [1, 2], scoped: ber(4, [])))
        #expect(bench.analyzer.isDetached)
        #expect(bench.finished().isEmpty)
    }

    @Test func `an unknown version is no row`() {
        let bench = bench()
        bench.datagram(message(0xA0, version: 2, variable(1)), from: .responder)
        #expect(bench.analyzer.isConfirmed)
        #expect(bench.finished().isEmpty)
    }

    @Test func `every truncation is refused`() {
        let first = variable(1, ber(4, octets("Linux")))
        let whole = message(0xA2, first)
        let head = whole.count - first.count
        for length in 0..<whole.count where length != head {
            let bench = bench()
            bench.datagram(Array(whole.prefix(length)), from: .responder)
            #expect(bench.analyzer.isDetached)
            #expect(bench.finished().isEmpty)
        }
    }

    @Test func `impossible lengths are refused`() {
        let whole = message(0xA2, variable(3, ber(0x43, [1, 0])))
        for place in whole.indices {
            for value in [UInt8(0x80), 0x84, 0x88, 0x89, 0xFF] {
                var octets = whole
                octets[place] = value
                let bench = bench()
                bench.datagram(octets, from: .responder)
                #expect(bench.finished().count == (bench.analyzer.isDetached ? 0 : bench.rows(.snmp).count))
            }
        }
        let wide = ber(0x30, ber(2, [UInt8](repeating: 0, count: 10)))
        let endless = [0x30, 0x80, 2, 1, 1] as [UInt8]
        let huge = [0x30, 0x88, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 1, 1] as [UInt8]
        for octets in [wide, endless, huge] {
            let bench = bench()
            bench.datagram(octets)
            #expect(bench.analyzer.isDetached)
        }
    }

    @Test func `an uptime beyond time itself saturates`() throws {
        let bench = bench()
        let most = ber(0x46, [UInt8](repeating: 0xFF, count: 8))
        bench.datagram(message(0xA2, variable(3, most)), from: .responder, at: 1000)
        let row = try #require(bench.finished().first)
        #expect(try #require(row.seconds("up_since")) < -9e9)
    }

    @Test func `another protocol is refused`() {
        let bench = bench()
        bench.datagram(octets("GET / HTTP/1.1\r\n\r\n"), from: .responder)
        #expect(bench.analyzer.isDetached && !bench.analyzer.isConfirmed)
    }
}
