// SPDX-License-Identifier: Apache-2.0
//
// Hypertext Transfer Protocol 0.9 to 1.1 (RFC 1945, RFC 9112), with the MIME of its
// bodies (RFC 2045, RFC 2046).
//
// Reads   both directions of a TCP connection.
// Writes  one `HTTPRecord` per request and its response, path "http".
// Leaves  HTTP/2 and 3, bodies (counted, not kept: SeenFiles.swift), what follows an upgrade.
//
// The rules are Zeek's, so that the same traffic gives the same rows. They are in
// four files: this one cuts the stream into lines and stretches of body;
// HTTP+Messages.swift has request and status lines and the pairing of the two;
// HTTP+Headers.swift headers; HTTP+Body.swift bodies, parts, and files.

import Files
package import Records
import Wire

/// One request and its response.
package struct HTTPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var depth: UInt64 = 0
    package var method = Text.absent
    package var host = Text.absent
    package var uri = Text.absent
    package var referrer = Text.absent
    package var version = Text.absent
    package var userAgent = Text.absent
    package var origin = Text.absent
    package var requestBodyBytes: UInt64 = 0
    package var responseBodyBytes: UInt64 = 0
    package var statusCode: UInt64?
    package var statusMessage = Text.absent
    package var infoCode: UInt64?
    package var infoMessage = Text.absent
    package var username = Text.absent
    package var proxied: [Text] = []
    /// Files of the originator, then of the responder.
    var files: (HTTPFileColumns, HTTPFileColumns) = (HTTPFileColumns(), HTTPFileColumns())
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.http
    package static let summary: StaticString = "One HTTP request and its response."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("trans_depth", depth, "Which request of the connection this is, from 1.")
        row.text("method", method, in: text, "Method of the request, such as GET.")
        row.text("host", host, in: text, "Host header, with its port.", isKey: true)
        row.text("uri", uri, in: text, "Target of the request, percent-decoded once.")
        row.text("referrer", referrer, in: text, "Referer header.")
        row.text("version", version, in: text, "Version that the response states.")
        row.text("user_agent", userAgent, in: text, "User-Agent header.", isKey: true)
        row.text("origin", origin, in: text, "Origin header.")
        row.count("request_body_len", requestBodyBytes, "Octets of the request's body, unpacked.")
        row.count("response_body_len", responseBodyBytes, "Octets of the response's body, unpacked.")
        row.count("status_code", statusCode, "Status code of the response.")
        row.text("status_msg", statusMessage, in: text, "Reason phrase of the response.")
        row.count("info_code", infoCode, "Last 1xx status code before the response.")
        row.text("info_msg", infoMessage, in: text, "Reason phrase of that.")
        row.textSet("tags", [], in: text, "Indicators of compromise found in the request.")
        row.text("username", username, in: text, "User of basic authentication.", isKey: true)
        row.text("password", .absent, in: text, "Never kept.")
        row.textSet("proxied", proxied.isEmpty ? nil : proxied, in: text, "Headers that tell of a proxy.")
        row.fuidVector("orig_fuids", files.0.identities, "Identities of the files that the originator sent.")
        row.textVector("orig_filenames", files.0.names, in: text, "Names of these files, where given.")
        row.textVector("orig_mime_types", files.0.types, in: text, "Types of these files, by content.")
        row.fuidVector("resp_fuids", files.1.identities, "Identities of the files that the responder sent.")
        row.textVector("resp_filenames", files.1.names, in: text, "Names of these files, where given.")
        row.textVector("resp_mime_types", files.1.types, in: text, "Types of these files, by content.")
    }

    /// Blank again; keeps memory.
    mutating func clear() {
        depth = 0
        (method, host, uri, referrer, version) = (.absent, .absent, .absent, .absent, .absent)
        (userAgent, origin, statusMessage, infoMessage, username) = (.absent, .absent, .absent, .absent, .absent)
        (requestBodyBytes, responseBodyBytes) = (0, 0)
        (statusCode, infoCode) = (nil, nil)
        proxied.removeAll(keepingCapacity: true)
        files.0.clear()
        files.1.clear()
        text.clear()
    }
}

/// The three lists of one direction's files. A list without an element is unset.
struct HTTPFileColumns: Sendable {
    /// Files of one direction and row that are listed (`HTTP::max_files_orig`, `_resp`).
    static let countMax = 15

    private var identityList: [UInt64] = []
    private var nameList: [Text] = []
    private var typeList: [Text] = []

    var identities: [UInt64]? { identityList.isEmpty ? nil : identityList }
    var names: [Text]? { nameList.isEmpty ? nil : nameList }
    var types: [Text]? { typeList.isEmpty ? nil : typeList }
    var isFull: Bool { identityList.count >= HTTPFileColumns.countMax }
    var isFullOfTypes: Bool { typeList.count >= HTTPFileColumns.countMax }

    mutating func add(_ identity: UID, name: Text) {
        identityList.append(identity.value)
        if !name.isAbsent { nameList.append(name) }
    }

    mutating func add(type: Text) { typeList.append(type) }

    mutating func clear() {
        identityList.removeAll(keepingCapacity: true)
        nameList.removeAll(keepingCapacity: true)
        typeList.removeAll(keepingCapacity: true)
    }
}

/// One direction of an HTTP connection: where its stream is, and the message at work.
final class HTTPSide {
    enum State {
        /// A request or status line comes next.
        case line
        /// Inside a message.
        case message
        /// The response to HTTP/0.9: octets without lines or headers.
        case raw
        /// Nothing more can be understood.
        case nothing
    }

    let direction: Direction
    var state = State.line
    /// Octets are no longer looked at.
    var isSkipping = false

    // Lines.

    /// A line that is not yet over.
    var carry: [UInt8] = []
    /// Octets of the carried line were given out already, as data.
    var isMidLine = false
    /// The line at work is longer than is kept.
    var isOverlong = false
    /// A carriage return has ended the last line; a line feed may follow.
    var endedAtReturn = false
    /// CR or LF alone ends a line. Not in the parts of a multipart body.
    var endsAtEither = true
    /// Octets still to come that are not lines.
    var plainLeft: Int64 = 0
    /// Octets of later segments that complete a body of known length; -1 for none.
    var deliveryLeft: Int64 = -1
    /// The octet behind the line at work, or nil where it has not come.
    var nextOctet: UInt8?

    // The message.

    var hasMessage = false
    var isOngoing = false
    var isFinished = true
    var version = HTTPVersion.none
    var bodyBytes: Int64 = 0
    /// Entities by depth: the message itself, a part, a part of a part.
    var entities: [HTTPEntity] = [HTTPEntity()]
    /// How many entities are open.
    var level = 0
    /// A header line that may be continued by the next line.
    var header: [UInt8] = []
    var headerLineCount = 0

    // The file.

    /// The transaction in whose row the newest file is listed.
    var fileKey = 0
    /// Octets under work in a decoder.
    var scratch: [UInt8] = []
    /// Octets of the part at work that the file layer has not had.
    var segment: [UInt8] = []
    /// The row that this side writes to.
    var transaction: HTTPTransaction?

    init(_ direction: Direction) { self.direction = direction }

    var isOriginator: Bool { direction == .originator }
    /// The deepest open entity.
    var entity: HTTPEntity { entities[max(level, 1) &- 1] }

    func reset() {
        state = .line
        isSkipping = false
        carry.removeAll(keepingCapacity: true)
        (isMidLine, isOverlong, endedAtReturn, endsAtEither) = (false, false, false, true)
        (plainLeft, deliveryLeft) = (0, -1)
        (hasMessage, isOngoing, isFinished) = (false, false, true)
        version = .none
        bodyBytes = 0
        level = 0
        for entity in entities { entity.reset() }
        if entities.count > 8 { entities.removeLast(entities.count &- 8) }
        if carry.capacity > HTTP.keptBytesMax { carry = [] }
        if header.capacity > HTTP.keptBytesMax { header = [] }
        if scratch.capacity > HTTP.keptBytesMax { scratch = [] }
        segment.removeAll(keepingCapacity: segment.capacity <= HTTP.keptBytesMax)
        header.removeAll(keepingCapacity: true)
        headerLineCount = 0
        fileKey = 0
        transaction = nil
    }
}

/// `HTTP/1.1` is (1, 1); (0, 0) is none seen.
struct HTTPVersion: Equatable {
    var major: UInt8
    var minor: UInt8

    static let none = HTTPVersion(major: 0, minor: 0)
    var keepsAlive: Bool { major > 1 || major == 1 && minor > 0 }
}

final class HTTP: Analyzer {
    /// Requests of one connection whose response is awaited; older ones are forgotten.
    static let unansweredMax = 4096
    /// Tunnels inside tunnels.
    static let nestingMax = 4
    /// Octets of a buffer that is kept for the next connection.
    static let keptBytesMax = 8192

    let originator = HTTPSide(.originator)
    let responder = HTTPSide(.responder)

    // Requests and responses.

    /// Rows at work, oldest first; their keys count requests and responses.
    var transactions: [HTTPTransaction] = []
    var idleTransactions: [HTTPTransaction] = []
    var requestKey = 0
    var responseKey = 0
    var depth: UInt64 = 0
    /// For each unanswered request, whether its response has no body (HEAD).
    var unanswered: [Bool] = []
    var requestCount = 0
    var replyCode = 0
    var keepsAlive = false
    var closesAfterResponse = false
    var isConnect = false

    // What the connection turns into.

    var hasUpgradeConnection = false
    var upgradeProtocol: HTTPUpgrade?
    var webSocket: WebSocketHandshake?
    /// NTLM and Kerberos in headers; made with the first token.
    var authentication: HTTPAuthentication?
    /// The request at work, and its response, carry DCE RPC.
    var channel: DCERPCChannel?
    var isUpgraded = false
    /// Reads what the connection has turned into, where that is known.
    var successor: Analyzer?
    var isTunnel = false
    /// The streams inside the tunnel, once there is one.
    var inner: InnerAnalysis?
    private var hasReportedReturn = false
    /// What signatures see; made when a rule first wants it.
    var view: HTTPView?
    /// Octets of the span at work behind what is being handled.
    var spanLeft = 0

    init() { super.init(kind: .http) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        if requestCount == 0, !isUpgraded, direction == .originator, bytes.begins(with: HTTP2.preface) {
            return yield()
        }
        if context.wantsTransactions || context.wantsEvents, !isTunnel, !isUpgraded {
            if view == nil { view = HTTPView() }
            view?.stream(bytes, from: direction, &context)
        }
        guard bytes.byteCount > 0 else { return }
        if context.isPartial { return follow(bytes, from: direction, &context) }
        if isTunnel { return tunnel(bytes, from: direction, &context) }
        let side = direction == .originator ? originator : responder
        if isUpgraded { return upgraded(bytes, from: direction, &context) }
        guard !side.isSkipping else { return }
        if side.state == .raw { return rawResponse(bytes, &context) }
        if side.deliveryLeft > 0 {
            // A line feed that belongs to the last line of the header is no body.
            let isLate = side.endedAtReturn && bytes.octet(0) == 0x0A
            side.deliveryLeft &-= Int64(bytes.byteCount &- (isLate ? 1 : 0))
        }
        cut(bytes, side, &context)
        if side.deliveryLeft == 0, !isTunnel, !isUpgraded {
            if !side.carry.isEmpty {
                context.weird(.line_terminated_without_CRLF, source: "CONTENTLINE")
                endCarriedLine(side, &context)
            }
            side.deliveryLeft = -1
        }
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        view?.gap(count, from: direction, &context)
        successor?.gap(count, from: direction, &context)
        guard !context.isPartial, count > 0 else { return }
        if isTunnel { inner?.gap(count, from: direction, &context) }
        if isTunnel || isUpgraded { return }
        let side = direction == .originator ? originator : responder
        guard !side.isSkipping else { return }
        channel?.gap(count, from: direction, &context)
        if side.hasMessage, bridge(Int64(count), side, &context) { return }
        // A response cannot be understood without its request; the other way round it can.
        if side.isOriginator { requestMade(isInterrupted: true, &context) }
        replyMade(isInterrupted: true, &context)
        side.isSkipping = true
    }

    override func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        view?.endOfStream(from: direction, &context)
        if isTunnel { inner?.endOfStream(from: direction, &context) }
        successor?.endOfStream(from: direction, &context)
        if context.isPartial || isTunnel || isUpgraded { return }
        let side = direction == .originator ? originator : responder
        if !side.isSkipping, !side.carry.isEmpty || side.isMidLine { endCarriedLine(side, &context) }
        if side.isOriginator {
            requestMade(isInterrupted: false, &context)
        } else {
            replyMade(isInterrupted: false, &context)
        }
    }

    override func finish(_ context: inout AnalyzerContext) {
        view?.finish(&context)
        requestMade(isInterrupted: true, &context)
        replyMade(isInterrupted: true, &context)
        flush(&context)
        authentication?.finish(&context)
        channel?.finish(&context)
        (authentication, channel) = (nil, nil)
        inner?.finish(&context)
        inner?.reset(&context)
        finishSuccessor(&context)
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) { view?.writeEVE(tx: tx, to: &event) }

    /// Whether the request of a transaction is a form of several parts.
    func readsForm(_ transaction: UInt64) -> Bool { view?.readsForm(transaction) == true }

    override func reset() {
        super.reset()
        originator.reset()
        responder.reset()
        for transaction in transactions { keep(transaction) }
        transactions.removeAll(keepingCapacity: true)
        (requestKey, responseKey, depth, requestCount, replyCode) = (0, 0, 0, 0, 0)
        unanswered.removeAll(keepingCapacity: true)
        (keepsAlive, closesAfterResponse, isConnect) = (false, false, false)
        (hasUpgradeConnection, upgradeProtocol, isUpgraded, isTunnel) = (false, nil, false, false)
        (webSocket, authentication, channel, successor) = (nil, nil, nil, nil)
        inner = nil
        hasReportedReturn = false
        view?.reset()
    }

    /// The one place where a tunnel begins: CONNECT was answered by 200, and the
    /// blank line has come. What follows on both sides is a new stream.
    func startTunnel(_ context: inout AnalyzerContext) {
        isTunnel = true
        context.requests.append(.tunnel(.http))
        // Tunnels in tunnels: each costs a call inside a call.
        if context.nesting < HTTP.nestingMax {
            inner = InnerAnalysis()
        } else {
            context.weird(.exceeded_tunnel_max_depth, source: "HTTP")
        }
        if spanLeft > 0 {
            context.weird(.protocol_data_with_HTTP_CONNECT_reply, addl: UInt64(spanLeft), source: "HTTP")
        }
    }

    private func tunnel(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        context.nesting &+= 1
        inner?.stream(bytes, from: direction, &context)
        context.nesting &-= 1
    }

    // MARK: lines

    /// Cuts a span into lines and stretches of body. Lines inside the span are not copied.
    private func cut(_ bytes: RawSpan, _ side: HTTPSide, _ context: inout AnalyzerContext) {
        var at = 0
        let end = bytes.byteCount
        while at < end, !side.isSkipping {
            if isTunnel { return tunnel(bytes.extracting(at..<end), from: side.direction, &context) }
            if isUpgraded { return upgraded(bytes.extracting(at..<end), from: side.direction, &context) }
            if side.state == .nothing { return lookForReturns(bytes.extracting(at..<end), side, &context) }
            // Whatever ends a line now: this belongs to the last one.
            if side.endedAtReturn, bytes.octet(at) == 0x0A {
                side.endedAtReturn = false
                at &+= 1
                continue
            }
            if side.plainLeft > 0 {
                let count = Int(min(side.plainLeft, Int64(end &- at)))
                side.endedAtReturn = false
                side.plainLeft &-= Int64(count)
                spanLeft = end &- at &- count
                plain(bytes.extracting(at ..< at &+ count), side, &context)
                at &+= count
            } else if side.endsAtEither {
                at = takeLine(bytes, at, side, &context)
            } else {
                at = takeStrictLine(bytes, at, side, &context)
            }
        }
    }

    /// A line that CR, LF or both end. Returns where the next one begins.
    private func takeLine(_ bytes: RawSpan, _ at: Int, _ side: HTTPSide, _ context: inout AnalyzerContext) -> Int {
        let feed = bytes.firstIndex(of: 0x0A, from: at)
        let rest = bytes.extracting(0..<(feed ?? bytes.byteCount))
        let mark = rest.firstIndex(of: 0x0D, from: at)
        if side.endedAtReturn {
            side.endedAtReturn = false
            if bytes.octet(at) != 0x0D { reportReturn(&context) }
        }
        guard let lineEnd = mark ?? feed else {
            hold(bytes.extracting(at..<bytes.byteCount), side, &context)
            return bytes.byteCount
        }
        var next = lineEnd &+ 1
        if mark != nil {
            if feed == next { next &+= 1 } else { side.endedAtReturn = true }
        }
        side.nextOctet = next < bytes.byteCount && !side.endedAtReturn ? bytes.octet(next) : nil
        spanLeft = bytes.byteCount &- next
        finishLine(bytes.extracting(at..<lineEnd), side, &context)
        return next
    }

    /// In what is not understood only one thing is looked for: lines that CR alone ends.
    private func lookForReturns(_ bytes: RawSpan, _ side: HTTPSide, _ context: inout AnalyzerContext) {
        var at = 0
        while !hasReportedReturn, at < bytes.byteCount {
            if side.endedAtReturn {
                side.endedAtReturn = bytes.octet(at) == 0x0D
                if bytes.octet(at) != 0x0A, bytes.octet(at) != 0x0D { reportReturn(&context) }
                at &+= 1
            } else {
                guard let mark = bytes.firstIndex(of: 0x0D, from: at) else { return }
                side.endedAtReturn = true
                at = mark &+ 1
            }
        }
    }

    private func reportReturn(_ context: inout AnalyzerContext) {
        guard !hasReportedReturn else { return }
        hasReportedReturn = true
        context.weird(.line_terminated_with_single_CR, source: "CONTENTLINE")
    }

    /// A line that only CR LF ends, as in the parts of a multipart body.
    private func takeStrictLine(
        _ bytes: RawSpan, _ at: Int, _ side: HTTPSide, _ context: inout AnalyzerContext
    ) -> Int {
        side.endedAtReturn = false
        var from = at
        while let feed = bytes.firstIndex(of: 0x0A, from: from) {
            let isAfterReturn = feed > at ? bytes.octet(feed &- 1) == 0x0D : side.carry.last == 0x0D
            guard isAfterReturn else {
                from = feed &+ 1
                continue
            }
            if feed == at { side.carry.removeLast() }
            side.nextOctet = feed &+ 1 < bytes.byteCount ? bytes.octet(feed &+ 1) : nil
            spanLeft = bytes.byteCount &- feed &- 1
            finishLine(bytes.extracting(at..<max(at, feed &- 1)), side, &context)
            return feed &+ 1
        }
        hold(bytes.extracting(at..<bytes.byteCount), side, &context)
        return bytes.byteCount
    }

    /// Keeps the beginning of a line. What can only be data of a body goes out at
    /// once, so that a body without line ends is never gathered.
    private func hold(_ bytes: RawSpan, _ side: HTTPSide, _ context: inout AnalyzerContext) {
        let limit = context.settings.httpLineBytesMax
        guard mayGoOut(bytes, side) else {
            let room = limit &- side.carry.count
            if bytes.byteCount > room { reportOverlong(side, &context) }
            bytes.extracting(0..<max(0, min(room, bytes.byteCount))).append(to: &side.carry)
            return
        }
        // A last CR may be the first half of a line end.
        let keepsLast = !side.endsAtEither && bytes.byteCount > 0 && bytes.octet(bytes.byteCount &- 1) == 0x0D
        if !side.carry.isEmpty {
            var carried: [UInt8] = []
            swap(&carried, &side.carry)
            piece(carried.octets, side, &context)
            carried.removeAll(keepingCapacity: true)
            swap(&carried, &side.carry)
        }
        piece(bytes.extracting(0 ..< bytes.byteCount &- (keepsLast ? 1 : 0)), side, &context)
        if keepsLast { side.carry.append(0x0D) }
    }

    /// Whether an unfinished line is body for certain: not a header, a chunk's
    /// size, or the delimiter of a part.
    private func mayGoOut(_ bytes: RawSpan, _ side: HTTPSide) -> Bool {
        guard side.state == .message, side.level > 0, !side.isFinished else { return false }
        let entity = side.entity
        guard !entity.inHeader, !entity.isOver else { return false }
        if entity.kind == .leaf, entity.chunk != .none { return false }
        guard side.entities[0].kind == .multipart || side.level > 1, !side.isMidLine else { return true }
        // A delimiter begins with two dashes and has at most 70 octets more (RFC 2046 section 5.1.1).
        let count = side.carry.count &+ bytes.byteCount
        if count > 1024 { return true }
        guard count >= 2 else { return false }
        for index in 0..<2 {
            let octet = index < side.carry.count ? side.carry[index] : bytes.octet(index &- side.carry.count)
            if octet != 0x2D { return true }
        }
        return false
    }

    private func reportOverlong(_ side: HTTPSide, _ context: inout AnalyzerContext) {
        guard !side.isOverlong else { return }
        side.isOverlong = true
        context.weird(.contentline_size_exceeded, source: "CONTENTLINE")
    }

    /// A line is complete: `bytes` is its end, what came before is carried.
    private func finishLine(_ bytes: RawSpan, _ side: HTTPSide, _ context: inout AnalyzerContext) {
        let limit = context.settings.httpLineBytesMax
        if side.carry.isEmpty {
            if bytes.byteCount > limit { reportOverlong(side, &context) }
            side.isOverlong = false
            line(bytes.extracting(0..<min(limit, bytes.byteCount)), side, &context)
            return
        }
        let room = max(0, limit &- side.carry.count)
        if bytes.byteCount > room { reportOverlong(side, &context) }
        side.isOverlong = false
        // Out of the side while it is read: the side's own array may be wanted meanwhile.
        var whole: [UInt8] = []
        swap(&whole, &side.carry)
        bytes.extracting(0..<min(room, bytes.byteCount)).append(to: &whole)
        line(whole.octets, side, &context)
        whole.removeAll(keepingCapacity: true)
        if side.carry.isEmpty { swap(&whole, &side.carry) }
    }

    /// The stream ends inside a line.
    private func endCarriedLine(_ side: HTTPSide, _ context: inout AnalyzerContext) {
        side.nextOctet = nil
        spanLeft = 0
        let nothing: [UInt8] = []
        finishLine(nothing.octets, side, &context)
    }

    /// Part of a line of a body.
    private func piece(_ bytes: RawSpan, _ side: HTTPSide, _ context: inout AnalyzerContext) {
        guard bytes.byteCount > 0 else { return }
        side.isMidLine = true
        deliver(bytes, 0, endsLine: false, side, &context)
    }

    /// A whole line, without its end.
    private func line(_ bytes: RawSpan, _ side: HTTPSide, _ context: inout AnalyzerContext) {
        switch (side.state, side.direction) {
        case (.line, .originator): requestLine(bytes, &context)
        case (.line, .responder): statusLine(bytes, &context)
        case (.message, _):
            deliver(bytes, 0, endsLine: true, side, &context)
            if !side.isOriginator, isConnect, bytes.byteCount == 0, !isUpgraded { startTunnel(&context) }
        case (.raw, _), (.nothing, _): break
        }
        side.isMidLine = false
    }

    /// Octets that are not lines.
    private func plain(_ bytes: RawSpan, _ side: HTTPSide, _ context: inout AnalyzerContext) {
        guard side.hasMessage else {
            let weird: Weird = side.isOriginator ? .unexpected_client_HTTP_data : .unexpected_server_HTTP_data
            return context.weird(weird, source: "HTTP")
        }
        deliver(bytes, 0, endsLine: false, side, &context)
    }
}
