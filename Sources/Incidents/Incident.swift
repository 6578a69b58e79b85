// SPDX-License-Identifier: Apache-2.0
//
// The words of incidents: states, severities, verdicts, times, events.
//
// Reads   nothing.
// Writes  nothing.
// Leaves  how they change (IncidentLedger+Changes.swift).

package import Records

/// Where an incident is on its way.
package enum IncidentState: String, Sendable, CaseIterable {
    /// Alerts belong together, but do not call for a person yet.
    case watched
    /// In the queue.
    case new
    /// Somebody works on it.
    case taken
    /// What the attacker has reached is cut off.
    case contained
    case closed
    /// It went on as part of another one.
    case merged

    /// Whether somebody has to do something about it.
    package var isOpen: Bool { self == .new || self == .taken || self == .contained }
}

/// How urgent it is; the raw value is that of an alert's severity.
package enum IncidentSeverity: Int, Sendable, CaseIterable, Comparable {
    case critical = 1
    case high
    case medium
    case low

    package var name: String { "\(self)" }

    /// The less urgent one is the smaller.
    package static func < (left: IncidentSeverity, right: IncidentSeverity) -> Bool { left.rawValue > right.rawValue }
}

/// What it was, in the end.
package enum IncidentVerdict: String, Sendable, CaseIterable {
    case truePositive = "true-positive"
    /// The rule was right, and the act allowed, such as a test.
    case benign = "benign-true-positive"
    case falsePositive = "false-positive"
}

/// The times by which work on incidents is measured. Of the first two the clock is that of the packets.
package struct IncidentTimes: Sendable, Equatable {
    /// t0: the first malicious act that is known.
    package var began: Timestamp?
    /// t1: the first alert.
    package var alerted: Timestamp?
    /// t2: it came into the queue.
    package var raised: Timestamp?
    /// t3: somebody took it.
    package var taken: Timestamp?
    /// t4: a verdict was given.
    package var judged: Timestamp?
    /// t5: it was handed to somebody else.
    package var escalated: Timestamp?
    /// t6: it was contained.
    package var contained: Timestamp?
    /// t7: it was closed.
    package var closed: Timestamp?

    package init() {}

    /// In order, by the names of the columns.
    package var all: [(name: String, time: Timestamp?)] {
        [
            ("t0", began), ("t1", alerted), ("t2", raised), ("t3", taken), ("t4", judged), ("t5", escalated),
            ("t6", contained), ("t7", closed),
        ]
    }
}

/// Something that happened to an incident. Never changed, never removed.
package struct IncidentEvent: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// It came into the queue.
        case raised
        /// Alerts joined it.
        case alerts
        /// Its severity changed.
        case severity
        case taken
        case note
        case verdict
        case escalated
        case contained
        case closed
        case reopened
        /// It took in another one.
        case absorbed
        /// It went into another one.
        case merged
        /// The time of the first malicious act was moved back.
        case began
    }

    /// Grows with every event of every incident: the cursor of those who follow.
    package var id: Int64
    package var incident: Int64
    /// When, by the system's clock.
    package var time: Timestamp
    /// Who: a user, or `weir`.
    package var who: String
    package var kind: Kind
    /// Why, in words; may be empty.
    package var why: String
    /// What, as a JSON object.
    package var what: String
}

/// Somebody or something that an incident is about.
package struct IncidentEntity: Sendable, Hashable {
    package enum Role: String, Sendable {
        /// A host of ours, or whoever was attacked.
        case target
        /// Who attacked it from outside.
        case attacker
        /// Whom our hosts went to.
        case destination
        /// Users, principals, names, files.
        case involved
    }
    /// host, user, principal, domain, file, record.
    package var kind: String
    package var value: String
    package var role: Role
    package var first: Timestamp
    package var last: Timestamp
    package var alertCount: Int
}

/// What can go wrong with incidents, said to an operator in one line: what, and what to do.
package struct IncidentError: Error, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// There is no incident of that number.
        case unknown
        /// The state does not allow it.
        case state
        /// A value is not understood.
        case value
        /// The store or its catalogue.
        case store
        /// A playbook.
        case playbook
    }
    package var code: Code
    package var reason: String
    package var advice: String

    package init(_ code: Code, _ reason: String, advice: String) {
        (self.code, self.reason, self.advice) = (code, reason, advice)
    }

    package var description: String { "\(reason); \(advice)" }
    package static func == (left: IncidentError, right: IncidentError) -> Bool { left.code == right.code }
}
