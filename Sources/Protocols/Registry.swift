// SPDX-License-Identifier: Apache-2.0
//
// The one list of protocols: which ports choose an analyzer, how one is made, and
// which probe finds it on other ports.
//
// Docs/adding-a-protocol.md has the other lists that a protocol stands in.

import Records

/// A protocol as the configuration names it, with the responder ports that
/// choose it. Some are known by port only: they have no dissector yet, but their
/// ports count as likely server ports.
package struct RegistryEntry: Sendable {
    package let name: String
    package let tcpPorts: [UInt16]
    package let udpPorts: [UInt16]
    let kind: AnalyzerKind?
    /// The analyzer over UDP, where it has a name of its own in `service`; found by probe alone.
    let udpKind: AnalyzerKind?
    /// Whether the ports tell which end of a connection is the server. Zeek has no analyzer for some of these
    /// protocols; the ends of a connection are to be the same here as there.
    let marksServers: Bool

    init(
        _ name: String, tcp: [UInt16] = [], udp: [UInt16] = [], _ kind: AnalyzerKind? = nil,
        udpKind: AnalyzerKind? = nil, marksServers: Bool = true
    ) {
        self.name = name
        tcpPorts = tcp
        udpPorts = udp
        self.kind = kind
        self.udpKind = udpKind
        self.marksServers = marksServers
    }
}

package enum Registry {
    /// Every name of `--analyzers` (ports: Zeek's base/protocols/*/main.zeek).
    package static let entries: [RegistryEntry] = [
        RegistryEntry("arp"),
        RegistryEntry("bacnet", udp: [47808], .bacnet, marksServers: false),
        RegistryEntry("bittorrent", .bittorrent, udpKind: .bittorrentDHT),
        RegistryEntry("cdp"),
        RegistryEntry("conn"),
        RegistryEntry("dce-rpc", tcp: [135], .dceRPC, udpKind: .dceRPCUDP),
        RegistryEntry("dce-rpc", tcp: [593], .dceRPC, marksServers: false),
        RegistryEntry("dhcp", udp: [67, 4011], .dhcp),
        RegistryEntry("dnp3", tcp: [20000], udp: [20000], .dnp3, udpKind: .dnp3UDP),
        RegistryEntry("dns", tcp: [53], udp: [53, 137, 5353, 5355], .dns),
        RegistryEntry("enip", tcp: [44818], udp: [44818, 2222], .enip, marksServers: false),
        RegistryEntry("finger", tcp: [79], .finger),
        RegistryEntry("ftp", tcp: [21, 2811], .ftp),
        RegistryEntry("gssapi"),
        RegistryEntry("http", tcp: [80, 81, 631, 1080, 3128, 8000, 8080, 8888], .http),
        RegistryEntry("iec104", tcp: [2404], .iec104),
        RegistryEntry("http", .http2),
        RegistryEntry("ike", udp: [500, 4500], .ike, marksServers: false),
        RegistryEntry("imap", tcp: [143], .imap),
        RegistryEntry("irc", tcp: [6666, 6667, 6668, 6669], .irc),
        RegistryEntry("krb", tcp: [88], .krbTCP),
        RegistryEntry("krb", udp: [88], .krb),
        RegistryEntry("ldap", tcp: [389, 3268], .ldapTCP),
        RegistryEntry("ldap", udp: [389], .ldapUDP),
        RegistryEntry("lldp"),
        RegistryEntry("modbus", tcp: [502], .modbus),
        RegistryEntry("mqtt", tcp: [1883], .mqtt),
        RegistryEntry("mysql", tcp: [1434, 3306], .mysql),
        RegistryEntry("nfs", .nfs),
        RegistryEntry("ntlm"),
        RegistryEntry("ntp", udp: [123], .ntp),
        RegistryEntry("opcua", tcp: [4840], .opcua, marksServers: false),
        RegistryEntry("openvpn", tcp: [1194], udp: [1194], .openvpn, marksServers: false),
        RegistryEntry("pop3", .pop3),
        RegistryEntry("postgresql", tcp: [5432], .postgresql),
        RegistryEntry("profinet_dcp"),
        RegistryEntry("quic", udp: [443], .quic),
        RegistryEntry("radius", udp: [1812], .radius),
        RegistryEntry("rdp", tcp: [3389], .rdp),
        RegistryEntry("rdp", udp: [3389], .rdpeudp),
        RegistryEntry("redis", tcp: [6379], .redis),
        RegistryEntry("rfb", .rfb),
        RegistryEntry("rtp", .rtp),
        RegistryEntry("s7comm", tcp: [102], .cotp, marksServers: false),
        RegistryEntry("sip", tcp: [5060], udp: [5060], .sip),
        RegistryEntry("smb", tcp: [139, 445], .smb),
        RegistryEntry("smtp", tcp: [25, 587], .smtp),
        RegistryEntry("snmp", udp: [161, 162], .snmp),
        RegistryEntry("socks", tcp: [1080], .socks),
        RegistryEntry("ssh", tcp: [22], .ssh),
        RegistryEntry(
            "ssl", tcp: [443, 465, 563, 585, 614, 636, 989, 990, 992, 993, 995, 5223], udp: [443], .ssl,
            udpKind: .dtls),
        RegistryEntry("stun", udp: [3478], .stun, marksServers: false),
        RegistryEntry("syslog", tcp: [514], .syslogTCP),
        RegistryEntry("syslog", udp: [514], .syslog),
        RegistryEntry("telnet", tcp: [23], .telnet, marksServers: false),
        RegistryEntry("tftp", udp: [69], .tftp),
        RegistryEntry("tunnels"),
        RegistryEntry("websocket", .websocket),
        RegistryEntry("wireguard", udp: [51820], .wireguard, marksServers: false),
        RegistryEntry("xmpp", tcp: [5222, 5269], .xmpp),
    ]

    /// Ports of UDP-borne tunnels, likely server ports whatever is chosen.
    package static let tunnelPorts: [UInt16] = [4789, 6081, 5072, 3544, 2152, 2123, 4754]

    /// A new analyzer of a protocol; nil for one that another protocol's analyzer reads, and for tunnels.
    package static func make(_ kind: AnalyzerKind) -> Analyzer? {
        switch kind {
        case .dns: DNS()
        case .http: HTTP()
        case .postgresql: PostgreSQL()
        case .ssh: SSH()
        case .ftp: FTP()
        case .ftpData, .ircData: DataConnection(kind)
        case .ntp: NTP()
        case .dhcp: DHCP()
        case .mysql: MySQL()
        case .smtp: SMTP()
        case .syslog: Syslog(kind: .syslog)
        case .syslogTCP: Syslog(kind: .syslogTCP)
        case .snmp: SNMP()
        case .radius: RADIUS()
        case .socks: SOCKS()
        case .irc: IRC()
        case .rfb: RFB()
        case .sip: SIP()
        case .redis: Redis()
        case .pop3: POP3()
        case .imap: IMAP()
        case .tftp: TFTP()
        case .modbus: Modbus()
        case .dnp3: DNP3()
        case .dnp3UDP: DNP3(.dnp3UDP)
        case .mqtt: MQTT()
        case .enip: ENIP()
        case .cotp: COTP()
        case .s7comm, .s7commPlus: nil
        case .bacnet: BACnet()
        case .opcua: OPCUA()
        case .iec104: IEC104()
        case .ldapTCP: LDAP(kind: .ldapTCP)
        case .ldapUDP: LDAP(kind: .ldapUDP)
        case .ssl: TLS(kind: .ssl)
        case .dtls: TLS(kind: .dtls)
        case .rdp: RDP()
        case .rdpeudp: RDPEUDP()
        case .quic: QUIC()
        case .websocket: WebSocket()
        case .krb: Kerberos(kind: .krb)
        case .krbTCP: Kerberos(kind: .krbTCP)
        case .dceRPC: DCERPC()
        case .dceRPCUDP: DCERPCDatagrams()
        case .smb: SMB()
        case .nfs: NFS()
        case .gssapi, .ntlm: nil
        case .http2: HTTP2()
        case .ike: IKE()
        case .bittorrent: BitTorrent()
        case .bittorrentDHT: BitTorrentDHT()
        case .finger: Finger()
        case .telnet: Telnet()
        case .stun: STUN()
        case .wireguard: WireGuard()
        case .openvpn: OpenVPN()
        case .xmpp: XMPP()
        case .rtp: RTP()
        case .rtcp: nil
        case .vxlan, .geneve, .gtpv1, .teredo, .ayiya: nil
        }
    }

    /// The probes, each with the analyzer that it starts. Of two conditions the first is that which few
    /// connections meet.
    static let probes: [Probe] = [
        Probe(.ssl, .tcp, .originator, TLSProbe.client),
        Probe(.ssl, .tcp, .responder, TLSProbe.server),
        Probe(.dtls, .udp, nil, TLSProbe.datagram, first: 0x16...0x16),
        Probe(.quic, .udp, nil, QUICProbe.initial, first: 0xC0...0xDF),
        Probe(.http, .tcp, .originator, HTTPProbe.request),
        Probe(.http, .tcp, .responder, HTTPProbe.response),
        Probe(.http2, .tcp, .originator, HTTP2Probe.preface),
        Probe(.http2, .tcp, nil, HTTP2Probe.frames),
        Probe(.dns, .udp, .originator, DNSProbe.query, reverse: DNSProbe.response, isForOtherPorts: true),
        Probe(
            .dns, .tcp, .originator, DNSProbe.streamQuery, reverse: DNSProbe.streamResponse, isForOtherPorts: true),
        Probe(.ssh, .tcp, .originator, SSHProbe.originator, reverse: SSHProbe.responder),
        Probe(.smtp, .tcp, .responder, SMTPProbe.responder, reverse: SMTPProbe.originator),
        Probe(.ftp, .tcp, .responder, FTPProbe.responder, reverse: FTPProbe.originator),
        Probe(.pop3, .tcp, .responder, POP3Probe.responder, reverse: POP3Probe.originator),
        Probe(.imap, .tcp, .responder, IMAPProbe.greeting, reverse: IMAPProbe.command, isForOtherPorts: true),
        Probe(.mysql, .tcp, .responder, MySQLProbe.greeting, isForOtherPorts: true),
        Probe(.postgresql, .tcp, nil, PostgreSQLProbe.sslReply, reverse: PostgreSQLProbe.sslRequest),
        Probe(.postgresql, .tcp, nil, PostgreSQLProbe.reply, reverse: PostgreSQLProbe.startup),
        Probe(.mqtt, .tcp, nil, MQTTProbe.connect),
        Probe(.bacnet, .udp, nil, BACnetProbe.message, first: 0x81...0x81),
        Probe(.opcua, .tcp, .originator, OPCUAProbe.hello),
        Probe(.iec104, .tcp, .originator, IEC104Probe.start),
        Probe(
            .modbus, .tcp, .originator, ModbusProbe.request, reverse: ModbusProbe.response, isForOtherPorts: true),
        Probe(.cotp, .tcp, .originator, COTPProbe.connect),
        Probe(.enip, .tcp, .originator, ENIPProbe.register),
        Probe(.enip, .udp, .originator, ENIPProbe.listIdentity, first: 0x63...0x63),
        Probe(.dnp3UDP, .udp, nil, DNP3Probe.header, first: 5...5),
        Probe(.dnp3, .tcp, .responder, DNP3Probe.header),
        Probe(.redis, .tcp, .responder, RedisProbe.response),
        Probe(.sip, .udp, nil, SIPProbe.any, first: 0x20...0x7E),
        Probe(.sip, .tcp, .originator, SIPProbe.request, first: 0x41...0x5A),
        Probe(.irc, .tcp, .originator, IRCProbe.originator, reverse: IRCProbe.responder),
        Probe(.rfb, .tcp, .responder, RFBProbe.responder, reverse: RFBProbe.originator),
        Probe(.socks, .tcp, .responder, SOCKSProbe.reply4, reverse: SOCKSProbe.request4),
        Probe(.socks, .tcp, .originator, SOCKSProbe.reply4, reverse: SOCKSProbe.request4),
        Probe(.socks, .tcp, .responder, SOCKSProbe.reply5, reverse: SOCKSProbe.request5),
        Probe(.rdp, .tcp, nil, RDPProbe.client, reverse: RDPProbe.server),
        Probe(.rdpeudp, .udp, nil, RDPProbe.datagram, first: 0xFF...0xFF),
        Probe(.ldapTCP, .tcp, nil, LDAPProbe.message, reverse: LDAPProbe.bind),
        Probe(.ldapUDP, .udp, nil, LDAPProbe.message, reverse: LDAPProbe.bind, first: 0x30...0x30),
        Probe(.nfs, .tcp, nil, RPCProbe.stream),
        Probe(.nfs, .udp, nil, RPCProbe.datagram),
        Probe(.smb, .tcp, nil, SMBProbe.message),
        Probe(.dceRPC, .tcp, nil, DCERPCProbe.message),
        Probe(.dceRPC, .tcp, .responder, DCERPCProbe.banner),
        Probe(.dceRPCUDP, .udp, nil, DCERPCDatagramProbe.message, first: 4...4),
        Probe(.krb, .udp, nil, KerberosProbe.datagram, first: 0x6A...0x7E),
        Probe(.krbTCP, .tcp, nil, KerberosProbe.stream),
        Probe(.dhcp, .udp, nil, DHCPProbe.message, first: 1...2),
        Probe(.tftp, .udp, nil, TFTPProbe.packet, first: 0...0),
        Probe(.ike, .udp, nil, IKEProbe.message),
        Probe(.bittorrent, .tcp, nil, BitTorrentProbe.handshake),
        Probe(.bittorrentDHT, .udp, nil, DHTProbe.message, first: 0x64...0x64),
        Probe(.telnet, .tcp, nil, TelnetProbe.options),
        Probe(.stun, .udp, nil, STUNProbe.message, first: 0...0x3F),
        Probe(.wireguard, .udp, nil, WireGuardProbe.initiation, first: 1...1),
        Probe(.openvpn, .udp, .originator, OpenVPNProbe.datagram, first: 0x38...0x50),
        Probe(.openvpn, .tcp, .originator, OpenVPNProbe.stream),
        Probe(.xmpp, .tcp, nil, XMPPProbe.opening),
        Probe(
            .ntp, .udp, .originator, NTPProbe.client, reverse: NTPProbe.server, first: 0x0B...0xE4,
            isForOtherPorts: true),
        Probe(.radius, .udp, .originator, RADIUSProbe.request, first: 1...1, isForOtherPorts: true),
        Probe(.snmp, .udp, nil, SNMPProbe.message, first: 0x30...0x30, isForOtherPorts: true),
        Probe(.syslog, .udp, .originator, SyslogProbe.message, first: 0x3C...0x3C, isForOtherPorts: true),
        Probe(.syslogTCP, .tcp, .originator, SyslogProbe.stream, isForOtherPorts: true),
        Probe(.rtp, .udp, nil, RTPProbe.packet, first: 0x80...0xBF),
    ]
}

/// Which analyzers are on, and what follows for ports. Made once from the settings.
package struct AnalyzerSelection: Sendable {
    /// Names that are on; nil means all.
    package let names: Set<String>?
    /// Likely server ports, by transport.
    package private(set) var serverPortsTCP: [UInt16] = []
    package private(set) var serverPortsUDP: [UInt16] = Registry.tunnelPorts
    private var byTCPPort: [UInt16: KindList] = [:]
    private var byUDPPort: [UInt16: KindList] = [:]
    private let excluded: Set<String>
    private let tcpProbes: ProbeMasks
    private let udpProbes: ProbeMasks
    /// Whether any dissector is on at all.
    package private(set) var isEmpty = true
    /// Whether the tunnel log is on.
    package let logsTunnels: Bool

    /// Names that `--analyzers` takes, for error messages.
    package static var knownNames: [String] { Set(Registry.entries.map(\.name)).sorted() + ["none"] }

    /// `names` as given by `--analyzers`; unknown ones must have been refused. `excluded` are off whatever it says.
    package init(names: Set<String>?, without excluded: Set<String> = []) {
        self.names = names
        self.excluded = excluded
        logsTunnels = true
        var probeMask: ProbeSet = 0
        for entry in Registry.entries where (names?.contains(entry.name) ?? true) && !excluded.contains(entry.name) {
            if entry.marksServers {
                serverPortsTCP += entry.tcpPorts
                serverPortsUDP += entry.udpPorts
            }
            guard let kind = entry.kind, kind != .http2 || !excluded.contains("http2") else { continue }
            isEmpty = false
            for port in entry.tcpPorts { byTCPPort[port, default: KindList()].append(kind) }
            if entry.udpKind == nil {
                for port in entry.udpPorts { byUDPPort[port, default: KindList()].append(kind) }
            }
            for (index, probe) in Registry.probes.enumerated() where probe.kind == kind || probe.kind == entry.udpKind {
                probeMask |= 1 << index
            }
        }
        tcpProbes = ProbeMasks(.tcp, chosen: probeMask)
        udpProbes = ProbeMasks(.udp, chosen: probeMask)
    }

    /// Whether an analyzer that another one starts is on.
    func isOn(_ name: String) -> Bool { !excluded.contains(name) && names?.contains(name) ?? true }

    /// Whether HTTP/2 is read; its name is that of HTTP, which may be on without it.
    var readsHTTP2: Bool { isOn("http") && !excluded.contains("http2") }

    /// The analyzers registered for a responder port.
    func kinds(_ transport: Transport, port: UInt16) -> KindList {
        switch transport {
        case .tcp: byTCPPort[port] ?? KindList()
        case .udp: byUDPPort[port] ?? KindList()
        default: KindList()
        }
    }

    /// Probes that apply to the two directions of a transport.
    func probes(_ transport: Transport) -> ProbeMasks { transport == .tcp ? tcpProbes : udpProbes }
}
