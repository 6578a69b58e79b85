// SPDX-License-Identifier: Apache-2.0
//
// Every hunt finds what was planted for it and nothing of what is ordinary.

import Capture
import Foundation
import Query
import Records
import Sensor
import Store
import Testing

@testable import Hunts

let huntFolder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Signatures/hunts").path

/// What each hunt has to find in the planted store: the values of its identity columns.
let plantedFindings: [String: Set<String>] = [
    "admin-shares": ["10.1.1.1|10.2.0.9|\\\\10.2.0.9\\ADMIN$"],
    "arp-sweep": ["10.1.1.2"],
    "beacons": ["10.1.1.3|198.51.100.3", "10.1.1.34|updates.example.net"],
    "brute-force": Set(
        ["ssh", "ftp", "ntlm", "kerberos", "http", "mysql", "ldap", "rdp"].map { "10.1.1.4|10.2.0.4|\($0)" }),
    "certificates-just-issued": ["198.51.100.5|" + String(repeating: "5a", count: 32)],
    "certificates-mismatched": ["198.51.100.6|bank.example"],
    "certificates-self-signed": ["10.1.1.7|198.51.100.7"],
    "cleartext-credentials": ["10.1.1.8|198.51.100.8|bob", "10.1.1.8|198.51.100.8|cn=bob"],
    "cryptomining": ["10.1.1.9|xmr.nanopool.org", "10.1.1.10|198.51.100.10"],
    "dga-names": ["10.1.1.11"],
    "dns-bypass": ["10.1.1.12|198.51.100.53"],
    "dns-tunnels": ["10.1.1.13|tunnel.example"],
    "exfiltration-ratio": ["10.1.1.14|198.51.100.14"],
    "exfiltration-volume": ["10.1.1.15|198.51.100.15"],
    "host-scan": ["10.1.1.16|445"],
    "kerberoasting": ["10.1.1.17|mallory/SITE"],
    "lateral-movement": ["10.1.1.18|ssh"],
    "lateral-probe": ["10.1.1.19|10.2.0.19"],
    "long-connections": ["10.1.1.20|198.51.100.20"],
    "mime-mismatch": ["10.1.1.20|198.51.100.80|/holiday.png", "10.1.1.21|10.2.0.9|cat.jpg"],
    "new-networks": ["64501"],
    "new-servers": ["10.1.1.24|4000"],
    "odd-ports": ["10.1.1.25|198.51.100.25|443", "10.1.1.35|198.51.100.36|9001", "10.1.1.30|192.0.2.30|6789"],
    "pivot": ["10.2.0.26|10.2.0.27|445"],
    "port-scan": ["203.0.113.27|10.2.0.26"],
    "rare-ja3": ["a rare ja3"],
    "rare-ja4": ["a rare ja4"],
    "rare-ports": ["10.1.1.30|6789", "10.2.0.53|53"],
    "rare-user-agents": ["Rare/1"],
    "remote-services": ["10.1.1.32|10.2.0.9|CreateServiceW"],
    "strobes": ["10.1.1.33|10.2.0.33"],
    "tor": ["10.1.1.35|198.51.100.35", "10.1.1.35|198.51.100.36", "10.1.1.35|10.2.0.53"],
    "unknown-protocols": ["10.1.1.36|198.51.100.36|4444"],
    "uploaded-scripts": ["203.0.113.37|10.2.0.26|shell.php"],
]

/// Lists to read, which have more than what was planted.
private let longLists: [String: Set<String>] = [
    "new-domains": ["nanopool.org", "tunnel.example", "example.org"],
    "new-hosts": ["10.1.1.22", "10.1.1.36"],
    "threats": ["10.1.1.3|198.51.100.3", "10.1.1.34|updates.example.net", "*|tunnel.example"],
]

/// The last day, and a strobe's bound that a test can afford.
func plantedValues(_ hunt: Hunt) -> HuntValues {
    var values = HuntValues()
    values.since = Timestamp(seconds: Int64(Planted.lastDay))
    if hunt.name == "strobes" { values.parameters["connections_min"] = "500" }
    return values
}

func identities(_ answer: HuntAnswer) -> Set<String> {
    Set(answer.rows.map { row in answer.hunt.identity.map { row.text($0) ?? "" }.joined(separator: "|") })
}

@Suite struct PlantedTests {
    @Test func `every hunt finds what was planted for it, and alerts tell of nothing else`() throws {
        let stores = try PlantedStores()
        let store = try stores.make("all")
        let networks = stores.folder + "/asn.mmdb"
        try Data(
            NetworkFileMaker.make([
                ("192.0.2.0/24", 64_500, "Ordinary"), ("198.51.100.0/24", 64_501, "New Hosting"),
            ])
        ).write(to: URL(filePath: networks))
        let runner = HuntRunner(store: store, schemas: Schemas.logs, networksFile: networks)
        let hunts = try HuntLibrary(folder: huntFolder).hunts
        #expect(Set(hunts.map(\.name)) == Set(plantedFindings.keys).union(longLists.keys))
        for hunt in hunts {
            let answer = try runner.ask(hunt, plantedValues(hunt))
            let found = identities(answer)
            if let planted = plantedFindings[hunt.name] {
                #expect(found == planted, "\(hunt.name)")
            } else if let planted = longLists[hunt.name] {
                #expect(found.isSuperset(of: planted), "\(hunt.name): \(found.sorted())")
                #expect(!hunt.isAlerting && found.isDisjoint(with: ["10.1.0.1", "example.com"]), "\(hunt.name)")
            }
            for row in answer.rows { #expect(row.time("last_ts") != nil, "\(hunt.name)") }
        }
    }

    @Test func `names that are no text count below their domain`() throws {
        let stores = try PlantedStores()
        let store = try stores.make("all")
        let hunt = try HuntLibrary(folder: huntFolder).hunt("dns-tunnels")
        let answer = try HuntRunner(store: store, schemas: Schemas.logs).ask(hunt, plantedValues(hunt))
        #expect(answer.rows.first?.integer("names") == 123)
    }

    @Test func `what is ordinary makes no hunt tell anything`() throws {
        let stores = try PlantedStores()
        let store = try stores.make("ordinary", Planted(isOrdinary: true))
        let runner = HuntRunner(store: store, schemas: Schemas.logs)
        for hunt in try HuntLibrary(folder: huntFolder).hunts where hunt.isAlerting {
            #expect(identities(try runner.ask(hunt, plantedValues(hunt))) == [], "\(hunt.name)")
        }
    }

    @Test func `an office's hour makes no hunt tell anything, a break-in most of what it is made of`() throws {
        let store = try TestStore()
        var values = HuntValues()
        values.networks = ["10.20.0.0/16", "2001:db8:14::/48"]
        try store.replay("office")
        let runner = HuntRunner(store: store.folder, schemas: Schemas.logs)
        let hunts = try HuntLibrary(folder: huntFolder).hunts.filter(\.isAlerting)
        for hunt in hunts { #expect(identities(try runner.ask(hunt, values)) == [], "\(hunt.name)") }
        let second = try TestStore()
        try second.replay("intrusion")
        let other = HuntRunner(store: second.folder, schemas: Schemas.logs)
        var found: [String: Set<String>] = [:]
        for hunt in hunts {
            let names = identities(try other.ask(hunt, values))
            if !names.isEmpty { found[hunt.name] = names }
        }
        // Who is who: pcaps/README.md.
        #expect(found["beacons"] == ["10.20.5.80|cdn-sync.example", "10.20.1.13|cdn-sync.example"])
        #expect(found["port-scan"] == ["203.0.113.66|10.20.5.80"])
        #expect(found["brute-force"]?.contains("203.0.113.66|10.20.5.80|ftp") == true)
        #expect(found["uploaded-scripts"] == ["203.0.113.66|10.20.5.80|status.php"])
        #expect(found["unknown-protocols"] == ["10.20.5.80|203.0.113.66|4444"])
        #expect(found["dns-tunnels"] == ["10.20.0.45|cdn-sync.example", "10.20.0.53|cdn-sync.example"])
        #expect(found["exfiltration-ratio"]?.contains("10.20.5.80|198.51.100.77") == true)
        #expect(found["pivot"]?.contains("10.20.5.80|10.20.0.45|445") == true)
        let innocent = ["10.20.1.11", "10.20.1.12", "10.20.2.13", "10.20.0.25", "10.20.0.80", "10.20.0.14"]
        for (name, identities) in found {
            for identity in identities {
                let source = identity.split(separator: "|").first.map(String.init) ?? ""
                #expect(!innocent.contains(source), "\(name): \(identity)")
            }
        }
    }
}

/// Makes a file of autonomous systems for IPv4 (maxmind.github.io/MaxMind-DB, version 2.0).
enum NetworkFileMaker {
    /// - Parameter networks: `a.b.c.d/n`, a number, a name of up to 28 octets.
    static func make(_ networks: [(String, UInt32, String)]) -> [UInt8] {
        // Nodes with a value for each bit: another node, -1 for nothing, -2 - offset for data.
        var nodes = [[-1, -1]]
        var data: [UInt8] = []
        for (text, number, name) in networks {
            guard let slash = text.firstIndex(of: "/"), let address = Address(String(text[..<slash])),
                let bits = Int(text[text.index(after: slash)...])
            else { continue }
            var node = 0
            for bit in 0..<bits {
                let side = Int(address.v4 >> UInt32(31 - bit) & 1)
                if bit == bits - 1 {
                    nodes[node][side] = -2 - data.count
                } else {
                    if nodes[node][side] < 0 {
                        nodes.append([-1, -1])
                        nodes[node][side] = nodes.count - 1
                    }
                    node = nodes[node][side]
                }
            }
            data += map(2) + string("autonomous_system_number") + number32(number)
            data += string("autonomous_system_organization") + string(name)
        }
        var file: [UInt8] = []
        for node in nodes {
            for value in node {
                let record = value >= 0 ? value : value == -1 ? nodes.count : nodes.count + 16 + (-2 - value)
                file += [UInt8(record >> 16 & 255), UInt8(record >> 8 & 255), UInt8(record & 255)]
            }
        }
        file += [UInt8](repeating: 0, count: 16) + data
        file += [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8)
        file += map(9) + string("node_count") + number32(UInt32(nodes.count)) + string("record_size") + number16(24)
        file += string("ip_version") + number16(4) + string("database_type") + string("Test-ASN")
        file += string("languages") + [1, 4] + string("en") + string("binary_format_major_version") + number16(2)
        file += string("binary_format_minor_version") + number16(0)
        // A list and a number of 64 bits have their kind in an octet more.
        file += string("build_epoch") + [8, 2, 0, 0, 0, 0, 0, 0, 0, 1]
        return file + string("description") + map(0)
    }

    private static func map(_ count: UInt8) -> [UInt8] { [7 << 5 | count] }
    private static func string(_ text: String) -> [UInt8] {
        let octets = Array(text.utf8)
        return (octets.count < 29 ? [2 << 5 | UInt8(octets.count)] : [2 << 5 | 29, UInt8(octets.count - 29)]) + octets
    }
    private static func number16(_ number: UInt16) -> [UInt8] { [5 << 5 | 2, UInt8(number >> 8), UInt8(number & 255)] }
    private static func number32(_ number: UInt32) -> [UInt8] {
        [6 << 5 | 4] + (0..<4).map { UInt8(number >> UInt32(24 - 8 * $0) & 255) }
    }
}
