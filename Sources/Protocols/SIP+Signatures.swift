// SPDX-License-Identifier: Apache-2.0
//
// A SIP message and its SDP as signatures see them (RFC 3261, RFC 8866).
//
// Reads   a whole message.
// Writes  exposures; each message is one transaction.
// Leaves  sip.log (SIP.swift).

import Records
import Wire

enum SIPView {
    static func show(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let tx = context.beginTransaction(.sip)
        if context.wantsEvents, let event = SIPEvent(bytes) {
            context.beginEvent("sip", from: context.sender(ofEventAbout: direction), tx: tx)
            event.write(bytes, to: &context.event)
            context.endEvent()
        }
        guard context.wantsTransactions else { return }
        var at = 0
        guard let first = TextLine.next(bytes, &at) else { return }
        firstLine(bytes.extracting(first), tx, direction, &context)
        headers(bytes, &at, tx, direction, &context)
        description(bytes.extracting(min(at, bytes.byteCount)..<bytes.byteCount), tx, direction, &context)
        context.transactionDone(tx: tx, from: .originator)
        context.transactionDone(tx: tx, from: .responder)
    }

    private static func firstLine(
        _ line: RawSpan, _ tx: UInt64, _ from: Direction, _ context: inout AnalyzerContext
    ) {
        let end = line.byteCount
        let first = line.firstIndex(of: 0x20) ?? end
        let second = line.firstIndex(of: 0x20, from: first &+ 1) ?? end
        let middle = line.extracting(min(first &+ 1, second)..<second)
        let rest = line.extracting(min(second &+ 1, end)..<end)
        if line.begins(with: "SIP/") {
            context.expose(.sipResponseLine, line, tx: tx, from: from)
            context.expose(.sipProtocol, line.extracting(0..<first), tx: tx, from: from)
            context.expose(.sipStatusCode, middle, tx: tx, from: from)
            context.expose(.sipStatusMessage, rest, tx: tx, from: from)
        } else {
            context.expose(.sipRequestLine, line, tx: tx, from: from)
            context.expose(.sipMethod, line.extracting(0..<first), tx: tx, from: from)
            context.expose(.sipURI, middle, tx: tx, from: from)
            context.expose(.sipProtocol, rest, tx: tx, from: from)
        }
    }

    private static func headers(
        _ bytes: RawSpan, _ at: inout Int, _ tx: UInt64, _ from: Direction, _ context: inout AnalyzerContext
    ) {
        while let range = TextLine.next(bytes, &at), !range.isEmpty {
            let header = bytes.extracting(range)
            guard let colon = header.firstIndex(of: 0x3A),
                let buffer = buffer(of: header.extracting(HTTPView.trimmed(header, 0..<colon)))
            else { continue }
            let value = HTTPView.trimmed(header, colon &+ 1 ..< header.byteCount)
            context.expose(buffer, header.extracting(value), tx: tx, from: from)
        }
    }

    /// Long and compact names (RFC 3261 section 7.3.3).
    private static func buffer(of name: RawSpan) -> SignatureBuffer? {
        if name.isText("from") || name.isText("f") { return .sipFrom }
        if name.isText("to") || name.isText("t") { return .sipTo }
        if name.isText("via") || name.isText("v") { return .sipVia }
        if name.isText("user-agent") { return .sipUserAgent }
        if name.isText("content-type") || name.isText("c") { return .sipContentType }
        return name.isText("content-length") || name.isText("l") ? .sipContentLength : nil
    }

    /// The lines of an SDP description; those behind an `m=` belong to that stream.
    private static func description(
        _ bytes: RawSpan, _ tx: UInt64, _ from: Direction, _ context: inout AnalyzerContext
    ) {
        guard bytes.begins(with: "v=") else { return }
        var at = 0
        var isMedia = false
        while let range = TextLine.next(bytes, &at) {
            guard range.count >= 2, bytes.octet(range.lowerBound &+ 1) == 0x3D else { continue }
            let letter = bytes.octet(range.lowerBound)
            if letter == 0x6D { isMedia = true }
            guard let buffer = buffer(ofLine: letter, isMedia: isMedia) else { continue }
            context.expose(
                buffer, bytes.extracting(range.lowerBound &+ 2 ..< range.upperBound), tx: tx, from: from)
        }
    }

    private static func buffer(ofLine letter: UInt8, isMedia: Bool) -> SignatureBuffer? {
        switch letter {
        case 0x73: .sdpSessionName
        case 0x69: isMedia ? .sdpMediaMediaInfo : .sdpSessionInfo
        case 0x6F: .sdpOrigin
        case 0x75: .sdpURI
        case 0x65: .sdpEmail
        case 0x70: .sdpPhoneNumber
        case 0x63: isMedia ? .sdpMediaConnectionData : .sdpConnectionData
        case 0x62: .sdpBandwidth
        case 0x74: .sdpTime
        case 0x72: .sdpRepeatTime
        case 0x7A: .sdpTimezone
        case 0x6B: isMedia ? .sdpMediaEncryptionKey : .sdpEncryptionKey
        case 0x61: .sdpAttribute
        case 0x6D: .sdpMediaMedia
        default: nil
        }
    }
}
