// SPDX-License-Identifier: Apache-2.0
//
// weir incidents: what happened, and what is done about it.

import ArgumentParser
import Foundation
import Incidents
import JSON
import Query
import Records
import Sensor

struct IncidentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incidents",
        abstract: "Show the incidents of a store, and say what is done about them.",
        discussion: """
            Alerts that have a host, a user, a principal or a destination in common within a day are one incident. Its
            severity comes from all the evidence: how far the attack has come and how many kinds of rule saw it.

            Examples:
              weir incidents list --store demo
              weir incidents show 3 --store demo --format md > incident-3.md
              weir incidents take 3 --store demo
              weir incidents verdict 3 true-positive --why "the agent is on the host" --store demo
            """,
        subcommands: [
            IncidentsListCommand.self, IncidentsShowCommand.self, IncidentsTakeCommand.self,
            IncidentsNoteCommand.self,
            IncidentsVerdictCommand.self, IncidentsEscalateCommand.self, IncidentsContainCommand.self,
            IncidentsCloseCommand.self, IncidentsReopenCommand.self, IncidentsBeganCommand.self,
            IncidentsMergeCommand.self,
        ])
}

/// What all of them are given.
struct IncidentOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The store.", valueName: "dir"))
    var store: String

    @Option(help: ArgumentHelp("text, json or md.", valueName: "form"))
    var format = "text"

    @Option(
        name: .customLong("local"),
        help: ArgumentHelp("A network that is ours beside the private ones.", valueName: "network"))
    var localNetworks: [String] = []

    func validate() throws {
        guard ["text", "json", "md"].contains(format) else {
            throw ValidationError("--format \(format): choose text, json or md")
        }
        _ = try own()
    }

    func ledger() throws -> IncidentLedger {
        var settings = CorrelationSettings()
        settings.own = try own()
        return try IncidentLedger(folder: store, settings: settings)
    }

    func own() throws -> OwnNetworks {
        OwnNetworks(
            try localNetworks.map { text in
                guard let network = AddressPrefix(text) else {
                    throw ValidationError("--local \(text): this is no network such as 203.0.113.0/24")
                }
                return network
            })
    }

    /// Runs `body`, and says in one line what went wrong.
    func run(_ body: (IncidentLedger) throws -> Void) throws {
        do {
            try body(ledger())
        } catch let error as IncidentError {
            throw Console.fail("\(error)")
        } catch let error as QueryError {
            throw Console.fail(error.description)
        }
    }

    /// The incident as the form wants it, without asking the store's records.
    func show(_ view: IncidentView) {
        switch format {
        case "json":
            var json = JSONWriter()
            view.write(to: &json)
            print(json.text)
        case "md": print(IncidentPage.make(view, .markdown), terminator: "")
        default: print(IncidentPage.make(view, .text), terminator: "")
        }
    }
}

/// Who does it, and why.
struct DeedOptions: ParsableArguments {
    @OptionGroup var incident: IncidentOptions

    @Option(name: .customLong("as"), help: ArgumentHelp("In whose name; yours when left out.", valueName: "name"))
    var name: String?

    @Option(help: ArgumentHelp("Why; it is kept for good.", valueName: "text"))
    var why = ""

    var who: String { name ?? ProcessInfo.processInfo.environment["SUDO_USER"] ?? NSUserName() }
}

/// What is done with one incident, and when.
struct ActOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The incident.", valueName: "number"))
    var number: Int64

    @OptionGroup var deed: DeedOptions

    @Option(help: ArgumentHelp("When it was done, such as '2026-11-22 13:00'; now when left out.", valueName: "time"))
    var at: String?

    func validate() throws { _ = try time() }

    private func time() throws -> Timestamp? {
        guard let at else { return nil }
        guard let time = Timestamp(text: at) else {
            throw ValidationError("--at \(at): write a time such as '2026-11-22 13:00' (UTC)")
        }
        return time
    }

    /// - Parameter reason: in the place of that of the options.
    func act(_ act: IncidentAct, why reason: String? = nil) throws {
        let time = try time()
        try deed.incident.run { ledger in
            let view = try ledger.act(act, on: number, who: deed.who, why: reason ?? deed.why, at: time)
            if deed.incident.format == "text" {
                let owner = view.owner.map { " by \($0)" } ?? ""
                print("incident \(number): \(view.state.rawValue)\(owner); \(view.severity.name): \(view.title)")
            } else {
                deed.incident.show(view)
            }
        }
    }
}

struct IncidentsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The incidents, the most urgent first. New alerts are taken in before.",
        discussion: """
            Example:
              weir incidents list --store demo --state all
            """)

    @OptionGroup var options: IncidentOptions

    @Option(help: ArgumentHelp("open, closed, watched (not yet worth a person), merged or all.", valueName: "state"))
    var state = "open"

    private static let states: [String: [IncidentState]] = [
        "open": [.new, .taken, .contained], "closed": [.closed], "watched": [.watched], "merged": [.merged],
        "all": IncidentState.allCases.filter { $0 != .merged },
    ]

    func validate() throws {
        guard IncidentsListCommand.states[state] != nil else {
            throw ValidationError("--state \(state): choose open, closed, watched, merged or all")
        }
    }

    func run() throws {
        let wanted = IncidentsListCommand.states[state] ?? []
        try options.run { ledger in
            let outcome = try ledger.correlate()
            let list = try ledger.list(wanted)
            if options.format == "json" {
                var json = JSONWriter()
                for summary in list {
                    summary.write(to: &json)
                    json.newLine()
                }
                print(json.text, terminator: "")
            } else {
                for line in IncidentList.lines(list, isMarkdown: options.format == "md") { print(line) }
            }
            for fault in outcome.faults { Console.warn(fault) }
            if !outcome.faults.isEmpty { throw ExitStatus.damaged }
        }
    }
}

struct IncidentsShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One incident on one page: what happened, timeline, entities, connections, alerts, next steps.",
        discussion: """
            Example:
              weir incidents show 3 --store demo
            """)

    @Argument(help: ArgumentHelp("The incident.", valueName: "number"))
    var number: Int64

    @OptionGroup var options: IncidentOptions

    @Option(help: ArgumentHelp("Folder of playbooks; the shipped ones when left out.", valueName: "dir"))
    var playbooks: String?

    func run() throws {
        try options.run { ledger in
            _ = try ledger.correlate()
            var view = try ledger.view(number)
            let store = try StoreQuery(store: options.store, schemas: Schemas.logs)
            view.context = ContextReading.read(view, store, own: try options.own())
            if let folder = playbooks ?? Playbook.shippedFolder {
                let books = try Playbook.read(folder: folder)
                let steps = Playbook.steps(books, for: view, store: options.store)
                view.context?.steps = steps
            }
            options.show(view)
        }
    }
}

struct IncidentsTakeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "take", abstract: "Work on an incident: it is acknowledged, and yours.",
        discussion: "Example:\n  weir incidents take 3 --store demo")

    @OptionGroup var options: ActOptions

    func run() throws { try options.act(.take(owner: options.deed.who)) }
}

struct IncidentsNoteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "note", abstract: "Add a note to an incident.",
        discussion: "Example:\n  weir incidents note 3 \"clara is on leave\" --store demo")

    @OptionGroup var options: ActOptions
    @Argument(help: ArgumentHelp("The note.", valueName: "text"))
    var text: String

    func run() throws { try options.act(.note, why: text) }
}

struct IncidentsVerdictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verdict", abstract: "Say what it was.",
        discussion: "Example:\n  weir incidents verdict 3 benign-true-positive --why \"a test of ours\" --store demo")

    @OptionGroup var options: ActOptions
    @Argument(help: ArgumentHelp("true-positive, benign-true-positive or false-positive.", valueName: "verdict"))
    var verdict: IncidentVerdict
    @Flag(help: "Somebody else noticed it first, and told us.")
    var foundOutside = false

    func run() throws { try options.act(.verdict(verdict, isFoundOutside: foundOutside)) }
}

struct IncidentsEscalateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "escalate", abstract: "Hand it to somebody else.",
        discussion: "Example:\n  weir incidents escalate 3 --to \"incident response\" --store demo")

    @Option(help: ArgumentHelp("To whom.", valueName: "name"))
    var to: String
    @OptionGroup var options: ActOptions

    func run() throws { try options.act(.escalate(to: to)) }
}

struct IncidentsContainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contain", abstract: "Say that the attacker is cut off.",
        discussion: "Example:\n  weir incidents contain 3 --why \"port is off\" --at '2026-11-22 14:05' --store demo")

    @OptionGroup var options: ActOptions

    func run() throws { try options.act(.contain) }
}

struct IncidentsCloseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close", abstract: "Close an incident: all is as it was before.",
        discussion: "Example:\n  weir incidents close 3 --why \"rebuilt from the backup\" --store demo")

    @OptionGroup var options: ActOptions

    func run() throws { try options.act(.close) }
}

struct IncidentsReopenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reopen", abstract: "Open a closed incident again.",
        discussion: "Example:\n  weir incidents reopen 3 --why \"the beacon is back\" --store demo")

    @OptionGroup var options: ActOptions

    func run() throws { try options.act(.reopen) }
}

struct IncidentsBeganCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "began", abstract: "Say that the first malicious act was earlier than the evidence here.",
        discussion:
            "Example:\n  weir incidents began 3 --at '2026-11-20 08:00' --why \"the mail of Friday\" --store demo")

    @OptionGroup var options: ActOptions

    func validate() throws {
        guard options.at != nil else { throw ValidationError("say when, with --at") }
    }

    func run() throws { try options.act(.began) }
}

struct IncidentsMergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Make several incidents one: the first goes on, the others go into it.",
        discussion: "Example:\n  weir incidents merge 3 5 7 --why \"one attacker\" --store demo")

    @Argument(help: ArgumentHelp("The incident that goes on, then the others.", valueName: "number"))
    var numbers: [Int64]
    @OptionGroup var deed: DeedOptions

    func validate() throws {
        guard numbers.count > 1 else {
            throw ValidationError("name the incident that goes on, then at least one other")
        }
    }

    func run() throws {
        try deed.incident.run { ledger in
            let view = try ledger.merge(Array(numbers.dropFirst()), into: numbers[0], who: deed.who, why: deed.why)
            deed.incident.show(view)
        }
    }
}

extension IncidentVerdict: ExpressibleByArgument {}
