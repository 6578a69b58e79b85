// SPDX-License-Identifier: Apache-2.0
//
// Files of other sensors into a store.
//
// Reads   Zeek's logs and Suricata's events, plain or gzip.
// Writes  rows, and how far each file was read, in one transaction.
// Leaves  what a line means (`ZeekLines`, `EVELines`).

import Archive
import Foundation
package import Records
import Store

/// Why nothing more can be read in. Equality is on the code alone.
package struct IngestError: Error, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// A file or folder that is not there, or has nothing to read.
        case missing
        /// The store cannot be written.
        case store
    }

    package var code: Code
    package var reason: String
    package var advice: String

    package init(_ code: Code, _ reason: String, advice: String) {
        (self.code, self.reason, self.advice) = (code, reason, advice)
    }

    init(_ error: StoreError) { self.init(.store, "\(error.path): \(error.reason)", advice: error.advice) }

    package var description: String { "\(reason); \(advice)" }

    package static func == (left: IngestError, right: IngestError) -> Bool { left.code == right.code }
}

/// What came of files.
package struct IngestSummary: Sendable, Equatable {
    package var files = 0
    /// Files of which nothing was new.
    package var knownFiles = 0
    /// Rows written, by log.
    package var rows: [String: Int] = [:]
    /// Rows that the store had already.
    package var knownRows = 0
    /// Lines that are no records.
    package var badLines = 0
    /// Values that were left out, since they are none of their column's kind.
    package var oddValues = 0
    /// Logs or kinds of events that the store has no table for.
    package var unknown: Set<String> = []
    /// Files whose packing is damaged, or that could not be opened.
    package var damagedFiles = 0

    package init() {}

    package var rowCount: Int { rows.values.reduce(0, +) }
    package var isDamaged: Bool { badLines > 0 || damagedFiles > 0 }
}

/// Whose files they are.
package enum IngestForm: String, Sendable {
    case zeek, eve
}

/// Reads files into a store. Used by one thread.
package final class Ingestion {
    package private(set) var summary = IngestSummary()
    private let folder: String
    private let sensor: String
    private let schemas: [LogSchema]
    private let form: IngestForm
    private let tell: (String) -> Void
    private let appender: StoreAppender
    private let ledger: FileLedger
    private var batches: [RowBatch]
    private let clocks: [Int?]
    private var identities: RowIdentities?
    /// Rows and files that are not visible yet.
    private var pendingRows = 0
    private var pendingFiles: [FileProgress] = []

    private static let batchRows = 4096
    /// Octets of a batch's texts: a line may have megabytes of them, and places in a batch have 32 bits.
    private static let batchBytesMax = 64 << 20
    /// Rows that become visible together, unless a file ends the run.
    private static let commitRows = 1_000_000
    private static let tellsPerFileMax = 10

    /// - Parameters:
    ///   - schemas: the store's logs.
    ///   - tell: hears of what is wrong with files, a line each.
    package init(
        store folder: String, sensor: String, schemas: [LogSchema], form: IngestForm,
        tell: @escaping (String) -> Void
    ) throws(IngestError) {
        self.folder = folder
        self.sensor = sensor
        self.schemas = schemas
        self.form = form
        self.tell = tell
        do throws(StoreError) {
            appender = try StoreAppender(folder: folder, sensorName: sensor)
            ledger = try FileLedger(folder: folder)
        } catch {
            throw IngestError(error)
        }
        batches = schemas.map { RowBatch($0) }
        clocks = schemas.map { $0.index(of: "ts") }
    }

    /// Reads files one after the other; folders stand for the logs below them.
    package func read(_ paths: [String]) throws(IngestError) {
        for file in try IngestFiles.find(paths, form) {
            do throws(StoreError) { try read(file: file) } catch { throw IngestError(error) }
        }
        do throws(StoreError) { try commit() } catch { throw IngestError(error) }
    }

    private func read(file path: String) throws(StoreError) {
        summary.files += 1
        guard let start = try begin(path) else { return }
        var (lines, progress) = start
        let reader: any LineReading = form == .zeek ? ZeekLines(schemas, fileName: path) : EVELines(schemas)
        reader.restore(progress.headLines)
        let before = summary.rowCount + summary.knownRows + summary.badLines
        var told = 0
        var outcomes: [LineOutcome] = []
        var isSplit = false
        while let line = lines.next(takingRest: path.hasSuffix(".gz")) {
            outcomes.removeAll(keepingCapacity: true)
            reader.read(line, &outcomes)
            for outcome in outcomes {
                switch outcome {
                case .nothing: break
                case .bad(let reason):
                    summary.badLines += 1
                    told += 1
                    if told <= Ingestion.tellsPerFileMax { tell("\(path):\(lines.number): \(reason)") }
                case .row(let log): try take(reader.rows[log], log)
                }
            }
            for left in reader.leftover(isAtEnd: false) { try take(left.row, left.log) }
            if pendingRows >= Ingestion.commitRows {
                update(&progress, lines, reader)
                progress = try commit(with: progress)
                isSplit = true
            }
        }
        for left in reader.leftover(isAtEnd: true) { try take(left.row, left.log) }
        report(path, lines, reader, told)
        if summary.rowCount + summary.knownRows + summary.badLines == before { summary.knownFiles += 1 }
        update(&progress, lines, reader)
        pendingFiles.append(progress)
        identities?.endFile()
        // What the file's own rows were compared with does not have those that are visible by now.
        if isSplit { try commit() }
    }

    private func report(_ path: String, _ lines: LineFile, _ reader: any LineReading, _ told: Int) {
        if told > Ingestion.tellsPerFileMax {
            tell("\(path): \(told - Ingestion.tellsPerFileMax) more lines are no records")
        }
        if let damage = lines.damage {
            summary.damagedFiles += 1
            tell("\(path): behind line \(lines.number) \(damage.sentence)")
        }
        if lines.restCount > 0 { tell("\(path): the last line has no end yet; it is read when it has") }
        if reader.oddValueCount > 0 {
            summary.oddValues += reader.oddValueCount
            tell("\(path): \(reader.oddValueCount) values were left out, the first: \(reader.firstOddValue ?? "")")
        }
        summary.unknown.formUnion(reader.unknown)
    }

    private func take(_ row: IngestedRow, _ log: Int) throws(StoreError) {
        if identities == nil { identities = RowIdentities(try? StoreReader.open(folder), schemas) }
        if try identities?.isKnown(row, log: log, clock: clocks[log]) ?? false {
            summary.knownRows += 1
            return
        }
        batches[log].append(row, order: 0, ordinal: 0)
        summary.rows[schemas[log].path, default: 0] += 1
        pendingRows += 1
        if batches[log].count >= Ingestion.batchRows || batches[log].byteCount >= Ingestion.batchBytesMax { pass(log) }
    }

    private func pass(_ log: Int) {
        appender.append(batches[log], schema: schemas[log])
        batches[log].clear()
    }

    // MARK: files

    /// Opens a file where it was left; nil where it cannot be opened.
    private func begin(_ path: String) throws(StoreError) -> (LineFile, FileProgress)? {
        guard let head = FileHead.read(path), var lines = LineFile(path: path) else {
            summary.damagedFiles += 1
            tell("\(path): the file cannot be read; check its permissions")
            return nil
        }
        for known in try candidates(head) {
            guard lines.skip(known.offset, lines: known.lines), lines.content == known.content else {
                guard let again = LineFile(path: path) else { return nil }
                lines = again
                continue
            }
            var known = known
            known.path = path
            return (lines, known)
        }
        var progress = FileProgress()
        progress.path = path
        return (lines, progress)
    }

    private func candidates(_ head: [UInt8]) throws(StoreError) -> [FileProgress] {
        let stored = try ledger.headCounts()
        let hashes = FileHead.hashes(head, Set(stored).union(pendingFiles.map(\.headCount)))
        let pending = Set(pendingFiles.compactMap(\.id))
        var found = pendingFiles.filter { $0.head == hashes[$0.headCount] }
        for count in stored {
            guard let hash = hashes[count] else { continue }
            found += try ledger.files(headCount: count, head: hash)
                .filter { $0.id.map { !pending.contains($0) } ?? true }
        }
        return found.filter { $0.offset > 0 }.sorted { $0.offset > $1.offset }
    }

    private func update(_ progress: inout FileProgress, _ lines: LineFile, _ reader: any LineReading) {
        progress.offset = lines.offset
        progress.content = lines.content
        progress.lines = lines.number
        progress.headLines = reader.headLines
        if let head = FileHead.read(progress.path) {
            progress.headCount = min(head.count, lines.offset)
            progress.head = FileHead.hash(head, progress.headCount)
        }
    }

    // MARK: commits

    private func commit() throws(StoreError) {
        _ = try commit(with: nil)
        identities = nil
    }

    /// Makes everything visible. The file at hand, where there is one, comes back with its number.
    private func commit(with current: FileProgress?) throws(StoreError) -> FileProgress {
        for log in batches.indices where !batches[log].isEmpty { pass(log) }
        var files = pendingFiles
        if let current { files.append(current) }
        try appender.commit { database in
            for index in files.indices { try FileLedger.enter(&files[index], database) }
        }
        pendingFiles = []
        pendingRows = 0
        return files.last ?? FileProgress()
    }
}

/// The first octets of a file, unpacked.
enum FileHead {
    static func read(_ path: String) -> [UInt8]? {
        guard let file = PackedFile(path: path, limits: LineFile.limits) else { return nil }
        var head: [UInt8] = []
        while head.count < FileLedger.headBytesMax, !file.hasEnded { file.fill(&head) }
        return Array(head.prefix(FileLedger.headBytesMax))
    }

    static func hash(_ head: [UInt8], _ count: Int) -> Int64 {
        var hash = StreamHash()
        hash.absorb(head[..<count])
        return hash.value
    }

    /// The hashes of the beginnings of these lengths, all in one walk: a folder may have as many lengths as files.
    static func hashes(_ head: [UInt8], _ counts: Set<Int>) -> [Int: Int64] {
        var hash = StreamHash()
        var hashes: [Int: Int64] = [:]
        var done = 0
        for count in counts.sorted() where count <= head.count {
            hash.absorb(head[done..<count])
            done = count
            hashes[count] = hash.value
        }
        return hashes
    }
}

/// The files that paths name.
enum IngestFiles {
    /// Throws `.missing` for a path that is not there.
    static func find(_ paths: [String], _ form: IngestForm) throws(IngestError) -> [String] {
        var files: [String] = []
        for path in paths {
            let values = try? URL(filePath: path).resolvingSymlinksInPath().resourceValues(forKeys: [.isDirectoryKey])
            guard let values else {
                throw IngestError(.missing, "\(path): there is no such file or folder", advice: "check the path")
            }
            guard values.isDirectory == true else {
                files.append(path)
                continue
            }
            let folder = path.hasSuffix("/") ? path : path + "/"
            let below = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
            // What is no file, such as a pipe, would be waited for.
            let found = below.filter { isLog($0, form) && StoreFile.isFile(folder + $0) }.sorted()
            guard !found.isEmpty else {
                throw IngestError(
                    .missing, "\(path): no file below it is named as a log of that kind",
                    advice: "name the files themselves")
            }
            files += found.map { folder + $0 }
        }
        return files
    }

    /// `conn.log`, `conn.10:00:00-11:00:00.log.gz`, `conn.log.1`; `eve.json`, `eve-2026-11-22.json.gz`.
    private static func isLog(_ name: String, _ form: IngestForm) -> Bool {
        let base = (name.split(separator: "/").last.map(String.init) ?? name).lowercased()
        guard !base.hasPrefix(".") else { return false }
        switch form {
        case .zeek: return base.contains(".log") || base.hasSuffix(".json") || base.hasSuffix(".json.gz")
        case .eve: return base.contains("eve") && base.contains(".json")
        }
    }
}
