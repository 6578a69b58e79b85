// SPDX-License-Identifier: Apache-2.0
//
// Rows that wait for their groups, sorted into parts by their keys.
//
// A page's rows are sorted first, so that each part is written to in stretches and not row by row.
//
// Leaves  finding the groups (`Aggregation`).

/// Which of many parts a key belongs to: the same for all workers, whatever numbers they gave to its texts.
struct KeyParts: Sendable {
    private struct Value {
        let word: Int
        let shift: UInt64
        let mask: UInt64
        let isText: Bool
    }
    private let count: Int
    private let values: [Value]

    /// - Parameter count: at most 256.
    init(_ plan: AggregationPlan, count: Int) {
        self.count = count
        let isPacked = plan.isPacked
        var values = plan.keys.enumerated().map { number, key in
            isPacked
                ? Value(word: 0, shift: UInt64(number) * 32, mask: TextCoder.unset, isText: key.isText)
                : Value(word: number, shift: 0, mask: .max, isText: key.isText)
        }
        // What is unset of a key has a word of its own.
        if !isPacked { values.append(Value(word: plan.keys.count, shift: 0, mask: .max, isText: false)) }
        self.values = values
    }

    /// The part of the key that stands in `words` from `start` on; `marks` are those of its texts (KeyTexts).
    @inline(__always) func part(of words: [UInt64], at start: Int, _ marks: [UInt16]) -> Int {
        var hash = GroupTable.seed
        for value in values {
            var word = words[start &+ value.word] >> value.shift & value.mask
            if value.isText, word != TextCoder.unset { word = UInt64(marks[Int(word)]) }
            hash = GroupTable.fold(hash ^ word, GroupTable.factor)
        }
        return Int(truncatingIfNeeded: ((hash >> 48) &* UInt64(count)) >> 16)
    }
}

struct WaitingRows: Sendable {
    struct Part: Sendable {
        var keys: [UInt64] = []
        /// Of each aggregate what it is given.
        var values: [RowValues]
    }

    private let width: Int
    private let aggregateCount: Int
    private let keyParts: KeyParts
    private var parts: [Part]
    private(set) var count = 0
    /// Of a page: the part of each row, where the rows of each part begin, and words in the order of the parts.
    private var partOfRow: [UInt8] = []
    private var starts = [257 of Int](repeating: 0)
    private var sorted: [UInt64] = []
    private var sortedFlags: [Bool] = []

    /// - Parameter partCount: at most 256.
    init(_ plan: AggregationPlan, partCount: Int) {
        width = plan.width
        aggregateCount = plan.aggregates.count
        keyParts = KeyParts(plan, count: partCount)
        let empty = plan.aggregates.map { _ in RowValues() }
        parts = (0..<partCount).map { _ in Part(values: empty) }
    }

    /// Takes what waits for a part.
    mutating func take(_ part: Int) -> Part {
        let taken = parts[part]
        parts[part] = Part(values: taken.values.map { _ in RowValues() })
        count &-= taken.keys.count / width
        return taken
    }

    /// Adds the keys of some rows, one behind the other, and what the aggregates are given of them. `marks` are those
    /// of the keys' texts.
    mutating func add(_ keys: [UInt64], _ values: [RowValues], rowCount: Int, marks: [UInt16]) {
        findParts(keys, rowCount, marks)
        sort(keys, width: width)
        for part in parts.indices where starts[part] < starts[part &+ 1] {
            parts[part].keys.append(contentsOf: sorted[starts[part] &* width ..< starts[part &+ 1] &* width])
        }
        for index in 0..<aggregateCount {
            if !values[index].words.isEmpty {
                sort(values[index].words, width: 1)
                for part in parts.indices where starts[part] < starts[part &+ 1] {
                    parts[part].values[index].words.append(contentsOf: sorted[starts[part]..<starts[part &+ 1]])
                }
            }
            addFlags(values[index].isUnset, of: index)
        }
        count &+= rowCount
    }

    private mutating func addFlags(_ flags: [Bool], of index: Int) {
        if !flags.isEmpty { sortFlags(flags) }
        for part in parts.indices where starts[part] < starts[part &+ 1] {
            let own = starts[part]..<starts[part &+ 1]
            // Flags are kept from the first one on that is true.
            if parts[part].values[index].isUnset.isEmpty {
                guard !flags.isEmpty else { continue }
                let before = parts[part].keys.count / width &- own.count
                parts[part].values[index].isUnset.append(contentsOf: repeatElement(false, count: before))
            }
            if flags.isEmpty {
                parts[part].values[index].isUnset.append(contentsOf: repeatElement(false, count: own.count))
            } else {
                parts[part].values[index].isUnset.append(contentsOf: sortedFlags[own])
            }
        }
    }

    private mutating func findParts(_ keys: [UInt64], _ rowCount: Int, _ marks: [UInt16]) {
        partOfRow.removeAll(keepingCapacity: true)
        partOfRow.append(contentsOf: repeatElement(0, count: rowCount))
        let (width, keyParts) = (width, keyParts)
        var ends = [257 of Int](repeating: 0)
        var own = partOfRow.mutableSpan
        for row in 0..<rowCount {
            let part = keyParts.part(of: keys, at: row &* width, marks)
            own[row] = UInt8(truncatingIfNeeded: part)
            ends[part &+ 1] &+= 1
        }
        for index in 1..<257 { ends[index] &+= ends[index &- 1] }
        starts = ends
    }

    private mutating func sort(_ words: [UInt64], width: Int) {
        if sorted.count < words.count {
            sorted.append(contentsOf: repeatElement(0, count: words.count &- sorted.count))
        }
        var next = starts
        let partOfRow = partOfRow
        var target = sorted.mutableSpan
        for row in partOfRow.indices {
            let place = next[Int(partOfRow[row])]
            next[Int(partOfRow[row])] = place &+ 1
            for word in 0..<width { target[place &* width &+ word] = words[row &* width &+ word] }
        }
    }

    private mutating func sortFlags(_ flags: [Bool]) {
        if sortedFlags.count < flags.count {
            sortedFlags.append(contentsOf: repeatElement(false, count: flags.count &- sortedFlags.count))
        }
        var next = starts
        let partOfRow = partOfRow
        var target = sortedFlags.mutableSpan
        for row in partOfRow.indices {
            let place = next[Int(partOfRow[row])]
            next[Int(partOfRow[row])] = place &+ 1
            target[place] = flags[row]
        }
    }
}
