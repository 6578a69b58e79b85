// SPDX-License-Identifier: Apache-2.0
//
// The same SQL on another engine, over a lake: DuckDB on this machine, or a Spark cluster.
//
// Reads   a statement; the lake, through the engine.
// Writes  the answer's columns and rows.
// Leaves  the engines (their Python modules), what stands for Weir's own functions there (preludes), printing.

internal import Foundation
internal import Query
package import Records

/// A cell of an answer.
package enum LakeValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case real(Double)
    case text(String)
    case list([LakeValue])
}

extension LakeValue: Decodable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .real(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else {
            self = .list(try container.decode([LakeValue].self))
        }
    }
}

package struct LakeAnswer: Sendable, Equatable {
    package var columns: [String] = []
    package var rows: [[LakeValue]] = []
}

/// One engine over one lake.
package struct LakeEngine: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case duckdb
        case spark
    }

    package var kind: Kind
    /// A path or `s3://bucket/prefix`.
    package var lake: String
    /// The Python that has the engine's module.
    package var python = "python3"
    /// Spark's master, such as `spark://host:7077`; `local[*]` where there is none and no remote.
    package var master: String?
    /// Spark Connect, such as `sc://host:15002`.
    package var remote: String?
    /// Further settings of Spark.
    package var options: [String: String] = [:]
    /// Address of the object store, for DuckDB.
    package var endpoint: String?
    /// The logs that statements may name.
    package var schemas: [LogSchema]

    package init(kind: Kind, lake: String, schemas: [LogSchema]) {
        self.kind = kind
        self.lake = lake.count > 1 && lake.hasSuffix("/") ? String(lake.dropLast()) : lake
        self.schemas = schemas
    }

    /// The first line of an answer.
    private struct Head: Decodable {
        var columns: [String]?
        var error: String?
        var missing: String?
    }

    private struct Job: Encodable {
        struct Column: Encodable {
            var name: String
            var source: String
            var kind: String
            var isElement: Bool
        }
        struct Table: Encodable {
            var name: String
            var log: String
            var list: String?
            var columns: [Column]
        }
        var engine: String
        var lake: String
        var tables: [Table]
        var prelude: String
        var statement: String
        var master: String?
        var remote: String?
        var options: [String: String]
        var endpoint: String?
    }

    /// Asks one SELECT, in a session of its own. `prelude` is a list of statements, each ended by `;` at the end of a
    /// line, that run before it. Throws `.engine`, with the engine's own sentence.
    package func run(prelude: String = "", statement: String) throws(LakeError) -> LakeAnswer {
        let tables = LakeEngine.named(in: prelude + " " + statement, schemas).map { table in
            Job.Table(
                name: table.name, log: table.log, list: table.list,
                columns: table.columns.map { column in
                    Job.Column(
                        name: column.name, source: column.source, kind: LakeEngine.name(column.valueKind),
                        isElement: column.isElement)
                })
        }
        let job = Job(
            engine: kind.rawValue, lake: LakePlaces.isObjectStore(lake) ? lake : URL(fileURLWithPath: lake).path,
            tables: tables, prelude: prelude, statement: statement,
            master: kind == .spark && remote == nil ? master ?? "local[*]" : nil, remote: remote, options: options,
            endpoint: endpoint)
        do { return try parse(try output(of: job)) } catch let error as LakeError {
            throw error
        } catch {
            throw LakeError(
                .engine, python, "cannot be run: \(error.localizedDescription)",
                advice: "name a Python that has the engine's module, with --python or WEIR_PYTHON")
        }
    }

    /// The program and the job stand in files that only this user reads; nothing of them is seen in `ps`.
    private func output(of job: Job) throws -> (text: Data, status: Int32) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "weir-" + UUID().uuidString)
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = folder.appending(path: "engine.py")
        let jobFile = folder.appending(path: "job.json")
        try Data(EngineProgram.text.utf8).write(to: program)
        try JSONEncoder().encode(job).write(to: jobFile)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python, program.path, jobFile.path]
        process.currentDirectoryURL = folder
        let pipe = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        // Spark's own log is long; what matters comes as an error in the answer.
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (text, process.terminationStatus)
    }

    private func parse(_ output: (text: Data, status: Int32)) throws -> LakeAnswer {
        var answer = LakeAnswer()
        var hasColumns = false
        let decoder = JSONDecoder()
        for line in output.text.split(separator: 0x0A) {
            if line.first == 0x5B {
                answer.rows.append(try decoder.decode([LakeValue].self, from: Data(line)))
                continue
            }
            let head = try decoder.decode(Head.self, from: Data(line))
            if let reason = head.error {
                throw LakeError(
                    .engine, kind.rawValue, "refused: \(reason)",
                    advice: "statements here may use only what both engines know; see Docs/store.md")
            }
            if let module = head.missing {
                throw LakeError(
                    .engine, python, "has no module \(module)",
                    advice: "install \(kind == .spark ? "pyspark" : "duckdb") for it, or name another with --python")
            }
            answer.columns = head.columns ?? []
            hasColumns = true
        }
        guard hasColumns else {
            throw LakeError(
                .engine, python, "ended with status \(output.status) and no answer",
                advice: "see that it runs and has the module of \(kind.rawValue)")
        }
        return answer
    }

    /// The tables that a text names outside of lines of comment.
    static func named(in text: String, _ schemas: [LogSchema]) -> [QueryTable] {
        let lines = text.lowercased().split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("--") }
        let words = Set(lines.flatMap { $0.split { !($0.isLetter || $0.isNumber || $0 == "_") } })
        return schemas.flatMap { QueryTable.tables($0) }.filter { words.contains($0.name.lowercased()[...]) }
    }

    /// What the program calls a kind of column.
    private static func name(_ kind: ColumnKind) -> String {
        switch kind {
        case .time: "time"
        case .interval: "interval"
        case .count: "count"
        case .integer: "integer"
        case .real: "real"
        case .boolean: "boolean"
        case .port: "port"
        case .address, .text, .enumeration, .uid, .fuid: "text"
        case .intervalVector: "interval[]"
        case .countVector: "count[]"
        case .textSet, .textVector, .uidSet, .fuidVector, .addressVector: "text[]"
        }
    }
}
