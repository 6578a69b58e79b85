// SPDX-License-Identifier: Apache-2.0
//
// A bounded queue between two threads.

import Foundation

/// First in, first out; `send` waits while the queue is full, `receive` while it is empty.
final class Channel<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isClosed = false
    }

    private let condition = NSCondition()
    private let state: Guarded<State>
    private let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        state = Guarded(State())
    }

    /// False where the channel was closed: the element is not taken.
    @discardableResult
    func send(_ element: Element) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while state.value.elements.count >= capacity, !state.value.isClosed { condition.wait() }
        guard !state.value.isClosed else { return false }
        state.value.elements.append(element)
        condition.broadcast()
        return true
    }

    /// The next element; nil when the channel is closed and empty.
    func receive() -> Element? {
        condition.lock()
        defer { condition.unlock() }
        while state.value.elements.isEmpty, !state.value.isClosed { condition.wait() }
        guard !state.value.elements.isEmpty else { return nil }
        condition.broadcast()
        return state.value.elements.removeFirst()
    }

    /// The next element if there is one now.
    func poll() -> Element? {
        condition.lock()
        defer { condition.unlock() }
        guard !state.value.elements.isEmpty else { return nil }
        condition.broadcast()
        return state.value.elements.removeFirst()
    }

    /// Nothing more is sent; what is in the queue is still received.
    func close() {
        condition.lock()
        state.value.isClosed = true
        condition.broadcast()
        condition.unlock()
    }
}

/// A value that a lock outside guards.
// Safe: every use is between lock and unlock of the condition beside it.
@safe final class Guarded<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}

/// Runs `body` on a thread of its own; `join` waits for its end and gives what it threw.
final class Runner: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let failure = Guarded<(any Error)?>(nil)

    init(name: String, _ body: @escaping @Sendable () throws -> Void) {
        let thread = Thread { [done, failure] in
            do {
                try body()
            } catch {
                failure.value = error
            }
            done.signal()
        }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }

    func join() throws {
        done.wait()
        if let error = failure.value { throw error }
    }
}
