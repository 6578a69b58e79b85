// SPDX-License-Identifier: Apache-2.0
//
// One incident as a value: everything that a page, or a receiver, needs of it.
//
// Reads   nothing.
// Writes  nothing.
// Leaves  making it (IncidentLedger+View.swift), its forms (IncidentPage.swift).

package import Records

/// One incident with its alerts, entities and events. All of it comes out of the tables of incidents, so that it is
/// whole even when the store's records are gone; `context` is what the store still knows around it.
package struct IncidentView: Sendable {
    /// As people call it: `12`.
    package var number: Int64
    /// The same on every machine that reads this catalogue, and never that of another incident.
    package var uid: String
    /// The number of its newest event: grows with every change.
    package var revision: Int64
    package var state: IncidentState
    package var severity: IncidentSeverity
    /// How much speaks for it, 0 to 100.
    package var score: Double
    package var title: String
    /// What happened, in one sentence.
    package var sentence: String
    package var owner: String?
    package var verdict: IncidentVerdict?
    package var mergedInto: Int64?
    /// Whether somebody else noticed it first.
    package var isFoundOutside: Bool
    package var times: IncidentTimes
    /// From the first sign to the last, by the packets' clock.
    package var first: Timestamp
    package var last: Timestamp
    /// Alerts in all; `alerts` has the first of them up to a bound.
    package var alertCount: Int
    /// In order of their first sign.
    package var stages: [IncidentStage] = []
    package var entities: [IncidentEntity] = []
    /// In order of time.
    package var alerts: [IncidentAlert] = []
    /// In order.
    package var events: [IncidentEvent] = []
    /// What the store knows around it; nil where it was not asked.
    package var context: IncidentContext?

    /// ATT&CK techniques, without doubles, in order of first sight.
    package var techniques: [String] {
        var seen: Set<String> = []
        return alerts.flatMap(\.techniques).filter { seen.insert($0).inserted }
    }

    /// Identities of the connections of its alerts, without doubles, in order.
    package var connectionUIDs: [String] {
        var seen: Set<String> = []
        return alerts.compactMap(\.uid).filter { seen.insert($0).inserted }
    }
}

/// One stage of an incident.
package struct IncidentStage: Sendable, Equatable {
    package var stage: Stage
    package var first: Timestamp
    package var last: Timestamp
    /// Alerts, folded ones counted singly.
    package var alertCount: Int
    /// Titles of its rules, the weightiest first.
    package var titles: [String]
}

/// One alert of an incident, as the store's `alert` table had it.
package struct IncidentAlert: Sendable, Equatable {
    package var time: Timestamp
    package var first: Timestamp
    package var last: Timestamp
    /// signature, hunt, sigma, indicator, sensor.
    package var source: String
    package var rule: String
    package var title: String
    /// 1 is the most urgent, 4 the least.
    package var severity: Int
    /// 0 to 1.
    package var confidence: Double
    package var stage: Stage
    package var techniques: [String] = []
    /// Identity of the connection.
    package var uid: String?
    package var originator: String?
    package var originatorPort: Int?
    package var responder: String?
    package var responderPort: Int?
    package var isFromOriginator = true
    package var application: String?
    package var buffer: String?
    /// The octets that the rule found, 32 at most.
    package var matched: [UInt8] = []
    package var count = 1
    /// `host:10.0.0.5`, `user:alice`, `principal:…`, `domain:…`, `file:…`, `record:…`.
    package var entities: [String] = []
    /// A JSON object.
    package var evidence: String?
}

/// What the store knows around an incident.
package struct IncidentContext: Sendable {
    package var connections: [IncidentConnection] = []
    /// How many connections these are, and those beyond the list's bound.
    package var connectionCount = 0
    package var names: [IncidentName] = []
    package var files: [IncidentFile] = []
    package var cloudCalls: [IncidentCloudCall] = []
    /// How new and how common the destinations are.
    package var prevalence: [IncidentPrevalence] = []
    package var steps: [IncidentStep] = []
    /// What could not be asked, a line each.
    package var gaps: [String] = []
}

/// The connections between two hosts on one port, while the incident went on.
package struct IncidentConnection: Sendable, Equatable {
    /// Identity of the first of them.
    package var uid: String
    package var originator: String
    package var responder: String
    package var responderPort: Int
    package var proto: String
    package var service: String
    package var count: Int
    package var first: Timestamp
    package var last: Timestamp
    package var sentBytes: Int64
    package var receivedBytes: Int64
}

/// A name that the incident's hosts used with its destinations: a DNS query, a Host header, a server name of TLS.
package struct IncidentName: Sendable, Equatable {
    package var name: String
    /// dns, http or ssl.
    package var source: String
    package var host: String
    package var count: Int
    package var first: Timestamp
}

package struct IncidentFile: Sendable, Equatable {
    package var fuid: String
    package var uid: String
    package var time: Timestamp
    package var name: String?
    package var mimeType: String?
    package var byteCount: Int64
    package var sha256: String?
    package var source: String
}

package struct IncidentCloudCall: Sendable, Equatable {
    package var time: Timestamp
    package var principal: String
    package var call: String
    package var address: String
    package var outcome: String
    package var record: String
}

package struct IncidentPrevalence: Sendable, Equatable {
    package var kind: String
    package var value: String
    /// First and last time in the whole store.
    package var first: Timestamp
    package var last: Timestamp
    /// Hosts that had to do with it, of all hosts that are known.
    package var hostCount: Int
    package var allHostCount: Int
}

/// What to do next, out of a playbook.
package struct IncidentStep: Sendable, Equatable {
    package var playbook: String
    package var title: String
    /// Why, and what to look for.
    package var text: String
    /// A question for `weir query`, filled in; nil where the step has none.
    package var query: String?
    /// A command line, filled in.
    package var command: String?
}
