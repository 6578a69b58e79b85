// SPDX-License-Identifier: Apache-2.0
//
// SSH: version lines, key exchange, logins inferred from lengths, hostile streams.

import Testing
import Wire

@testable import Protocols
@testable import Records

private func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
private func name(_ text: String) -> [UInt8] { word(text.utf8.count) + Array(text.utf8) }

/// A message in the clear: length, padding, type, payload.
private func message(_ type: UInt8, _ payload: [UInt8]) -> [UInt8] {
    word(payload.count + 2 + 6) + [6, type] + payload + [UInt8](repeating: 0, count: 6)
}

private func offer(_ exchange: String, cipherUp: String = "aes128-ctr", compression: String = "none") -> [UInt8] {
    let lists = [
        exchange, "ssh-ed25519,ssh-rsa", cipherUp, "aes128-ctr", "hmac-sha1", "hmac-sha1", compression, compression,
        "", "",
    ]
    return message(20, [UInt8](repeating: 7, count: 16) + lists.flatMap { name($0) } + [0, 0, 0, 0, 0])
}

private let key = Array("host key".utf8)
private let reply = message(31, word(key.count) + key + name("point") + name("signature"))
private let newKeys = message(21, [])

/// What each side sends up to the point where it encrypts.
private struct Opening {
    var client = wire("SSH-2.0-here\n") + offer("curve25519-sha256,x") + message(30, name("point")) + newKeys
    var server = wire("hello\nSSH-2.0-there\n") + offer("z,curve25519-sha256")
    var serverEnd = reply + newKeys
}

@Suite("SSH") struct SSHTests {
    private func bench() -> TextBench { TextBench(SSH(), SSHRecord.makeSchema(), port: 22) }

    private func opened(_ opening: Opening = Opening(), pieces: Int = .max) -> TextBench {
        let bench = bench()
        let lineEnd = 14
        bench.send(Array(opening.client[..<lineEnd]), from: .originator, pieces: pieces)
        bench.send(opening.server, from: .responder, pieces: pieces)
        bench.send(Array(opening.client[lineEnd...]), from: .originator, pieces: pieces)
        bench.send(opening.serverEnd, from: .responder, pieces: pieces)
        return bench
    }

    private func secret(_ count: Int) -> [UInt8] { [UInt8](repeating: 0xAA, count: count) }

    @Test func `a connection is a row`() throws {
        let bench = opened()
        #expect(bench.analyzer.isConfirmed)
        let rows = bench.finished()
        #expect(rows.count == 1)
        let row = try #require(rows.first)
        #expect(row.number("version") == 2)
        #expect(row.text("client") == "SSH-2.0-here")
        #expect(row.text("server") == "SSH-2.0-there")
        #expect(row.text("direction") == "OUTBOUND")
        #expect(row.text("kex_alg") == "curve25519-sha256")
        #expect(row.text("host_key_alg") == "ssh-ed25519")
        #expect(row.text("cipher_alg") == "aes128-ctr")
        // printf 'host key' | openssl dgst -sha256 -binary | base64 | cut -c1-32
        #expect(row.text("host_key_fingerprint") == "SHA256:+xspGuW/PEF/5qpDMzUSFm9CUN7eQpfJ")
        #expect(row.flag("auth_success") == nil)
        #expect(row.number("auth_attempts") == 0)
    }

    @Test func `directions that differ are both named`() throws {
        var opening = Opening()
        opening.client = wire("SSH-2.0-here\n") + offer("curve25519-sha256", cipherUp: "aes256-ctr,aes128-cbc")
        opening.server = wire("SSH-2.0-there\n") + offer("curve25519-sha256", cipherUp: "aes128-cbc")
        let row = try #require(opened(opening).finished().first)
        #expect(row.text("cipher_alg") == "To server: aes128-cbc, to client: aes128-ctr")
    }

    @Test func `no common name is said so`() throws {
        var opening = Opening()
        opening.client = wire("SSH-2.0-here\n") + offer("a")
        opening.server = wire("SSH-2.0-there\n") + offer("b")
        let row = try #require(opened(opening).finished().first)
        #expect(row.text("kex_alg") == "Algorithm negotiation failed")
    }

    @Test func `logins are told from lengths`() throws {
        let bench = opened()
        bench.send(secret(40), from: .responder)
        bench.send(secret(52), from: .originator)
        for count in [44, 700, 52, 52, 60, 28] { bench.send(secret(count), from: .responder) }
        // 44 the service's acceptance, 700 a banner, 52 the first failure, 52 the second, 60 unknown, 28 the success.
        #expect(bench.rows.count == 1)
        let row = try #require(bench.rows.first)
        #expect(row.flag("auth_success") == true)
        #expect(row.number("auth_attempts") == 2)
        #expect(bench.finished().count == 1)
    }

    @Test func `nothing is told from what is compressed`() throws {
        var opening = Opening()
        opening.client = wire("SSH-2.0-here\n") + offer("curve25519-sha256", compression: "zlib") + newKeys
        opening.server = wire("SSH-2.0-there\n") + offer("curve25519-sha256", compression: "zlib")
        let bench = opened(opening)
        bench.send(secret(52), from: .originator)
        for count in [44, 28] { bench.send(secret(count), from: .responder) }
        let row = try #require(bench.rows.first)
        #expect(row.flag("auth_success") == nil)
        #expect(row.number("auth_attempts") == 0)
    }

    @Test(arguments: [("1.5", "1.99", 1), ("1.99", "1.99", 2), ("2.0", "1.99", 2), ("1.5", "2.0", nil)])
    func `versions go together or do not`(_ client: String, _ server: String, _ version: UInt64?) throws {
        let bench = bench()
        bench.ask("SSH-\(client)-x\n")
        bench.answer("SSH-\(server)-x\n")
        #expect(bench.weirds == (version == nil ? [.SSH_version_mismatch] : []))
        #expect(try #require(bench.finished().first).number("version") == version)
    }

    @Test func `a key of version 1 has its fingerprint`() throws {
        let bench = bench()
        bench.ask("SSH-1.5-x\n")
        bench.answer("SSH-1.5-x\n")
        let payload = [2] + [UInt8](repeating: 1, count: 8) + word(8) + [0, 1, 1, 0, 8, 0xFF] + word(8)
        let body = payload + [0, 16] + Array(key[4...5]) + [0, 32] + Array(key[..<4]) + [UInt8](repeating: 0, count: 12)
        let length = body.count + 4
        let packet = word(length) + [UInt8](repeating: 0, count: 8 - length % 8) + body + word(0)
        bench.send(packet, from: .responder, pieces: 3)
        let row = try #require(bench.finished().first)
        #expect(row.text("host_key_fingerprint")?.count == 7 + 32)
    }

    @Test(arguments: 0..<400) func `every truncation is survived`(_ length: Int) {
        let opening = Opening()
        let bench = bench()
        bench.send(Array(opening.client[..<14]), from: .originator)
        bench.send(Array((opening.server + opening.serverEnd).prefix(length)), from: .responder)
        #expect(bench.finished().count == 1)
    }

    @Test(arguments: [0, 1, 2, 7, 0x4_0000, 0x7FFF_FFFF, 0xFFFF_FFFF])
    func `impossible lengths are refused or stepped over`(_ length: Int) throws {
        let bench = bench()
        bench.ask("SSH-2.0-x\n")
        bench.answer("SSH-2.0-x\n")
        bench.send(word(length) + [UInt8](repeating: 20, count: 64), from: .responder)
        bench.send(word(16) + [4, 20] + [UInt8](repeating: 0xFF, count: 14), from: .originator)
        #expect(try #require(bench.finished().first).text("kex_alg") == nil)
    }

    @Test func `a list with an impossible length ends the analysis`() {
        let bench = bench()
        bench.ask("SSH-2.0-x\n")
        bench.answer("SSH-2.0-x\n")
        bench.send(message(20, [UInt8](repeating: 0xFF, count: 60)), from: .responder)
        #expect(bench.analyzer.isDetached)
    }

    @Test func `another protocol is a violation and no row`() {
        let bench = bench()
        bench.ask("GET / HTTP/1.1\nHost: x\n\n")
        #expect(bench.analyzer.isDetached)
        #expect(bench.finished().isEmpty)
    }

    @Test(arguments: 1..<40) func `a split at every octet gives the same row`(_ pieces: Int) {
        let whole = opened().everything()
        #expect(opened(pieces: pieces).everything() == whole)
    }

    @Test func `a gap ends the reading but not the row`() {
        let bench = bench()
        bench.ask("SSH-2.0-x\n")
        bench.lose(10, from: .responder)
        bench.answer("SSH-2.0-y\n")
        #expect(bench.finished().first?.text("server") == nil)
        #expect(bench.rows.count == 1)
    }

    @Test func `probes take the beginning of a version line only`() {
        #expect(SSHProbe.originator(Array("SSH-2.".utf8).octets) == .matches)
        #expect(SSHProbe.responder(Array("ssh-1.99".utf8).octets) == .matches)
        #expect(SSHProbe.responder(Array("SSH".utf8).octets) == .needsMore)
        #expect(SSHProbe.responder(Array("SSH-2".utf8).octets) == .needsMore)
        #expect(SSHProbe.responder(Array("SSH-3.".utf8).octets) == .never)
        #expect(SSHProbe.responder(Array("SST".utf8).octets) == .never)
    }
}
