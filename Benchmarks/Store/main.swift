// SPDX-License-Identifier: Apache-2.0
//
// A store to measure with: connections and DNS records as a site of 5,000 hosts makes them in 4.5 days.
//
//     swift run -c release store-benchmark DIR [MILLIONS_OF_CONNECTIONS]
//
// Reads   nothing; the same rows for the same number, on every machine.
// Writes  DIR, a store of the logs conn and dns (half as many); on standard output one JSON object with the rows,
//         octets and CPU seconds of writing, and what was planted: beacons and DNS tunnels.
// Leaves  questions (Benchmarks/query).
//
// Addresses, ports, services and names follow Zipf's law; durations and sizes are log-normal; 300,000 external
// addresses. Planted: 12 beacons with a period from 60 to 3,600 s and a jitter up to 15 %, and 4 DNS tunnels.

import Flows
import Foundation
import Protocols
import Records
import Sensor
import Store

/// SplitMix64.
struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func unit() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }
    /// A rank from 0 on, the small ones often.
    mutating func zipf(_ count: Int) -> Int { min(count - 1, Int(pow(Double(count), unit())) - 1) }
    mutating func logNormal(_ median: Double, _ spread: Double) -> Double {
        let angle = 2 * Double.pi * unit()
        return median * exp(spread * (-2 * log(max(unit(), 1e-12))).squareRoot() * cos(angle))
    }
}

struct Beacon {
    var source: Address
    var target: Address
    var period: Double
    var jitter: Double
    var next: Double
}

struct Tunnel {
    var source: Address
    var domain: String
    var next: Double
}

let start = Timestamp(seconds: 1_795_000_000)
let span = 4.5 * 86_400.0
let services: [(name: String, port: UInt16, transport: Transport)] = [
    ("dns", 53, .udp), ("ssl", 443, .tcp), ("http", 80, .tcp), ("ssl,quic", 443, .udp), ("smb", 445, .tcp),
    ("ntp", 123, .udp), ("krb_tcp", 88, .tcp), ("ldap_tcp", 389, .tcp), ("ssh", 22, .tcp), ("rdp", 3389, .tcp),
    ("", 8443, .tcp), ("smtp", 25, .tcp), ("", 1900, .udp), ("snmp", 161, .udp), ("mysql", 3306, .tcp),
]
let histories = ["ShADadFf", "Dd", "ShADadfF", "S", "ShADad", "Sr", "D", "ShADadR", "ShAdDaFf", "ShADadFfR"]
let states: [StaticString] = ["SF", "SF", "SF", "S0", "S1", "REJ", "S0", "RSTO", "SF", "RSTR"]
let types: [UInt16] = [1, 1, 1, 28, 28, 65, 15, 16, 33, 12]

func inside(_ rank: Int) -> Address { Address(v4: 0x0A00_0000 | UInt32(rank * 13 % 65_000 + 10)) }
func outside(_ rank: Int) -> Address {
    Address(v4: 0x2D00_0000 &+ UInt32(truncatingIfNeeded: UInt64(rank) &* 0x9E37_79B1) % 0x4000_0000)
}

final class Generator {
    var numbers = Numbers(state: 42)
    var conn = ConnRecord()
    var dns = DNSRecord()
    var connBatch = RowBatch(ConnRecord.makeSchema())
    var dnsBatch = RowBatch(DNSRecord.makeSchema())
    let connSchema = ConnRecord.makeSchema()
    let dnsSchema = DNSRecord.makeSchema()
    let writer: StoreWriter
    var beacons: [Beacon]
    var tunnels: [Tunnel]
    var writeSeconds = 0.0

    init(_ writer: StoreWriter) {
        self.writer = writer
        var numbers = Numbers(state: 7)
        beacons = (0..<12).map { number in
            let period = [60.0, 120, 300, 600, 900, 1800, 3600][number % 7]
            return Beacon(
                source: inside(4000 + number * 7), target: Address(v4: 0xC633_6400 | UInt32(number + 1)),
                period: period, jitter: Double(number % 4) * 0.05, next: numbers.unit() * period)
        }
        tunnels = (0..<4).map { number in
            Tunnel(source: inside(4500 + number * 3), domain: "t\(number).tunnel-example.test", next: numbers.unit() * 60)
        }
    }

    private func place(_ seconds: Double, _ source: Address, _ target: Address, _ port: UInt16, _ transport: Transport) {
        conn.ts = start.adding(Int64(seconds * 1e6) * 1000)
        conn.uid = UID(value: numbers.next())
        let id = ConnectionID(
            originator: source, responder: target, originatorPort: UInt16(32_768 + numbers.below(28_000)),
            responderPort: port, transport: transport, protocolNumber: transport.rawValue)
        conn.id = id
        conn.protocolNumber = transport.rawValue
    }

    func connection(_ seconds: Double) {
        let kind = numbers.zipf(services.count)
        let service = services[kind]
        let client = inside(numbers.zipf(5000))
        let isInternal = ["smb", "krb_tcp", "ldap_tcp", "snmp", "mysql"].contains(service.name) || numbers.below(10) == 0
        let server = isInternal ? inside(numbers.zipf(300)) : outside(numbers.zipf(300_000))
        place(seconds, client, server, service.port, service.transport)
        let shape = numbers.zipf(histories.count)
        let duration = numbers.logNormal(shape == 0 ? 2 : 0.05, 2.2)
        finish(service.name, shape, duration, numbers.logNormal(600, 1.6), numbers.logNormal(2500, 2.1), isInternal)
    }

    func finish(
        _ service: String, _ shape: Int, _ duration: Double, _ sent: Double, _ received: Double, _ isLocal: Bool
    ) {
        conn.text.clear()
        func add(_ text: String) -> Text {
            let start = conn.text.begin()
            conn.text.bytes.append(contentsOf: text.utf8)
            return conn.text.end(start)
        }
        conn.service = service.isEmpty ? .absent : add(service)
        conn.history = add(histories[shape])
        conn.state = states[shape]
        let hasData = shape != 3 && shape != 5
        conn.duration = hasData ? Int64(min(duration, 80_000) * 1e6) * 1000 : nil
        conn.originatorBytes = hasData ? UInt64(min(sent, 1e10)) : nil
        conn.responderBytes = hasData ? UInt64(min(received, 1e10)) : nil
        conn.originatorPackets = hasData ? UInt64(min(sent, 1e10) / 700) + 4 : 1
        conn.responderPackets = hasData ? UInt64(min(received, 1e10) / 1200) + 3 : 0
        conn.originatorIPBytes = (conn.originatorBytes ?? 0) + conn.originatorPackets * 40
        conn.responderIPBytes = (conn.responderBytes ?? 0) + conn.responderPackets * 40
        conn.isLocalOriginator = true
        conn.isLocalResponder = isLocal
        if let id = conn.id {
            let start = conn.text.begin()
            CommunityID.write(id: id, to: &conn.text.bytes)
            conn.communityID = conn.text.end(start)
        }
        connBatch.append(conn, order: 0, ordinal: 0)
    }

    func beacon(_ index: Int) {
        let beacon = beacons[index]
        place(beacon.next, beacon.source, beacon.target, 443, .tcp)
        finish("ssl", 0, 0.4 + numbers.unit() * 0.05, 512, 900 + Double(numbers.below(40)), false)
        beacons[index].next += beacon.period * (1 + (numbers.unit() - 0.5) * 2 * beacon.jitter)
    }

    func query(_ seconds: Double, _ source: Address, _ name: String, _ type: UInt16, _ answers: Int) {
        dns.text.clear()
        func add(_ text: String) -> Text {
            let start = dns.text.begin()
            dns.text.bytes.append(contentsOf: text.utf8)
            return dns.text.end(start)
        }
        dns.ts = start.adding(Int64(seconds * 1e6) * 1000)
        dns.uid = UID(value: numbers.next())
        dns.id = ConnectionID(
            originator: source, responder: inside(numbers.below(3)),
            originatorPort: UInt16(32_768 + numbers.below(28_000)), responderPort: 53, transport: .udp,
            protocolNumber: 17)
        dns.transactionID = UInt16(numbers.below(65_536))
        dns.roundTrip = Int64(numbers.logNormal(3000, 1.2)) * 1000 + 1000
        dns.query = add(name)
        dns.hasQuestion = true
        dns.questionClass = 1
        dns.questionType = type
        dns.hasReply = true
        dns.responseCode = answers == 0 ? 3 : 0
        dns.recursionDesired = true
        dns.recursionAvailable = true
        dns.answers.removeAll(keepingCapacity: true)
        dns.lifetimes.removeAll(keepingCapacity: true)
        for _ in 0..<answers {
            dns.answers.append(add("\(outside(numbers.zipf(300_000)))"))
            dns.lifetimes.append(UInt64([60, 300, 3600][numbers.below(3)]) * 1_000_000_000)
        }
        dnsBatch.append(dns, order: 0, ordinal: 0)
    }

    func ordinaryQuery(_ seconds: Double) {
        let site = numbers.zipf(120_000)
        let host = ["www", "api", "cdn", "mail", "img"][numbers.zipf(5)]
        let top = ["com", "net", "org", "de", "io", "test"][site % 6]
        let answers = numbers.below(12) == 0 ? 0 : 1 + numbers.zipf(4)
        query(
            seconds, inside(numbers.zipf(5000)), "\(host).site-\(site).\(top)", types[numbers.zipf(types.count)], answers)
    }

    func tunnel(_ index: Int) {
        let digits = (0..<6).map { _ in String(numbers.next(), radix: 36) }.joined()
        query(tunnels[index].next, tunnels[index].source, "\(digits.prefix(50)).\(tunnels[index].domain)", 16, 1)
        tunnels[index].next += 5 + numbers.unit() * 60
    }

    func flush(_ seconds: Double) throws {
        let clock = clockSeconds()
        try writer.append(connBatch, schema: connSchema)
        try writer.append(dnsBatch, schema: dnsSchema)
        writeSeconds += clockSeconds() - clock
        connBatch.clear()
        dnsBatch.clear()
    }
}

/// CPU seconds of this process.
func clockSeconds() -> Double {
    var usage = rusage()
    // Safe: `usage` is a local variable of the type that the call fills.
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
}

let arguments = CommandLine.arguments
guard arguments.count >= 2 else {
    print("usage: store-benchmark DIR [MILLIONS_OF_CONNECTIONS]")
    exit(64)
}
let total = Int((Double(arguments.count > 2 ? arguments[2] : "10") ?? 10) * 1_000_000)
let writer = try StoreWriter(folder: arguments[1])
let generator = Generator(writer)
var hour = 0
for number in 0..<total {
    let seconds = span * Double(number) / Double(total)
    for index in generator.beacons.indices where generator.beacons[index].next <= seconds { generator.beacon(index) }
    generator.connection(seconds)
    if number % 2 == 0 { generator.ordinaryQuery(seconds) }
    for index in generator.tunnels.indices where generator.tunnels[index].next <= seconds { generator.tunnel(index) }
    if number % 4096 == 4095 { try generator.flush(seconds) }
    if Int(seconds / 21_600) != hour {
        hour = Int(seconds / 21_600)
        let clock = clockSeconds()
        try writer.flush(time: start.adding(Int64(seconds * 1e9)))
        generator.writeSeconds += clockSeconds() - clock
    }
}
try generator.flush(span)
let clock = clockSeconds()
try writer.finish(time: start.adding(Int64(span * 1e9)))
generator.writeSeconds += clockSeconds() - clock
let logs = try StoreReader.open(arguments[1]).status()
let lines = logs.map { "\"\($0.log)\": {\"rows\": \($0.rowCount), \"bytes_per_row\": \($0.bytesPerRow)}" }
let beacons = generator.beacons.map { "[\"\($0.source)\", \"\($0.target)\"]" }
print(
    "{\(lines.joined(separator: ", ")), \"write_cpu_seconds\": \(generator.writeSeconds), \"beacons\": "
        + "[\(beacons.joined(separator: ", "))], \"tunnels\": [\"tunnel-example.test\"]}")
