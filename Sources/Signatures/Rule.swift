// SPDX-License-Identifier: Apache-2.0
//
// One rule as the engine evaluates it: trivial values and ranges into the pools
// of its `RuleSet`, so that a rule is copied and walked without reference counting.
//
// Reads   nothing.
// Writes  nothing.
// Leaves  the language (RuleParser.swift), the pools (RuleSet.swift).

/// What a rule asks for when it matches. Weir only watches: `drop` and `reject` alert.
package enum RuleAction: UInt8, Sendable, BitwiseCopyable {
    // In the order in which rules are evaluated (Suricata's `action-order`).
    case pass, drop, rejectSource, rejectTarget, rejectBoth, alert, config
}

/// The identity of a rule; two rules of one generator and number are revisions of each other.
package struct RuleID: Hashable, Sendable, BitwiseCopyable {
    package var generator: UInt32 = 1
    package var signature: UInt32 = 0
    package var revision: UInt32 = 0
}

/// Some elements of one of the pools of a `RuleSet`.
package struct PoolRange: Hashable, Sendable, BitwiseCopyable {
    package var start: UInt32 = 0
    package var count: UInt32 = 0

    package init() {}
    package init(_ range: Range<Int>) {
        start = UInt32(truncatingIfNeeded: range.lowerBound)
        count = UInt32(truncatingIfNeeded: range.count)
    }

    package var isEmpty: Bool { count == 0 }
    package var indices: Range<Int> { Int(start)..<Int(start) &+ Int(count) }
}

/// When a rule is evaluated, and so how often it may fire (Suricata's `SignatureType`).
package enum RuleKind: UInt8, Sendable, BitwiseCopyable {
    /// Only a `decode-event`: packets that could not be read.
    case decoderEvent
    /// Addresses and protocol alone: once for each direction of a flow.
    case addressOnly
    /// As `addressOnly`, but with negated addresses: evaluated like a packet rule, once for each direction.
    case likeAddressOnly
    /// Only `app-layer-protocol`: once, when the protocol of the flow is decided.
    case protocolOnly
    /// On each packet, with its own payload.
    case packet
    /// On packets and on the reassembled stream, each for itself.
    case packetAndStream
    /// On the reassembled stream.
    case stream
    /// Only an application protocol in the header.
    case application
    /// On the buffers, numbers and events of a transaction.
    case transaction
}

/// Properties that an engine asks for before anything else of a rule.
package struct RuleFlags: OptionSet, Sendable, BitwiseCopyable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Matches, and says nothing (`noalert`, `flowbits:noalert`).
    package static let isSilent = RuleFlags(rawValue: 1 << 0)
    /// The second copy of a `<>` rule, with its ends exchanged.
    package static let isMirrored = RuleFlags(rawValue: 1 << 1)
    /// `=>`: both directions of one transaction.
    package static let isTransactional = RuleFlags(rawValue: 1 << 2)
    /// Something in it looks at a packet's payload or headers: never on a pseudo packet.
    package static let needsPacket = RuleFlags(rawValue: 1 << 3)
    /// Payload contents are looked for in packets.
    package static let onPackets = RuleFlags(rawValue: 1 << 4)
    /// Payload contents are looked for in reassembled streams.
    package static let onStreams = RuleFlags(rawValue: 1 << 5)
    /// Matches what the originator sends / the responder sends. Both where nothing decides.
    package static let toServer = RuleFlags(rawValue: 1 << 6)
    package static let toClient = RuleFlags(rawValue: 1 << 7)
    /// `filestore`.
    package static let storesFile = RuleFlags(rawValue: 1 << 8)
    /// Has a test that Weir does not evaluate: it never fires, and loading says so.
    package static let isInert = RuleFlags(rawValue: 1 << 9)
    /// `prefilter`: a keyword of the rule is to be its prefilter.
    package static let wantsPrefilter = RuleFlags(rawValue: 1 << 10)
    /// Sets / tests flowbits.
    package static let writesFlowbits = RuleFlags(rawValue: 1 << 12)
    package static let readsFlowbits = RuleFlags(rawValue: 1 << 13)
}

/// Whom an alert calls attacked (`target:src_ip|dest_ip`).
package enum RuleTarget: UInt8, Sendable, BitwiseCopyable {
    case none, source, destination
}

/// The pattern that makes a rule a candidate (specification section 7).
package struct FastPattern: Sendable, BitwiseCopyable {
    /// Index into `RuleSet.buffers`.
    package var buffer: UInt32
    /// Index into `RuleSet.steps`: a content.
    package var step: UInt32
    /// The stretch of the content that is looked for (`fast_pattern:offset,length`).
    package var offset: UInt16
    package var count: UInt16
}

/// One rule, compiled. Everything of variable length stands in the pools of its `RuleSet`.
package struct Rule: Sendable, BitwiseCopyable {
    package var id = RuleID()
    package var action = RuleAction.alert
    package var kind = RuleKind.packet
    package var flags: RuleFlags = []
    /// 1 is the most urgent; EVE's `alert.severity`.
    package var priority: UInt8 = 3
    package var target = RuleTarget.none
    package var header = RuleHeader()
    package var flow = FlowTest()
    /// Into `packetTests`: in the order written, cheapest state first is the engine's matter.
    package var packetTests = PoolRange()
    /// Into `stateTests`: flowbits, flowint, xbits, hostbits and such, in the order written.
    package var stateTests = PoolRange()
    /// Into `buffers`: one for each list of contents, in the order written.
    package var buffers = PoolRange()
    /// Into `transactionTests`.
    package var transactionTests = PoolRange()
    /// Into `effects`: what is done when all has matched.
    package var effects = PoolRange()
    /// Into `limits`: the rule's own threshold or detection filter, and threshold.config's.
    package var limits = PoolRange()
    package var fast: FastPattern?
    /// Into `RuleSet.text`.
    package var message = TextRange()
    package var metadata = TextRange()
    /// Into `references`.
    package var references = PoolRange()
    /// Into `classifications`; 0 is none.
    package var classification: UInt16 = 0
    /// Where it was read: into `files`, and the line, from 1.
    package var file: UInt16 = 0
    package var line: UInt32 = 0
}

extension Rule {
    /// What tells a rule from others over revisions: generator, number, and which copy of a `<>` rule.
    struct Place: Hashable {
        let generator: UInt32
        let signature: UInt32
        let isMirrored: Bool
    }

    var place: Place {
        Place(generator: id.generator, signature: id.signature, isMirrored: flags.contains(.isMirrored))
    }
}

/// Octets of `RuleSet.text`.
package struct TextRange: Hashable, Sendable, BitwiseCopyable {
    package var offset: UInt32 = 0
    package var count: UInt32 = 0
    package var isEmpty: Bool { count == 0 }
    package var indices: Range<Int> { Int(offset)..<Int(offset) &+ Int(count) }
}
