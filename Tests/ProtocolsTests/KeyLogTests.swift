// SPDX-License-Identifier: Apache-2.0
//
// The key log and what it opens: the vectors of RFC 8448, and lines that are none.

import Crypto
import Synchronization
import Testing
import Wire

@testable import Protocols
@testable import Records

/// The session of RFC 8448, section 3.
private let sampleRandom = "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7"
private let sampleClient = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
private let sampleServer = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"

/// The client's application data of it: 50 octets that count up.
private let sampleRecord = hexadecimal(
    """
    a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a
    6292a2977014bd1e3deae63aeebb21694915e4
    """)

/// A log that is given in pieces.
private final class Source: Sendable {
    private let pieces: Mutex<[String]>
    init(_ pieces: [String]) { self.pieces = Mutex(pieces) }
    func next() -> [UInt8] { pieces.withLock { $0.isEmpty ? [] : Array($0.removeFirst().utf8) } }
}

private func log(_ pieces: String...) -> KeyLog {
    let source = Source(pieces)
    return KeyLog { source.next() }
}

private func random(_ digits: String) -> KeyLogRandom? { KeyLogRandom(hexadecimal(digits).octets) }

@Suite("Key log") struct KeyLogTests {
    @Test func `keys of TLS 1.3 are those of RFC 8448`() throws {
        let suite = try #require(TLSSuite(0x1301))
        #expect(suite.expand(hexadecimal(sampleClient), "key", 16) == hexadecimal("17422dda596ed5d9acd890e3c63f5051"))
        #expect(suite.expand(hexadecimal(sampleClient), "iv", 12) == hexadecimal("5b78923dee08579033e523d9"))
        #expect(suite.expand(hexadecimal(sampleServer), "key", 16) == hexadecimal("9f02283b6c9c07efc26bb9f2ac92e356"))
        #expect(suite.expand(hexadecimal(sampleServer), "iv", 12) == hexadecimal("cf782b88dd83549aadf1e984"))
    }

    @Test func `sessions beyond the limit are counted, not kept`() throws {
        let lines = ["11", "22", "11"].map {
            "CLIENT_RANDOM " + String(repeating: $0, count: 32) + " " + String(repeating: "ab", count: 48) + "\n"
        }
        let source = Source([lines.joined()])
        let log = KeyLog(sessionsMax: 1) { source.next() }
        let known = try #require(random(String(repeating: "11", count: 32)))
        let other = try #require(random(String(repeating: "22", count: 32)))
        #expect(log.find(known) != nil && log.find(other) == nil)
        #expect(log.count == 1 && log.refused == 1)
    }

    @Test func `the application data of RFC 8448 is opened, and nothing else is`() throws {
        let suite = try #require(TLSSuite(0x1301))
        var secrets = KeyLogSecrets()
        secrets.application = (hexadecimal(sampleClient), hexadecimal(sampleServer))
        let decryption = try #require(TLSDecryption(suite, secrets, randoms: ([], [])))
        // Records of the handshake are passed over while no record was opened.
        #expect(decryption.open(23, [UInt8](repeating: 1, count: 40).octets, version: 0x0303, isClient: true) == nil)
        #expect(decryption.open(23, sampleRecord.octets, version: 0x0303, isClient: true) == Array(0..<50))
        #expect(!decryption.hasFailed)
        #expect(decryption.open(23, sampleRecord.octets, version: 0x0303, isClient: true) == nil)
        #expect(decryption.hasFailed)
    }

    @Test func `every truncation and every change of a record is refused`() throws {
        let suite = try #require(TLSSuite(0x1301))
        var secrets = KeyLogSecrets()
        secrets.application = (hexadecimal(sampleClient), hexadecimal(sampleServer))
        for place in sampleRecord.indices {
            let decryption = try #require(TLSDecryption(suite, secrets, randoms: ([], [])))
            let cut = Array(sampleRecord.prefix(place))
            #expect(decryption.open(23, cut.octets, version: 0x0303, isClient: true) == nil)
            var changed = sampleRecord
            changed[place] ^= 0x10
            #expect(decryption.open(23, changed.octets, version: 0x0303, isClient: true) == nil)
        }
    }

    @Test func `lines are read in pieces, and what is no line is passed over`() throws {
        let master = String(repeating: "ab", count: 48)
        let keys = log(
            "# a comment\nCLIENT_RANDOM \(sampleRandom) \(master.prefix(20))",
            "\(master.dropFirst(20))\r\nCLIENT_TRAFFIC_SECRET_0 \(sampleRandom) \(sampleClient)\nRSA 00 11\nxyz\n",
            "CLIENT_RANDOM \(sampleRandom.dropLast(2)) \(master)\nCLIENT_RANDOM \(sampleRandom) zz\n")
        let name = try #require(random(sampleRandom))
        #expect(keys.find(name) == nil)
        let found = try #require(keys.find(name))
        #expect(found.master == hexadecimal(master))
        #expect(found.application.client == hexadecimal(sampleClient))
        #expect(keys.find(try #require(random(String(repeating: "00", count: 32)))) == nil)
        #expect(keys.count == 1)
        #expect(random("00") == nil)
    }

    @Test func `a line without an end does not fill memory`() throws {
        let line = "CLIENT_TRAFFIC_SECRET_0 \(sampleRandom) \(sampleClient)"
        let keys = log(String(repeating: "C", count: 100_000), "\n\(line)\n")
        let name = try #require(random(sampleRandom))
        #expect(keys.find(name) == nil)
        #expect(keys.find(name) != nil)
    }

    @Test func `suites without a tag, and secrets of another hash, open nothing`() throws {
        for code: UInt32 in [0x002F, 0xC013, 0xC027, 0x1304, 0xC0AC, 0x0000] { #expect(TLSSuite(code) == nil) }
        for (code, bytes) in [(UInt32(0x009C), 16), (0x009D, 32), (0xC02B, 16), (0xC030, 32), (0xCCA8, 32)] {
            #expect(TLSSuite(code)?.keyBytes == bytes)
        }
        var secrets = KeyLogSecrets()
        secrets.application = (hexadecimal(sampleClient), hexadecimal(sampleServer))
        #expect(TLSDecryption(try #require(TLSSuite(0x1302)), secrets, randoms: ([], [])) == nil)
        #expect(TLSDecryption(try #require(TLSSuite(0xC02B)), secrets, randoms: ([], [])) == nil)
    }
}
