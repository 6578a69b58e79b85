// SPDX-License-Identifier: Apache-2.0
//
// Keywords with a syntax of their own, by name, with their other names.

extension KeywordInfo {
    private static func negatable(_ keyword: PlainKeyword, _ quotes: Quotes) -> KeywordInfo {
        KeywordInfo(keyword: .plain(keyword), quotes: quotes, takesNegation: true)
    }

    static let plainKeywords: [String: KeywordInfo] = {
        metaKeywords.merging(contentKeywords) { $1 }.merging(packetKeywords) { $1 }
            .merging(stateKeywords) { $1 }.merging(applicationKeywords) { $1 }
    }()

    private static let metaKeywords: [String: KeywordInfo] = [
        "sid": plain(.sid), "gid": plain(.gid), "rev": plain(.rev), "msg": plain(.msg, .required, .mandatory),
        "classtype": plain(.classtype), "priority": plain(.priority), "reference": plain(.reference),
        "metadata": plain(.metadata), "target": plain(.target), "requires": plain(.requires),
    ]

    private static let contentKeywords: [String: KeywordInfo] = [
        "content": negatable(.content, .mandatory), "uricontent": negatable(.uricontent, .mandatory),
        "nocase": plain(.nocase, .none), "offset": plain(.offset), "depth": plain(.depth),
        "distance": plain(.distance), "within": plain(.within), "startswith": plain(.startswith, .none),
        "endswith": plain(.endswith, .none), "rawbytes": plain(.rawbytes, .none),
        "replace": plain(.replace, .required, .mandatory), "fast_pattern": plain(.fastPattern, .optional),
        "pcre": negatable(.pcre, .optional), "isdataat": plain(.isdataat), "bsize": plain(.bsize),
        "urilen": plain(.urilen), "byte_test": plain(.byteTest), "byte_jump": plain(.byteJump),
        "byte_extract": plain(.byteExtract), "byte_math": plain(.byteMath),
        "base64_decode": plain(.base64Decode, .optional), "base64_data": plain(.base64Data, .none),
        "absent": plain(.absent, .optional), "entropy": plain(.entropy), "dataset": plain(.dataset),
        "datarep": plain(.datarep), "asn1": plain(.asn1), "pkt_data": plain(.packetData, .none),
    ]

    private static let packetKeywords: [String: KeywordInfo] = [
        "dsize": plain(.dsize), "ttl": plain(.ttl), "tos": plain(.tos, .required, .optional), "id": plain(.id),
        "ipopts": plain(.ipopts), "fragbits": plain(.fragbits), "fragoffset": plain(.fragoffset),
        "ip_proto": plain(.ipProto, .required, .optional), "sameip": plain(.sameip, .none),
        "l3_proto": plain(.l3Proto), "geoip": plain(.geoip), "iprep": plain(.iprep), "itype": plain(.itype),
        "icode": plain(.icode), "icmp_id": plain(.icmpID), "icmp_seq": plain(.icmpSeq),
        "icmpv6.mtu": plain(.icmpv6MTU), "tcp.flags": plain(.tcpFlags), "flags": plain(.tcpFlags),
        "tcp.seq": plain(.tcpSeq), "seq": plain(.tcpSeq), "tcp.ack": plain(.tcpAck), "ack": plain(.tcpAck),
        "tcp.window": plain(.tcpWindow), "window": plain(.tcpWindow), "tcp.mss": plain(.tcpMSS),
        "tcp.wscale": plain(.tcpWScale), "stream_size": plain(.streamSize), "vlan.id": plain(.vlanID),
        "vlan.layers": plain(.vlanLayers), "flow.age": plain(.flowAge), "flow.pkts": plain(.flowPackets),
        "flow.pkts_toserver": plain(.flowPacketsToServer), "flow.pkts_toclient": plain(.flowPacketsToClient),
        "flow.bytes": plain(.flowBytes), "flow.bytes_toserver": plain(.flowBytesToServer),
        "flow.bytes_toclient": plain(.flowBytesToClient), "flow.elephant": plain(.elephant),
        "tcp.session": plain(.tcpSession), "rpc": plain(.rpc), "ftpbounce": plain(.ftpbounce, .none),
        "template2": plain(.template2), "ipv4-csum": plain(.checksum(.ipv4)),
        "tcpv4-csum": plain(.checksum(.tcpv4)), "tcpv6-csum": plain(.checksum(.tcpv6)),
        "udpv4-csum": plain(.checksum(.udpv4)), "udpv6-csum": plain(.checksum(.udpv6)),
        "icmpv4-csum": plain(.checksum(.icmpv4)), "icmpv6-csum": plain(.checksum(.icmpv6)),
        "decode-event": plain(.decodeEvent), "stream-event": plain(.streamEvent),
        "engine-event": plain(.engineEvent),
    ]

    private static let stateKeywords: [String: KeywordInfo] = [
        "flow": plain(.flow), "flowbits": plain(.flowbits), "flowint": plain(.flowint), "xbits": plain(.xbits),
        "hostbits": plain(.hostbits), "flowvar": plain(.flowvar, .required, .optional),
        "pktvar": plain(.pktvar, .required, .optional), "threshold": plain(.threshold),
        "detection_filter": plain(.detectionFilter), "tag": plain(.tag), "noalert": plain(.noalert, .none),
        "alert": plain(.alert, .none), "config": plain(.config), "bypass": plain(.bypass, .none),
        "prefilter": plain(.prefilter, .none), "nfq_set_mark": plain(.markSet),
        "filestore": plain(.filestore, .optional), "tls_store": plain(.tlsStore, .none),
        "tls.store": plain(.tlsStore, .none),
    ]

    private static let applicationKeywords: [String: KeywordInfo] = [
        "app-layer-protocol": plain(.appLayerProtocol), "app-layer-event": plain(.appLayerEvent),
        "app-layer-state": plain(.appLayerState), "filename": negatable(.filename, .optional),
        "fileext": negatable(.fileext, .optional), "filemagic": negatable(.filemagic, .mandatory),
        "filemd5": negatable(.fileHash(.md5), .refused), "filesha1": negatable(.fileHash(.sha1), .refused),
        "filesha256": negatable(.fileHash(.sha256), .refused), "filesize": plain(.filesize),
        "tls.subject": negatable(.tlsSubject, .mandatory), "tls.issuerdn": negatable(.tlsIssuer, .mandatory),
        "tls.fingerprint": negatable(.tlsFingerprint, .mandatory), "tls.version": plain(.tlsVersion),
        "tls_cert_notbefore": plain(.tlsNotBefore), "tls_cert_notafter": plain(.tlsNotAfter),
        "tls_cert_expired": plain(.tlsExpired, .none), "tls_cert_valid": plain(.tlsValid, .none),
        "ssl_version": plain(.sslVersion), "ssl_state": plain(.sslState), "dcerpc.iface": plain(.dcerpcInterface),
        "dce_iface": plain(.dcerpcInterface), "dcerpc.opnum": plain(.dcerpcOpnum), "dce_opnum": plain(.dcerpcOpnum),
        "smb.version": plain(.smbVersion), "nfs_procedure": plain(.nfsProcedure), "nfs.version": plain(.nfsVersion),
        "nfs_version": plain(.nfsVersion), "http2.frametype": plain(.http2FrameType),
        "http2.errorcode": plain(.http2ErrorCode), "http2.settings": plain(.http2Settings),
        "modbus": plain(.modbus), "dnp3_func": plain(.dnp3Function), "dnp3.func": plain(.dnp3Function),
        "dnp3_ind": plain(.dnp3Indicators), "dnp3.ind": plain(.dnp3Indicators), "dnp3_obj": plain(.dnp3Object),
        "dnp3.obj": plain(.dnp3Object), "cip_service": plain(.cipService), "krb5_err_code": plain(.krb5ErrorCode),
        "krb5_msg_type": plain(.krb5MessageType), "krb5.ticket_encryption": plain(.krb5Encryption),
        "ike.chosen_sa_attribute": plain(.ikeAttribute), "mqtt.qos": plain(.mqttQoS),
        "mqtt.connack.session_present": plain(.mqttSessionPresent), "ftp.mode": plain(.ftpMode),
        "ftp.reply_received": plain(.ftpReplyReceived), "ftpdata_command": plain(.ftpDataCommand),
        "frame": plain(.frame), "lua": plain(.lua, .required, .optional),
        "ssh.protoversion": plain(.sshObsolete), "ssh.softwareversion": plain(.sshObsolete),
    ]
}
