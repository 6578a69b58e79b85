// SPDX-License-Identifier: Apache-2.0
//
// What an analyzer may ask of its connection. Values, carried from the analyzer
// to the flow table by the Sensor; no module knows the other.

/// One request of an analyzer to the flow that it reads.
@frozen @usableFromInline package enum FlowRequest: Sendable, Equatable {
    /// Exchange originator and responder: the first message was an answer.
    case flip
    /// End the connection after so many nanoseconds of silence.
    case inactivity(Int64)
    /// An analyzer's limit was reached: history gets its X.
    case limitReached
    /// The stream carries another one from here on, as `tunnel.log` is to say.
    case tunnel(StreamTunnel)
    /// Nothing more is wanted of the stream: stop reassembling.
    case stop
    /// What follows is encrypted, and no rule looks for octets in it.
    case encrypted
    /// Another connection is to come, and what reads it is known.
    case expect(Announcement)
}

/// A connection that is announced by another one.
@frozen @usableFromInline package struct Announcement: Sendable, Equatable {
    /// Who will open it; nil where anybody may.
    package var originator: Address?
    package var responder: Address
    package var port: UInt16
    package var transport: Transport
    /// The analyzer of it, as the raw value of its kind.
    package var analyzer: UInt8
    /// The connection that announces it, and its ends.
    package var announcer: UID
    package var announcerID: ConnectionID

    package init(
        originator: Address?, responder: Address, port: UInt16, transport: Transport, analyzer: UInt8,
        announcer: UID, announcerID: ConnectionID
    ) {
        self.originator = originator
        self.responder = responder
        self.port = port
        self.transport = transport
        self.analyzer = analyzer
        self.announcer = announcer
        self.announcerID = announcerID
    }

    /// Whether the two ends are those of the announcing connection.
    package var isOfSameEnds: Bool {
        guard let originator else { return false }
        return originator == announcerID.originator && responder == announcerID.responder
            || originator == announcerID.responder && responder == announcerID.originator
    }
}

/// A protocol whose streams carry others.
@frozen @usableFromInline package enum StreamTunnel: UInt8, Sendable {
    case http
    case socks
}
