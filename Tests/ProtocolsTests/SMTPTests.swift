// SPDX-License-Identifier: Apache-2.0
//
// SMTP: envelopes, headers, parts, chunks, TLS, hostile streams.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// Lines of both sides in order: `C ` from the client, `S ` from the server.
private let session = """
    S 220-mx.example ESMTP
    S 220 ready
    C EHLO client.example
    S 250-mx.example
    S 250 PIPELINING
    C MAIL FROM:<ann@a.example> SIZE=100
    S 250 ok
    C RCPT TO:<bob@b.example> ORCPT=rfc822;bob@b.example
    S 250 ok
    C RCPT TO:<cy@c.example>
    S 250 ok
    C DATA
    S 354 go
    C Received: from a [192.0.2.1] by b (2001:db8::7) with
    C   SMTP
    C Received: from c (helo 1.2.3.4) (198.51.100.9) by d
    C From: "Ann" <ann@a.example>
    C To: "Doe, Bob" <bob@b.example>, Cy <cy@c.example>, nobody
    C Cc: dee@d.example
    C Subject: one
    C  folded
    C Message-ID: <1@a>
    C In-Reply-To: <0@b>
    C Reply-To: r@a
    C Date: Mon, 1 Jan 2024 00:00:00 +0000
    C X-Mailer: hand
    C X-Originating-IP: [203.0.113.5]
    C Content-Type: multipart/mixed; boundary="=b="
    C 
    C preamble
    C --=b=
    C Subject: of a part
    C 
    C ..text
    C --=b=
    C Content-Transfer-Encoding: base64
    C 
    C aGVsbG8=
    C --=b=--
    C .
    S 250-queued
    S 250 as 7
    C MAIL FROM:<>
    S 250 ok
    C QUIT
    S 221 bye
    """

@Suite("SMTP") struct SMTPTests {
    private func bench() -> TextBench { TextBench(SMTP(), SMTPRecord.makeSchema(), port: 25) }

    private func play(_ text: String, _ bench: TextBench, pieces: Int = .max) {
        for line in text.split(separator: "\n") {
            let octets = wire(String(line.dropFirst(2)) + "\n")
            bench.send(octets, from: line.first == "C" ? .originator : .responder, pieces: pieces)
        }
    }

    private func rows(_ text: String) -> [LogRow] {
        let bench = bench()
        play(text, bench)
        return bench.finished()
    }

    @Test func `a mail is a row`() throws {
        let bench = bench()
        play(session, bench)
        #expect(bench.analyzer.isConfirmed)
        let rows = bench.finished()
        #expect(rows.count == 2)
        let row = try #require(rows.first)
        #expect(row.number("trans_depth") == 1)
        #expect(row.text("helo") == "client.example")
        #expect(row.text("mailfrom") == "ann@a.example")
        #expect(row.list("rcptto") == ["bob@b.example", "cy@c.example"])
        #expect(row.text("from") == "\"Ann\" <ann@a.example>")
        #expect(row.list("to") == ["\"Doe, Bob\" <bob@b.example>", "Cy <cy@c.example>"])
        #expect(row.list("cc") == ["dee@d.example"])
        #expect(row.text("subject") == "one folded")
        #expect(row.text("msg_id") == "<1@a>")
        #expect(row.text("in_reply_to") == "<0@b>")
        #expect(row.text("reply_to") == "r@a")
        #expect(row.text("date") == "Mon, 1 Jan 2024 00:00:00 +0000")
        #expect(row.text("user_agent") == "hand")
        #expect(row.text("first_received") == "from c (helo 1.2.3.4) (198.51.100.9) by d")
        #expect(row.text("second_received") == "from a [192.0.2.1] by b (2001:db8::7) with  SMTP")
        #expect(row.text("last_reply") == "250 queued")
        #expect(row.numbers("fuids")?.count == 2)
        #expect(row.flag("tls") == false)
        // Each line of the reply to the end of data counts, as Zeek does it.
        #expect(rows[1].number("trans_depth") == 3)
        #expect(rows[1].text("mailfrom") == nil)
        #expect(rows[1].text("helo") == "client.example")
        #expect(rows[1].text("last_reply") == "221 bye")
    }

    @Test func `the path has who handed the mail over`() {
        let analyzer = SMTP()
        let bench = TextBench(analyzer, SMTPRecord.makeSchema(), port: 25)
        play(session.components(upTo: "C X-Mailer"), bench)
        #expect(
            analyzer.record.path == [
                Address(v4: 0x0808_0808), Address(v4: 0x0A00_0001), Address("2001:db8::7")!,
                Address(v4: 0xC633_6409),
            ])
    }

    @Test func `a session without mail has no row`() {
        #expect(rows("S 220 x\nC EHLO y\nS 250 x\nC QUIT\nS 221 x\n").isEmpty)
    }

    @Test func `one side alone is enough`() throws {
        let rows = rows("C HELO y\nC MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\nC Subject: s\nC \nC x\nC .\nC QUIT\n")
        #expect(rows.map { $0.text("subject") } == ["s"])
        #expect(rows.first?.text("last_reply") == nil)
    }

    @Test func `chunks are a mail`() throws {
        let bench = bench()
        play("S 220 x\nC EHLO y\nS 250 x\nC MAIL FROM:<a@b>\nS 250 x\nC RCPT TO:<c@d>\nS 250 x\n", bench)
        let first = wire("Subject: in chunks\n\nhal")
        bench.send(wire("BDAT \(first.count)\n") + first, from: .originator, pieces: 3)
        bench.answer("250 more\n")
        bench.send(wire("BDAT 4 LAST\nf.\nQUIT\n"), from: .originator, pieces: 5)
        bench.answer("250 queued\n221 bye\n")
        let rows = bench.finished()
        #expect(rows.map { $0.text("subject") } == ["in chunks"])
        #expect(rows.first?.numbers("fuids")?.count == 1)
        #expect(rows.first?.text("last_reply") == "250 queued")
        #expect(bench.weirds.isEmpty)
    }

    @Test(arguments: [
        ("", "BDAT argument bad length"), ("x", "BDAT not followed by a valid chunk-size"),
        ("-1", "BDAT not followed by a valid chunk-size"), ("99999999999999999999999", "BDAT chunk-size too large"),
        ("5 LASTX", "BDAT chunk-size followed by junk"), ("5x", "BDAT chunk-size not valid"),
        ("9999999999999999999", "9999999999999999999"),
    ])
    func `an impossible chunk is said so`(_ argument: String, _ detail: String) {
        let bench = bench()
        play("S 220 x\nC MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC BDAT \(argument)\nC QUIT\n", bench)
        #expect(bench.finished().count == 1)
        #expect(bench.weirds.contains { $0 == .smtp_invalid_bdat_command || $0 == .smtp_huge_bdat_chunk })
        let details = bench.context.weirds.map { String(decoding: bench.context.weirdText[$0.addl], as: UTF8.self) }
        #expect(details == [detail])
    }

    @Test func `a line whose end has a CR too many is a line`() {
        let bench = bench()
        bench.send(Array("EHLO x\r\r\nNOOP\r\n".utf8), from: .originator)
        #expect(!bench.weirds.contains(.line_terminated_with_single_CR))
        bench.send(Array("NOOP\rNOOP\r\n".utf8), from: .originator)
        #expect(bench.weirds.contains(.line_terminated_with_single_CR))
    }

    @Test func `a chunk without an end is bounded`() {
        let bench = bench()
        play("S 220 x\nC MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC BDAT 9000000000000 LAST\n", bench)
        for _ in 0..<50 { bench.send([UInt8](repeating: 0x41, count: 5000), from: .originator) }
        #expect(bench.weirds.contains(.smtp_bdat_line_too_long))
        #expect(bench.finished().count == 1)
        #expect(bench.weirds.contains(.smtp_bdat_remaining_at_end_data))
    }

    @Test func `TLS takes the stream over`() throws {
        let bench = bench()
        play("S 220 x\nC EHLO y\nS 250 x\nC STARTTLS\nS 220 go\n", bench)
        bench.ask("MAIL FROM:<a@b>\n")
        bench.send([0xFF, 0x0A, 0x0A], from: .responder)
        let rows = bench.finished()
        #expect(rows.count == 1)
        #expect(rows.first?.flag("tls") == true)
        #expect(rows.first?.text("last_reply") == "220 go")
        #expect(rows.first?.text("mailfrom") == nil)
    }

    @Test func `commands in a wrong order are said so`() {
        let bench = bench()
        play("S 220 x\nC RCPT TO:<c@d>\nC RSET\nC MAIL FROM:<a@b>\nC DATA\nC .\n", bench)
        #expect(bench.weirds == [.smtp_mail_transaction_invalid, .smtp_mail_transaction_invalid])
        for _ in 0..<100 { play("C RCPT TO:<c@d>\n", bench) }
        #expect(bench.weirds.filter { $0 == .smtp_mail_transaction_invalid }.count == SMTP.invalidMax + 1)
        #expect(bench.weirds.contains(.smtp_excessive_invalid_mail_transactions))
    }

    @Test func `a message in a mail is not decoded as a whole, whatever its header says`() {
        let bench = bench()
        bench.context.transactions.wantsTransactions = true
        bench.context.transactions.wanted.insert(.fileData)
        play("S 220 x\nC MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\nS 354 go\n", bench)
        for line in [
            "Content-Type: message/rfc822", "Content-Transfer-Encoding: base64", "",
            "Content-Disposition: attachment; filename=\"x.exe\"", "", "AS-IT-STANDS", ".",
        ] { bench.ask(line + "\n") }
        let shown = bench.context.transactions
        let text = shown.exposures.filter { $0.buffer == .fileData }.flatMap {
            shown.text.bytes[Int($0.offset) ..< Int($0.offset) + Int($0.count)]
        }
        #expect(String(decoding: text, as: UTF8.self).contains("AS-IT-STANDS"))
    }

    @Test func `parts in parts are bounded`() {
        let bench = bench()
        play("S 220 x\nC MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\n", bench)
        for _ in 0..<500 { bench.ask("Content-Type: message/rfc822\n\n") }
        #expect(bench.weirds.contains(.exceeded_mime_max_depth))
        #expect(bench.finished().count == 1)
    }

    @Test(arguments: 0..<120) func `every truncation is survived`(_ tenths: Int) {
        let bench = bench()
        let lines = session.split(separator: "\n")
        let client = lines.filter { $0.first == "C" }.map { $0.dropFirst(2) + "\n" }.joined()
        let octets = wire(client)
        bench.send(Array(octets.prefix(tenths * octets.count / 120)), from: .originator)
        bench.end(.originator)
        #expect(bench.finished().count <= 2)
    }

    @Test func `an overlong line is cut into pieces`() {
        let bench = bench()
        play("S 220 x\nC MAIL FROM:<a@b>\nC RCPT TO:<c@d>\nC DATA\nC Subject: s\nC \n", bench)
        bench.ask(String(repeating: "x", count: 300_000) + "\n.\n")
        #expect(bench.weirds == [.contentline_size_exceeded])
        bench.answer("250 x\n250 x\n354 x\n250 done\n")
        #expect(bench.rows.map { $0.text("last_reply") } == ["250 done"])
    }

    @Test(arguments: ["SSH-2.0-x\n", "HTTP/1.1 200 OK\n", "099 x\n", "600 x\n", "\n"])
    func `another protocol is a violation`(_ text: String) {
        let bench = bench()
        bench.answer(text)
        #expect(bench.analyzer.isDetached)
        #expect(bench.finished().isEmpty)
    }

    @Test(arguments: 1..<70) func `a split at every octet gives the same rows`(_ pieces: Int) {
        let whole = bench()
        play(session, whole)
        let split = bench()
        play(session, split, pieces: pieces)
        #expect(split.everything() == whole.everything())
    }

    @Test func `a gap ends the mail and the session goes on`() {
        let bench = bench()
        play("S 220 x\nC MAIL FROM:<a@b>\nS 250 x\nC RCPT TO:<c@d>\nS 250 x\nC DATA\nS 354 x\nC Subject: s\n", bench)
        bench.lose(100, from: .originator)
        play("C MAIL FROM:<in@mail>\nS 250 queued\nC MAIL FROM:<e@f>\nS 250 x\n", bench)
        #expect(bench.finished().map { $0.text("mailfrom") } == ["a@b", "e@f"])
    }

    @Test func `probes take greetings`() {
        #expect(SMTPProbe.originator(wire("x\nehlo me\n").octets) == .matches)
        #expect(SMTPProbe.originator(wire("x ehlo me\n").octets) == .needsMore)
        #expect(SMTPProbe.responder(Array("220 x".utf8).octets) == .matches)
        #expect(SMTPProbe.responder(Array("22".utf8).octets) == .needsMore)
        #expect(SMTPProbe.responder(Array("2201".utf8).octets) == .never)
    }
}

extension String {
    /// The text before the first occurrence of another.
    fileprivate func components(upTo mark: String) -> String {
        guard let range = firstRange(of: mark) else { return self }
        return String(self[..<range.lowerBound])
    }
}
