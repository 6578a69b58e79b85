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

    /// SIGHUP reads the rules anew: aside, and taken only when all went well.
    private func reloader(
        _ settings: Settings, _ rules: RuleShelf?, _ indicators: IndicatorShelf
    ) -> any DispatchSourceSignal {
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        let folder = options.storeFolder
        source.setEventHandler {
            CaptureCommand.reload(settings, folder, indicators)
            // A sensor without rules has nothing to say of them.
            if rules == nil, settings.rulePaths.isEmpty { return }
            let result = CaptureCommand.reload(settings, rules)
            result.error.map { Console.warn($0) } ?? Console.say("rules read anew: \(result.loaded)")
            if let folder { result.write(to: folder) }
        }
        source.resume()
        return source
    }

    /// Reads the indicators anew, aside; where that fails they stay as they were.
    private static func reload(_ settings: Settings, _ folder: String?, _ indicators: IndicatorShelf) {
        do {
            let index = try settings.loadIndicators(store: folder) { Console.warn($0) }
            guard index.count > 0 || indicators.newest.count > 0 else { return }
            indicators.replace(with: index)
            Console.say("indicators read anew: \(index.count)")
        } catch {
            Console.warn("\(error); the indicators stay as they were")
        }
    }

    /// Reads the rules anew; where that fails they stay as they were.
    private static func reload(_ settings: Settings, _ rules: RuleShelf?) -> RuleReload {
        guard let rules else { return RuleReload(error: "no rules are loaded, so there are none to read anew") }
        do {
            for complaint in rules.newest.set.saveDatasets() { Console.warn(complaint) }
            let loaded = try settings.loadRules(replacing: rules.newest) { Console.warn($0) }
            guard let loaded else { return RuleReload(error: "the settings name no rules any more") }
            rules.replace(with: loaded)
            return RuleReload(loaded: loaded.set.rules.count, refused: loaded.set.refusedCount)
        } catch {
            return RuleReload(error: "\(error); the rules stay as they were")
        }
    }

    private func capture() throws {
        var settings = try options.settings()
        if let snaplen { try settings.set("capture.snaplen=\(snaplen)") }
        if let buffer { try settings.set("capture.buffer_mb=\(buffer)") }
        if noPromiscuous { settings.isPromiscuous = false }
        let rules = try options.rules(settings).map { RuleShelf($0) }
        let indicators = try options.indicators(settings)
        let matcher = settings.matcher(indicators)
        let sigma = try SigmaGlue.rules(settings)
        let onlookers: [any RowObserver] = [matcher] + SigmaGlue.observers(sigma)
        let hunts = try Hunting.plan(options.storeFolder, settings)
        let stop = StopSignal()
        let reload = reloader(settings, rules, indicators)
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
        let watcher = SigmaGlue.watcher(options.storeFolder, settings, sigma)
        let correlating = options.storeFolder.flatMap { Correlating.schedule($0, settings) }
        let beside = try options.storeFolder.flatMap { try handing?.begin(store: $0, settings) }
        live.ring = ring
        let summary = try live.run(
            interfaces, into: Outputs(logs: logs, store: store, isReplay: false, observers: onlookers))
        for complaint in rules?.newest.set.saveDatasets() ?? [] { Console.warn(complaint) }
        correlating?.cancel()
        watcher?.stop()
        hunting?.stop()
        beside?.end()
        for source in sources { source.cancel() }
        for line in summary.lines(seconds: (ContinuousClock.now - start) / .seconds(1)) { Console.say(line) }
    }
}
