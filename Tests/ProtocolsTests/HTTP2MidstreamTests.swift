// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 of which the beginning was not seen: frames without a preface, tables of HPACK that nobody here knows.

import Testing
import Wire

@testable import Protocols
@testable import Records

private func frame(_ type: UInt8, _ flags: UInt8, _ stream: Int, _ payload: [UInt8] = []) -> [UInt8] {
    tlsThree(payload.count) + [type, flags, 0] + tlsThree(stream) + payload
}

/// A literal that is put into the table; its name is the static entry `index`.
private func kept(_ index: UInt8, _ value: String) -> [UInt8] {
    [0x40 | index, UInt8(value.utf8.count)] + octets(value)
}

private let ping = frame(6, 0, 0, [UInt8](repeating: 7, count: 8))
/// GET, https, a path, and an authority that entry 62 + 9 of the table stands for, which came before.
private let request = [0x82, 0x87] + kept(4, "/seen") + [0x80 | 71]
private let answer = [0x88] + kept(28, "5")

@Suite("HTTP/2 from the middle") struct HTTP2MidstreamTests {
    private func bench() -> DatagramBench {
        let bench = DatagramBench(HTTP2(), port: 3000, .tcp, logs: [HTTPRecord.makeSchema()])
        bench.context.isPartial = true
        return bench
    }

    @Test func `what can be said is said, and the rest is counted`() {
        let bench = bench()
        bench.stream(frame(1, 5, 41, request) + ping)
        bench.stream(frame(1, 4, 41, answer) + frame(0, 1, 41, octets("hello")), from: .responder)
        // The path is in the table by now; the user agent is not known, neither its name nor its value.
        bench.stream(frame(1, 5, 43, [0x82, 0x87, 0xBE, 0x80 | 72]))
        bench.stream(frame(1, 5, 43, [0x8D]) + frame(0, 1, 17, octets("stray")), from: .responder)
        bench.finish()
        let rows = bench.rows(.http)
        #expect(rows.map { $0.text("uri") } == ["/seen", "/seen"])
        #expect(rows.map { $0.text("method") } == ["GET", "GET"])
        #expect(rows.map { $0.text("host") } == [nil, nil])
        #expect(rows.map { $0.number("status_code") } == [200, 404])
        #expect(rows.map { $0.number("response_body_len") } == [5, 0])
        #expect(bench.weirds == [.HTTP2_joined_midstream])
        #expect(bench.weirdTexts == ["fields=2 octets=5"])
        #expect(bench.context.serviceChanges == [.confirmed(.http2)])
    }

    @Test func `a name that is not known leaves its field out, and the numbers of later entries right`() {
        let bench = bench()
        // A literal whose name is an old entry takes place 62; the path that follows takes it then.
        bench.stream(ping + frame(1, 5, 1, [0x82, 0x40 | 63, 0x40, 1, 0x78] + kept(4, "/a")))
        bench.stream(frame(1, 5, 3, [0x82, 0xBE]) + frame(1, 5, 5, [0x82, 0xBF]))
        bench.finish()
        #expect(bench.rows(.http).map { $0.text("uri") } == ["/a", "/a", nil])
    }

    @Test func `one frame alone confirms nothing`() {
        let bench = bench()
        bench.stream(ping)
        bench.finish()
        #expect(bench.context.serviceChanges.isEmpty && bench.weirds.isEmpty && bench.rows(.http).isEmpty)
    }

    @Test func `a side that was joined inside of a frame is not read, the other one is`() {
        let bench = bench()
        bench.stream(octets("....in the middle of content...."), from: .responder)
        bench.stream(frame(1, 5, 41, request) + ping)
        bench.stream(frame(1, 5, 41, answer), from: .responder)
        bench.finish()
        #expect(bench.rows(.http).map { $0.text("uri") } == ["/seen"])
        #expect(bench.rows(.http).map { $0.number("status_code") } == [nil])
    }

    @Test func `where frames end to be frames the analyzer lets go, and what was read stands`() {
        let bench = bench()
        bench.stream(frame(1, 5, 41, request) + ping + octets("GET / HTTP/1.1"))
        #expect(bench.analyzer.isDetached)
        bench.finish()
        #expect(bench.rows(.http).map { $0.text("uri") } == ["/seen"])
        #expect(bench.weirds == [.HTTP2_joined_midstream])
        let block = self.bench()
        block.stream(ping + ping + frame(1, 5, 1, [0x82, 0xFF, 0xFF, 0xFF, 0x7F]))
        #expect(block.analyzer.isDetached)
    }

    @Test func `a preface is one, though the SYN was not seen`() {
        let bench = bench()
        for piece in [octets("PRI * HT"), octets("TP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0)] { bench.stream(piece) }
        bench.stream(frame(1, 5, 1, request))
        bench.finish()
        // Nothing may be missing from the table then: an entry that is not there is an error.
        #expect(bench.rows(.http).isEmpty && bench.weirds.isEmpty)
    }

    @Test func `pieces make no difference, cuts and damage do no harm`() {
        let whole = frame(1, 5, 41, request) + ping + frame(9, 4, 41, [0x82]) + frame(1, 1, 43, [0x82])
            + frame(9, 4, 43, kept(4, "/x"))
        func rows(_ octets: [UInt8], pieces: Int = .max) -> [String] {
            let bench = bench()
            bench.send(octets, from: .originator, pieces: pieces)
            bench.finish()
            return bench.texts(.http)
        }
        let wanted = rows(whole)
        #expect(wanted.count == 2)
        for pieces in 1...9 { #expect(rows(whole, pieces: pieces) == wanted) }
        for place in whole.indices {
            #expect(rows(Array(whole[..<place])).count <= 2)
            var damaged = whole
            damaged[place] = 0xFF
            #expect(rows(damaged).count <= 3)
        }
    }

    @Test func `the probe wants a whole frame and the head of another, not both of content`() {
        let two = ping + frame(1, 5, 41, request)
        #expect(HTTP2Probe.frames(two.octets) == .matches)
        for count in 1..<(ping.count + 9) { #expect(HTTP2Probe.frames(Array(two[..<count]).octets) == .needsMore) }
        #expect(HTTP2Probe.frames((frame(0, 0, 1, [1]) + frame(0, 0, 1, [1])).octets) == .never)
        #expect(HTTP2Probe.frames((ping + octets("GET / HTTP/1.1")).octets) == .never)
        #expect(HTTP2Probe.frames([UInt8](repeating: 0, count: 64).octets) == .never)
        #expect(HTTP2Probe.frames(octets("GET / HTTP/1.1").octets) == .never)
    }

    @Test func `of a whole connection without a preface nothing is made`() {
        let bench = DatagramBench(HTTP2(), port: 3000, .tcp, logs: [HTTPRecord.makeSchema()])
        bench.stream(ping + frame(1, 5, 41, request), from: .responder)
        #expect(bench.analyzer.isDetached && bench.rows(.http).isEmpty && bench.context.serviceChanges.isEmpty == false)
        #expect(!bench.analyzer.isConfirmed)
    }
}
