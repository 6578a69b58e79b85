// SPDX-License-Identifier: Apache-2.0
//
// weir rules: signature rules checked before a sensor loads them.

import ArgumentParser
import Foundation
import Records
import Sensor
import Signatures

struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract: "Check, explain, try and time signature rules (Suricata's rule language).",
        discussion: """
            Examples:
              weir rules check local.rules
              weir rules test 2019284 --rules local.rules -r day.pcap
              weir rules profile --rules local.rules -r day.pcap
              weir rules reload --store /var/lib/weir
            """,
        subcommands: [
            RulesCheckCommand.self, RulesExplainCommand.self, RulesTestCommand.self, RulesProfileCommand.self,
            RulesReloadCommand.self,
        ])
}

/// Where rules come from and what their variables are; `check` and its siblings share it.
struct RuleOptions: ParsableArguments {
    @Option(name: .customLong("var"), help: ArgumentHelp("Set a variable of the rules.", valueName: "name=value"))
    var variables: [String] = []

    @Option(help: ArgumentHelp("Read settings, variables among them, from this YAML file.", valueName: "file"))
    var config: String?

    @OptionGroup(title: "Files of rules") var support: RuleFileOptions

    /// The settings of the configuration, with the variables and files of the options.
    func settings() throws(SettingsError) -> Settings {
        var settings = Settings()
        if let config {
            guard let data = FileManager.default.contents(atPath: config) else {
                throw SettingsError("\(config): the file cannot be read; check the path and its permissions")
            }
            try settings.read(yaml: String(decoding: data, as: UTF8.self), path: config)
        }
        for variable in variables { try settings.setVariable(variable) }
        support.apply(to: &settings)
        return settings
    }

    /// A loader with the variables and files of the configuration and of the options.
    func loader() throws -> RuleLoader {
        do {
            return try RuleLoader(try settings().ruleLoaderOptions)
        } catch let error as SettingsError {
            throw Console.fail(error.description)
        } catch let error as RuleFileError {
            throw Console.fail(error.text)
        }
    }

    /// The rules of all files that paths name.
    func loaded(_ paths: [String]) throws -> LoadedRules {
        var loader = try loader()
        do {
            for file in try RuleOptions.files(paths) { try loader.load(file: file) }
        } catch let error as RuleFileError {
            throw Console.fail(error.text)
        }
        let loaded = loader.finished()
        if loaded.isEmpty { Console.warn("no rule stands in \(paths.joined(separator: ", "))") }
        return loaded
    }

    /// The rule files that paths name: a folder stands for the files in it that end in .rules or .rules.gz.
    static func files(_ paths: [String]) throws -> [String] {
        var files: [String] = []
        for path in paths {
            guard RuleFileBytes.isFolder(path) else {
                files.append(path)
                continue
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
            let rules = names.filter { $0.hasSuffix(".rules") || $0.hasSuffix(".rules.gz") }
            guard !rules.isEmpty else { throw Console.fail("\(path): no file in it ends in .rules or .rules.gz") }
            files += rules.map { path.hasSuffix("/") ? path + $0 : path + "/" + $0 }
        }
        return files
    }
}

struct RulesCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say of each rule that would not load where it stands, why, and what to write instead.",
        discussion: """
            Warnings are of rules that load and cannot fire, or mean less than they say.

            Examples:
              weir rules check local.rules
              weir rules check /etc/weir/rules --format json
              weir rules check emerging-all.rules.gz --var HOME_NET=10.0.0.0/8

            Exit status: 0 all rules load; 1 some do not; 2 a file could not be read; 64 wrong usage.
            """)

    @Argument(help: ArgumentHelp("Rule files (plain or gzip), or folders of them.", valueName: "path"))
    var paths: [String]

    @Option(help: ArgumentHelp("text, or json: one object with loaded, rejected and warnings.", valueName: "form"))
    var format = "text"

    @OptionGroup var options: RuleOptions

    func run() throws {
        guard format == "text" || format == "json" else {
            throw Console.fail("--format \(format): choose text or json")
        }
        let loaded = try options.loaded(paths)
        print(format == "json" ? RulesReport.json(loaded) : RulesReport.text(loaded), terminator: "")
        if !loaded.rejected.isEmpty { throw ExitStatus.damaged }
    }
}

struct RulesExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say of each rule when it is evaluated, and which pattern makes it a candidate.",
        discussion: """
            A rule without a fast pattern is evaluated for everything that its header takes: such rules cost most.

            Examples:
              weir rules explain local.rules
              weir rules explain local.rules --format json | grep -v pattern
            """)

    @Argument(help: ArgumentHelp("Rule files (plain or gzip), or folders of them.", valueName: "path"))
    var paths: [String]

    @Option(help: ArgumentHelp("text, or json: one object a line.", valueName: "form"))
    var format = "text"

    @OptionGroup var options: RuleOptions

    private struct Line: Encodable {
        struct Pattern: Encodable {
            var buffer: String
            var pattern: String
            var nocase: Bool
        }
        var sid: UInt32
        var kind: String
        var direction: String
        var buffers: [String]
        var pattern: Pattern?
    }

    func run() throws {
        guard format == "text" || format == "json" else {
            throw Console.fail("--format \(format): choose text or json")
        }
        let loaded = try options.loaded(paths)
        if !loaded.rejected.isEmpty {
            Console.warn("\(loaded.rejected.count) rules do not load; weir rules check says why")
        }
        let set = loaded.set
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for rule in set.rules {
            let explanation = RuleExplanation(rule, set)
            if format == "json" {
                let pattern = explanation.fastPattern.map {
                    Line.Pattern(buffer: $0.buffer.name.description, pattern: $0.pattern, nocase: $0.isCaseless)
                }
                let line = Line(
                    sid: rule.id.signature, kind: explanation.kind, direction: explanation.direction,
                    buffers: explanation.buffers, pattern: pattern)
                print(String(decoding: try encoder.encode(line), as: UTF8.self))
            } else {
                let pattern = explanation.fastPattern.map { "\($0.buffer.name) \"\($0.pattern)\"" } ?? "no fast pattern"
                print("\(rule.id.signature)  \(explanation.kind)  \(explanation.direction)  \(pattern)")
            }
        }
    }
}

/// What `rules check` prints.
enum RulesReport {
    static func text(_ loaded: LoadedRules) -> String {
        var text = ""
        for note in loaded.rejected { text += "\(note.text)\n" }
        for note in loaded.warnings { text += "warning: \(note.text)\n" }
        for note in loaded.skipped { text += "skipped: \(note.text)\n" }
        text += "\(loaded.loaded) loaded, \(loaded.rejected.count) rejected, \(loaded.skipped.count) skipped"
        if loaded.replaced > 0 { text += ", \(loaded.replaced) replaced by a higher revision" }
        text += "\n"
        if let silence = loaded.silence { text += "\(silence)\n" }
        return text
    }

    private struct Note: Encodable {
        var file: String
        var line: Int
        var sid: UInt32?
        var reason: String

        init(_ note: RuleNote) {
            file = note.file
            line = note.line
            sid = note.signature == 0 ? nil : note.signature
            reason = note.sentence
        }
    }

    private struct Report: Encodable {
        var loaded: Int
        var inert: Int
        /// What is not evaluated, and what has no effect: how many rules ask for it.
        var notEvaluated: [String: Int]
        var withoutEffect: [String: Int]
        var replaced: Int
        var rejected: [Note]
        var skipped: [Note]
        var warnings: [Note]

        enum CodingKeys: String, CodingKey {
            case loaded, inert, replaced, rejected, skipped, warnings
            case notEvaluated = "not_evaluated"
            case withoutEffect = "without_effect"
        }
    }

    static func json(_ loaded: LoadedRules) -> String {
        let report = Report(
            loaded: loaded.loaded, inert: loaded.inert, notEvaluated: loaded.unevaluated,
            withoutEffect: loaded.withoutEffect, replaced: loaded.replaced,
            rejected: loaded.rejected.map(Note.init), skipped: loaded.skipped.map(Note.init),
            warnings: loaded.warnings.map(Note.init))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(report) else { return "{}\n" }
        return String(decoding: data, as: UTF8.self) + "\n"
    }
}
