// SPDX-License-Identifier: Apache-2.0
//
// Which DHCP messages share a row. A client without an address and a server
// that answers to everybody speak over different connections; the transaction
// id alone joins them.
//
// Reads   messages; the clock of all packets.
// Writes  one `DHCPRecord` per transaction.
// Leaves  what a message says (DHCP.swift).

import Records
import Wire

/// The open transactions of one worker.
///
/// Rows do not depend on the number of workers where every datagram that
/// `isShared` names goes to one worker, and all others of an address pair do.
package struct DHCPTable: Sendable {
    /// Looked at when the first message is so old, and again after `retry`.
    private static let patience = 10 * second
    private static let retry = 5 * second
    /// Silence that ends a transaction.
    private static let silenceMax = 5 * second
    private static let lifetimeMax = 30 * second
    /// Where a transaction has so many connections, messages or octets of text it is written at once.
    private static let uidsMax = 10
    private static let messagesMax = 50
    private static let textBytesMax = 8192

    private struct Key: Hashable {
        var transactionID: UInt32
        /// The address pair; the same two for all shared datagrams.
        var first: Address
        var other: Address
    }

    private struct Transaction {
        var key: Key
        var record = DHCPRecord()
        /// The ordinal of the first message's connection.
        var ordinal: UInt64
        /// Looked at from `patience` after this on.
        var since: Timestamp
    }

    private var places: [Key: Int] = [:]
    private var transactions: [Transaction] = []
    private var free: [Int] = []
    /// Places of open transactions, oldest first.
    private var open: [Int] = []
    /// The clock's first time; nil before.
    private var start: Timestamp?
    private var nextSweep = Timestamp.zero

    init() {}

    /// Whether datagrams of these UDP ports must all go to one worker: clients, servers and
    /// relays (67, 68) and boot servers (4011) share transactions over many address pairs.
    package static func isShared(_ port: UInt16, _ other: UInt16) -> Bool {
        port == 67 || port == 68 || other == 67 || other == 68 || port == 4011 || other == 4011
    }

    /// Moves the clock of all packets: transactions that are over are written. One comparison
    /// where nothing is due.
    mutating func advance(to now: Timestamp, _ output: inout RecordOutput) {
        guard now >= nextSweep else { return }
        // The first packet starts the clock; sweeps come at least ten seconds apart.
        if start == nil { start = now }
        nextSweep = now.adding(DHCPTable.patience)
        guard !open.isEmpty else { return }
        let ordinal = output.ordinal
        var kept = 0
        for position in open.indices {
            let place = open[position]
            if isOver(place, now) {
                write(place, &output)
            } else {
                open[kept] = place
                kept &+= 1
            }
        }
        open.removeLast(open.count - kept)
        output.ordinal = ordinal
    }

    /// Writes every open transaction: the input is over.
    mutating func finish(_ output: inout RecordOutput) {
        for place in open { write(place, &output) }
        open.removeAll(keepingCapacity: true)
    }

    /// Takes over a message. False where too many transactions are open for another.
    mutating func add(
        _ message: DHCPMessage, _ bytes: RawSpan, from direction: Direction, _ id: ConnectionID, _ uid: UID,
        at now: Timestamp, limit: Int, _ output: inout RecordOutput
    ) -> Bool {
        let key = DHCPTable.key(message.transactionID, id)
        guard let place = places[key] ?? begin(key, at: now, output.ordinal, limit: limit) else { return false }
        transactions[place].record.last = now
        transactions[place].record.add(message, bytes, from: direction, id, uid)
        if transactions[place].record.uids.count >= DHCPTable.uidsMax
            || transactions[place].record.types.count >= DHCPTable.messagesMax
            || transactions[place].record.text.bytes.count >= DHCPTable.textBytesMax
        {
            open.removeAll { $0 == place }
            let ordinal = output.ordinal
            write(place, &output)
            output.ordinal = ordinal
        }
        return true
    }

    private static func key(_ transactionID: UInt32, _ id: ConnectionID) -> Key {
        let none = Address(v4: 0)
        if isShared(id.originatorPort, id.responderPort) {
            return Key(transactionID: transactionID, first: none, other: none)
        }
        let isOrdered = id.originator < id.responder
        return Key(
            transactionID: transactionID, first: isOrdered ? id.originator : id.responder,
            other: isOrdered ? id.responder : id.originator)
    }

    private mutating func begin(_ key: Key, at now: Timestamp, _ ordinal: UInt64, limit: Int) -> Int? {
        guard open.count < limit else { return nil }
        let place: Int
        if let used = free.popLast() {
            place = used
            transactions[place].key = key
            transactions[place].ordinal = ordinal
            transactions[place].since = wholeSeconds(now)
        } else {
            place = transactions.count
            transactions.append(Transaction(key: key, ordinal: ordinal, since: wholeSeconds(now)))
        }
        transactions[place].record.begin(at: now)
        places[key] = place
        open.append(place)
        return place
    }

    private mutating func isOver(_ place: Int, _ now: Timestamp) -> Bool {
        guard transactions[place].since.adding(DHCPTable.patience) < now else { return false }
        if now.since(transactions[place].record.last) > DHCPTable.silenceMax
            || now.since(transactions[place].record.ts) > DHCPTable.lifetimeMax
        {
            return true
        }
        transactions[place].since = wholeSeconds(now.adding(DHCPTable.retry - DHCPTable.patience))
        return false
    }

    /// Writes a row and frees its place; the caller takes it out of `open`.
    private mutating func write(_ place: Int, _ output: inout RecordOutput) {
        if transactions[place].record.mac.isAbsent {
            transactions[place].record.mac = transactions[place].record.hardwareAddress
        }
        output.ordinal = transactions[place].ordinal
        output.emit(transactions[place].record)
        transactions[place].record.clear()
        places[transactions[place].key] = nil
        free.append(place)
    }

    /// Expiry counts whole seconds from the first packet on, as the field's sensors do.
    private func wholeSeconds(_ time: Timestamp) -> Timestamp {
        guard let start else { return time }
        let passed = time.since(start)
        return start.adding(passed &- passed % second)
    }
}
