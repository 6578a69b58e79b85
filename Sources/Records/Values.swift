// SPDX-License-Identifier: Apache-2.0
//
// The small values that records are made of: times, addresses, ports,
// connection identities. All are trivial, none allocates.

/// A moment in nanoseconds since 1970-01-01 UTC.
@frozen @usableFromInline package struct Timestamp: Hashable, Comparable, Sendable, BitwiseCopyable {
    @usableFromInline package var nanoseconds: Int64

    @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    @inlinable package init(seconds: Int64) { self.nanoseconds = seconds &* 1_000_000_000 }

    @inlinable package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Nanoseconds from `other` to this moment; saturates, never traps.
    @inlinable package func since(_ other: Timestamp) -> Int64 {
        let (value, overflow) = nanoseconds.subtractingReportingOverflow(other.nanoseconds)
        return overflow ? (nanoseconds < 0 ? .min : .max) : value
    }

    /// The moment `nanoseconds` later; saturates.
    @inlinable package func adding(_ duration: Int64) -> Timestamp {
        let (value, overflow) = nanoseconds.addingReportingOverflow(duration)
        return Timestamp(nanoseconds: overflow ? (duration < 0 ? .min : .max) : value)
    }

    package static let zero = Timestamp(nanoseconds: 0)
}

/// One second in the unit of `Timestamp` and of every duration.
@inlinable package var second: Int64 { 1_000_000_000 }

/// An IPv4 or IPv6 address. IPv4 is kept in its mapped form, `::ffff:a.b.c.d`.
@frozen @usableFromInline package struct Address: Hashable, Sendable, BitwiseCopyable {
    @usableFromInline package var high: UInt64
    @usableFromInline package var low: UInt64

    @inlinable package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address in host byte order: 10.0.0.1 is `0x0A00_0001`.
    @inlinable package init(v4 value: UInt32) {
        high = 0
        low = 0xFFFF_0000_0000 | UInt64(value)
    }

    @inlinable package var isV4: Bool { high == 0 && low >> 32 == 0xFFFF }
    /// The IPv4 address in host byte order; meaningful only where `isV4`.
    @inlinable package var v4: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// 224/4 or ff00::/8.
    @inlinable package var isMulticast: Bool { isV4 ? v4 >> 28 == 0xE : high >> 56 == 0xFF }
    @inlinable package var isBroadcast: Bool { isV4 && v4 == .max }

    /// Numeric order, IPv4 (mapped) inside IPv6's order.
    @inlinable package static func < (left: Address, right: Address) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

/// Which end of a connection something comes from.
@frozen @usableFromInline package enum Direction: UInt8, Sendable, BitwiseCopyable {
    case originator = 0
    case responder = 1

    @inlinable package var opposite: Direction { self == .originator ? .responder : .originator }
}

/// The transport as logs name it.
@frozen @usableFromInline package enum Transport: UInt8, Sendable, BitwiseCopyable {
    case tcp = 6
    case udp = 17
    case icmp = 1
    case unknown = 0

    @inlinable package var name: StaticString {
        switch self {
        case .tcp: "tcp"
        case .udp: "udp"
        case .icmp: "icmp"
        case .unknown: "unknown_transport"
        }
    }
}

/// The four columns that every record of a connection has, and its transport.
@frozen @usableFromInline package struct ConnectionID: Hashable, Sendable, BitwiseCopyable {
    @usableFromInline package var originator: Address
    @usableFromInline package var responder: Address
    @usableFromInline package var originatorPort: UInt16
    @usableFromInline package var responderPort: UInt16
    @usableFromInline package var transport: Transport
    /// The IP protocol number, which differs from `transport` for ICMPv6 (58) and all that is unknown.
    @usableFromInline package var protocolNumber: UInt8

    @inlinable package init(
        originator: Address, responder: Address, originatorPort: UInt16, responderPort: UInt16,
        transport: Transport, protocolNumber: UInt8
    ) {
        self.originator = originator
        self.responder = responder
        self.originatorPort = originatorPort
        self.responderPort = responderPort
        self.transport = transport
        self.protocolNumber = protocolNumber
    }

    /// The address, and the port, of the side that sends in a direction.
    package func address(of direction: Direction) -> Address { direction == .originator ? originator : responder }
    package func port(of direction: Direction) -> UInt16 {
        direction == .originator ? originatorPort : responderPort
    }

    /// The same connection with its ends exchanged.
    @inlinable package var flipped: ConnectionID {
        ConnectionID(
            originator: responder, responder: originator, originatorPort: responderPort,
            responderPort: originatorPort, transport: transport, protocolNumber: protocolNumber)
    }
}

/// The identity of a connection (`C…`) or of a file (`F…`): 64 bits, written as
/// the letter and 11 base-62 digits.
@frozen @usableFromInline package struct UID: Hashable, Sendable, BitwiseCopyable {
    @usableFromInline package var value: UInt64
    @inlinable package init(value: UInt64) { self.value = value }

    /// The 12 characters, most significant digit first, appended to `bytes`.
    package func write(prefix: UInt8, to bytes: inout [UInt8]) {
        // From the end: division by a constant is a multiplication, ten times as fast as by a variable.
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(prefix, count: 12))
        var rest = value
        for place in 0..<11 {
            bytes[start &+ 11 &- place] = UID.digit(UInt8(truncatingIfNeeded: rest % 62))
            rest /= 62
        }
    }

    /// The identity that these 12 characters name; nil where they are none.
    package init?(octets: ArraySlice<UInt8>) {
        guard octets.count == 12 else { return nil }
        var value: UInt64 = 0
        for octet in octets.dropFirst() {
            let digit: UInt64
            switch octet {
            case 0x30...0x39: digit = UInt64(octet &- 0x30)
            case 0x41...0x5A: digit = UInt64(octet &- 0x41 &+ 10)
            case 0x61...0x7A: digit = UInt64(octet &- 0x61 &+ 36)
            default: return nil
            }
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 62)
            let (sum, isBeyond) = product.addingReportingOverflow(digit)
            guard !isTooLarge, !isBeyond else { return nil }
            value = sum
        }
        self.value = value
    }

    @inlinable static func digit(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<10: 0x30 &+ value
        case 10..<36: 0x41 &+ value &- 10
        default: 0x61 &+ value &- 36
        }
    }

    package static let connectionPrefix: UInt8 = 0x43
    package static let filePrefix: UInt8 = 0x46
}

extension UID: CustomStringConvertible {
    @usableFromInline package var description: String {
        var bytes: [UInt8] = []
        write(prefix: UID.connectionPrefix, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A stretch of text inside a `TextBuffer`. Nothing is a text of no octets at `absent`.
@frozen @usableFromInline package struct Text: Hashable, Sendable, BitwiseCopyable {
    @usableFromInline package var offset: UInt32
    @usableFromInline package var count: UInt32

    @inlinable package init(offset: UInt32, count: UInt32) {
        self.offset = offset
        self.count = count
    }
    /// Unset: the column stays empty. Distinct from a text of no octets.
    @inlinable package static var absent: Text { Text(offset: .max, count: 0) }
    @inlinable package var isAbsent: Bool { offset == .max }
}
