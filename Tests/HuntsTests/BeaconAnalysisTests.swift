// SPDX-License-Identifier: Apache-2.0
//
// Which pairs are looked at, and what comes of a whole store.

import Protocols
import Records
import Query
import Sensor
import Store
import Testing

@testable import Hunts

@Suite struct BeaconAnalysisTests {
    private func answer(
        _ store: TestStore, _ change: (inout BeaconQuestion) -> Void = { _ in }
    ) throws -> BeaconAnswer {
        var question = BeaconQuestion()
        change(&question)
        return try BeaconAnalysis.run(StoreReader.open(store.folder), question)
    }

    @Test func `a clock scores 1 and stands first`() throws {
        let store = try TestStore()
        let appender = try store.appender()
        // The same in each run.
        var state: UInt64 = 1
        func draw(_ limit: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % limit
        }
        for minute in 0..<1440 {
            appender.append(TestStore.conn(Double(minute) * 60, "10.0.0.1", "192.0.2.7"))
            let size = 100 + draw(90_000)
            let time = Double(draw(86_400_000)) / 1000
            appender.append(TestStore.conn(time, "10.0.0.2", "192.0.2.8", sent: size))
        }
        try appender.commit()
        let answer = try answer(store)
        #expect(answer.beacons.count == 2)
        let first = try #require(answer.beacons.first)
        #expect(first.source == Address("10.0.0.1") && first.target == Address("192.0.2.7"))
        #expect(first.score.score == 1)
        #expect(first.interval == 60)
        #expect(first.connectionCount == 1440)
        #expect(try #require(answer.beacons.last).score.score < 0.8)
    }

    @Test func `only what leaves the site counts`() throws {
        let store = try TestStore()
        let appender = try store.appender()
        let pairs = [
            ("10.0.0.1", "10.0.0.2"), ("192.0.2.1", "10.0.0.1"), ("192.0.2.1", "198.51.100.1"),
            ("10.0.0.1", "224.0.0.1"), ("10.0.0.1", "169.254.0.9"), ("2001:db8::1", "2001:db8:1::1"),
        ]
        for hour in 0..<24 {
            for (source, target) in pairs { appender.append(TestStore.conn(Double(hour) * 3600, source, target)) }
        }
        try appender.commit()
        #expect(try answer(store).beacons.isEmpty)
        let own = try answer(store) {
            $0.site = SiteNetworks([AddressPrefix("2001:db8::/48")].compactMap { $0 })
        }
        #expect(own.beacons.map(\.source) == [Address("2001:db8::1")])
        #expect(own.beacons.map(\.target) == [Address("2001:db8:1::1")])
    }

    @Test func `a name takes its connections away from the pair of addresses`() throws {
        let store = try TestStore()
        let appender = try store.appender()
        for hour in 0..<24 {
            let uid = UInt64(hour + 1)
            appender.append(TestStore.conn(Double(hour) * 3600, "10.0.0.1", "192.0.2.\(hour % 2 + 1)", uid: uid))
            var ssl = TLSRecord()
            ssl.ts = TestStore.start.adding(Int64(hour) * 3600 * second)
            ssl.uid = UID(value: uid)
            ssl.serverName = ssl.text.add("c2.example")
            appender.append(ssl)
            appender.append(TestStore.conn(Double(hour) * 3600 + 5, "10.0.0.1", "192.0.2.9", uid: 100 + uid))
        }
        try appender.commit()
        let beacons = try answer(store).beacons
        #expect(beacons.count == 2)
        let named = try #require(beacons.first { $0.name != nil })
        #expect(named.name.map { String(decoding: $0, as: UTF8.self) } == "c2.example")
        #expect(named.connectionCount == 24)
        #expect(beacons.first { $0.name == nil }?.target == Address("192.0.2.9"))
    }

    @Test func `a day before the newest connection is looked at, from the hour's beginning`() throws {
        let store = try TestStore()
        let appender = try store.appender()
        for hour in 0..<96 { appender.append(TestStore.conn(Double(hour) * 3600 + 1, "10.0.0.1", "192.0.2.7")) }
        try appender.commit()
        let day = try answer(store)
        let range = try #require(day.range)
        #expect(range.upperBound - range.lowerBound == 86_400)
        // The window begins within an hour; that hour's connection counts whole.
        #expect(day.beacons.first?.connectionCount == 25)
        #expect(try answer(store) { $0.windowSeconds = 0 }.beacons.first?.connectionCount == 96)
        let asked = try answer(store) { $0.until = TestStore.start.adding(10 * 3600 * second) }
        #expect(asked.beacons.first?.connectionCount == 10)
    }

    @Test func `a pair of many connections is a strobe`() throws {
        let store = try TestStore()
        let appender = try store.appender()
        for number in 0..<50 { appender.append(TestStore.conn(Double(number), "10.0.0.1", "192.0.2.7")) }
        try appender.commit()
        let found = try answer(store) { $0.settings.strobeCount = 50 }
        #expect(found.beacons.isEmpty)
        #expect(found.strobes.map(\.connectionCount) == [50])
    }

    @Test func `three different seconds are too few`() throws {
        let store = try TestStore()
        let appender = try store.appender()
        for number in 0..<12 { appender.append(TestStore.conn(Double(number / 4) * 60, "10.0.0.1", "192.0.2.7")) }
        try appender.commit()
        #expect(try answer(store).beacons.isEmpty)
    }

    @Test func `a table of numbers keeps every one`() {
        var table = NumberTable(capacity: 4)
        for key in 1...10_000 { table.values[table.place(UInt64(key) << 32)] = UInt32(key) }
        #expect(table.count == 10_000)
        for key in 1...10_000 { #expect(table.find(UInt64(key) << 32).map { table.values[$0] } == UInt32(key)) }
        #expect(table.find(7) == nil)
    }
}

@Suite struct FindingsTests {
    @Test func `a finding is told once`() throws {
        let store = try TestStore()
        let appender = try store.appender()
        for port in 1...40 {
            appender.append(
                TestStore.conn(
                    Double(port), "10.0.0.1", "10.0.0.2", port: UInt16(port), sent: 0, received: 0, state: "REJ"))
        }
        try appender.commit()
        let text = """
            -- finds: Ports.
            -- title: {src} tried {ports} ports of {dst}
            -- identity: src, dst
            -- technique: T1046, T1595
            -- severity: 2
            -- entities: host:{src}, peer:{dst}
            SELECT id_orig_h AS src, id_resp_h AS dst, count(DISTINCT id_resp_p) AS ports, max(ts) AS last_ts
            FROM conn GROUP BY id_orig_h, id_resp_h
            """
        let hunt = try Hunt(name: "ports", text: text, path: "ports.sql")
        let runner = HuntRunner(store: store.folder, schemas: Schemas.logs)
        let answer = try runner.ask(hunt, HuntValues())
        #expect(try Findings.tell([answer, answer], store: store.folder, sensor: "hunt") == 1)
        #expect(try Findings.tell([answer], store: store.folder, sensor: "hunt") == 0)
        let alerts = try StoreQuery(store: store.folder, schemas: Schemas.logs).rows("SELECT * FROM alert").all()
        let alert = try #require(alerts.first)
        #expect(alerts.count == 1)
        #expect(alert.text("source") == "hunt")
        #expect(alert.text("rule_id") == "hunt:ports")
        #expect(alert.text("title") == "10.0.0.1 tried 40 ports of 10.0.0.2")
        #expect(alert.text("techniques") == "[\"T1046\",\"T1595\"]")
        #expect(alert.text("entities") == "[\"host:10.0.0.1\",\"host:10.0.0.2\"]")
        #expect(alert.text("evidence")?.contains("\"ports\":40") == true)
        #expect(alert.integer("severity") == 2)
        #expect(alert.text("id_orig_h") == "10.0.0.1")
    }
}
