// SPDX-License-Identifier: Apache-2.0
//
// weir schema: the columns of every log, their types and meanings.

import ArgumentParser
import Logs
import Records
import Sensor

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Show the logs, or the columns of one: name, type, meaning.",
        discussion: """
            Examples:
              weir schema
              weir schema conn
              weir schema dns --format json
            """)

    @Argument(help: ArgumentHelp("A log, such as conn.", valueName: "log"))
    var log: String?

    @Option(help: ArgumentHelp("text, json or markdown.", valueName: "form"))
    var format = "text"

    func run() throws {
        var schemas = Schemas.logs
        if let log {
            schemas = schemas.filter { $0.path == log }
            guard !schemas.isEmpty else {
                let known = Schemas.logs.map(\.path).joined(separator: ", ")
                throw Console.fail("there is no log “\(log)”; the logs are \(known)")
            }
        }
        switch format {
        case "text":
            guard log == nil else { return print(SchemaText.table(schemas), terminator: "") }
            for schema in schemas { print(schema.path.padded(12) + schema.summary) }
        case "json": print(SchemaText.json(schemas), terminator: "")
        case "markdown": print(schemas.map { SchemaText.markdown($0) }.joined(separator: "\n"), terminator: "")
        default: throw Console.fail("--format \(format): choose text, json or markdown")
        }
    }
}

extension String {
    /// Blanks behind, up to `width` columns.
    func padded(_ width: Int) -> String {
        count >= width ? self + " " : self + String(repeating: " ", count: width - count)
    }
}
