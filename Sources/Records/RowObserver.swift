// SPDX-License-Identifier: Apache-2.0
//
// What looks on while rows are made: indicators, Sigma rules.
//
// Reads   the rows of each log, in their final order, before they are written.
// Writes  rows of `alert`.
// Leaves  where the rows come from (the collector), and where they go.

/// Sees every row that the sensor makes, on the collector's thread, and raises alerts of its own.
///
/// The rows of `alert`, `signatures` and `eve` are not shown: what raises its hand is no record of the traffic.
/// An alert takes its place among the others by the order it is appended with, so that it stands where its row does:
/// `alerts.append(record, order: rows.order(row), ordinal: rows.ordinal(row))`. The same rows are shown in the same
/// order for any number of workers, which holds for the alerts then too.
package protocol RowObserver {
    /// Rows of one log; never none of them.
    mutating func observe(_ rows: borrowing RowBatch, alerts: inout RowBatch)

    /// The packet time has reached `time`: what was held back to be folded may be over. `order` is that of the last
    /// packet.
    mutating func advance(to time: Timestamp, order: UInt64, alerts: inout RowBatch)

    /// Nothing follows; what was held back is appended now.
    mutating func finish(alerts: inout RowBatch)

    /// What an operator should hear when the run is over, a line each.
    var remarks: [String] { get }
}

extension RowObserver {
    package mutating func advance(to time: Timestamp, order: UInt64, alerts: inout RowBatch) {}
    package mutating func finish(alerts: inout RowBatch) {}
    package var remarks: [String] { [] }
}
