// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with the segments that end a TCP session: FIN from either side, what follows them, resets.
//
// Reads   segments of sessions whose handshake was seen.
// Writes  names of events, by Suricata's states: where the client closes first CLOSE_WAIT and LAST_ACK, where the
//         server does FIN_WAIT1, FIN_WAIT2, CLOSING and TIME_WAIT.
// Leaves  open sessions (StreamWatch.swift).

import Wire

extension StreamWatch {
    /// A reset counts if it stands exactly at the end of what its sender has sent; before the handshake's second step,
    /// the server's always does.
    mutating func reset(_ facts: PacketFacts, _ segment: Segment, _ tell: (StreamEvent) -> Void) {
        var (sender, receiver) = facts.isToServer ? (client, server) : (server, client)
        if segment.isACK, facts.acknowledgement != 0 {
            let isRight =
                if state != .synSent {
                    StreamWatch.acknowledges(facts, &receiver)
                } else {
                    !facts.isToServer && facts.acknowledgement == client.first &+ 1
                }
            guard isRight else {
                tell(.invalidAck)
                return tell(.rstInvalidAck)
            }
        }
        guard state == .synSent ? !facts.isToServer : facts.sequence == sender.next else { return }
        sender.hasReset = true
        (client, server) = facts.isToServer ? (sender, receiver) : (receiver, sender)
    }

    /// The first FIN.
    mutating func finish(_ facts: PacketFacts, _ segment: Segment, _ tell: (StreamEvent) -> Void) {
        var (sender, receiver) = facts.isToServer ? (client, server) : (server, client)
        guard StreamWatch.acknowledges(facts, &receiver) else {
            tell(.invalidAck)
            return tell(.finInvalidAck)
        }
        guard !StreamWatch.isBefore(facts.sequence, sender.acked), !StreamWatch.isBefore(sender.limit, segment.end)
        else { return tell(.finOutOfWindow) }
        if facts.isToServer, segment.isSYN { return tell(.finSyn) }
        state = facts.isToServer ? .closeWait : .finWait1
        // The server's own FIN counts as an octet, the client's does not.
        sender.next = facts.isToServer ? segment.end : segment.end &+ 1
        widen(facts, &receiver)
        StreamWatch.see(facts, &receiver)
        (client, server) = facts.isToServer ? (sender, receiver) : (receiver, sender)
    }

    /// What was acknowledged was sent, whether it was captured or not.
    private static func see(_ facts: PacketFacts, _ side: inout Side) {
        guard facts.flags & 0x10 != 0, isBefore(side.next, facts.acknowledgement) else { return }
        side.next = facts.acknowledgement
    }

    /// A segment behind the first FIN.
    mutating func close(_ facts: PacketFacts, _ segment: Segment, _ tell: (StreamEvent) -> Void) {
        if segment.isSYN, !segment.isFIN || state == .closing {
            return tell(.shutdownSynAgain)
        }
        var (sender, receiver) = facts.isToServer ? (client, server) : (server, client)
        let isDone =
            switch state {
            case .closeWait: closeWait(facts, segment, &sender, &receiver, tell)
            case .finWait1: finWait1(facts, segment, &sender, &receiver, tell)
            case .finWait2: finWait2(facts, segment, &sender, &receiver, tell)
            default: lastSteps(facts, segment, &sender, &receiver, tell)
            }
        guard isDone else { return }
        StreamWatch.see(facts, &receiver)
        if facts.sequence == sender.next { sender.next = segment.end }
        (client, server) = facts.isToServer ? (sender, receiver) : (receiver, sender)
    }

    /// Data that was sent before, whether it was acknowledged or not.
    private func isAgain(
        _ facts: PacketFacts, _ segment: Segment, _ sender: Side, _ tell: (StreamEvent) -> Void
    ) -> Bool {
        guard facts.payloadCount > 0 else { return false }
        let isPartly =
            StreamWatch.isBefore(facts.sequence, sender.acked) && StreamWatch.isBefore(sender.acked, segment.end)
        guard isPartly || !StreamWatch.isBefore(sender.next, segment.end) else { return false }
        tell(.retransmission)
        return true
    }

    private func isBeyondWindow(_ facts: PacketFacts, _ sender: Side) -> Bool {
        StreamWatch.isBefore(sender.acked &+ sender.window, facts.sequence)
    }

    private func isValid(
        _ facts: PacketFacts, _ receiver: inout Side, _ event: StreamEvent, _ tell: (StreamEvent) -> Void
    ) -> Bool {
        guard !StreamWatch.acknowledges(facts, &receiver) else { return true }
        tell(.invalidAck)
        tell(event)
        return false
    }

    private mutating func closeWait(
        _ facts: PacketFacts, _ segment: Segment, _ sender: inout Side, _ receiver: inout Side,
        _ tell: (StreamEvent) -> Void
    ) -> Bool {
        let isAgain = isAgain(facts, segment, sender, tell)
        if segment.isFIN {
            if !isAgain, StreamWatch.isBefore(facts.sequence, sender.next) || isBeyondWindow(facts, sender) {
                tell(.closeWaitFINOutOfWindow)
                return false
            }
        } else if facts.payloadCount > 0, !StreamWatch.isBefore(sender.acked, segment.end) {
            tell(.closeWaitBeforeLastAck)
            return false
        } else if isBeyondWindow(facts, sender) {
            tell(.closeWaitAckOutOfWindow)
            return false
        }
        guard isValid(facts, &receiver, .closeWaitInvalidAck, tell) else { return false }
        if !isAgain {
            widen(facts, &receiver)
            if segment.isFIN, !facts.isToServer { state = .lastAck }
        }
        return !segment.isFIN || facts.payloadCount == 0
    }

    private mutating func finWait1(
        _ facts: PacketFacts, _ segment: Segment, _ sender: inout Side, _ receiver: inout Side,
        _ tell: (StreamEvent) -> Void
    ) -> Bool {
        var isAgain = isAgain(facts, segment, sender, tell)
        if segment.isFIN, !isAgain {
            if !facts.isToServer, segment.isACK, facts.sequence == sender.next &- 1,
                facts.acknowledgement == receiver.acked
            {
                isAgain = true
            } else if StreamWatch.isBefore(facts.sequence, sender.next &- 1) || isBeyondWindow(facts, sender) {
                tell(.fin1WrongFIN)
                return false
            }
        }
        guard isValid(facts, &receiver, .fin1InvalidAck, tell) else { return false }
        guard !isAgain else { return true }
        if segment.isFIN {
            state = segment.isACK ? .timeWait : .closing
        } else if StreamWatch.isBefore(sender.limit, segment.end) {
            tell(.fin1WrongAck)
            return false
        } else if segment.isACK, facts.sequence == sender.next {
            state = .finWait2
        }
        widen(facts, &receiver)
        return true
    }

    private mutating func finWait2(
        _ facts: PacketFacts, _ segment: Segment, _ sender: inout Side, _ receiver: inout Side,
        _ tell: (StreamEvent) -> Void
    ) -> Bool {
        var isAgain = isAgain(facts, segment, sender, tell)
        if segment.isFIN, !isAgain {
            if facts.sequence == sender.next &- 1, facts.acknowledgement == receiver.acked {
                isAgain = true
            } else if StreamWatch.isBefore(facts.sequence, sender.next) || isBeyondWindow(facts, sender) {
                tell(.fin2WrongFIN)
                return false
            }
        }
        guard isValid(facts, &receiver, .fin2InvalidAck, tell) else { return false }
        guard !isAgain else { return true }
        if segment.isFIN {
            state = .timeWait
        } else if StreamWatch.isBefore(sender.limit, segment.end) {
            tell(.fin2WrongAck)
            return false
        }
        widen(facts, &receiver)
        return true
    }

    /// Acknowledgements of the last FIN: behind both.
    private mutating func lastSteps(
        _ facts: PacketFacts, _ segment: Segment, _ sender: inout Side, _ receiver: inout Side,
        _ tell: (StreamEvent) -> Void
    ) -> Bool {
        guard segment.isACK, !segment.isFIN || state == .closing, state != .lastAck || facts.isToServer else {
            return false
        }
        let isAgain = isAgain(facts, segment, sender, tell)
        var isOld = false
        let (wrong, invalid): (StreamEvent, StreamEvent)
        let isInOrder: Bool
        switch state {
        case .closing:
            (wrong, invalid) = (.closingWrongAck, .closingInvalidAck)
            isInOrder = facts.sequence == sender.next
        case .lastAck:
            (wrong, invalid) = (.lastAckWrongAck, .lastAckInvalidAck)
            isOld = StreamWatch.isBefore(facts.sequence, sender.next)
            isInOrder = isOld || facts.sequence == sender.next || facts.sequence == sender.next &+ 1
        default:
            (wrong, invalid) = (.timeWaitWrongAck, .timeWaitInvalidAck)
            let last = facts.isToServer ? sender.next &+ 1 : sender.next
            isInOrder = isAgain || facts.sequence == last || facts.sequence == last &- 1
        }
        guard isInOrder else {
            tell(wrong)
            return false
        }
        guard isValid(facts, &receiver, invalid, tell) else { return false }
        if !isAgain, !isOld {
            state = state == .closing ? .timeWait : .over
            widen(facts, &receiver)
        }
        return true
    }
}
