// SPDX-License-Identifier: Apache-2.0
//
// Indicators against the records as they are made.
//
// Reads   rows of every log that can show an indicator.
// Writes  rows of `alert`: one for an indicator and a host while it goes on.
// Leaves  which columns (IndicatorColumns.swift), what an alert says (IndicatorAlert.swift).

package import Records
import Synchronization

/// Holds an index that may be replaced while it is used: asking costs one atomic load a batch.
package final class IndicatorShelf: Sendable {
    private let held: Mutex<IndicatorIndex>
    private let generation = Atomic<Int>(1)

    package init(_ index: IndicatorIndex) { held = Mutex(index) }

    package var newest: IndicatorIndex { held.withLock { $0 } }
    package var number: Int { generation.load(ordering: .acquiring) }

    package func replace(with index: IndicatorIndex) {
        held.withLock { $0 = index }
        generation.add(1, ordering: .acquiringAndReleasing)
    }
}

/// Choices of matching; each is a key of the configuration.
package struct MatchSettings: Sendable {
    /// Indicators below this confidence raise no alert.
    package var confidenceMin = 30
    /// Seconds in which hits of one indicator by one host become one alert.
    package var foldSeconds = 60

    package init() {}
}

/// Watches rows for indicators. Used by one thread.
package struct IndicatorMatcher: RowObserver {
    private struct FoldKey: Hashable {
        var hit: IndicatorHit
        var host: Address
    }

    private struct Folded {
        var record: AlertRecord
        var ordinal: UInt64
    }

    /// Alerts that wait for more of their kind, at most.
    private static let foldedMax = 50_000

    private let shelf: IndicatorShelf
    private let settings: MatchSettings
    private var generation = 0
    private var index: IndicatorIndex
    /// By the number of the log: the columns of which there are indicators.
    private var columns: [[IndicatorColumn]]
    private let all: [[IndicatorColumn]]
    private let schemas: [LogSchema]
    private var found: [IndicatorHit] = []
    private var folded: [FoldKey: Folded] = [:]
    /// Keys in the order in which their alerts began.
    private var open: [FoldKey] = []
    private var openStart = 0
    /// Hits, and alerts that came of them.
    package private(set) var hitCount: UInt64 = 0

    /// - Parameter schemas: all logs in the order of `LogID`.
    package init(_ shelf: IndicatorShelf, schemas: [LogSchema], settings: MatchSettings = MatchSettings()) {
        self.shelf = shelf
        self.settings = settings
        self.schemas = schemas
        all = schemas.map(IndicatorColumn.columns)
        columns = []
        index = shelf.newest
        renew()
    }

    private mutating func renew() {
        generation = shelf.number
        index = shelf.newest
        columns = all.map { list in list.filter { index.hasAny($0.lookup.kinds) } }
    }

    package mutating func observe(_ rows: borrowing RowBatch, alerts: inout RowBatch) {
        if shelf.number != generation {
            // The numbers of hits are those of the index that is going.
            finish(alerts: &alerts)
            renew()
        }
        let log = Int(rows.log.rawValue)
        guard log < columns.count, !columns[log].isEmpty else { return }
        for place in columns[log].indices { look(columns[log][place], rows, &alerts) }
    }

    private mutating func look(_ column: IndicatorColumn, _ rows: borrowing RowBatch, _ alerts: inout RowBatch) {
        for row in 0..<rows.count where rows.isSet(row, column.index) {
            switch column.column.kind {
            case .address:
                var port: UInt16?
                if let second = column.second { port = UInt16(truncatingIfNeeded: rows.word(row, second)) }
                index.find(rows.address(row, column.column), port: port, &found)
            case .addressVector:
                var place = rows.listStart(row, column.column)
                for _ in 0..<rows.listCount(row, column.column) {
                    let (high, low) = (rows.listWord(&place), rows.listWord(&place))
                    index.find(Address(high: high, low: low), port: nil, &found)
                }
            case .textSet, .textVector:
                var place = rows.listStart(row, column.column)
                for _ in 0..<rows.listCount(row, column.column) {
                    column.find(rows.bytes[rows.listText(&place)], in: index, &found)
                }
            default:
                let text = rows.bytes[rows.textRange(row, column.column)]
                if column.lookup == .url {
                    guard let second = column.second, let place = column.secondIndex, rows.isSet(row, place) else {
                        continue
                    }
                    index.find(host: text, target: rows.bytes[rows.textRange(row, second)], &found)
                } else {
                    column.find(text, in: index, &found)
                }
            }
            guard !found.isEmpty else { continue }
            for hit in found { take(hit, column, rows, row, &alerts) }
            found.removeAll(keepingCapacity: true)
        }
    }

    private mutating func take(
        _ hit: IndicatorHit, _ column: IndicatorColumn, _ rows: borrowing RowBatch, _ row: Int,
        _ alerts: inout RowBatch
    ) {
        let indicator = index.row(hit)
        let seen = RowFacts(rows, row, schemas[Int(rows.log.rawValue)])
        guard Int(indicator.confidence) >= settings.confidenceMin,
            indicator.expires == 0 || Int64(indicator.expires) >= seen.ts.nanoseconds / second
        else { return }
        hitCount &+= 1
        let alert = IndicatorAlert(hit, index, place: column.place, seen)
        let key = FoldKey(hit: hit, host: alert.host ?? Address(high: 0, low: 0))
        if let last = folded[key]?.record.last {
            folded[key]?.record.count &+= 1
            folded[key]?.record.last = max(last, seen.ts)
            return
        }
        if settings.foldSeconds == 0 {
            alerts.append(alert.record(), order: rows.order(row), ordinal: rows.ordinal(row))
            return
        }
        if folded.count >= IndicatorMatcher.foldedMax { writeFirst(order: rows.order(row), &alerts) }
        folded[key] = Folded(record: alert.record(), ordinal: rows.ordinal(row))
        open.append(key)
    }

    package mutating func advance(to time: Timestamp, order: UInt64, alerts: inout RowBatch) {
        while openStart < open.count, let next = folded[open[openStart]] {
            // A record is written when its connection ends: its own time may be long past.
            guard time.since(next.record.first) > Int64(settings.foldSeconds) * second else { break }
            writeFirst(order: order, &alerts)
        }
        if openStart > 1024, openStart * 2 > open.count {
            open.removeFirst(openStart)
            openStart = 0
        }
    }

    package mutating func finish(alerts: inout RowBatch) {
        while openStart < open.count { writeFirst(order: .max, &alerts) }
        open.removeAll(keepingCapacity: true)
        openStart = 0
    }

    private mutating func writeFirst(order: UInt64, _ alerts: inout RowBatch) {
        let key = open[openStart]
        openStart += 1
        guard let row = folded.removeValue(forKey: key) else { return }
        alerts.append(row.record, order: order, ordinal: row.ordinal)
    }
}
