// SPDX-License-Identifier: Apache-2.0
//
// DTLS: records in datagrams, fragments, and what else comes to its ports.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// One record of a datagram.
private func record(_ type: UInt8, _ body: [UInt8], epoch: Int = 0, version: Int = 0xFEFD) -> [UInt8] {
    [type] + wide(version) + wide(epoch) + [0, 0, 0, 0, 0, 0] + wide(body.count) + body
}

/// A fragment of a handshake message, all of it where nothing else is said.
private func fragment(
    _ type: UInt8, _ body: [UInt8], sequence: Int = 0, from start: Int = 0, count: Int? = nil
) -> [UInt8] {
    let count = count ?? body.count - start
    return [type] + tlsThree(body.count) + wide(sequence) + tlsThree(start) + tlsThree(count)
        + body[start ..< start + count]
}

private func handshake(_ type: UInt8, _ body: [UInt8] = []) -> [UInt8] { record(22, fragment(type, body)) }

private let hello = tlsClientHello(version: 0xFEFD, cookie: [1, 2], extensions: tlsServerName(["a.example.org"]))
private let answer = tlsServerHello(version: 0xFEFD, suite: 0xC02F)
private let encrypted = record(22, [1, 2, 3, 4], epoch: 1)

@Suite("DTLS") struct DTLSTests {
    @Test func `a handshake of DTLS 1.2 gives one row with all it said`() throws {
        let bench = TLSBench(.dtls)
        bench.client(handshake(1, tlsClientHello(version: 0xFEFD, cookie: [])))
        bench.server(handshake(3, [0xFE, 0xFF, 0]))
        bench.client(handshake(1, hello))
        bench.server(
            handshake(2, answer) + handshake(11, tlsCertificates([tlsCertificate])) + handshake(12, tlsKeyExchange)
                + handshake(14))
        bench.client(handshake(16, [1]) + record(20, [1]) + encrypted)
        bench.server(handshake(4, [1]) + record(20, [1]))
        #expect(bench.written.isEmpty)
        bench.server(encrypted)
        let row = try #require(bench.written.first)
        #expect(row.text("version") == "DTLSv12")
        #expect(row.text("ssl_history") == "CvCsxknGIti")
        #expect(row.text("server_name") == "a.example.org")
        #expect(row.text("curve") == "secp256r1")
        #expect(row.flag("established") == true)
        #expect(row.flag("sni_matches_cert") == true)
        #expect(bench.context.serviceChanges == [.confirmed(.dtls)])
        #expect(bench.analyzer.isDetached)
    }

    @Test func `a handshake of DTLS 1.3 is over when both sides use the short header`() throws {
        let bench = TLSBench(.dtls)
        bench.client([0x2F, 0, 0, 1])
        bench.client(handshake(1, hello))
        let choice = tlsExtension(43, [0xFE, 0xFC])
        bench.server(handshake(2, tlsServerHello(version: 0xFEFD, suite: 0x1301, extensions: choice)) + [0x2F, 1])
        #expect(bench.written.isEmpty)
        bench.client([0x2F, 0, 0, 1])
        let row = try #require(bench.written.first)
        #expect(row.text("version") == "DTLSv13")
        #expect(row.text("ssl_history") == "Cs")
        #expect(row.flag("established") == true)
    }

    @Test func `fragments are put together in any order`() throws {
        for width in [1, 5, 40] where hello.count / width < DTLSFragments.countMax {
            let pieces = stride(from: 0, to: hello.count, by: width).map { start in
                record(22, fragment(1, hello, from: start, count: min(width, hello.count - start)))
            }
            for order in [pieces, pieces.reversed(), pieces + pieces] {
                let bench = TLSBench(.dtls)
                for piece in order.prefix(pieces.count + 1) { bench.client(piece) }
                let row = try #require(bench.finished())
                #expect(row.text("server_name") == "a.example.org")
                #expect(row.text("ssl_history") == "C")
            }
        }
    }

    @Test func `another message begins anew`() throws {
        let bench = TLSBench(.dtls)
        bench.client(record(22, fragment(1, hello, from: 0, count: 20)))
        bench.client(record(22, fragment(1, hello, sequence: 1, from: 20)))
        #expect(bench.finished() == nil)
        bench.client(record(22, fragment(1, hello, sequence: 1, from: 0, count: 20)))
        #expect(bench.finished()?.text("ssl_history") == "C")
    }

    @Test func `datagrams of STUN are passed over`() throws {
        let bench = TLSBench(.dtls)
        bench.client(handshake(1, hello))
        bench.client([0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 0, count: 20))
        #expect(!bench.analyzer.isDetached)
        #expect(bench.finished()?.text("ssl_history") == "C")
    }

    @Test func `versions that are none end the analysis in the end`() {
        let bench = TLSBench(.dtls)
        for _ in 0..<TLS.invalidVersionsMax { bench.client(Array("another protocol".utf8)) }
        #expect(!bench.analyzer.isDetached)
        bench.client(Array("another protocol".utf8))
        #expect(bench.analyzer.isDetached)
        #expect(bench.context.serviceChanges.isEmpty)
        let confirmed = TLSBench(.dtls)
        confirmed.client(handshake(1, hello))
        confirmed.client(Array("another protocol".utf8))
        #expect(confirmed.context.serviceChanges == [.confirmed(.dtls), .violated(.dtls, wasConfirmed: true)])
        #expect(confirmed.written.map { $0.text("ssl_history") } == ["C"])
    }

    @Test func `every truncation is refused`() {
        let base = tlsClientHello(version: 0xFEFD, cookie: [1, 2]).count
        for count in 0..<hello.count where count != base {
            let bench = TLSBench(.dtls)
            bench.client(handshake(1, Array(hello[..<count])))
            #expect(bench.analyzer.isDetached, "\(count)")
            #expect(bench.finished() == nil, "\(count)")
        }
        let datagram = handshake(1, hello)
        for count in 0..<datagram.count {
            let bench = TLSBench(.dtls)
            bench.client(Array(datagram[..<count]))
            #expect(bench.finished() == nil, "\(count)")
        }
    }

    @Test(arguments: [
        // A fragment beyond its message, a header and a half, a message beyond all.
        record(22, [1] + tlsThree(4) + [0, 0] + tlsThree(3) + tlsThree(2) + [1, 2]),
        record(22, [1, 0, 0]), record(22, [1] + tlsThree(100_001) + [0, 0] + tlsThree(0) + tlsThree(1) + [1]),
        record(22, [1] + tlsThree(4) + [0, 0] + tlsThree(0) + tlsThree(0xFFFF)),
    ]) func `impossible lengths end the analysis`(_ octets: [UInt8]) {
        let bench = TLSBench(.dtls)
        bench.client(octets)
        #expect(bench.context.serviceChanges == [.violated(.dtls, wasConfirmed: false)])
    }

    @Test func `the probe wants the first record of a client`() {
        #expect(TLSProbe.datagram(handshake(1, hello).octets) == .matches)
        #expect(TLSProbe.datagram(handshake(2, answer).octets) == .never)
        #expect(TLSProbe.datagram(record(22, fragment(1, hello), epoch: 1).octets) == .never)
        #expect(TLSProbe.datagram(Array("another protocol, and a long one".utf8).octets) == .never)
        #expect(TLSProbe.datagram([0x16, 0xFE].octets) == .never)
    }
}
