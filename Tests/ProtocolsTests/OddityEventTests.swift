// SPDX-License-Identifier: Apache-2.0
//
// Events of messages that are read all the same, though something about them is odd; each is what Suricata 8.0.7
// raises for the same octets.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("Odd messages") struct OddityEventTests {
    private static func http(_ request: String, _ response: String) -> [String] {
        ApplicationEventTests.play(
            HTTP(), [(.originator, octets(request)), (.responder, octets(response))], port: 80,
            logs: [HTTPRecord.makeSchema()]
        ).events
    }

    private static let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    private static let plain = "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n"

    private static func get(_ headers: String) -> String { "GET / HTTP/1.1\r\n" + headers + "\r\n\r\n" }

    private static func many(_ letter: Character, _ count: Int) -> String { String(repeating: letter, count: count) }

    // MARK: requests

    @Test(arguments: [
        (get("Host: a.com"), [String]()),
        ("GET\t/ HTTP/1.1\r\nHost: a.com\r\n\r\n", ["http.method_delim_non_compliant"]),
        ("GET /\tHTTP/1.1\r\nHost: a.com\r\n\r\n", ["http.uri_delim_non_compliant"]),
        ("GET /a b HTTP/1.1\r\nHost: a.com\r\n\r\n", []),
        ("GET / HTTP/01.1\r\nHost: a.com\r\n\r\n", ["http.protocol_contains_extra_data"]),
        ("GET / HTTP/1.x\r\nHost: a.com\r\n\r\n", []),
        ("FOO / HTTP/1.1\r\nHost: a.com\r\n\r\n", []),
        ("FOO / BAR\r\nHost: a.com\r\n\r\n", ["http.request_line_unknown_method_invalid_protocol"]),
        (get(" Host: a.com\r\nX: b"), ["http.invalid_request_field_folding"]),
        (get("Host: a.com\r\nX(a: b"), ["http.request_header_invalid"]),
        (get("Host: a.com\r\nAuthorization: Foo bar"), ["http.request_auth_unrecognized"]),
        (get("Host: a.com\r\nAuthorization: bearer x"), []),
        (get("X: b"), ["http.missing_host_header"]),
        ("\(plain)more of it\r\nand more\r\n\(plain)", ["http.request_body_unexpected"]),
        ("\(plain)\r\n\r\n", []),
    ] as [(String, [String])]) func `what is odd about a request has a name`(
        _ request: String, _ events: [String]
    ) {
        #expect(Self.http(request, Self.fine) == events)
    }

    @Test(arguments: [
        ("a.com", true), ("a.com:81", true), ("A_b.c-d.com.", true), ("[::1]:80", true), ("a.com : 80", true),
        ("a.com:", false), ("a.com:0", false), ("a.com:99999", false), ("a.com:x", false), ("a..com", false),
        (".a.com", false), ("a b.com", false), ("a$b", false), ("a.com/x", false), ("[::g]", false), ("[", false),
        ("\(many("a", 64)).com", false),
    ] as [(String, Bool)]) func `a host has labels and a port, or it is invalid`(
        _ host: String, _ isValid: Bool
    ) {
        #expect(HTTPAuthority(octets(host).octets).isValid == isValid)
        #expect(
            Self.http(Self.get("Host: " + host), Self.fine) == (isValid ? [] : ["http.request_header_host_invalid"]))
    }

    @Test(arguments: [
        ("GET http://b.com/ HTTP/1.1", "a.com", ["http.host_header_ambiguous"]),
        ("GET http://a.com:81/ HTTP/1.1", "a.com:82", ["http.host_header_ambiguous"]),
        ("GET http://A.com/ HTTP/1.1", "a.COM:81", []),
        ("GET http://a.com:xx/ HTTP/1.1", "a.com", ["http.request_uri_host_invalid"]),
        ("CONNECT a.com:xx HTTP/1.1", "a.com", ["http.request_uri_host_invalid"]),
        ("CONNECT a.com:443 HTTP/1.1", "b.com", []),
    ] as [(String, String, [String])]) func `the target's host is held against the header's`(
        _ line: String, _ host: String, _ events: [String]
    ) {
        #expect(Self.http("\(line)\r\nHost: \(host)\r\n\r\n", Self.fine) == events)
    }

    @Test(arguments: [
        ("2", [String]()), ("a2", ["http.content_length_extra_data_start"]),
        ("2a", ["http.content_length_extra_data_end"]), ("+2", ["http.content_length_extra_data_start"]),
        ("a2a", ["http.content_length_extra_data_start", "http.content_length_extra_data_end"]),
    ] as [(String, [String])]) func `a length has digits alone`(
        _ length: String, _ events: [String]
    ) {
        let request = "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: \(length)\r\n\r\nhi"
        #expect(Self.http(request, Self.fine) == events)
    }

    @Test(arguments: [
        ("Content-Disposition: form-data; name=\"f\"\r\n\r\nvalue\r\n", [String]()),
        ("Content-Disposition:\r\n\r\nvalue\r\n", ["http.multipart_invalid_header"]),
        ("no header\r\n\r\nvalue\r\n", ["http.multipart_invalid_header"]),
        ("Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n", ["http.multipart_no_filedata"]),
        ("Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nabcd\r\n", []),
    ] as [(String, [String])]) func `parts of forms have headers, and files have content`(
        _ part: String, _ events: [String]
    ) {
        let body = "--AAA\r\n\(part)--AAA--\r\n"
        let head =
            "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Type: multipart/form-data; boundary=AAA\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n"
        #expect(Self.http(head + body, Self.fine) == events)
    }

    @Test func `a body that goes on behind its length is the body's, and the next request is one`() {
        let output = ApplicationEventTests.shown(
            HTTP(),
            [
                (
                    .originator,
                    octets(
                        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 2\r\n\r\nhi there\r\n" + Self.get("Host: b"))
                )
            ], port: 80, logs: [HTTPRecord.makeSchema()], buffers: [.httpRequestBody, .httpMethod])
        #expect(output[.httpRequestBody] == "hi there\r\n" && output[.httpMethod] == "POSTGET")
    }

    // MARK: responses

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\n X: 1\r\nContent-Length: 2\r\n\r\nhi", ["http.invalid_response_field_folding"]),
        ("HTTP/1.1 200 OK\r\nX(a: 1\r\nContent-Length: 2\r\n\r\nhi", ["http.response_header_name_not_token"]),
        ("HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 2\r\n\r\nhi", ["http.response_field_missing_colon"]),
        ("HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nhi", ["http.response_line_invalid_protocol"]),
        ("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\n\r\r\n\r\nhi", ["http.deformed_eol"]),
        ("HTTP/1.1 206 P\r\nContent-Range: bytes 0-1/10\r\nContent-Length: 2\r\n\r\nhi", []),
        ("HTTP/1.1 206 P\r\nContent-Range: bytes */10\r\nContent-Length: 2\r\n\r\nhi", []),
        ("HTTP/1.1 206 P\r\nContent-Range: bytes 0-1/*\r\nContent-Length: 2\r\n\r\nhi", []),
        ("HTTP/1.1 206 P\r\nContent-Range: bytes 9-12/10\r\nContent-Length: 2\r\n\r\nhi", ["http.range_invalid"]),
        ("HTTP/1.1 206 P\r\nContent-Range: bytes 5-2/10\r\nContent-Length: 2\r\n\r\nhi", ["http.range_invalid"]),
        ("HTTP/1.1 206 P\r\nContent-Range: 0-1/10\r\nContent-Length: 2\r\n\r\nhi", ["http.range_invalid"]),
        ("HTTP/1.1 206 P\r\nContent-Range: /\r\nContent-Length: 2\r\n\r\nhi", ["http.range_invalid"]),
        (
            "HTTP/1.1 206 P\r\nContent-Type: multipart/byteranges; boundary=x\r\n\r\nhi",
            ["http.response_multipart_byteranges"]
        ),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: foo\r\nContent-Length: 2\r\n\r\nhi", ["http.abnormal_ce_header"]),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi", []),
        (
            "HTTP/1.1 101 Sw\r\nContent-Length: 2\r\n\r\nhi",
            ["http.switching_proto_with_content_length", "http.response_body_unexpected"]
        ),
    ] as [(String, [String])]) func `what is odd about a response has a name`(
        _ response: String, _ events: [String]
    ) {
        #expect(Self.http(Self.get("Host: a.com"), response) == events)
    }

    @Test func `bodies are read that browsers read, whatever is odd about their coding`() {
        func body(_ response: [UInt8]) -> String? {
            ApplicationEventTests.shown(
                HTTP(), [(.originator, octets(Self.get("Host: a.com"))), (.responder, response)], port: 80,
                logs: [HTTPRecord.makeSchema()], buffers: [.httpResponseBody])[.httpResponseBody]
        }
        // "hello" in gzip, with a flag that is reserved.
        let packed: [UInt8] = [
            0x1F, 0x8B, 8, 0x40, 0, 0, 0, 0, 0, 3, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0, 0x86, 0xA6, 0x10, 0x36, 5, 0,
            0, 0,
        ]
        let gzip = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(packed.count)\r\n\r\n"
        #expect(body(octets(gzip) + packed) == "hello")
        let zero = "HTTP/1.1 200 OK\r\nTransfer-Encoding\u{0}: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        #expect(body(octets(zero)) == "hello")
        let plain = "HTTP/1.1 200 OK\r\nA: b\r\n Transfer-Encoding: chunked\r\n\r\nno size at all"
        #expect(body(octets(plain)) == "no size at all")
    }

    @Test func `a request's line that is cut off is told of with the response`() {
        #expect(Self.http("GET / HT", Self.fine).first == "http.request_line_incomplete")
    }

    // MARK: mail

    private static func mail(_ lines: [String], behind data: [String] = []) -> [String] {
        var turns: [(Direction, [UInt8])] = [(.responder, octets("220 hi\r\n"))]
        let asked = (["DATA"] + data).joined(separator: "\r\n")
        for (command, reply) in [
            ("EHLO a", "250 ok"), ("MAIL FROM:<a@b>", "250 ok"), ("RCPT TO:<c@d>", "250 ok"), (asked, "354 go"),
        ] {
            turns += [(.originator, octets(command + "\r\n")), (.responder, octets(reply + "\r\n"))]
        }
        turns.append((.originator, octets((lines + [".", ""]).joined(separator: "\r\n"))))
        turns.append((.responder, octets("250 ok\r\n")))
        return ApplicationEventTests.play(SMTP(), turns, port: 25, logs: [SMTPRecord.makeSchema()]).events
    }

    private static let encoded = "Content-Transfer-Encoding: base64"
    private static func longName(_ count: Int) -> String { many("N", count) + ": x" }
    private static func longValue(_ count: Int) -> String { "Subject: " + many("v", count) }
    private static func longBoundary(_ count: Int) -> String {
        "Content-Type: multipart/mixed; boundary=" + many("b", count)
    }

    @Test(arguments: [
        (["Subject: x", "", "hello"], []), (["Subject: x", "", many("h", 998)], []),
        (["Subject: x", "", many("h", 999)], ["smtp.mime_long_line"]), ([longName(75), "", "a"], []),
        ([longName(76), "", "a"], ["smtp.mime_long_header_name"]),
        ([longValue(2001), "", "a"], ["smtp.mime_long_line", "smtp.mime_long_header_value"]),
        (
            [longValue(5000), "", "a"],
            ["smtp.mime_long_line", "smtp.truncated_line", "smtp.mime_long_header_value"]
        ),
        ([longBoundary(254), "", "a"], []), ([longBoundary(255), "", "a"], ["smtp.mime_long_boundary"]),
        ([encoded, "", String(repeating: "YWJj", count: 19)], []),
        ([encoded, "", String(repeating: "YWJj", count: 20)], ["smtp.mime_long_enc_line"]),
    ] as [([String], [String])]) func `what in a mail is longer than programs make it is told of`(
        _ lines: [String], _ events: [String]
    ) {
        #expect(Self.mail(lines) == events)
    }

    @Test func `a mail that does not wait to be asked for is told of`() {
        #expect(Self.mail(["Subject: x", "", "a"], behind: ["Early: yes"]) == ["smtp.invalid_pipelined_sequence"])
    }

    @Test func `the addresses of pages in the text of a mail are shown`() {
        let lines = ["220 hi", "EHLO a", "250 ok", "MAIL FROM:<a@b>", "250 ok", "RCPT TO:<c@d>", "250 ok", "DATA"]
        var turns: [ApplicationEventTests.Turn] = []
        for line in lines {
            let isReply = line.first?.isNumber == true
            turns.append((isReply ? .responder : .originator, octets(line + "\r\n")))
        }
        turns.append((.responder, octets("354 go\r\n")))
        let text = "Subject: x\r\n\r\nsee http://a.example/b and https://c.example/d.\r\n.\r\n"
        turns.append((.originator, octets(text)))
        let logs = [SMTPRecord.makeSchema()]
        let shown = ApplicationEventTests.shown(SMTP(), turns, port: 25, logs: logs, buffers: [.emailUrl])
        #expect(shown[.emailUrl] == "a.example/bc.example/d.")
    }

    // MARK: what signatures see

    @Test func `the target of each request of a connection is shown by itself`() {
        let request = "GET /one%2e?a HTTP/1.1\r\nHost: A.example:80\r\n\r\n"
        let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
        let turns: [ApplicationEventTests.Turn] = (0..<3).flatMap { _ in
            [(Direction.originator, octets(request)), (.responder, octets(response))]
        }
        let buffers: [SignatureBuffer] = [.httpURI, .httpURIRaw, .httpHost, .httpHeader, .httpRequestHeader]
        for wanted in [[SignatureBuffer.httpURI], buffers] {
            let shown = ApplicationEventTests.shown(
                HTTP(), turns, port: 80, logs: [HTTPRecord.makeSchema()], buffers: wanted)
            #expect(shown[.httpURI] == "/one.?a/one.?a/one.?a")
            #expect(wanted.count == 1 || shown[.httpHost] == "a.examplea.examplea.example")
        }
    }

    @Test(arguments: [
        ("POST", "text/plain", "a.txt"), ("PUT", "text/plain", "a.txt"), ("GET", "text/plain", nil),
        ("POST", "multipart/form-data; boundary=x", nil),
    ] as [(String, String, String?)]) func `the body of a request is a file of the target's path`(
        _ method: String, _ type: String, _ name: String?
    ) {
        let head = "\(method) /d/a.txt?q HTTP/1.1\r\nHost: a\r\nContent-Type: \(type)\r\nContent-Length: 3\r\n\r\n"
        let shown = ApplicationEventTests.shown(
            HTTP(), [(.originator, octets(head + "abc"))], port: 80, logs: [HTTPRecord.makeSchema()],
            buffers: [.fileName])
        #expect(shown[.fileName].map { $0.hasSuffix("a.txt") } == (name == nil ? nil : true))
    }

    @Test func `the software of SSH is without its comment`() {
        let shown = ApplicationEventTests.shown(
            SSH(), [(.originator, octets("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"))], port: 22,
            logs: [SSHRecord.makeSchema()], buffers: [.sshProto, .sshSoftware])
        #expect(shown[.sshProto] == "2.0" && shown[.sshSoftware] == "OpenSSH_9.2p1")
    }

    // MARK: other protocols

    private static func modbus(_ turns: [(Direction, [UInt8])]) -> [String] {
        ApplicationEventTests.play(Modbus(), turns, port: 502, logs: [ModbusRecord.makeSchema()]).events
    }

    @Test(arguments: [
        ([1, 0, 0, 0, 8], [1, 1, 0], [String]()),
        // Suricata takes registers that are asked for as bits, and finds no answer right.
        ([3, 0, 0, 0, 1], [3, 2, 0, 1], ["modbus.value_mismatch"]),
        ([3, 0, 0, 0, 0], [3, 2, 0, 1], ["modbus.invalid_value", "modbus.value_mismatch"]),
        ([5, 0, 1, 0x12, 0x34], [5, 0, 1, 0xFF, 0], ["modbus.invalid_value"]),
        ([3, 0, 0], [3, 2, 0, 1], ["modbus.invalid_length"]),
        ([3, 0, 0, 0, 1], [0x83, 0x55], ["modbus.invalid_exception_code"]), ([3, 0, 0, 0, 1], [0x83, 2], []),
    ] as [([UInt8], [UInt8], [String])]) func `values of Modbus that nobody means have names`(
        _ request: [UInt8], _ response: [UInt8], _ events: [String]
    ) {
        let found = Self.modbus([
            (.originator, ModbusTests.unit(1, request)), (.responder, ModbusTests.unit(1, response)),
        ])
        #expect(found == events)
    }

    @Test func `an answer of Modbus that nobody asked for, and a message of another protocol`() {
        let talk: [(Direction, [UInt8])] = [
            (.originator, ModbusTests.unit(1, [1, 0, 0, 0, 8])), (.responder, ModbusTests.unit(1, [1, 1, 0])),
        ]
        let unasked = talk + [(.responder, ModbusTests.unit(9, [3, 2, 0, 1]))]
        #expect(Self.modbus(unasked) == ["modbus.unsolicited_response"])
        var other = ModbusTests.unit(2, [3, 0, 0, 0, 1])
        other[3] = 1
        #expect(Self.modbus(talk + [(.originator, other)]) == ["modbus.invalid_protocol_id"])
    }

    @Test func `packets of MQTT that end early are malformed`() {
        let turns: [(Direction, [UInt8])] = [
            (.originator, MQTTTests.connect()), (.responder, MQTTTests.accepted),
            (.originator, MQTTTests.packet(0x30, [0, 16, 0x61])),
        ]
        let logs = [
            MQTTConnectRecord.makeSchema(), MQTTSubscribeRecord.makeSchema(), MQTTPublishRecord.makeSchema(),
        ]
        #expect(ApplicationEventTests.play(MQTT(), turns, port: 1883, logs: logs).events == ["mqtt.malformed_traffic"])
    }

    @Test func `more commands of FTP than are answered are told of once`() {
        let turns: [(Direction, [UInt8])] = [
            (.responder, octets("220 hi\r\n")),
            (.originator, octets(String(repeating: "NOOP\r\n", count: 1100))),
        ]
        #expect(
            ApplicationEventTests.play(FTP(), turns, port: 21, logs: [FTPRecord.makeSchema()]).events
                == ["ftp.too_many_transactions"])
    }

    @Test func `a record of SSH without a message is invalid`() {
        let turns: [(Direction, [UInt8])] = [
            (.originator, octets("SSH-2.0-a\r\n")), (.responder, octets("SSH-2.0-b\r\n")),
            (.originator, [0, 0, 0, 1, 0, 0, 0, 0]),
        ]
        #expect(
            ApplicationEventTests.play(SSH(), turns, port: 22, logs: [SSHRecord.makeSchema()]).events
                == ["ssh.invalid_record"])
    }
}
