// SPDX-License-Identifier: Apache-2.0
//
// `pcre`: the expression, its flags, the buffers that they select, captures.
//
// Reads   the value of `pcre` and `pcrexform`.
// Writes  steps; expressions into the builder.
// Leaves  matching (Regex.swift, Walker.swift).

import Records

extension RuleParser {
    /// PCRE2's option bits (pcre2.h), which are part of its stable interface.
    enum RegexOption {
        static let caseless: UInt32 = 0x0000_0008
        static let dollarEndOnly: UInt32 = 0x0000_0010
        static let dotAll: UInt32 = 0x0000_0020
        static let extended: UInt32 = 0x0000_0080
        static let multiline: UInt32 = 0x0000_0400
        static let ungreedy: UInt32 = 0x0004_0000
        static let anchored: UInt32 = 0x8000_0000
    }

    mutating func makeRegex(_ pattern: [UInt8], options: UInt32) throws(RuleError) -> UInt32 {
        do {
            builder.regexes.append(try Regex(pattern, options: options))
        } catch {
            throw RuleError(.regex, "PCRE2 refuses the expression at \(error.offset): \(error.message)")
        }
        return UInt32(builder.regexes.count - 1)
    }

    mutating func addRegex(_ value: RuleText, isNegated: Bool) throws(RuleError) {
        guard let (pattern, tail) = RuleParser.expression(value) else {
            throw RuleError(
                .regex, "\(value.quoted) is no expression between slashes", advice: "write pcre:\"/expression/flags\"")
        }
        let captureStart = RuleParser.captureStart(tail)
        let flags = try RegexFlags(parsing: tail[tail.startIndex..<captureStart])
        var step = RegexStep()
        if isNegated { step.flags.insert(.isNegated) }
        if flags.isRelative { step.flags.insert(.isRelative) }
        var list: Int
        if let buffer = flags.buffer {
            // A response's body is file.data under another name.
            let isOpen = draft.current.map { current in
                let open = draft.lists[current].buffer
                return open == buffer || open == .httpResponseBody && buffer == .fileData
            }
            guard isOpen != false else {
                throw RuleError(
                    .buffer, "the flags of pcre select \(buffer.name) behind a sticky buffer",
                    advice: "leave the flag away: the sticky buffer is looked at")
            }
            if buffer == .httpHost, flags.options & RegexOption.caseless == 0 { try RuleParser.needLowerCase(pattern) }
            try need(BufferInfo.of(buffer).applications, RuleText("pcre"))
            list = isOpen == nil ? legacyList(buffer) : draft.activeList()
        } else {
            list = draft.activeList()
        }
        let captures = try RuleParser.captures(tail[captureStart...])
        step.regex = try makeRegex(Array(pattern), options: flags.options)
        if !captures.isEmpty, builder.regexes[Int(step.regex)].captureCount != captures.count {
            throw RuleError(
                .regex, "\(captures.count) names for \(builder.regexes[Int(step.regex)].captureCount) capture groups",
                advice: "name each group, or write (?:…) for those that are not kept")
        }
        draft.append(DraftStep(step: .regex(step), order: 0, captures: captures), to: list)
    }

    /// What stands between the first slash and the last one that no single backslash precedes, and the rest.
    private static func expression(_ value: RuleText) -> (RuleText, RuleText)? {
        let value = value.trimmed
        guard value.first == 0x2F else { return nil }
        var end = value.endIndex - 1
        while end > value.startIndex {
            let isEscaped = value[end - 1] == 0x5C && !(end - 2 > value.startIndex && value[end - 2] == 0x5C)
            if value[end] == 0x2F, !isEscaped { break }
            end -= 1
        }
        guard end > value.startIndex else { return nil }
        return (value[(value.startIndex + 1)..<end], value[(end + 1)...])
    }

    /// Where `,flow:name` and its like begin.
    private static func captureStart(_ tail: RuleText) -> Int {
        for index in tail.indices {
            let rest = tail[index...]
            if rest.begins(with: "flow:") || rest.begins(with: "pkt:") || rest.begins(with: "alert:") { return index }
        }
        return tail.endIndex
    }

    private static func captures(_ text: RuleText) throws(RuleError) -> [(kind: Capture.Kind, name: String)] {
        guard !text.isEmpty else { return [] }
        var found: [(kind: Capture.Kind, name: String)] = []
        for part in text.parts(0x2C) {
            guard let cut = part.cut(0x3A), !cut.tail.isEmpty, found.count < 8 else {
                throw RuleError(
                    .regex, "\(part.quoted) names no capture", advice: "write flow:NAME, pkt:NAME or alert:NAME")
            }
            let kind: Capture.Kind
            switch cut.head.string {
            case "flow": kind = .flow
            case "pkt": kind = .packet
            case "alert": kind = .alert
            default: throw RuleError(.regex, "\(part.quoted) names no capture", advice: "write flow:, pkt: or alert:")
            }
            found.append((kind, cut.tail.string))
        }
        return found
    }

    /// The host is in lower case: an expression with an upper-case letter cannot match it. Escapes such as `\W`
    /// and `\xFF` are no letters of the subject.
    private static func needLowerCase(_ pattern: RuleText) throws(RuleError) {
        var isEscaped = false
        for octet in pattern {
            if isEscaped {
                isEscaped = false
            } else if octet == 0x5C {
                isEscaped = true
            } else if octet.isUpper {
                throw RuleError(
                    .regex, "http.host is in lower case, and the expression has upper case",
                    advice: "write it in lower case, or look at http.host.raw")
            }
        }
    }
}

/// The letters behind an expression.
private struct RegexFlags {
    var options: UInt32 = 0
    var isRelative = false
    private var isRaw = false
    var buffer: SignatureBuffer?

    init(parsing text: RuleText) throws(RuleError) {
        for flag in text where !flag.isSpace && flag != 0x2C {
            switch flag {
            case 0x41: options |= RuleParser.RegexOption.anchored
            case 0x45: options |= RuleParser.RegexOption.dollarEndOnly
            case 0x47: options |= RuleParser.RegexOption.ungreedy
            case 0x69: options |= RuleParser.RegexOption.caseless
            case 0x6D: options |= RuleParser.RegexOption.multiline
            case 0x73: options |= RuleParser.RegexOption.dotAll
            case 0x78: options |= RuleParser.RegexOption.extended
            // The default limits stand in any case.
            case 0x4F: break
            // Raw octets: there are no others.
            case 0x42:
                guard buffer == nil else {
                    throw RuleError(.regex, "the flag B and a selector of pcre exclude each other")
                }
                isRaw = true
            case 0x52: isRelative = true
            default: try select(flag)
            }
        }
    }

    private mutating func select(_ flag: UInt8) throws(RuleError) {
        let buffers: [UInt8: SignatureBuffer] = [
            0x55: .httpURI, 0x49: .httpURIRaw, 0x56: .httpUserAgent, 0x57: .httpHost, 0x5A: .httpHostRaw,
            0x48: .httpHeader, 0x44: .httpHeaderRaw, 0x4D: .httpMethod, 0x43: .httpCookie, 0x50: .httpRequestBody,
            0x51: .fileData, 0x59: .httpStatusMessage, 0x53: .httpStatusCode,
        ]
        guard let found = buffers[flag] else {
            throw RuleError(
                .regex, "the flag '\(Character(Unicode.Scalar(flag)))' of pcre is not known",
                advice: "flags are i s m x A E G O R B and the selectors U I V W Z H D M C P Q Y S")
        }
        guard buffer == nil, !isRaw else {
            throw RuleError(.regex, "the flags of pcre select two buffers", advice: "write two pcre options")
        }
        buffer = found
    }
}
