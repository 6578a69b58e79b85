// SPDX-License-Identifier: Apache-2.0
//
// Zstandard frames (Parquet's ZSTD) through libzstd, for merged segments.

internal import CZstd

enum Zstd {
    /// The level that the library calls its default: twice LZ4's saving at a third of its speed.
    private static let level: Int32 = 3

    /// Appends `source` compressed. Appends nothing and answers false where the library refuses.
    static func compress(_ source: [UInt8], to target: inout [UInt8]) -> Bool {
        let start = target.count
        let bound = ZSTD_compressBound(source.count)
        target.append(contentsOf: repeatElement(0, count: bound))
        // Safe: both buffers live through the closures, and the library is told their sizes.
        let count = unsafe source.withUnsafeBytes { input in
            unsafe target.withUnsafeMutableBytes { output in
                unsafe ZSTD_compress(
                    output.baseAddress?.advanced(by: start), bound, input.baseAddress, input.count, level)
            }
        }
        let isDone = ZSTD_isError(count) == 0
        target.removeLast(bound &- (isDone ? count : 0))
        return isDone
    }

    /// `source` decompressed, which must give `count` octets, and `spare` zeros behind them; nil where it does not.
    static func decompress(_ source: UnsafeRawBufferPointer, count: Int, spare: Int = 0) -> [UInt8]? {
        // What the frame itself promises is asked first: a header that lies costs no memory.
        // Safe: the library reads at most `source.count` octets.
        let promised = unsafe ZSTD_getFrameContentSize(source.baseAddress, source.count)
        guard promised == UInt64(count), count <= 1 << 30 else { return nil }
        var failed = false
        // Safe: the library is told both sizes; the array takes the octets that were written, and the zeros
        // behind them, for which there is room.
        let target = unsafe [UInt8](unsafeUninitializedCapacity: count &+ spare) { output, written in
            let result = unsafe ZSTD_decompress(output.baseAddress, count, source.baseAddress, source.count)
            failed = ZSTD_isError(result) != 0 || result != count
            guard !failed else { return }
            for index in count ..< count &+ spare { unsafe output.initializeElement(at: index, to: 0) }
            written = count &+ spare
        }
        return failed ? nil : target
    }
}
