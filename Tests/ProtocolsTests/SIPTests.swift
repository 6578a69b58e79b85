// SPDX-License-Identifier: Apache-2.0
//
// Tests SIP: requests and responses, their shared rows, damaged messages.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct SIPTests {
    static let invite =
        "INVITE sip:bob@example.org SIP/2.0\nVia: SIP/2.0/UDP a.example.org;branch=z9\n"
        + "From: \"A\" <sip:a@example.org>;tag=1\nTo: <sip:bob@example.org>\nCall-ID: 7@a\nCSeq: 1 INVITE\n"
        + "User-Agent: phone\nSubject: hi\nContent-Length: 4\n\nbody"
    static func answer(_ status: String) -> String {
        "SIP/2.0 \(status)\nv: SIP/2.0/UDP a.example.org; branch=z9\nf: <sip:a@example.org>; tag=1\n"
            + "t: <sip:bob@example.org>;tag=2\nContent-Type: application/sdp\nWarning: 399 x\nL: 0\n\n"
    }

    static func bench(_ messages: [[UInt8]]) -> DatagramBench {
        let bench = DatagramBench(SIP(), port: 5060, logs: [SIPRecord.makeSchema()])
        for message in messages where !bench.analyzer.isDetached {
            let direction = message.starts(with: octets("SIP/")) ? Direction.responder : .originator
            bench.datagram(message, from: direction)
        }
        return bench
    }

    static func rows(_ messages: [String]) -> [String] {
        let bench = bench(messages.map { wire($0) })
        bench.analyzer.finish(&bench.context)
        return bench.texts(.sip)
    }

    static let request =
        "trans_depth=0 method=INVITE uri=sip:bob@example.org request_from=\"A\" <sip:a@example.org> "
        + "request_to=<sip:bob@example.org>"

    @Test func `a call gives a row for each response`() {
        let rows = Self.rows([Self.invite, Self.answer("180 Ringing"), Self.answer("200 OK")])
        let responder = " response_from=<sip:a@example.org> response_to=<sip:bob@example.org>;tag=2"
        let middle = " call_id=7@a seq=1 INVITE subject=hi request_path=[\"SIP/2.0/UDP a.example.org\"]"
        let via = "SIP/2.0/UDP a.example.org"
        let end = " warning=399 x request_body_len=4 response_body_len=0 content_type=application/sdp"
        #expect(
            rows == [
                Self.request + responder + middle
                    + " response_path=[\"\(via)\"] user_agent=phone status_code=180 status_msg=Ringing" + end,
                Self.request + responder + middle
                    + " response_path=[\"\(via)\", \"\(via)\"] user_agent=phone status_code=200 status_msg=OK" + end,
            ])
    }

    @Test func `a status line confirms, a request alone does not`() {
        #expect(!Self.bench([wire(Self.invite)]).analyzer.isConfirmed)
        #expect(Self.bench([wire(Self.invite), wire(Self.answer("200 OK"))]).analyzer.isConfirmed)
    }

    @Test func `over TCP messages stand one behind the other, cut anywhere`() {
        let requests = wire("\n\n" + Self.invite + Self.invite.replacing("7@a", with: "8@a"))
        let answer = wire(Self.answer("200 OK"))
        let whole = Self.rows([Self.invite, Self.invite.replacing("7@a", with: "8@a"), Self.answer("200 OK")])
        for cut in 0...requests.count {
            let bench = DatagramBench(SIP(), port: 5060, logs: [SIPRecord.makeSchema()])
            for part in [requests[..<cut], requests[cut...]] {
                bench.analyzer.stream(Array(part).octets, from: .originator, &bench.context)
            }
            bench.analyzer.stream(answer.octets, from: .responder, &bench.context)
            bench.analyzer.finish(&bench.context)
            #expect(bench.texts(.sip) == whole, "cut at \(cut)")
        }
    }

    @Test func `over TCP a long body is passed over, a gap ends it, and headers without end are refused`() {
        let long = Self.invite.replacing("Content-Length: 4\n\nbody", with: "Content-Length: 70000\n\n")
        let bench = DatagramBench(SIP(), port: 5060, logs: [SIPRecord.makeSchema()])
        bench.analyzer.stream(wire(long).octets, from: .originator, &bench.context)
        bench.analyzer.stream([UInt8](repeating: 0x41, count: 70_000).octets, from: .originator, &bench.context)
        bench.analyzer.stream(wire(Self.invite.replacing("7@a", with: "9@a")).octets, from: .originator, &bench.context)
        bench.analyzer.gap(10, from: .originator, &bench.context)
        bench.analyzer.finish(&bench.context)
        #expect(bench.analyzer.isDetached)
        // Requests without a response share a row.
        #expect(bench.texts(.sip).count == 1 && bench.texts(.sip).allSatisfy { $0.contains("call_id=9@a") })
        let endless = DatagramBench(SIP(), port: 5060, logs: [SIPRecord.makeSchema()])
        for _ in 0..<70 where !endless.analyzer.isDetached {
            endless.analyzer.stream([UInt8](repeating: 0x41, count: 1000).octets, from: .originator, &endless.context)
        }
        #expect(endless.analyzer.isDetached)
    }

    @Test func `a request without a response is written at the end`() {
        #expect(Self.rows([Self.invite]).count == 1)
        // The next request has the row that the acknowledgement has opened.
        let rows = Self.rows([
            Self.invite, Self.answer("200 OK"), "ACK sip:b SIP/2.0\n\n", "BYE sip:b SIP/2.0\n\n", "\n",
        ])
        #expect(rows.count == 2)
        #expect(rows[1] == "trans_depth=0 method=BYE uri=sip:b request_path=[] response_path=[]")
    }

    @Test func `every cut of a message does no harm`() {
        for message in [Self.invite, Self.answer("200 OK")] {
            let octets = wire(message)
            for count in 0..<octets.count {
                let bench = Self.bench([Array(octets[..<count])])
                bench.analyzer.finish(&bench.context)
                #expect(bench.rows(.sip).count <= 1)
                #expect(bench.analyzer.violationCount <= 1)
            }
        }
    }

    @Test func `damage does no harm`() {
        let octets = wire(Self.invite)
        for offset in octets.indices {
            for value: UInt8 in [0, 0x0A, 0x3A, 0xFF] {
                var damaged = octets
                damaged[offset] = value
                let bench = Self.bench([damaged, wire(Self.answer("200 OK"))])
                bench.analyzer.finish(&bench.context)
                #expect(bench.rows(.sip).count <= 2)
            }
        }
    }

    @Test func `a length that is none, junk and unknown methods are anomalies`() {
        let length = Self.bench([wire("BYE sip:b SIP/2.0\nContent-Length: many\n\n")])
        #expect(length.weirds == [.invalid_SIP_request_body_len])
        let junk = Self.bench([[0, 0] + wire("FLY sip:b SIP/2.0\n\n")])
        #expect(junk.weirds == [.sip_junk_before_request, .unknown_SIP_method])
        #expect(String(decoding: junk.context.weirdText[junk.context.weirds[0].addl], as: UTF8.self) == "\\x00\\x00")
    }

    @Test func `a body longer than its datagram is refused`() {
        let bench = Self.bench([wire("BYE sip:b SIP/2.0\nContent-Length: 99999999999999999999\n\n"), wire("BYE sip:b")])
        #expect(bench.analyzer.violationCount == 1)
        let short = Self.bench([wire("BYE sip:b SIP/2.0\nContent-Length: 9\n\n12345678")])
        #expect(short.analyzer.violationCount == 1)
    }

    @Test func `rows stay within their bound`() {
        let long = "INVITE sip:b SIP/2.0\nSubject: " + String(repeating: "x", count: 60_000) + "\n\n"
        let via = "OPTIONS sip:b SIP/2.0\n" + String(repeating: "Via: v\n", count: 120) + "\n"
        let bench = Self.bench(Array(repeating: wire(long), count: 10) + [wire(via)])
        bench.analyzer.finish(&bench.context)
        #expect(bench.rows(.sip)[0].text("subject")?.utf8.count == 60_000)
        #expect(bench.rows(.sip)[0].list("request_path")?.count == 100)
        #expect(bench.weirds.contains(.sip_max_request_path_length_exceeded))
    }

    @Test func `HTTP and DNS are not SIP`() {
        for message in [wire("GET / HTTP/1.1\nHost: a\n\n"), dnsQuery()] {
            let bench = Self.bench([message])
            #expect(bench.analyzer.violationCount == 1)
            #expect(SIPProbe.any(message.octets) == .never)
        }
        #expect(SIPProbe.any(wire(Self.invite).octets) == .matches)
        #expect(SIPProbe.any(wire(" " + Self.answer("200 OK")).octets) == .matches)
    }
}
