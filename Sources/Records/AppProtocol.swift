// SPDX-License-Identifier: Apache-2.0
//
// The application protocols as the rule language and EVE know them.

/// A protocol that a rule's header may name. Weir's own names, one for each
/// dissector and transport, are `AnalyzerKind`'s.
@frozen @usableFromInline package enum AppProtocol: UInt8, Sendable, CaseIterable, BitwiseCopyable {
    /// Not yet decided.
    case unknown
    /// Looked for, and none found.
    case failed
    case http, http2, doh2, dns, mdns, llmnr, tls, ssh, smtp, imap, pop3, ftp, ftpData, tftp, smb, dcerpc, nfs
    case krb5, ike, dhcp, sip, rdp, rfb, mqtt, snmp, quic, ldap, pgsql, websocket, modbus, dnp3, enip, ntp, telnet
    case bittorrentDHT, template

    /// The name in a rule's header and in EVE's `app_proto`.
    package var name: StaticString {
        switch self {
        case .unknown: "unknown"
        case .failed: "failed"
        case .http: "http"
        case .http2: "http2"
        case .doh2: "doh2"
        case .dns: "dns"
        case .mdns: "mdns"
        case .llmnr: "llmnr"
        case .tls: "tls"
        case .ssh: "ssh"
        case .smtp: "smtp"
        case .imap: "imap"
        case .pop3: "pop3"
        case .ftp: "ftp"
        case .ftpData: "ftp-data"
        case .tftp: "tftp"
        case .smb: "smb"
        case .dcerpc: "dcerpc"
        case .nfs: "nfs"
        case .krb5: "krb5"
        case .ike: "ike"
        case .dhcp: "dhcp"
        case .sip: "sip"
        case .rdp: "rdp"
        case .rfb: "rfb"
        case .mqtt: "mqtt"
        case .snmp: "snmp"
        case .quic: "quic"
        case .ldap: "ldap"
        case .pgsql: "pgsql"
        case .websocket: "websocket"
        case .modbus: "modbus"
        case .dnp3: "dnp3"
        case .enip: "enip"
        case .ntp: "ntp"
        case .telnet: "telnet"
        case .bittorrentDHT: "bittorrent-dht"
        case .template: "template"
        }
    }
}
