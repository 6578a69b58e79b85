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
}

/// A protocol whose streams carry others.
@frozen @usableFromInline package enum StreamTunnel: UInt8, Sendable {
    case http
    case socks
}
