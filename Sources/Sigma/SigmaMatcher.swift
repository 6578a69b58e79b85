// SPDX-License-Identifier: Apache-2.0
//
// All rules of one kind of record in one matcher.
//
// Reads   rules; then the fields of one event after the other.
// Writes  which rules fit, and what of the event made them fit.
// Leaves  alerts (SigmaAlert.swift).
//
// A rule can fit only where one of a few texts stands in a field: of `eventName: [A, B] and not filter` A or B. These
// texts are looked up for all rules at once, whole values in a table, parts of values with one automaton a field; what
// is left, mostly no rule at all, is evaluated test by test, each test once for all rules that share it.

import JSON
import Records
import Signatures

/// The compiled rules; shared by all who match.
final class SigmaMatcher: Sendable {
    indirect enum Node: Sendable {
        case test(Int)
        case all([Node])
        case any([Node])
        case not(Node)
    }

    /// A test with the number of its field, and of the field that it is compared with.
    struct Test: Hashable, Sendable {
        var field: Int
        var other = 0
        var check: SigmaCheck
    }

    /// What a rule cannot do without in one field.
    private struct Lookup: Sendable {
        var field: Int
        var whole = JSONKeyTable([])
        var wholeTexts: [String] = []
        var wholeRules: [[Int]] = []
        var parts = OctetSearch([])
        var partRules: [[Int]] = []
    }

    let rules: [SigmaRule]
    /// The whole event stands first, under no name.
    let fields: [String]
    private let tests: [Test]
    private let roots: [Node]
    private let lookups: [Lookup]
    /// Rules that nothing can be looked up for.
    private let others: [Int]

    init(_ rules: [SigmaRule]) {
        self.rules = rules
        var compiler = Compiler()
        roots = rules.map { compiler.node($0.node) }
        fields = compiler.fields
        tests = compiler.tests
        var wholes: [Int: [[UInt8]: [Int]]] = [:]
        var parts: [Int: [[UInt8]: [Int]]] = [:]
        var others: [Int] = []
        for (number, root) in roots.enumerated() {
            guard let needs = SigmaMatcher.needs(root, compiler.tests) else {
                others.append(number)
                continue
            }
            for need in needs {
                if need.isWhole {
                    wholes[need.field, default: [:]][need.octets, default: []].append(number)
                } else {
                    parts[need.field, default: [:]][need.octets, default: []].append(number)
                }
            }
        }
        lookups = Set(wholes.keys).union(parts.keys).sorted().map { field in
            var lookup = Lookup(field: field)
            let whole = (wholes[field] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }
            lookup.wholeTexts = whole.map { String(decoding: $0.key, as: UTF8.self) }
            lookup.whole = JSONKeyTable(lookup.wholeTexts)
            lookup.wholeRules = whole.map(\.value)
            let part = (parts[field] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }
            lookup.parts = OctetSearch(part.map(\.key))
            lookup.partRules = part.map(\.value)
            if !lookup.parts.isComplete { others += part.flatMap(\.value) }
            return lookup
        }
        self.others = Array(Set(others)).sorted()
    }

    /// What one who matches keeps between events.
    struct Scratch {
        var values: SigmaValues
        fileprivate var event: UInt64 = 0
        /// Of each test the event that it was answered for, and the answer.
        fileprivate var answers: [(event: UInt64, fits: Bool)]
        fileprivate var candidates: [UInt64]
        fileprivate var found: [Int] = []
        fileprivate let regex = RegexScratch(matchLimit: 100_000, recursionLimit: 5000)

        fileprivate init(_ matcher: SigmaMatcher) {
            values = SigmaValues(fieldCount: matcher.fields.count)
            answers = Array(repeating: (0, false), count: matcher.tests.count)
            candidates = Array(repeating: 0, count: matcher.rules.count)
        }
    }

    func makeScratch() -> Scratch { Scratch(self) }

    /// For each field texts in small letters, one of which is the whole value wherever a rule fits; nil where
    /// that cannot be said of all rules.
    var wholeNeeds: [(field: Int, texts: [String])]? {
        guard others.isEmpty, lookups.allSatisfy({ $0.partRules.isEmpty }) else { return nil }
        return lookups.map { ($0.field, $0.wholeTexts) }
    }

    /// Whether a test is about the whole event.
    var asksWholeEvent: Bool { tests.contains { $0.field == 0 } }

    /// The numbers of the rules that fit an event, in the order of the rules.
    func match(_ source: some SigmaFields, _ scratch: inout Scratch) -> [Int] {
        scratch.event &+= 1
        scratch.values.begin()
        scratch.found.removeAll(keepingCapacity: true)
        for rule in others { note(rule, &scratch) }
        for lookup in lookups {
            let range = scratch.values.range(of: lookup.field, source)
            for value in range {
                let octets = scratch.values.lowered
                let place = scratch.values.values[value].lowered
                if let number = lookup.whole.number(of: octets, place) {
                    for rule in lookup.wholeRules[number] { note(rule, &scratch) }
                }
                if !lookup.partRules.isEmpty {
                    lookup.parts.search(octets, place) { number in
                        for rule in lookup.partRules[Int(number)] { note(rule, &scratch) }
                    }
                }
            }
        }
        guard !scratch.found.isEmpty else { return [] }
        return scratch.found.sorted().filter { fits(roots[$0], source, &scratch) }
    }

    private func note(_ rule: Int, _ scratch: inout Scratch) {
        guard scratch.candidates[rule] != scratch.event else { return }
        scratch.candidates[rule] = scratch.event
        scratch.found.append(rule)
    }

    private func fits(_ node: Node, _ source: some SigmaFields, _ scratch: inout Scratch) -> Bool {
        switch node {
        case .test(let number): return answer(number, source, &scratch)
        case .not(let inner): return !fits(inner, source, &scratch)
        case .all(let nodes):
            for inner in nodes where !fits(inner, source, &scratch) { return false }
            return true
        case .any(let nodes):
            for inner in nodes where fits(inner, source, &scratch) { return true }
            return false
        }
    }

    private func answer(_ number: Int, _ source: some SigmaFields, _ scratch: inout Scratch) -> Bool {
        if scratch.answers[number].event == scratch.event { return scratch.answers[number].fits }
        let fits = ask(tests[number], source, &scratch)
        scratch.answers[number] = (scratch.event, fits)
        return fits
    }

    private func ask(_ test: Test, _ source: some SigmaFields, _ scratch: inout Scratch) -> Bool {
        let range = scratch.values.range(of: test.field, source)
        switch test.check {
        case .null: return range.isEmpty
        case .exists(let isThere): return range.isEmpty != isThere
        case .field(_, let place, let isCased):
            let others = scratch.values.range(of: test.other, source)
            return range.contains { value in
                others.contains { SigmaMatcher.stands($0, in: value, place, isCased, scratch.values) }
            }
        default:
            let regex = scratch.regex
            return range.contains { SigmaMatcher.fits(test.check, $0, scratch.values, regex) }
        }
    }

    private static func fits(_ check: SigmaCheck, _ number: Int, _ values: SigmaValues, _ regex: RegexScratch) -> Bool {
        let value = values.values[number]
        switch check {
        case .pattern(let pattern, let isCased):
            return isCased ? pattern.matches(values.plain, value.plain) : pattern.matches(values.lowered, value.lowered)
        case .expression(let expression): return expression.matches(values.plain, value.plain, regex)
        case .network(let network):
            return Address(values.text(number)).map { network.prefix.contains($0) } ?? false
        case .order(let order, let limit):
            guard value.plain.count <= 64, let number = Double(values.text(number)) else { return false }
            switch order {
            case .less: return number < limit
            case .lessOrEqual: return number <= limit
            case .greater: return number > limit
            case .greaterOrEqual: return number >= limit
            }
        case .time(let part, let wanted): return SigmaTime(values.plain[value.plain])?.value(of: part) == wanted
        case .null, .exists, .field: return false
        }
    }

    private static func stands(
        _ other: Int, in number: Int, _ place: SigmaCheck.Place, _ isCased: Bool, _ values: SigmaValues
    ) -> Bool {
        let (value, part) = (values.values[number], values.values[other])
        let octets = isCased ? values.plain : values.lowered
        let whole = octets[isCased ? value.plain : value.lowered]
        let wanted = octets[isCased ? part.plain : part.lowered]
        switch place {
        case .whole: return whole.elementsEqual(wanted)
        case .start: return whole.starts(with: wanted)
        case .end: return whole.reversed().starts(with: wanted.reversed())
        case .inside: return SigmaPattern.stands(wanted, in: whole)
        }
    }

    // MARK: what made it fit

    /// The fields whose tests were true, each with the first value that fits, in the order of the rule.
    func evidence(_ rule: Int, _ source: some SigmaFields, _ scratch: inout Scratch) -> [Evidence] {
        var found: [Evidence] = []
        collect(roots[rule], source, &scratch, &found)
        return found
    }

    typealias Evidence = (name: String, value: String)
    private static let evidenceMax = 32

    private func collect(
        _ node: Node, _ source: some SigmaFields, _ scratch: inout Scratch, _ found: inout [Evidence]
    ) {
        switch node {
        case .not: break
        case .all(let nodes), .any(let nodes): for inner in nodes { collect(inner, source, &scratch, &found) }
        case .test(let number):
            let test = tests[number]
            let name = test.field == 0 ? "event" : fields[test.field]
            guard found.count < SigmaMatcher.evidenceMax, !found.contains(where: { $0.name == name }),
                answer(number, source, &scratch)
            else { return }
            let regex = scratch.regex
            let values = scratch.values
            let range = scratch.values.range(of: test.field, source)
            let value = range.first { SigmaMatcher.fits(test.check, $0, values, regex) } ?? range.first
            found.append((name, value.map { String(scratch.values.text($0).prefix(512)) } ?? ""))
        }
    }
}

// MARK: compiling

extension SigmaMatcher {
    private struct Compiler {
        var fields = [""]
        var tests: [Test] = []
        private var fieldNumbers: [String: Int] = [:]
        private var testNumbers: [Test: Int] = [:]

        mutating func number(of field: String?) -> Int {
            guard let field else { return 0 }
            let key = field.lowercased()
            if let known = fieldNumbers[key] { return known }
            fields.append(field)
            fieldNumbers[key] = fields.count - 1
            return fields.count - 1
        }

        mutating func node(_ node: SigmaNode) -> Node {
            switch node {
            case .all(let nodes): return .all(nodes.map { self.node($0) })
            case .any(let nodes): return .any(nodes.map { self.node($0) })
            case .not(let inner): return .not(self.node(inner))
            case .test(let given):
                var test = Test(field: number(of: given.field), check: given.check)
                if case .field(let other, _, _) = given.check { test.other = number(of: other) }
                if let known = testNumbers[test] { return .test(known) }
                tests.append(test)
                testNumbers[test] = tests.count - 1
                return .test(tests.count - 1)
            }
        }
    }

    private struct Need: Hashable {
        var field: Int
        var octets: [UInt8]
        var isWhole: Bool
    }

    /// Texts of which one must stand in its field where the node fits; nil where there are none such.
    private static func needs(_ node: Node, _ tests: [Test]) -> [Need]? {
        switch node {
        case .not: return nil
        case .test(let number):
            let test = tests[number]
            // The whole event is long: searching it costs more than it spares.
            guard case .pattern(let pattern, let isCased) = test.check, test.field != 0 else { return nil }
            let octets = isCased ? lowered(pattern.octets) : pattern.octets
            if pattern.form == .equals { return [Need(field: test.field, octets: octets, isWhole: true)] }
            guard octets.count >= 2 else { return nil }
            return [Need(field: test.field, octets: octets, isWhole: false)]
        case .any(let nodes):
            var found: [Need] = []
            for inner in nodes {
                guard let needs = needs(inner, tests) else { return nil }
                found += needs
            }
            return found
        case .all(let nodes):
            let choices = nodes.compactMap { needs($0, tests) }
            // Whole values are cheap to look up; of parts, long ones are rare.
            return choices.min { cost($0) < cost($1) }
        }
    }

    private static func cost(_ needs: [Need]) -> Int {
        needs.reduce(0) { $0 + ($1.isWhole ? 1 : 40 / max($1.octets.count, 1) + 4) }
    }

    private static func lowered(_ octets: [UInt8]) -> [UInt8] {
        Array(String(decoding: octets, as: UTF8.self).lowercased().utf8)
    }
}
