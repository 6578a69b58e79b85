// SPDX-License-Identifier: Apache-2.0
//
// Mails inside SMTP: their headers, their parts, addresses in them (RFC 5322).
//
// Reads   entities, headers and contents, as MIME.swift finds them.
// Writes  columns of the row of the session.
// Leaves  contents, which go to the file layer (MailFiles.swift).

import Records
import Wire

/// The mails of one session, one after the other.
final class SMTPMail: MailFiles {
    /// Addresses of one kind that a row keeps (`SMTP::max_rcptto_addresses` and its like).
    static let addressesMax = 1000
    /// Hosts of a row (`SMTP::max_path_length`).
    static let pathMax = 1000

    unowned var session: SMTP?

    /// The part at work is text: URLs are looked for.
    private var isText = true
    private var urls = URLFinder()
    private(set) var isQuoted = false
    /// The end of the content so far.
    private(set) var lastOctets: UInt16 = 0

    init() { super.init(.smtp, from: .originator) }

    override func reset() {
        super.reset()
        urls.clear()
        isText = true
    }

    override func began(_ context: inout AnalyzerContext) {
        super.began(&context)
        session?.entityCount &+= 1
        (isText, isQuoted) = (true, false)
    }

    override func header(_ name: RawSpan, _ value: RawSpan, _ level: Int, _ context: inout AnalyzerContext) {
        super.header(name, value, level, &context)
        if context.wantsEvents, let session, session.event.isOpen {
            if level == 0 { session.event.noteHeader(name, value) }
            if name.isText("content-transfer-encoding") { isQuoted = value.isText("quoted-printable") }
        }
        if context.wantsEvents || context.wants(.emailUrl) {
            if name.isText("content-type") { isText = value.beginning(with: "text/", at: 0, anyCase: true) == .matches }
        }
        guard let session, session.hasRecord, session.entityCount <= 1 else { return }
        session.column(name, value, &context)
    }

    override func content(_ bytes: RawSpan, isFirst: Bool, _ context: inout AnalyzerContext) {
        if isFirst, let session { sender = session.isTurned ? .responder : .originator }
        super.content(bytes, isFirst: isFirst, &context)
        lastOctets = bytes.byteCount >= 2 ? bytes.load(bytes.byteCount &- 2) : 0
        if isText, let session, context.wantsEvents || context.wants(.emailUrl) {
            urls.take(bytes) { session.found(url: $0, from: sender, &context) }
        }
    }

    override func met(_ oddity: MIMEOddity, _ context: inout AnalyzerContext) {
        let name: StaticString =
            switch oddity {
            case .longName: "smtp.mime_long_header_name"
            case .longValue: "smtp.mime_long_header_value"
            case .longBoundary: "smtp.mime_long_boundary"
            case .longEncodedLine: "smtp.mime_long_enc_line"
            case .invalidBase64: "smtp.mime_invalid_base64"
            case .invalidQuoted: "smtp.mime_invalid_qp"
            }
        session?.raise(name, from: sender, &context)
    }

    override func contentEnded(_ context: inout AnalyzerContext) {
        super.contentEnded(&context)
        if let session { urls.end { session.found(url: $0, from: sender, &context) } }
    }

    override func fileBegan(_ name: ArraySlice<UInt8>, _ context: inout AnalyzerContext) {
        guard let session else { return }
        if context.wantsEvents, !name.isEmpty { noteAttachment(name, session, &context) }
        guard session.record.files.count < SMTPMail.addressesMax, let id = context.fileID(file) else { return }
        session.record.files.append(id.value)
    }

    private func noteAttachment(_ name: ArraySlice<UInt8>, _ session: SMTP, _ context: inout AnalyzerContext) {
        session.event.noteAttachment(name)
        guard name.count > SMTPEvent.nameBytesMax else { return }
        context.transactionEvent("smtp.mime_long_filename", tx: session.event.transaction, from: .originator)
    }
}

extension SMTP {
    /// A URL in the text of a mail, without its scheme.
    fileprivate func found(url: RawSpan, from sender: Direction, _ context: inout AnalyzerContext) {
        if context.wantsEvents { event.noteURL(url) }
        guard context.wants(.emailUrl) else { return }
        context.expose(.emailUrl, url, tx: view.number(sender, &context), from: sender)
    }

    func beginMail(_ state: State, _ context: inout AnalyzerContext) {
        if mail.isOpen {
            context.weird(.smtp_nested_mail_transaction, source: "SMTP")
            mail.end(&context)
        }
        self.state = state
        event.hasMail = true
        mail.begin(&context)
    }

    func endMail(_ context: inout AnalyzerContext) {
        if hasChunks {
            if chunkLeft > 0 { context.weird(.smtp_bdat_remaining_at_end_data, source: "SMTP") }
            deliverChunkLine(endsLine: false, &context)
            endChunks()
        }
        guard mail.isOpen else { return context.weird(.smtp_unmatched_end_of_data, source: "SMTP") }
        mail.end(&context)
        (event.isMailOver, event.isDone) = (true, true)
    }

    func startTLS(_ context: inout AnalyzerContext) {
        beginRecord(&context)
        state = .tls
        beginTLS(&context)
        record.isTLS = true
        hasActivity = true
    }

    // MARK: headers

    /// A header of the mail itself.
    func column(_ name: RawSpan, _ value: RawSpan, _ context: inout AnalyzerContext) {
        view.show(name, value, from: isTurned ? .responder : .originator, &context)
        switch SMTPHeaderName(name) {
        case .messageID: record.messageID = record.text.add(value)
        case .received: received(value, &context)
        case .inReplyTo: record.inReplyTo = record.text.add(value)
        case .subject: record.subject = record.text.add(value)
        case .from: record.from = record.text.add(value)
        case .replyTo: record.replyTo = record.text.add(value)
        case .date: record.date = record.text.add(value)
        case .userAgent:
            record.userAgent = record.text.add(value)
            context.software(.mailClient, value, of: context.id.originator)
        case .to:
            record.hasTo = true
            record.to = addresses(value, .to, adding: record.to, .smtp_too_many_to_addresses, &context)
        case .copies:
            record.hasCopies = true
            record.copies = addresses(value, .copies, adding: record.copies, .smtp_too_many_cc_addresses, &context)
        case .originatingAddress:
            if let found = SMTPAddresses.nextHost(value, from: 0) { record.originatingAddress = found.address }
        case nil: break
        }
    }

    private func received(_ value: RawSpan, _ context: inout AnalyzerContext) {
        record.secondReceived = record.firstReceived
        record.firstReceived = record.text.add(value)
        var host: Address?
        var count = 0
        var at = 0
        // The second address is that of who handed the mail over; the first may be what it called itself.
        while count < 2, let found = SMTPAddresses.nextHost(value, from: at) {
            at = found.range.upperBound
            guard SMTPAddresses.isWrapped(value, found.range) else { continue }
            host = found.address
            count &+= 1
        }
        guard let host, record.path.last != host else { return }
        guard record.path.count < SMTPMail.pathMax else {
            return context.weird(.smtp_max_path_length_exceeded, source: "SMTP")
        }
        record.path.append(host)
    }

    /// Addresses of a header with their names, parted by commas outside of a leading quoted name.
    private func addresses(
        _ value: RawSpan, _ kind: SMTPRecord.AddressList, adding to: [Text], _ weird: Weird,
        _ context: inout AnalyzerContext
    ) -> [Text] {
        var list = to
        var at = 0
        while at < value.byteCount {
            if value.octet(at) == 0x2C {
                at &+= 1
                continue
            }
            var end = at
            if value.octet(at) == 0x22, let quote = value.firstIndex(of: 0x22, from: at &+ 1),
                quote &+ 1 < value.byteCount, value.octet(quote &+ 1) != 0x2C
            {
                end = quote &+ 1
            }
            while end < value.byteCount, value.octet(end) != 0x2C { end &+= 1 }
            let start = TextProbe.skipBlanks(value.extracting(0..<end), at)
            var stop = end
            while stop > start, HTTPOctets.isSpace(value.octet(stop &- 1)) { stop &-= 1 }
            at = end
            guard value.extracting(start..<stop).firstIndex(of: 0x40) != nil else { continue }
            let address = record.text.add(value.extracting(start..<stop))
            let hasRoom = list.count < SMTPMail.addressesMax
            guard record.isNew(address, in: kind, hasRoom: hasRoom) else { continue }
            guard hasRoom else {
                context.weird(weird, source: "SMTP")
                break
            }
            list.append(address)
        }
        return list
    }
}

/// Headers that are columns.
enum SMTPHeaderName {
    case messageID, received, inReplyTo, subject, from, replyTo, date, to, copies, originatingAddress, userAgent

    init?(_ name: RawSpan) {
        for (text, header) in SMTPHeaderName.table where name.isText(text) {
            self = header
            return
        }
        return nil
    }

    private static let table: [(StaticString, SMTPHeaderName)] = [
        ("message-id", .messageID), ("received", .received), ("in-reply-to", .inReplyTo), ("subject", .subject),
        ("from", .from), ("reply-to", .replyTo), ("date", .date), ("to", .to), ("cc", .copies),
        ("x-originating-ip", .originatingAddress), ("x-mailer", .userAgent), ("user-agent", .userAgent),
        ("x-user-agent", .userAgent),
    ]
}

/// Addresses of mail and of hosts inside of text.
enum SMTPAddresses {
    /// Octets that stand around an address, never in it.
    static func isMark(_ octet: UInt8) -> Bool {
        octet == 0x3C || octet == 0x3E || octet == 0x2C || octet == 0x3A || octet == 0x3B || HTTPOctets.isBlank(octet)
    }

    /// The next `local@domain` at or after `from`, and where to look for the one after it.
    static func next(_ text: RawSpan, from: Int) -> (range: Range<Int>, end: Int)? {
        var search = from
        while let sign = text.firstIndex(of: 0x40, from: search) {
            search = sign &+ 1
            var start = sign
            while start > from, isLocal(text.octet(start &- 1)) { start &-= 1 }
            guard start < sign, start == from || text.octet(start &- 1) != 0x40 else { continue }
            var end = sign &+ 1
            while end < text.byteCount, isDomain(text.octet(end)) { end &+= 1 }
            guard end > sign &+ 1 else { continue }
            return (start..<end, min(text.byteCount, end &+ 1))
        }
        return nil
    }

    private static func isLocal(_ octet: UInt8) -> Bool {
        octet != 0x3C && octet != 0x2C && octet != 0x3A && octet != 0x40 && !HTTPOctets.isBlank(octet)
    }

    private static func isDomain(_ octet: UInt8) -> Bool {
        octet != 0x3E && octet != 0x2C && octet != 0x3B && !HTTPOctets.isBlank(octet)
    }

    /// Whether the argument of BDAT says that the chunk is the last.
    static func endsInLast(_ argument: RawSpan) -> Bool {
        argument.byteCount >= 5 && argument.begins(with: " LAST", at: argument.byteCount &- 5)
    }

    // MARK: hosts

    /// The next IPv4 or IPv6 address at or after `from`.
    static func nextHost(_ text: RawSpan, from: Int) -> (address: Address, range: Range<Int>)? {
        var at = from
        while at < text.byteCount {
            let octet = text.octet(at)
            if octet == 0x3A || HTTPOctets.hexadecimal(octet) != nil {
                if let found = host(text, at) { return found }
            }
            at &+= 1
        }
        return nil
    }

    /// The longest address that begins at an offset.
    private static func host(_ text: RawSpan, _ start: Int) -> (address: Address, range: Range<Int>)? {
        var end = start
        var colons = 0
        // An IPv6 address has at most 45 characters.
        while end < text.byteCount, end &- start < 45 {
            let octet = text.octet(end)
            if octet == 0x3A { colons &+= 1 } else if octet != 0x2E, HTTPOctets.hexadecimal(octet) == nil { break }
            end &+= 1
        }
        guard end &- start >= 2 else { return nil }
        guard colons >= 2, let longest = groups(text.extracting(0..<end), start) else { return dotted(text, start) }
        var octets: [UInt8] = []
        text.extracting(start..<longest).append(to: &octets)
        return Address(octets: octets[...]).map { ($0, start..<longest) }
    }

    /// Where the longest IPv6 address that begins at `start` ends (RFC 4291 section 2.2); nil where none does. Every
    /// octet is looked at a few times at most: a header of nothing but colons is no more work than another.
    private static func groups(_ text: RawSpan, _ start: Int) -> Int? {
        var (at, count, hasGap) = (start, 0, false)
        var longest: Int?
        if text.begins(with: "::", at: at) { (at, hasGap, longest) = (at &+ 2, true, at &+ 2) }
        while count < 8 {
            if hasGap ? count < 6 : count == 6, let found = dotted(text, at) { longest = found.range.upperBound }
            var end = at
            while end < text.byteCount, end &- at < 4, HTTPOctets.hexadecimal(text.octet(end)) != nil { end &+= 1 }
            guard end > at else { break }
            count &+= 1
            if hasGap ? count < 8 : count == 8 { longest = max(longest ?? end, end) }
            at = end
            if text.begins(with: "::", at: at) {
                guard !hasGap, count < 8 else { break }
                at &+= 2
                (hasGap, longest) = (true, at)
            } else if at < text.byteCount, text.octet(at) == 0x3A {
                at &+= 1
            } else {
                break
            }
        }
        return longest
    }

    private static func dotted(_ text: RawSpan, _ start: Int) -> (address: Address, range: Range<Int>)? {
        var value: UInt32 = 0
        var at = start
        for index in 0..<4 {
            if index > 0 {
                guard at < text.byteCount, text.octet(at) == 0x2E else { return nil }
                at &+= 1
            }
            let first = at
            var number: UInt32 = 0
            while at < text.byteCount, at &- first < 3, HTTPOctets.isDigit(text.octet(at)) {
                let longer = number &* 10 &+ UInt32(text.octet(at) &- 0x30)
                guard longer <= 255 else { break }
                number = longer
                at &+= 1
            }
            guard at > first else { return nil }
            value = value << 8 | number
        }
        return (Address(v4: value), start..<at)
    }

    /// Whether brackets of one kind, or blanks, stand on both sides.
    static func isWrapped(_ text: RawSpan, _ range: Range<Int>) -> Bool {
        guard range.lowerBound > 0, range.upperBound < text.byteCount else { return false }
        return switch (text.octet(range.lowerBound &- 1), text.octet(range.upperBound)) {
        case (0x5B, 0x5D), (0x28, 0x29), (0x7B, 0x7D), (0x20, 0x20): true
        default: false
        }
    }
}
