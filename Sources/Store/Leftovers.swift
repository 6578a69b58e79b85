// SPDX-License-Identifier: Apache-2.0
//
// What an interrupted writer left: segments that the catalogue does not know.
//
// Leaves  every file whose name is not that of a segment.

internal import Foundation

enum Leftovers {
    /// Removes segments of `folder` that are not in `known` (relative paths), finished or not.
    static func remove(_ folder: String, keeping known: Set<String>) {
        for path in segments(folder) where !known.contains(path) { StoreFile.remove(folder + "/" + path) }
    }

    /// Every segment of a store's folder, finished or not; relative paths.
    static func segments(_ folder: String) -> [String] {
        var found: [String] = []
        let files = FileManager.default
        for log in (try? files.contentsOfDirectory(atPath: folder)) ?? [] where !log.hasPrefix(".") {
            let top = folder + "/" + log
            guard StoreFile.isFolder(top) else { continue }
            guard let walk = files.enumerator(atPath: top) else { continue }
            while let path = walk.nextObject() as? String {
                if isSegment(path) { found.append(log + "/" + path) }
            }
        }
        return found
    }

    /// The name that a hidden segment is going to have; any other path is left as it is.
    static func finalPath(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        let name = path[path.index(after: slash)...]
        guard name.hasPrefix("."), name.hasSuffix(".tmp") else { return path }
        return String(path[...slash]) + name.dropFirst().dropLast(4)
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
        return isNumber(name[name.index(after: dash)...])
    }

    /// The number of a segment: six digits or more.
    static func isNumber(_ text: Substring) -> Bool {
        text.count >= 6 && text.allSatisfy { $0 >= "0" && $0 <= "9" }
    }
}
