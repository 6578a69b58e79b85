// SPDX-License-Identifier: Apache-2.0
//
// Where a worker's records go: one batch for each log, and the key of order
// that every row gets.

/// The batches of one worker. Trivial to append to; emptied by the collector.
@frozen @usableFromInline package struct RecordOutput: Sendable {
    @usableFromInline package var batches: [RowBatch]
    /// `packet number << 1 | phase`: phase 0 is timers before the packet, 1 the packet itself.
    @usableFromInline package var order: UInt64 = 0
    /// Ordinal of the connection at work; 0 where there is none.
    @usableFromInline package var ordinal: UInt64 = 0

    /// `schemas` in the order of `LogID`.
    package init(schemas: [LogSchema]) {
        batches = schemas.map { RowBatch($0) }
        for (index, schema) in schemas.enumerated() {
            precondition(Int(schema.log.rawValue) == index, "schemas stand in the order of LogID")
        }
    }

    @inlinable package mutating func emit<Record: LogRecord>(_ record: borrowing Record) {
        batches[Int(Record.log.rawValue)].append(record, order: order, ordinal: ordinal)
    }

    /// Whether no batch has a row.
    package var isEmpty: Bool { batches.allSatisfy(\.isEmpty) }

    /// Octets held in all batches.
    @inlinable package var byteCount: Int {
        var sum = 0
        for index in batches.indices { sum &+= batches[index].byteCount }
        return sum
    }
}
