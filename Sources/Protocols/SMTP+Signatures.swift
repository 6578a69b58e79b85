// SPDX-License-Identifier: Apache-2.0
//
// SMTP and FTP as signatures see them: commands, replies, envelopes, headers of mails.
//
// Reads   lines that the analyzers have cut.
// Writes  exposures. A mail with its envelope is a transaction, so is an FTP command with its replies.
// Leaves  the logs (SMTP.swift, FTP.swift), files.

import Records
import Wire

/// The transaction of SMTP at work.
struct SMTPView {
    private var transaction: UInt64?
    private var helo: [UInt8] = []

    mutating func reset() {
        transaction = nil
        helo.removeAll(keepingCapacity: true)
    }

    /// The number of the transaction at work.
    mutating func number(_ from: Direction, _ context: inout AnalyzerContext) -> UInt64 { begin(from, &context) }

    private mutating func begin(_ from: Direction, _ context: inout AnalyzerContext) -> UInt64 {
        if let transaction { return transaction }
        let tx = context.beginTransaction(.smtp)
        transaction = tx
        if !helo.isEmpty { context.expose(.smtpHelo, helo.octets, tx: tx, from: from) }
        return tx
    }

    mutating func show(
        _ command: SMTPCommand, _ argument: RawSpan, from: Direction, _ context: inout AnalyzerContext
    ) {
        // What ends a transaction begins none.
        if transaction == nil, [.endOfData, .reset, .quit].contains(command) { return }
        let tx = begin(from, &context)
        switch command {
        case .helo, .ehlo:
            if helo.isEmpty { context.expose(.smtpHelo, argument, tx: tx, from: from) }
            helo.removeAll(keepingCapacity: true)
            argument.extracting(0..<min(argument.byteCount, 512)).append(to: &helo)
        case .mail: context.expose(.smtpMailFrom, argument.extracting(SMTPView.path(argument)), tx: tx, from: from)
        case .recipient: context.expose(.smtpRcptTo, argument.extracting(SMTPView.path(argument)), tx: tx, from: from)
        case .endOfData, .reset, .quit: end(&context)
        default: break
        }
    }

    /// What stands behind `FROM:` or `TO:`, without the parameters (RFC 5321 section 4.1.1).
    private static func path(_ argument: RawSpan) -> Range<Int> {
        let colon = argument.firstIndex(of: 0x3A) ?? -1
        let start = TextProbe.skipBlanks(argument, colon &+ 1)
        let end = argument.firstIndex(of: 0x20, from: start) ?? argument.byteCount
        return start..<end
    }

    /// A header of the mail itself.
    mutating func show(_ name: RawSpan, _ value: RawSpan, from: Direction, _ context: inout AnalyzerContext) {
        guard context.wantsTransactions, let buffer = SMTPView.buffer(of: name) else { return }
        let tx = begin(from, &context)
        context.expose(buffer, value, tx: tx, from: from)
    }

    private static func buffer(of name: RawSpan) -> SignatureBuffer? {
        if name.isText("from") { return .emailFrom }
        if name.isText("to") { return .emailTo }
        if name.isText("cc") { return .emailCc }
        if name.isText("subject") { return .emailSubject }
        if name.isText("date") { return .emailDate }
        if name.isText("message-id") { return .emailMessageID }
        if name.isText("x-mailer") { return .emailXMailer }
        return name.isText("received") ? .emailReceived : nil
    }

    mutating func end(_ context: inout AnalyzerContext) {
        guard let tx = transaction else { return }
        transaction = nil
        context.transactionDone(tx: tx, from: .originator)
        context.transactionDone(tx: tx, from: .responder)
    }
}

/// The transactions of FTP whose reply is awaited, oldest first.
struct FTPView {
    /// Octets of a line that are read (`ftp.max-line-length`).
    private static let lineBytesMax = 4096
    /// As many wait in Suricata (`ftp.max-tx`).
    private static let pendingMax = 1024

    private var pending: [UInt64] = []
    private var wasFull = false

    mutating func reset() {
        pending.removeAll(keepingCapacity: true)
        wasFull = false
    }

    mutating func show(command: RawSpan, _ argument: RawSpan, lineCount: Int, _ context: inout AnalyzerContext) {
        let tx = context.beginTransaction(.ftp)
        if pending.count >= FTPView.pendingMax {
            // The oldest is still known to the engine, which keeps as many.
            let oldest = pending.removeFirst()
            if !wasFull { context.transactionEvent("ftp.too_many_transactions", tx: oldest, from: .originator) }
            wasFull = true
        }
        pending.append(tx)
        context.expose(.ftpCommand, command, tx: tx, from: .originator)
        context.expose(.ftpCommandData, argument, tx: tx, from: .originator)
        if lineCount > FTPView.lineBytesMax {
            context.transactionEvent("ftp.request_command_too_long", tx: tx, from: .originator)
        }
        let isActive = command.isText("PORT") || command.isText("EPRT")
        if isActive || command.isText("PASV") || command.isText("EPSV") {
            context.exposeNumber(.ftpMode, isActive ? 1 : 0, tx: tx, from: .originator)
        }
        let place = command.isText("PORT") ? FTP.port(argument) : isActive ? FTP.extendedPort(argument) : nil
        if let place { context.exposeNumber(.ftpDynamicPort, UInt64(place.port), tx: tx, from: .originator) }
        context.transactionDone(tx: tx, from: .originator)
    }

    mutating func show(
        reply: RawSpan, code: RawSpan, isMore: Bool, lineCount: Int, _ context: inout AnalyzerContext
    ) {
        // The greeting answers nobody.
        let tx = pending.first ?? context.beginTransaction(.ftp)
        context.expose(.ftpReply, reply, tx: tx, from: .responder)
        context.expose(.ftpCompletionCode, code, tx: tx, from: .responder)
        context.exposeNumber(.ftpReplyReceived, 1, tx: tx, from: .responder)
        if lineCount > FTPView.lineBytesMax {
            context.transactionEvent("ftp.response_command_too_long", tx: tx, from: .responder)
        }
        if code.isText("227"), let place = FTP.port(reply) {
            context.exposeNumber(.ftpDynamicPort, UInt64(place.port), tx: tx, from: .responder)
        }
        // A preliminary reply is followed by another.
        guard !isMore, code.byteCount == 3, code.octet(0) != 0x31 else { return }
        if !pending.isEmpty { pending.removeFirst() } else { context.transactionDone(tx: tx, from: .originator) }
        context.transactionDone(tx: tx, from: .responder)
    }
}
