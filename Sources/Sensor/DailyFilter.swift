// SPDX-License-Identifier: Apache-2.0
//
// Logs of what exists, over all workers: one row for each thing a day.
//
// Reads   rows of such a log in order.
// Writes  a yes or no for each.
// Leaves  what workers do not tell of at all, for it cannot be due (Protocols/X509Log.swift, SoftwareLog.swift).

import Protocols
import Records

/// Remembers what was logged, so that two workers that meet the same thing make one row. A thing is told apart by its
/// key columns; what stands in the others is that of the first row of the day, whatever the number of workers.
struct DailyFilter {
    /// Things remembered at once; beyond, the memory starts anew.
    static let thingsMax = 200_000

    /// The day of each thing's last row.
    private var logged: [UInt64: Int64] = [:]
    /// Things that went to make room.
    private(set) var forgotten: UInt64 = 0
    private let time: Column?
    private let keys: [(index: Int, column: Column)]

    init(_ schema: LogSchema, keys: [String]) {
        let find = { (names: [String]) in
            names.map { name in
                guard let index = schema.index(of: name) else {
                    preconditionFailure("the log \(schema.path) has no column \(name)")
                }
                return (index, schema.columns[index])
            }
        }
        time = schema.columns.first { $0.name == "ts" }
        self.keys = find(keys)
    }

    /// The key columns by log: certificates by role, programs by host, name and version, hosts, services,
    /// certificates of hosts.
    static let logs: [LogID: [String]] = [
        .x509: ["fingerprint", "host_cert", "client_cert"],
        .software: [
            "host", "software_type", "name", "version.major", "version.minor", "version.minor2",
            "version.minor3", "version.addl",
        ],
        .knownHosts: ["host"],
        .knownServices: ["host", "port_num", "port_proto", "service"],
        .knownCerts: ["host", "port_num", "serial", "issuer_subject"],
    ]

    /// One filter for each of these logs.
    static func all() -> [LogID: DailyFilter] {
        var filters: [LogID: DailyFilter] = [:]
        for (log, columns) in logs { filters[log] = DailyFilter(Schemas.all[Int(log.rawValue)], keys: columns) }
        return filters
    }

    /// Whether a row is the first of its thing on its day; days begin at `first` (`Timestamp.day`).
    mutating func admits(_ batch: borrowing RowBatch, _ row: Int, since first: Timestamp?) -> Bool {
        guard let time else { return true }
        let key = DailyFilter.hash(keys, batch, row)
        let day = Timestamp(nanoseconds: Int64(bitPattern: batch.word(row, time))).day(since: first)
        if let last = logged[key], last >= day { return false }
        if logged.count >= DailyFilter.thingsMax {
            forgotten &+= UInt64(logged.count)
            logged.removeAll(keepingCapacity: true)
        }
        logged[key] = day
        return true
    }

    private static func hash(
        _ columns: [(index: Int, column: Column)], _ batch: borrowing RowBatch, _ row: Int
    ) -> UInt64 {
        var hash = SipHash(key0: 0x6365_7274_6966_6963, key1: 0x6174_6573_2073_6565)
        for (index, column) in columns {
            guard batch.isSet(row, index) else {
                hash.absorb(0)
                continue
            }
            switch column.kind {
            case .text, .enumeration: absorb(batch.textRange(row, column), batch, &hash)
            case .textSet, .textVector:
                var place = batch.listStart(row, column)
                for _ in 0..<batch.listCount(row, column) { absorb(batch.listText(&place), batch, &hash) }
            case .address:
                let address = batch.address(row, column)
                hash.absorb(address.high)
                hash.absorb(address.low)
            default: hash.absorb(batch.word(row, column) &+ 1)
            }
        }
        return hash.finish()
    }

    private static func absorb(_ range: Range<Int>, _ batch: borrowing RowBatch, _ hash: inout SipHash) {
        hash.absorb(UInt64(range.count) &+ 1)
        for place in range { hash.absorb(UInt64(batch.bytes[place])) }
    }
}
