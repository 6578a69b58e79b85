// SPDX-License-Identifier: Apache-2.0
//
// What another thread may say to a running question, and ask of it.

import Synchronization

/// Stops a question and says how far it is. Safe to share between threads, and to use in a signal's handler.
package final class QueryControl: Sendable {
    private let cancelled = Atomic(false)
    private let wanted = Atomic(0)
    private let done = Atomic(0)

    private let onAnswer: @Sendable () -> Void

    /// - Parameter onAnswer: called before the first octets of an answer are written.
    package init(onAnswer: @escaping @Sendable () -> Void = {}) { self.onAnswer = onAnswer }

    func beginAnswer() { onAnswer() }

    /// Has the question end with `QueryError.cancelled` as soon as it can.
    package func cancel() { cancelled.store(true, ordering: .relaxed) }

    /// Makes the control good for another question.
    package func reset() {
        cancelled.store(false, ordering: .relaxed)
        wanted.store(0, ordering: .relaxed)
        done.store(0, ordering: .relaxed)
    }

    package var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// Rows of the store that are to be looked at, as far as it is known, and those that were.
    package var progress: (rowsDone: Int, rowsWanted: Int) {
        (done.load(ordering: .relaxed), wanted.load(ordering: .relaxed))
    }

    func want(rows: Int) { wanted.wrappingAdd(rows, ordering: .relaxed) }
    func finish(rows: Int) { done.wrappingAdd(rows, ordering: .relaxed) }
}
