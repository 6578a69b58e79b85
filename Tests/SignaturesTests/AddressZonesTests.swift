// SPDX-License-Identifier: Apache-2.0
//
// Rules by the way of a packet: what is not looked for must not be missed.

import Records
import Testing
import Wire

@testable import Signatures

@Suite("Zones of addresses") struct AddressZonesTests {
    private static let inside = Address(v4: 0x0A00_0001)
    private static let outside = Address(v4: 0xC612_0001)

    private func zones(_ rules: String..., variables: [String: String] = [:]) throws -> AddressZones {
        let loaded = try RuleBench.load(rules.joined(separator: "\n"), variables: variables)
        try #require(loaded.rejected.isEmpty)
        return AddressZones(loaded.set)
    }

    @Test func `rules that name no addresses make a zone of each version of IP`() throws {
        let zones = try zones(#"alert tcp any any -> any any (content:"a"; sid:1;)"#)
        #expect(zones.count == 2)
        #expect(zones.zone(of: Self.inside) == zones.zone(of: Self.outside))
        #expect(zones.zone(of: Self.inside) != zones.zone(of: Address(high: 1 << 61, low: 1)))
    }

    @Test func `the home network and what is outside of it are two, and IPv6 is a third`() throws {
        let zones = try zones(
            #"alert tcp $HOME_NET any -> $EXTERNAL_NET any (content:"a"; sid:1;)"#,
            #"alert tcp $EXTERNAL_NET any -> $HTTP_SERVERS any (content:"a"; sid:2;)"#)
        #expect(zones.count == 3)
        #expect(zones.zone(of: Self.inside) != zones.zone(of: Self.outside))
        #expect(zones.zone(of: Address(v4: 0xC0A8_0101)) == zones.zone(of: Self.inside))
    }

    @Test func `an address is of the zone whose sets hold it, at every end of a range`() throws {
        let rules = [
            "alert tcp [10.0.0.0/8,!10.1.0.0/16] any -> 192.0.2.0/24 any (sid:1; content:\"a\";)",
            "alert tcp 10.1.2.0/24 any -> ![10.0.0.0/8] any (sid:2; content:\"a\";)",
            "alert tcp 2001:db8::/32 any -> any any (sid:3; content:\"a\";)",
        ]
        let loaded = try RuleBench.load(rules.joined(separator: "\n"))
        let zones = AddressZones(loaded.set)
        var addresses = [Address(high: 0, low: 0), Address(high: .max, low: .max)]
        for set in loaded.set.addressSets {
            for range in set.ranges {
                addresses += [range.first, range.last]
                if let next = range.last.next { addresses.append(next) }
            }
        }
        for rule in loaded.set.rules {
            let pairs = zones.pairs(rule.header)
            for source in addresses {
                for target in addresses {
                    let holds = loaded.set.addressSets[Int(rule.header.sources)].contains(source)
                        && loaded.set.addressSets[Int(rule.header.targets)].contains(target)
                    #expect(!holds || pairs.contains(pair: zones.pair(from: source, to: target)))
                }
            }
        }
    }

    @Test func `so many sets that their zones would be too many make fewer`() throws {
        let rules = (1...9).map { "alert tcp 10.\($0).0.0/15 any -> any any (content:\"a\"; sid:\($0);)" }
        let loaded = try RuleBench.load(rules.joined(separator: "\n"))
        let zones = AddressZones(loaded.set)
        #expect(zones.count <= AddressZones.countMax)
        #expect(zones.count > 1)
    }

    @Test func `a pattern is looked for on the ways of its rules alone`() throws {
        // So many that the two ways do not share a group.
        let rules = (1...80).map { number in
            let way = number <= 40 ? "10.0.0.0/8 any -> !10.0.0.0/8 any" : "!10.0.0.0/8 any -> 10.0.0.0/8 any"
            return "alert tcp \(way) (content:\"needle \(number)\"; sid:\(number);)"
        }
        let index = try Conversation.index(rules)
        #expect(Self.signatures(index, .tcp, from: Self.inside, to: Self.outside) == Array(1...40))
        #expect(Self.signatures(index, .tcp, from: Self.outside, to: Self.inside) == Array(41...80))
        #expect(Self.signatures(index, .tcp, from: Self.inside, to: Self.inside) == nil)
    }

    /// Whose patterns are looked for in packets to the server on a way; nil where none are.
    private static func signatures(
        _ index: RuleIndex, _ kind: PacketClass, from source: Address, to target: Address
    ) -> [UInt32]? {
        index.withPatterns(kind, toServer: true, index.zones.pair(from: source, to: target)) { group in
            group.rules.indices.map { index.set.rules[Int(group.rules[$0].rule)].id.signature }.sorted()
        }
    }

    @Test func `a packet from one version of IP to the other is looked through too`() throws {
        let index = try Conversation.index([
            #"alert udp any any -> any any (content:"needle"; sid:1;)"#,
            #"alert udp 10.0.0.0/8 any -> 10.0.0.0/8 any (content:"other"; sid:2;)"#,
        ])
        let found = Self.signatures(index, .udp, from: Self.inside, to: Address(high: 1 << 61, low: 1))
        #expect(found?.contains(1) == true)
    }

    /// Whatever the others name: rules with a pattern, with a weak one, and with none, of packets and of streams.
    @Test(arguments: [true, false], [#"content:"needle";"#, #"content:"nn";"#, "dsize:2<>7;"])
    func `rules fire where their addresses hold`(_ isTCP: Bool, _ test: String) throws {
        let holding = ["any", "10.0.0.0/8", "[10.0.0.0/30,192.0.2.0/24]"]
        let sets = holding + ["10.0.0.1", "!10.0.0.0/8", "198.18.0.0/15"]
        var rules: [String] = []
        var wanted: [UInt32] = []
        for source in sets {
            for target in sets {
                let number = UInt32(rules.count + 1)
                rules.append("alert \(isTCP ? "tcp" : "udp") \(source) any -> \(target) 80 (\(test) sid:\(number);)")
                // The packet goes from 10.0.0.1 to 10.0.0.2.
                if holding.contains(target), holding.contains(source) || source == "10.0.0.1" { wanted.append(number) }
            }
        }
        var talk = Conversation(try Conversation.index(rules), isTCP: isTCP)
        if isTCP { talk.open() }
        #expect(talk.fired().isEmpty)
        talk.send(test.contains("nn") ? "nn" : "needle")
        var fired = talk.fired()
        talk.end()
        fired += talk.fired()
        #expect(fired.sorted() == wanted)
    }
}
