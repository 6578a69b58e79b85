// SPDX-License-Identifier: Apache-2.0
//
// One log file: its lines in memory, and the file once there is one.

import Foundation
import Records

/// A log's file and the lines that wait for it.
struct LogFile {
    /// Lines are written in one system call once this many octets wait.
    private static let waitingBytesMax = 256 << 10

    private let layout: RowLayout
    private let form: Form
    private let path: String
    private let appending: Bool
    /// Room for lines, made when the file is; the first `waitingCount` octets wait.
    private var waiting: [UInt8] = []
    private var waitingCount = 0
    private var scratch: [UInt8] = []
    private var handle: FileHandle?
    /// The greatest time of any row.
    private var closed = Timestamp.zero
    private(set) var rowCount = 0

    /// How rows become lines.
    private enum Form {
        case json(JSONForm)
        case tsv(TSVForm)
        case eve(EVEForm)
    }

    init(_ schema: LogSchema, path: String, format: LogFormat, communityID: Bool, eve: EVESettings, appending: Bool) {
        layout = RowLayout(schema, communityID: communityID)
        form =
            switch format {
            case .zeekJSON: .json(JSONForm(layout))
            case .zeekTSV: .tsv(TSVForm(layout))
            case .eve: .eve(EVEForm(layout, eve))
            }
        self.path = path
        self.appending = appending
    }

    mutating func append(_ batch: borrowing RowBatch) throws(LogError) {
        if handle == nil { try open(batch) }
        var row = 0
        while true {
            row = fill(from: row, of: batch)
            if row == batch.count { break }
            // No room: what waits goes out; a line longer than all room gets more of it.
            if waitingCount == 0 { waiting.append(contentsOf: repeatElement(0, count: waiting.count)) }
            try flush()
        }
        rowCount &+= batch.count
    }

    /// Appends lines while there is room; gives the first row that had none.
    private mutating func fill(from start: Int, of batch: borrowing RowBatch) -> Int {
        let row =
            switch form {
            case .json(let json):
                LogFile.fill(json, from: start, of: batch, to: &waiting, &waitingCount, scratch: &scratch)
            case .tsv(let tsv):
                LogFile.fill(tsv, from: start, of: batch, to: &waiting, &waitingCount, scratch: &scratch)
            case .eve(let eve):
                LogFile.fill(eve, from: start, of: batch, to: &waiting, &waitingCount, scratch: &scratch)
            }
        for index in start..<row {
            if let time = layout.time(index, of: batch), closed < time { closed = time }
        }
        return row
    }

    @inline(__always)
    private static func fill(
        _ form: some RowForm, from start: Int, of batch: borrowing RowBatch, to waiting: inout [UInt8],
        _ waitingCount: inout Int, scratch: inout [UInt8]
    ) -> Int {
        var row = start
        var at = waitingCount
        var line = waiting.mutableSpan
        while row < batch.count, form.append(row, of: batch, to: &line, &at, scratch: &scratch) {
            waitingCount = at
            row &+= 1
        }
        return row
    }

    mutating func flush() throws(LogError) {
        guard let handle, waitingCount > 0 else { return }
        try write(Data(waiting[0..<waitingCount]), to: handle)
        waitingCount = 0
    }

    private func write(_ octets: Data, to handle: FileHandle) throws(LogError) {
        do {
            try handle.write(contentsOf: octets)
        } catch {
            let reason = systemReason(error)
            let isFull = (error as NSError).code == NSFileWriteOutOfSpaceError || reason.contains("No space left")
            throw LogError(
                isFull ? .full : .write, "the log cannot be written (\(reason))", path: path,
                advice: isFull ? "free some space or name another folder, then run again" : "check the file system")
        }
    }

    mutating func finish() throws(LogError) {
        guard let handle else { return removeStale() }
        try flush()
        if case .tsv(let tsv) = form { try write(Data(tsv.footer(closed: closed).utf8), to: handle) }
        try? handle.close()
        self.handle = nil
    }

    /// A log without a row must not show those of an earlier run. Where it cannot be removed it stays:
    /// what this run wrote is right all the same.
    private func removeStale() {
        guard !appending, rowCount == 0 else { return }
        let manager = FileManager.default
        let kind = (try? manager.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
        if kind == .typeRegular { try? manager.removeItem(atPath: path) }
    }

    private mutating func open(_ batch: borrowing RowBatch) throws(LogError) {
        let manager = FileManager.default
        let isThere = manager.fileExists(atPath: path)
        let isReady = appending && isThere || manager.createFile(atPath: path, contents: nil)
        guard isReady, let file = FileHandle(forWritingAtPath: path) else {
            throw LogError(
                .file, "the log file cannot be opened for writing", path: path,
                advice: "check who owns the folder and the file, or name another folder")
        }
        if appending { _ = try? file.seekToEnd() }
        handle = file
        if waiting.isEmpty { waiting = [UInt8](repeating: 0, count: LogFile.waitingBytesMax) }
        let opened = layout.time(0, of: batch) ?? .zero
        closed = opened
        if case .tsv(let tsv) = form { try write(Data(tsv.header(opened: opened).utf8), to: file) }
    }
}
