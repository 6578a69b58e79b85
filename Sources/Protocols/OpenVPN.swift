// SPDX-License-Identifier: Apache-2.0
//
// OpenVPN: the opening of its control channel (draft-openvpn-wire-protocol).
//
// Reads   one packet per UDP datagram, or behind a length of two octets over TCP.
// Writes  log "openvpn": a row for each connection whose opening was answered.
// Leaves  the TLS inside, and data.

package import Records
import Wire

/// One connection of two peers.
package struct OpenVPNRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var clientSession = Text.absent
    package var serverSession = Text.absent
    package var protection: StaticString?
    package var resets: UInt64 = 0
    package var controlPackets: UInt64 = 0
    package var originatorPackets: UInt64 = 0
    package var responderPackets: UInt64 = 0
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.openvpn
    package static let summary: StaticString = "A tunnel of OpenVPN between two peers."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("client_session", clientSession, in: text, "The client's session, hexadecimal.")
        row.text("server_session", serverSession, in: text, "The server's session, hexadecimal.")
        row.text("protection", protection, "Of the control channel: `none`, `tls-auth`, `tls-crypt`, `tls-crypt-v2`.")
        row.count("resets", resets, "Openings by the client.")
        row.count("control_pkts", controlPackets, "Packets of the control channel.")
        row.count("orig_data_pkts", originatorPackets, "Data packets of the originator.")
        row.count("resp_data_pkts", responderPackets, "Data packets of the responder.")
    }
}

//  | opcode: 5 | key: 3 |  session: 8  |  ...
/// The first octets of a packet.
struct OpenVPNPacket {
    static let clientReset: UInt8 = 7
    static let serverReset: UInt8 = 8
    static let clientReset3: UInt8 = 10

    let opcode: UInt8
    let key: UInt8

    /// Nil where this is no packet.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= 2 else { return nil }
        opcode = bytes.octet(0) >> 3
        key = bytes.octet(0) & 7
        guard (3...10).contains(opcode) else { return nil }
        if isControl { guard bytes.byteCount >= 14 else { return nil } }
        if isReset { guard key == 0 else { return nil } }
    }

    var isReset: Bool { opcode == 7 || opcode == 8 || opcode == 10 }
    var isData: Bool { opcode == 6 || opcode == 9 }
    var isControl: Bool { !isData }

    /// Octets of a reset without data: acknowledgements none, number 0.
    static let plainResetBytes = 14
}

/// OpenVPN on one connection.
final class OpenVPN: Analyzer {
    private static let packetBytesMax = 4096

    private var record = OpenVPNRecord()
    private var client: [UInt8] = []
    private var clientSide: Direction?
    private var held: [2 of [UInt8]] = [[], []]

    init() { super.init(kind: .openvpn) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        packet(bytes, from: direction, &context)
    }

    /// Over TCP each packet stands behind its length.
    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        var whole: [UInt8] = []
        swap(&whole, &held[side])
        bytes.append(to: &whole)
        var at = 0
        while whole.count &- at >= 2, !isDetached {
            let length = Int(whole[at]) << 8 | Int(whole[at &+ 1])
            guard length > 0, length <= OpenVPN.packetBytesMax else { return violation(&context) }
            guard whole.count &- at &- 2 >= length else { break }
            packet(whole.octets.extracting(at &+ 2 ..< at &+ 2 &+ length), from: direction, &context)
            at &+= 2 &+ length
        }
        whole.removeSubrange(0..<at)
        swap(&whole, &held[side])
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) { isDetached = true }

    override func finish(_ context: inout AnalyzerContext) {
        guard isConfirmed, clientSide != nil else { return }
        clientSide = nil
        context.output.emit(record)
    }

    override func reset() {
        super.reset()
        client.removeAll(keepingCapacity: true)
        clientSide = nil
        held[0].removeAll(keepingCapacity: true)
        held[1].removeAll(keepingCapacity: true)
        record = OpenVPNRecord()
    }

    private func packet(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard let packet = OpenVPNPacket(bytes) else { return violation(&context) }
        if packet.isData {
            if direction == .originator { record.originatorPackets &+= 1 } else { record.responderPackets &+= 1 }
            return
        }
        record.controlPackets &+= 1
        switch packet.opcode {
        case OpenVPNPacket.clientReset, OpenVPNPacket.clientReset3: opened(packet, bytes, direction, &context)
        case OpenVPNPacket.serverReset: answered(bytes, direction, &context)
        default: break
        }
    }

    private func opened(
        _ packet: OpenVPNPacket, _ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        record.resets &+= 1
        guard clientSide == nil else { return }
        clientSide = direction
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        bytes.extracting(1..<9).append(to: &client)
        let start = record.text.begin()
        record.text.append(hexadecimal: bytes.extracting(1..<9))
        record.clientSession = record.text.end(start)
        record.protection = OpenVPN.protection(packet, bytes)
    }

    /// Without protection a reset is nothing but its header. With tls-auth there is a signature, and then the list
    /// of acknowledgements is empty again at the end; tls-crypt hides that too.
    private static func protection(_ packet: OpenVPNPacket, _ bytes: RawSpan) -> StaticString {
        if packet.opcode == OpenVPNPacket.clientReset3 { return "tls-crypt-v2" }
        if bytes.byteCount == OpenVPNPacket.plainResetBytes { return "none" }
        let end = bytes.byteCount &- 5
        for place in end..<bytes.byteCount where bytes.octet(place) != 0 { return "tls-crypt" }
        return "tls-auth"
    }

    /// The server's reset acknowledges the client's: it holds the client's session, unless that is hidden.
    private func answered(_ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext) {
        guard let clientSide, clientSide != direction else { return }
        let isHidden = record.protection == "tls-crypt" || record.protection == "tls-crypt-v2"
        guard isHidden || contains(bytes) else { return violation(&context) }
        if record.serverSession.isAbsent {
            let start = record.text.begin()
            record.text.append(hexadecimal: bytes.extracting(1..<9))
            record.serverSession = record.text.end(start)
        }
        confirm(&context)
    }

    private func contains(_ bytes: RawSpan) -> Bool {
        var place = 9
        while place &+ 8 <= bytes.byteCount {
            var isHere = true
            for index in 0..<8 where bytes.octet(place &+ index) != client[index] { isHere = false }
            if isHere { return true }
            place &+= 1
        }
        return false
    }
}

extension StaticString {
    /// Whether two literals say the same.
    fileprivate static func == (left: StaticString?, right: StaticString) -> Bool {
        left?.description == right.description
    }
}

enum OpenVPNProbe {
    /// A client's opening, as short as those are.
    static func datagram(_ bytes: RawSpan) -> ProbeVerdict {
        guard let packet = OpenVPNPacket(bytes), packet.opcode == 7 || packet.opcode == 10 else { return .never }
        // No session is zero; the number of the packet at the end is 0 unless it is hidden.
        guard bytes.load(1, as: UInt64.self) != 0 else { return .never }
        switch bytes.byteCount {
        case OpenVPNPacket.plainResetBytes: return bytes.load(9, as: UInt32.self) == 0 ? .matches : .never
        // A signature of 16 to 64 octets, a number and a time of four each.
        case 38, 42, 54, 86: return .matches
        default: return .never
        }
    }

    static func stream(_ bytes: RawSpan) -> ProbeVerdict {
        for place in 0..<3 {
            guard place < bytes.byteCount else { return .needsMore }
            let octet = bytes.octet(place)
            switch place {
            case 0: guard octet == 0 else { return .never }
            case 1: guard [14, 38, 42, 54, 86].contains(octet) else { return .never }
            default: guard octet == 0x38 || octet == 0x50 else { return .never }
            }
        }
        return .matches
    }
}
