// SPDX-License-Identifier: Apache-2.0
//
// The C edge of reading: whole files as octets, unpacked where they are gzip.
//
// Reads   rule files and the files that rules name.
// Writes  nothing.
// Leaves  what is in them.

import Files
import Glibc
import Wire

/// Why a file could not be read.
package struct RuleFileError: Error, Sendable, CustomStringConvertible {
    package var path: String
    package var reason: String
    package var text: String { "\(path): \(reason)" }
    package var description: String { text }
}

package enum RuleFileBytes {
    /// Larger files are refused, packed and unpacked.
    package static let bytesMax = 256 << 20

    /// All octets of a file; those that gzip has packed (by its first octets, whatever the name) unpacked.
    package static func read(_ path: String) throws(RuleFileError) -> [UInt8] {
        let bytes = try readPlain(path)
        guard bytes.count > 2, bytes[0] == 0x1F, bytes[1] == 0x8B else { return bytes }
        let inflater = Inflater()
        inflater.begin()
        var plain: [UInt8] = []
        plain.reserveCapacity(bytes.count * 4)
        var offset = 0
        var goesOn = true
        while goesOn {
            goesOn = inflater.step(bytes.octets, &offset)
            plain.append(contentsOf: inflater.output[0..<inflater.count])
        }
        guard !inflater.hasFailed else { throw RuleFileError(path: path, reason: "the gzip data is damaged") }
        guard inflater.isOver else {
            throw RuleFileError(path: path, reason: "the gzip data is cut off; fetch the file again")
        }
        return plain
    }

    private static func readPlain(_ path: String) throws(RuleFileError) -> [UInt8] {
        // Safe: the string is passed as C's with its zero octet, for the call only.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw RuleFileError(path: path, reason: String(describing: Errno(errno))) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            // Safe: `read` writes at most the buffer's count into it, during the call only.
            let count = unsafe chunk.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(file, buffer.baseAddress, buffer.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw RuleFileError(path: path, reason: String(describing: Errno(errno))) }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: chunk[0..<count])
            guard bytes.count <= bytesMax else {
                throw RuleFileError(path: path, reason: "larger than \(bytesMax) octets")
            }
        }
    }

    /// Whether a path names a folder.
    package static func isFolder(_ path: String) -> Bool {
        // Safe: as above.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard file >= 0 else { return false }
        close(file)
        return true
    }

    package static func exists(_ path: String) -> Bool {
        // Safe: as above.
        unsafe access(path, R_OK) == 0
    }
}

/// An error number of the system with its text.
private struct Errno: CustomStringConvertible {
    let number: Int32
    init(_ number: Int32) { self.number = number }
    var description: String {
        var text = [CChar](repeating: 0, count: 128)
        // Safe: strerror_r writes at most the count it is given, with a zero octet at the end.
        return unsafe text.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress, unsafe strerror_r(number, base, buffer.count - 1) == 0 else {
                return "error \(number)"
            }
            return unsafe String(cString: base)
        }
    }
}
