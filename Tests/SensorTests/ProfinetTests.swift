// SPDX-License-Identifier: Apache-2.0
//
// PROFINET's discovery, from frames without IP to rows: whole, cut, with lengths that lie.

import Capture
import Foundation
import Records
import Sensor
import Testing

@Suite("profinet") struct ProfinetTests {
    private static func block(_ option: UInt8, _ suboption: UInt8, _ data: [UInt8]) -> [UInt8] {
        [option, suboption] + Make.two(data.count) + data + (data.count % 2 == 0 ? [] : [0])
    }

    private static func frame(_ id: UInt8, _ service: UInt8, _ type: UInt8, _ blocks: [UInt8]) -> [UInt8] {
        let head = [0xFE, id, service, type, 1, 0, 0, 1, 0, 0] + Make.two(blocks.count)
        return Make.ethernet(head + blocks, type: 0x8892)
    }

    private static let identify = frame(0xFE, 5, 0, [255, 255, 0, 0])
    private static let answer = frame(
        0xFF, 5, 1,
        block(2, 2, [0, 0] + Array("plc-1".utf8)) + block(2, 1, [0, 0] + Array("S7-1200".utf8))
            + block(2, 3, [0, 0, 0, 0x2A, 1, 0x0D]) + block(2, 4, [0, 0, 3, 0])
            + block(1, 2, [0, 1, 192, 168, 0, 1, 255, 255, 255, 0, 192, 168, 0, 254]))
    private static let rename = frame(0xFD, 4, 0, block(2, 2, [0, 1] + Array("evil".utf8)))
    private static let refused = frame(0xFD, 4, 1, block(5, 4, [2, 2, 6]))

    private func rows(_ frames: [[UInt8]], workers: Int = 1) throws -> [[String: Any]] {
        let folder = try TestFolder()
        let path = try folder.write("x.pcap", TestCapture.make(frames.map { TestPacket($0) }))
        var run = TestRun()
        run.workers = workers
        _ = try run.replay([path], into: folder.path)
        return try LogLines(folder.path + "/logs/profinet_dcp.log").rows
    }

    @Test(arguments: [1, 2]) func `each frame is a row, whatever the number of workers`(_ workers: Int) throws {
        let rows = try rows([Self.identify, Self.answer, Self.rename, Self.refused], workers: workers)
        #expect(rows.map { $0["service"] as? String } == ["Identify", "Identify", "Set", "Set"])
        #expect(rows.map { $0["service_type"] as? String } == ["Request", "Response", "Request", "Response"])
        #expect(rows[0]["blocks"] as? [String] == ["All"])
        #expect(rows[1]["station_name"] as? String == "plc-1")
        #expect(rows[1]["station_type"] as? String == "S7-1200")
        #expect(rows[1]["vendor_id"] as? String == "0x002a")
        #expect(rows[1]["role"] as? String == "device,controller")
        #expect(rows[1]["ip"] as? String == "192.168.0.1")
        #expect(rows[1]["gateway"] as? String == "192.168.0.254")
        #expect(rows[2]["station_name"] as? String == "evil")
        #expect(rows[3]["result"] as? String == "set not possible in operation")
    }

    @Test func `cut frames keep what is there`() throws {
        let cuts = (17..<Self.answer.count).map { Array(Self.answer[..<$0]) }
        let rows = try rows(cuts)
        #expect(rows.count <= cuts.count)
        #expect(rows.allSatisfy { $0["station_name"] == nil || $0["station_name"] as? String == "plc-1" })
    }

    @Test func `changed octets are no harm`() throws {
        var frames: [[UInt8]] = []
        for place in 14..<Self.answer.count {
            for value in [0, 0x7F, 0xFF] as [UInt8] {
                var frame = Self.answer
                frame[place] = value
                frames.append(frame)
            }
        }
        #expect(try rows(frames).count <= frames.count)
    }

    @Test func `cyclic data of the same type is no row`() throws {
        let cyclic = Make.ethernet([0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], type: 0x8892)
        #expect(try rows([cyclic, Make.ethernet([UInt8](repeating: 7, count: 40), type: 0x88CC)]).isEmpty)
    }
}
