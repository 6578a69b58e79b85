// SPDX-License-Identifier: Apache-2.0
//
// The packet ring: the newest packets on the disk, up to a size.
//
// Reads   chunks of packets from any number of capture threads.
// Writes  files of compressed blocks, with one thread of its own.
// Leaves  what is worth keeping (the sensor), reading (`PacketRingReader`), the format (`PacketFormat.swift`).
//
// Capture never waits for the disk: where no chunk is free its packets are dropped and counted.

internal import Foundation
internal import Synchronization

/// The bounds of a ring.
package struct PacketRingSettings: Sendable, Equatable {
    package var folder = ""
    /// Octets of all files together.
    package var byteCount = 0
    /// A file is closed at this size; the smaller, the finer the ring forgets.
    package var fileBytes = 256 << 20
    /// Of each connection only so many first octets are kept; nil keeps all.
    package var cutoff: UInt64?
    /// Octets of each packet that are kept.
    package var snapLength = 262_144
    /// Octets that may wait for the disk.
    package var queueBytes = 64 << 20
    package var sensorName = "weir"
    /// So much stays free on the disk.
    package var reserveBytes = 64 << 20
    /// Capture waits for the disk, as a replay may.
    package var waits = false

    package init() {}

    /// Of a small ring the files are small too, so that it has some.
    var fittingFileBytes: Int { max(1 << 20, min(fileBytes, byteCount / 8)) }
}

/// What a ring did since it was opened.
package struct PacketRingCounters: Sendable, Equatable {
    /// Packets in blocks that were written.
    package var stored: UInt64 = 0
    /// Octets of files that were written.
    package var storedBytes: UInt64 = 0
    /// Packets that were dropped because the disk did not keep up, or was full.
    package var dropped: UInt64 = 0
    /// Packets beyond their connection's cutoff.
    package var cut: UInt64 = 0
    /// Connections that reached it.
    package var elephants: UInt64 = 0

    package init() {}
}

/// A ring that is being written. Safe to use from any thread.
package final class PacketRing: Sendable {
    package let settings: PacketRingSettings
    private let condition = NSCondition()
    private let queue: Mutex<Queue>
    private let stored = Atomic<UInt64>(0)
    private let storedBytes = Atomic<UInt64>(0)
    private let dropped = Atomic<UInt64>(0)
    private let cut = Atomic<UInt64>(0)
    private let elephants = Atomic<UInt64>(0)
    private let done = DispatchSemaphore(value: 0)
    private let complaints = Mutex<[StoreError]>([])
    private static let complaintsMax = 16

    private struct Queue {
        var spare: [PacketChunk]
        var full: [PacketChunk] = []
        var isClosed = false
        var isFinished = false
    }

    /// Opens the ring, makes it where there is none, and begins its thread. Throws `.locked` where another process
    /// writes it, `.full`, `.unreadable`, `.unwritable`.
    package init(_ settings: PacketRingSettings) throws(StoreError) {
        self.settings = settings
        let writer = try PacketRingWriter(settings)
        let count = max(4, settings.queueBytes / PacketChunk.bytesMax)
        queue = Mutex(Queue(spare: (0..<count).map { _ in PacketChunk() }))
        let thread = Thread { [self] in run(writer) }
        thread.name = "weir packets"
        thread.start()
    }

    package var counters: PacketRingCounters {
        var counters = PacketRingCounters()
        counters.stored = stored.load(ordering: .relaxed)
        counters.storedBytes = storedBytes.load(ordering: .relaxed)
        counters.dropped = dropped.load(ordering: .relaxed)
        counters.cut = cut.load(ordering: .relaxed)
        counters.elephants = elephants.load(ordering: .relaxed)
        return counters
    }

    /// What went wrong since it was last asked for.
    package func takeComplaints() -> [StoreError] {
        complaints.withLock { list in
            defer { list.removeAll() }
            return list
        }
    }

    /// A chunk to fill; nil where all wait for the disk, unless the ring's user may wait.
    package func spare(run: UInt64) -> PacketChunk? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            let (chunk, isClosed) = queue.withLock { ($0.spare.popLast(), $0.isClosed) }
            if let chunk {
                chunk.run = run
                return chunk
            }
            guard settings.waits, !isClosed else { return nil }
            condition.wait()
        }
    }

    /// Hands a chunk over to be written.
    package func submit(_ chunk: PacketChunk) {
        condition.lock()
        queue.withLock { $0.full.append(chunk) }
        condition.broadcast()
        condition.unlock()
    }

    package func countDropped(_ packets: UInt64) { dropped.wrappingAdd(packets, ordering: .relaxed) }
    package func countCut(_ packets: UInt64, elephants count: UInt64) {
        cut.wrappingAdd(packets, ordering: .relaxed)
        elephants.wrappingAdd(count, ordering: .relaxed)
    }

    /// Writes what was handed over and ends the thread. To be called once, after all taps have handed over.
    package func finish() {
        condition.lock()
        let wasFinished = queue.withLock { queue in
            defer { (queue.isClosed, queue.isFinished) = (true, true) }
            return queue.isFinished
        }
        condition.broadcast()
        condition.unlock()
        if !wasFinished { done.wait() }
    }

    private func next() -> PacketChunk? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            let (chunk, isClosed) = queue.withLock { ($0.full.isEmpty ? nil : $0.full.removeFirst(), $0.isClosed) }
            if chunk != nil || isClosed { return chunk }
            condition.wait()
        }
    }

    private func giveBack(_ chunk: PacketChunk) {
        chunk.clear()
        condition.lock()
        queue.withLock { $0.spare.append(chunk) }
        condition.broadcast()
        condition.unlock()
    }

    private func run(_ writer: PacketRingWriter) {
        defer { done.signal() }
        while let chunk = next() {
            do {
                storedBytes.wrappingAdd(UInt64(try writer.write(chunk)), ordering: .relaxed)
                stored.wrappingAdd(UInt64(chunk.packetCount), ordering: .relaxed)
            } catch {
                dropped.wrappingAdd(UInt64(chunk.packetCount), ordering: .relaxed)
                complain(error)
            }
            giveBack(chunk)
        }
        do { try writer.finish() } catch { complain(error) }
    }

    private func complain(_ error: StoreError) {
        complaints.withLock { list in
            // The same fault block after block is one fault.
            let isKnown = list.contains { $0.code == error.code }
            if !isKnown, list.count < PacketRing.complaintsMax { list.append(error) }
        }
    }
}
