// SPDX-License-Identifier: Apache-2.0
//
// QUIC as Google spoke it before there was a standard: Q043 to Q046, whose hellos are in the clear.
//
// Reads   long packets; messages of tags on streams, as Suricata's `quic` reads them.
// Writes  the event `quic` with `ua` and `cyu`; buffers `quic.version`, `quic.sni`, `quic.ua`, `quic.cyu.*`.
// Leaves  short packets, and what is encrypted; Q050, which hides its hello as version 1 does.

import Files
import Records
import Wire

/// A long packet of Google's versions.
///
///     1 T T T T T T T   version (4)   lengths of both ids, each 0 or 3 less (1)   ids
///     Initial: packet number (4)   authentication (12)   frames
struct QUICGoogleHeader {
    static let versions: ClosedRange<UInt32> = 0x5130_3433...0x5130_3436
    private static let q046: UInt32 = 0x5130_3436

    let version: UInt32
    let isInitial: Bool

    /// Whether a datagram is of these versions.
    static func begins(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= 5 && bytes.octet(0) & 0x80 != 0
            && versions.contains(bytes.load(1, as: UInt32.self))
    }

    init(parsing input: inout Cursor) throws(WireError) {
        let first = try input.read(UInt8.self)
        version = try input.read(UInt32.self)
        if version == QUICGoogleHeader.q046 {
            isInitial = first & 0x30 == 0
        } else {
            // 0x7F is the first; then Retry, Handshake, 0-RTT.
            guard first & 0x7F >= 0x7C else { throw .malformed(at: 0) }
            isInitial = first & 0x7F == 0x7F
        }
        let lengths = try input.read(UInt8.self)
        for length in [lengths >> 4, lengths & 0x0F] where length > 0 { try input.skip(Int(length) &+ 3) }
        if isInitial { try input.skip(16) }
    }

    /// What the fingerprint calls the version. Q045 is 44, in Suricata too.
    var fingerprintNumber: StaticString {
        switch version {
        case 0x5130_3433: "43"
        case QUICGoogleHeader.q046: "46"
        default: "44"
        }
    }
}

/// What the frames of one packet say in the clear.
struct QUICGoogleHello {
    /// Fingerprints of one packet that are made.
    static let fingerprintsMax = 32

    var serverName = Text.absent
    var userAgent = Text.absent
    /// CYU: the version, and the names of the tags in their order (Salesforce's fingerprint of gQUIC).
    var fingerprints: [(string: Text, hash: Text)] = []

    /// Reads frames to the end, or to one that is not known.
    /// - Throws: where a frame is cut off.
    init(parsing input: inout Cursor, _ header: QUICGoogleHeader, _ text: inout TextBuffer) throws(WireError) {
        while input.remaining > 0 {
            let type = try input.read(UInt8.self)
            switch type {
            case 0x80...:
                // 1 F D O O O S S: FIN, data length, octets of the offset and of the stream's number.
                let offset = Int(type >> 2 & 7)
                try input.skip(Int(type & 3) &+ 1 &+ (offset > 0 ? offset &+ 1 : 0))
                let count = type & 0x20 != 0 ? Int(try input.read(UInt16.self)) : input.remaining
                read(try input.take(count), header, &text)
            case 0x00, 0x01: continue
            case 0x02, 0x03: try QUIC.acknowledgement(&input, hasCounts: type == 0x03)
            case 0x06, 0x08:
                _ = try QUICHeader.integer(&input)
                let data = try input.take(try QUICHeader.length(&input))
                if type == 0x08 { read(data, header, &text) }
            default: return
            }
        }
    }

    /// A message of tags; what is none, or is cut off, says nothing.
    private mutating func read(_ message: RawSpan, _ header: QUICGoogleHeader, _ text: inout TextBuffer) {
        var copy = TextBuffer()
        guard let tags = try? QUICGoogleHello.tags(message) else { return }
        for tag in tags {
            let value = message.extracting(tag.value)
            if tag.name == QUICTag.serverName { serverName = text.add(value) }
            if tag.name == QUICTag.userAgent { userAgent = text.add(value) }
            if !serverName.isAbsent, !userAgent.isAbsent { break }
        }
        guard fingerprints.count < QUICGoogleHello.fingerprintsMax else { return }
        copy.append(header.fingerprintNumber)
        for (place, tag) in tags.enumerated() {
            copy.append(place == 0 ? "," : "-")
            QUICTag.write(tag.name, to: &copy)
        }
        if tags.isEmpty { copy.append(",") }
        let string = text.add(copy.bytes.octets)
        fingerprints.append((string, Digests.md5(copy.bytes, to: &text)))
    }

    /// The tags of a message, and where their values stand.
    ///
    ///     tag of the message (4)   number of tags (2)   0 (2)   tag (4) end of its value (4) ...   values
    private static func tags(_ message: RawSpan) throws(WireError) -> [(name: UInt32, value: Range<Int>)] {
        var input = Cursor(message)
        guard QUICTag.known.contains(try input.read(UInt32.self)) else { throw .malformed(at: 0) }
        let count = Int(try input.readLittle(UInt16.self))
        try input.skip(2)
        let values = input.offset &+ count &* 8
        guard values <= message.byteCount else { throw .truncated(at: input.offset) }
        var tags: [(name: UInt32, value: Range<Int>)] = []
        tags.reserveCapacity(count)
        var last = 0
        for _ in 0..<count {
            let name = try input.read(UInt32.self)
            let end = Int(try input.readLittle(UInt32.self))
            guard QUICTag.known.contains(name), end >= last, end <= message.byteCount &- values else {
                throw .malformed(at: input.offset)
            }
            tags.append((name, values &+ last ..< values &+ end))
            last = end
        }
        guard values &+ last == message.byteCount else { throw .malformed(at: input.offset) }
        return tags
    }
}

/// Names of what is in a hello: four letters, the last of which may be zero.
private enum QUICTag {
    static let serverName: UInt32 = 0x534E_4900
    static let userAgent: UInt32 = 0x5541_4944

    /// A message with another tag is not read.
    static let known: Set<UInt32> = Set(
        [
            "AEAD", "CCRT", "CCS", "CETV", "CFCW", "CHLO", "COPT", "CSCT", "CTIM", "ICSL", "IRTT", "KEXS", "MIDS",
            "MSPC", "NONC", "NONP", "PAD", "PDMD", "PUBS", "SCID", "SCLS", "SFCW", "SMHL", "SNI", "SNO", "STK", "TCID",
            "UAID", "VER", "XLCT",
        ].map { name in
            let letters = name.utf8.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return name.utf8.count == 3 ? letters << 8 : letters
        })

    static func write(_ name: UInt32, to text: inout TextBuffer) {
        for shift in [24, 16, 8, 0] as [UInt32] {
            let letter = UInt8(truncatingIfNeeded: name >> shift)
            if letter != 0 { text.bytes.append(letter) }
        }
    }
}

extension QUIC {
    /// A datagram of Google's versions is one packet, and each a transaction. The log has the first as it has any
    /// version that is not known.
    func google(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        if !isGoogle {
            isGoogle = true
            _ = long(bytes, from: direction, &context)
        }
        var input = Cursor(bytes)
        guard let header = try? QUICGoogleHeader(parsing: &input) else { return fail(&context) }
        let number = context.beginTransaction(.quic)
        var text = TextBuffer()
        var view: QUICHelloView?
        var isDamaged = false
        if header.isInitial, context.wantsEvents || context.wantsTransactions {
            do throws(WireError) {
                let hello = try QUICGoogleHello(parsing: &input, header, &text)
                view = QUICHelloView(hello, isClient: direction == .originator)
            } catch {
                isDamaged = true
                context.transactionEvent("quic.error_on_data", tx: number, from: direction)
            }
        }
        tell(header.version, view, text, number, from: direction, &context)
        if isDamaged { fail(&context) }
    }
}
