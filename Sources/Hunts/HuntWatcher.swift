// SPDX-License-Identifier: Apache-2.0
//
// Hunts beside a sensor, on a schedule.
//
// Reads   a plan.
// Writes  what its rounds write; lines for the operator.
// Leaves  what is hunted (`HuntPlan`).
//
// The packet path comes first: a round has one thread of the lowest priority, which does all the work itself.

import Foundation
import Glibc
import Query
import Store
import Synchronization

/// Runs a plan again and again, in a thread of its own.
package final class HuntWatcher: Sendable {
    private let plan: HuntPlan
    private let seconds: Int
    private let tell: @Sendable (HuntRound) -> Void
    private let control = QueryControl()
    private let bell = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// A sensor that was just started has something to look at after this many seconds.
    private static let firstSeconds = 60
    /// How long a stop waits for the hunt at hand.
    private static let patienceSeconds = 10

    /// Begins with a first round in a minute, or when one is due if that is sooner.
    ///
    /// - Parameters:
    ///   - seconds: between the end of a round and the next one.
    ///   - tell: gets each round that found something new or had a fault that the one before had not.
    package init(_ plan: HuntPlan, every seconds: Int, tell: @escaping @Sendable (HuntRound) -> Void) {
        (self.plan, self.seconds, self.tell) = (plan, seconds, tell)
        let thread = Thread { [self] in
            // Of the thread alone, on Linux.
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
            ScanCores.$count.withValue(1) { run() }
            ended.signal()
        }
        thread.name = "hunts"
        thread.start()
    }

    /// Cancels the hunt at hand and waits for its end, though not for ever: what was not written is found again.
    package func stop() {
        control.cancel()
        bell.signal()
        _ = ended.wait(timeout: .now() + .seconds(HuntWatcher.patienceSeconds))
    }

    private func run() {
        var known: [String] = []
        var pause = min(seconds, HuntWatcher.firstSeconds)
        while !control.isCancelled {
            guard bell.wait(timeout: .now() + .seconds(pause)) == .timedOut else { return }
            var round = plan.run(control)
            let faults = round.faults
            round.faults = faults.filter { !known.contains($0) }
            known = faults
            if round.findings > 0 || !round.faults.isEmpty { tell(round) }
            pause = seconds
        }
    }
}
