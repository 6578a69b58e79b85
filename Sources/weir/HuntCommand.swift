// SPDX-License-Identifier: Apache-2.0
//
// weir hunt: ready-made questions that find intruders.

import ArgumentParser
import Foundation
import Hunts
import Lake
import Query
import Records
import Sensor
import Store

struct HuntCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hunt",
        abstract: "Run a hunt over a store; without a name, list the hunts.",
        discussion: """
            A hunt is a file of Signatures/hunts: what it finds, why, what else looks like it, its ATT&CK technique, and
            the SQL. --alert writes each finding once, as a row of the log alert.

            Examples:
              weir hunt
              weir hunt beacons --store /var/lib/weir --since 24h
              weir hunt port-scan --store demo --set ports_min=100 --format json
              weir hunt --all --store demo --alert
              weir hunt dns-tunnels --explain
              weir hunt --sigma rules/ --store demo --since 7d
              weir hunt beacons --sql --since '2026-11-22'
              weir hunt port-scan --engine duckdb --lake /mnt/lake
              weir hunt --all --engine spark --lake s3://lake/weir --master spark://host:7077

            Exit status: 0 done; 1 a hunt failed while others ran; 2 could not be done; 64 wrong usage.
            """)

    @Argument(help: ArgumentHelp("The hunt to run.", valueName: "name"))
    var name: String?

    @Flag(help: "Run every hunt that makes alerts.")
    var all = false

    @Option(help: ArgumentHelp("The store to ask.", valueName: "dir"))
    var store: String?

    @Option(help: ArgumentHelp("Records from this time on (UTC), or so long ago: 24h, 7d.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Records before this time.", valueName: "time"))
    var until: String?

    @Option(name: .customLong("set"), help: ArgumentHelp("A parameter of the hunt.", valueName: "name=value"))
    var parameters: [String] = []

    @Option(help: ArgumentHelp("Most rows of each hunt.", valueName: "n"))
    var limit = 1000

    @Option(
        help: ArgumentHelp(
            "A network of the site, in place of the private ones; may stand several times.", valueName: "cidr"))
    var `internal`: [String] = []

    @Option(help: ArgumentHelp("An MMDB file of autonomous systems.", valueName: "file"))
    var mmdb: String?

    @Option(help: ArgumentHelp("The folder of hunts.", valueName: "dir"))
    var hunts: String?

    @Option(help: ArgumentHelp("text, json (one object a line) or csv.", valueName: "form"))
    var format = "text"

    @Flag(help: "Write findings into the store, as alerts; each once.")
    var alert = false

    @Option(help: ArgumentHelp("The name under which alerts are written.", valueName: "name"))
    var sensor = "hunt"

    @Flag(help: "Say what the hunt finds, why, and what its parameters are.")
    var explain = false

    @Flag(help: "Print the SQL with all values in it, for another engine.")
    var sql = false

    @Option(help: ArgumentHelp("Sigma rules, files or folders, over the store in place of a hunt.", valueName: "path"))
    var sigma: [String] = []

    @OptionGroup var sigmaOptions: SigmaOptions

    @OptionGroup var elsewhere: LakeOptions

    func run() throws {
        keepFreedMemory()
        do { try act() } catch let error as HuntError { throw Console.fail(error.description) }
    }

    private func act() throws {
        guard let form = HuntFormat(rawValue: format) else {
            throw Console.fail("--format \(format): choose text, json or csv")
        }
        if !sigma.isEmpty { return try huntSigma(form) }
        let library = try HuntLibrary(folder: hunts)
        guard name != nil || all else {
            print(HuntReport.list(library, form), terminator: "")
            return
        }
        let chosen = try all ? library.hunts.filter(\.isAlerting) : [library.hunt(name ?? "")]
        if explain {
            print(chosen.map(HuntReport.explanation).joined(separator: "\n"), terminator: "")
            return
        }
        let values = try values()
        if sql {
            for hunt in chosen { print(try values.statement(hunt) + ";\n") }
            return
        }
        if let engine = try elsewhere.chosen() {
            guard !alert else { throw ValidationError("--alert: a lake takes no alerts; run the hunt over a store") }
            let prelude = try library.prelude(engine.kind.rawValue)
            return try hunt(chosen, values, form) { (hunt, values) throws(HuntError) in
                try HuntRunner.ask(hunt, values) { statement throws(HuntError) in
                    do throws(LakeError) {
                        let answer = try engine.run(prelude: prelude, statement: statement)
                        return (answer.columns, answer.queryRows)
                    } catch {
                        throw HuntError(.question, "hunt \(hunt.name): \(error)", advice: "")
                    }
                }
            }
        }
        guard let store else { throw ValidationError("--store DIR is missing: which store shall be asked?") }
        let runner = HuntRunner(store: store, schemas: Schemas.logs, networksFile: mmdb)
        try hunt(chosen, values, form) { (hunt, values) throws(HuntError) in try runner.ask(hunt, values) }
    }

    /// Sigma rules over the store (Docs/sigma.md).
    private func huntSigma(_ form: HuntFormat) throws {
        guard form != .csv else { throw ValidationError("--format csv: with --sigma choose text or json") }
        guard let store else { throw ValidationError("--store DIR is missing: which store shall be asked?") }
        let values = try values()
        let hunting = SigmaHunting(
            store: store, since: values.since, until: values.until, limit: limit, isJSON: form == .json,
            writesAlerts: alert, sensor: sensor)
        try hunting.run(sigma, sigmaOptions.values())
    }

    /// Runs hunts one after the other, whoever answers them.
    private func hunt(
        _ chosen: [Hunt], _ values: HuntValues, _ form: HuntFormat,
        _ ask: (Hunt, HuntValues) throws(HuntError) -> HuntAnswer
    ) throws {
        var answers: [HuntAnswer] = []
        var failures = 0
        for hunt in chosen {
            do throws(HuntError) {
                let answer = try ask(hunt, all ? values.without(strangersTo: hunt) : values)
                if let reason = answer.skipped {
                    guard all else { throw HuntError(.missingInput, "\(hunt.name) was not run: \(reason)", advice: "") }
                    Console.warn("\(hunt.name) was not run: \(reason)")
                }
                print(HuntReport.rows(answer, form, isAlone: chosen.count == 1), terminator: "")
                answers.append(answer)
            } catch {
                guard all else { throw error }
                Console.warn(error.description)
                failures += 1
            }
        }
        if all, form == .text { Console.say(HuntReport.summary(answers)) }
        if alert, let store {
            let count = try Findings.tell(answers, store: store, sensor: sensor)
            Console.say("\(count) new \(count == 1 ? "finding" : "findings") written as alerts")
        }
        if failures > 0 { throw ExitStatus.damaged }
    }

    private func values() throws -> HuntValues {
        var values = HuntValues()
        let now = Timestamp(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9))
        values.since = try time("--since", since, now)
        values.until = try time("--until", until, now)
        guard limit >= 0 else { throw ValidationError("--limit \(limit): give a number from 0 on") }
        values.limit = limit
        if !`internal`.isEmpty { values.networks = `internal` }
        for text in parameters {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw ValidationError("--set \(text): write it as name=value")
            }
            values.parameters[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return values
    }

    private func time(_ option: String, _ text: String?, _ now: Timestamp) throws -> Timestamp? {
        guard let text else { return nil }
        guard let time = HuntTime.parse(text, now: now) else {
            throw ValidationError("\(option) \(text): write a time as '2026-11-22 13:00', or as 24h or 7d")
        }
        return time
    }
}
