// SPDX-License-Identifier: Apache-2.0
//
// Rows that wait for their groups, sorted into parts by their keys.
//
// A page's rows are sorted first, so that each part is written to in stretches and not row by row.
//
// Leaves  finding the groups (`Aggregation`).

struct WaitingRows: Sendable {
    private struct Part {
        var keys: [UInt64] = []
        /// Of each aggregate what it is given.
        var values: [RowValues]
    }

    private let width: Int
    private let aggregateCount: Int
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
        let empty = plan.aggregates.map { _ in RowValues() }
        parts = (0..<partCount).map { _ in Part(values: empty) }
    }

    /// Takes what waits for a part.
    mutating func take(_ part: Int) -> (keys: [UInt64], values: [RowValues]) {
        let taken = parts[part]
        parts[part] = Part(values: taken.values.map { _ in RowValues() })
        count &-= taken.keys.count / width
        return (taken.keys, taken.values)
    }

    /// Adds the keys of some rows, one behind the other, and what the aggregates are given of them.
    mutating func add(_ keys: [UInt64], _ values: [RowValues], rowCount: Int) {
        findParts(keys, rowCount)
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

    private mutating func findParts(_ keys: [UInt64], _ rowCount: Int) {
        partOfRow.removeAll(keepingCapacity: true)
        partOfRow.append(contentsOf: repeatElement(0, count: rowCount))
        let (width, partCount) = (width, parts.count)
        var ends = [257 of Int](repeating: 0)
        var own = partOfRow.mutableSpan
        for row in 0..<rowCount {
            let part = GroupTable.part(of: keys, at: row &* width, width, count: partCount)
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
