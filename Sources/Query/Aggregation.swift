// SPDX-License-Identifier: Apache-2.0
//
// GROUP BY and the aggregates, vectorised: one worker's share.
//
// Reads   pages with the rows that a filter took.
// Writes  groups with their aggregates.
// Leaves  putting shares together (Aggregation+Merging); HAVING, ORDER BY, LIMIT and what stands around the
//         aggregates (SQLite, over the groups).

import Records
import Store

/// The values of one aggregate, by group.
struct AggregateColumn: Sendable {
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

/// Groups with their aggregates. One a worker.
struct Aggregation: Sendable {
    let plan: AggregationPlan
    var groups: GroupTable
    var columns: [AggregateColumn]
    var coder = TextCoder()
    private var codes: [[UInt64]] = []
    private var packed: [UInt64] = []
    private var groupOfRow: [UInt32] = []

    /// - Parameter isPart: whether it is one of several that others are merged into; then no group is made beforehand.
    init(_ plan: AggregationPlan, isPart: Bool = false) {
        self.plan = plan
        groups = GroupTable(width: plan.width)
        columns = plan.aggregates.map { _ in AggregateColumn() }
        codes = plan.keys.map { _ in [] }
        // Without keys everything is one group, rows or no rows.
        if plan.keys.isEmpty, !isPart {
            _ = groups.index(of: [0], at: 0)
            extend()
        }
    }

    var texts: KeyTexts { coder.texts }

    // MARK: rows

    mutating func add(_ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) {
        try findGroups(rows, page)
        extend()
        guard groups.count <= GroupTable.countMax, coder.texts.pool.bytes.count < KeyTexts.bytesMax else {
            throw .notOurs
        }
        for index in plan.aggregates.indices {
            try add(index, plan.aggregates[index], rows, groupOfRow, page)
        }
    }

    /// Adds rows of which nothing but their number matters (`AggregationPlan.isCount`).
    mutating func add(rowCount: Int) {
        for index in columns.indices { columns[index].counts[0] &+= Int64(rowCount) }
    }

    private mutating func findGroups(_ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) {
        groupOfRow.removeAll(keepingCapacity: true)
        guard !plan.keys.isEmpty else {
            groupOfRow.append(contentsOf: repeatElement(0, count: rows.count))
            return
        }
        var unset: [UInt64] = []
        for (number, key) in plan.keys.enumerated() {
            var column: [UInt64] = []
            swap(&column, &codes[number])
            column.removeAll(keepingCapacity: true)
            let isUnset = try code(key, rows, page, into: &column)
            if !plan.isPacked, !isUnset.isEmpty {
                if unset.isEmpty { unset = Array(repeating: 0, count: rows.count) }
                for index in rows.indices where isUnset[index] { unset[index] |= 1 << UInt64(number) }
            }
            swap(&column, &codes[number])
        }
        packed.removeAll(keepingCapacity: true)
        if plan.isPacked {
            if codes.count == 2 {
                let (first, second) = (codes[0], codes[1])
                for index in rows.indices { packed.append(first[index] | second[index] << 32) }
            } else {
                packed.append(contentsOf: codes[0])
            }
        } else {
            for index in rows.indices {
                for column in codes.indices { packed.append(codes[column][index]) }
                packed.append(unset.isEmpty ? 0 : unset[index])
            }
        }
        groups.indices(of: packed, into: &groupOfRow)
    }

    /// Appends the codes of a key for some rows; answers which are unset, nothing where none is. The code of an unset
    /// value is `unsetCode` for small keys and 0 for others.
    private mutating func code(
        _ key: GroupKey, _ rows: [UInt32], _ page: PageColumns, into codes: inout [UInt64]
    ) throws(VectorFailure) -> [Bool] {
        switch key {
        case .number(let expression):
            let values = try expression.values(rows, page)
            for index in rows.indices {
                let isSet = values.isSet(index)
                if values.isReal {
                    // -0.0 and 0.0 are one value.
                    codes.append(isSet ? (values.reals[index] == 0 ? 0 : values.reals[index]).bitPattern : 0)
                } else {
                    codes.append(isSet ? UInt64(bitPattern: values.integers[index]) : 0)
                }
            }
            return values.isUnset
        case .timeStep(let column, let step, _):
            return try words(column, rows, page, into: &codes, unset: 0) { word in
                UInt64(bitPattern: step.start(of: Int64(bitPattern: word)))
            }
        case .function(let function):
            let values = try function.values(rows, page)
            for value in values {
                guard case .text(let octets) = value else {
                    codes.append(TextCoder.unset)
                    continue
                }
                codes.append(UInt64(coder.number(of: octets, 0..<octets.count)))
            }
            return values.contains(.null) ? values.map { $0 == .null } : []
        case .column(let column, let kind):
            if kind.isStoredAsText { return try coder.codes(column, rows, page, into: &codes) }
            if kind == .interval || kind == .real {
                return try code(.number(.column(column, kind)), rows, page, into: &codes)
            }
            let unset = key.isSmall ? TextCoder.unset : 0
            return try words(column, rows, page, into: &codes, unset: unset) { $0 }
        }
    }

    private func words(
        _ column: Int, _ rows: [UInt32], _ page: PageColumns, into codes: inout [UInt64], unset: UInt64,
        _ change: (UInt64) -> UInt64
    ) throws(VectorFailure) -> [Bool] {
        guard let vector = try page.vector(column) else {
            codes.append(contentsOf: repeatElement(unset, count: rows.count))
            return Array(repeating: true, count: rows.count)
        }
        let words = vector.words
        guard !vector.isFull else {
            for row in rows { codes.append(change(words[Int(row)])) }
            return []
        }
        var isUnset: [Bool] = []
        for index in rows.indices {
            let row = Int(rows[index])
            if vector.has(row) {
                codes.append(change(words[row]))
            } else {
                if isUnset.isEmpty { isUnset = Array(repeating: false, count: rows.count) }
                isUnset[index] = true
                codes.append(unset)
            }
        }
        return isUnset
    }

    // MARK: aggregates

    /// Makes room for the groups that are new.
    mutating func extend() {
        for index in columns.indices {
            let missing = groups.count - columns[index].isSet.count
            guard missing > 0 else { continue }
            columns[index].isSet.append(contentsOf: repeatElement(false, count: missing))
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
            case .extreme: columns[index].words.append(contentsOf: repeatElement(0, count: missing))
            case .moment: columns[index].moments.append(contentsOf: repeatElement(Moments(), count: missing))
            case .quantile: break
            }
        }
    }

    private mutating func add(
        _ index: Int, _ aggregate: Aggregate, _ rows: [UInt32], _ groupOfRow: [UInt32], _ page: PageColumns
    ) throws(VectorFailure) {
        switch aggregate {
        case .countRows: columns[index].count(groupOfRow)
        case .countIf(let filter):
            try add(index, .filtered(.countRows, filter), rows, groupOfRow, page)
        case .filtered(let inner, let filter):
            var taken = rows
            try filter.keep(&taken, page)
            guard taken.count < rows.count else { return try add(index, inner, rows, groupOfRow, page) }
            var groups: [UInt32] = []
            var next = 0
            for place in rows.indices where next < taken.count && taken[next] == rows[place] {
                groups.append(groupOfRow[place])
                next += 1
            }
            try add(index, inner, taken, groups, page)
        case .count(let key):
            var codes: [UInt64] = []
            let isUnset = try code(key, rows, page, into: &codes)
            guard !isUnset.isEmpty else { return columns[index].count(groupOfRow) }
            for place in rows.indices where !isUnset[place] { columns[index].counts[Int(groupOfRow[place])] &+= 1 }
        case .countDistinct(let key):
            var codes: [UInt64] = []
            let isUnset = try code(key, rows, page, into: &codes)
            for place in rows.indices where isUnset.isEmpty || !isUnset[place] {
                columns[index].note(codes[place], in: Int(groupOfRow[place]))
            }
            guard columns[index].distinct.count <= GroupTable.countMax else { throw .notOurs }
        case .sum(let expression), .total(let expression), .average(let expression):
            try columns[index].add(try expression.values(rows, page), groupOfRow)
        case .moment(let expression, _):
            let values = try expression.values(rows, page)
            for place in rows.indices where values.isSet(place) {
                columns[index].moments[Int(groupOfRow[place])].add(values.real(place))
            }
        case .quantile(let expression, _):
            let values = try expression.values(rows, page)
            for place in rows.indices where values.isSet(place) {
                columns[index].values.append(values.real(place))
                columns[index].groups.append(groupOfRow[place])
            }
            guard columns[index].values.count <= AggregateColumn.valuesMax else { throw .notOurs }
        case .extreme(let key, let isGreatest):
            var codes: [UInt64] = []
            let isUnset = try code(key, rows, page, into: &codes)
            for place in rows.indices where isUnset.isEmpty || !isUnset[place] {
                keepExtreme(index, Int(groupOfRow[place]), codes[place], key, isGreatest)
            }
        }
    }

    mutating func keepExtreme(_ index: Int, _ group: Int, _ word: UInt64, _ key: GroupKey, _ isGreatest: Bool) {
        guard columns[index].isSet[group] else {
            columns[index].isSet[group] = true
            columns[index].words[group] = word
            return
        }
        let known = columns[index].words[group]
        guard known != word else { return }
        if isBefore(known, word, key) == isGreatest { columns[index].words[group] = word }
    }

    private func isBefore(_ left: UInt64, _ right: UInt64, _ key: GroupKey) -> Bool {
        if key.isText { return coder.texts.pool[Int(left)].lexicographicallyPrecedes(coder.texts.pool[Int(right)]) }
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

    mutating func count(_ groupOfRow: [UInt32]) {
        var span = counts.mutableSpan
        for group in groupOfRow { span[Int(group)] &+= 1 }
    }

    /// Adds numbers to the sums of their groups. Throws where a sum needs more than 64 bits.
    mutating func add(_ values: NumericValues, _ groupOfRow: [UInt32]) throws(VectorFailure) {
        for place in groupOfRow.indices where values.isSet(place) { counts[Int(groupOfRow[place])] &+= 1 }
        if values.isReal {
            var span = reals.mutableSpan
            for place in groupOfRow.indices where values.isSet(place) {
                span[Int(groupOfRow[place])] += values.reals[place]
            }
            return
        }
        var span = sums.mutableSpan
        var hasOverflow = false
        for place in groupOfRow.indices where values.isSet(place) {
            let group = Int(groupOfRow[place])
            let (sum, overflow) = span[group].addingReportingOverflow(values.integers[place])
            hasOverflow = hasOverflow || overflow
            span[group] = sum
        }
        if hasOverflow { throw .notOurs }
    }
}
