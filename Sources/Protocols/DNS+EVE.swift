// SPDX-License-Identifier: Apache-2.0
//
// The events `dns` (version 3), `mdns` and `llmnr` of EVE: one for each message.
//
// Reads   a whole message, anew: its names keep their case, and its records their order.
// Writes  events; nothing for a message whose questions or answers do not hold.
// Leaves  dns.log (DNS.swift), which has one row for a query and its reply.

import Records
import Wire

/// Which of the three forms an event has.
enum DNSDialect {
    case dns, mdns, llmnr

    /// By the ports: 5353 (RFC 6762), 5355 (RFC 4795); nil for NetBIOS names, which have no event.
    init?(_ id: ConnectionID) {
        switch (id.originatorPort, id.responderPort) {
        case (DNS.netBIOSPort, _), (_, DNS.netBIOSPort): return nil
        case (5353, _), (_, 5353): self = .mdns
        case (5355, _), (_, 5355): self = .llmnr
        default: self = .dns
        }
    }

    var name: StaticString {
        switch self {
        case .dns: "dns"
        case .mdns: "mdns"
        case .llmnr: "llmnr"
        }
    }
}

/// One message on its way into an event.
struct DNSEvent {
    /// Octets of one event; records beyond are left out.
    static let eventBytesMax = 1 << 20
    /// Octets of a name as text.
    static let nameBytesMax = 1025
    private static let pointersMax = 255

    let dialect: DNSDialect
    let header: DNSHeader
    let transaction: UInt64
    /// Where the sections begin; answers, authorities, additionals.
    private var questions = 0
    private var sections: (answers: Int, authorities: Int?, additionals: Int?) = (0, nil, nil)
    private var scratch = TextBuffer()

    /// Nil where the questions or answers are damaged.
    init?(_ bytes: RawSpan, _ dialect: DNSDialect, transaction: UInt64) {
        guard let header = DNSHeader(bytes) else { return nil }
        self.header = header
        self.dialect = dialect
        self.transaction = transaction
        questions = DNSHeader.byteCount
        var at = questions
        for _ in 0..<header.questionCount {
            guard let end = DNSEvent.nameEnd(bytes, at), bytes.byteCount &- end >= 4 else { return nil }
            at = end &+ 4
        }
        sections.answers = at
        guard let authorities = DNSEvent.skip(header.answerCount, bytes, from: at) else { return nil }
        sections.authorities = authorities
        guard let additionals = DNSEvent.skip(header.authorityCount, bytes, from: authorities) else { return }
        sections.additionals = additionals
        if DNSEvent.skip(header.additionalCount, bytes, from: additionals) == nil { sections.additionals = nil }
    }

    // MARK: walking

    /// Behind the name at `at`; nil where there is none.
    private static func nameEnd(_ bytes: RawSpan, _ at: Int) -> Int? {
        var place = at
        while place < bytes.byteCount {
            let length = Int(bytes.octet(place))
            if length == 0 { return place &+ 1 }
            if length & 0xC0 == 0xC0 { return bytes.byteCount &- place >= 2 ? place &+ 2 : nil }
            guard length < 64 else { return nil }
            place &+= length &+ 1
        }
        return nil
    }

    private static func skip(_ count: UInt16, _ bytes: RawSpan, from start: Int) -> Int? {
        var at = start
        for _ in 0..<count {
            guard let record = record(bytes, at) else { return nil }
            at = record.end
        }
        return at
    }

    private static func record(_ bytes: RawSpan, _ at: Int) -> DNSResource? {
        guard let end = nameEnd(bytes, at), bytes.byteCount &- end >= 10 else { return nil }
        let record = DNSResource(
            type: bytes.load(end), group: bytes.load(end &+ 2), lifetime: bytes.load(end &+ 4), start: end &+ 10,
            byteCount: Int(bytes.load(end &+ 8, as: UInt16.self)), owner: .absent)
        return record.end <= bytes.byteCount ? record : nil
    }

    /// The name at `at` as text with its case; cut at `nameBytesMax`.
    private mutating func name(_ bytes: RawSpan, _ at: Int) -> (text: Text, end: Int, isCut: Bool) {
        scratch.clear()
        let end = DNSEvent.nameEnd(bytes, at) ?? bytes.byteCount
        var place = at
        var pointers = 0
        while place < bytes.byteCount {
            let length = Int(bytes.octet(place))
            if length == 0 { break }
            if length & 0xC0 == 0xC0 {
                guard bytes.byteCount &- place >= 2, pointers < DNSEvent.pointersMax else { break }
                let target = Int(bytes.load(place, as: UInt16.self) & 0x3FFF)
                guard target < place else { break }
                pointers &+= 1
                place = target
                continue
            }
            guard length < 64, bytes.byteCount &- place &- 1 >= length else { break }
            guard scratch.bytes.count &+ length < DNSEvent.nameBytesMax else {
                return (scratch.end(0), end, true)
            }
            if !scratch.bytes.isEmpty { scratch.append(".") }
            _ = scratch.add(bytes.extracting(place &+ 1 ..< place &+ 1 &+ length))
            place &+= length &+ 1
        }
        return (scratch.end(0), end, false)
    }

    @discardableResult
    private mutating func name(_ key: StaticString, _ bytes: RawSpan, _ at: Int, _ event: inout EVEBuilder) -> Int {
        let name = name(bytes, at)
        event.text(key, name.text, in: scratch)
        if name.isCut {
            switch "\(key)" {
            case "rrname": event.boolean("rrname_truncated", true)
            case "mname": event.boolean("mname_truncated", true)
            default: event.boolean("rdata_truncated", true)
            }
        }
        return name.end
    }

    // MARK: the event

    /// Writes the object of the dialect.
    mutating func write(_ bytes: RawSpan, to event: inout EVEBuilder) {
        event.open(dialect.name)
        if dialect == .dns { event.count("version", 3) }
        event.text("type", header.isResponse ? "response" : "request")
        if dialect != .mdns { event.count("tx_id", transaction) }
        event.count("id", UInt64(header.id))
        flags(&event)
        event.count("opcode", UInt64(header.opcode))
        switch dialect {
        case .dns: event.text("rcode", DNSEvent.responseCode(header.responseCode))
        case .mdns: event.count("rcode", UInt64(header.responseCode))
        case .llmnr: break
        }
        if header.questionCount > 0 { queries(bytes, &event) }
        if header.answerCount > 0 {
            list("answers", header.answerCount, bytes, from: sections.answers, &event)
            if dialect != .mdns { grouped(bytes, &event) }
        }
        if header.authorityCount > 0, let start = sections.authorities, sections.additionals != nil
            || header.additionalCount == 0
        {
            list("authorities", header.authorityCount, bytes, from: start, &event)
        }
        if header.additionalCount > 0, let start = sections.additionals {
            list("additionals", header.additionalCount, bytes, from: start, &event)
        }
        event.close()
    }

    private func flags(_ event: inout EVEBuilder) {
        guard dialect == .dns else {
            let isLocal = dialect == .llmnr
            let names: [(bit: UInt16, name: StaticString)] =
                isLocal
                ? [(0x0400, "c"), (0x0200, "tc"), (0x0100, "t")]
                : [(0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"), (0x0080, "ra"), (0x0040, "z")]
            guard names.contains(where: { header.flags & $0.bit != 0 }) else { return }
            event.openList("flags")
            for (bit, name) in names where header.flags & bit != 0 { event.item(name) }
            event.closeList()
            return
        }
        event.beginText("flags")
        event.add(hexadecimal: UInt64(header.flags))
        event.endText()
        if header.isResponse { event.boolean("qr", true) }
        if header.isAuthoritative { event.boolean("aa", true) }
        if header.isTruncated { event.boolean("tc", true) }
        if header.recursionDesired { event.boolean("rd", true) }
        if header.recursionAvailable { event.boolean("ra", true) }
        if header.flags & 0x0040 != 0 { event.boolean("z", true) }
    }

    private mutating func queries(_ bytes: RawSpan, _ event: inout EVEBuilder) {
        event.openList("queries")
        var at = questions
        for _ in 0..<header.questionCount where event.buffer.bytes.count < DNSEvent.eventBytesMax {
            event.openItem()
            at = name("rrname", bytes, at, &event)
            type(bytes.load(at), &event)
            at &+= 4
            event.closeItem()
        }
        event.closeList()
    }

    private func type(_ type: UInt16, _ event: inout EVEBuilder) {
        if dialect == .mdns, let name = DNSEvent.lowerTypeName(type) { return event.text("rrtype", name) }
        if let name = DNSEvent.typeName(type) { return event.text("rrtype", name) }
        event.beginText("rrtype")
        event.add(decimal: UInt64(type))
        event.endText()
    }

    private mutating func list(
        _ key: StaticString, _ count: UInt16, _ bytes: RawSpan, from start: Int, _ event: inout EVEBuilder
    ) {
        let mark = event.mark
        event.openList(key)
        let empty = event.mark
        var at = start
        for _ in 0..<count where event.buffer.bytes.count < DNSEvent.eventBytesMax {
            guard let record = DNSEvent.record(bytes, at) else { break }
            if record.type == 41, record.byteCount == 0 {
                // An OPT record without options says nothing.
            } else if dialect == .dns, record.type == 16 {
                strings(record, bytes, at, &event)
            } else {
                event.openItem()
                head(record, bytes, at, &event)
                if dialect == .dns { data(record, bytes, &event) } else { keyed(record, bytes, &event) }
                event.closeItem()
            }
            at = record.end
        }
        if event.hasGrown(since: empty) { event.closeList() } else { event.goBack(to: mark) }
    }

    private mutating func head(_ record: DNSResource, _ bytes: RawSpan, _ at: Int, _ event: inout EVEBuilder) {
        name("rrname", bytes, at, &event)
        if dialect == .dns || record.type == 41 { type(record.type, &event) }
        if dialect != .mdns { event.count("ttl", UInt64(record.lifetime)) }
    }

    /// TXT in `dns`: each string is an answer of its own.
    private mutating func strings(_ record: DNSResource, _ bytes: RawSpan, _ at: Int, _ event: inout EVEBuilder) {
        var place = record.start
        while place < record.end, event.buffer.bytes.count < DNSEvent.eventBytesMax {
            let length = min(Int(bytes.octet(place)), record.end &- place &- 1)
            event.openItem()
            head(record, bytes, at, &event)
            event.text("rdata", bytes.extracting(place &+ 1 ..< place &+ 1 &+ length))
            event.closeItem()
            place &+= length &+ 1
        }
    }

    /// The data of a record of `dns`.
    private mutating func data(_ record: DNSResource, _ bytes: RawSpan, _ event: inout EVEBuilder) {
        if DNSEvent.isObject(record.type) {
            guard let key = DNSEvent.lowerTypeName(record.type) else { return }
            let mark = event.mark
            event.open(key)
            if object(record, bytes, &event) { event.close() } else { event.goBack(to: mark) }
        } else if record.type == 41 {
            options(record, bytes, &event)
        } else {
            scalar("rdata", record, bytes, &event)
        }
    }

    /// The data of a record of `mdns` and `llmnr`: a member with the type's name.
    private mutating func keyed(_ record: DNSResource, _ bytes: RawSpan, _ event: inout EVEBuilder) {
        switch record.type {
        case 16:
            event.openList("txt")
            var place = record.start
            while place < record.end {
                let length = min(Int(bytes.octet(place)), record.end &- place &- 1)
                event.item(bytes.extracting(place &+ 1 ..< place &+ 1 &+ length))
                place &+= length &+ 1
            }
            event.closeList()
        case 6, 33, 41, 44: data(record, bytes, &event)
        default:
            guard let key = DNSEvent.lowerTypeName(record.type) else { return }
            scalar(key, record, bytes, &event)
        }
    }

    /// An address, a name, or octets.
    private mutating func scalar(
        _ key: StaticString, _ record: DNSResource, _ bytes: RawSpan, _ event: inout EVEBuilder
    ) {
        switch record.type {
        case 1 where record.byteCount == 4: event.address(key, Address(v4: bytes.load(record.start)))
        case 28 where record.byteCount == 16:
            let address = Address(high: bytes.load(record.start), low: bytes.load(record.start &+ 8))
            event.address(key, address)
        case 2, 5, 12: name(key, bytes, record.start, &event)
        case 15 where record.byteCount > 2: name(key, bytes, record.start &+ 2, &event)
        case 10: event.text(key, bytes.extracting(record.start..<record.end))
        default: break
        }
    }

    // MARK: objects

    private static func isObject(_ type: UInt16) -> Bool { type == 6 || type == 33 || type == 44 }

    /// The members of SOA, SRV (RFC 2782) and SSHFP (RFC 4255); false where the data does not hold.
    private mutating func object(_ record: DNSResource, _ bytes: RawSpan, _ event: inout EVEBuilder) -> Bool {
        switch record.type {
        case 6:
            let mailbox = name("mname", bytes, record.start, &event)
            let at = name("rname", bytes, mailbox, &event)
            guard record.end &- at >= 20 else { return false }
            event.count("serial", UInt64(bytes.load(at, as: UInt32.self)))
            event.count("refresh", UInt64(bytes.load(at &+ 4, as: UInt32.self)))
            event.count("retry", UInt64(bytes.load(at &+ 8, as: UInt32.self)))
            event.count("expire", UInt64(bytes.load(at &+ 12, as: UInt32.self)))
            event.count("minimum", UInt64(bytes.load(at &+ 16, as: UInt32.self)))
        case 33:
            guard record.byteCount > 6 else { return false }
            event.count("priority", UInt64(bytes.load(record.start, as: UInt16.self)))
            event.count("weight", UInt64(bytes.load(record.start &+ 2, as: UInt16.self)))
            event.count("port", UInt64(bytes.load(record.start &+ 4, as: UInt16.self)))
            name("name", bytes, record.start &+ 6, &event)
        default:
            guard record.byteCount > 2 else { return false }
            event.beginText("fingerprint")
            for place in record.start &+ 2 ..< record.end {
                if place > record.start &+ 2 { event.add(":") }
                event.add(hexadecimal: UInt64(bytes.octet(place)), digits: 2)
            }
            event.endText()
            event.count("algo", UInt64(bytes.octet(record.start)))
            event.count("type", UInt64(bytes.octet(record.start &+ 1)))
        }
        return true
    }

    /// OPT (RFC 6891 section 6.1.2).
    private func options(_ record: DNSResource, _ bytes: RawSpan, _ event: inout EVEBuilder) {
        event.openList("opt")
        var place = record.start
        while record.end &- place >= 4 {
            let length = min(Int(bytes.load(place &+ 2, as: UInt16.self)), record.end &- place &- 4)
            event.openItem()
            event.count("code", UInt64(bytes.load(place, as: UInt16.self)))
            event.hexadecimal("data", bytes.extracting(place &+ 4 ..< place &+ 4 &+ length))
            event.closeItem()
            place &+= 4 &+ length
        }
        event.closeList()
    }

    // MARK: grouped

    /// Types that `grouped` has, in its order.
    private static let groups: [UInt16] = [1, 28, 15, 5, 2, 16, 10, 12, 6, 33, 44]

    /// The answers by their types.
    private mutating func grouped(_ bytes: RawSpan, _ event: inout EVEBuilder) {
        event.open("grouped")
        for wanted in DNSEvent.groups {
            let mark = event.mark
            guard let key = DNSEvent.typeName(wanted) else { continue }
            event.openList(key)
            let empty = event.mark
            group(wanted, bytes, &event)
            if event.hasGrown(since: empty) { event.closeList() } else { event.goBack(to: mark) }
        }
        event.close()
    }

    private mutating func group(_ wanted: UInt16, _ bytes: RawSpan, _ event: inout EVEBuilder) {
        var at = sections.answers
        for _ in 0..<header.answerCount where event.buffer.bytes.count < DNSEvent.eventBytesMax {
            guard let record = DNSEvent.record(bytes, at) else { return }
            at = record.end
            guard record.type == wanted else { continue }
            switch wanted {
            case 1 where record.byteCount == 4: event.item(address: Address(v4: bytes.load(record.start)))
            case 28 where record.byteCount == 16:
                event.item(address: Address(high: bytes.load(record.start), low: bytes.load(record.start &+ 8)))
            case 2, 5, 12: event.item(name(bytes, record.start).text, in: scratch)
            case 15 where record.byteCount > 2: event.item(name(bytes, record.start &+ 2).text, in: scratch)
            case 10: event.item(bytes.extracting(record.start..<record.end))
            case 16:
                var place = record.start
                while place < record.end {
                    let length = min(Int(bytes.octet(place)), record.end &- place &- 1)
                    event.item(bytes.extracting(place &+ 1 ..< place &+ 1 &+ length))
                    place &+= length &+ 1
                }
            case 6, 33, 44:
                let mark = event.mark
                event.openItem()
                if object(record, bytes, &event) { event.closeItem() } else { event.goBack(to: mark) }
            default: break
            }
        }
    }

    // MARK: names of numbers

    private static func typeName(_ type: UInt16) -> StaticString? { type == 255 ? "ANY" : DNSTables.typeName(type) }

    /// Names of the types that `mdns` and `llmnr` use as keys.
    private static func lowerTypeName(_ type: UInt16) -> StaticString? {
        switch type {
        case 1: "a"
        case 2: "ns"
        case 5: "cname"
        case 6: "soa"
        case 10: "null"
        case 12: "ptr"
        case 15: "mx"
        case 16: "txt"
        case 28: "aaaa"
        case 33: "srv"
        case 44: "sshfp"
        case 255: "any"
        default: nil
        }
    }

    private static func responseCode(_ code: UInt8) -> StaticString {
        code == 8 ? "NXRRSET" : DNSTables.responseCodeName(code)
    }
}

extension DNS {
    /// Writes the event of a message.
    func event(
        _ bytes: RawSpan, from direction: Direction, tx: UInt64, _ context: inout AnalyzerContext
    ) {
        guard let dialect = DNSDialect(context.id), var event = DNSEvent(bytes, dialect, transaction: tx)
        else { return }
        context.beginEvent(dialect.name, from: direction)
        event.write(bytes, to: &context.event)
        context.endEvent()
    }
}
