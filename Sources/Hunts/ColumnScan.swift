// SPDX-License-Identifier: Apache-2.0
//
// Columns of a log, row group by row group, on all cores.
//
// Reads   segments that may hold a row of the time wanted.
// Writes  nothing itself: every row group goes to one worker's own state.
// Leaves  what is made of the rows.

import Foundation
import Records
import Store
import Synchronization

/// Some columns of one row group.
struct ScannedRows: Sendable {
    let rowCount: Int
    /// In the order in which the columns were asked for; nil where the segment is older than the column.
    let columns: [ColumnVector?]
}

/// A pass over some columns of a log.
struct ColumnScan: Sendable {
    private struct Unit: Sendable {
        let reader: SegmentReader
        let rowGroup: Int
        let places: [Int?]
        /// Bounds of `ts`, microseconds since 1970.
        let times: ClosedRange<Int64>
    }

    private let units: [Unit]
    /// Rows of all row groups that are read.
    let rowCount: Int

    /// - Parameters:
    ///   - columns: names in SQL. The log may be missing, or lack any of them.
    ///   - times: the rows wanted, microseconds; row groups that have none are passed over, others come whole.
    init(_ store: StoreReader, log: String, columns: [String], times: ClosedRange<Int64>) throws(StoreError) {
        var units: [Unit] = []
        for segment in try store.segments(log: log, bounds: []) {
            if let held = segment.times {
                let range = held.lowerBound.nanoseconds / 1000 ... held.upperBound.nanoseconds / 1000
                guard range.overlaps(times) else { continue }
            }
            let reader = try SegmentReader.open(segment.path)
            let places = columns.map { reader.index(of: $0) }
            let clock = reader.index(of: "ts")
            for rowGroup in 0..<reader.rowGroupCount {
                var range = Int64.min...Int64.max
                if let clock, case .signed(let min, let max) = reader.bounds(column: clock, rowGroup: rowGroup).values {
                    range = min...max
                }
                guard range.overlaps(times) else { continue }
                units.append(Unit(reader: reader, rowGroup: rowGroup, places: places, times: range))
            }
        }
        self.units = units
        rowCount = units.reduce(0) { $0 + $1.reader.rowCount(rowGroup: $1.rowGroup) }
    }

    private func rows(_ unit: Unit) throws(StoreError) -> ScannedRows {
        var columns: [ColumnVector?] = []
        for place in unit.places {
            guard let place else {
                columns.append(nil)
                continue
            }
            columns.append(try unit.reader.read(column: place, rowGroup: unit.rowGroup))
        }
        return ScannedRows(rowCount: unit.reader.rowCount(rowGroup: unit.rowGroup), columns: columns)
    }

    /// Gives every row group to a worker. Answers the workers' states.
    func run<State: Sendable>(
        _ make: @Sendable () -> State, _ work: @Sendable (inout State, ScannedRows) -> Void
    ) throws(StoreError) -> [State] {
        let count = rowCount < 100_000 ? 1 : min(ScanCores.count, max(units.count, 1))
        let shares = (0..<count).map { _ in WorkerShare(make()) }
        let next = Atomic(0)
        let failure = Mutex<StoreError?>(nil)
        DispatchQueue.concurrentPerform(iterations: count) { worker in
            while failure.withLock({ $0 == nil }) {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < units.count else { return }
                do throws(StoreError) {
                    let rows = try rows(units[index])
                    shares[worker].state.withLock { work(&$0, rows) }
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
        }
        if let found = failure.withLock({ $0 }) { throw found }
        return shares.map { $0.state.withLock { $0 } }
    }

    /// Looks at row groups from the end that `isNewestFirst` names until none can move the answer further out.
    /// `find` answers the outermost time of the rows that count.
    func outermost(
        isNewestFirst: Bool, _ find: (ScannedRows) -> Int64?
    ) throws(StoreError) -> Int64? {
        var best: Int64?
        let order = units.sorted {
            isNewestFirst ? $0.times.upperBound > $1.times.upperBound : $0.times.lowerBound < $1.times.lowerBound
        }
        for unit in order {
            if let best, isNewestFirst ? unit.times.upperBound <= best : unit.times.lowerBound >= best { break }
            guard let found = find(try rows(unit)) else { continue }
            best = best.map { isNewestFirst ? max($0, found) : min($0, found) } ?? found
        }
        return best
    }
}

/// One worker's state. The worker is alone with it while the pass goes on.
private final class WorkerShare<State: Sendable>: Sendable {
    let state: Mutex<State>
    init(_ state: State) { self.state = Mutex(state) }
}
