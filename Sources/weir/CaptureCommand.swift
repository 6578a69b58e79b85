// SPDX-License-Identifier: Apache-2.0
//
// weir capture: an interface in, records out, until told to stop.

import ArgumentParser
import CloudAudit
import Capture
import Dispatch
import Glibc
import Hunts
import Intel
import Logs
import Records
import Sensor
import Signatures
import Store

struct CaptureCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "capture",
        abstract: "Watch a network interface and write records to a store, to log files, or both.",
        discussion: """
            Runs until SIGINT or SIGTERM; then every connection is ended and everything written.

            Examples:
              weir capture -i eth1 --store /var/lib/weir --user weir
              weir capture -i eth1 --logs logs --bpf "not port 22" --workers 4
            """)

    @Option(name: [.customShort("i"), .customLong("interface")], help: "The interface to watch.")
    var interface: String

    @OptionGroup var options: RunOptions

    @Option(help: ArgumentHelp("Octets of a packet that are captured.", valueName: "octets"))
    var snaplen: Int?

    @Option(help: ArgumentHelp("Megabytes of kernel buffer for each worker.", valueName: "mb"))
    var buffer: Int?

    @Flag(help: "Do not take packets for other hosts.")
    var noPromiscuous = false

    @Option(help: ArgumentHelp("Become this user once the interface is open.", valueName: "name"))
    var user: String?

    func run() throws {
        // Rules may take seconds to read: who asks for newer ones meanwhile must not end the sensor.
        signal(SIGHUP, SIG_IGN)
        do {
            try capture()
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

    private func liveOptions(_ settings: Settings) -> LiveOptions {
        var live = LiveOptions(interface: interface)
        live.snapLength = settings.snapLength
        live.bufferByteCount = settings.bufferMegabytes << 20
        live.isPromiscuous = settings.isPromiscuous
        live.filter = settings.filter
        live.workers = options.workerCount(settings)
        return live
    }

    private func capture() throws {
        var settings = try options.settings()
        if let snaplen { try settings.set("capture.snaplen=\(snaplen)") }
        if let buffer { try settings.set("capture.buffer_mb=\(buffer)") }
        if noPromiscuous { settings.isPromiscuous = false }
        let rules = try options.rules(settings).map { RuleShelf($0) }
        let indicators = try options.indicators(settings)
        let matcher = settings.matcher(indicators)
        let sigma = try SigmaGlue.shelf(settings)
        let onlookers: [any RowObserver] = [matcher] + SigmaGlue.observers(sigma, settings)
        let hunts = try Hunting.plan(options.storeFolder, settings)
        let stop = StopSignal()
        let reloading = Reloading(
            settings: settings, store: options.storeFolder, rules: rules, indicators: indicators, sigma: sigma)
        let reload = reloading.onHangup()
        defer { reload.cancel() }
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { stop.raise() }
            source.resume()
            return source
        }
        let interfaces = try LiveInterface.open(liveOptions(settings))
        for warning in interfaces.flatMap(\.warnings) { Console.warn(warning) }
        let logs = try options.logWriter(settings, interface: interface, appending: true)
        var store: StoreWriter?
        if let folder = options.storeFolder {
            store = try options.storeWriter(folder, settings)
            store?.beginUpkeep()
        }
        // Secrets are read before privileges go.
        let handing = try options.storeFolder.flatMap { _ in try HandingOn(config: options.config) }
        let ring = try options.packetRing(settings, isReplay: false)
        if let user {
            let saved = settings.extractionFolder
            let folders = [options.logFolder, options.storeFolder, ring?.settings.folder, saved]
            try Ownership.give(folders.compactMap { $0 }, to: user)
            try Privileges.drop(toUser: user)
        }
        Console.say(
            "watching \(interface) with \(interfaces.count) worker\(interfaces.count == 1 ? "" : "s"); Ctrl-C ends")
        let start = ContinuousClock.now
        var live = Live(settings: settings, stop: stop, rules: rules)
        live.complain = { Console.warn($0) }
        let hunting = Hunting.watcher(hunts, settings)
        let watcher = SigmaGlue.watcher(options.storeFolder, settings, sigma, indicators)
        let correlating = options.storeFolder.flatMap { Correlating.schedule($0, settings) }
        let beside = try options.storeFolder.flatMap { try handing?.begin(store: $0, settings) }
        live.ring = ring
        let outputs = Outputs(logs: logs, store: store, isReplay: false, observers: onlookers)
        let summary = try live.run(interfaces, into: outputs)
        for complaint in rules?.newest.set.saveDatasets() ?? [] { Console.warn(complaint) }
        correlating?.cancel()
        watcher?.stop()
        hunting?.stop()
        beside?.end()
        for source in sources { source.cancel() }
        for line in summary.lines(seconds: (ContinuousClock.now - start) / .seconds(1)) + outputs.remarks {
            Console.say(line)
        }
    }
}
