// SPDX-License-Identifier: Apache-2.0
//
// The checksum of a page: CRC-32 as gzip has it (parquet.thrift, PageHeader.crc), through zlib.

internal import CZlib

enum PageChecksum {
    static func crc32(_ octets: [UInt8]) -> UInt32 {
        // Safe: the buffer lives through the closure.
        unsafe octets.withUnsafeBytes { unsafe crc32($0) }
    }

    /// Of the octets from a place on.
    static func crc32(_ octets: [UInt8], from start: Int) -> UInt32 {
        // Safe: slicing checks the range, and the buffer lives through the closure.
        unsafe octets.withUnsafeBytes { unsafe crc32(UnsafeRawBufferPointer(rebasing: $0[start...])) }
    }

    static func crc32(_ octets: UnsafeRawBufferPointer) -> UInt32 {
        // Safe: the library reads `count` octets of the buffer and no more.
        let sum = unsafe CZlib.crc32_z(0, octets.baseAddress?.assumingMemoryBound(to: UInt8.self), octets.count)
        return UInt32(truncatingIfNeeded: sum)
    }
}
