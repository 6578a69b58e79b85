// SPDX-License-Identifier: Apache-2.0
// Capture files of the next generation, written (draft-ietf-opsawg-pcapng).
//
// Reads   packets with their link types, times and comments.
// Writes  one little-endian section: an interface a link type, enhanced packet blocks.
// Leaves  where the octets go to its caller, who empties `bytes`.

package struct PcapngWriter {
    /// What waits to be written; the caller empties it.
    package var bytes: [UInt8] = []
    private var interfaces: [UInt16: UInt32] = [:]

    /// Octets of one comment: the option's length has 16 bits.
    private static let commentBytesMax = 65_000
    /// Comments of one packet, so that its block stays below what readers take.
    private static let commentsMax = 16

    /// Begins a section. `application` names the program that writes (option shb_userappl).
    package init(application: String) {
        var body: [UInt8] = []
        Self.append(0x1A2B_3C4D as UInt32, to: &body)
        Self.append(1 as UInt16, to: &body)
        Self.append(0 as UInt16, to: &body)
        Self.append(UInt64.max, to: &body)
        Self.option(4, Array(application.utf8), to: &body)
        Self.append(0 as UInt32, to: &body)
        block(0x0A0D_0D0A, body)
    }

    /// Appends a packet, and before it the interface where its link type is new. `nanoseconds` count from 1970.
    package mutating func append(
        nanoseconds: Int64, linkType: UInt16, wireLength: UInt32, octets: ArraySlice<UInt8>, comments: [String] = []
    ) {
        let interface = interface(linkType)
        let time = UInt64(bitPattern: max(0, nanoseconds))
        var body: [UInt8] = []
        body.reserveCapacity(octets.count + 64)
        Self.append(interface, to: &body)
        Self.append(UInt32(truncatingIfNeeded: time >> 32), to: &body)
        Self.append(UInt32(truncatingIfNeeded: time), to: &body)
        Self.append(UInt32(truncatingIfNeeded: octets.count), to: &body)
        Self.append(wireLength, to: &body)
        body += octets
        Self.pad(&body)
        for comment in comments.prefix(Self.commentsMax) {
            Self.option(1, Array(comment.utf8.prefix(Self.commentBytesMax)), to: &body)
        }
        if !comments.isEmpty { Self.append(0 as UInt32, to: &body) }
        block(6, body)
    }

    /// An interface description with times in nanoseconds (option if_tsresol 9).
    private mutating func interface(_ linkType: UInt16) -> UInt32 {
        if let known = interfaces[linkType] { return known }
        let number = UInt32(interfaces.count)
        interfaces[linkType] = number
        var body: [UInt8] = []
        Self.append(linkType, to: &body)
        Self.append(0 as UInt16, to: &body)
        Self.append(0 as UInt32, to: &body)
        Self.option(9, [9], to: &body)
        Self.append(0 as UInt32, to: &body)
        block(1, body)
        return number
    }

    private mutating func block(_ type: UInt32, _ body: [UInt8]) {
        let length = UInt32(body.count + 12)
        Self.append(type, to: &bytes)
        Self.append(length, to: &bytes)
        bytes += body
        Self.append(length, to: &bytes)
    }

    private static func option(_ code: UInt16, _ value: [UInt8], to body: inout [UInt8]) {
        append(code, to: &body)
        append(UInt16(truncatingIfNeeded: value.count), to: &body)
        body += value
        pad(&body)
    }

    private static func pad(_ body: inout [UInt8]) {
        while body.count % 4 != 0 { body.append(0) }
    }

    private static func append<Value: FixedWidthInteger>(_ value: Value, to body: inout [UInt8]) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            body.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }
}
