// SPDX-License-Identifier: Apache-2.0
//
// Certificates over all workers: one row for each certificate and role a day.
//
// Reads   rows of the certificate log in order.
// Writes  a yes or no for each.
// Leaves  what a single worker has logged already (Protocols/X509Log.swift).

import Records

/// Remembers what was logged, so that two workers that meet the same certificate make one row.
struct CertificateFilter {
    private static let silence: Int64 = 86_400 * second
    /// Certificates remembered at once; beyond, the memory starts anew.
    private static let certificatesMax = 200_000

    private var logged: [UInt64: Timestamp] = [:]
    private let time: Column?
    private let fingerprint: Column?
    private let roles: [Column]

    init(_ schema: LogSchema) {
        time = schema.columns.first { $0.name == "ts" }
        fingerprint = schema.columns.first { $0.name == "fingerprint" }
        roles = schema.columns.filter { $0.name == "host_cert" || $0.name == "client_cert" }
    }

    mutating func admits(_ batch: borrowing RowBatch, _ row: Int) -> Bool {
        guard let time, let fingerprint else { return true }
        var hash = SipHash(key0: 0x6365_7274_6966_6963, key1: 0x6174_6573_2073_6565)
        for place in batch.textRange(row, fingerprint) { hash.absorb(UInt64(batch.bytes[place])) }
        for role in roles { hash.absorb(batch.word(row, role)) }
        let key = hash.finish()
        let now = Timestamp(nanoseconds: Int64(bitPattern: batch.word(row, time)))
        if let last = logged[key], now.since(last) < CertificateFilter.silence { return false }
        if logged.count >= CertificateFilter.certificatesMax { logged.removeAll(keepingCapacity: true) }
        logged[key] = now
        return true
    }
}
