// SPDX-License-Identifier: Apache-2.0
//
// Audit files on disk: which there are, whether they have changed, where to go on.
//
// Reads   folders, states of files, a few octets of each.
// Writes  nothing.
// Leaves  what stands in them.

import Crypto
import Foundation
import Store

package enum CloudFolder {
    private static let endings = [".json", ".ndjson", ".jsonl", ".gz", ".log", ".csv", ".zip"]
    /// Folders that hold no audit records: CloudTrail's own digests.
    private static let passedOver = ["/CloudTrail-Digest/"]

    /// The file itself, or the audit files below a folder, in order of their names. A file that is named is read
    /// whatever it is called. Hidden files are passed over: they are being written; so is what is no file.
    package static func files(at path: String) -> [String] {
        guard StoreFile.isFolder(path) else { return [path] }
        var found: [String] = []
        guard let walk = FileManager.default.enumerator(atPath: path) else { return [] }
        for case let name as String in walk where found.count < CloudLimits.filesMax {
            let full = path.hasSuffix("/") ? path + name : path + "/" + name
            if isAudit(full), StoreFile.isFile(full) { found.append(full) }
        }
        return found.sorted()
    }

    /// Whether a file of a folder or of an archive is one of audit logs, by its name.
    static func isAudit(_ path: String) -> Bool {
        let last = path.split(separator: "/").last ?? ""
        return !last.hasPrefix(".") && endings.contains { last.lowercased().hasSuffix($0) }
            && !passedOver.contains { path.contains($0) }
    }

    /// Size in octets and time of the last change in microseconds.
    static func state(of path: String) -> (size: Int64, modified: Int64)? {
        // A link is followed: what it leads to is read.
        let path = URL(filePath: path).resolvingSymlinksInPath().path
        guard let values = try? FileManager.default.attributesOfItem(atPath: path),
            let size = values[.size] as? NSNumber, let modified = values[.modificationDate] as? Date,
            FileManager.default.isReadableFile(atPath: path)
        else { return nil }
        return (size.int64Value, microseconds(modified.timeIntervalSince1970))
    }

    /// Whoever made a file may have set any time.
    static func microseconds(_ seconds: Double) -> Int64 {
        Int64(exactly: (seconds * 1e6).rounded()) ?? (seconds < 0 ? .min : .max)
    }

    private static let tailBytes = 256

    /// A digest of the octets that end at `offset`.
    static func tail(_ path: String, before offset: Int) -> [UInt8] {
        guard offset > 0, let handle = FileHandle(forReadingAtPath: path) else { return [] }
        defer { try? handle.close() }
        let start = max(offset - tailBytes, 0)
        guard (try? handle.seek(toOffset: UInt64(start))) != nil,
            let octets = try? handle.read(upToCount: offset - start), octets.count == offset - start
        else { return [] }
        return [UInt8](SHA256.hash(data: octets).prefix(16))
    }

    /// Where to go on in a file that was read before: at its checkpoint if what stands before is as it was.
    static func resumption(_ path: String, _ known: CloudCheckpoint?, size: Int64) -> Int {
        guard let known, known.offset > 0, known.offset <= size else { return 0 }
        return tail(path, before: Int(known.offset)) == known.tail ? Int(known.offset) : 0
    }
}
