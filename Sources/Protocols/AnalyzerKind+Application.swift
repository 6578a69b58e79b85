// SPDX-License-Identifier: Apache-2.0
//
// What EVE and the rule language call the protocols that Weir's analyzers read.

package import Records

extension AnalyzerKind {
    /// The application protocol of a connection with this analyzer; `failed` for the protocols that
    /// Suricata does not know.
    package func application(_ id: ConnectionID) -> AppProtocol {
        switch self {
        case .dns:
            switch id.responderPort {
            case 5353: .mdns
            case 5355: .llmnr
            case 137: .failed
            default: .dns
            }
        case .http: .http
        case .postgresql: .pgsql
        case .ssh: .ssh
        case .ftp: .ftp
        case .ftpData: .ftpData
        case .ntp: .ntp
        case .dhcp: .dhcp
        case .smtp: .smtp
        case .snmp: .snmp
        case .rfb: .rfb
        case .sip: .sip
        case .pop3: .pop3
        case .imap: .imap
        case .tftp: .tftp
        case .modbus: .modbus
        case .dnp3, .dnp3UDP: .dnp3
        case .mqtt: .mqtt
        case .ldapTCP, .ldapUDP: .ldap
        case .ssl: .tls
        case .rdp: .rdp
        case .smb: .smb
        case .nfs: .nfs
        case .dceRPC, .dceRPCUDP: .dcerpc
        case .krbTCP: .krb5
        // Over TCP it is inside of another protocol.
        case .krb: id.transport == .udp ? .krb5 : .failed
        case .ike: .ike
        case .bittorrentDHT: .bittorrentDHT
        case .telnet: .telnet
        case .quic: .quic
        case .enip: .enip
        case .http2: .http2
        case .websocket: .websocket
        default: .failed
        }
    }
}

extension Analysis {
    /// The application protocol as EVE has it, and the one before where another took over the stream
    /// (STARTTLS, CONNECT, an upgrade). `unknown` where none was found.
    package func applications(_ id: ConnectionID) -> (now: AppProtocol, before: AppProtocol) {
        var now = AppProtocol.unknown
        var before = AppProtocol.unknown
        for kind in services {
            let application = kind.application(id)
            guard application != .failed else { continue }
            if now == .unknown {
                now = application
            } else if now != .quic, [.tls, .http2, .websocket].contains(application) {
                before = now
                now = application
            }
        }
        if let left, case let application = left.application(id), now == application { (now, before) = (.failed, now) }
        return (now, before)
    }
}
