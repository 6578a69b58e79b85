// SPDX-License-Identifier: Apache-2.0
//
// Options that replay and capture share, and what becomes of them: settings, outputs.

import ArgumentParser
import Foundation
import Intel
import Logs
import Protocols
import Records
import Sensor
import Signatures
import Store

/// Where records go and which choices hold.
struct RunOptions: ParsableArguments {
    @Option(name: .customLong("logs"), help: ArgumentHelp("Write log files into this folder.", valueName: "dir"))
    var logFolder: String?

    @Option(help: ArgumentHelp("Form of the log files: zeek-json, zeek-tsv or eve.", valueName: "form"))
    var logFormat = "zeek-json"

    @Option(name: .customLong("store"), help: ArgumentHelp("Write records into this store.", valueName: "dir"))
    var storeFolder: String?

    @Option(
        name: .customLong("packets"),
        help: ArgumentHelp("Keep the newest packets, up to this size, such as 200GB.", valueName: "size"))
    var packetSize: String?

    @Option(help: ArgumentHelp("Worker threads; one a core when left out.", valueName: "n"))
    var workers: Int?

    @Flag(help: "Take packets with wrong checksums, as hosts with offloading send them.")
    var ignoreChecksums = false

    @Option(help: ArgumentHelp("Only these analyzers: names with commas, or none.", valueName: "list"))
    var analyzers: String?

    @Option(help: ArgumentHelp("Only packets that this pcap filter takes.", valueName: "filter"))
    var bpf: String?

    @Option(help: ArgumentHelp("Read settings from this YAML file.", valueName: "file"))
    var config: String?

    @Option(name: .customLong("set"), help: ArgumentHelp("Set one key of the configuration.", valueName: "key=value"))
    var assignments: [String] = []

    @Option(help: ArgumentHelp("Secrets of TLS sessions, as SSLKEYLOGFILE has them.", valueName: "file"))
    var keylog: String?

    @Option(
        name: .customLong("rules"),
        help: ArgumentHelp("Signature rules: files (.gz too) or folders.", valueName: "path"))
    var ruleFiles: [String] = []

    @Option(help: ArgumentHelp("Sigma rules for the logs: files or folders.", valueName: "path"))
    var sigma: [String] = []

    @Option(name: .customLong("var"), help: ArgumentHelp("Set a variable of the rules.", valueName: "name=value"))
    var variables: [String] = []

    @OptionGroup(title: "Files of rules") var ruleSupport: RuleFileOptions

    @Option(
        name: .customLong("extract"),
        help: ArgumentHelp("Save files: mime=TYPE, name=PATTERN, source=NAME, sha256=DIGEST, all.", valueName: "rule"))
    var extractions: [String] = []

    @Option(
        name: .customLong("extract-dir"),
        help: ArgumentHelp("Save them in this folder, and the files that rules store.", valueName: "dir"))
    var extractionFolder: String?

    /// The settings: the file first, then single keys, then options.
    func settings() throws -> Settings {
        do {
            var settings = Settings()
            if let config {
                guard let data = FileManager.default.contents(atPath: config) else {
                    throw SettingsError("\(config): the file cannot be read; check the path and its permissions")
                }
                guard let text = String(data: data, encoding: .utf8) else {
                    throw SettingsError("\(config): the file is not UTF-8 text")
                }
                try settings.read(yaml: text, path: config)
            }
            for assignment in assignments { try settings.set(assignment) }
            for variable in variables { try settings.setVariable(variable) }
            if let workers {
                guard (1...64).contains(workers) else {
                    throw SettingsError("--workers \(workers): choose from 1 to 64")
                }
                settings.workers = workers
            }
            if ignoreChecksums { settings.ignoringChecksums = true }
            if let analyzers {
                settings.analyzers = try Settings.analyzerNames(
                    analyzers.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
            }
            if let bpf { settings.filter = bpf }
            if let packetSize { try settings.set("packets.size=\(packetSize)") }
            try chooseExtraction(&settings)
            settings.rulePaths += ruleFiles
            ruleSupport.apply(to: &settings)
            settings.sigma.rulePaths += sigma
            if let keylog { settings.protocols.keyLog = try KeyLogFile.open(keylog) }
            settings.protocols.wantsEvents = logFolder != nil && logFormat == LogFormat.eve.rawValue
            return settings
        } catch let error as SettingsError {
            throw Console.fail(error.description)
        }
    }

    private func chooseExtraction(_ settings: inout Settings) throws {
        for rule in extractions { try settings.addExtraction(rule) }
        if let extractionFolder { settings.extractionFolder = extractionFolder }
        guard settings.savesFiles || settings.extractionFolder != nil else { return }
        guard let folder = settings.extractionFolder else {
            throw SettingsError("--extract: say where with --extract-dir, such as --extract-dir files/")
        }
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw SettingsError(
                "--extract-dir \(folder): the folder cannot be made; check the path and its permissions")
        }
    }

    /// The rules that are asked for, with a line for each that is refused.
    func rules(_ settings: Settings) throws -> RuleIndex? {
        do {
            if !variables.isEmpty, settings.rulePaths.isEmpty {
                Console.warn("--var: variables matter to signatures only")
            }
            return try settings.loadRules { Console.warn($0) }
        } catch {
            throw Console.fail(error.description)
        }
    }

    /// The indicators that a run looks for.
    func indicators(_ settings: Settings) throws -> IndicatorShelf {
        do {
            return IndicatorShelf(try settings.loadIndicators(store: storeFolder) { Console.warn($0) })
        } catch {
            throw Console.fail(error.description)
        }
    }

    /// Who looks on while captures are read: indicators and Sigma rules, where there are any.
    func observers(_ settings: inout Settings) throws -> [any RowObserver] {
        let shelf = try indicators(settings)
        let rules = try SigmaGlue.shelf(settings)
        return (shelf.newest.count > 0 ? [settings.matcher(shelf)] : []) + SigmaGlue.observers(rules, settings)
    }

    /// The log writers, where they are asked for; `interface` is the one that is watched, live.
    func logWriter(_ settings: Settings, interface: String? = nil, appending: Bool) throws -> LogWriter? {
        guard let format = LogFormat(rawValue: logFormat) else {
            let known = LogFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw Console.fail("--log-format \(logFormat): there is no such form; choose one of \(known)")
        }
        guard let logFolder else { return nil }
        var eve = settings.eve
        eve.addsCommunityID = settings.logsCommunityID
        eve.interface = interface
        return try LogWriter(
            directory: logFolder, format: format, schemas: Schemas.all, communityID: settings.logsCommunityID,
            eve: eve, appending: appending)
    }

    /// The packet ring, where one is asked for.
    func packetRing(_ settings: Settings, isReplay: Bool) throws -> PacketRing? {
        try settings.packetRing(store: storeFolder, isReplay: isReplay)
    }

    func storeWriter(_ folder: String, _ settings: Settings) throws -> StoreWriter {
        var choices = StoreWriter.Settings()
        choices.sensorName = settings.sensorName
        choices.version = WeirVersion.text
        choices.reserveBytes = settings.reserveMegabytes << 20
        choices.retention = settings.retention
        choices.merge = settings.merge
        choices.merge.sensorName = settings.sensorName
        choices.merge.version = WeirVersion.text
        return try StoreWriter(folder: folder, settings: choices)
    }

    /// Threads to use.
    func workerCount(_ settings: Settings) -> Int {
        settings.workers ?? min(64, max(1, ScanCores.allowed))
    }
}
