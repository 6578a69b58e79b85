// SPDX-License-Identifier: Apache-2.0
//
// DNS: rows, and which messages share one.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("DNS") struct DNSTests {
    @Test func `a query and its reply become one row with every column`() throws {
        let bench = DNSBench()
        bench.ask(dnsQuery(7, "www.Example.COM"), at: 10)
        #expect(bench.rows.isEmpty)
        bench.answer(
            dnsReply(
                7, flags: 0x8580,
                answers: [dnsRecord(5, dnsName("Edge.example.NET"), lifetime: 30), dnsRecord(1, [198, 51, 100, 7])]),
            at: 14)
        let row = try #require(bench.rows.first)
        #expect(bench.rows.count == 1)
        #expect(row.number("ts") == 10_000_000)
        #expect(row.number("uid") == 99)
        #expect(row.text("proto") == "udp")
        #expect(row.number("trans_id") == 7)
        #expect(row.number("rtt") == 4_000_000)
        #expect(row.text("query") == "www.example.com")
        #expect(row.number("qclass") == 1)
        #expect(row.text("qclass_name") == "C_INTERNET")
        #expect(row.number("qtype") == 1)
        #expect(row.text("qtype_name") == "A")
        #expect(row.number("rcode") == 0)
        #expect(row.text("rcode_name") == "NOERROR")
        #expect(row.flag("AA") == true)
        #expect(row.flag("TC") == false)
        #expect(row.flag("RD") == true)
        #expect(row.flag("RA") == true)
        #expect(row.number("Z") == 0)
        #expect(row.list("answers") == ["edge.example.net", "198.51.100.7"])
        #expect(row.numbers("TTLs") == [30_000_000_000, 60_000_000_000])
        #expect(row.flag("rejected") == false)
        #expect(row.number("opcode") == 0)
        #expect(row.text("opcode_name") == "query")
        #expect(bench.analyzer.isConfirmed)
        #expect(bench.weirds.isEmpty)
        #expect(bench.finished().count == 1)
    }

    @Test func `the columns are those of the field, in their order, each with a sentence`() {
        let columns = DNSRecord.makeSchema().columns
        #expect(
            columns.map(\.name) == [
                "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "trans_id", "rtt", "query",
                "qclass", "qclass_name", "qtype", "qtype_name", "rcode", "rcode_name", "AA", "TC", "RD", "RA", "Z",
                "answers", "TTLs", "rejected", "opcode", "opcode_name",
            ])
        #expect(columns.allSatisfy { $0.doc.hasSuffix(".") })
    }

    @Test func `a used record keeps nothing of the row before`() throws {
        let bench = DNSBench()
        bench.ask(dnsQuery(1))
        bench.answer(dnsReply(1, flags: 0x8583, answers: [dnsAddress]))
        bench.ask(dnsMessage(2, flags: 0, questions: [dnsQuestion(dnsName("other.example"), 28)]), at: 20)
        let row = try #require(bench.finished().last)
        #expect(row.number("rtt") == nil)
        #expect(row.number("rcode") == nil)
        #expect(row.text("rcode_name") == nil)
        #expect(row.flag("AA") == false)
        #expect(row.flag("RD") == false)
        #expect(row.flag("RA") == false)
        #expect(row.list("answers") == nil)
        #expect(row.numbers("TTLs") == nil)
        #expect(row.text("query") == "other.example")
    }

    @Test func `a response without an answer leaves AA, RA and rtt as they were`() throws {
        let bench = DNSBench()
        bench.ask(dnsQuery())
        bench.answer(
            dnsMessage(7, flags: 0x8583, questions: [dnsQuestion(dnsName("www.example.com"), 1)],
                authority: [dnsRecord(2, dnsName("ns.example"))]))
        let row = try #require(bench.rows.first)
        #expect(row.text("rcode_name") == "NXDOMAIN")
        #expect(row.flag("AA") == false)
        #expect(row.flag("RA") == false)
        #expect(row.number("rtt") == nil)
        #expect(row.list("answers") == nil)
        #expect(row.flag("rejected") == false)
    }

    @Test func `a response with nothing in it, or with an error and no question, is a rejection`() throws {
        let bench = DNSBench()
        bench.ask(dnsQuery(1))
        bench.answer(dnsReply(1, flags: 0x8185, answers: []))
        bench.ask(dnsQuery(2))
        bench.answer(dnsMessage(2, flags: 0x8182))
        bench.ask(dnsQuery(3))
        bench.answer(dnsMessage(3, flags: 0x8180))
        #expect(bench.rows.map { $0.flag("rejected") } == [true, true, false])
        #expect(bench.rows.map { $0.text("rcode_name") } == ["REFUSED", "SERVFAIL", "NOERROR"])
    }

    @Test func `the last of several questions stays`() {
        let bench = DNSBench()
        bench.ask(
            dnsMessage(
                7, flags: 0x0310,
                questions: [dnsQuestion(dnsName("a.example"), 1), dnsQuestion(dnsName("b.example"), 28, 3)]))
        let row = bench.finished()[0]
        #expect(row.text("query") == "b.example")
        #expect(row.text("qtype_name") == "AAAA")
        #expect(row.text("qclass_name") == "C_CHAOS")
        #expect(row.flag("TC") == true)
        #expect(row.number("Z") == 1)
    }

    @Test func `numbers without a name are named by number`() {
        let bench = DNSBench()
        bench.ask(dnsMessage(7, flags: 0, questions: [dnsQuestion(dnsName("a.example"), 4_711, 32_769)]))
        let row = bench.finished()[0]
        #expect(row.text("qtype_name") == "query-4711")
        #expect(row.text("qclass_name") == "qclass-32769")
    }

    @Test func `the root is an empty name`() {
        let bench = DNSBench()
        bench.ask(dnsMessage(7, flags: 0, questions: [dnsQuestion([0], 2)]))
        #expect(bench.finished()[0].text("query") == "")
    }

    @Test func `odd octets of a name stay as they are`() throws {
        let bench = DNSBench()
        bench.ask(dnsMessage(7, flags: 0, questions: [dnsQuestion([4, 0x41, 0x20, 0xE9, 0x00, 0], 1)]))
        let batch = bench.batch
        #expect(bench.finished().count == 1)
        let column = try #require(bench.schema.index(of: "query").map { bench.schema.columns[$0] })
        #expect(Array(bench.batch.bytes[bench.batch.textRange(0, column)]) == [0x61, 0x20, 0xE9, 0x00])
        #expect(batch.count == 0)
    }
}

@Suite("DNS pairing") struct DNSPairingTests {
    @Test func `replies of one id go to its queries first in, first out`() {
        let bench = DNSBench()
        bench.ask(dnsQuery(5, "first.example"))
        bench.ask(dnsQuery(6, "between.example"))
        bench.ask(dnsQuery(5, "second.example"))
        bench.answer(dnsReply(5, "x", answers: [dnsRecord(1, [192, 0, 2, 1])]))
        bench.answer(dnsReply(5, "x", answers: [dnsRecord(1, [192, 0, 2, 2])]))
        #expect(bench.rows.map { $0.text("query") } == ["first.example", "second.example"])
        #expect(bench.rows.map { $0.list("answers") } == [["192.0.2.1"], ["192.0.2.2"]])
        #expect(bench.finished().map { $0.text("query") }.last == "between.example")
    }

    @Test func `a reply that came first waits for its query`() {
        let bench = DNSBench()
        bench.answer(dnsReply(5, answers: [dnsAddress]), at: 100)
        #expect(bench.rows.isEmpty)
        bench.ask(dnsQuery(5, "late.example"), at: 130)
        #expect(bench.rows.count == 1)
        #expect(bench.rows[0].number("ts") == 100_000_000)
        #expect(bench.rows[0].number("rtt") == nil)
        #expect(bench.rows[0].text("query") == "late.example")
        #expect(bench.rows[0].list("answers") == ["192.0.2.1"])
    }

    @Test func `a second reply has a row of its own, with the name of the answer`() {
        let bench = DNSBench()
        bench.ask(dnsQuery(5))
        bench.answer(dnsReply(5, answers: [dnsAddress]))
        bench.answer(dnsReply(5, answers: [dnsAddress]))
        let rows = bench.finished()
        #expect(rows.map { $0.text("query") } == ["www.example.com", "www.example.com"])
        #expect(rows.map { $0.number("qtype") } == [1, nil])
        #expect(rows[1].number("rtt") == nil)
    }

    @Test func `what is unmatched is written at the end, queries before replies`() {
        let bench = DNSBench()
        bench.ask(dnsQuery(1, "a.example"))
        bench.answer(dnsReply(9, "x.example", answers: [dnsAddress]))
        bench.ask(dnsQuery(2, "b.example"))
        #expect(bench.rows.isEmpty)
        #expect(bench.finished().map { $0.text("query") } == ["a.example", "b.example", "x.example"])
        #expect(bench.finished().count == 3)
    }

    @Test func `too many of one id are written as they stand`() {
        let bench = DNSBench()
        for number in 0..<51 { bench.ask(dnsQuery(3, "n\(number).example")) }
        #expect(bench.rows.isEmpty)
        bench.ask(dnsQuery(3, "last.example"))
        #expect(bench.rows.count == 51)
        #expect(bench.rows[0].text("query") == "n0.example")
        bench.answer(dnsReply(3, answers: [dnsAddress]))
        #expect(bench.rows.last?.text("query") == "last.example")
    }

    @Test func `too many ids are written as they stand`() {
        let bench = DNSBench()
        for number in 0..<51 { bench.ask(dnsQuery(number, "n\(number).example")) }
        #expect(bench.rows.isEmpty)
        bench.ask(dnsQuery(1_000, "last.example"))
        #expect(bench.rows.count == 51)
        #expect(bench.finished().count == 52)
    }

    @Test func `nothing is paired where the responder is multicast`() {
        for group in [Address(v4: 0xE000_00FB), Address(high: 0xFF02 << 48, low: 0xFB)] {
            let bench = DNSBench(responder: group, originatorPort: 5353, port: 5353)
            bench.ask(dnsQuery(0))
            bench.ask(dnsReply(0, "printer.local", flags: 0x8400, answers: [dnsAddress]))
            #expect(bench.rows.count == 2)
            #expect(bench.rows[1].number("qtype") == nil)
            #expect(bench.rows[1].text("query") == "printer.local")
            #expect(bench.context.requests.isEmpty)
            #expect(bench.finished().count == 2)
        }
    }

    @Test func `a connection that begins with a response is turned round`() {
        let bench = DNSBench(originatorPort: 53, port: 40_000)
        bench.ask(dnsReply(5, answers: [dnsAddress]))
        #expect(bench.context.requests == [.flip])
        bench.context.id = bench.context.id.flipped
        bench.ask(dnsQuery(5, "late.example"))
        #expect(bench.context.requests == [.flip])
        #expect(bench.rows[0].number("id.orig_p") == 40_000)
        #expect(bench.rows[0].number("id.resp_p") == 53)
    }

    @Test func `an instance is as new after a reset`() {
        let bench = DNSBench()
        bench.ask(dnsQuery(5))
        bench.analyzer.reset()
        #expect(bench.finished().isEmpty)
        #expect(!bench.analyzer.isConfirmed)
        bench.context.requests = []
        bench.ask(dnsReply(5, answers: [dnsAddress]))
        #expect(bench.context.requests == [.flip])
    }
}
