// SPDX-License-Identifier: Apache-2.0
//
// The newest of what a sensor that runs reads anew: rules, indicators.
//
// Reads   what somebody has made aside.
// Writes  it to those who use it, between two batches of their own.
// Leaves  making it, and when.

internal import Synchronization

/// Holds a value that may be replaced while it is used. Users ask for its number, one atomic load a batch.
package final class Shelf<Held: Sendable>: Sendable {
    private let held: Mutex<Held>
    private let generation = Atomic<Int>(1)

    package init(_ value: Held) { held = Mutex(value) }

    package var newest: Held { held.withLock { $0 } }
    package var number: Int { generation.load(ordering: .acquiring) }

    package func replace(with value: Held) {
        held.withLock { $0 = value }
        generation.add(1, ordering: .acquiringAndReleasing)
    }
}
