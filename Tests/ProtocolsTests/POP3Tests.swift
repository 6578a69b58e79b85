// SPDX-License-Identifier: Apache-2.0
//
// POP3 and IMAP: what confirms them, what refuses them, and where TLS begins.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// Lines of both sides in order: `C ` from the client, `S ` from the server.
private func play(_ text: String, _ bench: TextBench, pieces: Int = .max) {
    for line in text.split(separator: "\n") {
        let octets = wire(String(line.dropFirst(2)) + "\n")
        bench.send(octets, from: line.first == "C" ? .originator : .responder, pieces: pieces)
    }
}

private func isConfirmed(_ analyzer: Analyzer, _ text: String, pieces: Int = .max) -> Bool {
    let bench = TextBench(analyzer, HTTPRecord.makeSchema(), port: 110)
    play(text, bench, pieces: pieces)
    bench.end(.originator)
    bench.end(.responder)
    #expect(bench.finished().isEmpty)
    return analyzer.isConfirmed && !analyzer.isDetached
}

private let mailbox = """
    S +OK hello
    C CAPA
    S +OK list
    S USER
    S .
    C USER jo
    S +OK
    C PASS x
    S +OK
    C RETR 1
    S +OK
    S not a reply
    S ..
    S .
    C QUIT
    S +OK
    """

@Suite("POP3") struct POP3Tests {
    @Test func `a good reply to a first command confirms`() {
        #expect(isConfirmed(POP3(), mailbox))
        #expect(isConfirmed(POP3(), "S +OK hello\nC USER jo\nS +OK\n"))
        #expect(!isConfirmed(POP3(), "S +OK hello\nC USER jo\nS -ERR\n"))
        #expect(!isConfirmed(POP3(), "S +OK hello\nC PASS jo\nS +OK\n"))
    }

    @Test func `a login may have lines that are no replies`() {
        #expect(isConfirmed(POP3(), "S +OK hello\nC USER jo\nS +OK\nC AUTH PLAIN\nS + \nC AGpvAHg=\nS +OK\n"))
    }

    @Test func `TLS takes the stream over`() {
        let analyzer = POP3()
        #expect(isConfirmed(analyzer, "S +OK hello\nC STLS\nS +OK go\nS no reply\nC no command\n"))
    }

    @Test func `many unknown commands are another protocol`() {
        let unknown = (0..<11).map { _ in "C WHAT\nS -ERR\n" }.joined()
        let analyzer = POP3()
        #expect(!isConfirmed(analyzer, "S +OK hello\n" + unknown))
        #expect(analyzer.isDetached)
    }

    @Test func `commands without replies are bounded`() {
        let bench = TextBench(POP3(), HTTPRecord.makeSchema(), port: 110)
        for _ in 0..<100 { bench.ask("NOOP\n") }
        #expect(bench.weirds == [.pop3_client_too_many_pending_commands])
    }

    @Test(arguments: ["SSH-2.0-x", "220 mail", "HTTP/1.1 200 OK", ""])
    func `another protocol is refused`(_ text: String) {
        let analyzer = POP3()
        #expect(!isConfirmed(analyzer, "S \(text)\n"))
        #expect(analyzer.isDetached)
    }

    @Test(arguments: 1..<20) func `a split at every octet changes nothing`(_ pieces: Int) {
        #expect(isConfirmed(POP3(), mailbox, pieces: pieces))
    }

    @Test(arguments: 0..<16) func `every truncation is survived`(_ count: Int) {
        let text = mailbox.split(separator: "\n").prefix(count).joined(separator: "\n")
        #expect(isConfirmed(POP3(), text) == (count >= 3))
    }

    @Test func `probes take greetings and first commands`() {
        #expect(POP3Probe.responder(Array("+OK".utf8).octets) == .matches)
        #expect(POP3Probe.responder(Array("+O".utf8).octets) == .needsMore)
        #expect(POP3Probe.responder(Array("-ERR".utf8).octets) == .never)
        #expect(POP3Probe.originator(wire("x\n capa\n").octets) == .matches)
        #expect(POP3Probe.originator(Array("USER jo".utf8).octets) == .matches)
        #expect(POP3Probe.originator(Array("USERS".utf8).octets) == .needsMore)
    }
}

@Suite("IMAP") struct IMAPTests {
    @Test(arguments: [
        "S * OK ready\n", "C a1 StartTLS\n", "C a1 capability\n", "C a1 login x y\n", "S * list x\n",
    ])
    func `these confirm`(_ text: String) { #expect(isConfirmed(IMAP(), text)) }

    @Test(arguments: ["C a1 LOGIN x y\n", "C a1 CAPABILITY\n", "S * BYE\n", ""])
    func `these do not`(_ text: String) { #expect(!isConfirmed(IMAP(), text)) }

    @Test func `TLS takes the stream over at the reply with the tag`() {
        let analyzer = IMAP()
        #expect(isConfirmed(analyzer, "S * OK x\nC a STARTTLS\nS b OK no\nS a OK go\nS \u{1}\nC \u{2}\n"))
    }

    @Test(arguments: ["SSH-2.0-x", "\u{1}\u{2}"]) func `another protocol is refused`(_ text: String) {
        let analyzer = IMAP()
        #expect(!isConfirmed(analyzer, "S \(text)\n"))
        #expect(analyzer.isDetached)
    }

    @Test(arguments: 1..<20) func `a split at every octet changes nothing`(_ pieces: Int) {
        #expect(isConfirmed(IMAP(), "S * OK ready\nC a1 CAPABILITY\nS * CAPABILITY IMAP4\n", pieces: pieces))
    }

    @Test func `a line without end is bounded and a gap ends the reading`() {
        let bench = TextBench(IMAP(), HTTPRecord.makeSchema(), port: 143)
        bench.send([UInt8](repeating: 0x41, count: 100_000), from: .responder, pieces: 1000)
        #expect(bench.analyzer.isDetached)
        let other = TextBench(IMAP(), HTTPRecord.makeSchema(), port: 143)
        other.lose(5, from: .responder)
        other.answer("* OK x\n")
        #expect(!other.analyzer.isConfirmed)
    }

    @Test(arguments: 1..<12) func `the parts of a mail are files`(_ pieces: Int) throws {
        let bench = DatagramBench(POP3(), port: 110, .tcp, logs: [])
        func send(_ text: String, _ direction: Direction) {
            var rest = wire(text)[...]
            while !rest.isEmpty {
                bench.stream(rest.prefix(pieces), from: direction)
                rest = rest.dropFirst(pieces)
            }
        }
        send("+OK ready\n", .responder)
        send("RETR 1\n", .originator)
        send("+OK 200 octets\nContent-Type: multipart/mixed; boundary=x\n\n--x\n", .responder)
        send("Content-Type: text/html; name=\"a.html\"\n\n<html><body>..\n", .responder)
        send("...dots\n</html>\n--x--\n.\n", .responder)
        send("RETR 2\n", .originator)
        send("+OK\nSubject: x\n\nplain words here\n.\n", .responder)
        bench.analyzer.finish(&bench.context)
        let rows = bench.rows(.files)
        #expect(rows.map { $0.text("source") } == ["POP3", "POP3"])
        #expect(rows[0].text("filename") == "a.html" && rows[0].text("mime_type") == "text/html")
        #expect(rows[0].number("seen_bytes") == 31 && rows[0].number("depth") == 2)
        #expect(rows[1].number("seen_bytes") == 18 && rows[1].text("filename") == nil)
        #expect(rows[0].flag("is_orig") == false)
    }
}

/// A mail of two parts; its octets are those of lines with CR LF.
private let mail = wire(
    "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nplain words\n--b\n"
        + "Content-Disposition: attachment; filename*0=\"long na\"; filename*1*=me%2Ehtml\n"
        + "Content-Type: text/html\n\n<html><body>x</body></html>\n--b--\n")

@Suite("mails of IMAP") struct IMAPMailTests {
    private static func turn(_ text: String) -> [(Direction, [UInt8])] {
        [(text.hasPrefix("C ") ? .originator : .responder, wire(String(text.dropFirst(2))))]
    }

    private static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 143, logs: [FilesRecord.makeSchema()], make: { IMAP() })
    }

    /// Columns of each row of files that say what it is.
    private static func names(_ rows: [String]) -> [String] {
        rows.map { row in
            ["source", "depth", "mime_type", "is_orig", "seen_bytes"].compactMap { name in
                let column = row.split(separator: " ").first { $0.hasPrefix("\(name)=") }
                return column.map { String($0.dropFirst(name.count + 1)) }
            }.joined(separator: " ")
        }
    }

    private static let start = [
        "S * OK ready\n", "C a LOGIN {2}\n", "S + go\n", "C me {2+}\n", "C pw\n", "S a OK\n",
    ].flatMap(turn)

    private static let fetch: [(Direction, [UInt8])] =
        start + turn("C b FETCH 1 (FLAGS BODY[])\n")
        + [(.responder, wire("* 1 FETCH (FLAGS (\\Seen) BODY[] {\(mail.count)}\n") + mail + wire(")\nb OK done\n"))]
        + turn("C c FETCH 1 BODY[HEADER]\n") + turn("S * 1 FETCH (BODY[HEADER] {4}\na: b)\nc OK\n")

    private static let append: [(Direction, [UInt8])] =
        start + turn("C b APPEND {4}\n") + turn("S + go\n") + turn("C Sent (\\Seen) {\(mail.count)}\n")
        + turn("S + go\n") + [(.originator, mail + wire("\n"))] + turn("S b OK\n") + turn("C c NOOP\n")

    @Test func `a mail that is fetched whole is its parts`() {
        #expect(
            Self.names(Self.conversation(Self.fetch).play().rows) == [
                "IMAP 2 text/plain F 11", "IMAP 3 text/html F 27",
            ])
    }

    @Test func `names of parts may be in pieces`() {
        let bench = DatagramBench(IMAP(), port: 143, .tcp, logs: [])
        for (direction, octets) in Self.fetch { bench.stream(octets, from: direction) }
        #expect(bench.rows(.files).map { $0.text("filename") } == [nil, "long name.html"])
    }

    @Test func `a mail that is appended comes from the client`() {
        #expect(
            Self.names(Self.conversation(Self.append).play().rows) == [
                "IMAP 2 text/plain T 11", "IMAP 3 text/html T 27",
            ])
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() {
        Self.conversation(Self.fetch).expectRobust(rowsMax: 3)
        Self.conversation(Self.append).expectRobust(rowsMax: 3)
    }

    @Test func `a mail that is fetched in parts is one`() {
        for cut in [1, 20, 60, 100, mail.count - 1] {
            let (first, second) = (Array(mail[..<cut]), Array(mail[cut...]))
            let turns: [(Direction, [UInt8])] = [
                (.responder, wire("* OK\n* 1 FETCH (BODY[]<0> {\(first.count)}\n") + first + wire(")\n")),
                (.responder, wire("* 1 FETCH (UID 7 BODY[]<\(cut)> {\(second.count)}\n") + second + wire(")\na OK\n")),
            ]
            #expect(
                Self.names(Self.conversation(turns).play().rows) == ["IMAP 2 text/plain F 11", "IMAP 3 text/html F 27"],
                "cut at \(cut)")
        }
    }

    @Test func `a literal that is refused does not come`() {
        let turns = Self.start + Self.turn("C b APPEND Sent {1000}\n") + Self.turn("S b NO full\n")
            + Array(Self.fetch.dropFirst(Self.start.count))
        #expect(Self.conversation(turns).play().rows.count == 2)
    }

    @Test func `a gap inside of a mail ends the mail alone`() {
        let bench = DatagramBench(IMAP(), port: 143, .tcp, logs: [])
        bench.stream(wire("* OK\n* 1 FETCH (BODY[] {\(mail.count)}\n") + mail[..<80], from: .responder)
        bench.lose(mail.count - 90, from: .responder)
        let next = wire(")\n* 2 FETCH (BODY[] {\(mail.count)}\n") + mail + wire(")\n")
        bench.stream(Array(mail.suffix(10)) + next, from: .responder)
        bench.finish()
        #expect(bench.rows(.files).count == 3)
    }

    @Test(arguments: ["{99999999999999999999}", "{}", "{-1}", "}", "{1", "{+}"])
    func `what is no length is no literal`(_ end: String) {
        let literal = IMAPLiteral(endOf: octets("a b \(end)").octets)
        #expect(literal == nil)
    }
}

@Suite("protocols that are taken back") struct AnalyzerLogTests {
    @Test func `what was confirmed and then violated is told once, what was not is let go without a word`() {
        let bench = DatagramBench(POP3(), port: 110, .tcp, logs: [AnalyzerRecord.makeSchema()])
        bench.stream(wire("+OK hello\n"), from: .responder)
        bench.stream(wire("USER jo\n"))
        bench.stream(wire("+OK\n"), from: .responder)
        bench.stream(wire("what is this\nand this\n"), from: .responder)
        let row = "proto=tcp analyzer_kind=protocol analyzer_name=POP3 failure_reason=no message of this protocol"
        #expect(bench.texts(.analyzer) == [row + " failure_data=what is this\r\nand this\r\n"])
        let other = DatagramBench(POP3(), port: 110, .tcp, logs: [AnalyzerRecord.makeSchema()])
        other.stream(wire("what is this\n"), from: .responder)
        #expect(other.rows(.analyzer).isEmpty && other.analyzer.isDetached)
    }
}
