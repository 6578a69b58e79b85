// SPDX-License-Identifier: Apache-2.0
//
// Redis, serialization protocol versions 2 and 3 (redis.io, "RESP protocol spec").
//
// Reads   commands of the client, multi-bulk and inline; values of the server, of any depth.
// Writes  one `RedisRecord` for each command and its reply.
// Leaves  published messages, values beyond their first octets, clusters and replication.

package import Records
import Wire

package struct RedisRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var name = Text.absent
    var key = Text.absent
    var value = Text.absent
    var success: Bool?
    var reply = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.redis
    package static let summary: StaticString = "One Redis command and its reply."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("cmd.name", name, in: text, "The command as sent.")
        row.text("cmd.key", key, in: text, "The key that it is about.", isKey: true)
        row.text("cmd.value", value, in: text, "The value that it sets or adds.")
        row.boolean("success", success, "Whether the reply is no error; unset where none came.")
        row.text("reply.value", reply, in: text, "The reply, nested values in brackets.")
    }
}

/// Probe of base/protocols/redis/dpd.sig.
enum RedisProbe {
    /// A first value of the server.
    static func response(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        switch bytes.octet(0) {
        case 0x2D, 0x2B, 0x5F, 0x2C:  // - + _ ,
            var at = 1
            while let end = bytes.firstIndex(of: 0x0D, from: at), end &+ 1 < bytes.byteCount {
                if bytes.octet(end &+ 1) == 0x0A { return .matches }
                at = end &+ 1
            }
            return .needsMore
        case 0x3A, 0x24, 0x2A, 0x23, 0x28, 0x21, 0x3D, 0x25, 0x60, 0x7E, 0x3E: return number(bytes)
        default: return .never
        }
    }

    /// Sign, digits, a fraction, and the line's end, from the second octet on.
    private static func number(_ bytes: RawSpan) -> ProbeVerdict {
        var at = 1
        if at < bytes.byteCount, bytes.octet(at) == 0x2D || bytes.octet(at) == 0x2B { at &+= 1 }
        for part in 0..<2 {
            let start = at
            while at < bytes.byteCount, HTTPOctets.isDigit(bytes.octet(at)) { at &+= 1 }
            guard at < bytes.byteCount else { return .needsMore }
            guard at > start else { return .never }
            guard part == 0, bytes.octet(at) == 0x2E else { break }
            at &+= 1
        }
        return bytes.beginning(with: "\r\n", at: at)
    }
}

final class Redis: FramedAnalyzer {
    /// Octets of a word or reply that are kept.
    static let textBytesMax = 4096
    /// The same of words while more than `crowdedCount` commands wait.
    static let crowdedTextBytesMax = 250
    static let crowdedCount = 256
    /// Octets of a line: a simple string, or the head of a value.
    static let lineBytesMax = 65_536
    /// Octets of an inline command.
    static let inlineBytesMax = 1024
    /// Octets of one bulk string.
    static let bulkBytesMax = 1 << 20
    /// Elements of one array, set or map.
    static let elementsMax = 20_000
    /// Values inside values.
    static let depthMax = 20
    /// Commands that wait for their reply (`Redis::max_pending_commands`).
    static let pendingMax = 10_000

    private var pairing = RedisPairing()
    private var hasClientData = false

    // The command at work.

    /// Words of a multi-bulk command still to come.
    private var wordsLeft = 0
    private var wordCount = 0
    /// The first words, cut; no command needs more of them.
    private var words: [4 of Text] = .init(repeating: .absent)
    private var wordText = TextBuffer()
    /// Octets of a word that are kept, at the moment.
    private var wordBytesMax: Int {
        pairing.used > Redis.crowdedCount ? Redis.crowdedTextBytesMax : Redis.textBytesMax
    }

    // The reply at work.

    private struct Frame {
        var kind: UInt8
        var left: Int
        var index = 0
    }

    private var frames: [Frame] = []
    /// Octets of each side's line at work that have no end in them.
    private var searched: [2 of Int] = [0, 0]
    private var reply = RedisReply()
    /// Attributes around the value at work: their text is left out.
    private var attributeDepth = 0

    init() { super.init(kind: .redis) }

    override func finish(_ context: inout AnalyzerContext) {
        if violationCount == 0 { pairing.flush(&context) }
        super.finish(&context)
    }

    override func reset() {
        super.reset()
        pairing.reset()
        hasClientData = false
        (wordsLeft, wordCount, attributeDepth) = (0, 0, 0)
        wordText.clear()
        frames.removeAll(keepingCapacity: true)
        searched = [0, 0]
        reply.clear()
    }

    override func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing {
        do throws(WireError) {
            if direction == .originator {
                hasClientData = true
                return try client(bytes, &context)
            }
            guard hasClientData else { throw .malformed(at: 0) }
            return try server(bytes, &context)
        } catch {
            violation(&context)
            return .stop
        }
    }

    /// Octets of a side's first line without its end, or nil where the end is not there yet. What was looked at for
    /// nothing is not looked at again when more has come.
    private func lineCount(
        _ bytes: RawSpan, from direction: Direction, max: Int = lineBytesMax
    ) throws(WireError) -> Int? {
        let side = Int(direction.rawValue)
        var at = min(searched[side], bytes.byteCount)
        searched[side] = 0
        while let end = bytes.firstIndex(of: 0x0D, from: at) {
            guard end <= max else { break }
            guard end &+ 1 < bytes.byteCount else {
                searched[side] = end
                return nil
            }
            if bytes.octet(end &+ 1) == 0x0A { return end }
            at = end &+ 1
        }
        guard bytes.byteCount <= max else { throw .malformed(at: max) }
        searched[side] = bytes.byteCount
        return nil
    }

    /// The number of a line behind its type.
    private func number(_ bytes: RawSpan, _ end: Int) throws(WireError) -> Int {
        var at = 1
        let isNegative = at < end && bytes.octet(at) == 0x2D
        if isNegative || (at < end && bytes.octet(at) == 0x2B) { at &+= 1 }
        guard at < end, end &- at <= 19 else { throw .malformed(at: 1) }
        var value = 0
        for index in at..<end {
            let digit = bytes.octet(index)
            guard HTTPOctets.isDigit(digit) else { throw .malformed(at: index) }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(digit &- 0x30))
            guard !overflow, !carry else { throw .malformed(at: index) }
            value = sum
        }
        return isNegative ? 0 &- value : value
    }

    // MARK: client

    private func client(_ bytes: RawSpan, _ context: inout AnalyzerContext) throws(WireError) -> Framing {
        let type = bytes.octet(0)
        if wordsLeft > 0 {
            guard type == 0x24 else { throw .malformed(at: 0) }
            return try word(bytes, &context)
        }
        if type == 0x2A {
            guard let end = try lineCount(bytes, from: .originator) else { return .needs(bytes.byteCount &+ 1) }
            let count = try number(bytes, end)
            guard count > 0, count <= Redis.elementsMax else { throw .malformed(at: 1) }
            beginCommand()
            wordsLeft = count
            return .took(end &+ 2)
        }
        guard let end = try lineCount(bytes, from: .originator, max: Redis.inlineBytesMax) else {
            return .needs(bytes.byteCount &+ 1)
        }
        beginCommand()
        inline(bytes.extracting(0..<end))
        guard wordCount > 0 else { throw .malformed(at: 0) }
        command(&context)
        return .took(end &+ 2)
    }

    private func beginCommand() {
        wordCount = 0
        wordText.clear()
    }

    private func keep(_ span: RawSpan) {
        if wordCount < 4 { words[wordCount] = wordText.add(span, limit: wordBytesMax) }
        wordCount &+= 1
    }

    private func word(_ bytes: RawSpan, _ context: inout AnalyzerContext) throws(WireError) -> Framing {
        guard let end = try lineCount(bytes, from: .originator) else { return .needs(bytes.byteCount &+ 1) }
        let count = try number(bytes, end)
        guard count >= 0, count <= Redis.bulkBytesMax else { throw .malformed(at: 1) }
        let kept = min(count, wordBytesMax)
        let start = end &+ 2
        // The last word ends the command: its line end too has to be there.
        let needed = wordsLeft == 1 && kept == count ? start &+ count &+ 2 : start &+ kept
        guard bytes.byteCount >= needed else { return .needs(needed) }
        keep(bytes.extracting(start ..< start &+ kept))
        wordsLeft &-= 1
        if wordsLeft == 0 { command(&context) }
        return .took(start &+ count &+ 2)
    }

    /// Words of an inline command: blanks divide them, quotes hold them together and stay.
    private func inline(_ line: RawSpan) {
        var at = 0
        while true {
            while at < line.byteCount, Redis.isBlank(line.octet(at)) { at &+= 1 }
            guard at < line.byteCount else { return }
            let start = at
            var quote: UInt8 = 0
            while at < line.byteCount {
                let octet = line.octet(at)
                if quote != 0 {
                    let isEscape = octet == 0x5C && at &+ 1 < line.byteCount && line.octet(at &+ 1) == quote
                    if isEscape { at &+= 1 } else if octet == quote { quote = 0 }
                } else if octet == 0x22 || octet == 0x27 {
                    quote = octet
                } else if Redis.isBlank(octet) {
                    break
                }
                at &+= 1
            }
            keep(line.extracting(start..<at))
        }
    }

    private static func isBlank(_ octet: UInt8) -> Bool {
        octet == 0x20 || octet == 0x09 || octet == 0x0A || octet == 0x0D || octet == 0x00
    }

    private func command(_ context: inout AnalyzerContext) {
        let text = wordText.bytes
        let all = text.octets
        func word(_ index: Int) -> Range<Int> {
            guard index > 0 || wordCount > 0, index < min(wordCount, 4) else { return 0..<0 }
            return Int(words[index].offset) ..< Int(words[index].offset) &+ Int(words[index].count)
        }
        let known = RedisCommand.find(all.extracting(word(0)))
        var mark = RedisPairing.ReplyMark.none
        if known?.role == .client, wordCount == 3 {
            mark = RedisPairing.ReplyMark(all.extracting(word(2)))
        }
        if known?.role == .hello, wordCount >= 2, word(1).count == 1, all.octet(word(1).lowerBound) == 0x33 {
            pairing.isVersion3 = true
        }
        guard pairing.beginCommand(known?.role, mark, &context) else { return }
        pairing.fill { record in
            record.name = record.text.add(all.extracting(word(0)))
            if let key = known?.key, key < wordCount { record.key = record.text.add(all.extracting(word(key))) }
            if let value = known?.value, value < wordCount {
                record.value = record.text.add(all.extracting(word(value)))
            }
        }
    }

    // MARK: server

    private func server(_ bytes: RawSpan, _ context: inout AnalyzerContext) throws(WireError) -> Framing {
        guard let end = try lineCount(bytes, from: .responder) else { return .needs(bytes.byteCount &+ 1) }
        let type = bytes.octet(0)
        let content = bytes.extracting(min(1, end)..<end)
        if frames.isEmpty { reply.begin(type) }
        switch type {
        case 0x2B, 0x2D, 0x28, 0x2C: try scalar(content, &context)  // + - ( ,
        case 0x3A:  // :
            _ = try number(bytes, end)
            try scalar(content, &context)
        case 0x5F: try scalar("null", &context)  // _
        case 0x23: try scalar(content.begins(with: "t") ? "T" : "F", &context)  // #
        case 0x24, 0x21, 0x3D:  // $ ! =
            let count = try number(bytes, end)
            guard count <= Redis.bulkBytesMax else { throw .malformed(at: 1) }
            guard count >= 0 else {
                try scalar("", &context)
                break
            }
            let kept = min(count, Redis.textBytesMax)
            let start = end &+ 2
            guard bytes.byteCount >= start &+ kept else { return .needs(start &+ kept) }
            try scalar(bytes.extracting(start ..< start &+ kept), &context)
            return .took(start &+ count &+ 2)
        case 0x2A, 0x25, 0x7E, 0x3E, 0x7C:  // * % ~ > |
            try open(type, try number(bytes, end), &context)
        default: throw .malformed(at: 0)
        }
        return .took(end &+ 2)
    }

    private func scalar(_ span: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        separate()
        if attributeDepth == 0 { reply.append(span) }
        elementDone(&context)
    }

    private func scalar(_ literal: StaticString, _ context: inout AnalyzerContext) throws(WireError) {
        separate()
        if attributeDepth == 0 { reply.append(literal) }
        elementDone(&context)
    }

    /// What stands between two elements.
    private func separate() {
        guard attributeDepth == 0, let frame = frames.last, frame.index > 0 else { return }
        reply.append(frame.kind == 0x25 && frame.index & 1 == 1 ? ": " : ", ")
    }

    private func open(_ kind: UInt8, _ count: Int, _ context: inout AnalyzerContext) throws(WireError) {
        guard count <= Redis.elementsMax, frames.count < Redis.depthMax else { throw .malformed(at: 1) }
        let isPaired = kind == 0x25 || kind == 0x7C
        let total = max(0, count) &* (isPaired ? 2 : 1)
        if kind != 0x7C { separate() }
        if kind == 0x7C {
            attributeDepth &+= 1
        } else if attributeDepth == 0 {
            reply.append(kind == 0x25 ? "{" : kind == 0x7E ? "(" : "[")
        }
        frames.append(Frame(kind: kind, left: total))
        if total == 0 { close(&context) }
    }

    /// The value at work is complete; so may be those around it.
    private func elementDone(_ context: inout AnalyzerContext) {
        guard !frames.isEmpty else { return replyDone(&context) }
        frames[frames.count &- 1].left &-= 1
        frames[frames.count &- 1].index &+= 1
        if frames[frames.count &- 1].left == 0 { close(&context) }
    }

    private func close(_ context: inout AnalyzerContext) {
        guard let frame = frames.popLast() else { return }
        if frame.kind == 0x7C {
            // The value that the attributes are about comes next.
            attributeDepth &-= 1
            return
        }
        if attributeDepth == 0 { reply.append(frame.kind == 0x25 ? "}" : frame.kind == 0x7E ? ")" : "]") }
        elementDone(&context)
    }

    private func replyDone(_ context: inout AnalyzerContext) {
        confirm(&context)
        pairing.reply(reply, &context)
        reply.clear()
    }
}

/// A value of the server: its text, cut, and what its type says.
struct RedisReply {
    private(set) var text = TextBuffer()
    private(set) var isError = false
    private(set) var isPush = false
    /// A type that only version 3 has was met.
    private(set) var isVersion3 = false
    private var hasType = false

    mutating func clear() {
        text.clear()
        (isError, isPush, isVersion3, hasType) = (false, false, false, false)
    }

    /// A value outside of others begins.
    mutating func begin(_ type: UInt8) {
        switch type {
        case 0x5F, 0x23, 0x2C, 0x28, 0x21, 0x3D, 0x25, 0x7E, 0x3E, 0x7C: isVersion3 = true
        default: break
        }
        guard !hasType, type != 0x7C else { return }
        hasType = true
        isError = type == 0x2D || type == 0x21
        isPush = type == 0x3E
    }

    mutating func append(_ span: RawSpan) {
        _ = text.add(span, limit: max(0, Redis.textBytesMax &- text.begin()))
    }

    mutating func append(_ literal: StaticString) {
        if text.begin() &+ literal.utf8CodeUnitCount <= Redis.textBytesMax { text.append(literal) }
    }

    var all: Text { Text(offset: 0, count: UInt32(truncatingIfNeeded: text.begin())) }
}
