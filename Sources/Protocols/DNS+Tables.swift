// SPDX-License-Identifier: Apache-2.0
//
// Names of numbers: types, classes, response codes, operations (IANA, DNS
// Parameters; NetBIOS operations: RFC 1002 section 4.2.1.1), as the logs of the
// field spell them.

/// Names of numbers. Nil where a number has none.
enum DNSTables {
    /// Types of records and of questions.
    static func typeName(_ type: UInt16) -> StaticString? {
        switch type {
        case 1: "A"
        case 2: "NS"
        case 3: "MD"
        case 4: "MF"
        case 5: "CNAME"
        case 6: "SOA"
        case 7: "MB"
        case 8: "MG"
        case 9: "MR"
        case 10: "NULL"
        case 11: "WKS"
        case 12: "PTR"
        case 13: "HINFO"
        case 14: "MINFO"
        case 15: "MX"
        case 16: "TXT"
        case 17: "RP"
        case 18: "AFSDB"
        case 19: "X25"
        case 20: "ISDN"
        case 21: "RT"
        case 22: "NSAP"
        case 23: "NSAP-PTR"
        case 24: "SIG"
        case 25: "KEY"
        case 26: "PX"
        case 27: "GPOS"
        case 28: "AAAA"
        case 29: "LOC"
        case 30: "NXT"
        case 31: "EID"
        case 32: "NIMLOC"
        case 33: "SRV"
        case 34: "ATMA"
        case 35: "NAPTR"
        case 36: "KX"
        case 37: "CERT"
        case 38: "A6"
        case 39: "DNAME"
        case 40: "SINK"
        case 41: "OPT"
        case 42: "APL"
        case 43: "DS"
        case 44: "SSHFP"
        case 45: "IPSECKEY"
        case 46: "RRSIG"
        case 47: "NSEC"
        case 48: "DNSKEY"
        case 49: "DHCID"
        case 50: "NSEC3"
        case 51: "NSEC3PARAM"
        case 52: "TLSA"
        case 53: "SMIMEA"
        default: laterTypeName(type)
        }
    }

    private static func laterTypeName(_ type: UInt16) -> StaticString? {
        switch type {
        case 55: "HIP"
        case 56: "NINFO"
        case 57: "RKEY"
        case 58: "TALINK"
        case 59: "CDS"
        case 60: "CDNSKEY"
        case 61: "OPENPGPKEY"
        case 62: "CSYNC"
        case 63: "ZONEMD"
        case 64: "SVCB"
        case 65: "HTTPS"
        case 99: "SPF"
        case 100: "UINFO"
        case 101: "UID"
        case 102: "GID"
        case 103: "UNSPEC"
        case 104: "NID"
        case 105: "L32"
        case 106: "L64"
        case 107: "LP"
        case 108: "EUI48"
        case 109: "EUI64"
        case 249: "TKEY"
        case 250: "TSIG"
        case 251: "IXFR"
        case 252: "AXFR"
        case 253: "MAILB"
        case 254: "MAILA"
        case 255: "*"
        case 256: "URI"
        case 257: "CAA"
        case 32768: "TA"
        case 32769: "DLV"
        case 65281: "WINS"
        case 65282: "WINS-R"
        case 65422: "XPF"
        case 65521: "INTEGRITY"
        default: nil
        }
    }

    /// Classes.
    static func className(_ group: UInt16) -> StaticString? {
        switch group {
        case 1: "C_INTERNET"
        case 2: "C_CSNET"
        case 3: "C_CHAOS"
        case 4: "C_HESIOD"
        case 254: "C_NONE"
        case 255: "C_ANY"
        default: nil
        }
    }

    /// Response codes; the header has four bits.
    static func responseCodeName(_ code: UInt8) -> StaticString {
        switch code & 0xF {
        case 0: "NOERROR"
        case 1: "FORMERR"
        case 2: "SERVFAIL"
        case 3: "NXDOMAIN"
        case 4: "NOTIMP"
        case 5: "REFUSED"
        case 6: "YXDOMAIN"
        case 7: "YXRRSET"
        case 8: "NXRRSet"
        case 9: "NOTAUTH"
        case 10: "NOTZONE"
        case 11: "unassigned-11"
        case 12: "unassigned-12"
        case 13: "unassigned-13"
        case 14: "unassigned-14"
        default: "unassigned-15"
        }
    }

    /// Operations; the header has four bits. NetBIOS has its own.
    static func opcodeName(_ opcode: UInt8, isNetBIOS: Bool) -> StaticString {
        isNetBIOS ? netBIOSOpcodeName(opcode) : plainOpcodeName(opcode)
    }

    private static func plainOpcodeName(_ opcode: UInt8) -> StaticString {
        switch opcode & 0xF {
        case 0: "query"
        case 1: "iquery"
        case 2: "server-status"
        case 3: "opcode-3"
        case 4: "notify"
        case 5: "dynamic-update"
        case 6: "dso"
        case 7: "opcode-7"
        case 8: "opcode-8"
        case 9: "opcode-9"
        case 10: "opcode-10"
        case 11: "opcode-11"
        case 12: "opcode-12"
        case 13: "opcode-13"
        case 14: "opcode-14"
        default: "opcode-15"
        }
    }

    private static func netBIOSOpcodeName(_ opcode: UInt8) -> StaticString {
        switch opcode & 0xF {
        case 0: "netbios-query"
        case 1: "netbios-opcode-1"
        case 2: "netbios-opcode-2"
        case 3: "netbios-opcode-3"
        case 4: "netbios-opcode-4"
        case 5: "netbios-registration"
        case 6: "netbios-release"
        case 7: "netbios-wack"
        case 8: "netbios-refresh"
        case 9: "netbios-opcode-9"
        case 10: "netbios-opcode-10"
        case 11: "netbios-opcode-11"
        case 12: "netbios-opcode-12"
        case 13: "netbios-opcode-13"
        case 14: "netbios-opcode-14"
        default: "netbios-opcode-15"
        }
    }
}
