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

    /// `count` PLAIN values, with `ByteSource.spare` octets behind them; nil where the octets make no sense.
    init?(_ body: consuming [UInt8], count: Int, _ type: PhysicalType) {
        var source = ByteSource(padded: body)
        guard type == .byteArray else {
            guard type.readPlain(&source, count, into: &numbers) else { return nil }
            return
        }
        // The page stays as it stands: each text has its length, four octets, in front.
        texts = TextPool(gap: 4)
        guard source.end <= Int(UInt32.max) else { return nil }
        texts.ends.reserveCapacity(min(count, source.left / 4))
        for _ in 0..<count {
            guard let length = source.littleEndian32(), source.skip(length) else { return nil }
            texts.ends.append(UInt32(truncatingIfNeeded: source.position))
        }
        texts.bytes = source.bytes
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

/// Reads the set values of a page.
private struct ValueReader {
    let type: PhysicalType
    /// Numbers of the dictionary; texts of a dictionary stand in the vector.
    let numbers: [UInt64]
    let hasDictionary: Bool

    /// Appends numbers.
    func readWords(
        _ source: inout ByteSource, _ encoding: Encoding, _ count: Int, into words: inout [UInt64]
    ) -> Bool {
        switch (encoding, type) {
        case (.rleDictionary, _) where hasDictionary:
            let start = words.count
            guard ValueReader.readIndices(&source, count, below: numbers.count, into: &words) else { return false }
            var span = words.mutableSpan
            for index in start..<span.count { span[index] = numbers[Int(span[index])] }
            return true
        case (.plain, _): return type.readPlain(&source, count, into: &words)
        case (.deltaBinaryPacked, .int32), (.deltaBinaryPacked, .int64):
            return DeltaDecoder.decode(&source, count: count, into: &words)
        default: return false
        }
    }

    /// Appends places of texts, which go into the pool where no dictionary has them.
    func readTexts(
        _ source: inout ByteSource, _ encoding: Encoding, _ count: Int, into places: inout [UInt32],
        _ texts: inout TextPool
    ) -> Bool {
        switch encoding {
        case .rleDictionary where hasDictionary:
            return ValueReader.readIndices(&source, count, below: texts.count, into: &places)
        case .deltaLengthByteArray where !hasDictionary:
            return ValueReader.readPlainTexts(&source, count, into: &places, &texts)
        default: return false
        }
    }

    /// Appends indices into a dictionary of `limit` values.
    private static func readIndices<Word: FixedWidthInteger & UnsignedInteger>(
        _ source: inout ByteSource, _ count: Int, below limit: Int, into indices: inout [Word]
    ) -> Bool {
        let start = indices.count
        guard let width = source.octet(), width <= 32,
            HybridDecoder.decode(&source, count: count, width: Int(width), into: &indices)
        else { return false }
        var greatest: Word = 0
        let span = indices.span
        for index in start..<span.count { greatest = max(greatest, span[index]) }
        return UInt64(greatest) < UInt64(limit)
    }

    private static func readPlainTexts(
        _ source: inout ByteSource, _ count: Int, into places: inout [UInt32], _ texts: inout TextPool
    ) -> Bool {
        var lengths: [UInt64] = []
        lengths.reserveCapacity(min(count, SegmentReader.countMax))
        guard DeltaDecoder.decode(&source, count: count, into: &lengths) else { return false }
        let first = texts.count
        let start = texts.bytes.count
        let limit = source.left
        var total = 0
        texts.ends.reserveCapacity(first &+ count)
        for length in lengths {
            guard length <= UInt64(limit &- total) else { return false }
            total &+= Int(length)
            texts.ends.append(UInt32(truncatingIfNeeded: start &+ total))
        }
        for place in first ..< first &+ count { places.append(UInt32(truncatingIfNeeded: place)) }
        guard let octets = source.slice(total) else { return false }
        texts.bytes.append(contentsOf: octets)
        return true
    }
}

/// Decodes page after page into one vector. Each step answers false where the octets make no sense.
struct ChunkDecoder {
    private var vector: ColumnVector
    private let reader: ValueReader
    private var repetitions: [UInt64] = []
    private var levels: [UInt64] = []
    /// Which cells of a page are set, where some are.
    private var bits: [UInt64] = []
    /// Values of a page of which not all, or not all cells, are taken: words, or places in the vector's texts.
    private var values: [UInt64] = []
    private var places: [UInt32] = []

    init(_ kind: ColumnKind, _ dictionary: ChunkDictionary?) {
        vector = ColumnVector(kind: kind)
        reader = ValueReader(
            type: kind.physicalType, numbers: dictionary?.numbers ?? [], hasDictionary: dictionary != nil)
        if let dictionary { vector.texts = dictionary.texts }
        if kind.isList { vector.listStarts.append(0) }
    }

    /// The vector, if it has so many rows.
    consuming func finish(rowCount: Int) -> ColumnVector? {
        guard vector.rowCount == rowCount else { return nil }
        vector.isDictionary = reader.hasDictionary && isText
        return vector
    }

    /// A data page of `rowCount` rows, of which those in `wanted` are kept. `ByteSource.spare` octets stand behind it.
    mutating func readPage(
        _ body: consuming [UInt8], encoding: Encoding, levelCount: Int, rowCount: Int, wanted: Range<Int>
    ) -> Bool {
        var source = ByteSource(padded: body)
        guard !vector.kind.isList else { return readLists(&source, encoding, levelCount, rowCount, wanted) }
        guard levelCount == rowCount else { return false }
        if let level = uniformLevel(&source, levelCount) {
            return readRun(&source, encoding, levelCount, wanted, level)
        }
        guard let length = source.littleEndian32(), length <= source.left else { return false }
        let end = source.position &+ length
        guard HybridDecoder.decodeBits(&source, count: levelCount, into: &bits), source.position <= end,
            source.skip(end &- source.position)
        else { return false }
        var valueCount = 0
        for word in bits { valueCount &+= word.nonzeroBitCount }
        guard readPart(&source, encoding, valueCount) else { return false }
        appendCells(wanted)
        return true
    }

    private mutating func readLists(
        _ source: inout ByteSource, _ encoding: Encoding, _ levelCount: Int, _ rowCount: Int, _ wanted: Range<Int>
    ) -> Bool {
        repetitions.removeAll(keepingCapacity: true)
        levels.removeAll(keepingCapacity: true)
        guard readLevels(&source, levelCount, width: 1, into: &repetitions),
            readLevels(&source, levelCount, width: 2, into: &levels)
        else { return false }
        var valueCount = 0
        for level in levels where level == 2 { valueCount &+= 1 }
        return readPart(&source, encoding, valueCount) && appendLists(rowCount, wanted)
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

    private var isText: Bool { reader.type == .byteArray }

    // MARK: values

    /// A page in which all cells are set, or none.
    private mutating func readRun(
        _ source: inout ByteSource, _ encoding: Encoding, _ count: Int, _ wanted: Range<Int>, _ level: UInt8
    ) -> Bool {
        guard level == 1 else {
            noteRun(wanted.count, isSet: false)
            if isText {
                vector.indices.append(contentsOf: repeatElement(0, count: wanted.count))
            } else {
                vector.words.append(contentsOf: repeatElement(0, count: wanted.count))
            }
            return true
        }
        noteRun(wanted.count, isSet: true)
        if isText {
            let start = vector.indices.count
            guard reader.readTexts(&source, encoding, count, into: &vector.indices, &vector.texts) else { return false }
            ChunkDecoder.keep(wanted, from: start, &vector.indices)
        } else {
            let start = vector.words.count
            guard reader.readWords(&source, encoding, count, into: &vector.words) else { return false }
            ChunkDecoder.keep(wanted, from: start, &vector.words)
        }
        return true
    }

    /// Leaves of the values from `start` on those in `wanted`.
    private static func keep<Word>(_ wanted: Range<Int>, from start: Int, _ values: inout [Word]) {
        values.removeLast(values.count &- start &- wanted.upperBound)
        if wanted.lowerBound > 0 { values.removeSubrange(start ..< start &+ wanted.lowerBound) }
    }

    /// Puts a page's set values into `values` or `places`.
    private mutating func readPart(_ source: inout ByteSource, _ encoding: Encoding, _ count: Int) -> Bool {
        values.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
        guard count > 0 else { return true }
        guard isText else { return reader.readWords(&source, encoding, count, into: &values) }
        return reader.readTexts(&source, encoding, count, into: &places, &vector.texts)
    }

    // MARK: rows

    private mutating func note(_ isSet: Bool) {
        let bit = UInt64(vector.rowCount & 63)
        if bit == 0 { vector.validity.append(0) }
        if isSet { vector.validity[vector.validity.count &- 1] |= 1 << bit }
        vector.rowCount &+= 1
    }

    private mutating func noteRun(_ total: Int, isSet: Bool) {
        var count = total
        while count > 0 && vector.rowCount & 63 != 0 {
            note(isSet)
            count &-= 1
        }
        vector.rowCount &+= count
        vector.validity.append(contentsOf: repeatElement(isSet ? .max : 0, count: (count &+ 63) / 64))
        if isSet && count & 63 != 0 { vector.validity[vector.validity.count &- 1] = (1 << UInt64(count & 63)) &- 1 }
    }

    /// The cells of a page in which some are set.
    private mutating func appendCells(_ wanted: Range<Int>) {
        noteBits(wanted)
        var before = 0
        for word in 0 ..< wanted.lowerBound >> 6 { before &+= bits[word].nonzeroBitCount }
        let rest = UInt64(wanted.lowerBound & 63)
        if rest > 0 { before &+= (bits[wanted.lowerBound >> 6] & ((1 << rest) &- 1)).nonzeroBitCount }
        if isText {
            ChunkDecoder.spread(places, from: before, over: bits, wanted, into: &vector.indices)
        } else {
            ChunkDecoder.spread(values, from: before, over: bits, wanted, into: &vector.words)
        }
    }

    /// Appends to each row its value, 0 to one that is unset. No branch hangs on what is set: it is as good as random.
    private static func spread<Word: FixedWidthInteger & UnsignedInteger>(
        _ values: [Word], from first: Int, over bits: [UInt64], _ wanted: Range<Int>, into cells: inout [Word]
    ) {
        guard first < values.count else {
            return cells.append(contentsOf: repeatElement(0, count: wanted.count))
        }
        let start = cells.count &- wanted.lowerBound
        cells.append(contentsOf: repeatElement(0, count: wanted.count))
        var target = cells.mutableSpan
        let last = values.count &- 1
        var next = first
        for row in wanted {
            let isSet = bits[row >> 6] &>> UInt64(row & 63) & 1
            target[start &+ row] = values[min(next, last)] & (0 &- Word(truncatingIfNeeded: isSet))
            next &+= Int(truncatingIfNeeded: isSet)
        }
    }

    private mutating func noteBits(_ wanted: Range<Int>) {
        guard vector.rowCount & 63 == 0, wanted.lowerBound & 63 == 0 else {
            for row in wanted { note(bits[row >> 6] >> UInt64(row & 63) & 1 == 1) }
            return
        }
        vector.validity.append(contentsOf: bits[wanted.lowerBound >> 6 ..< (wanted.upperBound &+ 63) >> 6])
        vector.rowCount &+= wanted.count
        let rest = UInt64(wanted.count & 63)
        if rest > 0 { vector.validity[vector.validity.count &- 1] &= (1 << rest) &- 1 }
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
                if isText { vector.indices.append(places[next]) } else { vector.words.append(values[next]) }
                vector.listStarts[vector.listStarts.count &- 1] &+= 1
            }
            next &+= 1
        }
        return row &+ 1 == rowCount
    }
}
