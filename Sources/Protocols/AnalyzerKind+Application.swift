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

/// The application protocols of a connection, as EVE has them; `unknown` for what was not found.
package struct Applications: BitwiseCopyable, Equatable, Sendable {
    /// What it carries.
    package var now = AppProtocol.unknown
    /// What it carried before another took over the stream (STARTTLS, CONNECT, an upgrade).
    package var before = AppProtocol.unknown
    /// What one side alone looks like, where that is something else.
    package var toServer = AppProtocol.unknown
    package var toClient = AppProtocol.unknown
    /// What both ends agreed on and did not speak then.
    package var expected = AppProtocol.unknown

    package init() {}
}

extension Analysis {
    /// - Parameter comparesSides: whether to look at what each side begins with, which is for the end.
    package func applications(_ id: ConnectionID, comparesSides: Bool = false) -> Applications {
        var found = Analysis.applications(services, left: left, agreed: agreed, id)
        if comparesSides, found.before == .unknown, let sides { compare(sides, id, &found) }
        return found
    }

    /// - Parameters:
    ///   - left: what it was until the ends began to speak something that is not followed.
    ///   - agreed: what they agreed on then.
    static func applications(
        _ services: KindList, left: AnalyzerKind?, agreed: AnalyzerKind?, _ id: ConnectionID
    ) -> Applications {
        var found = Applications()
        for kind in services {
            let application = kind.application(id)
            guard application != .failed else { continue }
            if found.now == .unknown {
                found.now = application
            } else if found.now != .quic, [.tls, .http2, .websocket].contains(application) {
                (found.before, found.now) = (found.now, application)
            }
        }
        if let left, case let application = left.application(id), found.now == application {
            (found.now, found.before) = (.failed, application)
            if let agreed { found.expected = agreed.application(id) }
        }
        return found
    }

    /// Where one side says what the connection carries, and the other says something else.
    private func compare(_ sides: SidesOfStream, _ id: ConnectionID, _ found: inout Applications) {
        let both = (0..<2).map { side in
            Registry.probes.indices.filter { sides.matches[side] & (1 << $0) != 0 }
                .map { Registry.probes[$0].kind.application(id) }.filter { $0 != .failed }
        }
        guard let first = both[0].first, let second = both[1].first, Set(both[0]).isDisjoint(with: both[1]) else {
            return
        }
        // Nothing was found by what follows: the client's word counts.
        if found.now == .unknown { found.now = first }
        if !both[0].contains(found.now), both[1].contains(found.now) { found.toServer = first }
        if !both[1].contains(found.now), both[0].contains(found.now) { found.toClient = second }
    }
}
