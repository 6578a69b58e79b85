// SPDX-License-Identifier: Apache-2.0
//
// What happened to connections: the answers of the flow table, in order.
//
// Reads   nothing.
// Writes  nothing: the Sensor carries each event to where it belongs.
// Leaves  octets: an event names a stretch of the packet, or a held block.

package import Records

/// One thing that happened. Trivial; the table keeps them in one reused array.
///
/// Offsets count from the start of the bytes given with the packet. A slot is valid until the
/// Sensor has answered its `.ended` with `release`.
package enum FlowEvent: BitwiseCopyable, Sendable, Equatable {
    /// A new connection.
    case started(UInt32)
    /// The packet at work came through another tunnel than the one before it.
    case tunnelChanged(UInt32)
    /// In-order octets of a TCP direction, inside the packet at work.
    case stream(UInt32, Direction, offset: Int, count: Int)
    /// Octets that came out of order earlier and are now in order: `count` octets of
    /// `FlowTable.held(block)` from `offset` on, valid until the events are cleared.
    case held(UInt32, Direction, block: UInt32, offset: Int, count: Int)
    /// Octets of a TCP direction that were acknowledged but not seen.
    case gap(UInt32, Direction, count: Int)
    /// The payload of one UDP datagram; `wireLength` is larger where the capture was cut.
    case datagram(UInt32, Direction, offset: Int, count: Int, wireLength: Int)
    /// A TCP direction has delivered everything up to its FIN or RST.
    case endOfStream(UInt32, Direction)
    /// An anomaly of a connection.
    case weird(UInt32, Weird, WeirdDetail)
    /// An anomaly of the packet at work, which belongs to no connection.
    case packetWeird(Weird)
    /// An anomaly of the packet at work that is told without its addresses.
    case netWeird(Weird, WeirdDetail)
    /// A row of `conn_open` is due.
    case openDue(UInt32)
    /// The connection is over. It is out of the table; its slot waits for `release`.
    case ended(UInt32, EndReason)
}

extension FlowEvent {
    /// What reports an anomaly, for the column `source`: the transport in capitals, or nil for
    /// the few that Zeek reports without.
    package static func source(of weird: Weird, protocolNumber: UInt8) -> StaticString? {
        switch weird {
        case .SYN_seq_jump, .SYN_inside_connection, .window_recision, .possible_split_routing: return nil
        default: break
        }
        switch protocolNumber {
        case 6: return "TCP"
        case 17: return "UDP"
        case 1, 58: return "ICMP"
        default: return nil
        }
    }
}

/// Why a connection is over.
package enum EndReason: UInt8, BitwiseCopyable, Sendable {
    /// Both ends closed, or one end with nobody on the other.
    case closed
    /// A SYN without an answer.
    case attempt
    /// Silence.
    case inactivity
    /// A new connection of the same addresses and ports.
    case reuse
    /// The table was full.
    case evicted
    case endOfInput
}

/// The numbers that some anomalies carry, for the column `addl`.
package enum WeirdDetail: BitwiseCopyable, Sendable, Equatable {
    case none
    case number(UInt32)
    /// Two lengths that should be equal: `%d != %d`.
    case unequal(UInt32, UInt32)
    /// A place behind the end: `%d (length %d)`.
    case beyond(UInt32, length: UInt32)
    /// A second inner tag of a VLAN took the place of the first.
    case overwrittenTag

    /// Appends the text of the column, nothing for `.none`.
    package func write(to text: inout TextBuffer) -> Text {
        switch self {
        case .none: return .absent
        case .number(let value):
            let start = text.begin()
            text.append(decimal: UInt64(value))
            return text.end(start)
        case .unequal(let left, let right):
            let start = text.begin()
            text.append(decimal: UInt64(left))
            text.append(" != ")
            text.append(decimal: UInt64(right))
            return text.end(start)
        case .beyond(let offset, let length):
            let start = text.begin()
            text.append(decimal: UInt64(offset))
            text.append(" (length ")
            text.append(decimal: UInt64(length))
            text.append(")")
            return text.end(start)
        case .overwrittenTag: return text.add("inner VLAN tag overwritten")
        }
    }
}

/// What was lost to limits, for the statistics.
package struct FlowCounters: Sendable, Equatable {
    package var started: UInt64 = 0
    /// Ended early because the table was full.
    package var evicted: UInt64 = 0
    /// Directions whose reassembly was given up: too much held without acknowledgement.
    package var reassemblyGivenUp: UInt64 = 0
    /// Directions whose reassembly was given up because all memory for it was in use.
    package var reassemblyRefused: UInt64 = 0
    /// Letters of `history` beyond what a connection keeps.
    package var historyCut: UInt64 = 0
    /// Changes of tunnels beyond what a connection keeps.
    package var tunnelChangesCut: UInt64 = 0

    package init() {}
}
