// SPDX-License-Identifier: Apache-2.0
//
// Some groups of a statement and the values of their aggregates, column by column.
//
// Leaves  what the words of keys mean, and where they come from (`Aggregation`).

import Records
import Store

/// The values of one aggregate, by group.
struct AggregateColumn: Sendable {
    /// Groups that have a place here.
    var size = 0
    var counts: [Int64] = []
    var sums: [Int64] = []
    var reals: [Double] = []
    /// Extremes: a word, the number of a text, or a real.
    var words: [UInt64] = []
    var isSet: [Bool] = []
    var distinct = GroupTable(width: 2)
    var moments: [Moments] = []
    /// For quantiles: every value, and the group of each.
    var values: [Double] = []
    var groups: [UInt32] = []

    /// Values that one question keeps for its quantiles.
    static let valuesMax = 1 << 27
}

struct GroupPart: Sendable {
    private(set) var groups: GroupTable
    var columns: [AggregateColumn]
    /// For one small key, by its code and one more (0 is what is unset): the number of its group, +1. Nil: the groups'
    /// own table is asked.
    private var dense: [UInt32]?

    init(_ plan: AggregationPlan, isDense: Bool = false) {
        groups = GroupTable(width: plan.width)
        columns = plan.aggregates.map { _ in AggregateColumn() }
        dense = isDense ? [] : nil
    }

    /// Appends the numbers of the groups with these keys; new ones are added.
    mutating func find(_ keys: [UInt64], into numbers: inout [UInt32]) {
        guard var own = dense else { return groups.indices(of: keys, into: &numbers) }
        // Taken out while it is changed, so that it is not copied.
        dense = nil
        var greatest = 0
        for key in keys where key != TextCoder.unset { greatest = max(greatest, Int(key)) }
        if own.count < greatest &+ 2 {
            own.append(contentsOf: repeatElement(0, count: max(greatest &+ 2 &- own.count, own.count)))
        }
        let start = numbers.count
        numbers.append(contentsOf: repeatElement(0, count: keys.count))
        var known = own.mutableSpan
        var found = numbers.mutableSpan
        for index in keys.indices {
            let place = keys[index] == TextCoder.unset ? 0 : Int(keys[index]) &+ 1
            if known[place] == 0 {
                groups.append(keys[index])
                known[place] = UInt32(truncatingIfNeeded: groups.count)
            }
            found[start &+ index] = known[place] &- 1
        }
        dense = own
    }

    /// Makes room for the groups that are new.
    mutating func extend(_ plan: AggregationPlan) {
        for index in columns.indices {
            let missing = groups.count - columns[index].size
            guard missing > 0 else { continue }
            columns[index].size = groups.count
            switch plan.aggregates[index].inner {
            case .countRows, .count, .countDistinct, .countIf, .filtered:
                columns[index].counts.append(contentsOf: repeatElement(0, count: missing))
            case .sum(let expression), .total(let expression), .average(let expression):
                columns[index].counts.append(contentsOf: repeatElement(0, count: missing))
                if expression.isReal {
                    columns[index].reals.append(contentsOf: repeatElement(0, count: missing))
                } else {
                    columns[index].sums.append(contentsOf: repeatElement(0, count: missing))
                }
            case .extreme:
                columns[index].isSet.append(contentsOf: repeatElement(false, count: missing))
                columns[index].words.append(contentsOf: repeatElement(0, count: missing))
            case .moment: columns[index].moments.append(contentsOf: repeatElement(Moments(), count: missing))
            case .quantile: break
            }
        }
    }

    /// Gives an aggregate the values of some rows, whose groups are known.
    mutating func add(
        _ values: RowValues, to index: Int, _ plan: AggregationPlan, _ groupOfRow: [UInt32], _ texts: KeyTexts
    ) throws(VectorFailure) {
        func isSet(_ place: Int) -> Bool { values.isUnset.isEmpty || !values.isUnset[place] }
        switch plan.aggregates[index].inner {
        case .countRows, .count, .countIf, .filtered: columns[index].count(groupOfRow, values.isUnset)
        case .countDistinct:
            columns[index].note(values, groupOfRow)
            guard columns[index].distinct.count <= GroupTable.countMax else { throw .notOurs }
        case .sum(let expression), .total(let expression), .average(let expression):
            columns[index].count(groupOfRow, values.isUnset)
            if expression.isReal {
                columns[index].addReals(values, groupOfRow)
            } else {
                try columns[index].addIntegers(values, groupOfRow)
            }
        case .moment:
            for place in groupOfRow.indices where isSet(place) {
                columns[index].moments[Int(groupOfRow[place])].add(Double(bitPattern: values.words[place]))
            }
        case .quantile:
            for place in groupOfRow.indices where isSet(place) {
                columns[index].values.append(Double(bitPattern: values.words[place]))
                columns[index].groups.append(groupOfRow[place])
            }
            guard columns[index].values.count <= AggregateColumn.valuesMax else { throw .notOurs }
        case .extreme(let key, let isGreatest):
            for place in groupOfRow.indices where isSet(place) {
                keepExtreme(index, Int(groupOfRow[place]), values.words[place], key, isGreatest, texts)
            }
        }
    }

    mutating func keepExtreme(
        _ index: Int, _ group: Int, _ word: UInt64, _ key: GroupKey, _ isGreatest: Bool, _ texts: KeyTexts
    ) {
        guard columns[index].isSet[group] else {
            columns[index].isSet[group] = true
            columns[index].words[group] = word
            return
        }
        let known = columns[index].words[group]
        guard known != word else { return }
        if GroupPart.isBefore(known, word, key, texts) == isGreatest { columns[index].words[group] = word }
    }

    private static func isBefore(_ left: UInt64, _ right: UInt64, _ key: GroupKey, _ texts: KeyTexts) -> Bool {
        if key.isText { return texts.pool[Int(left)].lexicographicallyPrecedes(texts.pool[Int(right)]) }
        switch key {
        case .number(let expression):
            return expression.isReal
                ? Double(bitPattern: left) < Double(bitPattern: right)
                : Int64(bitPattern: left) < Int64(bitPattern: right)
        case .timeStep, .function: return Int64(bitPattern: left) < Int64(bitPattern: right)
        case .column(_, let kind):
            switch kind {
            case .interval, .real: return Double(bitPattern: left) < Double(bitPattern: right)
            case .time, .integer: return Int64(bitPattern: left) < Int64(bitPattern: right)
            default: return left < right
            }
        }
    }
}

extension AggregateColumn {
    /// Counts a value the first time that the group has it.
    mutating func note(_ code: UInt64, in group: Int) {
        let before = distinct.count
        _ = distinct.index(of: [UInt64(group), code], at: 0)
        if distinct.count > before { counts[group] &+= 1 }
    }

    /// Counts the values of some rows, each the first time that its group has it.
    mutating func note(_ values: RowValues, _ groupOfRow: [UInt32]) {
        var keys: [UInt64] = []
        keys.reserveCapacity(2 &* groupOfRow.count)
        for place in groupOfRow.indices where values.isUnset.isEmpty || !values.isUnset[place] {
            keys.append(UInt64(groupOfRow[place]))
            keys.append(values.words[place])
        }
        var next = UInt32(truncatingIfNeeded: distinct.count)
        var numbers: [UInt32] = []
        distinct.indices(of: keys, into: &numbers)
        // What is new has the numbers that come next, in turn.
        for (place, number) in numbers.enumerated() where number == next {
            counts[Int(keys[2 &* place])] &+= 1
            next &+= 1
        }
    }

    /// Counts the rows that are set. What is unset is as good as random: no branch hangs on it.
    mutating func count(_ groupOfRow: [UInt32], _ isUnset: [Bool]) {
        var span = counts.mutableSpan
        guard !isUnset.isEmpty else {
            for group in groupOfRow { span[Int(group)] &+= 1 }
            return
        }
        for place in groupOfRow.indices { span[Int(groupOfRow[place])] &+= isUnset[place] ? 0 : 1 }
    }

    /// Adds numbers to the sums of their groups.
    mutating func addReals(_ values: RowValues, _ groupOfRow: [UInt32]) {
        var span = reals.mutableSpan
        for place in groupOfRow.indices where values.isUnset.isEmpty || !values.isUnset[place] {
            span[Int(groupOfRow[place])] += Double(bitPattern: values.words[place])
        }
    }

    /// Adds numbers to the sums of their groups. Throws where a sum needs more than 64 bits.
    mutating func addIntegers(_ values: RowValues, _ groupOfRow: [UInt32]) throws(VectorFailure) {
        var span = sums.mutableSpan
        var hasOverflow = false
        let (words, isUnset) = (values.words, values.isUnset)
        for place in groupOfRow.indices {
            let word = isUnset.isEmpty || !isUnset[place] ? words[place] : 0
            let group = Int(groupOfRow[place])
            let (sum, overflow) = span[group].addingReportingOverflow(Int64(bitPattern: word))
            hasOverflow = hasOverflow || overflow
            span[group] = sum
        }
        if hasOverflow { throw .notOurs }
    }
}
