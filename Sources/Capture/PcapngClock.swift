// SPDX-License-Identifier: Apache-2.0
// Timestamps of pcapng interfaces (draft-ietf-opsawg-pcapng section 4.2, options 9 and 14).
//
// Reads   a 64 bit count in units of 10^-n or 2^-n seconds, and an offset in whole seconds.
// Writes  nanoseconds since the epoch; what does not fit saturates.
// Leaves  the time zone option, which is obsolete.

struct PcapngClock: Equatable {
    private enum Scale: Equatable {
        case multiply(UInt64)
        case divide(UInt64)
        case binary(UInt64)
        /// Units so small that 2^64 of them are less than a nanosecond.
        case vanish
    }

    private var scale = Scale.multiply(1000)  // microseconds, where no option says otherwise
    private var offsetNanoseconds: Int64 = 0

    init() {}

    /// Option if_tsresol: the upper bit chooses powers of two, the others are the negative exponent.
    mutating func setResolution(_ octet: UInt8) {
        let exponent = Int(octet & 0x7F)
        if octet & 0x80 != 0 {
            scale = .binary(UInt64(exponent))
        } else if exponent <= 9 {
            scale = .multiply(Self.powerOfTen(9 - exponent))
        } else if exponent - 9 <= 19 {
            scale = .divide(Self.powerOfTen(exponent - 9))
        } else {
            scale = .vanish
        }
    }

    /// Option if_tsoffset.
    mutating func setOffset(seconds: Int64) {
        let (product, hasOverflowed) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        offsetNanoseconds = hasOverflowed ? (seconds < 0 ? .min : .max) : product
    }

    /// Saturates at both ends of `Int64`, and never traps.
    func nanoseconds(_ units: UInt64) -> Int64 {
        let scaled: UInt64
        switch scale {
        case .multiply(let factor):
            let (product, hasOverflowed) = units.multipliedReportingOverflow(by: factor)
            scaled = hasOverflowed ? .max : product
        case .divide(let divisor): scaled = units / divisor
        case .binary(let exponent):
            // 128 bits: 2^64 units of a second each are more nanoseconds than 64 bits hold.
            let (high, low) = units.multipliedFullWidth(by: 1_000_000_000)
            if exponent >= 64 {
                scaled = high >> (exponent - 64)
            } else if high >> exponent != 0 {
                scaled = .max
            } else {
                scaled = exponent == 0 ? low : high << (64 - exponent) | low >> exponent
            }
        case .vanish: scaled = 0
        }
        let (sum, hasOverflowed) = Int64(clamping: scaled).addingReportingOverflow(offsetNanoseconds)
        return hasOverflowed ? (offsetNanoseconds < 0 ? .min : .max) : sum
    }

    private static func powerOfTen(_ exponent: Int) -> UInt64 {
        var power: UInt64 = 1
        for _ in 0..<exponent { power &*= 10 }
        return power
    }
}
