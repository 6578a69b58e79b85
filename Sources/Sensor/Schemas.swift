// SPDX-License-Identifier: Apache-2.0
//
// Every log that the sensor writes, in the order of `LogID`.

import CloudAudit
import Flows
import Protocols
package import Records

package enum Schemas {
    /// The logs that are files and tables: all but the rows of EVE.
    package static let logs = all.filter { $0.log != .eve }

    /// One schema a log; the index is the raw value of its `LogID`.
    package static let all: [LogSchema] = {
        let made: [LogID: LogSchema] = Dictionary(
            uniqueKeysWithValues: [
                ConnRecord.makeSchema(),
                ConnOpenRecord.makeSchema(),
                DNSRecord.makeSchema(),
                HTTPRecord.makeSchema(),
                WeirdRecord.makeSchema(),
                TunnelRecord.makeSchema(),
                SSHRecord.makeSchema(),
                FTPRecord.makeSchema(),
                NTPRecord.makeSchema(),
                NTPControlRecord.makeSchema(),
                NTPPrivateRecord.makeSchema(),
                DHCPRecord.makeSchema(),
                SMTPRecord.makeSchema(),
                SyslogRecord.makeSchema(),
                SNMPRecord.makeSchema(),
                RADIUSRecord.makeSchema(),
                TFTPRecord.makeSchema(),
                SOCKSRecord.makeSchema(),
                IRCRecord.makeSchema(),
                RFBRecord.makeSchema(),
                SIPRecord.makeSchema(),
                LDAPRecord.makeSchema(),
                LDAPSearchRecord.makeSchema(),
                RDPRecord.makeSchema(),
                QUICRecord.makeSchema(),
                TLSRecord.makeSchema(),
                X509Record.makeSchema(),
                StatsRecord.makeSchema(),
                FilesRecord.makeSchema(),
                PERecord.makeSchema(),
                OCSPRecord.makeSchema(),
                WebSocketRecord.makeSchema(),
                KerberosRecord.makeSchema(),
                NTLMRecord.makeSchema(),
                DCERPCRecord.makeSchema(),
                SMBFilesRecord.makeSchema(),
                NFSRecord.makeSchema(),
                SMBMappingRecord.makeSchema(),
                PostgreSQLRecord.makeSchema(),
                MQTTPublishRecord.makeSchema(),
                MQTTSubscribeRecord.makeSchema(),
                MQTTConnectRecord.makeSchema(),
                DNP3Record.makeSchema(),
                ENIPRecord.makeSchema(), CIPRecord.makeSchema(), CIPIdentityRecord.makeSchema(),
                CIPIORecord.makeSchema(),
                COTPRecord.makeSchema(), S7commRecord.makeSchema(), S7SZLRecord.makeSchema(),
                S7TransferRecord.makeSchema(), S7PlusRecord.makeSchema(),
                BACnetRecord.makeSchema(), BACnetDiscoveryRecord.makeSchema(), BACnetPropertyRecord.makeSchema(),
                BACnetControlRecord.makeSchema(), OPCUARecord.makeSchema(), IEC104Record.makeSchema(),
                ProfinetDCPRecord.makeSchema(),
                ModbusRecord.makeSchema(),
                RedisRecord.makeSchema(),
                MySQLRecord.makeSchema(),
                CloudAuditRecord.makeSchema(),
                AlertRecord.makeSchema(),
                SignatureMatchRecord.makeSchema(), IntelRecord.makeSchema(),
                IKERecord.makeSchema(), BitTorrentRecord.makeSchema(), BitTorrentDHTRecord.makeSchema(),
                TelnetRecord.makeSchema(), STUNRecord.makeSchema(), WireGuardRecord.makeSchema(),
                OpenVPNRecord.makeSchema(), RTPRecord.makeSchema(), RTCPRecord.makeSchema(),
                AnalyzerRecord.makeSchema(),
                ARPRecord.makeSchema(), LLDPRecord.makeSchema(), CDPRecord.makeSchema(),
                SoftwareRecord.makeSchema(), KnownHostRecord.makeSchema(), KnownServiceRecord.makeSchema(),
                KnownCertificateRecord.makeSchema(),
                EventRecord.makeSchema(),
            ].map { ($0.log, $0) })
        return LogID.allCases.map { log in
            guard let schema = made[log] else { preconditionFailure("the log \(log.path) has no schema") }
            return schema
        }
    }()
}
