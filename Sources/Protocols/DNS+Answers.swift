// SPDX-License-Identifier: Apache-2.0
//
// The texts of answers, by type of resource record.
//
// Reads   the data of one record, inside its length; names anywhere in the message.
// Writes  the text of the column `answers`, at the end of the buffer; anomalies.
// Leaves  what has no text: options, service bindings (DNS+Checks.swift).

import Records
import Wire

/// What the data of a resource record came to.
enum DNSAnswer {
    /// It counts as an answer; its text, if any, was appended.
    case counted
    /// The same, but the message ends here.
    case countedLast
    /// It leaves the row as it is.
    case silent
    /// The message ends here, and this record does not count.
    case broken
    /// The same, and this is not DNS.
    case violation
}

extension DNSReader {
    /// Appends the text of a record's data to `text`.
    func data(
        _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        switch head.type {
        case 1: return address4(head, bytes, &text, &context)
        case 28: return address6(head, bytes, &text, &context)
        case 38: return addressA6(head, bytes, &text, &context)
        case 2, 5, 12: return name(head, after: 0, bytes, &text, &context)
        case 15: return name(head, after: 2, bytes, &text, &context)
        case 33: return isNetBIOS ? .silent : name(head, after: 6, bytes, &text, &context)
        case 6: return authority(head, bytes, &text, &context)
        case 16: return strings("TXT ", head, bytes, &text, &context)
        case 99: return strings("SPF ", head, bytes, &text, &context)
        case 35: return pointer(head, bytes, &text, &context)
        case 11: return .counted
        case 29: return location(head, bytes, &text, &context)
        case 43, 44, 46, 47, 48, 50, 51, 65534: return security(head, bytes, &text, &context)
        case 41:
            checkOptions(head, bytes, &context)
            return .silent
        case 64, 65:
            checkService(head, bytes, &text, &context)
            return .silent
        case 257: return checkAuthorization(head, bytes, &context)
        case 13, 32, 249, 250: return .silent
        default:
            context.weird(.DNS_RR_unknown_type, addl: UInt64(head.type), source: DNS.source)
            text.append("<unknown type=")
            text.append(decimal: UInt64(head.type))
            text.append(">")
            return .counted
        }
    }

    // MARK: addresses

    private func address4(
        _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        guard head.byteCount == 4 else {
            context.weird(.DNS_RR_bad_length, source: DNS.source)
            return .broken
        }
        text.append(address: Address(v4: bytes.load(head.start)))
        return .counted
    }

    private func address6(
        _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        guard head.byteCount >= 16 else {
            context.weird(.DNS_AAAA_neg_length, source: DNS.source)
            return .broken
        }
        text.append(address: Address(high: bytes.load(head.start), low: bytes.load(head.start &+ 8)))
        return .counted
    }

    /// RFC 2874 section 3.1: the number of bits that come from elsewhere, the rest
    /// of the address, and the name where those bits are. They are shown as zeros.
    private func addressA6(
        _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        guard head.byteCount >= 1, bytes.octet(head.start) <= 128 else {
            context.weird(.DNS_A6_neg_length, source: DNS.source)
            return .broken
        }
        let suffixBytes = (128 &- Int(bytes.octet(head.start)) &+ 7) / 8
        guard head.byteCount > suffixBytes else {
            context.weird(.DNS_A6_neg_length, source: DNS.source)
            return .broken
        }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<suffixBytes {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(bytes.octet(head.start &+ 1 &+ index))
        }
        text.append(address: Address(high: high, low: low))
        return .counted
    }

    // MARK: names and strings

    /// A name behind `skipped` octets that are not shown: NS, CNAME, PTR, MX, SRV.
    private func name(
        _ head: DNSResource, after skipped: Int, _ bytes: RawSpan, _ text: inout TextBuffer,
        _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        guard head.byteCount > skipped else {
            context.weird(.DNS_RR_length_mismatch, source: DNS.source)
            return .broken
        }
        var next = head.start
        _ = name(bytes, at: head.start &+ skipped, next: &next, into: &text, &context)
        if next != head.end { context.weird(.DNS_RR_length_mismatch, source: DNS.source) }
        return .counted
    }

    /// SOA: the primary server; then the mailbox and five numbers.
    private func authority(
        _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        var next = head.start
        _ = name(bytes, at: head.start, next: &next, into: &text, &context)
        let end = text.begin()
        _ = name(bytes, at: next, next: &next, into: &text, &context)
        text.rollBack(to: end)
        guard bytes.byteCount &- next >= 20 else { return .broken }
        if next &+ 20 != head.end { context.weird(.DNS_RR_length_mismatch, source: DNS.source) }
        return .counted
    }

    /// Each string as its length and octets, behind `word`, joined by blanks.
    private func strings(
        _ word: StaticString, _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer,
        _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        var at = head.start
        while at < head.end {
            let count = Int(bytes.octet(at))
            at &+= 1
            guard count <= head.end &- at else {
                context.weird(.DNS_TXT_char_str_past_rdlen, source: DNS.source)
                return .countedLast
            }
            if at &- 1 > head.start { text.bytes.append(0x20) }
            text.append(word)
            text.append(decimal: UInt64(count))
            text.bytes.append(0x20)
            _ = text.add(bytes.extracting(at ..< at &+ count))
            at &+= count
        }
        return .counted
    }

    //  NAPTR (RFC 3403 section 4.1)
    //  |  order (16)  |  preference (16)  |  flags, service, regexp: strings  |  replacement: name  |
    private func pointer(
        _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        guard head.byteCount >= 4 else { return .violation }
        text.append("NAPTR ")
        text.append(decimal: UInt64(bytes.load(head.start, as: UInt16.self)))
        text.append(" ")
        text.append(decimal: UInt64(bytes.load(head.start &+ 2, as: UInt16.self)))
        var at = head.start &+ 4
        for _ in 0..<3 {
            guard at < head.end, Int(bytes.octet(at)) < head.end &- at else { return .violation }
            let count = Int(bytes.octet(at))
            text.append(" ")
            _ = text.add(bytes.extracting(at &+ 1 ..< at &+ 1 &+ count))
            at &+= 1 &+ count
        }
        guard at < head.end else { return .violation }
        text.append(" ")
        _ = name(bytes, at: at, next: &at, into: &text, &context)
        if at != head.end { context.weird(.DNS_RR_length_mismatch, source: DNS.source) }
        return .counted
    }

    //  LOC (RFC 1876 section 2)
    //  |  version (8)  |  size (8)  |  horizontal (8)  |  vertical (8)  |  three times 32 bits  |
    private func location(
        _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        guard head.byteCount >= 16 else {
            context.weird(.dns_invalid_loc_length, source: DNS.source)
            return .broken
        }
        let version = bytes.octet(head.start)
        if version != 0 {
            context.weird(.DNS_LOC_version_unrecognized, addl: UInt64(version), source: DNS.source)
        }
        text.append("LOC:  ")
        text.append(decimal: UInt64(bytes.octet(head.start &+ 1)))
        text.append(" ")
        text.append(decimal: UInt64(bytes.octet(head.start &+ 2)))
        text.append(" ")
        text.append(decimal: UInt64(bytes.octet(head.start &+ 3)))
        return .counted
    }

    // MARK: DNSSEC (RFC 4034, RFC 5155) and SSHFP (RFC 4255)

    private func security(
        _ head: DNSResource, _ bytes: RawSpan, _ text: inout TextBuffer, _ context: inout AnalyzerContext
    ) -> DNSAnswer {
        guard head.byteCount >= DNSReader.leastBytes(head.type) else { return .broken }
        let start = head.start
        switch head.type {
        case 43:
            checkDigest(bytes.octet(start &+ 3), &context)
            text.append("DS ")
            text.append(decimal: UInt64(bytes.octet(start &+ 2)))
            text.append(" ")
            text.append(decimal: UInt64(bytes.octet(start &+ 3)))
        case 44:
            text.append("SSHFP: ")
            text.append(hexadecimal: bytes.extracting(start &+ 2 ..< head.end))
        case 46:
            checkSigner(bytes.octet(start &+ 2), &context)
            text.append("RRSIG ")
            text.append(decimal: UInt64(bytes.load(start, as: UInt16.self)))
            text.append(" ")
            if name(bytes, at: start &+ 18, into: &text, &context).count == 0 { text.append("<Root>") }
        case 47:
            text.append("NSEC ")
            text.copy(head.owner)
            text.append(" ")
            var next = start
            _ = name(bytes, at: start, next: &next, into: &text, &context)
            checkBitmaps(.DNSSEC_NSEC_bitmapLen0, from: next, to: head.end, bytes, &context)
        case 48:
            checkKey(bytes.load(start), bytes.octet(start &+ 2), bytes.octet(start &+ 3), &context)
            text.append("DNSKEY ")
            text.append(decimal: UInt64(bytes.octet(start &+ 3)))
        case 50:
            // Hash, flags, iterations; salt and hash, each behind its length; bitmaps.
            let salt = Int(bytes.octet(start &+ 4))
            let hash = start &+ 5 &+ salt
            if hash < head.end {
                let maps = hash &+ 1 &+ Int(bytes.octet(hash))
                checkBitmaps(.DNSSEC_NSEC3_bitmapLen0, from: maps, to: head.end, bytes, &context)
            }
            text.append("NSEC3")
        case 51: text.append("NSEC3PARAM")
        default: text.append("BIND9 signing signal")
        }
        return .counted
    }

    /// Octets without which a record of the type says nothing.
    private static func leastBytes(_ type: UInt16) -> Int {
        switch type {
        case 43, 48: 4
        case 44: 2
        case 46: 19
        case 47: 1
        case 50: 6
        default: 5
        }
    }
}

extension TextBuffer {
    /// Appends a text that stands in this buffer already.
    mutating func copy(_ other: Text) {
        guard !other.isAbsent else { return }
        for index in 0..<Int(other.count) { bytes.append(bytes[Int(other.offset) &+ index]) }
    }

    /// Appends an address: dotted, or as RFC 5952 has it.
    mutating func append(address: Address) {
        guard !address.isV4 else { return append(dotted: address.v4) }
        // The longest run of zero groups, two at least, becomes the double colon.
        var bestStart = 8
        var bestCount = 1
        var runCount = 0
        for index in 0..<8 {
            runCount = address.group(index) == 0 ? runCount &+ 1 : 0
            if runCount > bestCount {
                bestCount = runCount
                bestStart = index &+ 1 &- runCount
            }
        }
        var index = 0
        while index < 8 {
            if index == bestStart {
                bytes.append(0x3A)
                bytes.append(0x3A)
                index &+= bestCount
                continue
            }
            if index > 0, index != bestStart &+ bestCount { bytes.append(0x3A) }
            append(group: address.group(index))
            index &+= 1
        }
    }

    private mutating func append(dotted value: UInt32) {
        for part in 0..<4 {
            if part > 0 { bytes.append(0x2E) }
            let octet = UInt8(truncatingIfNeeded: value >> UInt32(24 &- part &* 8))
            if octet >= 100 { bytes.append(0x30 &+ octet / 100) }
            if octet >= 10 { bytes.append(0x30 &+ octet / 10 % 10) }
            bytes.append(0x30 &+ octet % 10)
        }
    }

    /// Hexadecimal without leading zeros.
    private mutating func append(group: UInt16) {
        var isLeading = true
        for shift in 0..<4 {
            let digit = UInt8(truncatingIfNeeded: group >> UInt16(12 &- shift &* 4)) & 15
            if digit == 0, isLeading, shift < 3 { continue }
            isLeading = false
            bytes.append(TextBuffer.hexadecimalDigit(digit))
        }
    }
}

extension Address {
    /// One of the eight groups of 16 bits, the first being 0.
    fileprivate func group(_ index: Int) -> UInt16 {
        let half = index < 4 ? high : low
        return UInt16(truncatingIfNeeded: half >> UInt64(48 &- (index & 3) &* 16))
    }
}
