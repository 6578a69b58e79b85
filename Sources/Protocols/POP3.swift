// SPDX-License-Identifier: Apache-2.0
//
// Post Office Protocol, version 3 (RFC 1939, RFC 2449, RFC 2595).
//
// Reads   command and reply lines of a TCP connection.
// Writes  no record: the protocol's name in `service`, anomalies; parts of mails are files.
// Leaves  headers of mails. TLS (InnerTLS.swift).

import Records
import Wire

/// The greeting of the server and a command of the client; the two belong together.
enum POP3Probe {
    static func responder(_ bytes: RawSpan) -> ProbeVerdict { bytes.beginning(with: "+OK", at: 0) }

    /// A first command at the start of a line.
    static func originator(_ bytes: RawSpan) -> ProbeVerdict {
        var verdict = ProbeVerdict.needsMore
        TextProbe.forEachLine(bytes) { at in
            let isAlone =
                isWord("CAPA", bytes, at) || isWord("AUTH", bytes, at) || isWord("STLS", bytes, at)
            let hasMore = isWord("USER", bytes, at) || isWord("APOP", bytes, at)
            let isBlankNext = bytes.byteCount > at &+ 4 && HTTPOctets.isSpace(bytes.octet(at &+ 4))
            guard isAlone || hasMore && isBlankNext else { return false }
            verdict = .matches
            return true
        }
        return verdict
    }

    private static func isWord(_ word: StaticString, _ bytes: RawSpan, _ at: Int) -> Bool {
        bytes.beginning(with: word, at: at, anyCase: true) == .matches
    }
}

/// A command, as far as its reply depends on it.
struct POP3Command {
    enum Kind { case known, unknown, confirming, auth, startTLS }
    var kind: Kind
    /// A good reply has more lines, up to one that is a dot.
    var hasLines: Bool
    /// These lines are a mail.
    var isMail = false

    init(_ line: RawSpan) {
        var end = 0
        while end < line.byteCount, !HTTPOctets.isSpace(line.octet(end)) { end &+= 1 }
        let word = line.extracting(0..<end)
        let isAlone = TextProbe.skipBlanks(line, end) == line.byteCount
        kind = .known
        hasLines = false
        if word.isText("USER") {
            kind = .confirming
        } else if word.isText("CAPA") {
            (kind, hasLines) = (.confirming, true)
        } else if word.isText("STLS") {
            kind = .startTLS
        } else if word.isText("AUTH") {
            // Without a mechanism it asks for a list of them (RFC 1734).
            (kind, hasLines) = isAlone ? (.known, true) : (.auth, false)
        } else if word.isText("RETR") || word.isText("TOP") {
            (hasLines, isMail) = (true, true)
        } else if word.isText("LIST") || word.isText("UIDL") {
            hasLines = isAlone
        } else if !POP3Command.isKnown(word) {
            kind = .unknown
        }
    }

    private static func isKnown(_ word: RawSpan) -> Bool {
        for name in others where word.isText(name) { return true }
        return false
    }

    private static let others: [StaticString] = [
        "PASS", "APOP", "STAT", "DELE", "RSET", "NOOP", "LAST", "QUIT", "XSENDER",
    ]
}

final class POP3: Analyzer {
    /// Commands that wait for a reply at a time.
    static let pendingMax = 10
    /// Commands of the client that are not known, before it is held for another protocol.
    static let unknownMax = 10

    private var commands = LineReader(.either)
    private var replies = LineReader(.either)
    private var tls = InnerTLS()
    private var pending: [POP3Command] = []
    private var isGreeted = false
    private var isInLines = false
    /// The mail whose lines are coming.
    private let mail = MailFiles(.pop3, from: .responder)
    private var hasTooMany = false
    private var unknownCount = 0
    private var event = POP3Event()

    init() { super.init(kind: .pop3) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard !context.isPartial else { return }
        var at = 0
        let isCommand = direction == .originator
        while !tls.isActive, !isDetached {
            guard let found = isCommand ? commands.next(bytes, &at) : replies.next(bytes, &at) else { break }
            if found.isCarried {
                let whole = isCommand ? commands.take() : replies.take()
                line(whole.octets, isCommand, &context)
                if isCommand { commands.giveBack(whole) } else { replies.giveBack(whole) }
            } else {
                line(bytes.extracting(found.range), isCommand, &context)
            }
        }
        guard tls.isActive, at < bytes.byteCount else { return }
        tls.stream(bytes.extracting(at..<bytes.byteCount), from: direction, &context)
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        if tls.isActive { return tls.gap(count, from: direction, &context) }
        if direction == .originator { commands.reset() } else { replies.reset() }
        // Where the rest of the mail is cannot be told.
        if direction == .responder { mail.end(&context) }
    }

    override func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        tls.endOfStream(from: direction, &context)
    }

    override func finish(_ context: inout AnalyzerContext) {
        mail.end(&context)
        tls.finish(&context)
    }

    override func reset() {
        super.reset()
        commands.reset()
        replies.reset()
        mail.reset()
        tls.reset()
        pending.removeAll(keepingCapacity: true)
        (isGreeted, isInLines, hasTooMany, unknownCount) = (false, false, false, 0)
        event.reset()
    }

    /// The client is sending what a mechanism asks for, not commands.
    private var isInLogin: Bool { pending.first?.kind == .auth }

    private func line(_ bytes: RawSpan, _ isCommand: Bool, _ context: inout AnalyzerContext) {
        if isCommand { command(bytes, &context) } else { reply(bytes, &context) }
    }

    private func command(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        let start = TextProbe.skipBlanks(bytes, 0)
        guard start < bytes.byteCount, !isInLogin else { return }
        guard pending.count < POP3.pendingMax else {
            if !hasTooMany { context.weird(.pop3_client_too_many_pending_commands, source: "POP3") }
            hasTooMany = true
            return
        }
        checkCommand(bytes.extracting(start..<bytes.byteCount), &context)
        let command = POP3Command(bytes.extracting(start..<bytes.byteCount))
        pending.append(command)
        if context.wantsEvents { event.command(bytes.extracting(start..<bytes.byteCount), &context) }
        guard command.kind == .unknown else { return }
        context.weird(.pop3_client_command_unknown, source: "POP3")
        unknownCount &+= 1
        if unknownCount > POP3.unknownMax { violation(&context) }
    }

    private func reply(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        if isInLines {
            let isDotted = bytes.byteCount > 0 && bytes.octet(0) == 0x2E
            guard isDotted, bytes.byteCount == 1 else {
                // A first dot is not part of the line (RFC 1939 section 3).
                if context.wantsEvents, pending.first?.isMail != true {
                    event.more(bytes.extracting((isDotted ? 1 : 0)..<bytes.byteCount), &context)
                }
                return mail.deliver(bytes.extracting((isDotted ? 1 : 0)..<bytes.byteCount), endsLine: true, &context)
            }
            mail.end(&context)
            isInLines = false
            writeEvent(&context)
            return finishCommand()
        }
        let start = TextProbe.skipBlanks(bytes, 0)
        let line = bytes.extracting(start..<bytes.byteCount)
        if line.beginning(with: "+OK", at: 0, anyCase: true) == .matches {
            if context.wantsEvents { event.reply(line, isGood: true) }
            if !isGreeted { context.greeting(.popServer, line) }
            accepted(&context)
        } else if line.beginning(with: "-ERR", at: 0, anyCase: true) == .matches {
            if context.wantsEvents { event.reply(line, isGood: false) }
            writeEvent(&context)
            if isGreeted { finishCommand() }
            isGreeted = true
        } else if !isInLogin {
            violation(&context)
            context.weird(.pop3_server_command_unknown, source: "POP3")
        }
    }

    private func accepted(_ context: inout AnalyzerContext) {
        guard isGreeted else {
            writeEvent(&context)
            isGreeted = true
            return
        }
        guard let command = pending.first else { return }
        if !command.hasLines { writeEvent(&context) }
        switch command.kind {
        case .confirming: confirm(&context)
        case .startTLS:
            confirm(&context)
            return tls.begin(&context, in: kind)
        case .known, .unknown, .auth: break
        }
        if command.isMail { mail.begin(&context) }
        if command.hasLines { isInLines = true } else { finishCommand() }
    }

    private func writeEvent(_ context: inout AnalyzerContext) {
        guard context.wantsEvents else { return }
        event.write(hasCommand: isGreeted && !pending.isEmpty, tx: context.beginTransaction(.pop3), &context)
    }

    private func finishCommand() {
        if !pending.isEmpty { pending.removeFirst() }
    }
}
