// SPDX-License-Identifier: Apache-2.0
//
// weir rules reload: a sensor that runs reads rules and indicators anew, and says what came of it.
//
// Reads   the store's lock, which names the sensor's process; what the sensor has left in the store.
// Writes  nothing: it sends SIGHUP.
// Leaves  loading and swapping (Reloading.swift).

import ArgumentParser
import Foundation
import Glibc
import Sensor
import Store

/// What came of reading anew all that a sensor looks for, left in the store for who asked for it.
struct RuleReload: Codable, Sendable {
    struct Part: Codable, Sendable {
        /// `rules`, `Sigma rules`, `indicators`.
        var name: String
        var loaded = 0
        var refused = 0
        /// Why they stay as they were.
        var error: String?

        var line: String { error ?? "\(loaded) \(name) in use" + (refused > 0 ? ", \(refused) refused" : "") }
    }

    /// Seconds since 1970.
    var time = Date().timeIntervalSince1970
    var parts: [Part] = []

    static func path(_ folder: String) -> String { folder + "/.rules-reload" }

    /// Leaves it in the store. That it cannot be written costs an answer and no more.
    func write(to folder: String) {
        guard let data = try? JSONEncoder().encode(self) else { return }
        try? data.write(to: URL(filePath: RuleReload.path(folder)), options: .atomic)
    }

    static func read(from folder: String) -> RuleReload? {
        guard let data = FileManager.default.contents(atPath: path(folder)) else { return nil }
        return try? JSONDecoder().decode(RuleReload.self, from: data)
    }
}

struct RulesReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have a running sensor read rules and indicators anew, without losing a packet.",
        discussion: """
            The sensor loads signatures, Sigma rules and indicators, those of its own settings and of its store,
            aside, and takes them between two batches of packets; connections and flowbits go on. A file that cannot
            be read changes nothing of its kind. Check it first: weir rules check, weir sigma check, weir intel check.

            Examples:
              weir rules reload --store /var/lib/weir
              weir rules reload --pid 4711

            Exit status: 0 all are in use; 1 in use, but some rules were refused; 2 something stays as it was.
            """)

    @Option(help: ArgumentHelp("The store that the sensor writes.", valueName: "dir"))
    var store: String?

    @Option(help: ArgumentHelp("The sensor's process; it cannot answer, so look at what it says.", valueName: "n"))
    var pid: Int32?

    @Option(help: ArgumentHelp("Seconds to wait for the answer.", valueName: "n"))
    var timeout = 120

    func validate() throws {
        guard (store == nil) != (pid == nil) else { throw ValidationError("name the sensor by --store or by --pid") }
    }

    func run() throws {
        guard let store else { return try signal(pid ?? 0, "process \(pid ?? 0)") }
        guard let process = StoreWriter.process(writingTo: store), process > 0 else {
            throw Console.fail("\(store): no sensor writes to this store at the moment")
        }
        let sent = Date().timeIntervalSince1970
        try signal(process, "the sensor of \(store) (process \(process))")
        while Date().timeIntervalSince1970 < sent + Double(timeout) {
            usleep(100_000)
            guard let answer = RuleReload.read(from: store), answer.time >= sent else { continue }
            for part in answer.parts where part.error == nil { print(part.line) }
            let errors = answer.parts.compactMap(\.error)
            if !errors.isEmpty { throw Console.fail(errors.joined(separator: "\n")) }
            if answer.parts.contains(where: { $0.refused > 0 }) { throw ExitStatus.damaged }
            return
        }
        throw Console.fail("the sensor has not answered in \(timeout) seconds; look at what it says, or use --timeout")
    }

    private func signal(_ process: Int32, _ name: String) throws {
        guard process > 1, kill(process, SIGHUP) == 0 else {
            let why = errno == EPERM ? "you may not signal it; become its user or root" : "there is no such process"
            throw Console.fail("\(name): \(why)")
        }
    }
}
