// SPDX-License-Identifier: Apache-2.0
//
// The one list of protocols: which ports choose an analyzer, how one is made,
// which probe finds it on other ports, and which logs there are.
//
// Adding a protocol is one line in `entries`, one in `schemas`, and its own file.

import Records

/// A protocol as the configuration names it, with the responder ports that
/// choose it. Some are known by port only: they have no dissector yet, but their
/// ports count as likely server ports.
package struct RegistryEntry: Sendable {
    package let name: String
    package let tcpPorts: [UInt16]
    package let udpPorts: [UInt16]
    let kind: AnalyzerKind?

    init(_ name: String, tcp: [UInt16] = [], udp: [UInt16] = [], _ kind: AnalyzerKind? = nil) {
        self.name = name
        tcpPorts = tcp
        udpPorts = udp
        self.kind = kind
    }
}

package enum Registry {
    /// Every name of `--analyzers` (ports: Zeek's base/protocols/*/main.zeek).
    package static let entries: [RegistryEntry] = [
        RegistryEntry("conn"),
        RegistryEntry("dce-rpc", tcp: [135]),
        RegistryEntry("dhcp", udp: [67, 4011]),
        RegistryEntry("dnp3", tcp: [20000], udp: [20000]),
        RegistryEntry("dns", tcp: [53], udp: [53, 137, 5353, 5355], .dns),
        RegistryEntry("finger", tcp: [79]),
        RegistryEntry("ftp", tcp: [21, 2811]),
        RegistryEntry("gssapi"),
        RegistryEntry("http", tcp: [80, 81, 631, 1080, 3128, 8000, 8080, 8888], .http),
        RegistryEntry("imap", tcp: [143]),
        RegistryEntry("irc", tcp: [6666, 6667, 6668, 6669]),
        RegistryEntry("krb", tcp: [88], udp: [88]),
        RegistryEntry("ldap", tcp: [389, 3268], udp: [389]),
        RegistryEntry("modbus", tcp: [502]),
        RegistryEntry("mqtt", tcp: [1883]),
        RegistryEntry("mysql", tcp: [1434, 3306]),
        RegistryEntry("ntlm"),
        RegistryEntry("ntp", udp: [123]),
        RegistryEntry("postgresql", tcp: [5432]),
        RegistryEntry("quic", udp: [443]),
        RegistryEntry("radius", udp: [1812]),
        RegistryEntry("rdp", tcp: [3389], udp: [3389]),
        RegistryEntry("redis", tcp: [6379]),
        RegistryEntry("sip", udp: [5060]),
        RegistryEntry("smb", tcp: [139, 445]),
        RegistryEntry("smtp", tcp: [25, 587]),
        RegistryEntry("snmp", udp: [161, 162]),
        RegistryEntry("socks", tcp: [1080]),
        RegistryEntry("ssh", tcp: [22]),
        RegistryEntry("ssl", tcp: [443, 465, 563, 585, 614, 636, 989, 990, 992, 993, 995, 5223], udp: [443]),
        RegistryEntry("syslog", tcp: [514], udp: [514]),
        RegistryEntry("tunnels"),
        RegistryEntry("websocket"),
        RegistryEntry("xmpp", tcp: [5222, 5269]),
    ]

    /// Ports of UDP-borne tunnels, likely server ports whatever is chosen.
    package static let tunnelPorts: [UInt16] = [4789, 6081, 5072, 3544, 2152, 2123, 4754]

    /// The schema of every log of connections and protocols, in the order of `LogID`.
    package static func make(_ kind: AnalyzerKind) -> Analyzer? {
        switch kind {
        case .dns: DNS()
        case .http: HTTP()
        case .vxlan, .geneve, .gtpv1, .teredo, .ayiya: nil
        }
    }

    /// The probes, each with the analyzer that it starts.
    static let probes: [Probe] = [
        Probe(.http, .tcp, .originator, HTTPProbe.request),
        Probe(.http, .tcp, .responder, HTTPProbe.response),
    ]
}

/// Which analyzers are on, and what follows for ports. Made once from the settings.
package struct AnalyzerSelection: Sendable {
    /// Names that are on; nil means all.
    package let names: Set<String>?
    /// Likely server ports, by transport.
    package private(set) var serverPortsTCP: [UInt16] = []
    package private(set) var serverPortsUDP: [UInt16] = Registry.tunnelPorts
    private var byTCPPort: [UInt16: [AnalyzerKind]] = [:]
    private var byUDPPort: [UInt16: [AnalyzerKind]] = [:]
    /// Bit n: probe n of the registry is on.
    private(set) var probeMask: UInt64 = 0
    /// Whether any dissector is on at all.
    package private(set) var isEmpty = true
    /// Whether the tunnel log is on.
    package let logsTunnels: Bool

    /// Names that `--analyzers` takes, for error messages.
    package static var knownNames: [String] { Registry.entries.map(\.name) + ["none"] }

    /// `names` as given by `--analyzers`; unknown ones must have been refused.
    package init(names: Set<String>?) {
        self.names = names
        logsTunnels = true
        for entry in Registry.entries where names?.contains(entry.name) ?? true {
            serverPortsTCP += entry.tcpPorts
            serverPortsUDP += entry.udpPorts
            guard let kind = entry.kind else { continue }
            isEmpty = false
            for port in entry.tcpPorts { byTCPPort[port, default: []].append(kind) }
            for port in entry.udpPorts { byUDPPort[port, default: []].append(kind) }
            for (index, probe) in Registry.probes.enumerated() where probe.kind == kind { probeMask |= 1 << index }
        }
    }

    /// The analyzers registered for a responder port.
    func kinds(_ transport: Transport, port: UInt16) -> [AnalyzerKind] {
        switch transport {
        case .tcp: byTCPPort[port] ?? []
        case .udp: byUDPPort[port] ?? []
        default: []
        }
    }

    /// Probes that apply to one direction of a transport.
    func probes(_ transport: Transport, _ direction: Direction) -> UInt64 {
        var mask: UInt64 = 0
        for (index, probe) in Registry.probes.enumerated() where probeMask & (1 << index) != 0 {
            guard probe.transport == transport else { continue }
            if let side = probe.side, side != direction { continue }
            mask |= 1 << index
        }
        return mask
    }
}
