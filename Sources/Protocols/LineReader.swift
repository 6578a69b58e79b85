// SPDX-License-Identifier: Apache-2.0
//
// Lines out of a stream, for protocols that are text.
//
// Reads   one direction's octets, in spans of any length.
// Writes  the place of each line: in the span itself, or gathered here where it spans several.
// Leaves  what a line means; octets that are not lines (`at` says where a caller stands).

import Wire

/// Cuts one direction into lines. A line inside one span is not copied; one that
/// spans several is gathered, up to `bytesMax` octets, and then given out in pieces.
///
///     var at = 0
///     while let line = reader.next(bytes, &at) {
///         if line.isCarried {
///             let whole = reader.take()
///             handle(whole.octets)
///             reader.giveBack(whole)
///         } else {
///             handle(bytes.extracting(line.range))
///         }
///     }
struct LineReader: ~Copyable {
    /// What ends a line.
    enum Ending {
        /// CR LF, LF, or CR alone.
        case either
        /// LF, and a CR before it goes with it.
        case feed
    }

    struct Line {
        /// The line is in the reader: `take` it.
        var isCarried: Bool
        /// Where it stands in the span, without its end.
        var range: Range<Int>
        /// False for a piece of a line that is longer than is kept.
        var isEnded: Bool
    }

    let ending: Ending
    let bytesMax: Int
    private var carry: [UInt8] = []
    /// A CR has ended the last line; an LF may follow.
    private var endedAtReturn = false
    /// A CR that no LF follows has ended a line, ever.
    private(set) var hasLoneReturn = false

    init(_ ending: Ending, bytesMax: Int = 65_536) {
        self.ending = ending
        self.bytesMax = bytesMax
    }

    /// Whether octets of an unfinished line are held.
    var isMidLine: Bool { !carry.isEmpty }

    /// The next line that ends in `bytes`, from `at` on; nil when the rest is held and `at` is at the end.
    mutating func next(_ bytes: RawSpan, _ at: inout Int) -> Line? {
        let end = bytes.byteCount
        skipFeed(bytes, &at)
        guard at < end else { return nil }
        let feed = bytes.firstIndex(of: 0x0A, from: at)
        var stop = feed
        if ending == .either, let mark = bytes.extracting(0..<(feed ?? end)).firstIndex(of: 0x0D, from: at) {
            stop = mark
        }
        let room = bytesMax &- carry.count
        let count = (stop ?? end) &- at
        if count > room { return piece(bytes, &at, room) }
        guard let stop else {
            bytes.extracting(at..<end).append(to: &carry)
            at = end
            return nil
        }
        let start = at
        at = stop &+ 1
        if bytes.octet(stop) == 0x0D {
            if at < end, bytes.octet(at) == 0x0A { at &+= 1 } else { endedAtReturn = true }
        }
        var to = stop
        if ending == .feed, stop > start, bytes.octet(stop &- 1) == 0x0D { to &-= 1 }
        guard !carry.isEmpty else { return Line(isCarried: false, range: start..<to, isEnded: true) }
        bytes.extracting(start..<to).append(to: &carry)
        if ending == .feed, stop == start, carry.last == 0x0D { carry.removeLast() }
        return Line(isCarried: true, range: 0..<0, isEnded: true)
    }

    /// Steps over the LF of a line that its CR has ended already. For callers that
    /// go on with octets which are not lines.
    mutating func skipFeed(_ bytes: RawSpan, _ at: inout Int) {
        guard endedAtReturn, at < bytes.byteCount else { return }
        endedAtReturn = false
        // Another CR ends an empty line, and says nothing of this one.
        switch bytes.octet(at) {
        case 0x0A: at &+= 1
        case 0x0D: break
        default: hasLoneReturn = true
        }
    }

    /// The stream ends: what is held is the last line. Nil where nothing is held.
    mutating func end() -> Line? {
        endedAtReturn = false
        return carry.isEmpty ? nil : Line(isCarried: true, range: 0..<0, isEnded: true)
    }

    /// The line that is held; give the array back, so that its memory is used again.
    mutating func take() -> [UInt8] {
        var whole: [UInt8] = []
        swap(&whole, &carry)
        return whole
    }

    mutating func giveBack(_ line: consuming [UInt8]) {
        guard carry.isEmpty, line.capacity <= LineReader.keptBytesMax else { return }
        line.removeAll(keepingCapacity: true)
        carry = line
    }

    /// Forgets what is held: octets are missing.
    mutating func reset() {
        if carry.capacity > LineReader.keptBytesMax { carry = [] }
        carry.removeAll(keepingCapacity: true)
        endedAtReturn = false
        hasLoneReturn = false
    }

    /// As much of an overlong line as there is room for.
    private mutating func piece(_ bytes: RawSpan, _ at: inout Int, _ room: Int) -> Line {
        let start = at
        at &+= room
        guard !carry.isEmpty else { return Line(isCarried: false, range: start..<at, isEnded: false) }
        bytes.extracting(start..<at).append(to: &carry)
        return Line(isCarried: true, range: 0..<0, isEnded: false)
    }

    /// Octets of a buffer that is kept for the next connection.
    private static let keptBytesMax = 8192
}

/// Lines and words of a text that is there as a whole.
enum TextLine {
    /// The next line without its end; the last may have none.
    static func next(_ bytes: RawSpan, _ at: inout Int) -> Range<Int>? {
        guard at < bytes.byteCount else { return nil }
        let start = at
        let feed = bytes.firstIndex(of: 0x0A, from: at) ?? bytes.byteCount
        at = feed &+ 1
        return start ..< (feed > start && bytes.octet(feed &- 1) == 0x0D ? feed &- 1 : feed)
    }

    /// The words of a line, parted by blanks.
    static func nextWord(_ line: RawSpan, _ at: inout Int) -> Range<Int>? {
        while at < line.byteCount, HTTPOctets.isBlank(line.octet(at)) { at &+= 1 }
        let start = at
        while at < line.byteCount, !HTTPOctets.isBlank(line.octet(at)) { at &+= 1 }
        return at > start ? start..<at : nil
    }
}
