// SPDX-License-Identifier: Apache-2.0
//
// LZ4 blocks (Parquet's LZ4_RAW) through liblz4.

internal import CLZ4

enum LZ4 {
    /// Appends `source` compressed. Appends nothing and answers false where it is too large for the library (2 GB).
    static func compress(_ source: [UInt8], to target: inout [UInt8]) -> Bool {
        guard source.count <= 0x7E00_0000 else { return false }
        let start = target.count
        let bound = Int(LZ4_compressBound(Int32(source.count)))
        target.append(contentsOf: repeatElement(0, count: bound))
        // Safe: both buffers live through the closures, and the library is told their sizes.
        let count = unsafe source.withUnsafeBytes { input in
            unsafe target.withUnsafeMutableBytes { output in
                unsafe LZ4_compress_default(
                    input.baseAddress?.assumingMemoryBound(to: CChar.self),
                    output.baseAddress?.advanced(by: start).assumingMemoryBound(to: CChar.self),
                    Int32(input.count), Int32(bound))
            }
        }
        target.removeLast(bound &- Int(max(count, 0)))
        return count > 0
    }

    /// `source` decompressed, which must give `count` octets, and `spare` zeros behind them; nil where it does not.
    static func decompress(_ source: UnsafeRawBufferPointer, count: Int, spare: Int = 0) -> [UInt8]? {
        // A block grows by at most 255: a header that promises more lies, and costs no memory.
        guard source.count <= 0x7E00_0000, count <= source.count &* 255 &+ 16 else { return nil }
        var failed = false
        // Safe: the library is told both sizes and writes to neither end beyond; the array takes
        // the octets that were written, and the zeros behind them, for which there is room.
        let target = unsafe [UInt8](unsafeUninitializedCapacity: count &+ spare) { output, written in
            let result = unsafe LZ4_decompress_safe(
                source.baseAddress?.assumingMemoryBound(to: CChar.self),
                UnsafeMutableRawPointer(output.baseAddress)?.assumingMemoryBound(to: CChar.self),
                Int32(source.count), Int32(clamping: count))
            failed = Int(result) != count
            guard !failed else { return }
            for index in count ..< count &+ spare { unsafe output.initializeElement(at: index, to: 0) }
            written = count &+ spare
        }
        return failed ? nil : target
    }
}
