// SPDX-License-Identifier: Apache-2.0
//
// What people do with incidents: every act is an event, nothing is overwritten, times are kept.

import Foundation
import GRDB
import Records
import Store
import Testing

@testable import Incidents

@Suite("acts on incidents") struct IncidentChangeTests {
    private func raised() throws -> (IncidentStore, Int64) {
        let store = try IncidentStore()
        return (store, try #require(try store.ledger.correlate(breakIn).raised.first))
    }

    @Test func `an incident goes its way, and every step is kept`() throws {
        let (store, number) = try raised()
        let ledger = store.ledger
        try ledger.act(.take(owner: "alice"), on: number, who: "alice", why: "")
        try ledger.act(.note, on: number, who: "bob", why: "seen before", json: "{\"ticket\":7}")
        try ledger.act(
            .verdict(.truePositive, isFoundOutside: true), on: number, who: "alice", why: "the agent is there")
        try ledger.act(.escalate(to: "provider"), on: number, who: "alice", why: "")
        try ledger.act(.contain, on: number, who: "alice", why: "host is off the network")
        let closed = try ledger.act(.close, on: number, who: "alice", why: "rebuilt")
        #expect(closed.state == .closed && closed.owner == "alice" && closed.verdict == .truePositive)
        #expect(closed.isFoundOutside)
        #expect(closed.times.all.allSatisfy { $0.time != nil })
        let times = closed.times
        #expect(try #require(times.taken) <= #require(times.judged))
        #expect(try #require(times.contained) <= #require(times.closed))
        #expect(
            closed.events.map(\.kind) == [.raised, .taken, .note, .verdict, .escalated, .contained, .closed])
        #expect(closed.events.map(\.who) == ["weir", "alice", "bob", "alice", "alice", "alice", "alice"])
        #expect(closed.events[2].why == "seen before" && closed.events[2].what == "{\"ticket\":7}")
        let again = try ledger.act(.reopen, on: number, who: "bob", why: "it is back")
        #expect(again.state == .taken && again.times.closed == nil)
        #expect(again.events.dropLast() == closed.events[...])
        #expect(again.revision > closed.revision)
    }

    @Test func `events cannot be changed or removed`() throws {
        let (store, number) = try raised()
        let database = try StoreDatabase(folder: store.path)
        for sql in ["UPDATE incident_events SET who = 'x'", "DELETE FROM incident_events"] {
            #expect(throws: (any Error).self) { try database.write { try $0.execute(sql: sql) } }
        }
        #expect(try store.ledger.view(number).events.count == 1)
    }

    @Test func `who follows sees each event once, in order`() throws {
        let (store, number) = try raised()
        try store.ledger.act(.take(owner: "a"), on: number, who: "a", why: "")
        let first = try store.ledger.events(after: 0, limit: 1)
        #expect(first.map(\.kind) == [.raised])
        let rest = try store.ledger.events(after: first[0].id)
        #expect(rest.map(\.kind) == [.taken])
        #expect(try store.ledger.events(after: rest[0].id).isEmpty)
        let uid = try store.ledger.view(number).uid
        #expect(try store.ledger.view(uid: uid)?.number == number)
        #expect(try store.ledger.view(uid: "nobody") == nil)
    }

    @Test func `what the state does not allow is refused`() throws {
        let (store, number) = try raised()
        let ledger = store.ledger
        let state = IncidentError(.state, "", advice: "")
        let value = IncidentError(.value, "", advice: "")
        #expect(throws: state) { try ledger.act(.reopen, on: number, who: "a", why: "x") }
        #expect(throws: value) { try ledger.act(.close, on: number, who: "a", why: "") }
        #expect(throws: value) {
            try ledger.act(.contain, on: number, who: "a", why: "x", at: Timestamp(nanoseconds: .max))
        }
        try ledger.act(.close, on: number, who: "a", why: "done")
        #expect(throws: state) { try ledger.act(.take(owner: "a"), on: number, who: "a", why: "") }
        #expect(throws: state) { try ledger.act(.contain, on: number, who: "a", why: "x") }
        #expect(throws: IncidentError(.unknown, "", advice: "")) {
            try ledger.act(.close, on: 999, who: "a", why: "x")
        }
        #expect(throws: IncidentError(.store, "", advice: "")) { try IncidentLedger(folder: store.path + "/none") }
    }

    @Test func `the first act can be moved back, not forward`() throws {
        let (store, number) = try raised()
        let earlier = breakIn[0].ts.adding(-3600 * 1_000_000_000)
        let view = try store.ledger.act(.began, on: number, who: "a", why: "mail of the day before", at: earlier)
        #expect(view.times.began == earlier && view.times.alerted == breakIn[0].ts)
        #expect(throws: IncidentError(.value, "", advice: "")) {
            try store.ledger.act(.began, on: number, who: "a", why: "x", at: breakIn[3].ts)
        }
    }

    @Test func `incidents are merged by hand, and the first goes on`() throws {
        let store = try IncidentStore()
        let ledger = store.ledger
        let raised = try ledger.correlate([
            alert(0, "a", "10.1.0.1", "198.51.100.1", technique: "T1071"),
            alert(0, "b", "10.2.0.1", "198.51.100.2", technique: "T1041"),
        ]).raised
        #expect(raised.count == 2)
        try ledger.act(.take(owner: "a"), on: raised[0], who: "a", why: "")
        try ledger.act(.take(owner: "b"), on: raised[1], who: "b", why: "")
        let view = try ledger.merge([raised[1]], into: raised[0], who: "a", why: "one attacker")
        #expect(view.alertCount == 2 && view.entities.count == 4)
        #expect(view.events.map(\.kind).contains(.absorbed))
        let gone = try ledger.view(raised[1])
        #expect(gone.state == .merged && gone.mergedInto == raised[0] && gone.events.last?.kind == .merged)
        #expect(throws: IncidentError(.state, "", advice: "")) {
            try ledger.act(.close, on: raised[1], who: "b", why: "x")
        }
        #expect(throws: IncidentError(.state, "", advice: "")) {
            try ledger.merge([raised[0]], into: raised[0], who: "a", why: "x")
        }
    }

    @Test func `two that people work on are not joined behind their backs`() throws {
        let store = try IncidentStore()
        let ledger = store.ledger
        let raised = try ledger.correlate([
            alert(0, "a", "10.1.0.1", "198.51.100.1", technique: "T1071"),
            alert(0, "b", "10.2.0.1", "198.51.100.2", technique: "T1041"),
        ]).raised
        for number in raised { try ledger.act(.take(owner: "a"), on: number, who: "a", why: "") }
        _ = try ledger.correlate([alert(9, "c", "10.1.0.1", "10.2.0.1", technique: "T1021")])
        #expect(try ledger.list([.taken]).map(\.number).sorted() == raised)
    }

    @Test func `what is closed takes in only what happened while it went on`() throws {
        let (store, number) = try raised()
        try store.ledger.act(.close, on: number, who: "a", why: "done")
        _ = try store.ledger.correlate([
            alert(60, "late", "10.20.5.80", "198.51.100.77", technique: "T1071"),
            alert(4000, "later", "10.20.5.80", "198.51.100.77", technique: "T1071"),
        ])
        #expect(try store.ledger.view(number).alertCount == breakIn.count + 1)
        #expect(try store.ledger.list([.new]).count == 1)
    }
}
