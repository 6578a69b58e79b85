// SPDX-License-Identifier: Apache-2.0
//
// weir rules reload: a sensor that runs reads its rules anew, and says what came of it.
//
// Reads   the store's lock, which names the sensor's process; what the sensor has left in the store.
// Writes  nothing: it sends SIGHUP.
// Leaves  loading and swapping (CaptureCommand, Sensor/RuleShelf.swift).

import ArgumentParser
import Foundation
import Glibc
import Sensor
import Store

/// What came of reading rules anew, left in the store for who asked for it.
struct RuleReload: Codable, Sendable {
    /// Seconds since 1970.
    var time = Date().timeIntervalSince1970
    var loaded = 0
    var refused = 0
    /// Why the rules stay as they were.
    var error: String?

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
        abstract: "Have a running sensor read its rules anew, without losing a packet.",
        discussion: """
            The sensor loads the files of its own settings aside and takes them between two batches of packets;
            connections and flowbits go on. A file that cannot be read changes nothing. Check it first:
            weir rules check FILE.

            Examples:
              weir rules reload --store /var/lib/weir
              weir rules reload --pid 4711

            Exit status: 0 the rules are in use; 1 in use, but some rules were refused; 2 nothing has changed.
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
            if let error = answer.error { throw Console.fail(error) }
            print("\(answer.loaded) rules in use" + (answer.refused > 0 ? ", \(answer.refused) refused" : ""))
            if answer.refused > 0 { throw ExitStatus.damaged }
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
