// SPDX-License-Identifier: Apache-2.0
//
// Walks one message: questions, names, resource records (RFC 1035 section 4.1).
//
// Reads   a whole message; names anywhere in it.
// Writes  the fields of a `DNSRecord`; anomalies.
// Leaves  the texts of answers (DNS+Answers.swift), updates (DNS+Update.swift).

import Records
import Wire

/// How a message ended.
enum DNSOutcome {
    /// Questions and answers were all there.
    case sound
    case unsound
    /// This is not DNS.
    case violation
}

/// The read position in one message. The message itself is passed along.
struct DNSReader {
    let header: DNSHeader
    let id: ConnectionID
    let now: Timestamp
    /// The responder's port is 137: names and type 33 are NetBIOS's.
    let isNetBIOS: Bool
    /// A dynamic update. On port 137 the same operation is a registration, whose form is a question's.
    let isUpdate: Bool
    var position = DNSHeader.byteCount
    var section = Section.question
    /// The name at octet 12 was read without an anomaly, so a pointer to it needs no second look.
    var firstNameIsSound = false
    var isViolation = false
    /// Class of the zone that an update changes.
    var zoneClass: UInt16 = 1

    enum Section { case question, answer, authority, additional }

    /// Octets of a name as text, dots included. RFC 1035 allows 255; what is
    /// longer is an anomaly, and kept up to here, as it may be evidence.
    static let nameBytesMax = 512
    /// Pointers followed for one name: a name of 255 octets has at most 127 labels.
    static let pointersMax = 127

    init(_ header: DNSHeader, _ id: ConnectionID, at now: Timestamp) {
        self.header = header
        self.id = id
        self.now = now
        isNetBIOS = id.responderPort == DNS.netBIOSPort
        isUpdate = header.opcode == DNSHeader.updateOpcode && !isNetBIOS && id.originatorPort != DNS.netBIOSPort
    }

    /// Reads the whole message into `record`.
    mutating func read(
        _ bytes: RawSpan, _ record: inout DNSRecord, _ context: inout AnalyzerContext
    ) -> DNSOutcome {
        record.opcode = header.opcode
        if header.isResponse {
            record.hasReply = true
            record.responseCode = header.responseCode
            if header.responseCode != 0, header.questionCount == 0 { record.isRejected = true }
        }
        // Much that is not DNS runs on port 53; most of it is weeded out here.
        guard Int(header.questionCount) <= context.settings.dnsQuestionsMax else {
            context.weird(.DNS_Conn_count_too_large, source: DNS.source)
            context.requests.append(.limitReached)
            return .violation
        }
        guard questions(bytes, &record, &context),
            records(header.answerCount, .answer, bytes, &record, &context)
        else { return isViolation ? .violation : .unsound }

        // The changes of an update stand in the authority section (RFC 2136 section 2).
        if context.settings.dnsAllSections || isUpdate {
            if records(header.authorityCount, .authority, bytes, &record, &context),
                context.settings.dnsAllSections
            {
                _ = records(header.additionalCount, .additional, bytes, &record, &context)
            }
        }
        return isViolation ? .violation : .sound
    }

    // MARK: questions

    //  |  name …  |  type (16)  |  class (16)  |
    private mutating func questions(
        _ bytes: RawSpan, _ record: inout DNSRecord, _ context: inout AnalyzerContext
    ) -> Bool {
        if isUpdate, !header.isResponse, header.questionCount != 1 {
            context.weird(.DNS_DU_invalid_zone_count, source: DNS.source)
        }
        for index in 0..<Int(header.questionCount) {
            // A response says again what was asked; an update names its zone there.
            let isAsked = !header.isResponse && !isUpdate
            let weirdCount = context.weirds.count
            var name = self.name(bytes, into: &record.text, &context, keeping: isAsked)
            if index == 0 { firstNameIsSound = weirdCount == context.weirds.count }
            guard bytes.byteCount &- position >= 4 else {
                context.weird(.DNS_truncated_quest_too_short, source: DNS.source)
                return false
            }
            let type = bytes.load(position, as: UInt16.self)
            let group = bytes.load(position &+ 2, as: UInt16.self)
            position &+= 4

            if isUpdate {
                // The zone, not a question (RFC 2136 section 2.3).
                zoneClass = group
                if type != 6, !header.isResponse { context.weird(.DNS_DU_incorrect_zone_type, source: DNS.source) }
            }
            if header.isResponse, header.hasNoRecords { record.isRejected = true }
            if isAsked {
                if isNetBIOS { name = record.text.decodeNetBIOS(name) }
                set(name, type, group, &record)
            }
        }
        return true
    }

    private func set(_ name: Text, _ type: UInt16, _ group: UInt16, _ record: inout DNSRecord) {
        record.query = name
        record.hasQuestion = true
        record.questionType = type
        record.questionClass = group
        record.unnamedType = .absent
        record.unnamedClass = .absent
        if DNSTables.typeName(type) == nil { record.unnamedType = record.text.typeName(type) }
        if DNSTables.className(group) == nil {
            let start = record.text.begin()
            record.text.append("qclass-")
            record.text.append(decimal: UInt64(group))
            record.unnamedClass = record.text.end(start)
        }
        record.recursionDesired = header.recursionDesired
        record.isTruncated = header.isTruncated
        record.reserved = header.reserved
    }

    // MARK: resource records

    private mutating func records(
        _ count: UInt16, _ section: Section, _ bytes: RawSpan, _ record: inout DNSRecord,
        _ context: inout AnalyzerContext
    ) -> Bool {
        self.section = section
        for _ in 0..<Int(count) {
            guard resource(bytes, &record, &context) else { return false }
        }
        return true
    }

    //  |  name …  |  type (16)  |  class (16)  |  ttl (32)  |  rdlength (16)  |  rdata …  |
    private mutating func resource(
        _ bytes: RawSpan, _ record: inout DNSRecord, _ context: inout AnalyzerContext
    ) -> Bool {
        let counts = header.isResponse && (section == .answer || isUpdate && section == .authority)
        let start = record.text.begin()
        let ownerPosition = position
        var owner = Text.absent
        let needsOwner = counts && record.query.isAbsent || isUpdate
        if !needsOwner, firstNameIsSound, bytes.byteCount &- position >= 12,
            bytes.load(position, as: UInt16.self) == 0xC00C
        {
            position &+= 2
        } else {
            owner = name(bytes, into: &record.text, &context, keeping: needsOwner)
        }
        guard bytes.byteCount &- position >= 10 else {
            record.text.rollBack(to: start)
            context.weird(.DNS_truncated_ans_too_short, source: DNS.source)
            return false
        }
        var head = DNSResource(
            type: bytes.load(position), group: bytes.load(position &+ 2), lifetime: bytes.load(position &+ 4),
            start: position &+ 10, byteCount: Int(bytes.load(position &+ 8, as: UInt16.self)), owner: owner)
        position = head.start
        guard head.byteCount <= bytes.byteCount &- position else {
            record.text.rollBack(to: start)
            context.weird(.DNS_truncated_RR_rdlength_lt_len, source: DNS.source)
            return false
        }
        // An update asks about and deletes records without naming their data.
        if head.byteCount == 0, position < bytes.byteCount, !isUpdate {
            record.text.rollBack(to: start)
            context.weird(.DNS_zero_rdlength, source: DNS.source)
            return false
        }
        if !needsOwner, head.type == 47 {
            // NSEC repeats the owner, which was stepped over.
            head.owner = name(bytes, at: ownerPosition, into: &record.text, &context)
        }
        defer { position = head.start &+ head.byteCount }

        let textStart = record.text.begin()
        let answer =
            isUpdate
            ? update(head, bytes, &record.text, &context) : data(head, bytes, &record.text, &context)
        if counts, answer == .counted || answer == .countedLast {
            note(head, from: textStart, &record, &context)
        } else {
            record.text.rollBack(to: start)
        }
        if answer == .violation { isViolation = true }
        return answer == .counted || answer == .silent
    }

    /// Takes over what an answer says of the row.
    private func note(
        _ head: DNSResource, from textStart: Int, _ record: inout DNSRecord, _ context: inout AnalyzerContext
    ) {
        let text = record.text.end(textStart)
        if record.query.isAbsent {
            record.query = isNetBIOS ? record.text.decodeNetBIOS(head.owner) : head.owner
        }
        record.isAuthoritative = header.isAuthoritative
        record.recursionAvailable = header.recursionAvailable
        if record.roundTrip == 0 { record.roundTrip = now.since(record.ts) }

        guard text.count > 0 else { return }
        guard record.text.bytes.count <= DNS.recordBytesMax else {
            // The query was found long before so much text was; what is dropped is the answer alone.
            record.text.rollBack(to: textStart)
            if context.requests.last != .limitReached { context.requests.append(.limitReached) }
            return
        }
        record.answers.append(text)
        record.lifetimes.append(UInt64(head.lifetime) &* 1_000_000_000)
    }

    // MARK: names

    /// Reads the name at the position, which moves behind it.
    mutating func name(
        _ bytes: RawSpan, into text: inout TextBuffer, _ context: inout AnalyzerContext, keeping: Bool = true
    ) -> Text {
        var next = position
        let name = self.name(bytes, at: position, next: &next, into: &text, &context, keeping: keeping)
        position = next
        return name
    }

    /// Reads the name at an offset, whatever follows it.
    func name(
        _ bytes: RawSpan, at offset: Int, into text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> Text {
        var next = offset
        return name(bytes, at: offset, next: &next, into: &text, &context)
    }

    /// Appends a name (RFC 1035 section 4.1.4) as text: labels joined by dots, in
    /// lower case, other octets as they are. A name that breaks ends there. Where
    /// it is not kept it is looked at all the same.
    ///
    /// A pointer leads only to octets before it, and what it leads to ends before
    /// it: every jump shortens what is left, so a loop cannot be.
    func name(
        _ bytes: RawSpan, at offset: Int, next: inout Int, into text: inout TextBuffer,
        _ context: inout AnalyzerContext, keeping: Bool = true
    ) -> Text {
        let start = text.begin()
        var at = offset
        var end = bytes.byteCount
        var pointers = 0
        // Octets of text, with a dot behind each label.
        var count = 0
        while true {
            // Labels that follow each other are copied at once; then each length becomes a dot.
            let run = at
            while at < end {
                let length = Int(bytes.octet(at))
                guard length > 0, length <= longestLabel, length < end &- at,
                    length < DNSReader.nameBytesMax &- count
                else { break }
                at &+= length &+ 1
                count &+= length &+ 1
            }
            if keeping, at > run { text.appendLabels(bytes.extracting(run..<at), isFirst: text.bytes.count == start) }

            guard at < end else { break }
            let length = Int(bytes.octet(at))
            at &+= 1
            guard length > 0, at < end else { break }
            guard length & 0xC0 == 0xC0 else {
                at = breakName(length, at, end, &context)
                break
            }
            let target = (length & 0x3F) << 8 | Int(bytes.octet(at))
            at &+= 1
            if pointers == 0 { next = at }
            pointers &+= 1
            guard target < at &- 2 else {
                context.weird(.DNS_label_forward_compress_offset, source: DNS.source)
                break
            }
            guard pointers <= DNSReader.pointersMax else {
                context.weird(.DNS_max_compression_chain_depth_exceeded, source: DNS.source)
                break
            }
            end = at &- 2
            at = target
        }
        if pointers == 0 { next = at }
        if count >= 255 { context.weird(.DNS_NAME_too_long, source: DNS.source) }
        if keeping { text.lowerCase(from: start) }
        return text.end(start)
    }

    /// Reports a label that cannot be; returns where the name ends.
    private func breakName(_ length: Int, _ at: Int, _ end: Int, _ context: inout AnalyzerContext) -> Int {
        if length > end &- at {
            context.weird(.DNS_label_len_gt_pkt, source: DNS.source)
            return end
        }
        let isLong = length > longestLabel
        context.weird(isLong ? .DNS_label_too_long : .DNS_label_len_gt_name_len, source: DNS.source)
        return at
    }

    /// NetBIOS names may have longer labels; the two high bits are always a pointer's.
    private var longestLabel: Int { isNetBIOS ? 0xBF : 63 }
}

/// The head of a resource record, and where its data stands.
struct DNSResource {
    var type: UInt16
    /// The class, which other uses of the form give other meanings.
    var group: UInt16
    /// Seconds.
    var lifetime: UInt32
    var start: Int
    var byteCount: Int
    /// Read only where somebody wants it.
    var owner: Text

    var end: Int { start &+ byteCount }
}

extension TextBuffer {
    /// Forgets what was appended since `start`.
    mutating func rollBack(to start: Int) {
        if bytes.count > start { bytes.removeLast(bytes.count &- start) }
    }

    /// Appends labels in wire form as text with dots between.
    mutating func appendLabels(_ labels: RawSpan, isFirst: Bool) {
        if !isFirst { bytes.append(0x2E) }
        var dot = bytes.count &+ Int(labels.octet(0))
        labels.extracting(1..<labels.byteCount).append(to: &bytes)
        var octets = bytes.mutableSpan
        while dot < octets.count {
            let length = Int(octets[dot])
            octets[dot] = 0x2E
            dot &+= length &+ 1
        }
    }

    mutating func lowerCase(from start: Int) {
        var octets = bytes.mutableSpan
        for index in start..<octets.count {
            let octet = octets[index]
            octets[index] = octet &- 0x41 < 26 ? octet | 0x20 : octet
        }
    }

    /// `query-N` for a type without a name.
    mutating func typeName(_ type: UInt16) -> Text {
        let start = begin()
        append("query-")
        append(decimal: UInt64(type))
        return end(start)
    }

    /// Half-ASCII (RFC 1001 section 14.1): 32 letters, each half an octet above
    /// `A`. The 16th octet is a type, blanks fill up. What is not of this form stays.
    mutating func decodeNetBIOS(_ name: Text) -> Text {
        guard name.count >= 32 else { return name }
        let from = Int(name.offset)
        for index in from ..< from &+ 32 where bytes[index] | 0x20 &- 0x61 > 15 { return name }
        let start = begin()
        for index in 0..<15 {
            let high = bytes[from &+ index &* 2] | 0x20 &- 0x61
            let low = bytes[from &+ index &* 2 &+ 1] | 0x20 &- 0x61
            bytes.append(high << 4 | low)
        }
        while bytes.count > start, bytes[bytes.count &- 1] == 0x20 { bytes.removeLast() }
        return bytes.count > start ? end(start) : name
    }
}
