// SPDX-License-Identifier: Apache-2.0
//
// Which program a server's greeting names (RFC 5321 section 4.2, RFC 959 section 5.4, RFC 1939 section 4, RFC 3501
// section 7.1.5).
//
// Reads   the text of a first reply: `mail.example.com ESMTP Postfix (Debian)`, `(vsFTPd 3.0.3)`.
// Writes  where the program stands in it, with its version.
// Leaves  what the version is (SoftwareBanner.swift).

import Wire

enum ServerGreeting {
    /// Octets of a greeting that are looked at.
    private static let bytesMax = 512

    /// Programs as their greetings spell them. A longer name stands before one that begins it.
    private static let programs: [StaticString] = [
        "Postfix", "Exim", "Sendmail", "OpenSMTPD", "Microsoft ESMTP MAIL Service", "Haraka", "qmail", "Courier",
        "hMailServer", "MailEnable", "Zimbra", "Kerio Connect", "MDaemon", "IceWarp", "Dovecot", "Cyrus", "UW IMAP",
        "Microsoft Exchange Server", "The Microsoft Exchange", "vsFTPd", "ProFTPD", "Pure-FTPd", "FileZilla Server",
        "Microsoft FTP Service", "Serv-U FTP Server", "wu-", "GlobalSCAPE", "WS_FTP Server", "Gene6 FTP Server",
        "bftpd", "glFTPd", "pyftpdlib", "Titan FTP Server", "CrushFTP", "Xlight FTP Server",
    ]

    /// The first program that is named, up to what ends it; nil where none is known.
    static func program(in line: RawSpan) -> Range<Int>? {
        let count = min(line.byteCount, bytesMax)
        var best: Range<Int>?
        for name in programs {
            guard let start = place(of: name, in: line, count), start < best?.lowerBound ?? .max else { continue }
            best = start..<end(line, from: start &+ name.utf8CodeUnitCount, count)
        }
        return best
    }

    /// Where a name stands as a word.
    private static func place(of name: StaticString, in line: RawSpan, _ count: Int) -> Int? {
        let length = name.utf8CodeUnitCount
        var at = 0
        while at &+ length <= count {
            defer { at &+= 1 }
            if at > 0, HTTPOctets.isToken(line.octet(at &- 1)) { continue }
            guard line.matches(name, at: at, count: length, anyCase: true) else { continue }
            // A name that is part of a longer word is another one's; `wu-2.6` has its version in the same word.
            let isWhole = at &+ length == count || !HTTPOctets.isToken(line.octet(at &+ length))
            if isWhole || line.octet(at &+ length &- 1) == 0x2D { return at }
        }
        return nil
    }

    /// A version may follow the name; more words do not belong to it.
    private static func end(_ line: RawSpan, from start: Int, _ count: Int) -> Int {
        var at = start
        // `Postfix (Debian)`, `Exim 4.96`, `Service, Version: 10.0.17763.1`, `vsFTPd 3.0.3)`.
        for word: StaticString in [", Version: ", " Version ", " "] {
            let next = at &+ word.utf8CodeUnitCount
            guard next <= count, line.matches(word, at: at, count: next &- at, anyCase: true) else { continue }
            guard next < count else { return start }
            let isVersion = HTTPOctets.isDigit(line.octet(next)) || line.octet(next) | 0x20 == 0x76
            guard isVersion || line.octet(next) == 0x28 && word.utf8CodeUnitCount == 1 else { return start }
            at = next
            break
        }
        let isInside = at > start && line.octet(at) == 0x28
        while at < count {
            let octet = line.octet(at)
            if isInside, octet == 0x29 { return at &+ 1 }
            if !isInside, octet == 0x20 || octet == 0x29 || octet == 0x2C || octet == 0x3B || octet == 0x5D { break }
            guard octet >= 0x20, octet < 0x7F else { break }
            at &+= 1
        }
        return at
    }
}
