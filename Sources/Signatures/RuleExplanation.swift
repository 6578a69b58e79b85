// SPDX-License-Identifier: Apache-2.0
//
// How a rule is evaluated, in words: for people who write rules.
//
// Reads   a rule set.
// Writes  one value for each rule.
// Leaves  why a rule fired (the engine).

package import Records

/// What a rule costs and when it is looked at.
package struct RuleExplanation: Sendable {
    package var id: RuleID
    /// When it is evaluated: `packet`, `stream`, `transaction` …
    package var kind: String
    package var direction: String
    /// The buffer and octets that make the rule a candidate; nil: it is evaluated for everything its header takes.
    package var fastPattern: (buffer: SignatureBuffer, pattern: String, isCaseless: Bool)?
    /// Names of the buffers that it looks at.
    package var buffers: [String]
    package var isInert: Bool

    package init(_ rule: Rule, _ set: RuleSet) {
        id = rule.id
        kind = RuleExplanation.name(rule.kind)
        let flags = rule.flags
        direction =
            flags.contains(.toServer) && flags.contains(.toClient)
            ? "both" : flags.contains(.toServer) ? "to_server" : "to_client"
        buffers = rule.buffers.indices.map { set.buffers[$0].buffer.name.description }
        isInert = flags.contains(.isInert)
        guard let fast = rule.fast, case .content(let content) = set.steps[Int(fast.step)] else { return }
        let start = content.pattern.indices.lowerBound + Int(fast.offset)
        let octets = set.patterns[start ..< start + Int(fast.count)]
        fastPattern = (
            set.buffers[Int(fast.buffer)].buffer, RuleExplanation.written(octets), content.flags.contains(.isCaseless)
        )
    }

    /// Octets as a content writes them.
    private static func written(_ octets: ArraySlice<UInt8>) -> String {
        var text = ""
        for octet in octets {
            let isPlain = (0x20...0x7E).contains(octet) && ![0x22, 0x3A, 0x3B, 0x5C, 0x7C].contains(octet)
            if isPlain {
                text.unicodeScalars.append(Unicode.Scalar(octet))
            } else {
                text += "|" + String(octet >> 4, radix: 16) + String(octet & 15, radix: 16) + "|"
            }
        }
        return text.replacing("||", with: " ")
    }

    private static func name(_ kind: RuleKind) -> String {
        switch kind {
        case .decoderEvent: "decoder_event"
        case .addressOnly: "address_only"
        case .likeAddressOnly: "like_address_only"
        case .protocolOnly: "protocol_only"
        case .packet: "packet"
        case .packetAndStream: "packet_and_stream"
        case .stream: "stream"
        case .application: "application"
        case .transaction: "transaction"
        }
    }
}
