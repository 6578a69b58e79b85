// SPDX-License-Identifier: Apache-2.0
//
// weir handoff: incidents on their way to other systems.

import ArgumentParser
import Dispatch
import Foundation
import Glibc
import Handoff
import Incidents
import Sensor
import Synchronization

struct HandoffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "handoff",
        abstract: "Hand incidents to other systems: webhooks, Splunk, syslog, ServiceNow, XSOAR, TheHive.",
        discussion: """
            The list `handoff:` of the configuration names the systems; Docs/handoff.md has its keys.

            Examples:
              weir handoff run --config weir.yaml --store /var/lib/weir
              weir handoff test soc --config weir.yaml
              weir handoff log --store /var/lib/weir --state dead
              weir handoff retry --store /var/lib/weir
            """,
        subcommands: [
            HandoffRunCommand.self, HandoffListCommand.self, HandoffTestCommand.self, HandoffLogCommand.self,
            HandoffRetryCommand.self,
        ])
}

/// Where the connectors are configured.
struct HandoffConfiguration: ParsableArguments {
    @Option(help: ArgumentHelp("The configuration with the list handoff.", valueName: "file"))
    var config: String

    /// The connectors, and the sensor's own settings.
    func read() throws -> (handoff: HandoffSettings, sensor: Settings) {
        guard let data = FileManager.default.contents(atPath: config) else {
            throw Console.fail("\(config): the file cannot be read; check the path and its permissions")
        }
        let text = String(decoding: data, as: UTF8.self)
        do {
            var settings = Settings()
            try settings.read(yaml: text, path: config)
            return (try HandoffSettings(yaml: text, path: config), settings)
        } catch let error as SettingsError {
            throw Console.fail(error.description)
        } catch let error as HandoffError {
            throw Console.fail(error.description)
        }
    }
}

/// text or json.
struct AnswerForm: ParsableArguments {
    @Option(help: ArgumentHelp("text or json.", valueName: "form"))
    var format = "text"

    func validate() throws {
        try OutputForm.check(format)
    }

    var isJSON: Bool { format == "json" }

    /// Prints values as one JSON array, or each as a line.
    func show<Value: Encodable>(_ values: [Value], _ line: (Value) -> String, none: String) throws {
        guard isJSON else {
            if values.isEmpty { print(none) }
            for value in values { print(line(value)) }
            return
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(values), as: UTF8.self))
    }
}

/// Runs `work` and turns its refusal into one line and the exit status.
private func attempt<Value>(_ work: () throws(HandoffError) -> Value) throws -> Value {
    do { return try work() } catch { throw Console.fail(error.description) }
}

/// Waits in this thread for what is done in others.
private func outcome<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) -> Value? {
    let done = DispatchSemaphore(value: 0)
    let answer = Answer<Value>()
    Task.detached {
        let value = await work()
        answer.value.withLock { $0 = value }
        done.signal()
    }
    done.wait()
    return answer.value.withLock { $0 }
}

/// A value that another thread sets.
private final class Answer<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}

struct HandoffRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Hand on what happens to incidents, until SIGINT or SIGTERM; with --once until nothing is left.",
        discussion: """
            What is under way is ended in order. Killed at any moment, the next run goes on where this one was.
            With --once the status is 1 where something is left waiting, or dead.

            Examples:
              weir handoff run --config weir.yaml --store /var/lib/weir
              weir handoff run --config weir.yaml --store demo --once --wait 10
            """)

    @OptionGroup var configuration: HandoffConfiguration

    @Option(name: .customLong("store"), help: ArgumentHelp("The store.", valueName: "dir"))
    var folder: String

    @Option(help: ArgumentHelp("Through this connector only.", valueName: "name"))
    var connector: [String] = []

    @Flag(help: "End when nothing is left to hand on.")
    var once = false

    @Option(help: ArgumentHelp("With --once: wait so long for what is to be tried again.", valueName: "seconds"))
    var wait = 60.0

    func validate() throws {
        guard wait >= 0, wait <= 86_400 else { throw ValidationError("--wait \(wait): choose from 0 to 86400 seconds") }
    }

    func run() throws {
        let (handoff, sensor) = try configuration.read()
        let worker = try attempt { () throws(HandoffError) in
            var chosen = handoff
            if !connector.isEmpty {
                chosen.connectors = []
                for name in connector { chosen.connectors.append(try handoff.connector(named: name)) }
            }
            guard !chosen.connectors.isEmpty else {
                throw HandoffError("\(configuration.config): there are no connectors; add them under handoff:")
            }
            return try HandingOn(chosen).worker(store: folder, sensor, correlates: true)
        }
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { worker.stop() }
            source.resume()
            return source
        }
        let mode: HandoffWorker.Mode = once ? .once(wait: wait) : .forever
        guard let summary = outcome({ await worker.run(mode) }) else { throw Console.fail("the worker did not end") }
        for source in sources { source.cancel() }
        Console.say(
            "\(summary.delivered) delivered, \(summary.waiting) waiting, \(summary.dead) dead"
                + (summary.stopped.isEmpty ? "" : "; stopped: " + summary.stopped.joined(separator: ", ")))
        if once, summary.waiting + summary.dead > 0 { throw ExitStatus.damaged }
    }
}

/// Connectors with their secrets, ready for a store.
struct HandingOn {
    private let connectors: [any Connector]

    init(_ handoff: HandoffSettings) throws(HandoffError) {
        var connectors: [any Connector] = []
        for connector in handoff.connectors {
            connectors.append(try Connectors.make(connector, version: WeirVersion.text))
        }
        self.connectors = connectors
    }

    /// What a configuration names; nil where it names nothing.
    init?(config: String?) throws {
        guard let config else { return nil }
        do throws(HandoffError) {
            let text = String(decoding: FileManager.default.contents(atPath: config) ?? Data(), as: UTF8.self)
            let handoff = try HandoffSettings(yaml: text, path: config)
            if handoff.connectors.isEmpty { return nil }
            try self.init(handoff)
        } catch {
            throw Console.fail(error.description)
        }
    }

    /// A worker over the incidents of a store that tells its faults on standard error.
    func worker(store: String, _ settings: Settings, correlates: Bool) throws(HandoffError) -> HandoffWorker {
        let outbox = try Outbox(store: store)
        let feed = try LedgerFeed(
            store: store, sensor: settings.sensorName, settings: settings.correlation, correlates: correlates)
        return HandoffWorker(outbox: outbox, feed: feed, connectors: connectors) { Console.warn($0) }
    }

    /// Works beside a sensor until `end` of the answer is called.
    func begin(store: String, _ settings: Settings) throws -> Beside {
        do throws(HandoffError) {
            return Beside(try worker(store: store, settings, correlates: false))
        } catch {
            throw Console.fail(error.description)
        }
    }

    /// A worker in threads of its own.
    final class Beside: Sendable {
        private let worker: HandoffWorker
        private let done = DispatchSemaphore(value: 0)

        fileprivate init(_ worker: HandoffWorker) {
            self.worker = worker
            let done = self.done
            Task.detached {
                _ = await worker.run(.forever)
                done.signal()
            }
        }

        /// Ends what is under way in order.
        func end() {
            worker.stop()
            done.wait()
        }
    }
}

struct HandoffListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "The connectors, and with --store how each stands.",
        discussion: "Example:\n  weir handoff list --config weir.yaml --store /var/lib/weir")

    @OptionGroup var configuration: HandoffConfiguration
    @OptionGroup var form: AnswerForm

    @Option(name: .customLong("store"), help: ArgumentHelp("The store.", valueName: "dir"))
    var folder: String?

    private struct Line: Encodable {
        var name: String
        var type: String
        /// Scheme, host and port.
        var url: String
        var state: ConnectorLine?
    }

    func run() throws {
        let (handoff, _) = try configuration.read()
        let states = try folder.map { folder in
            try attempt { () throws(HandoffError) in try Outbox(store: folder).connectors() }
        }
        let lines = handoff.connectors.map { connector in
            Line(
                name: connector.name, type: connector.kind.rawValue, url: connector.shownURL,
                state: states?.first { $0.name == connector.name })
        }
        try form.show(
            lines,
            { line in
                var text = line.name.padded(16) + " " + line.type.padded(11) + " " + line.url
                guard let state = line.state else { return text }
                text += "  delivered \(state.delivered), waiting \(state.waiting + state.claimed), dead \(state.dead)"
                if let until = state.stopped_until { text += "; stopped until \(until): \(state.reason ?? "")" }
                return text
            }, none: "no connectors; add them under handoff: in \(configuration.config)")
    }
}

struct HandoffTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send a test incident, marked as one, to a connector, and say what came back.",
        discussion: """
            With --health the product's own call is asked instead, where it has one; nothing is made there.
            Status 1 where it did not arrive.

            Examples:
              weir handoff test soc --config weir.yaml
              weir handoff test splunk --config weir.yaml --health
            """)

    @Argument(help: ArgumentHelp("Name of the connector.", valueName: "name"))
    var name: String

    @OptionGroup var configuration: HandoffConfiguration
    @OptionGroup var form: AnswerForm

    @Flag(help: "Ask the product how it is; send nothing.")
    var health = false

    func run() throws {
        let (handoff, sensor) = try configuration.read()
        let connector = try attempt { () throws(HandoffError) in
            try Connectors.make(handoff.connector(named: name), version: WeirVersion.text)
        }
        let asksHealth = health
        let sensorName = sensor.sensorName
        let report = outcome { await HandoffTest.run(connector, sensor: sensorName, health: asksHealth) }
        guard let report else { throw Console.fail("the test did not end") }
        try form.show([report], { $0.text }, none: "")
        if !report.arrived { throw ExitStatus.damaged }
    }
}

struct HandoffLogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Deliveries and dead letters, the newest last.",
        discussion: """
            Examples:
              weir handoff log --store demo
              weir handoff log --store demo --state dead --format json
            """)

    @Option(name: .customLong("store"), help: ArgumentHelp("The store.", valueName: "dir"))
    var folder: String

    @OptionGroup var form: AnswerForm

    @Option(help: ArgumentHelp("Of this connector only.", valueName: "name"))
    var connector: String?

    @Option(name: .customLong("state"), help: ArgumentHelp("waiting, claimed, delivered or dead.", valueName: "state"))
    var states: [String] = []

    @Option(help: ArgumentHelp("Lines at most.", valueName: "count"))
    var limit = 100

    func validate() throws {
        for state in states where !["waiting", "claimed", "delivered", "dead"].contains(state) {
            throw ValidationError("--state \(state): choose waiting, claimed, delivered or dead")
        }
        guard limit > 0 else { throw ValidationError("--limit \(limit): give a number above 0") }
    }

    func run() throws {
        let lines = try attempt { () throws(HandoffError) in
            try Outbox(store: folder).lines(connector: connector, states: states, limit: limit)
        }
        try form.show(lines, { $0.text }, none: "nothing was handed on")
    }
}

struct HandoffRetryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Put dead letters back, and let stopped connectors go on.",
        discussion: """
            Examples:
              weir handoff retry --store demo
              weir handoff retry --store demo --connector soc
              weir handoff retry --store demo --id 42
            """)

    @Option(name: .customLong("store"), help: ArgumentHelp("The store.", valueName: "dir"))
    var folder: String

    @Option(help: ArgumentHelp("Of this connector only.", valueName: "name"))
    var connector: String?

    @Option(help: ArgumentHelp("One letter, by the number that the log shows.", valueName: "number"))
    var id: Int64?

    func run() throws {
        let count = try attempt { () throws(HandoffError) in
            try Outbox(store: folder).retry(connector: connector, id: id)
        }
        if let id, count == 0 {
            throw Console.fail("there is no dead letter \(id); weir handoff log --state dead shows which there are")
        }
        print(count == 1 ? "1 dead letter is put back" : "\(count) dead letters are put back")
    }
}
