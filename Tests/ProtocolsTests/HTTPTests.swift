// SPDX-License-Identifier: Apache-2.0
//
// HTTP: requests, responses, the pairing of the two, bodies, hostile streams.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// `{"a": "weir"} ` forty times, 560 octets, packed.
private let gzipBody: [UInt8] = [
    0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xFF, 0xAB, 0x56, 0x4A, 0x54, 0xB2, 0x52, 0x50, 0x2A, 0x4F,
    0xCD, 0x2C, 0x52, 0xAA, 0x55, 0xA8, 0x1E, 0xE5, 0x8D, 0xF2, 0xF0, 0xF2, 0x00, 0x80, 0xAC, 0xD0, 0x58, 0x30, 0x02,
    0x00, 0x00,
]
private let deflateBody = Array(gzipBody[10..<32])
private let zlibBody = [0x78, 0xDA] + deflateBody + [0x57, 0x1E, 0xA2, 0xD1]

/// What both sides of a connection send, and how the stream of the responder ends.
struct HTTPExchange: Sendable, CustomTestStringConvertible {
    var name: String
    var request: [UInt8]
    var response: [UInt8]
    var testDescription: String { name }

    init(_ name: String, _ request: String, _ response: String, _ more: [UInt8] = []) {
        self.name = name
        self.request = wire(request)
        self.response = wire(response) + more
    }
}

private let exchanges: [HTTPExchange] = [
    HTTPExchange(
        "a page",
        "GET /a%20b?c=%u0041 HTTP/1.1\nHost: www.example.com:8080\nUser-Agent: test/1\nReferer: http://r.example/\n\n",
        "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 25\n\n<html>hello, world</html>"),
    HTTPExchange(
        "three in a row",
        "GET /1 HTTP/1.1\nHost: h\n\nHEAD /2 HTTP/1.1\nHost: h\n\nPOST /3 HTTP/1.1\nContent-Length: 4\n\n"
            + "bodyGET /4 HTTP/1.1\n\n",
        "HTTP/1.1 200 OK\nContent-Length: 3\n\nabcHTTP/1.1 200 OK\nContent-Length: 999\n\n"
            + "HTTP/1.1 100 Continue\n\nHTTP/1.1 204 No Content\n\nHTTP/1.1 404 Not Found\nContent-Length: 0\n\n"),
    HTTPExchange(
        "chunks",
        "GET / HTTP/1.1\n\n",
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5;name=value\nhello\n0a\n, world!!!\n0\nTrailer: x\n\n"),
    HTTPExchange(
        "parts",
        "POST /up HTTP/1.1\nContent-Length: 219\nContent-Type: multipart/form-data; boundary=\"b=1\"\n\n"
            + "--b=1\n"
            + "Content-Disposition: form-data; name=\"f\"; filename=\"one%20two.txt\"\n\n"
            + "the first of two files\n--b=1\n"
            + "Content-Type: image/png; name=pic.png\nContent-Transfer-Encoding: base64\n\n"
            + "iVBORw0KGgoAAAANSUhEUg==\n--b=1--\n",
        "HTTP/1.1 201 Created\nContent-Length: 2\n\nok"),
    HTTPExchange(
        "folded", "GET / HTTP/1.1\nHost: www\n .example.com\nX: y\n\n",
        "HTTP/1.0 200 OK\n\nline one\nline two\n"),
    HTTPExchange(
        "packed", "GET / HTTP/1.1\n\n",
        "HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 40\n\n", gzipBody),
]

@Suite("HTTP") struct HTTPTests {
    private func run(_ exchange: HTTPExchange, pieces: Int = .max) -> HTTPBench {
        let bench = HTTPBench()
        bench.send(exchange.request, from: .originator, pieces: pieces)
        bench.send(exchange.response, from: .responder, pieces: pieces)
        bench.end(.responder)
        bench.end(.originator)
        return bench
    }

    // MARK: the five

    @Test func `a page is a row`() throws {
        let bench = run(exchanges[0])
        let row = try #require(bench.finished().first)
        #expect(bench.rows.count == 1)
        #expect(bench.analyzer.isConfirmed)
        #expect(bench.weirds.isEmpty)
        #expect(row.number("trans_depth") == 1)
        #expect(row.text("method") == "GET")
        #expect(row.text("host") == "www.example.com:8080")
        #expect(row.text("uri") == "/a b?c=A")
        #expect(row.text("referrer") == "http://r.example/")
        #expect(row.text("version") == "1.1")
        #expect(row.text("user_agent") == "test/1")
        #expect(row.text("origin") == nil)
        #expect(row.number("request_body_len") == 0)
        #expect(row.number("response_body_len") == 25)
        #expect(row.number("status_code") == 200)
        #expect(row.text("status_msg") == "OK")
        #expect(row.list("tags") == [])
        #expect(row.text("password") == nil)
        #expect(row.list("proxied") == nil)
        #expect(row.numbers("orig_fuids") == nil)
        #expect(row.numbers("resp_fuids")?.count == 1)
        #expect(row.list("resp_mime_types") == ["text/html"])
    }

    @Test(arguments: exchanges) func `a split at every octet gives the same rows`(_ exchange: HTTPExchange) {
        let whole = run(exchange)
        let expected = whole.everything()
        #expect(!expected.isEmpty)
        for pieces in [1, 2, 3, 5, 7, 64] {
            let bench = run(exchange, pieces: pieces)
            #expect(bench.everything() == expected, "pieces of \(pieces)")
            #expect(bench.weirds == whole.weirds, "pieces of \(pieces)")
        }
    }

    @Test(arguments: exchanges) func `a stream may end anywhere`(_ exchange: HTTPExchange) {
        for length in 0...exchange.request.count {
            let bench = HTTPBench()
            bench.send(Array(exchange.request.prefix(length)), from: .originator)
            #expect(bench.finished().count <= 5)
        }
        for length in 0...exchange.response.count {
            let bench = HTTPBench()
            bench.send(exchange.request, from: .originator)
            bench.send(Array(exchange.response.prefix(length)), from: .responder)
            let rows = bench.finished()
            #expect(!rows.isEmpty)
            #expect(rows.allSatisfy { $0.text("method") != nil })
        }
    }

    @Test(arguments: [
        ("Content-Length: 99999999999999999999", Weird.HTTP_bad_content_length),
        ("Content-Length: x", .HTTP_bad_content_length), ("Content-Length: 007", .HTTP_content_length_leading_zeros),
        ("Content-Length: 5\nTransfer-Encoding: chunked", .HTTP_content_length_and_chunked),
        ("Transfer-Encoding: chunked, identity", .HTTP_chunked_multi),
    ])
    func `lengths that lie are reported`(_ header: String, _ weird: Weird) {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.1\n\n")
        bench.answer("HTTP/1.1 200 OK\n\(header)\n\nhello, hello, hello")
        #expect(bench.weirds.contains(weird))
        #expect(bench.finished().first?.text("method") == "GET")
    }

    @Test(arguments: ["10000000000000000", "-5", "zz", " 5"]) func `a chunk of an impossible size ends the body`(
        _ size: String
    ) {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.1\n\n")
        bench.answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n\(size)\n\n")
        #expect(bench.weirds == [.HTTP_bad_chunk_size])
        #expect(bench.weirdTexts == [size])
        #expect(bench.rows.first?.number("response_body_len") == 0)
    }

    @Test func `another protocol is a violation`() {
        let bench = HTTPBench()
        bench.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x0A], from: .originator)
        #expect(bench.analyzer.isDetached)
        #expect(bench.weirds == [.bad_HTTP_request])
        let answered = HTTPBench()
        answered.ask("GET / HTTP/1.1\n\n")
        answered.answer("SSH-2.0-x\n")
        #expect(answered.analyzer.isDetached)
        #expect(answered.finished().first?.number("status_code") == nil)
    }

    @Test func `octets without meaning never stop it`() {
        var state: UInt64 = 7
        for _ in 0..<200 {
            let bench = HTTPBench()
            var exchange = exchanges[Int(state >> 33) % exchanges.count]
            for _ in 0..<8 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let place = Int(state >> 33)
                exchange.request[place % exchange.request.count] = UInt8(truncatingIfNeeded: state >> 20)
                exchange.response[place % exchange.response.count] = UInt8(truncatingIfNeeded: state >> 24)
            }
            bench.send(exchange.request, from: .originator, pieces: 11)
            bench.lose(Int(state >> 60), from: .responder)
            bench.send(exchange.response, from: .responder, pieces: 13)
            #expect(bench.finished().count < 20)
        }
    }

    // MARK: requests and responses

    @Test func `requests in a row meet their responses in order`() {
        let rows = run(exchanges[1]).finished()
        #expect(rows.map { $0.text("uri") } == ["/1", "/2", "/3", "/4"])
        #expect(rows.map { $0.number("trans_depth") } == [1, 2, 3, 4])
        #expect(rows.map { $0.number("status_code") } == [200, 200, 204, 404])
        #expect(rows.map { $0.number("response_body_len") } == [3, 0, 0, 0])
        #expect(rows[2].number("request_body_len") == 4)
        #expect(rows[2].number("info_code") == 100)
        #expect(rows[2].text("info_msg") == "Continue")
    }

    @Test func `a response before its request has a row of its own`() {
        let bench = HTTPBench()
        bench.answer("HTTP/1.1 408 Request Timeout\nContent-Length: 0\n\n")
        #expect(!bench.analyzer.isConfirmed)
        bench.ask("GET / HTTP/1.1\n\n")
        let rows = bench.finished()
        #expect(rows.map { $0.text("method") } == [nil, "GET"])
        #expect(rows[0].number("status_code") == 408)
        #expect(bench.weirds == [.HTTP_response_before_request])
    }

    @Test func `too many requests without a response are written`() {
        let bench = HTTPBench()
        for index in 0..<150 { bench.ask("GET /\(index) HTTP/1.1\n\n") }
        #expect(bench.weirds == [.HTTP_excessive_pipelining])
        #expect(bench.rows.count == 100)
        #expect(bench.finished().count == 150)
    }

    @Test func `a reason phrase may be missing or empty`() {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.1\n\nGET / HTTP/1.1\n\n")
        bench.answer("HTTP/1.1 304\n\nHTTP/1.1 304 \n\n")
        #expect(bench.rows.map { $0.text("status_msg") } == ["<empty>", ""])
    }

    @Test(arguments: [
        ("/%41%zz%", "/A%zz%", [Weird.`unescaped_%_in_URI`, .`illegal_%_at_end_of_URI`]),
        ("/%%41", "/A", [.`double_%_in_URI`]), ("/%4", "/%4", [.partial_escape_at_end_of_URI]),
        ("/%u263A%2541", "/\u{26}\u{3A}%41", []),
    ])
    func `a target is decoded once`(_ target: String, _ uri: String, _ weirds: [Weird]) {
        let bench = HTTPBench()
        bench.ask("GET \(target) HTTP/1.1\n\n")
        #expect(bench.finished().first?.text("uri") == uri)
        #expect(bench.weirds == weirds)
    }

    @Test func `unknown methods are logged and reported`() {
        let bench = HTTPBench()
        bench.ask("BREW /pot HTTP/1.1\n\n")
        #expect(bench.finished().first?.text("method") == "BREW")
        #expect(bench.weirds == [.unknown_HTTP_method])
        #expect(bench.weirdTexts == ["BREW"])
    }

    @Test func `HTTP 0 9 has a body and nothing else`() throws {
        let bench = HTTPBench()
        bench.ask("GET /old.html\n")
        bench.answer("<html>\n<body>")
        bench.answer("HTTP/1.1 200 OK\n\n")
        bench.end(.responder)
        let row = try #require(bench.finished().first)
        #expect(row.text("version") == "0.9")
        #expect(row.number("status_code") == 0)
        #expect(row.text("status_msg") == "<empty>")
        #expect(row.number("response_body_len") == 33)
        #expect(row.list("resp_mime_types") == ["text/html"])
    }

    @Test func `a change of version is reported`() {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.1\n\nGET / HTTP/1.0\n\n")
        #expect(bench.weirds == [.HTTP_version_mismatch])
    }

    @Test func `a second request after the last one is reported`() {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.0\n\nGET / HTTP/1.0\n\n")
        #expect(bench.weirds == [.unexpected_multiple_HTTP_requests])
    }

    @Test func `the user of basic authentication is named, the password never`() {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.1\nAuthorization: Basic YWxpY2U6c2VjcmV0\n\n")
        bench.ask("GET / HTTP/1.1\nProxy-Authorization: basic YWxpY2U=\n\n")
        let rows = bench.finished()
        #expect(rows.map { $0.text("username") } == ["alice", "<problem-decoding> (basic YWxpY2U=)"])
        #expect(rows[0].text("password") == nil)
    }

    @Test func `headers of proxies are a set`() {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.1\nVia: 1.1 a\nX-Forwarded-For: 192.0.2.1\nVIA: 1.1 a\n\n")
        #expect(bench.finished().first?.list("proxied") == ["VIA -> 1.1 a", "X-FORWARDED-FOR -> 192.0.2.1"])
    }

    @Test func `a folded header is one header`() {
        let bench = run(exchanges[4])
        #expect(bench.finished().first?.text("host") == "www .example.com")
        #expect(bench.weirds == [.HTTP_obsolete_line_folding])
        #expect(bench.weirdTexts == ["Host"])
    }

    @Test func `lines that CR alone ends are reported once`() {
        let bench = HTTPBench()
        bench.send(Array("GET / HTTP/1.1\rHost: a\rX: y\r\r".utf8), from: .originator)
        #expect(bench.finished().first?.text("host") == "a")
        #expect(bench.weirds == [.line_terminated_with_single_CR])
    }

    @Test func `a connection picked up in the middle is not read`() {
        let bench = HTTPBench()
        bench.context.isPartial = true
        bench.ask("GET / HTTP/1.1\n\n")
        #expect(bench.finished().isEmpty)
        #expect(!bench.analyzer.isConfirmed)
    }

    // MARK: bodies

    @Test func `chunks are counted without their sizes`() {
        let row = run(exchanges[2]).finished().first
        #expect(row?.number("response_body_len") == 15)
        #expect(row?.list("resp_mime_types") == ["text/plain"])
    }

    @Test(arguments: [("gzip", gzipBody), ("x-gzip", gzipBody), ("deflate", zlibBody), ("deflate", deflateBody)])
    func `packed bodies are counted unpacked`(_ coding: String, _ body: [UInt8]) {
        for pieces in [1, 9, .max] {
            let bench = HTTPBench()
            bench.ask("GET / HTTP/1.1\n\n")
            bench.answer("HTTP/1.1 200 OK\nContent-Encoding: \(coding)\nContent-Length: \(body.count)\n\n")
            bench.send(body, from: .responder, pieces: pieces)
            #expect(bench.rows.first?.number("response_body_len") == 560)
            #expect(bench.rows.first?.list("resp_mime_types") == ["text/json"])
            #expect(bench.weirds.isEmpty)
        }
    }

    @Test func `a body that cannot be unpacked is reported`() {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.1\n\n")
        bench.answer("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 9\n\nnot a zip")
        #expect(bench.weirds == [.inflate_failed])
        #expect(bench.rows.first?.number("response_body_len") == 0)
    }

    @Test func `parts are files with names and types`() throws {
        let bench = run(exchanges[3])
        let row = try #require(bench.finished().first)
        #expect(bench.rows.count == 1)
        #expect(row.numbers("orig_fuids")?.count == 2)
        #expect(row.list("orig_filenames") == ["one two.txt", "pic.png"])
        #expect(row.list("orig_mime_types") == ["text/plain", "image/png"])
        #expect(row.number("request_body_len") == 219)
    }

    @Test func `at most fifteen files are listed`() {
        let bench = HTTPBench()
        bench.ask("POST / HTTP/1.1\nContent-Type: multipart/mixed; boundary=x\n\n")
        for index in 0..<40 { bench.ask("--x\n\npart number \(index) of them\n") }
        bench.ask("--x--\n")
        #expect(bench.finished().first?.numbers("orig_fuids")?.count == 15)
        #expect(Set(bench.rows[0].numbers("orig_fuids") ?? []).count == 15)
    }

    @Test func `parts in parts end at the hundredth`() {
        let bench = HTTPBench()
        bench.ask("POST / HTTP/1.1\nContent-Type: multipart/mixed; boundary=b0\n\n")
        for depth in 0..<300 { bench.ask("--b\(depth)\nContent-Type: multipart/mixed; boundary=b\(depth + 1)\n\n") }
        #expect(bench.weirds.contains(.exceeded_mime_max_depth))
        #expect(bench.analyzer.originator.entities.count <= 101)
        #expect(bench.finished().count == 1)
    }

    @Test func `ranges of one URL are one file`() {
        let bench = HTTPBench()
        for range in ["0-4", "5-9"] {
            bench.ask("GET /big HTTP/1.1\nRange: bytes=\(range)\n\n")
            bench.answer("HTTP/1.1 206 Partial Content\nContent-Range: bytes \(range)/10000\n")
            bench.answer("Content-Length: 5\n\nhello")
        }
        bench.ask("GET /other HTTP/1.1\nRange: bytes=0-4\n\n")
        bench.answer("HTTP/1.1 206 Partial Content\nContent-Range: bytes 0-4/5\nContent-Length: 5\n\n{\\rtf")
        #expect(bench.rows.map { $0.numbers("resp_fuids")?.count } == [1, nil, 1])
        #expect(bench.rows.map { $0.list("resp_mime_types") } == [nil, nil, ["text/rtf"]])
    }

    @Test(arguments: [
        ("bytes foo-9/10", Weird.HTTP_content_range_cannot_parse), ("bytes 1", .HTTP_content_range_cannot_parse),
        ("lines 0-4/5", .HTTP_content_range_unknown_byte_unit), ("bytes 9-4/5", .HTTP_non_positive_content_range),
        ("bytes 0-9223372036854775807/*", .HTTP_content_range_overflow),
        ("bytes 0-4/x", .HTTP_content_range_invalid_instance), ("bytes 0-7/*", .HTTP_range_not_matching_len),
    ])
    func `a range that cannot be is reported`(_ range: String, _ weird: Weird) {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.1\n\n")
        bench.answer("HTTP/1.1 206 Partial Content\nContent-Range: \(range)\nContent-Length: 5\n\nhello")
        #expect(bench.weirds == [weird])
    }

    @Test func `a gap inside a body of known length counts as its octets`() {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.1\n\nGET /2 HTTP/1.1\n\n")
        bench.answer("HTTP/1.1 200 OK\nContent-Length: 100000\n\nbegin")
        bench.lose(99_990, from: .responder)
        bench.answer("final")
        bench.answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nff\n12345")
        bench.lose(250, from: .responder)
        bench.answer("\n0\n\n")
        #expect(bench.rows.map { $0.number("response_body_len") } == [100_000, 255])
    }

    @Test func `a gap in headers ends what can be read`() {
        let bench = HTTPBench()
        bench.ask("GET /1 HTTP/1.1\nHost: a\n")
        bench.lose(10, from: .originator)
        bench.ask("GET /2 HTTP/1.1\n\n")
        bench.answer("HTTP/1.1 200 OK\n\n")
        let rows = bench.finished()
        #expect(rows.map { $0.text("uri") } == ["/1"])
        #expect(rows[0].text("host") == "a")
    }

    @Test func `a body to the end of the connection is counted`() {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.1\n\n")
        bench.answer("HTTP/1.1 200 OK\nConnection: close\n\n0123456789")
        bench.answer("HTTP/1.1 404 Not a status line\n\n")
        bench.end(.responder)
        #expect(bench.rows.map { $0.number("response_body_len") } == [44])
    }

    // MARK: what a connection turns into

    @Test func `CONNECT opens a new stream`() {
        let bench = HTTPBench()
        bench.ask("CONNECT mail.example:80 HTTP/1.1\nHost: mail.example\n\n")
        bench.answer("HTTP/1.1 200 Connection established\n\n")
        #expect(bench.analyzer.isTunnel)
        bench.ask("GET /inside HTTP/1.1\n\n")
        bench.answer("HTTP/1.1 200 OK\nContent-Length: 0\n\n")
        // The answer to CONNECT ends with the connection.
        let rows = bench.finished()
        #expect(rows.map { $0.text("method") } == ["GET", "CONNECT"])
        #expect(rows.map { $0.text("uri") } == ["/inside", "mail.example:80"])
        #expect(bench.weirds.isEmpty)
    }

    @Test func `octets behind the answer to CONNECT belong to the tunnel`() {
        let bench = HTTPBench()
        bench.ask("CONNECT a:25 HTTP/1.0\n\n")
        bench.answer("HTTP/1.0 200 OK\n\n220 mail\n")
        #expect(bench.weirds == [.protocol_data_with_HTTP_CONNECT_reply])
        #expect(bench.weirdTexts == ["10"])
    }

    @Test func `a refused CONNECT opens nothing`() {
        let bench = HTTPBench()
        bench.ask("CONNECT a:25 HTTP/1.1\n\nGET / HTTP/1.1\n\n")
        bench.answer("HTTP/1.1 403 Forbidden\nContent-Length: 0\n\nHTTP/1.1 200 OK\nContent-Length: 0\n\n")
        #expect(!bench.analyzer.isTunnel)
        #expect(bench.rows.map { $0.number("status_code") } == [403, 200])
    }

    @Test func `tunnels in tunnels end at the fifth`() {
        let bench = HTTPBench()
        for _ in 0..<100 {
            bench.ask("CONNECT a:80 HTTP/1.1\n\n")
            bench.answer("HTTP/1.1 200 OK\n\n")
        }
        #expect(bench.weirds == [.exceeded_tunnel_max_depth])
        #expect(bench.finished().count == 5)
        #expect(bench.context.nesting == 0)
    }

    @Test func `an upgrade takes the connection away`() {
        let bench = HTTPBench()
        bench.ask("GET /chat HTTP/1.1\nConnection: Upgrade\nUpgrade: spoken\n\n")
        bench.answer("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: spoken\n\n")
        bench.send([0x81, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9], from: .originator)
        bench.send([0x81, 0x05, 1, 2, 3, 4, 5, 0x0A], from: .responder)
        #expect(bench.finished().map { $0.number("status_code") } == [101])
        #expect(bench.weirds.isEmpty)
    }

    // MARK: bounds

    @Test func `a header of many megabytes neither grows nor stalls`() {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.1\nX-Long: ")
        let piece = [UInt8](repeating: 0x61, count: 1 << 20)
        for _ in 0..<256 { bench.send(piece, from: .originator) }
        bench.ask("\nHost: after\n")
        for _ in 0..<64 { bench.send([0x20] + piece + [0x0D, 0x0A], from: .originator) }
        bench.ask("\n")
        bench.answer("HTTP/1.1 200 OK\nContent-Length: 0\n\n")
        #expect(bench.weirds.first == .contentline_size_exceeded)
        #expect(bench.analyzer.originator.carry.capacity < 1 << 18)
        #expect(bench.analyzer.originator.header.capacity < 1 << 18)
        #expect(bench.rows.first?.text("host")?.hasPrefix("after") == true)
        #expect(bench.rows.first?.number("status_code") == 200)
    }

    @Test func `a body without line ends is not gathered`() {
        let bench = HTTPBench()
        bench.ask("GET / HTTP/1.0\n\n")
        bench.answer("HTTP/1.0 200 OK\n\n")
        let piece = [UInt8](repeating: 0x61, count: 1 << 16)
        for _ in 0..<64 { bench.send(piece, from: .responder) }
        bench.end(.responder)
        #expect(bench.analyzer.responder.carry.capacity < 1 << 16)
        #expect(bench.rows.first?.number("response_body_len") == UInt64(64 << 16) + 2)
    }

    @Test func `a connection can be followed by another`() {
        let bench = HTTPBench()
        bench.ask("POST /1 HTTP/1.1\nContent-Length: 10\n\nabc")
        #expect(bench.finished().count == 1)
        bench.analyzer.reset()
        bench.ask("GET /2 HTTP/1.1\n\n")
        bench.answer("HTTP/1.1 200 OK\nContent-Length: 0\n\n")
        #expect(bench.rows.count == 2)
        #expect(bench.rows.last?.number("trans_depth") == 1)
        #expect(bench.rows.last?.number("request_body_len") == 0)
    }
}
