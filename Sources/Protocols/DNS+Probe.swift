// SPDX-License-Identifier: Apache-2.0
//
// Finding DNS on ports that nobody has registered for it.
//
// Reads   the first messages of both directions.
// Writes  a verdict.
// Leaves  what the messages say (DNS.swift); requests of several questions, and answers without the question.

import Records
import Wire

/// A question, and an answer that repeats one (RFC 1035 section 4.1): many octets look like one of them, few
/// connections like both.
enum DNSProbe {
    private static let headerBytes = 12

    static func query(_ bytes: RawSpan) -> ProbeVerdict { isMessage(bytes, isResponse: false) ? .matches : .never }
    static func response(_ bytes: RawSpan) -> ProbeVerdict { isMessage(bytes, isResponse: true) ? .matches : .never }

    /// Over TCP two octets of length go before each message. A message of a kilobyte is not waited for.
    static func streamQuery(_ bytes: RawSpan) -> ProbeVerdict { stream(bytes, isResponse: false) }
    static func streamResponse(_ bytes: RawSpan) -> ProbeVerdict { stream(bytes, isResponse: true) }

    private static func stream(_ bytes: RawSpan, isResponse: Bool) -> ProbeVerdict {
        guard bytes.byteCount > 0, bytes.octet(0) < 4 else { return bytes.byteCount > 0 ? .never : .needsMore }
        guard bytes.byteCount >= 2 else { return .needsMore }
        let length = Int(bytes.load16(0))
        guard length > headerBytes else { return .never }
        // The flags tell most other protocols apart at once.
        if bytes.byteCount >= 6, !hasFlags(bytes.load16(4), isResponse: isResponse) { return .never }
        guard bytes.byteCount >= 2 &+ length else { return .needsMore }
        return isMessage(bytes.extracting(2 ..< 2 &+ length), isResponse: isResponse) ? .matches : .never
    }

    /// The right direction, a query, a notification or an update, a zero where zero must be, and a code that there is.
    private static func hasFlags(_ flags: UInt16, isResponse: Bool) -> Bool {
        let operation = flags >> 11 & 15
        guard (flags >> 15 == 1) == isResponse, flags & 0x40 == 0 else { return false }
        guard operation == 0 || operation == 4 || operation == 5 else { return false }
        return isResponse ? flags & 15 <= 10 : flags & 15 == 0
    }

    //  id | flags | questions, answers, authorities, additional | name | type | class
    private static func isMessage(_ bytes: RawSpan, isResponse: Bool) -> Bool {
        let count = bytes.byteCount
        guard count >= headerBytes &+ 5, hasFlags(bytes.load16(2), isResponse: isResponse), bytes.load16(4) == 1
        else { return false }
        let more = (answers: bytes.load16(6), authorities: bytes.load16(8), additional: bytes.load16(10))
        let most: UInt16 = isResponse ? 64 : 0
        guard more.answers <= most, more.authorities <= most, more.additional <= (isResponse ? 64 : 2) else {
            return false
        }
        var at = headerBytes
        while bytes.octet(at) != 0 {
            let label = Int(bytes.octet(at))
            // Behind the longest name there must still be its type and class.
            guard label < 64, at &+ label &+ 6 <= count, at &- headerBytes < 255 else { return false }
            at &+= label &+ 1
        }
        guard at &+ 5 <= count else { return false }
        let (type, category) = (bytes.load16(at &+ 1), bytes.load16(at &+ 3))
        guard 1...260 ~= type || type == 32_768 || type == 32_769, [1, 3, 4, 254, 255].contains(category) else {
            return false
        }
        let hasMore = more.answers | more.authorities | more.additional != 0
        return hasMore ? at &+ 5 < count : at &+ 5 == count
    }
}
