// SPDX-License-Identifier: Apache-2.0
//
// Secure Shell, versions 1 and 2 (RFC 4253, RFC 4419, RFC 5656).
//
// Reads   both directions of a TCP connection: version lines, key exchange in the
//         clear, and the lengths of what is encrypted.
// Writes  one `SSHRecord` per connection, path "ssh".
// Leaves  everything encrypted. Whether a login succeeded is inferred from lengths.

import Files
package import Records
import Wire

/// One connection with SSH on it.
package struct SSHRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var version: UInt64?
    package var authSuccess: Bool?
    package var authAttempts: UInt64 = 0
    package var direction: StaticString?
    package var client = Text.absent
    package var server = Text.absent
    package var cipher = Text.absent
    package var mac = Text.absent
    package var compression = Text.absent
    package var keyExchange = Text.absent
    package var hostKeyAlgorithm = Text.absent
    package var fingerprint = Text.absent
    package var hassh = Text.absent
    package var serverHASSH = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.ssh
    package static let summary: StaticString = "One SSH connection."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.count("version", version, "Major version of the protocol, 1 or 2.")
        row.boolean("auth_success", authSuccess, "Whether the login succeeded, as far as lengths tell.")
        row.count("auth_attempts", authAttempts, "Attempts to log in that were seen.")
        row.enumeration("direction", direction, "INBOUND or OUTBOUND, where one end is local.")
        row.text("client", client, in: text, "Version line of the client.", isKey: true)
        row.text("server", server, in: text, "Version line of the server.", isKey: true)
        row.text("cipher_alg", cipher, in: text, "Cipher that was agreed on.")
        row.text("mac_alg", mac, in: text, "Message authentication code that was agreed on.")
        row.text("compression_alg", compression, in: text, "Compression that was agreed on.")
        row.text("kex_alg", keyExchange, in: text, "Key exchange that was agreed on.")
        row.text("host_key_alg", hostKeyAlgorithm, in: text, "Kind of the server's key.")
        row.text("host_key_fingerprint", fingerprint, in: text, "SHA-256 of the server's key, base64.", isKey: true)
        row.text("hassh", hassh, in: text, "HASSH: MD5 of what the client offers for the key exchange.", isKey: true)
        row.text("hassh_server", serverHASSH, in: text, "The same of the server.", isKey: true)
    }

    /// Blank again; keeps memory.
    mutating func clear() {
        (version, authSuccess, authAttempts, direction) = (nil, nil, 0, nil)
        (client, server, cipher, mac) = (.absent, .absent, .absent, .absent)
        (compression, keyExchange, hostKeyAlgorithm, fingerprint) = (.absent, .absent, .absent, .absent)
        (hassh, serverHASSH) = (.absent, .absent)
        text.clear()
    }
}

/// What a version line says; 1.99 speaks both (RFC 4253 section 5.1).
enum SSHVersion {
    case one, two, both

    /// The version of a connection: nil where the two do not go together.
    static func common(_ client: SSHVersion, _ server: SSHVersion) -> UInt64? {
        switch (client, server) {
        case (.two, .two), (.two, .both), (.both, .two), (.both, .both): 2
        case (.one, .one), (.one, .both), (.both, .one): 1
        case (.one, .two), (.two, .one): nil
        }
    }
}

/// One direction.
struct SSHSide {
    enum State { case version, clear, encrypted, over }
    var state = State.version
    var version: SSHVersion?
    /// A line or a message that is not yet whole.
    var carry: [UInt8] = []
    /// Octets of a message that is longer than is kept.
    var skipLeft = 0
    /// The payload of the first KEXINIT; empty before it.
    var offer: [UInt8] = []

    mutating func reset() {
        state = .version
        version = nil
        if carry.capacity > SSH.keptBytesMax { carry = [] }
        if offer.capacity > SSH.keptBytesMax { offer = [] }
        carry.removeAll(keepingCapacity: true)
        offer.removeAll(keepingCapacity: true)
        skipLeft = 0
    }
}

final class SSH: Analyzer {
    /// A line longer than this is not one. RFC 4253 has 255 for the version; other lines may be longer.
    static let lineBytesMax = 4096
    /// A message of the key exchange longer than this is stepped over (`SSH::max_packet_length`).
    static let messageBytesMax = 262_144
    /// Names in a list that are looked at.
    static let namesMax = 100
    static let keptBytesMax = 8192
    /// A success is by so many octets shorter than the acceptance of the service.
    private static let successShorter = 16
    /// A message that is by so much longer is a banner.
    private static let bannerLonger = 256

    enum Exchange { case unknown, plain, group, generic, none }

    var originator = SSHSide()
    var responder = SSHSide()
    var record = SSHRecord()
    /// What EVE says of the connection.
    var event = SSHEvent()
    private var hasRow = false
    private var version: UInt64?
    /// The one transaction of the connection.
    var transaction: UInt64?
    private var hasMismatch = false
    private var exchange = Exchange.unknown

    // What lengths say.
    private var isCompressed = false
    private var clientEncrypted = false
    private var acceptBytes = 0
    private var failureBytes = 0
    private var skippedBanner = false
    private var isStopped = false

    init() { super.init(kind: .ssh) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard !isStopped, !context.isPartial, bytes.byteCount > 0 else { return }
        if context.hasGap {
            isStopped = true
            return
        }
        var side = SSHSide()
        exchangeSide(direction, &side)
        read(bytes, &side, direction, &context)
        exchangeSide(direction, &side)
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) { isStopped = true }

    override func finish(_ context: inout AnalyzerContext) {
        endTransaction(&context)
        writeEvent(&context)
        write(&context)
    }

    override func writeEVE(tx: UInt64, to builder: inout EVEBuilder) { event.write(to: &builder) }

    override func reset() {
        super.reset()
        originator.reset()
        responder.reset()
        record.clear()
        event.clear()
        transaction = nil
        (hasRow, version, hasMismatch, exchange) = (false, nil, false, .unknown)
        (isCompressed, clientEncrypted, acceptBytes, failureBytes) = (false, false, 0, 0)
        (skippedBanner, isStopped) = (false, false)
    }

    private func exchangeSide(_ direction: Direction, _ side: inout SSHSide) {
        if direction == .originator { swap(&side, &originator) } else { swap(&side, &responder) }
    }

    private func write(_ context: inout AnalyzerContext) {
        guard hasRow else { return }
        hasRow = false
        record.version = version
        context.output.emit(record)
    }

    // MARK: the stream

    private func read(
        _ bytes: RawSpan, _ side: inout SSHSide, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        var at = 0
        while at < bytes.byteCount, !isStopped, !isDetached {
            switch side.state {
            case .version: takeLine(bytes, &at, &side, direction, &context)
            case .clear: takeMessage(bytes, &at, &side, direction, &context)
            case .encrypted:
                encrypted(bytes.byteCount &- at, direction, &context)
                return
            case .over: return
            }
        }
    }

    private func takeLine(
        _ bytes: RawSpan, _ at: inout Int, _ side: inout SSHSide, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        let feed = bytes.firstIndex(of: 0x0A, from: at)
        let end = feed ?? bytes.byteCount
        guard side.carry.count &+ end &- at <= SSH.lineBytesMax else {
            return refuse(&side, "ssh.long_banner", direction, &context)
        }
        bytes.extracting(at..<end).append(to: &side.carry)
        at = feed.map { $0 &+ 1 } ?? end
        let soFar = min(4, side.carry.count)
        let isVersion = side.carry.octets.matches("SSH-", at: 0, count: soFar, anyCase: true)
        // Only a server may say something before it.
        if !isVersion, direction == .originator { return refuse(&side, "ssh.invalid_banner", direction, &context) }
        guard feed != nil else { return }
        if side.carry.last == 0x0D { side.carry.removeLast() }
        if isVersion, soFar == 4 { versionLine(&side, direction, &context) }
        side.carry.removeAll(keepingCapacity: true)
    }

    func refuse(_ side: inout SSHSide, _ context: inout AnalyzerContext) {
        side.carry.removeAll(keepingCapacity: true)
        side.state = .over
        violation(&context)
    }

    private func versionLine(_ side: inout SSHSide, _ direction: Direction, _ context: inout AnalyzerContext) {
        begin(&context)
        let carried = side.carry
        let line = carried.octets
        let text = record.text.add(line)
        if direction == .originator { record.client = text } else { record.server = text }
        side.state = .clear
        show(line, from: direction, &context)
        noteVersion(line, from: direction, &context)
        software(line, from: direction, &context)
        guard line.byteCount >= 5 else { return context.weird(.SSH_cannot_determine_version, source: "SSH") }
        switch line.octet(4) {
        case 0x32: side.version = .two
        case 0x31:
            let isBoth = line.byteCount >= 8 && line.octet(6) == 0x39 && line.octet(7) == 0x39
            side.version = isBoth ? .both : .one
        default: break
        }
        let other = direction == .originator ? responder.version : originator.version
        guard let own = side.version, let other else { return }
        version = direction == .originator ? SSHVersion.common(own, other) : SSHVersion.common(other, own)
        if version == nil { context.weird(.SSH_version_mismatch, source: "SSH") }
    }

    /// What stands behind `SSH-2.0-`.
    private func software(_ line: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        var at = 3
        while at < line.byteCount, HTTPOctets.isDigit(line.octet(at)) || [0x2D, 0x2E].contains(line.octet(at)) {
            at &+= 1
        }
        guard at < line.byteCount else { return }
        let banner = line.extracting(at..<line.byteCount)
        let isClient = direction == .originator
        context.software(isClient ? .sshClient : .sshServer, banner, of: context.id.address(of: direction))
    }

    private func begin(_ context: inout AnalyzerContext) {
        guard !hasRow else { return }
        hasRow = true
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        let here = context.settings.isLocal(context.id.originator)
        let there = context.settings.isLocal(context.id.responder)
        record.direction = here == there ? nil : here ? "OUTBOUND" : "INBOUND"
    }

    /// A message of the key exchange. One that lies in the span is not copied.
    private func takeMessage(
        _ bytes: RawSpan, _ at: inout Int, _ side: inout SSHSide, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        guard let version else { return refuse(&side, &context) }
        if side.skipLeft > 0 {
            let count = min(side.skipLeft, bytes.byteCount &- at)
            side.skipLeft &-= count
            at &+= count
            return
        }
        if side.carry.isEmpty, bytes.byteCount &- at >= 4 {
            let whole = SSH.messageBytes(bytes.load(at, as: UInt32.self), version)
            if whole <= bytes.byteCount &- at, whole <= SSH.messageBytesMax {
                message(bytes.extracting(at ..< at &+ whole), &side, direction, &context)
                at &+= whole
                return
            }
        }
        // First the length, then the rest.
        let wanted =
            side.carry.count < 4 ? 4 : SSH.messageBytes(side.carry.octets.load(0, as: UInt32.self), version)
        guard wanted <= SSH.messageBytesMax else {
            context.weird(.SSH_max_packet_length_exceeded, addl: UInt64(wanted), source: "SSH")
            context.requests.append(.limitReached)
            side.skipLeft = wanted &- side.carry.count
            side.carry.removeAll(keepingCapacity: true)
            return
        }
        let count = min(wanted &- side.carry.count, bytes.byteCount &- at)
        bytes.extracting(at ..< at &+ count).append(to: &side.carry)
        at &+= count
        guard side.carry.count >= 4,
            side.carry.count == SSH.messageBytes(side.carry.octets.load(0, as: UInt32.self), version)
        else { return }
        var whole: [UInt8] = []
        swap(&whole, &side.carry)
        message(whole.octets, &side, direction, &context)
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &side.carry)
    }

    /// Octets of a message, its length included: RFC 4253 section 6; version 1 pads
    /// to eight octets, always by one at least.
    private static func messageBytes(_ length: UInt32, _ version: UInt64) -> Int {
        let length = Int(length)
        return version == 2 ? length &+ 4 : length &+ 12 &- length % 8
    }

    private func message(
        _ bytes: RawSpan, _ side: inout SSHSide, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        do {
            var cursor = Cursor(bytes)
            let length = Int(try cursor.read(UInt32.self))
            if version == 1 {
                try cursor.skip(8 &- length % 8)
                return try messageOfOne(&cursor, length, &side, &context)
            }
            if length < 2 { show("ssh.invalid_record", from: direction, &context) }
            let padding = Int(try cursor.read(UInt8.self))
            let type = try cursor.read(UInt8.self)
            let payload = try cursor.take(length &- padding &- 2)
            try messageOfTwo(type, payload, &side, direction, &context)
        } catch {
            refuse(&side, &context)
        }
    }

    // MARK: version 1

    private func messageOfOne(
        _ cursor: inout Cursor, _ length: Int, _ side: inout SSHSide, _ context: inout AnalyzerContext
    ) throws(WireError) {
        let type = try cursor.read(UInt8.self)
        side.state = .encrypted
        if type == 3 { return confirm(&context) }
        guard type == 2 else { throw .malformed(at: cursor.offset) }
        // SSH_SMSG_PUBLIC_KEY: cookie, then two keys of bits, exponent and modulus.
        try cursor.skip(8 &+ 4)
        try SSH.skipInteger(&cursor)
        try SSH.skipInteger(&cursor)
        try cursor.skip(4)
        // The hash is over the modulus first, which comes second.
        let exponentBits = Int(try cursor.read(UInt16.self))
        let exponent = try cursor.take((exponentBits &+ 7) / 8)
        let modulusBits = Int(try cursor.read(UInt16.self))
        let modulus = try cursor.take((modulusBits &+ 7) / 8)
        var key: [UInt8] = []
        modulus.append(to: &key)
        exponent.append(to: &key)
        fingerprint(of: key)
    }

    private static func skipInteger(_ cursor: inout Cursor) throws(WireError) {
        let bits = Int(try cursor.read(UInt16.self))
        try cursor.skip((bits &+ 7) / 8)
    }

    // MARK: version 2

    private func messageOfTwo(
        _ type: UInt8, _ payload: RawSpan, _ side: inout SSHSide, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        switch type {
        case 20: try offer(payload, &side, direction, &context)
        case 21:
            side.state = .encrypted
            let other = direction == .originator ? responder.state : originator.state
            if other == .encrypted { context.requests.append(.encrypted) }
            if let transaction { context.transactionDone(tx: transaction, from: direction) }
            confirm(&context)
        case 31 where direction == .responder && exchange == .plain,
            33 where direction == .responder && (exchange == .group || exchange == .generic):
            var cursor = Cursor(payload)
            let count = Int(try cursor.read(UInt32.self))
            var key: [UInt8] = []
            try cursor.take(count).append(to: &key)
            fingerprint(of: key)
        default: break
        }
    }

    /// The first 32 digits of the base64 form of the hash, which are its first 24 octets.
    private func fingerprint(of key: [UInt8]) {
        guard record.fingerprint.isAbsent else { return }
        var digest = TextBuffer()
        Digests.sha256(key, digitCount: 48, to: &digest)
        let digits = digest.bytes.octets
        let start = record.text.begin()
        record.text.append("SHA256:")
        // Six hexadecimal digits are four of base64.
        for group in 0..<digits.byteCount / 6 {
            var bits: UInt32 = 0
            for index in 0..<6 {
                bits = bits << 4 | UInt32(HTTPOctets.hexadecimal(digits.octet(group &* 6 &+ index)) ?? 0)
            }
            for shift in 0..<4 { record.text.bytes.append(SSH.digit(bits >> UInt32(18 &- 6 &* shift) & 63)) }
        }
        record.fingerprint = record.text.end(start)
    }

    private static func digit(_ value: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: value)
        return switch value {
        case 0..<26: 0x41 &+ value
        case 26..<52: 0x47 &+ value
        case 52..<62: value &- 4
        case 62: 0x2B
        default: 0x2F
        }
    }

    /// KEXINIT (RFC 4253 section 7.1): 16 octets of cookie, ten lists of names.
    private func offer(
        _ payload: RawSpan, _ side: inout SSHSide, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        guard side.offer.isEmpty else { return }
        var cursor = Cursor(payload)
        try cursor.skip(16)
        for _ in 0..<10 { try cursor.skip(Int(try cursor.read(UInt32.self))) }
        payload.append(to: &side.offer)
        showOffer(payload, from: direction, &context)
        noteOffer(payload, from: direction, &context)
        let isOriginator = direction == .originator
        let other = isOriginator ? responder.offer : originator.offer
        guard !other.isEmpty else { return }
        if isOriginator { agree(payload, other.octets, &context) } else { agree(other.octets, payload, &context) }
    }

    // MARK: lengths

    /// The length of a delivered segment stands for the length of a message: logins
    /// are a few small messages, each sent by itself.
    private func encrypted(_ count: Int, _ direction: Direction, _ context: inout AnalyzerContext) {
        guard version == 2, count > 0 else { return }
        if direction == .originator {
            clientEncrypted = true
            return
        }
        guard clientEncrypted else { return }
        if acceptBytes == 0 {
            acceptBytes = count
            return
        }
        let isSuccess = count &+ SSH.successShorter == acceptBytes
        if failureBytes == 0 {
            if isSuccess { return decided(true, &context) }
            if !skippedBanner, count &- acceptBytes > SSH.bannerLonger {
                skippedBanner = true
                return
            }
            failureBytes = count
            return
        }
        if count == failureBytes { decided(false, &context) } else if isSuccess { decided(true, &context) }
    }

    private func decided(_ isSuccess: Bool, _ context: inout AnalyzerContext) {
        // Lengths of what is compressed say nothing.
        if !isCompressed {
            record.authAttempts &+= 1
            record.authSuccess = isSuccess
        }
        guard isSuccess else { return }
        write(&context)
        isStopped = true
    }
}

// MARK: agreement

extension SSH {
    /// The ten lists of a KEXINIT, in order.
    private enum List: Int {
        case exchange, hostKey, cipherUp, cipherDown, macUp, macDown, compressionUp, compressionDown
    }

    /// Both offers are there: of each list the first name of the client's that the server has too.
    private func agree(_ client: RawSpan, _ server: RawSpan, _ context: inout AnalyzerContext) {
        record.keyExchange = choose(.exchange, client, server)
        record.hostKeyAlgorithm = choose(.hostKey, client, server)
        record.cipher = choose(.cipherUp, .cipherDown, client, server)
        record.mac = choose(.macUp, .macDown, client, server)
        record.compression = choose(.compressionUp, .compressionDown, client, server)
        let compression = record.text[record.compression]
        isCompressed = compression.elementsEqual("zlib".utf8) || compression.elementsEqual("zlib@openssh.com".utf8)
        let name = Array(record.text[record.keyExchange])
        exchange = SSH.kind(of: name.octets)
        if exchange == .unknown { context.weird(.ssh_unknown_kex_algorithm, addl: name.octets, source: "SSH") }
    }

    private static func kind(of name: RawSpan) -> Exchange {
        if name.begins(with: "diffie-hellman-group-exchange-") { return .group }
        if name.begins(with: "gss-") { return .generic }
        if name.begins(with: "rsa1024-") || name.begins(with: "rsa2048-") { return .none }
        if name.begins(with: "diffie-hellman-group") || name.begins(with: "ecdh-sha2-")
            || name.begins(with: "ecmqv-sha2") || name.begins(with: "curve25519-")
            || name.begins(with: "sntrup761x25519-") || name.begins(with: "mlkem")
        {
            return .plain
        }
        return .unknown
    }

    private func choose(_ list: List, _ client: RawSpan, _ server: RawSpan) -> Text {
        let mine = names(list, client)
        guard let found = common(client.extracting(mine), server.extracting(names(list, server))) else {
            return record.text.add("Algorithm negotiation failed")
        }
        return record.text.add(client.extracting(mine).extracting(found))
    }

    /// The same for a list that each direction has: one name, or both where they differ.
    private func choose(_ up: List, _ down: List, _ client: RawSpan, _ server: RawSpan) -> Text {
        let toServer = choose(up, client, server)
        let toClient = choose(down, client, server)
        if record.text[toServer].elementsEqual(record.text[toClient]) { return toServer }
        let start = record.text.begin()
        record.text.append("To server: ")
        record.text.bytes.append(contentsOf: Array(record.text[toServer]))
        record.text.append(", to client: ")
        record.text.bytes.append(contentsOf: Array(record.text[toClient]))
        return record.text.end(start)
    }

    /// Where a list stands in an offer; `offer` has checked the lengths.
    private func names(_ list: List, _ offer: RawSpan) -> Range<Int> {
        var cursor = Cursor(offer)
        do {
            try cursor.skip(16)
            for _ in 0..<list.rawValue { try cursor.skip(Int(try cursor.read(UInt32.self))) }
            let count = Int(try cursor.read(UInt32.self))
            let start = cursor.offset
            try cursor.skip(count)
            return start ..< start &+ count
        } catch {
            return 0..<0
        }
    }

    /// The first name of `left` that `right` has too, as a place in `left`.
    private func common(_ left: RawSpan, _ right: RawSpan) -> Range<Int>? {
        var from = 0
        for _ in 0..<SSH.namesMax {
            guard from <= left.byteCount else { return nil }
            let to = left.firstIndex(of: 0x2C, from: from) ?? left.byteCount
            if to > from, isName(left.extracting(from..<to), in: right) { return from..<to }
            from = to &+ 1
        }
        return nil
    }

    private func isName(_ name: RawSpan, in list: RawSpan) -> Bool {
        var from = 0
        for _ in 0..<SSH.namesMax {
            guard from <= list.byteCount else { return false }
            let to = list.firstIndex(of: 0x2C, from: from) ?? list.byteCount
            if to &- from == name.byteCount, isEqual(name, list.extracting(from..<to)) { return true }
            from = to &+ 1
        }
        return false
    }

    private func isEqual(_ left: RawSpan, _ right: RawSpan) -> Bool {
        for index in 0..<left.byteCount where left.octet(index) != right.octet(index) { return false }
        return true
    }
}
