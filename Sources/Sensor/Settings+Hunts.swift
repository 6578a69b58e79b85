// SPDX-License-Identifier: Apache-2.0
//
// Keys of the configuration about hunts that a sensor runs over its own store.
//
// Leaves  running them (module Hunts).

import Records

/// Which hunts are run, and how.
package struct HuntSettings: Sendable {
    /// Names of hunts, or `all` for every one that makes alerts.
    package var names: [String] = []
    /// Seconds between runs, live.
    package var everySeconds = 3600
    /// Seconds before the newest connection that a run looks at.
    package var sinceSeconds = 86_400
    /// `HUNT.NAME=VALUE`.
    package var parameters: [String] = []
    /// The site's own networks; none for the private ones.
    package var networks: [String] = []
    /// An MMDB file of autonomous systems.
    package var networksFile: String?
    /// The folder of hunts; nil for the one that comes with the program.
    package var folder: String?

    package init() {}
}

extension Settings {
    static let huntKeys: [SettingKey] = [
        SettingKey(name: "hunts.names", doc: "Hunts over the sensor's own store: a list, or all.") {
            (settings, value) throws(SettingsError) in
            settings.hunts.names = value.strings()
        },
        SettingKey(name: "hunts.every", doc: "Time between runs of the hunts, live.") {
            (settings, value) throws(SettingsError) in
            settings.hunts.everySeconds = try seconds("hunts.every", value)
        },
        SettingKey(name: "hunts.since", doc: "Records before the newest connection that a run of hunts looks at.") {
            (settings, value) throws(SettingsError) in
            settings.hunts.sinceSeconds = try seconds("hunts.since", value)
        },
        SettingKey(name: "hunts.parameters", doc: "Parameters of hunts: a list of HUNT.NAME=VALUE.") {
            (settings, value) throws(SettingsError) in
            switch value {
            case .list(let list): settings.hunts.parameters = list
            // A value may have commas of its own: on the command line one parameter is one value.
            case .text(let text): settings.hunts.parameters = [text]
            }
        },
        SettingKey(name: "hunts.internal", doc: "Networks of the site for hunts: a list, in place of the private.") {
            (settings, value) throws(SettingsError) in
            settings.hunts.networks = value.strings()
            for text in settings.hunts.networks where AddressPrefix(text) == nil {
                throw SettingsError("hunts.internal: “\(text)” is not a network such as 203.0.113.0/24")
            }
        },
        SettingKey(name: "hunts.mmdb", doc: "An MMDB file of autonomous systems, for hunts that need one.") {
            (settings, value) throws(SettingsError) in
            settings.hunts.networksFile = try value.string("hunts.mmdb")
        },
        SettingKey(name: "hunts.folder", doc: "The folder of hunts, where it is not the program's own.") {
            (settings, value) throws(SettingsError) in
            settings.hunts.folder = try value.string("hunts.folder")
        },
    ]

    /// A length of time of at least a second.
    private static func seconds(_ key: String, _ value: SettingValue) throws(SettingsError) -> Int {
        let seconds = try value.duration(key) / second
        guard seconds >= 1 else { throw SettingsError("\(key): give a second or more, such as 1h") }
        return Int(seconds)
    }
}
