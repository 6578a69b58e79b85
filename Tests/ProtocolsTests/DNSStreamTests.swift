// SPDX-License-Identifier: Apache-2.0
//
// DNS: TCP framing, and messages that nobody honest sends.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("DNS over TCP") struct DNSStreamTests {
    private let asked = dnsQuery()
    private let answered = dnsReply(answers: [dnsAddress])

    private func framed(_ octets: [UInt8]) -> [UInt8] { wide(octets.count) + octets }

    @Test func `a split at every octet gives the same row`() {
        let up = framed(asked) + framed(dnsQuery(8, "two.example"))
        let down = framed(answered) + framed(dnsReply(8, answers: [dnsAddress]))
        for split in 0...max(up.count, down.count) {
            let bench = DNSBench(.tcp)
            bench.stream(up.prefix(split), from: .originator)
            bench.stream(up.dropFirst(split), from: .originator)
            bench.stream(down.prefix(split), from: .responder)
            bench.stream(down.dropFirst(split), from: .responder)
            #expect(bench.rows.map { $0.text("query") } == ["www.example.com", "two.example"])
            #expect(bench.rows.map { $0.list("answers") } == [["192.0.2.1"], ["192.0.2.1"]])
            #expect(bench.weirds.isEmpty)
        }
    }

    @Test func `octet by octet gives the same row`() {
        let bench = DNSBench(.tcp)
        for octet in framed(asked) { bench.stream([octet], from: .originator) }
        for octet in framed(answered) { bench.stream([octet], from: .responder) }
        #expect(bench.rows.count == 1)
        #expect(bench.rows[0].text("proto") == "tcp")
    }

    @Test func `a hole inside a message costs that message alone`() {
        let bench = DNSBench(.tcp)
        let first = framed(dnsQuery(1, "lost.example"))
        bench.stream(first.prefix(10), from: .originator)
        bench.analyzer.gap(8, from: .originator, &bench.context)
        bench.stream(first.dropFirst(18) + framed(dnsQuery(2, "kept.example")), from: .originator)
        #expect(bench.finished().map { $0.text("query") } == ["kept.example"])
    }

    @Test func `a hole over a boundary ends its direction`() {
        let bench = DNSBench(.tcp)
        let first = framed(dnsQuery(1, "lost.example"))
        bench.stream(first.prefix(10), from: .originator)
        bench.analyzer.gap(first.count, from: .originator, &bench.context)
        bench.stream(framed(dnsQuery(2, "unseen.example")), from: .originator)
        bench.stream(framed(dnsReply(2, "seen.example", answers: [dnsAddress])), from: .responder)
        #expect(bench.finished().map { $0.text("query") } == ["seen.example"])
    }

    @Test func `a message of 65535 octets is read`() {
        let head = dnsMessage(7, flags: dnsReplyFlags, questions: [dnsQuestion(dnsName("www.example.com"), 1)])
        let count = (65_535 - head.count) / dnsAddress.count
        var octets = head + Array(repeatElement(dnsAddress, count: count).joined())
        octets += [UInt8](repeating: 0, count: 65_535 - octets.count)
        octets.replaceSubrange(6..<8, with: wide(count))
        let bench = DNSBench(.tcp)
        bench.stream(framed(asked), from: .originator)
        bench.stream(framed(octets), from: .responder)
        #expect(bench.rows[0].list("answers")?.count == count)
        #expect(bench.context.requests.isEmpty)
    }
}

@Suite("DNS from hostile senders") struct DNSHostileTests {
    private static let whole = dnsReply(
        answers: [
            dnsRecord(5, dnsName("edge.example.net")),
            dnsRecord(dnsName("edge.example.net"), 16, [3, 0x41, 0x42, 0x43]),
        ])

    @Test(arguments: 0..<whole.count)
    func `every truncation is reported`(_ length: Int) {
        let bench = DNSBench()
        bench.ask(dnsQuery())
        bench.answer(Array(Self.whole.prefix(length)))
        #expect(!bench.weirds.isEmpty)
        #expect(bench.finished().count == 1)
        #expect((bench.rows[0].list("answers") ?? []).count < 2)
    }

    @Test(arguments: [
        (
            dnsReply(answers: [Array(dnsRecord(1, [1, 2, 3, 4]).dropLast(5)) + [200, 1, 2]]),
            .DNS_truncated_RR_rdlength_lt_len
        ),
        (dnsReply(answers: [dnsRecord(1, [1, 2, 3])]), .DNS_RR_bad_length),
        (dnsReply(answers: [dnsRecord(28, [1, 2, 3])]), .DNS_AAAA_neg_length),
        (dnsReply(answers: [dnsRecord(38, [129, 0])]), .DNS_A6_neg_length),
        (dnsReply(answers: [dnsRecord(29, [0])]), .dns_invalid_loc_length),
        (dnsReply(answers: [dnsRecord(5, []), dnsAddress]), .DNS_zero_rdlength),
        (wide(1) + wide(0x8180) + [0, 0, 0xFF, 0xFF, 0, 0, 0, 0], .DNS_truncated_ans_too_short),
        (dnsMessage(1, flags: 0x8180, questions: [[60, 1, 2, 3, 4, 5]]), .DNS_label_len_gt_pkt),
        (
            dnsMessage(1, flags: 0x8180, questions: [[64] + [UInt8](repeating: 0x61, count: 64) + [0, 0, 1, 0, 1]]),
            .DNS_label_too_long
        ),
    ] as [([UInt8], Weird)])
    func `an impossible length is reported`(_ octets: [UInt8], _ weird: Weird) {
        let bench = DNSBench()
        bench.ask(dnsQuery(1_234))
        bench.answer(octets)
        #expect(bench.weirds.first == weird)
        #expect(bench.finished().allSatisfy { $0.list("answers") == nil })
    }

    @Test func `more than 25 questions are not DNS`() {
        let bench = DNSBench()
        bench.ask(dnsQuery(1))
        bench.ask(dnsMessage(2, flags: 0, questions: (0..<26).map { _ in dnsQuestion(dnsName("a.example"), 1) }))
        #expect(bench.weirds == [.DNS_Conn_count_too_large])
        #expect(bench.context.requests == [.limitReached])
        #expect(bench.analyzer.isDetached)
        #expect(bench.context.serviceChanges.last == .violated(.dns, wasConfirmed: true))
        // Detached: there will be no other moment to write them.
        #expect(bench.rows.count == 2)
    }

    @Test func `a short NAPTR is not DNS`() {
        let bench = DNSBench()
        bench.ask(dnsQuery())
        bench.answer(dnsReply(answers: [dnsRecord(35, [0, 1, 0, 2, 9])]))
        #expect(bench.analyzer.isDetached)
        #expect(bench.rows.count == 1)
    }

    @Test(arguments: [
        "GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
        "\u{16}\u{3}\u{1}\u{1}\u{0}xxxxxxxxxxxxxxxxx",
    ])
    func `another protocol is not confirmed`(_ text: String) {
        let bench = DNSBench()
        bench.ask(Array(text.utf8))
        #expect(!bench.analyzer.isConfirmed)
        #expect(!bench.weirds.isEmpty)
    }

    @Test(arguments: [[0xC0, 12], [0xC0, 13], [0xC0, 0xFF], [1, 0x61, 0xC0, 14], [0xFF, 0xFF]] as [[UInt8]])
    func `a pointer to itself or forward ends the name`(_ owner: [UInt8]) {
        let bench = DNSBench()
        bench.ask(dnsMessage(1, flags: 0, questions: [dnsQuestion(owner, 1)]))
        #expect(bench.weirds == [.DNS_label_forward_compress_offset])
        #expect(bench.finished().count == 1)
    }

    @Test func `two names that point to each other end`() {
        // The second points back to the first, the first forward to the second.
        let bench = DNSBench()
        bench.ask(
            dnsMessage(
                1, flags: 0,
                questions: [
                    dnsQuestion([1, 0x61, 0xC0, 20], 1), dnsQuestion([1, 0x62, 0xC0, 12], 1),
                ]))
        #expect(bench.weirds == [.DNS_label_forward_compress_offset, .DNS_label_forward_compress_offset])
        #expect(bench.finished()[0].text("query") == "b.a")
    }

    @Test func `a chain of pointers has an end`() {
        // Each pointer leads to the one before it; the last of 200 is the name.
        var octets = wide(1) + wide(0) + [0, 1, 0, 0, 0, 0, 0, 0]
        octets += [1, 0x61, 0, 0] + [0, 1, 0, 1]
        octets += [0xC0, 12]
        for _ in 0..<200 { octets += wide(0xC000 | octets.count - 2) }
        let last = octets.count - 2
        octets += [1, 0x62] + wide(0xC000 | last) + [0, 1, 0, 1]
        let bench = DNSBench()
        var reader = DNSReader(DNSHeader(octets.octets)!, bench.context.id, at: .zero)
        reader.position = last + 2
        var text = TextBuffer()
        let name = reader.name(octets.octets, into: &text, &bench.context)
        #expect(bench.weirds == [.DNS_max_compression_chain_depth_exceeded])
        #expect(Array(text[name]) == [0x62])
        #expect(reader.position == last + 6)
    }

    @Test func `a name too long is reported and kept up to a bound`() {
        let label: [UInt8] = [63] + [UInt8](repeating: 0x61, count: 63)
        let bench = DNSBench()
        let owner: [UInt8] = Array(repeatElement(label, count: 4).joined()) + [0]
        bench.ask(dnsMessage(1, flags: 0, questions: [dnsQuestion(owner, 1)]))
        #expect(bench.weirds == [.DNS_NAME_too_long])
        #expect(bench.finished()[0].text("query")?.utf8.count == 255)

        let longer = DNSBench()
        let long: [UInt8] = Array(repeatElement(label, count: 9).joined()) + [0]
        longer.ask(dnsMessage(1, flags: 0, questions: [dnsQuestion(long, 1)]))
        #expect(longer.weirds.starts(with: [.DNS_label_len_gt_name_len, .DNS_NAME_too_long]))
        #expect((longer.finished()[0].text("query")?.utf8.count ?? 0) <= DNSReader.nameBytesMax)
    }

    @Test func `compression cannot make a row without bound`() {
        let label: [UInt8] = [63] + [UInt8](repeating: 0x61, count: 63)
        let long: [UInt8] = Array(repeatElement(label, count: 7).joined()) + [0]
        let head = dnsMessage(7, flags: dnsReplyFlags, questions: [dnsQuestion(long, 1)])
        let one = dnsRecord([0xC0, 12], 5, [0xC0, 12])
        let count = (65_535 - head.count) / one.count
        var octets = head + Array(repeatElement(one, count: count).joined())
        octets.replaceSubrange(6..<8, with: wide(count))
        let bench = DNSBench()
        bench.ask(dnsQuery())
        bench.answer(octets)
        let kept = bench.rows[0].list("answers")?.count ?? 0
        #expect(kept > 1_000 && kept < count)
        #expect(bench.context.requests == [.limitReached])
        #expect(bench.batch.byteCount < 2 * DNS.recordBytesMax)
        // So much memory is not kept for the next message.
        #expect(bench.context.idleTransactions.isEmpty)
    }

    @Test func `random damage is survived and makes at most a row a message`() {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func random(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        var settings = AnalyzerSettings()
        settings.dnsAllSections = true
        let parts = [
            dnsRecord(35, [0, 1, 0, 2, 1, 0x75, 3, 0x73, 0x69, 0x70, 1, 0x21] + dnsName("n.example")),
            dnsRecord(47, dnsName("next.example") + [0, 1, 0x40]),
            dnsRecord(50, [1, 0, 0, 1, 1, 9, 2, 8, 8, 0, 1, 0x40]),
            dnsRecord(65, [0, 1, 0, 0, 1, 0, 3, 2, 0x68, 0x32]),
            dnsRecord(6, dnsName("m.example") + dnsName("r.example")),
            dnsRecord(41, [0, 8, 0, 7, 0, 1, 24, 0, 10, 0, 0]), dnsRecord(46, [UInt8](repeating: 0, count: 24)),
        ]
        var messages = 0
        let bench = DNSBench(.udp, settings)
        for _ in 0..<4_000 {
            let flags = [0x8180, 0x0100, 0xA800, 0x2800][random(4)]
            var octets = dnsMessage(
                random(4), flags: flags, questions: [dnsQuestion(dnsName("www.example.com"), 1)], answers: parts,
                authority: parts, additional: parts)
            for _ in 0..<random(12) { octets[2 + random(octets.count - 2)] = UInt8(random(256)) }
            octets.removeLast(random(octets.count))
            bench.datagram(octets, from: random(2) == 0 ? .originator : .responder)
            messages += 1
            if bench.analyzer.isDetached { bench.analyzer.reset() }
            bench.context.weirds.removeAll()
            bench.context.requests.removeAll()
        }
        let rows = bench.finished().count
        #expect(rows > 1_000 && rows <= messages)
    }
}
