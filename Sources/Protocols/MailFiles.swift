// SPDX-License-Identifier: Apache-2.0
//
// Mails whose parts are files, as SMTP, POP3 and IMAP carry them.
//
// Reads   entities, headers and contents, as MIME.swift finds them.
// Writes  a file for each part that has content (SeenFiles.swift).
// Leaves  what else a mail says (SMTP+Mail.swift); where it begins and ends in its protocol.

import Records
import Wire

/// The mails of one connection, one after the other.
class MailFiles: MIMEMessage {
    private let source: FileSource
    /// Who sends the mail at work.
    final var sender: Direction
    /// Entities of the connection so far; never begun anew.
    private var depth = 0
    /// The part at work.
    private(set) final var file = FileHandle.none
    /// The name of the part at work, and the texts that it stands in.
    private var fileName = Text.absent
    private var text = TextBuffer()

    init(_ source: FileSource, from sender: Direction) {
        self.source = source
        self.sender = sender
    }

    override func reset() {
        super.reset()
        (file, depth, fileName) = (.none, 0, .absent)
        text.clear()
    }

    override func began(_ context: inout AnalyzerContext) {
        depth &+= 1
        fileName = .absent
        text.clear()
    }

    override func header(_ name: RawSpan, _ value: RawSpan, _ level: Int, _ context: inout AnalyzerContext) {
        guard let header = MIMEFileHeader(name) else { return }
        let found = header.fileName(value, to: &text, &context)
        if !found.isAbsent { fileName = found }
    }

    override func content(_ bytes: RawSpan, isFirst: Bool, _ context: inout AnalyzerContext) {
        if isFirst {
            file = context.beginFile(source, from: sender, depth: depth)
            if !fileName.isAbsent { context.nameFile(file, Array(text[fileName]).octets) }
            fileBegan(text[fileName], &context)
        }
        context.fileData(file, bytes)
    }

    override func contentEnded(_ context: inout AnalyzerContext) {
        context.endFile(file)
        file = .none
    }

    /// The part at work is a file from here on; `name` is empty where it has none.
    func fileBegan(_ name: ArraySlice<UInt8>, _ context: inout AnalyzerContext) {}
}
