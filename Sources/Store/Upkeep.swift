// SPDX-License-Identifier: Apache-2.0
//
// What a store needs while it is written: merging, retention, taking dead segments away. A thread of its own.
//
// Reads   and writes the store beside its writer.
// Leaves  the writer's open rows; what ends it (`StoreWriter.finish`).

internal import Foundation
internal import Records
internal import Synchronization

/// The thread. The writer holds the store's lock for both.
final class Upkeep: Sendable {
    private let folder: String
    private let catalogue: Catalogue
    private let settings: StoreWriter.Settings
    private let isStopping = Atomic(false)
    private let isDone = DispatchSemaphore(value: 0)
    /// What went wrong since it was last asked for, newest last.
    private let complaints = Mutex<[StoreError]>([])
    private static let complaintsMax = 16

    /// Between a merge and the removal of what went into it: time for questions that began before it.
    static let graceSeconds = 30.0
    private static let roundSeconds = 5.0

    init(_ folder: String, _ catalogue: Catalogue, _ settings: StoreWriter.Settings) {
        self.folder = folder
        self.catalogue = catalogue
        self.settings = settings
        let thread = Thread { [self] in run() }
        thread.name = "weir upkeep"
        thread.start()
    }

    /// Ends the thread after the group of segments that it is at.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        isDone.wait()
    }

    func takeComplaints() -> [StoreError] {
        complaints.withLock { list in
            defer { list.removeAll() }
            return list
        }
    }

    private func complain(_ error: StoreError) {
        complaints.withLock { list in
            // The same fault every few seconds is one fault.
            let isKnown = list.contains { $0.reason == error.reason }
            if !isKnown, list.count < Upkeep.complaintsMax { list.append(error) }
        }
    }

    private func run() {
        defer { isDone.signal() }
        let clock = ContinuousClock()
        var next = clock.now
        var lastMerge: ContinuousClock.Instant?
        while !isStopping.load(ordering: .relaxed) {
            guard clock.now >= next else {
                Thread.sleep(forTimeInterval: 0.1)
                continue
            }
            next = clock.now + .seconds(Upkeep.roundSeconds)
            do {
                if let merged = lastMerge, clock.now - merged > .seconds(Upkeep.graceSeconds) {
                    try Merger.settle(folder, catalogue)
                    lastMerge = nil
                }
                if try round() > 0 { lastMerge = clock.now }
            } catch {
                complain(error)
            }
        }
    }

    /// One round of merging and retention; answers how many segments went into others.
    private func round() throws(StoreError) -> Int {
        guard let checkpoint = try catalogue.checkpoint() else { return 0 }
        let now = Timestamp(nanoseconds: checkpoint)
        _ = try Retention.apply(settings.retention, folder, catalogue, now: now)
        // Merging needs room for a second copy of what it merges.
        guard let free = StoreFile.freeByteCount(folder), free > settings.reserveBytes + settings.merge.segmentBytesMax
        else { return 0 }
        let merger = Merger(folder: folder, catalogue: catalogue, settings: settings.merge)
        return try merger.merge(
            openHour: StoreWriter.folderName(now), isWanted: { !isStopping.load(ordering: .relaxed) })
    }
}
