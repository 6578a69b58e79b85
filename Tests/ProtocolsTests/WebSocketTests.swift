// SPDX-License-Identifier: Apache-2.0
//
// WebSocket: the upgrade in HTTP, frames with and without masks, compressed messages,
// and protocols inside.

import Testing
import Wire

@testable import Protocols
@testable import Records

private let ask = wire(
    """
    GET /chat HTTP/1.1
    Host: server.example.com
    User-Agent: tester/1
    Connection: Upgrade
    Upgrade: websocket
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
    Sec-WebSocket-Protocol: chat, superchat
    Sec-WebSocket-Extensions: permessage-deflate
    Sec-WebSocket-Version: 13


    """)

/// The accept value is that of RFC 6455, section 1.3.
private func agree(_ more: String = "", accept: String = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") -> [UInt8] {
    wire("HTTP/1.1 101 Switching\nUpgrade: WebSocket\nConnection: Upgrade\nSec-WebSocket-Accept: \(accept)\n\(more)\n")
}

/// One frame; masked where a mask is given.
private func frame(_ first: UInt8, _ payload: [UInt8], mask: [UInt8]? = nil) -> [UInt8] {
    let bit: UInt8 = mask == nil ? 0 : 0x80
    var bytes = [first]
    if payload.count < 126 {
        bytes.append(bit | UInt8(payload.count))
    } else {
        bytes += [bit | 126] + wide(payload.count)
    }
    guard let mask else { return bytes + payload }
    return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
}

private let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
private let logs = [WebSocketRecord.makeSchema(), HTTPRecord.makeSchema()]
private let talk = Conversation(
    turns: [
        (.originator, ask), (.responder, agree("Sec-WebSocket-Protocol: chat\n") + frame(0x81, octets("welcome"))),
        (.originator, frame(0x01, octets("Hel"), mask: mask) + frame(0x89, [], mask: mask)),
        (.originator, frame(0x80, octets("lo"), mask: mask)), (.responder, frame(0x88, [3, 0xE8])),
    ], port: 80, logs: logs, make: { HTTP() })

@Suite("WebSocket") struct WebSocketTests {
    private func bench(_ answer: [UInt8]) -> DatagramBench {
        let bench = DatagramBench(HTTP(), port: 80, .tcp, logs: logs)
        bench.stream(ask)
        bench.stream(answer, from: .responder)
        return bench
    }

    @Test func `an upgrade gives a row with what both sides agreed on`() throws {
        let outcome = talk.play()
        #expect(
            outcome.rows.first == """
                host=server.example.com uri=/chat user_agent=tester/1 subprotocol=chat \
                client_protocols=["chat", "superchat"] client_extensions=["permessage-deflate"]
                """)
        #expect(outcome.weirds == [.protocol_data_with_HTTP_upgrade_reply])
    }

    @Test func `pieces, truncations, damage and gaps do no harm`() { talk.expectRobust(rowsMax: 3) }

    @Test func `the service is confirmed by a message, not by a part of one`() {
        let bench = bench(agree())
        bench.stream(frame(0x01, octets("par"), mask: mask))
        #expect(bench.context.serviceChanges == [.confirmed(.http)])
        bench.stream(frame(0x80, octets("t"), mask: mask))
        #expect(bench.context.serviceChanges == [.confirmed(.http), .confirmed(.websocket)])
    }

    @Test func `probes run on the stream inside, whatever frames and masks it is cut into`() {
        let bench = bench(agree())
        let banner = octets("SSH-2.0-inner\r\n")
        for octet in banner { bench.stream(frame(0x82, [octet], mask: mask)) }
        bench.stream(frame(0x82, banner), from: .responder)
        bench.stream(frame(0x82, [0, 0, 0, 12, 10, 21] + [UInt8](repeating: 0, count: 10)), from: .responder)
        #expect(bench.context.serviceChanges.contains(.confirmed(.ssh)))
    }

    @Test func `compressed messages are unpacked, each with the window of those before`() {
        let bench = bench(agree("Sec-WebSocket-Extensions: permessage-deflate\n"))
        // "Hello" twice, RFC 7692 section 7.2.3.
        bench.context.transactions.wanted.insert(.websocketPayload)
        bench.context.transactions.wantsTransactions = true
        bench.stream(frame(0xC1, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]), from: .responder)
        bench.stream(frame(0x41, [0xF2, 0x00]), from: .responder)
        bench.stream(frame(0x80, [0x11, 0x00, 0x00]), from: .responder)
        let shown = bench.context.transactions.exposures.filter { $0.buffer == .websocketPayload && $0.kind == .octets }
        let text = bench.context.transactions.text.bytes
        let payloads = shown.map { String(decoding: text[Int($0.offset)..<Int($0.offset + $0.count)], as: UTF8.self) }
        #expect(payloads.first == "Hello")
        #expect(payloads.last == "Hello")
    }

    @Test func `frames that cannot be end the analyzer`() {
        for bad in [frame(0x80, [1]), frame(0x01, [1]) + frame(0x01, [1])] {
            let bench = bench(agree())
            bench.stream(bad)
            bench.stream(frame(0x81, [1]))
            #expect(bench.context.serviceChanges.contains(.violated(.websocket, wasConfirmed: false)))
        }
    }

    @Test func `impossible lengths take nothing but the stream`() {
        let bench = bench(agree())
        bench.stream([0x81, 0x7F] + [UInt8](repeating: 0xFF, count: 8) + [1, 2, 3])
        bench.stream([0x89, 0x7F] + [UInt8](repeating: 0xFF, count: 8), from: .responder)
        #expect(bench.weirds.contains(.websocket_control_frame_size_exceeded))
        bench.analyzer.finish(&bench.context)
        #expect(bench.rows(.websocket).count == 1)
    }

    @Test func `a wrong or missing answer to the key is an anomaly`() {
        #expect(bench(agree(accept: "AAAA")).weirds == [.websocket_wrong_accept_header])
        let silent = wire("HTTP/1.1 101 S\nUpgrade: websocket\nConnection: Upgrade\n\n")
        #expect(bench(silent).weirds == [.websocket_missing_accept_header])
    }

    @Test func `another protocol after the upgrade is left alone`() {
        let bench = bench(wire("HTTP/1.1 101 S\nUpgrade: foo\nConnection: Upgrade\n\n"))
        bench.stream(frame(0x81, [1]))
        bench.analyzer.finish(&bench.context)
        #expect(bench.rows(.websocket).isEmpty)
        #expect(bench.context.serviceChanges == [.confirmed(.http)])
    }
}
