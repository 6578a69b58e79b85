// SPDX-License-Identifier: Apache-2.0
//
// Which field of an event goes into which column.
//
// Reads   nothing.
// Writes  nothing.
// Leaves  what has to be worked out (EVELines+Events.swift).

import JSON

/// A log that events of one kind fill.
struct EVEMapping: Sendable {
    let log: String
    /// A column's name in logs, and the way to its value in the event.
    let fields: [(String, [String])]
    /// Members of the event without which there is no row; one of them is enough.
    var needed: [[String]] = []

    init(_ log: String, needed: [String] = [], _ fields: KeyValuePairs<String, String>) {
        self.log = log
        self.needed = needed.map { EVEMapping.path($0) }
        self.fields = fields.map { ($0.key, EVEMapping.path($0.value)) }
    }

    private static func path(_ text: String) -> [String] { text.split(separator: ".").map(String.init) }

    func applies(_ event: EVEEvent) -> Bool {
        needed.isEmpty || needed.contains { event.root.at($0).map { !$0.isNull } ?? false }
    }

    static let all: [String: [EVEMapping]] = [
        "flow": [
            EVEMapping(
                "conn",
                [
                    "orig_pkts": "flow.pkts_toserver", "resp_pkts": "flow.pkts_toclient", "vlan": "vlan.0",
                    "inner_vlan": "vlan.1",
                ])
        ],
        "dns": [
            EVEMapping(
                "dns",
                [
                    "trans_id": "dns.id", "query": "dns.rrname", "qtype_name": "dns.rrtype", "rcode_name": "dns.rcode",
                    "AA": "dns.aa", "TC": "dns.tc", "RD": "dns.rd", "RA": "dns.ra", "opcode": "dns.opcode",
                ])
        ],
        "http": [
            EVEMapping(
                "http",
                [
                    "method": "http.http_method", "host": "http.hostname", "uri": "http.url",
                    "referrer": "http.http_refer", "user_agent": "http.http_user_agent", "status_code": "http.status",
                    "response_body_len": "http.length", "resp_mime_types": "http.http_content_type",
                ])
        ],
        "tls": [
            EVEMapping(
                "ssl",
                [
                    "server_name": "tls.sni", "subject": "tls.subject", "issuer": "tls.issuerdn",
                    "resumed": "tls.session_resumed", "next_protocol": "tls.server_alpns.0", "ja3": "tls.ja3.hash",
                    "ja3s": "tls.ja3s.hash", "ja4": "tls.ja4", "cert_chain_fps": "tls.fingerprint",
                ]),
            EVEMapping(
                "x509", needed: ["tls.fingerprint"],
                [
                    "fingerprint": "tls.fingerprint", "certificate.serial": "tls.serial",
                    "certificate.subject": "tls.subject", "certificate.issuer": "tls.issuerdn",
                    "certificate.not_valid_before": "tls.notbefore", "certificate.not_valid_after": "tls.notafter",
                    "san.dns": "tls.subjectaltname",
                ]),
        ],
        "fileinfo": [
            EVEMapping(
                "files",
                [
                    "filename": "fileinfo.filename", "seen_bytes": "fileinfo.size", "md5": "fileinfo.md5",
                    "sha1": "fileinfo.sha1", "sha256": "fileinfo.sha256",
                ])
        ],
        "alert": [
            EVEMapping(
                "alert",
                [
                    "title": "alert.signature", "severity": "alert.severity", "category": "alert.category",
                    "action": "alert.action", "gid": "alert.gid", "signature_id": "alert.signature_id",
                    "rev": "alert.rev", "app_proto": "app_proto", "tx_id": "tx_id",
                    "techniques": "alert.metadata.mitre_technique_id",
                ])
        ],
        "ssh": [EVEMapping("ssh", [:])],
        "smtp": [
            EVEMapping(
                "smtp",
                [
                    "helo": "smtp.helo", "mailfrom": "smtp.mail_from", "rcptto": "smtp.rcpt_to", "from": "email.from",
                    "to": "email.to", "cc": "email.cc", "date": "email.date", "msg_id": "email.message_id",
                    "subject": "email.subject", "user_agent": "email.x_mailer",
                ])
        ],
        "ftp": [
            EVEMapping(
                "ftp", needed: ["ftp.command"],
                [
                    "command": "ftp.command", "arg": "ftp.command_data", "reply_code": "ftp.completion_code",
                    "reply_msg": "ftp.reply",
                ])
        ],
        "krb5": [
            EVEMapping(
                "kerberos",
                [
                    "client": "krb5.cname", "service": "krb5.sname", "cipher": "krb5.encryption",
                    "error_msg": "krb5.error_code",
                ])
        ],
        "smb": [
            EVEMapping("smb_mapping", needed: ["smb.share"], ["path": "smb.share", "share_type": "smb.share_type"]),
            EVEMapping(
                "smb_files", needed: ["smb.filename"],
                ["name": "smb.filename", "path": "smb.share", "size": "smb.size"]),
        ],
        "anomaly": [EVEMapping("weird", needed: ["anomaly.event"], ["name": "anomaly.event", "addl": "anomaly.layer"])],
    ]
}

/// Numbers behind the names of DNS, of the types that are asked for.
enum DNSNumbers {
    static let types: [String: UInt64] = [
        "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "NULL": 10, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16, "AAAA": 28,
        "SRV": 33, "NAPTR": 35, "DS": 43, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "NSEC3": 50, "TLSA": 52, "SVCB": 64,
        "HTTPS": 65, "SPF": 99, "AXFR": 252, "ANY": 255, "CAA": 257,
    ]
    static let codes: [String: UInt64] = [
        "NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5, "YXDOMAIN": 6,
        "YXRRSET": 7, "NXRRSET": 8, "NOTAUTH": 9, "NOTZONE": 10, "BADVERS": 16,
    ]
}
