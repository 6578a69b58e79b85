// SPDX-License-Identifier: Apache-2.0
//
// Options of commands that can ask a lake through another engine.

import ArgumentParser
import Foundation
import Hunts
import Lake
import Sensor

struct LakeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Ask with duckdb or spark in place of the embedded engine.", valueName: "engine"))
    var engine: String?

    @Option(help: ArgumentHelp("The lake that the engine asks: a folder, or s3://….", valueName: "place"))
    var lake: String?

    @Option(help: ArgumentHelp("The Python with the engine's module; WEIR_PYTHON, or python3.", valueName: "path"))
    var python: String?

    @Option(help: ArgumentHelp("Spark: spark://host:7077, sc://host:15002 (Connect) or local[*].", valueName: "url"))
    var master: String?

    @Option(
        name: .customLong("spark-conf"),
        help: ArgumentHelp("One setting of Spark; may be given again.", valueName: "key=value"))
    var sparkSettings: [String] = []

    /// The engine that was asked for; nil is the embedded one.
    func chosen() throws -> LakeEngine? {
        guard let engine else {
            guard lake == nil else { throw ValidationError("--lake needs --engine duckdb or --engine spark") }
            return nil
        }
        guard let kind = LakeEngine.Kind(rawValue: engine) else {
            throw ValidationError("--engine \(engine): choose duckdb or spark")
        }
        guard let lake else { throw ValidationError("--engine \(engine) needs --lake PLACE; see weir ship") }
        let environment = ProcessInfo.processInfo.environment
        var chosen = LakeEngine(kind: kind, lake: lake, schemas: Schemas.logs)
        chosen.python = python ?? environment["WEIR_PYTHON"] ?? chosen.python
        chosen.endpoint = environment["AWS_ENDPOINT_URL_S3"] ?? environment["AWS_ENDPOINT_URL"]
        if let master, master.hasPrefix("sc://") { chosen.remote = master } else { chosen.master = master }
        for text in sparkSettings {
            guard let equals = text.firstIndex(of: "=") else {
                throw ValidationError("--spark-conf \(text): write KEY=VALUE")
            }
            chosen.options[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return chosen
    }

    /// Asks the engine, and prints its answer; `form` is table, json or csv. `library` has the prelude, which
    /// makes the engine know Weir's SQL functions.
    static func ask(_ engine: LakeEngine, _ statement: String, form: String, _ library: HuntLibrary) throws {
        guard let form = LakeForm(rawValue: form) else {
            throw ValidationError("--format \(form): with --engine choose table, json or csv")
        }
        do {
            let prelude = try library.prelude(engine.kind.rawValue)
            print(try engine.run(prelude: prelude, statement: statement).text(form), terminator: "")
        } catch {
            throw Console.fail("\(error)")
        }
    }
}
