// SPDX-License-Identifier: Apache-2.0
//
// The pages of one column chunk as a `ColumnVector`.
//
// Reads   decompressed pages as `ChunkEncoder` writes them.
// Leaves  where the pages stand (`SegmentReader`).

internal import Records

/// Decodes page after page into one vector. Each step answers false where the octets make no sense.
struct ChunkDecoder {
    private var vector: ColumnVector
    private let type: PhysicalType
    /// Numbers of the dictionary; texts of a dictionary stand in the vector.
    private var numbers: [UInt64] = []
    private var hasDictionary = false
    private var repetitions: [UInt64] = []
    private var levels: [UInt64] = []
    private var values: [UInt64] = []

    init(_ kind: ColumnKind) {
        vector = ColumnVector(kind: kind)
        type = kind.physicalType
        if kind.isList { vector.listStarts.append(0) }
    }

    /// The vector, if it has so many rows.
    consuming func finish(rowCount: Int) -> ColumnVector? {
        guard vector.rowCount == rowCount else { return nil }
        vector.isDictionary = hasDictionary && type == .byteArray
        return vector
    }

    /// A dictionary of `count` PLAIN values.
    mutating func readDictionary(_ body: consuming [UInt8], count: Int) -> Bool {
        var source = ByteSource(body)
        hasDictionary = true
        guard type == .byteArray else { return readPlain(&source, count, into: &numbers) }
        for _ in 0..<count {
            guard let length = source.littleEndian32(), let octets = source.slice(length) else { return false }
            append(octets)
        }
        return true
    }

    private mutating func append(_ octets: ArraySlice<UInt8>) {
        vector.texts.bytes.append(contentsOf: octets)
        vector.texts.ends.append(UInt32(truncatingIfNeeded: vector.texts.bytes.count))
    }

    /// A data page of `rowCount` rows, of which those in `wanted` are kept.
    mutating func readPage(
        _ body: consuming [UInt8], encoding: Encoding, levelCount: Int, rowCount: Int, wanted: Range<Int>
    ) -> Bool {
        var source = ByteSource(body)
        let isList = vector.kind.isList
        repetitions.removeAll(keepingCapacity: true)
        levels.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        if isList {
            guard readLevels(&source, levelCount, width: 1, into: &repetitions) else { return false }
        } else if levelCount != rowCount {
            return false
        }
        guard readLevels(&source, levelCount, width: isList ? 2 : 1, into: &levels) else { return false }
        let setLevel: UInt64 = isList ? 2 : 1
        var valueCount = 0
        for level in levels where level == setLevel { valueCount &+= 1 }
        guard readValues(&source, encoding, valueCount) else { return false }
        return isList ? appendLists(rowCount, wanted) : appendCells(wanted, valueCount)
    }

    private func readLevels(
        _ source: inout ByteSource, _ count: Int, width: Int, into levels: inout [UInt64]
    ) -> Bool {
        guard let length = source.littleEndian32(), length <= source.left else { return false }
        let end = source.position &+ length
        guard HybridDecoder.decode(&source, count: count, width: width, into: &levels) else { return false }
        return source.position <= end && source.skip(end &- source.position)
    }

    // MARK: values

    /// Puts the page's set values into `values`: words, or places in the vector's texts.
    private mutating func readValues(_ source: inout ByteSource, _ encoding: Encoding, _ count: Int) -> Bool {
        guard count > 0 else { return true }
        switch (encoding, type) {
        case (.rleDictionary, _) where hasDictionary: return readIndices(&source, count)
        case (.plain, .boolean), (.plain, .double), (.plain, .int32), (.plain, .int64):
            return readPlain(&source, count, into: &values)
        case (.deltaBinaryPacked, .int32), (.deltaBinaryPacked, .int64):
            return DeltaDecoder.decode(&source, count: count, into: &values)
        case (.deltaLengthByteArray, .byteArray): return readTexts(&source, count)
        default: return false
        }
    }

    private func readPlain(_ source: inout ByteSource, _ count: Int, into values: inout [UInt64]) -> Bool {
        let width: Int
        switch type {
        case .boolean: width = 1
        case .int32: width = 32
        case .int64, .double: width = 64
        case .byteArray: return false
        }
        return source.unpack(count, width: width, into: &values)
    }

    private mutating func readIndices(_ source: inout ByteSource, _ count: Int) -> Bool {
        guard let width = source.octet(), width <= 32 else { return false }
        guard HybridDecoder.decode(&source, count: count, width: Int(width), into: &values) else { return false }
        let limit = UInt64(type == .byteArray ? vector.texts.count : numbers.count)
        for index in values.indices {
            guard values[index] < limit else { return false }
            if type != .byteArray { values[index] = numbers[Int(values[index])] }
        }
        return true
    }

    private mutating func readTexts(_ source: inout ByteSource, _ count: Int) -> Bool {
        guard DeltaDecoder.decode(&source, count: count, into: &values) else { return false }
        for index in values.indices {
            guard values[index] <= UInt64(source.left), let octets = source.slice(Int(values[index])) else { return false }
            values[index] = UInt64(vector.texts.count)
            append(octets)
        }
        return true
    }

    // MARK: rows

    private mutating func append(value: UInt64) {
        if type == .byteArray {
            vector.indices.append(UInt32(truncatingIfNeeded: value))
        } else {
            vector.words.append(value)
        }
    }

    private mutating func note(_ isSet: Bool) {
        let bit = UInt64(vector.rowCount & 63)
        if bit == 0 { vector.validity.append(0) }
        if isSet { vector.validity[vector.validity.count &- 1] |= 1 << bit }
        vector.rowCount &+= 1
    }

    private mutating func appendCells(_ wanted: Range<Int>, _ valueCount: Int) -> Bool {
        var next = 0
        for row in 0..<wanted.lowerBound where levels[row] == 1 { next &+= 1 }
        for row in wanted {
            let isSet = levels[row] == 1
            note(isSet)
            append(value: isSet ? values[next] : 0)
            if isSet { next &+= 1 }
        }
        return true
    }

    private mutating func appendLists(_ rowCount: Int, _ wanted: Range<Int>) -> Bool {
        var row = -1
        var next = 0
        for index in levels.indices {
            let level = levels[index]
            if repetitions[index] == 0 {
                row &+= 1
                if wanted.contains(row) {
                    note(level > 0)
                    vector.listStarts.append(vector.listStarts[vector.listStarts.count &- 1])
                }
            } else if row < 0 || level != 2 {
                return false
            }
            guard level <= 2 else { return false }
            guard level == 2 else { continue }
            if wanted.contains(row) {
                append(value: values[next])
                vector.listStarts[vector.listStarts.count &- 1] &+= 1
            }
            next &+= 1
        }
        return row &+ 1 == rowCount
    }
}
