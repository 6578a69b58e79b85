// SPDX-License-Identifier: Apache-2.0
//
// BitTorrent between peers (enhancement proposal 3): the handshake.
//
// Reads   the first 68 octets of both directions of a TCP connection.
// Writes  log "bittorrent": a row for each connection with a handshake.
// Leaves  the pieces, encrypted peers; the distributed hash table (BitTorrentDHT.swift); trackers, which are HTTP.

package import Records
import Wire

/// A connection of two peers.
package struct BitTorrentRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var infoHash = Text.absent
    package var originatorPeer = Text.absent
    package var responderPeer = Text.absent
    package var hasDHT: Bool?
    package var hasExtensions: Bool?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.bittorrent
    package static let summary: StaticString = "A connection between two peers of BitTorrent."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("info_hash", infoHash, in: text, "What they exchange: its SHA-1, hexadecimal.", isKey: true)
        row.text("orig_peer_id", originatorPeer, in: text, "Identity of the originator, which names its program.")
        row.text("resp_peer_id", responderPeer, in: text, "Identity of the responder.")
        row.boolean("dht", hasDHT, "Whether both use the distributed hash table.")
        row.boolean("extensions", hasExtensions, "Whether both know extension messages.")
    }
}

/// BitTorrent on one connection.
final class BitTorrent: Analyzer {
    //  | 19 | "BitTorrent protocol" | reserved: 8 | info hash: 20 | peer id: 20 |
    private static let handshakeBytes = 68

    private var record = BitTorrentRecord()
    private var held: [2 of [UInt8]] = [[], []]
    private var isDone: [2 of Bool] = [false, false]
    private var hasRow = false

    init() { super.init(kind: .bittorrent) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        guard !isDone[side] else { return }
        let room = BitTorrent.handshakeBytes &- held[side].count
        bytes.extracting(0..<min(room, bytes.byteCount)).append(to: &held[side])
        let octets = held[side]
        guard BitTorrentProbe.handshake(octets.octets) != .never else {
            isDetached = true
            return violation(&context)
        }
        guard octets.count == BitTorrent.handshakeBytes else { return }
        isDone[side] = true
        read(octets.octets, direction, &context)
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        isDone[Int(direction.rawValue)] = true
    }

    override func finish(_ context: inout AnalyzerContext) {
        guard hasRow else { return }
        hasRow = false
        context.output.emit(record)
    }

    override func reset() {
        super.reset()
        for side in 0..<2 {
            held[side].removeAll(keepingCapacity: true)
            isDone[side] = false
        }
        hasRow = false
        (record.infoHash, record.originatorPeer, record.responderPeer) = (.absent, .absent, .absent)
        (record.hasDHT, record.hasExtensions) = (nil, nil)
        record.text.clear()
    }

    private func read(_ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext) {
        if !hasRow {
            hasRow = true
            record.ts = context.now
            record.uid = context.uid
            record.id = context.id
            let start = record.text.begin()
            record.text.append(hexadecimal: bytes.extracting(28..<48))
            record.infoHash = record.text.end(start)
        }
        let peer = record.text.add(bytes.extracting(48..<68))
        if direction == .originator { record.originatorPeer = peer } else { record.responderPeer = peer }
        record.hasDHT = bytes.octet(27) & 1 != 0 && record.hasDHT ?? true
        record.hasExtensions = bytes.octet(25) & 0x10 != 0 && record.hasExtensions ?? true
        confirm(&context)
    }
}

enum BitTorrentProbe {
    static func handshake(_ bytes: RawSpan) -> ProbeVerdict {
        bytes.beginning(with: "\u{13}BitTorrent protocol", at: 0)
    }
}
