// SPDX-License-Identifier: Apache-2.0
//
// Digests of files that come in pieces: all that are wanted, in one pass.
//
// Reads   octets in order.
// Writes  digests in lower-case hexadecimal.
// Leaves  files with holes, which have none (the caller drops the digests).

import Crypto
package import Records
import Wire

/// Which digests are computed.
package struct FileHashes: OptionSet, Sendable, BitwiseCopyable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let md5 = FileHashes(rawValue: 1)
    package static let sha1 = FileHashes(rawValue: 2)
    package static let sha256 = FileHashes(rawValue: 4)

    package static let all: [(name: String, hash: FileHashes)] = [("md5", .md5), ("sha1", .sha1), ("sha256", .sha256)]
}

/// The digests of one file under work.
package struct FileDigests {
    private var md5: Insecure.MD5?
    private var sha1: Insecure.SHA1?
    private var sha256: SHA256?

    package init(_ wanted: FileHashes) {
        if wanted.contains(.md5) { md5 = Insecure.MD5() }
        if wanted.contains(.sha1) { sha1 = Insecure.SHA1() }
        if wanted.contains(.sha256) { sha256 = SHA256() }
    }

    package mutating func add(_ bytes: RawSpan) {
        // Safe: the buffer is read inside the closure only, while the span is borrowed.
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe md5?.update(bufferPointer: buffer)
            unsafe sha1?.update(bufferPointer: buffer)
            unsafe sha256?.update(bufferPointer: buffer)
        }
    }

    /// The digest of what was added, in lower-case hexadecimal; absent where it is not computed.
    package func write(_ hash: FileHashes, to text: inout TextBuffer) -> Text {
        let start = text.begin()
        switch hash {
        case .md5:
            guard let md5 else { return .absent }
            for octet in md5.finalize() { append(octet, to: &text) }
        case .sha1:
            guard let sha1 else { return .absent }
            for octet in sha1.finalize() { append(octet, to: &text) }
        case .sha256:
            guard let sha256 else { return .absent }
            for octet in sha256.finalize() { append(octet, to: &text) }
        default: return .absent
        }
        return text.end(start)
    }

    private func append(_ octet: UInt8, to text: inout TextBuffer) {
        text.bytes.append(TextBuffer.hexadecimalDigit(octet >> 4))
        text.bytes.append(TextBuffer.hexadecimalDigit(octet & 15))
    }
}
