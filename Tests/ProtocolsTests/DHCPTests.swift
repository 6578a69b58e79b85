// SPDX-License-Identifier: Apache-2.0
//
// DHCP: messages, and which of them share a row.

import Testing
import Wire

@testable import Protocols
@testable import Records

private let hardware: [UInt8] = [0x2C, 0xF4, 0x6E, 0xAC, 0xD1, 0x77]

private func option(_ code: UInt8, _ value: [UInt8]) -> [UInt8] { [code, UInt8(value.count)] + value }

private func message(
    _ type: UInt8, id: UInt8 = 7, your: [UInt8] = [0, 0, 0, 0], _ options: [UInt8] = [], end: [UInt8] = [255]
) -> [UInt8] {
    let head: [UInt8] = [type == 2 || type == 5 ? 2 : 1, 1, 6, 0, 0, 0, 0, id] + [UInt8](repeating: 0, count: 8)
    let middle: [UInt8] = your + [UInt8](repeating: 0, count: 8) + hardware + [UInt8](repeating: 0, count: 202)
    return head + middle + [0x63, 0x82, 0x53, 0x63] + option(53, [type]) + options + end
}

private let anyone = Address(v4: 0)
private let everyone = Address(v4: 0xFFFF_FFFF)
private let server = Address(v4: 0x0A42_0001)
private let client = Address(v4: 0x0A42_00C0)

private func bench(_ settings: AnalyzerSettings = AnalyzerSettings()) -> DatagramBench {
    let bench = DatagramBench(
        DHCP(), port: 67, originatorPort: 68, .udp, settings, logs: [DHCPRecord.makeSchema()])
    bench.tick(0)
    return bench
}

extension DatagramBench {
    fileprivate func say(
        _ octets: [UInt8], _ source: Address, _ port: UInt16, _ target: Address, _ other: UInt16,
        uid: UInt64 = 1, _ direction: Direction = .originator, at milliseconds: Int64 = 0
    ) {
        context.uid = UID(value: uid)
        context.id.originator = source
        context.id.originatorPort = port
        context.id.responder = target
        context.id.responderPort = other
        datagram(octets, from: direction, at: milliseconds)
    }

    fileprivate func discover(_ octets: [UInt8], at milliseconds: Int64 = 0) {
        say(octets, anyone, 68, everyone, 67, uid: 1, at: milliseconds)
    }

    fileprivate func tick(_ milliseconds: Int64) {
        context.advance(to: Timestamp(nanoseconds: milliseconds * 1_000_000))
    }

    fileprivate func end() -> [LogRow] {
        context.finish()
        return rows(.dhcp)
    }
}

@Suite("DHCP") struct DHCPTests {
    @Test func `a client gets an address: one row over two connections`() throws {
        let bench = bench()
        bench.discover(message(1, option(12, octets("ws167")) + option(61, [1] + hardware)))
        let lease = option(15, octets("corp.example\0")) + option(51, [0, 0, 0x1C, 0x20])
        bench.say(message(2, your: [10, 66, 0, 192], lease), server, 67, client, 68, uid: 2, at: 10)
        bench.discover(message(3, option(50, [10, 66, 0, 192]) + option(81, [0, 0, 0] + octets("ws167.corp"))), at: 20)
        bench.say(
            message(5, your: [10, 66, 0, 192], [0, 0] + lease + option(56, octets("welcome"))), server, 67, client, 68,
            uid: 2, at: 40)
        let row = try #require(bench.end().first)
        #expect(bench.rows(.dhcp).count == 1)
        #expect(row.numbers("uids") == [1, 2])
        #expect(row.address("client_addr") == client)
        #expect(row.address("server_addr") == server)
        #expect(row.text("mac") == "2c:f4:6e:ac:d1:77")
        #expect(row.text("host_name") == "ws167")
        #expect(row.text("client_fqdn") == "ws167.corp")
        #expect(row.text("domain") == "corp.example")
        #expect(row.address("requested_addr") == client)
        #expect(row.address("assigned_addr") == client)
        #expect(row.seconds("lease_time") == 7200)
        #expect(row.text("client_message") == nil)
        #expect(row.text("server_message") == "welcome")
        #expect(row.list("msg_types") == ["DISCOVER", "OFFER", "REQUEST", "ACK"])
        #expect(row.seconds("duration") == 0.04)
        #expect(bench.analyzer.isConfirmed)
    }

    @Test func `an answer to a client that asked from its address names the responder`() throws {
        let bench = bench()
        bench.say(message(8), client, 68, server, 67)
        bench.say(message(5, your: [10, 66, 0, 192]), client, 68, server, 67, .responder)
        let row = try #require(bench.end().first)
        #expect(row.address("client_addr") == client)
        #expect(row.address("server_addr") == server)
        #expect(row.list("msg_types") == ["INFORM", "ACK"])
    }

    @Test func `a transaction is written when it was silent, and the id is free again`() {
        let bench = bench()
        bench.tick(100)
        bench.discover(message(1), at: 100)
        bench.tick(10_000)
        #expect(bench.rows(.dhcp).isEmpty)
        bench.tick(20_000)
        #expect(bench.rows(.dhcp).count == 1)
        bench.discover(message(1), at: 20_001)
        #expect(bench.end().count == 2)
        #expect(bench.end().count == 2)
    }

    @Test func `a transaction that goes on is written after half a minute`() {
        let bench = bench()
        for milliseconds in stride(from: Int64(0), through: 41_000, by: 1000) {
            bench.tick(milliseconds)
            bench.discover(message(1), at: milliseconds)
        }
        #expect(bench.rows(.dhcp).count == 1)
        #expect(bench.rows(.dhcp).first?.list("msg_types")?.count == 40)
    }

    @Test func `many messages or connections are written at once`() {
        let bench = bench()
        for _ in 0..<50 { bench.discover(message(3)) }
        #expect(bench.rows(.dhcp).count == 1)
        for uid in UInt64(1)...10 { bench.say(message(3), anyone, 68, everyone, 67, uid: uid) }
        #expect(bench.rows(.dhcp).count == 2)
        let long = option(12, [UInt8](repeating: 0x61, count: 255))
        for count in UInt8(200)...245 {
            bench.discover(message(3, long + option(56, [UInt8](repeating: 0x62, count: Int(count)))))
        }
        #expect(bench.rows(.dhcp).count == 3)
        #expect(bench.end().count == 4)
    }

    @Test func `more transactions than may be open are an anomaly`() {
        var settings = AnalyzerSettings()
        settings.dhcpTransactionsMax = 2
        let bench = bench(settings)
        for id in UInt8(1)...3 { bench.discover(message(1, id: id)) }
        #expect(bench.weirds == [.DHCP_max_tracked_transactions_exceeded])
        #expect(bench.end().count == 2)
    }

    @Test func `on other ports an address pair keeps its transactions to itself`() {
        let bench = bench()
        bench.say(message(1), client, 5000, server, 5001)
        bench.say(message(2), server, 5001, client, 5000)
        bench.say(message(1), Address(v4: 9), 5000, server, 5001)
        #expect(bench.end().map { $0.list("msg_types")?.count } == [2, 1])
    }

    @Test func `every truncation is refused`() {
        let whole = message(3, option(12, octets("ws167")) + option(50, [10, 0, 0, 9]))
        for length in 0..<whole.count {
            let bench = bench()
            bench.discover(Array(whole.prefix(length)))
            #expect(bench.analyzer.isDetached)
            #expect(bench.end().isEmpty)
        }
    }

    @Test func `impossible lengths take nothing`() throws {
        let bench = bench()
        let odd = option(50, [1, 2]) + option(51, []) + option(61, []) + option(81, [0]) + option(12, [])
        bench.discover(message(77, odd + option(53, [])))
        let row = try #require(bench.end().first)
        #expect(row.list("msg_types") == ["unknown-message-type-77"])
        #expect(row.address("requested_addr") == nil)
        #expect(row.text("client_fqdn") == nil)
        #expect(row.text("host_name") == "")
        #expect(row.text("mac") == "2c:f4:6e:ac:d1:77")
    }

    @Test func `an option that is longer than the datagram is refused`() {
        let bench = bench()
        bench.discover(message(1, [12, 200, 0x61], end: []))
        #expect(bench.analyzer.isDetached)
        #expect(bench.end().isEmpty)
    }

    @Test func `another protocol, another cookie and BOOTP are refused`() {
        var other = message(1)
        other[239] = 0
        var plain = message(1)
        plain[240] = 255
        for octets in [other, plain, octets("GET / HTTP/1.1\r\n\r\n"), [UInt8](repeating: 0x2A, count: 600)] {
            let bench = bench()
            bench.discover(octets)
            #expect(bench.analyzer.isDetached)
            #expect(bench.end().isEmpty)
        }
    }

    @Test func `the probe knows the cookie`() {
        let whole = message(1)
        #expect(DHCPProbe.message(whole.octets) == .matches)
        let cut = Array(whole.prefix(239))
        #expect(DHCPProbe.message(cut.octets) == .needsMore)
        let other = [UInt8](repeating: 0, count: 300)
        #expect(DHCPProbe.message(other.octets) == .never)
    }
}

@Suite("DHCP by relays") struct DHCPRelayTests {
    @Test func `vendor classes, senders and what a relay adds are columns`() throws {
        let bench = bench()
        let relay = option(82, option(1, octets("eth0/1")) + option(2, [1, 2]) + option(6, octets("anna")) + [9, 200])
        bench.discover(message(1, option(60, octets("MSFT 5.0")) + relay))
        bench.say(
            message(2, your: [10, 66, 0, 192], option(60, octets("srv"))), server, 67, everyone, 68, uid: 2)
        let row = try #require(bench.end().first)
        #expect(row.text("client_software") == "MSFT 5.0" && row.text("server_software") == "srv")
        #expect(row.text("circuit_id") == "eth0/1" && row.text("subscriber_id") == "anna")
        #expect(row.text("agent_remote_id") == "\u{1}\u{2}")
        #expect(row.list("msg_types") == ["DISCOVER", "OFFER"])
    }

    @Test func `what a relay adds may be cut anywhere`() {
        let whole = option(1, octets("eth0/1")) + option(6, octets("anna"))
        for count in 0...whole.count {
            let bench = bench()
            bench.discover(message(1, option(82, Array(whole[..<count]))))
            let row = bench.end().first
            #expect(row?.text("circuit_id") == (count < 8 ? nil : "eth0/1"))
            #expect(row?.text("subscriber_id") == (count < whole.count ? nil : "anna"))
        }
    }
}
