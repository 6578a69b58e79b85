// SPDX-License-Identifier: Apache-2.0
// The memory that packets stand in, and how it is read.
//
// Reads   integers out of borrowed bytes, bounds checked.
// Writes  `PacketBlock`: descriptors, and the mapped pages or the buffer they point into.
// Leaves  the meaning of the bytes to the parsers.

extension RawSpan {
    @inline(__always) func u8(_ offset: Int) -> UInt8 {
        // Safe: the load checks its bounds, and every octet is a UInt8.
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)
    }

    @inline(__always) func u16(_ offset: Int, _ isSwapped: Bool) -> UInt16 {
        // Safe: the load checks its bounds, and every bit pattern is a UInt16.
        let value = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)
        return isSwapped ? value.byteSwapped : value
    }

    @inline(__always) func u32(_ offset: Int, _ isSwapped: Bool) -> UInt32 {
        // Safe: the load checks its bounds, and every bit pattern is a UInt32.
        let value = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
        return isSwapped ? value.byteSwapped : value
    }

    @inline(__always) func u64(_ offset: Int, _ isSwapped: Bool) -> UInt64 {
        // Safe: the load checks its bounds, and every bit pattern is a UInt64.
        let value = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
        return isSwapped ? value.byteSwapped : value
    }
}

/// Some thousand packets, and the memory they stand in.
///
/// A block is filled by one thread, may then be read by several at once, and is filled again, or
/// released, only when all of them have left it: whoever passes it between threads sees to that (a
/// lock or a queue). It keeps its arrays, so that filling it again allocates nothing.
// Safe: `packets` and what they point into are changed together, only here, and every use below is checked.
@safe @usableFromInline package final class PacketBlock: @unchecked Sendable {
    /// In file order. `offset + capturedLength` of each lies inside `memory`.
    @usableFromInline package internal(set) var packets: [CapturePacket] = []
    /// Ordinal of the file in `CaptureSource.files`; of live blocks 0.
    package internal(set) var fileIndex = 0
    /// What the packets' offsets count into. Borrowed: good until the block is filled again or released.
    // Safe: an empty range.
    @usableFromInline @unsafe package private(set) var memory = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    // Safe: an empty range.
    private var buffer = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var map: MappedFile?
    private var mapRange = 0..<0

    package init() {}

    deinit {
        // Safe: `buffer` was allocated by `withBuffer` or is empty, and nobody else frees it.
        unsafe buffer.deallocate()
    }

    /// Calls `body` with the bytes of one packet, copying nothing.
    @inlinable @inline(__always)
    package func withBytes<R: ~Copyable, E: Error>(
        of packet: CapturePacket, _ body: (RawSpan) throws(E) -> R
    ) throws(E) -> R {
        // Safe: slicing checks the range, and `memory` lives as long as this block is not filled again.
        let bytes = unsafe UnsafeRawBufferPointer(
            rebasing: memory[packet.offset..<packet.offset &+ Int(packet.capturedLength)])
        // Safe: as above; the span does not leave this call.
        return try body(unsafe RawSpan(_unsafeBytes: bytes))
    }

    /// Gives mapped pages back to the system, and forgets the packets. To be called when every reader has left.
    package func release() {
        packets.removeAll(keepingCapacity: true)
        // Safe: an empty range; `buffer` itself is kept for the next filling.
        unsafe memory = UnsafeRawBufferPointer(start: nil, count: 0)
        map?.giveBack(mapRange)
        map = nil
    }

    /// Points the block at a part of a mapped file and lets `parse` find the packets in it.
    func fill<R, E: Error>(
        from map: MappedFile, _ range: Range<Int>, _ parse: (RawSpan, inout [CapturePacket]) throws(E) -> R
    ) throws(E) -> R {
        release()
        self.map = map
        mapRange = range
        // Safe: slicing checks the range against the mapping, which `self.map` keeps alive.
        unsafe memory = UnsafeRawBufferPointer(rebasing: map.bytes[range])
        // Safe: `memory` is not changed before `parse` returns.
        return try parse(unsafe RawSpan(_unsafeBytes: memory), &packets)
    }

    /// Only the pages up to `end` are given back; the rest belongs to the next block.
    func endMappedRange(at end: Int) {
        mapRange = mapRange.lowerBound..<max(mapRange.lowerBound, end)
    }

    /// Points the block at the first `count` octets of its own buffer and lets `parse` find the packets in them.
    func parseBuffer<R, E: Error>(
        _ count: Int, _ parse: (RawSpan, inout [CapturePacket]) throws(E) -> R
    ) throws(E) -> R {
        // Safe: the prefix cannot be longer than the buffer, which lives as long as the block.
        unsafe memory = UnsafeRawBufferPointer(rebasing: buffer.prefix(count))
        // Safe: `memory` is not changed before `parse` returns.
        return try parse(unsafe RawSpan(_unsafeBytes: memory), &packets)
    }

    /// The block's own buffer with room for `count` octets; what it held stays.
    func reserveBuffer(_ count: Int) -> UnsafeMutableRawBufferPointer {
        guard unsafe buffer.count < count else { return unsafe buffer }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        // Safe: `larger` has room for all of `buffer`, which is freed once and replaced.
        unsafe larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
        unsafe buffer.deallocate()
        unsafe buffer = larger
        return unsafe larger
    }

    /// Copies the octets of `range` out of the buffer: the part of a record that the next block begins with.
    func bufferTail(_ range: Range<Int>, into carry: inout [UInt8]) {
        carry.removeAll(keepingCapacity: true)
        // Safe: slicing checks the range.
        unsafe carry.append(contentsOf: buffer[range])
    }

    /// The octets of `memory` from `offset` on; for looking at the beginning of a pipe.
    func bufferBytes(from offset: Int) -> [UInt8] {
        // Safe: `dropFirst` stays inside the memory.
        unsafe [UInt8](memory.dropFirst(offset))
    }

    /// Makes the block's memory its own buffer, filled by a live interface up to `count`.
    func adoptBuffer(_ count: Int) {
        // Safe: the prefix cannot be longer than the buffer.
        unsafe memory = UnsafeRawBufferPointer(rebasing: buffer.prefix(count))
    }

    /// Removes the packets that `filter` refuses.
    ///
    /// - Returns: how many were removed.
    func keep(_ filter: PacketFilter) throws(CaptureError) -> Int {
        var kept = 0
        for index in packets.indices {
            let packet = packets[index]
            // Safe: slicing checks the range.
            let bytes = unsafe UnsafeRawBufferPointer(
                rebasing: memory[packet.offset..<packet.offset &+ Int(packet.capturedLength)])
            guard try unsafe filter.matches(bytes, packet) else { continue }
            packets[kept] = packet
            kept &+= 1
        }
        let removed = packets.count &- kept
        packets.removeLast(removed)
        return removed
    }
}
