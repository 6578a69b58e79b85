// SPDX-License-Identifier: Apache-2.0
//
// What each rule costs while packets are inspected.
//
// Reads   the clock, around each evaluation; only where a profile is asked for.
// Writes  counts and times by rule.
// Leaves  the search for fast patterns, which no rule alone pays for.

/// Counts of one engine. Used by one thread.
package final class RuleProfile {
    /// One rule's share.
    package struct Entry: Sendable {
        /// How often it was evaluated: its fast pattern was found, or it has none.
        package var candidates: UInt64 = 0
        package var matches: UInt64 = 0
        package var nanoseconds: Int64 = 0
    }

    /// By the rule's place in the set.
    package private(set) var entries: [Entry]
    private var running: (rule: Int, start: ContinuousClock.Instant)?

    package init(ruleCount: Int) { entries = [Entry](repeating: Entry(), count: ruleCount) }

    /// The evaluation of a rule begins; that of the rule before has ended.
    func begin(_ rule: UInt32) {
        let now = ContinuousClock.now
        stop(at: now)
        entries[Int(rule)].candidates &+= 1
        running = (Int(rule), now)
    }

    func match(_ rule: UInt32) { entries[Int(rule)].matches &+= 1 }

    /// The last evaluation of a list has ended.
    func stop() { stop(at: .now) }

    private func stop(at now: ContinuousClock.Instant) {
        guard let last = running else { return }
        let (seconds, attoseconds) = last.start.duration(to: now).components
        entries[last.rule].nanoseconds &+= seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
        running = nil
    }
}
