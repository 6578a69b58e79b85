// SPDX-License-Identifier: Apache-2.0
//
// WHERE, as the vectorised path has it: which rows are true, exactly.
//
// Reads   bounds, bloom filters, column vectors.
// Writes  the rows that are left.
// Leaves  what cannot be said exactly so (`RowFilter.make` answers nil, and SQLite asks row by row).
//
// NOT is gone: it was carried down to the comparisons (each has an opposite that is true for set cells only), so
// that one set, that of the true rows, is enough for SQL's three truths.

import Records
import Store

/// What a filter may ask of a stretch of rows before it is read.
struct StretchFacts {
    /// Bounds of a column; nil where they are not known.
    var bounds: (Int) throws(StoreError) -> ColumnBounds?
    /// False where a bloom filter proves that a text is not there.
    var mayContain: (Int, ArraySlice<UInt8>) throws(StoreError) -> Bool
}

indirect enum RowFilter: Sendable {
    case all
    case none
    case and([RowFilter])
    case or([RowFilter])
    case test(column: Int, ValueTest)
    case compare(NumericExpression, NumericTest, NumericExpression)
    case sameText(Int, Int, isEqual: Bool)
    /// A function that gives texts, and a test of these.
    case function(ScalarExpression, ScalarTest)

    /// Whether a stretch may hold a true row.
    func mayMatch(_ facts: StretchFacts) throws(StoreError) -> Bool {
        switch self {
        case .all, .compare, .sameText, .function: return true
        case .none: return false
        case .and(let parts):
            for part in parts where try !part.mayMatch(facts) { return false }
            return true
        case .or(let parts):
            for part in parts where try part.mayMatch(facts) { return true }
            return false
        case .test(let column, let test):
            if let bounds = try facts.bounds(column), !test.mayMatch(bounds) { return false }
            guard case .texts(let texts, isIn: true) = test else { return true }
            for text in texts where try facts.mayContain(column, text[...]) { return true }
            return false
        }
    }

    /// Keeps the rows that are true.
    func keep(_ rows: inout [UInt32], _ page: PageColumns) throws(VectorFailure) {
        switch self {
        case .all: return
        case .none: rows.removeAll(keepingCapacity: true)
        case .and(let parts):
            for part in parts where !rows.isEmpty { try part.keep(&rows, page) }
        case .or(let parts):
            var kept: [UInt32] = []
            var left = rows
            for part in parts where !left.isEmpty {
                var some = left
                try part.keep(&some, page)
                guard !some.isEmpty else { continue }
                RowFilter.remove(some, from: &left)
                kept = kept.isEmpty ? some : RowFilter.merged(kept, some)
            }
            rows = kept
        case .test(let column, let test):
            guard let vector = try page.vector(column) else {
                // The segment is older than the column: every cell is unset.
                if case .isNull = test { return }
                return rows.removeAll(keepingCapacity: true)
            }
            test.keep(&rows, vector)
        case .compare(let left, let test, let right):
            let (left, right) = (try left.values(rows, page), try right.values(rows, page))
            var count = 0
            for index in rows.indices where test.holds(left, right, index) {
                rows[count] = rows[index]
                count += 1
            }
            rows.removeLast(rows.count - count)
        case .sameText(let left, let right, let isEqual):
            guard let left = try page.vector(left), let right = try page.vector(right) else {
                return rows.removeAll(keepingCapacity: true)
            }
            rows.removeAll { row in
                let row = Int(row)
                guard left.isSet(row), right.isSet(row) else { return true }
                return left.text(row).elementsEqual(right.text(row)) != isEqual
            }
        case .function(let function, let test):
            let values = try function.values(rows, page)
            var count = 0
            for index in rows.indices where test.holds(values[index]) {
                rows[count] = rows[index]
                count += 1
            }
            rows.removeLast(rows.count - count)
        }
    }

    /// Both ascending; `some` is a part of `rows`.
    private static func remove(_ some: [UInt32], from rows: inout [UInt32]) {
        var next = 0
        rows.removeAll { row in
            guard next < some.count, some[next] == row else { return false }
            next += 1
            return true
        }
    }

    private static func merged(_ left: [UInt32], _ right: [UInt32]) -> [UInt32] {
        var all: [UInt32] = []
        all.reserveCapacity(left.count + right.count)
        var (first, second) = (0, 0)
        while first < left.count || second < right.count {
            if second >= right.count || first < left.count && left[first] < right[second] {
                all.append(left[first])
                first += 1
            } else {
                all.append(right[second])
                second += 1
            }
        }
        return all
    }
}

/// Why the vectorised path gives a question back.
enum VectorFailure: Error {
    /// Something that only SQLite answers as SQLite does, such as a sum beyond 64 bits.
    case notOurs
    case store(StoreError)
    case cancelled
}

/// An exact test of one cell. Unset cells pass `isNull` alone.
enum ValueTest: Sendable {
    case isNull
    case isSet
    /// Times and intervals in microseconds, integers.
    case signed([ClosedRange<Int64>])
    /// Counts, ports, booleans.
    case unsigned([ClosedRange<UInt64>])
    case real(NumericTest, Double)
    /// In the order of octets.
    case texts([[UInt8]], isIn: Bool)
    case textOrder(NumericTest, [UInt8])
    case like(LikePattern, isLike: Bool)
    case network(AddressPrefix, isIn: Bool)

    /// False where no cell of a stretch with these bounds can pass.
    func mayMatch(_ bounds: ColumnBounds) -> Bool {
        if case .isNull = self { return bounds.nullCount != 0 }
        if bounds.isAllUnset { return false }
        guard let values = bounds.values else { return true }
        switch (self, values) {
        case (.signed(let ranges), .signed(let min, let max)):
            return ranges.contains { $0.lowerBound <= max && $0.upperBound >= min }
        case (.unsigned(let ranges), .unsigned(let min, let max)):
            return ranges.contains { $0.lowerBound <= max && $0.upperBound >= min }
        case (.real(let test, let value), .real(let min, let max)): return test.mayHold(min, max, value)
        case (.texts(let texts, isIn: true), .text(let min, let max)):
            return texts.contains { !isBefore($0, min) && !isBefore(max, $0) }
        case (.textOrder(let test, let text), .text(let min, let max)):
            switch test {
            case .less, .lessOrEqual: return !isBefore(text, min)
            case .greater, .greaterOrEqual: return !isBefore(max, text)
            case .equal, .unequal: return true
            }
        case (.like(let pattern, isLike: true), .text(let min, let max)): return pattern.mayMatch(min, max)
        default: return true
        }
    }

    func keep(_ rows: inout [UInt32], _ vector: ColumnVector) {
        switch self {
        case .isNull: rows.removeAll { vector.isSet(Int($0)) }
        case .isSet: rows.removeAll { !vector.isSet(Int($0)) }
        case .signed(let ranges):
            if let range = ranges.first, ranges.count == 1 {
                let (low, high) = (range.lowerBound, range.upperBound)
                keepWords(&rows, vector) { Int64(bitPattern: $0) >= low && Int64(bitPattern: $0) <= high }
            } else {
                keepWords(&rows, vector) { word in ranges.contains { $0.contains(Int64(bitPattern: word)) } }
            }
        case .unsigned(let ranges):
            if let range = ranges.first, ranges.count == 1 {
                let (low, high) = (range.lowerBound, range.upperBound)
                keepWords(&rows, vector) { $0 >= low && $0 <= high }
            } else {
                keepWords(&rows, vector) { word in ranges.contains { $0.contains(word) } }
            }
        case .real(let test, let value):
            // NaN is NULL in SQL.
            keepWords(&rows, vector) { word in
                let number = Double(bitPattern: word)
                return !number.isNaN && test.holds(number, value)
            }
        case .texts(let texts, let isIn):
            if isIn, let text = texts.first, texts.count == 1, let last = text.last, !vector.isDictionary {
                keepText(&rows, vector, text, last)
            } else if let text = texts.first, texts.count == 1 {
                keepTexts(&rows, vector) { bytes, range in
                    guard range.count == text.count else { return !isIn }
                    for index in text.indices where bytes[range.lowerBound &+ index] != text[index] { return !isIn }
                    return isIn
                }
            } else {
                keepTexts(&rows, vector) { SortedTexts.contains(texts, $0[$1]) == isIn }
            }
        case .textOrder(let test, let text): keepTexts(&rows, vector) { test.holds($0[$1], text) }
        case .like(let pattern, let isLike): keepTexts(&rows, vector) { pattern.matches($0, $1) == isLike }
        case .network(let network, let isIn):
            keepTexts(&rows, vector) { bytes, range in
                guard let address = Address(String(decoding: bytes[range], as: UTF8.self)) else { return false }
                return network.contains(address) == isIn
            }
        }
    }

    @inline(__always)
    private func keepWords(_ rows: inout [UInt32], _ vector: ColumnVector, _ matches: (UInt64) -> Bool) {
        var count = 0
        let (words, validity) = (vector.words, vector.validity)
        // Nearly all rows, or nearly none, pass: no branch hangs on a row.
        var kept = rows.mutableSpan
        for index in 0..<kept.count {
            let row = kept[index]
            let isSet = validity[Int(row >> 6)] &>> UInt64(row & 63) & 1
            kept[count] = row
            count &+= matches(words[Int(row)]) ? Int(truncatingIfNeeded: isSet) : 0
        }
        rows.removeLast(rows.count &- count)
    }

    /// The rows with one text. Where texts are many and nearly none is it, its length and last octet rule most out: the
    /// first octets of uids are the same.
    private func keepText(_ rows: inout [UInt32], _ vector: ColumnVector, _ text: [UInt8], _ last: UInt8) {
        var count = 0
        let (texts, indices) = (vector.texts, vector.indices)
        let (bytes, ends, gap) = (texts.bytes.span, texts.ends.span, texts.gap)
        for index in rows.indices {
            let row = Int(rows[index])
            let place = Int(indices[row])
            // Where every row is unset there is no text.
            guard place < ends.count else { continue }
            let end = Int(ends[place])
            let start = (place == 0 ? 0 : Int(ends[place &- 1])) &+ gap
            guard end &- start == text.count, bytes[end &- 1] == last, vector.has(row) else { continue }
            guard areSameOctets(texts.bytes, start..<end, text, 0..<text.count) else { continue }
            rows[count] = rows[index]
            count += 1
        }
        rows.removeLast(rows.count - count)
    }

    @inline(__always)
    private func keepTexts(
        _ rows: inout [UInt32], _ vector: ColumnVector, _ matches: ([UInt8], Range<Int>) -> Bool
    ) {
        var count = 0
        // Without slices: each would be counted in and out.
        let (texts, indices, validity) = (vector.texts, vector.indices, vector.validity)
        if vector.isDictionary && texts.count <= rows.count {
            // Asked once for each text and not for each row.
            let answers = (0..<texts.count).map { matches(texts.bytes, texts.range($0)) }
            guard answers.contains(true) else { return rows.removeAll(keepingCapacity: true) }
            var kept = rows.mutableSpan
            for index in 0..<kept.count {
                let row = kept[index]
                guard validity[Int(row >> 6)] &>> UInt64(row & 63) & 1 == 1 else { continue }
                kept[count] = row
                count &+= answers[Int(indices[Int(row)])] ? 1 : 0
            }
        } else {
            for index in rows.indices {
                let row = Int(rows[index])
                guard vector.has(row), matches(texts.bytes, texts.range(Int(indices[row]))) else { continue }
                rows[count] = rows[index]
                count += 1
            }
        }
        rows.removeLast(rows.count - count)
    }
}

/// Texts in the order of octets.
enum SortedTexts {
    /// Binary search.
    static func contains(_ sorted: [[UInt8]], _ text: ArraySlice<UInt8>) -> Bool {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(sorted[middle], text) { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && sorted[low].elementsEqual(text)
    }
}

/// A comparison.
enum NumericTest: Sendable {
    case equal, unequal, less, lessOrEqual, greater, greaterOrEqual

    init?(_ name: String) {
        switch name {
        case "=": self = .equal
        case "<>": self = .unequal
        case "<": self = .less
        case "<=": self = .lessOrEqual
        case ">": self = .greater
        case ">=": self = .greaterOrEqual
        default: return nil
        }
    }

    var opposite: NumericTest {
        switch self {
        case .equal: .unequal
        case .unequal: .equal
        case .less: .greaterOrEqual
        case .lessOrEqual: .greater
        case .greater: .lessOrEqual
        case .greaterOrEqual: .less
        }
    }

    /// The same with its sides exchanged.
    var mirrored: NumericTest {
        switch self {
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        case .equal, .unequal: self
        }
    }

    @inline(__always) func holds<Number: Comparable>(_ left: Number, _ right: Number) -> Bool {
        switch self {
        case .equal: left == right
        case .unequal: left != right
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        }
    }

    func holds(_ left: ArraySlice<UInt8>, _ right: [UInt8]) -> Bool {
        switch self {
        case .equal: left.elementsEqual(right)
        case .unequal: !left.elementsEqual(right)
        case .less: isBefore(left, right)
        case .lessOrEqual: !isBefore(right, left)
        case .greater: isBefore(right, left)
        case .greaterOrEqual: !isBefore(left, right)
        }
    }

    /// Whether a number from `min` to `max` can hold against `value`.
    func mayHold(_ min: Double, _ max: Double, _ value: Double) -> Bool {
        switch self {
        case .equal: min <= value && value <= max
        case .unequal: true
        case .less: min < value
        case .lessOrEqual: min <= value
        case .greater: max > value
        case .greaterOrEqual: max >= value
        }
    }

    /// Values of row `index` of two results; unset ones never hold.
    func holds(_ left: NumericValues, _ right: NumericValues, _ index: Int) -> Bool {
        guard left.isSet(index), right.isSet(index) else { return false }
        if !left.isReal, !right.isReal { return holds(left.integers[index], right.integers[index]) }
        return holds(left.real(index), right.real(index))
    }
}
