// SPDX-License-Identifier: Apache-2.0
//
// Tests NFS over TCP and UDP: names by handles, content, all versions, mount.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct NFSTests {
    static let logs = [NFSRecord.makeSchema()]

    // MARK: making messages

    static func opaque(_ octets: [UInt8]) -> [UInt8] {
        long(octets.count) + octets + zeros((4 - octets.count % 4) % 4)
    }

    static func call(
        _ xid: Int, program: Int = 100_003, version: Int = 3, _ procedure: Int, _ arguments: [UInt8]
    ) -> [UInt8] {
        let credentials = long(7) + opaque(octets("client")) + long(1000) + long(100) + long(0)
        return long(xid) + long(0) + long(2) + long(program) + long(version) + long(procedure) + long(1)
            + opaque(credentials) + long(0) + long(0) + arguments
    }

    static func reply(_ xid: Int, _ results: [UInt8]) -> [UInt8] {
        long(xid) + long(1) + long(0) + long(0) + long(0) + long(0) + results
    }

    static func framed(_ message: [UInt8]) -> [UInt8] { [0x80] + long(message.count).dropFirst() + message }

    static let root = opaque(octets("root-handle"))
    static let file = opaque(octets("file-handle!"))
    static let attributes = long(1) + zeros(20) + long(0) + long(5) + zeros(56)

    static let lookup: [(Direction, [UInt8])] = [
        (.originator, call(1, 3, root + opaque(octets("notes.txt")))),
        (.responder, reply(1, long(0) + file + long(0) + long(0))),
    ]
    static let read: [(Direction, [UInt8])] = [
        (.originator, call(2, 6, file + zeros(8) + long(4096))),
        (.responder, reply(2, long(0) + attributes + long(5) + long(1) + opaque(octets("hello")))),
    ]
    static let rename: [(Direction, [UInt8])] = [
        (.originator, call(3, 14, root + opaque(octets("a")) + root + opaque(octets("b")))),
        (.responder, reply(3, long(13))),
    ]

    static let talk = Conversation(
        turns: (lookup + read + rename).map { ($0.0, framed($0.1)) }, port: 2049, logs: logs
    ) { NFS() }

    static let client = "user=1000 group=100 machine=client"

    @Test func `calls have rows, and handles the names that were looked up`() {
        let outcome = Self.talk.play()
        #expect(outcome.rows.count == 3)
        #expect(outcome.rows.first?.hasPrefix("program=nfs version=3 procedure=LOOKUP file_name=notes.txt") == true)
        #expect(outcome.rows[1].contains("procedure=READ file_name=notes.txt"))
        #expect(outcome.rows[1].hasSuffix("status=OK offset=0 count=5 size=5 " + Self.client))
        #expect(outcome.rows[2].contains("procedure=RENAME file_name=a new_name=b"))
        #expect(outcome.rows[2].contains("status=ERR_ACCESS"))
        #expect(outcome.analyzer.isConfirmed)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.talk.expectRobust() }

    @Test func `the content of a file goes to the file layer`() {
        let bench = DatagramBench(NFS(), port: 2049, .tcp, logs: Self.logs)
        for (direction, octets) in Self.talk.turns { bench.stream(octets, from: direction) }
        let files = bench.rows(.files)
        #expect(files.count == 1)
        #expect(files.first?.text("source") == "NFS")
        #expect(files.first?.text("filename") == "notes.txt")
        #expect(files.first?.number("seen_bytes") == 5)
    }

    static func datagrams(_ messages: [(Direction, [UInt8])]) -> [String] {
        let bench = DatagramBench(NFS(), port: 2049, logs: logs)
        for (direction, message) in messages { bench.datagram(message, from: direction) }
        bench.analyzer.finish(&bench.context)
        return bench.texts(.nfs)
    }

    @Test func `version 2 and its fixed handles are read`() {
        let handle = [UInt8](repeating: 7, count: 32)
        let rows = Self.datagrams([
            (
                .originator,
                Self.call(1, version: 2, 8, handle + long(0) + long(3) + long(2) + Self.opaque(octets("ab")))
            ),
            (.responder, Self.reply(1, long(0) + zeros(68))),
        ])
        #expect(rows.count == 1)
        #expect(rows.first?.hasPrefix("program=nfs version=2 procedure=WRITE") == true)
        #expect(rows.first?.contains("status=OK offset=3 count=2") == true)
    }

    @Test func `version 4 is named by the operation that matters`() {
        let operations = long(53) + zeros(32) + long(22) + Self.file + long(38) + zeros(16) + zeros(8) + long(2)
        let arguments = long(0) + long(1) + long(4) + operations + Self.opaque(octets("hi")) + long(9)
        let rows = Self.datagrams([
            (.originator, Self.call(1, version: 4, 1, arguments)),
            (.responder, Self.reply(1, long(0) + long(0) + long(0))),
        ])
        #expect(rows.first?.contains("version=4 procedure=WRITE") == true)
        #expect(rows.first?.contains("status=OK offset=0 count=2") == true)
    }

    static func compound(_ operations: [[UInt8]]) -> [UInt8] {
        long(0) + long(1) + long(operations.count) + operations.flatMap { $0 }
    }

    static func results(_ results: [[UInt8]], status: Int = 0) -> [UInt8] {
        long(status) + long(0) + long(results.count) + results.flatMap { $0 }
    }

    private static let bitmap = long(1) + long(0x10)
    private static let owner = zeros(8) + opaque(octets("owner"))
    private static let opened = long(18) + long(0) + zeros(16 + 20 + 4) + bitmap + long(2) + zeros(16 + 4 + 4 + 8)
        + zeros(12) + opaque(octets("EVERYONE@"))

    /// A file is opened under a name, read, written to and closed.
    static let session: [(Direction, [UInt8])] = [
        (
            .originator,
            call(
                1, version: 4, 1,
                compound([
                    long(53) + zeros(32), long(22) + root,
                    long(18) + zeros(12) + owner + long(1) + long(0) + bitmap + opaque(zeros(8)) + long(0)
                        + opaque(octets("notes.txt")), long(10), long(3) + long(1), long(9) + bitmap,
                ]))
        ),
        (
            .responder,
            reply(
                1,
                results([
                    long(53) + long(0) + zeros(36), long(22) + long(0), opened, long(10) + long(0) + file,
                    long(3) + long(0) + zeros(8), long(9) + long(0) + bitmap + opaque(long(0) + long(7)),
                ]))
        ),
        (.originator, call(2, version: 4, 1, compound([long(22) + file, long(25) + zeros(24) + long(4096)]))),
        (
            .responder,
            reply(2, results([long(22) + long(0), long(25) + long(0) + long(1) + opaque(octets("content"))]))
        ),
        (
            .originator,
            call(
                3, version: 4, 1,
                compound([
                    long(22) + file, long(12) + zeros(24) + long(1) + zeros(24) + owner,
                    long(38) + zeros(16) + zeros(8) + long(2) + opaque(octets("new")), long(4) + zeros(20),
                ]))
        ),
        (
            .responder,
            reply(
                3,
                results([
                    long(22) + long(0), long(12) + long(0) + zeros(16), long(38) + long(0) + long(3) + zeros(12),
                    long(4) + long(0) + zeros(16),
                ]))
        ),
        (.originator, call(4, version: 4, 1, compound([long(22) + root, long(28) + opaque(octets("notes.txt"))]))),
        (.responder, reply(4, results([long(22) + long(0), long(28) + long(13)], status: 13))),
    ]

    static let talk4 = Conversation(
        turns: session.map { ($0.0, framed($0.1)) }, port: 2049, logs: logs
    ) { NFS() }

    @Test func `operations of a compound name, read, write and remove a file`() {
        let rows = Self.talk4.play().rows
        #expect(rows.count == 4)
        let wanted = [
            "procedure=OPEN file_name=notes.txt", "procedure=READ file_name=notes.txt",
            "procedure=WRITE file_name=notes.txt", "procedure=REMOVE file_name=notes.txt",
        ]
        for (row, text) in zip(rows, wanted) { #expect(row.contains(text), "\(row)") }
        #expect(rows[0].contains("status=OK size=7"))
        #expect(rows[1].contains("offset=0 count=7") && rows[2].contains("offset=0 count=3"))
        #expect(rows[3].contains("status=ERR_ACCESS"))
        let bench = DatagramBench(NFS(), port: 2049, .tcp, logs: Self.logs)
        for (direction, octets) in Self.talk4.turns { bench.stream(octets, from: direction) }
        bench.context.finish()
        let files = bench.rows(.files)
        #expect(files.map { $0.text("filename") } == ["notes.txt", "notes.txt"])
        // What is closed is over, and is not waited for.
        #expect(files.map { $0.number("seen_bytes") } == [3, 7] && files.map { $0.flag("timedout") } == [false, false])
    }

    @Test func `pieces, cuts, gaps and damage of compounds do no harm`() { Self.talk4.expectRobust() }

    @Test func `reading goes on behind a gap`() {
        let first = Self.talk.turns[0].1.count
        #expect(Self.talk.play(gap: first / 2).rows.count == 2)
    }

    @Test func `a mounted directory names its handle`() {
        let rows = Self.datagrams([
            (.originator, Self.call(1, program: 100_005, 1, Self.opaque(octets("/export")))),
            (.responder, Self.reply(1, long(0) + Self.root)),
            (.originator, Self.call(2, 1, Self.root)),
        ])
        #expect(rows.first?.hasPrefix("program=mount version=3 procedure=MNT file_name=/export") == true)
        #expect(rows.last?.contains("procedure=GETATTR file_name=/export") == true)
    }

    @Test func `every truncation of a call and of a reply is no trap`() {
        for (direction, message) in Self.lookup + Self.read + Self.rename {
            for length in message.indices {
                #expect(Self.datagrams([(direction, Array(message.prefix(length)))]).count <= 1)
            }
        }
    }

    @Test func `impossible lengths and another protocol are refused`() {
        let bench = DatagramBench(NFS(), port: 2049, .tcp, logs: Self.logs)
        bench.stream([0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1])
        #expect(bench.analyzer.isDetached)
        #expect(Self.talk.playHTTP().analyzer.isDetached)
        #expect(verdict(RPCProbe.stream, Self.framed(Self.call(1, 3, []))) == .matches)
        #expect(verdict(RPCProbe.datagram, Self.call(1, program: 100_001, 3, [])) == .never)
        #expect(verdict(RPCProbe.stream, octets("GET / HTTP/1.1")) == .never)
    }

    @Test func `calls without an end have a bound`() {
        let bench = DatagramBench(NFS(), port: 2049, logs: Self.logs)
        for number in 0..<2000 { bench.datagram(Self.call(number, 3, Self.root + Self.opaque(octets("x")))) }
        #expect(bench.rows(.nfs).count == 2000 - 1025)
    }
}
