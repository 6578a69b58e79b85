// SPDX-License-Identifier: Apache-2.0
//
// Extensible Messaging and Presence Protocol (RFC 6120), up to STARTTLS.
//
// Reads   the tags of both directions of a TCP connection.
// Writes  no record: the protocol's name in `service`.
// Leaves  what streams say: the names of elements are looked at, nothing else. TLS (InnerTLS.swift).

import Records
import Wire

/// The opening of a stream (RFC 6120 section 4.7): `<stream:stream xmlns='jabber:client' …`.
enum XMPPProbe {
    /// Octets in which the name space must stand.
    private static let openingMax = 1024

    static func opening(_ bytes: RawSpan) -> ProbeVerdict {
        var at = 0
        let declaration = bytes.beginning(with: "<?xml", at: 0)
        if declaration == .needsMore { return .needsMore }
        if declaration == .matches {
            guard let end = bytes.firstIndex(of: 0x3E) else {
                return bytes.byteCount < openingMax ? .needsMore : .never
            }
            guard bytes.octet(end &- 1) == 0x3F, bytes.firstIndex(of: 0x3F, from: 2) == end &- 1 else { return .never }
            at = end &+ 1
        }
        at = TextProbe.skipBlanks(bytes, at)
        let name = bytes.beginning(with: "<stream:stream ", at: at)
        guard name == .matches else { return name }
        let end = bytes.firstIndex(of: 0x3E, from: at) ?? bytes.byteCount
        let attributes = bytes.extracting(at..<end)
        if attributes.contains("xmlns='jabber:") || attributes.contains("xmlns=\"jabber:") { return .matches }
        return end == bytes.byteCount && end &- at < openingMax ? .needsMore : .never
    }
}

/// Tags of one direction: the name of each element as it begins or ends.
struct XMPPTags {
    /// Octets of a name that are told apart.
    private static let nameBytesMax = 32

    /// Elements that say where a stream stands.
    enum Tag {
        case stream, startTLS, proceed
        /// Behind the login, where no TLS begins.
        case later
    }

    private enum State { case text, open, name, rest, quoted(UInt8) }

    private var state = State.text
    private var name: [UInt8] = []

    mutating func reset() {
        state = .text
        name.removeAll(keepingCapacity: true)
    }

    /// The next of these tags whose end is in `bytes`; `at` is then behind it.
    mutating func next(_ bytes: RawSpan, _ at: inout Int) -> Tag? {
        while at < bytes.byteCount {
            let octet = bytes.octet(at)
            switch state {
            case .text:
                guard let mark = bytes.firstIndex(of: 0x3C, from: at) else {
                    at = bytes.byteCount
                    return nil
                }
                at = mark &+ 1
                state = .open
                continue
            case .open:
                name.removeAll(keepingCapacity: true)
                state = .name
                continue
            case .name, .rest:
                if octet == 0x3E {
                    at &+= 1
                    state = .text
                    if let tag { return tag }
                    continue
                }
                if octet == 0x22 || octet == 0x27 {
                    state = .quoted(octet)
                } else if case .name = state, HTTPOctets.isSpace(octet) || octet == 0x2F && !name.isEmpty {
                    state = .rest
                } else if case .name = state, name.count < XMPPTags.nameBytesMax {
                    name.append(octet)
                }
            case .quoted(let mark): if octet == mark { state = .rest }
            }
            at &+= 1
        }
        return nil
    }

    private var tag: Tag? {
        for (text, tag) in XMPPTags.names where name.octets.isText(text) { return tag }
        return nil
    }

    private static let names: [(StaticString, Tag)] = [
        ("stream:stream", .stream), ("starttls", .startTLS), ("proceed", .proceed), ("success", .later),
        ("message", .later), ("presence", .later), ("db:result", .later), ("db:verify", .later),
    ]
}

/// XMPP on one connection.
final class XMPP: Analyzer {
    private var client = XMPPTags()
    private var server = XMPPTags()
    private var tls = InnerTLS()
    /// The client has asked for TLS.
    private var asksForTLS = false
    /// Nothing more is to be found: the login is over, or TLS should have begun long ago.
    private var isOver = false
    private var bytesLeft = XMPP.bytesMax

    /// Octets of both sides that are looked at.
    private static let bytesMax = 65_536

    init() { super.init(kind: .xmpp) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard !context.isPartial, !isOver else { return }
        var at = 0
        if !tls.isActive {
            bytesLeft &-= bytes.byteCount
            if direction == .originator { request(bytes, &at, &context) } else { response(bytes, &at, &context) }
        }
        if tls.isActive {
            guard at < bytes.byteCount else { return }
            return tls.stream(bytes.extracting(at..<bytes.byteCount), from: direction, &context)
        }
        if bytesLeft <= 0 { isOver = true }
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        if tls.isActive { return tls.gap(count, from: direction, &context) }
        isOver = true
    }

    override func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        tls.endOfStream(from: direction, &context)
    }

    override func finish(_ context: inout AnalyzerContext) { tls.finish(&context) }

    override func reset() {
        super.reset()
        client.reset()
        server.reset()
        tls.reset()
        (asksForTLS, isOver, bytesLeft) = (false, false, XMPP.bytesMax)
    }

    private func request(_ bytes: RawSpan, _ at: inout Int, _ context: inout AnalyzerContext) {
        while !isOver, let tag = client.next(bytes, &at) {
            switch tag {
            case .stream: confirm(&context)
            case .startTLS: asksForTLS = true
            case .later: isOver = true
            case .proceed: break
            }
        }
    }

    private func response(_ bytes: RawSpan, _ at: inout Int, _ context: inout AnalyzerContext) {
        while !isOver, let tag = server.next(bytes, &at) {
            if tag == .later { isOver = true }
            if tag == .proceed, asksForTLS { return tls.begin(&context, in: kind) }
        }
    }
}
