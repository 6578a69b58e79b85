// SPDX-License-Identifier: Apache-2.0
//
// The pages of one column chunk as a `ColumnVector`.
//
// Reads   decompressed pages as `ChunkEncoder` writes them.
// Leaves  where the pages stand (`SegmentReader`).

internal import Records

/// The distinct values of a column chunk.
struct ChunkDictionary: Sendable {
    private(set) var numbers: [UInt64] = []
    private(set) var texts = TextPool()

    /// `count` PLAIN values; nil where the octets make no sense.
    init?(_ body: consuming [UInt8], count: Int, _ type: PhysicalType) {
        var source = ByteSource(body)
        guard type == .byteArray else {
            guard type.readPlain(&source, count, into: &numbers) else { return nil }
            return
        }
        texts.bytes.reserveCapacity(source.left)
        for _ in 0..<count {
            guard let length = source.littleEndian32(), let octets = source.slice(length) else { return nil }
            texts.bytes.append(contentsOf: octets)
            texts.ends.append(UInt32(truncatingIfNeeded: texts.bytes.count))
        }
    }
}

extension PhysicalType {
    /// Appends `count` numbers in their PLAIN form. False where the octets are too few, or are of texts.
    func readPlain(_ source: inout ByteSource, _ count: Int, into values: inout [UInt64]) -> Bool {
        switch self {
        case .boolean: source.unpack(count, width: 1, into: &values)
        case .int32: source.unpack(count, width: 32, into: &values)
        case .int64, .double: source.unpack(count, width: 64, into: &values)
        case .byteArray: false
        }
    }
}

/// Decodes page after page into one vector. Each step answers false where the octets make no sense.
struct ChunkDecoder {
    private var vector: ColumnVector
    private let type: PhysicalType
    /// Numbers of the dictionary; texts of a dictionary stand in the vector.
    private let numbers: [UInt64]
    private let hasDictionary: Bool
    private var repetitions: [UInt64] = []
    private var levels: [UInt64] = []
    private var values: [UInt64] = []

    init(_ kind: ColumnKind, _ dictionary: ChunkDictionary?) {
        vector = ColumnVector(kind: kind)
        type = kind.physicalType
        hasDictionary = dictionary != nil
        numbers = dictionary?.numbers ?? []
        if let dictionary { vector.texts = dictionary.texts }
        if kind.isList { vector.listStarts.append(0) }
    }

    /// The vector, if it has so many rows.
    consuming func finish(rowCount: Int) -> ColumnVector? {
        guard vector.rowCount == rowCount else { return nil }
        vector.isDictionary = hasDictionary && type == .byteArray
        return vector
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
        if !isList, let level = uniformLevel(&source, levelCount) {
            guard readValues(&source, encoding, level == 1 ? levelCount : 0) else { return false }
            appendRun(wanted, isSet: level == 1)
            return true
        }
        guard readLevels(&source, levelCount, width: isList ? 2 : 1, into: &levels) else { return false }
        let setLevel: UInt64 = isList ? 2 : 1
        var valueCount = 0
        for level in levels where level == setLevel { valueCount &+= 1 }
        guard readValues(&source, encoding, valueCount) else { return false }
        if isList { return appendLists(rowCount, wanted) }
        appendCells(wanted)
        return true
    }

    private func readLevels(
        _ source: inout ByteSource, _ count: Int, width: Int, into levels: inout [UInt64]
    ) -> Bool {
        guard let length = source.littleEndian32(), length <= source.left else { return false }
        let end = source.position &+ length
        guard HybridDecoder.decode(&source, count: count, width: width, into: &levels) else { return false }
        return source.position <= end && source.skip(end &- source.position)
    }

    /// The level of all cells where they have the same: most pages do. The source stays where it is otherwise.
    private func uniformLevel(_ source: inout ByteSource, _ count: Int) -> UInt8? {
        var ahead = source
        guard let length = ahead.littleEndian32(), let header = ahead.varint(), header == UInt64(count) << 1,
            let level = ahead.octet(), level <= 1, ahead.position &- source.position == length &+ 4
        else { return nil }
        source = ahead
        return level
    }

    // MARK: values

    /// Puts the page's set values into `values`: words, or places in the vector's texts.
    private mutating func readValues(_ source: inout ByteSource, _ encoding: Encoding, _ count: Int) -> Bool {
        guard count > 0 else { return true }
        switch (encoding, type) {
        case (.rleDictionary, _) where hasDictionary: return readIndices(&source, count)
        case (.plain, .boolean), (.plain, .double), (.plain, .int32), (.plain, .int64):
            return type.readPlain(&source, count, into: &values)
        case (.deltaBinaryPacked, .int32), (.deltaBinaryPacked, .int64):
            return DeltaDecoder.decode(&source, count: count, into: &values)
        case (.deltaLengthByteArray, .byteArray) where !hasDictionary: return readTexts(&source, count)
        default: return false
        }
    }

    private mutating func readIndices(_ source: inout ByteSource, _ count: Int) -> Bool {
        guard let width = source.octet(), width <= 32 else { return false }
        guard HybridDecoder.decode(&source, count: count, width: Int(width), into: &values) else { return false }
        var greatest: UInt64 = 0
        for value in values { greatest = max(greatest, value) }
        guard greatest < UInt64(type == .byteArray ? vector.texts.count : numbers.count) else { return false }
        guard type != .byteArray else { return true }
        let numbers = numbers
        var span = values.mutableSpan
        for index in 0..<span.count { span[index] = numbers[Int(span[index])] }
        return true
    }

    private mutating func readTexts(_ source: inout ByteSource, _ count: Int) -> Bool {
        guard DeltaDecoder.decode(&source, count: count, into: &values) else { return false }
        let first = UInt64(vector.texts.count)
        let start = vector.texts.bytes.count
        let limit = source.left
        var total = 0
        vector.texts.ends.reserveCapacity(vector.texts.ends.count &+ count)
        for length in values {
            guard length <= UInt64(limit &- total) else { return false }
            total &+= Int(length)
            vector.texts.ends.append(UInt32(truncatingIfNeeded: start &+ total))
        }
        var span = values.mutableSpan
        for index in 0..<span.count { span[index] = first &+ UInt64(index) }
        guard let octets = source.slice(total) else { return false }
        vector.texts.bytes.append(contentsOf: octets)
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

    /// The cells of a page in which all are set, or none.
    private mutating func appendRun(_ wanted: Range<Int>, isSet: Bool) {
        var count = wanted.count
        while count > 0 && vector.rowCount & 63 != 0 {
            note(isSet)
            count &-= 1
        }
        vector.rowCount &+= count
        vector.validity.append(contentsOf: repeatElement(isSet ? .max : 0, count: (count &+ 63) / 64))
        if isSet && count & 63 != 0 { vector.validity[vector.validity.count &- 1] = (1 << UInt64(count & 63)) &- 1 }
        if !isSet {
            if type == .byteArray {
                vector.indices.append(contentsOf: repeatElement(0, count: wanted.count))
            } else {
                vector.words.append(contentsOf: repeatElement(0, count: wanted.count))
            }
        } else if type == .byteArray {
            vector.indices.append(contentsOf: values[wanted].lazy.map { UInt32(truncatingIfNeeded: $0) })
        } else {
            vector.words.append(contentsOf: values[wanted])
        }
    }

    /// The cells of a page in which some are set. Levels have one bit.
    private mutating func appendCells(_ wanted: Range<Int>) {
        let (levels, values) = (levels, values)
        var next = 0
        for row in 0..<wanted.lowerBound { next &+= Int(levels[row]) }
        noteLevels(levels[wanted])
        if type == .byteArray {
            for row in wanted {
                vector.indices.append(levels[row] == 1 ? UInt32(truncatingIfNeeded: values[next]) : 0)
                next &+= Int(levels[row])
            }
        } else {
            let start = vector.words.count &- wanted.lowerBound
            vector.words.append(contentsOf: repeatElement(0, count: wanted.count))
            var span = vector.words.mutableSpan
            for row in wanted where levels[row] == 1 {
                span[start &+ row] = values[next]
                next &+= 1
            }
        }
    }

    private mutating func noteLevels(_ levels: ArraySlice<UInt64>) {
        var bit = UInt64(vector.rowCount & 63)
        var word = bit == 0 ? 0 : vector.validity.removeLast()
        for level in levels {
            word |= level << bit
            bit &+= 1
            guard bit == 64 else { continue }
            vector.validity.append(word)
            (bit, word) = (0, 0)
        }
        if bit > 0 { vector.validity.append(word) }
        vector.rowCount &+= levels.count
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
