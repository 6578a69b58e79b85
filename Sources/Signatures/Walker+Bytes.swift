// SPDX-License-Identifier: Apache-2.0
//
// Numbers in a buffer: `byte_test`, `byte_jump`, `byte_extract`, `byte_math`,
// `isdataat`, sizes, entropy, data sets.
//
// Reads   borrowed octets at the cursor or at an offset.
// Writes  the cursor and variables of the walker.
// Leaves  the order of steps (Walker.swift).

import Glibc
import Wire

extension Walker {
    // MARK: reading a number

    /// Where a byte keyword reads, and how many octets; nil outside of the buffer.
    private func place(_ read: ByteRead, _ bytes: RawSpan) -> (offset: Int, count: Int)? {
        let relative = number(read.offset, read.flags.contains(.offsetIsVariable))
        let offset = read.flags.contains(.isRelative) ? cursor &+ relative : relative
        var count =
            read.flags.contains(.countIsVariable)
            ? Int(truncatingIfNeeded: values[Int(read.count)] & 0xFFFF_FFFF) : Int(read.count)
        // Text without a count: as many digits as stand there.
        if count == 0, read.flags.contains(.isText) { count = max(0, bytes.byteCount &- offset) }
        guard offset >= 0, count >= 0, count <= bytes.byteCount &- offset else { return nil }
        return (offset, count)
    }

    /// The number there, masked; nil where it is none. `used` is how many octets it took.
    private func value(_ read: ByteRead, _ bytes: RawSpan, _ window: Window) -> (value: UInt64, offset: Int, used: Int)?
    {
        guard let place = place(read, bytes) else { return nil }
        var value: UInt64 = 0
        var used = place.count
        if read.flags.contains(.isText) {
            guard let text = Walker.digits(bytes, place.offset, place.count, base: read.base) else { return nil }
            (value, used) = text
        } else {
            guard place.count <= 8 else { return nil }
            let isLittle =
                read.flags.contains(.isLittle) || read.flags.contains(.isDCE) && window.isLittleDCE == true
            for index in 0..<place.count {
                let octet = UInt64(bytes.octet(place.offset &+ index))
                value = isLittle ? value | octet << UInt64(8 &* index) : value << 8 | octet
            }
        }
        if read.flags.contains(.hasMask) {
            value &= UInt64(read.mask)
            value >>= UInt64(read.mask.trailingZeroBitCount)
        }
        return (value, place.offset, used)
    }

    /// As C's `strtoull` reads them: blanks, a sign, a prefix that names the base, digits until something else.
    static func digits(_ bytes: RawSpan, _ offset: Int, _ count: Int, base: UInt8) -> (UInt64, Int)? {
        let end = offset &+ count
        var at = offset
        while at < end, bytes.octet(at).isSpace { at &+= 1 }
        var isNegative = false
        if at < end, bytes.octet(at) == 0x2D || bytes.octet(at) == 0x2B {
            isNegative = bytes.octet(at) == 0x2D
            at &+= 1
        }
        var base = UInt64(base)
        if base == 16 || base == 0, at &+ 2 < end, bytes.octet(at) == 0x30, bytes.octet(at &+ 1) | 0x20 == 0x78,
            bytes.octet(at &+ 2).hexadecimal != nil
        {
            base = 16
            at &+= 2
        } else if base == 0 {
            base = at < end && bytes.octet(at) == 0x30 ? 8 : 10
        }
        let first = at
        var value: UInt64 = 0
        while at < end, let digit = bytes.octet(at).hexadecimal, UInt64(digit) < base {
            let (product, overflow) = value.multipliedReportingOverflow(by: base)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            value = sum
            at &+= 1
        }
        guard at > first else { return nil }
        return (isNegative ? 0 &- value : value, at &- offset)
    }

    // MARK: keywords

    func holds(_ step: ByteTestStep, _ bytes: RawSpan, _ window: Window) -> Bool {
        // Nothing is left at the cursor: no match, whatever the operator.
        if step.read.flags.contains(.isRelative),
            bytes.byteCount &- cursor &- number(step.read.offset, step.read.flags.contains(.offsetIsVariable)) == 0
        {
            return false
        }
        guard let found = value(step.read, bytes, window) else { return false }
        let wanted = step.read.flags.contains(.valueIsVariable) ? values[Int(step.value & 0xFF)] : step.value
        let isTrue =
            switch step.operation {
            case .less: found.value < wanted
            case .greater: found.value > wanted
            case .equal: found.value == wanted
            case .lessOrEqual: found.value <= wanted
            case .greaterOrEqual: found.value >= wanted
            case .and: found.value & wanted != 0
            case .xor: found.value ^ wanted != 0
            default: false
            }
        return isTrue != step.read.flags.contains(.isNegated)
    }

    func jumps(_ step: ByteJumpStep, _ bytes: RawSpan, _ window: Window) -> Bool {
        let flags = step.read.flags
        guard let found = value(step.read, bytes, window) else { return false }
        if flags.contains(.isRelative), found.used > 0, bytes.byteCount <= found.offset { return false }
        var jump = Int64(truncatingIfNeeded: found.value &* UInt64(step.multiplier))
        if flags.contains(.aligns), jump % 4 != 0 { jump &+= 4 &- jump % 4 }
        let post = flags.contains(.valueIsVariable) ? Int64(number(step.postOffset, true)) : Int64(step.postOffset)
        jump &+= post
        let base: Int64
        if flags.contains(.fromBeginning) {
            base = 0
        } else if flags.contains(.fromEnd) {
            base = Int64(bytes.byteCount)
        } else {
            base = Int64(found.offset &+ found.used)
        }
        let (target, overflow) = base.addingReportingOverflow(jump)
        guard !overflow, target <= Int64(bytes.byteCount) else { return false }
        cursor = Int(max(0, target))
        return true
    }

    func extracts(_ step: ByteExtractStep, _ bytes: RawSpan, _ window: Window) -> Bool {
        guard let found = value(step.read, bytes, window) else { return false }
        var value = found.value &* UInt64(step.multiplier)
        let align = UInt64(step.align)
        if align > 1, value % align != 0 { value &+= align &- value % align }
        values[Int(step.variable)] = value
        cursor = found.offset &+ found.used
        return true
    }

    func computes(_ step: ByteMathStep, _ bytes: RawSpan, _ window: Window) -> Bool {
        var read = step.read
        // The mask applies to the result, not to what is read.
        read.flags.remove(.hasMask)
        guard let found = value(read, bytes, window) else { return false }
        let operand = read.flags.contains(.valueIsVariable) ? values[Int(step.value & 0xFF)] : UInt64(step.value)
        var value: UInt64
        switch step.operation {
        case .add: value = found.value &+ operand
        case .subtract: value = found.value &- operand
        case .multiply: value = found.value &* operand
        case .divide:
            guard operand != 0 else { return false }
            value = found.value / operand
        case .shiftLeft: value = operand < 64 ? found.value << operand : 0
        case .shiftRight: value = operand < 64 ? found.value >> operand : 0
        default: return false
        }
        if step.read.flags.contains(.hasMask) {
            value &= UInt64(step.read.mask)
            value >>= UInt64(step.read.mask.trailingZeroBitCount)
        }
        values[Int(step.variable)] = value
        cursor = found.offset &+ found.used
        return true
    }

    /// Absolute: an octet stands at the offset. Relative: so many octets follow the cursor.
    func holds(_ step: DataAtStep, _ bytes: RawSpan) -> Outcome {
        let isNegated = step.flags.contains(.isNegated)
        let isVariable = step.flags.contains(.countIsVariable)
        var count = Int(step.count)
        if isVariable {
            let value = values[Int(step.count) & 0xFF]
            guard value < 100_000_000 else { return isNegated ? .match : .noMatch }
            count = Int(value)
        }
        if step.flags.contains(.isRelative) {
            if cursor &+ count > bytes.byteCount { return isNegated ? .match : isVariable ? .noMatch : .stop }
            return isNegated ? .noMatch : .match
        }
        let isThere = count < bytes.byteCount
        if isThere != isNegated { return .match }
        return isVariable ? .noMatch : .stop
    }

    // MARK: sizes

    /// What can still grow is judged only where more octets cannot change it.
    static func size(_ test: NumberTest, _ count: Int, _ window: Window) -> Outcome {
        let size = UInt64(count) &+ window.streamOffset
        if window.isComplete { return test.matches(size) ? .match : .stop }
        switch test.comparison {
        case .greater, .greaterOrEqual: return test.matches(size) ? .match : .noMatch
        case .less, .lessOrEqual: return test.matches(size) ? .noMatch : .stop
        case .equal: return size > test.first ? .stop : .noMatch
        case .inside: return size >= test.second ? .stop : .noMatch
        case .within: return size > test.second ? .stop : .noMatch
        default: return .noMatch
        }
    }

    // MARK: entropy and data sets

    /// Shannon's entropy of octets, 0 to 8 bits.
    static func holds(_ step: EntropyStep, _ bytes: RawSpan) -> Bool {
        let start = Int(step.offset)
        guard start < bytes.byteCount else { return false }
        var count = bytes.byteCount &- start
        if step.bytes > 0 {
            guard Int(step.bytes) <= count else { return false }
            count = Int(step.bytes)
        }
        let value = Float(entropy(bytes.extracting(start..<start &+ count)))
        return switch step.comparison {
        case .equal: value == step.first
        case .notEqual: value != step.first
        case .less: value < step.first
        case .lessOrEqual: value <= step.first
        case .greater: value > step.first
        case .greaterOrEqual: value >= step.first
        case .inRange: value > step.first && value < step.second
        case .outOfRange: value <= step.first || value >= step.second
        }
    }

    package static func entropy(_ bytes: RawSpan) -> Double {
        var counts = InlineArray<256, UInt32>(repeating: 0)
        for index in 0..<bytes.byteCount { counts[Int(bytes.octet(index))] &+= 1 }
        var sum = 0.0
        let total = Double(bytes.byteCount)
        for index in 0..<256 where counts[index] > 0 {
            let share = Double(counts[index]) / total
            sum -= share * log2(share)
        }
        return sum
    }

    func holds(_ step: DatasetStep, _ bytes: RawSpan) -> Bool {
        let dataset = set.datasets[Int(step.dataset)]
        return dataset.ask(step, bytes)
    }
}

extension Dataset {
    /// Asks or changes the set with the octets of a buffer, which sets of digests hash first.
    func ask(_ step: DatasetStep, _ bytes: RawSpan) -> Bool {
        switch type {
        case .string: return answer(step, bytes)
        case .md5: return answer(step, Hashing.md5(bytes).octets)
        case .sha256: return answer(step, Hashing.sha256(bytes).octets)
        case .ipv4:
            // Four octets, or the last four of a mapped address.
            guard bytes.byteCount == 4 || bytes.byteCount == 16 else { return false }
            return answer(step, bytes.extracting((bytes.byteCount &- 4)..<bytes.byteCount))
        case .ip:
            guard bytes.byteCount == 4 else { return answer(step, bytes) }
            var mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
            bytes.append(to: &mapped)
            return answer(step, mapped.octets)
        }
    }

    private func answer(_ step: DatasetStep, _ value: RawSpan) -> Bool {
        switch step.command {
        case .isSet: contains(value)
        case .isNotSet: !contains(value)
        case .set: insert(value)
        case .unset: remove(value)
        case .reputation: reputation(of: value).map { step.test.matches(UInt64($0)) } ?? false
        }
    }
}
