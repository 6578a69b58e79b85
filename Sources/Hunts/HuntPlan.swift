// SPDX-License-Identifier: Apache-2.0
//
// Hunts that are run together over one store, again and again.
//
// Reads   hunts by name, their parameters, a store.
// Writes  findings as alerts, each once (`Findings`).
// Leaves  when a round is due (`HuntWatcher`).

package import Query
import Records

/// What became of one round.
package struct HuntRound: Sendable, Equatable {
    /// New alerts.
    package var findings = 0
    /// Rows of each hunt that found something, new ones and known ones.
    package var rows: [String: Int] = [:]
    /// Hunts that failed or could not be run, with the reason.
    package var faults: [String] = []

    package init(findings: Int = 0, rows: [String: Int] = [:], faults: [String] = []) {
        (self.findings, self.rows, self.faults) = (findings, rows, faults)
    }
}

package struct HuntPlan: Sendable {
    private struct Item {
        var hunt: Hunt
        var values: HuntValues
    }

    private let items: [Item]
    private let sinceSeconds: Int64
    private let sensor: String
    private var runner: HuntRunner

    /// Every name and parameter is looked at here, so that a mistake shows when a sensor starts and not an hour later.
    ///
    /// - Parameters:
    ///   - names: of hunts; `all` is every one that makes alerts.
    ///   - parameters: `HUNT.NAME=VALUE`.
    ///   - sinceSeconds: how far a round looks back from the newest connection.
    ///   - networks: the site's own; none for the private ones.
    ///   - sensor: the name under which alerts are written.
    /// - Throws: `.unknownHunt`, `.parameter`.
    package init(
        _ library: HuntLibrary, names: [String], parameters: [String], sinceSeconds: Int, networks: [String],
        sensor: String, runner: HuntRunner
    ) throws(HuntError) {
        var hunts: [Hunt] = []
        for name in names {
            let chosen = try name == "all" ? library.hunts.filter(\.isAlerting) : [library.hunt(name)]
            hunts += chosen.filter { hunt in !hunts.contains { $0.name == hunt.name } }
        }
        var values = HuntValues()
        if !networks.isEmpty { values.networks = networks }
        var items = hunts.map { Item(hunt: $0, values: values) }
        for text in parameters {
            guard let dot = text.firstIndex(of: "."), let equals = text[dot...].firstIndex(of: "=") else {
                throw HuntError(.parameter, "\(text) is no parameter", advice: "write it as port-scan.ports_min=100")
            }
            let (name, parameter) = (text[..<dot].trimmed, text[text.index(after: dot)..<equals].trimmed)
            guard let place = items.firstIndex(where: { $0.hunt.name == name }) else {
                throw HuntError(.parameter, "\(text): no hunt \(name) is run", advice: "name it among the hunts")
            }
            items[place].values.parameters[parameter] = text[text.index(after: equals)...].trimmed
        }
        for item in items { _ = try item.values.statement(item.hunt) }
        self.items = items
        self.sinceSeconds = Int64(sinceSeconds)
        self.sensor = sensor
        self.runner = runner
    }

    /// Runs every hunt once, one after the other, and writes what is new. `control` ends it early; what was found until
    /// then is written.
    package func run(_ control: QueryControl = QueryControl()) -> HuntRound {
        var round = HuntRound()
        var runner = runner
        runner.control = control
        do throws(HuntError) {
            guard let newest = try runner.newest() else { return round }
            let since = newest.adding(-sinceSeconds * second)
            var answers: [HuntAnswer] = []
            for item in items where !control.isCancelled {
                do throws(HuntError) {
                    var values = item.values
                    values.since = since
                    let answer = try runner.ask(item.hunt, values)
                    if let reason = answer.skipped { round.faults.append("hunt \(item.hunt.name): \(reason)") }
                    if !answer.rows.isEmpty { round.rows[item.hunt.name] = answer.rows.count }
                    answers.append(answer)
                } catch {
                    if !control.isCancelled { round.faults.append(error.description) }
                }
            }
            round.findings = try Findings.tell(answers, store: runner.store, sensor: sensor)
        } catch {
            if !control.isCancelled { round.faults.append(error.description) }
        }
        return round
    }
}
