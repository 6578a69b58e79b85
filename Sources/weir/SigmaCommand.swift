// SPDX-License-Identifier: Apache-2.0
//
// weir sigma: rules checked before anything loads them.

import ArgumentParser
import JSON
import Sensor
import Sigma

struct SigmaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sigma",
        abstract: "Check Sigma rules (specification 2.1) for the logs of this sensor.",
        discussion: """
            Examples:
              weir sigma check rules/
              weir hunt --sigma rules/ --since 7d --store /var/lib/weir
              weir ingest auto --sigma rules/cloud --store /var/lib/weir /data/audit
            """,
        subcommands: [SigmaCheckCommand.self])
}

/// Where rules are, and what their placeholders stand for.
struct SigmaOptions: ParsableArguments {
    @Option(
        name: .customLong("placeholder"),
        help: ArgumentHelp("Values for a rule's %name%, with commas between them.", valueName: "name=value,…"))
    var placeholders: [String] = []

    func values() throws -> SigmaPlaceholders { try SigmaGlue.placeholders(placeholders) }
}

struct SigmaCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Which rules load, which have no log here, and why others are rejected.",
        discussion: """
            Examples:
              weir sigma check rules/
              weir sigma check rule.yml --format json
              weir sigma check rules/ --placeholder admins=alice,bob --all

            Exit status: 0 every document loads or has no log here; 1 some are rejected; 64 wrong usage.
            """)

    @Argument(help: ArgumentHelp("Rule files, and folders of *.yml and *.yaml.", valueName: "path"))
    var paths: [String]

    @OptionGroup var options: SigmaOptions

    @Flag(help: "List accepted rules too.")
    var all = false

    @Option(help: ArgumentHelp("text or json.", valueName: "form"))
    var format = "text"

    func validate() throws {
        try OutputForm.check(format)
        guard !paths.isEmpty else { throw ValidationError("name a rule file or a folder") }
    }

    func run() throws {
        let rules = SigmaRules(paths, placeholders: try options.values(), schemas: Schemas.logs)
        if format == "json" {
            print(json(rules))
        } else {
            printText(rules)
        }
        if !rules.rejected.isEmpty { throw ExitStatus.damaged }
    }

    private func printText(_ rules: SigmaRules) {
        for report in rules.rejected {
            guard case .rejected(let refusal) = report.verdict else { continue }
            print("rejected  \(report.path): \(report.title.isEmpty ? "" : "\(report.title): ")\(refusal.reason)")
        }
        for report in rules.withoutSource {
            guard case .noSource(let reason) = report.verdict else { continue }
            print("no log    \(report.path): \(report.title): \(reason)")
        }
        for report in rules.accepted where all || !report.unknownFields.isEmpty {
            let names = report.unknownFields.joined(separator: ", ")
            let unknown = names.isEmpty ? "" : "; no log has \(names)"
            print("accepted  \(report.path): \(report.title) (\(report.logs.joined(separator: ", "))\(unknown))")
        }
        print(
            """
            \(rules.accepted.count) accepted, \(rules.withoutSource.count) without a log here, \
            \(rules.rejected.count) rejected
            """)
    }

    private func json(_ rules: SigmaRules) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("accepted", rules.accepted.count)
            json.member("no_log_source", rules.withoutSource.count)
            json.member("rejected", rules.rejected.count)
            json.key("documents")
            json.array { json in for report in rules.reports { write(report, &json) } }
        }
        return json.text
    }

    private func write(_ report: SigmaReport, _ json: inout JSONWriter) {
        json.object { json in
            json.member("path", report.path)
            json.member("title", report.title)
            if !report.id.isEmpty { json.member("id", report.id) }
            switch report.verdict {
            case .accepted: json.member("verdict", "accepted")
            case .noSource(let reason):
                json.member("verdict", "no_log_source")
                json.member("reason", reason)
            case .rejected(let refusal):
                json.member("verdict", "rejected")
                json.member("code", refusal.code.rawValue)
                json.member("reason", refusal.reason)
            }
            json.member("logs", report.logs)
            json.member("unknown_fields", report.unknownFields)
        }
    }
}
