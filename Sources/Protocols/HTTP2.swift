// SPDX-License-Identifier: Apache-2.0
//
// HTTP/2 (RFC 9113): with prior knowledge, after HTTP/1.1's upgrade, and inside of TLS
// that is decrypted.
//
// Reads   both directions of a connection from the client's preface on; where that was not seen, frames as far as they
//         are frames.
// Writes  one `HTTPRecord` per stream, path "http", version 2; files for bodies.
// Leaves  flow control and priorities, which change nothing of what is said; server push
//         beyond the request that it promises; of a connection that is joined in the middle, the fields that only
//         earlier ones would tell (`HTTP2_joined_midstream` says how many).
//
// This file cuts frames. HTTP2+Streams.swift has streams and their rows, HPACK.swift
// headers, HTTP2+Events.swift what EVE and the signatures see.

import Records
import Wire

/// The header of a frame.
///
///     length (24)   type (8)   flags (8)   R stream (31)
struct HTTP2Frame {
    enum Kind {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let priority: UInt8 = 2
        static let reset: UInt8 = 3
        static let settings: UInt8 = 4
        static let promise: UInt8 = 5
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let window: UInt8 = 8
        static let continuation: UInt8 = 9
    }

    static let headerBytes = 9

    let length: Int
    let type: UInt8
    let flags: UInt8
    let stream: UInt32

    init(_ octets: RawSpan) {
        length = Int(octets.load(0, as: UInt32.self) >> 8)
        type = octets.octet(3)
        flags = octets.octet(4)
        stream = octets.load(5, as: UInt32.self) & 0x7FFF_FFFF
    }

    var endsStream: Bool { flags & 0x01 != 0 }
    var endsHeaders: Bool { flags & 0x04 != 0 }
    var isPadded: Bool { flags & 0x08 != 0 }
    var hasPriority: Bool { flags & 0x20 != 0 }

    /// Whether this can be the head of a frame, looked at alone: its flags, its stream and its length are such as its
    /// type may have (RFC 9113 section 6), and it is no longer than an end allows that was not asked for more.
    var isPlausible: Bool {
        guard length <= 1 << 14, hasFittingLength else { return false }
        return switch type {
        case Kind.data: stream != 0 && flags & ~0x09 == 0
        case Kind.headers: stream != 0 && flags & ~0x2D == 0 && length > 0
        case Kind.priority: stream != 0 && flags == 0
        case Kind.reset: stream != 0 && flags == 0
        case Kind.settings: stream == 0 && length % 6 == 0 && (flags == 0 || flags == 1 && length == 0)
        case Kind.promise: stream != 0 && flags & ~0x0C == 0 && length > 4
        case Kind.ping: stream == 0 && length == 8 && flags & ~0x01 == 0
        case Kind.goAway: stream == 0 && flags == 0
        case Kind.window: flags == 0
        case Kind.continuation: stream != 0 && flags & ~0x04 == 0
        default: false
        }
    }

    /// Frames of a fixed form are as long as it (RFC 9113 section 6).
    var hasFittingLength: Bool {
        switch type {
        case Kind.priority: length == 5
        case Kind.reset, Kind.window: length == 4
        case Kind.goAway: length >= 8
        default: true
        }
    }
}

/// One direction: the frame at work, and the header block at work.
struct HTTP2Side {
    var isPrefaceSeen = false
    /// Joined in the middle of something that is no frame: nothing of this side is read.
    var isUnread = false
    /// A frame has begun.
    var hasBegun = false
    /// A frame's header, or a frame that is read whole, as far as it has come.
    var held: [UInt8] = []
    var frame: HTTP2Frame?
    /// Octets of the frame still to come.
    var left = 0
    /// Of a DATA frame: octets of padding at its end; nil while that is not known.
    var padding: Int?
    var hpack = HPACK()
    /// A header block that CONTINUATION goes on with.
    var block: [UInt8] = []
    var blockFrame: HTTP2Frame?
    /// The stream that the block is of, where a PUSH_PROMISE names another one.
    var promised: UInt32?
    /// CONTINUATION frames of the block.
    var continuations = 0
}

final class HTTP2: Analyzer {
    static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    /// Octets of one header block. Nobody's limit on headers is near it.
    static let blockBytesMax = 1 << 16
    /// CONTINUATION frames of one header block: many small ones are an attack (CVE-2024-27316).
    static let continuationsMax = 64
    /// Octets of content in one frame that are uncommon: nobody needs them, and a peer allows them only on demand.
    private static let longDataBytes = 65_536
    /// Octets of a frame that is read whole.
    static let wholeBytesMax = 1 << 14
    /// Streams that are open at once; the oldest is written when there are more.
    static let streamsMax = 1024

    var sides: [2 of HTTP2Side] = [HTTP2Side(), HTTP2Side()]
    var streams: [HTTP2Stream] = []
    var idleStreams: [HTTP2Stream] = []
    var depth: UInt64 = 0
    /// Nothing more is read.
    private(set) var isOver = false
    /// The stream whose transaction was shown last.
    var lastShown: HTTP2Stream?
    /// The client's preface was seen, from which on both tables of HPACK are known.
    private var hasPreface = false
    /// The beginning was not seen, and frames are read as far as they are frames.
    private(set) var isJoinedLate = false
    /// The connection was one of HTTP/1.1, and its first request is stream 1.
    var isAdopted = false
    /// Octets of content whose streams were not seen to begin.
    var strayBytes: UInt64 = 0
    /// A weight that came with the headers of a stream that is not open yet.
    var pendingPriority: UInt64?

    init() { super.init(kind: .http2) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        if context.isPartial, !hasPreface, !isAdopted { join(bytes, from: direction) }
        var at = 0
        while at < bytes.byteCount, !isOver, !sides[side].isUnread {
            let rest = bytes.extracting(at..<bytes.byteCount)
            if sides[side].frame == nil {
                at &+= header(rest, from: direction, &context)
            } else if sides[side].frame?.type == HTTP2Frame.Kind.data {
                at &+= data(rest, from: direction, &context)
            } else {
                at &+= whole(rest, from: direction, &context)
            }
        }
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        // The tables of HPACK are lost with one frame.
        isOver = true
    }

    /// Octets of a connection whose beginning was not seen. The client's preface may be among what is missing: no
    /// frame is so long that it would begin with that letter.
    private func join(_ bytes: RawSpan, from direction: Direction) {
        isJoinedLate = true
        guard direction == .originator, !sides[0].isPrefaceSeen, sides[0].held.isEmpty, bytes.byteCount > 0,
            bytes.octet(0) != 0x50
        else { return }
        sides[0].isPrefaceSeen = true
    }

    // MARK: frames

    /// Takes octets of the preface or of a frame's header; returns how many.
    private func header(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Int {
        let side = Int(direction.rawValue)
        let isPreface = direction == .originator && !sides[side].isPrefaceSeen
        let wanted = isPreface ? HTTP2.preface.utf8CodeUnitCount : HTTP2Frame.headerBytes
        let count = min(wanted &- sides[side].held.count, bytes.byteCount)
        bytes.extracting(0..<count).append(to: &sides[side].held)
        guard sides[side].held.count == wanted else { return count }
        let held = sides[side].held
        sides[side].held.removeAll(keepingCapacity: true)
        guard !isPreface else {
            guard held.octets.begins(with: HTTP2.preface) else {
                context.lostMessage(.http2, "http2.invalid_client_magic", from: direction)
                fail(&context)
                return count
            }
            sides[side].isPrefaceSeen = true
            (hasPreface, isJoinedLate) = (true, false)
            return count
        }
        begin(HTTP2Frame(held.octets), from: direction, &context)
        return count
    }

    private func begin(_ frame: HTTP2Frame, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        guard !isJoinedLate || admits(frame, from: direction, &context) else { return }
        // RFC 9113 section 6.10: nothing may come between the frames of a header block.
        let isContinued = sides[side].blockFrame != nil
        let isOrphan = isJoinedLate && !isContinued
        guard isContinued == (frame.type == HTTP2Frame.Kind.continuation) || isOrphan,
            !isContinued || frame.stream == sides[side].blockFrame?.stream
        else { return fail(&context) }
        // The server begins with its settings, and so does the client behind the preface.
        guard isConfirmed || isJoinedLate || frame.type == HTTP2Frame.Kind.settings && frame.length % 6 == 0 else {
            return fail(&context)
        }
        if frame.type == HTTP2Frame.Kind.settings, !isJoinedLate { confirm(&context) }
        showFrame(frame, from: direction, &context)
        if frame.type == HTTP2Frame.Kind.data, frame.length >= HTTP2.longDataBytes {
            showAnomaly("http2.long_frame_data", stream: frame.stream, from: direction, &context)
        }
        sides[side].frame = frame
        sides[side].left = frame.length
        sides[side].padding = frame.isPadded ? nil : 0
        if frame.length == 0 { frameEnd(from: direction, &context) }
    }

    /// Whether a frame of a connection that was joined in the middle can be one. A side that begins with something else
    /// was joined inside of a frame, and is not read; where frames end to be frames, none are read any more.
    private func admits(
        _ frame: HTTP2Frame, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Bool {
        let side = Int(direction.rawValue)
        guard frame.isPlausible else {
            if sides[side].hasBegun { fail(&context) } else { sides[side].isUnread = true }
            return false
        }
        if sides[0].hasBegun || sides[1].hasBegun { confirm(&context) }
        sides[side].hasBegun = true
        return true
    }

    /// Octets of a DATA frame, which is never gathered.
    private func data(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Int {
        let side = Int(direction.rawValue)
        guard let frame = sides[side].frame else { return bytes.byteCount }
        var at = 0
        if sides[side].padding == nil {
            let padding = Int(bytes.octet(0))
            guard padding < frame.length else {
                fail(&context)
                return bytes.byteCount
            }
            sides[side].padding = padding
            sides[side].left &-= 1
            at = 1
        }
        let count = min(sides[side].left, bytes.byteCount &- at)
        let useful = min(count, max(0, sides[side].left &- (sides[side].padding ?? 0)))
        if useful > 0 { body(bytes.extracting(at ..< at &+ useful), frame, from: direction, &context) }
        sides[side].left &-= count
        if sides[side].left == 0 { frameEnd(from: direction, &context) }
        return at &+ count
    }

    /// Octets of a frame that is read whole, or passed over where it is longer than any of use.
    private func whole(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Int {
        let side = Int(direction.rawValue)
        guard let frame = sides[side].frame else { return bytes.byteCount }
        let count = min(sides[side].left, bytes.byteCount)
        let isOfBlock = [HTTP2Frame.Kind.headers, HTTP2Frame.Kind.promise, HTTP2Frame.Kind.continuation]
            .contains(frame.type)
        let limit = isOfBlock ? HTTP2.blockBytesMax : HTTP2.wholeBytesMax
        if frame.length <= limit {
            bytes.extracting(0..<count).append(to: &sides[side].held)
        } else if isOfBlock {
            showAnomaly("http2.long_frame_data", stream: frame.stream, from: direction, &context)
            fail(&context)
            return bytes.byteCount
        }
        sides[side].left &-= count
        if sides[side].left == 0 { frameEnd(from: direction, &context) }
        return count
    }

    private func frameEnd(from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        guard let frame = sides[side].frame else { return }
        sides[side].frame = nil
        // Out of the side while it is read.
        var held: [UInt8] = []
        swap(&held, &sides[side].held)
        defer {
            held.removeAll(keepingCapacity: held.capacity <= TLS.keptBytesMax)
            swap(&held, &sides[side].held)
        }
        let payload = held.octets
        guard payload.byteCount == frame.length || frame.type == HTTP2Frame.Kind.data else { return }
        if !frame.hasFittingLength {
            showAnomaly("http2.invalid_frame_length", stream: frame.stream, from: direction, &context)
        }
        switch frame.type {
        case HTTP2Frame.Kind.data: if frame.endsStream { endStream(frame.stream, from: direction, &context) }
        case HTTP2Frame.Kind.headers, HTTP2Frame.Kind.promise: beginBlock(payload, frame, from: direction, &context)
        case HTTP2Frame.Kind.continuation where sides[side].blockFrame != nil:
            goOn(payload, frame, from: direction, &context)
        case HTTP2Frame.Kind.reset: reset(payload, frame, from: direction, &context)
        case HTTP2Frame.Kind.settings: settings(payload, frame, from: direction, &context)
        case HTTP2Frame.Kind.goAway: goAway(payload, from: direction, &context)
        case HTTP2Frame.Kind.window: window(payload, frame, from: direction, &context)
        case HTTP2Frame.Kind.priority: priority(payload, frame, from: direction, &context)
        default: break
        }
    }

    // MARK: header blocks

    /// HEADERS and PUSH_PROMISE: padding, priority and the promised stream go before the block.
    private func beginBlock(
        _ payload: RawSpan, _ frame: HTTP2Frame, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        let side = Int(direction.rawValue)
        var input = Cursor(payload)
        do throws(WireError) {
            let padding = frame.isPadded ? Int(try input.read(UInt8.self)) : 0
            sides[side].promised = nil
            if frame.type == HTTP2Frame.Kind.promise {
                sides[side].promised = try input.read(UInt32.self) & 0x7FFF_FFFF
            } else if frame.hasPriority {
                try input.skip(4)
                showPriority(UInt64(try input.read(UInt8.self)), frame, from: direction, &context)
            }
            guard padding <= input.remaining else { throw .malformed(at: 0) }
            let block = try input.take(input.remaining &- padding)
            block.append(to: &sides[side].block)
        } catch {
            showAnomaly("http2.invalid_frame_data", stream: frame.stream, from: direction, &context)
            return fail(&context)
        }
        sides[side].continuations = 0
        sides[side].blockFrame = frame
        if frame.endsHeaders { endBlock(from: direction, &context) }
    }

    private func goOn(
        _ payload: RawSpan, _ frame: HTTP2Frame, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        let side = Int(direction.rawValue)
        sides[side].continuations &+= 1
        guard sides[side].block.count &+ payload.byteCount <= HTTP2.blockBytesMax,
            sides[side].continuations <= HTTP2.continuationsMax
        else {
            showAnomaly("http2.reassembly_limit_reached", stream: frame.stream, from: direction, &context)
            return fail(&context)
        }
        payload.append(to: &sides[side].block)
        if frame.endsHeaders { endBlock(from: direction, &context) }
    }

    private func endBlock(from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        guard let frame = sides[side].blockFrame else { return }
        sides[side].blockFrame = nil
        var block: [UInt8] = []
        swap(&block, &sides[side].block)
        var hpack = HPACK()
        swap(&hpack, &sides[side].hpack)
        hpack.isJoinedLate = isJoinedLate
        do throws(WireError) {
            try hpack.decode(block.octets)
            let stream = sides[side].promised ?? frame.stream
            if hpack.isExcessive {
                showAnomaly("http2.compression_bomb", stream: stream, from: direction, &context)
            }
            headers(hpack, frame, stream, from: direction, &context)
        } catch {
            // The block ends too early, or names what no table has.
            let isCut = if case .truncated = error { true } else { false }
            showAnomaly(
                isCut ? "http2.invalid_frame_data" : "http2.invalid_header", stream: frame.stream, from: direction,
                &context)
            fail(&context)
        }
        swap(&hpack, &sides[side].hpack)
        block.removeAll(keepingCapacity: block.capacity <= TLS.keptBytesMax)
        swap(&block, &sides[side].block)
    }

    // MARK: the end

    func fail(_ context: inout AnalyzerContext) {
        isOver = true
        violation(&context)
        // Nobody takes a service back of which the beginning was not seen; what was read stands.
        if isJoinedLate { isDetached = true }
    }

    override func finish(_ context: inout AnalyzerContext) {
        while let first = streams.first { write(first, &context) }
        guard isJoinedLate, isConfirmed else { return }
        var text = TextBuffer()
        text.append("fields=")
        text.append(decimal: sides[0].hpack.unknownCount &+ sides[1].hpack.unknownCount)
        text.append(" octets=")
        text.append(decimal: strayBytes)
        context.weird(.HTTP2_joined_midstream, addl: text.bytes.octets, source: "HTTP")
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) {
        guard let stream = streams.first(where: { $0.transaction == tx }) ?? lastShown else { return }
        writeMembers(stream, to: &event)
    }

    override func reset() {
        super.reset()
        for side in 0..<2 {
            sides[side].hpack.reset()
            let hpack = sides[side].hpack
            sides[side] = HTTP2Side()
            sides[side].hpack = hpack
        }
        for stream in streams { keep(stream) }
        streams.removeAll(keepingCapacity: true)
        (lastShown, pendingPriority) = (nil, nil)
        (depth, strayBytes) = (0, 0)
        (isOver, hasPreface, isJoinedLate) = (false, false, false)
    }
}

/// The client's preface (RFC 9113 section 3.4).
enum HTTP2Probe {
    static func preface(_ bytes: RawSpan) -> ProbeVerdict { bytes.beginning(with: HTTP2.preface, at: 0) }

    /// A whole frame and the head of the next one, not both of content, for connections of which the preface was not
    /// seen. On others the analyzer wants the preface all the same.
    static func frames(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount >= HTTP2Frame.headerBytes else {
            return bytes.byteCount > 0 && bytes.octet(0) != 0 ? .never : .needsMore
        }
        let first = HTTP2Frame(bytes)
        guard first.isPlausible else { return .never }
        let next = HTTP2Frame.headerBytes &+ first.length
        guard bytes.byteCount >= next &+ HTTP2Frame.headerBytes else { return .needsMore }
        let second = HTTP2Frame(bytes.extracting(next..<bytes.byteCount))
        let isContent = first.type == HTTP2Frame.Kind.data && second.type == HTTP2Frame.Kind.data
        return second.isPlausible && !isContent ? .matches : .never
    }
}
