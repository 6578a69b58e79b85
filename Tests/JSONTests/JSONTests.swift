// SPDX-License-Identifier: Apache-2.0
//
// Reading JSON in place: the grammar, its limits, lookups, octets kept.

import Testing

@testable import JSON

/// One of everything: nesting, escapes, numbers, an empty object and an empty array.
private let sample = """
    {"Records": [ {"eventID":"a-1","n":-12.5e+3,"big":12345678901234567890,"ok":true,"none":null,"list":[1,"2",[],{}]},
      {"eventID":"\\u00e9\\ud83d\\ude00 \\"q\\" \\\\ \\/","ü":"ß","eventid":"x"} ] , "last" : false}
    """

private func reason(_ text: String, limits: JSONLimits = JSONLimits()) -> JSONError.Reason? {
    reason(Array(text.utf8), limits: limits)
}

private func reason(_ octets: [UInt8], limits: JSONLimits = JSONLimits()) -> JSONError.Reason? {
    do {
        _ = try JSONDocument(octets, limits: limits)
        return nil
    } catch {
        return error.reason
    }
}

@Suite("JSON") struct JSONTests {
    @Test func `a text gives its values by path`() throws {
        let root = try JSONDocument(sample).root
        #expect(root.kind == .object && root.count == 2)
        #expect(root.at("Records", "0", "eventID")?.string == "a-1")
        #expect(root.at("Records", "0", "n")?.double == -12500)
        #expect(root.at("Records", "0", "n")?.integer == nil)
        #expect(root.at("Records", "0", "ok")?.bool == true)
        #expect(root["last"]?.bool == false)
        #expect(root.at("Records", "0", "none")?.isNull == true)
        #expect(root.at("Records", "0", "list")?.count == 4)
        #expect(root.at("Records", "0", "list", "3")?.isObject == true)
        #expect(root.at("Records", "0", "list", "4") == nil)
        #expect(root.at("Records", "eventID") == nil)
        #expect(root.at("missing", "eventID") == nil)
    }

    @Test func `escapes are decoded and the raw text is kept octet for octet`() throws {
        let root = try JSONDocument(sample).root
        let second = try #require(root.at("Records", "1"))
        #expect(second["eventID"]?.string == "é😀 \"q\" \\ /")
        #expect(second["ü"]?.string == "ß")
        let raw = String(decoding: second.raw, as: UTF8.self)
        #expect(raw == #"{"eventID":"\u00e9\ud83d\ude00 \"q\" \\ \/","ü":"ß","eventid":"x"}"#)
        #expect(String(decoding: root.raw, as: UTF8.self) == sample)
    }

    @Test func `elements and members come in the order of the text`() throws {
        let root = try JSONDocument(#"{"b":[3,1,2],"a":{},"b2":0}"#).root
        #expect(root.members.map(\.key) == ["b", "a", "b2"])
        #expect(root["b"]?.elements.compactMap(\.integer) == [3, 1, 2])
        #expect(root["a"]?.members.map(\.key) == [])
        #expect(root["b2"]?.elements.map(\.kind) == [])
    }

    @Test func `keys are found in another case only if asked, an exact one first`() throws {
        let root = try JSONDocument(#"{"EventID":1,"eventid":2,"OTHER":3}"#).root
        #expect(root["eventID"] == nil)
        #expect(root.member("eventid", ignoringCase: true)?.integer == 2)
        #expect(root.member("EventID", ignoringCase: true)?.integer == 1)
        #expect(root.member("other", ignoringCase: true)?.integer == 3)
        #expect(root.at(["OtHeR"], ignoringCase: true)?.integer == 3)
    }

    @Test func `of two members of one name the last counts, and it is told`() throws {
        let root = try JSONDocument(#"{"a":1,"b":2,"a":3,"\u0061":4}"#).root
        #expect(root["a"]?.integer == 4)
        #expect(root.hasDuplicateKeys)
        #expect(root.count == 4)
        #expect(try !JSONDocument(#"{"a":1,"A":2}"#).root.hasDuplicateKeys)
    }

    @Test(arguments: [
        ("0", 0), ("-0", 0), ("\"42\"", 42), ("-7", -7), ("9223372036854775807", Int64.max),
        ("-9223372036854775808", Int64.min),
    ])
    func `numbers are whole numbers, in strings too`(_ text: String, _ expected: Int64) throws {
        #expect(try JSONDocument(text).root.integer == expected)
        #expect(try JSONDocument(text).root.double == Double(expected))
    }

    @Test(arguments: ["9223372036854775808", "-9223372036854775809", "1.0", "1e2", "\"\"", "\"-\"", "\"1x\"", "true"])
    func `what is no whole number of 64 bits is none`(_ text: String) throws {
        #expect(try JSONDocument(text).root.integer == nil)
    }

    @Test func `words in strings are truth values, scalars are text`() throws {
        let root = try JSONDocument(#"["True","FALSE","yes",12.50,true,null,{}]"#).root
        #expect(root.elements.map(\.bool) == [true, false, nil, nil, true, nil, nil])
        #expect(root.elements.map(\.text) == ["True", "FALSE", "yes", "12.50", "true", nil, nil])
        #expect(root[3]?.hasText("12.50") == true)
        #expect(try JSONDocument("\"inf\"").root.double == nil)
        #expect(try JSONDocument("1e999").root.double == nil)
    }

    @Test func `every truncation is refused`() {
        let octets = Array(sample.utf8)
        for length in 0..<octets.count {
            #expect(reason(Array(octets.prefix(length))) == .truncated, "\(length) octets")
        }
        #expect(reason(octets) == nil)
    }

    @Test(arguments: [
        "{]", "[}", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
        "{a:1}", "{1:2}", "[,1]", "[1 2]", "nul1", "tru}", "'a'",
        "+1", ".5", "\u{FEFF}{}", "NaN", "{\"a\":1 \"b\":2}",
    ])
    func `what the grammar does not know is refused`(_ text: String) {
        guard case .unexpected = reason(text) else {
            Issue.record("\(text): \(String(describing: reason(text)))")
            return
        }
    }

    @Test func `numbers, strings and ends are held to the grammar`() {
        #expect(reason("01") == .invalidNumber)
        #expect(reason("-x") == .invalidNumber)
        #expect(reason("1.x") == .invalidNumber)
        #expect(reason("1ex") == .invalidNumber)
        #expect(reason("{} {}") == .trailing)
        #expect(reason("{}\n \t\r") == nil)
        #expect(reason("\"\\x\"") == .invalidEscape)
        #expect(reason("\"\\u12g4\"") == .invalidEscape)
        #expect(reason("\"\n\"") == .controlCharacter(0x0A))
    }

    @Test(arguments: [
        [0x80], [0xC0, 0xAF], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
        [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xE2, 0x28, 0xA1],
    ] as [[UInt8]])
    func `octets that are no UTF-8 are told`(_ octets: [UInt8]) {
        #expect(reason([0x22] + octets + [0x22]) == .invalidUTF8)
    }

    @Test func `a lone surrogate becomes the replacement character`() throws {
        #expect(try JSONDocument(#""a\ud800b""#).root.string == "a\u{FFFD}b")
        #expect(try JSONDocument(#""\ud800\ud83d\ude00""#).root.string == "\u{FFFD}😀")
        #expect(try JSONDocument(#""\udc00""#).root.string == "\u{FFFD}")
    }

    @Test func `nesting, length and the number of values are bounded`() {
        let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(reason(deep) == nil)
        #expect(reason("[" + deep + "]") == .tooDeep)
        #expect(reason(String(repeating: "{\"a\":", count: 100)) == .tooDeep)
        #expect(reason(String(repeating: "[", count: 1_000_000)) == .tooDeep)
        #expect(reason("[1,2,3]", limits: JSONLimits(bytesMax: 6)) == .tooLong)
        #expect(reason("[1,2,3]", limits: JSONLimits(nodesMax: 3)) == .tooMany)
    }

    @Test func `a document is read again and knows nothing of the text before`() throws {
        let document = JSONDocument()
        try document.read(Array(#"  {"a":1} junk {"b":[2]} "#.utf8), 0..<10)
        #expect(document.root["a"]?.integer == 1)
        let octets = Array(#"{"a":1} {"b":[2]}"#.utf8)
        let end = try document.readPrefix(octets, 0..<octets.count)
        #expect(end == 7)
        try document.read(octets, 7..<octets.count)
        #expect(document.root.at("b", "0")?.integer == 2)
        #expect(document.root["b"]?.rawRange == 13..<16)
        #expect(throws: JSONError(.truncated, at: 10)) { try document.read(octets, 7..<10) }
        #expect(document.nodeCount == 0)
    }

    @Test func `what is written is read back as it was`() throws {
        var json = JSONWriter()
        json.object {
            $0.member("text", "é \"q\" \\ \n\t\u{01}\u{7F} 😀")
            $0.member("number", -12)
            $0.member("share", 0.25)
            $0.member("flag", true)
            $0.memberIfAny("none", nil)
            $0.member("list", ["a", "b"])
            $0.key("inner")
            $0.object { $0.key("bad"); $0.string([0x61, 0xFF, 0x62][...]) }
            $0.key("not")
            $0.double(.nan)
            $0.key("raw")
            $0.raw(Array(#"{"x":[1]}"#.utf8)[...])
        }
        json.newLine()
        json.array { $0.integer(1); $0.null(); $0.array { _ in } }
        let lines = json.octets.split(separator: 0x0A)
        #expect(lines.count == 2)
        let root = try JSONDocument(Array(lines[0])).root
        #expect(root["text"]?.string == "é \"q\" \\ \n\t\u{01}\u{7F} 😀")
        #expect(root["number"]?.integer == -12 && root["share"]?.double == 0.25 && root["flag"]?.bool == true)
        #expect(root["list"]?.elements.compactMap(\.string) == ["a", "b"])
        #expect(root.at("inner", "bad")?.string == "a\u{FFFD}b")
        #expect(root["not"]?.isNull == true)
        #expect(root.at("raw", "x", "0")?.integer == 1)
        #expect(String(decoding: lines[1], as: UTF8.self) == "[1,null,[]]")
    }
}
