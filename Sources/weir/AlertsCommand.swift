// SPDX-License-Identifier: Apache-2.0
//
// weir alerts: what raised its hand, one line for each rule.

import ArgumentParser
import Query
import Records
import Sensor

struct AlertsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts",
        abstract: "Show the alerts of a store: each rule once, with counts and hosts, the worst and newest first.",
        discussion: """
            Severity 1 is the most urgent. Signatures, hunts, Sigma rules and indicators stand together; the rows
            themselves are the table alert: weir query --store DIR "SELECT * FROM alert".

            Examples:
              weir alerts --store /var/lib/weir
              weir alerts --store /var/lib/weir --since '2026-11-22 13:00' --severity 2
              weir alerts --store demo --host 10.0.0.5 --format json
            """)

    @Option(help: ArgumentHelp("The store to ask.", valueName: "dir"))
    var store: String

    @Option(help: ArgumentHelp("Alerts from this time on, UTC: '2026-11-22 13:00', or a date.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Alerts before this time.", valueName: "time"))
    var until: String?

    @Option(help: ArgumentHelp("Alerts of at least this urgency, 1 to 4.", valueName: "n"))
    var severity: Int?

    @Option(help: ArgumentHelp("Alerts of connections of this address.", valueName: "address"))
    var host: String?

    @Option(help: ArgumentHelp("signature, hunt, sigma, indicator or sensor.", valueName: "source"))
    var source: String?

    @Option(help: ArgumentHelp("Lines at most.", valueName: "n"))
    var limit = 100

    @Option(help: ArgumentHelp("table, json (one object a line) or csv.", valueName: "form"))
    var format = "table"

    func validate() throws {
        if let severity, !(1...4).contains(severity) {
            throw ValidationError("--severity \(severity): give 1, the most urgent, to 4")
        }
        if let host, Address(host) == nil { throw ValidationError("--host \(host): give an address, such as 10.0.0.5") }
        if let source, !AlertsCommand.sources.contains(source) {
            throw ValidationError("--source \(source): choose \(AlertsCommand.sources.joined(separator: ", "))")
        }
        guard limit > 0 else { throw ValidationError("--limit \(limit): give the number of lines, 1 or more") }
    }

    private static let sources = ["signature", "hunt", "sigma", "indicator", "sensor"]

    func run() throws {
        guard let form = QueryFormat(rawValue: format), form != .parquet else {
            throw Console.fail("--format \(format): choose table, json or csv")
        }
        var options = QueryOptions(store: store, statement: statement)
        options.format = form
        options.schemas = Schemas.logs
        do { _ = try runQuery(options) } catch { throw Console.fail(error.description) }
    }

    private var statement: String {
        var tests: [String] = []
        if let since { tests.append("ts >= \(AlertsCommand.quoted(since))") }
        if let until { tests.append("ts < \(AlertsCommand.quoted(until))") }
        if let severity { tests.append("severity <= \(severity)") }
        if let host {
            let address = AlertsCommand.quoted(host)
            tests.append("(id_orig_h = \(address) OR id_resp_h = \(address))")
        }
        if let source { tests.append("source = \(AlertsCommand.quoted(source))") }
        return """
            SELECT severity, title, sum("count") AS alerts, count(DISTINCT id_orig_h) AS originators,
              count(DISTINCT id_resp_h) AS responders, min(first_ts) AS first_seen, max(last_ts) AS last_seen,
              source, rule_id
            FROM alert \(tests.isEmpty ? "" : "WHERE " + tests.joined(separator: " AND "))
            GROUP BY severity, title, source, rule_id
            ORDER BY severity, last_seen DESC, alerts DESC, rule_id LIMIT \(limit)
            """
    }

    private static func quoted(_ text: String) -> String { "'\(text.replacing("'", with: "''"))'" }
}
