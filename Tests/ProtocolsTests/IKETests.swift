// SPDX-License-Identifier: Apache-2.0
//
// IKE of both versions: messages made by hand from RFC 2408 and RFC 7296.

import Testing
import Wire

@testable import Protocols
@testable import Records

private let first: [UInt8] = [0x85, 0x11, 0x61, 0x7B, 0xFE, 0xA2, 0xF1, 0x72]
private let second: [UInt8] = [0xC0, 0xFC, 0x6B, 0xAE, 1, 0x3D, 0xE0, 0xF5]
private let none = [UInt8](repeating: 0, count: 8)

private func message(
    _ version: UInt8, _ exchange: UInt8, _ next: UInt8, _ body: [UInt8], flags: UInt8 = 0, responder: [UInt8] = none,
    length: Int? = nil
) -> [UInt8] {
    first + responder + [next, version, exchange, flags] + long(0) + long(length ?? 28 + body.count) + body
}

private func payload(_ next: UInt8, _ body: [UInt8]) -> [UInt8] { [next, 0] + wide(4 + body.count) + body }
private func part(_ more: UInt8, _ body: [UInt8]) -> [UInt8] { [more, 0] + wide(4 + body.count) + body }
private func transform(_ more: UInt8, _ type: UInt8, _ number: Int, _ attributes: [UInt8] = []) -> [UInt8] {
    part(more, [type, 0] + wide(number) + attributes)
}

/// AES-CBC-256, SHA-256 and group 14, as the initiator of version 2 offers them.
private let offer = payload(
    34,
    part(
        0,
        [1, 1, 0, 4] + transform(3, 1, 12, [0x80, 14, 1, 0]) + transform(3, 2, 5) + transform(3, 3, 12)
            + transform(0, 4, 14)))
private let start2 = message(
    0x20, 34, 33,
    offer + payload(40, wide(14) + [0, 0] + [UInt8](repeating: 0xEE, count: 16))
        + payload(41, [UInt8](repeating: 0xAB, count: 8)) + payload(43, [0, 0] + wide(16388) + [1, 2])
        + payload(0, [0xCA, 0xFE]), flags: 8)
private let refusal2 = message(0x20, 34, 41, payload(0, [0, 0] + wide(14)), flags: 0x20, responder: second)
private let login2 = message(
    0x20, 35, 46, payload(35, [UInt8](repeating: 0x44, count: 20)), flags: 8, responder: second)

private let proposal1 = part(
    0,
    [1, 1, 0, 1] + part(0, [1, 1, 0, 0, 0x80, 1, 0, 5, 0x80, 2, 0, 2, 0x80, 4, 0, 2, 0x80, 3, 0, 1, 0, 12, 0, 4]
        + long(28800)))
private let start1 = message(0x10, 2, 1, payload(13, long(1) + long(1) + proposal1) + payload(0, [0x4A, 0x13]))
private let keys1 = message(
    0x10, 2, 4, payload(10, [UInt8](repeating: 0xAA, count: 8)) + payload(0, [0xBB, 0xBB]), responder: second)
private let closed1 = message(0x10, 2, 5, [UInt8](repeating: 0x99, count: 12), flags: 1, responder: second)

@Suite("IKE") struct IKETests {
    static let session = Conversation(
        turns: [
            (.originator, start2), (.responder, refusal2), (.originator, login2), (.originator, start1),
            (.responder, start1), (.originator, keys1), (.originator, closed1),
        ], port: 500, logs: [IKERecord.makeSchema()], isDatagrams: true, make: { IKE() })

    @Test func `a message of version 2 is a row with every column`() {
        let rows = Self.session.play().rows
        #expect(rows.count == 7)
        let wanted = [
            "is_orig=T initiator_spi=8511617bfea2f172 responder_spi=0000000000000000 version=2.0",
            "exchange_type=IKE_SA_INIT message_id=0 flags=I",
            #"payloads=["SecurityAssociation", "KeyExchange", "Nonce", "Notify", "VendorID"]"#,
            #"enc_algs=["ENCR_AES_CBC_256"] integ_algs=["AUTH_HMAC_SHA2_256_128"]"#,
            #"prf_algs=["PRF_HMAC_SHA2_256"] dh_groups=["Modp2048"] auth_methods=[]"#,
            #"notify=["NAT_DETECTION_SOURCE_IP"] vendor_ids=["cafe"] proposals=1 encrypted=F"#,
        ]
        #expect(rows.first == wanted.joined(separator: " "))
        #expect(rows[1].contains(#"notify=["NO_PROPOSAL_CHOSEN"]"#) && rows[1].contains("flags=R"))
        #expect(rows[2].contains(#"payloads=["EncryptedAndAuthenticated"]"#) && rows[2].contains("encrypted=T"))
    }

    @Test func `a message of version 1 is a row with the attributes of its transforms`() {
        let rows = Self.session.play().rows
        #expect(rows[3].contains(#"enc_algs=["EncTripleDesCbc"] integ_algs=["HashSha"]"#))
        #expect(rows[3].contains(#"dh_groups=["GroupAlternate1024BitModpGroup"] auth_methods=["AuthPreSharedKey"]"#))
        #expect(rows[3].contains(#"payloads=["SecurityAssociation", "VendorID"]"#))
        #expect(rows[6].contains("flags=E payloads=[]") && rows[6].contains("encrypted=T"))
    }

    @Test func `cuts, lost messages and damage do no harm`() { Self.session.expectRobust() }

    @Test func `lengths that cannot be end it`() {
        let wrong = [
            message(0x20, 34, 33, offer, length: 20), message(0x20, 34, 33, offer, length: 4000),
            message(0x20, 34, 33, [0, 0, 0, 3]), message(0x20, 34, 33, [0, 0, 0, 200, 1, 2]),
            message(0x20, 34, 33, payload(0, part(0, [1, 1, 200, 1]))),
            message(0x20, 34, 33, payload(0, part(0, [1, 1, 0, 1] + [0, 0, 0, 4, 1, 0, 0, 1]))),
            message(0x10, 2, 1, payload(0, long(1))),
            message(
                0x10, 2, 1, payload(0, long(1) + long(1) + part(0, [1, 1, 0, 1] + part(0, [1, 1, 0, 0, 0, 12, 0, 9])))),
        ]
        for octets in wrong {
            let bench = DatagramBench(IKE(), port: 500, logs: [IKERecord.makeSchema()])
            bench.datagram(octets)
            #expect(bench.analyzer.isDetached && bench.rows.isEmpty)
        }
    }

    @Test func `another protocol is none`() {
        #expect(Self.session.playHTTP().rows.isEmpty)
        #expect(IKEProbe.message(start2.octets) == .matches)
        #expect(IKEProbe.message(refusal2.octets) == .never)
        let other = octets("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
        #expect(IKEProbe.message(other.octets) == .never)
    }

    @Test func `behind NAT four zero octets come first, and other packets are not its own`() {
        let bench = DatagramBench(IKE(), port: 4500, logs: [IKERecord.makeSchema()])
        bench.datagram([0xFF])
        bench.datagram([1, 2, 3, 4, 5, 6, 7, 8])
        bench.datagram([0, 0, 0, 0] + start2)
        #expect(bench.rows.count == 1 && bench.analyzer.isConfirmed)
    }

    @Test func `weak cryptography is an event of the message`() {
        let weak = payload(0, part(0, [1, 1, 0, 3] + transform(3, 1, 2) + transform(3, 2, 1) + transform(0, 4, 1)))
        let bench = DatagramBench(IKE(), port: 500, logs: [IKERecord.makeSchema()])
        bench.datagram(message(0x20, 34, 33, weak, flags: 8))
        #expect(bench.rows.first?.list("enc_algs") == ["ENCR_DES"])
        #expect(bench.rows.first?.list("dh_groups") == ["Modp768"])
    }
}
