// SPDX-License-Identifier: Apache-2.0
//
// When connections end, by packet time.

import Records
import Testing

@testable import Flows

@Suite("Flow timers") struct FlowTimerTests {
    @Test func `an attempt without answer ends after five seconds`() {
        var script = FlowScript()
        script.tcp(.originator, "S", 1000)
        script.wait(4.9)
        #expect(script.ends.isEmpty)
        script.wait(0.1)
        #expect(script.ends == [.attempt])
    }

    @Test func `a closed connection ends five seconds after its last segment`() {
        var script = FlowScript()
        script.handshake()
        script.wait(10)
        script.tcp(.originator, "FA", 1001, 1001)
        script.tcp(.responder, "FA", 1001, 1002)
        script.tcp(.originator, "A", 1002, 1002)
        script.wait(4.9)
        #expect(script.ends.isEmpty)
        script.wait(0.2)
        #expect(script.ends == [.closed])
    }

    @Test func `a reset connection ends five seconds later`() {
        var script = FlowScript()
        script.handshake()
        script.tcp(.responder, "R", 1001)
        script.wait(5)
        #expect(script.ends == [.closed])
    }

    @Test func `an established connection ends after five minutes of silence`() {
        var script = FlowScript()
        script.handshake()
        for _ in 0..<59 { script.wait(5) }
        #expect(script.ends.isEmpty)
        script.wait(5)
        #expect(script.ends == [.inactivity])
    }

    @Test func `a segment in between starts the five minutes anew`() {
        var script = FlowScript()
        script.handshake()
        script.wait(299)
        script.tcp(.originator, "A", 1001, 1001)
        script.wait(299)
        #expect(script.ends.isEmpty)
        script.wait(2)
        #expect(script.ends == [.inactivity])
    }

    @Test(arguments: [UInt16(21), 22, 23, 513])
    func `where people think the silence may last an hour`(_ port: UInt16) {
        var script = FlowScript()
        script.responderPort = port
        script.handshake()
        script.wait(3599)
        #expect(script.ends.isEmpty)
        script.wait(2)
        #expect(script.ends == [.inactivity])
    }

    @Test func `half a close waits for the other half, but not in silence for ever`() {
        var script = FlowScript()
        script.handshake()
        script.tcp(.originator, "FA", 1001, 1001)
        script.wait(60)
        #expect(script.ends.isEmpty)
        script.wait(240)
        #expect(script.ends == [.inactivity])
    }

    @Test func `a flow of UDP ends after a minute`() {
        var script = FlowScript()
        script.udp(.originator, [1])
        script.wait(59)
        script.udp(.responder, [2])
        script.wait(59)
        #expect(script.ends.isEmpty)
        script.wait(1)
        #expect(script.ends == [.inactivity])
    }

    @Test func `an analyzer can ask for another time-out`() {
        var script = FlowScript()
        script.udp(.originator, [1])
        script.table.apply(.inactivity(10 * second), to: script.started[0])
        script.wait(10)
        #expect(script.ends == [.inactivity])
    }

    @Test func `a connection that goes on gets a row each hour`() {
        var script = FlowScript()
        script.handshake()
        for _ in 0..<(4 * 60) {
            script.wait(60)
            script.tcp(.originator, "A", 1001, 1001)
        }
        #expect(script.openRows == 4)
        #expect(script.ends.isEmpty)
    }

    @Test func `a packet after the end begins another connection`() {
        var script = FlowScript()
        script.udp(.originator, [1])
        script.wait(61)
        script.udp(.originator, [1])
        script.finish()
        #expect(script.started.count == 2)
        #expect(script.rows[0].uid != script.rows[1].uid)
    }

    @Test func `the clock does not go back`() {
        var script = FlowScript()
        script.udp(.originator, [1])
        script.wait(61)
        script.now = script.now.adding(-100 * second)
        script.udp(.originator, [1])
        #expect(script.started.count == 2)
    }

    /// Rows and the times of their writing, of random traffic on 24 ports, of which the table gets
    /// those that leave `part` when divided by `parts`; of the others it gets the time only.
    private func rows(_ seed: Int, part: Int, of parts: Int) -> [String] {
        var dice = Dice(state: UInt64(seed))
        var script = FlowScript()
        let flags = ["S", "SA", "A", "PA", "FA", "R"]
        for step in 0..<1500 {
            let port = Int.random(in: 0..<24, using: &dice)
            let choice = Int.random(in: 0..<12, using: &dice)
            let direction = Bool.random(using: &dice) ? Direction.originator : .responder
            let size = Int.random(in: 0..<3, using: &dice)
            let isPause = Int.random(in: 0..<20, using: &dice) == 0
            script.now = script.now.adding(Int64.random(in: 0 ..< (isPause ? 90 : 1) * second, using: &dice))
            script.originatorPort = UInt16(30_000 + port)
            guard port % parts == part else {
                script.wait(0)
                continue
            }
            if choice < flags.count {
                script.tcp(
                    direction, flags[choice], 1000 &+ UInt32(step), 1000 &+ UInt32(step / 2),
                    [UInt8](repeating: 0, count: size))
            } else {
                script.udp(direction, [UInt8](repeating: 0, count: size))
            }
        }
        script.finish()
        return zip(script.rows, script.rowTimes).map { row, time in
            let id = row.id.map { "\($0.originatorPort) \($0.responderPort) \($0.transport)" } ?? ""
            return "\(id) \(row.ts.nanoseconds) \(row.uid?.value ?? 0) \(row.summaryText) \(time.nanoseconds)"
        }
    }

    @Test(arguments: 0..<6)
    func `rows do not depend on how connections are spread over tables`(_ seed: Int) {
        let whole = rows(seed, part: 0, of: 1)
        let parts = (0..<3).flatMap { rows(seed, part: $0, of: 3) }
        #expect(whole.count > 100)
        #expect(whole.sorted() == parts.sorted())
    }

    @Test(arguments: 0..<10)
    func `timers come out in their order`(_ seed: Int) {
        var dice = Dice(state: UInt64(seed))
        var heap = TimerHeap()
        var deadlines: [Int64] = []
        for _ in 0..<500 {
            let deadline = Int64.random(in: 0..<200, using: &dice)
            deadlines.append(deadline)
            heap.push(TimerEntry(deadline: deadline, slot: 0, generation: 0))
        }
        var popped: [Int64] = []
        #expect(heap.pop(dueAt: -1)?.slot == nil)
        while let entry = heap.pop(dueAt: .max) { popped.append(entry.deadline) }
        #expect(popped == deadlines.sorted())
        #expect(heap.next == .max)
    }
}
