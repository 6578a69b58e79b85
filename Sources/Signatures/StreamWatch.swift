// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with the segments of a TCP session (`stream-event`): handshakes, resets, timestamps.
//
// Reads   each segment's header, as it arrives.
// Writes  the names of what it shows, by Suricata's rules for its default policies.
// Leaves  windows and retransmissions; reassembly (module Flows).

import Wire

/// The events that are evaluated; the others are named by `unevaluated`.
enum StreamEvent: String, CaseIterable {
    case brokenAck = "pkt_broken_ack"
    case invalidTimestamp = "pkt_invalid_timestamp"
    case finSyn = "fin_syn"
    case finWithoutSession = "fin_but_no_session"
    case rstWithoutSession = "rst_but_no_session"
    case gap = "reassembly_seq_gap"
    case synAckInWrongDirection = "3whs_synack_in_wrong_direction"
    case synAckWithWrongAck = "3whs_synack_with_wrong_ack"
    case synAckToServer = "3whs_synack_toserver_on_syn_recv"
    case synAckAgainOtherAck = "3whs_synack_resend_with_diff_ack"
    case synToClient = "3whs_syn_toclient_on_syn_recv"
    case synAgainOtherSequence = "3whs_syn_resend_diff_seq_on_syn_recv"
    case ackInWrongDirection = "3whs_ack_in_wrong_dir"
    case rightSequenceWrongAck = "3whs_right_seq_wrong_ack_evasion"
    case wrongSequenceWrongAck = "3whs_wrong_seq_wrong_ack"
    case openSynAckToServer = "est_synack_toserver"
    case openSynAckAgain = "est_synack_resend"
    case openSynAckOtherAck = "est_synack_resend_with_diff_ack"
    case openSynAckOtherSequence = "est_synack_resend_with_diff_seq"
    case openSynToClient = "est_syn_toclient"
    case openSynAgain = "est_syn_resend"
    case openSynOtherSequence = "est_syn_resend_diff_seq"
}

/// One session, as far as its events need it.
struct StreamWatch: BitwiseCopyable {
    private enum State: UInt8 { case none, synSent, synReceived, established, over }

    private struct Side: BitwiseCopyable {
        var first: UInt32 = 0
        var timestamp: UInt32 = 0
        var hasTimestamp = false
    }

    private var state = State.none
    private var client = Side()
    private var server = Side()

    static func knows(_ name: some Sequence<UInt8>) -> Bool {
        StreamEvent.allCases.contains { $0.rawValue.utf8.elementsEqual(name) }
    }

    /// Takes a segment whose checksum is right; `tell` hears of its events.
    mutating func take(_ facts: PacketFacts, _ options: TCPOptions, _ tell: (StreamEvent) -> Void) {
        let isACK = facts.flags & 0x10 != 0
        let isSYN = facts.flags & 0x02 != 0
        if !isACK, facts.acknowledgement != 0 { tell(.brokenAck) }
        if isSYN, facts.flags & 0x01 != 0 { tell(.finSyn) }
        guard hasValidTimestamp(facts, options) else { return tell(.invalidTimestamp) }
        let isRST = facts.flags & 0x04 != 0
        switch state {
        case .none: begin(facts, options, tell)
        case .synSent: answer(facts, options, isRST, isSYN && isACK, tell)
        case .synReceived: confirm(facts, isRST, isSYN, isACK, tell)
        case .established: goOn(facts, isRST, isSYN, isACK, tell)
        case .over: break
        }
        note(facts, options)
    }

    /// An answer echoes the client's time or none; later times do not go back (RFC 7323 section 5).
    private func hasValidTimestamp(_ facts: PacketFacts, _ options: TCPOptions) -> Bool {
        guard options.hasTimestamps else { return true }
        switch state {
        case .synSent:
            guard !facts.isToServer, client.hasTimestamp, options.timestampEcho != 0 else { return true }
            return options.timestampEcho == client.timestamp
        case .established:
            let last = facts.isToServer ? client : server
            guard client.hasTimestamp, server.hasTimestamp, last.timestamp != 0 else { return true }
            return Int32(bitPattern: options.timestamp &- last.timestamp) >= 0
        default: return true
        }
    }

    private mutating func note(_ facts: PacketFacts, _ options: TCPOptions) {
        guard options.hasTimestamps, state != .none, state != .over else { return }
        if facts.isToServer {
            (client.timestamp, client.hasTimestamp) = (options.timestamp, true)
        } else {
            (server.timestamp, server.hasTimestamp) = (options.timestamp, true)
        }
    }

    private mutating func begin(_ facts: PacketFacts, _ options: TCPOptions, _ tell: (StreamEvent) -> Void) {
        if facts.flags & 0x04 != 0 { return tell(.rstWithoutSession) }
        if facts.flags & 0x01 != 0 { return tell(.finWithoutSession) }
        guard facts.flags & 0x12 == 0x02, facts.isToServer else { return }
        state = .synSent
        client.first = facts.sequence
    }

    private mutating func answer(
        _ facts: PacketFacts, _ options: TCPOptions, _ isRST: Bool, _ isSynAck: Bool, _ tell: (StreamEvent) -> Void
    ) {
        if isRST {
            if !facts.isToServer { state = .over }
        } else if isSynAck {
            guard !facts.isToServer else { return tell(.synAckInWrongDirection) }
            guard facts.acknowledgement == client.first &+ 1 else { return tell(.synAckWithWrongAck) }
            state = .synReceived
            server.first = facts.sequence
        } else if facts.flags & 0x02 != 0, facts.isToServer {
            client.first = facts.sequence
        }
    }

    private mutating func confirm(
        _ facts: PacketFacts, _ isRST: Bool, _ isSYN: Bool, _ isACK: Bool, _ tell: (StreamEvent) -> Void
    ) {
        if isRST {
            state = .over
        } else if isSYN, isACK {
            if facts.isToServer { return tell(.synAckToServer) }
            if facts.acknowledgement != client.first &+ 1 { tell(.synAckAgainOtherAck) }
        } else if isSYN {
            if !facts.isToServer { return tell(.synToClient) }
            if facts.sequence != client.first { tell(.synAgainOtherSequence) }
        } else if isACK {
            guard facts.isToServer else { return tell(.ackInWrongDirection) }
            let isInOrder = facts.sequence == client.first &+ 1
            let isRight = facts.acknowledgement == server.first &+ 1
            switch (isInOrder, isRight) {
            case (true, false): tell(.rightSequenceWrongAck)
            case (false, false): tell(.wrongSequenceWrongAck)
            default: state = .established
            }
        }
    }

    private mutating func goOn(
        _ facts: PacketFacts, _ isRST: Bool, _ isSYN: Bool, _ isACK: Bool, _ tell: (StreamEvent) -> Void
    ) {
        if isRST {
            state = .over
        } else if isSYN, isACK {
            if facts.isToServer { return tell(.openSynAckToServer) }
            if facts.acknowledgement != client.first &+ 1 { return tell(.openSynAckOtherAck) }
            tell(facts.sequence != server.first ? .openSynAckOtherSequence : .openSynAckAgain)
        } else if isSYN {
            if !facts.isToServer { return tell(.openSynToClient) }
            tell(facts.sequence != client.first ? .openSynOtherSequence : .openSynAgain)
        }
    }
}
