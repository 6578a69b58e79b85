// SPDX-License-Identifier: Apache-2.0
//
// What rules leave behind and ask for besides octets: tags, hooks, phases of a session, countries, data sets.

import Foundation
import Records
import Testing
import Wire

@testable import Signatures

@Suite("What rules leave behind") struct EngineStateTests {
    // MARK: bypass

    @Test(arguments: [
        ("alert udp any any -> any any (content:\"go\"; bypass; sid:1;)", [UInt32](), [UInt32]()),
        ("alert udp any any -> any any (content:\"go\"; sid:1;)", [2], [2]),
        ("alert udp any any -> any any (content:\"other\"; bypass; sid:1;)", [2], [2]),
        // What is silent lets the flow go all the same.
        ("alert udp any any -> any any (content:\"go\"; bypass; noalert; sid:1;)", [], []),
    ]) func `from the packet behind a bypass on nothing of the flow is inspected`(
        _ rule: String, _ next: [UInt32], _ back: [UInt32]
    ) throws {
        var talk = try Conversation(rule, "alert udp any any -> any any (sid:2; dsize:>0;)", isTCP: false)
        talk.send("go")
        // The packet itself is looked at by all rules.
        #expect(talk.fired().contains(2))
        talk.send("go on")
        #expect(talk.fired().filter { $0 == 2 } == next)
        talk.send("go back", fromServer: true)
        #expect(talk.fired().filter { $0 == 2 } == back)
    }

    // MARK: streams

    @Test func `rules of streams alone ask to be told of complete messages`() throws {
        let stream = try Conversation("alert tcp any any -> any any (content:\"a\"; sid:1;)")
        #expect(stream.engine.wantsTransactions)
        let packets = try Conversation("alert udp any any -> any any (content:\"a\"; sid:1;)", isTCP: false)
        #expect(!packets.engine.wantsTransactions)
    }

    // MARK: sizes

    @Test(arguments: [
        (">0", [true, false, false]), ("!5", [true, false, false]), ("0<>9", [true, false, false]),
        ("4", [true, false, false]), (">=1", [true, false, false]), ("<9", [true, true, true]),
        ("0", [false, true, false]),
    ]) func `what is encrypted is no payload, and few sizes hold for none`(_ size: String, _ fires: [Bool]) throws {
        var talk = try Conversation("alert tcp any any -> any any (dsize:\(size); sid:1;)")
        talk.open()
        var found: [Bool] = []
        for text in ["open", "", "shut"] {
            if text == "shut" { talk.conceal() }
            _ = talk.fired()
            talk.send(text)
            found.append(!talk.fired().isEmpty)
        }
        #expect(found == fires)
    }

    // MARK: tag

    /// Of so many further packets, which are tagged.
    private func tagged(_ tag: String, packets: Int, bytes: Int = 100) throws -> [Int] {
        var talk = try Conversation(
            "alert udp any any -> any any (content:\"go\"; tag:\(tag); sid:1;)", isTCP: false)
        var found: [Int] = []
        for number in 0..<packets {
            talk.send(number == 0 ? "go" : "on")
            if talk.takeTags(octets: bytes) { found.append(number) }
        }
        return found
    }

    @Test(arguments: [
        ("session,3,packets", [1, 2]), ("session,250,bytes", [1]), ("session,2,seconds", [1, 2]),
        ("host,2,packets,src", [1]), ("host,2,packets,dst", [1]),
    ]) func `a tag takes what follows the alert, and the alert's own packet counts`(
        _ tag: String, _ packets: [Int]
    ) throws {
        #expect(try tagged(tag, packets: 6) == packets)
    }

    @Test func `a tag of a session alone ends behind 256 packets`() throws {
        #expect(try tagged("session", packets: 400).count == 255)
    }

    @Test func `a rule that matches again begins its tag anew, ten times at most`() throws {
        var talk = try Conversation(
            "alert udp any any -> any any (content:\"go\"; tag:session,1,packets; sid:1;)", isTCP: false)
        var count = 0
        for _ in 0..<40 {
            talk.send("go")
            if talk.takeTags(octets: 9) { count += 1 }
        }
        #expect(count > 5 && count < 40)
    }

    @Test func `tags of hosts outlive another rule set`() throws {
        let rule = "alert udp any any -> any any (content:\"go\"; tag:host,9,packets,src; sid:1;)"
        var talk = try Conversation(rule, isTCP: false)
        talk.send("go")
        _ = talk.takeTags(octets: 1)
        talk.reload(RuleIndex(try Conversation.index([rule]).set, replacing: talk.engine.index))
        talk.send("on")
        #expect(talk.takeTags(octets: 1))
    }

    // MARK: hooks

    @Test func `the hook of a flow's start is the first packet of each direction`() throws {
        var talk = try Conversation("alert udp:flow_start any any -> any any (sid:1;)", isTCP: false)
        for fromServer in [false, false, true, true, false] { talk.send("x", fromServer: fromServer) }
        #expect(talk.fired() == [1, 1])
    }

    @Test(arguments: [
        ("http1:request_started", 1), ("http1:request_line", 1), ("http1:request_complete", 0),
        ("http1:response_line", 0),
    ]) func `a hook fires when the side has come so far`(_ hook: String, _ count: Int) throws {
        var talk = try Conversation("alert \(hook) any any -> any any (sid:1;)")
        talk.open()
        talk.send("GET /x")
        talk.showRequest(.httpMethod, "GET")
        talk.send(fromServer: true, flags: 0x10)
        talk.send(flags: 0x10)
        let early = talk.fired().count
        #expect(hook == "http1:request_started" || early == count)
        talk.end()
        // A side that is over has come everywhere; of one that has said nothing no line is known.
        #expect(early + talk.fired().count == (hook == "http1:response_line" ? 0 : 1))
    }

    @Test func `a message that is a transaction by itself has one side`() throws {
        var talk = try Conversation("alert dns:request_complete any any -> any any (sid:1;)", isTCP: false)
        for fromServer in [false, true] {
            talk.send("q", fromServer: fromServer)
            var output = TransactionOutput()
            output.wantsTransactions = true
            output.resume(at: fromServer ? 1 : 0, current: (0, 0))
            let tx = output.begin(.dns)
            for side in [Direction.originator, .responder] { output.done(transaction: tx, from: side) }
            talk.show(output)
            talk.inspectAgain()
        }
        talk.end()
        #expect(talk.fired() == [1])
    }

    @Test(arguments: [true, false])
    func `a file and the body of the response that it is are looked through together`(_ isSame: Bool) throws {
        var talk = try Conversation(
            "alert http any any -> any any (flow:to_client; file.data; content:\"needle\"; sid:1;)",
            "alert http any any -> any any (flow:to_client; http.response_body; content:\"needle\"; sid:2;)",
            "alert http any any -> any any (flow:to_client; http.response_body; content:\"thread\"; sid:3;)")
        talk.open()
        talk.send("GET /")
        talk.send(fromServer: true, flags: 0x10)
        var output = TransactionOutput()
        output.wanted = talk.engine.wanted
        output.wantsTransactions = true
        let tx = output.begin(.http)
        let body = Array((String(repeating: "-", count: 500) + "needle").utf8)
        // Of the same length where it is another one.
        let other = isSame ? body : Array((String(repeating: "-", count: 500) + "thread").utf8)
        output.expose(.fileData, body.octets, .lastPart, transaction: tx, instance: 0, from: .responder)
        output.expose(.httpResponseBody, other.octets, .lastPart, transaction: tx, instance: 0, from: .responder)
        output.done(transaction: tx, from: .responder)
        talk.send("answer", fromServer: true)
        talk.show(output)
        talk.send(flags: 0x10)
        talk.send(fromServer: true, flags: 0x10)
        talk.end()
        #expect(talk.fired() == (isSame ? [1, 2] : [1, 3]))
    }

    // MARK: another rule set

    @Test func `a transaction under way goes on with other rules, and fires once`() throws {
        let rule = "alert http any any -> any any (http.uri; to_lowercase; content:\"/x\"; sid:1;)"
        let more = "alert http any any -> any any (http.uri; content:\"/X\"; sid:2;)"
        var talk = try Conversation(rule)
        talk.open()
        talk.send("GET /X")
        var output = TransactionOutput()
        output.wanted.insert(.httpURI)
        output.wantsTransactions = true
        let tx = output.begin(.http)
        let uri = Array("/X".utf8)
        output.expose(.httpURI, uri.octets, .octets, transaction: tx, instance: 0, from: .originator)
        talk.show(output)
        talk.send(fromServer: true, flags: 0x10)
        talk.send(flags: 0x10)
        #expect(talk.fired() == [1])
        talk.reload(RuleIndex(try Conversation.index([more, rule]).set, replacing: talk.engine.index))
        talk.send(flags: 0x10)
        talk.end()
        #expect(talk.fired() == [2], "what has fired stays fired, and what was shown is looked at anew")
    }

    @Test func `a threshold of the flow goes on with other rules`() throws {
        let rule = """
            alert udp any any -> any any (content:"x"; threshold:type limit, track by_flow, count 2, seconds 9; sid:1;)
            """
        var talk = try Conversation(rule, isTCP: false)
        talk.send("x")
        talk.reload(try Conversation.index([rule]))
        for _ in 0..<3 { talk.send("x") }
        #expect(talk.fired() == [1, 1])
    }

    @Test func `flowbits of one flow end somewhere`() throws {
        var rules = ""
        for number in 1...400 {
            rules += "alert udp any any -> any any (content:\"x\"; flowbits:set,b\(number); noalert; sid:\(number);)\n"
        }
        var talk = try Conversation(rules, isTCP: false)
        for _ in 0..<3 { talk.send("x") }
        #expect(talk.engine.memory(of: 0).bits.count == 256)
    }

    @Test func `a buffer is looked at where only one octet, or none, is looked for`() throws {
        var talk = try Conversation(
            """
            alert ssh any any -> any any (ssh.proto; content:"2"; sid:1;)
            alert ssh any any -> any any (ssh.software; bsize:7; sid:2;)
            """)
        talk.open()
        talk.send("x")
        var output = TransactionOutput()
        output.wanted = talk.engine.wanted
        output.wantsTransactions = true
        _ = output.begin(.ssh)
        for (buffer, text) in [(SignatureBuffer.sshProto, "2.0"), (.sshSoftware, "OpenSSH")] {
            output.expose(buffer, Array(text.utf8).octets, .octets, transaction: 0, instance: 0, from: .originator)
        }
        talk.show(output)
        talk.send(fromServer: true, flags: 0x10)
        talk.end()
        #expect(talk.fired().sorted() == [1, 2])
    }

    @Test func `a body without end is kept in a window`() throws {
        var talk = try Conversation("alert http any any -> any any (file.data; content:\"needle\"; sid:1;)")
        talk.open()
        talk.send("x")
        var part = [UInt8](repeating: 0x61, count: 1 << 20)
        for number in 0..<64 {
            if number == 63 { part.replaceSubrange(100..<106, with: Array("needle".utf8)) }
            var output = TransactionOutput()
            output.wanted.insert(.fileData)
            output.wantsTransactions = true
            output.begin(.http, 0)
            output.expose(.fileData, part.octets, .part, transaction: 0, instance: 0, from: .responder)
            talk.show(output)
            talk.send(flags: 0x10)
            talk.send(fromServer: true, flags: 0x10)
            let kept = talk.engine.flows.with(0) { $0.transactions.first?.bodies.first?.window.count ?? 0 } ?? 0
            #expect(kept <= part.count + 16_384, "\(number)")
        }
        talk.end()
        #expect(talk.fired() == [1])
    }

    // MARK: tcp.session, events of detection

    @Test(arguments: [("setup", [1, 2]), ("established", [3, 4]), ("closing", [5, 6])])
    func `a session's phase is that of the packet at work`(_ phase: String, _ packets: [Int]) throws {
        var talk = try Conversation("alert tcp any any -> any any (tcp.session:\(phase); sid:1;)")
        var found: [Int] = []
        let steps: [(flags: UInt8, fromServer: Bool)] = [
            (0x02, false), (0x12, true), (0x10, false), (0x18, true), (0x11, false), (0x10, true),
        ]
        for (number, step) in steps.enumerated() {
            talk.send(fromServer: step.fromServer, flags: step.flags)
            if !talk.fired().isEmpty { found.append(number + 1) }
        }
        #expect(found == packets)
    }

    @Test func `a server that speaks first where the client should is told of once`() throws {
        let rule = "alert tcp any any -> any any (app-layer-event:applayer_wrong_direction_first_data; sid:1;)"
        for fromServer in [true, false] {
            var talk = try Conversation(rule, "alert http any any -> any any (http.uri; content:\"x\"; sid:2;)")
            talk.open()
            talk.send("HTTP/1.1 200 OK", fromServer: fromServer)
            talk.engine.confirm(0, .http)
            talk.send(fromServer: !fromServer, flags: 0x10)
            talk.send(flags: 0x10)
            talk.send(flags: 0x10)
            #expect(talk.fired() == (fromServer ? [1] : []))
        }
    }

    // MARK: countries

    @Test(arguments: [
        ("src,NL", true), ("src,DE", false), ("src,!DE", true), ("src,!NL,BE", false), ("dst,NL", false),
        ("any,NL", true), ("both,NL", false), ("nl", true),
    ]) func `countries come from the file that is given`(_ geoip: String, _ fires: Bool) throws {
        let path = NSTemporaryDirectory() + "/weir-\(UUID().uuidString).mmdb"
        try Data(AddressFile.countries([(0x0A00_0001, "NL")])).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = RuleLoaderOptions()
        options.countryPath = path
        var loader = try RuleLoader(options)
        let rule = "alert udp any any -> any any (content:\"x\"; geoip:\(geoip); sid:1;)"
        loader.load(Array(rule.utf8), name: "test", folder: nil)
        let loaded = loader.finished()
        #expect(loaded.rejected.isEmpty && loaded.silence == nil)
        var talk = Conversation(RuleIndex(loaded.set), isTCP: false)
        talk.send("x")
        #expect(talk.fired().isEmpty != fires)
    }

    @Test func `a file of countries that is none ends loading with its name`() {
        var options = RuleLoaderOptions()
        options.countryPath = #filePath
        let error = #expect(throws: RuleFileError.self) { _ = try RuleLoader(options) }
        #expect(error?.text.contains("MMDB") == true)
    }

    // MARK: data sets

    private static let setRule = """
        alert http any any -> any any (http.host; dataset:set,seen,type string,state seen.lst; sid:1;)
        """

    private func load(_ rule: String, data: String?, replacing old: RuleSet? = nil) throws -> LoadedRules {
        var options = RuleLoaderOptions()
        options.dataFolder = data
        options.predecessor = old
        var loader = try RuleLoader(options)
        loader.load(Array(rule.utf8), name: "test", folder: "/nowhere")
        return loader.finished()
    }

    @Test func `a set that is saved has the lines that are read again`() throws {
        let loaded = try load(Self.setRule, data: "/some/where")
        #expect(loaded.rejected.isEmpty && loaded.silence == nil)
        let set = try #require(loaded.set.datasets.first)
        #expect(set.savePath == "/some/where/seen.lst" && set.changedLines() == nil)
        for value in ["a", "ab", "abc", ""] {
            let octets = Array(value.utf8)
            set.insert(octets.octets)
        }
        let lines = try #require(set.changedLines())
        #expect(String(decoding: lines, as: UTF8.self) == "YQ==\nYWI=\nYWJj\n\n")
        #expect(set.changedLines() == nil, "nothing has changed since")
        let gone = Array("ab".utf8)
        let wasThere = set.remove(gone.octets)
        #expect(wasThere && set.changedLines() != nil)
    }

    @Test func `digests and addresses stand in a set's file as people write them`() throws {
        let rule = """
            alert ip any any -> any any (ip.src; dataset:set,hosts,type ip,save hosts.lst; sid:1;)
            alert ip any any -> any any (ip.src; dataset:set,four,type ipv4,save four.lst; sid:2;)
            alert http any any -> any any (http.uri; to_md5; dataset:set,sums,type md5,save sums.lst; sid:3;)
            """
        let sets = try load(rule, data: "d").set.datasets
        let v6 = Array(repeating: UInt8(0), count: 15) + [1]
        for (set, octets) in zip(sets, [v6, [192, 0, 2, 1], Array(repeating: 0xAB, count: 16)]) {
            set.insert(octets.octets)
        }
        let lines = sets.map { String(decoding: $0.changedLines() ?? [], as: UTF8.self) }
        #expect(lines == ["::1\n", "192.0.2.1\n", String(repeating: "ab", count: 16) + "\n"])
    }

    @Test func `what traffic has put into a set outlives another rule set, what a file has does not`() throws {
        let before = try load(Self.setRule, data: "d").set
        let value = Array("example.org".utf8)
        before.datasets[0].insert(value.octets)
        let after = try load(Self.setRule, data: "d", replacing: before).set
        let isKept = after.datasets[0].contains(value.octets)
        #expect(isKept)
        let file = "alert http any any -> any any (http.host; dataset:isset,seen,type string,load seen.lst; sid:1;)"
        let fromFile = try load(file, data: "d").set
        fromFile.datasets[0].insert(value.octets)
        let isStill = try load(file, data: "d", replacing: fromFile).set.datasets[0].contains(value.octets)
        #expect(!isStill)
    }
}

/// A file of countries in MaxMind's format: one address an entry.
enum AddressFile {
    /// IPv4 addresses with their country.
    static func countries(_ entries: [(address: UInt32, code: String)]) -> [UInt8] {
        var nodes: [(UInt32, UInt32)] = [(0, 0)]
        var data: [UInt8] = []
        var leaves: [(node: Int, isRight: Bool, offset: Int)] = []
        for (address, code) in entries {
            var node = 0
            for bit in (1..<32).reversed() {
                let isRight = address >> UInt32(bit) & 1 == 1
                let next = isRight ? nodes[node].1 : nodes[node].0
                if next == 0 {
                    nodes.append((0, 0))
                    let new = UInt32(nodes.count - 1)
                    if isRight { nodes[node].1 = new } else { nodes[node].0 = new }
                    node = Int(new)
                } else {
                    node = Int(next)
                }
            }
            leaves.append((node, address & 1 == 1, data.count))
            data += [0xE1] + text("country") + [0xE1] + text("iso_code") + text(code)
        }
        let count = UInt32(nodes.count)
        var file: [UInt8] = []
        for (number, node) in nodes.enumerated() {
            for isRight in [false, true] {
                let leaf = leaves.first { $0.node == number && $0.isRight == isRight }
                let inner = isRight ? node.1 : node.0
                let record = leaf.map { count + 16 + UInt32($0.offset) } ?? (inner == 0 ? count : inner)
                file += [UInt8(record >> 16 & 0xFF), UInt8(record >> 8 & 0xFF), UInt8(record & 0xFF)]
            }
        }
        file += [UInt8](repeating: 0, count: 16) + data
        file += [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8) + metadata(count)
        return file
    }

    private static func text(_ value: String) -> [UInt8] { [0x40 | UInt8(value.utf8.count)] + Array(value.utf8) }

    private static func metadata(_ nodes: UInt32) -> [UInt8] {
        var octets: [UInt8] = [0xE9]
        octets += text("node_count") + [0xC4] + (0..<4).map { UInt8(nodes >> UInt32(24 - 8 * $0) & 0xFF) }
        octets += text("record_size") + [0xA1, 24] + text("ip_version") + [0xA1, 4]
        octets += text("database_type") + text("Country") + text("languages") + [0x00, 0x04]
        octets += text("binary_format_major_version") + [0xA1, 2] + text("binary_format_minor_version") + [0xA1, 0]
        octets += text("build_epoch") + [0x01, 0x02, 1] + text("description") + [0xE0]
        return octets
    }
}
