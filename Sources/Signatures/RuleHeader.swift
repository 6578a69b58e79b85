// SPDX-License-Identifier: Apache-2.0
//
// The header of a rule: protocols, addresses, ports, and the flow it applies to.
//
// Reads   nothing.
// Writes  nothing.
// Leaves  parsing (HeaderParser.swift).

package import Records

/// Numbers of IP protocols, a bit each.
package struct ProtocolNumbers: Hashable, Sendable, BitwiseCopyable {
    private var words = SIMD4<UInt64>(repeating: 0)

    package init() {}
    package init(_ numbers: UInt8...) { for number in numbers { insert(number) } }

    package static let all: ProtocolNumbers = {
        var numbers = ProtocolNumbers()
        numbers.words = SIMD4(repeating: .max)
        return numbers
    }()

    package mutating func insert(_ number: UInt8) { words[Int(number >> 6)] |= 1 << UInt64(number & 63) }
    package mutating func remove(_ number: UInt8) { words[Int(number >> 6)] &= ~(1 << UInt64(number & 63)) }
    package mutating func formIntersection(_ other: ProtocolNumbers) { words &= other.words }
    package var isEmpty: Bool { words == SIMD4(repeating: 0) }

    package func contains(_ number: UInt8) -> Bool { words[Int(number >> 6)] >> UInt64(number & 63) & 1 != 0 }
}

/// Application protocols, a bit each.
package struct AppProtocols: Hashable, Sendable, BitwiseCopyable {
    package var bits: UInt64 = 0

    package init() {}
    package init(_ protocols: AppProtocol...) { for one in protocols { insert(one) } }

    package var isEmpty: Bool { bits == 0 }
    package mutating func insert(_ one: AppProtocol) { bits |= 1 << UInt64(one.rawValue) }
    package func contains(_ one: AppProtocol) -> Bool { bits >> UInt64(one.rawValue) & 1 != 0 }
    package func intersects(_ other: AppProtocols) -> Bool { bits & other.bits != 0 }
}

/// What is in the header besides addresses and ports.
package enum HeaderScope: UInt8, Sendable, BitwiseCopyable {
    /// As the protocol says.
    case usual
    /// `tcp-pkt`: packets, never the stream.
    case packets
    /// `tcp-stream`: the stream, never packets.
    case stream
    /// `pkthdr`: also packets that could not be read.
    case packetHeader
    /// `ether`, `arp`: frames without IP.
    case ether, arp
}

/// The protocols, addresses and ports of a rule.
package struct RuleHeader: Sendable, BitwiseCopyable {
    /// IP protocols of the packet; for an application protocol those that carry it.
    package var protocols = ProtocolNumbers.all
    /// 4, 6, or 0 for both.
    package var version: UInt8 = 0
    package var scope = HeaderScope.usual
    /// The protocol as it was written; `.unknown` where the header names none.
    package var application = AppProtocol.unknown
    /// What the connection's protocol must be; empty where the header names none. `http` is
    /// `http` and `http2`, `dcerpc` also `smb`, `dns` also `doh2`: Suricata's `AppProtoEquals`.
    package var applications = AppProtocols()
    /// Into `addressSets`; 0 is any.
    package var sources: UInt32 = 0
    package var targets: UInt32 = 0
    /// Into `portSets`; 0 is any.
    package var sourcePorts: UInt32 = 0
    package var targetPorts: UInt32 = 0
    /// Evaluated at this moment of a flow or transaction.
    package var hook = RuleHook.none
}

/// The hook of a header (`tcp:flow_start`, `http1:request_headers`).
package struct RuleHook: Hashable, Sendable, BitwiseCopyable {
    package enum Kind: UInt8, Sendable, BitwiseCopyable {
        case none
        /// `flow_start`: the first packet of each direction of a flow.
        case flowStart
        /// A state of the application's transaction, below.
        case state
    }
    package var kind: Kind
    /// How far the side has come.
    package var stage = TransactionStage.begun
    package var isToServer = true
    package static let none = RuleHook(kind: .none)
}

/// `flow:`, and the direction that buffers imply.
package struct FlowTest: Sendable, BitwiseCopyable {
    package enum Side: UInt8, Sendable, BitwiseCopyable { case either, toServer, toClient }
    package enum State: UInt8, Sendable, BitwiseCopyable { case any, established, notEstablished, stateless }
    package enum Only: UInt8, Sendable, BitwiseCopyable { case both, only, no }

    /// `flow` stands in the rule: without a flow it does not match.
    package var isPresent = false
    package var side = Side.either
    package var state = State.any
    /// `only_stream`, `no_stream`.
    package var stream = Only.both
    /// `only_frag`, `no_frag`.
    package var fragments = Only.both
}

/// Addresses of a header: closed ranges in order, IPv4 in its mapped form.
package struct AddressSet: Hashable, Sendable {
    package struct Span: Hashable, Sendable, BitwiseCopyable {
        package var first: Address
        package var last: Address
    }
    package let ranges: [Span]
    /// Everything, of both versions.
    package let isAny: Bool

    package func contains(_ address: Address) -> Bool {
        if isAny { return true }
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low &+ high) / 2
            if ranges[middle].last < address { low = middle &+ 1 } else { high = middle }
        }
        return low < ranges.count && !(address < ranges[low].first)
    }
}

/// Ports of a header: closed ranges in order.
package struct PortSet: Hashable, Sendable {
    package struct Span: Hashable, Sendable, BitwiseCopyable {
        package var first: UInt16
        package var last: UInt16
    }
    package let ranges: [Span]
    package var isAny: Bool { ranges.count == 1 && ranges[0].first == 0 && ranges[0].last == .max }

    package func contains(_ port: UInt16) -> Bool {
        for range in ranges where port <= range.last { return port >= range.first }
        return false
    }
}
