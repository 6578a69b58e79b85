// SPDX-License-Identifier: Apache-2.0
//
// Every connector against a receiver that imitates its product: created, updated, closed, with every fault.

import Crypto
import Foundation
import JSON
import Synchronization
import Testing

@testable import Handoff

@Suite("connectors") struct ConnectorTests {
    static let kinds: [ConnectorSettings.Kind] = [.webhook, .splunk, .servicenow, .xsoar, .thehive]
    /// Whether the product itself keeps a record single.
    private static let single: Set<ConnectorSettings.Kind> = [.webhook, .servicenow, .xsoar, .thehive]

    private func settings(_ kind: ConnectorSettings.Kind, _ receiver: LocalReceiver) -> ConnectorSettings {
        makeSettings(kind, url: "http://127.0.0.1:\(receiver.port)")
    }

    /// Two lives of incidents through one connector with faults in the way; returns the rows that are left.
    private func deliver(
        _ kind: ConnectorSettings.Kind, _ faults: [Fault], told: Told = Told(),
        change: (inout ConnectorSettings) -> Void = { _ in }
    ) async throws -> (products: Products, outbox: Outbox, feed: MadeFeed, settings: ConnectorSettings, LocalReceiver) {
        let receiver = try await LocalReceiver()
        var settings = settings(kind, receiver)
        settings.parallel = 1
        change(&settings)
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.addLife(1)
        feed.addLife(2)
        receiver.products.state.withLock { $0.faults = faults }
        try await work(outbox, feed, settings, told: told)
        return (receiver.products, outbox, feed, settings, receiver)
    }

    @Test(arguments: kinds)
    func `incidents are created, updated and closed`(_ kind: ConnectorSettings.Kind) async throws {
        let (products, outbox, feed, _, receiver) = try await deliver(kind, [])
        defer { Task { await receiver.close() } }
        let lines = try outbox.lines()
        #expect(lines.map(\.state) == Array(repeating: "delivered", count: 6), "\(lines)")
        #expect(products.records.values.allSatisfy { $0 == 1 })
        if kind != .webhook && kind != .splunk {
            #expect(products.records.count == 2)
            #expect(products.state.withLock { $0.isClosed.count } == 2)
            #expect(lines.allSatisfy { $0.remote_id != nil })
        }
        #expect(feed.notes.filter { $0.contains("handed to soc") }.count == 2)
    }

    private static let passing: [Fault] = [
        .status(408), .status(429, retryAfter: "7"), .status(429, retryAfter: "Thu, 01 Aug 2024 08:13:50 GMT"),
        .status(500), .status(502), .status(503, retryAfter: "3"), .hang, .takenSilence, .takenReset,
    ]

    @Test(arguments: kinds, Array(passing.indices))
    func `what passes is tried again until everything is there, and nothing twice`(
        _ kind: ConnectorSettings.Kind, _ index: Int
    ) async throws {
        let fault = Self.passing[index]
        // At the first request, and at some later ones.
        let (products, outbox, _, _, receiver) = try await deliver(kind, [fault, fault]) { settings in
            switch fault {
            case .hang, .takenSilence: settings.timeout = 0.4
            default: break
            }
        }
        defer { Task { await receiver.close() } }
        #expect(try outbox.lines().map(\.state) == Array(repeating: "delivered", count: 6))
        let records = products.records
        if Self.single.contains(kind) { #expect(records.values.allSatisfy { $0 == 1 }, "\(records)") }
        if kind == .webhook || kind == .splunk {
            #expect(Set(products.events) == Set((1...6).map { "north/I\(($0 + 2) / 3)/\($0)" }))
        } else {
            #expect(records.count == 2)
        }
    }

    @Test(arguments: kinds, [400, 404, 409, 413])
    func `what is refused is a dead letter with the answer, and arrives when it is put back`(
        _ kind: ConnectorSettings.Kind, _ status: Int
    ) async throws {
        let told = Told()
        let body = "{\"error\":\"no \(status), your token is s3cr3t-token\"}"
        let (products, outbox, feed, settings, receiver) = try await deliver(
            kind, [.status(status, body: body)], told: told)
        defer { Task { await receiver.close() } }
        // Behind the refused creation two wait; the other incident went its way.
        let states = try outbox.lines().map(\.state)
        #expect(states == ["dead", "waiting", "waiting", "delivered", "delivered", "delivered"], "\(states)")
        let dead = try #require(try outbox.lines(states: ["dead"]).first)
        #expect(dead.status == status && dead.answer?.contains("no \(status)") == true)
        #expect(dead.answer?.contains("s3cr3t") == false && told.lines.allSatisfy { !$0.contains("s3cr3t") })
        #expect(told.lines.count == 1)
        #expect(try outbox.retry(now: august) == 1)
        try await work(outbox, feed, settings)
        #expect(try outbox.lines().allSatisfy { $0.state == "delivered" })
        #expect(products.records.values.allSatisfy { $0 == 1 })
    }

    @Test(arguments: kinds, [401, 403])
    func `refused credentials stop the connector, and a new worker goes on`(
        _ kind: ConnectorSettings.Kind, _ status: Int
    ) async throws {
        let told = Told()
        let (products, outbox, feed, settings, receiver) = try await deliver(kind, [.status(status)], told: told)
        defer { Task { await receiver.close() } }
        #expect(products.requests.count == 1, "nothing more is asked")
        #expect(try outbox.connectors().first?.stopped_until != nil)
        #expect(try outbox.lines().allSatisfy { $0.state == "waiting" })
        #expect(told.lines.first?.contains("the connector stops") == true)
        try await work(outbox, feed, settings)
        #expect(try outbox.lines().allSatisfy { $0.state == "delivered" })
        #expect(try outbox.connectors().first?.stopped_until == nil)
    }

    @Test func `Retry-After is waited for`() async throws {
        let receiver = try await LocalReceiver()
        defer { Task { await receiver.close() } }
        receiver.products.fail(.status(429, retryAfter: "60"))
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.add("raised", 1)
        let clock = MadeClock()
        try await work(outbox, feed, settings(.webhook, receiver), clock: clock)
        #expect(clock.now - august >= 60_000_000)
        #expect(try outbox.lines().map(\.state) == ["delivered"])
    }

    @Test func `what is tried too long is a dead letter`() async throws {
        let receiver = try await LocalReceiver()
        defer { Task { await receiver.close() } }
        receiver.products.state.withLock { $0.faults = Array(repeating: .status(503), count: 100) }
        var settings = settings(.webhook, receiver)
        settings.retryFor = 20
        let outbox = try makeOutbox()
        let feed = MadeFeed()
        feed.add("raised", 1)
        let summary = try await work(outbox, feed, settings)
        #expect(summary.dead == 1 && summary.delivered == 0)
        #expect(receiver.products.requests.count >= 4)
        #expect(feed.notes == ["1 could not be handed to soc: the receiver answered HTTP 503"])
    }

    @Test func `a redirect is not followed`() async throws {
        let inside = try await LocalReceiver()
        defer { Task { await inside.close() } }
        let (products, outbox, _, _, receiver) = try await deliver(
            .webhook, [.redirect("http://127.0.0.1:\(inside.port)/latest/meta-data/")])
        defer { Task { await receiver.close() } }
        #expect(inside.products.requests.isEmpty)
        let dead = try #require(try outbox.lines(states: ["dead"]).first)
        #expect(dead.status == 302 && dead.reason?.contains("not followed") == true)
        #expect(products.requests.count == 4)
    }

    @Test func `a webhook is signed so that the body, its time and its identity are sure`() async throws {
        let receiver = try await LocalReceiver()
        defer { Task { await receiver.close() } }
        let connector = try makeConnector(settings(.webhook, receiver))
        let start = Date().timeIntervalSince1970
        #expect(await connector.deliver(makeDelivery()).isDelivered)
        let end = Date().timeIntervalSince1970
        await connector.shutdown()
        let request = try #require(receiver.products.requests.first)
        let id = try #require(request.headers["webhook-id"])
        let time = try #require(request.headers["webhook-timestamp"])
        #expect(id == "north/01J4/12" && request.headers["idempotency-key"] == id)
        #expect((start.rounded(.down)...end).contains(try #require(Double(time))))
        let key = SymmetricKey(data: Data("s3cr3t-token".utf8))
        let code = HMAC<SHA256>.authenticationCode(for: Data("\(id).\(time).\(request.text)".utf8), using: key)
        #expect(request.headers["webhook-signature"] == "v1," + Data(code).base64EncodedString())
        let root = try request.json().root
        #expect(root["type"]?.string == "incident.created")
        #expect(root.at("incident", "alerts", "0", "rule_id")?.string == "1:2024217:3")
    }

    @Test func `own fields are set, in the place that the product has for them`() async throws {
        for kind in Self.kinds {
            let receiver = try await LocalReceiver()
            var settings = settings(kind, receiver)
            settings.fields = ["category": try FieldTemplate("{severity} of {sensor}")]
            let connector = try makeConnector(settings)
            #expect(await connector.deliver(makeDelivery()).isDelivered)
            await connector.shutdown()
            await receiver.close()
            let root = try #require(try receiver.products.requests.last?.json().root)
            let value: JSONValue? =
                switch kind {
                case .splunk: root.at("fields", "category")
                case .xsoar: root.at("customFields", "category")
                case .thehive: root.at("customFields", "0", "value")
                default: root["category"]
                }
            #expect(value?.string == "high of north", "\(kind)")
        }
    }

    @Test func `the collector's envelope has what the product wants`() async throws {
        let receiver = try await LocalReceiver()
        defer { Task { await receiver.close() } }
        let connector = try makeConnector(settings(.splunk, receiver))
        #expect(await connector.deliver(makeDelivery()).isDelivered)
        await connector.shutdown()
        let request = try #require(receiver.products.requests.first)
        #expect(request.headers["authorization"] == "Splunk s3cr3t-token")
        #expect(request.path == "/services/collector/event")
        let root = try request.json().root
        #expect(root["time"]?.text == "1722500000.123" && root["host"]?.string == "north")
        #expect(root.at("event", "uid")?.string == "north/01J4/12")
    }

    @Test func `an acknowledgement is waited for on its channel`() async throws {
        let (products, outbox, _, _, receiver) = try await deliver(.splunk, []) { settings in
            settings.options.asksAcknowledgement = true
            settings.timeout = 2
        }
        defer { Task { await receiver.close() } }
        #expect(try outbox.lines().allSatisfy { $0.state == "delivered" && $0.reason == "acknowledged" })
        let channels = Set(products.requests.compactMap { $0.headers["x-splunk-request-channel"] })
        #expect(channels.count == 1 && products.requests.allSatisfy { $0.headers["x-splunk-request-channel"] != nil })
        #expect(products.requests.contains { $0.path == "/services/collector/ack?channel=\(channels.first ?? "")" })
    }

    @Test func `XSOAR's lock is met with the present version`() async throws {
        let receiver = try await LocalReceiver()
        defer { Task { await receiver.close() } }
        let connector = try makeConnector(settings(.xsoar, receiver))
        guard case .delivered(let remote?, _, _) = await connector.deliver(makeDelivery()) else {
            Issue.record("not created")
            return
        }
        // Somebody works on it there.
        receiver.products.state.withLock { $0.versions[remote.id] = 9 }
        let outcome = await connector.deliver(makeDelivery(.updated, event: 13, remote: remote))
        #expect(outcome == .delivered(remote: RemoteRecord(id: remote.id, version: 10), status: 200, note: ""))
        await connector.shutdown()
        let request = try #require(receiver.products.requests.first)
        #expect(request.headers["x-xdr-auth-id"] == "9" && request.headers["authorization"] == "s3cr3t-token")
    }

    @Test func `a product that does not let us look gets the incident again rather than not at all`() async throws {
        let receiver = try await LocalReceiver()
        defer { Task { await receiver.close() } }
        receiver.products.state.withLock { $0.knowsSearch = false }
        let connector = try makeConnector(settings(.xsoar, receiver))
        #expect(await connector.deliver(makeDelivery(isUnsure: true)).isDelivered)
        await connector.shutdown()
    }

    @Test func `an answer cannot lead an update elsewhere`() async throws {
        let receiver = try await LocalReceiver()
        defer { Task { await receiver.close() } }
        let connector = try makeConnector(settings(.servicenow, receiver))
        receiver.products.fail(
            .status(200, body: "{\"result\":[{\"sys_id\":\"../../admin\"}]}"),
            .status(201, body: "{\"result\":{\"sys_id\":\"a/b\"}}"))
        #expect(await connector.deliver(makeDelivery()).fault?.reason == "the answer does not name the record")
        await connector.shutdown()
        let hive = try makeConnector(settings(.thehive, receiver))
        receiver.products.fail(.status(201, body: "{\"_id\":\"..\"}"))
        guard case .delivered(let remote, _, _) = await hive.deliver(makeDelivery()) else {
            Issue.record("the alert was made")
            return await hive.shutdown()
        }
        #expect(remote == nil)
        await hive.shutdown()
    }

    @Test func `a body without end is not read to its end`() async throws {
        let receiver = try await LocalReceiver()
        defer { Task { await receiver.close() } }
        receiver.products.fail(.status(400, body: String(repeating: "x", count: 3 << 20)))
        let connector = try makeConnector(settings(.webhook, receiver))
        let fault = try #require(await connector.deliver(makeDelivery()).fault)
        #expect(fault.answer.utf8.count <= Redaction.answerBytesMax)
        await connector.shutdown()
    }

    @Test func `TLS is verified: authority, name, and nothing is sent where either is wrong`() async throws {
        let right = try await LocalReceiver(certificate: "localhost")
        let wrong = try await LocalReceiver(certificate: "elsewhere")
        defer {
            Task {
                await right.close()
                await wrong.close()
            }
        }
        func deliver(_ receiver: LocalReceiver, authority: String?) async throws -> DeliveryOutcome {
            var settings = makeSettings(.webhook, url: "https://localhost:\(receiver.port)/hook")
            settings.timeout = 3
            settings.authorityFile = authority
            let connector = try makeConnector(settings)
            let outcome = await connector.deliver(makeDelivery())
            await connector.shutdown()
            return outcome
        }
        let authority = Fixture.path("ca.pem")
        #expect(try await deliver(right, authority: authority).isDelivered)
        for outcome in [
            try await deliver(right, authority: nil), try await deliver(wrong, authority: authority),
        ] {
            guard case .stopped(let fault) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            #expect(fault.reason.contains("certificate is not to be trusted"), "\(fault)")
        }
        #expect(wrong.products.requests.isEmpty && right.products.requests.count == 1)
    }

    @Test func `health calls say how the product is`() async throws {
        let receiver = try await LocalReceiver()
        defer { Task { await receiver.close() } }
        for kind in [ConnectorSettings.Kind.splunk, .servicenow, .thehive] {
            let connector = try makeConnector(settings(kind, receiver))
            let outcome = await connector.health()
            #expect(outcome != nil)
            await connector.shutdown()
        }
        let connector = try makeConnector(settings(.webhook, receiver))
        #expect(await connector.health() == nil)
        await connector.shutdown()
    }

    @Test func `nobody there is one clear line`() async throws {
        let connector = try makeConnector(makeSettings(.webhook, url: "http://127.0.0.1:1/"))
        let fault = try #require(await connector.deliver(makeDelivery()).fault)
        #expect(fault.reason == "no connection: connection refused" && !fault.isUnsure, "\(fault)")
        await connector.shutdown()
    }
}
