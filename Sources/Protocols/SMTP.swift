// SPDX-License-Identifier: Apache-2.0
//
// Simple Mail Transfer Protocol (RFC 5321, RFC 3030, RFC 3207).
//
// Reads   command and reply lines of a TCP connection, and the mail between them.
// Writes  one `SMTPRecord` per mail, path "smtp".
// Leaves  the contents of mails: their parts go to the file layer (SeenFiles.swift). TLS (InnerTLS.swift).
//
// The rules are Zeek's. SMTP+Session.swift has commands, replies and their pairing;
// SMTP+Mail.swift the headers of mails; MIME.swift their parts.

package import Records
import Wire

/// One mail, or an attempt at one.
package struct SMTPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var depth: UInt64 = 0
    package var helo = Text.absent
    package var mailFrom = Text.absent
    package var recipients: [Text] = []
    var hasRecipients = false
    package var date = Text.absent
    package var from = Text.absent
    package var to: [Text] = []
    var hasTo = false
    package var copies: [Text] = []
    var hasCopies = false
    package var replyTo = Text.absent
    package var messageID = Text.absent
    package var inReplyTo = Text.absent
    package var subject = Text.absent
    package var originatingAddress: Address?
    package var firstReceived = Text.absent
    package var secondReceived = Text.absent
    package var lastReply = Text.absent
    package var path: [Address] = []
    package var userAgent = Text.absent
    package var isTLS = false
    package var files: [UInt64] = []
    package var text = TextBuffer()
    /// Hashes of what stands in the lists of addresses: a mail may name thousands, over and over.
    private var known: Set<Int> = []

    package init() {}

    package static let log = LogID.smtp
    package static let summary: StaticString = "One mail, as it was handed over."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("trans_depth", depth, "Which mail of the connection this is, from 1.")
        row.text("helo", helo, in: text, "How the client calls itself.", isKey: true)
        row.text("mailfrom", mailFrom, in: text, "Sender of the envelope.", isKey: true)
        row.textSet("rcptto", hasRecipients ? recipients : nil, in: text, "Recipients of the envelope.")
        row.text("date", date, in: text, "Date header.")
        row.text("from", from, in: text, "From header.", isKey: true)
        row.textSet("to", hasTo ? to : nil, in: text, "Addresses of the To header.")
        row.textSet("cc", hasCopies ? copies : nil, in: text, "Addresses of the Cc header.")
        row.text("reply_to", replyTo, in: text, "Reply-To header.")
        row.text("msg_id", messageID, in: text, "Message-ID header.", isKey: true)
        row.text("in_reply_to", inReplyTo, in: text, "In-Reply-To header.")
        row.text("subject", subject, in: text, "Subject header.")
        row.address("x_originating_ip", originatingAddress, "Address in the X-Originating-IP header.")
        row.text("first_received", firstReceived, in: text, "Last Received header of the mail, the first written.")
        row.text("second_received", secondReceived, in: text, "The one before it.")
        row.text("last_reply", lastReply, in: text, "Last reply of the server.")
        row.addressVector("path", path, "Hosts that the mail came through, the newest first.")
        row.text("user_agent", userAgent, in: text, "Program that wrote the mail.")
        row.boolean("tls", isTLS, "Whether the connection went over to TLS.")
        row.fuidVector("fuids", files, "Identities of the parts of the mail.")
    }

    /// Blank again; keeps memory.
    mutating func clear() {
        (helo, mailFrom, date, from, replyTo) = (.absent, .absent, .absent, .absent, .absent)
        (messageID, inReplyTo, subject) = (.absent, .absent, .absent)
        (firstReceived, secondReceived, lastReply, userAgent) = (.absent, .absent, .absent, .absent)
        (hasRecipients, hasTo, hasCopies, isTLS) = (false, false, false, false)
        recipients.removeAll(keepingCapacity: true)
        to.removeAll(keepingCapacity: true)
        copies.removeAll(keepingCapacity: true)
        path.removeAll(keepingCapacity: true)
        files.removeAll(keepingCapacity: true)
        originatingAddress = nil
        known.removeAll()
        text.clear()
    }

    /// Lists in which an address stands once.
    enum AddressList: UInt8 { case recipients, to, copies }

    /// Whether the text that was built last does not stand in a list yet, which knows it then if it has room for it.
    /// A known text goes again.
    mutating func isNew(_ address: Text, in list: AddressList, hasRoom: Bool) -> Bool {
        var hasher = Hasher()
        hasher.combine(list.rawValue)
        hasher.combine(text[address])
        let hash = hasher.finalize()
        if known.contains(hash) {
            text.bytes.removeLast(Int(address.count))
            return false
        }
        if hasRoom { known.insert(hash) }
        return true
    }
}

/// The greeting of the server and that of the client; the two belong together.
enum SMTPProbe {
    /// `HELO` or `EHLO` at the start of a line.
    static func originator(_ bytes: RawSpan) -> ProbeVerdict {
        var verdict = ProbeVerdict.needsMore
        TextProbe.forEachLine(bytes) { at in
            guard
                bytes.beginning(with: "HELO", at: at, anyCase: true) == .matches
                    || bytes.beginning(with: "EHLO", at: at, anyCase: true) == .matches
            else { return false }
            verdict = .matches
            return true
        }
        return verdict
    }

    /// `220`, then a blank or a hyphen.
    static func responder(_ bytes: RawSpan) -> ProbeVerdict {
        let start = TextProbe.skipBlanks(bytes, 0)
        let verdict = bytes.beginning(with: "220", at: start)
        guard verdict == .matches else { return verdict }
        guard bytes.byteCount > start &+ 3 else { return .needsMore }
        let next = bytes.octet(start &+ 3)
        return next == 0x2D || HTTPOctets.isSpace(next) ? .matches : .never
    }
}

final class SMTP: Analyzer {
    enum State {
        case connected, initiated, unavailable, ready, mail, recipient, data, chunk, afterData, login, tls, quit
        case afterGap, recovering
    }

    /// Commands that wait for a reply at a time.
    static let pendingMax = 1000
    /// Octets of a line of a mail that comes in chunks (`SMTP::bdat_max_line_length`).
    static let chunkLineBytesMax = 4096
    /// Wrong orders of commands after which nothing more is read (`SMTP::max_invalid_mail_transactions`).
    static let invalidMax = 25
    static let keptBytesMax = 8192

    private var commands = LineReader(.either)
    private var replies = LineReader(.either)
    private var inner = InnerTLS()
    private var hasReportedReturn = false
    /// The lines at work are pieces of one that is too long.
    private var isMidLine = false
    var isStopped = false

    // The session.

    var state = State.connected
    /// After TURN the originator receives.
    var isTurned = false
    var awaited: SMTPCommand? = .connect
    var pending: [SMTPCommand] = []
    var replied: SMTPCommand?
    var openReply = 0

    // Chunks (RFC 3030).

    var hasChunks = false
    var chunkLeft: UInt64 = 0
    var isLastChunk = false
    /// A line of chunks that is not yet over.
    var chunkLine: [UInt8] = []

    // The row.

    var record = SMTPRecord()
    var hasRecord = false
    var hasActivity = false
    var mailCount: UInt64 = 0
    var invalidCount = 0
    var hasSender = false
    var hasRecipient = false
    var sawLastChunk = false
    var helo: [UInt8] = []
    var hasHelo = false
    /// Entities that began since the row did; only the first one's headers are columns.
    var entityCount = 0
    /// The mail as EVE tells of it.
    var event = SMTPEvent()
    /// What the event written last said, and of which transaction.
    var told = EVEBuilder()
    var toldOf: UInt64?
    private var awaitsGreeting = true
    /// Lines of the mail came before the server asked for it.
    var isEarly = false
    /// Lines that are no command, which a server answers all the same.
    var strangerCount = 0
    /// How the client called itself first.
    var eventHelo: [UInt8]?
    /// Events begun on the connection: their transactions.
    var eventCount: UInt64 = 0
    let mail = SMTPMail()
    /// What signatures see.
    var view = SMTPView()

    init() {
        super.init(kind: .smtp)
        mail.session = self
    }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard !context.isPartial, !isStopped else { return }
        var at = 0
        let isOriginator = direction == .originator
        while !inner.isActive, !isDetached, !isStopped {
            if chunkLeft > 0, isOriginator != isTurned {
                commands.skipFeed(bytes, &at)
                guard at < bytes.byteCount else { break }
                let count = Int(min(chunkLeft, UInt64(bytes.byteCount &- at)))
                chunk(bytes.extracting(at ..< at &+ count), &context)
                at &+= count
                continue
            }
            guard let found = isOriginator ? commands.next(bytes, &at) : replies.next(bytes, &at) else { break }
            if found.isCarried {
                let whole = isOriginator ? commands.take() : replies.take()
                line(whole.octets, isEnded: found.isEnded, from: direction, &context)
                if isOriginator { commands.giveBack(whole) } else { replies.giveBack(whole) }
            } else {
                line(bytes.extracting(found.range), isEnded: found.isEnded, from: direction, &context)
            }
        }
        if commands.hasLoneReturn || replies.hasLoneReturn, !hasReportedReturn {
            hasReportedReturn = true
            context.weird(.line_terminated_with_single_CR, source: "CONTENTLINE")
        }
        guard inner.isActive, at < bytes.byteCount else { return }
        inner.stream(bytes.extracting(at..<bytes.byteCount), from: direction, &context)
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        guard !context.isPartial, !isStopped, count > 0 else { return }
        if inner.isActive { return inner.gap(count, from: direction, &context) }
        if direction == .originator { commands.reset() } else { replies.reset() }
        if state == .data || state == .chunk { endMail(&context) }
        isMidLine = false
        pending.removeAll(keepingCapacity: true)
        (awaited, replied) = (nil, nil)
        // Whether the next line is mail or a command only a reply can tell.
        state = .afterGap
    }

    override func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        guard !context.isPartial, !isStopped else { return }
        if inner.isActive { return inner.endOfStream(from: direction, &context) }
        let isOriginator = direction == .originator
        guard (isOriginator ? commands.end() : replies.end()) != nil else { return }
        let whole = isOriginator ? commands.take() : replies.take()
        line(whole.octets, isEnded: true, from: direction, &context)
        if isOriginator { commands.giveBack(whole) } else { replies.giveBack(whole) }
    }

    override func finish(_ context: inout AnalyzerContext) {
        inner.finish(&context)
        if mail.isOpen { endMail(&context) }
        view.end(&context)
        if hasRecord { flush(&context) }
        hasRecord = false
        writeEvent(&context)
    }

    override func takesFile(_ file: SeenFile, isCut: Bool) -> Bool {
        note(file, isCut: isCut)
        return true
    }

    override func writeEVE(tx: UInt64, to builder: inout EVEBuilder) {
        if event.isOpen, event.transaction == tx {
            event.write(helo: eventHelo, to: &builder)
            event.writeFiles(to: &builder)
        } else if toldOf == tx {
            builder.members(told.buffer.bytes[...])
        }
    }

    override func reset() {
        super.reset()
        commands.reset()
        replies.reset()
        inner.reset()
        mail.reset()
        view.reset()
        (hasReportedReturn, isMidLine, isStopped, isTurned) = (false, false, false, false)
        state = .connected
        awaited = .connect
        pending.removeAll(keepingCapacity: true)
        replied = nil
        openReply = 0
        endChunks()
        record.clear()
        event.clear()
        (eventHelo, eventCount, toldOf, awaitsGreeting) = (nil, 0, nil, true)
        (isEarly, strangerCount) = (false, 0)
        (hasRecord, hasActivity, mailCount, invalidCount) = (false, false, 0, 0)
        (hasSender, hasRecipient, sawLastChunk, hasHelo) = (false, false, false, false)
        if helo.capacity > SMTP.keptBytesMax { helo = [] }
        helo.removeAll(keepingCapacity: true)
        entityCount = 0
    }

    /// What follows on both sides is TLS.
    func beginTLS(_ context: inout AnalyzerContext) { inner.begin(&context, in: kind) }

    // MARK: lines

    private func line(
        _ bytes: RawSpan, isEnded: Bool, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        if !isEnded, !isMidLine { context.weird(.contentline_size_exceeded, source: "CONTENTLINE") }
        if (direction == .originator) == isTurned {
            reply(bytes, &context)
            return
        }
        let begins = !isMidLine
        isMidLine = !isEnded
        if begins { checkLength(bytes, from: direction, &context) }
        switch state {
        case .afterGap: break
        case .data: mailLine(bytes, begins: begins, isEnded: isEnded, &context)
        case .login: command(.loginAnswer, bytes, &context)
        default:
            guard begins else { return }
            let isFirst = awaited == .connect && awaitsGreeting
            commandLine(bytes, &context)
            guard isFirst, isConfirmed else { return }
            // The client speaks before the server has.
            awaitsGreeting = false
            raise("smtp.no_server_welcome_message", from: direction, &context)
        }
    }

    /// A line of the mail: `.` alone ends it, a first dot is not part of it (RFC 5321 section 4.5.2).
    private func mailLine(_ bytes: RawSpan, begins: Bool, isEnded: Bool, _ context: inout AnalyzerContext) {
        var start = 0
        if begins, bytes.byteCount > 0, bytes.octet(0) == 0x2E {
            if bytes.byteCount == 1, isEnded { return endOfData(&context) }
            start = 1
        }
        if awaited == .data || pending.last == .data { isEarly = true }
        if !mail.isOpen { beginMail(.data, &context) }
        mail.deliver(bytes.extracting(start..<bytes.byteCount), endsLine: isEnded, &context)
    }

    // MARK: chunks

    private func chunk(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        chunkLeft &-= UInt64(bytes.byteCount)
        var at = 0
        while at < bytes.byteCount {
            guard let feed = bytes.firstIndex(of: 0x0A, from: at) else { break }
            let isLine = feed > at ? bytes.octet(feed &- 1) == 0x0D : chunkLine.last == 0x0D
            if !isLine { context.weird(.smtp_bdat_line_lf_only, source: "SMTP") }
            let end = isLine ? max(at, feed &- 1) : feed &+ 1
            if chunkLine.isEmpty {
                mail.deliver(bytes.extracting(at..<end), endsLine: isLine, &context)
            } else {
                bytes.extracting(at..<end).append(to: &chunkLine)
                if isLine, feed == at { chunkLine.removeLast() }
                deliverChunkLine(endsLine: isLine, &context)
            }
            at = feed &+ 1
        }
        holdChunk(bytes.extracting(at..<bytes.byteCount), &context)
        if chunkLeft == 0, isLastChunk { endOfChunks(&context) }
    }

    /// Keeps the beginning of a line; what is too long goes out as it is.
    private func holdChunk(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        bytes.append(to: &chunkLine)
        guard chunkLine.count > SMTP.chunkLineBytesMax else { return }
        context.weird(.smtp_bdat_line_too_long, source: "SMTP")
        // A last CR may be the first half of a line end.
        let endsInReturn = chunkLine.last == 0x0D
        if endsInReturn { chunkLine.removeLast() }
        deliverChunkLine(endsLine: false, &context)
        if endsInReturn { chunkLine.append(0x0D) }
    }

    func deliverChunkLine(endsLine: Bool, _ context: inout AnalyzerContext) {
        guard !chunkLine.isEmpty || endsLine else { return }
        var whole: [UInt8] = []
        swap(&whole, &chunkLine)
        mail.deliver(whole.octets, endsLine: endsLine, &context)
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &chunkLine)
    }

    func endChunks() {
        (hasChunks, chunkLeft, isLastChunk) = (false, 0, false)
        if chunkLine.capacity > 2 &* SMTP.keptBytesMax { chunkLine = [] }
        chunkLine.removeAll(keepingCapacity: true)
    }
}
