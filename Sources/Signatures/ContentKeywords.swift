// SPDX-License-Identifier: Apache-2.0
//
// Contents and what stands behind them (specification section 2).
//
// Reads   values of options.
// Writes  steps of the active list.
// Leaves  `byte_*` (ByteKeywords.swift), `pcre` (RegexKeywords.swift), data sets (DatasetKeywords.swift).

import Records

extension RuleParser {
    /// False: not one of these.
    mutating func applyContent(
        _ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText, isNegated: Bool
    ) throws(RuleError) -> Bool {
        switch keyword {
        case .content: try addContent(value, isNegated: isNegated, to: draft.activeList())
        case .uricontent: try addURIContent(value, isNegated: isNegated)
        case .nocase: try changeContent(name, RuleParser.makeCaseless)
        case .offset, .depth, .distance, .within: try place(keyword, name, value)
        case .startswith: try changeContent(name, RuleParser.startWith)
        case .endswith:
            try changeContent(name) { (step: inout DraftStep, content: inout ContentStep) in
                content.flags.insert(.endsWith)
            }
        case .rawbytes:
            try changeContent(name) { (step: inout DraftStep, content: inout ContentStep) in step.isRawBytes = true }
        case .replace: try addReplacement(name, value)
        case .fastPattern: try chooseFast(value)
        case .pcre: try addRegex(value, isNegated: isNegated)
        case .isdataat: try addDataAt(value)
        case .bsize: try addSize(name, value)
        case .urilen: try addURILength(value)
        case .byteTest: try addByteTest(value)
        case .byteJump: try addByteJump(value)
        case .byteExtract: try addByteExtract(value)
        case .byteMath: try addByteMath(value)
        case .base64Decode: try addBase64(value)
        case .base64Data: try openBase64()
        case .absent: try markAbsent(value)
        case .entropy: try addEntropy(value)
        case .dataset: try addDataset(value)
        case .datarep: try addReputationSet(value)
        case .packetData: try openPayload(name)
        default: return false
        }
        return true
    }

    // MARK: contents

    mutating func addContent(_ value: RuleText, isNegated: Bool, to list: Int) throws(RuleError) {
        let pattern = try RuleParser.octets(of: value)
        var content = ContentStep()
        if isNegated { content.flags.insert(.isNegated) }
        draft.append(DraftStep(step: .content(content), pattern: pattern, order: 0), to: list)
    }

    private mutating func addURIContent(_ value: RuleText, isNegated: Bool) throws(RuleError) {
        try need(BufferInfo.of(.httpURI).applications, RuleText("uricontent"))
        try addContent(value, isNegated: isNegated, to: legacyList(.httpURI))
    }

    /// The octets that a content stands for: text with escapes, hexadecimal between bars.
    static func octets(of value: RuleText) throws(RuleError) -> [UInt8] {
        var octets: [UInt8] = []
        octets.reserveCapacity(value.count)
        var isHexadecimal = false
        var half: UInt8?
        var index = value.startIndex
        while index < value.endIndex {
            let octet = value[index]
            index += 1
            switch octet {
            case 0x7C:
                guard half == nil else {
                    throw RuleError(.content, "half an octet in \(value.quoted)", advice: "write digits in pairs")
                }
                isHexadecimal.toggle()
            case _ where isHexadecimal:
                if octet == 0x20 || octet == 0x2C { continue }
                guard let digit = octet.hexadecimal else {
                    throw RuleError(.content, "between bars of \(value.quoted) stands what is no hexadecimal digit")
                }
                if let high = half {
                    octets.append(high << 4 | digit)
                    half = nil
                } else {
                    half = digit
                }
            case 0x5C:
                guard index < value.endIndex, [0x3A, 0x3B, 0x5C, 0x22].contains(value[index]) else {
                    throw RuleError(
                        .content, "a backslash in \(value.quoted) escapes none of ; : \\ \"",
                        advice: "write it as \\\\ or |5C|")
                }
                octets.append(value[index])
                index += 1
            case 0x22:
                throw RuleError(.content, "a double quote in \(value.quoted)", advice: "write it as \\\" or |22|")
            default: octets.append(octet)
            }
        }
        guard !isHexadecimal else {
            throw RuleError(.content, "a bar in \(value.quoted) is not closed", advice: "write a bar itself as |7C|")
        }
        guard !octets.isEmpty else { throw RuleError(.content, "an empty content") }
        return octets
    }

    // MARK: modifiers of the content before

    private mutating func changeContent(
        _ name: RuleText, _ change: (inout DraftStep, inout ContentStep) throws(RuleError) -> Void
    ) throws(RuleError) {
        guard let (list, index) = draft.last({ $0.content != nil }),
            var content = draft.lists[list].steps[index].content
        else {
            throw RuleError(
                .content, "\(name.string) has no content before it",
                advice: "write it behind a content of the same buffer")
        }
        try change(&draft.lists[list].steps[index], &content)
        draft.lists[list].steps[index].step = .content(content)
    }

    private static func makeCaseless(_ step: inout DraftStep, _ content: inout ContentStep) throws(RuleError) {
        guard !content.flags.contains(.isCaseless) else {
            throw RuleError(.duplicate, "nocase stands twice behind one content")
        }
        content.flags.insert(.isCaseless)
        for index in step.pattern.indices { step.pattern[index] = step.pattern[index].lowered }
    }

    private static func startWith(_ step: inout DraftStep, _ content: inout ContentStep) throws(RuleError) {
        guard !content.flags.contains(.startsWith) else {
            throw RuleError(.duplicate, "startswith stands twice behind one content")
        }
        guard content.flags.isDisjoint(with: [.hasDepth, .hasOffset, .hasWithin, .hasDistance]) else {
            throw RuleError(.combination, "startswith and depth, offset, within or distance exclude each other")
        }
        content.flags.formUnion([.startsWith, .hasDepth])
        content.depth = Int32(step.pattern.count)
        content.offset = 0
    }

    /// `offset`, `depth`, `distance`, `within`: a number, or a variable of the same list.
    private mutating func place(_ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText) throws(RuleError) {
        var text = value.trimmed
        if text.count > 1, text.first == 0x22, text.last == 0x22 { text = text.dropFirst().dropLast() }
        let isNamed = text.first?.isLetter == true
        var variable: Int32?
        if isNamed {
            variable = Int32(try number(ofVariable: text))
        }
        try changeContent(name) { (step: inout DraftStep, content: inout ContentStep) throws(RuleError) in
            switch keyword {
            case .offset: try RuleParser.setOffset(&step, &content, text, variable)
            case .depth: try RuleParser.setDepth(&step, &content, text, variable)
            default: try RuleParser.setRelative(keyword, &step, &content, text, variable)
            }
        }
    }

    private static func needAbsolute(
        _ name: String, _ flag: StepFlags, _ step: DraftStep, _ content: ContentStep
    ) throws(RuleError) {
        guard !content.flags.contains(.startsWith) else {
            throw RuleError(.combination, "\(name) and startswith exclude each other")
        }
        guard !content.flags.contains(flag) else {
            throw RuleError(.duplicate, "\(name) stands twice behind one content")
        }
        guard content.flags.isDisjoint(with: [.hasDistance, .hasWithin]) else {
            throw RuleError(
                .combination, "\(name) counts from the buffer's start, distance and within from the match before",
                advice: "use one pair of them for one content")
        }
        guard !(content.flags.contains(.isNegated) && step.fast != .no) else {
            throw RuleError(.combination, "a negated content with \(name) cannot be the fast pattern")
        }
    }

    private static func setOffset(
        _ step: inout DraftStep, _ content: inout ContentStep, _ text: RuleText, _ variable: Int32?
    ) throws(RuleError) {
        try needAbsolute("offset", .hasOffset, step, content)
        if let variable {
            content.offset = variable
            content.flags.insert(.offsetIsVariable)
        } else {
            guard let number = text.decimal(65_535) else { throw numberError("offset", text, 65_535) }
            content.offset = Int32(number)
        }
        content.flags.insert(.hasOffset)
    }

    private static func setDepth(
        _ step: inout DraftStep, _ content: inout ContentStep, _ text: RuleText, _ variable: Int32?
    ) throws(RuleError) {
        try needAbsolute("depth", .hasDepth, step, content)
        if let variable {
            content.depth = variable
            content.flags.insert(.depthIsVariable)
        } else {
            guard let number = text.decimal(65_535) else { throw numberError("depth", text, 65_535) }
            guard number >= step.pattern.count else {
                throw RuleError(
                    .value, "depth \(number) is less than the content's \(step.pattern.count) octets",
                    advice: "it must be \(step.pattern.count) at least")
            }
            content.depth = Int32(number)
        }
        content.flags.insert(.hasDepth)
    }

    private static func setRelative(
        _ keyword: PlainKeyword, _ step: inout DraftStep, _ content: inout ContentStep, _ text: RuleText,
        _ variable: Int32?
    ) throws(RuleError) {
        let isWithin = if case .within = keyword { true } else { false }
        let name = isWithin ? "within" : "distance"
        guard !content.flags.contains(isWithin ? .hasWithin : .hasDistance) else {
            throw RuleError(.duplicate, "\(name) stands twice behind one content")
        }
        guard content.flags.isDisjoint(with: [.hasOffset, .hasDepth]) else {
            throw RuleError(
                .combination, "\(name) counts from the match before, offset, depth and startswith from the start",
                advice: "use one pair of them for one content")
        }
        guard !(content.flags.contains(.isNegated) && step.fast != .no) else {
            throw RuleError(.combination, "a negated content with \(name) cannot be the fast pattern")
        }
        var number: Int32 = variable ?? 0
        if variable == nil {
            let limit: Int64 = 1024 * 1024
            guard let value = text.signed(-limit...limit) else { throw numberError(name, text, limit) }
            number = Int32(value)
        }
        if isWithin {
            guard variable != nil || number >= Int32(step.pattern.count) else {
                throw RuleError(
                    .value, "within \(number) is less than the content's \(step.pattern.count) octets",
                    advice: "it must be \(step.pattern.count) at least")
            }
            content.within = number
            content.flags.formUnion(variable == nil ? .hasWithin : [.hasWithin, .withinIsVariable])
        } else {
            content.distance = number
            content.flags.formUnion(variable == nil ? .hasDistance : [.hasDistance, .distanceIsVariable])
        }
    }

    static func numberError(_ name: String, _ text: RuleText, _ maximum: Int64) -> RuleError {
        RuleError(
            .value, "\(text.quoted) is no number for \(name)",
            advice: "write one up to \(maximum), or a variable of byte_extract or byte_math before it")
    }

    private mutating func addReplacement(_ name: RuleText, _ value: RuleText) throws(RuleError) {
        let octets = try RuleParser.octets(of: value)
        guard draft.last({ $0.content != nil }) != nil else { return }
        try changeContent(name) { (step: inout DraftStep, content: inout ContentStep) throws(RuleError) in
            guard !content.flags.contains(.isNegated), octets.count <= step.pattern.count else {
                throw RuleError(.value, "a replacement must not be longer than its content, which must not be negated")
            }
            step.hasReplacement = true
        }
        draft.addIdle("replace")
    }

    // MARK: fast_pattern

    private mutating func chooseFast(_ value: RuleText) throws(RuleError) {
        if let current = draft.current, draft.lists[current].isBase64 {
            throw RuleError(
                .combination, "fast_pattern cannot stand in base64_data",
                advice: "put it behind a content of another buffer")
        }
        guard !draft.hasFastPattern else { throw RuleError(.duplicate, "fast_pattern stands twice in the rule") }
        let parts = value.isEmpty ? [] : value.parts(0x2C)
        try changeContent(RuleText("fast_pattern")) {
            (step: inout DraftStep, content: inout ContentStep) throws(RuleError) in
            let isPlaced = !content.flags.isDisjoint(with: [.hasOffset, .hasDepth, .hasDistance, .hasWithin])
            guard !(content.flags.contains(.isNegated) && isPlaced) else {
                throw RuleError(
                    .combination, "a negated content with offset, depth, distance or within cannot be the fast pattern",
                    advice: "put fast_pattern behind a content that must be found")
            }
            switch parts.count {
            case 0: step.fast = .whole
            case 1 where parts[0].equals("only"):
                guard !isPlaced, !content.flags.contains(.isNegated) else {
                    throw RuleError(
                        .combination, "fast_pattern:only excludes negation, offset, depth, distance and within")
                }
                step.fast = .whole
            case 2:
                guard let offset = parts[0].decimal(65_535), let count = parts[1].decimal(65_535), count > 0,
                    offset + count <= step.pattern.count, !content.flags.contains(.isNegated)
                else {
                    throw RuleError(
                        .value, "\(value.quoted) is no stretch of a content of \(step.pattern.count) octets")
                }
                step.fast = .stretch(offset: Int(offset), count: Int(count))
            default:
                throw RuleError(
                    .value, "\(value.quoted) is not known", advice: "write fast_pattern, or fast_pattern:OFFSET,LENGTH")
            }
        }
        draft.hasFastPattern = true
    }
}
