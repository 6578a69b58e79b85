// SPDX-License-Identifier: Apache-2.0
//
// The keywords of the rule language by name.
//
// Reads   names of options.
// Writes  nothing.
// Leaves  what each does (the parsers by family).

import Records

/// What a keyword does.
enum Keyword {
    /// Opens a sticky buffer.
    case sticky(BufferInfo)
    /// Moves the content before it to a buffer (`http_uri`).
    case modifier(SignatureBuffer)
    case number(NumberInfo)
    case transform(TransformKeyword)
    case plain(PlainKeyword)
}

enum TransformKeyword {
    case simple(Transform)
    case regex, xor, fromBase64, gunzip, inflate, lua
}

/// Keywords with a syntax of their own.
enum PlainKeyword {
    case sid, gid, rev, msg, classtype, priority, reference, metadata, target, requires
    case content, uricontent, nocase, offset, depth, distance, within, startswith, endswith, rawbytes, replace
    case fastPattern, pcre, isdataat, bsize, urilen, byteTest, byteJump, byteExtract, byteMath
    case base64Decode, base64Data, absent, entropy, dataset, datarep, asn1, packetData
    case flow, flowbits, flowint, xbits, hostbits, flowvar, pktvar, threshold, detectionFilter, tag, noalert, alert
    case config, bypass, prefilter, markSet, filestore, tlsStore
    case dsize, ttl, tos, id, ipopts, fragbits, fragoffset, ipProto, sameip, l3Proto, geoip, iprep
    case itype, icode, icmpID, icmpSeq, icmpv6MTU, tcpFlags, tcpSeq, tcpAck, tcpWindow, tcpMSS, tcpWScale
    case streamSize, vlanID, vlanLayers, flowAge, flowPackets, flowPacketsToServer, flowPacketsToClient
    case flowBytes, flowBytesToServer, flowBytesToClient, elephant, tcpSession, rpc, ftpbounce, template2
    case appLayerProtocol, appLayerEvent, appLayerState, decodeEvent, streamEvent, engineEvent
    case checksum(ChecksumKind)
    case filename, fileext, filemagic
    case fileHash(FileHashList.Algorithm)
    case filesize
    case tlsSubject, tlsIssuer, tlsFingerprint, tlsVersion, tlsNotBefore, tlsNotAfter, tlsExpired, tlsValid
    case sslVersion, sslState, dcerpcInterface, dcerpcOpnum, smbVersion, nfsProcedure, nfsVersion
    case http2FrameType, http2ErrorCode, http2Settings, modbus, dnp3Function, dnp3Indicators, dnp3Object
    case cipService, krb5ErrorCode, krb5MessageType, krb5Encryption, ikeAttribute, mqttQoS, mqttSessionPresent
    case ftpMode, ftpReplyReceived, ftpDataCommand, frame, lua, sshObsolete
}

/// A keyword with what the reader of options must know of its value.
struct KeywordInfo {
    enum Value { case required, none, optional }
    enum Quotes { case refused, optional, mandatory }

    var keyword: Keyword
    var value = Value.required
    var quotes = Quotes.refused
    /// A `!` before the value is the reader's matter.
    var takesNegation = false

    static func named(_ name: RuleText) -> KeywordInfo? {
        table[name.contains(where: \.isUpper) ? name.string.lowercased() : name.string]
    }

    static func plain(_ keyword: PlainKeyword, _ value: Value = .required, _ quotes: Quotes = .refused) -> KeywordInfo {
        KeywordInfo(keyword: .plain(keyword), value: value, quotes: quotes)
    }

    private static let table: [String: KeywordInfo] = {
        var table = plainKeywords
        for info in BufferInfo.table {
            for name in info.keywords {
                // A direction may stand behind a few of them: `http.content_type:to_server`.
                let value: Value = directed.contains(info.keywords[0]) ? .optional : .none
                table[name] = KeywordInfo(keyword: .sticky(info), value: value)
            }
        }
        for (name, buffer) in modifiers { table[name] = KeywordInfo(keyword: .modifier(buffer), value: .none) }
        for info in NumberInfo.table { table[info.keyword] = KeywordInfo(keyword: .number(info)) }
        for (name, transform) in transforms {
            table[name] = KeywordInfo(keyword: .transform(.simple(transform)), value: .none)
        }
        table["pcrexform"] = KeywordInfo(keyword: .transform(.regex), quotes: .mandatory)
        table["xor"] = KeywordInfo(keyword: .transform(.xor), quotes: .mandatory)
        table["from_base64"] = KeywordInfo(keyword: .transform(.fromBase64), value: .optional)
        table["gunzip"] = KeywordInfo(keyword: .transform(.gunzip), value: .optional)
        table["zlib_deflate"] = KeywordInfo(keyword: .transform(.inflate), value: .optional)
        table["luaxform"] = KeywordInfo(keyword: .transform(.lua))
        return table
    }()

    /// Sticky buffers that take `to_server` or `to_client`.
    private static let directed: Set<String> = [
        "http.accept", "http.accept_lang", "http.accept_enc", "http.connection", "http.content_len",
        "http.content_type", "http.referer", "file.data", "file.name", "file.magic",
    ]

    private static let modifiers: [String: SignatureBuffer] = [
        "http_cookie": .httpCookie, "http_method": .httpMethod, "http_client_body": .httpRequestBody,
        "http_server_body": .httpResponseBody, "http_header": .httpHeader, "http_raw_header": .httpHeaderRaw,
        "http_uri": .httpURI, "http_raw_uri": .httpURIRaw, "http_stat_msg": .httpStatusMessage,
        "http_stat_code": .httpStatusCode, "http_user_agent": .httpUserAgent, "http_host": .httpHost,
        "http_raw_host": .httpHostRaw,
    ]

    private static let transforms: [String: Transform] = [
        "compress_whitespace": .compressWhitespace, "strip_whitespace": .stripWhitespace,
        "strip_pseudo_headers": .stripPseudoHeaders, "to_md5": .md5, "to_sha1": .sha1, "to_sha256": .sha256,
        "dotprefix": .dotPrefix, "url_decode": .urlDecode, "to_lowercase": .toLowercase,
        "to_uppercase": .toUppercase, "header_lowercase": .headerLowercase, "domain": .domain, "tld": .tld,
    ]
}
