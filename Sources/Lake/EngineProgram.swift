// SPDX-License-Identifier: Apache-2.0
//
// What another engine is asked with: a Python program that DuckDB's and Spark's own modules run in.
//
// Reads   a job as JSON: engine, tables with their columns, statements, settings.
// Writes  one line of JSON for the columns, one for each row; or one with the error.
// Leaves  which Python, and what becomes of the rows (`LakeEngine`).
//
// Each table that a statement names is a view as the embedded engine shows it, a log or the elements of one of its
// lists: durations in seconds, counts signed, columns that no file has empty.

enum EngineProgram {
    static let text = #"""
        datetime, decimal, json, os, sys, time = (
            __import__(name) for name in ("datetime", "decimal", "json", "os", "sys", "time"))

        os.environ["TZ"] = "UTC"
        time.tzset()
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

        def named(types):
            lists = {name + "[]": types["list"] % kind for name, kind in types.items() if name != "list"}
            return dict(types, **lists)

        def value(column, text, each):
            kind = column["kind"]
            if kind == "interval":
                return text + " / 1e6"
            if kind == "interval[]":
                return each(text)
            return "CAST(%s AS BIGINT)" % text if kind == "count" else text

        def missing(column, types):
            return "CAST(NULL AS %s)" % types[column["kind"]]

        def duckdb_engine():
            duckdb = __import__("duckdb")
            con = duckdb.connect()
            con.execute("SET TimeZone = 'UTC'")
            con.execute("SET default_null_order = 'nulls_first_on_asc_last_on_desc'")
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
            types = named({"time": "TIMESTAMPTZ", "interval": "DOUBLE", "count": "BIGINT", "integer": "BIGINT",
                           "real": "DOUBLE", "boolean": "BOOLEAN", "port": "USMALLINT", "text": "VARCHAR",
                           "list": "%s[]"})
            quote = lambda name: '"' + name + '"'
            def view(table):
                path = "%s/log=%s/*/*.parquet" % (job["lake"], table["log"])
                source = "read_parquet('%s', union_by_name = true, hive_partitioning = true)" % path.replace("'", "''")
                found = con.execute("SELECT count(*) FROM glob('%s')" % path.replace("'", "''")).fetchone()[0]
                described = con.execute("DESCRIBE SELECT * FROM " + source).fetchall() if found else []
                present = {row[0] for row in described}
                items = []
                for column in table["columns"]:
                    text = quote(column["source"])
                    if column["isElement"]:
                        text = "unnest(%s)" % text
                    made = value(column, text, lambda cell: "[x / 1e6 FOR x IN %s]" % cell)
                    if column["source"] not in present:
                        made = missing(column, types)
                    items.append("%s AS %s" % (made, quote(column["name"])))
                has_list = table.get("list") is None or table["list"] in present
                con.execute("CREATE VIEW %s AS SELECT %s%s" % (
                    quote(table["name"]), ", ".join(items),
                    " FROM " + source if present and has_list else " WHERE false"))
            for table in job["tables"]:
                view(table)
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
            for key, setting in options.items():
                builder = builder.config(key, setting)
            spark = builder.getOrCreate()
            types = named({"time": "TIMESTAMP", "interval": "DOUBLE", "count": "BIGINT", "integer": "BIGINT",
                           "real": "DOUBLE", "boolean": "BOOLEAN", "port": "INT", "text": "STRING",
                           "list": "ARRAY<%s>"})
            quote = lambda name: "`" + name + "`"
            each = lambda cell: "transform(%s, x -> x / 1e6D)" % cell
            lake = job["lake"].replace("s3://", "s3a://", 1)
            def view(table):
                try:
                    frame = spark.read.option("mergeSchema", "true").parquet("%s/log=%s" % (lake, table["log"]))
                    present = set(frame.columns)
                except Exception as error:
                    if "PATH_NOT_FOUND" not in str(error) and "UNABLE_TO_INFER_SCHEMA" not in str(error):
                        raise
                    frame, present = spark.range(0), set()
                if table.get("list") in present:
                    # One row an element; the lists beside it are asked by place.
                    frame = frame.selectExpr("*", "posexplode(%s) AS (`place of`, `element of`)" % quote(table["list"]))
                elif table.get("list"):
                    frame = frame.where("false")
                items = []
                for column in table["columns"]:
                    text = quote(column["source"])
                    if column["isElement"]:
                        text = "`element of`" if column["source"] == table["list"] else "get(%s, `place of`)" % text
                    made = value(column, text, each) if column["source"] in present else missing(column, types)
                    items.append("%s AS %s" % (made, quote(column["name"])))
                frame.selectExpr(*items).createOrReplaceTempView(table["name"])
            for table in job["tables"]:
                view(table)
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
