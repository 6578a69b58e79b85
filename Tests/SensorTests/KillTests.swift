// SPDX-License-Identifier: Apache-2.0
//
// kill -9 at some moments of a replay and of a merge: what is in the store afterwards.
//
// Leaves  random moments by the hundred, and live captures (Benchmarks/kill).

import Foundation
import Records
import Sensor
import Store
import Testing

@Suite("Killed commands", .serialized, .enabled(if: WeirCommand.isBuilt, "the command is not built"))
struct KillTests {
    /// Rows of each log.
    private func rows(_ store: String) throws -> [String: Int] {
        Dictionary(uniqueKeysWithValues: try StoreReader.open(store).status().map { ($0.log, $0.rowCount) })
    }

    private func start(_ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: try #require(WeirCommand.path))
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// Runs a command to its end; the seconds that it took.
    private func time(_ arguments: [String]) throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        let result = try WeirCommand.run(arguments)
        #expect(result.status == 0, "\(result.errors)")
        return (clock.now - start) / .seconds(1)
    }

    /// Kills a command after a part of `seconds`.
    private func cut(_ arguments: [String], after seconds: Double) throws {
        let process = try start(arguments)
        Thread.sleep(forTimeInterval: seconds)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    @Test func `a killed replay is there as a whole or not at all, and its packets can be read`() throws {
        let folder = try TestFolder()
        let store = folder.path + "/store"
        _ = try time(["replay", Repository.intrusion, "--store", store])
        let before = try rows(store)
        let office = ["replay", Repository.office, "--store", store, "--packets", "64MB"]
        let copy = folder.path + "/copy"
        try FileManager.default.copyItem(atPath: store, toPath: copy)
        let seconds = try time(["replay", Repository.office, "--store", copy])
        let after = try rows(copy)
        for part in [0.1, 0.35, 0.6, 0.8, 0.95, 1.0] {
            try cut(office, after: seconds * part)
            #expect(try StoreReader.open(store).check().faults == [])
            let found = try rows(store)
            #expect(found == before || found == after, "killed after \(part) of the time")
            let ring = store + "/packets"
            guard FileManager.default.fileExists(atPath: ring) else { continue }
            let reading = try PacketRingReader(folder: ring).read(PacketQuestion()) { _ in true }
            #expect(reading.damagedBlocks == 0 && reading.packets <= 4465)
        }
        _ = try time(office + ["--again"])
        #expect(try rows(store) == after)
        // However often it was begun, each packet comes once.
        #expect(try PacketRingReader(folder: store + "/packets").read(PacketQuestion()) { _ in true }.packets == 4465)
    }

    @Test func `a killed merge changes no row`() throws {
        let folder = try TestFolder()
        let store = folder.path + "/store"
        let schema = StatsRecordRows.schema
        let writer = try StoreWriter(folder: store)
        for flush in 0..<40 {
            try writer.append(StatsRecordRows.batch(flush), schema: schema)
            try writer.flush(time: StatsRecordRows.time(flush))
        }
        try writer.finish(time: StatsRecordRows.time(40))
        withExtendedLifetime(writer) {}
        let before = try rows(store)
        let copy = folder.path + "/copy"
        for part in [0.3, 0.6, 0.8, 1.0] {
            try? FileManager.default.removeItem(atPath: copy)
            try FileManager.default.copyItem(atPath: store, toPath: copy)
            try FileManager.default.removeItem(atPath: copy + "/.lock")
            let whole = folder.path + "/whole"
            try? FileManager.default.removeItem(atPath: whole)
            try FileManager.default.copyItem(atPath: copy, toPath: whole)
            let seconds = try time(["store", "merge", "--store", whole])
            try cut(["store", "merge", "--store", copy], after: seconds * part)
            #expect(try StoreReader.open(copy).check().faults == [])
            #expect(try rows(copy) == before)
            #expect(try WeirCommand.run(["store", "merge", "--store", copy]).status == 0)
            #expect(try rows(copy) == before)
        }
    }
}

/// Rows of the log stats, some for each flush.
private enum StatsRecordRows {
    static let schema = StatsRecord.makeSchema()

    static func time(_ flush: Int) -> Timestamp { Timestamp(seconds: 1_795_348_800 + Int64(flush)) }

    static func batch(_ flush: Int) -> RowBatch {
        var batch = RowBatch(schema)
        for number in 0..<20 {
            var record = StatsRecord()
            record.ts = time(flush)
            record.counters.packets = UInt64(flush * 20 + number)
            batch.append(record, order: UInt64(number), ordinal: 0)
        }
        return batch
    }
}
