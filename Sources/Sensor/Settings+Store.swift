// SPDX-License-Identifier: Apache-2.0
//
// Keys of the configuration that say how long a sensor's store keeps what.

import Records
import Store

extension Settings {
    static let storeKeys: [SettingKey] = [
        SettingKey(name: "store.flush_interval", doc: "Seconds between segments of the store, live.") {
            (settings, value) throws(SettingsError) in
            settings.flushIntervalSeconds = try value.integer("store.flush_interval", 1...3600)
        },
        SettingKey(name: "store.max_age", doc: "Records older than this are removed, live; 0 keeps all.") {
            (settings, value) throws(SettingsError) in
            let age = try value.duration("store.max_age")
            settings.retention.all.age = age == 0 ? nil : age
        },
        SettingKey(name: "store.max_gb", doc: "Gigabytes of records that are kept, live; 0 for no bound.") {
            (settings, value) throws(SettingsError) in
            let count = try value.integer("store.max_gb", 0...1_000_000_000)
            settings.retention.all.byteCount = count == 0 ? nil : count * 1_000_000_000
        },
        SettingKey(name: "store.log_bounds", doc: "Bounds of single logs, live, such as [dns=30d, http=50GB].") {
            (settings, value) throws(SettingsError) in
            settings.retention.logs = [:]
            for text in value.strings() { try settings.boundLog(text) }
        },
        SettingKey(name: "store.reserve_mb", doc: "Megabytes that stay free on the disk: below, writing pauses.") {
            (settings, value) throws(SettingsError) in
            settings.reserveMegabytes = try value.integer("store.reserve_mb", 1...1_000_000)
        },
        SettingKey(name: "store.merge_zstd", doc: "Compress the segments of closed hours with Zstandard.") {
            (settings, value) throws(SettingsError) in
            settings.merge.compressesMore = try value.boolean("store.merge_zstd")
        },
    ]

    /// One bound: `LOG=AGE` or `LOG=NUMBERGB`.
    private mutating func boundLog(_ text: String) throws(SettingsError) {
        let parts = text.split(separator: "=", maxSplits: 1).map { String($0).trimmed }
        guard parts.count == 2, Schemas.all.contains(where: { $0.path == parts[0] }) else {
            throw SettingsError("store.log_bounds: “\(text)” is not a log and its bound, such as dns=30d or http=50GB")
        }
        var bound = retention.logs[parts[0]] ?? RetentionSettings.Bound()
        if parts[1].hasSuffix("GB"), let count = Int(parts[1].dropLast(2)), (1...1_000_000_000).contains(count) {
            bound.byteCount = count * 1_000_000_000
        } else {
            bound.age = try SettingValue.text(parts[1]).duration("store.log_bounds")
        }
        retention.logs[parts[0]] = bound
    }
}
