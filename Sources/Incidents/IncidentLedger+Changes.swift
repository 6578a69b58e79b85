// SPDX-License-Identifier: Apache-2.0
//
// What people do with incidents: take, judge, contain, close. Each act is an event with who, when and why.
//
// Reads   the state of an incident.
// Writes  the act as an event, and the incident as it is after it, in one transaction.
// Leaves  what weir does by itself (IncidentLedger+Correlation.swift).

import GRDB
import JSON
package import Records

/// What somebody does with an incident.
package enum IncidentAct: Sendable, Equatable {
    /// Puts it on somebody's desk.
    case take(owner: String)
    case note
    case verdict(IncidentVerdict, isFoundOutside: Bool)
    /// Hands it to somebody else, a team or a provider.
    case escalate(to: String)
    case contain
    case close
    case reopen
    /// The first malicious act was earlier than the evidence says.
    case began
}

extension IncidentLedger {
    /// Does something with an incident, in the name of `who`, for the reason `why`. `time` is when it was done: now
    /// where it is nil. `json` is an object with facts for an event's `what` (notes only).
    ///
    /// Throws `.unknown`, `.state` where the incident's state does not allow it, `.value` where a reason is missing.
    @discardableResult
    package func act(
        _ act: IncidentAct, on number: Int64, who: String, why: String, at time: Timestamp? = nil, json: String? = nil
    ) throws(IncidentError) -> IncidentView {
        let now = IncidentLedger.now
        let time = time ?? now
        if case .began = act {
        } else if time > now {
            throw IncidentError(
                .value, "the time is in the future", advice: "leave --at out, or give an earlier time")
        }
        if why.isEmpty, act.needsReason {
            throw IncidentError(.value, "a reason is missing", advice: "say why, with --why TEXT")
        }
        try write { database in
            let state = try IncidentLedger.state(number, database)
            try act.check(state, number, try IncidentLedger.target(number, database))
            let draft = try apply(act, number, state, who, why, time, json, database)
            try draft.insert(database, now)
        }
        return try view(number)
    }

    /// Joins incidents that are one.
    package func merge(
        _ others: [Int64], into target: Int64, who: String, why: String
    ) throws(IncidentError) -> IncidentView {
        let now = IncidentLedger.now
        if why.isEmpty { throw IncidentError(.value, "a reason is missing", advice: "say why, with --why TEXT") }
        try write { database in
            guard try IncidentLedger.state(target, database) != .merged else {
                throw IncidentError(
                    .state, "incident \(target) is part of another one itself", advice: "merge into that one")
            }
            for other in others {
                guard other != target, try IncidentLedger.state(other, database) != .merged else {
                    throw IncidentError(
                        .state, "incident \(other) cannot go into \(target)",
                        advice: "name others that are not merged yet")
                }
                try Correlation.merge(database, other, into: target, who: who, why: why, now: now)
            }
            try weighAfterMerge(target, database, now)
        }
        return try view(target)
    }

    private static func target(_ number: Int64, _ database: Database) throws -> Int64? {
        try Int64.fetchOne(database, sql: "SELECT merged_into FROM incidents WHERE id = ?", arguments: [number])
    }

    /// Changes the incident's row; answers the event to write.
    private func apply(
        _ act: IncidentAct, _ number: Int64, _ state: IncidentState, _ who: String, _ why: String, _ time: Timestamp,
        _ json: String?, _ database: Database
    ) throws -> EventDraft {
        let at = time.nanoseconds
        func set(_ columns: String, _ arguments: StatementArguments) throws {
            try database.execute(
                sql: "UPDATE incidents SET \(columns) WHERE id = ?", arguments: arguments + [number])
        }
        func event(_ kind: IncidentEvent.Kind, _ what: (inout JSONWriter) -> Void) -> EventDraft {
            EventDraft(incident: number, who: who, kind: kind, why: why, what)
        }
        switch act {
        case .take(let owner):
            // The first who takes it has acknowledged it; who comes after has not.
            let next = state == .contained ? state : .taken
            try set(
                "owner = ?, state = ?, t2 = coalesce(t2, ?), t3 = coalesce(t3, ?)", [owner, next.rawValue, at, at])
            return event(.taken) {
                $0.member("owner", owner); $0.member("t3", at)
            }
        case .note:
            return EventDraft(incident: number, who: who, kind: .note, why: why, json: Array((json ?? "{}").utf8))
        case .verdict(let verdict, let isFoundOutside):
            try set(
                "verdict = ?, t3 = coalesce(t3, ?), t4 = ?, found_outside = max(found_outside, ?)",
                [verdict.rawValue, at, at, isFoundOutside])
            return event(.verdict) {
                $0.member("verdict", verdict.rawValue)
                $0.member("found_outside", isFoundOutside)
                $0.member("t4", at)
            }
        case .escalate(let target):
            try set("t5 = coalesce(t5, ?)", [at])
            return event(.escalated) {
                $0.member("to", target); $0.member("t5", at)
            }
        case .contain:
            try set("state = 'contained', t3 = coalesce(t3, ?), t6 = ?", [at, at])
            return event(.contained) { $0.member("t6", at) }
        case .close:
            try set("state = 'closed', t7 = ?", [at])
            return event(.closed) { $0.member("t7", at) }
        case .reopen:
            try set("state = CASE WHEN owner IS NULL THEN 'new' ELSE 'taken' END, t7 = NULL", [])
            return event(.reopened) { $0.member("from", state.rawValue) }
        case .began:
            let known = try Int64.fetchOne(
                database, sql: "SELECT t0 FROM incidents WHERE id = ?", arguments: [number])
            guard at < known ?? .max else {
                throw IncidentError(
                    .value, "the evidence shows something as early as that already", advice: "give an earlier time")
            }
            try set("t0 = ?", [at])
            return event(.began) {
                if let known { $0.member("from", known) }
                $0.member("t0", at)
            }
        }
    }
}

extension IncidentAct {
    /// Acts that somebody will ask about later.
    fileprivate var needsReason: Bool {
        switch self {
        case .take, .escalate: false
        default: true
        }
    }

    fileprivate func check(_ state: IncidentState, _ number: Int64, _ target: Int64?) throws(IncidentError) {
        if state == .merged {
            throw IncidentError(
                .state, "incident \(number) went on as part of incident \(target ?? 0)", advice: "do it there")
        }
        switch self {
        case .note, .began, .verdict: return
        case .reopen:
            guard state == .closed || state == .contained else {
                throw IncidentError(
                    .state, "incident \(number) is open (\(state.rawValue))", advice: "there is nothing to reopen")
            }
        case .take, .escalate, .contain, .close:
            guard state != .closed else {
                throw IncidentError(
                    .state, "incident \(number) is closed", advice: "`weir incidents reopen \(number)` first")
            }
        }
    }
}
