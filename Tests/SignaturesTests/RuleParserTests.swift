// SPDX-License-Identifier: Apache-2.0
//
// The rule language: what loads, what is refused, and what is said of it.

import Records
import Testing

@testable import Signatures

@Suite("Rule parser") struct RuleParserTests {
    @Test(arguments: [
        #"content:"a\;b";"#, #"content:"|3b 3B,3b|";"#, #"msg:"one\"two"; content:!"a";"#,
        #"content:"a"; content:"b"; distance:-3; within:9;"#, "flow:established,to_server; flowbits:isset,a|b;",
        "flowint:counter,+,1; xbits:set,a,track ip_pair,expire 9; hostbits:toggle,b,dst;",
        "threshold: type limit, track by_src, count 1, seconds 60;", "dsize:8<>20; ttl:!5; flags:+S,12; ack:0;",
        #"pcre:"/a\/b/smi"; noalert; target:src_ip;"#, "sameip; itype:8; icode:!0; id:1; tos:!8; window:!55808;",
    ]) func `good options load`(_ options: String) throws {
        #expect(try RuleBench.refusal(options) == nil)
    }

    @Test(arguments: [
        (#"content:"a;b";"#, "not closed"), (#"content:"|4|";"#, "half an octet"), (#"content:"|4";"#, "not closed"),
        (#"content:"a\q";"#, "escapes none"), (#"content:"abc"; depth:2;"#, "less than"),
        (#"content:"a"; depth:9; within:9;"#, "one pair"), (#"content:"a"; nocase; nocase;"#, "twice"),
        ("nocase;", "no content"),
        (#"pcre:"/(/";"#, "PCRE2"), (#"pcre:"/a/k";"#, "not known"), ("foo:1;", "not known"),
        ("dsize:>70000;", "no comparison"),
        ("flow:to_server,to_client;", "exclude"), ("byte_test:1,=,x,0;", "no byte_extract"),
        ("http.uri;", "nothing is looked for"),
        (#"http.uri; content:"a"; http.stat_code; content:"2";"#, "requests and of responses"),
        (#"flow:to_client; http.uri; content:"a";"#, "other direction"), (#"http.host; content:"A";"#, "lower case"),
        (#"http.uri; content:"a"; ttl:1;"#, "single packets"), ("lua:x.lua;", "lua"),
        (#"http.uri; to_lowercase; content:"A";"#, "to_lowercase"),
        (#"base64_decode; base64_data; content:"a"; fast_pattern;"#, "base64_data"),
        ("iprep:src,Bad,>,10;", "category"), ("sid:2;", "two sids"),
    ]) func `bad options are refused with a reason`(_ options: String, _ reason: String) throws {
        let sentence = try #require(try RuleBench.refusal(options))
        #expect(sentence.contains(reason), "\(sentence)")
    }

    @Test(arguments: [
        ("alert tcp !any any -> any any", false), ("alert tcp [10.0.0.0/8,!10.0.0.0/8] any -> any any", false),
        ("alert tcp $NOWHERE any -> any any", false), ("alert tcp any any <- any any", false),
        ("alert tcp any 90:80 -> any any", false), ("alert tcp any [!80,1024:] -> any any", true),
        ("alert IP [::1, fe80::/10] any -> any [80, 90]", true), ("alert http1:request_line any any -> any any", true),
        ("alert http:request_line any any -> any any", false), ("log tcp any any -> any any", false),
        ("alert esp any any -> any any", false), ("alert tcp any any -> any", false),
    ]) func `headers`(_ header: String, _ loads: Bool) throws {
        #expect(try (RuleBench.refusal("", header: header) == nil) == loads)
    }

    @Test func `a negated list is all of its version but it`() throws {
        let set = try AddressSet(parsing: RuleText("[!10.0.0.0/8,!192.168.0.0/16]"), [:])
        let address = { (text: String) in try #require(Address(text)) }
        #expect(try set.contains(address("8.8.8.8")) && !set.contains(address("10.1.1.1")))
        #expect(try !set.contains(address("2001:db8::1")))
        let any = try AddressSet(parsing: RuleText("any"), [:])
        #expect(any.isAny)
        let ports = try PortSet(parsing: RuleText("[!80,1024:]"), [:])
        #expect(ports.contains(2000) && !ports.contains(80) && !ports.contains(443))
    }

    @Test func `lines go on behind a backslash, and comments do not`() throws {
        let loaded = try RuleBench.load(
            """
            # alert tcp any any -> any any (sid:1;) \\
            alert tcp any any -> any any (msg:"a"; \\
                sid:2;)

            alert tcp any any -> any any (nonsense; sid:3;)
            """)
        #expect(loaded.loaded == 1 && loaded.set.rules.first?.id.signature == 2)
        #expect(loaded.rejected.map(\.line) == [5] && loaded.rejected.first?.signature == 3)
    }

    @Test func `a greater revision takes the place of a smaller one`() throws {
        let header = "alert tcp any any -> any any"
        let loaded = try RuleBench.load(
            "\(header) (sid:1; rev:1;)\n\(header) (sid:1; rev:3;)\n\(header) (sid:1; rev:3;)\n\(header) (sid:1; rev:2;)"
        )
        #expect(loaded.set.rules.map(\.id.revision) == [3])
        #expect(loaded.rejected.count == 2)
    }

    @Test func `both directions are two rules unless they are the same`() throws {
        #expect(try RuleBench.load("alert tcp any 80 <> any any (sid:1;)").set.rules.count == 2)
        #expect(try RuleBench.load("alert tcp any any <> any any (sid:1;)").set.rules.count == 1)
    }

    @Test func `what a version does not have is passed over`() throws {
        let loaded = try RuleBench.load(
            """
            alert tcp any any -> any any (requires: version >= 9; newer:1; sid:1;)
            alert tcp any any -> any any (requires: keyword content, version >= 7.0.3 < 9; sid:2;)
            """)
        #expect(loaded.skipped.map(\.signature) == [1] && loaded.loaded == 1 && loaded.rejected.isEmpty)
    }

    @Test func `a rule with a frame loads, and is said to be silent`() throws {
        let loaded = try RuleBench.load(#"alert smtp any any -> any any (frame:smtp.data; content:"a"; sid:1;)"#)
        #expect(loaded.inert == 1 && loaded.rejected.isEmpty && loaded.warnings.count == 1)
        #expect(loaded.set.rules.first?.flags.contains(.isInert) == true)
    }

    @Test func `rules that set come before those that ask`() throws {
        let loaded = try RuleBench.load(
            """
            alert tcp any any -> any any (flowbits:isset,a; sid:1;)
            alert tcp any any -> any any (flowbits:set,a; sid:2;)
            pass tcp any any -> any any (sid:3;)
            alert tcp any any -> any any (priority:1; sid:4;)
            """)
        #expect(loaded.set.rules.map(\.id.signature) == [3, 2, 1, 4])
    }

    @Test(arguments: [
        (#"alert tcp any any -> any any (content:"a"; sid:1;)"#, RuleKind.stream),
        (#"alert tcp any any -> any any (content:"a"; depth:9; sid:1;)"#, .packetAndStream),
        (#"alert tcp-pkt any any -> any any (content:"a"; sid:1;)"#, .packet),
        (#"alert udp any any -> any any (content:"a"; sid:1;)"#, .packet),
        ("alert ip any any -> 192.0.2.1 any (sid:1;)", .addressOnly),
        ("alert ip any any -> !192.0.2.1 any (sid:1;)", .likeAddressOnly),
        ("alert pkthdr any any -> any any (decode-event:ipv4.trunc_pkt; sid:1;)", .decoderEvent),
        ("alert tcp any any -> any any (app-layer-protocol:!http; sid:1;)", .protocolOnly),
        ("alert http any any -> any any (sid:1;)", .application),
        (#"alert http any any -> any any (http.uri; content:"a"; sid:1;)"#, .transaction),
    ]) func `each rule has its kind`(_ rule: String, _ kind: RuleKind) throws {
        #expect(try RuleBench.load(rule).set.rules.first?.kind == kind)
    }

    @Test(arguments: [
        (#"content:"ab"; content:"abcd";"#, "abcd"), (#"content:"abcdef"; content:"ab"; fast_pattern;"#, "ab"),
        (#"content:"abcdef"; fast_pattern:2,3;"#, "cde"),
        (#"http.method; content:"POSTABCDEF"; http.uri; content:"/a";"#, "/a"),
        (#"content:!"abcdef"; content:"x";"#, "x"),
    ]) func `the fast pattern is the one that finds the least`(_ options: String, _ pattern: String) throws {
        let set = try RuleBench.load("alert http any any -> any any (\(options) sid:1;)").set
        let rule = try #require(set.rules.first)
        #expect(RuleExplanation(rule, set).fastPattern?.pattern == pattern)
    }
}
