// SPDX-License-Identifier: Apache-2.0
//
// Unpacks gzip (RFC 1952), several members one behind the other, and the bare deflate (RFC 1951) of zip archives.
//
// Reads   packed octets, piece by piece.
// Writes  plain octets into the caller's array.
// Leaves  the limit on what they unpack to (PackedFile.swift).

import CZlib

/// zlib's state for one stream, in memory of its own.
// Safe: the state is private, allocated in `init` and freed in `deinit` only.
@safe final class Unpacker {
    enum Form {
        case gzip
        /// Without a header: one stream, whose check sum stands elsewhere.
        case deflate
    }

    enum Outcome: Equatable {
        /// All input is used; more is wanted.
        case hungry
        /// The room is full; call again.
        case full
        /// What stands there cannot be unpacked, or its check sum is wrong.
        case damaged
    }

    private let form: Form
    private let state: UnsafeMutablePointer<z_stream>
    private var isStarted: Bool
    /// Whether the last stream has come to its end and none has begun since.
    private(set) var isAtEnd = false
    /// Octets behind the last stream, which are passed over.
    private(set) var hasTail = false

    init(_ form: Form) {
        self.form = form
        // Safe: memory for one state, initialised at once and freed in `deinit`.
        unsafe state = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe state.initialize(to: z_stream())
        // 16 added to the window bits asks for the gzip form, a negative number for none.
        let windowBits: Int32 = form == .gzip ? 15 + 16 : -15
        // Safe: an initialised state of the size that is passed.
        isStarted =
            unsafe inflateInit2_(state, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    }

    deinit {
        // Safe: started in `init` or not at all; freed once.
        if isStarted { unsafe _ = inflateEnd(state) }
        unsafe state.deallocate()
    }

    /// Unpacks `input` from `position` on, and appends at most `room` octets to `target`.
    func unpack(_ input: [UInt8], _ position: inout Int, to target: inout [UInt8], room: Int) -> Outcome {
        guard isStarted else { return .damaged }
        // Room is made once a call: a file may hold more members than octets of them.
        let end = target.count + min(room, 64 << 10)
        var filled = target.count
        target.append(contentsOf: repeatElement(0, count: end - filled))
        defer { target.removeLast(end - filled) }
        while position < input.count {
            if isAtEnd, !beginMember(input, &position) { return .hungry }
            let outcome = step(input, &position, &target, &filled)
            if outcome == Z_STREAM_END {
                isAtEnd = true
            } else if outcome != Z_OK && outcome != Z_BUF_ERROR {
                return .damaged
            }
            if filled == end { return .full }
        }
        return .hungry
    }

    /// Another member begins with gzip's two octets; anything else behind a stream is padding.
    private func beginMember(_ input: [UInt8], _ position: inout Int) -> Bool {
        guard form == .gzip, !hasTail, input[position] == 0x1F else {
            hasTail = true
            position = input.count
            return false
        }
        // Safe: a state that `inflateInit2_` has started.
        guard unsafe inflateReset(state) == Z_OK else {
            position = input.count
            return false
        }
        isAtEnd = false
        return true
    }

    /// One call of zlib into the octets of `target` from `filled` on, which moves on by what came.
    private func step(_ input: [UInt8], _ position: inout Int, _ target: inout [UInt8], _ filled: inout Int) -> Int32 {
        let start = filled
        var outcome = Z_OK
        var (used, made) = (0, 0)
        // Safe: both arrays keep their place while the closures run, and zlib is told how much of them there is.
        unsafe input.withUnsafeBytes { source in
            unsafe target.withUnsafeMutableBytes { room in
                let given = min(source.count - position, 1 << 30)
                let free = room.count - start
                unsafe state.pointee.next_in = UnsafeMutablePointer(
                    mutating: source.baseAddress?.advanced(by: position).assumingMemoryBound(to: UInt8.self))
                unsafe state.pointee.avail_in = UInt32(given)
                let out = unsafe room.baseAddress?.advanced(by: start)
                unsafe state.pointee.next_out = out?.assumingMemoryBound(to: UInt8.self)
                unsafe state.pointee.avail_out = UInt32(free)
                // Safe: zlib has been told of both arrays' room above, and a started state is given.
                outcome = unsafe inflate(state, Z_NO_FLUSH)
                used = unsafe given - Int(state.pointee.avail_in)
                made = unsafe free - Int(state.pointee.avail_out)
            }
        }
        position += used
        filled += made
        return outcome
    }

    /// The CRC-32 of octets, going on from that of those before; 0 at first.
    static func checksum(_ sum: UInt32, _ octets: ArraySlice<UInt8>) -> UInt32 {
        // Safe: zlib reads the slice's octets, during the call only.
        let next = unsafe octets.withUnsafeBufferPointer { octets in
            unsafe crc32_z(UInt(sum), octets.baseAddress, octets.count)
        }
        return UInt32(truncatingIfNeeded: next)
    }
}
