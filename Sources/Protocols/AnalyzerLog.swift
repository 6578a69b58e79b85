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
    var data = Text.absent
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
        row.text("failure_data", data, in: text, "First octets of what came when that was found, 40 at most.")
    }
}

extension AnalyzerContext {
    /// Octets of `failure_data` (Zeek's `Analyzer::Logging::failure_data_max_size`).
    private static let failureBytesMax = 40

    /// A confirmed analyzer is let go. The row is written when the delivery at work is done with.
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
        violations.append(record)
    }

    /// Writes the rows of analyzers that were let go at a delivery; `bytes` is empty for what has no octets.
    mutating func writeViolations(_ bytes: RawSpan) {
        for var record in violations {
            let count = min(bytes.byteCount, AnalyzerContext.failureBytesMax)
            if count > 0 { record.data = record.text.add(bytes.extracting(0..<count)) }
            output.emit(record)
        }
        violations.removeAll(keepingCapacity: true)
    }
}
