// SPDX-License-Identifier: Apache-2.0
//
// Tests DCE RPC over TCP: binds, fragments, logins, names.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct DCERPCTests {
    static let logs = [
        DCERPCRecord.makeSchema(), NTLMRecord.makeSchema(), KerberosRecord.makeSchema(), X509Record.makeSchema(),
    ]

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 135, logs: logs) { DCERPC() }
    }

    static let call = conversation([
        (.originator, DCERPCMade.bind()), (.responder, DCERPCMade.bindAck()),
        (.originator, DCERPCMade.request(15)), (.responder, DCERPCMade.response()),
        (.originator, DCERPCMade.request(900)), (.responder, DCERPCMade.response()),
    ])

    @Test func `a call has a row with its names`() {
        let outcome = Self.call.play()
        #expect(
            outcome.rows == [
                "named_pipe=\\PIPE\\svcctl endpoint=svcctl operation=OpenSCManagerW",
                "named_pipe=\\PIPE\\svcctl endpoint=svcctl operation=unknown-900",
            ])
        #expect(outcome.analyzer.isConfirmed)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.call.expectRobust(rowsMax: 3) }

    @Test func `calls behind a loss are told of, answers to lost ones are not`() {
        let turns = Self.call.turns
        let place = turns[0].1.count + turns[1].1.count + 10
        let outcome = Self.call.play(gap: place)
        #expect(outcome.rows == ["named_pipe=\\PIPE\\svcctl endpoint=svcctl operation=unknown-900"])
    }

    @Test func `a server of ncacn_http greets first`() {
        let greeting = [(Direction.responder, octets("ncacn_http/1.0"))]
        let conversation = Self.conversation(greeting + Self.call.turns)
        #expect(conversation.play().rows == Self.call.play().rows)
        for pieces in 1...9 { #expect(conversation.play(pieces: pieces).rows.count == 2) }
        #expect(verdict(DCERPCProbe.banner, octets("ncacn_http/1.0")) == .matches)
        #expect(verdict(DCERPCProbe.banner, octets("ncacn_")) == .needsMore)
        #expect(verdict(DCERPCProbe.banner, octets("220 x")) == .never)
    }

    /// A message that joins a channel to its virtual connection.
    private static func channel(_ cookies: [UInt8]...) -> [UInt8] {
        let window = little(0, 4) + little(65_536, 4)
        let commands = little(6, 4) + little(1, 4) + cookies.flatMap { little(3, 4) + $0 } + window
        return [5, 0, 20, 3, 0x10, 0, 0, 0] + little(UInt64(20 + commands.count), 2) + little(0, 6) + little(0, 2)
            + little(UInt64(2 + cookies.count), 2) + commands
    }

    @Test(arguments: 1..<9) func `two channels of HTTP are one connection`(_ pieces: Int) {
        let cookie = [UInt8](repeating: 0x5A, count: 16)
        let bench = DatagramBench(HTTP(), port: 80, .tcp, logs: Self.logs + [HTTPRecord.makeSchema()])
        let other = HTTP()
        func send(_ octets: [UInt8], _ direction: Direction, on reader: Analyzer) {
            bench.context.uid = UID(value: reader === other ? 100 : 99)
            for start in stride(from: 0, to: octets.count, by: pieces) {
                let piece = Array(octets[start..<min(start + pieces, octets.count)])
                reader.stream(piece.octets, from: direction, &bench.context)
            }
        }
        let hello = Self.channel(cookie, [UInt8](repeating: 1, count: 16))
        send(
            wire("RPC_OUT_DATA /rpc/rpcproxy.dll?srv:6001 HTTP/1.1\nContent-Length: \(hello.count)\n\n") + hello,
            .originator, on: other)
        send(wire("HTTP/1.1 200 OK\nContent-Length: 1073741824\n\n"), .responder, on: other)
        send(
            wire("RPC_IN_DATA /rpc/rpcproxy.dll?srv:6001 HTTP/1.1\nContent-Length: 1073741824\n\n")
                + Self.channel(cookie, [UInt8](repeating: 2, count: 16)), .originator, on: bench.analyzer)
        for (direction, octets) in Self.call.turns {
            send(octets, direction, on: direction == .originator ? bench.analyzer : other)
        }
        bench.analyzer.finish(&bench.context)
        other.finish(&bench.context)
        #expect(bench.texts(.dceRPC) == Self.call.play().rows)
        #expect(bench.context.serviceChanges.filter { $0 == .confirmed(.dceRPC) }.count == 2)
        bench.analyzer.reset()
        send(wire("RPC_IN_DATA / HTTP/1.1\nContent-Length: 6\n\n<html>"), .originator, on: bench.analyzer)
        bench.analyzer.finish(&bench.context)
        #expect(bench.texts(.dceRPC).count == 2)
    }

    @Test func `fragments of a call are one call`() {
        let rows = Self.conversation([
            (.originator, DCERPCMade.bind()), (.responder, DCERPCMade.bindAck()),
            (.originator, DCERPCMade.request(15, flags: 1)), (.originator, DCERPCMade.request(15, flags: 0)),
            (.originator, DCERPCMade.request(15, flags: 2)),
            (.responder, DCERPCMade.response(flags: 1)), (.responder, DCERPCMade.response(flags: 2)),
        ]).play().rows
        #expect(rows.count == 1)
    }

    @Test func `too many and too long fragments end the analyzer`() {
        var turns: [(Direction, [UInt8])] = (0..<30).map {
            (.originator, DCERPCMade.request(15, call: UInt64($0), flags: 1))
        }
        #expect(Self.conversation(turns).play().weirds == [.too_many_dce_rpc_msgs_in_reassembly])
        turns = (0..<9).map { (.originator, DCERPCMade.request(15, flags: $0 == 0 ? 1 : 0, stub: 4000)) }
        #expect(Self.conversation(turns).play().weirds == [.too_much_dce_rpc_fragment_data])
        turns = [(.originator, DCERPCMade.request(15, flags: 1)), (.originator, DCERPCMade.request(15, flags: 1))]
        #expect(Self.conversation(turns).play().weirds == [.multiple_first_fragments_in_dce_rpc_reassembly])
    }

    @Test func `an unanswered call repeats the row before`() {
        let turns = Self.call.turns.dropLast(2) + [(.originator, DCERPCMade.request(0))]
        let row = "named_pipe=\\PIPE\\svcctl endpoint=svcctl operation=OpenSCManagerW"
        #expect(Self.conversation(Array(turns)).play().rows == [row, row])
    }

    @Test func `a login inside of a bind has its row`() {
        let rows = Self.conversation([
            (.originator, DCERPCMade.bind(token: NTLMMade.negotiate)),
            (.responder, DCERPCMade.bindAck(token: NTLMMade.challenge)),
            (.originator, DCERPCMade.message(16, zeros(4), token: NTLMMade.authenticate)),
        ]).play().rows
        #expect(
            rows == [
                "username=alice hostname=PC domainname=DOM server_nb_computer_name=SRV "
                    + "server_dns_computer_name=srv.example server_tree_name=example"
            ])
    }

    @Test func `logins that are not read are said to be there`() {
        func weirds(_ kind: UInt8) -> [Weird] {
            let bind = DCERPCMade.message(14, zeros(8) + [0, 0, 0, 0], token: [1, 2, 3, 4], auth: kind)
            return Self.conversation([(.originator, bind)]).play().weirds
        }
        #expect(weirds(0x44) == [.netlogon_dce_rpc_auth_type])
        #expect(weirds(0x0E) == [.tls_dce_rpc_auth_type])
        #expect(weirds(0x77) == [.unknown_dce_rpc_auth_type])
    }

    static func isHeader(_ octets: [UInt8]) -> Bool {
        var cursor = Cursor(octets.octets)
        return (try? DCERPCHeader(parsing: &cursor)) != nil
    }

    @Test func `every truncation and impossible lengths are refused`() {
        let whole = DCERPCMade.bind()
        for length in 0..<16 { #expect(!Self.isHeader(Array(whole.prefix(length)))) }
        #expect(Self.isHeader(whole))
        var short = whole
        short[8] = 4
        #expect(!Self.conversation([(.originator, short)]).play().analyzer.isConfirmed)
        var long = DCERPCMade.bind(token: [1])
        long[10] = 0xFF
        #expect(!Self.conversation([(.originator, long)]).play().analyzer.isConfirmed)
    }

    @Test func `another protocol is not DCE RPC`() {
        #expect(!Self.call.playHTTP().analyzer.isConfirmed)
        #expect(verdict(DCERPCProbe.message, octets("GET")) == .never)
        #expect(verdict(DCERPCProbe.message, DCERPCMade.bind()) == .matches)
    }

    @Test func `an interface reads the same in both byte orders`() {
        let wire = DCERPCMade.interface
        let little = DCERPCInterface(wire.octets, isLittle: true)
        let big: [UInt8] = [
            0x36, 0x7A, 0xBB, 0x81, 0x98, 0x44, 0x35, 0xF1, 0xAD, 0x32, 0x98, 0xF0, 0x38, 0x00, 0x10, 0x03,
        ]
        let other = DCERPCInterface(big.octets, isLittle: false)
        #expect(other == little)
        var text = TextBuffer()
        little.write(to: &text)
        #expect(text.bytes == octets("367abb81-9844-35f1-ad32-98f038001003"))
        #expect(DCERPCNames.all.isKnown(little))
        text.clear()
        DCERPCNames.all.writeName(of: DCERPCInterface(high: 0, low: 1), to: &text)
        #expect(text.bytes == octets("unknown-00000000-0000-0000-0000-000000000001"))
    }

    @Test func `a pipe without a bind is known by its name`() {
        #expect(DCERPCNames.interface(ofPipe: octets("winreg")[...]) != nil)
        #expect(DCERPCNames.interface(ofPipe: octets("lsass")[...]) == nil)
    }
}
