// SPDX-License-Identifier: Apache-2.0
//
// One rule read: header, then option after option.
//
// Reads   the text of a rule.
// Writes  a draft, then the rule into the pools of `RuleSetBuilder`.
// Leaves  keyword families (the files named …Keywords.swift), the end (RuleFinisher.swift).

import Records

/// What a rule is read with.
package struct RuleOptionsEnvironment: Sendable {
    package var variables = RuleVariables()
    /// Where files that a rule names are looked up; nil: rules that name files are refused.
    package var folder: String?
    /// Rules are checked as Suricata of this version would.
    static let version: (Int, Int, Int) = (8, 0, 8)

    package init() {}
}

/// What became of a rule's text.
enum RuleOutcome {
    case loaded
    /// `requires` asks for something that is not there: not an error.
    case skipped(String)
}

/// Reads rules one after the other into one builder.
struct RuleParser {
    var environment: RuleOptionsEnvironment
    var builder = RuleSetBuilder()
    var draft = RuleDraft()
    var files: RuleFiles
    /// Numbers of classifications by name, from 1.
    var classifications: [String: UInt16] = [:]
    /// Address and port sets by their text.
    private var addressNumbers: [RuleText: UInt32] = [:]
    private var portNumbers: [RuleText: UInt32] = [:]
    /// What the last rule has said besides.
    var warnings: [String] { draft.warnings }

    init(_ environment: RuleOptionsEnvironment) {
        self.environment = environment
        files = RuleFiles(folder: environment.folder)
    }

    /// Reads one rule; on an error nothing of it is kept that could fire.
    mutating func parse(_ text: RuleText, file: UInt16 = 0, line: UInt32 = 0) throws(RuleError) -> RuleOutcome {
        draft = RuleDraft()
        draft.rule.file = file
        draft.rule.line = line
        let parts = try RuleParts(text)
        if let reason = try firstPass(parts.options) { return .skipped(reason) }
        guard draft.hasSignatureID else {
            throw RuleError(.identity, "the rule has no sid", advice: "give it one: sid:1000001;")
        }
        let direction = try parseHeader(parts)
        var options = RuleOptions(parts.options)
        while let option = try options.next() { try parse(option) }
        try finish(direction)
        return .loaded
    }

    /// `sid`, `gid`, `rev` and `requires` are read before anything else: a rule that this version
    /// cannot take may hold keywords that it does not know.
    private mutating func firstPass(_ text: RuleText) throws(RuleError) -> String? {
        var options = RuleOptions(text)
        var skip: String?
        while let option = try options.next() {
            guard let value = option.value?.trimmed else { continue }
            if option.name.equalsAnyCase("sid") {
                try parseSignatureID(value)
            } else if option.name.equalsAnyCase("requires") {
                if let reason = try Requirement.unmet(value) { skip = skip ?? reason }
            }
        }
        return skip
    }

    private mutating func parseSignatureID(_ value: RuleText) throws(RuleError) {
        guard !draft.hasSignatureID else {
            throw RuleError(.identity, "the rule has two sids", advice: "leave one of them")
        }
        // Digits at the start count; Suricata passes over what follows them.
        guard value.first != 0x22, let number = value.prefix(while: \.isDigit).decimal(0xFFFF_FFFF), number > 0 else {
            throw RuleError(.identity, "\(value.quoted) is no sid", advice: "write a number from 1 to 4294967295")
        }
        draft.hasSignatureID = true
        draft.rule.id.signature = UInt32(number)
    }

    private mutating func parseHeader(_ parts: RuleParts) throws(RuleError) -> RuleDirection {
        draft.rule.action = try RuleAction(parsing: parts.action)
        draft.rule.header = try RuleHeader(parsing: parts.proto)
        let direction = try RuleDirection(parsing: parts.direction)
        draft.rule.header.sources = try addressSet(parts.sources)
        draft.rule.header.targets = try addressSet(parts.targets)
        draft.rule.header.sourcePorts = try portSet(parts.sourcePorts)
        draft.rule.header.targetPorts = try portSet(parts.targetPorts)
        draft.hasNegatedAddress = isNegated(parts.sources, 0) || isNegated(parts.targets, 0)
        return direction
    }

    private mutating func addressSet(_ text: RuleText) throws(RuleError) -> UInt32 {
        if text.equals("any") { return 0 }
        if let number = addressNumbers[text] { return number }
        let set = try AddressSet(parsing: text, environment.variables.values)
        let number = UInt32(builder.addressSets.number(of: set))
        // A key of its own octets, so that no rule file is kept alive by it.
        addressNumbers[RuleText(Array(text))] = number
        return number
    }

    /// A `!` stands in the list, or in a variable that it names.
    private func isNegated(_ text: RuleText, _ depth: Int) -> Bool {
        if text.contains(0x21) { return true }
        guard depth < 8, text.contains(0x24) else { return false }
        for part in text.split(whereSeparator: { [0x2C, 0x5B, 0x5D, 0x20].contains($0) }) where part.first == 0x24 {
            if let value = environment.variables.values[part.dropFirst().string], isNegated(RuleText(value), depth + 1)
            {
                return true
            }
        }
        return false
    }

    private mutating func portSet(_ text: RuleText) throws(RuleError) -> UInt32 {
        if text.equals("any") { return 0 }
        if let number = portNumbers[text] { return number }
        let set = try PortSet(parsing: text, environment.variables.values)
        let number = UInt32(builder.portSets.number(of: set))
        portNumbers[RuleText(Array(text))] = number
        return number
    }

    // MARK: one option

    private mutating func parse(_ option: RuleOption) throws(RuleError) {
        guard let info = KeywordInfo.named(option.name) else {
            throw RuleError(
                .keyword, "the keyword \(option.name.quoted) is not known", advice: KeywordInfo.advice(option.name))
        }
        switch info.value {
        case .required where option.value?.isEmpty != false:
            throw RuleError(.value, "\(option.name.string) needs a value", advice: "write \(option.name.string):VALUE;")
        case .none where option.value?.isEmpty == false:
            throw RuleError(.value, "\(option.name.string) takes no value", advice: "write \(option.name.string);")
        default: break
        }
        guard let value = option.value, !value.isEmpty else {
            try apply(info.keyword, option.name, RuleText(), isNegated: false)
            return
        }
        var (text, isNegated) = try RuleParser.unquote(value, info, option.name)
        if info.quotes == .refused, !info.takesNegation { isNegated = false }
        text = text.isEmpty ? RuleText() : text
        try apply(info.keyword, option.name, text, isNegated: isNegated)
    }

    /// Takes a leading `!` and the quotes off a value, as its keyword allows.
    private static func unquote(
        _ value: RuleText, _ info: KeywordInfo, _ name: RuleText
    ) throws(RuleError) -> (RuleText, Bool) {
        var text = value.drop(while: \.isBlank)
        guard !text.isEmpty else { throw RuleError(.value, "\(name.string) needs a value") }
        var isNegated = false
        if info.takesNegation, text.first == 0x21 {
            isNegated = true
            text = text.dropFirst().drop(while: \.isBlank)
        }
        if info.quotes == .mandatory, text.first != 0x22 {
            throw RuleError(
                .value, "the value of \(name.string) must stand in double quotes", advice: "write \(name.string):\"…\";"
            )
        }
        guard text.first == 0x22 else { return (text, isNegated) }
        guard info.quotes != .refused else {
            throw RuleError(
                .value, "the value of \(name.string) must not stand in quotes", advice: "write it without them")
        }
        text = text.trimmedEnd
        guard text.count > 1, text.last == 0x22 else {
            throw RuleError(
                .value, "the quote that opens the value of \(name.string) is not closed",
                advice: "a ';' inside must be written '\\;'")
        }
        text = text.dropFirst().dropLast()
        guard !text.isEmpty else { throw RuleError(.value, "the value of \(name.string) is empty") }
        return (text, isNegated)
    }

    private mutating func apply(
        _ keyword: Keyword, _ name: RuleText, _ value: RuleText, isNegated: Bool
    ) throws(RuleError) {
        switch keyword {
        case .sticky(let info): try open(info, name, value)
        case .modifier(let buffer): try moveLastContent(to: buffer, name)
        case .number(let info): try parseNumber(info, value)
        case .transform(let transform): try add(transform, name, value)
        case .plain(let plain): try apply(plain, name, value, isNegated: isNegated)
        }
    }

    private mutating func apply(
        _ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText, isNegated: Bool
    ) throws(RuleError) {
        if try applyMeta(keyword, value) { return }
        if try applyContent(keyword, name, value, isNegated: isNegated) { return }
        if try applyPacket(keyword, name, value) { return }
        if try applyState(keyword, name, value) { return }
        try applyTransaction(keyword, name, value, isNegated: isNegated)
    }
}

extension KeywordInfo {
    /// A keyword that was, or one that is written alike.
    static func advice(_ name: RuleText) -> String {
        let text = name.string.lowercased()
        let former = [
            "uricontent_raw": "http.uri.raw", "http_header_name": "http.header_names", "lua_script": "lua",
            "resp": "reject as action", "react": "reject as action", "logto": "a log filter", "session": "pcap logging",
            "rawuri": "http.uri.raw", "ssl.sni": "tls.sni", "file_name": "file.name",
            "dns.response": "dns.answers.rrname",
        ]
        if let other = former[text] { return "Suricata 8 has \(other)" }
        let dotted = text.replacing("_", with: ".")
        if dotted != text, named(RuleText(dotted)) != nil { return "write \(dotted)" }
        let underscored = text.replacing(".", with: "_")
        if underscored != text, named(RuleText(underscored)) != nil { return "write \(underscored)" }
        return text.isEmpty
            ? "two ';' follow each other" : "'requires: keyword \(text)' skips a rule where it is missing"
    }
}
