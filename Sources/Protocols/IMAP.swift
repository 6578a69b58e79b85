// SPDX-License-Identifier: Apache-2.0
//
// Internet Message Access Protocol (RFC 9051), up to the login or to STARTTLS.
//
// Reads   the first lines of both directions of a TCP connection.
// Writes  no record: the protocol's name in `service`.
// Leaves  everything after the login. TLS (InnerTLS.swift).

import Records
import Wire

final class IMAP: Analyzer {
    private var requests = LineReader(.either, bytesMax: 8192)
    private var responses = LineReader(.either, bytesMax: 8192)
    private var tls = InnerTLS()
    /// The tag of the client's STARTTLS; empty before it.
    private var tag: [UInt8] = []
    private var isOver = false

    init() { super.init(kind: .imap) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard !context.isPartial, !isOver else { return }
        var at = 0
        let isRequest = direction == .originator
        while !tls.isActive, !isDetached, !isOver {
            guard let found = isRequest ? requests.next(bytes, &at) : responses.next(bytes, &at) else { break }
            if found.isCarried {
                let whole = isRequest ? requests.take() : responses.take()
                line(whole.octets, isRequest, &context)
                if isRequest { requests.giveBack(whole) } else { responses.giveBack(whole) }
            } else {
                line(bytes.extracting(found.range), isRequest, &context)
            }
        }
        guard tls.isActive, at < bytes.byteCount else { return }
        tls.stream(bytes.extracting(at..<bytes.byteCount), from: direction, &context)
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
        requests.reset()
        responses.reset()
        tls.reset()
        tag.removeAll(keepingCapacity: true)
        isOver = false
    }

    /// A tag, a blank, a command.
    private func line(_ bytes: RawSpan, _ isRequest: Bool, _ context: inout AnalyzerContext) {
        guard bytes.byteCount > 0 else { return }
        let tagEnd = wordEnd(bytes, 0)
        let start = TextProbe.skipBlanks(bytes, tagEnd)
        let end = wordEnd(bytes, start)
        guard tagEnd > 0, start > tagEnd, end > start else {
            // Text of a response may have any form; a first line may not.
            if !isConfirmed { violation(&context) }
            return
        }
        let tag = bytes.extracting(0..<tagEnd)
        let command = bytes.extracting(start..<end)
        if isRequest {
            let startsTLS = command.isText("starttls")
            if startsTLS || isExactly("capability", command) { confirm(&context) }
            if startsTLS {
                self.tag.removeAll(keepingCapacity: true)
                tag.append(to: &self.tag)
            }
        } else if tagEnd == 1, tag.octet(0) == 0x2A, command.isText("ok") {
            confirm(&context)
        } else if command.isText("ok"), isOwnTag(tag) {
            return tls.begin(&context, in: kind)
        }
        for name in IMAP.lastCommands where isExactly(name, command) {
            confirm(&context)
            isOver = true
        }
    }

    private func wordEnd(_ bytes: RawSpan, _ start: Int) -> Int {
        var at = start
        while at < bytes.byteCount, bytes.octet(at) > 0x20, bytes.octet(at) < 0x7F { at &+= 1 }
        return at
    }

    private func isOwnTag(_ tag: RawSpan) -> Bool {
        guard !self.tag.isEmpty, tag.byteCount == self.tag.count else { return false }
        for index in 0..<tag.byteCount where tag.octet(index) != self.tag[index] { return false }
        return true
    }

    private func isExactly(_ name: StaticString, _ word: RawSpan) -> Bool {
        word.byteCount == name.utf8CodeUnitCount && word.begins(with: name)
    }

    /// Behind these no STARTTLS comes.
    private static let lastCommands: [StaticString] = [
        "authenticate", "login", "examine", "create", "list", "fetch",
    ]
}
