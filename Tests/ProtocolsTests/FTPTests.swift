// SPDX-License-Identifier: Apache-2.0
//
// FTP: commands and replies, which belongs to which, data connections, paths, hostile streams.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// Lines of both sides in order: `C ` before a command, `S ` before a reply.
private let session = """
    S 220-Welcome
    S     to the server
    S 220 ready
    C USER anonymous
    S 331 say who
    C PASS me@here
    S 230 in
    C CWD pub
    S 250 ok
    C PASV
    S 227 Entering Passive Mode (10,0,0,2,4,1)
    C RETR ../pub/./a//b.txt
    S 150 Opening BINARY mode data connection (77 bytes)
    S 226 Transfer complete.
    C PORT 10,0,0,1,255,254
    S 200 ok
    C EPSV
    S 229 Entering Extended Passive Mode (|||6446|)
    C EPRT |2|2001:db8::1|5282|
    S 200 ok
    C QUIT
    S 221 bye
    """

@Suite("FTP") struct FTPTests {
    private func bench() -> TextBench { TextBench(FTP(), FTPRecord.makeSchema(), port: 21) }

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

    @Test func `a session has a row for each file and each data connection`() throws {
        let bench = bench()
        play(session, bench)
        #expect(bench.analyzer.isConfirmed)
        let rows = bench.finished()
        #expect(rows.map { $0.text("command") } == ["PASV", "RETR", "PORT", "EPSV", "EPRT"])
        #expect(rows.allSatisfy { $0.text("user") == "anonymous" && $0.text("password") == "me@here" })
        #expect(rows[0].flag("data_channel.passive") == true)
        #expect(rows[0].number("data_channel.resp_p") == 1025)
        #expect(rows[0].text("arg") == nil)
        #expect(rows[1].text("arg") == "ftp://8.8.8.8/./pub/a/b.txt")
        #expect(rows[1].number("file_size") == 77)
        #expect(rows[1].number("reply_code") == 226)
        #expect(rows[1].flag("data_channel.passive") == nil)
        #expect(rows[2].flag("data_channel.passive") == false)
        #expect(rows[2].number("data_channel.resp_p") == 65_534)
        #expect(rows[3].number("data_channel.resp_p") == 6446)
        #expect(rows[4].number("data_channel.resp_p") == 5282)
    }

    @Test func `passwords of users are hidden`() throws {
        let rows = rows("S 220 x\nC USER jo\nS 331 x\nC PASS secret\nS 230 x\nC PASV\nS 227 (1,2,3,4,5,6)\n")
        #expect(rows.map { $0.text("password") } == ["<hidden>"])
        #expect(rows.first?.text("user") == "jo")
    }

    @Test func `a login without files is one row`() throws {
        let rows = rows("S 220 x\nC USER jo\nS 331 x\nC PASS secret\nS 530 no\nC QUIT\nS 221 bye\n")
        #expect(rows.map { $0.text("command") } == ["QUIT"])
        #expect(rows.first?.number("reply_code") == 221)
        #expect(rows.first?.text("password") == "<hidden>")
    }

    @Test func `replies find their commands when the client does not wait`() {
        let commands = "S 220 x\nC DELE a\nC RETR b\nC PASV\n"
        let rows = rows(commands + "S 550 a is not there\nS 226 sent b\nS 227 (1,2,3,4,0,9)\n")
        #expect(rows.map { $0.text("command") } == ["DELE", "RETR", "PASV"])
        #expect(rows.map { $0.number("reply_code") } == [550, 226, 227])
    }

    @Test(arguments: ["(256,0,0,1,1,1)", "(1,2,3,4,5)", "(1,2,3,4,5,", "", "(99999999999999999999999,1,1,1,1,1)"])
    func `an impossible place is none`(_ text: String) {
        let rows = rows("S 220 x\nC PASV\nS 227 go \(text)\nC EPSV\nS 229 go (|||70000|)\nC EPRT |1||1\nS 200 x\n")
        #expect(rows.count == 3)
        #expect(rows.allSatisfy { $0.number("data_channel.resp_p") == nil })
    }

    @Test(arguments: [
        ("/", "/a", "/a"), ("/a/", "b", "/a/b"), (".", "../b", "/./../b"), ("/a", "../..", "/.."),
        ("/a", "C:\\x", "/C:\\x"), ("/", "..", "/.."), ("", "", "/"),
    ])
    func `paths are folded`(_ directory: String, _ argument: String, _ path: String) {
        let analyzer = FTP()
        analyzer.directory = Array(directory.utf8)
        var bytes: [UInt8] = []
        analyzer.url(of: Array(argument.utf8).octets, Address(v4: 1), to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "ftp://0.0.0.1" + path)
    }

    @Test func `TLS takes the stream over`() {
        let bench = bench()
        play("S 220 x\nC AUTH TLS\nS 234 go\n", bench)
        bench.ask("PASV\n")
        bench.answer("no code\n")
        #expect(bench.finished().isEmpty)
        #expect(!bench.analyzer.isDetached)
    }

    @Test(arguments: 0..<200) func `every truncation is survived`(_ length: Int) {
        let bench = bench()
        let lines = session.split(separator: "\n")
        let client = lines.filter { $0.first == "C" }.map { $0.dropFirst(2) + "\n" }.joined()
        let server = lines.filter { $0.first == "S" }.map { $0.dropFirst(2) + "\n" }.joined()
        bench.send(Array(wire(client).prefix(length)), from: .originator)
        bench.send(Array(wire(server).prefix(length)), from: .responder)
        bench.end(.originator)
        bench.end(.responder)
        #expect(bench.finished().count <= 6)
    }

    @Test func `overlong lines are cut and said so`() {
        let bench = bench()
        let long = String(repeating: "x", count: 200_000)
        play("S 220 x\nC \(long)\nC DELE \(long)\nS 250 \(long)\nC QUIT\n", bench)
        let rows = bench.finished()
        #expect(rows.first?.text("arg")?.utf8.count == FTP.argumentBytesMax)
        #expect(rows.first?.text("reply_msg")?.utf8.count == FTP.argumentBytesMax)
        #expect(bench.weirds.contains(.FTP_arg_too_long))
        #expect(bench.weirds.contains(.FTP_reply_msg_too_long))
    }

    @Test func `no more commands wait than are allowed`() {
        let bench = bench()
        for index in 0..<100 { play("C DELE \(index)\n", bench) }
        #expect(bench.weirds.contains(.FTP_too_many_pending_commands))
        #expect(bench.finished().count == FTP.pendingMax - 1)
    }

    @Test(arguments: ["SSH-2.0-x\n", "HTTP/1.1 200 OK\n", "2200 x\n", "099 x\n"])
    func `another protocol is a violation`(_ text: String) {
        let bench = bench()
        bench.answer(text)
        #expect(bench.analyzer.isDetached)
        #expect(bench.finished().isEmpty)
    }

    @Test(arguments: 1..<60) func `a split at every octet gives the same rows`(_ pieces: Int) {
        let whole = bench()
        play(session, whole)
        let split = bench()
        play(session, split, pieces: pieces)
        #expect(split.everything() == whole.everything())
    }

    @Test func `a gap loses a line, not the session`() {
        let bench = bench()
        play("S 220 x\n", bench)
        bench.send(Array("RET".utf8), from: .originator)
        bench.lose(5, from: .originator)
        play("C ABC\nS 500 x\nC PASV\nS 227 (1,2,3,4,5,6)\n", bench)
        #expect(bench.finished().map { $0.text("command") } == ["PASV"])
    }

    @Test func `probes take greetings and logins`() {
        #expect(FTPProbe.responder(Array("220 hello".utf8).octets) == .needsMore)
        #expect(FTPProbe.responder(wire("\n220-hello\n  331 who\n").octets) == .matches)
        #expect(FTPProbe.responder(wire("120 wait\n220 hello\n230 in\n").octets) == .matches)
        #expect(FTPProbe.responder(wire("220 hello\n3310\n").octets) == .needsMore)
        #expect(FTPProbe.responder(wire("x\n331 who\n").octets) == .never)
        #expect(FTPProbe.responder(Array("230 in".utf8).octets) == .never)
        #expect(FTPProbe.responder(Array("2200".utf8).octets) == .never)
        #expect(FTPProbe.responder(Array(" 22".utf8).octets) == .needsMore)
        #expect(FTPProbe.originator(wire("x\n  user jo\n").octets) == .matches)
        #expect(FTPProbe.originator(wire("x user jo\n").octets) == .needsMore)
    }
}
