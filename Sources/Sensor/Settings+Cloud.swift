// SPDX-License-Identifier: Apache-2.0
//
// Keys of the configuration about audit logs and Sigma rules.
//
// Leaves  what is done with them (modules CloudAudit and Sigma).

import Files
import Flows
import Protocols
import Records

/// Which folders of audit logs are looked through beside the sensor.
package struct CloudSettings: Sendable {
    package var folders: [String] = []
    /// Seconds between looks.
    package var intervalSeconds = 30

    package init() {}
}

/// Which Sigma rules look at rows and audit records.
package struct SigmaSettings: Sendable {
    package var rulePaths: [String] = []
    /// `name=value,…` for a rule's `%name%`.
    package var placeholders: [String] = []

    package init() {}
}

extension Settings {
    static let cloudKeys: [SettingKey] = [
        SettingKey(name: "cloud.watch", doc: "Folders of audit logs that are read as they come: a list.") {
            (settings, value) throws(SettingsError) in
            settings.cloud.folders = value.strings()
        },
        SettingKey(name: "cloud.interval", doc: "Time between looks into these folders.") {
            (settings, value) throws(SettingsError) in
            settings.cloud.intervalSeconds = Int(max(try value.duration("cloud.interval") / 1_000_000_000, 1))
        },
        SettingKey(name: "sigma.rules", doc: "Sigma rules, files or folders, for new rows and audit records: a list.") {
            (settings, value) throws(SettingsError) in
            settings.sigma.rulePaths = value.strings()
        },
        SettingKey(name: "sigma.placeholders", doc: "Values for placeholders of rules: a list of name=value.") {
            (settings, value) throws(SettingsError) in
            switch value {
            case .list(let list): settings.sigma.placeholders = list
            // A value has commas of its own: on the command line one placeholder is one value.
            case .text(let text): settings.sigma.placeholders = [text]
            }
        },
    ]
}
