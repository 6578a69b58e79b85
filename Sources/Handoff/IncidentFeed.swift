// SPDX-License-Identifier: Apache-2.0
//
// Where deliveries come from: the events of incidents, in order.

/// One event, with the incident that it is of.
package struct FeedEvent: Sendable {
    package var event: HandoffEvent
    /// The incident's number in the store.
    package var incident: Int64
    /// Whether it ends the incident.
    package var isClosing: Bool
    /// Made by the sensor as alerts come in; of several in a row the last says all.
    package var isAutomatic: Bool

    package init(_ event: HandoffEvent, of incident: Int64, isClosing: Bool = false, isAutomatic: Bool = false) {
        self.event = event
        self.incident = incident
        self.isClosing = isClosing
        self.isAutomatic = isAutomatic
    }
}

/// The incidents of a store, as the hand-off needs them.
package protocol IncidentFeed: Sendable {
    /// Joins alerts that have come since into incidents.
    func refresh() throws(HandoffError)
    /// Events behind `number`, in order, at most `limit`; those that the hand-off made itself are among them.
    func events(after number: Int64, limit: Int) throws(HandoffError) -> [FeedEvent]
    /// An incident as it stands; nil where there is none of that number.
    func incident(_ number: Int64) throws(HandoffError) -> HandoffIncident?
    /// The number of the newest event; 0 where there is none.
    func newest() throws(HandoffError) -> Int64
    /// Writes a line into the incident's own history.
    func note(_ incident: Int64, _ text: String) throws(HandoffError)
}

/// The author of events that the hand-off makes; they are not handed on.
package let handoffAuthor = "handoff"

extension Outbox {
    /// Events that are looked at in one transaction.
    static let batchMax = 256

    /// Puts what has happened since the last time into the outbox of one connector.
    ///
    /// A full outbox takes nothing more; the events stay where they are until there is room.
    /// - Returns: whether there may be more.
    func pump(_ settings: ConnectorSettings, from feed: any IncidentFeed, now: Int64) throws(HandoffError) -> Bool {
        let name = settings.name
        var position = try position(name) ?? 0
        if try self.position(name) == nil {
            if settings.startsNow { position = try feed.newest() }
            try fill(name, [], position: position, now: now)
        }
        let room = settings.queueMax - (try openCount(name))
        guard room > 0 else { return false }
        let limit = min(Outbox.batchMax, room)
        let events = try feed.events(after: position, limit: limit)
        guard let last = events.last else { return false }
        var incidents: [Int64: HandoffIncident?] = [:]
        var known: Set<String> = []
        var deliveries: [NewDelivery] = []
        for event in Outbox.folded(events) where event.event.who != handoffAuthor {
            if incidents[event.incident] == nil { incidents[event.incident] = .some(try feed.incident(event.incident)) }
            guard let found = incidents[event.incident], let incident = found else { continue }
            var isKnown = known.contains(incident.id)
            if !isKnown { isKnown = try knows(name, incident.id) }
            guard isKnown || settings.wants(incident) else { continue }
            let kind: HandoffKind = !isKnown ? .created : event.isClosing ? .closed : .updated
            known.insert(incident.id)
            guard settings.kinds.contains(kind) else { continue }
            deliveries.append(NewDelivery(incident: incident, event: event.event, kind: kind))
        }
        try fill(name, deliveries, position: last.event.number, now: now)
        return events.count == limit
    }

    /// Of automatic events of one incident that follow each other only the last.
    private static func folded(_ events: [FeedEvent]) -> [FeedEvent] {
        var kept: [FeedEvent?] = []
        var open: [Int64: Int] = [:]
        for event in events {
            if event.isAutomatic, let place = open[event.incident] { kept[place] = nil }
            open[event.incident] = event.isAutomatic ? kept.count : nil
            kept.append(event)
        }
        return kept.compactMap { $0 }
    }
}
