// SPDX-License-Identifier: Apache-2.0
//
// What analyzers show to the signatures: transactions, and the named buffers
// of each at the moment it is parsed.
//
// Reads   octets, numbers and events that an analyzer exposes.
// Writes  a list of exposures with their octets in one arena, emptied after each delivery.
// Leaves  which rules look at them (Sensor, Signatures).

/// One thing that an analyzer has shown. Octets stand in the arena of the output.
package struct Exposure: Sendable, BitwiseCopyable {
    package enum Kind: UInt8, Sendable, BitwiseCopyable {
        /// A transaction began; `number` is its `AppProtocol`.
        case begin
        /// One whole instance of a buffer.
        case octets
        /// The next octets of a buffer that arrives in parts (bodies, files).
        case part
        /// The last of the parts; it may be empty.
        case lastPart
        /// `number` is the value of an integer keyword.
        case number
        /// `number` indexes `events`.
        case event
        /// The side is complete.
        case done
    }

    package var transaction: UInt64
    package var number: UInt64 = 0
    package var offset: UInt32 = 0
    package var count: UInt32 = 0
    /// Tells the instances of a buffer in parts from each other, such as the files of a mail.
    package var instance: UInt64 = 0
    package var buffer = SignatureBuffer.payload
    package var kind: Kind
    /// A part of a body, and of `file.data` as well.
    package var isFile = false
    package var direction: Direction
}

/// The exposures of the delivery at work. One a worker; without rules every
/// call is one test of a bit, and nothing is kept.
package struct TransactionOutput: Sendable {
    /// Buffers that a loaded rule looks at.
    package var wanted = SignatureBufferSet()
    /// Some loaded rule works on transactions at all.
    package var wantsTransactions = false
    /// Some loaded rule, or EVE's `anomaly`, looks at events of applications.
    package var wantsEvents = false
    /// Number of the next transaction of the connection at work; the worker keeps it for the connection.
    package var nextTransaction: UInt64 = 0
    /// Transactions that the connection at work has begun, those too that their reader numbers itself.
    package private(set) var begun: UInt64 = 0
    /// The transaction of each side that files and alerts of the delivery at work belong to.
    package var current: (originator: UInt64, responder: UInt64) = (0, 0)
    package private(set) var exposures: [Exposure] = []
    /// The octets of `exposures`.
    package private(set) var text = TextBuffer()
    package private(set) var events: [StaticString] = []
    /// Exposures that found no room.
    package private(set) var dropped: UInt64 = 0

    /// Octets of one delivery's exposures; a delivery is at most a datagram or a held block, and a body is
    /// shown once decoded.
    package static let bytesMax = 8 << 20
    package static let exposuresMax = 65_536
    /// Octets that an emptied arena keeps.
    private static let keptBytesMax = 1 << 20

    package init() {}

    package var isEmpty: Bool { exposures.isEmpty }

    /// Goes on with a connection that has begun so many transactions, and is at work at these.
    package mutating func resume(
        at count: UInt64, begun: UInt64 = 0, current: (originator: UInt64, responder: UInt64)
    ) {
        nextTransaction = count
        self.begun = begun
        self.current = current
    }

    package mutating func clear() {
        exposures.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
        text.bytes.removeAll(keepingCapacity: text.bytes.capacity <= TransactionOutput.keptBytesMax)
    }

    package mutating func begin(_ proto: AppProtocol) -> UInt64 {
        let transaction = nextTransaction
        nextTransaction &+= 1
        begin(proto, transaction)
        return transaction
    }

    /// Shows a transaction that its reader has numbered itself.
    package mutating func begin(_ proto: AppProtocol, _ transaction: UInt64) {
        current = (transaction, transaction)
        begun = max(begun, transaction &+ 1)
        guard wantsTransactions else { return }
        let number = UInt64(proto.rawValue)
        add(Exposure(transaction: transaction, number: number, kind: .begin, direction: .originator))
    }

    package mutating func expose(
        _ buffer: SignatureBuffer, _ octets: RawSpan, _ kind: Exposure.Kind, transaction: UInt64,
        instance: UInt64, from direction: Direction, isFile: Bool = false
    ) {
        guard octets.byteCount <= TransactionOutput.bytesMax &- text.bytes.count else {
            dropped &+= 1
            return
        }
        let place = text.add(octets, limit: TransactionOutput.bytesMax)
        add(
            Exposure(
                transaction: transaction, offset: place.offset, count: place.count, instance: instance,
                buffer: buffer, kind: kind, isFile: isFile, direction: direction))
    }

    package mutating func expose(
        _ buffer: SignatureBuffer, number: UInt64, transaction: UInt64, from direction: Direction
    ) {
        add(Exposure(transaction: transaction, number: number, buffer: buffer, kind: .number, direction: direction))
    }

    package mutating func event(_ name: StaticString, transaction: UInt64, from direction: Direction) {
        guard wantsEvents else { return }
        let index = UInt64(events.count)
        events.append(name)
        add(Exposure(transaction: transaction, number: index, kind: .event, direction: direction))
    }

    package mutating func done(transaction: UInt64, from direction: Direction) {
        guard wantsTransactions else { return }
        add(Exposure(transaction: transaction, kind: .done, direction: direction))
    }

    private mutating func add(_ exposure: Exposure) {
        guard exposures.count < TransactionOutput.exposuresMax else {
            dropped &+= 1
            return
        }
        exposures.append(exposure)
    }
}
