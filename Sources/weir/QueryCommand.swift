// SPDX-License-Identifier: Apache-2.0
//
// weir query: SQL over a store.

import ArgumentParser
import Query
import Records
import Sensor
import Store

struct QueryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Ask a store: one SQL SELECT over its logs.",
        discussion: """
            Every log is a table; a dot in a column's name is an underscore (id_orig_h). The SQL is SQLite's.
            ts is a timestamp: compare it with a text, ts >= '2026-11-22 13:00'. A list column has a companion
            table with one row an element: dns_answers(ts, uid, value).

            Examples:
              weir query --store demo "SELECT query, count(*) AS n FROM dns GROUP BY query ORDER BY n DESC LIMIT 10"
              weir query --store demo --format json "SELECT * FROM http WHERE status_code >= 400"
              weir query --store demo --format parquet --output top.parquet "SELECT * FROM conn"
            """)

    @Option(help: ArgumentHelp("The store to ask.", valueName: "dir"))
    var store: String

    @Option(help: ArgumentHelp("table, json (one object a line), csv or parquet.", valueName: "form"))
    var format = "table"

    @Option(name: [.short, .long], help: ArgumentHelp("Write the answer here.", valueName: "file"))
    var output: String?

    @Flag(help: "Do not page tables on a terminal.")
    var noPager = false

    @Argument(help: ArgumentHelp("A SELECT statement.", valueName: "sql"))
    var statement: String

    func run() throws {
        guard let form = QueryFormat(rawValue: format) else {
            let known = QueryFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw Console.fail("--format \(format): there is no such form; choose one of \(known)")
        }
        var options = QueryOptions(store: store, statement: statement)
        options.format = form
        options.outputPath = output
        options.schemas = Schemas.logs
        options.usesPager = !noPager
        keepFreedMemory()
        do {
            _ = try runQuery(options)
        } catch {
            throw Console.fail(error.description)
        }
    }
}
