// SPDX-License-Identifier: Apache-2.0
//
// The content of files on shares, on its way to the file layer.
//
// Reads   what reads bring and writes take, while it passes by.
// Writes  the octets, with their offsets.
// Leaves  where a message has its content (SMB1.swift, SMB2.swift).

import Records
import Wire

/// A stretch of content in a message of which not all has come.
struct SMBContent: BitwiseCopyable {
    let file: FileHandle
    /// Where in the file the next octet belongs.
    private var offset: UInt64
    /// Octets before the content begins.
    private var skipped: Int
    /// Octets of it that are still to come.
    private var left: Int

    /// The file has no octets of a message before.
    private let isFirst: Bool

    init(_ file: FileHandle, at offset: UInt64, after skipped: Int, count: Int, isFirst: Bool) {
        self.file = file
        self.isFirst = isFirst
        self.offset = offset
        self.skipped = skipped
        left = count
    }

    /// The next octets of the message.
    mutating func take(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        let start = step(over: bytes.byteCount)
        let count = min(bytes.byteCount &- start, left)
        guard count > 0 else { return }
        if isFirst, count == left { context.beginsNow(file) }
        context.fileData(file, bytes.extracting(start ..< start &+ count), at: offset)
        advance(count)
    }

    /// The next `count` octets of the message were not seen.
    mutating func gap(_ count: Int, _ context: inout AnalyzerContext) {
        let lost = min(count &- step(over: count), left)
        guard lost > 0 else { return }
        context.fileGap(file, UInt64(lost), at: offset)
        advance(lost)
    }

    private mutating func step(over count: Int) -> Int {
        let start = min(skipped, count)
        skipped &-= start
        return start
    }

    private mutating func advance(_ count: Int) {
        left &-= count
        offset = offset &+ UInt64(count)
    }
}

extension SMB {
    /// The file of the layer that an open file's content goes to: one for both hosts, share, name
    /// and time of change, whatever the connection (Zeek's base/protocols/smb/files.zeek).
    func content(
        of file: SMBFile, from direction: Direction, _ context: inout AnalyzerContext
    ) -> FileHandle {
        let record = file.record
        guard !record.name.isAbsent || !record.path.isAbsent else { return .none }
        var key = FileKey(.smb)
        key.add(context.id.originator)
        key.add(context.id.responder)
        key.add(record.text[record.path])
        key.add(record.text[record.name])
        key.add(UInt64(bitPattern: record.times?.modified.nanoseconds ?? 0))
        let total = record.size > 0 ? record.size : nil
        let opened = context.openFile(.smb, from: direction, total: total, key: key.value)
        if opened.isNew, !record.name.isAbsent {
            let text = record.text.bytes
            let start = Int(record.name.offset)
            context.nameFile(opened.file, text.octets.extracting(start ..< start &+ Int(record.name.count)))
        }
        file.record.file = context.fileID(opened.file)
        file.content = opened.file
        return opened.file
    }

    /// The file was closed: its content is over.
    func endContent(of file: SMBFile, _ context: inout AnalyzerContext) {
        context.endFile(file.content)
        file.content = .none
    }
}
