// SPDX-License-Identifier: Apache-2.0
//
// Sigma rules: loading, refusing, matching.

import Foundation
import JSON
import Synchronization
import Testing

@testable import Sigma

/// A rule over AWS' records with this detection; lines of the detection without their indentation.
func ruleText(_ detection: String, more: String = "level: high") -> String {
    let body = detection.split(separator: "\n", omittingEmptySubsequences: false).map { "  " + $0 }
    return """
        title: T
        id: 11111111-2222-3333-4444-555555555555
        logsource:
          product: aws
          service: cloudtrail
        tags: [attack.t1078.004, attack.persistence]
        detection:
        \(body.joined(separator: "\n"))
        \(more)
        """
}

func refusal(_ text: String, _ placeholders: SigmaPlaceholders = [:]) -> SigmaRefusal.Code? {
    do throws(SigmaRefusal) {
        for document in try SigmaYAML.documents(text) { _ = try SigmaDocument(document, path: "x", placeholders) }
        return nil
    } catch {
        return error.code
    }
}

func matches(_ detection: String, _ json: String, _ placeholders: SigmaPlaceholders = [:]) throws -> Bool {
    let documents = try SigmaYAML.documents(ruleText(detection))
    guard case .rule(let rule) = try SigmaDocument(documents[0], path: "x", placeholders) else { return false }
    let matcher = SigmaMatcher([rule])
    var scratch = matcher.makeScratch()
    let paths = matcher.fields.map { SigmaPaths.paths(of: $0, provider: "aws") }
    let fields = SigmaRecordFields(record: try JSONDocument(json).root, paths: paths)
    return matcher.match(fields, &scratch) == [0]
}

@Suite("Sigma") struct SigmaTests {
    private static let event = """
        {"eventName":"DeleteTrail","eventSource":"cloudtrail.amazonaws.com","n":"7","num":12,"flag":true,\
        "none":null,"empty":"",
         "path":"C:\\\\Users\\\\a*b","userIdentity":{"type":"Root","arn":"arn:aws:iam::1:root"},"ip":"10.1.2.3",\
         "list":["a","Bc"],
         "same":"deletetrail","time":"2024-02-29T23:05:00Z","cmd":"tool –Enc x","b64":"xZm9vYmFyx",\
         "deep":[{"k":{"v":"one"}},{"k":{"v":"two"}}]}
        """

    @Test(arguments: [
        ("s:\n  eventName: deletetrail\ncondition: s", true),
        ("s:\n  eventname: DeleteTrai\ncondition: s", false),
        ("s:\n  eventName|cased: deletetrail\ncondition: s", false),
        ("s:\n  eventName|startswith: DELETE\ncondition: s", true),
        ("s:\n  eventName|endswith: trail\ncondition: s", true),
        ("s:\n  eventName|contains: letetr\ncondition: s", true),
        ("s:\n  eventName|contains|all: [letetr, xx]\ncondition: s", false),
        ("s:\n  eventName: [A, '*trail', B]\ncondition: s", true),
        ("s:\n  eventName: 'D?leteTrail'\ncondition: s", true),
        ("s:\n  eventName: 'D\\?leteTrail'\ncondition: s", false),
        ("s:\n  path: 'C:\\\\Users\\\\a\\*b'\ncondition: s", true),
        ("s:\n  path|endswith: '\\a\\*b'\ncondition: s", true),
        ("s:\n  eventName|neq: other\ncondition: s", true),
        ("s:\n  userIdentity.TYPE: root\n  eventSource|contains: cloudtrail\ncondition: s", true),
        ("s:\n  none: null\n  missing: null\ncondition: s", true),
        ("s:\n  eventName: null\ncondition: s", false),
        ("s:\n  empty: ''\ncondition: s", true),
        ("s:\n  missing: ''\ncondition: s", false),
        ("s:\n  empty|exists: true\n  missing|exists: false\ncondition: s", true),
        ("s:\n  num: 12\n  flag: true\n  n: '7'\ncondition: s", true),
        ("s:\n  n|lt: 8\n  num|gte: 12\ncondition: s", true),
        ("s:\n  num|gt: 12\ncondition: s", false),
        ("s:\n  ip|cidr: 10.0.0.0/8\ncondition: s", true),
        ("s:\n  ip|cidr: 10.2.0.0/16\ncondition: s", false),
        ("s:\n  list: bc\ncondition: s", true),
        ("s:\n  deep.k.v: two\ncondition: s", true),
        ("s:\n  userIdentity|contains: '\"type\":\"root\"'\ncondition: s", true),
        ("s:\n  eventName|re: '^Del.*l$'\ncondition: s", true),
        ("s:\n  eventName|re: '^del'\ncondition: s", false),
        ("s:\n  eventName|re|i: '^del'\ncondition: s", true),
        ("s:\n  same|fieldref: eventName\ncondition: s", true),
        ("s:\n  same|cased|fieldref: eventName\ncondition: s", false),
        ("s:\n  time|hour: 23\n  time|week: 9\n  time|day: 29\ncondition: s", true),
        ("s:\n  time|month: 3\ncondition: s", false),
        ("s:\n  cmd|windash|contains: ' -enc'\ncondition: s", true),
        ("s:\n  b64|base64offset|contains: foobar\ncondition: s", true),
        ("k:\n  - deletetrail\n  - nothing\ncondition: k", true),
        ("k:\n  '|all': [deletetrail, root]\ncondition: k", true),
        ("k:\n  '|all': [deletetrail, nothing]\ncondition: k", false),
        ("s:\n  - eventName: x\n  - eventSource|startswith: cloudtrail\ncondition: s", true),
        ("a:\n  eventName: x\nb:\n  n: 7\nf:\n  num: 12\ncondition: a or b and not f", false),
        ("a:\n  eventName: x\nb:\n  n: 7\nf:\n  num: 13\ncondition: (a or b) and not f", true),
        ("sel_a:\n  eventName: x\nsel_b:\n  n: 7\ncondition: 1 of sel_*", true),
        ("sel_a:\n  eventName: x\nsel_b:\n  n: 7\ncondition: all of sel_*", false),
        ("_a:\n  eventName: x\nb:\n  n: 7\ncondition: all of them", true),
        ("a:\n  eventName: x\nb:\n  n: 7\ncondition: [a, b]", true),
        ("a:\n  eventName: x\ncondition: not a", true),
    ])
    func `a detection fits or does not`(_ detection: String, _ fits: Bool) throws {
        #expect(try matches(detection, SigmaTests.event) == fits)
    }

    @Test func `encodings are those of the specification`() throws {
        func tokens(_ key: String, _ value: String) throws -> [String] {
            let reader = try SigmaFieldReader(key, [:])
            var found: [String] = []
            func walk(_ node: SigmaNode) {
                switch node {
                case .test(let test):
                    guard case .pattern(let pattern, _) = test.check else { return }
                    found.append(String(decoding: pattern.octets, as: UTF8.self))
                case .all(let nodes), .any(let nodes): nodes.forEach(walk)
                case .not(let inner): walk(inner)
                }
            }
            walk(try reader.node(.scalar(value)))
            return found
        }
        #expect(try tokens("f|base64|cased", "foo") == ["Zm9v"])
        #expect(try tokens("f|base64offset|cased|contains", "foobar") == ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"])
        #expect(try tokens("f|wide|base64|cased", "ab") == ["YQBiAA=="])
        #expect(try tokens("f|utf16be|base64|cased", "ab") == ["AGEAYg=="])
        #expect(try tokens("f|windash|cased", "-a") == ["-a", "/a", "–a", "—a", "―a"])
    }

    @Test func `placeholders are put in or refuse the rule`() throws {
        let detection = "s:\n  eventName|expand: '%names%Trail'\ncondition: s"
        #expect(refusal(ruleText(detection)) == .placeholder)
        #expect(refusal(ruleText(detection), ["names": ["Delete", "Stop"]]) == nil)
        #expect(try matches(detection, SigmaTests.event, ["names": ["Stop", "Delete"]]))
        // Without the modifier a percent sign is one.
        #expect(refusal(ruleText("s:\n  eventName: '%names%'\ncondition: s")) == nil)
    }

    @Test(arguments: [
        ("s:\n  a: 1\ncondition: s and t", SigmaRefusal.Code.condition),
        ("s:\n  a: 1\ncondition: (s", .condition), ("s:\n  a: 1\ncondition: s s", .condition),
        ("s:\n  a: 1\ncondition: 2 of s", .condition), ("s:\n  a: 1\ncondition: 1 of t*", .condition),
        ("s:\n  a: 1\ncondition: s | count() > 5", .unsupported), ("s:\n  a: 1\ntimeframe: 5m\ncondition: s",
        .unsupported),
        ("s:\n  a: 1", .condition), ("condition: s", .form), ("s:\n  a|within: 1\ncondition: s", .modifier),
        ("s:\n  a|i: x\ncondition: s", .modifier), ("s:\n  a|lt: x\ncondition: s", .modifier),
        ("s:\n  a|cidr: x\ncondition: s", .modifier), ("s:\n  a|exists: maybe\ncondition: s", .modifier),
        ("s:\n  a: [1, null]\ncondition: s", .form), ("s:\n  a|base64: 'x*'\ncondition: s", .modifier),
        ("s:\n  a|re: '('\ncondition: s", .expression), ("s:\n  a|re: '(a+)+b'\ncondition: s", .expression),
        ("s:\n  a|re: '((ab*)c)*'\ncondition: s", .expression),
        ("s: &x\n  a: 1\nt: *x\ncondition: s", .yaml), ("s: {a: 1\ncondition: s", .yaml),
    ])
    func `what cannot be evaluated is refused with its reason`(_ detection: String, _ code: SigmaRefusal.Code) {
        #expect(refusal(ruleText(detection)) == code)
    }

    @Test func `documents that are no rules are refused by name`() {
        #expect(refusal("title: C\ncorrelation:\n  type: event_count\n  rules: [a]") == .unsupported)
        #expect(refusal("action: global\ntitle: X") == .unsupported)
        #expect(refusal("- a\n- b") == .form)
        #expect(refusal("just text") == .form)
        #expect(refusal("title: X\ndetection: {}") == .form)
        #expect(refusal(ruleText("s:\n  a: 1\ncondition: s", more: "level: urgent")) == .form)
        #expect(refusal("a: \"\u{1}\"") == .yaml)
    }

    @Test func `bombs and depths are refused`() {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<9 {
            let names = (0..<10).map { _ in "*a\(level - 1)" }.joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(names)]\n"
        }
        #expect(refusal(bomb) == .yaml)
        #expect(refusal(String(repeating: "[", count: 5000)) == .yaml)
        let nested = (0..<40).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(refusal(nested) == .yaml)
        #expect(refusal(String(repeating: "a: b\n", count: 300_000)) == .yaml)
        let parentheses = String(repeating: "(", count: 500) + "s" + String(repeating: ")", count: 500)
        #expect(refusal(ruleText("s:\n  a: 1\ncondition: " + parentheses)) == .condition)
        let wide = (0..<2100).map { "  f\($0): [1,2,3,4]\n" }.joined()
        #expect(refusal(ruleText("s:\n\(wide)condition: s")) == .condition)
    }

    @Test func `values and conditions that multiply are refused while they are read`() {
        // 625 forms of each value, 4,000 values.
        let dashes = (0..<4000).map { "    - ' -a\($0) -b -c -d'\n" }.joined()
        #expect(refusal(ruleText("s:\n  f|windash:\n\(dashes)condition: s")) == .condition)
        let maps = (0..<4000).map { "  - f|windash: ' -a\($0) -b -c -d'\n" }.joined()
        #expect(refusal(ruleText("s:\n\(maps)condition: s")) == .condition)
        let long = String(repeating: " -abcdefg", count: 800)
        #expect(refusal(ruleText("s:\n  f|windash: '\(long)'\ncondition: s")) == nil)
        let wide = (0..<5000).map { "    - v\($0)\n" }.joined()
        let often = Array(repeating: "s", count: 20_000).joined(separator: " or ")
        #expect(refusal(ruleText("s:\n  f:\n\(wide)condition: \(often)")) == .condition)
        let lists = Array(repeating: "  - 1 of s*", count: 5000).joined(separator: "\n")
        #expect(refusal(ruleText("s:\n  f:\n\(wide)condition:\n\(lists)")) == .condition)
    }

    @Test func `values that nest are refused on a small stack too`() {
        let texts = [
            String(repeating: "- ", count: 990) + "x", String(repeating: "? ", count: 990) + "x",
            (0..<600).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
            String(repeating: "- ", count: 100_000),
        ]
        let done = DispatchSemaphore(value: 0)
        let refused = Mutex(0)
        let thread = Thread {
            for text in texts where refusal(text) == .yaml { refused.withLock { $0 += 1 } }
            done.signal()
        }
        // As threads of queues have, on which rules are read anew.
        thread.stackSize = 512 << 10
        thread.start()
        done.wait()
        #expect(refused.withLock { $0 } == texts.count)
    }

    @Test func `one text in another is found in time of both lengths' sum`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let whole = (0..<Int.random(in: 0...40, using: &generator)).map { _ in UInt8.random(in: 97...98) }
            let part = (0..<Int.random(in: 0...6, using: &generator)).map { _ in UInt8.random(in: 97...98) }
            let isThere = part.isEmpty
                || whole.indices.contains { whole[$0...].starts(with: part) }
            #expect(SigmaPattern.stands(part[...], in: whole[...]) == isThere, "\(part) \(whole)")
        }
        let whole = [UInt8](repeating: 0x61, count: 400_000)
        let part = [UInt8](repeating: 0x61, count: 200_000) + [0x62]
        #expect(!SigmaPattern.stands(part[...], in: whole[...]))
        #expect(SigmaPattern.stands(part[...], in: (whole + part)[...]))
        let pattern = SigmaPattern.tokens("*" + String(repeating: "a", count: 8000) + "b*")
        #expect(!SigmaPattern(pattern, isCased: true).matches(whole, whole.indices))
    }

    @Test func `texts that need too great an automaton are left to the rules`() {
        let texts = (0..<1000).map { number in (0..<200).map { UInt8(truncatingIfNeeded: number &* 7 &+ $0 &* $0) } }
        #expect(!OctetSearch(texts).isComplete)
        #expect(OctetSearch([Array("abc".utf8)]).isComplete)
    }

    @Test func `of many times of one alert the one that holds a time is found`() {
        let ranges: [ClosedRange<Int64>] = [50...60, 1...3, 3...5, 10...20, 12...14, 100...100]
        let joined = SigmaKnown.joined(ranges)
        #expect(joined == [1...5, 10...20, 50...60, 100...100])
        for time in Int64(-1)...102 {
            #expect(SigmaKnown.holds(joined, time) == ranges.contains { $0.contains(time) }, "\(time)")
        }
        #expect(!SigmaKnown.holds([], 5))
    }

    @Test func `a pattern of many stars takes no long time`() {
        let text = Array(String(repeating: "a", count: 20_000).utf8)
        let tokens = SigmaPattern.tokens(String(repeating: "*a", count: 50) + "*b")
        #expect(!SigmaPattern(tokens, isCased: true).matches(text, 0..<text.count))
    }

    @Test func `all texts are found, one inside another too`() {
        let texts = ["he", "she", "his", "hers", "zz"]
        let search = OctetSearch(texts.map { Array($0.utf8) })
        var found: Set<String> = []
        let octets = Array("ushers".utf8)
        search.search(octets, 0..<octets.count) { found.insert(texts[Int($0)]) }
        #expect(found == ["he", "she", "hers"])
    }

    @Test func `a time of an impossible year is none`() {
        for text in ["9223372036854775807-01-02T03:04", "10000-01-01T00:00", "0-01-01 00:00"] {
            #expect(SigmaTime(Array(text.utf8)[...]) == nil, "\(text)")
        }
        #expect(SigmaTime(Array("2026-11-27T16:33".utf8)[...])?.value(of: .week) == 48)
    }
}
