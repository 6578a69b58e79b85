// SPDX-License-Identifier: Apache-2.0
//
// Tests held against bounds and against values.

import Records
import Store

extension ConstraintTest {
    /// Whether a stretch of rows with these bounds can hold a match. `isList`: the bounds are of a list's elements.
    func mayMatch(_ bounds: ColumnBounds, isList: Bool) -> Bool {
        if self == .never { return false }
        if bounds.isAllUnset && !isList { return false }
        guard let values = bounds.values else { return true }
        switch (self, values) {
        case (.signed(let ranges), .signed(let min, let max)):
            return ranges.contains { $0.lowerBound <= max && $0.upperBound >= min }
        case (.unsigned(let ranges), .unsigned(let min, let max)):
            return ranges.contains { $0.lowerBound <= max && $0.upperBound >= min }
        case (.real(let ranges), .real(let min, let max)):
            return ranges.contains { $0.lowerBound <= max && $0.upperBound >= min }
        case (.texts(let texts), .text(let min, let max)):
            return texts.contains { !isBefore($0, min) && !isBefore(max, $0) }
        case (.textRange(let lower, let upper), .text(let min, let max)):
            return !isBefore(max, lower) && upper.map { !isBefore($0, min) } ?? true
        default:
            return true
        }
    }

    /// Keeps of `rows` those whose cell may match.
    func keep(_ rows: inout [UInt32], _ vector: ColumnVector) {
        switch self {
        case .never: rows.removeAll(keepingCapacity: true)
        case .isSet: rows.removeAll { !vector.isSet(Int($0)) }
        case .signed(let ranges):
            keepWords(&rows, vector) { word in
                ranges.contains { $0.contains(Int64(bitPattern: word)) }
            }
        case .unsigned(let ranges):
            keepWords(&rows, vector) { word in ranges.contains { $0.contains(word) } }
        case .real(let ranges):
            // NaN is NULL in SQL and equals nothing.
            keepWords(&rows, vector) { word in ranges.contains { $0.contains(Double(bitPattern: word)) } }
        case .texts(let texts):
            if let text = texts.first, texts.count == 1 {
                keepTexts(&rows, vector) { $0.count == text.count && $0.elementsEqual(text) }
            } else {
                keepTexts(&rows, vector) { ConstraintTest.contains(texts, $0) }
            }
        case .textRange(let lower, let upper):
            keepTexts(&rows, vector) { text in
                !isBefore(text, lower) && upper.map { !isBefore($0, text) } ?? true
            }
        }
    }

    @inline(__always)
    private func keepWords(_ rows: inout [UInt32], _ vector: ColumnVector, _ matches: (UInt64) -> Bool) {
        guard !vector.kind.isStoredAsText else { return }
        var count = 0
        for row in rows where vector.isSet(Int(row)) && matches(vector.words[Int(row)]) {
            rows[count] = row
            count += 1
        }
        rows.removeLast(rows.count - count)
    }

    @inline(__always)
    private func keepTexts(_ rows: inout [UInt32], _ vector: ColumnVector, _ matches: (ArraySlice<UInt8>) -> Bool) {
        guard vector.kind.isStoredAsText else { return }
        var count = 0
        if vector.isDictionary && vector.texts.count <= rows.count {
            // Asked once for each text and not for each row.
            let answers = (0..<vector.texts.count).map { matches(vector.texts[$0]) }
            for row in rows where vector.isSet(Int(row)) && answers[Int(vector.indices[Int(row)])] {
                rows[count] = row
                count += 1
            }
        } else {
            for row in rows where vector.isSet(Int(row)) && matches(vector.text(Int(row))) {
                rows[count] = row
                count += 1
            }
        }
        rows.removeLast(rows.count - count)
    }

    /// Binary search.
    private static func contains(_ sorted: [[UInt8]], _ text: ArraySlice<UInt8>) -> Bool {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(sorted[middle], text) { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && sorted[low].elementsEqual(text)
    }
}
