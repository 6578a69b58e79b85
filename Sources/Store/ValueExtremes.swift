// SPDX-License-Identifier: Apache-2.0
//
// The smallest and the greatest value of a stretch of a column: zone maps.
//
// Leaves  where they are written (`ChunkEncoder`), and read (`ColumnBounds`).

internal import Records

/// The extremes of values that stand in a `ColumnBuilder`, NaN left out.
struct ValueExtremes {
    /// Bits that turn a word into a key whose unsigned order is the order of the values.
    private let flip: UInt64
    private let isReal: Bool
    private let isText: Bool
    private(set) var isEmpty = true
    /// Keys of numbers, or numbers of texts.
    private var least: UInt64 = 0
    private var greatest: UInt64 = 0

    static let textBytesMax = 64

    init(_ column: ColumnBuilder) {
        let kind = column.column.kind.elementKind
        isReal = kind == .real
        isText = kind == .text || kind == .enumeration || kind == .address
        switch kind {
        case .time, .interval, .integer: flip = 1 << 63
        default: flip = 0
        }
    }

    private func key(_ word: UInt64) -> UInt64 {
        guard isReal else { return word ^ flip }
        return word >> 63 == 1 ? ~word : word | 1 << 63
    }

    private func word(_ key: UInt64) -> UInt64 {
        guard isReal else { return key ^ flip }
        return key >> 63 == 1 ? key & ~(1 << 63) : ~key
    }

    mutating func add(_ column: ColumnBuilder, _ range: Range<Int>) {
        if isText { return addTexts(column, range) }
        for index in range {
            let word = column.words[index]
            if isReal && Double(bitPattern: word).isNaN { continue }
            let key = key(word)
            if isEmpty { (least, greatest, isEmpty) = (key, key, false) }
            if key < least { least = key }
            if key > greatest { greatest = key }
        }
    }

    private mutating func addTexts(_ column: ColumnBuilder, _ range: Range<Int>) {
        var last = UInt32.max
        for index in range where column.indices[index] != last {
            last = column.indices[index]
            add(text: UInt64(last), column)
        }
    }

    private mutating func add(text: UInt64, _ column: ColumnBuilder) {
        if isEmpty { (least, greatest, isEmpty) = (text, text, false) }
        if ValueExtremes.precedes(text, least, column.texts) { least = text }
        if ValueExtremes.precedes(greatest, text, column.texts) { greatest = text }
    }

    mutating func add(_ other: ValueExtremes, _ column: ColumnBuilder) {
        guard !other.isEmpty else { return }
        if isText {
            add(text: other.least, column)
            add(text: other.greatest, column)
        } else if isEmpty {
            self = other
        } else {
            least = min(least, other.least)
            greatest = max(greatest, other.greatest)
        }
    }

    /// Whether one text comes before another in the order of octets.
    private static func precedes(_ left: UInt64, _ right: UInt64, _ texts: TextDictionary) -> Bool {
        let (leftPrefix, rightPrefix) = (texts.prefixes[Int(left)], texts.prefixes[Int(right)])
        if leftPrefix != rightPrefix { return leftPrefix < rightPrefix }
        return left != right && texts.pool[Int(left)].lexicographicallyPrecedes(texts.pool[Int(right)])
    }

    /// As they stand in the file.
    func statistics(_ column: ColumnBuilder) -> Statistics {
        var result = Statistics()
        guard !isEmpty else { return result }
        if isText {
            let pool = column.texts.pool
            (result.min, result.isMinExact) = ValueExtremes.cut(min: pool[Int(least)])
            (result.max, result.isMaxExact) = ValueExtremes.cut(max: pool[Int(greatest)])
        } else {
            result.min = plain(word(least), column.column.kind.elementKind, isMin: true)
            result.max = plain(word(greatest), column.column.kind.elementKind, isMin: false)
        }
        return result
    }

    private func plain(_ word: UInt64, _ kind: ColumnKind, isMin: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        switch kind {
        case .boolean: bytes.append(UInt8(truncatingIfNeeded: word & 1))
        case .port: bytes.append(littleEndian: UInt32(truncatingIfNeeded: word))
        case .uid: UID(value: word).write(prefix: UID.connectionPrefix, to: &bytes)
        case .fuid: UID(value: word).write(prefix: UID.filePrefix, to: &bytes)
        // Readers compare -0 and +0 as they like: the smaller bound is -0, the greater +0 (parquet.thrift).
        case .real where Double(bitPattern: word) == 0: bytes.append(littleEndian: isMin ? UInt64(1) << 63 : 0)
        default: bytes.append(littleEndian: word)
        }
        return bytes
    }

    /// A lower bound of at most `textBytesMax` octets, cut between characters.
    private static func cut(min text: ArraySlice<UInt8>) -> ([UInt8], Bool) {
        guard text.count > textBytesMax else { return (Array(text), true) }
        return (Array(text[..<boundary(text)]), false)
    }

    /// An upper bound: cut, and the last ASCII character below `~` moved on by one.
    private static func cut(max text: ArraySlice<UInt8>) -> ([UInt8], Bool) {
        guard text.count > textBytesMax else { return (Array(text), true) }
        var prefix = Array(text[..<boundary(text)])
        while let last = prefix.popLast() {
            if last < 0x7E { return (prefix + [last &+ 1], false) }
        }
        return (Array(text), true)
    }

    private static func boundary(_ text: ArraySlice<UInt8>) -> Int {
        var end = text.startIndex &+ textBytesMax
        while end > text.startIndex && text[end] & 0xC0 == 0x80 { end &-= 1 }
        return end
    }
}
