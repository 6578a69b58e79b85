// SPDX-License-Identifier: Apache-2.0
// The operating system's files: opening, mapping, listing.
//
// Reads   paths given by the operator.
// Writes  nothing; capture files are mapped private and read-only.
// Leaves  formats to the parsers.
//
// A file that somebody cuts short while it is mapped would end the process (SIGBUS) at the first page
// behind its new end. `CaptureReader` therefore asks for the size again before each block and stops at the
// new end; a cut in the moment between the question and the reading remains.

import Glibc

/// An open file, closed when the last reference goes.
final class FileDescriptor: Sendable {
    let number: Int32
    private let isOwned: Bool

    init(_ number: Int32, isOwned: Bool = true) {
        self.number = number
        self.isOwned = isOwned
    }

    deinit {
        if isOwned { close(number) }
    }

    /// The file's size now, in octets; 0 when it cannot be asked.
    var byteCount: Int {
        var status = stat()
        // Safe: `status` is a local variable of the type that the call fills.
        return unsafe fstat(number, &status) == 0 ? Int(status.st_size) : 0
    }

    /// True when octets, or the end, can be read without waiting.
    var isReadable: Bool {
        var question = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        // Safe: one element is passed, and one is there.
        return unsafe poll(&question, 1, 0) > 0
    }
}

/// What a path leads to.
enum PathKind: Equatable {
    case folder
    case file(byteCount: Int)
    /// A pipe, a socket or a device: read once, from beginning to end.
    case stream
}

enum FileSystem {
    static func kind(of path: String) throws(CaptureError) -> PathKind {
        var status = stat()
        // Safe: `status` is a local variable of the type that the call fills; the path is copied for the call.
        guard unsafe stat(path, &status) == 0 else { throw error(path, errno) }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return .folder
        case S_IFREG: return .file(byteCount: Int(status.st_size))
        default: return .stream
        }
    }

    static func open(_ path: String) throws(CaptureError) -> FileDescriptor {
        // Safe: the path is copied for the call.
        let number = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw error(path, errno) }
        return FileDescriptor(number)
    }

    /// Every file below `folder` whose name does not begin with a dot, in the order of their names.
    /// Links to folders are not followed, so a loop of links ends.
    static func files(below folder: String) throws(CaptureError) -> [String] {
        var found: [String] = []
        for name in try names(in: folder).sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
            var status = stat()
            // Safe: `status` is a local variable of the type that the call fills; the path is copied for the call.
            guard unsafe lstat(path, &status) == 0 else { throw error(path, errno) }
            let kind = status.st_mode & S_IFMT
            if kind == S_IFDIR {
                found += try files(below: path)
            } else if kind == S_IFREG {
                found.append(path)
            } else if kind == S_IFLNK, case .file? = try? self.kind(of: path) {
                found.append(path)
            }
        }
        return found
    }

    private static func names(in folder: String) throws(CaptureError) -> [String] {
        // Safe: the path is copied for the call.
        guard let stream = unsafe opendir(folder) else { throw error(folder, errno) }
        // Safe: `stream` is open, and closed once.
        defer { unsafe _ = closedir(stream) }
        var names: [String] = []
        // Safe: `stream` is open; the entry is used before the next call replaces it.
        while let entry = unsafe readdir(stream) {
            // Safe: the system ends a name with a zero octet, and the copy ends with the closure.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    static func error(_ path: String, _ number: Int32) -> CaptureError {
        switch number {
        case ENOENT, ENOTDIR:
            CaptureError(.missing, path, "there is no such file", advice: "check the path")
        case EACCES, EPERM:
            CaptureError(.unreadable, path, "may not be read", advice: "run as a user who may read it")
        default:
            CaptureError(.unreadable, path, "cannot be read (\(text(number)))", advice: "check the file and its disk")
        }
    }

    /// The system's sentence for an error number.
    static func text(_ number: Int32) -> String {
        // Safe: strerror gives a string that ends with a zero octet; it is copied at once.
        unsafe String(cString: strerror(number))
    }
}

/// A capture file in memory, mapped private and read-only; unmapped when the last block has left it.
// Safe: the mapping never changes, and lives as long as the object.
@safe final class MappedFile: @unchecked Sendable {
    @unsafe let bytes: UnsafeRawBufferPointer
    let descriptor: FileDescriptor

    var byteCount: Int { unsafe bytes.count }

    /// True when the first octets are those of a gzip file.
    var isGzip: Bool {
        // Safe: the count is asked before the octets.
        unsafe bytes.count >= 3 && bytes[0] == 0x1F && bytes[1] == 0x8B && bytes[2] == 8
    }

    /// Nil when the file system does not map files; the caller then reads it as a stream.
    init?(_ descriptor: FileDescriptor, byteCount: Int) {
        // Safe: a new mapping; no address is asked for, so nothing is replaced.
        let start = unsafe mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor.number, 0)
        guard byteCount > 0, let start = unsafe start, unsafe start != MAP_FAILED else { return nil }
        // Safe: advice about the mapping just made; a refusal changes nothing.
        unsafe _ = madvise(start, byteCount, MADV_SEQUENTIAL)
        // Safe: `byteCount` octets were mapped at `start`.
        unsafe bytes = UnsafeRawBufferPointer(start: start, count: byteCount)
        self.descriptor = descriptor
    }

    deinit {
        // Safe: exactly the range that was mapped; blocks hold a reference as long as they point into it.
        unsafe _ = munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }

    /// Drops the pages of `range` from this process. Its first page, shared with the block before, goes
    /// as well; its last, shared with the block after, stays. Should somebody read a dropped page again, the
    /// system maps it again: the mapping is never written to.
    func giveBack(_ range: Range<Int>) {
        let mask = Int(sysconf(Int32(_SC_PAGESIZE))) &- 1
        let start = range.lowerBound & ~mask
        let end = range.upperBound & ~mask
        guard end > start, let base = unsafe bytes.baseAddress else { return }
        // Safe: `start ..< end` lies inside the mapping, and clean private pages come back from the file.
        unsafe _ = madvise(UnsafeMutableRawPointer(mutating: base + start), end &- start, MADV_DONTNEED)
    }
}
