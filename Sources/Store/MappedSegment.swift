// SPDX-License-Identifier: Apache-2.0
//
// A segment file mapped into memory, read-only.
//
// Leaves  what the octets mean (`SegmentReader`).

internal import Glibc

/// The octets of a file. Segments never change and are unlinked, not cut, so the mapping stays whole; every
/// read is checked against its size.
@safe final class MappedSegment: @unchecked Sendable {
    let path: String
    let byteCount: Int
    private let base: UnsafeMutableRawPointer?

    init(path: String) throws(StoreError) {
        self.path = path
        // Safe: the path is copied for the call.
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw StoreFile.unreadable(path) }
        defer { _ = close(number) }
        var status = stat()
        // Safe: `status` is a local variable of the type that the call fills.
        guard unsafe fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw StoreFile.unreadable(path)
        }
        byteCount = Int(status.st_size)
        guard byteCount > 0 else {
            unsafe base = nil
            return
        }
        // Safe: the system chooses the place; the mapping lasts until `deinit`.
        unsafe base = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, number, 0)
        guard unsafe base != MAP_FAILED else { throw StoreFile.unreadable(path) }
    }

    deinit {
        // Safe: unmapped once, as it was mapped.
        if let base = unsafe base { _ = unsafe munmap(base, byteCount) }
    }

    /// A copy of some octets; nil where they are not all inside.
    func bytes(_ offset: Int, _ count: Int) -> [UInt8]? {
        guard let octets = unsafe range(offset, count) else { return nil }
        // Safe: copied at once.
        return unsafe [UInt8](octets)
    }

    /// Some octets decompressed, `plainCount` of them, and `spare` zeros behind them; nil where this cannot be.
    func decompress(_ offset: Int, _ count: Int, plainCount: Int, _ codec: Codec, spare: Int = 0) -> [UInt8]? {
        guard let octets = unsafe range(offset, count) else { return nil }
        switch codec {
        // Safe: read inside the calls only.
        case .lz4Raw: return unsafe LZ4.decompress(octets, count: plainCount, spare: spare)
        case .zstd: return unsafe Zstd.decompress(octets, count: plainCount, spare: spare)
        case .uncompressed:
            guard count == plainCount else { return nil }
            var plain: [UInt8] = []
            plain.reserveCapacity(count &+ spare)
            // Safe: copied at once.
            unsafe plain.append(contentsOf: octets)
            plain.append(contentsOf: repeatElement(0, count: spare))
            return plain
        }
    }

    /// The CRC-32 of some octets; nil where they are not all inside.
    func checksum(_ offset: Int, _ count: Int) -> UInt32? {
        guard let octets = unsafe range(offset, count) else { return nil }
        // Safe: read inside the call only.
        return unsafe PageChecksum.crc32(octets)
    }

    /// Eight little-endian octets; nil where they are not all inside.
    func word(_ offset: Int) -> UInt64? {
        guard let octets = unsafe range(offset, 8) else { return nil }
        // Safe: eight octets are there.
        return unsafe octets.loadUnaligned(as: UInt64.self)
    }

    private func range(_ offset: Int, _ count: Int) -> UnsafeRawBufferPointer? {
        guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount &- offset else { return nil }
        guard let base = unsafe base else { return nil }
        // Safe: the range was checked against the mapping's size.
        return unsafe UnsafeRawBufferPointer(start: base + offset, count: count)
    }
}
