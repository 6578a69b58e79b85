// SPDX-License-Identifier: Apache-2.0
//
// Bodies: chunks, lengths, codings, parts, and the files that they are.
//
// Reads   lines and stretches of octets of a message.
// Writes  lengths, identities, names and types of files into the row.
// Leaves  the contents, which go to the file layer (SeenFiles.swift).

import Files
import Records
import Wire

/// A message, or a part of a multipart one.
final class HTTPEntity {
    enum Expectation {
        /// A response to HEAD, 1xx, 204, 304.
        case never
        /// A request: only where a header says so.
        case perhaps
        /// A response: to the end of the stream, where no header says otherwise.
        case always
    }
    enum Kind { case leaf, multipart, message }
    enum Chunk { case none, before, size, data, dataEnd, trailer, over }
    enum Transfer { case identity, quoted, base64 }

    var expectation = Expectation.perhaps
    var inHeader = true
    var isOver = false
    var kind = Kind.leaf
    /// The delimiter of parts, without its two dashes.
    var boundary: [UInt8] = []
    var transfer = Transfer.identity
    var base64 = Base64()
    /// Line end of a part that belongs to the delimiter if one follows.
    var hasPendingLineEnd = false

    var chunk = Chunk.none
    var isCompressed = false
    var isBrotli = false
    var inflater: Inflater?
    /// -1 for none, as the other lengths.
    var contentLength: Int64 = -1
    var rangeLength: Int64 = -1
    var totalLength: Int64 = -1
    var lengthLeft: Int64 = 0
    var bodyBytes: Int64 = 0
    var expectsContinue = false

    var isPartial = false
    var file = FileHandle.none
    /// The file is known by its URL, and may come in ranges.
    var isOfURL = false
    /// Where in the file the next octets belong.
    var fileOffset: UInt64 = 0
    var fileName = Text.absent
    /// The row in whose texts the name stands.
    var fileNameKey = 0

    func reset() {
        expectation = .perhaps
        (inHeader, isOver) = (true, false)
        kind = .leaf
        boundary.removeAll(keepingCapacity: true)
        transfer = .identity
        base64 = Base64()
        hasPendingLineEnd = false
        chunk = .none
        (isCompressed, isBrotli) = (false, false)
        inflater = nil
        (contentLength, rangeLength, totalLength, lengthLeft, bodyBytes) = (-1, -1, -1, 0, 0)
        (expectsContinue, isPartial, isOfURL) = (false, false, false)
        file = .none
        fileOffset = 0
        fileName = .absent
        fileNameKey = 0
    }
}

/// Base64 (RFC 4648 section 4) in stretches as they come; what is no digit is stepped over.
struct Base64 {
    private var bits: UInt32 = 0
    private var count = 0
    /// An equals sign stood where no group of digits ends.
    var isMisplaced = false

    /// The value of each octet as a digit; above 63 where it is none.
    private static let values: [UInt8] = (0...0xFF).map { (octet: UInt8) in
        switch octet {
        case 0x41...0x5A: octet - 0x41
        case 0x61...0x7A: octet - 0x47
        case 0x30...0x39: octet + 4
        case 0x2B: 62
        case 0x2F: 63
        default: 0xFF
        }
    }

    /// Appends what `digits` decode to. Digits of an octet that is not whole wait for the next stretch.
    mutating func decode(_ digits: RawSpan, into plain: inout [UInt8]) {
        let table = Base64.values
        let values = table.span
        var end = plain.count
        plain.append(contentsOf: repeatElement(0, count: digits.byteCount / 4 &* 3 &+ 4))
        var room = plain.mutableSpan
        var index = 0
        while index < digits.byteCount {
            if count == 0, index &+ 4 <= digits.byteCount {
                let four = (
                    values[Int(digits.octet(index))], values[Int(digits.octet(index &+ 1))],
                    values[Int(digits.octet(index &+ 2))], values[Int(digits.octet(index &+ 3))]
                )
                if (four.0 | four.1 | four.2 | four.3) & 0xC0 == 0 {
                    room[end] = four.0 << 2 | four.1 >> 4
                    room[end &+ 1] = four.1 << 4 | four.2 >> 2
                    room[end &+ 2] = four.2 << 6 | four.3
                    end &+= 3
                    index &+= 4
                    continue
                }
            }
            let value = values[Int(digits.octet(index))]
            index &+= 1
            guard value < 64 else {
                // One digit is no octet: a group ends behind two or three.
                if digits.octet(index &- 1) == 0x3D, count == 0 || count == 6 { isMisplaced = true }
                continue
            }
            bits = bits << 6 | UInt32(value)
            count &+= 6
            guard count >= 8 else { continue }
            count &-= 8
            room[end] = UInt8(truncatingIfNeeded: bits >> UInt32(count))
            end &+= 1
        }
        plain.removeLast(plain.count &- end)
    }
}

extension HTTP {
    /// Depth of parts in parts (Zeek's `MIME::max_depth`).
    static let depthMax = 100
    private static let segmentBytes = 1024
    /// A body up to the end of the connection.
    static let endless: Int64 = 0x7FFF_FFFF
    static let lineEndOctets: [UInt8] = [0x0D, 0x0A]

    // MARK: entities

    /// Opens an entity below the deepest one.
    func open(_ side: HTTPSide, expecting: HTTPEntity.Expectation, _ context: inout AnalyzerContext) {
        if side.entities.count == side.level { side.entities.append(HTTPEntity()) }
        let entity = side.entities[side.level]
        entity.reset()
        entity.expectation = expecting
        if side.level > 0 { entity.transfer = side.entities[side.level &- 1].transfer }
        side.level &+= 1
        // The row is there from the first entity on, whatever comes of it.
        _ = transaction(of: side, &context)
    }

    private func openPart(_ side: HTTPSide, _ level: Int, _ context: inout AnalyzerContext) {
        guard level < HTTP.depthMax else {
            context.requests.append(.limitReached)
            return context.weird(.exceeded_mime_max_depth, addl: UInt64(level), source: "HTTP")
        }
        side.headerLineCount = 0
        side.header.removeAll(keepingCapacity: true)
        open(side, expecting: .always, &context)
    }

    /// Closes an entity and what is open below it.
    func close(_ side: HTTPSide, _ level: Int, _ context: inout AnalyzerContext) {
        guard level < side.level else { return }
        let entity = side.entities[level]
        guard !entity.isOver else { return }
        if let inflater = entity.inflater {
            context.giveBack(inflater)
            entity.inflater = nil
            entity.isCompressed = false
        }
        entity.isOver = true
        if entity.inHeader {
            finishHeader(side, level, &context)
            entity.inHeader = false
            headersOver(side, level, &context)
        } else if level &+ 1 < side.level {
            close(side, level &+ 1, &context)
            side.level = level &+ 1
        }
        if level == 0 {
            side.bodyBytes = entity.bodyBytes
            done(side, &context)
            return
        }
        if side.entities[level &- 1].kind == .multipart { side.endsAtEither = true }
        if side.isOriginator, entity.bodyBytes == 0, !entity.fileName.isAbsent {
            context.transactionEvent(
                "http.multipart_no_filedata", tx: context.currentTransaction(from: .originator), from: .originator)
        }
        flushSegment(side, entity, &context)
        if side.isOriginator || replyCode != 206 { endFile(side, entity, &context) }
    }

    /// The headers are over: how long is the body?
    func headersOver(_ side: HTTPSide, _ level: Int, _ context: inout AnalyzerContext) {
        let entity = side.entities[level]
        if level > 0, side.entities[level &- 1].kind == .multipart { side.endsAtEither = false }
        if entity.contentLength > 0 { side.deliveryLeft = entity.contentLength }
        if entity.chunk == .trailer {
            entity.chunk = .over
            return close(side, level, &context)
        }
        if entity.expectation == .never { return close(side, level, &context) }
        if entity.kind != .leaf {
            if entity.chunk != .none {
                context.weird(.HTTP_chunked_transfer_for_multipart_message, source: "HTTP")
            }
            guard level == 0, entity.contentLength >= 0 else { return }
            entity.lengthLeft = entity.contentLength
            if entity.contentLength == 0 { close(side, level, &context) }
        } else if entity.chunk != .none {
            entity.chunk = .size
        } else if entity.contentLength > 0 {
            entity.lengthLeft = entity.contentLength
            side.plainLeft = entity.contentLength
        } else if entity.contentLength == 0 {
            close(side, level, &context)
        } else if closesAfterResponse || entity.isCompressed {
            entity.lengthLeft = HTTP.endless
            side.plainLeft = .max
        } else if entity.expectation != .always {
            close(side, level, &context)
        }
    }

    func beginBody(_ side: HTTPSide, _ level: Int, _ context: inout AnalyzerContext) {
        if side.entities[level].kind == .message { openPart(side, level, &context) }
    }

    // MARK: octets

    /// Octets for an entity: a whole line (`endsLine`), or some that are not lines.
    func deliver(
        _ bytes: RawSpan, _ level: Int, endsLine: Bool, _ side: HTTPSide, _ context: inout AnalyzerContext
    ) {
        guard level < side.level else { return }
        let entity = side.entities[level]
        guard !entity.isOver else { return }
        if entity.inHeader {
            if !endsLine { context.weird(.http_no_crlf_in_header_list, source: "HTTP") }
            return headerLine(bytes, level, side, &context)
        }
        if entity.kind != .leaf {
            unpack(bytes, level, endsLine: endsLine, side, &context)
            guard level == 0, entity.contentLength > 0 else { return }
            entity.lengthLeft &-= Int64(bytes.byteCount &+ (endsLine ? 2 : 0))
            if entity.lengthLeft <= 0 {
                side.plainLeft = 0
                close(side, 0, &context)
            }
        } else if entity.chunk != .none {
            chunk(bytes, level, endsLine: endsLine, side, &context)
        } else if entity.contentLength >= 0 {
            unpack(bytes, level, endsLine: false, side, &context)
            entity.lengthLeft &-= Int64(bytes.byteCount)
            if entity.lengthLeft <= 0 {
                side.plainLeft = 0
                side.deliveryLeft = -1
                close(side, level, &context)
            }
        } else {
            unpack(bytes, level, endsLine: endsLine, side, &context)
        }
    }

    /// A chunk's size, data, or the line end behind it (RFC 9112 section 7.1).
    private func chunk(
        _ bytes: RawSpan, _ level: Int, endsLine: Bool, _ side: HTTPSide, _ context: inout AnalyzerContext
    ) {
        let entity = side.entities[level]
        switch entity.chunk {
        case .size:
            entity.lengthLeft = number(bytes, radix: 16) ?? 0
            if entity.lengthLeft == 0, bytes.byteCount > 0, number(bytes, radix: 16) == nil {
                context.weird(.HTTP_bad_chunk_size, addl: bytes, source: "HTTP")
            }
            if entity.lengthLeft > 0 {
                entity.chunk = .data
                side.plainLeft = entity.lengthLeft
            } else {
                // The last chunk: headers may follow.
                entity.inHeader = true
                entity.chunk = .trailer
            }
        case .data:
            entity.lengthLeft &-= Int64(bytes.byteCount)
            if entity.lengthLeft <= 0 {
                side.plainLeft = 0
                entity.chunk = .dataEnd
            }
            unpack(bytes, level, endsLine: false, side, &context)
        case .dataEnd: entity.chunk = .size
        case .none, .before, .trailer, .over: break
        }
    }

    /// Whether octets that were not seen lie inside a body of known length; counts them.
    func bridge(_ count: Int64, _ side: HTTPSide, _ context: inout AnalyzerContext) -> Bool {
        let entity = side.entity
        guard entity.bodyBytes > 0, !entity.isOver else { return false }
        gapInFile(count, side, entity, &context)
        if entity.chunk != .none {
            guard entity.chunk == .data, entity.lengthLeft >= count else { return false }
        } else {
            guard entity.contentLength >= 0, entity.lengthLeft >= count else { return false }
        }
        entity.bodyBytes &+= count
        entity.lengthLeft &-= count
        side.plainLeft = entity.lengthLeft
        if entity.lengthLeft == 0 {
            if entity.chunk == .data {
                entity.chunk = .dataEnd
            } else {
                close(side, max(side.level, 1) &- 1, &context)
            }
        }
        return true
    }

    // MARK: content coding

    private func unpack(
        _ bytes: RawSpan, _ level: Int, endsLine: Bool, _ side: HTTPSide, _ context: inout AnalyzerContext
    ) {
        let entity = side.entities[level]
        guard entity.isCompressed else {
            return content(bytes, level, endsLine: endsLine, side, &context)
        }
        guard let inflater = entity.inflater ?? context.takeInflater(isBrotli: entity.isBrotli) else {
            return content(bytes, level, endsLine: endsLine, side, &context)
        }
        entity.inflater = inflater
        guard !inflater.isOver else { return }
        var offset = 0
        var isMore = true
        while isMore {
            isMore = inflater.step(bytes, &offset)
            guard inflater.count > 0 else { continue }
            let plain = inflater.output
            content(plain.octets.extracting(0..<inflater.count), level, endsLine: false, side, &context)
        }
        if inflater.hasFailed { context.weird(.inflate_failed, source: "ZIP") }
    }

    /// Octets of an entity as its sender meant them.
    private func content(
        _ bytes: RawSpan, _ level: Int, endsLine: Bool, _ side: HTTPSide, _ context: inout AnalyzerContext
    ) {
        let entity = side.entities[level]
        entity.bodyBytes &+= Int64(bytes.byteCount &+ (endsLine ? 2 : 0))
        switch entity.kind {
        case .leaf:
            channel?.stream(bytes, from: side.direction, &context)
            decode(bytes, level, endsLine: endsLine, side, &context)
        case .message: deliver(bytes, level &+ 1, endsLine: endsLine, side, &context)
        case .multipart:
            switch side.isMidLine ? .none : delimiter(bytes, entity.boundary) {
            case .none: deliver(bytes, level &+ 1, endsLine: endsLine, side, &context)
            case .between:
                closeParts(side, level, &context)
                openPart(side, level, &context)
            case .last:
                closeParts(side, level, &context)
                close(side, level, &context)
            }
        }
    }

    private func closeParts(_ side: HTTPSide, _ level: Int, _ context: inout AnalyzerContext) {
        guard level &+ 1 < side.level else { return }
        close(side, level &+ 1, &context)
        side.level = level &+ 1
    }

    private enum Delimiter { case none, between, last }

    private func delimiter(_ line: RawSpan, _ boundary: [UInt8]) -> Delimiter {
        guard line.byteCount >= 2 &+ boundary.count, line.octet(0) == 0x2D, line.octet(1) == 0x2D else { return .none }
        for index in boundary.indices where line.octet(2 &+ index) != boundary[index] { return .none }
        let behind = 2 &+ boundary.count
        let isLast = line.byteCount >= behind &+ 2 && line.octet(behind) == 0x2D && line.octet(behind &+ 1) == 0x2D
        return isLast ? .last : .between
    }

    // MARK: transfer encoding of parts

    private func decode(
        _ bytes: RawSpan, _ level: Int, endsLine: Bool, _ side: HTTPSide, _ context: inout AnalyzerContext
    ) {
        let entity = side.entities[level]
        guard entity.transfer != .identity else {
            if entity.hasPendingLineEnd {
                entity.hasPendingLineEnd = false
                addToPart(HTTP.lineEndOctets.octets, level, side, entity, &context)
            }
            addToPart(bytes, level, side, entity, &context)
            guard endsLine else { return }
            // The last line end of a part belongs to the delimiter.
            if level > 0, side.entities[level &- 1].kind == .multipart {
                entity.hasPendingLineEnd = true
            } else {
                addToPart(HTTP.lineEndOctets.octets, level, side, entity, &context)
            }
            return
        }
        var plain: [UInt8] = []
        swap(&plain, &side.scratch)
        if entity.transfer == .base64 {
            entity.base64.decode(bytes, into: &plain)
        } else {
            _ = MIMEText.decodeQuoted(bytes, endsLine: endsLine, into: &plain)
        }
        addToPart(plain.octets, level, side, entity, &context)
        plain.removeAll(keepingCapacity: true)
        swap(&plain, &side.scratch)
    }

    // MARK: files

    /// Octets of parts, which come line by line, go on by the kilobyte (Zeek's `mime_segment_length`).
    private func addToPart(
        _ bytes: RawSpan, _ level: Int, _ side: HTTPSide, _ entity: HTTPEntity, _ context: inout AnalyzerContext
    ) {
        guard level > 0 else { return addToFile(bytes, side, entity, &context) }
        bytes.append(to: &side.segment)
        guard side.segment.count >= HTTP.segmentBytes else { return }
        var segment: [UInt8] = []
        swap(&segment, &side.segment)
        let whole = segment.count &- segment.count % HTTP.segmentBytes
        addToFile(segment.octets.extracting(0..<whole), side, entity, &context)
        segment.removeFirst(whole)
        swap(&segment, &side.segment)
    }

    /// What is left of a part goes on.
    private func flushSegment(_ side: HTTPSide, _ entity: HTTPEntity, _ context: inout AnalyzerContext) {
        guard !side.segment.isEmpty else { return }
        var segment: [UInt8] = []
        swap(&segment, &side.segment)
        addToFile(segment.octets, side, entity, &context)
        segment.removeAll(keepingCapacity: true)
        swap(&segment, &side.segment)
    }

    private func addToFile(
        _ bytes: RawSpan, _ side: HTTPSide, _ entity: HTTPEntity, _ context: inout AnalyzerContext
    ) {
        guard bytes.byteCount > 0 else { return }
        if entity.file.isNone || entity.isOfURL && !context.isOpen(entity.file) { beginFile(side, entity, &context) }
        if entity.isPartial {
            decided(context.fileData(entity.file, bytes, at: entity.fileOffset), side)
            entity.fileOffset &+= UInt64(bytes.byteCount)
        } else {
            decided(context.fileData(entity.file, bytes), side)
        }
    }

    private func beginFile(_ side: HTTPSide, _ entity: HTTPEntity, _ context: inout AnalyzerContext) {
        let row = transaction(of: side, &context)
        let length = entity.isPartial ? entity.totalLength : entity.isCompressed ? -1 : entity.contentLength
        entity.isOfURL = row.asksForRange && !side.isOriginator
        let file = context.openFile(
            .http, from: side.direction, total: length > 0 ? UInt64(length) : nil,
            key: entity.isOfURL ? urlKey(row, context.id) : nil)
        entity.file = file.file
        guard file.isNew else { return }
        side.fileKey = row.key
        // The row may have begun anew since the header, with other texts.
        let end = Int(entity.fileName.offset) &+ Int(entity.fileName.count)
        let isThere = entity.fileNameKey == row.key && end <= row.record.text.bytes.count
        let name = isThere ? entity.fileName : .absent
        if !name.isAbsent { context.nameFile(file.file, Array(row.record.text[name]).octets) }
        guard let identity = context.fileID(file.file) else { return }
        if side.isOriginator {
            if !row.record.files.0.isFull { row.record.files.0.add(identity, name: name) }
        } else if !row.record.files.1.isFull {
            row.record.files.1.add(identity, name: name)
        }
    }

    /// Client and URL: ranges of one are one file, whatever connections they come over.
    private func urlKey(_ row: HTTPTransaction, _ id: ConnectionID) -> UInt64 {
        var key = FileKey(.http)
        key.add(id.originator)
        let text = row.record.text
        if row.record.host.isAbsent { key.add(id.responder) } else { key.add(text[row.record.host]) }
        key.add(UInt64(id.responderPort))
        key.add(text[row.record.uri])
        return key.value
    }

    func endFile(_ side: HTTPSide, _ entity: HTTPEntity, _ context: inout AnalyzerContext) {
        guard !entity.file.isNone else { return }
        decided(context.endFile(entity.file), side)
        entity.file = .none
    }

    private func gapInFile(
        _ count: Int64, _ side: HTTPSide, _ entity: HTTPEntity, _ context: inout AnalyzerContext
    ) {
        flushSegment(side, entity, &context)
        guard !entity.file.isNone else { return }
        if entity.isPartial {
            decided(context.fileGap(entity.file, UInt64(count), at: entity.fileOffset), side)
            entity.fileOffset &+= UInt64(count)
        } else {
            decided(context.fileGap(entity.file, UInt64(count)), side)
        }
    }

    /// Puts a type, once it is known, into the row where its file is listed.
    private func decided(_ type: MIMEType?, _ side: HTTPSide) {
        guard let type, let row = transactions.first(where: { $0.key == side.fileKey }) else { return }
        if side.isOriginator {
            if !row.record.files.0.isFullOfTypes { row.record.files.0.add(type: type.write(to: &row.record.text)) }
        } else if !row.record.files.1.isFullOfTypes {
            row.record.files.1.add(type: type.write(to: &row.record.text))
        }
    }
}

extension AnalyzerContext {
    /// Unpackers that wait for a body; a few serve a whole worker.
    static let inflatersMax = 64

    /// Bodies in Brotli that are unpacked at a time: each may take 16 megabytes.
    static let brotliMax = 16

    mutating func takeInflater() -> Inflater {
        let inflater = inflaters.popLast() ?? Inflater()
        inflater.begin()
        return inflater
    }

    /// The same for a coding; nil where too many bodies in Brotli are at work.
    mutating func takeInflater(isBrotli: Bool) -> Inflater? {
        guard isBrotli else { return takeInflater() }
        guard brotliCount < AnalyzerContext.brotliMax else {
            limits.met(.bodies)
            return nil
        }
        brotliCount &+= 1
        let inflater = inflaters.popLast() ?? Inflater()
        inflater.beginBrotli()
        return inflater
    }

    mutating func giveBack(_ inflater: Inflater) {
        if inflater.isBrotli { brotliCount &-= 1 }
        inflater.end()
        if inflaters.count < AnalyzerContext.inflatersMax { inflaters.append(inflater) }
    }
}
