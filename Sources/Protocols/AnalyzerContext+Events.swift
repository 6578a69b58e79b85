// SPDX-License-Identifier: Apache-2.0
//
// How analyzers write events of EVE.
//
// Reads   `wantsEvents`: without `--log-format eve` an analyzer does nothing of this.
// Writes  rows of `LogID.eve`.
// Leaves  the fields common to all events (Logs/EVEForm.swift).

package import Records

extension AnalyzerContext {
    /// Opens an event of a type; its members are written to `event` next, and `endEvent` ends it. Between
    /// the two no other event may begin, so nothing is to be called that may write one.
    ///
    /// - Parameters:
    ///   - direction: whom the event names as its source.
    ///   - transaction: the number of the transaction on its connection, from 0.
    ///   - application: the application protocol, where its name is not the event's.
    package mutating func beginEvent(
        _ type: StaticString, from direction: Direction, tx transaction: UInt64? = nil,
        application: StaticString? = nil
    ) {
        eventRecord.type = type
        eventRecord.isReversed = direction == .responder
        eventRecord.transaction = transaction
        eventRecord.appProtocol = application ?? type
        event.clear()
    }

    /// Who sends the packet at which an event of a message of `direction` is written: over TCP the one that
    /// acknowledges it. Suricata gives the ends of that packet to some events.
    package func sender(ofEventAbout direction: Direction) -> Direction {
        id.transport == .tcp ? direction.opposite : direction
    }

    /// Writes the event that was begun last. Over TCP it waits: Suricata looks at data when the other end
    /// has acknowledged it, and its events bear the number and the time of that packet.
    package mutating func endEvent() {
        guard wantsEvents else { return }
        // TCP that was picked up in the middle has no events, unless the settings say otherwise.
        if isPartial, id.transport == .tcp, !settings.takesMidstream { return }
        eventRecord.ts = now
        eventRecord.uid = uid
        eventRecord.id = id
        eventRecord.packet = packet
        eventRecord.icmp = nil
        eventRecord.parent = describer?.announcedBy
        swap(&eventRecord.body, &event)
        lastEventApplication = eventRecord.appProtocol
        if id.transport == .tcp, packet.number != 0 {
            heldEvents.append(eventRecord)
        } else {
            output.emit(eventRecord)
        }
        swap(&eventRecord.body, &event)
    }
}
