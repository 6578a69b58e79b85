// SPDX-License-Identifier: Apache-2.0
//
// What an event says otherwise than a log: states, sizes, names, identities.
//
// Reads   events.
// Writes  cells.
// Leaves  fields that are taken as they are (EVELines+Tables.swift).

import JSON
import Records

extension EVELines {
    /// Completes a row; false where the event makes none.
    func work(_ log: Int, _ name: String, _ event: EVEEvent) -> Bool {
        switch name {
        case "conn": workConn(log, event)
        case "dns": return workDNS(log, event)
        case "http": workHTTP(log, event)
        case "ssl": workTLS(log, event)
        case "files": workFile(log, event)
        case "alert": workAlert(log, event)
        case "ssh": workSSH(log, event)
        case "kerberos": workKerberos(log, event)
        case "ftp": workFTP(log, event)
        default: break
        }
        return true
    }

    // MARK: flow

    private func workConn(_ log: Int, _ event: EVEEvent) {
        let flow = event.root["flow"]
        func time(_ name: String) -> Int64? {
            flow?[name]?.string.flatMap { NumberText.nanoseconds(Array($0.utf8)[...]) }
        }
        let start = time("start") ?? event.time
        set(log, "ts", UInt64(bitPattern: start))
        if let end = time("end"), end > start { set(log, "duration", UInt64(bitPattern: end &- start)) }
        let isV4 = event.ends?.originator.isV4 ?? true
        for (prefix, suffix) in [("orig", "toserver"), ("resp", "toclient")] {
            let packets = UInt64(clamping: flow?["pkts_\(suffix)"]?.integer ?? 0)
            let octets = UInt64(clamping: flow?["bytes_\(suffix)"]?.integer ?? 0)
            // Frames are counted there, with a link header of 14 octets; options of headers are not known.
            let datagrams = octets - min(octets, 14 &* packets)
            let headers = (isV4 ? 20 : 40) + (event.transport == "tcp" ? 20 : 8)
            set(log, "\(prefix)_ip_bytes", datagrams)
            set(log, "\(prefix)_bytes", datagrams - min(datagrams, UInt64(headers) &* packets))
        }
        if let service = EVELines.service(event.root["app_proto"]?.string) { set(log, "service", text: service) }
        let state = FlowState(event, flow)
        set(log, "conn_state", text: state.name)
        if !state.history.isEmpty { set(log, "history", text: state.history) }
    }

    static func service(_ name: String?) -> String? {
        switch name {
        case nil, "failed", "unknown": nil
        case "tls": "ssl"
        case "http1", "http2": "http"
        case "krb5": "krb_tcp"
        case "dcerpc": "dce_rpc"
        case let name: name
        }
    }

    // MARK: dns

    /// An answer is a row with its question's time; a question waits for its answer, and is a row of its own where
    /// none comes.
    private func workDNS(_ log: Int, _ event: EVEEvent) -> Bool {
        guard let dns = event.root["dns"], let ends = event.ends else { return false }
        let kind = dns["type"]?.string ?? ""
        let isAnswer = ["answer", "response"].contains(kind)
        if let query = dns["queries"]?[0] ?? dns["query"]?[0] {
            if let name = query["rrname"]?.string { set(log, "query", text: name) }
            if let type = query["rrtype"]?.string { set(log, "qtype_name", text: type) }
        }
        guard text(log, "query") != nil || isAnswer else { return false }
        var key = event.identity(ends).value
        key = key &* 31 &+ (word(log, "trans_id") ?? 0)
        if isAnswer {
            if let asked = questions.take(key), asked <= event.time {
                set(log, "ts", UInt64(bitPattern: asked))
                set(log, "rtt", UInt64(bitPattern: event.time &- asked))
            }
        }
        workNames(log)
        guard isAnswer else {
            questions.add(key, event.time, completed(log))
            return false
        }
        var answers: [String] = []
        var lifetimes: [UInt64] = []
        let records = dns["answers"]?.elements.map { $0 } ?? (dns["rdata"] != nil ? [dns] : [])
        for record in records {
            guard let data = record["rdata"]?.text else { continue }
            answers.append(data)
            lifetimes.append(UInt64(clamping: record["ttl"]?.integer ?? 0) &* 1_000_000_000)
        }
        if !answers.isEmpty {
            set(log, "answers", texts: answers)
            set(log, "TTLs", intervals: lifetimes)
        }
        return true
    }

    private func workNames(_ log: Int) {
        if let name = text(log, "qtype_name"), let number = DNSNumbers.types[name] { set(log, "qtype", number) }
        if let name = text(log, "rcode_name"), let number = DNSNumbers.codes[name] { set(log, "rcode", number) }
        set(log, "qclass", 1)
        set(log, "qclass_name", text: "C_INTERNET")
    }

    // MARK: others

    private func workHTTP(_ log: Int, _ event: EVEEvent) {
        if let number = event.root["tx_id"]?.integer, number >= 0 { set(log, "trans_depth", UInt64(number) + 1) }
        if let version = event.root.at("http", "protocol")?.string {
            set(log, "version", text: version.hasPrefix("HTTP/") ? String(version.dropFirst(5)) : version)
        }
    }

    private func workTLS(_ log: Int, _ event: EVEEvent) {
        switch event.root.at("tls", "version")?.string {
        case "TLS 1.3": set(log, "version", text: "TLSv13")
        case "TLS 1.2": set(log, "version", text: "TLSv12")
        case "TLS 1.1": set(log, "version", text: "TLSv11")
        case "TLSv1", "TLS 1.0": set(log, "version", text: "TLSv10")
        case "UNDETERMINED", nil: break
        case let other?: set(log, "version", text: other)
        }
    }

    private func workFile(_ log: Int, _ event: EVEEvent) {
        let file = event.root["fileinfo"]
        if let name = event.root["app_proto"]?.string {
            set(log, "source", text: name.uppercased().replacing("-", with: "_"))
        }
        if let type = event.root.at("http", "http_content_type")?.string { set(log, "mime_type", text: type) }
        let isOriginator = event.isFromOriginator
        set(log, "is_orig", isOriginator ? 1 : 0)
        guard let ends = event.ends else { return }
        var hash = UID.prefix(sensor: "eve file")
        hash.absorb(event.identity(ends).value)
        hash.absorb(UInt64(clamping: file?["tx_id"]?.integer ?? 0) << 1 | (isOriginator ? 1 : 0))
        hash.absorb(Array((file?["filename"]?.string ?? "").utf8))
        set(log, "fuid", UID(value: hash.finish()).value)
    }

    private func workAlert(_ log: Int, _ event: EVEEvent) {
        let alert = event.root["alert"]
        let numbers = ["gid", "signature_id", "rev"].map { "\(alert?[$0]?.integer ?? 0)" }
        set(log, "source", text: "signature")
        set(log, "rule_id", text: numbers.joined(separator: ":"))
        set(log, "from_orig", event.isFromOriginator ? 1 : 0)
        set(log, "count", 1)
        set(log, "first_ts", UInt64(bitPattern: event.time))
        set(log, "last_ts", UInt64(bitPattern: event.time))
    }

    private func workSSH(_ log: Int, _ event: EVEEvent) {
        for side in ["client", "server"] {
            guard let holder = event.root.at("ssh", side), let program = holder["software_version"]?.string else {
                continue
            }
            let version = holder["proto_version"]?.string ?? "2.0"
            set(log, side, text: "SSH-\(version)-\(program)")
            if let major = version.first.flatMap({ UInt64(String($0)) }) { set(log, "version", major) }
        }
    }

    private func workKerberos(_ log: Int, _ event: EVEEvent) {
        let kind = event.root.at("krb5", "msg_type")?.string ?? ""
        let failed = event.root.at("krb5", "failed_request")?.string ?? kind
        set(log, "request_type", text: failed.contains("TGS") ? "TGS" : "AS")
        set(log, "success", kind == "KRB_ERROR" ? 0 : 1)
    }

    private func workFTP(_ log: Int, _ event: EVEEvent) {
        guard event.root.at("ftp", "command")?.string == "USER", let user = event.root.at("ftp", "command_data")?.string
        else { return }
        set(log, "user", text: user)
    }
}

/// How a flow began and ended, in conn's words.
struct FlowState {
    let name: String
    /// The flags that were seen, in the order in which they mostly come; when is not known.
    let history: String

    init(_ event: EVEEvent, _ flow: JSONValue?) {
        let sent = flow?["pkts_toserver"]?.integer ?? 0
        let received = flow?["pkts_toclient"]?.integer ?? 0
        guard event.transport == "tcp" else {
            name = event.transport == "icmp" ? "OTH" : received == 0 ? "S0" : sent == 0 ? "SHR" : "SF"
            history = event.transport == "udp" ? (sent > 0 ? "D" : "") + (received > 0 ? "d" : "") : ""
            return
        }
        let tcp = event.root["tcp"]
        let client = FlowState.flags(tcp?["tcp_flags_ts"])
        let server = FlowState.flags(tcp?["tcp_flags_tc"])
        let (fin, syn, reset, push): (UInt64, UInt64, UInt64, UInt64) = (1, 2, 4, 8)
        var letters = ""
        if client & syn != 0 { letters += "S" }
        if server & syn != 0 { letters += "h" }
        if client & push != 0 { letters += "D" }
        if server & push != 0 { letters += "d" }
        if client & fin != 0 { letters += "F" }
        if server & fin != 0 { letters += "f" }
        if client & reset != 0 { letters += "R" }
        if server & reset != 0 { letters += "r" }
        history = letters
        let isEstablished = client & syn != 0 && server & syn != 0
        if !isEstablished {
            name = client & syn == 0 ? "OTH" : server & reset != 0 ? "REJ" : client & reset != 0 ? "RSTOS0" : "S0"
        } else if client & reset != 0 {
            name = "RSTO"
        } else if server & reset != 0 {
            name = "RSTR"
        } else if client & fin != 0 && server & fin != 0 {
            name = "SF"
        } else {
            name = client & fin != 0 ? "S2" : server & fin != 0 ? "S3" : "S1"
        }
    }

    /// Flags as two hexadecimal digits.
    private static func flags(_ value: JSONValue?) -> UInt64 {
        value?.string.flatMap { $0.count <= 4 ? UInt64($0, radix: 16) : nil } ?? 0
    }
}
