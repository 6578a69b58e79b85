// SPDX-License-Identifier: Apache-2.0
//
// `byte_test`, `byte_jump`, `byte_extract`, `byte_math`, `isdataat`, sizes,
// base64, entropy.
//
// Reads   values of options.
// Writes  steps of the active list.
// Leaves  evaluation (Walker+Bytes.swift).

import Records

extension RuleParser {
    // MARK: variables and lists

    func number(ofVariable name: RuleText) throws(RuleError) -> UInt8 {
        guard let number = draft.variables.firstIndex(of: name.string) else {
            throw RuleError(
                .variable, "no byte_extract or byte_math before it makes the variable \(name.quoted)",
                advice: "define it first")
        }
        return UInt8(number)
    }

    private mutating func define(_ name: RuleText) throws(RuleError) -> UInt8 {
        guard let first = name.first, first.isLetter || first == 0x5F || first.isDigit, name.allSatisfy({ !$0.isSpace })
        else {
            throw RuleError(.variable, "\(name.quoted) is no name of a variable")
        }
        guard !draft.variables.contains(name.string) else {
            throw RuleError(.duplicate, "the variable \(name.string) is defined twice")
        }
        guard draft.variables.count < RuleDraft.variablesMax else {
            throw RuleError(.variable, "more than \(RuleDraft.variablesMax) variables")
        }
        draft.variables.append(name.string)
        return UInt8(draft.variables.count - 1)
    }

    /// The list of a byte keyword: the open one; without one, that of the match before where it is relative.
    private mutating func byteList(isRelative: Bool) -> Int {
        guard draft.current == nil, isRelative, let (list, _) = draft.last({ _ in true }) else {
            return draft.activeList()
        }
        return list
    }

    // MARK: byte_test

    mutating func addByteTest(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        guard parts.count >= 4 else {
            throw RuleError(
                .value, "\(value.quoted) is no byte_test",
                advice: "write byte_test:COUNT,OPERATOR,VALUE,OFFSET[,relative…]")
        }
        var options = try ByteOptions(parsing: parts[4...], allowed: [.string, .endian, .mask])
        let list = byteList(isRelative: options.isRelative)
        var step = ByteTestStep()
        try setOperator(&step, &options, parts[1])
        try setCount(&options, parts[0])
        if parts[2].first?.isLetter == true || parts[2].first == 0x5F {
            step.value = UInt64(try number(ofVariable: parts[2]))
            options.read.flags.insert(.valueIsVariable)
        } else {
            guard let number = RuleParser.anyBase(parts[2]) else {
                throw RuleError(.value, "\(parts[2].quoted) is no value of byte_test")
            }
            step.value = number
        }
        try setOffset(&options, parts[3])
        let isText = options.read.flags.contains(.isText)
        // No octets of text: as many digits as stand there.
        step.read = try options.finished(countMax: isText ? 23 : 8, countMin: isText ? 0 : 1)
        draft.append(DraftStep(step: .byteTest(step), order: 0), to: list)
    }

    private func setOperator(
        _ step: inout ByteTestStep, _ options: inout ByteOptions, _ text: RuleText
    ) throws(RuleError) {
        var sign = text
        if sign.first == 0x21 {
            options.read.flags.insert(.isNegated)
            sign = sign.dropFirst().trimmed
            // A lone '!' is "not equal".
            if sign.isEmpty { sign = RuleText("=") }
        }
        switch sign.string {
        case "<": step.operation = .less
        case ">": step.operation = .greater
        case "=": step.operation = .equal
        case "<=": step.operation = .lessOrEqual
        case ">=": step.operation = .greaterOrEqual
        case "&": step.operation = .and
        case "^": step.operation = .xor
        default:
            throw RuleError(
                .value, "\(text.quoted) is no operator of byte_test",
                advice: "write < > = <= >= & or ^, with ! before it to negate")
        }
    }

    private func setCount(_ options: inout ByteOptions, _ text: RuleText) throws(RuleError) {
        if text.first?.isLetter == true || text.first == 0x5F {
            options.read.count = try number(ofVariable: text)
            options.read.flags.insert(.countIsVariable)
        } else {
            guard let count = text.decimal(255) else {
                throw RuleError(.value, "\(text.quoted) is no count of octets")
            }
            options.read.count = UInt8(count)
        }
    }

    private func setOffset(_ options: inout ByteOptions, _ text: RuleText) throws(RuleError) {
        if text.first?.isLetter == true || text.first == 0x5F {
            options.read.offset = Int32(try number(ofVariable: text))
            options.read.flags.insert(.offsetIsVariable)
        } else {
            guard let offset = text.signed(-65_535...65_535) else {
                throw RuleError(.value, "\(text.quoted) is no offset", advice: "write -65535 to 65535")
            }
            options.read.offset = Int32(offset)
        }
    }

    /// Decimal, `0x` hexadecimal, or octal behind a 0.
    static func anyBase(_ text: RuleText) -> UInt64? {
        if text.begins(with: "0x") || text.begins(with: "0X") { return text.dropFirst(2).hexadecimal() }
        guard text.first == 0x30, text.count > 1 else { return text.decimal() }
        var value: UInt64 = 0
        for digit in text {
            guard (0x30...0x37).contains(digit), value >> 61 == 0 else { return nil }
            value = value << 3 | UInt64(digit - 0x30)
        }
        return value
    }

    // MARK: byte_jump

    mutating func addByteJump(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        guard parts.count >= 2 else {
            throw RuleError(
                .value, "\(value.quoted) is no byte_jump", advice: "write byte_jump:COUNT,OFFSET[,relative…]")
        }
        var step = ByteJumpStep()
        var rest: [RuleText] = []
        var postOffset: RuleText?
        for part in parts[2...] {
            let words = part.words
            if words.count == 2, words[0].equalsAnyCase("multiplier") {
                guard let number = words[1].decimal(65_535), number > 0 else {
                    throw RuleError(.value, "\(words[1].quoted) is no multiplier", advice: "write 1 to 65535")
                }
                step.multiplier = UInt16(number)
            } else if words.count == 2, words[0].equalsAnyCase("post_offset") {
                postOffset = words[1]
            } else {
                rest.append(part)
            }
        }
        var options = try ByteOptions(parsing: rest[...], allowed: [.string, .endian, .mask, .from, .align])
        let list = byteList(isRelative: options.isRelative)
        if let postOffset {
            if postOffset.first?.isLetter == true {
                step.postOffset = Int32(try number(ofVariable: postOffset))
                options.read.flags.insert(.valueIsVariable)
            } else if let number = postOffset.signed(-65_535...65_535) {
                step.postOffset = Int32(number)
            } else {
                throw RuleError(.value, "\(postOffset.quoted) is no post_offset", advice: "write -65535 to 65535")
            }
        }
        try setCount(&options, parts[0])
        try setOffset(&options, parts[1])
        step.read = try options.finished(countMax: options.read.flags.contains(.isText) ? 23 : 8, countMin: 0)
        draft.append(DraftStep(step: .byteJump(step), order: 0), to: list)
    }

    // MARK: byte_extract

    mutating func addByteExtract(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        guard parts.count >= 3 else {
            throw RuleError(
                .value, "\(value.quoted) is no byte_extract", advice: "write byte_extract:COUNT,OFFSET,NAME[,relative…]"
            )
        }
        var step = ByteExtractStep()
        var rest: [RuleText] = []
        for part in parts[3...] {
            let words = part.words
            if words.count == 2, words[0].equals("multiplier") {
                guard let number = words[1].decimal(65_535), number > 0 else {
                    throw RuleError(.value, "\(words[1].quoted) is no multiplier", advice: "write 1 to 65535")
                }
                step.multiplier = UInt16(number)
            } else if words.count == 2, words[0].equals("align") {
                guard let number = words[1].decimal(4), number == 2 || number == 4 else {
                    throw RuleError(.value, "\(words[1].quoted) is no alignment", advice: "write align 2 or align 4")
                }
                step.align = UInt8(number)
            } else {
                rest.append(part)
            }
        }
        var options = try ByteOptions(parsing: rest[...], allowed: [.string, .endian, .mask])
        let list = byteList(isRelative: options.isRelative)
        try setCount(&options, parts[0])
        try setOffset(&options, parts[1])
        guard !options.read.flags.contains(.countIsVariable), !options.read.flags.contains(.offsetIsVariable) else {
            throw RuleError(.value, "byte_extract takes numbers for count and offset")
        }
        let countMax =
            !options.read.flags.contains(.isText) ? 8 : options.read.base == 8 ? 23 : options.read.base == 10 ? 20 : 14
        step.read = try options.finished(countMax: countMax)
        step.variable = try define(parts[2])
        draft.append(DraftStep(step: .byteExtract(step), order: 0), to: list)
    }

    // MARK: byte_math

    mutating func addByteMath(_ value: RuleText) throws(RuleError) {
        var named: [String: RuleText] = [:]
        var rest: [RuleText] = []
        for part in value.parts(0x2C) {
            let words = part.words
            let key = words.first?.string ?? ""
            if ["bytes", "offset", "oper", "rvalue", "result", "endian", "string"].contains(key), words.count == 2 {
                guard named.updateValue(words[1], forKey: key) == nil else {
                    throw RuleError(.duplicate, "byte_math says \(key) twice")
                }
            } else {
                rest.append(part)
            }
        }
        guard let bytes = named["bytes"], let offset = named["offset"], let sign = named["oper"],
            let operand = named["rvalue"], let result = named["result"]
        else {
            throw RuleError(
                .value, "\(value.quoted) is no byte_math",
                advice: "write byte_math:bytes N, offset N, oper +, rvalue N, result NAME")
        }
        if let endian = named["endian"] { rest.append(endian) }
        if let base = named["string"] { rest += [RuleText("string"), base] }
        var options = try ByteOptions(parsing: rest[...], allowed: [.string, .endian, .mask])
        let list = byteList(isRelative: options.isRelative)
        guard !options.isRelative || draft.current == nil || draft.lists[list].steps.contains(where: \.isPositioned)
        else {
            throw RuleError(.combination, "byte_math is relative, and no match stands before it in the buffer")
        }
        var step = ByteMathStep()
        let operators: [String: ByteOperator] = [
            "+": .add, "-": .subtract, "*": .multiply, "/": .divide, "<<": .shiftLeft, ">>": .shiftRight,
        ]
        guard let operation = operators[sign.string] else {
            throw RuleError(.value, "\(sign.quoted) is no operator of byte_math", advice: "write + - * / << or >>")
        }
        step.operation = operation
        try setCount(&options, bytes)
        try setOffset(&options, offset)
        if operand.first?.isLetter == true {
            step.value = UInt32(try number(ofVariable: operand))
            options.read.flags.insert(.valueIsVariable)
        } else if let number = operand.number(0xFFFF_FFFF), number > 0 {
            step.value = UInt32(number)
        } else {
            throw RuleError(
                .value, "\(operand.quoted) is no operand of byte_math", advice: "write 1 to 4294967295, or a variable")
        }
        guard result.first?.isLetter == true else {
            throw RuleError(.variable, "\(result.quoted) is no name of a variable", advice: "begin it with a letter")
        }
        step.read = try options.finished(countMax: 10)
        step.variable = try define(result)
        draft.append(DraftStep(step: .byteMath(step), order: 0), to: list)
    }
}

/// What may stand behind the fixed parts of a byte keyword, in any order.
struct ByteOptions {
    struct Families: OptionSet {
        let rawValue: Int
        static let string = Families(rawValue: 1)
        static let endian = Families(rawValue: 2)
        static let mask = Families(rawValue: 4)
        static let from = Families(rawValue: 8)
        static let align = Families(rawValue: 16)
    }

    var read = ByteRead()
    private var hasBase = false
    private var hasEndian = false
    var isRelative: Bool { read.flags.contains(.isRelative) }

    init(parsing parts: ArraySlice<RuleText>, allowed: Families) throws(RuleError) {
        for part in parts {
            for word in ByteOptions.split(part) { try add(word, allowed) }
        }
        guard !(read.flags.contains(.isText) && read.flags.contains(.isDCE)) else {
            throw RuleError(.combination, "dce and string exclude each other")
        }
        guard !hasBase || read.flags.contains(.isText) else {
            throw RuleError(.combination, "hex, dec and oct are for string", advice: "write string,dec")
        }
        guard !(read.flags.contains(.fromBeginning) && read.flags.contains(.fromEnd)) else {
            throw RuleError(.combination, "from_beginning and from_end exclude each other")
        }
        // Text without a base says it itself: 0x16, 010, 10.
    }

    /// `bitmask 0xFF` is one option of two words; others are one word each.
    private static func split(_ part: RuleText) -> [[RuleText]] {
        let words = part.words
        if let first = words.first, first.equals("bitmask") || first.equals("endian") { return [words] }
        return words.map { [$0] }
    }

    private mutating func add(_ words: [RuleText], _ allowed: Families) throws(RuleError) {
        let word = words[0]
        switch word.string {
        case "relative": read.flags.insert(.isRelative)
        case "string" where allowed.contains(.string): read.flags.insert(.isText)
        case "hex" where allowed.contains(.string): try setBase(16)
        case "dec" where allowed.contains(.string): try setBase(10)
        case "oct" where allowed.contains(.string): try setBase(8)
        case "endian" where words.count == 2: try add([words[1]], allowed)
        case "big" where allowed.contains(.endian): try setEndian([])
        case "little" where allowed.contains(.endian): try setEndian(.isLittle)
        case "dce" where allowed.contains(.endian): try setEndian(.isDCE)
        case "bitmask" where allowed.contains(.mask):
            guard words.count == 2, let mask = RuleParser.anyBase(words[1]), mask <= 0xFFFF_FFFF, mask > 0 else {
                throw RuleError(.value, "a bitmask is 1 to 0xFFFFFFFF", advice: "write bitmask 0xFF")
            }
            read.mask = UInt32(mask)
            read.flags.insert(.hasMask)
        case "from_beginning" where allowed.contains(.from): read.flags.insert(.fromBeginning)
        case "from_end" where allowed.contains(.from): read.flags.insert(.fromEnd)
        case "align" where allowed.contains(.align): read.flags.insert(.aligns)
        default:
            throw RuleError(
                .value, "\(word.quoted) is not known here", advice: "write relative, string, dec, little or bitmask")
        }
    }

    private mutating func setBase(_ base: UInt8) throws(RuleError) {
        guard !hasBase else { throw RuleError(.duplicate, "two bases") }
        hasBase = true
        read.base = base
    }

    private mutating func setEndian(_ flag: StepFlags) throws(RuleError) {
        guard !hasEndian else { throw RuleError(.duplicate, "two byte orders") }
        hasEndian = true
        read.flags.formUnion(flag)
    }

    func finished(countMax: Int, countMin: Int = 1) throws(RuleError) -> ByteRead {
        guard read.flags.contains(.countIsVariable) || (countMin...countMax).contains(Int(read.count)) else {
            throw RuleError(.value, "\(read.count) octets cannot be read", advice: "write \(countMin) to \(countMax)")
        }
        return read
    }
}
