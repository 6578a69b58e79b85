// SPDX-License-Identifier: Apache-2.0
//
// Rows that other commands add to a store, also beside its writer.

import Foundation
import GRDB
import Records
import Testing

@testable import Store

private let noon = Timestamp(seconds: 1_795_348_800)

/// Worker 0 writes as a sensor does, the others append; answers what went wrong.
private func work(_ worker: Int, _ path: String, _ rounds: Int) -> String? {
    do {
        guard worker > 0 else {
            let writer = try StoreWriter(folder: path)
            for round in 0..<rounds {
                let rows = EveryKind.rows(40, .mixed, seed: UInt64(round))
                try writer.append(EveryKind.batch(rows), schema: EveryKind.schema)
                try writer.flush(time: noon)
                if round == rounds / 2 { _ = try writer.mergeNow() }
            }
            return nil
        }
        for round in 0..<rounds {
            let appender = try StoreAppender(folder: path, sensorName: "weir")
            for row in EveryKind.rows(10, .mixed, seed: UInt64(100 * worker + round)) { appender.append(row) }
            try appender.commit()
        }
        return nil
    } catch { return "\(worker): \(error)" }
}

@Suite struct `An appender` {
    private func rowCounts(_ folder: String) throws -> [Int] {
        try StoreReader.open(folder).segments(log: "stats").map(\.rowCount).sorted()
    }

    /// Segments of a folder, finished or not.
    private func files(_ folder: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return all.filter { $0.hasSuffix(".parquet") || $0.hasSuffix(".tmp") }.sorted()
    }

    private func batch(_ count: Int, seed: UInt64 = 7) -> RowBatch {
        EveryKind.batch(EveryKind.rows(count, .mixed, seed: seed))
    }

    @Test func `rows and the caller's own tables appear together`() throws {
        let folder = TemporaryFolder()
        let appender = try StoreAppender(folder: folder.path + "/new/", sensorName: "ingest")
        let reader = try StoreReader.open(folder.path + "/new")
        appender.append(batch(600), schema: EveryKind.schema)
        for row in EveryKind.rows(300, .mixed, seed: 9) { appender.append(row) }
        #expect(appender.rowCount == 900)
        #expect(try reader.logs() == [])
        try appender.commit { database in
            try database.execute(sql: "CREATE TABLE reached (place INTEGER); INSERT INTO reached VALUES (12)")
        }
        #expect(appender.rowCount == 0)
        #expect(try rowCounts(folder.path + "/new") == [900])
        let database = try StoreDatabase(folder: folder.path + "/new")
        #expect(try database.read { try Int.fetchOne($0, sql: "SELECT place FROM reached") } == 12)
        // The newest row's hour.
        #expect(files(folder.path + "/new") == ["stats/date=2023-11-14/hour=22/ingest-000001.parquet"])
        #expect(try reader.check().faults == [])
    }

    @Test func `where the caller's part fails nothing is there, and the next commit is whole`() throws {
        struct Refusal: Error {}
        let folder = TemporaryFolder()
        let appender = try StoreAppender(folder: folder.path, sensorName: "ingest")
        appender.append(batch(20), schema: EveryKind.schema)
        #expect(throws: StoreError.self) {
            try appender.commit { database in
                try database.execute(sql: "CREATE TABLE reached (place INTEGER)")
                throw Refusal()
            }
        }
        #expect(files(folder.path).isEmpty && appender.rowCount == 0)
        let database = try StoreDatabase(folder: folder.path)
        #expect(try !database.read { try $0.tableExists("reached") })
        appender.append(batch(30), schema: EveryKind.schema)
        try appender.commit()
        #expect(try rowCounts(folder.path) == [30])
        #expect(try StoreReader.open(folder.path).check().faults == [])
    }

    @Test func `a new writer and a repair leave the rows of a living appender alone`() throws {
        let folder = TemporaryFolder()
        var settings = StoreWriter.Settings()
        settings.rowGroupRows = 100
        let appender = try StoreAppender(folder: folder.path, settings: settings)
        appender.append(batch(250), schema: EveryKind.schema)
        #expect(files(folder.path).count == 1)
        withExtendedLifetime(try StoreWriter(folder: folder.path)) {}
        #expect(try StoreRepair.run(folder.path).isNothing)
        _ = try StoreAppender(folder: folder.path, sensorName: "other")
        try appender.commit()
        #expect(try rowCounts(folder.path) == [250])
        // A catalogue is not put aside under somebody's feet.
        for suffix in ["-wal", "-shm"] { StoreFile.remove(folder.path + "/catalogue.sqlite" + suffix) }
        try Data("no database".utf8).write(to: URL(fileURLWithPath: folder.path + "/catalogue.sqlite"))
        #expect(throws: StoreError(.locked, "", path: "", advice: "")) { _ = try StoreRepair.run(folder.path) }
        withExtendedLifetime(appender) {}
    }

    @Test func `two appenders and a writer at once lose nothing and share no name`() async throws {
        let folder = TemporaryFolder()
        let path = folder.path
        let rounds = 12
        let failures = await withTaskGroup(of: String?.self) { group in
            for worker in 0..<3 {
                group.addTask { work(worker, path, rounds) }
            }
            var failures: [String] = []
            for await failure in group { failures += failure.map { [$0] } ?? [] }
            return failures
        }
        #expect(failures == [])
        let status = try #require(StoreReader.open(path).status().first)
        #expect(status.rowCount == rounds * 40 + 2 * rounds * 10)
        #expect(try StoreReader.open(path).check().faults == [])
        #expect(try StoreWriter(folder: path).mergeNow() > 0)
        #expect(try StoreReader.open(path).status().first?.rowCount == status.rowCount)
        #expect(try StoreReader.open(path).check().faults == [])
    }

    @Test func `a crash before the commit leaves nothing, one after it everything`() async throws {
        let folder = TemporaryFolder()
        try folder.store([EveryKind.rows(5, .mixed)])
        let path = folder.path
        // The process ends inside the transaction, with the files in their places already.
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let appender = try StoreAppender(folder: path, sensorName: "ingest")
            appender.append(EveryKind.batch(EveryKind.rows(7, .mixed)), schema: EveryKind.schema)
            try appender.commit { _ in raise(SIGKILL) }
        }
        #expect(try rowCounts(path) == [5])
        #expect(try StoreReader.open(path).check().faults == [])
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let appender = try StoreAppender(folder: path, sensorName: "ingest")
            appender.append(EveryKind.batch(EveryKind.rows(9, .mixed)), schema: EveryKind.schema)
            try appender.commit()
            appender.append(EveryKind.batch(EveryKind.rows(11, .mixed)), schema: EveryKind.schema)
            raise(SIGKILL)
        }
        #expect(try rowCounts(path) == [5, 9])
        withExtendedLifetime(try StoreWriter(folder: path)) {}
        #expect(try rowCounts(path) == [5, 9])
        #expect(files(path).count == 2)
    }

    @Test func `a segment without its name is found, checked, named, and adopted where the catalogue is lost`() throws {
        let folder = TemporaryFolder()
        try folder.store([EveryKind.rows(5, .mixed)])
        let known = try #require(files(folder.path).first)
        let hidden = Merger.hiddenPath(known)
        try StoreFile.rename("\(folder.path)/\(known)", to: "\(folder.path)/\(hidden)")
        let segment = try #require(StoreReader.open(folder.path).segments(log: "stats").first)
        #expect(try SegmentReader.open(segment.path).rowCount == 5)
        #expect(try StoreReader.open(folder.path).check().faults == [])
        for suffix in ["", "-wal", "-shm"] { StoreFile.remove(folder.path + "/catalogue.sqlite" + suffix) }
        try Data("no database".utf8).write(to: URL(fileURLWithPath: folder.path + "/catalogue.sqlite"))
        #expect(try StoreRepair.run(folder.path).adopted == [known])
        #expect(files(folder.path) == [known])
        #expect(try rowCounts(folder.path) == [5])
    }

    @Test func `modules make tables of their own in one database`() throws {
        let folder = TemporaryFolder()
        let database = try StoreDatabase(folder: folder.path)
        for module in ["incidents", "indicators", "incidents"] {
            var migrator = DatabaseMigrator()
            migrator.registerMigration("\(module) 1") { try $0.execute(sql: "CREATE TABLE \(module) (id INTEGER)") }
            try database.migrate(migrator)
        }
        try database.write { try $0.execute(sql: "INSERT INTO incidents VALUES (1)") }
        let other = try StoreDatabase(folder: folder.path, isReadOnly: true)
        #expect(try other.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM incidents") } == 1)
        #expect(throws: StoreError.self) { try other.write { try $0.execute(sql: "DELETE FROM incidents") } }
        #expect(throws: StoreError(.missing, "", path: "", advice: "")) {
            _ = try StoreDatabase(folder: folder.path + "/nowhere", isReadOnly: true)
        }
    }
}
