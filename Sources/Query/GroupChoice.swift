// SPDX-License-Identifier: Apache-2.0
//
// Which groups of a statement SQLite has to look at: of millions HAVING and LIMIT often leave a few.
//
// SQLite asks HAVING, ORDER BY and LIMIT of what is left all the same: a choice may leave too many and never too few.
//
// Reads   conditions of HAVING that compare an aggregate with a number, and an order by one.
// Leaves  all other conditions and orders (SQLite).

import Store

/// A group by its part and its number there.
struct ChosenGroup: Sendable {
    let part: Int
    let group: Int
}

/// Conditions that all must hold, and the first groups in an order.
struct GroupChoice: Sendable {
    /// `count(*) > 500`: the number of an aggregate, and what it is compared with.
    var conditions: [(aggregate: Int, test: NumericTest, value: Double)] = []
    /// The first groups in the order of an aggregate; those that are equal to the last of them belong to them.
    var top: (aggregate: Int, isDescending: Bool, count: Int)?

    /// Nil where all are.
    func chosen(of parts: [GroupPart]) -> [ChosenGroup]? {
        guard !conditions.isEmpty || top != nil else { return nil }
        var limit: Double?
        if let top {
            var best = FirstNumbers(count: top.count)
            for numbers in ScanCores.map(parts.count, { first(of: parts[$0], top) }) {
                for number in numbers { best.add(number) }
            }
            limit = best.last
        }
        return ScanCores.map(parts.count) { [limit] in chosen(of: parts[$0], $0, limit) }.flatMap { $0 }
    }

    /// The least numbers of a part's groups in the order that is asked for.
    private func first(of part: GroupPart, _ top: (aggregate: Int, isDescending: Bool, count: Int)) -> [Double] {
        var best = FirstNumbers(count: top.count)
        let values = part.columns[top.aggregate]
        for group in 0..<part.groups.count where isTaken(part, group) {
            let number = values.number(group) ?? -.infinity
            best.add(top.isDescending ? -number : number)
        }
        return best.all
    }

    private func chosen(of part: GroupPart, _ number: Int, _ limit: Double?) -> [ChosenGroup] {
        var chosen: [ChosenGroup] = []
        for group in 0..<part.groups.count where isTaken(part, group) {
            if let limit, let top {
                let value = part.columns[top.aggregate].number(group) ?? -.infinity
                guard (top.isDescending ? -value : value) <= limit else { continue }
            }
            chosen.append(ChosenGroup(part: number, group: group))
        }
        return chosen
    }

    private func isTaken(_ part: GroupPart, _ group: Int) -> Bool {
        for condition in conditions {
            guard let number = part.columns[condition.aggregate].number(group),
                condition.test.holds(number, condition.value)
            else { return false }
        }
        return true
    }

    /// Values that conditions may have: the numbers up to there are exact, and rounding brings none below it.
    static let valueMax: Int64 = 1 << 53

    /// Whether the numbers of an aggregate stand in the order that SQL has.
    static func isChooser(_ aggregate: Aggregate) -> Bool {
        switch aggregate.inner {
        case .countRows, .count, .countIf, .countDistinct: true
        case .sum(let expression): !expression.isReal
        default: false
        }
    }
}

extension AggregateColumn {
    /// What the aggregate of a group gives, for those of `GroupChoice.isChooser`; nil for a sum of nothing.
    @inline(__always) fileprivate func number(_ group: Int) -> Double? {
        if !sums.isEmpty { return counts[group] > 0 ? Double(sums[group]) : nil }
        return Double(counts[group])
    }
}

/// The least numbers of many.
private struct FirstNumbers {
    private let count: Int
    private var numbers: [Double] = []
    private var limit = Double.infinity

    init(count: Int) { self.count = count }

    /// The greatest of them; nil while there are fewer.
    var last: Double? {
        mutating get {
            trim()
            return numbers.count < count ? nil : numbers.last ?? -.infinity
        }
    }

    var all: [Double] {
        mutating get {
            trim()
            return numbers
        }
    }

    mutating func add(_ number: Double) {
        guard number < limit || numbers.count < count else { return }
        numbers.append(number)
        if numbers.count >= max(2 * count, 1024) { trim() }
    }

    private mutating func trim() {
        numbers.sort()
        if numbers.count > count { numbers.removeLast(numbers.count - count) }
        if numbers.count == count, let last = numbers.last { limit = last }
    }
}
