// SPDX-License-Identifier: Apache-2.0
//
// weir rules test: why a rule fires on a capture, or how far it gets. weir rules profile: what rules cost.

import ArgumentParser
import Capture
import Foundation
import Records
import Sensor
import Signatures

/// Captures and rules that are tried on them; `test` and `profile` share it.
struct RuleRunOptions: ParsableArguments {
    @Option(name: [.customShort("r"), .customLong("read")], help: ArgumentHelp("Captures.", valueName: "pcap"))
    var captures: [String]

    @Option(
        name: .customLong("rules"),
        help: ArgumentHelp("Rule files (.gz too) or folders.", valueName: "path"))
    var ruleFiles: [String] = []

    @Flag(help: "Take packets with wrong checksums, as hosts with offloading send them.")
    var ignoreChecksums = false

    @Option(help: ArgumentHelp("text or json.", valueName: "form"))
    var format = "text"

    @OptionGroup var rules: RuleOptions

    func validate() throws {
        try OutputForm.check(format)
        guard !captures.isEmpty else { throw ValidationError("say which capture to read: -r day.pcap") }
    }

    func settings() throws(SettingsError) -> Settings {
        var settings = try rules.settings()
        settings.rulePaths += ruleFiles
        if ignoreChecksums { settings.ignoringChecksums = true }
        return settings
    }

    /// Runs `work` on the captures and turns its refusal into one line and the exit status.
    func attempt<Value>(
        _ work: (inout CaptureSource, Settings, @escaping @Sendable (Int, Int?, UInt64) -> Void) throws -> Value
    ) throws -> Value {
        let bar = ProgressBar()
        defer { bar.clear() }
        do {
            let settings = try settings()
            var source = try CaptureSource(paths: captures, options: CaptureOptions(filter: settings.filter))
            return try work(&source, settings) { bar.update(consumed: $0, total: $1, packets: $2) }
        } catch let error as CaptureError {
            throw Console.fail(error.description)
        } catch let error as SettingsError {
            throw Console.fail(error.description)
        }
    }
}

struct RulesTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Try one rule on a capture: what fires it, or how far it gets.",
        discussion: """
            The rule is tried as it is, and cut off behind each of its tests: the first line on which nothing is
            left is the test that fails. RULE is a rule, or the number of one in the files of --rules. Rules of
            these files run beside it, so that flowbits that they set are there.

            Examples:
              weir rules test 'alert http any any -> any any (msg:"x"; http.uri; content:"/admin"; sid:1;)' -r day.pcap
              weir rules test 9000013 --rules Signatures/weir.rules -r pcaps/intrusion.pcap

            Exit status: 0 the rule fires; 1 it does not; 2 it could not be tried; 64 wrong usage.
            """)

    @Argument(help: ArgumentHelp("A rule, or its number.", valueName: "rule"))
    var rule: String

    @OptionGroup var options: RuleRunOptions

    @Option(help: ArgumentHelp("Alerts that are shown.", valueName: "n"))
    var limit = 10

    func run() throws {
        let (text, isBeside) = try written()
        let trial = try options.attempt { source, settings, progress in
            try RuleTrial(text, isBeside: isBeside, settings: settings, source: &source, progress: progress)
        }
        if options.format == "json" {
            try printJSON(TrialReport(trial, limit))
        } else {
            print(TrialReport(trial, limit).text, terminator: "")
        }
        if trial.hitCount == 0 { throw ExitStatus.damaged }
    }

    /// The rule's text, and whether it stands in the files already.
    private func written() throws -> (text: String, isBeside: Bool) {
        guard let number = UInt32(rule.trimmingCharacters(in: .whitespaces)) else { return (rule, false) }
        do {
            let paths = try options.settings().rulePaths
            guard !paths.isEmpty else {
                throw Console.fail("rule \(number): say with --rules in which file it stands")
            }
            for file in try RuleOptions.files(paths).reversed() {
                if let text = RuleFinder.rule(number, in: try RuleFileBytes.read(file)) { return (text, true) }
            }
        } catch let error as SettingsError {
            throw Console.fail(error.description)
        } catch let error as RuleFileError {
            throw Console.fail(error.text)
        }
        throw Console.fail("rule \(number): it stands in none of the files of --rules")
    }
}

/// What `rules test` says.
private struct TrialReport: Encodable {
    struct Step: Encodable {
        var test: String
        var alerts: UInt64
        var connections: Int
        /// It cannot be tried alone.
        var skipped: Bool
    }

    struct Hit: Encodable {
        var ts: String
        var uid: String?
        var originator: String
        var responder: String
        var buffer: String?
        var offset: UInt64?
        var matched: String
    }

    var fires: Bool
    var silent: Bool
    var alerts: UInt64
    var packets: UInt64
    var stopsAt: String?
    var steps: [Step]
    var hits: [Hit]

    init(_ trial: RuleTrial, _ limit: Int) {
        fires = trial.hitCount > 0
        silent = trial.isSilent
        alerts = trial.hitCount
        packets = trial.packetCount
        stopsAt = trial.failingStep.map { trial.steps[$0].text }
        steps = trial.steps.map {
            Step(test: $0.text, alerts: $0.alertCount, connections: $0.connectionCount, skipped: $0.isRefused)
        }
        hits = trial.hits.prefix(max(limit, 0)).map { hit in
            var uid: [UInt8] = []
            hit.uid?.write(prefix: 0x43, to: &uid)
            return Hit(
                ts: timeText(hit.ts), uid: uid.isEmpty ? nil : String(decoding: uid, as: UTF8.self),
                originator: hit.originator, responder: hit.responder, buffer: hit.buffer, offset: hit.offset,
                matched: TrialReport.shown(hit.matched))
        }
    }

    /// Octets for a terminal: what is not printable ASCII as \xNN.
    private static func shown(_ octets: [UInt8]) -> String {
        octets.reduce(into: "") { text, octet in
            if (0x20...0x7E).contains(octet), octet != 0x5C {
                text.unicodeScalars.append(Unicode.Scalar(octet))
            } else {
                text += "\\x" + String(octet >> 4, radix: 16) + String(octet & 15, radix: 16)
            }
        }
    }

    var text: String {
        var text = "\(packets) packets read\n"
        let width = steps.map { String($0.alerts).count }.max() ?? 1
        for step in steps {
            let count = String(step.alerts)
            let padded = String(repeating: " ", count: width - count.count) + count
            let mark = step.test == stopsAt && step.alerts == 0 ? "   <- nothing is left here" : ""
            let told = step.skipped ? " (means something only with what follows)" : mark
            text += "\(padded) alerts, \(step.connections) connections: \(step.test)\(told)\n"
        }
        guard fires else { return text + "the rule does not fire\n" }
        text += silent ? "the rule matches \(alerts) times, and is silent by itself" : "the rule fires \(alerts) times"
        text += "\n"
        for hit in hits {
            text += "\(hit.ts) \(hit.uid ?? "-") \(hit.originator) -> \(hit.responder)"
            if let buffer = hit.buffer { text += " \(buffer)+\(hit.offset ?? 0) \"\(hit.matched)\"" }
            text += "\n"
        }
        if alerts > hits.count { text += "and \(alerts - UInt64(hits.count)) more; --limit shows more\n" }
        return text
    }
}

struct RulesProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile",
        abstract: "Say what each rule costs on a capture: time and candidates, the dearest first.",
        discussion: """
            A rule is a candidate when its fast pattern is found, or always where it has none; then all of it is
            evaluated. The search for the patterns themselves is shared by all rules and not in these times.

            Examples:
              weir rules profile --rules local.rules -r day.pcap
              weir rules profile --rules emerging-all.rules.gz -r day.pcap --limit 50 --format json
            """)

    @OptionGroup var options: RuleRunOptions

    @Option(help: ArgumentHelp("Rules that are shown; 0 for all.", valueName: "n"))
    var limit = 20

    private struct Line: Encodable {
        var sid: UInt32
        var gid: UInt32
        var microseconds: Double
        var candidates: UInt64
        var matches: UInt64
        var microsecondsEach: Double
        var pattern: String?
        var msg: String
    }

    func run() throws {
        let costs = try options.attempt { source, settings, progress in
            guard let rules = try settings.loadRules({ Console.warn($0) }) else {
                throw Console.fail("say which rules to time: --rules local.rules")
            }
            guard !rules.set.rules.isEmpty else { throw Console.fail("no rule loads; weir rules check says why") }
            return try RuleCosts(rules, settings: settings, source: &source, progress: progress)
        }
        let lines = costs.costs.prefix(limit > 0 ? limit : .max).map { cost in
            Line(
                sid: cost.id.signature, gid: cost.id.generator,
                microseconds: Double(cost.entry.nanoseconds / 100) / 10,
                candidates: cost.entry.candidates, matches: cost.entry.matches,
                microsecondsEach: (Double(cost.entry.nanoseconds) / Double(cost.entry.candidates) / 10).rounded() / 100,
                pattern: cost.pattern, msg: cost.message)
        }
        if options.format == "json" { return try printJSON(Array(lines)) }
        let total = costs.costs.reduce(0) { $0 + $1.entry.nanoseconds }
        let candidates = costs.costs.reduce(0) { $0 + $1.entry.candidates }
        print("\(costs.packetCount) packets, \(costs.ruleCount) rules: \(costs.costs.count) of them were evaluated,")
        print("\(candidates) times in \(total / 1000) µs")
        print("        µs      each  candidates   matches  sid        message")
        for line in lines {
            let fields = [
                (String(line.microseconds), 10), (String(line.microsecondsEach), 10), (String(line.candidates), 12),
                (String(line.matches), 10),
            ]
            let numbers = fields.map { String(repeating: " ", count: max(0, $1 - $0.count)) + $0 }.joined()
            print("\(numbers)  \(line.sid)  \(line.msg)\(line.pattern == nil ? "  [no fast pattern]" : "")")
        }
    }
}
