// SPDX-License-Identifier: Apache-2.0
// Octets from a descriptor that cannot be mapped: pipes, and gzip files (RFC 1952).
//
// Reads   a descriptor, once; gzip is known by its first octets, and all its members are unpacked.
// Writes  plain octets into the caller's buffer.
// Leaves  other packings (zstd, xz, bzip2), which are refused by name elsewhere.

import CZlib
import Glibc

/// What a read led to.
enum StreamRead: Equatable {
    case bytes(Int)
    case end
    /// A signal came while waiting; the caller may look whether it should stop.
    case interrupted
}

/// What a buffer was filled with.
struct StreamFill {
    var byteCount: Int
    var hasEnded = false
    var wasInterrupted = false
}

/// Memory bounded by one input buffer and zlib's window.
// Safe: the buffers are private, and allocated and freed here only.
@safe final class ByteStream {
    private static let inputByteCount = 128 << 10
    private let descriptor: FileDescriptor
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: inputByteCount, alignment: 16)
    private var inputStart = 0
    private var inputEnd = 0
    private var inflater: UnsafeMutablePointer<z_stream>?
    private var isSniffed = false
    private var hasEnded = false
    /// True when zlib filled the whole target, so that it may hold more without further input.
    private var mayHoldMore = false
    /// Octets read from the descriptor so far.
    private(set) var rawByteCount = 0
    /// True once the first octets have shown a gzip file.
    // Safe: the pointer is compared and not followed.
    var isGzip: Bool { unsafe inflater != nil }
    /// Why the stream ended before its time, if it did.
    private(set) var damage: String?

    init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    deinit {
        // Safe: both were allocated by this object, and nobody else frees them.
        unsafe input.deallocate()
        if let inflater = unsafe inflater {
            // Safe: initialised in `sniff`; ended and freed once.
            unsafe _ = inflateEnd(inflater)
            unsafe inflater.deallocate()
        }
    }

    /// True when more can be had without waiting for a peer.
    var isReadable: Bool { inputStart < inputEnd || descriptor.isReadable }

    /// Brings `carry` and fresh octets into the block's buffer, until `target` octets are there or a peer would
    /// have to be waited for. Waits for the first fresh octet.
    func fill(_ block: PacketBlock, carry: [UInt8], target: Int) -> StreamFill {
        block.release()
        let room = max(target, carry.count)
        // Safe: the block keeps the buffer until its next release.
        let buffer = unsafe block.reserveBuffer(room)
        // Safe: the buffer has room for `room` octets, and what is carried is not more.
        unsafe buffer.copyBytes(from: carry)
        var fill = StreamFill(byteCount: carry.count)
        var isFresh = true
        while fill.byteCount < room, isFresh || isReadable {
            // Safe: slicing checks the range.
            switch unsafe read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[fill.byteCount..<room])) {
            case .bytes(let count):
                fill.byteCount &+= count
                isFresh = false
            case .end:
                fill.hasEnded = true
                return fill
            case .interrupted:
                fill.wasInterrupted = true
                return fill
            }
        }
        return fill
    }

    /// Reads some octets into `target`, which is not empty. Waits for the first of them only.
    private func read(into target: UnsafeMutableRawBufferPointer) -> StreamRead {
        if !isSniffed, let outcome = sniff() { return outcome }
        if hasEnded { return .end }
        // Safe: the state was initialised in `sniff`, and lives as long as this object; zlib and read(2) are
        // given the count of `target`.
        if let inflater = unsafe inflater { return unsafe inflate(inflater, into: target) }
        guard inputStart < inputEnd else { return unsafe readRaw(into: target) }
        let count = min(target.count, inputEnd &- inputStart)
        // Safe: `count` is at most the room in the target and the octets of the input; slicing checks both.
        unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[inputStart..<inputStart &+ count]))
        inputStart &+= count
        return .bytes(count)
    }

    /// Reads until the first three octets are there, and prepares zlib when they are gzip's.
    private func sniff() -> StreamRead? {
        while inputEnd < 3 {
            // Safe: slicing checks the range.
            switch unsafe readRaw(into: UnsafeMutableRawBufferPointer(rebasing: input[inputEnd...])) {
            case .bytes(let count): inputEnd &+= count
            case .interrupted: return .interrupted
            case .end:
                hasEnded = inputEnd == 0
                isSniffed = true
                return hasEnded ? .end : nil
            }
        }
        isSniffed = true
        // Safe: three octets are there (above), and subscripts are within the buffer.
        guard unsafe input[0] == 0x1F && input[1] == 0x8B && input[2] == 8 else { return nil }
        // zlib keeps the address of its state, so it stands in memory of its own.
        let state = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe state.initialize(to: z_stream())
        // Safe: an initialised state; 16 added to the window bits asks for the gzip form.
        guard
            unsafe inflateInit2_(state, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else {
            unsafe state.deallocate()
            hasEnded = true
            damage = "zlib could not be started"
            return .end
        }
        unsafe inflater = state
        return nil
    }

    private func readRaw(into target: UnsafeMutableRawBufferPointer) -> StreamRead {
        // Safe: no more octets than `target` has are asked for.
        let count = unsafe Glibc.read(descriptor.number, target.baseAddress, target.count)
        if count > 0 {
            rawByteCount &+= count
            return .bytes(count)
        }
        if count < 0, errno == EINTR { return .interrupted }
        if count < 0 { damage = "it cannot be read further (\(FileSystem.text(errno)))" }
        hasEnded = true
        return .end
    }

    private func inflate(
        _ state: UnsafeMutablePointer<z_stream>, into target: UnsafeMutableRawBufferPointer
    ) -> StreamRead {
        while true {
            if inputStart == inputEnd && !mayHoldMore {
                inputStart = 0
                inputEnd = 0
                // Safe: `input` belongs to this object, and is empty here.
                switch unsafe readRaw(into: input) {
                case .bytes(let count): inputEnd = count
                case .interrupted: return .interrupted
                case .end:
                    damage = damage ?? "the gzip data ends too early"
                    return .end
                }
            }
            // Safe: input and output are described by the buffers' own addresses and counts, and zlib keeps to them.
            let source = unsafe input.baseAddress?.advanced(by: inputStart)
            unsafe state.pointee.next_in = source?.assumingMemoryBound(to: UInt8.self)
            unsafe state.pointee.avail_in = UInt32(inputEnd &- inputStart)
            unsafe state.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            unsafe state.pointee.avail_out = UInt32(clamping: target.count)
            let status = unsafe CZlib.inflate(state, Z_NO_FLUSH)
            inputStart = unsafe inputEnd &- Int(state.pointee.avail_in)
            let count = unsafe target.count &- Int(state.pointee.avail_out)
            mayHoldMore = unsafe state.pointee.avail_out == 0
            if status == Z_STREAM_END {
                unsafe beginNextMember(state)
            } else if status != Z_OK && status != Z_BUF_ERROR {
                hasEnded = true
                damage = "the gzip data is damaged"
            }
            if count > 0 { return .bytes(count) }
            if hasEnded { return .end }
        }
    }

    /// Files joined by `cat` have several members; zeros after the last are padding.
    private func beginNextMember(_ state: UnsafeMutablePointer<z_stream>) {
        while inputEnd &- inputStart < 2 {
            let left = inputEnd &- inputStart
            // Safe: the octet that may be left is moved to the front; both lie inside the buffer.
            if left == 1 { unsafe input[0] = input[inputStart] }
            inputStart = 0
            inputEnd = left
            // Safe: slicing checks the range.
            switch unsafe readRaw(into: UnsafeMutableRawBufferPointer(rebasing: input[left...])) {
            case .bytes(let count): inputEnd &+= count
            case .interrupted: continue
            case .end:
                // Safe: read only when an octet is left.
                if left == 1, unsafe input[0] != 0 { damage = damage ?? "something else follows the gzip data" }
                return
            }
        }
        // Safe: two octets are there (above).
        if unsafe input[inputStart] == 0x1F && input[inputStart &+ 1] == 0x8B {
            // Safe: the state was initialised and has come to its end.
            unsafe _ = inflateReset(state)
            return
        }
        hasEnded = true
        // Safe: slicing checks the range.
        if unsafe input[inputStart..<inputEnd].contains(where: { $0 != 0 }) {
            damage = "something else follows the gzip data"
        }
    }
}
