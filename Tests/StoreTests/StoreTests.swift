// SPDX-License-Identifier: Apache-2.0
//
// The store as a whole: what is visible when, and what is said when something is wrong.

import Foundation
import GRDB
import Records
import Synchronization
import Testing

@testable import Store

private let noon = Timestamp(seconds: 1_795_348_800)

private func files(_ folder: String) -> [String] {
    let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return all.filter { $0.hasSuffix(".parquet") || $0.hasSuffix(".tmp") }.sorted()
}

@Suite struct `A store` {
    private func append(_ writer: StoreWriter, _ count: Int, seed: UInt64 = 7) throws {
        try writer.append(EveryKind.batch(EveryKind.rows(count, .mixed, seed: seed)), schema: EveryKind.schema)
    }

    private func rowCounts(_ folder: TemporaryFolder) throws -> [Int] {
        try StoreReader.open(folder.path).segments(log: "stats").map(\.rowCount)
    }

    @Test func `an interface's rows are visible after each flush`() throws {
        let folder = TemporaryFolder()
        let writer = try StoreWriter(folder: folder.path + "/new/store/")
        try append(writer, 10)
        let reader = try StoreReader.open(folder.path + "/new/store")
        #expect(try reader.logs() == [])
        try writer.flush(time: noon)
        #expect(try reader.logs() == ["stats"])
        try append(writer, 5)
        try writer.finish(time: Timestamp(seconds: noon.nanoseconds / second + 3600))
        #expect(try reader.segments(log: "stats").map(\.rowCount) == [10, 5])
        #expect(files(folder.path + "/new/store") == [
            "stats/date=2026-11-22/hour=12/weir-000001.parquet", "stats/date=2026-11-22/hour=13/weir-000002.parquet",
        ])
        #expect(try reader.columns(log: "stats").map(\.name) == EveryKind.schema.columns.map(\.storeName))
        #expect(try reader.columns(log: "stats").map(\.kind) == EveryKind.schema.columns.map(\.kind))
    }

    @Test func `a replay is visible as a whole, once, and not before its end`() throws {
        let folder = TemporaryFolder()
        do {
            let writer = try StoreWriter(folder: folder.path)
            #expect(try writer.beginSource(identity: "one") == .fresh)
            try append(writer, 10)
            try writer.flush(time: noon)
            try append(writer, 20)
            try writer.flush(time: noon)
            #expect(try rowCounts(folder) == [])
            #expect(files(folder.path).allSatisfy { $0.hasPrefix(".open/") })
            try writer.commitSource()
        }
        #expect(try rowCounts(folder) == [10, 20])
        let writer = try StoreWriter(folder: folder.path)
        #expect(try writer.beginSource(identity: "one") == .alreadyThere)
        #expect(try writer.beginSource(identity: "two") == .fresh)
        #expect(try rowCounts(folder) == [10, 20])
    }

    @Test func `again replaces a replay in one step, and only that one`() throws {
        let folder = TemporaryFolder()
        let writer = try StoreWriter(folder: folder.path)
        for (identity, count, again) in [("one", 10, false), ("two", 20, false), ("one", 30, true)] {
            #expect(try writer.beginSource(identity: identity, again: again) == .fresh)
            try append(writer, count)
            try writer.flush(time: noon)
            if again { #expect(try rowCounts(folder).sorted() == [10, 20]) }
            try writer.commitSource()
        }
        #expect(try rowCounts(folder).sorted() == [20, 30])
        #expect(files(folder.path).count == 2)
    }

    @Test func `what an interrupted writer left is removed, and nothing else`() throws {
        let folder = TemporaryFolder()
        try folder.store([EveryKind.rows(3, .mixed)])
        let known = files(folder.path)
        let place = folder.path + "/stats/date=2026-11-22/hour=13/"
        for name in ["weir-000009.parquet", "notes.txt", "mine.parquet", ".weir-000010.parquet.tmp"] {
            try Data("x".utf8).write(to: URL(fileURLWithPath: place + name))
        }
        try Data("x".utf8).write(to: URL(fileURLWithPath: folder.path + "/stats/.weir-000011.parquet.tmp"))
        withExtendedLifetime(try StoreWriter(folder: folder.path)) {}
        #expect(files(folder.path) == (known + ["stats/date=2026-11-22/hour=13/mine.parquet"]).sorted())
        #expect(FileManager.default.fileExists(atPath: place + "notes.txt"))
    }

    @Test func `the same rows give the same octets, whatever the batches`() throws {
        let rows = EveryKind.rows(700, .mixed)
        var found: [[String: Data]] = []
        for size in [700, 64, 1] {
            let folder = TemporaryFolder()
            var settings = StoreWriter.Settings()
            settings.rowGroupRows = 300
            settings.pageRows = 100
            let writer = try StoreWriter(folder: folder.path, settings: settings)
            _ = try writer.beginSource(identity: "one")
            for start in stride(from: 0, to: rows.count, by: size) {
                let part = Array(rows[start..<min(start + size, rows.count)])
                try writer.append(EveryKind.batch(part), schema: EveryKind.schema)
            }
            try writer.flush(time: noon)
            try writer.commitSource()
            found.append(Dictionary(uniqueKeysWithValues: try files(folder.path).map {
                ($0, try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + $0)))
            }))
        }
        #expect(found[0].count == 1)
        #expect(found[0] == found[1] && found[0] == found[2])
    }

    @Test func `memory stays below its bound`() throws {
        let folder = TemporaryFolder()
        var settings = StoreWriter.Settings()
        settings.bytesMax = 200_000
        let writer = try StoreWriter(folder: folder.path, settings: settings)
        for seed in 1...10 as ClosedRange<UInt64> {
            try append(writer, 300, seed: seed)
            #expect(writer.byteCount <= settings.bytesMax)
        }
        try writer.flush(time: noon)
        #expect(try rowCounts(folder) == [3000])
    }

    @Test func `segments are found by time`() throws {
        let folder = TemporaryFolder()
        let groups = [100, 200, 300].map {
            [EveryKind(ts: Timestamp(seconds: $0)), EveryKind(ts: Timestamp(seconds: $0 + 50))]
        }
        try folder.store(groups + [[EveryKind()]])
        let reader = try StoreReader.open(folder.path)
        func found(_ since: Int64?, _ until: Int64?) throws -> [Int64?] {
            try reader.segments(
                log: "stats", since: since.map { Timestamp(seconds: $0) }, until: until.map { Timestamp(seconds: $0) }
            ).map { ($0.times?.lowerBound.nanoseconds).map { $0 / second } }
        }
        #expect(try found(nil, nil) == [nil, 100, 200, 300])
        #expect(try found(150, nil) == [100, 200, 300])
        #expect(try found(151, 299) == [200])
        #expect(try found(nil, 99) == [])
        #expect(try reader.segments(log: "stats", bounds: ["count"])[1].bounds.keys.sorted() == ["count"])
        #expect(try reader.segments(log: "none").isEmpty)
    }

    @Test func `the catalogue's log is empty at the end, and stays for readers who may not write`() throws {
        let folder = TemporaryFolder()
        do {
            let writer = try StoreWriter(folder: folder.path)
            _ = try writer.beginSource(identity: "one")
            try append(writer, 3)
            try writer.flush(time: noon)
            try writer.commitSource()
        }
        let log = URL(fileURLWithPath: folder.path + "/catalogue.sqlite-wal")
        #expect(try Data(contentsOf: log).isEmpty)
        #expect(try rowCounts(folder) == [3])
    }

    // MARK: what is wrong

    @Test func `a second writer is told who holds the store`() throws {
        let folder = TemporaryFolder()
        let writer = try StoreWriter(folder: folder.path)
        let error = #expect(throws: StoreError.self) { _ = try StoreWriter(folder: folder.path) }
        #expect(error?.code == .locked)
        #expect(error?.description.contains("process \(getpid())") == true)
        #expect(error?.description.contains("\n") == false)
        withExtendedLifetime(writer) {}
    }

    @Test func `a catalogue that another program holds is said to be locked`() throws {
        let folder = TemporaryFolder()
        let writer = try StoreWriter(folder: folder.path)
        let other = try DatabaseQueue(path: folder.path + "/catalogue.sqlite")
        try append(writer, 3)
        // The queue's transaction lasts while the writer waits its five seconds.
        try other.inTransaction(.immediate) { _ in
            #expect(throws: StoreError(.locked, "", path: "", advice: "")) { try writer.flush(time: noon) }
            return .rollback
        }
        #expect(files(folder.path).isEmpty)
        #expect(throws: StoreError(.locked, "", path: "", advice: "")) { try append(writer, 3) }
    }

    @Test func `a store of a later version is refused`() throws {
        let folder = TemporaryFolder()
        try folder.store([EveryKind.rows(3, .mixed)])
        let database = try DatabaseQueue(path: folder.path + "/catalogue.sqlite")
        try database.write { try $0.execute(sql: "UPDATE meta SET value = 2 WHERE key = 'version'") }
        try database.close()
        let newer = StoreError(.newer, "", path: "", advice: "")
        let error = #expect(throws: newer) { _ = try StoreWriter(folder: folder.path) }
        #expect(error?.description.contains("version 2") == true)
        #expect(throws: newer) { _ = try StoreReader.open(folder.path) }
        #expect(files(folder.path).count == 1)
    }

    @Test func `a folder without a store is said to be one`() throws {
        let folder = TemporaryFolder()
        let missing = StoreError(.missing, "", path: "", advice: "")
        #expect(throws: missing) { _ = try StoreReader.open(folder.path) }
        #expect(throws: missing) { _ = try StoreReader.open(folder.path + "/nowhere") }
        #expect(files(folder.path).isEmpty)
    }

    @Test func `a catalogue that is there has its tables, while several begin a store at once`() throws {
        let faults = Mutex<[String]>([])
        for _ in 0..<10 {
            let folder = TemporaryFolder()
            let path = folder.path
            DispatchQueue.concurrentPerform(iterations: 4) { worker in
                do {
                    if worker > 0 { return _ = try StoreDatabase(folder: path) }
                    while !FileManager.default.fileExists(atPath: path + "/catalogue.sqlite") { usleep(20) }
                    _ = try StoreReader.open(path).status()
                } catch {
                    faults.withLock { $0.append("\(error)") }
                }
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: path)
            #expect(left.allSatisfy { $0.hasPrefix("catalogue.sqlite") }, "\(left)")
        }
        #expect(faults.withLock { $0 } == [])
    }

    @Test func `the log of a catalogue that was lost is not played into a new one`() throws {
        let folder = TemporaryFolder()
        try folder.store([EveryKind.rows(5, .mixed)])
        let path = folder.path + "/catalogue.sqlite"
        let other = TemporaryFolder()
        let database = try StoreDatabase(folder: other.path)
        try database.write { try $0.execute(sql: "CREATE TABLE stranger (x)") }
        let log = try Data(contentsOf: URL(fileURLWithPath: other.path + "/catalogue.sqlite-wal"))
        #expect(!log.isEmpty)
        try FileManager.default.removeItem(atPath: path)
        try log.write(to: URL(fileURLWithPath: path + "-wal"))
        let names = try StoreDatabase(folder: folder.path).read {
            try String.fetchAll($0, sql: "SELECT name FROM sqlite_master")
        }
        #expect(names.contains("segments") && !names.contains("stranger"))
        withExtendedLifetime(database) {}
    }

    @Test func `a catalogue that is none is refused`() throws {
        let folder = TemporaryFolder()
        try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: folder.path + "/catalogue.sqlite"))
        let damaged = StoreError(.catalogue, "", path: "", advice: "")
        #expect(throws: damaged) { _ = try StoreWriter(folder: folder.path) }
        #expect(throws: damaged) { _ = try StoreReader.open(folder.path) }
    }

    @Test func `a store under a file is refused`() throws {
        let folder = TemporaryFolder()
        try Data().write(to: URL(fileURLWithPath: folder.path + "/file"))
        #expect(throws: StoreError(.unwritable, "", path: "", advice: "")) {
            _ = try StoreWriter(folder: folder.path + "/file/store")
        }
    }

    @Test func `a full disk is one clear error and leaves nothing half visible`() async {
        // A limit on file sizes stands for the disk: the system refuses the octet after it.
        await #expect(processExitsWith: .success) {
            let folder = TemporaryFolder()
            try folder.store([EveryKind.rows(5, .mixed)])
            let known = files(folder.path)
            let writer = try StoreWriter(folder: folder.path)
            _ = try writer.beginSource(identity: "large")
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 300_000, rlim_max: 300_000)
            // Safe: `limit` is a local variable of the type that the call reads.
            guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { exit(2) }
            var failure: StoreError?
            do {
                try writer.append(EveryKind.batch(EveryKind.rows(5000, .distinct)), schema: EveryKind.schema)
                try writer.flush(time: noon)
            } catch let error as StoreError {
                failure = error
            }
            guard failure?.code == .full, failure?.description.contains("\n") == false else { exit(3) }
            guard files(folder.path) == known else { exit(4) }
            guard try StoreReader.open(folder.path).segments(log: "stats").map(\.rowCount) == [5] else { exit(5) }
            do {
                try writer.flush(time: noon)
                exit(6)
            } catch {}
        }
    }

    @Test(arguments: [
        (0, "date=1970-01-01/hour=00"), (-1, "date=1969-12-31/hour=23"), (951_782_400, "date=2000-02-29/hour=00"),
        (4_107_542_399, "date=2100-02-28/hour=23"), (1_795_352_400, "date=2026-11-22/hour=13"),
        (9_223_372_036, "date=2262-04-11/hour=23"),
    ] as [(Int64, String)])
    func `a folder is named for the hour`(_ seconds: Int64, _ name: String) {
        #expect(StoreWriter.folderName(Timestamp(seconds: seconds)) == name)
    }

    @Test(arguments: [("eth1", "eth1"), ("../x", "___x"), ("", "weir"), ("a b.c", "a_b_c"), ("é", "_")])
    func `a sensor's name cannot leave its folder`(_ sensor: String, _ name: String) {
        #expect(StoreWriter.fileName(sensor) == name)
    }
}
