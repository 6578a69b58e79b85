// SPDX-License-Identifier: Apache-2.0
//
// SOCKS 4, 4a and 5 (RFC 1928, RFC 1929).
//
// Reads   both directions of a TCP connection: greeting, login, request, reply.
// Writes  one `SOCKSRecord` per connection, path "socks".
// Leaves  what flows through the proxy: a nested `Analysis` reads it.

package import Records
import Wire

/// One use of a proxy.
package struct SOCKSRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var version: UInt64 = 0
    package var user = Text.absent
    package var status = Text.absent
    package var request = SOCKSAddress()
    package var bound = SOCKSAddress()
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.socks
    package static let summary: StaticString = "One use of a SOCKS proxy."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("version", version, "Version of the protocol, 4 or 5.")
        row.text("user", user, in: text, "User name of the login.", isKey: true)
        row.text("password", .absent, in: text, "Never kept.")
        row.text("status", status, in: text, "What the proxy answered.")
        row.address("request.host", request.host, "Address that the client asked for.")
        row.text("request.name", request.name, in: text, "Name that the client asked for.", isKey: true)
        row.port("request_p", request.port, "Port that the client asked for.")
        row.address("bound.host", bound.host, "Address that the proxy uses.")
        row.text("bound.name", bound.name, in: text, "Name that the proxy uses.")
        row.port("bound_p", bound.port, "Port that the proxy uses.")
    }

    /// Blank again; keeps memory.
    mutating func clear() {
        version = 0
        (user, status) = (.absent, .absent)
        (request, bound) = (SOCKSAddress(), SOCKSAddress())
        text.clear()
    }
}

/// Where a proxy is to connect, or has.
package struct SOCKSAddress: Sendable {
    package var host: Address?
    package var name = Text.absent
    package var port: UInt16?
}

/// What each side says first; the two of a version belong together.
enum SOCKSProbe {
    /// Version 4: a request, whose user name ends within 33 octets.
    static func request4(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        guard bytes.octet(0) == 4 else { return .never }
        guard bytes.byteCount > 1 else { return .needsMore }
        guard bytes.octet(1) == 1 || bytes.octet(1) == 2 else { return .never }
        if let end = bytes.firstIndex(of: 0, from: 2) { return end <= 34 ? .matches : .never }
        return bytes.byteCount > 34 ? .never : .needsMore
    }

    /// Version 4: a reply.
    static func reply4(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        guard bytes.octet(0) == 0 else { return .never }
        guard bytes.byteCount > 1 else { return .needsMore }
        return (0x5A...0x5D).contains(bytes.octet(1)) ? .matches : .never
    }

    /// Version 5: the greeting with its first method.
    static func request5(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        guard bytes.octet(0) == 5 else { return .never }
        guard bytes.byteCount > 2 else { return .needsMore }
        return isMethod(bytes.octet(2)) ? .matches : .never
    }

    /// Version 5: the method that the proxy chose.
    static func reply5(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        guard bytes.octet(0) == 5 else { return .never }
        guard bytes.byteCount > 1 else { return .needsMore }
        return isMethod(bytes.octet(1)) || bytes.octet(1) == 0xFF ? .matches : .never
    }

    private static func isMethod(_ octet: UInt8) -> Bool { octet <= 9 && octet != 4 }
}

/// SOCKS on one connection, until both sides have said what they have to say.
final class SOCKS: Analyzer {
    /// Octets of one side that wait: an unfinished message, or what a client sends early.
    static let heldBytesMax = 8192
    /// Methods of a login (RFC 1928 section 3).
    private static let userAndPassword: UInt8 = 2
    private static let noMethod: UInt8 = 0xFF

    private var record = SOCKSRecord()
    private var hasRow = false
    /// Octets not yet understood, by side.
    private var held: [[UInt8]] = [[], []]
    private var isOver: [2 of Bool] = [false, false]
    private var isStopped = false
    private var version: UInt8 = 0
    private var hasGreeting = false
    /// What the proxy chose; nil before it did.
    private var method: UInt8?
    /// Sides that have still to say their part of the login.
    private var loginAwaited: [2 of Bool] = [false, false]
    /// The streams inside, once there is a tunnel.
    private var inner: InnerAnalysis?
    private var isTunnel = false

    init() { super.init(kind: .socks) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard !isStopped, !context.isPartial, bytes.byteCount > 0 else { return }
        if isTunnel { return tunnel(bytes, from: direction, &context) }
        let side = Int(direction.rawValue)
        guard held[side].count &+ bytes.byteCount <= SOCKS.heldBytesMax else {
            // A client that sends early loses what is inside, not its row.
            isStopped = true
            if !isOver[side] { violation(&context) }
            return
        }
        bytes.append(to: &held[side])
        // What one side said may let the other side's octets be understood.
        while read(direction, &context) || read(direction.opposite, &context) {}
        if isOver[0], isOver[1], !isStopped { startTunnel(&context) }
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        if isTunnel { inner?.gap(count, from: direction, &context) } else { isStopped = true }
    }

    override func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        inner?.endOfStream(from: direction, &context)
    }

    override func finish(_ context: inout AnalyzerContext) {
        inner?.finish(&context)
        inner?.reset(&context)
        inner = nil
        guard hasRow else { return }
        hasRow = false
        if isConfirmed { context.output.emit(record) }
    }

    override func reset() {
        super.reset()
        record.clear()
        for side in 0..<2 {
            held[side].removeAll(keepingCapacity: true)
            isOver[side] = false
            loginAwaited[side] = false
        }
        (hasRow, isStopped, hasGreeting, isTunnel) = (false, false, false, false)
        version = 0
        method = nil
        inner = nil
    }

    // MARK: the tunnel

    private func startTunnel(_ context: inout AnalyzerContext) {
        isTunnel = true
        // Tunnels in tunnels: each costs a call inside a call.
        if context.nesting < HTTP.nestingMax {
            inner = InnerAnalysis()
        } else {
            context.weird(.exceeded_tunnel_max_depth, source: "SOCKS")
        }
        for direction in [Direction.originator, .responder] {
            var early: [UInt8] = []
            swap(&early, &held[Int(direction.rawValue)])
            if !early.isEmpty { tunnel(early.octets, from: direction, &context) }
        }
    }

    private func tunnel(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        context.nesting &+= 1
        inner?.stream(bytes, from: direction, &context)
        context.nesting &-= 1
    }

    // MARK: messages

    /// Reads one message of a side; false where there is none.
    private func read(_ direction: Direction, _ context: inout AnalyzerContext) -> Bool {
        let side = Int(direction.rawValue)
        guard !isStopped, !isDetached, !isOver[side], !held[side].isEmpty else { return false }
        var whole: [UInt8] = []
        swap(&whole, &held[side])
        defer { swap(&whole, &held[side]) }
        var cursor = Cursor(whole.octets)
        do {
            guard try message(&cursor, direction, &context) else { return false }
        } catch {
            // A message that is not whole waits for the rest.
            if case .truncated = error { return false }
            isStopped = true
            violation(&context)
            return false
        }
        let used = cursor.offset
        whole.removeSubrange(0..<used)
        return true
    }

    /// Takes one message; false where it is not this side's turn.
    private func message(
        _ cursor: inout Cursor, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) -> Bool {
        if loginAwaited[Int(direction.rawValue)] {
            try login(&cursor, direction, &context)
            loginAwaited[Int(direction.rawValue)] = false
            return true
        }
        let first = try cursor.read(UInt8.self)
        switch (direction, first) {
        case (.originator, 4): try request4(&cursor, &context)
        case (.originator, 5) where method == nil:
            // The request waits until the method is known.
            guard !hasGreeting else { return false }
            let count = Int(try cursor.read(UInt8.self))
            try cursor.skip(count)
            hasGreeting = true
        case (.originator, 5): try request5(&cursor, &context)
        case (.responder, 0) where version == 4: try reply4(&cursor, &context)
        case (.responder, 5) where method == nil:
            let chosen = try cursor.read(UInt8.self)
            method = chosen
            if chosen != 0, chosen != SOCKS.noMethod { loginAwaited = [true, true] }
        case (.responder, 5): try reply5(&cursor, &context)
        default: throw .malformed(at: 0)
        }
        return true
    }

    /// RFC 1929; any other login is not understood.
    private func login(
        _ cursor: inout Cursor, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        guard let method, method == SOCKS.userAndPassword else {
            _ = cursor.rest()
            let chosen = UInt64(method ?? SOCKS.noMethod)
            return context.weird(.socks5_unsupported_authentication_method, addl: chosen, source: "SOCKS")
        }
        let version = try cursor.read(UInt8.self)
        guard version == 1 else {
            _ = cursor.rest()
            var text = TextBuffer()
            text.append("method 2, version ")
            text.append(decimal: UInt64(version))
            return context.weird(.socks5_unsupported_authentication, addl: text.bytes.octets, source: "SOCKS")
        }
        if direction == .responder {
            let code = try cursor.read(UInt8.self)
            begin(5, &context)
            return record.status = status5(code)
        }
        let user = try cursor.take(Int(try cursor.read(UInt8.self)))
        try cursor.skip(Int(try cursor.read(UInt8.self)))
        begin(5, &context)
        record.user = record.text.add(user)
    }

    //  | 4 | command | port (2) | address (4) | user ... 0 | name ... 0, where the address is 0.0.0.x |
    private func request4(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        try cursor.skip(1)
        var asked = SOCKSAddress()
        asked.port = try cursor.read(UInt16.self)
        let host = try cursor.read(UInt32.self)
        asked.host = Address(v4: host)
        try cursor.skip(try SOCKS.countToZero(cursor) &+ 1)
        if host <= 0xFF {
            let count = try SOCKS.countToZero(cursor)
            asked.name = record.text.add(try cursor.take(count))
            try cursor.skip(1)
        }
        version = 4
        requested(asked, &context)
    }

    /// Octets before the next zero.
    private static func countToZero(_ cursor: Cursor) throws(WireError) -> Int {
        var ahead = cursor
        guard let count = ahead.rest().firstIndex(of: 0) else { throw .truncated(at: cursor.offset) }
        return count
    }

    //  | 0 | status | port (2) | address (4) |
    private func reply4(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        let status = try cursor.read(UInt8.self)
        let port = try cursor.read(UInt16.self)
        let host = try cursor.read(UInt32.self)
        begin(4, &context)
        record.status = status4(status)
        record.bound = SOCKSAddress(host: Address(v4: host), port: port)
        isOver[1] = true
        confirm(&context)
    }

    //  | 5 | command | 0 | kind of address | address | port (2) |
    private func request5(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        let command = try cursor.read(UInt8.self)
        let reserved = try cursor.read(UInt8.self)
        guard reserved == 0, (1...3).contains(command) else { throw .malformed(at: cursor.offset) }
        requested(try address5(&cursor), &context)
    }

    private func reply5(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        let status = try cursor.read(UInt8.self)
        try cursor.skip(1)
        let bound = try address5(&cursor)
        begin(5, &context)
        record.status = status5(status)
        record.bound = bound
        isOver[1] = true
        confirm(&context)
    }

    private func address5(_ cursor: inout Cursor) throws(WireError) -> SOCKSAddress {
        var address = SOCKSAddress()
        switch try cursor.read(UInt8.self) {
        case 1: address.host = Address(v4: try cursor.read(UInt32.self))
        case 3:
            let name = try cursor.take(Int(try cursor.read(UInt8.self)))
            address.port = try cursor.read(UInt16.self)
            address.name = record.text.add(name)
            return address
        case 4:
            let high = try cursor.read(UInt64.self)
            address.host = Address(high: high, low: try cursor.read(UInt64.self))
        default: throw .malformed(at: cursor.offset)
        }
        address.port = try cursor.read(UInt16.self)
        return address
    }

    // MARK: the row

    private func requested(_ address: SOCKSAddress, _ context: inout AnalyzerContext) {
        begin(version == 4 ? 4 : 5, &context)
        record.request = address
        isOver[0] = true
        context.requests.append(.tunnel(.socks))
    }

    private func begin(_ version: UInt64, _ context: inout AnalyzerContext) {
        guard !hasRow else { return }
        hasRow = true
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.version = version
    }

    private func status4(_ code: UInt8) -> Text {
        switch code {
        case 0x5A: record.text.add("succeeded")
        case 0x5B: record.text.add("general SOCKS server failure")
        case 0x5C: record.text.add("request failed because client is not running identd")
        case 0x5D:
            record.text.add(
                "request failed because client's identd could not confirm the user ID string in the request")
        default: unknown(code)
        }
    }

    private func status5(_ code: UInt8) -> Text {
        switch code {
        case 0: record.text.add("succeeded")
        case 1: record.text.add("general SOCKS server failure")
        case 2: record.text.add("connection not allowed by ruleset")
        case 3: record.text.add("Network unreachable")
        case 4: record.text.add("Host unreachable")
        case 5: record.text.add("Connection refused")
        case 6: record.text.add("TTL expired")
        case 7: record.text.add("Command not supported")
        case 8: record.text.add("Address type not supported")
        default: unknown(code)
        }
    }

    private func unknown(_ code: UInt8) -> Text {
        let start = record.text.begin()
        record.text.append("unknown-")
        record.text.append(decimal: UInt64(code))
        return record.text.end(start)
    }
}
