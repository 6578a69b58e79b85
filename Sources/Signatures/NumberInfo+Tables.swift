// SPDX-License-Identifier: Apache-2.0
//
// Integer keywords of application protocols: width, names, direction.
//
// Reads   nothing.
// Writes  nothing.
// Leaves  the values' syntax (NumberParser.swift), keywords with a syntax of
//         their own (TransactionKeywords.swift). Measured against Suricata 8.0.7.

import Records

/// An integer keyword whose value is `NumberTest`'s usual syntax.
struct NumberInfo {
    var keyword: String
    var buffer: SignatureBuffer
    var syntax: NumberSyntax
    /// An index into a list may follow the value (`,any`, `,-1`).
    var isIndexed = false
    var applications: AppProtocols
    var side: FlowTest.Side

    init(
        _ keyword: String, _ buffer: SignatureBuffer, _ syntax: NumberSyntax, _ applications: AppProtocols,
        _ side: FlowTest.Side, names: [String: UInt64] = [:], flags: [String: UInt64] = [:], isIndexed: Bool = false
    ) {
        self.keyword = keyword
        self.buffer = buffer
        self.syntax = syntax
        self.syntax.names = names
        self.syntax.flags = flags
        self.applications = applications
        self.side = side
        self.isIndexed = isIndexed
    }

    static let table: [NumberInfo] = [
        NumberInfo("http2.priority", .http2Priority, .u8, AppProtocols(.http2, .doh2), .either),
        NumberInfo("http2.window", .http2Window, .u32, AppProtocols(.http2, .doh2), .either),
        NumberInfo("http2.size_update", .http2SizeUpdate, .u64, AppProtocols(.http2, .doh2), .either),
        NumberInfo("tls.cert_chain_len", .tlsCertChainLength, .u32, AppProtocols(.tls), .toClient),
        NumberInfo("ftp.dynamic_port", .ftpDynamicPort, .u16, AppProtocols(.ftp), .either),
        NumberInfo("ike.exchtype", .ikeExchangeType, .u8, AppProtocols(.ike), .either),
        NumberInfo("ike.key_exchange_payload_length", .ikeKeyExchangePayloadLength, .u32, AppProtocols(.ike), .either),
        NumberInfo("ike.nonce_payload_length", .ikeNoncePayloadLength, .u32, AppProtocols(.ike), .either),
        NumberInfo("dhcp.leasetime", .dhcpLeaseTime, .u64, AppProtocols(.dhcp), .either),
        NumberInfo("dhcp.rebinding_time", .dhcpRebindingTime, .u64, AppProtocols(.dhcp), .either),
        NumberInfo("dhcp.renewal_time", .dhcpRenewalTime, .u64, AppProtocols(.dhcp), .either),
        NumberInfo(
            "websocket.opcode", .websocketOpcode, .u8, AppProtocols(.websocket), .either,
            names: [
                "continuation": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10,
            ]),
        NumberInfo("websocket.mask", .websocketMask, .u32, AppProtocols(.websocket), .either),
        NumberInfo(
            "websocket.flags", .websocketFlags, .u8, AppProtocols(.websocket), .either,
            flags: [
                "fin": 128, "comp": 64,
            ]),
        NumberInfo("enip.capabilities", .enipCapabilities, .u16, AppProtocols(.enip), .either),
        NumberInfo("enip.cip_attribute", .enipCIPAttribute, .u32, AppProtocols(.enip), .either),
        NumberInfo("enip.cip_class", .enipCIPClass, .u32, AppProtocols(.enip), .either),
        NumberInfo("enip.cip_instance", .enipCIPInstance, .u32, AppProtocols(.enip), .either),
        NumberInfo("enip.cip_status", .enipCIPStatus, .u8, AppProtocols(.enip), .either),
        NumberInfo("enip.cip_extendedstatus", .enipCIPExtendedStatus, .u16, AppProtocols(.enip), .either),
        NumberInfo("enip.vendor_id", .enipVendorID, .u16, AppProtocols(.enip), .either),
        NumberInfo(
            "enip.status", .enipStatus, .u32, AppProtocols(.enip), .either,
            names: [
                "success": 0, "invalid_cmd": 1, "no_resources": 2, "incorrect_data": 3,
                "invalid_session": 100, "invalid_length": 101, "unsupported_prot_rev": 105,
                "encap_header_error": 106,
            ]),
        NumberInfo("enip.state", .enipState, .u8, AppProtocols(.enip), .either),
        NumberInfo("enip.serial", .enipSerial, .u32, AppProtocols(.enip), .either),
        NumberInfo("enip.revision", .enipRevision, .u16, AppProtocols(.enip), .either),
        NumberInfo("enip.protocol_version", .enipProtocolVersion, .u16, AppProtocols(.enip), .either),
        NumberInfo("enip.product_code", .enipProductCode, .u16, AppProtocols(.enip), .either),
        NumberInfo(
            "enip_command", .enipCommand, .u16, AppProtocols(.enip), .either,
            names: [
                "nop": 0, "list_services": 4, "list_identity": 99, "list_interfaces": 100,
                "register_session": 101, "unregister_session": 102, "send_rrdata": 111, "send_unit_data": 112,
                "indicate_status": 114, "cancel": 115,
            ]),
        NumberInfo("enip.identity_status", .enipIdentityStatus, .u16, AppProtocols(.enip), .either),
        NumberInfo("enip.device_type", .enipDeviceType, .u16, AppProtocols(.enip), .either),
        NumberInfo(
            "mqtt.type", .mqttType, .u8, AppProtocols(.mqtt), .either,
            names: [
                "unassigned": 0, "connect": 1, "connack": 2, "publish": 3, "puback": 4, "pubrec": 5,
                "pubrel": 6, "pubcomp": 7, "subscribe": 8, "suback": 9, "unsubscribe": 10, "unsuback": 11,
                "pingreq": 12, "pingresp": 13, "disconnect": 14, "auth": 15,
            ]),
        NumberInfo("mqtt.reason_code", .mqttReasonCode, .u8, AppProtocols(.mqtt), .either),
        NumberInfo("mqtt.protocol_version", .mqttProtocolVersion, .u8, AppProtocols(.mqtt), .toServer),
        NumberInfo(
            "mqtt.flags", .mqttFlags, .u8, AppProtocols(.mqtt), .toServer,
            flags: [
                "dup": 8, "retain": 1,
            ]),
        NumberInfo(
            "mqtt.connect.flags", .mqttConnectFlags, .u8, AppProtocols(.mqtt), .toServer,
            flags: [
                "username": 128, "password": 64, "will_retain": 32, "will": 4, "clean_session": 2,
            ]),
        NumberInfo("rfb.sectype", .rfbSecurityType, .u32, AppProtocols(.rfb), .toServer),
        NumberInfo(
            "rfb.secresult", .rfbSecurityResult, .u32, AppProtocols(.rfb), .toClient,
            names: [
                "ok": 0, "fail": 1, "toomany": 2, "unknown": 3,
            ]),
        NumberInfo(
            "ldap.request.operation", .ldapRequestOperation, .u8, AppProtocols(.ldap), .toServer,
            names: [
                "bind_request": 0, "bind_response": 1, "unbind_request": 2, "search_request": 3,
                "search_result_entry": 4, "search_result_done": 5, "modify_request": 6, "modify_response": 7,
                "add_request": 8, "add_response": 9, "del_request": 10, "del_response": 11,
                "mod_dn_request": 12, "mod_dn_response": 13, "compare_request": 14, "compare_response": 15,
                "abandon_request": 16, "search_result_reference": 19, "extended_request": 23,
                "extended_response": 24, "intermediate_response": 25,
            ]),
        NumberInfo(
            "ldap.responses.operation", .ldapResponsesOperation, .u8, AppProtocols(.ldap), .toClient,
            names: [
                "bind_request": 0, "bind_response": 1, "unbind_request": 2, "search_request": 3,
                "search_result_entry": 4, "search_result_done": 5, "modify_request": 6, "modify_response": 7,
                "add_request": 8, "add_response": 9, "del_request": 10, "del_response": 11,
                "mod_dn_request": 12, "mod_dn_response": 13, "compare_request": 14, "compare_response": 15,
                "abandon_request": 16, "search_result_reference": 19, "extended_request": 23,
                "extended_response": 24, "intermediate_response": 25,
            ], isIndexed: true),
        NumberInfo("ldap.responses.count", .ldapResponsesCount, .u32, AppProtocols(.ldap), .toClient),
        NumberInfo(
            "ldap.responses.result_code", .ldapResponsesResultCode, .u32, AppProtocols(.ldap), .toClient,
            names: [
                "success": 0, "operations_error": 1, "protocol_error": 2, "time_limit_exceeded": 3,
                "size_limit_exceeded": 4, "compare_false": 5, "compare_true": 6,
                "auth_method_not_supported": 7, "stronger_auth_required": 8, "referral": 10,
                "admin_limit_exceeded": 11, "unavailable_critical_extension": 12,
                "confidentiality_required": 13, "sasl_bind_in_progress": 14, "no_such_attribute": 16,
                "undefined_attribute_type": 17, "inappropriate_matching": 18, "constraint_violation": 19,
                "attribute_or_value_exists": 20, "invalid_attribute_syntax": 21, "no_such_object": 32,
                "alias_problem": 33, "invalid_dns_syntax": 34, "is_leaf": 35,
                "alias_dereferencing_problem": 36, "inappropriate_authentication": 48,
                "invalid_credentials": 49, "insufficient_access_rights": 50, "busy": 51, "unavailable": 52,
                "unwilling_to_perform": 53, "loop_detect": 54, "sort_control_missing": 60,
                "offset_range_error": 61, "naming_violation": 64, "object_class_violation": 65,
                "not_allowed_on_non_leaf": 66, "not_allowed_on_rdn": 67, "entry_already_exists": 68,
                "object_class_mods_prohibited": 69, "results_too_large": 70, "affects_multiple_dsas": 71,
                "control_error": 76, "other": 80, "server_down": 81, "local_error": 82, "encoding_error": 83,
                "decoding_error": 84, "timeout": 85, "auth_unknown": 86, "filter_error": 87,
                "user_canceled": 88, "param_error": 89, "no_memory": 90, "connect_error": 91,
                "not_supported": 92, "control_not_found": 93, "no_results_returned": 94,
                "more_results_to_return": 95, "client_loop": 96, "referral_limit_exceeded": 97,
                "invalid_response": 100, "ambiguous_response": 101, "tls_not_supported": 112,
                "intermediate_response": 113, "unknown_type": 114, "canceled": 118, "no_such_operation": 119,
                "too_late": 120, "cannot_cancel": 121, "assertion_failed": 122, "authorization_denied": 123,
                "e_sync_refresh_required": 4096, "no_operation": 16654,
            ], isIndexed: true),
        NumberInfo("dns.opcode", .dnsOpcode, .u8, AppProtocols(.dns, .doh2), .either),
        NumberInfo(
            "dns.rcode", .dnsRcode, .u16, AppProtocols(.dns, .doh2), .either,
            names: [
                "noerror": 0, "formerr": 1, "servfail": 2, "nxdomain": 3, "notimp": 4, "refused": 5,
                "yxdomain": 6, "yxrrset": 7, "nxrrset": 8, "notauth": 9, "notzone": 10, "badvers": 16,
                "badkey": 17, "badtime": 18, "badmode": 19, "badname": 20, "badalg": 21, "badtrunc": 22,
            ]),
        NumberInfo(
            "dns.rrtype", .dnsType, .u16, AppProtocols(.dns, .doh2), .either,
            names: [
                "a": 1, "ns": 2, "md": 3, "mf": 4, "cname": 5, "soa": 6, "mb": 7, "mg": 8, "mr": 9,
                "null": 10, "wks": 11, "ptr": 12, "hinfo": 13, "minfo": 14, "mx": 15, "txt": 16, "rp": 17,
                "afsdb": 18, "x25": 19, "isdn": 20, "rt": 21, "nsap": 22, "nsapptr": 23, "sig": 24, "key": 25,
                "px": 26, "gpos": 27, "aaaa": 28, "loc": 29, "nxt": 30, "srv": 33, "atma": 34, "naptr": 35,
                "kx": 36, "cert": 37, "a6": 38, "dname": 39, "opt": 41, "apl": 42, "ds": 43, "sshfp": 44,
                "ipseckey": 45, "rrsig": 46, "nsec": 47, "dnskey": 48, "dhcid": 49, "nsec3": 50,
                "nsec3param": 51, "tlsa": 52, "hip": 55, "cds": 59, "cdnskey": 60, "https": 65, "spf": 99,
                "tkey": 249, "tsig": 250, "maila": 254, "any": 255, "uri": 256,
            ]),
        NumberInfo("ntp.version", .ntpVersion, .u8, AppProtocols(.ntp), .either),
        NumberInfo(
            "ntp.mode", .ntpMode, .u8, AppProtocols(.ntp), .either,
            names: [
                "reserved": 0, "symmetric_active": 1, "symmetric_passive": 2, "client": 3, "server": 4,
                "broadcast": 5, "control": 6, "private": 7,
            ]),
        NumberInfo("ntp.stratum", .ntpStratum, .u8, AppProtocols(.ntp), .either),
        NumberInfo("snmp.version", .snmpVersion, .u32, AppProtocols(.snmp), .either),
        NumberInfo("snmp.pdu_type", .snmpPDUType, .u32, AppProtocols(.snmp), .either),
        NumberInfo(
            "snmp.trap_type", .snmpTrapType, .u8, AppProtocols(.snmp), .either,
            names: [
                "coldstart": 0, "warmstart": 1, "linkdown": 2, "linkup": 3, "authenticationfailure": 4,
                "egpneighborloss": 5, "enterprisespecific": 6,
            ]),
    ]
}
