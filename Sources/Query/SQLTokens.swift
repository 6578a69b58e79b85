// SPDX-License-Identifier: Apache-2.0
//
// A statement in words.
//
// Reads   SQL as SQLite writes it (sqlite.org/lang_expr.html).
// Writes  tokens with their places.
// Leaves  what they mean (SQLParser). What is not understood is SQLite's business.

/// One word of a statement.
struct SQLToken: Equatable {
    enum Kind: Equatable {
        /// A name or a keyword as it was written.
        case word(String)
        /// A name in double quotes, brackets or backquotes.
        case quoted(String)
        case text(String)
        case integer(Int64)
        case real(Double)
        /// An operator or a mark, such as `<=` or `(`.
        case mark(String)
        /// The name behind `:`, `@` or `$`, the number behind `?`, or nothing.
        case parameter(String)
        /// A blob or a hexadecimal number: SQLite's.
        case other
        case end
    }
    let kind: Kind
    /// Octets of the statement.
    let range: Range<Int>
}

struct SQLTokens {
    private let octets: [UInt8]
    private var position = 0

    private init(_ text: String) { octets = Array(text.utf8) }

    /// The words of a statement, the end last; nil where it has something that is none.
    static func read(_ text: String) -> [SQLToken]? {
        var reader = SQLTokens(text)
        var tokens: [SQLToken] = []
        while true {
            guard let token = reader.next() else { return nil }
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private func octet(_ ahead: Int = 0) -> UInt8? {
        position + ahead < octets.count ? octets[position + ahead] : nil
    }

    private mutating func skipBlanks() {
        while let first = octet() {
            if first == 0x20 || 0x09...0x0D ~= first {
                position += 1
            } else if first == 0x2D, octet(1) == 0x2D {
                while let next = octet(), next != 0x0A { _ = next; position += 1 }
            } else if first == 0x2F, octet(1) == 0x2A {
                position += 2
                while let next = octet(), !(next == 0x2A && octet(1) == 0x2F) { _ = next; position += 1 }
                position = min(position + 2, octets.count)
            } else {
                return
            }
        }
    }

    private mutating func next() -> SQLToken? {
        skipBlanks()
        let start = position
        guard let first = octet() else { return SQLToken(kind: .end, range: start..<start) }
        let kind: SQLToken.Kind?
        switch first {
        case 0x27: kind = quoted(by: 0x27).map { .text($0) }
        case 0x22, 0x60: kind = quoted(by: first).map { .quoted($0) }
        case 0x5B: kind = quoted(by: 0x5D).map { .quoted($0) }
        case 0x30...0x39: kind = number()
        case 0x2E where octet(1).map { 0x30...0x39 ~= $0 } ?? false: kind = number()
        case 0x3F, 0x3A, 0x40, 0x24: kind = parameter()
        case _ where SQLTokens.isWord(first): kind = word()
        default: kind = mark()
        }
        return kind.map { SQLToken(kind: $0, range: start..<position) }
    }

    private static func isWord(_ octet: UInt8) -> Bool {
        0x41...0x5A ~= octet || 0x61...0x7A ~= octet || octet == 0x5F || octet >= 0x80
    }

    private mutating func word() -> SQLToken.Kind? {
        let start = position
        while let next = octet(), SQLTokens.isWord(next) || 0x30...0x39 ~= next || next == 0x24 { position += 1 }
        if position - start == 1, octets[start] | 0x20 == 0x78, octet() == 0x27 {
            return quoted(by: 0x27).map { _ in .other }
        }
        return .word(String(decoding: octets[start..<position], as: UTF8.self))
    }

    private mutating func quoted(by end: UInt8) -> String? {
        position += 1
        var content: [UInt8] = []
        while let next = octet() {
            position += 1
            if next == end {
                guard end != 0x5D, octet() == end else { return String(decoding: content, as: UTF8.self) }
                position += 1
            }
            content.append(next)
        }
        return nil
    }

    private mutating func number() -> SQLToken.Kind? {
        let start = position
        var isReal = false
        while let next = octet() {
            if 0x30...0x39 ~= next {
                position += 1
            } else if next == 0x2E {
                isReal = true
                position += 1
            } else if next | 0x20 == 0x65, position > start {
                isReal = true
                position += 1
                if let sign = octet(), sign == 0x2B || sign == 0x2D { position += 1 }
            } else {
                break
            }
        }
        if let next = octet(), SQLTokens.isWord(next) {
            while let next = octet(), SQLTokens.isWord(next) || 0x30...0x39 ~= next { position += 1 }
            return .other
        }
        let text = String(decoding: octets[start..<position], as: UTF8.self)
        if !isReal, let value = Int64(text) { return .integer(value) }
        return Double(text.hasPrefix(".") ? "0" + text : text).map { .real($0) }
    }

    private mutating func parameter() -> SQLToken.Kind? {
        position += 1
        let start = position
        while let next = octet(), SQLTokens.isWord(next) || 0x30...0x39 ~= next { position += 1 }
        return .parameter(String(decoding: octets[start..<position], as: UTF8.self))
    }

    private mutating func mark() -> SQLToken.Kind? {
        let two = ["<=", ">=", "<>", "!=", "==", "||", "<<", ">>"]
        if let first = octet(), let second = octet(1) {
            let text = String(decoding: [first, second], as: UTF8.self)
            if two.contains(text) {
                position += 2
                return .mark(text)
            }
        }
        guard let first = octet(), "()*,.+-/%<>=;&|~".utf8.contains(first) else { return nil }
        position += 1
        return .mark(String(decoding: [first], as: UTF8.self))
    }
}
