// SPDX-License-Identifier: Apache-2.0
//
// QUIC of Google: hellos in the clear, their fingerprint, and what hostile datagrams do not get.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("Google's QUIC") struct QUICGoogleTests {
    private static let buffers: [SignatureBuffer] = [.quicSNI, .quicUserAgent, .quicCYUString, .quicCYUHash]

    /// A message of tags, each with its value.
    private static func message(_ tags: [(String, String)], name: String = "CHLO") -> [UInt8] {
        func letters(_ name: String) -> [UInt8] { Array(name.utf8) + [UInt8](repeating: 0, count: 4 - name.utf8.count) }
        func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> ($0 * 8) & 0xFF) } }
        var head = letters(name) + little(tags.count, 2) + [0, 0]
        var values: [UInt8] = []
        for (tag, value) in tags {
            values += Array(value.utf8)
            head += letters(tag) + little(values.count, 4)
        }
        return head + values
    }

    private static let tags = [
        ("PAD", String(repeating: "-", count: 400)), ("SNI", "a.example.org"), ("VER", "Q046"),
        ("UAID", "Chrome/70"), ("PDMD", "X509"),
    ]

    private static func frame(_ message: [UInt8], claims count: Int? = nil) -> [UInt8] {
        let count = count ?? message.count
        return [0xA0, 1, UInt8(count >> 8), UInt8(count & 0xFF)] + message
    }

    /// An Initial packet with an id of eight octets.
    private static func packet(_ version: String, _ frames: [UInt8], first: UInt8? = nil) -> [UInt8] {
        [first ?? (version == "Q046" ? 0xC0 : 0xFF)] + Array(version.utf8) + [0x50] + [1, 2, 3, 4, 5, 6, 7, 8]
            + [0, 0, 0, 1] + [UInt8](repeating: 0x4D, count: 12) + frames
    }

    private struct Shown {
        var texts: [SignatureBuffer: [String]] = [:]
        var events: [String] = []
        var isDetached = false
        var sessions: [String] = []
    }

    private static func show(_ datagrams: [(Direction, [UInt8])]) -> Shown {
        let bench = DatagramBench(QUIC(), port: 443, logs: [QUICRecord.makeSchema()])
        bench.context.transactions.wantsEvents = true
        bench.context.transactions.wantsTransactions = true
        for buffer in buffers + [.quicVersion] { bench.context.transactions.wanted.insert(buffer) }
        for (direction, octets) in datagrams where !bench.analyzer.isDetached {
            bench.datagram(octets, from: direction)
        }
        bench.finish()
        var shown = Shown()
        let output = bench.context.transactions
        for one in output.exposures {
            if one.kind == .event { shown.events.append("\(output.events[Int(one.number)])") }
            guard one.kind == .octets else { continue }
            let place = Int(one.offset)..<Int(one.offset &+ one.count)
            shown.texts[one.buffer, default: []].append(String(decoding: output.text.bytes[place], as: UTF8.self))
        }
        shown.isDetached = bench.analyzer.isDetached
        shown.sessions = bench.rows(.quic).map { $0.text("version") ?? "" }
        return shown
    }

    @Test(arguments: [("Q043", "43"), ("Q044", "44"), ("Q045", "44"), ("Q046", "46")])
    func `a hello shows its name, its program and its fingerprint`(_ version: String, _ number: String) {
        let shown = Self.show([(.originator, Self.packet(version, Self.frame(Self.message(Self.tags))))])
        #expect(shown.texts[.quicVersion] == [version])
        #expect(shown.texts[.quicSNI] == ["a.example.org"] && shown.texts[.quicUserAgent] == ["Chrome/70"])
        #expect(shown.texts[.quicCYUString] == ["\(number),PAD-SNI-VER-UAID-PDMD"])
        #expect(shown.events.isEmpty && !shown.isDetached && shown.sessions.count == 1)
    }

    @Test func `the fingerprint is that of its inventors`() {
        // "gQUIC Protocol Analysis and Fingerprinting in Zeek", Salesforce Engineering, 2019.
        let names = ["PAD", "SNI", "VER", "CCS", "PDMD", "ICSL", "MIDS", "CFCW", "SFCW"]
        let message = Self.message(names.map { ($0, "x") })
        let shown = Self.show([(.originator, Self.packet("Q043", Self.frame(message)))])
        #expect(shown.texts[.quicCYUHash] == ["e030dea1f2eea44ac7db5fe4de792acd"])
    }

    @Test func `every packet is a transaction, and each message of tags has a fingerprint`() {
        let hello = Self.frame(Self.message(Self.tags))
        let other = Self.frame(Self.message([("SNI", "b.example.org"), ("VER", "Q044")]))
        let shown = Self.show([
            (.originator, Self.packet("Q044", hello + [0, 0, 1] + other + [0, 0])),
            // Not the first of its kind: the version, and nothing of what is in it.
            (.originator, Self.packet("Q044", hello, first: 0xFD)),
            // Of the server, the version alone can be asked for.
            (.responder, Self.packet("Q044", hello)), (.responder, [0x40, 1, 2, 3]),
        ])
        #expect(shown.texts[.quicVersion] == ["Q044", "Q044", "Q044"])
        #expect(shown.texts[.quicSNI] == ["b.example.org"])
        #expect(shown.texts[.quicCYUString] == ["44,PAD-SNI-VER-UAID-PDMD", "44,SNI-VER"])
        #expect(!shown.isDetached && shown.sessions.count == 1)
    }

    @Test(arguments: [
        // A message that is cut off, has a tag that nobody knows, or ends that go back.
        (Self.frame(Array(Self.message(Self.tags).dropLast(5))), [String]()),
        (Self.frame(Self.message(Self.tags + [("WHAT", "x")])), []),
        (Self.frame(Self.message(Self.tags, name: "HELO")), []),
        (Self.frame(Self.message([("SNI", "abc"), ("UAID", "")]).dropLast(3) + [0x61]), []),
        (Self.frame(Array("CHLO".utf8) + [0xFF, 0xFF, 0, 0]), []),
        (Self.frame([]), []), ([0x7F, 1, 2, 3], []),
        // A frame that is cut off.
        (Self.frame(Self.message(Self.tags), claims: 900), ["quic.error_on_data"]), ([0xA0], ["quic.error_on_data"]),
        ([0x08, 0, 0x41], ["quic.error_on_data"]),
    ]) func `what is no message of tags says nothing but the version`(_ frames: [UInt8], _ events: [String]) {
        let shown = Self.show([(.originator, Self.packet("Q046", frames))])
        #expect(shown.texts == [.quicVersion: ["Q046"]])
        #expect(shown.events == events && shown.isDetached == !events.isEmpty)
    }

    @Test func `a packet that is cut off anywhere does no harm`() {
        let whole = Self.packet("Q046", Self.frame(Self.message(Self.tags)))
        for count in 0..<whole.count {
            let shown = Self.show([(.originator, Array(whole.prefix(count)))])
            #expect(shown.texts[.quicUserAgent] == nil)
        }
        #expect(Self.show([(.originator, Self.packet("Q044", [], first: 0xC0))]).isDetached)
    }
}
