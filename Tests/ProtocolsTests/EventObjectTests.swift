// SPDX-License-Identifier: Apache-2.0
//
// Objects of EVE's events that analyzers make: Modbus, DNP3, PostgreSQL, SMB 1; whatever is sent, they are JSON.

import Foundation
import Testing
import Wire

@testable import Protocols
@testable import Records

/// Plays a conversation where events are wanted.
struct EventPlay: Sendable {
    let conversation: Conversation

    /// The members of each event, in order.
    func bodies(pieces: Int = .max, limit: Int = .max, damage: Int? = nil) -> [String] {
        var settings = AnalyzerSettings()
        settings.wantsEvents = true
        let bench = DatagramBench(
            conversation.make(), port: conversation.port, .tcp, settings,
            logs: [EventRecord.makeSchema()] + conversation.logs)
        var left = limit
        var at = 0
        for (direction, octets) in conversation.turns {
            var octets = Array(octets.prefix(left))
            left -= octets.count
            if let damage, damage >= at, damage < at + octets.count { octets[damage - at] ^= 0xFF }
            at += octets.count
            bench.send(octets, from: direction, pieces: pieces)
        }
        bench.finish()
        return bench.rows(.eve).compactMap { $0.text("body") }
    }

    /// The members of each event, read by a JSON reader that is not our own.
    func objects(_ name: String) throws -> [[String: Any]] {
        try bodies().compactMap { try EventPlay.read($0)[name] as? [String: Any] }
    }

    static func read(_ body: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data("{\(body)}".utf8)) as? [String: Any])
    }

    /// Pieces give the same events; what is cut short or damaged gives JSON.
    func expectRobust() throws {
        let whole = bodies()
        #expect(!whole.isEmpty)
        for pieces in 1...5 { #expect(bodies(pieces: pieces) == whole) }
        for offset in 0..<conversation.byteCount {
            for body in bodies(limit: offset) + bodies(damage: offset) { _ = try EventPlay.read(body) }
        }
    }
}

@Suite("objects of events") struct EventObjectTests {
    static let modbus = EventPlay(conversation: ModbusTests.session)
    static let postgres = EventPlay(conversation: PostgreSQLTests.session)
    static let objects: [UInt8] =
        // Analog inputs 3 and 4 with flags; binary inputs 0 to 9, packed; a time; a file that is opened.
        [30, 1, 0, 3, 4, 0x01, 0xFE, 0xFF, 0xFF, 0xFF, 0x81, 7, 0, 0, 0] + [1, 1, 0, 0, 9, 0b0000_0101, 0b10]
            + [50, 1, 7, 1, 1, 0, 0, 0, 0, 0] + [70, 4, 0x5B, 1, 15, 0] + [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 4, 0, 0]
            + Array("ok".utf8)
    static let dnp3 = EventPlay(
        conversation: DNP3Tests.conversation([
            DNP3Tests.ask(1, [60, 2, 6, 30, 1, 0, 3, 4]), DNP3Tests.answer(0x81, objects),
            DNP3Tests.ask(2, [50, 1, 7, 1, 1, 0, 0, 0, 0, 0]), DNP3Tests.answer(0x82, [200, 1, 7, 1, 9, 9]),
        ]))

    @Test func `a Modbus request and its response are one event`() throws {
        let events = try Self.modbus.objects("modbus")
        #expect(events.count == 5)
        let read = try #require(events[0]["response"] as? [String: Any])
        #expect(read["access_type"] as? String == "READ | COILS" && read["error_flags"] as? String == "NONE")
        let refused = try #require(events[2]["response"] as? [String: Any])
        #expect((refused["exception"] as? [String: Any])?["code"] as? String == "IllegalDataAddr")
        let unknown = try #require(events[3]["request"] as? [String: Any])
        #expect(unknown["function_code"] as? String == "Unknown")
        #expect(unknown["category"] as? String == "PUBLIC_UNASSIGNED")
        // The one without a response is written when the connection ends.
        #expect(events[4]["response"] == nil && events[4]["id"] as? Int == 5)
    }

    @Test func `a Modbus response that says another value than its request is marked`() throws {
        let play = EventPlay(
            conversation: ModbusTests.conversation([
                (.originator, ModbusTests.unit(1, [6, 0, 1, 0, 9])), (.responder, ModbusTests.unit(1, [6, 0, 1, 0, 8])),
            ]))
        let response = try #require(try play.objects("modbus")[0]["response"] as? [String: Any])
        #expect(response["error_flags"] as? String == "DATA_VALUE")
    }

    @Test func `objects of DNP3 have their points`() throws {
        let events = try Self.dnp3.objects("dnp3")
        #expect(events.map { $0["type"] as? String } == ["request", "response", "request", "unsolicited_response"])
        let applications = events.compactMap { $0["application"] as? [String: Any] }
        #expect(applications.map { $0["complete"] as? Bool } == [true, true, true, false])
        // A request to read names objects and sends none.
        let asked = try #require(applications[0]["objects"] as? [[String: Any]])
        #expect(asked.count == 2 && asked.allSatisfy { $0["points"] == nil })
        let found = try #require(applications[1]["objects"] as? [[String: Any]])
        let points = found.map { $0["points"] as? [[String: Any]] ?? [] }
        #expect(points.map(\.count) == [2, 10, 1, 1])
        #expect(points[0].map { $0["value"] as? Int } == [-2, 7] && points[0].map { $0["index"] as? Int } == [3, 4])
        #expect(points[0].map { $0["reserved0"] as? Int } == [0, 1])
        #expect(points[1].map { $0["state"] as? Int } == [1, 0, 1, 0, 0, 0, 0, 0, 0, 1])
        #expect(points[2][0]["timestamp"] as? Int == 1)
        #expect(points[3][0]["optional_text"] as? String == "ok" && points[3][0]["size"] as? Int == 15)
        #expect((events[1]["iin"] as? [String: Any])?["indicators"] as? [String] == ["device_restart", "need_time"])
    }

    @Test func `a DNP3 header that announces a million points makes none`() throws {
        let play = EventPlay(
            conversation: DNP3Tests.conversation([DNP3Tests.answer(0x81, [1, 1, 9, 0xFF, 0xFF, 0xFF, 0xFF, 0xAA])]))
        let application = try #require(try play.objects("dnp3")[0]["application"] as? [String: Any])
        #expect(application["complete"] as? Bool == false)
        let found = try #require(application["objects"] as? [[String: Any]])
        #expect((found[0]["points"] as? [[String: Any]])?.count == 8)
    }

    @Test func `a session of PostgreSQL has an event for each request, and no password`() throws {
        let events = try Self.postgres.objects("pgsql")
        #expect(events.map { $0["tx_id"] as? Int } == [1, 2, 3, 4, 5, 6])
        let asked = events.compactMap { $0["request"] as? [String: Any] }
        #expect(asked[0]["message"] as? String == "SSL Request")
        let parameters = try #require(asked[1]["startup_parameters"] as? [String: Any])
        #expect(parameters["user"] as? String == "anna")
        let answers = events.map { $0["response"] as? [String: Any] ?? [:] }
        #expect(answers[3]["data_rows"] as? Int == 1 && answers[3]["data_size"] as? Int == 1)
        #expect(answers[4]["message"] as? String == "no such thing")
        let plain = EventPlay(
            conversation: PostgreSQLTests.conversation([
                (.originator, PostgreSQLTests.login), (.responder, PostgreSQLTests.message("R", long(3))),
                (.originator, PostgreSQLTests.message("p", octets("hunter2\0"))),
            ]))
        #expect(plain.bodies().contains { $0.contains("password_redacted") })
        #expect(!plain.bodies().contains { $0.contains("hunter2") })
    }

    /// A file of version 1 is opened, marked for deletion and closed; one is renamed, and an error has a class.
    static let smb1 = EventPlay(
        conversation: SMBTests.conversation(
            Array(SMBTests.version1.turns.dropLast()) + [
                (
                    .originator,
                    SMBMade.message1(
                        0x32, 4,
                        words: zeros(18) + little(6, 2) + little(65, 2) + little(1, 2) + little(71, 2) + [1, 0]
                            + little(8, 2), little(0x4000, 2) + little(1013, 2) + zeros(2) + [1])
                ),
                (.responder, SMBMade.message1(0x32, 4, isResponse: true, words: zeros(20), [0])),
                (
                    .originator,
                    SMBMade.message1(0x07, 5, words: zeros(2), [4] + wide("b\0") + [4, 0] + wide("c\0"))
                ),
                (.originator, SMBMade.message1(0x33, 6, words: zeros(18), [])),
            ]))

    @Test func `version 1 of SMB tells names, times, deletions and new names`() throws {
        let events = try Self.smb1.objects("smb")
        let commands = events.compactMap { ($0["command"] as? String)?.dropFirst("SMB1_COMMAND_".count) }
        #expect(Set(commands) == ["TREE_CONNECT_ANDX", "NT_CREATE_ANDX", "TRANS2", "RENAME", "TRANS2_SECONDARY"])
        func event(_ command: String) throws -> [String: Any] {
            try #require(events.first { $0["command"] as? String == "SMB1_COMMAND_" + command })
        }
        let connected = try event("TREE_CONNECT_ANDX")
        #expect(connected["share"] as? String == "\\srv\\data")
        #expect(connected["service"] as? [String: String] == ["request": "?????", "response": "A:"])
        let created = try event("NT_CREATE_ANDX")
        #expect(created["filename"] as? String == "a.txt" && created["fuid"] as? String == "4000")
        #expect(created["created"] as? Int == 1_767_323_045 && created["size"] as? Int == 12)
        let deleted = try event("TRANS2")
        #expect(deleted["filename"] as? String == "a.txt" && deleted["access"] as? String == "delete on close")
        #expect(try event("RENAME")["rename"] as? [String: String] == ["from": "b", "to": "c"])
    }

    @Test(arguments: [modbus, dnp3, postgres, smb1])
    func `pieces, cuts and damage leave JSON`(_ play: EventPlay) throws {
        try play.expectRobust()
    }
}
