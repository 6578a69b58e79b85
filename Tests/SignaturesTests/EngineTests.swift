// SPDX-License-Identifier: Apache-2.0
//
// The engine by itself: packets, streams and transactions of one made-up connection.

import Records
import Testing
import Wire

@testable import Signatures

@Suite("Signature engine") struct EngineTests {
    @Test func `what one rule sets, a rule further down the file asks for in the same packet`() throws {
        var talk = try Conversation(
            #"alert udp any any -> any any (msg:"b"; flowbits:isset,seen; content:"two"; sid:2;)"#,
            #"alert udp any any -> any any (msg:"a"; content:"one"; flowbits:set,seen; sid:1;)"#, isTCP: false)
        talk.send("two")
        #expect(talk.fired().isEmpty)
        talk.send("one two")
        #expect(talk.fired() == [1, 2])
        talk.send("two")
        #expect(talk.fired() == [2])
    }

    @Test func `a rule of both directions fires for either`() throws {
        var talk = try Conversation(
            #"alert udp 10.0.0.2 any <> 10.0.0.1 any (content:"x"; sid:1;)"#, isTCP: false)
        talk.send("x")
        talk.send("x", fromServer: true)
        #expect(talk.fired() == [1, 1])
    }

    @Test func `the packet that completes the handshake is not established yet`() throws {
        var talk = try Conversation("alert tcp any any -> any any (flow:established; sid:1;)")
        talk.open()
        #expect(talk.fired().isEmpty)
        talk.send("a")
        #expect(talk.fired() == [1])
    }

    @Test func `a content that begins in one segment and ends in the next is found once`() throws {
        var talk = try Conversation(#"alert tcp any any -> any any (flow:to_server; content:"needle"; sid:1;)"#)
        talk.open()
        talk.send("hay nee")
        talk.send(fromServer: true, flags: 0x10)
        talk.send("dle hay")
        talk.send(fromServer: true, flags: 0x10)
        #expect(talk.fired().isEmpty, "too little has come to be inspected")
        talk.end()
        #expect(talk.fired() == [1])
    }

    /// The second is longer than the stretch that is looked for in segments.
    @Test(arguments: ["needle", "an uncommonly long needle in a haystack of many segments"])
    func `a content that is split at any octet, or in three, is found once`(_ needle: String) throws {
        let rules = try Conversation.index([
            "alert tcp any any -> any any (flow:to_server; content:\"\(needle)\"; sid:1;)",
            #"alert tcp any any -> any any (flow:to_client; content:"needle"; sid:2;)"#,
        ])
        let octets = Array(needle)
        for first in 1..<octets.count {
            for second in first...octets.count {
                var talk = Conversation(rules)
                talk.open()
                let ends = [String(octets[..<first]), String(octets[first..<second]), String(octets[second...])]
                for part in ["hay " + ends[0], ends[1], ends[2] + " hay"] where !part.isEmpty {
                    talk.send(part)
                    talk.send(fromServer: true, flags: 0x10)
                }
                talk.end()
                #expect(talk.fired() == [1])
            }
        }
    }

    /// For a rule of streams the content's place in the stream decides, not that in the segment.
    @Test func `a content with one place is found at that place of a stream, however it is split`() throws {
        let rules = try Conversation.index([
            #"alert tcp-stream any any -> any any (flow:to_server; content:"needles"; startswith; sid:1;)"#,
            #"alert tcp-stream any any -> any any (flow:to_server; content:"DLE"; nocase; offset:3; depth:3; sid:2;)"#,
            #"alert tcp-stream any any -> any any (flow:to_server; content:"nee"; depth:3; content:"s"; sid:3;)"#,
        ])
        func fired(_ parts: [String]) -> [UInt32] {
            var talk = Conversation(rules)
            talk.open()
            for part in parts where !part.isEmpty {
                talk.send(part)
                talk.send(fromServer: true, flags: 0x10)
            }
            talk.end()
            return talk.fired().sorted()
        }
        let octets = Array("needles and pins")
        for first in 0..<octets.count {
            for second in first...octets.count {
                let parts = [String(octets[..<first]), String(octets[first..<second]), String(octets[second...])]
                #expect(fired(parts) == [1, 2, 3], "\(parts)")
                #expect(fired(["x"] + parts).isEmpty, "\(parts) behind another octet")
            }
        }
    }

    /// As in Suricata, the whole window is looked at again where what is new begins in the same way.
    @Test func `a stream's beginning fires again with a message that begins like it`() throws {
        var talk = try Conversation(
            #"alert tcp-stream any any -> any any (flow:to_server; content:"GET"; startswith; sid:1;)"#)
        func complete() {
            var output = TransactionOutput()
            output.wantsTransactions = true
            let tx = output.begin(.http)
            output.done(transaction: tx, from: .originator)
            talk.show(output)
        }
        talk.open()
        for (text, fires) in [("GET /1", false), ("GET /2", true), ("/3 GET", true), ("/4", false), ("GET", false)] {
            talk.send(text)
            #expect(talk.fired() == (fires ? [1] : []), "\(text)")
            complete()
            talk.send(fromServer: true, flags: 0x10)
        }
        talk.end()
        #expect(talk.fired() == [1])
    }

    @Test func `a content with one place is found at that place of a datagram`() throws {
        var talk = try Conversation(
            #"alert udp any any -> any any (content:"ab"; startswith; sid:1;)"#,
            #"alert udp any any -> any any (content:"cdefgh"; offset:2; depth:6; sid:2;)"#,
            #"alert udp any any -> any any (content:"far"; offset:40; depth:3; sid:3;)"#, isTCP: false)
        talk.send("abcdefgh")
        #expect(talk.fired() == [1, 2])
        talk.send(" abcdefgh")
        #expect(talk.fired().isEmpty)
        talk.send("a")
        #expect(talk.fired().isEmpty)
        talk.send(String(repeating: "-", count: 40) + "far")
        #expect(talk.fired() == [3])
        talk.send(String(repeating: "-", count: 41) + "far")
        #expect(talk.fired().isEmpty)
    }

    @Test func `a few octets that count only before the server speaks are found as long as it does not`() throws {
        var talk = try Conversation(
            #"alert tcp any any -> any any (flow:to_server; stream_size:server,<,5; dsize:>1; content:"z9"; sid:1;)"#)
        talk.open()
        talk.send("-- z9")
        #expect(talk.fired() == [1])
        talk.send("hello, hello", fromServer: true)
        talk.send("-- z9")
        #expect(talk.fired().isEmpty)
    }

    @Test func `a content at the end of a buffer, or as long as it, is found there alone`() throws {
        let rules = try Conversation.index([
            #"alert http any any -> any any (http.host; content:".example"; endswith; sid:1;)"#,
            #"alert http any any -> any any (http.host; content:"www.example"; bsize:11; sid:2;)"#,
            #"alert http any any -> any any (http.host; content:"a"; bsize:1; sid:3;)"#,
            #"alert http any any -> any any (http.host; dotprefix; content:".very.long.name.of.a"; endswith; sid:4;)"#,
        ])
        let cases: [(String, [UInt32])] = [
            ("www.example", [1, 2]), ("WWW.EXAMPLE", []), ("www.example.", []), ("a.www.example", [1]), ("a", [3]),
            ("ab", []), ("very.long.name.of.a", [4]), ("other.long.name.of.a", []),
        ]
        for (host, wanted) in cases {
            var talk = Conversation(rules)
            talk.open()
            talk.send("GET / HTTP/1.1")
            talk.showRequest(.httpHost, host)
            talk.send(fromServer: true, flags: 0x10)
            talk.send("more")
            talk.end()
            #expect(talk.fired().sorted() == wanted, "\(host)")
        }
    }

    @Test func `a rule of a transaction that looks at the payload too needs both`() throws {
        let rules = try Conversation.index([
            #"alert http any any -> any any (http.uri; content:"/x"; pkt_data; content:"needle"; fast_pattern; sid:1;)"#
        ])
        for (payload, fires) in [("GET /x needle", true), ("GET /x", false)] {
            var talk = Conversation(rules)
            talk.open()
            talk.send(payload)
            talk.showRequest(.httpURI, "/x")
            talk.send(fromServer: true, flags: 0x10)
            talk.send(flags: 0x10)
            #expect(talk.fired() == (fires ? [1] : []))
            talk.send(" need")
            talk.send(fromServer: true, flags: 0x10)
            talk.send("le")
            talk.send(fromServer: true, flags: 0x10)
            talk.end()
            #expect(talk.fired() == (fires ? [] : [1]))
        }
    }

    @Test func `what nobody acknowledges is looked at in the end, though an event is there before`() throws {
        var talk = try Conversation(#"alert http any any -> any any (http.uri; content:"/x"; sid:1;)"#)
        talk.open()
        talk.send("GET /x")
        talk.showRequest(.httpURI, "/x", event: "http.missing_host_header")
        // The answer acknowledges nothing.
        talk.send("200", fromServer: true, flags: 0x08)
        #expect(talk.fired().isEmpty)
        talk.end()
        #expect(talk.fired() == [1])
    }

    @Test func `a long stream is inspected as it comes, and a match is told once`() throws {
        var talk = try Conversation(#"alert tcp any any -> any any (content:"needle"; sid:1;)"#)
        talk.open()
        let hay = String(repeating: "hay ", count: 400)
        var count = 0
        for part in [hay, hay + "nee", "dle" + hay, hay, hay, hay] {
            talk.send(part)
            talk.send(fromServer: true, flags: 0x10)
            count += talk.fired().count
        }
        talk.end()
        #expect(count + talk.fired().count == 1)
    }

    @Test func `a pattern of nothing but zeros is found`() throws {
        var talk = try Conversation(
            #"alert udp any any -> any any (content:"|00 00 00|"; sid:1;)"#,
            #"alert udp any any -> any any (content:"|00 00|x"; sid:2;)"#,
            #"alert udp any any -> any any (content:"plain"; sid:3;)"#, isTCP: false)
        talk.send("plain\0\0\0")
        talk.send("\0\0x")
        #expect(talk.fired() == [1, 3, 2])
    }

    @Test func `an expression's capture is a variable of the flow`() throws {
        var talk = try Conversation(
            #"alert udp any any -> any any (content:"user="; pcre:"/user=(\w+)/, flow:name"; sid:1;)"#, isTCP: false)
        talk.send("user=alice")
        #expect(talk.engine.memory(of: 0).variables.map(\.octets) == [Array("alice".utf8)])
    }

    @Test func `drop takes the flow out where it looks at streams, and the packet alone where it does not`() throws {
        var talk = try Conversation(
            #"drop tcp any any -> any any (flow:established; dsize:3; sid:1;)"#,
            #"alert tcp any any -> any any (flow:established; dsize:>0; sid:2;)"#)
        talk.open()
        talk.send("abc")
        talk.send("abcd")
        #expect(talk.fired() == [1, 2, 2])
        var other = try Conversation(
            "drop tcp any any -> any 80 (sid:1;)", "alert tcp any any -> any any (dsize:>0; sid:2;)")
        other.open()
        other.send("abc")
        #expect(other.fired() == [1])
    }

    @Test func `another rule set keeps what the flow has come to`() throws {
        let rule = #"alert udp any any -> any any (content:"two"; flowbits:isset,seen; sid:2;)"#
        var talk = try Conversation(
            #"alert udp any any -> any any (content:"one"; flowbits:set,seen; flowbits:noalert; sid:1;)"#, rule,
            isTCP: false)
        talk.send("one")
        talk.reload(try Conversation.index(["alert udp any any -> any any (flowbits:set,other; sid:9;)", rule]))
        talk.send("two")
        #expect(talk.fired().contains(2))
    }

    @Test func `a transaction's rule runs with the packet behind the acknowledgement`() throws {
        var talk = try Conversation(#"alert http any any -> any any (http.uri; content:"/x"; sid:1;)"#)
        talk.open()
        talk.send("GET /x")
        talk.showRequest(.httpURI, "/x")
        talk.send(" HTTP/1.1")
        #expect(talk.fired().isEmpty, "nobody has acknowledged it")
        talk.send(fromServer: true, flags: 0x10)
        #expect(talk.fired().isEmpty, "it is the other direction's packet")
        talk.send(flags: 0x10)
        #expect(talk.fired() == [1])
        talk.end()
        #expect(talk.fired().isEmpty)
    }

    @Test func `an answer that does not echo the client's time is told of`() {
        var watch = StreamWatch()
        var told: [StreamEvent] = []
        var facts = PacketFacts()
        var options = TCPOptions(noOptions: ())
        (facts.flags, facts.sequence, facts.isToServer) = (0x02, 100, true)
        (options.hasTimestamps, options.timestamp) = (true, 7)
        watch.take(facts, options) { told.append($0) }
        (facts.flags, facts.acknowledgement, facts.isToServer) = (0x14, 101, false)
        (options.timestamp, options.timestampEcho) = (100, 100)
        watch.take(facts, options) { told.append($0) }
        #expect(told == [.invalidTimestamp])
        options.timestampEcho = 7
        facts.flags = 0x12
        watch.take(facts, options) { told.append($0) }
        #expect(told.count == 1)
    }

    @Test func `hostile rules are refused or loaded, in one line each`() throws {
        let rule = #"alert tcp any any -> any any (content:"abc"; pcre:"/(a+)+$/R"; flowbits:set,x; sid:1;)"#
        var loader = try RuleLoader()
        // A rule whose last octets alone are missing may be read.
        for end in 0 ..< rule.utf8.count - 4 {
            loader.load(Array(rule.utf8.prefix(end)), name: "cut", folder: nil)
        }
        let long = "alert tcp any any -> any any (content:\"" + String(repeating: "a", count: 1 << 20) + "\"; sid:2;)"
        loader.load(Array(long.utf8), name: "long", folder: nil)
        let many = "alert tcp any any -> any any (" + String(repeating: "nocase;", count: 10_000) + "sid:3;)"
        loader.load(Array(many.utf8), name: "many", folder: nil)
        let loaded = loader.finished()
        #expect(loaded.rejected.allSatisfy { !$0.text.contains("\n") })
        #expect(loaded.loaded == 0 && loaded.rejected.count > 50)
    }

    @Test func `an expression that would never end is given up`() throws {
        var talk = try Conversation(
            #"alert udp any any -> any any (content:"aaa"; pcre:"/^(a+)+$/"; sid:1;)"#, isTCP: false)
        talk.send(String(repeating: "a", count: 4000) + "b")
        #expect(talk.fired().isEmpty)
    }
}
