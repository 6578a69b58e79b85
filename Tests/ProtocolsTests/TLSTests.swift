// SPDX-License-Identifier: Apache-2.0
//
// TLS: handshakes of all versions and what the row says of them.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// What a TLS 1.2 client and server say, in turns.
private let turns: [(Direction, [UInt8])] = {
    let offer = tlsServerName(["www.example.org"]) + tlsExtension(10, [0, 2, 0, 23]) + tlsProtocols(["h2", "http/1.1"])
    let answer =
        tlsHandshake(2, tlsServerHello(extensions: tlsProtocols(["h2"])))
        + tlsHandshake(11, tlsCertificates([tlsCertificate])) + tlsHandshake(12, tlsKeyExchange) + tlsHandshake(14)
    return [
        (.originator, tlsHandshake(1, tlsClientHello(extensions: offer))), (.responder, answer),
        (.originator, tlsHandshake(16, [1, 4]) + tlsCipherChange + tlsEncryptedHandshake),
        (.responder, tlsHandshake(4, [0, 0, 0, 1]) + tlsCipherChange + tlsEncryptedHandshake),
    ]
}()

@Suite("TLS") struct TLSTests {
    @Test func `a handshake of TLS 1.2 gives one row with all it said`() throws {
        let bench = TLSBench()
        bench.context.now = Timestamp(seconds: 10)
        for (direction, octets) in turns { bench.send(octets, from: direction) }
        #expect(bench.analyzer.isDetached)
        #expect(bench.written.count == 1)
        let row = try #require(bench.finished())
        #expect(bench.written.count == 1)
        #expect(row.number("ts") == 10_000_000_000)
        #expect(row.text("version") == "TLSv12")
        #expect(row.text("cipher") == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
        #expect(row.text("curve") == "secp256r1")
        #expect(row.text("server_name") == "www.example.org")
        #expect(row.flag("resumed") == false)
        #expect(row.text("last_alert") == nil)
        #expect(row.text("next_protocol") == "h2")
        #expect(row.flag("established") == true)
        #expect(row.text("ssl_history") == "CsxknGIti")
        #expect(row.list("cert_chain_fps") == [tlsFingerprint])
        #expect(row.list("client_cert_chain_fps") == [])
        #expect(row.text("subject")?.hasPrefix("emailAddress=a@example.org,CN=") == true)
        #expect(row.flag("sni_matches_cert") == true)
        #expect(bench.context.serviceChanges == [.confirmed(.ssl)])
        #expect(bench.weirds == [])
    }

    @Test func `a certificate is told of once a role and day`() throws {
        let bench = TLSBench()
        bench.context.now = Timestamp(seconds: 100)
        bench.context.advance(to: bench.context.now)
        bench.server(tlsHandshake(11, tlsCertificates([tlsCertificate, tlsCertificate])))
        bench.server(tlsHandshake(11, tlsCertificates([tlsCertificate])))
        #expect(bench.certificates.map { $0.flag("host_cert") } == [true, false])
        #expect(bench.certificates.map { $0.flag("client_cert") } == [false, false])
        #expect(bench.certificates.map { $0.text("fingerprint") } == [tlsFingerprint, tlsFingerprint])
        #expect(bench.certificates.first?.list("san.dns") == ["*.example.org", "example.net"])
        #expect(bench.certificates.first?.number("certificate.key_length") == 256)
        bench.client(tlsHandshake(11, tlsCertificates([tlsCertificate])))
        #expect(bench.certificates.last?.flag("client_cert") == true)
        bench.context.now = Timestamp(seconds: 100 + 86_399)
        bench.server(tlsHandshake(11, tlsCertificates([tlsCertificate])))
        #expect(bench.certificates.count == 3)
        bench.context.now = Timestamp(seconds: 100 + 86_400)
        bench.server(tlsHandshake(11, tlsCertificates([tlsCertificate])))
        bench.server(tlsHandshake(11, tlsCertificates([tlsCertificate])))
        #expect(bench.certificates.count == 4)
    }

    @Test func `certificates that are none are told of and left out`() throws {
        let bench = TLSBench()
        bench.server(tlsHandshake(2, tlsServerHello()))
        bench.server(tlsHandshake(11, tlsCertificates([[], [1, 2, 3], tlsCertificate])))
        #expect(bench.weirds == [.zero_length_certificate, .x509_cert_parse_error])
        let row = try #require(bench.finished())
        #expect(row.list("cert_chain_fps") == [tlsFingerprint])
        #expect(row.flag("sni_matches_cert") == nil)
    }

    @Test func `a handshake of TLS 1.3 is over when both sides send data`() throws {
        let bench = TLSBench()
        bench.client(tlsHandshake(1, tlsClientHello(session: [9, 9], extensions: tlsExtension(43, [2, 3, 4]))))
        let choice = tlsExtension(43, [3, 4]) + tlsExtension(51, [0, 29, 0, 1, 7])
        bench.server(tlsHandshake(2, tlsServerHello(session: [9, 9], suite: 0x1301, extensions: choice)))
        bench.server(tlsCipherChange + tlsApplicationData + tlsApplicationData)
        bench.client(tlsCipherChange)
        #expect(bench.written.isEmpty)
        bench.client(tlsApplicationData)
        let row = try #require(bench.written.first)
        #expect(row.text("version") == "TLSv13")
        #expect(row.text("cipher") == "TLS_AES_128_GCM_SHA256")
        #expect(row.text("curve") == "x25519")
        #expect(row.text("ssl_history") == "CsiI")
        #expect(row.flag("established") == true)
        #expect(row.flag("resumed") == false)
        #expect(row.list("cert_chain_fps") == nil)
    }

    @Test func `a hello that has to be said again has a letter of its own`() throws {
        let bench = TLSBench()
        let hello = tlsHandshake(1, tlsClientHello())
        bench.client(hello)
        let retry = tlsExtension(43, [3, 4]) + tlsExtension(51, [0, 24])
        bench.server(tlsHandshake(2, tlsServerHello(random: tlsRetryRandom, suite: 0x1302, extensions: retry)))
        bench.server(tlsCipherChange)
        bench.client(tlsCipherChange + hello)
        bench.server(tlsHandshake(2, tlsServerHello(suite: 0x1302, extensions: tlsExtension(43, [3, 4]))))
        let row = try #require(bench.finished())
        #expect(row.text("ssl_history") == "CjiICs")
        #expect(row.text("curve") == "secp384r1")
        #expect(row.flag("established") == false)
    }

    @Test func `sessions are resumed by number, by ticket and by key`() throws {
        func resumed(_ client: [UInt8], _ server: [UInt8], _ more: [UInt8] = []) -> Bool? {
            let bench = TLSBench()
            bench.client(tlsHandshake(1, client))
            bench.server(tlsHandshake(2, server))
            bench.client(more)
            return bench.finished()?.flag("resumed")
        }
        let session: [UInt8] = [5, 6, 7]
        let ticket = tlsExtension(35, [1])
        let zeroes = [UInt8](repeating: 0, count: 32)
        #expect(resumed(tlsClientHello(session: session), tlsServerHello(session: session)) == true)
        #expect(resumed(tlsClientHello(session: session), tlsServerHello(session: [5, 6])) == false)
        #expect(resumed(tlsClientHello(session: zeroes), tlsServerHello(session: zeroes)) == false)
        let thirteen = tlsServerHello(session: session, extensions: tlsExtension(43, [3, 4]))
        #expect(resumed(tlsClientHello(session: session), thirteen) == false)
        #expect(resumed(tlsClientHello(extensions: ticket), tlsServerHello(), tlsCipherChange) == true)
        let exchange = tlsHandshake(16) + tlsCipherChange
        #expect(resumed(tlsClientHello(extensions: ticket), tlsServerHello(), exchange) == false)
        #expect(resumed(tlsClientHello(extensions: tlsExtension(35, [])), tlsServerHello(), tlsCipherChange) == false)
        let key = tlsExtension(41, [1, 2])
        #expect(resumed(tlsClientHello(extensions: key), tlsServerHello(extensions: key)) == true)
        #expect(resumed(tlsClientHello(), tlsServerHello(extensions: key)) == false)
    }

    @Test func `a refused hello has its alert`() throws {
        let bench = TLSBench()
        bench.client(tlsHandshake(1, tlsClientHello()))
        bench.server(tlsRecord(21, [2, 40]))
        let row = try #require(bench.finished())
        #expect(row.text("ssl_history") == "Cl")
        #expect(row.text("last_alert") == "handshake_failure")
        #expect(row.text("version") == nil)
    }

    @Test func `more alerts than a record may have are not taken`() throws {
        let bench = TLSBench()
        bench.client(tlsHandshake(1, tlsClientHello()) + tlsRecord(21, (0..<22).map { $0 % 2 == 0 ? 1 : 200 }))
        #expect(bench.weirds == [.SSL_excessive_alerts_in_record])
        let row = try #require(bench.finished())
        #expect(row.text("ssl_history") == "CLLLLLLLLLL")
        #expect(row.text("last_alert") == "unknown-200")
    }

    @Test(arguments: [
        (0x0300, "SSLv3"), (0x0301, "TLSv10"), (0x0302, "TLSv11"), (0x7F17, "TLSv13-draft23"),
        (0x7E01, "unknown-32257"),
    ]) func `versions have names`(_ version: Int, _ name: String) throws {
        let bench = TLSBench()
        bench.server(tlsHandshake(2, tlsServerHello(suite: 0x9999, extensions: tlsExtension(43, wide(version)))))
        let row = try #require(bench.finished())
        #expect(row.text("version") == name)
        #expect(row.text("cipher") == "unknown-39321")
        // Only a ClientHello names the service.
        #expect(bench.context.serviceChanges.isEmpty)
    }

    @Test func `who says hello is the client`() throws {
        let bench = TLSBench()
        bench.server(tlsHandshake(1, tlsClientHello()))
        bench.client(tlsHandshake(2, tlsServerHello()))
        bench.client(tlsHandshake(11, tlsCertificates([tlsCertificate])))
        #expect(bench.weirds == [])
        bench.client(tlsHandshake(1, tlsClientHello()))
        #expect(bench.weirds == [.SSL_unclear_connection_direction])
        let row = try #require(bench.finished())
        #expect(row.text("ssl_history") == "^Csx^C")
        #expect(row.list("cert_chain_fps") == [tlsFingerprint])
    }

    @Test func `the history ends at a hundred letters`() throws {
        let bench = TLSBench()
        for _ in 0..<120 { bench.client(tlsHandshake(1, tlsClientHello())) }
        #expect(bench.finished()?.text("ssl_history")?.count == 100)
        #expect(bench.weirds == [.SSL_max_ssl_history_length_reached])
        #expect(bench.context.requests == [.limitReached])
    }

    @Test func `names beyond the first are told of`() throws {
        let bench = TLSBench()
        bench.client(tlsHandshake(1, tlsClientHello(extensions: tlsServerName(["a", "b"]))))
        #expect(bench.weirds == [.SSL_many_server_names])
        #expect(bench.finished()?.text("server_name") == "a")
    }

    @Test func `a hello of SSL 2 may begin TLS`() throws {
        let bench = TLSBench()
        bench.client([0x80, 0x14, 1, 3, 1, 0, 3, 0, 0, 0, 8, 0, 0, 0x2F, 1, 2, 3, 4, 5, 6, 7, 8])
        bench.server(tlsHandshake(2, tlsServerHello(version: 0x0301)))
        let row = try #require(bench.finished())
        #expect(row.text("ssl_history") == "Cs")
        #expect(row.text("version") == "TLSv10")
        #expect(bench.context.serviceChanges == [.confirmed(.ssl)])
    }

    @Test func `a handshake of SSL 2 ends with the master key`() throws {
        let bench = TLSBench()
        bench.client([0x80, 0x14, 1, 0, 2, 0, 3, 0, 0, 0, 8, 1, 0, 0x80, 1, 2, 3, 4, 5, 6, 7, 8])
        bench.server([0x80, 0x10, 4, 0, 1, 0, 2, 0, 0, 0, 3, 0, 2, 1, 0, 0x80, 7, 7])
        bench.client([0x80, 0x05, 2, 1, 0, 0x80, 0])
        let row = try #require(bench.written.first)
        #expect(row.text("version") == "SSLv2")
        #expect(row.text("cipher") == "SSLv20_CK_RC4_128_WITH_MD5")
        #expect(row.text("ssl_history") == "Cs")
        #expect(row.flag("established") == true)
    }

    @Test func `messages may span records`() {
        let whole = TLSBench()
        let parts = TLSBench()
        let hello = tlsMessage(1, tlsClientHello(extensions: tlsServerName(["www.example.org"])))
        whole.client(tlsRecord(22, hello))
        for octet in hello { parts.client(tlsRecord(22, [octet])) }
        #expect(whole.everything() == parts.everything())
        #expect(whole.written.first?.text("ssl_history") == "C")
    }

    @Test func `a split at every octet gives the same row`() {
        let whole = TLSBench()
        for (direction, octets) in turns { whole.send(octets, from: direction) }
        let expected = whole.everything()
        for pieces in [1, 2, 3, 7] {
            let bench = TLSBench()
            for (direction, octets) in turns { bench.send(octets, from: direction, pieces: pieces) }
            #expect(bench.everything() == expected, "pieces of \(pieces)")
        }
        // One instance for all: certificates are read once.
        let bench = TLSBench()
        for (index, turn) in turns.enumerated() {
            for cut in 1..<turn.1.count {
                bench.begin()
                for (other, (direction, octets)) in turns.enumerated() {
                    if other == index {
                        bench.send(Array(octets[..<cut]), from: direction)
                        bench.send(Array(octets[cut...]), from: direction)
                    } else {
                        bench.send(octets, from: direction)
                    }
                }
                #expect(bench.everything() == expected, "turn \(index) cut at \(cut)")
            }
        }
    }

    @Test func `an instance that was used is like a new one`() {
        let bench = TLSBench()
        for (direction, octets) in turns { bench.send(octets, from: direction) }
        let first = bench.everything()
        bench.begin()
        for (direction, octets) in turns { bench.send(octets, from: direction) }
        #expect(bench.everything() == first)
    }
}
