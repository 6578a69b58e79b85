// SPDX-License-Identifier: Apache-2.0
//
// A rule file cut into rules, a rule into header and options (specification
// section 1, first half).
//
// Reads   octets of a rule file.
// Writes  slices of them.
// Leaves  what the parts mean.

/// One rule's text and the number of the line on which it begins, from 1.
struct RuleLine {
    var text: RuleText
    var line: Int
}

/// Rules of a file, one after the other: comments and empty lines are left out, a
/// line that ends in a backslash goes on in the next.
struct RuleLines {
    private let bytes: [UInt8]
    private var position = 0
    private var line = 0
    /// Lines that begin with a blank and look like rules: Suricata passes over them.
    private(set) var passedOver: [Int] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> RuleLine? {
        while position < bytes.count {
            let text = takeLine()
            let first = line
            guard let head = text.first, head != 0x23, head != 0x3B else { continue }
            guard head != 0x20 else {
                if text.trimmed.first?.isLetter == true, text.contains(0x28) { passedOver.append(line) }
                continue
            }
            guard !text.trimmed.isEmpty else { continue }
            guard text.last == 0x5C else { return RuleLine(text: text, line: first) }
            var joined = Array(text.dropLast())
            while position < bytes.count {
                let more = takeLine()
                let isLast = more.last != 0x5C
                joined.append(contentsOf: isLast ? more : more.dropLast())
                if isLast { break }
            }
            return RuleLine(text: joined[...], line: first)
        }
        return nil
    }

    /// The next line without the white space behind it.
    private mutating func takeLine() -> RuleText {
        let end = bytes[position...].firstIndex(of: 0x0A) ?? bytes.count
        let text = bytes[position..<end].trimmedEnd
        position = min(end + 1, bytes.count)
        line += 1
        return text
    }
}

/// The seven tokens of a header and the octets of the options.
struct RuleParts {
    var action: RuleText
    var proto: RuleText
    var sources: RuleText
    var sourcePorts: RuleText
    var direction: RuleText
    var targets: RuleText
    var targetPorts: RuleText
    var options: RuleText

    /// Longer rules are refused (Suricata's `DETECT_MAX_RULE_SIZE`).
    static let bytesMax = 8192

    init(_ text: RuleText) throws(RuleError) {
        guard text.count < RuleParts.bytesMax else {
            throw RuleError(
                .tooLong, "a rule of \(text.count) octets; at most \(RuleParts.bytesMax - 1) are read",
                advice: "split its lists, or move long contents into a dataset")
        }
        guard !text.contains(0) else { throw RuleError(.header, "a zero octet in the rule") }
        var rest = text.trimmed
        var tokens: [RuleText] = []
        // Action and direction are plain words; the rest may hold lists with blanks.
        for isList in [false, true, true, true, false, true, true] {
            tokens.append(RuleParts.token(&rest, isList: isList))
        }
        guard tokens.allSatisfy({ !$0.isEmpty }) else {
            throw RuleError(
                .header, "the header is incomplete",
                advice: "write 'action protocol addresses ports -> addresses ports (options;)', with spaces between")
        }
        (action, proto, sources, sourcePorts) = (tokens[0], tokens[1], tokens[2], tokens[3])
        (direction, targets, targetPorts) = (tokens[4], tokens[5], tokens[6])
        while let first = rest.first, first.isSpace || first == 0x28 { rest.removeFirst() }
        while let last = rest.last, last.isSpace || last == 0x29 { rest.removeLast() }
        options = rest
    }

    private static func token(_ rest: inout RuleText, isList: Bool) -> RuleText {
        rest = rest.drop { $0 == 0x20 }
        var depth = 0
        var end = rest.startIndex
        while end < rest.endIndex {
            let octet = rest[end]
            if isList, octet == 0x5B { depth += 1 }
            if isList, octet == 0x5D { depth -= 1 }
            if octet == 0x20, depth <= 0 { break }
            end += 1
        }
        let token = rest[rest.startIndex..<end]
        rest = rest[end...]
        return token
    }
}

/// One `name` or `name:value` of a rule.
struct RuleOption {
    var name: RuleText
    /// nil where no colon stands.
    var value: RuleText?
}

/// The options in the order written. An option ends at the first semicolon that no
/// backslash precedes; quotes play no role.
struct RuleOptions {
    private var rest: RuleText
    private var count = 0
    /// Options that one rule may have; a rule of the greatest length has fewer than this.
    static let countMax = 4096

    init(_ text: RuleText) { rest = text }

    mutating func next() throws(RuleError) -> RuleOption? {
        rest = rest.drop(while: \.isSpace)
        guard !rest.isEmpty else { return nil }
        count += 1
        guard count <= RuleOptions.countMax else {
            throw RuleError(.option, "more than \(RuleOptions.countMax) options")
        }
        var end = rest.startIndex
        while end < rest.endIndex {
            if rest[end] == 0x3B, end == rest.startIndex || rest[end - 1] != 0x5C { break }
            end += 1
        }
        guard end < rest.endIndex else {
            throw RuleError(
                .option, "no ';' ends the option \(rest.prefix(24).quoted)",
                advice: "end every option with ';', and write '\\;' inside of a value")
        }
        let option = rest[rest.startIndex..<end]
        rest = rest[(end + 1)...]
        guard let colon = option.firstIndex(of: 0x3A) else { return RuleOption(name: option.trimmed, value: nil) }
        return RuleOption(name: option[option.startIndex..<colon].trimmed, value: option[(colon + 1)...].trimmedEnd)
    }
}

extension ArraySlice where Element == UInt8 {
    /// Without white space behind.
    var trimmedEnd: RuleText {
        var end = endIndex
        while end > startIndex, self[end - 1].isSpace { end -= 1 }
        return self[startIndex..<end]
    }
}
