// SPDX-License-Identifier: Apache-2.0
//
// Internet Key Exchange, version 1 (RFC 2408, 2409) and 2 (RFC 7296).
//
// Reads   one message per UDP datagram; behind four zero octets on the port of NAT traversal (RFC 3948).
// Writes  log "ike": a row for each message that is not all cipher text; EVE's `ike`, buffers `ike.*`.
// Leaves  what is encrypted, and ESP on the port of NAT traversal.

package import Records
import Wire

//  |                       initiator's SPI                         |
//  |                       responder's SPI                         |
//  | next payload | version | exchange type | flags | message id | length |
/// The header of a message.
struct IKEHeader {
    static let byteCount = 28

    let initiator: UInt64
    let responder: UInt64
    let nextPayload: UInt8
    let major: UInt8
    let minor: UInt8
    let exchange: UInt8
    let flags: UInt8
    let messageID: UInt32
    let length: Int

    /// Nil where this is no message of a version that exists.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= IKEHeader.byteCount else { return nil }
        initiator = bytes.load(0)
        responder = bytes.load(8)
        nextPayload = bytes.octet(16)
        major = bytes.octet(17) >> 4
        minor = bytes.octet(17) & 15
        exchange = bytes.octet(18)
        flags = bytes.octet(19)
        messageID = bytes.load(20)
        length = Int(bytes.load(24, as: UInt32.self))
        guard initiator != 0, major == 1 || major == 2, length >= IKEHeader.byteCount else { return nil }
    }

    /// Version 1: what follows is cipher text.
    var isEncrypted: Bool { major == 1 && flags & 1 != 0 }
    /// Version 2: sent by who began, and an answer.
    var isOfInitiator: Bool { flags & 0x08 != 0 }
    var isResponse: Bool { flags & 0x20 != 0 }
}

/// One message.
package struct IKERecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var isOriginator: Bool?
    package var initiatorSPI = Text.absent
    package var responderSPI = Text.absent
    package var version = Text.absent
    package var exchange: StaticString?
    package var messageID: UInt64?
    package var flags = Text.absent
    package var payloads: [Text] = []
    package var encryption: [Text] = []
    package var integrity: [Text] = []
    package var randomFunction: [Text] = []
    package var group: [Text] = []
    package var authentication: [Text] = []
    package var notifications: [Text] = []
    package var vendors: [Text] = []
    package var proposalCount: UInt64?
    package var isEncrypted: Bool?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.ike
    package static let summary: StaticString = "One message of a key exchange for IPsec."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "Whether the originator sent it.")
        row.text("initiator_spi", initiatorSPI, in: text, "The initiator's SPI, hexadecimal.", isKey: true)
        row.text("responder_spi", responderSPI, in: text, "The responder's SPI; zeroes until it has chosen one.")
        row.text("version", version, in: text, "Version, such as 2.0.")
        row.text("exchange_type", exchange, "What the message is for.")
        row.count("message_id", messageID, "Number of the exchange.")
        row.text("flags", flags, in: text, "E encrypted, C commit, A authenticated; I initiator, V version, R answer.")
        row.textVector("payloads", payloads, in: text, "Names of the payloads, in order.")
        row.textVector("enc_algs", encryption, in: text, "Encryption that is proposed or chosen.")
        row.textVector("integ_algs", integrity, in: text, "Integrity protection or hash.")
        row.textVector("prf_algs", randomFunction, in: text, "Pseudo-random functions.")
        row.textVector("dh_groups", group, in: text, "Diffie-Hellman groups.")
        row.textVector("auth_methods", authentication, in: text, "Ways to authenticate, of version 1.")
        row.textVector("notify", notifications, in: text, "Notifications.")
        row.textVector("vendor_ids", vendors, in: text, "Vendor identities, hexadecimal.")
        row.count("proposals", proposalCount, "How many proposals there are.")
        row.boolean("encrypted", isEncrypted, "Whether part of it, or all, is encrypted.")
    }

    mutating func clear() {
        self = IKERecord(keeping: text)
    }

    private init(keeping buffer: TextBuffer) {
        text = buffer
        text.clear()
    }
}

/// IKE on one connection.
final class IKE: Analyzer {
    /// Payloads, proposals and transforms of one message that are read.
    static let payloadsMax = 64
    static let transformsMax = 255

    var record = IKERecord()
    /// What events and signatures want of the message at work.
    var view = IKEView()
    /// What both sides said so far, of version 1.
    var session = IKESession()

    init() { super.init(kind: .ike) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        var start = 0
        if context.id.originatorPort == 4500 || context.id.responderPort == 4500 {
            // A keep-alive; ESP, whose SPI is not zero.
            guard bytes.byteCount > 4, bytes.load(0, as: UInt32.self) == 0 else { return }
            start = 4
        }
        let message = bytes.extracting(start..<bytes.byteCount)
        guard let header = IKEHeader(message), IKE.isExchange(header), header.length <= wireLength &- start else {
            return violation(&context)
        }
        record.clear()
        view = IKEView()
        begin(header, direction, &context)
        let end = min(header.length, message.byteCount)
        var isWhole = true
        if !header.isEncrypted {
            isWhole = payloads(header.nextPayload, header, message.extracting(IKEHeader.byteCount..<end))
            guard isWhole || end < header.length else {
                malformed(direction, &context)
                return violation(&context)
            }
        }
        confirm(&context)
        context.output.emit(record)
        show(header, direction, &context)
    }

    override func reset() {
        super.reset()
        record.clear()
        view = IKEView()
        session.clear()
    }

    private func begin(_ header: IKEHeader, _ direction: Direction, _ context: inout AnalyzerContext) {
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.isOriginator = direction == .originator
        record.initiatorSPI = record.text.add(hexadecimal: header.initiator)
        record.responderSPI = record.text.add(hexadecimal: header.responder)
        let start = record.text.begin()
        record.text.append(decimal: UInt64(header.major))
        record.text.append(".")
        record.text.append(decimal: UInt64(header.minor))
        record.version = record.text.end(start)
        record.exchange = IKENames.exchange(header.major, header.exchange)
        record.messageID = UInt64(header.messageID)
        record.isEncrypted = header.isEncrypted
        let letters: [(UInt8, StaticString)] =
            header.major == 1 ? [(1, "E"), (2, "C"), (4, "A")] : [(0x08, "I"), (0x10, "V"), (0x20, "R")]
        let place = record.text.begin()
        for (bit, letter) in letters where header.flags & bit != 0 { record.text.append(letter) }
        record.flags = record.text.end(place)
    }

    /// Exchange types that are assigned: of others the octets are something else.
    private static func isExchange(_ header: IKEHeader) -> Bool {
        header.major == 1
            ? (1...6).contains(header.exchange) || (32...33).contains(header.exchange)
            : (34...44).contains(header.exchange)
    }

    // MARK: payloads

    //  | next payload | critical, reserved |     length with this header    |
    /// Walks the chain of payloads; false where one is cut or its length cannot be.
    private func payloads(_ first: UInt8, _ header: IKEHeader, _ bytes: RawSpan) -> Bool {
        var type = first
        var at = 0
        var count = 0
        view.payloads.append(type)
        while type != 0 {
            guard bytes.byteCount &- at >= 4, count < IKE.payloadsMax else { return false }
            let next = bytes.octet(at)
            let length = Int(bytes.load(at &+ 2, as: UInt16.self))
            guard length >= 4, length <= bytes.byteCount &- at else { return false }
            let body = bytes.extracting(at &+ 4 ..< at &+ length)
            let name = record.text.add(IKENames.payload(header.major, type))
            record.payloads.append(name)
            guard header.major == 1 ? payload1(type, body) : payload2(type, body) else { return false }
            count &+= 1
            at &+= length
            let isEncrypted = header.major == 2 && (type == 46 || type == 53)
            type = next
            view.payloads.append(type)
            // What is behind it is inside of it.
            if isEncrypted {
                record.isEncrypted = true
                return true
            }
        }
        view.extraCount = bytes.byteCount &- at
        return true
    }

    /// Version 2 (RFC 7296 sections 3.3 to 3.12).
    private func payload2(_ type: UInt8, _ body: RawSpan) -> Bool {
        switch type {
        case 33: return proposals(body, transforms2)
        case 34:
            guard body.byteCount >= 4 else { return false }
            view.keyExchange = record.text.add(body.extracting(4..<body.byteCount))
        case 40: view.nonce = record.text.add(body)
        case 41:
            guard body.byteCount >= 4 else { return false }
            let number = body.load(2, as: UInt16.self)
            if number < 16_384 { view.errorCount &+= 1 }
            view.notifications.append(number)
            record.notifications.append(record.text.add(IKENames.notification(number), orNumber: UInt64(number)))
        case 43: vendor(body)
        default: break
        }
        return true
    }

    private func vendor(_ body: RawSpan) {
        let start = record.text.begin()
        record.text.append(hexadecimal: body.extracting(0..<min(body.byteCount, 128)))
        record.vendors.append(record.text.end(start))
    }

    /// Version 1 (RFC 2408 section 3, the numbers of RFC 2407 and 2409).
    private func payload1(_ type: UInt8, _ body: RawSpan) -> Bool {
        switch type {
        case 1:
            guard body.byteCount >= 8 else { return false }
            view.domain = body.load(0, as: UInt32.self)
            return proposals(body.extracting(8..<body.byteCount), transforms1)
        case 4: view.keyExchange = record.text.add(body)
        case 10: view.nonce = record.text.add(body)
        case 11:
            guard body.byteCount >= 8 else { return false }
            let number = body.load(6, as: UInt16.self)
            record.notifications.append(record.text.add(IKENames.notification1(number), orNumber: UInt64(number)))
        case 13: vendor(body)
        default: break
        }
        return true
    }

    /// The proposals of either version, each with its transforms (RFC 2408 section 3.5, RFC 7296 section 3.3.1).
    //  | more | reserved | length | number | protocol | SPI size | transforms |
    private func proposals(_ body: RawSpan, _ transforms: (RawSpan) -> Bool) -> Bool {
        var at = 0
        while at < body.byteCount {
            guard body.byteCount &- at >= 8, (record.proposalCount ?? 0) < 255 else { return false }
            let length = Int(body.load(at &+ 2, as: UInt16.self))
            let head = 8 &+ Int(body.octet(at &+ 6))
            guard length >= head, length <= body.byteCount &- at else { return false }
            record.proposalCount = (record.proposalCount ?? 0) &+ 1
            if body.octet(at &+ 5) == 2 { view.isUnsealed = true }
            guard transforms(body.extracting(at &+ head ..< at &+ length)) else { return false }
            let isLast = body.octet(at) == 0
            at &+= length
            if isLast { break }
        }
        return true
    }

    //  | more | reserved | length | type | reserved | identity | attributes
    private func transforms2(_ body: RawSpan) -> Bool {
        var at = 0
        while at < body.byteCount {
            guard body.byteCount &- at >= 8, view.transforms.count < IKE.transformsMax else { return false }
            let length = Int(body.load(at &+ 2, as: UInt16.self))
            guard length >= 8, length <= body.byteCount &- at else { return false }
            let (type, number) = (body.octet(at &+ 4), body.load(at &+ 6, as: UInt16.self))
            var keyBits: UInt16?
            // The one attribute that there is: the length of the key, in the short form.
            if length >= 12, body.load(at &+ 8, as: UInt16.self) == 0x800E { keyBits = body.load(at &+ 10) }
            view.transforms.append(IKETransform(type: type, number: number))
            add(type, number, keyBits)
            at &+= length
        }
        return true
    }

    /// A transform into the columns.
    private func add(_ type: UInt8, _ number: UInt16, _ keyBits: UInt16?) {
        let start = record.text.begin()
        if let name = IKENames.transform(type, number) {
            record.text.append(name)
        } else {
            record.text.append("unknown-")
            record.text.append(decimal: UInt64(number))
        }
        if let keyBits {
            record.text.append("_")
            record.text.append(decimal: UInt64(keyBits))
        }
        let text = record.text.end(start)
        switch type {
        case 1: record.encryption.append(text)
        case 2: record.randomFunction.append(text)
        case 3: record.integrity.append(text)
        case 4: record.group.append(text)
        default: break
        }
    }

    //  | next | reserved | length | number | identity | reserved, two octets | attributes
    private func transforms1(_ body: RawSpan) -> Bool {
        var at = 0
        while at < body.byteCount {
            guard body.byteCount &- at >= 8, view.choices.count < IKE.transformsMax else { return false }
            let length = Int(body.load(at &+ 2, as: UInt16.self))
            guard length >= 8, length <= body.byteCount &- at else { return false }
            view.choices.append(view.attributes.count)
            guard attributes(body.extracting(at &+ 8 ..< at &+ length)) else { return false }
            let isLast = body.octet(at) == 0
            at &+= length
            if isLast { break }
        }
        return true
    }

    /// Attributes of a transform (RFC 2408 section 3.3): short ones with their value, long ones with a length.
    private func attributes(_ body: RawSpan) -> Bool {
        var at = 0
        while at < body.byteCount {
            guard body.byteCount &- at >= 4, view.attributes.count < 1024 else { return false }
            let type = body.load(at, as: UInt16.self)
            let second = body.load(at &+ 2, as: UInt16.self)
            at &+= 4
            var value = UInt64(second)
            if type & 0x8000 == 0 {
                guard Int(second) <= body.byteCount &- at else { return false }
                value = 0
                for place in at ..< at &+ min(8, Int(second)) { value = value << 8 | UInt64(body.octet(place)) }
                at &+= Int(second)
            }
            let attribute = IKEAttribute(type: type & 0x7FFF, value: value)
            view.attributes.append(attribute)
            add(attribute)
        }
        return true
    }

    private func add(_ attribute: IKEAttribute) {
        let text = record.text.add(attribute.name, orNumber: attribute.value)
        switch attribute.type {
        case 1: record.encryption.append(text)
        case 2: record.integrity.append(text)
        case 3: record.authentication.append(text)
        case 4: record.group.append(text)
        case 13: record.randomFunction.append(text)
        default: break
        }
    }
}

/// Key exchange by its header: a version that exists, an exchange of it, and a length that is the datagram's.
enum IKEProbe {
    static func message(_ bytes: RawSpan) -> ProbeVerdict {
        guard let header = IKEHeader(bytes), header.length == bytes.byteCount, header.minor == 0 else { return .never }
        let isFirst = header.responder == 0
        return isFirst && (header.exchange == 34 && header.major == 2 || header.exchange == 2 && header.major == 1)
            ? .matches : .never
    }
}

extension TextBuffer {
    fileprivate mutating func add(hexadecimal value: UInt64) -> Text {
        let start = begin()
        for shift in stride(from: 60, through: 0, by: -4) {
            bytes.append(TextBuffer.hexadecimalDigit(UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)))
        }
        return end(start)
    }

    /// A name, or the number where there is none.
    mutating func add(_ name: StaticString?, orNumber number: UInt64) -> Text {
        if let name { return add(name) }
        let start = begin()
        append("unknown-")
        append(decimal: number)
        return end(start)
    }
}
