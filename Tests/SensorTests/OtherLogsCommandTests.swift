// SPDX-License-Identifier: Apache-2.0
//
// Other people's logs by the built command: in, hunted through, and out again.

import Foundation
import Testing

@Suite("other sensors' logs", .enabled(if: WeirCommand.isBuilt)) struct OtherLogsCommandTests {
    private func weir(_ arguments: [String]) throws -> String {
        let result = try WeirCommand.run(arguments)
        #expect(result.status == 0, "weir \(arguments.joined(separator: " ")): \(result.errors)")
        return result.output
    }

    /// What a pair did: seconds between its connections, octets of each, and what RITA's tests expect of them
    /// (activecm/rita, analysis/beacons_test.go).
    private struct Vector {
        var gaps: [Int]
        var sizes: [Int]
        var times: Double?
        var size: Double?
        var histogram: Double?
    }

    private static let close = [98, 99, 99, 100, 100, 100, 101, 101, 102]
    private static let vectors = [
        Vector(gaps: Array(repeating: 60, count: 9), sizes: Array(1...10), times: 1, size: 0.773, histogram: 0),
        Vector(gaps: close, sizes: Array(repeating: 60, count: 10), times: 0.995, size: 1),
        Vector(gaps: [98, 300, 98, 300, 98, 300, 98, 300], sizes: close, size: 0.995),
        Vector(
            gaps: [98, 300, 98, 300, 98, 300, 98, 300, 98, 300], sizes: Array(repeating: 7, count: 11), times: 0.746),
        Vector(
            gaps: [1, 299, 25, 4975, 90, 2, 42, 500, 1500], sizes: Array(repeating: 0, count: 10), times: 0.083,
            size: 0.5),
        Vector(
            gaps: Array(repeating: 60, count: 7), sizes: [524_885, 1, 5000, 98_654, 50, 41, 965_842, 3], times: 1,
            size: 0.008),
        // One each hour of the day that is looked at: the flattest histogram, and the longest run.
        Vector(gaps: Array(repeating: 3600, count: 24), sizes: Array(repeating: 9, count: 25), times: 1, size: 1),
    ]

    @Test func `Zeek's logs give RITA's own scores to three decimals`() throws {
        let folder = try TestFolder()
        let start = 1_517_338_924
        let names = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "orig_ip_bytes"]
        var text = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
            + "#fields\t\(names.joined(separator: "\t"))\n#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tcount\n"
        for (pair, vector) in OtherLogsCommandTests.vectors.enumerated() {
            var time = start
            for (number, size) in vector.sizes.enumerated() {
                let uid = "C\(pair)x\(number)"
                text += "\(time).250000\t\(uid)\t10.0.0.\(pair)\t40000\t192.0.2.\(pair)\t443\ttcp\t\(size)\n"
                if number < vector.gaps.count { time += vector.gaps[number] }
            }
        }
        let logs = folder.path + "/zeek"
        try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: logs + "/conn.log"))
        let store = folder.path + "/store"
        _ = try weir(["ingest", "zeek", logs, "--store", store])
        let answer = try weir([
            "hunt", "beacons", "--store", store, "--format", "json", "--set", "score_min=0",
            "--set", "connections_min=0",
        ])
        var rows: [String: [String: Any]] = [:]
        for line in answer.split(separator: "\n") {
            let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            rows[try #require(row["src"] as? String)] = row
        }
        #expect(rows.count == OtherLogsCommandTests.vectors.count)
        for (pair, vector) in OtherLogsCommandTests.vectors.enumerated() {
            let row = try #require(rows["10.0.0.\(pair)"], "pair \(pair)")
            func number(_ name: String) throws -> Double { try #require(row[name] as? Double, "\(name) of \(pair)") }
            for (name, wanted) in [
                ("ts_score", vector.times), ("ds_score", vector.size), ("hist_score", vector.histogram),
            ] {
                if let wanted { #expect(abs(try number(name) - wanted) < 0.0011, "\(name) of pair \(pair)") }
            }
            let parts = try ["ts_score", "ds_score", "hist_score", "dur_score"].map(number)
            #expect(abs(try number("score") - parts.reduce(0, +) / 4) < 0.0006, "pair \(pair)")
            #expect(row["connections"] as? Int == vector.sizes.count)
        }
        let hourly = try #require(rows["10.0.0.6"])
        #expect(hourly["dur_score"] as? Double == 1)
        #expect(try #require(hourly["score"] as? Double) > 0.95)
    }

    private static let logs = ["conn", "dns", "http", "files", "ssl", "x509", "ftp", "ssh", "ntlm", "smb_mapping"]

    private func rows(_ store: String, _ log: String) throws -> [String] {
        try weir(["query", "--store", store, "--format", "json", "SELECT * FROM \(log)"])
            .split(separator: "\n").map(String.init).sorted()
    }

    @Test func `what is exported as Zeek's logs comes back as the same rows`() throws {
        let folder = try TestFolder()
        let store = folder.path + "/store"
        _ = try weir(["replay", Repository.intrusion, "--store", store, "--quiet"])
        for form in ["zeek-tsv", "zeek-json"] {
            let (logs, copy) = ("\(folder.path)/\(form)", "\(folder.path)/copy-\(form)")
            for log in OtherLogsCommandTests.logs {
                _ = try weir(["export", "--format", form, "--store", store, "--table", log, "-o", logs])
            }
            _ = try weir(["ingest", "zeek", logs, "--store", copy])
            for log in OtherLogsCommandTests.logs {
                let (own, found) = (try rows(store, log), try rows(copy, log))
                #expect(!own.isEmpty && own == found, "\(log) by \(form)")
            }
        }
    }

    @Test func `EVE, CSV and Parquet have every row`() throws {
        let folder = try TestFolder()
        let (store, copy) = (folder.path + "/store", folder.path + "/copy")
        _ = try weir(["replay", Repository.office, "--store", store, "--quiet"])
        let question = "SELECT id_orig_h, id_orig_p, id_resp_h, id_resp_p, proto FROM conn ORDER BY 1, 2, 3, 4, 5"
        let events = folder.path + "/eve.json"
        _ = try weir(["export", "--format", "eve", "--store", store, "--table", "conn", "-o", events])
        _ = try weir(["ingest", "eve", events, "--store", copy])
        let flows = try weir(["query", "--store", store, "--format", "csv", question])
        let found = try weir(["query", "--store", copy, "--format", "csv", question])
        #expect(flows.count > 1000 && flows == found)
        for form in ["csv", "parquet"] {
            let file = "\(folder.path)/conn.\(form)"
            _ = try weir(["export", "--format", form, "--store", store, "--table", "conn", "-o", file])
            #expect(try Data(contentsOf: URL(filePath: file)).count > 10_000)
        }
        let lines = try String(contentsOfFile: folder.path + "/conn.csv", encoding: .utf8).split(separator: "\r\n")
        #expect(lines.count == flows.split(separator: "\r\n").count)
        guard let python = ProcessInfo.processInfo.environment["WEIR_TEST_PYTHON"] else { return }
        let program = "import duckdb, sys; print(duckdb.sql(\"SELECT count(*), sum(orig_bytes) FROM read_parquet('"
            + "\(folder.path)/conn.parquet')\").fetchall() == duckdb.sql(\"SELECT count(*), sum(orig_bytes) FROM "
            + "read_csv('\(folder.path)/conn.csv')\").fetchall())"
        let result = try WeirCommand.program(python, ["-c", program])
        #expect(result.output == "True\n", "\(result.errors)")
    }
}
