// SPDX-License-Identifier: Apache-2.0
//
// What the rules have seen of one connection.
//
// Reads   nothing.
// Writes  nothing: the engine keeps it, by the slot of the flow table.
// Leaves  connections themselves (module Flows).

import Records

/// One direction of a TCP stream, as far as it waits for inspection.
final class SignatureStream {
    /// Octets that were inspected and may begin a match, then those that were not.
    var window: [UInt8] = []
    var inspectedCount = 0
    /// Where `window[0]` stands in the stream.
    var offset: UInt64 = 0
    /// A message is complete, or the stream ends: what is there is inspected now.
    var isDue = false
    /// What is there was inspected with the packet at work.
    var isInspected = false
    /// The limit of the stream is reached: nothing more is taken.
    var isOver = false
    /// Candidates of the last inspection that needed more.
    var waiting: [UInt32] = []
    /// Rules whose pattern ends in what was not inspected.
    private(set) var found: [UInt32] = []
    private var foundMax = SignatureStream.foundStart
    /// Rules of transactions whose pattern stands in the window, and where in the stream it ends last.
    private(set) var near: [(rule: UInt32, end: UInt64)] = []
    private static let foundStart = 512

    var newCount: Int { window.count &- inspectedCount }

    /// Takes hits; `start` is where in the stream their octets begin.
    func take(_ hits: [SegmentHits.Hit], at start: UInt64) {
        for hit in hits {
            if hit.uses.contains(.stream) { found.append(hit.rule) }
            guard hit.uses.contains(.transaction) else { continue }
            let end = start &+ UInt64(hit.end)
            if let known = near.firstIndex(where: { $0.rule == hit.rule }) {
                near[known].end = max(near[known].end, end)
            } else {
                near.append((hit.rule, end))
            }
        }
        guard found.count > foundMax else { return }
        // Many small segments with the same patterns.
        found = Array(Set(found))
        foundMax = 2 * max(found.count, SignatureStream.foundStart)
    }

    /// What was found is with the candidates of an inspection.
    func takeFound() { if !found.isEmpty { found.removeAll(keepingCapacity: true) } }

    /// Other rules are in force.
    func forgetFound() {
        found.removeAll()
        near.removeAll()
    }

    /// Octets were lost: what comes has nothing to do with what was.
    func cut(_ count: Int) {
        offset &+= UInt64(window.count) &+ UInt64(count)
        window.removeAll(keepingCapacity: true)
        inspectedCount = 0
        waiting.removeAll(keepingCapacity: true)
        found.removeAll(keepingCapacity: true)
        near.removeAll(keepingCapacity: true)
    }

    /// Moves on after an inspection; the end stays, since a match may begin in it.
    func slide() {
        guard isInspected else { return }
        isInspected = false
        let kept = min(window.count, SignatureEngine.overlapBytes)
        offset &+= UInt64(window.count &- kept)
        window.removeFirst(window.count &- kept)
        inspectedCount = kept
        if !near.isEmpty { near.removeAll { $0.end <= offset } }
    }

    func reset() {
        window.removeAll(keepingCapacity: window.capacity <= 16_384)
        inspectedCount = 0
        offset = 0
        (isDue, isInspected, isOver) = (false, false, false)
        if !waiting.isEmpty { waiting.removeAll(keepingCapacity: true) }
        found.removeAll(keepingCapacity: found.capacity <= 2 &* SignatureStream.foundStart)
        foundMax = SignatureStream.foundStart
        near.removeAll(keepingCapacity: true)
    }
}

/// What was found in one segment besides the packet's own candidates. The packet is looked through before its octets
/// are the stream's; when they become so, as they mostly do, nothing need be looked for again.
struct SegmentHits {
    struct Hit: BitwiseCopyable {
        var rule: UInt32
        var uses: PatternUses
        /// Behind the last octet of the pattern, from the start of the segment.
        var end: UInt32
    }

    var hits: [Hit] = []
    /// Octets that were looked through, nil for none; and their direction.
    var count: Int?
    var isToServer = true

    mutating func clear() {
        if !hits.isEmpty { hits.removeAll(keepingCapacity: true) }
        count = nil
    }
}

/// How far the handshake of TCP has come.
enum HandshakeState: UInt8 {
    case none, synSent, synAnswered, established
    /// Picked up in the middle, and that is not asked for.
    case unknown
}

/// Events of the detection of protocols (`app-layer-event:applayer_…`) that are evaluated.
enum DetectionEvent: String, CaseIterable {
    /// The server has spoken first, in a protocol whose client does.
    case wrongDirection = "applayer_wrong_direction_first_data"

    static func knows(_ name: some Sequence<UInt8>) -> Bool {
        allCases.contains { $0.rawValue.utf8.elementsEqual(name) }
    }
}

/// Directions of a flow, a bit each.
struct FlowSides: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    static let toServer = FlowSides(rawValue: 1)
    static let toClient = FlowSides(rawValue: 2)
    static let both: FlowSides = [.toServer, .toClient]

    init(rawValue: UInt8) { self.rawValue = rawValue }
    init(toServer isToServer: Bool) { self = isToServer ? .toServer : .toClient }
    init(_ direction: Direction) { self.init(toServer: direction == .originator) }
}

/// One connection. Reused for another after `reset`.
final class SignatureFlow {
    struct Flags: OptionSet {
        let rawValue: UInt16
        static let sawToServer = Flags(rawValue: 1)
        static let sawToClient = Flags(rawValue: 2)
        static let addressesToServer = Flags(rawValue: 4)
        static let addressesToClient = Flags(rawValue: 8)
        static let protocolToServer = Flags(rawValue: 16)
        static let protocolToClient = Flags(rawValue: 32)
        /// A `pass` or `drop` rule has taken the whole flow out.
        static let isPassed = Flags(rawValue: 64)
        static let isClosed = Flags(rawValue: 128)
        static let hasAlert = Flags(rawValue: 256)
        /// The next packet of the direction runs rules that look at the protocol alone.
        static let isReset = Flags(rawValue: 512)
        /// Both sides encrypt what they send.
        static let isEncrypted = Flags(rawValue: 1024)
    }

    var start = Timestamp.zero
    /// Its two addresses, and the numbers of the ways between them (`AddressZones`).
    var ends = (originator: Address(v4: 0), responder: Address(v4: 0))
    private var pairs: (toServer: Int, toClient: Int) = (0, 0)
    var isTCP = false
    var flags: Flags = []
    var handshake = HandshakeState.none
    var packets: (toServer: UInt32, toClient: UInt32) = (0, 0)
    var octets: (toServer: UInt64, toClient: UInt64) = (0, 0)
    /// The protocol as the rules know it, and what it was before an upgrade.
    var application = AppProtocol.unknown
    var original = AppProtocol.unknown
    /// TCP: what analyzers said of data that its receiver has not acknowledged yet.
    var coming = AppProtocol.unknown
    /// Directions whose data has told the protocol.
    var decided: FlowSides = []
    /// TCP: directions with data that analyzers have read and its receiver has not acknowledged, and where
    /// the first such data of each ends. Rules see of a transaction what has been acknowledged.
    var unacknowledged: FlowSides = []
    var firstEnds: (toServer: UInt32, toClient: UInt32) = (0, 0)
    /// Who sent data first; what the detection of the protocol has shown, for the packet that decides it.
    var firstData: FlowSides = []
    var detectionEvent: DetectionEvent?
    /// Names that are set; few, so they are looked through.
    var bits: [UInt16] = []
    var integers: [(name: UInt16, value: UInt32)] = []
    /// What expressions have captured for the flow.
    var variables: [CapturedVariable] = []
    let toServer = SignatureStream()
    let toClient = SignatureStream()
    var transactions: [SignatureTransaction] = []
    /// Directions of which some transaction has something that was not inspected.
    var changed: FlowSides = []
    /// The session's segments, where a rule asks for `stream-event`; and a gap since the last packet.
    var watch = StreamWatch()
    var hasNewGap = false
    /// Directions that are longer than what rules see of them.
    var beyondDepth: FlowSides = []
    /// What `tag` has set on the session.
    var tags = PacketTags()
    /// Thresholds by flow: rule, count, start.
    var limits: [FlowLimit] = []
    /// Sequence number of the first octet each way, for `stream_size`.
    var firstSequence: (toServer: UInt32, toClient: UInt32) = (0, 0)
    var streamOctets: (toServer: UInt64, toClient: UInt64) = (0, 0)

    struct FlowLimit {
        var rule: UInt32
        var counter = LimitCounter()
    }

    func stream(toServer isToServer: Bool) -> SignatureStream { isToServer ? toServer : toClient }

    /// Shows the stream of a direction, without counting a reference to it.
    @inline(__always)
    func withStream(toServer isToServer: Bool, _ body: (SignatureStream) -> Void) {
        if isToServer { body(toServer) } else { body(toClient) }
    }

    /// The number of the way that packets of a direction go.
    func pair(toServer isToServer: Bool) -> Int { isToServer ? pairs.toServer : pairs.toClient }

    /// Whether these are the addresses of a direction.
    func goes(from source: Address, to target: Address, toServer isToServer: Bool) -> Bool {
        isToServer
            ? source == ends.originator && target == ends.responder
            : source == ends.responder && target == ends.originator
    }

    /// The rules that are in force make these zones of addresses.
    func findZones(_ zones: AddressZones) {
        pairs = (
            zones.pair(from: ends.originator, to: ends.responder), zones.pair(from: ends.responder, to: ends.originator)
        )
    }

    /// A stream of it is inspected: its beginning was seen, or that does not matter.
    var isFollowed: Bool { !isTCP || handshake != .unknown && handshake != .none }

    var isEstablished: Bool {
        if isTCP { return handshake == .established }
        return flags.contains(.sawToServer) && flags.contains(.sawToClient)
    }

    func reset() {
        start = .zero
        flags = []
        handshake = .none
        (packets, octets) = ((0, 0), (0, 0))
        (application, original, coming) = (.unknown, .unknown, .unknown)
        (decided, unacknowledged, firstData, detectionEvent, changed) = ([], [], [], nil, [])
        if !bits.isEmpty { bits.removeAll(keepingCapacity: true) }
        if !integers.isEmpty { integers.removeAll(keepingCapacity: true) }
        if !variables.isEmpty { variables.removeAll(keepingCapacity: true) }
        if isTCP {
            toServer.reset()
            toClient.reset()
        }
        isTCP = false
        if !transactions.isEmpty { transactions.removeAll(keepingCapacity: true) }
        if !limits.isEmpty { limits.removeAll(keepingCapacity: true) }
        if !tags.isEmpty { tags.removeAll() }
        (watch, hasNewGap, beyondDepth) = (StreamWatch(), false, [])
        (firstSequence, streamOctets) = ((0, 0), (0, 0))
    }
}

/// Octets that an expression has captured under a name.
package struct CapturedVariable: Sendable {
    /// Into `RuleSet.variableNames`.
    package var name: UInt16
    package var octets: [UInt8]

    /// Octets of one variable that are kept.
    static let octetsMax = 1024
}

/// A body or file that arrives in parts.
final class SignatureBody {
    var buffer = SignatureBuffer.payload
    var instance: UInt64 = 0
    var direction = Direction.originator
    /// Octets from `offset` of the body on.
    var window: [UInt8] = []
    var offset: UInt64 = 0
    var inspectedCount = 0
    var isComplete = false
    /// The window has something that was not inspected, and enough of it.
    var isDue = false
    /// It is `file.data` as well.
    var isFile = false

    func holds(_ other: SignatureBuffer) -> Bool { buffer == other || isFile && other == .fileData }

    func reset() {
        window.removeAll(keepingCapacity: window.capacity <= 131_072)
        (offset, instance, inspectedCount) = (0, 0, 0)
        (isComplete, isDue, isFile) = (false, false, false)
    }
}

/// One exposure of a transaction; octets stand in its text.
struct SignatureEntry: BitwiseCopyable {
    enum Kind: UInt8 { case octets, number, event }
    var kind: Kind
    var buffer: SignatureBuffer
    var direction: Direction
    var offset: UInt32 = 0
    var count: UInt32 = 0
    /// The value, or the event's place in the engine's names.
    var number: UInt64 = 0
    /// The place of the next entry of the same buffer, from 1; 0 where there is none.
    fileprivate(set) var next: UInt16 = 0
}

/// A rule that may match a transaction, and how much of it has.
struct SignatureCandidate: BitwiseCopyable {
    var rule: UInt32
    var isToServer: Bool
    var isNew = true
    /// Lists and tests that have matched, a bit each.
    var matchedLists: UInt64 = 0
    var matchedTests: UInt64 = 0
    /// Entries that were looked at.
    var seenEntries: UInt32 = 0
    /// Sides that were complete then.
    var seenDone: FlowSides = []
    /// Where the first list matched: buffer, offset, and octets in the engine's evidence.
    var evidence = Evidence()
}

/// What an alert shows of the octets that matched.
struct Evidence: BitwiseCopyable {
    var buffer = SignatureBuffer.payload
    var isSet = false
    var offset: UInt64 = 0
    var count: UInt8 = 0
    var octets: SIMD32<UInt8> = SIMD32()
}

/// One transaction of a connection.
final class SignatureTransaction {
    var number: UInt64 = 0
    var application = AppProtocol.unknown
    private(set) var entries: [SignatureEntry] = []
    /// By buffer, the places of the first and the last entry, from 1.
    private var firsts = [UInt16](repeating: 0, count: 256)
    private var lasts = [UInt16](repeating: 0, count: 256)
    /// Octets of the entries as they were exposed.
    var text: [UInt8] = []
    var bodies: [SignatureBody] = []
    var candidates: [SignatureCandidate] = []
    /// Rules that have fired, twice their number plus the direction.
    var fired: [UInt32] = []
    var isDoneToServer = false
    var isDoneToClient = false
    /// Entries whose patterns were looked for.
    var scannedEntries = 0
    /// Directions of which something arrived since their last inspection, and those of which something
    /// was not acknowledged yet.
    var changed: FlowSides = []
    var unacknowledged: FlowSides = []
    /// The packet that began it, and a side that had no part in it: a message that is a transaction by itself.
    var beginNumber: UInt64 = 0
    var silent: FlowSides = []
    var ranAtBegin = false
    var ranAtEnd = false
    /// `xbits` of the scope of a transaction.
    var bits: [UInt16] = []

    /// Octets of one transaction's exposures.
    static let textBytesMax = 1 << 20
    static let entriesMax = 4096
    static let candidatesMax = 4096

    /// Both sides are complete, and have been inspected.
    var isOver: Bool { isDoneToServer && isDoneToClient && changed.isEmpty }

    /// The place of a buffer's first entry, from 1; 0 where there is none.
    func first(of buffer: SignatureBuffer) -> UInt16 { firsts[Int(buffer.rawValue)] }

    /// Adds an entry; the caller keeps to `entriesMax`.
    func append(_ entry: SignatureEntry) {
        let place = UInt16(entries.count &+ 1)
        let buffer = Int(entry.buffer.rawValue)
        entries.append(entry)
        if lasts[buffer] == 0 {
            firsts[buffer] = place
        } else {
            entries[Int(lasts[buffer]) &- 1].next = place
        }
        lasts[buffer] = place
    }

    /// Sides that are complete.
    var doneSides: FlowSides {
        var sides: FlowSides = []
        if isDoneToServer { sides.insert(.toServer) }
        if isDoneToClient { sides.insert(.toClient) }
        return sides
    }

    func isDone(_ direction: Direction) -> Bool { direction == .originator ? isDoneToServer : isDoneToClient }

    /// Other rules have come: all is looked at anew, what has fired stays fired. `place` gives a rule's new number.
    func takeOtherRules(_ place: (UInt32) -> UInt32?) {
        candidates.removeAll(keepingCapacity: true)
        fired = fired.compactMap { key in place(key >> 1).map { $0 << 1 | key & 1 } }
        scannedEntries = 0
        (ranAtBegin, ranAtEnd) = (false, false)
        if !entries.isEmpty || doneSides != [] { changed = .both }
    }

    func reset() {
        number = 0
        for entry in entries {
            firsts[Int(entry.buffer.rawValue)] = 0
            lasts[Int(entry.buffer.rawValue)] = 0
        }
        entries.removeAll(keepingCapacity: true)
        text.removeAll(keepingCapacity: text.capacity <= 65_536)
        if !bodies.isEmpty { bodies.removeAll(keepingCapacity: true) }
        if !candidates.isEmpty { candidates.removeAll(keepingCapacity: true) }
        if !fired.isEmpty { fired.removeAll(keepingCapacity: true) }
        if !bits.isEmpty { bits.removeAll(keepingCapacity: true) }
        (isDoneToServer, isDoneToClient, ranAtBegin, ranAtEnd) = (false, false, false, false)
        (changed, unacknowledged, silent) = ([], [], [])
        scannedEntries = 0
    }
}
