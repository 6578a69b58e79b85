// SPDX-License-Identifier: Apache-2.0
//
// Rules that nobody should write, and that must harm nobody.

import Testing

@testable import Signatures

@Suite("Bad rules") struct RuleBadInputTests {
    private static let rule = #"""
        alert http $HOME_NET [80,!81,1024:] -> [10.0.0.0/8,![10.1.0.0/16]] any \#
        (msg:"a\;b"; flow:established,to_server; \#
        http.uri; content:"/a|20|b"; nocase; depth:9; content:"c"; distance:1; within:4; pcre:"/a(b+)c$/Ri,flow:x"; \#
        byte_test:2,>,5,0,relative; byte_jump:1,0; byte_extract:1,0,n; isdataat:!1,relative; flowbits:set,a; \#
        threshold: type limit, track by_src, count 1, seconds 60; reference:cve,2026-1; sid:1; rev:2; metadata:a b;)
        """#

    @Test func `every truncation is taken or refused, and read on`() throws {
        let octets = Array(Self.rule.utf8)
        // A backslash at the end would take the next line in.
        for count in 0...octets.count where count == 0 || octets[count - 1] != 0x5C {
            var loader = try RuleLoader()
            loader.load(
                octets.prefix(count) + Array("\nalert ip any any -> any any (sid:9;)".utf8), name: "t", folder: nil)
            let loaded = loader.finished()
            #expect(loaded.loaded + loaded.rejected.count >= 1)
            #expect(loaded.set.rules.contains { $0.id.signature == 9 })
        }
    }

    @Test func `every octet may be another`() throws {
        var octets = Array(Self.rule.utf8)
        for index in stride(from: 0, to: octets.count, by: 3) {
            for value: UInt8 in [0, 0x22, 0x3B, 0x5C, 0x7C, 0x21, 0xFF] {
                let kept = octets[index]
                octets[index] = value
                RuleFuzzing.read(octets)
                octets[index] = kept
            }
        }
    }

    @Test(arguments: [
        "alert tcp any any -> any any (content:\"\(String(repeating: "a", count: 1 << 20))\"; sid:1;)",
        "alert tcp any any -> any any (\(String(repeating: "nocase;", count: 10_000)) sid:1;)",
        "alert tcp \(String(repeating: "[", count: 99))80\(String(repeating: "]", count: 99)) any -> any any (sid:1;)",
        "alert tcp \(String(repeating: "!", count: 4001))any any -> any any (sid:1;)",
        "alert tcp $LOOP any -> any any (sid:1;)",
        "alert tcp any any -> any any (pcre:\"/\(String(repeating: "(", count: 3000))/\"; sid:1;)",
    ]) func `enormous rules are one line each`(_ rule: String) throws {
        let loaded = try RuleBench.load(rule, variables: ["LOOP": "[$LOOP,10.0.0.0/8]"])
        #expect(loaded.rejected.count == 1 && loaded.loaded == 0)
    }

    @Test func `a hundred thousand rules load`() throws {
        var text = ""
        for number in 1...100_000 { text += "alert tcp any any -> any any (sid:\(number);)\n" }
        let loaded = try RuleBench.load(text)
        #expect(loaded.loaded == 100_000 && loaded.set.rules.count == 100_000)
    }

    @Test func `names of flowbits end somewhere`() throws {
        var text = ""
        for number in 1...70_000 { text += "alert tcp any any -> any any (flowbits:set,b\(number); sid:\(number);)\n" }
        let loaded = try RuleBench.load(text)
        #expect(loaded.rejected.count > 4000 && loaded.set.variableNames.count <= 65_536)
    }

    @Test func `files that rules name are not looked up where none may be`() throws {
        let loaded = try RuleBench.load(
            "alert dns any any -> any any (dns.query; dataset:isset,a,type string,load /etc/passwd; sid:1;)")
        #expect(loaded.warnings.contains { $0.sentence.contains("not there") })
    }
}
