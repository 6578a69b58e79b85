// SPDX-License-Identifier: Apache-2.0
//
// The same hunts on other engines: three sensors' lake, asked by DuckDB and by a cluster of Spark, each question in a
// session of its own, and one store with all of the rows, asked by the embedded engine.
//
// Reads   WEIR_TEST_PYTHON (a Python with duckdb), WEIR_TEST_SPARK (a Python with pyspark; Scripts/test-spark sets it).

import Foundation
import Lake
import Query
import Records
import Sensor
import Store
import Testing

@testable import Hunts

private let duckdb = python("WEIR_TEST_PYTHON", with: "duckdb")
private let pyspark = python("WEIR_TEST_SPARK", with: "pyspark")

/// The interpreter that a variable names, if it has a module.
private func python(_ variable: String, with module: String) -> String? {
    guard let path = ProcessInfo.processInfo.environment[variable] else { return nil }
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = ["-c", "import \(module)"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    process.waitUntilExit()
    return process.terminationStatus == 0 ? path : nil
}

/// Statements that every engine understands, string predicates first.
private let portable = [
    "SELECT uid, query FROM dns WHERE query LIKE '%.nanopool.org' OR query = 'www.example.com' ORDER BY ts, uid",
    "SELECT id_resp_p, count(*) AS n, sum(orig_bytes) AS bytes FROM conn GROUP BY id_resp_p ORDER BY n DESC, id_resp_p",
    "SELECT uid, ts, duration, service, conn_state FROM conn WHERE duration > 0.5 ORDER BY ts, uid",
    """
    SELECT c.id_orig_h, d.server_name, count(*) AS n FROM conn c JOIN ssl d ON c.uid = d.uid
    WHERE c.ts >= '2026-11-20 12:00:00' GROUP BY c.id_orig_h, d.server_name ORDER BY n DESC, c.id_orig_h, d.server_name
    """,
    "SELECT uid, id_orig_h, value FROM ssl_cert_chain_fps ORDER BY value",
    "SELECT count(*) AS n, min(ts) AS first_ts FROM smtp",
    "SELECT service, max(orig_bytes) AS n FROM conn GROUP BY service ORDER BY service",
]

/// A cell with numbers rounded, so that engines agree.
private func cell(_ value: SQLValue) -> String {
    switch value {
    case .null: "-"
    case .integer(let number): String(format: "%.6g", Double(number))
    case .real(let number): String(format: "%.6g", number)
    case .text(let octets), .blob(let octets): String(decoding: octets, as: UTF8.self)
    }
}

private func lines(_ columns: [String], _ rows: [QueryRow]) -> [String] {
    rows.map { row in columns.map { cell(row[$0]) }.joined(separator: "|") }
}

@Suite struct EngineTests {
    /// A lake that three sensors' stores were shipped to, and a store with the rows of all of them.
    private func lake(_ stores: PlantedStores) throws -> (lake: String, store: String) {
        let place = FolderPlace(path: stores.folder + "/lake")
        for (part, sensor) in ["north", "south", "west"].enumerated() {
            let report = try Shipper(store: try stores.make(sensor) { $0 % 3 == part }, place: place).run()
            #expect(report.written > 0)
        }
        return (place.name, try stores.make("all"))
    }

    private func compare(_ engine: LakeEngine, _ store: String) throws {
        let library = try HuntLibrary(folder: huntFolder)
        let runner = HuntRunner(store: store, schemas: Schemas.logs)
        let prelude = try library.prelude(engine.kind.rawValue)
        var count = 0
        for hunt in library.hunts where hunt.isPortable {
            count += 1
            do { try compare(hunt, engine, prelude, runner) } catch { Issue.record("\(error)") }
        }
        #expect(count >= 30)
        let query = try StoreQuery(store: store, schemas: Schemas.logs)
        for statement in portable {
            let answer = try engine.run(statement: statement)
            let rows = try query.rows(statement)
            let own = lines(rows.columns, try rows.all())
            #expect(answer.columns == rows.columns && !own.isEmpty)
            #expect(lines(rows.columns, answer.queryRows) == own, "\(statement)")
        }
    }

    private func compare(_ hunt: Hunt, _ engine: LakeEngine, _ prelude: String, _ runner: HuntRunner) throws {
        let values = plantedValues(hunt)
        let own = try runner.ask(hunt, values)
        let answer = try HuntRunner.ask(hunt, values) { statement throws(HuntError) in
            do throws(LakeError) {
                let answer = try engine.run(prelude: prelude, statement: statement)
                return (answer.columns, answer.queryRows)
            } catch {
                throw HuntError(.question, "\(hunt.name): \(error)", advice: "")
            }
        }
        #expect(!own.rows.isEmpty && answer.columns == own.columns, "\(hunt.name)")
        // Rows that the hunt's order does not tell apart may come in any.
        #expect(lines(own.columns, answer.rows).sorted() == lines(own.columns, own.rows).sorted(), "\(hunt.name)")
        if let planted = plantedFindings[hunt.name] { #expect(identities(answer) == planted, "\(hunt.name)") }
    }

    @Test(.enabled(if: duckdb != nil, "WEIR_TEST_PYTHON has no duckdb"))
    func `DuckDB's hunts over a lake find what the embedded engine's find in one store`() throws {
        let stores = try PlantedStores()
        let (lake, store) = try lake(stores)
        var engine = LakeEngine(kind: .duckdb, lake: lake, schemas: Schemas.logs)
        engine.python = try #require(duckdb)
        try compare(engine, store)
        let error = #expect(throws: LakeError.self) { try engine.run(statement: "SELECT nothing FROM conn") }
        #expect(error?.code == .engine && error?.reason.contains("nothing") == true)
    }

    @Test(.enabled(if: pyspark != nil, "WEIR_TEST_SPARK has no pyspark"), .timeLimit(.minutes(240)))
    func `Spark's hunts on a master and two workers find what the embedded engine's find`() throws {
        let stores = try PlantedStores()
        let (lake, store) = try lake(stores)
        let cluster = try SparkCluster(stores.folder, python: try #require(pyspark))
        var engine = LakeEngine(kind: .spark, lake: lake, schemas: Schemas.logs)
        engine.python = try #require(pyspark)
        engine.master = cluster.master
        engine.options = [
            "spark.driver.host": "127.0.0.1", "spark.executor.memory": "512m", "spark.sql.shuffle.partitions": "2",
        ]
        try compare(engine, store)
    }

    @Test func `what only Weir knows is not asked of another engine`() throws {
        let library = try HuntLibrary(folder: huntFolder)
        #expect(library.hunts.filter { !$0.isPortable }.map(\.name) == ["beacons", "new-networks", "threats"])
        for name in ["beacons", "threats", "new-networks"] {
            let answer = try HuntRunner.ask(library.hunt(name), HuntValues()) { _ throws(HuntError) in
                Issue.record("\(name) was asked")
                return ([], [])
            }
            #expect(answer.skipped?.contains("--store") == true)
        }
    }

    @Test func `a hunt that compares with the past looks at the lake's last day`() throws {
        let hunt = try HuntLibrary(folder: huntFolder).hunt("new-servers")
        var asked: [String] = []
        _ = try HuntRunner.ask(hunt, HuntValues()) { statement throws(HuntError) in
            asked.append(statement)
            return (["newest"], QueryRow.rows(columns: ["newest"], [[SQLValue("2026-11-21 11:06:40.000000")]]))
        }
        #expect(asked.count == 2 && asked[1].contains("'2026-11-20 11:06:40.000000'"))
    }
}
