// SPDX-License-Identifier: Apache-2.0
//
// What a rule tests besides octets: the packet, what is remembered of flow and
// host, the transaction. And what it does when all of it holds.
//
// Reads   nothing.
// Writes  nothing.
// Leaves  evaluation (the engine, in module Sensor).

package import Records

/// A test of the packet at hand or of its flow's counters.
package enum PacketTest: Sendable, BitwiseCopyable {
    case dataSize(NumberTest)
    case timeToLive(NumberTest)
    /// `tos`.
    case typeOfService(UInt8, isNegated: Bool)
    case identification(UInt16, isNegated: Bool)
    /// `ip_proto` beside other protocols of the header: <, > or a single number.
    case ipProtocol(ProtocolNumbers)
    case ipOption(IPOption)
    case fragmentBits(FlagTest)
    case fragmentOffset(NumberTest)
    case sameAddresses
    /// 4 or 6: `l3_proto`.
    case version(UInt8)
    case icmpType(NumberTest)
    case icmpCode(NumberTest)
    case icmpID(UInt16)
    case icmpSequence(UInt16)
    case icmpv6MTU(NumberTest)
    case tcpFlags(FlagTest)
    case tcpSequence(NumberTest)
    case tcpAcknowledgement(NumberTest)
    case tcpWindow(NumberTest)
    case tcpMSS(NumberTest)
    case tcpWindowScale(NumberTest)
    case streamSize(StreamSide, NumberTest)
    /// Index of the tag from the outermost; nil: any.
    case vlanID(NumberTest, layer: Int8?)
    case vlanLayers(NumberTest)
    /// Seconds since the flow's first packet.
    case flowAge(NumberTest)
    case flowPackets(FlowSide, NumberTest)
    case flowBytes(FlowSide, NumberTest)
    /// `tcp.session`: the phase of the session as a bit (setup 1, established 2, closing 4).
    case tcpSession(NumberTest)
    case elephantFlow(FlowSide)
    /// ONC RPC call: program, version, procedure; nil: any.
    case rpc(UInt32, version: UInt32?, procedure: UInt32?)
    case applicationProtocol(AppProtocols, isNegated: Bool, ProtocolMode)
    /// `decode-event`: `ipv4.trunc_pkt`; into `RuleSet.text`.
    case decoderEvent(TextRange)
    case streamEvent(TextRange)
    /// `app-layer-event:applayer_…`: of the detection of protocols, on the packet that shows it.
    case applicationLayerEvent(TextRange)
    case checksum(ChecksumKind, isValid: Bool)
    /// `tcp:flow_start`: the first packet of each direction of a flow.
    case flowStart
    /// Into `RuleSet.text`: two-letter codes with commas.
    case country(CountrySide, codes: TextRange, isNegated: Bool)
    case ftpBounce
    case reputation(ReputationSide, category: UInt8, NumberTest)
    /// ASN.1 checks on the payload.
    case asn1(ASN1Test)
}

/// Bits of a field: `flags`, `fragbits`.
package struct FlagTest: Hashable, Sendable, BitwiseCopyable {
    package enum Mode: UInt8, Sendable, BitwiseCopyable {
        /// Exactly these (`=` or nothing), all of these and perhaps more (`+`), one of these (`*`),
        /// not these (`!`).
        case exactly, all, any, not
    }
    package var mode = Mode.exactly
    package var bits: UInt8 = 0
    /// Bits that do not count (`flags:S,12`).
    package var ignored: UInt8 = 0

    package func matches(_ value: UInt8) -> Bool {
        let value = value & ~ignored
        return switch mode {
        case .exactly: value == bits
        case .all: value & bits == bits
        case .any: value & bits != 0
        // Suricata's MODIFIER_NOT: true unless every bit named is set.
        case .not: value & bits != bits
        }
    }
}

package enum IPOption: UInt8, Sendable, BitwiseCopyable {
    case recordRoute, looseSourceRoute, endOfList, noOperation, timestamp, security, strictSourceRoute
    case streamID, any, extendedSecurity
}

package enum StreamSide: UInt8, Sendable, BitwiseCopyable { case server, client, both, either }
package enum FlowSide: UInt8, Sendable, BitwiseCopyable { case either, toServer, toClient, both }
package enum CountrySide: UInt8, Sendable, BitwiseCopyable { case any, source, destination, both }
package enum ReputationSide: UInt8, Sendable, BitwiseCopyable { case any, source, destination, both }
package enum ChecksumKind: UInt8, Sendable, BitwiseCopyable { case ipv4, tcpv4, tcpv6, udpv4, udpv6, icmpv4, icmpv6 }

/// Which of a flow's protocols `app-layer-protocol` means.
package enum ProtocolMode: UInt8, Sendable, BitwiseCopyable {
    case direction, final, either, toServer, toClient, original
}

/// `asn1`.
package struct ASN1Test: Sendable, BitwiseCopyable {
    package var isBitstringOverflow = false
    package var isDoubleOverflow = false
    package var oversizeLength: UInt32?
    package var absoluteOffset: UInt32?
    package var relativeOffset: Int32?
}

/// A test of what earlier matches have left behind.
package enum StateTest: Sendable, BitwiseCopyable {
    /// One of the names (into `nameLists`) is set / all of them are not.
    case flowbits(names: PoolRange, isSet: Bool)
    case flowint(name: UInt16, IntegerTest)
    case xbit(name: UInt16, XbitScope, isSet: Bool)
    case hostbits(names: PoolRange, HostSide, isSet: Bool)
    /// A captured variable compared with octets of `text`.
    case flowVariable(name: UInt16, TextRange)
    case packetVariable(name: UInt16, TextRange)
}

package enum XbitScope: UInt8, Sendable, BitwiseCopyable { case source, target, pair, transaction }
package enum HostSide: UInt8, Sendable, BitwiseCopyable { case source, target, both }

/// `flowint:name,operator,value`.
package struct IntegerTest: Sendable, BitwiseCopyable {
    package enum Operator: UInt8, Sendable, BitwiseCopyable {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, isSet, isNotSet
    }
    package var operation: Operator
    package var value: UInt32
    /// The value is another flowint's: into `variableNames`.
    package var variable: UInt16?
}

/// A test of a transaction that is not a walk over octets.
package struct TransactionTest: Sendable, BitwiseCopyable {
    package enum Element: Sendable, BitwiseCopyable {
        /// A number that the analyzer exposes under `buffer`. Of a list: which of it (nil: any; all).
        case number(SignatureBuffer, NumberTest, ListIndex)
        /// `app-layer-event:http.missing_host_header`; the name after the dot, in `text`.
        case event(AppProtocol, TextRange)
        /// How far the side has come (the header's hook).
        case reached(TransactionStage)
        /// `dcerpc.iface`: the UUID as two words in network order.
        case dcerpcInterface(high: UInt64, low: UInt64, version: NumberTest?, anyFragment: Bool)
        case modbus(ModbusTest)
        case dnp3Object(group: UInt8, variation: UInt8)
        case cipService(service: UInt8, classID: UInt32?, attribute: UInt32?)
        case ikeAttribute(type: UInt32, value: UInt32)
        case http2Settings(identifier: UInt16, NumberTest)
        /// A number that an analyzer exposes; into `numberTests`: one of them holds, or none where negated.
        case oneOf(SignatureBuffer, PoolRange, isNegated: Bool)
        /// `ssl_state`: matches where `(reached & states) ^ negated` is not 0. Bits: client hello 1,
        /// server hello 2, client key exchange 4, server key exchange 8, unknown 16.
        case tlsState(states: UInt8, negated: UInt8)
        /// Seconds since 1970.
        case tlsNotBefore(NumberTest)
        case tlsNotAfter(NumberTest)
        case tlsExpired(Bool)
        /// Into `hashLists`.
        case fileHash(list: UInt16, isNegated: Bool)
        case filestore
    }
    package var element: Element
    package var side = FlowTest.Side.either
}

/// How far a side of a transaction must have come. A side that is complete has come everywhere.
package enum TransactionStage: Hashable, Sendable, BitwiseCopyable {
    case begun
    /// So far that this buffer was shown.
    case shown(SignatureBuffer)
    case done
}

/// Which element of a list a number test looks at (`,any`, `,all`, `,-1`).
package enum ListIndex: Hashable, Sendable, BitwiseCopyable {
    case any, all
    case at(Int32)
    /// At least/exactly so many elements match.
    case count
}

/// `modbus:`.
package struct ModbusTest: Sendable, BitwiseCopyable {
    package enum Access: UInt8, Sendable, BitwiseCopyable { case none, read, write }
    package enum Table: UInt8, Sendable, BitwiseCopyable { case any, discretes, coils, input, holding }
    package var unit: NumberTest?
    package var function: UInt8?
    package var subfunction: UInt16?
    /// `function:assigned` and its like, a bit each (0: none).
    package var category: UInt8 = 0
    package var categoryIsNegated = false
    package var access = Access.none
    package var table = Table.any
    package var address: NumberTest?
    package var value: NumberTest?
}

/// What a match leaves behind.
package enum Effect: Sendable, BitwiseCopyable {
    package enum Change: UInt8, Sendable, BitwiseCopyable { case set, unset, toggle }

    case flowbits(names: PoolRange, Change)
    /// The operand is a number, or where it is given another flowint (into `variableNames`).
    case flowintSet(name: UInt16, UInt32, variable: UInt16?)
    case flowintAdd(name: UInt16, UInt32, variable: UInt16?, isSubtraction: Bool)
    case xbit(name: UInt16, XbitScope, Change, expireSeconds: UInt32)
    case hostbits(names: PoolRange, HostSide, Change, expireSeconds: UInt32)
    /// `tag`: packets that follow are tagged; of a host, or of the session where `isHost` is false.
    case tag(isHost: Bool, HostSide, count: UInt32, metric: TagMetric)
    case filestore(FlowTest.Side, FilestoreScope)
    /// `bypass`: what follows of the flow is not inspected.
    case bypass
    /// `config: logging disable, type tx, scope tx|flow`.
    case logging(isOn: Bool, scopeIsFlow: Bool)
}

package enum TagMetric: UInt8, Sendable, BitwiseCopyable { case packets, seconds, bytes }
package enum FilestoreScope: UInt8, Sendable, BitwiseCopyable { case file, transaction, flow }

/// How many matches become alerts: the rule's `threshold` or `detection_filter`, or what
/// threshold.config says of it.
package struct RuleLimit: Sendable, BitwiseCopyable {
    package enum Kind: UInt8, Sendable, BitwiseCopyable {
        case limit, threshold, both, backoff, detectionFilter, rateFilter, suppress
    }
    package enum Track: UInt8, Sendable, BitwiseCopyable { case none, source, target, both, rule, flow }

    package var kind: Kind
    package var track = Track.none
    package var count: UInt32 = 1
    package var seconds: UInt32 = 0
    /// `backoff`.
    package var multiplier: UInt32 = 0
    /// `rate_filter`: what the rule does while the rate holds, and for how long.
    package var newAction = RuleAction.alert
    package var timeoutSeconds: UInt32 = 0
    /// `suppress`: into `addressSets`.
    package var addresses: UInt32 = 0
}
