// SPDX-License-Identifier: Apache-2.0
//
// Feeds: every form, and what is refused of each and why.

import Foundation
import Records
import Testing

@testable import Intel

private let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
private let now = Timestamp(seconds: 1_796_083_200)

/// Reads a feed that stands in the test.
private func read(_ text: String, _ change: (inout FeedOptions) throws -> Void = { _ in }) throws -> FeedOutcome {
    var options = FeedOptions(name: "test")
    try change(&options)
    return try FeedReader.read(Array(text.utf8), path: "feed", options: options, now: now)
}

extension FeedOutcome {
    /// `domain evil.example`, in order.
    var values: [String] {
        self.set.rows.map { "\($0.kind.name) \(IndicatorForm.text($0.kind, self.set.value($0)))" }
    }
    var reasons: [String] { refusals.map(\.reason) }
}

@Suite("feeds") struct FeedTests {
    @Test func `abuse.ch's feeds are known by their columns`() throws {
        let threatfox = try read(
            """
            ################################################################
            # "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type","fk_malware","malware_alias",\
            "malware_printable","last_seen_utc","confidence_level","reference","tags","anonymous","reporter"
            "2026-11-20 08:01:02", "11", "203.0.113.66:443", "ip:port", "botnet_cc", \
            "win.x", "", "Cobalt Strike", "", "75", "None", "c2", "0", "a"
            "2026-11-20 08:01:02", "12", "cdn-sync.example", "domain", "botnet_cc", \
            "win.x", "", "Cobalt Strike", "2026-11-21 00:00:00", "100", "None", "c2", "0", "a"
            "2026-11-20 08:01:02", "13", "http://cdn-sync.example/a?b=1", "url", "payload_delivery", \
            "win.x", "", "None", "", "50", "", "", "0", "a"
            "2026-11-20 08:01:02", "14", "1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f53", \
            "sha256_hash", "payload", \
            "win.x", "", "x", "", "50", "", "", "0", "a"
            "2026-11-20 08:01:02", "15", "x", "jarm", "payload", "win.x", "", "x", "", "50", "", "", "0", "a"

            """)
        #expect(threatfox.form == .threatfox)
        #expect(
            threatfox.values == [
                "endpoint 203.0.113.66:443", "domain cdn-sync.example", "url cdn-sync.example/a?b=1",
                "file 1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f53",
            ])
        #expect(threatfox.set.rows.map(\.confidence) == [75, 100, 50, 50])
        #expect(threatfox.set.text(threatfox.set.rows[0].label) == "Cobalt Strike")
        #expect(threatfox.set.text(threatfox.set.rows[0].threat) == "botnet_cc")
        // An endpoint lives for 30 days from when it was last seen, a name for 180, the content of a file for ever.
        #expect(Int(threatfox.set.rows[0].expires) == 1795161662 + 30 * 86_400)
        #expect(threatfox.set.rows[3].expires == 0)
        #expect(threatfox.reasons == ["the type jarm is not looked for"])
        let urlhaus = try read(
            """
            # id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter
            "1","2026-11-20 08:01:02","http://203.0.113.9/x.sh","online","2026-11-20",\
            "malware_download","elf,mirai","https://x","a"
            "2","2026-11-20 08:01:02","https://evil.example:443/%61","offline","","malware_download","","https://x","a"

            """)
        #expect(urlhaus.form == .urlhaus)
        #expect(urlhaus.values == ["url 203.0.113.9/x.sh", "url evil.example/a"])
        #expect(urlhaus.set.rows.map(\.confidence) == [80, 50])
        let feodo = try read(
            """
            "first_seen_utc","dst_ip","dst_port","c2_status","last_online","malware"
            "2026-11-20 08:01:02","203.0.113.5","4443","online","2026-11-21","Emotet"

            """)
        #expect(feodo.form == .feodo && feodo.values == ["endpoint 203.0.113.5:4443"])
        let certificates = try read(
            "# Listingdate,SHA1,Listingreason\n"
                + "2026-11-20 08:01:02,8b2b5f7a1d0c44e29c6e1f3f7a2b9c0d4e5f6a71,Dridex C&C\n"
        )
        #expect(certificates.values == ["certificate 8b2b5f7a1d0c44e29c6e1f3f7a2b9c0d4e5f6a71"])
        let clients = try read(
            "# ja3_md5,Firstseen,Lastseen,Listingreason\n"
                + "b386946a5a44d1ddcc843bc75336dfce,2026-01-01 00:00:00,2026-11-20 00:00:00,Dridex\n"
        )
        #expect(clients.values == ["ja3 b386946a5a44d1ddcc843bc75336dfce"])
    }

    @Test func `Zeek's intel files are read`() throws {
        let feed = try read(
            """
            #fields\tindicator\tindicator_type\tmeta.source\tmeta.desc
            203.0.113.7\tIntel::ADDR\tsrc\tscanner
            203.0.113.0/25\tIntel::SUBNET\tsrc\t-
            evil.example/a\tIntel::URL\tsrc\t-
            a@evil.example\tIntel::EMAIL\tsrc\t-
            evil.example\tIntel::DOMAIN\tsrc\t-
            alice\tIntel::USER_NAME\tsrc\t-
            9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\tIntel::FILE_HASH\tsrc\t-
            x\tIntel::PUBKEY_HASH\tsrc\t-

            """)
        #expect(feed.form == .zeek)
        #expect(
            feed.values.prefix(6) == [
                "address 203.0.113.7", "network 203.0.113.0/25", "url evil.example/a", "email a@evil.example",
                "domain evil.example", "user-name alice",
            ])
        #expect(feed.acceptedCount == 7 && feed.refusedCount == 1)
        #expect(throws: IntelError(.notAFeed, "", path: "", advice: "")) {
            try read("#fields indicator indicator_type\nx Intel::ADDR\n")
        }
    }

    @Test func `any table is read by a mapping, any list by the form of its values`() throws {
        let table = try read("when;ip;score;why\n2026-11-20;203.0.113.1;90;scan\n2026-11-20;nonsense;90;scan\n") {
            $0.mapping = [("ip", "address"), ("score", "confidence"), ("why", "label"), ("when", "seen")]
        }
        #expect(table.values == ["address 203.0.113.1"])
        #expect(table.set.rows[0].confidence == 90)
        #expect(table.reasons == ["this is no address"])
        #expect(table.refusals[0].place == 3)
        let numbered = try read("evil.example,x\nother.example,y\n") { $0.mapping = [("1", "domain")] }
        #expect(numbered.values == ["domain evil.example", "domain other.example"])
        for wrong in [("host", "domain"), ("1", "colour")] {
            #expect(throws: IntelError(.value, "", path: "", advice: "")) {
                try read("evil.example,x\n") { $0.mapping = [wrong] }
            }
        }
        #expect(throws: IntelError(.value, "", path: "", advice: "")) { try read("a,b,c\n1,2,3\n") }
        let list = try read(
            """
            # ours
            203.0.113.1
            203.0.113.64/26
            hxxp[:]//evil[.]example/x
            EVIL.example.
            203.0.113.2:8080
            [2001:db8::5]:53
            2001:db8:77::/48
            someone@evil.example
            b386946a5a44d1ddcc843bc75336dfce
            word
            """)
        #expect(
            list.values == [
                "address 203.0.113.1", "network 203.0.113.64/26", "url evil.example/x", "domain evil.example",
                "endpoint 203.0.113.2:8080", "endpoint [2001:db8::5]:53", "network 2001:db8:77::/48",
                "email someone@evil.example", "file b386946a5a44d1ddcc843bc75336dfce",
            ])
        #expect(list.reasons == ["it is of no kind that is known"])
    }

    @Test func `bundles of STIX are read, and what one record cannot decide is listed`() throws {
        func indicator(_ pattern: String, _ more: String = "") -> String {
            let quoted = pattern.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            return #"{"type":"indicator","id":"indicator--1","pattern":"\#(quoted)","pattern_type":"stix""#
                + #","valid_from":"2026-11-01T00:00:00Z"\#(more)}"#
        }
        let bundle = """
            {"type":"bundle","id":"bundle--1","objects":[{"type":"identity","name":"x"},
            \(indicator("[ipv4-addr:value = '203.0.113.1']", #","confidence":90,"valid_until":"2026-12-01""#)),
            \(indicator("[domain-name:value IN ('a.example.net', 'b.example.net')]")),
            \(indicator("[domain-name:value LIKE '%.evil.example']")),
            \(indicator("[url:value = 'http://evil.example/it\\'s'] OR [ipv6-addr:value = '2001:db8::9']")),
            \(indicator("[file:hashes.'SHA-256' = '\(digest)']")),
            \(indicator("[network-traffic:dst_ref.value='203.0.113.9' AND network-traffic:dst_port=443]")),
            \(indicator("[file:name = 'x.exe' AND file:hashes.MD5 = 'b386946a5a44d1ddcc843bc75336dfce']")),
            \(indicator("[ipv4-addr:value ISSUBSET '203.0.113.0/28']")),
            \(indicator("[ipv4-addr:value = '203.0.113.1'] FOLLOWEDBY [domain-name:value = 'x.example.net']")),
            \(indicator("[ipv4-addr:value != '203.0.113.1']")),
            \(indicator("[domain-name:value MATCHES '^x']")),
            \(indicator("[process:name = 'x']")),
            \(indicator("[ipv4-addr:value = '203.0.113.2']", #","revoked":true"#)),
            \(indicator("[ipv4-addr:value = '203.0.113.3'")),
            \(indicator("")),
            {"type":"indicator","pattern":"rule x {}","pattern_type":"yara"}]}
            """
        let feed = try read(bundle)
        #expect(feed.form == .stix)
        #expect(
            feed.values == [
                "address 203.0.113.1", "domain a.example.net", "domain b.example.net", "domain evil.example",
                "url evil.example/it's", "address 2001:db8::9",
                "file 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "endpoint 203.0.113.9:443",
                "file b386946a5a44d1ddcc843bc75336dfce", "network 203.0.113.0/28",
            ])
        #expect(feed.set.rows[0].confidence == 90 && feed.set.rows[0].expires == 1796083200)
        #expect(feed.refusedCount == 8)
        #expect(feed.reasons[0].contains("several observations") && feed.reasons[1].contains("equals"))
        #expect(feed.reasons[4].contains("revoked") && feed.reasons[7].contains("yara"))
    }

    @Test func `events of MISP are read, only what is to be looked for`() throws {
        let feed = try read(
            """
            {"Event":{"info":"campaign","Attribute":[
            {"type":"ip-dst","value":"203.0.113.1","to_ids":true,"timestamp":"1795000000"},
            {"type":"ip-dst|port","value":"203.0.113.2|8443","to_ids":"1","timestamp":"1795000000"},
            {"type":"domain|ip","value":"evil.example|203.0.113.3","to_ids":true},
            {"type":"hostname","value":"c2.evil.example","to_ids":true},
            {"type":"filename|sha256","value":"x.exe|\(digest)","to_ids":true},
            {"type":"ja3-fingerprint-md5","value":"b386946a5a44d1ddcc843bc75336dfce","to_ids":true},
            {"type":"comment","value":"x","to_ids":true},
            {"type":"ip-dst","value":"203.0.113.9","to_ids":false}],
            "Object":[{"Attribute":[{"type":"url","value":"http://evil.example/q","to_ids":true}]}]}}
            """)
        #expect(feed.form == .misp)
        #expect(
            feed.values == [
                "address 203.0.113.1", "endpoint 203.0.113.2:8443", "domain evil.example", "address 203.0.113.3",
                "hostname c2.evil.example",
                "file 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "ja3 b386946a5a44d1ddcc843bc75336dfce", "url evil.example/q",
            ])
        #expect(feed.refusedCount == 2)
        #expect(feed.set.text(feed.set.rows[0].label) == "campaign")
    }

    @Test(arguments: [
        ("0.0.0.0/0", "good part of the Internet"), ("::/0", "good part"), ("203.0.113.0/7", "good part"),
        ("10.1.2.3", "private"), ("127.0.0.1", "private"), ("224.0.0.5", "groups"), ("0.0.0.0", "unspecified"),
        ("255.255.255.255", "groups"), ("8.8.8.8", "services that everybody uses"), ("8.8.8.0/24", "everybody uses"),
        ("www.google.com", "everybody uses"), ("co.uk", "anybody may register"), ("203.0.113.1:0", "port"),
        ("203.0.113.1:70000", "port"), ("d41d8cd98f00b204e9800998ecf8427e", "empty file"),
        ("00000000000000000000000000000000", "over and over"), ("http://evil.example/", "without a path"),
        ("http://evil.example", "without a path"), ("bücher.example", "not in ASCII"), ("a..example", "label"),
    ])
    func `what would match everything is refused with the reason`(_ value: String, _ reason: String) throws {
        let feed = try read("evil.example\n\(value)\n") { $0.form = .list }
        #expect(feed.values == ["domain evil.example"])
        #expect(feed.refusals.map(\.place) == [2])
        #expect(feed.reasons.first?.contains(reason) == true, "\(feed.reasons)")
    }

    @Test func `a top-level domain is refused of a mapped column`() throws {
        let feed = try read("evil.example,1\ncom,2\n.com,3\n") { $0.mapping = [("1", "domain")] }
        #expect(feed.values == ["domain evil.example"])
        #expect(feed.reasons.allSatisfy { $0.contains("one label alone") } && feed.refusedCount == 2)
    }

    @Test func `what is no feed is refused as a whole`() throws {
        let notAFeed = IntelError(.notAFeed, "", path: "", advice: "")
        #expect(throws: notAFeed) { try read("<!DOCTYPE html><html>403</html>") }
        #expect(throws: notAFeed) { try read("  \n ") }
        #expect(throws: notAFeed) { try read("# nothing\n#else\n") }
        #expect(throws: notAFeed) { try read("{\"a\":1}") }
        #expect(throws: notAFeed) { try read("com\nnet\n") { $0.form = .list } }
        #expect(throws: IntelError(.cut, "", path: "", advice: "")) {
            try read(#"{"type":"bundle","objects":[{"type":"indicator","pattern":"[ipv4"#)
        }
        #expect(throws: IntelError(.unreadable, "", path: "", advice: "")) {
            try FeedReader.read(path: "/nowhere", options: FeedOptions(name: "x"), now: now)
        }
    }

    /// Packs a file with a program of the system.
    private func pack(_ command: String, in folder: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", command]
        process.currentDirectoryURL = URL(filePath: folder)
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    @Test func `packed feeds are read whole or not at all`() throws {
        let folder = NSTemporaryDirectory() + "/weir-packed-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let lines = (0..<20_000).map { "h\($0 &* 2_654_435_761 % 1_000_003).evil.example\n" }.joined()
        try lines.write(toFile: folder + "/feed.txt", atomically: true, encoding: .utf8)
        try "<html>429 slow down</html>".write(toFile: folder + "/page", atomically: true, encoding: .utf8)
        try pack(
            """
            gzip -k feed.txt; (cat feed.txt.gz; echo last.example | gzip) > two.gz; head -c 30000 feed.txt.gz > cut.gz
            gzip -k page; head -c 200000000 /dev/zero | gzip > bomb.gz
            python3 -c "
            import zipfile
            with zipfile.ZipFile('feed.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.write('feed.txt')
            with zipfile.ZipFile('both.zip', 'w') as z: z.write('feed.txt'); z.write('page')
            "
            head -c 3000 feed.zip > cut.zip
            (head -c 40000 feed.txt.gz; printf 'broken'; tail -c +40007 feed.txt.gz) > broken.gz
            """, in: folder)
        func read(_ name: String) throws -> FeedOutcome {
            try FeedReader.read(path: folder + "/" + name, options: FeedOptions(name: "x"), now: now)
        }
        let plain = try read("feed.txt")
        #expect(plain.acceptedCount > 19_000)
        #expect(try read("feed.txt.gz").values == plain.values)
        #expect(try read("feed.zip").values == plain.values)
        #expect(try read("two.gz").values == plain.values + ["domain last.example"])
        for name in ["cut.gz", "cut.zip", "broken.gz", "both.zip"] {
            #expect(throws: IntelError(.cut, "", path: "", advice: ""), "\(name)") { try read(name) }
        }
        #expect(throws: IntelError(.tooLarge, "", path: "", advice: "")) { try read("bomb.gz") }
        #expect(throws: IntelError(.notAFeed, "", path: "", advice: "")) { try read("page.gz") }
    }

    @Test func `the last line of a feed that was cut is refused`() throws {
        let feed = try read(
            "# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n"
                + "\"1\",\"2026-11-20 08:01:02\",\"http://203.0.113.9/x.sh\",\"online\",\"\",\"m\",\"\",\"l\",\"a\"\n"
                + "\"2\",\"2026-11-20 08:01:02\",\"http://203.0.113.1/x.sh\",\"onl")
        #expect(feed.values == ["url 203.0.113.9/x.sh"])
        #expect(feed.reasons == ["the file ends inside of this line"])
    }

    @Test func `hostile bytes end in refusals, never worse`() throws {
        var generator = SystemRandomNumberGenerator()
        let seeds = [
            "#fields\tindicator\tindicator_type\n203.0.113.1\tIntel::ADDR\n", "evil.example\n",
            "{\"type\":\"bundle\",\"objects\":[]}",
            "[ipv4-addr:value = '203.0.113.1' AND (a:b IN ('x', 'y'))]",
        ]
        for seed in seeds {
            for _ in 0..<300 {
                var octets = Array(seed.utf8)
                for _ in 0..<Int.random(in: 1...6, using: &generator) {
                    octets[Int.random(in: octets.indices, using: &generator)] = UInt8.random(
                        in: 0...255, using: &generator)
                }
                _ = try? FeedReader.read(octets, path: "x", options: FeedOptions(name: "x"), now: now)
                _ = try? STIXPattern(octets)
            }
        }
        #expect(throws: Unfit.self) { try STIXPattern(Array(("[" + String(repeating: "(", count: 100_000)).utf8)) }
        #expect(throws: Unfit.self) {
            try STIXPattern(Array(String(repeating: "[a:b = '1'] OR ", count: 100_000).utf8))
        }
    }

    @Test func `lists of harmless values are asked, and sinkholes are marked`() throws {
        let folder = NSTemporaryDirectory() + "/weir-lists-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func write(_ name: String, _ text: String) throws -> String {
            try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
            return folder + "/" + name
        }
        let allowed = try write("allow", "# ours\n203.0.113.0/28\nexample.org\nnot a value at all !\n")
        let cdn = try write("cdn", #"{"name":"a CDN","type":"cidr","list":["198.51.100.0/24"]}"#)
        let names = try write("names", #"{"name":"top","type":"hostname","list":["popular.example"]}"#)
        let parts = try write("parts", #"{"name":"parts","type":"substring","list":["update"]}"#)
        let holes = try write("holes", #"{"name":"List of sinkholes","type":"string","list":["203.0.113.99"]}"#)
        let patterns = try write("patterns", #"{"name":"r","type":"regex","list":["x"]}"#)
        var harmless = HarmlessValues()
        try harmless.allow(path: allowed)
        for path in [cdn, names, parts, holes, patterns] { try harmless.warn(path: path) }
        #expect(harmless.remarks.count == 2)
        let feed = try read(
            """
            203.0.113.5
            198.51.100.0/25
            www.example.org
            www.popular.example
            my.updates.example
            203.0.113.99
            203.0.113.200
            """
        ) {
            $0.form = .list; $0.harmless = harmless
        }
        #expect(feed.values == ["address 203.0.113.99", "address 203.0.113.200"])
        #expect(feed.set.rows.map(\.isSinkhole) == [true, false] && feed.sinkholeCount == 1)
        #expect(feed.reasons.contains { $0.contains("a CDN") } && feed.reasons.contains { $0.contains("parts") })
    }

    @Test func `networks are held against long lists of addresses`() throws {
        let folder = NSTemporaryDirectory() + "/weir-networks-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let list = folder + "/allow"
        // Every even network of 203/8 by one address, a network, and the same line over and over.
        var lines = (0..<20_000).map { "203.\($0 / 100).\($0 % 100 * 2).77\n" }
        lines += ["198.51.100.0/24\n"] + Array(repeating: "www.example.org\n", count: 20_000)
        try lines.joined().write(toFile: list, atomically: true, encoding: .utf8)
        var harmless = HarmlessValues()
        try harmless.allow(path: list)
        let feed = try read(
            (0..<20_000).map { "203.\($0 / 200).\($0 % 200).0/24\n" }.joined() + "198.51.100.64/26\n198.51.0.0/16\n"
                + "198.51.101.0/24\n"
        ) { ($0.form, $0.harmless) = (.list, harmless) }
        #expect(feed.acceptedCount == 10_001 && feed.refusedCount == 10_002)
        #expect(feed.values.last == "network 198.51.101.0/24")
    }

    @Test func `a table without a line end is no feed`() {
        let error = IntelError(.value, "", path: "", advice: "")
        #expect(throws: error) { try read(String(repeating: ",", count: 1 << 20)) }
    }

    @Test func `of the same value twice the surer one stays`() throws {
        let feed = try read("ip,c\n203.0.113.1,40\n203.0.113.1,90\n203.0.113.1,60\n") {
            $0.mapping = [("ip", "address"), ("c", "confidence")]
        }
        #expect(feed.acceptedCount == 1 && feed.doubleCount == 2)
        #expect(feed.set.rows[0].confidence == 90)
    }
}
