// SPDX-License-Identifier: Apache-2.0
//
// What the language has and Weir reads, but does not evaluate. A rule that asks for it loads, is
// counted, and never fires: loading says so once, so that nobody waits for it.
//
// Reads   the draft.
// Writes  nothing.
// Leaves  what is refused (the keywords' own files).

import Records

extension RuleParser {
    /// The first thing of the rule that is not evaluated; nil where all is.
    var unevaluated: String? {
        if draft.hasFrame { return "frame" }
        for test in draft.packetTests {
            switch test {
            case .country: return "geoip"
            case .elephantFlow: return "flow.elephant"
            case .applicationLayerEvent: return "app-layer-event of the detection of protocols"
            case .tcpSession: return "tcp.session"
            case .streamEvent(let name) where !StreamWatch.knows(builder.text[name.indices]):
                return "stream-event:\(String(decoding: builder.text[name.indices], as: UTF8.self))"
            default: continue
            }
        }
        for list in draft.lists where RuleParser.isUnshown(list.buffer) { return list.buffer.name.description }
        for test in draft.transactionTests {
            if let buffer = test.element.buffer, RuleParser.isUnshown(buffer) { return buffer.name.description }
        }
        return nil
    }

    /// Buffers that no analyzer shows.
    private static func isUnshown(_ buffer: SignatureBuffer) -> Bool {
        switch buffer {
        case .emailUrl, .snmpTrapType, .quicUserAgent, .quicCYUHash, .quicCYUString, .ikeChosenSAAttribute, .pgsqlQuery,
            .dhcpLeaseTime, .dhcpRebindingTime, .dhcpRenewalTime, .dnp3Data, .dnp3Object, .modbusUnit, .modbusAddress:
            true
        default: false
        }
    }
}
