// SPDX-License-Identifier: Apache-2.0
//
// What another engine is asked with: a Python program that DuckDB's and Spark's own modules run in.
//
// Reads   a job as JSON: engine, logs with their columns, statements, settings.
// Writes  one line of JSON for the columns, one for each row; or one with the error.
// Leaves  which Python, and what becomes of the rows (`LakeEngine`).
//
// Each log is a view as the embedded engine shows it: durations in seconds, counts signed, columns that a file does not
// have empty, and one companion view with a row for each element of a list column.

enum EngineProgram {
    static let text = #"""
        datetime, decimal, json, os, sys = (
            __import__(name) for name in ("datetime", "decimal", "json", "os", "sys"))

        os.environ["TZ"] = "UTC"
        job = json.load(open(sys.argv[1]))
        out = sys.stdout

        def plain(value):
            if value is None or isinstance(value, (bool, int, str)):
                return value
            if isinstance(value, float):
                return value if value == value and abs(value) != float("inf") else str(value)
            if isinstance(value, datetime.datetime):
                return value.strftime("%Y-%m-%d %H:%M:%S.%f")
            if isinstance(value, decimal.Decimal):
                return int(value) if value == value.to_integral_value() else float(value)
            if isinstance(value, (bytes, bytearray)):
                return bytes(value).decode("utf-8", "backslashreplace")
            if isinstance(value, (list, tuple)):
                return [plain(item) for item in value]
            return str(value)

        def answer(columns, rows):
            out.write(json.dumps({"columns": columns}) + "\n")
            for row in rows:
                out.write(json.dumps([plain(value) for value in row]) + "\n")

        def statements(text):
            parts, part = [], []
            for line in text.splitlines():
                part.append(line)
                if line.rstrip().endswith(";"):
                    parts.append("\n".join(part).rstrip().rstrip(";"))
                    part = []
            parts.append("\n".join(part))
            return [part for part in parts if any(
                line.strip() and not line.strip().startswith("--") for line in part.splitlines())]

        def select(columns, present, types, quote, each):
            items = []
            for column in columns:
                name, kind = quote(column["name"]), column["kind"]
                if column["name"] not in present:
                    items.append("CAST(NULL AS %s) AS %s" % (types.get(kind, types["text"]), name))
                elif kind == "interval":
                    items.append("%s / 1e6 AS %s" % (name, name))
                elif kind == "interval[]":
                    items.append("%s AS %s" % (each(name), name))
                elif kind == "count":
                    items.append("CAST(%s AS BIGINT) AS %s" % (name, name))
                else:
                    items.append(name)
            known = {column["name"] for column in columns}
            return items + [quote(name) for name in present if name not in known]

        def lists(log):
            return [column["name"] for column in log["columns"] if column["kind"].endswith("[]")]

        def duckdb_engine():
            duckdb = __import__("duckdb")
            con = duckdb.connect()
            con.execute("SET TimeZone = 'UTC'")
            if job["lake"].startswith("s3://"):
                con.execute("LOAD httpfs")
                for key, name in (
                        ("s3_access_key_id", "AWS_ACCESS_KEY_ID"), ("s3_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
                        ("s3_session_token", "AWS_SESSION_TOKEN"), ("s3_region", "AWS_REGION")):
                    if os.environ.get(name):
                        con.execute("SET %s = '%s'" % (key, os.environ[name].replace("'", "''")))
                if job.get("endpoint"):
                    scheme, _, host = job["endpoint"].partition("://")
                    con.execute("SET s3_endpoint = '%s'" % host.replace("'", "''"))
                    con.execute("SET s3_use_ssl = %s" % ("true" if scheme == "https" else "false"))
                    con.execute("SET s3_url_style = 'path'")
            types = {"time": "TIMESTAMPTZ", "interval": "DOUBLE", "count": "BIGINT", "integer": "BIGINT",
                     "real": "DOUBLE", "boolean": "BOOLEAN", "port": "USMALLINT", "text": "VARCHAR"}
            for name in list(types):
                types[name + "[]"] = types[name] + "[]"
            quote = lambda name: '"' + name + '"'
            for log in job["logs"]:
                path = "%s/log=%s/*/*.parquet" % (job["lake"], log["name"])
                source = "read_parquet('%s', union_by_name = true, hive_partitioning = true)" % path.replace("'", "''")
                found = con.execute("SELECT count(*) FROM glob('%s')" % path.replace("'", "''")).fetchone()[0]
                described = con.execute("DESCRIBE SELECT * FROM " + source).fetchall() if found else []
                present = [row[0] for row in described]
                items = select(log["columns"], present, types, quote,
                               lambda name: "[x / 1e6 FOR x IN %s]" % name)
                end = " FROM " + source if found else " WHERE false"
                con.execute("CREATE VIEW %s AS SELECT %s%s" % (quote(log["name"]), ", ".join(items), end))
                for column in lists(log):
                    con.execute("CREATE VIEW %s AS SELECT ts, uid, unnest(%s) AS value FROM %s" % (
                        quote(log["name"] + "_" + column), quote(column), quote(log["name"])))
            for part in statements(job["prelude"]):
                con.execute(part)
            question = job["statement"].strip().rstrip(";")
            described = con.execute("DESCRIBE " + question).fetchall()
            items = []
            for name, kind in ((row[0], row[1]) for row in described):
                text = '"' + name.replace('"', '""') + '"'
                if kind == "TIMESTAMP WITH TIME ZONE":
                    text = "%s AT TIME ZONE 'UTC' AS %s" % (text, text)
                items.append(text)
            cursor = con.execute("SELECT %s FROM (%s)" % (", ".join(items), question))
            def rows():
                while True:
                    piece = cursor.fetchmany(1000)
                    if not piece:
                        return
                    yield from piece
            answer([row[0] for row in described], rows())

        def spark_engine():
            from pyspark.sql import SparkSession
            builder = SparkSession.builder.appName("weir")
            if job.get("remote"):
                builder = builder.remote(job["remote"])
            elif job.get("master"):
                builder = builder.master(job["master"])
            options = {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "false",
                       "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
            options.update(job.get("options", {}))
            for key, value in options.items():
                builder = builder.config(key, value)
            spark = builder.getOrCreate()
            types = {"time": "TIMESTAMP", "interval": "DOUBLE", "count": "BIGINT", "integer": "BIGINT",
                     "real": "DOUBLE", "boolean": "BOOLEAN", "port": "INT", "text": "STRING"}
            for name in list(types):
                types[name + "[]"] = "ARRAY<%s>" % types[name]
            quote = lambda name: "`" + name + "`"
            lake = job["lake"].replace("s3://", "s3a://", 1)
            for log in job["logs"]:
                try:
                    frame = spark.read.option("mergeSchema", "true").parquet("%s/log=%s" % (lake, log["name"]))
                    present = frame.columns
                except Exception as error:
                    if "PATH_NOT_FOUND" not in str(error) and "UNABLE_TO_INFER_SCHEMA" not in str(error):
                        raise
                    frame, present = spark.range(0), []
                items = select(log["columns"], present, types, quote,
                               lambda name: "transform(%s, x -> x / 1e6)" % name)
                frame.selectExpr(*items).createOrReplaceTempView(log["name"])
                for column in lists(log):
                    spark.sql("CREATE OR REPLACE TEMPORARY VIEW %s AS SELECT ts, uid, explode(%s) AS value FROM %s" % (
                        quote(log["name"] + "_" + column), quote(column), quote(log["name"])))
            for part in statements(job["prelude"]):
                spark.sql(part)
            frame = spark.sql(job["statement"].strip().rstrip(";"))
            answer(frame.columns, frame.toLocalIterator())
            spark.stop()

        try:
            {"duckdb": duckdb_engine, "spark": spark_engine}[job["engine"]]()
        except ModuleNotFoundError as error:
            out.write(json.dumps({"missing": error.name}) + "\n")
        except Exception as error:
            out.write(json.dumps({"error": str(error).splitlines()[0] if str(error) else repr(error)}) + "\n")
        """#
}
