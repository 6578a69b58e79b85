// SPDX-License-Identifier: Apache-2.0
// One packet as a capture file or an interface delivered it.
//
// Reads   nothing: a value that the parsers fill.
// Writes  nothing.
// Leaves  the bytes where they are; they belong to the `PacketBlock`.

/// Where one packet's bytes stand in its block, and when they were seen. 32 octets, trivial.
@usableFromInline package struct CapturePacket: BitwiseCopyable, Equatable, Sendable {
    /// Nanoseconds since 1970-01-01 00:00 UTC, 0 to `CaptureLimits.latestNanoseconds`; coarser clocks are scaled,
    /// impossible times saturate.
    @usableFromInline package var timestampNanoseconds: Int64
    /// Octets from the start of the block's memory to the first octet of the packet.
    @usableFromInline package var offset: Int
    /// Octets that are there.
    @usableFromInline package var capturedLength: UInt32
    /// Octets on the wire; never below `capturedLength`, whatever the file says.
    @usableFromInline package var wireLength: UInt32
    /// The number of the link type as capture files register it (LINKTYPE_…).
    @usableFromInline package var linkType: UInt16
    /// Ordinal of the interface in a pcapng file, counted over all its sections; otherwise 0.
    @usableFromInline package var interface: UInt16

    init(
        timestampNanoseconds: Int64, offset: Int, capturedLength: UInt32, wireLength: UInt32, linkType: UInt16,
        interface: UInt16 = 0
    ) {
        self.timestampNanoseconds = min(max(timestampNanoseconds, 0), CaptureLimits.latestNanoseconds)
        self.offset = offset
        self.capturedLength = capturedLength
        self.wireLength = max(wireLength, capturedLength)
        self.linkType = linkType
        self.interface = interface
    }
}

/// Bounds of what is read, with their reasons.
enum CaptureLimits {
    /// The latest time of a packet, in the year 2116: half of what 64 bits hold, so that a deadline behind it is
    /// still a time. Beyond, a connection would wait for the end of time, and none could make room for another.
    static let latestNanoseconds: Int64 = 1 << 62 &- 1
    /// The longest packet: libpcap's own bound (MAXIMUM_SNAPLEN). A record that claims more is damage.
    static let packetByteCountMax: UInt32 = 262_144
    /// The longest pcapng block that must be seen whole (a packet with its comments). Others are
    /// skipped at any length.
    static let blockByteCountMax = 2 << 20
    /// Interfaces in one pcapng section.
    static let interfaceCountMax = 65_536
    /// Packets in a block cut from a mapped file.
    static let packetCountPerBlock = 4096
    /// Octets of a mapped file in one block; above `blockByteCountMax`, so that every record fits.
    static let mappedByteCountPerBlock = 4 << 20
    /// Octets unpacked or read before a block of a stream is parsed. All packets in it are taken, so
    /// that no more than a part of one record is ever copied again.
    static let streamByteCountPerBlock = 512 << 10
    /// Octets of a stream in which its first packet is looked for at a time.
    static let probeByteCount = 16 << 10
    /// Octets that a live block holds.
    static let liveByteCountPerBlock = 4 << 20
}
