// SPDX-License-Identifier: Apache-2.0
//
// The canonical name of a connection: the same for packets of both directions.
//
// Reads   addresses and ports of a packet.
// Writes  five words, and which end the packet came from.
// Leaves  originator and responder: those are the connection's to know.

import Records
import Wire

/// Addresses, ports and protocol, the lower end first. Two words an address; the fifth word
/// is ports, IP protocol number, and a bit for ICMP messages that have no answer and so are
/// not brought into order.
struct FlowKey: BitwiseCopyable, Sendable {
    var lowHigh: UInt64
    var lowLow: UInt64
    var highHigh: UInt64
    var highLow: UInt64
    var rest: UInt64

    static let oneWayBit: UInt64 = 1

    /// The key of a packet, and whether its source is the lower end.
    init(_ layer: Layer, sourcePort: UInt16, targetPort: UInt16, isOneWay: Bool, sourceIsLow: inout Bool) {
        if isOneWay {
            sourceIsLow = true
        } else if layer.sourceHigh != layer.targetHigh {
            sourceIsLow = layer.sourceHigh < layer.targetHigh
        } else if layer.sourceLow != layer.targetLow {
            sourceIsLow = layer.sourceLow < layer.targetLow
        } else {
            sourceIsLow = sourcePort <= targetPort
        }
        let ports: UInt64
        if sourceIsLow {
            (lowHigh, lowLow) = (layer.sourceHigh, layer.sourceLow)
            (highHigh, highLow) = (layer.targetHigh, layer.targetLow)
            ports = UInt64(sourcePort) << 48 | UInt64(targetPort) << 32
        } else {
            (lowHigh, lowLow) = (layer.targetHigh, layer.targetLow)
            (highHigh, highLow) = (layer.sourceHigh, layer.sourceLow)
            ports = UInt64(targetPort) << 48 | UInt64(sourcePort) << 32
        }
        rest = ports | UInt64(layer.protocolNumber) << 8 | (isOneWay ? FlowKey.oneWayBit : 0)
    }

    static func == (left: FlowKey, right: FlowKey) -> Bool {
        // Ports differ most often, so they are compared first.
        left.rest == right.rest && left.lowLow == right.lowLow && left.highLow == right.highLow
            && left.lowHigh == right.lowHigh && left.highHigh == right.highHigh
    }

    var lowPort: UInt16 { UInt16(truncatingIfNeeded: rest >> 48) }
    var highPort: UInt16 { UInt16(truncatingIfNeeded: rest >> 32) }
    var protocolNumber: UInt8 { UInt8(truncatingIfNeeded: rest >> 8) }
    /// Both ends are one: a packet's direction then cannot be told.
    var endsAreEqual: Bool { lowHigh == highHigh && lowLow == highLow && lowPort == highPort }

    /// A hash that nobody can aim at without knowing the seeds.
    func hash(_ seeds: (UInt64, UInt64)) -> UInt32 {
        let first = FlowKey.fold(lowLow ^ seeds.0, highLow ^ seeds.1)
        let second = FlowKey.fold(lowHigh ^ seeds.1 ^ 0x9E37_79B9_7F4A_7C15, highHigh ^ first)
        let third = FlowKey.fold(rest ^ seeds.0, first ^ second ^ 0xC2B2_AE3D_27D4_EB4F)
        return UInt32(truncatingIfNeeded: third ^ third >> 32)
    }

    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
