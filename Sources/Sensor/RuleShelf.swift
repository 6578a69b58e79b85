// SPDX-License-Identifier: Apache-2.0
//
// The newest rules of a sensor that runs: loaded aside, taken by each worker between batches.

package import Signatures
import Synchronization

/// Holds a rule set that may be replaced. Workers ask for its number, one atomic load a batch.
package final class RuleShelf: Sendable {
    private let held: Mutex<RuleIndex>
    private let generation = Atomic<Int>(0)

    package init(_ rules: RuleIndex) { held = Mutex(rules) }

    package var newest: RuleIndex { held.withLock { $0 } }
    package var number: Int { generation.load(ordering: .acquiring) }

    package func replace(with rules: RuleIndex) {
        held.withLock { $0 = rules }
        generation.add(1, ordering: .acquiringAndReleasing)
    }
}
