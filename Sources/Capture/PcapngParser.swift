// SPDX-License-Identifier: Apache-2.0
// Capture files of the next generation (draft-ietf-opsawg-pcapng).
//
// Reads   sections of both byte orders; interfaces with their link type and clock; enhanced, simple
//         and obsolete packet blocks.
// Writes  one `CapturePacket` a packet block.
// Leaves  every other block (names, statistics, secrets, custom ones), other options, section lengths.

struct PcapngParser {
    /// The first four octets of a section; the same in both byte orders.
    static let sectionHeader: UInt32 = 0x0A0D_0D0A
    private static let byteOrder: UInt32 = 0x1A2B_3C4D

    struct Interface {
        var linkType: UInt32
        var snapLength: UInt32
        var clock = PcapngClock()
        var isSupported: Bool
        var isReported = false
    }

    /// A link type that could not be decoded, and where the first packet of it stood.
    struct Refusal {
        var linkType: UInt32
        var offset: Int
    }

    /// What one block led to.
    private enum Step {
        case next(Int)
        case stop(ParseStop)
    }

    /// A block that is skipped without being seen whole.
    private struct Skip {
        var start: Int
        var left: Int
        var byteCount: UInt32
    }

    /// Packets of link types that cannot be decoded are skipped and reported once an interface.
    let isLenient: Bool
    private(set) var skippedPackets = 0
    /// Link types that packets were skipped for; the reader turns them into warnings.
    var refusals: [Refusal] = []
    private var isSwapped = false
    private var interfaces: [Interface] = []
    /// Interfaces of the sections before this one.
    private var interfaceBase = 0
    private var skip: Skip?
    /// Simple packet blocks have no time; they take that of the packet before them.
    private var lastTimestamp: Int64 = 0

    init(isLenient: Bool) { self.isLenient = isLenient }

    /// True when `start` (12 octets) begins a section.
    static func isSection(_ start: RawSpan) -> Bool {
        let order = start.u32(8, false)
        return start.u32(0, false) == sectionHeader && (order == byteOrder || order == byteOrder.byteSwapped)
    }

    /// Appends every packet whose block is whole in `window` from `start` on, until `limit` packets are there.
    /// `fileOffset` is the place of the window's first octet in the capture.
    mutating func parse(
        _ window: RawSpan, from start: Int, at fileOffset: Int, into packets: inout [CapturePacket], limit: Int
    ) -> ParseOutcome {
        var at = start
        while packets.count < limit {
            let step = skip == nil
                ? block(window, at, fileOffset, &packets) : skipFurther(window, at)
            switch step {
            case .next(let next): at = next
            case .stop(let stop):
                return ParseOutcome(consumed: at, recordOffset: skip?.start ?? fileOffset &+ at, stop: stop)
            }
        }
        return ParseOutcome(consumed: at, recordOffset: fileOffset &+ at, stop: .full)
    }

    //   0                   1                   2                   3
    //   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    //  |                          Block Type                           |
    //  |                      Block Total Length                       |
    //  /                          Block Body                           /
    //  |                      Block Total Length                       |
    private mutating func block(
        _ window: RawSpan, _ at: Int, _ fileOffset: Int, _ packets: inout [CapturePacket]
    ) -> Step {
        let left = window.byteCount &- at
        guard left >= 12 else { return .stop(.needsMore(isInsideRecord: left > 0)) }
        if window.u32(at, false) == Self.sectionHeader, let damage = beginSection(window, at) { return .stop(damage) }
        let type = window.u32(at, isSwapped)
        let total = window.u32(at &+ 4, isSwapped)
        guard total >= 12, total % 4 == 0 else { return .stop(.damaged("a block claims a length of \(total) octets")) }
        guard let bodyMin = Self.bodyByteCountMin(type) else {
            skip = Skip(start: fileOffset &+ at, left: Int(total) &- 4, byteCount: total)
            return .next(at)
        }
        guard Int(total) >= bodyMin &+ 12, Int(total) <= CaptureLimits.blockByteCountMax else {
            return .stop(.damaged("a block of type \(type) claims a length of \(total) octets"))
        }
        guard left >= Int(total) else { return .stop(.needsMore(isInsideRecord: true)) }
        let end = at &+ Int(total)
        guard window.u32(end &- 4, isSwapped) == total else {
            return .stop(.damaged("the two lengths of a block differ"))
        }
        let stop: ParseStop?
        switch type {
        case 0x0000_0001: stop = interface(window, at, end &- 4)
        case 0x0000_0002, 0x0000_0006: stop = packet(window, at, end &- 4, type, fileOffset, &packets)
        case 0x0000_0003: stop = simplePacket(window, at, end &- 4, fileOffset, &packets)
        default: stop = nil  // the section header, whose byte order is already set
        }
        return stop.map(Step.stop) ?? .next(end)
    }

    /// Octets between the two lengths that a block of this type has at least; nil for a block to be skipped.
    private static func bodyByteCountMin(_ type: UInt32) -> Int? {
        switch type {
        case sectionHeader: 16
        case 0x0000_0001: 8
        case 0x0000_0002, 0x0000_0006: 20
        case 0x0000_0003: 4
        default: nil
        }
    }

    /// A skipped block may be longer than any window, so it is passed over piece by piece.
    private mutating func skipFurther(_ window: RawSpan, _ at: Int) -> Step {
        guard var skipping = skip else { return .next(at) }
        let step = min(skipping.left, window.byteCount &- at)
        skipping.left &-= step
        skip = skipping
        guard step == 0 else { return .next(at &+ step) }
        guard skipping.left == 0, window.byteCount &- at >= 4 else { return .stop(.needsMore(isInsideRecord: true)) }
        guard window.u32(at, isSwapped) == skipping.byteCount else {
            return .stop(.damaged("the two lengths of a block differ"))
        }
        skip = nil
        return .next(at &+ 4)
    }

    //  |                   Block Type = 0x0A0D0D0A                     |
    //  |                      Block Total Length                       |
    //  |                      Byte-Order Magic                         |
    //  |          Major Version        |         Minor Version         |
    //  |                Section Length, 8 octets                       |
    private mutating func beginSection(_ window: RawSpan, _ at: Int) -> ParseStop? {
        switch window.u32(at &+ 8, false) {
        case Self.byteOrder: isSwapped = false
        case Self.byteOrder.byteSwapped: isSwapped = true
        default: return .damaged("a section has no byte-order mark")
        }
        interfaceBase &+= interfaces.count
        interfaces.removeAll(keepingCapacity: true)
        return nil
    }

    //  |           LinkType            |           Reserved            |
    //  |                            SnapLen                            |
    //  /                            Options                            /
    private mutating func interface(_ window: RawSpan, _ at: Int, _ end: Int) -> ParseStop? {
        guard interfaces.count < CaptureLimits.interfaceCountMax else { return .damaged("too many interfaces") }
        let linkType = UInt32(window.u16(at &+ 8, isSwapped))
        var interface = Interface(
            linkType: linkType, snapLength: window.u32(at &+ 12, isSwapped),
            isSupported: CaptureLinkType.isSupported(linkType))
        var option = at &+ 16
        while end &- option >= 4 {
            let code = window.u16(option, isSwapped)
            let length = Int(window.u16(option &+ 2, isSwapped))
            guard code != 0 else { break }
            guard end &- option &- 4 >= length else { return .damaged("an option is longer than its block") }
            switch (code, length) {
            case (9, 1): interface.clock.setResolution(window.u8(option &+ 4))
            case (14, 8):
                interface.clock.setOffset(seconds: Int64(bitPattern: window.u64(option &+ 4, isSwapped)))
            default: break
            }
            option &+= 4 &+ (length &+ 3) / 4 * 4
        }
        interfaces.append(interface)
        return nil
    }

    //  |  Interface ID (in the obsolete block: 16 bits, then drops)    |
    //  |                      Timestamp (High)                         |
    //  |                      Timestamp (Low)                          |
    //  |                  Captured Packet Length                       |
    //  |                  Original Packet Length                       |
    //  /                  Packet Data, then options                    /
    private mutating func packet(
        _ window: RawSpan, _ at: Int, _ end: Int, _ type: UInt32, _ fileOffset: Int, _ packets: inout [CapturePacket]
    ) -> ParseStop? {
        let index = type == 2 ? Int(window.u16(at &+ 8, isSwapped)) : Int(window.u32(at &+ 8, isSwapped))
        let captured = window.u32(at &+ 20, isSwapped)
        guard captured <= CaptureLimits.packetByteCountMax, Int(captured) <= end &- at &- 28 else {
            return .damaged("a block claims a packet of \(captured) octets")
        }
        guard index < interfaces.count else { return .damaged("a packet names interface \(index), which is not there") }
        let units = UInt64(window.u32(at &+ 12, isSwapped)) << 32 | UInt64(window.u32(at &+ 16, isSwapped))
        lastTimestamp = interfaces[index].clock.nanoseconds(units)
        return append(
            &packets, index, fileOffset &+ at,
            CapturePacket(
                timestampNanoseconds: lastTimestamp, offset: at &+ 28, capturedLength: captured,
                wireLength: window.u32(at &+ 24, isSwapped), linkType: 0))
    }

    //  |                  Original Packet Length                       |
    //  /                  Packet Data                                  /
    private mutating func simplePacket(
        _ window: RawSpan, _ at: Int, _ end: Int, _ fileOffset: Int, _ packets: inout [CapturePacket]
    ) -> ParseStop? {
        guard let first = interfaces.first else { return .damaged("a packet comes before any interface") }
        let wire = window.u32(at &+ 8, isSwapped)
        // The captured length is not written down: it is what the snapshot length left, less the padding.
        let snap = first.snapLength == 0 ? wire : min(wire, first.snapLength)
        let captured = min(snap, UInt32(truncatingIfNeeded: end &- at &- 12))
        guard captured <= CaptureLimits.packetByteCountMax else {
            return .damaged("a block holds a packet of \(captured) octets")
        }
        return append(
            &packets, 0, fileOffset &+ at,
            CapturePacket(
                timestampNanoseconds: lastTimestamp, offset: at &+ 12, capturedLength: captured, wireLength: wire,
                linkType: 0))
    }

    /// Appends `packet` under the link type of its interface, or refuses or skips it.
    private mutating func append(
        _ packets: inout [CapturePacket], _ index: Int, _ offset: Int, _ packet: CapturePacket
    ) -> ParseStop? {
        let linkType = interfaces[index].linkType
        guard interfaces[index].isSupported else {
            guard isLenient else { return .unsupported(linkType) }
            skippedPackets &+= 1
            if !interfaces[index].isReported {
                interfaces[index].isReported = true
                refusals.append(Refusal(linkType: linkType, offset: offset))
            }
            return nil
        }
        var packet = packet
        packet.linkType = UInt16(truncatingIfNeeded: linkType)
        packet.interface = UInt16(clamping: interfaceBase &+ index)
        packets.append(packet)
        return nil
    }
}
