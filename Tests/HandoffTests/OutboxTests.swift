// SPDX-License-Identifier: Apache-2.0
//
// The outbox: order, claims, leases, dead letters, its bound.

import Foundation
import GRDB
import Testing

@testable import Handoff

@Suite("outbox") struct OutboxTests {
    private let settings = makeSettings(.webhook)

    private func pump(_ outbox: Outbox, _ feed: MadeFeed, _ settings: ConnectorSettings? = nil) throws {
        while try outbox.pump(settings ?? self.settings, from: feed, now: august) {}
    }

    private func claim(_ outbox: Outbox, now: Int64 = august, owner: String = "a") throws -> Delivery? {
        try outbox.claim("soc", owner: owner, now: now, lease: 1_000)
    }

    private func settle(
        _ outbox: Outbox, _ delivery: Delivery, _ outcome: DeliveryOutcome, retryAt: Int64? = nil
    ) throws {
        try outbox.settle(delivery, owner: "a", outcome, now: august, retryAt: retryAt)
    }

    private let done = DeliveryOutcome.delivered(remote: nil, status: 200, note: "")

    @Test func `an incident is told in order, and once whatever is pumped how often`() throws {
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.addLife(1)
        try pump(outbox, feed)
        try pump(outbox, feed)
        var kinds: [HandoffKind] = []
        while let delivery = try claim(outbox) {
            #expect(try claim(outbox) == nil, "the next of the incident waits")
            kinds.append(delivery.kind)
            #expect(delivery.key == "north/I1/\(delivery.event.number)")
            try settle(outbox, delivery, done)
        }
        #expect(kinds == [.created, .updated, .closed])
    }

    @Test func `incidents do not wait for each other`() throws {
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.addLife(1)
        feed.addLife(2)
        try pump(outbox, feed)
        let first = try #require(try claim(outbox))
        let second = try #require(try claim(outbox))
        #expect([first.incident.number, second.incident.number] == [1, 2])
        #expect(try claim(outbox) == nil)
    }

    @Test func `a claim whose lease is over is taken up again and is unsure`() throws {
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.add("raised", 1)
        try pump(outbox, feed)
        let lost = try #require(try claim(outbox))
        #expect(!lost.isUnsure)
        #expect(try claim(outbox, now: august + 999, owner: "b") == nil)
        let again = try #require(try claim(outbox, now: august + 1_000, owner: "b"))
        #expect(again.id == lost.id && again.isUnsure && again.attempts == 1)
        // The first one comes back late: the row is no longer its own.
        try settle(outbox, lost, .refused(DeliveryFault("late")))
        #expect(try outbox.lines().map(\.state) == ["claimed"])
    }

    @Test func `what a dead process held is taken up at once, what a living one holds is not`() throws {
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.add("raised", 1)
        feed.add("raised", 2)
        try pump(outbox, feed)
        _ = try claim(outbox, owner: "dead")
        _ = try claim(outbox, owner: "living")
        #expect(try outbox.recover(now: august, isAlive: { $0 == "living" }) == 1)
        #expect(try claim(outbox)?.isUnsure == true)
        #expect(try claim(outbox) == nil)
    }

    @Test func `this process is alive, one that never was is not, another host's may be`() {
        let own = WorkerIdentity.current()
        #expect(WorkerIdentity.isAlive(own))
        var parts = own.split(separator: "/").map(String.init)
        parts[1] = "999999999"
        #expect(!WorkerIdentity.isAlive(parts.joined(separator: "/")))
        parts[0] = "elsewhere"
        #expect(WorkerIdentity.isAlive(parts.joined(separator: "/")))
    }

    @Test func `behind a dead creation all wait, behind a dead update the close goes on`() throws {
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.addLife(1)
        try pump(outbox, feed)
        try settle(outbox, #require(try claim(outbox)), .refused(DeliveryFault(status: 400, "no")))
        #expect(try claim(outbox) == nil)
        #expect(try outbox.nextDue("soc") == nil)
        #expect(try outbox.retry(now: august) == 1)
        try settle(outbox, #require(try claim(outbox)), done)
        try settle(outbox, #require(try claim(outbox)), .refused(DeliveryFault(status: 400, "no", answer: "why")))
        let close = try #require(try claim(outbox))
        #expect(close.kind == .closed)
        let dead = try outbox.lines(states: ["dead"])
        #expect(dead.map(\.answer) == ["why"] && dead.map(\.status) == [400])
    }

    @Test func `a passing fault waits for its time, and is dead when there is none`() throws {
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.add("raised", 1)
        try pump(outbox, feed)
        let fault = DeliveryFault("gone", isUnsure: true)
        try settle(outbox, #require(try claim(outbox)), .passing(fault, after: nil), retryAt: august + 500)
        #expect(try claim(outbox, now: august + 499) == nil)
        let again = try #require(try claim(outbox, now: august + 500))
        #expect(again.isUnsure && again.attempts == 1)
        try settle(outbox, again, .passing(fault, after: nil), retryAt: nil)
        #expect(try outbox.connectors().map(\.dead) == [1])
        #expect(try outbox.retry(connector: "other", now: august) == 0)
        #expect(try outbox.retry(connector: "soc", now: august) == 1)
        #expect(try claim(outbox)?.isUnsure == true, "it may have arrived")
    }

    @Test func `the receiver's identity comes back with what follows, and survives the payload`() throws {
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.addLife(1)
        try pump(outbox, feed)
        let remote = RemoteRecord(id: "77", number: "SIR1", version: 4)
        try settle(outbox, #require(try claim(outbox)), .delivered(remote: remote, status: 201, note: ""))
        let update = try #require(try claim(outbox))
        #expect(update.remote == remote)
        let line = try #require(try outbox.lines(states: ["delivered"]).first)
        #expect(line.remote_id == "77" && line.remote_number == "SIR1" && line.status == 201)
    }

    @Test func `a full outbox takes nothing more and loses nothing`() throws {
        var settings = self.settings
        settings.queueMax = 2
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        for number in 1...5 { feed.add("raised", Int64(number)) }
        var seen: [Int64] = []
        for _ in 0..<10 {
            try pump(outbox, feed, settings)
            #expect(try outbox.openCount("soc") <= 2)
            guard let delivery = try claim(outbox) else { break }
            seen.append(delivery.incident.number)
            try settle(outbox, delivery, done)
        }
        #expect(seen == [1, 2, 3, 4, 5])
    }

    @Test func `alerts in a row are told once, and our own notes not at all`() throws {
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.add("raised", 1)
        for _ in 0..<5 { feed.add("alerts", 1, isAutomatic: true) }
        feed.add("note", 1, who: handoffAuthor)
        feed.add("taken", 1, who: "alice")
        feed.add("alerts", 1, isAutomatic: true)
        try pump(outbox, feed)
        #expect(try outbox.lines().map(\.event) == [1, 6, 8, 9])
    }

    @Test func `filters decide when an incident is first told, and not again`() throws {
        var settings = self.settings
        settings.minSeverity = .critical
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.add("raised", 1)
        try pump(outbox, feed, settings)
        #expect(try outbox.lines().isEmpty)
        feed.change(1) { $0.severity = .critical }
        feed.add("severity", 1)
        try pump(outbox, feed, settings)
        feed.change(1) { $0.severity = .low }
        feed.add("severity", 1)
        try pump(outbox, feed, settings)
        #expect(try outbox.lines().map(\.kind) == ["created", "updated"])
    }

    @Test func `a verdict filter waits for the verdict`() throws {
        var settings = self.settings
        settings.verdicts = ["true-positive"]
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.add("raised", 1)
        try pump(outbox, feed, settings)
        feed.change(1) { $0.verdict = "true-positive" }
        feed.add("verdict", 1)
        try pump(outbox, feed, settings)
        #expect(try outbox.lines().map(\.event) == [2])
    }

    @Test func `a connector that begins now leaves what was before`() throws {
        var settings = self.settings
        settings.startsNow = true
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.add("raised", 1)
        try pump(outbox, feed, settings)
        feed.add("raised", 2)
        try pump(outbox, feed, settings)
        #expect(try outbox.lines().map(\.incident) == [2])
    }

    @Test func `events that are not wanted are left out`() throws {
        var settings = self.settings
        settings.kinds = [.created, .closed]
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.addLife(1)
        try pump(outbox, feed, settings)
        #expect(try outbox.lines().map(\.kind) == ["created", "closed"])
    }

    @Test func `a stopped connector gives nothing until its time, or until it is started`() throws {
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.add("raised", 1)
        try pump(outbox, feed)
        let delivery = try #require(try claim(outbox))
        try outbox.stop("soc", until: { august + Int64($0) * 100 }, reason: "HTTP 401")
        try settle(outbox, delivery, .stopped(DeliveryFault(status: 401, "HTTP 401")), retryAt: august + 100)
        #expect(try claim(outbox, now: august + 99) == nil)
        #expect(try outbox.connectors().first?.reason == "HTTP 401")
        try outbox.start("soc", now: august)
        #expect(try claim(outbox, now: august) != nil)
    }
}
