// SPDX-License-Identifier: Apache-2.0
//
// Regular expressions of rules (PCRE, specification 2.1).
//
// Reads   an expression.
// Writes  whether it is found.
// Leaves  expressions that may take for ever: refused when a rule is loaded, and held to PCRE2's limits after.

import CPCRE2
import Signatures

/// A compiled expression; two of one text and one set of options are the same.
struct SigmaExpression: Hashable, Sendable {
    let pattern: [UInt8]
    let options: UInt32
    private let regex: Regex

    init(_ text: String, isCaseless: Bool, isMultiline: Bool, isDotAll: Bool) throws(SigmaRefusal) {
        pattern = Array(text.utf8)
        guard pattern.count <= SigmaLimits.valueBytesMax else {
            throw SigmaRefusal(.expression, "an expression is longer than \(SigmaLimits.valueBytesMax) octets")
        }
        guard !SigmaExpression.explodes(pattern) else {
            throw SigmaRefusal(
                .expression, "the expression \(SigmaExpression.short(text)) repeats a repetition: it may take for ever")
        }
        var options: UInt32 = 0
        if isCaseless { options |= PCRE2_CASELESS }
        if isMultiline { options |= PCRE2_MULTILINE }
        if isDotAll { options |= PCRE2_DOTALL }
        self.options = options
        do throws(RegexError) {
            regex = try Regex(pattern, options: options)
        } catch {
            throw SigmaRefusal(.expression, "the expression \(SigmaExpression.short(text)): \(error.message)")
        }
    }

    private static func short(_ text: String) -> String { text.count > 60 ? "\(text.prefix(60))…" : text }

    static func == (left: SigmaExpression, right: SigmaExpression) -> Bool {
        left.pattern == right.pattern && left.options == right.options
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(pattern)
        hasher.combine(options)
    }

    /// Whether it is found in the octets; reaching a limit counts as not found.
    func matches(_ octets: [UInt8], _ range: Range<Int>, _ scratch: RegexScratch) -> Bool {
        regex.matches(octets, range, scratch)
    }

    /// Whether a group that repeats without end holds another repetition without end: `(a+)+`.
    private static func explodes(_ pattern: [UInt8]) -> Bool {
        var groups: [Bool] = []
        var closed: Bool?
        var isInClass = false
        var index = 0
        while index < pattern.count {
            let octet = pattern[index]
            defer { index += 1 }
            if octet == 0x5C {
                index += 1
                closed = nil
                continue
            }
            if isInClass {
                isInClass = octet != 0x5D || pattern[index - 1] == 0x5B
                continue
            }
            switch octet {
            case 0x5B: (isInClass, closed) = (true, nil)
            case 0x28: (groups, closed) = (groups + [false], nil)
            case 0x29:
                let holds = groups.popLast() ?? false
                closed = holds
                if holds, !groups.isEmpty { groups[groups.count - 1] = true }
            case 0x2A, 0x2B, 0x7B:
                guard octet != 0x7B || isEndless(pattern, index) else { continue }
                if closed == true { return true }
                if !groups.isEmpty { groups[groups.count - 1] = true }
                closed = nil
            default: closed = nil
            }
        }
        return false
    }

    /// `{n,}` or `{n,m}` of more than 64.
    private static func isEndless(_ pattern: [UInt8], _ start: Int) -> Bool {
        guard let end = pattern[start...].firstIndex(of: 0x7D) else { return false }
        let parts = pattern[(start + 1)..<end].split(separator: 0x2C, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return false }
        let most = Int(String(decoding: parts[1], as: UTF8.self))
        return parts[1].isEmpty || (most ?? 0) > 64
    }
}
