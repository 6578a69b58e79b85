// SPDX-License-Identifier: Apache-2.0
//
// What a peer can make grow or take long by repeating itself: rows, tables, comparisons.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("Hostile input") struct HostileInputTests {
    private func lines(_ text: [String]) -> [UInt8] { text.flatMap { Array("\($0)\r\n".utf8) } }

    // MARK: rows

    @Test func `a header that is repeated for ever makes no row without end`() {
        let bench = TextBench(HTTP(), HTTPRecord.makeSchema(), port: 80)
        bench.send(lines(["GET / HTTP/1.1"]), from: .originator)
        let header = lines(["Referer: " + String(repeating: "r", count: 60_000)])
        for _ in 0..<200 { bench.send(header, from: .originator) }
        bench.send(lines(["Host: a.example", ""]), from: .originator)
        let rows = bench.finished()
        #expect(rows.count == 1)
        #expect(rows[0].text("method") == "GET")
        // What came when the row was full is empty.
        #expect(rows[0].text("host") == "")
    }

    @Test func `an address stands once in a list however often a mail names it`() {
        let bench = TextBench(SMTP(), SMTPRecord.makeSchema(), port: 25)
        bench.send(lines(["220 ready"]), from: .responder)
        bench.send(lines(["EHLO c", "MAIL FROM:<a@a>"]), from: .originator)
        bench.send(lines(["250 ok", "250 ok"]), from: .responder)
        for number in 0..<30 {
            bench.send(lines(["RCPT TO:<r\(number % 10)@b>"]), from: .originator)
            bench.send(lines(["250 ok"]), from: .responder)
        }
        bench.send(lines(["DATA"]), from: .originator)
        bench.send(lines(["354 go"]), from: .responder)
        let names = (0..<1500).map { "n\($0 % 1200)@c" }.joined(separator: ",")
        bench.send(lines(["To: x@c, y@c, x@c, y@c", "Cc: " + names, "", "."]), from: .originator)
        bench.send(lines(["250 ok"]), from: .responder)
        let row = bench.finished()[0]
        #expect(row.list("rcptto") == (0..<10).map { "r\($0)@b" })
        #expect(row.list("to") == ["x@c", "y@c"])
        #expect(row.list("cc")?.count == SMTPMail.addressesMax)
    }

    @Test func `DATA behind the end of an HTTP/2 stream is no other file`() {
        func frame(_ type: UInt8, _ flags: UInt8, _ payload: [UInt8]) -> [UInt8] {
            tlsThree(payload.count) + [type, flags, 0, 0, 0, 1] + payload
        }
        let logs = [HTTPRecord.makeSchema(), FilesRecord.makeSchema()]
        let bench = DatagramBench(HTTP2(), port: 80, .tcp, logs: logs)
        bench.stream(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + tlsThree(0) + [4, 0, 0, 0, 0, 0])
        bench.stream(frame(1, 4, [0x83, 0x86, 0x84]))
        for _ in 0..<40 { bench.stream(frame(0, 1, Array("GIF89a".utf8))) }
        bench.finish()
        #expect(bench.rows(.files).count == 1)
        #expect(bench.rows(.http).map { $0.list("orig_mime_types") } == [["image/gif"]])
    }

    @Test func `a datagram of DTLS begins few messages in pieces`() {
        func record(_ sequence: UInt8) -> [UInt8] {
            let piece: [UInt8] = [1] + tlsThree(90_000) + [0, sequence] + tlsThree(0) + tlsThree(1) + [1]
            return [22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, UInt8(piece.count)] + piece
        }
        let few = TLSBench(.dtls)
        few.client((0..<8).flatMap { record($0) })
        few.client((0..<8).flatMap { record($0) })
        #expect(!few.analyzer.isDetached)
        let many = TLSBench(.dtls)
        many.client((0..<9).flatMap { record($0) })
        #expect(many.analyzer.isDetached)
    }

    // MARK: tables

    @Test func `programs that wait for their end have a bound in octets`() {
        let bench = DatagramBench(HTTP(), port: 80, .tcp, logs: [])
        let program = Array("MZ".utf8) + [UInt8](repeating: 0x20, count: 70_000)
        for _ in 0..<1100 {
            let file = bench.context.beginFile(.http, from: .responder)
            _ = bench.context.fileData(file, program.octets)
        }
        let held = bench.context.files.gatheredByteCount
        #expect(held > SeenFiles.gatheredBytesMax / 2 && held <= SeenFiles.gatheredBytesMax)
        #expect(bench.context.fileCounters.overflowed > 0)
        bench.context.finishFiles()
        #expect(bench.context.files.gatheredByteCount == 0)
    }

    @Test func `events that wait for their end have a bound in octets`() {
        var settings = AnalyzerSettings()
        settings.wantsEvents = true
        let bench = DatagramBench(HTTP(), port: 80, .tcp, settings, logs: [EventRecord.makeSchema()])
        let text = [UInt8](repeating: 0x61, count: 500_000)
        var drafts = EventDrafts()
        for number in 0..<40 {
            drafts.add(UInt64(number), from: .originator, type: "mqtt", &bench.context) { event in
                event.text("name", text[...])
            }
        }
        #expect(bench.rows(.eve).count == 32)
        drafts.endAll("mqtt", &bench.context)
        #expect(drafts.isEmpty && bench.rows(.eve).count == 40)
    }

    // MARK: comparisons

    @Test func `octets are found in others wherever they begin to repeat`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 0..<40, using: &random)).map { _ in UInt8.random(in: 0...1, using: &random) }
            let part = (0..<Int.random(in: 0..<8, using: &random)).map { _ in UInt8.random(in: 0...1, using: &random) }
            let places = 0..<max(0, text.count - part.count + 1)
            let isThere = places.contains { text[$0 ..< $0 + part.count].elementsEqual(part) }
            let isFound = text.octets.contains(part.octets)
            #expect(isFound == isThere, "\(text) \(part)")
        }
    }

    @Test func `the first address in a text is the longest that begins there`() {
        for (text, address) in [
            ("from x [2001:db8::7]", "2001:db8::7"), ("::", "::"), ("1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8"),
            ("::1:2:3:4:5:6:7:8", "::1:2:3:4:5:6:7"), ("x::ffff:192.0.2.1]", "::ffff:192.0.2.1"),
            ("1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:192.0.2.1"), ("1::2::3", "1::2"), ("a:b 192.0.2.7", "192.0.2.7"),
            ("12345::1", "2345::1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ] {
            let octets = Array(text.utf8)
            let found = SMTPAddresses.nextHost(octets.octets, from: 0)
            #expect(found?.address == Address(address), "\(text)")
        }
        let short = Array("1:2:3:4:5:6:7".utf8)
        let none = SMTPAddresses.nextHost(short.octets, from: 0)?.address
        #expect(none == nil)
    }

    // MARK: secrets

    @Test func `events tell of a login and never its password`() {
        func bodies(
            _ port: UInt16, _ turns: [(Direction, [UInt8])], _ make: @escaping @Sendable () -> Analyzer
        ) -> String {
            EventPlay(conversation: Conversation(turns: turns, port: port, logs: [], make: make)).bodies()
                .joined(separator: "\n")
        }
        let mailbox = bodies(110, [
            (.responder, lines(["+OK hello"])), (.originator, lines(["USER jo"])), (.responder, lines(["+OK"])),
            (.originator, lines(["pass Pa55 word"])), (.responder, lines(["-ERR"])),
            (.originator, lines(["APOP jo d1935t"])), (.responder, lines(["+OK"])),
        ]) { POP3() }
        #expect(mailbox.contains("\"command\":\"PASS\",\"args\":[\"<hidden>\"]"))
        #expect(mailbox.contains("\"command\":\"APOP\",\"args\":[\"jo\",\"<hidden>\"]"))
        let files = bodies(21, [
            (.responder, lines(["220 hello"])), (.originator, lines(["USER jo"])), (.responder, lines(["331 more"])),
            (.originator, lines(["PASS Pa55"])), (.responder, lines(["530 no"])),
            (.originator, lines(["USER anonymous"])), (.responder, lines(["331 more"])),
            (.originator, lines(["PASS me@here"])), (.responder, lines(["230 in"])),
        ]) { FTP() }
        #expect(files.contains("\"command_data\":\"<hidden>\"") && files.contains("\"command_data\":\"me@here\""))
        let plain: [UInt8] = Array("PLAIN".utf8)
        let secret: [UInt8] = Array("\0jo\0Pa55".utf8)
        let choice: [UInt8] = [4, UInt8(plain.count)] + plain + [4, UInt8(secret.count)] + secret
        let bind: [UInt8] = [2, 1, 3, 4, 0, 0xA3, UInt8(choice.count)] + choice
        let request: [UInt8] = [2, 1, 1, 0x60, UInt8(bind.count)] + bind
        let directory = bodies(389, [
            (.originator, [0x30, UInt8(request.count)] + request),
            (.responder, [0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0]),
        ]) { LDAP(kind: .ldapTCP) }
        #expect(directory.contains("\"mechanism\":\"PLAIN\",\"credentials\":\"<hidden>\""))
        for text in [mailbox, files, directory] {
            #expect(!text.contains("Pa55") && !text.contains("d1935t") && !text.contains("50613535"))
        }
    }
}
