// SPDX-License-Identifier: Apache-2.0
//
// The command `weir` and what its subcommands share.

import ArgumentParser
import Foundation
import Glibc

@main
struct Weir: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "A network traffic analysis sensor: packets in, records out, stored, and asked.",
        discussion: """
            Examples:
              weir replay office.pcap --store demo      read a capture into a store
              weir query --store demo "SELECT * FROM dns LIMIT 10"
              weir capture -i eth1 --store /var/lib/weir
              weir schema conn                          what the columns of a log mean
              weir rules check local.rules              which signature rules load, and why others do not

            Exit status: 0 done; 1 done, but some input was damaged; 2 could not be done; 64 wrong usage.
            """,
        version: WeirVersion.text,
        subcommands: [
            ReplayCommand.self, CaptureCommand.self, QueryCommand.self, StoreCommand.self, SchemaCommand.self,
            RulesCommand.self, AlertsCommand.self, IngestCommand.self, SigmaCommand.self, IntelCommand.self,
            IncidentsCommand.self, HandoffCommand.self, ExportCommand.self, PacketsCommand.self, ShipCommand.self,
            HuntCommand.self,
        ])

    /// Who asks question after question waits for each process to start: the arguments of a command that is named are
    /// read for this command alone. What is wrong with them, help, and all else is said as ever.
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.first == QueryCommand.configuration.commandName,
            let command = try? QueryCommand.parseAsRoot(Array(arguments.dropFirst())) as? QueryCommand
        {
            do { try command.run() } catch { exit(withError: error) }
            return
        }
        main(nil)
    }
}

enum WeirVersion {
    static let text = "0.1.0"
}

/// How a command ends.
enum ExitStatus {
    /// Done, but some input was damaged.
    static let damaged = ExitCode(1)
    /// Could not be done.
    static let failed = ExitCode(2)
}

/// Lines for a person, on standard error.
enum Console {
    static var isTerminal: Bool { isatty(2) == 1 }

    static func say(_ line: String) {
        var line = line
        line.append("\n")
        write(line)
    }

    static func warn(_ line: String) { say(styled("warning: ", "33") + line) }

    /// One clear line, then the end.
    static func fail(_ line: String) -> any Error {
        say(styled("weir: ", "31") + line)
        return ExitStatus.failed
    }

    static func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }

    private static func styled(_ text: String, _ code: String) -> String {
        isTerminal ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
