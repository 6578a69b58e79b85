// SPDX-License-Identifier: Apache-2.0
//
// The table itself: finding, ending, bounds; flows without states; the record.

import Records
import Testing
import Wire

@testable import Flows

@Suite("Flow table") struct FlowTableTests {
    @Test func `requests and answers of UDP are one flow`() {
        var script = FlowScript()
        script.udp(.originator, [1, 2, 3])
        script.now = script.now.adding(1000)
        script.udp(.responder, [4])
        script.finish()
        #expect(script.rows.map(\.summaryText) == ["SF Dd 3 1"])
        #expect(script.rows[0].originatorIPBytes == 31)
        #expect(script.datagramBytes == 4)
    }

    @Test func `an answer of UDP without its request is the responder's by its port`() {
        var script = FlowScript { $0.likelyUDPPorts = PortSet([80]) }
        script.udp(.responder, [4])
        script.now = script.now.adding(1000)
        script.udp(.responder, [4])
        script.finish()
        #expect(script.rows.map(\.summaryText) == ["SHR ^d 0 2"])
    }

    @Test func `a length field of UDP that lies is believed and reported`() {
        var script = FlowScript()
        script.udp(.originator, [1, 2, 3], length: 508)
        script.now = script.now.adding(1000)
        script.udp(.originator, [1, 2, 3], length: 2)
        script.finish()
        #expect(script.weirds == [.UDP_datagram_length_mismatch, .UDP_datagram_length_mismatch])
        #expect(script.rows[0].originatorBytes == 500)
    }

    @Test func `echo requests and replies are one flow`() {
        var script = FlowScript()
        script.icmp(.originator, type: 8)
        script.now = script.now.adding(1000)
        script.icmp(.responder, type: 0)
        script.finish()
        #expect(script.rows.count == 1)
        #expect(script.rows[0].id?.originatorPort == 8)
        #expect(script.rows[0].id?.responderPort == 0)
        #expect(script.rows[0].summaryText == "OTH  16 16")
    }

    @Test func `messages that have no answer are a flow for each direction`() {
        var script = FlowScript()
        script.icmp(.originator, type: 3, code: 1)
        script.icmp(.responder, type: 3, code: 1)
        script.icmp(.originator, type: 3, code: 1)
        script.finish()
        #expect(script.rows.map(\.originatorPackets) == [2, 1])
        #expect(script.rows[0].id?.responderPort == 1)
    }

    @Test func `ICMP cut by the capture is not counted`() {
        var script = FlowScript()
        script.icmp(.originator, type: 8, cut: 4)
        script.finish()
        #expect(script.rows[0].originatorPackets == 0)
    }

    @Test func `other transports are flows without ports`() {
        var script = FlowScript()
        script.send([1, 2, 3], protocolNumber: 132, true)
        script.send([1, 2, 3], protocolNumber: 132, false)
        script.finish()
        #expect(script.rows.count == 1)
        #expect(script.rows[0].id?.transport == .unknown)
        #expect(script.rows[0].protocolNumber == 132)
        #expect(script.rows[0].responderPackets == 1)
    }

    @Test(arguments: [(UInt8(6), 20), (17, 8), (1, 8)])
    func `a transport header cut anywhere makes no connection`(_ transport: UInt8, _ size: Int) {
        for length in 0..<size {
            var script = FlowScript()
            script.send([UInt8](repeating: 0, count: length), protocolNumber: transport, true)
            #expect(script.weirds == [.truncated_header])
            script.send([UInt8](repeating: 0, count: 40), protocolNumber: transport, true, cut: 40 - length)
            #expect(script.weirds.last == .internally_truncated_header)
            #expect(script.table.liveCount == 0)
        }
    }

    @Test(arguments: 0..<5)
    func `a TCP header that lies about its length makes a connection without packets`(_ words: UInt8) {
        var script = FlowScript()
        var bytes = [UInt8](repeating: 0, count: 20)
        bytes[12] = words << 4
        script.send(bytes, protocolNumber: 6, true)
        bytes[12] = 0xF0
        script.send(bytes, protocolNumber: 6, true)
        script.finish()
        #expect(script.weirds == [.bad_TCP_header_len, .truncated_header])
        #expect(script.rows.map(\.originatorPackets) == [0])
    }

    @Test func `a bad checksum stands in the history and nothing else counts`() {
        var script = FlowScript { $0.ignoringChecksums = false }
        script.tcp(.originator, "S", 1000)
        script.tcp(.originator, "PA", 1000, 1, [1, 2])
        script.finish()
        #expect(script.weirds == [.bad_TCP_checksum, .bad_TCP_checksum])
        #expect(script.rows.map(\.summaryText) == ["OTH C - -"])
        #expect(script.rows[0].originatorPackets == 0)
    }

    @Test func `analyzers can turn a flow round and mark a limit`() {
        var script = FlowScript()
        script.udp(.originator, [1])
        script.table.apply(.flip, to: script.started[0])
        script.table.apply(.limitReached, to: script.started[0])
        script.table.apply(.limitReached, to: script.started[0])
        script.finish()
        #expect(script.rows[0].historyText == "D^X")
        #expect(script.rows[0].stateText == "SHR")
        #expect(script.rows[0].id?.originator == FlowScript.server)
        #expect(script.rows[0].responderPackets == 1)
    }

    @Test func `tunnels around a connection are kept up to a bound`() {
        var script = FlowScript()
        for tunnel: UInt32 in [7, 7, 0, 8, 7, 9, 10, 11, 12] {
            script.outer = tunnel == 0 ? 0 : TunnelName.make(tunnel: tunnel, packet: script.packet)
            script.udp(.originator, [1])
        }
        script.finish()
        let parents = script.rows[0].tunnelParents
        #expect(parents.map { TunnelName.tunnel($0) } == [7, 8, 9, 10, 11])
        #expect(parents.map { TunnelName.packet($0) } == [0, 3, 5, 6, 7])
        #expect(script.tunnelChanges == 6)
        #expect(script.weirds == [.tunnel_max_changes_per_connection_exceeded])
        #expect(script.rows[0].historyText == "DX")
        #expect(script.table.counters.tunnelChangesCut == 1)
    }

    @Test func `many connections are found again and all end in their order`() {
        var script = FlowScript()
        for round in 0..<2 {
            for port in 10_000..<18_000 {
                script.originatorPort = UInt16(port)
                script.udp(round == 0 ? .originator : .responder, [1])
            }
        }
        #expect(script.table.liveCount == 8000)
        script.finish()
        #expect(script.rows.count == 8000)
        let isInOrder = script.rows.map { $0.id?.originatorPort } == (10_000..<18_000).map { UInt16($0) }
        #expect(isInOrder)
        #expect(script.rows.allSatisfy { $0.stateText == "SF" })
        #expect(Set(script.rows.map(\.uid)).count == 8000)
    }

    @Test func `a full table ends the connection that would end next`() {
        var script = FlowScript { $0.connectionsMax = 3 }
        for port: UInt16 in [1, 2, 3] {
            script.originatorPort = port
            script.udp(.originator, [1])
            script.now = script.now.adding(second)
        }
        script.originatorPort = 4
        script.udp(.originator, [1])
        #expect(script.ends == [.evicted])
        #expect(script.rows[0].id?.originatorPort == 1)
        #expect(script.table.counters.evicted == 1)
        #expect(script.table.liveCount == 3)
    }

    @Test func `identities depend on nothing but packets and the sensor's name`() {
        func identity(_ sensor: String) -> UID? {
            var script = FlowScript { $0.sensorName = sensor }
            script.udp(.originator, [1])
            script.finish()
            return script.rows[0].uid
        }
        #expect(identity("weir") == identity("weir"))
        #expect(identity("weir") != identity("dam"))
    }

    @Test(arguments: 0..<5)
    func `the index agrees with a dictionary`(_ seed: Int) {
        var dice = Dice(state: UInt64(seed) &+ 99)
        var index = FlowIndex()
        var model: [UInt32: UInt32] = [:]
        for slot in 0..<UInt32(6000) {
            // Few different hashes: long walks, and entries that wrap round the end.
            let turn = UInt32.random(in: 0..<2, using: &dice) &* 64
            let hash = UInt32.random(in: 0xFFFF_FF00 ... .max, using: &dice) &+ turn
            index.insert(hash, slot: slot)
            model[slot] = hash
            if Int.random(in: 0..<3, using: &dice) > 0, let (old, oldHash) = model.randomElement(using: &dice) {
                index.remove(oldHash, slot: old)
                model[old] = nil
            }
        }
        #expect(index.count == model.count)
        for (slot, hash) in model {
            let wanted = UInt64(hash) << 32 | UInt64(slot + 1)
            var place = index.start(hash)
            while index.word(place) != wanted, index.word(place) != 0 { place = index.after(place) }
            #expect(index.word(place) == wanted)
        }
    }

    @Test func `private and special networks are local`() {
        let table = FlowTable(settings: FlowSettings())
        let local: [Address] = [
            Address(v4: 0x0A01_0203), Address(v4: 0xC0A8_0001), Address(v4: 0xAC1F_FFFF), Address(v4: 0x6440_0001),
            Address(v4: 0xE000_0001), Address(v4: 0xFFFF_FFFF), Address(high: 0xFE80_0000_0000_0000, low: 1),
            Address(high: 0x2002_0A01_0203_0000, low: 9), Address(high: 0, low: 1),
        ]
        let remote: [Address] = [
            Address(v4: 0x0808_0808), Address(v4: 0xAC20_0000), Address(v4: 0xE000_0101), Address(v4: 0x6480_0000),
            Address(high: 0x2606_4700_0000_0000, low: 1), Address(high: 0x2002_0808_0808_0000, low: 9),
            Address(high: 0, low: 2),
        ]
        #expect(local.allSatisfy { table.isLocal($0) })
        #expect(!remote.contains { table.isLocal($0) })
    }

    @Test func `the record has Zeek's columns in Zeek's order, and then our own`() {
        let names = ConnRecord.makeSchema().columns.map(\.name)
        #expect(
            names == [
                "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration",
                "orig_bytes", "resp_bytes", "conn_state", "local_orig", "local_resp", "missed_bytes", "history",
                "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes", "tunnel_parents", "ip_proto",
                "community_id", "failed_service", "vlan", "inner_vlan",
            ])
        #expect(ConnOpenRecord.makeSchema().columns.map(\.name) == names + ["logged"])
    }
}
