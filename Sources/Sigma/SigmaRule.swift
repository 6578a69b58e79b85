// SPDX-License-Identifier: Apache-2.0
//
// A Sigma rule (specification 2.1.0), read and checked.
//
// Reads   one document.
// Writes  what the rule says of itself, and its condition as a tree of tests.
// Leaves  where its records are (SigmaSource.swift).

/// Where a rule's records come from, as it says.
package struct SigmaLogSource: Hashable, Sendable, CustomStringConvertible {
    package var product: String?
    package var category: String?
    package var service: String?

    package var description: String {
        [product.map { "product \($0)" }, category.map { "category \($0)" }, service.map { "service \($0)" }]
            .compactMap { $0 }.joined(separator: ", ")
    }
}

package enum SigmaLevel: String, Sendable, CaseIterable {
    case informational, low, medium, high, critical

    /// 1 is the most urgent, as in the alert table.
    package var severity: UInt64 {
        switch self {
        case .critical: 1
        case .high: 2
        case .medium: 3
        case .low, .informational: 4
        }
    }
}

/// A rule that can be evaluated.
package struct SigmaRule: Sendable {
    /// The rule's UUID; its title where it has none.
    package var id: String
    package var name: String?
    package var title: String
    package var level: SigmaLevel
    package var status: String?
    package var tags: [String]
    package var source: SigmaLogSource
    /// File that it was read from.
    package var path: String
    var node: SigmaNode

    /// ATT&CK techniques of the tags, such as `T1078.004`.
    package var techniques: [String] {
        tags.compactMap { tag in
            let tag = tag.lowercased()
            guard tag.hasPrefix("attack.t"), tag.dropFirst(8).first?.isNumber == true else { return nil }
            return String(tag.dropFirst(7)).uppercased()
        }
    }
}

/// A document that is added to other rules: `rule and filter`.
struct SigmaFilter {
    var title: String
    /// Ids and names; none stands for every rule of the log source.
    var rules: [String]
    var source: SigmaLogSource
    var node: SigmaNode

    func concerns(_ rule: SigmaRule) -> Bool {
        if rules.isEmpty { return rule.source == source }
        return rules.contains { $0 == rule.id || $0 == rule.name || $0 == rule.title }
    }
}

/// What one document is.
enum SigmaDocument {
    case rule(SigmaRule)
    case filter(SigmaFilter)

    init(_ yaml: SigmaYAML, path: String, _ placeholders: SigmaPlaceholders) throws(SigmaRefusal) {
        guard case .map = yaml else { throw SigmaRefusal(.form, "the document is no map") }
        if let correlation = yaml["correlation"] {
            let type = correlation["type"]?.text ?? "without a type"
            throw SigmaRefusal(.unsupported, "correlation rules (\(type)) are not evaluated")
        }
        if let action = yaml["action"]?.text {
            throw SigmaRefusal(.unsupported, "rule collections with action: \(action) are not evaluated")
        }
        guard let title = yaml["title"]?.text, !title.isEmpty else {
            throw SigmaRefusal(.form, "the document has no title, so it is no Sigma rule")
        }
        let source = try SigmaDocument.source(yaml)
        if let filter = yaml["filter"] {
            let named = filter["rules"]?.texts ?? []
            let node = try SigmaDocument.detection(filter, leaving: ["rules", "condition"], placeholders)
            self = .filter(
                SigmaFilter(title: title, rules: named == ["any"] ? [] : named, source: source, node: node))
            return
        }
        guard let detection = yaml["detection"] else { throw SigmaRefusal(.form, "the rule has no detection") }
        let level = (yaml["level"]?.text).map { $0.lowercased() } ?? "medium"
        guard let known = SigmaLevel(rawValue: level) else {
            throw SigmaRefusal(.form, "there is no level “\(level)”")
        }
        let node = try SigmaDocument.detection(detection, leaving: ["condition"], placeholders)
        self = .rule(
            SigmaRule(
                id: yaml["id"]?.text ?? title, name: yaml["name"]?.text, title: title, level: known,
                status: yaml["status"]?.text, tags: yaml["tags"]?.texts ?? [], source: source, path: path, node: node))
    }

    private static func source(_ yaml: SigmaYAML) throws(SigmaRefusal) -> SigmaLogSource {
        guard let logsource = yaml["logsource"], case .map = logsource else {
            throw SigmaRefusal(.form, "the document has no logsource")
        }
        let source = SigmaLogSource(
            product: logsource["product"]?.text?.lowercased(), category: logsource["category"]?.text?.lowercased(),
            service: logsource["service"]?.text?.lowercased())
        guard !source.description.isEmpty else { throw SigmaRefusal(.form, "the logsource names nothing") }
        return source
    }

    /// The searches and the condition, or conditions, of which any may be met.
    private static func detection(
        _ yaml: SigmaYAML, leaving: Set<String>, _ placeholders: SigmaPlaceholders
    ) throws(SigmaRefusal) -> SigmaNode {
        guard case .map(let members) = yaml else { throw SigmaRefusal(.form, "the detection is no map") }
        var searches: [(name: String, node: SigmaNode)] = []
        var size = 0
        for member in members where !leaving.contains(member.key) {
            guard member.key != "timeframe" else {
                throw SigmaRefusal(.unsupported, "timeframe belongs to aggregations, which are not evaluated")
            }
            let node = try search(member.value, member.key, placeholders)
            try count(node, &size)
            searches.append((member.key, node))
        }
        guard !searches.isEmpty else { throw SigmaRefusal(.form, "the detection has no search identifier") }
        guard let condition = yaml["condition"], !condition.texts.isEmpty else {
            throw SigmaRefusal(.condition, "the rule has no condition")
        }
        var reader = SigmaConditionReader(searches)
        var nodes: [SigmaNode] = []
        for text in condition.texts { nodes.append(try reader.read(text)) }
        return SigmaNode.joined(nodes, isAll: false)
    }

    /// Counts the tests of a part while it is read, so that none grows beyond what a rule may have.
    private static func count(_ node: SigmaNode?, _ size: inout Int) throws(SigmaRefusal) {
        size += node?.count ?? 0
        guard size <= SigmaLimits.testsMax else {
            throw SigmaRefusal(.condition, "the rule has more than \(SigmaLimits.testsMax) tests, written out")
        }
    }

    /// A map is "all of", a list of maps "any of", a list of values keywords.
    private static func search(
        _ yaml: SigmaYAML, _ name: String, _ placeholders: SigmaPlaceholders
    ) throws(SigmaRefusal) -> SigmaNode {
        switch yaml {
        case .map(let members):
            guard !members.isEmpty else { throw SigmaRefusal(.form, "\(name) is empty") }
            var nodes: [SigmaNode] = []
            var size = 0
            for member in members {
                nodes.append(try SigmaFieldReader(member.key, placeholders).node(member.value))
                try SigmaDocument.count(nodes.last, &size)
            }
            return .joined(nodes, isAll: true)
        case .list(let elements):
            guard !elements.isEmpty else { throw SigmaRefusal(.form, "\(name) is empty") }
            var nodes: [SigmaNode] = []
            var size = 0
            for element in elements {
                nodes.append(try search(element, name, placeholders))
                try SigmaDocument.count(nodes.last, &size)
            }
            return .joined(nodes, isAll: false)
        case .scalar: return try SigmaFieldReader("", placeholders).node(yaml)
        case .null: throw SigmaRefusal(.form, "\(name) is empty")
        }
    }
}
