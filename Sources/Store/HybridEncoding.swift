// SPDX-License-Identifier: Apache-2.0
//
// Parquet's RLE / bit-packing hybrid (Encodings.md, "RLE"): levels, and
// indices into a dictionary.
//
// Leaves  the length in front of levels and the width in front of indices (the pages).

/// Writes small numbers as runs of equal ones and as packed groups of eight.
struct HybridEncoder {
    private var packer = BitPacker()

    /// Appends `values[range]`, each of at most `width` bits.
    mutating func encode(_ values: [UInt32], _ range: Range<Int>, width: Int, to bytes: inout [UInt8]) {
        var packedStart = range.lowerBound
        var index = range.lowerBound
        while index < range.upperBound {
            let value = values[index]
            var runEnd = index &+ 1
            while runEnd < range.upperBound && values[runEnd] == value { runEnd &+= 1 }
            // Packed groups are of eight: the run gives what the open group lacks.
            let lacking = (packedStart &- index) & 7
            if runEnd &- index &- lacking >= 8 {
                pack(values, packedStart ..< index &+ lacking, width: width, to: &bytes)
                run(value, count: runEnd &- index &- lacking, width: width, to: &bytes)
                packedStart = runEnd
            }
            index = runEnd
        }
        pack(values, packedStart..<range.upperBound, width: width, to: &bytes)
    }

    /// A whole range of one value.
    func run(_ value: UInt32, count: Int, width: Int, to bytes: inout [UInt8]) {
        guard count > 0 else { return }
        bytes.append(varint: UInt64(count) << 1)
        var rest = value
        for _ in 0 ..< (width &+ 7) / 8 {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    private mutating func pack(_ values: [UInt32], _ range: Range<Int>, width: Int, to bytes: inout [UInt8]) {
        guard !range.isEmpty else { return }
        let groups = (range.count &+ 7) / 8
        bytes.append(varint: UInt64(groups) << 1 | 1)
        for index in range { packer.append(UInt64(values[index]), width: width) }
        for _ in 0 ..< groups &* 8 &- range.count { packer.append(0, width: width) }
        packer.finish(to: &bytes)
    }
}

/// Reads the hybrid.
enum HybridDecoder {
    /// Appends `count` values, none of more than `width` bits (at most 32). False where the octets are too few or lie.
    static func decode<Word: FixedWidthInteger & UnsignedInteger>(
        _ source: inout ByteSource, count: Int, width: Int, into values: inout [Word]
    ) -> Bool {
        guard width >= 0, width <= 32 else { return false }
        let goal = values.count &+ count
        values.reserveCapacity(goal)
        while values.count < goal {
            guard let header = source.varint(), header >> 1 > 0 else { return false }
            if header & 1 == 0 {
                guard let value = repeated(&source, width: width) else { return false }
                let length = header >> 1
                guard length <= UInt64(goal &- values.count) else { return false }
                values.append(contentsOf: repeatElement(Word(truncatingIfNeeded: value), count: Int(length)))
            } else {
                // The last group may be filled up beyond the count.
                let groups = header >> 1
                guard groups <= UInt64((goal &- values.count &+ 7) / 8) else { return false }
                let wanted = min(Int(groups) &* 8, goal &- values.count)
                let start = source.position
                guard source.unpack(wanted, width: width, into: &values) else { return false }
                guard source.skip(Int(groups) &* width &- (source.position &- start)) else { return false }
            }
        }
        return true
    }

    /// Puts `count` values of one bit into `bits`, the first the lowest bit of the first word; bits beyond are 0.
    static func decodeBits(_ source: inout ByteSource, count: Int, into bits: inout [UInt64]) -> Bool {
        bits.removeAll(keepingCapacity: true)
        bits.append(contentsOf: repeatElement(0, count: (count &+ 63) / 64))
        var place = 0
        while place < count {
            guard let header = source.varint(), header >> 1 > 0 else { return false }
            var left: Int
            var run: UInt64?
            if header & 1 == 0 {
                guard let value = repeated(&source, width: 1), header >> 1 <= UInt64(count &- place) else {
                    return false
                }
                left = Int(header >> 1)
                run = value == 1 ? .max : 0
            } else {
                guard header >> 1 <= UInt64((count &- place &+ 7) / 8), Int(header >> 1) <= source.left else {
                    return false
                }
                left = min(Int(header >> 1) &* 8, count &- place)
            }
            var offset = source.position
            while left > 0 {
                let some = min(left, 64)
                let word = (run ?? source.word(at: min(offset, source.end))) & (.max >> UInt64(64 &- some))
                let shift = UInt64(place & 63)
                bits[place >> 6] |= word << shift
                if Int(shift) &+ some > 64 { bits[(place >> 6) &+ 1] |= word >> (64 &- shift) }
                place &+= some
                left &-= some
                offset &+= 8
            }
            if run == nil, !source.skip(Int(header >> 1)) { return false }
        }
        return true
    }

    /// The value of a run; nil where the octets are too few, or it has more than `width` bits.
    private static func repeated(_ source: inout ByteSource, width: Int) -> UInt64? {
        var value: UInt64 = 0
        for place in 0 ..< UInt64((width &+ 7) / 8) {
            guard let octet = source.octet() else { return nil }
            value |= UInt64(octet) << (place &* 8)
        }
        return value >> UInt64(width) == 0 ? value : nil
    }
}
