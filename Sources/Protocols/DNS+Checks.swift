// SPDX-License-Identifier: Apache-2.0
//
// What is looked at for anomalies alone: options, service bindings, DNSSEC
// algorithms.
//
// Reads   the data of one record, inside its length.
// Writes  anomalies.
// Leaves  the row.

import Records
import Wire

extension DNSReader {
    // MARK: DNSSEC

    /// Numbers of algorithms: IANA, DNS Security Algorithm Numbers.
    func checkSigner(_ algorithm: UInt8, _ context: inout AnalyzerContext) {
        let weird: Weird
        switch algorithm {
        case 1: weird = .DNSSEC_RRSIG_NotRecommended_ZoneSignAlgo
        case 252: weird = .DNSSEC_RRSIG_Indirect_ZoneSignAlgo
        case 253: weird = .DNSSEC_RRSIG_PrivateDNS_ZoneSignAlgo
        case 254: weird = .DNSSEC_RRSIG_PrivateOID_ZoneSignAlgo
        case _ where DNSReader.isKnownAlgorithm(algorithm): return
        default: weird = .DNSSEC_RRSIG_unknown_ZoneSignAlgo
        }
        context.weird(weird, addl: UInt64(algorithm), source: DNS.source)
    }

    func checkKey(_ flags: UInt16, _ keyProtocol: UInt8, _ algorithm: UInt8, _ context: inout AnalyzerContext) {
        // Bits 7 (zone key), 8 (revoked) and 15 (secure entry point) have a meaning.
        if flags & 0xFE7E != 0 { context.weird(.DNSSEC_DNSKEY_Invalid_Flag, addl: UInt64(flags), source: DNS.source) }
        if flags & 0x0181 == 0x0181 {
            context.weird(.DNSSEC_DNSKEY_Revoked_KSK, addl: UInt64(flags), source: DNS.source)
        }
        if keyProtocol != 3 {
            context.weird(.DNSSEC_DNSKEY_Invalid_Protocol, addl: UInt64(keyProtocol), source: DNS.source)
        }
        let weird: Weird
        switch algorithm {
        case 1: weird = .DNSSEC_DNSKEY_NotRecommended_ZoneSignAlgo
        case 252: weird = .DNSSEC_DNSKEY_Indirect_ZoneSignAlgo
        case 253: weird = .DNSSEC_DNSKEY_PrivateDNS_ZoneSignAlgo
        case 254: weird = .DNSSEC_DNSKEY_PrivateOID_ZoneSignAlgo
        case _ where DNSReader.isKnownAlgorithm(algorithm): return
        default: weird = .DNSSEC_DNSKEY_unknown_ZoneSignAlgo
        }
        context.weird(weird, addl: UInt64(algorithm), source: DNS.source)
    }

    private static func isKnownAlgorithm(_ algorithm: UInt8) -> Bool {
        switch algorithm {
        case 2...8, 10, 12...16: true
        default: false
        }
    }

    func checkDigest(_ type: UInt8, _ context: inout AnalyzerContext) {
        switch type {
        case 1...4: return
        case 0: context.weird(.DNSSEC_DS_ReservedDigestType, addl: 0, source: DNS.source)
        default: context.weird(.DNSSEC_DS_unknown_DigestType, addl: UInt64(type), source: DNS.source)
        }
    }

    /// Type bitmaps (RFC 4034 section 4.1.2): window, length, so many octets.
    func checkBitmaps(
        _ weird: Weird, from start: Int, to end: Int, _ bytes: RawSpan, _ context: inout AnalyzerContext
    ) {
        var at = start
        while end &- at >= 2 {
            let count = Int(bytes.octet(at &+ 1))
            guard count > 0 else {
                return context.weird(weird, addl: UInt64(bytes.octet(at)), source: DNS.source)
            }
            at &+= 2 &+ count
        }
    }

    // MARK: CAA (RFC 8659 section 4.1)

    //  |  flags (8)  |  length of the tag (8)  |  tag  |  value  |
    func checkAuthorization(_ head: DNSResource, _ bytes: RawSpan, _ context: inout AnalyzerContext) -> DNSAnswer {
        guard head.byteCount >= 2, Int(bytes.octet(head.start &+ 1)) < head.byteCount &- 2 else {
            context.weird(.DNS_CAA_char_str_past_rdlen, source: DNS.source)
            return .broken
        }
        return .silent
    }

    // MARK: options (RFC 6891 section 6.1.2)

    //  |  code (16)  |  length (16)  |  data  |  …
    func checkOptions(_ head: DNSResource, _ bytes: RawSpan, _ context: inout AnalyzerContext) {
        var at = head.start
        while at < head.end {
            guard head.end &- at >= 4 else { return context.weird(.EDNS_truncated_option, source: DNS.source) }
            let code = bytes.load(at, as: UInt16.self)
            let count = Int(bytes.load(at &+ 2, as: UInt16.self))
            at &+= 4
            guard count <= head.end &- at else { return context.weird(.EDNS_truncated_option, source: DNS.source) }
            switch code {
            case 8: checkClientSubnet(at, count, bytes, &context)
            case 11:
                // RFC 7828 section 3.2: keep-alive makes no sense without a stream.
                if id.transport == .udp, count == 0 || count == 2 {
                    context.weird(.EDNS_TCP_Keepalive_In_UDP, source: DNS.source)
                }
            default: break
            }
            at &+= count
        }
    }

    //  Client subnet (RFC 7871 section 6)
    //  |  family (16)  |  source prefix (8)  |  scope prefix (8)  |  address, as many octets as the prefix needs  |
    private func checkClientSubnet(_ at: Int, _ count: Int, _ bytes: RawSpan, _ context: inout AnalyzerContext) {
        guard count >= 4 else { return context.weird(.EDNS_ECS_invalid_option_len, source: DNS.source) }
        let family = bytes.load(at, as: UInt16.self)
        let prefix = Int(bytes.octet(at &+ 2))
        guard family == 1 || family == 2 else { return }
        let isV4 = family == 1
        if prefix > (isV4 ? 32 : 128) {
            context.weird(
                isV4 ? .EDNS_ECS_invalid_addr_v4_prefix : .EDNS_ECS_invalid_addr_v6_prefix, source: DNS.source)
        } else if prefix > (count &- 4) &* 8 {
            context.weird(isV4 ? .EDNS_ECS_invalid_addr_v4 : .EDNS_ECS_invalid_addr_v6, source: DNS.source)
        }
    }

    // MARK: SVCB and HTTPS (RFC 9460 section 2.2)

    //  |  priority (16)  |  target: name  |  key (16)  |  length (16)  |  value  |  …
    func checkService(
        _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) {
        guard head.byteCount >= 3 else { return context.weird(.DNS_SVCB_wrong_length, source: DNS.source) }
        var at = head.start &+ 2
        _ = name(bytes, at: at, next: &at, into: &text, &context)
        guard at <= head.end else { return context.weird(.DNS_SVCB_wrong_length, source: DNS.source) }
        if at < head.end, bytes.load(head.start, as: UInt16.self) == 0 {
            return context.weird(.DNS_SVCB_aliasmode_with_params, source: DNS.source)
        }
        while at < head.end {
            guard head.end &- at >= 4 else { return context.weird(.DNS_SVCB_wrong_length, source: DNS.source) }
            let key = bytes.load(at, as: UInt16.self)
            let count = Int(bytes.load(at &+ 2, as: UInt16.self))
            at &+= 4
            guard count <= head.end &- at else {
                return context.weird(.DNS_SVCB_param_value_toobig, source: DNS.source)
            }
            if let weird = DNSReader.fault(inService: key, bytes.extracting(at ..< at &+ count)) {
                context.weird(weird, source: DNS.source)
            }
            at &+= count
        }
    }

    /// What is wrong with the value of one parameter (RFC 9460 sections 7 and 8).
    private static func fault(inService key: UInt16, _ value: RawSpan) -> Weird? {
        let count = value.byteCount
        switch key {
        case 0: return count == 0 || count % 2 != 0 ? .DNS_SVCB_mandatory_length_invalid : nil
        case 1:
            var at = 0
            while at < count {
                let length = Int(value.octet(at))
                guard length > 0, length < count &- at else { return .DNS_SVCB_alpn_length_invalid }
                at &+= length &+ 1
            }
            return count == 0 ? .DNS_SVCB_alpn_length_invalid : nil
        case 2: return count == 0 ? nil : .DNS_SVCB_nodefaultalpn_value
        case 3: return count == 2 ? nil : .DNS_SVCB_port_length_invalid
        case 4: return count == 0 || count % 4 != 0 ? .DNS_SVCB_hint_length_invalid : nil
        case 6: return count == 0 || count % 16 != 0 ? .DNS_SVCB_hint_length_invalid : nil
        case 0xFFFF: return .DNS_SVCB_key_reserved_or_invalid
        default: return nil
        }
    }
}
