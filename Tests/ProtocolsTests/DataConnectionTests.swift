// SPDX-License-Identifier: Apache-2.0
//
// Connections that another one has announced: data of FTP and files of DCC.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// A control connection, and one that it announces.
private final class TwoConnections {
    let bench: DatagramBench
    let data: DataConnection
    private let controlID: ConnectionID

    init(_ control: Analyzer, _ kind: AnalyzerKind, port: UInt16, _ schema: LogSchema) {
        bench = DatagramBench(control, port: port, .tcp, logs: [schema])
        controlID = bench.context.id
        data = DataConnection(kind)
        data.announcedBy = UID(value: 99)
    }

    func ask(_ text: String) { bench.stream(wire(text), from: .originator) }
    func answer(_ text: String) { bench.stream(wire(text), from: .responder) }

    func onData(_ body: (inout AnalyzerContext) -> Void) {
        bench.context.uid = UID(value: 100)
        bench.context.id = ConnectionID(
            originator: controlID.originator, responder: controlID.responder, originatorPort: 50_000,
            responderPort: 2000, transport: .tcp, protocolNumber: 6)
        body(&bench.context)
        bench.context.uid = UID(value: 99)
        bench.context.id = controlID
    }

    func transfer(_ octets: [UInt8], pieces: Int = .max, from direction: Direction = .responder) {
        onData { context in
            var rest = octets[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(pieces))
                data.stream(piece.octets, from: direction, &context)
                rest = rest.dropFirst(pieces)
            }
        }
    }

    func endData() { onData { data.finish(&$0) } }

    var expectations: [Announcement] {
        bench.context.requests.compactMap { if case .expect(let expectation) = $0 { expectation } else { nil } }
    }
}

private func ftp() -> TwoConnections { TwoConnections(FTP(), .ftpData, port: 21, FTPRecord.makeSchema()) }

private let page = octets("<html><head></head></html>")

@Suite("Data connections") struct DataConnectionTests {
    @Test(arguments: 1..<27) func `a file of FTP has its row and its control row`(_ pieces: Int) throws {
        let pair = ftp()
        pair.answer("220 x\n")
        pair.ask("PASV\n")
        pair.answer("227 ok (10,0,0,2,7,208)\n")
        pair.ask("RETR a.html\n")
        pair.transfer(page, pieces: pieces)
        pair.endData()
        pair.answer("226 done\n")
        pair.bench.analyzer.finish(&pair.bench.context)
        let file = try #require(pair.bench.rows(.files).first)
        #expect(file.text("source") == "FTP_DATA" && file.text("mime_type") == "text/html")
        #expect(file.number("uid") == 100 && file.number("seen_bytes") == 26)
        let rows = pair.bench.rows(.ftp)
        #expect(rows.map { $0.text("command") } == ["PASV", "RETR"])
        #expect(rows[1].number("fuid") == file.number("fuid"))
        #expect(rows[1].text("mime_type") == "text/html")
        #expect(rows[0].number("fuid") == nil)
    }

    @Test func `a kilobyte that nothing matches is unknown at once`() {
        let pair = ftp()
        pair.answer("220 x\n")
        pair.ask("EPSV\n")
        pair.answer("229 go (|||2000|)\n")
        pair.ask("STOR a\n")
        pair.transfer([UInt8](repeating: 0xFE, count: 1024), from: .originator)
        pair.answer("226 done\n")
        pair.bench.analyzer.finish(&pair.bench.context)
        #expect(pair.bench.rows(.ftp).last?.text("mime_type") == "<unknown>")
    }

    @Test func `both directions of announcing are understood`() {
        let pair = ftp()
        pair.answer("220 x\n")
        pair.ask("PASV\n")
        pair.answer("227 ok (10,0,0,9,7,208)\n")
        pair.ask("PORT 10,0,0,1,7,209\n")
        pair.ask("EPRT |1|192.0.2.7|2002|\n")
        let all = pair.expectations
        #expect(all.map(\.port) == [2000, 2001, 2002])
        #expect(all.map(\.isOfSameEnds) == [false, true, false])
        #expect(all[1].originator == Address(v4: 0x0A00_0002) && all[1].responder == Address(v4: 0x0A00_0001))
        #expect(all.allSatisfy { $0.analyzer == AnalyzerKind.ftpData.rawValue && $0.announcer == UID(value: 99) })
    }

    @Test func `the session may be over before its data`() {
        let pair = ftp()
        pair.answer("220 x\n")
        pair.ask("PASV\n")
        pair.answer("227 ok (10,0,0,2,7,208)\n")
        pair.bench.analyzer.finish(&pair.bench.context)
        pair.bench.context.forgetAnnouncer(pair.bench.analyzer)
        #expect(pair.bench.context.announcers.isEmpty)
        pair.transfer(page)
        pair.endData()
        #expect(pair.bench.rows(.files).count == 1)
    }

    @Test func `a gap is in the file's row`() {
        for offset in 0...page.count {
            let pair = ftp()
            pair.transfer(Array(page.prefix(offset)))
            pair.onData { pair.data.gap(5, from: .responder, &$0) }
            pair.transfer(Array(page.dropFirst(offset)))
            pair.endData()
            let row = pair.bench.rows(.files)[0]
            #expect(row.number("missing_bytes") == 5 && row.number("seen_bytes") == 26)
        }
    }

    @Test(arguments: ["167772162", "10.0.0.2"]) func `a file of DCC makes a row of IRC`(_ address: String) throws {
        let pair = TwoConnections(IRC(), .ircData, port: 6667, IRCRecord.makeSchema())
        pair.ask("NICK tim\n")
        pair.answer(":bob PRIVMSG tim :\u{1}DCC SEND a.html \(address) 2000 26\u{1}\n")
        #expect(pair.expectations.first?.responder == Address(v4: 0x0A00_0002))
        #expect(pair.expectations.first?.originator == nil)
        pair.transfer(page)
        pair.endData()
        let row = try #require(pair.bench.rows(.irc).last)
        let file = try #require(pair.bench.rows(.files).first)
        #expect(row.text("command") == "DCC" && row.text("dcc_file_name") == "a.html")
        #expect(row.text("dcc_mime_type") == "text/html" && row.number("dcc_file_size") == 26)
        #expect(row.number("uid") == 99 && row.number("fuid") == file.number("fuid"))
        #expect(file.text("filename") == "a.html" && file.text("source") == "IRC_DATA")
    }

    @Test(arguments: ["4294967296", "a.b", "1.2.3.4.5", "99999999999999999999"])
    func `an impossible place announces nothing`(_ address: String) {
        let pair = TwoConnections(IRC(), .ircData, port: 6667, IRCRecord.makeSchema())
        pair.answer(":bob PRIVMSG tim :\u{1}DCC SEND a.html \(address) 2000 26\u{1}\n")
        pair.answer(":bob PRIVMSG tim :\u{1}DCC SEND a.html 10.0.0.2 70000 26\u{1}\n")
        pair.answer(":bob PRIVMSG tim :\u{1}DCC SEND a.html 10.0.0.2 0 26\u{1}\n")
        #expect(pair.expectations.isEmpty)
    }
}
