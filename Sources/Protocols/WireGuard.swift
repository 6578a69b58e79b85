// SPDX-License-Identifier: Apache-2.0
//
// WireGuard (Donenfeld, "WireGuard: Next Generation Kernel Network Tunnel", NDSS 2017, section 5.4).
//
// Reads   one message per UDP datagram: its type and the indices of the peers.
// Writes  log "wireguard": a row for each connection on which a handshake was answered.
// Leaves  all that is encrypted.

package import Records
import Wire

/// One connection of two peers.
package struct WireGuardRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var initiations: UInt64 = 0
    package var handshakes: UInt64 = 0
    package var cookies: UInt64 = 0
    package var originatorPackets: UInt64 = 0
    package var responderPackets: UInt64 = 0
    package var keepAlives: UInt64 = 0
    package var roundTrip: Int64?

    package init() {}

    package static let log = LogID.wireguard
    package static let summary: StaticString = "A tunnel of WireGuard between two peers."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("initiations", initiations, "Handshakes that were begun.")
        row.count("handshakes", handshakes, "Handshakes that were answered.")
        row.count("cookies", cookies, "Cookies of a peer under load.")
        row.count("orig_data_pkts", originatorPackets, "Data messages of the originator.")
        row.count("resp_data_pkts", responderPackets, "Data messages of the responder.")
        row.count("keepalives", keepAlives, "Data messages without data.")
        row.interval("rtt", roundTrip, "From the first initiation to its answer.")
    }
}

/// A message's type and the indices that name its peers; nil of what is none.
enum WireGuardMessage {
    case initiation(sender: UInt32)
    case response(sender: UInt32, receiver: UInt32)
    case cookie(receiver: UInt32)
    case data(receiver: UInt32, isKeepAlive: Bool)

    //  | type | reserved: 3 | sender: 4 | receiver: 4 | ...     all little-endian
    init?(_ bytes: RawSpan, wireLength: Int) {
        guard bytes.byteCount >= 12, bytes.load(1, as: UInt16.self) == 0, bytes.octet(3) == 0 else { return nil }
        let (first, second) = (bytes.load(4, as: UInt32.self), bytes.load(8, as: UInt32.self))
        switch (bytes.octet(0), wireLength) {
        case (1, 148): self = .initiation(sender: first)
        case (2, 92): self = .response(sender: first, receiver: second)
        case (3, 64): self = .cookie(receiver: first)
        // Data are padded to 16 octets and have a tag of 16 behind a header of 16.
        case (4, 32...) where wireLength & 15 == 0: self = .data(receiver: first, isKeepAlive: wireLength == 32)
        default: return nil
        }
    }
}

/// WireGuard on one connection.
final class WireGuard: Analyzer {
    private var record = WireGuardRecord()
    private var initiation: (sender: UInt32, direction: Direction, time: Timestamp)?

    init() { super.init(kind: .wireguard) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard let message = WireGuardMessage(bytes, wireLength: wireLength) else { return violation(&context) }
        switch message {
        case .initiation(let sender):
            if record.initiations == 0 {
                record.ts = context.now
                record.uid = context.uid
                record.id = context.id
            }
            record.initiations &+= 1
            initiation = (sender, direction, context.now)
        case .response(_, let receiver):
            guard let begun = initiation, begun.direction != direction, begun.sender == receiver else { return }
            if record.handshakes == 0 { record.roundTrip = context.now.since(begun.time) }
            record.handshakes &+= 1
            initiation = nil
            confirm(&context)
        case .cookie: record.cookies &+= 1
        case .data(_, let isKeepAlive):
            if direction == .originator { record.originatorPackets &+= 1 } else { record.responderPackets &+= 1 }
            if isKeepAlive { record.keepAlives &+= 1 }
        }
    }

    override func finish(_ context: inout AnalyzerContext) {
        if isConfirmed, record.handshakes > 0 { context.output.emit(record) }
        record = WireGuardRecord()
    }

    override func reset() {
        super.reset()
        record = WireGuardRecord()
        initiation = nil
    }
}

enum WireGuardProbe {
    static func initiation(_ bytes: RawSpan) -> ProbeVerdict {
        guard case .initiation = WireGuardMessage(bytes, wireLength: bytes.byteCount) else { return .never }
        return .matches
    }
}
