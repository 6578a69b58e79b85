// SPDX-License-Identifier: Apache-2.0
//
// What turns most candidates away, in half a cache line: protocol, flow, addresses, ports.
//
// Reads   the headers of rules.
// Writes  nothing: made once, then shared by all workers.
// Leaves  everything else of a rule (the engine).

import Records
import Wire

/// The header and `flow` of one rule.
struct RuleGate: Sendable, BitwiseCopyable {
    /// Properties of the rule and of a packet, a bit each: a rule names those that the packet must not have.
    struct Bits: OptionSet, Sendable, BitwiseCopyable {
        let rawValue: UInt16
        static let v4 = Bits(rawValue: 1)
        static let v6 = Bits(rawValue: 2)
        static let toServer = Bits(rawValue: 4)
        static let toClient = Bits(rawValue: 8)
        static let established = Bits(rawValue: 16)
        static let notEstablished = Bits(rawValue: 32)
        static let packet = Bits(rawValue: 64)
        static let stream = Bits(rawValue: 128)
        static let fragment = Bits(rawValue: 256)
        static let whole = Bits(rawValue: 512)
        static let withoutFlow = Bits(rawValue: 1024)
        static let tcp = Bits(rawValue: 2048)
        static let udp = Bits(rawValue: 4096)
        static let other = Bits(rawValue: 8192)
    }

    /// What the packet must not be. Of other protocols than TCP and UDP the rule itself must be asked.
    let refused: Bits
    /// The rule's own, at hand here.
    let flags: RuleFlags
    let applications: AppProtocols
    let sources: UInt32
    let targets: UInt32
    let sourcePorts: UInt32
    let targetPorts: UInt32

    init(_ rule: Rule) {
        var refused: Bits = []
        if !rule.header.protocols.contains(6) { refused.insert(.tcp) }
        if !rule.header.protocols.contains(17) { refused.insert(.udp) }
        if rule.header.version == 4 { refused.insert(.v6) }
        if rule.header.version == 6 { refused.insert(.v4) }
        let test = rule.flow
        if test.isPresent {
            refused.insert(.withoutFlow)
            switch test.side {
            case .either: break
            case .toServer: refused.insert(.toClient)
            case .toClient: refused.insert(.toServer)
            }
            switch test.state {
            case .any, .stateless: break
            case .established: refused.insert(.notEstablished)
            case .notEstablished: refused.insert(.established)
            }
            switch test.stream {
            case .both: break
            case .only: refused.insert(.packet)
            case .no: refused.insert(.stream)
            }
            switch test.fragments {
            case .both: break
            case .only: refused.insert(.whole)
            case .no: refused.insert(.fragment)
            }
        }
        self.refused = refused
        flags = rule.flags
        applications = rule.header.applications
        sources = rule.header.sources
        targets = rule.header.targets
        sourcePorts = rule.header.sourcePorts
        targetPorts = rule.header.targetPorts
    }
}

extension RuleGate.Bits {
    /// What a packet, or a part of a stream, is.
    init(_ facts: PacketFacts, _ kind: PayloadKind, hasFlow: Bool) {
        var bits: RuleGate.Bits = facts.layer.version == 6 ? .v6 : facts.layer.version == 4 ? .v4 : [.v4, .v6]
        bits.insert(facts.isToServer ? .toServer : .toClient)
        bits.insert(facts.isEstablished ? .established : .notEstablished)
        switch kind {
        case .packet: if !facts.isPseudo { bits.insert(.packet) }
        case .stream: bits.insert(.stream)
        }
        bits.insert(facts.layer.isReassembled || facts.layer.isFragment ? .fragment : .whole)
        if !hasFlow { bits.insert(.withoutFlow) }
        switch facts.protocolNumber {
        case 6: bits.insert(.tcp)
        case 17: bits.insert(.udp)
        default: bits.insert(.other)
        }
        self = bits
    }
}

/// Which address sets hold an address: asked anew for every rule, answered once for each of the first sets, which most
/// rules name.
struct AddressMemo: BitwiseCopyable {
    private var address = Address(v4: 0)
    private var known: UInt64 = 0
    private var holds: UInt64 = 0

    func isOf(_ address: Address) -> Bool { self.address == address }

    /// Forgets the answers, unless the address is the same.
    mutating func move(to address: Address) {
        guard self.address != address else { return }
        self.address = address
        known = 0
    }

    mutating func isIn(_ number: UInt32, _ set: RuleSet) -> Bool {
        guard number != 0 else { return true }
        guard number < 64 else { return set.addressSets[Int(number)].contains(address) }
        let bit: UInt64 = 1 << UInt64(number)
        if known & bit == 0 {
            known |= bit
            if set.addressSets[Int(number)].contains(address) { holds |= bit } else { holds &= ~bit }
        }
        return holds & bit != 0
    }
}
