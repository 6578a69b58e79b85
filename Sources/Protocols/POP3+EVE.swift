// SPDX-License-Identifier: Apache-2.0
//
// The event `pop3`: a command and its reply (Suricata 8 user guide, "Event type: POP3").
//
// Reads   lines of commands and replies, where events are wanted.
// Writes  one event for each reply; the greeting has no command.
// Leaves  lines of mails, which are files; passwords and what stands for them.

import Records
import Wire

/// The reply that is coming, for its event.
struct POP3Event {
    /// Lines of one reply that its event has, and octets of each line.
    static let linesMax = 64
    static let lineBytesMax = 512

    /// Commands that wait for their reply, oldest first.
    var commands: [[UInt8]] = []
    private var header: [UInt8] = []
    private var isGood = false
    private var lines: [[UInt8]] = []
    private var isFull = false

    mutating func reset() {
        commands.removeAll(keepingCapacity: true)
        header.removeAll(keepingCapacity: true)
        lines.removeAll(keepingCapacity: true)
    }

    mutating func command(_ line: RawSpan, _ context: inout AnalyzerContext) {
        guard commands.count < POP3.pendingMax else { return context.limits.met(.drafts) }
        commands.append(POP3Event.kept(line))
    }

    /// The first line of a reply, `+OK` or `-ERR` and words.
    mutating func reply(_ line: RawSpan, isGood: Bool) {
        self.isGood = isGood
        let start = TextProbe.skipBlanks(line, isGood ? 3 : 4)
        header = POP3Event.kept(line.extracting(min(start, line.byteCount)..<line.byteCount))
        isFull = false
        lines.removeAll(keepingCapacity: true)
    }

    mutating func more(_ line: RawSpan, _ context: inout AnalyzerContext) {
        guard lines.count < POP3Event.linesMax else {
            // Counted once for an event, not for each line.
            if !isFull { context.limits.met(.drafts) }
            isFull = true
            return
        }
        lines.append(POP3Event.kept(line))
    }

    private static func kept(_ line: RawSpan) -> [UInt8] {
        var octets: [UInt8] = []
        line.extracting(0..<min(line.byteCount, lineBytesMax)).append(to: &octets)
        return octets
    }

    /// The reply is complete. `hasCommand` is false of the greeting.
    mutating func write(hasCommand: Bool, tx: UInt64, _ context: inout AnalyzerContext) {
        context.beginEvent("pop3", from: .originator, tx: tx)
        context.event.open("pop3")
        if hasCommand, !commands.isEmpty { writeRequest(commands.removeFirst()[...], &context.event) }
        context.event.open("response")
        context.event.boolean("success", isGood)
        context.event.text("status", isGood ? "OK" : "ERR")
        context.event.text("header", header[...])
        context.event.openList("data")
        for line in lines { context.event.item(line[...]) }
        context.event.closeList()
        context.event.close()
        context.event.close()
        context.endEvent()
    }

    private func writeRequest(_ line: ArraySlice<UInt8>, _ event: inout EVEBuilder) {
        let words = line.split(separator: 0x20)
        let command = (words.first ?? []).map { 0x61...0x7A ~= $0 ? $0 & 0xDF : $0 }
        event.open("request")
        event.text("command", command[...])
        event.openList("args")
        let shown = POP3Event.shownArguments(of: command)
        for word in words.dropFirst().prefix(shown) { event.item(word) }
        if words.count &- 1 > shown { event.item(Array("<hidden>".utf8)[...]) }
        event.closeList()
        event.close()
    }

    /// Arguments before what only the user may know: a password, the digest of one, the answer of a mechanism.
    private static func shownArguments(of command: [UInt8]) -> Int {
        let word = command.octets
        if word.isText("PASS") { return 0 }
        return word.isText("APOP") || word.isText("AUTH") ? 1 : lineBytesMax
    }
}
