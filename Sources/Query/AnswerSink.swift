// SPDX-License-Identifier: Apache-2.0
//
// Where an answer goes: a file, standard output, or a pager.

import Foundation

/// Octets on their way out. An answer that nobody reads to its end (`| head`, a pager that was left) is no error.
final class AnswerSink {
    let isTerminal: Bool
    /// Whether the reader has gone; no more need be made.
    private(set) var isClosed = false
    private var handle: FileHandle
    private let path: String
    private var pager: Process?
    private let usesPager: Bool
    private let control: QueryControl
    private var hasBegun = false
    private var waiting: [UInt8] = []

    private static let waitingBytesMax = 64 << 10

    init(_ options: QueryOptions, _ control: QueryControl) throws(QueryError) {
        self.control = control
        if let path = options.outputPath {
            isTerminal = options.isTerminal ?? false
            self.path = path
            handle = try AnswerSink.file(path)
            usesPager = false
            return
        }
        isTerminal = options.isTerminal ?? (isatty(1) != 0)
        path = "standard output"
        usesPager = isTerminal && options.usesPager && options.format == .table
        handle = .standardOutput
    }

    /// The pager comes when there is something to show: until then the terminal is the progress's.
    private func begin() {
        guard !hasBegun else { return }
        hasBegun = true
        control.beginAnswer()
        if usesPager, let (process, input) = AnswerSink.startPager() { (pager, handle) = (process, input) }
    }

    static func file(_ path: String) throws(QueryError) -> FileHandle {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else {
            throw QueryError(.output, "\(path) cannot be opened for writing", advice: "name a file that you may write")
        }
        return handle
    }

    private static func startPager() -> (Process, FileHandle)? {
        let process = Process()
        let pipe = Pipe()
        var environment = ProcessInfo.processInfo.environment
        let pager = environment["PAGER"].flatMap { $0.isEmpty ? nil : $0 } ?? "less"
        // Leave at once where one screen is enough, keep colours, do not wrap, do not clear.
        if environment["LESS"] == nil { environment["LESS"] = "FRSX" }
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", pager]
        process.environment = environment
        process.standardInput = pipe
        // A pager that is left early must not end the program.
        signal(SIGPIPE, SIG_IGN)
        guard (try? process.run()) != nil else { return nil }
        return (process, pipe.fileHandleForWriting)
    }

    func write(_ octets: [UInt8]) throws(QueryError) {
        waiting.append(contentsOf: octets)
        if waiting.count >= AnswerSink.waitingBytesMax { try flush() }
    }

    func finish() throws(QueryError) {
        try flush()
        if path != "standard output" || pager != nil { try? handle.close() }
        pager?.waitUntilExit()
    }

    private func flush() throws(QueryError) {
        guard !isClosed, !waiting.isEmpty else { return }
        begin()
        do {
            try handle.write(contentsOf: Data(waiting))
        } catch {
            let inner = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
            if inner.domain == NSPOSIXErrorDomain, inner.code == Int(EPIPE) {
                isClosed = true
            } else {
                throw QueryError(
                    .output, "the answer cannot be written to \(path) (\(inner.localizedDescription))",
                    advice: "free some space or write elsewhere")
            }
        }
        waiting.removeAll(keepingCapacity: true)
    }
}
