// SPDX-License-Identifier: Apache-2.0
//
// weir rules test, profile and reload, weir alerts: rules tried on the repository's captures.

import Capture
import Foundation
import Records
import Signatures
import Testing

@testable import Sensor

@Suite("rules on captures") struct RuleTrialTests {
    private static let pack = Repository.root + "/Signatures/weir.rules"

    private func trial(_ rule: String, beside rules: String? = nil, isBeside: Bool = false) throws -> RuleTrial {
        var settings = Settings()
        if let rules { settings.rulePaths = [rules] }
        var source = try CaptureSource(paths: [Repository.intrusion], options: CaptureOptions(isLenient: false))
        return try RuleTrial(rule, isBeside: isBeside, settings: settings, source: &source)
    }

    @Test func `a rule that fires says where`() throws {
        let found = try trial(
            """
            alert http any any -> any any (msg:"x"; flow:established,to_server; http.uri; content:"/etc/"; \
            content:"passwd"; distance:0; sid:7; rev:1;)
            """)
        #expect(found.hitCount >= 1)
        #expect(found.failingStep == nil)
        #expect(found.steps.map(\.text).first == "alert http any any -> any any")
        #expect(found.steps.map(\.text).contains("content:\"passwd\"; distance:0;"))
        // Each test takes away, none adds.
        let counts = found.steps.dropFirst().map(\.alertCount)
        #expect(zip(counts, counts.dropFirst()).allSatisfy { $0 >= $1 })
        let hit = try #require(found.hits.first)
        #expect(hit.uid != nil && hit.buffer == "http.uri" && hit.originator.contains(":"))
        #expect(String(decoding: hit.matched, as: UTF8.self) == "passwd")
    }

    @Test func `a rule that does not fire says at which test`() throws {
        let found = try trial(
            """
            alert http any any -> any any (msg:"x"; flow:established,to_server; http.method; content:"GET"; http.uri; \
            content:"no such page"; http.host; content:"."; threshold:type limit, track by_src, count 1, seconds 9; \
            sid:7; rev:1;)
            """)
        #expect(found.hitCount == 0 && found.hits.isEmpty)
        let stop = try #require(found.failingStep)
        #expect(found.steps[stop].text == "http.uri; content:\"no such page\";")
        #expect(found.steps[stop - 1].alertCount > 0)
    }

    @Test func `rules beside it set the bits that it needs`() throws {
        let folder = try TestFolder()
        let setter = try folder.write(
            "a.rules",
            Array(
                """
                alert http any any -> any any (msg:"s"; flow:to_server; http.method; content:"GET"; \
                flowbits:set,got; flowbits:noalert; sid:1; rev:1;)

                """.utf8))
        let rule = """
            alert http any any -> any any (msg:"x"; flow:to_client; flowbits:isset,got; http.stat_code; \
            content:"200"; sid:2; rev:1;)
            """
        #expect(try trial(rule, beside: setter).hitCount > 0)
        let alone = try trial(rule)
        #expect(alone.hitCount == 0)
        #expect(alone.failingStep.map { alone.steps[$0].text } == "flowbits:isset,got;")
    }

    @Test func `a silent rule is told as such, and its steps leave no marks`() throws {
        let found = try trial(
            """
            alert http any any -> any any (msg:"x"; flow:to_server; http.method; content:"GET"; \
            flowbits:isnotset,seen; flowbits:set,seen; noalert; sid:3; rev:1;)
            """)
        #expect(found.isSilent)
        // With the mark of the last step the one before it would be set back.
        #expect(found.hitCount > 0)
        #expect(found.steps.last?.alertCount == found.hitCount)
    }

    @Test(arguments: ["alert http any any", "alert http any any -> any any (content:\"|4|\"; sid:1;)", ""])
    func `what is no rule is refused with the reason`(_ rule: String) throws {
        let error = #expect(throws: SettingsError.self) { _ = try trial(rule) }
        #expect(error?.description.contains("does not load") == true)
    }

    @Test func `every rule of the starter pack can be taken apart, and its last step is the rule`() throws {
        let bytes = try octets(Self.pack)
        var loader = try RuleLoader()
        loader.load(bytes, name: "weir.rules", folder: nil)
        for rule in loader.finished().set.rules {
            let text = try #require(RuleFinder.rule(rule.id.signature, in: bytes))
            let steps = try RuleSteps(text).steps
            var last = try RuleLoader()
            last.load(Array(steps.map(\.rule).joined(separator: "\n").utf8), name: "steps", folder: nil)
            let loaded = last.finished()
            #expect(!loaded.rejected.contains { $0.line == steps.count }, "\(rule.id.signature) \(loaded.rejected)")
        }
    }

    // MARK: the starter pack on captures

    /// Numbers of the pack's rules that fire on a capture, each with its count.
    private func alerts(_ capture: String) throws -> [Int: Int] {
        let folder = try TestFolder()
        var run = TestRun()
        run.settings.rulePaths = [Self.pack]
        run.settings.alerts.foldSeconds = 0
        let rules = try run.settings.loadRules { Issue.record("\($0)") }
        try run.replay([capture], into: folder.path, rules: rules)
        let numbers = try LogLines(folder.path + "/logs/alert.log").numbers("signature_id")
        return Dictionary(grouping: numbers.map { Int($0) }) { $0 }.mapValues(\.count)
    }

    @Test func `the pack finds the break-in, step by step`() throws {
        let found = try alerts(Repository.intrusion)
        // Traversal, Log4j, Shellshock, SQL injection, upload and web shell, reverse shell, tunnel, passwords.
        let steps = [
            9_000_013, 9_000_015, 9_000_016, 9_000_026, 9_000_029, 9_000_030, 9_000_048, 9_000_052, 9_000_066,
        ]
        for number in steps { #expect(found[number, default: 0] >= 1, "\(number)") }
    }

    @Test func `in an office the pack finds passwords in the clear and nothing else`() throws {
        #expect(Set(try alerts(Repository.office).keys) == [9_000_066, 9_000_067])
    }

    @Test func `the log of signatures says where each rule matched, as the alerts do`() throws {
        let folder = try TestFolder()
        var run = TestRun()
        run.settings.rulePaths = [
            try folder.write(
                "a.rules",
                Array(
                    """
                    alert http any any -> any any (msg:"u"; http.uri; content:"/etc/"; content:"passwd"; sid:1;)
                    alert tcp any any -> any any (msg:"p"; flow:established; dsize:>0; sid:2;)
                    """.utf8))
        ]
        run.settings.alerts.foldSeconds = 0
        let rules = try run.settings.loadRules { Issue.record("\($0)") }
        try run.replay([Repository.intrusion], into: folder.path, rules: rules)
        let alerts = try LogLines(folder.path + "/logs/alert.log")
        let matches = try LogLines(folder.path + "/logs/signatures.log")
        #expect(matches.rows.count == alerts.rows.count && !matches.rows.isEmpty)
        #expect(matches.texts("buffer") == alerts.texts("buffer") && Set(matches.texts("buffer")) == ["http.uri"])
        #expect(matches.numbers("offset") == alerts.numbers("offset"))
        #expect(matches.texts("sub_msg") == alerts.texts("matched") && matches.texts("uid") == alerts.texts("uid"))
        // A rule that looks for nothing in the octets has no place in them.
        #expect(matches.rows.contains { $0["sig_id"] as? String == "1:2:0" && $0["buffer"] == nil })
    }

    @Test func `alerts of one rule between the same hosts are one row with a count, and lines elsewhere`() throws {
        let folder = try TestFolder()
        var run = TestRun()
        let rule = "alert http any any -> any any (msg:\"u\"; flow:to_server; http.method; content:\"GET\"; sid:1;)"
        run.settings.rulePaths = [try folder.write("a.rules", Array(rule.utf8))]
        var rows: [Int] = []
        for (name, seconds) in [("folded", 3600), ("each", 0)] {
            run.settings.alerts.foldSeconds = seconds
            let rules = try run.settings.loadRules { Issue.record("\($0)") }
            try run.replay([Repository.intrusion], into: folder.path + "/" + name, rules: rules)
            let alerts = try LogLines(folder.path + "/\(name)/logs/alert.log")
            let matches = try LogLines(folder.path + "/\(name)/logs/signatures.log")
            #expect(alerts.numbers("count").reduce(0, +) == Double(matches.rows.count))
            rows.append(alerts.rows.count)
            guard seconds > 0 else { continue }
            let pairs = alerts.rows.map { "\($0["id.orig_h"] ?? "") \($0["id.resp_h"] ?? "")" }
            #expect(Set(pairs).count == pairs.count && alerts.numbers("count").contains { $0 > 1 })
            for row in alerts.rows {
                let (first, last) = (row["first_ts"] as? Double ?? 0, row["last_ts"] as? Double ?? 0)
                #expect(first > 0 && first <= last && (row["ts"] as? Double) == first)
            }
        }
        #expect(rows[0] < rows[1])
    }

    @Test func `a packed rule file that is cut off is refused, and no part of it loads`() throws {
        let folder = try TestFolder()
        // The head of gzip, and the beginning of a block that would hold an "a" (RFC 1952, RFC 1951).
        let path = try folder.write("a.rules.gz", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x4B])
        #expect(performing: { _ = try RuleFileBytes.read(path) }, throws: { error in
            (error as? RuleFileError)?.text.contains("cut off") == true
        })
    }

    // MARK: commands

    @Test(.enabled(if: WeirCommand.isBuilt)) func `the commands answer, and their status tells`() throws {
        let folder = try TestFolder()
        let fires = try WeirCommand.run(["rules", "test", "9000013", "--rules", Self.pack, "-r", Repository.intrusion])
        #expect(fires.status == 0 && fires.output.contains("the rule fires 1 times"), "\(fires)")
        let silent = try WeirCommand.run(
            ["rules", "test", "9000013", "--rules", Self.pack, "-r", Repository.office, "--format", "json"])
        #expect(silent.status == 1)
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(silent.output.utf8)) as? [String: Any])
        #expect(report["fires"] as? Bool == false && report["stopsAt"] != nil)
        let profile = try WeirCommand.run(
            ["rules", "profile", "--rules", Self.pack, "-r", Repository.intrusion, "--format", "json", "--limit", "0"])
        let costs = try #require(
            try JSONSerialization.jsonObject(with: Data(profile.output.utf8)) as? [[String: Any]])
        let times = costs.compactMap { $0["microseconds"] as? Double }
        #expect(times.count == costs.count && times == times.sorted(by: >) && !times.isEmpty)
        #expect(costs.contains { $0["sid"] as? Int == 9_000_013 && $0["matches"] as? Int == 1 })
        let store = folder.path + "/store"
        let replay = try WeirCommand.run(["replay", Repository.intrusion, "--rules", Self.pack, "--store", store])
        #expect(replay.status == 0)
        let alerts = try WeirCommand.run(["alerts", "--store", store, "--format", "json"])
        let lines = try alerts.output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let severities = lines.compactMap { $0["severity"] as? Int }
        #expect(severities.count == lines.count && severities == severities.sorted() && lines.count > 9)
        #expect(lines.contains { $0["rule_id"] as? String == "1:9000066:1" && ($0["alerts"] as? Int ?? 0) > 5 })
        for (option, value) in [("--host", "nobody"), ("--source", "rumour"), ("--severity", "9"), ("--limit", "0")] {
            let refused = try WeirCommand.run(["alerts", "--store", store, option, value])
            #expect(refused.status == 64 && refused.errors.contains("\(option) \(value)"), "\(refused)")
        }
        let empty = try folder.write("empty.rules", [])
        for command in ["check", "explain"] {
            let silent = try WeirCommand.run(["rules", command, empty])
            #expect(silent.status == 0 && silent.errors.contains("no rule stands in"), "\(silent)")
        }
        let noise = try folder.write("noise.rules", [UInt8](0...255) + [10, 0, 0x61])
        let refused = try WeirCommand.run(["rules", "explain", noise])
        #expect(refused.output.isEmpty && refused.errors.contains("rules do not load"), "\(refused)")
        let none = try WeirCommand.run(["rules", "profile", "--rules", noise, "-r", Repository.office])
        #expect(none.status == 2 && none.errors.contains("no rule loads"), "\(none)")
        let wrong = try folder.write("threshold.config", Array("suppress all".utf8))
        let stopped = try WeirCommand.run(["replay", Repository.office, "--rules", Self.pack, "--threshold", wrong])
        #expect(stopped.status == 2 && stopped.errors.contains("\(wrong):1: 'suppress all' lacks"), "\(stopped)")
        let nobody = try WeirCommand.run(["rules", "reload", "--store", store])
        #expect(nobody.status == 2 && nobody.errors.contains("no sensor writes to this store"))
    }
}
