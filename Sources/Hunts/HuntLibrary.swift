// SPDX-License-Identifier: Apache-2.0
//
// The hunts that there are: the files NAME.sql of one folder.
//
// Reads   a folder.
// Writes  hunts by name.
// Leaves  the preludes beside them (for other engines).

import Foundation
import Store

package struct HuntLibrary: Sendable {
    /// The folder that was read.
    package let folder: String
    /// In order of their names.
    package let hunts: [Hunt]

    /// Longest file that is taken for a hunt.
    private static let fileBytesMax = 256 << 10

    /// - Parameter folder: nil looks at the places where an installed program has it.
    package init(folder: String?) throws(HuntError) {
        let places = folder.map { [$0] } ?? ShippedFolder.places("hunts")
        guard let found = places.first(where: HuntLibrary.isFolder) else {
            throw HuntError(
                .unknownHunt, "there is no folder of hunts at \(places.joined(separator: ", "))",
                advice: "name it with --hunts")
        }
        self.folder = found
        let names = (try? FileManager.default.contentsOfDirectory(atPath: found)) ?? []
        var hunts: [Hunt] = []
        for name in names.sorted() where name.hasSuffix(".sql") && !name.hasPrefix("prelude.") {
            hunts.append(try HuntLibrary.read("\(found)/\(name)", name: String(name.dropLast(4))))
        }
        guard !hunts.isEmpty else {
            throw HuntError(.unknownHunt, "\(found): no file in it ends in .sql", advice: "name another folder")
        }
        self.hunts = hunts
    }

    private static func read(_ path: String, name: String) throws(HuntError) -> Hunt {
        guard name.utf8.allSatisfy(Hunt.isNameOctet) else {
            throw HuntError(
                .damagedFile, "\(path): a hunt's name is of small letters, digits and -", advice: "rename the file")
        }
        guard let data = FileManager.default.contents(atPath: path), data.count <= fileBytesMax else {
            throw HuntError(
                .damagedFile, "\(path): the file cannot be read, or is no hunt",
                advice: "check its permissions and size")
        }
        return try Hunt(name: name, text: String(decoding: data, as: UTF8.self), path: path)
    }

    private static func isFolder(_ path: String) -> Bool {
        let values = try? URL(filePath: path).resolvingSymlinksInPath().resourceValues(forKeys: [.isDirectoryKey])
        return values?.isDirectory == true
    }

    /// A hunt by its name. Throws `.unknownHunt` with the names that are near.
    package func hunt(_ name: String) throws(HuntError) -> Hunt {
        if let found = hunts.first(where: { $0.name == name }) { return found }
        let near = hunts.map(\.name).filter { $0.contains(name) || name.contains($0) }
        throw HuntError(
            .unknownHunt, "there is no hunt \(name) in \(folder)",
            advice: near.isEmpty ? "`weir hunt` lists them" : "did you mean \(near.joined(separator: ", "))?")
    }

    /// A prelude, such as `duckdb`: SQL that makes another engine know what the hunts use.
    package func prelude(_ engine: String) throws(HuntError) -> String {
        let path = "\(folder)/prelude.\(engine).sql"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw HuntError(
                .missingInput, "\(path): there is no prelude for that engine", advice: "choose duckdb or spark")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
