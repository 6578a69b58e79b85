// SPDX-License-Identifier: Apache-2.0
//
// No rule that loads is silently inert: what is not evaluated, and what has no effect, is counted by name.

import Foundation
import Records
import Testing

@testable import Signatures

@Suite("Silent rules") struct SilenceTests {
    @Test(arguments: [
        ("alert tcp any any -> any any (frame:http1.request; content:\"a\"; sid:1;)", "frame"),
        ("alert tcp any any -> any any (flow.elephant:toserver; sid:1;)", "flow.elephant"),
        ("alert ip any any -> any any (geoip:src,NL; sid:1;)", "geoip without signatures.geoip"),
        ("alert smb any any -> any any (app-layer-event:smb.no_memory; sid:1;)", "app-layer-event:smb.no_memory"),
        ("alert tcp any any -> any any (stream-event:wrong_thread; sid:1;)", "stream-event:wrong_thread"),
        ("alert pkthdr any any -> any any (decode-event:udp.hlen_invalid; sid:1;)", "decode-event:udp.hlen_invalid"),
        (
            "alert ip any any -> any any (decode-event:ipv4.trunc_pkt; dsize:1; sid:1;)",
            "decode-event beside other tests"
        ),
    ]) func `a rule that never fires is counted under what it asks for`(_ rule: String, _ what: String) throws {
        let loaded = try RuleBench.load(rule)
        #expect(loaded.loaded == 1 && loaded.unevaluated == [what: 1])
        #expect(loaded.silence?.contains("never fire: \(what) (1)") == true)
        #expect(loaded.warnings.contains { $0.sentence.contains("never fires") })
    }

    @Test(arguments: [
        (
            "alert http any any -> any any (http.uri; content:\"a\"; filestore; sid:1;)",
            "filestore without files.extract_dir"
        ),
        ("alert tls any any -> any any (tls.sni; content:\"a\"; tls.store; sid:1;)", "tls.store"),
        ("alert tcp any any -> any any (content:\"a\"; replace:\"b\"; sid:1;)", "replace"),
        ("alert tcp any any -> any any (content:\"a\"; nfq_set_mark:1/1; sid:1;)", "nfq_set_mark"),
        (
            "alert http any any -> any any (http.host; dataset:set,a,type string,save a.lst; sid:1;)",
            "dataset save without signatures.data"
        ),
    ]) func `what has no effect in a rule that fires is counted too`(_ rule: String, _ what: String) throws {
        let loaded = try RuleBench.load(rule)
        #expect(loaded.loaded == 1 && loaded.inert == 0 && loaded.withoutEffect == [what: 1])
        #expect(loaded.silence?.contains("\(what) (1)") == true)
    }

    @Test func `nothing is said of rules that do what they say`() throws {
        let loaded = try RuleBench.load(
            """
            alert tcp any any -> any any (content:"a"; tag:session,5,packets; sid:1;)
            alert http1:request_line any any -> any any (http.method; content:"GET"; sid:2;)
            alert smtp any any -> any any (app-layer-event:smtp.duplicate_fields; sid:3;)
            alert tcp any any -> any any (content:"a"; bypass; sid:4;)
            """)
        #expect(loaded.loaded == 4 && loaded.silence == nil && loaded.warnings.isEmpty)
    }

    @Test func `a bit that is asked for and that no rule sets is told of once`() throws {
        let loaded = try RuleBench.load(
            """
            alert tcp any any -> any any (content:"a"; flowbits:isset,one|two; sid:1;)
            alert tcp any any -> any any (content:"b"; flowbits:set,two; sid:2;)
            alert tcp any any -> any any (content:"c"; flowbits:isset,three; sid:3;)
            alert tcp any any -> any any (content:"d"; flowbits:isset,three; flowbits:unset,three; sid:4;)
            alert tcp any any -> any any (content:"e"; flowbits:isnotset,four; sid:5;)
            """)
        #expect(loaded.loaded == 5)
        #expect(loaded.warnings.map(\.signature) == [3])
        #expect(loaded.warnings.first?.sentence.contains("no rule sets flowbit three") == true)
    }

    /// The sources of the analyzers, which raise events by literal names.
    private static let analyzers = sources(of: ["Sources/Protocols", "Sources/Files"])

    private static func sources(of folders: [String], where isWanted: (String) -> Bool = { _ in true }) -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        return folders.map { folder in
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)")) ?? []
            return names.filter(isWanted)
                .map { (try? String(contentsOfFile: "\(root)/\(folder)/\($0)", encoding: .utf8)) ?? "" }.joined()
        }.joined()
    }

    @Test func `the table of events that nobody raises is that of the analyzers`() {
        // The reader of DNS reads mDNS too, and rules ask for an event by what stands behind the dot.
        let alias = [
            "krb5": ["krb5", "krb"], "bittorrent-dht": ["bittorrent_dht"], "nfs": ["nfs", "nfs-udp"],
            "mdns": ["dns"],
        ]
        #expect(Self.analyzers.contains("transactionEvent"))
        for (name, events) in EventNames.application {
            for event in events {
                let isRaised = (alias[name] ?? [name]).contains { Self.analyzers.contains("\"\($0).\(event)\"") }
                let isListed = EventNames.unraised[name]?.contains(event) == true
                #expect(isRaised != isListed, "\(name).\(event)")
            }
        }
        for (name, events) in EventNames.unraised {
            #expect(events.isSubset(of: EventNames.application[name] ?? []), "\(name)")
        }
    }

    @Test func `every buffer that rules may name is shown by somebody`() {
        let known = Self.names(Self.analyzers + Self.sources(of: ["Sources/Sensor", "Sources/Signatures"]) {
            !$0.contains("Tables") && !$0.contains("Keywords")
        })
        #expect(known.contains("tlsSNI") && !known.contains("nobodyHasThis"))
        for buffer in SignatureBuffer.allCases { #expect(known.contains("\(buffer)"), "\(buffer.name)") }
    }

    /// What stands behind a dot in a source.
    private static func names(_ source: String) -> Set<String> {
        var names: Set<String> = []
        for part in source.utf8.split(separator: 0x2E).dropFirst() {
            let name = part.prefix { $0 | 0x20 > 0x60 && $0 | 0x20 < 0x7B || $0 > 0x2F && $0 < 0x3A }
            names.insert(String(decoding: name, as: UTF8.self))
        }
        return names
    }

    @Test func `every event of decoding that is evaluated is one of the language`() {
        #expect(PacketEvents.known.isSubset(of: EventNames.decoder))
        #expect(StreamEvent.allCases.allSatisfy { EventNames.stream.contains($0.rawValue) })
        #expect(DetectionEvent.allCases.allSatisfy { EventNames.applicationLayer.contains($0.rawValue) })
    }
}
