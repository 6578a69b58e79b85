// SPDX-License-Identifier: Apache-2.0
//
// Connections that carry one file and nothing else: data of FTP (RFC 959 section 3.2), files
// that IRC's users send each other (DCC SEND).
//
// Reads   both directions of a TCP connection that another one has announced.
// Writes  the event `ftp_data`; the octets go to the file layer, word of the file to the announcer.
// Leaves  the acknowledgements that a receiver of DCC sends: they are a file too, as in Zeek.

import Files
import Records
import Wire

final class DataConnection: Analyzer {
    /// Octets of both directions by which the announcer is told what is transferred.
    private static let headBytesMax = 1024

    private let source: FileSource
    private var files: (FileHandle, FileHandle) = (.none, .none)
    private var head: [UInt8] = []
    private var isIdentified = false
    /// The announcer has heard of the type by the file layer.
    private var isTyped: (Bool, Bool) = (false, false)
    /// What EVE says of it.
    private var transfer: FTPDataEvent?
    private var transaction: UInt64 = 0
    private var isWritten = false

    init(_ kind: AnalyzerKind) {
        source = kind == .ircData ? .ircData : .ftpData
        super.init(kind: kind)
    }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard bytes.byteCount > 0 else { return }
        if !isIdentified {
            let room = DataConnection.headBytesMax &- head.count
            bytes.extracting(0..<min(room, bytes.byteCount)).append(to: &head)
            if head.count == DataConnection.headBytesMax { identify(&context) }
        }
        let file = begin(direction, &context)
        context.fileData(file, bytes)
        if context.fileIsDecided(file) { tell(context.fileType(file), direction, &context) }
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        guard count > 0 else { return }
        let file = begin(direction, &context)
        context.fileGap(file, UInt64(count))
        if context.fileIsDecided(file) { tell(context.fileType(file), direction, &context) }
    }

    override func finish(_ context: inout AnalyzerContext) {
        if !isIdentified, !head.isEmpty { identify(&context) }
        for direction in [Direction.originator, .responder] {
            let file = direction == .originator ? files.0 : files.1
            guard !file.isNone else { continue }
            let type = context.endFile(file)
            tell(type, direction, &context)
        }
        files = (.none, .none)
        if let transfer, !isWritten {
            context.beginEvent("ftp_data", from: .originator, tx: transaction, application: "ftp-data")
            transfer.write(to: &context.event)
            context.endEvent()
            for side in [Direction.originator, .responder] { context.transactionDone(tx: transaction, from: side) }
        }
        isWritten = true
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) { transfer?.write(to: &event) }

    /// The command that the data belongs to; only FTP's have an event.
    private func noteTransfer(_ direction: Direction, _ context: inout AnalyzerContext) {
        guard transfer == nil, let announcer = announcer(context) as? FTP else { return }
        let asked = announcer.events.transfer
        transfer = FTPDataEvent(command: asked.command, name: asked.name)
        transaction = context.beginTransaction(.ftpData)
        let command: UInt64? = asked.command.octets.isText("RETR") ? 1 : asked.command.octets.isText("STOR") ? 2 : nil
        if let command {
            for side in [Direction.originator, .responder] {
                context.exposeNumber(.ftpdataCommand, command, tx: transaction, from: side)
            }
        }
        if !asked.name.isEmpty { context.expose(.fileName, asked.name.octets, tx: transaction, from: direction) }
    }

    override func reset() {
        super.reset()
        files = (.none, .none)
        head.removeAll(keepingCapacity: true)
        isIdentified = false
        isTyped = (false, false)
        (transfer, transaction, isWritten) = (nil, 0, false)
    }

    private func begin(_ direction: Direction, _ context: inout AnalyzerContext) -> FileHandle {
        let known = direction == .originator ? files.0 : files.1
        guard known.isNone else { return known }
        if context.wantsEvents || context.wantsTransactions { noteTransfer(direction, &context) }
        let file = context.beginFile(source, from: direction)
        if let transfer, !transfer.movesFile { context.markListing(file) }
        if direction == .originator { files.0 = file } else { files.1 = file }
        announcer(context)?.transferBegan(file, &context)
        return file
    }

    /// The first octets say what is transferred, long before a file's type is decided.
    private func identify(_ context: inout AnalyzerContext) {
        isIdentified = true
        let octets = head
        let type = MIMEType.detect(octets.octets)
        announcer(context)?.transferIdentified(type, &context)
    }

    private func tell(_ type: MIMEType?, _ direction: Direction, _ context: inout AnalyzerContext) {
        guard !(direction == .originator ? isTyped.0 : isTyped.1) else { return }
        if direction == .originator { isTyped.0 = true } else { isTyped.1 = true }
        announcer(context)?.transferTyped(type, &context)
    }

    private func announcer(_ context: borrowing AnalyzerContext) -> Analyzer? {
        announcedBy.flatMap { context.announcers[$0] }
    }
}
