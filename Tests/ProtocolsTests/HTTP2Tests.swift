// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2: requests over frames of all kinds, the upgrade from HTTP/1.1, and floods.

import Testing
import Wire

@testable import Protocols
@testable import Records

private let preface = octets("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

private func frame(_ type: UInt8, _ flags: UInt8, _ stream: Int, _ payload: [UInt8] = []) -> [UInt8] {
    var bytes = tlsThree(payload.count) + [type, flags, 0]
    bytes += tlsThree(stream)
    return bytes + payload
}

/// Fields as literals that no table keeps.
private func block(_ fields: [(String, String)]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (name, value) in fields {
        bytes += [0, UInt8(name.utf8.count)]
        bytes += Array(name.utf8)
        bytes.append(UInt8(value.utf8.count))
        bytes += Array(value.utf8)
    }
    return bytes
}

private func get(_ path: String) -> [UInt8] {
    block([
        (":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "a.example"),
        ("user-agent", "tester"), ("referer", "r"),
    ])
}

private let answer = block([(":status", "200"), ("content-length", "5")])
private let settings = frame(4, 0, 0, [0, 3, 0, 0, 0, 100])
private let logs = [HTTPRecord.makeSchema(), FilesRecord.makeSchema()]
private let talk = Conversation(
    turns: [
        (.originator, preface + settings + frame(1, 5, 1, get("/one%20"))), (.responder, settings + frame(4, 1, 0)),
        (.responder, frame(1, 4, 1, answer) + frame(0, 0, 1, octets("he"))),
        (.responder, frame(0, 9, 1, [2] + octets("llo") + [0, 0])),
        (.originator, frame(1, 0x28, 3, [1, 0, 0, 0, 0, 16] + Array(get("/two").prefix(9)) + [0])),
        (.originator, frame(9, 0, 3, Array(get("/two").dropFirst(9).prefix(4)))),
        (.originator, frame(9, 4, 3, Array(get("/two").dropFirst(13)))),
        (.originator, frame(0, 1, 3, octets("body"))), (.responder, frame(1, 5, 3, block([(":status", "404")]))),
        (.responder, frame(7, 0, 0, [0, 0, 0, 3, 0, 0, 0, 0])),
    ], port: 3000, logs: [HTTPRecord.makeSchema()], make: { HTTP2() })

@Suite("HTTP/2") struct HTTP2Tests {
    private func bench() -> DatagramBench { DatagramBench(HTTP2(), port: 3000, .tcp, logs: logs) }

    @Test func `each stream is a row`() {
        let rows = talk.play().rows
        #expect(
            rows.map { String($0.prefix { $0 != "(" }) } == [
                "trans_depth=1 method=GET host=a.example uri=/one  referrer=r version=2 user_agent=tester "
                    + "request_body_len=0 response_body_len=5 status_code=200 tags=[]",
                "trans_depth=2 method=GET host=a.example uri=/two referrer=r version=2 user_agent=tester "
                    + "request_body_len=4 response_body_len=0 status_code=404 tags=[]",
            ])
    }

    @Test func `pieces, truncations, damage and gaps do no harm`() { talk.expectRobust(rowsMax: 4) }

    @Test func `the service is http, confirmed by the settings`() {
        let bench = bench()
        bench.stream(preface)
        #expect(bench.context.serviceChanges.isEmpty)
        bench.stream(settings)
        #expect(bench.context.serviceChanges == [.confirmed(.http2)])
        #expect(AnalyzerKind.http2.serviceName.description == "http")
    }

    @Test func `bodies are files`() throws {
        let bench = bench()
        bench.stream(preface + settings + frame(1, 5, 1, get("/")))
        let head = block([(":status", "200"), ("content-disposition", "attachment; filename=a.gif")])
        bench.stream(settings + frame(1, 4, 1, head) + frame(0, 1, 1, octets("GIF89a..........")), from: .responder)
        let row = try #require(bench.rows(.http).first)
        #expect(row.list("resp_mime_types") == ["image/gif"])
        #expect(row.list("resp_filenames") == ["a.gif"])
        #expect(bench.rows(.files).first?.number("seen_bytes") == 16)
    }

    @Test func `a promised request is a row, answered by the server`() {
        let bench = bench()
        bench.stream(preface + settings + frame(1, 5, 1, get("/")))
        bench.stream(settings + frame(5, 4, 1, [0, 0, 0, 2] + get("/pushed")), from: .responder)
        bench.stream(frame(1, 5, 2, answer) + frame(1, 5, 1, answer), from: .responder)
        #expect(bench.rows(.http).map { $0.text("uri") } == ["/pushed", "/"])
    }

    @Test func `HTTP/1.1 turns into HTTP/2, and the answer is to its request`() {
        let bench = DatagramBench(HTTP(), port: 80, .tcp, logs: logs)
        bench.stream(wire("GET /up HTTP/1.1\nHost: a\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\n\n"))
        bench.stream(wire("HTTP/1.1 101 S\nConnection: Upgrade\nUpgrade: h2c\n\n") + settings, from: .responder)
        bench.stream(preface + settings)
        bench.stream(frame(1, 4, 1, answer) + frame(0, 1, 1, octets("hello")), from: .responder)
        bench.stream(frame(1, 5, 3, get("/next")))
        bench.stream(frame(1, 5, 3, answer), from: .responder)
        bench.analyzer.finish(&bench.context)
        #expect(bench.rows(.http).map { $0.text("uri") } == ["/up", "/next", "/up"])
        #expect(bench.rows(.http).map { $0.text("version") } == ["2", "2", "1.1"])
        #expect(bench.context.serviceChanges == [.confirmed(.http), .confirmed(.http2)])
    }

    private func upgrade(_ value: String) -> [UInt8] {
        wire("GET /up HTTP/1.1\nHost: a\nUser-Agent: b\nUpgrade: h2c\nHTTP2-Settings: \(value)\n\n")
    }
    private let agreed = wire("HTTP/1.1 101 S\nConnection: Upgrade\nUpgrade: h2c\n\n")

    private func bench(isPartial: Bool) -> DatagramBench {
        let bench = DatagramBench(HTTP(), port: 80, .tcp, logs: logs)
        bench.context.isPartial = isPartial
        bench.context.transactions.wantsTransactions = true
        bench.context.transactions.wantsEvents = true
        bench.context.transactions.wanted = .all
        return bench
    }

    @Test(arguments: [
        ("AAMAAABk", false, true), ("", false, true), ("AAMAAABkAAT7+/v7", false, true),
        ("AAMAAABkAAT7-_v7", true, false),
        ("AAMAAAB", true, false), ("AAMAAAA=", true, true), ("AAMAAABkAQ==", true, true), ("A*MAAABk", true, false),
        ("AAMA AABk", true, false), ("====", true, false), ("A", true, false),
    ]) func `settings that come with the request are a frame, or are told of`(
        _ value: String, _ isTold: Bool, _ isFrame: Bool
    ) {
        for isPartial in [false, true] {
            let bench = bench(isPartial: isPartial)
            bench.stream(upgrade(value))
            bench.stream(agreed, from: .responder)
            let shown = bench.context.transactions
            #expect(shown.events.contains { "\($0)" == "http2.invalid_http1_settings" } == isTold)
            let frames = shown.exposures.filter { $0.kind == .number && $0.buffer == .http2FrameType }
            #expect(frames.map(\.number) == (isFrame ? [4] : []))
            // The request of HTTP/1.1 keeps its own number.
            #expect(frames.allSatisfy { $0.transaction == 2 })
        }
    }

    @Test func `of a connection met in its middle the upgrade is followed, too`() {
        let bench = bench(isPartial: true)
        bench.stream(upgrade("AAMAAABk"))
        bench.stream(agreed + settings, from: .responder)
        bench.stream(preface + settings)
        bench.stream(frame(1, 5, 1, answer), from: .responder)
        bench.analyzer.finish(&bench.context)
        #expect(bench.rows(.http).map { $0.text("uri") } == ["/up"])
        #expect(bench.rows(.http).map { $0.text("user_agent") } == ["b"])
        #expect(bench.rows(.http).map { $0.number("status_code") } == [200])
        #expect(bench.context.serviceChanges.last == .confirmed(.http2))
    }

    @Test func `the first line is as HTTP/1.1 would have it`() {
        let bench = bench(isPartial: true)
        bench.stream(upgrade("AAMAAABk"))
        bench.stream(agreed + settings, from: .responder)
        bench.stream(frame(1, 5, 1, answer), from: .responder)
        let shown = bench.context.transactions
        let lines = shown.exposures.filter { $0.buffer == .httpRequestLine || $0.buffer == .httpResponseLine }.map {
            String(decoding: shown.text.bytes[Int($0.offset) ..< Int($0.offset) + Int($0.count)], as: UTF8.self)
        }
        #expect(lines.contains("GET /up HTTP/1.1") && lines.contains("GET /up HTTP/2\r\n"))
        #expect(lines.contains("HTTP/2 200\r\n") && lines.contains("  HTTP/2\r\n") && lines.contains("HTTP/2 \r\n"))
    }

    @Test func `HTTP/1 leaves a connection of HTTP/2 alone`() {
        for pieces in [1, 10, 200] {
            let bench = DatagramBench(HTTP(), port: 80, .tcp, logs: logs)
            for start in stride(from: 0, to: preface.count, by: pieces) where !bench.analyzer.isDetached {
                bench.stream(preface[start..<min(preface.count, start + pieces)])
            }
            #expect(bench.analyzer.isDetached)
            bench.analyzer.finish(&bench.context)
            #expect(bench.rows(.http).isEmpty)
            #expect(bench.weirds.isEmpty)
        }
        #expect(HTTP2Probe.preface(preface.octets) == .matches)
        #expect(HTTP2Probe.preface(Array(preface.prefix(5)).octets) == .needsMore)
        #expect(HTTP2Probe.preface(octets("PRI / HTTP/1.1").octets) == .never)
    }

    @Test func `rapid resets give rows and hold no streams`() throws {
        let bench = bench()
        bench.stream(preface + settings)
        for number in 0..<5000 {
            bench.stream(frame(1, 5, 2 * number + 1, get("/")) + frame(3, 0, 2 * number + 1, [0, 0, 0, 8]))
        }
        let analyzer = try #require(bench.analyzer as? HTTP2)
        #expect(analyzer.streams.isEmpty)
        #expect(bench.rows(.http).count == 5000)
    }

    @Test func `streams that nobody answers have a bound`() throws {
        let bench = bench()
        bench.stream(preface + settings)
        for number in 0..<3000 { bench.stream(frame(1, 5, 2 * number + 1, [0x82])) }
        let analyzer = try #require(bench.analyzer as? HTTP2)
        #expect(analyzer.streams.count == HTTP2.streamsMax)
    }

    @Test func `a flood of CONTINUATION ends the analyzer`() {
        let bench = bench()
        bench.stream(preface + settings + frame(1, 1, 1, get("/")))
        for _ in 0..<100 where !bench.analyzer.isDetached { bench.stream(frame(9, 0, 1, [0x82])) }
        #expect(bench.analyzer.isDetached)
    }

    @Test func `impossible lengths and orders end it too`() {
        for bad in [
            frame(9, 4, 1, [0x82]), frame(1, 0, 1, [0x82]) + frame(0, 0, 1), frame(1, 0x0D, 1, [9, 0x82]),
            frame(0, 8, 1, [3, 1]), frame(1, 5, 0, [0x82]), frame(1, 5, 1, [0x80]),
            tlsThree(1 << 20) + [1, 4, 0] + tlsThree(1) + [1, 2, 3],
        ] {
            let bench = bench()
            bench.stream(preface + settings)
            bench.stream(bad)
            #expect(bench.analyzer.isDetached, "\(bad)")
        }
    }

    @Test func `a frame of a stream that is over, and a block that ends early, are told of`() {
        func events(_ more: [UInt8]) -> [String] {
            let whole = preface + settings + frame(1, 5, 1, get("/"))
            return ApplicationEventTests.play(
                HTTP2(), [(.originator, whole), (.responder, settings + frame(1, 5, 1, answer)), (.originator, more)],
                port: 3000, logs: logs
            ).events
        }
        #expect(events(frame(1, 5, 3, get("/two"))).isEmpty)
        #expect(events(frame(8, 0, 1, [0, 0, 0, 1])).isEmpty)
        #expect(events(frame(1, 5, 1, get("/two"))) == ["http2.stream_id_reuse"])
        #expect(events(frame(1, 5, 3, [0x40, 0x10, 0x61])) == ["http2.invalid_frame_data"])
        #expect(events(frame(1, 5, 3, [0xFE])) == ["http2.invalid_header"])
    }

    @Test func `another protocol is not HTTP/2`() {
        let bench = bench()
        bench.stream(octets("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"))
        #expect(bench.context.serviceChanges == [.violated(.http2, wasConfirmed: false)])
        #expect(talk.playHTTP().rows.isEmpty)
    }
}
