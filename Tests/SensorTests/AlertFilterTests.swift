// SPDX-License-Identifier: Apache-2.0
//
// What spans connections and decides which matches become alerts: suppress, event_filter, rate_filter.

import Foundation
import Records
import Testing

@testable import Sensor
@testable import Signatures

@Suite("filter of alerts") struct AlertFilterTests {
    private static let packetRule = "alert tcp any any -> any any (msg:\"a\"; flags:S; sid:1;)"
    private static let flowRule = "alert http any any -> any any (msg:\"b\"; http.uri; content:\"a\"; sid:1;)"

    private func rules(_ text: String, thresholds: String) throws -> RuleSet {
        let folder = try TestFolder()
        var options = RuleLoaderOptions()
        options.thresholdPath = try folder.write("threshold.config", Array(thresholds.utf8))
        var loader = try RuleLoader(options)
        loader.load(Array(text.utf8), name: "test", folder: nil)
        let loaded = loader.finished()
        try #require(loaded.rejected.isEmpty && loaded.warnings.isEmpty)
        return loaded.set
    }

    private func candidate(
        _ set: RuleSet, _ rule: UInt32 = 0, from host: UInt32 = 1, at seconds: Double, packet: UInt64, flow: UInt64 = 1
    ) -> AlertCandidate {
        var facts = PacketFacts()
        facts.now = Timestamp(nanoseconds: Int64(seconds * 1e9))
        (facts.source, facts.target) = (Address(v4: host), Address(v4: 0x0A00_0001))
        let id = ConnectionID(
            originator: facts.source, responder: facts.target, originatorPort: 1, responderPort: 2, transport: .tcp,
            protocolNumber: 6)
        let alert = SignatureAlert(
            rule: rule, slot: nil, facts: facts, isToServer: true, transaction: nil, application: .unknown)
        return AlertCandidate(order: packet, ordinal: 1, set: set, alert: alert, uid: UID(value: flow), id: id)
    }

    /// What becomes of one match at each of the times: its action, "-" where it is no alert.
    private func play(_ set: RuleSet, at times: [Double], flows: Bool = false) -> [String] {
        var filter = AlertFilter()
        return times.enumerated().map { place, time in
            let number = UInt64(place)
            var candidate = candidate(set, at: time, packet: number, flow: flows ? number : 1)
            guard filter.admits(&candidate) else { return "-" }
            return "\(candidate.action)\(candidate.isBlocked ? "!" : "")"
        }
    }

    @Test func `what is suppressed does not count for the threshold of its rule`() throws {
        let rule =
            "alert tcp any any -> any any (msg:\"a\"; flags:S; "
            + "threshold:type limit, track by_dst, count 1, seconds 60; sid:1;)"
        let set = try rules(rule, thresholds: "suppress gen_id 1, sig_id 1, track by_src, ip 0.0.0.1")
        var filter = AlertFilter()
        var outcomes: [Bool] = []
        for host in [1, 2, 2] as [UInt32] {
            var one = candidate(set, from: host, at: 1, packet: UInt64(host))
            outcomes.append(filter.admits(&one))
        }
        #expect(outcomes == [false, true, false])
    }

    @Test(arguments: [
        // Two in ten seconds are the rule's own; then the filter acts until more than four seconds are over. The match
        // that ends this is the rule's again, and the next one begins it anew, as the window still counts.
        (
            "count 2, seconds 10, new_action drop, timeout 4", [0, 1, 2, 3, 6.9, 7, 7.5, 30],
            ["alert", "alert", "drop!", "drop!", "drop!", "alert", "drop!", "alert"]
        ),
        // Whole seconds are compared.
        (
            "count 1, seconds 10, new_action reject, timeout 0", [0.1, 0.2, 0.9, 1.0, 1.1],
            ["alert", "rejectSource!", "rejectSource!", "alert", "rejectSource!"]
        ),
        ("count 1, seconds 10, new_action pass, timeout 3", [0, 1, 2, 5, 6], ["alert", "-", "-", "alert", "-"]),
        ("count 1, seconds 10, new_action alert, timeout 3", [0, 1, 2], ["alert", "alert", "alert"]),
        ("count 1, seconds 1, new_action drop, timeout 3", [0, 2, 4, 6], ["alert", "alert", "alert", "alert"]),
    ]) func `a rate filter changes what a rule does, for a while`(
        _ filter: String, _ times: [Double], _ outcomes: [String]
    ) throws {
        let set = try rules(
            Self.packetRule, thresholds: "rate_filter gen_id 1, sig_id 1, track by_rule, \(filter)")
        #expect(play(set, at: times) == outcomes)
    }

    @Test func `behind a drop of a rule of flows nothing of the flow follows, and other flows go on`() throws {
        let line = "rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 10, new_action drop, timeout 9"
        let set = try rules(Self.flowRule, thresholds: line)
        #expect(play(set, at: [0, 1, 2, 3]) == ["alert", "drop!", "-", "-"])
        #expect(play(set, at: [0, 1, 2, 3], flows: true) == ["alert", "drop!", "drop!", "drop!"])
    }

    @Test func `by flow a rate filter counts for each flow`() throws {
        let line = "rate_filter gen_id 1, sig_id 1, track by_flow, count 1, seconds 10, new_action drop, timeout 9"
        let set = try rules(Self.packetRule, thresholds: line)
        #expect(play(set, at: [0, 1, 2]) == ["alert", "drop!", "drop!"])
        #expect(play(set, at: [0, 1, 2], flows: true) == ["alert", "alert", "alert"])
    }

    @Test func `a pass ends the alerts of its packet, and those of the next packet are there again`() throws {
        let both = Self.packetRule + "\nalert tcp any any -> any any (msg:\"b\"; flags:S; sid:2;)"
        let line = "rate_filter gen_id 1, sig_id 1, track by_rule, count 1, seconds 10, new_action pass, timeout 9"
        let set = try rules(both, thresholds: line)
        var filter = AlertFilter()
        var outcomes: [Bool] = []
        for (packet, rule) in [(1, 0), (1, 1), (2, 0), (2, 1), (3, 1)] as [(UInt64, UInt32)] {
            var one = candidate(set, rule, at: Double(packet), packet: packet)
            outcomes.append(filter.admits(&one))
        }
        #expect(outcomes == [true, true, false, false, true])
    }
}
