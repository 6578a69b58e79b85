// SPDX-License-Identifier: Apache-2.0
//
// The order in which rules are evaluated: what one rule sets, a later one of the
// same packet may ask for.
//
// Reads   rules and their tests.
// Writes  the order.
// Leaves  evaluation (the engine).

extension RuleSetBuilder {
    /// The rules that are left, in order: action; then, for flowbits, flowints, captured variables, host bits and
    /// pair bits, those that write before those that write and ask, those before those that ask, those before the
    /// rest; then priority; then as they were read.
    func ordered() -> [Rule] {
        let kept = rules.indices.filter { !replaced.contains($0) }
        let keys = Dictionary(uniqueKeysWithValues: kept.map { ($0, orderKey(rules[$0])) })
        return kept.sorted { left, right in
            let (first, second) = (keys[left] ?? 0, keys[right] ?? 0)
            return first != second ? first < second : left < right
        }.map { rules[$0] }
    }

    private func orderKey(_ rule: Rule) -> UInt64 {
        var key = UInt64(rule.action.rawValue)
        for family in StateFamily.allCases { key = key << 2 | rank(rule, family) }
        return key << 8 | UInt64(rule.priority)
    }

    private enum StateFamily: CaseIterable {
        case flowbits, flowints, flowVariables, packetVariables, hostbits, pairbits
    }

    /// 0 writes, 1 writes and asks, 2 asks, 3 neither.
    private func rank(_ rule: Rule, _ family: StateFamily) -> UInt64 {
        let writes =
            rule.effects.indices.contains { isOf(effects[$0], family) }
            || rule.buffers.indices.contains { writesCaptures(buffers[$0], family) }
        let asks = rule.stateTests.indices.contains { isOf(stateTests[$0], family) }
        return writes ? (asks ? 1 : 0) : asks ? 2 : 3
    }

    private func isOf(_ effect: Effect, _ family: StateFamily) -> Bool {
        switch (effect, family) {
        case (.flowbits, .flowbits), (.flowintSet, .flowints), (.flowintAdd, .flowints), (.hostbits, .hostbits): true
        case (.xbit(_, let scope, _, _), .hostbits): scope == .source || scope == .target
        case (.xbit(_, let scope, _, _), .pairbits): scope == .pair
        default: false
        }
    }

    private func isOf(_ test: StateTest, _ family: StateFamily) -> Bool {
        switch (test, family) {
        case (.flowbits, .flowbits), (.flowint, .flowints), (.hostbits, .hostbits), (.flowVariable, .flowVariables),
            (.packetVariable, .packetVariables):
            true
        case (.xbit(_, let scope, _), .hostbits): scope == .source || scope == .target
        case (.xbit(_, let scope, _), .pairbits): scope == .pair
        default: false
        }
    }

    private func writesCaptures(_ test: BufferTest, _ family: StateFamily) -> Bool {
        guard family == .flowVariables || family == .packetVariables else { return false }
        for index in test.steps.indices {
            guard case .regex(let step) = steps[index] else { continue }
            for capture in step.captures.indices {
                if captures[capture].kind == (family == .flowVariables ? .flow : .packet) { return true }
            }
        }
        return false
    }
}
