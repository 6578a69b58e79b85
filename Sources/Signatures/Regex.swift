// SPDX-License-Identifier: Apache-2.0
//
// The C edge of PCRE2: a regular expression, compiled when it is first needed.
//
// Reads   a pattern; then subjects.
// Writes  where a match and its captures stand.
// Leaves  the `pcre` keyword with its flags (RegexParser.swift).

import CPCRE2
import Synchronization
import Wire

/// Why PCRE2 refuses a pattern.
package struct RegexError: Error, Equatable {
    package var message: String
    package var offset: Int
}

/// A regular expression. It is compiled, with JIT, when it is first matched: of
/// thousands of rules a capture meets a few. Safe to share between workers.
@safe package final class Regex: Sendable {
    package let pattern: [UInt8]
    /// PCRE2's option bits.
    package let options: UInt32
    /// The compiled code's address; 0 before the first use.
    private let code = Atomic<UInt>(0)

    /// Refuses what PCRE2 cannot compile.
    package init(_ pattern: [UInt8], options: UInt32) throws(RegexError) {
        self.pattern = pattern
        self.options = options
        // Compiled once to hear what PCRE2 says of it; kept only when it is matched.
        // Safe: `compile` returns code of its own, freed here once.
        let checked = try unsafe Regex.compile(pattern, options)
        unsafe pcre2_code_free_8(checked)
    }

    deinit {
        // Safe: the address is what `compile` has returned, or 0, which is no pointer.
        unsafe pcre2_code_free_8(OpaquePointer(bitPattern: code.load(ordering: .acquiring)))
    }

    private static func compile(_ pattern: [UInt8], _ options: UInt32) throws(RegexError) -> OpaquePointer {
        var number: Int32 = 0
        var offset = 0
        // Safe: PCRE2 reads `count` octets of the array during the call and writes the two numbers.
        let made = unsafe pattern.withUnsafeBufferPointer { octets in
            unsafe pcre2_compile_8(octets.baseAddress ?? emptyPattern, octets.count, options, &number, &offset, nil)
        }
        guard let code = unsafe made else {
            var text = [UInt8](repeating: 0, count: 160)
            // Safe: PCRE2 writes at most the array's count, a zero octet among them.
            let count = unsafe text.withUnsafeMutableBufferPointer { buffer in
                unsafe pcre2_get_error_message_8(number, buffer.baseAddress, buffer.count)
            }
            let message = String(decoding: text.prefix(max(0, Int(count))), as: UTF8.self)
            throw RegexError(message: message, offset: offset)
        }
        return unsafe code
    }

    /// One octet for a pattern of none: PCRE2 wants a pointer even then.
    // Safe: allocated once, never freed, never written.
    nonisolated(unsafe) private static let emptyPattern: UnsafePointer<UInt8> = {
        let octet = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
        // Safe: there is room for one.
        unsafe octet.initialize(to: 0)
        return unsafe UnsafePointer(octet)
    }()

    /// The code, made and JIT-compiled by whoever comes first.
    private func ready() -> OpaquePointer? {
        let address = code.load(ordering: .acquiring)
        // Safe: a stored address is that of code which lives as long as this object.
        if let made = unsafe OpaquePointer(bitPattern: address) { return unsafe made }
        guard let made = unsafe try? Regex.compile(pattern, options) else { return nil }
        // Safe: code of our own that nobody else sees yet. Without JIT matching is slower, not wrong.
        _ = unsafe pcre2_jit_compile_8(made, UInt32(PCRE2_JIT_COMPLETE))
        let (exchanged, other) = code.compareExchange(
            expected: 0, desired: UInt(bitPattern: made), ordering: .acquiringAndReleasing)
        if exchanged { return unsafe made }
        // Safe: another worker was first; ours was never shared.
        unsafe pcre2_code_free_8(made)
        // Safe: the other worker's code, which lives as long as this object.
        return unsafe OpaquePointer(bitPattern: other)
    }

    /// How many capture groups it has.
    package var captureCount: Int {
        guard let code = unsafe ready() else { return 0 }
        var count: UInt32 = 0
        // Safe: `code` is compiled, and PCRE2 writes one UInt32 for this question.
        unsafe _ = pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
        return Int(count)
    }

    /// Looks for the expression in a stretch of an array, as in a subject of its own.
    package func matches(_ octets: [UInt8], _ range: Range<Int>, _ scratch: RegexScratch) -> Bool {
        // Safe: the span is borrowed for the call, and the range is checked by `extracting`.
        unsafe matches(octets.span.bytes.extracting(range), from: 0, scratch)
    }

    /// Looks for the expression in `subject` from `start` on. True leaves the places in `scratch`;
    /// reaching a match limit counts as no match.
    package func matches(_ subject: RawSpan, from start: Int, _ scratch: RegexScratch) -> Bool {
        guard start <= subject.byteCount, let code = unsafe ready() else { return false }
        // Safe: PCRE2 reads the borrowed octets during the call only; data and context are the scratch's own.
        let result = unsafe subject.withUnsafeBytes { octets in
            let base = unsafe octets.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? Regex.emptyPattern
            return unsafe pcre2_match_8(code, base, octets.count, start, 0, scratch.data, scratch.context)
        }
        scratch.keep(result)
        return result >= 0
    }
}

/// What one worker needs to match: the places of the last match, limits, a stack for JIT code.
@safe package final class RegexScratch {
    /// Suricata's defaults; a pattern may not buy more time.
    package static let matchLimit: UInt32 = 3500
    package static let recursionLimit: UInt32 = 1500
    private static let pairs: UInt32 = 16

    fileprivate let data: OpaquePointer?
    fileprivate let context: OpaquePointer?
    private let stack: OpaquePointer?
    private var count = 0
    /// Matches that ended at a limit.
    package private(set) var limitsReached: UInt64 = 0

    /// - Parameters: how much one match may cost, as PCRE2 counts it.
    package init(
        matchLimit: UInt32 = RegexScratch.matchLimit, recursionLimit: UInt32 = RegexScratch.recursionLimit
    ) {
        // Safe: PCRE2's own allocations, freed in `deinit`; nil is an answer that it accepts.
        unsafe data = pcre2_match_data_create_8(RegexScratch.pairs, nil)
        unsafe context = pcre2_match_context_create_8(nil)
        unsafe stack = pcre2_jit_stack_create_8(32 << 10, 512 << 10, nil)
        unsafe _ = pcre2_set_match_limit_8(context, matchLimit)
        unsafe _ = pcre2_set_depth_limit_8(context, recursionLimit)
        // Safe: without a function the last argument is the stack, which outlives the context's use.
        unsafe pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack))
    }

    deinit {
        // Safe: made by `init`, freed once; PCRE2 accepts nil.
        unsafe pcre2_match_data_free_8(data)
        unsafe pcre2_match_context_free_8(context)
        unsafe pcre2_jit_stack_free_8(stack)
    }

    fileprivate func keep(_ result: Int32) {
        // 0: more groups than pairs; the first pairs are filled all the same.
        count = result == 0 ? Int(RegexScratch.pairs) : Int(max(0, result))
        if result == PCRE2_ERROR_MATCHLIMIT || result == PCRE2_ERROR_DEPTHLIMIT || result == PCRE2_ERROR_JIT_STACKLIMIT
        {
            limitsReached &+= 1
        }
    }

    /// Where group `index` of the last match stands; 0 is the whole match.
    package func range(_ index: Int) -> Range<Int>? {
        guard index < count, index < Int(RegexScratch.pairs) else { return nil }
        // Safe: the vector has two places for each of `pairs` groups, and `index` is below that.
        let vector = unsafe pcre2_get_ovector_pointer_8(data)
        guard let vector = unsafe vector else { return nil }
        let start = unsafe vector[2 &* index]
        let end = unsafe vector[2 &* index &+ 1]
        // A group that took no part has both at the greatest value.
        return start <= end && end < Int.max ? start..<end : nil
    }
}
