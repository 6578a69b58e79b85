// SPDX-License-Identifier: Apache-2.0
//
// The event `smtp`: one for each mail, with its envelope and the mail's headers.
//
// Reads   commands and replies of a session, headers and contents of its mails.
// Writes  the objects `smtp` and `email`, anomalies of single commands.
// Leaves  smtp.log (SMTP.swift), files of mails (SeenFiles.swift).

import Records
import Wire

/// An attachment.
struct SMTPEventFile: Sendable {
    var name: [UInt8]
    var size: UInt64
    var hasGap: Bool
    var isCut: Bool
}

/// A mail, or an attempt at one, as its event tells of it.
struct SMTPEvent {
    /// Addresses, attachments and URLs of one event, each.
    static let listMax = 256
    private static let textBytesMax = 1 << 18

    var transaction: UInt64 = 0
    var isOpen = false
    /// The mail's end was seen; the event waits for the reply.
    var isDone = false
    var text = TextBuffer()
    var sender = Text.absent
    var recipients: [Text] = []
    var hasMail = false
    var isMailOver = false
    var from = Text.absent
    var to: [Text] = []
    var copies: [Text] = []
    var attachments: [Text] = []
    var urls: [Text] = []
    /// Attachments that are over; their events follow the mail's end.
    var files: [SMTPEventFile] = []
    /// Something of the event found no room.
    private(set) var isCut = false

    mutating func begin(_ transaction: UInt64) {
        clear()
        self.transaction = transaction
        isOpen = true
    }

    mutating func clear() {
        (isOpen, isDone) = (false, false)
        clearEnvelope()
    }

    /// Forgets the envelope and the mail, as RSET and a new EHLO do.
    mutating func clearEnvelope() {
        if text.bytes.capacity > SMTPEvent.textBytesMax { text = TextBuffer() }
        text.clear()
        (sender, from, hasMail, isMailOver, isCut) = (.absent, .absent, false, false, false)
        recipients.removeAll(keepingCapacity: true)
        to.removeAll(keepingCapacity: true)
        copies.removeAll(keepingCapacity: true)
        attachments.removeAll(keepingCapacity: true)
        urls.removeAll(keepingCapacity: true)
        files.removeAll(keepingCapacity: true)
    }

    /// Whether one more goes into a list that has `count`.
    mutating func hasRoom(_ count: Int) -> Bool {
        if count < SMTPEvent.listMax, text.bytes.count < SMTPEvent.textBytesMax { return true }
        isCut = true
        return false
    }

    /// `FROM:<alice@example.com> SIZE=5`: what stands behind the colon, up to a blank.
    private mutating func path(_ argument: RawSpan, after skipped: Int) -> Text {
        let start = TextProbe.skipBlanks(argument, min(skipped, argument.byteCount))
        var end = start
        while end < argument.byteCount, !HTTPOctets.isSpace(argument.octet(end)) { end &+= 1 }
        return text.add(argument.extracting(start..<end), limit: 4096)
    }

    mutating func noteSender(_ argument: RawSpan) { sender = path(argument, after: 5) }

    mutating func noteRecipient(_ argument: RawSpan) {
        guard hasRoom(recipients.count) else { return }
        recipients.append(path(argument, after: 3))
    }

    mutating func noteHeader(_ name: RawSpan, _ value: RawSpan) {
        guard name.isText("from") || name.isText("to") || name.isText("cc"), hasRoom(0) else { return }
        if name.isText("from") {
            from = text.add(value)
        } else if name.isText("to") {
            addresses(value, to: \.to)
        } else {
            addresses(value, to: \.copies)
        }
    }

    /// Octets of a name that are kept.
    static let nameBytesMax = 255

    mutating func noteAttachment(_ name: ArraySlice<UInt8>) {
        guard hasRoom(attachments.count) else { return }
        attachments.append(text.add(Array(name.prefix(SMTPEvent.nameBytesMax)).octets))
    }

    mutating func noteURL(_ url: RawSpan) {
        guard url.byteCount > 0, hasRoom(urls.count) else { return }
        let new = text.add(url)
        if !urls.contains(where: { text[$0] == text[new] }) { urls.append(new) }
    }

    /// Parts at commas, but not inside of quotes.
    private mutating func addresses(_ value: RawSpan, to list: WritableKeyPath<SMTPEvent, [Text]>) {
        var isQuoted = false
        var start = 0
        for at in 0...value.byteCount {
            let isEnd = at == value.byteCount
            if !isEnd, value.octet(at) == 0x22 { isQuoted.toggle() }
            guard isEnd || value.octet(at) == 0x2C && !isQuoted else { continue }
            let range = HTTPView.trimmed(value, start..<at)
            start = at &+ 1
            guard !range.isEmpty else { continue }
            guard hasRoom(self[keyPath: list].count) else { return }
            self[keyPath: list].append(text.add(value.extracting(range)))
        }
    }

    // MARK: the event

    func write(helo: [UInt8]?, to event: inout EVEBuilder) {
        event.open("smtp")
        if let helo { event.text("helo", helo[...]) }
        event.text("mail_from", sender, in: text)
        list("rcpt_to", recipients, &event)
        event.close()
        guard hasMail else { return }
        event.open("email")
        event.text("from", from, in: text)
        list("to", to, &event)
        list("cc", copies, &event)
        event.text("status", isMailOver ? "PARSE_DONE" : "BODY_STARTED")
        list("attachment", attachments, &event)
        list("url", urls, &event)
        event.close()
    }

    /// The attachments, as alerts on the mail have them.
    func writeFiles(to event: inout EVEBuilder) {
        guard !files.isEmpty else { return }
        event.openList("files")
        for file in files {
            event.openItem()
            event.text("filename", file.name[...])
            event.boolean("gaps", file.hasGap)
            event.text("state", file.isCut || file.hasGap ? "TRUNCATED" : "CLOSED")
            event.boolean("stored", false)
            event.count("size", file.size)
            event.count("tx_id", transaction)
            event.closeItem()
        }
        event.closeList()
    }

    private func list(_ key: StaticString, _ texts: [Text], _ event: inout EVEBuilder) {
        guard !texts.isEmpty else { return }
        event.openList(key)
        for one in texts { event.item(one, in: text) }
        event.closeList()
    }
}

extension SMTP {
    /// A command of the client. RSET and QUIT begin no transaction.
    func noteCommand(_ command: SMTPCommand, _ argument: RawSpan, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents else { return }
        let isTrailing = command == .reset || command == .quit
        if event.isDone, !isTrailing, command != .endOfData { writeEvent(&context) }
        if !event.isOpen, !isTrailing, command != .endOfData {
            event.begin(eventCount)
            eventCount &+= 1
        }
        guard event.isOpen else { return }
        switch command {
        case .ehlo, .helo:
            if eventHelo == nil {
                var name: [UInt8] = []
                argument.append(to: &name)
                eventHelo = name
            } else {
                context.transactionEvent("smtp.duplicate_fields", tx: event.transaction, from: .originator)
            }
        case .mail where argument.beginning(with: "FROM:", at: 0, anyCase: true) == .matches:
            if event.sender.isAbsent {
                event.noteSender(argument)
            } else {
                context.transactionEvent("smtp.duplicate_fields", tx: event.transaction, from: .originator)
            }
        case .recipient where argument.beginning(with: "TO:", at: 0, anyCase: true) == .matches:
            event.noteRecipient(argument)
        case .chunk where argument.byteCount == 0 || !HTTPOctets.isDigit(argument.octet(0)):
            context.transactionEvent("smtp.invalid_bdat", tx: event.transaction, from: .originator)
        case .reset: event.clearEnvelope()
        default: break
        }
    }

    /// The first line of a reply to a command.
    func noteReply(_ command: SMTPCommand, _ code: Int, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents else { return }
        if command == .startTLS, code != 220 { raise("smtp.tls_rejected", from: .responder, &context) }
        // What follows DATA or STARTTLS has to wait for the answer (RFC 2920 section 3.1).
        if command == .data && code == 354 && isEarly || command == .startTLS && code == 220 && awaited != nil {
            raise("smtp.invalid_pipelined_sequence", from: isTurned ? .responder : .originator, &context)
        }
        if command == .data { isEarly = false }
        guard event.isOpen else { return }
        switch command {
        case .data where code != 354:
            context.transactionEvent("smtp.data_command_rejected", tx: event.transaction, from: .responder)
        case .ehlo, .helo:
            // A new greeting ends an attempt at a mail.
            guard code == 250, !event.sender.isAbsent else { return }
            let hadMail = event.hasMail
            event.clearEnvelope()
            (event.hasMail, event.isMailOver, event.isDone) = (hadMail, true, true)
        default: break
        }
    }

    /// The mail was handed over, or refused: its transaction is over.
    func writeEvent(_ context: inout AnalyzerContext) {
        guard event.isOpen else { return }
        guard context.wantsEvents else { return event.clear() }
        tell()
        writeFiles(&context)
        context.beginEvent("smtp", from: isTurned ? .responder : .originator, tx: event.transaction)
        if event.isCut { context.limits.met(.drafts) }
        event.write(helo: eventHelo, to: &context.event)
        context.endEvent()
        event.clear()
    }

    /// Octets of a line of a mail without its end (RFC 5322 section 2.1.1), and of any line that is read with it
    /// (Suricata's buffer of lines).
    private static let mailLineBytes = 998
    private static let lineBytes = 4096

    /// A line that is longer than it may be.
    func checkLength(_ line: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents, line.byteCount > SMTP.mailLineBytes else { return }
        if state == .data { raise("smtp.mime_long_line", from: direction, &context) }
        if line.byteCount &+ 2 >= SMTP.lineBytes, state != .data || mail.isInHeader {
            raise("smtp.truncated_line", from: direction, &context)
        }
    }

    /// Raises an event of the session, on the mail at work.
    func raise(_ name: StaticString, from direction: Direction, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents else { return }
        let tx = event.isOpen ? event.transaction : view.number(direction, &context)
        context.transactionEvent(name, tx: tx, from: direction)
    }

    /// Keeps what the event says, with the mail's files: alerts on the mail come behind it.
    private func tell() {
        told.clear()
        event.write(helo: eventHelo, to: &told)
        event.writeFiles(to: &told)
        toldOf = event.transaction
    }

    private func writeFiles(_ context: inout AnalyzerContext) {
        for file in event.files {
            context.beginEvent(
                "fileinfo", from: isTurned ? .responder : .originator, application: "smtp")
            event.write(helo: eventHelo, to: &context.event)
            context.event.open("fileinfo")
            context.event.text("filename", file.name[...])
            context.event.boolean("gaps", file.hasGap)
            context.event.text("state", file.isCut || file.hasGap ? "TRUNCATED" : "CLOSED")
            context.event.boolean("stored", false)
            context.event.count("size", file.size)
            context.event.count("tx_id", event.transaction)
            context.event.close()
            context.endEvent()
        }
    }
}

/// Finds URLs in decoded text, where a piece may end inside of one.
struct URLFinder {
    private static let urlBytesMax = 1024
    private var carry: [UInt8] = []
    private var isInside = false

    mutating func clear() {
        carry.removeAll(keepingCapacity: true)
        isInside = false
    }

    /// Calls `found` with each URL, without its scheme.
    mutating func take(_ bytes: RawSpan, _ found: (RawSpan) -> Void) {
        for at in 0..<bytes.byteCount {
            let octet = bytes.octet(at)
            if isInside {
                if URLFinder.isPart(octet), carry.count < URLFinder.urlBytesMax {
                    carry.append(octet)
                } else {
                    end(found)
                }
                continue
            }
            guard octet > 0x20, octet < 0x7F else {
                carry.removeAll(keepingCapacity: true)
                continue
            }
            carry.append(octet)
            if carry.count > 16 { carry.removeFirst(8) }
            guard octet == 0x2F, carry.count >= 6, carry[carry.count &- 3] == 0x3A else { continue }
            if ["http://", "https://", "ftp://"].contains(where: { URLFinder.endsIn($0, carry) }) {
                carry.removeAll(keepingCapacity: true)
                isInside = true
            }
        }
    }

    mutating func end(_ found: (RawSpan) -> Void) {
        if isInside, !carry.isEmpty { found(carry.octets) }
        clear()
    }

    private static func endsIn(_ scheme: StaticString, _ octets: [UInt8]) -> Bool {
        let count = scheme.utf8CodeUnitCount
        return octets.count >= count
            && octets.octets.matches(scheme, at: octets.count &- count, count: count, anyCase: true)
    }

    private static func isPart(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x00...0x20, 0x22, 0x27, 0x3C, 0x3E, 0x5C, 0x5E, 0x60, 0x7B...0x7D, 0x7F...0xFF: false
        default: true
        }
    }
}
