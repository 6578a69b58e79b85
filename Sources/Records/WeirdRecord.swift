// SPDX-License-Identifier: Apache-2.0
//
// The anomaly log: one row for each thing seen that should not be.
//
// Leaves  how often a name is logged (the connection, then the collector).

/// One anomaly.
package struct WeirdRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var weird = Weird.allCases[0]
    package var addl = Text.absent
    package var source: StaticString?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.weird
    package static let summary: StaticString = "An anomaly: traffic that breaks its protocol or a limit."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("name", weird.name, "Stable name of the anomaly.")
        row.text("addl", addl, in: text, "What more is known, such as the offending value.")
        row.boolean("notice", false, "Whether the anomaly was also raised as an alert.")
        row.text("peer", "weir", "The sensor that saw it.")
        row.text("source", source, "The analyzer that reports it, in capitals.")
    }
}
