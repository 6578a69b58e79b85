// SPDX-License-Identifier: Apache-2.0
//
// TLS: what is cut, what lies, what is not TLS, and what is lost.

import Testing
import Wire

@testable import Protocols
@testable import Records

private let hello = tlsClientHello(extensions: tlsServerName(["www.example.org"]) + tlsProtocols(["h2"]))
private let answer = tlsServerHello(session: [1, 2], extensions: tlsProtocols(["h2"]))

@Suite("TLS, broken") struct TLSBrokenTests {
    /// A hello that ends before its extensions is whole.
    private static let helloBase = tlsClientHello().count
    private static let answerBase = tlsServerHello(session: [1, 2]).count

    @Test func `every truncation of a ClientHello is refused`() {
        for count in 0..<hello.count where count != TLSBrokenTests.helloBase {
            let bench = TLSBench()
            bench.client(tlsHandshake(1, Array(hello[..<count])))
            #expect(bench.analyzer.isDetached, "\(count)")
            #expect(bench.context.serviceChanges == [.violated(.ssl, wasConfirmed: false)], "\(count)")
            #expect(bench.finished() == nil, "\(count)")
        }
    }

    @Test func `every truncation of a ServerHello is refused`() {
        for count in 0..<answer.count where count != TLSBrokenTests.answerBase {
            let bench = TLSBench()
            bench.client(tlsHandshake(1, hello))
            bench.server(tlsHandshake(2, Array(answer[..<count])))
            #expect(bench.analyzer.isDetached, "\(count)")
            #expect(bench.written.map { $0.text("ssl_history") } == ["C"], "\(count)")
        }
    }

    @Test func `a stream that ends early has what was whole`() {
        let stream = tlsHandshake(1, hello)
        for count in 0..<stream.count {
            let bench = TLSBench()
            bench.client(Array(stream[..<count]))
            #expect(bench.finished() == nil, "\(count)")
            #expect(!bench.analyzer.isDetached, "\(count)")
        }
    }

    @Test(arguments: [
        // A message longer than any.
        tlsRecord(22, [1, 0xFF, 0xFF, 0xFF]),
        // A suite and a half; no suites; no compression method.
        tlsHandshake(1, wide(0x0303) + tlsRandom + [0] + wide(3) + [0, 1, 0, 1, 0]),
        tlsHandshake(1, wide(0x0303) + tlsRandom + [0] + wide(0) + [1, 0]),
        tlsHandshake(1, wide(0x0303) + tlsRandom + [0] + wide(2) + [0, 1, 0]),
        // An extension that is longer than all of them.
        tlsHandshake(1, tlsClientHello(extensions: [0, 5, 0xFF, 0xFF])),
        tlsHandshake(1, tlsClientHello(extensions: tlsExtension(0, [0xFF, 0xFF, 0]))),
        tlsHandshake(1, tlsClientHello(extensions: tlsExtension(0, [0, 3, 0, 0xFF, 0xFF]))),
        // Certificates that are longer than their list, a list longer than its message.
        tlsHandshake(11, tlsThree(4) + tlsThree(9) + [1]), tlsHandshake(11, tlsThree(99) + tlsThree(1) + [1]),
        tlsHandshake(11, tlsThree(2) + [0, 0]),
        // A version that is none, a message that is none, a record that is none.
        tlsHandshake(1, tlsClientHello(version: 0x0305)), tlsHandshake(8), tlsHandshake(99),
        tlsHandshake(1, hello) + tlsRecord(25, [1]), tlsHandshake(1, hello) + tlsRecord(22, [1], version: 0x0304),
        // An alert and a half.
        tlsHandshake(1, hello) + tlsRecord(21, [1, 0, 1]),
        // SSL 2: a record that is too short, lengths that are too long, another version.
        [0x80, 0x02, 1, 3, 1], [0x80, 0x09, 1, 3, 1, 0xFF, 0xFF, 0, 0, 0, 0],
        [0x80, 0x0C, 4, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0],
    ]) func `impossible lengths and numbers end the analysis`(_ octets: [UInt8]) {
        let bench = TLSBench()
        bench.client(octets)
        #expect(bench.analyzer.isDetached)
        #expect(bench.context.serviceChanges.last.map { if case .violated = $0 { true } else { false } } == true)
    }

    @Test func `the row is written before a violation, whatever the size, and nothing is read behind it`() {
        let bench = TLSBench()
        bench.client(tlsHandshake(1, hello))
        bench.context.sizeSoFar = 20_000
        bench.client(tlsHandshake(99))
        #expect(bench.written.map { $0.text("ssl_history") } == ["C"])
        #expect(bench.analyzer.isDetached)
        #expect(bench.context.serviceChanges.allSatisfy { if case .violated = $0 { false } else { true } })
    }

    @Test(arguments: ["GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "EHLO a\r\n", "\u{0}\u{0}\u{0}\u{0}\u{0}"])
    func `another protocol is refused`(_ text: String) {
        let bench = TLSBench()
        bench.client(Array(text.utf8))
        #expect(bench.context.serviceChanges == [.violated(.ssl, wasConfirmed: false)])
        #expect(bench.finished() == nil)
    }

    @Test func `after a gap nothing more is read`() {
        let bench = TLSBench()
        bench.client(tlsHandshake(1, hello))
        bench.context.hasGap = true
        bench.analyzer.gap(10, from: .responder, &bench.context)
        bench.server(tlsHandshake(2, answer))
        #expect(bench.written.isEmpty)
        let row = bench.finished()
        #expect(row?.text("ssl_history") == "C")
        #expect(row?.flag("established") == false)
    }

    @Test func `a connection picked up in the middle has no row`() {
        let bench = TLSBench()
        bench.context.isPartial = true
        bench.client(tlsHandshake(1, hello))
        #expect(bench.finished() == nil)
    }

    @Test func `data in the clear is told of, and early data counts for the client`() {
        let bench = TLSBench()
        bench.client(tlsHandshake(1, hello))
        bench.server(tlsHandshake(2, answer) + tlsApplicationData)
        #expect(bench.weirds == [.ssl_early_application_data])
        let early = TLSBench()
        early.client(tlsHandshake(1, hello) + tlsApplicationData)
        early.server(tlsHandshake(2, tlsServerHello(extensions: tlsExtension(43, [3, 4]))) + tlsApplicationData)
        #expect(early.written.map { $0.flag("established") } == [true])
        #expect(early.weirds == [])
    }

    @Test func `no octet can break the analyzer`() {
        let stream = tlsHandshake(1, hello) + tlsHandshake(2, answer)
            + tlsHandshake(11, tlsCertificates([[1, 2], [3]])) + tlsHandshake(12, tlsKeyExchange) + tlsCipherChange
        var rows = 0
        for place in stream.indices {
            for value: UInt8 in [0x00, 0x01, 0x7F, 0x80, 0xFF] {
                var changed = stream
                changed[place] = value
                let bench = TLSBench()
                bench.client(changed)
                if bench.finished() != nil { rows += 1 }
                let datagrams = TLSBench(.dtls)
                datagrams.client(changed)
                _ = datagrams.finished()
            }
        }
        #expect(rows > 0)
    }
}

@Suite("TLS probes") struct TLSProbeTests {
    private let client = Array(tlsHandshake(1, hello).prefix(11))
    private let server = Array(tlsHandshake(2, answer).prefix(11))

    @Test func `both hellos are found as soon as enough of them is there`() {
        for count in 0..<11 {
            #expect(TLSProbe.client(Array(client[..<count]).octets) == .needsMore)
            #expect(TLSProbe.server(Array(server[..<count]).octets) == .needsMore)
        }
        #expect(TLSProbe.client(client.octets) == .matches)
        #expect(TLSProbe.server(server.octets) == .matches)
        #expect(TLSProbe.server(([0x15, 3, 1, 0, 2, 1, 0] + server).octets) == .matches)
        #expect(TLSProbe.client(server.octets) == .never)
        #expect(TLSProbe.server(client.octets) == .never)
    }

    @Test func `what cannot be a hello is said so at the first octet that tells`() {
        #expect(TLSProbe.client(Array("GET".utf8).octets) == .never)
        #expect(TLSProbe.client([0x16, 2].octets) == .never)
        #expect(TLSProbe.client([0x16, 3, 4].octets) == .never)
        #expect(TLSProbe.server([0x15, 3, 9].octets) == .never)
        #expect(TLSProbe.server([0x16, 3, 3, 0, 9, 2, 0, 0, 9, 0x7F, 0x51].octets) == .never)
        #expect(TLSProbe.server([0x16, 3, 3, 0, 9, 2, 0, 0, 9, 0x7F, 0x50].octets) == .matches)
    }
}

@Suite("TLS fingerprints") struct TLSFingerprintTests {
    private func row(_ client: [UInt8], _ server: [UInt8]? = nil) -> LogRow? {
        let bench = TLSBench()
        bench.client(tlsHandshake(1, client))
        if let server { bench.server(tlsHandshake(2, server)) }
        return bench.finished()
    }

    private func list(_ values: [Int]) -> [UInt8] { wide(values.count * 2) + values.flatMap(wide) }

    /// The example of JA3's description.
    @Test func `JA3 is that of its own example`() {
        let suites = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4]
        let extensions =
            tlsServerName(["a"]) + tlsExtension(10, list([23, 24, 25])) + tlsExtension(11, [1, 0])
        let found = row(tlsClientHello(version: 0x0301, suites: suites, extensions: extensions))
        #expect(found?.text("ja3") == "ada70206e40642a3e4461f35503241d5")
        #expect(found?.text("ja3s") == nil)
    }

    @Test func `JA3S is the digest of version, suite and extensions`() {
        let extensions = [65281, 0, 11, 35, 5, 16].flatMap { tlsExtension($0, $0 == 16 ? [0, 0] : []) }
        let found = row(tlsClientHello(), tlsServerHello(version: 0x0301, suite: 47, extensions: extensions))
        #expect(found?.text("ja3s") == "836ce314215654b5b1f85f97c73e506f")
    }

    /// The example of JA4's description, with GREASE where browsers put it.
    @Test func `JA4 is that of its own example`() {
        let suites = [
            0x2A2A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C,
            0x009D, 0x002F, 0x0035,
        ]
        let signatures = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]
        let plain = [0x1B, 0x33, 0x4469, 0x17, 0x05, 0x0A, 0x0B, 0x12, 0x2D, 0xFF01, 0x23, 0x15]
        let extensions =
            tlsExtension(0x8A8A, []) + tlsServerName(["a"]) + tlsProtocols(["h2", "http/1.1"])
            + tlsExtension(13, list(signatures)) + tlsExtension(43, [6, 0xAA, 0xAA, 3, 4, 3, 3])
            + plain.flatMap { tlsExtension($0, []) }
        let found = row(tlsClientHello(suites: suites, extensions: extensions))
        #expect(found?.text("ja4") == "t13d1516h2_8daaf6152771_e5627efa2ab1")
    }

    @Test func `JA4 of a hello with nothing in it`() {
        #expect(row(tlsClientHello(suites: [0x0A0A]))?.text("ja4") == "t12i000000_000000000000_000000000000")
    }
}

@Suite("fingerprint cache") struct FingerprintCacheTests {
    @Test func `a hello that was seen before has the same fingerprints`() {
        let hellos = (1...5).map { tlsClientHello(suites: [0x1301, $0], extensions: tlsServerName(["a\($0)"])) }
        let fresh = hellos.map { hello in
            let bench = TLSBench()
            bench.client(tlsHandshake(1, hello))
            return bench.finished().map { [$0.text("ja3"), $0.text("ja4")] }
        }
        let bench = TLSBench()
        for (index, hello) in (hellos + hellos).enumerated() {
            bench.begin()
            bench.client(tlsHandshake(1, hello))
            #expect(bench.finished().map { [$0.text("ja3"), $0.text("ja4")] } == fresh[index % hellos.count])
        }
        #expect(Set(fresh.map { $0?.first ?? nil }).count == hellos.count)
    }

    @Test func `a key finds its own digest alone, and a long one is not kept`() {
        var cache = FingerprintCache()
        var (line, digest): ([UInt8], [UInt8]) = ([], [])
        for value in UInt16(0)..<3000 {
            cache.keep([value], line: [UInt8(value & 0xFF)], digest: [1, UInt8(value >> 8)])
        }
        var found = 0
        for value in UInt16(0)..<3000 where cache.append([value], line: &line, wantsLine: true, digest: &digest) {
            found += 1
            #expect(line.last == UInt8(value & 0xFF))
            #expect(digest.last == UInt8(value >> 8))
        }
        #expect((1...1024).contains(found))
        cache.keep([UInt16](repeating: 7, count: 257), line: [], digest: [])
        let wasKept = cache.append(
            [UInt16](repeating: 7, count: 257), line: &line, wantsLine: true, digest: &digest)
        #expect(!wasKept)
    }
}
