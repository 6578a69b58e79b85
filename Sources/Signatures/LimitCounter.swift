// SPDX-License-Identifier: Apache-2.0
//
// Thresholds: how many of a rule's matches become alerts.
//
// Reads   the times of matches.
// Writes  one counter for each rule and what it tracks.
// Leaves  whose counter it is (the flow's own, or the collector's).

package import Records

/// The state of one `threshold`, `detection_filter` or `event_filter`.
package struct LimitCounter: BitwiseCopyable, Sendable {
    private var count: UInt32 = 0
    private var windowStart = Timestamp.zero
    private var isRunning = false
    /// `backoff`: the count at which the next alert is due.
    private var next: UInt32 = 0

    package init() {}

    /// Counts a match; true where it becomes an alert. A window begins at its first match, and is
    /// over for a match that comes later than `seconds` after that.
    package mutating func admits(_ limit: RuleLimit, at now: Timestamp) -> Bool {
        let isOver = now.since(windowStart) > Int64(limit.seconds) &* 1_000_000_000
        switch limit.kind {
        case .limit:
            restart(now, ifOver: isOver)
            count &+= 1
            return count <= limit.count
        case .threshold:
            restart(now, ifOver: isOver)
            count &+= 1
            guard count >= limit.count else { return false }
            isRunning = false
            return true
        case .both:
            restart(now, ifOver: isOver)
            count &+= 1
            return count == limit.count
        case .detectionFilter:
            restart(now, ifOver: isOver)
            count &+= 1
            return count > limit.count
        case .backoff:
            if !isRunning {
                isRunning = true
                next = limit.count
            }
            count &+= 1
            guard count == next else { return false }
            next = next &* max(limit.multiplier, 1)
            return true
        case .rateFilter, .suppress: return true
        }
    }

    /// Counts a match of a `rate_filter`; true where there were more than so many in the window.
    package mutating func exceeds(_ limit: RuleLimit, at now: Timestamp) -> Bool {
        restart(now, ifOver: now.since(windowStart) > Int64(limit.seconds) &* 1_000_000_000)
        count &+= 1
        return count > limit.count
    }

    private mutating func restart(_ now: Timestamp, ifOver isOver: Bool) {
        guard !isRunning || isOver else { return }
        isRunning = true
        windowStart = now
        count = 0
    }
}
