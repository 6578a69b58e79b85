// SPDX-License-Identifier: Apache-2.0
//
// Finding FTP by its greeting and first command, and what probes of text protocols share.
//
// Reads   the first octets of both directions.
// Leaves  the session (FTP.swift).

import Wire

/// The greeting of the server and the first command of the client; the two belong together.
enum FTPProbe {
    /// A greeting, `120` or `220`, and behind it a line with `230` or `331`.
    static func responder(_ bytes: RawSpan) -> ProbeVerdict {
        var at = 0
        while at < bytes.byteCount, isLineEnd(bytes.octet(at)) || bytes.octet(at) == 0x20 { at &+= 1 }
        guard at < bytes.byteCount else { return .needsMore }
        let greeting = code("120", "220", bytes, at)
        guard greeting == .matches else { return greeting }
        at &+= 4
        while at < bytes.byteCount {
            let isEnd = isLineEnd(bytes.octet(at))
            at &+= 1
            guard isEnd else { continue }
            while at < bytes.byteCount, bytes.octet(at) == 0x20 { at &+= 1 }
            if code("230", "331", bytes, at) == .matches { return .matches }
        }
        return .needsMore
    }

    /// One of two codes, and no digit behind it.
    private static func code(
        _ one: StaticString, _ other: StaticString, _ bytes: RawSpan, _ at: Int
    ) -> ProbeVerdict {
        let (first, second) = (bytes.beginning(with: one, at: at), bytes.beginning(with: other, at: at))
        guard first == .matches || second == .matches else {
            return first == .never && second == .never ? .never : .needsMore
        }
        guard bytes.byteCount > at &+ 3 else { return .needsMore }
        return HTTPOctets.isDigit(bytes.octet(at &+ 3)) ? .never : .matches
    }

    private static func isLineEnd(_ octet: UInt8) -> Bool { octet == 0x0A || octet == 0x0D }

    /// `USER ` at the start of a line.
    static func originator(_ bytes: RawSpan) -> ProbeVerdict {
        var verdict = ProbeVerdict.needsMore
        TextProbe.forEachLine(bytes) { at in
            guard bytes.beginning(with: "USER ", at: at, anyCase: true) == .matches else { return false }
            verdict = .matches
            return true
        }
        return verdict
    }
}

/// What the probes of protocols that are text share.
enum TextProbe {
    /// Calls `body` with the offset of the first octet that is no blank of each line,
    /// until it returns true.
    static func forEachLine(_ bytes: RawSpan, _ body: (Int) -> Bool) {
        var at = skipBlanks(bytes, 0)
        while at < bytes.byteCount {
            if body(at) { return }
            while at < bytes.byteCount, bytes.octet(at) != 0x0A, bytes.octet(at) != 0x0D { at &+= 1 }
            at = skipBlanks(bytes, at)
        }
    }

    /// Steps over white space, line ends too.
    static func skipBlanks(_ bytes: RawSpan, _ start: Int) -> Int {
        var at = start
        while at < bytes.byteCount, HTTPOctets.isSpace(bytes.octet(at)) { at &+= 1 }
        return at
    }
}
