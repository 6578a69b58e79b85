// SPDX-License-Identifier: Apache-2.0
//
// Keys of the configuration about the packet ring.

package import Store

extension Settings {
    static let packetKeys: [SettingKey] = [
        SettingKey(name: "packets.size", doc: "Octets of packets that are kept, such as 200GB; 0 keeps none.") {
            (settings, value) throws(SettingsError) in
            settings.packets.byteCount = try value.byteCount("packets.size")
            guard settings.packets.byteCount == 0 || settings.packets.byteCount >= 16_000_000 else {
                throw SettingsError("packets.size: a ring has at least 16MB")
            }
        },
        SettingKey(name: "packets.folder", doc: "The folder of the packet ring; `packets` in the store if left out.") {
            (settings, value) throws(SettingsError) in
            settings.packets.folder = try value.string("packets.folder")
        },
        SettingKey(name: "packets.cutoff", doc: "Octets of each connection that are kept, such as 10MB; 0 for all.") {
            (settings, value) throws(SettingsError) in
            let count = try value.byteCount("packets.cutoff")
            settings.packets.cutoff = count == 0 ? nil : UInt64(count)
        },
        SettingKey(name: "packets.snaplen", doc: "Octets of each packet that are kept.") {
            (settings, value) throws(SettingsError) in
            settings.packets.snapLength = try value.integer("packets.snaplen", 64...262_144)
        },
        SettingKey(name: "packets.file_mb", doc: "Megabytes of one file of the ring, at most an eighth of it.") {
            (settings, value) throws(SettingsError) in
            settings.packets.fileBytes = try value.integer("packets.file_mb", 1...65_536) << 20
        },
        SettingKey(name: "packets.queue_mb", doc: "Megabytes of packets that may wait for the disk.") {
            (settings, value) throws(SettingsError) in
            settings.packets.queueBytes = try value.integer("packets.queue_mb", 4...65_536) << 20
        },
    ]

    /// The ring that the settings ask for; nil where they ask for none. `store` is the store's folder. A replay waits
    /// for the disk, a capture never does.
    package func packetRing(store: String?, isReplay: Bool) throws -> PacketRing? {
        guard packets.byteCount > 0 else { return nil }
        var choices = packets
        if choices.folder.isEmpty {
            guard let store else {
                throw SettingsError("--packets: say where with --store, or with --set packets.folder=DIR")
            }
            choices.folder = Settings.packetFolder(store: store)
        }
        choices.sensorName = sensorName
        choices.reserveBytes = reserveMegabytes << 20
        choices.waits = isReplay
        return try PacketRing(choices)
    }

    /// Where a store's packets are unless the settings say otherwise.
    package static func packetFolder(store: String) -> String { store + "/packets" }
}

extension SettingValue {
    /// Octets: a number with B, kB, MB, GB or TB (powers of ten) behind it, or alone.
    func byteCount(_ key: String) throws(SettingsError) -> Int {
        let text = try string(key)
        let units: [(String, Double)] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("KB", 1e3), ("B", 1)]
        var number = text[...]
        var scale = 1.0
        if let unit = units.first(where: { text.hasSuffix($0.0) }) {
            scale = unit.1
            number = number.dropLast(unit.0.count)
        }
        guard let value = Double(String(number).trimmed), value >= 0, value * scale <= 1e16 else {
            throw SettingsError("\(key): “\(text)” is not a size such as 200GB or 10MB")
        }
        return Int(value * scale)
    }
}
