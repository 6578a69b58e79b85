// SPDX-License-Identifier: Apache-2.0
//
// Internet Relay Chat (RFC 1459, RFC 2812), with the announcements of DCC.
//
// Reads   the lines of both directions of a TCP connection; TLS after STARTTLS.
// Writes  one `IRCRecord` for each NICK and USER, each channel of a JOIN, and each file; path "irc".
// Leaves  what people say; files sent by DCC, whose connections it announces (DataConnection.swift).

import Files
package import Records
import Wire

/// One command of a client.
package struct IRCRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var nick = Text.absent
    package var user = Text.absent
    package var command: StaticString?
    package var value = Text.absent
    package var addl = Text.absent
    package var fileName = Text.absent
    package var fileBytes: UInt64?
    package var mimeType = Text.absent
    package var file: UID?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.irc
    package static let summary: StaticString = "One command of an IRC client."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("nick", nick, in: text, "Nickname before the command.", isKey: true)
        row.text("user", user, in: text, "User name before the command.", isKey: true)
        row.text("command", command, "NICK, USER, JOIN or DCC.")
        row.text("value", value, in: text, "What the command sets: a name or a channel.", isKey: true)
        row.text("addl", addl, in: text, "The rest of the command, with the key of a channel that is joined.")
        row.text("dcc_file_name", fileName, in: text, "Name of the file that is sent.", isKey: true)
        row.count("dcc_file_size", fileBytes, "Octets of the file, as announced.")
        row.text("dcc_mime_type", mimeType, in: text, "Type of the file, by content.")
        row.fuid("fuid", file, "Identity of the file.")
    }
}

/// What the ends of a connection say first: a client and its server, or two servers. Both sides belong together.
enum IRCProbe {
    /// USER and NICK on two lines, in either order, or what a server says first.
    static func originator(_ bytes: RawSpan) -> ProbeVerdict {
        guard isText(bytes) else { return .never }
        var at = 0
        var ends = Ends()
        var before: StaticString?
        while let line = nextLine(bytes, &at, &ends, endsOnly: true) {
            // Most lines are told by the letter that they begin with.
            let letter = bytes.octet(line.lowerBound) | 0x20
            guard letter == 0x20 || letter == 0x6E || letter == 0x73 || letter == 0x75 else {
                before = nil
                continue
            }
            let text = bytes.extracting(line)
            if letter == 0x73, isServer(text) { return .matches }
            let words = spaces(text, 0)
            var name: StaticString?
            if text.beginning(with: "USER ", at: words, anyCase: true) == .matches,
                spaces(text, words &+ 5) < text.byteCount
            {
                name = "USER"
            } else if text.beginning(with: "NICK ", at: words, anyCase: true) == .matches {
                name = "NICK"
            }
            if let name, let before, before.description != name.description { return .matches }
            before = name
        }
        return .needsMore
    }

    /// A reply, which is an optional prefix, three digits, a blank; or what a server says first.
    static func responder(_ bytes: RawSpan) -> ProbeVerdict {
        guard isText(bytes) else { return .never }
        var at = 0
        var ends = Ends()
        while let line = nextLine(bytes, &at, &ends, endsOnly: false) {
            let text = bytes.extracting(line)
            var start = 0
            if text.octet(0) == 0x3A {
                guard let blank = text.firstIndex(of: 0x20) else { continue }
                start = blank &+ 1
            }
            // The last line may go on.
            if at < bytes.byteCount, isServer(text) { return .matches }
            guard text.byteCount >= start &+ 4, text.octet(start &+ 3) == 0x20 else { continue }
            if (start..<(start &+ 3)).allSatisfy({ (0x30...0x39).contains(text.octet($0)) }) { return .matches }
        }
        return .needsMore
    }

    /// `SERVER` name number ` :` text.
    private static func isServer(_ text: RawSpan) -> Bool {
        guard text.beginning(with: "SERVER ", at: 0, anyCase: true) == .matches,
            let name = text.firstIndex(of: 0x20, from: spaces(text, 7)),
            let number = text.firstIndex(of: 0x20, from: spaces(text, name))
        else { return false }
        let digits = spaces(text, name)..<number
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains(text.octet($0)) }) else { return false }
        let rest = spaces(text, number)
        return rest < text.byteCount && text.octet(rest) == 0x3A
    }

    /// A NUL tells most other protocols; without it all would be looked through for lines.
    private static func isText(_ bytes: RawSpan) -> Bool { bytes.firstIndex(of: 0) == nil }

    /// Where lines end. Each kind of end is looked for once behind the last one: every octet is passed twice at
    /// most, by the fastest means there is.
    private struct Ends {
        private var feed = -1
        private var mark = -1

        /// The first end at or after `at`, or the count of octets.
        mutating func next(_ bytes: RawSpan, _ at: Int) -> Int {
            if feed < at { feed = bytes.firstIndex(of: 0x0A, from: at) ?? bytes.byteCount }
            if mark < at { mark = bytes.firstIndex(of: 0x0D, from: at) ?? bytes.byteCount }
            return min(feed, mark)
        }
    }

    /// The next line with something on it; `endsOnly` where its end must have come.
    private static func nextLine(
        _ bytes: RawSpan, _ at: inout Int, _ ends: inout Ends, endsOnly: Bool
    ) -> Range<Int>? {
        while at < bytes.byteCount, isEnd(bytes.octet(at)) { at &+= 1 }
        guard at < bytes.byteCount else { return nil }
        let start = at
        at = ends.next(bytes, start)
        return at < bytes.byteCount || !endsOnly ? start..<at : nil
    }

    private static func isEnd(_ octet: UInt8) -> Bool { octet == 0x0D || octet == 0x0A }

    private static func spaces(_ bytes: RawSpan, _ start: Int) -> Int {
        var at = start
        while at < bytes.byteCount, bytes.octet(at) == 0x20 { at &+= 1 }
        return at
    }
}

/// IRC on one connection.
final class IRC: Analyzer {
    /// A longer line is not looked at (RFC 2812 section 2.3).
    private static let lineBytesMax = 512
    /// Octets of one line that are held; what follows counts as another line.
    private static let heldBytesMax = 1000
    /// Words that are longer are no command; so many of them, and the protocol is another.
    private static let commandBytesMax = 20
    private static let badCommandsMax = 20
    /// Words of a line that are looked at.
    private static let wordsMax = 64

    private var record = IRCRecord()
    private var originatorLines = LineReader(.either, bytesMax: IRC.heldBytesMax)
    private var responderLines = LineReader(.either, bytesMax: IRC.heldBytesMax)
    private var badCommands = 0
    private var tls = InnerTLS()

    // What rows say, kept from one to the next.
    private var nick: [UInt8]?
    private var user: [UInt8]?
    private var value: [UInt8]?
    private var addl: [UInt8]?
    private var fileName: [UInt8]?
    private var fileBytes: UInt64?
    /// When the newest file was announced, and its identity once it is there.
    private var announced = Timestamp.zero
    private var file: UID?

    init() { super.init(kind: .irc) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        if tls.isActive { return tls.stream(bytes, from: direction, &context) }
        // Out of the object while it is read.
        var lines = LineReader(.either, bytesMax: IRC.heldBytesMax)
        exchange(&lines, direction)
        cut(bytes, &lines, direction, &context)
        exchange(&lines, direction)
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        if tls.isActive { return tls.gap(count, from: direction, &context) }
        if direction == .originator { originatorLines.reset() } else { responderLines.reset() }
    }

    override func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        if tls.isActive { return tls.endOfStream(from: direction, &context) }
        var lines = LineReader(.either, bytesMax: IRC.heldBytesMax)
        exchange(&lines, direction)
        if lines.end() != nil {
            let whole = lines.take()
            line(whole.octets, direction, &context)
            lines.giveBack(whole)
        }
        exchange(&lines, direction)
    }

    override func finish(_ context: inout AnalyzerContext) { tls.finish(&context) }

    override func reset() {
        super.reset()
        originatorLines.reset()
        responderLines.reset()
        badCommands = 0
        tls.reset()
        (nick, user, value, addl, fileName, fileBytes) = (nil, nil, nil, nil, nil, nil)
        (announced, file) = (.zero, nil)
        record.text.clear()
    }

    private func exchange(_ lines: inout LineReader, _ direction: Direction) {
        if direction == .originator { swap(&lines, &originatorLines) } else { swap(&lines, &responderLines) }
    }

    // MARK: lines

    private func cut(
        _ bytes: RawSpan, _ lines: inout LineReader, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        var at = 0
        while !tls.isActive, !isDetached, let found = lines.next(bytes, &at) {
            // What there is of an overlong line counts as one, and the rest as another.
            if !found.isEnded { context.weird(.contentline_size_exceeded, source: "CONTENTLINE") }
            if found.isCarried {
                let whole = lines.take()
                line(whole.octets, direction, &context)
                lines.giveBack(whole)
            } else {
                line(bytes.extracting(found.range), direction, &context)
            }
        }
        guard tls.isActive, at < bytes.byteCount else { return }
        lines.skipFeed(bytes, &at)
        tls.stream(bytes.extracting(at..<bytes.byteCount), from: direction, &context)
    }

    private func line(_ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext) {
        guard bytes.byteCount <= IRC.lineBytesMax else { return context.weird(.irc_line_size_exceeded, source: "IRC") }
        var text = bytes.extracting(IRC.rest(bytes, 0))
        guard text.byteCount >= 3 else { return context.weird(.irc_line_too_short, source: "IRC") }
        // Tags, as servers of today write them before the line (IRCv3 message tags).
        if text.octet(0) == 0x40 {
            guard let blank = text.firstIndex(of: 0x20) else { return context.weird(.irc_invalid_line, source: "IRC") }
            text = text.extracting(IRC.rest(text, blank &+ 1))
            guard text.byteCount > 0 else { return context.weird(.irc_invalid_line, source: "IRC") }
        }
        if text.octet(0) == 0x3A {
            guard let blank = text.firstIndex(of: 0x20) else { return context.weird(.irc_invalid_line, source: "IRC") }
            text = text.extracting(IRC.rest(text, blank &+ 1))
        }
        guard text.byteCount >= 3 else {
            context.weird(.irc_invalid_line, source: "IRC")
            return violation(&context)
        }
        if IRC.isDigit(text.octet(0)) {
            guard text.byteCount >= 4, IRC.isDigit(text.octet(1)), IRC.isDigit(text.octet(2)), text.octet(3) == 0x20
            else {
                context.weird(.irc_invalid_reply_number, source: "IRC")
                return violation(&context)
            }
            // RPL_STARTTLS
            if text.begins(with: "670") { tls.begin(&context, in: kind) }
            return
        }
        let end = text.firstIndex(of: 0x20) ?? text.byteCount
        let parameters = text.extracting(IRC.rest(text, end &+ 1))
        command(text.extracting(0..<end), parameters, direction, &context)
    }

    private func command(
        _ name: RawSpan, _ parameters: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        if direction == .originator, IRC.isKnown(name) { confirm(&context) }
        guard name.byteCount <= IRC.commandBytesMax else {
            context.weird(.irc_invalid_command, source: "IRC")
            badCommands &+= 1
            guard badCommands > IRC.badCommandsMax else { return }
            context.weird(.irc_too_many_invalid, source: "IRC")
            return violation(&context)
        }
        let isOriginator = direction == .originator
        if IRC.equal(name, "PRIVMSG") {
            message(parameters, &context)
        } else if IRC.equal(name, "USER"), isOriginator {
            userNamed(parameters, &context)
        } else if IRC.equal(name, "NICK"), isOriginator {
            let named = parameters.extracting(IRC.withoutColon(parameters))
            IRC.set(&value, named)
            write("NICK", &context)
            IRC.set(&nick, named)
        } else if IRC.equal(name, "JOIN") {
            join(parameters.extracting(IRC.withoutColon(parameters)), direction, &context)
        } else if IRC.equal(name, "NJOIN") {
            serverJoin(parameters, direction, &context)
        }
    }

    // MARK: commands

    //  USER user host server :real name
    private func userNamed(_ parameters: RawSpan, _ context: inout AnalyzerContext) {
        var at = 0
        var index = 0
        var name: [UInt8] = []
        var rest: [UInt8] = []
        while index < IRC.wordsMax, let word = IRC.nextWord(parameters, &at, 0x20) {
            var text = parameters.extracting(word)
            switch index {
            case 0: text.append(to: &name)
            case 1: text.append(to: &rest)
            case 2:
                rest.append(0x20)
                text.append(to: &rest)
            default:
                // The words of a real name run together as the field's logs have them:
                // no blank behind the first, one behind each other.
                if index == 3 {
                    rest.append(0x20)
                    text = text.extracting(IRC.withoutColon(text))
                }
                text.append(to: &rest)
                if index > 3 { rest.append(0x20) }
            }
            index &+= 1
        }
        for _ in 0..<max(0, 3 &- max(index, 1)) { rest.append(0x20) }
        if index == 3 { rest.append(0x20) }
        value = name
        addl = rest
        write("USER", &context)
        user = name
    }

    private func join(_ parameters: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext) {
        var at = 0
        guard let channels = IRC.nextWord(parameters, &at, 0x20) else {
            return context.weird(.irc_invalid_join_line, source: "IRC")
        }
        guard direction == .originator else { return }
        let keys = IRC.nextWord(parameters, &at, 0x20) ?? 0..<0
        let names = parameters.extracting(channels)
        let words = parameters.extracting(keys)
        var place = 0
        var keyPlace = 0
        var count = 0
        while count < IRC.wordsMax, let channel = IRC.nextWord(names, &place, 0x2C) {
            IRC.set(&value, names.extracting(channel))
            var key: [UInt8] = []
            if let word = IRC.nextWord(words, &keyPlace, 0x2C) {
                key.append(contentsOf: " with channel key: '".utf8)
                words.extracting(word).append(to: &key)
                key.append(0x27)
            }
            addl = key
            write("JOIN", &context)
            count &+= 1
        }
    }

    /// One server tells another who is on a channel.
    private func serverJoin(_ parameters: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext) {
        var at = 0
        guard let channel = IRC.nextWord(parameters, &at, 0x20), let users = IRC.nextWord(parameters, &at, 0x20),
            IRC.nextWord(parameters, &at, 0x20) == nil
        else { return context.weird(.irc_invalid_njoin_line, source: "IRC") }
        guard direction == .originator else { return }
        let list = parameters.extracting(users)
        let names = list.extracting(IRC.withoutColon(list))
        var place = 0
        var count = 0
        while count < IRC.wordsMax, IRC.nextWord(names, &place, 0x2C) != nil {
            IRC.set(&value, parameters.extracting(channel))
            addl = []
            write("JOIN", &context)
            count &+= 1
        }
    }

    //  PRIVMSG target :^ADCC SEND file address port octets^A
    private func message(_ parameters: RawSpan, _ context: inout AnalyzerContext) {
        guard let blank = parameters.firstIndex(of: 0x20) else {
            return context.weird(.irc_invalid_privmsg_message_format, source: "IRC")
        }
        var text = parameters.extracting(IRC.rest(parameters, blank &+ 1))
        text = text.extracting(IRC.withoutColon(text))
        if text.byteCount > 0, text.octet(0) == 1 { text = text.extracting(1..<text.byteCount) }
        guard text.byteCount > 3, text.begins(with: "DCC") else { return }
        if text.octet(text.byteCount &- 1) == 1 { text = text.extracting(0 ..< text.byteCount &- 1) }
        var words: [8 of Range<Int>] = .init(repeating: 0..<0)
        var count = 0
        var at = 0
        while let word = IRC.nextWord(text, &at, 0x20) {
            if count < 8 { words[count] = word }
            count &+= 1
        }
        // Turbo DCC has a T behind the size.
        let isTurbo = count == 7 && IRC.equal(text.extracting(words[6]), "T")
        guard count == 5 || count == 6 || isTurbo else {
            return context.weird(.irc_invalid_dcc_message_format, source: "IRC")
        }
        guard IRC.equal(text.extracting(words[1]), "SEND", anyCase: false) else { return }
        IRC.set(&fileName, text.extracting(words[2]))
        fileBytes = count >= 6 ? IRC.number(text.extracting(words[5])) : 0
        record.uid = context.uid
        record.id = context.id
        announced = context.now
        let port = IRC.number(text.extracting(words[4]))
        guard let address = IRC.address(text.extracting(words[3])), port <= 65_535 else { return }
        context.expect(.ircData, .tcp, from: nil, to: address, port: UInt16(port), by: self)
    }

    override func transferBegan(_ file: FileHandle, _ context: inout AnalyzerContext) {
        self.file = context.fileID(file)
        if let fileName { context.nameFile(file, fileName.octets) }
    }

    /// A row about the file; its columns then wait for another.
    override func transferTyped(_ type: MIMEType?, _ context: inout AnalyzerContext) {
        guard fileName != nil else { return }
        record.ts = announced
        write("DCC", type, &context)
        (fileName, fileBytes) = (nil, nil)
    }

    private func write(_ command: StaticString, _ context: inout AnalyzerContext) {
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        write(command, nil, &context)
    }

    private func write(_ command: StaticString, _ type: MIMEType?, _ context: inout AnalyzerContext) {
        record.command = command
        record.text.clear()
        record.nick = place(nick)
        record.user = place(user)
        record.value = place(value)
        record.addl = place(addl)
        record.fileName = place(fileName)
        record.fileBytes = fileBytes
        record.mimeType = type.map { $0.write(to: &record.text) } ?? .absent
        record.file = file
        context.output.emit(record)
    }

    private func place(_ octets: [UInt8]?) -> Text {
        guard let octets else { return .absent }
        return record.text.add(octets.octets)
    }
}

// MARK: words

extension IRC {
    /// Replaces a kept text; keeps its memory.
    fileprivate static func set(_ kept: inout [UInt8]?, _ bytes: RawSpan) {
        var octets = kept ?? []
        kept = nil
        octets.removeAll(keepingCapacity: true)
        bytes.append(to: &octets)
        kept = octets
    }

    /// Where the text behind blanks stands, from `start` on.
    fileprivate static func rest(_ bytes: RawSpan, _ start: Int) -> Range<Int> {
        var at = min(start, bytes.byteCount)
        while at < bytes.byteCount, bytes.octet(at) == 0x20 { at &+= 1 }
        return at..<bytes.byteCount
    }

    /// Where a text stands without the colon that marks the last of several.
    fileprivate static func withoutColon(_ bytes: RawSpan) -> Range<Int> {
        let hasColon = bytes.byteCount > 0 && bytes.octet(0) == 0x3A
        return (hasColon ? 1 : 0)..<bytes.byteCount
    }

    /// The next run of octets without `mark`.
    fileprivate static func nextWord(_ bytes: RawSpan, _ at: inout Int, _ mark: UInt8) -> Range<Int>? {
        while at < bytes.byteCount, bytes.octet(at) == mark { at &+= 1 }
        guard at < bytes.byteCount else { return nil }
        let start = at
        at = bytes.firstIndex(of: mark, from: start) ?? bytes.byteCount
        return start..<at
    }

    fileprivate static func equal(_ bytes: RawSpan, _ word: StaticString, anyCase: Bool = true) -> Bool {
        bytes.byteCount == word.utf8CodeUnitCount
            && bytes.matches(word, at: 0, count: bytes.byteCount, anyCase: anyCase)
    }

    fileprivate static func isDigit(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) }

    /// Leading digits; saturates.
    fileprivate static func number(_ bytes: RawSpan) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<bytes.byteCount {
            guard isDigit(bytes.octet(index)) else { break }
            guard value < 1 << 58 else { return .max }
            value = value &* 10 &+ UInt64(bytes.octet(index) &- 0x30)
        }
        return value
    }

    /// A number of 32 bits, as most clients write an IPv4 address, or an address as text.
    fileprivate static func address(_ bytes: RawSpan) -> Address? {
        var isNumber = bytes.byteCount > 0 && bytes.byteCount <= 10
        for index in 0..<bytes.byteCount where !isDigit(bytes.octet(index)) { isNumber = false }
        if isNumber {
            let value = number(bytes)
            return value <= UInt64(UInt32.max) ? Address(v4: UInt32(value)) : nil
        }
        // An address has at most 45 characters.
        guard bytes.byteCount <= 45 else { return nil }
        var text: [UInt8] = []
        bytes.append(to: &text)
        return Address(String(decoding: text, as: UTF8.self))
    }

    /// Commands that a client may send: RFC 2812, and what servers have added.
    fileprivate static func isKnown(_ name: RawSpan) -> Bool {
        for command in commands where equal(name, command) { return true }
        return false
    }

    private static let commands: [StaticString] = [
        "ADMIN", "AUTHENTICATE", "AWAY", "CAP", "CNOTICE", "CONNECT", "CPRIVMSG", "DIE", "ENCAP", "ERROR", "HELP",
        "INFO", "INVITE", "ISON", "JOIN", "KICK", "KILL", "KNOCK", "LINKS", "LIST", "LUSERS", "MODE", "MOTD", "NAMES",
        "NAMESX", "NICK", "NJOIN", "NOTICE", "OPER", "PART", "PASS", "PING", "PONG", "PRIVMSG", "PROTOCTL", "QUIT",
        "REHASH", "RESTART", "RULES", "SERVER", "SERVICE", "SERVLIST", "SETNAME", "SILENCE", "SQUERY", "SQUIT",
        "STARTTLS", "STATS", "SUMMON", "TIME", "TOPIC", "TRACE", "UHNAMES", "USER", "USERHOST", "USERIP", "USERS",
        "VERSION", "WALLOPS", "WATCH", "WHO", "WHOIS", "WHOWAS",
    ]
}
