// SPDX-License-Identifier: Apache-2.0
//
// `isdataat`, `bsize`, `urilen`, `absent`, `entropy`, base64.
//
// Reads   values of options.
// Writes  steps of the active list.
// Leaves  evaluation (Walker.swift).

import Records

extension RuleParser {
    mutating func addDataAt(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        var step = DataAtStep()
        var text = parts[0]
        if text.first == 0x21 {
            step.flags.insert(.isNegated)
            text = text.dropFirst()
        }
        let options = parts.dropFirst()
        guard options.count <= 2, options.first.map({ $0.equals("relative") || $0.equals("rawbytes") }) ?? true,
            options.dropFirst().first.map({ $0.equals("rawbytes") }) ?? true
        else {
            throw RuleError(
                .value, "\(value.quoted) is no isdataat", advice: "write isdataat:[!]N[,relative][,rawbytes]")
        }
        if options.first?.equals("relative") == true { step.flags.insert(.isRelative) }
        let isRelative = step.flags.contains(.isRelative)
        let list: Int
        if draft.current == nil, isRelative, let last = draft.last({ $0.isPositioned }) {
            list = last.list
        } else {
            list = draft.activeList()
        }
        if text.first?.isLetter == true {
            step.count = Int32(try number(ofVariable: text))
            step.flags.insert(.countIsVariable)
        } else {
            guard let count = text.decimal(65_535) else { throw RuleParser.numberError("isdataat", text, 65_535) }
            step.count = Int32(count)
        }
        // "Nothing behind it" of a content is endswith.
        if isRelative, step.flags.contains(.isNegated), step.count == 1, !step.flags.contains(.countIsVariable),
            let last = draft.lists[list].steps.lastIndex(where: { $0.content != nil || $0.isRegex }),
            var content = draft.lists[list].steps[last].content
        {
            content.flags.insert(.endsWith)
            draft.lists[list].steps[last].step = .content(content)
            return
        }
        draft.append(DraftStep(step: .isDataAt(step), order: 0), to: list)
    }

    mutating func addSize(_ name: RuleText, _ value: RuleText) throws(RuleError) {
        guard draft.current != nil else {
            throw RuleError(
                .buffer, "bsize has no sticky buffer before it", advice: "write dsize for a packet's payload")
        }
        let test = try NumberTest(parsing: value, .u64)
        draft.append(DraftStep(step: .size(test), order: 0), to: draft.activeList())
    }

    /// `urilen:N[,norm|raw]`; what follows the first word is passed over, as Suricata does.
    mutating func addURILength(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        var syntax = NumberSyntax.u16
        syntax.takesEmptyRanges = true
        let test = try NumberTest(parsing: parts[0], syntax)
        let isRaw = parts.count > 1 && parts[1].equals("raw")
        guard parts.count <= 2, parts.count == 1 || isRaw || parts[1].equals("norm") else {
            throw RuleError(
                .value, "\(value.quoted) is no urilen", advice: "write urilen:N, urilen:N,norm or urilen:N,raw")
        }
        try need(BufferInfo.of(.httpURI).applications, RuleText("urilen"))
        draft.append(DraftStep(step: .size(test), order: 0), to: legacyList(isRaw ? .httpURIRaw : .httpURI))
    }

    mutating func markAbsent(_ value: RuleText) throws(RuleError) {
        guard let current = draft.current else {
            throw RuleError(.buffer, "absent has no sticky buffer before it")
        }
        guard value.isEmpty || value.equals("or_else") else {
            throw RuleError(.value, "\(value.quoted) is no absent", advice: "write absent; or absent: or_else;")
        }
        let list = draft.pendingTransforms.isEmpty ? current : draft.activeList()
        guard draft.lists[list].steps.isEmpty, draft.lists[list].absence == .needed else {
            throw RuleError(.combination, "absent must stand right behind its buffer")
        }
        draft.lists[list].absence = value.isEmpty ? .mustBeAbsent : .mayBeAbsent
    }

    // MARK: base64

    mutating func addBase64(_ value: RuleText) throws(RuleError) {
        var step = Base64Step()
        for part in value.isEmpty ? [] : value.parts(0x2C) {
            let words = part.words
            if words.count == 1, words[0].equals("relative") {
                step.isRelative = true
            } else if words.count == 2, words[0].equals("bytes"), let number = words[1].decimal(0xFFFF_FFFF), number > 0
            {
                step.bytes = UInt32(number)
            } else if words.count == 2, words[0].equals("offset"), let number = words[1].decimal(0xFFFF_FFFF) {
                step.offset = UInt32(number)
            } else {
                throw RuleError(
                    .value, "\(value.quoted) is no base64_decode",
                    advice: "write base64_decode:bytes N, offset N, relative")
            }
        }
        let list: Int
        if draft.current == nil, step.isRelative, let last = draft.last({ $0.isPositioned }) {
            list = last.list
        } else {
            list = draft.activeList()
        }
        draft.append(DraftStep(step: .base64(step), order: 0), to: list)
    }

    mutating func openBase64() throws(RuleError) {
        for list in draft.lists.indices {
            guard let index = draft.lists[list].steps.lastIndex(where: { $0.isBase64 }) else { continue }
            if draft.lists[list].steps[index].base64List == nil {
                draft.lists.append(DraftList(buffer: draft.lists[list].buffer, isBase64: true))
                draft.lists[list].steps[index].base64List = draft.lists.count - 1
            }
            draft.current = draft.lists[list].steps[index].base64List
            return
        }
        throw RuleError(
            .buffer, "base64_data has no base64_decode before it",
            advice: "write base64_decode; base64_data; then contents")
    }

    // MARK: entropy

    /// `[bytes N,][offset N,] value OPERATOR X` with X from 0 to 8.
    mutating func addEntropy(_ value: RuleText) throws(RuleError) {
        var step = EntropyStep()
        var hasValue = false
        for part in value.parts(0x2C) {
            let words = part.words
            if words.count == 2, words[0].equals("bytes"), let number = words[1].decimal(0xFFFF_FFFF) {
                step.bytes = UInt32(number)
            } else if words.count == 2, words[0].equals("offset"), let number = words[1].decimal(0xFFFF_FFFF) {
                step.offset = UInt32(number)
            } else if words.first?.equals("value") == true, !hasValue {
                hasValue = try RuleParser.setEntropy(&step, part.dropFirst(5).trimmed)
            } else {
                throw RuleError(.value, "\(part.quoted) is not known", advice: "write entropy: value >= 4.5")
            }
        }
        guard hasValue else {
            throw RuleError(.value, "entropy compares with no value", advice: "write entropy: value >= 4.5")
        }
        draft.append(DraftStep(step: .entropy(step), order: 0), to: draft.activeList())
    }

    private static func setEntropy(_ step: inout EntropyStep, _ text: RuleText) throws(RuleError) -> Bool {
        let bad = RuleError(
            .value, "\(text.quoted) is no comparison of entropies", advice: "write value >= 4.5, from 0 to 8")
        let sign = text.prefix { $0 == 0x3C || $0 == 0x3D || $0 == 0x3E || $0 == 0x21 }
        let rest = text.dropFirst(sign.count).trimmed
        if let range = rest.cut(0x2D), sign.isEmpty || sign.equals("!") {
            guard let first = decimalFraction(range.head), let second = decimalFraction(range.tail), first < second
            else { throw bad }
            step.comparison = sign.isEmpty ? .inRange : .outOfRange
            (step.first, step.second) = (first, second)
            return true
        }
        guard let first = decimalFraction(rest) else { throw bad }
        switch sign.string {
        case "", "=": step.comparison = .equal
        case "!", "!=": step.comparison = .notEqual
        case "<": step.comparison = .less
        case "<=": step.comparison = .lessOrEqual
        case ">": step.comparison = .greater
        case ">=": step.comparison = .greaterOrEqual
        default: throw bad
        }
        step.first = first
        return true
    }

    private static func decimalFraction(_ text: RuleText) -> Float? {
        guard !text.isEmpty, text.allSatisfy({ $0.isDigit || $0 == 0x2E }), let value = Float(text.string),
            (0...8).contains(value)
        else { return nil }
        return value
    }
}

extension DraftStep {
    var isBase64: Bool {
        if case .base64 = step { return true }
        return false
    }

    /// Moves the cursor, or reads at it: what a relative `isdataat` or `base64_decode` may follow.
    var isPositioned: Bool {
        switch step {
        case .content, .regex, .byteTest, .byteJump, .byteExtract, .byteMath, .isDataAt: true
        default: false
        }
    }
}
