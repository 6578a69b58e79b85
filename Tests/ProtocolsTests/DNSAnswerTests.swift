// SPDX-License-Identifier: Apache-2.0
//
// DNS: texts of answers, updates, NetBIOS.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("DNS answers") struct DNSAnswerTests {
    @Test(arguments: [
        (1, [192, 0, 2, 255], "192.0.2.255"),
        (28, [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "2001:db8::1"),
        (28, [UInt8](repeating: 0, count: 16), "::"),
        (28, [0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4, 0x10, 0], "1:0:2::3:4:1000"),
        (28, [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 10, 0, 0, 1], "10.0.0.1"),
        (38, [64, 0, 0, 0, 0, 0, 0, 0, 9] + dnsName("prefix.example"), "::9"),
        (2, dnsName("NS1.example"), "ns1.example"),
        (12, [3, 0x77, 0x77, 0x77, 0xC0, 16], "www.example.com"),
        (15, [0, 10] + dnsName("mx.example"), "mx.example"),
        (33, [0, 1, 0, 2, 0, 80] + dnsName("srv.example"), "srv.example"),
        (6, dnsName("m.example") + dnsName("r.example") + [UInt8](repeating: 1, count: 20), "m.example"),
        (16, [2, 0x41, 0x62, 0, 1, 0x2E], "TXT 2 Ab TXT 0  TXT 1 ."),
        (99, [1, 0x2D], "SPF 1 -"),
        (35, [0, 1, 0, 2, 1, 0x75, 3, 0x73, 0x69, 0x70, 1, 0x21] + dnsName("n.example"), "NAPTR 1 2 u sip ! n.example"),
        (46, [0, 1, 8, 2] + [UInt8](repeating: 0, count: 14) + dnsName("S.example") + [1, 2, 3], "RRSIG 1 s.example"),
        (46, [0, 6, 8, 2] + [UInt8](repeating: 0, count: 14) + [0, 1, 2, 3], "RRSIG 6 <Root>"),
        (48, [1, 1, 3, 13, 9, 9], "DNSKEY 13"),
        (43, [0, 1, 8, 2, 9, 9], "DS 8 2"),
        (47, dnsName("next.example") + [0, 1, 0x40], "NSEC www.example.com next.example"),
        (50, [1, 0, 0, 1, 1, 9, 2, 8, 8, 0, 1, 0x40], "NSEC3"),
        (51, [1, 0, 0, 1, 0], "NSEC3PARAM"),
        (44, [1, 1, 0xAB, 0x0C], "SSHFP: ab0c"),
        (29, [0, 18, 22, 19] + [UInt8](repeating: 0, count: 12), "LOC:  18 22 19"),
        (65_534, [8, 0, 1, 0, 1], "BIND9 signing signal"),
    ] as [(Int, [UInt8], String)])
    func `a type has its text`(_ type: Int, _ data: [UInt8], _ text: String) {
        let bench = DNSBench()
        #expect(bench.texts([dnsRecord(type, data)]) == [text])
        #expect(bench.weirds.isEmpty)
        #expect(bench.analyzer.isConfirmed)
    }

    @Test func `a type without a reader is named by number and reported`() {
        let bench = DNSBench()
        #expect(bench.texts([dnsRecord(52, [1, 2, 3]), dnsAddress]) == ["<unknown type=52>", "192.0.2.1"])
        #expect(bench.weirds == [.DNS_RR_unknown_type])
        #expect(Array(bench.context.weirdText[bench.context.weirds[0].addl]) == Array("52".utf8))
    }

    @Test func `every type of the tables is stepped over by its length`() {
        for type in 1...300 where DNSTables.typeName(UInt16(type)) != nil && ![1, 28, 38, 29].contains(type) {
            let bench = DNSBench()
            let data = [UInt8](repeating: 0, count: 24)
            #expect(bench.texts([dnsRecord(type, data), dnsAddress])?.last == "192.0.2.1", "type \(type)")
        }
    }

    @Test(arguments: [13, 32, 41, 64, 65, 249, 250, 257])
    func `what is no answer leaves the row as it is`(_ type: Int) throws {
        let data: [UInt8] = type == 41 ? [0, 10, 0, 0] : type == 257 ? [0, 5] + Array("issuex.example".utf8) : [0, 1, 0]
        let bench = DNSBench()
        #expect(bench.texts([dnsRecord(type, data)]) == nil)
        let row = try #require(bench.rows.first)
        #expect(row.number("rtt") == nil)
        #expect(row.flag("RA") == false)
        #expect(bench.weirds.isEmpty)
    }

    @Test func `well-known services count without a text`() throws {
        let bench = DNSBench()
        #expect(bench.texts([dnsRecord(11, [192, 0, 2, 1, 6, 0])]) == nil)
        #expect(try #require(bench.rows.first).number("rtt") == 5_000_000)
        #expect(bench.rows[0].flag("RA") == true)
    }

    @Test func `authority and additional sections never count`() {
        var settings = AnalyzerSettings()
        settings.dnsAllSections = true
        for settings in [settings, AnalyzerSettings()] {
            let bench = DNSBench(.udp, settings)
            bench.ask(dnsQuery())
            bench.answer(
                dnsMessage(
                    7, flags: dnsReplyFlags, questions: [dnsQuestion(dnsName("www.example.com"), 1)],
                    answers: [dnsAddress],
                    authority: [dnsRecord(2, dnsName("ns.example"))],
                    additional: [dnsAddress, dnsRecord([0], 41, [], group: 1_232, lifetime: 0)]))
            #expect(bench.rows[0].list("answers") == ["192.0.2.1"])
            #expect(bench.weirds.isEmpty)
        }
    }

    @Test(arguments: [
        (65, [0, 1, 0, 0, 3, 0, 3, 1, 2, 3], .DNS_SVCB_port_length_invalid),
        (65, [0, 1, 0, 0, 1, 0, 6, 2, 0x68, 0x32, 8, 0x68, 0x33], .DNS_SVCB_alpn_length_invalid),
        (64, [0, 0, 0, 0, 3, 0, 2, 0, 1], .DNS_SVCB_aliasmode_with_params),
        (64, [0, 1, 0, 0, 4, 0, 3, 1, 2, 3], .DNS_SVCB_hint_length_invalid),
        (64, [0, 1, 0, 0, 2, 0, 1, 1], .DNS_SVCB_nodefaultalpn_value),
        (64, [0, 1, 0, 0, 3, 0, 9, 1], .DNS_SVCB_param_value_toobig),
        (46, [0, 1, 99, 2] + [UInt8](repeating: 0, count: 15), .DNSSEC_RRSIG_unknown_ZoneSignAlgo),
        (48, [1, 0, 9, 8], .DNSSEC_DNSKEY_Invalid_Protocol),
        (43, [0, 1, 8, 77], .DNSSEC_DS_unknown_DigestType),
        (47, [0, 0, 0], .DNSSEC_NSEC_bitmapLen0),
        (29, [1] + [UInt8](repeating: 0, count: 15), .DNS_LOC_version_unrecognized),
        (41, [0, 8, 0, 5, 0, 1, 33, 0, 1], .EDNS_ECS_invalid_addr_v4_prefix),
        (41, [0, 8, 0, 5, 0, 2, 64, 0, 1], .EDNS_ECS_invalid_addr_v6),
        (41, [0, 11, 0, 0], .EDNS_TCP_Keepalive_In_UDP),
        (41, [0, 3, 0, 9, 0], .EDNS_truncated_option),
        (12, dnsName("a.example") + [0], .DNS_RR_length_mismatch),
        (16, [3, 0x41], .DNS_TXT_char_str_past_rdlen),
        (257, [0, 9, 1], .DNS_CAA_char_str_past_rdlen),
    ] as [(Int, [UInt8], Weird)])
    func `an anomaly inside the data is reported once`(_ type: Int, _ data: [UInt8], _ weird: Weird) {
        let bench = DNSBench()
        _ = bench.texts([dnsRecord(type, data)])
        #expect(bench.weirds == [weird])
        #expect(bench.rows.count == 1)
    }
}

@Suite("DNS update and NetBIOS") struct DNSRelativesTests {
    private let zone = dnsQuestion(dnsName("zone.example"), 6)

    private func update(_ flags: Int, _ prerequisites: [[UInt8]], _ changes: [[UInt8]]) -> [UInt8] {
        dnsMessage(7, flags: flags, questions: [zone], answers: prerequisites, authority: changes)
    }

    @Test func `an update names what it asks and what it changes`() throws {
        let host = dnsName("Host.zone.example")
        let prerequisites = [
            dnsRecord(host, 255, [], group: 254, lifetime: 0), dnsRecord(host, 255, [], group: 255, lifetime: 0),
            dnsRecord(host, 5, [], group: 254, lifetime: 0), dnsRecord(host, 16, [], group: 255, lifetime: 0),
        ]
        let changes = [
            dnsRecord(host, 255, [], group: 255, lifetime: 0), dnsRecord(host, 28, [], group: 255, lifetime: 0),
            dnsRecord(host, 1, [192, 0, 2, 9], group: 254, lifetime: 0),
            dnsRecord(host, 1, [192, 0, 2, 1], lifetime: 1_200),
            dnsRecord(host, 16, [1, 0x78]),
        ]
        let bench = DNSBench()
        bench.ask(update(0x2800, prerequisites, changes))
        bench.answer(update(0xA805, prerequisites, changes))
        let row = try #require(bench.rows.first)
        #expect(row.text("query") == "host.zone.example")
        #expect(row.number("qtype") == nil)
        #expect(row.text("opcode_name") == "dynamic-update")
        #expect(row.text("rcode_name") == "REFUSED")
        #expect(
            row.list("answers") == [
                "pre: NameNotInUse host.zone.example", "pre: NameInUse host.zone.example",
                "pre: NoRRSet CNAME host.zone.example", "pre: RRSetExists TXT host.zone.example",
                "del: RRSet * host.zone.example", "del: RRSet AAAA", "del: RR A host.zone.example",
                "add: A host.zone.example 192.0.2.1", "add: TXT 1 x",
            ])
        #expect(row.numbers("TTLs")?.suffix(2) == [1_200_000_000_000, 60_000_000_000])
        #expect(bench.weirds.isEmpty)
    }

    @Test func `an update that breaks its rules is reported`() {
        let host = dnsName("h.example")
        let bench = DNSBench()
        bench.ask(update(0x2800, [dnsRecord(host, 1, [], group: 255, lifetime: 5)], []))
        bench.ask(update(0x2800, [dnsRecord(host, 1, [1], group: 255, lifetime: 0)], []))
        bench.ask(update(0x2800, [], [dnsRecord(host, 1, [], group: 255, lifetime: 5)]))
        bench.ask(dnsMessage(1, flags: 0x2800, questions: [dnsQuestion(host, 1)]))
        bench.ask(dnsMessage(1, flags: 0x2800))
        #expect(
            bench.weirds == [
                .DNS_dynamic_update_prereq_nonzero_ttl, .DNS_dynamic_update_invalid_prereq,
                .DNS_dynamic_update_invalid_update, .DNS_DU_incorrect_zone_type, .DNS_DU_invalid_zone_count,
            ])
    }

    /// `FRED` and blanks, then the type octet 0x1C.
    private let fred = [32] + Array("EGFCEFEECACACACACACACACACACACABM".utf8) + [0]

    @Test func `a NetBIOS name is decoded on port 137 alone`() {
        let bench = DNSBench(originatorPort: 137, port: 137)
        bench.ask(dnsMessage(1, flags: 0x0110, questions: [dnsQuestion(fred, 32)]))
        bench.ask(dnsMessage(2, flags: 0x2910, questions: [dnsQuestion(fred, 33)]))
        bench.ask(dnsMessage(3, flags: 0, questions: [dnsQuestion(dnsName("plain"), 32)]))
        let rows = bench.finished()
        #expect(rows.map { $0.text("query") } == ["FRED", "FRED", "plain"])
        #expect(rows.map { $0.text("qtype_name") } == ["NIMLOC", "NBSTAT", "NIMLOC"])
        #expect(rows.map { $0.text("opcode_name") } == ["netbios-query", "netbios-registration", "netbios-query"])

        let other = DNSBench()
        other.ask(dnsMessage(1, flags: 0x0110, questions: [dnsQuestion(fred, 32)]))
        #expect(other.finished()[0].text("query") == "egfcefeecacacacacacacacacacacabm")
    }

    @Test func `an unknown operation makes no row but on port 137`() {
        let bench = DNSBench()
        bench.ask(dnsMessage(1, flags: 0x1000, questions: [dnsQuestion(dnsName("a.example"), 1)]))
        #expect(bench.weirds == [.DNS_unknown_opcode])
        #expect(Array(bench.context.weirdText[bench.context.weirds[0].addl]) == Array("2".utf8))
        #expect(bench.context.requests == [.limitReached])
        #expect(bench.finished().isEmpty)
        #expect(!bench.analyzer.isConfirmed)

        let netBIOS = DNSBench(port: 137)
        netBIOS.ask(dnsMessage(1, flags: 0x4800, questions: [dnsQuestion(dnsName("a.example"), 1)]))
        #expect(netBIOS.finished()[0].text("opcode_name") == "netbios-opcode-9")
    }

    @Test func `a notification is a query like others`() {
        let bench = DNSBench()
        bench.ask(dnsMessage(1, flags: 0x2400, questions: [zone]))
        #expect(bench.finished()[0].text("opcode_name") == "notify")
        #expect(bench.rows[0].text("qtype_name") == "SOA")
    }
}
