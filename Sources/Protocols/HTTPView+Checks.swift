// SPDX-License-Identifier: Apache-2.0
//
// What is odd about a message of HTTP/1, told as events (`app-layer-event:http.…`).
//
// Reads   first lines and headers that HTTPView has cut.
// Writes  events of the transaction, where a rule or EVE looks at events.
// Leaves  how the message is read all the same (HTTPView+Messages.swift, HTTPView+Bodies.swift).
//
// Which oddity has which name follows Suricata 8.

import Records
import Wire

extension HTTPView {
    /// The blanks of a request line: those behind the method, and those in the target that are no space.
    func checkBlanks(_ line: RawSpan, behind method: Int, _ tx: UInt64, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents else { return }
        let rest = HTTPView.trimmed(line, method..<line.byteCount)
        if (method..<rest.lowerBound).contains(where: { line.octet($0) != 0x20 }), !rest.isEmpty {
            context.transactionEvent("http.method_delim_non_compliant", tx: tx, from: .originator)
        }
        // The version stands behind the last space.
        let end = rest.last { line.octet($0) == 0x20 } ?? rest.upperBound
        let isOdd = (rest.lowerBound..<end).contains { line.octet($0) != 0x20 && HTTPOctets.isSpace(line.octet($0)) }
        if isOdd { context.transactionEvent("http.uri_delim_non_compliant", tx: tx, from: .originator) }
    }

    /// A method that nobody knows, by what else the line has.
    func checkMethod(
        hasTarget: Bool, hasVersion: Bool, _ version: HTTPVersion, _ tx: UInt64, _ context: inout AnalyzerContext
    ) {
        let name: StaticString
        if !hasTarget {
            name = "http.request_line_unknown_method"
        } else if !hasVersion {
            name = "http.request_line_unknown_method_no_protocol"
        } else if !HTTPView.isSpoken(version) {
            name = "http.request_line_unknown_method_invalid_protocol"
        } else {
            return
        }
        context.transactionEvent(name, tx: tx, from: .originator)
    }

    /// `HTTP/01.1`: a version that is understood though more stands in it.
    func checkVersion(_ text: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard text.byteCount > 8, HTTPView.isSpoken(side.version) else { return }
        context.transactionEvent("http.protocol_contains_extra_data", tx: side.transaction, from: side.direction)
    }

    /// Versions that a message of HTTP/1 may name.
    static func isSpoken(_ version: HTTPVersion) -> Bool {
        version.major == 1 && version.minor <= 1 || version.major == 0 && version.minor == 9
    }

    /// A name with octets that no name has (RFC 9110 section 5.6.2).
    func checkName(_ name: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents, !side.hasOddName else { return }
        guard (0..<name.byteCount).contains(where: { !HTTPOctets.isToken(name.octet($0)) }) else { return }
        side.hasOddName = true
        context.transactionEvent(
            side.isRequest ? "http.request_header_invalid" : "http.response_header_name_not_token",
            tx: side.transaction, from: side.direction)
    }

    /// The headers of a request: who is asked, and how it says who asks.
    func checkRequest(_ octets: RawSpan, target: RawSpan?, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents else { return }
        let tx = side.transaction
        if let target, target.byteCount > 0, !HTTPAuthority(target).isValid {
            context.transactionEvent("http.request_uri_host_invalid", tx: tx, from: .originator)
        }
        for header in side.headers {
            let name = octets.extracting(HTTPView.range(header.name))
            let value = octets.extracting(HTTPView.range(header.value))
            if name.isText("host"), value.byteCount > 0 {
                checkHost(HTTPAuthority(value), value, target: target, tx, &context)
            } else if name.isText("authorization"), !HTTPView.isKnownScheme(value) {
                context.transactionEvent("http.request_auth_unrecognized", tx: tx, from: .originator)
            }
        }
    }

    /// The target of CONNECT is a host with its port.
    func checkConnect(_ target: RawSpan, _ tx: UInt64, _ context: inout AnalyzerContext) {
        guard target.byteCount > 0, target.octet(0) != 0x2F, !HTTPAuthority(target).isValid else { return }
        context.transactionEvent("http.request_uri_host_invalid", tx: tx, from: .originator)
    }

    private func checkHost(
        _ host: HTTPAuthority, _ value: RawSpan, target: RawSpan?, _ tx: UInt64, _ context: inout AnalyzerContext
    ) {
        if !host.isValid { context.transactionEvent("http.request_header_host_invalid", tx: tx, from: .originator) }
        guard let target, target.byteCount > 0 else { return }
        let asked = HTTPAuthority(target)
        let isSame = target.extracting(asked.host).isSame(as: value.extracting(host.host))
        if isSame, asked.port == nil || host.port == nil || asked.port == host.port { return }
        context.transactionEvent("http.host_header_ambiguous", tx: tx, from: .originator)
    }

    private static func isKnownScheme(_ value: RawSpan) -> Bool {
        ["basic", "digest", "bearer"].contains { value.beginning(with: $0, at: 0, anyCase: true) == .matches }
    }

    /// A length with something before or behind its digits.
    func checkLength(_ header: HTTPViewHeader, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents else { return }
        let text = side.text.bytes
        let value = text.octets.extracting(HTTPView.range(header.value))
        guard let first = (0..<value.byteCount).first(where: { HTTPOctets.isDigit(value.octet($0)) }) else { return }
        if first > 0 {
            context.transactionEvent("http.content_length_extra_data_start", tx: side.transaction, from: side.direction)
        }
        if (first..<value.byteCount).contains(where: { !HTTPOctets.isDigit(value.octet($0)) }) {
            context.transactionEvent("http.content_length_extra_data_end", tx: side.transaction, from: side.direction)
        }
    }

    /// `bytes 0-99/1000`: a range that is none, runs backwards, or goes beyond its whole.
    func checkRange(_ header: HTTPViewHeader, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard context.transactions.wantsEvents else { return }
        let text = side.text.bytes
        guard !HTTPView.isRange(text.octets.extracting(HTTPView.range(header.value))) else { return }
        context.transactionEvent("http.range_invalid", tx: side.transaction, from: .responder)
    }

    static func isRange(_ value: RawSpan) -> Bool {
        let range = HTTPContentRange(value)
        var at = 0
        while at < value.byteCount, !HTTPOctets.isBlank(value.octet(at)) { at &+= 1 }
        guard at < value.byteCount, let slash = value.firstIndex(of: 0x2F, from: at) else { return false }
        let isStar = value.octet(slash &- 1) == 0x2A
        let isSizeless = slash &+ 2 == value.byteCount && value.octet(slash &+ 1) == 0x2A
        guard isSizeless || range.size != nil else { return false }
        guard let start = range.start, let end = range.end else { return isStar }
        return isSizeless || start <= end && end < range.size ?? 0
    }

    /// A coding that nobody knows (`inflate` and `none` are known and mean nothing).
    static func isKnownCoding(_ word: RawSpan) -> Bool {
        let known: [StaticString] = [
            "gzip", "x-gzip", "deflate", "x-deflate", "br", "lzma", "inflate", "none", "identity",
        ]
        return word.byteCount == 0 || known.contains { word.isText($0) }
    }
}

/// A host with a port or none, as `Host` and targets in absolute form have it (RFC 3986 section 3.2).
struct HTTPAuthority {
    /// The host, brackets included, without blanks at its ends.
    private(set) var host = 0..<0
    private(set) var port: UInt64?
    /// Host and port are what they should be.
    private(set) var isValid = false

    init(_ text: RawSpan) {
        let isBracketed = text.byteCount > 0 && text.octet(0) == 0x5B
        let bracket = isBracketed ? text.firstIndex(of: 0x5D) ?? 0 : 0
        let colon = text.firstIndex(of: 0x3A, from: bracket)
        host = HTTPView.trimmed(text, 0..<(colon ?? text.byteCount))
        isValid = HTTPAuthority.isHost(text.extracting(host))
        guard let colon else { return }
        let digits = HTTPView.trimmed(text, colon &+ 1..<text.byteCount)
        port = HTTPView.number(text.extracting(digits), radix: 10)
        isValid = isValid && 1...65_535 ~= port ?? 0
    }

    /// Labels of 63 octets at most of letters, digits, `-` and `_`; 255 in all; or an address of IPv6.
    private static func isHost(_ text: RawSpan) -> Bool {
        let count = text.byteCount
        guard 1...255 ~= count else { return false }
        if text.octet(0) == 0x5B {
            let isClosed = count > 3 && text.octet(count &- 1) == 0x5D
            return isClosed && (1..<count &- 1).allSatisfy { place in
                let octet = text.octet(place)
                return octet == 0x3A || octet == 0x2E || HTTPOctets.hexadecimal(octet) != nil
            }
        }
        var label = 0
        for place in 0..<count {
            let octet = text.octet(place)
            if octet == 0x2E {
                guard label > 0 else { return false }
                label = 0
                continue
            }
            label &+= 1
            let lower = HTTPView.lower(octet)
            guard label <= 63, octet == 0x2D || octet == 0x5F || HTTPOctets.isDigit(octet) || 0x61...0x7A ~= lower
            else { return false }
        }
        return true
    }
}

extension RawSpan {
    /// The same octets, any case.
    func isSame(as other: RawSpan) -> Bool {
        byteCount == other.byteCount
            && (0..<byteCount).allSatisfy { HTTPView.lower(octet($0)) == HTTPView.lower(other.octet($0)) }
    }
}
