// SPDX-License-Identifier: Apache-2.0
//
// A rule taken apart, for people who ask how far it gets: the same rule with one test more each time.
//
// Reads   the text of one rule.
// Writes  whole rules that grow test by test, under numbers of their own.
// Leaves  trying them on packets (module Sensor), what keywords mean (the parsers).

/// The rules that lead to a rule: its header alone, then one test more each time, at last the rule itself.
///
/// What a match would leave behind (`flowbits:set`, `tag`) is left out of all but the last, so that trying the
/// steps changes nothing for the rules beside them. Thresholds come last, wherever they are written.
package struct RuleSteps: Sendable {
    package struct Step: Sendable {
        /// What it adds to the steps before, as the rule writes it.
        package var text: String
        /// The rule up to here.
        package var rule: String
        /// Its number.
        package var signature: UInt32
    }

    /// Steps that one rule may have; what is behind them is in the last.
    package static let countMax = 200
    /// The number of the first step; no published rule comes near.
    package static let firstSignature: UInt32 = 4_294_000_000

    package private(set) var steps: [Step] = []
    /// The rule is silent by itself (`noalert`, or only sets a bit); the steps are not.
    package private(set) var isSilent = false

    /// `leavesMarks`: whether the last step leaves behind what the rule does, or the rule itself is there to do it.
    /// Throws where the text is no rule at all; that its options make sense is for the loader to say.
    package init(_ text: String, leavesMarks: Bool = true) throws(RuleError) {
        let parts = try RuleParts(ArraySlice(text))
        let header = [parts.proto, parts.sources, parts.sourcePorts, parts.direction, parts.targets, parts.targetPorts]
            .map(\.string).joined(separator: " ")
        var reading = Reading()
        var options = RuleOptions(parts.options)
        while let option = try options.next() { reading.take(option) }
        isSilent = reading.isSilent
        let tests = reading.finished()
        var body = ""
        add("alert \(header)", header, body)
        for (place, test) in tests.enumerated() {
            body += test + " "
            if place < RuleSteps.countMax || place == tests.count - 1 { add(test, header, body) }
        }
        let effects = leavesMarks ? reading.effects : []
        guard !reading.limits.isEmpty || !effects.isEmpty else { return }
        body += (effects + reading.limits).joined(separator: " ")
        let shown = reading.limits.isEmpty ? "the whole rule" : reading.limits.joined(separator: " ")
        add(shown, header, body)
    }

    private mutating func add(_ shown: String, _ header: String, _ body: String) {
        let number = RuleSteps.firstSignature + UInt32(steps.count)
        let rule = "alert \(header) (msg:\"step\"; \(body) sid:\(number); rev:1;)"
        steps.append(Step(text: shown, rule: rule, signature: number))
    }
}

/// Options sorted into tests, and what goes with them.
private struct Reading {
    private var tests: [String] = []
    /// Options that open the next test: sticky buffers and transforms.
    private var openers: [String] = []
    private(set) var limits: [String] = []
    private(set) var effects: [String] = []
    private(set) var isSilent = false

    private enum Role { case none, silence, opener, test, joinsTest, limit, effect }

    mutating func take(_ option: RuleOption) {
        let text = option.value.map { "\(option.name.string):\($0.string);" } ?? "\(option.name.string);"
        switch Reading.role(option) {
        case .none: break
        case .silence: isSilent = true
        case .opener: openers.append(text)
        case .limit: limits.append(text)
        case .effect: effects.append(text)
        case .joinsTest where !tests.isEmpty && openers.isEmpty: tests[tests.count - 1] += " " + text
        case .joinsTest, .test:
            tests.append((openers + [text]).joined(separator: " "))
            openers.removeAll()
        }
    }

    /// The tests; what was opened and not used belongs to the last.
    func finished() -> [String] {
        openers.isEmpty ? tests : tests + [openers.joined(separator: " ")]
    }

    private static func role(_ option: RuleOption) -> Role {
        guard let keyword = KeywordInfo.named(option.name)?.keyword else { return .test }
        switch keyword {
        case .sticky, .transform: return .opener
        case .modifier: return .joinsTest
        case .number: return .test
        case .plain(let plain): return role(plain, option.value ?? [])
        }
    }

    private static func role(_ keyword: PlainKeyword, _ value: RuleText) -> Role {
        switch keyword {
        case .sid, .gid, .rev, .msg, .classtype, .priority, .reference, .metadata, .target, .requires, .alert,
            .prefilter, .markSet:
            return .none
        case .noalert: return .silence
        case .nocase, .offset, .depth, .distance, .within, .startswith, .endswith, .rawbytes, .replace, .fastPattern:
            return .joinsTest
        case .packetData, .base64Decode, .base64Data: return .opener
        case .threshold, .detectionFilter: return .limit
        case .tag, .bypass, .config, .filestore, .tlsStore: return .effect
        case .flowbits, .xbits, .hostbits:
            let word = value.prefix { $0 != 0x2C }.trimmed
            if word.equals("noalert") { return .silence }
            return ["set", "unset", "toggle"].contains(word.string) ? .effect : .test
        case .flowint:
            let words = value.split(separator: 0x2C)
            return words.count > 1 && ["+", "-", "="].contains(words[1].trimmed.string) ? .effect : .test
        default: return .test
        }
    }
}

/// Looking a rule up in the text of rule files.
package enum RuleFinder {
    /// The text of the rule with this number; nil where the file has none. Of several the last counts.
    package static func rule(_ signature: UInt32, in bytes: [UInt8]) -> String? {
        var found: String?
        var lines = RuleLines(bytes)
        while let line = lines.next() {
            guard let parts = try? RuleParts(line.text) else { continue }
            var options = RuleOptions(parts.options)
            while let option = try? options.next() {
                guard option.name.equals("sid") else { continue }
                if let value = option.value?.trimmed, value.string == String(signature) { found = line.text.string }
                break
            }
        }
        return found
    }
}
