// SPDX-License-Identifier: Apache-2.0
//
// The state machine of a TCP end, one function for each group of states.
//
// Reads   flags of a segment and the states of both ends.
// Writes  states, and whether an end closes.
// Leaves  sequence numbers, which TCP.swift has brought up to date before.

import Records

extension Connection {
    /// Changes the states by one segment. `origin` is its side as it was when it came, `side` as
    /// it is after flips.
    mutating func changeState(
        _ segment: Segment, origin: Int, side: inout Int, advance: Int32, now: Timestamp, slot: UInt32,
        _ work: inout FlowWork
    ) -> Closing {
        switch ends[side].state {
        case .inactive:
            return begin(segment, origin: origin, side: &side, now: now, slot, &work)
        case .synSent, .synAckSent:
            return shakeHands(segment, origin: origin, side, slot, &work)
        case .established, .partial:
            // Most segments change nothing.
            if segment.flags & (Segment.syn | Segment.fin | Segment.rst) == 0 { return Closing() }
            return goOn(segment, side, slot, &work)
        case .closed:
            return afterClose(segment, side, advance: advance, slot, &work)
        case .reset:
            if segment.isSYN { weird(.SYN_after_reset, slot, &work) }
            if segment.isFIN { weird(.FIN_after_reset, slot, &work) }
            if segment.length > 0, !segment.isRST { weird(.data_after_reset, slot, &work) }
            return Closing()
        }
    }

    private mutating func setState(_ state: EndpointState, _ side: Int, _ work: inout FlowWork) {
        guard state != ends[side].state else { return }
        if !state.isHandshake, ends[side].state.isHandshake, ends[1 &- side].state.isHandshake {
            setInactivity(work.settings.tcpInactivity, &work)
        }
        ends[side].previous = ends[side].state
        ends[side].state = state
    }

    /// The first segment of an end.
    private mutating func begin(
        _ segment: Segment, origin: Int, side: inout Int, now: Timestamp, _ slot: UInt32, _ work: inout FlowWork
    ) -> Closing {
        var closing = Closing()
        if segment.isSYN {
            if origin == 0 {
                beginOriginator(segment, side, now: now, slot, &work)
            } else {
                beginResponder(segment, &side, slot, &work)
            }
        }
        let peer = 1 &- side
        if segment.isFIN {
            setState(.closed, side, &work)
            closing = Closing(isClosing: true, finishes: true)
            if ends[peer].state != .partial, !segment.isSYN { weird(.spontaneous_FIN, slot, &work) }
        }
        if segment.isRST {
            setState(.reset, side, &work)
            // The answer to a SYN, or to a SYN with ACK that nobody had asked for.
            let state = ends[peer].state
            let isReject = origin == 0 ? state == .established : state == .synSent || state == .synAckSent
            closing = Closing(isClosing: true, finishes: !isReject)
            if !isReject, state == .inactive { weird(.spontaneous_RST, slot, &work) }
        }
        guard ends[side].state == .inactive else { return closing }
        if origin == 1, segment.length == 0, ends[0].state == .synSent {
            // Some acknowledge a SYN before they answer it: no sign of a missed beginning.
        } else if segment.isACK, ends[peer].state == .established {
            // Only the SYN was missed.
            setState(.established, side, &work)
            flags.remove(.isPartial)
            ends[origin].marks.insert(.firstSeen)
        } else {
            setState(.partial, side, &work)
        }
        return closing
    }

    private mutating func beginOriginator(
        _ segment: Segment, _ side: Int, now: Timestamp, _ slot: UInt32, _ work: inout FlowWork
    ) {
        if segment.isACK {
            weird(.connection_originator_SYN_ack, slot, &work)
            setState(.synAckSent, side, &work)
        } else {
            setState(.synSent, side, &work)
        }
        startAttempt(at: now, &work)
    }

    private mutating func beginResponder(
        _ segment: Segment, _ side: inout Int, _ slot: UInt32, _ work: inout FlowWork
    ) {
        var peer = 1 &- side
        let state = ends[peer].state
        if segment.isACK {
            let room = ends[peer].lastSequence &- ends[peer].startSequence
            if !state.isQuiet, segment.acknowledgment &- ends[peer].startSequence > room {
                weird(.bad_SYN_ack, slot, &work)
            }
        } else if state == .synAckSent, segment.sequence == ends[side].startSequence {
            // SYN and its answer came in the wrong order.
            flags.remove(.isPartial)
            flip()
            (side, peer) = (peer, side)
            setState(.established, peer, &work)
            ends[0].marks.insert(.firstSeen)
        } else {
            weird(.simultaneous_open, slot, &work)
        }
        if ends[peer].state == .synSent {
            setState(.established, peer, &work)
        } else if ends[peer].state == .inactive {
            weird(.unsolicited_SYN_response, slot, &work)
        }
        setState(.established, side, &work)
        if ends[peer].state != .partial, work.settings.patientPorts.contains(responderPort) {
            setInactivity(work.settings.patientInactivity, &work)
        }
    }

    /// An end that has sent its SYN.
    private mutating func shakeHands(
        _ segment: Segment, origin: Int, _ side: Int, _ slot: UInt32, _ work: inout FlowWork
    ) -> Closing {
        var closing = Closing()
        if segment.isSYN {
            if origin == 0 {
                if segment.isACK, !segment.isFIN, !segment.isRST, ends[side].state != .synAckSent {
                    weird(.repeated_SYN_with_ack, slot, &work)
                }
            } else if !segment.isACK, ends[side].state != .synSent {
                weird(.repeated_SYN_reply_wo_ack, slot, &work)
            }
        }
        if segment.isFIN {
            let peer = ends[1 &- side].state
            if peer == .inactive || peer == .synSent { weird(.inappropriate_FIN, slot, &work) }
            setState(.closed, side, &work)
            closing = Closing(isClosing: true, finishes: true)
        }
        if segment.isRST {
            setState(.reset, side, &work)
            flags.insert(.isFinished)
            closing.isClosing = true
        } else if segment.length > 0 {
            weird(.data_before_established, slot, &work)
        }
        return closing
    }

    /// A control flag of an end in the middle of its stream.
    private mutating func goOn(_ segment: Segment, _ side: Int, _ slot: UInt32, _ work: inout FlowWork) -> Closing {
        var closing = Closing()
        let peer = 1 &- side
        if segment.isSYN, ends[side].state == .partial, ends[peer].state == .inactive, !segment.isACK {
            weird(.SYN_after_partial, slot, &work)
            setState(.synSent, side, &work)
        }
        if segment.isFIN, !segment.isRST {
            setState(.closed, side, &work)
            if ends[peer].state == .reset, ends[peer].previous == .closed {
                // The peer sent a FIN, then a RST: that was an orderly end.
                setState(.closed, peer, &work)
            }
            closing = Closing(isClosing: true, finishes: true)
        }
        if segment.isRST {
            setState(.reset, side, &work)
            closing.isClosing = true
            if ends[peer].state != .reset || ends[peer].previous != .established { flags.insert(.isFinished) }
        }
        return closing
    }

    private mutating func afterClose(
        _ segment: Segment, _ side: Int, advance: Int32, _ slot: UInt32, _ work: inout FlowWork
    ) -> Closing {
        var closing = Closing()
        if segment.isSYN { weird(.SYN_after_close, slot, &work) }
        if segment.isFIN, advance > 0 { weird(.FIN_advanced_last_seq, slot, &work) }
        // After an exchange of FINs a RST means nothing.
        if segment.isRST, ends[1 &- side].state != .closed {
            setState(.reset, side, &work)
            if !ends[side].didClose { closing.isClosing = true }
        }
        return closing
    }
}
