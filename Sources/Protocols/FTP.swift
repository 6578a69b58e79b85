// SPDX-License-Identifier: Apache-2.0
//
// File Transfer Protocol, control connection (RFC 959, RFC 2428, RFC 4217).
//
// Reads   command and reply lines of a TCP connection.
// Writes  one `FTPRecord` per command that moves or removes files or opens a data
//         connection, path "ftp".
// Leaves  the data connections, which it announces (DataConnection.swift). TLS (InnerTLS.swift).

import Files
package import Records
import Wire

/// One command and its reply.
package struct FTPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var user = Text.absent
    package var password = Text.absent
    package var command = Text.absent
    package var argument = Text.absent
    package var mimeType = Text.absent
    package var fileSize: UInt64?
    package var replyCode: UInt64?
    package var replyMessage = Text.absent
    var channel: FTPChannel?
    package var file: UID?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.ftp
    package static let summary: StaticString = "One FTP command and its reply."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("user", user, in: text, "Name of the user.", isKey: true)
        row.text("password", password, in: text, "Password of an anonymous user; <hidden> for all others.")
        row.text("command", command, in: text, "The command, in capitals.")
        row.text("arg", argument, in: text, "Its argument; the whole path as a URL where it names a file.", isKey: true)
        row.text("mime_type", mimeType, in: text, "Type of the file, by content.")
        row.count("file_size", fileSize, "Octets of the file, as the server says.")
        row.count("reply_code", replyCode, "Code of the reply.")
        row.text("reply_msg", replyMessage, in: text, "Text of the reply.")
        row.boolean("data_channel.passive", channel?.isPassive, "Whether the client opens the data connection.")
        row.address("data_channel.orig_h", channel?.originator, "Who opens the data connection.")
        row.address("data_channel.resp_h", channel?.responder, "Who is waiting for it.")
        row.port("data_channel.resp_p", channel?.port, "On which port.")
        row.fuid("fuid", file, "Identity of the file that was moved.")
    }
}

/// A data connection that is to come.
struct FTPChannel: Equatable, Sendable {
    var isPassive: Bool
    var originator: Address
    var responder: Address
    var port: UInt16
}

/// A command whose reply is awaited.
struct FTPCommand {
    /// Counts commands; tells one from another of the same name.
    var number: UInt64
    var ts: Timestamp
    var name: Text
    var argument: Text
    /// The working directory follows from it, once.
    var isUsed = false
}

final class FTP: Analyzer {
    /// Commands that wait for a reply at a time (`FTP::max_pending_commands`).
    static let pendingMax = 20
    /// Octets of a command (`FTP::max_command_length`).
    static let commandBytesMax = 100
    static let userBytesMax = 128
    static let argumentBytesMax = 4096
    static let keptBytesMax = 8192
    /// Octets of commands that are kept before the memory of answered ones is taken back.
    private static let textBytesMax = 1 << 18

    private var requests = LineReader(.feed)
    private var replies = LineReader(.feed)
    private var tls = InnerTLS()
    /// What signatures see.
    private var view = FTPView()
    private var asksForTLS = false
    /// Commands as EVE tells of them.
    private(set) var events = FTPEvents()
    /// The code of a reply that has more lines to come; 0 for none.
    private var openReply = 0

    // The session.

    var hasSession = false
    private var pending: [FTPCommand] = []
    /// The command that the last reply belongs to.
    private var current: FTPCommand?
    private var commandCount: UInt64 = 0
    private var commandText = TextBuffer()
    private var record = FTPRecord()
    /// What the file on the data connection is, as far as it is known.
    private var transfer = Transfer.none
    private var hasWritten = false
    private var hasFinished = false
    /// Values of columns that stay from row to row.
    private var user: [UInt8] = []
    private var password: [UInt8] = []
    private var hasUser = false
    private var hasPassword = false
    private var isPasswordHidden = false
    private var replyMessage: [UInt8] = []
    var directory: [UInt8] = [0x2E]
    var scratch: [UInt8] = []

    private enum Transfer {
        case none
        /// Nothing that is known begins like it.
        case unknown
        case known(MIMEType)
    }

    init() { super.init(kind: .ftp) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        var at = 0
        while !tls.isActive, !isDetached {
            let isRequest = direction == .originator
            guard let line = isRequest ? requests.next(bytes, &at) : replies.next(bytes, &at) else { break }
            if line.isCarried {
                let whole = isRequest ? requests.take() : replies.take()
                self.line(whole.octets, from: direction, &context)
                if isRequest { requests.giveBack(whole) } else { replies.giveBack(whole) }
            } else {
                self.line(bytes.extracting(line.range), from: direction, &context)
            }
        }
        guard tls.isActive, at < bytes.byteCount else { return }
        tls.stream(bytes.extracting(at..<bytes.byteCount), from: direction, &context)
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        if tls.isActive { return tls.gap(count, from: direction, &context) }
        // What is held has lost its end; what comes has lost its beginning.
        if direction == .originator { requests.reset() } else { replies.reset() }
    }

    override func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        if tls.isActive { return tls.endOfStream(from: direction, &context) }
        let isRequest = direction == .originator
        guard (isRequest ? requests.end() : replies.end()) != nil else { return }
        let whole = isRequest ? requests.take() : replies.take()
        line(whole.octets, from: direction, &context)
        if isRequest { requests.giveBack(whole) } else { replies.giveBack(whole) }
    }

    override func finish(_ context: inout AnalyzerContext) {
        tls.finish(&context)
        events.finish(&context)
        guard hasSession else { return }
        for command in pending {
            current = command
            finishCommand(&context)
        }
        // A login without a file is worth a row too.
        if !hasWritten, hasUser, hasFinished { emit(&context) }
        pending.removeAll(keepingCapacity: true)
        hasSession = false
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) { events.write(tx, to: &event) }

    override func reset() {
        super.reset()
        events.clear()
        requests.reset()
        replies.reset()
        tls.reset()
        view.reset()
        (asksForTLS, openReply, hasSession, hasWritten, hasFinished) = (false, 0, false, false, false)
        pending.removeAll(keepingCapacity: true)
        current = nil
        commandCount = 0
        commandText.clear()
        record = FTPRecord()
        transfer = .none
        (hasUser, hasPassword, isPasswordHidden) = (false, false, false)
        user.removeAll(keepingCapacity: true)
        password.removeAll(keepingCapacity: true)
        if replyMessage.capacity > FTP.keptBytesMax { replyMessage = [] }
        replyMessage.removeAll(keepingCapacity: true)
        directory = [0x2E]
        scratch = []
    }

    // MARK: lines

    private func line(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard bytes.byteCount > 0 else { return }
        // Telnet commands may stand in the line (RFC 959 section 3.1).
        if bytes.firstIndex(of: 0xFF) != nil {
            let plain = FTP.withoutTelnet(bytes)
            return plainLine(plain.octets, from: direction, &context)
        }
        plainLine(bytes, from: direction, &context)
    }

    private func plainLine(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard bytes.byteCount > 0 else { return }
        if context.wantsEvents || context.wantsTransactions {
            if direction == .originator { events.command(bytes, &context) } else { events.reply(bytes, &context) }
        }
        if direction == .originator { request(bytes, &context) } else { reply(bytes, &context) }
    }

    /// The octets without commands of Telnet (RFC 854): an option takes three octets, 255 twice stands for itself.
    private static func withoutTelnet(_ bytes: RawSpan) -> [UInt8] {
        var plain: [UInt8] = []
        var at = 0
        while at < bytes.byteCount {
            let octet = bytes.octet(at)
            at &+= 1
            guard octet == 0xFF else {
                plain.append(octet)
                continue
            }
            guard at < bytes.byteCount else { break }
            let command = bytes.octet(at)
            at &+= 1
            if command == 0xFF { plain.append(0xFF) }
            if (251...254).contains(command) { at &+= 1 }
        }
        return plain
    }

    private func request(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        let count = bytes.byteCount
        let start = TextProbe.skipBlanks(bytes, 0)
        var end = start
        while end < count, !HTTPOctets.isSpace(bytes.octet(end)) { end &+= 1 }
        var isCommand = end &- start >= 3
        for index in start..<end where bytes.octet(index) < 0x21 || bytes.octet(index) > 0x7E { isCommand = false }
        guard isCommand else {
            if isConfirmed { context.weird(.FTP_invalid_command, source: "FTP") }
            return
        }
        guard end &- start <= FTP.commandBytesMax else {
            guard isConfirmed else { return }
            context.requests.append(.limitReached)
            context.weird(.FTP_max_command_length_exceeded, addl: UInt64(end &- start), source: "FTP")
            return
        }
        confirm(&context)
        let name = bytes.extracting(start..<end)
        let argument = bytes.extracting(TextProbe.skipBlanks(bytes, end)..<count)
        view.show(command: name, argument, lineCount: count, &context)
        if name.isText("AUTH") { asksForTLS = argument.byteCount == 3 && argument.begins(with: "TLS") }
        command(name, argument, &context)
    }

    /// Lines of a reply (RFC 959 section 4.2): the last of several repeats the code, and a blank.
    private func reply(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        let code = FTP.code(bytes)
        let next = bytes.byteCount > 3 ? bytes.octet(3) : 0x20
        if openReply != 0 {
            guard code == openReply, bytes.byteCount > 3, next == 0x20 else {
                return replied(0, bytes, isMore: true, &context)
            }
            openReply = 0
        } else if code < 100 {
            return violation(&context)
        } else if next == 0x2D {
            openReply = code
        } else if next != 0x20 {
            return violation(&context)
        }
        let isMore = openReply != 0
        let text = bytes.extracting(TextProbe.skipBlanks(bytes, isMore ? 4 : 3)..<bytes.byteCount)
        view.show(
            reply: text, code: bytes.extracting(0..<min(3, bytes.byteCount)), isMore: isMore,
            lineCount: bytes.byteCount, &context)
        if code == 234, asksForTLS { tls.begin(&context, in: kind) }
        replied(code, text, isMore: isMore, &context)
    }

    private static func code(_ bytes: RawSpan) -> Int {
        guard bytes.byteCount >= 3 else { return 0 }
        var value = 0
        for index in 0..<3 {
            guard HTTPOctets.isDigit(bytes.octet(index)) else { return 0 }
            value = value &* 10 &+ Int(bytes.octet(index) &- 0x30)
        }
        return value
    }

    // MARK: commands

    private func beginSession(_ context: inout AnalyzerContext) {
        guard !hasSession else { return }
        hasSession = true
        record.uid = context.uid
        record.id = context.id
        // Something that the greeting answers.
        add("<init>", context.now)
    }

    private func add(_ name: StaticString, _ ts: Timestamp) {
        commandCount &+= 1
        let name = commandText.add(name)
        let argument = commandText.add("")
        pending.append(FTPCommand(number: commandCount, ts: ts, name: name, argument: argument))
    }

    private func command(_ name: RawSpan, _ argument: RawSpan, _ context: inout AnalyzerContext) {
        // The last command is over when the next one comes: only then its last reply is known.
        if let current, record.replyCode != nil, remove(current) { finishCommand(&context) }
        beginSession(&context)
        tidy()
        var capitals: [UInt8] = []
        for index in 0..<name.byteCount {
            let octet = name.octet(index)
            capitals.append((0x61...0x7A).contains(octet) ? octet &- 0x20 : octet)
        }
        if pending.count < FTP.pendingMax {
            commandCount &+= 1
            let text = commandText.add(capitals.octets)
            let words = commandText.add(argument)
            pending.append(FTPCommand(number: commandCount, ts: context.now, name: text, argument: words))
        } else {
            context.weird(.FTP_too_many_pending_commands, addl: UInt64(pending.count), source: "FTP")
        }
        if name.isText("USER") {
            keep(argument, .FTP_user_too_long, &user, &context)
            hasUser = true
        } else if name.isText("PASS") {
            keep(argument, .FTP_password_too_long, &password, &context)
            hasPassword = true
            isPasswordHidden = false
        } else if name.isText("CLNT") {
            context.software(.ftpClient, argument, of: context.id.originator)
        } else if name.isText("PORT") || name.isText("EPRT") {
            guard let place = name.isText("PORT") ? FTP.port(argument) : FTP.extendedPort(argument) else { return }
            expect(
                FTPChannel(
                    isPassive: false, originator: context.id.responder, responder: place.address, port: place.port),
                &context)
        }
    }

    private func keep(_ argument: RawSpan, _ weird: Weird, _ value: inout [UInt8], _ context: inout AnalyzerContext) {
        if argument.byteCount > FTP.userBytesMax {
            context.weird(weird, addl: UInt64(argument.byteCount), source: "FTP")
        }
        value.removeAll(keepingCapacity: true)
        argument.extracting(0..<min(FTP.userBytesMax, argument.byteCount)).append(to: &value)
    }

    private func remove(_ command: FTPCommand) -> Bool {
        guard let index = pending.firstIndex(where: { $0.number == command.number }) else { return false }
        pending.remove(at: index)
        return true
    }

    /// Takes back the memory of commands that are over.
    private func tidy() {
        if pending.isEmpty {
            current = nil
            return commandText.clear()
        }
        guard commandText.bytes.count > FTP.textBytesMax else { return }
        var text = TextBuffer()
        for index in pending.indices {
            pending[index].name = text.add(pending[index].name, of: commandText)
            pending[index].argument = text.add(pending[index].argument, of: commandText)
        }
        current = current.flatMap { old in pending.first { $0.number == old.number } }
        commandText = text
    }

    // MARK: replies

    private func replied(_ code: Int, _ message: RawSpan, isMore: Bool, _ context: inout AnalyzerContext) {
        beginSession(&context)
        if commandCount == 1, code == 220 { context.greeting(.ftpServer, message) }
        // Middle lines say nothing, but some servers end a reply of several lines by another code.
        if isMore, code == 0, record.replyCode != nil, !FTP.looksFinal(message) { return }
        current = match(code, message)
        record.replyCode = UInt64(code)
        replyMessage.removeAll(keepingCapacity: true)
        if message.byteCount > FTP.argumentBytesMax {
            context.weird(.FTP_reply_msg_too_long, addl: UInt64(message.byteCount), source: "FTP")
        }
        message.extracting(0..<min(FTP.argumentBytesMax, message.byteCount)).append(to: &replyMessage)
        guard !isMore else { return }
        if let current { answered(current, code, message, &context) }
        guard pending.count > 1, let current else { return }
        // The client does not wait, so no next command tells when this one is over.
        if remove(current) { finishCommand(&context) }
    }

    /// A code, a blank, and ten printable characters.
    private static func looksFinal(_ line: RawSpan) -> Bool {
        guard line.byteCount >= 14, code(line) >= 100, line.octet(3) == 0x20 else { return false }
        for index in 4..<14 where line.octet(index) < 0x20 || line.octet(index) > 0x7E { return false }
        return true
    }

    /// The command that a reply most likely belongs to; the oldest of equally likely ones.
    private func match(_ code: Int, _ message: RawSpan) -> FTPCommand? {
        var best: FTPCommand?
        var bestScore = -1
        for command in pending {
            let name = Array(commandText[command.name])
            let argument = Array(commandText[command.argument])
            var score = 0
            if code == 500 || FTPReplies.knows(name.octets, code) { score &+= 100 }
            if message.contains(name.octets) { score &+= 20 }
            if message.contains(argument.octets) { score &+= 10 }
            if score > bestScore { (best, bestScore) = (command, score) }
        }
        return best
    }

    /// What follows from a reply for the session.
    private func answered(_ command: FTPCommand, _ code: Int, _ message: RawSpan, _ context: inout AnalyzerContext) {
        let name = Array(commandText[command.name])
        let word = name.octets
        switch code {
        case 150 where word.isText("RETR"), 213 where word.isText("SIZE"):
            record.fileSize = FTP.lastNumber(message)
        case 227 where word.isText("PASV") || word.isText("EPSV"):
            if let place = FTP.passive(message) { expectClient(at: place.address, place.port, &context) }
        case 229 where word.isText("PASV") || word.isText("EPSV"):
            if let place = FTP.extendedPassive(message) {
                expectClient(at: place.address ?? context.id.responder, place.port, &context)
            }
        default: break
        }
        guard !command.isUsed else { return }
        let argument = Array(commandText[command.argument])
        switch code {
        case 250 where word.isText("CWD"): changeDirectory(to: argument.octets)
        case 200 where word.isText("CDUP"), 250 where word.isText("CDUP"): directory = [0x2F, 0x2E, 0x2E]
        case 257 where word.isText("PWD") || word.isText("XPWD"): directory = FTP.absolutePath(message)
        default: return
        }
        current?.isUsed = true
        if let index = pending.firstIndex(where: { $0.number == command.number }) { pending[index].isUsed = true }
    }

    private func expectClient(at address: Address, _ port: UInt16, _ context: inout AnalyzerContext) {
        expect(
            FTPChannel(isPassive: true, originator: context.id.originator, responder: address, port: port), &context)
    }

    private func expect(_ channel: FTPChannel, _ context: inout AnalyzerContext) {
        record.channel = channel
        context.expect(
            .ftpData, .tcp, from: channel.originator, to: channel.responder, port: channel.port, by: self)
    }

    override func transferBegan(_ file: FileHandle, _ context: inout AnalyzerContext) {
        record.file = context.fileID(file)
    }

    override func transferIdentified(_ type: MIMEType?, _ context: inout AnalyzerContext) {
        transfer = type.map { .known($0) } ?? .unknown
    }

    override func transferTyped(_ type: MIMEType?, _ context: inout AnalyzerContext) {
        if let type { transfer = .known(type) }
    }

    // MARK: rows

    /// The command at `current` is over: its columns are set, and written where it is one for the log.
    private func finishCommand(_ context: inout AnalyzerContext) {
        guard let current else { return }
        hasFinished = true
        record.text.clear()
        record.ts = current.ts
        record.command = record.text.add(current.name, of: commandText)
        let name = Array(record.text[record.command])
        let sent = user
        let isGuest = FTPReplies.isGuest(sent.octets)
        argument(of: current, name.octets, isGuest: isGuest, &context)
        if hasPassword, !isGuest, !isPasswordHidden {
            isPasswordHidden = true
            password.removeAll(keepingCapacity: true)
        }
        record.password =
            !hasPassword ? .absent : isPasswordHidden ? record.text.add("<hidden>") : record.text.add(password)
        record.user = hasUser ? record.text.add(user) : record.text.add("<unknown>")
        switch transfer {
        case .none: record.mimeType = .absent
        case .unknown: record.mimeType = record.text.add("<unknown>")
        case .known(let type): record.mimeType = type.write(to: &record.text)
        }
        record.replyMessage = record.replyCode == nil ? .absent : record.text.add(replyMessage)
        if FTPReplies.isLogged(name.octets) { emit(&context) }
        // These belong to one command only.
        transfer = .none
        record.mimeType = .absent
        record.fileSize = nil
        record.channel = nil
        record.file = nil
    }

    private func emit(_ context: inout AnalyzerContext) {
        hasWritten = true
        context.output.emit(record)
    }

    private func argument(
        of command: FTPCommand, _ name: RawSpan, isGuest: Bool, _ context: inout AnalyzerContext
    ) {
        if name.isText("PASS"), !isGuest {
            record.argument = record.text.add("<hidden>")
            return
        }
        let argument = Array(commandText[command.argument])
        let start = record.text.begin()
        if FTPReplies.namesFile(name) {
            url(of: argument.octets, context.id.responder, to: &record.text.bytes)
        } else {
            record.text.bytes.append(contentsOf: argument)
        }
        let count = record.text.bytes.count &- start
        if count > FTP.argumentBytesMax {
            context.weird(.FTP_arg_too_long, addl: UInt64(count), source: "FTP")
            record.text.bytes.removeLast(count &- FTP.argumentBytesMax)
        }
        record.argument = count == 0 ? .absent : record.text.end(start)
    }
}
