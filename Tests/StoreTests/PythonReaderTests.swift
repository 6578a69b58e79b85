// SPDX-License-Identifier: Apache-2.0
//
// Other people's readers: pyarrow and DuckDB read every column of every kind.

import Foundation
import Records
import Testing

@testable import Store

/// The interpreter that has both, if there is one.
private let python = ProcessInfo.processInfo.environment["WEIR_TEST_PYTHON"]

@Suite(.enabled(if: python != nil, "WEIR_TEST_PYTHON does not name a Python that has pyarrow and duckdb"))
struct `Other readers` {
    private func settings() -> StoreWriter.Settings {
        var settings = StoreWriter.Settings()
        settings.rowGroupRows = 700
        settings.pageRows = 150
        return settings
    }

    private func run(_ script: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python ?? "python3")
        process.arguments = ["-c", script] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    @Test(arguments: EveryKind.Shape.allCases)
    func `pyarrow and DuckDB read every column as it was written`(_ shape: EveryKind.Shape) throws {
        let folder = TemporaryFolder()
        var rows = EveryKind.rows(1500, shape)
        // JSON has no infinity, and a timestamp beyond the year 9999 is no Python datetime.
        for index in rows.indices where shape == .extreme {
            rows[index].real = index % 2 == 0 ? -1e300 : 1e-300
            rows[index].ts = Timestamp(seconds: index % 2 == 0 ? 0 : 4_000_000_000)
        }
        try folder.store([rows], settings: settings())
        let path = try StoreReader.open(folder.path).segments(log: "stats")[0].path
        let expected = try JSONSerialization.data(withJSONObject: rows.map { row in
            row.stored.merging(EveryKind.schema.columns.map { ($0.storeName, NSNull()) }) { value, _ in value }
        })
        try expected.write(to: URL(fileURLWithPath: folder.path + "/expected.json"))
        let result = try run(compareScript, [path, folder.path + "/expected.json"])
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("equal 40 columns"), "\(result.output)")
    }

    @Test func `pyarrow sees types, statistics, page index and bloom filters`() throws {
        let folder = TemporaryFolder()
        try folder.store([EveryKind.rows(1500, .mixed)], settings: settings())
        let result = try run(metadataScript, [try StoreReader.open(folder.path).segments(log: "stats")[0].path])
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("metadata as expected"), "\(result.output)")
    }
}

private let compareScript = """
    import datetime, json, sys
    import duckdb, pyarrow.parquet as parquet
    path, expected = sys.argv[1], json.load(open(sys.argv[2]))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    def plain(value):
        if isinstance(value, datetime.datetime):
            if value.tzinfo is None: value = value.replace(tzinfo=datetime.timezone.utc)
            return (value - epoch) // datetime.timedelta(microseconds=1)
        if isinstance(value, list): return [plain(part) for part in value]
        return value
    columns = 0
    def compare(engine, name, found):
        global columns
        wanted = [row[name] for row in expected]
        found = [plain(value) for value in found]
        for row, (left, right) in enumerate(zip(wanted, found)):
            if left != right: sys.exit(f"{engine} {name} row {row}: wrote {left!r}, read {right!r}")
        if len(wanted) != len(found): sys.exit(f"{engine} {name}: {len(found)} rows of {len(wanted)}")
        columns += 1
    table = parquet.ParquetFile(path).read()
    for name in expected[0]: compare("pyarrow", name, table.column(name).to_pylist())
    link = duckdb.connect()
    link.execute("SET TimeZone='UTC'")
    for name in expected[0]:
        cell = f'epoch_us("{name}")' if name == "ts" else f'"{name}"'
        query = f"SELECT {cell} FROM read_parquet(?, hive_partitioning=false)"
        compare("duckdb", name, [row[0] for row in link.execute(query, [path]).fetchall()])
    # What is pushed down into statistics, page index and bloom filters finds as much as a scan.
    for name in ("query", "id_orig_h", "uid", "proto", "count", "id_orig_p"):
        values = [row[name] for row in expected if row[name] is not None]
        if not values: continue
        wanted = sum(value == values[0] for value in values)
        query = f'SELECT count(*) FROM read_parquet(?, hive_partitioning=false) WHERE "{name}" = ?'
        found = link.execute(query, [path, values[0]]).fetchone()[0]
        if wanted != found: sys.exit(f"duckdb {name} = {values[0]!r}: {found} rows of {wanted}")
    print("equal", columns, "columns")
    """

private let metadataScript = """
    import sys
    import pyarrow.parquet as parquet
    file = parquet.ParquetFile(sys.argv[1])
    meta = file.metadata
    types = {field.name: str(field.type) for field in file.schema_arrow}
    wanted = {"ts": "timestamp[us, tz=UTC]", "uid": "string", "id_orig_h": "string", "id_orig_p": "uint16",
        "duration": "int64", "count": "uint64", "integer": "int64", "real": "double", "boolean": "bool",
        "query": "string", "texts": "list<element: string not null>",
        "counts": "list<element: uint64 not null>"}
    for name, kind in wanted.items():
        assert types[name] == kind, (name, types[name])
    keys = {key.decode(): value.decode() for key, value in meta.metadata.items()}
    assert keys["weir.log"] == "stats" and keys["weir.sensor"] == "weir", keys
    assert len(keys["weir.fingerprint"]) == 16 and keys["weir.version"] == "0", keys
    assert meta.num_row_groups == 3 and meta.row_group(0).num_rows == 700
    for group in range(3):
        for index in range(meta.num_columns):
            chunk = meta.row_group(group).column(index)
            flat = "." not in chunk.path_in_schema
            assert chunk.has_offset_index and chunk.has_column_index == flat, chunk
            assert chunk.statistics is not None and chunk.statistics.has_null_count, chunk
            assert chunk.statistics.has_min_max, chunk
    # The binding shows no bloom filters: DuckDB does.
    import duckdb
    for name in ("uid", "id_orig_h", "query", "fuid"):
        rows = duckdb.execute("SELECT bloom_filter_excludes FROM parquet_bloom_probe(?, ?, 'a stranger')",
            [sys.argv[1], name]).fetchall()
        assert len(rows) == 3 and any(row[0] for row in rows), (name, rows)
        value = next(v.as_py() for v in file.read([name]).column(name) if v.as_py())
        rows = duckdb.execute("SELECT bloom_filter_excludes FROM parquet_bloom_probe(?, ?, ?)",
            [sys.argv[1], name, value]).fetchall()
        assert not all(row[0] for row in rows), (name, rows)
    print("metadata as expected")
    """
