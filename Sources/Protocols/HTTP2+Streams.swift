// SPDX-License-Identifier: Apache-2.0
//
// Streams of HTTP/2: each carries one request and its response (RFC 9113 section 8).
//
// Reads   decoded headers, octets of bodies, the ends of streams.
// Writes  a row for each stream, files for bodies.
// Leaves  frames (HTTP2.swift).

import Files
import Records
import Wire

/// One request and its response.
final class HTTP2Stream {
    struct Side {
        /// Its headers were read; more of them are a trailer.
        var hasHeaders = false
        var isEnded = false
        var isCompressed = false
        var contentLength: UInt64?
        var fileName = Text.absent
        var file = FileHandle.none
        var inflater: Inflater?
        /// Fields and sizes of the table, where somebody wants to see them; texts are in the record's.
        var fields: [HPACKField] = []
        var sizeUpdates: [UInt64] = []
        var priority: UInt64?
        var errorCode: UInt32?
    }

    var id: UInt32 = 0
    var record = HTTPRecord()
    var sides: [2 of Side] = [Side(), Side()]
    var transaction: UInt64 = 0

    func clear() {
        record.clear()
        sides = [Side(), Side()]
        transaction = 0
    }
}

extension HTTP2 {
    /// The request of stream 1 was one of HTTP/1.1 (RFC 7540 section 3.2).
    /// `fields` are the headers of that request, where somebody wants to see them.
    func adopt(_ http: HTTPRecord, _ fields: [HTTP2NamedValue], _ context: inout AnalyzerContext) {
        // The requests before were numbered by another reader.
        context.transactions.nextTransaction = max(context.transactions.nextTransaction, context.transactions.begun)
        guard let stream = open(1, &context) else { return }
        let text = http.text
        stream.record.method = stream.record.text.add(http.method, of: text)
        stream.record.host = stream.record.text.add(http.host, of: text)
        stream.record.uri = stream.record.text.add(http.uri, of: text)
        stream.record.userAgent = stream.record.text.add(http.userAgent, of: text)
        stream.record.referrer = stream.record.text.add(http.referrer, of: text)
        stream.sides[0].hasHeaders = true
        stream.sides[0].isEnded = true
        isAdopted = true
        confirm(&context)
        adoptFields(stream, fields, &context)
    }

    private func find(_ id: UInt32) -> HTTP2Stream? { streams.last { $0.id == id } }

    /// A new stream. Where too many are open the oldest ends.
    private func open(_ id: UInt32, _ context: inout AnalyzerContext) -> HTTP2Stream? {
        if streams.count >= HTTP2.streamsMax, let oldest = streams.first {
            showAnomaly("http2.too_many_streams", stream: id, from: .originator, &context)
            context.limits.met(.requests)
            write(oldest, &context)
        }
        let stream = idleStreams.popLast() ?? HTTP2Stream()
        depth &+= 1
        stream.id = id
        stream.record.ts = context.now
        stream.record.uid = context.uid
        stream.record.id = context.id
        stream.record.depth = depth
        let start = stream.record.text.begin()
        stream.record.text.append("2")
        stream.record.version = stream.record.text.end(start)
        stream.transaction = context.beginTransaction(.http2)
        streams.append(stream)
        return stream
    }

    /// A whole header block was decoded.
    func headers(
        _ hpack: borrowing HPACK, _ frame: HTTP2Frame, _ id: UInt32, from direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        guard id != 0 else { return fail(&context) }
        // What a server promises is the request that it answers itself.
        let isPromise = frame.type == HTTP2Frame.Kind.promise
        let sender = isPromise ? Direction.originator : direction
        guard let stream = find(id) ?? open(id, &context) else { return }
        let side = Int(sender.rawValue)
        let isTrailer = stream.sides[side].hasHeaders
        keepFields(hpack, stream, side, context)
        if !isTrailer {
            stream.sides[side].hasHeaders = true
            for field in hpack.fields { take(field, hpack.text, stream, sender, &context) }
            if sender == .responder, let status = stream.record.statusCode, 100..<200 ~= status {
                // The response is still to come.
                stream.record.infoCode = status
                stream.sides[side].hasHeaders = false
            }
        }
        showHeaders(stream, hpack, from: sender, &context)
        if isPromise {
            stream.sides[0].isEnded = true
        } else if frame.endsStream {
            endStream(id, from: direction, &context)
        }
    }

    /// One field: a column, or what tells of the body.
    private func take(
        _ field: HPACKField, _ text: borrowing TextBuffer, _ stream: HTTP2Stream, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        let all = text.bytes.octets
        let name = all.extracting(Int(field.name.offset) ..< Int(field.name.offset &+ field.name.count))
        let value = all.extracting(Int(field.value.offset) ..< Int(field.value.offset &+ field.value.count))
        if direction == .originator {
            request(name, value, stream, &context)
        } else if name.isText(":status") {
            stream.record.statusCode = HTTP2.number(value)
        }
        body(name, value, stream, Int(direction.rawValue), &context)
    }

    private func request(
        _ name: RawSpan, _ value: RawSpan, _ stream: HTTP2Stream, _ context: inout AnalyzerContext
    ) {
        if name.isText(":method") {
            stream.record.method = stream.record.text.add(value)
            if !HTTPMethods.isKnown(value) { context.weird(.unknown_HTTP_method, addl: value, source: "") }
        } else if name.isText(":path") {
            stream.record.uri = HTTP.unescape(value, to: &stream.record.text, &context, reports: true)
        } else if name.isText(":authority") || name.isText("host") && stream.record.host.isAbsent {
            stream.record.host = stream.record.text.add(value)
        } else if name.isText("user-agent") {
            stream.record.userAgent = stream.record.text.add(value)
        } else if name.isText("referer") {
            stream.record.referrer = stream.record.text.add(value)
        } else if name.isText("origin") {
            stream.record.origin = stream.record.text.add(value)
        }
    }

    /// Fields of either side that say how its body is to be read.
    private func body(
        _ name: RawSpan, _ value: RawSpan, _ stream: HTTP2Stream, _ side: Int, _ context: inout AnalyzerContext
    ) {
        if name.isText("content-length") {
            stream.sides[side].contentLength = HTTP2.number(value)
        } else if name.isText("content-encoding") {
            stream.sides[side].isCompressed =
                value.isText("gzip") || value.isText("x-gzip") || value.isText("deflate")
        } else if name.isText("content-disposition") {
            let found = MIMEFileHeader.contentDisposition.fileName(value, to: &stream.record.text, &context)
            if !found.isAbsent { stream.sides[side].fileName = found }
        }
    }

    /// A number of at most 19 digits; nil for anything else.
    static func number(_ digits: RawSpan) -> UInt64? {
        guard digits.byteCount > 0, digits.byteCount < 20 else { return nil }
        var value: UInt64 = 0
        for place in 0..<digits.byteCount {
            let digit = digits.octet(place)
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value &* 10 &+ UInt64(digit &- 0x30)
        }
        return value
    }

    // MARK: bodies

    /// Octets of a DATA frame.
    func body(_ bytes: RawSpan, _ frame: HTTP2Frame, from direction: Direction, _ context: inout AnalyzerContext) {
        guard let stream = find(frame.stream) else {
            if frame.stream == 0 {
                showAnomaly("http2.data_stream_zero", stream: 0, from: direction, &context)
            }
            if isJoinedLate { strayBytes &+= UInt64(bytes.byteCount) }
            return
        }
        let side = Int(direction.rawValue)
        // What comes behind the end belongs to nothing (RFC 9113 section 5.1).
        guard !stream.sides[side].isEnded else { return }
        guard stream.sides[side].isCompressed else { return plain(bytes, stream, side, direction, &context) }
        if stream.sides[side].inflater == nil { stream.sides[side].inflater = context.takeInflater() }
        guard let inflater = stream.sides[side].inflater, !inflater.isOver else { return }
        var offset = 0
        var isMore = true
        while isMore {
            isMore = inflater.step(bytes, &offset)
            guard inflater.count > 0 else { continue }
            let output = inflater.output
            plain(output.octets.extracting(0..<inflater.count), stream, side, direction, &context)
        }
        guard inflater.hasFailed else { return }
        context.weird(.inflate_failed, source: "ZIP")
        showAnomaly("http2.failed_decompression", stream: stream.id, from: direction, &context)
    }

    private func plain(
        _ bytes: RawSpan, _ stream: HTTP2Stream, _ side: Int, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        if side == 0 {
            stream.record.requestBodyBytes &+= UInt64(bytes.byteCount)
        } else {
            stream.record.responseBodyBytes &+= UInt64(bytes.byteCount)
        }
        context.enterTransaction(stream.transaction, from: direction)
        let body: SignatureBuffer = side == 0 ? .httpRequestBody : .httpResponseBody
        context.exposeBody(body, bytes, tx: stream.transaction, from: direction)
        if stream.sides[side].file.isNone { beginFile(stream, side, direction, &context) }
        note(context.fileData(stream.sides[side].file, bytes), stream, side)
    }

    private func beginFile(
        _ stream: HTTP2Stream, _ side: Int, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        let total = stream.sides[side].isCompressed ? nil : stream.sides[side].contentLength
        let file = context.beginFile(.http, from: direction, total: total)
        stream.sides[side].file = file
        let name = stream.sides[side].fileName
        if !name.isAbsent { context.nameFile(file, Array(stream.record.text[name]).octets) }
        guard let identity = context.fileID(file) else { return }
        if side == 0 {
            stream.record.files.0.add(identity, name: name)
        } else {
            stream.record.files.1.add(identity, name: name)
        }
    }

    /// The type of a side's file was decided.
    private func note(_ type: MIMEType?, _ stream: HTTP2Stream, _ side: Int) {
        guard let type else { return }
        let text = type.write(to: &stream.record.text)
        if side == 0 { stream.record.files.0.add(type: text) } else { stream.record.files.1.add(type: text) }
    }

    // MARK: ends

    /// One side of a stream is complete.
    func endStream(_ id: UInt32, from direction: Direction, _ context: inout AnalyzerContext) {
        guard let stream = find(id) else { return }
        let side = Int(direction.rawValue)
        guard !stream.sides[side].isEnded else { return }
        endBody(stream, side, direction, &context)
        stream.sides[side].isEnded = true
        context.transactionDone(tx: stream.transaction, from: direction)
        if stream.sides[0].isEnded, stream.sides[1].isEnded { write(stream, &context) }
    }

    private func endBody(
        _ stream: HTTP2Stream, _ side: Int, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        if !stream.sides[side].file.isNone {
            context.enterTransaction(stream.transaction, from: direction)
            note(context.endFile(stream.sides[side].file), stream, side)
            stream.sides[side].file = .none
        }
        if let inflater = stream.sides[side].inflater { context.giveBack(inflater) }
        stream.sides[side].inflater = nil
    }

    /// Writes a stream's row; it is gone then.
    func write(_ stream: HTTP2Stream, _ context: inout AnalyzerContext) {
        for side in 0..<2 {
            let direction = side == 0 ? Direction.originator : .responder
            endBody(stream, side, direction, &context)
            if !stream.sides[side].isEnded { context.transactionDone(tx: stream.transaction, from: direction) }
        }
        writeEvent(stream, &context)
        context.output.emit(stream.record)
        streams.removeAll { $0 === stream }
        if let previous = lastShown { keep(previous) }
        lastShown = stream
    }

    /// Keeps a few streams for the requests to come, if they are not too large.
    func keep(_ stream: HTTP2Stream) {
        guard idleStreams.count < 4, stream.record.text.bytes.capacity <= TLS.keptBytesMax else { return }
        stream.clear()
        idleStreams.append(stream)
    }
}
