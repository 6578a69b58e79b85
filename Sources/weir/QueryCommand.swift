// SPDX-License-Identifier: Apache-2.0
//
// weir query: SQL over a store, one question or a shell.

import ArgumentParser
import Foundation
import Glibc
import Hunts
import Lake
import Query
import Records
import Sensor
import Store
import Synchronization

struct QueryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        _superCommandName: "weir",
        abstract: "Ask a store: SQL over its logs. Without a statement: a shell.",
        discussion: """
            Every log is a table; a dot in a column's name is an underscore (id_orig_h). The SQL is SQLite's, with
            functions of the field such as in_cidr, registered_domain and date_trunc (Docs/sql.md). ts is a
            timestamp: compare it with a text, ts >= '2026-11-22 13:00'. A list column has a companion table with
            one row an element: dns_answers(ts, uid, ..., answer, ttl). EXPLAIN in front of a statement shows what
            it would read. Ctrl-C cancels a question.

            Examples:
              weir query --store demo "SELECT query, count(*) AS n FROM dns GROUP BY query ORDER BY n DESC LIMIT 10"
              weir query --store demo --format json "SELECT * FROM http WHERE status_code >= 400"
              weir query --store demo --limit-bytes 2GB "SELECT * FROM conn WHERE in_cidr(id_resp_h, '192.0.2.0/24')"
              weir query --store demo --format parquet --output top.parquet "SELECT * FROM conn"
              weir query --store demo                   a shell; statements end with a semicolon, .help says more
              weir query --engine duckdb --lake /mnt/lake "SELECT count(*) FROM conn"

            Exit status: 0 answered; 2 could not be done; 130 cancelled.
            """)

    @Option(help: ArgumentHelp("The store to ask.", valueName: "dir"))
    var store: String?

    @OptionGroup var elsewhere: LakeOptions

    @Option(help: ArgumentHelp("table, json (one object a line), csv or parquet.", valueName: "form"))
    var format = "table"

    @Option(name: [.short, .long], help: ArgumentHelp("Write the answer here.", valueName: "file"))
    var output: String?

    @Option(help: ArgumentHelp("Refuse a question that would read more than this, such as 500MB.", valueName: "size"))
    var limitBytes: String?

    @Flag(help: "Do not page tables on a terminal.")
    var noPager = false

    @Argument(help: ArgumentHelp("A SELECT statement; none opens a shell.", valueName: "sql"))
    var statement: String?

    func run() throws {
        if let engine = try elsewhere.chosen() { return try ask(engine) }
        guard let store else { throw ValidationError("--store DIR is missing: which store shall be asked?") }
        guard let form = QueryFormat(rawValue: format) else {
            let known = QueryFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw Console.fail("--format \(format): there is no such form; choose one of \(known)")
        }
        var options = QueryOptions(store: store, statement: statement ?? "")
        options.format = form
        options.outputPath = output
        options.schemas = Schemas.logs
        options.functions = huntFunctions
        options.usesPager = !noPager
        if let limitBytes {
            guard let limit = QueryOptions.byteCount(limitBytes) else {
                throw Console.fail("--limit-bytes \(limitBytes): write a size such as 500MB or 2GB")
            }
            options.limitBytes = limit
        }
        keepFreedMemory()
        let watch = QuestionWatch()
        do {
            if statement == nil {
                if let failure = try QueryShell(options, watch.control, watch.begin).run() {
                    throw failure == .cancelled ? ExitCode(130) : ExitStatus.failed
                }
            } else {
                watch.begin()
                defer { watch.end() }
                _ = try runQuery(options, control: watch.control)
            }
        } catch let error as QueryError {
            watch.end()
            let failure = Console.fail(error.description)
            throw error == .cancelled ? ExitCode(130) : failure
        }
    }
}

extension QueryCommand {
    /// The same over a lake, by another engine.
    private func ask(_ engine: LakeEngine) throws {
        guard let statement else { throw ValidationError("with --engine a statement is needed: there is no shell") }
        guard output == nil else { throw ValidationError("--output: send the answer of --engine on with > FILE") }
        do {
            try LakeOptions.ask(engine, statement, form: format, try HuntLibrary(folder: nil))
        } catch let error as HuntError {
            throw Console.fail(error.description)
        }
    }
}

/// Shows on a terminal how far a question is, and cancels it with Ctrl-C.
private final class QuestionWatch {
    let control: QueryControl
    private let bar: QuestionBar
    private let signals: any DispatchSourceSignal
    private let timer: any DispatchSourceTimer

    init() {
        let bar = QuestionBar()
        let control = QueryControl(onAnswer: { bar.end() })
        self.bar = bar
        self.control = control
        signal(SIGINT, SIG_IGN)
        signals = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        signals.setEventHandler {
            // Who asks twice does not want to wait.
            if control.isCancelled { _exit(130) }
            control.cancel()
        }
        signals.resume()
        timer = DispatchSource.makeTimerSource(queue: .global())
        timer.schedule(deadline: .now() + 0.5, repeating: 0.2)
        timer.setEventHandler { bar.update(control.progress) }
        timer.resume()
    }

    /// A question begins.
    func begin() {
        control.reset()
        bar.begin()
    }

    func end() { bar.end() }
}

/// One line on a terminal while nothing of the answer is there yet.
private final class QuestionBar: Sendable {
    private struct State {
        var isActive = false
        var isDrawn = false
        var start = ContinuousClock.now
    }
    private let state = Mutex(State())

    func begin() { state.withLock { $0 = State(isActive: Console.isTerminal) } }

    func update(_ progress: (rowsDone: Int, rowsWanted: Int)) {
        state.withLock { own in
            guard own.isActive, progress.rowsWanted > 0, own.start.duration(to: .now) > .seconds(0.5) else { return }
            own.isDrawn = true
            let percent = min(100, progress.rowsDone * 100 / progress.rowsWanted)
            let rows = Summary.grouped(UInt64(progress.rowsWanted))
            Console.write("\r\u{1B}[K\(percent) % of \(rows) rows; Ctrl-C cancels")
        }
    }

    func end() {
        state.withLock { own in
            if own.isDrawn { Console.write("\r\u{1B}[K") }
            own = State()
        }
    }
}
