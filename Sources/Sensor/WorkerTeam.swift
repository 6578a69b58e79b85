// SPDX-License-Identifier: Apache-2.0
//
// Several workers and a collector, each on its own thread, fed by one reader.
//
// Reads   blocks whose datagrams are placed.
// Writes  the collector's outputs.
// Leaves  reading and decoding (the caller's thread).

import Capture
import Protocols
import Records
import Signatures

/// Blocks go round: reader → every worker → collector → reader. Their number bounds memory.
final class WorkerTeam: Sendable {
    /// Blocks in flight.
    private static let blockCount = 8

    /// What a worker hands on after one block, or at the end.
    private struct Share: Sendable {
        var output: WorkerOutput
        var block: WorkBlock?
    }

    /// What the threads leave behind.
    struct Done: ~Copyable {
        var collector: Collector
        var counters: [SensorCounters]
    }

    /// The collector, owned by its thread until that has ended.
    // Safe: one thread uses it, and the caller only after joining that thread.
    @safe private final class Desk: @unchecked Sendable {
        var collector: Collector?
        var counters: [SensorCounters] = []
        init(_ collector: consuming Collector) { self.collector = consume collector }
    }

    private let free = Channel<WorkBlock>(capacity: blockCount)
    private let feeds: [Channel<WorkBlock>]
    private let shares: [Channel<Share>]
    private let end = Guarded((time: Timestamp.zero, packet: UInt64(0)))
    private let desk: Desk
    private let runners: Guarded<[Runner]> = Guarded([])

    init(
        _ count: Int, settings: Settings, selection: AnalyzerSelection, rules: RuleIndex?,
        collector: consuming Collector, tap: @escaping @Sendable () -> PacketTap?
    ) {
        feeds = (0..<count).map { _ in Channel<WorkBlock>(capacity: WorkerTeam.blockCount) }
        shares = (0..<count).map { _ in Channel<Share>(capacity: WorkerTeam.blockCount) }
        desk = Desk(collector)
        for _ in 0..<WorkerTeam.blockCount { free.send(WorkBlock()) }
        let spare = Channel<WorkerOutput>(capacity: .max)
        let shared = count > 1 ? SharedExpectations() : nil
        for number in 0..<count {
            let (feed, share, end) = (feeds[number], shares[number], end)
            runners.value.append(
                Runner(name: "worker \(number)") {
                    WorkerTeam.work(
                        Worker(
                            number: number, settings: settings, selection: selection, shared: shared, rules: rules,
                            tap: tap()),
                        feed, share, spare, end)
                })
        }
        let (free, shares, desk) = (free, shares, desk)
        runners.value.append(
            Runner(name: "collector") {
                // Whatever ends the collector ends the run: nobody may wait for it.
                defer {
                    free.close()
                    for share in shares { share.close() }
                }
                try WorkerTeam.collect(desk, shares, free, spare)
            })
    }

    /// A block to fill; nil where the run is over because of an error.
    func freeBlock() -> WorkBlock? { free.receive() }

    /// Hands a block to every worker.
    func feed(_ block: WorkBlock) {
        for feed in feeds { feed.send(block) }
    }

    /// Ends every connection, waits for all threads, and gives the collector back.
    func finish(at time: Timestamp, packet: UInt64) throws -> Done {
        end.value = (time, packet)
        for feed in feeds { feed.close() }
        for runner in runners.value { try runner.join() }
        guard let collector = desk.collector.take() else {
            preconditionFailure("the collector was given back twice")
        }
        return Done(collector: collector, counters: desk.counters)
    }

    private static func work(
        _ worker: consuming Worker, _ feed: Channel<WorkBlock>, _ share: Channel<Share>,
        _ spare: Channel<WorkerOutput>, _ end: Guarded<(time: Timestamp, packet: UInt64)>
    ) {
        var worker = worker
        while let block = feed.receive() {
            var output = spare.poll() ?? WorkerOutput()
            worker.run(block)
            worker.handOver(&output)
            share.send(Share(output: output, block: block))
        }
        var output = spare.poll() ?? WorkerOutput()
        worker.finish(at: end.value.time, packet: end.value.packet)
        worker.handOver(&output)
        share.send(Share(output: output, block: nil))
        share.close()
    }

    private static func collect(
        _ desk: Desk, _ shares: [Channel<Share>], _ free: Channel<WorkBlock>, _ spare: Channel<WorkerOutput>
    ) throws {
        var time = Timestamp.zero
        while true {
            var parts: [WorkerOutput] = []
            var block: WorkBlock?
            for share in shares {
                guard let next = share.receive() else { return }
                parts.append(next.output)
                block = next.block
            }
            time = block?.networkTimes.last ?? time
            let order = block.map { ($0.firstPacket &+ UInt64($0.networkTimes.count) &- 1) << 1 | 1 } ?? .max
            if let block { desk.collector?.dayOrigin = block.dayOrigin }
            try desk.collector?.take(&parts, ingress: block?.notes ?? [], order: order, time: time)
            desk.counters = parts.map(\.counters)
            guard let block else { return }
            for part in parts { spare.send(part) }
            block.packets.release()
            free.send(block)
        }
    }
}
