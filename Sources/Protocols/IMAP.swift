// SPDX-License-Identifier: Apache-2.0
//
// Internet Message Access Protocol (RFC 9051, RFC 3501).
//
// Reads   command and response lines of a TCP connection, and the literals between them.
// Writes  no record: the protocol's name in `service`; parts of mails that are fetched whole or appended are files.
// Leaves  parts that are fetched one by one, headers of mails, what is compressed (RFC 4978). TLS (InnerTLS.swift).

import Records
import Wire

/// One direction: lines, and octets of a literal inside of them.
final class IMAPSide {
    let isClient: Bool
    var lines = LineReader(.either, bytesMax: 8192)
    /// Octets of a literal that are still to come, and how many it has.
    var literalLeft: UInt64 = 0
    var literalLength: UInt64 = 0
    /// The literal at hand is a mail, or the next part of one.
    var isMail = false
    /// That mail comes in parts (`BODY[]<0>`), of which another may follow.
    var isPart = false
    /// A literal has interrupted the line.
    var continuesLine = false
    /// The last piece of the line at hand was no end.
    var isMidLine = false
    /// The line at hand hands a mail over.
    var isAppend = false
    /// The client waits for leave to send the literal (RFC 9051 section 4.3).
    var awaitsLeave = false
    /// The tag of the line at hand.
    var tag: [UInt8] = []
    let mail: MailFiles
    /// Octets of the mail so far, and its lines.
    private(set) var mailBytes: UInt64 = 0
    private var mailLines = LineReader(.feed)

    init(_ direction: Direction) {
        isClient = direction == .originator
        mail = MailFiles(.imap, from: direction)
    }

    func reset() {
        lines.reset()
        (literalLeft, literalLength) = (0, 0)
        (isMail, isPart, continuesLine, isMidLine) = (false, false, false, false)
        (isAppend, awaitsLeave) = (false, false)
        tag.removeAll(keepingCapacity: true)
        mail.reset()
        mailBytes = 0
        mailLines.reset()
    }

    func beginMail(_ context: inout AnalyzerContext) {
        endMail(&context)
        mailLines.reset()
        mailBytes = 0
        mail.begin(&context)
    }

    func deliver(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        mailBytes &+= UInt64(bytes.byteCount)
        var at = 0
        while let found = mailLines.next(bytes, &at) {
            if found.isCarried {
                let whole = mailLines.take()
                mail.deliver(whole.octets, endsLine: found.isEnded, &context)
                mailLines.giveBack(whole)
            } else {
                mail.deliver(bytes.extracting(found.range), endsLine: found.isEnded, &context)
            }
        }
    }

    /// The last line may have no end.
    func endMail(_ context: inout AnalyzerContext) {
        guard mail.isOpen else { return }
        if mailLines.end() != nil {
            let whole = mailLines.take()
            mail.deliver(whole.octets, endsLine: false, &context)
            mailLines.giveBack(whole)
        }
        mail.end(&context)
    }

    /// The literal at hand is over.
    func endLiteral(_ context: inout AnalyzerContext) {
        literalLeft = 0
        if isMail, !isPart { endMail(&context) }
        isMail = false
    }
}

/// A literal at the end of a line: `{123}`, `{123+}`, `~{123}` (RFC 9051 section 4.3, RFC 7888, RFC 3516).
struct IMAPLiteral {
    let length: UInt64
    /// The sender waits until the other side is ready.
    let waits: Bool
    /// Where it begins in the line.
    let start: Int

    /// Nil where the line ends in something else.
    init?(endOf line: RawSpan) {
        let count = line.byteCount
        guard count >= 3, line.octet(count &- 1) == 0x7D else { return nil }
        waits = line.octet(count &- 2) != 0x2B
        let end = waits ? count &- 1 : count &- 2
        var at = end
        while at > 0, HTTPOctets.isDigit(line.octet(at &- 1)) { at &-= 1 }
        guard at > 0, line.octet(at &- 1) == 0x7B,
            let length = HTTPView.number(line.extracting(at..<end), radix: 10)
        else { return nil }
        self.length = length
        at &-= 1
        start = at > 0 && line.octet(at &- 1) == 0x7E ? at &- 1 : at
    }
}

/// A server's greeting, and a client's first command behind its tag.
enum IMAPProbe {
    private static let tagBytesMax = 16
    private static let commands: [StaticString] = [
        "CAPABILITY", "LOGIN", "AUTHENTICATE", "STARTTLS", "ID", "NOOP", "LOGOUT", "NAMESPACE", "SELECT", "LIST",
    ]

    static func greeting(_ bytes: RawSpan) -> ProbeVerdict {
        let verdict = bytes.beginning(with: "* OK ", at: 0, anyCase: true)
        return verdict == .never ? bytes.beginning(with: "* PREAUTH ", at: 0, anyCase: true) : verdict
    }

    static func command(_ bytes: RawSpan) -> ProbeVerdict {
        var end = 0
        while end < bytes.byteCount, isOfTag(bytes.octet(end)) {
            guard end < tagBytesMax else { return .never }
            end &+= 1
        }
        guard end < bytes.byteCount else { return .needsMore }
        guard end > 0, bytes.octet(end) == 0x20 else { return .never }
        var verdict = ProbeVerdict.never
        for command in commands {
            switch bytes.beginning(with: command, at: end &+ 1, anyCase: true) {
            case .matches: return .matches
            case .needsMore: verdict = .needsMore
            case .never: break
            }
        }
        return verdict
    }

    /// Letters, digits and dots; others may stand in tags and do not.
    private static func isOfTag(_ octet: UInt8) -> Bool {
        octet == 0x2E || HTTPOctets.isDigit(octet) || (0x61...0x7A).contains(octet | 0x20)
    }
}

final class IMAP: Analyzer {
    /// Octets of a tag that are told apart.
    private static let tagBytesMax = 64

    private let client = IMAPSide(.originator)
    private let server = IMAPSide(.responder)
    private var tls = InnerTLS()
    /// The tag of the client's STARTTLS; empty before it.
    private var tag: [UInt8] = []
    /// Behind the login, or what follows one: no STARTTLS comes.
    private var isPastLogin = false
    private var isOver = false

    init() { super.init(kind: .imap) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard !context.isPartial, !isOver else { return }
        var at = 0
        let side = direction == .originator ? client : server
        while !tls.isActive, !isDetached, !isOver {
            if side.literalLeft > 0 {
                side.lines.skipFeed(bytes, &at)
                guard at < bytes.byteCount else { break }
                literal(bytes, &at, side, &context)
                continue
            }
            guard let found = side.lines.next(bytes, &at) else { break }
            if found.isCarried {
                let whole = side.lines.take()
                piece(whole.octets, isEnded: found.isEnded, side, &context)
                side.lines.giveBack(whole)
            } else {
                piece(bytes.extracting(found.range), isEnded: found.isEnded, side, &context)
            }
        }
        guard tls.isActive, at < bytes.byteCount else { return }
        tls.stream(bytes.extracting(at..<bytes.byteCount), from: direction, &context)
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        if tls.isActive { return tls.gap(count, from: direction, &context) }
        guard !isOver, count > 0 else { return }
        // Inside of a literal it is known where the lines go on.
        let side = direction == .originator ? client : server
        if side.isMail || side.isPart { side.endMail(&context) }
        (side.isMail, side.isPart) = (false, false)
        guard UInt64(count) < side.literalLeft else {
            isOver = true
            client.endMail(&context)
            return server.endMail(&context)
        }
        side.literalLeft &-= UInt64(count)
    }

    override func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        tls.endOfStream(from: direction, &context)
    }

    override func finish(_ context: inout AnalyzerContext) {
        client.endMail(&context)
        server.endMail(&context)
        tls.finish(&context)
    }

    override func reset() {
        super.reset()
        client.reset()
        server.reset()
        tls.reset()
        tag.removeAll(keepingCapacity: true)
        (isPastLogin, isOver) = (false, false)
    }

    // MARK: lines

    /// A line, or what a literal has left of one; pieces of one that is too long.
    private func piece(_ bytes: RawSpan, isEnded: Bool, _ side: IMAPSide, _ context: inout AnalyzerContext) {
        let begins = !side.continuesLine && !side.isMidLine
        side.isMidLine = !isEnded
        if begins { line(bytes, side, &context) }
        guard isEnded, !tls.isActive, !isDetached else { return }
        let literal = IMAPLiteral(endOf: bytes)
        side.continuesLine = literal != nil
        guard let literal else {
            side.isAppend = false
            return
        }
        (side.literalLeft, side.literalLength) = (literal.length, literal.length)
        side.awaitsLeave = side.isClient && literal.waits
        if side.isClient {
            side.isMail = side.isAppend && !IMAP.isMailbox(bytes, literal.start)
            if side.isMail { side.beginMail(&context) }
        } else {
            side.isMail = beginFetch(bytes.extracting(0..<literal.start), &context)
        }
        if literal.length == 0 { side.endLiteral(&context) }
    }

    /// A tag, a blank, a command.
    private func line(_ bytes: RawSpan, _ side: IMAPSide, _ context: inout AnalyzerContext) {
        guard bytes.byteCount > 0 else { return }
        let tagEnd = wordEnd(bytes, 0)
        let start = TextProbe.skipBlanks(bytes, tagEnd)
        let end = wordEnd(bytes, start)
        guard tagEnd > 0, start > tagEnd, end > start else {
            // Text of a response may have any form; a first line may not.
            if !isConfirmed { violation(&context) }
            return
        }
        let tag = bytes.extracting(0..<tagEnd)
        let command = bytes.extracting(start..<end)
        if side.isClient {
            request(tag, command, &context)
        } else {
            // The greeting is the first of the answers that belong to no command.
            if !isPastLogin, command.isText("ok") { context.greeting(.imapServer, bytes) }
            response(tag, command, &context)
        }
        for name in IMAP.lastCommands where isExactly(name, command) {
            confirm(&context)
            isPastLogin = true
        }
    }

    private func request(_ tag: RawSpan, _ command: RawSpan, _ context: inout AnalyzerContext) {
        client.tag.removeAll(keepingCapacity: true)
        tag.extracting(first: IMAP.tagBytesMax).append(to: &client.tag)
        client.isAppend = command.isText("append")
        guard !isPastLogin else { return }
        let startsTLS = command.isText("starttls")
        if startsTLS || isExactly("capability", command) { confirm(&context) }
        if startsTLS {
            self.tag.removeAll(keepingCapacity: true)
            tag.append(to: &self.tag)
        }
    }

    private func response(_ tag: RawSpan, _ command: RawSpan, _ context: inout AnalyzerContext) {
        let isGood = command.isText("ok")
        if tag.byteCount == 1, tag.octet(0) == 0x2A {
            if isGood { confirm(&context) }
            return
        }
        if isGood, !isPastLogin, IMAP.isEqual(tag, self.tag) { return tls.begin(&context, in: kind) }
        // Refused: the literal does not come.
        guard client.awaitsLeave, client.literalLeft == client.literalLength else { return }
        if command.isText("no") || command.isText("bad"), IMAP.isEqual(tag, client.tag) {
            client.endLiteral(&context)
            (client.awaitsLeave, client.continuesLine, client.isAppend) = (false, false, false)
        }
    }

    private func wordEnd(_ bytes: RawSpan, _ start: Int) -> Int {
        var at = start
        while at < bytes.byteCount, bytes.octet(at) > 0x20, bytes.octet(at) < 0x7F { at &+= 1 }
        return at
    }

    private static func isEqual(_ octets: RawSpan, _ other: [UInt8]) -> Bool {
        guard !other.isEmpty, octets.byteCount == other.count else { return false }
        for index in 0..<octets.byteCount where octets.octet(index) != other[index] { return false }
        return true
    }

    private func isExactly(_ name: StaticString, _ word: RawSpan) -> Bool {
        word.byteCount == name.utf8CodeUnitCount && word.begins(with: name)
    }

    /// Behind these no STARTTLS comes.
    private static let lastCommands: [StaticString] = [
        "authenticate", "login", "examine", "create", "list", "fetch",
    ]

    // MARK: mails

    /// Whether the literal is the name of the mailbox: it stands directly behind the command.
    private static func isMailbox(_ line: RawSpan, _ start: Int) -> Bool {
        var at = 0
        guard TextLine.nextWord(line, &at) != nil, let command = TextLine.nextWord(line, &at),
            line.extracting(command).isText("append")
        else { return false }
        return MIMEText.skipBlanks(line, at) >= start
    }

    /// Whether what is fetched is a whole mail, or the part of one that comes next; `line` is what stands
    /// before the literal: `… BODY[]`, `… BODY[]<1024>`, `… RFC822`.
    private func beginFetch(_ line: RawSpan, _ context: inout AnalyzerContext) -> Bool {
        var end = line.byteCount
        while end > 0, HTTPOctets.isBlank(line.octet(end &- 1)) { end &-= 1 }
        var start = end
        while start > 0, !HTTPOctets.isBlank(line.octet(start &- 1)), line.octet(start &- 1) != 0x28 { start &-= 1 }
        let word = line.extracting(start..<end)
        var origin: UInt64?
        if word.byteCount > 8, word.matches("BODY[]<", at: 0, count: 7, anyCase: true) {
            origin = HTTPView.number(word.extracting(7 ..< word.byteCount &- 1), radix: 10)
        } else if !word.isText("BODY[]"), !word.isText("RFC822") {
            return false
        }
        if let origin, origin > 0 {
            let isNext = server.isPart && server.mail.isOpen && origin == server.mailBytes
            if !isNext { server.endMail(&context) }
            return isNext
        }
        server.isPart = origin != nil
        server.beginMail(&context)
        return true
    }

    /// Octets of the literal at hand.
    private func literal(_ bytes: RawSpan, _ at: inout Int, _ side: IMAPSide, _ context: inout AnalyzerContext) {
        let count = Int(min(side.literalLeft, UInt64(bytes.byteCount &- at)))
        if side.isMail { side.deliver(bytes.extracting(at ..< at &+ count), &context) }
        at &+= count
        side.literalLeft &-= UInt64(count)
        if side.literalLeft == 0 { side.endLiteral(&context) }
    }
}
