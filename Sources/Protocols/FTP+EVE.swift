// SPDX-License-Identifier: Apache-2.0
//
// The events `ftp`, one for each command and its reply, and `ftp_data`.
//
// Reads   command and reply lines (RFC 959, RFC 2428).
// Writes  one `ftp` when the final reply has come, anomalies of single commands.
// Leaves  ftp.log, which has only some commands (FTP.swift).

import Records
import Wire

/// A command as its event tells of it.
struct FTPEvent {
    var transaction: UInt64
    var command: [UInt8] = []
    var data: [UInt8] = []
    var isDataCut = false
    var codes: [[UInt8]] = []
    var replies: [[UInt8]] = []
    var isReplyCut = false
    var port: UInt16?
    var isPassive = false

    func write(to event: inout EVEBuilder) {
        event.open("ftp")
        if !command.isEmpty { event.text("command", command[...]) }
        if !data.isEmpty {
            event.text("command_data", data[...])
            event.boolean("command_truncated", isDataCut)
        }
        if !codes.isEmpty {
            event.openList("completion_code")
            for code in codes { event.item(code[...]) }
            event.closeList()
        }
        if !replies.isEmpty {
            event.openList("reply")
            for reply in replies { event.item(reply[...]) }
            event.closeList()
        }
        if let port {
            event.count("dynamic_port", UInt64(port))
            event.text("mode", isPassive ? "passive" : "active")
        }
        event.text("reply_received", replies.isEmpty ? "no" : "yes")
        event.boolean("reply_truncated", isReplyCut)
        event.close()
    }
}

/// The commands of one connection that await their final reply.
struct FTPEvents {
    /// Octets of a line (`ftp.max-line-length`).
    private static let lineBytesMax = 4096
    /// Commands that wait; the oldest is written without its reply.
    private static let pendingMax = 128
    /// Lines of one reply.
    private static let linesMax = 64

    private var pending: [FTPEvent] = []
    /// Commands so far: their transactions.
    private var count: UInt64 = 0
    /// The code of a reply that has more lines to come; nil for none.
    private var openReply: [UInt8]?
    private var hasDataPort = false
    /// The user is one of those whose password is none.
    private var isGuest = false
    /// What the next data connection carries.
    private(set) var transfer: (command: [UInt8], name: [UInt8]) = ([], [])

    mutating func clear() {
        pending.removeAll(keepingCapacity: true)
        count = 0
        openReply = nil
        (hasDataPort, isGuest) = (false, false)
        transfer = ([], [])
    }

    func write(_ transaction: UInt64, to event: inout EVEBuilder) {
        pending.first { $0.transaction == transaction }?.write(to: &event)
    }

    // MARK: commands

    mutating func command(_ line: RawSpan, _ context: inout AnalyzerContext) {
        let whole = line.extracting(0..<min(line.byteCount, FTPEvents.lineBytesMax))
        var event = FTPEvent(transaction: count)
        count &+= 1
        var end = 0
        while end < whole.byteCount, !HTTPOctets.isSpace(whole.octet(end)) { end &+= 1 }
        let word = whole.extracting(0..<end)
        for place in 0..<end {
            let octet = word.octet(place)
            event.command.append(octet &- 0x61 < 26 ? octet &- 0x20 : octet)
        }
        let argument = whole.extracting(TextProbe.skipBlanks(whole, end)..<whole.byteCount)
        if word.isText("USER") { isGuest = FTPReplies.isGuest(argument) }
        if word.isText("PASS"), !isGuest {
            event.data = Array("<hidden>".utf8)
        } else {
            argument.append(to: &event.data)
        }
        event.isDataCut = line.byteCount > FTPEvents.lineBytesMax
        if word.isText("PORT") || word.isText("EPRT") {
            event.port = (word.isText("PORT") ? FTP.port(argument) : FTP.extendedPort(argument))?.port
            if event.port != nil { hasDataPort = true }
        }
        if word.isText("RETR") || word.isText("STOR") {
            if !hasDataPort {
                context.transactionEvent("ftp.file_before_port", tx: event.transaction, from: .originator)
            } else if argument.byteCount == 0 {
                context.transactionEvent("ftp.file_without_name", tx: event.transaction, from: .originator)
            }
            transfer = (event.command, event.data)
        } else if word.isText("LIST") || word.isText("NLST") {
            transfer = (event.command, [])
        }
        if pending.count >= FTPEvents.pendingMax {
            context.limits.met(.drafts)
            FTPEvents.write(pending.removeFirst(), &context)
        }
        pending.append(event)
    }

    // MARK: replies

    mutating func reply(_ line: RawSpan, _ context: inout AnalyzerContext) {
        let isCut = line.byteCount > FTPEvents.lineBytesMax
        let whole = line.extracting(0..<min(line.byteCount, FTPEvents.lineBytesMax))
        // The greeting answers no command.
        if pending.isEmpty {
            pending.append(FTPEvent(transaction: count))
            count &+= 1
        }
        if isCut { pending[0].isReplyCut = true }
        var code: [UInt8] = []
        if whole.byteCount >= 3 { whole.extracting(0..<3).append(to: &code) }
        let hasCode = code.count == 3 && code.allSatisfy { HTTPOctets.isDigit($0) }
        let mark: UInt8 = whole.byteCount > 3 ? whole.octet(3) : 0x20
        let isFinal = hasCode && mark == 0x20 && (openReply == nil || openReply == code)
        if hasCode, mark == 0x2D, openReply == nil { openReply = code }
        if pending[0].replies.count < FTPEvents.linesMax {
            var text: [UInt8] = []
            let start = isFinal ? min(4, whole.byteCount) : 0
            whole.extracting(start..<whole.byteCount).append(to: &text)
            pending[0].replies.append(text)
            if isFinal { pending[0].codes.append(code) }
        }
        guard isFinal else { return }
        openReply = nil
        place(whole, code)
        // A first word on a transfer that goes on is not the last.
        guard code[0] != 0x31 else { return }
        FTPEvents.write(pending.removeFirst(), &context)
    }

    /// The port that a server names for a data connection.
    private mutating func place(_ line: RawSpan, _ code: [UInt8]) {
        let port: UInt16?
        switch (code[0], code[1], code[2]) {
        case (0x32, 0x32, 0x37): port = FTP.passive(line.extracting(4..<max(4, line.byteCount)))?.port
        case (0x32, 0x32, 0x39): port = FTP.extendedPassive(line)?.port
        default: return
        }
        guard let port else { return }
        (pending[0].port, pending[0].isPassive, hasDataPort) = (port, true, true)
    }

    /// The connection is over.
    mutating func finish(_ context: inout AnalyzerContext) {
        for event in pending { FTPEvents.write(event, &context) }
        pending.removeAll(keepingCapacity: true)
    }

    private static func write(_ event: FTPEvent, _ context: inout AnalyzerContext) {
        context.beginEvent("ftp", from: .originator, tx: event.transaction)
        event.write(to: &context.event)
        context.endEvent()
    }
}

/// What a data connection carries, as its announcer says.
struct FTPDataEvent {
    var command: [UInt8] = []
    var name: [UInt8] = []

    /// A file, not a list of files.
    var movesFile: Bool {
        let word = command.octets
        return word.isText("RETR") || word.isText("STOR") || word.isText("APPE") || word.isText("STOU")
    }

    func write(to event: inout EVEBuilder) {
        event.open("ftp_data")
        if !name.isEmpty { event.text("filename", name[...]) }
        if !command.isEmpty { event.text("command", command[...]) }
        event.close()
    }
}
