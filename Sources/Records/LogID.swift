// SPDX-License-Identifier: Apache-2.0
//
// The list of logs. A log is added here and in the registry of schemas.

/// Which log a row belongs to; the raw value indexes tables.
@frozen @usableFromInline package enum LogID: UInt8, Sendable, CaseIterable {
    case conn
    case connOpen
    case dns
    case http
    case weird
    case tunnel
    case postgresql
    case ssh
    case ftp
    case ntp
    case ntpControl
    case ntpPrivate
    case dhcp
    case mysql
    case smtp
    case syslog
    case snmp
    case radius
    case socks
    case irc
    case rfb
    case sip
    case redis
    case tftp
    case modbus
    case dnp3
    case enip
    case cip
    case cipIdentity
    case cipIO
    case cotp
    case s7comm
    case s7commReadSZL
    case s7commTransfer
    case s7commPlus
    case bacnet
    case bacnetDiscovery
    case bacnetProperty
    case bacnetControl
    case opcua
    case iec104
    case profinetDCP
    case mqttConnect
    case mqttSubscribe
    case mqttPublish
    case ldap
    case ldapSearch
    case ssl
    case x509
    case files
    case pe
    case ocsp
    case rdp
    case quic
    case websocket
    case kerberos
    case ntlm
    case dceRPC
    case smbFiles
    case nfs
    case smbMapping
    case ike
    case bittorrent
    case bittorrentDHT
    case telnet
    case stun
    case wireguard
    case openvpn
    case rtp
    case rtcp
    case analyzer
    case arp
    case lldp
    case cdp
    case software
    case knownHosts
    case knownServices
    case knownCerts
    case stats
    /// What raised its hand, and the same in the form of Zeek's signature framework.
    case alert
    case signatures
    /// Indicators that were met, in the form of Zeek's intelligence framework.
    case intel
    /// Calls to clouds' interfaces, out of audit logs that stand beside the traffic.
    case cloudAudit
    /// Events in Suricata's form: no log or table of its own, the EVE writer alone reads it.
    case eve

    /// The name: file, table and folder of the log.
    package var path: String {
        switch self {
        case .connOpen: "conn_open"
        case .ntpControl: "ntp_control"
        case .ntpPrivate: "ntp_private"
        case .mqttConnect: "mqtt_connect"
        case .mqttSubscribe: "mqtt_subscribe"
        case .mqttPublish: "mqtt_publish"
        case .ldapSearch: "ldap_search"
        case .bittorrentDHT: "bittorrent_dht"
        case .knownHosts: "known_hosts"
        case .knownServices: "known_services"
        case .knownCerts: "known_certs"
        case .cipIdentity: "cip_identity"
        case .cipIO: "cip_io"
        case .s7commReadSZL: "s7comm_read_szl"
        case .s7commTransfer: "s7comm_upload_download"
        case .s7commPlus: "s7comm_plus"
        case .bacnetDiscovery: "bacnet_discovery"
        case .bacnetProperty: "bacnet_property"
        case .bacnetControl: "bacnet_device_control"
        case .opcua: "opcua_binary"
        case .profinetDCP: "profinet_dcp"
        case .dceRPC: "dce_rpc"
        case .smbFiles: "smb_files"
        case .smbMapping: "smb_mapping"
        case .cloudAudit: "cloud_audit"
        default: "\(self)"
        }
    }
}
