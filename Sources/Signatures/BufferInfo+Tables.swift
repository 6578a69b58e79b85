// SPDX-License-Identifier: Apache-2.0
//
// The sticky buffers: their keywords, the protocols that have them, the
// direction that they imply, and whether one transaction has several.
//
// Reads   nothing.
// Writes  nothing.
// Leaves  who fills them (Protocols). Measured against Suricata 8.0.7, which
//         refuses what this table refuses.

package import Records

/// What the language knows of a sticky buffer.
package struct BufferInfo: Sendable {
    package struct Traits: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// A transaction may have several; naming the keyword again asks for another one.
        package static let isMultiple = Traits(rawValue: 1)
        /// Octets of the packet itself, its headers or addresses.
        package static let isPacket = Traits(rawValue: 2)
    }

    package let buffer: SignatureBuffer
    /// The keyword and its other names.
    package let keywords: [String]
    /// Empty: any.
    package let applications: AppProtocols
    package let side: FlowTest.Side
    package let traits: Traits

    init(
        _ buffer: SignatureBuffer, _ keywords: [String], _ applications: AppProtocols, _ side: FlowTest.Side,
        _ traits: Traits = []
    ) {
        self.buffer = buffer
        self.keywords = keywords
        self.applications = applications
        self.side = side
        self.traits = traits
    }

    /// What is known of a buffer; the payload is of any protocol and direction.
    package static func of(_ buffer: SignatureBuffer) -> BufferInfo { byBuffer[Int(buffer.rawValue)] ?? payload }

    private static let payload = BufferInfo(.payload, ["pkt_data"], any, .either)

    private static let byBuffer: [BufferInfo?] = {
        var infos = [BufferInfo?](repeating: nil, count: 256)
        for info in table { infos[Int(info.buffer.rawValue)] = info }
        return infos
    }()

    private static let any = AppProtocols()
    private static let web = AppProtocols(.http, .http2, .doh2)
    private static let web2 = AppProtocols(.http2, .doh2)
    private static let dns = AppProtocols(.dns, .doh2)
    private static let dcerpc = AppProtocols(.dcerpc, .smb)
    private static let hello = AppProtocols(.tls, .quic)
    static let files = AppProtocols(.http, .http2, .doh2, .smtp, .ftpData, .smb, .nfs)
    static let namedFiles = AppProtocols(.http, .doh2, .smtp, .ftpData, .smb, .nfs)

    static let table: [BufferInfo] = [
        BufferInfo(.ipv4Header, ["ipv4.hdr"], any, .either, [.isPacket]),
        BufferInfo(.ipv6Header, ["ipv6.hdr"], any, .either, [.isPacket]),
        BufferInfo(.tcpHeader, ["tcp.hdr"], any, .either, [.isPacket]),
        BufferInfo(.udpHeader, ["udp.hdr"], any, .either, [.isPacket]),
        BufferInfo(.icmpv4Header, ["icmpv4.hdr"], any, .either, [.isPacket]),
        BufferInfo(.icmpv6Header, ["icmpv6.hdr"], any, .either, [.isPacket]),
        BufferInfo(.ipSource, ["ip.src"], any, .either, [.isPacket]),
        BufferInfo(.ipDestination, ["ip.dst"], any, .either, [.isPacket]),
        BufferInfo(.fileData, ["file.data", "file_data"], files, .either, [.isMultiple]),
        BufferInfo(.fileName, ["file.name"], namedFiles, .either, [.isMultiple]),
        BufferInfo(.fileMagic, ["file.magic"], any, .either, [.isMultiple]),
        BufferInfo(.httpURI, ["http.uri"], web, .toServer),
        BufferInfo(.httpURIRaw, ["http.uri.raw"], web, .toServer),
        BufferInfo(.httpMethod, ["http.method"], web, .toServer),
        BufferInfo(.httpHost, ["http.host"], web, .toServer),
        BufferInfo(.httpHostRaw, ["http.host.raw"], web, .toServer),
        BufferInfo(.httpUserAgent, ["http.user_agent"], web, .toServer),
        BufferInfo(.httpReferer, ["http.referer", "http_referer"], web, .toServer),
        BufferInfo(.httpCookie, ["http.cookie"], web, .either),
        BufferInfo(.httpHeader, ["http.header"], web, .either),
        BufferInfo(.httpHeaderRaw, ["http.header.raw"], web, .either),
        BufferInfo(.httpHeaderNames, ["http.header_names", "http_header_names"], web, .either),
        BufferInfo(.httpRequestHeader, ["http.request_header"], web, .toServer, [.isMultiple]),
        BufferInfo(.httpResponseHeader, ["http.response_header"], web, .toClient, [.isMultiple]),
        BufferInfo(.httpRequestLine, ["http.request_line", "http_request_line"], web, .toServer),
        BufferInfo(.httpResponseLine, ["http.response_line", "http_response_line"], web, .toClient),
        BufferInfo(.httpStart, ["http.start", "http_start"], AppProtocols(.http), .either),
        BufferInfo(.httpProtocol, ["http.protocol", "http_protocol"], web, .either),
        BufferInfo(.httpStatusCode, ["http.stat_code"], web, .toClient),
        BufferInfo(.httpStatusMessage, ["http.stat_msg"], web, .toClient),
        BufferInfo(.httpContentType, ["http.content_type", "http_content_type"], web, .either),
        BufferInfo(.httpContentLength, ["http.content_len", "http_content_len"], web, .either),
        BufferInfo(.httpAccept, ["http.accept", "http_accept"], web, .toServer),
        BufferInfo(.httpAcceptEncoding, ["http.accept_enc", "http_accept_enc"], web, .toServer),
        BufferInfo(.httpAcceptLanguage, ["http.accept_lang", "http_accept_lang"], web, .toServer),
        BufferInfo(.httpConnection, ["http.connection", "http_connection"], web, .either),
        BufferInfo(.httpLocation, ["http.location"], web, .toClient),
        BufferInfo(.httpServer, ["http.server"], web, .toClient),
        BufferInfo(.httpRequestBody, ["http.request_body"], web, .toServer),
        BufferInfo(.httpResponseBody, ["http.response_body"], web, .either, [.isMultiple]),
        BufferInfo(.http2HeaderName, ["http2.header_name"], web2, .either, [.isMultiple]),
        BufferInfo(.dnsQuery, ["dns.query", "dns_query"], dns, .toServer, [.isMultiple]),
        BufferInfo(.dnsQueryName, ["dns.query.name"], dns, .either, [.isMultiple]),
        BufferInfo(.dnsAnswerName, ["dns.answer.name"], dns, .either, [.isMultiple]),
        BufferInfo(.dnsResponseNames, ["dns.response.rrname"], dns, .toClient, [.isMultiple]),
        BufferInfo(.dnsQueriesNames, ["dns.queries.rrname"], dns, .either, [.isMultiple]),
        BufferInfo(.dnsAnswersNames, ["dns.answers.rrname"], dns, .either, [.isMultiple]),
        BufferInfo(.dnsAdditionalsNames, ["dns.additionals.rrname"], dns, .either, [.isMultiple]),
        BufferInfo(.dnsAuthoritiesNames, ["dns.authorities.rrname"], dns, .either, [.isMultiple]),
        BufferInfo(.mdnsQueriesNames, ["mdns.queries.rrname"], AppProtocols(.mdns), .either, [.isMultiple]),
        BufferInfo(.mdnsAnswersNames, ["mdns.answers.rrname"], AppProtocols(.mdns), .either, [.isMultiple]),
        BufferInfo(.mdnsAdditionalsNames, ["mdns.additionals.rrname"], AppProtocols(.mdns), .either, [.isMultiple]),
        BufferInfo(.mdnsAuthoritiesNames, ["mdns.authorities.rrname"], AppProtocols(.mdns), .either, [.isMultiple]),
        BufferInfo(.mdnsResponseNames, ["mdns.response.rrname"], AppProtocols(.mdns), .toServer, [.isMultiple]),
        BufferInfo(.tlsSNI, ["tls.sni", "tls_sni"], AppProtocols(.tls), .toServer),
        BufferInfo(.tlsCertSubject, ["tls.cert_subject", "tls_cert_subject"], AppProtocols(.tls), .either),
        BufferInfo(.tlsCertIssuer, ["tls.cert_issuer", "tls_cert_issuer"], AppProtocols(.tls), .either),
        BufferInfo(.tlsCertSerial, ["tls.cert_serial", "tls_cert_serial"], AppProtocols(.tls), .either),
        BufferInfo(.tlsCertFingerprint, ["tls.cert_fingerprint", "tls_cert_fingerprint"], AppProtocols(.tls), .either),
        BufferInfo(.tlsCerts, ["tls.certs"], AppProtocols(.tls), .either, [.isMultiple]),
        BufferInfo(.tlsSubjectAltName, ["tls.subjectaltname"], AppProtocols(.tls), .toClient, [.isMultiple]),
        BufferInfo(.tlsALPN, ["tls.alpn"], AppProtocols(.tls), .either, [.isMultiple]),
        BufferInfo(.tlsRandom, ["tls.random"], AppProtocols(.tls), .either),
        BufferInfo(.tlsRandomTime, ["tls.random_time"], AppProtocols(.tls), .either),
        BufferInfo(.tlsRandomBytes, ["tls.random_bytes"], AppProtocols(.tls), .either),
        BufferInfo(.ja3Hash, ["ja3.hash", "ja3_hash"], hello, .toServer),
        BufferInfo(.ja3String, ["ja3.string", "ja3_string"], hello, .toServer),
        BufferInfo(.ja3sHash, ["ja3s.hash"], hello, .toClient),
        BufferInfo(.ja3sString, ["ja3s.string"], hello, .toClient),
        BufferInfo(.ja4Hash, ["ja4.hash", "ja4_hash"], hello, .toServer),
        BufferInfo(.sshProto, ["ssh.proto", "ssh_proto"], AppProtocols(.ssh), .either),
        BufferInfo(.sshSoftware, ["ssh.software", "ssh_software"], AppProtocols(.ssh), .either),
        BufferInfo(.sshHASSH, ["ssh.hassh", "ssh-hassh"], AppProtocols(.ssh), .toServer),
        BufferInfo(.sshHASSHServer, ["ssh.hassh.server", "ssh-hassh-server"], AppProtocols(.ssh), .toClient),
        BufferInfo(.sshHASSHString, ["ssh.hassh.string", "ssh-hassh-string"], AppProtocols(.ssh), .toServer),
        BufferInfo(
            .sshHASSHServerString, ["ssh.hassh.server.string", "ssh-hassh-server-string"],
            AppProtocols(.ssh), .toClient),
        BufferInfo(.smbNamedPipe, ["smb.named_pipe", "smb_named_pipe"], AppProtocols(.smb), .toServer),
        BufferInfo(.smbShare, ["smb.share", "smb_share"], AppProtocols(.smb), .toServer),
        BufferInfo(.smbNtlmsspUser, ["smb.ntlmssp_user"], AppProtocols(.smb), .toServer),
        BufferInfo(.smbNtlmsspDomain, ["smb.ntlmssp_domain"], AppProtocols(.smb), .toServer),
        BufferInfo(.dcerpcStubData, ["dcerpc.stub_data", "dce_stub_data"], dcerpc, .either),
        BufferInfo(.krb5ClientName, ["krb5.cname", "krb5_cname"], AppProtocols(.krb5), .toClient, [.isMultiple]),
        BufferInfo(.krb5ServerName, ["krb5.sname", "krb5_sname"], AppProtocols(.krb5), .toClient, [.isMultiple]),
        BufferInfo(.smtpHelo, ["smtp.helo"], AppProtocols(.smtp), .toServer),
        BufferInfo(.smtpMailFrom, ["smtp.mail_from"], AppProtocols(.smtp), .toServer),
        BufferInfo(.smtpRcptTo, ["smtp.rcpt_to"], AppProtocols(.smtp), .toServer, [.isMultiple]),
        BufferInfo(.emailFrom, ["email.from"], AppProtocols(.smtp), .toServer),
        BufferInfo(.emailSubject, ["email.subject"], AppProtocols(.smtp), .toServer),
        BufferInfo(.emailTo, ["email.to"], AppProtocols(.smtp), .toServer),
        BufferInfo(.emailCc, ["email.cc"], AppProtocols(.smtp), .toServer),
        BufferInfo(.emailDate, ["email.date"], AppProtocols(.smtp), .toServer),
        BufferInfo(.emailMessageID, ["email.message_id"], AppProtocols(.smtp), .toServer),
        BufferInfo(.emailXMailer, ["email.x_mailer"], AppProtocols(.smtp), .toServer),
        BufferInfo(.emailUrl, ["email.url"], AppProtocols(.smtp), .toServer, [.isMultiple]),
        BufferInfo(.emailReceived, ["email.received"], AppProtocols(.smtp), .toServer, [.isMultiple]),
        BufferInfo(.ftpCommand, ["ftp.command"], AppProtocols(.ftp), .toServer),
        BufferInfo(.ftpCommandData, ["ftp.command_data"], AppProtocols(.ftp), .toServer),
        BufferInfo(.ftpReply, ["ftp.reply"], AppProtocols(.ftp), .toClient),
        BufferInfo(.ftpCompletionCode, ["ftp.completion_code"], AppProtocols(.ftp), .toClient),
        BufferInfo(.sipMethod, ["sip.method"], AppProtocols(.sip), .toServer),
        BufferInfo(.sipURI, ["sip.uri"], AppProtocols(.sip), .toServer),
        BufferInfo(.sipProtocol, ["sip.protocol"], AppProtocols(.sip), .either),
        BufferInfo(.sipStatusCode, ["sip.stat_code"], AppProtocols(.sip), .toClient),
        BufferInfo(.sipStatusMessage, ["sip.stat_msg"], AppProtocols(.sip), .toClient),
        BufferInfo(.sipRequestLine, ["sip.request_line"], AppProtocols(.sip), .toServer),
        BufferInfo(.sipResponseLine, ["sip.response_line"], AppProtocols(.sip), .toClient),
        BufferInfo(.sipFrom, ["sip.from"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sipTo, ["sip.to"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sipVia, ["sip.via"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sipUserAgent, ["sip.user_agent"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sipContentType, ["sip.content_type"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sipContentLength, ["sip.content_length"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sdpSessionName, ["sdp.session_name"], AppProtocols(.sip), .either),
        BufferInfo(.sdpSessionInfo, ["sdp.session_info"], AppProtocols(.sip), .either),
        BufferInfo(.sdpOrigin, ["sdp.origin"], AppProtocols(.sip), .either),
        BufferInfo(.sdpURI, ["sdp.uri"], AppProtocols(.sip), .either),
        BufferInfo(.sdpEmail, ["sdp.email"], AppProtocols(.sip), .either),
        BufferInfo(.sdpPhoneNumber, ["sdp.phone_number"], AppProtocols(.sip), .either),
        BufferInfo(.sdpConnectionData, ["sdp.connection_data"], AppProtocols(.sip), .either),
        BufferInfo(.sdpBandwidth, ["sdp.bandwidth"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sdpTime, ["sdp.time"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sdpRepeatTime, ["sdp.repeat_time"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sdpTimezone, ["sdp.timezone"], AppProtocols(.sip), .either),
        BufferInfo(.sdpEncryptionKey, ["sdp.encryption_key"], AppProtocols(.sip), .either),
        BufferInfo(.sdpAttribute, ["sdp.attribute"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sdpMediaMedia, ["sdp.media.media"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sdpMediaMediaInfo, ["sdp.media.media_info"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sdpMediaConnectionData, ["sdp.media.connection_data"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.sdpMediaEncryptionKey, ["sdp.media.encryption_key"], AppProtocols(.sip), .either, [.isMultiple]),
        BufferInfo(.snmpCommunity, ["snmp.community"], AppProtocols(.snmp), .either),
        BufferInfo(.snmpUSM, ["snmp.usm"], AppProtocols(.snmp), .either),
        BufferInfo(.quicVersion, ["quic.version"], AppProtocols(.quic), .either),
        BufferInfo(.quicSNI, ["quic.sni"], AppProtocols(.quic), .toServer),
        BufferInfo(.quicUserAgent, ["quic.ua"], AppProtocols(.quic), .toServer),
        BufferInfo(.quicCYUHash, ["quic.cyu.hash"], AppProtocols(.quic), .toServer, [.isMultiple]),
        BufferInfo(.quicCYUString, ["quic.cyu.string"], AppProtocols(.quic), .toServer, [.isMultiple]),
        BufferInfo(.rfbName, ["rfb.name"], AppProtocols(.rfb), .toClient),
        BufferInfo(.ikeInitSPI, ["ike.init_spi"], AppProtocols(.ike), .toServer),
        BufferInfo(.ikeRespSPI, ["ike.resp_spi"], AppProtocols(.ike), .toClient),
        BufferInfo(.ikeVendor, ["ike.vendor"], AppProtocols(.ike), .toServer, [.isMultiple]),
        BufferInfo(.ikeNoncePayload, ["ike.nonce_payload"], AppProtocols(.ike), .either),
        BufferInfo(.ikeKeyExchangePayload, ["ike.key_exchange_payload"], AppProtocols(.ike), .either),
        BufferInfo(.ldapRequestDN, ["ldap.request.dn"], AppProtocols(.ldap), .toServer),
        BufferInfo(.ldapResponsesDN, ["ldap.responses.dn"], AppProtocols(.ldap), .toClient, [.isMultiple]),
        BufferInfo(.ldapResponsesMessage, ["ldap.responses.message"], AppProtocols(.ldap), .toClient, [.isMultiple]),
        BufferInfo(
            .ldapRequestAttributeType, ["ldap.request.attribute_type"],
            AppProtocols(.ldap), .toServer, [.isMultiple]),
        BufferInfo(
            .ldapResponsesAttributeType, ["ldap.responses.attribute_type"],
            AppProtocols(.ldap), .toClient, [.isMultiple]),
        BufferInfo(.mqttConnectClientID, ["mqtt.connect.clientid"], AppProtocols(.mqtt), .toServer),
        BufferInfo(.mqttConnectUsername, ["mqtt.connect.username"], AppProtocols(.mqtt), .toServer),
        BufferInfo(.mqttConnectPassword, ["mqtt.connect.password"], AppProtocols(.mqtt), .toServer),
        BufferInfo(.mqttConnectProtocolString, ["mqtt.connect.protocol_string"], AppProtocols(.mqtt), .toServer),
        BufferInfo(.mqttConnectWillTopic, ["mqtt.connect.willtopic"], AppProtocols(.mqtt), .toServer),
        BufferInfo(.mqttConnectWillMessage, ["mqtt.connect.willmessage"], AppProtocols(.mqtt), .toServer),
        BufferInfo(.mqttPublishTopic, ["mqtt.publish.topic"], AppProtocols(.mqtt), .either),
        BufferInfo(.mqttPublishMessage, ["mqtt.publish.message"], AppProtocols(.mqtt), .either),
        BufferInfo(.mqttSubscribeTopic, ["mqtt.subscribe.topic"], AppProtocols(.mqtt), .toServer, [.isMultiple]),
        BufferInfo(.mqttUnsubscribeTopic, ["mqtt.unsubscribe.topic"], AppProtocols(.mqtt), .toServer, [.isMultiple]),
        BufferInfo(.websocketPayload, ["websocket.payload"], AppProtocols(.websocket), .either),
        BufferInfo(.pgsqlQuery, ["pgsql.query"], AppProtocols(.pgsql), .toServer),
        BufferInfo(.ntpReferenceID, ["ntp.reference_id"], AppProtocols(.ntp), .either),
        BufferInfo(.dnp3Data, ["dnp3.data", "dnp3_data"], AppProtocols(.dnp3), .either),
        BufferInfo(.enipProductName, ["enip.product_name"], AppProtocols(.enip), .either),
        BufferInfo(.enipServiceName, ["enip.service_name"], AppProtocols(.enip), .either),
    ]
}
