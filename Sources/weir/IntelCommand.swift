// SPDX-License-Identifier: Apache-2.0
//
// weir intel: indicators of feeds, kept in a store, matched from now on, and over what is there already.

import ArgumentParser
import Foundation
import Intel
import JSON
import Query
import Records
import Sensor
import Store

struct IntelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "intel",
        abstract: "Keep indicators of feeds, and find who met them.",
        discussion: """
            Feeds: STIX 2.1 bundles, MISP events, Zeek intel files, URLhaus, ThreatFox, Feodo Tracker and SSLBL of
            abuse.ch, any table by --map, and plain lists. Indicators that a store keeps are matched by replay and
            capture into it.

            Examples:
              weir intel check threatfox.csv
              weir intel import threatfox.csv bundle.json --store /var/lib/weir
              weir intel import blocked.csv --map ip=address --map score=confidence --store /var/lib/weir
              weir intel retro --store /var/lib/weir --alert
            """,
        subcommands: [
            IntelImportCommand.self, IntelListCommand.self, IntelRemoveCommand.self, IntelCheckCommand.self,
            IntelRetroCommand.self,
        ])
}

/// How a feed is read.
struct FeedArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "auto, stix, misp, zeek, urlhaus, threatfox, feodo, sslbl, csv or list.", valueName: "form"))
    var type = "auto"

    @Option(name: .customLong("map"), help: ArgumentHelp("Of a table: what a column is.", valueName: "column=type"))
    var mapping: [String] = []

    @Option(help: ArgumentHelp("Name of the feed; that of its file when left out.", valueName: "name"))
    var name: String?

    @Option(help: ArgumentHelp("0 to 100, where the feed says nothing.", valueName: "number"))
    var confidence = 60

    @Option(
        help: ArgumentHelp(
            "Days until indicators expire, 0 for never; by their kind when left out.", valueName: "days"))
    var expires: Int?

    @Option(name: .customLong("allow"), help: ArgumentHelp("A list of values that are harmless.", valueName: "file"))
    var allowLists: [String] = []

    @Option(name: .customLong("warninglist"), help: ArgumentHelp("A warninglist of MISP.", valueName: "file"))
    var warningLists: [String] = []

    @Option(help: ArgumentHelp("text or json (one object a feed).", valueName: "form"))
    var format = "text"

    func validate() throws {
        guard FeedForm(rawValue: type) != nil else {
            throw ValidationError(
                "--type \(type): choose from \(FeedForm.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard (0...100).contains(confidence) else { throw ValidationError("--confidence \(confidence): 0 to 100") }
        if let expires, !(0...100_000).contains(expires) {
            throw ValidationError("--expires \(expires): 0 to 100000 days")
        }
        for entry in mapping where !entry.contains("=") { throw ValidationError("--map \(entry): write COLUMN=TYPE") }
        try OutputForm.check(format)
    }

    func options(_ path: String) throws -> FeedOptions {
        var options = FeedOptions(name: name ?? IntelFolder.name(of: path))
        options.form = FeedForm(rawValue: type) ?? .auto
        options.confidence = UInt8(confidence)
        options.days = expires
        options.mapping = mapping.compactMap { entry in
            entry.lastIndex(of: "=").map { (String(entry[..<$0]), String(entry[entry.index(after: $0)...])) }
        }
        for path in allowLists { try options.harmless.allow(path: path) }
        for path in warningLists { try options.harmless.warn(path: path) }
        return options
    }

    /// Reads one feed and says what came of it. `isFull` where every refusal is told.
    func read(_ path: String, isFull: Bool) throws -> FeedOutcome {
        let options = try options(path)
        let outcome = try FeedReader.read(path: path, options: options, now: IntelClock.now)
        for remark in options.harmless.remarks + outcome.remarks { Console.warn(remark) }
        if format == "json" { return outcome }
        for refusal in outcome.refusals.prefix(isFull ? Int.max : 5) {
            Console.say("\(path):\(refusal.place): refused \(refusal.value): \(refusal.reason)")
        }
        let shown = min(outcome.refusals.count, isFull ? Int.max : 5)
        if outcome.refusedCount > shown {
            Console.say("… and \(outcome.refusedCount - shown) more; weir intel check shows them")
        }
        return outcome
    }

    /// Reads several feeds, each told in a line under the name that `take` gives it. One that fails costs no other.
    func each(_ paths: [String], isFull: Bool, _ take: (String, FeedOutcome) throws -> String) throws {
        var (failed, refused) = (0, 0)
        for path in paths {
            do {
                let outcome = try read(path, isFull: isFull)
                let name = try take(path, outcome)
                refused += outcome.refusedCount
                print(
                    format == "json"
                        ? FeedArguments.json(path, name, outcome) : "\(name): \(FeedArguments.sentence(outcome))")
            } catch let error as IntelError {
                failed += 1
                Console.say("weir: \(error)")
            }
        }
        if failed == paths.count { throw ExitStatus.failed }
        if failed > 0 || refused > 0 { throw ExitStatus.damaged }
    }

    private static func json(_ path: String, _ name: String, _ outcome: FeedOutcome) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("file", path)
            json.member("feed", name)
            json.member("type", outcome.form.rawValue)
            json.member("read", outcome.readCount)
            json.member("indicators", outcome.acceptedCount)
            json.member("doubles", outcome.doubleCount)
            json.member("expired", outcome.expiredCount)
            json.member("sinkholes", outcome.sinkholeCount)
            json.member("refused", outcome.refusedCount)
            json.key("refusals")
            json.array { json in
                for refusal in outcome.refusals {
                    json.object {
                        $0.member("place", refusal.place)
                        $0.member("value", refusal.value)
                        $0.member("reason", refusal.reason)
                    }
                }
            }
        }
        return json.text
    }

    private static func sentence(_ outcome: FeedOutcome) -> String {
        var text = "\(outcome.form.rawValue), \(outcome.acceptedCount) indicators"
        if outcome.refusedCount > 0 { text += ", \(outcome.refusedCount) refused" }
        if outcome.doubleCount > 0 { text += ", \(outcome.doubleCount) doubles" }
        if outcome.expiredCount > 0 { text += ", \(outcome.expiredCount) expired by now" }
        if outcome.sinkholeCount > 0 { text += ", \(outcome.sinkholeCount) sinkholes" }
        return text
    }
}

enum IntelClock {
    static var now: Timestamp { Timestamp(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9)) }
}

struct IntelImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Read feeds into a store. A feed of the same name is replaced.",
        discussion: "Example:\n  weir intel import threatfox.csv --store /var/lib/weir --allow ours.txt")

    @Argument(help: ArgumentHelp("Files of feeds.", valueName: "file"))
    var paths: [String]

    @Option(help: ArgumentHelp("The store.", valueName: "dir"))
    var store: String

    @OptionGroup var feed: FeedArguments

    func validate() throws {
        if feed.name != nil, paths.count > 1 { throw ValidationError("--name is for one file") }
    }

    func run() throws {
        let folder = IntelFolder(store: store)
        try feed.each(paths, isFull: false) { _, outcome in
            // Where this fails the feed that was there before stays.
            try folder.replace(outcome.set)
            return outcome.set.name
        }
    }
}

struct IntelCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read feeds and keep nothing: what would be taken, and why the rest would not.",
        discussion: "Example:\n  weir intel check bundle.json")

    @Argument(help: ArgumentHelp("Files of feeds.", valueName: "file"))
    var paths: [String]

    @OptionGroup var feed: FeedArguments

    func run() throws {
        try feed.each(paths, isFull: true) { path, outcome in feed.format == "json" ? outcome.set.name : path }
    }
}

struct IntelListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The feeds that a store keeps.",
        discussion: "Example:\n  weir intel list --store /var/lib/weir")

    @Option(help: ArgumentHelp("The store.", valueName: "dir"))
    var store: String

    @Option(help: ArgumentHelp("text or json (one object a line).", valueName: "form"))
    var format = "text"

    func validate() throws {
        try OutputForm.check(format)
    }

    func run() throws {
        guard StoreFile.isFolder(store) else {
            throw Console.fail("\(store): there is no such folder; give that of the store")
        }
        var isDamaged = false
        let feeds = IntelFolder(store: store).status(now: IntelClock.now) { line in
            isDamaged = true
            Console.warn(line)
        }
        var json = JSONWriter()
        for feed in feeds {
            if format == "json" {
                json.object { json in
                    json.member("feed", feed.name)
                    json.member("imported", feed.imported.text)
                    json.member("indicators", feed.count)
                    json.member("expired", feed.expiredCount)
                    json.member("bytes", feed.byteCount)
                    json.key("kinds")
                    json.object { json in for kind in feed.kinds { json.member(kind.name, kind.count) } }
                }
                json.newLine()
            } else {
                let kinds = feed.kinds.map { "\($0.count) \($0.name)" }.joined(separator: ", ")
                let expired = feed.expiredCount > 0 ? ", \(feed.expiredCount) of them expired" : ""
                print(
                    "\(feed.name)  \(feed.count) indicators\(expired), imported \(feed.imported.text): \(kinds)"
                )
            }
        }
        if format == "json" { print(json.text, terminator: "") }
        if feeds.isEmpty, format == "text" {
            print("there is no feed; weir intel import FILE --store \(store) brings one")
        }
        if isDamaged { throw ExitStatus.damaged }
    }
}

struct IntelRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Forget feeds.",
        discussion: "Example:\n  weir intel remove threatfox --store /var/lib/weir")

    @Argument(help: ArgumentHelp("Names of feeds.", valueName: "name"))
    var names: [String]

    @Option(help: ArgumentHelp("The store.", valueName: "dir"))
    var store: String

    func run() throws {
        do {
            for name in names { try IntelFolder(store: store).remove(name) }
        } catch {
            throw Console.fail("\(error)")
        }
    }
}

struct IntelRetroCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retro",
        abstract: "Look for indicators in what a store has already: who met them before they were known.",
        discussion: """
            Examples:
              weir intel retro --store /var/lib/weir
              weir intel retro --store /var/lib/weir --feed threatfox --since '2026-11-01' --alert
            """)

    @Option(help: ArgumentHelp("The store.", valueName: "dir"))
    var store: String

    @Option(name: .customLong("feed"), help: ArgumentHelp("Only this feed.", valueName: "name"))
    var feeds: [String] = []

    @Option(help: ArgumentHelp("Records from this time on, such as '2026-11-22 13:00'.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Records up to this time.", valueName: "time"))
    var until: String?

    @Option(help: ArgumentHelp("Only indicators that came to be known from this time on.", valueName: "time"))
    var known: String?

    @Option(help: ArgumentHelp("Indicators of this confidence and more, 0 to 100.", valueName: "number"))
    var confidence = 30

    @Flag(help: "Raise an alert for each finding.")
    var alert = false

    @Option(help: ArgumentHelp("text or json (one object a line).", valueName: "form"))
    var format = "text"

    func validate() throws {
        try OutputForm.check(format)
        guard (0...100).contains(confidence) else { throw ValidationError("--confidence \(confidence): 0 to 100") }
        for (option, text) in [("--since", since), ("--until", until), ("--known", known)] {
            _ = try IntelText.time(option, text)
        }
    }

    func run() throws {
        do {
            let folder = IntelFolder(store: store)
            let names = feeds.isEmpty ? folder.names() : feeds
            let sets = try names.map { try folder.set($0) }
            guard !sets.isEmpty else {
                throw Console.fail("\(store): there is no feed; weir intel import FILE --store \(store) brings one")
            }
            var options = RetroOptions()
            options.schemas = Schemas.all
            options.since = try IntelText.time("--since", since)
            options.until = try IntelText.time("--until", until)
            options.addedSince = try IntelText.time("--known", known)
            options.confidenceMin = confidence
            let hunt = RetroHunt(IndicatorIndex(sets), options: options)
            let progress = ProgressBar()
            let outcome = try hunt.run(StoreReader.open(store)) { done, total in
                progress.update(consumed: done, total: total, packets: 0)
            }
            progress.clear()
            try show(outcome)
            if alert, !outcome.findings.isEmpty {
                let appender = try StoreAppender(folder: store, sensorName: "intel")
                for record in hunt.alerts() { appender.append(record) }
                try appender.commit()
            }
            for fault in outcome.faults { Console.warn(fault) }
            if !outcome.faults.isEmpty { throw ExitStatus.damaged }
        } catch let error as IntelError {
            throw Console.fail("\(error)")
        } catch let error as StoreError {
            throw Console.fail(error.description)
        }
    }

    private func show(_ outcome: RetroOutcome) throws {
        var json = JSONWriter()
        for finding in outcome.findings {
            if format == "json" {
                finding.write(to: &json)
                json.newLine()
            } else {
                print(finding.sentence)
            }
        }
        if format == "json" { print(json.text, terminator: "") }
        let early = outcome.findings.filter(\.isBeforeKnown).count
        Console.say(
            "\(outcome.rowCount) records; \(outcome.findings.count) findings, \(early) before the indicator was known"
        )
        if outcome.unsureCount > 0 {
            Console.say(
                "\(outcome.unsureCount) more hits: indicators less sure than \(confidence) by then (--confidence)")
        }
        if outcome.expiredCount > 0 { Console.say("\(outcome.expiredCount) more hits: indicators that had expired") }
        if outcome.lostCount > 0 { Console.warn("\(outcome.lostCount) hits of further hosts are not listed") }
    }
}

enum IntelText {
    static func time(_ option: String, _ text: String?) throws -> Timestamp? {
        guard let text else { return nil }
        guard let time = Timestamp(text: text) else {
            throw ValidationError("\(option) \(text): write a time such as '2026-11-22 13:00' (UTC)")
        }
        return time
    }
}
