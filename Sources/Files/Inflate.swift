// SPDX-License-Identifier: Apache-2.0
//
// Compressed bodies, unpacked as they come (gzip: RFC 1952, zlib: RFC 1950, and
// the bare deflate of RFC 1951 that some servers send in its place; Brotli.swift).
//
// Reads   compressed octets in order.
// Writes  plain octets, one buffer at a time.
// Leaves  other codings. Bounded: one buffer, zlib's window, and `bytesMax` octets of output.

import CZlib
import Wire

/// One unpacking at a time; an instance is used again after `begin`.
@safe package final class Inflater {
    /// Octets that one body may unpack to. A body of a kilobyte may stand for a megabyte;
    /// what is beyond this is not counted.
    package static let bytesMax = 256 << 20
    private static let bufferBytes = 32 << 10

    /// What the last step has unpacked: the first `count` octets.
    package private(set) var output = [UInt8](repeating: 0, count: bufferBytes)
    package private(set) var count = 0
    /// No more will come: the data ended, or cannot be unpacked.
    package private(set) var isOver = false
    /// The data could not be unpacked (or not within `bytesMax`).
    package private(set) var hasFailed = false

    /// At least one octet was unpacked.
    package var hasUnpacked: Bool { total > 0 }

    /// Unpacks in the place of zlib, where the coding is Brotli.
    private var brotli: Brotli?

    private let state = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private var isReady = false
    private var total = 0
    /// The first octet, where it came alone: what it begins shows only with the second.
    private var first: [UInt8] = []

    package init() {
        // Safe: `state` has room for one, and zlib's fields may all be zero before it starts.
        unsafe state.initialize(to: z_stream())
    }

    deinit {
        // Safe: `state` was initialised by `init`, and by zlib where `isReady` says so.
        if isReady { unsafe _ = inflateEnd(state) }
        // Safe: allocated by this object, and nobody else frees it.
        unsafe state.deallocate()
    }

    /// Ready for a new body.
    package func begin() {
        isOver = false
        hasFailed = false
        count = 0
        total = 0
        first.removeAll(keepingCapacity: true)
        brotli = nil
        // 32 added to the window bits: gzip or zlib, as the data says.
        start(windowBits: 15 + 32)
    }

    /// Ready for the bare deflate of RFC 1951, without a header.
    package func beginBare() {
        begin()
        guard !isOver else { return }
        start(windowBits: -15)
    }

    /// Ready for a new body in Brotli.
    package func beginBrotli() {
        begin()
        brotli = Brotli()
    }

    package var isBrotli: Bool { brotli != nil }

    /// Gives back what only the body at work needs.
    package func end() { brotli = nil }

    private func start(windowBits: Int32) {
        let status: Int32
        if isReady {
            // Safe: the state was set up by inflateInit2_.
            status = unsafe inflateReset2(state, windowBits)
        } else {
            // Safe: `state` is initialised memory of the size that is passed.
            status = unsafe inflateInit2_(state, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
            isReady = status == Z_OK
        }
        if status != Z_OK { fail() }
    }

    private func fail() {
        isOver = true
        hasFailed = true
    }

    /// Unpacks from `input`, beginning at `offset`, into `output`. To be called again
    /// while it returns true.
    package func step(_ input: RawSpan, _ offset: inout Int) -> Bool {
        count = 0
        guard !isOver, offset <= input.byteCount else { return false }
        if let brotli { return step(brotli, input, &offset) }
        let begin = offset
        var status = inflate(input, &offset)
        if status == Z_DATA_ERROR, count == 0, begin == 0, total == 0 {
            // Neither gzip nor zlib: perhaps deflate without a header.
            start(windowBits: -15)
            guard !isOver else { return false }
            // With reserved flags, which others ignore, deflate follows the head's ten octets (RFC 1952 section 2.3).
            offset = first.isEmpty && Inflater.hasOddHead(input) ? 10 : 0
            if !first.isEmpty {
                let first = first
                _ = inflate(first.octets, &offset)
                offset = 0
            }
            status = inflate(input, &offset)
        }
        if first.isEmpty, total == 0, begin == 0, input.byteCount == 1 { first.append(input.octet(0)) }
        total &+= count
        switch status {
        case Z_OK: if total > Inflater.bytesMax { fail() }
        case Z_STREAM_END: isOver = true
        // Nothing left to read, or nothing more to write.
        case Z_BUF_ERROR: return false
        default: fail()
        }
        return !isOver && count == output.count || !isOver && offset < input.byteCount
    }

    /// The head of gzip without optional fields, and with flags that mean nothing.
    private static func hasOddHead(_ input: RawSpan) -> Bool {
        guard input.byteCount > 10, input.load(0, as: UInt32.self) >> 8 == 0x1F8B08 else { return false }
        return input.octet(3) & 0xE0 != 0 && input.octet(3) & 0x1E == 0
    }

    private func step(_ brotli: Brotli, _ input: RawSpan, _ offset: inout Int) -> Bool {
        let status = brotli.step(input, &offset, &output, &count)
        total &+= count
        switch status {
        case .needsInput: break
        case .needsOutput: if total > Inflater.bytesMax { fail() } else { return true }
        case .done: isOver = true
        case .failed: fail()
        }
        return false
    }

    private func inflate(_ input: RawSpan, _ offset: inout Int) -> Int32 {
        let rest = input.extracting(offset..<input.byteCount)
        let size = UInt32(clamping: rest.byteCount)
        // Safe: the state was allocated and initialised with this object, and goes with it.
        let state = unsafe state
        var written = 0
        var status = Z_OK
        // Safe: zlib reads `size` octets of the borrowed input and writes at most the
        // buffer's count, both only during this call; its pointers are not used after it.
        unsafe rest.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                unsafe state.pointee.next_in = UnsafeMutablePointer(
                    mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
                unsafe state.pointee.avail_in = size
                unsafe state.pointee.next_out = target.baseAddress
                unsafe state.pointee.avail_out = UInt32(clamping: target.count)
                status = unsafe CZlib.inflate(state, Z_SYNC_FLUSH)
                written = unsafe target.count &- Int(state.pointee.avail_out)
            }
        }
        // Safe: the state is this object's own.
        offset &+= unsafe Int(size &- state.pointee.avail_in)
        count = written
        return status
    }
}
