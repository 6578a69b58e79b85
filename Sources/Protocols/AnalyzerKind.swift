// SPDX-License-Identifier: Apache-2.0
//
// The protocols by name.

/// A protocol that Weir reads; the name is that of `--analyzers`.
package enum AnalyzerKind: UInt8, Sendable, CaseIterable {
    case dns
    case http
    case postgresql
    case ssh
    case ftp
    case ftpData
    case ntp
    case dhcp
    case mysql
    case smtp
    case syslog
    case syslogTCP
    case snmp
    case radius
    case socks
    case irc
    case ircData
    case rfb
    case sip
    case redis
    case pop3
    case imap
    case tftp
    case modbus
    case dnp3
    case dnp3UDP
    case mqtt
    case enip
    case cotp
    // Found inside COTP; without dissectors of their own.
    case s7comm
    case s7commPlus
    case bacnet
    case opcua
    case iec104
    case ldapTCP
    case ldapUDP
    case ssl
    case dtls
    case rdp
    case rdpeudp
    case quic
    case websocket
    case krb
    case krbTCP
    case dceRPC
    case dceRPCUDP
    case smb
    case nfs
    // Tokens inside of other protocols confirm these; what reads them is Authentication.
    case gssapi
    case ntlm
    case http2
    case ike
    case bittorrent
    case bittorrentDHT
    case finger
    case telnet
    case stun
    case wireguard
    case openvpn
    case xmpp
    case rtp
    // Found beside RTP; what reads it is RTP.
    case rtcp
    // Tunnels confirm on their outer connection; they have no dissector here.
    case vxlan
    case geneve
    case gtpv1
    case teredo
    case ayiya

    /// The name in `service`.
    package var serviceName: StaticString {
        switch self {
        case .dns: "dns"
        case .http: "http"
        case .postgresql: "postgresql"
        case .ssh: "ssh"
        case .ftp: "ftp"
        case .ftpData: "ftp-data"
        case .ntp: "ntp"
        case .dhcp: "dhcp"
        case .mysql: "mysql"
        case .smtp: "smtp"
        case .syslog: "syslog"
        case .syslogTCP: "syslog_tcp"
        case .snmp: "snmp"
        case .radius: "radius"
        case .socks: "socks"
        case .irc: "irc"
        case .ircData: "irc-dcc-data"
        case .rfb: "rfb"
        case .sip: "sip"
        case .redis: "redis"
        case .pop3: "pop3"
        case .imap: "imap"
        case .tftp: "tftp"
        case .modbus: "modbus"
        case .dnp3: "dnp3_tcp"
        case .dnp3UDP: "dnp3_udp"
        case .mqtt: "mqtt"
        case .enip: "enip"
        case .cotp: "cotp"
        case .s7comm: "s7comm"
        case .s7commPlus: "s7comm_plus"
        case .bacnet: "bacnet"
        case .opcua: "opcua_binary"
        case .iec104: "iec104"
        case .ldapTCP: "ldap_tcp"
        case .ldapUDP: "ldap_udp"
        case .ssl: "ssl"
        case .dtls: "dtls"
        case .rdp: "rdp"
        case .rdpeudp: "rdpeudp"
        case .quic: "quic"
        case .websocket: "websocket"
        case .krb: "krb"
        case .krbTCP: "krb_tcp"
        case .dceRPC, .dceRPCUDP: "dce_rpc"
        case .smb: "smb"
        case .nfs: "nfs"
        case .gssapi: "gssapi"
        case .ntlm: "ntlm"
        case .http2: "http"
        case .ike: "ike"
        case .bittorrent: "bittorrent"
        case .bittorrentDHT: "bittorrent"
        case .finger: "finger"
        case .telnet: "telnet"
        case .stun: "stun"
        case .wireguard: "wireguard"
        case .openvpn: "openvpn"
        case .xmpp: "xmpp"
        case .rtp: "rtp"
        case .rtcp: "rtcp"
        case .vxlan: "vxlan"
        case .geneve: "geneve"
        case .gtpv1: "gtpv1"
        case .teredo: "teredo"
        case .ayiya: "ayiya"
        }
    }

    /// Whether nothing else is looked for on a connection once this was recognised there, as in Suricata. In many
    /// protocols another one may follow: STUN goes before DTLS and RTP. What is inside of HTTP its analyzer finds.
    var isAlone: Bool {
        switch self {
        case .dns, .http, .ntp, .snmp, .syslog, .radius: true
        default: false
        }
    }

    /// Whether `service` has the name as soon as an announced connection begins, before its content.
    var isNamedWhenExpected: Bool { self == .ftpData || self == .ircData }
}
