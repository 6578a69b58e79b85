// SPDX-License-Identifier: Apache-2.0
//
// weir handoff: incidents on their way to other systems.

import ArgumentParser
import Foundation
import Handoff
import Sensor
import Synchronization

struct HandoffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "handoff",
        abstract: "Hand incidents to other systems: webhooks, Splunk, syslog, ServiceNow, XSOAR, TheHive.",
        discussion: """
            The list `handoff:` of the configuration names the systems; Docs/handoff.md has its keys.

            Examples:
              weir handoff list --config weir.yaml --store /var/lib/weir
              weir handoff test soc --config weir.yaml
              weir handoff log --store /var/lib/weir --state dead
              weir handoff retry --store /var/lib/weir
            """,
        subcommands: [
            HandoffListCommand.self, HandoffTestCommand.self, HandoffLogCommand.self, HandoffRetryCommand.self,
        ])
}

/// Where the connectors are configured.
struct HandoffConfiguration: ParsableArguments {
    @Option(help: ArgumentHelp("The configuration with the list handoff.", valueName: "file"))
    var config: String

    /// The connectors, and the sensor's name.
    func read() throws -> (handoff: HandoffSettings, sensor: String) {
        guard let data = FileManager.default.contents(atPath: config) else {
            throw Console.fail("\(config): the file cannot be read; check the path and its permissions")
        }
        let text = String(decoding: data, as: UTF8.self)
        do {
            var settings = Settings()
            try settings.read(yaml: text, path: config)
            return (try HandoffSettings(yaml: text, path: config), settings.sensorName)
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
        guard ["text", "json"].contains(format) else {
            throw ValidationError("--format \(format): choose text or json")
        }
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
private func wait<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) -> Value? {
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
        let report = wait { await HandoffTest.run(connector, sensor: sensor, health: asksHealth) }
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
        print(count == 1 ? "1 dead letter is put back" : "\(count) dead letters are put back")
    }
}
