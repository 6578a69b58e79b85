// SPDX-License-Identifier: Apache-2.0
//
// Watching an interface: a thread a socket, each with its own ingress and
// connections, and a collector behind them.
//
// Reads   `LiveInterface`s that are open already.
// Writes  rows to the outputs until it is told to stop.
// Leaves  opening, privileges and signals to the command.

package import Capture
import Foundation
import Protocols
package import Records
package import Signatures
package import Store
import Synchronization

/// Tells the threads of a live run to end; safe to use from a signal's handler queue.
package final class StopSignal: Sendable {
    private let flag = Atomic(false)
    package init() {}
    package func raise() { flag.store(true, ordering: .relaxed) }
    package var isRaised: Bool { flag.load(ordering: .relaxed) }
}

/// The signatures of a sensor, which may be replaced while it runs: loaded aside, taken by each worker between batches.
package typealias RuleShelf = Shelf<RuleIndex>

/// One run on an interface.
package struct Live: Sendable {
    private let settings: Settings
    private let stop: StopSignal
    /// Called with a line for the operator when something beside the packets goes wrong, such as a full disk.
    package var complain: (@Sendable (String) -> Void)?

    /// Where packets are kept, if they are; ended with the run.
    package var ring: PacketRing?

    /// The rules, which may change while it runs.
    private let rules: RuleShelf?

    package init(settings: Settings, stop: StopSignal, rules: RuleShelf? = nil) {
        self.settings = settings
        self.rules = rules
        self.stop = stop
    }

    private struct Share: Sendable {
        var worker: Int
        var output: WorkerOutput
        var notes: [Note]
        var counters: SensorCounters
        var time: Timestamp
        var isLast: Bool
    }

    /// Reads until the signal is raised or an interface fails; then ends every
    /// connection and writes everything.
    package func run(_ interfaces: [LiveInterface], into outputs: Outputs) throws -> Summary {
        let selection = AnalyzerSelection(names: settings.analyzers, without: settings.analyzersOff)
        let shares = Channel<Share>(capacity: interfaces.count * 64)
        let spare = Channel<WorkerOutput>(capacity: .max)
        let expectations = interfaces.count > 1 ? SharedExpectations() : nil
        let began = Live.wallClock
        let runners = interfaces.enumerated().map { number, interface in
            Runner(name: "worker \(number)") { [self] in
                try work(number, interface, selection, expectations, shares, spare, began: began)
            }
        }
        var collector = Collector(
            outputs: outputs, sensorName: settings.sensorName, logsTunnels: selection.logsTunnels,
            alerts: AlertDesk(settings.alerts, writesEvents: settings.protocols.wantsEvents))
        collector.dayOrigin = began
        var latest = [SensorCounters](repeating: SensorCounters(), count: interfaces.count)
        do {
            try collect(shares, spare, interfaces.count, &collector, &latest)
        } catch {
            // Nothing can be written any more: the workers must not wait for the collector.
            stop.raise()
            shares.close()
            throw error
        }
        // Where an interface failed, what was seen until then is written first.
        var failure: (any Error)?
        for runner in runners {
            do { try runner.join() } catch { failure = failure ?? error }
        }
        ring?.finish()
        let counters = counters(latest, collector)
        complain(of: collector)
        try collector.add(stats(counters))
        let totals = try collector.finish()
        if let failure { throw failure }
        return Summary(
            counters: counters, rows: totals.rows, weirds: totals.weirds, warnings: [], filteredPackets: 0,
            skippedPackets: 0)
    }

    private func counters(_ latest: [SensorCounters], _ collector: borrowing Collector) -> SensorCounters {
        var counters = latest.reduce(into: SensorCounters()) { $0 += $1 }
        counters.weirdsSampled = collector.suppressedWeirds
        counters.limits += collector.limits
        counters.limits.met(.secrets, settings.protocols.keyLog?.refused ?? 0)
        counters.storeRowsLost = collector.lostRowCount
        counters.ring = ring?.counters ?? PacketRingCounters()
        return counters
    }

    /// Tells the operator what went wrong beside the packets.
    private func complain(of collector: borrowing Collector) {
        for line in collector.complaints() { complain?(line) }
        for error in ring?.takeComplaints() ?? [] {
            complain?("\(error); packets are counted and lost until there is room")
        }
    }

    private func stats(_ counters: SensorCounters) -> StatsRecord {
        var record = StatsRecord()
        record.ts = Live.wallClock
        record.counters = counters
        return record
    }

    private func collect(
        _ shares: Channel<Share>, _ spare: Channel<WorkerOutput>, _ workers: Int, _ collector: inout Collector,
        _ latest: inout [SensorCounters]
    ) throws {
        var running = workers
        var nextFlush = Live.wallClock.adding(Int64(settings.flushIntervalSeconds) * second)
        var nextStats = Live.wallClock.adding(Int64(settings.statsIntervalSeconds) * second)
        while running > 0, let share = shares.receive() {
            var parts = [share.output]
            latest[share.worker] = share.counters
            try collector.take(&parts, ingress: share.notes, order: .max, time: share.time)
            spare.send(parts[0])
            if share.isLast { running -= 1 }
            let now = Live.wallClock
            if now >= nextStats {
                try collector.add(stats(counters(latest, collector)))
                nextStats = now.adding(Int64(settings.statsIntervalSeconds) * second)
            }
            if now >= nextFlush {
                try collector.flush(at: share.time)
                complain(of: collector)
                nextFlush = now.adding(Int64(settings.flushIntervalSeconds) * second)
            }
        }
    }

    /// One worker's thread. Hands over when there is something, and once a second in any case.
    private func work(
        _ number: Int, _ interface: LiveInterface, _ selection: AnalyzerSelection,
        _ expectations: SharedExpectations?, _ shares: Channel<Share>, _ spare: Channel<WorkerOutput>,
        began: Timestamp
    ) throws {
        var ingress = Ingress(
            settings: settings, workers: 1, firstTunnel: UInt32(number) << 18 + 1, dayOrigin: began)
        var worker = Worker(
            number: 0, settings: settings, selection: selection, shared: expectations, rules: rules?.newest,
            tap: ring.map { PacketTap($0, run: .random(in: .min ... .max)) })
        let block = WorkBlock()
        var generation = rules?.number ?? 0
        var clock = Timestamp.zero
        var nextShare = Timestamp.zero
        var failure: (any Error)?
        while !stop.isRaised, failure == nil {
            do {
                _ = try interface.nextBlock(into: block.packets)
            } catch {
                failure = error
                stop.raise()
            }
            ingress.decode(block)
            if let rules, rules.number != generation {
                generation = rules.number
                worker.reload(rules.newest)
            }
            worker.run(block)
            let wall = Live.wallClock
            worker.tap?.handOver(at: wall)
            clock = max(clock, ingress.networkTime, wall.adding(-second))
            worker.tick(to: clock)
            guard wall >= nextShare || worker.hasOutput || !block.notes.isEmpty else { continue }
            nextShare = wall.adding(second)
            shares.send(share(number, &worker, ingress, block.notes, interface, spare, clock, isLast: false))
        }
        worker.finish(at: clock, packet: ingress.packetNumber)
        shares.send(share(number, &worker, ingress, [], interface, spare, clock, isLast: true))
        if let failure { throw failure }
    }

    private func share(
        _ number: Int, _ worker: inout Worker, _ ingress: borrowing Ingress, _ notes: [Note],
        _ interface: LiveInterface, _ spare: Channel<WorkerOutput>, _ clock: Timestamp, isLast: Bool
    ) -> Share {
        var output = spare.poll() ?? WorkerOutput()
        worker.handOver(&output)
        var counters = ingress.counters
        counters += output.counters
        let kernel = interface.statistics()
        counters.kernelReceived = kernel.received
        counters.kernelDropped = kernel.dropped
        counters.interfaceDropped = kernel.interfaceDropped
        return Share(worker: number, output: output, notes: notes, counters: counters, time: clock, isLast: isLast)
    }

    /// Now, from the system's clock; the live run is the only place that looks at it.
    private static var wallClock: Timestamp {
        Timestamp(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9))
    }
}
