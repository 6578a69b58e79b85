// SPDX-License-Identifier: Apache-2.0
//
// One connection, and its two ends. Plain words without references, so that a
// slab of them costs nothing but its memory.
//
// Reads   nothing by itself.
// Writes  nothing by itself: TCP.swift, Datagrams.swift and Timers.swift change it.
// Leaves  what analyzers know about it; `analysis` is the Sensor's place of that.

package import Records

/// States of one end of a TCP connection, as Zeek names them
/// (TCP_Endpoint.h; RFC 9293 section 3.3.2 seen from the middle).
enum EndpointState: UInt8, BitwiseCopyable, Sendable {
    /// Nothing seen of this end.
    case inactive
    case synSent
    /// A SYN with ACK was the first of this end, and no SYN of the other.
    case synAckSent
    /// The first of this end was no SYN.
    case partial
    case established
    /// A FIN was seen.
    case closed
    /// A RST was seen.
    case reset

    var isHandshake: Bool { rawValue <= EndpointState.synAckSent.rawValue }
    /// Seen too little of for a word about how the connection went.
    var isQuiet: Bool { self == .inactive || self == .partial }
}

/// One end of a connection. Sequence numbers "relative" count from the SYN, 64 bits wide:
/// 1 is the first octet of payload.
struct Endpoint: BitwiseCopyable, Sendable {
    var state = EndpointState.inactive
    var previous = EndpointState.inactive
    var marks: Marks = []
    var windowScale: UInt8 = 0
    var startSequence: UInt32 = 0
    /// One past the newest octet sent, and how often 32 bits have run over.
    var lastSequence: UInt32 = 0
    var sequenceWraps: UInt32 = 0
    /// The newest octet that the peer acknowledged, likewise.
    var ackSequence: UInt32 = 0
    var ackWraps: UInt32 = 0
    var window: UInt32 = 0
    var windowSequence: UInt32 = 0
    var windowAck: UInt32 = 0
    /// Relative: everything below was delivered or given up.
    var next: UInt64 = 1
    /// Relative: what is below does not count as held any more.
    var trim: UInt64 = 1
    var packets: UInt64 = 0
    /// Octets of IP datagrams, from the length field of their headers.
    var ipBytes: UInt64 = 0
    /// Octets of payload of a connection without sequence numbers.
    var payloadBytes: UInt64 = 0
    /// First and last block held out of order, and the octets in all of them.
    var heldHead = HeldBlock.none
    var heldTail = HeldBlock.none
    var heldBytes: UInt32 = 0
    var heldCount: UInt32 = 0

    // From here on touched by rare packets only.
    /// Relative: one past the octet that a FIN takes.
    var finSequence: UInt64 = 0
    /// Low halves of the relative sequence numbers of the last SYN, FIN and RST.
    var historySYN: UInt32 = 0
    var historyFIN: UInt32 = 0
    var historyRST: UInt32 = 0
    var finCount: UInt16 = 0
    var rstCount: UInt16 = 0
    var retransmissions: UInt32 = 0
    var zeroWindows: UInt32 = 0
    var badChecksums: UInt32 = 0
    var gaps: UInt32 = 0
    /// Beginnings of the two newest stretches delivered from packets, to tell a
    /// retransmission of other octets.
    var samples = Samples()

    struct Marks: OptionSet, BitwiseCopyable, Sendable {
        let rawValue: UInt8
        /// The close of this end was reported.
        static let didClose = Marks(rawValue: 1)
        /// Everything up to the FIN was delivered, and said so.
        static let didEnd = Marks(rawValue: 2)
        /// Reassembly of this direction was given up.
        static let isSkipping = Marks(rawValue: 4)
        static let hadGap = Marks(rawValue: 8)
        /// A packet of this end was seen and accepted.
        static let wasSeen = Marks(rawValue: 16)
        /// The first TCP packet of this end was looked at for being the start.
        static let firstSeen = Marks(rawValue: 32)
    }

    var didClose: Bool { marks.contains(.didClose) }
    var isSkipping: Bool { marks.contains(.isSkipping) }

    /// Sent something and has not closed.
    var isActive: Bool { state != .inactive && !didClose }
    var fullLast: UInt64 { UInt64(sequenceWraps) << 32 | UInt64(lastSequence) }
    var fullAck: UInt64 { UInt64(ackWraps) << 32 | UInt64(ackSequence) }
    var relativeAck: UInt64 { fullAck &- UInt64(startSequence) }

    /// Nothing of this end was acknowledged but, at most, its SYN.
    var hasNothingAcknowledged: Bool {
        let ack = relativeAck
        return ack == 0 || ack == 1
    }

    /// A handshake was seen of this end, and no disorderly end.
    var isClean: Bool { state == .established || (state == .closed && previous == .established) }

    /// Whether octets wait: for a hole to be filled, or for an acknowledgement.
    var hasBlocks: Bool { !isSkipping && (heldHead != HeldBlock.none || next > trim) }

    mutating func start(at sequence: UInt32, last: UInt32) {
        startSequence = sequence
        ackSequence = sequence
        lastSequence = last
    }
}

/// A connection, its counters and its timers: 512 octets, of which an in-order segment touches
/// half.
package struct Connection: BitwiseCopyable, Sendable {
    // The first 64 octets, a cache line: what finding it and its timers need.
    var key: FlowKey
    /// When the one live entry of the timer heap fires.
    var armed = Int64.max
    /// Which of a slot's connections this is; entries of the timer heap name it.
    var generation: UInt32 = 0
    /// The Sensor's own: its place for analyzers, 0 for none.
    package var analysis: UInt32 = 0
    /// Which letters of the history stand already: responder's bits 16 higher.
    var historySeen: UInt32 = 0
    var flags: Flags = []
    /// Time of the newest packet that counts for the duration.
    package var last: Timestamp
    /// The innermost tunnel around the newest packet, 0 for none.
    var outer: UInt64 = 0
    /// Originator, responder.
    var ends = [2 of Endpoint](repeating: Endpoint())

    // From here on touched at the beginning, at the end, and by rare packets.
    package let start: Timestamp
    package let uid: UID
    /// `packet × 8 + layer` of the packet that created it: the order of rows.
    package let ordinal: UInt64
    /// How many connections of the same key began at the same time before it.
    let tie: UInt32
    package let vlan: UInt16
    package let innerVLAN: UInt16
    package var missedBytes: UInt64 = 0
    var inactivityTimeout: Int64 = 0
    var inactivityDue = Int64.max
    /// The session timer, or the end of a closed connection.
    var expireDue = Int64.max
    /// The attempt timer, or a second session timer.
    var extraDue = Int64.max
    var openDue = Int64.max
    var history = History()
    /// Where the tunnels around its packets stand, 0 for nowhere (see `TunnelPool`).
    var tunnelSet: UInt32 = 0

    struct Flags: OptionSet, BitwiseCopyable, Sendable {
        let rawValue: UInt16
        /// The originator is the lower end of the key.
        static let originatorIsLow = Flags(rawValue: 1)
        /// One end's first packet was no SYN.
        static let isPartial = Flags(rawValue: 2)
        /// A close waits for octets that are not yet delivered.
        static let closeDeferred = Flags(rawValue: 4)
        /// A deferred close is to end the connection's activity.
        static let deferredFinish = Flags(rawValue: 8)
        /// Finished or reset: attempt and session timers do nothing.
        static let isFinished = Flags(rawValue: 16)
        /// `expireDue` is the end of a closed connection.
        static let isClosing = Flags(rawValue: 32)
        /// `extraDue` is the attempt timer.
        static let isAttempt = Flags(rawValue: 64)
        /// An anomaly was reported.
        static let hadWeird = Flags(rawValue: 128)
        /// Nobody wants the octets: reassembly counts and delivers nothing.
        static let isStopped = Flags(rawValue: 256)
        /// A limit was reached; the history has its X.
        static let isLimited = Flags(rawValue: 512)
        /// Out of the table; waits for release.
        static let isEnded = Flags(rawValue: 1024)
        static let isLive = Flags(rawValue: 2048)
        /// Octets were held out of order at some time.
        static let hasHeld = Flags(rawValue: 4096)
    }

    init(key: FlowKey, start: Timestamp, uid: UID, ordinal: UInt64, tie: UInt32, vlan: UInt16, innerVLAN: UInt16) {
        self.key = key
        self.start = start
        last = start
        self.uid = uid
        self.ordinal = ordinal
        self.tie = tie
        self.vlan = vlan
        self.innerVLAN = innerVLAN
    }

    package var transport: Transport {
        switch key.protocolNumber {
        case 6: .tcp
        case 17: .udp
        case 1, 58: .icmp
        default: .unknown
        }
    }

    package var id: ConnectionID {
        let low = Address(high: key.lowHigh, low: key.lowLow)
        let high = Address(high: key.highHigh, low: key.highLow)
        let isLow = flags.contains(.originatorIsLow)
        return ConnectionID(
            originator: isLow ? low : high, responder: isLow ? high : low,
            originatorPort: isLow ? key.lowPort : key.highPort, responderPort: isLow ? key.highPort : key.lowPort,
            transport: transport, protocolNumber: key.protocolNumber)
    }

    var responderPort: UInt16 { flags.contains(.originatorIsLow) ? key.highPort : key.lowPort }

    /// TCP picked up in the middle: the first packet of an end was no SYN.
    package var isPartial: Bool { flags.contains(.isPartial) }
    package var hasGap: Bool { ends[0].marks.contains(.hadGap) || ends[1].marks.contains(.hadGap) }
    /// The same by originator and responder.
    package var gaps: (Bool, Bool) { (ends[0].marks.contains(.hadGap), ends[1].marks.contains(.hadGap)) }
    package var isEnded: Bool { flags.contains(.isEnded) }

    /// Octets of payload of one end: by sequence numbers for TCP, seen or not.
    package func size(_ direction: Direction) -> UInt64 {
        // With constant places no end is copied.
        direction == .originator
            ? Connection.size(of: ends[0], otherState: ends[1].state, isTCP: key.protocolNumber == 6)
            : Connection.size(of: ends[1], otherState: ends[0].state, isTCP: key.protocolNumber == 6)
    }

    @inline(__always)
    private static func size(of end: borrowing Endpoint, otherState: EndpointState, isTCP: Bool) -> UInt64 {
        guard isTCP else { return end.payloadBytes }
        if end.previous == .synSent, end.state == .reset, otherState == .inactive, !end.hasNothingAcknowledged {
            // A half-open connection was discovered and aborted: it never sent anything.
            return 0
        }
        var size = max(end.fullLast, end.fullAck) &- UInt64(end.startSequence)
        if size != 0 { size &-= 1 }
        if end.finCount > 0, size != 0 { size &-= 1 }
        return size
    }

    /// Octets of payload of both ends so far.
    package var sizeSoFar: UInt64 { size(.originator) &+ size(.responder) }

    /// Octets of both ends' IP datagrams so far.
    package var octets: UInt64 { ends[0].ipBytes &+ ends[1].ipBytes }

    package func packets(_ direction: Direction) -> UInt64 { ends[Int(direction.rawValue)].packets }

    /// Exchanges originator and responder, and says so in the history.
    mutating func flip() {
        let first = ends[0]
        ends[0] = ends[1]
        ends[1] = first
        // Which sides have spoken is remembered by side, not by end: what came first decides once
        // whether a connection is partial, and the exchange takes that back.
        let spoke = (ends[0].marks.contains(.firstSeen), ends[1].marks.contains(.firstSeen))
        if spoke.0 { ends[1].marks.insert(.firstSeen) } else { ends[1].marks.remove(.firstSeen) }
        if spoke.1 { ends[0].marks.insert(.firstSeen) } else { ends[0].marks.remove(.firstSeen) }
        flags.remove(.isPartial)
        // With one end talking to itself there is nothing to exchange in the name.
        if !key.endsAreEqual { flags.formSymmetricDifference(.originatorIsLow) }
        history.append(History.flip)
    }
}

/// What analyzers and the Sensor need of a connection at work: few words in place of all.
package struct FlowView: BitwiseCopyable, Sendable {
    package let id: ConnectionID
    package let uid: UID
    package let ordinal: UInt64
    package let sizeSoFar: UInt64
    package let analysis: UInt32
    package let isPartial: Bool
    package let hasGap: Bool
}
