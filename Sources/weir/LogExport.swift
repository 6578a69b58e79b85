// SPDX-License-Identifier: Apache-2.0
//
// weir export: rows of one log in the forms of Zeek, Suricata, CSV and Parquet.
//
// Reads   a store.
// Writes  zeek-tsv and zeek-json into a folder, as the sensor does; eve, csv and parquet into a file.
// Leaves  OCSF (ExportCommand.swift).

import ArgumentParser
import Foundation
import Hunts
import Ingest
import JSON
import Logs
import Query
import Records
import Sensor
import Store

/// One export.
struct LogExport {
    static let forms = ["zeek-tsv", "zeek-json", "eve", "csv", "parquet"]

    var store: String
    var table: String
    var format: String
    /// A file; of Zeek's forms the folder.
    var output: String
    var since: String?
    var until: String?
    /// A condition of SQL.
    var `where`: String?

    func run() throws {
        keepFreedMemory()
        do {
            switch format {
            case "csv", "parquet": try writeAnswer()
            case "zeek-tsv": try writeLog(.zeekTSV)
            case "zeek-json": try writeLog(.zeekJSON)
            case "eve": try writeEvents()
            default: throw Console.fail("--format \(format): choose one of \(LogExport.forms.joined(separator: ", "))")
            }
        } catch let error as QueryError {
            throw Console.fail(error.description)
        } catch let error as LogError {
            throw Console.fail(error.description)
        }
    }

    private func schema() throws -> LogSchema {
        guard let schema = Schemas.logs.first(where: { $0.path == table }) else {
            throw Console.fail("--table \(table): there is no such log; `weir schema` lists them")
        }
        return schema
    }

    /// The rows wanted, in order of time.
    private func statement() throws -> String {
        let schema = try schema()
        let hasTime = schema.index(of: "ts") != nil
        var tests: [String] = []
        let now = Timestamp(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9))
        for (option, text, sign) in [("--since", since, ">="), ("--until", until, "<")] {
            guard let text else { continue }
            guard hasTime, let time = HuntTime.parse(text, now: now), let literal = SQLValue(time).literal else {
                throw ValidationError("\(option) \(text): write a time as '2026-11-22 13:00', or as 24h or 7d")
            }
            tests.append("ts \(sign) \(literal)")
        }
        if let condition = `where` { tests.append("(\(condition))") }
        let columns = schema.columns.map { "\"\($0.storeName)\"" }.joined(separator: ", ")
        return "SELECT \(columns) FROM \"\(table)\""
            + (tests.isEmpty ? "" : " WHERE \(tests.joined(separator: " AND "))") + (hasTime ? " ORDER BY ts" : "")
    }

    private func writeAnswer() throws {
        var options = QueryOptions(store: store, statement: try statement())
        options.format = format == "csv" ? .csv : .parquet
        options.outputPath = output
        options.schemas = Schemas.logs
        Console.say("\(try runQuery(options).rowCount) rows written to \(output)")
    }

    private func writeLog(_ form: LogFormat) throws {
        let schema = try schema()
        let query = try StoreQuery(store: store, schemas: Schemas.logs)
        let rows = try query.rows(statement())
        // A writer removes what earlier runs left of logs that it has no row of: it gets a folder of its own.
        let place = "\(output)/.export-\(ProcessInfo.processInfo.processIdentifier)"
        let writer = try LogWriter(directory: place, format: form, schemas: Schemas.all)
        defer { try? FileManager.default.removeItem(atPath: place) }
        var texts = TextRows(schema)
        var count = 0
        while let row = try rows.next() {
            texts.append(row.values.map { $0.exportText })
            count += 1
            if texts.batch.count >= 4096 {
                try writer.append(batch: texts.batch, schema: schema)
                texts.clear()
            }
        }
        try writer.append(batch: texts.batch, schema: schema)
        try writer.finish()
        let target = "\(output)/\(table).log"
        guard count > 0 else { throw Console.fail("no row of \(table) is wanted; nothing was written") }
        try? FileManager.default.removeItem(atPath: target)
        try FileManager.default.moveItem(atPath: "\(place)/\(table).log", toPath: target)
        Console.say("\(count) rows written to \(target)")
    }

    private func writeEvents() throws {
        guard let export = EVEExport(log: table) else {
            let known = EVEExport.logs.joined(separator: ", ")
            throw Console.fail("--table \(table) has no events; choose one of \(known)")
        }
        let query = try StoreQuery(store: store, schemas: Schemas.logs)
        let rows = try query.rows(statement())
        guard FileManager.default.createFile(atPath: output, contents: nil),
            let file = FileHandle(forWritingAtPath: output)
        else { throw Console.fail("\(output) cannot be opened for writing; name a file that you may write") }
        let document = JSONDocument()
        var waiting: [UInt8] = []
        var count = 0
        while let row = try rows.next() {
            try document.read(row.json)
            waiting += export.line(document.root) ?? []
            count += 1
            if waiting.count >= 1 << 18 {
                try file.write(contentsOf: Data(waiting))
                waiting.removeAll(keepingCapacity: true)
            }
        }
        try file.write(contentsOf: Data(waiting))
        try file.close()
        Console.say("\(count) rows written to \(output)")
    }
}

extension SQLValue {
    /// The octets of a cell; nil where it is unset.
    fileprivate var exportText: ArraySlice<UInt8>? {
        switch self {
        case .null: nil
        case .integer(let number): Array("\(number)".utf8)[...]
        case .real(let number): Array("\(number)".utf8)[...]
        case .text(let octets), .blob(let octets): octets[...]
        }
    }
}
