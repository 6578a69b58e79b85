// SPDX-License-Identifier: Apache-2.0
//
// The walk over one buffer: a rule's steps in the order written, with one cursor
// and bounded backtracking (specification section 2).
//
// Reads   borrowed octets, the steps of a `BufferTest`.
// Writes  where the last match stands, captures.
// Leaves  which buffers, when (the engine); bytes and numbers (Walker+Bytes.swift),
//         transforms (Walker+Transforms.swift).

import Wire

/// Walks over buffers; one for each worker. Nothing is copied, and nothing
/// allocated once its own buffers have grown.
package final class Walker {
    /// What is known of the stretch at hand.
    package struct Window: Sendable, BitwiseCopyable {
        /// Where the first octet stands in the whole stream or body.
        package var streamOffset: UInt64 = 0
        /// Nothing follows: the size of the buffer is known.
        package var isComplete = true
        /// The byte order that a DCE/RPC header gives; nil where there is none.
        package var isLittleDCE: Bool?

        package init(streamOffset: UInt64 = 0, isComplete: Bool = true, isLittleDCE: Bool? = nil) {
            self.streamOffset = streamOffset
            self.isComplete = isComplete
            self.isLittleDCE = isLittleDCE
        }
    }

    /// Steps of one walk, repetitions counted: Suricata's `inspection-recursion-limit`.
    package static let stepsMax = 3000

    /// How a step, and all that follow it, came out.
    enum Outcome {
        case match
        /// Another hit of the step before may help.
        case noMatch
        /// Nothing helps: the buffer is given up.
        case stop
    }

    let set: RuleSet
    /// Offset from the buffer's start that relative steps count from.
    var cursor = 0
    /// Values of byte_extract and byte_math, by variable.
    var values = [UInt64](repeating: 0, count: 256)
    /// What `base64_decode` has decoded.
    var decoded: [UInt8] = []
    let regexScratch = RegexScratch()
    let transformer = Transformer()
    private var stepsTaken = 0
    /// Where the next try of an expression begins; 0: anywhere.
    private var regexStart = 0

    /// The last content or expression of the walk that matched.
    package private(set) var lastMatch: (offset: Int, count: Int)?
    /// Captures of the walk that matched, as ranges of its buffer.
    package private(set) var captures: [(capture: Capture, range: Range<Int>)] = []
    /// How many steps of the list the last walk came to; for `weir rules test`.
    package private(set) var deepestStep = 0
    /// Walks that reached `stepsMax`.
    package private(set) var limitsReached: UInt64 = 0

    package init(_ set: RuleSet) { self.set = set }

    /// Whether all steps of a list hold for `bytes`, which its transforms have changed already.
    package func matches(_ test: BufferTest, _ bytes: RawSpan, _ window: Window = Window()) -> Bool {
        guard test.absence != .mustBeAbsent else { return false }
        cursor = 0
        stepsTaken = 0
        regexStart = 0
        lastMatch = nil
        deepestStep = 0
        if !captures.isEmpty { captures.removeAll(keepingCapacity: true) }
        guard !test.steps.isEmpty else { return true }
        let patterns = set.patterns
        let outcome = walk(
            Int(test.steps.start), test.steps.indices.upperBound, bytes, window, patterns.octets)
        if deepestStep > 0 { deepestStep &-= Int(test.steps.start) }
        return outcome == .match
    }

    /// The steps from `index` on.
    func walk(_ index: Int, _ end: Int, _ bytes: RawSpan, _ window: Window, _ patterns: RawSpan) -> Outcome {
        stepsTaken &+= 1
        guard stepsTaken < Walker.stepsMax else {
            limitsReached &+= 1
            return .stop
        }
        deepestStep = max(deepestStep, index)
        switch set.steps[index] {
        case .content(let step): return content(step, index, end, bytes, window, patterns)
        case .regex(let step): return regex(step, index, end, bytes, window, patterns)
        case .base64(let step): return base64(step, bytes, patterns)
        case .isDataAt(let step):
            return proceed(holds(step, bytes), index, end, bytes, window, patterns)
        case .byteTest(let step):
            return proceed(holds(step, bytes, window) ? .match : .noMatch, index, end, bytes, window, patterns)
        case .byteJump(let step):
            return proceed(jumps(step, bytes, window) ? .match : .noMatch, index, end, bytes, window, patterns)
        case .byteExtract(let step):
            return proceed(extracts(step, bytes, window) ? .match : .noMatch, index, end, bytes, window, patterns)
        case .byteMath(let step):
            return proceed(computes(step, bytes, window) ? .match : .noMatch, index, end, bytes, window, patterns)
        case .size(let test):
            return proceed(Walker.size(test, bytes.byteCount, window), index, end, bytes, window, patterns)
        case .entropy(let step):
            return proceed(Walker.holds(step, bytes) ? .match : .noMatch, index, end, bytes, window, patterns)
        case .dataset(let step):
            return proceed(holds(step, bytes) ? .match : .stop, index, end, bytes, window, patterns)
        }
    }

    /// The next step where this one holds.
    @inline(__always)
    private func proceed(
        _ outcome: Outcome, _ index: Int, _ end: Int, _ bytes: RawSpan, _ window: Window, _ patterns: RawSpan
    ) -> Outcome {
        guard outcome == .match, index &+ 1 < end else { return outcome }
        return walk(index &+ 1, end, bytes, window, patterns)
    }

    // MARK: contents

    private func content(
        _ step: ContentStep, _ index: Int, _ end: Int, _ bytes: RawSpan, _ window: Window, _ patterns: RawSpan
    ) -> Outcome {
        let flags = step.flags
        let start = cursor
        let pattern = patterns.extracting(step.pattern.indices)
        let isNegated = flags.contains(.isNegated)
        guard let place = self.window(step, bytes, window, from: start) else { return .noMatch }
        var offset = place.offset
        while true {
            guard offset <= place.depth, place.depth > 0 else {
                return isNegated ? proceed(.match, index, end, bytes, window, patterns) : .noMatch
            }
            var found: Int?
            if !(flags.contains(.endsWith) && place.depth < bytes.byteCount) {
                found = PatternSearch.first(
                    pattern, in: bytes, offset, place.depth, isCaseless: flags.contains(.isCaseless))
            }
            guard let found else {
                if isNegated { return proceed(.match, index, end, bytes, window, patterns) }
                return flags.isDisjoint(with: [.hasDistance, .hasWithin]) ? .stop : .noMatch
            }
            let after = found &+ pattern.byteCount
            if isNegated {
                // Only the first hit is looked at: one that is not at the end counts as none.
                if flags.contains(.endsWith), place.depth &- offset != after {
                    return proceed(.match, index, end, bytes, window, patterns)
                }
                let isSingle = flags.isDisjoint(with: [.hasDistance, .hasWithin, .hasFollower, .hasDepth, .hasOffset])
                return isSingle ? .stop : .noMatch
            }
            cursor = after
            if !flags.contains(.endsWith) || after == bytes.byteCount {
                lastMatch = (found, pattern.byteCount)
                guard index &+ 1 < end else { return .match }
                let outcome = walk(index &+ 1, end, bytes, window, patterns)
                guard outcome == .noMatch else { return outcome }
                // The next step does not count from here: no other hit helps.
                guard flags.contains(.leadsOn) else { return .stop }
            }
            offset = found &+ 1
        }
    }

    /// The stretch in which a content may stand; nil where a part of a stream has passed it already.
    private func window(
        _ step: ContentStep, _ bytes: RawSpan, _ window: Window, from start: Int
    ) -> (offset: Int, depth: Int)? {
        let flags = step.flags
        let count = bytes.byteCount
        var offset = 0
        var depth = count
        if !flags.isDisjoint(with: [.hasDistance, .hasWithin]) {
            let distance = flags.contains(.hasDistance) ? number(step.distance, flags.contains(.distanceIsVariable)) : 0
            // A way back beyond the start ends at the start.
            offset = max(0, start &+ distance)
            if flags.contains(.hasWithin) {
                let limit = start &+ number(step.within, flags.contains(.withinIsVariable)) &+ distance
                // A limit before the start is none, as in Suricata's unsigned arithmetic.
                if limit >= 0, limit < depth { depth = limit }
                if window.streamOffset != 0, start == 0 {
                    guard let shifted = Walker.shift(depth, window.streamOffset, count) else { return nil }
                    depth = shifted
                }
            }
        } else {
            if flags.contains(.hasOffset) { offset = number(step.offset, flags.contains(.offsetIsVariable)) }
            if flags.contains(.hasDepth) {
                depth = number(step.depth, flags.contains(.depthIsVariable)) &+ offset
                if window.streamOffset != 0 {
                    guard let shifted = Walker.shift(depth, window.streamOffset, count) else { return nil }
                    depth = shifted
                }
            }
        }
        return (offset, min(depth, count))
    }

    /// A depth from the start of a stream, seen from a part of it.
    private static func shift(_ depth: Int, _ streamOffset: UInt64, _ count: Int) -> Int? {
        let start = Int(clamping: streamOffset)
        guard depth > start else { return nil }
        return depth >= start.addingReportingOverflow(count).partialValue ? depth : depth &- start
    }

    /// A number of a rule, or the value of the variable that it names.
    func number(_ value: Int32, _ isVariable: Bool) -> Int {
        guard isVariable else { return Int(value) }
        return Int(truncatingIfNeeded: values[Int(value) & 0xFF] & 0xFFFF_FFFF)
    }

    // MARK: expressions

    private func regex(
        _ step: RegexStep, _ index: Int, _ end: Int, _ bytes: RawSpan, _ window: Window, _ patterns: RawSpan
    ) -> Outcome {
        let start = cursor
        regexStart = 0
        while true {
            guard finds(step, bytes) else { return .noMatch }
            guard step.flags.contains(.leadsOn) else { return proceed(.match, index, end, bytes, window, patterns) }
            let next = regexStart
            guard index &+ 1 < end else { return .match }
            let outcome = walk(index &+ 1, end, bytes, window, patterns)
            guard outcome == .noMatch else { return outcome }
            // A negated expression has no other place.
            guard next != 0 else { return .noMatch }
            cursor = start
            regexStart = next
        }
    }

    /// A relative expression has the rest of the buffer as its subject: `^` is at the cursor.
    private func finds(_ step: RegexStep, _ bytes: RawSpan) -> Bool {
        let isNegated = step.flags.contains(.isNegated)
        let base = step.flags.contains(.isRelative) ? cursor : 0
        guard base <= bytes.byteCount, !(step.flags.contains(.isRelative) && base == bytes.byteCount) else {
            return false
        }
        let subject = bytes.extracting(base..<bytes.byteCount)
        let from = max(0, regexStart &- base)
        guard set.regexes[Int(step.regex)].matches(subject, from: from, regexScratch) else { return isNegated }
        guard !isNegated, let whole = regexScratch.range(0) else { return false }
        cursor = base &+ whole.upperBound
        regexStart = base &+ whole.lowerBound &+ 1
        lastMatch = (base &+ whole.lowerBound, whole.count)
        for (group, capture) in step.captures.indices.enumerated() {
            guard let range = regexScratch.range(group &+ 1) else { continue }
            captures.append((set.captures[capture], base &+ range.lowerBound..<base &+ range.upperBound))
        }
        return true
    }

    // MARK: base64

    /// What is decoded is a buffer of its own with a list of its own, which ends the walk.
    private func base64(_ step: Base64Step, _ bytes: RawSpan, _ patterns: RawSpan) -> Outcome {
        var start = step.isRelative ? cursor : 0
        guard start <= bytes.byteCount else { return .noMatch }
        if step.offset > 0 {
            guard Int(step.offset) < bytes.byteCount &- start else { return .noMatch }
            start &+= Int(step.offset)
        }
        var count = bytes.byteCount &- start
        if step.bytes > 0 { count = min(count, Int(step.bytes)) }
        guard !step.steps.isEmpty, count > 0 else { return .noMatch }
        // Taken out for the walk, which borrows it; base64 does not nest.
        var text = decoded
        decoded = []
        text.removeAll(keepingCapacity: true)
        _ = Base64.decode(bytes.extracting(start..<start &+ count), mode: .rfc4648, into: &text)
        var outcome = Outcome.noMatch
        if !text.isEmpty {
            cursor = 0
            outcome = walk(
                Int(step.steps.start), step.steps.indices.upperBound, text.octets, Window(), patterns)
        }
        decoded = text
        return outcome == .match ? .match : .noMatch
    }
}
