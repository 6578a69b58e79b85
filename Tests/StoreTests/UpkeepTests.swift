// SPDX-License-Identifier: Apache-2.0
//
// The store over months: merging, retention, checking and mending.

import Foundation
import GRDB
import Records
import Testing

@testable import Store

private let noon = Timestamp(seconds: 1_795_348_800)

@Suite struct `A store that grows old` {
    /// Writes flushes of mixed rows, an hour apart where `apart` says so.
    private func write(_ folder: TemporaryFolder, flushes: Int, rows: Int = 50, apart: Bool = false) throws {
        let writer = try StoreWriter(folder: folder.path)
        for flush in 0..<flushes {
            let batch = EveryKind.batch(EveryKind.rows(rows, .mixed, seed: UInt64(flush + 1)))
            try writer.append(batch, schema: EveryKind.schema)
            try writer.flush(time: noon.adding(Int64(flush) * (apart ? 3600 : 1) * second))
        }
        try writer.finish(time: noon.adding(Int64(flushes) * (apart ? 3600 : 1) * second))
    }

    /// Every cell of every segment, column by column, in the order in which readers meet them.
    private func cells(_ folder: TemporaryFolder) throws -> [[String]] {
        var rows: [[String]] = []
        for segment in try StoreReader.open(folder.path).segments(log: "stats").sorted(by: { $0.id < $1.id }) {
            let reader = try SegmentReader.open(segment.path)
            for group in 0..<reader.rowGroupCount {
                let vectors = try reader.columns.indices.map { try reader.read(column: $0, rowGroup: group) }
                for row in 0..<reader.rowCount(rowGroup: group) {
                    rows.append(vectors.map { vector in
                        guard vector.isSet(row) else { return "-" }
                        let places = vector.kind.isList ? vector.elements(row) : row ..< row + 1
                        return places.map { place in
                            vector.kind.isStoredAsText
                                ? String(decoding: vector.text(place), as: UTF8.self) : "\(vector.words[place])"
                        }.joined(separator: "|")
                    })
                }
            }
        }
        return rows
    }

    private func paths(_ folder: TemporaryFolder) -> [String] { Leftovers.segments(folder.path).sorted() }

    @Test(arguments: [false, true]) func `merging keeps every cell and the order of the rows`(zstd: Bool) throws {
        let folder = TemporaryFolder()
        try write(folder, flushes: 7)
        let before = try cells(folder)
        #expect(before.count == 350)
        var settings = StoreWriter.Settings()
        settings.merge.rowGroupRows = 120
        settings.merge.pageRows = 50
        settings.merge.compressesMore = zstd
        #expect(try StoreWriter(folder: folder.path, settings: settings).mergeNow() == 7)
        #expect(paths(folder) == ["stats/date=2026-11-22/hour=12/weir-000001-000007.parquet"])
        #expect(try cells(folder) == before)
        #expect(try StoreReader.open(folder.path).check().faults == [])
        // What was merged for good is not merged again.
        #expect(try StoreWriter(folder: folder.path, settings: settings).mergeNow() == 0)
        let uid = try #require(before.first { $0[1] != "-" })[1]
        let reader = try SegmentReader(path: folder.path + "/" + paths(folder)[0])
        #expect(try reader.mayContain(column: 1, rowGroup: 0, text: Array(uid.utf8)[...]))
        #expect(reader.hasBloomFilter(column: 9) && !reader.hasBloomFilter(column: 5))
    }

    @Test func `hours and sources are not mixed, and an open hour is left until it has many`() throws {
        let folder = TemporaryFolder()
        try write(folder, flushes: 3)
        try write(folder, flushes: 2, apart: true)
        let catalogue = try Catalogue(folder: folder.path, isReadOnly: false)
        let merger = Merger(folder: folder.path, catalogue: catalogue, settings: MergeSettings())
        #expect(try merger.merge(openHour: "date=2026-11-22/hour=12") == 0)
        #expect(try merger.merge(openHour: "date=2026-11-22/hour=13") == 4)
        try Merger.settle(folder.path, catalogue)
        #expect(paths(folder) == [
            "stats/date=2026-11-22/hour=12/weir-000001-000004.parquet",
            "stats/date=2026-11-22/hour=13/weir-000005.parquet",
        ])
        var settings = MergeSettings()
        settings.openHourCount = 2
        try write(folder, flushes: 2)
        let eager = Merger(folder: folder.path, catalogue: catalogue, settings: settings)
        #expect(try eager.merge(openHour: "date=2026-11-22/hour=12") == 2)
        try Merger.settle(folder.path, catalogue)
        #expect(try StoreReader.open(folder.path).segments(log: "stats").map(\.rowCount).sorted() == [50, 100, 200])
    }

    @Test func `between a merge and its end no reader sees a row twice, and a new writer ends it`() throws {
        let folder = TemporaryFolder()
        try write(folder, flushes: 4)
        let before = try cells(folder)
        let catalogue = try Catalogue(folder: folder.path, isReadOnly: false)
        let merger = Merger(folder: folder.path, catalogue: catalogue, settings: MergeSettings())
        #expect(try merger.merge(openHour: nil) == 4)
        // Engines that read the folders still see the inputs, and none sees the hidden segment.
        #expect(paths(folder).filter { !$0.contains("/.") }.count == 4)
        #expect(try cells(folder) == before)
        #expect(try StoreReader.open(folder.path).check().faults == [])
        withExtendedLifetime(try StoreWriter(folder: folder.path)) {}
        #expect(paths(folder) == ["stats/date=2026-11-22/hour=12/weir-000001-000004.parquet"])
        #expect(try cells(folder) == before)
    }

    @Test func `a merge that was cut off before its transaction leaves nothing`() throws {
        let folder = TemporaryFolder()
        try write(folder, flushes: 2)
        let hidden = folder.path + "/stats/date=2026-11-22/hour=12/.weir-000001-000002.parquet.tmp"
        try Data("half".utf8).write(to: URL(fileURLWithPath: hidden))
        withExtendedLifetime(try StoreWriter(folder: folder.path)) {}
        #expect(!FileManager.default.fileExists(atPath: hidden))
        #expect(try cells(folder).count == 100)
    }

    @Test func `retention takes whole segments, oldest first, by age and by octets`() throws {
        let day: Int64 = 86_400 * 1_000_000
        var segments: [StoredSegment] = []
        for number in 0..<6 as Range<Int64> {
            let log = number % 2 == 0 ? "conn" : "dns"
            segments.append(
                StoredSegment(
                    id: number, log: log, path: "", rowCount: 1, byteCount: 100, newest: (5 - number) * day,
                    source: nil, isReplay: false, fingerprint: "", level: 0))
        }
        func gone(_ change: (inout RetentionSettings) -> Void) -> [Int64] {
            var settings = RetentionSettings()
            change(&settings)
            return Retention.surplus(segments, settings, now: Timestamp(seconds: 5 * 86_400)).map(\.id)
        }
        #expect(gone { _ in } == [])
        #expect(gone { $0.all.age = 3 * 86_400 * second } == [5, 4])
        #expect(gone { $0.logs["dns"] = .init(age: 2 * 86_400 * second) } == [5, 3])
        #expect(gone { $0.all.byteCount = 250 } == [5, 4, 3, 2])
        #expect(gone { $0.logs["conn"] = .init(byteCount: 100) } == [4, 2])
        #expect(gone {
            $0.all = .init(age: 4 * 86_400 * second, byteCount: 400)
        } == [5, 4])
    }

    @Test func `what retention takes is gone from the folder and the catalogue`() throws {
        let folder = TemporaryFolder()
        try write(folder, flushes: 3, apart: true)
        let catalogue = try Catalogue(folder: folder.path, isReadOnly: false)
        var settings = RetentionSettings()
        settings.all.byteCount = try #require(catalogue.storedSegments().last).byteCount
        let taken = try Retention.apply(settings, folder.path, catalogue, now: noon)
        #expect(taken.segments == 2)
        #expect(paths(folder).count == 1)
        #expect(try StoreReader.open(folder.path).check().faults == [])
        #expect(try catalogue.deadPaths() == [])
    }

    @Test func `a full disk pauses an interface's store and counts what it costs`() throws {
        let folder = TemporaryFolder()
        var settings = StoreWriter.Settings()
        settings.reserveBytes = .max / 4
        let writer = try StoreWriter(folder: folder.path, settings: settings)
        let batch = EveryKind.batch(EveryKind.rows(10, .mixed))
        try writer.append(batch, schema: EveryKind.schema)
        try writer.flush(time: noon)
        #expect(writer.pause == StoreFile.full(""))
        try writer.append(batch, schema: EveryKind.schema)
        #expect(writer.lostRowCount == 10)
        #expect(try StoreReader.open(folder.path).logs() == [])
    }

    @Test func `status counts rows, octets and gaps`() throws {
        let folder = TemporaryFolder()
        try write(folder, flushes: 2)
        let status = try #require(StoreReader.open(folder.path).status().first)
        #expect(status.log == "stats" && status.rowCount == 100 && status.segmentCount == 2)
        #expect(status.byteCount > 0 && status.bytesPerRow > 1)
        #expect(StoreReader.gaps([3, 4, 7, 9]) == [
            Timestamp(seconds: 5 * 3600) ... Timestamp(nanoseconds: 7 * 3600 * second - 1),
            Timestamp(seconds: 8 * 3600) ... Timestamp(nanoseconds: 9 * 3600 * second - 1),
        ])
    }

    @Test func `a check finds any octet that changed, and a repair puts the segment aside`() throws {
        let folder = TemporaryFolder()
        try write(folder, flushes: 3, rows: 400, apart: true)
        let path = folder.path + "/" + paths(folder)[1]
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let before = try cells(folder)
        var found = 0
        var random = Seeded(3)
        for _ in 0..<40 {
            var changed = whole
            let place = Int.random(in: 4 ..< whole.count / 2, using: &random)
            changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            try changed.write(to: URL(fileURLWithPath: path))
            let report = try StoreReader.open(folder.path).check()
            // A page header has fields that nobody reads: a change is found, or no cell is another for it.
            if report.faults.isEmpty {
                #expect(try cells(folder) == before, "octet \(place)")
            } else {
                #expect(report.faults.map(\.kind) == [.damaged], "octet \(place)")
                found += 1
            }
        }
        #expect(found > 25)
        var changed = whole
        changed[whole.count / 4] ^= 0x40
        try changed.write(to: URL(fileURLWithPath: path))
        let report = try StoreRepair.run(folder.path)
        #expect(report.lost.map(\.kind) == [.damaged] && !report.hasNewCatalogue)
        #expect(try StoreReader.open(folder.path).check().faults == [])
        #expect(try cells(folder).count == 800)
        #expect(FileManager.default.fileExists(atPath: folder.path + "/.damaged"))
        #expect(try StoreRepair.run(folder.path).isNothing)
    }

    @Test func `a missing segment is a fault, and a repair forgets it`() throws {
        let folder = TemporaryFolder()
        try write(folder, flushes: 2)
        StoreFile.remove(folder.path + "/" + paths(folder)[0])
        #expect(try StoreReader.open(folder.path).check().faults.map(\.kind) == [.missing])
        #expect(try StoreRepair.run(folder.path).lost.count == 1)
        #expect(try cells(folder).count == 50)
    }

    @Test func `a lost catalogue is made anew from the segments`() throws {
        let folder = TemporaryFolder()
        try write(folder, flushes: 3, apart: true)
        let before = try cells(folder)
        for suffix in ["-wal", "-shm"] { StoreFile.remove(folder.path + "/catalogue.sqlite" + suffix) }
        try Data("no database".utf8).write(to: URL(fileURLWithPath: folder.path + "/catalogue.sqlite"))
        let report = try StoreRepair.run(folder.path)
        #expect(report.hasNewCatalogue && report.adopted.count == 3 && report.lost.isEmpty)
        #expect(try cells(folder) == before)
        #expect(try StoreReader.open(folder.path).check().faults == [])
        // The next segment gets a name that none has.
        try write(folder, flushes: 1)
        #expect(paths(folder).contains { $0.hasSuffix("weir-000004.parquet") })
    }
}
