// SPDX-License-Identifier: Apache-2.0
//
// BitTorrent: handshakes of peers and messages of the distributed hash table.

import Testing
import Wire

@testable import Protocols
@testable import Records

private func handshake(_ peer: String, flags: UInt8 = 1) -> [UInt8] {
    octets("\u{13}BitTorrent protocol") + [0, 0, 0, 0, 0, 0x10, 0, flags] + [UInt8](repeating: 0xAB, count: 20)
        + octets(peer)
}

@Suite("BitTorrent") struct BitTorrentTests {
    static let session = Conversation(
        turns: [
            (.originator, handshake("-UT3550-abcdefghijkl")), (.responder, handshake("-TR4050-mnopqrstuvwx", flags: 0)),
            (.originator, [0, 0, 0, 1, 2]),
        ], port: 6881, logs: [BitTorrentRecord.makeSchema()], make: { BitTorrent() })

    @Test func `two peers are a row`() {
        let outcome = Self.session.play()
        let hash = String(repeating: "ab", count: 20)
        let peers = "orig_peer_id=-UT3550-abcdefghijkl resp_peer_id=-TR4050-mnopqrstuvwx"
        #expect(outcome.rows == ["info_hash=\(hash) \(peers) dht=F extensions=T"])
        #expect(outcome.analyzer.isConfirmed)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust() }

    @Test func `another protocol is none, and the first octets tell`() {
        #expect(Self.session.playHTTP().analyzer.isDetached)
        let whole = handshake("-UT3550-abcdefghijkl")
        for count in 0..<20 { #expect(BitTorrentProbe.handshake(Array(whole[..<count]).octets) == .needsMore) }
        #expect(BitTorrentProbe.handshake(whole.octets) == .matches)
        #expect(BitTorrentProbe.handshake(octets("\u{13}BitTorrenT").octets) == .never)
    }
}

@Suite("BitTorrent DHT") struct BitTorrentDHTTests {
    private static let node = "abcdefghij0123456789"
    private static let query = octets(
        "d1:ad2:id20:\(node)9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer"
            + "1:t2:aa1:v4:UT011:y1:qe")
    private static let answer =
        octets("d1:rd2:id20:\(node)5:nodes26:mnopqrstuvwxyz123456") + [192, 0, 2, 1, 0x1A, 0xE1]
        + octets("6:valuesl6:") + [192, 0, 2, 2, 0, 80] + octets("ee1:t2:aa1:y1:re")
    private static let failure = octets("d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee")

    static let session = Conversation(
        turns: [(.originator, query), (.responder, answer), (.responder, failure)], port: 6881,
        logs: [BitTorrentDHTRecord.makeSchema()], isDatagrams: true, make: { BitTorrentDHT() })

    @Test func `question, answer and error are rows`() {
        let rows = Self.session.play().rows
        let node = "6162636465666768696a30313233343536373839"
        let asked = "is_orig=T msg_type=query trans_id=6161 method=announce_peer node_id=\(node)"
        let wanted: [String] = [
            asked + " info_hash=6d6e6f707172737475767778797a313233343536 port=6881 client=UT3031",
            "is_orig=F msg_type=response trans_id=6161 node_id=\(node) nodes=1 peers=1",
            "is_orig=F msg_type=error trans_id=6161 error_msg=A Generic Error Ocurred",
        ]
        #expect(rows == wanted)
    }

    @Test func `cuts, lost messages and damage do no harm`() { Self.session.expectRobust() }

    @Test func `an endpoint is an address and a port`() {
        let bytes: [UInt8] = [192, 0, 2, 1, 0x1A, 0xE1]
        let found = DHTMessage.endpoint(bytes.octets, at: 0, isWide: false)
        #expect(found.address == Address(v4: 0xC000_0201) && found.port == 6881)
    }

    @Test func `what is not bencoded, or has no end, is no message`() {
        let wrong = [
            "", "d", "de", "d1:y1:qe", "d1:ade1:y1:xe", "d1:ad2:id20:short1:y1:qe", "d1:ad9999999999999999999:x",
            "d1:ad2:idi5ee1:y1:qe", "d1:ad4:porti99999999999999999999ee1:y1:qe", "d1:eli5ee1:y1:ee",
            "d1:a" + String(repeating: "l", count: 400), "i5e", "l1:ae", "d-1:ae",
        ]
        for text in wrong { #expect(DHTMessage(octets(text).octets) == nil, "\(text)") }
        for count in 0..<Self.query.count { #expect(DHTMessage(Array(Self.query[..<count]).octets) == nil) }
    }

    @Test func `a message without a transaction is a message all the same`() {
        let message = DHTMessage(octets("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:y1:qe").octets)
        #expect(message?.isBroken == true)
        #expect(DHTMessage(Self.answer.octets)?.isBroken == false)
    }

    @Test func `another protocol is none`() {
        #expect(Self.session.playHTTP().analyzer.isDetached)
        #expect(DHTProbe.message(Self.query.octets) == .matches)
        #expect(DHTProbe.message(Self.failure.octets) == .matches)
        #expect(DHTProbe.message(octets("d1:ax is not bencoded at all").octets) == .never)
    }
}
