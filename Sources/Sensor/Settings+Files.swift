// SPDX-License-Identifier: Apache-2.0
//
// Keys of the configuration about files: limits, digests, saving.

import Files
import Protocols
import Records

extension Settings {
    static let fileKeys: [SettingKey] = [
        SettingKey(name: "files.open_max", doc: "Files at work at once, each worker.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.files.openMax = try value.integer("files.open_max", 16...10_000_000)
        },
        SettingKey(name: "files.idle", doc: "Silence that ends a file.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.files.idle = try value.duration("files.idle")
        },
        SettingKey(name: "files.reassembly_kb", doc: "Kilobytes of one file held out of order.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.files.reassemblyBytesMax =
                try value.integer("files.reassembly_kb", 1...1_048_576) << 10
        },
        SettingKey(name: "files.reassembly_mb", doc: "Megabytes of all files held out of order, each worker.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.files.reassemblyTotalMax = try value.integer("files.reassembly_mb", 1...65_536) << 20
        },
        SettingKey(name: "files.hash", doc: "Digests of every file: none, or a list of md5, sha1 and sha256.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.files.hashes = []
            for name in value.strings() where name != "none" {
                guard let known = FileHashes.all.first(where: { $0.name == name }) else {
                    throw SettingsError(
                        "files.hash: there is no digest “\(name)”; choose from none, md5, sha1, sha256")
                }
                settings.protocols.files.hashes.insert(known.hash)
            }
        },
        SettingKey(name: "files.extract", doc: "Files that are saved, such as [mime=application/x-dosexec].") {
            (settings, value) throws(SettingsError) in
            settings.protocols.files.extractionRules = []
            // A rule has commas of its own: on the command line one rule is one value.
            let rules: [String]
            switch value {
            case .list(let list): rules = list
            case .text(let text): rules = [text]
            }
            for rule in rules { try settings.addExtraction(rule) }
        },
        SettingKey(name: "files.extract_dir", doc: "The folder in which they are saved.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.files.extractionFolder = try value.string("files.extract_dir")
        },
        SettingKey(name: "files.extract_mb", doc: "Megabytes of one file that are saved.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.files.extractionBytesMax =
                UInt64(try value.integer("files.extract_mb", 1...1_048_576)) << 20
        },
        SettingKey(name: "files.extract_count", doc: "Files that each worker saves.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.files.extractionCountMax = try value.integer("files.extract_count", 1...100_000_000)
        },
        SettingKey(name: "files.extract_total_gb", doc: "Gigabytes of files that each worker saves.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.files.extractionTotalMax =
                UInt64(try value.integer("files.extract_total_gb", 1...1_048_576)) << 30
        },
    ]

    /// One rule of `--extract`. A digest that it names is computed.
    package mutating func addExtraction(_ text: String) throws(SettingsError) {
        guard let rule = ExtractionRule(parsing: text) else {
            throw SettingsError(
                "--extract \(text): write mime=TYPE, name=PATTERN, source=PROTOCOL or sha256=DIGEST, joined by commas, "
                    + "such as mime=application/x-dosexec,source=http; or all")
        }
        protocols.files.extractionRules.append(rule)
        protocols.files.hashes.formUnion(rule.neededHash)
    }

    /// Whether a rule asks for files to be saved.
    package var savesFiles: Bool { !protocols.files.extractionRules.isEmpty }

    /// The folder in which files are saved.
    package var extractionFolder: String? {
        get { protocols.files.extractionFolder }
        set { protocols.files.extractionFolder = newValue }
    }
}
