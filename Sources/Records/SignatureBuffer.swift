// SPDX-License-Identifier: Apache-2.0
//
// The named stretches of a transaction that signatures look at.
//
// Reads   nothing.
// Writes  nothing: one list, which analyzers fill and the rule language names.
// Leaves  what a rule makes of a buffer (module Signatures).

/// One sticky buffer, or one number, of the rule language. The names are the
/// keywords' of Suricata 8.
@frozen @usableFromInline package enum SignatureBuffer: UInt8, Sendable, CaseIterable, BitwiseCopyable {
    // What the engine reads off the packet and the stream itself.
    case payload, ipv4Header, ipv6Header, tcpHeader, udpHeader, icmpv4Header, icmpv6Header, ipSource,
        ipDestination
    // Files of every protocol.
    case fileData, fileName, fileMagic
    // Digests and length of a whole file.
    case fileMD5, fileSHA1, fileSHA256, fileSize
    // HTTP 1 and 2.
    case httpURI, httpURIRaw, httpMethod, httpHost, httpHostRaw, httpUserAgent, httpReferer, httpCookie,
        httpHeader, httpHeaderRaw, httpHeaderNames, httpRequestHeader, httpResponseHeader, httpRequestLine,
        httpResponseLine, httpStart, httpProtocol, httpStatusCode, httpStatusMessage, httpContentType,
        httpContentLength, httpAccept, httpAcceptEncoding, httpAcceptLanguage, httpConnection, httpLocation,
        httpServer, httpRequestBody, httpResponseBody
    // HTTP 2.
    case http2HeaderName, http2FrameType, http2ErrorCode, http2Priority, http2Window, http2SizeUpdate,
        http2Settings
    // DNS, multicast DNS.
    case dnsQuery, dnsQueryName, dnsAnswerName, dnsResponseNames, dnsQueriesNames, dnsAnswersNames,
        dnsAdditionalsNames, dnsAuthoritiesNames, dnsOpcode, dnsRcode, dnsType, mdnsQueriesNames,
        mdnsAnswersNames, mdnsAdditionalsNames, mdnsAuthoritiesNames, mdnsResponseNames
    // TLS.
    case tlsSNI, tlsCertSubject, tlsCertIssuer, tlsCertSerial, tlsCertFingerprint, tlsCerts,
        tlsSubjectAltName, tlsALPN, tlsVersion, tlsRandom, tlsRandomTime, tlsRandomBytes, tlsCertChainLength,
        tlsCertNotBefore, tlsCertNotAfter, ja3Hash, ja3String, ja3sHash, ja3sString, ja4Hash, tlsState
    // SSH.
    case sshProto, sshSoftware, sshHASSH, sshHASSHServer, sshHASSHString, sshHASSHServerString
    // SMB, DCE/RPC, NFS, Kerberos.
    case smbNamedPipe, smbShare, smbNtlmsspUser, smbNtlmsspDomain, smbVersion, dcerpcInterface, dcerpcOpnum,
        dcerpcStubData, nfsProcedure, nfsVersion, krb5ClientName, krb5ServerName, krb5ErrorCode,
        krb5MessageType, krb5TicketEncryption
    // Mail.
    case smtpHelo, smtpMailFrom, smtpRcptTo, emailFrom, emailSubject, emailTo, emailCc, emailDate,
        emailMessageID, emailXMailer, emailUrl, emailReceived
    // FTP.
    case ftpCommand, ftpCommandData, ftpReply, ftpCompletionCode, ftpMode, ftpDynamicPort, ftpReplyReceived,
        ftpdataCommand
    // SIP, SDP.
    case sipMethod, sipURI, sipProtocol, sipStatusCode, sipStatusMessage, sipRequestLine, sipResponseLine,
        sipFrom, sipTo, sipVia, sipUserAgent, sipContentType, sipContentLength, sdpSessionName,
        sdpSessionInfo, sdpOrigin, sdpURI, sdpEmail, sdpPhoneNumber, sdpConnectionData, sdpBandwidth,
        sdpTime, sdpRepeatTime, sdpTimezone, sdpEncryptionKey, sdpAttribute, sdpMediaMedia,
        sdpMediaMediaInfo, sdpMediaConnectionData, sdpMediaEncryptionKey
    // SNMP.
    case snmpCommunity, snmpUSM, snmpVersion, snmpPDUType, snmpTrapType
    // QUIC.
    case quicVersion, quicSNI, quicUserAgent, quicCYUHash, quicCYUString
    // RFB.
    case rfbName, rfbSecurityType, rfbSecurityResult
    // IKE.
    case ikeInitSPI, ikeRespSPI, ikeVendor, ikeNoncePayload, ikeKeyExchangePayload, ikeExchangeType,
        ikeChosenSAAttribute, ikeKeyExchangePayloadLength, ikeNoncePayloadLength
    // LDAP.
    case ldapRequestOperation, ldapResponsesOperation, ldapResponsesCount, ldapRequestDN, ldapResponsesDN,
        ldapResponsesResultCode, ldapResponsesMessage, ldapRequestAttributeType, ldapResponsesAttributeType
    // MQTT.
    case mqttType, mqttFlags, mqttQoS, mqttReasonCode, mqttProtocolVersion, mqttConnectFlags,
        mqttConnectClientID, mqttConnectUsername, mqttConnectPassword, mqttConnectProtocolString,
        mqttConnectWillTopic, mqttConnectWillMessage, mqttConnackSessionPresent, mqttPublishTopic,
        mqttPublishMessage, mqttSubscribeTopic, mqttUnsubscribeTopic
    // WebSocket.
    case websocketPayload, websocketOpcode, websocketMask, websocketFlags
    // PostgreSQL, DHCP, NTP.
    case pgsqlQuery, dhcpLeaseTime, dhcpRebindingTime, dhcpRenewalTime, ntpVersion, ntpMode, ntpStratum,
        ntpReferenceID
    // Control networks.
    case modbus, dnp3Data, dnp3Function, dnp3Indications, dnp3Object,
        enipProductName, enipServiceName, enipCommand, enipCapabilities, enipCIPAttribute, enipCIPClass,
        enipCIPInstance, enipCIPStatus, enipCIPExtendedStatus, enipVendorID, enipStatus, enipState,
        enipSerial, enipRevision, enipProtocolVersion, enipProductCode, enipIdentityStatus, enipDeviceType,
        cipService
}

extension SignatureBuffer {
    /// The buffer of a keyword; aliases are the rule language's matter.
    package init?(name: String) {
        guard let found = SignatureBuffer.byName[name] else { return nil }
        self = found
    }

    private static let byName: [String: SignatureBuffer] = {
        var table: [String: SignatureBuffer] = [:]
        for buffer in allCases { table[buffer.name.description] = buffer }
        return table
    }()

    /// The keyword.
    package var name: StaticString {
        switch self {
        case .payload: "payload"
        case .ipv4Header: "ipv4.hdr"
        case .ipv6Header: "ipv6.hdr"
        case .tcpHeader: "tcp.hdr"
        case .udpHeader: "udp.hdr"
        case .icmpv4Header: "icmpv4.hdr"
        case .icmpv6Header: "icmpv6.hdr"
        case .ipSource: "ip.src"
        case .ipDestination: "ip.dst"
        case .fileData: "file.data"
        case .fileName: "file.name"
        case .fileMagic: "file.magic"
        case .fileMD5: "filemd5"
        case .fileSHA1: "filesha1"
        case .fileSHA256: "filesha256"
        case .fileSize: "filesize"
        case .httpURI: "http.uri"
        case .httpURIRaw: "http.uri.raw"
        case .httpMethod: "http.method"
        case .httpHost: "http.host"
        case .httpHostRaw: "http.host.raw"
        case .httpUserAgent: "http.user_agent"
        case .httpReferer: "http.referer"
        case .httpCookie: "http.cookie"
        case .httpHeader: "http.header"
        case .httpHeaderRaw: "http.header.raw"
        case .httpHeaderNames: "http.header_names"
        case .httpRequestHeader: "http.request_header"
        case .httpResponseHeader: "http.response_header"
        case .httpRequestLine: "http.request_line"
        case .httpResponseLine: "http.response_line"
        case .httpStart: "http.start"
        case .httpProtocol: "http.protocol"
        case .httpStatusCode: "http.stat_code"
        case .httpStatusMessage: "http.stat_msg"
        case .httpContentType: "http.content_type"
        case .httpContentLength: "http.content_len"
        case .httpAccept: "http.accept"
        case .httpAcceptEncoding: "http.accept_enc"
        case .httpAcceptLanguage: "http.accept_lang"
        case .httpConnection: "http.connection"
        case .httpLocation: "http.location"
        case .httpServer: "http.server"
        case .httpRequestBody: "http.request_body"
        case .httpResponseBody: "http.response_body"
        case .http2HeaderName: "http2.header_name"
        case .http2FrameType: "http2.frametype"
        case .http2ErrorCode: "http2.errorcode"
        case .http2Priority: "http2.priority"
        case .http2Window: "http2.window"
        case .http2SizeUpdate: "http2.size_update"
        case .http2Settings: "http2.settings"
        case .dnsQuery: "dns.query"
        case .dnsQueryName: "dns.query.name"
        case .dnsAnswerName: "dns.answer.name"
        case .dnsResponseNames: "dns.response.rrname"
        case .dnsQueriesNames: "dns.queries.rrname"
        case .dnsAnswersNames: "dns.answers.rrname"
        case .dnsAdditionalsNames: "dns.additionals.rrname"
        case .dnsAuthoritiesNames: "dns.authorities.rrname"
        case .dnsOpcode: "dns.opcode"
        case .dnsRcode: "dns.rcode"
        case .dnsType: "dns.rrtype"
        case .mdnsQueriesNames: "mdns.queries.rrname"
        case .mdnsAnswersNames: "mdns.answers.rrname"
        case .mdnsAdditionalsNames: "mdns.additionals.rrname"
        case .mdnsAuthoritiesNames: "mdns.authorities.rrname"
        case .mdnsResponseNames: "mdns.response.rrname"
        case .tlsSNI: "tls.sni"
        case .tlsCertSubject: "tls.cert_subject"
        case .tlsCertIssuer: "tls.cert_issuer"
        case .tlsCertSerial: "tls.cert_serial"
        case .tlsCertFingerprint: "tls.cert_fingerprint"
        case .tlsCerts: "tls.certs"
        case .tlsSubjectAltName: "tls.subjectaltname"
        case .tlsALPN: "tls.alpn"
        case .tlsVersion: "tls.version"
        case .tlsRandom: "tls.random"
        case .tlsRandomTime: "tls.random_time"
        case .tlsRandomBytes: "tls.random_bytes"
        case .tlsCertChainLength: "tls.cert_chain_len"
        case .tlsCertNotBefore: "tls.cert_notbefore"
        case .tlsCertNotAfter: "tls.cert_notafter"
        case .ja3Hash: "ja3.hash"
        case .ja3String: "ja3.string"
        case .ja3sHash: "ja3s.hash"
        case .ja3sString: "ja3s.string"
        case .ja4Hash: "ja4.hash"
        case .tlsState: "ssl_state"
        case .sshProto: "ssh.proto"
        case .sshSoftware: "ssh.software"
        case .sshHASSH: "ssh.hassh"
        case .sshHASSHServer: "ssh.hassh.server"
        case .sshHASSHString: "ssh.hassh.string"
        case .sshHASSHServerString: "ssh.hassh.server.string"
        case .smbNamedPipe: "smb.named_pipe"
        case .smbShare: "smb.share"
        case .smbNtlmsspUser: "smb.ntlmssp_user"
        case .smbNtlmsspDomain: "smb.ntlmssp_domain"
        case .smbVersion: "smb.version"
        case .dcerpcInterface: "dcerpc.iface"
        case .dcerpcOpnum: "dcerpc.opnum"
        case .dcerpcStubData: "dcerpc.stub_data"
        case .nfsProcedure: "nfs.procedure"
        case .nfsVersion: "nfs.version"
        case .krb5ClientName: "krb5.cname"
        case .krb5ServerName: "krb5.sname"
        case .krb5ErrorCode: "krb5.err_code"
        case .krb5MessageType: "krb5.msg_type"
        case .krb5TicketEncryption: "krb5.ticket_encryption"
        case .smtpHelo: "smtp.helo"
        case .smtpMailFrom: "smtp.mail_from"
        case .smtpRcptTo: "smtp.rcpt_to"
        case .emailFrom: "email.from"
        case .emailSubject: "email.subject"
        case .emailTo: "email.to"
        case .emailCc: "email.cc"
        case .emailDate: "email.date"
        case .emailMessageID: "email.message_id"
        case .emailXMailer: "email.x_mailer"
        case .emailUrl: "email.url"
        case .emailReceived: "email.received"
        case .ftpCommand: "ftp.command"
        case .ftpCommandData: "ftp.command_data"
        case .ftpReply: "ftp.reply"
        case .ftpCompletionCode: "ftp.completion_code"
        case .ftpMode: "ftp.mode"
        case .ftpDynamicPort: "ftp.dynamic_port"
        case .ftpReplyReceived: "ftp.reply_received"
        case .ftpdataCommand: "ftpdata_command"
        case .sipMethod: "sip.method"
        case .sipURI: "sip.uri"
        case .sipProtocol: "sip.protocol"
        case .sipStatusCode: "sip.stat_code"
        case .sipStatusMessage: "sip.stat_msg"
        case .sipRequestLine: "sip.request_line"
        case .sipResponseLine: "sip.response_line"
        case .sipFrom: "sip.from"
        case .sipTo: "sip.to"
        case .sipVia: "sip.via"
        case .sipUserAgent: "sip.user_agent"
        case .sipContentType: "sip.content_type"
        case .sipContentLength: "sip.content_length"
        case .sdpSessionName: "sdp.session_name"
        case .sdpSessionInfo: "sdp.session_info"
        case .sdpOrigin: "sdp.origin"
        case .sdpURI: "sdp.uri"
        case .sdpEmail: "sdp.email"
        case .sdpPhoneNumber: "sdp.phone_number"
        case .sdpConnectionData: "sdp.connection_data"
        case .sdpBandwidth: "sdp.bandwidth"
        case .sdpTime: "sdp.time"
        case .sdpRepeatTime: "sdp.repeat_time"
        case .sdpTimezone: "sdp.timezone"
        case .sdpEncryptionKey: "sdp.encryption_key"
        case .sdpAttribute: "sdp.attribute"
        case .sdpMediaMedia: "sdp.media.media"
        case .sdpMediaMediaInfo: "sdp.media.media_info"
        case .sdpMediaConnectionData: "sdp.media.connection_data"
        case .sdpMediaEncryptionKey: "sdp.media.encryption_key"
        case .snmpCommunity: "snmp.community"
        case .snmpUSM: "snmp.usm"
        case .snmpVersion: "snmp.version"
        case .snmpPDUType: "snmp.pdu_type"
        case .snmpTrapType: "snmp.trap_type"
        case .quicVersion: "quic.version"
        case .quicSNI: "quic.sni"
        case .quicUserAgent: "quic.ua"
        case .quicCYUHash: "quic.cyu.hash"
        case .quicCYUString: "quic.cyu.string"
        case .rfbName: "rfb.name"
        case .rfbSecurityType: "rfb.sectype"
        case .rfbSecurityResult: "rfb.secresult"
        case .ikeInitSPI: "ike.init_spi"
        case .ikeRespSPI: "ike.resp_spi"
        case .ikeVendor: "ike.vendor"
        case .ikeNoncePayload: "ike.nonce_payload"
        case .ikeKeyExchangePayload: "ike.key_exchange_payload"
        case .ikeExchangeType: "ike.exchtype"
        case .ikeChosenSAAttribute: "ike.chosen_sa_attribute"
        case .ikeKeyExchangePayloadLength: "ike.key_exchange_payload_length"
        case .ikeNoncePayloadLength: "ike.nonce_payload_length"
        case .ldapRequestOperation: "ldap.request.operation"
        case .ldapResponsesOperation: "ldap.responses.operation"
        case .ldapResponsesCount: "ldap.responses.count"
        case .ldapRequestDN: "ldap.request.dn"
        case .ldapResponsesDN: "ldap.responses.dn"
        case .ldapResponsesResultCode: "ldap.responses.result_code"
        case .ldapResponsesMessage: "ldap.responses.message"
        case .ldapRequestAttributeType: "ldap.request.attribute_type"
        case .ldapResponsesAttributeType: "ldap.responses.attribute_type"
        case .mqttType: "mqtt.type"
        case .mqttFlags: "mqtt.flags"
        case .mqttQoS: "mqtt.qos"
        case .mqttReasonCode: "mqtt.reason_code"
        case .mqttProtocolVersion: "mqtt.protocol_version"
        case .mqttConnectFlags: "mqtt.connect.flags"
        case .mqttConnectClientID: "mqtt.connect.clientid"
        case .mqttConnectUsername: "mqtt.connect.username"
        case .mqttConnectPassword: "mqtt.connect.password"
        case .mqttConnectProtocolString: "mqtt.connect.protocol_string"
        case .mqttConnectWillTopic: "mqtt.connect.willtopic"
        case .mqttConnectWillMessage: "mqtt.connect.willmessage"
        case .mqttConnackSessionPresent: "mqtt.connack.session_present"
        case .mqttPublishTopic: "mqtt.publish.topic"
        case .mqttPublishMessage: "mqtt.publish.message"
        case .mqttSubscribeTopic: "mqtt.subscribe.topic"
        case .mqttUnsubscribeTopic: "mqtt.unsubscribe.topic"
        case .websocketPayload: "websocket.payload"
        case .websocketOpcode: "websocket.opcode"
        case .websocketMask: "websocket.mask"
        case .websocketFlags: "websocket.flags"
        case .pgsqlQuery: "pgsql.query"
        case .dhcpLeaseTime: "dhcp.leasetime"
        case .dhcpRebindingTime: "dhcp.rebinding_time"
        case .dhcpRenewalTime: "dhcp.renewal_time"
        case .ntpVersion: "ntp.version"
        case .ntpMode: "ntp.mode"
        case .ntpStratum: "ntp.stratum"
        case .ntpReferenceID: "ntp.reference_id"
        case .modbus: "modbus"
        case .dnp3Data: "dnp3.data"
        case .dnp3Function: "dnp3_func"
        case .dnp3Indications: "dnp3_ind"
        case .dnp3Object: "dnp3_obj"
        case .enipProductName: "enip.product_name"
        case .enipServiceName: "enip.service_name"
        case .enipCommand: "enip_command"
        case .enipCapabilities: "enip.capabilities"
        case .enipCIPAttribute: "enip.cip_attribute"
        case .enipCIPClass: "enip.cip_class"
        case .enipCIPInstance: "enip.cip_instance"
        case .enipCIPStatus: "enip.cip_status"
        case .enipCIPExtendedStatus: "enip.cip_extendedstatus"
        case .enipVendorID: "enip.vendor_id"
        case .enipStatus: "enip.status"
        case .enipState: "enip.state"
        case .enipSerial: "enip.serial"
        case .enipRevision: "enip.revision"
        case .enipProtocolVersion: "enip.protocol_version"
        case .enipProductCode: "enip.product_code"
        case .enipIdentityStatus: "enip.identity_status"
        case .enipDeviceType: "enip.device_type"
        case .cipService: "cip_service"
        }
    }
}

/// The buffers that at least one loaded rule looks at.
@frozen @usableFromInline package struct SignatureBufferSet: Sendable, Equatable {
    @usableFromInline var words = SIMD4<UInt64>(repeating: 0)

    @inlinable package init() {}

    @inlinable package var isEmpty: Bool { words == SIMD4(repeating: 0) }

    @inlinable package func contains(_ buffer: SignatureBuffer) -> Bool {
        words[Int(buffer.rawValue >> 6)] >> UInt64(buffer.rawValue & 63) & 1 != 0
    }

    @inlinable package mutating func insert(_ buffer: SignatureBuffer) {
        words[Int(buffer.rawValue >> 6)] |= 1 << UInt64(buffer.rawValue & 63)
    }

    @inlinable package mutating func formUnion(_ other: SignatureBufferSet) { words |= other.words }

    /// Every buffer that there is.
    package static let all = SignatureBufferSet(words: SIMD4(repeating: .max))

    private init(words: SIMD4<UInt64>) { self.words = words }
}
