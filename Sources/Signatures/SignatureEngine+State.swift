// SPDX-License-Identifier: Apache-2.0
//
// What matches leave behind on their connection: flowbits, flowints, bits of transactions.
//
// Reads   the flow's names and numbers.
// Writes  the same.
// Leaves  xbits and hostbits: they span connections, and the collector has them.

import Records
import Wire

/// What rules have left on one connection, by name, for those who tell of it.
package struct SignatureMemory {
    package var bits: [String] = []
    package var integers: [(name: String, value: UInt32)] = []
    package var variables: [(name: String, octets: [UInt8])] = []

    package var isEmpty: Bool { bits.isEmpty && integers.isEmpty && variables.isEmpty }
}

extension SignatureEngine {
    package func memory(of slot: UInt32) -> SignatureMemory {
        flows.with(Int(slot)) { flow in
            SignatureMemory(
                bits: flow.bits.map { set.variableNames[Int($0)] },
                integers: flow.integers.map { (set.variableNames[Int($0.name)], $0.value) },
                variables: flow.variables.map { (set.variableNames[Int($0.name)], $0.octets) })
        } ?? SignatureMemory()
    }

    /// Names and numbers that one connection keeps.
    private static let namesMax = 256

    func holds(_ test: StateTest, _ flow: SignatureFlow?) -> Bool {
        switch test {
        case .flowbits(let names, let isSet):
            guard let flow else { return false }
            for place in names.indices where flow.bits.contains(set.nameLists[place]) { return isSet }
            return !isSet
        case .flowint(let name, let test): return flow.map { holds(name, test, $0) } ?? false
        // Decided by the collector, once everything else is true.
        case .xbit, .hostbits: return true
        case .flowVariable(let name, let text): return holds(name, text, flow?.variables ?? [])
        case .packetVariable(let name, let text): return holds(name, text, packetVariables)
        }
    }

    /// Whether a variable holds the octets, wherever in it.
    private func holds(_ name: UInt16, _ text: TextRange, _ variables: [CapturedVariable]) -> Bool {
        let all = set.text
        let wanted = all.octets.extracting(text.indices)
        for variable in variables where variable.name == name {
            let octets = variable.octets.octets
            if PatternSearch.first(wanted, in: octets, 0, octets.byteCount, isCaseless: false) != nil { return true }
        }
        return false
    }

    // MARK: captures

    /// Keeps what the list that has just matched has captured.
    func takeCaptures(_ bytes: RawSpan) {
        for (capture, range) in walker.captures where range.upperBound <= bytes.byteCount {
            var octets: [UInt8] = []
            let end = min(range.upperBound, range.lowerBound &+ CapturedVariable.octetsMax)
            bytes.extracting(range.lowerBound..<end).append(to: &octets)
            captured.append((capture.kind, CapturedVariable(name: capture.name, octets: octets)))
        }
    }

    /// The whole rule has matched: its captures become variables. Answers those of its alert.
    func applyCaptures(_ flow: SignatureFlow?) -> [CapturedVariable] {
        var context: [CapturedVariable] = []
        for (kind, variable) in captured {
            switch kind {
            case .alert: context.append(variable)
            case .packet: packetVariables.append(variable)
            case .flow:
                guard let flow else { continue }
                if let known = flow.variables.firstIndex(where: { $0.name == variable.name }) {
                    flow.variables[known] = variable
                } else if flow.variables.count < SignatureEngine.namesMax {
                    flow.variables.append(variable)
                }
            }
        }
        captured.removeAll()
        return context
    }

    private func holds(_ name: UInt16, _ test: IntegerTest, _ flow: SignatureFlow) -> Bool {
        let found = flow.integers.first { $0.name == name }?.value
        switch test.operation {
        case .isSet: return found != nil
        case .isNotSet: return found == nil
        default: break
        }
        guard let found else { return false }
        var value = test.value
        if let variable = test.variable {
            guard let other = flow.integers.first(where: { $0.name == variable })?.value else { return false }
            value = other
        }
        return switch test.operation {
        case .equal: found == value
        case .notEqual: found != value
        case .less: found < value
        case .lessOrEqual: found <= value
        case .greater: found > value
        case .greaterOrEqual: found >= value
        case .isSet, .isNotSet: true
        }
    }

    func apply(
        _ effect: Effect, _ facts: PacketFacts, _ flow: SignatureFlow?, _ transaction: SignatureTransaction?
    ) {
        guard let flow else { return }
        switch effect {
        case .flowbits(let names, let change):
            for place in names.indices { self.change(&flow.bits, set.nameLists[place], change) }
        case .flowintSet(let name, let value, let variable):
            guard let value = integer(value, variable, flow) else { return }
            setInteger(flow, name) { _ in value }
        case .flowintAdd(let name, let value, let variable, let isSubtraction):
            guard let value = integer(value, variable, flow) else { return }
            setInteger(flow, name) { old in
                guard isSubtraction else { return (old ?? 0) &+ value }
                return old.map { $0 >= value ? $0 &- value : 0 } ?? 0
            }
        case .xbit(let name, .transaction, let change, _):
            if let transaction { self.change(&transaction.bits, name, change) }
        // As behind `pass`: from the next packet on nobody looks. What is inspected at the end has no packet.
        case .bypass: if !facts.isPseudo { flow.flags.insert(.isPassed) }
        case .xbit, .hostbits, .tag, .filestore, .logging: break
        }
    }

    /// A value as it is written, or another flowint's; nil where that is not set.
    private func integer(_ value: UInt32, _ variable: UInt16?, _ flow: SignatureFlow) -> UInt32? {
        guard let variable else { return value }
        return flow.integers.first { $0.name == variable }?.value
    }

    private func change(_ bits: inout [UInt16], _ name: UInt16, _ change: Effect.Change) {
        let known = bits.firstIndex(of: name)
        switch (change, known) {
        case (.set, nil), (.toggle, nil): if bits.count < SignatureEngine.namesMax { bits.append(name) }
        case (.unset, .some(let place)), (.toggle, .some(let place)): bits.remove(at: place)
        default: break
        }
    }

    private func setInteger(_ flow: SignatureFlow, _ name: UInt16, _ value: (UInt32?) -> UInt32) {
        if let place = flow.integers.firstIndex(where: { $0.name == name }) {
            flow.integers[place].value = value(flow.integers[place].value)
        } else if flow.integers.count < SignatureEngine.namesMax {
            flow.integers.append((name, value(nil)))
        }
    }
}
