// SPDX-License-Identifier: Apache-2.0
//
// Indicators against the records as they are made.
//
// Reads   rows of every log that can show an indicator.
// Writes  rows of `alert`: one for an indicator and a host while it goes on.
// Leaves  which columns (IndicatorColumns.swift), what an alert says (IndicatorAlert.swift).

package import Records

/// The indicators that a run looks for, which may be replaced while it goes on.
package typealias IndicatorShelf = Shelf<IndicatorIndex>

/// Choices of matching; each is a key of the configuration.
package struct MatchSettings: Sendable {
    /// Indicators below this confidence raise no alert.
    package var confidenceMin = 30
    /// How confidence falls between when a feed saw an indicator last and when it expires (`IndicatorRow.confidence`).
    package var decay = 0.5
    /// An indicator that more than so many percent of our hosts have met is demoted; 100 for never.
    package var prevalenceMax = 25
    /// Seconds in which hits of one indicator by one host become one alert.
    package var foldSeconds = 60

    package init() {}
}

/// Watches rows for indicators. Used by one thread.
package struct IndicatorMatcher: RowObserver {
    private let shelf: IndicatorShelf
    private let settings: MatchSettings
    private var generation = 0
    private var index: IndicatorIndex
    /// By the number of the log: the columns of which there are indicators.
    private var columns: [[IndicatorColumn]]
    private let all: [[IndicatorColumn]]
    private let schemas: [LogSchema]
    private var found: [IndicatorHit] = []
    private var misses = RecentMisses()
    /// Whether an address is asked for with its port.
    private var asksPorts = false
    private var folded: FoldedAlerts
    private var prevalence: IndicatorPrevalence
    /// Of `conn` the columns that say who is a host of ours.
    private let hostColumns: (address: Column, isOurs: Int)?
    /// Hits, and alerts that came of them.
    package private(set) var hitCount: UInt64 = 0
    /// What was met and raised nothing: not sure enough, or expired.
    private(set) var unsureCount: UInt64 = 0
    private(set) var expiredCount: UInt64 = 0

    /// - Parameter schemas: all logs in the order of `LogID`.
    package init(_ shelf: IndicatorShelf, schemas: [LogSchema], settings: MatchSettings = MatchSettings()) {
        self.shelf = shelf
        self.settings = settings
        folded = FoldedAlerts(seconds: settings.foldSeconds)
        prevalence = IndicatorPrevalence(shareMax: settings.prevalenceMax)
        let conn = schemas[Int(LogID.conn.rawValue)]
        let places = [conn.index(of: "id.orig_h"), conn.index(of: "local_orig")].compactMap { $0 }
        hostColumns = places.count == 2 && prevalence.isOn ? (conn.columns[places[0]], places[1]) : nil
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
        prevalence.forget()
        misses = RecentMisses()
        asksPorts = index.has(.endpoint)
    }

    package mutating func observe(_ rows: borrowing RowBatch, alerts: inout RowBatch) {
        if shelf.number != generation {
            // The numbers of hits are those of the index that is going.
            finish(alerts: &alerts)
            renew()
        }
        let log = Int(rows.log.rawValue)
        guard log < columns.count, !columns[log].isEmpty else { return }
        if rows.log == .conn, let hostColumns { see(rows, hostColumns) }
        for place in columns[log].indices { look(columns[log][place], rows, &alerts) }
    }

    /// Who is there at all.
    private mutating func see(_ rows: borrowing RowBatch, _ columns: (address: Column, isOurs: Int)) {
        let isOurs = schemas[Int(LogID.conn.rawValue)].columns[columns.isOurs]
        for row in 0..<rows.count where rows.isSet(row, columns.isOurs) && rows.word(row, isOurs) != 0 {
            prevalence.see(rows.address(row, columns.address))
        }
    }

    private mutating func look(_ column: IndicatorColumn, _ rows: borrowing RowBatch, _ alerts: inout RowBatch) {
        for row in 0..<rows.count where rows.isSet(row, column.index) {
            switch column.column.kind {
            case .address:
                var port: UInt16?
                if let second = column.second { port = UInt16(truncatingIfNeeded: rows.word(row, second)) }
                find(rows.address(row, column.column), port: port)
            case .addressVector:
                var place = rows.listStart(row, column.column)
                for _ in 0..<rows.listCount(row, column.column) {
                    let (high, low) = (rows.listWord(&place), rows.listWord(&place))
                    find(Address(high: high, low: low), port: nil)
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

    /// Looks up an address, unless it was no indicator when it was asked for last.
    private mutating func find(_ address: Address, port: UInt16?) {
        let asked = asksPorts ? port ?? 0 : 0
        guard !misses.has(address, asked) else { return }
        let before = found.count
        index.find(address, port: port, &found)
        if found.count == before { misses.add(address, asked) }
    }

    private mutating func take(
        _ hit: IndicatorHit, _ column: IndicatorColumn, _ rows: borrowing RowBatch, _ row: Int,
        _ alerts: inout RowBatch
    ) {
        let indicator = index.row(hit)
        let seen = RowFacts(rows, row, schemas[Int(rows.log.rawValue)])
        let confidence = indicator.confidence(at: seen.ts, decay: settings.decay)
        guard indicator.expires == 0 || Int64(indicator.expires) >= seen.ts.nanoseconds / second else {
            expiredCount &+= 1
            return
        }
        guard Int(confidence) >= settings.confidenceMin else {
            unsureCount &+= 1
            return
        }
        hitCount &+= 1
        var alert = IndicatorAlert(hit, index, place: column.place, seen, confidence: confidence)
        if !alert.isInbound, let host = alert.host {
            prevalence.meet(hit, host)
            alert.prevalence = prevalence.excess(hit)
        }
        if settings.foldSeconds == 0 {
            alerts.append(alert.record(), order: rows.order(row), ordinal: rows.ordinal(row))
            return
        }
        var key = AlertFoldKey(
            rule: UInt64(hit.set) << 32 | UInt64(hit.row), first: alert.host ?? Address(high: 0, low: 0))
        // Records of clouds are about principals, not about hosts of ours.
        if !seen.entities.isEmpty, let about = alert.record().foldKey { key = about }
        if folded.count(key, at: seen.ts) { return }
        if folded.isFull, let eldest = folded.next() {
            alerts.append(eldest.record, order: rows.order(row), ordinal: eldest.ordinal)
        }
        folded.hold(alert.record(), key, ordinal: rows.ordinal(row))
    }

    package mutating func advance(to time: Timestamp, order: UInt64, alerts: inout RowBatch) {
        while let row = folded.next(at: time) { alerts.append(row.record, order: order, ordinal: row.ordinal) }
    }

    package mutating func finish(alerts: inout RowBatch) {
        while let row = folded.next() { alerts.append(row.record, order: .max, ordinal: row.ordinal) }
    }

    package var remarks: [String] {
        var lines: [String] = []
        if unsureCount > 0 {
            lines.append(
                "\(unsureCount) hits of indicators that are less sure than intel.confidence_min "
                    + "(\(settings.confidenceMin)) raised no alert")
        }
        if expiredCount > 0 { lines.append("\(expiredCount) hits of indicators that had expired raised no alert") }
        return lines
    }
}
