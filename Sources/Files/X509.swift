// SPDX-License-Identifier: Apache-2.0
//
// Certificates (RFC 5280), read once for each fingerprint.
//
// Reads   the DER of one certificate.
// Writes  `X509Certificate`: what the log says of it, as texts.
// Leaves  signatures and trust, times of use, extensions but two (subjectAltName,
//         basicConstraints), revocation.

import Crypto
package import Records
import Wire

/// SHA-256 of a certificate's DER.
package struct X509Fingerprint: Hashable, Sendable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// The hash of `der`.
    package init(_ der: [UInt8]) {
        var words: [4 of UInt64] = [0, 0, 0, 0]
        var place = 0
        for octet in SHA256.hash(data: der) {
            words[place >> 3] = words[place >> 3] << 8 | UInt64(octet)
            place &+= 1
        }
        self.words = (words[0], words[1], words[2], words[3])
    }

    package static func == (left: X509Fingerprint, right: X509Fingerprint) -> Bool { left.words == right.words }

    package func hash(into hasher: inout Hasher) {
        // It is a hash already: one word of it is as good as four.
        hasher.combine(words.0)
    }

    /// 64 lower-case hexadecimal digits.
    package func write(to text: inout TextBuffer) -> Text {
        let start = text.begin()
        for word in [words.0, words.1, words.2, words.3] {
            for shift in stride(from: 60, through: 0, by: -4) {
                text.bytes.append(TextBuffer.hexadecimalDigit(UInt8(truncatingIfNeeded: word >> UInt64(shift) & 15)))
            }
        }
        return text.end(start)
    }
}

/// What is said of one certificate. All texts stand in `text`.
package struct X509Certificate: Sendable {
    /// Elements of a list that are kept.
    static let elementsMax = 500
    /// Octets of a name.
    static let nameBytesMax = 2047

    package internal(set) var fingerprint = Text.absent
    /// 1 to 3.
    package internal(set) var version: UInt64 = 1
    package internal(set) var serial = Text.absent
    package internal(set) var subject = Text.absent
    package internal(set) var issuer = Text.absent
    package internal(set) var notBefore = Timestamp.zero
    package internal(set) var notAfter = Timestamp.zero
    package internal(set) var keyAlgorithm = Text.absent
    package internal(set) var signatureAlgorithm = Text.absent
    package internal(set) var keyType = Text.absent
    package internal(set) var keyBits: UInt64?
    package internal(set) var exponent = Text.absent
    package internal(set) var curve = Text.absent
    package internal(set) var hostNames: [Text]?
    package internal(set) var uris: [Text]?
    package internal(set) var mailboxes: [Text]?
    package internal(set) var addresses: [Address]?
    package internal(set) var isAuthority: Bool?
    package internal(set) var pathLength: UInt64?
    /// Last common name of the subject, as it is, not escaped.
    package internal(set) var commonName = Text.absent
    package internal(set) var hasAlternativeNames = false
    /// The names as rules and EVE spell them: first relative name first.
    package internal(set) var plainSubject = Text.absent
    package internal(set) var plainIssuer = Text.absent
    /// The serial number's octets as they are encoded, `00:97:E6`.
    package internal(set) var plainSerial = Text.absent
    /// SHA-1 of the DER, `cc:aa:48`.
    package internal(set) var shortFingerprint = Text.absent
    package internal(set) var text = TextBuffer()

    /// Reads a certificate; nil where its structure is broken. Allocates.
    package init?(parsing der: RawSpan, fingerprint hash: X509Fingerprint) {
        fingerprint = hash.write(to: &text)
        guard read(der) else { return nil }
        var octets: [UInt8] = []
        der.append(to: &octets)
        let start = text.begin()
        for octet in Insecure.SHA1.hash(data: octets) {
            if text.bytes.count > start { text.append(":") }
            text.bytes.append(TextBuffer.hexadecimalDigit(octet >> 4))
            text.bytes.append(TextBuffer.hexadecimalDigit(octet & 15))
        }
        shortFingerprint = text.end(start)
    }

    /// Whether the certificate is for `name`. Case counts, as in Zeek.
    package func matches(_ name: ArraySlice<UInt8>) -> Bool {
        guard hasAlternativeNames else {
            return !commonName.isAbsent && X509Certificate.pattern(text[commonName], covers: name)
        }
        for pattern in hostNames ?? [] where X509Certificate.pattern(text[pattern], covers: name) { return true }
        return false
    }

    /// Equal, or `*` ends the first of at least three labels and stands for the rest of it.
    static func pattern(_ pattern: ArraySlice<UInt8>, covers name: ArraySlice<UInt8>) -> Bool {
        if pattern == name { return true }
        let dot: UInt8 = 0x2E
        guard let patternDot = pattern.firstIndex(of: dot), let nameDot = name.firstIndex(of: dot),
            patternDot > pattern.startIndex, pattern[patternDot &- 1] == 0x2A,
            pattern.count(where: { $0 == dot }) >= 2
        else { return false }
        let head = pattern[pattern.startIndex ..< patternDot &- 1]
        return pattern[patternDot...] == name[nameDot...] && name.starts(with: head)
    }

    // MARK: structure

    /// Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
    private mutating func read(_ der: RawSpan) -> Bool {
        var outer = DERWalk(0..<der.byteCount)
        guard let certificate = outer.next(der, tag: DERElement.sequence) else { return false }
        var parts = DERWalk(certificate.content)
        guard let signed = parts.next(der, tag: DERElement.sequence),
            let algorithm = parts.next(der, tag: DERElement.sequence),
            parts.next(der, tag: DERElement.bitString) != nil
        else { return false }
        var inner = DERWalk(algorithm.content)
        guard let identifier = inner.next(der, tag: DERElement.objectIdentifier) else { return false }
        signatureAlgorithm = name(of: identifier, in: X509Tables.algorithms, der)
        return readSigned(der, signed)
    }

    /// TBSCertificate (RFC 5280 section 4.1).
    private mutating func readSigned(_ der: RawSpan, _ signed: DERElement) -> Bool {
        var walk = DERWalk(signed.content)
        if let wrapped = walk.next(der, tag: 0xA0) {
            var inner = DERWalk(wrapped.content)
            guard let number = inner.next(der, tag: DERElement.integer) else { return false }
            version = (DER.unsigned(der, number.content) ?? 0) &+ 1
        }
        guard let number = walk.next(der, tag: DERElement.integer),
            walk.next(der, tag: DERElement.sequence) != nil,
            let from = walk.next(der, tag: DERElement.sequence),
            let validity = walk.next(der, tag: DERElement.sequence),
            let owner = walk.next(der, tag: DERElement.sequence),
            let key = walk.next(der, tag: DERElement.sequence)
        else { return false }
        readSerial(der, number.content)
        var times = DERWalk(validity.content)
        guard let begins = times.next(der), let ends = times.next(der) else { return false }
        notBefore = X509Time.read(der, begins)
        notAfter = X509Time.read(der, ends)
        guard let issuerName = X509Name(der, from), let subjectName = X509Name(der, owner) else { return false }
        issuer = issuerName.write(der, to: &text)
        subject = subjectName.write(der, to: &text)
        plainIssuer = issuerName.writePlain(der, to: &text)
        plainSubject = subjectName.writePlain(der, to: &text)
        commonName = subjectName.commonName(der, to: &text)
        guard readKey(der, key) else { return false }
        // Unique identifiers, [1] and [2], are of no interest.
        while !walk.isAtEnd {
            guard let more = walk.next(der) else { return false }
            if more.tag == 0xA3 { readExtensions(der, more) }
        }
        return true
    }

    /// Upper-case hexadecimal, an even number of digits, without the octet that only makes it positive.
    private mutating func readSerial(_ der: RawSpan, _ range: Range<Int>) {
        let place = text.begin()
        for index in range {
            if index > range.lowerBound { text.append(":") }
            X509Tables.appendUpper(der.octet(index), to: &text)
        }
        plainSerial = text.end(place)
        let start = text.begin()
        var octets: [UInt8] = []
        der.extracting(range).append(to: &octets)
        if let first = octets.first, first & 0x80 != 0 {
            text.append("-")
            // Two's complement: the digits are those of the amount.
            var carry: UInt16 = 1
            for index in octets.indices.reversed() {
                carry &+= UInt16(~octets[index])
                octets[index] = UInt8(truncatingIfNeeded: carry)
                carry >>= 8
            }
        }
        let digits = octets.drop { $0 == 0 }
        for octet in digits { X509Tables.appendUpper(octet, to: &text) }
        if digits.isEmpty { text.append("00") }
        serial = text.end(start)
    }

    private mutating func name(of element: DERElement, in table: [[UInt8]: StaticString], _ der: RawSpan) -> Text {
        var dotted = TextBuffer()
        DER.appendDotted(der, element.content, to: &dotted)
        if let name = table[dotted.bytes] { return text.add(name) }
        return text.add(dotted.bytes.octets)
    }

    // MARK: keys

    /// SubjectPublicKeyInfo. What cannot be read leaves the columns of the key unset.
    private mutating func readKey(_ der: RawSpan, _ info: DERElement) -> Bool {
        var walk = DERWalk(info.content)
        guard let algorithm = walk.next(der, tag: DERElement.sequence),
            let bits = walk.next(der, tag: DERElement.bitString), !bits.content.isEmpty
        else { return false }
        var inner = DERWalk(algorithm.content)
        guard let identifier = inner.next(der, tag: DERElement.objectIdentifier) else { return false }
        keyAlgorithm = name(of: identifier, in: X509Tables.keyAlgorithms, der)
        let key = bits.content.lowerBound &+ 1 ..< bits.content.upperBound
        var dotted = TextBuffer()
        DER.appendDotted(der, identifier.content, to: &dotted)
        switch X509Tables.keyKinds[dotted.bytes] {
        case .rsa: readRSA(der, key)
        case .dsa: readDSA(der, inner)
        case .elliptic: readElliptic(der, inner)
        case .fixed(let type, let count):
            keyType = text.add(type)
            keyBits = count
        case nil: break
        }
        return true
    }

    private mutating func readRSA(_ der: RawSpan, _ key: Range<Int>) {
        var walk = DERWalk(key)
        guard let sequence = walk.next(der, tag: DERElement.sequence) else { return }
        var inner = DERWalk(sequence.content)
        guard let modulus = inner.next(der, tag: DERElement.integer),
            let power = inner.next(der, tag: DERElement.integer)
        else { return }
        keyType = text.add("rsa")
        keyBits = DER.bitCount(der, modulus.content)
        let start = text.begin()
        if DER.appendDecimal(der, power.content, to: &text) { exponent = text.end(start) }
    }

    private mutating func readDSA(_ der: RawSpan, _ parameters: DERWalk) {
        var walk = parameters
        keyType = text.add("dsa")
        guard let sequence = walk.next(der, tag: DERElement.sequence) else { return }
        var inner = DERWalk(sequence.content)
        guard let prime = inner.next(der, tag: DERElement.integer) else { return }
        keyBits = DER.bitCount(der, prime.content)
    }

    private mutating func readElliptic(_ der: RawSpan, _ parameters: DERWalk) {
        var walk = parameters
        guard let named = walk.next(der, tag: DERElement.objectIdentifier) else { return }
        var dotted = TextBuffer()
        DER.appendDotted(der, named.content, to: &dotted)
        guard let known = X509Tables.curves[dotted.bytes] else { return }
        keyType = text.add("ecdsa")
        curve = text.add(known.name)
        keyBits = known.bits
    }

    // MARK: extensions

    private mutating func readExtensions(_ der: RawSpan, _ wrapped: DERElement) {
        var outer = DERWalk(wrapped.content)
        guard let list = outer.next(der, tag: DERElement.sequence) else { return }
        var walk = DERWalk(list.content)
        while let entry = walk.next(der, tag: DERElement.sequence) {
            var inner = DERWalk(entry.content)
            guard let identifier = inner.next(der, tag: DERElement.objectIdentifier) else { continue }
            _ = inner.next(der, tag: DERElement.boolean)
            guard let value = inner.next(der, tag: DERElement.octetString),
                // id-ce, 2.5.29
                identifier.content.count == 3, der.octet(identifier.content.lowerBound) == 0x55,
                der.octet(identifier.content.lowerBound &+ 1) == 0x1D
            else { continue }
            switch der.octet(identifier.content.lowerBound &+ 2) {
            case 17: readAlternativeNames(der, value)
            case 19: readConstraints(der, value)
            default: break
            }
        }
    }

    private mutating func readAlternativeNames(_ der: RawSpan, _ value: DERElement) {
        var outer = DERWalk(value.content)
        guard let list = outer.next(der, tag: DERElement.sequence) else { return }
        hasAlternativeNames = true
        var walk = DERWalk(list.content)
        while let name = walk.next(der) {
            let span = der.extracting(name.content)
            switch name.tag {
            case 0x81: append(span, to: \.mailboxes)
            case 0x82: append(span, to: \.hostNames)
            case 0x86: append(span, to: \.uris)
            case 0x87:
                guard (addresses?.count ?? 0) < X509Certificate.elementsMax else { continue }
                switch span.byteCount {
                case 4: addresses = (addresses ?? []) + [Address(v4: span.load(0, as: UInt32.self))]
                case 16:
                    let address = Address(high: span.load(0, as: UInt64.self), low: span.load(8, as: UInt64.self))
                    addresses = (addresses ?? []) + [address]
                default: break
                }
            default: break
            }
        }
    }

    private mutating func append(_ span: RawSpan, to list: WritableKeyPath<X509Certificate, [Text]?>) {
        var texts = self[keyPath: list] ?? []
        guard texts.count < X509Certificate.elementsMax else { return }
        texts.append(text.add(span))
        self[keyPath: list] = texts
    }

    private mutating func readConstraints(_ der: RawSpan, _ value: DERElement) {
        var outer = DERWalk(value.content)
        guard let list = outer.next(der, tag: DERElement.sequence) else { return }
        var walk = DERWalk(list.content)
        isAuthority = false
        if let flag = walk.next(der, tag: DERElement.boolean), !flag.content.isEmpty {
            isAuthority = der.octet(flag.content.lowerBound) != 0
        }
        if let number = walk.next(der, tag: DERElement.integer) { pathLength = DER.unsigned(der, number.content) }
    }
}
