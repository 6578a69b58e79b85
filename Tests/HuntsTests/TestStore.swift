// SPDX-License-Identifier: Apache-2.0
//
// A store for a test, gone when the test is.

import Capture
import Flows
import Foundation
import Records
import Sensor
import Store

/// A folder with rows that a test writes.
final class TestStore {
    let folder: String
    static let start = Timestamp(seconds: 1_795_000_000)

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "weir-hunts-\(UUID())").path
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func appender() throws -> StoreAppender { try StoreAppender(folder: folder, sensorName: "test") }

    /// Reads one of the repository's captures into the store.
    func replay(_ capture: String) throws {
        let pcaps = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "pcaps").path
        let writer = try StoreWriter(folder: folder)
        _ = try writer.beginSource(identity: capture)
        var source = try CaptureSource(paths: ["\(pcaps)/\(capture).pcap"])
        _ = try Replay(settings: Settings(), workerCount: 1)
            .run(&source, into: Outputs(logs: nil, store: writer, isReplay: true))
    }

    /// A connection of TCP, `seconds` behind the start.
    static func conn(
        _ seconds: Double, _ source: String, _ target: String, uid: UInt64 = 0, port: UInt16 = 443, sent: UInt64 = 500,
        received: UInt64 = 900, duration: Double = 0.1, state: StaticString = "SF"
    ) -> ConnRecord {
        var conn = ConnRecord()
        conn.ts = start.adding(Int64(seconds * 1e6) * 1000)
        conn.uid = UID(value: uid == 0 ? UInt64.random(in: 1 ... .max) : uid)
        conn.id = ConnectionID(
            originator: Address(source) ?? Address(v4: 0), responder: Address(target) ?? Address(v4: 0),
            originatorPort: 40_000, responderPort: port, transport: .tcp, protocolNumber: 6)
        conn.protocolNumber = 6
        conn.state = state
        conn.duration = Int64(duration * 1e9)
        conn.originatorBytes = sent
        conn.responderBytes = received
        conn.originatorPackets = 5
        conn.responderPackets = 5
        conn.originatorIPBytes = sent + 200
        conn.responderIPBytes = received + 200
        return conn
    }
}
