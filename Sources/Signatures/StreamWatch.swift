// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with the segments of a TCP session (`stream-event`): handshakes, resets, timestamps, windows.
//
// Reads   each segment's header, as it arrives.
// Writes  the names of what it shows, by Suricata's rules for its default policies.
// Leaves  segments beyond the end of a session (FIN_WAIT and its like); reassembly (module Flows).

import Wire

/// The events that are evaluated; the others are named by `unevaluated`.
enum StreamEvent: String, CaseIterable {
    case brokenAck = "pkt_broken_ack"
    case invalidTimestamp = "pkt_invalid_timestamp"
    case finSyn = "fin_syn"
    case finWithoutSession = "fin_but_no_session"
    case rstWithoutSession = "rst_but_no_session"
    case gap = "reassembly_seq_gap"
    case depthReached = "reassembly_depth_reached"
    case rstWithData = "rst_with_data"
    case invalidAck = "pkt_invalid_ack"
    case openInvalidAck = "est_invalid_ack"
    case openBeforeLastAck = "est_pkt_before_last_ack"
    case openOutOfWindow = "est_packet_out_of_window"
    case spuriousRetransmission = "pkt_spurious_retransmission"
    case retransmission = "pkt_retransmission"
    case finOutOfWindow = "fin_out_of_window"
    case finInvalidAck = "fin_invalid_ack"
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
    private enum State: UInt8 { case none, synSent, synReceived, established, closing, over }

    private struct Side: BitwiseCopyable {
        var first: UInt32 = 0
        var timestamp: UInt32 = 0
        var hasTimestamp = false
        /// What it has sent: where that ends, what of it was acknowledged, and how far it may go.
        var next: UInt32 = 0
        var acked: UInt32 = 0
        var limit: UInt32 = 0
        /// The window that its receiver gives it, and the shift of that.
        var window: UInt32 = 0
        var scale: UInt8 = 0
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
        if isRST, facts.payloadCount > 0 { tell(.rstWithData) }
        switch state {
        case .none: begin(facts, options, tell)
        case .synSent:
            answer(facts, options, isRST, isSYN && isACK, tell)
            if state == .synReceived { open(facts, options) }
        case .synReceived: confirm(facts, isRST, isSYN, isACK, tell)
        case .established:
            goOn(facts, isRST, isSYN, isACK, tell)
            if !isRST, !isSYN { check(facts, tell) }
        case .closing: look(facts, isRST, tell)
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
        server.scale = options.windowScale == 0xFF ? 0 : min(14, options.windowScale)
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

    // MARK: windows

    /// The server has answered: both directions begin.
    private mutating func open(_ facts: PacketFacts, _ options: TCPOptions) {
        // Without the option from both ends nothing is shifted (RFC 7323 section 2.2).
        if options.windowScale == 0xFF { server.scale = 0 } else if server.scale > 0 || client.scale == 0 {
            client.scale = min(14, options.windowScale)
        }
        (client.next, client.acked) = (client.first &+ 1, client.first &+ 1)
        (server.next, server.acked) = (server.first &+ 1, server.first &+ 1)
        client.window = UInt32(facts.window)
        client.limit = client.acked &+ client.window
        server.window = UInt32(facts.window)
        server.limit = server.acked &+ 65_535
    }

    /// Whether `left` stands before `right` in sequence space.
    private static func isBefore(_ left: UInt32, _ right: UInt32) -> Bool { Int32(bitPattern: left &- right) < 0 }

    /// A segment of an open session against what was acknowledged and what the window lets through.
    private mutating func check(_ facts: PacketFacts, _ tell: (StreamEvent) -> Void) {
        var (sender, receiver) = facts.isToServer ? (client, server) : (server, client)
        defer { (client, server) = facts.isToServer ? (sender, receiver) : (receiver, sender) }
        let count = UInt32(truncatingIfNeeded: facts.payloadCount)
        let end = facts.sequence &+ count
        // A probe whether the other end is there (RFC 9293 section 3.8.4).
        if count <= 1, facts.sequence == sender.next &- 1, facts.flags & 0x03 == 0 { return }
        if count > 0, !StreamWatch.isBefore(sender.acked, end) { return tell(.spuriousRetransmission) }
        let isFIN = facts.flags & 0x01 != 0
        if isFIN {
            let isOutside =
                StreamWatch.isBefore(facts.sequence, sender.next)
                || StreamWatch.isBefore(sender.acked &+ sender.window, facts.sequence)
            if isOutside { return tell(.finOutOfWindow) }
        }
        guard StreamWatch.acknowledges(facts, &receiver) else {
            tell(.invalidAck)
            return tell(isFIN ? .finInvalidAck : .openInvalidAck)
        }
        if StreamWatch.isBefore(end, sender.acked) { return tell(.openBeforeLastAck) }
        let isProbe = count == 1 && facts.sequence == sender.next && sender.window == 0
        guard isProbe || !StreamWatch.isBefore(sender.limit, end) else { return tell(.openOutOfWindow) }
        if StreamWatch.isBefore(sender.next, end) { sender.next = end }
        receiver.window = UInt32(facts.window) << UInt32(receiver.scale)
        let limit = receiver.acked &+ receiver.window
        if StreamWatch.isBefore(receiver.limit, limit) { receiver.limit = limit }
        if isFIN { state = .closing }
    }

    /// Takes an acknowledgement of what `side` has sent; false where it acknowledges what was not sent, or what is
    /// long past.
    private static func acknowledges(_ facts: PacketFacts, _ side: inout Side) -> Bool {
        guard facts.flags & 0x10 != 0 else { return true }
        let ack = facts.acknowledgement
        if isBefore(side.acked, ack), !isBefore(side.limit, ack) {
            side.acked = ack
            return true
        }
        if ack == side.acked { return true }
        return isBefore(ack, side.acked) && (side.window == 0 || !isBefore(ack, side.acked &- side.window))
    }

    /// A segment of a session that one end has closed: data once more.
    private mutating func look(_ facts: PacketFacts, _ isRST: Bool, _ tell: (StreamEvent) -> Void) {
        if isRST {
            state = .over
            return
        }
        let sender = facts.isToServer ? client : server
        guard facts.payloadCount > 0 else { return }
        let end = facts.sequence &+ UInt32(truncatingIfNeeded: facts.payloadCount)
        let isAgain =
            StreamWatch.isBefore(facts.sequence, sender.acked)
            ? StreamWatch.isBefore(sender.acked, end) : !StreamWatch.isBefore(sender.next, end)
        if isAgain { tell(.retransmission) }
    }
}
