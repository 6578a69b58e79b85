// SPDX-License-Identifier: Apache-2.0
//
// A lake in a folder.
//
// Reads   segments.
// Writes  LAKE/KEY, by way of a hidden name beside it.
// Leaves  which segments (`Shipper`).

internal import Crypto
internal import Foundation

package struct FolderPlace: LakePlace {
    package let name: String
    private static let pieceBytes = 1 << 20

    package init(path: String) {
        name = URL(fileURLWithPath: path).standardizedFileURL.path
    }

    package func put(file: String, key: String) throws(LakeError) -> PutOutcome {
        let target = name + "/" + key
        let files = FileManager.default
        if files.fileExists(atPath: target) { return try compare(file, target) }
        let slash = target.lastIndex(of: "/") ?? target.startIndex
        let folder = String(target[..<slash])
        let temporary = "\(folder)/.\(target[target.index(after: slash)...]).\(UInt32.random(in: .min ... .max)).tmp"
        do {
            try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try copy(file, to: temporary)
            defer { try? files.removeItem(atPath: temporary) }
            // A link, not a renaming: it never takes the place of a file that is there.
            do { try files.linkItem(atPath: temporary, toPath: target) } catch {
                guard !files.fileExists(atPath: target) else { return try compare(file, target) }
                try files.moveItem(atPath: temporary, toPath: target)
            }
            return .written
        } catch let error as LakeError {
            throw error
        } catch {
            throw LakeError(
                .refused, target, "the file cannot be made: \(error.localizedDescription)",
                advice: "see that this user may write there and that there is room; ship again goes on from here")
        }
    }

    private func copy(_ source: String, to target: String) throws {
        let reader = try FileHandle(forReadingFrom: URL(fileURLWithPath: source))
        defer { try? reader.close() }
        _ = FileManager.default.createFile(atPath: target, contents: nil)
        let writer = try FileHandle(forWritingTo: URL(fileURLWithPath: target))
        defer { try? writer.close() }
        while let piece = try reader.read(upToCount: FolderPlace.pieceBytes), !piece.isEmpty {
            try writer.write(contentsOf: piece)
        }
        try writer.synchronize()
    }

    private func compare(_ file: String, _ target: String) throws(LakeError) -> PutOutcome {
        if let own = FileDigest.sha256(file), own == FileDigest.sha256(target) { return .alreadyThere }
        throw LakeError(
            .conflict, target, "another file has this name",
            advice: "give each sensor a name of its own (setting sensor.name), or ship to another place")
    }
}

/// Digests of whole files.
enum FileDigest {
    private static let pieceBytes = 1 << 20

    /// Of no octets, in hexadecimal.
    static let ofNothing = hexadecimal(SHA256.hash(data: Data()))

    /// 32 octets; nil where the file cannot be read.
    static func sha256(_ path: String) -> [UInt8]? {
        guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? handle.close() }
        var hash = SHA256()
        do {
            while let piece = try handle.read(upToCount: pieceBytes), !piece.isEmpty { hash.update(data: piece) }
        } catch {
            return nil
        }
        return Array(hash.finalize())
    }
}
