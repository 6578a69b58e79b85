// SPDX-License-Identifier: Apache-2.0
//
// Three days of a made site, with something in the last of them for every hunt to find.
//
// Writes  logs as Zeek writes them (JSON lines), by log.
// Leaves  reading them into a store (`Ingestion`), what each hunt has to say (`PlantedTests`).
//
// The site is 10.0.0.0/8. The hosts 10.1.0.x and their servers 10.2.0.x are ordinary, since the first day; a hunt's
// culprit is a host 10.1.1.N of its own. The outside is of the networks for documentation.

import Foundation
import Ingest
import Records
import Sensor
import Testing

struct Planted {
    /// JSON lines by log, in the order in which they were added.
    private(set) var lines: [(log: String, line: String)] = []
    private var number = 0

    static let start = 1_795_000_000.0
    static let day = 86_400.0
    /// Where the last day begins.
    static let lastDay = start + 2 * day
    static let newest = start + 3 * day

    init(isOrdinary: Bool = false) {
        ordinary()
        if isOrdinary { return }
        scansAndLogins()
        movement()
        beacons()
        names()
        volumes()
        certificates()
        files()
        oddities()
        rarities()
        news()
    }

    // MARK: lines

    /// A new uid for each call.
    private mutating func uid() -> String {
        number += 1
        let digits = String(number, radix: 36)
        return "C" + String(repeating: "0", count: 11 - digits.count) + digits
    }

    /// A line; the values of `fields` are JSON already.
    mutating func add(_ log: String, _ time: Double, _ fields: [(String, String)]) {
        let all = [("ts", String(format: "%.6f", time))] + fields
        lines.append((log, "{" + all.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"))
    }

    /// A line of a connection: `fields` are texts.
    @discardableResult
    mutating func add(
        _ log: String, _ time: Double, _ source: String, _ target: String, _ port: Int, uid known: String? = nil,
        _ fields: [String: String] = [:]
    ) -> String {
        let uid = known ?? uid()
        let ends = [
            ("uid", text(uid)), ("id.orig_h", text(source)), ("id.orig_p", "40000"), ("id.resp_h", text(target)),
            ("id.resp_p", "\(port)"),
        ]
        add(log, time, ends + fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        return uid
    }

    func text(_ text: String) -> String { "\"" + text.replacing("\\", with: "\\\\") + "\"" }

    @discardableResult
    mutating func conn(
        _ time: Double, _ source: String, _ target: String, _ port: Int, sent: Int = 500, received: Int = 900,
        duration: Double = 0.1, state: String = "SF", service: String? = nil, history: String? = nil
    ) -> String {
        var fields = [
            "proto": text("tcp"), "duration": "\(duration)", "orig_bytes": "\(sent)", "resp_bytes": "\(received)",
            "conn_state": text(state), "orig_pkts": "5", "resp_pkts": "5", "orig_ip_bytes": "\(sent + 200)",
            "resp_ip_bytes": "\(received + 200)", "ip_proto": "6",
        ]
        if let service { fields["service"] = text(service) }
        if let history { fields["history"] = text(history) }
        return add("conn", time, source, target, port, fields)
    }

    private mutating func query(
        _ time: Double, _ source: String, _ name: String, _ target: String = "10.2.0.53", rcode: Int = 0
    ) {
        add(
            "dns", time, source, target, 53,
            ["proto": text("udp"), "query": text(name), "rcode": "\(rcode)", "qtype_name": text("A")])
    }

    // MARK: the ordinary

    /// Three hosts that do the same all the time, and every server that culprits turn to later.
    private mutating func ordinary() {
        // At work three times an hour, eight hours a day.
        for visit in 0..<216 where visit / 3 % 24 < 8 {
            let hour = visit / 3
            for host in 1...3 {
                let time = Planted.start + Double(hour) * 3600 + Double(host * 97 + visit * visit * 7 % 3400)
                let source = "10.1.0.\(host)"
                query(time, source, "www.example.com")
                let size = 700 + hour % 9 * 400
                let uid = conn(time, source, "192.0.2.10", 443, sent: size, service: "ssl", history: "ShADad")
                add(
                    "ssl", time, source, "192.0.2.10", 443, uid: uid,
                    ["server_name": text("www.example.com"), "ja3": text("common"), "ja4": text("common")])
                let web = conn(time + 3, source, "192.0.2.11", 80, sent: 300 + hour % 7 * 90, service: "http")
                add(
                    "http", time + 3, source, "192.0.2.11", 80, uid: web,
                    ["host": text("news.example.com"), "uri": text("/"), "user_agent": text("Browser/1"),
                        "status_code": "200", "method": text("GET")])
                conn(time + 5, source, "10.2.0.1", 445, service: "smb")
            }
        }
        // What serves already on the first day, to one administrator each.
        let servers = [
            ("10.2.0.26", 80), ("10.2.0.27", 445), ("10.2.0.4", 22), ("10.2.0.33", 5432),
        ] + (1...12).map { ("10.6.0.\($0)", 22) }
        for (place, server) in servers.enumerated() {
            conn(Planted.start + 100 + Double(place), "10.1.2.\(place + 1)", server.0, server.1)
        }
        // The resolver asks the one beyond it as regularly as a beacon.
        for number in 0..<288 {
            conn(Planted.lastDay + Double(number) * 300, "10.2.0.53", "192.0.2.53", 53, service: "dns")
        }
        // Two failures and then the right password, as people have them.
        for attempt in 0..<3 {
            add(
                "ftp", Planted.lastDay + 50 + Double(attempt), "10.1.0.1", "10.2.0.5", 21,
                ["user": text("anna"), "reply_code": attempt < 2 ? "530" : "230", "command": text("PASS")])
        }
    }

    // MARK: what is planted

    private mutating func scansAndLogins() {
        let time = Planted.lastDay + 1000
        for port in 0..<40 { conn(time, "203.0.113.27", "10.2.0.26", 1000 + port, sent: 0, received: 0, state: "REJ") }
        for host in 1...20 { conn(time, "10.1.1.16", "10.5.0.\(host)", 445, sent: 0, received: 0, state: "S0") }
        for host in 1...12 { ask("10.1.1.2", "10.1.9.\(host)", time + Double(host)) }
        // Who is asked and answers is no sweep.
        for host in 1...12 {
            ask("10.1.0.2", "10.1.8.\(host)", time)
            ask("10.1.8.\(host)", "10.1.0.2", time, isReply: true)
        }
        let source = "10.1.1.4", target = "10.2.0.4"
        add("ssh", time, source, target, 22, ["auth_success": "false", "auth_attempts": "10", "version": "2"])
        for attempt in 0..<7 {
            let time = time + Double(attempt)
            add("ftp", time, source, target, 21, ["user": text("root"), "reply_code": "530", "command": text("PASS")])
            add("ntlm", time, source, target, 445, ["username": text("root"), "success": "false"])
            add(
                "kerberos", time, source, target, 88,
                ["request_type": text("AS"), "success": "false", "error_msg": text("KDC_ERR_PREAUTH_FAILED")])
            add("http", time, source, target, 80, ["status_code": "401", "method": text("GET")])
            add("mysql", time, source, target, 3306, ["cmd": text("login"), "success": "false"])
            add(
                "ldap", time, source, target, 389,
                ["opcode": text("bind SASL"), "result": text("invalid credentials"), "message_id": "1"])
        }
        for attempt in 0..<30 {
            add("rdp", time + Double(attempt), source, target, 3389, ["result": text("encrypted")])
        }
        for service in 1...6 {
            add(
                "kerberos", time + Double(service), "10.1.1.17", "10.2.0.88", 88,
                ["request_type": text("TGS"), "success": "true", "client": text("mallory/SITE"),
                    "service": text("sql\(service)/SITE"), "cipher": text("rc4-hmac")])
        }
    }

    private mutating func ask(_ source: String, _ target: String, _ time: Double, isReply: Bool = false) {
        add("arp", time, [
            ("operation", text(isReply ? "reply" : "request")), ("sender_addr", text(source)),
            ("target_addr", text(target)),
        ])
    }

    private mutating func movement() {
        let time = Planted.lastDay + 2000
        for (share, source) in [("ADMIN$", "10.1.1.1"), ("docs", "10.1.0.1")] {
            add("smb_mapping", time, source, "10.2.0.9", 445, ["path": text("\\\\10.2.0.9\\" + share)])
        }
        for (operation, source) in [("CreateServiceW", "10.1.1.32"), ("NetrShareEnum", "10.1.0.1")] {
            add(
                "dce_rpc", time, source, "10.2.0.9", 445,
                ["endpoint": text("svcctl"), "operation": text(operation), "named_pipe": text("\\pipe\\svcctl")])
        }
        for host in 1...12 { conn(time + Double(host), "10.1.1.18", "10.6.0.\(host)", 22, service: "ssh") }
        for port in [22, 445, 3389] {
            conn(time, "10.1.1.19", "10.2.0.19", port, sent: 0, received: 0, state: "REJ")
        }
        // A server of the outside that logs in inside.
        conn(time, "203.0.113.9", "10.2.0.26", 80, service: "http")
        conn(time + 60, "10.2.0.26", "10.2.0.27", 445, service: "smb")
        for number in 0..<500 { conn(time + Double(number), "10.1.1.33", "10.2.0.33", 5432) }
    }

    private mutating func beacons() {
        for number in 0..<144 {
            let time = Planted.lastDay + Double(number) * 600
            conn(time, "10.1.1.3", "198.51.100.3", 443, service: "ssl")
            let uid = conn(time + 7, "10.1.1.34", "198.51.100.34", 443, service: "ssl")
            add(
                "ssl", time + 7, "10.1.1.34", "198.51.100.34", 443, uid: uid,
                ["server_name": text("updates.example.net"), "ja3": text("common"), "ja4": text("common")])
        }
    }

    private mutating func names() {
        let time = Planted.lastDay + 3000
        query(time, "10.1.1.9", "xmr.nanopool.org")
        for number in 0..<12 { query(time, "10.1.1.11", "q8x7zk2m9v4w\(number)pj.com", rcode: 3) }
        query(time, "10.1.1.12", "example.com", "198.51.100.53")
        for number in 0..<120 {
            query(time + Double(number), "10.1.1.13", "mzxw6ytboi4dsnrvgq2gk3tu\(1000 + number).t.tunnel.example")
        }
        // As a sensor writes what is no text: beyond 255 octets.
        for number in 0..<3 {
            let label = String(repeating: "\\xf0", count: 60)
            query(time + 200 + Double(number), "10.1.1.13", "\(label).\(label)\(number).t.tunnel.example")
        }
        query(time, "10.1.1.35", "expyuzz4wqqyqhjn.onion")
    }

    private mutating func volumes() {
        let time = Planted.lastDay + 4000
        conn(time, "10.1.1.14", "198.51.100.14", 443, sent: 5_000_000, received: 1000, service: "ssl")
        conn(time, "10.1.1.15", "198.51.100.15", 443, sent: 600_000_000, received: 590_000_000, service: "ssl")
        conn(time, "10.1.1.20", "198.51.100.20", 443, duration: 5000, service: "ssl")
    }

    private mutating func certificates() {
        let time = Planted.lastDay + 5000
        for (place, age) in [("5", 1.5), ("50", 200)] {
            let fingerprint = String(repeating: place.prefix(1) + (age > 100 ? "b" : "a"), count: 32)
            add(
                "ssl", time, "10.1.1.5", "198.51.100.\(place)", 443,
                ["server_name": text("a.example"), "cert_chain_fps": "[\(text(fingerprint))]"])
            add("x509", time, [
                ("fingerprint", text(fingerprint)), ("certificate.subject", text("CN=a.example")),
                ("certificate.issuer", text("CN=ca")),
                ("certificate.not_valid_before", String(format: "%.6f", time - age * Planted.day)),
            ])
        }
        add(
            "ssl", time, "10.1.1.6", "198.51.100.6", 443,
            ["server_name": text("bank.example"), "sni_matches_cert": "false", "subject": text("CN=other"),
                "issuer": text("CN=ca")])
        add(
            "ssl", time, "10.1.1.7", "198.51.100.7", 443,
            ["subject": text("CN=localhost"), "issuer": text("CN=localhost")])
        add("ssl", time, "10.1.1.35", "198.51.100.35", 443, ["ja3": text("e7d705a3286e19ea42f587b344ee6865")])
    }

    private mutating func files() {
        let time = Planted.lastDay + 6000
        let uid = uid()
        add(
            "http", time, "10.1.1.20", "198.51.100.80", 80, uid: uid,
            ["host": text("pictures.example"), "uri": text("/holiday.png?x=1"), "status_code": "200",
                "method": text("GET"), "resp_fuids": "[\"F00000000001\"]", "user_agent": text("Browser/1")])
        add(
            "files", time, "10.1.1.20", "198.51.100.80", 80, uid: uid,
            ["fuid": text("F00000000001"), "mime_type": text("application/x-dosexec"), "source": text("HTTP")])
        add(
            "files", time, "10.1.1.21", "10.2.0.9", 445,
            ["fuid": text("F00000000002"), "mime_type": text("application/x-elf"), "source": text("SMB"),
                "filename": text("Cat.JPG")])
        add(
            "files", time, "10.1.0.1", "10.2.0.9", 445,
            ["fuid": text("F00000000003"), "mime_type": text("image/jpeg"), "source": text("SMB"),
                "filename": text("dog.jpg")])
        add(
            "files", time, "203.0.113.37", "10.2.0.26", 80,
            ["fuid": text("F00000000004"), "mime_type": text("text/x-php"), "source": text("HTTP"),
                "filename": text("shell.php"), "is_orig": "true", "seen_bytes": "33"])
    }

    private mutating func oddities() {
        let time = Planted.lastDay + 7000
        add(
            "http", time, "10.1.1.8", "198.51.100.8", 80,
            ["username": text("bob"), "host": text("x.example"), "status_code": "200", "user_agent": text("Browser/1")])
        add("ftp", time, "10.1.1.8", "198.51.100.8", 21, ["user": text("bob"), "command": text("RETR")])
        add(
            "ldap", time, "10.1.1.8", "198.51.100.8", 389,
            ["opcode": text("bind simple"), "object": text("cn=bob"), "message_id": "1"])
        conn(time, "10.1.1.10", "198.51.100.10", 3333, duration: 600)
        conn(time, "10.1.1.25", "198.51.100.25", 443, service: "ssh")
        conn(time, "10.1.1.36", "198.51.100.36", 4444, duration: 20, history: "ShADad")
        // The other side began: a connection whose start was not seen is no shell.
        conn(time, "10.1.1.36", "198.51.100.37", 4445, duration: 20, history: "sHADad")
        conn(time, "10.1.1.35", "198.51.100.36", 9001, service: "ssl")
    }

    private mutating func rarities() {
        for number in 0..<3 {
            let time = Planted.lastDay + 8000 + Double(number)
            conn(time, "10.1.1.30", "192.0.2.30", 6789, service: "ssl")
            add(
                "ssl", time, "10.1.1.28", "192.0.2.28", 443,
                ["ja3": text("a rare ja3"), "ja4": text("a rare ja4"), "server_name": text("b.example")])
            add(
                "http", time, "10.1.1.31", "192.0.2.31", 80,
                ["user_agent": text("Rare/1"), "host": text("c.example"), "uri": text("/"), "status_code": "200"])
        }
    }

    private mutating func news() {
        let time = Planted.newest - 3600
        query(time, "10.1.1.22", "brand-new.example.org")
        conn(time, "10.1.1.22", "192.0.2.10", 443, service: "ssl")
        conn(time, "10.1.0.1", "10.1.1.24", 4000)
        // The newest of all.
        conn(Planted.newest, "10.1.0.1", "192.0.2.10", 443, service: "ssl")
    }
}

/// Stores of planted logs, gone when this is.
final class PlantedStores {
    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "weir-planted-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// A store with those lines whose number `isWanted` takes.
    func make(
        _ name: String, _ planted: Planted = Planted(), _ isWanted: (Int) -> Bool = { _ in true }
    ) throws -> String {
        let logs = "\(folder)/\(name).logs"
        try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
        var texts: [String: String] = [:]
        for (number, line) in planted.lines.enumerated() where isWanted(number) {
            texts[line.log, default: ""] += line.line + "\n"
        }
        for (log, text) in texts {
            try text.write(toFile: "\(logs)/\(log).log", atomically: false, encoding: .utf8)
        }
        let store = "\(folder)/\(name)"
        let ingestion = try Ingestion(store: store, sensor: name, schemas: Schemas.logs, form: .zeek) { line in
            Issue.record("\(line)")
        }
        try ingestion.read([logs])
        let count = ingestion.summary.rows.values.reduce(0, +)
        #expect(!ingestion.summary.isDamaged && count == texts.values.reduce(0) { $0 + $1.count { $0 == "\n" } })
        return store
    }
}
