// SPDX-License-Identifier: Apache-2.0
//
// Parquet's DELTA_BINARY_PACKED (Encodings.md, "Delta Encoding"): blocks of 128
// differences in four small blocks of 32, each with its own width.

/// Writes numbers as packed differences. All arithmetic wraps, so unsigned numbers come through too.
struct DeltaEncoder {
    static let blockCount = 128
    static let miniCount = 32

    private var packer = BitPacker()
    private var deltas: [UInt64] = []

    mutating func encode(_ values: [UInt64], _ range: Range<Int>, to bytes: inout [UInt8]) {
        bytes.append(varint: UInt64(DeltaEncoder.blockCount))
        bytes.append(varint: UInt64(DeltaEncoder.blockCount / DeltaEncoder.miniCount))
        bytes.append(varint: UInt64(range.count))
        guard !range.isEmpty else { return bytes.append(zigzag: 0) }
        bytes.append(zigzag: Int64(bitPattern: values[range.lowerBound]))
        var index = range.lowerBound &+ 1
        while index < range.upperBound {
            let end = min(index &+ DeltaEncoder.blockCount, range.upperBound)
            encodeBlock(values, index..<end, to: &bytes)
            index = end
        }
    }

    private mutating func encodeBlock(_ values: [UInt64], _ range: Range<Int>, to bytes: inout [UInt8]) {
        deltas.removeAll(keepingCapacity: true)
        var least = Int64.max
        var previous = values[range.lowerBound &- 1]
        for index in range {
            let delta = values[index] &- previous
            previous = values[index]
            deltas.append(delta)
            least = min(least, Int64(bitPattern: delta))
        }
        bytes.append(zigzag: least)
        let base = UInt64(bitPattern: least)
        let widthsPlace = bytes.count
        for _ in 0 ..< DeltaEncoder.blockCount / DeltaEncoder.miniCount { bytes.append(0) }
        for mini in 0 ..< DeltaEncoder.blockCount / DeltaEncoder.miniCount {
            let start = mini &* DeltaEncoder.miniCount
            guard start < deltas.count else { break }
            let end = min(start &+ DeltaEncoder.miniCount, deltas.count)
            var bits: UInt64 = 0
            for index in start..<end { bits |= deltas[index] &- base }
            let width = bitWidth(of: bits)
            bytes[widthsPlace &+ mini] = UInt8(width)
            guard width > 0 else { continue }
            for index in start..<end { packer.append(deltas[index] &- base, width: width) }
            for _ in end ..< start &+ DeltaEncoder.miniCount { packer.append(0, width: width) }
            packer.finish(to: &bytes)
        }
    }
}

/// Reads packed differences.
enum DeltaDecoder {
    /// Appends all values; there must be `count` of them. False where the octets are too few or lie.
    static func decode(_ source: inout ByteSource, count: Int, into values: inout [UInt64]) -> Bool {
        guard let block = source.count(limit: 1 << 16), let minis = source.count(limit: 1 << 9),
            let total = source.count(limit: .max), let first = source.zigzag()
        else { return false }
        guard total == count, minis > 0, block > 0, block % minis == 0, block / minis % 32 == 0 else { return false }
        guard count > 0 else { return true }
        let perMini = block / minis
        let goal = values.count &+ count
        var previous = UInt64(bitPattern: first)
        values.append(previous)
        while values.count < goal {
            guard let least = source.zigzag(), let widths = source.slice(minis) else { return false }
            for width in widths where values.count < goal {
                guard width <= 64 else { return false }
                let start = values.count
                let wanted = min(perMini, goal &- start)
                let place = source.position
                guard source.unpack(wanted, width: Int(width), into: &values) else { return false }
                guard source.skip(perMini &* Int(width) / 8 &- (source.position &- place)) else { return false }
                var span = values.mutableSpan
                for index in start ..< start &+ wanted {
                    previous = previous &+ span[index] &+ UInt64(bitPattern: least)
                    span[index] = previous
                }
            }
        }
        return true
    }
}
