// SPDX-License-Identifier: Apache-2.0
//
// Action, protocol, hook and direction of a rule (specification section 1).
//
// Reads   the tokens of a header.
// Writes  `RuleHeader` but for its addresses and ports.
// Leaves  addresses and ports (AddressParser.swift).

package import Records

extension RuleAction {
    init(parsing text: RuleText) throws(RuleError) {
        switch text.string.lowercased() {
        case "alert": self = .alert
        case "pass": self = .pass
        case "drop": self = .drop
        case "reject", "rejectsrc": self = .rejectSource
        case "rejectdst": self = .rejectTarget
        case "rejectboth": self = .rejectBoth
        case "config": self = .config
        default:
            throw RuleError(
                .action, "the action \(text.quoted) is not known",
                advice: "write alert, pass, drop, reject, rejectsrc, rejectdst, rejectboth or config")
        }
    }
}

/// `->`, `<>`, `=>`.
enum RuleDirection {
    case forward, both, transactional

    init(parsing text: RuleText) throws(RuleError) {
        if text.equals("->") {
            self = .forward
        } else if text.equals("<>") {
            self = .both
        } else if text.equals("=>") {
            self = .transactional
        } else {
            throw RuleError(.direction, "the direction \(text.quoted) is not known", advice: "write ->, <> or =>")
        }
    }
}

/// The protocols that a header may name, with what they stand for.
struct HeaderProtocol {
    var protocols: ProtocolNumbers
    var version: UInt8 = 0
    var scope = HeaderScope.usual
    var application = AppProtocol.unknown
    var applications = AppProtocols()

    static let tcp = ProtocolNumbers(6)
    static let udp = ProtocolNumbers(17)
    static let both = ProtocolNumbers(6, 17)

    init(_ protocols: ProtocolNumbers, version: UInt8 = 0, scope: HeaderScope = .usual) {
        self.protocols = protocols
        self.version = version
        self.scope = scope
    }

    init(_ application: AppProtocol, _ protocols: ProtocolNumbers, also: [AppProtocol] = []) {
        self.protocols = protocols
        self.application = application
        applications.insert(application)
        for one in also { applications.insert(one) }
    }

    /// Network and transport names; any case.
    private static let transports: [String: HeaderProtocol] = [
        "tcp": HeaderProtocol(tcp), "tcp-pkt": HeaderProtocol(tcp, scope: .packets),
        "tcp-stream": HeaderProtocol(tcp, scope: .stream), "udp": HeaderProtocol(udp),
        "icmp": HeaderProtocol(ProtocolNumbers(1, 58)), "icmpv4": HeaderProtocol(ProtocolNumbers(1)),
        "icmpv6": HeaderProtocol(ProtocolNumbers(58)), "sctp": HeaderProtocol(ProtocolNumbers(132)),
        "ip": HeaderProtocol(.all), "ipv4": HeaderProtocol(.all, version: 4), "ip4": HeaderProtocol(.all, version: 4),
        "ipv6": HeaderProtocol(.all, version: 6), "ip6": HeaderProtocol(.all, version: 6),
        "pkthdr": HeaderProtocol(.all, scope: .packetHeader),
    ]

    /// Application names; lower case only. `http` is both versions.
    private static let applicationNames: [String: HeaderProtocol] = [
        "http": HeaderProtocol(.http, tcp, also: [.http2]), "http1": HeaderProtocol(.http, tcp),
        "http2": HeaderProtocol(.http2, tcp),
        "doh2": HeaderProtocol(.doh2, tcp),
        "dns": HeaderProtocol(.dns, both), "mdns": HeaderProtocol(.mdns, udp),
        "tls": HeaderProtocol(.tls, tcp), "ssh": HeaderProtocol(.ssh, tcp), "smtp": HeaderProtocol(.smtp, tcp),
        "imap": HeaderProtocol(.imap, tcp), "pop3": HeaderProtocol(.pop3, tcp), "ftp": HeaderProtocol(.ftp, tcp),
        "ftp-data": HeaderProtocol(.ftpData, tcp), "tftp": HeaderProtocol(.tftp, udp), "smb": HeaderProtocol(.smb, tcp),
        "dcerpc": HeaderProtocol(.dcerpc, both), "nfs": HeaderProtocol(.nfs, both),
        "krb5": HeaderProtocol(.krb5, both), "ike": HeaderProtocol(.ike, udp), "ikev2": HeaderProtocol(.ike, udp),
        "dhcp": HeaderProtocol(.dhcp, udp), "sip": HeaderProtocol(.sip, both), "rdp": HeaderProtocol(.rdp, tcp),
        "rfb": HeaderProtocol(.rfb, tcp), "mqtt": HeaderProtocol(.mqtt, tcp), "snmp": HeaderProtocol(.snmp, udp),
        "quic": HeaderProtocol(.quic, udp), "ldap": HeaderProtocol(.ldap, both), "pgsql": HeaderProtocol(.pgsql, tcp),
        "websocket": HeaderProtocol(.websocket, tcp), "modbus": HeaderProtocol(.modbus, tcp),
        "dnp3": HeaderProtocol(.dnp3, both), "enip": HeaderProtocol(.enip, both), "ntp": HeaderProtocol(.ntp, udp),
        "telnet": HeaderProtocol(.telnet, tcp), "bittorrent-dht": HeaderProtocol(.bittorrentDHT, udp),
    ]

    /// By the name of an application protocol, as keywords give it too.
    static func application(named name: String) -> HeaderProtocol? { applicationNames[name] }

    static func named(_ text: RuleText) -> HeaderProtocol? {
        let name = text.string
        return applicationNames[name] ?? transports[name.lowercased()]
    }
}

extension AppProtocols {
    /// With the protocols that carry those of the set: DNS over HTTP/2 is both, SMB carries DCE/RPC (Suricata's
    /// `AppProtoEquals`).
    var widened: AppProtocols {
        var wide = self
        if contains(.http2) || contains(.dns) { wide.insert(.doh2) }
        if contains(.dcerpc) { wide.insert(.smb) }
        return wide
    }
}

extension RuleHook {
    /// What shows that a side has come to a state: a buffer that is shown then, or else its begin or end.
    private static func stage(_ state: String, _ application: AppProtocol) -> TransactionStage {
        switch (application, state) {
        case (.http, "request_line"): .shown(.httpMethod)
        case (.http, "response_line"): .shown(.httpStatusCode)
        case (.http, "request_headers"), (.http, "response_headers"): .shown(.httpHeaderNames)
        case (.tls, "client_hello_done"), (.tls, "server_hello"): .shown(.tlsRandom)
        case (.tls, "server_cert_done"): .shown(.tlsCertChainLength)
        case (.ssh, "request_banner_done"), (.ssh, "response_banner_done"): .shown(.sshProto)
        case (_, "request_started"), (_, "response_started"), (.tls, "client_in_progress"),
            (.tls, "server_in_progress"), (.ssh, "request_in_progress"), (.ssh, "response_in_progress"),
            (.ssh, "request_banner_wait_eol"), (.ssh, "response_banner_wait_eol"):
            .begun
        default: .done
        }
    }

    /// States of a side of a transaction by protocol, in the order in which they come.
    package static func states(_ application: AppProtocol, toServer: Bool) -> [String] {
        switch (application, toServer) {
        case (.http, true):
            [
                "request_started", "request_line", "request_headers", "request_body", "request_trailer",
                "request_complete",
            ]
        case (.http, false):
            [
                "response_started", "response_line", "response_headers", "response_body", "response_trailer",
                "response_complete",
            ]
        case (.tls, true):
            [
                "request_started", "client_in_progress", "client_hello_done", "client_cert_done",
                "client_handshake_done", "client_finished", "request_complete",
            ]
        case (.tls, false):
            [
                "response_started", "server_in_progress", "server_hello", "server_cert_done", "server_hello_done",
                "server_handshake_done", "server_finished", "response_complete",
            ]
        case (.ssh, true):
            [
                "request_started", "request_in_progress", "request_banner_wait_eol", "request_banner_done",
                "request_finished", "request_complete",
            ]
        case (.ssh, false):
            [
                "response_started", "response_in_progress", "response_banner_wait_eol", "response_banner_done",
                "response_finished", "response_complete",
            ]
        case (.smtp, true): ["request_started", "request_data", "request_complete"]
        case (.smtp, false): ["response_started", "response_data", "response_complete"]
        case (_, true): ["request_started", "request_complete"]
        case (_, false): ["response_started", "response_complete"]
        }
    }
}

extension RuleHeader {
    /// `proto` or `proto:hook`.
    init(parsing text: RuleText) throws(RuleError) {
        let parts = text.cut(0x3A)
        let name = parts?.head ?? text
        guard let found = HeaderProtocol.named(name) else {
            throw RuleError(
                .header, "the protocol \(name.quoted) cannot stand in a rule",
                advice: "write ip, tcp, udp, icmp, or an application protocol such as http, tls, dns, smb")
        }
        self.init()
        protocols = found.protocols
        version = found.version
        scope = found.scope
        application = found.application
        applications = found.applications
        if let tail = parts?.tail { hook = try RuleHook(parsing: tail, of: found, name) }
    }
}

extension RuleHook {
    fileprivate init(parsing text: RuleText, of found: HeaderProtocol, _ name: RuleText) throws(RuleError) {
        self = .none
        if found.application == .unknown {
            if text.equals("flow_start") {
                self = RuleHook(kind: .flowStart)
                return
            }
            if text.equals("all") { return }
        } else if !name.equals("http") {
            for toServer in [true, false] {
                let states = RuleHook.states(found.application, toServer: toServer)
                guard states.contains(text.string) else { continue }
                let stage = RuleHook.stage(text.string, found.application)
                self = RuleHook(kind: .state, stage: stage, isToServer: toServer)
                return
            }
        }
        throw RuleError(
            .header, "the protocol \(name.quoted) has no hook \(text.quoted)",
            advice: name.equals("http") ? "write http1 or http2" : "")
    }
}
