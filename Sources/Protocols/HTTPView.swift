// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1 as signatures see it (RFC 9112): transactions and their named buffers.
//
// Reads   both directions of a connection that carries HTTP, while a rule or EVE wants to see it.
// Writes  exposures: request and status lines, headers in all their forms, bodies decoded.
// Leaves  rows of http.log, which have other rules (HTTP.swift); HTTP/2.
//
// How broken messages are read follows Suricata 8's HTTP parser, since signatures are
// written for it: this file cuts a direction into lines, header blocks and bodies;
// HTTPView+Messages.swift reads and shows them; HTTPView+Bodies.swift decodes;
// HTTPView+Target.swift normalises the target.

import Files
import Records
import Wire

/// One direction of an HTTP connection for `HTTPView`.
final class HTTPViewSide {
    enum State {
        /// A request or status line comes next.
        case line
        case headers
        case chunkSize, chunk, chunkEnd
        case trailer
        /// A body of known length, or one that the end of the stream ends.
        case body, bodyToEnd
        /// A request that is over, while more of the delivery is to come.
        case settling
        /// Nothing more is HTTP, or nothing more is understood.
        case ignored
    }

    let direction: Direction
    var state = State.line
    /// A line or a header block that is not yet over.
    var carry: [UInt8] = []
    /// How much of `carry` was searched for its end.
    var searched = 0
    /// Octets left of the body or chunk.
    var left: UInt64 = 0
    /// A message is under way, on this transaction.
    var isOpen = false
    var transaction: UInt64 = 0
    /// The headers of the message, values joined and trimmed, in `text`.
    var headers: [HTTPViewHeader] = []
    var text = TextBuffer()
    /// The host that the request's target names.
    var targetHost = Text.absent
    /// The first line of the message, without its end.
    var line: [UInt8] = []
    /// A form of the headers under construction.
    var scratch: [UInt8] = []
    var version = HTTPVersion.none
    /// Unpackers of the body, the outermost coding first.
    var inflaters: [Inflater] = []
    /// The body of a request is a form of several parts.
    var isForm = false
    /// Octets of the body that were shown.
    var shown = 0
    /// Octets were lost that the rest of the body cannot be decoded without.
    var isCut = false
    var hasContinued = false
    /// Lines behind the request counted as its body.
    var hasSurplus = false
    /// A name of the block at work has octets that no name has.
    var hasOddName = false
    /// Each line of the block at work is `name: value` with CRLF, names are different, and there is no cookie: what
    /// the block says is what it is.
    var isPlain = false

    init(_ direction: Direction) { self.direction = direction }

    var isRequest: Bool { direction == .originator }

    func reset() {
        state = .line
        searched = 0
        left = 0
        (isOpen, hasContinued, isCut) = (false, false, false)
        transaction = 0
        version = .none
        shown = 0
        inflaters.removeAll()
        headers.removeAll(keepingCapacity: true)
        text.clear()
        carry.removeAll(keepingCapacity: carry.capacity <= HTTPView.keptBytesMax)
        line.removeAll(keepingCapacity: line.capacity <= HTTPView.keptBytesMax)
        scratch.removeAll(keepingCapacity: scratch.capacity <= HTTPView.keptBytesMax)
    }
}

/// A header: places in the side's text.
struct HTTPViewHeader {
    var name: Text
    var value: Text
    /// The same name came before; its values are joined with `, `.
    var isRepeated = false
}

final class HTTPView {
    /// Octets of a line or a header block (`request-field-limit`, doubled for all of a block's lines).
    static let blockBytesMax = 65_536
    /// Octets of a body that are shown (`request-body-limit`, `response-body-limit`).
    static let bodyBytesMax = 102_400
    /// Requests of one connection that wait for their response.
    static let pendingMax = 1024
    static let headersMax = 1024
    /// Octets of a path that names a file.
    static let fileNameBytesMax = 4096
    static let keptBytesMax = 8192

    /// A request whose response is awaited.
    struct Pending {
        var transaction: UInt64
        var isHead = false
        var isConnect = false
        /// The last part of the target's path, which names the response's file.
        var fileName: [UInt8] = []
        /// POST or PUT: the body is a file.
        var hasFile = false
        /// The path is longer than names of files are.
        var hasLongPath = false
    }

    let originator = HTTPViewSide(.originator)
    let responder = HTTPViewSide(.responder)
    var pending: [Pending] = []
    var nextTransaction: UInt64 = 0
    /// The first octets showed that this is HTTP.
    private var isRecognised = false
    private var isOther = false
    /// The request was of HTTP/0.9: its response is a body.
    var answersWithoutHeader = false
    /// The server has agreed to HTTP/2, and how much of the delivery at work is that.
    var turnsIntoHTTP2 = false
    private(set) var unreadBytes = 0
    /// Transactions for EVE: open ones, and the newest of those that were written.
    var events: [HTTPEvent] = []
    var idleEvents: [HTTPEvent] = []

    func reset() {
        originator.reset()
        responder.reset()
        pending.removeAll(keepingCapacity: true)
        nextTransaction = 0
        events.removeAll(keepingCapacity: true)
        (isRecognised, isOther, answersWithoutHeader) = (false, false, false)
        (turnsIntoHTTP2, unreadBytes) = (false, 0)
    }

    // MARK: what arrives

    func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = direction == .originator ? originator : responder
        guard bytes.byteCount > 0, side.state != .ignored, !isOther else { return }
        if !isRecognised {
            guard HTTPView.beginsMessage(bytes, direction) else {
                isOther = true
                return
            }
            isRecognised = true
        }
        var at = 0
        while at < bytes.byteCount, side.state != .ignored {
            at &+= take(bytes.extracting(at..<bytes.byteCount), side, &context)
        }
        unreadBytes = bytes.byteCount &- at
        if side.state == .settling, side.carry.isEmpty { endMessage(side, &context) }
    }

    /// Lost octets of a body are passed over; elsewhere nothing can be understood any more.
    func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = direction == .originator ? originator : responder
        switch side.state {
        case .body:
            // What the gap has beyond the body cannot be told from nothing: a message may begin behind it.
            let lost = min(side.left, UInt64(count))
            endDecoding(side, &context)
            noteGap(lost, side, &context)
            side.left &-= lost
            guard side.left == 0 else { return }
            endBody(side, &context)
            if side.state == .settling { endMessage(side, &context) }
        case .bodyToEnd:
            endDecoding(side, &context)
            noteGap(UInt64(count), side, &context)
        case .ignored: break
        default:
            context.transactionEvent("http.invalid_gap", tx: side.transaction, from: direction)
            noteGap(0, side, &context)
            close(side, &context)
        }
    }

    func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        let side = direction == .originator ? originator : responder
        guard isRecognised, side.state != .ignored else { return }
        if !side.carry.isEmpty {
            var whole: [UInt8] = []
            swap(&whole, &side.carry)
            side.searched = 0
            switch side.state {
            case .line: firstLine(whole.octets, side, &context)
            case .headers: headerBlock(whole.octets, side, &context)
            // What is no size, and has no end of a line, is the body.
            case .chunkSize where !side.isRequest: chunkSize(whole.octets, side, &context)
            default: break
            }
        }
        close(side, &context)
    }

    func finish(_ context: inout AnalyzerContext) {
        endOfStream(from: .originator, &context)
        endOfStream(from: .responder, &context)
        finishEvents(&context)
    }

    /// Ends a direction: what is open is complete, nothing more is read.
    func close(_ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        let isToEnd = side.state == .bodyToEnd
        if side.isOpen { endMessage(side, isWhole: isToEnd, &context) }
        side.state = .ignored
    }

    /// Methods at the head of a connection that say HTTP, or a status line.
    private static func beginsMessage(_ bytes: RawSpan, _ direction: Direction) -> Bool {
        var at = 0
        while at < bytes.byteCount, HTTPOctets.isSpace(bytes.octet(at)) { at &+= 1 }
        let rest = bytes.extracting(at..<bytes.byteCount)
        if direction == .responder { return rest.matchesHead("HTTP/") }
        var end = 0
        while end < rest.byteCount, HTTPOctets.isToken(rest.octet(end)) { end &+= 1 }
        // Cut inside the method: the next segment belongs to it.
        return end > 0 && end <= 32 && (end == rest.byteCount || HTTPOctets.isBlank(rest.octet(end)))
    }

    // MARK: cutting

    /// Takes what the state can use; returns how much.
    private func take(_ bytes: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) -> Int {
        switch side.state {
        case .line: return takeLine(bytes, side, &context, ended: firstLine)
        case .chunkSize: return takeLine(bytes, side, &context, ended: chunkSize)
        case .settling: return takeLine(bytes, side, &context, ended: settle)
        case .chunkEnd:
            guard let feed = bytes.firstIndex(of: 0x0A) else { return bytes.byteCount }
            side.state = .chunkSize
            noteBody(feed &+ 1, side, &context)
            return feed &+ 1
        case .headers, .trailer: return takeBlock(bytes, side, &context)
        case .chunk, .body:
            let count = Int(min(side.left, UInt64(bytes.byteCount)))
            side.left &-= UInt64(count)
            body(bytes.extracting(0..<count), side, &context)
            guard side.left == 0 else { return count }
            guard side.state == .body else {
                side.state = .chunkEnd
                return count
            }
            let surplus = HTTPView.surplus(bytes.extracting(count..<bytes.byteCount), side)
            if surplus > 0 { body(bytes.extracting(count ..< count &+ surplus), side, &context) }
            endBody(side, &context)
            return count &+ surplus
        case .bodyToEnd:
            body(bytes, side, &context)
            return bytes.byteCount
        case .ignored: return bytes.byteCount
        }
    }

    /// Lines behind a response's body, in the same delivery, that are no status line: they count as body.
    private static func surplus(_ bytes: RawSpan, _ side: HTTPViewSide) -> Int {
        guard !side.isRequest else { return 0 }
        var at = 0
        while at < bytes.byteCount {
            var start = at
            while start < bytes.byteCount, HTTPOctets.isSpace(bytes.octet(start)) { start &+= 1 }
            if bytes.extracting(start..<bytes.byteCount).begins(with: "HTTP") { break }
            at = bytes.firstIndex(of: 0x0A, from: at).map { $0 &+ 1 } ?? bytes.byteCount
        }
        return at
    }

    private func takeLine(
        _ bytes: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext,
        ended: (RawSpan, HTTPViewSide, inout AnalyzerContext) -> Void
    ) -> Int {
        guard let feed = bytes.firstIndex(of: 0x0A) else {
            hold(bytes, side, &context)
            return bytes.byteCount
        }
        let line = bytes.extracting(0 ..< feed &+ 1)
        guard !side.carry.isEmpty else {
            ended(line, side, &context)
            return feed &+ 1
        }
        line.append(to: &side.carry)
        var whole: [UInt8] = []
        swap(&whole, &side.carry)
        side.searched = 0
        ended(whole.octets, side, &context)
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &side.carry)
        return feed &+ 1
    }

    private func takeBlock(_ bytes: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) -> Int {
        if side.carry.isEmpty, let end = blockEnd(bytes, from: 0, side) {
            headerBlock(bytes.extracting(0..<end), side, &context)
            return end
        }
        let before = side.carry.count
        hold(bytes, side, &context)
        guard side.state != .ignored else { return bytes.byteCount }
        var whole: [UInt8] = []
        swap(&whole, &side.carry)
        // An end of lines may have been cut in its middle.
        let end = blockEnd(whole.octets, from: max(0, side.searched &- 4), side)
        guard let end else {
            side.searched = whole.count
            swap(&whole, &side.carry)
            return bytes.byteCount
        }
        side.searched = 0
        headerBlock(whole.octets.extracting(0..<end), side, &context)
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &side.carry)
        return max(0, end &- before)
    }

    private func hold(_ bytes: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard side.carry.count &+ bytes.byteCount <= HTTPView.blockBytesMax else {
            let event: StaticString = side.isRequest ? "http.request_field_too_long" : "http.response_field_too_long"
            context.transactionEvent(event, tx: side.transaction, from: side.direction)
            return close(side, &context)
        }
        bytes.append(to: &side.carry)
    }

    /// Where a header block ends, behind its empty line; nil where that is not yet there.
    private func blockEnd(_ bytes: RawSpan, from start: Int, _ side: HTTPViewSide) -> Int? {
        var at = start
        var isLineStart = start == 0
        while true {
            let next = HTTPView.nextEnd(bytes, from: at)
            if next > at { isLineStart = false }
            at = next
            guard at < bytes.byteCount else { return nil }
            guard let length = HTTPView.lineEnd(bytes, at, isRequest: side.isRequest) else {
                // A lone CR in a request, or an end that is not yet whole.
                isLineStart = false
                at &+= 1
                continue
            }
            if isLineStart { return at &+ length }
            isLineStart = true
            at &+= length
        }
    }

    /// The place of the next CR or LF from `start` on; the count of the octets where there is none.
    static func nextEnd(_ bytes: RawSpan, from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var at = start
        while at &+ 8 <= bytes.byteCount {
            // A high bit stands where an octet is zero, and perhaps before such a one: the word has one, or has none.
            let word = bytes.load64(at)
            let (first, second) = (word ^ (ones &* 0x0A), word ^ (ones &* 0x0D))
            let zeros = (first &- ones) & ~first | (second &- ones) & ~second
            if zeros & (ones &<< 7) != 0 { break }
            at &+= 8
        }
        while at < bytes.byteCount, bytes.octet(at) != 0x0A, bytes.octet(at) != 0x0D { at &+= 1 }
        return at
    }

    /// Octets of the line end at `at`: CRLF or LF, in responses also LF CR and CR alone.
    /// Nil where there is none, or where it may go on.
    static func lineEnd(_ bytes: RawSpan, _ at: Int, isRequest: Bool) -> Int? {
        let next: UInt8? = at &+ 1 < bytes.byteCount ? bytes.octet(at &+ 1) : nil
        if bytes.octet(at) == 0x0D {
            if next == 0x0A { return 2 }
            return isRequest || next == nil ? nil : 1
        }
        // LF CR CR LF with another line end behind it counts as one end, as browsers take it.
        if next == 0x0D, at &+ 4 < bytes.byteCount, bytes.octet(at &+ 2) == 0x0D, bytes.octet(at &+ 3) == 0x0A,
            bytes.octet(at &+ 4) == 0x0A || bytes.octet(at &+ 4) == 0x0D
        {
            return 4
        }
        guard !isRequest, next == 0x0D else { return 1 }
        // LF, and the CR of a CRLF: two ends.
        guard at &+ 2 < bytes.byteCount else { return 1 }
        return bytes.octet(at &+ 2) == 0x0A ? 1 : 2
    }
}

extension RawSpan {
    /// Whether the octets begin with `text`, or are the beginning of it.
    func matchesHead(_ text: StaticString) -> Bool {
        matches(text, at: 0, count: min(byteCount, text.utf8CodeUnitCount), anyCase: false)
    }

    /// Whether `text` stands anywhere, any case.
    func contains(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        var at = 0
        while at &+ count <= byteCount {
            if matches(text, at: at, count: count, anyCase: true) { return true }
            at &+= 1
        }
        return false
    }
}
