// SPDX-License-Identifier: Apache-2.0
//
// The operating system's files, as the store needs them: new files, folders,
// one lock, syncing. Every refusal becomes a `StoreError` in one line.
//
// Leaves  reading segments (`MappedSegment`).

internal import CLZ4
internal import Glibc

/// A new file that is written from its beginning.
final class OutputFile {
    let path: String
    private(set) var byteCount = 0
    private var number: Int32

    /// Makes the file; one of the same name is an error, or is emptied where `replacing` says so.
    init(path: String, replacing: Bool = false) throws(StoreError) {
        self.path = path
        // Safe: the path is copied for the call.
        number = unsafe open(path, O_WRONLY | O_CREAT | (replacing ? O_TRUNC : O_EXCL) | O_CLOEXEC, 0o640)
        guard number >= 0 else { throw StoreFile.error("cannot be made", path) }
    }

    deinit { close() }

    func close() {
        if number >= 0 { _ = Glibc.close(number) }
        number = -1
    }

    func write(_ bytes: [UInt8]) throws(StoreError) {
        var start = 0
        while start < bytes.count {
            // Safe: `start` is below the count, and the buffer lives through the call.
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(number, $0.baseAddress?.advanced(by: start), $0.count &- start)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw StoreFile.error("cannot be written", path) }
            start &+= count
        }
        byteCount &+= bytes.count
    }
}

/// The lock of a store's only writer, or of another duty that one process has at a time; given back when the last
/// reference goes, or the process ends.
package final class StoreLock: Sendable {
    private let number: Int32

    /// Throws `.locked` when another process writes; with `isPatient` waits until it has done.
    package init(path: String, isPatient: Bool = false) throws(StoreError) {
        // Safe: the path is copied for the call.
        number = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard number >= 0 else { throw StoreFile.error("cannot be opened for writing", path) }
        if isPatient { while flock(number, LOCK_EX) != 0, errno == EINTR {} }
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
            throw StoreError(
                .locked, "another weir writes to this store" + StoreLock.owner(number), path: path,
                advice: "end it first, or give this one another folder with --store")
        }
        let owner = Array("\(getpid())\n".utf8)
        _ = ftruncate(number, 0)
        // Safe: the buffer lives through the call. The number is for people; that it cannot be written is no error.
        _ = unsafe owner.withUnsafeBytes { unsafe pwrite(number, $0.baseAddress, $0.count, 0) }
    }

    deinit { _ = close(number) }

    /// The process that writes to a store; nil where none does.
    static func holder(path: String) -> Int32? {
        // Safe: the path is copied for the call.
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { return nil }
        defer { _ = close(number) }
        guard flock(number, LOCK_SH | LOCK_NB) != 0 else { return nil }
        return Int32(owner(number).filter(\.isNumber))
    }

    private static func owner(_ number: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        // Safe: the call is told the buffer's size.
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe pread(number, $0.baseAddress, $0.count, 0) }
        let digits = bytes.prefix(max(count, 0)).prefix { $0 >= 0x30 && $0 <= 0x39 }
        return digits.isEmpty ? "" : " (process \(String(decoding: digits, as: UTF8.self)))"
    }
}

package enum StoreFile {
    /// A folder's path without the slash at its end.
    static func plain(_ folder: String) -> String {
        folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    }

    /// Makes a folder and those above it.
    static func makeFolder(_ path: String) throws(StoreError) {
        // Safe: the path is copied for the call.
        if unsafe mkdir(path, 0o750) == 0 || (errno == EEXIST && isFolder(path)) { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw error("cannot be made", path)
        }
        try makeFolder(String(path[..<slash]))
        // Safe: the path is copied for the call.
        guard unsafe mkdir(path, 0o750) == 0 || errno == EEXIST else { throw error("cannot be made", path) }
    }

    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        // Safe: `status` is a local variable of the type that the call fills; the path is copied for the call.
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether it is a file, or a link to one: not a pipe, whose reader may wait for ever, nor a device.
    package static func isFile(_ path: String) -> Bool {
        var status = stat()
        // Safe: `status` is a local variable of the type that the call fills; the path is copied for the call.
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    static func exists(_ path: String) -> Bool {
        // Safe: the path is copied for the call.
        unsafe access(path, F_OK) == 0
    }

    static func rename(_ source: String, to target: String) throws(StoreError) {
        // Safe: the paths are copied for the call.
        guard unsafe Glibc.rename(source, target) == 0 else { throw error("cannot be renamed", source) }
    }

    /// Removes a file; one that is not there is no error.
    static func remove(_ path: String) {
        // Safe: the path is copied for the call.
        _ = unsafe unlink(path)
    }

    /// Octets of a file; 0 where it is not there.
    static func byteCount(_ path: String) -> Int {
        var status = stat()
        // Safe: `status` is a local variable of the type that the call fills; the path is copied for the call.
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Octets that this user may still write on the file system of `folder`; nil where the system does not say.
    static func freeByteCount(_ folder: String) -> Int? {
        var status = statvfs()
        // Safe: `status` is a local variable of the type that the call fills; the path is copied for the call.
        guard unsafe statvfs(folder, &status) == 0 else { return nil }
        let (count, isTooMuch) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return isTooMuch ? .max : Int(clamping: count)
    }

    /// Waits until the names in a folder are on the disk.
    static func syncFolder(_ folder: String) throws(StoreError) {
        // Safe: the path is copied for the call.
        let number = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw error("cannot be opened", folder) }
        defer { _ = close(number) }
        guard fsync(number) == 0 else { throw error("cannot be synced", folder) }
    }

    /// Waits until everything written to the file system that holds `folder` is on the disk.
    static func syncAll(_ folder: String) throws(StoreError) {
        // Safe: the path is copied for the call.
        let number = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw error("cannot be opened", folder) }
        defer { _ = close(number) }
        guard syncfs(number) == 0 else { throw error("cannot be synced", folder) }
    }

    /// What the system's last refusal means.
    static func error(_ what: String, _ path: String, _ code: Int32 = errno) -> StoreError {
        switch code {
        case ENOSPC, EDQUOT, EFBIG:
            return full(path)
        case EACCES, EPERM, EROFS:
            return StoreError(
                .unreadable, "\(what): \(text(code))", path: path,
                advice: "give this user the right to write there, or choose another folder with --store")
        default:
            return StoreError(
                .unwritable, "\(what): \(text(code))", path: path, advice: "see that the disk is in order")
        }
    }

    /// Why a file of the store could not be read.
    static func unreadable(_ path: String, _ code: Int32 = errno) -> StoreError {
        let advice =
            code == ENOENT
            ? "it was removed by hand, or replaced while it was asked for: ask again"
            : "see that this user may read it and that the disk is in order"
        return StoreError(.unreadable, "cannot be read: \(text(code))", path: path, advice: advice)
    }

    static func full(_ path: String) -> StoreError {
        StoreError(
            .full, "no room left on the disk", path: path,
            advice: "free some or choose another folder with --store; what was committed is whole")
    }

    private static func text(_ code: Int32) -> String {
        // Safe: the C library's text is valid until the next call and is copied at once.
        unsafe String(cString: strerror(code)).lowercased()
    }
}

/// Columns come and go by the page: has memory that is free stay at hand instead of going back to the system,
/// whose pages would be filled with zeros each time. For a process that asks and ends.
package func keepFreedMemory() {
    _ = mallopt(M_MMAP_THRESHOLD, 256 << 20)
    _ = mallopt(M_TRIM_THRESHOLD, 1 << 30)
}
