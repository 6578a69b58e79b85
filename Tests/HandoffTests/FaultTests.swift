// SPDX-License-Identifier: Apache-2.0
//
// What answers mean, how long to wait, secrets that are not shown.

import Foundation
import Testing

@testable import Handoff

@Suite("faults") struct FaultTests {
    private func answer(_ status: Int, _ body: String = "", retryAfter: Double? = nil) -> HTTPAnswer {
        HTTPAnswer(status: status, retryAfter: retryAfter, body: Array(body.utf8), excerpt: body)
    }

    private func name(_ outcome: DeliveryOutcome) -> String {
        switch outcome {
        case .delivered: "delivered"
        case .passing: "passing"
        case .refused: "refused"
        case .stopped: "stopped"
        }
    }

    @Test(arguments: [
        (200, "delivered"), (201, "delivered"), (204, "delivered"), (301, "refused"), (302, "refused"),
        (307, "refused"),
        (400, "refused"), (401, "stopped"), (403, "stopped"), (404, "refused"), (408, "passing"), (409, "refused"),
        (413, "refused"), (422, "refused"), (429, "passing"), (500, "passing"), (502, "passing"), (503, "passing"),
    ])
    func `a status passes, is for good, or stops the connector`(_ status: Int, _ expected: String) {
        #expect(name(.of(answer(status))) == expected)
    }

    @Test(arguments: [
        (200, 0, "delivered"), (403, 1, "stopped"), (401, 2, "stopped"), (401, 3, "stopped"), (403, 4, "stopped"),
        (400, 5, "refused"), (400, 6, "refused"), (400, 7, "stopped"), (500, 8, "passing"), (503, 9, "passing"),
        (400, 10, "refused"), (400, 11, "refused"), (400, 12, "refused"), (400, 13, "refused"), (400, 15, "refused"),
        (503, 18, "passing"), (503, 20, "passing"), (503, 23, "passing"), (429, 26, "passing"), (429, 27, "passing"),
        (413, 9, "refused"), (400, 9, "refused"), (200, 6, "refused"),
    ])
    func `the collector's codes decide with the status`(_ status: Int, _ code: Int, _ expected: String) {
        let outcome = SplunkConnector.outcome(answer(status, "{\"text\":\"x\",\"code\":\(code)}"))
        #expect(name(outcome) == expected)
    }

    @Test(arguments: [
        ("7", 7.0), (" 120 ", 120), ("0", 0), ("99999999999999999999999", 86_400),
        ("Thu, 01 Aug 2024 08:13:50 GMT", 30), ("Thursday, 01-Aug-24 08:13:50 GMT", 30),
        ("Thu Aug  1 08:13:50 2024", 30), ("Thu, 01 Aug 2024 08:00:00 GMT", 0),
    ])
    func `Retry-After is seconds or a date`(_ field: String, _ seconds: Double) throws {
        let found = try #require(RetryAfter.seconds(field, now: 1_722_500_000))
        #expect(abs(found - seconds) < 0.01)
    }

    @Test(arguments: ["", "soon", "-5", "1.5", "Thu, 99 Aug 2024 08:13:50 GMT"])
    func `what is no Retry-After says nothing`(_ field: String) {
        #expect(RetryAfter.seconds(field, now: 0) == nil)
    }

    @Test func `pauses double up to the longest, half of each by chance`() {
        let backOff = BackOff()
        #expect(backOff.seconds(attempts: 1, chance: 0) == 0.5)
        #expect(backOff.seconds(attempts: 1, chance: 1) == 1)
        #expect(backOff.seconds(attempts: 4, chance: 1) == 8)
        #expect(backOff.seconds(attempts: 100, chance: 1) == 300)
        #expect(backOff.seconds(attempts: 100, chance: 0) == 150)
    }

    @Test func `a secret is dots wherever it is printed`() {
        let secret = Secret("s3cr3t-token")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped, String(describing: [secret])] {
            #expect(!text.contains("s3cr3t"), "\(text)")
        }
    }

    @Test func `an answer is kept without secrets and control characters, and not whole`() {
        let redaction = Redaction(["s3cr3t-token", "ab"])
        #expect(redaction.clean("token s3cr3t-token, \u{1B}[31mred\u{0}") == "token •••,  [31mred ")
        #expect(redaction.clean("about") == "about", "two letters are no secret")
        let long = redaction.clean(String(repeating: "ä", count: 5_000))
        #expect(long.utf8.count <= Redaction.answerBytesMax && long.hasSuffix("…"))
    }

    @Test func `a secret's file is for its owner alone`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "weir-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "token").path
        func write(_ text: String, _ mode: Int) throws {
            try? FileManager.default.removeItem(atPath: path)
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }
        func refusal() -> String {
            do throws(HandoffError) {
                _ = try Secret.read(file: path, key: "soc: secret_file")
                return ""
            } catch { return error.description }
        }
        try write("  top-secret \nsecond line\n", 0o600)
        #expect(try Secret.read(file: path, key: "k").exposed == "top-secret")
        try write("x", 0o644)
        #expect(refusal().contains("mode 644") && refusal().contains("chmod 600"))
        try write("x", 0o620)
        #expect(refusal().contains("others may"))
        try write("\n\n", 0o600)
        #expect(refusal().contains("empty"))
        try write("a\u{7}b", 0o600)
        #expect(refusal().contains("control"))
        try write(String(repeating: "x", count: 70_000), 0o600)
        #expect(refusal().contains("65536"))
        let link = folder.appending(path: "link").path
        try write("x", 0o644)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        #expect(throws: HandoffError.self) { _ = try Secret.read(file: link, key: "k") }
        #expect(throws: HandoffError.self) { _ = try Secret.read(file: folder.path, key: "k") }
        #expect(throws: HandoffError.self) { _ = try Secret.read(file: path + "x", key: "k") }
        #expect(throws: HandoffError.self) { _ = try Secret.read(variable: "NONE", key: "k", environment: [:]) }
        #expect(try Secret.read(variable: "A", key: "k", environment: ["A": "v"]).exposed == "v")
    }

    @Test func `texts are cut between characters`() {
        #expect("abc".cut(3) == "abc")
        #expect("abcdefg".cut(6) == "abc…")
        #expect("ääää".cut(7) == "ää…")
        #expect("ää".cut(2) == "")
    }
}
