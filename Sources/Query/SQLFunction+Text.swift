// SPDX-License-Identifier: Apache-2.0
//
// Functions over texts, and those of SQLite's that the vectorised path knows.

import Signatures
import Synchronization
import Wire

extension SQLFunction {
    static let textFunctions: [SQLFunction] = [
        SQLFunction(name: "entropy", usage: "entropy(text)", arguments: 1...1, outcome: .real) { values in
            // Shannon's, in bits for each octet.
            values[0].octets.map { .real($0.isEmpty ? 0 : Walker.entropy($0.octets)) } ?? .null
        },
        // Whether a pattern of PCRE2's is found anywhere in the text. DuckDB calls it regexp_matches, Spark
        // regexp_like; `x REGEXP y` is SQLite's way to ask for regexp(y, x).
        SQLFunction(
            name: "regexp_like", usage: "regexp_like(text, pattern)", arguments: 2...2, outcome: .integer,
            body: regexpLike),
        SQLFunction(
            name: "regexp_matches", usage: "regexp_matches(text, pattern)", arguments: 2...2, outcome: .integer,
            body: regexpLike),
        SQLFunction(
            name: "regexp", usage: "text REGEXP pattern", arguments: 2...2, outcome: .integer
        ) { (values) throws(FunctionFailure) in try regexpLike([values[1], values[0]]) },
        SQLFunction(
            name: "split_part", usage: "split_part(text, separator, number)", arguments: 3...3, outcome: .text,
            body: splitPart),
        SQLFunction(
            name: "starts_with", usage: "starts_with(text, start)", arguments: 2...2, outcome: .integer
        ) { values in compare(values) { $0.starts(with: $1) } },
        SQLFunction(
            name: "ends_with", usage: "ends_with(text, end)", arguments: 2...2, outcome: .integer
        ) { values in compare(values) { $0.count >= $1.count && $0.suffix($1.count).elementsEqual($1) } },
        SQLFunction(
            name: "contains", usage: "contains(text, part)", arguments: 2...2, outcome: .integer
        ) { values in compare(values) { $1.isEmpty || $0.firstRange(of: $1) != nil } },
        SQLFunction(
            name: "greatest", usage: "greatest(a, b, …)", arguments: 1...100, outcome: .any
        ) { values in values.filter { $0 != .null }.max { SQLValue.isOrdered($0, $1) } ?? .null },
        SQLFunction(
            name: "least", usage: "least(a, b, …)", arguments: 1...100, outcome: .any
        ) { values in values.filter { $0 != .null }.min { SQLValue.isOrdered($0, $1) } ?? .null },
    ]

    /// Functions of SQLite's, with its meaning, for texts alone.
    static let builtInFunctions: [SQLFunction] = [
        SQLFunction(name: "lower", usage: "lower(text)", arguments: 1...1, outcome: .text, isBuiltIn: true) { values in
            values[0].octets.map { .text($0.map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }) } ?? .null
        },
        SQLFunction(name: "upper", usage: "upper(text)", arguments: 1...1, outcome: .text, isBuiltIn: true) { values in
            values[0].octets.map { .text($0.map { 0x61...0x7A ~= $0 ? $0 & ~0x20 : $0 }) } ?? .null
        },
        SQLFunction(
            name: "length", usage: "length(text)", arguments: 1...1, outcome: .integer, isBuiltIn: true
        ) { values in
            // Characters; texts of the store have no NUL, at which SQLite would stop.
            values[0].octets.map { .integer(Int64($0.count { $0 & 0xC0 != 0x80 })) } ?? .null
        },
        SQLFunction(
            name: "||", usage: "text || text", arguments: 2...2, outcome: .text, isBuiltIn: true
        ) { values in
            guard let left = values[0].octets, let right = values[1].octets else { return .null }
            return .text(left + right)
        },
    ]

    private static func compare(_ values: [SQLValue], _ test: ([UInt8], [UInt8]) -> Bool) -> SQLValue {
        guard let text = values[0].octets, let part = values[1].octets else { return .null }
        return .integer(test(text, part) ? 1 : 0)
    }

    /// The part of a text between separators, counted from 1, or from the end with negative numbers; an empty text
    /// beyond the last.
    private static func splitPart(_ values: [SQLValue]) throws(FunctionFailure) -> SQLValue {
        guard let text = values[0].octets, let separator = values[1].octets, let number = values[2].wholeNumber else {
            return .null
        }
        guard number != 0 else { throw FunctionFailure(reason: "split_part: parts are counted from 1") }
        var parts: [ArraySlice<UInt8>] = []
        var rest = text[...]
        while !separator.isEmpty, let found = rest.firstRange(of: separator) {
            parts.append(rest[..<found.lowerBound])
            rest = rest[found.upperBound...]
        }
        parts.append(rest)
        let place = number > 0 ? number - 1 : Int64(parts.count) + number
        guard 0..<Int64(parts.count) ~= place else { return .text([]) }
        return .text(Array(parts[Int(place)]))
    }

    private static func regexpLike(_ values: [SQLValue]) throws(FunctionFailure) -> SQLValue {
        guard let text = values[0].octets, let pattern = values[1].octets else { return .null }
        return .integer(try RegularExpressions.find(pattern).matches(text) ? 1 : 0)
    }
}

extension SQLValue {
    /// SQLite's order: NULL, numbers, texts and blobs by their octets.
    static func isOrdered(_ left: SQLValue, _ right: SQLValue) -> Bool {
        if left.rank != right.rank { return left.rank < right.rank }
        switch (left, right) {
        case (.integer(let first), .integer(let second)): return first < second
        case (.text(let first), .text(let second)), (.blob(let first), .blob(let second)):
            return isBefore(first, second)
        default: return (left.number ?? 0) < (right.number ?? 0)
        }
    }

    private var rank: Int {
        switch self {
        case .null: 0
        case .integer, .real: 1
        case .text: 2
        case .blob: 3
        }
    }
}

/// Patterns of a question, compiled once.
private enum RegularExpressions {
    /// A pattern with what one match of it needs; its matches come one after the other.
    final class Pattern: Sendable {
        private let regex: Regex
        private let scratch: Mutex<RegexScratch>
        /// PCRE2's own default is ten millions, which takes seconds for one value.
        private static let matchLimit: UInt32 = 1_000_000
        private static let recursionLimit: UInt32 = 10_000
        /// PCRE2_UTF and PCRE2_MATCH_INVALID_UTF: a dot is a character, and octets that are none match nothing.
        private static let options: UInt32 = 0x0008_0000 | 0x0400_0000

        init(_ pattern: [UInt8]) throws(FunctionFailure) {
            do {
                regex = try Regex(pattern, options: Pattern.options)
            } catch {
                throw FunctionFailure(
                    reason: "regexp_like: '\(String(decoding: pattern, as: UTF8.self))' is no pattern: "
                        + "\(error.message) at character \(error.offset + 1)")
            }
            scratch = Mutex(
                RegexScratch(matchLimit: Pattern.matchLimit, recursionLimit: Pattern.recursionLimit))
        }

        func matches(_ text: [UInt8]) throws(FunctionFailure) -> Bool {
            let (isMatch, isTooDear) = scratch.withLock { scratch in
                let before = scratch.limitsReached
                return (regex.matches(text.octets, from: 0, scratch), scratch.limitsReached > before)
            }
            guard !isTooDear else {
                throw FunctionFailure(
                    reason: "regexp_like: '\(String(decoding: regex.pattern, as: UTF8.self))' needs too many steps on "
                        + "a value; make the pattern simpler")
            }
            return isMatch
        }
    }

    private static let patterns = Mutex<[[UInt8]: Pattern]>([:])
    /// A pattern out of a column would otherwise fill the memory.
    private static let patternsMax = 64

    static func find(_ pattern: [UInt8]) throws(FunctionFailure) -> Pattern {
        if let known = patterns.withLock({ $0[pattern] }) { return known }
        let made = try Pattern(pattern)
        patterns.withLock { known in
            if known.count >= patternsMax { known.removeAll() }
            known[pattern] = made
        }
        return made
    }
}
