// SPDX-License-Identifier: Apache-2.0
//
// GROUP BY and the aggregates, vectorised: one worker's share, and the shares put together.
//
// Reads   pages with the rows that a filter took.
// Writes  groups with their aggregates.
// Leaves  HAVING, ORDER BY, LIMIT and what stands around the aggregates (SQLite, over the groups).

import Records
import Store

/// What rows are grouped by, or what is counted distinctly.
enum GroupKey: Sendable {
    case column(Int, ColumnKind)
    case number(NumericExpression)
    /// `substr(ts, 1, n)`: a time down to its day, hour, minute or second; microseconds of the step.
    case timePrefix(Int, step: Int64, digits: Int)

    /// Whether the codes are below 2^32 - 1.
    var isSmall: Bool {
        switch self {
        case .column(_, let kind): kind.isStoredAsText || kind == .port || kind == .boolean
        case .number, .timePrefix: false
        }
    }

    /// The declared type of a column of these values; nil for an expression.
    var declaredType: String? {
        guard case .column(_, let kind) = self else { return nil }
        return QueryColumn(name: "", source: "", kind: kind).declaredType
    }
}

/// One aggregate of a statement.
enum Aggregate: Sendable {
    case countRows
    case count(GroupKey)
    case countDistinct(GroupKey)
    case sum(NumericExpression)
    case total(NumericExpression)
    case average(NumericExpression)
    /// Smallest or greatest.
    case extreme(GroupKey, isGreatest: Bool)
}

/// What is grouped and aggregated.
struct AggregationPlan: Sendable {
    var keys: [GroupKey]
    var aggregates: [Aggregate]

    /// Two small keys go into one word.
    var isPacked: Bool { keys.count <= 2 && keys.allSatisfy(\.isSmall) }
    /// Words of a key: all codes, and the bits of what is unset.
    var width: Int { isPacked ? 1 : keys.count + 1 }

    static let unsetCode: UInt64 = 0xFFFF_FFFF
}

/// The values of one aggregate, by group.
struct AggregateColumn {
    var counts: [Int64] = []
    var sums: [Int64] = []
    var reals: [Double] = []
    /// Extremes: a word, the number of a text, or a real.
    var words: [UInt64] = []
    var isSet: [Bool] = []
    var distinct = GroupTable(width: 2)
}

/// Groups with their aggregates. One a worker; merged into the first.
struct Aggregation {
    let plan: AggregationPlan
    private(set) var groups: GroupTable
    private(set) var columns: [AggregateColumn]
    private(set) var texts = TextDictionary()
    /// Numbers here of the texts of the dictionary at work, +1; by column of the table.
    private var numbers: [Int: (pool: Int, map: [UInt32])] = [:]
    private var codes: [[UInt64]] = []
    private var packed: [UInt64] = []
    private var groupOfRow: [UInt32] = []

    init(_ plan: AggregationPlan) {
        self.plan = plan
        groups = GroupTable(width: plan.width)
        columns = plan.aggregates.map { _ in AggregateColumn() }
        codes = plan.keys.map { _ in [] }
        // Without keys everything is one group, rows or no rows.
        if plan.keys.isEmpty {
            _ = groups.index(of: 0)
            extend()
        }
    }

    // MARK: rows

    mutating func add(_ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) {
        try findGroups(rows, page)
        extend()
        guard groups.count <= GroupTable.countMax else { throw .notOurs }
        for index in plan.aggregates.indices { try add(index, rows, page) }
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
        groupOfRow.reserveCapacity(rows.count)
        if plan.isPacked {
            for index in rows.indices {
                var word = codes[0][index]
                if codes.count == 2 { word |= codes[1][index] << 32 }
                groupOfRow.append(UInt32(truncatingIfNeeded: groups.index(of: word)))
            }
            return
        }
        packed.removeAll(keepingCapacity: true)
        for index in rows.indices {
            for column in codes.indices { packed.append(codes[column][index]) }
            packed.append(unset.isEmpty ? 0 : unset[index])
        }
        for index in rows.indices {
            groupOfRow.append(UInt32(truncatingIfNeeded: groups.index(of: packed, at: index &* plan.width)))
        }
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
        case .timePrefix(let column, let step, _):
            return try words(column, rows, page, into: &codes, unset: 0) { word in
                let time = Int64(bitPattern: word)
                let rest = time % step
                return UInt64(bitPattern: time &- (rest < 0 ? rest &+ step : rest))
            }
        case .column(let column, let kind):
            if kind.isStoredAsText { return try textCodes(column, rows, page, into: &codes) }
            if kind == .interval || kind == .real {
                return try code(.number(.column(column, kind)), rows, page, into: &codes)
            }
            let unset = key.isSmall ? AggregationPlan.unsetCode : 0
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
        var isUnset: [Bool] = []
        for index in rows.indices {
            let row = Int(rows[index])
            if vector.isSet(row) {
                codes.append(change(vector.words[row]))
            } else {
                if isUnset.isEmpty { isUnset = Array(repeating: false, count: rows.count) }
                isUnset[index] = true
                codes.append(unset)
            }
        }
        return isUnset
    }

    private mutating func textCodes(
        _ column: Int, _ rows: [UInt32], _ page: PageColumns, into codes: inout [UInt64]
    ) throws(VectorFailure) -> [Bool] {
        guard let vector = try page.vector(column) else {
            codes.append(contentsOf: repeatElement(AggregationPlan.unsetCode, count: rows.count))
            return Array(repeating: true, count: rows.count)
        }
        var map = [UInt32](repeating: 0, count: vector.isDictionary ? vector.texts.count : 0)
        if vector.isDictionary, let known = numbers[column], known.pool == page.identity { map = known.map }
        var isUnset: [Bool] = []
        for index in rows.indices {
            let row = Int(rows[index])
            guard vector.isSet(row) else {
                if isUnset.isEmpty { isUnset = Array(repeating: false, count: rows.count) }
                isUnset[index] = true
                codes.append(AggregationPlan.unsetCode)
                continue
            }
            let place = Int(vector.indices[row])
            if place < map.count, map[place] != 0 {
                codes.append(UInt64(map[place] &- 1))
                continue
            }
            let number = texts.index(of: vector.texts.bytes, vector.texts.range(place))
            if place < map.count { map[place] = number &+ 1 }
            codes.append(UInt64(number))
        }
        if vector.isDictionary { numbers[column] = (page.identity, map) }
        return isUnset
    }

    // MARK: aggregates

    /// Makes room for the groups that are new.
    private mutating func extend() {
        for index in columns.indices {
            let missing = groups.count - columns[index].isSet.count
            guard missing > 0 else { continue }
            columns[index].isSet.append(contentsOf: repeatElement(false, count: missing))
            switch plan.aggregates[index] {
            case .countRows, .count, .countDistinct:
                columns[index].counts.append(contentsOf: repeatElement(0, count: missing))
            case .sum(let expression), .total(let expression), .average(let expression):
                columns[index].counts.append(contentsOf: repeatElement(0, count: missing))
                if expression.isReal {
                    columns[index].reals.append(contentsOf: repeatElement(0, count: missing))
                } else {
                    columns[index].sums.append(contentsOf: repeatElement(0, count: missing))
                }
            case .extreme: columns[index].words.append(contentsOf: repeatElement(0, count: missing))
            }
        }
    }

    private mutating func add(_ index: Int, _ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) {
        switch plan.aggregates[index] {
        case .countRows:
            for group in groupOfRow { columns[index].counts[Int(group)] &+= 1 }
        case .count(let key):
            var codes: [UInt64] = []
            let isUnset = try code(key, rows, page, into: &codes)
            for place in rows.indices where isUnset.isEmpty || !isUnset[place] {
                columns[index].counts[Int(groupOfRow[place])] &+= 1
            }
        case .countDistinct(let key):
            var codes: [UInt64] = []
            let isUnset = try code(key, rows, page, into: &codes)
            for place in rows.indices where isUnset.isEmpty || !isUnset[place] {
                columns[index].note(codes[place], in: Int(groupOfRow[place]))
            }
            guard columns[index].distinct.count <= GroupTable.countMax else { throw .notOurs }
        case .sum(let expression), .total(let expression), .average(let expression):
            try addNumbers(index, try expression.values(rows, page))
        case .extreme(let key, let isGreatest):
            var codes: [UInt64] = []
            let isUnset = try code(key, rows, page, into: &codes)
            for place in rows.indices where isUnset.isEmpty || !isUnset[place] {
                keepExtreme(index, Int(groupOfRow[place]), codes[place], key, isGreatest)
            }
        }
    }

    private mutating func addNumbers(_ index: Int, _ values: NumericValues) throws(VectorFailure) {
        let isReal = values.isReal
        for place in groupOfRow.indices where values.isSet(place) {
            let group = Int(groupOfRow[place])
            columns[index].counts[group] &+= 1
            if isReal {
                columns[index].reals[group] += values.reals[place]
            } else {
                let (sum, overflow) = columns[index].sums[group].addingReportingOverflow(values.integers[place])
                if overflow { throw .notOurs }
                columns[index].sums[group] = sum
            }
        }
    }

    private mutating func keepExtreme(
        _ index: Int, _ group: Int, _ word: UInt64, _ key: GroupKey, _ isGreatest: Bool
    ) {
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
        switch key {
        case .number(let expression):
            return expression.isReal
                ? Double(bitPattern: left) < Double(bitPattern: right)
                : Int64(bitPattern: left) < Int64(bitPattern: right)
        case .timePrefix: return Int64(bitPattern: left) < Int64(bitPattern: right)
        case .column(_, let kind):
            if kind.isStoredAsText {
                return texts.pool[Int(left)].lexicographicallyPrecedes(texts.pool[Int(right)])
            }
            switch kind {
            case .interval, .real: return Double(bitPattern: left) < Double(bitPattern: right)
            case .time, .integer: return Int64(bitPattern: left) < Int64(bitPattern: right)
            default: return left < right
            }
        }
    }

    // MARK: several workers

    /// Adds the groups of another worker.
    mutating func merge(_ other: Aggregation) throws(VectorFailure) {
        var textMap: [UInt64] = []
        textMap.reserveCapacity(other.texts.count)
        for number in 0..<other.texts.count {
            textMap.append(UInt64(texts.index(of: other.texts.pool.bytes, other.texts.pool.range(number))))
        }
        var groupMap: [Int] = []
        groupMap.reserveCapacity(other.groups.count)
        var key = [UInt64](repeating: 0, count: plan.width)
        for group in 0..<other.groups.count {
            for word in 0..<plan.width { key[word] = other.groups.keys[group &* plan.width &+ word] }
            translate(&key, textMap)
            groupMap.append(plan.width == 1 ? groups.index(of: key[0]) : groups.index(of: key, at: 0))
        }
        extend()
        guard groups.count <= GroupTable.countMax else { throw .notOurs }
        for index in columns.indices { try merge(index, other.columns[index], groupMap, textMap) }
    }

    private func translate(_ key: inout [UInt64], _ textMap: [UInt64]) {
        for (number, part) in plan.keys.enumerated() {
            guard case .column(_, let kind) = part, kind.isStoredAsText else { continue }
            if plan.isPacked {
                let shift = UInt64(number) * 32
                let code = key[0] >> shift & AggregationPlan.unsetCode
                guard code != AggregationPlan.unsetCode else { continue }
                key[0] = key[0] & ~(AggregationPlan.unsetCode << shift) | textMap[Int(code)] << shift
            } else if key[number] != AggregationPlan.unsetCode {
                key[number] = textMap[Int(key[number])]
            }
        }
    }

    private mutating func merge(
        _ index: Int, _ other: AggregateColumn, _ groupMap: [Int], _ textMap: [UInt64]
    ) throws(VectorFailure) {
        func isText(_ key: GroupKey) -> Bool {
            if case .column(_, let kind) = key { kind.isStoredAsText } else { false }
        }
        switch plan.aggregates[index] {
        case .countRows, .count:
            for (group, count) in other.counts.enumerated() { columns[index].counts[groupMap[group]] &+= count }
        case .countDistinct(let key):
            for number in 0..<other.distinct.count {
                let group = groupMap[Int(other.distinct.keys[number &* 2])]
                let code = other.distinct.keys[number &* 2 &+ 1]
                columns[index].note(isText(key) ? textMap[Int(code)] : code, in: group)
            }
        case .sum, .total, .average:
            for (group, count) in other.counts.enumerated() {
                let own = groupMap[group]
                columns[index].counts[own] &+= count
                if !other.reals.isEmpty {
                    columns[index].reals[own] += other.reals[group]
                } else {
                    let (sum, overflow) = columns[index].sums[own].addingReportingOverflow(other.sums[group])
                    if overflow { throw .notOurs }
                    columns[index].sums[own] = sum
                }
            }
        case .extreme(let key, let isGreatest):
            for (group, word) in other.words.enumerated() where other.isSet[group] {
                keepExtreme(index, groupMap[group], isText(key) ? textMap[Int(word)] : word, key, isGreatest)
            }
        }
    }
}

extension AggregateColumn {
    /// Counts a value the first time that the group has it.
    mutating func note(_ code: UInt64, in group: Int) {
        let before = distinct.count
        _ = distinct.index(of: UInt64(group), code)
        if distinct.count > before { counts[group] &+= 1 }
    }
}
