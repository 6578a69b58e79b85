// SPDX-License-Identifier: Apache-2.0
//
// Remote Desktop Protocol: connection (MS-RDPBCGR sections 2.2.1.1 to 2.2.1.4, over
// RFC 1006, X.224, T.125 and T.124), and the handshake of RDP over UDP (MS-RDPEUDP).
//
// Reads   both directions of a TCP connection until it is encrypted; TLS from there on.
// Writes  one `RDPRecord` per connection, path "rdp".
// Leaves  certificates, screens, channels; what UDP carries.

package import Records
import Wire

/// One session of a remote desktop.
package struct RDPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var cookie = Text.absent
    package var result = Text.absent
    package var securityProtocol = Text.absent
    package var channels: [Text]?
    package var keyboard = Text.absent
    package var build = Text.absent
    package var clientName = Text.absent
    package var productID = Text.absent
    package var width: UInt64?
    package var height: UInt64?
    package var colorDepth = Text.absent
    package var certificateType = Text.absent
    package var certificateCount: UInt64 = 0
    package var isPermanent: Bool?
    package var encryptionLevel = Text.absent
    package var encryptionMethod = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.rdp
    package static let summary: StaticString = "One session of a remote desktop."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("cookie", cookie, in: text, "Cookie of the client, mostly the user's name, cut.", isKey: true)
        row.text("result", result, in: text, "How the connection went: a failure, an answer, or encrypted.")
        row.text("security_protocol", securityProtocol, in: text, "Protection that the server chose.")
        row.textVector("client_channels", channels, in: text, "Channels that the client asked for.")
        row.text("keyboard_layout", keyboard, in: text, "Keyboard layout of the client.")
        row.text("client_build", build, in: text, "Version of the client.")
        row.text("client_name", clientName, in: text, "Name of the client machine.", isKey: true)
        row.text("client_dig_product_id", productID, in: text, "Product identity of the client machine.", isKey: true)
        row.count("desktop_width", width, "Width of the screen in pixels.")
        row.count("desktop_height", height, "Height of the screen in pixels.")
        row.text("requested_color_depth", colorDepth, in: text, "Depth of colour that the client asked for.")
        row.text("cert_type", certificateType, in: text, "Kind of the server's certificate, without TLS.")
        row.count("cert_count", certificateCount, "Certificates of the server, without TLS.")
        row.boolean("cert_permanent", isPermanent, "Whether they were issued for good.")
        row.text("encryption_level", encryptionLevel, in: text, "Level of encryption, without TLS.")
        row.text("encryption_method", encryptionMethod, in: text, "Method of encryption, without TLS.")
    }

    mutating func clear() {
        (cookie, result, securityProtocol, keyboard) = (.absent, .absent, .absent, .absent)
        (build, clientName, productID, colorDepth) = (.absent, .absent, .absent, .absent)
        (certificateType, encryptionLevel, encryptionMethod) = (.absent, .absent, .absent)
        (channels, width, height, isPermanent, certificateCount) = (nil, nil, nil, nil, 0)
        text.clear()
    }
}

/// A cookie, a request of nothing but security, or the names of channels from one side, an answer from the other;
/// both belong together.
enum RDPProbe {
    static func client(_ bytes: RawSpan) -> ProbeVerdict {
        guard let verdict = head(bytes) else { return .needsMore }
        guard verdict else { return .never }
        if RDP.find("Cookie: mstshash=", in: bytes) != nil || isNegotiation(bytes) { return .matches }
        guard let key = RDP.find("Duca", in: bytes) else { return .needsMore }
        let rest = bytes.extracting(key..<bytes.byteCount)
        for name: StaticString in ["rdpdr", "rdpsnd", "drdynvc", "cliprdr"] where RDP.find(name, in: rest) != nil {
            return .matches
        }
        return .needsMore
    }

    static func server(_ bytes: RawSpan) -> ProbeVerdict {
        guard let verdict = head(bytes) else { return .needsMore }
        guard verdict else { return .never }
        if bytes.byteCount > 5, bytes.octet(5) == 0xD0 { return .matches }
        return RDP.find("McDn", in: bytes) != nil ? .matches : .needsMore
    }

    //  3, 0, 19 (2) | 14, connection request (E0) ... (5) | 1, flags, 8 (2), protocols (4)
    /// A request of a client that sends no cookie (MS-RDPBCGR 2.2.1.1.1).
    private static func isNegotiation(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= 19 && bytes.load16(2) == 19 && bytes.octet(5) == 0xE0
            && bytes.octet(11) == 1 && bytes.load16(13) == 0x0800 && bytes.octet(18) == 0
    }

    /// Whether it begins as every message does; without that all would be searched through.
    private static func head(_ bytes: RawSpan) -> Bool? { bytes.byteCount > 0 ? bytes.octet(0) == 3 : nil }

    /// The first datagram over UDP: a synchronisation, padded.
    static func datagram(_ bytes: RawSpan) -> ProbeVerdict {
        guard (1132...1232).contains(bytes.byteCount) else { return .never }
        return bytes.load(0, as: UInt32.self) == .max && bytes.octet(7) == 1 ? .matches : .never
    }
}

/// RDP on one TCP connection.
final class RDP: FramedAnalyzer {
    /// The row is written so long after its first message at the latest (`rdp_check_interval`).
    private static let interval = 10 * second
    /// Channels of one row that are listed; the protocol allows 31.
    private static let channelsMax = 64
    private static let channelsLegal: UInt32 = 31
    /// First octet of every message (RFC 1006 section 6).
    private static let version: UInt8 = 3

    private var record = RDPRecord()
    private var hasRow = false
    private var isWritten = false
    /// What the stream turns into after the message at work.
    private var isTLS = false
    private var isEncrypted = false

    init() { super.init(kind: .rdp) }

    //  | 3 | 0 | length (2) | header length | kind of message | ...
    override func message(
        _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Framing {
        guard !context.isPartial else { return .stop }
        if hasRow, context.now.since(record.ts) > RDP.interval { write(&context) }
        guard bytes.octet(0) == RDP.version else {
            // Fast-path input and output has no such head, and comes when all is said.
            if isConfirmed { return .stop }
            return refuse(&context)
        }
        guard bytes.byteCount >= 4 else { return .needs(4) }
        let total = Int(bytes.load(2, as: UInt16.self))
        guard total >= 6 else { return refuse(&context) }
        guard bytes.byteCount >= total else { return .needs(total) }
        var cursor = Cursor(bytes.extracting(4..<total))
        do throws(WireError) {
            let headerLength = Int(try cursor.read(UInt8.self))
            switch try cursor.read(UInt8.self) {
            case 0xE0: try connectRequest(&cursor, headerLength &- 1, &context)
            case 0xD0: try connectConfirm(&cursor, headerLength &- 1, &context)
            case 0xF0: try data(&cursor, &context)
            default: break
            }
        } catch {
            return refuse(&context)
        }
        if isTLS { return .startsTLS(after: total) }
        return isEncrypted ? .stop : .took(total)
    }

    override func finish(_ context: inout AnalyzerContext) {
        super.finish(&context)
        write(&context)
    }

    override func reset() {
        super.reset()
        record.clear()
        (hasRow, isWritten, isTLS, isEncrypted) = (false, false, false, false)
    }

    private func refuse(_ context: inout AnalyzerContext) -> Framing {
        violation(&context)
        write(&context)
        return .stop
    }

    // MARK: X.224

    //  destination (2) | source (2) | class | Cookie: mstshash=NAME CR LF | negotiation
    private func connectRequest(
        _ cursor: inout Cursor, _ length: Int, _ context: inout AnalyzerContext
    ) throws(WireError) {
        guard length >= 5, length <= cursor.remaining else { throw .malformed(at: cursor.offset) }
        try cursor.skip(5)
        let rest = try cursor.take(length &- 5)
        guard rest.begins(with: "Cookie: mstshash=") else {
            return showRequest(cookie: nil, rest, &context)
        }
        guard let end = rest.firstIndex(of: 0x0D) else { throw .malformed(at: cursor.offset) }
        showRequest(cookie: 17..<max(17, end), rest, &context)
        begin(&context)
        record.cookie = record.text.add(rest.extracting(17..<max(17, end)))
    }

    //  destination (2) | source (2) | class | 2 or 3 | flags | 8 (2) | protocol or failure (4)
    private func connectConfirm(
        _ cursor: inout Cursor, _ length: Int, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try cursor.skip(5)
        guard length > 5 else { return showConfirm(kind: 0, flags: 0, value: 0, &context) }
        let kind = try cursor.read(UInt8.self)
        let flags = try cursor.read(UInt8.self)
        try cursor.skip(2)
        let value = try cursor.readLittle(UInt32.self)
        showConfirm(kind: kind, flags: flags, value: value, &context)
        begin(&context)
        if kind == 3 {
            return record.result = name(value, RDP.failures, "failure_code-")
        }
        guard kind == 2 else { throw .malformed(at: cursor.offset) }
        record.securityProtocol = name(value, RDP.protocols, "security_protocol-")
        guard value > 0 else { return }
        if record.result.isAbsent { record.result = record.text.add("encrypted") }
        isTLS = true
    }

    // MARK: T.125 and T.124

    //  end of message | 7F | 65 or 66 | connect, BER | ... Duca or McDn, length, blocks
    private func data(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        try cursor.skip(1)
        let start = cursor.offset
        guard cursor.remaining >= 2, try cursor.read(UInt8.self) == 0x7F else { return }
        let kind = try cursor.read(UInt8.self)
        guard kind == 0x65 || kind == 0x66 else { return }
        let body = cursor.rest()
        guard let key = RDP.find(kind == 0x65 ? "Duca" : "McDn", in: body) else { throw .malformed(at: start) }
        if kind == 0x66 {
            guard key >= 4 else { throw .malformed(at: start) }
            confirm(&context)
            begin(&context)
            record.result = name(UInt32(body.octet(key &- 4)), RDP.results, "result-")
            emit("connect_response", from: .responder, &context) { _ in }
        } else {
            try showClient(body.extracting(key &+ 4 ..< body.byteCount), &context)
        }
        var inside = Cursor(body.extracting(key &+ 4 ..< body.byteCount))
        let first = try inside.read(UInt8.self)
        if first & 0x80 != 0 { try inside.skip(1) }
        while inside.remaining >= 4, !isEncrypted {
            let type = try inside.readLittle(UInt16.self)
            let length = Int(try inside.readLittle(UInt16.self))
            guard length >= 4 else { throw .malformed(at: start) }
            var block = Cursor(try inside.take(length &- 4))
            switch type {
            case 0xC001: try clientCore(&block, &context)
            case 0xC003: try clientNetwork(&block, &context)
            case 0x0C02: try serverSecurity(&block, &context)
            default: break
            }
        }
    }

    /// The blocks of a client's data as one event: they stand behind a length of one or two octets.
    private func showClient(_ blocks: RawSpan, _ context: inout AnalyzerContext) throws(WireError) {
        var inside = Cursor(blocks)
        if try inside.read(UInt8.self) & 0x80 != 0 { try inside.skip(1) }
        var core: Range<Int>?
        var channels: Range<Int>?
        while inside.remaining >= 4 {
            let type = try inside.readLittle(UInt16.self)
            let length = Int(try inside.readLittle(UInt16.self))
            let start = inside.offset
            guard length >= 4 else { break }
            try inside.skip(length &- 4)
            if type == 0xC001 { core = start..<inside.offset }
            if type == 0xC003 { channels = start..<inside.offset }
        }
        showClient(core: core, channels: channels, of: blocks, &context)
    }

    //  MS-RDPBCGR section 2.2.1.3.2; what follows the first 128 octets is optional
    private func clientCore(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        let block = cursor.rest()
        guard block.byteCount >= 128 else { throw .malformed(at: cursor.offset) }
        confirm(&context)
        begin(&context)
        record.width = UInt64(block.load(4, as: UInt16.self).byteSwapped)
        record.height = UInt64(block.load(6, as: UInt16.self).byteSwapped)
        keyboard(block.load(12, as: UInt32.self).byteSwapped)
        record.build = name(block.load(16, as: UInt32.self).byteSwapped, RDP.builds, "client_build-")
        let build = Array(record.text[record.build])
        context.software(.rdpClient, build.octets, of: context.id.originator)
        record.clientName = record.text.add(utf16: block.extracting(20..<52), endsAtZero: true)
        guard block.byteCount >= 142 else { return }
        let wantsAll = block.load(140, as: UInt16.self).byteSwapped & 2 != 0
        let depth = UInt32(block.load(136, as: UInt16.self).byteSwapped)
        record.colorDepth = wantsAll ? record.text.add("32bit") : name(depth, RDP.depths, "high_color_depth-")
        guard block.byteCount >= 206 else { return }
        record.productID = record.text.add(utf16: block.extracting(142..<206), endsAtZero: true)
    }

    private func keyboard(_ number: UInt32) {
        if let known = RDPKeyboard.name(number) { return record.keyboard = record.text.add(known) }
        let start = record.text.begin()
        if let near = RDPKeyboard.name(number & 0xFFFF) {
            record.text.append(near)
            record.text.append(" (Best Guess for ")
            record.text.append(decimal: UInt64(number))
            record.text.append(")")
        } else {
            record.text.append("keyboard-")
            record.text.append(decimal: UInt64(number))
        }
        record.keyboard = record.text.end(start)
    }

    //  number of channels (4), each a name (8) and options (4)
    private func clientNetwork(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        let count = try cursor.readLittle(UInt32.self)
        guard Int(count) <= cursor.remaining / 12 else { throw .malformed(at: cursor.offset) }
        begin(&context)
        var channels = record.channels ?? []
        for _ in 0..<min(Int(count), RDP.channelsMax) {
            let name = try cursor.take(8)
            try cursor.skip(4)
            var end = 8
            while end > 0, name.octet(end &- 1) == 0 { end &-= 1 }
            if channels.count < RDP.channelsMax { channels.append(record.text.add(name.extracting(0..<end))) }
        }
        record.channels = channels
        if count > RDP.channelsLegal {
            context.weird(.RDP_channels_requested_exceeds_max, addl: UInt64(count), source: "RDP")
        }
    }

    //  method (4) | level (4) | octets of random (4) | octets of certificate (4) | random | certificate
    private func serverSecurity(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        confirm(&context)
        begin(&context)
        let method = try cursor.readLittle(UInt32.self)
        let level = try cursor.readLittle(UInt32.self)
        record.encryptionMethod = name(method, RDP.methods, "encryption_method-")
        record.encryptionLevel = name(level, RDP.levels, "encryption_level-")
        if cursor.remaining >= 8 {
            let randomLength = Int(try cursor.readLittle(UInt32.self))
            let certificateLength = Int(try cursor.readLittle(UInt32.self))
            try cursor.skip(randomLength)
            if certificateLength > 0 {
                var certificate = Cursor(try cursor.take(certificateLength))
                try self.certificate(&certificate)
            }
        }
        guard method > 0, level > 0 else { return }
        if record.result.isAbsent { record.result = record.text.add("encrypted") }
        record.securityProtocol = record.text.add("RDP")
        isEncrypted = true
    }

    private func certificate(_ cursor: inout Cursor) throws(WireError) {
        let version = try cursor.readLittle(UInt32.self)
        let type = version & 0x7FFF_FFFF
        record.certificateType = name(type, RDP.certificates, "cert_type-")
        record.isPermanent = version & 0x8000_0000 == 0
        if type == 1 { record.certificateCount &+= 1 }
        guard type == 2 else { return }
        let count = try cursor.readLittle(UInt32.self)
        var seen: UInt32 = 0
        while seen < count, cursor.remaining > 0 {
            try cursor.skip(Int(try cursor.readLittle(UInt32.self)))
            record.certificateCount &+= 1
            seen &+= 1
        }
    }

    // MARK: the row

    private func begin(_ context: inout AnalyzerContext) {
        guard !hasRow, !isWritten else { return }
        hasRow = true
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
    }

    private func write(_ context: inout AnalyzerContext) {
        guard hasRow else { return }
        hasRow = false
        isWritten = true
        guard !(record.cookie.isAbsent && record.keyboard.isAbsent && record.result.isAbsent) else { return }
        context.output.emit(record)
    }

    /// The name of a number, or the number behind a word.
    private func name(_ value: UInt32, _ names: [(UInt32, StaticString)], _ word: StaticString) -> Text {
        for (number, name) in names where number == value { return record.text.add(name) }
        let start = record.text.begin()
        record.text.append(word)
        record.text.append(decimal: UInt64(value))
        return record.text.end(start)
    }

    /// Where a text stands first.
    static func find(_ text: StaticString, in bytes: RawSpan) -> Int? {
        let last = bytes.byteCount &- text.utf8CodeUnitCount
        var at = 0
        while at <= last {
            if bytes.begins(with: text, at: at) { return at }
            at &+= 1
        }
        return nil
    }
}

// MARK: names

extension RDP {
    private typealias Names = [(UInt32, StaticString)]

    private static let protocols: Names = [(0, "RDP"), (1, "SSL"), (2, "HYBRID"), (8, "HYBRID_EX")]
    private static let failures: Names = [
        (1, "SSL_REQUIRED_BY_SERVER"), (2, "SSL_NOT_ALLOWED_BY_SERVER"), (3, "SSL_CERT_NOT_ON_SERVER"),
        (4, "INCONSISTENT_FLAGS"), (5, "HYBRID_REQUIRED_BY_SERVER"), (6, "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER"),
    ]
    private static let results: Names = [
        (0, "Success"), (1, "User rejected"), (2, "Resources not available"), (3, "Rejected for symmetry breaking"),
        (4, "Locked conference"),
    ]
    private static let builds: Names = [
        (419, "RDP 4.0"), (2195, "RDP 5.0"), (2221, "RDP 5.0"), (2600, "RDP 5.1"), (3790, "RDP 5.2"),
        (6000, "RDP 6.0"), (6001, "RDP 6.1"), (6002, "RDP 6.2"), (7600, "RDP 7.0"), (7601, "RDP 7.1"),
        (9200, "RDP 8.0"), (9600, "RDP 8.1"), (25189, "RDP 8.0 (Mac)"), (25282, "RDP 8.0 (Mac)"),
    ]
    private static let depths: Names = [(4, "4bit"), (8, "8bit"), (15, "15bit"), (16, "16bit"), (24, "24bit")]
    private static let methods: Names = [(0, "None"), (1, "40bit"), (2, "128bit"), (8, "56bit"), (10, "FIPS")]
    private static let levels: Names = [(0, "None"), (1, "Low"), (2, "Client compatible"), (3, "High"), (4, "FIPS")]
    private static let certificates: Names = [(1, "RSA"), (2, "X.509")]
}

/// RDP over UDP: whether both sides have shaken hands (MS-RDPEUDP section 2.2.2.1).
final class RDPEUDP: Analyzer {
    private static let synchronise: UInt16 = 1
    private static let acknowledge: UInt16 = 4
    private var hasRequest = false

    init() { super.init(kind: .rdpeudp) }

    //  acknowledged sequence number (4) | window (2) | flags (2)
    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard bytes.byteCount >= 8, !isConfirmed else { return }
        let flags = bytes.load(6, as: UInt16.self)
        guard flags & RDPEUDP.synchronise != 0 else { return }
        if direction == .originator {
            hasRequest = bytes.load(0, as: UInt32.self) == .max
        } else if hasRequest, flags & RDPEUDP.acknowledge != 0 {
            confirm(&context)
        }
    }

    override func reset() {
        super.reset()
        hasRequest = false
    }
}
