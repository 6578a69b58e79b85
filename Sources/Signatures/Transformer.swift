// SPDX-License-Identifier: Apache-2.0
//
// Changes to a buffer before it is matched (specification section 3).
//
// Reads   borrowed octets.
// Writes  the changed octets into a buffer of its own.
// Leaves  when they are needed (the engine).

import Files
import Wire

/// Applies chains of transforms; one for each worker, its buffers are used again.
final class Transformer {
    private var first: [UInt8] = []
    private let inflater = Inflater()

    /// Applies `chain` to `bytes`; the result replaces what is in `output`.
    func apply(
        _ chain: [Transform], _ bytes: RawSpan, _ set: RuleSet, _ scratch: RegexScratch, into output: inout [UInt8]
    ) {
        output.removeAll(keepingCapacity: true)
        bytes.append(to: &output)
        for transform in chain {
            swap(&output, &first)
            output.removeAll(keepingCapacity: true)
            let input = first
            apply(transform, input.octets, set, scratch, into: &output)
        }
    }

    private func apply(
        _ transform: Transform, _ input: RawSpan, _ set: RuleSet, _ scratch: RegexScratch, into output: inout [UInt8]
    ) {
        switch transform {
        case .dotPrefix:
            output.append(0x2E)
            input.append(to: &output)
        case .stripWhitespace:
            for index in 0..<input.byteCount where !input.octet(index).isSpace { output.append(input.octet(index)) }
        case .compressWhitespace: Transformer.compress(input, into: &output)
        case .toLowercase:
            for index in 0..<input.byteCount { output.append(input.octet(index).lowered) }
        case .toUppercase:
            for index in 0..<input.byteCount {
                let octet = input.octet(index)
                output.append(octet.isLower ? octet & 0xDF : octet)
            }
        case .headerLowercase: Transformer.lowerNames(input, into: &output)
        case .stripPseudoHeaders: Transformer.stripPseudo(input, into: &output)
        case .urlDecode: Transformer.decodeURL(input, into: &output)
        case .md5: output.append(contentsOf: Hashing.md5(input))
        case .sha1: output.append(contentsOf: Hashing.sha1(input))
        case .sha256: output.append(contentsOf: Hashing.sha256(input))
        case .domain: input.extracting(PublicSuffix.domain(input)).append(to: &output)
        case .tld: input.extracting(PublicSuffix.suffix(input)).append(to: &output)
        case .regex(let index): captured(set.regexes[Int(index)], input, scratch, into: &output)
        case .xor(let key):
            for index in 0..<input.byteCount { output.append(input.octet(index) ^ key[index % key.count]) }
        case .fromBase64(let bytes, let offset, let mode):
            decode(input, Int(bytes), Int(offset), mode, into: &output)
        case .gunzip(let maximum), .inflate(let maximum): inflate(input, Int(maximum), into: &output)
        }
    }

    /// The first group, or the whole match where there is none; without a match the buffer stays as it is.
    private func captured(_ regex: Regex, _ input: RawSpan, _ scratch: RegexScratch, into output: inout [UInt8]) {
        guard regex.matches(input, from: 0, scratch), let range = scratch.range(1) ?? scratch.range(0) else {
            input.append(to: &output)
            return
        }
        input.extracting(range).append(to: &output)
    }

    /// Where nothing can be decoded the buffer stays as it is.
    private func decode(
        _ input: RawSpan, _ bytes: Int, _ offset: Int, _ mode: Base64Mode, into output: inout [UInt8]
    ) {
        var count = input.byteCount &- offset
        if bytes > 0 { count = min(count, bytes) }
        guard count > 0, Base64.decode(input.extracting(offset..<offset &+ count), mode: mode, into: &output),
            !output.isEmpty
        else {
            output.removeAll(keepingCapacity: true)
            input.append(to: &output)
            return
        }
    }

    private func inflate(_ input: RawSpan, _ maximum: Int, into output: inout [UInt8]) {
        inflater.begin()
        var offset = 0
        var goesOn = true
        while goesOn, output.count < maximum {
            goesOn = inflater.step(input, &offset)
            output.append(contentsOf: inflater.output[0..<min(inflater.count, maximum &- output.count)])
        }
    }

    /// One octet of each run of white space stays, the first.
    private static func compress(_ input: RawSpan, into output: inout [UInt8]) {
        var wasSpace = false
        for index in 0..<input.byteCount {
            let octet = input.octet(index)
            if octet.isSpace, wasSpace { continue }
            wasSpace = octet.isSpace
            output.append(octet)
        }
    }

    /// Names of headers, up to the colon of each line, in lower case.
    private static func lowerNames(_ input: RawSpan, into output: inout [UInt8]) {
        var inName = true
        for index in 0..<input.byteCount {
            let octet = input.octet(index)
            if octet == 0x0A {
                inName = true
            } else if octet == 0x3A {
                inName = false
            }
            output.append(inName ? octet.lowered : octet)
        }
    }

    /// Lines that begin with a colon (HTTP/2's `:path`) go.
    private static func stripPseudo(_ input: RawSpan, into output: inout [UInt8]) {
        var start = 0
        while start < input.byteCount {
            let end = input.firstIndex(of: 0x0A, from: start).map { $0 &+ 1 } ?? input.byteCount
            if input.octet(start) != 0x3A { input.extracting(start..<end).append(to: &output) }
            start = end
        }
    }

    /// `%20` and `+`; what is no escape stays.
    private static func decodeURL(_ input: RawSpan, into output: inout [UInt8]) {
        var index = 0
        while index < input.byteCount {
            let octet = input.octet(index)
            if octet == 0x25, index &+ 2 < input.byteCount, let high = input.octet(index &+ 1).hexadecimal,
                let low = input.octet(index &+ 2).hexadecimal
            {
                output.append(high << 4 | low)
                index &+= 3
            } else {
                output.append(octet == 0x2B ? 0x20 : octet)
                index &+= 1
            }
        }
    }
}

extension Walker {
    /// Applies a chain of `RuleSet.transforms`; the result replaces what is in `output`.
    package func transform(_ chain: UInt16, _ bytes: RawSpan, into output: inout [UInt8]) {
        transformer.apply(set.transforms[Int(chain)], bytes, set, regexScratch, into: &output)
    }
}
