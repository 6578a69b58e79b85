// SPDX-License-Identifier: Apache-2.0
//
// Hunts on a schedule: what is refused at the start, what a round tells, and that it stops.

import Foundation
import Query
import Records
import Sensor
import Store
import Synchronization
import Testing

@testable import Hunts

@Suite struct HuntPlanTests {
    private func plan(
        _ store: String, _ names: [String], _ parameters: [String] = [], since: Int = 86_400
    ) throws -> HuntPlan {
        try HuntPlan(
            HuntLibrary(folder: huntFolder), names: names, parameters: parameters, sinceSeconds: since, networks: [],
            sensor: "north", runner: HuntRunner(store: store, schemas: Schemas.logs))
    }

    /// A scan of 40 ports two days before the newest connection, one of 35 within the last day.
    private func scans() throws -> TestStore {
        let store = try TestStore()
        let appender = try store.appender()
        for port in 0..<40 {
            appender.append(TestStore.conn(0, "10.0.0.1", "10.0.0.2", port: UInt16(1000 + port), state: "REJ"))
        }
        for port in 0..<35 {
            appender.append(TestStore.conn(160_000, "10.0.0.3", "10.0.0.2", port: UInt16(1000 + port), state: "REJ"))
        }
        appender.append(TestStore.conn(200_000, "10.0.0.5", "10.0.0.2"))
        try appender.commit()
        return store
    }

    private func titles(_ store: TestStore) throws -> [String] {
        try StoreQuery(store: store.folder, schemas: Schemas.logs).rows("SELECT title FROM alert ORDER BY title").all()
            .compactMap { $0.text("title") }
    }

    @Test func `a round looks back from the newest record and tells of each finding once`() throws {
        let store = try scans()
        let plan = try plan(store.folder, ["port-scan", "host-scan"])
        let first = plan.run()
        #expect(first == HuntRound(findings: 1, rows: ["port-scan": 1]))
        #expect(try titles(store) == ["10.0.0.3 tried 35 ports of 10.0.0.2"])
        let second = plan.run()
        #expect(second.findings == 0 && second.rows == first.rows)
        #expect(try self.plan(store.folder, ["port-scan"], since: 300_000).run().findings == 1)
        #expect(try titles(store) == ["10.0.0.1 tried 40 ports of 10.0.0.2", "10.0.0.3 tried 35 ports of 10.0.0.2"])
        #expect(try self.plan(store.folder, ["all"]).run().rows["port-scan"] == 1)
    }

    @Test func `parameters are those of their hunt`() throws {
        let store = try scans()
        #expect(try plan(store.folder, ["port-scan"], ["port-scan.ports_min=36"]).run().findings == 0)
        #expect(try plan(store.folder, ["port-scan"], [" port-scan.ports_min = 35"]).run().findings == 1)
    }

    @Test(arguments: [
        (["scan"], [], HuntError.Code.unknownHunt), (["port-scan"], ["port-scan.ports=9"], .parameter),
        (["port-scan"], ["host-scan.hosts_min=9"], .parameter), (["port-scan"], ["ports_min=9"], .parameter),
        (["port-scan"], ["port-scan.ports_min=many"], .parameter),
    ])
    func `a mistake shows before the first round`(_ names: [String], _ parameters: [String], _ code: HuntError.Code) {
        #expect(throws: HuntError(code, "", advice: "")) { try plan("/nowhere", names, parameters) }
    }

    @Test func `a hunt that cannot be run is a fault, and the others run all the same`() throws {
        let store = try scans()
        let round = try plan(store.folder, ["new-networks", "port-scan"]).run()
        #expect(round.findings == 1)
        #expect(round.faults.count == 1 && round.faults.first?.contains("MMDB") == true)
    }

    @Test func `a watcher hunts in a thread of its own, tells a fault once and stops at once`() throws {
        let store = try scans()
        let rounds = Mutex<[HuntRound]>([])
        let told = DispatchSemaphore(value: 0)
        let watcher = HuntWatcher(try plan(store.folder, ["new-networks", "port-scan"]), every: 1) { round in
            rounds.withLock { $0.append(round) }
            told.signal()
        }
        #expect(told.wait(timeout: .now() + 120) == .success)
        // A second scan for the next round; the fault is known by then.
        let appender = try store.appender()
        for port in 0..<50 {
            appender.append(TestStore.conn(190_000, "10.0.0.6", "10.0.0.2", port: UInt16(1000 + port), state: "REJ"))
        }
        try appender.commit()
        #expect(told.wait(timeout: .now() + 120) == .success)
        watcher.stop()
        let seen = rounds.withLock { $0 }
        #expect(seen.map(\.findings) == [1, 1])
        #expect(seen.map(\.faults.count) == [1, 0])
    }

    @Test func `on one core the same is found`() throws {
        let stores = try PlantedStores()
        let store = try stores.make("all")
        let hunt = try HuntLibrary(folder: huntFolder).hunt("beacons")
        let runner = HuntRunner(store: store, schemas: Schemas.logs)
        let found = try ScanCores.$count.withValue(1) { try runner.ask(hunt, plantedValues(hunt)) }
        #expect(identities(found) == plantedFindings["beacons"])
    }
}
