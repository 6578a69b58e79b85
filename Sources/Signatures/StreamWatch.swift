// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with the segments of a TCP session (`stream-event`): handshakes, resets, timestamps, windows.
//
// Reads   each segment's header, as it arrives.
// Writes  the names of what it shows, by Suricata's rules for its default policies.
// Leaves  sessions that close (StreamWatch+Closing.swift); reassembly (module Flows).

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
    case rightSequenceWrongAck = "3whs_right_seq_wrong_ack_evasion"
    case wrongSequenceWrongAck = "3whs_wrong_seq_wrong_ack"
    case openSynAckToServer = "est_synack_toserver"
    case openSynAckAgain = "est_synack_resend"
    case openSynAckOtherAck = "est_synack_resend_with_diff_ack"
    case openSynAckOtherSequence = "est_synack_resend_with_diff_seq"
    case openSynToClient = "est_syn_toclient"
    case openSynOtherSequence = "est_syn_resend_diff_seq"
    case crossedSynAckWithWrongAck = "4whs_synack_with_wrong_ack"
    case crossedSynAckWithWrongSyn = "4whs_synack_with_wrong_syn"
    case crossedWrongSequence = "4whs_wrong_seq"
    case crossedInvalidAck = "4whs_invalid_ack"
    case synFlood = "3whs_syn_flood"
    case synAckFlood = "3whs_synack_flood"
    case rstInvalidAck = "rst_invalid_ack"
    case badWindowUpdate = "pkt_bad_window_update"
    case shutdownSynAgain = "shutdown_syn_resend"
    case fin1WrongFIN = "fin1_fin_wrong_seq"
    case fin1WrongAck = "fin1_ack_wrong_seq"
    case fin1InvalidAck = "fin1_invalid_ack"
    case fin2WrongFIN = "fin2_fin_wrong_seq"
    case fin2WrongAck = "fin2_ack_wrong_seq"
    case fin2InvalidAck = "fin2_invalid_ack"
    case closingWrongAck = "closing_ack_wrong_seq"
    case closingInvalidAck = "closing_invalid_ack"
    case closeWaitFINOutOfWindow = "closewait_fin_out_of_window"
    case closeWaitAckOutOfWindow = "closewait_ack_out_of_window"
    case closeWaitBeforeLastAck = "closewait_pkt_before_last_ack"
    case closeWaitInvalidAck = "closewait_invalid_ack"
    case lastAckWrongAck = "lastack_ack_wrong_seq"
    case lastAckInvalidAck = "lastack_invalid_ack"
    case timeWaitWrongAck = "timewait_ack_wrong_seq"
    case timeWaitInvalidAck = "timewait_invalid_ack"
}

/// One session, as far as its events need it.
struct StreamWatch: BitwiseCopyable {
    enum State: UInt8 {
        case none, synSent, synReceived, established
        /// The client has closed first, and then the server too.
        case closeWait, lastAck
        /// The server has closed first; the client, too, before or after it has acknowledged that.
        case finWait1, finWait2, closing, timeWait
        case over
    }

    struct Side: BitwiseCopyable {
        var first: UInt32 = 0
        var timestamp: UInt32 = 0
        var hasTimestamp = false
        /// It has reset the session, and sent nothing since.
        var hasReset = false
        /// What it has sent: where that ends, what of it was acknowledged, and how far it may go.
        var next: UInt32 = 0
        var acked: UInt32 = 0
        var limit: UInt32 = 0
        /// The window that its receiver gives it, and the shift of that.
        var window: UInt32 = 0
        var scale: UInt8 = 0
    }

    /// The flags of a segment, and its end.
    struct Segment {
        let isFIN: Bool
        let isSYN: Bool
        let isRST: Bool
        let isACK: Bool
        let end: UInt32

        init(_ facts: PacketFacts) {
            isFIN = facts.flags & 0x01 != 0
            isSYN = facts.flags & 0x02 != 0
            isRST = facts.flags & 0x04 != 0
            isACK = facts.flags & 0x10 != 0
            end = facts.sequence &+ UInt32(truncatingIfNeeded: facts.payloadCount)
        }
    }

    /// Numbers of SYNs, or of their answers, that are remembered until the handshake is over (Suricata's
    /// `stream.max-syn-queued` and `stream.max-synack-queued`).
    private static let synsMax = 10
    private static let answersMax = 5

    var state = State.none
    var client = Side()
    var server = Side()
    /// The server has sent something since the handshake.
    private var isConfirmed = false
    /// Both ends have sent a SYN, and the handshake has four steps.
    private var isCrossed = false
    /// The connection that the session goes on as has its ends the other way round.
    var isTurned = false
    private var waiting = [10 of UInt32](repeating: 0)
    private var waitingCount = 0

    static func knows(_ name: some Sequence<UInt8>) -> Bool {
        StreamEvent.allCases.contains { $0.rawValue.utf8.elementsEqual(name) }
    }

    /// Whether a SYN belongs to this session, and begins none: the client's once more, and any other one while the
    /// session is open, or where the server closes first.
    func keepsSYN(_ sequence: UInt32, isToServer: Bool) -> Bool {
        if isToServer, sequence == client.first { return state != .none }
        guard !client.hasReset, !server.hasReset else { return false }
        return switch state {
        case .synSent, .synReceived, .established, .finWait1, .finWait2, .timeWait: true
        case .none, .closeWait, .lastAck, .closing, .over: false
        }
    }

    /// The session in the connection that a SYN has begun, or nil where it does not go on; `isTurned` where that is of
    /// the other end.
    func goingOn(_ facts: PacketFacts, isTurned: Bool) -> StreamWatch? {
        var watch = self
        if isTurned { watch.isTurned.toggle() }
        return keepsSYN(facts.sequence, isToServer: facts.isToServer != watch.isTurned) ? watch : nil
    }

    /// Takes a segment whose checksum is right; `tell` hears of its events.
    mutating func take(_ facts: PacketFacts, _ options: TCPOptions, _ tell: (StreamEvent) -> Void) {
        let segment = Segment(facts)
        var facts = facts
        if isTurned { facts.isToServer.toggle() }
        if !segment.isACK, facts.acknowledgement != 0 { tell(.brokenAck) }
        guard state != .none else { return begin(facts, segment, options, tell) }
        if client.hasReset || server.hasReset {
            // Whoever has reset it and still sends may not have: what comes first is looked at as before.
            let isOther = facts.isToServer ? !client.hasReset : !server.hasReset
            guard !isOther, !segment.isRST, !segment.isSYN || segment.isACK else { return }
            (client.hasReset, server.hasReset) = (false, false)
            let before = state
            look(facts, segment, options, tell)
            if state == before { state = .over }
            return
        }
        look(facts, segment, options, tell)
    }

    private mutating func look(
        _ facts: PacketFacts, _ segment: Segment, _ options: TCPOptions, _ tell: (StreamEvent) -> Void
    ) {
        guard hasValidTimestamp(facts, options) else { return tell(.invalidTimestamp) }
        if segment.isRST, facts.payloadCount > 0 { tell(.rstWithData) }
        if state.rawValue >= State.established.rawValue, state != .over {
            if isKeepAlive(facts, segment) || skips(facts, segment, tell) { return }
            let sender = facts.isToServer ? client : server
            if facts.payloadCount > 0, !StreamWatch.isBefore(sender.acked, segment.end) {
                tell(.spuriousRetransmission)
            }
        }
        if segment.isRST {
            if state != .over { reset(facts, segment, tell) }
        } else {
            switch state {
            case .none, .over: break
            case .synSent: answer(facts, segment, options, tell)
            case .synReceived: confirm(facts, segment, tell)
            case .established: goOn(facts, segment, tell)
            default: close(facts, segment, tell)
            }
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
        case .none, .synReceived, .over: return true
        default:
            let last = facts.isToServer ? client : server
            guard client.hasTimestamp, server.hasTimestamp, last.timestamp != 0 else { return true }
            return Int32(bitPattern: options.timestamp &- last.timestamp) >= 0
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

    // MARK: handshakes

    private mutating func begin(
        _ facts: PacketFacts, _ segment: Segment, _ options: TCPOptions, _ tell: (StreamEvent) -> Void
    ) {
        if segment.isRST { return tell(.rstWithoutSession) }
        if segment.isFIN { return tell(.finWithoutSession) }
        guard segment.isSYN, !segment.isACK, facts.isToServer else { return }
        state = .synSent
        (client.first, server.window) = (facts.sequence, UInt32(facts.window))
        server.scale = options.windowScale == 0xFF ? 0 : min(14, options.windowScale)
        note(facts, options)
    }

    private mutating func answer(
        _ facts: PacketFacts, _ segment: Segment, _ options: TCPOptions, _ tell: (StreamEvent) -> Void
    ) {
        guard segment.isSYN, !segment.isFIN || segment.isACK else { return }
        guard segment.isACK else {
            if facts.isToServer { return askAgain(facts, tell) }
            isCrossed = true
            (server.first, server.window) = (facts.sequence, UInt32(facts.window))
            server.scale = options.windowScale == 0xFF ? 0 : min(14, options.windowScale)
            return
        }
        guard !facts.isToServer else { return cross(facts, options, tell) }
        let first = facts.acknowledgement &- 1
        guard first == client.first || isWaiting(first) else { return tell(.synAckWithWrongAck) }
        state = .synReceived
        (client.first, server.first, waitingCount) = (first, facts.sequence, 0)
        open(facts, options)
    }

    /// The client's answer to the server's SYN, with its own first number.
    private mutating func cross(_ facts: PacketFacts, _ options: TCPOptions, _ tell: (StreamEvent) -> Void) {
        guard isCrossed else { return tell(.synAckInWrongDirection) }
        guard facts.acknowledgement == server.first &+ 1 else { return tell(.crossedSynAckWithWrongAck) }
        guard facts.sequence == client.first else { return tell(.crossedSynAckWithWrongSyn) }
        (state, waitingCount) = (.synReceived, 0)
        open(facts, options)
        // The server has not said how much it takes.
        (client.window, client.limit, server.window) = (0, client.acked, UInt32(facts.window))
        server.limit = server.acked &+ server.window
    }

    /// A SYN once more, or another one: any of them may be answered.
    private mutating func askAgain(_ facts: PacketFacts, _ tell: (StreamEvent) -> Void) {
        if waitingCount < StreamWatch.synsMax {
            waiting[waitingCount] = client.first
            waitingCount &+= 1
        } else {
            tell(.synFlood)
        }
        (client.first, server.window) = (facts.sequence, UInt32(facts.window))
    }

    private func isWaiting(_ number: UInt32) -> Bool {
        for index in 0..<waitingCount where waiting[index] == number { return true }
        return false
    }

    private mutating func confirm(_ facts: PacketFacts, _ segment: Segment, _ tell: (StreamEvent) -> Void) {
        if segment.isFIN {
            finish(facts, segment, tell)
        } else if segment.isSYN, segment.isACK {
            if facts.isToServer { return tell(.synAckToServer) }
            if facts.acknowledgement != client.acked { return tell(.synAckAgainOtherAck) }
            guard facts.sequence != server.first, !isWaiting(facts.sequence) else { return }
            guard waitingCount < StreamWatch.answersMax else { return tell(.synAckFlood) }
            waiting[waitingCount] = facts.sequence
            waitingCount &+= 1
        } else if segment.isSYN {
            if !facts.isToServer { return tell(.synToClient) }
            if facts.sequence != client.first { tell(.synAgainOtherSequence) }
        } else if segment.isACK {
            takeFinalAck(facts, segment, tell)
        }
    }

    /// The last step, or what follows it where that was lost.
    private mutating func takeFinalAck(_ facts: PacketFacts, _ segment: Segment, _ tell: (StreamEvent) -> Void) {
        if isCrossed, !facts.isToServer {
            guard facts.sequence == server.next else { return tell(.crossedWrongSequence) }
            guard StreamWatch.acknowledges(facts, &client) else {
                tell(.invalidAck)
                return tell(.crossedInvalidAck)
            }
            (state, server.next) = (.established, segment.end)
            return widen(facts, &client)
        }
        if facts.isToServer, facts.sequence == client.first &+ 1, isWaiting(facts.acknowledgement &- 1) {
            server.first = facts.acknowledgement &- 1
            (server.next, server.acked) = (facts.acknowledgement, facts.acknowledgement)
            server.limit = server.acked &+ server.window
        }
        let isRight = facts.acknowledgement == server.next
        let isBeyond = StreamWatch.isBefore(client.next, facts.sequence)
        if facts.sequence == client.next, !isRight { return tell(.rightSequenceWrongAck) }
        let isOpen =
            if facts.sequence == client.next {
                true
            } else if !facts.isToServer, isBeyond, StreamWatch.isBefore(client.acked, facts.acknowledgement) {
                true
            } else if isBeyond, isRight, !StreamWatch.isBefore(client.limit, facts.sequence) {
                true
            } else {
                !facts.isToServer && facts.acknowledgement == client.acked && facts.sequence == server.next
            }
        guard isOpen else { return tell(.wrongSequenceWrongAck) }
        (state, waitingCount) = (.established, 0)
        check(facts, segment, tell)
        if facts.isToServer { server.limit = server.acked &+ server.window } else {
            client.limit = client.acked &+ client.window
        }
    }

    // MARK: open sessions

    private mutating func goOn(_ facts: PacketFacts, _ segment: Segment, _ tell: (StreamEvent) -> Void) {
        if segment.isFIN {
            finish(facts, segment, tell)
        } else if segment.isSYN, segment.isACK {
            if facts.isToServer { return tell(.openSynAckToServer) }
            if facts.acknowledgement != client.acked { return tell(.openSynAckOtherAck) }
            if facts.sequence != server.first { return tell(.openSynAckOtherSequence) }
            if isConfirmed { tell(.openSynAckAgain) }
        } else if segment.isSYN {
            tell(facts.isToServer ? .openSynOtherSequence : .openSynToClient)
        } else {
            if !facts.isToServer { isConfirmed = true }
            check(facts, segment, tell)
        }
    }

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
        server.limit = server.acked &+ server.window
    }

    /// Whether `left` stands before `right` in sequence space.
    static func isBefore(_ left: UInt32, _ right: UInt32) -> Bool { Int32(bitPattern: left &- right) < 0 }

    /// A probe whether the other end is there (RFC 9293 section 3.8.4).
    private func isKeepAlive(_ facts: PacketFacts, _ segment: Segment) -> Bool {
        let (sender, receiver) = facts.isToServer ? (client, server) : (server, client)
        return facts.payloadCount <= 1 && facts.sequence == sender.next &- 1 && facts.flags & 0x07 == 0
            && facts.acknowledgement == receiver.acked
    }

    /// Whether a segment of an open or closing session is passed over: one that shrinks the window for what was not
    /// sent, which is told of, and an acknowledgement that is outdated.
    private func skips(_ facts: PacketFacts, _ segment: Segment, _ tell: (StreamEvent) -> Void) -> Bool {
        guard facts.flags & 0x07 == 0 else { return false }
        let (sender, receiver) = facts.isToServer ? (client, server) : (server, client)
        let isPure = facts.payloadCount == 0
        if isPure, facts.sequence == sender.next, StreamWatch.isBefore(facts.acknowledgement, receiver.acked) {
            return true
        }
        let window = UInt32(facts.window) << UInt32(receiver.scale)
        guard window < receiver.window else { return false }
        let isLast =
            isPure && facts.flags == 0x10 && facts.sequence == sender.next &+ 1
            && facts.acknowledgement == receiver.next &+ 1
            && (state == .timeWait || state == .closeWait || state == .lastAck)
        let shrinks = Int(receiver.window &- window)
        guard !isLast, shrinks > facts.payloadCount, StreamWatch.isBefore(receiver.next, facts.acknowledgement),
            StreamWatch.isBefore(sender.next, facts.sequence)
        else { return false }
        let acknowledged = Int(facts.acknowledgement &- receiver.acked)
        guard shrinks > acknowledged &+ (window > 1024 ? 32 : 0) else { return false }
        tell(.badWindowUpdate)
        return true
    }

    /// A segment of an open session against what was acknowledged and what the window lets through.
    private mutating func check(_ facts: PacketFacts, _ segment: Segment, _ tell: (StreamEvent) -> Void) {
        var (sender, receiver) = facts.isToServer ? (client, server) : (server, client)
        defer { (client, server) = facts.isToServer ? (sender, receiver) : (receiver, sender) }
        let end = segment.end
        guard StreamWatch.acknowledges(facts, &receiver) else {
            tell(.invalidAck)
            return tell(.openInvalidAck)
        }
        let isAgain = facts.payloadCount <= 1 && facts.sequence == sender.next &- 1
        if !isAgain, StreamWatch.isBefore(end, sender.acked),
            !StreamWatch.isBefore(sender.next, sender.acked) || !StreamWatch.isBefore(sender.next, end)
        {
            return tell(.openBeforeLastAck)
        }
        let isProbe = facts.payloadCount == 1 && facts.sequence == sender.next && sender.window == 0
        guard isProbe || !StreamWatch.isBefore(sender.limit, end) else { return tell(.openOutOfWindow) }
        if StreamWatch.isBefore(sender.next, end) { sender.next = end }
        widen(facts, &receiver)
    }

    /// The window that a segment gives to the other end.
    func widen(_ facts: PacketFacts, _ receiver: inout Side) {
        receiver.window = UInt32(facts.window) << UInt32(receiver.scale)
        let limit = receiver.acked &+ receiver.window
        if StreamWatch.isBefore(receiver.limit, limit) { receiver.limit = limit }
    }

    /// Takes an acknowledgement of what `side` has sent; false where it acknowledges what was not sent, or what is
    /// long past.
    static func acknowledges(_ facts: PacketFacts, _ side: inout Side) -> Bool {
        guard facts.flags & 0x10 != 0 else { return true }
        let ack = facts.acknowledgement
        if isBefore(side.acked, ack), !isBefore(side.limit, ack) {
            side.acked = ack
            return true
        }
        if ack == side.acked { return true }
        return isBefore(ack, side.acked) && (side.window == 0 || !isBefore(ack, side.acked &- side.window))
    }
}
