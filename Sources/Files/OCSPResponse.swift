// SPDX-License-Identifier: Apache-2.0
//
// Answers of the Online Certificate Status Protocol (RFC 6960).
//
// Reads   the DER of an OCSPResponse.
// Writes  what it says of each certificate.
// Leaves  signatures, who answers, extensions, requests.

package import Records
import Wire

/// One certificate of an answer (`SingleResponse`); texts stand in the answer's text.
package struct OCSPStatus: Sendable {
    package fileprivate(set) var hashAlgorithm = Text.absent
    package fileprivate(set) var issuerNameHash = Text.absent
    package fileprivate(set) var issuerKeyHash = Text.absent
    package fileprivate(set) var serial = Text.absent
    package fileprivate(set) var status: StaticString = "unknown"
    package fileprivate(set) var revoked: Timestamp?
    package fileprivate(set) var reason: StaticString?
    package fileprivate(set) var thisUpdate: Timestamp?
    package fileprivate(set) var nextUpdate: Timestamp?

    package init() {}
}

package struct OCSPResponse: Sendable {
    /// Octets of an answer that are looked at.
    package static let bytesMax = 65_536
    /// Certificates of one answer that are read.
    static let statusesMax = 100

    package private(set) var statuses: [OCSPStatus] = []
    package private(set) var text = TextBuffer()

    //  OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, responseBytes [0] { type OID, response OCTET STRING } }
    //  BasicOCSPResponse ::= SEQUENCE { tbsResponseData SEQUENCE { ... }, ... }
    /// Reads an answer; nil where it is none, or says nothing of certificates.
    package init?(parsing der: RawSpan) {
        var outer = DERWalk(0..<der.byteCount)
        guard let whole = outer.next(der, tag: DERElement.sequence) else { return nil }
        var parts = DERWalk(whole.content)
        guard parts.next(der, tag: 0x0A) != nil, let wrapped = parts.next(der, tag: 0xA0) else { return nil }
        var inner = DERWalk(wrapped.content)
        guard let answer = inner.next(der, tag: DERElement.sequence) else { return nil }
        var typed = DERWalk(answer.content)
        guard typed.next(der, tag: DERElement.objectIdentifier) != nil,
            let octets = typed.next(der, tag: DERElement.octetString)
        else { return nil }
        var basic = DERWalk(octets.content)
        guard let signed = basic.next(der, tag: DERElement.sequence) else { return nil }
        var body = DERWalk(signed.content)
        guard let data = body.next(der, tag: DERElement.sequence), readData(der, data) else { return nil }
    }

    //  ResponseData ::= SEQUENCE { [0] version, responderID, producedAt GeneralizedTime, responses SEQUENCE OF, ... }
    private mutating func readData(_ der: RawSpan, _ data: DERElement) -> Bool {
        var walk = DERWalk(data.content)
        _ = walk.next(der, tag: 0xA0)
        guard let responder = walk.next(der), responder.tag == 0xA1 || responder.tag == 0xA2,
            walk.next(der, tag: DERElement.generalizedTime) != nil,
            let list = walk.next(der, tag: DERElement.sequence)
        else { return false }
        var entries = DERWalk(list.content)
        while statuses.count < OCSPResponse.statusesMax, let entry = entries.next(der, tag: DERElement.sequence) {
            guard readStatus(der, entry) else { return false }
        }
        return !statuses.isEmpty
    }

    //  SingleResponse ::= SEQUENCE { certID, certStatus CHOICE, thisUpdate, nextUpdate [0] OPTIONAL, ... }
    private mutating func readStatus(_ der: RawSpan, _ entry: DERElement) -> Bool {
        var status = OCSPStatus()
        var walk = DERWalk(entry.content)
        guard let identity = walk.next(der, tag: DERElement.sequence), readIdentity(der, identity, &status),
            let state = walk.next(der)
        else { return false }
        switch state.tag {
        case 0x80: status.status = "good"
        case 0xA1:
            status.status = "revoked"
            var inner = DERWalk(state.content)
            if let time = inner.next(der, tag: DERElement.generalizedTime) { status.revoked = X509Time.read(der, time) }
            if let wrapped = inner.next(der, tag: 0xA0) {
                var reasons = DERWalk(wrapped.content)
                if let number = reasons.next(der, tag: 0x0A), let value = DER.unsigned(der, number.content) {
                    status.reason = value < 11 ? OCSPResponse.reasons[Int(value)] : nil
                }
            }
        default: status.status = "unknown"
        }
        guard let this = walk.next(der, tag: DERElement.generalizedTime) else { return false }
        status.thisUpdate = X509Time.read(der, this)
        if let wrapped = walk.next(der, tag: 0xA0) {
            var inner = DERWalk(wrapped.content)
            if let next = inner.next(der, tag: DERElement.generalizedTime) {
                status.nextUpdate = X509Time.read(der, next)
            }
        }
        statuses.append(status)
        return true
    }

    //  CertID ::= SEQUENCE { hashAlgorithm, issuerNameHash OCTET STRING, issuerKeyHash OCTET STRING, serialNumber }
    private mutating func readIdentity(_ der: RawSpan, _ identity: DERElement, _ status: inout OCSPStatus) -> Bool {
        var walk = DERWalk(identity.content)
        guard let algorithm = walk.next(der, tag: DERElement.sequence) else { return false }
        var inner = DERWalk(algorithm.content)
        guard let identifier = inner.next(der, tag: DERElement.objectIdentifier),
            let name = walk.next(der, tag: DERElement.octetString),
            let key = walk.next(der, tag: DERElement.octetString),
            let serial = walk.next(der, tag: DERElement.integer)
        else { return false }
        var dotted = TextBuffer()
        DER.appendDotted(der, identifier.content, to: &dotted)
        if let known = OCSPResponse.algorithms[dotted.bytes] {
            status.hashAlgorithm = text.add(known)
        } else {
            status.hashAlgorithm = text.add(dotted.bytes.octets)
        }
        status.issuerNameHash = upper(der.extracting(name.content))
        status.issuerKeyHash = upper(der.extracting(key.content))
        var digits = serial.content
        // An octet that only makes the number positive.
        if digits.count > 1, der.octet(digits.lowerBound) == 0 { digits = digits.lowerBound &+ 1..<digits.upperBound }
        status.serial = upper(der.extracting(digits))
        return true
    }

    private mutating func upper(_ bytes: RawSpan) -> Text {
        let start = text.begin()
        for index in 0..<min(bytes.byteCount, 256) { X509Tables.appendUpper(bytes.octet(index), to: &text) }
        return text.end(start)
    }

    private static let algorithms: [[UInt8]: StaticString] = [
        Array("1.3.14.3.2.26".utf8): "sha1", Array("2.16.840.1.101.3.4.2.1".utf8): "sha256",
        Array("2.16.840.1.101.3.4.2.2".utf8): "sha384", Array("2.16.840.1.101.3.4.2.3".utf8): "sha512",
    ]

    /// CRLReason (RFC 5280 section 5.3.1); 7 is not used.
    private static let reasons: [StaticString] = [
        "unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
        "certificateHold", "unknown", "removeFromCRL", "privilegeWithdrawn", "aACompromise",
    ]
}
