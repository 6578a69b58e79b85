// SPDX-License-Identifier: Apache-2.0
//
// QUIC: the vectors of the RFCs, whole handshakes, and what hostile datagrams do not get.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// The hello of RFC 9001, appendix A.2, in its CRYPTO frame.
private let sampleFrames = hexadecimal(
    """
    060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868
    04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578
    616d706c652e636f6dff01000100000a00080006001d00170018001000070005
    04616c706e000500050100000000003300260024001d00209370b2c9caa47fba
    baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400
    0d0010000e0403050306030203080408050806002d00020101001c0002400100
    3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000
    75300901100f088394c8f03e51570806048000ffff
    """)
private let samplePadded = sampleFrames + [UInt8](repeating: 0, count: 1162 - sampleFrames.count)
private let sampleTarget = hexadecimal("8394c8f03e515708")

/// The server's answer, appendix A.3 of RFC 9001 and of RFC 9369.
private let sampleAnswers: [UInt32: [UInt8]] = [
    1: hexadecimal(
        """
        cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a
        5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3
        dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84
        022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4
        2158407dd074ee
        """),
    QUICVersion.two: hexadecimal(
        """
        dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698
        baeea26b91eb761d9b89237bbf87263017915358230035f7fd3945d88965cf17
        f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2
        c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca8
        4bed8521e2e140
        """),
]

private let hello = tlsMessage(
    1, tlsClientHello(extensions: tlsServerName(["a.example.org"]) + tlsProtocols(["h3", "hq"])))
private let reply = tlsMessage(2, tlsServerHello(suite: 0x1301, extensions: tlsExtension(43, [3, 4])))

@Suite("QUIC") struct QUICTests {
    @Test func `keys of version 1 are those of RFC 9001, appendix A`() {
        let client = QUICSealer(first: sampleTarget, isClient: true, target: sampleTarget, source: [])
        #expect(client.key == hexadecimal("1f369613dd76d5467730efcbe3b1a22d"))
        #expect(client.nonce == hexadecimal("fa044b2f42a3fd3b46fb255c"))
        #expect(client.mask == hexadecimal("9f50449e04a0e810283a1e9933adedd2"))
        let packet = client.initial(samplePadded, number: 2)
        let start = hexadecimal("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11")
        #expect(packet.prefix(32) == start[...])
        #expect(packet.suffix(16) == hexadecimal("e221af44860018ab0856972e194cd934")[...])
    }

    @Test func `keys of version 2 are those of RFC 9369, appendix A`() {
        let client = QUICSealer(
            version: QUICVersion.two, first: sampleTarget, isClient: true, target: sampleTarget, source: [])
        let packet = client.initial(samplePadded, number: 2)
        let start = hexadecimal("d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485")
        #expect(packet.prefix(32) == start[...])
        #expect(packet.suffix(16) == hexadecimal("a18b2faa745b6fe189cf772a9f84cbfc")[...])
    }

    @Test(arguments: [UInt32(1), QUICVersion.two])
    func `the packets of the RFC's appendix give a row of QUIC and one of TLS`(_ version: UInt32) throws {
        let bench = QUICBench(version: version)
        bench.client = QUICSealer(
            version: version, first: sampleTarget, isClient: true, target: sampleTarget, source: [])
        bench.send(bench.client.initial(samplePadded, number: 2))
        bench.answer(try #require(sampleAnswers[version]))
        bench.finish()
        let row = try #require(bench.sessions.first)
        #expect(row.text("version") == (version == 1 ? "1" : "quicv2"))
        #expect(row.text("client_initial_dcid") == "8394c8f03e515708")
        #expect(row.text("client_scid")?.isEmpty == true)
        #expect(row.text("server_scid") == "f067a5502a4262b5")
        #expect(row.text("server_name") == "example.com")
        #expect(row.text("client_protocol") == "alpn")
        #expect(row.text("history") == "ISis")
        let tls = try #require(bench.handshakes.first)
        #expect(tls.text("ssl_history") == "Cs")
        #expect(tls.text("version") == "TLSv13")
        #expect(tls.text("ja4")?.hasPrefix("q13d02") == true)
        #expect(bench.services == [.confirmed(.quic), .confirmed(.ssl)])
    }

    @Test func `frames in any order, over datagrams and repeated, give the hello`() throws {
        for width in [1, 7, 30] {
            let pieces = stride(from: 0, to: hello.count, by: width).map { start in
                (start, Array(hello[start..<min(hello.count, start + width)]))
            }
            let bench = QUICBench()
            for (number, piece) in pieces.reversed().enumerated() {
                let frames = [1] + quicCrypto(piece.1, at: piece.0) + [0, 0] + quicCrypto(piece.1, at: piece.0)
                bench.send(bench.client.initial(frames, number: number, numberBytes: 1 + number % 4))
            }
            bench.finish()
            #expect(bench.sessions.first?.text("server_name") == "a.example.org")
            #expect(bench.sessions.first?.text("client_protocol") == "h3")
            #expect(bench.bench.weirds.contains(.QUIC_many_protocols))
        }
    }

    @Test func `packets of one datagram are read one after the other`() throws {
        let bench = QUICBench()
        bench.send(
            bench.client.initial(quicCrypto(hello)) + bench.client.closed(1) + [UInt8](repeating: 0, count: 50))
        bench.answer(
            bench.server.initial([2, 0, 0, 0, 0] + quicCrypto(reply)) + bench.server.closed(2) + bench.server.short)
        for _ in 0..<9 { bench.send(bench.client.short) }
        bench.finish()
        #expect(bench.sessions.first?.text("history") == "ISZXishoOOOO")
        #expect(bench.sessions.first?.text("server_scid") == "aabbcc")
    }

    @Test func `a Retry ends a session, and the next packet's connection id gives the keys`() throws {
        let bench = QUICBench()
        bench.send(bench.client.initial(quicCrypto(hello)))
        bench.answer(bench.server.retry())
        bench.client.first = [0xAA, 0xBB, 0xCC]
        bench.client.target = [0xAA, 0xBB, 0xCC]
        bench.server.first = [0xAA, 0xBB, 0xCC]
        bench.send(bench.client.initial(quicCrypto(hello), number: 1, token: [1, 2, 3]))
        bench.answer(bench.server.initial(quicCrypto(reply)))
        bench.finish()
        #expect(bench.sessions.map { $0.text("history") } == ["ISr", "ISis"])
        #expect(bench.sessions.map { $0.text("client_initial_dcid") } == ["0102030405060708", "aabbcc"])
        #expect(bench.handshakes.map { $0.text("ssl_history") } == ["CCs"])
    }

    @Test func `a close in the clear ends the session`() {
        let bench = QUICBench()
        bench.send(bench.client.initial(quicCrypto(hello)))
        bench.answer(bench.server.initial([0x1C, 1, 0, 3, 0x62, 0x79, 0x65]))
        bench.finish()
        #expect(bench.sessions.map { $0.text("history") } == ["ISic"])
    }

    @Test func `a version that is not known is a row and the end`() {
        let bench = QUICBench()
        var packet = bench.client.initial(quicCrypto(hello))
        packet.replaceSubrange(1..<5, with: [0x0A, 0x1B, 0x2C, 0x3D])
        bench.send(packet)
        #expect(bench.sessions.first?.text("version") == "unknown-a1b2c3d")
        #expect(bench.sessions.first?.text("history") == "U")
        #expect(bench.services == [.violated(.quic, wasConfirmed: false)])
    }

    @Test func `every truncation is refused or gives no more than the whole`() {
        let whole = QUICBench().client.initial(quicCrypto(hello))
        for count in 0..<whole.count {
            let bench = QUICBench()
            bench.send(Array(whole.prefix(count)))
            bench.finish()
            #expect(bench.handshakes.isEmpty)
            #expect(bench.services == (count == 0 ? [] : [.violated(.quic, wasConfirmed: false)]))
        }
    }

    @Test func `a packet that was changed is not opened`() {
        let whole = QUICBench().client.initial(quicCrypto(hello))
        for place in 0..<whole.count {
            let bench = QUICBench()
            var damaged = whole
            damaged[place] ^= 0x21
            bench.send(damaged)
            bench.finish()
            #expect(bench.handshakes.isEmpty)
        }
    }

    @Test func `impossible lengths end the analysis`() {
        let endless: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
        let bad: [[UInt8]] = [
            [6] + endless + quicInteger(4) + [1, 0, 0, 0], [6, 0] + endless, [2, 0, 0] + endless + [0],
            [3, 0, 0, 0x3F, 0, 1], [0x1C, 0, 0] + endless, [0x1E], [8, 0], quicCrypto([1, 0xFF, 0xFF, 0xFF]),
            quicCrypto(hello + [1]),
        ]
        for frames in bad {
            let bench = QUICBench()
            bench.send(bench.client.initial(frames + (frames.first == 6 ? [] : [0])))
            bench.send(bench.client.initial(quicCrypto(hello), number: 1))
            bench.finish()
            // A first offset beyond every message is not kept; everything else is the end.
            let goesOn = frames.starts(with: [6, 0xFF])
            #expect(bench.bench.analyzer.isDetached == !goesOn, "\(frames)")
        }
    }

    @Test func `another protocol's octets are not QUIC`() {
        for octets in [octets("GET / HTTP/1.1\r\n\r\n"), [0x16, 0xFE, 0xFD, 0, 0], [0xFF, 0xFF]] {
            let bench = QUICBench()
            bench.send(octets)
            bench.answer(octets)
            bench.finish()
            #expect(bench.handshakes.isEmpty)
            #expect(!bench.services.contains(.confirmed(.quic)))
        }
        #expect(QUICProbe.initial([0xC3, 0, 0, 0, 1].octets) == .matches)
        #expect(QUICProbe.initial([0xD3, 0x6B, 0x33, 0x43, 0xCF].octets) == .matches)
        #expect(QUICProbe.initial([0xE3, 0, 0, 0, 1].octets) == .never)
        #expect(QUICProbe.initial([0xC3, 0, 0, 0].octets) == .never)
    }

    @Test func `an instance that is used again remembers nothing`() {
        let first = QUICBench()
        guard let analyzer = first.bench.analyzer as? QUIC else { return }
        first.send(first.client.initial(quicCrypto(Array(hello.prefix(9)))))
        analyzer.reset()
        let second = QUICBench(analyzer: analyzer)
        second.send(second.client.initial(quicCrypto(hello)))
        second.finish()
        #expect(second.sessions.map { $0.text("history") } == ["IS"])
    }

    @Test func `the history has a bound`() {
        let bench = QUICBench()
        bench.send(bench.client.initial(quicCrypto(hello)))
        for _ in 0..<200 { bench.send(bench.client.closed(2, count: 1)) }
        bench.finish()
        #expect(bench.sessions.first?.text("history")?.count == QUIC.historyMax)
        #expect(bench.bench.weirds.contains(.QUIC_max_history_length_reached))
    }
}
