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
        return rows.indices.map { filter.admits(batch, $0) }
    }

    @Test func `a version is told once a day, whatever comes between`() {
        let rows: [(String, UInt64?, Int64)] = [
            ("nginx", 1, 0), ("nginx", 1, 10), ("nginx", 2, 20), ("apache", 1, 30), ("nginx", 1, 40),
            ("nginx", 2, 86_419), ("nginx", 2, 86_420), ("nginx", nil, 86_430), ("nginx", 0, 86_440),
        ]
        #expect(admitted(rows) == [true, false, true, true, false, false, true, true, true])
    }

    @Test func `every log that is filtered has the columns that are named`() {
        #expect(DailyFilter.all().count == DailyFilter.logs.count)
    }
}
