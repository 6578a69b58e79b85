// SPDX-License-Identifier: Apache-2.0
//
// Syslog: messages, and how a stream is cut into them.

import Testing
import Wire

@testable import Protocols
@testable import Records

private func overUDP() -> DatagramBench {
    DatagramBench(Syslog(kind: .syslog), port: 514, logs: [SyslogRecord.makeSchema()])
}

private func overTCP() -> DatagramBench {
    DatagramBench(Syslog(kind: .syslogTCP), port: 514, .tcp, logs: [SyslogRecord.makeSchema()])
}

extension DatagramBench {
    fileprivate var messages: [String] {
        rows(.syslog).map { "\($0.text("facility") ?? "") \($0.text("severity") ?? "") \($0.text("message") ?? "")" }
    }
}

@Suite("Syslog") struct SyslogTests {
    @Test func `a message is a row with every column`() throws {
        let bench = overUDP()
        bench.datagram(octets("<165>1 2003-10-11T22:14:15Z host app - - - text\n"), at: 3)
        let row = try #require(bench.rows(.syslog).first)
        #expect(row.seconds("ts") == 0.003)
        #expect(row.number("uid") == 99)
        #expect(row.text("proto") == "udp")
        #expect(row.text("facility") == "LOCAL4")
        #expect(row.text("severity") == "NOTICE")
        #expect(row.text("message") == "1 2003-10-11T22:14:15Z host app - - - text\n")
        #expect(bench.analyzer.isConfirmed)
    }

    @Test func `without a sound priority the whole text is the message`() {
        for text in ["X", "<", "<1", "<1 >x", "<>x", "< 1>x", "<-1>x", "<99999999999999999999>x"] {
            let bench = overUDP()
            bench.datagram(octets(text))
            #expect(bench.messages == ["UNSPECIFIED UNSPECIFIED \(text)"])
        }
    }

    @Test func `a facility without a name is a number`() {
        let bench = overUDP()
        bench.datagram(octets("<192>a"))
        bench.datagram(octets("<1023>"))
        bench.datagram(octets("<1024>b"))
        #expect(bench.messages == ["?-24 EMERG a", "?-127 DEBUG ", "KERN EMERG b"])
    }

    @Test func `every truncation of a datagram is a row`() {
        let whole = octets("<13>hello")
        for length in 1..<whole.count {
            let bench = overUDP()
            bench.datagram(Array(whole.prefix(length)))
            #expect(bench.rows(.syslog).count == 1)
        }
    }

    private static let mixed = "7 <13>abc<14>line one\r\n\n<15>two\012 <0>counted\n\n4 text"
    private static let found = [
        "USER NOTICE abc", "USER INFO line one", "USER DEBUG two", "KERN EMERG counted\n\n",
        "UNSPECIFIED UNSPECIFIED text",
    ]

    @Test func `a stream holds counted messages and lines`() {
        let bench = overTCP()
        bench.stream(octets(SyslogTests.mixed))
        #expect(bench.messages == SyslogTests.found)
        #expect(bench.rows(.syslog).allSatisfy { $0.text("proto") == "tcp" })
        #expect(bench.analyzer.isConfirmed && !bench.analyzer.isDetached)
    }

    @Test func `a stream split at any octet gives the same rows`() {
        let whole = octets(SyslogTests.mixed)
        for split in 0...whole.count {
            let bench = overTCP()
            bench.stream(whole[0..<split])
            bench.stream(whole[split...])
            #expect(bench.messages == SyslogTests.found)
        }
        let bench = overTCP()
        for octet in whole { bench.stream([octet]) }
        #expect(bench.messages == SyslogTests.found)
    }

    @Test func `a stream that is cut gives the whole messages`() {
        let whole = octets(SyslogTests.mixed)
        for length in 0..<whole.count {
            let bench = overTCP()
            bench.stream(whole[0..<length])
            bench.analyzer.endOfStream(from: .originator, &bench.context)
            bench.analyzer.finish(&bench.context)
            #expect(bench.messages.count < SyslogTests.found.count)
            #expect(Array(SyslogTests.found.prefix(bench.messages.count)) == bench.messages)
        }
    }

    @Test func `impossible lengths and lines without a priority end it`() {
        let bad = [
            "0 x", "999999999999 x", "12a x", "<x>text\n", "<13>\n", "GET / HTTP/1.1\r\n", "\n<13>x\n", "1 x\n1 y",
        ]
        for text in bad {
            let bench = overTCP()
            bench.stream(octets(text))
            #expect(bench.analyzer.isDetached)
            #expect(bench.messages.count == (text == "1 x\n1 y" ? 1 : 0))
        }
    }

    @Test func `a long message is cut, and what follows is found`() {
        let bench = overTCP()
        bench.stream(octets("100000 ") + [UInt8](repeating: 0x61, count: 100_000))
        bench.stream(octets("<13>") + [UInt8](repeating: 0x62, count: 100_000) + [0x0A])
        bench.stream(octets("<13>c\n"))
        #expect(bench.rows(.syslog).map { $0.text("message")?.utf8.count } == [65_536, 65_532, 1])
    }

    @Test func `a gap ends it without a violation`() {
        let bench = overTCP()
        bench.stream(octets("<13>a\n<13>b"))
        bench.analyzer.gap(5, from: .originator, &bench.context)
        #expect(bench.analyzer.isDetached && bench.analyzer.isConfirmed)
        #expect(bench.messages == ["USER NOTICE a"])
    }
}
