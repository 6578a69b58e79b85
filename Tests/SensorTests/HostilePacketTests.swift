// SPDX-License-Identifier: Apache-2.0
//
// Packets that lie, through the whole pipeline: cut headers, changed octets, chains and tunnels
// without end. Nothing may stop the run, and what is wrong is counted.

import Capture
import Foundation
import Records
import Sensor
import Testing

@Suite("hostile packets") struct HostilePacketTests {
    private func replay(
        _ packets: [TestPacket], linkType: UInt32 = 1, workers: Int = 1
    ) throws -> (TestFolder, Summary) {
        let folder = try TestFolder()
        let path = try folder.write("hostile.pcap", TestCapture.make(packets, linkType: linkType))
        var run = TestRun()
        run.workers = workers
        let summary = try #require(try run.replay([path], into: folder.path))
        #expect(summary.counters.packets == UInt64(packets.count))
        return (folder, summary)
    }

    private func weirds(_ folder: TestFolder) throws -> Set<String> {
        Set(try LogLines(folder.path + "/logs/weird.log").texts("name"))
    }

    /// One packet for each combination of headers that the captures have.
    private func kinds() throws -> [TestPacket] {
        var kinds: [[Int]: TestPacket] = [:]
        for packet in try ReplayTests.captures.flatMap({ try TestCapture.packets($0) }) {
            let octets = packet.octets
            guard octets.count > 54 else { continue }
            let type = Int(octets[12]) << 8 | Int(octets[13])
            let isV6 = type == 0x86DD
            let number = Int(isV6 ? octets[20] : octets[23])
            let start = isV6 ? 54 : 14 + Int(octets[14] & 15) * 4
            guard octets.count > start + 20 else { continue }
            let ports = (0..<2).map { Int(octets[start + 2 * $0]) << 8 | Int(octets[start + 2 * $0 + 1]) }
            // A full packet of a port shows the application's headers; a scan's many ports show nothing.
            let hasPayload = number == 17 || number == 6 && octets.count > start + 40
            let key = [type, number, hasPayload ? min(ports[0], ports[1]) : 0]
            let isBetter = kinds[key].map { $0.octets.count < octets.count && $0.octets.count < 300 } ?? true
            if isBetter { kinds[key] = packet }
        }
        return kinds.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value).filter { $0.octets.count < 2000 }
    }

    /// Link headers, tunnels and extension headers that the captures do not have, around a DNS query.
    private func wrapped() -> [TestPacket] {
        let query: [UInt8] = [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1]
        let datagram = Make.udp(1000, 53, query)
        let v6 = Make.udp6(1000, 53, query)
        let frame = Make.ethernet(datagram)
        let options: [UInt8] = [60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0]
        let authentication: [UInt8] = [17, 4, 0, 0] + [UInt8](repeating: 0, count: 20)
        let extensions = options + [44, 0, 0, 0, 0, 0, 0, 0, 51, 0, 0, 0, 0, 0, 0, 1] + authentication
        let frames: [[UInt8]] = [
            Make.ethernet([0, 5, 8, 0] + datagram, type: 0x8100),
            Make.ethernet([0, 5, 0x81, 0, 0, 6, 8, 0] + datagram, type: 0x88A8),
            Make.ethernet([0, 1, 0, 64, 0, 2, 1, 64] + datagram, type: 0x8847),
            Make.ethernet([0x11, 0, 0, 1] + Make.two(datagram.count + 2) + [0, 0x21] + datagram, type: 0x8864),
            Make.ethernet(Make.ipv4(47, [0xB0, 0, 8, 0] + [UInt8](repeating: 0, count: 12) + datagram)),
            Make.ethernet(Make.ipv4(47, [0, 0, 0x65, 0x58] + frame)),
            Make.ethernet(Make.ipv4(47, [0x30, 1, 0x88, 0x0B, 0, 0, 0, 1, 0, 0, 0, 9, 0xFF, 3, 0, 0x21] + datagram)),
            Make.ethernet(Make.ipv4(4, datagram)),
            Make.ethernet(Make.ipv4(41, v6)),
            Make.ethernet(Make.udp(50_000, 4789, [8, 0, 0, 0, 0, 0, 1, 0] + frame)),
            Make.ethernet(Make.udp(50_000, 6081, [2, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 3, 1, 0, 0, 0, 0] + frame)),
            Make.ethernet(
                Make.udp(
                    2152, 2152, [0x32, 255] + Make.two(datagram.count + 4) + [0, 0, 0, 1, 0, 0, 0, 0] + datagram)),
            Make.ethernet(Make.udp(50_000, 3544, [0, 1, 0, 0] + [UInt8](repeating: 0, count: 9) + v6)),
            Make.ethernet(Make.udp(50_000, 5072, [0x40, 0x50, 1, 41] + [UInt8](repeating: 0, count: 40) + v6)),
            Make.ethernet(Make.ipv6(0, extensions + v6[40...]), type: 0x86DD),
        ]
        return frames.map { TestPacket($0) }
    }

    @Test func `every wrapping is taken off, and the query inside is found`() throws {
        let packets = wrapped()
        let (folder, summary) = try replay(packets)
        #expect(try LogLines(folder.path + "/logs/dns.log").rows.count == packets.count)
        #expect(Set(summary.weirds.keys) == [.routing0_hdr], "\(summary.weirds)")
    }

    @Test func `a packet cut at every octet is read without harm, and cut headers are reported`() throws {
        let kinds = try kinds()
        #expect(kinds.count > 12)
        var captured: [TestPacket] = []
        var onWire: [TestPacket] = []
        for packet in wrapped() + kinds {
            for count in 0..<min(packet.octets.count, 160) {
                var cut = packet
                cut.octets = Array(packet.octets.prefix(count))
                captured.append(cut)
                cut.wireLength = count
                onWire.append(cut)
            }
        }
        // What the capture did not keep, and what was never sent: a datagram shorter than it says.
        let reported = [
            (captured, ["truncated_ethernet_frame", "truncated_IP", "internally_truncated_header"]),
            (onWire, ["truncated_ethernet_frame", "truncated_IP", "truncated_IP_len"]),
        ]
        for (packets, names) in reported {
            let (folder, summary) = try replay(packets)
            let found = try weirds(folder)
            #expect(found.isSuperset(of: names), "\(found.sorted())")
            #expect(summary.counters.anomalous > 0)
        }
    }

    @Test(arguments: [0, 9, 12, 50, 101, 104, 105, 108, 113, 127, 228, 229, 239, 276])
    func `every link type takes any octets`(_ linkType: UInt32) throws {
        var random = SeededGenerator(seed: UInt64(linkType) + 7)
        var packets: [TestPacket] = []
        let office = try TestCapture.packets(Repository.office)
        for number in 0..<600 {
            let count = Int.random(in: 0...120, using: &random)
            var octets = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            // Half of them have a datagram behind some octets.
            if number % 2 == 0 { octets = Array(octets.prefix(number % 32)) + office[number].octets.dropFirst(14) }
            packets.append(TestPacket(octets, at: Double(number) / 10))
        }
        _ = try replay(packets, linkType: linkType)
    }

    @Test func `changed octets in real packets stop nothing, and cost no row that does not depend on them`() throws {
        let office = try TestCapture.packets(Repository.office)
        var random = SeededGenerator(seed: 20_261_122)
        for round in 0..<4 {
            var packets = office
            // The first octets of a packet are headers; those are hit most.
            for _ in 0..<(200 << round) {
                let index = Int.random(in: 0..<packets.count, using: &random)
                guard !packets[index].octets.isEmpty else { continue }
                let count = packets[index].octets.count
                let at = Int.random(in: 0..<(Bool.random(using: &random) ? min(80, count) : count), using: &random)
                packets[index].octets[at] = UInt8.random(in: 0...255, using: &random)
            }
            let folder = try TestFolder()
            let path = try folder.write("changed.pcap", TestCapture.make(packets))
            var run = TestRun()
            run.settings.ignoringChecksums = round % 2 == 0
            let one = try #require(try run.replay([path], into: folder.path + "/1"))
            run.workers = 2
            _ = try run.replay([path], into: folder.path + "/2")
            #expect(one.counters.packets == UInt64(office.count))
            let logs = try folder.contents(of: "1/logs")
            let others = try folder.contents(of: "2/logs")
            #expect(others.keys.sorted() == logs.keys.sorted())
            for (name, data) in others { #expect(logs[name] == data, "\(name), round \(round)") }
        }
    }

    @Test func `a run of changes in single packets stops nothing`() throws {
        // Each kind of packet, some hundred times, with one to four octets changed: times go on, so that
        // connections, timers and reassembly see all of it.
        var random = SeededGenerator(seed: 7)
        var packets: [TestPacket] = []
        for packet in try kinds() + wrapped() {
            for _ in 0..<100 {
                var changed = packet.octets
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let at = Int.random(in: 0..<changed.count, using: &random)
                    changed[at] = UInt8.random(in: 0...255, using: &random)
                }
                packets.append(TestPacket(changed, at: Double(packets.count) / 50))
            }
        }
        let folder = try TestFolder()
        let path = try folder.write("single.pcap", TestCapture.make(packets))
        var run = TestRun()
        run.settings.ignoringChecksums = true
        let summary = try #require(try run.replay([path], into: folder.path, stores: true))
        #expect(summary.counters.packets == UInt64(packets.count))
        #expect(summary.weirds.count > 10)
    }

    @Test func `lengths that lie are reported`() throws {
        var short = Make.udp(1000, 2000, [1, 2, 3, 4])
        short.replaceSubrange(24..<26, with: [0, 200])  // longer than the datagram
        var ip = Make.udp(1001, 2000, [1, 2, 3, 4])
        ip.replaceSubrange(2..<4, with: [0xFF, 0xFF])  // longer than the frame
        ip.replaceSubrange(10..<12, with: [0, 0])
        ip.replaceSubrange(10..<12, with: Make.sum(Array(ip[..<20])))
        var tiny = Make.udp(1002, 2000, [1, 2, 3, 4])
        tiny[0] = 0x41  // a header of four octets
        var tcp = Make.tcp(Make.push, isClient: true, sequence: 1, acknowledges: 0, [1, 2, 3])
        tcp[32] = 0xF0  // a TCP header that is longer than the segment
        let packets = [short, ip, tiny, tcp].enumerated().map { TestPacket(Make.ethernet($1), at: Double($0)) }
        let (folder, _) = try replay(packets)
        let found = try weirds(folder)
        #expect(found.count >= 3, "\(found.sorted())")
    }

    @Test func `a chain of IPv6 extension headers without end is given up`() throws {
        // Destination options of eight octets, each naming the next, as many as a datagram holds.
        var payload: [UInt8] = []
        for _ in 0..<8000 { payload += [60, 0, 1, 4, 0, 0, 0, 0] }
        let (_, summary) = try replay([TestPacket(Make.ethernet(Make.ipv6(60, payload), type: 0x86DD))])
        #expect(!summary.weirds.isEmpty, "the chain is reported")
        #expect(summary.counters.connections == 0)
    }

    @Test func `an IPv6 extension header that is longer than the packet is reported`() throws {
        for number: UInt8 in [0, 43, 44, 51, 60, 135] {
            let packet = TestPacket(Make.ethernet(Make.ipv6(number, [17, 255, 0, 0, 0, 0, 0, 0]), type: 0x86DD))
            let (_, summary) = try replay([packet])
            #expect(!summary.weirds.isEmpty || summary.counters.connections == 0, "\(number)")
        }
    }

    @Test func `tunnels in tunnels end at a depth of four`() throws {
        var datagram = Make.udp(1000, 2000, [1, 2, 3])
        for _ in 0..<60 { datagram = Make.ipv4(4, datagram) }
        let gre = (0..<60).reduce(Make.udp(1001, 2000, [1])) { inner, _ in Make.ipv4(47, [0, 0, 8, 0] + inner) }
        let vxlan = (0..<20).reduce(Make.udp(1002, 2000, [1])) { inner, _ in
            Make.udp(50_000, 4789, [8, 0, 0, 0, 0, 0, 1, 0] + Make.ethernet(inner))
        }
        let packets = [datagram, gre, vxlan].enumerated().map { TestPacket(Make.ethernet($1), at: Double($0)) }
        let (folder, summary) = try replay(packets, workers: 2)
        #expect(try weirds(folder).contains("exceeded_tunnel_max_depth"))
        #expect(summary.weirds[.exceeded_tunnel_max_depth] == 3)
        #expect(summary.counters.connections <= 8)
    }

    @Test func `segments that overlap with other octets are reported, and the first octets stay`() throws {
        let request = Array("GET /first HTTP/1.1\r\nHost: a.example\r\n\r\n".utf8)
        let other = Array("GET /other HTTP/1.1\r\nHost: a.example\r\n\r\n".utf8)
        let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)
        let end = 1001 + UInt32(request.count)
        var segments = Make.handshake(port: 80)
        segments += [
            // Out of order: the end of the request waits, then comes again with other octets.
            Make.tcp(Make.push, isClient: true, sequence: 1006, acknowledges: 1001, Array(request[5...]), port: 80),
            Make.tcp(Make.push, isClient: true, sequence: 1006, acknowledges: 1001, Array(other[5...]), port: 80),
            Make.tcp(Make.push, isClient: true, sequence: 1001, acknowledges: 1001, Array(request[..<5]), port: 80),
            Make.tcp(Make.push, isClient: false, sequence: 1001, acknowledges: end, answer, port: 80),
        ]
        let packets = segments.enumerated().map { TestPacket(Make.ethernet($1), at: Double($0) / 10) }
        let (folder, _) = try replay(packets)
        #expect(try weirds(folder).contains("rexmit_inconsistency"))
        #expect(try LogLines(folder.path + "/logs/http.log").texts("uri") == ["/first"])
    }

    @Test func `a protocol that is taken back stands in the row of its connection, with what it failed at`() throws {
        let noise: [UInt8] = [0x16, 3, 1, 0, 5, 1, 2, 3, 0x0D, 0x0A]
        let turns: [(isClient: Bool, octets: [UInt8])] = [
            (false, Array("220 ready\r\n".utf8)), (true, Array("USER a\r\n".utf8)),
            (false, Array("331 more\r\n".utf8)), (false, noise), (false, noise), (false, noise),
        ]
        var segments = Make.handshake(port: 21)
        var (client, server): (UInt32, UInt32) = (1001, 1001)
        for (isClient, octets) in turns {
            segments.append(
                Make.tcp(
                    Make.push, isClient: isClient, sequence: isClient ? client : server,
                    acknowledges: isClient ? server : client, octets, port: 21))
            if isClient { client += UInt32(octets.count) } else { server += UInt32(octets.count) }
        }
        let (folder, _) = try replay(segments.enumerated().map { TestPacket(Make.ethernet($1), at: Double($0) / 10) })
        let row = try #require(try LogLines(folder.path + "/logs/conn.log").rows.first)
        #expect(row["service"] == nil && row["failed_service"] as? [String] == ["ftp"])
        let told = try #require(try LogLines(folder.path + "/logs/analyzer.log").rows.first)
        #expect(told["analyzer_name"] as? String == "FTP" && (told["failure_data"] as? String)?.count ?? 0 > 8)
    }

    @Test func `packets whose times go back or stand at the ends of time are read`() throws {
        var packets: [TestPacket] = []
        for (index, seconds) in [1_700_000_000, 0, 4_294_967_295, 1, 1_700_000_001, 4_294_967_294].enumerated() {
            var packet = TestPacket(Make.ethernet(Make.udp(1000 + index, 53, [UInt8](repeating: 0, count: 12))))
            packet.seconds = UInt32(seconds)
            packet.micros = index == 2 ? 4_294_967_295 : 999_999
            packets.append(packet)
        }
        let folder = try TestFolder()
        let path = try folder.write("times.pcap", TestCapture.make(packets))
        let summary = try #require(try TestRun().replay([path], into: folder.path, stores: true))
        #expect(summary.counters.connections == 6)
        #expect(try LogLines(folder.path + "/logs/conn.log").rows.count == 6)
    }
}

/// Octets that are the same in every run (the generator of Vigna's SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
