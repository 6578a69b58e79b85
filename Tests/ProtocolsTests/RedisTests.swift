// SPDX-License-Identifier: Apache-2.0
//
// Redis: commands paired with their replies, and hostile forms of them.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct RedisTests {
    /// A command in multi-bulk form.
    static func command(_ words: String...) -> [UInt8] {
        var text = "*\(words.count)\r\n"
        for word in words { text += "$\(word.utf8.count)\r\n\(word)\r\n" }
        return octets(text)
    }

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 6379, logs: [RedisRecord.makeSchema()]) { Redis() }
    }

    static let session = conversation([
        (.originator, command("SET", "k", "v")), (.responder, octets("+OK\r\n")),
        (.originator, octets("get 'my key'\r\n")), (.responder, octets("$3\r\na\r\n\r\n")),
        (.originator, command("LRANGE", "l", "0", "-1") + command("Incr", "n")),
        (.responder, octets("*3\r\n$1\r\na\r\n:7\r\n*0\r\n-ERR no number\r\n")),
        (.originator, command("GET", "late")),
    ])

    @Test func `commands pair with replies`() {
        #expect(
            Self.session.play().rows == [
                "cmd.name=SET cmd.key=k cmd.value=v success=T reply.value=OK",
                "cmd.name=get cmd.key='my key' success=T reply.value=a\r\n",
                "cmd.name=LRANGE success=T reply.value=[a, 7, []]",
                "cmd.name=Incr cmd.key=n success=F reply.value=ERR no number", "cmd.name=GET cmd.key=late",
            ])
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust(rowsMax: 16) }

    @Test(arguments: [
        ("$-1\r\n", ""), ("*-1\r\n", "[]"), ("_\r\n", "null"), ("#t\r\n", "T"), ("#f\r\n", "F"),
        (",3.14\r\n", "3.14"), ("%1\r\n+a\r\n:1\r\n", "{a: 1}"), ("~2\r\n+a\r\n+b\r\n", "(a, b)"),
        ("|1\r\n+ttl\r\n:9\r\n+x\r\n", "x"), ("*2\r\n|1\r\n+a\r\n+b\r\n+x\r\n+y\r\n", "[x, y]"),
        ("=7\r\ntxt:abc\r\n", "txt:abc"), ("!5\r\nERR a\r\n", "ERR a"),
    ])
    func `values of all types have a text`(_ reply: String, _ text: String) {
        let turns = [(Direction.originator, Self.command("PING")), (.responder, octets(reply))]
        let success = text.hasPrefix("ERR") ? "F" : "T"
        #expect(Self.conversation(turns).play().rows == ["cmd.name=PING success=\(success) reply.value=\(text)"])
    }

    @Test func `long words and replies are cut`() {
        let long = String(repeating: "v", count: 9000)
        let turns = [(Direction.originator, Self.command("SET", "k", long)), (.responder, octets("+\(long)\r\n"))]
        let cut = String(repeating: "v", count: 4096)
        #expect(
            Self.conversation(turns).play(pieces: 100).rows
                == ["cmd.name=SET cmd.key=k cmd.value=\(cut) success=T reply.value=\(cut)"])
    }

    @Test func `published messages are no replies`() {
        let turns = [
            (Direction.originator, Self.command("SUBSCRIBE", "news")),
            (.responder, octets("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")),
            (.responder, octets("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n")),
            (.originator, Self.command("RESET")), (.responder, octets("+RESET\r\n")),
        ]
        #expect(
            Self.conversation(turns).play().rows
                == ["cmd.name=SUBSCRIBE", "cmd.name=RESET success=T reply.value=RESET"])
    }

    @Test func `commands whose reply is skipped have none`() {
        let turns = [
            (Direction.originator, Self.command("CLIENT", "REPLY", "SKIP")), (.originator, Self.command("GET", "a")),
            (.originator, Self.command("GET", "b")), (.responder, octets("+B\r\n")),
        ]
        #expect(
            Self.conversation(turns).play().rows == [
                "cmd.name=CLIENT", "cmd.name=GET cmd.key=a", "cmd.name=GET cmd.key=b success=T reply.value=B",
            ])
    }

    @Test func `many commands in flight keep their order`() {
        var turns: [(Direction, [UInt8])] = []
        for round in 0..<40 {
            turns += (0..<round).map { (.originator, Self.command("GET", "\(round).\($0)")) }
            turns += (0..<round).map { (.responder, octets("+\(round).\($0)\r\n")) }
        }
        let rows = Self.conversation(turns).play().rows
        #expect(rows.count == 780)
        for row in rows {
            let parts = row.split(separator: " ")
            #expect(parts[1].dropFirst(8) == parts[3].dropFirst(12))
        }
    }

    @Test func `more waiting commands than are kept are forgotten`() {
        let ping = (Direction.originator, octets("PING\r\n"))
        let turns = Array(repeating: ping, count: 10_010) + [(.responder, octets("+P\r\n"))]
        let outcome = Self.conversation(turns).play()
        #expect(outcome.weirds == [.Redis_excessive_pipelining])
        #expect(outcome.rows.count <= 10)
    }

    @Test(arguments: [
        "*99999\r\n", "$9999999\r\n", "*x\r\n", ":12345678901234567890\r\n", "?\r\n",
        String(repeating: "*1\r\n", count: 22),
    ])
    func `impossible lengths end the analyzer`(_ reply: String) {
        let turns = [(Direction.originator, Self.command("PING")), (.responder, octets(reply))]
        let outcome = Self.conversation(turns).play()
        #expect(outcome.analyzer.isDetached)
        #expect(outcome.rows.isEmpty)
    }

    @Test func `another protocol is refused without a row`() {
        #expect(Self.session.playHTTP().rows.isEmpty)
        #expect(Self.session.playHTTP().analyzer.isDetached)
        #expect(Self.conversation([(.responder, octets("+OK\r\n"))]).play().analyzer.isDetached)
    }

    @Test func `the probe knows a first value`() {
        for text in ["+OK\r\n", "$5\r\n", "*-1\r\n", ":3.5\r\n", "-ERR x\r\n"] {
            #expect(RedisProbe.response(octets(text).octets) == .matches)
        }
        #expect(RedisProbe.response(octets("+OK").octets) == .needsMore)
        #expect(RedisProbe.response(octets("$5").octets) == .needsMore)
        #expect(RedisProbe.response(octets("HTTP/1.1").octets) == .never)
        #expect(RedisProbe.response(octets("$x").octets) == .never)
    }
}
