// SPDX-License-Identifier: Apache-2.0
//
// Messages that say their own length, cut out of both directions of a stream.
//
// Reads   in-order bytes of a direction, in whatever pieces they come.
// Writes  one call for each message, with all of it that was asked for.
// Leaves  lines (LineReader.swift), and what messages mean (the protocols).

import Records
import Wire

/// What an analyzer made of the octets at the head of a direction.
enum Framing {
    /// A message took so many octets, at least one; those not there yet are passed over when they come.
    case took(Int)
    /// Nothing can be said before so many octets are there.
    case needs(Int)
    /// What is there is not understood; the next delivery may be.
    case discard
    /// A message of so many octets ends the protocol: what follows in both directions is TLS.
    case startsTLS(after: Int)
    /// Nothing more is wanted of either direction.
    case stop
}

/// What octets that were lost do to an analyzer of messages with a length.
enum GapPolicy {
    case stops
    /// They are taken as never sent.
    case goesOn
    /// It goes on behind a message that nobody needs to see whole, or where `resumes` finds the head of one.
    case resumes
}

/// An analyzer of messages with a length. What spans deliveries is held here, up
/// to a bound; what lies inside one delivery is not copied.
class FramedAnalyzer: Analyzer {
    /// Octets of one unfinished message; a longer one is no message.
    static let messageBytesMax = 1 << 20
    /// Octets of a buffer that is kept for the next connection.
    private static let keptBytesMax = 8192

    /// One direction: the beginning of a message, and what is still missing of it.
    private struct Side {
        var held: [UInt8] = []
        var wanted = 0
        /// Octets to come that nobody needs.
        var passing = 0
        /// Octets were lost, and the head of a message is looked for, in so many deliveries more.
        var tries = 0
    }

    /// Deliveries in which the head of a message is looked for after a loss.
    private static let triesMax = 64

    private var sides: [2 of Side] = [Side(), Side()]
    private(set) final var isStopped = false
    private final var tls = InnerTLS()

    var atGap: GapPolicy { .stops }

    /// Octets of a message that somebody wanted were lost.
    func lost(from direction: Direction) {}

    /// Whether a message begins here, for sure enough to go on after a loss.
    func resumes(at bytes: RawSpan) -> Bool { false }

    /// Looks at what a direction has now, from the beginning of a message on.
    func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing { .stop }

    final override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        if tls.isActive { return tls.stream(bytes, from: direction, &context) }
        let side = Int(direction.rawValue)
        guard !isStopped else { return }
        if sides[side].tries > 0 {
            sides[side].tries &-= 1
            guard resumes(at: bytes) else {
                isStopped = sides[side].tries == 0
                return
            }
            sides[side].tries = 0
        }
        let passed = min(bytes.byteCount, sides[side].passing)
        sides[side].passing &-= passed
        guard passed < bytes.byteCount else { return }
        let fresh = bytes.extracting(passed..<bytes.byteCount)
        guard !sides[side].held.isEmpty else {
            let used = cut(fresh, from: direction, &context)
            return fresh.extracting(used..<fresh.byteCount).append(to: &sides[side].held)
        }
        fresh.append(to: &sides[side].held)
        guard sides[side].held.count >= sides[side].wanted else { return }
        // Out of the side while it is read.
        var whole: [UInt8] = []
        swap(&whole, &sides[side].held)
        let used = cut(whole.octets, from: direction, &context)
        if used == whole.count { whole.removeAll(keepingCapacity: true) } else { whole.removeSubrange(0..<used) }
        swap(&whole, &sides[side].held)
    }

    /// Cuts messages off the head; returns the octets that are done with.
    private func cut(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Int {
        let side = Int(direction.rawValue)
        var at = 0
        while at < bytes.byteCount {
            let left = bytes.byteCount &- at
            switch message(bytes.extracting(at..<bytes.byteCount), from: direction, &context) {
            case .took(let count):
                precondition(count > 0, "a message of no octets")
                guard count <= left else {
                    sides[side].passing = count &- left
                    return bytes.byteCount
                }
                at &+= count
                if isDetached { return bytes.byteCount }
            case .needs(let count):
                guard count <= FramedAnalyzer.messageBytesMax else {
                    violation(&context)
                    isStopped = true
                    return bytes.byteCount
                }
                sides[side].wanted = count
                return at
            case .discard: return bytes.byteCount
            case .startsTLS(let count):
                startTLS(behind: bytes.extracting(at &+ min(count, left) ..< bytes.byteCount), direction, &context)
                return bytes.byteCount
            case .stop:
                isStopped = true
                return bytes.byteCount
            }
        }
        return at
    }

    private func startTLS(behind rest: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext) {
        tls.begin(&context, in: kind)
        tls.stream(rest, from: direction, &context)
        var waiting: [UInt8] = []
        swap(&waiting, &sides[Int(direction.opposite.rawValue)].held)
        tls.stream(waiting.octets, from: direction.opposite, &context)
    }

    final override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        if tls.isActive { return tls.gap(count, from: direction, &context) }
        guard !isStopped, count > 0 else { return }
        let side = Int(direction.rawValue)
        switch atGap {
        case .stops: isStopped = true
        case .goesOn:
            // What was to be passed over may be lost; else the message goes on as if nothing had been.
            sides[side].passing = max(0, sides[side].passing &- count)
        case .resumes where count <= sides[side].passing: sides[side].passing &-= count
        case .resumes:
            sides[side].held.removeAll(keepingCapacity: true)
            (sides[side].wanted, sides[side].passing) = (0, 0)
            sides[side].tries = FramedAnalyzer.triesMax
            lost(from: direction)
        }
    }

    final override func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        tls.endOfStream(from: direction, &context)
    }

    override func finish(_ context: inout AnalyzerContext) {
        tls.finish(&context)
    }

    override func reset() {
        super.reset()
        for side in 0..<2 {
            let capacity = sides[side].held.capacity
            sides[side].held.removeAll(keepingCapacity: capacity <= FramedAnalyzer.keptBytesMax)
            sides[side].wanted = 0
            sides[side].passing = 0
            sides[side].tries = 0
        }
        isStopped = false
        tls.reset()
    }
}
