// SPDX-License-Identifier: Apache-2.0
//
// Rows of conn, grouped by a pair, and the score of every group.
//
// Reads   row groups; which pair a row belongs to (`RowKeys`).
// Writes  groups with scores.
// Leaves  what a key stands for.

import Foundation
import Store
import Synchronization

/// Which pair a row of conn belongs to.
protocol RowKeys: Sendable {
    /// Columns of conn. The first three are ts, id_orig_h and id_resp_h, the fourth is orig_ip_bytes.
    static var columns: [String] { get }
    /// Rows outside of these microseconds are nobody's.
    var times: ClosedRange<Int64> { get }
    /// Every row that counts: its number, its second, the key of its pair (never 0), and whether it rules the pair out.
    func forEach(_ rows: ScannedRows, _ body: (_ row: Int, _ second: Int64, _ key: UInt64, _ isRuledOut: Bool) -> Void)
}

/// A pair's connections, summed up.
struct PairGroup: Sendable {
    var key: UInt64
    var isStrobe: Bool
    var connectionCount: Int
    /// Nil where there are not enough different times.
    var score: BeaconScore?
    var byteCount = 0.0
    var first: Int64 = 0
    var last: Int64 = 0
    var interval = 0.0
    var size = 0.0
}

/// Counting, gathering and scoring the pairs of one part of all keys.
struct PairPass<Keys: RowKeys> {
    let keys: Keys
    let part: UInt64
    let partCount: UInt64
    let settings: BeaconSettings

    /// Rows of the pairs that get a score, as a worker met them.
    private struct Gathered: Sendable {
        var groups: [UInt32] = []
        var seconds: [Int64] = []
        var sizes: [Double] = []
    }

    private static var ruledOut: UInt32 { 1 << 31 }

    /// Strobes, and pairs that have enough different times.
    func run(_ scan: ColumnScan, _ range: ClosedRange<Int64>) throws(StoreError) -> [PairGroup] {
        var table = try count(scan)
        var groups: [PairGroup] = []
        var counts: [Int] = []
        for place in table.keys.indices where table.keys[place] != 0 {
            let value = table.values[place]
            table.values[place] = .max
            guard value & Self.ruledOut == 0, value >= settings.distinctTimesMin else { continue }
            let isStrobe = value >= settings.strobeCount
            groups.append(PairGroup(key: table.keys[place], isStrobe: isStrobe, connectionCount: Int(value)))
            if !isStrobe { table.values[place] = UInt32(groups.count - 1) }
            counts.append(isStrobe ? 0 : Int(value))
        }
        guard counts.contains(where: { $0 > 0 }) else { return groups }
        score(&groups, counts, try gather(scan, table), range)
        return groups.filter { $0.isStrobe || $0.score != nil }
    }

    private func isMine(_ key: UInt64) -> Bool { partCount == 1 || NumberTable.hash(key) % partCount == part }

    private func count(_ scan: ColumnScan) throws(StoreError) -> NumberTable {
        let tables = try scan.run({ NumberTable(capacity: 1 << 16) }) { (table, rows) in
            keys.forEach(rows) { _, _, key, isRuledOut in
                guard isMine(key) else { return }
                let place = table.place(key)
                if isRuledOut { table.values[place] |= Self.ruledOut }
                if table.values[place] & ~Self.ruledOut < Self.ruledOut - 1 { table.values[place] &+= 1 }
            }
        }
        var whole = tables[0]
        for table in tables.dropFirst() {
            for (key, value) in zip(table.keys, table.values) where key != 0 {
                let place = whole.place(key)
                let sum = UInt64(whole.values[place] & ~Self.ruledOut) + UInt64(value & ~Self.ruledOut)
                let flag = (whole.values[place] | value) & Self.ruledOut
                whole.values[place] = flag | UInt32(min(sum, UInt64(Self.ruledOut - 1)))
            }
        }
        return whole
    }

    private func gather(_ scan: ColumnScan, _ table: NumberTable) throws(StoreError) -> [Gathered] {
        try scan.run({ Gathered() }) { (gathered, rows) in
            let sizes = rows.columns[3]
            keys.forEach(rows) { row, second, key, _ in
                guard let place = table.find(key), table.values[place] != .max else { return }
                gathered.groups.append(table.values[place])
                gathered.seconds.append(second)
                let isSet = sizes?.isSet(row) ?? false
                gathered.sizes.append(isSet ? Double(sizes?.words[row] ?? 0) : 0)
            }
        }
    }

    private func score(
        _ groups: inout [PairGroup], _ counts: [Int], _ gathered: [Gathered], _ range: ClosedRange<Int64>
    ) {
        var starts = [0]
        starts.reserveCapacity(counts.count + 1)
        for count in counts { starts.append(starts[starts.count - 1] + count) }
        var seconds = [Int64](repeating: 0, count: starts[counts.count])
        var sizes = [Double](repeating: 0, count: starts[counts.count])
        var next = starts
        for share in gathered {
            for index in share.groups.indices {
                let group = Int(share.groups[index])
                seconds[next[group]] = share.seconds[index]
                sizes[next[group]] = share.sizes[index]
                next[group] += 1
            }
        }
        // On one core all of it is one part, which the thread that asks works on itself.
        let stride = ScanCores.count > 1 ? 4096 : max(groups.count, 1)
        let (fixed, allSeconds, allSizes, bounds) = (groups, seconds, sizes, starts)
        let parts = (groups.count + stride - 1) / stride
        let scored = Mutex([[PairGroup]](repeating: [], count: parts))
        DispatchQueue.concurrentPerform(iterations: parts) { part in
            let own = (part * stride ..< min((part + 1) * stride, fixed.count)).map { index in
                var group = fixed[index]
                let place = bounds[index]..<bounds[index + 1]
                if !place.isEmpty { complete(&group, Array(allSeconds[place]), Array(allSizes[place]), range) }
                return group
            }
            scored.withLock { $0[part] = own }
        }
        groups = scored.withLock { $0.flatMap { $0 } }
    }

    private func complete(
        _ group: inout PairGroup, _ seconds: [Int64], _ sizes: [Double], _ range: ClosedRange<Int64>
    ) {
        var (seconds, sizes) = (seconds, sizes)
        if !BeaconMath.isSorted(seconds) { seconds.sort() }
        var distinct = 1
        for index in seconds.indices.dropFirst() where seconds[index] != seconds[index - 1] { distinct += 1 }
        guard distinct >= settings.distinctTimesMin,
            let score = BeaconScore(times: &seconds, sizes: &sizes, range: range, settings)
        else { return }
        group.score = score
        group.byteCount = sizes.reduce(0, +)
        group.first = seconds[0]
        group.last = seconds[seconds.count - 1]
        group.size = BeaconMath.median(sizes[...])
        var gaps = zip(seconds.dropFirst(), seconds).map { Double($0 - $1) }.filter { $0 > 0 }
        gaps.sort()
        group.interval = gaps.isEmpty ? 0 : BeaconMath.median(gaps[...])
    }
}
