// SPDX-License-Identifier: Apache-2.0
//
// A hash join of two scans, and aggregates over its pairs, on all cores.
//
// The side with fewer rows is built in memory (JoinTable), the other passes by page after page.
//
// Reads   both tables, each with its own filter.
// Writes  the workers' groups.
// Leaves  sides too large for memory: SQLite's (`VectorFailure.notOurs`).

import Records
import Store
import Synchronization

/// Pairs of rows as a page: the columns of the left table, then those of the right.
final class JoinedPage: PageColumns {
    private let probe: PageColumns
    private let probeRows: [UInt32]
    private let build: JoinTable
    private let buildRows: [UInt32]
    /// Columns of the left table, and whether the left side is the one that passes by.
    private let leftCount: Int
    private let isLeftProbe: Bool

    init(
        _ probe: PageColumns, _ probeRows: [UInt32], _ build: JoinTable, _ buildRows: [UInt32], leftCount: Int,
        rightCount: Int, isLeftProbe: Bool
    ) {
        self.probe = probe
        self.probeRows = probeRows
        self.build = build
        self.buildRows = buildRows
        self.leftCount = leftCount
        self.isLeftProbe = isLeftProbe
        super.init(
            identity: probe.identity, rows: 0..<probeRows.count, count: probeRows.count,
            columns: leftCount + rightCount, memo: probe.memo)
    }

    private func isOfProbe(_ column: Int) -> Bool { (column < leftCount) == isLeftProbe }

    override func load(_ column: Int) throws(VectorFailure) -> ColumnVector? {
        let own = column < leftCount ? column : column - leftCount
        guard isOfProbe(column) else { return build.vector(own, buildRows) }
        return try probe.vector(own)?.taking(probeRows)
    }

    /// The texts of the built side are the same for all pages.
    override func pool(_ column: Int) -> Int { isOfProbe(column) ? identity : -1 }
}

enum JoinRun {
    static func run(
        _ plan: JoinPlan, _ aggregation: AggregationPlan, _ snapshot: Snapshot
    ) throws(VectorFailure) -> GroupShares {
        let left = try VectorScan(snapshot, plan.left, plan.leftFilter)
        let right = try VectorScan(snapshot, plan.right, plan.rightFilter)
        let isLeftProbe = left.rowCount >= right.rowCount
        let (probe, build) = isLeftProbe ? (left, right) : (right, left)
        let leftCount = plan.left.columns.count
        let buildUsed = Set(
            plan.used.compactMap { column in
                (column < leftCount) == isLeftProbe ? nil : column < leftCount ? column : column - leftCount
            })
        let keys = plan.keys.map { isLeftProbe ? $0.left : $0.right }
        let kinds = keys.map { probe.table.columns[$0].valueKind }
        let buildKeys = plan.keys.map { isLeftProbe ? $0.right : $0.left }
        let keyForm = JoinKeys(kinds, buildKeys.map { build.table.columns[$0].valueKind })
        let table = try JoinRun.table(build, keys: buildKeys, keyForm, used: buildUsed, snapshot)
        let workers = probe.workerCount
        let groups = GroupShares(aggregation, workers: workers)
        let shares = (0..<workers).map { _ in ProbeShare(keys: keys, kinds: kinds, keyForm) }
        let isCount = if case .all = plan.pairFilter { aggregation.isCount } else { false }
        let control = snapshot.control
        snapshot.counters.rows += try probe.run(workers: workers, control) {
            (worker, _, page, rows) throws(VectorFailure) in
            let (rows, numbers) = try shares[worker].find(rows, page, table)
            if isCount {
                var count = 0
                for number in numbers where number != .max { count &+= table.matchCount(number) }
                return groups[worker].add(rowCount: count)
            }
            try pairs(rows, numbers, table) { (probeRows, buildRows) throws(VectorFailure) in
                if control.isCancelled { throw .cancelled }
                let joined = JoinedPage(
                    page, probeRows, table, buildRows, leftCount: leftCount, rightCount: plan.right.columns.count,
                    isLeftProbe: isLeftProbe)
                var matching = Array(0 ..< UInt32(probeRows.count))
                try plan.pairFilter.keep(&matching, joined)
                if !matching.isEmpty { try groups[worker].add(matching, joined) }
            }
        }
        return groups
    }

    /// Reads the smaller side.
    private static func table(
        _ scan: VectorScan, keys: [Int], _ form: JoinKeys, used: Set<Int>, _ snapshot: Snapshot
    ) throws(VectorFailure) -> JoinTable {
        let workers = scan.workerCount
        let boxes = (0..<workers).map { _ in RowsBox(JoinRows(scan.table, keys: keys, used: used)) }
        snapshot.counters.rows += try scan.run(workers: workers, snapshot.control) {
            (worker, _, page, rows) throws(VectorFailure) in
            try boxes[worker].add(rows, page)
        }
        return try JoinTable(boxes.map(\.rows), form, used: used)
    }

    /// Pairs that are worked on together.
    private static let pairsMax = 8192

    private static func pairs(
        _ rows: [UInt32], _ numbers: [UInt32], _ table: JoinTable,
        _ body: ([UInt32], [UInt32]) throws(VectorFailure) -> Void
    ) throws(VectorFailure) {
        var (probeRows, buildRows): ([UInt32], [UInt32]) = ([], [])
        for index in rows.indices where numbers[index] != .max {
            for match in table.matches(numbers[index]) {
                probeRows.append(rows[index])
                buildRows.append(match)
                guard probeRows.count == pairsMax else { continue }
                try body(probeRows, buildRows)
                probeRows.removeAll(keepingCapacity: true)
                buildRows.removeAll(keepingCapacity: true)
            }
        }
        if !probeRows.isEmpty { try body(probeRows, buildRows) }
    }
}

/// One worker's rows of the smaller side, while the scan runs.
private final class RowsBox: Sendable {
    private let own: Mutex<JoinRows>
    init(_ rows: JoinRows) { own = Mutex(rows) }

    func add(_ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) {
        try own.withLock { (own) throws(VectorFailure) in try own.add(rows, page) }
    }
    var rows: JoinRows { own.withLock { $0 } }
}

/// What a worker knows of the dictionaries that pass by.
private final class ProbeShare: Sendable {
    private struct State {
        /// By key: the dictionary at work, and of its texts the numbers in the table: +1, 0 not asked yet, `UInt32.max`
        /// in no row.
        var maps: [(pool: Int, map: [UInt32])]
    }
    private let keys: [Int]
    private let kinds: [ColumnKind]
    private let form: JoinKeys
    private let state: Mutex<State>

    init(keys: [Int], kinds: [ColumnKind], _ form: JoinKeys) {
        self.keys = keys
        self.kinds = kinds
        self.form = form
        state = Mutex(State(maps: keys.map { _ in (Int.min, []) }))
    }

    /// The rows that may have matches, and the number of each one's key in the table, `UInt32.max` for none.
    func find(
        _ rows: [UInt32], _ page: PageColumns, _ table: JoinTable
    ) throws(VectorFailure) -> (rows: [UInt32], numbers: [UInt32]) {
        var rows = rows
        var codes: [[UInt64]] = []
        for index in keys.indices {
            guard let vector = try page.vector(keys[index]) else { return ([], []) }
            if !vector.isFull { rows.removeAll { !vector.has(Int($0)) } }
        }
        for index in keys.indices {
            guard let vector = try page.vector(keys[index]) else { return ([], []) }
            guard kinds[index].isStoredAsText else {
                codes.append(rows.map { vector.words[Int($0)] })
                continue
            }
            codes.append(
                state.withLock { own in
                    ProbeShare.texts(&own.maps[index], vector, rows, page.pool(keys[index]), table)
                })
        }
        var words: [UInt64] = []
        var wanted: [UInt32] = []
        let texts = keys.indices.filter { kinds[$0].isStoredAsText }
        rows: for place in rows.indices {
            for index in texts where codes[index][place] == TextCoder.unset { continue rows }
            form.append(place, of: codes, to: &words)
            wanted.append(rows[place])
        }
        var numbers: [UInt32] = []
        table.find(words, into: &numbers)
        return (wanted, numbers)
    }

    private static func texts(
        _ own: inout (pool: Int, map: [UInt32]), _ vector: ColumnVector, _ rows: [UInt32], _ pool: Int,
        _ table: JoinTable
    ) -> [UInt64] {
        var found: [UInt32] = []
        guard vector.isDictionary else {
            table.texts.known(of: vector.texts, rows.map { vector.indices[Int($0)] }, into: &found)
            return found.map(UInt64.init)
        }
        if own.pool != pool || own.map.count != vector.texts.count {
            own = (pool, [UInt32](repeating: 0, count: vector.texts.count))
        }
        var wanted: [UInt32] = []
        for row in rows where own.map[Int(vector.indices[Int(row)])] == 0 {
            wanted.append(vector.indices[Int(row)])
            own.map[Int(vector.indices[Int(row)])] = .max
        }
        table.texts.known(of: vector.texts, wanted, into: &found)
        for (place, number) in zip(wanted, found) { own.map[Int(place)] = number == .max ? .max : number &+ 1 }
        return rows.map { row in
            let number = own.map[Int(vector.indices[Int(row)])]
            return number == .max ? TextCoder.unset : UInt64(number &- 1)
        }
    }
}
