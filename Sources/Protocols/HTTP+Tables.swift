// SPDX-License-Identifier: Apache-2.0
//
// Facts that the HTTP dissector looks up: classes of octets, methods, header names.
//
// Reads   octets and short spans.
// Writes  nothing.

import Records
import Wire

/// Classes of octets, as bit masks of the first 128.
enum HTTPOctets {
    static func isBlank(_ octet: UInt8) -> Bool { octet == 0x20 || octet == 0x09 }
    static func isSpace(_ octet: UInt8) -> Bool { octet == 0x20 || (0x09...0x0D).contains(octet) }
    static func isDigit(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) }

    /// May stand in a method (RFC 9110 section 5.6.2, and `` ` ``, `^`, `|`, which nobody refuses).
    static func isToken(_ octet: UInt8) -> Bool { isIn(octet, 0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE) }
    /// May stand in a parameter of a MIME header (RFC 2045 section 5.1).
    static func isMIMEToken(_ octet: UInt8) -> Bool { isIn(octet, 0x03FF_6CFA_0000_0000, 0x7FFF_FFFF_C7FF_FFFE) }
    /// May stand in a request target (RFC 3986 section 2); NUL too, which some send.
    static func isTarget(_ octet: UInt8) -> Bool { isIn(octet, 0xAFFF_FFFA_0000_0001, 0x47FF_FFFE_AFFF_FFFF) }
    /// May stand in a header's name.
    static func isName(_ octet: UInt8) -> Bool { octet > 32 && octet < 127 && octet != 0x3A }

    private static func isIn(_ octet: UInt8, _ low: UInt64, _ high: UInt64) -> Bool {
        octet < 128 && (octet < 64 ? low : high) & (1 << UInt64(octet & 63)) != 0
    }

    /// The value of a hexadecimal digit.
    static func hexadecimal(_ octet: UInt8) -> UInt8? {
        switch octet {
        case 0x30...0x39: octet &- 0x30
        case 0x41...0x46: octet &- 0x37
        case 0x61...0x66: octet &- 0x57
        default: nil
        }
    }
}

/// Headers that mean something to the dissector or are a column.
enum HTTPHeaderName {
    case authorization, clientIP, connection, contentDisposition, contentEncoding, contentLength, contentRange
    case contentTransferEncoding, contentType, expect, forwarded, host, origin, proxyAuthorization
    case proxyConnection, range, referer, transferEncoding, upgrade, userAgent, via, xForwardedFor, xForwardedFrom
    case server, xPoweredBy, wwwAuthenticate, proxyAuthenticate
    case xroxyConnection, secWebSocketAccept, secWebSocketExtensions, secWebSocketKey, secWebSocketProtocol

    /// The header of this name, any case; nil for one that nobody looks at.
    init?(_ name: RawSpan) {
        guard name.byteCount >= 3 else { return nil }
        func isName(_ text: StaticString) -> Bool { name.isText(text) }
        switch (name.byteCount, name.octet(0) | 0x20) {
        case (3, 0x76) where isName("via"): self = .via
        case (4, 0x68) where isName("host"): self = .host
        case (5, 0x72) where isName("range"): self = .range
        case (6, 0x65) where isName("expect"): self = .expect
        case (6, 0x6F) where isName("origin"): self = .origin
        case (6, 0x73) where isName("server"): self = .server
        case (7, 0x72) where isName("referer"): self = .referer
        case (7, 0x75) where isName("upgrade"): self = .upgrade
        case (9, 0x63) where isName("client-ip"): self = .clientIP
        case (9, 0x66) where isName("forwarded"): self = .forwarded
        case (10, 0x63) where isName("connection"): self = .connection
        case (10, 0x75) where isName("user-agent"): self = .userAgent
        case (12, 0x63) where isName("content-type"): self = .contentType
        case (12, 0x78) where isName("x-powered-by"): self = .xPoweredBy
        case (13, 0x61) where isName("authorization"): self = .authorization
        case (13, 0x63) where isName("content-range"): self = .contentRange
        case (14, 0x63) where isName("content-length"): self = .contentLength
        case (15, 0x78) where isName("x-forwarded-for"): self = .xForwardedFor
        case (16, 0x77) where isName("www-authenticate"): self = .wwwAuthenticate
        case (16, 0x63) where isName("content-encoding"): self = .contentEncoding
        case (16, 0x70) where isName("proxy-connection"): self = .proxyConnection
        case (16, 0x78) where isName("x-forwarded-from"): self = .xForwardedFrom
        case (16, 0x78) where isName("xroxy-connection"): self = .xroxyConnection
        case (17, 0x74) where isName("transfer-encoding"): self = .transferEncoding
        case (17, 0x73) where isName("sec-websocket-key"): self = .secWebSocketKey
        case (20, 0x73) where isName("sec-websocket-accept"): self = .secWebSocketAccept
        case (22, 0x73) where isName("sec-websocket-protocol"): self = .secWebSocketProtocol
        case (24, 0x73) where isName("sec-websocket-extensions"): self = .secWebSocketExtensions
        case (19, 0x63) where isName("content-disposition"): self = .contentDisposition
        case (18, 0x70) where isName("proxy-authenticate"): self = .proxyAuthenticate
        case (19, 0x70) where isName("proxy-authorization"): self = .proxyAuthorization
        case (25, 0x63) where isName("content-transfer-encoding"): self = .contentTransferEncoding
        default: return nil
        }
    }

    /// The name in capitals, where the header tells of a proxy.
    var proxyName: StaticString? {
        switch self {
        case .forwarded: "FORWARDED"
        case .xForwardedFor: "X-FORWARDED-FOR"
        case .xForwardedFrom: "X-FORWARDED-FROM"
        case .clientIP: "CLIENT-IP"
        case .via: "VIA"
        case .xroxyConnection: "XROXY-CONNECTION"
        case .proxyConnection: "PROXY-CONNECTION"
        default: nil
        }
    }
}

enum HTTPMethods {
    private static let known: [StaticString] = [
        "GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT", "PROPFIND", "PROPPATCH", "MKCOL", "COPY",
        "MOVE", "LOCK", "UNLOCK", "POLL", "REPORT", "SUBSCRIBE", "BMOVE", "SEARCH", "QUERY",
    ]

    static func isKnown(_ method: RawSpan) -> Bool {
        for name in known where name.utf8CodeUnitCount == method.byteCount && method.begins(with: name) { return true }
        return false
    }
}

extension RawSpan {
    /// Whether the octets are this text, any case.
    func isText(_ text: StaticString) -> Bool {
        byteCount == text.utf8CodeUnitCount && matches(text, at: 0, count: byteCount, anyCase: true)
    }
}
