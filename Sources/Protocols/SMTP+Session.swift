// SPDX-License-Identifier: Apache-2.0
//
// The talk of SMTP: commands, replies, which belongs to which, and where mails begin and end.
//
// Reads   command and reply lines.
// Writes  the envelope and the last reply into the row; rows.
// Leaves  mails (SMTP+Mail.swift).

import Records
import Wire

enum SMTPCommand {
    case connect, ehlo, helo, mail, send, recipient, data, chunk, endOfData, reset, quit, login, loginAnswer, turn
    case startTLS, other

    /// The command of a word, any case; nil for one that is not known.
    init?(_ word: RawSpan) {
        for (name, command) in SMTPCommand.table where word.isText(name) {
            self = command
            return
        }
        return nil
    }

    private static let table: [(StaticString, SMTPCommand)] = [
        ("EHLO", .ehlo), ("HELO", .helo), ("MAIL", .mail), ("RCPT", .recipient), ("DATA", .data), ("BDAT", .chunk),
        ("QUIT", .quit), ("RSET", .reset), ("AUTH", .login), ("STARTTLS", .startTLS), ("X-ANONYMOUSTLS", .startTLS),
        ("TURN", .turn), ("SEND", .send), ("SOML", .send), ("SAML", .send), ("NOOP", .other), ("HELP", .other),
        ("VRFY", .other), ("EXPN", .other),
    ]
}

extension SMTP {
    // MARK: commands

    func commandLine(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        var end = 0
        while end < bytes.byteCount, !HTTPOctets.isSpace(bytes.octet(end)) { end &+= 1 }
        let argument = bytes.extracting(TextProbe.skipBlanks(bytes, end)..<bytes.byteCount)
        guard let known = SMTPCommand(bytes.extracting(0..<end)) else {
            strangerCount &+= 1
            return
        }
        confirm(&context)
        command(known, argument, &context)
    }

    func command(_ command: SMTPCommand, _ argument: RawSpan, _ context: inout AnalyzerContext) {
        enqueue(command, &context)
        view.show(command, argument, from: isTurned ? .responder : .originator, &context)
        requested(command, argument, &context)
        guard !isStopped else { return }
        if command == .chunk {
            guard beginChunk(argument, &context) else { return }
        } else if hasChunks {
            context.weird(.smtp_missing_bdat_last_chunk, source: "SMTP")
            endMail(&context)
        }
        sent(command, &context)
        // An empty last chunk has no octets that could end it.
        if command == .chunk, isLastChunk, chunkLeft == 0 { endOfChunks(&context) }
    }

    func endOfData(_ context: inout AnalyzerContext) {
        enqueue(.endOfData, &context)
        endMail(&context)
        state = .afterData
        let nothing: [UInt8] = []
        view.show(.endOfData, nothing.octets, from: isTurned ? .responder : .originator, &context)
        requested(.endOfData, nothing.octets, &context)
    }

    func endOfChunks(_ context: inout AnalyzerContext) {
        endMail(&context)
        view.end(&context)
        state = .afterData
    }

    private func enqueue(_ command: SMTPCommand, _ context: inout AnalyzerContext) {
        guard awaited != nil else {
            awaited = command
            return
        }
        if pending.count == SMTP.pendingMax {
            context.weird(.smtp_excessive_pending_cmds, source: "SMTP")
            pending.removeAll(keepingCapacity: true)
        }
        pending.append(command)
    }

    /// `BDAT 1234 LAST` (RFC 3030 section 2). False where it is none.
    private func beginChunk(_ argument: RawSpan, _ context: inout AnalyzerContext) -> Bool {
        var size: UInt64 = 0
        var isLast = false
        if let problem = SMTP.readChunk(argument, &size, &isLast) {
            var text = TextBuffer()
            text.append(problem)
            context.weird(.smtp_invalid_bdat_command, addl: text.bytes.octets, source: "SMTP")
            context.transactionEvent("smtp.invalid_bdat", tx: event.transaction, from: .originator)
            return false
        }
        guard size <= UInt64(Int64.max) else {
            context.weird(.smtp_huge_bdat_chunk, addl: size, source: "SMTP")
            return false
        }
        if !hasChunks { beginMail(.chunk, &context) }
        (hasChunks, chunkLeft, isLastChunk) = (true, size, isLast)
        return true
    }

    /// Reads `1234` or `1234 LAST`; says what is wrong with it otherwise.
    private static func readChunk(_ argument: RawSpan, _ size: inout UInt64, _ isLast: inout Bool) -> StaticString? {
        // The greatest number and " LAST" have 25 octets.
        guard (1...25).contains(argument.byteCount) else { return "BDAT argument bad length" }
        var at = 0
        while at < argument.byteCount, HTTPOctets.isDigit(argument.octet(at)) {
            let (product, overflows) = size.multipliedReportingOverflow(by: 10)
            let (sum, overflowsToo) = product.addingReportingOverflow(UInt64(argument.octet(at) &- 0x30))
            if overflows || overflowsToo { return "BDAT chunk-size too large" }
            size = sum
            at &+= 1
        }
        guard at > 0 else { return "BDAT not followed by a valid chunk-size" }
        guard at < argument.byteCount else { return nil }
        guard argument.octet(at) == 0x20 else { return "BDAT chunk-size not valid" }
        isLast = argument.extracting(at &+ 1 ..< argument.byteCount).isText("LAST")
        return isLast ? nil : "BDAT chunk-size followed by junk"
    }

    /// The state after a command, as if it will succeed: some clients do not wait for the reply.
    private func sent(_ command: SMTPCommand, _ context: inout AnalyzerContext) {
        switch command {
        case .connect: state = .initiated
        case .ehlo, .helo: state = .ready
        case .mail, .send: state = .mail
        case .recipient: state = .recipient
        case .data: beginMail(.data, &context)
        case .chunk: state = .chunk
        case .reset: state = .ready
        case .quit: state = .quit
        case .endOfData, .login, .loginAnswer, .turn, .startTLS, .other: break
        }
    }

    // MARK: replies

    func reply(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        var code = 0
        for index in 0..<min(3, bytes.byteCount) {
            let octet = bytes.octet(index)
            code = HTTPOctets.isDigit(octet) ? code &* 10 &+ Int(octet &- 0x30) : -1000
        }
        guard bytes.byteCount >= 3, (100...599).contains(code) else {
            raise("smtp.invalid_reply", from: isTurned ? .originator : .responder, &context)
            return violation(&context)
        }
        if openReply != 0, code != openReply { openReply = 0 }
        if openReply == 0 { answered(code, &context) }
        let isMore = bytes.byteCount > 3 && bytes.octet(3) == 0x2D
        openReply = isMore ? code : 0
        let start = TextProbe.skipBlanks(bytes, isMore ? 4 : 3)
        if replied == .connect, code == 220 { context.greeting(.mailServer, bytes.extracting(start..<bytes.byteCount)) }
        lastReply(code, bytes.extracting(start..<bytes.byteCount), isMore: isMore, &context)
    }

    /// The first line of a reply: it belongs to the oldest command that has none.
    private func answered(_ code: Int, _ context: inout AnalyzerContext) {
        if state == .afterGap {
            state = .recovering
            beginRecord(&context)
        }
        let command = awaited
        replied = awaited
        awaited = pending.isEmpty ? nil : pending.removeFirst()
        guard let command else {
            if state != .recovering, strangerCount > 0 {
                strangerCount &-= 1
            } else if state != .recovering {
                raise("smtp.unable_to_match_reply_with_request", from: isTurned ? .originator : .responder, &context)
            }
            // Commands were lost: what the server asks for tells where the client is.
            if state == .recovering, code == 354 { beginMail(.data, &context) }
            return
        }
        noteReply(command, code, &context)
        settle(command, code, &context)
    }

    /// What a reply changes, where it is not the expected one.
    private func settle(_ command: SMTPCommand, _ code: Int, _ context: inout AnalyzerContext) {
        switch command {
        case .connect: if code == 421 || code == 554 { state = .unavailable }
        case .ehlo, .helo: if [421, 500, 501, 504, 550].contains(code) { state = .initiated }
        case .mail, .send:
            if [421, 451, 452, 500, 501, 503, 550, 552, 553].contains(code), state != .data { state = .ready }
        case .data:
            guard code != 354 else { return }
            if state == .data { endMail(&context) }
            state = code == 421 ? .quit : .ready
        case .endOfData: state = .ready
        case .login, .loginAnswer: state = code == 334 ? .login : .initiated
        case .turn:
            guard code == 250 else { return }
            isTurned.toggle()
            state = .connected
        case .startTLS: if code == 220 { startTLS(&context) }
        case .recipient, .chunk, .reset, .quit, .other:
            if state == .recovering, code == 354 { beginMail(.data, &context) }
        }
    }

    // MARK: the row

    func beginRecord(_ context: inout AnalyzerContext) {
        guard !hasRecord else { return }
        hasRecord = true
        newRecord(&context)
    }

    private func newRecord(_ context: inout AnalyzerContext) {
        record.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.depth = mailCount &+ 1
        if hasHelo { record.helo = record.text.add(helo) }
        record.path.append(context.id.responder)
        record.path.append(context.id.originator)
        hasActivity = false
        entityCount = 0
    }

    /// Writes the row if the client did something, and begins the next.
    func flush(_ context: inout AnalyzerContext) {
        guard hasActivity else { return }
        context.output.emit(record)
        newRecord(&context)
    }

    private func lastReply(_ code: Int, _ text: RawSpan, isMore: Bool, _ context: inout AnalyzerContext) {
        beginRecord(&context)
        let start = record.text.begin()
        record.text.append(decimal: UInt64(code))
        record.text.append(" ")
        _ = record.text.add(text)
        record.lastReply = record.text.end(start)
        let endsChunks = replied == .chunk && sawLastChunk && !isMore
        guard replied == .endOfData || endsChunks else { return }
        mailCount &+= 1
        sawLastChunk = false
        if event.isDone { writeEvent(&context) }
        flush(&context)
        newRecord(&context)
    }

    private func requested(_ command: SMTPCommand, _ argument: RawSpan, _ context: inout AnalyzerContext) {
        beginRecord(&context)
        noteCommand(command, argument, &context)
        switch command {
        case .ehlo, .helo:
            helo.removeAll(keepingCapacity: true)
            argument.append(to: &helo)
            hasHelo = true
            record.helo = record.text.add(argument)
        case .mail where argument.beginning(with: "FROM:", at: 0, anyCase: true) == .matches:
            // The reply to the mail before was not seen.
            flush(&context)
            if let sender = SMTPAddresses.next(argument, from: 0) {
                record.mailFrom = add(sender.range, of: argument)
            }
            hasActivity = true
            (hasSender, hasRecipient) = (true, false)
        case .recipient where argument.beginning(with: "TO:", at: 0, anyCase: true) == .matches:
            recipients(argument, &context)
            hasActivity = true
            hasRecipient = true
            if !hasSender { invalid("rcpt to missing mail from", &context) }
        case .data, .chunk:
            if !hasRecipient { invalid("data missing rcpt to", &context) }
            guard command == .chunk, SMTPAddresses.endsInLast(argument) else { return }
            (hasSender, hasRecipient, sawLastChunk) = (false, false, true)
        case .endOfData: (hasSender, hasRecipient) = (false, false)
        default: break
        }
    }

    private func recipients(_ argument: RawSpan, _ context: inout AnalyzerContext) {
        record.hasRecipients = true
        var at = 0
        while let found = SMTPAddresses.next(argument, from: at) {
            at = found.end
            let recipient = add(found.range, of: argument)
            let hasRoom = record.recipients.count < SMTPMail.addressesMax
            guard record.isNew(recipient, in: .recipients, hasRoom: hasRoom) else { continue }
            guard hasRoom else { return context.weird(.smtp_too_many_rcptto_addresses, source: "SMTP") }
            record.recipients.append(recipient)
        }
    }

    /// An address, without what stands around it and without the mark of an original recipient.
    private func add(_ range: Range<Int>, of argument: RawSpan) -> Text {
        let start = record.text.begin()
        var at = range.lowerBound
        if argument.begins(with: "ORCPT=rfc822;", at: at) { at &+= 13 }
        while at < range.upperBound {
            let octet = argument.octet(at)
            if !SMTPAddresses.isMark(octet) { record.text.bytes.append(octet) }
            at &+= 1
        }
        return record.text.end(start)
    }

    private func invalid(_ what: StaticString, _ context: inout AnalyzerContext) {
        let start = context.weirdText.begin()
        context.weirdText.append(what)
        let addl = context.weirdText.end(start)
        context.weirds.append(PendingWeird(weird: .smtp_mail_transaction_invalid, addl: addl, source: "SMTP"))
        invalidCount &+= 1
        guard invalidCount > SMTP.invalidMax else { return }
        isStopped = true
        context.requests.append(.limitReached)
        context.weird(.smtp_excessive_invalid_mail_transactions, source: "SMTP")
    }
}
