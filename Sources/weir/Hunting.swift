// SPDX-License-Identifier: Apache-2.0
//
// Hunts that the configuration names, beside a capture and behind a replay.

import Hunts
import Records
import Sensor

enum Hunting {
    /// The plan of the configuration; nil where it names no hunt. A name that does not exist is an error here.
    static func plan(_ store: String?, _ settings: Settings) throws -> HuntPlan? {
        let chosen = settings.hunts
        guard !chosen.names.isEmpty else { return nil }
        guard let store else {
            Console.warn("hunts.names: hunts ask a store; say which with --store")
            return nil
        }
        do throws(HuntError) {
            return try HuntPlan(
                HuntLibrary(folder: chosen.folder), names: chosen.names, parameters: chosen.parameters,
                sinceSeconds: chosen.sinceSeconds, networks: chosen.networks, sensor: settings.sensorName,
                runner: HuntRunner(store: store, schemas: Schemas.logs, networksFile: chosen.networksFile))
        } catch {
            throw Console.fail("hunts: \(error.description)")
        }
    }

    /// Runs the plan beside a sensor until it is stopped.
    static func watcher(_ plan: HuntPlan?, _ settings: Settings) -> HuntWatcher? {
        plan.map { HuntWatcher($0, every: settings.hunts.everySeconds) { tell($0) } }
    }

    /// Runs the plan once.
    static func run(_ plan: HuntPlan?, isQuiet: Bool) {
        guard let round = plan?.run() else { return }
        tell(isQuiet ? HuntRound(faults: round.faults) : round)
    }

    private static func tell(_ round: HuntRound) {
        for fault in round.faults { Console.warn(fault) }
        guard round.findings > 0 else { return }
        let rows = round.rows.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        Console.say(
            "hunts: \(round.findings) new \(round.findings == 1 ? "finding" : "findings") "
                + "(\(rows.joined(separator: ", "))); weir alerts shows them")
    }
}
