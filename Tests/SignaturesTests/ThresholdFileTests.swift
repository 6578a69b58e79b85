// SPDX-License-Identifier: Apache-2.0
//
// threshold.config and its neighbours: what they give the rules, and how a wrong line is told.

import Foundation
import Records
import Testing

@testable import Signatures

@Suite("threshold.config") struct ThresholdFileTests {
    private static let plain = "alert tcp any any -> any any (flags:S; sid:1;)\n"
    private static let counted =
        "alert tcp any any -> any any (flags:A; threshold:type limit, track by_src, count 1, seconds 60; sid:2;)\n"

    private func load(_ text: String, variables: [String: String] = [:]) throws -> LoadedRules {
        let path = FileManager.default.temporaryDirectory.appending(path: "weir-\(UUID()).config").path
        try Data(text.utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = RuleLoaderOptions()
        options.thresholdPath = path
        options.variables = variables
        var loader = try RuleLoader(options)
        loader.load(Array((Self.plain + Self.counted).utf8), name: "test", folder: nil)
        return loader.finished()
    }

    /// The limits of a rule, each as its kind and its count.
    private func limits(_ text: String, of signature: UInt32) throws -> [String] {
        let set = try load(text).set
        let rule = try #require(set.rules.first { $0.id.signature == signature })
        return rule.limits.indices.map { "\(set.limits[$0].kind) \(set.limits[$0].count)" }
    }

    @Test(arguments: [
        ("", ["limit 1"]),
        // What is said of this one rule replaces what the rule says; the last such line holds.
        ("event_filter gen_id 1, sig_id 2, type both, track by_src, count 3, seconds 9", ["both 3"]),
        (
            """
            threshold gen_id 1, sig_id 2, type limit, track by_src, count 3, seconds 9
            threshold gen_id 1, sig_id 2, type limit, track by_dst, count 4, seconds 9
            """, ["limit 4"]
        ),
        // What is said of all rules, and a rate, yields to the rule.
        ("event_filter gen_id 1, sig_id 0, type both, track by_src, count 3, seconds 9", ["limit 1"]),
        ("rate_filter gen_id 1, sig_id 2, track by_src, count 3, seconds 9, new_action drop, timeout 9", ["limit 1"]),
        // What suppresses stands before what counts, wherever it is written.
        ("suppress gen_id 1, sig_id 2, track by_dst, ip [10.0.0.0/8,!10.1.0.0/16]", ["suppress 1", "limit 1"]),
        ("suppress \\\n  gen_id 0, \\\n  sig_id 0", ["suppress 1", "limit 1"]),
        ("event_filter gen_id 2, sig_id 0, type both, track by_src, count 3, seconds 9", ["limit 1"]),
    ]) func `what a file says of a rule that has a threshold of its own`(_ text: String, _ found: [String]) throws {
        #expect(try limits(text, of: 2) == found)
    }

    @Test func `a rate filter holds for a rule that counts nothing else, and an event filter replaces it`() throws {
        let rate = "rate_filter gen_id 1, sig_id 1, track by_rule, count 7, seconds 9, new_action pass, timeout 9"
        #expect(try limits(rate, of: 1) == ["rateFilter 7"])
        let filter = "event_filter gen_id 1, sig_id 1, type limit, track by_src, count 2, seconds 9"
        #expect(try limits("\(rate)\n\(filter)", of: 1) == ["limit 2"])
        #expect(try limits("\(filter)\n\(rate)", of: 1) == ["limit 2"])
    }

    @Test func `addresses are looked up among the variables that were given`() throws {
        let text = "suppress gen_id 1, sig_id 1, track by_src, ip $HOME_NET"
        for (network, isInside) in [("10.9.0.0/16", true), ("10.8.0.0/16", false)] {
            let set = try load(text, variables: ["HOME_NET": network]).set
            let rule = try #require(set.rules.first { $0.id.signature == 1 })
            let limit = set.limits[try #require(rule.limits.indices.first)]
            let addresses = set.addressSets[Int(limit.addresses)]
            #expect(limit.track == .source && addresses.contains(Address(v4: 0x0A09_0001)) == isInside)
        }
    }

    @Test func `a line for a rule that is not there is told of`() throws {
        let loaded = try load("suppress gen_id 1, sig_id 1\n# a comment\nsuppress gen_id 1, sig_id 99\n")
        #expect(loaded.warnings.map(\.line) == [3])
        #expect(loaded.warnings.first?.sentence.contains("no rule 1:99 is loaded") == true)
    }

    @Test(arguments: [
        ("foo gen_id 1, sig_id 1", 1, "'foo' is not known"), ("\nsuppress gen_id 1", 2, "lacks gen_id or sig_id"),
        ("suppress gen_id 1, sig_id x", 1, "lacks gen_id or sig_id"),
        ("suppress gen_id 1, sig_id 1, track by_src", 1, "suppress takes track"),
        ("suppress gen_id 1, sig_id 1, ip 10.0.0.1", 1, "suppress takes track"),
        ("suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.0/99", 1, "is no address"),
        ("suppress gen_id 1, sig_id 1, track by_src, ip $NOWHERE", 1, "NOWHERE"),
        ("suppress gen_id 1, sig_id 1 \\", 1, "nothing follows"),
        ("event_filter gen_id 1, sig_id 1, type limit, count 2, seconds 60", 1, "lacks track or count"),
        ("event_filter gen_id 1, sig_id 1, track by_src, count 2, seconds 60", 1, "has no type"),
        ("rate_filter gen_id 1, sig_id 1, track by_src, count 3, seconds 9, timeout 2", 1, "rate_filter takes"),
        (
            "rate_filter gen_id 1, sig_id 1, track by_src, count 0, seconds 9, new_action drop, timeout 2", 1,
            "rate_filter takes"
        ),
        (
            "rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 9, new_action shout, timeout 2", 1,
            "new_action 'shout'"
        ),
    ]) func `a wrong line is refused with its number and the reason`(
        _ text: String, _ line: Int, _ reason: String
    ) throws {
        let error = try #require(throws: RuleFileError.self) { _ = try load(text) }
        #expect(error.path.hasSuffix(".config:\(line)") && error.reason.contains(reason), "\(error)")
        #expect("\(error)" == "\(error.path): \(error.reason)")
    }
}
