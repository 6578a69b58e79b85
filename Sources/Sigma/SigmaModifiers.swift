// SPDX-License-Identifier: Apache-2.0
//
// A field with its modifiers and values becomes tests (specification 2.1, "value modifiers").
//
// Reads   `field|modifier|…` and the values under it.
// Writes  a tree of tests.
// Leaves  the condition between them.

import Foundation
import Records

/// Values for `%name%`, by name.
package typealias SigmaPlaceholders = [String: [String]]

/// Reads one field's line.
struct SigmaFieldReader {
    let field: String?
    let modifiers: [String]
    let placeholders: SigmaPlaceholders

    private static let known: Set<String> = [
        "all", "contains", "startswith", "endswith", "exists", "cased", "neq", "windash", "re", "i", "m", "s", "base64",
        "base64offset", "utf16le", "utf16be", "utf16", "wide", "lt", "lte", "gt", "gte", "minute", "hour", "day",
        "week", "month", "year", "cidr", "expand", "fieldref",
    ]

    init(_ key: String, _ placeholders: SigmaPlaceholders) throws(SigmaRefusal) {
        let parts = key.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        field = parts[0].isEmpty ? nil : parts[0]
        modifiers = Array(parts.dropFirst())
        self.placeholders = placeholders
        for name in modifiers where !SigmaFieldReader.known.contains(name) {
            throw SigmaRefusal(.modifier, "there is no modifier “\(name)” (\(key))")
        }
        let flags = modifiers.filter { ["i", "m", "s"].contains($0) }
        guard flags.isEmpty || modifiers.contains("re") else {
            throw SigmaRefusal(.modifier, "\(flags[0]) is a flag of the modifier re (\(key))")
        }
    }

    private func has(_ modifier: String) -> Bool { modifiers.contains(modifier) }
    private var name: String { field ?? "keywords" }

    func node(_ value: SigmaYAML) throws(SigmaRefusal) -> SigmaNode {
        let values: [SigmaYAML]
        if case .list(let elements) = value { values = elements } else { values = [value] }
        guard !values.isEmpty else { throw SigmaRefusal(.form, "\(name) has a list without values") }
        if has("exists") { return .test(SigmaTest(field: field, check: .exists(try truth(values)))) }
        if values.count > 1, values.contains(where: \.isNull) {
            throw SigmaRefusal(.form, "null stands in a list of values of \(name)")
        }
        if values[0].isNull {
            guard modifiers.isEmpty || modifiers == ["neq"] else {
                throw SigmaRefusal(.modifier, "null takes no modifiers (\(name))")
            }
            let test = SigmaNode.test(SigmaTest(field: field, check: .null))
            return has("neq") ? .not(test) : test
        }
        var nodes: [SigmaNode] = []
        var size = 0
        for value in values {
            guard let text = value.text else { throw SigmaRefusal(.form, "a value of \(name) is no text or number") }
            guard text.utf8.count <= SigmaLimits.valueBytesMax else {
                throw SigmaRefusal(.form, "a value of \(name) is longer than \(SigmaLimits.valueBytesMax) octets")
            }
            let checks = try checks(text)
            size += checks.count
            guard size <= SigmaLimits.testsMax else {
                throw SigmaRefusal(.condition, "\(name) has more than \(SigmaLimits.testsMax) tests, written out")
            }
            // `all` joins the values of the list; what one value has become stays an "any of".
            nodes.append(.joined(checks.map { .test(SigmaTest(field: field, check: $0)) }, isAll: false))
        }
        let joined = SigmaNode.joined(nodes, isAll: has("all"))
        return has("neq") ? .not(joined) : joined
    }

    private func truth(_ values: [SigmaYAML]) throws(SigmaRefusal) -> Bool {
        switch values.count == 1 ? values[0].text?.lowercased() : nil {
        case "true", "yes": true
        case "false", "no": false
        default: throw SigmaRefusal(.modifier, "exists wants true or false (\(name))")
        }
    }

    /// What one value becomes; any of them fits.
    private func checks(_ text: String) throws(SigmaRefusal) -> [SigmaCheck] {
        if has("re") { return [.expression(try expression(text))] }
        if has("cidr") { return [.network(try network(text))] }
        if has("fieldref") { return [.field(text, place, isCased: has("cased"))] }
        let orders: [(String, SigmaCheck.Order)] = [
            ("lt", .less), ("lte", .lessOrEqual), ("gt", .greater), ("gte", .greaterOrEqual),
        ]
        for (modifier, order) in orders where has(modifier) {
            guard let number = Double(text), number.isFinite else {
                throw SigmaRefusal(.modifier, "\(modifier) wants a number (\(name): \(text))")
            }
            return [.order(order, number)]
        }
        for modifier in modifiers {
            guard let part = SigmaCheck.TimePart(rawValue: modifier) else { continue }
            guard let number = Int(text) else {
                throw SigmaRefusal(.modifier, "\(modifier) wants a whole number (\(name): \(text))")
            }
            return [.time(part, number)]
        }
        let isCased = has("cased")
        return try patterns(text).map { .pattern(SigmaPattern($0, isCased: isCased), isCased: isCased) }
    }

    private var place: SigmaCheck.Place {
        has("contains") ? .inside : has("startswith") ? .start : has("endswith") ? .end : .whole
    }

    private func expression(_ text: String) throws(SigmaRefusal) -> SigmaExpression {
        let others = modifiers.filter { !["re", "i", "m", "s", "all", "neq", "cased"].contains($0) }
        guard others.isEmpty else { throw SigmaRefusal(.modifier, "re does not go with \(others[0]) (\(name))") }
        return try SigmaExpression(text, isCaseless: has("i"), isMultiline: has("m"), isDotAll: has("s"))
    }

    private func network(_ text: String) throws(SigmaRefusal) -> SigmaNetwork {
        guard let prefix = AddressPrefix(text) else {
            throw SigmaRefusal(.modifier, "“\(text)” is no network such as 10.0.0.0/8 (\(name))")
        }
        return SigmaNetwork(text: text, prefix: prefix)
    }

    // MARK: texts

    /// The tokens of all forms of a value, its modifiers applied in their order.
    private func patterns(_ text: String) throws(SigmaRefusal) -> [[SigmaPattern.Token]] {
        var values = [SigmaPattern.tokens(text)]
        if has("expand") { values = try expand(text) }
        for modifier in modifiers {
            switch modifier {
            case "windash": values = values.flatMap(SigmaFieldReader.windash)
            case "wide", "utf16le", "utf16be", "utf16", "base64", "base64offset":
                var encoded: [[SigmaPattern.Token]] = []
                for value in values { encoded += try encode(value, modifier) }
                values = encoded
            case "contains": values = values.map { [SigmaPattern.anyOctets] + $0 + [SigmaPattern.anyOctets] }
            case "startswith": values = values.map { $0 + [SigmaPattern.anyOctets] }
            case "endswith": values = values.map { [SigmaPattern.anyOctets] + $0 }
            default: break
            }
            guard values.count <= SigmaLimits.expansionsMax,
                values.reduce(0, { $0 + $1.count }) <= SigmaLimits.expandedBytesMax
            else {
                throw SigmaRefusal(.modifier, "a value becomes too many, or too long ones (\(name))")
            }
        }
        // Keywords are looked for everywhere in the event.
        if field == nil { values = values.map { [SigmaPattern.anyOctets] + $0 + [SigmaPattern.anyOctets] } }
        return values
    }

    /// The forms of a value in an encoding.
    private func encode(
        _ value: [SigmaPattern.Token], _ modifier: String
    ) throws(SigmaRefusal) -> [[SigmaPattern.Token]] {
        switch modifier {
        case "utf16be": return [try wide(value, [1, 0])]
        case "utf16": return [[0xFF, 0xFE] + (try wide(value, [0, 1]))]
        case "base64": return [try base64(value, 0, isWhole: true)]
        case "base64offset":
            var forms: [[SigmaPattern.Token]] = []
            for offset in 0..<3 { forms.append(try base64(value, offset, isWhole: false)) }
            return forms
        default: return [try wide(value, [0, 1])]
        }
    }

    /// `%name%` in a value: its values, or a refusal.
    private func expand(_ text: String) throws(SigmaRefusal) -> [[SigmaPattern.Token]] {
        var texts = [""]
        let parts = text.split(separator: "%", omittingEmptySubsequences: false).map(String.init)
        guard parts.count % 2 == 1 else { return [SigmaPattern.tokens(text)] }
        for (index, part) in parts.enumerated() {
            var choices = [part]
            if index % 2 == 1 {
                guard let known = placeholders[part], !known.isEmpty else {
                    throw SigmaRefusal(.placeholder, "the placeholder %\(part)% has no values here (\(name))")
                }
                choices = known
            }
            guard texts.count * choices.count <= SigmaLimits.expansionsMax else {
                throw SigmaRefusal(.placeholder, "%\(part)% stands for too many values")
            }
            texts = texts.flatMap { head in choices.map { head + $0 } }
        }
        return texts.map { SigmaPattern.tokens($0) }
    }

    private func plain(_ tokens: [SigmaPattern.Token]) throws(SigmaRefusal) -> [UInt8] {
        guard let octets = SigmaPattern.plain(tokens) else {
            throw SigmaRefusal(.modifier, "a value that is encoded has no wildcards (\(name))")
        }
        return octets
    }

    /// UTF-16; `order` says which of a unit's octets comes first, 0 the low one.
    private func wide(_ tokens: [SigmaPattern.Token], _ order: [Int]) throws(SigmaRefusal) -> [SigmaPattern.Token] {
        String(decoding: try plain(tokens), as: UTF8.self).utf16.flatMap { unit in
            order.map { SigmaPattern.Token(unit >> UInt16($0 * 8) & 0xFF) }
        }
    }

    /// Base64 of the value as it stands `offset` octets behind a multiple of three, without what neighbours change.
    private func base64(
        _ tokens: [SigmaPattern.Token], _ offset: Int, isWhole: Bool
    ) throws(SigmaRefusal) -> [SigmaPattern.Token] {
        let octets = try plain(tokens)
        let encoded = Data([UInt8](repeating: 0x20, count: offset) + octets).base64EncodedString()
        guard !isWhole else { return encoded.utf8.map { SigmaPattern.Token($0) } }
        let start = [0, 2, 3][offset]
        let end = [0, 3, 2][(octets.count + offset) % 3]
        return encoded.utf8.dropFirst(start).dropLast(end).map { SigmaPattern.Token($0) }
    }

    /// A dash or slash before a word may be any of Windows' five.
    private static func windash(_ tokens: [SigmaPattern.Token]) -> [[SigmaPattern.Token]] {
        let dashes = ["-", "/", "–", "—", "―"].map { $0.utf8.map { SigmaPattern.Token($0) } }
        func isWord(_ token: SigmaPattern.Token) -> Bool {
            token == 0x5F || (0x30...0x39).contains(token) || token < 0x80 && (0x61...0x7A).contains(token | 0x20)
        }
        var found: [[SigmaPattern.Token]] = [[]]
        let formsMax = min(SigmaLimits.expansionsMax, SigmaLimits.expandedBytesMax / max(tokens.count, 1))
        for (index, token) in tokens.enumerated() {
            let isDash = token == 0x2D || token == 0x2F
            let isFirst = index == 0 || !isWord(tokens[index - 1])
            if isDash, isFirst, index + 1 < tokens.count, isWord(tokens[index + 1]),
                found.count * 5 <= formsMax
            {
                found = found.flatMap { head in dashes.map { head + $0 } }
            } else {
                for place in found.indices { found[place].append(token) }
            }
        }
        return found
    }
}
