// SPDX-License-Identifier: Apache-2.0
//
// What an interrupted writer left: segments that the catalogue does not know.
//
// Leaves  every file whose name is not that of a segment.

internal import Foundation

enum Leftovers {
    /// Removes segments of `folder` that are not in `known` (relative paths), finished or not.
    static func remove(_ folder: String, keeping known: Set<String>) {
        let files = FileManager.default
        for log in (try? files.contentsOfDirectory(atPath: folder)) ?? [] where !log.hasPrefix(".") {
            let top = folder + "/" + log
            guard StoreFile.isFolder(top) else { continue }
            guard let walk = files.enumerator(atPath: top) else { continue }
            while let path = walk.nextObject() as? String {
                guard isSegment(path), !known.contains(log + "/" + path) else { continue }
                StoreFile.remove(top + "/" + path)
            }
        }
    }

    /// `date=…/hour=…/NAME-000017.parquet`, or `.NAME-000017.parquet.tmp`.
    static func isSegment(_ path: String) -> Bool {
        var name = path[...]
        if let slash = path.lastIndex(of: "/") { name = path[path.index(after: slash)...] }
        if name.hasPrefix(".") {
            guard name.hasSuffix(".tmp") else { return false }
            name = name.dropFirst().dropLast(4)
        } else if !path.hasPrefix("date=") {
            return false
        }
        guard name.hasSuffix(".parquet") else { return false }
        name = name.dropLast(8)
        guard let dash = name.lastIndex(of: "-"), dash > name.startIndex else { return false }
        let digits = name[name.index(after: dash)...]
        return digits.count >= 6 && digits.allSatisfy { $0 >= "0" && $0 <= "9" }
    }
}
