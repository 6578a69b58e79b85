// SPDX-License-Identifier: Apache-2.0
//
// weir replay: captures in, records out.

import ArgumentParser
import Capture
import Foundation
import Hunts
import Logs
import Records
import Sensor
import Signatures
import Store

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Read captures and write their records to a store, to log files, or both.",
        discussion: """
            PATH is a capture (pcap or pcapng, plain or gzip), a folder of captures, or - for standard
            input. Several are read as one: in the order of their first packets, connections go on from
            one to the next. Without --store and --logs only the summary is shown.

            Examples:
              weir replay pcaps/office.pcap --store demo
              weir replay day1.pcap.gz day2.pcap.gz --logs logs --log-format zeek-tsv
              tcpdump -w - -c 1000 | weir replay - --logs logs
            """)

    @Argument(help: ArgumentHelp("Captures, folders of captures, or -.", valueName: "path"))
    var paths: [String]

    @OptionGroup var options: RunOptions

    @Flag(help: "Read what can be read of damaged captures and end with status 0.")
    var lenient = false

    @Flag(help: "Read captures that the store has already, and replace their records.")
    var again = false

    @Flag(help: "Show no progress and no summary.")
    var quiet = false

    func run() throws {
        do {
            try replay()
        } catch let error as CaptureError {
            throw Console.fail(error.description)
        } catch let error as StoreError {
            throw Console.fail(error.description)
        } catch let error as LogError {
            throw Console.fail(error.description)
        } catch let error as SettingsError {
            throw Console.fail(error.description)
        }
    }

    private func replay() throws {
        var settings = try options.settings()
        let rules = try options.rules(settings)
        let observers = try options.observers(&settings)
        let hunts = try Hunting.plan(options.storeFolder, settings)
        var source = try CaptureSource(
            paths: paths, options: CaptureOptions(isLenient: lenient, filter: settings.filter))
        let logs = try options.logWriter(settings, appending: false)
        var store: StoreWriter?
        if let folder = options.storeFolder {
            let writer = try options.storeWriter(folder, settings)
            let identity = try ReplayIdentity.make(source, settings: settings)
            guard try writer.beginSource(identity: identity, again: again) == .fresh else {
                Console.say("\(folder): these captures are in the store already; --again reads them anew")
                return
            }
            store = writer
        }
        let ring = try options.packetRing(settings, isReplay: true)
        var replay = Replay(settings: settings, workerCount: options.workerCount(settings), rules: rules)
        let progress = quiet ? nil : ProgressBar()
        if let progress {
            replay.progress = { progress.update(consumed: $0, total: $1, packets: $2) }
        }
        replay.ring = ring
        if ring != nil {
            replay.packetRun = ReplayIdentity.number(try ReplayIdentity.make(source, settings: settings))
        }
        let start = ContinuousClock.now
        let outputs = Outputs(logs: logs, store: store, isReplay: store != nil, observers: observers)
        let summary = try replay.run(&source, into: outputs)
        progress?.clear()
        for complaint in rules?.set.saveDatasets() ?? [] { Console.warn(complaint) }
        for error in ring?.takeComplaints() ?? [] { Console.warn(error.description) }
        if !quiet { for line in outputs.remarks { Console.say(line) } }
        try report(summary, seconds: (ContinuousClock.now - start) / .seconds(1), settings, hunts)
    }

    private func report(_ summary: Summary, seconds: Double, _ settings: Settings, _ hunts: HuntPlan?) throws {
        for warning in summary.warnings { Console.warn(warning.description) }
        defer {
            Hunting.run(hunts, isQuiet: quiet)
            if let folder = options.storeFolder { Correlating.run(folder, settings.correlation, isQuiet: quiet) }
        }
        if !quiet {
            for line in summary.lines(seconds: seconds) { Console.say(line) }
            if let folder = options.storeFolder {
                Console.say("stored in \(folder); ask it: weir query --store \(folder) \"SELECT * FROM conn LIMIT 10\"")
            }
        }
        if !summary.warnings.isEmpty, !lenient { throw ExitStatus.damaged }
    }
}
