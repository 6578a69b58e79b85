// SPDX-License-Identifier: Apache-2.0
//
// The log of protocols that were recognised and turned out to be something else.
//
// Reads   violations of analyzers (Analyzer.swift).
// Writes  one `AnalyzerRecord` for each, path "analyzer".
// Leaves  analyzers that were never confirmed: they are let go without a word.

package import Records
import Wire

/// A protocol that was taken back.
package struct AnalyzerRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var name = Text.absent
    var reason = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.analyzer
    package static let summary: StaticString =
        "A protocol that stood in `service` of a connection and was taken back: what followed was not its."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.enumeration("proto", id?.transport.name, "Transport of the connection.")
        row.text("analyzer_kind", "protocol", "What was taken back; always `protocol`.")
        row.text("analyzer_name", name, in: text, "Which, in capitals.", isKey: true)
        row.text(
            "failure_reason", reason, in: text,
            "What was wrong: the anomaly that was met last, or that the octets are no message of the protocol.")
    }
}

extension AnalyzerContext {
    /// A confirmed analyzer is let go.
    mutating func logViolation(of kind: AnalyzerKind) {
        var record = AnalyzerRecord()
        record.ts = now
        record.uid = uid
        record.id = id
        record.name = record.text.add(capitals: kind.serviceName)
        // What the delivery at work has met so far.
        let start = record.text.begin()
        record.text.append(weirds.last?.weird.name ?? "no message of this protocol")
        record.reason = record.text.end(start)
        output.emit(record)
    }
}
