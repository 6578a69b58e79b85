// SPDX-License-Identifier: Apache-2.0
//
// A full disk from end to end: writing stops, what is lost is counted, and an alert tells of it once there is room.

import Foundation
import Records
import Store
import Testing

@testable import Sensor

/// A file system of 40 MB that goes with the object.
private final class SmallDisk {
    let path: String

    init?() {
        guard geteuid() == 0 else { return nil }
        path = NSTemporaryDirectory() + "/weir-disk-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let mounted = try? WeirCommand.program("/bin/mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", path])
        guard mounted?.status == 0 else { return nil }
    }

    deinit {
        _ = try? WeirCommand.program("/bin/umount", [path])
        try? FileManager.default.removeItem(atPath: path)
    }
}

private let canMount = SmallDisk() != nil

@Suite(.enabled(if: canMount, "needs root and mount")) struct `A full disk` {
    /// A row of a second, then the flush after it.
    private func add(_ seconds: Int64, _ collector: inout Collector) throws {
        var record = StatsRecord()
        record.ts = Timestamp(seconds: 1_795_348_800 + seconds)
        try collector.add(record)
        try collector.flush(at: record.ts)
    }

    @Test func `stops an interface's store, and an alert tells what it cost`() throws {
        let disk = try #require(SmallDisk())
        var settings = StoreWriter.Settings()
        settings.reserveBytes = 8 << 20
        let store = try StoreWriter(folder: disk.path + "/store", settings: settings)
        var collector = Collector(
            outputs: Outputs(logs: nil, store: store, isReplay: false), sensorName: "north", logsTunnels: false)
        try add(0, &collector)
        let filler = disk.path + "/filler"
        try Data(count: 34 << 20).write(to: URL(filePath: filler))
        // The first row after the disk is full waits in memory; the others are lost.
        for second in 1...5 as ClosedRange<Int64> { try add(second, &collector) }
        let (lost, full) = (collector.lostRowCount, collector.complaints().count)
        #expect(lost == 4 && full == 1)
        try FileManager.default.removeItem(atPath: filler)
        try add(6, &collector)
        try add(7, &collector)
        let hasRoom = collector.complaints().count
        #expect(hasRoom == 1)
        let totals = try collector.finish()
        #expect(totals.rows[Int(LogID.alert.rawValue)] == 1)
        let reader = try StoreReader.open(disk.path + "/store")
        #expect(try reader.check().faults == [])
        #expect(try reader.status().first { $0.log == "stats" }?.rowCount == 3)
        let segment = try #require(reader.segments(log: "alert").first)
        let alerts = try SegmentReader.open(segment.path)
        func text(_ column: String) throws -> String {
            let vector = try alerts.read(column: try #require(alerts.index(of: column)), rowGroup: 0)
            return String(decoding: vector.text(0), as: UTF8.self)
        }
        #expect(try text("rule_id") == "weir:store-full" && text("source") == "sensor")
        #expect(try text("evidence") == "{\"sensor\":\"north\",\"lost_records\":5,\"seconds\":5}")
    }
}
