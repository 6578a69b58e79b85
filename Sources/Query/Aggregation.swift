// SPDX-License-Identifier: Apache-2.0
//
// GROUP BY and the aggregates, vectorised: one worker's share.
//
// Few groups are found as the rows come. Where they are many, a table of all would be waited for at every row: rows
// then wait, sorted into parts by their keys, for groups that all workers share (SharedGroups), each part with a table
// that the cache holds.
//
// Reads   pages with the rows that a filter took.
// Writes  groups with their aggregates.
// Leaves  putting few groups together (Aggregation+Merging); HAVING, ORDER BY, LIMIT and what stands around the
//         aggregates (GroupRows, and SQLite over them).

import Records
import Store

/// What an aggregate is given of some rows: a word each, and which are unset (nothing where none is).
struct RowValues: Sendable {
    var words: [UInt64] = []
    var isUnset: [Bool] = []
}

/// Groups with their aggregates. One a worker.
struct Aggregation: Sendable {
    let plan: AggregationPlan
    /// One part, or several with no group in common.
    var parts: [GroupPart]
    var coder = TextCoder()
    private var waiting: WaitingRows?
    private var codes: [[UInt64]] = []
    private var packed: [UInt64] = []
    private var groupOfRow: [UInt32] = []

    /// Groups up to which a worker has its own: their table fits into a processor's own cache.
    private static let groupsTogether = 1 << 15
    /// Rows that wait at least before they are worked on.
    static let waitingMin = 1 << 20

    init(_ plan: AggregationPlan) {
        self.plan = plan
        parts = [GroupPart(plan, isDense: plan.isDense)]
        codes = plan.keys.map { _ in [] }
        // Without keys everything is one group, rows or no rows.
        if plan.keys.isEmpty {
            var number: [UInt32] = []
            parts[0].find([0], into: &number)
            parts[0].extend(plan)
        }
    }

    /// Groups that are done.
    init(_ plan: AggregationPlan, _ parts: [GroupPart], _ coder: TextCoder) {
        self.plan = plan
        self.parts = parts
        self.coder = coder
    }

    var texts: KeyTexts { coder.texts }
    var groupCount: Int { parts.reduce(0) { $0 + $1.groups.count } }

    // MARK: rows

    mutating func add(_ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) {
        try findKeys(rows, page)
        if waiting != nil {
            var values: [RowValues] = []
            for aggregate in plan.aggregates { values.append(try self.values(aggregate, rows, page)) }
            waiting?.add(packed, values, rowCount: rows.count, marks: coder.texts.marks)
            return
        }
        groupOfRow.removeAll(keepingCapacity: true)
        if plan.keys.isEmpty {
            groupOfRow.append(contentsOf: repeatElement(0, count: rows.count))
        } else {
            parts[0].find(packed, into: &groupOfRow)
            parts[0].extend(plan)
            try check()
        }
        for index in plan.aggregates.indices {
            let values = try values(plan.aggregates[index], rows, page)
            try parts[0].add(values, to: index, plan, groupOfRow, coder.texts)
        }
    }

    // MARK: many groups

    var isWaiting: Bool { waiting != nil }

    /// Whether its groups, or the rows that wait and may be so many, are to go to those of all workers.
    func isFull(_ waitingMax: Int) -> Bool {
        guard let waiting else { return plan.mayWait && parts[0].groups.count > Aggregation.groupsTogether }
        return waiting.count > waitingMax
    }

    /// Gives all that it has to the groups of all workers; from now on its rows wait.
    mutating func give(
        to shared: SharedGroups, _ texts: inout SharedTexts, worker: Int
    ) throws(VectorFailure) {
        if var rows = waiting {
            // Taken out while it is emptied, so that it is not copied.
            waiting = nil
            try shared.add(&rows, coder.texts, &texts, worker: worker)
            waiting = rows
            return
        }
        try shared.add(self, &texts, worker: worker)
        parts = [GroupPart(plan)]
        waiting = WaitingRows(plan, partCount: SharedGroups.partCount)
    }

    /// Adds rows of which nothing but their number matters (`AggregationPlan.isCount`).
    mutating func add(rowCount: Int) {
        for index in plan.aggregates.indices { parts[0].columns[index].counts[0] &+= Int64(rowCount) }
    }

    /// Takes the rows that wait, if it has come to that.
    mutating func takeWaiting() -> WaitingRows? {
        let rows = waiting
        waiting = nil
        return rows
    }

    private func check() throws(VectorFailure) {
        guard groupCount <= GroupTable.countMax, coder.texts.pool.bytes.count < KeyTexts.bytesMax else {
            throw .notOurs
        }
    }

    /// Puts the words of the rows' keys into `packed`, one key behind the other.
    private mutating func findKeys(_ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) {
        packed.removeAll(keepingCapacity: true)
        guard !plan.keys.isEmpty else { return }
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
        guard !plan.isPacked else {
            // A key of one column is its code.
            if codes.count == 1 { swap(&packed, &codes[0]) } else { packSecond() }
            return
        }
        for index in rows.indices {
            for column in codes.indices { packed.append(codes[column][index]) }
            packed.append(unset.isEmpty ? 0 : unset[index])
        }
    }

    private mutating func packSecond() {
        swap(&packed, &codes[0])
        let second = codes[1]
        var span = packed.mutableSpan
        for index in 0..<span.count { span[index] |= second[index] << 32 }
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
            return try function.codes(rows, page, unset: TextCoder.unset, into: &codes) { octets in
                UInt64(coder.number(of: octets, 0..<octets.count))
            }
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

    /// What an aggregate is given of some rows.
    private mutating func values(
        _ aggregate: Aggregate, _ rows: [UInt32], _ page: PageColumns
    ) throws(VectorFailure) -> RowValues {
        var values = RowValues()
        switch aggregate {
        case .countRows: break
        case .countIf(let filter): return try self.values(.filtered(.countRows, filter), rows, page)
        case .filtered(let inner, let filter):
            var taken = rows
            try filter.keep(&taken, page)
            guard taken.count < rows.count else { return try self.values(inner, rows, page) }
            let own = try self.values(inner, taken, page)
            values.isUnset = Array(repeating: true, count: rows.count)
            if !own.words.isEmpty { values.words = Array(repeating: 0, count: rows.count) }
            var next = 0
            for place in rows.indices where next < taken.count && taken[next] == rows[place] {
                values.isUnset[place] = own.isUnset.isEmpty ? false : own.isUnset[next]
                if !own.words.isEmpty { values.words[place] = own.words[next] }
                next += 1
            }
        case .count(let key):
            values.isUnset = try code(key, rows, page, into: &values.words)
            values.words = []
        case .countDistinct(let key), .extreme(let key, _):
            values.isUnset = try code(key, rows, page, into: &values.words)
        case .sum(let expression), .total(let expression), .average(let expression):
            let numbers = try expression.values(rows, page)
            values.isUnset = numbers.isUnset
            values.words = numbers.isReal
                ? numbers.reals.map(\.bitPattern) : numbers.integers.map { UInt64(bitPattern: $0) }
        case .moment(let expression, _), .quantile(let expression, _):
            let numbers = try expression.values(rows, page)
            values.isUnset = numbers.isUnset
            values.words = rows.indices.map { numbers.real($0).bitPattern }
        }
        return values
    }
}
