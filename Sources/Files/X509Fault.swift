// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a certificate, named by its first part that is none (RFC 5280 section 4.1).
//
// Reads   the structure down to the parts of what is signed, and the two times.
// Writes  nothing.
// Leaves  what the parts say (X509.swift): names, keys and extensions may be whatever they are.

import Wire

/// The first part of a certificate that is not what it should be, as Suricata's reader tells them apart.
package enum X509Fault: Sendable {
    /// No octets at all.
    case length
    /// More is stated than there is.
    case whole
    case version
    case serial
    case date
    case extensions
    /// Some other element has another tag than it must have.
    case der

    /// Nil where every part is in its place.
    package init?(_ der: RawSpan) {
        guard der.byteCount > 0 else {
            self = .length
            return
        }
        var outer = DERWalk(0..<der.byteCount)
        guard let whole = outer.next(der) else {
            self = .whole
            return
        }
        guard let fault = X509Fault.find(der, whole) else { return nil }
        self = fault
    }

    private static func find(_ der: RawSpan, _ whole: DERElement) -> X509Fault? {
        guard whole.tag == DERElement.sequence else { return .der }
        var parts = DERWalk(whole.content)
        guard let signed = parts.next(der, tag: DERElement.sequence) else { return .der }
        var walk = DERWalk(signed.content)
        if let wrapped = walk.next(der, tag: 0xA0) {
            var inner = DERWalk(wrapped.content)
            guard inner.next(der, tag: DERElement.integer) != nil else { return .version }
        }
        guard walk.next(der, tag: DERElement.integer) != nil else { return .serial }
        // The algorithm, who issued it, the times, whose it is, the key.
        for part in 0..<5 {
            guard let element = walk.next(der, tag: DERElement.sequence) else { return .der }
            if part == 2, !hasTimes(der, element) { return .date }
            var inner = DERWalk(element.content)
            if part == 4, inner.next(der, tag: DERElement.sequence) == nil { return .der }
        }
        while !walk.isAtEnd {
            guard let more = walk.next(der) else { return .extensions }
            switch more.tag {
            // Unique identifiers.
            case 0x81, 0x82: break
            case 0xA3:
                var inner = DERWalk(more.content)
                guard inner.next(der, tag: DERElement.sequence) != nil else { return .der }
            default: return .extensions
            }
        }
        guard parts.next(der, tag: DERElement.sequence) != nil, parts.next(der, tag: DERElement.bitString) != nil else {
            return .der
        }
        return nil
    }

    /// Two times, `YYMMDDhhmm…` or `YYYYMMDDhhmm…`.
    private static func hasTimes(_ der: RawSpan, _ element: DERElement) -> Bool {
        var walk = DERWalk(element.content)
        for _ in 0..<2 {
            guard let time = walk.next(der) else { return false }
            let digits = time.tag == DERElement.utcTime ? 10 : time.tag == DERElement.generalizedTime ? 12 : 0
            guard digits > 0, time.content.count > digits else { return false }
            for place in time.content.prefix(digits) where !(0x30...0x39).contains(der.octet(place)) { return false }
        }
        return true
    }
}
