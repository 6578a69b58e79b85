// SPDX-License-Identifier: Apache-2.0
//
// What an analyzer shows to the signatures, and to EVE's transaction numbers.
//
// Reads   the buffers of the message at work.
// Writes  exposures (Records/TransactionOutput.swift).
// Leaves  matching (Sensor, Signatures).

import Records

extension AnalyzerContext {
    /// Whether a loaded rule looks at the buffer: ask before building one. One bit.
    @inline(__always)
    func wants(_ buffer: SignatureBuffer) -> Bool { transactions.wanted.contains(buffer) }

    /// Whether a loaded rule works on transactions at all.
    @inline(__always)
    var wantsTransactions: Bool { transactions.wantsTransactions }

    /// A message and its answer begin: numbered from 0 on the connection. Always called, since the
    /// number is also EVE's `tx_id`.
    mutating func beginTransaction(_ proto: AppProtocol) -> UInt64 { transactions.begin(proto) }

    /// The same for a reader that numbers its transactions itself.
    mutating func showTransaction(_ proto: AppProtocol, _ transaction: UInt64, from direction: Direction) {
        transactions.begin(proto, transaction)
    }

    /// Files that follow in this direction belong to this transaction.
    mutating func enterTransaction(_ transaction: UInt64, from direction: Direction) {
        if direction == .originator {
            transactions.current.originator = transaction
        } else {
            transactions.current.responder = transaction
        }
    }

    /// The transaction that a file of this direction belongs to.
    func currentTransaction(from direction: Direction) -> UInt64 {
        direction == .originator ? transactions.current.originator : transactions.current.responder
    }

    /// One whole instance of a buffer; again for each further instance. `direction` is the side that sent it.
    mutating func expose(
        _ buffer: SignatureBuffer, _ octets: RawSpan, tx transaction: UInt64, from direction: Direction
    ) {
        guard wants(buffer) else { return }
        transactions.expose(buffer, octets, .octets, transaction: transaction, instance: 0, from: direction)
    }

    /// The next octets of a buffer that arrives in parts (bodies, files), decoded. `instance` tells several
    /// of one transaction apart; the last part may be empty.
    mutating func exposePart(
        _ buffer: SignatureBuffer, _ octets: RawSpan, tx transaction: UInt64, from direction: Direction,
        instance: UInt64 = 0, isLast: Bool = false
    ) {
        guard wants(buffer), isLast || octets.byteCount > 0 else { return }
        transactions.expose(
            buffer, octets, isLast ? .lastPart : .part, transaction: transaction, instance: instance, from: direction)
    }

    /// The next octets of a body that is a file as well (`file.data`), decoded.
    mutating func exposeBody(
        _ buffer: SignatureBuffer, _ octets: RawSpan, tx transaction: UInt64, from direction: Direction,
        isLast: Bool = false
    ) {
        let isFile = wants(.fileData)
        guard wants(buffer) || isFile, isLast || octets.byteCount > 0 else { return }
        transactions.expose(
            wants(buffer) ? buffer : .fileData, octets, isLast ? .lastPart : .part, transaction: transaction,
            instance: 0, from: direction, isFile: isFile)
    }

    /// The value of an integer keyword.
    mutating func exposeNumber(
        _ buffer: SignatureBuffer, _ value: UInt64, tx transaction: UInt64, from direction: Direction
    ) {
        guard wants(buffer) else { return }
        transactions.expose(buffer, number: value, transaction: transaction, from: direction)
    }

    /// An event of the protocol for `app-layer-event` and EVE's `anomaly`, named as the rule
    /// language names it: `http.invalid_request_chunk_len`.
    mutating func transactionEvent(_ name: StaticString, tx transaction: UInt64, from direction: Direction) {
        transactions.event(name, transaction: transaction, from: direction)
    }

    /// An event of octets that are no message: a transaction by itself.
    mutating func lostMessage(_ proto: AppProtocol, _ name: StaticString, from direction: Direction) {
        guard wantsTransactions || wantsEvents else { return }
        let transaction = beginTransaction(proto)
        transactionEvent(name, tx: transaction, from: direction)
        for side in [Direction.originator, .responder] { transactionDone(tx: transaction, from: side) }
    }

    /// The side has sent all of its part: what a rule still waits for will not come.
    mutating func transactionDone(tx transaction: UInt64, from direction: Direction) {
        transactions.done(transaction: transaction, from: direction)
    }
}
