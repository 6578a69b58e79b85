// SPDX-License-Identifier: Apache-2.0
//
// What a rule says of itself: message, revision, class, references, metadata,
// requirements.
//
// Reads   values of options.
// Writes  the draft.
// Leaves  `sid`, which is read before (RuleParser.swift).

import Records

extension RuleParser {
    /// False: not one of these.
    mutating func applyMeta(_ keyword: PlainKeyword, _ value: RuleText) throws(RuleError) -> Bool {
        switch keyword {
        case .sid, .requires: break
        case .gid: draft.rule.id.generator = UInt32(try leadingNumber("gid", value))
        case .rev:
            guard !draft.hasRevision else { throw RuleError(.duplicate, "the rule has two revisions") }
            let number = try leadingNumber("rev", value)
            guard number > 0 else { throw RuleError(.value, "rev must be 1 or more") }
            draft.hasRevision = true
            draft.rule.id.revision = UInt32(number)
        case .msg:
            guard !draft.hasMessage else { throw RuleError(.duplicate, "the rule has two messages") }
            draft.hasMessage = true
            draft.rule.message = builder.addText(RuleParser.unescaped(value))
        case .classtype: try parseClass(value)
        case .priority: try parsePriority(value)
        case .reference: try parseReference(value)
        case .metadata: addMetadata(value)
        case .target: try parseTarget(value)
        default: return false
        }
        return true
    }

    /// Digits at the start; what follows is passed over, as Suricata does.
    private func leadingNumber(_ name: String, _ value: RuleText) throws(RuleError) -> UInt64 {
        guard let number = value.trimmed.prefix(while: \.isDigit).decimal(0xFFFF_FFFF) else {
            throw RuleError(.value, "\(value.quoted) is no \(name)", advice: "write a number")
        }
        return number
    }

    /// Without the backslashes that escape `;`, `:`, `"` and themselves.
    static func unescaped(_ value: RuleText) -> RuleText {
        guard value.contains(0x5C) else { return value }
        var plain: [UInt8] = []
        var index = value.startIndex
        while index < value.endIndex {
            if value[index] == 0x5C, index + 1 < value.endIndex { index += 1 }
            plain.append(value[index])
            index += 1
        }
        return plain[...]
    }

    /// A class that classification.config does not know is taken, with priority 3.
    private mutating func parseClass(_ value: RuleText) throws(RuleError) {
        let name = value.trimmed
        guard let first = name.first, first.isLetter,
            name.allSatisfy({ $0.isLetter || $0.isDigit || $0 == 0x2D || $0 == 0x5F })
        else { throw RuleError(.value, "\(value.quoted) is no class", advice: "write a name of classification.config") }
        if draft.rule.classification != 0 { draft.warnings.append("two classtypes: the first one counts") }
        guard draft.rule.classification == 0 else { return }
        guard let number = classifications[name.string.lowercased()] else {
            draft.warnings.append(
                "the class \(name.string) is not in classification.config: priority 3 is assumed")
            return
        }
        draft.rule.classification = number
        if !draft.hasPriority { draft.rule.priority = builder.classifications[Int(number) - 1].priority }
    }

    private mutating func parsePriority(_ value: RuleText) throws(RuleError) {
        guard let number = value.trimmed.decimal() ?? (value.trimmed.allSatisfy(\.isDigit) ? .max : nil) else {
            throw RuleError(.value, "\(value.quoted) is no priority", advice: "write a number, 1 for the most urgent")
        }
        draft.hasPriority = true
        draft.rule.priority = UInt8(clamping: number)
    }

    private mutating func parseReference(_ value: RuleText) throws(RuleError) {
        guard let parts = value.cut(0x2C), !parts.head.isEmpty, !parts.tail.isEmpty else {
            throw RuleError(
                .value, "\(value.quoted) is no reference", advice: "write a type and a value: cve,2021-44228")
        }
        let known = builder.referencePrefixes[parts.head.string.lowercased()] != nil
        if !known { draft.warnings.append("the reference type \(parts.head.string) is not in reference.config") }
        draft.references.append(Reference(type: builder.addText(parts.head), value: builder.addText(parts.tail)))
    }

    /// Several `metadata` of one rule are one list.
    private mutating func addMetadata(_ value: RuleText) {
        if draft.rule.metadata.isEmpty {
            draft.rule.metadata = builder.addText(value.trimmed)
        } else {
            let before = Array(builder.text[draft.rule.metadata.indices])
            draft.rule.metadata = builder.addText((before + [0x2C, 0x20] + value.trimmed)[...])
        }
    }

    private mutating func parseTarget(_ value: RuleText) throws(RuleError) {
        let target: RuleTarget
        if value.trimmed.equals("src_ip") {
            target = .source
        } else if value.trimmed.equals("dest_ip") {
            target = .destination
        } else {
            throw RuleError(.value, "\(value.quoted) is no target", advice: "write src_ip or dest_ip")
        }
        guard draft.rule.target == .none || draft.rule.target == target else {
            throw RuleError(.duplicate, "two targets that differ")
        }
        draft.rule.target = target
    }
}

/// `requires: feature X, version >= 7.0.3, keyword foo`.
enum Requirement {
    /// Features of Suricata 8 that Weir has.
    private static let features: Set<String> = ["output::file-store", "ja3", "ja4", "true", "file-store"]

    /// Why the rule is passed over; nil where all is met.
    static func unmet(_ value: RuleText) throws(RuleError) -> String? {
        var reason: String?
        for part in value.parts(0x2C) {
            let words = part.words
            guard let kind = words.first else { continue }
            if kind.equals("version") {
                guard try versionIsMet(part.dropFirst(kind.count).trimmed) else {
                    reason = reason ?? "it requires \(part.string)"
                    continue
                }
            } else if kind.equals("feature"), words.count == 2 {
                if !features.contains(words[1].string) { reason = reason ?? "it requires \(part.string)" }
            } else if kind.equals("keyword"), words.count == 2 {
                if KeywordInfo.named(words[1]) == nil { reason = reason ?? "it requires \(part.string)" }
            } else {
                reason = reason ?? "it requires \(part.string), which is not known"
            }
        }
        return reason
    }

    /// Comparisons joined by spaces are all to hold, those joined by `|` one of them.
    private static func versionIsMet(_ text: RuleText) throws(RuleError) -> Bool {
        for choice in text.parts(0x7C) {
            var isMet = true
            var rest = choice
            repeat {
                let sign = rest.prefix { $0 == 0x3C || $0 == 0x3D || $0 == 0x3E }
                rest = rest.dropFirst(sign.count).drop(while: \.isSpace)
                let number = rest.prefix { !$0.isSpace && $0 != 0x3C && $0 != 0x3E }
                rest = rest.dropFirst(number.count).drop(while: \.isSpace)
                guard let order = order(number) else {
                    throw RuleError(
                        .value, "\(text.quoted) is no version", advice: "write requires: version >= 8.0.0;")
                }
                switch sign.string {
                case "<": isMet = isMet && order < 0
                case "<=": isMet = isMet && order <= 0
                case ">": isMet = isMet && order > 0
                case ">=": isMet = isMet && order >= 0
                default: throw RuleError(.value, "\(text.quoted): write version <, <=, > or >= a version")
                }
            } while !rest.isEmpty
            if isMet { return true }
        }
        return false
    }

    /// How the version that is followed stands to `text`: below (negative), at, or above it.
    private static func order(_ text: RuleText) -> Int? {
        let release = text.parts(0x2D)[0].parts(0x2E)
        let numbers = release.compactMap { $0.decimal(9999).map(Int.init) }
        guard (1...3).contains(numbers.count), numbers.count == release.count else { return nil }
        let own = RuleOptionsEnvironment.version
        for (mine, other) in zip([own.0, own.1, own.2], numbers + [0, 0]) where mine != other {
            return mine - other
        }
        return 0
    }
}
