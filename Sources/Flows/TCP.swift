// SPDX-License-Identifier: Apache-2.0
//
// TCP as somebody between the ends sees it: sequence numbers, states, the end.
//
// Reads   headers of segments whose checksum is good or unknown.
// Writes  the states of both ends, counters, history, timers; events.
// Leaves  payload (Reassembly.swift); options other than window scale.
//
// The rules are Zeek's (TCPSessionAdapter.cc, TCP_Endpoint.cc), in Zeek's order,
// which shows: what a packet changes first decides what the rest makes of it.

import Records
import Wire

/// What a segment's header says.
struct Segment: BitwiseCopyable {
    static let fin: UInt8 = 1
    static let syn: UInt8 = 2
    static let rst: UInt8 = 4
    static let ack: UInt8 = 16
    static let urg: UInt8 = 32

    var sequence: UInt32 = 0
    var acknowledgment: UInt32 = 0
    var flags: UInt8 = 0
    var window: UInt16 = 0
    /// The window scale of a SYN's options, or -1.
    var windowScale: Int16 = -1
    /// Octets of payload by the IP header, and those that are there.
    var length: Int = 0
    var captured: Int = 0
    /// Where the payload stands in the packet.
    var offset: Int = 0

    var isSYN: Bool { flags & Segment.syn != 0 }
    var isFIN: Bool { flags & Segment.fin != 0 }
    var isRST: Bool { flags & Segment.rst != 0 }
    var isACK: Bool { flags & Segment.ack != 0 }

    /// Octets of sequence space: SYN and FIN take one each, the payload of a RST none.
    var spaceLength: UInt32 {
        (isRST ? 0 : UInt32(truncatingIfNeeded: length)) &+ (isSYN ? 1 : 0) &+ (isFIN ? 1 : 0)
    }
}

/// What the state machine wants of the rest of a segment's way.
struct Closing {
    /// This end closed.
    var isClosing = false
    /// And that is an orderly end of the connection's activity.
    var finishes = false
}

/// The distance from `base` to `sequence` in 32-bit sequence space.
@inline(__always) func distance(_ sequence: UInt32, from base: UInt32) -> Int32 {
    Int32(bitPattern: sequence &- base)
}

/// A jump beyond this is not believed of a SYN or a RST, nor of an acknowledgement of 0.
private let sequenceJumpMax: Int32 = 1_048_576

/// FINs or RSTs of one end that make a storm, and the silence that ends one
/// (`tcp_storm_thresh`, `tcp_storm_interarrival_thresh`).
private let stormCount: UInt16 = 1000
private let stormInterval = second

extension Connection {
    /// Takes one segment of `side` (0 the originator's), whose payload lies in `bytes`.
    mutating func take(
        _ segment: Segment, side origin: Int, bytes: RawSpan, now: Timestamp, slot: UInt32, _ work: inout FlowWork
    ) {
        var side = origin
        notePartial(segment, side)
        let end = segment.sequence &+ segment.spaceLength
        startEnd(segment, last: end, side, slot, &work)
        var isBelow = false
        let relative = relativeSequence(
            segment.sequence, newest: ends[side].lastSequence, wraps: ends[side].sequenceWraps, side, &isBelow)
        if isBelow, !segment.isRST { weird(.TCP_seq_underflow_or_misorder, slot, &work) }
        side = noteSegment(segment, relative: relative, side: side, &work)
        noteWindow(segment, side, slot, &work)
        let previousTime = last
        if !ends[0].didClose || !ends[1].didClose { last = now }
        if segment.flags & (Segment.syn | Segment.fin | Segment.rst) != 0 {
            noteControl(segment, relative: relative, side, now: now, previous: previousTime, slot, &work)
        }
        var ack: UInt64 = 0
        if segment.isACK { ack = takeAcknowledgment(segment, side, slot, &work) }
        let advance = takeSequence(segment, end: end, side, &work)

        let closing = changeState(
            segment, origin: origin, side: &side, advance: advance, now: now, slot: slot, &work)
        if segment.isACK { acknowledge(ack, side: 1 &- side, slot: slot, &work) }
        ends[origin].marks.insert(.firstSeen)
        if segment.length > 0, !segment.isRST, !isBelow {
            if segment.captured >= segment.length {
                receive(
                    segment.isSYN ? relative &+ 1 : relative, count: segment.length, at: segment.offset, of: bytes,
                    side: side, slot: slot, &work)
            } else if !ends[side].isSkipping {
                weird(.truncated_tcp_payload, slot, &work)
            }
        }
        if ends[side].finCount > 0 || ends[side].state.rawValue >= EndpointState.closed.rawValue {
            checkEnd(side, slot, &work)
        }
        if closing.isClosing { close(side, finishes: closing.finishes, slot, &work) }
    }

    /// Reports an anomaly of this connection.
    mutating func weird(_ weird: Weird, _ slot: UInt32, _ work: inout FlowWork, _ detail: WeirdDetail = .none) {
        flags.insert(.hadWeird)
        work.events.append(.weird(slot, weird, detail))
    }

    private mutating func notePartial(_ segment: Segment, _ side: Int) {
        guard !ends[side].marks.contains(.firstSeen) else { return }
        let isPartial: Bool
        if side == 0 {
            isPartial = !segment.isSYN || segment.isACK
        } else {
            if flags.contains(.isPartial) { return }
            isPartial = !segment.isSYN
        }
        if isPartial { flags.insert(.isPartial) } else { flags.remove(.isPartial) }
    }

    /// Fixes where an end's sequence numbers begin, at its first segment and where a later SYN
    /// shows that the beginning was another one.
    private mutating func startEnd(
        _ segment: Segment, last: UInt32, _ side: Int, _ slot: UInt32, _ work: inout FlowWork
    ) {
        switch ends[side].state {
        case .inactive:
            if segment.isSYN {
                ends[side].start(at: segment.sequence, last: last)
            } else {
                // As though there had been a SYN; the segment itself must not look like an old one.
                ends[side].start(at: segment.sequence &- 1, last: segment.sequence)
            }
        case .synSent, .synAckSent:
            guard segment.isSYN, segment.sequence != ends[side].startSequence else { return }
            weird(.SYN_seq_jump, slot, &work)
            ends[side].start(at: segment.sequence, last: last)
        case .established, .partial:
            guard segment.isSYN else { return }
            if size(side == 0 ? .originator : .responder) > 0 { weird(.SYN_inside_connection, slot, &work) }
            if segment.sequence != ends[side].startSequence { weird(.SYN_seq_jump, slot, &work) }
            ends[side].start(at: segment.sequence, last: last)
        case .reset:
            // Sequence numbers came from a RST that may have been forged.
            guard segment.isSYN, ends[side].previous == .inactive else { return }
            ends[side].start(at: segment.sequence, last: last)
        case .closed: return
        }
    }

    /// The 64-bit distance of a sequence number from the end's beginning.
    ///
    /// `isBelow` is set where it lies before the beginning; the result is then of no use
    /// but for telling two of them apart.
    private func relativeSequence(
        _ sequence: UInt32, newest: UInt32, wraps: UInt32, _ side: Int, _ isBelow: inout Bool
    ) -> UInt64 {
        var wraps = wraps
        let delta = distance(sequence, from: newest)
        if delta < 0 {
            if wraps > 0, sequence > newest { wraps &-= 1 }
        } else if delta > 0 {
            if sequence < newest { wraps &+= 1 }
        }
        if wraps == 0 {
            let relative = distance(sequence, from: ends[side].startSequence)
            if relative < 0 { isBelow = true }
            return UInt64(bitPattern: Int64(relative))
        }
        return (UInt64(wraps) << 32 | UInt64(sequence)) &- UInt64(ends[side].startSequence)
    }

    private mutating func noteWindow(_ segment: Segment, _ side: Int, _ slot: UInt32, _ work: inout FlowWork) {
        let scale = UInt32(ends[side].windowScale)
        let window = UInt32(segment.window) << scale
        // Windows mean nothing with and after a RST, and after the peer's FIN.
        if window == 0, !segment.isRST, ends[1 &- side].state != .closed, ends[side].state != .reset {
            noteScaled(.zeroWindow, side: side, &work)
        }
        guard segment.flags & (Segment.syn | Segment.fin | Segment.rst) == 0, ends[side].state != .closed,
            ends[side].state != .reset,
            distance(segment.sequence, from: ends[side].windowSequence) >= 0,
            distance(segment.acknowledgment, from: ends[side].windowAck) >= 0
        else { return }
        let oldEdge = ends[side].windowAck &+ ends[side].window
        let advance = distance(segment.acknowledgment &+ window, from: oldEdge)
        // What the granularity of the scale takes back does not count.
        if advance < 0, UInt32(bitPattern: 0 &- advance) >= 1 << scale { weird(.window_recision, slot, &work) }
        ends[side].window = window
        ends[side].windowAck = segment.acknowledgment
        ends[side].windowSequence = segment.sequence
    }

    private mutating func noteControl(
        _ segment: Segment, relative: UInt64, _ side: Int, now: Timestamp, previous: Timestamp, _ slot: UInt32,
        _ work: inout FlowWork
    ) {
        if segment.isSYN {
            if segment.isRST { weird(.TCP_christmas, slot, &work) }
            if segment.flags & Segment.urg != 0 { weird(.baroque_SYN, slot, &work) }
            if segment.length > 0 { weird(.SYN_with_data, slot, &work) }
            startWindow(segment, side, slot, &work)
        }
        let isStormy = now.since(previous) < stormInterval
        if segment.isFIN {
            ends[side].finCount = ends[side].finCount == .max ? .max : ends[side].finCount &+ 1
            if ends[side].finCount >= stormCount, isStormy { weird(.FIN_storm, slot, &work) }
            ends[side].finSequence = relative &+ UInt64(segment.spaceLength)
        }
        if segment.isRST {
            ends[side].rstCount = ends[side].rstCount == .max ? .max : ends[side].rstCount &+ 1
            if ends[side].rstCount >= stormCount, isStormy { weird(.RST_storm, slot, &work) }
        }
    }

    private mutating func startWindow(_ segment: Segment, _ side: Int, _ slot: UInt32, _ work: inout FlowWork) {
        guard segment.windowScale >= 0 else {
            ends[side].windowScale = 0
            if segment.isACK { ends[1 &- side].windowScale = 0 }
            return
        }
        if segment.windowScale > 14, !flags.contains(.hadWeird) {
            weird(.TCP_scale_range, slot, &work, .number(UInt32(segment.windowScale)))
        }
        // RFC 7323 section 2.3: a larger shift counts as 14.
        ends[side].windowScale = UInt8(min(segment.windowScale, 14))
        ends[side].windowSequence = segment.sequence
        ends[side].windowAck = segment.acknowledgment
        ends[1 &- side].windowSequence = segment.acknowledgment
        ends[1 &- side].windowAck = segment.sequence
    }

    /// Takes an acknowledgement of the peer's octets; answers it as a relative number of the peer.
    private mutating func takeAcknowledgment(
        _ segment: Segment, _ side: Int, _ slot: UInt32, _ work: inout FlowWork
    ) -> UInt64 {
        let peer = 1 &- side
        if ends[peer].state == .inactive {
            let state = ends[side].state
            if segment.flags & (Segment.syn | Segment.fin | Segment.rst) == 0,
                state == .synSent || state == .synAckSent || state == .established, !flags.contains(.hadWeird)
            {
                // This end goes on as though it had been answered, and no answer was seen.
                weird(.possible_split_routing, slot, &work)
            }
            ends[peer].start(at: segment.acknowledgment &- 1, last: segment.acknowledgment &- 1)
            return 1
        }
        var isBelow = false
        let relative = relativeSequence(
            segment.acknowledgment, newest: ends[peer].ackSequence, wraps: ends[peer].ackWraps, peer, &isBelow)
        if isBelow {
            weird(.TCP_ack_underflow_or_misorder, slot, &work)
            return 0
        }
        if segment.isRST { return relative }
        let advance = distance(segment.acknowledgment, from: ends[peer].ackSequence)
        if advance > 0, segment.acknowledgment != 0 || advance <= sequenceJumpMax {
            if segment.acknowledgment < ends[peer].ackSequence { ends[peer].ackWraps &+= 1 }
            ends[peer].ackSequence = segment.acknowledgment
        }
        return relative
    }

    /// Moves the end's newest sequence number on; answers by how much.
    private mutating func takeSequence(_ segment: Segment, end: UInt32, _ side: Int, _ work: inout FlowWork) -> Int32 {
        let advance = distance(end, from: ends[side].lastSequence)
        if segment.isSYN || segment.isRST, advance > sequenceJumpMax || advance < -sequenceJumpMax { return advance }
        if segment.isFIN, ends[side].lastSequence == ends[side].startSequence &+ 1 {
            // Nothing seen between SYN and FIN: taken even where it seems to go back, since more
            // than 2 GB may lie between them.
        } else if ends[side].state == .reset {
            return advance
        } else if advance <= 0 {
            if segment.length > 0 { noteScaled(.retransmission, side: side, &work) }
            return advance
        }
        if end < ends[side].lastSequence { ends[side].sequenceWraps &+= 1 }
        ends[side].lastSequence = end
        return advance
    }
}

extension Connection {
    /// One end closed: the connection goes, now or when the other end does too.
    mutating func close(_ side: Int, finishes: Bool, _ slot: UInt32, _ work: inout FlowWork) {
        if isPending(side) {
            flags.insert(.closeDeferred)
            if finishes { flags.insert(.deferredFinish) }
            return
        }
        flags.remove(.closeDeferred)
        if ends[side].didClose { return }
        ends[side].marks.insert(.didClose)
        let peer = ends[1 &- side].state
        guard ends[side].state == .reset || ends[1 &- side].didClose || peer == .inactive else {
            if ends[side].previous != .inactive { startSecondSession(&work) }
            return
        }
        if ends[side].previous != .inactive || peer != .inactive {
            if finishes || flags.contains(.deferredFinish) { flags.insert(.isFinished) }
            flags.remove(.deferredFinish)
        }
        startClosing(&work)
    }

    /// Whether a segment is of a new connection with the same addresses and ports.
    mutating func isReuse(_ segment: Segment, now: Timestamp, slot: UInt32, _ work: inout FlowWork) -> Bool {
        guard segment.isSYN else { return false }
        var side = 0
        if segment.isACK {
            if ends[0].state != .inactive { return false }
            side = 1
        }
        let hadReset = ends[0].state == .reset || ends[1].state == .reset
        if !ends[0].didClose, !ends[1].didClose {
            if segment.sequence == ends[side].startSequence { return false }
            if !segment.isACK, ends[0].state == .synAckSent, ends[1].state == .inactive,
                segment.sequence == ends[1].startSequence
            {
                // SYN and its answer in the wrong order; the state machine turns them round.
                return false
            }
            weird(ends[side].state == .synSent ? .SYN_seq_jump : .active_connection_reuse, slot, &work)
        } else if ends[0].isActive || ends[1].isActive, !hadReset {
            weird(.active_connection_reuse, slot, &work)
        } else if now.since(last) < work.settings.linger, !hadReset {
            weird(.premature_connection_reuse, slot, &work)
        }
        return true
    }
}
