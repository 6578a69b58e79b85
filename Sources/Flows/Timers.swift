// SPDX-License-Identifier: Apache-2.0
//
// When connections end without a packet that says so. Time is packet time.
//
// Reads   the newest packet time.
// Writes  `.ended` and `.openDue` events.
// Leaves  the wall clock: the Sensor decides what time it is.

import Records

/// One entry of the heap: 16 octets.
struct TimerEntry: BitwiseCopyable, Sendable {
    let deadline: Int64
    let slot: UInt32
    let generation: UInt32
}

/// A heap with four children to a node: half the depth of a binary one, and the
/// children of a node share a cache line.
///
/// A connection has one live entry. An entry is never moved: where the deadline of its
/// connection is later by now, it fires for nothing and is put back; where it is earlier, a
/// second entry is put in and the connection forgets the first.
struct TimerHeap: Sendable {
    private var entries: [TimerEntry] = []
    /// The earliest deadline, or the end of time.
    private(set) var next = Int64.max

    var count: Int { entries.count }

    mutating func push(_ entry: TimerEntry) {
        var hole = entries.count
        entries.append(entry)
        while hole > 0 {
            let parent = (hole &- 1) >> 2
            if entries[parent].deadline <= entry.deadline { break }
            entries[hole] = entries[parent]
            hole = parent
        }
        entries[hole] = entry
        next = entries[0].deadline
    }

    /// Takes the earliest entry if it is due at `time`.
    mutating func pop(dueAt time: Int64) -> TimerEntry? {
        guard let first = entries.first, first.deadline <= time else { return nil }
        let last = entries.removeLast()
        if !entries.isEmpty { sink(last) }
        next = entries.first?.deadline ?? .max
        return first
    }

    /// Puts `entry` in at the root, where there is a hole.
    private mutating func sink(_ entry: TimerEntry) {
        let count = entries.count
        var hole = 0
        while true {
            let first = hole &* 4 &+ 1
            guard first < count else { break }
            var best = first
            for child in first &+ 1 ..< min(first &+ 4, count) where entries[child].deadline < entries[best].deadline {
                best = child
            }
            guard entries[best].deadline < entry.deadline else { break }
            entries[hole] = entries[best]
            hole = best
        }
        entries[hole] = entry
    }
}

extension Connection {
    /// The earliest of its own deadlines.
    var deadline: Int64 { min(min(inactivityDue, openDue), min(expireDue, extraDue)) }

    /// Ends after `timeout` nanoseconds of silence from now on; 0 for never.
    mutating func setInactivity(_ timeout: Int64, _ work: inout FlowWork) {
        guard timeout != inactivityTimeout else { return }
        inactivityTimeout = timeout
        inactivityDue = timeout > 0 ? last.adding(timeout).nanoseconds : .max
        work.timersChanged = true
    }

    /// The attempt timer of an originator's SYN.
    mutating func startAttempt(at time: Timestamp, _ work: inout FlowWork) {
        extraDue = time.adding(work.settings.attemptDelay).nanoseconds
        flags.insert(.isAttempt)
        work.timersChanged = true
    }

    /// A second session timer, at the first end's close.
    mutating func startSecondSession(_ work: inout FlowWork) {
        extraDue = last.adding(work.settings.sessionInterval).nanoseconds
        flags.remove(.isAttempt)
        work.timersChanged = true
    }

    /// No attempt and session timers any more; the connection goes after a delay.
    mutating func startClosing(_ work: inout FlowWork) {
        expireDue = last.adding(work.settings.closeDelay).nanoseconds
        extraDue = .max
        flags.insert(.isClosing)
        work.timersChanged = true
    }

    /// Fires what is due at `time`. Answers why the connection ends, or nil.
    mutating func fire(at time: Timestamp, slot: UInt32, _ work: inout FlowWork) -> EndReason? {
        let now = time.nanoseconds
        if inactivityDue <= now {
            let due = last.adding(inactivityTimeout)
            if due <= time { return .inactivity }
            inactivityDue = due.nanoseconds
        }
        if extraDue <= now {
            extraDue = .max
            if flags.contains(.isAttempt) {
                if isUnanswered { return .attempt }
            } else if !flags.contains(.isFinished) {
                if isOver(at: time, work.settings) { return .closed }
                extraDue = time.adding(work.settings.sessionInterval).nanoseconds
            }
        }
        if expireDue <= now {
            expireDue = .max
            if flags.contains(.isClosing) { return .closed }
            if !flags.contains(.isFinished) {
                if isOver(at: time, work.settings) { return .closed }
                expireDue = time.adding(work.settings.sessionInterval).nanoseconds
            }
        }
        if openDue <= now {
            work.events.append(.openDue(slot))
            let next = Timestamp(nanoseconds: openDue).adding(work.settings.openInterval)
            openDue = (next <= time ? time.adding(work.settings.openInterval) : next).nanoseconds
        }
        return nil
    }

    private var isUnanswered: Bool {
        !flags.contains(.isFinished) && (ends[0].state == .synSent || ends[0].state == .synAckSent)
            && ends[1].state == .inactive
    }

    /// Silent for long enough, and closed by one end at least with nobody to wait for; or
    /// nothing ever happened on it.
    private func isOver(at time: Timestamp, _ settings: FlowSettings) -> Bool {
        guard last.adding(settings.linger) < time else { return false }
        let (originator, responder) = (ends[0].state, ends[1].state)
        if ends[0].didClose || ends[1].didClose {
            if ends[0].didClose && ends[1].didClose { return true }
            if originator == .reset || responder == .reset { return true }
            if originator == .inactive || responder == .inactive { return true }
        }
        return originator == .inactive && responder == .inactive
    }
}

