// SPDX-License-Identifier: Apache-2.0
//
// The record layer of DTLS 1.0 to 1.3 (RFC 6347 section 4.1, RFC 9147 section 4).
//
// Reads   the records of one datagram, fragments of handshake messages.
// Writes  what records of a stream write.
// Leaves  encrypted records, and with them the rest of DTLS 1.3.

import Records
import Wire

/// A handshake message of which fragments arrive, one at a time.
struct DTLSFragments {
    /// Octets of a message.
    static let bytesMax = 100_000
    /// Fragments of a message.
    static let countMax = 32

    private var isActive = false
    private var type: UInt8 = 0
    private var sequence: UInt16 = 0
    private(set) var bytes: [UInt8] = []
    private var starts: [Int] = []
    private var covered = 0

    mutating func clear() {
        isActive = false
        bytes.removeAll(keepingCapacity: bytes.capacity <= TLS.keptBytesMax)
        starts.removeAll(keepingCapacity: true)
        covered = 0
    }

    /// Whether fragments of this message are being put together.
    func isFor(_ type: UInt8, _ sequence: UInt16, count: Int) -> Bool {
        isActive && self.type == type && self.sequence == sequence && bytes.count == count
    }

    mutating func begin(_ type: UInt8, _ sequence: UInt16, count: Int) {
        clear()
        isActive = true
        self.type = type
        self.sequence = sequence
        bytes.append(contentsOf: repeatElement(0, count: count))
    }

    /// Puts a fragment in its place; true when the message is whole.
    mutating func add(_ fragment: RawSpan, at offset: Int) -> Bool {
        guard offset &+ fragment.byteCount <= bytes.count, starts.count < DTLSFragments.countMax,
            !starts.contains(offset)
        else { return false }
        starts.append(offset)
        covered &+= fragment.byteCount
        for place in 0..<fragment.byteCount { bytes[offset &+ place] = fragment.octet(place) }
        return covered >= bytes.count
    }
}

extension TLS {
    /// Records with a version that is none, after more of which nothing is read (`SSL::dtls_max_version_errors`).
    static let invalidVersionsMax = 10
    /// Messages in pieces that one datagram may begin; each takes memory for the whole.
    static let fragmentsBegunMax = 8

    /// The records of one datagram.
    func records(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard kind == .dtls, !isDetached, !TLS.isSTUN(bytes) else { return }
        fragmentsBegun = 0
        var at = 0
        while at < bytes.byteCount, !isDetached, !isOver {
            let left = bytes.byteCount &- at
            if bytes.octet(at) >> 5 == 0b001 { return unified(from: direction, &context) }
            guard left >= 13 else { return }
            guard isVersionGood(bytes.load(at &+ 1, as: UInt16.self), &context) else { return }
            let count = Int(bytes.load(at &+ 11, as: UInt16.self))
            guard left &- 13 >= count else {
                // Cut by the capture, or not what it says.
                return wireLength > bytes.byteCount ? () : fail(&context)
            }
            let epoch = bytes.load(at &+ 3, as: UInt16.self)
            if count > 0 {
                content(
                    bytes.octet(at), bytes.extracting(at &+ 13 ..< at &+ 13 &+ count), isEncrypted: epoch > 0,
                    from: direction, &context)
            }
            at &+= 13 &+ count
        }
    }

    /// A record of DTLS 1.3 with the short header, which is encrypted. Nothing before it says its length.
    private func unified(from direction: Direction, _ context: inout AnalyzerContext) {
        guard isConfirmed else { return }
        sides[Int(direction.rawValue)].isEncrypted = true
        encrypted(&context)
    }

    private func isVersionGood(_ version: UInt16, _ context: inout AnalyzerContext) -> Bool {
        if version == 0xFEFF || version == 0xFEFD || version == 0xFEFC {
            if isConfirmed { invalidVersions = 0 }
            return true
        }
        invalidVersions &+= 1
        if isConfirmed, !hasReportedVersion {
            hasReportedVersion = true
            fail(&context)
        } else if invalidVersions > TLS.invalidVersionsMax {
            isDetached = true
        }
        return false
    }

    /// STUN shares the ports of media with DTLS (RFC 5389 section 6).
    private static func isSTUN(_ bytes: RawSpan) -> Bool {
        bytes.byteCount > 20 && bytes.load(4, as: UInt32.self) == 0x2112_A442
    }

    /// The content of a handshake record: fragments of messages.
    ///
    ///     type (1)  length (3)  message_seq (2)  fragment_offset (3)  fragment_length (3)
    func fragment(_ body: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        var at = 0
        while at < body.byteCount, !isDetached {
            guard body.byteCount &- at >= 12 else { return fail(&context) }
            let type = body.octet(at)
            let total = Int(body.load(at, as: UInt32.self) & 0xFF_FFFF)
            let sequence = body.load(at &+ 4, as: UInt16.self)
            let offset = Int(body.load(at &+ 5, as: UInt32.self) & 0xFF_FFFF)
            let count = Int(body.load(at &+ 8, as: UInt32.self) & 0xFF_FFFF)
            at &+= 12
            guard body.byteCount &- at >= count, offset &+ count <= total else { return fail(&context) }
            let fragment = body.extracting(at ..< at &+ count)
            at &+= count
            if count == total {
                guard handshake(type, fragment, from: direction, &context) else { return }
                continue
            }
            guard total <= DTLSFragments.bytesMax else { return fail(&context) }
            if !sides[side].fragments.isFor(type, sequence, count: total) {
                fragmentsBegun &+= 1
                guard fragmentsBegun <= TLS.fragmentsBegunMax else { return fail(&context) }
                sides[side].fragments.begin(type, sequence, count: total)
            }
            guard sides[side].fragments.add(fragment, at: offset) else { continue }
            // Out of the side while it is read.
            var whole = DTLSFragments()
            swap(&whole, &sides[side].fragments)
            guard handshake(type, whole.bytes.octets, from: direction, &context) else { return }
            whole.clear()
            swap(&whole, &sides[side].fragments)
        }
    }
}
