// SPDX-License-Identifier: Apache-2.0
//
// Events of EVE that wait for the rest of their transaction.
//
// Reads   members of messages that belong together.
// Writes  events when the transaction is complete, or the connection is over.
// Leaves  which messages belong together (each protocol).

import Records

/// The unfinished events of one connection.
struct EventDrafts {
    /// Events that wait on one connection; the oldest is written to make room.
    static let draftsMax = 256
    /// Octets of one event; messages beyond are left out.
    static let draftBytesMax = 1 << 20
    /// Octets of all of them; the oldest are written to make room.
    static let bytesMax = 4 << 20

    private struct Draft {
        var transaction: UInt64
        var from: Direction
        var body: EVEBuilder
    }

    private var drafts: [Draft] = []
    private var byteCount = 0

    var isEmpty: Bool { drafts.isEmpty }

    mutating func clear() {
        drafts.removeAll(keepingCapacity: true)
        byteCount = 0
    }

    /// Adds members to a transaction's event, which begins with the first.
    mutating func add(
        _ transaction: UInt64, from direction: Direction, type: StaticString, _ context: inout AnalyzerContext,
        members: (inout EVEBuilder) -> Void
    ) {
        if let place = drafts.firstIndex(where: { $0.transaction == transaction }) {
            let before = drafts[place].body.buffer.bytes.count
            guard before < EventDrafts.draftBytesMax else { return context.limits.met(.drafts) }
            members(&drafts[place].body)
            byteCount &+= drafts[place].body.buffer.bytes.count &- before
        } else {
            if drafts.count >= EventDrafts.draftsMax { writeUnfinished(type, &context) }
            var draft = Draft(transaction: transaction, from: direction, body: EVEBuilder())
            members(&draft.body)
            byteCount &+= draft.body.buffer.bytes.count
            drafts.append(draft)
        }
        while byteCount > EventDrafts.bytesMax, drafts.count > 1 { writeUnfinished(type, &context) }
    }

    /// The oldest makes room.
    private mutating func writeUnfinished(_ type: StaticString, _ context: inout AnalyzerContext) {
        context.limits.met(.drafts)
        write(at: 0, type, &context)
    }

    /// Writes the members of a transaction that is still open.
    func write(_ transaction: UInt64, _ type: StaticString, to event: inout EVEBuilder) {
        guard let draft = drafts.first(where: { $0.transaction == transaction }) else { return }
        event.open(type)
        event.members(draft.body.buffer.bytes[...])
        event.close()
    }

    /// The transaction is complete.
    mutating func end(_ transaction: UInt64, _ type: StaticString, _ context: inout AnalyzerContext) {
        guard let place = drafts.firstIndex(where: { $0.transaction == transaction }) else { return }
        write(at: place, type, &context)
    }

    /// The connection is over.
    mutating func endAll(_ type: StaticString, _ context: inout AnalyzerContext) {
        while !drafts.isEmpty { write(at: 0, type, &context) }
    }

    private mutating func write(at place: Int, _ type: StaticString, _ context: inout AnalyzerContext) {
        let draft = drafts.remove(at: place)
        byteCount &-= draft.body.buffer.bytes.count
        context.beginEvent(type, from: draft.from, tx: draft.transaction)
        context.event.open(type)
        context.event.members(draft.body.buffer.bytes[...])
        context.event.close()
        context.endEvent()
    }
}
