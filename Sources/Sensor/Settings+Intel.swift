// SPDX-License-Identifier: Apache-2.0
//
// Keys of the configuration about indicators and incidents.
//
// Leaves  what is done with them (modules Intel and Incidents).

import Files
import Flows
import Protocols
package import Records

/// Where indicators come from.
package struct IntelSettings: Sendable {
    /// Feeds beside those that the store keeps.
    package var files: [String] = []
    /// Lists of values that are harmless.
    package var allowLists: [String] = []
    /// Indicators below this confidence raise no alert.
    package var confidenceMin = 30
    /// How confidence falls with age: below 1 late, above 1 early, 0 not at all.
    package var decay = 0.5
    /// An indicator that more than so many percent of our hosts meet is demoted; 100 for never.
    package var prevalenceMax = 25

    package init() {}
}

/// How alerts become incidents.
package struct IncidentSettings: Sendable {
    /// Seconds between looks at new alerts, live; 0 for never.
    package var intervalSeconds = 60
    /// Alerts join over so many seconds without a sign.
    package var windowSeconds = 24 * 3600

    package init() {}
}

extension Settings {
    static let intelKeys: [SettingKey] = [
        SettingKey(
            name: "intel.files", doc: "Feeds of indicators beside those that the store keeps: a list of files."
        ) {
            (settings, value) throws(SettingsError) in
            settings.intel.files = value.strings()
        },
        SettingKey(name: "intel.allow", doc: "Lists of values that are no indicators: a list of files.") {
            (settings, value) throws(SettingsError) in
            settings.intel.allowLists = value.strings()
        },
        SettingKey(name: "intel.confidence_min", doc: "Indicators of less confidence (0 to 100) raise no alert.") {
            (settings, value) throws(SettingsError) in
            settings.intel.confidenceMin = try value.integer("intel.confidence_min", 0...100)
        },
        SettingKey(
            name: "intel.decay",
            doc: "How confidence falls until an indicator expires: below 1 late, above 1 early, 0 not at all."
        ) {
            (settings, value) throws(SettingsError) in
            settings.intel.decay = try value.real("intel.decay", 0...10)
        },
        SettingKey(
            name: "intel.prevalence_max",
            doc: "An indicator that more of our hosts meet (percent) is demoted; 100 for never."
        ) {
            (settings, value) throws(SettingsError) in
            settings.intel.prevalenceMax = try value.integer("intel.prevalence_max", 0...100)
        },
        SettingKey(name: "incidents.interval", doc: "Time between looks at new alerts, live; 0 for never.") {
            (settings, value) throws(SettingsError) in
            settings.incidents.intervalSeconds = Int(try value.duration("incidents.interval") / 1_000_000_000)
        },
        SettingKey(name: "incidents.window", doc: "Alerts of one host or user join over so much time.") {
            (settings, value) throws(SettingsError) in
            let seconds = try value.duration("incidents.window") / 1_000_000_000
            settings.incidents.windowSeconds = Int(max(seconds, 1))
        },
    ]
}

extension Settings {
    private static let digests: [(byteCount: Int, hash: FileHashes)] = [(16, .md5), (20, .sha1), (32, .sha256)]

    /// Has digests of files made that are so many octets long: 16, 20 or 32.
    package mutating func addDigests(of byteCounts: Set<Int>) {
        for digest in Settings.digests where byteCounts.contains(digest.byteCount) {
            protocols.files.hashes.insert(digest.hash)
        }
    }

    /// Whether digests of all these lengths are made.
    package func makesDigests(of byteCounts: Set<Int>) -> Bool {
        Settings.digests.allSatisfy { !byteCounts.contains($0.byteCount) || protocols.files.hashes.contains($0.hash) }
    }

    /// Networks that the configuration calls local, beside those that are local everywhere.
    package var localNetworks: [AddressPrefix] {
        flows.localNetworks.filter { !AddressPrefix.special.contains($0) }
    }
}
