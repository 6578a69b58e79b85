// SPDX-License-Identifier: Apache-2.0
//
// Bodies in Brotli (RFC 7932), unpacked as they come by the system's library.
//
// Reads   compressed octets in order.
// Writes  plain octets into a buffer of the caller's.
// Leaves  bounds of the whole (Inflate.swift). A window takes up to 16 megabytes.

import CBrotli
import Wire

/// One body; the library cannot begin anew with another.
@safe final class Brotli {
    enum Status {
        case needsInput, needsOutput, done, failed
    }

    private let state: OpaquePointer?

    init() {
        // Safe: without allocators of ours the library uses its own; nil is checked where it is used.
        unsafe state = BrotliDecoderCreateInstance(nil, nil, nil)
    }

    deinit {
        // Safe: made by `init`, and nobody else destroys it.
        unsafe BrotliDecoderDestroyInstance(state)
    }

    /// Unpacks from `input`, beginning at `offset`, into `output`; `count` octets of it are then plain text.
    func step(_ input: RawSpan, _ offset: inout Int, _ output: inout [UInt8], _ count: inout Int) -> Status {
        // Safe: only looked at for being there.
        guard let state = unsafe state else { return .failed }
        let rest = input.extracting(offset..<input.byteCount)
        var left = rest.byteCount
        var written = 0
        var result = BROTLI_DECODER_RESULT_ERROR
        // Safe: the library reads `left` octets of the borrowed input and writes at most the buffer's
        // count, both only during this call; its pointers are not used after it.
        unsafe rest.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                var next = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self)
                var place = target.baseAddress
                var room = target.count
                result = unsafe BrotliDecoderDecompressStream(state, &left, &next, &room, &place, nil)
                written = target.count &- room
            }
        }
        offset &+= rest.byteCount &- left
        count = written
        switch result {
        case BROTLI_DECODER_RESULT_SUCCESS: return .done
        case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT: return .needsInput
        case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT: return .needsOutput
        default: return .failed
        }
    }
}
