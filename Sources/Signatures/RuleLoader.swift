// SPDX-License-Identifier: Apache-2.0
//
// Rule files into one rule set.
//
// Reads   rule files (plain or gzip), and the configuration files beside them.
// Writes  `RuleSet`; one line for each rule that is refused or of which there is something to say.
// Leaves  evaluation (the engine).

/// What loading is told besides the rule files.
package struct RuleLoaderOptions: Sendable {
    /// Changes to the variables of headers, by name.
    package var variables: [String: String] = [:]
    /// Files in Suricata's formats; nil: the built-in tables, no thresholds, no reputation.
    package var classificationPath: String?
    package var referencePath: String?
    package var thresholdPath: String?
    package var reputationCategoriesPath: String?
    package var reputationPaths: [String] = []
    /// An MMDB file of countries, for `geoip`.
    package var countryPath: String?
    /// The folder below which `dataset` saves and keeps its state; nil: nothing is written.
    package var dataFolder: String?
    /// Files that rules store (`filestore`) have a place.
    package var savesFiles = false
    /// Rules that these are to take the place of: what traffic has added to their data sets stays.
    package var predecessor: RuleSet?

    package init() {}
}

/// What came of the rule files.
package struct LoadedRules: Sendable {
    package var set: RuleSet
    /// Rules that loaded, each `<>` rule once.
    package var loaded = 0
    package var rejected: [RuleNote] = []
    package var warnings: [RuleNote] = []
    /// Rules that ask for what is not there (`requires`): neither loaded nor wrong.
    package var skipped: [RuleNote] = []
    /// Of the loaded ones, those that ask for what is not evaluated and never fire: how many, by what.
    package var unevaluated: [String: Int] = [:]
    /// Of the others, those that ask for something besides that is not done: how many, by what.
    package var withoutEffect: [String: Int] = [:]
    /// No line of the files was a rule.
    package var isEmpty: Bool { loaded == 0 && rejected.isEmpty && skipped.isEmpty }
    package var inert: Int { unevaluated.values.reduce(0, +) }

    /// One line on the loaded rules that do not, or not in all, do what they say; nil where all do.
    package var silence: String? {
        var parts: [String] = []
        if inert > 0 {
            let list = LoadedRules.list(unevaluated)
            parts.append("\(inert) rules ask for what is not evaluated and never fire: \(list)")
        }
        if !withoutEffect.isEmpty {
            parts.append("what has no effect in rules that fire all the same: \(LoadedRules.list(withoutEffect))")
        }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    private static func list(_ counts: [String: Int]) -> String {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) (\($0.value))" }
            .joined(separator: ", ")
    }

    /// Of the loaded ones, those that a higher revision has replaced.
    package var replaced = 0
}

/// Loads rule files, one after the other; a bad rule is a line in the report and nothing else.
package struct RuleLoader {
    private var parser: RuleParser
    private var report = LoadReport()
    private var thresholds = ThresholdFile()

    /// Lines of one kind that a report holds; the rest is counted.
    package static let notesMax = 10_000

    /// Reads the configuration files; what is wrong with them is the sensor's operator's to mend at once.
    package init(_ options: RuleLoaderOptions = RuleLoaderOptions()) throws(RuleFileError) {
        var environment = RuleOptionsEnvironment()
        environment.variables = RuleVariables(options.variables)
        parser = RuleParser(environment)
        try parser.readClassifications(options.classificationPath)
        try parser.readReferences(options.referencePath)
        try parser.readReputation(options.reputationCategoriesPath, options.reputationPaths)
        if let path = options.countryPath {
            guard let database = AddressDatabase(path: path) else {
                throw RuleFileError(path: path, reason: "no MMDB file, or it cannot be read; give a file of countries")
            }
            parser.builder.countries = database
        }
        parser.files.dataFolder = options.dataFolder
        parser.files.savesFiles = options.savesFiles
        parser.files.keep(options.predecessor)
        if let path = options.thresholdPath {
            thresholds = try ThresholdFile(reading: path, parser.environment.variables)
        }
    }

    /// Reads the rules of one file.
    package mutating func load(file path: String) throws(RuleFileError) {
        let bytes = try RuleFileBytes.read(path)
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        load(bytes, name: path, folder: folder)
    }

    /// Reads rules from memory; `folder` is where files that they name are looked up, nil: nowhere.
    package mutating func load(_ bytes: [UInt8], name: String, folder: String?) {
        parser.environment.folder = folder
        parser.files.folder = folder
        parser.builder.files.append(name)
        let file = UInt16(clamping: parser.builder.files.count - 1)
        var lines = RuleLines(bytes)
        while let line = lines.next() { load(line, name, file) }
        for line in lines.passedOver {
            report.warn(
                RuleNote(
                    file: name, line: line, signature: 0, sentence: "the line begins with a blank and is passed over"))
        }
    }

    private mutating func load(_ line: RuleLine, _ name: String, _ file: UInt16) {
        let before = parser.builder.rules.count
        do {
            let outcome = try parser.parse(line.text, file: file, line: UInt32(clamping: line.line))
            let signature = parser.draft.rule.id.signature
            if case .skipped(let reason) = outcome {
                report.skipped.append(RuleNote(file: name, line: line.line, signature: signature, sentence: reason))
                return
            }
            report.loaded += 1
            if let what = parser.unevaluated {
                report.unevaluated[what, default: 0] += 1
            } else {
                for what in parser.draft.idle { report.withoutEffect[what, default: 0] += 1 }
            }
            for warning in parser.warnings {
                report.warn(RuleNote(file: name, line: line.line, signature: signature, sentence: warning))
            }
        } catch {
            precondition(parser.builder.rules.count == before, "a rule that is refused leaves no rule")
            report.reject(
                RuleNote(
                    file: name, line: line.line, signature: parser.draft.rule.id.signature, sentence: error.sentence))
        }
    }

    /// The rule set of all that was read.
    package consuming func finished() -> LoadedRules {
        parser.warnOfNetworks(&report)
        parser.builder.warnOfUnsetBits(&report)
        for note in thresholds.apply(to: &parser.builder) { report.warn(note) }
        let replaced = parser.builder.replaced.count
        return LoadedRules(
            set: RuleSet(parser.builder, refusedCount: report.rejected.count), loaded: report.loaded,
            rejected: report.rejected, warnings: report.warnings,
            skipped: report.skipped, unevaluated: report.unevaluated, withoutEffect: report.withoutEffect,
            replaced: replaced)
    }
}

/// What loading has to say.
struct LoadReport {
    var loaded = 0
    var unevaluated: [String: Int] = [:]
    var withoutEffect: [String: Int] = [:]
    var rejected: [RuleNote] = []
    var warnings: [RuleNote] = []
    var skipped: [RuleNote] = []

    mutating func warn(_ note: RuleNote) {
        if warnings.count < RuleLoader.notesMax { warnings.append(note) }
    }

    mutating func reject(_ note: RuleNote) {
        rejected.append(note)
    }
}

extension RuleParser {
    /// Variables that make whole families of rules silent or loud.
    func warnOfNetworks(_ report: inout LoadReport) {
        let home = environment.variables.values["HOME_NET"] ?? ""
        guard home == "any" || home == "[any]" else { return }
        let external = environment.variables.values["EXTERNAL_NET"] ?? ""
        if external.contains("!$HOME_NET") {
            report.warn(
                RuleNote(
                    file: "variables", line: 0, signature: 0,
                    sentence:
                        "HOME_NET is any, and EXTERNAL_NET its negation: rules that name EXTERNAL_NET are refused; "
                        + "set EXTERNAL_NET to any as well"))
        }
    }
}

extension RuleSetBuilder {
    /// Bits of flows that rules ask for and none sets: the rules cannot fire. One line for each bit.
    fileprivate func warnOfUnsetBits(_ report: inout LoadReport) {
        var isSet = Set<UInt16>()
        let rules = self.rules.enumerated().filter { !replaced.contains($0.offset) }.map(\.element)
        for rule in rules {
            for effect in effects[rule.effects.indices] {
                guard case .flowbits(names: let names, let change) = effect, change != .unset else { continue }
                isSet.formUnion(nameLists[names.indices])
            }
        }
        var told = Set<UInt16>()
        for rule in rules where !rule.flags.contains(.isMirrored) {
            for test in stateTests[rule.stateTests.indices] {
                guard case .flowbits(names: let names, isSet: true) = test else { continue }
                let asked = nameLists[names.indices]
                guard isSet.isDisjoint(with: asked), let first = asked.first, told.insert(first).inserted else {
                    continue
                }
                report.warn(
                    RuleNote(
                        file: files[Int(rule.file)], line: Int(rule.line), signature: rule.id.signature,
                        sentence:
                            "no rule sets flowbit \(variableNames.values[Int(first)]): what asks for it cannot fire; "
                            + "load the rules that set it"))
            }
        }
    }
}
