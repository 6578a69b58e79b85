// SPDX-License-Identifier: Apache-2.0
//
// One row a thing and day, over all workers.

import Records
import Testing
import Wire

@testable import Protocols
@testable import Sensor

@Suite("daily filter") struct DailyFilterTests {
    private let schema = Schemas.all[Int(LogID.software.rawValue)]

    /// Whether each of some rows is let through.
    private func admitted(_ rows: [(name: String, major: UInt64?, seconds: Int64)]) -> [Bool] {
        var batch = RowBatch(schema)
        for row in rows {
            var record = SoftwareRecord()
            record.ts = Timestamp(seconds: 1_000_000 + row.seconds)
            record.host = Address(v4: 0x0A00_0001)
            let name = Array(row.name.utf8)
            record.name = record.text.add(name.octets)
            record.major = row.major
            batch.append(record, order: 1, ordinal: 1)
        }
        var filter = DailyFilter(schema, keys: DailyFilter.logs[.software] ?? [])
        return rows.indices.map { filter.admits(batch, $0, since: Timestamp(seconds: 1_000_000)) }
    }

    @Test func `a version is told once a day, whatever comes between`() {
        let rows: [(String, UInt64?, Int64)] = [
            ("nginx", 1, 0), ("nginx", 1, 10), ("nginx", 2, 20), ("apache", 1, 30), ("nginx", 1, 40),
            ("nginx", 2, 86_399), ("nginx", 2, 86_400), ("nginx", nil, 86_430), ("nginx", 0, 86_440),
        ]
        #expect(admitted(rows) == [true, false, true, true, false, false, true, true, true])
    }

    /// Sightings of certificates in hours, each with who meets it; what `count` workers make of them.
    private func certificatesLogged(
        _ sightings: [(hours: Int64, which: UInt8, worker: Int)], workers count: Int
    ) -> [Bool] {
        var caches = (0..<count).map { _ in CertificateCache() }
        var told: [(name: String, major: UInt64?, seconds: Int64)] = []
        var isTold: [Bool] = []
        for sighting in sightings {
            let place = sighting.worker % count
            let certificate = caches[place].read([sighting.which].octets)
            let day = sighting.hours / 24
            isTold.append(certificate.admits(isHost: true, isClient: false, day: day))
            if isTold.last == true { told.append(("\(sighting.which)", nil, sighting.hours * 3600)) }
        }
        var verdicts = admitted(told)[...]
        return isTold.map { $0 ? verdicts.removeFirst() : false }
    }

    @Test func `certificates of many days are the same rows for any number of workers`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            let hours = (0..<300).map { _ in Int64.random(in: 0..<150, using: &random) }.sorted()
            let sightings = hours.map {
                (
                    hours: $0, which: UInt8.random(in: 0..<4, using: &random),
                    worker: Int.random(in: 0..<64, using: &random)
                )
            }
            let one = certificatesLogged(sightings, workers: 1)
            #expect(one.contains(true))
            for count in [2, 4] { #expect(certificatesLogged(sightings, workers: count) == one) }
        }
        // The worker that has met it least does not keep it from being told of.
        #expect(certificatesLogged([(0, 1, 0), (10, 1, 1), (25, 1, 1)], workers: 2) == [true, false, true])
    }

    @Test func `things of many days are told of on each, whichever worker meets them`() {
        var random = SystemRandomNumberGenerator()
        let things: [UInt64] = [1 << 52, 2 << 52, 3 << 52]
        var workers = (0..<3).map { _ in RecentlySeen() }
        var told: Set<[UInt64]> = []
        var met: Set<[UInt64]> = []
        for hour in 0..<500 {
            let (thing, day) = (things.randomElement(using: &random) ?? 0, Int64(hour / 24))
            let mark = [thing, UInt64(day)]
            met.insert(mark)
            let isNew = workers[Int.random(in: 0..<3, using: &random)].admits(thing, on: day)
            // A worker that is silent has told of it on that very day.
            #expect(isNew || told.contains(mark))
            if isNew { told.insert(mark) }
        }
        #expect(told == met)
    }

    @Test func `days are counted from the first packet`() {
        let first = Timestamp(seconds: 1000)
        let days = [0, 1000, 87_399, 87_400, 260_199].map { Timestamp(seconds: $0).day(since: first) }
        #expect(days == [0, 0, 0, 1, 2])
        #expect(Timestamp(seconds: 1_000_000).day(since: nil) == 0)
    }

    @Test func `every log that is filtered has the columns that are named`() {
        #expect(DailyFilter.all().count == DailyFilter.logs.count)
    }
}
