// SPDX-License-Identifier: Apache-2.0
//
// A file that is being saved.
//
// Reads   octets in order, holes.
// Writes  a file in the folder of extraction: what was seen at its place, holes as zeros.
// Leaves  which files are saved and under which names (Protocols/SeenFiles+Content.swift).

import Glibc
import Wire

/// One file on disk, open for writing. Nothing is read back.
package final class FileExtraction {
    private var descriptor: Int32
    private var path: String
    private let bytesMax: UInt64
    /// Octets saved, holes included.
    package private(set) var byteCount: UInt64 = 0
    /// There was more than may be saved.
    package private(set) var wasCut = false
    /// The disk would not take it all.
    package private(set) var hasFailed = false

    /// Makes the file, or empties it where it is there; nil where that cannot be done. A link of
    /// that name is not followed.
    package init?(folder: String, name: String, bytesMax: UInt64) {
        path = folder + "/" + name
        self.bytesMax = bytesMax
        // Safe: the path is a text that the call copies.
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
    }

    deinit { finish(keeping: true) }

    package func add(_ bytes: RawSpan) {
        let room = bytesMax &- byteCount
        if UInt64(bytes.byteCount) > room { wasCut = true }
        let piece = bytes.extracting(0..<Int(min(room, UInt64(bytes.byteCount))))
        guard piece.byteCount > 0, !hasFailed else { return }
        var done = 0
        while done < piece.byteCount {
            let rest = piece.extracting(done..<piece.byteCount)
            // Safe: the kernel reads the borrowed octets during the call only.
            let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                hasFailed = true
                return
            }
            done &+= count
        }
        byteCount &+= UInt64(piece.byteCount)
    }

    /// Octets that were not seen: the file has a hole there, which takes no room.
    package func skip(_ count: UInt64) {
        let room = bytesMax &- byteCount
        if count > room { wasCut = true }
        byteCount &+= min(count, room)
        if lseek(descriptor, off_t(clamping: byteCount), SEEK_SET) < 0 { hasFailed = true }
    }

    /// Closes the file; one that is not wanted after all is removed.
    package func finish(keeping: Bool) {
        guard descriptor >= 0 else { return }
        // A hole at the end has length too.
        if keeping, ftruncate(descriptor, off_t(clamping: byteCount)) != 0 { hasFailed = true }
        close(descriptor)
        descriptor = -1
        // Safe: the path is a text that the call copies.
        if !keeping { unsafe _ = unlink(path) }
    }

    /// Gives a finished file another name in its folder; false where the disk would not.
    package func rename(to name: String) -> Bool {
        let other = (path.lastIndex(of: "/").map { path[...$0] } ?? "") + name
        // Safe: both paths are texts that the call copies.
        guard unsafe Glibc.rename(path, String(other)) == 0 else { return false }
        path = String(other)
        return true
    }

    /// Removes a finished file.
    package func remove() {
        // Safe: the path is a text that the call copies.
        unsafe _ = unlink(path)
    }
}
