// SPDX-License-Identifier: Apache-2.0
//
// A connection as EVE counts it: whole packets from the link header on, and
// Suricata's states of TCP (RFC 9293 section 3.3.2, seen from the middle).
//
// Reads   each packet of the connection.
// Writes  nothing: EVEFlows.swift keeps them, EVEFlow+Event.swift writes them.
// Leaves  windows: but for resets, what a packet claims is believed.

import Protocols
import Records
import Wire

/// One flow of EVE. `sides[0]` is the sender of the first packet.
struct EVEFlow: BitwiseCopyable, Sendable {
    struct Side: BitwiseCopyable, Sendable {
        var packets: UInt64 = 0
        var bytes: UInt64 = 0
        /// Flags of all its segments, one or another.
        var tcpFlags: UInt8 = 0
        var ttlMin: UInt8 = .max
        var ttlMax: UInt8 = 0
        var hasGap = false
        /// The number behind the last octet of its segments.
        var next: UInt32 = 0
    }

    /// Suricata's names of the states of a session.
    enum State: UInt8, BitwiseCopyable, Sendable {
        case none, listen, synSent, synReceived, established, finWait1, finWait2, timeWait, lastAck, closeWait
        case closing, closed

        var name: StaticString? {
            switch self {
            case .none: nil
            case .listen: "listen"
            case .synSent: "syn_sent"
            case .synReceived: "syn_recv"
            case .established: "established"
            case .finWait1: "fin_wait1"
            case .finWait2: "fin_wait2"
            case .timeWait: "time_wait"
            case .lastAck: "last_ack"
            case .closeWait: "close_wait"
            case .closing: "closing"
            case .closed: "closed"
            }
        }
    }

    let uid: UID
    /// The addresses of the first packet, from its sender to its receiver.
    var id: ConnectionID
    /// Tags of its frames and the index of ESP: flows that differ in these are not one.
    let link: Link
    let start: Timestamp
    var last: Timestamp
    var sides = [2 of Side](repeating: Side())
    var state = State.none
    /// The connection's table had the ends the other way round from the first packet on.
    let wasBornFlipped: Bool
    /// A segment came before any SYN.
    var isMidstream = false
    var isAlerted = false
    var icmp: (type: UInt8, code: UInt8) = (0, 0)
    var answerICMP: (type: UInt8, code: UInt8)?
    var transactions: UInt64 = 0
    /// The connection that has announced it (data of FTP).
    var announcer: UID?
    var applications = Applications()
    var packet = EventPacket()
    /// The protocol that its events name.
    var appOfEvents: StaticString?
    /// The connection is over, and the flow is written at `due`.
    var isWaiting = false
    var due: Int64 = 0
    /// Which end is the client is decided.
    var isSettled = false
    /// Order of the connection's rows.
    let ordinal: UInt64
    /// The next flow of the same connection, 0 for none.
    var next: UInt32 = 0

    /// What keeps flows of one connection apart.
    struct Link: BitwiseCopyable, Equatable, Sendable {
        var vlan: UInt16 = 0xFFFF
        var middleVLAN: UInt16 = 0xFFFF
        var innerVLAN: UInt16 = 0xFFFF
        /// The security parameters index of ESP (RFC 4303 section 2.1).
        var spi: UInt32 = 0
    }

    init(
        uid: UID, id: ConnectionID, link: Link, ordinal: UInt64, start: Timestamp, wasBornFlipped: Bool,
        packet: EventPacket
    ) {
        self.uid = uid
        self.id = id
        self.link = link
        self.ordinal = ordinal
        self.start = start
        last = start
        self.wasBornFlipped = wasBornFlipped
        self.packet = packet
    }

    // MARK: states

    /// `new`, `established` or `closed`.
    var flowState: StaticString {
        guard id.transport == .tcp else { return isAnswered ? "established" : "new" }
        switch state {
        case .none, .listen, .synSent, .synReceived: return "new"
        case .established, .finWait1, .finWait2, .closing, .closeWait: return "established"
        case .lastAck, .timeWait, .closed: return "closed"
        }
    }

    private var isAnswered: Bool { sides[0].packets > 0 && sides[1].packets > 0 }

    /// Silence after which Suricata's flow manager ends it (suricata.yaml, `flow-timeouts`).
    var timeout: Int64 {
        if id.transport == .tcp {
            switch state {
            case .none, .listen, .synSent, .synReceived: return 60 * second
            case .established, .finWait1, .finWait2, .closing, .closeWait: return 600 * second
            case .lastAck, .timeWait, .closed: return 60 * second
            }
        }
        return (isAnswered ? 300 : 30) * second
    }

    /// A segment of a side. The state changes as Suricata's stream engine changes it in the absence of doubt.
    mutating func segment(_ header: TCPHeader, from side: Int, takesMidstream: Bool) {
        if state == .none { return begin(header, from: side, takesMidstream: takesMidstream) }
        sides[side].tcpFlags |= header.flags
        if header.rst {
            // Once both ends have spoken, a reset has the number that is due, or nobody believes it.
            let isOpening = state == .synSent || state == .listen
            if isOpening || header.sequence == sides[side].next { state = .closed }
            return
        }
        note(header, from: side)
        switch state {
        case .synSent:
            if header.syn, header.ack, side == 1 { state = .synReceived }
            if header.syn, !header.ack, side == 1 { state = .synReceived }
        case .synReceived:
            if header.fin {
                fin(from: side)
            } else if header.ack, !header.syn, side == 0 {
                state = .established
            }
        case .established:
            if header.fin { fin(from: side) }
        case .finWait1:
            // The server has closed.
            if header.fin, side == 0 {
                state = header.ack ? .timeWait : .closing
            } else if header.ack, side == 0 {
                state = .finWait2
            }
        case .finWait2:
            if header.fin, side == 0 { state = .timeWait }
        case .closeWait:
            // The client has closed.
            if header.fin, side == 1 { state = .lastAck }
        case .closing:
            if header.ack { state = .timeWait }
        case .lastAck:
            if header.ack, side == 0 { state = .closed }
        case .timeWait:
            if header.ack { state = .closed }
        case .none, .listen, .closed: break
        }
    }

    private mutating func begin(_ header: TCPHeader, from side: Int, takesMidstream: Bool) {
        if header.syn, !header.ack, !header.rst, !header.fin {
            state = .synSent
        } else {
            guard !header.rst, !header.fin else { return }
            isMidstream = true
            guard takesMidstream else { return }
            state = header.syn ? .synReceived : .established
        }
        sides[side].tcpFlags |= header.flags
        note(header, from: side)
    }

    private mutating func note(_ header: TCPHeader, from side: Int) {
        let end = header.sequence &+ header.payloadLength &+ (header.syn ? 1 : 0) &+ (header.fin ? 1 : 0)
        let isNewer = Int32(bitPattern: end &- sides[side].next) > 0
        if header.syn || isNewer { sides[side].next = end }
    }

    private mutating func fin(from side: Int) { state = side == 0 ? .closeWait : .finWait1 }
}
