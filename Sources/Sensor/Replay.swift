// SPDX-License-Identifier: Apache-2.0
//
// Reading captures: the reader, the workers, and the collector behind them.
//
// Reads   a `CaptureSource`.
// Writes  rows to the outputs, a summary.
// Leaves  the command line (module weir), formats (Logs, Store).

package import Capture
import Protocols
import Records
package import Signatures
package import Store

/// One run over captures.
package struct Replay {
    private let settings: Settings
    private let workerCount: Int
    private let rules: RuleIndex?
    /// Called after each block, at most some times a second matters to the caller: octets
    /// consumed, octets in all where known, packets.
    package var progress: (@Sendable (_ consumed: Int, _ total: Int?, _ packets: UInt64) -> Void)?
    /// Counts what each rule costs; with one worker only.
    var profile: RuleProfile?

    /// Where packets are kept, if they are; ended with the run. `packetRun` names what is read: a second reading of the
    /// same captures has the same.
    package var ring: PacketRing?
    package var packetRun: UInt64 = 0

    package init(settings: Settings, workerCount: Int, rules: RuleIndex? = nil) {
        self.settings = settings
        self.rules = rules
        self.workerCount = max(1, min(64, workerCount))
    }

    /// Reads everything and writes everything. `source` keeps its warnings.
    package func run(_ source: inout CaptureSource, into outputs: Outputs) throws -> Summary {
        let selection = AnalyzerSelection(names: settings.analyzers, without: settings.analyzersOff)
        let collector = Collector(
            outputs: outputs, sensorName: settings.sensorName, logsTunnels: selection.logsTunnels,
            alerts: AlertDesk(settings.alerts, writesEvents: settings.protocols.wantsEvents))
        return workerCount == 1
            ? try runAlone(&source, collector, selection)
            : try runTogether(&source, collector, selection)
    }

    // MARK: one worker: everything on this thread

    private func runAlone(
        _ source: inout CaptureSource, _ collector: consuming Collector, _ selection: AnalyzerSelection
    ) throws -> Summary {
        var collector = collector
        var ingress = Ingress(settings: settings, workers: 1)
        var worker = Worker(
            number: 0, settings: settings, selection: selection, rules: rules, tap: tap(ring, packetRun))
        worker.engine?.profile = profile
        let block = WorkBlock()
        var parts = [WorkerOutput()]
        while try source.nextBlock(into: block.packets) {
            ingress.decode(block)
            collector.dayOrigin = block.dayOrigin
            while !worker.runPart(block) {
                worker.handOverPart(&parts[0])
                try collector.takePart(&parts)
            }
            worker.handOver(&parts[0])
            block.packets.release()
            try collector.take(
                &parts, ingress: block.notes, order: ingress.packetNumber << 1 | 1, time: ingress.networkTime)
            progress?(source.bytesConsumed, source.bytesTotal, ingress.counters.packets)
        }
        while !worker.finishPart(at: ingress.networkTime, packet: ingress.packetNumber) {
            worker.handOverPart(&parts[0])
            try collector.takePart(&parts)
        }
        worker.handOver(&parts[0])
        try collector.take(&parts, ingress: [], order: .max, time: ingress.networkTime)
        return try conclude(collector, ingress.counters, [parts[0].counters], ingress.networkTime, source)
    }

    // MARK: several workers, a reader (this thread), a collector

    private func runTogether(
        _ source: inout CaptureSource, _ collector: consuming Collector, _ selection: AnalyzerSelection
    ) throws -> Summary {
        let team = WorkerTeam(
            workerCount, settings: settings, selection: selection, rules: rules, collector: collector,
            tap: { [ring, packetRun] in tap(ring, packetRun) })
        var ingress = Ingress(settings: settings, workers: workerCount)
        var failure: (any Error)?
        do {
            while let block = team.freeBlock(), try source.nextBlock(into: block.packets) {
                ingress.decode(block)
                team.feed(block)
                progress?(source.bytesConsumed, source.bytesTotal, ingress.counters.packets)
            }
        } catch {
            failure = error
        }
        let done = try team.finish(at: ingress.networkTime, packet: ingress.packetNumber)
        if let failure { throw failure }
        return try conclude(done.collector, ingress.counters, done.counters, ingress.networkTime, source)
    }

    private func conclude(
        _ collector: consuming Collector, _ read: SensorCounters, _ workers: [SensorCounters], _ time: Timestamp,
        _ source: borrowing CaptureSource
    ) throws -> Summary {
        var collector = collector
        var counters = read
        for worker in workers { counters += worker }
        counters.weirdsSampled = collector.suppressedWeirds
        counters.limits += collector.limits
        counters.limits.met(.secrets, settings.protocols.keyLog?.refused ?? 0)
        ring?.finish()
        counters.ring = ring?.counters ?? PacketRingCounters()
        var stats = StatsRecord()
        stats.ts = time
        stats.counters = counters
        try collector.add(stats)
        let totals = try collector.finish()
        return Summary(
            counters: counters, rows: totals.rows, weirds: totals.weirds, warnings: source.warnings,
            filteredPackets: UInt64(source.filteredPackets), skippedPackets: UInt64(source.skippedPackets))
    }
}

/// A worker's way into the ring.
private func tap(_ ring: PacketRing?, _ run: UInt64) -> PacketTap? { ring.map { PacketTap($0, run: run) } }
