// SPDX-License-Identifier: Apache-2.0
//
// Values with wildcards.
//
// Reads   a value as rules write it (specification 2.1, "escaping").
// Writes  a pattern; whether octets fit it.
// Leaves  regular expressions.

/// A value with wildcards, in the form that is quickest to compare. Without regard to case it is in lower case, and so
/// must be what it is compared with.
struct SigmaPattern: Hashable, Sendable {
    enum Form: Hashable, Sendable {
        case equals, contains, prefix, suffix
        /// Anything at all.
        case any
        case glob
    }

    /// One token of a value: an octet, any octets, one character.
    typealias Token = UInt16
    static let anyOctets: Token = 256
    static let oneCharacter: Token = 257

    let form: Form
    let octets: [UInt8]
    private let tokens: [Token]

    /// The tokens of a value: `*` and `?` are wildcards, a backslash before them or before itself makes them plain.
    static func tokens(_ text: String) -> [Token] {
        var tokens: [Token] = []
        var isEscaped = false
        for octet in text.utf8 {
            if isEscaped {
                isEscaped = false
                if octet != 0x2A, octet != 0x3F, octet != 0x5C { tokens.append(0x5C) }
                tokens.append(Token(octet))
            } else if octet == 0x5C {
                isEscaped = true
            } else {
                tokens.append(octet == 0x2A ? anyOctets : octet == 0x3F ? oneCharacter : Token(octet))
            }
        }
        if isEscaped { tokens.append(0x5C) }
        return tokens
    }

    /// The octets of tokens without wildcards; nil where there is one.
    static func plain(_ tokens: [Token]) -> [UInt8]? {
        guard tokens.allSatisfy({ $0 < 256 }) else { return nil }
        return tokens.map { UInt8($0) }
    }

    init(_ given: [Token], isCased: Bool) {
        var tokens: [Token] = []
        for token in given where token != SigmaPattern.anyOctets || tokens.last != token { tokens.append(token) }
        if !isCased { tokens = SigmaPattern.lowered(tokens) }
        let star = SigmaPattern.anyOctets
        let opens = tokens.first == star
        let closes = tokens.last == star && tokens.count > 1
        let middle = tokens.dropFirst(opens ? 1 : 0).dropLast(closes ? 1 : 0)
        if tokens == [star] {
            (form, octets, self.tokens) = (.any, [], [])
        } else if let plain = SigmaPattern.plain(Array(middle)) {
            form = opens ? (closes ? .contains : .suffix) : closes ? .prefix : .equals
            (octets, self.tokens) = (plain, [])
        } else {
            form = .glob
            self.tokens = tokens
            // The longest stretch of plain octets, to look for first.
            octets = tokens.split { $0 >= 256 }.max { $0.count < $1.count }.map { $0.map { UInt8($0) } } ?? []
        }
    }

    private static func lowered(_ tokens: [Token]) -> [Token] {
        guard tokens.contains(where: { $0 >= 0x80 && $0 < 256 }) else {
            return tokens.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
        }
        var lowered: [Token] = []
        var run: [UInt8] = []
        func flush() {
            lowered += String(decoding: run, as: UTF8.self).lowercased().utf8.map { Token($0) }
            run = []
        }
        for token in tokens {
            if token < 256 {
                run.append(UInt8(token))
            } else {
                flush()
                lowered.append(token)
            }
        }
        flush()
        return lowered
    }

    func matches(_ text: [UInt8], _ range: Range<Int>) -> Bool {
        switch form {
        case .any: true
        case .equals: range.count == octets.count && stands(text, range.lowerBound)
        case .prefix: range.count >= octets.count && stands(text, range.lowerBound)
        case .suffix: range.count >= octets.count && stands(text, range.upperBound - octets.count)
        case .contains: find(text, range)
        case .glob: find(text, range) && matchesGlob(text, range)
        }
    }

    private func stands(_ text: [UInt8], _ start: Int) -> Bool {
        for offset in 0..<octets.count where text[start &+ offset] != octets[offset] { return false }
        return true
    }

    private func find(_ text: [UInt8], _ range: Range<Int>) -> Bool {
        guard let first = octets.first else { return true }
        guard range.count >= octets.count else { return false }
        guard octets.count <= SigmaPattern.plainMax else { return SigmaPattern.stands(octets[...], in: text[range]) }
        for start in range.lowerBound...(range.upperBound - octets.count)
        where text[start] == first && stands(text, start) { return true }
        return false
    }

    /// Longer texts are looked for in time that grows with both lengths' sum, not with their product.
    private static let plainMax = 64

    /// Whether octets stand in others (the algorithm of Knuth, Morris and Pratt).
    static func stands(_ part: ArraySlice<UInt8>, in whole: ArraySlice<UInt8>) -> Bool {
        let part = Array(part)
        guard !part.isEmpty, part.count <= whole.count else { return part.isEmpty }
        // Of each octet how many before it, up to itself, are a beginning of the part again.
        var borders = [0]
        borders.reserveCapacity(part.count)
        var border = 0
        for place in part.indices.dropFirst() {
            while border > 0, part[place] != part[border] { border = borders[border - 1] }
            if part[place] == part[border] { border += 1 }
            borders.append(border)
        }
        var fitting = 0
        for octet in whole {
            while fitting > 0, octet != part[fitting] { fitting = borders[fitting - 1] }
            if octet == part[fitting] { fitting += 1 }
            if fitting == part.count { return true }
        }
        return false
    }

    /// Goes back to the last `*` only, so that the work is bounded by both lengths' product.
    private func matchesGlob(_ text: [UInt8], _ range: Range<Int>) -> Bool {
        var (place, token) = (range.lowerBound, 0)
        var (starToken, starPlace) = (-1, range.lowerBound)
        while place < range.upperBound {
            if token < tokens.count, tokens[token] == SigmaPattern.anyOctets {
                (starToken, starPlace) = (token, place)
                token += 1
            } else if token < tokens.count, tokens[token] == SigmaPattern.oneCharacter {
                place += 1
                // A character goes on with its continuation octets.
                while place < range.upperBound, text[place] & 0xC0 == 0x80 { place += 1 }
                token += 1
            } else if token < tokens.count, tokens[token] == SigmaPattern.Token(text[place]) {
                place += 1
                token += 1
            } else if starToken >= 0 {
                starPlace += 1
                place = starPlace
                token = starToken + 1
            } else {
                return false
            }
        }
        while token < tokens.count, tokens[token] == SigmaPattern.anyOctets { token += 1 }
        return token == tokens.count
    }
}
