// SPDX-License-Identifier: Apache-2.0
//
// The keys of signatures and alerts, and the way from the settings to loaded rules.
//
// Reads   the settings; rule files.
// Writes  a `RuleIndex` that all workers share.
// Leaves  the rule language and the engine (module Signatures).

import Protocols
import Records
package import Signatures

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Settings {
    static let signatureKeys: [SettingKey] = [
        SettingKey(name: "signatures.rules", doc: "Rule files, or folders of them: a list; plain or gzip.") {
            (settings, value) throws(SettingsError) in
            settings.rulePaths = value.strings()
        },
        SettingKey(name: "signatures.midstream", doc: "Look into TCP connections whose beginning was not seen.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.takesMidstream = try value.boolean("signatures.midstream")
        },
        SettingKey(name: "signatures.checksums", doc: "Checksums of packets: auto, validate or ignore.") {
            (settings, value) throws(SettingsError) in
            let choice = try value.string("signatures.checksums")
            guard ["auto", "validate", "ignore"].contains(choice) else {
                throw SettingsError("signatures.checksums: “\(choice)” is none of auto, validate, ignore")
            }
            if choice == "ignore" { settings.ignoringChecksums = true }
        },
        SettingKey(name: "signatures.alerts_max", doc: "Alerts of one packet.") {
            (settings, value) throws(SettingsError) in
            settings.signatures.alertsMax = try value.integer("signatures.alerts_max", 1...65_535)
        },
        SettingKey(name: "signatures.thresholds", doc: "A threshold.config file.") {
            (settings, value) throws(SettingsError) in
            settings.thresholdFile = try value.string("signatures.thresholds")
        },
        SettingKey(name: "signatures.classifications", doc: "A classification.config file; built in when left out.") {
            (settings, value) throws(SettingsError) in
            settings.classificationFile = try value.string("signatures.classifications")
        },
        SettingKey(name: "signatures.references", doc: "A reference.config file; built in when left out.") {
            (settings, value) throws(SettingsError) in
            settings.referenceFile = try value.string("signatures.references")
        },
        SettingKey(
            name: "signatures.reputation_categories", doc: "The categories of iprep: a file of NUMBER,SHORT,TEXT lines."
        ) { (settings, value) throws(SettingsError) in
            settings.reputationCategories = try value.string("signatures.reputation_categories")
        },
        SettingKey(
            name: "signatures.reputation", doc: "Lists of addresses for iprep: files of ADDRESS,CATEGORY,SCORE lines."
        ) { (settings, value) throws(SettingsError) in
            settings.reputationFiles = value.strings()
        },
        SettingKey(name: "signatures.geoip", doc: "An MMDB file of countries, for geoip.") {
            (settings, value) throws(SettingsError) in
            settings.countryFile = try value.string("signatures.geoip")
        },
        SettingKey(
            name: "signatures.data", doc: "The folder below which rules keep data sets (dataset: save, state)."
        ) { (settings, value) throws(SettingsError) in
            settings.ruleDataFolder = try value.string("signatures.data")
        },
        SettingKey(name: "stream.depth", doc: "Octets of each TCP direction that stream rules see; 0 for all.") {
            (settings, value) throws(SettingsError) in
            settings.signatures.streamDepth = UInt64(try value.integer("stream.depth", 0...(1 << 40)))
        },
        SettingKey(name: "alerts.fold", doc: "Time in which alerts of a rule between two hosts become one row.") {
            (settings, value) throws(SettingsError) in
            settings.alerts.foldSeconds = Int(try value.duration("alerts.fold") / 1_000_000_000)
        },
    ]

    /// Reads the rules that the settings name; nil where they name none. `tell` hears of rules that
    /// are refused and of what else there is to say.
    /// `old` are those that they take the place of: what traffic has added to data sets stays. Throws where rules are
    /// there and none of them can be used in their place.
    package func loadRules(
        replacing old: RuleIndex? = nil, _ tell: (String) -> Void
    ) throws(SettingsError) -> RuleIndex? {
        guard !rulePaths.isEmpty else { return nil }
        var options = ruleLoaderOptions
        options.predecessor = old?.set
        let loaded = try load(rulePaths, with: [], options).loaded
        for note in loaded.rejected { tell(note.text) }
        // Not the wish to have none: a file that was cut, or is another kind of file.
        if old != nil, loaded.loaded == 0, !loaded.rejected.isEmpty {
            throw SettingsError("no rule can be used, \(loaded.rejected.count) are refused")
        }
        if let text = loaded.silence { tell(text) }
        return RuleIndex(loaded.set, replacing: old)
    }

    /// The files of the configuration that rules need.
    package var ruleLoaderOptions: RuleLoaderOptions {
        var options = RuleLoaderOptions()
        options.variables = variables
        options.classificationPath = classificationFile
        options.referencePath = referenceFile
        options.thresholdPath = thresholdFile
        options.reputationCategoriesPath = reputationCategories
        options.reputationPaths = reputationFiles
        options.countryPath = countryFile
        options.dataFolder = ruleDataFolder
        options.savesFiles = extractionFolder != nil
        return options
    }

    /// The rules that the settings name, and more rules as text. Which of these did not load is told by number;
    /// throws where the last does not: it is the one that the others lead to.
    func loadRules(with more: [String]) throws(SettingsError) -> (rules: RuleIndex, refused: Set<Int>) {
        let (loaded, refused) = try load(rulePaths, with: more, ruleLoaderOptions)
        if let last = more.indices.last, let reason = refused[last] {
            throw SettingsError("the rule does not load: \(reason)")
        }
        return (RuleIndex(loaded.set), Set(refused.keys))
    }

    private func load(
        _ paths: [String], with more: [String], _ options: RuleLoaderOptions
    ) throws(SettingsError) -> (loaded: LoadedRules, refused: [Int: String]) {
        do {
            var loader = try RuleLoader(options)
            for path in paths {
                for file in try Settings.ruleFiles(path) { try loader.load(file: file) }
            }
            // Each as a file of its own, so that its number is its place.
            for (number, rule) in more.enumerated() {
                loader.load(Array(rule.utf8), name: "\u{0}\(number)", folder: "")
            }
            let loaded = loader.finished()
            var refused: [Int: String] = [:]
            for note in loaded.rejected where note.file.hasPrefix("\u{0}") {
                if let number = Int(note.file.dropFirst()) { refused[number] = note.sentence }
            }
            return (loaded, refused)
        } catch let error as SettingsError {
            throw error
        } catch {
            throw SettingsError("\(error)")
        }
    }

    /// The rule files below a folder in order of their names, or the file itself.
    private static func ruleFiles(_ path: String) throws(SettingsError) -> [String] {
        var isFolder: Bool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw SettingsError("--rules \(path): there is no such file or folder")
        }
        guard isFolder else { return [path] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let files = names.filter { $0.hasSuffix(".rules") || $0.hasSuffix(".rules.gz") }.sorted()
        guard !files.isEmpty else { throw SettingsError("--rules \(path): no file in the folder ends in .rules") }
        return files.map { path + "/" + $0 }
    }
}
