// SPDX-License-Identifier: Apache-2.0
//
// The worker that empties the outbox: every connector for itself, so that one that hangs holds up nobody else.
//
// Reads   the feed of incidents, the outbox.
// Writes  deliveries and what came of them.
// Leaves  how a system is spoken to (the connectors).

internal import Foundation
internal import Synchronization

/// Time and chance; tests bring their own.
package struct HandoffClock: Sendable {
    /// Microseconds since 1970.
    package var now: @Sendable () -> Int64
    /// Waits some seconds, or less when nobody is interested any more.
    package var sleep: @Sendable (Double) async -> Void
    /// 0 up to 1.
    package var chance: @Sendable () -> Double

    package init(
        now: @escaping @Sendable () -> Int64, sleep: @escaping @Sendable (Double) async -> Void,
        chance: @escaping @Sendable () -> Double
    ) {
        (self.now, self.sleep, self.chance) = (now, sleep, chance)
    }

    package static let system = HandoffClock(
        now: { UTC.now }, sleep: { try? await Task.sleep(for: .seconds($0)) }, chance: { Double.random(in: 0..<1) })
}

/// What a run did.
package struct HandoffSummary: Sendable, Equatable {
    package var delivered = 0
    package var failed = 0
    package var dead = 0
    /// Left waiting at the end.
    package var waiting = 0
    package var stopped: [String] = []
}

/// Hands incidents on until it is told to stop.
package final class HandoffWorker: Sendable {
    package enum Mode: Sendable, Equatable {
        case forever
        /// Until nothing is left, or what is left has to wait longer than these seconds from the start.
        case once(wait: Double)
    }

    /// Seconds between looks at the store.
    private static let tickSeconds = 0.5
    private static let refreshEverySeconds = 5.0
    private static let recoverEveryMicroseconds: Int64 = 30_000_000
    /// While credentials are refused.
    private static let pause = BackOff(firstSeconds: 300, longestSeconds: 3_600)

    private let outbox: Outbox
    private let feed: any IncidentFeed
    private let connectors: [any Connector]
    private let clock: HandoffClock
    private let backOff: BackOff
    private let report: @Sendable (String) -> Void
    private let owner: String
    private let isStopping = Atomic<Bool>(false)
    private let summary = Mutex(HandoffSummary())

    /// - Parameter report: takes one line for each thing that an operator should know.
    package init(
        outbox: Outbox, feed: any IncidentFeed, connectors: [any Connector], clock: HandoffClock = .system,
        report: @escaping @Sendable (String) -> Void
    ) {
        (self.outbox, self.feed, self.connectors, self.clock) = (outbox, feed, connectors, clock)
        self.report = report
        backOff = BackOff()
        owner = WorkerIdentity.current()
    }

    /// Ends `run` when what is under way is done.
    package func stop() { isStopping.store(true, ordering: .relaxed) }

    /// Works; ends the connectors before it returns.
    package func run(_ mode: Mode) async -> HandoffSummary {
        let start = clock.now()
        attempt("") { () throws(HandoffError) in
            try outbox.recover(now: start, isAlive: WorkerIdentity.isAlive)
            for connector in connectors { try outbox.start(connector.settings.name, now: start) }
        }
        await withTaskGroup(of: Void.self) { group in
            refresh()
            if mode == .forever { group.addTask { await self.keepFresh() } }
            for connector in connectors {
                group.addTask { await self.serve(connector, mode, start: start) }
            }
        }
        for connector in connectors { await connector.shutdown() }
        return summary.withLock { $0 }
    }

    private func refresh() {
        attempt("incidents") { () throws(HandoffError) in try feed.refresh() }
    }

    /// Alerts become incidents while the worker runs, whoever else looks at them.
    private func keepFresh() async {
        var seconds = 0.0
        while !isStopping.load(ordering: .relaxed) {
            await clock.sleep(HandoffWorker.tickSeconds)
            seconds += HandoffWorker.tickSeconds
            guard seconds >= HandoffWorker.refreshEverySeconds else { continue }
            seconds = 0
            refresh()
        }
    }

    private enum Signal: Sendable {
        case done, tick
    }

    private func serve(_ connector: any Connector, _ mode: Mode, start: Int64) async {
        let settings = connector.settings
        var lastRecovery = start
        await withTaskGroup(of: Signal.self) { group in
            var underWay = 0
            var hasTick = false
            while true {
                let isStopping = self.isStopping.load(ordering: .relaxed)
                if !isStopping {
                    if clock.now() - lastRecovery > HandoffWorker.recoverEveryMicroseconds {
                        lastRecovery = clock.now()
                        attempt(settings.name) { () throws(HandoffError) in
                            try outbox.recover(now: lastRecovery, isAlive: WorkerIdentity.isAlive)
                        }
                    }
                    pump(settings)
                    while underWay < settings.parallel, let delivery = claim(settings) {
                        underWay += 1
                        group.addTask {
                            await self.process(delivery, connector)
                            return .done
                        }
                    }
                }
                if underWay == 0, isStopping || isFinished(settings, mode, start: start) { break }
                if !hasTick {
                    hasTick = true
                    let seconds = tick(settings)
                    let sleep = clock.sleep
                    group.addTask {
                        await sleep(seconds)
                        return .tick
                    }
                }
                switch await group.next() {
                case .done?: underWay -= 1
                case .tick?: hasTick = false
                case nil: break
                }
            }
            group.cancelAll()
        }
        finish(settings)
    }

    /// Runs `body`; what the store refuses is told once and tried again at the next tick.
    @discardableResult
    private func attempt<Value>(_ name: String, _ body: () throws(HandoffError) -> Value) -> Value? {
        do {
            return try body()
        } catch {
            report((name.isEmpty ? "" : name + ": ") + error.description)
            return nil
        }
    }

    private func pump(_ settings: ConnectorSettings) {
        while !isStopping.load(ordering: .relaxed) {
            let hasMore = attempt(settings.name) { () throws(HandoffError) in
                try outbox.pump(settings, from: feed, now: clock.now())
            }
            guard hasMore == true else { return }
        }
    }

    private func claim(_ settings: ConnectorSettings) -> Delivery? {
        // Longest time that all calls of one attempt may take, and some more.
        let lease = Int64((settings.timeout * 5 + 15) * 1e6)
        let found = attempt(settings.name) { () throws(HandoffError) in
            try outbox.claim(settings.name, owner: owner, now: clock.now(), lease: lease)
        }
        return found ?? nil
    }

    private func tick(_ settings: ConnectorSettings) -> Double {
        guard let due = try? outbox.nextDue(settings.name) else { return HandoffWorker.tickSeconds }
        let seconds = Double(due - clock.now()) / 1e6
        return min(max(seconds, 0.01), HandoffWorker.tickSeconds)
    }

    private func isFinished(_ settings: ConnectorSettings, _ mode: Mode, start: Int64) -> Bool {
        guard case .once(let wait) = mode else { return false }
        guard let due = try? outbox.nextDue(settings.name) else { return true }
        return Double(due - start) / 1e6 > wait || (try? outbox.isStopped(settings.name, now: clock.now())) != false
    }

    private func finish(_ settings: ConnectorSettings) {
        guard let lines = try? outbox.connectors(), let line = lines.first(where: { $0.name == settings.name })
        else { return }
        summary.withLock { summary in
            summary.waiting += line.waiting + line.claimed
            summary.dead += line.dead
            if line.stopped_until != nil { summary.stopped.append(settings.name) }
        }
    }

    // MARK: one delivery

    private func process(_ delivery: Delivery, _ connector: any Connector) async {
        let settings = connector.settings
        let outcome = await connector.deliver(delivery)
        let now = clock.now()
        var retryAt: Int64?
        var seconds = 0.0
        switch outcome {
        case .delivered: break
        case .passing(_, let after):
            let pause = backOff.seconds(attempts: delivery.attempts + 1, chance: clock.chance())
            seconds = max(pause, after ?? 0)
            retryAt = now + Int64(seconds * 1e6)
        case .refused: break
        case .stopped(let fault):
            let chance = clock.chance()
            var until = now
            attempt(settings.name) { () throws(HandoffError) in
                try outbox.stop(
                    settings.name,
                    until: { stops in
                        until = now + Int64(HandoffWorker.pause.seconds(attempts: stops, chance: chance) * 1e6)
                        return until
                    }, reason: fault.description)
            }
            seconds = Double(until - now) / 1e6
            retryAt = until
        }
        if let at = retryAt, at - delivery.enqueued > Int64(settings.retryFor * 1e6) { retryAt = nil }
        let settledAt = retryAt
        // What came of it must not be lost to a disk that is full for a while.
        while attempt(settings.name, { () throws(HandoffError) in
            try outbox.settle(delivery, owner: owner, outcome, now: now, retryAt: settledAt)
        }) == nil, !isStopping.load(ordering: .relaxed) {
            await clock.sleep(1)
        }
        tell(delivery, outcome, retryAt: retryAt, seconds: seconds)
    }

    private func tell(_ delivery: Delivery, _ outcome: DeliveryOutcome, retryAt: Int64?, seconds: Double) {
        summary.withLock { summary in
            if outcome.isDelivered { summary.delivered += 1 } else { summary.failed += 1 }
        }
        let what = "\(delivery.connector): incident \(delivery.incident.number) \(delivery.kind.rawValue)"
        var note: String?
        switch outcome {
        case .delivered(let remote, let status, _):
            if delivery.kind == .created {
                let name = remote.map { " as \($0.number ?? $0.id)" } ?? ""
                note = "handed to \(delivery.connector)" + name + (status.map { ": \($0)" } ?? "")
            }
        case .passing(let fault, _):
            let next = retryAt == nil ? "given up" : "tried again in \(Int(seconds.rounded(.up))) s"
            report("\(what): \(fault.description); \(next)")
            if retryAt == nil { note = "could not be handed to \(delivery.connector): \(fault.reason)" }
        case .refused(let fault):
            report("\(what): \(fault.description); kept as a dead letter, see weir handoff log")
            note = "refused by \(delivery.connector): \(fault.reason)"
        case .stopped(let fault):
            report(
                "\(what): \(fault.description); the connector stops for \(Int(seconds.rounded(.up))) s, "
                    + "weir handoff retry lets it go on at once")
        }
        if let note {
            attempt(delivery.connector) { () throws(HandoffError) in try feed.note(delivery.incident.number, note) }
        }
    }
}

/// Who holds a claim: host, process, and when the process began, so that a number used again is not mistaken.
enum WorkerIdentity {
    static func current() -> String {
        let process = ProcessInfo.processInfo.processIdentifier
        return "\(host)/\(process)/\(start(of: process) ?? "0")/\(UUID().uuidString)"
    }

    /// Only a process of this host can be known to be dead; of others the lease decides.
    static func isAlive(_ owner: String) -> Bool {
        let parts = owner.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == host, let process = Int32(parts[1]) else { return true }
        return start(of: process).map { $0 == parts[2] } ?? false
    }

    /// A container that shares the store has numbers of its own: its space of process numbers belongs to the name.
    private static let host: String = {
        let space = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
        let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
        let name = ProcessInfo.processInfo.hostName + "-" + boot.prefix(8) + "-" + space.filter(\.isNumber)
        return name.replacingOccurrences(of: "/", with: "_")
    }()

    /// Field 22 of /proc/PID/stat (proc(5)); the name before it may hold blanks and brackets.
    private static func start(of process: Int32) -> String? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 19 && fields[0] != "Z" ? String(fields[19]) : nil
    }
}
