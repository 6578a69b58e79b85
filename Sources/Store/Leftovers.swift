// SPDX-License-Identifier: Apache-2.0
//
// What an interrupted writer left: segments that the catalogue does not know.
//
// Leaves  every file whose name is not that of a segment.

internal import Foundation
internal import GRDB

enum Leftovers {
    /// Removes segments that the catalogue does not know, finished or not, and answers their paths, which are
    /// relative. Nobody else makes segments visible meanwhile; what other processes have not finished stays.
    static func remove(_ folder: String, _ catalogue: Catalogue) throws(StoreError) -> [String] {
        OpenFolder.removeAbandoned(folder)
        return try catalogue.write { database in
            let known = try Set(String.fetchAll(database, sql: "SELECT path FROM segments"))
            let gone = segments(folder).filter { !known.contains($0) && !known.contains(finalPath($0)) }
            for path in gone { StoreFile.remove(folder + "/" + path) }
            return gone
        }
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
