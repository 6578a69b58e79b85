// SPDX-License-Identifier: Apache-2.0
//
// The walk over a buffer: each trap of the rule language, as Suricata decides it.

import Testing
import Wire

@testable import Signatures

@Suite("Walker") struct WalkerTests {
    @Test(arguments: [
        // An absolute content counts from the start, whichever order the modifiers are written in.
        (#"content:"b"; offset:1; depth:1;"#, "ab", true), (#"content:"b"; depth:1; offset:1;"#, "ab", true),
        (#"content:"b"; depth:1; offset:1;"#, "aab", false), (#"content:"a"; startswith;"#, "ab", true),
        (#"content:"b"; startswith;"#, "ab", false), (#"content:"b"; endswith;"#, "ab", true),
        (#"content:"b"; endswith;"#, "abc", false), (#"content:"ab"; endswith;"#, "abab", true),
        (#"content:"B"; nocase;"#, "ab", true), (#"content:"B";"#, "ab", false),
        (#"content:"|41 42|c";"#, "xABc", true),
        // Relative ones count from the end of the match before.
        (#"content:"a"; content:"b"; distance:1;"#, "axb", true),
        (#"content:"a"; content:"b"; distance:1;"#, "ab", false),
        (#"content:"a"; content:"b"; within:2;"#, "axb", true), (#"content:"a"; content:"b"; within:1;"#, "axb", false),
        (#"content:"a"; content:"b"; distance:-2;"#, "ba", true),
        // A way back beyond the start ends at the start.
        (#"content:"a"; content:"b"; distance:-100;"#, "ba", true),
        // Another hit of the first is tried where the second depends on it.
        (#"content:"a"; content:"b"; within:1;"#, "axab", true),
        (#"content:"a"; content:"b"; within:1; content:"c"; within:1;"#, "abxabc", true),
        // And not where it does not.
        (#"content:"a"; content:"c"; depth:1;"#, "xaac", false),
    ]) func `contents stand where their modifiers say`(_ options: String, _ text: String, _ expected: Bool) throws {
        #expect(try RuleBench.matches(options, text) == expected)
    }

    @Test(arguments: [
        (#"content:"a"; content:!"b"; distance:0;"#, "ba", true),
        (#"content:"a"; content:!"b"; distance:0;"#, "ab", false),
        // What is there behind the first hit may be missing behind a later one.
        (#"content:"a"; content:!"b"; distance:0;"#, "aba", true),
        (#"content:"a"; content:!"b"; distance:0;"#, "abab", false),
        (#"content:"a"; content:!"b"; distance:-2;"#, "abxxa", true),
        (#"content:"a"; content:"c"; distance:0; content:!"b"; distance:0;"#, "acbc", true),
        (#"content:"a"; content:!"b"; distance:0; content:"c"; distance:0;"#, "abac", true),
        (#"content:!"b"; content:"a";"#, "a", true), (#"content:!"b";"#, "ab", false),
        // Beyond the end a negated content matches, and a positive one fails.
        (#"content:!"b"; offset:9;"#, "ab", true), (#"content:"b"; offset:9;"#, "ab", false),
        // Negation does not move the cursor.
        (#"content:"a"; content:!"zz"; distance:0; content:"b"; distance:0; within:1;"#, "ab", true),
        // A hit that is not at the end counts as none; only the first is looked at.
        (#"content:!"b"; endswith;"#, "abc", true),
    ]) func `negated contents`(_ options: String, _ text: String, _ expected: Bool) throws {
        #expect(try RuleBench.matches(options, text) == expected)
    }

    @Test(arguments: [
        (#"isdataat:3;"#, "abcd", true), (#"isdataat:4;"#, "abcd", false),
        // One octet less is asked for behind a match than from the start.
        (#"content:"a"; isdataat:3,relative;"#, "abcd", true), (#"content:"a"; isdataat:4,relative;"#, "abcd", false),
        (#"content:"d"; isdataat:!1,relative;"#, "abcd", true), (#"content:"c"; isdataat:!1,relative;"#, "abcd", false),
        (#"content:"a"; byte_test:1,=,98,0,relative;"#, "ab", true),
        (#"byte_test:2,>,0x6161,0;"#, "ab", true), (#"byte_test:2,=,0x6261,0,little;"#, "ab", true),
        (#"byte_test:4,=,1234,1,string,dec;"#, "x1234y", true), (#"byte_test:2,=,255,0,string,hex;"#, "ff", true),
        (#"byte_test:0,=,1234,1,string,dec;"#, "x1234y", true),
        // Outside of the buffer nothing matches, negated or not.
        (#"byte_test:4,!=,1,0;"#, "ab", false), (#"byte_test:1,&,0x40,0;"#, "a", true),
        (#"byte_test:1,=,6,0,bitmask 0xF0;"#, "a", true),
    ]) func `numbers and places`(_ options: String, _ text: String, _ expected: Bool) throws {
        #expect(try RuleBench.matches(options, text) == expected)
    }

    @Test(
        arguments: [
            // The jump counts from behind the number.
            (#"byte_jump:1,0; content:"x"; distance:0; within:1;"#, [2, 0x61, 0x62, 0x78], true),
            (#"byte_jump:1,0; content:"x"; distance:0; within:1;"#, [1, 0x61, 0x62, 0x78], false),
            (#"byte_jump:1,0,from_beginning; content:"x"; distance:0; within:1;"#, [3, 0x61, 0x62, 0x78], true),
            (#"byte_jump:1,0,align; content:"x"; distance:0; within:1;"#, [1, 0, 0, 0, 0, 0x78], true),
            (#"byte_jump:1,0;"#, [9, 0], false),
            // Before the start is the start.
            (#"byte_jump:1,0,post_offset -9; content:"|02|"; distance:0; within:1;"#, [2, 0x61, 0x62, 0x78], true),
            (#"byte_extract:1,0,n; content:"x"; offset:n; depth:1;"#, [2, 0, 0x78], true),
            (#"byte_extract:1,0,n; content:"x"; offset:n; depth:1;"#, [1, 0, 0x78], false),
            (#"byte_math:bytes 1, offset 0, oper *, rvalue 2, result r; byte_test:1,=,r,1;"#, [3, 6], true),
            (#"byte_math:bytes 1, offset 0, oper /, rvalue 2, result r; byte_test:1,=,r,1;"#, [6, 3], true),
        ] as [(String, [UInt8], Bool)]) func `jumps and variables`(
            _ options: String, _ octets: [UInt8], _ expected: Bool
        ) throws
    {
        #expect(try RuleBench.matches(options, octets) == expected)
    }

    @Test(arguments: [
        (#"pcre:"/a.c/";"#, "xabc", true), (#"pcre:"/A.C/i";"#, "abc", true), (#"pcre:!"/abc/";"#, "abd", true),
        // With R the subject begins at the cursor, and so does ^.
        (#"content:"a"; pcre:"/^b/R";"#, "xab", true), (#"content:"a"; pcre:"/^b/R";"#, "axb", false),
        (#"pcre:"/a/"; content:"b"; distance:0; within:1;"#, "acab", true),
        (#"pcre:"/^a$/m";"#, "x\na\ny", true), (#"pcre:"/a\/b/";"#, "a/b", true),
    ]) func `expressions`(_ options: String, _ text: String, _ expected: Bool) throws {
        #expect(try RuleBench.matches(options, text) == expected)
    }

    private static let web = "alert http any any -> any any"

    @Test(arguments: [
        (#"http.uri; bsize:10<>100; content:"a";"#, 10, false), (#"http.uri; bsize:10<>100; content:"a";"#, 11, true),
        (#"http.uri; bsize:4;"#, 4, true), (#"http.uri; bsize:!4;"#, 4, false), (#"http.uri; bsize:>=4;"#, 4, true),
        (#"urilen:3<>5;"#, 4, true), (#"urilen:3<>5;"#, 5, false), (#"http.uri; entropy: value < 1;"#, 9, true),
    ]) func `sizes of the whole buffer`(_ options: String, _ count: Int, _ expected: Bool) throws {
        let text = String(repeating: "a", count: count)
        #expect(try RuleBench.matches(options, text, header: Self.web) == expected)
    }

    @Test(arguments: [
        ("dotprefix", "example.com", ".example.com"), ("strip_whitespace", "a b\tc", "abc"),
        ("compress_whitespace", "a  b", "a b"), ("to_lowercase", "AbC", "abc"), ("to_uppercase", "AbC", "ABC"),
        ("url_decode", "a%20b+c%zz", "a b c%zz"), ("header_lowercase", "Host: A\r\nX-B: C", "host: A\r\nx-b: C"),
        ("strip_pseudo_headers", ":path: /\r\nhost: a\r\n", "host: a\r\n"), (#"xor:"01""#, "abc", "`cb"),
        ("from_base64", "aGVsbG8=", "hello"), (#"pcrexform:"a(.)c""#, "xabcx", "b"),
        ("domain", "www.example.com", "example.com"),
        ("tld", "www.example.com", "com"), ("dotprefix; to_uppercase", "a", ".A"),
    ]) func `transforms change the buffer in order`(_ transform: String, _ text: String, _ expected: String) throws {
        let loaded = try RuleBench.load("\(Self.web) (http.uri; \(transform); bsize:>0; sid:1;)")
        try #require(loaded.rejected.isEmpty, "\(loaded.rejected.map(\.text))")
        var output: [UInt8] = []
        let chain = try #require(loaded.set.buffers.first).transforms
        let octets = Array(text.utf8)
        Walker(loaded.set).transform(chain, octets.octets, into: &output)
        #expect(String(decoding: output, as: UTF8.self) == expected)
    }

    @Test func `what base64 hides is a buffer of its own`() throws {
        let options = #"content:"x="; base64_decode:relative; base64_data; content:"hello"; startswith;"#
        #expect(try RuleBench.matches(options, "x=aGVsbG8gd29ybGQ="))
        #expect(try !RuleBench.matches(options, "x=AAAAaGVsbG8="))
    }

    @Test func `a depth counts from the start of the stream`() throws {
        let part = Walker.Window(streamOffset: 10, isComplete: false)
        #expect(try !RuleBench.matches(#"content:"a"; depth:5;"#, "aaaa", window: part))
        #expect(try RuleBench.matches(#"content:"a"; depth:12;"#, "aaaa", window: part))
    }

    @Test func `a size that can still grow decides nothing`() throws {
        let part = Walker.Window(isComplete: false)
        let header = Self.web
        #expect(try !RuleBench.matches("http.uri; bsize:4;", "abcd", header: header, window: part))
        #expect(try RuleBench.matches("http.uri; bsize:>3;", "abcd", header: header, window: part))
    }

    @Test func `backtracking is bounded`() throws {
        // Every combination of thirty hits of eight contents would be tried without a limit.
        let chain = String(repeating: #"content:"a"; within:30; "#, count: 8)
        let loaded = try RuleBench.load(
            #"alert tcp any any -> any any (content:"a"; \#(chain) content:"b"; within:1; sid:1;)"#)
        let walker = Walker(loaded.set)
        let octets = [UInt8](repeating: 0x61, count: 60)
        let test = try #require(loaded.set.buffers.first)
        let isMatch = walker.matches(test, octets.octets)
        #expect(!isMatch)
        #expect(walker.limitsReached == 1)
    }

    @Test func `an expression may not buy more time`() throws {
        let loaded = try RuleBench.load(#"alert tcp any any -> any any (pcre:"/^(a+)+$/"; sid:1;)"#)
        let walker = Walker(loaded.set)
        let octets = [UInt8](repeating: 0x61, count: 40) + [0x62]
        let isMatch = walker.matches(try #require(loaded.set.buffers.first), octets.octets)
        #expect(!isMatch)
        #expect(walker.regexScratch.limitsReached == 1)
    }

    @Test func `the last match and captures say where they stand`() throws {
        let loaded = try RuleBench.load(
            #"alert tcp any any -> any any (content:"id="; pcre:"/^(\d+)/R,flow:number"; sid:1;)"#)
        let walker = Walker(loaded.set)
        let octets = Array("x id=42;".utf8)
        let isMatch = walker.matches(try #require(loaded.set.buffers.first), octets.octets)
        #expect(isMatch)
        #expect(walker.lastMatch?.offset == 5 && walker.lastMatch?.count == 2)
        #expect(walker.captures.first?.range == 5..<7)
    }
}
