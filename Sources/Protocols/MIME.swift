// SPDX-License-Identifier: Apache-2.0
//
// Messages of MIME (RFC 2045, RFC 2046) that come line by line, as in mail.
//
// Reads   the lines of a message, its headers first.
// Writes  nothing itself: a subclass hears of entities, headers and the octets of files.
// Leaves  how a message begins and ends in its protocol.

import Records
import Wire

/// A message, or a part of a multipart one.
final class MIMEEntity {
    enum Kind { case leaf, multipart, message }
    enum Transfer { case identity, quoted, base64 }

    var inHeader = true
    var isOver = false
    var kind = Kind.leaf
    /// The delimiter of parts, without its two dashes.
    var boundary: [UInt8] = []
    var transfer = Transfer.identity
    var base64 = Base64()
    /// Line end of a part that belongs to the delimiter if one follows.
    var hasPendingLineEnd = false
    var hasFile = false

    func reset() {
        (inHeader, isOver) = (true, false)
        kind = .leaf
        boundary.removeAll(keepingCapacity: true)
        transfer = .identity
        base64 = Base64()
        (hasPendingLineEnd, hasFile) = (false, false)
    }
}

/// What is longer than mail programs make it.
enum MIMEOddity {
    case longName, longValue, longBoundary, longEncodedLine
    /// What is encoded is not as it should be.
    case invalidBase64, invalidQuoted
}

/// One message after another of one connection; keeps its memory.
class MIMEMessage {
    /// Depth of parts in parts (Zeek's `MIME::max_depth`).
    static let depthMax = 100
    /// Octets of one header, continuation lines included.
    static let headerBytesMax = 65_536
    static let keptBytesMax = 8192
    /// Octets of a name, of a value in one line, and of a boundary that are nothing odd, as Suricata counts.
    private static let usualNameBytes = 75
    private static let usualValueBytes = 2000
    private static let usualBoundaryBytes = 254
    /// Octets of an encoded line (RFC 2045 section 6.8).
    private static let encodedLineBytes = 76
    private static let lineEndOctets: [UInt8] = [0x0D, 0x0A]

    /// A message is under way.
    final private(set) var isOpen = false
    private var entities: [MIMEEntity] = []
    /// How many entities are open; the last is the deepest.
    private var level = 0
    /// A header that the next line may continue.
    private var header: [UInt8] = []
    private var hasHeader = false
    /// The last octets delivered were no whole line.
    private var isMidLine = false
    private var scratch: [UInt8] = []

    // MARK: for subclasses

    /// An entity begins: the message itself, then parts in order.
    func began(_ context: inout AnalyzerContext) {}
    /// A header of the entity at `level`, 0 for the message.
    func header(_ name: RawSpan, _ value: RawSpan, _ level: Int, _ context: inout AnalyzerContext) {}
    /// Octets of the content of a part without parts; `isFirst` at its start.
    func content(_ bytes: RawSpan, isFirst: Bool, _ context: inout AnalyzerContext) {}
    /// A part that had content is over.
    func contentEnded(_ context: inout AnalyzerContext) {}
    /// Something is longer than it should be.
    func met(_ oddity: MIMEOddity, _ context: inout AnalyzerContext) {}

    // MARK: verbs

    final func begin(_ context: inout AnalyzerContext) {
        isOpen = true
        isMidLine = false
        level = 0
        open(&context)
    }

    /// The next line is one of a header.
    final var isInHeader: Bool { level > 0 && entities[level &- 1].inHeader }

    /// A line without its end, or (`endsLine` false) some octets of one.
    final func deliver(_ bytes: RawSpan, endsLine: Bool, _ context: inout AnalyzerContext) {
        guard isOpen else { return }
        deliver(bytes, 0, endsLine: endsLine, &context)
        isMidLine = !endsLine
    }

    final func end(_ context: inout AnalyzerContext) {
        guard isOpen else { return }
        close(0, &context)
        isOpen = false
        level = 0
    }

    func reset() {
        isOpen = false
        level = 0
        if entities.count > 8 { entities.removeLast(entities.count &- 8) }
        if header.capacity > MIMEMessage.keptBytesMax { header = [] }
        if scratch.capacity > MIMEMessage.keptBytesMax { scratch = [] }
        header.removeAll(keepingCapacity: true)
        (hasHeader, isMidLine) = (false, false)
    }

    // MARK: entities

    private func open(_ context: inout AnalyzerContext) {
        guard level < MIMEMessage.depthMax else {
            return context.weird(.exceeded_mime_max_depth, addl: UInt64(level), source: "MIME")
        }
        if entities.count == level { entities.append(MIMEEntity()) }
        let entity = entities[level]
        entity.reset()
        // A message in a message is never encoded as a whole (RFC 2046 section 5.2.1), whatever its header says.
        if level > 0, entities[level &- 1].kind != .message { entity.transfer = entities[level &- 1].transfer }
        level &+= 1
        hasHeader = false
        header.removeAll(keepingCapacity: true)
        began(&context)
    }

    /// Closes an entity and what is open below it.
    private func close(_ place: Int, _ context: inout AnalyzerContext) {
        guard place < level else { return }
        let entity = entities[place]
        if !entity.isOver {
            entity.isOver = true
            if entity.inHeader {
                finishHeader(place, &context)
                entity.inHeader = false
            } else if place &+ 1 < level {
                close(place &+ 1, &context)
            }
            if entity.hasFile { contentEnded(&context) }
        }
        level = place &+ 1
    }

    private func deliver(_ bytes: RawSpan, _ place: Int, endsLine: Bool, _ context: inout AnalyzerContext) {
        guard place < level else { return }
        let entity = entities[place]
        guard !entity.isOver else { return }
        if entity.inHeader { return headerLine(bytes, place, &context) }
        switch entity.kind {
        case .leaf: decode(bytes, place, endsLine: endsLine, &context)
        case .message: deliver(bytes, place &+ 1, endsLine: endsLine, &context)
        case .multipart:
            switch isMidLine ? .none : delimiter(bytes, entity.boundary) {
            case .none: deliver(bytes, place &+ 1, endsLine: endsLine, &context)
            case .between:
                closeParts(place, &context)
                open(&context)
            case .last:
                closeParts(place, &context)
                close(place, &context)
            }
        }
    }

    private func closeParts(_ place: Int, _ context: inout AnalyzerContext) {
        if place &+ 1 < level { close(place &+ 1, &context) }
        level = place &+ 1
    }

    private enum Delimiter { case none, between, last }

    private func delimiter(_ line: RawSpan, _ boundary: [UInt8]) -> Delimiter {
        guard line.byteCount >= 2 &+ boundary.count, line.octet(0) == 0x2D, line.octet(1) == 0x2D else { return .none }
        for index in boundary.indices where line.octet(2 &+ index) != boundary[index] { return .none }
        let behind = 2 &+ boundary.count
        let isLast = line.byteCount >= behind &+ 2 && line.octet(behind) == 0x2D && line.octet(behind &+ 1) == 0x2D
        return isLast ? .last : .between
    }

    // MARK: headers

    private func headerLine(_ line: RawSpan, _ place: Int, _ context: inout AnalyzerContext) {
        guard line.byteCount > 0 else {
            finishHeader(place, &context)
            let entity = entities[place]
            entity.inHeader = false
            if entity.kind == .message { open(&context) }
            return
        }
        if hasHeader, HTTPOctets.isBlank(line.octet(0)) {
            let room = MIMEMessage.headerBytesMax &- header.count
            if line.byteCount > room {
                context.weird(.exceeded_mime_max_header_bytes, addl: UInt64(header.count), source: "MIME")
            }
            line.extracting(0..<min(room, line.byteCount)).append(to: &header)
            return
        }
        finishHeader(place, &context)
        hasHeader = true
        if let colon = line.firstIndex(of: 0x3A) {
            if colon > MIMEMessage.usualNameBytes { met(.longName, &context) }
            let value = line.byteCount &- TextProbe.skipBlanks(line, colon &+ 1)
            if value > MIMEMessage.usualValueBytes { met(.longValue, &context) }
        }
        line.extracting(0..<min(MIMEMessage.headerBytesMax, line.byteCount)).append(to: &header)
    }

    private func finishHeader(_ place: Int, _ context: inout AnalyzerContext) {
        guard hasHeader else { return }
        hasHeader = false
        var whole: [UInt8] = []
        swap(&whole, &header)
        wholeHeader(whole.octets, place, &context)
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &header)
    }

    private func wholeHeader(_ line: RawSpan, _ place: Int, _ context: inout AnalyzerContext) {
        guard let field = MIMEText.field(line) else { return }
        let name = line.extracting(field.name)
        let value = line.extracting(field.value..<line.byteCount)
        apply(name, value, entities[place])
        if entities[place].boundary.count > MIMEMessage.usualBoundaryBytes, name.isText("content-type") {
            met(.longBoundary, &context)
        }
        header(name, value, place, &context)
    }

    /// Headers that say how the content is divided and coded.
    private func apply(_ name: RawSpan, _ value: RawSpan, _ entity: MIMEEntity) {
        if name.isText("content-transfer-encoding") {
            let word = value.extracting(MIMEText.token(value))
            entity.transfer = word.isText("base64") ? .base64 : word.isText("quoted-printable") ? .quoted : .identity
        } else if name.isText("content-type") {
            contentType(value, entity)
        }
    }

    /// `type/subtype; boundary=…` (RFC 2045 section 5.1).
    private func contentType(_ value: RawSpan, _ entity: MIMEEntity) {
        let type = MIMEText.token(value)
        guard !type.isEmpty else { return }
        var at = MIMEText.skipComments(value, type.upperBound)
        guard at < value.byteCount, value.octet(at) == 0x2F else { return }
        let rest = value.extracting(at &+ 1..<value.byteCount)
        let subtype = MIMEText.token(rest)
        guard !subtype.isEmpty else { return }
        at &+= 1 &+ subtype.upperBound
        let word = value.extracting(type)
        entity.kind = word.isText("multipart") ? .multipart : word.isText("message") ? .message : .leaf
        guard entity.kind == .multipart else { return }
        let parameters = value.extracting(at..<value.byteCount)
        entity.boundary.removeAll(keepingCapacity: true)
        if let boundary = MIMEText.boundary(parameters) {
            // RFC 2046 allows 70 octets; more than 512 nobody sends in earnest.
            let text = parameters.extracting(boundary)
            text.extracting(0..<min(512, text.byteCount)).append(to: &entity.boundary)
        }
        // Without a delimiter there are no parts.
        if entity.boundary.isEmpty { entity.kind = .leaf }
    }

    // MARK: content

    private func decode(_ bytes: RawSpan, _ place: Int, endsLine: Bool, _ context: inout AnalyzerContext) {
        let entity = entities[place]
        guard entity.transfer != .identity else {
            if entity.hasPendingLineEnd {
                entity.hasPendingLineEnd = false
                add(MIMEMessage.lineEndOctets.octets, entity, &context)
            }
            add(bytes, entity, &context)
            guard endsLine else { return }
            // The last line end of a part belongs to the delimiter.
            if place > 0, entities[place &- 1].kind == .multipart {
                entity.hasPendingLineEnd = true
            } else {
                add(MIMEMessage.lineEndOctets.octets, entity, &context)
            }
            return
        }
        var plain: [UInt8] = []
        swap(&plain, &scratch)
        if entity.transfer == .base64 {
            if bytes.byteCount > MIMEMessage.encodedLineBytes { met(.longEncodedLine, &context) }
            entity.base64.decode(bytes, into: &plain)
            if entity.base64.isMisplaced {
                entity.base64.isMisplaced = false
                met(.invalidBase64, &context)
            }
        } else if !MIMEText.decodeQuoted(bytes, endsLine: endsLine, into: &plain) {
            met(.invalidQuoted, &context)
        }
        add(plain.octets, entity, &context)
        plain.removeAll(keepingCapacity: true)
        swap(&plain, &scratch)
    }

    private func add(_ bytes: RawSpan, _ entity: MIMEEntity, _ context: inout AnalyzerContext) {
        guard bytes.byteCount > 0 else { return }
        let isFirst = !entity.hasFile
        entity.hasFile = true
        content(bytes, isFirst: isFirst, &context)
    }
}
